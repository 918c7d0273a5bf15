//! One agent: the states, and which change is lawful.
//!
//! | state     | registered | unregistered | ready    | not-ready | offer   | answered | offer failed        | talk ended | timer  |
//! |-----------|------------|--------------|----------|-----------|---------|----------|---------------------|------------|--------|
//! | offline   | ready      | –            | –        | –         | –       | –        | –                   | –          | –      |
//! | not-ready | –          | offline      | ready    | reason    | –       | –        | –                   | –          | ready¹ |
//! | ready     | –          | offline      | –        | reason    | ringing | –        | –                   | –          | –      |
//! | ringing   | –          | offline²     | –        | after²    | –       | talking  | not-ready or ready³ | –          | lease² |
//! | talking   | –          | after⁴       | –        | after⁴    | –       | –        | –                   | wrap-up    | –      |
//! | wrap-up   | –          | offline      | ready    | reason    | –       | –        | –                   | –          | ready  |
//!
//! ¹ only for reasons that pass by themselves (rejected, busy, no port). ² the offer is withdrawn and the caller is back in its
//! place. ³ ready if the caller left. ⁴ the talk goes on; the state follows when it ends.

use super::event::OfferId;
use crate::base::{CallId, Now};
use serde::{Deserialize, Serialize};

/// Why an agent gets no calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotReady {
    /// The agent or a supervisor said so.
    Break,
    /// The phone rang and nobody answered. Stays until somebody says ready.
    NoAnswer,
    /// The agent refused the call. Passes by itself.
    Rejected,
    /// The phone was busy. Passes by itself.
    Busy,
    /// We had no media port to ring the phone with, or it failed: our lack, not the agent's. Passes by itself.
    NoPort,
    /// The phone could not be reached. Stays until it registers anew, or somebody says ready.
    Unreachable,
}

impl NotReady {
    /// True if the agent becomes ready again without being asked.
    pub fn passes(self) -> bool {
        matches!(self, NotReady::Rejected | NotReady::Busy | NotReady::NoPort)
    }
}

/// What an agent is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No phone registered.
    Offline,
    /// Registered, but gets no calls.
    NotReady(NotReady),
    /// Free; longest idle first.
    Ready,
    /// Holds the lease of one offer.
    Ringing { call: CallId, offer: OfferId },
    /// With a caller.
    Talking { call: CallId },
    /// After-call work.
    WrapUp,
}

impl State {
    /// The state's name, as shown and recorded.
    pub fn name(self) -> &'static str {
        match self {
            State::Offline => "offline",
            State::NotReady(_) => "not-ready",
            State::Ready => "ready",
            State::Ringing { .. } => "ringing",
            State::Talking { .. } => "talking",
            State::WrapUp => "wrap-up",
        }
    }

    /// The call this agent is engaged with, ringing or talking.
    pub fn call(self) -> Option<CallId> {
        match self {
            State::Ringing { call, .. } | State::Talking { call } => Some(call),
            _ => None,
        }
    }
}

/// One agent, as a board shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentView {
    pub user: String,
    pub name: String,
    pub state: State,
    pub since: Now,
    pub calls: u32,
}

/// An agent in the ACD.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) name: String,
    pub(super) queues: Vec<String>,
    pub(super) state: State,
    pub(super) since: Now,
    /// When the agent last became free; what "longest idle" is measured from.
    pub(super) idle_since: Now,
    pub(super) registered: bool,
    /// No longer configured: goes when the call in hand is over.
    pub(super) leaving: bool,
    /// Where to go when the talk ends, if not to wrap-up and ready.
    pub(super) after: Option<NotReady>,
    pub(super) calls: u32,
}

impl Agent {
    pub(super) fn new(name: String, queues: Vec<String>, now: Now) -> Agent {
        Agent {
            name,
            queues,
            state: State::Offline,
            since: now,
            idle_since: now,
            registered: false,
            leaving: false,
            after: None,
            calls: 0,
        }
    }

    pub(super) fn enter(&mut self, now: Now, state: State) {
        self.state = state;
        self.since = now;
        if state == State::Ready {
            self.idle_since = now;
        }
    }

    /// Where an agent without a call belongs: offline without a phone, not-ready if asked for, else ready.
    pub(super) fn rest(&mut self, now: Now) {
        let state = match (self.registered, self.after.take()) {
            (false, _) => State::Offline,
            (true, Some(reason)) => State::NotReady(reason),
            (true, None) => State::Ready,
        };
        self.enter(now, state);
    }
}
