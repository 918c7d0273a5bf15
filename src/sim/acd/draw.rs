//! Random lengths of time, and the streams that they come from.

use fastrand::Rng;
use std::time::Duration;

/// A distribution of lengths of time; all times in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Draw {
    Fixed(f64),
    /// With this mean.
    Exponential(f64),
    /// With this mean and coefficient of variation (standard deviation / mean): handling times of real centres look so.
    Lognormal(f64, f64),
}

impl Draw {
    /// One length. A stream is read twice for each, whatever the distribution.
    pub fn draw(self, rng: &mut Rng) -> Duration {
        // (0, 1]: its logarithm is finite.
        let (u, v) = (1.0 - rng.f64(), rng.f64());
        let seconds = match self {
            Draw::Fixed(s) => s,
            Draw::Exponential(mean) => -mean * u.ln(),
            Draw::Lognormal(mean, cv) => {
                let variance = (1.0 + cv * cv).ln();
                // Box and Muller's normal variate.
                let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
                (mean.ln() - variance / 2.0 + variance.sqrt() * normal).exp()
            }
        };
        Duration::from_secs_f64(seconds.clamp(0.0, 1e9))
    }

    /// The mean, in seconds.
    pub fn mean_s(self) -> f64 {
        match self {
            Draw::Fixed(mean) | Draw::Exponential(mean) | Draw::Lognormal(mean, _) => mean,
        }
    }
}

/// What a stream is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Of {
    Arrivals = 1,
    Caller,
    Offer,
    Agent,
    Scenario,
}

/// The stream number `n` of its kind: the same for the same seed, and unlike all others.
pub(super) fn stream(seed: u64, of: Of, n: u64) -> Rng {
    let start = mix(mix(seed) ^ of as u64);
    Rng::with_seed(mix(start ^ n))
}

/// SplitMix64's finaliser (Steele, Lea and Flood 2014): near numbers become far ones.
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ n >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_mean_and_the_spread_that_they_are_asked_for() {
        for (draw, cv) in
            [(Draw::Fixed(90.0), 0.0), (Draw::Exponential(90.0), 1.0), (Draw::Lognormal(90.0, 0.5), 0.5)]
        {
            let n = 20_000;
            let all: Vec<f64> =
                (0..n).map(|k| draw.draw(&mut stream(1, Of::Caller, k)).as_secs_f64()).collect();
            let mean = all.iter().sum::<f64>() / n as f64;
            let deviation = (all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64).sqrt();
            // Four standard errors of the mean; of the deviation, which the tails carry, a little more.
            assert!((mean - 90.0).abs() <= 4.0 * 90.0 * cv / (n as f64).sqrt() + 1e-6, "{draw:?}: {mean}");
            assert!((deviation / 90.0 - cv).abs() < 0.06, "{draw:?}: {deviation}");
        }
    }

    #[test]
    fn streams_of_one_seed_are_unlike_each_other_and_the_same_again() {
        let first = |seed, of, n| stream(seed, of, n).u64(..);
        assert_eq!(first(1, Of::Caller, 7), first(1, Of::Caller, 7));
        assert_ne!(first(1, Of::Caller, 7), first(1, Of::Caller, 8));
        assert_ne!(first(1, Of::Caller, 7), first(1, Of::Offer, 7));
        assert_ne!(first(1, Of::Caller, 7), first(2, Of::Caller, 7));
    }
}
