//! Offers within a dialog, both ways: re-INVITE (RFC 3261 §14) and UPDATE (RFC 3311); and the requests of ours that refresh
//! a session (RFC 4028 §7.4, §10).
//!
//! ```text
//! peer: re-INVITE ─► 100, Offer ─► (the call) ─► Answer ─► 200 ◄─ ACK, Acknowledged
//!       UPDATE    ─►      Offer ─► (the call) ─► Answer ─► 200,        Acknowledged
//! ours: Offer, or half of the session is over ─► re-INVITE or UPDATE ◄─ 200, OfferAnswered
//!       491 (glare): again after a while of chance, longer for who owns the Call-ID (§14.1)
//!       408, 481, nothing: the peer has no such call any more, so it is over here too
//! ```
//! One offer at a time: while one of the peer's is open ours waits, and while ours is open the peer's is refused with 491.

use super::answers::Answers;
use super::body::sdp_of;
use super::build::{Builder, after_invite};
use super::endpoint::Endpoint;
use super::event::{Event, Output};
use super::extension::{ALLOW, SUPPORTED, TIMER};
use super::layer::{Owner, TxId};
use super::leg::{LegTimer, State, Unacked};
use super::message::{Envelope, Message, Start};
use super::name::{Method, Name};
use super::reply::Fault;
use super::request::Request;
use super::session::{self, Session};
use super::syntax::Text;
use super::transaction::{T1, T1_64};
use crate::base::{LegId, Now};
use crate::limits::SESSION_MIN_S;
use bytes::Bytes;
use std::time::Duration;

/// While the peer's offer is open, ours is tried again this often.
const BUSY_AGAIN: Duration = Duration::from_millis(500);

/// A Retry-After of up to this many seconds is waited for: what RFC 3261 §14.2 asks a peer to choose from.
const RETRY_S: u32 = 10;

/// An offer of the peer that waits for the call's decision.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) tx: TxId,
    pub(super) cseq: u32,
    /// It came by UPDATE, whose 200 is not acknowledged.
    pub(super) update: bool,
    /// What is agreed about the session if it is accepted.
    pub(super) session: Option<Session>,
}

/// What a request of ours is for.
#[derive(Debug, Clone)]
pub(super) enum Want {
    /// A sign of life.
    Refresh,
    /// Other media: the description that the call wants.
    Offer(Bytes),
}

/// A re-INVITE or UPDATE of ours that has had no final response.
#[derive(Debug)]
pub(super) struct Asking {
    tx: TxId,
    want: Want,
    cancelled: bool,
    /// A longer interval has been tried.
    tried: bool,
}

impl Endpoint {
    /// A re-INVITE (§14.2): the call decides, unless another offer is under way.
    pub(super) fn reinvite(&mut self, now: Now, id: LegId, request: &Request, out: &mut Vec<Output>) {
        let after = self.rng.u32(..=10);
        let Some(leg) = self.legs.get(&id) else { return };
        let agreed = match leg.state {
            State::Calling(_) => Err(Fault::RequestPending),
            State::Over => Err(Fault::NoDialog),
            State::Up if leg.ended => Err(Fault::NoDialog),
            State::Up if leg.asking.is_some() => Err(Fault::RequestPending),
            State::Offered(_) => Err(Fault::OutOfOrder(Some(after))),
            State::Up if leg.asked.is_some() || leg.unacked.is_some() => Err(Fault::OutOfOrder(Some(after))),
            State::Up => session::agree(request.message),
        };
        let session = match agreed {
            Ok(session) => session,
            Err(fault) => return self.fault(now, id, &fault, request, out),
        };
        let tx = self.serve(request, Owner::Invite(id));
        self.with(id, |leg| {
            leg.asked = Some(Asked { tx, cseq: request.envelope.cseq, update: false, session });
            // A phone that has lost its connection goes on over another.
            leg.dialog.flow = request.flow;
        });
        let trying = Builder::reply(request.message, 100, "", None).end();
        self.layer.respond(now, tx, 100, trying, out);
        out.push(Output::Event(Event::Offer { leg: id, sdp: sdp_of(request.message).unwrap_or_default() }));
    }

