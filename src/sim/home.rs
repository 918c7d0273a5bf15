//! The server in its simulated home: Endpoint and Switch wired as `server.rs` wires them, with stand-ins for the rest.

use super::checks::Seen;
use super::media::{Due as MediaDue, Out as MediaOut};
use super::speech;
use super::world::{Canary, Due, World};
use crate::acd::AcdEvent;
use crate::base::{CallId, LegId, Pii};
use crate::call::{Input, Moment, Output};
use crate::config::Config;
use crate::ivr::ServiceReply;
use crate::media::{Command as MediaCommand, PlayEnd, Report};
use crate::sip::{self, Command, EndCause, Event, Flow, Target, Transport};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

/// Where the server is.
pub(super) const SERVER: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 5060));

/// An agent's password in this world.
pub(super) fn password(user: &str) -> String {
    format!("secret of {user}")
}

/// The accounts that a configuration comes to.
pub(super) fn accounts(config: &Config) -> BTreeMap<String, Pii<String>> {
    config.passwords.keys().map(|user| (user.clone(), Pii::new(password(user)))).collect()
}

impl World {
    /// A datagram of a phone sets off to the server.
    pub(super) fn send_to_server(&mut self, phone: u32, message: &Bytes) {
        let Some(remote) = self.phones.get(&phone).map(|p| p.addr) else { return };
        self.trace.wire(self.now, "sends", phone, message);
        let flow = Flow { transport: Transport::Udp, local: SERVER, remote };
        for after in self.net.carry(&mut self.rng).into_iter().flatten() {
            self.after(after, Due::ToServer { flow, message: message.clone() });
        }
    }

    fn send_to_phone(&mut self, flow: Flow, message: &Bytes) {
        let Some(id) = self.by_addr.get(&flow.remote).copied() else {
            if self.refusing.contains(&flow.remote) {
                self.after(Duration::from_millis(20), Due::Unreachable(flow));
            }
            return;
        };
        self.trace.wire(self.now, "is sent", id, message);
        for after in self.net.carry(&mut self.rng).into_iter().flatten() {
            self.after(after, Due::ToPhone { addr: flow.remote, message: message.clone() });
        }
    }

    /// Gives the server's endpoint one input.
    pub(super) fn sip(&mut self, input: sip::Input) {
        let mut out = Vec::new();
        self.server.step(self.now, input, &mut out);
        for output in out {
            match output {
                sip::Output::Transmit { flow, message } => self.send_to_phone(flow, &message),
                sip::Output::Event(event) => self.sip_event(event),
                // There are no names in this world.
                sip::Output::Locate { .. } => {}
            }
        }
    }

    fn sip_event(&mut self, event: Event) {
        match &event {
            Event::Incoming(incoming) => {
                if let Some(id) = self.by_addr.get(&incoming.flow.remote).copied() {
                    self.by_leg.insert(incoming.leg, id);
                    self.by_call_id.insert(incoming.call_id.clone(), id);
                    if let Some(caller) = self.callers.get_mut(&id) {
                        caller.server_leg = Some(incoming.leg);
                    }
                }
                self.say(|| format!("leg {} comes in", incoming.leg.0));
            }
            Event::Ended { leg, cause } => self.say(|| format!("leg {} ended: {cause:?}", leg.0)),
            Event::Answered { leg, .. } => self.say(|| format!("leg {} answered", leg.0)),
            Event::Offer { leg, .. } => self.say(|| format!("leg {} offers", leg.0)),
            Event::Registered { user, .. } => self.say(|| format!("{user} has registered")),
            Event::Unregistered { user } => self.say(|| format!("{user} is registered no more")),
            Event::Referred { leg, to } => self.say(|| format!("leg {} is to go to {}", leg.0, to.user)),
            Event::Progress { .. }
            | Event::OfferAnswered { .. }
            | Event::OfferRefused { .. }
            | Event::Reason { .. }
            | Event::ReferProgress { .. }
            | Event::Acknowledged { .. }
            | Event::Digit { .. }
            | Event::Registration { .. }
            | Event::Options { .. } => {}
        }
        self.see(&Seen::Event(&event));
        let goodbye = matches!(event, Event::Ended { cause: EndCause::PeerHungUp, .. });
        if goodbye && self.options.canary == Some(Canary::SwallowedGoodbye) && self.sings() {
            return;
        }
        self.give(Input::Sip(event));
    }

