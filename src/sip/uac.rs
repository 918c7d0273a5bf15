//! Legs that we begin (RFC 3261 §13.2): INVITE, CANCEL, the ACK for each 2xx, credentials when asked for.
//!
//! In: `Command::Invite`, responses to our INVITE, its failure. Out: requests, `Progress`, `Answered`, `Ended`.

use super::answers::Answers;
use super::body::sdp_of;
use super::build::after_invite;
use super::dialog::Dialog;
use super::endpoint::Endpoint;
use super::event::{Credentials, EndCause, Event, Flow, Output, Target};
use super::extension::{ALLOW, SUPPORTED};
use super::layer::{Owner, TxId};
use super::leg::{Calling, FORKS_MAX, Leg, LegTimer, State, TIMER_C};
use super::message::{Envelope, Message, Start};
use super::name::{Method, Name};
use super::name_addr::NameAddr;
use super::session::Session;
use super::syntax::Text;
use super::transaction::T1_64;
use crate::base::{LegId, Now};
use crate::limits::{SESSION_MIN_S, SESSION_S};
use bytes::Bytes;

/// What `Command::Invite` says, but for leg and target.
pub(super) struct Outgoing {
    pub(super) from: String,
    pub(super) sdp: Bytes,
    pub(super) headers: Vec<(String, String)>,
    pub(super) credentials: Option<Credentials>,
}

/// Where an INVITE goes.
pub(super) struct Way {
    /// The Request-URI.
    pub(super) uri: Text,
    pub(super) flow: Flow,
    /// Whoever is there cannot be reached but over `flow`.
    pub(super) natted: bool,
    /// The proxies that it is to pass.
    pub(super) routes: Vec<Text>,
}

impl Endpoint {
    /// Places a call.
    pub(super) fn invite(
        &mut self,
        now: Now,
        leg: LegId,
        target: Target,
        what: Outgoing,
        out: &mut Vec<Output>,
    ) {
        if self.legs.contains_key(&leg) || self.locating.contains_key(&leg) {
            return;
        }
        let to = match target {
            Target::Uri { uri, flow } => Way { uri: uri.into(), flow, natted: false, routes: Vec::new() },
            Target::Name(uri) => return self.locate(leg, uri, false, what, out),
            Target::OneOf(uri) => return self.locate(leg, uri, true, what, out),
            Target::User(user) => match self.registrar.newest(&user) {
                Some(b) => Way { uri: b.uri.clone(), flow: b.flow, natted: b.natted, routes: b.path.clone() },
                None => {
                    return out.push(Output::Event(Event::Ended { leg, cause: EndCause::NotRegistered }));
                }
            },
        };
        self.begin(now, leg, to, what, out);
    }

    /// Begins a leg with an INVITE to this URI over this flow.
    pub(super) fn begin(&mut self, now: Now, leg: LegId, way: Way, what: Outgoing, out: &mut Vec<Output>) {
        let ended = |cause| Output::Event(Event::Ended { leg, cause });
        if self.layer.len() >= self.config.transactions_max {
            return out
                .push(ended(EndCause::Refused { status: 503, reason: "Too Many Transactions".into() }));
        }
        let bare = format!("<{}>", what.from);
        let Ok(from) = NameAddr::parse(&what.from).or_else(|_| NameAddr::parse(&bare)) else {
            return out.push(ended(EndCause::Protocol("our From is no URI".into())));
        };
        let (tag, call_id) = (Text::from(self.token()), Text::from(self.token()));
        let dialog = Dialog::begun(call_id, from.tagged(&tag).into(), way);
        let new = Leg::new(dialog, tag.clone(), State::Over, what.credentials);
        self.trace.leg(leg, &new.dialog.call_id);
        self.legs.insert(leg, Box::new(Leg { began: true, sdp: what.sdp, ..new }));
        self.dialogs.insert(tag, leg);
        self.timers.set((leg, LegTimer::C), now + TIMER_C);
        self.send_invite(now, leg, what.headers, out);
        if self.legs.get(&leg).is_some_and(|l| matches!(l.state, State::Over)) {
            self.end(leg, EndCause::Protocol("our INVITE cannot be written".into()), out);
        }
    }

