//! The dialogue core: from the first question to an outcome, in a bounded number of steps.
//!
//! ```text
//!            sure            ┌─────────► act: queue, or say and ask "anything else?"
//!  question ──────► score ───┤ fair ───► confirm  ── yes ──► act;  no ──► ask again
//!     ▲                      │ tie ────► "A or B?" ── 1/2, A/B ──► act
//!     └── low / silence ─────┘ low ────► ladder: other words ─► keys ─► a person
//! ```
//! Keys mean the same as words at every point: 1–9 an intent (or the choice just offered), 0 a person, * repeat,
//! # the other language. Each miss climbs the ladder; its top is a person, so no caller goes round in circles. A request
//! that needs values has them filled before it is carried out (`task.rs`).

mod act;
mod breath;
mod hypotheses;
mod keys;
mod ladder;
mod request;
mod sure;
mod take;
mod task;

use super::condition::Proof;
use super::interrupted::Interrupted;
use super::phrases::{self, Phrase};
use super::plan::Plan;
use super::slot::Filled;
use super::turn::{Heard, Input, Outcome, Output, Say, Turn, Understood};
use crate::base::{Epoch, Lang, Now, Pii};
use crate::nlu;
use crate::nlu::slots::DateTime;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use task::Task;

/// Silence after the end of a prompt that counts as no answer.
const SILENCE: Duration = Duration::from_secs(6);
/// Misses (not understood, or silence) before a person takes over: other words, keys, keys again, a person.
const MISSES_MAX: u8 = 4;
/// Two best intents closer than this are a tie.
const TIE: f32 = 0.20;
/// Each of a tie must have at least this score.
const TIE_LEAST: f32 = 0.30;
/// Below this recogniser confidence a request is confirmed even if the words fit well.
const UNSURE: f32 = 0.50;
/// Rounds that lead nowhere further (an answer, a repeat, another language, a change of mind) before a person takes over:
/// a caller who only ever says "repeat" must get out of it too.
const ROUNDS_MAX: u8 = 12;
/// The same for a caller who needs time.
const SILENCE_OF_PATIENCE: Duration = Duration::from_secs(12);
/// Silence after a key that ends a row of keys.
const KEY_GAP: Duration = Duration::from_secs(4);

/// What the last prompt asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Question,
    Confirm(usize),
    Either(usize, usize),
    AnythingElse,
    /// The value of a slot.
    Slot(usize),
    /// Morning or afternoon?
    Half(usize),
    /// Values read back, right?
    Check,
    /// Which of the values read back is wrong?
    Which,
    /// A service, by the number of the look-up.
    LookUp(u32),
}

/// One caller's dialogue.
pub struct Dialog {
    plan: Arc<Plan>,
    /// There is a recogniser; without, everything is asked by keypad.
    listens: bool,
    epoch: Epoch,
    lang: Lang,
    asked: Asked,
    misses: u8,
    /// Requests answered, repeats, changes of language.
    rounds: u8,
    interrupted: Interrupted,
    /// Set while silence counts.
    silence_at: Option<Now>,
    last: Vec<String>,
    words: Option<Pii<String>>,
    /// The sentence that the request was understood from, until its values are taken.
    said: Option<Pii<Heard>>,
    /// The request that is being filled.
    task: Option<Task>,
    /// The caller's last answer was a key.
    by_keys: bool,
    /// The call's number: tickets are numbered by it.
    call: u64,
    lookups: u32,
    tickets: u8,
    /// The caller is given more time, and slower speech.
    patient: bool,
    /// The caller's number, until the service that knows who needs time has been asked about it.
    caller: Option<Pii<String>>,
    /// The number of that look-up.
    account: Option<u32>,
    /// Silences in a row.
    silences: u8,
    /// In place of the queue's own.
    priority: Option<u16>,
    /// What is proved of the caller's number.
    proof: Proof,
    /// Requests of the same sentence that are still to be taken.
    pending: Vec<String>,
    /// Said before whatever is said next.
    before: Vec<String>,
    done: bool,
}

/// Where it is, and nothing of what was said or keyed.
impl fmt::Debug for Dialog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialog")
            .field("line", &self.plan.line)
            .field("lang", &self.lang)
            .field("asked", &self.asked)
            .field("misses", &self.misses)
            .field("rounds", &self.rounds)
            .field("silence_at", &self.silence_at)
            .field("patient", &self.patient)
            .field("priority", &self.priority)
            .finish_non_exhaustive()
    }
}