    /// UPDATE (RFC 3311 §5.2): without a description it is a sign of life, or a new address of the peer.
    pub(super) fn update(&mut self, now: Now, id: LegId, request: &Request, out: &mut Vec<Output>) {
        let after = self.rng.u32(..=10);
        let Some(leg) = self.legs.get(&id) else { return };
        let Some(sdp) = sdp_of(request.message) else {
            return self.fault(now, id, &Fault::UnsupportedMedia, request, out);
        };
        let agreed = match leg.state {
            State::Over => Err(Fault::NoDialog),
            State::Up if leg.ended => Err(Fault::NoDialog),
            // Our own offer has no answer yet.
            State::Calling(_) if !sdp.is_empty() => Err(Fault::RequestPending),
            State::Up if leg.asking.is_some() && !sdp.is_empty() => Err(Fault::RequestPending),
            // Theirs has none.
            State::Offered(_) if !sdp.is_empty() => Err(Fault::OutOfOrder(Some(after))),
            State::Up if leg.asked.is_some_and(|asked| asked.update || !sdp.is_empty()) => {
                Err(Fault::OutOfOrder(Some(after)))
            }
            State::Up if leg.unacked.is_some() && !sdp.is_empty() => Err(Fault::OutOfOrder(Some(after))),
            State::Calling(_) | State::Offered(_) | State::Up => session::agree(request.message),
        };
        let session = match agreed {
            Ok(session) => session,
            Err(fault) => return self.fault(now, id, &fault, request, out),
        };
        let tx = self.serve(request, Owner::Leg(id));
        let asked = Asked { tx, cseq: request.envelope.cseq, update: true, session };
        if sdp.is_empty() {
            return self.accept(now, id, asked, &sdp, out);
        }
        self.with(id, |leg| leg.asked = Some(asked));
        out.push(Output::Event(Event::Offer { leg: id, sdp }));
    }

    /// 200 for an INVITE or an offer in the dialog, with what is agreed about the session.
    pub(super) fn accept(&mut self, now: Now, id: LegId, asked: Asked, sdp: &Bytes, out: &mut Vec<Output>) {
        let Some(leg) = self.legs.get(&id) else { return };
        let (contact, up) = (self.contact(leg.dialog.flow, leg.dialog.sips), matches!(leg.state, State::Up));
        let Some(request) = self.layer.request_of(asked.tx) else { return };
        // RFC 3261 §14.2, RFC 3311 §5.2: what is accepted is a target refresh.
        let target: Option<Text> = request.contact().ok().map(|contact| contact.uri().into());
        let updates = request.allows(&Method::Update);
        let mut ok = Builder::reply(&request, 200, "", Some(&leg.tag))
            .field(Name::Contact, contact)
            .field(Name::Allow, ALLOW)
            .field(Name::Supported, SUPPORTED)
            .field(Name::Server, &self.config.user_agent);
        if let Some(session) = asked.session {
            ok = ok.field(Name::SessionExpires, session.of_response());
            if !session.ours {
                ok = ok.field(Name::Require, TIMER);
            }
        }
        self.layer.respond(now, asked.tx, 200, ok.sdp(sdp), out);
        self.with(id, |leg| {
            leg.updates |= updates;
            if let Some(target) = target {
                leg.dialog.target = target;
            }
            if !sdp.is_empty() {
                leg.sdp = sdp.clone();
            }
            if !asked.update {
                leg.unacked = Some(Unacked { tx: asked.tx, cseq: asked.cseq, interval: T1 });
            }
        });
        if up {
            self.begin_session(now, id, asked.session);
            self.locate_dialog(id, out);
        }
        if !asked.update {
            // §13.3.1.4: over any transport, since a proxy may lose it further on.
            self.timers.set((id, LegTimer::Repeat), now + T1);
            self.timers.set((id, LegTimer::NoAck), now + T1_64);
        } else if !sdp.is_empty() {
            out.push(Output::Event(Event::Acknowledged { leg: id, sdp: Bytes::new() }));
        }
    }

