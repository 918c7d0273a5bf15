//! What is promised to agents: one call at a time, and never to be left hanging.

use super::{Check, Seen};
use crate::acd::{AgentView, State};
use crate::base::{CallId, LegId, Now};
use crate::call::Moment;
use crate::sip::{Command, Event, Target};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// No agent with two calls or two ringing phones; no call with two agents, unless their phones only ring: by what goes over
/// the wire, and by what the ACD itself says.
#[derive(Debug, Default)]
pub(super) struct OneCallAnAgent {
    legs: BTreeMap<LegId, String>,
}

impl Check for OneCallAnAgent {
    fn name(&self) -> &'static str {
        "one-call-an-agent"
    }

    fn see(&mut self, _now: Now, seen: &Seen<'_>) -> Option<String> {
        match seen {
            Seen::Command(Command::Invite { leg, target: Target::User(user), .. }) => {
                let other = self.legs.iter().find(|(_, u)| *u == user).map(|(leg, _)| leg.0);
                self.legs.insert(*leg, user.clone());
                other.map(|other| format!("{user} is rung on leg {} while on leg {other}", leg.0))
            }
            Seen::Command(Command::Hangup { leg, .. }) | Seen::Event(Event::Ended { leg, .. }) => {
                self.legs.remove(leg);
                None
            }
            Seen::Agents(agents) => double(agents),
            Seen::Acd(_)
            | Seen::Command(_)
            | Seen::Event(_)
            | Seen::Moment { .. }
            | Seen::Record(_)
            | Seen::End => None,
        }
    }
}

/// No dialog without a call. Phones that still show a call when the server has none are what agents restart phones for.
#[derive(Debug, Default)]
pub(super) struct NoGhosts {
    legs: BTreeSet<LegId>,
    /// Of which phones that ring: several may, for one call.
    ringing: BTreeSet<LegId>,
    open: BTreeSet<CallId>,
}

impl Check for NoGhosts {
    fn name(&self) -> &'static str {
        "no-ghosts"
    }

    fn see(&mut self, _now: Now, seen: &Seen<'_>) -> Option<String> {
        match seen {
            Seen::Command(Command::Invite { leg, .. }) => {
                self.legs.insert(*leg);
                self.ringing.insert(*leg);
            }
            Seen::Event(Event::Answered { leg, .. }) => {
                self.ringing.remove(leg);
            }
            Seen::Event(Event::Incoming(incoming)) => {
                self.legs.insert(incoming.leg);
            }
            Seen::Event(Event::Ended { leg, .. }) => {
                self.legs.remove(leg);
                self.ringing.remove(leg);
            }
            Seen::Moment { call, moment: Moment::Incoming { .. } } => {
                self.open.insert(*call);
            }
            Seen::Record(cdr) => {
                self.open.remove(&cdr.id);
                let (legs, ringing, calls) = (self.legs.len(), self.ringing.len(), self.open.len());
                return (legs - ringing > 2 * calls || calls == 0 && ringing > 0)
                    .then(|| format!("{legs} dialogs for {calls} calls: {:?}", self.legs));
            }
            Seen::Acd(_)
            | Seen::Command(_)
            | Seen::Event(_)
            | Seen::Moment { .. }
            | Seen::Agents(_)
            | Seen::End => {}
        }
        None
    }
}

/// A call that two agents are engaged with, one of them talking.
fn double(agents: &[AgentView]) -> Option<String> {
    let mut engaged: BTreeMap<CallId, &AgentView> = BTreeMap::new();
    let talks = |agent: &AgentView| matches!(agent.state, State::Talking { .. } | State::Held { .. });
    for agent in agents {
        if let Some(call) = agent.state.call()
            && let Some(other) = engaged.insert(call, agent).filter(|other| talks(other) || talks(agent))
        {
            return Some(format!("call {} has both {} and {}", call.0, other.user, agent.user));
        }
    }
    None
}

/// No agent rings longer than the lease, is engaged with a call that is over, or is offline with a phone (or ready
/// without one).
#[derive(Debug)]
pub(super) struct NobodyStuck {
    lease: Duration,
    /// Users with a registered phone.
    phones: BTreeSet<String>,
    open: BTreeSet<CallId>,
}

impl NobodyStuck {
    pub(super) fn new(ring: Duration) -> NobodyStuck {
        NobodyStuck { lease: ring + Duration::from_secs(1), phones: BTreeSet::new(), open: BTreeSet::new() }
    }
}

impl Check for NobodyStuck {
    fn name(&self) -> &'static str {
        "nobody-stuck"
    }

    fn see(&mut self, now: Now, seen: &Seen<'_>) -> Option<String> {
        match seen {
            Seen::Moment { call, moment: Moment::Incoming { .. } } => {
                self.open.insert(*call);
                None
            }
            Seen::Record(cdr) => {
                self.open.remove(&cdr.id);
                None
            }
            Seen::Event(Event::Registered { user, .. }) => {
                self.phones.insert(user.clone());
                None
            }
            Seen::Event(Event::Unregistered { user }) => {
                self.phones.remove(user);
                None
            }
            Seen::Agents(agents) => agents.iter().find_map(|agent| {
                let phone = self.phones.contains(&agent.user);
                if (agent.state == State::Offline && phone) || (agent.state == State::Ready && !phone) {
                    return Some(format!("{} is {:?}; has a phone: {phone}", agent.user, agent.state));
                }
                let call = agent.state.call()?;
                if !self.open.contains(&call) {
                    return Some(format!("{} is {:?}, but that call is over", agent.user, agent.state));
                }
                let rings = matches!(agent.state, State::Ringing { .. });
                (rings && now.since(agent.since) > self.lease)
                    .then(|| format!("{} rings since {} ms", agent.user, agent.since.ms()))
            }),
            Seen::Acd(_) | Seen::Command(_) | Seen::Event(_) | Seen::Moment { .. } | Seen::End => None,
        }
    }
}