    /// True for one occasion in three: the canary sings.
    fn sings(&mut self) -> bool {
        self.canary_rng.u8(..3) == 0
    }

    /// Gives the switch one input.
    pub(super) fn give(&mut self, input: Input) {
        let mut out = Vec::new();
        self.switch.step(self.now, input, &mut out);
        self.work.extend(out);
    }

    /// Does what the switch wants, until it wants nothing more.
    pub(super) fn carry_out(&mut self) {
        let mut agents = false;
        while let Some(want) = self.work.pop_front() {
            match want {
                Output::Sip(command) => self.sip_command(command),
                Output::Media(command) => self.media_command(&command),
                Output::Open { leg, ip, near } => {
                    let port = self.media.open(leg, near);
                    let addr = port.map(|port| SocketAddr::new(ip, port));
                    self.say(|| format!("leg {} opens at {port:?}", leg.0));
                    let opened = Input::Opened { leg, addr };
                    // The vocabulary promises an answer, not that it comes at once.
                    match self.rng.u8(..10) {
                        0 => {
                            let after = Duration::from_millis(self.rng.u64(..40));
                            self.after(after, Due::Switch(Box::new(opened)));
                        }
                        _ => self.give(opened),
                    }
                }
                Output::Recognise { call, utterance, .. } => {
                    let caller = self.calls.get(&call).and_then(|id| self.callers.get(id));
                    let said = caller.map(|c| c.said.clone()).unwrap_or_default();
                    if let Some((after, heard)) = speech::recognise(&mut self.rng, &said) {
                        let input = Input::Recognised { call, utterance, waited: Duration::ZERO, heard };
                        self.after(after, Due::Switch(Box::new(input)));
                    }
                }
                Output::GoesOn { .. } => {}
                Output::Ticket(ticket) => self.say(|| format!("ticket {} of {}", ticket.number, ticket.kind)),
                Output::LookUp { call, ask, .. } => self.service(call, ask),
                Output::Render { lang, slow, text, .. } => {
                    let (after, prompt) = speech::render(&mut self.rng, lang, &text);
                    self.after(after, Due::Switch(Box::new(Input::Rendered { lang, slow, text, prompt })));
                }
                Output::Moment { call, sip_call_id, at, .. } => {
                    self.say(|| format!("call {}: {:?}", call.0, at.moment));
                    if matches!(at.moment, Moment::Incoming { .. })
                        && let Some(id) = self.by_call_id.remove(&*sip_call_id)
                    {
                        self.calls.insert(call, id);
                        if let Some(caller) = self.callers.get_mut(&id) {
                            caller.call = Some(call);
                        }
                    }
                    self.see(&Seen::Moment { call, moment: &at.moment });
                    self.caller_notices(call, &at.moment);
                }
                Output::Agent { user, state } => {
                    self.say(|| format!("agent {user} is {state:?}"));
                    self.tally.agent(self.now, &user, state);
                    agents = true;
                }
                Output::Acd(event) => {
                    self.say(|| format!("{event:?}"));
                    self.see(&Seen::Acd(&event));
                    if let AcdEvent::CallbackMissed { call, again: false, .. }
                    | AcdEvent::CallbackCancelled { call, .. }
                    | AcdEvent::Abandoned { call, .. }
                    | AcdEvent::TalkEnded { call, .. } = event
                    {
                        self.callback_is_over(call);
                    }
                }
                Output::Trunk { trunk, news } => self.say(|| format!("trunk {trunk}: {news:?}")),
                Output::TurnedAway { status, reason, .. } => {
                    self.say(|| format!("turned away: {status} {reason}"));
                }
                Output::Refused { why } => self.say(|| format!("refused: {why}")),
                Output::Record(cdr) => {
                    self.say(|| format!("call {} recorded: {:?} {:?}", cdr.id.0, cdr.result, cdr.ended_by));
                    self.see(&Seen::Record(&cdr));
                    self.tally.record(&cdr);
                    self.calls.remove(&cdr.id);
                }
            }
        }
        if agents {
            self.look_at_agents();
        }
    }

