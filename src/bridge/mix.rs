//! The mixer: each party of a conference hears the sum of those it is to hear (monitoring, whispering, conferences).
//!
//! ```text
//! packet of a ─► decode once ─► ring of a ─┬─► cursor of b ─┐
//! packet of c ─► decode once ─► ring of c ─┼─► cursor of b ─┴─► sum ─► encode ─► frame for b
//! ```
//! A listener takes one frame in each of its own 20 ms; it reads every ring at its own pace, so the legs need no common
//! clock. Who has fallen behind by more than [`LAG_MAX`] is moved on, which bounds the delay under clock drift and bursts.
//! No memory is allocated after the mixer is made.

use crate::base::{Codec, FRAME_SAMPLES, LegId};
use crate::codec::{decode, encode};
use crate::limits::MIX_SEATS_MAX;

/// Samples kept of each party: 256 ms.
const RING: usize = 2048;
/// A listener never hears a party later than this many samples (100 ms) after its packet came.
const LAG_MAX: u64 = 800;
/// Where a listener is put that was moved on, or begins: this many samples behind, one frame.
const LAG_START: u64 = FRAME_SAMPLES as u64;

/// One party.
#[derive(Debug)]
struct Seat {
    leg: LegId,
    /// Bit `i`: hears the party at seat `i`.
    hears: u8,
    ring: Box<[i16; RING]>,
    /// Samples written so far.
    written: u64,
    /// Up to where this party has read each other's ring; `None` before the first sound of it.
    read: [Option<u64>; MIX_SEATS_MAX],
}

/// A conference.
#[derive(Debug)]
pub struct Mixer {
    seats: Vec<Seat>,
}

impl Mixer {
    /// A conference of these parties: each with the seats that it hears as a bit mask, seat 0 in the lowest bit. A party
    /// never hears itself. More than [`MIX_SEATS_MAX`] are left out.
    pub fn new(parties: impl IntoIterator<Item = (LegId, u8)>) -> Mixer {
        let seat = |(i, (leg, hears)): (usize, (LegId, u8))| Seat {
            leg,
            hears: hears & !(1 << i),
            ring: Box::new([0; RING]),
            written: 0,
            read: [None; MIX_SEATS_MAX],
        };
        Mixer { seats: parties.into_iter().take(MIX_SEATS_MAX).enumerate().map(seat).collect() }
    }

    /// The parties.
    pub fn legs(&self) -> impl Iterator<Item = LegId> {
        self.seats.iter().map(|s| s.leg)
    }

    /// Takes the payload of one packet that `leg` has sent.
    pub fn put(&mut self, leg: LegId, codec: Codec, payload: &[u8]) {
        let Some(seat) = self.seats.iter_mut().find(|s| s.leg == leg) else { return };
        for octets in payload.chunks(FRAME_SAMPLES) {
            let mut samples = [0; FRAME_SAMPLES];
            let n = decode(codec, octets, &mut samples);
            for sample in samples.iter().take(n) {
                let at = seat.written as usize % RING;
                if let Some(place) = seat.ring.get_mut(at) {
                    *place = *sample;
                }
                seat.written += 1;
            }
        }
    }

    /// What `leg` hears in its next 20 ms, or `None` if nobody whom it hears has anything to say.
    pub fn take(&mut self, leg: LegId, codec: Codec) -> Option<[u8; FRAME_SAMPLES]> {
        let me = self.seats.iter().position(|s| s.leg == leg)?;
        let mut sum = [0i32; FRAME_SAMPLES];
        let mut heard = false;
        for other in 0..self.seats.len() {
            let hears = self.seats.get(me).is_some_and(|s| s.hears & 1 << other != 0);
            heard |= hears && self.add(me, other, &mut sum);
        }
        let clip = |s: i32| s.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
        heard.then(|| sum.map(|s| encode(codec, clip(s))))
    }

