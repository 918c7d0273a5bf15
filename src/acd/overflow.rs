//! What a waiting call sees as time passes, by one timer: the end of a pause or of a head start, relaxation, overflow,
//! announcements. And callbacks: places in the line without a caller on the line.

use super::event::{AcdEvent, Output, OverflowWhy};
use super::router::{Acd, Due, refuse};
use super::setup::{Destination, OverflowRule, When};
use super::{estimate, memory};
use crate::base::{CallId, Now, Pii};
use crate::limits::ACD_WAITING_MAX;
use std::time::Duration;

/// Rules about the estimate and about who is signed in are looked at this often for those who wait.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How many agents serve a queue is counted this often.
const ABLE_EVERY: Duration = Duration::from_secs(5);

impl Acd {
    /// Sets the call's timer to whatever comes first.
    pub(super) fn arm(&mut self, now: Now, call: CallId) {
        let Some(w) = self.waiting.get(&call) else { return };
        let Some(kind) = self.line.kinds.get(w.kind) else { return };
        let Some(q) = self.queues.get(kind.key.queue) else { return };
        let rules = &q.setup.overflow;
        let looks = rules.iter().any(|r| matches!(r.when, When::Estimated(_) | When::NoAgents));
        let waited = rules
            .iter()
            .filter_map(|r| if let When::Waited(after) = r.when { Some(w.entered + after) } else { None });
        let told = w.callback.is_none();
        let times = [
            w.parked,
            w.alone_until,
            q.setup.rings.get(usize::from(kind.key.ring)).map(|ring| w.entered + ring.after),
            w.relax.last().map(|(after, _)| w.entered + *after),
            told.then_some(w.entered + q.setup.max_wait),
            told.then_some(w.announce),
            w.comfort.filter(|_| told),
            (looks && told).then_some(now + LOOK_EVERY),
        ];
        let first = times.into_iter().flatten().chain(waited.filter(|at| told && *at > now)).min();
        match first {
            Some(at) => self.timers.set(Due::Call(call), at),
            None => self.timers.clear(Due::Call(call)),
        }
    }

    /// Something is due for a waiting call.
    pub(super) fn call_due(&mut self, now: Now, call: CallId, out: &mut Vec<Output>) {
        if self.waiting.get(&call).is_some_and(|w| w.parked.is_some_and(|at| at <= now)) {
            self.waiting.entry(call).and_modify(|w| (w.parked, w.long_rung) = (None, !w.offers.is_empty()));
            self.replace(now, call);
        }
        self.relax(now, call);
        self.overflow_on_time(now, call, out);
        self.announce(now, call, out);
        self.arm(now, call);
    }

    /// The head start is over, or a step of relaxation is due.
    fn relax(&mut self, now: Now, call: CallId) {
        let Some(w) = self.waiting.get_mut(&call) else { return };
        if w.alone_until.is_some_and(|at| at <= now) {
            w.alone_until = None;
            self.rekind(now, call, None, |key| key.only = None);
        }
        let Some(w) = self.waiting.get_mut(&call) else { return };
        let entered = w.entered;
        let mut weaker = None;
        while let Some((_, next)) = w.relax.pop_if(|(after, _)| entered + *after <= now) {
            weaker = Some(next);
        }
        let Some(kind) = self.line.kinds.get(w.kind) else { return };
        let rings = self.queues.get(kind.key.queue).map_or(&[][..], |q| &q.setup.rings);
        let ring = rings.iter().filter(|r| entered + r.after <= now).count() as u8;
        if weaker.is_some() || ring > kind.key.ring {
            self.rekind(now, call, weaker, |key| key.ring = ring);
        }
    }

