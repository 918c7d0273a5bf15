//! One caller's way: INVITE, answer, dialogue, waiting, agent, end. See `teardown.rs` for how it ends.
//!
//! ```text
//! opening ─► answering ─► dialogue ─► waiting ◄─► ringing an agent ─► talking ─► over
//!                             └───────────┴─► closing (last words) ─────────────► over
//! ```

use super::agent_side::offer_failure;
use super::cdr::{Cdr, EndedBy, LegRecord, Moment, MomentAt, Result};
use super::leg::Leg;
use super::speaking::{Heard as Sound, Speaking};
use super::switch::{Output, Shared};
use crate::acd::{OfferFailure, OfferId};
use crate::base::{CallId, LegId, Now};
use crate::ivr::{self, Dialog, NotHeard, Plan};
use crate::limits;
use crate::media::{self, Report};
use crate::sip::{self, EndCause};
use std::sync::Arc;

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
    /// Saying the last words.
    Closing(Result),
}

/// An agent's phone, ringing or talking.
#[derive(Debug)]
pub(super) struct AgentSide {
    pub(super) offer: OfferId,
    pub(super) leg: LegId,
    pub(super) user: String,
}

/// One call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: CallId,
    pub(super) sip_call_id: Arc<str>,
    pub(super) dialog: Dialog,
    pub(super) stage: Stage,
    /// The caller's leg first, then every agent's leg there was.
    pub(super) legs: Vec<Leg>,
    pub(super) agent: Option<AgentSide>,
    pub(super) speaking: Speaking,
    /// The offer of the INVITE, until it is answered.
    pub(super) offer: bytes::Bytes,
    pub(super) began: Now,
    pub(super) answered: Option<Now>,
    pub(super) queued: Option<Now>,
    pub(super) bridged: Option<Now>,
    pub(super) served: bool,
    pub(super) over: bool,
    /// The sentence being recognised: its number, when it was handed over, when the caller stopped speaking.
    pub(super) recognising: Option<(u32, Now, Now)>,
    pub(super) utterances: u32,
    /// When the caller stopped speaking, until the first sound of the answer.
    pub(super) gap_from: Option<Now>,
    /// A place to announce once the present words are said.
    pub(super) place: Option<usize>,
    pub(super) cdr: Cdr,
}

impl Call {
    /// Begins a call: asks for a port.
    pub(super) fn new(
        now: Now,
        id: CallId,
        incoming: &sip::Incoming,
        plan: Arc<Plan>,
        trunk: &str,
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) -> Call {
        let cdr = Cdr {
            id,
            sip_call_id: incoming.call_id.clone(),
            line: plan.line.clone(),
            version: plan.version.clone(),
            caller: incoming.caller.clone(),
            dialled: incoming.dialled.clone(),
            started_unix_ms: s.epoch.unix_ms_at(now),
            total_ms: 0,
            answered_ms: 0,
            talk_ms: 0,
            wait_ms: 0,
            queue: None,
            agent: None,
            intent: None,
            result: Result::NotAnswered,
            ended_by: EndedBy::Fault,
            moments: Vec::new(),
            turns: Vec::new(),
            decisions: Vec::new(),
            legs: Vec::new(),
            recording: None,
        };
        let mut call = Call {
            id,
            sip_call_id: incoming.call_id.as_str().into(),
            dialog: Dialog::new(plan, s.listens),
            stage: Stage::Opening,
            legs: vec![Leg::new(incoming.leg, "caller", None)],
            agent: None,
            speaking: Speaking::default(),
            offer: incoming.sdp.clone(),
            began: now,
            answered: None,
            queued: None,
            bridged: None,
            served: false,
            over: false,
            recognising: None,
            utterances: 0,
            gap_from: None,
            place: None,
            cdr,
        };
        let line = call.cdr.line.clone();
        call.moment(now, Moment::Incoming { line, trunk: trunk.to_owned() }, out);
        out.push(Output::Open { leg: incoming.leg, ip: incoming.flow.local.ip(), near: None });
        s.timers.set((id, Due::TooLong), now + limits::CALL_MAX);
        call
    }

