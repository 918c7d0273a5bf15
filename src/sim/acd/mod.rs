//! The ACD alone on virtual time: "what would my callers see" before Monday morning, and the proof that what the core does
//! is what queueing theory says.
//!
//! ```text
//!  Scenario (TOML, a replay of call records, or random) ──► callers, agents ──► world ⇄ acd::Acd
//!                                                                                │ AcdEvent
//!                                    checks (promises) ◄── every input and output ┤
//!                                                                                └──► Report (acd::Figures)
//! ```
//! One scenario and one seed are one history. Each caller and each agent draws from a stream of its own (`draw.rs`), so that
//! two strategies under one seed see the same callers with the same patience and the same business: common random numbers.

mod bug;
mod checks;
mod compare;
mod draw;
mod file;
mod random;
mod replay;
mod report;
mod scenario;
#[cfg(test)]
mod tests;
mod world;

pub use bug::Bug;
pub use compare::{Comparison, PEERS, compare};
pub use draw::Draw;
pub use file::read;
pub use random::random;
pub use replay::{Past, replay};
pub use report::{Outcome, QueueReport, Report, Wait};
pub use scenario::{Behaviour, Caller, Flow, Scenario};
pub use world::{Options, Run, run};