    /// The call wants other media.
    pub(super) fn offer(&mut self, now: Now, id: LegId, sdp: Bytes, out: &mut Vec<Output>) {
        let up = |leg: &super::leg::Leg| matches!(leg.state, State::Up) && !leg.ended;
        match self.legs.get(&id) {
            Some(leg) if up(leg) => self.ask(now, id, Want::Offer(sdp), false, out),
            Some(leg) if !leg.ended => out.push(Output::Event(Event::OfferRefused { leg: id, status: 491 })),
            _ => {}
        }
    }

    /// Sends a re-INVITE or UPDATE, or waits until that is allowed.
    pub(super) fn ask(&mut self, now: Now, id: LegId, want: Want, tried: bool, out: &mut Vec<Output>) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if !matches!(leg.state, State::Up) || leg.ended {
            return;
        }
        if leg.asking.is_some() || leg.asked.is_some() || leg.unacked.is_some() {
            return self.ask_later(now, id, want, BUSY_AGAIN);
        }
        let (flow, sips) = (leg.dialog.next_hop(&self.ways), leg.dialog.sips);
        let (via, contact, cnonce) = (self.via(flow), self.contact(flow, sips), self.rng.u64(..));
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let (method, sdp) = match &want {
            Want::Refresh if leg.updates => (Method::Update, Bytes::new()),
            Want::Refresh => (Method::Invite, leg.sdp.clone()),
            Want::Offer(sdp) => {
                leg.sdp = sdp.clone();
                (Method::Invite, sdp.clone())
            }
        };
        let mut b = leg.dialog.request(&method, &via).field(Name::Contact, contact);
        b = leg.authorized(b, &method, cnonce);
        b = b.field(Name::Allow, ALLOW).field(Name::Supported, SUPPORTED);
        if let Some(session) = leg.session {
            let who = if session.ours { "uac" } else { "uas" };
            b = b
                .field(Name::SessionExpires, format_args!("{};refresher={who}", session.interval_s))
                .field(Name::MinSe, session.interval_s.min(SESSION_MIN_S));
        }
        let octets = b.field(Name::UserAgent, &self.config.user_agent).sdp(&sdp);
        if let Some(tx) = self.send(now, flow, octets, Owner::Offer(id), out) {
            self.with(id, |leg| leg.asking = Some(Asking { tx, want, tried, cancelled: false }));
            self.timers.set((id, LegTimer::AskLimit), now + T1_64);
        }
    }

    fn ask_later(&mut self, now: Now, id: LegId, want: Want, after: Duration) {
        // What the call wants goes before a sign of life, which it is as well.
        self.with(id, |leg| match (&want, &leg.wanted) {
            (Want::Refresh, Some(_)) => {}
            _ => leg.wanted = Some(want),
        });
        self.timers.set((id, LegTimer::Ask), now + after);
    }

    /// What had to wait is tried again.
    pub(super) fn ask_again(&mut self, now: Now, id: LegId, out: &mut Vec<Output>) {
        if let Some(want) = self.legs.get_mut(&id).and_then(|leg| leg.wanted.take()) {
            self.ask(now, id, want, false, out);
        }
    }

    /// A response to a re-INVITE or UPDATE of ours.
    pub(super) fn offer_response(
        &mut self,
        now: Now,
        id: LegId,
        tx: TxId,
        (message, envelope): (&Message, &Envelope<'_>),
        out: &mut Vec<Output>,
    ) {
        let Start::Response { status, .. } = message.start() else { return };
        if status < 200 {
            return;
        }
        if status < 300 && envelope.method == Method::Invite {
            self.acknowledge(id, envelope.cseq, message, out);
        }
        let Some(asking) = self.legs.get_mut(&id).and_then(|leg| leg.asking.take_if(|a| a.tx == tx)) else {
            return;
        };
        self.timers.clear((id, LegTimer::AskLimit));
        if !self.legs.get(&id).is_some_and(|leg| matches!(leg.state, State::Up) && !leg.ended) {
            return;
        }
        match status {
            ..300 => {
                self.with(id, |leg| leg.answers.iter_mut().for_each(Answers::passed));
                if let Ok(contact) = message.contact() {
                    self.with(id, |leg| leg.dialog.target = contact.uri().into());
                    self.locate_dialog(id, out);
                }
                self.begin_session(now, id, Session::agreed(message));
                let sdp = sdp_of(message).unwrap_or_default();
                if !sdp.is_empty() {
                    out.push(Output::Event(Event::OfferAnswered { leg: id, sdp }));
                }
            }
            // It said that it takes UPDATE, and does not: a re-INVITE without a change says the same (RFC 4028 §7.4).
            405 | 501 if envelope.method == Method::Update => {
                self.with(id, |leg| leg.updates = false);
                self.ask(now, id, asking.want, asking.tried, out);
            }
            401 | 407 if self.legs.get_mut(&id).is_some_and(|leg| leg.challenged(message)) => {
                self.ask(now, id, asking.want, asking.tried, out);
            }
            422 if !asking.tried => {
                let least = message.number(Name::MinSe).unwrap_or(SESSION_MIN_S);
                self.with(id, |leg| {
                    leg.session = leg.session.map(|s| Session { interval_s: s.interval_s.max(least), ..s });
                });
                self.ask(now, id, asking.want, true, out);
            }
            491 => {
                // §14.1: 2.1 to 4 s for who owns the Call-ID, else up to 2 s, in steps of 10 ms.
                let owner = self.legs.get(&id).is_some_and(|leg| leg.began);
                let steps = if owner { self.rng.u64(210..=400) } else { self.rng.u64(..=200) };
                self.ask_later(now, id, asking.want, Duration::from_millis(steps * 10));
            }
            // §14.2: the peer was busy with an offer of its own.
            500 if message.number(Name::RetryAfter).is_some_and(|s| s <= RETRY_S) => {
                let after = message.number(Name::RetryAfter).unwrap_or_default();
                self.ask_later(now, id, asking.want, BUSY_AGAIN + Duration::from_secs(after.into()));
            }
            408 | 481 => self.lost(now, id, "SIP;cause=481", out),
            // A sign of life that is refused is one all the same; the session's end says what comes of it.
            _ if matches!(asking.want, Want::Refresh) => {}
            _ => out.push(Output::Event(Event::OfferRefused { leg: id, status })),
        }
    }

    /// A re-INVITE or UPDATE of ours has had no final response.
    pub(super) fn offer_failed(&mut self, now: Now, id: LegId, tx: TxId, out: &mut Vec<Output>) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if leg.asking.take_if(|a| a.tx == tx).is_some() {
            self.lost(now, id, "SIP;cause=408", out);
        }
    }

    /// A re-INVITE of ours that the peer has heard, but says no last word about, is taken back (§9.1); and if not even that
    /// is answered, the peer is gone.
    pub(super) fn ask_limit(&mut self, now: Now, id: LegId, out: &mut Vec<Output>) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(asking) = leg.asking.as_mut() else { return };
        let (tx, flow) = (asking.tx, self.layer.flow_of(asking.tx));
        let cancel = self.layer.request_of(tx).and_then(|r| after_invite(&r, &Method::Cancel, None));
        if let (false, Some(cancel), Some(flow)) = (asking.cancelled, cancel, flow) {
            asking.cancelled = true;
            self.timers.set((id, LegTimer::AskLimit), now + T1_64);
            self.send(now, flow, cancel.end(), Owner::Leg(id), out);
            return;
        }
        leg.asking = None;
        self.lost(now, id, "SIP;cause=408", out);
        self.layer.forget(now, tx, out);
    }

    /// The ACK for a 2xx to a re-INVITE of ours, and again for each copy of it (§13.2.2.4).
    fn acknowledge(&mut self, id: LegId, cseq: u32, response: &Message, out: &mut Vec<Output>) {
        let Some(leg) = self.legs.get(&id) else { return };
        let mut dialog = leg.dialog.clone();
        if let Ok(contact) = response.contact() {
            dialog.target = contact.uri().into();
        }
        let flow = dialog.next_hop(&self.ways);
        let via = self.via(flow);
        let message = dialog.numbered(&Method::Ack, &via, cseq).end();
        out.push(Output::Transmit { flow, message });
    }
}
