//! An agent's second line, and supervisors: who asks a colleague with the caller on hold hands the caller over or comes back;
//! who listens to a talk whispers, barges in or takes over.

use super::agent::Act;
use super::home::{SERVER, password};
use super::world::{Due, World};
use crate::acd::State;
use crate::base::{Direction, LegId, Pii};
use crate::call::{Input, Role};
use crate::media::Report;
use crate::sip::{Command, Credentials, Target};
use std::time::Duration;

/// Percent of the minutes in which a supervisor wants to hear a talk.
const SUPERVISED_PERCENT: u8 = 40;

impl World {
    /// A colleague, a queue, or somebody who is not there.
    pub(super) fn somebody(&mut self) -> String {
        let queues = self.config.setup.queues.iter().map(|q| q.name.clone());
        let names: Vec<String> = self.config.passwords.keys().cloned().chain(queues).collect();
        self.rng.choice(names).filter(|_| self.rng.u8(..8) > 0).unwrap_or_else(|| "nobody".into())
    }

    /// Puts the caller on `leg` on hold, mostly, and calls somebody on the other line.
    pub(super) fn agent_consults(&mut self, i: usize, id: u32, leg: LegId) {
        let asked = self.somebody();
        let holds = self.rng.u8(..10) > 0 && self.phones.get(&id).is_some_and(|p| !p.held);
        let Some(agent) = self.agents.get_mut(i).filter(|a| a.consult.is_none()) else { return };
        let Some(phone) = self.phones.get_mut(&id) else { return };
        let own = phone.endpoint.new_leg();
        (agent.consult, agent.asked) = (Some(own), asked.clone());
        let (user, call_id) = (agent.user.clone(), agent.call_id.clone());
        let sdp = phone.offer(own, Direction::SendRecv);
        let target = Target::Uri { uri: format!("sip:{asked}@{SERVER}"), flow: phone.flow() };
        if holds {
            self.press_hold(id, leg, Some(&call_id));
        }
        let from = format!("<sip:{user}@{}>", self.config.server.domain);
        let credentials = Some(Credentials { password: Pii::new(password(&user)), user });
        let headers = Vec::new();
        self.phone_command(id, Command::Invite { leg: own, target, from, sdp, headers, credentials });
        // Whatever comes of it.
        self.after(Duration::from_secs(90), Due::Agent(i, Act::HangUp(own)));
    }

    /// The server has answered on the other line; the colleague's phone may still ring.
    pub(super) fn consult_is_up(&mut self, i: usize, own: LegId) {
        let Some(leg) = self.agents.get(i).and_then(|a| a.leg) else { return };
        let after = Duration::from_millis(self.rng.u64(100..30_000));
        let act = if self.rng.u8(..10) < 7 { Act::HandOver(leg) } else { Act::HangUp(own) };
        self.after(after, Due::Agent(i, act));
    }

    /// The other line is free again: the agent comes back to the caller.
    pub(super) fn consult_is_over(&mut self, i: usize, id: u32) {
        let Some(agent) = self.agents.get_mut(i) else { return };
        agent.consult = None;
        if let Some(leg) = agent.leg.filter(|_| self.phones.get(&id).is_some_and(|p| p.held)) {
            let after = Duration::from_millis(self.rng.u64(100..3000));
            self.after(after, Due::Agent(i, Act::Hold(leg)));
        }
    }

    /// Asks for the attended transfer, on either line (RFC 5589 §7).
    pub(super) fn agent_hands_over(&mut self, i: usize, id: u32, leg: LegId) {
        let Some(agent) = self.agents.get(i) else { return };
        let (Some(own), Some(phone)) = (agent.consult, self.phones.get(&id)) else { return };
        let asked = phone.button.newest(&agent.call_id).and_then(|consult| phone.button.replaces(&consult));
        let (on, replaces, to) = match self.rng.bool() {
            true => (leg, asked, agent.asked.clone()),
            false => (own, phone.button.replaces(&agent.call_id), agent.user.clone()),
        };
        if let Some(replaces) = replaces {
            let to = format!("sip:{to}@{}?{replaces}", SERVER.ip());
            self.phone_command(id, Command::Refer { leg: on, to });
        }
    }

    /// A key of a supervisor's phone.
    pub(super) fn agent_presses(&mut self, id: u32, leg: LegId, digit: char) {
        let Some(audio) = self.phones.get(&id).map(|p| p.audio(leg)) else { return };
        if let Some(leg) = self.media.leg_to(audio) {
            let report = Report::Digit { leg, digit, at: self.now };
            self.after(Duration::ZERO, Due::Switch(Box::new(Input::Media(report))));
        }
    }

    /// Now and then somebody wants to hear a talk, or have a say in it.
    pub(super) fn listen_in(&mut self) {
        if self.rng.u8(..100) >= SUPERVISED_PERCENT {
            return;
        }
        let talks = |state| if let State::Talking { call } = state { Some(call) } else { None };
        let calls = self.switch.acd().agents().into_iter().filter_map(|a| talks(a.state));
        let call = self.rng.choice(calls.collect::<Vec<_>>());
        let users: Vec<String> = self.agents.iter().map(|a| a.user.clone()).collect();
        let (user, role) = (self.rng.choice(users), self.rng.choice(Role::ALL));
        let (Some(call), Some(user), Some(role)) = (call, user, role) else { return };
        let mut out = Vec::new();
        let done = self.switch.supervise(self.now, call, &user, role, &mut out);
        self.say(|| format!("{user} is to {} call {}: {done:?}", role.name(), call.0));
        self.work.extend(out);
    }
}
