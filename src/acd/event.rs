//! What goes into the ACD, and what comes out; and why a call was offered to whom.

use super::agent::State;
use super::setup::{AgentSetup, QueueSetup};
use crate::base::CallId;
use serde::{Deserialize, Serialize};

/// Agents and queues, as configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Setup {
    pub agents: Vec<AgentSetup>,
    pub queues: Vec<QueueSetup>,
}

/// Names one offer of one call to one agent. A late word about an old offer changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OfferId(pub u64);

/// How an offer failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferFailure {
    NoAnswer,
    Rejected,
    Busy,
    Unreachable,
    /// We have no media port to ring with, or it failed.
    NoPort,
}

/// What the ACD is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// An agent's phone registered, or is gone.
    Registered {
        user: String,
    },
    Unregistered {
        user: String,
    },
    /// An agent (or a supervisor) wants calls, or none.
    Ready {
        user: String,
    },
    NotReady {
        user: String,
    },
    /// A caller waits for `queue`.
    Enqueue {
        call: CallId,
        queue: String,
    },
    /// The caller is gone, wherever it was: waiting, being offered, talking.
    CallerGone {
        call: CallId,
    },
    /// The agent answered the offer.
    Answered {
        offer: OfferId,
    },
    /// The offer failed.
    Failed {
        offer: OfferId,
        why: OfferFailure,
    },
    /// The agent's side of a talk ended.
    TalkEnded {
        call: CallId,
    },
    /// The deadline has come.
    Tick,
}

/// What the ACD wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Ring this agent's phone for this caller.
    Offer { offer: OfferId, call: CallId, user: String, decision: Decision },
    /// Stop ringing.
    Withdraw { offer: OfferId, call: CallId, user: String },
    /// Tell the caller its place, from 1.
    Announce { call: CallId, place: usize },
    /// The caller will wait no longer: it is out of the queue.
    GaveUp { call: CallId },
    /// An agent's state changed; for boards and logs.
    Agent { user: String, state: State },
}

/// Why an agent was not chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excluded {
    pub user: String,
    pub why: String,
}

/// Why a call was offered to whom: kept with the call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub queue: String,
    pub chosen: String,
    /// The agents who could have had it, with how long each had been idle, in ms; longest first.
    pub eligible: Vec<(String, u64)>,
    pub excluded: Vec<Excluded>,
    /// How long the caller had waited, in ms.
    pub waited_ms: u64,
    pub reason: String,
}
