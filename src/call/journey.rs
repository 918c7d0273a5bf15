//! One caller's way: INVITE, answer, dialogue, waiting, agent, end. See `teardown.rs` for how it ends.
//!
//! ```text
//! opening ─► answering ─► dialogue ─► waiting ◄─► ringing an agent ─► talking ─► over
//!                             └───────────┴─► closing (last words) ─────────────► over
//! ```

use super::answering::{Answering, Sentence};
use super::begin::Begin;
use super::cdr::{Cdr, EndedBy, LegRecord, Moment, MomentAt, Result};
use super::early::Early;
use super::event::Output;
use super::guests::Guest;
use super::leg::Leg;
use super::outside::Outside;
use super::pressed::Means;
use super::replace::Replacing;
use super::speaking::{Heard as Sound, Speaking};
use super::switch::Shared;
use super::tape::Tape;
use crate::acd::{self, Estimate, OfferFailure, OfferId, Request};
use crate::base::{CallId, Expected, LegId, Now};
use crate::ivr::{self, Dialog, NotHeard, Question};
use crate::media::Report;
use crate::sip::{self, Flow};
use std::sync::Arc;
use std::time::Duration;

/// A call's timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// The dialogue's silence.
    Dialog,
    /// The recogniser has taken too long over this utterance.
    Recognise(u32),
    /// A prompt has taken too long to be rendered.
    Render,
    /// The call has lasted too long.
    TooLong,
    /// The record has waited long enough for the streams' figures.
    Record,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Opening,
    Answering,
    Dialogue,
    /// In the ACD's hands; a phone may be ringing.
    Waiting,
    /// An agent has answered; the caller hears the last words first.
    Joining,
    Talking,
    /// The agent is there, and the customer is being called back.
    Dialling,
    /// The agent has hung up; the caller is asked how it was.
    Survey,
    /// The caller leaves a message.
    Message {
        recording: bool,
    },
    /// Saying the last words.
    Closing(Result),
}

/// An agent's phone, ringing or talking.
#[derive(Debug)]
pub(super) struct AgentSide {
    /// What the ACD knows it by; `None` for a supervisor who took the call over.
    pub(super) offer: Option<OfferId>,
    pub(super) leg: LegId,
    pub(super) user: String,
    /// For a number outside: the way there.
    pub(super) outside: Option<Outside>,
}

impl AgentSide {
    /// What the ACD is told when a talk ends that it has no part in: the phone is free again.
    pub(super) fn taken_over(&self) -> Option<acd::Input> {
        let theirs = self.offer.is_none() && self.outside.is_none();
        theirs.then(|| acd::Input::OwnCall { user: self.user.clone(), on: false })
    }
}

/// What a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Callback,
    Survey,
}

/// One call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: CallId,
    /// What the ACD calls it: its own number, but for a callback that of the call in which it was asked for.
    pub(super) ticket: CallId,
    /// The way that the customer came, and is called back.
    pub(super) way: Option<Flow>,
    /// The trunk that the customer came over.
    pub(super) trunk: Option<String>,
    /// Header fields of the customer's INVITE that go on.
    pub(super) headers: Vec<(String, String)>,
    pub(super) tape: Tape,
    /// How the customer is called back.
    pub(super) outside: Option<Outside>,
    pub(super) sip_call_id: Arc<str>,
    pub(super) dialog: Dialog,
    pub(super) stage: Stage,
    /// The caller's leg first, then every agent's leg there was.
    pub(super) legs: Vec<Leg>,
    /// Phones that ring for this call.
    pub(super) ringing: Vec<AgentSide>,
    /// Who has answered.
    pub(super) agent: Option<AgentSide>,
    pub(super) guests: Vec<Guest>,
    pub(super) begin: Begin,
    /// Where the caller goes if the agent that it was handed to does not answer.
    pub(super) fallback: Option<Request>,
    pub(super) speaking: Speaking,
    /// What the agent hears before the caller.
    pub(super) briefing: Speaking,
    /// The offer of the INVITE, until it is answered.
    pub(super) offer: bytes::Bytes,
    pub(super) began: Now,
    pub(super) answered: Option<Now>,
    pub(super) queued: Option<Now>,
    /// When the present talk began.
    pub(super) bridged: Option<Now>,
    /// How long the talks before it were.
    pub(super) talked: Duration,
    pub(super) served: bool,
    pub(super) over: bool,
    /// The sentence being recognised.
    pub(super) recognising: Option<Sentence>,
    pub(super) utterances: u32,
    /// A sentence that may be over is being written down already.
    pub(super) early: Option<Early>,
    pub(super) answering: Answering,
    /// A place to announce once the present words are said.
    pub(super) place: Option<(usize, Option<Estimate>)>,
    /// A leg that is to take the place of another.
    pub(super) replacing: Option<Replacing>,
    /// What the ear was told that the caller will say.
    pub(super) expected: Expected,
    /// A closed question outside of the dialogue.
    pub(super) question: Option<(Question, Purpose)>,
    /// Lines that this call has been to.
    pub(super) lines: u8,
    pub(super) cdr: Cdr,
}

