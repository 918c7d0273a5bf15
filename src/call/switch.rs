//! The switch: finds the call that an input is about, and settles what the ACD wants.

use super::callback::Booking;
use super::cdr::{self, EndedBy};
use super::event::{Input, Output, SwitchConfig};
use super::journey::{Call, Due, Stage};
use super::leg::Terms;
use super::peers::Peers;
use super::speaking::Library;
use super::trunks::{TrunkView, Trunks};
use crate::acd::{self, Acd};
use crate::base::{CallId, Epoch, LegId, Now, Secret, Timers};
use crate::config::Config;
use crate::ivr;
use crate::media::{self, Prompt, Report};
use crate::sip::{self, Flow};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// What all calls share; lent to the call that is being stepped.
pub(super) struct Shared {
    pub(super) config: Arc<Config>,
    pub(super) epoch: Epoch,
    pub(super) library: Library,
    pub(super) timers: Timers<(CallId, Due)>,
    pub(super) music: Arc<Prompt>,
    pub(super) listens: bool,
    pub(super) recordings: Option<std::path::PathBuf>,
    /// What the ACD is to be told when the step is over.
    pub(super) acd: Vec<acd::Input>,
    /// How each registered user's phone is reached.
    pub(super) homes: HashMap<String, Flow>,
    pub(super) by_leg: HashMap<LegId, CallId>,
    /// What goes over which trunk.
    pub(super) trunks: Trunks,
    pub(super) peers: Peers,
    /// Calls whose last words are cut short: the customer is called back now, and would be busy.
    pub(super) hang_up: Vec<CallId>,
    /// Places kept for customers who are to be called back, by what the ACD calls them.
    pub(super) callbacks: BTreeMap<CallId, Booking>,
    /// Callbacks in progress: what the ACD calls them, and the call that it is now.
    pub(super) tickets: HashMap<CallId, CallId>,
    /// Messages go into this folder, if any.
    pub(super) voicemail: Option<std::path::PathBuf>,
    /// After it a message is recorded.
    pub(super) tone: Arc<Prompt>,
    /// The call that a turn was taken in, in this step.
    pub(super) turned: Option<CallId>,
    /// Where the keys of encrypted legs come from.
    secret: Secret,
    next_leg: u64,
}

impl Shared {
    /// What may be agreed on with whoever is reached over this trunk.
    pub(super) fn over(&self, trunk: Option<&str>) -> Terms<'_> {
        let server = &self.config.server;
        Terms { codecs: server.codecs_over(trunk), srtp: server.srtp_over(trunk), secret: &self.secret }
    }

    /// The same with this user's phone.
    pub(super) fn with_phone(&self, user: &str) -> Terms<'_> {
        Terms { srtp: self.config.srtp_with(user), ..self.over(None) }
    }

    /// An id for a leg that we begin: from the upper half, so that it never meets one of the SIP core's.
    pub(super) fn new_leg(&mut self, call: CallId) -> LegId {
        self.next_leg += 1;
        let leg = LegId(1 << 63 | self.next_leg);
        self.by_leg.insert(leg, call);
        leg
    }
}

/// The core of the product.
pub struct Switch {
    pub(super) shared: Shared,
    pub(super) acd: Acd,
    /// Boxed, for a tree keeps room for nearly twice as many as it holds, and a call is large.
    pub(super) calls: BTreeMap<CallId, Box<Call>>,
    pub(super) next_call: u64,
    pub(super) draining: bool,
    /// Queues and lines that are closed whatever their hours say.
    pub(super) closed_by_hand: BTreeSet<String>,
    /// When a queue opens or closes next.
    pub(super) hours_at: Option<Now>,
}

impl std::fmt::Debug for Switch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Switch").field("calls", &self.calls).field("acd", &self.acd).finish_non_exhaustive()
    }
}

impl Switch {
    /// A switch without calls. Asks for every prompt that its lines can say.
    pub fn new(now: Now, with: SwitchConfig, out: &mut Vec<Output>) -> Switch {
        let mut switch = Switch {
            acd: Acd::new(&with.config.setup, now),
            shared: Shared {
                config: with.config,
                epoch: with.epoch,
                library: Library::default(),
                timers: Timers::default(),
                music: with.music,
                listens: with.listens,
                recordings: with.recordings,
                acd: Vec::new(),
                homes: HashMap::new(),
                by_leg: HashMap::new(),
                trunks: Trunks::default(),
                peers: Peers::default(),
                hang_up: Vec::new(),
                callbacks: BTreeMap::new(),
                tickets: HashMap::new(),
                voicemail: with.voicemail,
                tone: with.tone,
                turned: None,
                secret: with.secret,
                next_leg: 0,
            },
            calls: BTreeMap::new(),
            next_call: with.first_call.0,
            draining: false,
            closed_by_hand: BTreeSet::new(),
            hours_at: None,
        };
        switch.prepare(out);
        switch.shared.peers.take_up(now, &switch.shared.config, out);
        switch.keep_hours(now);
        if let Some(kept) = with.kept {
            switch.take_up(now, &kept, out);
        }
        switch
    }

