//! Telephone-events: keys pressed and keys sent (RFC 4733 §2).
//!
//! ```text
//! |     event     |E|R| volume    |          duration             |
//! ```
//!
//! A press is a run of packets with one timestamp, its start, repeated while the key is down; the last one is sent
//! three times with the end bit. So the timestamp is the identity of the press: however many packets of it are lost,
//! doubled or late, the first one seen reports it, and the rest are known.

use super::Fields;
use crate::base::FRAME_SAMPLES;
use crate::limits::DIGITS_QUEUED_MAX;
use std::collections::VecDeque;

/// Keys in the order of their event codes 0–15 (RFC 4733 §3.2).
const KEYS: [u8; 16] = *b"0123456789*#ABCD";
/// Presses remembered against late packets.
const REMEMBERED: usize = 8;
/// Frames of tone, and of tone and pause together, for a key that we send: 100 ms and 100 ms.
const TONE_FRAMES: u16 = 5;
const KEY_FRAMES: u16 = 10;
/// −10 dBm0 (RFC 4733 §2.3.4).
const VOLUME: u8 = 10;

/// One telephone-event payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Event code; 0–15 are keys.
    pub code: u8,
    /// The key was let go.
    pub end: bool,
    /// Samples since the press began.
    pub duration: u16,
}

impl Event {
    /// Reads the first event of a payload; `None` if it is too short to hold one.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let [code, flags, d0, d1, ..] = *payload else { return None };
        Some(Event { code, end: flags & 0x80 != 0, duration: u16::from_be_bytes([d0, d1]) })
    }

    /// The payload of this event.
    pub fn bytes(self) -> [u8; 4] {
        let [d0, d1] = self.duration.to_be_bytes();
        [self.code, if self.end { 0x80 } else { 0 } | VOLUME, d0, d1]
    }
}

/// Turns packets into presses, each exactly once.
#[derive(Debug, Default)]
pub struct DigitReceiver {
    ssrc: u32,
    /// Timestamps of the latest presses, newest last.
    known: VecDeque<u32>,
    last: Option<(u32, Event)>,
}

impl DigitReceiver {
    /// Takes one telephone-event packet; returns the key if this is the first sign of its press.
    pub fn step(&mut self, f: &Fields, event: Event) -> Option<char> {
        if self.ssrc != f.ssrc {
            *self = DigitReceiver { ssrc: f.ssrc, ..Default::default() };
        }
        if self.known.contains(&f.timestamp) {
            // Only the newest press can go on in a segment; a late packet of an older one changes nothing.
            if self.known.back() == Some(&f.timestamp) {
                self.last = Some((f.timestamp, event));
            }
            return None;
        }
        let continued = self.continues(f, event);
        if self.known.len() == REMEMBERED {
            self.known.pop_front();
        }
        self.known.push_back(f.timestamp);
        self.last = Some((f.timestamp, event));
        let key = KEYS.get(usize::from(event.code))?;
        (!continued).then_some(char::from(*key))
    }

    /// §2.5.1.3: a press longer than the duration field can say goes on in a segment that begins where the last ended.
    fn continues(&self, f: &Fields, event: Event) -> bool {
        self.last.is_some_and(|(timestamp, last)| {
            !last.end
                && !f.marker
                && last.code == event.code
                && f.timestamp == timestamp.wrapping_add(u32::from(last.duration))
        })
    }
}

/// The keys that we send, frame by frame.
#[derive(Debug, Default)]
pub struct DigitSender {
    /// Event codes; the first is being sent.
    queue: VecDeque<u8>,
    frame: u16,
}

/// What to send in this frame in place of audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DigitFrame {
    /// The event, `None` in the pause after a key.
    pub event: Option<Event>,
    /// True for the first packet of a press, which carries the marker and whose instant is the timestamp of them all.
    pub first: bool,
}

impl DigitSender {
    /// Queues keys; unknown characters are left out. Returns false if some were left out, or did not fit into
    /// [`DIGITS_QUEUED_MAX`].
    pub fn push(&mut self, keys: &str) -> bool {
        let mut all = true;
        for key in keys.bytes().map(|k| k.to_ascii_uppercase()) {
            match KEYS.iter().position(|&k| k == key) {
                Some(code) if self.queue.len() < DIGITS_QUEUED_MAX => self.queue.push_back(code as u8),
                _ => all = false,
            }
        }
        all
    }

