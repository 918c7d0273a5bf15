//! Doing what was asked for: a service is asked, the first rule that fits says what is said, noted and where the call goes.
//!
//! ```text
//! act ─► look-up? ── found ──► first rule that fits ─► set ─► ticket ─► say ─► queue, or "anything else?"
//!                 ├─ none ───► `none`, or `failed`
//!                 └─ failed ─► `failed`
//! ```

use super::super::lookup::{Answer, Reply, plain};
use super::super::phrases::{self, Phrase};
use super::super::plan::Action;
use super::super::slot::Filled;
use super::super::template;
use super::super::turn::{Heard, Input, Output, Ticket, Understood};
use super::{Asked, Dialog, ROUNDS_MAX};
use crate::base::{Now, Pii};
use crate::nlu::slots::{Value, say};
use crate::nlu::{self, Universal};

impl Dialog {
    /// Carries out a request whose values are there.
    pub(super) fn act(&mut self, now: Now, intent: usize, out: &mut Vec<Output>) {
        let plan = self.plan.clone();
        let Some(found) = plan.intents.get(intent) else { return self.hand_over(out) };
        let Some(lookup) = &found.lookup else {
            return self.first_rule(now, intent, out);
        };
        self.lookups += 1;
        self.asked = Asked::LookUp(self.lookups);
        let values = self.filled();
        let value = |name: &str| values.iter().find(|v| v.name == name).map(|v| plain(v.value.reveal()));
        out.push(Output::LookUp { ask: self.lookups, request: lookup.request(value) });
        self.say(vec![self.phrase(Phrase::PleaseHold)], out);
        // Whoever carries it may break: the caller waits no longer than it can take.
        self.silence_at = Some(now + lookup.longest());
    }

    /// The answer of the service, or that there is none.
    pub(super) fn looked_up(&mut self, now: Now, ask: u32, reply: Option<&Reply>, out: &mut Vec<Output>) {
        let plan = self.plan.clone();
        let intent = self.task.as_ref().map(|t| t.intent);
        let Some((at, found)) = intent.and_then(|i| Some((i, plan.intents.get(i)?))) else { return };
        let Some(lookup) = found.lookup.as_ref().filter(|_| self.asked == Asked::LookUp(ask)) else { return };
        self.silence_at = None;
        let answer = lookup.answer(reply, &plan.currency);
        out.push(Output::LookedUp { lookup: lookup.name.clone(), outcome: answer.outcome() });
        match answer {
            Answer::Found(values) => {
                if let Some(task) = &mut self.task {
                    task.results.extend(values.into_iter().map(|(name, value)| (name, Pii::new(value))));
                }
                self.first_rule(now, at, out);
            }
            Answer::None => self.apply(now, found.none.as_ref().or(found.failed.as_ref()), at, out),
            Answer::Failed => self.apply(now, found.failed.as_ref(), at, out),
        }
    }

    /// Asks the service that knows who needs time about this caller. Nobody waits for it: patience begins when the answer is there.
    pub(super) fn ask_about_caller(&mut self, out: &mut Vec<Output>) {
        let (Some(account), Some(caller)) = (&self.plan.patience.account, self.caller.take()) else { return };
        self.lookups += 1;
        self.account = Some(self.lookups);
        let value = |name: &str| (name == "caller").then(|| caller.reveal().clone());
        out.push(Output::LookUp { ask: self.lookups, request: account.lookup.request(value) });
    }

    /// What it answered.
    pub(super) fn know_caller(&mut self, reply: Option<&Reply>, out: &mut Vec<Output>) {
        self.account = None;
        let plan = self.plan.clone();
        let Some(account) = &plan.patience.account else { return };
        let answer = account.lookup.answer(reply, &plan.currency);
        out.push(Output::LookedUp { lookup: account.lookup.name.clone(), outcome: answer.outcome() });
        let Answer::Found(values) = answer else { return };
        if values.iter().any(|(name, value)| *name == account.value && *value == Value::YesNo(true)) {
            self.be_patient();
        }
    }

    /// True while a service is being asked.
    pub(super) fn is_looking_up(&self) -> bool {
        matches!(self.asked, Asked::LookUp(_))
    }