    /// Services are slow, down, or know nothing.
    fn service(&mut self, call: CallId, ask: u32) {
        let reply = match self.rng.u8(..3) {
            0 => None,
            1 => Some(ServiceReply { status: 404, body: Pii::new(String::new()) }),
            _ => Some(ServiceReply {
                status: 200,
                body: Pii::new("{\"due\": \"2026-03-09\", \"amount\": 12.5}".into()),
            }),
        };
        let after = Duration::from_millis(self.rng.u64(..9000));
        self.after(after, Due::Switch(Box::new(Input::LookedUp { call, ask, reply })));
    }

    /// Shows the checks every agent.
    pub(super) fn look_at_agents(&mut self) {
        let agents = self.switch.acd().agents();
        self.see(&Seen::Agents(&agents));
    }

    fn sip_command(&mut self, command: Command) {
        self.say(|| sip_words(&command));
        self.see(&Seen::Command(&command));
        if let Command::Invite { leg, target: Target::Uri { flow, .. }, .. } = &command
            && let Some(id) = self.by_addr.get(&flow.remote).copied()
        {
            self.by_leg.insert(*leg, id);
            self.callers.entry(id).and_modify(|caller| caller.server_leg = Some(*leg));
        }
        if let Command::Invite { leg, target: Target::User(_), .. } = &command
            && self.options.canary == Some(Canary::ReplayedOffer)
            && self.sings()
        {
            let mut again = command.clone();
            if let Command::Invite { leg: id, .. } = &mut again {
                *id = LegId(leg.0 | 1 << 62);
            }
            self.see(&Seen::Command(&again));
            self.sip(sip::Input::Command(again));
        }
        self.sip(sip::Input::Command(command));
    }

    fn media_command(&mut self, command: &MediaCommand) {
        self.say(|| media_words(command));
        let mut out = Vec::new();
        let leaks = matches!(command, MediaCommand::Close { .. })
            && self.options.canary == Some(Canary::ForgottenClose)
            && self.sings();
        if leaks {
            let leg = command.leg();
            out.push(MediaOut::Report(Report::Closed { leg, stats: crate::media::LegStats::default() }));
        } else {
            self.media.command(self.now, command, &mut out);
        }
        self.media_wants(out);
    }

    /// Carries out what the stand-in for the media plane wants.
    pub(super) fn media_wants(&mut self, out: Vec<MediaOut>) {
        for want in out {
            match want {
                MediaOut::Wake(after, due) => self.after(after, Due::Media(due)),
                MediaOut::Report(report) => {
                    match report {
                        Report::PlayStarted { leg, .. } => self.caller_hears(leg, false),
                        Report::PlayEnded { leg, end: PlayEnd::Finished, .. } => self.caller_hears(leg, true),
                        _ => {}
                    }
                    // The planes speak through a queue.
                    let after = Duration::from_micros(self.rng.u64(50..2000));
                    self.after(after, Due::Switch(Box::new(Input::Media(report))));
                }
            }
        }
        for what in std::mem::take(&mut self.media.broken) {
            self.blame("media-rules", what);
        }
    }

    pub(super) fn wake_media(&mut self, due: MediaDue) {
        let mut out = Vec::new();
        self.media.wake(self.now, due, &mut out);
        self.media_wants(out);
    }

