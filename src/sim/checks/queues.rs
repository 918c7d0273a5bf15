//! What is promised to those who wait: first come, first offered, and an end to it.

use super::{Check, Seen};
use crate::acd::{AcdEvent, QueueSetup};
use crate::base::{CallId, Now};
use crate::call::Moment;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What a wait may exceed its bound by: the step that ends it.
const SLACK: Duration = Duration::from_secs(1);

fn bounds(queues: &[QueueSetup]) -> BTreeMap<String, Duration> {
    queues.iter().map(|q| (q.name.clone(), q.max_wait)).collect()
}

#[derive(Debug)]
struct Waiting {
    queue: String,
    since: Now,
    order: u64,
    /// Phones that ring for it.
    ringing: usize,
}

/// Within a queue, whoever has waited longest is offered first, unless a phone rings for it already or the ACD has recorded
/// why another goes first.
#[derive(Debug)]
pub(super) struct QueueOrder {
    max_wait: BTreeMap<String, Duration>,
    waiting: BTreeMap<CallId, Waiting>,
    /// When each call first waited: a transfer costs no place.
    arrived: BTreeMap<CallId, u64>,
    /// Agents' own calls to a queue: no caller of it, so the ACD has no events of them that would say why.
    desk: BTreeSet<CallId>,
    /// Passes others with a recorded reason.
    passes: Option<CallId>,
    next: u64,
}

impl QueueOrder {
    pub(super) fn new(queues: &[QueueSetup]) -> QueueOrder {
        QueueOrder {
            max_wait: bounds(queues),
            waiting: BTreeMap::new(),
            arrived: BTreeMap::new(),
            desk: BTreeSet::new(),
            passes: None,
            next: 0,
        }
    }

    fn offered(&mut self, now: Now, call: CallId) -> Option<String> {
        let found = self.waiting.get_mut(&call)?;
        found.ringing += 1;
        let (queue, order) = (found.queue.clone(), found.order);
        let max_wait = self.max_wait.get(&queue).copied().unwrap_or(Duration::MAX);
        let passed_over = self.waiting.iter().find(|(_, w)| {
            // Whoever has waited too long is no longer in line.
            w.queue == queue && w.order < order && w.ringing == 0 && now.since(w.since) < max_wait
        });
        let passed_over = passed_over.filter(|(other, _)| !self.desk.contains(other));
        passed_over
            .filter(|_| self.passes != Some(call) && !self.desk.contains(&call))
            .map(|(other, _)| format!("{queue}: call {} is offered before call {}", call.0, other.0))
    }
}

impl Check for QueueOrder {
    fn name(&self) -> &'static str {
        "queue-order"
    }

    fn see(&mut self, now: Now, seen: &Seen<'_>) -> Option<String> {
        match seen {
            Seen::Acd(AcdEvent::Offered { call, passed, .. }) => self.passes = passed.map(|_| *call),
            // Out of the line, though the call may go on: the caller says goodbye and hears one.
            Seen::Acd(AcdEvent::Abandoned { call, .. } | AcdEvent::Overflowed { call, .. }) => {
                self.waiting.remove(call);
            }
            _ => {}
        }
        let Seen::Moment { call, moment } = seen else { return None };
        match moment {
            Moment::Incoming { line, trunk } => {
                if line == "desk" {
                    self.desk.insert(*call);
                }
                // Whoever was called back and is handed on has its place by when it was called.
                if trunk.starts_with("callback") {
                    self.next += 1;
                    self.arrived.insert(*call, self.next);
                }
                None
            }
            Moment::Queued { queue } => {
                self.next += 1;
                let order = *self.arrived.entry(*call).or_insert(self.next);
                let waiting = Waiting { queue: queue.clone(), since: now, order, ringing: 0 };
                self.waiting.insert(*call, waiting);
                None
            }
            Moment::Offered { .. } => self.offered(now, *call),
            Moment::OfferFailed { .. } => {
                if let Some(waiting) = self.waiting.get_mut(call) {
                    waiting.ringing = waiting.ringing.saturating_sub(1);
                }
                None
            }
            Moment::Bridged { .. } | Moment::LeftQueue | Moment::CallbackBooked | Moment::Overflow { .. } => {
                self.waiting.remove(call);
                None
            }
            Moment::Ended { .. } => {
                self.waiting.remove(call);
                self.arrived.remove(call);
                self.desk.remove(call);
                None
            }
            _ => None,
        }
    }
}

/// No wait beyond the queue's `max_wait_s`.
#[derive(Debug)]
pub(super) struct WaitBounded {
    max_wait: BTreeMap<String, Duration>,
}

impl WaitBounded {
    pub(super) fn new(queues: &[QueueSetup]) -> WaitBounded {
        WaitBounded { max_wait: bounds(queues) }
    }
}

impl Check for WaitBounded {
    fn name(&self) -> &'static str {
        "wait-bounded"
    }

    fn see(&mut self, _now: Now, seen: &Seen<'_>) -> Option<String> {
        let Seen::Record(cdr) = seen else { return None };
        let max_wait = self.max_wait.get(cdr.queue.as_ref()?).copied()? + SLACK;
        (Duration::from_millis(cdr.wait_ms) > max_wait)
            .then(|| format!("call {} waited {} ms, more than {max_wait:?}", cdr.id.0, cdr.wait_ms))
    }
}
