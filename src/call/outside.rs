//! Calls to numbers outside: by which trunk, as whom, and by which other one if that does not take the call.
//!
//! ```text
//! number ─► Server::ways_out ─► first trunk whose limits let it ─► INVITE ─► 503, 480, silence, unreachable ─► the next
//!               │ no route, not allowed        │ all full                │ 486, 404, rang …
//!               ▼                              ▼                         ▼
//!            refused, and that is recorded ◄───┴─────────────────────────┘
//! ```
//! Without a trunk that says where calls go, a call goes out by the way that the customer came: to the same peer, from the
//! same socket, so that it reaches nobody who has not called.
//!
//! What a network lets be heard before the answer (183 or 180 with a description, RFC 3960) is heard by whoever waits, in place
//! of music; nothing is sent that way, so nobody talks before the answer is charged for.

use super::cdr::Moment;
use super::event::Output;
use super::journey::{AgentSide, Call, Due, Stage};
use super::leg::Leg;
use super::switch::Shared;
use crate::base::{CallId, LegId, Now};
use crate::config::{NEXT_ON, NoWay};
use crate::limits::DIAL_MAX;
use crate::media;
use crate::sip::{self, Attest, EndCause, Flow};
use bytes::Bytes;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

/// A number that is being called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outside {
    number: String,
    /// The way that the customer came.
    way: Flow,
    /// The trunk that is being tried.
    trunk: Option<String>,
    /// Those to be tried after it.
    next: VecDeque<String>,
    heard: Heard,
}

impl Outside {
    pub(super) fn number(&self) -> &str {
        &self.number
    }
}

/// How far a call outside has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Heard {
    Nothing,
    /// 181 to 183: a way has been found, or an announcement is played.
    Progress,
    /// It rings there: whatever happens now, the number has been reached.
    Ringing,
}

/// As whom a number is called, if the trunk has no number of ours.
struct Identity<'a> {
    display: &'a str,
    number: &'a str,
    private: bool,
    /// It is a number of ours, not of a caller who is sent on.
    ours: bool,
    /// Fields that the trunk of the caller lets pass.
    headers: &'a [(String, String)],
}

impl Shared {
    /// The way to `number` for a customer who came over the trunk `came`.
    pub(super) fn way_out(
        &mut self,
        now: Now,
        number: &str,
        came: Option<&str>,
        way: Flow,
    ) -> Result<Outside, NoWay> {
        let turn = self.trunks.turn();
        let mut ways = self.config.server.ways_out(number, came, turn)?;
        ways.sort_by_key(|trunk| self.peers.alive(&trunk.name) == Some(false));
        let next: VecDeque<String> = ways.iter().map(|t| t.name.clone()).collect();
        let by_trunk = !next.is_empty();
        let mut outside =
            Outside { number: number.to_owned(), way, trunk: None, next, heard: Heard::Nothing };
        match by_trunk {
            true => self.next_trunk(now, &mut outside).map(|()| outside),
            false => Ok(outside),
        }
    }

    /// Goes on to the next trunk that may take one more call.
    fn next_trunk(&mut self, now: Now, outside: &mut Outside) -> Result<(), NoWay> {
        while let Some(name) = outside.next.pop_front() {
            let Some(trunk) = self.config.server.trunk(&name) else { continue };
            match self.trunks.go(now, trunk) {
                Ok(()) => {
                    (outside.trunk, outside.heard) = (Some(name), Heard::Nothing);
                    return Ok(());
                }
                Err(limit) => self.trunks.refused(&name, limit),
            }
        }
        Err("no trunk may take one more call")
    }

    /// The INVITE of whoever calls.
    fn outgoing(
        &self,
        now: Now,
        leg: LegId,
        outside: &Outside,
        who: &Identity<'_>,
        sdp: Bytes,
    ) -> sip::Command {
        let server = &self.config.server;
        let trunk = outside.trunk.as_deref().and_then(|name| server.trunk(name));
        let from = trunk.and_then(|t| t.caller.as_deref()).unwrap_or(who.number);
        let (numbering, form) = trunk.map(|t| (t.numbering.clone(), t.form)).unwrap_or_default();
        let credentials = trunk.and_then(|t| self.config.logins.get(&t.name)).cloned();
        // Whoever is known there by a user is one of theirs.
        let to = trunk.filter(|t| t.login.is_some()).and_then(|t| t.to.as_deref());
        let to = to.and_then(|to| sip::Uri::parse(to).ok());
        let host = to.as_ref().map_or(server.domain.as_str().into(), sip::Uri::host_text);
        let own = format!("<sip:{}@{host}>", numbering.written(from, form));
        let hidden = who.private && trunk.is_none_or(|t| t.caller.is_none());
        let mut headers = Vec::new();
        if trunk.is_some_and(|t| t.trusted) {
            headers.push(("P-Asserted-Identity".to_owned(), own.clone()));
            if hidden {
                headers.push(("Privacy".to_owned(), "id".to_owned()));
            }
        }
        if let Some(trunk) = trunk {
            headers.extend(who.headers.iter().filter(|(name, _)| trunk.headers.passes(name)).cloned());
            headers.extend_from_slice(&trunk.headers.set);
            let signer = self.config.signers.get(&trunk.name);
            if let (Some(signer), Some(sign)) = (signer, &trunk.sign) {
                let attest = if who.ours || trunk.caller.is_some() { sign.attest } else { Attest::C };
                let (from, to) = (numbering.e164(from), numbering.e164(&outside.number));
                let unix = Duration::from_millis(self.epoch.unix_ms_at(now));
                headers.push(("Identity".to_owned(), signer.identity(attest, &from, &to, unix)));
            }
        }
        let shown = if hidden { "<sip:anonymous@anonymous.invalid>".to_owned() } else { own };
        let from = if who.display.is_empty() { shown } else { format!("\"{}\" {shown}", who.display) };
        let target = match trunk.and_then(|t| t.uri(&outside.number)) {
            Some(uri) if outside.next.is_empty() => sip::Target::Name(uri),
            Some(uri) => sip::Target::OneOf(uri),
            None => back(&numbering.written(&outside.number, form), outside.way),
        };
        sip::Command::Invite { leg, target, from, sdp, headers, credentials }
    }
}

