//! Who gets whom. After each input only what it changed is matched: agents who became free, calls that can be offered anew.
//! Between steps no free agent fits a call that can be offered.

use super::agent::{Agent, NotReady, State};
use super::balance;
use super::bits::Bits;
use super::decision::{Candidate, Decision, Excluded, Parts, Passed, Why};
use super::event::{AcdEvent, Output};
use super::line::{Key, Kind, Order};
use super::name::Name;
use super::queue::Queue;
use super::router::Acd;
use super::setup::Strategy;
use super::skills::Requirement;
use crate::base::{CallId, Now};
use crate::limits::{ASSIGN_MAX, DECISION_NAMED_MAX, RING_ALL_MAX, RING_AT_ONCE_MAX};
use std::collections::BTreeMap;

/// The chance that nobody comes from which on no further phone is rung at once. Of 0.1 to 0.00001 on other seeds than those of
/// the table in benches/README.md, this serves most calls in time.
const NOBODY_COMES: f64 = 0.001;

/// Agents who may have calls of a kind, whatever they are doing.
pub(super) fn fits(
    queues: &[Queue],
    agents: &[Agent],
    index: &BTreeMap<Name, usize>,
    key: &Key,
    require: Option<&Requirement>,
) -> Bits {
    let mut fit = Bits::default();
    let Some(queue) = queues.get(key.queue).filter(|q| q.open) else { return fit };
    if let Some(only) = key.only {
        // Asked for by name: whatever the agent serves.
        fit.put(only, agents.get(only).is_some_and(|a| a.configured) && !key.without.contains(&only));
        return fit;
    }
    let rings = queue.setup.rings.get(..usize::from(key.ring)).unwrap_or(&queue.setup.rings);
    let also = rings.iter().flat_map(|r| &r.also).filter_map(|name| queues.get(*index.get(name.as_str())?));
    let own = rings.iter().rev().find_map(|r| r.require.as_ref()).or(queue.setup.require.as_ref());
    for ix in std::iter::once(queue).chain(also).flat_map(|q| q.serving.iter()) {
        let able = |a: &Agent| [own, require].into_iter().flatten().all(|r| r.holds(&a.skills));
        if agents.get(ix).is_some_and(able) && !key.without.contains(&ix) {
            fit.put(ix, true);
        }
    }
    fit
}

/// An agent, scored: the least cost first, then the longest idle, then the first in the team.
type Scored = (i64, std::cmp::Reverse<u64>, usize, Option<Parts>);

impl Acd {
    /// Asks for every kind anew who fits: agents, skills or queues have changed.
    pub(super) fn refit(&mut self) {
        let all: Vec<usize> = self.line.all().map(|(ix, _)| ix).collect();
        for ix in all {
            let Some(kind) = self.line.kinds.get(ix) else { continue };
            let Some(queue) = self.queues.get(kind.key.queue) else { continue };
            let fit = fits(&self.queues, &self.agents, &self.queue_index, &kind.key, kind.require.as_ref());
            self.line.refit(ix, fit, &queue.setup);
        }
        self.traffic.forget();
        self.queues.iter_mut().for_each(|q| q.able = None);
        self.freed.extend(self.free.iter());
    }

    /// Matches what has changed.
    pub(super) fn settle(&mut self, now: Now, out: &mut Vec<Output>) {
        while !(self.freed.is_empty() && self.arrived.is_empty()) {
            let mut freed = std::mem::take(&mut self.freed);
            freed.retain(|a| self.free.has(*a));
            freed.sort_unstable();
            freed.dedup();
            let arrived = std::mem::take(&mut self.arrived);
            if let [agent] = freed[..] {
                self.serve(now, agent, out);
            } else if !freed.is_empty() {
                while self.assign(now, &freed, out) {}
            }
            for call in arrived {
                self.offer(now, call, None, out);
            }
        }
    }

    /// Gives one agent calls as long as it is free and there are any. The common case: one becomes free.
    fn serve(&mut self, now: Now, agent: usize, out: &mut Vec<Output>) {
        while self.free.has(agent) {
            let Some((call, passed)) = self.next_for(now, agent) else { return };
            let forced = Forced { agent, passed, jointly: Vec::new() };
            self.offer(now, call, Some(forced), out);
        }
    }

