//! What the transactions say, to whom it is said, and when a leg is forgotten.

use super::endpoint::Endpoint;
use super::event::{EndCause, Event, Output};
use super::layer::{Owner, TxId, Up};
use super::leg::{Leg, LegTimer, State};
use super::message::{Envelope, Message, Start};
use super::request::Request;
use crate::base::{LegId, Now};

impl Endpoint {
    /// A response to a request of ours, for whose it is.
    pub(super) fn responded(
        &mut self,
        now: Now,
        (owner, tx): (Owner, TxId),
        (message, envelope): (&Message, &Envelope<'_>),
        out: &mut Vec<Output>,
    ) {
        match owner {
            Owner::Invite(leg) => self.invite_response(now, leg, tx, (message, envelope), out),
            Owner::Bye(leg) => {
                if let Start::Response { status: status @ 200.., .. } = message.start() {
                    self.bye_response(now, leg, status, message, out);
                }
            }
            Owner::Offer(leg) => self.offer_response(now, leg, tx, (message, envelope), out),
            Owner::Refer(leg) => self.refer_response(leg, message, out),
            Owner::Registration(peer) => self.registration_response(now, (peer, tx), message, out),
            Owner::Options(peer) => self.options_response((peer, tx), message, out),
            Owner::Leg(_) | Owner::Nobody => {}
        }
    }

    /// Carries out what the transactions have said, until they say no more.
    pub(super) fn settle(&mut self, now: Now, out: &mut Vec<Output>) {
        while let Some(up) = self.layer.ups.pop_front() {
            match up {
                Up::Failed { owner, tx, unreachable } => match owner {
                    Owner::Invite(leg) => self.invite_failed(now, leg, tx, unreachable, out),
                    Owner::Registration(peer) => self.registration_failed(now, (peer, tx), unreachable, out),
                    Owner::Options(peer) => self.options_failed(now, (peer, tx), out),
                    Owner::Offer(leg) => self.offer_failed(now, leg, tx, out),
                    Owner::Refer(leg) => self.refer_ended(leg, 408, out),
                    Owner::Bye(_) | Owner::Leg(_) | Owner::Nobody => {}
                },
                Up::ReplyLost { owner } => {
                    let waits = |l: &Leg| matches!(l.state, State::Offered(_)) || l.unacked.is_some();
                    if let Some(leg) = owner.leg().filter(|id| self.legs.get(id).is_some_and(|l| waits(l))) {
                        self.over(leg);
                        self.end(leg, EndCause::Unreachable, out);
                    }
                }
                Up::Gone { owner } => {
                    if let Some(id) = owner.leg() {
                        self.with(id, |leg| {
                            leg.open = leg.open.saturating_sub(1);
                            if leg.open == 0 {
                                // A 2xx that is repeated now belongs to no transaction.
                                leg.acks = Vec::new();
                            }
                        });
                        self.reap(id);
                    }
                }
            }
        }
    }

    /// Begins a server transaction, which is counted with its leg.
    pub(super) fn serve(&mut self, request: &Request, owner: Owner) -> TxId {
        if let Some(leg) = owner.leg().and_then(|id| self.legs.get_mut(&id)) {
            leg.open += 1;
        }
        self.layer.serve(request, owner)
    }

    /// Says that a leg is over, once.
    pub(super) fn end(&mut self, id: LegId, cause: EndCause, out: &mut Vec<Output>) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if !leg.ended {
            leg.ended = true;
            out.push(Output::Event(Event::Ended { leg: id, cause }));
        }
        self.reap(id);
    }

    /// Puts a leg where nothing is to come but what comes late.
    pub(super) fn over(&mut self, id: LegId) {
        self.with(id, |leg| {
            leg.state = State::Over;
            leg.unacked = None;
            leg.asked = None;
            leg.wanted = None;
        });
        self.timers.clear_all((id, LegTimer::FIRST)..=(id, LegTimer::LAST_IF_OVER));
    }

    /// Forgets a leg that has ended and has no transaction left.
    fn reap(&mut self, id: LegId) {
        let done = |l: &Leg| l.ended && l.open == 0 && l.unacked.is_none();
        if !self.legs.get(&id).is_some_and(|l| done(l)) {
            return;
        }
        if let Some(leg) = self.legs.remove(&id) {
            self.dialogs.remove(&leg.tag);
        }
        self.timers.clear_all((id, LegTimer::FIRST)..=(id, LegTimer::LAST));
    }

    /// Changes a leg, if it is there.
    pub(super) fn with(&mut self, id: LegId, change: impl FnOnce(&mut Leg)) {
        if let Some(leg) = self.legs.get_mut(&id) {
            change(leg);
        }
    }
}
