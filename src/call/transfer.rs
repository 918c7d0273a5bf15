//! Transfers: an agent hands its caller on, blind or after asking a colleague (RFC 5589).
//!
//! ```text
//! blind:     caller ── agent A          REFER to B ─► caller waits for B (or a queue) ─► caller ── B
//! attended:  caller ── A (hold)  A ── B REFER to B, replacing A's leg there ──────────► caller ── B
//! ```
//! outside:   caller ── agent A          REFER to a number ─► caller waits while it rings there ─► caller ── number
//!
//! Numbers outside are those that `[team] outside` lets agents transfer to, by the trunks of their route and within its limits;
//! only an agent's phone may ask for one.
//!
//! The caller is never lost: it keeps the place of its arrival, and if the agent it was handed to does not answer, it
//! goes back to the queue that it came from. Who may not be called now is refused at once, and the agent keeps the caller.

use super::begin::Begin;
use super::cdr::{EndedBy, Moment, Result as Outcome};
use super::event::Output;
use super::incoming::Refusal;
use super::journey::{AgentSide, Call, Stage};
use super::leg::Leg;
use super::outside::Outside;
use super::switch::{Shared, Switch};
use crate::acd::{self, Request};
use crate::base::{LegId, Now};
use crate::media;
use crate::sip;

/// Where an agent wants a call to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Destination {
    /// One agent, as a member of that queue.
    Agent {
        user: String,
        queue: String,
    },
    Queue(String),
}

impl Destination {
    /// Its name, as it was dialled.
    pub(super) fn name(&self) -> &str {
        match self {
            Destination::Agent { user: name, .. } | Destination::Queue(name) => name,
        }
    }

    /// What to wait for, beside what `request` says.
    pub(super) fn request(self, request: Request) -> Request {
        match self {
            Destination::Agent { user, queue } => Request { agent: Some(user), queue, ..request },
            Destination::Queue(queue) => Request { queue, ..request },
        }
    }
}

impl Switch {
    /// REFER: the peer of `leg` wants its other party to talk with somebody else.
    pub(super) fn referred(&mut self, now: Now, leg: LegId, to: &sip::Refer, out: &mut Vec<Output>) {
        let done = match to.replaces {
            None => match self.destination(&to.user) {
                Err((404, _)) if is_number(&to.user) => self.transfer_outside(now, leg, &to.user, out),
                to => to.and_then(|to| self.transfer(now, leg, to, out)),
            },
            Some(other) => self.attended(now, leg, other, out),
        };
        if let Err((status, reason)) = done {
            say_status(leg, status, reason, out);
        }
    }

    fn transfer(
        &mut self,
        now: Now,
        leg: LegId,
        to: Destination,
        out: &mut Vec<Output>,
    ) -> Result<(), Refusal> {
        let call = self.shared.by_leg.get(&leg).and_then(|id| self.calls.get_mut(id));
        let call = call.filter(|c| c.may_transfer(leg)).ok_or(NOT_YOURS)?;
        call.hand_on(now, leg, to, &mut self.shared, out);
        Ok(())
    }

    fn transfer_outside(
        &mut self,
        now: Now,
        leg: LegId,
        number: &str,
        out: &mut Vec<Output>,
    ) -> Result<(), Refusal> {
        let (config, shared) = (self.shared.config.clone(), &mut self.shared);
        let call = shared.by_leg.get(&leg).and_then(|id| self.calls.get_mut(id));
        // Two agents have no customer to transfer.
        let call = call.filter(|c| c.may_transfer(leg) && c.desk_user().is_none()).ok_or(NOT_YOURS)?;
        let trunk = call.trunk.as_deref().and_then(|name| config.server.trunk(name));
        let whole = trunk.map_or(number.into(), |t| t.numbering.e164(number));
        if !config.outside.iter().any(|begins| whole.starts_with(begins.as_str())) {
            return Err((403, "Agents may not transfer to this number: see [team] outside"));
        }
        let way = call.way.ok_or(NOT_YOURS)?;
        let outside = shared.way_out(now, number, call.trunk.as_deref(), way).map_err(|why| (403, why))?;
        call.hand_outside(now, leg, outside, shared, out);
        Ok(())
    }

