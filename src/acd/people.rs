//! Agents come, go, take breaks and finish their after-call work. The table is at the head of `agent.rs`.

use super::agent::{NotReady, Presence, WrapUp};
use super::event::{AcdEvent, Endpoint, Input, OfferEnd, Output};
use super::router::{Acd, Due, refuse};
use super::setup::SignIn;
use crate::base::Now;
use std::time::Duration;

impl Acd {
    /// An input about one agent.
    pub(super) fn person(&mut self, now: Now, input: Input, out: &mut Vec<Output>) {
        let user = match &input {
            Input::Registered { user, .. }
            | Input::Unregistered { user, .. }
            | Input::Use { user, .. }
            | Input::SignIn { user }
            | Input::SignOut { user }
            | Input::Ready { user }
            | Input::NotReady { user, .. }
            | Input::ExtendWrapUp { user, .. }
            | Input::Disposition { user, .. }
            | Input::SetSkills { user, .. } => user.as_str(),
            _ => return,
        };
        let found = self.agent_index.get(user).copied();
        // Who was taken out of the team may still talk, and can lose its phone meanwhile.
        let gone = matches!(input, Input::Unregistered { .. });
        let Some(ix) = found.filter(|ix| gone || self.agents.get(*ix).is_some_and(|a| a.configured)) else {
            return refuse(out, format!("no agent `{user}`"));
        };
        match input {
            Input::Registered { endpoint, .. } => self.registered(now, ix, endpoint, out),
            Input::Unregistered { endpoint, .. } => self.unregistered(now, ix, endpoint, out),
            Input::Use { endpoint, .. } => self.use_endpoint(ix, endpoint, out),
            Input::SignIn { .. } => {
                self.agents[ix].signed_in = true;
                self.arrives(now, ix, out);
            }
            Input::SignOut { .. } => {
                self.agents[ix].signed_in = false;
                self.leaves(now, ix, out);
            }
            Input::Ready { .. } => self.ready(now, ix, out),
            Input::NotReady { reason, .. } => self.not_ready(now, ix, reason.as_deref(), out),
            Input::ExtendWrapUp { by, .. } => self.extend_wrap_up(now, ix, by, out),
            Input::Disposition { code, .. } => self.disposition(ix, &code, out),
            Input::SetSkills { skills, .. } => {
                self.agents[ix].skills = skills;
                self.refit();
            }
            _ => {}
        }
    }

    fn registered(&mut self, now: Now, ix: usize, endpoint: Endpoint, out: &mut Vec<Output>) {
        let Some(agent) = self.agents.get_mut(ix) else { return };
        agent.signed_in |= agent.endpoints.is_empty() && agent.sign_in == SignIn::Auto;
        if !agent.endpoints.contains(&endpoint) {
            agent.endpoints.push(endpoint);
        }
        if agent.presence == Presence::NotReady(NotReady::Unreachable) && agent.is_present() {
            agent.presence = Presence::Ready;
        }
        self.arrives(now, ix, out);
    }

    /// Signed in and reachable at last.
    fn arrives(&mut self, now: Now, ix: usize, out: &mut Vec<Output>) {
        let Some(agent) = self.agents.get_mut(ix) else { return };
        if agent.presence == Presence::Offline && agent.is_present() {
            agent.rest();
            // After-call work that a restart interrupted goes on.
            if agent.presence == Presence::Ready && agent.wrap_up.is_some() {
                agent.presence = Presence::WrapUp;
            }
        }
        self.touch(now, ix, out);
    }

    fn unregistered(&mut self, now: Now, ix: usize, endpoint: Endpoint, out: &mut Vec<Output>) {
        let Some(agent) = self.agents.get_mut(ix) else { return };
        agent.endpoints.retain(|e| *e != endpoint);
        if agent.endpoints.is_empty() {
            if agent.sign_in == SignIn::Auto {
                agent.signed_in = false;
            }
            self.leaves(now, ix, out);
        }
    }

    /// Signed out, or not reachable any more: an offer goes back, a talk goes on.
    fn leaves(&mut self, now: Now, ix: usize, out: &mut Vec<Output>) {
        if let Some(offer) = self.offer_of(ix) {
            self.end_offer(now, offer, OfferEnd::Unregistered, out);
        }
        let Some(agent) = self.agents.get_mut(ix) else { return };
        if agent.hands.is_empty() {
            agent.after = None;
            self.timers.clear(Due::Rest(ix));
            self.end_wrap_up(now, ix, out);
            self.agents[ix].presence = Presence::Offline;
        }
        self.touch(now, ix, out);
    }

    fn use_endpoint(&mut self, ix: usize, endpoint: Endpoint, out: &mut Vec<Output>) {
        let Some(agent) = self.agents.get_mut(ix) else { return };
        if !agent.endpoints.contains(&endpoint) {
            return refuse(out, format!("agent `{}` has no such endpoint registered", agent.user));
        }
        agent.endpoints.retain(|e| *e != endpoint);
        agent.endpoints.push(endpoint);
    }

