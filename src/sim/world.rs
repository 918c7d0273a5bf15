//! The world: virtual time, one queue of what is to come, and everybody in it.

use super::agent::{self, Agent};
use super::caller::{self, Caller};
use super::checks::{Checks, Seen, Verdict};
use super::media::{Due as MediaDue, Plane};
use super::net::Net;
use super::phone::Phone;
use super::report::{Report, Tally};
use super::trace::Trace;
use super::{home, speech};
use crate::acd::{self, AgentSetup, CallbackRule};
use crate::base::{CallId, Epoch, Lang, LegId, Now};
use crate::call::{self, Output, Switch, SwitchConfig};
use crate::config::{Config, Password};
use crate::sip::{self, Endpoint, Flow};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Every call must be over this long after the last has come; agents stay until then.
const PATIENCE: Duration = Duration::from_secs(1800);
/// How often callers are looked at who should not be in silence.
const LISTEN_EVERY: Duration = Duration::from_secs(3);
/// Events at one instant that are taken for a world that never comes to rest.
const AT_ONCE_MAX: u64 = 100_000;

/// A bug put in on purpose: the checks must find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Canary {
    /// The call does not hear that its caller (or agent) hung up.
    SwallowedGoodbye,
    /// An agent is rung a second time for the same offer.
    ReplayedOffer,
    /// A leg's stream is not closed.
    ForgottenClose,
}

impl Canary {
    pub const ALL: [Canary; 3] = [Canary::SwallowedGoodbye, Canary::ReplayedOffer, Canary::ForgottenClose];
}

/// What is to be simulated.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    pub seed: u64,
    /// How long callers come; the run goes on until the last has gone.
    pub hours: f64,
    pub callers_per_hour: f64,
    pub canary: Option<Canary>,
    /// Events kept for the report of a failure.
    pub trace: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { seed: 0, hours: 1.0, callers_per_hour: 120.0, canary: None, trace: 40 }
    }
}

/// `config` with agents added until there are `count`, who serve every queue.
pub fn with_agents(config: &Config, count: usize) -> Config {
    let mut config = config.clone();
    let queues: Vec<String> = config.setup.queues.iter().map(|q| q.name.clone()).collect();
    for i in config.setup.agents.len()..count {
        let user = format!("sim{i}");
        config.passwords.insert(user.clone(), Password::Generated);
        config.setup.agents.push(AgentSetup::new(&user, &user, queues.clone()));
    }
    config
}

/// Runs one world to its end, or to the first broken promise.
pub fn run(options: Options, config: &Arc<Config>) -> Report {
    let mut world = World::new(options, config);
    world.live();
    world.report()
}

/// Something that is to come.
#[derive(Debug)]
pub(super) enum Due {
    ToServer { flow: Flow, message: Bytes },
    ToPhone { addr: SocketAddr, message: Bytes },
    Unreachable(Flow),
    WakeServer,
    WakeSwitch,
    WakePhone(u32),
    RepeatHold(u32),
    Media(MediaDue),
    Switch(Box<call::Input>),
    Caller(u32, caller::Act),
    Agent(usize, agent::Act),
    NewCaller,
    Minute,
    Listen,
    Reload,
    GoHome,
}

/// Everything there is.
pub(super) struct World {
    pub(super) now: Now,
    pub(super) options: Options,
    pub(super) rng: fastrand::Rng,
    /// Apart, so that a canary changes nothing before it sings.
    pub(super) canary_rng: fastrand::Rng,
    queue: BTreeMap<(Now, u64), Due>,
    serial: u64,
    events: u64,
    pub(super) config: Arc<Config>,
    /// What may be reloaded.
    pub(super) variants: Vec<Arc<Config>>,
    pub(super) server: Endpoint,
    pub(super) switch: Switch,
    /// When endpoint and switch are woken.
    pub(super) armed: (Option<Now>, Option<Now>),
    pub(super) work: VecDeque<Output>,
    pub(super) media: Plane,
    pub(super) net: Net,
    pub(super) phones: BTreeMap<u32, Phone>,
    pub(super) phones_made: u32,
    pub(super) by_addr: HashMap<SocketAddr, u32>,
    /// Hosts that say so when nobody listens on the port.
    pub(super) refusing: BTreeSet<SocketAddr>,
    pub(super) callers: BTreeMap<u32, Caller>,
    pub(super) callers_made: u32,
    pub(super) agents: Vec<Agent>,
    /// Callers' phones by the server's leg, by SIP Call-ID until the call has its number, and by call.
    pub(super) by_leg: HashMap<LegId, u32>,
    pub(super) by_call_id: HashMap<String, u32>,
    pub(super) calls: HashMap<CallId, u32>,
    /// Since when callers hear nothing who should.
    pub(super) silent: BTreeMap<u32, Now>,
    pub(super) going_home: bool,
    checks: Checks,
    pub(super) trace: Trace,
    pub(super) tally: Tally,
}

