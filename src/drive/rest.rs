//! Leaving alone what has failed: for a second, then for twice as long each time, up to a minute.

use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// Since when, and for how long, something that failed is left alone.
#[derive(Debug, Default)]
pub(super) struct Rest(Option<(Instant, Duration)>);

impl Rest {
    /// True if it is not to be tried yet.
    pub(super) fn lasts(&self) -> bool {
        self.0.is_some_and(|(until, _)| Instant::now() < until)
    }

    /// It has failed; says for how long it is left alone.
    pub(super) fn failed(&mut self) -> Duration {
        let pause = self.0.map_or(FIRST, |(_, last)| (last * 2).min(LONGEST));
        self.0 = Some((Instant::now() + pause, pause));
        pause
    }

    /// It works.
    pub(super) fn over(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_again_is_left_alone_for_longer_until_it_works() {
        let mut rest = Rest::default();
        assert!(!rest.lasts());
        let pauses: Vec<u64> = (0..8).map(|_| rest.failed().as_secs()).collect();
        assert_eq!((pauses, rest.lasts()), (vec![1, 2, 4, 8, 16, 32, 60, 60], true));
        rest.over();
        assert!(!rest.lasts());
        assert_eq!(rest.failed(), FIRST);
    }
}
