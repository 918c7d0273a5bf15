//! The waiting line: one for all queues. Calls of one kind (queue, requirement, step of relaxation, priority, and agents asked
//! for or excluded) stand in one row by arrival; between rows the score of the first decides.
//!
//! ```text
//! score = (priority + aging × minutes waited, at most aging_max) × weight of the queue; equal scores by arrival
//! ```
//! Within a row the score never puts the later before the earlier, so only the first of each row is ever looked at, and a
//! place is a binary search in each row of the queue. Who may have calls of a kind is a set of agents, and which kinds an
//! agent may have is a set of kinds: whoever changes touches only what it fits.

use super::bits::Bits;
use super::name::Name;
use super::setup::QueueSetup;
use super::skills::Requirement;
use crate::base::{CallId, Now};
use crate::limits::ACD_KINDS_MAX;
use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

/// Thousandths of a point.
const POINT: i64 = 1000;

/// A call's place by arrival: when it began to wait, then the order of arrival.
pub(super) type Place = (Now, u64);
/// Smaller goes first.
pub(super) type Order = (Reverse<i64>, Place);

/// What makes calls alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) queue: usize,
    /// Steps of relaxation taken.
    pub(super) ring: u8,
    pub(super) priority: u16,
    /// A supervisor put it to the front.
    pub(super) front: bool,
    /// The text of the call's own requirement.
    pub(super) require: Option<Name>,
    /// Only this agent.
    pub(super) only: Option<usize>,
    /// Not these agents.
    pub(super) without: Vec<usize>,
}

/// Calls of one kind.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) key: Key,
    pub(super) require: Option<Requirement>,
    /// Agents who may have them, whatever they are doing now.
    pub(super) fit: Bits,
    weigh: Weigh,
    waiting: VecDeque<(Place, CallId)>,
    /// Not to be offered now (a phone rings, a callback pauses), but in line.
    aside: VecDeque<(Place, CallId)>,
    /// Calls of this kind that came: what traffic it makes.
    pub(super) arrivals: super::rates::Rate,
}

/// What a score is made of.
#[derive(Debug, Clone, Copy)]
struct Weigh {
    front: bool,
    /// Thousandths of a point.
    priority: i64,
    aging: i64,
    aging_max: i64,
    weight: i64,
}

impl Weigh {
    fn of(key: &Key, queue: &QueueSetup) -> Weigh {
        Weigh {
            front: key.front,
            priority: i64::from(key.priority) * POINT,
            aging: i64::from(queue.aging),
            aging_max: i64::from(queue.aging_max) * POINT,
            weight: i64::from(queue.weight),
        }
    }

    fn score(&self, now: Now, arrived: Now) -> i64 {
        if self.front {
            return i64::MAX;
        }
        let waited_ms = (now.0.saturating_sub(arrived.0) / 1000) as i64;
        let aged = (self.aging.saturating_mul(waited_ms) / (60_000 / POINT)).min(self.aging_max);
        (self.priority + aged) * self.weight / 100
    }

    fn order(&self, now: Now, place: Place) -> Order {
        (Reverse(self.score(now, place.0)), place)
    }
}

impl Kind {
    /// Thousandths of a point.
    pub(super) fn score(&self, now: Now, arrived: Now) -> i64 {
        self.weigh.score(now, arrived)
    }

    pub(super) fn order(&self, now: Now, place: Place) -> Order {
        self.weigh.order(now, place)
    }

    /// The first in the row.
    pub(super) fn first(&self) -> Option<(Place, CallId)> {
        self.waiting.front().copied()
    }

    /// The first who arrived after `then`.
    pub(super) fn first_after(&self, then: Now) -> Option<(Place, CallId)> {
        self.waiting.get(self.waiting.partition_point(|(p, _)| p.0 <= then)).copied()
    }

    /// Calls that can be offered, in order.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (Place, CallId)> + '_ {
        self.waiting.iter().copied()
    }

    fn ahead(&self, now: Now, of: Order) -> usize {
        let count = |row: &VecDeque<(Place, CallId)>| row.partition_point(|(p, _)| self.order(now, *p) < of);
        count(&self.waiting) + count(&self.aside)
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.aside.is_empty()
    }
}

