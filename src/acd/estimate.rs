//! How long a caller will wait: from its place, the mean handling time, and the agents really able to serve.
//!
//! With `n` places to go and agents who free themselves every `handle / agents` seconds, the wait is a sum of n exponential
//! times: a gamma distribution of shape n. `likely` is its mean, `low` and `high` its 10th and 90th percentile by the
//! Wilson-Hilferty approximation.

use serde::{Deserialize, Serialize};

/// The 90th percentile of the normal distribution.
const Z90: f64 = 1.2816;

/// A wait in seconds, as a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    pub low_s: u32,
    pub likely_s: u32,
    pub high_s: u32,
}

/// The wait of whoever is at `place` (from 1) when calls take `handle_s` and as much as `agents` agents serve the queue.
/// `None` when nobody does.
pub(super) fn wait(place: usize, handle_s: f64, agents: f64) -> Option<Estimate> {
    if agents <= 0.0 {
        return None;
    }
    let (n, scale) = (place.max(1) as f64, handle_s / agents);
    let quantile = |z: f64| n * scale * (1.0 - 1.0 / (9.0 * n) + z / (3.0 * n.sqrt())).max(0.0).powi(3);
    let seconds = |s: f64| s.round().min(86_400.0) as u32;
    Some(Estimate {
        low_s: seconds(quantile(-Z90)),
        likely_s: seconds(n * scale),
        high_s: seconds(quantile(Z90)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_that_of_a_gamma_distribution() {
        // Shape 1: quantiles of the exponential distribution are −ln(0.9) = 0.105 and −ln(0.1) = 2.303.
        let e = wait(1, 1000.0, 1.0).unwrap();
        assert!(
            (95..=125).contains(&e.low_s) && e.likely_s == 1000 && (2250..=2350).contains(&e.high_s),
            "{e:?}"
        );
        // Shape 10: 6.22 and 14.21.
        let e = wait(10, 1000.0, 10.0).unwrap();
        assert!(
            (615..=630).contains(&e.low_s) && e.likely_s == 1000 && (1410..=1430).contains(&e.high_s),
            "{e:?}"
        );
        assert_eq!(wait(1, 100.0, 0.0), None);
    }
}