impl Call {
    // ── What the others ask ──────────────────────────────────────────────────────────────────────────────────

    pub(super) fn awaits_voice(&self) -> bool {
        self.speaking.awaits() || self.briefing.awaits()
    }

    pub(super) fn legs(&self) -> Vec<LegId> {
        self.legs.iter().map(|l| l.id).collect()
    }

    pub(super) fn leg_mut(&mut self, id: LegId) -> Option<&mut Leg> {
        self.legs.iter_mut().find(|l| l.id == id)
    }

    pub(super) fn caller(&self) -> LegId {
        self.legs.first().map_or(LegId(0), |l| l.id)
    }

    /// The record, once the call is over and every stream's figures are in.
    pub(super) fn record(&mut self) -> Option<Cdr> {
        if !self.over || self.legs.iter().any(|l| l.stats.is_none()) {
            return None;
        }
        self.cdr.legs = self
            .legs
            .iter()
            .map(|l| LegRecord {
                who: l.who.clone(),
                codec: l.stream.map(|stream| stream.codec),
                srtp: l.stream.and_then(|s| s.srtp).map(|keys| keys.send.suite().name().to_owned()),
                stats: l.stats.unwrap_or_default(),
            })
            .collect();
        Some(self.cdr.clone())
    }

    /// Leaves nothing behind in what is shared.
    pub(super) fn forget(&self, s: &mut Shared) {
        if self.is_callback() {
            s.tickets.remove(&self.ticket);
        }
        s.timers.clear((self.id, Due::Record));
        for leg in &self.legs {
            s.by_leg.remove(&leg.id);
            s.trunks.left(leg.id);
        }
    }

    pub(super) fn moment(&mut self, now: Now, moment: Moment, out: &mut Vec<Output>) {
        let at = MomentAt { ms: now.since(self.began).as_millis() as u64, moment };
        self.cdr.moments.push(at.clone());
        let turn = match &at.moment {
            Moment::Heard { turn } => self.cdr.turns.get(*turn).cloned().map(Box::new),
            _ => None,
        };
        out.push(Output::Moment { call: self.id, sip_call_id: self.sip_call_id.clone(), at, turn });
    }

    pub(super) fn clear_timers(&mut self, s: &mut Shared) {
        for due in [Due::Dialog, Due::Render, Due::TooLong] {
            s.timers.clear((self.id, due));
        }
        if let Some(Sentence { utterance, .. }) = self.recognising.take() {
            s.timers.clear((self.id, Due::Recognise(utterance)));
        }
    }

    /// Writes down how long the caller waited and talked, as far as it has not been.
    pub(super) fn settle_times(&mut self, now: Now) {
        if let Some(queued) = self.queued.filter(|_| self.cdr.wait_ms == 0) {
            self.cdr.wait_ms = self.bridged.unwrap_or(now).since(queued).as_millis() as u64;
        }
        let talks = self.bridged.map(|at| now.since(at)).unwrap_or_default();
        self.cdr.talk_ms = (self.talked + talks).as_millis() as u64;
    }