    /// Sends the INVITE, the first time or again with credentials (§22.2: higher CSeq, new branch).
    pub(super) fn send_invite(
        &mut self,
        now: Now,
        id: LegId,
        headers: Vec<(String, String)>,
        out: &mut Vec<Output>,
    ) {
        let Some(leg) = self.legs.get(&id) else { return };
        // The first hop is the one we were told, not what the Request-URI says.
        let (flow, sips) = (leg.dialog.flow, leg.dialog.sips);
        let (via, contact, cnonce) = (self.via(flow), self.contact(flow, sips), self.rng.u64(..));
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let mut b = leg.dialog.request(&Method::Invite, &via).field(Name::Contact, contact);
        b = leg.authorized(b, &Method::Invite, cnonce);
        let (interval_s, least) =
            leg.session.map_or((SESSION_S, SESSION_MIN_S), |s| (s.interval_s, s.interval_s));
        b = b
            .field(Name::Allow, ALLOW)
            .field(Name::Supported, SUPPORTED)
            .field(Name::SessionExpires, interval_s)
            .field(Name::MinSe, least)
            .field(Name::UserAgent, &self.config.user_agent);
        for (name, value) in &headers {
            b = b.named(name, value);
        }
        let octets = b.sdp(&leg.sdp);
        if let Some(tx) = self.send(now, flow, octets, Owner::Invite(id), out) {
            let calling = Calling { headers, ..Calling::new(tx) };
            self.with(id, |leg| leg.state = State::Calling(Box::new(calling)));
        }
    }

