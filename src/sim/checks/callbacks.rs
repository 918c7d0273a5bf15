//! What is promised to who hangs up to be called back: the place, and one end to it.

use super::{Check, Seen};
use crate::acd::{AcdEvent, OfferId};
use crate::base::{CallId, Now};
use std::collections::{BTreeMap, BTreeSet};

/// Where a callback is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waits,
    /// An agent's phone rings for it.
    Rings(OfferId),
    /// The agent is there, and the customer is called or talks.
    Taken,
    /// The customer was not reached: later again, as the queue has it.
    Pauses,
}

/// A callback keeps its place: while it waits, nobody who came later is offered to an agent of its queue before it, unless the
/// ACD has recorded why. It ends once: the customer talks, is given up, or somebody cancels.
#[derive(Debug, Default)]
pub(super) struct Callbacks {
    /// When each call first waited.
    arrived: BTreeMap<CallId, u64>,
    booked: BTreeMap<CallId, (Stage, String)>,
    over: BTreeSet<CallId>,
    next: u64,
}

impl Callbacks {
    fn end(&mut self, call: CallId, from: &[Stage]) -> Option<String> {
        match self.booked.remove(&call) {
            Some((stage, _)) if from.contains(&stage) => {
                self.over.insert(call);
                None
            }
            Some((stage, _)) => Some(format!("the callback of call {} ends while it {stage:?}", call.0)),
            None => Some(format!("the callback of call {} ends, but there is none", call.0)),
        }
    }

    fn offered(&mut self, call: CallId, queue: &str, offer: OfferId, passed: bool) -> Option<String> {
        let order = self.arrived.get(&call).copied()?;
        if let Some((stage, _)) = self.booked.get_mut(&call) {
            *stage = Stage::Rings(offer);
        }
        let before = |c: &CallId| self.arrived.get(c).is_some_and(|o| *o < order);
        let (first, _) = self
            .booked
            .iter()
            .find(|(c, (stage, of))| *stage == Stage::Waits && of == queue && before(c))
            .filter(|_| !passed)?;
        Some(format!("{queue}: call {} is offered before the callback of call {}", call.0, first.0))
    }
}

impl Check for Callbacks {
    fn name(&self) -> &'static str {
        "callbacks"
    }

    fn see(&mut self, _now: Now, seen: &Seen<'_>) -> Option<String> {
        if let Seen::End = seen {
            return (!self.booked.is_empty())
                .then(|| format!("callbacks that never ended: {:?}", self.booked));
        }
        let Seen::Acd(event) = seen else { return None };
        match event {
            AcdEvent::Queued { call, .. } => {
                self.next += 1;
                self.arrived.entry(*call).or_insert(self.next);
            }
            AcdEvent::CallbackAsked { call, queue } => {
                let twice = self.over.contains(call)
                    || self.booked.insert(*call, (Stage::Waits, queue.to_string())).is_some();
                return twice.then(|| format!("call {} asks twice to be called back", call.0));
            }
            AcdEvent::Offered { offer, call, queue, passed, .. } => {
                return self.offered(*call, queue, *offer, passed.is_some());
            }
            AcdEvent::OfferEnded { offer, .. } => {
                let rung = self.booked.values_mut().find(|(stage, _)| *stage == Stage::Rings(*offer));
                if let Some((stage, _)) = rung {
                    *stage = Stage::Waits;
                }
            }
            AcdEvent::Answered { call, callback: true, .. } => {
                if let Some((stage, _)) = self.booked.get_mut(call) {
                    *stage = Stage::Taken;
                }
            }
            AcdEvent::CallbackMissed { call, again: true, .. } => {
                if let Some((stage, _)) = self.booked.get_mut(call) {
                    *stage = Stage::Pauses;
                }
            }
            AcdEvent::CallbackMissed { call, .. } => return self.end(*call, &[Stage::Taken]),
            AcdEvent::CallbackCancelled { call, .. } => {
                return self.end(*call, &[Stage::Waits, Stage::Pauses]);
            }
            AcdEvent::TalkEnded { call, .. } if self.booked.contains_key(call) => {
                return self.end(*call, &[Stage::Taken]);
            }
            _ => {}
        }
        None
    }
}
