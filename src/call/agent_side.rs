//! The agent's part of a call: ringing a phone, what can go wrong, bridging, holding.

use super::begin::Begin;
use super::cdr::{EndedBy, Moment, Result};
use super::event::Output;
use super::journey::{AgentSide, Call, Due, Stage};
use super::leg::Leg;
use super::speaking::{Heard as Sound, Said};
use super::switch::Shared;
use super::transfer::Destination;
use crate::acd::{self, OfferFailure, OfferId};
use crate::base::{LegId, Now};
use crate::ivr;
use crate::limits::SLOTS_HEADER_MAX;
use crate::media::{self, PlayEnd, PlayId};
use crate::sip::{self, EndCause};

impl Call {
    pub(super) fn acd(&mut self, now: Now, want: acd::Output, s: &mut Shared, out: &mut Vec<Output>) {
        if self.over {
            return;
        }
        match want {
            acd::Output::Offer { offer, user, decision, .. } => {
                self.ring(now, offer, user, *decision, s, out);
            }
            acd::Output::Withdraw { offer, .. } => {
                let Some(at) = self.ringing.iter().position(|side| side.offer == Some(offer)) else { return };
                let side = self.ringing.remove(at);
                let why = if self.agent.is_some() { "answered elsewhere" } else { "no answer" };
                self.moment(now, Moment::OfferFailed { agent: side.user, why: why.into() }, out);
                self.close_leg(side.leg, "offer withdrawn", out);
                self.not_reached(now, s, out);
            }
            acd::Output::Announce { place, wait, .. } => {
                self.announced(now, place, wait, s, out);
            }
            acd::Output::Comfort { nth, .. } => self.comfort(now, nth, s, out),
            acd::Output::Overflow { to, why, .. } => self.overflowed(now, &to, why, s, out),
            acd::Output::Agent { .. } | acd::Output::Refused { .. } | acd::Output::Event(_) => {}
        }
    }

    /// Rings an agent's phone: a port beside the caller's first.
    pub(super) fn ring(
        &mut self,
        now: Now,
        offer: OfferId,
        user: String,
        decision: acd::Decision,
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) {
        // One phone at a time is rung for a call; a second of ring-all is given back at once.
        if self.agent.is_some() {
            return s.acd.push(acd::Input::Failed { offer, why: OfferFailure::Rejected });
        }
        self.cdr.decisions.push(decision);
        self.moment(now, Moment::Offered { agent: user.clone() }, out);
        let Some(home) = s.homes.get(&user).copied() else {
            s.acd.push(acd::Input::Failed { offer, why: OfferFailure::Unreachable });
            return;
        };
        let leg = s.new_leg(self.id);
        let like = self.legs.first().and_then(|caller| caller.stream).map(|stream| stream.codec);
        self.legs.push(
            Leg::new(leg, user.clone(), s.with_phone(&user), like).seen_at(s.config.server.media_seen(home)),
        );
        self.ringing.push(AgentSide { offer: Some(offer), leg, user, outside: None });
        let near = (!self.is_without_customer()).then(|| self.caller());
        out.push(Output::Open { leg, ip: home.local.ip(), near });
    }