    /// Renders what the lines can say.
    fn prepare(&mut self, out: &mut Vec<Output>) {
        let config = self.shared.config.clone();
        for line in &config.lines {
            for (lang, text) in line.prompts() {
                self.shared.library.keep(lang, &text, out);
            }
            for (lang, words) in
                line.languages.iter().flat_map(|l| config.words.values().map(move |w| (*l, w)))
            {
                for text in words.prompts(lang) {
                    self.shared.library.keep(lang, text, out);
                }
            }
        }
    }

    /// Calls in progress.
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    /// The call that a leg belongs to.
    pub fn call_of(&self, leg: LegId) -> Option<CallId> {
        self.shared.by_leg.get(&leg).copied()
    }

    /// Prompts asked for and not rendered yet.
    pub fn preparing(&self) -> usize {
        self.shared.library.asked()
    }

    /// What its times count from.
    pub fn epoch(&self) -> Epoch {
        self.shared.epoch
    }

    /// The ACD, for boards.
    pub fn acd(&self) -> &Acd {
        &self.acd
    }

    /// What has gone over each trunk.
    pub fn trunks(&self) -> Vec<TrunkView> {
        self.shared.trunks.view(&self.shared.config.server.trunks, &self.shared.peers)
    }

    /// When to be called next.
    pub fn deadline(&self) -> Option<Now> {
        let timers = self.shared.timers.next().map(|(at, _)| at);
        [timers, self.shared.peers.deadline(), self.acd.deadline(), self.hours_at].into_iter().flatten().min()
    }

