//! A request that needs values: what was said unasked is taken, what is missing is asked for, what may be wrong is read
//! back, and what the caller takes back is changed.
//!
//! ```text
//! begin ─► all there? ── no ──► ask for the next ──► heard or keyed ─┐
//!             ▲   └ yes ─► half of the day? ─► read back? ─► act     │
//!             └──────────────────────────────────────────────────────┘
//! ```

use super::super::phrases::{self, Phrase};
use super::super::plan::{Confirm, Intent};
use super::super::slot::{Filled, Slot};
use super::super::turn::{Heard, Output, Understood};
use super::request::asked_first;
use super::{Asked, Dialog, TIE, UNSURE};
use crate::base::{Now, Pii};
use crate::nlu;
use crate::nlu::slots::{Fault, Value, say};

/// A request that is being filled.
pub(super) struct Task {
    pub(super) intent: usize,
    /// One for each slot of the intent.
    pub(super) values: Vec<Option<Pii<Value>>>,
    /// Slots to read back before anything is done.
    pub(super) to_check: Vec<usize>,
    /// The request itself is read back, with all its values.
    pub(super) whole: bool,
    /// The slots in the order in which they were filled.
    pub(super) order: Vec<usize>,
    /// What a service told.
    pub(super) results: Vec<(String, Pii<Value>)>,
    /// Keys pressed so far for the slot that is asked for.
    pub(super) keys: String,
    /// Digits of the value that is asked for, said in an earlier breath.
    pub(super) part: String,
}

impl Task {
    pub(super) fn set(&mut self, slot: usize, value: Value, check: bool) {
        self.part.clear();
        if let Some(place) = self.values.get_mut(slot) {
            *place = Some(Pii::new(value));
        }
        self.order.retain(|s| *s != slot);
        self.order.push(slot);
        if check && !self.to_check.contains(&slot) {
            self.to_check.push(slot);
        }
    }

    pub(super) fn clear(&mut self, slot: usize) {
        self.part.clear();
        if let Some(place) = self.values.get_mut(slot) {
            *place = None;
        }
        self.order.retain(|s| *s != slot);
    }

    pub(super) fn value(&self, slot: usize) -> Option<&Value> {
        self.values.get(slot)?.as_ref().map(Pii::reveal)
    }

    /// The slots that are being read back.
    pub(super) fn shown(&self) -> Vec<usize> {
        match self.whole {
            true => (0..self.values.len()).filter(|s| self.value(*s).is_some()).collect(),
            false => self.to_check.clone(),
        }
    }
}

impl Dialog {
    /// Begins what the caller wants. What was said with it, and what a request given up for it already knew, is taken.
    pub(super) fn begin(&mut self, now: Now, intent: usize, out: &mut Vec<Output>) {
        let plan = self.plan.clone();
        let before = self.task.take();
        let said = self.said.take();
        let Some(found) = plan.intents.get(intent).filter(|i| !i.slots.is_empty() || i.lookup.is_some())
        else {
            return self.act(now, intent, out);
        };
        let needs = found.slots.iter().any(|s| !s.optional);
        let mut task = Task {
            intent,
            values: vec![None; found.slots.len()],
            to_check: Vec::new(),
            whole: needs && found.confirm == Confirm::Always,
            order: Vec::new(),
            results: Vec::new(),
            keys: String::new(),
            part: String::new(),
        };
        if let Some((before, was)) = before.as_ref().and_then(|b| Some((b, plan.intents.get(b.intent)?))) {
            for (at, slot) in found.slots.iter().enumerate() {
                let same = was.slots.iter().position(|s| s.name == slot.name && s.kind == slot.kind);
                if let Some(value) = same.and_then(|s| before.value(s)) {
                    task.set(at, value.clone(), slot.confirm == Confirm::Always);
                }
            }
        }
        self.task = Some(task);
        self.misses = 0;
        if let Some(said) = said {
            self.take(now, said.reveal(), None);
        }
        self.go_on(now, out);
    }

    /// True while a request is filled that needs a value which nobody else is to hear.
    pub fn asks_for_a_secret(&self) -> bool {
        let intent = self.task.as_ref().and_then(|task| self.plan.intents.get(task.intent));
        intent.is_some_and(|intent| intent.slots.iter().any(|slot| slot.secret))
    }

    /// Asks for what is missing, reads back what may be wrong, and then acts.
    pub(super) fn go_on(&mut self, now: Now, out: &mut Vec<Output>) {
        let plan = self.plan.clone();
        let Some(task) = &self.task else { return self.ask(out) };
        let Some(intent) = plan.intents.get(task.intent) else { return self.hand_over(out) };
        let half = |s: &usize| matches!(task.value(*s), Some(Value::When(when)) if when.half_open);
        let missing = |(at, slot): &(usize, &Slot)| task.value(*at).is_none() && !slot.optional;
        if let Some(slot) = (0..intent.slots.len()).find(half) {
            self.asked = Asked::Half(slot);
        } else if let Some((at, slot)) = intent.slots.iter().enumerate().find(missing) {
            if !self.listens && !slot.can_be_keyed() {
                return self.hand_over(out);
            }
            self.asked = Asked::Slot(at);
        } else if !task.shown().is_empty() {
            self.asked = Asked::Check;
        } else {
            return self.act(now, task.intent, out);
        }
        self.ask_on(None, false, out);
    }

