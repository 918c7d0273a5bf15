//! The sending half of a stream: one SSRC, and a sequence and timeline without a seam, whatever the audio comes from.
//!
//! What we play ourselves is numbered by the leg's 20 ms periods. What is relayed keeps the distances of its own
//! stream, shifted: so the far end sees the loss and the order that there really was, and not a smooth lie. Where the
//! source changes, the shift is set anew so that the timeline goes on by the time that really passed, and the marker
//! is set (RFC 3551 §4.1).

use super::Fields;
use crate::base::{FRAME_MS, Now, SAMPLE_RATE};

/// A relayed packet whose time is off by more seconds than this belongs to a stream that restarted. Longer than a key is held,
/// since telephone-events keep the timestamp of their start.
const STEP_MAX_S: u32 = 10;
/// The same for sequence numbers (RFC 3550 §A.1, MAX_DROPOUT).
const SEQ_STEP_MAX: u16 = 3000;

#[derive(Debug, Clone, Copy)]
enum Source {
    None,
    /// Our own: period `period` has timestamp `timestamp`.
    Own {
        period: u64,
        timestamp: u32,
    },
    /// Relayed: what to add to its numbers, and the first sequence number that belongs here.
    Relay {
        ssrc: u32,
        seq_add: u16,
        timestamp_add: u32,
        first: u16,
    },
}

/// One outgoing stream.
#[derive(Debug)]
pub struct Outbound {
    ssrc: u32,
    seq: u16,
    /// Timestamp of the latest audio, and when it left.
    latest: (u32, Now),
    source: Source,
    /// Timestamps a second.
    clock: u32,
}

impl Outbound {
    /// A stream that begins at `now`. SSRC, first sequence number and timestamp are to be random (RFC 3550 §5.1).
    pub fn new(now: Now, ssrc: u32, seq: u16, timestamp: u32) -> Self {
        Outbound { ssrc, seq, latest: (timestamp, now), source: Source::None, clock: SAMPLE_RATE }
    }

    /// Timestamps count `clock` a second from now on; it begins with 8,000.
    pub fn set_clock(&mut self, clock: u32) {
        if clock != self.clock {
            (self.clock, self.source) = (clock, Source::None);
        }
    }

    fn frame(&self) -> u32 {
        self.clock / 1000 * FRAME_MS
    }

    /// Our SSRC.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The timestamp that belongs to `now` (RFC 3550 §6.4.1).
    pub fn timestamp_now(&self, now: Now) -> u32 {
        self.latest.0.wrapping_add(self.since_latest(now))
    }

    /// When the last audio left; at first, when the stream began.
    pub fn latest_at(&self) -> Now {
        self.latest.1
    }

    /// The header of our own audio for the leg's 20 ms period number `period`.
    pub fn own(&mut self, now: Now, period: u64, payload_type: u8) -> Fields {
        let (timestamp, marker) = self.own_timestamp(now, period);
        self.latest = (timestamp, now);
        self.own_fields(payload_type, timestamp, marker)
    }

    /// The header of a telephone-event of ours: the timestamp is that of its first packet, which this returns and
    /// `start` gives back for the others.
    pub fn own_event(&mut self, now: Now, period: u64, payload_type: u8, start: Option<u32>) -> Fields {
        let (timestamp, _) = self.own_timestamp(now, period);
        self.own_fields(payload_type, start.unwrap_or(timestamp), start.is_none())
    }

    fn own_fields(&mut self, payload_type: u8, timestamp: u32, marker: bool) -> Fields {
        self.seq = self.seq.wrapping_add(1);
        Fields { marker, payload_type, seq: self.seq, timestamp, ssrc: self.ssrc }
    }

    fn own_timestamp(&mut self, now: Now, period: u64) -> (u32, bool) {
        match self.source {
            Source::Own { period: p0, timestamp } => (
                timestamp.wrapping_add(period.wrapping_sub(p0).wrapping_mul(u64::from(self.frame())) as u32),
                false,
            ),
            Source::None | Source::Relay { .. } => {
                let timestamp = self.timestamp_at(now);
                self.source = Source::Own { period, timestamp };
                (timestamp, true)
            }
        }
    }

