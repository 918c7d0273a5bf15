//! The world around a switch under test: opens ports, renders at once, answers `Close`; the rest is the test's.

use super::super::*;
use crate::acd::State;
use crate::base::{CallId, Epoch, Lang, LegId, Now, Pii};
use crate::config::{self, Config};
use crate::ivr::{Heard, NotHeard};
use crate::media::{Command as Media, LegStats, PlayEnd, PlayId, Prompt, Report};
use crate::sip::{self, Command as Sip, EndCause, Event, Flow, Transport};
use std::sync::Arc;
use std::time::Duration;

pub(super) const CALLER: LegId = LegId(1);
pub(super) const PHONE: &[u8] = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
    m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";

/// Open in the first hour of 1970-01-01, a Thursday, and again from 09:00.
const HOURS: &str =
    "[[hours]]\nname = \"office\"\nzone = \"UTC\"\nweek = { thu = \"00:00-01:00, 09:00-18:00\" }\n";

/// The sample dialplans, with this added to the repair queue, and this to the trunk of server.toml.
pub(super) fn config(extra: &str, trunk: &str) -> Config {
    config_with(|team| with_extra(team, extra), |server| format!("{server}{trunk}"))
}

fn with_extra(team: &str, extra: &str) -> String {
    let name = "name = \"city-repair\"\n";
    team.replacen(name, &format!("{name}{extra}"), 1)
}

/// The same with these applied to team.toml and server.toml.
fn config_with(team: impl Fn(&str) -> String, server: impl Fn(&str) -> String) -> Config {
    let server = server(include_str!("../../../dialplans/server.toml"));
    let team = team(include_str!("../../../dialplans/team.toml"));
    let files = [
        ("hours.toml", HOURS),
        ("server.toml", &server),
        ("team.toml", &team),
        ("city-12345.toml", include_str!("../../../dialplans/city-12345.toml")),
        ("bank.toml", include_str!("../../../dialplans/bank.toml")),
    ]
    .map(|(name, text)| config::File { name: name.into(), text: text.into() });
    let mut config = config::load(&files).unwrap_or_else(|problems| panic!("{problems:#?}"));
    for (trunk, user) in config.server.trunks.iter().filter_map(|t| Some((&t.name, &t.login.as_ref()?.0))) {
        let password = Pii::new("secret".into());
        config.logins.insert(trunk.clone(), sip::Credentials { user: user.clone(), password });
    }
    config
}

fn flow() -> Flow {
    let at = |port| ([127, 0, 0, 1], port).into();
    Flow { transport: Transport::Udp, local: at(5060), remote: at(5070) }
}

/// The world around a switch: opens ports, renders at once, answers `Close`; everything else is up to the test.
pub(super) struct World {
    pub(super) switch: Switch,
    pub(super) now: Now,
    pub(super) log: Vec<Output>,
    pub(super) records: Vec<Cdr>,
    pub(super) playing: Option<(LegId, PlayId, bool)>,
    /// Of a prompt that is stopped: how much was played and how much is left, in ms.
    pub(super) stops_at: (u64, u64),
    /// What plays on every other leg.
    others: Vec<(LegId, PlayId)>,
    /// The agent's leg of the newest INVITE, and every leg that was hung up or whose stream was closed.
    pub(super) invited: Option<LegId>,
    pub(super) hung_up: Vec<LegId>,
    pub(super) closed: Vec<LegId>,
    pub(super) ports: bool,
    /// Texts are rendered at once, else when the test says so.
    pub(super) renders: bool,
    /// What the next INVITE claims.
    pub(super) claims: sip::Claims,
    /// Where calls come from.
    pub(super) remote: std::net::SocketAddr,
    /// The leg that the next INVITE is to take the place of.
    pub(super) replaces: Option<LegId>,
    /// The registration that calls come by.
    pub(super) peer: Option<sip::PeerId>,
    /// What certificate the next INVITE comes with.
    pub(super) domains: Vec<String>,
    /// Further fields of the next INVITE.
    pub(super) headers: Vec<(String, String)>,
}

impl World {
    pub(super) fn new() -> World {
        World::with("")
    }

    /// A world whose repair queue has this, too.
    pub(super) fn with(extra: &str) -> World {
        World::made(config(extra, ""), None)
    }

    /// A world with another team.toml, and this after the trunk.
    pub(super) fn with_team(team: impl Fn(&str) -> String, trunk: &str) -> World {
        World::made(config_with(team, |server| format!("{server}{trunk}")), None)
    }

    /// A world with another server.toml.
    pub(super) fn with_server(extra: &str, server: impl Fn(&str) -> String) -> World {
        World::made(config_with(|team| with_extra(team, extra), server), None)
    }