    /// Takes one input; appends what is to be done.
    pub fn step(&mut self, now: Now, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Sip(event) => self.sip(now, event, out),
            Input::Media(report) => {
                let leg = media_leg(&report);
                self.with_leg(leg, out, |call, shared, out| call.media(now, report, shared, out));
            }
            Input::Opened { leg, addr: Some(_) } if !self.shared.by_leg.contains_key(&leg) => {
                // Its call is over and recorded: give the port back.
                out.push(Output::Media(media::Command::Close { leg }));
            }
            Input::Opened { leg, addr } => {
                self.with_leg(leg, out, |call, shared, out| call.opened(now, leg, addr, shared, out));
            }
            Input::Recognised { call, utterance, waited, heard } => {
                self.with(call, out, |call, shared, out| {
                    call.recognised(now, utterance, waited, heard, shared, out);
                });
            }
            Input::LookedUp { call, ask, reply } => {
                let input = ivr::Input::LookedUp { ask, reply };
                self.with(call, out, |call, shared, out| call.dialog(now, input, shared, out));
            }
            Input::Rendered { lang, slow, text, prompt } => {
                self.shared.library.rendered(lang, slow, text, prompt);
                let waiting: Vec<CallId> =
                    self.calls.iter().filter(|(_, c)| c.awaits_voice()).map(|(id, _)| *id).collect();
                for id in waiting {
                    self.with(id, out, |call, shared, out| call.rendered(now, false, shared, out));
                }
            }
            Input::Reload(config) => {
                self.shared.config = config;
                if !self.draining {
                    self.shared.peers.take_up(now, &self.shared.config, out);
                }
                let mut wants = Vec::new();
                self.acd.reload(&self.shared.config.setup, now, &mut wants);
                self.prepare(out);
                self.keep_hours(now);
                self.settle(now, wants, out);
            }
            Input::Acd(input) => self.shared.acd.push(input),
            Input::Drain => {
                self.draining = true;
                self.shared.peers.leave_all(out);
            }
            Input::EndAll => {
                for id in self.calls.keys().copied().collect::<Vec<_>>() {
                    self.with(id, out, |call, shared, out| call.end_by_server(now, shared, out));
                }
            }
            Input::Tick => {
                while let Some((id, due)) = self.shared.timers.pop_due(now) {
                    self.with(id, out, |call, shared, out| call.due(now, due, shared, out));
                }
                self.shared.peers.tick(now, out);
                self.hours_due(now);
                self.shared.acd.push(acd::Input::Tick);
            }
        }
        self.settle(now, Vec::new(), out);
    }

    /// Tells the ACD what the calls said, and the calls what the ACD wants, until both are silent.
    pub(super) fn settle(&mut self, now: Now, mut wants: Vec<acd::Output>, out: &mut Vec<Output>) {
        loop {
            for id in std::mem::take(&mut self.shared.hang_up) {
                let booked = cdr::Result::CallbackBooked;
                self.with(id, out, |call, s, out| {
                    if call.stage == Stage::Closing(booked) {
                        call.end(now, EndedBy::Line, booked, s, out);
                    }
                });
            }
            for input in std::mem::take(&mut self.shared.acd) {
                self.acd.step(now, input, &mut wants);
            }
            if wants.is_empty() {
                return;
            }
            for want in std::mem::take(&mut wants) {
                match want {
                    acd::Output::Agent { user, state } => out.push(Output::Agent { user, state }),
                    acd::Output::Event(event) => {
                        if let acd::AcdEvent::CallbackMissed { call, again: false, .. }
                        | acd::AcdEvent::CallbackCancelled { call, .. }
                        | acd::AcdEvent::Abandoned { call, .. } = &event
                        {
                            self.shared.callbacks.remove(call);
                        }
                        out.push(Output::Acd(event));
                    }
                    acd::Output::Offer { offer, call, user, callback: true, decision, .. }
                        if !self.shared.tickets.contains_key(&call) =>
                    {
                        self.call_back(now, call, (offer, user, *decision), out);
                    }
                    acd::Output::Refused { why } => out.push(Output::Refused { why }),
                    acd::Output::Offer { call, .. }
                    | acd::Output::Withdraw { call, .. }
                    | acd::Output::Announce { call, .. }
                    | acd::Output::Comfort { call, .. }
                    | acd::Output::Overflow { call, .. } => {
                        let id = self.shared.tickets.get(&call).copied().unwrap_or(call);
                        self.with(id, out, |c, shared, out| c.acd(now, want, shared, out));
                    }
                }
            }
        }
    }

    fn sip(&mut self, now: Now, event: sip::Event, out: &mut Vec<Output>) {
        match event {
            sip::Event::Incoming(incoming) => self.incoming(now, &incoming, out),
            sip::Event::Registered { user, flow } => {
                self.shared.homes.insert(user.clone(), flow);
                self.shared.acd.push(acd::Input::Registered { user, endpoint: acd::Endpoint::Phone });
            }
            sip::Event::Unregistered { user } => {
                self.shared.homes.remove(&user);
                self.shared.acd.push(acd::Input::Unregistered { user, endpoint: acd::Endpoint::Phone });
            }
            sip::Event::Registration { .. } | sip::Event::Options { .. } => {
                self.shared.peers.sip(now, &event, out);
            }
            sip::Event::Referred { leg, to } => self.referred(now, leg, &to, out),
            sip::Event::Progress { leg, .. }
            | sip::Event::Answered { leg, .. }
            | sip::Event::Acknowledged { leg, .. }
            | sip::Event::Offer { leg, .. }
            | sip::Event::Ended { leg, .. }
            | sip::Event::OfferAnswered { leg, .. }
            | sip::Event::OfferRefused { leg, .. }
            | sip::Event::Reason { leg, .. }
            | sip::Event::Digit { leg, .. }
            | sip::Event::ReferProgress { leg, .. } => {
                self.with_leg(leg, out, |call, shared, out| call.sip(now, event, shared, out));
            }
        }
    }

    fn with_leg(
        &mut self,
        leg: LegId,
        out: &mut Vec<Output>,
        f: impl FnOnce(&mut Call, &mut Shared, &mut Vec<Output>),
    ) {
        if let Some(id) = self.shared.by_leg.get(&leg).copied() {
            self.with(id, out, f);
        }
    }

    /// Steps one call, and takes it away when it is over.
    pub(super) fn with(
        &mut self,
        id: CallId,
        out: &mut Vec<Output>,
        f: impl FnOnce(&mut Call, &mut Shared, &mut Vec<Output>),
    ) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        f(call, &mut self.shared, out);
        if let Some(cdr) = call.record() {
            out.push(Output::Record(Box::new(cdr)));
            call.forget(&mut self.shared);
            self.calls.remove(&id);
        }
    }

    /// True if no call, leg, timer or reservation is left.
    pub fn is_idle(&self) -> bool {
        self.calls.is_empty()
            && self.shared.timers.is_empty()
            && self.shared.by_leg.is_empty()
            && self.shared.trunks.is_idle()
            && self.shared.tickets.is_empty()
            && self.acd.is_idle()
    }
}

/// The leg that a report is about.
fn media_leg(report: &Report) -> LegId {
    match report {
        Report::PlayStarted { leg, .. }
        | Report::PlayEnded { leg, .. }
        | Report::Digit { leg, .. }
        | Report::SpeechStarted { leg, .. }
        | Report::SpeechPaused { leg, .. }
        | Report::SpeechResumed { leg }
        | Report::SpeechGoesOn { leg, .. }
        | Report::SpeechEnded { leg, .. }
        | Report::Latched { leg, .. }
        | Report::Lost { leg, .. }
        | Report::Unrecorded { leg, .. }
        | Report::Degraded { leg, .. }
        | Report::Fault { leg, .. }
        | Report::Closed { leg, .. } => *leg,
    }
}
