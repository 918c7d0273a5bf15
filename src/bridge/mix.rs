//! The mixer: each party of a conference hears the sum of those it is to hear (monitoring, whispering, conferences).
//!
//! ```text
//!   a's turn in period n      ─► frame n of a ─┐
//!   c's turn in period n      ─► frame n of c ─┴─► sum for b in its turn of period n + 1
//! ```
//! Every party gives one frame in each of its turns and takes one. All turns of one period lie within the same 20 ms of the
//! worker's clock, so in period n + 1 all frames of period n are there: nobody waits for anybody, nothing runs empty or over, and the
//! mixing delays by less than 20 ms, always the same for a pair. The clocks of the peers are brought to the worker's before
//! ([`super::Playout`]). No memory is allocated after the mixer is made.

use crate::base::{FRAME_SAMPLES, LegId};
use crate::codec::frame_samples;
use crate::limits::MIX_SEATS_MAX;

/// A frame at the higher of the two rates; at the lower the second half is not used.
pub type Frame = [i16; 2 * FRAME_SAMPLES];

/// One party.
#[derive(Debug)]
struct Seat {
    leg: LegId,
    /// Bit `i`: hears the party at seat `i`.
    hears: u8,
    /// The frames of the last two periods, each with its period; `None` where there was nothing to hear.
    frames: Box<[(Option<u64>, Frame); 2]>,
}

/// A conference.
#[derive(Debug)]
pub struct Mixer {
    seats: Vec<Seat>,
    samples: usize,
}

impl Mixer {
    /// A conference of these parties: each with the seats that it hears as a bit mask, seat 0 in the lowest bit. A party
    /// never hears itself. More than [`MIX_SEATS_MAX`] are left out. Frames are of `rate`, 8,000 or 16,000 Hz.
    pub fn new(parties: impl IntoIterator<Item = (LegId, u8)>, rate: u32) -> Mixer {
        let seat = |(i, (leg, hears)): (usize, (LegId, u8))| Seat {
            leg,
            hears: hears & !(1 << i),
            frames: Box::new([(None, [0; 2 * FRAME_SAMPLES]); 2]),
        };
        let seats = parties.into_iter().take(MIX_SEATS_MAX).enumerate().map(seat).collect();
        Mixer { seats, samples: frame_samples(rate) }
    }

    /// What `leg` says in `period`: `say` writes it and is true if there is anything to hear.
    pub fn put(&mut self, leg: LegId, period: u64, say: impl FnOnce(&mut [i16]) -> bool) {
        let Some(seat) = self.seats.iter_mut().find(|s| s.leg == leg) else { return };
        let (of, frame) = &mut seat.frames[(period % 2) as usize];
        *of = say(&mut frame[..self.samples]).then_some(period);
    }

    /// What `leg` hears in `period`, and how many samples that is; `None` if nobody whom it hears had anything to say in the one
    /// before.
    pub fn take(&self, leg: LegId, period: u64) -> Option<(Frame, usize)> {
        let hears = self.seats.iter().find(|s| s.leg == leg)?.hears;
        let (mut sum, mut heard) = ([0i32; 2 * FRAME_SAMPLES], false);
        let before = period.checked_sub(1)?;
        for (_, other) in self.seats.iter().enumerate().filter(|(i, _)| hears & (1 << i) != 0) {
            let (of, frame) = &other.frames[(before % 2) as usize];
            if *of == Some(before) {
                heard = true;
                sum.iter_mut().zip(&frame[..self.samples]).for_each(|(total, s)| *total += i32::from(*s));
            }
        }
        heard.then(|| (sum.map(|s| s.clamp(i16::MIN.into(), i16::MAX.into()) as i16), self.samples))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: LegId = LegId(1);
    const B: LegId = LegId(2);
    const C: LegId = LegId(3);

    fn say(m: &mut Mixer, leg: LegId, period: u64, level: i16) {
        m.put(leg, period, |frame| {
            frame.fill(level);
            true
        });
    }

    fn hears(m: &Mixer, leg: LegId, period: u64) -> Option<i16> {
        m.take(leg, period).map(|(frame, samples)| {
            assert_eq!(samples, FRAME_SAMPLES);
            assert!(frame[..samples].iter().all(|s| *s == frame[0]), "one level throughout");
            frame[0]
        })
    }

    #[test]
    fn each_hears_the_sum_of_the_others_and_not_itself() {
        let mut m = Mixer::new([(A, 0b111), (B, 0b111), (C, 0b111)], 8000);
        say(&mut m, A, 7, 1000);
        say(&mut m, B, 7, 4000);
        assert_eq!([A, B, C].map(|leg| hears(&m, leg, 8)), [Some(4000), Some(1000), Some(5000)]);
        assert_eq!(hears(&m, C, 9), None, "it has heard all there is");
    }

    #[test]
    fn a_whisper_is_for_the_agent_alone() {
        // Caller, agent, supervisor: the agent hears both, the supervisor hears both, the caller the agent only.
        let mut m = Mixer::new([(A, 0b010), (B, 0b101), (C, 0b011)], 8000);
        say(&mut m, C, 1, 2000);
        assert_eq!([A, B, C].map(|leg| hears(&m, leg, 2)), [None, Some(2000), None]);
    }

    #[test]
    fn every_frame_is_heard_once_whoever_has_its_turn_first() {
        let mut m = Mixer::new([(A, 0b10), (B, 0b01)], 8000);
        for period in 1..50 {
            // In each 20 ms B's turn is before A's.
            let b_hears = hears(&m, B, period);
            say(&mut m, B, period, 100 + period as i16);
            let a_hears = hears(&m, A, period);
            say(&mut m, A, period, 500 + period as i16);
            let before = (period > 1).then_some(period as i16 - 1);
            assert_eq!((a_hears, b_hears), (before.map(|n| 100 + n), before.map(|n| 500 + n)));
        }
    }

    #[test]
    fn who_missed_a_turn_is_silent_for_it() {
        let mut m = Mixer::new([(A, 0b10), (B, 0b01)], 8000);
        say(&mut m, A, 3, 9);
        assert_eq!([4, 5, 6].map(|n| hears(&m, B, n)), [Some(9), None, None]);
        m.put(A, 6, |_| false);
        assert_eq!(hears(&m, B, 7), None);
    }

    #[test]
    fn loud_parties_together_are_clipped_and_do_not_wrap() {
        let mut m = Mixer::new([(A, 0b110), (B, 0), (C, 0)], 8000);
        say(&mut m, B, 1, 32_000);
        say(&mut m, C, 1, 32_000);
        assert_eq!(hears(&m, A, 2), Some(i16::MAX));
    }
}