    fn ready(&mut self, now: Now, ix: usize, out: &mut Vec<Output>) {
        let Some(agent) = self.agents.get_mut(ix) else { return };
        if !agent.is_present() && agent.hands.is_empty() {
            return refuse(out, format!("agent `{}` is not signed in with a registered phone", agent.user));
        }
        agent.after = None;
        if matches!(agent.presence, Presence::NotReady(_) | Presence::WrapUp) {
            self.rest(now, ix, out);
        }
        self.touch(now, ix, out);
    }

    fn not_ready(&mut self, now: Now, ix: usize, reason: Option<&str>, out: &mut Vec<Output>) {
        let known = |text: &str| {
            let built_in = NotReady::BUILT_IN.iter().find(|(_, name)| *name == text).map(|(r, _)| *r);
            let configured = self.reasons.iter().position(|r| **r == *text);
            built_in.or(configured.map(|n| NotReady::Configured(n as u16)))
        };
        let Some(reason) = reason.map_or(Some(NotReady::Break), known) else {
            return refuse(out, format!("no reason `{}`", reason.unwrap_or_default()));
        };
        let Some(agent) = self.agents.get_mut(ix) else { return };
        if !agent.hands.is_empty() {
            agent.after = Some(reason);
        } else if agent.presence == Presence::Offline {
            return refuse(out, format!("agent `{}` is offline", agent.user));
        } else {
            self.timers.clear(Due::Rest(ix));
            self.end_wrap_up(now, ix, out);
            self.agents[ix].presence = Presence::NotReady(reason);
        }
        self.touch(now, ix, out);
    }

    fn extend_wrap_up(&mut self, now: Now, ix: usize, by: Duration, out: &mut Vec<Output>) {
        match self.timers.get(Due::Rest(ix)) {
            Some(at) if self.agents[ix].presence == Presence::WrapUp => {
                self.timers.set(Due::Rest(ix), at.max(now) + by);
            }
            _ => refuse(out, format!("agent `{}` is not in after-call work", self.agents[ix].user)),
        }
    }

    fn disposition(&mut self, ix: usize, code: &str, out: &mut Vec<Output>) {
        let Some(agent) = self.agents.get_mut(ix) else { return };
        let Some(wrap_up) = &mut agent.wrap_up else {
            return refuse(out, format!("agent `{}` is not in after-call work", agent.user));
        };
        let codes = self.queues.get(wrap_up.queue).map_or(&[][..], |q| &q.setup.dispositions);
        if !codes.iter().any(|c| c == code) {
            return refuse(out, format!("no disposition `{code}`; there are: {}", codes.join(", ")));
        }
        wrap_up.disposition = Some(code.into());
    }

    /// An agent who is done with a call goes where it belongs.
    pub(super) fn rest(&mut self, now: Now, ix: usize, out: &mut Vec<Output>) {
        self.timers.clear(Due::Rest(ix));
        self.end_wrap_up(now, ix, out);
        let Some(agent) = self.agents.get_mut(ix) else { return };
        if !agent.hands.is_empty() {
            return;
        }
        agent.rest();
        if !agent.configured {
            self.see_off(ix);
        }
        self.touch(now, ix, out);
    }

    /// After-call work is over, or a reason has passed.
    pub(super) fn rest_over(&mut self, now: Now, ix: usize, out: &mut Vec<Output>) {
        let Some(agent) = self.agents.get_mut(ix) else { return };
        let passes = |reason: NotReady| reason.passes();
        match agent.presence {
            _ if agent.after.is_some_and(passes) => {
                agent.after = None;
                self.touch(now, ix, out);
            }
            Presence::WrapUp => self.rest(now, ix, out),
            Presence::NotReady(reason) if reason.passes() => self.rest(now, ix, out),
            // A reload took the agent out and in again meanwhile: it may hold an offer by now.
            Presence::Offline | Presence::Ready | Presence::NotReady(_) => self.end_wrap_up(now, ix, out),
        }
    }

    /// A talk is over: after-call work, unless something else was asked for.
    pub(super) fn wrap_up(&mut self, now: Now, ix: usize, queue: usize, out: &mut Vec<Output>) {
        let time = self.queues.get(queue).map_or(Duration::ZERO, |q| q.setup.wrap_up);
        let Some(agent) = self.agents.get_mut(ix).filter(|a| a.hands.is_empty()) else {
            return self.touch(now, ix, out);
        };
        if time.is_zero() || !agent.is_present() || agent.after.is_some() || !agent.configured {
            return self.rest(now, ix, out);
        }
        agent.presence = Presence::WrapUp;
        agent.wrap_up = Some(WrapUp { queue, since: now, disposition: None });
        self.timers.set(Due::Rest(ix), now + time);
        self.touch(now, ix, out);
    }

    fn end_wrap_up(&mut self, now: Now, ix: usize, out: &mut Vec<Output>) {
        let Some(agent) = self.agents.get_mut(ix) else { return };
        let Some(WrapUp { queue, since, disposition }) = agent.wrap_up.take() else { return };
        let Some(queue) = self.queues.get(queue) else { return };
        let (user, queue) = (agent.user.clone(), queue.name.clone());
        let ms = now.since(since).as_millis() as u64;
        out.push(Output::Event(AcdEvent::WrapUpEnded { user, queue, ms, disposition }));
    }
}
