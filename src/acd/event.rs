//! What goes into the ACD, and what comes out.

use super::agent::State;
use super::decision::{Decision, Passed};
use super::estimate::Estimate;
use super::name::Name;
use super::setup::Destination;
use super::skills::{Requirement, Skills};
use crate::base::{CallId, Now, Pii};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Names one offer of one call to one agent. A late word about an old offer changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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

/// What an agent can be reached at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Endpoint {
    /// The phones registered as the agent's user.
    #[default]
    Phone,
    /// A browser, by its session.
    Browser(u64),
}

/// What a caller waits for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    pub queue: String,
    /// In place of the queue's own priority.
    pub priority: Option<u16>,
    /// Beside what the queue requires.
    pub require: Option<Requirement>,
    /// Weaker requirements in place of `require`, each after this long in the queue; shortest first.
    pub relax: Vec<(Duration, Requirement)>,
    /// Only this agent will do.
    pub agent: Option<String>,
    /// This agent first, for the queue's head start. Without it, whoever served `number` last.
    pub preferred: Option<String>,
    /// Not these agents.
    pub exclude: Vec<String>,
    /// When the caller began to wait, if not now: its place is by this.
    pub arrived: Option<Now>,
    /// The caller's number: for the memory of who served it, and against two callbacks.
    pub number: Option<Pii<String>>,
    /// An agent asks a colleague: engages the agent, but is no caller for the figures.
    pub consult: bool,
}

impl Request {
    /// Waits for any agent of `queue`.
    pub fn to(queue: impl Into<String>) -> Request {
        Request { queue: queue.into(), ..Request::default() }
    }
}

/// What the ACD is given. Whatever is about a call or an agent that is not there any more changes nothing; what somebody
/// asks for and cannot be done is answered by [`Output::Refused`] and changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// An agent's endpoint registered, or is gone.
    Registered {
        user: String,
        endpoint: Endpoint,
    },
    Unregistered {
        user: String,
        endpoint: Endpoint,
    },
    /// Calls go to this endpoint of the agent from now on.
    Use {
        user: String,
        endpoint: Endpoint,
    },
    /// The working day begins, or ends (after the call in hand).
    SignIn {
        user: String,
    },
    SignOut {
        user: String,
    },
    /// An agent (or a supervisor) wants calls, or none. `Ready` in after-call work finishes it early.
    Ready {
        user: String,
    },
    NotReady {
        user: String,
        reason: Option<String>,
    },
    /// After-call work takes longer.
    ExtendWrapUp {
        user: String,
        by: Duration,
    },
    /// What the after-call work is closed with.
    Disposition {
        user: String,
        code: String,
    },
    /// A caller waits. A transfer is `TalkEnded`, then this with `arrived`.
    Enqueue {
        call: CallId,
        request: Request,
    },
    /// The caller is gone, wherever it was: waiting, being offered, talking. A callback stays.
    CallerGone {
        call: CallId,
    },
    /// The waiting caller hangs up and keeps its place: when its turn comes, the offer says `callback`.
    Callback {
        call: CallId,
        number: Pii<String>,
    },
    /// An agent took the callback, but the customer was not reached: once more later, or no more.
    CallbackMissed {
        call: CallId,
    },
    /// Nobody is to be called back any more.
    CallbackCancelled {
        call: CallId,
    },
    /// The agent's phone rings.
    Ringing {
        offer: OfferId,
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
    /// The agent put the caller on hold, or came back.
    Held {
        call: CallId,
        on: bool,
    },
    /// The agent's side of a talk ended; `transfer` if the caller goes on to somebody else.
    TalkEnded {
        call: CallId,
        transfer: bool,
    },
    /// The agent makes a call of its own, or that is over.
    OwnCall {
        user: String,
        on: bool,
    },
    /// The agent who was asked in the consultation `from` goes on with the caller of `into`.
    Joined {
        from: CallId,
        into: CallId,
    },
    /// A supervisor moves a waiting call: to another queue, or to the front of its own.
    Move {
        call: CallId,
        to: MoveTo,
        reason: String,
    },
    /// A supervisor changes what an agent can do, until the next change of the configuration.
    SetSkills {
        user: String,
        skills: Skills,
    },
    /// Opening hours: a closed queue takes no new callers and offers nobody.
    Open {
        queue: String,
        open: bool,
    },
    /// A draining queue takes no new callers and serves those inside.
    Drain {
        queue: String,
        on: bool,
    },
    /// The deadline has come.
    Tick,
}