    pub(super) fn invite(&mut self, now: Now, leg: LegId, s: &mut Shared, out: &mut Vec<Output>) {
        let Some(sdp) = self.leg_mut(leg).and_then(Leg::offer) else { return };
        let Some(side) = self.ringing.iter().find(|side| side.leg == leg) else {
            return self.offer_failed(now, leg, OfferFailure::Unreachable, "withdrawn", s, out);
        };
        let user = side.user.clone();
        if side.outside.is_some() {
            return out.extend(self.invite_outside(now, leg, sdp, s).map(Output::Sip));
        }
        let mut headers = self.headers.clone();
        if let Some(intent) = &self.cdr.intent {
            headers.push(("X-Trunkline-Intent".to_owned(), intent.clone()));
        }
        if let Some(queue) = &self.cdr.queue {
            headers.push(("X-Trunkline-Queue".to_owned(), queue.clone()));
        }
        if let Some(identity) = self.cdr.identity {
            headers.push(("X-Trunkline-Identity".to_owned(), identity.to_string()));
        }
        headers.extend(self.slots_header());
        let caller: String = self
            .cdr
            .caller
            .reveal()
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || "+-_.".contains(*c))
            .collect();
        let from = match self.cdr.private {
            // RFC 3323 §4.1.1.3.
            true => format!("\"{}\" <sip:anonymous@anonymous.invalid>", self.cdr.line),
            false => format!("\"{}\" <sip:{caller}@{}>", self.cdr.line, s.config.server.domain),
        };
        out.push(Output::Sip(sip::Command::Invite {
            leg,
            target: sip::Target::User(user),
            from,
            sdp,
            headers,
            credentials: None,
        }));
    }

    pub(super) fn phone_rings(&self, leg: LegId, s: &mut Shared) {
        let offer = self.ringing.iter().find(|side| side.leg == leg).and_then(|side| side.offer);
        s.acd.extend(offer.map(|offer| acd::Input::Ringing { offer }));
    }

    pub(super) fn offer_failed(
        &mut self,
        now: Now,
        leg: LegId,
        why: OfferFailure,
        text: &str,
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) {
        let early = self.early_media_ends(leg, out);
        self.close_leg(leg, "offer failed", out);
        if let Some(at) = self.ringing.iter().position(|side| side.leg == leg) {
            let side = self.ringing.remove(at);
            self.moment(now, Moment::OfferFailed { agent: side.user, why: text.to_owned() }, out);
            match side.offer {
                Some(offer) => {
                    s.acd.push(acd::Input::Failed { offer, why });
                    self.not_reached(now, s, out);
                }
                None => match self.fallback.take() {
                    Some(request) => {
                        if early {
                            let caller = self.caller();
                            self.speaking.music(caller, &s.music, &mut s.library, out);
                        }
                        self.wait_for(now, request, s, out);
                    }
                    None => self.nobody_free(now, s, out),
                },
            }
        }
    }

    /// One agent in particular was asked for and is not to be had: the caller goes back to the queue that it came from;
    /// an agent who asked for a colleague is told.
    fn not_reached(&mut self, now: Now, s: &mut Shared, out: &mut Vec<Output>) {
        if !self.ringing.is_empty() || self.agent.is_some() {
            return;
        }
        if let Some(request) = self.fallback.take() {
            s.acd.push(acd::Input::CallerGone { call: self.ticket });
            self.wait_for(now, request, s, out);
        } else if self.is_without_customer() {
            self.end(now, EndedBy::Agent, Result::NotReached, s, out);
        } else if matches!(&self.begin, Begin::Desk { to: Destination::Agent { .. }, .. }) {
            s.acd.push(acd::Input::CallerGone { call: self.ticket });
            self.nobody_free(now, s, out);
        }
    }

    pub(super) fn agent_answered(
        &mut self,
        now: Now,
        leg: LegId,
        sdp: &[u8],
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) {
        let Some(at) = self.ringing.iter().position(|side| side.leg == leg) else {
            return self.close_leg(leg, "too late", out);
        };
        let (offer, user) =
            self.ringing.get(at).map(|side| (side.offer, side.user.clone())).unwrap_or_default();
        let Some(found) = self.legs.iter_mut().find(|l| l.id == leg) else { return };
        if let Err(why) = found.answered(sdp) {
            return self.offer_failed(now, leg, OfferFailure::Unreachable, &why.to_string(), s, out);
        }
        found.up = true;
        self.agent = Some(self.ringing.remove(at));
        if let Some(to) = found.stream {
            out.push(Output::Media(media::Command::Connect { leg, to }));
        }
        s.acd.extend(offer.map(|offer| acd::Input::Answered { offer }));
        self.fallback = None;
        self.cdr.agent = Some(user);
        self.place = None;
        self.question = None;
        s.timers.clear((self.id, Due::Dialog));
        if self.is_without_customer() {
            return self.call_customer(now, leg, s, out);
        }
        self.stage = Stage::Joining;
        self.brief(leg, s, out);
        self.try_join(now, s, out);
    }

    /// Tells the agent what the caller is about, if the queue does so.
    fn brief(&mut self, leg: LegId, s: &mut Shared, out: &mut Vec<Output>) {
        let lang = self.dialog.plan().first_language();
        let last = || self.cdr.turns.last().map(|t| &t.turn.heard);
        let text = self.queue_words(s).and_then(|words| {
            words.briefing(lang, |name| match name {
                "queue" => self.queue_label(lang, s),
                "intent" => self.cdr.intent.clone().unwrap_or_default(),
                "words" => {
                    self.cdr.words.as_ref().or_else(last).map(|w| w.reveal().clone()).unwrap_or_default()
                }
                "slots" => self.slots_told(lang),
                "tried" => self.tried(),
                "waited" => (self.cdr.wait_ms / 1000).to_string(),
                _ => String::new(),
            })
        });
        if let Some(text) = text {
            let said = Said::whole(lang, text);
            self.briefing.say(leg, said, &mut s.library, out);
        }
    }

    /// The values that the caller gave, for the screen beside the phone: `amount=50%20dollars;account=…`. What does not fit
    /// is left out, so that the INVITE stays small enough for UDP.
    fn slots_header(&self) -> Option<(String, String)> {
        let mut out = String::new();
        for filled in &self.cdr.slots {
            let one = format!("{}={}", filled.name, ivr::encoded(filled.said.reveal()));
            if out.len() + one.len() < SLOTS_HEADER_MAX {
                out += if out.is_empty() { "" } else { ";" };
                out += &one;
            }
        }
        (!out.is_empty()).then(|| ("X-Trunkline-Slots".to_owned(), out))
    }

    /// The services that were asked in vain.
    fn tried(&self) -> String {
        let tried = self.cdr.moments.iter().filter_map(|m| match &m.moment {
            Moment::LookedUp { lookup, outcome } if outcome != "found" => {
                Some(format!("{lookup}: {outcome}"))
            }
            _ => None,
        });
        tried.collect::<Vec<_>>().join("; ")
    }

    /// The values that the caller gave, with their names.
    fn slots_told(&self, lang: crate::base::Lang) -> String {
        let intents = &self.dialog.plan().intents;
        let intent = intents.iter().find(|i| Some(&i.name) == self.cdr.intent.as_ref());
        let told = |filled: &ivr::Filled| {
            let slot = intent?.slots.iter().find(|s| s.name == filled.name)?;
            Some(format!("{} {}", slot.label.get(&lang)?, slot.read_back(filled.value.reveal(), lang)))
        };
        self.cdr.slots.iter().filter_map(told).collect::<Vec<_>>().join("; ")
    }

    fn queue_label(&self, lang: crate::base::Lang, s: &Shared) -> String {
        let queue = s.config.setup.queues.iter().find(|q| Some(&q.name) == self.cdr.queue.as_ref());
        queue.and_then(|q| q.label.get(&lang)).cloned().unwrap_or_default()
    }

    /// True if this was the end of what the agent hears first.
    pub(super) fn is_briefed(&mut self, leg: LegId, play: PlayId, end: PlayEnd) -> bool {
        self.agent.as_ref().is_some_and(|side| side.leg == leg)
            && self.briefing.ended(play, end) == Sound::Finished
    }

    /// What the agent hears first has been rendered.
    pub(super) fn briefing_rendered(
        &mut self,
        now: Now,
        impatient: bool,
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) {
        let Some(leg) = self.agent.as_ref().map(|side| side.leg) else { return };
        if self.briefing.start(leg, impatient, &mut s.library, out) == Sound::Finished {
            self.try_join(now, s, out);
        }
    }

    /// Joins the two as soon as each has heard what is being said: a few seconds, and both know what happens.
    pub(super) fn try_join(&mut self, now: Now, s: &mut Shared, out: &mut Vec<Output>) {
        if self.stage == Stage::Joining && !self.speaking.is_saying() && !self.briefing.is_saying() {
            self.join(now, s, out);
        }
    }

    /// A number outside was called for too long.
    pub(super) fn dial_failed(&mut self, now: Now, s: &mut Shared, out: &mut Vec<Output>) {
        if let Some(leg) = self.ringing.iter().find(|side| side.offer.is_none()).map(|side| side.leg) {
            self.offer_failed(now, leg, OfferFailure::NoAnswer, "no answer", s, out);
        }
    }

    /// Caller and agent hear each other from now on.
    pub(super) fn join(&mut self, now: Now, s: &mut Shared, out: &mut Vec<Output>) {
        let agent = self.cdr.agent.clone().unwrap_or_default();
        self.stage = Stage::Talking;
        self.bridged = Some(now);
        self.settle_times(now);
        self.moment(now, Moment::Bridged { agent }, out);
        self.connect(s, out);
    }

    /// A re-INVITE: hold, resume, another address or codec.
    pub(super) fn reinvited(
        &mut self,
        now: Now,
        leg: LegId,
        sdp: &[u8],
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) {
        let Some(found) = self.leg_mut(leg) else { return };
        let was_held = found.held;
        let answer = match found.described(sdp) {
            Ok(answer) => answer,
            Err(why) => {
                let (reason, retry_after_s) = (why.to_string(), None);
                return out.push(Output::Sip(sip::Command::Refuse {
                    leg,
                    status: 488,
                    reason,
                    retry_after_s,
                }));
            }
        };
        out.push(Output::Sip(sip::Command::Answer { leg, sdp: answer }));
        self.agreed_anew(now, leg, was_held, s, out);
    }

    /// The peer's answer to a sign of life of ours: it may have moved, or be on hold.
    pub(super) fn reanswered(
        &mut self,
        now: Now,
        leg: LegId,
        sdp: &[u8],
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) {
        let Some(found) = self.leg_mut(leg) else { return };
        let was_held = found.held;
        // What cannot be used changes nothing: the stream that there is goes on.
        if found.accept(sdp).is_ok() {
            self.agreed_anew(now, leg, was_held, s, out);
        }
    }

    fn agreed_anew(&mut self, now: Now, leg: LegId, was_held: bool, s: &mut Shared, out: &mut Vec<Output>) {
        let Some(found) = self.leg_mut(leg) else { return };
        let (held, stream) = (found.held, found.stream);
        if let Some(to) = stream {
            out.push(Output::Media(media::Command::Connect { leg, to }));
        }
        if held != was_held {
            let by = if leg == self.caller() { EndedBy::Caller } else { EndedBy::Agent };
            self.moment(now, if held { Moment::Held { by } } else { Moment::Resumed { by } }, out);
            match self.stage {
                // Words that cannot be heard are not waited for.
                Stage::Joining if held => self.join(now, s, out),
                Stage::Talking => {
                    if by == EndedBy::Agent {
                        s.acd.push(acd::Input::Held { call: self.ticket, on: held });
                    }
                    self.connect(s, out);
                }
                _ => {}
            }
        }
    }
}

/// What the end of an agent's leg before its answer means for the offer.
pub(super) fn offer_failure(cause: &EndCause) -> (OfferFailure, String) {
    match cause {
        EndCause::Refused { status: 486 | 600, .. } => (OfferFailure::Busy, "busy".into()),
        EndCause::Refused { status: status @ (408 | 480), reason } => {
            (OfferFailure::NoAnswer, format!("{status} {reason}"))
        }
        EndCause::Refused { status, reason } => (OfferFailure::Rejected, format!("{status} {reason}")),
        EndCause::Timeout => (OfferFailure::NoAnswer, "no answer".into()),
        EndCause::PeerHungUp => (OfferFailure::Rejected, "hung up".into()),
        EndCause::Unreachable | EndCause::NotRegistered => {
            (OfferFailure::Unreachable, "phone unreachable".into())
        }
        EndCause::Protocol(what) => (OfferFailure::Unreachable, what.clone()),
        EndCause::PeerCancelled | EndCause::WeHungUp => (OfferFailure::NoAnswer, "withdrawn".into()),
    }
}
