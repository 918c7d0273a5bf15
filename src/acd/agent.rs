//! One agent: the states, and which change is lawful.
//!
//! A state is what the agent has in hand (calls, an offer), and with empty hands what it is there for.
//!
//! | state     | signed in + endpoint | gone     | ready    | not-ready | offer    | rings   | answered | offer failed        | hold | talk ended | timer  |
//! |-----------|----------------------|----------|----------|-----------|----------|---------|----------|---------------------|------|------------|--------|
//! | offline   | ready                | –        | refused  | refused   | –        | –       | –        | –                   | –    | –          | –      |
//! | not-ready | –⁵                   | offline  | ready    | reason    | –        | –       | –        | –                   | –    | –          | ready¹ |
//! | ready     | –                    | offline  | –        | reason    | reserved | –       | –        | –                   | –    | –          | –      |
//! | reserved  | –                    | offline² | –        | after³    | –        | ringing | talking  | not-ready or ready³ | –    | –          | lease² |
//! | ringing   | –                    | offline² | –        | after³    | –        | –       | talking  | not-ready or ready³ | –    | –          | lease² |
//! | talking   | –                    | after⁴   | –        | after⁴    | –⁶       | –       | –        | –                   | held | wrap-up    | –      |
//! | held      | –                    | after⁴   | –        | after⁴    | –⁶       | –       | –        | –                   | talking | wrap-up | –      |
//! | wrap-up   | –                    | offline  | ready    | reason    | –        | –       | –        | –                   | –    | –          | ready  |
//!
//! ¹ only for reasons that pass by themselves (rejected, busy, no port). ² the offer is withdrawn and the caller is back in its
//! place. ³ ready if the caller left; what was asked for meanwhile (`after`) counts more. ⁴ the talk goes on; the state
//! follows when it ends. ⁵ but unreachable: ready. ⁶ reserved, if the agent may have more calls at once.

use super::bits::Bits;
use super::event::{Endpoint, OfferId};
use super::name::Name;
use super::rates::Mean;
use super::setup::{AgentSetup, SignIn};
use super::skills::Skills;
use crate::base::{CallId, Now};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Why an agent gets no calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    /// On the phone with a call of one's own. Passes with it.
    OwnCall,
    /// A configured reason, by its number; [`AgentView::reason`] has its text.
    Configured(u16),
}

impl NotReady {
    /// True if the agent becomes ready again without being asked.
    pub fn passes(self) -> bool {
        matches!(self, NotReady::Rejected | NotReady::Busy | NotReady::NoPort)
    }

    /// The built-in reasons' names.
    pub const BUILT_IN: [(NotReady, &'static str); 7] = [
        (NotReady::Break, "break"),
        (NotReady::NoAnswer, "no-answer"),
        (NotReady::Rejected, "rejected"),
        (NotReady::Busy, "busy"),
        (NotReady::NoPort, "no-port"),
        (NotReady::Unreachable, "unreachable"),
        (NotReady::OwnCall, "own-call"),
    ];
}

/// What an agent is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not signed in, or no endpoint registered.
    Offline,
    /// Registered, but gets no calls.
    NotReady(NotReady),
    /// Free.
    Ready,
    /// Holds the lease of one offer; the phone does not ring yet.
    Reserved { call: CallId, offer: OfferId },
    /// Holds the lease of one offer; the phone rings.
    Ringing { call: CallId, offer: OfferId },
    /// With a caller.
    Talking { call: CallId },
    /// With a caller who is on hold.
    Held { call: CallId },
    /// After-call work.
    WrapUp,
}

impl State {
    /// The state's name, as shown and recorded.
    pub fn name(self) -> &'static str {
        Self::NAMES[self.index()]
    }

    /// All names, by [`State::index`].
    pub(super) const NAMES: [&'static str; 8] =
        ["offline", "not-ready", "ready", "reserved", "ringing", "talking", "held", "wrap-up"];

    /// Which of the states, without what it holds.
    pub(super) fn index(self) -> usize {
        match self {
            State::Offline => 0,
            State::NotReady(_) => 1,
            State::Ready => 2,
            State::Reserved { .. } => 3,
            State::Ringing { .. } => 4,
            State::Talking { .. } => 5,
            State::Held { .. } => 6,
            State::WrapUp => 7,
        }
    }

    /// The call this agent is engaged with, offered or talking.
    pub fn call(self) -> Option<CallId> {
        match self {
            State::Reserved { call, .. } | State::Ringing { call, .. } => Some(call),
            State::Talking { call } | State::Held { call } => Some(call),
            State::Offline | State::NotReady(_) | State::Ready | State::WrapUp => None,
        }
    }

    /// Engaged with a caller, or with work after one: what occupancy counts.
    pub fn is_busy(self) -> bool {
        self.call().is_some() || self == State::WrapUp
    }
}

