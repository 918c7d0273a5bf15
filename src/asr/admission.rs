//! Which sentences are taken: those that can be written down in time. Who waits longer than that has given up the hope of an
//! answer, and makes all behind wait too.
//!
//! ```text
//! expected wait = sentences that wait or are worked on × what one takes / recognisers
//! ```
//! What one takes is learnt from those that are done, or seen from one that takes longer still: recognisers that hang
//! are noticed before they are given up.

use crate::base::Now;
use std::time::Duration;

/// Sentences waiting for each recogniser, as long as none has been done yet.
const UNKNOWN: usize = 6;
/// The weight of the past in what one takes.
const MEMORY: u32 = 8;

/// What is at the recognisers.
#[derive(Debug)]
pub struct Admission {
    /// The longest that a sentence may be expected to wait; one that may not be over, half of it.
    longest: Duration,
    /// Since when each recogniser works on its present sentence.
    works: Vec<Option<Now>>,
    /// Sentences that have been taken and are not done.
    taken: usize,
    typical: Option<Duration>,
}

impl Admission {
    /// For so many recognisers.
    pub fn new(recognisers: usize, longest: Duration) -> Admission {
        Admission { longest, works: vec![None; recognisers], taken: 0, typical: None }
    }

    /// Takes a sentence, or refuses it. `early` is one that may not be over: it can be given again.
    pub fn take(&mut self, now: Now, early: bool) -> bool {
        let recognisers = self.works.len();
        let most = if early { self.longest / 2 } else { self.longest };
        let room = match self.sentence(now) {
            None => self.taken < recognisers * (UNKNOWN + 1),
            Some(one) => self.taken < recognisers || one * self.taken as u32 / recognisers as u32 <= most,
        };
        let taken = recognisers > 0 && room;
        self.taken += usize::from(taken);
        taken
    }

    /// A recogniser begins with a sentence.
    pub fn begins(&mut self, now: Now, recogniser: usize) {
        if let Some(since) = self.works.get_mut(recogniser) {
            *since = Some(now);
        }
    }

    /// It is free again; what it took counts if it has `heard` the sentence.
    pub fn stops(&mut self, now: Now, recogniser: usize, heard: bool) {
        let since = self.works.get_mut(recogniser).and_then(Option::take);
        if let Some(took) = since.map(|since| now.since(since)).filter(|_| heard) {
            self.typical = Some(self.typical.map_or(took, |t| (t * (MEMORY - 1) + took) / MEMORY));
        }
    }

    /// A sentence that was taken is done with, heard or not.
    pub fn done(&mut self) {
        self.taken = self.taken.saturating_sub(1);
    }

    /// What a sentence takes, as far as is known.
    fn sentence(&self, now: Now) -> Option<Duration> {
        let slowest = self.works.iter().flatten().map(|since| now.since(*since)).max();
        self.typical.map(|typical| slowest.map_or(typical, |s| s.max(typical)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_secs(1);

    fn ms(ms: u64) -> Now {
        Now(ms * 1000)
    }

    /// Two recognisers that have each taken `took` ms for a sentence.
    fn two(took: u64) -> Admission {
        let mut a = Admission::new(2, LONGEST);
        for recogniser in 0..2 {
            assert!(a.take(ms(0), false));
            a.begins(ms(0), recogniser);
            a.stops(ms(took), recogniser, true);
            a.done();
        }
        a
    }

    fn taken(a: &mut Admission, early: bool) -> usize {
        (0..1000).take_while(|_| a.take(ms(5000), early)).count()
    }

    #[test]
    fn fast_recognisers_are_given_more_than_slow_ones_and_early_sentences_less() {
        assert_eq!(taken(&mut two(20), false), 101, "50 a recogniser are written down in a second");
        assert_eq!(taken(&mut two(500), false), 5);
        assert_eq!(taken(&mut two(500), true), 3);
        assert_eq!(taken(&mut two(5000), false), 2, "who is free is given something");
        assert_eq!(taken(&mut Admission::new(2, LONGEST), false), 14, "nothing is known yet");
        assert_eq!(taken(&mut Admission::new(0, LONGEST), false), 0);
    }

    #[test]
    fn there_is_room_again_as_soon_as_one_is_done() {
        let mut a = two(500);
        assert_eq!(taken(&mut a, false), 5);
        a.done();
        assert_eq!(taken(&mut a, false), 1);
    }

    #[test]
    fn recognisers_that_hang_are_noticed_and_what_they_took_is_not_learnt() {
        let mut a = two(20);
        for recogniser in 0..2 {
            assert!(a.take(ms(5000), false));
            a.begins(ms(5000), recogniser);
        }
        assert!(a.take(ms(5500), false), "half a second is no more than a second");
        assert!(!a.take(ms(7000), false));
        a.stops(ms(7000), 0, false);
        a.stops(ms(7000), 1, false);
        assert!(a.take(ms(7000), false));
    }
}
