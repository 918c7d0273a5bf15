//! An agent: its phone registers, rings, is answered, refused or ignored, and now and then breaks down.

use super::media::Plane;
use super::phone::Who;
use super::world::{Due, World};
use crate::acd::{NotReady, State};
use crate::base::{LegId, Pii};
use crate::call::Input;
use crate::sip::{Command, Credentials, Event, PeerId, Target};
use std::net::SocketAddr;
use std::time::Duration;

/// Mean time between two breakdowns or departures of one agent.
const LIFE_S: f64 = 2400.0;
/// Mean time between two breaks.
const WORK_S: f64 = 1800.0;
/// Mean length of a talk, as far as the agent ends it.
const TALK_S: f64 = 120.0;
/// Whoever let it ring is asked to come back after this long.
const REMINDED: Duration = Duration::from_secs(45);

/// One agent.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) user: String,
    addr: SocketAddr,
    /// Its phone, unless that is broken or switched off.
    pub(super) phone: Option<u32>,
    /// The call on the phone, and its Call-ID.
    pub(super) leg: Option<LegId>,
    pub(super) call_id: String,
    /// A call of the agent's own, and whom it is for.
    pub(super) consult: Option<LegId>,
    pub(super) asked: String,
}

/// Something that an agent does, or that happens to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// Switches the phone on, which registers.
    Start,
    Answer(LegId, bytes::Bytes),
    Reject(LegId, u16),
    HangUp(LegId),
    Hold(LegId),
    /// Hands the caller on.
    Transfer(LegId),
    /// Asks somebody on the other line, and then hands the caller over.
    Consult(LegId),
    HandOver(LegId),
    Key(LegId, char),
    /// The phone stops in the middle of everything.
    Crash,
    /// Switches the phone off properly.
    Leave,
    Break,
    Back,
}

impl World {
    pub(super) fn new_agents(&mut self) {
        for (i, user) in self.config.passwords.keys().enumerate() {
            let addr = SocketAddr::from(([10, 250, (i >> 8) as u8, i as u8], 5060));
            self.agents.push(Agent {
                user: user.clone(),
                addr,
                phone: None,
                leg: None,
                call_id: String::new(),
                consult: None,
                asked: String::new(),
            });
        }
        for i in 0..self.agents.len() {
            let after = Duration::from_millis(self.rng.u64(..20_000));
            self.after(after, Due::Agent(i, Act::Start));
            let until_break = self.exponential(WORK_S);
            self.after(until_break, Due::Agent(i, Act::Break));
        }
    }

    /// What an agent's phone says.
    pub(super) fn agent_event(&mut self, i: usize, id: u32, event: Event) {
        let Some(agent) = self.agents.get_mut(i) else { return };
        match event {
            Event::Incoming(incoming) => {
                let leg = incoming.leg;
                if agent.leg.is_some() || agent.consult.is_some() {
                    let reason = "Busy Here".into();
                    let refuse = Command::Refuse { leg, status: 486, reason, retry_after_s: None };
                    return self.phone_command(id, refuse);
                }
                (agent.leg, agent.call_id) = (Some(leg), incoming.call_id.clone());
                if let Some(phone) = self.phones.get_mut(&id) {
                    phone.held = false;
                }
                self.phone_command(id, Command::Ring { leg });
                let act = match self.rng.u8(..100) {
                    0..7 => return,
                    7..10 => Act::Reject(leg, 486),
                    10..13 => Act::Reject(leg, 603),
                    13..15 => Act::Reject(leg, 480),
                    15..17 => Act::Crash,
                    _ => Act::Answer(leg, incoming.sdp),
                };
                let after = Duration::from_millis(self.rng.u64(100..9000));
                self.after(after, Due::Agent(i, act));
                // A guest changes its role by key.
                let guest = incoming.headers.iter().any(|(name, _)| name == "X-Trunkline-Role");
                for key in ['1', '2', '3', '9'].into_iter().filter(|_| guest) {
                    let after = Duration::from_millis(self.rng.u64(5000..60_000));
                    self.after(after, Due::Agent(i, Act::Key(leg, key)));
                }
            }
            Event::Answered { leg, .. } if agent.consult == Some(leg) => self.consult_is_up(i, leg),
            Event::Ended { leg, .. } if agent.consult == Some(leg) => {
                self.consult_is_over(i, id);
                self.falls_silent(id, leg);
            }
            Event::Ended { leg, .. } if agent.leg == Some(leg) => {
                agent.leg = None;
                self.falls_silent(id, leg);
            }
            Event::Offer { leg, .. } => {
                let reason = "sim".into();
                self.phone_command(id, Command::Refuse { leg, status: 488, reason, retry_after_s: None });
            }
            Event::Registration { ok, status, .. } => {
                self.say(|| format!("phone {id} registration {ok} {status}"));
            }
            Event::Ended { .. }
            | Event::Progress { .. }
            | Event::Answered { .. }
            | Event::Acknowledged { .. }
            | Event::Digit { .. }
            | Event::Referred { .. }
            | Event::OfferAnswered { .. }
            | Event::OfferRefused { .. }
            | Event::Reason { .. }
            | Event::ReferProgress { .. }
            | Event::Registered { .. }
            | Event::Options { .. }
            | Event::Unregistered { .. } => {}
        }
    }

