//! How long a caller waits for an answer, and what for; how long we go on speaking when it speaks.
//!
//! ```text
//! speech ends ─ hang-over ─► it is over ─ recogniser ─► words ─ understanding ─► text ─ voice ─► samples ─ sending ─► first sound
//! ```
//! A sentence is written down while the hang-over runs, so that the recogniser's part is only what it took longer. How long the sentence
//! waited for a free one, and how long that took for it, stand beside. What a step of ours takes is measured by whoever gives it ([`Switch::took`]), since no time passes
//! within one. All of it is in the record of each turn, and [`Answers`] has it for all calls.

use super::cdr::{Cdr, TurnRecord};
use super::journey::Call;
use super::switch::Switch;
use crate::base::{Now, SAMPLE_RATE};
use crate::limits::ANSWER_MS_MAX;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// From the end of the caller's speech to the first sound of the answer, in ms: the sum is the gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Gap {
    /// Silence until it was clear that the sentence is over.
    pub hangover_ms: u64,
    /// For the recogniser beyond that, and for one to be free.
    pub recogniser_ms: u64,
    /// Understanding, and services that were asked before anything was said.
    pub understanding_ms: u64,
    /// Until the answer was rendered.
    pub voice_ms: u64,
    /// Until its first packet left.
    pub sending_ms: u64,
}

/// A sentence at the recogniser.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sentence {
    pub(super) utterance: u32,
    /// When it was handed over.
    pub(super) handed: Now,
    /// When the caller stopped speaking, and when that was certain.
    pub(super) ended: Now,
    pub(super) over: Now,
    /// When its words came, if that was before it was over.
    pub(super) written: Option<Now>,
    /// How long it waited for a recogniser.
    pub(super) waited: Duration,
    /// How many samples it has.
    pub(super) samples: usize,
}

/// A turn whose answer has not been heard yet.
#[derive(Debug, Clone, Copy)]
struct Turned {
    ended: Now,
    over: Now,
    words: Now,
    text: Option<Now>,
    samples: Option<Now>,
    /// What the step took in which it was understood.
    took: Duration,
}

/// What is being measured of one call.
#[derive(Debug, Default)]
pub(super) struct Answering {
    turned: Option<Turned>,
    /// When the caller began to speak over a prompt.
    spoke: Option<Now>,
    barge_in_ms: Option<u64>,
}

impl Answering {
    /// The caller began at `spoke` to speak over what is said.
    pub(super) fn interrupted(&mut self, spoke: Now) {
        (self.spoke, self.barge_in_ms) = (Some(spoke), None);
    }

    /// What was said ended at `at`.
    pub(super) fn stopped(&mut self, at: Now) {
        self.barge_in_ms = self.spoke.take().map(|spoke| ms(at, spoke)).or(self.barge_in_ms);
    }

    /// How long the prompt went on that the present turn has stopped.
    pub(super) fn barge_in(&mut self) -> Option<u64> {
        self.barge_in_ms.take()
    }

    /// The words of `sentence` have come.
    pub(super) fn turned(&mut self, words: Now, sentence: Sentence) {
        let (ended, over, took) = (sentence.ended, sentence.over, Duration::ZERO);
        self.turned = Some(Turned { ended, over, words, text: None, samples: None, took });
    }

    /// It is known what is said to it.
    pub(super) fn answered(&mut self, now: Now) {
        if let Some(turned) = &mut self.turned {
            turned.text.get_or_insert(now);
        }
    }

    /// What is said has been rendered.
    pub(super) fn rendered(&mut self, now: Now) {
        if let Some(turned) = &mut self.turned {
            turned.samples.get_or_insert(now);
        }
    }