    /// The agent who began this call, if it is one's own.
    pub(super) fn desk_user(&self) -> Option<&str> {
        match &self.begin {
            Begin::Desk { user, .. } => Some(user),
            _ => None,
        }
    }

    pub(super) fn is_callback(&self) -> bool {
        matches!(self.begin, Begin::Callback { .. })
    }

    /// What the ACD is told of the caller, whatever it waits for.
    pub(super) fn request(&self) -> Request {
        let consult = self.desk_user().is_some();
        Request { number: Some(self.cdr.caller.clone()), consult, ..Request::default() }
    }

    /// The caller waits, as the ACD has it from now on.
    pub(super) fn wait_for(&mut self, now: Now, request: Request, s: &mut Shared, out: &mut Vec<Output>) {
        self.stage = Stage::Waiting;
        self.queued.get_or_insert(now);
        if !request.queue.is_empty() {
            self.cdr.queue = Some(request.queue.clone());
        }
        let queue = request.agent.clone().unwrap_or_else(|| request.queue.clone());
        self.moment(now, Moment::Queued { queue }, out);
        s.acd.push(acd::Input::Enqueue { call: self.ticket, request });
    }

    // ── Inputs ───────────────────────────────────────────────────────────────────────────────────────────────

    pub(super) fn sip(&mut self, now: Now, event: sip::Event, s: &mut Shared, out: &mut Vec<Output>) {
        match event {
            sip::Event::Acknowledged { leg, sdp } if self.is_replacing(leg) => {
                self.replaced(now, leg, &sdp, s, out);
            }
            sip::Event::Acknowledged { leg, sdp } => self.acknowledged(now, leg, &sdp, s, out),
            sip::Event::Answered { leg, sdp } if leg == self.caller() => {
                self.customer_answered(now, &sdp, s, out);
            }
            sip::Event::Answered { leg, sdp } if self.is_guests(leg) => {
                self.guest_answered(now, leg, &sdp, s, out);
            }
            sip::Event::Answered { leg, sdp } => self.agent_answered(now, leg, &sdp, s, out),
            sip::Event::Offer { leg, sdp } => self.reinvited(now, leg, &sdp, s, out),
            sip::Event::OfferAnswered { leg, sdp } => self.reanswered(now, leg, &sdp, s, out),
            sip::Event::Reason { leg, value } => self.reason(now, leg, value, out),
            sip::Event::Digit { leg, digit } => self.pressed(now, leg, Means::Info, digit, s, out),
            sip::Event::Ended { leg, cause } => self.leg_ended(now, leg, &cause, s, out),
            sip::Event::Progress { leg, status, sdp } => {
                self.progress_outside(leg, status, &sdp, s, out);
                self.phone_rings(leg, s);
            }
            sip::Event::Referred { .. }
            | sip::Event::OfferRefused { .. }
            | sip::Event::ReferProgress { .. }
            | sip::Event::Incoming(_)
            | sip::Event::Registered { .. }
            | sip::Event::Unregistered { .. }
            | sip::Event::Registration { .. }
            | sip::Event::Options { .. } => {}
        }
    }

