//! Callers who wait: they come in, keep their place, see their requirements relax, are told where they are, and go.
//!
//! One timer a call: the earliest of all that it is to see. Nothing of it changes who was there first.

use super::event::{AcdEvent, MoveTo, OfferEnd, Output, Request};
use super::line::{Key, Place};
use super::memory;
use super::name::Name;
use super::router::{Acd, Due, Waiting, refuse};
use super::setup::QueueSetup;
use super::skills::Requirement;
use crate::base::{CallId, Now};
use std::time::Duration;

/// The first announcement of the place comes this soon.
const FIRST_ANNOUNCEMENT: Duration = Duration::from_millis(500);

impl Waiting {
    /// Waits from now on for nothing but an agent and its first announcement.
    pub(super) fn new(kind: usize, place: Place, now: Now) -> Waiting {
        Waiting {
            kind,
            place,
            entered: now,
            offers: Vec::new(),
            parked: None,
            long_rung: false,
            alone_until: None,
            relax: Vec::new(),
            announce: now + FIRST_ANNOUNCEMENT,
            comfort: None,
            comforts: 0,
            asked: false,
            told: None,
            number: None,
            consult: false,
            callback: None,
        }
    }

    /// Is not to be offered now: a phone rings for it, or it pauses.
    pub(super) fn is_aside(&self) -> bool {
        self.parked.is_some() || !(self.offers.is_empty() || self.long_rung)
    }
}

impl Acd {
    pub(super) fn enqueue(&mut self, now: Now, call: CallId, request: Request, out: &mut Vec<Output>) {
        if self.waiting.contains_key(&call) || self.talks.contains_key(&call) {
            return refuse(out, format!("call {} waits or talks already", call.0));
        }
        let Some(queue) = self.queue_index.get(request.queue.as_str()).copied() else {
            refuse(out, format!("no queue named `{}`", request.queue));
            return self.turn_away(call, None, out);
        };
        let only = request.agent.as_ref().map(|user| self.agent_index.get(user.as_str()).copied());
        if only == Some(None) {
            refuse(out, format!("no agent `{}`", request.agent.unwrap_or_default()));
            return self.turn_away(call, Some(queue), out);
        }
        let Some(q) = self.queues.get_mut(queue) else { return };
        q.arrivals.count(now);
        if !request.consult {
            let again = request.arrived.is_some();
            out.push(Output::Event(AcdEvent::Queued { call, queue: q.name.clone(), again }));
        }
        self.next += 1;
        let place = (request.arrived.unwrap_or(now).min(now), self.next);
        let without = request.exclude.iter().filter_map(|u| self.agent_index.get(u.as_str()).copied());
        let mut key = Key {
            queue,
            ring: 0,
            priority: request.priority.unwrap_or(q.setup.priority),
            front: false,
            require: request.require.as_ref().map(|r| r.text().clone()),
            only: only.flatten(),
            without: without.collect(),
        };
        key.without.sort_unstable();
        let mut waiting = Waiting::new(usize::MAX, place, now);
        waiting.relax = request.relax;
        waiting.comfort = q.setup.comfort_every.map(|every| now + every);
        waiting.number = request.number.as_ref().map(|n| memory::hash(n.reveal()));
        waiting.consult = request.consult;
        waiting.relax.reverse();
        self.admit(now, call, waiting, key, request.require.as_ref(), request.preferred.as_deref(), out);
    }

    /// Whoever the caller is to be kept for a while: named, or the last who served its number. Only if that agent fits and
    /// is at work.
    fn preferred(
        &self,
        now: Now,
        key: &Key,
        named: Option<&str>,
        number: Option<u64>,
        fit: &super::bits::Bits,
    ) -> Option<usize> {
        let remember = self.queues.get(key.queue)?.setup.remember;
        let last = || {
            let (agent, at) = self.memory.last(number?)?;
            (now.since(at) < remember).then_some(agent)
        };
        let agent = named.and_then(|user| self.agent_index.get(user).copied()).or_else(last)?;
        let at_work = self.agents.get(agent).is_some_and(|a| {
            !self.by_state[0].has(agent) && !self.by_state[1].has(agent) && a.after.is_none()
        });
        (key.only.is_none() && at_work && fit.has(agent)).then_some(agent)
    }

    /// Puts a call into its first row.
    #[allow(clippy::too_many_arguments, reason = "what a request comes to, once")]
    fn admit(
        &mut self,
        now: Now,
        call: CallId,
        mut waiting: Waiting,
        mut key: Key,
        require: Option<&Requirement>,
        preferred: Option<&str>,
        out: &mut Vec<Output>,
    ) {
        let Some(kind) = self.kind(&key, require) else {
            refuse(out, "too many kinds of calls wait".to_owned());
            return self.turn_away(call, Some(key.queue), out);
        };
        waiting.kind = kind;
        if !waiting.consult
            && let Some(kind) = self.line.kinds.get_mut(kind)
        {
            kind.arrivals.count(now);
        }
        let fit = self.line.kinds.get(kind).map(|k| k.fit.clone()).unwrap_or_default();
        if let Some(agent) = self.preferred(now, &key, preferred, waiting.number, &fit)
            && let Some(head_start) = self.queues.get(key.queue).map(|q| q.setup.head_start)
        {
            key.only = Some(agent);
            if let Some(kind) = self.kind(&key, require) {
                (waiting.kind, waiting.alone_until) = (kind, Some(now + head_start));
            }
        }
        self.waiting.insert(call, waiting);
        self.overflow_on_arrival(now, call, out);
        self.replace(now, call);
    }