#[derive(Debug, Clone, Copy)]
struct First {
    weigh: Weigh,
    queue: u32,
    place: Place,
    call: CallId,
}

/// All rows.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) kinds: Vec<Kind>,
    /// The first of each row with its weights, side by side: what a free agent looks through.
    firsts: Vec<Option<First>>,
    index: BTreeMap<Key, usize>,
    /// Kinds that were given up, to be used again.
    spare: Vec<usize>,
    /// Kinds with calls that can be offered.
    live: Bits,
    /// By agent: kinds that it fits. By queue: its kinds.
    agent_kinds: Vec<Bits>,
    queue_kinds: Vec<Bits>,
    /// By queue: calls in it.
    lengths: Vec<usize>,
}

fn grow<T: Default>(all: &mut Vec<T>, i: usize) -> Option<&mut T> {
    if all.len() <= i {
        all.resize_with(i + 1, T::default);
    }
    all.get_mut(i)
}

impl Line {
    /// The kind with this key, made if need be by asking `fits` for the agents. `None` when there are too many.
    pub(super) fn kind(
        &mut self,
        key: Key,
        require: Option<&Requirement>,
        queue: &QueueSetup,
        fits: impl FnOnce(&Key) -> Bits,
    ) -> Option<usize> {
        if let Some(found) = self.index.get(&key) {
            return Some(*found);
        }
        if self.index.len() >= ACD_KINDS_MAX {
            self.give_up_empty();
        }
        if self.index.len() >= ACD_KINDS_MAX {
            return None;
        }
        let fit = fits(&key);
        let kind = Kind {
            require: require.cloned(),
            fit: Bits::default(),
            weigh: Weigh::of(&key, queue),
            waiting: VecDeque::new(),
            aside: VecDeque::new(),
            arrivals: super::rates::Rate::default(),
            key: key.clone(),
        };
        let ix = self.spare.pop().unwrap_or(self.kinds.len());
        if let Some(bits) = grow(&mut self.queue_kinds, key.queue) {
            bits.put(ix, true);
        }
        match self.kinds.get_mut(ix) {
            Some(place) => *place = kind,
            None => self.kinds.push(kind),
        }
        self.index.insert(key, ix);
        self.refit(ix, fit, queue);
        Some(ix)
    }

    /// Other agents fit from now on, and other weights hold.
    pub(super) fn refit(&mut self, ix: usize, fit: Bits, queue: &QueueSetup) {
        let Some(kind) = self.kinds.get_mut(ix) else { return };
        kind.weigh = Weigh::of(&kind.key, queue);
        if let Some(Some(first)) = self.firsts.get_mut(ix) {
            first.weigh = kind.weigh;
        }
        if kind.fit == fit {
            return;
        }
        for agent in kind.fit.iter() {
            if let Some(bits) = self.agent_kinds.get_mut(agent) {
                bits.put(ix, false);
            }
        }
        for agent in fit.iter() {
            if let Some(bits) = grow(&mut self.agent_kinds, agent) {
                bits.put(ix, true);
            }
        }
        kind.fit = fit;
    }

    /// The kinds in use.
    pub(super) fn all(&self) -> impl Iterator<Item = (usize, &Kind)> {
        self.index.values().filter_map(|ix| Some((*ix, self.kinds.get(*ix)?)))
    }

    fn give_up_empty(&mut self) {
        let (kinds, spare) = (&self.kinds, &mut self.spare);
        self.index.retain(|_, ix| {
            let keep = kinds.get(*ix).is_some_and(|k| !k.is_empty());
            if !keep {
                spare.push(*ix);
            }
            keep
        });
        for bits in self.agent_kinds.iter_mut().chain(&mut self.queue_kinds) {
            self.spare.iter().for_each(|ix| bits.put(*ix, false));
        }
        for ix in &self.spare {
            if let Some(kind) = self.kinds.get_mut(*ix) {
                kind.fit = Bits::default();
            }
        }
    }

