//! The balanced strategy: which agent costs the other callers least, and which call gains most.
//!
//! **A call comes, several agents are free.** The cost of an agent, in thousandths:
//! ```text
//! scarcity  Σ over other kinds of calls that the agent could take: offered load of the kind × 2^(1 − free agents who fit it)
//!           - what is lost if the next call of that kind finds one agent fewer; kinds with more than 8 free lose nothing
//! breadth   the part of all traffic that the agent could take: specialists before generalists
//! surplus   1 for each level of the skills that the call names: the masters are kept for the hard cases
//! missed    20 for each of a hundred offers of late that the agent did not take
//! − idle    1 for each second idle, 300 at most: among equals the longest idle
//! ```
//! **An agent becomes free, several calls wait.** The first in line is served, with two exceptions among calls of its
//! priority. If the first can still make its target, the call that most needs this agent is served: the greatest chance
//! that no other agent who fits it becomes free before its target, `e^(−agents at work who fit × time left / handling time)`; chances under 5 % are none.
//! If the first has missed its target already, then of a hundred such calls `late_share` give way to a call that would miss
//! its target with a chance of a third or more; but nobody gives way who has waited for three quarters of the longest wait of
//! late, so that the longest waits hardly grow. Whoever passes another of the same queue, the decision says so.
//! The target is made by an answer, and a phone rings before it: both are reckoned with what is left of the target after the
//! usual time to pick up.
//!
//! **A phone rings for long**: the agent has likely left. From `Queue::long_ring` on the call is back in its place in the
//! line, while the phone rings on, and the next who is free for it is rung beside.
//!
//! **Several calls and several agents at once** are assigned with the least sum of costs: exactly, up to
//! `limits::ASSIGN_MAX`, by the Hungarian method; beyond that the first in line that many at a time.

use super::agent::Agent;
use super::bits::Bits;
use super::decision::{Parts, Passed, PassedWhy};
use super::line::{Kind, Line, Order};
use super::queue::Queue;
use super::router::Acd;
use super::setup::Strategy;
use crate::base::{CallId, Now};
use std::time::Duration;

/// Traffic is counted anew this often.
const COUNT_EVERY: Duration = Duration::from_secs(10);
/// Kinds of calls that are looked at, those with the most traffic.
const KINDS_MAX: usize = 128;
/// With more free agents than this a kind of call is in no need.
const SCARCE: usize = 8;
/// A scarce erlang weighs as much as this many thousandths.
const ERLANG: f64 = 1000.0;
/// All traffic, as breadth.
const ALL: f64 = 600.0;
const IDLE_MAX: u64 = 300;
/// An agent who takes no offer at all.
const MISSED: f64 = 2000.0;
/// The chance to miss the target from which on a call may pass one that has missed it, and one that has not.
const AT_RISK: f64 = 0.33;
const NOTABLE: f64 = 0.05;
/// Nobody gives way who has waited for more than this part of the longest wait of late.
const PATIENT: f64 = 0.75;

/// How much of what kind of call there is, and what an agent is worth to it.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    counted: Option<Now>,
    /// Kind, and its offered load in erlangs.
    kinds: Vec<(usize, f64)>,
    /// By agent: the share of all traffic.
    breadth: Vec<f64>,
    /// By agent, for the call that is being looked at.
    scarcity: Vec<f64>,
    touched: Vec<usize>,
}

impl Traffic {
    /// Agents or skills have changed.
    pub(super) fn forget(&mut self) {
        self.counted = None;
    }

