//! Calls that the server places to customers who asked to be called back.
//!
//! ```text
//! "call me back" ─► Booking, the caller hangs up, the ACD keeps the place
//!                        │ its turn
//!                        ▼
//!       agent's phone rings ─► answered ─► the customer is called ─► bridged
//!                  │ no answer                  │ no answer, busy
//!                  └─► back in its place        └─► later again, as the queue has it
//! ```
//! By which trunk it goes out, `outside.rs` says.

use super::begin::{Begin, Customer};
use super::cdr::{EndedBy, Moment, Result};
use super::event::Output;
use super::journey::{Call, Due, Stage};
use super::switch::{Shared, Switch};
use crate::acd::{self, Decision, OfferId};
use crate::base::{CallId, Lang, LegId, Now, Pii};
use crate::ivr::Plan;
use crate::limits::DIAL_MAX;
use crate::media;
use crate::sip::Flow;
use std::sync::Arc;

/// A place kept for a customer who is not on the line.
#[derive(Debug, Clone)]
pub(super) struct Booking {
    pub(super) way: Flow,
    /// The trunk that the customer came over.
    pub(super) trunk: Option<String>,
    pub(super) number: Pii<String>,
    /// The agent is not to see it.
    pub(super) private: bool,
    pub(super) dialled: String,
    pub(super) plan: Arc<Plan>,
    pub(super) lang: Lang,
    pub(super) queue: Option<String>,
    pub(super) intent: Option<String>,
    /// The call in which it was asked for.
    pub(super) first: CallId,
}

impl Booking {
    pub(super) fn of(call: &Call, way: Flow) -> Booking {
        Booking {
            way,
            trunk: call.trunk.clone(),
            number: call.cdr.caller.clone(),
            private: call.cdr.private,
            dialled: call.cdr.dialled.clone(),
            plan: call.dialog.plan().clone(),
            lang: call.dialog.lang(),
            queue: call.cdr.queue.clone(),
            intent: call.cdr.intent.clone(),
            first: call.id,
        }
    }
}

impl Switch {
    /// The turn of a customer who is to be called back has come: rings the agent first.
    pub(super) fn call_back(
        &mut self,
        now: Now,
        ticket: CallId,
        (offer, user, decision): (OfferId, String, Decision),
        out: &mut Vec<Output>,
    ) {
        let Some(booking) = self.shared.callbacks.get(&ticket).cloned() else {
            // Nobody knows whom to call: it was asked for before a restart.
            return self.shared.acd.push(acd::Input::CallbackCancelled { call: ticket });
        };
        let id = CallId(self.next_call);
        self.next_call += 1;
        let leg = self.shared.new_leg(id);
        let begin = Begin::Callback { first: booking.first };
        let customer = Customer::to_call_back(leg, &booking);
        let plan = booking.plan.clone();
        let mut call = Call::new(now, id, customer, plan, (begin, None), &mut self.shared, out);
        call.ticket = ticket;
        call.stage = Stage::Waiting;
        call.dialog.speak(booking.lang);
        (call.cdr.queue, call.cdr.intent) = (booking.queue, booking.intent);
        self.shared.tickets.insert(ticket, id);
        self.calls.insert(id, Box::new(call));
        self.with(id, out, |call, s, out| call.ring(now, offer, user, decision, s, out));
    }
}

impl Call {
    /// The customer is to be called back, and has not answered yet.
    pub(super) fn is_without_customer(&self) -> bool {
        self.is_callback() && self.answered.is_none()
    }

    /// The agent is there: now the customer is called.
    pub(super) fn call_customer(&mut self, now: Now, agent: LegId, s: &mut Shared, out: &mut Vec<Output>) {
        let Some(way) = self.way else { return };
        self.stage = Stage::Dialling;
        if let Err(why) = self.find_customer(now, way, s) {
            self.moment(now, Moment::Fault { what: format!("the customer cannot be called: {why}") }, out);
            return self.customer_missed(now, s, out);
        }
        if let Begin::Callback { first } = self.begin {
            s.hang_up.push(first);
        }
        let Some(leg) = self.legs.first_mut() else { return };
        leg.sip = true;
        out.push(Output::Open { leg: leg.id, ip: way.local.ip(), near: Some(agent) });
        s.timers.set((self.id, Due::Dialog), now + DIAL_MAX);
    }

    /// The customer's leg has a port.
    pub(super) fn invite_customer(&mut self, now: Now, s: &mut Shared, out: &mut Vec<Output>) {
        let Some(leg) = self.legs.first_mut() else { return };
        let Some(sdp) = leg.offer() else { return };
        let leg = leg.id;
        out.extend(self.invite_back(now, leg, sdp, s).map(Output::Sip));
    }

    /// The customer has answered: both are there.
    pub(super) fn customer_answered(&mut self, now: Now, sdp: &[u8], s: &mut Shared, out: &mut Vec<Output>) {
        s.timers.clear((self.id, Due::Dialog));
        let Some(leg) = self.legs.first_mut() else { return };
        let (id, accepted) = (leg.id, leg.answered(sdp).is_ok());
        let Some(to) = leg.stream.filter(|_| accepted) else { return self.customer_missed(now, s, out) };
        leg.up = true;
        out.push(Output::Media(media::Command::Connect { leg: id, to }));
        self.answered = Some(now);
        s.callbacks.remove(&self.ticket);
        self.moment(now, Moment::Answered, out);
        self.join(now, s, out);
    }

    /// The customer does not answer, or the agent would not wait: the ACD knows when to try again.
    pub(super) fn customer_missed(&mut self, now: Now, s: &mut Shared, out: &mut Vec<Output>) {
        s.acd.push(acd::Input::CallbackMissed { call: self.ticket });
        self.end(now, EndedBy::Line, Result::NotReached, s, out);
    }
}