    /// An agent does what it was to do.
    pub(super) fn agent_acts(&mut self, i: usize, act: Act) {
        let Some(agent) = self.agents.get_mut(i) else { return };
        let (user, phone, on, consult) = (agent.user.clone(), agent.phone, agent.leg, agent.consult);
        self.say(|| format!("agent {user}: {}", format!("{act:?}").chars().take(30).collect::<String>()));
        match (act, phone) {
            (Act::Start, None) if !self.going_home => self.agent_starts(i, user),
            (Act::Answer(leg, offer), Some(id)) if on == Some(leg) => self.agent_answers(i, id, leg, &offer),
            (Act::Reject(leg, status), Some(id)) if on == Some(leg) => {
                let reason = String::new();
                self.phone_command(id, Command::Refuse { leg, status, reason, retry_after_s: None });
            }
            (Act::HangUp(leg), Some(id)) if on == Some(leg) || consult == Some(leg) => {
                self.phone_command(id, Command::Hangup { leg, reason: "" });
            }
            (Act::Hold(leg), Some(id)) if on == Some(leg) => {
                let call_id = self.agents.get(i).map(|a| a.call_id.clone()).unwrap_or_default();
                self.press_hold(id, leg, Some(&call_id));
                if self.phones.get(&id).is_some_and(|p| p.held) {
                    let after = Duration::from_millis(self.rng.u64(500..60_000));
                    self.after(after, Due::Agent(i, Act::Hold(leg)));
                }
            }
            (Act::Transfer(leg), Some(id)) if on == Some(leg) => {
                let to = self.somebody();
                self.phone_command(id, Command::Refer { leg, to: format!("sip:{to}@10.0.0.1") });
            }
            (Act::Consult(leg), Some(id)) if on == Some(leg) => self.agent_consults(i, id, leg),
            (Act::HandOver(leg), Some(id)) if on == Some(leg) => self.agent_hands_over(i, id, leg),
            (Act::Key(leg, key), Some(id)) if on == Some(leg) => self.agent_presses(id, leg, key),
            (Act::Crash, Some(id)) => {
                if self.rng.bool()
                    && let Some(phone) = self.phones.get(&id)
                {
                    // The host still runs and says that nobody listens on the port.
                    self.refusing.insert(phone.addr);
                }
                for leg in on.into_iter().chain(consult) {
                    self.falls_silent(id, leg);
                }
                self.remove_phone(id);
                self.agent_is_off(i);
            }
            (Act::Leave, Some(id)) => {
                for leg in on.into_iter().chain(consult) {
                    self.phone_command(id, Command::Hangup { leg, reason: "" });
                }
                self.phone_command(id, Command::Unregister { peer: PeerId(0) });
                self.agent_is_off(i);
            }
            (Act::Break, _) if !self.going_home => {
                self.give(Input::Acd(crate::acd::Input::NotReady { user, reason: None }));
                let back = Duration::from_millis(self.rng.u64(1000..240_000));
                self.after(back, Due::Agent(i, Act::Back));
                let next = self.exponential(WORK_S);
                self.after(back + next, Due::Agent(i, Act::Break));
            }
            (Act::Back, _) => self.give(Input::Acd(crate::acd::Input::Ready { user })),
            _ => {}
        }
    }

