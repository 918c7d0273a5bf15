//! Time as a value. Cores never read a clock: they are told `Now`.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A point on the monotonic clock, in microseconds since the process (or the simulation) began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Now(pub u64);

impl Now {
    /// Time since `earlier`; zero if `earlier` is in fact later.
    pub fn since(self, earlier: Now) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// Whole milliseconds since the beginning.
    pub fn ms(self) -> u64 {
        self.0 / 1000
    }
}

impl Add<Duration> for Now {
    type Output = Now;
    fn add(self, d: Duration) -> Now {
        Now(self.0.saturating_add(u64::try_from(d.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Now> for Now {
    type Output = Duration;
    fn sub(self, earlier: Now) -> Duration {
        self.since(earlier)
    }
}

/// The wall-clock time at `Now(0)`: the one value that turns monotonic time into dates for records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch {
    /// Milliseconds since 1970-01-01T00:00:00Z at `Now(0)`.
    pub unix_ms: u64,
}

impl Epoch {
    /// Milliseconds since 1970-01-01T00:00:00Z at `now`.
    pub fn unix_ms_at(self, now: Now) -> u64 {
        self.unix_ms + now.ms()
    }
}
