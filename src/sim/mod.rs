//! The simulator: the whole product on virtual time, with random callers, agents, losses and faults.
//!
//! ```text
//!  callers, agents ──► phone (an Endpoint each) ◄──► net (loses, repeats, delays) ◄──► the server's Endpoint
//!        ▲ hear, speak                                                                       ⇅
//!        └────────── media, speech (stand-ins for sound, recogniser and voice) ◄──────► the server's Switch
//!                                              checks look on: the first broken promise ends the run
//! ```
//! The cores are the product's own; what stands in for the rest speaks the same vocabulary and holds the cores to it.
//! One seed is one world: same seed, same events, same digest. Nothing here reads a clock or a file.

pub mod acd;
mod agent;
mod caller;
mod checks;
mod desk;
mod hold;
mod home;
mod media;
mod net;
mod phone;
mod report;
mod speech;
mod trace;
mod world;

#[cfg(test)]
mod tests;

pub use checks::Verdict;
pub use report::Report;
pub use world::{Canary, Options, run, with_agents};
