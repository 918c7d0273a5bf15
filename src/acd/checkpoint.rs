//! Figures as of some event, to be stored: a restart reads the events after it, and not all there ever were.

use super::figures::{AgentCounts, Counts, Figures};
use super::name::Name;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// [`Figures`], whole. What it is made of and the events after it come to the same as all events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    interval_ms: u64,
    queues: Vec<((Option<u64>, Name), Counts)>,
    agents: Vec<((Option<u64>, Name), AgentCounts)>,
    /// Each queue's waits: a value of the histogram, and how often.
    waits: Vec<(Name, Vec<(u64, u64)>)>,
    states: Vec<(Name, (usize, u64))>,
}

fn list<K: Clone, V: Clone>(map: &std::collections::BTreeMap<K, V>) -> Vec<(K, V)> {
    map.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

impl Figures {
    /// What is to be stored.
    pub fn checkpoint(&self) -> Checkpoint {
        let values = |h: &Histogram<u64>| {
            h.iter_recorded().map(|v| (v.value_iterated_to(), v.count_at_value())).collect()
        };
        Checkpoint {
            interval_ms: self.interval_ms,
            queues: list(&self.queues),
            agents: list(&self.agents),
            waits: self.waits.iter().map(|(name, h)| (name.clone(), values(h))).collect(),
            states: list(&self.states),
        }
    }

    /// The figures that were stored; `None` if they are by intervals of another length.
    pub fn resume(interval: Duration, from: Checkpoint) -> Option<Figures> {
        let mut figures = Figures::new(interval);
        if figures.interval_ms != from.interval_ms {
            return None;
        }
        figures.queues = from.queues.into_iter().collect();
        figures.agents = from.agents.into_iter().collect();
        figures.states = from.states.into_iter().collect();
        for (name, values) in from.waits {
            let mut waits = super::figures::empty();
            for (value, count) in values {
                // It grows as needed: every value has its place, the one that it had.
                let _ = waits.record_n(value, count);
            }
            figures.waits.insert(name, waits);
        }
        Some(figures)
    }

    /// Who is signed in, by the events so far.
    pub fn present(&self) -> Vec<Name> {
        self.states.iter().filter(|(_, (state, _))| *state != 0).map(|(user, _)| user.clone()).collect()
    }
}