impl Call {
    /// Calls a number outside, for the caller to talk with.
    pub(super) fn dial(&mut self, now: Now, number: &str, s: &mut Shared, out: &mut Vec<Output>) {
        let Some(way) = self.way else { return };
        self.stage = Stage::Waiting;
        self.moment(now, Moment::Dialled { number: number.to_owned() }, out);
        match s.way_out(now, number, self.trunk.as_deref(), way) {
            Ok(outside) => self.ring_outside(now, outside, s, out),
            Err(why) => {
                self.moment(now, Moment::OfferFailed { agent: number.to_owned(), why: why.into() }, out);
                self.nobody_free(now, s, out);
            }
        }
    }

    pub(super) fn ring_outside(&mut self, now: Now, outside: Outside, s: &mut Shared, out: &mut Vec<Output>) {
        let leg = s.leg_over(self.id, &outside);
        let like = self.legs.first().and_then(|caller| caller.stream).map(|stream| stream.codec);
        let (number, ip) = (outside.number.clone(), outside.way.local.ip());
        let terms = s.over(outside.trunk.as_deref());
        self.legs.push(Leg::new(leg, number.clone(), terms, like).seen_at(s.media_seen(&outside)));
        self.ringing.push(AgentSide { offer: None, leg, user: number, outside: Some(outside) });
        out.push(Output::Open { leg, ip, near: Some(self.caller()) });
        s.timers.set((self.id, Due::Dialog), now + DIAL_MAX);
    }

    /// The leg of a number outside has a port.
    pub(super) fn invite_outside(
        &self,
        now: Now,
        leg: LegId,
        sdp: Bytes,
        s: &Shared,
    ) -> Option<sip::Command> {
        let side = self.ringing.iter().find(|side| side.leg == leg)?;
        let (number, private) = (self.cdr.caller.reveal(), self.cdr.private);
        let who = Identity { display: &self.cdr.line, number, private, ours: false, headers: &self.headers };
        Some(s.outgoing(now, leg, side.outside.as_ref()?, &who, sdp))
    }

    /// The customer who is called back: from the number that was dialled.
    pub(super) fn invite_back(&self, now: Now, leg: LegId, sdp: Bytes, s: &Shared) -> Option<sip::Command> {
        let who =
            Identity { display: "", number: &self.cdr.dialled, private: false, ours: true, headers: &[] };
        Some(s.outgoing(now, leg, self.outside.as_ref()?, &who, sdp))
    }

    /// The number outside that is called on `leg`.
    fn outside_mut(&mut self, leg: LegId) -> Option<&mut Outside> {
        if leg == self.caller() {
            return self.outside.as_mut();
        }
        self.ringing.iter_mut().find(|side| side.leg == leg)?.outside.as_mut()
    }

    /// A call outside gets on, perhaps with something to be heard.
    pub(super) fn progress_outside(
        &mut self,
        leg: LegId,
        status: u16,
        sdp: &[u8],
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) {
        let caller = self.caller();
        let waits = if leg == caller { self.agent.as_ref().map(|side| side.leg) } else { Some(caller) };
        let Some(outside) = self.outside_mut(leg) else { return };
        outside.heard = outside.heard.max(if status == 180 { Heard::Ringing } else { Heard::Progress });
        let trunk = outside.trunk.as_deref().and_then(|name| s.config.server.trunk(name));
        let lets = trunk.is_none_or(|t| t.early_media);
        let Some(found) = self.leg_mut(leg).filter(|l| !sdp.is_empty() && !l.up) else { return };
        if found.accept(sdp).is_err() {
            return;
        }
        let (Some(to), Some(waits), true) = (found.stream, waits, lets) else { return };
        found.early = true;
        if waits == caller {
            self.speaking.stop(caller, out);
        }
        out.push(Output::Media(media::Command::Connect { leg, to }));
        out.push(Output::Media(media::Command::Mix { parties: vec![(waits, 0b10), (leg, 0)] }));
    }