    /// Rules that are looked at when a caller comes; the bounds, too.
    pub(super) fn overflow_on_arrival(&mut self, now: Now, call: CallId, out: &mut Vec<Output>) {
        // From queue to queue at most once each: a circle of rules ends with the closing message.
        for _ in 0..=self.queues.len() {
            let Some((queue, length, served)) = self.waiting.get(&call).and_then(|w| {
                let kind = self.line.kinds.get(w.kind)?;
                Some((kind.key.queue, self.line.length(kind.key.queue), kind.fit.meets(&self.free)))
            }) else {
                return;
            };
            let Some(q) = self.queues.get(queue) else { return };
            let closed = !q.open || q.draining;
            // Whom an agent is free for needs no place to wait.
            let full = !served && q.setup.places.is_some_and(|places| length >= places);
            let rules = self.rules(call, queue);
            let found = rules.into_iter().find_map(|rule| {
                let why = match rule.when {
                    When::Longer(than) if length >= than || full => OverflowWhy::Longer,
                    When::Closed if closed => OverflowWhy::Closed,
                    When::NoAgents | When::Estimated(_) => self.holds_now(now, call, rule.when)?,
                    _ => return None,
                };
                Some((rule.to, why))
            });
            let full = full || self.waiting.len() > ACD_WAITING_MAX;
            let bound = match (closed, full) {
                (true, _) => Some((Destination::Closing, OverflowWhy::Closed)),
                (_, true) => Some((Destination::Closing, OverflowWhy::Full)),
                _ => None,
            };
            match found.or(bound) {
                Some((to, why)) if !self.overflow(now, call, &to, why, out) => {}
                _ => return,
            }
        }
        self.overflow(now, call, &Destination::Closing, OverflowWhy::Full, out);
    }

    /// Rules that are looked at while a caller waits. A callback waits as long as it takes.
    fn overflow_on_time(&mut self, now: Now, call: CallId, out: &mut Vec<Output>) {
        let Some(w) = self.waiting.get(&call).filter(|w| w.callback.is_none()) else { return };
        let Some(queue) = self.line.kinds.get(w.kind).map(|kind| kind.key.queue) else { return };
        let Some(setup) = self.queues.get(queue).map(|q| &q.setup) else { return };
        let waited = now.since(w.entered);
        let rung = !w.offers.is_empty();
        let at_last = waited >= setup.max_wait;
        let rules = self.rules(call, queue);
        let found = rules.into_iter().find_map(|rule| {
            let why = match rule.when {
                When::Waited(after) if waited >= after => OverflowWhy::Waited,
                // A phone rings: the wait is as good as over.
                When::NoAgents | When::Estimated(_) if !rung => self.holds_now(now, call, rule.when)?,
                _ => return None,
            };
            Some((rule.to, why))
        });
        if let Some((to, why)) = found.or(at_last.then_some((Destination::Closing, OverflowWhy::Waited))) {
            self.overflow(now, call, &to, why, out);
        }
    }

    fn holds_now(&mut self, now: Now, call: CallId, when: When) -> Option<OverflowWhy> {
        match when {
            When::NoAgents => {
                let kind = self.line.kinds.get(self.waiting.get(&call)?.kind)?;
                (kind.fit.count_and(&self.by_state[0]) == kind.fit.count()).then_some(OverflowWhy::NoAgents)
            }
            When::Estimated(longest) => {
                let (_, wait) = self.place_and_wait(now, call)?;
                (Duration::from_secs(wait?.likely_s.into()) > longest).then_some(OverflowWhy::Estimated)
            }
            When::Waited(_) | When::Longer(_) | When::Closed => None,
        }
    }

    /// The rules that a call is subject to: it is asked once whether it wants to be called back.
    fn rules(&self, call: CallId, queue: usize) -> Vec<OverflowRule> {
        let asked = self.waiting.get(&call).is_some_and(|w| w.asked);
        let rules = self.queues.get(queue).map(|q| q.setup.overflow.clone()).unwrap_or_default();
        rules.into_iter().filter(|r| !asked || r.to != Destination::Callback).collect()
    }

