//! How a call begins: a port, the answer, and then what it was made for.

use super::answering::Answering;
use super::callback::Booking;
use super::cdr::{Cdr, EndedBy, Moment, Result};
use super::event::Output;
use super::journey::{Call, Due, Stage};
use super::leg::Leg;
use super::speaking::Speaking;
use super::switch::Shared;
use super::tape::Tape;
use super::transfer::Destination;
use crate::acd::{self, OfferFailure};
use crate::base::{CallId, Expected, LegId, Now, Pii};
use crate::config::Trunk;
use crate::ivr::{self, Dialog, Phrase, Plan, Proof};
use crate::limits;
use crate::media;
use crate::sip::{self, Flow, Verstat};
use bytes::Bytes;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The line of calls that agents make themselves.
const DESK: &str = "desk";

/// What a call is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Begin {
    /// The line's dialogue, for a caller who came by this trunk.
    Line { trunk: String },
    /// The line is closed: that is said, and no more.
    Closed { trunk: String },
    /// An agent calls a colleague or a queue.
    Desk { user: String, to: Destination },
    /// A customer who asked for it in that call is called back.
    Callback { first: CallId },
    /// An agent's feature code has been carried out; this is said, and no more.
    Code { user: String, phrase: Phrase },
}

/// The party that a call is about.
#[derive(Debug)]
pub(super) struct Customer {
    pub(super) leg: LegId,
    /// Our address that the peer can reach.
    ip: IpAddr,
    sip_call_id: String,
    number: Pii<String>,
    private: bool,
    identity: Option<Verstat>,
    dialled: String,
    diverted_from: Option<Pii<String>>,
    sdp: Bytes,
    way: Flow,
    trunk: Option<String>,
    /// Whose phone it is, if it is one of ours.
    account: Option<String>,
    /// Header fields that go on.
    headers: Vec<(String, String)>,
}

impl Customer {
    /// Whoever sent this INVITE, over this trunk if it came over one: what that says is believed if it is trusted. The number
    /// is worth what `identity` says.
    pub(super) fn incoming(
        incoming: &sip::Incoming,
        trunk: Option<&Trunk>,
        identity: Option<Verstat>,
    ) -> Customer {
        let claims = trunk.filter(|t| t.trusted).map(|_| &incoming.claims);
        let number = claims.and_then(|c| c.asserted.as_ref()).unwrap_or(&incoming.caller);
        let whole = |number: &Pii<String>| match trunk {
            Some(trunk) => Pii::new(trunk.numbering.e164(number.reveal()).into_owned()),
            None => number.clone(),
        };
        let passes = |name: &str| trunk.is_some_and(|t| t.headers.passes(name));
        Customer {
            leg: incoming.leg,
            ip: incoming.flow.local.ip(),
            sip_call_id: incoming.call_id.clone(),
            number: whole(number),
            private: claims.is_some_and(|c| c.private),
            identity,
            dialled: incoming.dialled.clone(),
            diverted_from: claims.and_then(|c| c.diverted_from.as_ref()).map(whole),
            sdp: incoming.sdp.clone(),
            way: incoming.flow,
            trunk: trunk.map(|t| t.name.clone()),
            account: incoming.account.clone().filter(|_| trunk.is_none()),
            headers: incoming.headers.iter().filter(|(name, _)| passes(name)).cloned().collect(),
        }
    }

    /// Whoever is to be called back, on a leg of ours.
    pub(super) fn to_call_back(leg: LegId, booking: &Booking) -> Customer {
        Customer {
            leg,
            ip: booking.way.local.ip(),
            sip_call_id: String::new(),
            number: booking.number.clone(),
            // It is the agent who is told nothing, then as now.
            private: booking.private,
            identity: None,
            dialled: booking.dialled.clone(),
            diverted_from: None,
            sdp: Bytes::new(),
            way: booking.way,
            trunk: booking.trunk.clone(),
            account: None,
            headers: Vec::new(),
        }
    }
}

/// What rules may ask of a caller's number.
pub(super) fn proof(identity: Option<Verstat>) -> Proof {
    match identity {
        None => Proof::default(),
        Some(Verstat::Unsigned) => Proof::unverified(),
        Some(Verstat::Failed(_)) => Proof::failed(),
        Some(Verstat::Passed(attestation)) => Proof::verified(format!("{attestation:?}")),
    }
}