impl Dialog {
    /// A dialogue that has not begun; give it [`Input::Start`]. `epoch` tells what day it is; tickets are numbered
    /// by the number of the call.
    pub fn new(plan: Arc<Plan>, listens: bool, epoch: Epoch, call: u64) -> Dialog {
        let lang = plan.first_language();
        Dialog {
            plan,
            listens,
            epoch,
            lang,
            asked: Asked::Question,
            misses: 0,
            rounds: 0,
            interrupted: Interrupted::default(),
            silence_at: None,
            last: Vec::new(),
            words: None,
            said: None,
            task: None,
            by_keys: false,
            call,
            lookups: 0,
            tickets: 0,
            patient: false,
            caller: None,
            account: None,
            silences: 0,
            priority: None,
            proof: Proof::default(),
            pending: Vec::new(),
            before: Vec::new(),
            done: false,
        }
    }

    /// The line's plan.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Goes on in `lang`, if the line speaks it.
    pub fn speak(&mut self, lang: Lang) {
        if self.plan.languages.contains(&lang) {
            self.lang = lang;
        }
    }

    /// Who calls: a number that is known to need time is given it.
    pub fn of(mut self, number: &str) -> Dialog {
        self.patient = self.plan.patience.is_for(number);
        let known = !self.patient && number.chars().any(|c| c.is_ascii_digit());
        self.caller = known.then(|| Pii::new(number.to_owned()));
        self
    }

    /// The same, of whose number this is proved.
    pub fn proved(self, proof: Proof) -> Dialog {
        Dialog { proof, ..self }
    }

    /// True if this caller is to be spoken to slowly.
    pub fn is_patient(&self) -> bool {
        self.patient
    }

    /// The language spoken now.
    pub fn lang(&self) -> Lang {
        self.lang
    }

    /// When silence has lasted too long.
    pub fn deadline(&self) -> Option<Now> {
        self.silence_at
    }

    /// Takes one input; appends what is to be done.
    pub fn step(&mut self, now: Now, input: Input, out: &mut Vec<Output>) {
        if self.done {
            return;
        }
        match input {
            Input::Start => {
                self.ask_about_caller(out);
                let mut texts = vec![self.plan.text(&self.plan.greeting, self.lang).to_owned()];
                texts.extend(self.patient.then(|| self.of_patience()).flatten());
                texts.extend(self.question());
                self.say(texts, out);
            }
            Input::LookedUp { ask, reply } if self.account == Some(ask) => {
                self.know_caller(reply.as_ref(), out);
            }
            Input::LookedUp { ask, reply } => self.looked_up(now, ask, reply.as_ref(), out),
            Input::Tick if self.silence_at.is_none_or(|at| at > now) => {}
            Input::Cut { left } => self.interrupted.cut(left),
            _ if self.is_looking_up() => self.meanwhile(now, &input, out),
            Input::Spoken => self.silence_at = Some(now + self.silence_is()),
            Input::Speaking => self.silence_at = None,
            Input::Heard(heard) => self.heard(now, &heard, out),
            Input::NotHeard(why) => self.not_heard(why, out),
            Input::Key(key) => self.key(now, key, out),
            Input::Tick => match self.task.as_ref().is_some_and(|t| !t.keys.is_empty()) {
                true => self.keyed(now, out),
                false => self.silence(out),
            },
        }
    }

    /// Silence that counts as no answer.
    fn silence_is(&self) -> Duration {
        if self.patient { SILENCE_OF_PATIENCE } else { SILENCE }
    }

    /// What is said when patience begins.
    fn of_patience(&self) -> Option<String> {
        self.plan.patience.say.as_ref().map(|text| self.plan.text(text, self.lang).to_owned())
    }

    fn say(&mut self, texts: Vec<String>, out: &mut Vec<Output>) {
        self.silence_at = None;
        self.interrupted = Interrupted::default();
        let texts = [std::mem::take(&mut self.before), texts].concat();
        self.last.clone_from(&texts);
        out.push(Output::Say(Say { lang: self.lang, texts, barge_in: true }));
    }

    fn phrase(&self, phrase: Phrase) -> String {
        phrases::say(phrase, self.lang).to_owned()
    }

    fn label(&self, intent: usize) -> String {
        self.plan
            .intents
            .get(intent)
            .map_or(String::new(), |i| self.plan.text(&i.label, self.lang).to_owned())
    }

