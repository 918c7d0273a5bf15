//! Legs that a peer begins (RFC 3261 §13.3, §9.2): INVITE, what the call decides about it, CANCEL.
//!
//! In: an INVITE outside of any dialog; `Ring`, `Answer`, `Refuse`; CANCEL. Out: responses, `Incoming`, `Ended`. The same
//! `Answer` and `Refuse` decide about an offer in the dialog (`offers.rs`).

use super::body::sdp_of;
use super::build::Builder;
use super::dialog::Dialog;
use super::endpoint::Endpoint;
use super::event::{Claims, EndCause, Event, Incoming, Output, PeerId};
use super::extension::RELIABLE;
use super::layer::{Owner, TxId};
use super::leg::{Leg, LegTimer, RING_AGAIN, State};
use super::message::Message;
use super::name::Name;
use super::name_addr::NameAddr;
use super::offers::Asked;
use super::reply::Fault;
use super::request::Request;
use super::session;
use super::syntax::Text;
use super::transaction::T2;
use super::uri::Uri;
use crate::base::{LegId, Now, Pii};
use bytes::Bytes;
use std::borrow::Cow;

impl Endpoint {
    /// An INVITE that begins a call.
    pub(super) fn incoming(
        &mut self,
        now: Now,
        request: &Request,
        account: Option<String>,
        out: &mut Vec<Output>,
    ) {
        let (leg, tag) = (self.new_leg(), Text::from(self.token()));
        let dialog = match Dialog::uas(request, &tag) {
            Ok(dialog) => dialog,
            Err(why) => return self.refuse(&Fault::BadRequest(why), request, out),
        };
        let session = match session::agree(request.message) {
            Ok(session) => session,
            Err(fault) => return self.refuse(&fault, request, out),
        };
        let replaces = match self.to_replace(request.message) {
            Ok(replaces) => replaces,
            Err(fault) => return self.refuse(&fault, request, out),
        };
        let tx = self.layer.serve(request, Owner::Invite(leg));
        let invite = Asked { tx, cseq: request.envelope.cseq, update: false, session };
        self.offered.push(leg);
        let mut new = Leg::new(dialog, tag.clone(), State::Offered(invite), None);
        new.open = 1;
        self.trace.leg(leg, request.envelope.call_id);
        self.legs.insert(leg, Box::new(new));
        self.dialogs.insert(tag, leg);
        // At once, so that the peer need not repeat itself while the call decides (§17.2.1).
        let trying = Builder::reply(request.message, 100, "", None).end();
        self.layer.respond(now, tx, 100, trying, out);
        let user = request.message.request().and_then(|(_, uri)| user_of(uri));
        let peer = self.registered_with(request.flow.remote.ip(), user.as_deref());
        let domains = self.ways.domains(request.flow).to_vec();
        let incoming = Incoming { replaces, domains, ..describe(leg, request, account, peer) };
        out.push(Output::Event(Event::Incoming(Box::new(incoming))));
    }

    /// 180, and again each minute (§13.3.1.1).
    pub(super) fn ring(&mut self, now: Now, id: LegId, out: &mut Vec<Output>) {
        let Some((tx, (flow, sips), tag)) = self.legs.get(&id).and_then(|leg| match leg.state {
            State::Offered(invite) => Some((invite.tx, (leg.dialog.flow, leg.dialog.sips), leg.tag.clone())),
            State::Calling(_) | State::Up | State::Over => None,
        }) else {
            return;
        };
        let contact = self.contact(flow, sips);
        let Some(request) = self.layer.request_of(tx) else { return };
        let mut ringing = Builder::reply(&request, 180, "", Some(&tag)).field(Name::Contact, contact);
        self.timers.set((id, LegTimer::Ring), now + RING_AGAIN);
        if request.requires(RELIABLE) {
            if sdp_of(&request).is_none_or(|sdp| sdp.is_empty()) {
                return;
            }
            match self.reliably(now, id, ringing) {
                Some(reliable) => ringing = reliable,
                None => return,
            }
        }
        self.layer.respond(now, tx, 180, ringing.end(), out);
    }