    /// A world whose trunk has this, too, and more tables after it.
    pub(super) fn with_trunk(extra: &str, trunk: &str) -> World {
        World::made(config(extra, trunk), None)
    }

    /// A world that takes up what another has kept.
    pub(super) fn restarted(extra: &str, kept: Option<Kept>) -> World {
        World::made(config(extra, ""), kept)
    }

    fn made(config: Config, kept: Option<Kept>) -> World {
        let prompt = Arc::new(Prompt { pcmu: vec![0xff; 800].into(), pcma: vec![0xd5; 800].into() });
        let mut out = Vec::new();
        let with = SwitchConfig {
            config: Arc::new(config),
            epoch: Epoch { unix_ms: 1_000_000 },
            first_call: CallId(1),
            kept,
            listens: true,
            tone: prompt.clone(),
            voicemail: Some("messages".into()),
            music: prompt,
            recordings: None,
            secret: crate::base::Secret::new([7; 32]),
        };
        let switch = Switch::new(Now(0), with, &mut out);
        let mut world = World {
            switch,
            now: Now(1000),
            log: Vec::new(),
            records: Vec::new(),
            playing: None,
            stops_at: (50, 150),
            others: Vec::new(),
            invited: None,
            hung_up: Vec::new(),
            closed: Vec::new(),
            ports: true,
            renders: true,
            claims: sip::Claims::default(),
            remote: flow().remote,
            replaces: None,
            peer: None,
            domains: Vec::new(),
            headers: Vec::new(),
        };
        world.obey(out);
        world
    }

    pub(super) fn obey(&mut self, out: Vec<Output>) {
        for o in out {
            match &o {
                Output::Render { lang, slow, text, .. } if self.renders => {
                    self.rendered((*lang, *slow), text);
                }
                Output::Open { leg, .. } => {
                    let addr = self.ports.then(|| ([127, 0, 0, 1], 20_000).into());
                    self.give(Input::Opened { leg: *leg, addr });
                }
                Output::Media(Media::Close { leg }) => {
                    assert!(!self.closed.contains(leg), "{leg:?} closed twice");
                    self.closed.push(*leg);
                    self.give(Input::Media(Report::Closed { leg: *leg, stats: LegStats::default() }));
                }
                Output::Media(Media::Play { leg, play, repeat, .. }) if *leg == CALLER => {
                    self.playing = Some((*leg, *play, *repeat));
                    self.give(Input::Media(Report::PlayStarted { leg: *leg, play: *play, at: self.now }));
                }
                Output::Media(Media::Stop { leg }) if self.playing.is_some_and(|(l, ..)| l == *leg) => {
                    let (played_ms, left_ms) = self.stops_at;
                    let (leg, play, _) = self.playing.take().unwrap();
                    let end = PlayEnd::Stopped { played_ms, left_ms };
                    self.give(Input::Media(Report::PlayEnded { leg, play, end, at: self.now }));
                }
                Output::Media(Media::Play { leg, play, repeat: false, .. }) => {
                    self.others.push((*leg, *play));
                }
                Output::Sip(Sip::Invite {
                    target: sip::Target::Uri { .. } | sip::Target::Name(_) | sip::Target::OneOf(_),
                    ..
                }) => {}
                Output::Sip(Sip::Invite { leg, .. }) => self.invited = Some(*leg),
                Output::Sip(Sip::Hangup { leg, .. } | Sip::Refuse { leg, .. }) => self.hung_up.push(*leg),
                Output::Record(cdr) => self.records.push((**cdr).clone()),
                _ => {}
            }
            self.log.push(o);
        }
    }

    pub(super) fn give(&mut self, input: Input) {
        let mut out = Vec::new();
        self.switch.step(self.now, input, &mut out);
        self.obey(out);
    }

    /// A text has been rendered.
    pub(super) fn rendered(&mut self, (lang, slow): (Lang, bool), text: &str) {
        let prompt = Arc::new(Prompt { pcmu: vec![0xff; 1600].into(), pcma: vec![0xd5; 1600].into() });
        self.give(Input::Rendered { lang, slow, text: text.to_owned(), prompt: Some(prompt) });
    }

    pub(super) fn event(&mut self, event: Event) {
        self.give(Input::Sip(event));
    }

