//! Figures: a function of the [`AcdEvent`]s and the times at which they happened, and of nothing else. Whoever stores the
//! events has the figures again after a restart, to the last digit.
//!
//! ```text
//! service level  = answered within T / (offered − callbacks − short abandons)
//!   of offered   = answered within T / (offered − callbacks)
//!   of answered  = answered within T / answered
//!   patient      = answered within T / (offered − callbacks − abandoned within T)
//! ASA            = waits of the answered / answered             abandon rate = (abandoned − short) / (offered − short)
//! handle time    = (talk + hold + after-call work) / answered   occupancy    = busy / (busy + ready)
//! ```
//! A call is offered to a queue when it comes in or is transferred there; to be moved on by overflow is counted as in and out,
//! and for the total once. A callback leaves the figures of those who wait when it is asked for. All counts belong to the
//! interval in which they happened.

use super::agent::State;
use super::event::{AcdEvent, OfferEnd};
use super::name::Name;
use crate::limits::FIGURES_INTERVALS_MAX;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::time::Duration;

/// What happened to the calls of a queue, in an interval or altogether. Times are sums in ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    pub offered: u64,
    pub answered: u64,
    /// Answered within the target.
    pub within: u64,
    pub abandoned: u64,
    /// Of them, within the queue's time for short abandons.
    pub short: u64,
    /// Of them, within the target.
    pub abandoned_within: u64,
    /// Out of the queues by a rule.
    pub overflowed: u64,
    /// To and from other queues.
    pub moved_in: u64,
    pub moved_out: u64,
    pub callbacks: u64,
    pub callbacks_answered: u64,
    pub callbacks_cancelled: u64,
    /// The customer was not reached, and waits to be called again.
    pub callbacks_retried: u64,
    /// Calls that an agent sent on to somebody else.
    pub transferred: u64,
    pub offers: u64,
    pub no_answers: u64,
    pub wait_answered_ms: u64,
    pub wait_abandoned_ms: u64,
    pub talk_ms: u64,
    pub hold_ms: u64,
    pub wrap_up_ms: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, o: Counts) {
        let Counts { offered, answered, within, abandoned, short, abandoned_within, overflowed, .. } = o;
        let Counts { moved_in, moved_out, callbacks, callbacks_answered, callbacks_cancelled, .. } = o;
        let Counts { callbacks_retried, transferred, offers, no_answers, .. } = o;
        let Counts { wait_answered_ms, wait_abandoned_ms, talk_ms, hold_ms, wrap_up_ms, .. } = o;
        self.offered += offered;
        self.answered += answered;
        self.within += within;
        self.abandoned += abandoned;
        self.short += short;
        self.abandoned_within += abandoned_within;
        self.overflowed += overflowed;
        self.moved_in += moved_in;
        self.moved_out += moved_out;
        self.callbacks += callbacks;
        self.callbacks_answered += callbacks_answered;
        self.callbacks_cancelled += callbacks_cancelled;
        self.callbacks_retried += callbacks_retried;
        self.transferred += transferred;
        self.offers += offers;
        self.no_answers += no_answers;
        self.wait_answered_ms += wait_answered_ms;
        self.wait_abandoned_ms += wait_abandoned_ms;
        self.talk_ms += talk_ms;
        self.hold_ms += hold_ms;
        self.wrap_up_ms += wrap_up_ms;
    }
}

/// `None` where there is nothing to divide by.
fn ratio(part: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64)
}

impl Counts {
    fn waited(&self) -> u64 {
        self.offered.saturating_sub(self.callbacks)
    }

    /// Answered within T of all but short abandons, 0–1.
    pub fn service_level(&self) -> Option<f64> {
        ratio(self.within, self.waited().saturating_sub(self.short))
    }

    /// Answered within T of all, 0–1.
    pub fn service_level_of_offered(&self) -> Option<f64> {
        ratio(self.within, self.waited())
    }

    /// Answered within T of the answered, 0–1.
    pub fn service_level_of_answered(&self) -> Option<f64> {
        ratio(self.within, self.answered)
    }

    /// Answered within T of all but those who left within T, 0–1.
    pub fn service_level_of_patient(&self) -> Option<f64> {
        ratio(self.within, self.waited().saturating_sub(self.abandoned_within))
    }

    /// Average speed of answer, in ms.
    pub fn asa_ms(&self) -> Option<f64> {
        ratio(self.wait_answered_ms, self.answered)
    }

    /// Abandoned but for the short ones, 0–1.
    pub fn abandon_rate(&self) -> Option<f64> {
        ratio(self.abandoned - self.short, self.waited().saturating_sub(self.short))
    }

