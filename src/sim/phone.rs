//! A phone: one [`Endpoint`] behind the network, with a hold button. Callers and agents sit at one each.

use super::hold::Button;
use super::home::SERVER;
use super::world::{Due, World};
use crate::base::{Codec, Direction, LegId, Now};
use crate::sdp::{self, Local};
use crate::sip::{self, Endpoint, Flow, Transport};
use bytes::Bytes;
use std::net::SocketAddr;

/// Who sits at a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Caller,
    /// By number.
    Agent(usize),
}

/// One phone. It is one line, and its audio comes to one address a call.
#[derive(Debug)]
pub(super) struct Phone {
    pub(super) who: Who,
    pub(super) addr: SocketAddr,
    pub(super) endpoint: Endpoint,
    pub(super) button: Button,
    /// When it is woken.
    armed: Option<Now>,
    codecs: [Codec; 2],
    /// Counts the session descriptions.
    version: u64,
    pub(super) held: bool,
}

impl Phone {
    /// The way from this phone to the server.
    pub(super) fn flow(&self) -> Flow {
        Flow { transport: Transport::Udp, local: self.addr, remote: SERVER }
    }

    /// Where the audio of the call on `leg` comes to.
    pub(super) fn audio(&self, leg: LegId) -> SocketAddr {
        SocketAddr::new(self.addr.ip(), 4000 + 2 * (leg.0 % 20_000) as u16)
    }

    fn local(&mut self, leg: LegId, direction: Direction) -> Local<'_> {
        self.version += 1;
        let addr = self.audio(leg);
        Local { addr, session_id: leg.0, version: self.version, codecs: &self.codecs, direction, srtp: None }
    }

    pub(super) fn offer(&mut self, leg: LegId, direction: Direction) -> Bytes {
        sdp::offer(&self.local(leg, direction))
    }

    pub(super) fn answer(&mut self, leg: LegId, offer: &[u8]) -> Option<Bytes> {
        sdp::answer(offer, &self.local(leg, Direction::SendRecv)).ok().map(|(sdp, _)| sdp)
    }
}

impl World {
    /// Puts a phone on the network.
    pub(super) fn new_phone(&mut self, who: Who, addr: SocketAddr) -> u32 {
        let config =
            sip::Config { seed: self.rng.u64(..), user_agent: "sim".into(), ..sip::Config::default() };
        let codecs = match self.rng.bool() {
            true => [Codec::Pcma, Codec::Pcmu],
            false => [Codec::Pcmu, Codec::Pcma],
        };
        self.phones_made += 1;
        let id = self.phones_made;
        let phone = Phone {
            who,
            addr,
            endpoint: Endpoint::new(config),
            button: Button::new(addr),
            armed: None,
            codecs,
            version: 0,
            held: false,
        };
        self.phones.insert(id, phone);
        self.by_addr.insert(addr, id);
        id
    }

    /// The phone is gone: it neither says nor hears anything any more.
    pub(super) fn remove_phone(&mut self, id: u32) {
        if let Some(phone) = self.phones.remove(&id) {
            self.by_addr.remove(&phone.addr);
        }
    }

    pub(super) fn phone_command(&mut self, id: u32, command: sip::Command) {
        self.phone_step(id, sip::Input::Command(command));
    }

    /// A datagram of the server has come.
    pub(super) fn phone_received(&mut self, id: u32, message: Bytes) {
        let Some(phone) = self.phones.get_mut(&id) else { return };
        let (about_hold, reply) = phone.button.incoming(&message);
        if let Some(reply) = reply {
            self.send_to_server(id, &reply);
        }
        if !about_hold && let Some(flow) = self.phones.get(&id).map(Phone::flow) {
            self.phone_step(id, sip::Input::Received { flow, message });
        }
    }

    /// Gives the phone's endpoint one input, and carries out what it wants.
    pub(super) fn phone_step(&mut self, id: u32, input: sip::Input) {
        let Some(phone) = self.phones.get_mut(&id) else { return };
        let who = phone.who;
        let mut out = Vec::new();
        phone.endpoint.step(self.now, input, &mut out);
        for output in out {
            match output {
                sip::Output::Transmit { message, .. } => {
                    let Some(phone) = self.phones.get_mut(&id) else { return };
                    let message = phone.button.outgoing(message);
                    self.send_to_server(id, &message);
                }
                sip::Output::Locate { .. } => {}
                sip::Output::Event(event) => match who {
                    Who::Caller => self.caller_event(id, event),
                    Who::Agent(agent) => self.agent_event(agent, id, event),
                },
            }
        }
        self.arm_phone(id);
    }

    fn arm_phone(&mut self, id: u32) {
        let Some(phone) = self.phones.get_mut(&id) else { return };
        if let Some(at) = phone.endpoint.deadline().map(|at| at.max(self.now))
            && phone.armed.is_none_or(|armed| at < armed)
        {
            phone.armed = Some(at);
            self.at(at, Due::WakePhone(id));
        }
    }

    /// The time has come that the phone's endpoint asked for.
    pub(super) fn wake_phone(&mut self, id: u32) {
        let Some(phone) = self.phones.get_mut(&id).filter(|p| p.armed == Some(self.now)) else { return };
        phone.armed = None;
        match phone.endpoint.deadline() {
            Some(at) if at <= self.now => self.phone_step(id, sip::Input::Tick),
            _ => self.arm_phone(id),
        }
        self.put_away(id);
    }

    /// Puts away a phone that has nothing left to do.
    pub(super) fn put_away(&mut self, id: u32) {
        let idle = |p: &&Phone| p.endpoint.deadline().is_none();
        let Some(phone) = self.phones.get(&id).filter(idle) else { return };
        let left = phone.endpoint.dump();
        let done = match phone.who {
            Who::Caller => self.callers.get(&id).is_none_or(|c| c.over && c.booked.is_none()),
            Who::Agent(agent) => self.agents.get(agent).is_none_or(|a| a.phone != Some(id)),
        };
        if done {
            if !left.is_empty() {
                self.blame("nothing-left", format!("a phone with nothing to wait for still has:\n{left}"));
            }
            self.callers.remove(&id);
            self.remove_phone(id);
        }
    }

    /// Presses the hold button: holds, or resumes. `call_id` of the call on that leg; `None`: the newest.
    pub(super) fn press_hold(&mut self, id: u32, leg: LegId, call_id: Option<&str>) {
        let direction = [Direction::SendOnly, Direction::Inactive];
        let direction = self.rng.choice(direction).unwrap_or(Direction::SendOnly);
        let Some(phone) = self.phones.get_mut(&id) else { return };
        let newest = phone.button.newest("");
        let Some(call_id) = call_id.or(newest.as_deref()) else { return };
        let hold = !phone.held;
        let sdp = phone.offer(leg, if hold { direction } else { Direction::SendRecv });
        let Some(message) = phone.button.press(call_id, &sdp) else { return };
        phone.held = hold;
        self.say(|| format!("phone {id} {}", if hold { "holds" } else { "resumes" }));
        self.send_to_server(id, &message);
        self.repeat_hold_later(id);
    }

    fn repeat_hold_later(&mut self, id: u32) {
        if let Some(after) = self.phones.get(&id).and_then(|p| p.button.repeat_after()) {
            self.after(after, Due::RepeatHold(id));
        }
    }

    pub(super) fn repeat_hold(&mut self, id: u32) {
        if let Some(message) = self.phones.get_mut(&id).and_then(|p| p.button.repeat()) {
            self.send_to_server(id, &message);
            self.repeat_hold_later(id);
        }
    }
}
