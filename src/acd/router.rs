//! The router: what there is, one input at a time, and the views of it. What is done is in the files beside it: `people.rs`
//! (agents), `waits.rs` (callers), `offers.rs` (who rings for whom), `choose.rs` (why).

use super::agent::{Agent, AgentView, NotReady, Presence, State};
use super::bits::Bits;
use super::event::{AcdEvent, Input, OfferId, Output};
use super::line::{Line, Place};
use super::memory::Memory;
use super::name::Name;
use super::queue::Queue;
use super::setup::{QueueSetup, Setup};
use super::skills::Requirement;
use crate::base::{CallId, Now, Timers};
use std::collections::BTreeMap;
use std::time::Duration;

/// A caller, or a callback, that waits or is being offered.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    /// Its row in the line.
    pub(super) kind: usize,
    pub(super) place: Place,
    /// When it came into this queue: what relaxation and overflow count from.
    pub(super) entered: Now,
    pub(super) offers: Vec<OfferId>,
    /// Not offered to anybody, or to anybody else, before this.
    pub(super) parked: Option<Now>,
    /// Its phone rings for so long already that another may ring beside it.
    pub(super) long_rung: bool,
    /// The head start of its preferred agent ends.
    pub(super) alone_until: Option<Now>,
    /// Weaker requirements still to come, the next one last.
    pub(super) relax: Vec<(Duration, Requirement)>,
    pub(super) announce: Now,
    pub(super) comfort: Option<Now>,
    pub(super) comforts: u32,
    /// Has been offered to be called back by a rule.
    pub(super) asked: bool,
    /// The likely wait last told, in seconds.
    pub(super) told: Option<u32>,
    /// The number, as the memory keeps it.
    pub(super) number: Option<u64>,
    pub(super) consult: bool,
    /// A callback, and how often the customer was not reached.
    pub(super) callback: Option<u8>,
}

#[derive(Debug)]
pub(super) struct Offer {
    pub(super) call: CallId,
    pub(super) agent: usize,
    pub(super) queue: usize,
    pub(super) since: Now,
    /// Others were rung with it from the start.
    pub(super) together: bool,
}

/// Who talks with whom.
#[derive(Debug)]
pub(super) struct Talk {
    pub(super) agent: usize,
    pub(super) queue: usize,
    pub(super) since: Now,
    pub(super) held_since: Option<Now>,
    pub(super) held: Duration,
    /// As it waited, to wait on if a customer is not reached.
    pub(super) was: Box<Waiting>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    Lease(OfferId),
    /// The next thing that a waiting call is to see.
    Call(CallId),
    /// Wrap-up, or a reason that passes; by the agent's number.
    Rest(usize),
}

/// The ACD's core.
#[derive(Debug, Default)]
pub struct Acd {
    pub(super) queues: Vec<Queue>,
    pub(super) queue_index: BTreeMap<Name, usize>,
    /// Agents keep their number for ever; those no longer configured are not shown.
    pub(super) agents: Vec<Agent>,
    pub(super) agent_index: BTreeMap<Name, usize>,
    pub(super) by_state: [Bits; 8],
    pub(super) free: Bits,
    pub(super) reasons: Vec<Name>,
    pub(super) line: Line,
    pub(super) waiting: BTreeMap<CallId, Waiting>,
    pub(super) offers: BTreeMap<OfferId, Offer>,
    pub(super) talks: BTreeMap<CallId, Talk>,
    pub(super) timers: Timers<Due>,
    pub(super) memory: Memory,
    /// Traffic by kind of call, and when it was counted; see `balance.rs`.
    pub(super) traffic: super::balance::Traffic,
    pub(super) seed: u64,
    pub(super) next: u64,
    /// Since the last match: agents who became free, calls that can be offered anew.
    pub(super) freed: Vec<usize>,
    pub(super) arrived: Vec<CallId>,
}

impl Acd {
    /// An ACD with everyone offline.
    pub fn new(setup: &Setup, now: Now) -> Acd {
        let mut acd = Acd::default();
        acd.reload(setup, now, &mut Vec::new());
        acd
    }