    fn agent_starts(&mut self, i: usize, user: String) {
        let Some(addr) = self.agents.get(i).map(|a| a.addr) else { return };
        if let Some(old) = self.by_addr.get(&addr).copied() {
            self.remove_phone(old);
        }
        self.refusing.remove(&addr);
        let id = self.new_phone(Who::Agent(i), addr);
        if let Some(agent) = self.agents.get_mut(i) {
            (agent.phone, agent.leg, agent.consult) = (Some(id), None, None);
        }
        let Some(registrar) = self.phones.get(&id).map(super::phone::Phone::flow) else { return };
        let password = Pii::new(super::home::password(&user));
        let credentials = Credentials { user: user.clone(), password };
        let registrar = Target::Uri { uri: format!("sip:{}", self.config.server.domain), flow: registrar };
        let (peer, expires_s) = (PeerId(0), self.rng.u32(60..300));
        self.phone_command(id, Command::Register { peer, registrar, user, credentials, expires_s });
        let end = match self.rng.bool() {
            true => Act::Crash,
            false => Act::Leave,
        };
        let after = self.exponential(LIFE_S);
        self.after(after, Due::Agent(i, end));
    }

    fn agent_answers(&mut self, i: usize, id: u32, leg: LegId, offer: &[u8]) {
        let Some(sdp) = self.phones.get_mut(&id).and_then(|p| p.answer(leg, offer)) else { return };
        self.phone_command(id, Command::Answer { leg, sdp });
        let talk = match self.rng.u8(..100) {
            // Answers and hangs up at once.
            0..6 => Duration::from_millis(self.rng.u64(..300)),
            _ => self.exponential(TALK_S),
        };
        self.after(talk, Due::Agent(i, Act::HangUp(leg)));
        if self.rng.u8(..10) == 0 {
            let after = Duration::from_millis(self.rng.u64(..60_000));
            self.after(after, Due::Agent(i, Act::Hold(leg)));
        }
        if self.rng.u8(..12) == 0 {
            let after = Duration::from_millis(self.rng.u64(..90_000));
            self.after(after, Due::Agent(i, Act::Transfer(leg)));
        }
        if self.rng.u8(..6) == 0 {
            let after = Duration::from_millis(self.rng.u64(500..60_000));
            self.after(after, Due::Agent(i, Act::Consult(leg)));
        }
        if self.rng.u8(..50) == 0 {
            let after = self.exponential(TALK_S);
            self.after(after, Due::Agent(i, Act::Crash));
        }
    }

    fn agent_is_off(&mut self, i: usize) {
        let Some(agent) = self.agents.get_mut(i) else { return };
        (agent.phone, agent.leg, agent.consult) = (None, None, None);
        let after = Duration::from_millis(self.rng.u64(20_000..600_000));
        self.after(after, Due::Agent(i, Act::Start));
    }

    /// The phone's audio for the call on `leg` stops.
    fn falls_silent(&mut self, id: u32, leg: LegId) {
        let Some(audio) = self.phones.get(&id).map(|p| p.audio(leg)) else { return };
        if let Some(leg) = self.media.leg_to(audio) {
            self.media_wants(vec![Plane::falls_silent(leg, false)]);
        }
    }

    /// Looks after agents who let it ring, or could not be reached: says that they are ready again.
    pub(super) fn supervise(&mut self) {
        for view in self.switch.acd().agents() {
            let left_out = matches!(view.state, State::NotReady(NotReady::NoAnswer | NotReady::Unreachable));
            if left_out && self.now.since(view.since) > REMINDED {
                self.give(Input::Acd(crate::acd::Input::Ready { user: view.user }));
            }
        }
    }
}
