//! The ACD: callers wait in one line, agents are free or not, and whoever is free gets the caller it is best for - at once.
//!
//! Event-driven: a call that arrives and an agent who becomes free are each matched in the same step; nothing polls, and
//! between two steps no free agent fits a caller who could be offered.
//!
//! ```text
//! caller:  Enqueue ─► waiting ─► offered (a lease on an agent) ─► talking ─► gone
//!             │          ▲  │            │ no answer, rejected, unreachable: back in its place
//!             │          └──┼────────────┘
//!             └─ overflow ◄─┘ another queue (keeping its place), or out
//! agent:   offline ─► ready ─► reserved ─► ringing ─► talking ⇄ held ─► wrap-up ─► ready
//!             ▲         │  ▲        │ no answer
//!             └─────────┘  └─ not-ready (reason)
//! ```
//!
//! * **Order.** One line for all queues: score = (priority + aging × wait) × weight, equal scores by arrival (`line.rs`). A
//!   call keeps its arrival through retries, overflow and, by [`Request::arrived`], transfer.
//! * **Who fits.** Agents serve queues and have skills; queues and calls have requirements (`skills.rs`), which relax in
//!   steps with time. A preferred agent has a head start; one agent may be asked for, others excluded.
//! * **Who of them.** The queue's [`Strategy`]; the default, balanced, is described in `balance.rs`. Only it may serve a caller
//!   before another of the same queue, and says so in the [`Decision`].
//! * **Agents** have states (`agent.rs`), offers have leases (`offers.rs`); both tables are tests. A
//!   phone that rings for long gets another beside it (`queue.rs`), if the queue is balanced.
//! * **Overflow** rules are looked at in their order, on arrival and with time; callbacks keep a place without a caller on
//!   the line (`overflow.rs`).
//! * **Figures** (`figures.rs`) are a function of the [`AcdEvent`]s and their times alone.

mod agent;
mod balance;
mod bits;
mod checkpoint;
mod choose;
mod decision;
mod desk;
mod estimate;
mod event;
mod figures;
mod line;
mod memory;
mod name;
mod offers;
mod overflow;
mod people;
mod queue;
mod rates;
mod router;
mod setup;
mod skills;
mod snapshot;
#[cfg(test)]
mod tests;
mod waits;

pub use agent::{AgentView, NotReady, State};
pub use checkpoint::Checkpoint;
pub use decision::{Candidate, Decision, Excluded, Parts, Passed, PassedWhy, Why};
pub use estimate::Estimate;
pub use event::{
    AcdEvent, Endpoint, Input, MoveTo, OfferEnd, OfferFailure, OfferId, Output, OverflowWhy, Request,
};
pub use figures::{AgentCounts, Counts, Figures};
pub use name::Name;
pub use router::Acd;
pub use setup::{
    AgentSetup, CallbackRule, Destination, OverflowRule, QueueSetup, Ring, Setup, SignIn, Strategy, Target,
    When,
};
pub use skills::{LEVEL_MAX, Requirement, RequirementError, Skills};
pub use snapshot::Snapshot;