impl Call {
    /// Begins a call: asks for a port, on the worker of `near` if there is one.
    pub(super) fn new(
        now: Now,
        id: CallId,
        customer: Customer,
        plan: Arc<Plan>,
        (begin, near): (Begin, Option<LegId>),
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) -> Call {
        let (line, trunk) = match &begin {
            Begin::Line { trunk } | Begin::Closed { trunk } => (plan.line.clone(), trunk.clone()),
            Begin::Callback { first } => (plan.line.clone(), format!("callback of call {}", first.0)),
            Begin::Desk { user, .. } | Begin::Code { user, .. } => (DESK.to_owned(), format!("agent {user}")),
        };
        let cdr = Cdr {
            sip_call_id: customer.sip_call_id.clone(),
            line: line.clone(),
            version: plan.version.clone(),
            caller: customer.number,
            private: customer.private,
            identity: customer.identity,
            dialled: customer.dialled,
            diverted_from: customer.diverted_from,
            started_unix_ms: s.epoch.unix_ms_at(now),
            ..Cdr::new(id)
        };
        let terms = match &customer.account {
            Some(user) => s.with_phone(user),
            None => s.over(customer.trunk.as_deref()),
        };
        let mut call = Call {
            id,
            sip_call_id: customer.sip_call_id.into(),
            dialog: Dialog::new(plan, s.listens, s.epoch, id.0)
                .of(cdr.caller.reveal())
                .proved(proof(cdr.identity)),
            stage: Stage::Opening,
            legs: vec![
                Leg::new(customer.leg, "caller", terms, None)
                    .seen_at(s.config.server.media_seen(customer.way)),
            ],
            ringing: Vec::new(),
            agent: None,
            guests: Vec::new(),
            way: Some(customer.way),
            trunk: customer.trunk,
            headers: customer.headers,
            outside: None,
            ticket: id,
            begin,
            replacing: None,
            question: None,
            expected: Expected::default(),
            lines: 1,
            fallback: None,
            speaking: Speaking::default(),
            briefing: Speaking::default(),
            offer: customer.sdp,
            began: now,
            answered: None,
            queued: None,
            bridged: None,
            talked: Duration::ZERO,
            served: false,
            over: false,
            recognising: None,
            utterances: 0,
            early: None,
            answering: Answering::default(),
            place: None,
            tape: Tape::default(),
            cdr,
        };
        s.acd.extend(call.own_call(true));
        call.moment(now, Moment::Incoming { line, trunk }, out);
        if matches!(call.begin, Begin::Callback { .. }) {
            // The customer is called when the agent is there.
            call.legs.iter_mut().for_each(|leg| leg.sip = false);
        } else {
            out.push(Output::Open { leg: customer.leg, ip: customer.ip, near });
        }
        s.timers.set((id, Due::TooLong), now + limits::CALL_MAX);
        call
    }

    pub(super) fn opened(
        &mut self,
        now: Now,
        leg: LegId,
        addr: Option<std::net::SocketAddr>,
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) {
        let over = self.over;
        let Some(found) = self.leg_mut(leg) else { return };
        found.opened(addr);
        if over || !found.sip {
            // It came too late: give the port back.
            if addr.is_some() {
                (found.stats, found.closing) = (None, true);
                out.push(Output::Media(media::Command::Close { leg }));
            }
            return;
        }
        if self.is_replacing(leg) {
            return self.replacement_opened(leg, addr, s, out);
        }
        match (leg == self.caller(), addr.is_some()) {
            (true, true) if self.is_callback() => self.invite_customer(now, s, out),
            (true, false) if self.is_callback() => self.customer_missed(now, s, out),
            (true, true) => self.answer(now, s, out),
            (true, false) => self.refuse(now, 503, "No media port is free", Some(5), s, out),
            (false, true) if self.is_guests(leg) => self.invite_guest(now, leg, s, out),
            (false, false) if self.is_guests(leg) => self.guest_gone(now, leg, s, out),
            (false, true) => self.invite(now, leg, s, out),
            (false, false) => {
                self.offer_failed(now, leg, OfferFailure::NoPort, "no media port is free", s, out);
            }
        }
    }

