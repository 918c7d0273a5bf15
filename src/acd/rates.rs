//! How fast calls come and how long they take, as averages that forget.

use crate::base::Now;
use serde::{Deserialize, Serialize};

/// How fast a rate forgets: what happened this long ago counts 1/e.
const MEMORY_S: f64 = 900.0;
/// The weight of a new length in a mean, once there are enough.
const NEWEST: f64 = 0.05;
/// Assumed until the first call has been handled, in seconds.
const HANDLE_S: f64 = 180.0;

/// Events a second: each counts 1/τ and fades as e^(−t/τ), so that a steady stream comes to its rate.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Rate {
    value: f64,
    at: Now,
    /// When counting began: a young rate is divided by the part of its memory that is filled.
    from: Option<Now>,
}

impl Rate {
    pub(super) fn count(&mut self, now: Now) {
        self.value = self.faded(now) + 1.0 / MEMORY_S;
        self.at = now;
        self.from.get_or_insert(now);
    }

    fn faded(&self, now: Now) -> f64 {
        self.value * (-now.since(self.at).as_secs_f64() / MEMORY_S).exp()
    }

    /// A second, at `now`.
    pub(super) fn per_s(&self, now: Now) -> f64 {
        let age = self.from.map_or(0.0, |from| now.since(from).as_secs_f64());
        // One event says little about a rate: as if a minute had passed at least.
        self.faded(now) / (1.0 - (-(age.max(60.0)) / MEMORY_S).exp())
    }
}

/// A mean that follows: the plain mean of the first twenty, then each newest counts 5 %.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Mean {
    value: f64,
    count: u32,
}

impl Mean {
    pub(super) fn count(&mut self, seconds: f64) {
        self.count = self.count.saturating_add(1);
        self.value += (seconds - self.value) * NEWEST.max(1.0 / f64::from(self.count));
    }

    /// The mean, 0 until there is one.
    pub(super) fn value(&self) -> f64 {
        self.value
    }

    /// In seconds, at least 1; what is assumed until there is one.
    pub(super) fn seconds(&self) -> f64 {
        if self.count == 0 { HANDLE_S } else { self.value.max(1.0) }
    }
}

/// The greatest of late: it fades as a rate does, four times as slowly.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Peak {
    value: f64,
    at: Now,
}

impl Peak {
    pub(super) fn see(&mut self, now: Now, value: f64) {
        *self = Peak { value: self.now(now).max(value), at: now };
    }

    pub(super) fn now(&self, now: Now) -> f64 {
        self.value * (-now.since(self.at).as_secs_f64() / (4.0 * MEMORY_S)).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_steady_stream_comes_to_its_rate_and_fades_when_it_stops() {
        let (mut rate, mut now) = (Rate::default(), Now(0));
        for _ in 0..3000 {
            now = now + Duration::from_secs(2);
            rate.count(now);
        }
        assert!((rate.per_s(now) - 0.5).abs() < 0.02, "{}", rate.per_s(now));
        assert!(rate.per_s(now + Duration::from_secs(900)) < 0.2);
    }

    #[test]
    fn a_mean_starts_plain_and_then_follows() {
        let mut mean = Mean::default();
        assert_eq!(mean.seconds(), HANDLE_S);
        mean.count(100.0);
        mean.count(50.0);
        assert_eq!(mean.seconds(), 75.0);
        (0..200).for_each(|_| mean.count(10.0));
        assert!((mean.seconds() - 10.0).abs() < 0.1);
    }
}
