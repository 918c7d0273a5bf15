//! Keys: the same as words, at every point.

use super::super::phrases::{self, Phrase};
use super::super::plan::Confirm;
use super::super::turn::{Heard, Output, Understood};
use super::request::asked_first;
use super::{Asked, Dialog, KEY_GAP};
use crate::base::Now;
use crate::limits::SLOT_DIGITS_MAX;
use crate::nlu::{self, Universal};

impl Dialog {
    pub(super) fn key(&mut self, now: Now, key: char, out: &mut Vec<Output>) {
        self.silence_at = None;
        self.by_keys = true;
        self.silences = 0;
        if let (Asked::Slot(slot), Some(task)) = (self.asked, &self.task)
            && (!task.keys.is_empty() || key.is_ascii_digit())
        {
            return self.slot_key(now, slot, key, out);
        }
        let heard = Heard::new(format!("key {key}"), 1.0);
        let certain = |intent| Some(nlu::Scored { intent, score: 1.0 });
        match (key, self.asked) {
            ('0', _) => {
                self.turn(&heard, None, Understood::Universal, out);
                self.hand_over(out);
            }
            ('*', _) => {
                self.turn(&heard, None, Understood::Universal, out);
                self.universal(Universal::Repeat, out);
            }
            ('#', _) => {
                self.turn(&heard, None, Understood::Universal, out);
                let other =
                    self.plan.languages.iter().copied().find(|l| *l != self.lang).unwrap_or(self.lang);
                self.universal(Universal::Language(other), out);
            }
            ('1' | '2', Asked::Confirm(_)) => {
                self.answered(now, &heard, (key == '1', ""), out);
            }
            ('1', Asked::Either(intent, _)) | ('2', Asked::Either(_, intent)) => {
                self.turn(&heard, certain(intent), Understood::Acted, out);
                self.begin(now, intent, out);
            }
            _ if self.task.is_some() => self.task_key(now, &heard, key, out),
            _ => match self.plan.by_key(key) {
                Some(intent) => {
                    self.turn(&heard, certain(intent), Understood::Acted, out);
                    // An earlier sentence was not about this.
                    self.said = None;
                    if self.plan.intents.get(intent).is_some_and(|i| asked_first(i) == Confirm::Always) {
                        self.confirm(intent, phrases::confirm_by_key, out);
                    } else {
                        self.begin(now, intent, out);
                    }
                }
                None => {
                    self.turn(&heard, None, Understood::NoMatch, out);
                    self.misses = self.misses.max(1);
                    self.miss(Phrase::UseKeys, out);
                }
            },
        }
    }

    /// Keys while values are read back.
    fn task_key(&mut self, now: Now, heard: &Heard, key: char, out: &mut Vec<Output>) {
        let shown = self.task.as_ref().map(super::Task::shown).unwrap_or_default();
        let nth = key.to_digit(10).and_then(|n| shown.get((n as usize).checked_sub(1)?)).copied();
        match (self.asked, key, nth) {
            (Asked::Check, '1', _) => {
                self.turn(heard, None, Understood::Yes, out);
                self.checked(now, out);
            }
            (Asked::Check, '2', _) => {
                self.turn(heard, None, Understood::No, out);
                self.denied(out);
            }
            (Asked::Half(slot), '1' | '2', _) => {
                self.turn(heard, None, Understood::Filled, out);
                self.half(now, slot, (key == '2', heard), out);
            }
            (Asked::Which, _, Some(slot)) => {
                self.turn(heard, None, Understood::No, out);
                self.ask_anew(slot, out);
            }
            _ => {
                self.turn(heard, None, Understood::NoMatch, out);
                self.misses = self.misses.max(1);
                self.miss(Phrase::NotGot, out);
            }
        }
    }

    /// One key of a value: `#`, a pause, or as many as there have to be end it.
    fn slot_key(&mut self, now: Now, slot: usize, key: char, out: &mut Vec<Output>) {
        let plan = self.plan.clone();
        let Some(task) = &mut self.task else { return };
        let exactly = plan.intents.get(task.intent).and_then(|i| i.slots.get(slot)?.keys_exactly());
        task.part.clear();
        if key != '#' {
            task.keys.push(key);
        }
        // In a list there is no 0: it means a person, as everywhere.
        let person = task.keys == "0" && exactly == Some(1);
        let most = exactly.unwrap_or(SLOT_DIGITS_MAX);
        if key == '#' || person || task.keys.len() >= most {
            return self.keyed(now, out);
        }
        self.silence_at = Some(now + if self.patient { KEY_GAP * 2 } else { KEY_GAP });
    }

    /// A row of keys is complete.
    pub(super) fn keyed(&mut self, now: Now, out: &mut Vec<Output>) {
        self.silence_at = None;
        let plan = self.plan.clone();
        let at = self.civil(now);
        let (Asked::Slot(slot), Some(task)) = (self.asked, &mut self.task) else { return };
        let keys = std::mem::take(&mut task.keys);
        let Some(asked) = plan.intents.get(task.intent).and_then(|i| i.slots.get(slot)) else { return };
        let heard = Heard::new(format!("key {keys}"), 1.0);
        match asked.keyed(&keys, at, &plan.currency) {
            Some((value, None)) => {
                task.set(slot, value, asked.confirm == Confirm::Always);
                self.misses = 0;
                self.turn(&heard, None, Understood::Filled, out);
                self.go_on(now, out);
            }
            // Nothing takes a lone 0 here: the caller wants what it means everywhere.
            _ if keys == "0" => {
                self.turn(&heard, None, Understood::Universal, out);
                self.hand_over(out);
            }
            Some((_, Some(fault))) => {
                self.turn(&heard, None, Understood::Faulty, out);
                self.faulty(slot, &fault, out);
            }
            None => {
                self.turn(&heard, None, Understood::NoMatch, out);
                self.miss(Phrase::NotGot, out);
            }
        }
    }
}
