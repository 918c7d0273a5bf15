//! The values in one sentence: for what is asked for and still missing, or, where something is taken back, for what is known.

use super::super::plan::{Confirm, Intent};
use super::super::slot::Slot;
use super::super::turn::Heard;
use super::hypotheses::values;
use super::task::Task;
use super::{Asked, Dialog, UNSURE};
use crate::base::{Lang, Now};
use crate::nlu::slots::{DateTime, Fault, SlotType, Value, correct, takes_back};

/// What a sentence gave.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) filled: Vec<usize>,
    pub(super) corrected: Vec<usize>,
    /// A value that cannot be right.
    pub(super) fault: Option<(usize, Fault)>,
}

impl Dialog {
    /// Takes every value in a sentence: those asked for or still missing, or, where something is taken back, those known.
    pub(super) fn take(&mut self, now: Now, heard: &Heard, asked: Option<usize>) -> Taken {
        let mut taken = Taken::default();
        let plan = self.plan.clone();
        let (at, lang) = (self.civil(now), self.lang);
        let Some(task) = &mut self.task else { return taken };
        let Some(intent) = plan.intents.get(task.intent) else { return taken };
        let heard_well = heard.confidence >= UNSURE;
        let mut known: Vec<usize> = task.order.clone();
        known.reverse();
        // A plain yes or no is meant for what was asked.
        let open = |s: &usize| task.value(*s).is_none() && Some(*s) != asked;
        let open = (0..intent.slots.len()).filter(open).filter(|s| intent.slots[*s].kind != SlotType::YesNo);
        let open: Vec<usize> = asked.into_iter().chain(open).collect();
        let back = takes_back(&heard.text) || self.asked == Asked::Check || self.asked == Asked::Which;
        let wanted: Vec<usize> = if back { known.iter().copied().chain(open).collect() } else { open };
        let slots: Vec<&Slot> = wanted.iter().map(|s| &intent.slots[*s]).collect();
        let mut found: Vec<_> = wanted.iter().copied().zip(values(&slots, lang, heard, at)).collect();
        if let Some(asked) = asked.filter(|a| !back && found.iter().all(|(s, f)| s != a || f.is_none())) {
            let alone = intent.slots[asked].find(lang, &heard.text, at, &plan.currency).into_iter().next();
            found = vec![(asked, alone)];
        }
        for (slot, found) in found.into_iter().filter_map(|(s, f)| Some((s, f?))) {
            let kind = &intent.slots[slot];
            match (task.value(slot), found.fault) {
                (None, None) => {
                    let check = kind.is_to_be_checked(if heard_well { found.score } else { 0.0 });
                    task.set(slot, found.value, check);
                    taken.filled.push(slot);
                }
                (Some(old), None) => {
                    let new = match old {
                        Value::When(_) => correct(&kind.kind, lang, old, &found.text, at),
                        _ => None,
                    };
                    let new = new.unwrap_or(found.value);
                    if new != *old {
                        task.set(slot, new, true);
                        taken.corrected.push(slot);
                    }
                }
                (None, Some(fault)) => taken.fault = taken.fault.or(Some((slot, fault))),
                (Some(_), Some(_)) => {}
            }
        }
        if back && taken.corrected.is_empty() && taken.filled.is_empty() {
            mend(task, intent, (lang, at, &plan.currency), &heard.text, &known, &mut taken);
        }
        if !taken.corrected.is_empty() {
            // Read back is what has changed, and whatever had to be before.
            task.to_check
                .retain(|s| taken.corrected.contains(s) || intent.slots[*s].confirm == Confirm::Always);
        }
        taken
    }
}

/// Part of a value changed: "not 5, 6", "the last four are 1234". The check digits of what comes of it must be right.
fn mend(
    task: &mut Task,
    intent: &Intent,
    (lang, at, currency): (Lang, DateTime, &str),
    text: &str,
    known: &[usize],
    taken: &mut Taken,
) {
    for slot in known {
        let (Some(old), kind) = (task.value(*slot), &intent.slots[*slot]) else { continue };
        // "No, sixty": an amount that is told without its currency.
        let bare = || kind.find(lang, text, at, currency).into_iter().next().map(|f| f.value);
        let bare = || bare().filter(|_| kind.kind == SlotType::Money);
        let new = correct(&kind.kind, lang, old, text, at).or_else(bare);
        let Some(new) = new.filter(|new| new != old) else { continue };
        let fault = match &new {
            Value::Digits(digits) => {
                kind.find(lang, digits, at, "").first().map_or(Some(Fault::Check), |f| f.fault.clone())
            }
            _ => None,
        };
        match fault {
            Some(fault) => taken.fault = Some((*slot, fault)),
            None => {
                task.set(*slot, new, true);
                taken.corrected.push(*slot);
            }
        }
        return;
    }
}
