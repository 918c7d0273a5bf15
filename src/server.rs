//! The wiring: cores and drivers on one control thread, and the order in which they start and stop.
//!
//! ```text
//! SipSockets ─► Endpoint ─► Switch ─► MediaPlane, Recognisers, Voice, Store, Control
//!      ▲            │          │
//!      └────────────┴──────────┴── one queue of work; every output is an input of the next core
//! ```
//! Stops on SIGTERM and SIGINT: new calls get 503, running ones have [`Options::drain`] to end, a second signal ends
//! them at once. SIGHUP reads the dialplans anew: a bad file changes nothing.

mod asked;
mod guarded;
mod listeners;
mod log;
mod reload;
mod start;

use crate::acd::Figures;
use crate::base::{Lang, Now};
use crate::call::{self, Answers, Switch, TrunkNews};
use crate::config::Config;
use crate::drive::control::{Answer, Control};
use crate::drive::files;
use crate::drive::http::{LookedUp, Services};
use crate::drive::media::{Backend, MediaPlane, ReportReceiver};
use crate::drive::recogniser::{Recognised, Recognisers, Sentence};
use crate::drive::sip::SipSockets;
use crate::drive::store::{self, Row};
use crate::drive::tickets::Tickets;
use crate::drive::voice::{Rendered, Voice};
use crate::limits::PREPARE_MAX;
use crate::nlu::Encoder;
use crate::sip;
use reload::{Beside, Loaded};
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tracing::{info, warn};

/// A change of the ACD is on disk after this long at most.
const KEEP_AFTER: Duration = Duration::from_secs(2);

/// How often files are looked at, where they are watched. Whoever saves several of them has time for it: a half-saved folder that
/// cannot be used changes nothing, and is read again with the next change.
const WATCH_EVERY: Duration = Duration::from_secs(2);

/// What the command line says.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder of dialplans.
    pub config: PathBuf,
    /// The folder of listening models and the sentence encoder.
    pub models: PathBuf,
    /// In place of the configured data folder.
    pub data: Option<PathBuf>,
    /// In place of the configured SIP port; 0 takes any that is free.
    pub port: Option<u16>,
    /// How long running calls may go on after SIGTERM.
    pub drain: Duration,
    /// Dialplans are reloaded when a file of theirs has changed.
    pub watch: bool,
    /// The program that is started for recognisers: this one.
    pub binary: PathBuf,
}

/// What the server came up with, to be told to whoever started it.
#[derive(Debug, Clone)]
pub struct Ready {
    pub sip: Vec<sip::Listener>,
    /// The configured port, if another had to be used.
    pub port_taken: Option<u16>,
    /// How audio goes to and from the kernel.
    pub backend: Backend,
    pub data: PathBuf,
    /// The listening model's file, if there is one.
    pub model: Option<PathBuf>,
    /// Why there is none.
    pub no_model: Option<String>,
    /// There is a sentence encoder.
    pub encodes: bool,
    /// Silero's detector tells callers from noise.
    pub tells_noise: bool,
    /// The neural voices; espeak-ng speaks where there is none.
    pub speaks: BTreeMap<Lang, String>,
    pub config: Arc<Config>,
}

/// A running server.
pub struct Server {
    options: Options,
    data: PathBuf,
    began: Instant,
    sockets: SipSockets,
    /// Where it listens.
    bound: Vec<listeners::Bound>,
    endpoint: sip::Endpoint,
    switch: Switch,
    media: MediaPlane,
    reports: ReportReceiver,
    recognisers: Option<Arc<Recognisers>>,
    recognised: mpsc::UnboundedReceiver<Recognised>,
    voice: Voice,
    rendered: mpsc::UnboundedReceiver<Rendered>,
    services: Services,
    looked_up: mpsc::UnboundedReceiver<LookedUp>,
    tickets: Tickets,
    store: store::Writer,
    control: Control,
    config: Arc<Config>,
    encoder: Option<Arc<dyn Encoder>>,
    reloading: Beside<Result<Loaded, String>, mpsc::Sender<Answer>>,
    work: VecDeque<call::Output>,
    figures: Figures,
    /// How fast callers were answered.
    answers: Answers,
    /// Events since the figures were stored.
    uncounted: u32,
    /// When the ACD's state is to be written down; set by what changes it.
    keep_at: Option<Now>,
    /// Bans are to be written down with it.
    bans_changed: bool,
    /// Why the ACD would not do what it was last asked for.
    refused: Option<String>,
    /// When the last call must have ended, once the server is stopping.
    stop_by: Option<Now>,
    /// The user that the server runs as.
    uid: u32,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("switch", &self.switch).finish_non_exhaustive()
    }
}