    /// Several agents are free at once, and perhaps several calls: the first in line are assigned together. True if there
    /// may be more to assign.
    fn assign(&mut self, now: Now, freed: &[usize], out: &mut Vec<Output>) -> bool {
        let mut free = Bits::default();
        freed.iter().filter(|a| self.free.has(**a)).for_each(|a| free.put(*a, true));
        let calls = self.first_in_line(now, &free);
        let jointly = calls.len() > 1
            && calls.iter().all(|(_, kind, _)| self.strategy(*kind) == Some(Strategy::Balanced));
        if !jointly {
            calls.iter().for_each(|(_, _, call)| self.offer(now, *call, None, out));
            return !calls.is_empty();
        }
        let mut columns: Vec<usize> = Vec::new();
        let mut costs: Vec<Vec<(usize, i64)>> = Vec::new();
        for (_, kind, _) in &calls {
            let (best, _) = self.rank(now, *kind, ASSIGN_MAX);
            columns.extend(best.iter().map(|b| b.2));
            costs.push(best.into_iter().map(|(cost, _, agent, _)| (agent, cost)).collect());
        }
        columns.sort_unstable();
        columns.dedup();
        let rows: Vec<Vec<Option<i64>>> = costs
            .iter()
            .map(|row| {
                columns.iter().map(|a| row.iter().find(|(agent, _)| agent == a).map(|(_, c)| *c)).collect()
            })
            .collect();
        let pairs: Vec<(CallId, usize)> = calls
            .iter()
            .zip(balance::assign(&rows, columns.len()))
            .filter_map(|((_, _, call), column)| Some((*call, *columns.get(column?)?)))
            .collect();
        let name = |agent: usize| self.agents.get(agent).map(|a| a.user.clone());
        let named: Vec<(CallId, Name)> = pairs.iter().filter_map(|(c, a)| Some((*c, name(*a)?))).collect();
        for (call, agent) in &pairs {
            let others = named.iter().filter(|(c, _)| c != call).take(DECISION_NAMED_MAX);
            let forced = Forced { agent: *agent, passed: None, jointly: others.cloned().collect() };
            self.offer(now, *call, Some(forced), out);
        }
        !pairs.is_empty()
    }

    /// The calls that are first in line for these agents: one for each agent, as many as are assigned at once.
    fn first_in_line(&self, now: Now, free: &Bits) -> Vec<(Order, usize, CallId)> {
        let most = free.count().min(ASSIGN_MAX);
        let mut all = Vec::new();
        // Of so many rows the first ones are enough to know where the first in line stand.
        for ix in self.line.first_rows(now, free, most) {
            let Some(kind) = self.line.kinds.get(ix) else { continue };
            // No more of one kind than agents who fit it.
            let few = kind.waiting().take(most.min(kind.fit.count_and(free)));
            all.extend(few.map(|(place, call)| (kind.order(now, place), ix, call)));
        }
        all.sort_unstable();
        all.truncate(most);
        all
    }

    pub(super) fn strategy(&self, kind: usize) -> Option<Strategy> {
        Some(self.queues.get(self.line.kinds.get(kind)?.key.queue)?.setup.strategy)
    }

    /// The free agents who fit a kind, by its queue's strategy: the best `most` of them, and how many there are.
    fn rank(&mut self, now: Now, ix: usize, most: usize) -> (Vec<Scored>, usize) {
        let Some(strategy) = self.strategy(ix) else { return (Vec::new(), 0) };
        if strategy == Strategy::Balanced {
            self.traffic.look(now, &self.line, &self.queues, &self.agents);
            self.traffic.weigh(ix, &self.line, &self.free);
        }
        let Some(kind) = self.line.kinds.get(ix) else { return (Vec::new(), 0) };
        let mut best: Vec<Scored> = Vec::with_capacity(most);
        let mut count = 0;
        for agent in kind.fit.and(&self.free) {
            count += 1;
            let Some(scored) = self.score(now, kind, agent, strategy) else { continue };
            let before = |a: &Scored| (a.0, a.1, a.2) < (scored.0, scored.1, scored.2);
            let at = best.partition_point(before);
            if at < most {
                best.truncate(most - 1);
                best.insert(at, scored);
            }
        }
        (best, count)
    }

