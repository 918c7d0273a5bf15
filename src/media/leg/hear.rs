//! What a leg's peer says, decoded for others to hear.

use super::Leg;
use crate::base::{FRAME_SAMPLES, Now};
use crate::bridge::{Mixer, Played, Playout};
use crate::media::out::Out;
use crate::rtp::{PacketBuf, Pool, View};

impl Leg {
    /// Takes its place in the conference with this number.
    pub(in crate::media) fn seat(&mut self, mix: u64) {
        self.mix = Some(mix);
        self.playout = self.voice().map(|v| Playout::new(v.codec));
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
        let now = self.playout.as_ref().map_or(Played::default(), Playout::played);
        Played {
            discarded: self.played.discarded + now.discarded,
            concealed: self.played.concealed + now.concealed,
        }
    }

    /// Takes a packet of the peer that others are to hear.
    pub(in crate::media) fn play_out(&mut self, now: Now, buf: PacketBuf, out: &mut Out) {
        let payload_type = View::parse(buf.bytes()).map(|v| v.fields().payload_type).ok();
        let audio = self.voice().map(|v| v.codec).filter(|c| payload_type == Some(c.payload_type()));
        let Some(codec) = audio else { return out.pool.give(buf) };
        // A re-INVITE may have changed the codec.
        if self.playout.as_ref().is_some_and(|p| p.codec() != codec) {
            self.end_playout(&mut out.pool);
        }
        self.playout.get_or_insert_with(|| Playout::new(codec)).put(now, buf, &mut out.pool);
    }

    /// Its turn in the conference: says its 20 ms and takes what it is to hear.
    pub(super) fn mix(
        &mut self,
        now: Now,
        period: u64,
        mix: &mut Mixer,
        out: &mut Out,
    ) -> Option<[i16; FRAME_SAMPLES]> {
        if let Some(playout) = &mut self.playout {
            mix.put(self.id, period, |frame| playout.frame(now, frame, &mut out.pool));
        }
        mix.take(self.id, period)
    }
}
