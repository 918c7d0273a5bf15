//! Offers: a lease on an agent for a call. Each way an offer can end leaves both in a defined state:
//!
//! | end                 | agent                                   | call                                        |
//! |---------------------|-----------------------------------------|---------------------------------------------|
//! | answered            | talking                                 | talking                                     |
//! | no-answer           | not-ready (no-answer)¹                  | back in its place                           |
//! | rejected, busy      | not-ready for ten seconds¹              | back in its place                           |
//! | no-port             | not-ready for ten seconds               | back in its place                           |
//! | unreachable         | not-ready until it registers anew       | back in its place                           |
//! | unregistered        | offline                                 | back in its place                           |
//! | caller-gone         | as before, its idle time kept           | gone, moved, or overflowed                  |
//! | answered-elsewhere  | as before, its idle time kept           | talking with the other                      |
//!
//! With `balanced` a phone that rings for long is likely not to be answered (`Queue::long_ring`): the call is back in its
//! place, and the next agent who is free for it is offered it, too. The first to answer has it; the other missed it. Where
//! agents often let their phones ring, several ring from the start (`Acd::enough`), as with ring-all: who was only slower stays
//! ready, and so does who did not come.
//!
//! ¹ as before with ring-all, where the call pauses for a moment when the last phone has stopped; and after no answer where
//! several rang from the start. What the agent asked for while it rang (a break) counts more than the table.

use super::agent::{NotReady, Phase, Presence};
use super::event::{AcdEvent, OfferEnd, OfferFailure, OfferId, Output};
use super::router::{Acd, Due, Offer, Talk};
use super::setup::Strategy;
use crate::base::{CallId, Now};
use std::time::Duration;

/// How long a rejected or busy agent is left alone.
const RETRY: Duration = Duration::from_secs(10);
/// Between two rounds of ring-all.
const RING_ALL_PAUSE: Duration = Duration::from_secs(5);

impl Acd {
    /// Takes the lease: from now on the agent is this call's until the offer ends.
    pub(super) fn reserve(
        &mut self,
        now: Now,
        call: CallId,
        (agent, together): (usize, bool),
        queue: usize,
    ) -> OfferId {
        self.next += 1;
        let offer = OfferId(self.next);
        let q = self.queues.get(queue);
        let ring = q.map_or(RETRY, |q| q.setup.ring);
        let missed = self.agents.get(agent).map_or(0.0, |a| a.missed.value());
        let again = q.filter(|q| q.setup.strategy == Strategy::Balanced).map(|q| now + q.long_ring(missed));
        if let Some(waiting) = self.waiting.get_mut(&call) {
            waiting.offers.push(offer);
            let one_phone = waiting.consult || waiting.callback.is_some();
            (waiting.parked, waiting.long_rung) = (again.filter(|_| !one_phone), false);
        }
        self.timers.set(Due::Lease(offer), now + ring);
        self.offers.insert(offer, Offer { call, agent, queue, since: now, together });
        if let Some(agent) = self.agents.get_mut(agent) {
            agent.hands.push((call, Phase::Reserved(offer)));
        }
        offer
    }

    /// The offer that an agent holds.
    pub(super) fn offer_of(&self, agent: usize) -> Option<OfferId> {
        self.agents.get(agent)?.hands.iter().find_map(|(_, phase)| match phase {
            Phase::Reserved(offer) | Phase::Ringing(offer) => Some(*offer),
            Phase::Talking | Phase::Held => None,
        })
    }

    pub(super) fn rings(&mut self, now: Now, offer: OfferId, out: &mut Vec<Output>) {
        let Some((call, agent)) = self.offers.get(&offer).map(|o| (o.call, o.agent)) else { return };
        self.set_phase(agent, call, Phase::Ringing(offer));
        self.touch(now, agent, out);
    }

    fn set_phase(&mut self, agent: usize, call: CallId, phase: Phase) {
        let hands = self.agents.get_mut(agent).into_iter().flat_map(|a| &mut a.hands);
        hands.filter(|(c, _)| *c == call).for_each(|(_, p)| *p = phase);
    }