/// Where a supervisor moves a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MoveTo {
    Queue(String),
    Front,
}

/// Why a caller's wait ended without an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OverflowWhy {
    Waited,
    Estimated,
    Longer,
    NoAgents,
    Closed,
    /// The queue's places, or the product's, are taken.
    Full,
}

/// What the ACD wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Ring this agent for this caller; for a `callback`, call the customer when the agent has answered.
    Offer {
        offer: OfferId,
        call: CallId,
        user: String,
        endpoint: Endpoint,
        callback: bool,
        decision: Box<Decision>,
    },
    /// Stop ringing.
    Withdraw { offer: OfferId, call: CallId, user: String },
    /// Tell the caller its place, from 1, and how long it will wait, if that is known and to be told.
    Announce { call: CallId, place: usize, wait: Option<Estimate> },
    /// Comfort the caller, for the nth time from 1.
    Comfort { call: CallId, nth: u32 },
    /// The caller will wait no longer: it is out of the queue and goes on to `to`, never a queue. But one who is offered to
    /// be called back waits on until it says yes ([`Input::Callback`]).
    Overflow { call: CallId, to: Destination, why: OverflowWhy },
    /// An agent's state changed; for boards and logs.
    Agent { user: String, state: State },
    /// What was asked for is impossible; nothing has changed.
    Refused { why: String },
    /// Something happened: what figures, records and boards are made of.
    Event(AcdEvent),
}

/// How an offer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OfferEnd {
    Answered,
    NoAnswer,
    Rejected,
    Busy,
    Unreachable,
    NoPort,
    /// The caller left, or is not to be served any more.
    CallerGone,
    /// Another phone answered first.
    AnsweredElsewhere,
    /// The agent's last endpoint went away.
    Unregistered,
}

/// Everything that happens, once: the figures are a function of these and their times. Durations are in ms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "acd", rename_all = "kebab-case")]
pub enum AcdEvent {
    /// A caller waits for a queue; `again` if it was counted before (transfer). A consult has no events of a call.
    Queued {
        call: CallId,
        queue: Name,
        again: bool,
    },
    /// A waiting call goes on to another queue, keeping its place.
    Moved {
        call: CallId,
        from: Name,
        to: Name,
        waited_ms: u64,
        why: Name,
    },
    /// A supervisor put the call to the front.
    ToFront {
        call: CallId,
        queue: Name,
        why: Name,
    },
    Offered {
        offer: OfferId,
        call: CallId,
        queue: Name,
        user: Name,
        waited_ms: u64,
        passed: Option<Passed>,
    },
    OfferEnded {
        offer: OfferId,
        user: Name,
        queue: Name,
        how: OfferEnd,
    },
    /// `within_ms` is the queue's target. For a `callback` the caller was not on the line.
    Answered {
        call: CallId,
        queue: Name,
        user: Name,
        waited_ms: u64,
        within_ms: u64,
        callback: bool,
    },
    Abandoned {
        call: CallId,
        queue: Name,
        waited_ms: u64,
        short: bool,
        within: bool,
    },
    Overflowed {
        call: CallId,
        queue: Name,
        waited_ms: u64,
        to: Destination,
        why: OverflowWhy,
    },
    CallbackAsked {
        call: CallId,
        queue: Name,
    },
    /// A callback of before a restart waits on. It was counted when it was asked for.
    CallbackRestored {
        call: CallId,
        queue: Name,
    },
    /// The customer was not reached; `again` if it will be tried once more.
    CallbackMissed {
        call: CallId,
        queue: Name,
        again: bool,
    },
    CallbackCancelled {
        call: CallId,
        queue: Name,
    },
    TalkEnded {
        call: CallId,
        queue: Name,
        user: Name,
        talk_ms: u64,
        hold_ms: u64,
        transfer: bool,
    },
    WrapUpEnded {
        user: Name,
        queue: Name,
        ms: u64,
        disposition: Option<Name>,
    },
    /// `reason` of not being ready.
    Agent {
        user: Name,
        state: Name,
        reason: Option<Name>,
    },
}