    fn score(&self, now: Now, kind: &Kind, ix: usize, strategy: Strategy) -> Option<Scored> {
        let agent = self.agents.get(ix)?;
        let queue = self.queues.get(kind.key.queue)?;
        // Whoever has a call in hand already is not idle at all.
        let idle_ms = if agent.hands.is_empty() { now.since(agent.idle_since).as_millis() as u64 } else { 0 };
        let mut parts = None;
        let named = || queue.setup.require.iter().chain(&kind.require).flat_map(Requirement::skills);
        let cost = match strategy {
            Strategy::LongestIdle | Strategy::RingAll => 0,
            Strategy::LeastOccupied => {
                let (busy, present) = agent.times(now);
                (busy.as_micros() * 1000 / present.as_micros().max(1)) as i64
            }
            Strategy::FewestCalls => i64::from(agent.calls),
            Strategy::RoundRobin => {
                let (n, last) = (self.agents.len(), queue.last.unwrap_or(usize::MAX));
                ((ix + n).wrapping_sub(last.wrapping_add(1)) % n.max(1)) as i64
            }
            Strategy::Random => {
                let mut rng = fastrand::Rng::with_seed(self.seed ^ self.next << 20 ^ ix as u64);
                i64::from(rng.u32(..))
            }
            Strategy::Linear => ix as i64,
            Strategy::BestSkill => {
                -named().map(|s| i64::from(agent.skills.get(s).copied().unwrap_or(0))).sum::<i64>()
            }
            Strategy::Balanced => {
                let surplus = named().map(|s| i64::from(agent.skills.get(s).copied().unwrap_or(0))).sum();
                let p = self.traffic.parts(ix, surplus, agent.missed.value(), idle_ms);
                parts = Some(p);
                p.scarcity + p.breadth + p.surplus + p.missed - p.idle
            }
        };
        Some((cost, std::cmp::Reverse(idle_ms), ix, parts))
    }

    /// Offers a waiting call: to the agent it was assigned to, else to the best that is free, if any.
    fn offer(&mut self, now: Now, call: CallId, forced: Option<Forced>, out: &mut Vec<Output>) {
        let Some(waiting) = self.waiting.get(&call).filter(|w| !w.is_aside()) else {
            return;
        };
        let (kind_ix, place, callback) = (waiting.kind, waiting.place, waiting.callback.is_some());
        let consult = waiting.consult;
        let one_phone = consult || callback || !waiting.offers.is_empty();
        let Some(kind) = self.line.kinds.get(kind_ix) else { return };
        let queue_ix = kind.key.queue;
        if !kind.fit.meets(&self.free) {
            return;
        }
        let all = self.strategy(kind_ix) == Some(Strategy::RingAll);
        let (best, count) = self.rank(now, kind_ix, if all { RING_ALL_MAX } else { DECISION_NAMED_MAX });
        let (chosen, passed, jointly) = match forced {
            Some(f) if !all => {
                // Who was rung for a call that nobody took is free as well.
                let several =
                    if f.jointly.is_empty() { self.enough(now, &best, one_phone) } else { Vec::new() };
                let chosen = if several.contains(&f.agent) { several } else { vec![f.agent] };
                (chosen, f.passed, f.jointly)
            }
            _ if all => (best.iter().map(|b| b.2).collect(), None, Vec::new()),
            _ => (self.enough(now, &best, one_phone), None, Vec::new()),
        };
        let Some(decision) = self.decision(now, kind_ix, place, &best, count) else { return };
        let together = chosen.len() > 1;
        for agent in chosen {
            let Some(user) = self.agents.get(agent).map(|a| a.user.clone()) else { continue };
            let offer = self.reserve(now, call, (agent, together), queue_ix);
            let endpoint =
                self.agents.get(agent).and_then(|a| a.endpoints.last().copied()).unwrap_or_default();
            let (jointly, chosen) = (jointly.clone(), user.clone());
            let decision = Box::new(Decision { chosen, passed, jointly, ..decision.clone() });
            self.touch(now, agent, out);
            if !consult {
                let (queue, waited_ms) = (decision.queue.clone(), decision.waited_ms);
                let user = user.clone();
                out.push(Output::Event(AcdEvent::Offered { offer, call, queue, user, waited_ms, passed }));
            }
            let user = user.to_string();
            out.push(Output::Offer { offer, call, user, endpoint, callback, decision });
            if let Some(queue) = self.queues.get_mut(queue_ix) {
                queue.last = Some(agent);
            }
        }
        self.line.take(kind_ix, place);
        self.line.put(kind_ix, place, call, true);
        self.arm(now, call);
    }

