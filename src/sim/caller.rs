//! A caller: whom it calls, what it says, how patient it is, and what goes wrong with it.

use super::media::Plane;
use super::phone::Who;
use super::speech::{self, Wish};
use super::world::{Due, World};
use crate::base::{CallId, Lang, LegId, Now};
use crate::call::{Input, Moment};
use crate::ivr::Plan;
use crate::media::Report;
use crate::sip::{self, Command, EndCause, Event};
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Mean patience while waiting for an agent.
const PATIENCE_S: f64 = 240.0;
/// Mean length of a talk, as far as the caller ends it.
const TALK_S: f64 = 150.0;

/// A caller with an agent who hears nothing for longer has been forgotten. Questions have pauses.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// One caller.
#[derive(Debug)]
pub(super) struct Caller {
    /// The phone's leg.
    leg: LegId,
    /// The server's leg and call.
    pub(super) server_leg: Option<LegId>,
    pub(super) call: Option<CallId>,
    plan: Arc<Plan>,
    lang: Lang,
    /// What the line said last.
    prompt: String,
    speaking: bool,
    /// The sentence spoken last.
    pub(super) said: String,
    /// Talks with an agent, or did: from then on there is no silence.
    pub(super) bridged: bool,
    pub(super) over: bool,
    /// Is to be called back, for this call.
    pub(super) booked: Option<CallId>,
    /// The offer of whoever calls back.
    offer: Bytes,
}

/// Something that a caller does, or that happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    HangUp,
    /// Hangs up unless an agent has come.
    Impatient,
    /// Answers what the line has said, or interrupts it.
    Turn,
    SpeechEnds {
        since: Now,
    },
    /// The hang-over of a sentence that this ear has heard is over.
    Silent {
        since: Now,
        ended: Now,
        ear: u32,
    },
    Hold,
    /// Presses 1 while waiting: asks to be called back.
    AskCallback,
    /// Answers whoever calls back.
    Answer,
    /// Is gone without a word: no BYE, no RTP.
    Vanish,
    /// The server's media plane has a fault with this leg, or with any.
    Fault,
    Degraded,
}

impl World {
    /// Somebody calls.
    pub(super) fn new_caller(&mut self) {
        self.callers_made += 1;
        let [_, a, b, c] = self.callers_made.to_be_bytes();
        // One in a hundred comes from where no trunk is.
        let stranger = self.rng.u8(..100) == 0;
        let addr = SocketAddr::from(([if stranger { 203 } else { 10 }, 1 + a, b, c], 5060));
        let Some(plan) = self.rng.choice(&self.config.lines).cloned() else { return };
        let lang = match self.rng.u8(..10) {
            0 => self.rng.choice(&plan.languages).copied(),
            _ => plan.languages.first().copied(),
        };
        let id = self.new_phone(Who::Caller, addr);
        let wrong = self.rng.u8(..100) == 0;
        let number = plan.numbers.first().filter(|_| !wrong).map_or("999", String::as_str).to_owned();
        let late_offer = self.rng.u8(..100) == 0;
        let Some(phone) = self.phones.get_mut(&id) else { return };
        let leg = phone.endpoint.new_leg();
        let sdp = match late_offer {
            true => Bytes::new(),
            false => phone.offer(leg, crate::base::Direction::SendRecv),
        };
        let target =
            sip::Target::Uri { uri: format!("sip:{number}@{}", super::home::SERVER), flow: phone.flow() };
        let caller = Caller {
            leg,
            server_leg: None,
            call: None,
            plan,
            lang: lang.unwrap_or(Lang::En),
            prompt: String::new(),
            speaking: false,
            said: String::new(),
            bridged: false,
            over: false,
            booked: None,
            offer: Bytes::new(),
        };
        self.callers.insert(id, caller);
        self.say(|| format!("phone {id} calls {number}"));
        let from = format!("<sip:138{id:08}@{}>", addr.ip());
        let headers = Vec::new();
        self.phone_command(id, Command::Invite { leg, target, from, sdp, headers, credentials: None });
        self.fate(id);
    }

    /// What will happen to this caller whatever the line does.
    fn fate(&mut self, id: u32) {
        let mut chance = |percent: u8, act: Act, within_ms: u64| {
            if self.rng.u8(..100) < percent {
                let after = Duration::from_millis(self.rng.u64(..within_ms));
                self.after(after, Due::Caller(id, act));
            }
        };
        chance(4, Act::HangUp, 300);
        chance(8, Act::HangUp, 120_000);
        chance(2, Act::Vanish, 200_000);
        chance(1, Act::Vanish, 500);
        chance(1, Act::Fault, 120_000);
        chance(2, Act::Degraded, 60_000);
        for _ in 0..2 {
            chance(4, Act::Hold, 90_000);
        }
    }