    /// A response to the INVITE of a leg.
    pub(super) fn invite_response(
        &mut self,
        now: Now,
        id: LegId,
        tx: TxId,
        (message, envelope): (&Message, &Envelope<'_>),
        out: &mut Vec<Output>,
    ) {
        let Start::Response { status, reason } = message.start() else { return };
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let (ended, answers) = (leg.ended, &mut leg.answers);
        self.timers.clear((id, LegTimer::Hop));
        let current = match &mut leg.state {
            State::Calling(calling) if calling.tx == tx => Some(calling),
            State::Calling(_) | State::Offered(_) | State::Up | State::Over => None,
        };
        match (status, current) {
            (..200, Some(calling)) => {
                calling.provisional = true;
                if calling.cancel.is_some() {
                    self.cancel(now, id, out);
                } else if status > 100 && !ended && self.provisional(now, id, (message, envelope), out) {
                    let sdp = sdp_of(message).unwrap_or_default();
                    out.push(Output::Event(Event::Progress { leg: id, status, sdp }));
                }
            }
            (200..300, current) => {
                let first = current.is_some();
                self.answered(now, id, first, (message, envelope), out);
            }
            (401 | 407, Some(calling)) if !ended && answers.as_mut().is_some_and(|a| a.take(message)) => {
                let headers = std::mem::take(&mut calling.headers);
                self.send_invite(now, id, headers, out);
            }
            // RFC 4028 §7.4: once, with the interval that the peer wants at least.
            (422, Some(calling)) if !ended && leg.session.is_none() => {
                let interval_s = message.number(Name::MinSe).unwrap_or(SESSION_S).max(SESSION_MIN_S);
                leg.session = Some(Session { interval_s, ours: true });
                let headers = std::mem::take(&mut calling.headers);
                self.send_invite(now, id, headers, out);
            }
            (_, Some(_)) => {
                if status == 503 && self.try_next(now, id, out) {
                    return;
                }
                self.over(id);
                self.say_reason(id, message, out);
                self.end(id, EndCause::Refused { status, reason: reason.to_string() }, out);
            }
            (_, None) => {}
        }
    }

    /// A 2xx: the first makes the dialog; others are repeats of it, or further forks, which are ended (§13.2.2.4).
    fn answered(
        &mut self,
        now: Now,
        id: LegId,
        first: bool,
        (message, envelope): (&Message, &Envelope<'_>),
        out: &mut Vec<Output>,
    ) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let tag = envelope.to.tag().unwrap_or_default();
        if let Some((_, flow, ack)) = leg.acks.iter().find(|(t, ..)| **t == *tag) {
            return out.push(Output::Transmit { flow: *flow, message: ack.clone() });
        }
        let mut dialog = match Dialog::uac(&leg.dialog, message, &envelope.to) {
            Ok(dialog) => dialog,
            Err(why) => {
                self.over(id);
                return self.end(id, EndCause::Protocol(why.into()), out);
            }
        };
        let flow = dialog.next_hop(&self.ways);
        let via = self.via(flow);
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let mut ack = dialog.numbered(&Method::Ack, &via, envelope.cseq);
        for (name, value) in &leg.authorization {
            ack = ack.field(*name, value);
        }
        let ack = ack.end();
        if leg.acks.len() < FORKS_MAX {
            // Nearly always the only one.
            leg.acks.reserve_exact(1);
            leg.acks.push((tag.into_owned().into(), flow, ack.clone()));
        }
        out.push(Output::Transmit { flow, message: ack });
        if !first {
            let via = self.via(flow);
            let bye = dialog.request(&Method::Bye, &via).end();
            self.send(now, flow, bye, Owner::Leg(id), out);
            return;
        }
        leg.dialog = dialog;
        leg.state = State::Up;
        leg.answers.iter_mut().for_each(Answers::passed);
        leg.updates = message.allows(&Method::Update);
        let cancelled = leg.ended;
        self.timers.clear((id, LegTimer::C));
        self.timers.clear((id, LegTimer::Cancelled));
        if cancelled {
            // It crossed our CANCEL (§9.1).
            self.bye(now, id, "", out);
        } else {
            self.begin_session(now, id, Session::agreed(message));
            self.locate_dialog(id, out);
            out.push(Output::Event(Event::Answered { leg: id, sdp: sdp_of(message).unwrap_or_default() }));
        }
    }

    /// Our INVITE has failed without a final response.
    pub(super) fn invite_failed(
        &mut self,
        now: Now,
        id: LegId,
        tx: TxId,
        unreachable: bool,
        out: &mut Vec<Output>,
    ) {
        let Some(State::Calling(calling)) = self.legs.get(&id).map(|l| &l.state) else { return };
        let (current, heard) = (calling.tx == tx, calling.provisional);
        if current && (heard || !self.try_next(now, id, out)) {
            self.over(id);
            self.end(id, if unreachable { EndCause::Unreachable } else { EndCause::Timeout }, out);
        }
    }

    /// Takes our INVITE back as soon as that is allowed: after a provisional response (§9.1).
    pub(super) fn cancel(&mut self, now: Now, id: LegId, out: &mut Vec<Output>) {
        let Some(State::Calling(calling)) = self.legs.get_mut(&id).map(|l| &mut l.state) else { return };
        if !calling.provisional || calling.cancelled {
            return;
        }
        calling.cancelled = true;
        let (tx, reason) = (calling.tx, calling.cancel.unwrap_or_default());
        let Some(invite) = self.layer.request_of(tx) else { return };
        let Some(cancel) = after_invite(&invite, &Method::Cancel, None) else { return };
        let Some(flow) = self.layer.flow_of(tx) else { return };
        self.send(now, flow, cancel.reason(reason).end(), Owner::Leg(id), out);
        self.timers.set((id, LegTimer::Cancelled), now + T1_64);
    }

    /// Sends a request that belongs to a leg, whose transactions are counted.
    pub(super) fn send(
        &mut self,
        now: Now,
        flow: Flow,
        octets: Bytes,
        owner: Owner,
        out: &mut Vec<Output>,
    ) -> Option<TxId> {
        let natted = owner.leg().and_then(|id| self.legs.get(&id)).is_some_and(|leg| leg.dialog.natted);
        // Behind NAT nothing but the flow that is there gets through.
        let tx = match self.ways.by_size(flow, &octets).filter(|_| !natted) {
            None => self.layer.request(now, flow, octets, owner, out)?,
            Some(by_tcp) => self.layer.request_or(now, by_tcp, Some((flow, octets)), owner, out)?,
        };
        if let Some(leg) = owner.leg().and_then(|id| self.legs.get_mut(&id)) {
            leg.open += 1;
        }
        Some(tx)
    }
}
