//! All I/O, clocks and threads. What is here decides nothing about calls: it reads sockets and clocks, gives what it
//! read to a pure core, and does what the core wants done.

pub mod awake;
mod branches;
pub mod control;
pub mod dns;
pub mod encoder;
pub mod engine;
pub mod fetch;
pub mod files;
pub mod http;
pub mod known;
pub mod listen;
pub mod media;
pub mod models;
pub mod recogniser;
pub mod phone;
pub mod piper;
mod record;
mod redirect;
mod remote;
mod reporter;
mod rest;
pub mod silero;
pub mod sip;
pub mod speaker;
pub mod stir;
pub mod store;
pub mod tickets;
pub mod tls;
pub mod voice;
mod voice_server;
pub mod voices;
mod whisper;
mod worker;
