//! The ACD: whoever waits is connected to the agent who has been idle longest, the moment one is free.
//!
//! Event-driven: a call that arrives and an agent who becomes ready are each matched in the same step; nothing polls.
//!
//! ```text
//! caller:  Enqueue ─► waiting ─► offered to one agent ─► talking ─► gone
//!                        ▲            │ no answer, rejected, unreachable: back in its place
//!                        └────────────┘
//! agent:   offline ─► ready ─► ringing (a lease) ─► talking ─► wrap-up ─► ready
//!             ▲         │  ▲        │ no answer
//!             └─────────┘  └─ not-ready (reason)
//! ```

mod agent;
mod event;
mod router;
#[cfg(test)]
mod tests;

pub use agent::{AgentView, NotReady, State};
pub use event::{Decision, Excluded, Input, OfferFailure, OfferId, Output, Setup};
pub use router::Acd;
pub use setup::{AgentSetup, QueueSetup};

mod setup {
    use crate::ivr::Text;
    use std::time::Duration;

    /// An agent as configured.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct AgentSetup {
        /// The user the agent's phone registers as.
        pub user: String,
        pub name: String,
        /// Queues served.
        pub queues: Vec<String>,
    }

    /// A queue as configured.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct QueueSetup {
        pub name: String,
        pub label: Text,
        /// How long an agent's phone rings before the call goes back to its place.
        pub ring: Duration,
        /// Time for after-call work.
        pub wrap_up: Duration,
        /// Between two announcements of the caller's place.
        pub announce_every: Duration,
        /// Longest wait before the caller is told that nobody is free.
        pub max_wait: Duration,
    }
}
