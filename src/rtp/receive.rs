//! The receiving half of a stream: extended sequence numbers, loss, duplicates, order and jitter
//! (RFC 3550 §A.1, §A.3, §A.8).
//!
//! In: sequence number, timestamp and SSRC of each packet with its arrival time. Out: whether it is new.
//! Deviation from §A.1: no probation. A call's first packet is worth hearing, and the latch has judged its source.

use super::Fields;
use crate::base::{Now, SAMPLE_RATE};

/// A forward step below this is loss, above it a restart (RFC 3550 §A.1).
const MAX_DROPOUT: u16 = 3000;
/// A backward step up to this is disorder (RFC 3550 §A.1). Must fit in the window of seen packets.
const MAX_MISORDER: u16 = 100;
const _: () = assert!((MAX_MISORDER as u32) < u128::BITS);

/// What a packet is to its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// In order, or after a gap.
    New,
    /// Missed before, come after a later one.
    Late,
    /// Had already.
    Duplicate,
    /// Far from its stream; if the next one follows it, the stream has restarted (RFC 3550 §A.1).
    Jump,
}

/// One received stream of a leg, through restarts and changes of SSRC.
#[derive(Debug)]
pub struct Receiver {
    /// Timestamps a second.
    clock: u32,
    ssrc: Option<u32>,
    /// Highest sequence number, extended by the count of its cycles.
    ext_max: u64,
    ext_base: u64,
    /// Bit n: `ext_max - n` was received.
    seen: u128,
    received_here: u64,
    after_jump: Option<u16>,
    /// Expected and received in streams that ended before this one.
    past: (u64, u64),
    /// Packets had twice.
    pub duplicate: u64,
    /// Packets that came after a later one.
    pub reordered: u64,
    transit: Option<u32>,
    jitter: f32,
}

impl Default for Receiver {
    fn default() -> Self {
        Receiver {
            clock: SAMPLE_RATE,
            ssrc: None,
            ext_max: 0,
            ext_base: 0,
            seen: 0,
            received_here: 0,
            after_jump: None,
            past: (0, 0),
            duplicate: 0,
            reordered: 0,
            transit: None,
            jitter: 0.0,
        }
    }
}

impl Receiver {
    /// Timestamps count `clock` a second from now on; it begins with 8,000.
    pub fn set_clock(&mut self, clock: u32) {
        if clock != self.clock {
            self.jitter *= clock as f32 / self.clock as f32;
            (self.clock, self.transit) = (clock, None);
        }
    }

    /// Takes note of one packet. `timed` is false for packets whose timestamp is not their sampling instant
    /// (telephone-events after the first), which say nothing about jitter.
    pub fn accept(&mut self, now: Now, f: &Fields, timed: bool) -> Arrival {
        if self.ssrc != Some(f.ssrc) {
            self.restart(f);
        } else {
            let ahead = f.seq.wrapping_sub(self.ext_max as u16);
            let behind = ahead.wrapping_neg();
            if (1..MAX_DROPOUT).contains(&ahead) {
                self.ext_max += u64::from(ahead);
                self.seen = self.seen.checked_shl(u32::from(ahead)).unwrap_or(0) | 1;
            } else if behind <= MAX_MISORDER {
                return self.behind(behind);
            } else if self.after_jump.replace(f.seq.wrapping_add(1)) == Some(f.seq) {
                self.restart(f);
            } else {
                return Arrival::Jump;
            }
        }
        self.after_jump = None;
        self.received_here += 1;
        if timed {
            self.time(now, f.timestamp);
        }
        Arrival::New
    }

    /// True if a packet with these numbers would be the next of the stream, or some after it.
    pub fn goes_on(&self, f: &Fields) -> bool {
        let ahead = f.seq.wrapping_sub(self.ext_max as u16);
        self.ssrc == Some(f.ssrc) && (1..MAX_DROPOUT).contains(&ahead)
    }

    fn behind(&mut self, by: u16) -> Arrival {
        let bit = 1u128 << by;
        if self.seen & bit != 0 {
            self.duplicate += 1;
            return Arrival::Duplicate;
        }
        self.seen |= bit;
        self.reordered += 1;
        self.received_here += 1;
        self.ext_base = self.ext_base.min(self.ext_max - u64::from(by));
        Arrival::Late
    }

    fn restart(&mut self, f: &Fields) {
        self.past = (self.expected(), self.received());
        self.ssrc = Some(f.ssrc);
        // One cycle up, so that a first packet that was overtaken still has a number below it.
        self.ext_max = 0x1_0000 + u64::from(f.seq);
        self.ext_base = self.ext_max;
        self.seen = 1;
        self.received_here = 0;
        self.transit = None;
    }

    /// RFC 3550 §A.8, in timestamp units.
    fn time(&mut self, now: Now, timestamp: u32) {
        let arrival = (now.0 * u64::from(self.clock / 1000) / 1000) as u32;
        let transit = arrival.wrapping_sub(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            let d = (transit.wrapping_sub(before) as i32).unsigned_abs();
            // A second or more is a new time base (hold, transfer), not jitter.
            if d < self.clock {
                self.jitter += (d as f32 - self.jitter) / 16.0;
            }
        }
    }

