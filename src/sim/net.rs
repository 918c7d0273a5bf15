//! The network between the server and the phones: datagrams are lost, repeated and overtaken, by seed.

use std::time::Duration;

/// The shortest way between two hosts.
const LATENCY_MS: u64 = 5;
/// What a packet takes longer than that in good weather.
const JITTER_MS: u64 = 25;
/// How much later a packet comes that is overtaken.
const LATE_MS: u64 = 600;

/// How bad the network is today, and what it has done.
#[derive(Debug)]
pub(super) struct Net {
    /// Percent of datagrams that are lost; as many are repeated, and as many overtaken.
    pub(super) bad_percent: u8,
    pub(super) sent: u64,
    pub(super) lost: u64,
    pub(super) repeated: u64,
}

impl Net {
    pub(super) fn new(rng: &mut fastrand::Rng) -> Net {
        Net { bad_percent: rng.u8(0..=10), sent: 0, lost: 0, repeated: 0 }
    }

    /// When the copies of one datagram arrive: none if it is lost.
    pub(super) fn carry(&mut self, rng: &mut fastrand::Rng) -> [Option<Duration>; 2] {
        self.sent += 1;
        let bad = self.bad_percent;
        let unlucky = |rng: &mut fastrand::Rng| rng.u8(..100) < bad;
        if unlucky(rng) {
            self.lost += 1;
            return [None, None];
        }
        let twice = unlucky(rng);
        self.repeated += u64::from(twice);
        let mut way = || {
            let late = if unlucky(rng) { rng.u64(..LATE_MS) } else { 0 };
            Duration::from_micros(1000 * (LATENCY_MS + late) + rng.u64(..JITTER_MS * 1000))
        };
        [Some(way()), twice.then(way)]
    }
}