    /// Another configuration is in force, as after SIGHUP.
    pub(super) fn reload(&mut self) {
        let Some(config) = self.rng.choice(&self.variants).cloned() else { return };
        self.say(|| format!("reload: {} agents", config.setup.agents.len()));
        self.server.set_accounts(accounts(&config));
        self.give(Input::Reload(config));
        self.sip(sip::Input::Tick);
    }

    /// Arms the wake-ups that the server's cores ask for.
    pub(super) fn arm_server(&mut self) {
        let (sip, switch) = (self.server.deadline(), self.switch.deadline());
        if let Some(at) = sip.map(|at| at.max(self.now)).filter(|at| self.armed.0.is_none_or(|a| *at < a)) {
            self.armed.0 = Some(at);
            self.at(at, Due::WakeServer);
        }
        if let Some(at) = switch.map(|at| at.max(self.now)).filter(|at| self.armed.1.is_none_or(|a| *at < a))
        {
            self.armed.1 = Some(at);
            self.at(at, Due::WakeSwitch);
        }
    }

    pub(super) fn wake_server(&mut self) {
        if self.armed.0 == Some(self.now) {
            self.armed.0 = None;
            if self.server.deadline().is_some_and(|at| at <= self.now) {
                self.sip(sip::Input::Tick);
            }
        }
    }

    pub(super) fn wake_switch(&mut self) {
        if self.armed.1 == Some(self.now) {
            self.armed.1 = None;
            if self.switch.deadline().is_some_and(|at| at <= self.now) {
                self.give(Input::Tick);
            }
        }
    }
}

fn sip_words(command: &Command) -> String {
    match command {
        Command::Invite { leg, target, .. } => format!("leg {} invites {target:?}", leg.0),
        Command::Ring { leg } => format!("leg {} rings", leg.0),
        Command::Answer { leg, .. } => format!("leg {} is answered", leg.0),
        Command::Refuse { leg, status, .. } => format!("leg {} is refused: {status}", leg.0),
        Command::Challenge { leg } => format!("leg {} is challenged", leg.0),
        Command::Hangup { leg, reason } => format!("leg {} is hung up: {reason}", leg.0),
        Command::Offer { leg, .. } => format!("leg {} offers", leg.0),
        Command::Refer { leg, to } => format!("leg {} asks for {to}", leg.0),
        Command::ReferStatus { leg, status, .. } => format!("transfer of leg {}: {status}", leg.0),
        Command::Register { user, .. } => format!("register {user}"),
        Command::Unregister { .. } => "unregister".to_owned(),
        Command::Options { peer, .. } => format!("asks peer {} for its options", peer.0),
    }
}

fn media_words(command: &MediaCommand) -> String {
    let leg = command.leg().0;
    match command {
        MediaCommand::Connect { to, .. } => format!("media {leg}: connect {} {:?}", to.remote, to.direction),
        MediaCommand::Play { play, repeat, skip_ms, .. } => {
            format!("media {leg}: play {} repeat {repeat} from {skip_ms} ms", play.0)
        }
        MediaCommand::Bridge { b, .. } => format!("media {leg}: bridge to {}", b.0),
        MediaCommand::Mix { parties } => format!("media {leg}: mix {parties:?}"),
        MediaCommand::Expect { expected, .. } => format!("media {leg}: expect {expected:?}"),
        MediaCommand::Listen { on, .. } => format!("media {leg}: listen {on}"),
        MediaCommand::Stop { .. } => format!("media {leg}: stop"),
        MediaCommand::Unbridge { .. } => format!("media {leg}: unbridge"),
        MediaCommand::Close { .. } => format!("media {leg}: close"),
        MediaCommand::Open { .. }
        | MediaCommand::Echo { .. }
        | MediaCommand::SendDigits { .. }
        | MediaCommand::Record { .. }
        | MediaCommand::Tape { .. }
        | MediaCommand::MoveRecord { .. }
        | MediaCommand::StopRecord { .. } => format!("media {leg}: other"),
    }
}
