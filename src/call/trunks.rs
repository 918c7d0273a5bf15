//! What goes over each trunk: how many calls now and since the start, how many of a second, and what was refused.
//!
//! In: a leg that is to come or go over a trunk, and its end. Out: whether it may ([`Limits`]), and figures. Counted by name,
//! so a reload that changes a trunk's limits keeps what is up.

use super::peers::Peers;
use crate::base::{LegId, Now, Rate};
use crate::config::{Limits, Trunk};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// The calls of one way over a trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Traffic {
    now: u32,
    total: u64,
    rate: Rate,
}

impl Traffic {
    /// Counts one more call, or says which limit is reached. As many calls as may come in a second may come at once.
    fn admit(&mut self, now: Now, limits: Limits) -> Result<(), &'static str> {
        if limits.calls_max.is_some_and(|max| self.now >= max) {
            return Err("calls_max");
        }
        if let Some(max) = limits.calls_per_second_max
            && (max == 0 || !self.rate.take(now, Duration::from_secs(1) / max, max))
        {
            return Err("calls_per_second_max");
        }
        self.now += 1;
        self.total += 1;
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Usage {
    inward: Traffic,
    outward: Traffic,
    refused: BTreeMap<String, u64>,
}

/// The figures of one trunk since the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrunkView {
    pub name: String,
    /// Calls that have come over it: now, and in all.
    pub inward: (u32, u64),
    /// Calls that have gone out over it.
    pub outward: (u32, u64),
    /// Calls refused, by why.
    pub refused: BTreeMap<String, u64>,
    /// Whether the last registration with it was taken, and the status.
    pub registered: Option<(bool, u16)>,
    /// Whether it answers when it is asked.
    pub alive: Option<bool>,
}

/// All trunks.
#[derive(Debug, Default)]
pub(super) struct Trunks {
    usage: BTreeMap<String, Usage>,
    /// Which trunk a leg goes over, and whether it goes out.
    legs: HashMap<LegId, (String, bool)>,
    turn: usize,
}

impl Trunks {
    /// Counts a call that comes over `trunk`, if its limits let it.
    pub(super) fn come(&mut self, now: Now, trunk: &Trunk, leg: LegId) -> Result<(), &'static str> {
        self.usage.entry(trunk.name.clone()).or_default().inward.admit(now, trunk.inward)?;
        self.legs.insert(leg, (trunk.name.clone(), false));
        Ok(())
    }

    /// Counts a call that goes out over `trunk`, if its limits let it; a leg [carries](Trunks::carries) it then.
    pub(super) fn go(&mut self, now: Now, trunk: &Trunk) -> Result<(), &'static str> {
        self.usage.entry(trunk.name.clone()).or_default().outward.admit(now, trunk.outward)
    }

    /// `leg` is that of a call that goes out over `trunk`.
    pub(super) fn carries(&mut self, leg: LegId, trunk: &str) {
        self.legs.insert(leg, (trunk.to_owned(), true));
    }

    /// Counts the calls that go out, for trunks that take turns.
    pub(super) fn turn(&mut self) -> usize {
        self.turn = self.turn.wrapping_add(1);
        self.turn
    }

    /// Counts a call that was refused.
    pub(super) fn refused(&mut self, trunk: &str, why: &str) {
        let usage = self.usage.entry(trunk.to_owned()).or_default();
        *usage.refused.entry(why.to_owned()).or_default() += 1;
    }

    /// Another leg carries the call of `old` from now on.
    pub(super) fn moves(&mut self, old: LegId, new: LegId) {
        if let Some(carried) = self.legs.remove(&old) {
            self.legs.insert(new, carried);
        }
    }

    /// A leg is over.
    pub(super) fn left(&mut self, leg: LegId) {
        let Some((name, outward)) = self.legs.remove(&leg) else { return };
        let Some(usage) = self.usage.get_mut(&name) else { return };
        let traffic = if outward { &mut usage.outward } else { &mut usage.inward };
        traffic.now = traffic.now.saturating_sub(1);
    }

    /// True if no leg is counted.
    pub(super) fn is_idle(&self) -> bool {
        self.legs.is_empty()
    }

    /// The figures of each of `trunks`.
    pub(super) fn view(&self, trunks: &[Trunk], peers: &Peers) -> Vec<TrunkView> {
        let of = |trunk: &Trunk| {
            let usage = self.usage.get(&trunk.name);
            TrunkView {
                name: trunk.name.clone(),
                inward: usage.map_or((0, 0), |u| (u.inward.now, u.inward.total)),
                outward: usage.map_or((0, 0), |u| (u.outward.now, u.outward.total)),
                refused: usage.map(|u| u.refused.clone()).unwrap_or_default(),
                registered: peers.registered(&trunk.name),
                alive: peers.alive(&trunk.name),
            }
        };
        trunks.iter().map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_calls_as_may_be_up_pass_and_one_more_does_not() {
        let limits = Limits { calls_max: Some(2), calls_per_second_max: None };
        let mut traffic = Traffic::default();
        assert_eq!([traffic.admit(Now(0), limits), traffic.admit(Now(0), limits)], [Ok(()), Ok(())]);
        assert_eq!(traffic.admit(Now(9_000_000), limits), Err("calls_max"));
        traffic.now -= 1;
        assert_eq!(traffic.admit(Now(9_000_000), limits), Ok(()));
        assert_eq!((traffic.now, traffic.total), (2, 3));
    }

    #[test]
    fn a_second_s_calls_pass_at_once_and_then_one_at_a_time() {
        let limits = Limits { calls_max: None, calls_per_second_max: Some(4) };
        let mut traffic = Traffic::default();
        let passed = |t: &mut Traffic, at| (0..9).filter(|_| t.admit(at, limits).is_ok()).count();
        let start = Now(5_000_000);
        assert_eq!(passed(&mut traffic, start), 4);
        assert_eq!(passed(&mut traffic, start + Duration::from_millis(250)), 1);
        assert_eq!(passed(&mut traffic, start + Duration::from_millis(499)), 0);
        assert_eq!(passed(&mut traffic, start + Duration::from_secs(60)), 4);
    }
}