    pub(super) fn answered(&mut self, now: Now, offer: OfferId, out: &mut Vec<Output>) {
        let Some(&Offer { call, agent, queue, since, .. }) = self.offers.get(&offer) else { return };
        self.queues.get_mut(queue).into_iter().for_each(|q| q.picked_up(now.since(since)));
        let others: Vec<OfferId> = self.waiting.get(&call).map(|w| w.offers.clone()).unwrap_or_default();
        for other in others.into_iter().filter(|o| *o != offer) {
            self.end_offer(now, other, OfferEnd::AnsweredElsewhere, out);
        }
        self.end_offer(now, offer, OfferEnd::Answered, out);
        let Some(was) = self.take(call) else { return };
        if let Some(agent) = self.agents.get_mut(agent) {
            agent.calls += 1;
        }
        self.set_phase(agent, call, Phase::Talking);
        self.touch(now, agent, out);
        if let Some(q) = self.queues.get_mut(queue) {
            q.longest.see(now, now.since(was.place.0).as_secs_f64());
        }
        if let Some(number) = was.number {
            self.memory.note(now, number, agent);
        }
        if let (false, Some(q), Some(a)) = (was.consult, self.queues.get(queue), self.agents.get(agent)) {
            let waited_ms = now.since(was.place.0).as_millis() as u64;
            let within_ms = q.setup.target.within.as_millis() as u64;
            let (queue, user, callback) = (q.name.clone(), a.user.clone(), was.callback.is_some());
            let answered = AcdEvent::Answered { call, queue, user, waited_ms, within_ms, callback };
            out.push(Output::Event(answered));
        }
        let was = Box::new(was);
        let talk = Talk { agent, queue, since: now, held_since: None, held: Duration::ZERO, was };
        self.talks.insert(call, talk);
    }

    pub(super) fn failed(&mut self, now: Now, offer: OfferId, why: OfferFailure, out: &mut Vec<Output>) {
        let how = match why {
            OfferFailure::NoAnswer => OfferEnd::NoAnswer,
            OfferFailure::Rejected => OfferEnd::Rejected,
            OfferFailure::Busy => OfferEnd::Busy,
            OfferFailure::Unreachable => OfferEnd::Unreachable,
            OfferFailure::NoPort => OfferEnd::NoPort,
        };
        self.end_offer(now, offer, how, out);
    }

    /// Nobody answered in time.
    pub(super) fn lease_over(&mut self, now: Now, offer: OfferId, out: &mut Vec<Output>) {
        self.withdraw(offer, out);
        self.end_offer(now, offer, OfferEnd::NoAnswer, out);
    }

    fn withdraw(&self, offer: OfferId, out: &mut Vec<Output>) {
        if let Some(found) = self.offers.get(&offer)
            && let Some(agent) = self.agents.get(found.agent)
        {
            out.push(Output::Withdraw { offer, call: found.call, user: agent.user.to_string() });
        }
    }