    /// 200 for the INVITE, or for the offer in the dialog, that waits.
    pub(super) fn answer(&mut self, now: Now, id: LegId, sdp: &Bytes, out: &mut Vec<Output>) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let asked = match (&leg.state, leg.asked.take()) {
            (State::Offered(invite), _) => *invite,
            (State::Up, Some(asked)) => asked,
            (State::Calling(_) | State::Up | State::Over, _) => return,
        };
        leg.state = State::Up;
        for timer in [LegTimer::Ring, LegTimer::Reliable, LegTimer::NoPrack] {
            self.timers.clear((id, timer));
        }
        self.accept(now, id, asked, sdp, out);
    }

    /// A refusal of the INVITE, or of the offer in the dialog, that waits.
    pub(super) fn decline(
        &mut self,
        now: Now,
        id: LegId,
        (status, reason, retry_after_s): (u16, &str, Option<u32>),
        out: &mut Vec<Output>,
    ) {
        let status = if (300..700).contains(&status) { status } else { 500 };
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let (tx, first) = match (&leg.state, leg.asked.take()) {
            (State::Offered(invite), _) => (invite.tx, true),
            (State::Up, Some(asked)) => (asked.tx, false),
            (State::Calling(_) | State::Up | State::Over, _) => return,
        };
        self.respond_refusal(now, id, tx, (status, reason, retry_after_s), "", out);
        if first {
            if let Some(flow) = self.layer.flow_of(tx).filter(|_| matches!(status, 403 | 404)) {
                self.strike(now, flow, "calls that lead nowhere");
            }
            self.over(id);
            self.end(id, EndCause::WeHungUp, out);
        }
    }

    /// Sends a final refusal in an INVITE transaction of a leg.
    pub(super) fn respond_refusal(
        &mut self,
        now: Now,
        id: LegId,
        tx: TxId,
        (status, phrase, retry_after_s): (u16, &str, Option<u32>),
        why: &str,
        out: &mut Vec<Output>,
    ) {
        let tag = self.legs.get(&id).map(|l| l.tag.clone());
        let Some(request) = self.layer.request_of(tx) else { return };
        let mut b = Builder::reply(&request, status, phrase, tag.as_deref());
        if let Some(after) = retry_after_s {
            b = b.field(Name::RetryAfter, after);
        }
        let octets = b.field(Name::Server, &self.config.user_agent).reason(why).end();
        self.layer.respond(now, tx, status, octets, out);
    }

    /// CANCEL (§9.2): always answered; it does something only to an INVITE that has had no final response.
    pub(super) fn cancelled(&mut self, now: Now, request: &Request, out: &mut Vec<Output>) {
        let Some((invite, owner)) = self.layer.cancelled(&request.envelope) else {
            return self.refuse(&Fault::NoDialog, request, out);
        };
        let leg = owner.leg();
        let tag = leg.and_then(|id| self.legs.get(&id)).map(|l| l.tag.clone());
        let tx = self.serve(request, leg.map_or(Owner::Nobody, Owner::Leg));
        let tag = tag.unwrap_or_else(|| self.stateless_tag(request.message).into());
        let ok = Builder::reply(request.message, 200, "", Some(&tag)).end();
        self.layer.respond(now, tx, 200, ok, out);
        let Some((id, leg)) = leg.and_then(|id| Some((id, self.legs.get_mut(&id)?))) else { return };
        match leg.state {
            State::Offered(Asked { tx, .. }) if tx == invite => {
                self.respond_refusal(now, id, invite, (487, "", None), "", out);
                self.over(id);
                self.say_reason(id, request.message, out);
                self.end(id, EndCause::PeerCancelled, out);
            }
            _ if leg.asked.is_some_and(|asked| asked.tx == invite) => {
                leg.asked = None;
                self.respond_refusal(now, id, invite, (487, "", None), "", out);
            }
            // Too late: our 200 or refusal is on its way.
            State::Calling(_) | State::Offered(_) | State::Up | State::Over => {}
        }
    }

    /// Our 200 is still without its ACK.
    pub(super) fn repeat(&mut self, now: Now, id: LegId, out: &mut Vec<Output>) {
        let Some(unacked) = self.legs.get_mut(&id).and_then(|l| l.unacked.as_mut()) else { return };
        unacked.interval = (unacked.interval * 2).min(T2);
        let (tx, interval) = (unacked.tx, unacked.interval);
        self.layer.again(now, tx, 200, out);
        self.timers.set((id, LegTimer::Repeat), now + interval);
    }

    /// The ACK for our 200.
    pub(super) fn acked(&mut self, now: Now, id: LegId, request: &Request, out: &mut Vec<Output>) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(unacked) = leg.unacked.take_if(|u| u.cseq == request.envelope.cseq) else { return };
        let ended = leg.ended;
        self.layer.acknowledged(unacked.tx);
        self.timers.clear((id, LegTimer::Repeat));
        self.timers.clear((id, LegTimer::NoAck));
        if ended {
            // We hung up meanwhile; only now may BYE be sent (§15).
            self.bye(now, id, "", out);
        } else {
            out.push(Output::Event(Event::Acknowledged {
                leg: id,
                sdp: sdp_of(request.message).unwrap_or_default(),
            }));
        }
    }
}

