//! Who served whom last. Numbers are kept as their hash alone, as many as `limits.rs` says, the oldest forgotten first.

use crate::base::Now;
use crate::limits::LAST_AGENTS_MAX;
use std::collections::{BTreeMap, VecDeque};

/// The last agent of each number.
#[derive(Debug, Default)]
pub(super) struct Memory {
    last: BTreeMap<u64, (usize, Now)>,
    order: VecDeque<(Now, u64)>,
}

/// A number as it is remembered: FNV-1a, the same after a restart.
pub(super) fn hash(number: &str) -> u64 {
    number.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

impl Memory {
    pub(super) fn note(&mut self, now: Now, number: u64, agent: usize) {
        self.last.insert(number, (agent, now));
        self.order.push_back((now, number));
        while self.order.len() > LAST_AGENTS_MAX {
            let Some((at, number)) = self.order.pop_front() else { return };
            // Unless the number has called again since.
            if self.last.get(&number).is_some_and(|(_, newest)| *newest == at) {
                self.last.remove(&number);
            }
        }
    }

    /// The agent, and when.
    pub(super) fn last(&self, number: u64) -> Option<(usize, Now)> {
        self.last.get(&number).copied()
    }

    /// All that is remembered, oldest first.
    pub(super) fn all(&self) -> impl Iterator<Item = (u64, usize, Now)> + '_ {
        self.order.iter().filter_map(|(at, number)| {
            let (agent, newest) = self.last(*number)?;
            (newest == *at).then_some((*number, agent, *at))
        })
    }
}
