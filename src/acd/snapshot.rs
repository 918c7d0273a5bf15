//! What survives a restart: who is signed in, who is not ready and why, what counts for fairness, who served whom, the
//! state of the queues, after-call work with what is left of it, and callbacks in their places. Callers on the line do not:
//! their media is gone. Times are ages in ms, because the clock begins anew (what is older than the new clock counts from its
//! beginning); numbers are hashes, as in the memory.

use super::agent::{NotReady, Presence, State, WrapUp};
use super::event::{AcdEvent, Output};
use super::line::Key;
use super::name::Name;
use super::rates::Mean;
use super::router::{Acd, Due, Waiting, name_of};
use super::skills::Requirement;
use crate::base::{CallId, Now};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The part of the ACD that survives a restart.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Snapshot {
    agents: Vec<AgentState>,
    queues: Vec<QueueState>,
    /// Number's hash, agent, age in ms; oldest first.
    memory: Vec<(u64, Name, u64)>,
    /// Longest waiting first.
    callbacks: Vec<CallbackState>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct AgentState {
    user: Name,
    signed_in: bool,
    not_ready: Option<Name>,
    calls: u32,
    busy_ms: u64,
    present_ms: u64,
    #[serde(default)]
    wrap_up: Option<KeptWrapUp>,
}

/// After-call work: so much was left of it when this was kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct KeptWrapUp {
    queue: Name,
    left_ms: u64,
    disposition: Option<Name>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct QueueState {
    name: Name,
    open: bool,
    draining: bool,
    handle: Mean,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct CallbackState {
    call: CallId,
    queue: Name,
    waited_ms: u64,
    missed: u8,
    priority: u16,
    require: Option<Name>,
    number: Option<u64>,
}

fn ms(duration: Duration) -> u64 {
    duration.as_millis() as u64
}

impl Acd {
    /// What is to be kept for a restart.
    pub fn snapshot(&self, now: Now) -> Snapshot {
        let agent = |(ix, a): (usize, &super::agent::Agent)| {
            let asked = match a.shown {
                State::NotReady(reason) => Some(reason),
                _ => a.after,
            };
            let (busy, present) = a.times(now);
            AgentState {
                user: a.user.clone(),
                signed_in: a.signed_in,
                not_ready: asked.filter(|r| !r.passes()).and_then(|r| name_of(r, &self.reasons)),
                calls: a.calls,
                busy_ms: ms(busy),
                present_ms: ms(present),
                wrap_up: a.wrap_up.as_ref().and_then(|w| {
                    let left_ms = ms(self.timers.get(Due::Rest(ix))?.since(now));
                    let queue = self.queues.get(w.queue)?.name.clone();
                    Some(KeptWrapUp { queue, left_ms, disposition: w.disposition.clone() })
                }),
            }
        };
        let queue = |q: &super::queue::Queue| QueueState {
            name: q.name.clone(),
            open: q.open,
            draining: q.draining,
            handle: q.handle,
        };
        let user = |ix: usize| self.agents.get(ix).map(|a| a.user.clone());
        let memory = self.memory.all().filter_map(|(n, ix, at)| Some((n, user(ix)?, ms(now.since(at)))));
        // A callback that an agent has just taken was not carried out yet.
        let taken = self.talks.iter().map(|(call, talk)| (call, &*talk.was));
        let callbacks = self.waiting.iter().chain(taken).filter_map(|(call, w)| {
            let key = &self.line.kinds.get(w.kind)?.key;
            Some(CallbackState {
                call: *call,
                queue: self.queues.get(key.queue)?.name.clone(),
                waited_ms: ms(now.since(w.place.0)),
                missed: w.callback?,
                priority: key.priority,
                require: key.require.clone(),
                number: w.number,
            })
        });
        let mut callbacks: Vec<CallbackState> = callbacks.collect();
        callbacks.sort_by_key(|c| std::cmp::Reverse(c.waited_ms));
        Snapshot {
            agents: self.agents.iter().enumerate().filter(|(_, a)| a.configured).map(agent).collect(),
            queues: self.queues.iter().map(queue).collect(),
            memory: memory.collect(),
            callbacks,
        }
    }

    /// Takes up what was kept. For a new ACD whose agents have not registered yet; what is no longer configured is left out.
    pub fn restore(&mut self, now: Now, kept: &Snapshot, out: &mut Vec<Output>) {
        for a in &kept.agents {
            let built_in =
                |name: &Name| NotReady::BUILT_IN.iter().find(|(_, n)| *name == *n).map(|(r, _)| *r);
            let configured = |name: &Name| {
                self.reasons.iter().position(|r| r == name).map(|n| NotReady::Configured(n as u16))
            };
            let after = a.not_ready.as_ref().and_then(|name| built_in(name).or_else(|| configured(name)));
            let Some(ix) = self.agent_index.get(&a.user).copied() else { continue };
            let Some(agent) = self.agents.get_mut(ix) else { continue };
            if agent.presence == Presence::Offline {
                (agent.signed_in, agent.after, agent.calls) = (a.signed_in, after, a.calls);
                agent.busy = Duration::from_millis(a.busy_ms);
                agent.present = Duration::from_millis(a.present_ms);
                if let Some(kept) = &a.wrap_up
                    && let Some(queue) = self.queue_index.get(&kept.queue).copied()
                {
                    let disposition = kept.disposition.clone();
                    agent.wrap_up = Some(WrapUp { queue, since: now, disposition });
                    self.timers.set(Due::Rest(ix), now + Duration::from_millis(kept.left_ms));
                }
            }
        }
        for q in &kept.queues {
            if let Some(queue) = self.queue_index.get(&q.name).and_then(|ix| self.queues.get_mut(*ix)) {
                (queue.open, queue.draining, queue.handle) = (q.open, q.draining, q.handle);
            }
        }
        self.refit();
        for (number, user, age) in &kept.memory {
            if let Some(agent) = self.agent_index.get(user) {
                let at = Now(now.0.saturating_sub(age * 1000));
                self.memory.note(at, *number, *agent);
            }
        }
        for c in &kept.callbacks {
            self.restore_callback(now, c, out);
        }
        self.settle(now, out);
    }

    fn restore_callback(&mut self, now: Now, c: &CallbackState, out: &mut Vec<Output>) {
        let Some(queue) = self.queue_index.get(&c.queue).copied() else { return };
        let require = c.require.as_ref().and_then(|text| Requirement::parse(text).ok());
        let key = Key {
            queue,
            ring: 0,
            priority: c.priority,
            front: false,
            require: c.require.clone(),
            only: None,
            without: Vec::new(),
        };
        let Some(kind) = self.kind(&key, require.as_ref()) else { return };
        self.next += 1;
        let place = (Now(now.0.saturating_sub(c.waited_ms * 1000)), self.next);
        let mut waiting = Waiting::new(kind, place, now);
        (waiting.callback, waiting.number) = (Some(c.missed), c.number);
        self.waiting.insert(c.call, waiting);
        self.replace(now, c.call);
        let queue = c.queue.clone();
        out.push(Output::Event(AcdEvent::CallbackRestored { call: c.call, queue }));
    }
}
