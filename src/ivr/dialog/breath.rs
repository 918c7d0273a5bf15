//! Values said in several breaths, nods between, and what the ear is told to wait for.
//!
//! ```text
//! "1234" of eight ─► kept, "go on" ─► "5678" ─► taken as "1234 5678"
//!                          │    ├─► "1234 5678", said anew ─► taken as it is
//!                          │    └─► nothing ─► "I have 1 2 3 4, go on", one rung up the ladder
//!                          └─► keys ─► what was kept is forgotten
//! ```
//! Each breath is a round of which a call has so many (`ladder.rs`), so that it comes to an end.

use super::super::phrases::Phrase;
use super::super::slot::Slot;
use super::super::turn::{Heard, Output, Understood};
use super::{Asked, Dialog};
use crate::base::{Answer, Expected, Now};
use crate::limits::SLOT_DIGITS_MAX;
use crate::nlu;
use crate::nlu::slots::{SlotType, Value, extract, takes_back};

/// What a breath was to a value that is said in several.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Breath {
    /// So many digits of it are known now; more must follow.
    Part(String),
    /// With what was kept it is this.
    Whole(String),
}

impl Dialog {
    /// What the caller is expected to say next, for the ear.
    pub fn expects(&self) -> Expected {
        let answer = match self.asked {
            Asked::Confirm(_) | Asked::Check => Answer::YesNo,
            Asked::Either(..) | Asked::Half(_) | Asked::Which => Answer::Choice,
            Asked::Slot(_) => self.asked_slot().map_or(Answer::Sentence, Slot::expects),
            Asked::Question | Asked::AnythingElse | Asked::LookUp(_) => Answer::Sentence,
        };
        Expected { answer, patient: self.patient }
    }

    /// True if this was no turn but a nod, a cough or noise, and what was being said goes on.
    pub(super) fn nods(&mut self, heard: Option<&Heard>, out: &mut Vec<Output>) -> bool {
        let yes_no = self.expects().answer == Answer::YesNo;
        if !self.interrupted.goes_on(heard, yes_no) {
            return false;
        }
        let nothing = Heard::default();
        self.turn(heard.unwrap_or(&nothing), None, Understood::BackChannel, out);
        out.push(Output::Resume);
        true
    }

    /// The slot that is asked for.
    pub(super) fn asked_slot(&self) -> Option<&Slot> {
        let (Asked::Slot(slot), Some(task)) = (self.asked, &self.task) else { return None };
        self.plan.intents.get(task.intent)?.slots.get(slot)
    }

    /// True if the value that is asked for is there, and nothing of it can follow.
    pub(super) fn is_whole(&self, now: Now, text: &str) -> bool {
        let joined = match self.breath(now, text) {
            Some(Breath::Part(_)) => return false,
            Some(Breath::Whole(joined)) => Some(joined),
            None => None,
        };
        let text = joined.as_deref().unwrap_or(text);
        let Some(slot) = self.asked_slot() else { return false };
        let found = slot.find(self.lang, text, self.civil(now), &self.plan.currency);
        let [one] = found.as_slice() else { return false };
        let around = [text.get(..one.span.start), text.get(one.span.end..)];
        let alone = around.into_iter().flatten().all(|t| !t.chars().any(char::is_alphanumeric));
        alone && one.fault.is_none() && !slot.is_to_be_checked(one.score) && slot.kind.is_over_at(&one.value)
    }

    /// What `text` is to the value that is asked for, if it is said in several breaths.
    pub(super) fn breath(&self, now: Now, text: &str) -> Option<Breath> {
        const DIGITS: SlotType = SlotType::Digits(1, SLOT_DIGITS_MAX);
        let (slot, at, lang) = (self.asked_slot()?, self.civil(now), self.lang);
        let kept = self.task.as_ref().map_or("", |task| task.part.as_str());
        let text = text.trim_end_matches(|c: char| !c.is_alphanumeric());
        // The X of an identity card may follow its digits.
        let before_x =
            text.strip_suffix(['x', 'X']).filter(|t| !t.ends_with(|c: char| c.is_ascii_alphabetic()));
        let end = before_x.map_or(text, str::trim_end);
        let found = extract(&DIGITS, lang, end, at);
        let [one] = found.as_slice() else { return None };
        let Value::Digits(own) = &one.value else { return None };
        if one.span.end < end.len() {
            return None;
        }
        let begun = |digits: &str| slot.kind.is_begun_by(digits);
        let fits = |text: &str| {
            let found = slot.find(lang, text, at, "");
            found.first().is_some_and(|f| f.fault.is_none())
        };
        if kept.is_empty() {
            return (own.len() > 1 && begun(own) && !takes_back(text)).then(|| Breath::Part(own.clone()));
        }
        if fits(text) && !begun(own) {
            return None;
        }
        let from = if takes_back(text) { 0 } else { one.span.start };
        let joined = format!("{kept} {}", text.get(from..)?);
        match extract(&DIGITS, lang, &format!("{kept} {}", end.get(from..)?), at).into_iter().next()?.value {
            Value::Digits(all) if begun(&all) => Some(Breath::Part(all)),
            _ => Some(Breath::Whole(joined)),
        }
    }

    /// The beginning of a value is kept, and the caller goes on: then that settles the turn. Else what is to be taken.
    pub(super) fn breathes(&mut self, now: Now, heard: &Heard, out: &mut Vec<Output>) -> Option<Heard> {
        match self.breath(now, &heard.text).filter(|_| !heard.is_nothing()) {
            Some(Breath::Part(digits)) => {
                if let Some(task) = &mut self.task {
                    task.part = digits;
                }
                self.turn(heard, None, Understood::Part, out);
                self.go_round(out, |this, out| this.say(vec![this.phrase(Phrase::GoOn)], out));
                None
            }
            // The others have had their say (`hypotheses.rs`).
            Some(Breath::Whole(text)) => Some(Heard::new(text, heard.confidence)),
            // "Mm-hm" to a question of yes or no.
            None if self.expects().answer == Answer::YesNo
                && nlu::yes_no(&heard.text) == Some((true, String::new())) =>
            {
                Some(Heard::new("yes", heard.confidence))
            }
            None => Some(Heard::new(heard.text.clone(), heard.confidence)),
        }
    }
}