    /// The row for a key.
    pub(super) fn kind(&mut self, key: &Key, require: Option<&Requirement>) -> Option<usize> {
        let (queues, agents) = (&self.queues, &self.agents);
        let setup = &queues.get(key.queue)?.setup;
        self.line.kind(key.clone(), require, setup, |key| {
            super::choose::fits(queues, agents, &self.queue_index, key, require)
        })
    }

    /// Puts a waiting call into its row anew, by what it is now: to be offered, or aside.
    pub(super) fn replace(&mut self, now: Now, call: CallId) {
        let Some(waiting) = self.waiting.get(&call) else { return };
        let aside = waiting.is_aside();
        self.line.take(waiting.kind, waiting.place);
        self.line.put(waiting.kind, waiting.place, call, aside);
        if !aside {
            self.arrived.push(call);
        }
        self.arm(now, call);
    }

    /// Changes a waiting call's kind; its requirement, too, if one is given.
    pub(super) fn rekind(
        &mut self,
        now: Now,
        call: CallId,
        require: Option<Requirement>,
        change: impl FnOnce(&mut Key),
    ) {
        let Some(waiting) = self.waiting.get(&call) else { return };
        let (old, place) = (waiting.kind, waiting.place);
        let Some(kind) = self.line.kinds.get(old) else { return };
        let (mut key, require) = (kind.key.clone(), require.or_else(|| kind.require.clone()));
        change(&mut key);
        key.require = require.as_ref().map(|r| r.text().clone());
        let Some(new) = self.kind(&key, require.as_ref()) else { return };
        self.line.take(old, place);
        if let Some(waiting) = self.waiting.get_mut(&call) {
            waiting.kind = new;
        }
        self.replace(now, call);
    }

    /// Takes a caller out of the line and clears its timer. Its offers must have ended, or end with `CallerGone`.
    pub(super) fn take(&mut self, call: CallId) -> Option<Waiting> {
        self.timers.clear(Due::Call(call));
        let waiting = self.waiting.remove(&call)?;
        self.line.take(waiting.kind, waiting.place);
        Some(waiting)
    }

    /// Takes a caller out of the line, and stops what rings for it.
    pub(super) fn take_and_stop(&mut self, now: Now, call: CallId, out: &mut Vec<Output>) -> Option<Waiting> {
        let waiting = self.take(call)?;
        for offer in &waiting.offers {
            self.end_offer(now, *offer, OfferEnd::CallerGone, out);
        }
        Some(waiting)
    }

    pub(super) fn caller_gone(&mut self, now: Now, call: CallId, out: &mut Vec<Output>) {
        if self.waiting.get(&call).is_some_and(|w| w.callback.is_some()) {
            return;
        }
        if let Some(waiting) = self.take_and_stop(now, call, out)
            && let Some(queue) = self.queue_of(&waiting).filter(|_| !waiting.consult)
        {
            let waited = now.since(waiting.place.0);
            let (short, within) = (waited < queue.1.short_abandon, waited <= queue.1.target.within);
            let (queue, waited_ms) = (queue.0.clone(), waited.as_millis() as u64);
            out.push(Output::Event(AcdEvent::Abandoned { call, queue, waited_ms, short, within }));
        }
        self.talk_ended(now, call, false, out);
    }

    pub(super) fn queue_of(&self, waiting: &Waiting) -> Option<(&Name, &QueueSetup)> {
        let queue = self.queues.get(self.line.kinds.get(waiting.kind)?.key.queue)?;
        Some((&queue.name, &queue.setup))
    }

    pub(super) fn move_call(
        &mut self,
        now: Now,
        call: CallId,
        to: MoveTo,
        reason: &str,
        out: &mut Vec<Output>,
    ) {
        let Some(waiting) = self.waiting.get(&call) else {
            return refuse(out, format!("call {} does not wait", call.0));
        };
        let Some((from, _)) = self.queue_of(waiting) else { return };
        let (from, consult) = (from.clone(), waiting.consult);
        match to {
            MoveTo::Front => {
                self.rekind(now, call, None, |key| key.front = true);
                if !consult {
                    out.push(Output::Event(AcdEvent::ToFront { call, queue: from, why: reason.into() }));
                }
            }
            MoveTo::Queue(name) => match self.queue_index.get(name.as_str()).copied() {
                Some(to) => self.change_queue(now, call, to, reason.into(), out),
                None => refuse(out, format!("no queue named `{name}`")),
            },
        }
    }

    /// To another queue, in the place that it has by its arrival. What rings for it stops.
    pub(super) fn change_queue(
        &mut self,
        now: Now,
        call: CallId,
        to: usize,
        why: Name,
        out: &mut Vec<Output>,
    ) {
        let Some(mut waiting) = self.take_and_stop(now, call, out) else { return };
        let Some(kind) = self.line.kinds.get(waiting.kind) else { return };
        let (mut key, require) = (kind.key.clone(), kind.require.clone());
        let (Some(from), Some(queue)) = (self.queues.get(key.queue), self.queues.get(to)) else { return };
        if !waiting.consult {
            let waited_ms = now.since(waiting.place.0).as_millis() as u64;
            let (from, to) = (from.name.clone(), queue.name.clone());
            out.push(Output::Event(AcdEvent::Moved { call, from, to, waited_ms, why }));
        }
        if waiting.alone_until.take().is_some() {
            key.only = None;
        }
        (key.queue, key.ring) = (to, 0);
        waiting.offers.clear();
        (waiting.entered, waiting.parked, waiting.long_rung) = (now, None, false);
        waiting.comfort = queue.setup.comfort_every.map(|every| now + every);
        if let Some(kind) = self.kind(&key, require.as_ref()) {
            waiting.kind = kind;
        }
        self.waiting.insert(call, waiting);
        self.replace(now, call);
    }
}