    /// Takes a new setup: known agents keep their state and calls, unknown ones leave when their talk ends. Calls wait on
    /// in queues that are gone, by their old rules.
    pub fn reload(&mut self, setup: &Setup, now: Now, out: &mut Vec<Output>) {
        self.seed = setup.seed;
        for reason in &setup.reasons {
            if !self.reasons.iter().any(|r| **r == **reason) {
                self.reasons.push(reason.as_str().into());
            }
        }
        for queue in &setup.queues {
            self.set_queue(queue);
        }
        self.queues.iter_mut().for_each(|q| q.serving = Bits::default());
        self.agents.iter_mut().for_each(|a| a.configured = false);
        for s in &setup.agents {
            let ix = self.agent_index.get(s.user.as_str()).copied().unwrap_or(self.agents.len());
            if ix == self.agents.len() {
                self.agents.push(Agent::new(s, now));
                self.agent_index.insert(s.user.as_str().into(), ix);
                self.by_state[0].put(ix, true);
            }
            let Some(agent) = self.agents.get_mut(ix) else { continue };
            agent.configured = true;
            agent.name.clone_from(&s.name);
            agent.skills.clone_from(&s.skills);
            agent.capacity = usize::from(s.capacity.max(1));
            agent.sign_in = s.sign_in;
            agent.queues = Bits::default();
            for q in s.queues.iter().filter_map(|q| self.queue_index.get(q.as_str())) {
                agent.queues.put(*q, true);
                self.queues[*q].serving.put(ix, true);
            }
        }
        for ix in 0..self.agents.len() {
            if !self.agents[ix].configured && self.agents[ix].hands.is_empty() {
                self.see_off(ix);
            }
            self.touch(now, ix, out);
        }
        self.refit();
        self.settle(now, out);
    }

    fn set_queue(&mut self, setup: &QueueSetup) {
        if let Some(ix) = self.queue_index.get(setup.name.as_str()) {
            self.queues[*ix].setup = setup.clone();
            return;
        }
        let name: Name = setup.name.as_str().into();
        self.queue_index.insert(name.clone(), self.queues.len());
        self.queues.push(Queue::new(name, setup.clone()));
    }