    // ── What the others ask ──────────────────────────────────────────────────────────────────────────────────

    pub(super) fn is_preparing(&self) -> bool {
        self.speaking.is_preparing()
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
                stats: l.stats.unwrap_or_default(),
            })
            .collect();
        Some(self.cdr.clone())
    }

    /// Leaves nothing behind in what is shared.
    pub(super) fn forget(&self, s: &mut Shared) {
        s.timers.clear((self.id, Due::Record));
        for leg in &self.legs {
            s.by_leg.remove(&leg.id);
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
        if let Some((utterance, ..)) = self.recognising.take() {
            s.timers.clear((self.id, Due::Recognise(utterance)));
        }
    }

    /// Writes down how long the caller waited and talked, as far as it has not been.
    pub(super) fn settle_times(&mut self, now: Now) {
        if let Some(queued) = self.queued.filter(|_| self.cdr.wait_ms == 0) {
            self.cdr.wait_ms = self.bridged.unwrap_or(now).since(queued).as_millis() as u64;
        }
        if let Some(bridged) = self.bridged {
            self.cdr.talk_ms = now.since(bridged).as_millis() as u64;
        }
    }

    // ── Inputs ───────────────────────────────────────────────────────────────────────────────────────────────

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
        found.addr = addr;
        if over || !found.sip {
            // It came too late: give the port back.
            if addr.is_some() {
                found.stats = None;
                out.push(Output::Media(media::Command::Close { leg }));
            }
            return;
        }
        match (leg == self.caller(), addr.is_some()) {
            (true, true) => self.answer(now, s, out),
            (true, false) => self.refuse(now, 503, "No media port is free", Some(5), s, out),
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
        let sdp = if offer.is_empty() { leg.offer().ok_or(()) } else { leg.answer(&offer).map_err(|_| ()) };
        let Ok(sdp) = sdp else {
            return self.refuse(now, 488, "No codec in common: PCMU or PCMA is needed", None, s, out);
        };
        out.push(Output::Sip(sip::Command::Ring { leg: leg.id }));
        out.push(Output::Sip(sip::Command::Answer { leg: leg.id, sdp }));
        self.stage = Stage::Answering;
    }

    pub(super) fn sip(&mut self, now: Now, event: sip::Event, s: &mut Shared, out: &mut Vec<Output>) {
        match event {
            sip::Event::Acknowledged { leg, sdp } => self.acknowledged(now, leg, &sdp, s, out),
            sip::Event::Answered { leg, sdp } => self.agent_answered(now, leg, &sdp, s, out),
            sip::Event::Offer { leg, sdp } => self.reinvited(now, leg, &sdp, s, out),
            sip::Event::Digit { leg, digit } => self.key(now, leg, digit, s, out),
            sip::Event::Ended { leg, cause } => self.leg_ended(now, leg, &cause, s, out),
            sip::Event::Progress { leg, .. } => self.phone_rings(leg, s),
            sip::Event::Incoming(_)
            | sip::Event::Registered { .. }
            | sip::Event::Unregistered { .. }
            | sip::Event::Registration { .. } => {}
        }
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
        let refused = !sdp.is_empty() && found.accept(sdp).is_err();
        // Whoever got our offer owes the answer in its ACK (RFC 3261 §13.2.1); without it nobody hears anything.
        let Some(to) = found.stream.filter(|_| !refused) else {
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
        self.stage = Stage::Dialogue;
        self.moment(now, Moment::Answered, out);
        if let Some(folder) = &s.recordings {
            let name = format!("{}-{}.wav", self.cdr.line, self.id.0);
            out.push(Output::Media(media::Command::Record { leg, file: folder.join(&name) }));
            self.cdr.recording = Some(name);
        }
        if s.listens {
            out.push(Output::Media(media::Command::Listen { leg, on: true }));
        }
        self.dialog(now, ivr::Input::Start, s, out);
    }

    /// A dialog is over.
    pub(super) fn leg_ended(
        &mut self,
        now: Now,
        leg: LegId,
        cause: &EndCause,
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) {
        let caller = leg == self.caller();
        let Some(found) = self.leg_mut(leg) else { return };
        let was_alive = std::mem::take(&mut found.sip);
        let was_up = found.up;
        if !was_alive {
            return;
        }
        let fault = !matches!(cause, EndCause::PeerHungUp | EndCause::PeerCancelled | EndCause::WeHungUp);
        if caller {
            let (by, result) = match fault {
                false => (EndedBy::Caller, self.result_if_caller_leaves()),
                true if self.answered.is_none() => (EndedBy::Fault, Result::NotAnswered),
                true => (EndedBy::Fault, Result::Failed),
            };
            if fault {
                self.moment(now, Moment::Fault { what: format!("caller's dialog: {cause:?}") }, out);
            }
            self.end(now, by, result, s, out);
        } else if was_up && matches!(self.stage, Stage::Joining | Stage::Talking) {
            let (by, result) =
                if fault { (EndedBy::Fault, Result::Failed) } else { (EndedBy::Agent, Result::Connected) };
            self.end(now, by, result, s, out);
        } else {
            let (why, text) = offer_failure(cause);
            self.offer_failed(now, leg, why, &text, s, out);
        }
    }

    pub(super) fn media(&mut self, now: Now, report: Report, s: &mut Shared, out: &mut Vec<Output>) {
        match report {
            Report::Closed { leg, stats } => {
                if let Some(found) = self.leg_mut(leg) {
                    found.stats = Some(stats);
                }
            }
            _ if self.over => {}
            Report::PlayStarted { leg, play, at } if leg == self.caller() => {
                if let Sound::Began(text) = self.speaking.started(play) {
                    if let (Some(from), Some(turn)) = (self.gap_from.take(), self.cdr.turns.last_mut()) {
                        turn.gap_ms = Some(at.since(from).as_millis() as u64);
                    }
                    self.moment(at, Moment::Saying { text }, out);
                }
            }
            Report::PlayEnded { leg, play, .. } if leg == self.caller() => {
                if self.speaking.ended(play) == Sound::Finished {
                    self.said(now, s, out);
                }
            }
            Report::PlayStarted { .. } | Report::PlayEnded { .. } | Report::Latched { .. } => {}
            Report::Digit { leg, digit, .. } => self.key(now, leg, digit, s, out),
            Report::SpeechStarted { leg, at } => self.speech_started(leg, at, s, out),
            Report::SpeechEnded { leg, speech_ended_at, samples, .. } => {
                self.speech_ended(now, leg, speech_ended_at, samples, s, out);
            }
            Report::Lost { leg, .. } => {
                if self.legs.iter().any(|l| l.id == leg && !l.held && l.up) {
                    self.moment(now, Moment::Fault { what: "no RTP for too long".into() }, out);
                    self.end(now, EndedBy::Fault, Result::Failed, s, out);
                }
            }
            Report::Degraded { what, .. } => self.moment(now, Moment::Fault { what }, out),
            Report::Fault { leg, what } => {
                self.moment(now, Moment::Fault { what }, out);
                let talks = self.stage == Stage::Talking && self.agent.as_ref().is_some_and(|a| a.leg == leg);
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
        if self.speaking.start(leg, impatient, &mut s.library, out) == Sound::Finished {
            self.said(now, s, out);
        }
        if !self.speaking.is_preparing() {
            s.timers.clear((self.id, Due::Render));
        }
    }

    pub(super) fn due(&mut self, now: Now, due: Due, s: &mut Shared, out: &mut Vec<Output>) {
        match due {
            Due::Dialog => self.dialog(now, ivr::Input::Tick, s, out),
            Due::Recognise(utterance) => self.recognised(now, utterance, Err(NotHeard::Unavailable), s, out),
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