impl World {
    fn new(options: Options, config: &Arc<Config>) -> World {
        let mut rng = fastrand::Rng::with_seed(options.seed);
        let config = &if rng.bool() { calling_back(config) } else { config.clone() };
        let server = Endpoint::new(sip::Config {
            seed: rng.u64(..),
            realm: config.server.domain.clone(),
            accounts: home::accounts(config),
            ..sip::Config::default()
        });
        let music = speech::render(&mut fastrand::Rng::with_seed(0), Lang::En, "music").1;
        let music =
            music.unwrap_or_else(|| Arc::new(crate::media::Prompt { pcmu: [].into(), pcma: [].into() }));
        let with = SwitchConfig {
            config: config.clone(),
            epoch: Epoch { unix_ms: 1_767_225_600_000 },
            first_call: CallId(1),
            kept: None,
            listens: rng.u8(..12) > 0,
            tone: music.clone(),
            music,
            voicemail: Some("messages".into()),
            recordings: None,
            secret: crate::base::Secret::new([7; 32]),
        };
        let mut out = Vec::new();
        let switch = Switch::new(Now(0), with, &mut out);
        // Every fourth world is short of ports.
        let ports = if rng.u8(..4) == 0 { rng.u16(6..16) } else { 400 };
        let mut world = World {
            now: Now(0),
            canary_rng: fastrand::Rng::with_seed(options.seed),
            net: Net::new(&mut rng),
            rng,
            queue: BTreeMap::new(),
            serial: 0,
            events: 0,
            config: config.clone(),
            variants: variants(config),
            server,
            switch,
            armed: (None, None),
            work: out.into(),
            media: Plane::new(ports),
            phones: BTreeMap::new(),
            phones_made: 0,
            by_addr: HashMap::new(),
            refusing: BTreeSet::new(),
            callers: BTreeMap::new(),
            callers_made: 0,
            agents: Vec::new(),
            by_leg: HashMap::new(),
            by_call_id: HashMap::new(),
            calls: HashMap::new(),
            silent: BTreeMap::new(),
            going_home: false,
            checks: Checks::new(config),
            trace: Trace::new(options.trace),
            tally: Tally::default(),
            options,
        };
        world.new_agents();
        world.after(Duration::from_secs(5), Due::NewCaller);
        world.after(Duration::from_secs(60), Due::Minute);
        world.after(LISTEN_EVERY, Due::Listen);
        world.after(Duration::from_secs(600), Due::Reload);
        let until = Duration::from_secs_f64(world.options.hours * 3600.0) + PATIENCE;
        world.after(until, Due::GoHome);
        world
    }

    /// Takes what comes next until nothing comes any more, or a check fails.
    fn live(&mut self) {
        self.carry_out();
        self.arm_server();
        let mut at_once = 0;
        while let Some(((at, _), due)) = self.queue.pop_first() {
            at_once = if at > self.now { 0 } else { at_once + 1 };
            self.now = self.now.max(at);
            self.events += 1;
            self.take(due);
            self.carry_out();
            self.arm_server();
            if at_once > AT_ONCE_MAX {
                self.blame("comes-to-rest", "the same instant goes on for ever".into());
            }
            if self.checks.verdict.is_some() {
                return;
            }
        }
        self.last_look();
    }

    fn take(&mut self, due: Due) {
        match due {
            Due::ToServer { flow, message } => self.sip(sip::Input::Received { flow, message }),
            Due::ToPhone { addr, message } => {
                if let Some(id) = self.by_addr.get(&addr).copied() {
                    self.phone_received(id, message);
                }
            }
            Due::Unreachable(flow) => self.sip(sip::Input::Unreachable { flow }),
            Due::WakeServer => self.wake_server(),
            Due::WakeSwitch => self.wake_switch(),
            Due::WakePhone(id) => self.wake_phone(id),
            Due::RepeatHold(id) => self.repeat_hold(id),
            Due::Media(due) => self.wake_media(due),
            Due::Switch(input) => self.give(*input),
            Due::Caller(id, act) => self.caller_acts(id, act),
            Due::Agent(i, act) => self.agent_acts(i, act),
            Due::NewCaller => {
                self.new_caller();
                let next = self.exponential(3600.0 / self.options.callers_per_hour.max(0.001));
                let until = Duration::from_secs_f64(self.options.hours * 3600.0);
                if self.now + next < Now(0) + until {
                    self.after(next, Due::NewCaller);
                }
            }
            Due::Minute if !self.going_home => {
                self.supervise();
                self.listen_in();
                self.look_at_agents();
                self.after(Duration::from_secs(60), Due::Minute);
            }
            Due::Reload if !self.going_home => {
                self.reload();
                let next = Duration::from_secs(self.rng.u64(300..1800));
                self.after(next, Due::Reload);
            }
            Due::Listen if !self.going_home => {
                self.listen_for_silence();
                self.after(LISTEN_EVERY, Due::Listen);
            }
            Due::Minute | Due::Listen | Due::Reload => {}
            Due::GoHome => {
                self.going_home = true;
                let booked: Vec<CallId> = self.callers.values().filter_map(|c| c.booked).collect();
                for call in booked {
                    self.give(call::Input::Acd(acd::Input::CallbackCancelled { call }));
                }
                for i in 0..self.agents.len() {
                    self.agent_acts(i, agent::Act::Leave);
                }
            }
        }
    }

