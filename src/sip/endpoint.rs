//! The SIP core as one machine: messages and commands in, messages and events out.
//!
//! ```text
//!  Received ─► message ─► admit ─► check ─► layer (transactions) ┬─► in a dialog ─► mid
//!                             │ fault                           ├─► INVITE ──────► uas
//!                             ▼                                 ├─► REGISTER ────► digest, registrar
//!                      answer without state                     └─► response ────► uac, mid, register
//! ```
//! Faults, OPTIONS outside of a dialog and challenges are answered without keeping state (RFC 3261 §8.2.7), so junk costs
//! no memory.
//!
//! Known deviations: a contact that registers with a name is reached over the flow that it registered over; the `maddr` and TTL of a Via
//! are ignored (§18.1.1); of extensions there are 100rel, path, replaces and timer, any other in `Require` is refused; a PRACK that is
//! challenged is not sent again. REFER is served within a dialog only (RFC 3515 §2.4.2 allows others).

use super::admit::Admission;
use super::digest::Guard;
use super::event::{Command, EndCause, Event, Flow, Input, Output, PeerId};
use super::layer::{Layer, Seen};
use super::leg::{Leg, LegTimer};
use super::message::{Malformed, Message, Start};
use super::name::Method;
use super::options::Question;
use super::register::Registration;
use super::registrar::{Change, Registrar};
use super::reply::{Fault, check, reason_phrase};
use super::request::Request;
use super::settings::Config;
use super::syntax::Text;
use super::trace::Trace;
use super::transport::{Listener, SeenAs, Ways};
use super::uac::Outgoing;
use super::watch::Watch;
use crate::base::{LegId, Now, Pii, Timers};
use bytes::Bytes;
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;

/// Retry-After of a 503, in seconds: long enough for a burst to pass, short enough to be tried in the same call.
pub(super) const RETRY_AFTER_S: u32 = 5;

/// The SIP core.
pub struct Endpoint {
    /// Answer new INVITEs with 503 and Retry-After; calls under way go on (drain).
    pub refuse_new: bool,
    pub(super) config: Config,
    pub(super) rng: fastrand::Rng,
    pub(super) layer: Layer,
    pub(super) legs: BTreeMap<LegId, Box<Leg>>,
    /// Legs by our tag, which no two of them have; the Call-ID must be right too: [`Endpoint::leg_of`].
    pub(super) dialogs: HashMap<Text, LegId>,
    pub(super) timers: Timers<(LegId, LegTimer)>,
    pub(super) registrar: Registrar,
    pub(super) ways: Ways,
    /// Calls whose servers are being located, and whether the last of those may not be silent either.
    pub(super) locating: BTreeMap<LegId, (String, bool, Outgoing)>,
    pub(super) registrations: BTreeMap<PeerId, Registration>,
    /// Peers that are being asked whether they are alive.
    pub(super) questions: BTreeMap<PeerId, Question>,
    pub(super) guard: Guard,
    pub(super) watch: Watch,
    pub(super) trace: Trace,
    /// Legs that began with an INVITE from outside; those that are answered are left out in time.
    pub(super) offered: Vec<LegId>,
    next_leg: u64,
    pub(super) tag_salt: u64,
    /// To be said at the next step.
    pending: Vec<Change>,
    pub(super) dropped: BTreeMap<&'static str, u64>,
    pub(super) refused: BTreeMap<&'static str, u64>,
}

impl Endpoint {
    /// A core without calls.
    pub fn new(config: Config) -> Endpoint {
        let mut rng = fastrand::Rng::with_seed(config.seed);
        let guard = Guard::new(config.realm.clone(), config.sha256, rng.u128(..), config.accounts.clone());
        Endpoint {
            refuse_new: false,
            layer: Layer::default(),
            legs: BTreeMap::new(),
            dialogs: HashMap::new(),
            timers: Timers::default(),
            registrar: Registrar::default(),
            ways: Ways::new(config.listeners.clone(), config.seen_as.clone()),
            locating: BTreeMap::new(),
            registrations: BTreeMap::new(),
            questions: BTreeMap::new(),
            guard,
            watch: Watch::new(config.rules.clone()),
            trace: Trace::new(config.trace_octets),
            offered: Vec::new(),
            next_leg: 1,
            tag_salt: rng.u64(..),
            pending: Vec::new(),
            dropped: BTreeMap::new(),
            refused: BTreeMap::new(),
            rng,
            config,
        }
    }

    /// An id for a leg that the call is about to begin.
    pub fn new_leg(&mut self) -> LegId {
        let leg = LegId(self.next_leg);
        self.next_leg += 1;
        leg
    }

