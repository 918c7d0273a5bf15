//! Who may call: callers from a trunk reach a line, agents' phones reach colleagues, queues and feature codes.

use super::begin::{Begin, Customer};
use super::event::Output;
use super::journey::Call;
use super::switch::Switch;
use super::transfer::Destination;
use crate::acd;
use crate::base::{CallId, Now};
use crate::config::{Code, Trunk};
use crate::ivr::{Phrase, Plan};
use crate::limits;
use crate::sip::{self, Verstat};
use std::sync::Arc;
use std::time::Duration;

/// Seconds after which a refused caller should try again.
const RETRY_AFTER_S: u32 = 5;

/// Why an INVITE is refused.
pub(super) type Refusal = (u16, &'static str);

impl Switch {
    /// A new call, or the reason why not.
    pub(super) fn incoming(&mut self, now: Now, incoming: &sip::Incoming, out: &mut Vec<Output>) {
        let config = self.shared.config.clone();
        let trunk = config.server.trunk_of(incoming, self.shared.peers.trunk(incoming.peer));
        if let Some(old) = incoming.replaces {
            let trunk = trunk.map(|t| t.name.as_str());
            if let Err((status, reason)) = self.replace(incoming, old, trunk, out) {
                self.turn_away(incoming, status, reason, out);
            }
            return;
        }
        let identity = trunk.and_then(|trunk| self.identity(now, incoming, trunk));
        let admitted = match (&incoming.account, trunk) {
            (_, Some(trunk)) => self.over_trunk(now, incoming, trunk, identity),
            (Some(user), None) => self.desk(user.clone(), incoming),
            (None, None) if config.server.trunks.iter().any(|t| t.by_digest().is_some()) => {
                return out.push(Output::Sip(sip::Command::Challenge { leg: incoming.leg }));
            }
            (None, None) => Err((403, "Not from a known trunk")),
        };
        match admitted {
            Ok((plan, begin)) => {
                let customer = Customer::incoming(incoming, trunk, identity);
                self.begin(now, customer, plan, begin, out);
            }
            Err((status, reason)) => self.turn_away(incoming, status, reason, out),
        }
    }

    /// Whether the caller's number is its own, if that is verified here: as RFC 8588 has it, the number that the network
    /// asserts where there is one.
    fn identity(&self, now: Now, incoming: &sip::Incoming, trunk: &Trunk) -> Option<Verstat> {
        let trust = self.shared.config.trust.as_ref()?;
        let fields = incoming.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("Identity"));
        let identities: Vec<&str> = fields.map(|(_, value)| value.as_str()).collect();
        let caller = incoming.claims.asserted.as_ref().unwrap_or(&incoming.caller).reveal();
        let whole = |number| trunk.numbering.e164(number);
        let called = [whole(&incoming.dialled), whole(&incoming.to)];
        let called: Vec<&str> = called.iter().map(|number| &**number).collect();
        let unix = Duration::from_millis(self.shared.epoch.unix_ms_at(now));
        Some(trust.verify(&identities, &whole(caller), &called, unix))
    }

    /// 404 where there is no such line, 503 when full or draining, or when the trunk has as many calls as it may, and what
    /// RFC 8224 says where it must be known who calls and is not.
    fn over_trunk(
        &mut self,
        now: Now,
        incoming: &sip::Incoming,
        trunk: &Trunk,
        identity: Option<Verstat>,
    ) -> Result<(Arc<Plan>, Begin), Refusal> {
        if let Some(refusal) = identity.filter(|_| trunk.require_identity).and_then(Verstat::refusal) {
            self.shared.trunks.refused(&trunk.name, refusal.1);
            return Err(refusal);
        }
        let plan = self.shared.config.line_over(trunk, &incoming.dialled).cloned();
        let plan = plan.ok_or((404, "No line has this number"));
        let plan = plan.and_then(|plan| self.room().map(|()| plan)).inspect_err(|(_, why)| {
            self.shared.trunks.refused(&trunk.name, why);
        })?;
        if let Err(limit) = self.shared.trunks.come(now, trunk, incoming.leg) {
            self.shared.trunks.refused(&trunk.name, limit);
            return Err((503, "The trunk has as many calls as it may"));
        }
        let trunk = trunk.name.clone();
        let begin = if self.is_open(now, &plan) { Begin::Line { trunk } } else { Begin::Closed { trunk } };
        Ok((plan, begin))
    }

    /// An agent's own call: a feature code, a line, a colleague, a queue.
    fn desk(&mut self, user: String, incoming: &sip::Incoming) -> Result<(Arc<Plan>, Begin), Refusal> {
        let config = self.shared.config.clone();
        self.room()?;
        if let Some(plan) = config.line(&incoming.dialled) {
            return Ok((plan.clone(), Begin::Line { trunk: format!("agent {user}") }));
        }
        let plan = config.lines.first().ok_or((404, "There is no line"))?.clone();
        if let Some(code) = config.code(&incoming.dialled) {
            let (input, phrase) = feature(code, &user);
            self.shared.acd.push(input);
            return Ok((plan, Begin::Code { user, phrase }));
        }
        let to = self.destination(&incoming.dialled)?;
        Ok((plan, Begin::Desk { user, to }))
    }

    /// Who or what an agent means by `dialled`, if that can be reached now.
    pub(super) fn destination(&self, dialled: &str) -> Result<Destination, Refusal> {
        if let Some(agent) = self.acd.agent(dialled) {
            return match agent.state {
                acd::State::Ready => {
                    let agents = &self.shared.config.setup.agents;
                    let queue = agents.iter().find(|a| a.user == dialled).and_then(|a| a.queues.first());
                    let queue = queue.ok_or((480, "The agent serves no queue"))?.clone();
                    Ok(Destination::Agent { user: dialled.to_owned(), queue })
                }
                acd::State::Offline => Err((480, "The agent is not signed in")),
                _ => Err((486, "The agent is not free")),
            };
        }
        let queues = &self.shared.config.setup.queues;
        match queues.iter().find(|q| q.name == dialled) {
            Some(queue) => Ok(Destination::Queue(queue.name.clone())),
            None => Err((404, "No agent, queue or line has this name")),
        }
    }

    fn room(&self) -> Result<(), Refusal> {
        match self.draining || self.calls.len() >= limits::CALLS_MAX {
            true => Err((503, "Service Unavailable")),
            false => Ok(()),
        }
    }

    fn turn_away(&self, incoming: &sip::Incoming, status: u16, reason: &'static str, out: &mut Vec<Output>) {
        out.push(Output::Sip(sip::Command::Refuse {
            leg: incoming.leg,
            status,
            reason: reason.into(),
            retry_after_s: (status == 503).then_some(RETRY_AFTER_S),
        }));
        out.push(Output::TurnedAway {
            from: incoming.flow.remote,
            dialled: incoming.dialled.clone(),
            status,
            reason,
        });
    }

    fn begin(&mut self, now: Now, customer: Customer, plan: Arc<Plan>, begin: Begin, out: &mut Vec<Output>) {
        let id = CallId(self.next_call);
        self.next_call += 1;
        self.shared.by_leg.insert(customer.leg, id);
        // Legs that may be joined later have to be on one worker.
        let near = match &begin {
            Begin::Desk { user, .. } => self.customer_of(user),
            _ => None,
        };
        let call = Call::new(now, id, customer, plan, (begin, near), &mut self.shared, out);
        self.calls.insert(id, Box::new(call));
    }

    /// The customer's leg of the call that this agent talks in.
    fn customer_of(&self, user: &str) -> Option<crate::base::LegId> {
        self.calls.values().find(|call| call.is_with(user)).map(|call| call.caller())
    }
}

/// What a feature code asks of the ACD, and what the agent hears when it is done.
fn feature(code: Code, user: &str) -> (acd::Input, Phrase) {
    let user = user.to_owned();
    match code {
        Code::SignIn => (acd::Input::SignIn { user }, Phrase::SignedIn),
        Code::SignOut => (acd::Input::SignOut { user }, Phrase::SignedOut),
        Code::Ready => (acd::Input::Ready { user }, Phrase::AgentReady),
        Code::NotReady => (acd::Input::NotReady { user, reason: None }, Phrase::AgentNotReady),
    }
}
