//! The dialogue core: from the first question to an outcome, in a bounded number of steps.
//!
//! ```text
//!            sure            ┌─────────► act: queue, or say and ask "anything else?"
//!  question ──────► score ───┤ fair ───► confirm  ── yes ──► act;  no ──► ask again
//!     ▲                      │ tie ────► "A or B?" ── 1/2, A/B ──► act
//!     └── low / silence ─────┘ low ────► ladder: other words ─► keys ─► a person
//! ```
//! Keys mean the same as words at every point: 1–9 an intent (or the choice just offered), 0 a person, * repeat,
//! # the other language. Each miss climbs the ladder; its top is a person, so no caller goes round in circles.

mod keys;
mod sure;

use super::phrases::{self, Phrase};
use super::plan::{Action, Confirm, Plan};
use super::turn::{Heard, Input, NotHeard, Outcome, Output, Say, Turn, Understood};
use crate::base::{Lang, Now, Pii};
use crate::nlu::{self, Universal};
use std::sync::Arc;
use std::time::Duration;

/// Silence after the end of a prompt that counts as no answer.
const SILENCE: Duration = Duration::from_secs(6);
/// Misses (not understood, or silence) before a person takes over: other words, keys, keys again, a person.
const MISSES_MAX: u8 = 4;
/// Two best intents closer than this are a tie.
const TIE: f32 = 0.20;
/// Each of a tie must have at least this score.
const TIE_LEAST: f32 = 0.30;
/// Below this recogniser confidence a request is confirmed even if the words fit well; below the second, it is a miss.
const UNSURE: f32 = 0.50;
const UNHEARD: f32 = 0.20;
/// Rounds that lead nowhere further (an answer, a repeat, another language) before a person takes over: a caller who
/// only ever says "repeat" must get out of it too.
const ROUNDS_MAX: u8 = 12;

/// What the last prompt asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Question,
    Confirm(usize),
    Either(usize, usize),
    AnythingElse,
}

/// One caller's dialogue.
#[derive(Debug)]
pub struct Dialog {
    plan: Arc<Plan>,
    /// There is a recogniser; without, everything is asked by keypad.
    listens: bool,
    lang: Lang,
    asked: Asked,
    misses: u8,
    /// Requests answered, repeats, changes of language.
    rounds: u8,
    /// Set while silence counts.
    silence_at: Option<Now>,
    last: Vec<String>,
    words: Option<Pii<String>>,
    done: bool,
}