    /// Replaces the accounts; contacts of accounts that are gone are dropped at the next step.
    pub fn set_accounts(&mut self, accounts: BTreeMap<String, Pii<String>>) {
        self.guard.set_accounts(accounts);
        let guard = &self.guard;
        self.pending.extend(self.registrar.keep_users(|user| guard.knows(user)));
    }

    /// Listens elsewhere from now on, or is seen as another by some. Calls and transactions go on where they are; what begins
    /// where is listened no longer is dropped, and who we registered with from there is registered with anew.
    pub fn set_listeners(&mut self, now: Now, listeners: Vec<Listener>, seen_as: Vec<SeenAs>) {
        self.ways.change(listeners, seen_as);
        self.registrars_moved(now);
    }

    /// True if a call or a transaction goes over this address of ours.
    pub fn uses(&self, local: SocketAddr) -> bool {
        self.legs.values().any(|leg| leg.dialog.flow.local == local) || self.layer.uses(local)
    }

    /// When [`Endpoint::step`] wants a [`Input::Tick`]; `None` if nothing is pending.
    pub fn deadline(&self) -> Option<Now> {
        let registrations = self.registrations.values().filter_map(|r| r.due).min();
        let questions = self.questions.values().filter_map(|q| q.due).min();
        let legs = self.timers.next().map(|(at, _)| at);
        let pending = (!self.pending.is_empty()).then_some(Now(0));
        [self.layer.deadline(), legs, self.registrar.deadline(), registrations, questions, pending]
            .into_iter()
            .flatten()
            .min()
    }

    /// Takes one input at `now` and appends what is to be done to `out`.
    pub fn step(&mut self, now: Now, input: Input, out: &mut Vec<Output>) {
        let before = out.len();
        let changes = std::mem::take(&mut self.pending);
        say(changes, out);
        match input {
            Input::Received { flow, message } => self.received(now, flow, &message, out),
            Input::Unreachable { flow } => {
                self.layer.unreachable(now, flow, out);
                self.closed(now, flow, out);
            }
            Input::Closed { flow } => self.closed(now, flow, out),
            Input::Secured { flow, domains } => self.ways.secured(flow, domains),
            Input::Located { ask, hops } => self.located(now, ask, &hops, out),
            Input::Command(command) => self.command(now, command, out),
            Input::Tick => {}
        }
        self.settle(now, out);
        // Timers that are due are due whatever the input was.
        self.layer.tick(now, out);
        self.settle(now, out);
        while let Some((id, timer)) = self.timers.pop_due(now) {
            self.leg_timer(now, id, timer, out);
            self.settle(now, out);
        }
        say(self.registrar.tick(now), out);
        self.registrations_due(now, out);
        self.options_due(now, out);
        self.settle(now, out);
        self.trace.sent(now, out.get(before..).unwrap_or_default());
    }

    fn command(&mut self, now: Now, command: Command, out: &mut Vec<Output>) {
        match command {
            Command::Invite { leg, target, from, sdp, headers, credentials } => {
                self.invite(now, leg, target, Outgoing { from, sdp, headers, credentials }, out);
            }
            Command::Ring { leg } => self.ring(now, leg, out),
            Command::Answer { leg, sdp } => self.answer(now, leg, &sdp, out),
            Command::Refuse { leg, status, reason, retry_after_s } => {
                self.decline(now, leg, (status, &reason, retry_after_s), out);
            }
            Command::Challenge { leg } => self.challenge_leg(now, leg, out),
            Command::Offer { leg, sdp } => self.offer(now, leg, sdp, out),
            Command::Hangup { leg, .. } if self.not_located(leg, EndCause::WeHungUp, out) => {}
            Command::Hangup { leg, reason } => self.hangup(now, leg, reason, out),
            Command::Refer { leg, to } => self.refer(now, leg, &to, out),
            Command::ReferStatus { leg, status, reason } => self.refer_status(now, leg, status, &reason, out),
            Command::Register { peer, registrar, user, credentials, expires_s } => {
                self.register(now, (peer, registrar), &user, (credentials, expires_s), out);
            }
            Command::Unregister { peer } => self.unregister(now, peer, out),
            Command::Options { peer, target } => self.ask_options(now, peer, target, out),
        }
    }

