//! The conductor: the only room that knows SIP and media and the dialogue and the ACD.
//!
//! ```text
//! sip::Event ─┐                                                    ┌─► sip::Command
//! Report ─────┼─► Switch ─► Call ─► Dialog, Acd ─► effects ────────┼─► media::Command, Open
//! Recognised ─┤            (one a caller)                          ├─► Recognise, Render
//! Rendered ───┘                                                    └─► Moment (live), Cdr (at the end)
//! ```
//! `switch.rs` finds the call that an input is about and settles what the ACD wants; `journey.rs` is one caller's
//! way from INVITE to record (`incoming.rs` and `begin.rs` how it comes to be, `trunks.rs` over which trunk, `dialogue.rs` and
//! `early.rs` with the line, `answering.rs` how fast, `waiting.rs` in a queue, `agent_side.rs` with an agent, `transfer.rs` from one to another, `guests.rs` with
//! more than two, `callback.rs` and `outside.rs` for calls of our own, `replace.rs` when
//! a party goes on at another phone); `speaking.rs` is what the caller hears; `teardown.rs`
//! says who closes what; `peers.rs` keeps the trunks registered and asks whether they are alive.

mod agent_side;
mod answering;
mod begin;
mod callback;
mod cdr;
mod dialogue;
mod early;
mod event;
mod guests;
mod hours;
mod incoming;
mod journey;
mod kept;
mod leg;
mod message;
mod outside;
mod peers;
mod pressed;
mod replace;
mod speaking;
mod switch;
mod tape;
mod teardown;
mod transfer;
mod trunks;
mod waiting;
#[cfg(test)]
mod tests;

pub use answering::{Answers, Gap, Measured};
pub use cdr::{Cdr, EndedBy, LegRecord, Moment, MomentAt, Result, TicketRecord, TurnRecord};
pub use event::{Input, Output, SwitchConfig, TrunkNews};
pub use guests::Role;
pub use kept::Kept;
pub use switch::Switch;
pub use trunks::TrunkView;