/// One agent, as a board shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentView {
    pub user: String,
    pub name: String,
    pub state: State,
    /// Why not ready.
    pub reason: Option<Name>,
    /// Calls in hand, offered or talking.
    pub in_hand: Vec<CallId>,
    pub endpoint: Option<Endpoint>,
    pub since: Now,
    pub calls: u32,
}

/// What an agent is there for, with empty hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Offline,
    NotReady(NotReady),
    Ready,
    WrapUp,
}

/// How far a call in hand is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Reserved(OfferId),
    Ringing(OfferId),
    Talking,
    Held,
}

/// After-call work: of which queue, since when, closed with what.
#[derive(Debug, Clone)]
pub(super) struct WrapUp {
    pub(super) queue: usize,
    pub(super) since: Now,
    pub(super) disposition: Option<Name>,
}

/// An agent in the ACD.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) user: Name,
    pub(super) name: String,
    pub(super) queues: Bits,
    pub(super) skills: Skills,
    pub(super) capacity: usize,
    pub(super) sign_in: SignIn,
    /// Goes when it is false and the calls in hand are over.
    pub(super) configured: bool,
    pub(super) presence: Presence,
    pub(super) hands: Vec<(CallId, Phase)>,
    /// Last shown: what changed against it is told.
    pub(super) shown: State,
    pub(super) since: Now,
    /// When the agent last became free; what "longest idle" is measured from.
    pub(super) idle_since: Now,
    /// The last is the active one.
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) signed_in: bool,
    /// Where to go when the hands are empty, if not to wrap-up and ready.
    pub(super) after: Option<NotReady>,
    pub(super) wrap_up: Option<WrapUp>,
    /// Calls on the phone that the ACD has no part in: its own, and those of others that it listens to.
    pub(super) own_calls: u8,
    pub(super) calls: u32,
    /// The part of the offers of late that this agent did not take, 0-1.
    pub(super) missed: Mean,
    /// Busy and signed in, until `since`.
    pub(super) busy: Duration,
    pub(super) present: Duration,
}

impl Agent {
    pub(super) fn new(setup: &AgentSetup, now: Now) -> Agent {
        Agent {
            user: setup.user.as_str().into(),
            name: setup.name.clone(),
            queues: Bits::default(),
            skills: Skills::new(),
            capacity: 1,
            sign_in: setup.sign_in,
            configured: true,
            presence: Presence::Offline,
            hands: Vec::new(),
            shown: State::Offline,
            since: now,
            idle_since: now,
            endpoints: Vec::new(),
            signed_in: false,
            after: None,
            wrap_up: None,
            own_calls: 0,
            calls: 0,
            missed: Mean::default(),
            busy: Duration::ZERO,
            present: Duration::ZERO,
        }
    }

    /// An offer shows first, then a talk, then a held call; with empty hands the presence.
    pub(super) fn state(&self) -> State {
        let shows = |(call, phase): &(CallId, Phase)| match *phase {
            Phase::Reserved(offer) => State::Reserved { call: *call, offer },
            Phase::Ringing(offer) => State::Ringing { call: *call, offer },
            Phase::Talking => State::Talking { call: *call },
            Phase::Held => State::Held { call: *call },
        };
        let all = || self.hands.iter().map(shows);
        let offer = all().find(|s| matches!(s, State::Reserved { .. } | State::Ringing { .. }));
        let talk = || all().find(|s| matches!(s, State::Talking { .. }));
        offer.or_else(talk).or_else(|| all().next()).unwrap_or(match self.presence {
            Presence::Offline => State::Offline,
            Presence::NotReady(reason) => State::NotReady(reason),
            Presence::Ready if self.own_calls > 0 => State::NotReady(NotReady::OwnCall),
            Presence::Ready => State::Ready,
            Presence::WrapUp => State::WrapUp,
        })
    }

    /// There to work: signed in, and reachable.
    pub(super) fn is_present(&self) -> bool {
        self.signed_in && !self.endpoints.is_empty()
    }

    /// May be offered a call now: one offer at a time, and no more calls than configured.
    pub(super) fn is_free(&self) -> bool {
        self.configured
            && self.is_present()
            && self.presence == Presence::Ready
            && self.after.is_none()
            && self.own_calls == 0
            && self.hands.len() < self.capacity
            && !self.hands.iter().any(|(_, p)| matches!(p, Phase::Reserved(_) | Phase::Ringing(_)))
    }

    /// Where an agent without a call belongs: offline without a phone, not-ready if asked for, else ready.
    pub(super) fn rest(&mut self) {
        self.presence = match (self.is_present(), self.after.take()) {
            (false, _) => Presence::Offline,
            (true, Some(reason)) => Presence::NotReady(reason),
            (true, None) => Presence::Ready,
        };
    }

    /// Times busy and signed in, until `now`.
    pub(super) fn times(&self, now: Now) -> (Duration, Duration) {
        let passed = now.since(self.since);
        let busy = if self.shown.is_busy() { passed } else { Duration::ZERO };
        let present = if self.shown == State::Offline { Duration::ZERO } else { passed };
        (self.busy + busy, self.present + present)
    }
}