impl Dialog {
    /// A dialogue that has not begun; give it [`Input::Start`].
    pub fn new(plan: Arc<Plan>, listens: bool) -> Dialog {
        let lang = plan.first_language();
        Dialog {
            plan,
            listens,
            lang,
            asked: Asked::Question,
            misses: 0,
            rounds: 0,
            silence_at: None,
            last: Vec::new(),
            words: None,
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
                let mut texts = vec![self.plan.text(&self.plan.greeting, self.lang).to_owned()];
                texts.extend(self.question());
                self.say(texts, out);
            }
            Input::Spoken => self.silence_at = Some(now + SILENCE),
            Input::Speaking => self.silence_at = None,
            Input::Heard(heard) => self.heard(&heard, out),
            Input::NotHeard(why) => self.not_heard(why, out),
            Input::Key(key) => self.key(key, out),
            Input::Tick => {
                if self.silence_at.is_some_and(|at| at <= now) {
                    self.silence(out);
                }
            }
        }
    }

    fn say(&mut self, texts: Vec<String>, out: &mut Vec<Output>) {
        self.silence_at = None;
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
        self.done = true;
        out.push(Output::Say(Say { lang: self.lang, texts, barge_in: false }));
        out.push(Output::Done(outcome));
    }

    fn hand_over(&mut self, out: &mut Vec<Output>) {
        let outcome = Outcome::Queue {
            queue: self.plan.person.clone(),
            intent: None,
            lang: self.lang,
            words: self.words.clone(),
        };
        self.finish(vec![self.phrase(Phrase::ToPerson)], outcome, out);
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
            intent,
            score: best.map_or(0.0, |s| s.score),
            understood,
        }));
    }

    fn heard(&mut self, heard: &Heard, out: &mut Vec<Output>) {
        self.silence_at = None;
        if heard.text.trim().is_empty() || heard.confidence < UNHEARD {
            self.turn(heard, None, Understood::NoMatch, out);
            return self.miss(Phrase::AskAgain, out);
        }
        if let Some(wish) = nlu::universal(&heard.text) {
            self.turn(heard, None, Understood::Universal, out);
            return self.universal(wish, out);
        }
        if let Some((yes, rest)) = nlu::yes_no(&heard.text)
            && self.answered(heard, yes, &rest, out)
        {
            return;
        }
        self.request(heard, out);
    }

    /// Yes or no, if the last prompt asked for it. True if that settles the turn.
    fn answered(&mut self, heard: &Heard, yes: bool, rest: &str, out: &mut Vec<Output>) -> bool {
        match (self.asked, yes) {
            (Asked::Confirm(intent), true) => {
                self.turn(heard, Some(nlu::Scored { intent, score: 1.0 }), Understood::Yes, out);
                self.act(intent, out);
                true
            }
            (Asked::Confirm(_) | Asked::Either(..), false) => {
                self.turn(heard, None, Understood::No, out);
                self.asked = Asked::Question;
                if rest.is_empty() {
                    self.miss(Phrase::AskAfterNo, out);
                } else {
                    self.request(&Heard { text: rest.to_owned(), confidence: heard.confidence }, out);
                }
                true
            }
            (Asked::AnythingElse, false) if rest.is_empty() => {
                self.turn(heard, None, Understood::No, out);
                self.goodbye(out);
                true
            }
            (Asked::AnythingElse, true) if rest.is_empty() => {
                self.turn(heard, None, Understood::Yes, out);
                self.ask(out);
                true
            }
            _ => false,
        }
    }

    /// A sentence that should be a request.
    fn request(&mut self, heard: &Heard, out: &mut Vec<Output>) {
        self.words = Some(Pii::new(heard.text.clone()));
        let scored = self.plan.model.classify(&heard.text);
        let (best, second) = (scored.first().copied(), scored.get(1).copied());
        let Some(best) = best.filter(|b| b.score >= TIE_LEAST) else {
            self.turn(heard, best, Understood::NoMatch, out);
            return self.miss(Phrase::AskAgain, out);
        };
        if let (Asked::Either(a, b), true) = (self.asked, best.score >= self.plan.confirm) {
            // The choice just offered has been named: no third question.
            if best.intent == a || best.intent == b {
                self.turn(heard, Some(best), Understood::Acted, out);
                return self.act(best.intent, out);
            }
        }
        if let Some(second) = second.filter(|s| s.score >= TIE_LEAST && best.score - s.score < TIE) {
            self.turn(heard, Some(best), Understood::Choosing, out);
            self.asked = Asked::Either(best.intent, second.intent);
            let text = phrases::either(self.lang, &self.label(best.intent), &self.label(second.intent));
            return self.say(vec![text], out);
        }
        let confirm = self.plan.intents.get(best.intent).map_or(Confirm::Auto, |i| i.confirm);
        let sure = best.score >= self.plan.act && heard.confidence >= UNSURE;
        let fair = best.score >= self.plan.confirm;
        match confirm {
            Confirm::Never if fair => self.accept(heard, best, out),
            Confirm::Auto if sure => self.accept(heard, best, out),
            _ if fair => {
                self.turn(heard, Some(best), Understood::Confirming, out);
                self.confirm(best.intent, phrases::confirm, out);
            }
            _ => {
                self.turn(heard, Some(best), Understood::NoMatch, out);
                self.miss(Phrase::AskAgain, out);
            }
        }
    }

    fn accept(&mut self, heard: &Heard, best: nlu::Scored, out: &mut Vec<Output>) {
        self.turn(heard, Some(best), Understood::Acted, out);
        self.act(best.intent, out);
    }

    fn confirm(&mut self, intent: usize, how: fn(Lang, &str) -> String, out: &mut Vec<Output>) {
        self.asked = Asked::Confirm(intent);
        let text = how(self.lang, &self.label(intent));
        self.say(vec![text], out);
    }

    fn act(&mut self, intent: usize, out: &mut Vec<Output>) {
        let plan = self.plan.clone();
        let Some(found) = plan.intents.get(intent) else { return self.hand_over(out) };
        match &found.action {
            Action::Queue(queue) => {
                let outcome = Outcome::Queue {
                    queue: queue.clone(),
                    intent: Some(found.name.clone()),
                    lang: self.lang,
                    words: self.words.clone(),
                };
                self.finish(vec![phrases::acting(self.lang, &self.label(intent))], outcome, out);
            }
            Action::Say(text) => {
                self.rounds += 1;
                if self.rounds >= ROUNDS_MAX {
                    return self.hand_over(out);
                }
                self.misses = 0;
                self.asked = Asked::AnythingElse;
                let mut texts =
                    vec![plan.text(text, self.lang).to_owned(), self.phrase(Phrase::AnythingElse)];
                if !self.listens {
                    texts.extend(self.keys());
                }
                self.say(texts, out);
            }
        }
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

    fn universal(&mut self, wish: Universal, out: &mut Vec<Output>) {
        match wish {
            Universal::Person => self.hand_over(out),
            Universal::Goodbye => self.goodbye(out),
            Universal::Help => {
                self.asked = Asked::Question;
                let menu = self.plan.menu(self.lang);
                self.go_round(out, |this, out| this.say(vec![menu], out));
            }
            Universal::Repeat => {
                let last = self.last.clone();
                self.go_round(out, |this, out| this.say(last, out));
            }
            Universal::Language(lang) => {
                if self.plan.languages.contains(&lang) {
                    self.lang = lang;
                }
                self.go_round(out, Self::ask);
            }
        }
    }

    /// Goes on, unless there have been too many rounds.
    fn go_round(&mut self, out: &mut Vec<Output>, go_on: impl FnOnce(&mut Self, &mut Vec<Output>)) {
        self.rounds += 1;
        if self.rounds >= ROUNDS_MAX { self.hand_over(out) } else { go_on(self, out) }
    }

    fn not_heard(&mut self, why: NotHeard, out: &mut Vec<Output>) {
        let nothing = Heard { text: String::new(), confidence: 0.0 };
        match why {
            NotHeard::Empty => {
                self.turn(&nothing, None, Understood::NoMatch, out);
                self.miss(Phrase::AskAgain, out);
            }
            NotHeard::Unavailable => {
                self.turn(&nothing, None, Understood::Unavailable, out);
                self.misses = self.misses.max(1);
                self.miss(Phrase::UseKeys, out);
            }
        }
    }

    fn silence(&mut self, out: &mut Vec<Output>) {
        let nothing = Heard { text: String::new(), confidence: 0.0 };
        self.turn(&nothing, None, Understood::NoInput, out);
        if self.asked == Asked::AnythingElse {
            return self.goodbye(out);
        }
        self.miss(Phrase::NoInput, out);
    }

    /// One rung up the ladder: other words, then keys, then keys again, then a person.
    fn miss(&mut self, first: Phrase, out: &mut Vec<Output>) {
        self.misses += 1;
        if self.misses >= MISSES_MAX {
            return self.hand_over(out);
        }
        self.asked = Asked::Question;
        let texts = if self.misses == 1 && self.listens { vec![self.phrase(first)] } else { self.keys() };
        self.say(texts, out);
    }
}
