//! What a leg's peer says, decoded for others to hear.

use super::Leg;
use crate::base::{COMFORT_NOISE, FRAME_SAMPLES, Now};
use crate::bridge::{Frame, Mixer, Played, Playout};
use crate::codec::frame_samples;
use crate::media::out::{Body, Out};
use crate::rtp::{PacketBuf, Pool, View};

impl Leg {
    /// Takes its place in the conference with this number.
    pub(in crate::media) fn seat(&mut self, mix: u64) {
        self.mix = Some(mix);
        self.playout = self.voice().map(|v| Box::new(Playout::new(v.codec)));
    }

    /// Leaves its conference and says which that was.
    pub(in crate::media) fn unseat(&mut self, pool: &mut Pool) -> Option<u64> {
        self.end_playout(pool);
        self.mix.take()
    }

    fn end_playout(&mut self, pool: &mut Pool) {
        self.played = self.played();
        if let Some(mut playout) = self.playout.take() {
            playout.clear(pool);
        }
    }

    /// What became of what was played out so far.
    pub(super) fn played(&self) -> Played {
        let now = self.playout.as_ref().map_or(Played::default(), |p| p.played());
        Played {
            discarded: self.played.discarded + now.discarded,
            concealed: self.played.concealed + now.concealed,
        }
    }

    /// Takes a packet of the peer that others are to hear.
    pub(in crate::media) fn play_out(&mut self, now: Now, buf: PacketBuf, out: &mut Out) {
        let payload_type = View::parse(buf.bytes()).map(|v| v.fields().payload_type).ok();
        let audio =
            self.voice().filter(|v| payload_type.is_some_and(|p| p == v.payload_type || p == COMFORT_NOISE));
        let Some(codec) = audio.map(|v| v.codec) else { return out.pool.give(buf) };
        // A re-INVITE may have changed the codec.
        if self.playout.as_ref().is_some_and(|p| p.codec() != codec) {
            self.end_playout(&mut out.pool);
        }
        self.playout.get_or_insert_with(|| Box::new(Playout::new(codec))).put(now, buf, &mut out.pool);
    }

    /// Passes on a key that the other side of a decoded bridge presses: as the event that it is (RFC 4733), whatever the codecs.
    pub(in crate::media) fn pass_key(&mut self, now: Now, buf: PacketBuf, out: &mut Out) {
        let able = self.peer.as_ref().filter(|p| p.spec.direction.sends() && self.digits_out.is_idle());
        let to = able.and_then(|p| Some((p.spec.dtmf?, p.latch.target())));
        if let (Some((payload_type, target)), Ok(view)) = (to, View::parse(buf.bytes())) {
            let theirs = view.fields().timestamp;
            let start = self.passed_key.filter(|k| k.0 == theirs).map(|k| k.1);
            let period = self.last_period.unwrap_or(0);
            let fields = self.stream.own_event(now, period, payload_type, start);
            self.passed_key = Some((theirs, fields.timestamp));
            let packet = out.packet(&[&fields.bytes(), view.payload()]);
            self.send(target, Body::Packet(packet), out);
        }
        out.pool.give(buf);
    }

    /// Its turn in the conference: says its 20 ms and takes what it is to hear.
    pub(super) fn mix(
        &mut self,
        now: Now,
        period: u64,
        mix: &mut Mixer,
        out: &mut Out,
    ) -> Option<(Frame, usize)> {
        if let Some(playout) = &mut self.playout {
            let (mut own, convert) = ([0; 2 * FRAME_SAMPLES], &mut self.convert);
            let own = &mut own[..frame_samples(playout.codec().rate())];
            mix.put(self.id, period, |frame| {
                let sound = playout.frame(now, own, &mut out.pool);
                convert.run(own, frame);
                sound
            });
        }
        mix.take(self.id, period)
    }
}