    /// Puts a call into its row by its place; `aside` if it is not to be offered now.
    pub(super) fn put(&mut self, ix: usize, place: Place, call: CallId, aside: bool) {
        let Some(kind) = self.kinds.get_mut(ix) else { return };
        let row = if aside { &mut kind.aside } else { &mut kind.waiting };
        row.insert(row.partition_point(|(p, _)| *p < place), (place, call));
        self.live.put(ix, !kind.waiting.is_empty());
        let (weigh, queue) = (kind.weigh, kind.key.queue as u32);
        if let Some(first) = grow(&mut self.firsts, ix) {
            *first =
                kind.waiting.front().map(|(place, call)| First { weigh, queue, place: *place, call: *call });
        }
        if let Some(length) = grow(&mut self.lengths, kind.key.queue) {
            *length += 1;
        }
    }

    /// Takes a call out of its row.
    pub(super) fn take(&mut self, ix: usize, place: Place) {
        let Some(kind) = self.kinds.get_mut(ix) else { return };
        let mut taken = 0;
        for row in [&mut kind.waiting, &mut kind.aside] {
            if let Ok(at) = row.binary_search_by_key(&place, |(p, _)| *p) {
                row.remove(at);
                taken += 1;
            }
        }
        self.live.put(ix, !kind.waiting.is_empty());
        let (weigh, queue) = (kind.weigh, kind.key.queue as u32);
        if let Some(first) = grow(&mut self.firsts, ix) {
            *first =
                kind.waiting.front().map(|(place, call)| First { weigh, queue, place: *place, call: *call });
        }
        if let Some(length) = self.lengths.get_mut(kind.key.queue) {
            *length = length.saturating_sub(taken);
        }
    }

    /// Kinds with calls that can be offered to this agent.
    pub(super) fn for_agent(&self, agent: usize) -> impl Iterator<Item = (usize, &Kind)> {
        let bits = self.agent_kinds.get(agent);
        let all = bits.into_iter().flat_map(|bits| bits.and(&self.live));
        all.filter_map(|ix| Some((ix, self.kinds.get(ix)?)))
    }

    /// The call that is first in line for this agent, of all queues or of one, with its kind.
    pub(super) fn first_for(
        &self,
        now: Now,
        agent: usize,
        queue: Option<usize>,
    ) -> Option<(Order, usize, CallId)> {
        let rows = self.agent_kinds.get(agent)?.and(&self.live);
        let firsts = rows.filter_map(|ix| Some((ix, self.firsts.get(ix).copied().flatten()?)));
        firsts
            .filter(|(_, f)| queue.is_none_or(|q| q == f.queue as usize))
            .map(|(ix, f)| (f.weigh.order(now, f.place), ix, f.call))
            .min()
    }

    /// The rows that some of these agents fit, best first, at most `most`.
    pub(super) fn first_rows(&self, now: Now, agents: &Bits, most: usize) -> Vec<usize> {
        let mut rows = Bits::default();
        for ix in
            agents.iter().filter_map(|a| self.agent_kinds.get(a)).flat_map(|kinds| kinds.and(&self.live))
        {
            rows.put(ix, true);
        }
        let first = |ix: usize| Some((self.firsts.get(ix).copied().flatten()?, ix));
        let mut all: Vec<(Order, usize)> =
            rows.iter().filter_map(first).map(|(f, ix)| (f.weigh.order(now, f.place), ix)).collect();
        all.sort_unstable();
        all.truncate(most);
        all.into_iter().map(|(_, ix)| ix).collect()
    }

    /// Calls in a queue, waiting or being offered.
    pub(super) fn length(&self, queue: usize) -> usize {
        self.lengths.get(queue).copied().unwrap_or(0)
    }

    /// A call's place in its queue, from 1.
    pub(super) fn rank(&self, now: Now, ix: usize, place: Place) -> usize {
        let Some(kind) = self.kinds.get(ix) else { return 1 };
        let order = kind.order(now, place);
        let rows = self.queue_kinds.get(kind.key.queue).into_iter().flat_map(Bits::iter);
        1 + rows.filter_map(|r| self.kinds.get(r)).map(|k| k.ahead(now, order)).sum::<usize>()
    }
}