    /// Whose stream it is; `None` before the first packet.
    pub fn ssrc(&self) -> Option<u32> {
        self.ssrc
    }

    /// Packets expected and received of this SSRC, as a report says them.
    pub fn here(&self) -> (u64, u64) {
        (self.ssrc.map_or(0, |_| self.ext_max - self.ext_base + 1), self.received_here)
    }

    /// The highest sequence number of this SSRC, extended by the count of its cycles.
    pub fn highest(&self) -> u32 {
        (self.ext_max as u32).wrapping_sub(0x1_0000)
    }

    /// Packets that should have come (RFC 3550 §A.3).
    pub fn expected(&self) -> u64 {
        self.past.0 + self.here().0
    }

    /// Packets that came, each counted once.
    pub fn received(&self) -> u64 {
        self.past.1 + self.received_here
    }

    /// Packets that should have come and did not.
    pub fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.received())
    }

    /// Interarrival jitter in timestamp units.
    pub fn jitter_units(&self) -> u32 {
        self.jitter as u32
    }

    /// Interarrival jitter in milliseconds.
    pub fn jitter_ms(&self) -> f32 {
        self.jitter * 1000.0 / self.clock as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packet(seq: u16, ssrc: u32) -> Fields {
        Fields { marker: false, payload_type: 0, seq, timestamp: u32::from(seq) * 160, ssrc }
    }

    fn feed(r: &mut Receiver, seqs: &[u16]) -> Vec<Arrival> {
        seqs.iter().map(|&s| r.accept(Now(0), &packet(s, 1), true)).collect()
    }

    #[test]
    fn loss_is_counted_over_the_wrap_of_the_sequence_number() {
        let mut r = Receiver::default();
        feed(&mut r, &[65_533, 65_534, 1, 2]);
        assert_eq!((r.expected(), r.received(), r.lost()), (6, 4, 2));
    }

    proptest! {
        /// The counts agree with a plain list of what was fed, over the wrap.
        #[test]
        fn loss_duplicates_and_disorder_are_counted_as_they_were(
            first: u16, fate in proptest::collection::vec(0u8..10, 2..400),
        ) {
            let mut seqs: Vec<u16> = Vec::new();
            for (n, f) in fate.iter().enumerate() {
                let seq = first.wrapping_add(n as u16);
                match f {
                    0 => {}
                    1 => seqs.extend([seq, seq]),
                    2 if !seqs.is_empty() => seqs.insert(seqs.len() - 1, seq),
                    _ => seqs.push(seq),
                }
            }
            let mut r = Receiver::default();
            feed(&mut r, &seqs);
            let place = |s: &u16| s.wrapping_sub(first);
            let mut distinct: Vec<u16> = seqs.iter().map(place).collect();
            distinct.sort_unstable();
            distinct.dedup();
            if let (Some(low), Some(high)) = (distinct.first(), distinct.last()) {
                prop_assert_eq!(r.expected(), u64::from(high - low) + 1);
                prop_assert_eq!(r.received(), distinct.len() as u64);
                prop_assert_eq!(r.duplicate, (seqs.len() - distinct.len()) as u64);
            }
        }
    }

    #[test]
    fn a_late_packet_fills_its_gap_and_a_duplicate_does_not() {
        let mut r = Receiver::default();
        use Arrival::*;
        assert_eq!(feed(&mut r, &[10, 12, 11, 11, 12, 13]), [New, New, Late, Duplicate, Duplicate, New]);
        assert_eq!((r.lost(), r.duplicate, r.reordered), (0, 2, 1));
    }

    #[test]
    fn a_first_packet_that_was_overtaken_still_counts() {
        let mut r = Receiver::default();
        assert_eq!(feed(&mut r, &[0, 65_535]), [Arrival::New, Arrival::Late]);
        assert_eq!((r.expected(), r.lost()), (2, 0));
    }

    #[test]
    fn one_wild_packet_is_refused_and_two_in_a_row_restart_the_stream() {
        let mut r = Receiver::default();
        use Arrival::*;
        assert_eq!(feed(&mut r, &[1, 2, 30_000, 3, 40_000, 40_001]), [New, New, Jump, New, Jump, New]);
        assert_eq!(r.lost(), 0);
    }

    #[test]
    fn a_new_ssrc_goes_on_with_the_sums_of_the_old() {
        let mut r = Receiver::default();
        feed(&mut r, &[1, 3]);
        assert_eq!(r.accept(Now(0), &packet(900, 2), true), Arrival::New);
        assert_eq!((r.expected(), r.lost()), (4, 1));
    }

    #[test]
    fn jitter_is_nothing_on_a_steady_stream_and_follows_an_unsteady_one() {
        let mut r = Receiver::default();
        for n in 0..100u16 {
            r.accept(Now(u64::from(n) * 20_000), &packet(n, 1), true);
        }
        assert!(r.jitter_ms() < 0.01);
        for n in 100..300u16 {
            r.accept(Now(u64::from(n) * 20_000 + u64::from(n % 2) * 8_000), &packet(n, 1), true);
        }
        assert!((7.0..8.5).contains(&r.jitter_ms()), "{}", r.jitter_ms());
    }
}