    /// Asks again what is being asked: after `why`, and with the keys if they are needed.
    pub(super) fn ask_on(&mut self, why: Option<String>, keys: bool, out: &mut Vec<Output>) {
        let plan = self.plan.clone();
        let Some(task) = &mut self.task else { return self.ask(out) };
        task.keys.clear();
        let (shown, whole, part) = (task.shown(), task.whole, task.part.clone());
        let Some(intent) = plan.intents.get(task.intent) else { return self.hand_over(out) };
        let keys = keys || self.by_keys || !self.listens;
        let again = why.is_some();
        let mut texts: Vec<String> = why.into_iter().collect();
        match self.asked {
            Asked::Slot(at) => {
                let Some(slot) = intent.slots.get(at) else { return self.hand_over(out) };
                let text = if again && !slot.again.is_empty() { &slot.again } else { &slot.ask };
                texts.push(match part.is_empty() {
                    true => plan.text(text, self.lang).to_owned(),
                    false => phrases::so_far(self.lang, &part),
                });
                texts.extend(keys.then(|| phrases::enter(slot, self.lang)));
            }
            Asked::Half(_) => texts.push(self.phrase(Phrase::WhichHalf)),
            Asked::Check => {
                let about = whole.then(|| plan.text(&intent.label, self.lang));
                texts.push(phrases::check(self.lang, about, &self.told(intent, &shown)));
                texts.extend(keys.then(|| self.phrase(Phrase::YesNoKeys)));
            }
            Asked::Which => {
                let labels: Vec<String> =
                    self.told(intent, &shown).into_iter().map(|(label, _)| label).collect();
                texts.push(phrases::which_wrong(self.lang, &labels));
            }
            Asked::LookUp(_) => texts.push(self.phrase(Phrase::PleaseHold)),
            Asked::Question | Asked::Confirm(_) | Asked::Either(..) | Asked::AnythingElse => {
                texts.extend(self.question());
            }
        }
        self.say(texts, out);
    }

    /// These slots' names and values in the caller's language.
    fn told(&self, intent: &Intent, slots: &[usize]) -> Vec<(String, String)> {
        let told = |at: &usize| {
            let (slot, value) = (intent.slots.get(*at)?, self.task.as_ref()?.value(*at)?);
            Some((self.plan.text(&slot.label, self.lang).to_owned(), slot.read_back(value, self.lang)))
        };
        slots.iter().filter_map(told).collect()
    }

    /// The values that are known, for whoever gets the call.
    pub(super) fn filled(&self) -> Vec<Filled> {
        let Some((task, intent)) =
            self.task.as_ref().and_then(|t| Some((t, self.plan.intents.get(t.intent)?)))
        else {
            return Vec::new();
        };
        let filled = |(slot, value): (&Slot, &Option<Pii<Value>>)| {
            let value = value.clone()?;
            let said = Pii::new(slot.read_back(value.reveal(), self.lang));
            Some(Filled { name: slot.name.clone(), value, said })
        };
        let told = |(name, value): &(String, Pii<Value>)| {
            let said = Pii::new(say(value.reveal(), self.lang));
            Filled { name: name.clone(), value: value.clone(), said }
        };
        let given = intent.slots.iter().zip(&task.values).filter_map(filled);
        given.chain(task.results.iter().map(told)).collect()
    }

    /// What the caller says while a request is being filled.
    pub(super) fn task_heard(&mut self, now: Now, heard: &Heard, out: &mut Vec<Output>) {
        let answer = nlu::yes_no(&heard.text);
        match self.asked {
            Asked::Check if answer.as_ref().is_some_and(|(yes, rest)| *yes && rest.is_empty()) => {
                self.turn(heard, None, Understood::Yes, out);
                return self.checked(now, out);
            }
            Asked::Half(slot) => {
                if let Some(afternoon) = nlu::slots::afternoon(&heard.text) {
                    self.turn(heard, None, Understood::Filled, out);
                    return self.half(now, slot, (afternoon, heard), out);
                }
            }
            _ => {}
        }
        let asked = if let Asked::Slot(slot) = self.asked { Some(slot) } else { None };
        let Some(whole) = self.breathes(now, heard, out) else { return };
        let taken = self.take(now, &whole, asked);
        if !taken.corrected.is_empty() {
            self.turn(heard, None, Understood::Corrected, out);
            if let Some(task) = &mut self.task {
                task.whole = false;
            }
            return self.go_round(out, |this, out| this.go_on(now, out));
        }
        if !taken.filled.is_empty() {
            self.turn(heard, None, Understood::Filled, out);
            self.misses = 0;
            return self.go_on(now, out);
        }
        if let Some((slot, fault)) = taken.fault {
            self.turn(heard, None, Understood::Faulty, out);
            return self.faulty(slot, &fault, out);
        }
        if self.asked == Asked::Which
            && let Some(slot) = self.named(&heard.text)
        {
            self.turn(heard, None, Understood::No, out);
            return self.ask_anew(slot, out);
        }
        if self.changes_mind(now, heard, out) {
            return;
        }
        if self.asked == Asked::Check && answer.is_some_and(|(yes, _)| !yes) {
            self.turn(heard, None, Understood::No, out);
            return self.denied(out);
        }
        self.turn(heard, None, Understood::NoMatch, out);
        self.miss(Phrase::NotGot, out);
    }