    /// What a caller's phone says.
    pub(super) fn caller_event(&mut self, id: u32, event: Event) {
        match event {
            Event::Ended { leg, cause } if self.callers.get(&id).is_none_or(|c| c.leg == leg) => {
                self.say(|| format!("phone {id} is done: {cause:?}"));
                let Some(caller) = self.callers.get_mut(&id) else { return };
                caller.over = true;
                if let Some(leg) = caller.server_leg.filter(|_| cause != EndCause::Timeout) {
                    self.media_wants(vec![Plane::falls_silent(leg, false)]);
                }
            }
            Event::Offer { leg, .. } => {
                let reason = "sim".into();
                self.phone_command(id, Command::Refuse { leg, status: 488, reason, retry_after_s: None });
            }
            Event::Incoming(incoming) => self.called_back(id, incoming.leg, incoming.sdp),
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
            | Event::Unregistered { .. }
            | Event::Registration { .. }
            | Event::Options { .. } => {}
        }
    }

    /// The phone of somebody rings who asked to be called back.
    fn called_back(&mut self, id: u32, leg: LegId, offer: Bytes) {
        let act = match self.rng.u8(..100) {
            0..12 => None,
            12..20 => Some(Act::Vanish),
            _ => Some(Act::Answer),
        };
        let busy = self.rng.u8(..10) == 0;
        let Some(caller) = self.callers.get_mut(&id) else { return };
        if !caller.over || busy {
            let reason = "Busy Here".into();
            return self.phone_command(id, Command::Refuse { leg, status: 486, reason, retry_after_s: None });
        }
        (caller.leg, caller.offer, caller.over, caller.bridged) = (leg, offer, false, false);
        self.phone_command(id, Command::Ring { leg });
        let after = Duration::from_millis(self.rng.u64(200..15_000));
        if let Some(act) = act {
            self.after(after, Due::Caller(id, act));
        }
    }

    /// The caller has finished, as it seems.
    fn pauses(&mut self, id: u32, leg: LegId, since: Now, ear: u32) {
        let (at, samples) = (self.now, Arc::from([0i16; 8]));
        let paused = Report::SpeechPaused { leg, speech_ended_at: at, at, samples };
        self.after(Duration::from_millis(200), Due::Switch(Box::new(Input::Media(paused))));
        let (mut ended, hangover) = (at, self.media.hangover(leg));
        // Some take breath and go on.
        let breath = Duration::from_millis(self.rng.u64(200..590));
        if self.rng.u8(..8) == 0 && breath < hangover {
            self.after(breath, Due::Switch(Box::new(Input::Media(Report::SpeechResumed { leg }))));
            ended = at + Duration::from_millis(700);
        }
        let over = ended.since(at) + hangover;
        self.after(over, Due::Caller(id, Act::Silent { since, ended, ear }));
    }

    /// A caller does what it was to do.
    pub(super) fn caller_acts(&mut self, id: u32, act: Act) {
        let Some(caller) = self.callers.get_mut(&id).filter(|c| !c.over) else { return };
        let (leg, server_leg) = (caller.leg, caller.server_leg);
        match act {
            Act::Impatient if caller.bridged => {}
            Act::HangUp | Act::Impatient => {
                self.say(|| format!("phone {id} hangs up"));
                self.phone_command(id, Command::Hangup { leg, reason: "" });
            }
            Act::Turn => self.turn(id),
            Act::AskCallback => {
                let waits = !caller.bridged && caller.booked.is_none();
                if let Some(leg) = server_leg.filter(|leg| waits && self.media.is_connected(*leg)) {
                    let report = Report::Digit { leg, digit: '1', at: self.now };
                    self.after(Duration::ZERO, Due::Switch(Box::new(Input::Media(report))));
                }
            }
            Act::Answer => {
                let offer = std::mem::take(&mut caller.offer);
                caller.bridged = true;
                let sdp = self.phones.get_mut(&id).and_then(|p| p.answer(leg, &offer));
                let Some(sdp) = sdp.filter(|_| !offer.is_empty()) else { return };
                self.phone_command(id, Command::Answer { leg, sdp });
                let talk = self.exponential(TALK_S);
                self.after(talk, Due::Caller(id, Act::HangUp));
            }
            Act::SpeechEnds { since } => {
                caller.speaking = false;
                if let Some((leg, ear)) = server_leg.and_then(|leg| Some((leg, self.media.listens(leg)?))) {
                    self.pauses(id, leg, since, ear);
                }
            }
            Act::Silent { since, ended, ear } => {
                if let Some(leg) = server_leg.filter(|leg| self.media.listens(*leg) == Some(ear)) {
                    let (at, samples) = (self.now, Arc::from([0i16; 8]));
                    let report = Report::SpeechEnded {
                        leg,
                        speech_started_at: since,
                        speech_ended_at: ended,
                        at,
                        samples,
                    };
                    self.after(Duration::ZERO, Due::Switch(Box::new(Input::Media(report))));
                }
            }
            Act::Hold => {
                self.press_hold(id, leg, None);
                let silent = self.rng.bool();
                let held = self.phones.get(&id).is_some_and(|p| p.held);
                if held {
                    let after = Duration::from_millis(self.rng.u64(500..50_000));
                    self.after(after, Due::Caller(id, Act::Hold));
                }
                if let Some(leg) = server_leg.filter(|_| held && silent) {
                    self.media_wants(vec![Plane::falls_silent(leg, true)]);
                }
            }
            Act::Vanish => {
                self.say(|| format!("phone {id} vanishes"));
                self.callers.remove(&id);
                self.remove_phone(id);
                if let Some(leg) = server_leg {
                    self.media_wants(vec![Plane::falls_silent(leg, false)]);
                }
            }
            Act::Fault => {
                let any = self.media.legs();
                let leg = if self.rng.bool() { server_leg } else { self.rng.choice(any) };
                let mut out = Vec::new();
                if let Some(leg) = leg {
                    self.say(|| format!("a fault in leg {}", leg.0));
                    self.media.fail(leg, &mut out);
                }
                self.media_wants(out);
            }
            Act::Degraded => {
                if let Some(leg) = server_leg.filter(|leg| self.media.is_connected(*leg)) {
                    let report = Report::Degraded { leg, what: "simulated".into() };
                    self.after(Duration::ZERO, Due::Switch(Box::new(Input::Media(report))));
                }
            }
        }
    }