    /// Sends a caller on. False if there is another queue's rules to look at now.
    fn overflow(
        &mut self,
        now: Now,
        call: CallId,
        to: &Destination,
        why: OverflowWhy,
        out: &mut Vec<Output>,
    ) -> bool {
        if let Destination::Queue(name) = to
            && let Some(queue) = self.queue_index.get(name).copied()
        {
            let word = serde_json::to_value(why).ok().and_then(|w| w.as_str().map(super::Name::from));
            self.change_queue(now, call, queue, word.unwrap_or_else(|| "overflow".into()), out);
            return false;
        }
        if *to == Destination::Callback {
            // It waits on while it is asked, and after a no.
            self.waiting.entry(call).and_modify(|w| w.asked = true);
            out.push(Output::Overflow { call, to: to.clone(), why });
            return true;
        }
        let Some(waiting) = self.take_and_stop(now, call, out) else { return true };
        if let Some((queue, _)) = self.queue_of(&waiting).filter(|_| !waiting.consult) {
            let waited_ms = now.since(waiting.place.0).as_millis() as u64;
            let (queue, to) = (queue.clone(), to.clone());
            out.push(Output::Event(AcdEvent::Overflowed { call, queue, waited_ms, to, why }));
        }
        out.push(Output::Overflow { call, to: to.clone(), why });
        true
    }

    /// A caller who cannot even wait.
    pub(super) fn turn_away(&self, call: CallId, queue: Option<usize>, out: &mut Vec<Output>) {
        let (to, why) = (Destination::Closing, OverflowWhy::Closed);
        if let Some(queue) = queue.and_then(|q| self.queues.get(q)) {
            let (queue, to) = (queue.name.clone(), to.clone());
            out.push(Output::Event(AcdEvent::Queued { call, queue: queue.clone(), again: false }));
            out.push(Output::Event(AcdEvent::Overflowed { call, queue, waited_ms: 0, to, why }));
        }
        out.push(Output::Overflow { call, to, why });
    }

    /// The caller's place among those who wait for the same queue, and comfort. On schedule, and only while nobody's phone
    /// rings for the caller: a voice just before the agent answers would be in the way.
    fn announce(&mut self, now: Now, call: CallId, out: &mut Vec<Output>) {
        let Some(w) = self.waiting.get(&call).filter(|w| w.callback.is_none()) else { return };
        let Some((_, setup)) = self.queue_of(w) else { return };
        let (every, comfort_every, tell) = (setup.announce_every, setup.comfort_every, setup.announce_wait);
        let (announces, comforts) = (w.announce <= now, w.comfort.is_some_and(|at| at <= now));
        let rung = !w.offers.is_empty();
        let told = if announces && !rung { self.place_and_wait(now, call) } else { None };
        let Some(w) = self.waiting.get_mut(&call) else { return };
        if announces {
            w.announce = now + every;
        }
        if let Some((place, wait)) = told {
            // A wait that has grown since it was told is not told: the place says enough.
            let better = |e: &estimate::Estimate| w.told.is_none_or(|before| e.likely_s < before);
            let wait = wait.filter(|_| tell).filter(better);
            w.told = wait.map(|e| e.likely_s).or(w.told);
            out.push(Output::Announce { call, place, wait });
        }
        if comforts {
            w.comfort = comfort_every.map(|every| now + every);
            // Not on top of an announcement.
            if !rung && !announces {
                w.comforts += 1;
                out.push(Output::Comfort { call, nth: w.comforts });
            }
        }
    }

    /// A waiting caller's place in its queue, from 1, and how long it will wait as far as that can be said.
    pub(super) fn place_and_wait(
        &mut self,
        now: Now,
        call: CallId,
    ) -> Option<(usize, Option<estimate::Estimate>)> {
        let waiting = self.waiting.get(&call)?;
        let place = self.line.rank(now, waiting.kind, waiting.place);
        let queue = self.line.kinds.get(waiting.kind)?.key.queue;
        let able = self.able(now, queue);
        let handle = self.queues.get(queue)?.handle.seconds();
        Some((place, estimate::wait(place, handle, able)))
    }

