//! Agents at their own phones: calls that they make themselves, and a colleague who takes a caller over after being asked.

use super::agent::Phase;
use super::event::{AcdEvent, Output};
use super::router::Acd;
use crate::base::{CallId, Now};

impl Acd {
    /// An agent is on the phone without the ACD having a part in it, or is no longer.
    pub(super) fn own_call(&mut self, now: Now, user: &str, on: bool, out: &mut Vec<Output>) {
        let Some(ix) = self.agent_index.get(user).copied() else { return };
        if let Some(agent) = self.agents.get_mut(ix) {
            agent.own_calls = if on { agent.own_calls + 1 } else { agent.own_calls.saturating_sub(1) };
        }
        self.touch(now, ix, out);
    }

    /// The agent of the consultation `from` goes on with the caller of `into`, whose agent is free of it. Of a caller whom a
    /// supervisor took over the ACD knows nothing any more: it counts for the queue of the consultation.
    pub(super) fn joined(&mut self, now: Now, from: CallId, into: CallId, out: &mut Vec<Output>) {
        let known = self.talks.get(&into).map(|t| (t.queue, t.was.number));
        self.talk_ended(now, into, true, out);
        let Some(mut talk) = self.talks.remove(&from) else { return };
        let (queue, number) = known.unwrap_or((talk.queue, None));
        let (Some(agent), Some(q)) = (self.agents.get_mut(talk.agent), self.queues.get(queue)) else {
            return;
        };
        agent.hands.retain(|(call, _)| *call != from);
        agent.hands.push((into, Phase::Talking));
        agent.calls += 1;
        let (name, user) = (q.name.clone(), agent.user.clone());
        let within_ms = q.setup.target.within.as_millis() as u64;
        out.push(Output::Event(AcdEvent::Queued { call: into, queue: name.clone(), again: true }));
        out.push(Output::Event(AcdEvent::Answered {
            call: into,
            queue: name,
            user,
            waited_ms: 0,
            within_ms,
            callback: false,
        }));
        (talk.queue, talk.since, talk.held_since, talk.held) = (queue, now, None, Default::default());
        (talk.was.consult, talk.was.number) = (false, number);
        let agent = talk.agent;
        self.talks.insert(into, talk);
        self.touch(now, agent, out);
    }
}