    /// The caller's turn: speaks, presses a key, or does nothing.
    fn turn(&mut self, id: u32) {
        let Some(caller) = self.callers.get_mut(&id) else { return };
        let Some(leg) = caller.server_leg.filter(|leg| self.media.is_connected(*leg)) else { return };
        if caller.bridged || caller.speaking {
            return;
        }
        match speech::wish(&mut self.rng, &caller.plan, caller.lang, &caller.prompt) {
            Wish::Say(text) if self.media.listens(leg).is_some() => {
                caller.speaking = true;
                let lasts =
                    Duration::from_millis(400 + self.rng.u64(80..250) * text.chars().count() as u64 / 2);
                caller.said = text;
                let since = self.now;
                let report = Report::SpeechStarted { leg, began: since, at: since };
                self.after(Duration::ZERO, Due::Switch(Box::new(Input::Media(report))));
                self.after(lasts, Due::Caller(id, Act::SpeechEnds { since }));
            }
            Wish::Press(digit) => {
                let report = Report::Digit { leg, digit, at: self.now };
                self.after(Duration::ZERO, Due::Switch(Box::new(Input::Media(report))));
            }
            Wish::Say(_) | Wish::Nothing => {}
        }
    }

    /// The caller on `leg` hears a prompt begin or end.
    pub(super) fn caller_hears(&mut self, leg: LegId, ended: bool) {
        let Some(id) = self.by_leg.get(&leg).copied() else { return };
        let lasts = self.media.plays_for(leg).unwrap_or_default().as_millis() as u64;
        let after = match ended {
            true => self.rng.u64(200..2500),
            // It knows what it wants and does not wait for the end.
            false if self.rng.u8(..100) < 15 => self.rng.u64(..lasts.max(1)),
            false => return,
        };
        self.after(Duration::from_millis(after), Due::Caller(id, Act::Turn));
    }

    /// The caller notices what happens in its call.
    pub(super) fn caller_notices(&mut self, call: CallId, moment: &Moment) {
        let Some(id) = self.calls.get(&call).copied() else { return };
        let Some(caller) = self.callers.get_mut(&id) else { return };
        match moment {
            Moment::Saying { text, .. } => caller.prompt.clone_from(text),
            Moment::Queued { .. } => {
                let after = self.exponential(PATIENCE_S);
                self.after(after, Due::Caller(id, Act::Impatient));
                if self.rng.u8(..3) == 0 {
                    let after = Duration::from_millis(self.rng.u64(1000..40_000));
                    self.after(after, Due::Caller(id, Act::AskCallback));
                }
            }
            Moment::CallbackBooked => {
                caller.booked = Some(call);
                caller.bridged = false;
            }
            // Whatever comes now may have its pauses.
            Moment::LeftQueue | Moment::Overflow { .. } | Moment::Ended { .. } => caller.bridged = false,
            Moment::Bridged { .. } => {
                caller.bridged = true;
                let after = self.exponential(TALK_S);
                self.after(after, Due::Caller(id, Act::HangUp));
            }
            _ => {}
        }
    }

    /// Nobody will call back any more.
    pub(super) fn callback_is_over(&mut self, call: CallId) {
        let Some((id, caller)) = self.callers.iter_mut().find(|(_, c)| c.booked == Some(call)) else {
            return;
        };
        caller.booked = None;
        let id = *id;
        self.put_away(id);
    }

    /// Whoever talks, or waits to, is not in silence.
    pub(super) fn listen_for_silence(&mut self) {
        let silent =
            |c: &Caller| c.bridged && !c.over && c.server_leg.is_some_and(|leg| self.media.is_silent(leg));
        let silent: Vec<u32> = self.callers.iter().filter(|(_, c)| silent(c)).map(|(id, _)| *id).collect();
        self.silent.retain(|id, _| silent.contains(id));
        for id in silent {
            let since = *self.silent.entry(id).or_insert(self.now);
            if self.now.since(since) > SILENCE_MAX {
                self.blame("no-silence", format!("caller {id} hears nothing since {} ms", since.ms()));
            }
        }
    }
}
