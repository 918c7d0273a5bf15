//! What is promised to agents: one call at a time, and never to be left hanging.

use super::{Check, Seen};
use crate::acd::{AcdEvent, AgentView, State};
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
    /// Of which phones that ring (several may, for one call), and supervisors'.
    ringing: BTreeSet<LegId>,
    guests: BTreeSet<LegId>,
    open: BTreeSet<CallId>,
}

impl Check for NoGhosts {
    fn name(&self) -> &'static str {
        "no-ghosts"
    }

    fn see(&mut self, _now: Now, seen: &Seen<'_>) -> Option<String> {
        match seen {
            Seen::Command(Command::Invite { leg, headers, .. }) => {
                self.legs.insert(*leg);
                if is_guest(headers) {
                    self.guests.insert(*leg)
                } else {
                    self.ringing.insert(*leg)
                };
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
                self.guests.remove(leg);
            }
            Seen::Moment { call, moment: Moment::Incoming { .. } } => {
                self.open.insert(*call);
            }
            Seen::Record(cdr) => {
                self.open.remove(&cdr.id);
                let others = self.ringing.len() + self.guests.len();
                let (legs, calls) = (self.legs.len(), self.open.len());
                return (legs - others > 2 * calls || calls == 0 && others > 0)
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

/// True for the INVITE of a supervisor's phone.
fn is_guest(headers: &[(String, String)]) -> bool {
    headers.iter().any(|(name, _)| name == "X-Trunkline-Role")
}

/// A supervisor's leg ends with the call, or before.
#[derive(Debug, Default)]
pub(super) struct GuestsLeave {
    /// The call, and the leg once the phone is rung.
    guests: BTreeMap<String, (CallId, Option<LegId>)>,
}

impl Check for GuestsLeave {
    fn name(&self) -> &'static str {
        "guests-leave"
    }

    fn see(&mut self, _now: Now, seen: &Seen<'_>) -> Option<String> {
        match seen {
            Seen::Moment { call, moment: Moment::Supervised { by, .. } } => {
                self.guests.entry(by.clone()).or_insert((*call, None));
            }
            Seen::Command(Command::Invite { leg, target: Target::User(user), headers, .. })
                if is_guest(headers) =>
            {
                self.guests.entry(user.clone()).and_modify(|(_, of)| *of = Some(*leg));
            }
            // Whoever has taken a call over may go on with a caller that is handed over.
            Seen::Moment { call, moment: Moment::Bridged { agent } } => {
                self.guests.entry(agent.clone()).and_modify(|(of, _)| *of = *call);
            }
            Seen::Command(Command::Hangup { leg, .. }) | Seen::Event(Event::Ended { leg, .. }) => {
                self.guests.retain(|_, (_, of)| *of != Some(*leg));
            }
            Seen::Moment { moment: Moment::GuestLeft { who }, .. } => {
                self.guests.remove(who);
            }
            Seen::Record(cdr) => {
                self.guests.retain(|_, (call, leg)| *call != cdr.id || leg.is_some());
                let left = self.guests.iter().find(|(_, (call, _))| *call == cdr.id);
                return left.map(|(user, _)| format!("call {} is over, and {user} is in it still", cdr.id.0));
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
    /// Whoever is called back, by the call in which that was asked for.
    booked: BTreeSet<CallId>,
}

impl NobodyStuck {
    pub(super) fn new(ring: Duration) -> NobodyStuck {
        NobodyStuck {
            lease: ring + Duration::from_secs(1),
            phones: BTreeSet::new(),
            open: BTreeSet::new(),
            booked: BTreeSet::new(),
        }
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
                if !self.open.contains(&call) && !self.booked.contains(&call) {
                    return Some(format!("{} is {:?}, but that call is over", agent.user, agent.state));
                }
                let rings = matches!(agent.state, State::Ringing { .. });
                (rings && now.since(agent.since) > self.lease)
                    .then(|| format!("{} rings since {} ms", agent.user, agent.since.ms()))
            }),
            Seen::Acd(AcdEvent::CallbackAsked { call, .. } | AcdEvent::Queued { call, again: true, .. }) => {
                self.booked.insert(*call);
                None
            }
            Seen::Acd(
                AcdEvent::CallbackMissed { call, again: false, .. }
                | AcdEvent::CallbackCancelled { call, .. }
                | AcdEvent::TalkEnded { call, transfer: false, .. }
                | AcdEvent::Abandoned { call, .. }
                | AcdEvent::Overflowed { call, .. },
            ) => {
                self.booked.remove(call);
                None
            }
            Seen::Acd(_) | Seen::Command(_) | Seen::Event(_) | Seen::Moment { .. } | Seen::End => None,
        }
    }
}