    /// Adds the next frame of `other` as `me` hears it; false if there is none yet.
    fn add(&mut self, me: usize, other: usize, sum: &mut [i32; FRAME_SAMPLES]) -> bool {
        let Some(written) = self.seats.get(other).map(|s| s.written).filter(|w| *w > 0) else { return false };
        let Some(read) = self.seats.get_mut(me).and_then(|s| s.read.get_mut(other)) else { return false };
        let behind = |at: u64| written.saturating_sub(at);
        let at = match *read {
            Some(at) if behind(at) <= LAG_MAX => at,
            _ => written.saturating_sub(LAG_START),
        };
        if behind(at) < FRAME_SAMPLES as u64 {
            *read = Some(at);
            return false;
        }
        *read = Some(at + FRAME_SAMPLES as u64);
        let Some(from) = self.seats.get(other) else { return false };
        for (i, total) in sum.iter_mut().enumerate() {
            let index = (at as usize + i) % RING;
            *total += i32::from(from.ring.get(index).copied().unwrap_or_default());
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: LegId = LegId(1);
    const B: LegId = LegId(2);
    const C: LegId = LegId(3);

    /// One octet of PCMU for a sample near `value`, and what it means.
    fn octets(value: i16) -> ([u8; FRAME_SAMPLES], i16) {
        let octets = [encode(Codec::Pcmu, value); FRAME_SAMPLES];
        let mut back = [0; 1];
        decode(Codec::Pcmu, &octets, &mut back);
        (octets, back[0])
    }

    fn hears(m: &mut Mixer, leg: LegId) -> Option<i16> {
        m.take(leg, Codec::Pcmu).map(|octets| {
            let mut samples = [0; FRAME_SAMPLES];
            decode(Codec::Pcmu, &octets, &mut samples);
            assert!(samples.iter().all(|s| *s == samples[0]), "one level throughout");
            samples[0]
        })
    }

    #[test]
    fn each_hears_the_sum_of_the_others_and_not_itself() {
        let mut m = Mixer::new([(A, 0b111), (B, 0b111), (C, 0b111)]);
        let (a, av) = octets(1000);
        let (b, bv) = octets(4000);
        m.put(A, Codec::Pcmu, &a);
        m.put(B, Codec::Pcmu, &b);
        let sum = hears(&mut m, C).unwrap();
        assert!((sum - (av + bv)).abs() < 150, "{sum} is about {}", av + bv);
        assert_eq!(hears(&mut m, A), Some(bv));
        assert_eq!(hears(&mut m, B), Some(av));
        assert_eq!(hears(&mut m, C), None, "it has heard all there is");
    }

    #[test]
    fn a_whisper_is_for_the_agent_alone() {
        // Caller, agent, supervisor: the agent hears both, the supervisor hears both, the caller the agent only.
        let mut m = Mixer::new([(A, 0b010), (B, 0b101), (C, 0b011)]);
        let (c, cv) = octets(2000);
        m.put(C, Codec::Pcmu, &c);
        assert_eq!(hears(&mut m, A), None);
        assert_eq!(hears(&mut m, B), Some(cv));
        assert_eq!(hears(&mut m, C), None);
    }

    #[test]
    fn who_falls_behind_is_moved_on_and_the_delay_stays_bounded() {
        let mut m = Mixer::new([(A, 0b10), (B, 0b01)]);
        for level in 1..=20 {
            m.put(A, Codec::Pcmu, &octets(level * 300).0);
        }
        let newest = octets(20 * 300).1;
        assert_eq!(hears(&mut m, B), Some(newest), "400 ms late would be heard by both");
    }

    #[test]
    fn packets_of_any_length_are_heard_in_order() {
        let mut m = Mixer::new([(A, 0b10), (B, 0b01)]);
        let (a, av) = octets(700);
        m.put(A, Codec::Pcmu, &a[..80]);
        assert_eq!(hears(&mut m, B), None, "half a frame");
        m.put(A, Codec::Pcmu, &a[..80]);
        assert_eq!(hears(&mut m, B), Some(av));
    }

    #[test]
    fn loud_parties_together_are_clipped_and_do_not_wrap() {
        let mut m = Mixer::new([(A, 0b110), (B, 0), (C, 0)]);
        let (loud, _) = octets(32_000);
        m.put(B, Codec::Pcmu, &loud);
        m.put(C, Codec::Pcmu, &loud);
        assert!(hears(&mut m, A).unwrap() > 31_000);
    }
}