    /// Takes one input; appends what is to be done.
    pub fn step(&mut self, now: Now, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Enqueue { call, request } => self.enqueue(now, call, request, out),
            Input::CallerGone { call } => self.caller_gone(now, call, out),
            Input::Callback { call, number } => self.ask_callback(now, call, &number, out),
            Input::CallbackMissed { call } => self.callback_missed(now, call, out),
            Input::CallbackCancelled { call } => self.callback_cancelled(now, call, out),
            Input::Ringing { offer } => self.rings(now, offer, out),
            Input::Answered { offer } => self.answered(now, offer, out),
            Input::Failed { offer, why } => self.failed(now, offer, why, out),
            Input::Held { call, on } => self.held(now, call, on, out),
            Input::TalkEnded { call, transfer } => self.talk_ended(now, call, transfer, out),
            Input::OwnCall { user, on } => self.own_call(now, &user, on, out),
            Input::Joined { from, into } => self.joined(now, from, into, out),
            Input::Move { call, to, reason } => self.move_call(now, call, to, &reason, out),
            Input::Open { queue, open } => self.with_queue(&queue, out, |q| q.open = open),
            Input::Drain { queue, on } => self.with_queue(&queue, out, |q| q.draining = on),
            Input::Tick => self.tick(now, out),
            Input::Registered { .. }
            | Input::Unregistered { .. }
            | Input::Use { .. }
            | Input::SignIn { .. }
            | Input::SignOut { .. }
            | Input::Ready { .. }
            | Input::NotReady { .. }
            | Input::ExtendWrapUp { .. }
            | Input::Disposition { .. }
            | Input::SetSkills { .. } => self.person(now, input, out),
        }
        self.settle(now, out);
    }

    fn with_queue(&mut self, name: &str, out: &mut Vec<Output>, change: impl FnOnce(&mut Queue)) {
        match self.queue_index.get(name).and_then(|ix| self.queues.get_mut(*ix)) {
            Some(queue) => {
                let before = (queue.open, queue.draining);
                change(queue);
                if before != (queue.open, queue.draining) {
                    self.refit();
                }
            }
            None => refuse(out, format!("no queue named `{name}`")),
        }
    }

    fn tick(&mut self, now: Now, out: &mut Vec<Output>) {
        while let Some(due) = self.timers.pop_due(now) {
            match due {
                Due::Lease(offer) => self.lease_over(now, offer, out),
                Due::Call(call) => self.call_due(now, call, out),
                Due::Rest(agent) => self.rest_over(now, agent, out),
            }
        }
    }

    /// When to be called next; `None` when nothing is pending.
    pub fn deadline(&self) -> Option<Now> {
        self.timers.next().map(|(at, _)| at)
    }

    /// Shows what has changed about an agent, and keeps the sets up with it.
    pub(super) fn touch(&mut self, now: Now, ix: usize, out: &mut Vec<Output>) {
        let Some(agent) = self.agents.get_mut(ix) else { return };
        let state = agent.state();
        if state != agent.shown {
            (agent.busy, agent.present) = agent.times(now);
            self.by_state[agent.shown.index()].put(ix, false);
            self.by_state[state.index()].put(ix, true);
            (agent.shown, agent.since) = (state, now);
            if state == State::Ready {
                agent.idle_since = now;
            }
            let reason =
                if let State::NotReady(reason) = state { name_of(reason, &self.reasons) } else { None };
            out.push(Output::Agent { user: agent.user.to_string(), state });
            let (user, state) = (agent.user.clone(), state.name().into());
            out.push(Output::Event(AcdEvent::Agent { user, state, reason }));
        }
        let free = agent.is_free();
        if free && !self.free.has(ix) {
            self.freed.push(ix);
        }
        self.free.put(ix, free);
    }

    /// An agent who is no longer configured and has empty hands.
    pub(super) fn see_off(&mut self, ix: usize) {
        self.timers.clear(Due::Rest(ix));
        if let Some(agent) = self.agents.get_mut(ix) {
            agent.endpoints.clear();
            (agent.signed_in, agent.after, agent.presence) = (false, None, Presence::Offline);
        }
    }

    /// Every agent, by user.
    pub fn agents(&self) -> Vec<AgentView> {
        self.agent_index.keys().filter_map(|user| self.agent(user)).collect()
    }

    /// One agent.
    pub fn agent(&self, user: &str) -> Option<AgentView> {
        let agent = self.agents.get(*self.agent_index.get(user)?);
        agent.filter(|a| a.configured || !a.hands.is_empty()).map(|a| AgentView {
            user: a.user.to_string(),
            name: a.name.clone(),
            state: a.shown,
            reason: match a.shown {
                State::NotReady(reason) => name_of(reason, &self.reasons),
                _ => None,
            },
            in_hand: a.hands.iter().map(|(call, _)| *call).collect(),
            endpoint: a.endpoints.last().copied(),
            since: a.since,
            calls: a.calls,
        })
    }

    /// What an agent can do.
    pub fn skills(&self, user: &str) -> Option<&super::skills::Skills> {
        self.agents.get(*self.agent_index.get(user)?).map(|a| &a.skills)
    }

    /// Callers who wait or are being offered, in order, with their queue and since when.
    pub fn waiting(&self) -> Vec<(CallId, String, Now)> {
        let now = Now(u64::MAX);
        let line = self.waiting.iter().filter_map(|(call, w)| {
            let kind = self.line.kinds.get(w.kind)?;
            let queue = self.queues.get(kind.key.queue)?.name.to_string();
            Some((kind.order(now, w.place), (*call, queue, w.place.0)))
        });
        let mut all: Vec<_> = line.collect();
        all.sort_by_key(|(order, _)| *order);
        all.into_iter().map(|(_, shown)| shown).collect()
    }

    /// How many wait or are being offered, callbacks included.
    pub fn queued(&self) -> usize {
        self.waiting.len()
    }

    /// True if nobody waits, rings or talks, and no offer or timer about a call is left.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty()
            && self.talks.is_empty()
            && self.offers.is_empty()
            && self.agents.iter().all(|a| a.hands.is_empty())
    }
}

/// What a reason for not being ready is called.
pub(super) fn name_of(reason: NotReady, configured: &[Name]) -> Option<Name> {
    if let NotReady::Configured(n) = reason {
        return configured.get(usize::from(n)).cloned();
    }
    NotReady::BUILT_IN.iter().find(|(r, _)| *r == reason).map(|(_, name)| Name::from(*name))
}

/// What was asked for cannot be done.
pub(super) fn refuse(out: &mut Vec<Output>, why: impl Into<String>) {
    out.push(Output::Refused { why: why.into() });
}
