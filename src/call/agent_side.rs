//! The agent's part of a call: ringing a phone, what can go wrong, bridging, holding.

use super::cdr::{EndedBy, Moment, Result};
use super::journey::{AgentSide, Call, Stage};
use super::leg::Leg;
use super::speaking::Speaking;
use super::switch::{Output, Shared};
use crate::acd::{self, OfferFailure, OfferId};
use crate::base::{LegId, Now};
use crate::ivr::Phrase;
use crate::media;
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
                if let Some(side) = self.agent.take_if(|side| side.offer == offer) {
                    self.moment(now, Moment::OfferFailed { agent: side.user, why: "no answer".into() }, out);
                    self.close_leg(side.leg, "offer withdrawn", out);
                }
            }
            acd::Output::Announce { place, .. } => {
                if self.speaking.is_saying() {
                    self.place = Some(place);
                } else {
                    self.announce(now, place, s, out);
                }
            }
            acd::Output::Overflow { .. } => {
                self.settle_times(now);
                self.stage = Stage::Closing(Result::NobodyFree);
                self.say_phrase(now, Phrase::NobodyFree, s, out);
            }
            acd::Output::Comfort { .. }
            | acd::Output::Agent { .. }
            | acd::Output::Refused { .. }
            | acd::Output::Event(_) => {}
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
        let Some(ip) = s.homes.get(&user).copied() else {
            s.acd.push(acd::Input::Failed { offer, why: OfferFailure::Unreachable });
            return;
        };
        let leg = s.new_leg(self.id);
        let like = self.legs.first().and_then(|caller| caller.stream).map(|stream| stream.codec);
        self.legs.push(Leg::new(leg, user.clone(), like));
        self.agent = Some(AgentSide { offer, leg, user });
        out.push(Output::Open { leg, ip, near: Some(self.caller()) });
    }

    pub(super) fn invite(&mut self, now: Now, leg: LegId, s: &mut Shared, out: &mut Vec<Output>) {
        let Some(sdp) = self.leg_mut(leg).and_then(Leg::offer) else { return };
        let Some(side) = self.agent.as_ref().filter(|side| side.leg == leg) else {
            return self.offer_failed(now, leg, OfferFailure::Unreachable, "withdrawn", s, out);
        };
        let mut headers = Vec::new();
        if let Some(intent) = &self.cdr.intent {
            headers.push(("X-Trunkline-Intent".to_owned(), intent.clone()));
        }
        if let Some(queue) = &self.cdr.queue {
            headers.push(("X-Trunkline-Queue".to_owned(), queue.clone()));
        }
        let caller: String = self
            .cdr
            .caller
            .reveal()
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || "+-_.".contains(*c))
            .collect();
        let from = format!("\"{}\" <sip:{caller}@{}>", self.cdr.line, s.config.server.domain);
        out.push(Output::Sip(sip::Command::Invite {
            leg,
            target: sip::Target::User(side.user.clone()),
            from,
            sdp,
            headers,
            credentials: None,
        }));
    }

    pub(super) fn phone_rings(&self, leg: LegId, s: &mut Shared) {
        if let Some(side) = self.agent.as_ref().filter(|side| side.leg == leg) {
            s.acd.push(acd::Input::Ringing { offer: side.offer });
        }
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
        self.close_leg(leg, "offer failed", out);
        if let Some(side) = self.agent.take_if(|side| side.leg == leg) {
            self.moment(now, Moment::OfferFailed { agent: side.user, why: text.to_owned() }, out);
            s.acd.push(acd::Input::Failed { offer: side.offer, why });
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
        let Some(side) = self.agent.as_ref().filter(|side| side.leg == leg) else {
            return self.close_leg(leg, "too late", out);
        };
        let (offer, user) = (side.offer, side.user.clone());
        let Some(found) = self.legs.iter_mut().find(|l| l.id == leg) else { return };
        if found.accept(sdp).is_err() {
            return self.offer_failed(now, leg, OfferFailure::Unreachable, "no codec in common", s, out);
        }
        found.up = true;
        if let Some(to) = found.stream {
            out.push(Output::Media(media::Command::Connect { leg, to }));
        }
        s.acd.push(acd::Input::Answered { offer });
        self.cdr.agent = Some(user);
        self.place = None;
        self.stage = Stage::Joining;
        // What is being said to the caller is said to its end: a few seconds, and the caller knows what happens. Whoever
        // holds hears nothing of it.
        if !self.speaking.is_saying() || self.legs.first().is_some_and(|caller| caller.held) {
            self.join(now, s, out);
        }
    }

    /// Caller and agent hear each other from now on.
    pub(super) fn join(&mut self, now: Now, s: &mut Shared, out: &mut Vec<Output>) {
        let agent = self.cdr.agent.clone().unwrap_or_default();
        self.stage = Stage::Talking;
        self.bridged = Some(now);
        self.settle_times(now);
        self.moment(now, Moment::Bridged { agent }, out);
        self.connect_or_hold(s, out);
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
        let answer = if sdp.is_empty() { found.offer().ok_or(()) } else { found.answer(sdp).map_err(|_| ()) };
        let Ok(answer) = answer else {
            let reason = "No codec in common".into();
            return out.push(Output::Sip(sip::Command::Refuse {
                leg,
                status: 488,
                reason,
                retry_after_s: None,
            }));
        };
        let (held, stream) = (found.held, found.stream);
        out.push(Output::Sip(sip::Command::Answer { leg, sdp: answer }));
        if let Some(to) = stream {
            out.push(Output::Media(media::Command::Connect { leg, to }));
        }
        if held != was_held {
            let by = if leg == self.caller() { EndedBy::Caller } else { EndedBy::Agent };
            self.moment(now, if held { Moment::Held { by } } else { Moment::Resumed { by } }, out);
            match self.stage {
                // Words that cannot be heard are not waited for.
                Stage::Joining if held => self.join(now, s, out),
                Stage::Talking => self.connect_or_hold(s, out),
                _ => {}
            }
        }
    }

    /// Talking: a bridge while nobody holds, music for whoever is held.
    pub(super) fn connect_or_hold(&mut self, s: &mut Shared, out: &mut Vec<Output>) {
        let (Some(a), Some(b)) = (self.legs.first(), self.agent.as_ref().map(|side| side.leg)) else {
            return;
        };
        let Some(agent) = self.legs.iter().find(|l| l.id == b) else { return };
        let a = (a.id, a.held);
        if !a.1 && !agent.held {
            self.speaking.stop(a.0, out);
            out.push(Output::Media(media::Command::Stop { leg: b }));
            out.push(Output::Media(media::Command::Bridge { a: a.0, b }));
            return;
        }
        out.push(Output::Media(media::Command::Unbridge { leg: a.0 }));
        if agent.held {
            self.speaking.music(a.0, &s.music, &mut s.library, out);
        } else {
            Speaking::default().music(b, &s.music, &mut s.library, out);
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