    /// Counts the traffic, if that was not done lately.
    pub(super) fn look(&mut self, now: Now, line: &Line, queues: &[Queue], agents: &[Agent]) {
        if self.counted.is_some_and(|at| now.since(at) < COUNT_EVERY) {
            return;
        }
        self.counted = Some(now);
        let load = |(ix, kind): (usize, &Kind)| {
            let handle = queues.get(kind.key.queue)?.handle.seconds();
            let load = kind.arrivals.per_s(now) * handle;
            (kind.key.only.is_none() && load > 1e-3).then_some((ix, load))
        };
        self.kinds = line.all().filter_map(load).collect();
        self.kinds.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        self.kinds.truncate(KINDS_MAX);
        let all: f64 = self.kinds.iter().map(|(_, load)| load).sum();
        self.breadth = vec![0.0; agents.len()];
        for (ix, load) in &self.kinds {
            for agent in line.kinds.get(*ix).into_iter().flat_map(|k| k.fit.iter()) {
                if let Some(breadth) = self.breadth.get_mut(agent) {
                    *breadth += load / all;
                }
            }
        }
        self.scarcity.resize(agents.len(), 0.0);
    }

    /// Weighs the free agents by what calls of other kinds than `own` would lose.
    pub(super) fn weigh(&mut self, own: usize, line: &Line, free: &Bits) {
        for agent in self.touched.drain(..) {
            self.scarcity[agent] = 0.0;
        }
        for (ix, load) in self.kinds.iter().filter(|(ix, _)| *ix != own) {
            let Some(kind) = line.kinds.get(*ix) else { continue };
            let left = kind.fit.count_and(free);
            if (1..=SCARCE).contains(&left) {
                for agent in kind.fit.and(free) {
                    if let Some(scarcity) = self.scarcity.get_mut(agent) {
                        *scarcity += load * 0.5f64.powi(left as i32 - 1);
                        self.touched.push(agent);
                    }
                }
            }
        }
    }

    /// The cost of an agent, by parts. `surplus` in levels.
    pub(super) fn parts(&self, agent: usize, surplus: i64, missed: f64, idle_ms: u64) -> Parts {
        let of = |all: &Vec<f64>, weight: f64| (all.get(agent).copied().unwrap_or(0.0) * weight) as i64;
        Parts {
            scarcity: of(&self.scarcity, ERLANG),
            breadth: of(&self.breadth, ALL),
            surplus,
            missed: (missed * MISSED) as i64,
            idle: (idle_ms / 1000).min(IDLE_MAX) as i64,
        }
    }
}

/// A call that could be served next.
#[derive(Debug, Clone, Copy)]
struct Next {
    order: Order,
    kind: usize,
    call: CallId,
    /// The chance that it misses its target if this agent does not take it.
    need: f64,
}

impl Acd {
    /// The call that an agent who became free is to have.
    pub(super) fn next_for(&mut self, now: Now, agent: usize) -> Option<(CallId, Option<Passed>)> {
        let (order, kind, call) = self.line.first_for(now, agent, None)?;
        let key = &self.line.kinds.get(kind)?.key;
        let (queue_ix, rank) = (key.queue, (key.front, key.priority));
        let queue = self.queues.get(queue_ix)?;
        if queue.setup.strategy != Strategy::Balanced {
            return Some((call, None));
        }
        let late = now.since(order.1.0) >= queue.reach();
        let (least, why) =
            if late { (AT_RISK, PassedWhy::KeptInTarget) } else { (NOTABLE, PassedWhy::FewerAgents) };
        let patient = now.since(order.1.0).as_secs_f64() <= PATIENT * queue.longest.now(now);
        let gives_way = !late || queue.credit >= 100 && patient;
        let best = if gives_way { self.most_in_need(now, agent, rank) } else { None };
        let chosen = best.filter(|n| n.need >= least && n.call != call);
        if late && let Some(queue) = self.queues.get_mut(queue_ix) {
            queue.credit = match chosen {
                Some(_) => queue.credit - 100,
                None => (queue.credit + u32::from(queue.setup.late_share)).min(200),
            };
        }
        let Some(chosen) = chosen else { return Some((call, None)) };
        let own_queue = self.line.kinds.get(chosen.kind)?.key.queue;
        let over =
            self.line.first_for(now, agent, Some(own_queue)).filter(|(order, ..)| *order < chosen.order);
        Some((chosen.call, over.map(|(_, _, over)| Passed { over, why })))
    }