    /// What was heard of a call outside that has come to nothing is heard no more; true if anything was.
    pub(super) fn early_media_ends(&mut self, leg: LegId, out: &mut Vec<Output>) -> bool {
        let early = self.leg_mut(leg).is_some_and(|l| std::mem::take(&mut l.early));
        out.extend(early.then_some(Output::Media(media::Command::Unbridge { leg })));
        early
    }

    /// A trunk did not take the call of `leg`: tries the next. False if there is none, or that would not help.
    pub(super) fn try_next_trunk(
        &mut self,
        now: Now,
        leg: LegId,
        cause: &EndCause,
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) -> bool {
        let Some(mut outside) = self.outside_mut(leg).cloned() else { return false };
        let trunk = outside.trunk.as_deref().and_then(|name| s.config.server.trunk(name));
        if !not_taken(cause, outside.heard, trunk.map_or(&NEXT_ON, |t| &t.next_on)) {
            return false;
        }
        s.trunks.left(leg);
        if let Some(name) = &outside.trunk {
            s.trunks.refused(name, "call not taken");
        }
        if s.next_trunk(now, &mut outside).is_err() {
            return false;
        }
        let (caller, early) = (self.caller(), self.early_media_ends(leg, out));
        self.close_leg(leg, "another trunk", out);
        if leg == caller {
            self.call_outside(now, outside, s, out);
        } else {
            if early {
                self.speaking.music(caller, &s.music, &mut s.library, out);
            }
            self.ringing.retain(|side| side.leg != leg);
            self.ring_outside(now, outside, s, out);
        }
        true
    }

    /// The customer, on a new leg in place of the one that came to nothing.
    fn call_outside(&mut self, now: Now, outside: Outside, s: &mut Shared, out: &mut Vec<Output>) {
        let leg = s.leg_over(self.id, &outside);
        let (ip, near) = (outside.way.local.ip(), self.agent.as_ref().map(|side| side.leg));
        let terms = s.over(outside.trunk.as_deref());
        self.legs.insert(0, Leg::new(leg, "caller", terms, None).seen_at(s.media_seen(&outside)));
        self.outside = Some(outside);
        out.push(Output::Open { leg, ip, near });
        s.timers.set((self.id, Due::Dialog), now + DIAL_MAX);
    }

    /// Looks for a way to the customer who is to be called back; the leg is there already.
    pub(super) fn find_customer(&mut self, now: Now, way: Flow, s: &mut Shared) -> Result<(), NoWay> {
        let number = self.cdr.caller.reveal().clone();
        let outside = s.way_out(now, &number, self.trunk.as_deref(), way)?;
        s.carries(self.caller(), &outside);
        let seen = s.media_seen(&outside);
        self.legs.first_mut().into_iter().for_each(|leg| leg.seen = seen);
        self.outside = Some(outside);
        Ok(())
    }
}

impl Shared {
    /// A leg over the trunk that has been found.
    fn leg_over(&mut self, call: CallId, outside: &Outside) -> LegId {
        let leg = self.new_leg(call);
        self.carries(leg, outside);
        leg
    }

    /// Where whoever is called sends its audio, if not to our own address.
    fn media_seen(&self, outside: &Outside) -> Option<IpAddr> {
        let server = &self.config.server;
        match outside.trunk.as_deref().and_then(|name| server.trunk(name)) {
            Some(trunk) if trunk.to.is_some() => server.media_seen_over(trunk, outside.way.local.ip()),
            _ => server.media_seen(outside.way),
        }
    }

    fn carries(&mut self, leg: LegId, outside: &Outside) {
        if let Some(name) = &outside.trunk {
            self.trunks.carries(leg, name);
        }
    }
}

/// The trunk, not who was called, is why there is no call: one of the refusals that say so, no answer at all, no connection.
/// A 480 after a way was found is about who was called, as an announcement before it may have said.
fn not_taken(cause: &EndCause, heard: Heard, next_on: &[u16]) -> bool {
    let trunk = match cause {
        EndCause::Refused { status: 480, .. } if heard > Heard::Nothing => false,
        EndCause::Refused { status, .. } => next_on.contains(status),
        EndCause::Timeout | EndCause::Unreachable => true,
        _ => false,
    };
    trunk && heard < Heard::Ringing
}

/// A number at the peer that a call came from.
fn back(number: &str, way: Flow) -> sip::Target {
    let transport = match way.transport {
        sip::Transport::Udp => String::new(),
        other => format!(";transport={}", other.name()),
    };
    sip::Target::Uri { uri: format!("sip:{number}@{}{transport}", way.remote), flow: way }
}