    /// Ends an offer by the table above. A phone that still rings is stopped.
    pub(super) fn end_offer(&mut self, now: Now, offer: OfferId, how: OfferEnd, out: &mut Vec<Output>) {
        if matches!(how, OfferEnd::CallerGone | OfferEnd::AnsweredElsewhere | OfferEnd::Unregistered) {
            self.withdraw(offer, out);
        }
        let Some(Offer { call, agent: ix, queue, since, together }) = self.offers.remove(&offer) else {
            return;
        };
        self.timers.clear(Due::Lease(offer));
        let (Some(agent), Some(q)) = (self.agents.get_mut(ix), self.queues.get(queue)) else { return };
        let (user, queue) = (agent.user.clone(), q.name.clone());
        out.push(Output::Event(AcdEvent::OfferEnded { offer, user, queue, how }));
        match how {
            OfferEnd::Answered => agent.missed.count(0.0),
            OfferEnd::NoAnswer | OfferEnd::Rejected | OfferEnd::Busy | OfferEnd::Unreachable => {
                agent.missed.count(1.0);
            }
            // Another who was rung later was quicker.
            OfferEnd::AnsweredElsewhere
                if q.setup.strategy == Strategy::Balanced
                    && now.since(since) >= q.long_ring(agent.missed.value()) =>
            {
                agent.missed.count(1.0);
            }
            // Another was quicker; how likely it is that this one would not have come at all.
            OfferEnd::AnsweredElsewhere if q.setup.strategy == Strategy::Balanced => {
                let missed = agent.missed.value();
                agent.missed.count(q.not_coming(missed, now.since(since)));
            }
            OfferEnd::NoPort
            | OfferEnd::CallerGone
            | OfferEnd::AnsweredElsewhere
            | OfferEnd::Unregistered => {}
        }
        if how == OfferEnd::Answered {
            return;
        }
        agent.hands.retain(|(c, _)| *c != call);
        let ring_all = q.setup.strategy == Strategy::RingAll;
        let reason = match how {
            OfferEnd::NoAnswer if !ring_all && !together => Some(NotReady::NoAnswer),
            OfferEnd::Rejected if !ring_all => Some(NotReady::Rejected),
            OfferEnd::Busy if !ring_all => Some(NotReady::Busy),
            OfferEnd::NoPort => Some(NotReady::NoPort),
            OfferEnd::Unreachable => Some(NotReady::Unreachable),
            _ => None,
        };
        let idle_since = agent.idle_since;
        match reason {
            Some(reason) if agent.hands.is_empty() && agent.is_present() && agent.configured => {
                let asked_for = agent.after.take();
                agent.presence = Presence::NotReady(asked_for.unwrap_or(reason));
                if asked_for.is_none() && reason.passes() {
                    self.timers.set(Due::Rest(ix), now + RETRY);
                }
            }
            // Still talking with another caller: no more calls for the same time.
            Some(reason) if !agent.hands.is_empty() && agent.after.is_none() => {
                agent.after = Some(reason);
                if reason.passes() {
                    self.timers.set(Due::Rest(ix), now + RETRY);
                }
            }
            _ => self.rest(now, ix, out),
        }
        self.touch(now, ix, out);
        if reason.is_none()
            && let Some(agent) = self.agents.get_mut(ix)
        {
            // Being rung for nothing costs no place.
            agent.idle_since = idle_since;
        }
        let pause = ring_all && how != OfferEnd::CallerGone;
        self.give_back(now, call, offer, pause.then_some(now + RING_ALL_PAUSE));
    }

    /// The call is back in its place, when no other phone rings for it.
    fn give_back(&mut self, now: Now, call: CallId, offer: OfferId, pause: Option<Now>) {
        let Some(waiting) = self.waiting.get_mut(&call) else { return };
        waiting.offers.retain(|o| *o != offer);
        if waiting.offers.is_empty() {
            (waiting.parked, waiting.long_rung) = (pause, false);
            self.replace(now, call);
        }
    }

    pub(super) fn held(&mut self, now: Now, call: CallId, on: bool, out: &mut Vec<Output>) {
        let Some(talk) = self.talks.get_mut(&call) else { return };
        match (on, talk.held_since) {
            (true, None) => talk.held_since = Some(now),
            (false, Some(since)) => {
                talk.held += now.since(since);
                talk.held_since = None;
            }
            _ => return,
        }
        let agent = talk.agent;
        self.set_phase(agent, call, if on { Phase::Held } else { Phase::Talking });
        self.touch(now, agent, out);
    }

    pub(super) fn talk_ended(&mut self, now: Now, call: CallId, transfer: bool, out: &mut Vec<Output>) {
        let Some(talk) = self.talks.remove(&call) else { return };
        let talked = now.since(talk.since);
        let hold = talk.held + talk.held_since.map_or(Duration::ZERO, |since| now.since(since));
        if let (Some(agent), Some(queue)) = (self.agents.get_mut(talk.agent), self.queues.get_mut(talk.queue))
        {
            agent.hands.retain(|(c, _)| *c != call);
            if !talk.was.consult {
                queue.handle.count((talked + queue.setup.wrap_up).as_secs_f64());
                let (user, queue) = (agent.user.clone(), queue.name.clone());
                let (talk_ms, hold_ms) =
                    (talked.saturating_sub(hold).as_millis() as u64, hold.as_millis() as u64);
                out.push(Output::Event(AcdEvent::TalkEnded {
                    call,
                    queue,
                    user,
                    talk_ms,
                    hold_ms,
                    transfer,
                }));
            }
        }
        self.wrap_up(now, talk.agent, talk.queue, out);
    }
}