    pub(super) fn later(&mut self, seconds: u64) {
        let until = self.now + Duration::from_secs(seconds);
        while let Some(at) = self.switch.deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.give(Input::Tick);
        }
        self.now = until;
    }

    pub(super) fn prompt_ends(&mut self) {
        if let Some((leg, play, false)) = self.playing.take() {
            self.give(Input::Media(Report::PlayEnded { leg, play, end: PlayEnd::Finished, at: self.now }));
        }
    }

    /// Everything that plays on `leg` ends.
    pub(super) fn end_of_play(&mut self, leg: LegId) {
        let (ending, others) = std::mem::take(&mut self.others).into_iter().partition(|(l, _)| *l == leg);
        self.others = others;
        for (leg, play) in ending {
            self.give(Input::Media(Report::PlayEnded { leg, play, end: PlayEnd::Finished, at: self.now }));
        }
    }

    /// The agent has heard what was said before the caller.
    pub(super) fn agent_prompt_ends(&mut self) {
        if let Some(leg) = self.invited {
            self.end_of_play(leg);
        }
    }

    pub(super) fn supervise(&mut self, call: u64, user: &str, role: Role) -> std::result::Result<(), String> {
        let mut out = Vec::new();
        let done = self.switch.supervise(self.now, CallId(call), user, role, &mut out);
        self.obey(out);
        done
    }

    pub(super) fn close(&mut self, name: &str, closed: bool) -> std::result::Result<(), String> {
        let done = self.switch.close(self.now, name, closed);
        self.give(Input::Tick);
        done
    }

    /// Reloads with this in place of what the repair queue had.
    pub(super) fn reload(&mut self, extra: &str) {
        self.give(Input::Reload(Arc::new(config(extra, ""))));
    }

    pub(super) fn dial(&mut self, number: &str, sdp: &'static [u8]) {
        self.dial_with(CALLER, number, sdp, None);
    }

    /// An agent's phone calls, if `account` is given.
    pub(super) fn dial_from(&mut self, leg: LegId, number: &str, account: Option<&str>) {
        self.dial_with(leg, number, PHONE, account);
    }

    fn dial_with(&mut self, leg: LegId, number: &str, sdp: &'static [u8], account: Option<&str>) {
        self.event(Event::Incoming(Box::new(sip::Incoming {
            leg,
            flow: Flow { remote: self.remote, ..flow() },
            peer: self.peer,
            domains: self.domains.clone(),
            replaces: self.replaces,
            dialled: number.into(),
            uri: format!("sip:{number}@127.0.0.1"),
            to: number.into(),
            caller: Pii::new("13800000000".into()),
            claims: self.claims.clone(),
            caller_name: None,
            call_id: "abc".into(),
            sdp: sdp.into(),
            account: account.map(str::to_owned),
            headers: self.headers.clone(),
        })));
    }

    /// Dials and is answered.
    pub(super) fn call(&mut self) {
        self.dial("12345", PHONE);
        self.event(Event::Acknowledged { leg: CALLER, sdp: b"".as_slice().into() });
    }

    pub(super) fn speak(&mut self, text: &str) {
        self.hear(Ok(Heard::new(text, 0.9)));
    }

    pub(super) fn hear(&mut self, heard: Result2) {
        let at = self.now;
        self.give(Input::Media(Report::SpeechStarted { leg: CALLER, began: at, at }));
        let samples: Arc<[i16]> = vec![0; 8000].into();
        let ended =
            Report::SpeechEnded { leg: CALLER, speech_started_at: at, speech_ended_at: at, at, samples };
        self.give(Input::Media(ended));
        let last = self.log.iter().rev().find_map(|o| match o {
            Output::Recognise { call, utterance, .. } => Some((*call, *utterance)),
            _ => None,
        });
        let (call, utterance) = last.expect("a sentence goes to the recogniser");
        self.give(Input::Recognised { call, utterance, waited: Duration::ZERO, heard });
    }

    pub(super) fn register(&mut self, user: &str) {
        self.event(Event::Registered { user: user.into(), flow: flow() });
    }

    /// The agent answers, and the caller hears the last words first.
    pub(super) fn answer(&mut self) -> LegId {
        let leg = self.invited.expect("an agent's phone rings");
        self.event(Event::Answered { leg, sdp: PHONE.into() });
        self.prompt_ends();
        leg
    }

    pub(super) fn state(&self, user: &str) -> State {
        self.switch.acd().agents().into_iter().find(|a| a.user == user).unwrap().state
    }

    /// The one record, after everything is closed and nothing is left.
    pub(super) fn record(&mut self) -> Cdr {
        self.later(3);
        assert_eq!(self.records.len(), 1, "one call, one record");
        assert!(self.switch.is_idle(), "something was left behind: {:?}", self.switch);
        // The next call may have the same leg.
        self.closed.clear();
        self.records.pop().unwrap()
    }
}

pub(super) type Result2 = std::result::Result<Heard, NotHeard>;

pub(super) fn ended(leg: LegId, cause: EndCause) -> Event {
    Event::Ended { leg, cause }
}
