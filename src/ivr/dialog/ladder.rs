//! The ladder: what is not understood or not said climbs it, and its top is a person. Words that work everywhere.

use super::super::phrases::Phrase;
use super::super::turn::{Heard, NotHeard, Output, Understood};
use super::hypotheses::{EMERGENCY, HALF, says};
use super::{Asked, Dialog, MISSES_MAX, ROUNDS_MAX};
use crate::base::Pii;
use crate::nlu::{self, Universal};

impl Dialog {
    pub(super) fn universal(&mut self, wish: Universal, out: &mut Vec<Output>) {
        match wish {
            Universal::Person => self.hand_over(out),
            Universal::Goodbye => self.goodbye(out),
            Universal::Help if self.task.is_some() => {
                self.go_round(out, |this, out| this.ask_on(None, true, out));
            }
            Universal::Help => {
                self.asked = Asked::Question;
                let menu = self.plan.menu(self.lang);
                self.go_round(out, |this, out| this.say(vec![menu], out));
            }
            Universal::Repeat => {
                let last = self.last.clone();
                self.go_round(out, |this, out| this.say(last, out));
            }
            Universal::Slower => {
                let last = self.last.clone();
                self.go_round(out, |this, out| this.say(last, out));
            }
            Universal::Back => self.go_round(out, Self::back),
            Universal::Language(lang) => {
                if self.plan.languages.contains(&lang) {
                    self.lang = lang;
                }
                match self.task.is_some() {
                    true => self.go_round(out, |this, out| this.ask_on(None, false, out)),
                    false => self.go_round(out, Self::ask),
                }
            }
        }
    }

    /// From now on the caller is given more time, and slower speech.
    pub(super) fn be_patient(&mut self) {
        if !self.patient {
            self.patient = true;
            self.before.extend(self.of_patience());
        }
    }

    /// Words of an emergency go straight to a person; others make a caller more urgent. True if that settles the turn.
    pub(super) fn is_urgent(&mut self, heard: &Heard, out: &mut Vec<Output>) -> bool {
        let plan = self.plan.clone();
        let named = plan.urgent.iter().find_map(|urgent| {
            let least = if urgent.queue.is_some() { EMERGENCY } else { HALF };
            Some((urgent, says(heard, least, |text| nlu::says(text, &urgent.words))?))
        });
        let Some((urgent, heard)) = named else { return false };
        self.priority = self.priority.max(Some(urgent.priority));
        let Some(queue) = &urgent.queue else { return false };
        self.words = Some(Pii::new(heard.text.clone()));
        self.turn(&heard, None, Understood::Urgent, out);
        let text = urgent.say.as_ref().map(|text| plan.text(text, self.lang).to_owned());
        let (text, values) = (text.unwrap_or_else(|| self.phrase(Phrase::ToPerson)), self.filled());
        let intent = self.task.as_ref().and_then(|t| plan.intents.get(t.intent));
        self.hand_to(queue, intent.map(|i| i.name.as_str()), (text, values), out);
        true
    }

    /// Goes on, unless there have been too many rounds.
    pub(super) fn go_round(
        &mut self,
        out: &mut Vec<Output>,
        go_on: impl FnOnce(&mut Self, &mut Vec<Output>),
    ) {
        self.rounds += 1;
        if self.rounds >= ROUNDS_MAX { self.hand_over(out) } else { go_on(self, out) }
    }

    pub(super) fn not_heard(&mut self, why: NotHeard, out: &mut Vec<Output>) {
        let nothing = Heard::default();
        match why {
            NotHeard::Empty if self.nods(None, out) => {}
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

    pub(super) fn silence(&mut self, out: &mut Vec<Output>) {
        let nothing = Heard::default();
        self.turn(&nothing, None, Understood::NoInput, out);
        if self.asked == Asked::AnythingElse {
            return self.goodbye(out);
        }
        self.silences += 1;
        if self.silences >= 2 {
            self.be_patient();
        }
        self.miss(Phrase::NoInput, out);
    }

    /// One rung up the ladder: other words, then keys, then keys again, then a person. Values that are known are kept.
    pub(super) fn miss(&mut self, first: Phrase, out: &mut Vec<Output>) {
        self.misses += 1;
        if self.misses >= MISSES_MAX {
            return self.hand_over(out);
        }
        if self.task.is_some() {
            let why = match first {
                Phrase::NoInput => Phrase::NothingSaid,
                Phrase::AskAgain | Phrase::UseKeys => Phrase::NotGot,
                other => other,
            };
            return self.ask_on(Some(self.phrase(why)), self.misses > 1, out);
        }
        self.asked = Asked::Question;
        let texts = if self.misses == 1 && self.listens { vec![self.phrase(first)] } else { self.keys() };
        self.say(texts, out);
    }
}
