//! Provisional responses that must arrive (RFC 3262), both ways.
//!
//! ```text
//! peer: INVITE, Require: 100rel ─► 180, RSeq: 7 (again after T1, 2·T1, …) ◄─ PRACK, RAck: 7 1 INVITE ─► 200
//! ours: INVITE, Supported: 100rel ◄─ 183, Require: 100rel, RSeq: 7 ─► PRACK, RAck: 7 1 INVITE ◄─ 200
//! ```
//! We answer within milliseconds, so a 180 of ours is sent reliably only to a peer that requires it, and to one that
//! required it without making an offer there is none at all: it would have to carry ours (§5). No 1xx of ours has a
//! description, so a 200 need not wait for its PRACK (§3).

use super::build::Builder;
use super::dialog::Dialog;
use super::endpoint::Endpoint;
use super::event::{EndCause, Output};
use super::extension::RELIABLE;
use super::layer::Owner;
use super::leg::{FORKS_MAX, LegTimer, State};
use super::message::{Envelope, Message};
use super::name::{Method, Name};
use super::offers::Asked;
use super::reply::Fault;
use super::request::Request;
use super::transaction::{T1, T1_64};
use crate::base::{LegId, Now};
use std::time::Duration;

/// A provisional response of ours that waits for its PRACK, or has had it.
#[derive(Debug)]
pub(super) struct Reliable {
    pub(super) rseq: u32,
    /// CSeq of the INVITE.
    cseq: u32,
    interval: Duration,
    pub(super) acknowledged: bool,
}

/// The value of a RAck header (§7.2): RSeq, CSeq and method of what is acknowledged.
fn rack(message: &Message) -> Option<(u32, u32, bool)> {
    let value = message.get(Name::RAck)?;
    let mut words = value.split_ascii_whitespace();
    let (rseq, cseq) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some((rseq, cseq, words.next()? == "INVITE" && words.next().is_none()))
}

impl Endpoint {
    /// Fields that make a 1xx of ours reliable, with timers that repeat it; `None` if an earlier one is still without its
    /// PRACK (§3: one at a time).
    pub(super) fn reliably(&mut self, now: Now, id: LegId, b: Builder) -> Option<Builder> {
        let first = self.rng.u32(1..1 << 31);
        let leg = self.legs.get_mut(&id)?;
        let rseq = match &leg.reliable {
            Some(Reliable { acknowledged: false, .. }) => return None,
            Some(earlier) => earlier.rseq + 1,
            None => first,
        };
        let State::Offered(Asked { cseq, .. }) = leg.state else { return None };
        leg.reliable = Some(Reliable { rseq, cseq, interval: T1, acknowledged: false });
        self.timers.set((id, LegTimer::Reliable), now + T1);
        self.timers.set((id, LegTimer::NoPrack), now + T1_64);
        Some(b.field(Name::Require, RELIABLE).field(Name::RSeq, rseq))
    }

    /// Our reliable 1xx is still without its PRACK.
    pub(super) fn repeat_reliable(&mut self, now: Now, id: LegId, out: &mut Vec<Output>) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let (State::Offered(invite), Some(reliable)) = (&leg.state, &mut leg.reliable) else { return };
        reliable.interval *= 2;
        let (tx, interval) = (invite.tx, reliable.interval);
        self.layer.again(now, tx, 180, out);
        self.timers.set((id, LegTimer::Reliable), now + interval);
    }

    /// The PRACK is not coming: the INVITE is refused (§3).
    pub(super) fn no_prack(&mut self, now: Now, id: LegId, out: &mut Vec<Output>) {
        let Some(State::Offered(Asked { tx, .. })) = self.legs.get(&id).map(|leg| &leg.state) else { return };
        let tx = *tx;
        self.respond_refusal(now, id, tx, (504, "No PRACK", None), "", out);
        self.over(id);
        self.end(id, EndCause::Timeout, out);
    }

    /// PRACK for a 1xx of ours.
    pub(super) fn prack(&mut self, now: Now, id: LegId, request: &Request, out: &mut Vec<Output>) {
        let Some((rseq, cseq, invite)) = rack(request.message) else {
            return self.fault(now, id, &Fault::BadRequest("Bad RAck"), request, out);
        };
        let waits = |r: &&mut Reliable| invite && (r.rseq, r.cseq) == (rseq, cseq);
        let found = self.legs.get_mut(&id).and_then(|leg| leg.reliable.as_mut()).filter(waits);
        let Some(reliable) = found.filter(|r| !r.acknowledged) else {
            return self.fault(now, id, &Fault::NoDialog, request, out);
        };
        // There is nothing yet that an offer in it could change (RFC 3262 §5).
        if !request.message.body().is_empty() {
            return self.fault(now, id, &Fault::RequestPending, request, out);
        }
        reliable.acknowledged = true;
        self.timers.clear((id, LegTimer::Reliable));
        self.timers.clear((id, LegTimer::NoPrack));
        let tx = self.serve(request, Owner::Leg(id));
        let ok = Builder::reply(request.message, 200, "", None).end();
        self.layer.respond(now, tx, 200, ok, out);
    }

    /// Acknowledges a reliable 1xx of the peer; false if it is a copy, or one before it is missing (§4).
    pub(super) fn provisional(
        &mut self,
        now: Now,
        id: LegId,
        (message, envelope): (&Message, &Envelope<'_>),
        out: &mut Vec<Output>,
    ) -> bool {
        if !message.requires(RELIABLE) {
            return true;
        }
        let tag = envelope.to.tag().unwrap_or_default();
        let Some(leg) = self.legs.get_mut(&id) else { return false };
        let (Some(rseq), State::Calling(calling)) = (message.number(Name::RSeq), &mut leg.state) else {
            return false;
        };
        let forks = calling.rseqs.len();
        match calling.rseqs.iter_mut().find(|(t, _)| **t == *tag) {
            Some((_, last)) if rseq.checked_sub(1) != Some(*last) => return false,
            Some((_, last)) => *last = rseq,
            None if forks >= FORKS_MAX => return false,
            None => calling.rseqs.push((tag.into_owned().into(), rseq)),
        }
        let Ok(mut early) = Dialog::uac(&leg.dialog, message, &envelope.to) else { return false };
        let flow = early.next_hop(&self.ways);
        let via = self.via(flow);
        let prack = early
            .request(&Method::Prack, &via)
            .field(Name::RAck, format_args!("{rseq} {} INVITE", envelope.cseq))
            .end();
        self.with(id, |leg| leg.dialog.local_cseq = early.local_cseq);
        self.send(now, flow, prack, Owner::Leg(id), out);
        true
    }
}