    /// `a` and `b` are legs of one agent's phone: with a customer, and in a call that the agent began.
    fn attended(&mut self, now: Now, a: LegId, b: LegId, out: &mut Vec<Output>) -> Result<(), Refusal> {
        let call = |leg| {
            let id = self.shared.by_leg.get(&leg)?;
            Some((*id, leg, self.calls.get(id)?))
        };
        let (first, second) = (call(a).ok_or(NOT_YOURS)?, call(b).ok_or(NOT_YOURS)?);
        let (customer, consult) = if first.2.is_agents(a) { (first, second) } else { (second, first) };
        let (own, asking) = (customer.1, consult.1);
        let same = customer.2.agent_user() == consult.2.desk_user() && consult.2.caller() == asking;
        if customer.0 == consult.0 || !customer.2.is_agents(own) || !same {
            return Err(NOT_YOURS);
        }
        let (customer, consult) = (customer.0, consult.0);
        let asked = self.calls.get_mut(&consult).ok_or(NOT_YOURS)?.release();
        match asked {
            Released::Agent(leg, side) => {
                say_status(a, 200, "OK", out);
                self.shared.by_leg.insert(leg.id, customer);
                let into = self.calls.get(&customer).map_or(customer, |call| call.ticket);
                self.shared.acd.push(acd::Input::Joined { from: consult, into });
                self.with(customer, out, |call, shared, out| call.adopt(now, *leg, side, shared, out));
            }
            Released::Waiting(to) => {
                // The phone there rings still: the transfer is a blind one (RFC 5589 §7.2). The consultation ends after it, so
                // that the caller is in line when the phone is free.
                let shared = &mut self.shared;
                let customer = self.calls.get_mut(&customer).ok_or(NOT_YOURS)?;
                customer.hand_on(now, own, to, shared, out);
            }
            Released::Nobody => return Err((481, "Nobody to transfer to")),
        }
        self.with(consult, out, |call, shared, out| {
            call.end(now, EndedBy::Agent, Outcome::Connected, shared, out);
        });
        Ok(())
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    digits.len() >= 3 && digits.bytes().all(|b| b.is_ascii_digit())
}

const NOT_YOURS: Refusal = (403, "Only the agent of a call may transfer it");

fn say_status(leg: LegId, status: u16, reason: &str, out: &mut Vec<Output>) {
    out.push(Output::Sip(sip::Command::ReferStatus { leg, status, reason: reason.into() }));
}

/// Who was at the other end of a consultation.
pub(super) enum Released {
    /// An agent who talks: the leg goes over to the customer's call.
    Agent(Box<Leg>, AgentSide),
    /// Nobody yet.
    Waiting(Destination),
    Nobody,
}

impl Call {
    /// True if `leg` is that of the agent who talks in this call.
    pub(super) fn is_agents(&self, leg: LegId) -> bool {
        self.stage == Stage::Talking && self.agent.as_ref().is_some_and(|side| side.leg == leg)
    }

    /// True for the agent who talks: whoever was called outside is none, though it has the agent's place.
    fn may_transfer(&self, leg: LegId) -> bool {
        self.is_agents(leg) && self.agent.as_ref().is_some_and(|side| side.outside.is_none())
    }

    /// The agent who has answered.
    pub(super) fn agent_user(&self) -> Option<&str> {
        self.agent.as_ref().map(|side| side.user.as_str())
    }

    /// True while this agent talks in this call.
    pub(super) fn is_with(&self, user: &str) -> bool {
        self.stage == Stage::Talking && self.agent_user() == Some(user)
    }