    /// The media plane reports about a leg of this call.
    pub(super) fn media(&mut self, now: Now, report: Report, s: &mut Shared, out: &mut Vec<Output>) {
        match report {
            Report::Closed { leg, stats } => {
                if let Some(found) = self.leg_mut(leg) {
                    found.stats = Some(stats);
                }
            }
            _ if self.over => {}
            Report::PlayStarted { leg, play, at } if leg == self.caller() => self.sounds(at, play, s, out),
            Report::PlayEnded { leg, play, end, .. } if self.is_briefed(leg, play, end) => {
                self.try_join(now, s, out);
            }
            Report::PlayEnded { leg, play, end, at } if leg == self.caller() => {
                self.answering.stopped(at);
                match self.speaking.ended(play, end) {
                    Sound::Finished => self.said(now, s, out),
                    Sound::Cut { left } => self.heard(now, ivr::Input::Cut { left }, s, out),
                    Sound::More => self.go_on(now, s, out),
                    Sound::Began { .. } | Sound::Nothing => {}
                }
            }
            Report::PlayStarted { .. } | Report::PlayEnded { .. } | Report::Latched { .. } => {}
            Report::Digit { leg, digit, .. } => self.pressed(now, leg, Means::Media, digit, s, out),
            Report::SpeechStarted { leg, began, at } => self.speech_started(leg, (began, at), s, out),
            Report::SpeechPaused { leg, speech_ended_at, samples, .. } => {
                self.speech_paused(now, leg, speech_ended_at, samples, out);
            }
            Report::SpeechResumed { leg } if leg == self.caller() => self.early = None,
            Report::SpeechResumed { .. } => {}
            Report::SpeechGoesOn { leg, begins, samples } => self.speech_goes_on(leg, begins, samples, out),
            Report::SpeechEnded { leg, speech_ended_at, samples, .. } => {
                self.speech_ended(now, leg, speech_ended_at, samples, s, out);
            }
            Report::Lost { leg, .. } | Report::Fault { leg, .. } if self.is_replacing(leg) => {
                self.replacement_gone(leg, s, out);
            }
            Report::Lost { leg, .. } | Report::Fault { leg, .. } if self.is_guests(leg) => {
                self.guest_gone(now, leg, s, out);
            }
            Report::Lost { leg, .. } => {
                if self.legs.iter().any(|l| l.id == leg && !l.held && l.up) {
                    self.moment(now, Moment::Fault { what: "no RTP for too long".into() }, out);
                    self.end(now, EndedBy::Fault, Result::Failed, s, out);
                }
            }
            Report::Unrecorded { leg, what } => self.tape_ended(now, leg, what, out),
            Report::Degraded { what, .. } => self.moment(now, Moment::Fault { what }, out),
            Report::Fault { leg, what } => {
                self.moment(now, Moment::Fault { what }, out);
                let talks = matches!(self.stage, Stage::Joining | Stage::Talking | Stage::Dialling)
                    && self.agent.as_ref().is_some_and(|a| a.leg == leg);
                if leg != self.caller() && !talks {
                    // A phone that rings, or rang: the caller waits on.
                    return self.offer_failed(now, leg, OfferFailure::NoPort, "media fault", s, out);
                }
                self.end(now, EndedBy::Fault, Result::Failed, s, out);
            }
        }
    }

    pub(super) fn rendered(&mut self, now: Now, impatient: bool, s: &mut Shared, out: &mut Vec<Output>) {
        let leg = self.caller();
        let sound = self.speaking.start(leg, impatient, &mut s.library, out);
        self.prepared(now);
        if sound == Sound::Finished {
            self.said(now, s, out);
        }
        self.briefing_rendered(now, impatient, s, out);
        if !self.awaits_voice() {
            s.timers.clear((self.id, Due::Render));
        }
    }

    pub(super) fn due(&mut self, now: Now, due: Due, s: &mut Shared, out: &mut Vec<Output>) {
        match due {
            Due::Dialog => self.dialog_due(now, s, out),
            Due::Recognise(utterance) => {
                self.recognised(now, utterance, Duration::ZERO, Err(NotHeard::Unavailable), s, out);
            }
            Due::Render => self.rendered(now, true, s, out),
            Due::TooLong => {
                self.moment(now, Moment::Fault { what: "the call has lasted too long".into() }, out);
                self.end(now, EndedBy::Fault, Result::Failed, s, out);
            }
            Due::Record => {
                for leg in &mut self.legs {
                    leg.stats.get_or_insert_default();
                }
            }
        }
    }

    pub(super) fn end_by_server(&mut self, now: Now, s: &mut Shared, out: &mut Vec<Output>) {
        self.moment(now, Moment::Fault { what: "the server stops".into() }, out);
        self.end(now, EndedBy::Fault, Result::Failed, s, out);
    }
}