    /// Average handle time, in ms.
    pub fn handle_ms(&self) -> Option<f64> {
        ratio(self.talk_ms + self.hold_ms + self.wrap_up_ms, self.answered + self.callbacks_answered)
    }

    /// Calls sent on, of the answered, 0–1.
    pub fn transfer_rate(&self) -> Option<f64> {
        ratio(self.transferred, self.answered + self.callbacks_answered)
    }
}

/// What an agent did, in an interval or altogether.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AgentCounts {
    /// In each state, in ms: offline, not-ready, ready, reserved, ringing, talking, held, wrap-up.
    pub state_ms: [u64; 8],
    pub answered: u64,
    pub offers: u64,
    pub no_answers: u64,
    pub transferred: u64,
    pub talk_ms: u64,
    pub hold_ms: u64,
    pub wrap_up_ms: u64,
}

impl AgentCounts {
    /// Busy of busy and ready, 0–1.
    pub fn occupancy(&self) -> Option<f64> {
        let busy: u64 = self.state_ms[3..].iter().sum();
        ratio(busy, busy + self.state_ms[2])
    }
}

/// Key of an interval (its beginning, ms since 1970) and a queue or agent; `None`: altogether.
type Key = (Option<u64>, Name);

/// All figures. Feed it every event, in order.
#[derive(Debug, Clone)]
pub struct Figures {
    pub(super) interval_ms: u64,
    pub(super) queues: BTreeMap<Key, Counts>,
    pub(super) agents: BTreeMap<Key, AgentCounts>,
    /// Waits of the answered, in ms, by queue.
    pub(super) waits: BTreeMap<Name, Histogram<u64>>,
    /// Each agent's state, and since when.
    pub(super) states: BTreeMap<Name, (usize, u64)>,
}

impl Figures {
    /// Figures by intervals of this length, of 15 or 30 minutes as a rule.
    pub fn new(interval: Duration) -> Figures {
        Figures {
            interval_ms: (interval.as_millis() as u64).max(1000),
            queues: BTreeMap::new(),
            agents: BTreeMap::new(),
            waits: BTreeMap::new(),
            states: BTreeMap::new(),
        }
    }

    /// Counts one event. `at_ms`: milliseconds since 1970.
    pub fn add(&mut self, at_ms: u64, event: &AcdEvent) {
        match event {
            AcdEvent::Queued { queue, .. } => self.queue(at_ms, queue, |c| c.offered += 1),
            AcdEvent::Moved { from, to, .. } => {
                self.queue(at_ms, from, |c| c.moved_out += 1);
                self.queue(at_ms, to, |c| c.moved_in += 1);
            }
            AcdEvent::Offered { queue, user, .. } => {
                self.queue(at_ms, queue, |c| c.offers += 1);
                self.agent(at_ms, user, |a| a.offers += 1);
            }
            AcdEvent::OfferEnded { queue, user, how: OfferEnd::NoAnswer, .. } => {
                self.queue(at_ms, queue, |c| c.no_answers += 1);
                self.agent(at_ms, user, |a| a.no_answers += 1);
            }
            AcdEvent::Answered { queue, user, callback: true, .. } => {
                self.queue(at_ms, queue, |c| c.callbacks_answered += 1);
                self.agent(at_ms, user, |a| a.answered += 1);
            }
            AcdEvent::Answered { queue, user, waited_ms, within_ms, .. } => {
                self.queue(at_ms, queue, |c| {
                    c.answered += 1;
                    c.within += u64::from(waited_ms <= within_ms);
                    c.wait_answered_ms += waited_ms;
                });
                self.agent(at_ms, user, |a| a.answered += 1);
                // It grows as needed: every value has its place.
                let _ = self.waits.entry(queue.clone()).or_insert_with(empty).record(*waited_ms);
            }
            AcdEvent::Abandoned { queue, waited_ms, short, within, .. } => self.queue(at_ms, queue, |c| {
                c.abandoned += 1;
                c.short += u64::from(*short);
                c.abandoned_within += u64::from(*within);
                c.wait_abandoned_ms += waited_ms;
            }),
            AcdEvent::Overflowed { queue, .. } => self.queue(at_ms, queue, |c| c.overflowed += 1),
            AcdEvent::CallbackAsked { queue, .. } => self.queue(at_ms, queue, |c| c.callbacks += 1),
            AcdEvent::CallbackMissed { queue, again, .. } => {
                self.queue(at_ms, queue, |c| c.callbacks_retried += u64::from(*again));
            }
            AcdEvent::CallbackCancelled { queue, .. } => {
                self.queue(at_ms, queue, |c| c.callbacks_cancelled += 1);
            }
            AcdEvent::TalkEnded { queue, user, talk_ms, hold_ms, transfer, .. } => {
                self.queue(at_ms, queue, |c| {
                    (c.talk_ms, c.hold_ms) = (c.talk_ms + talk_ms, c.hold_ms + hold_ms);
                    c.transferred += u64::from(*transfer);
                });
                self.agent(at_ms, user, |a| {
                    (a.talk_ms, a.hold_ms) = (a.talk_ms + talk_ms, a.hold_ms + hold_ms);
                    a.transferred += u64::from(*transfer);
                });
            }
            AcdEvent::WrapUpEnded { queue, user, ms, .. } => {
                self.queue(at_ms, queue, |c| c.wrap_up_ms += ms);
                self.agent(at_ms, user, |a| a.wrap_up_ms += ms);
            }
            AcdEvent::Agent { user, state, .. } => {
                self.pass(at_ms, user);
                let index = State::NAMES.iter().position(|n| **state == **n).unwrap_or(0);
                self.states.insert(user.clone(), (index, at_ms));
            }
            AcdEvent::OfferEnded { .. } | AcdEvent::ToFront { .. } | AcdEvent::CallbackRestored { .. } => {}
        }
    }

