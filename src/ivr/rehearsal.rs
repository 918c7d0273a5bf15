//! A dialogue without a telephone: typed sentences, keys and silences in; what the line says, understands and does out.
//! What `trunkline chat` and the golden dialogues of `trunkline test` run on.

use super::dialog::Dialog;
use super::plan::Plan;
use super::turn::{Heard, Input, Outcome, Output, Turn};
use crate::base::{Lang, Now};
use std::sync::Arc;
use std::time::Duration;

/// What the caller does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    Says(String),
    Presses(char),
    Waits,
}

impl Act {
    /// `key 3` presses, nothing waits, everything else is said.
    pub fn parse(text: &str) -> Act {
        let text = text.trim();
        let key = text.strip_prefix("key ").and_then(|k| {
            let mut chars = k.trim().chars();
            chars.next().filter(|c| chars.next().is_none() && (c.is_ascii_digit() || "*#".contains(*c)))
        });
        match key {
            Some(key) => Act::Presses(key),
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
    /// Where the call goes; the dialogue is over then.
    pub outcome: Option<Outcome>,
}

/// A dialogue under rehearsal.
#[derive(Debug)]
pub struct Rehearsal {
    dialog: Dialog,
    now: Now,
}

impl Rehearsal {
    /// Begins a dialogue; the greeting and the first question are in the reply.
    pub fn begin(plan: Arc<Plan>) -> (Rehearsal, Reply) {
        let mut rehearsal = Rehearsal { dialog: Dialog::new(plan, true), now: Now(0) };
        let reply = rehearsal.give(Input::Start);
        (rehearsal, reply)
    }

    /// The language spoken now.
    pub fn lang(&self) -> Lang {
        self.dialog.lang()
    }

    /// Does one thing, after everything said so far has been heard.
    pub fn act(&mut self, act: &Act) -> Reply {
        match act {
            Act::Says(text) => self.give(Input::Heard(Heard { text: text.clone(), confidence: 1.0 })),
            Act::Presses(key) => self.give(Input::Key(*key)),
            Act::Waits => {
                self.now = self.dialog.deadline().unwrap_or(self.now + Duration::from_secs(60));
                self.give(Input::Tick)
            }
        }
    }

    fn give(&mut self, input: Input) -> Reply {
        let mut out = Vec::new();
        self.dialog.step(self.now, input, &mut out);
        let mut reply = Reply::default();
        for o in out {
            match o {
                Output::Say(say) => reply.says.extend(say.texts),
                Output::Turn(turn) => reply.turns.push(turn),
                Output::Done(outcome) => reply.outcome = Some(outcome),
            }
        }
        if reply.outcome.is_none() {
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
        assert_eq!(Act::parse("key 3"), Act::Presses('3'));
        assert_eq!(Act::parse(" key * "), Act::Presses('*'));
        assert_eq!(Act::parse("key lost"), Act::Says("key lost".into()));
        assert_eq!(Act::parse(" "), Act::Waits);
        assert_eq!(Act::parse("我家停水了"), Act::Says("我家停水了".into()));
    }
}
