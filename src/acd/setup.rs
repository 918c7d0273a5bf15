//! Agents and queues, as configured.

use super::name::Name;
use super::skills::{Requirement, Skills};
use crate::ivr::Text;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Agents and queues.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Setup {
    pub agents: Vec<AgentSetup>,
    pub queues: Vec<QueueSetup>,
    /// Why an agent may say not to be ready, beside the built-in reasons.
    pub reasons: Vec<String>,
    /// Of the random strategy.
    pub seed: u64,
}

/// Does an agent get calls as soon as a phone registers?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignIn {
    /// The first endpoint that registers signs the agent in.
    #[default]
    Auto,
    /// The agent signs in, and has an endpoint registered.
    Manual,
}

/// An agent as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentSetup {
    /// The user the agent's phone registers as.
    pub user: String,
    pub name: String,
    /// Queues served.
    pub queues: Vec<String>,
    pub skills: Skills,
    /// Calls at once, at least 1.
    pub capacity: u8,
    pub sign_in: SignIn,
}

impl AgentSetup {
    /// An agent with one call at once and no skills, who is signed in by registering.
    pub fn new(user: &str, name: &str, queues: Vec<String>) -> AgentSetup {
        let (user, name) = (user.to_owned(), name.to_owned());
        AgentSetup { user, name, queues, skills: Skills::new(), capacity: 1, sign_in: SignIn::Auto }
    }
}

/// Which of several free agents gets a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// The one who costs the others least, by a stated cost (`balance.rs`); and of several calls for one agent, not
    /// always the first in line.
    #[default]
    Balanced,
    LongestIdle,
    /// The smallest part of the time signed in spent on calls and after-call work.
    LeastOccupied,
    FewestCalls,
    /// The next one after the last chosen, in the order of the team.
    RoundRobin,
    Random,
    /// The first in the order of the team.
    Linear,
    /// Every free agent's phone rings; the first to answer has the call.
    RingAll,
    /// The highest sum of levels of the skills that the queue and the call name; then longest idle.
    BestSkill,
}

/// How a queue is measured: `percent` of its calls are to be answered within `within`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    pub within: Duration,
    pub percent: u8,
}

/// A step of relaxation: from `after` on, in the queue, others may have the call too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    pub after: Duration,
    /// In place of the queue's requirement. The call's own always holds; it relaxes by [`super::Request::relax`].
    pub require: Option<Requirement>,
    /// Agents of these queues fit too, from now on.
    pub also: Vec<String>,
}

/// When a caller shall not wait on. Rules are looked at in their order; the first that holds counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// In the queue for this long.
    Waited(Duration),
    /// The likely wait that is left is longer than this.
    Estimated(Duration),
    /// So many others wait for the queue. Looked at on arrival.
    Longer(usize),
    /// No agent who could take the call is signed in.
    NoAgents,
    /// The queue takes no new callers: closed or draining. Looked at on arrival.
    Closed,
}

/// Where a caller goes who shall not wait on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Destination {
    /// Done inside the ACD; the caller keeps its place by its arrival.
    Queue(Name),
    Line(Name),
    Number(Name),
    Voicemail,
    /// Is offered to be called back.
    Callback,
    /// Hears that nobody is free.
    Closing,
}

impl std::fmt::Display for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Destination::Queue(name) => write!(f, "queue {name}"),
            Destination::Line(name) => write!(f, "line {name}"),
            Destination::Number(number) => write!(f, "number {number}"),
            Destination::Voicemail => f.write_str("voicemail"),
            Destination::Callback => f.write_str("a callback"),
            Destination::Closing => f.write_str("the closing message"),
        }
    }
}

/// One rule of overflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverflowRule {
    pub when: When,
    pub to: Destination,
}

/// How often and when a customer is called back who was not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallbackRule {
    pub attempts: u8,
    pub gap: Duration,
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
    /// The likely wait is told with the place.
    pub announce_wait: bool,
    /// Between two comforting messages; `None`: none.
    pub comfort_every: Option<Duration>,
    /// Longest wait before the caller is told that nobody is free.
    pub max_wait: Duration,
    pub strategy: Strategy,
    /// Points of a call that brings none of its own, 0–100.
    pub priority: u16,
    /// Points that a call gains for each minute of waiting, and at most.
    pub aging: u16,
    pub aging_max: u16,
    /// The score of this queue's calls is multiplied by this, in percent.
    pub weight: u16,
    pub require: Option<Requirement>,
    /// By `after`, shortest first.
    pub rings: Vec<Ring>,
    pub target: Target,
    /// Callers who leave within this time do not count against the service level.
    pub short_abandon: Duration,
    /// Of a hundred calls served while the first in line has missed the target already, so many may go to callers who
    /// would miss it too if they were not served now. Only with [`Strategy::Balanced`]; 0 is strictly first come, first
    /// served. In a backlog the longest wait grows by less than this part.
    pub late_share: u8,
    /// Callers waiting at most; whoever comes then overflows, unless an agent is free. 0: nobody waits.
    pub places: Option<usize>,
    pub overflow: Vec<OverflowRule>,
    pub callback: CallbackRule,
    /// How long a call waits for its preferred agent alone.
    pub head_start: Duration,
    /// The agent who last talked with a caller is preferred for this long; zero: no memory.
    pub remember: Duration,
    /// What after-call work may be closed with.
    pub dispositions: Vec<String>,
}

impl QueueSetup {
    /// A queue with every default.
    pub fn new(name: &str) -> QueueSetup {
        QueueSetup {
            name: name.to_owned(),
            label: Text::new(),
            ring: Duration::from_secs(20),
            wrap_up: Duration::ZERO,
            announce_every: Duration::from_secs(30),
            announce_wait: false,
            comfort_every: None,
            max_wait: Duration::from_secs(600),
            strategy: Strategy::default(),
            priority: 0,
            aging: 1,
            aging_max: 60,
            weight: 100,
            require: None,
            rings: Vec::new(),
            target: Target { within: Duration::from_secs(20), percent: 80 },
            short_abandon: Duration::from_secs(5),
            late_share: 10,
            places: None,
            overflow: Vec::new(),
            callback: CallbackRule { attempts: 3, gap: Duration::from_secs(300) },
            head_start: Duration::from_secs(15),
            remember: Duration::ZERO,
            dispositions: Vec::new(),
        }
    }
}
