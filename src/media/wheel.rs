//! When each leg's 20 ms are over: twenty slots of a millisecond, with the legs spread evenly over them.
//!
//! A leg's ticks lie on a grid that never moves (slot + 20·n ms), so they cannot drift however late they are served,
//! and a worker's packets leave in a steady trickle and not all at once. A wheel that was not turned for long skips
//! what is past, so that a late tick makes up for one packet at most.

use crate::base::{FRAME_MS, LegId, Now};

const SLOTS: usize = FRAME_MS as usize;
/// The order in which empty slots are filled: always far from those that are taken.
const SPREAD: [usize; SLOTS] = [0, 10, 5, 15, 2, 12, 7, 17, 1, 11, 6, 16, 3, 13, 8, 18, 4, 14, 9, 19];

/// One leg's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) leg: LegId,
    /// Number of this 20 ms period, the same for all legs of a slot.
    pub(super) period: u64,
    /// When it was due.
    pub(super) due: Now,
}

/// The wheel.
#[derive(Debug, Default)]
pub(super) struct Wheel {
    slots: [Vec<LegId>; SLOTS],
    /// The millisecond to be served next, and how many legs of its slot have been.
    next_ms: u64,
    served: usize,
}

impl Wheel {
    /// Gives `leg` a slot.
    pub(super) fn add(&mut self, now: Now, leg: LegId) {
        if self.slots.iter().all(Vec::is_empty) {
            (self.next_ms, self.served) = (now.ms() + 1, 0);
        }
        let slot = SPREAD.into_iter().min_by_key(|&s| self.slots[s].len()).unwrap_or(0);
        self.slots[slot].push(leg);
    }

    /// Takes `leg` out, also from within its own turn.
    pub(super) fn remove(&mut self, leg: LegId) {
        for (n, slot) in self.slots.iter_mut().enumerate() {
            if let Some(at) = slot.iter().position(|&l| l == leg) {
                slot.remove(at);
                if n == self.next_ms as usize % SLOTS && at < self.served {
                    self.served -= 1;
                }
            }
        }
    }

    /// When the next turn is due.
    pub(super) fn next(&self) -> Option<Now> {
        (self.next_ms..self.next_ms + SLOTS as u64 + 1)
            .find(|&ms| {
                let waiting = self.slots[ms as usize % SLOTS].len();
                waiting > if ms == self.next_ms { self.served } else { 0 }
            })
            .map(|ms| Now(ms * 1000))
    }

    /// Takes the next turn that is due.
    pub(super) fn turn(&mut self, now: Now) -> Option<Turn> {
        let now_ms = now.ms();
        // Two turns a leg at most: the one that is due and one that was missed.
        let oldest = (now_ms + 1).saturating_sub(2 * SLOTS as u64);
        if self.next_ms < oldest {
            (self.next_ms, self.served) = (oldest, 0);
        }
        while self.next_ms <= now_ms {
            if let Some(&leg) = self.slots[self.next_ms as usize % SLOTS].get(self.served) {
                self.served += 1;
                let period = self.next_ms / u64::from(FRAME_MS);
                return Some(Turn { leg, period, due: Now(self.next_ms * 1000) });
            }
            (self.next_ms, self.served) = (self.next_ms + 1, 0);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(w: &mut Wheel, from_ms: u64, to_ms: u64) -> Vec<(u64, u64)> {
        let mut all = Vec::new();
        for ms in from_ms..to_ms {
            while let Some(t) = w.turn(Now(ms * 1000)) {
                all.push((t.leg.0, ms));
            }
        }
        all
    }

    #[test]
    fn forty_legs_take_two_of_each_millisecond() {
        let mut w = Wheel::default();
        (0..40).for_each(|n| w.add(Now(0), LegId(n)));
        let t = turns(&mut w, 1, 21);
        for ms in 1..21 {
            assert_eq!(t.iter().filter(|t| t.1 == ms).count(), 2);
        }
    }

    #[test]
    fn a_leg_has_its_turn_every_twenty_milliseconds_for_ever() {
        let mut w = Wheel::default();
        w.add(Now(7_500), LegId(1));
        let t: Vec<u64> = turns(&mut w, 8, 1008).into_iter().map(|t| t.1).collect();
        assert_eq!(t.len(), 50);
        assert!(t.windows(2).all(|p| p[1] - p[0] == 20));
    }

    #[test]
    fn a_wheel_left_alone_gives_each_leg_two_turns_and_then_goes_on() {
        let mut w = Wheel::default();
        (0..3).for_each(|n| w.add(Now(0), LegId(n)));
        turns(&mut w, 1, 100);
        assert_eq!(turns(&mut w, 1000, 1001).len(), 6);
        assert_eq!(turns(&mut w, 1001, 1021).len(), 3);
    }

    #[test]
    fn removing_a_leg_in_its_turn_costs_nobody_theirs() {
        let mut w = Wheel::default();
        (0..60).for_each(|n| w.add(Now(0), LegId(n)));
        let mut served = Vec::new();
        while let Some(t) = w.turn(Now(20_000)) {
            w.remove(t.leg);
            served.push(t.leg.0);
        }
        served.sort_unstable();
        assert_eq!(served, (0..60).collect::<Vec<_>>());
        assert_eq!(w.next(), None);
    }
}
