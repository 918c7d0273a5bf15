//! A dialogue without a telephone: typed sentences, keys and silences in; what the line says, understands and does out.
//! What `trunkline chat` and the golden dialogues of `trunkline test` run on.

use super::condition::Proof;
use super::dialog::Dialog;
use super::lookup::Reply as ServiceReply;
use super::plan::Plan;
use super::turn::{Heard, Input, Outcome, Output, Turn};
use crate::base::{Epoch, Lang, Now, Pii};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What the caller does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    Says(String),
    /// These keys, one after the other.
    Presses(String),
    Waits,
}

impl Act {
    /// `key 3` and `key 138#` press, nothing waits, everything else is said.
    pub fn parse(text: &str) -> Act {
        let text = text.trim();
        let is_key = |c: char| c.is_ascii_digit() || "*#".contains(c);
        let keys =
            text.strip_prefix("key ").map(str::trim).filter(|k| !k.is_empty() && k.chars().all(is_key));
        match keys {
            Some(keys) => Act::Presses(keys.to_owned()),
            None if text.is_empty() => Act::Waits,
            None => Act::Says(text.to_owned()),
        }
    }
}

/// What came of one act.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reply {
    pub turns: Vec<Turn>,
    pub says: Vec<String>,
    /// Services that were asked, and what came of it.
    pub lookups: Vec<(String, &'static str)>,
    /// Kinds of tickets that were written.
    pub tickets: Vec<String>,
    /// Where the call goes; the dialogue is over then.
    pub outcome: Option<Outcome>,
}

/// A dialogue under rehearsal.
#[derive(Debug)]
pub struct Rehearsal {
    dialog: Dialog,
    now: Now,
    /// What services answer, by look-up: status and body. Others are down.
    answers: BTreeMap<String, (u16, String)>,
}

impl Rehearsal {
    /// Begins a dialogue; the greeting and the first question are in the reply.
    /// `epoch` is when; services answer as `answers` has it; `proof` is what is known of the caller's number.
    pub fn begin(
        plan: Arc<Plan>,
        epoch: Epoch,
        answers: BTreeMap<String, (u16, String)>,
        proof: Proof,
    ) -> (Rehearsal, Reply) {
        let dialog = Dialog::new(plan, true, epoch, 1).proved(proof);
        let mut rehearsal = Rehearsal { dialog, now: Now(0), answers };
        let reply = rehearsal.give(Input::Start);
        (rehearsal, reply)
    }

    /// The language spoken now.
    pub fn lang(&self) -> Lang {
        self.dialog.lang()
    }

    /// The caller goes on in another language of the line.
    pub fn speak(&mut self, lang: Lang) {
        self.dialog.speak(lang);
    }

    /// Does one thing, after everything said so far has been heard.
    pub fn act(&mut self, act: &Act) -> Reply {
        match act {
            Act::Says(text) => self.hear(Heard::new(text.clone(), 1.0)),
            Act::Presses(keys) => {
                let mut reply = Reply::default();
                for key in keys.chars() {
                    let more = self.give(Input::Key(key));
                    reply.turns.extend(more.turns);
                    reply.lookups.extend(more.lookups);
                    reply.tickets.extend(more.tickets);
                    if !more.says.is_empty() {
                        reply.says = more.says;
                    }
                    reply.outcome = more.outcome;
                    if reply.outcome.is_some() {
                        break;
                    }
                }
                reply
            }
            Act::Waits => {
                self.now = self.dialog.deadline().unwrap_or(self.now + Duration::from_secs(60));
                self.give(Input::Tick)
            }
        }
    }

    /// The caller says what a recogniser has heard so.
    pub fn hear(&mut self, heard: Heard) -> Reply {
        self.give(Input::Heard(heard))
    }

    fn give(&mut self, input: Input) -> Reply {
        let mut out = Vec::new();
        self.dialog.step(self.now, input, &mut out);
        let mut reply = Reply::default();
        let (mut next, mut asked) = (0, None);
        while let Some(o) = out.get(next).cloned() {
            next += 1;
            match o {
                // Nobody interrupts here.
                Output::Resume => {}
                Output::Say(say) => reply.says.extend(say.texts),
                Output::LookUp { ask, request } => {
                    let answer = self.answers.get(&request.lookup);
                    let reply = answer
                        .map(|(status, body)| ServiceReply { status: *status, body: Pii::new(body.clone()) });
                    asked = Some(Input::LookedUp { ask, reply });
                }
                Output::LookedUp { lookup, outcome } => reply.lookups.push((lookup, outcome)),
                Output::Ticket(ticket) => reply.tickets.push(ticket.kind),
                Output::Turn(turn) => reply.turns.push(turn),
                Output::Done(outcome) => reply.outcome = Some(outcome),
            }
            if let Some(answer) = asked.take_if(|_| next == out.len()) {
                self.dialog.step(self.now, answer, &mut out);
            }
        }
        if reply.outcome.is_none() && !reply.says.is_empty() {
            self.dialog.step(self.now, Input::Spoken, &mut Vec::new());
        }
        reply
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acts_are_read_as_they_are_typed() {
        assert_eq!(Act::parse("key 3"), Act::Presses("3".into()));
        assert_eq!(Act::parse("key 138#"), Act::Presses("138#".into()));
        assert_eq!(Act::parse(" key * "), Act::Presses("*".into()));
        assert_eq!(Act::parse("key lost"), Act::Says("key lost".into()));
        assert_eq!(Act::parse(" "), Act::Waits);
        assert_eq!(Act::parse("我家停水了"), Act::Says("我家停水了".into()));
    }
}