impl Server {
    fn unix_ms(&self) -> u64 {
        self.switch.epoch().unix_ms_at(self.now())
    }

    fn now(&self) -> Now {
        Now(u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// Renders what the lines say, so that the first caller waits for nothing; what takes longer than [`PREPARE_MAX`] is done while calls
    /// are taken. Done at once when it is all on disk.
    pub async fn prepare(&mut self) {
        self.carry_out();
        let count = self.switch.preparing();
        let since = Instant::now();
        while self.switch.preparing() > 0 {
            let left = PREPARE_MAX.saturating_sub(since.elapsed());
            let Ok(Some(r)) = tokio::time::timeout(left, self.rendered.recv()).await else { break };
            self.step(call::Input::Rendered { lang: r.lang, slow: r.slow, text: r.text, prompt: r.prompt });
        }
        let later = self.switch.preparing();
        info!(prompts = count - later, later, "prompts ready after {:.1?}", since.elapsed());
    }

    /// Serves until told to stop and the last call has ended.
    ///
    /// # Errors
    /// When signals cannot be received.
    pub async fn run(mut self) -> Result<(), String> {
        let on = |kind| signal(kind).map_err(|e| format!("signals: {e}"));
        let (mut term, mut int, mut hup) =
            (on(SignalKind::terminate())?, on(SignalKind::interrupt())?, on(SignalKind::hangup())?);
        let mut look = tokio::time::interval(WATCH_EVERY);
        let mut seen = files::stamp(&self.options.config);
        loop {
            self.carry_out();
            self.endpoint.backlog(self.now(), self.sockets.waiting());
            self.tell_bans();
            self.sockets.close_retired(|addr| self.endpoint.uses(addr));
            if self.stop_by.is_some_and(|by| self.switch.calls() == 0 || by <= self.now()) {
                break;
            }
            if self.keep_at.is_some_and(|at| at <= self.now()) {
                self.keep();
            }
            let due = [self.switch.deadline(), self.endpoint.deadline(), self.stop_by, self.keep_at];
            let due = due.into_iter().flatten().min();
            let wait = due.map_or(Duration::from_secs(3600), |at| at.since(self.now()));
            tokio::select! {
                input = self.sockets.recv() => self.sip(input),
                Some(report) = self.reports.recv() => self.step(call::Input::Media(report)),
                Some(r) = self.recognised.recv() => {
                    let Recognised { call, utterance, waited, heard } = r;
                    self.step(call::Input::Recognised { call, utterance, waited, heard });
                }
                Some(r) = self.rendered.recv() => {
                    self.step(call::Input::Rendered { lang: r.lang, slow: r.slow, text: r.text, prompt: r.prompt });
                }
                Some(r) = self.looked_up.recv() => {
                    self.step(call::Input::LookedUp { call: r.call, ask: r.ask, reply: r.reply });
                }
                Some(request) = self.control.recv() => self.asked(request).await,
                () = tokio::time::sleep(wait) => {
                    self.step(call::Input::Tick);
                    self.sip(sip::Input::Tick);
                }
                _ = term.recv() => self.stop(),
                _ = int.recv() => self.stop(),
                _ = hup.recv() => self.reload(Vec::new()),
                loaded = self.reloading.done() => self.reloaded(loaded).await,
                _ = look.tick(), if self.options.watch => {
                    let stamp = files::stamp(&self.options.config);
                    if stamp != seen {
                        seen = stamp;
                        self.reload(Vec::new());
                    }
                }
            }
        }
        self.keep();
        self.step(call::Input::EndAll);
        self.carry_out();
        self.last_words().await;
        info!("stopped");
        Ok(())
    }

    /// Has written down what is to survive a restart.
    fn keep(&mut self) {
        self.keep_at = None;
        if std::mem::take(&mut self.bans_changed) {
            self.store.write(Row::Bans(self.endpoint.kept_bans(self.now(), self.switch.epoch())));
        }
        self.store.write(Row::Kept(Box::new(self.switch.keep(self.now()))));
    }

    /// Lets the last BYEs out and the last records in.
    async fn last_words(&mut self) {
        let until = self.now() + Duration::from_secs(2);
        while self.switch.calls() > 0 && self.now() < until {
            tokio::select! {
                input = self.sockets.recv() => self.sip(input),
                Some(report) = self.reports.recv() => self.step(call::Input::Media(report)),
                () = tokio::time::sleep(Duration::from_millis(50)) => self.step(call::Input::Tick),
            }
            self.carry_out();
        }
    }

    fn stop(&mut self) {
        let now = self.now();
        if self.stop_by.is_some() {
            self.stop_by = Some(now);
            return;
        }
        info!(
            calls = self.switch.calls(),
            "stopping: new calls get 503, running ones have {:?}", self.options.drain
        );
        self.stop_by = Some(now + self.options.drain);
        self.endpoint.refuse_new = true;
        self.step(call::Input::Drain);
    }

    fn step(&mut self, input: call::Input) {
        let mut out = Vec::new();
        let began = Instant::now();
        self.switch.step(self.now(), input, &mut out);
        self.switch.took(began.elapsed());
        self.work.extend(out);
    }

    fn sip(&mut self, input: sip::Input) {
        let mut out = Vec::new();
        self.endpoint.step(self.now(), input, &mut out);
        for output in out {
            match output {
                sip::Output::Transmit { flow, message } => self.sockets.send(flow, message),
                sip::Output::Locate { ask, uri } => self.sockets.locate(ask, uri),
                sip::Output::Event(event) => {
                    let began = match &event {
                        sip::Event::Incoming(incoming) => Some(incoming.leg),
                        _ => None,
                    };
                    self.step(call::Input::Sip(event));
                    self.note_leg(began);
                }
            }
        }
    }

    /// Does what the switch wants, until it wants nothing more.
    fn carry_out(&mut self) {
        while let Some(want) = self.work.pop_front() {
            match want {
                call::Output::Sip(command) => {
                    if let sip::Command::Invite { leg, .. } = &command {
                        self.note_leg(Some(*leg));
                    }
                    self.sip(sip::Input::Command(command));
                }
                call::Output::Media(command) => self.media.send(command),
                call::Output::Open { leg, ip, near } => {
                    let addr = self.media.open(leg, ip, near).ok();
                    self.step(call::Input::Opened { leg, addr });
                }
                call::Output::Recognise { call, utterance, lang, expected, early, samples } => {
                    match &self.recognisers {
                        Some(pool) => {
                            pool.submit(Sentence { call, utterance, lang, expected, early, samples });
                        }
                        None => {
                            let heard = Err(crate::ivr::NotHeard::Unavailable);
                            self.step(call::Input::Recognised {
                                call,
                                utterance,
                                waited: Duration::ZERO,
                                heard,
                            });
                        }
                    }
                }
                call::Output::GoesOn { call, lang, begins, samples } => {
                    if let Some(pool) = &self.recognisers {
                        pool.goes_on(call, lang, begins, samples);
                    }
                }
                call::Output::LookUp { call, line, ask, request } => {
                    let whose = (line, request.lookup.clone());
                    let headers = self.config.secrets.get(&whose).cloned().unwrap_or_default();
                    self.services.ask(call, ask, request, headers);
                }
                call::Output::Ticket(ticket) => self.tickets.keep(ticket),
                call::Output::Render { lang, slow, text, keep } => {
                    self.voice.render((lang, slow), text, keep);
                }
                call::Output::Moment { call, sip_call_id, at, turn } => {
                    log::moment(call.0, &at.moment, turn.as_deref(), self.config.server.log_personal);
                    self.control.tell(&sip_call_id, &at, turn.as_deref());
                }
                call::Output::Agent { user, state } => info!(agent = user, state = state.name(), "agent"),
                call::Output::Acd(event) => {
                    self.keep_at.get_or_insert(self.now() + KEEP_AFTER);
                    let at = self.unix_ms();
                    self.figures.add(at, &event);
                    self.store.write(Row::Acd(at, event));
                    self.uncounted += 1;
                    if self.uncounted >= crate::limits::FIGURES_STORED_EVERY {
                        self.uncounted = 0;
                        self.store.write(Row::Figures(Box::new(self.figures.checkpoint())));
                    }
                }
                call::Output::Trunk { trunk, news } => match news {
                    TrunkNews::Registered => info!(trunk, "registered"),
                    TrunkNews::NotRegistered { status } => warn!(trunk, status, "not registered"),
                    TrunkNews::Up => info!(trunk, "the trunk answers"),
                    TrunkNews::Down { status } => {
                        warn!(trunk, status, "the trunk does not answer: others are called first");
                    }
                },
                call::Output::TurnedAway { from, dialled, status, reason } => {
                    info!(%from, dialled, status, reason, "a call was turned away");
                }
                call::Output::Refused { why } => self.refused = Some(why),
                call::Output::Record(cdr) => {
                    log::record(&cdr);
                    self.answers.add(&cdr);
                    self.store.write(Row::Call(cdr));
                }
            }
        }
    }
}