    /// Counts the time that agents have spent in their states until now: for live figures, as often as one likes.
    pub fn until(&mut self, at_ms: u64) {
        for user in self.states.keys().cloned().collect::<Vec<_>>() {
            self.pass(at_ms, &user);
        }
    }

    /// Time passes for an agent, interval by interval.
    fn pass(&mut self, at_ms: u64, user: &Name) {
        let Some((state, mut since)) = self.states.get(user).copied() else { return };
        while since < at_ms {
            let end = ((since / self.interval_ms + 1) * self.interval_ms).min(at_ms);
            let ms = end - since;
            self.agent(since, user, |a| a.state_ms[state] += ms);
            since = end;
        }
        self.states.insert(user.clone(), (state, since));
    }

    fn queue(&mut self, at_ms: u64, queue: &Name, count: impl Fn(&mut Counts)) {
        for interval in [None, Some(at_ms / self.interval_ms * self.interval_ms)] {
            count(self.queues.entry((interval, queue.clone())).or_default());
        }
        forget(&mut self.queues, at_ms, self.interval_ms);
    }

    fn agent(&mut self, at_ms: u64, user: &Name, count: impl Fn(&mut AgentCounts)) {
        for interval in [None, Some(at_ms / self.interval_ms * self.interval_ms)] {
            count(self.agents.entry((interval, user.clone())).or_default());
        }
        forget(&mut self.agents, at_ms, self.interval_ms);
    }

    /// All queues together: of the interval that begins then, or altogether.
    pub fn total(&self, interval: Option<u64>) -> Counts {
        let mut total = Counts::default();
        self.queues(interval).for_each(|(_, counts)| total += *counts);
        total
    }

    /// Each queue: of the interval that begins then, or altogether.
    pub fn queues(&self, interval: Option<u64>) -> impl Iterator<Item = (&Name, &Counts)> {
        self.queues.iter().filter(move |((i, _), _)| *i == interval).map(|((_, name), c)| (name, c))
    }

    /// Each agent: of the interval that begins then, or altogether.
    pub fn agents(&self, interval: Option<u64>) -> impl Iterator<Item = (&Name, &AgentCounts)> {
        self.agents.iter().filter(move |((i, _), _)| *i == interval).map(|((_, name), a)| (name, a))
    }

    /// When the intervals begin that are kept, in ms since 1970.
    pub fn intervals(&self) -> Vec<u64> {
        let queues = self.queues.keys().filter_map(|(i, _)| *i);
        let mut all: Vec<u64> = queues.chain(self.agents.keys().filter_map(|(i, _)| *i)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The wait in ms that this part (0–1) of a queue's answered calls did not exceed; within 1 %.
    pub fn wait_quantile_ms(&self, queue: &str, part: f64) -> Option<u64> {
        Some(self.waits.get(queue)?.value_at_quantile(part))
    }
}

/// Intervals beyond the bound go, the oldest first.
fn forget<T>(all: &mut BTreeMap<Key, T>, at_ms: u64, interval_ms: u64) {
    let oldest = at_ms.saturating_sub(FIGURES_INTERVALS_MAX as u64 * interval_ms);
    // What is altogether (`None`) stands before all intervals.
    let too_old = |key: &Key| key.0.is_some_and(|interval| interval < oldest);
    let first = (Some(0), Name::from(""));
    while let Some(key) = all.range(first.clone()..).next().map(|(key, _)| key.clone()).filter(too_old) {
        all.remove(&key);
    }
}

/// Waits with two significant digits; it grows as needed.
#[allow(clippy::expect_used, reason = "two digits are within what the histogram can")]
pub(super) fn empty() -> Histogram<u64> {
    Histogram::new(2).expect("two significant digits")
}
