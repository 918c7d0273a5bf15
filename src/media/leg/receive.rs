//! What comes for a leg: whether it is believed, and what it is.
//!
//! ```text
//!  too long ─ malformed ─ payload type ─ stranger ─ too fast ─ SSRC ─ forged, replayed ─ sequence ─► heard
//! ```
//! What fails is dropped and counted under the first reason, so that a flood of it costs as little as it can. What is
//! encrypted is decrypted in its buffer.

use super::{Heard, Leg};
use crate::base::{COMFORT_NOISE, Now};
use crate::limits::{RTP_AT_ONCE_MAX, RTP_EVERY_MIN, SSRC_CHANGE_AFTER};
use crate::media::out::Out;
use crate::media::{Rejects, Report, StreamSpec};
use crate::rtp::{Arrival, Event, Fields, PacketBuf, SrtpFault, Verdict, View, header_fields, is_rtcp};
use std::net::SocketAddr;

impl Leg {
    /// One datagram has come from `from`; an empty one was too long for its buffer.
    pub(in crate::media) fn receive(
        &mut self,
        now: Now,
        from: SocketAddr,
        buf: &mut PacketBuf,
        out: &mut Out,
    ) -> Heard {
        if is_rtcp(buf.bytes()) {
            self.control(now, from, buf);
            return Heard::Nothing;
        }
        let Some(spec) = self.peer.as_ref().map(|p| p.spec) else { return Heard::Nothing };
        let (f, verdict) = match self.judge(now, from, spec, buf.bytes()) {
            Ok(judged) => judged,
            Err(why) => return self.reject(why),
        };
        if let Err(fault) = self.srtp.as_mut().map_or(Ok(()), |srtp| srtp.open(buf)) {
            return self.reject(because(fault));
        }
        let Ok(view) = View::parse(buf.bytes()) else { return self.reject(|r| &mut r.malformed) };
        let (event, audio) = (spec.dtmf == Some(f.payload_type), f.payload_type == spec.payload_type);
        let arrival = self.receiver.accept(now, &f, audio);
        match arrival {
            Arrival::Jump => return self.reject(|r| &mut r.sequence),
            Arrival::Duplicate => return Heard::Nothing,
            Arrival::New | Arrival::Late => {}
        }
        if let Some(peer) = &mut self.peer {
            peer.latch.heard(now, from);
        }
        if verdict == Verdict::Latched && from != spec.remote {
            out.reports.push(Report::Latched { leg: self.id, from });
        }
        (self.last_heard, self.lost, self.renewed) = (now, false, false);
        if !spec.direction.receives() {
            return Heard::Swallowed;
        }
        if event {
            self.event(now, &view, out);
            return Heard::Pass;
        }
        if !audio {
            return Heard::Noise;
        }
        self.overhear(now, spec, &view, arrival == Arrival::New, out);
        Heard::Pass
    }

    /// What can be said of a packet by its header and where it comes from.
    fn judge(
        &mut self,
        now: Now,
        from: SocketAddr,
        spec: StreamSpec,
        datagram: &[u8],
    ) -> Result<(Fields, Verdict), Why> {
        if datagram.is_empty() {
            return Err(|r| &mut r.oversize);
        }
        let f = header_fields(datagram).map_err(|_| (|r| &mut r.malformed) as Why)?;
        if ![Some(spec.payload_type), spec.dtmf, Some(COMFORT_NOISE)].contains(&Some(f.payload_type)) {
            return Err(|r| &mut r.payload_type);
        }
        let goes_on = self.receiver.goes_on(&f);
        let verdict = self.peer.as_ref().map_or(Verdict::Stranger, |p| p.latch.judge(now, from, goes_on));
        if verdict == Verdict::Stranger {
            return Err(|r| &mut r.stranger);
        }
        if !self.pace.take(now, RTP_EVERY_MIN, RTP_AT_ONCE_MAX) {
            return Err(|r| &mut r.flood);
        }
        let other = self.receiver.ssrc().is_some_and(|ssrc| ssrc != f.ssrc);
        let flows = !self.renewed && now.since(self.last_heard) < SSRC_CHANGE_AFTER;
        if other && flows && verdict == Verdict::Known {
            return Err(|r| &mut r.ssrc);
        }
        Ok((f, verdict))
    }

    fn reject(&mut self, why: Why) -> Heard {
        *why(&mut self.rejects) += 1;
        Heard::Nothing
    }

    fn event(&mut self, now: Now, view: &View<'_>, out: &mut Out) {
        let event = Event::parse(view.payload());
        if let Some(digit) = event.and_then(|e| self.digits_in.step(&view.fields(), e)) {
            out.reports.push(Report::Digit { leg: self.id, digit, at: now });
        }
    }
}

/// The counter of a reason.
type Why = fn(&mut Rejects) -> &mut u64;

fn because(fault: SrtpFault) -> Why {
    match fault {
        SrtpFault::Replay | SrtpFault::Reused => |r| &mut r.replayed,
        SrtpFault::Authentication => |r| &mut r.unauthenticated,
        SrtpFault::Short | SrtpFault::TooLong => |r| &mut r.malformed,
    }
}
