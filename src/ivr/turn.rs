//! What goes into the dialogue, and what comes out: sentences, keys, silence; prompts, turns, an outcome.

use super::lookup::{Reply, Request};
use super::slot::Filled;
use crate::base::{Hypothesis, Lang, Pii};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What the recogniser made of a sentence.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Heard {
    pub text: String,
    /// 0–1.
    pub confidence: f32,
    /// What it may have been instead, likeliest first; their probabilities and that of `text` add up to 1.
    pub others: Vec<Hypothesis>,
}

/// Below this confidence nothing was heard.
const UNHEARD: f32 = 0.20;

impl Heard {
    /// A sentence that can have been nothing else.
    pub fn new(text: impl Into<String>, confidence: f32) -> Heard {
        Heard { text: text.into(), confidence, others: Vec::new() }
    }

    /// All that it may have been with the probability of each, first what is likeliest.
    pub fn texts(&self) -> impl Iterator<Item = (&str, f32)> {
        let own = 1.0 - self.others.iter().map(|o| o.probability).sum::<f32>();
        let others = self.others.iter().map(|o| (o.text.as_str(), o.probability));
        std::iter::once((self.text.as_str(), own)).chain(others)
    }

    /// True if there are no words in it, or none that can be believed.
    pub(super) fn is_nothing(&self) -> bool {
        self.text.trim().is_empty() || self.confidence < UNHEARD
    }
}

/// Why a sentence has no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotHeard {
    /// No words in it.
    Empty,
    /// The recogniser is busy, broken or absent.
    Unavailable,
}

/// What the dialogue is given.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    Start,
    Heard(Heard),
    NotHeard(NotHeard),
    Key(char),
    /// The caller began to speak: silence is not counted until the sentence is known.
    Speaking,
    /// Speech has stopped what was being said, with so much of it left.
    Cut {
        left: Duration,
    },
    /// Everything said so far has been played.
    Spoken,
    /// The answer to [`Output::LookUp`]; none if there was none.
    LookedUp {
        ask: u32,
        reply: Option<Reply>,
    },
    /// The deadline has come.
    Tick,
}

/// Something to say, in pieces played one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Say {
    pub lang: Lang,
    pub texts: Vec<String>,
    /// Speech stops it. (Keys always do.)
    pub barge_in: bool,
}

/// Where the call goes.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// To an agent; `intent` is `None` if a person was asked for or the ladder ended.
    Queue {
        queue: String,
        intent: Option<String>,
        lang: Lang,
        words: Option<Pii<String>>,
        slots: Vec<Filled>,
        /// In place of the queue's own.
        priority: Option<u16>,
    },
    /// The caller is done; hang up when everything is said.
    Goodbye,
}

/// What the dialogue wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Say this in place of what is being said.
    Say(Say),
    /// Go on with what speech has stopped.
    Resume,
    /// One turn of the caller, for the record.
    Turn(Turn),
    /// Ask a service. Answered by [`Input::LookedUp`].
    LookUp { ask: u32, request: Request },
    /// What came of asking it: `found`, `none` or `failed`.
    LookedUp { lookup: String, outcome: &'static str },
    /// Something is to be done by people.
    Ticket(Ticket),
    /// The dialogue is over. Comes after the last `Say`.
    Done(Outcome),
}

/// Something to be done by people, as the caller put it.
#[derive(Debug, Clone, PartialEq)]
pub struct Ticket {
    /// The call's number with one digit more.
    pub number: u64,
    /// Of the line's kinds of tickets.
    pub kind: String,
    pub intent: String,
    pub lang: Lang,
    pub words: Option<Pii<String>>,
    pub values: Vec<Filled>,
}

/// How one turn of the caller was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Understood {
    /// Carried out at once.
    Acted,
    /// Asked back: "…, right?".
    Confirming,
    /// Asked back: "A or B?".
    Choosing,
    /// Confirmed by the caller.
    Yes,
    /// Denied by the caller.
    No,
    /// A nod, a cough, or noise while something was being said, which goes on.
    BackChannel,
    /// The beginning of a value: more of it must follow.
    Part,
    /// A value that was asked for, or said unasked.
    Filled,
    /// Another value for one that was known already.
    Corrected,
    /// A value that cannot be right: its check failed, it is too short, out of range.
    Faulty,
    /// A person, repeat, help, back, slower, language, goodbye.
    Universal,
    /// Words of an emergency, or of anger.
    Urgent,
    /// Not understood.
    NoMatch,
    /// Nothing said.
    NoInput,
    /// The recogniser did not answer.
    Unavailable,
}

/// One turn of the caller: what was heard and what it was taken for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// What was said (or `key 3`), in full: personal.
    #[serde(serialize_with = "reveal", deserialize_with = "conceal")]
    pub heard: Pii<String>,
    pub lang: Lang,
    /// The recogniser's confidence, 0–1; 1 for keys.
    pub confidence: f32,
    /// What the sentence may have been instead.
    #[serde(
        default,
        skip_serializing_if = "is_empty",
        serialize_with = "reveal",
        deserialize_with = "conceal"
    )]
    pub others: Pii<Vec<Hypothesis>>,
    /// The best intent and its score, if any.
    pub intent: Option<String>,
    pub score: f32,
    pub understood: Understood,
}

fn is_empty(others: &Pii<Vec<Hypothesis>>) -> bool {
    others.reveal().is_empty()
}

pub(super) fn reveal<T: Serialize, S: serde::Serializer>(value: &Pii<T>, s: S) -> Result<S::Ok, S::Error> {
    value.reveal().serialize(s)
}

pub(super) fn conceal<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
    d: D,
) -> Result<Pii<T>, D::Error> {
    T::deserialize(d).map(Pii::new)
}