    /// Of the calls that an agent fits, in this rank, which can still make their target: the one that most needs the agent.
    fn most_in_need(&self, now: Now, agent: usize, rank: (bool, u16)) -> Option<Next> {
        let mut best: Option<Next> = None;
        for (ix, kind) in self.line.for_agent(agent).filter(|(_, k)| (k.key.front, k.key.priority) == rank) {
            let Some(queue) = self.queues.get(kind.key.queue) else { continue };
            let within = queue.reach();
            let since = now.0.checked_sub(within.as_micros() as u64);
            let head = since.map_or_else(|| kind.first(), |then| kind.first_after(Now(then)));
            let Some((place, call)) = head.filter(|_| queue.setup.strategy == Strategy::Balanced) else {
                continue;
            };
            let need = self.need(kind, queue, within.saturating_sub(now.since(place.0)));
            let next = Next { order: kind.order(now, place), kind: ix, call, need };
            let better = |b: &Next| need > b.need || (need == b.need && next.order < b.order);
            if best.as_ref().is_none_or(better) {
                best = Some(next);
            }
        }
        best
    }

    /// The chance that nobody else who fits becomes free within `left`.
    fn need(&self, kind: &Kind, queue: &Queue, left: Duration) -> f64 {
        let away = kind.fit.count_and(&self.by_state[0]) + kind.fit.count_and(&self.by_state[1]);
        let at_work = kind.fit.count().saturating_sub(away + 1);
        (-(at_work as f64) * left.as_secs_f64() / queue.handle.seconds()).exp()
    }
}

/// Assigns rows (calls, first in line first) to columns (agents) so that as many as possible are assigned and the sum of
/// costs is least: the Hungarian method with potentials, O(rows² × columns). `None` costs are impossible pairs.
pub(super) fn assign(costs: &[Vec<Option<i64>>], columns: usize) -> Vec<Option<usize>> {
    /// Dearer than any sum of real costs.
    const DEAR: i128 = 1 << 70;
    let rows = costs.len();
    // A dummy column for each row stands for going without: only where there is no other way, and rather all who are later
    // in line than one who is earlier.
    let width = columns + rows;
    let cost = |row: usize, column: usize| match costs.get(row).and_then(|r| r.get(column)) {
        Some(Some(cost)) => i128::from(*cost),
        Some(None) => 1 << 120,
        None => (DEAR << rows) + (DEAR << (rows - row - 1)),
    };
    let (mut row_potential, mut potential) = (vec![0i128; rows + 1], vec![0i128; width + 1]);
    // The row in each column, from 1; column 0 is where a row starts from.
    let mut row_of = vec![0usize; width + 1];
    for row in 1..=rows {
        row_of[0] = row;
        let (mut slack, mut from) = (vec![i128::MAX; width + 1], vec![0usize; width + 1]);
        let mut seen = vec![false; width + 1];
        let mut at = 0;
        while row_of[at] != 0 || at == 0 {
            seen[at] = true;
            let (current, mut least, mut next) = (row_of[at], i128::MAX, 0);
            for column in 1..=width {
                if seen[column] {
                    continue;
                }
                let reduced = cost(current - 1, column - 1) - row_potential[current] - potential[column];
                if reduced < slack[column] {
                    (slack[column], from[column]) = (reduced, at);
                }
                if slack[column] < least {
                    (least, next) = (slack[column], column);
                }
            }
            for column in 0..=width {
                if seen[column] {
                    row_potential[row_of[column]] += least;
                    potential[column] -= least;
                } else if slack[column] != i128::MAX {
                    slack[column] -= least;
                }
            }
            at = next;
        }
        while at != 0 {
            let before = from[at];
            row_of[at] = row_of[before];
            at = before;
        }
    }
    let mut assigned = vec![None; rows];
    for (column, row) in row_of.iter().skip(1).take(columns).enumerate() {
        if let Some(row) = row.checked_sub(1)
            && costs.get(row).and_then(|r| r.get(column)).is_some_and(Option::is_some)
        {
            assigned[row] = Some(column);
        }
    }
    assigned
}
