//! Callers of the past: the same calls at the same times, against another team.
//!
//! What the record does not know is estimated from the other calls of the queue: how long a caller who hung up would have
//! talked (lognormal, with mean and spread of the talks), and how long one who was answered would have waited on
//! (exponential, with the mean `all waits / hang-ups`: the maximum-likelihood estimate from waits that were cut off by an
//! answer; for ever where nobody ever hung up).

use super::draw::Draw;
use crate::call::{Cdr, Moment, Result as CallResult};
use std::time::Duration;

/// One caller of the past.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    /// When it began to wait, from the first one of the replay on.
    pub at: Duration,
    pub queue: String,
    handle: Draw,
    /// It waited so long.
    waited: Duration,
    /// And would have waited so much longer; `None`: hung up then.
    more: Option<More>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum More {
    Ever,
    Drawn(Draw),
}

impl Past {
    /// How long it talks, and how long it waits at most.
    pub(super) fn lives(&self, rng: &mut fastrand::Rng) -> (Duration, Option<Duration>) {
        let handle = self.handle.draw(rng);
        let patience = match self.more {
            None => Some(self.waited),
            Some(More::Ever) => None,
            Some(More::Drawn(more)) => Some(self.waited + more.draw(rng)),
        };
        (handle, patience)
    }
}

/// The calls among these that waited for an agent.
pub fn replay(calls: &[Cdr]) -> Vec<Past> {
    let waited = |c: &Cdr| {
        let queued = c.moments.iter().find_map(|m| match &m.moment {
            Moment::Queued { queue } => Some((queue, m.ms)),
            _ => None,
        });
        let (queue, ms) = queued?;
        Some((c.started_unix_ms + ms, queue.clone()))
    };
    let all: Vec<(u64, String, &Cdr)> =
        calls.iter().filter_map(|c| waited(c).map(|(at, queue)| (at, queue, c))).collect();
    let first = all.iter().map(|(at, ..)| *at).min().unwrap_or(0);
    let past = |(at, queue, c): &(u64, String, &Cdr)| {
        let of_queue = || all.iter().filter(|(_, q, _)| q == queue).map(|(.., c)| *c);
        let handle = match c.talk_ms {
            0 => talks(of_queue()),
            ms => Draw::Fixed(ms as f64 / 1000.0),
        };
        let left = of_queue().filter(|c| c.result == CallResult::Abandoned).count();
        let waits = of_queue().map(|c| c.wait_ms as f64 / 1000.0).sum::<f64>();
        let more = match (c.result, left) {
            (CallResult::Abandoned, _) => None,
            (_, 0) => Some(More::Ever),
            _ => Some(More::Drawn(Draw::Exponential((waits / left as f64).max(1.0)))),
        };
        let (at, waited) = (Duration::from_millis(at - first), Duration::from_millis(c.wait_ms));
        Past { at, queue: queue.clone(), handle, waited, more }
    };
    all.iter().map(past).collect()
}

/// How long talks are: of those that there were, or three minutes.
fn talks<'a>(calls: impl Iterator<Item = &'a Cdr>) -> Draw {
    let all: Vec<f64> = calls.filter(|c| c.talk_ms > 0).map(|c| c.talk_ms as f64 / 1000.0).collect();
    if all.is_empty() {
        return Draw::Exponential(180.0);
    }
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    let variance = all.iter().map(|t| (t - mean).powi(2)).sum::<f64>() / all.len() as f64;
    Draw::Lognormal(mean, variance.sqrt() / mean)
}
