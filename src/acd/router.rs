//! The router: agents, waiting callers, offers with leases, and one timer list.

use super::agent::{Agent, AgentView, NotReady, State};
use super::event::{Decision, Excluded, Input, OfferFailure, OfferId, Output, Setup};
use super::setup::QueueSetup;
use crate::base::{CallId, Now, Timers};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a rejected or busy agent is left alone.
const RETRY: Duration = Duration::from_secs(10);
/// The first announcement of the place comes this soon.
const FIRST_ANNOUNCEMENT: Duration = Duration::from_millis(500);

#[derive(Debug)]
struct Waiting {
    queue: String,
    since: Now,
    /// Order of arrival: the place is kept however often the call is offered.
    order: u64,
    offered: Option<OfferId>,
}

#[derive(Debug)]
struct Offer {
    call: CallId,
    user: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Lease(OfferId),
    Announce(CallId),
    MaxWait(CallId),
    /// Wrap-up, or a reason that passes; by the agent's number.
    Rest(usize),
}

/// The ACD's core.
#[derive(Debug, Default)]
pub struct Acd {
    queues: BTreeMap<String, QueueSetup>,
    agents: BTreeMap<String, Agent>,
    /// Agents' numbers for timers, stable over reloads.
    numbers: Vec<String>,
    waiting: BTreeMap<CallId, Waiting>,
    /// Who talks to whom, and in which queue (for its wrap-up time).
    talking: BTreeMap<CallId, (String, String)>,
    offers: BTreeMap<OfferId, Offer>,
    timers: Timers<Due>,
    next: u64,
}

impl Acd {
    /// An ACD with everyone offline.
    pub fn new(setup: &Setup, now: Now) -> Acd {
        let mut acd = Acd::default();
        acd.reload(setup, now, &mut Vec::new());
        acd
    }

    /// Takes a new setup: known agents keep their state and calls, unknown ones leave when their talk ends.
    pub fn reload(&mut self, setup: &Setup, now: Now, out: &mut Vec<Output>) {
        self.queues = setup.queues.iter().map(|q| (q.name.clone(), q.clone())).collect();
        for agent in self.agents.values_mut() {
            agent.queues.clear();
            agent.leaving = true;
        }
        for s in &setup.agents {
            let agent = self
                .agents
                .entry(s.user.clone())
                .or_insert_with(|| Agent::new(s.name.clone(), Vec::new(), now));
            agent.leaving = false;
            agent.name.clone_from(&s.name);
            agent.queues.clone_from(&s.queues);
            if !self.numbers.contains(&s.user) {
                self.numbers.push(s.user.clone());
            }
        }
        self.see_off();
        self.match_all(now, out);
    }