    /// When nothing is to come any more, nothing may be left.
    fn last_look(&mut self) {
        self.see(&Seen::End);
        if !self.switch.is_idle() {
            let left: String = format!("{:?}", self.switch).chars().take(2000).collect();
            self.blame("nothing-left", format!("the switch is not idle: {left}"));
        }
        if let Some(at) = self.switch.deadline() {
            self.blame("nothing-left", format!("the switch still has a timer at {at:?}"));
        }
        let left = self.server.dump();
        if !left.is_empty() {
            self.blame("nothing-left", format!("the endpoint still has:\n{left}"));
        }
        if let Some(left) = self.media.left() {
            self.blame("nothing-left", left);
        }
        let phones: Vec<u32> = self.phones.keys().copied().collect();
        if !phones.is_empty() {
            self.blame("nothing-left", format!("phones {phones:?} still wait for something"));
        }
    }

    // ── For everybody ────────────────────────────────────────────────────────────────────────────────────────

    pub(super) fn at(&mut self, at: Now, due: Due) {
        self.serial += 1;
        self.queue.insert((at, self.serial), due);
    }

    pub(super) fn after(&mut self, after: Duration, due: Due) {
        self.at(self.now + after, due);
    }

    /// An exponentially distributed time of this mean.
    pub(super) fn exponential(&mut self, mean_s: f64) -> Duration {
        Duration::from_secs_f64((-(1.0 - self.rng.f64()).ln() * mean_s).min(86_400.0))
    }

    pub(super) fn say(&mut self, text: impl FnOnce() -> String) {
        self.trace.say(self.now, text());
    }

    /// Shows the checks what has happened.
    pub(super) fn see(&mut self, seen: &Seen<'_>) {
        self.checks.see(self.now, seen);
    }

    /// A promise is broken that is no check's of its own.
    pub(super) fn blame(&mut self, check: &'static str, what: String) {
        self.checks.blame(Verdict { check, at_ms: self.now.ms(), what });
    }

    fn report(self) -> Report {
        let verdict = self.checks.verdict;
        Report {
            seed: self.options.seed,
            virtual_s: (self.now.ms() as f64 / 1000.0).min(self.options.hours * 3600.0),
            events: self.events,
            digest: self.trace.digest(),
            datagrams: self.net.sent,
            datagrams_lost: self.net.lost,
            datagrams_repeated: self.net.repeated,
            bad_percent: self.net.bad_percent,
            callers: self.callers_made,
            legs: self.media.opened,
            ports_exhausted: self.media.exhausted,
            calls: self.checks.calls,
            tally: self.tally.finish(self.now),
            trace: if verdict.is_some() { self.trace.newest() } else { Vec::new() },
            verdict,
        }
    }
}

/// `config` with queues that call back.
fn calling_back(config: &Config) -> Arc<Config> {
    let mut config = config.clone();
    for queue in &mut config.setup.queues {
        queue.callback = CallbackRule { attempts: 2, gap: Duration::from_secs(60) };
        config.words.entry(queue.name.clone()).or_default().callback = true;
    }
    Arc::new(config)
}

/// Configurations to reload: the same, one without its last agent, one in which the first serves one queue less.
fn variants(config: &Arc<Config>) -> Vec<Arc<Config>> {
    let mut without = (**config).clone();
    if let Some(agent) = without.setup.agents.pop() {
        without.passwords.remove(&agent.user);
    }
    let mut less = (**config).clone();
    if let Some(agent) = less.setup.agents.first_mut().filter(|a| a.queues.len() > 1) {
        agent.queues.pop();
    }
    vec![config.clone(), Arc::new(without), Arc::new(less)]
}