    /// The first sound of the answer has left: how long all of that took.
    pub(super) fn heard(&mut self, at: Now) -> Option<(u64, Gap)> {
        let t = self.turned.take()?;
        let over = t.over.min(t.words);
        let text = t.text.unwrap_or(t.words);
        let samples = t.samples.unwrap_or(text);
        let took = (t.took.as_millis() as u64).min(ms(at, samples));
        let gap = Gap {
            hangover_ms: ms(over, t.ended),
            recogniser_ms: ms(t.words, over),
            understanding_ms: ms(text, t.words) + took,
            voice_ms: ms(samples, text),
            sending_ms: ms(at, samples) - took,
        };
        Some((ms(at, t.ended), gap))
    }
}

fn ms(later: Now, earlier: Now) -> u64 {
    later.ms().saturating_sub(earlier.ms())
}

impl Call {
    /// How long a sentence was with the recogniser.
    pub(super) fn sentence_taken(&mut self, now: Now, sentence: Sentence, turn: &mut TurnRecord) {
        self.answering.turned(now, sentence);
        turn.recognise_ms = Some(ms(sentence.written.unwrap_or(now), sentence.handed));
        turn.queued_ms = Some(sentence.waited.as_millis() as u64);
        turn.speech_ms = Some(sentence.samples as u64 * 1000 / u64::from(SAMPLE_RATE));
    }
}

impl Switch {
    /// How long the last step took, as its driver saw it: part of it is in the record of the turn that was taken in it.
    pub fn took(&mut self, took: Duration) {
        let Some(id) = self.shared.turned.take() else { return };
        if let Some(turned) = self.calls.get_mut(&id).and_then(|call| call.answering.turned.as_mut()) {
            turned.took = took;
        }
    }
}

/// What is read off a turn, if it was measured there.
type Of = fn(&TurnRecord) -> Option<u64>;

/// What is measured of every turn, by name: in ms, the real-time factor in thousandths of the sentence's length.
const MEASURED: [(&str, Of); 10] = [
    ("gap", |t| t.gap_ms),
    ("hang-over", |t| Some(t.gap?.hangover_ms)),
    ("recogniser", |t| Some(t.gap?.recogniser_ms)),
    ("understanding", |t| Some(t.gap?.understanding_ms)),
    ("voice", |t| Some(t.gap?.voice_ms)),
    ("sending", |t| Some(t.gap?.sending_ms)),
    ("barge-in", |t| t.barge_in_ms),
    ("waiting for a recogniser", |t| t.queued_ms),
    ("recognising, all of it", |t| t.recognise_ms),
    ("real-time factor, ‰", |t| {
        let decoding = t.recognise_ms?.saturating_sub(t.queued_ms?);
        Some(decoding * 1000 / t.speech_ms.filter(|ms| *ms > 0)?)
    }),
];

/// One of them over all turns so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    pub what: String,
    pub count: u64,
    pub p50: u64,
    pub p95: u64,
    pub p99: u64,
    pub max: u64,
}

/// What was measured of every turn since the server began: a few KiB, however many there were.
#[derive(Debug)]
pub struct Answers(Vec<Histogram<u32>>);

impl Default for Answers {
    fn default() -> Self {
        // Two digits: nobody hears a hundredth of a gap.
        let empty = || Histogram::new_with_bounds(1, ANSWER_MS_MAX, 2);
        Answers(MEASURED.iter().filter_map(|_| empty().ok()).collect())
    }
}

impl Answers {
    /// Counts the turns of a call that is over.
    pub fn add(&mut self, cdr: &Cdr) {
        for turn in &cdr.turns {
            for ((_, of), histogram) in MEASURED.iter().zip(&mut self.0) {
                of(turn).into_iter().for_each(|value| histogram.saturating_record(value));
            }
        }
    }

    /// All of it.
    pub fn measured(&self) -> Vec<Measured> {
        let one = |((what, _), h): (&(&str, _), &Histogram<u32>)| Measured {
            what: (*what).to_owned(),
            count: h.len(),
            p50: h.value_at_quantile(0.50),
            p95: h.value_at_quantile(0.95),
            p99: h.value_at_quantile(0.99),
            max: h.max(),
        };
        MEASURED.iter().zip(&self.0).map(one).collect()
    }
}
