//! All I/O, clocks and threads. What is here decides nothing about calls: it reads sockets and clocks, gives what it
//! read to a pure core, and does what the core wants done.

pub mod listen;
pub mod media;
mod record;
mod reporter;
mod worker;