    fn finish(&mut self, texts: Vec<String>, outcome: Outcome, out: &mut Vec<Output>) {
        self.silence_at = None;
        let texts = [std::mem::take(&mut self.before), texts].concat();
        self.done = true;
        out.push(Output::Say(Say { lang: self.lang, texts, barge_in: false }));
        out.push(Output::Done(outcome));
    }

    /// To a person: one who does what the caller has asked for, if that is known.
    fn hand_over(&mut self, out: &mut Vec<Output>) {
        let plan = self.plan.clone();
        let intent = self.task.as_ref().and_then(|t| plan.intents.get(t.intent));
        let queue = intent.and_then(super::plan::Intent::queue).unwrap_or(&plan.person);
        let (text, values) = (self.phrase(Phrase::ToPerson), self.filled());
        self.hand_to(queue, intent.map(|i| i.name.as_str()), (text, values), out);
    }

    fn hand_to(
        &mut self,
        queue: &str,
        intent: Option<&str>,
        (text, slots): (String, Vec<Filled>),
        out: &mut Vec<Output>,
    ) {
        let outcome = Outcome::Queue {
            queue: queue.to_owned(),
            intent: intent.map(str::to_owned),
            lang: self.lang,
            words: self.words.clone(),
            slots,
            priority: self.priority,
        };
        self.finish(vec![text], outcome, out);
    }

    fn goodbye(&mut self, out: &mut Vec<Output>) {
        self.finish(vec![self.phrase(Phrase::Goodbye)], Outcome::Goodbye, out);
    }

    fn turn(&self, heard: &Heard, best: Option<nlu::Scored>, understood: Understood, out: &mut Vec<Output>) {
        let intent = best.and_then(|s| self.plan.intents.get(s.intent)).map(|i| i.name.clone());
        out.push(Output::Turn(Turn {
            heard: Pii::new(heard.text.clone()),
            lang: self.lang,
            confidence: heard.confidence,
            others: Pii::new(heard.others.clone()),
            intent,
            score: best.map_or(0.0, |s| s.score),
            understood,
        }));
    }

    fn heard(&mut self, now: Now, heard: &Heard, out: &mut Vec<Output>) {
        self.silence_at = None;
        self.by_keys = false;
        self.silences = 0;
        if self.is_urgent(heard, out) {
            return;
        }
        if self.nods(Some(heard), out) {
            return;
        }
        if hypotheses::says(heard, hypotheses::HALF, nlu::needs_time).is_some() {
            self.be_patient();
        }
        if heard.is_nothing() {
            self.turn(heard, None, Understood::NoMatch, out);
            return self.miss(Phrase::AskAgain, out);
        }
        let heard = &self.meant(now, heard);
        if let Some(wish) = nlu::universal(&heard.text) {
            self.turn(heard, None, Understood::Universal, out);
            return self.universal(wish, out);
        }
        if self.task.is_some() {
            return self.task_heard(now, heard, out);
        }
        if let Some((yes, rest)) = nlu::yes_no(&heard.text)
            && self.answered(now, heard, (yes, &rest), out)
        {
            return;
        }
        self.request(now, heard, out);
    }

    /// The last value that was given is asked for again; before the first, the question.
    fn back(&mut self, out: &mut Vec<Output>) {
        let last = self.task.as_ref().and_then(|t| t.order.last().copied());
        if let (Some(task), Some(slot)) = (&mut self.task, last) {
            task.clear(slot);
            self.asked = Asked::Slot(slot);
            return self.ask_on(None, false, out);
        }
        self.task = None;
        self.ask(out);
    }

    /// What day and time it is where the line is.
    fn civil(&self, now: Now) -> DateTime {
        let ms = i64::try_from(self.epoch.unix_ms_at(now)).unwrap_or(i64::MAX);
        let at = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
        at.to_zoned(self.plan.zone.clone()).datetime()
    }

    /// The open question, or the keys where nobody listens.
    fn question(&self) -> Vec<String> {
        if self.listens {
            vec![self.plan.text(&self.plan.question, self.lang).to_owned()]
        } else {
            self.keys()
        }
    }

    fn keys(&self) -> Vec<String> {
        vec![self.phrase(Phrase::UseKeys), self.plan.menu(self.lang)]
    }

    fn ask(&mut self, out: &mut Vec<Output>) {
        self.asked = Asked::Question;
        let question = self.question();
        self.say(question, out);
    }
}
