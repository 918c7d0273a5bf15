//! The jitter buffer: packets that come as the network pleases go out in the order and at the pace in which they were
//! said, as late as needed and no later.
//!
//! ```text
//!   put(now, packet) ──► in order of timestamps ──► take(now) ──► Packet │ Lost │ Silence, and the pace
//!                 └────► Delay: how late packets come beyond the earliest ──► target
//! ```
//!
//! It knows neither clocks nor codecs, and holds whatever handle it is given. Times are in timestamp units of the stream.
//! The reader takes in real time; [`Pace`] tells it to play a little faster or slower where what waits is more or less
//! than the target: that is also how the drift between two clocks is absorbed.
//!
//! Bounds: the target is at most [`JITTER_DELAY_MAX`]; what waits for longer than that and the pace cannot make up for is
//! left out at once; [`JITTER_PACKETS_MAX`] packets at most.

mod delay;

use crate::base::Now;
use crate::limits::{JITTER_DELAY_MAX, JITTER_PACKETS_MAX};
use delay::Delay;
use std::collections::VecDeque;
use std::time::Duration;

/// Waiting for more than the target by so many ms is made up for by playing faster. More than a frame, since the first packet
/// waits for the reader's next turn.
const ABOVE_MS: i64 = 25;
/// The same for slower.
const BELOW_MS: i64 = 5;
/// Takes between two changes of pace, so that no ear hears them.
const PACE_EVERY: u32 = 5;
/// With nothing to play, time stands still for so long before it is taken for silence: what comes late is then still heard.
const HOLD_MS: u32 = 60;

/// One packet and what its header says.
#[derive(Debug)]
struct Slot<P> {
    seq: u16,
    timestamp: u32,
    packet: P,
}

/// What is to be played next.
#[derive(Debug, PartialEq, Eq)]
pub enum Take<P> {
    /// This packet.
    Packet(P),
    /// Something for a packet that is missing.
    Lost,
    /// Nothing: the sender is silent, or has not begun.
    Silence,
}

/// How fast to play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As it was said.
    Even,
    /// A little faster: too much waits.
    Faster,
    /// A little slower: too little waits.
    Slower,
}

/// Counts of what became of packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Came after their time, or too many at once: not played.
    pub late: u64,
    /// Takes that found a packet missing.
    pub lost: u64,
}

/// The buffer of one received stream.
#[derive(Debug)]
pub struct Buffer<P> {
    slots: VecDeque<Slot<P>>,
    rate: u32,
    delay: Delay,
    /// Timestamp that is to be played next, once playing has begun.
    next: Option<u32>,
    /// Sequence number of the packet played last.
    played: u16,
    /// Units of the packet played last.
    length: u32,
    /// Units for which time has stood still.
    held: u32,
    since_pace: u32,
    counts: Counts,
}

/// `a - b` where they are less than half of all timestamps apart.
fn ahead(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b) as i32
}

impl<P> Buffer<P> {
    /// For a stream whose timestamps count `rate` a second. Allocates all it ever needs.
    pub fn new(rate: u32) -> Self {
        Buffer {
            slots: VecDeque::with_capacity(JITTER_PACKETS_MAX),
            rate,
            delay: Delay::new(rate),
            next: None,
            played: 0,
            length: rate / 50,
            held: 0,
            since_pace: 0,
            counts: Counts::default(),
        }
    }

    /// Counts so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How long packets are to wait, at present.
    pub fn target(&self) -> Duration {
        Duration::from_micros(self.delay.target() as u64 * 1_000_000 / u64::from(self.rate))
    }

    /// After [`Take::Lost`]: the packet right after the one that is missing, if it is there.
    pub fn follower(&self) -> Option<&P> {
        self.slots.front().filter(|s| Some(s.timestamp) == self.next).map(|s| &s.packet)
    }