    /// The best, and as many more as make it certain enough that somebody comes: where phones are let ring, several ring at
    /// once, and who is away costs the caller nothing. `balanced` only, and only while nobody else waits for who is free.
    fn enough(&self, now: Now, best: &[Scored], one_phone: bool) -> Vec<usize> {
        let balanced = best.first().is_some_and(|b| b.3.is_some());
        let most = if balanced && !one_phone { RING_AT_ONCE_MAX } else { 1 };
        let mut nobody_comes = 1.0;
        let needed = |agent: &usize| {
            let more = nobody_comes > NOBODY_COMES;
            nobody_comes *= self.agents.get(*agent).map_or(0.0, |a| a.missed.value());
            more
        };
        let mut chosen: Vec<usize> = best.iter().take(most).map(|b| b.2).take_while(needed).collect();
        if chosen.len() > 1 {
            let rows = self.line.first_rows(now, &self.free, 2).into_iter();
            let waits =
                rows.filter_map(|ix| self.line.kinds.get(ix)).map(|kind| kind.waiting().take(2).count());
            chosen.truncate(if waits.sum::<usize>() > 1 { 1 } else { most });
        }
        chosen
    }

    /// The record of a decision, but for who was chosen.
    fn decision(
        &self,
        now: Now,
        kind_ix: usize,
        place: (Now, u64),
        best: &[Scored],
        count: usize,
    ) -> Option<Decision> {
        let kind = self.line.kinds.get(kind_ix)?;
        let queue = self.queues.get(kind.key.queue)?;
        let eligible = best.iter().take(DECISION_NAMED_MAX).filter_map(|(cost, idle, ix, parts)| {
            Some(Candidate {
                user: self.agents.get(*ix)?.user.clone(),
                idle_ms: idle.0,
                cost: *cost,
                parts: *parts,
            })
        });
        // Those who could have had it but for what they are doing come first.
        let mut engaged = kind.fit.iter().filter(|a| !self.free.has(*a));
        let mut excluded: Vec<Excluded> = Vec::new();
        let name = |ix: usize, excluded: &mut Vec<Excluded>| {
            let agent =
                self.agents.get(ix).filter(|a| a.configured && !self.free.has(ix) | !kind.fit.has(ix));
            excluded.extend(agent.map(|a| Excluded { user: a.user.clone(), why: self.why(ix, a, kind) }));
        };
        while let Some(ix) = engaged.next().filter(|_| excluded.len() < DECISION_NAMED_MAX) {
            name(ix, &mut excluded);
        }
        let others = (0..self.agents.len().min(2 * DECISION_NAMED_MAX)).filter(|ix| !kind.fit.has(*ix));
        for ix in others {
            if excluded.len() < DECISION_NAMED_MAX {
                name(ix, &mut excluded);
            }
        }
        let nobody: Name = queue.name.clone();
        Some(Decision {
            queue: queue.name.clone(),
            chosen: nobody,
            strategy: queue.setup.strategy,
            ring: kind.key.ring,
            waited_ms: now.since(place.0).as_millis() as u64,
            score: kind.score(now, place.0),
            eligible: eligible.collect(),
            eligible_count: count as u32,
            excluded,
            excluded_count: self.agents.len().saturating_sub(count) as u32,
            passed: None,
            jointly: Vec::new(),
        })
    }

    fn why(&self, ix: usize, agent: &Agent, kind: &Kind) -> Why {
        if !kind.fit.has(ix) {
            return match () {
                () if kind.key.without.contains(&ix) => Why::Excluded,
                () if kind.key.only.is_some() => Why::NotAsked,
                () if agent.queues.has(kind.key.queue) => Why::Skill,
                () => Why::NotServing,
            };
        }
        match agent.shown {
            State::Offline => Why::Offline,
            State::NotReady(reason) => Why::NotReady(reason),
            State::Reserved { .. } => Why::Reserved,
            State::Ringing { .. } => Why::Ringing,
            State::Talking { .. } => Why::Talking,
            State::Held { .. } => Why::Held,
            State::WrapUp => Why::WrapUp,
            State::Ready => agent.after.map_or(Why::Leaving, |r: NotReady| Why::NotReady(r)),
        }
    }
}

/// What was decided already when an offer is made.
struct Forced {
    agent: usize,
    passed: Option<Passed>,
    jointly: Vec<(CallId, Name)>,
}