    /// True when no key is being sent.
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    /// What this frame carries; `None` when no key is being sent and audio may flow.
    pub fn step(&mut self) -> Option<DigitFrame> {
        let code = *self.queue.front()?;
        self.frame += 1;
        let (frame, samples) = (self.frame, FRAME_SAMPLES as u16);
        if frame == KEY_FRAMES {
            self.queue.pop_front();
            self.frame = 0;
        }
        // §2.5.1.4: the last packet goes out three times.
        let event = (frame < TONE_FRAMES + 3).then(|| Event {
            code,
            end: frame >= TONE_FRAMES,
            duration: frame.min(TONE_FRAMES) * samples,
        });
        Some(DigitFrame { event, first: frame == 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packet(timestamp: u32, marker: bool) -> Fields {
        Fields { marker, payload_type: 101, seq: 0, timestamp, ssrc: 1 }
    }

    fn press(code: u8, timestamp: u32) -> Vec<(Fields, Event)> {
        (1..=7u16)
            .map(|n| {
                let event = Event { code, end: n >= 5, duration: n.min(5) * 160 };
                (packet(timestamp, n == 1), event)
            })
            .collect()
    }

    fn keys(packets: &[(Fields, Event)]) -> String {
        let mut r = DigitReceiver::default();
        packets.iter().filter_map(|(f, e)| r.step(f, *e)).collect()
    }

    #[test]
    fn a_press_is_one_digit_however_often_its_packets_come() {
        let mut p = press(5, 1000);
        p.extend(press(5, 1000));
        assert_eq!(keys(&p), "5");
    }

    #[test]
    fn a_press_is_heard_if_any_one_packet_of_it_is_left() {
        for n in 0..7 {
            assert_eq!(keys(&press(11, 77)[n..=n]), "#");
        }
    }

    #[test]
    fn the_same_key_pressed_twice_is_two_digits() {
        let mut p = press(1, 1000);
        p.extend(press(1, 2600));
        assert_eq!(keys(&p), "11");
    }

    #[test]
    fn end_packets_that_come_after_the_next_press_began_report_nothing() {
        let (a, b) = (press(1, 1000), press(2, 2600));
        let p = [&a[..5], &b[..2], &a[5..], &b[2..]].concat();
        assert_eq!(keys(&p), "12");
    }

    #[test]
    fn a_key_held_longer_than_the_duration_field_can_say_is_one_digit() {
        let e = |duration, end| Event { code: 3, end, duration };
        let p = [
            (packet(0, true), e(160, false)),
            (packet(0, false), e(0xffff, false)),
            (packet(0xffff, false), e(160, false)),
            (packet(0xffff, false), e(320, true)),
        ];
        assert_eq!(keys(&p), "3");
    }

    proptest! {
        #[test]
        fn loss_doubling_and_disorder_within_a_press_change_nothing(
            codes in proptest::collection::vec(0u8..16, 1..12), seed: u64,
        ) {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut packets = Vec::new();
            for (n, &code) in codes.iter().enumerate() {
                let mut p = press(code, 1600 * n as u32);
                rng.shuffle(&mut p);
                p.truncate(rng.usize(1..=7));
                p.extend_from_within(..rng.usize(0..=p.len()));
                packets.extend(p);
            }
            let pressed: String = codes.iter().map(|&c| char::from(KEYS[usize::from(c)])).collect();
            prop_assert_eq!(keys(&packets), pressed);
        }
    }

    #[test]
    fn events_that_are_no_keys_report_nothing() {
        assert_eq!(keys(&press(16, 1)), "");
        assert!(Event::parse(&[1, 2, 3]).is_none());
    }

    #[test]
    fn what_we_send_is_what_we_would_hear() {
        let (mut tx, mut rx) = (DigitSender::default(), DigitReceiver::default());
        assert!(tx.push("0*d9"));
        let (mut heard, mut ends, mut frames, mut start) = (String::new(), 0, 0, 0);
        while let Some(frame) = tx.step() {
            if frame.first {
                start = frames * 160;
            }
            if let Some(event) = frame.event {
                ends += u32::from(event.end);
                let event = Event::parse(&event.bytes()).unwrap();
                heard.extend(rx.step(&packet(start, frame.first), event));
            }
            frames += 1;
        }
        assert_eq!((heard.as_str(), ends, frames), ("0*D9", 12, 40));
    }

    #[test]
    fn a_queue_that_is_full_says_so() {
        let mut tx = DigitSender::default();
        assert!(tx.push(&"1".repeat(DIGITS_QUEUED_MAX)));
        assert!(!tx.push("1"));
        assert!(!DigitSender::default().push("x"));
    }
}