    /// Takes one input; appends what is to be done.
    pub fn step(&mut self, now: Now, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Registered { user } => self.registered(now, &user, out),
            Input::Unregistered { user } => self.unregistered(now, &user, out),
            Input::Ready { user } => self.ready(now, &user, out),
            Input::NotReady { user } => self.not_ready(now, &user, out),
            Input::Enqueue { call, queue } => self.enqueue(now, call, queue),
            Input::CallerGone { call } => self.caller_gone(now, call, out),
            Input::Answered { offer } => self.answered(now, offer, out),
            Input::Failed { offer, why } => self.failed(now, offer, why, out),
            Input::TalkEnded { call } => self.talk_ended(now, call, out),
            Input::Tick => self.tick(now, out),
        }
        self.see_off();
        self.match_all(now, out);
    }

    /// Lets those go who are no longer configured and have no call in hand.
    fn see_off(&mut self) {
        self.agents.retain(|_, a| !a.leaving || a.state.call().is_some());
    }

    /// When to be called next; `None` when nothing is pending.
    pub fn deadline(&self) -> Option<Now> {
        self.timers.next().map(|(at, _)| at)
    }

    /// Every agent, by user.
    pub fn agents(&self) -> Vec<AgentView> {
        self.agents
            .iter()
            .map(|(user, a)| AgentView {
                user: user.clone(),
                name: a.name.clone(),
                state: a.state,
                since: a.since,
                calls: a.calls,
            })
            .collect()
    }

    /// Callers who wait or are being offered, in order, with their queue and since when.
    pub fn waiting(&self) -> Vec<(CallId, String, Now)> {
        let mut all: Vec<_> = self.waiting.iter().collect();
        all.sort_by_key(|(_, w)| w.order);
        all.into_iter().map(|(call, w)| (*call, w.queue.clone(), w.since)).collect()
    }

    /// True if nobody waits, rings or talks, and no offer or timer about a call is left.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty()
            && self.talking.is_empty()
            && self.offers.is_empty()
            && self.agents.values().all(|a| a.state.call().is_none())
    }

    fn set(&mut self, now: Now, user: &str, state: State, out: &mut Vec<Output>) {
        if let Some(agent) = self.agents.get_mut(user) {
            agent.enter(now, state);
            out.push(Output::Agent { user: user.to_owned(), state });
        }
    }

    /// An agent who is done with a call goes where it belongs.
    fn rest(&mut self, now: Now, user: &str, out: &mut Vec<Output>) {
        if let Some(agent) = self.agents.get_mut(user) {
            agent.rest(now);
            out.push(Output::Agent { user: user.to_owned(), state: agent.state });
        }
    }

    fn rest_timer(&mut self, user: &str) -> Option<Due> {
        self.numbers.iter().position(|u| u == user).map(Due::Rest)
    }

    fn registered(&mut self, now: Now, user: &str, out: &mut Vec<Output>) {
        let Some(agent) = self.agents.get_mut(user) else { return };
        agent.registered = true;
        if matches!(agent.state, State::Offline | State::NotReady(NotReady::Unreachable)) {
            self.set(now, user, State::Ready, out);
        }
    }

    fn unregistered(&mut self, now: Now, user: &str, out: &mut Vec<Output>) {
        let Some(agent) = self.agents.get_mut(user) else { return };
        agent.registered = false;
        match agent.state {
            State::Ringing { call, offer } => {
                out.push(Output::Withdraw { offer, call, user: user.to_owned() });
                self.failed(now, offer, OfferFailure::Unreachable, out);
            }
            State::Talking { .. } | State::Offline => return,
            State::NotReady(_) | State::Ready | State::WrapUp => {}
        }
        if let Some(due) = self.rest_timer(user) {
            self.timers.clear(due);
        }
        self.set(now, user, State::Offline, out);
    }

    fn ready(&mut self, now: Now, user: &str, out: &mut Vec<Output>) {
        let due = self.rest_timer(user);
        let Some(agent) = self.agents.get_mut(user) else { return };
        agent.after = None;
        if matches!(agent.state, State::NotReady(_) | State::WrapUp) {
            if let Some(due) = due {
                self.timers.clear(due);
            }
            self.rest(now, user, out);
        }
    }

    fn not_ready(&mut self, now: Now, user: &str, out: &mut Vec<Output>) {
        let due = self.rest_timer(user);
        let Some(agent) = self.agents.get_mut(user) else { return };
        match agent.state {
            State::Offline => {}
            State::Ready | State::NotReady(_) | State::WrapUp => {
                if let Some(due) = due {
                    self.timers.clear(due);
                }
                self.set(now, user, State::NotReady(NotReady::Break), out);
            }
            State::Ringing { .. } | State::Talking { .. } => agent.after = Some(NotReady::Break),
        }
    }

    fn enqueue(&mut self, now: Now, call: CallId, queue: String) {
        if self.waiting.contains_key(&call) || self.talking.contains_key(&call) {
            return;
        }
        self.next += 1;
        let max_wait = self.queues.get(&queue).map_or(Duration::from_secs(600), |q| q.max_wait);
        self.timers.set(Due::MaxWait(call), now + max_wait);
        self.timers.set(Due::Announce(call), now + FIRST_ANNOUNCEMENT);
        let order = self.next;
        self.waiting.insert(call, Waiting { queue, since: now, order, offered: None });
    }

    /// Takes a caller out of the waiting line and clears its timers.
    fn take(&mut self, call: CallId) -> Option<Waiting> {
        self.timers.clear(Due::MaxWait(call));
        self.timers.clear(Due::Announce(call));
        self.waiting.remove(&call)
    }

    fn caller_gone(&mut self, now: Now, call: CallId, out: &mut Vec<Output>) {
        if let Some(waiting) = self.take(call) {
            self.withdraw(now, waiting.offered, out);
        }
        self.talk_ended(now, call, out);
    }

    /// Stops an offer through no fault of the agent, who is free again.
    fn withdraw(&mut self, now: Now, offer: Option<OfferId>, out: &mut Vec<Output>) {
        let Some(id) = offer else { return };
        self.timers.clear(Due::Lease(id));
        if let Some(offer) = self.offers.remove(&id) {
            // Idle time counts on from before the offer: being rung for nothing costs no place.
            let idle_since = self.agents.get(&offer.user).map(|a| a.idle_since);
            self.rest(now, &offer.user, out);
            if let (Some(agent), Some(since)) = (self.agents.get_mut(&offer.user), idle_since) {
                agent.idle_since = since;
            }
            out.push(Output::Withdraw { offer: id, call: offer.call, user: offer.user });
        }
    }

    fn answered(&mut self, now: Now, offer: OfferId, out: &mut Vec<Output>) {
        let Some(Offer { call, user }) = self.offers.remove(&offer) else { return };
        self.timers.clear(Due::Lease(offer));
        let Some(waiting) = self.take(call) else { return };
        if let Some(agent) = self.agents.get_mut(&user) {
            agent.calls += 1;
        }
        self.set(now, &user, State::Talking { call }, out);
        self.talking.insert(call, (user, waiting.queue));
    }

    fn failed(&mut self, now: Now, offer: OfferId, why: OfferFailure, out: &mut Vec<Output>) {
        let Some(Offer { call, user }) = self.offers.remove(&offer) else { return };
        self.timers.clear(Due::Lease(offer));
        if let Some(waiting) = self.waiting.get_mut(&call) {
            waiting.offered = None;
        }
        let reason = match why {
            OfferFailure::NoAnswer => NotReady::NoAnswer,
            OfferFailure::Rejected => NotReady::Rejected,
            OfferFailure::Busy => NotReady::Busy,
            OfferFailure::Unreachable => NotReady::Unreachable,
            OfferFailure::NoPort => NotReady::NoPort,
        };
        if let Some(agent) = self.agents.get_mut(&user) {
            let asked_for = agent.after.take();
            self.set(now, &user, State::NotReady(asked_for.unwrap_or(reason)), out);
            if let (None, true, Some(due)) = (asked_for, reason.passes(), self.rest_timer(&user)) {
                self.timers.set(due, now + RETRY);
            }
        }
    }

    fn talk_ended(&mut self, now: Now, call: CallId, out: &mut Vec<Output>) {
        let Some((user, queue)) = self.talking.remove(&call) else { return };
        let wrap_up = self.queues.get(&queue).map_or(Duration::ZERO, |q| q.wrap_up);
        let stays = self.agents.get(&user).is_some_and(|a| a.registered && a.after.is_none());
        if stays && !wrap_up.is_zero() {
            self.set(now, &user, State::WrapUp, out);
            if let Some(due) = self.rest_timer(&user) {
                self.timers.set(due, now + wrap_up);
            }
        } else {
            self.rest(now, &user, out);
        }
    }

    fn tick(&mut self, now: Now, out: &mut Vec<Output>) {
        while let Some(due) = self.timers.pop_due(now) {
            match due {
                Due::Lease(id) => {
                    if let Some(offer) = self.offers.get(&id) {
                        out.push(Output::Withdraw { offer: id, call: offer.call, user: offer.user.clone() });
                    }
                    self.failed(now, id, OfferFailure::NoAnswer, out);
                }
                Due::Announce(call) => self.announce(now, call, out),
                Due::MaxWait(call) => {
                    if let Some(waiting) = self.take(call) {
                        self.withdraw(now, waiting.offered, out);
                        out.push(Output::GaveUp { call });
                    }
                }
                Due::Rest(number) => {
                    let rests = |a: &Agent| match a.state {
                        State::WrapUp => true,
                        State::NotReady(reason) => reason.passes(),
                        // A reload took the agent out and in again meanwhile: it may hold an offer by now.
                        State::Offline | State::Ready | State::Ringing { .. } | State::Talking { .. } => {
                            false
                        }
                    };
                    let user = self.numbers.get(number).cloned();
                    if let Some(user) = user.filter(|user| self.agents.get(user).is_some_and(rests)) {
                        self.rest(now, &user, out);
                    }
                }
            }
        }
    }

    /// The caller's place among those who wait for the same queue. Announced on schedule only while nobody's phone
    /// rings for the caller: a voice just before the agent answers would be in the way.
    fn announce(&mut self, now: Now, call: CallId, out: &mut Vec<Output>) {
        let Some(waiting) = self.waiting.get(&call) else { return };
        let place =
            1 + self.waiting.values().filter(|w| w.queue == waiting.queue && w.order < waiting.order).count();
        let every = self.queues.get(&waiting.queue).map_or(Duration::from_secs(30), |q| q.announce_every);
        self.timers.set(Due::Announce(call), now + every);
        if waiting.offered.is_none() {
            out.push(Output::Announce { call, place });
        }
    }

    /// Offers every waiting call that an agent is free for, oldest first.
    fn match_all(&mut self, now: Now, out: &mut Vec<Output>) {
        if !self.agents.values().any(|a| a.state == State::Ready) {
            return;
        }
        let mut order: Vec<(u64, CallId)> =
            self.waiting.iter().filter(|(_, w)| w.offered.is_none()).map(|(c, w)| (w.order, *c)).collect();
        order.sort_unstable();
        for (_, call) in order {
            self.offer(now, call, out);
        }
    }

    /// Offers one call to the longest-idle agent of its queue, if there is one.
    fn offer(&mut self, now: Now, call: CallId, out: &mut Vec<Output>) {
        let Some(waiting) = self.waiting.get_mut(&call) else { return };
        let serves = |a: &Agent| a.queues.contains(&waiting.queue);
        let mut eligible: Vec<(&String, &Agent)> =
            self.agents.iter().filter(|(_, a)| a.state == State::Ready && serves(a)).collect();
        eligible.sort_by_key(|(_, a)| a.idle_since);
        let Some((chosen, _)) = eligible.first() else { return };
        let chosen = (*chosen).clone();
        let excluded = self
            .agents
            .iter()
            .filter(|(_, a)| a.state != State::Ready || !serves(a))
            .map(|(user, a)| Excluded {
                user: user.clone(),
                why: match a.state {
                    _ if !serves(a) => format!("does not serve {}", waiting.queue),
                    State::NotReady(reason) => format!("not-ready ({reason:?})"),
                    state => state.name().to_owned(),
                },
            })
            .collect();
        let decision = Decision {
            queue: waiting.queue.clone(),
            chosen: chosen.clone(),
            eligible: eligible
                .iter()
                .map(|(u, a)| ((*u).clone(), now.since(a.idle_since).as_millis() as u64))
                .collect(),
            excluded,
            waited_ms: now.since(waiting.since).as_millis() as u64,
            reason: "longest idle of the queue's ready agents; the caller was first in line for them".into(),
        };
        self.next += 1;
        let offer = OfferId(self.next);
        waiting.offered = Some(offer);
        let ring = self.queues.get(&waiting.queue).map_or(Duration::from_secs(20), |q| q.ring);
        self.timers.set(Due::Lease(offer), now + ring);
        self.offers.insert(offer, Offer { call, user: chosen.clone() });
        if let Some(agent) = self.agents.get_mut(&chosen) {
            // The idle time stays: it is needed if the offer is withdrawn.
            agent.state = State::Ringing { call, offer };
            agent.since = now;
        }
        out.push(Output::Agent { user: chosen.clone(), state: State::Ringing { call, offer } });
        out.push(Output::Offer { offer, call, user: chosen, decision });
    }
}