    /// How many agents serve a queue, each for the part that the load of the other queues leaves.
    fn able(&mut self, now: Now, queue: usize) -> f64 {
        if let Some((at, able)) = self.queues.get(queue).and_then(|q| q.able)
            && now.since(at) < ABLE_EVERY
        {
            return able;
        }
        let load = |(ix, q): (usize, &super::queue::Queue)| {
            self.line.length(ix) as f64 + q.arrivals.per_s(now) * q.handle.seconds() + 1e-6
        };
        let loads: Vec<f64> = self.queues.iter().enumerate().map(load).collect();
        let of = |ix: usize| loads.get(ix).copied().unwrap_or(0.0);
        let Some(q) = self.queues.get(queue) else { return 0.0 };
        let at_work = q.serving.iter().filter(|a| !self.by_state[0].has(*a) && !self.by_state[1].has(*a));
        let share = |a: usize| {
            let agent = self.agents.get(a)?;
            let all: f64 = agent.queues.iter().map(of).sum();
            Some(agent.capacity as f64 * of(queue) / all)
        };
        let able = at_work.filter_map(share).sum();
        self.queues[queue].able = Some((now, able));
        able
    }

    pub(super) fn ask_callback(
        &mut self,
        now: Now,
        call: CallId,
        number: &Pii<String>,
        out: &mut Vec<Output>,
    ) {
        let number = memory::hash(number.reveal());
        if self.waiting.values().any(|w| w.callback.is_some() && w.number == Some(number)) {
            return refuse(out, "somebody is to be called back at this number already");
        }
        let Some(waiting) = self.waiting.get_mut(&call).filter(|w| w.callback.is_none()) else {
            return refuse(out, format!("call {} does not wait", call.0));
        };
        (waiting.callback, waiting.number) = (Some(0), Some(number));
        let rung = waiting.offers.clone();
        if let Some((queue, _)) = self.waiting.get(&call).and_then(|w| self.queue_of(w)) {
            out.push(Output::Event(AcdEvent::CallbackAsked { call, queue: queue.clone() }));
        }
        // Phones that rang for a caller on the line ring anew for a callback.
        for offer in rung {
            self.end_offer(now, offer, super::OfferEnd::CallerGone, out);
        }
        self.arm(now, call);
    }

    pub(super) fn callback_missed(&mut self, now: Now, call: CallId, out: &mut Vec<Output>) {
        let Some(talk) = self.talks.get(&call) else { return };
        let (Some(missed), Some(q)) = (talk.was.callback, self.queues.get(talk.queue)) else {
            return refuse(out, format!("call {} is no callback", call.0));
        };
        let rule = q.setup.callback;
        let (again, queue) = (missed + 1 < rule.attempts, q.name.clone());
        let Some(mut talk) = self.talks.remove(&call) else { return };
        if let Some(agent) = self.agents.get_mut(talk.agent) {
            agent.hands.retain(|(c, _)| *c != call);
        }
        self.rest(now, talk.agent, out);
        self.touch(now, talk.agent, out);
        out.push(Output::Event(AcdEvent::CallbackMissed { call, queue, again }));
        if again {
            talk.was.callback = Some(missed + 1);
            talk.was.offers.clear();
            talk.was.parked = Some(now + rule.gap);
            self.waiting.insert(call, *talk.was);
            self.replace(now, call);
        }
    }

    pub(super) fn callback_cancelled(&mut self, now: Now, call: CallId, out: &mut Vec<Output>) {
        if self.waiting.get(&call).is_none_or(|w| w.callback.is_none()) {
            return refuse(out, format!("nobody waits to be called back as call {}", call.0));
        }
        if let Some(waiting) = self.take_and_stop(now, call, out)
            && let Some((queue, _)) = self.queue_of(&waiting)
        {
            out.push(Output::Event(AcdEvent::CallbackCancelled { call, queue: queue.clone() }));
        }
    }
}