    /// While a service is being asked, a caller may want a person or leave; the rest is not for us.
    pub(super) fn meanwhile(&mut self, now: Now, input: &Input, out: &mut Vec<Output>) {
        let until = self.silence_at;
        let wish = match input {
            Input::Heard(heard) => {
                let heard = self.meant(now, heard);
                nlu::universal(&heard.text).map(|wish| (heard, wish))
            }
            Input::Key('0') => Some((Heard::new("key 0", 1.0), Universal::Person)),
            // The service has had all its time.
            Input::Tick => return self.looked_up(now, self.lookups, None, out),
            _ => None,
        };
        if let Input::Heard(heard) = input
            && self.is_urgent(heard, out)
        {
            return;
        }
        if let Some((heard, wish @ (Universal::Person | Universal::Goodbye))) = wish {
            self.turn(&heard, None, Understood::Universal, out);
            self.universal(wish, out);
        } else if let Input::Heard(_) | Input::NotHeard(_) = input {
            let nothing = Heard::default();
            let heard = if let Input::Heard(heard) = input { heard } else { &nothing };
            self.turn(heard, None, Understood::NoMatch, out);
            self.say(vec![self.phrase(Phrase::PleaseHold)], out);
            self.silence_at = until;
        }
    }

    fn first_rule(&mut self, now: Now, intent: usize, out: &mut Vec<Output>) {
        let plan = self.plan.clone();
        let values = self.filled();
        let value = |name: &str| {
            let own = values.iter().find(|v| v.name == name).map(|v| v.value.reveal());
            own.or_else(|| self.proof.value(name))
        };
        let fits = |a: &&Action| a.when.as_ref().is_none_or(|c| c.holds(value));
        let rule = plan.intents.get(intent).and_then(|i| i.rules.iter().find(fits));
        self.apply(now, rule, intent, out);
    }

    fn apply(&mut self, now: Now, action: Option<&Action>, intent: usize, out: &mut Vec<Output>) {
        let plan = self.plan.clone();
        let (Some(action), Some(found)) = (action, plan.intents.get(intent)) else {
            return self.hand_over(out);
        };
        let mut values = self.filled();
        let told = |values: &[Filled], text: &str| {
            let value = |name: &str| values.iter().find(|v| v.name == name).map(|v| v.said.reveal().clone());
            template::fill(text, value)
        };
        for (name, text) in &action.set {
            let said = told(&values, text);
            values.retain(|v| v.name != *name);
            values.push(Filled {
                name: name.clone(),
                value: Pii::new(Value::Choice(said.clone())),
                said: Pii::new(said),
            });
        }
        if let Some(kind) = &action.ticket {
            self.tickets += 1;
            let number = Value::Digits((self.call * 10 + u64::from(self.tickets)).to_string());
            let said = Pii::new(say(&number, self.lang));
            values.push(Filled { name: "ticket".into(), value: Pii::new(number), said });
            out.push(Output::Ticket(Ticket {
                number: self.call * 10 + u64::from(self.tickets),
                kind: kind.clone(),
                intent: found.name.clone(),
                lang: self.lang,
                words: self.words.clone(),
                values: values.clone(),
            }));
        }
        let text = action.say.as_ref().map(|text| told(&values, plan.text(text, self.lang)));
        if let Some(queue) = &action.queue {
            let text = text.unwrap_or_else(|| phrases::acting(self.lang, &self.label(intent)));
            return self.hand_to(queue, Some(&found.name), (text, values), out);
        }
        self.rounds += 1;
        if self.rounds >= ROUNDS_MAX || self.tickets >= TICKETS_MAX {
            return self.hand_over(out);
        }
        self.misses = 0;
        self.asked = Asked::AnythingElse;
        self.task = None;
        let mut texts: Vec<String> = text.into_iter().collect();
        if !self.pending.is_empty() {
            // The sentence had another request in it.
            let next = self.pending.remove(0);
            self.before.append(&mut texts);
            return self.one_request(now, &Heard::new(next, 1.0), out);
        }
        texts.push(self.phrase(Phrase::AnythingElse));
        if !self.listens {
            texts.extend(self.keys());
        }
        self.say(texts, out);
    }
}

/// Tickets of one call: their numbers are those of the call with one digit more.
const TICKETS_MAX: u8 = 9;