    pub(super) fn refuse(
        &mut self,
        now: Now,
        status: u16,
        reason: &str,
        retry: Option<u32>,
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) {
        let caller = self.caller();
        if let Some(leg) = self.leg_mut(caller) {
            leg.sip = false;
        }
        out.push(Output::Sip(sip::Command::Refuse {
            leg: caller,
            status,
            reason: reason.into(),
            retry_after_s: retry,
        }));
        self.moment(now, Moment::Refused { status, reason: reason.into() }, out);
        self.end(now, EndedBy::Line, Result::NotAnswered, s, out);
    }

    /// 200 with our answer, or our offer if the caller made none.
    pub(super) fn answer(&mut self, now: Now, s: &mut Shared, out: &mut Vec<Output>) {
        let offer = std::mem::take(&mut self.offer);
        let Some(leg) = self.legs.first_mut() else { return };
        let sdp = match leg.described(&offer) {
            Ok(sdp) => sdp,
            Err(why) => return self.refuse(now, 488, &why.to_string(), None, s, out),
        };
        out.push(Output::Sip(sip::Command::Ring { leg: leg.id }));
        out.push(Output::Sip(sip::Command::Answer { leg: leg.id, sdp }));
        self.stage = Stage::Answering;
    }

    /// The caller has our answer: the line speaks.
    pub(super) fn acknowledged(
        &mut self,
        now: Now,
        leg: LegId,
        sdp: &[u8],
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) {
        let first = self.stage == Stage::Answering && leg == self.caller();
        let Some(found) = self.leg_mut(leg) else { return };
        // Whoever got our offer owes the answer in its ACK (RFC 3261 §13.2.1); without it nobody hears anything.
        let Some(to) = found.acknowledged(sdp) else {
            self.moment(
                now,
                Moment::Fault { what: "the ACK has no answer with a usable stream".into() },
                out,
            );
            return self.end(now, EndedBy::Fault, Result::Failed, s, out);
        };
        found.up = true;
        out.push(Output::Media(media::Command::Connect { leg, to }));
        if !first || self.over {
            return;
        }
        self.answered = Some(now);
        self.moment(now, Moment::Answered, out);
        match self.begin.clone() {
            Begin::Line { .. } => self.begin_dialogue(now, s, out),
            Begin::Callback { .. } => {}
            Begin::Closed { .. } => {
                let lang = self.dialog.lang();
                let text = self.dialog.plan().closed(lang).to_owned();
                self.stage = Stage::Closing(Result::Closed);
                match text.is_empty() {
                    true => self.say_phrase(now, Phrase::NobodyFree, s, out),
                    false => self.say(now, lang, vec![text], false, s, out),
                }
            }
            Begin::Code { phrase, .. } => {
                self.stage = Stage::Closing(Result::Served);
                self.say_phrase(now, phrase, s, out);
            }
            Begin::Desk { to, .. } => {
                let request = to.request(self.request());
                self.wait_for(now, request, s, out);
                self.speaking.music(leg, &s.music, &mut s.library, out);
            }
        }
    }

    /// An agent's own call keeps the agent from being offered others.
    pub(super) fn own_call(&self, on: bool) -> Option<acd::Input> {
        match &self.begin {
            Begin::Desk { user, .. } | Begin::Code { user, .. } => {
                Some(acd::Input::OwnCall { user: user.clone(), on })
            }
            Begin::Line { .. } | Begin::Closed { .. } | Begin::Callback { .. } => None,
        }
    }

    pub(super) fn begin_dialogue(&mut self, now: Now, s: &mut Shared, out: &mut Vec<Output>) {
        let leg = self.caller();
        self.stage = Stage::Dialogue;
        if let Some(folder) = s.recordings.as_ref().filter(|_| self.cdr.recording.is_none()) {
            let name = format!("{}-{}.wav", self.cdr.line, self.id.0);
            out.push(Output::Media(media::Command::Record { leg, file: folder.join(&name) }));
            self.cdr.recording = Some(name);
        }
        if s.listens {
            self.listen(out);
        }
        self.dialog(now, ivr::Input::Start, s, out);
    }
}