/// The event for a new call.
fn describe(
    leg: LegId,
    request: &Request,
    account: Option<String>,
    peer: Option<(PeerId, &str)>,
) -> Incoming {
    let message = request.message;
    let from = &request.envelope.from;
    let user = |uri| user_of(uri).unwrap_or_default();
    let uri = message.request().map(|(_, uri)| uri).unwrap_or_default();
    let mut dialled = user(uri);
    if peer.is_some_and(|(_, registered)| registered == dialled) {
        let called = message.get(Name::PCalledPartyId).and_then(|v| user_of(NameAddr::parse(v).ok()?.uri()));
        dialled = called.or_else(|| user_of(request.envelope.to.uri())).unwrap_or(dialled);
    }
    let mut headers = Vec::new();
    for (name, label, value) in message.fields() {
        match name {
            Name::Via
            | Name::From
            | Name::To
            | Name::CallId
            | Name::CSeq
            | Name::Contact
            | Name::MaxForwards
            | Name::ContentLength
            | Name::ContentType
            | Name::Route
            | Name::RecordRoute
            | Name::Authorization
            | Name::ProxyAuthorization => {}
            _ => headers.push((label.to_string(), value.to_string())),
        }
    }
    Incoming {
        leg,
        flow: request.flow,
        replaces: None,
        domains: Vec::new(),
        peer: peer.map(|(peer, _)| peer),
        dialled,
        uri: uri.to_string(),
        to: user(request.envelope.to.uri()),
        caller: Pii::new(user(from.uri())),
        claims: claims(message),
        caller_name: from.display().map(|name| Pii::new(name.to_string())),
        call_id: request.envelope.call_id.to_string(),
        sdp: sdp_of(message).unwrap_or_default(),
        account,
        headers,
    }
}

/// What the network says of the caller. A field that cannot be read says nothing.
fn claims(message: &Message) -> Claims {
    let users = |name| -> Vec<String> {
        let list = message.list(name).unwrap_or_default();
        list.into_iter().filter_map(|v| user_of(NameAddr::parse(v).ok()?.uri())).collect()
    };
    // `none` asks for none; whatever else is there asks for some (RFC 3323 §4.2).
    let mut private = message
        .all(Name::Privacy)
        .flat_map(|v| v.split([';', ',']).map(|p| p.trim().to_ascii_lowercase()).collect::<Vec<_>>());
    let mut targets = users(Name::HistoryInfo);
    targets.truncate(if targets.len() > 1 { 1 } else { 0 });
    Claims {
        asserted: users(Name::PAssertedIdentity).into_iter().next().map(Pii::new),
        private: private.any(|p| matches!(&*p, "id" | "user" | "header")),
        diverted_from: users(Name::Diversion).pop().or(targets.pop()).map(Pii::new),
    }
}

fn user_of(uri: &str) -> Option<String> {
    Uri::parse(uri).ok()?.user.filter(|u| !u.is_empty()).map(Cow::into_owned)
}
