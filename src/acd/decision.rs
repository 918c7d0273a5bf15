//! Why a call was offered to whom: kept with the call, small, and turned into words when somebody reads it.

use super::agent::NotReady;
use super::name::Name;
use super::setup::Strategy;
use crate::base::CallId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why an agent could not have the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// Serves none of the queues asked so far.
    NotServing,
    /// Serves the queue, but lacks a skill.
    Skill,
    /// The caller asked for somebody else, or somebody else has the head start.
    NotAsked,
    /// The request excludes this agent.
    Excluded,
    Offline,
    NotReady(NotReady),
    Reserved,
    Ringing,
    Talking,
    Held,
    WrapUp,
    /// Will not be ready after the call in hand.
    Leaving,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Why::NotServing => "does not serve the queue",
            Why::Skill => "lacks a skill that is required",
            Why::NotAsked => "another agent is asked first",
            Why::Excluded => "excluded by the request",
            Why::Offline => "offline",
            Why::NotReady(NotReady::Configured(_)) => "not-ready",
            Why::NotReady(reason) => {
                let known = NotReady::BUILT_IN.iter().find(|(r, _)| r == reason);
                return write!(f, "not-ready ({})", known.map_or("", |(_, name)| name));
            }
            Why::Reserved => "reserved",
            Why::Ringing => "ringing",
            Why::Talking => "talking",
            Why::Held => "held",
            Why::WrapUp => "wrap-up",
            Why::Leaving => "takes no more calls",
        })
    }
}

/// An agent who could not have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excluded {
    pub user: Name,
    pub why: Why,
}

/// The cost of giving the call to an agent, by parts, in thousandths; see `balance.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Parts {
    /// Other calls may soon need this agent, and few others could take them.
    pub scarcity: i64,
    /// The share of all traffic that this agent could take.
    pub breadth: i64,
    /// Levels beyond what is required.
    pub surplus: i64,
    /// Offers of late that the agent did not take.
    #[serde(default)]
    pub missed: i64,
    /// Idle time, which counts for the agent.
    pub idle: i64,
}

/// An agent who could have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    pub user: Name,
    pub idle_ms: u64,
    /// By the queue's strategy: the least is chosen.
    pub cost: i64,
    /// Only with [`Strategy::Balanced`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<Parts>,
}

/// Why a caller was served before one of the same queue who was first in line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PassedWhy {
    /// The first has missed the target already, this one would have missed it: see
    /// [`super::QueueSetup::late_share`].
    KeptInTarget,
    /// Both can still make the target; this one has fewer agents who could take it.
    FewerAgents,
}

/// A call that was first in line and was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    pub over: CallId,
    pub why: PassedWhy,
}

/// Why a call was offered to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub queue: Name,
    pub chosen: Name,
    pub strategy: Strategy,
    /// Which step of relaxation was in force; 0: none.
    pub ring: u8,
    /// How long the caller had waited, in ms.
    pub waited_ms: u64,
    /// The call's place in the line: thousandths of a point.
    pub score: i64,
    /// The best of those who could have had it, best first, and how many there were.
    pub eligible: Vec<Candidate>,
    pub eligible_count: u32,
    /// Some of those who could not, and how many there were.
    pub excluded: Vec<Excluded>,
    pub excluded_count: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed: Option<Passed>,
    /// What else was assigned together with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jointly: Vec<(CallId, Name)>,
}

impl Decision {
    /// The decision in a sentence.
    pub fn reason(&self) -> String {
        let mut text = match self.strategy {
            Strategy::Balanced => "least cost to the other callers",
            Strategy::LongestIdle => "longest idle",
            Strategy::LeastOccupied => "least occupied",
            Strategy::FewestCalls => "fewest calls",
            Strategy::RoundRobin => "next in turn",
            Strategy::Random => "drawn by lot",
            Strategy::Linear => "first in the team's order",
            Strategy::RingAll => "all who are free ring",
            Strategy::BestSkill => "best skilled",
        }
        .to_owned();
        text += &format!(" of {} who could have it", self.eligible_count);
        if self.ring > 0 {
            text += &format!(", at step {} of relaxation", self.ring);
        }
        if let Some(Passed { over, why }) = self.passed {
            text += match why {
                PassedWhy::KeptInTarget => "; kept within the target before",
                PassedWhy::FewerAgents => "; has fewer agents than",
            };
            text += &format!(" call {}", over.0);
        }
        if !self.jointly.is_empty() {
            text += &format!("; assigned together with {} others", self.jointly.len());
        }
        text
    }
}