    /// The header for a packet of another stream, to be sent on as `payload_type`. `None` if it is from before that
    /// stream became the source of this one. `event` is true for telephone-events, which do not move the timeline.
    pub fn relayed(&mut self, now: Now, f: &Fields, payload_type: u8, event: bool) -> Option<Fields> {
        let expected = self.timestamp_at(now);
        if let Source::Relay { ssrc, seq_add, timestamp_add, first } = self.source {
            let (seq, timestamp) = (f.seq.wrapping_add(seq_add), f.timestamp.wrapping_add(timestamp_add));
            let step = (timestamp.wrapping_sub(expected) as i32).unsigned_abs();
            let seq_step = (seq.wrapping_sub(self.seq) as i16).unsigned_abs();
            if ssrc == f.ssrc && step < STEP_MAX_S * self.clock && seq_step < SEQ_STEP_MAX {
                if (f.seq.wrapping_sub(first) as i16) < 0 {
                    return None;
                }
                if (seq.wrapping_sub(self.seq) as i16) > 0 {
                    self.seq = seq;
                    if !event {
                        self.latest = (timestamp, now);
                    }
                }
                return Some(Fields { marker: f.marker, payload_type, seq, timestamp, ssrc: self.ssrc });
            }
        }
        self.seq = self.seq.wrapping_add(1);
        self.source = Source::Relay {
            ssrc: f.ssrc,
            seq_add: self.seq.wrapping_sub(f.seq),
            timestamp_add: expected.wrapping_sub(f.timestamp),
            first: f.seq,
        };
        if !event {
            self.latest = (expected, now);
        }
        Some(Fields { marker: true, payload_type, seq: self.seq, timestamp: expected, ssrc: self.ssrc })
    }

    /// A packet of the relayed stream was left out on purpose: closes the gap that it would leave.
    pub fn left_out(&mut self) {
        if let Source::Relay { seq_add, .. } = &mut self.source {
            *seq_add = seq_add.wrapping_sub(1);
        }
    }

    fn since_latest(&self, now: Now) -> u32 {
        (now.since(self.latest.1).as_micros() as u64 * u64::from(self.clock / 1000) / 1000) as u32
    }

    /// The timestamp of audio that begins now: as far after the latest as time has passed, but never inside it.
    fn timestamp_at(&self, now: Now) -> u32 {
        self.latest.0.wrapping_add(self.since_latest(now).max(self.frame()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn theirs(seq: u16, timestamp: u32) -> Fields {
        Fields { marker: false, payload_type: 0, seq, timestamp, ssrc: 99 }
    }

    fn now(ms: u64) -> Now {
        Now(ms * 1000)
    }

    #[test]
    fn own_frames_follow_one_another_by_a_frame_and_a_missed_period_leaves_its_gap() {
        let mut o = Outbound::new(now(0), 1, 10, 1000);
        let a = o.own(now(20), 1, 0);
        let b = o.own(now(45), 2, 0);
        let c = o.own(now(80), 4, 0);
        assert_eq!((a.seq, b.seq, c.seq), (11, 12, 13));
        assert_eq!((a.timestamp, b.timestamp - a.timestamp, c.timestamp - b.timestamp), (1160, 160, 320));
        assert_eq!((a.marker, b.marker), (true, false));
    }

    #[test]
    fn a_switch_to_a_relay_and_back_leaves_no_seam() {
        let mut o = Outbound::new(now(0), 1, 65_534, u32::MAX - 100);
        let a = o.own(now(20), 1, 0);
        let b = o.relayed(now(40), &theirs(7, 5000), 0, false).unwrap();
        let c = o.relayed(now(63), &theirs(8, 5160), 0, false).unwrap();
        let d = o.own(now(80), 4, 0);
        assert_eq!([a.seq, b.seq, c.seq, d.seq], [65_535, 0, 1, 2]);
        assert!(b.marker && !c.marker && d.marker);
        for (x, y) in [(a, b), (b, c), (c, d)] {
            assert_eq!(y.timestamp.wrapping_sub(x.timestamp), 160);
        }
        assert_eq!(d.ssrc, 1);
    }

    #[test]
    fn loss_and_order_of_the_source_stay_visible() {
        let mut o = Outbound::new(now(0), 1, 0, 0);
        let seqs: Vec<u16> = [5, 7, 6, 10]
            .map(|s| o.relayed(now(20), &theirs(s, u32::from(s) * 160), 0, false).unwrap().seq)
            .to_vec();
        assert_eq!(seqs, [1, 3, 2, 6]);
    }

    #[test]
    fn packets_from_before_the_switch_are_not_sent() {
        let mut o = Outbound::new(now(0), 1, 0, 0);
        o.relayed(now(20), &theirs(5, 800), 0, false);
        assert_eq!(o.relayed(now(21), &theirs(4, 640), 0, false), None);
    }

    #[test]
    fn a_packet_left_out_leaves_no_gap() {
        let mut o = Outbound::new(now(0), 1, 0, 0);
        o.relayed(now(20), &theirs(5, 800), 0, false);
        o.left_out();
        assert_eq!(o.relayed(now(60), &theirs(7, 1120), 0, false).unwrap().seq, 2);
    }

    #[test]
    fn a_source_that_restarts_its_timeline_is_taken_up_with_a_marker() {
        let mut o = Outbound::new(now(0), 1, 0, 0);
        let a = o.relayed(now(20), &theirs(5, 800), 0, false).unwrap();
        let b = o.relayed(now(40), &theirs(6, 3_000_000_000), 0, false).unwrap();
        assert!(b.marker);
        assert_eq!((b.seq, b.timestamp), (a.seq + 1, a.timestamp + 160));
    }
}