    fn received(&mut self, now: Now, flow: Flow, octets: &Bytes, out: &mut Vec<Output>) {
        let mut message = match Message::parse(octets) {
            Ok(message) => message,
            Err(Malformed::KeepAlive) => return self.drop_count("keep-alive"),
            Err(Malformed::NotSip) => return self.drop_count("not SIP"),
            Err(Malformed::BadResponse) => return self.drop_count("bad response"),
        };
        if let Start::Response { .. } = message.start() {
            let envelope = message.envelope().ok();
            let found = envelope.and_then(|e| Some((self.layer.response(now, &message, &e, out)?, e)));
            let Some((owner, envelope)) = found else {
                return self.drop_count("response without transaction");
            };
            self.trace.received(now, flow, octets);
            if let Some(owner) = owner {
                self.responded(now, owner, (&message, &envelope), out);
            }
            return;
        }
        let Ok(remote) = message.received_from(flow.remote) else {
            return self.drop_count("request without usable Via");
        };
        let reply = if flow.transport.reliable() { flow } else { Flow { remote, ..flow } };
        let envelope = message.envelope();
        let fault = check(&message, &envelope);
        let ack = matches!(message.request(), Some((Method::Ack, _)));
        let envelope = match envelope {
            Ok(envelope) => envelope,
            Err(_) if ack => return self.drop_count("bad ACK"),
            Err(why) => {
                if let Some(why) = self.admit_broken(now, flow, &message) {
                    return self.drop_count(why);
                }
                self.trace.received(now, flow, octets);
                let fault = fault.err().unwrap_or(Fault::BadRequest(why));
                let message = fault.response(&message, &self.stateless_tag(&message));
                return out.push(Output::Transmit { flow: reply, message });
            }
        };
        let request = Request::new(flow, reply, &message, envelope);
        let admission = self.admit(now, &request, fault.as_ref().err());
        if let Admission::Dropped(why) = admission {
            return self.drop_count(why);
        }
        self.trace.received(now, flow, octets);
        if let Admission::Busy(why) = admission {
            return self.refuse_busy(why, &request, out);
        }
        self.ways.note_alias(&request);
        match (self.layer.receive(now, &request, out), fault) {
            (Seen::Absorbed, _) => {}
            (Seen::Ack, _) => match request.envelope.to.tag() {
                Some(tag) => self.in_dialog(now, &request, &tag, out),
                None => self.drop_count("ACK without dialog"),
            },
            (_, Err(fault)) => self.refuse(&fault, &request, out),
            (Seen::Merged, Ok(())) => self.refuse(&Fault::Merged, &request, out),
            (Seen::New, Ok(())) => self.new_request(now, &request, out),
        }
    }

    fn new_request(&mut self, now: Now, request: &Request, out: &mut Vec<Output>) {
        if request.envelope.method == Method::Cancel {
            return self.cancelled(now, request, out);
        }
        if self.layer.len() >= self.config.transactions_max {
            return self.refuse(&Fault::Unavailable(RETRY_AFTER_S), request, out);
        }
        if let Some(tag) = request.envelope.to.tag() {
            return self.in_dialog(now, request, &tag, out);
        }
        match request.envelope.method {
            Method::Invite if self.refuse_new => {
                self.refuse(&Fault::Unavailable(RETRY_AFTER_S), request, out);
            }
            Method::Invite => self.new_invite(now, request, out),
            Method::Register => self.registering(now, request, out),
            Method::Options => {
                let message = self.capabilities(request.message);
                out.push(Output::Transmit { flow: request.reply, message });
            }
            Method::Update | Method::Other(_) => self.refuse(&Fault::MethodNotAllowed, request, out),
            Method::Ack
            | Method::Bye
            | Method::Cancel
            | Method::Info
            | Method::Prack
            | Method::Subscribe
            | Method::Notify
            | Method::Refer
            | Method::Message
            | Method::Publish => self.refuse(&Fault::NoDialog, request, out),
        }
    }

    /// The leg whose dialog has this Call-ID and this tag of ours.
    pub(super) fn leg_of(&self, call_id: &str, tag: &str) -> Option<LegId> {
        let id = *self.dialogs.get(tag)?;
        self.legs.get(&id).is_some_and(|leg| leg.dialog.call_id == call_id).then_some(id)
    }

    /// Refuses a request without keeping state.
    pub(super) fn refuse(&mut self, fault: &Fault, request: &Request, out: &mut Vec<Output>) {
        if request.envelope.method == Method::Ack {
            return self.drop_count("bad ACK");
        }
        self.refuse_count(reason_phrase(fault.status()));
        self.say_fault(fault, request, out);
    }

    /// Answers without keeping state.
    pub(super) fn say_fault(&self, fault: &Fault, request: &Request, out: &mut Vec<Output>) {
        let message = fault.response(request.message, &self.stateless_tag(request.message));
        out.push(Output::Transmit { flow: request.reply, message });
    }

    /// A connection is gone, and with it who was reached over it.
    fn closed(&mut self, now: Now, flow: Flow, out: &mut Vec<Output>) {
        self.ways.closed(flow);
        self.registrar_closed(now, flow);
        say(self.registrar.unreachable(flow), out);
    }
}

pub(super) fn say(changes: impl IntoIterator<Item = Change>, out: &mut Vec<Output>) {
    out.extend(changes.into_iter().map(|(user, flow)| {
        Output::Event(match flow {
            Some(flow) => Event::Registered { user, flow },
            None => Event::Unregistered { user },
        })
    }));
}