    /// Packets that wait.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// True if none waits.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    fn units(&self, now: Now) -> u32 {
        (now.0 * u64::from(self.rate) / 1_000_000) as u32
    }

    fn ms(&self, ms: u32) -> u32 {
        self.rate / 1000 * ms
    }

    /// Takes one packet in, which must be no duplicate. What is not to be played is handed to `free`.
    pub fn put(&mut self, now: Now, seq: u16, timestamp: u32, packet: P, mut free: impl FnMut(P)) {
        let newest = self.slots.back().map(|s| s.timestamp).or(self.next);
        // Ten seconds off is another time line: that of a sender that has restarted.
        if newest.is_some_and(|t| ahead(timestamp, t).unsigned_abs() > 10 * self.rate) {
            self.clear(&mut free);
        }
        self.delay.arrived(self.units(now).wrapping_sub(timestamp));
        if self.next.is_some_and(|next| ahead(timestamp, next) < 0) {
            self.counts.late += 1;
            return free(packet);
        }
        if self.slots.len() == JITTER_PACKETS_MAX
            && let Some(oldest) = self.slots.pop_front()
        {
            self.counts.late += 1;
            free(oldest.packet);
        }
        let after = self.slots.iter().rposition(|s| ahead(timestamp, s.timestamp) >= 0).map_or(0, |n| n + 1);
        self.slots.insert(after, Slot { seq, timestamp, packet });
    }

    /// Forgets all that waits and when it was to be played; what is known of the network stays.
    pub fn clear(&mut self, mut free: impl FnMut(P)) {
        self.slots.drain(..).for_each(|s| free(s.packet));
        self.next = None;
        self.delay.restart();
    }

    /// What is to be played next, to be asked for when it is needed. What is left out for having waited too long is handed to
    /// `free`.
    pub fn take(&mut self, now: Now, mut free: impl FnMut(P)) -> (Take<P>, Pace) {
        let Some(next) = self.next.or_else(|| self.begin(now)) else { return (Take::Silence, Pace::Even) };
        let next = self.resync(now, next, &mut free);
        let front = self.slots.front().map(|s| (s.seq, ahead(s.timestamp, next)));
        let taken = match front {
            Some((_, off)) if off <= 0 => self.play(),
            // In the order of sequence numbers nothing is missing: the sender had nothing to say.
            Some((seq, off)) if seq == self.played.wrapping_add(1) => {
                self.pause(next, off as u32, Take::Silence)
            }
            Some((_, off)) => {
                self.counts.lost += 1;
                self.pause(next, off as u32, Take::Lost)
            }
            None if self.held < self.ms(HOLD_MS) => {
                self.held += self.length;
                self.next = Some(next);
                self.counts.lost += 1;
                Take::Lost
            }
            None => self.pause(next, self.length, Take::Silence),
        };
        let pace = if matches!(taken, Take::Packet(_)) { self.pace(now, next) } else { Pace::Even };
        (taken, pace)
    }

    /// Playing begins when the first packet has waited for as long as the target, and a frame at least.
    fn begin(&mut self, now: Now) -> Option<u32> {
        let first = self.slots.front()?;
        let (timestamp, seq) = (first.timestamp, first.seq);
        let late = self.lateness(now, timestamp);
        (late >= self.delay.target()).then(|| {
            self.played = seq.wrapping_sub(1);
            self.held = 0;
            timestamp
        })
    }

    /// How long after the earliest that it could have come `timestamp` is asked for, in units.
    fn lateness(&self, now: Now, timestamp: u32) -> i64 {
        self.delay.beyond_least(self.units(now).wrapping_sub(timestamp))
    }

    /// Leaves out what has waited for longer than any pace can make up for.
    fn resync(&mut self, now: Now, mut next: u32, free: &mut impl FnMut(P)) -> u32 {
        let most = (self.rate / 1000) as i64 * (JITTER_DELAY_MAX.as_millis() as i64 + 100);
        while self.lateness(now, next) > most
            && let Some(slot) = self.slots.pop_front()
        {
            self.counts.late += 1;
            next = slot.timestamp.wrapping_add(self.length);
            self.played = slot.seq;
            free(slot.packet);
        }
        next
    }

    fn play(&mut self) -> Take<P> {
        let Some(slot) = self.slots.pop_front() else { return Take::Silence };
        // The next packet tells how long this one is; a gap between them says nothing.
        if let Some(then) = self.slots.front().filter(|s| s.seq == slot.seq.wrapping_add(1)) {
            let length = ahead(then.timestamp, slot.timestamp);
            if (1..=self.ms(120) as i32).contains(&length) {
                self.length = length as u32;
            }
        }
        self.next = Some(slot.timestamp.wrapping_add(self.length));
        (self.played, self.held) = (slot.seq, 0);
        Take::Packet(slot.packet)
    }

    /// Lets a frame of time go by, at most up to the next packet.
    fn pause(&mut self, next: u32, most: u32, what: Take<P>) -> Take<P> {
        self.next = Some(next.wrapping_add(self.ms(20).min(most)));
        what
    }

    fn pace(&mut self, now: Now, next: u32) -> Pace {
        self.since_pace += 1;
        let per_ms = i64::from(self.rate / 1000);
        let beyond = self.lateness(now, next) - self.delay.target();

        let pace = match beyond {
            b if b > ABOVE_MS * per_ms => Pace::Faster,
            b if b < -BELOW_MS * per_ms => Pace::Slower,
            _ => Pace::Even,
        };
        // Far off it may be heard: delay is worse.
        let often = beyond.abs() > 60 * per_ms;
        if pace == Pace::Even || !often && self.since_pace < PACE_EVERY {
            return Pace::Even;
        }
        self.since_pace = 0;
        pace
    }
}

#[cfg(test)]
mod tests;
