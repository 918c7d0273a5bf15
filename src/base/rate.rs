//! So many at once, and then one each interval.

use super::Now;
use std::time::Duration;

/// The generic cell rate algorithm (ITU-T I.371): when the next would be due if there were no burst.
///
/// ```
/// use std::time::Duration;
/// use trunkline::base::{Now, Rate};
/// let (mut rate, every) = (Rate::default(), Duration::from_millis(250));
/// let at_once = (0..9).filter(|_| rate.take(Now(0), every, 4)).count();
/// assert_eq!(at_once, 4);
/// assert!(rate.take(Now(250_000), every, 4));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rate(Now);

impl Rate {
    /// True if there is one to take: of `burst` at once, and one more after each `every`.
    pub fn room(self, now: Now, every: Duration, burst: u32) -> bool {
        self.0.since(now) <= every * burst.saturating_sub(1)
    }

    /// Takes one; false if there is none to take.
    pub fn take(&mut self, now: Now, every: Duration, burst: u32) -> bool {
        let room = self.room(now, every, burst);
        if room {
            self.0 = self.0.max(now) + every;
        }
        room
    }

    /// True if nothing that was taken counts any more.
    pub fn is_over(self, now: Now) -> bool {
        self.0 <= now
    }
}
