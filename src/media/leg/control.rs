//! RTCP of a leg: whose reports are believed, and when ours go out.

use super::{Leg, Peer};
use crate::base::Now;
use crate::media::out::{Body, Channel, Out, Send};
use crate::rtp::{PacketBuf, Verdict};
use std::net::SocketAddr;

impl Leg {
    /// A datagram of RTCP has come, on whichever port: RFC 5761 tells the two apart also where they were not agreed to share
    /// one. It is believed from where RTP comes from; on a port of its own, from the same host.
    pub(in crate::media) fn control(&mut self, now: Now, from: SocketAddr, buf: &mut PacketBuf) {
        let Some(peer) = &mut self.peer else { return };
        let audio = peer.latch.target();
        let known = from == audio
            || peer.spec.rtcp.is_some()
                && from.ip() == audio.ip()
                && peer.rtcp.judge(now, from, true) != Verdict::Stranger;
        if !known || self.srtp.as_mut().is_some_and(|srtp| srtp.open_rtcp(buf).is_err()) {
            self.reports.rejected += 1;
            return;
        }
        if from != audio {
            peer.rtcp.heard(now, from);
        }
        self.last_report = now;
        self.reports.receive(now, buf.bytes(), &self.stream, peer.spec.codec.clock());
    }

    /// Sends a report if one is due.
    pub(super) fn report(&mut self, now: Now, out: &mut Out) {
        if now >= self.reports.due() {
            self.send_report(now, false, out);
        }
    }

    /// Says that the stream ends (RFC 3550 §6.6).
    pub(super) fn bye(&mut self, now: Now, out: &mut Out) {
        if self.sent > 0 {
            self.send_report(now, true, out);
        }
    }

    fn send_report(&mut self, now: Now, bye: bool, out: &mut Out) {
        let Some(Peer { spec, latch, rtcp }) = &self.peer else { return };
        let (to, channel) = match spec.rtcp {
            Some(_) => (rtcp.target(), Channel::Rtcp),
            None => (latch.target(), Channel::Rtp),
        };
        // Held in the old way, with no address at all (RFC 3264 §8.4).
        if to.ip().is_unspecified() {
            return;
        }
        let (octets, len) =
            self.reports.write(now, &self.stream, (self.sent, self.octets), &self.receiver, bye);
        let mut packet = out.packet(&[&octets[..len]]);
        if self.srtp.as_mut().is_some_and(|srtp| srtp.seal_rtcp(&mut packet).is_err()) {
            return out.pool.give(packet);
        }
        let body = Body::Packet(packet);
        out.sends.push(Send { leg: self.id, channel, to, body });
    }
}
