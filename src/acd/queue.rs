//! A queue: its rules, its state, and what it has learnt of its calls and of the phones that ring for them.

use super::bits::Bits;
use super::name::Name;
use super::rates::{Mean, Peak, Rate};
use super::setup::QueueSetup;
use crate::base::Now;
use std::time::Duration;

/// How long a phone rings before another rings beside it: while it is not known how long that takes, and at least.
const LONG_RING_UNKNOWN: Duration = Duration::from_secs(10);
const LONG_RING_MIN: Duration = Duration::from_secs(3);
/// The chance that an agent does not come from which on another phone rings, too.
const NOT_COMING: f64 = 1.0 / 3.0;

/// A queue in the ACD.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) name: Name,
    pub(super) setup: QueueSetup,
    pub(super) serving: Bits,
    pub(super) open: bool,
    pub(super) draining: bool,
    /// Talk and after-call work, in seconds.
    pub(super) handle: Mean,
    /// From the offer to the answer, in seconds, and how far from their mean these times are.
    pub(super) pick_up: [Mean; 2],
    pub(super) arrivals: Rate,
    /// The longest waits of the served, in seconds.
    pub(super) longest: Peak,
    /// Percent points saved up for serving a caller before one who is late already.
    pub(super) credit: u32,
    /// Whom the last call went to.
    pub(super) last: Option<usize>,
    /// Agents who serve it, as far as other queues leave them, and when that was counted.
    pub(super) able: Option<(Now, f64)>,
}

impl Queue {
    pub(super) fn new(name: Name, setup: QueueSetup) -> Queue {
        Queue {
            name,
            setup,
            serving: Bits::default(),
            open: true,
            draining: false,
            handle: Mean::default(),
            pick_up: Default::default(),
            arrivals: Rate::default(),
            longest: Peak::default(),
            credit: 0,
            last: None,
            able: None,
        }
    }

    /// A phone rang for so long before it was answered.
    pub(super) fn picked_up(&mut self, after: Duration) {
        let [mean, off] = &mut self.pick_up;
        mean.count(after.as_secs_f64());
        off.count((after.as_secs_f64() - mean.value()).abs());
    }

    /// From then on another phone may ring beside that of an agent who has let such a part of its offers ring, of late: the
    /// chance that the agent does not come is a third. Times to pick up fall off exponentially beyond their mean.
    pub(super) fn long_ring(&self, missed: f64) -> Duration {
        let [mean, off] = self.pick_up.map(|m| m.value());
        if mean <= 0.0 {
            return LONG_RING_UNKNOWN;
        }
        let missed = missed.clamp(0.01, 0.5);
        let odds = (1.0 - missed) / missed * (NOT_COMING / (1.0 - NOT_COMING));
        Duration::from_secs_f64(mean + off * odds.ln().max(0.0)).max(LONG_RING_MIN)
    }

    /// The chance that an agent who lets such a part of its offers ring does not come, its phone having rung for so long.
    pub(super) fn not_coming(&self, missed: f64, rung: Duration) -> f64 {
        let mean = self.pick_up[0].value().max(0.001);
        let later = (1.0 - missed) * (-rung.as_secs_f64() / mean).exp();
        if missed > 0.0 { missed / (missed + later) } else { 0.0 }
    }

    /// Who has waited for longer will miss the target even if offered now: it is the answer that counts, and a phone rings
    /// for a while first.
    pub(super) fn reach(&self) -> Duration {
        let [mean, off] = &self.pick_up;
        self.setup.target.within.saturating_sub(Duration::from_secs_f64(mean.value() + off.value()))
    }
}