    /// The agent lets go of the caller, for whom a number outside is called.
    fn hand_outside(
        &mut self,
        now: Now,
        leg: LegId,
        outside: Outside,
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) {
        say_status(leg, 200, "OK", out);
        self.let_go(now, outside.number(), s, out);
        self.send_guests_away(s, out);
        s.acd.push(acd::Input::TalkEnded { call: self.ticket, transfer: true });
        let (_, back) = self.way_back();
        self.fallback = back;
        self.stage = Stage::Waiting;
        self.moment(now, Moment::Dialled { number: outside.number().to_owned() }, out);
        let caller = self.caller();
        out.push(Output::Media(media::Command::Unbridge { leg: caller }));
        self.speaking.music(caller, &s.music, &mut s.library, out);
        self.ring_outside(now, outside, s, out);
    }

    /// What the caller waits for if whoever it is handed to is not reached: its queue, at its old place; and that as a fallback,
    /// if it came from one.
    fn way_back(&self) -> (Request, Option<Request>) {
        let home = self.cdr.queue.clone().unwrap_or_default();
        let arrived = Some(self.queued.unwrap_or(self.began));
        let back = Request { queue: home.clone(), arrived, ..self.request() };
        let fallback = (!home.is_empty()).then(|| back.clone());
        (back, fallback)
    }

    /// The agent lets go of the caller, who waits for somebody else.
    fn hand_on(&mut self, now: Now, leg: LegId, to: Destination, s: &mut Shared, out: &mut Vec<Output>) {
        say_status(leg, 200, "OK", out);
        let told = s.acd.len();
        self.let_go(now, to.name(), s, out);
        self.send_guests_away(s, out);
        // Whoever is free by that is free for this caller, too, if it is the first in line.
        let freed = s.acd.split_off(told);
        s.acd.push(acd::Input::TalkEnded { call: self.ticket, transfer: true });
        let (back, fallback) = self.way_back();
        if matches!(to, Destination::Agent { .. }) {
            self.fallback = fallback;
        }
        self.wait_for(now, to.request(back), s, out);
        s.acd.extend(freed);
        let caller = self.caller();
        out.push(Output::Media(media::Command::Unbridge { leg: caller }));
        self.speaking.music(caller, &s.music, &mut s.library, out);
    }

    /// The agent's part of the talk is over, but the call is not.
    pub(super) fn let_go(&mut self, now: Now, to: &str, s: &mut Shared, out: &mut Vec<Output>) {
        let Some(side) = self.agent.take() else { return };
        self.settle_times(now);
        self.talked += self.bridged.take().map(|at| now.since(at)).unwrap_or_default();
        s.acd.extend(side.taken_over());
        self.moment(now, Moment::Transferred { by: side.user, to: to.to_owned() }, out);
        self.cdr.transfers += 1;
        self.close_leg(side.leg, "transferred", out);
    }

    /// A colleague who was asked takes the caller over, on the leg that the phone is already on.
    fn adopt(&mut self, now: Now, leg: Leg, side: AgentSide, s: &mut Shared, out: &mut Vec<Output>) {
        self.let_go(now, &side.user, s, out);
        self.cdr.agent = Some(side.user.clone());
        self.legs.push(leg);
        self.agent = Some(side);
        self.join(now, s, out);
    }

    /// Takes the other end out of a consultation, which ends then.
    fn release(&mut self) -> Released {
        match self.stage {
            Stage::Talking => {
                let Some(side) = self.agent.take() else { return Released::Nobody };
                match self.legs.iter().position(|l| l.id == side.leg) {
                    Some(at) => Released::Agent(Box::new(self.legs.remove(at)), side),
                    None => Released::Nobody,
                }
            }
            Stage::Waiting | Stage::Joining => match &self.begin {
                Begin::Desk { to, .. } => Released::Waiting(to.clone()),
                _ => Released::Nobody,
            },
            _ => Released::Nobody,
        }
    }
}