    /// Another request altogether, if it is a sure one.
    fn changes_mind(&mut self, now: Now, heard: &Heard, out: &mut Vec<Output>) -> bool {
        let scored = self.scored_of(now, heard);
        let second = scored.get(1).map_or(0.0, |s| s.score);
        let sure = |s: &&nlu::Scored| s.score >= self.plan.act && s.score - second >= TIE;
        let current = self.task.as_ref().map(|t| t.intent);
        // "No" alone is like "there is no water", and is no request.
        if nlu::yes_no(&heard.text).is_some_and(|(_, rest)| rest.is_empty()) {
            return false;
        }
        let Some(best) = scored.first().filter(sure).filter(|s| Some(s.intent) != current).copied() else {
            return false;
        };
        if heard.confidence < UNSURE {
            return false;
        }
        self.words = Some(Pii::new(heard.text.clone()));
        self.said = Some(Pii::new(heard.clone()));
        let costs = self.plan.intents.get(best.intent).is_some_and(|i| asked_first(i) == Confirm::Always);
        let understood = if costs { Understood::Confirming } else { Understood::Acted };
        self.turn(heard, Some(best), understood, out);
        self.go_round(out, |this, out| match costs {
            true => {
                this.task = None;
                this.confirm(best.intent, phrases::confirm, out);
            }
            false => this.begin(now, best.intent, out),
        });
        true
    }

    /// What was read back is right.
    pub(super) fn checked(&mut self, now: Now, out: &mut Vec<Output>) {
        if let Some(task) = &mut self.task {
            task.to_check.clear();
            task.whole = false;
        }
        self.misses = 0;
        self.go_on(now, out);
    }

    /// What was read back is wrong: if it is one value it is asked for again, else which one it is.
    pub(super) fn denied(&mut self, out: &mut Vec<Output>) {
        let shown = self.task.as_ref().map(Task::shown).unwrap_or_default();
        match shown.as_slice() {
            [slot] => self.ask_anew(*slot, out),
            _ => {
                self.asked = Asked::Which;
                self.go_round(out, |this, out| this.ask_on(None, false, out));
            }
        }
    }

    /// Forgets a value and asks for it again.
    pub(super) fn ask_anew(&mut self, slot: usize, out: &mut Vec<Output>) {
        if let Some(task) = &mut self.task {
            task.clear(slot);
            task.to_check = vec![slot];
            task.whole = false;
        }
        self.asked = Asked::Slot(slot);
        let why = self.phrase(Phrase::WhatInstead);
        self.go_round(out, |this, out| this.ask_on(Some(why), false, out));
    }

    /// The half of the day that an hour was meant in.
    pub(super) fn half(
        &mut self,
        now: Now,
        slot: usize,
        (afternoon, heard): (bool, &Heard),
        out: &mut Vec<Output>,
    ) {
        let plan = self.plan.clone();
        if let Some(task) = &mut self.task
            && let Some(Value::When(when)) = task.value(slot).cloned()
        {
            let kind = plan.intents.get(task.intent).and_then(|i| i.slots.get(slot));
            let check = heard.confidence < UNSURE && kind.is_some_and(|k| k.confirm != Confirm::Never);
            task.set(slot, Value::When(when.in_half(afternoon)), check);
        }
        self.misses = 0;
        self.go_on(now, out);
    }

    /// A value that cannot be right: says why, and asks again.
    pub(super) fn faulty(&mut self, slot: usize, fault: &Fault, out: &mut Vec<Output>) {
        let plan = self.plan.clone();
        let intent = self.task.as_ref().and_then(|t| plan.intents.get(t.intent));
        let Some(slot) = intent.and_then(|i| i.slots.get(slot)) else {
            return self.miss(Phrase::NotGot, out);
        };
        if let Some(task) = &mut self.task {
            task.part.clear();
        }
        self.misses += 1;
        if self.misses >= super::MISSES_MAX {
            return self.hand_over(out);
        }
        let why = phrases::fault(self.lang, slot, fault);
        self.ask_on(Some(why), self.misses > 1, out);
    }

    /// The slot among those read back whose name is said.
    fn named(&self, text: &str) -> Option<usize> {
        let task = self.task.as_ref()?;
        let slots = &self.plan.intents.get(task.intent)?.slots;
        let said = |label: &String| {
            text.to_lowercase().contains(label.trim_start_matches("the ").trim_start_matches("your "))
        };
        task.shown().into_iter().find(|at| slots.get(*at).is_some_and(|s| s.label.values().any(said)))
    }
}
