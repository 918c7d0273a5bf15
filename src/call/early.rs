//! Sentences are written down before it is certain that they are over, so that the answer need not wait for that.
//!
//! ```text
//! speech ─► 200 ms of silence ─► recognised ─┬─ sure, and complete ──────────► the turn, at once
//!               │                            └─ else kept ─► hang-over is over ─► the turn, with what is kept
//!               └─ speech again: forgotten
//! ```
//! A turn that is taken early begins a new sentence for the ear: who goes on speaking interrupts the answer.

use super::answering::Sentence;
use super::cdr::Moment;
use super::event::Output;
use super::journey::{Call, Due, Stage};
use super::switch::Shared;
use crate::base::{LegId, Now};
use crate::ivr::{Heard, NotHeard};
use crate::limits;
use std::sync::Arc;
use std::time::Duration;

/// A sentence that may be over.
#[derive(Debug)]
pub(super) struct Early {
    utterance: u32,
    since: Now,
    speech_ended_at: Now,
    samples: usize,
    /// What it was, since when that is known, and how long it waited for a recogniser.
    heard: Option<(Now, Duration, Result<Heard, NotHeard>)>,
}

impl Early {
    /// The sentence, if it was over when it was handed over.
    fn sentence(&self) -> Sentence {
        let (ended, handed) = (self.speech_ended_at, self.since);
        Sentence {
            utterance: self.utterance,
            handed,
            ended,
            over: handed,
            written: self.heard.as_ref().map(|(at, ..)| *at),
            waited: Duration::ZERO,
            samples: self.samples,
        }
    }
}

impl Call {
    /// The caller speaks on: who writes down what is said as it comes is given it.
    pub(super) fn speech_goes_on(
        &self,
        leg: LegId,
        begins: bool,
        samples: Arc<[i16]>,
        out: &mut Vec<Output>,
    ) {
        if leg == self.caller() && self.stage == Stage::Dialogue {
            out.push(Output::GoesOn { call: self.id, lang: self.dialog.lang(), begins, samples });
        }
    }

    /// The caller may have finished: what was said is written down.
    pub(super) fn speech_paused(
        &mut self,
        now: Now,
        leg: LegId,
        speech_ended_at: Now,
        samples: Arc<[i16]>,
        out: &mut Vec<Output>,
    ) {
        if leg != self.caller() || self.stage != Stage::Dialogue {
            return;
        }
        self.utterances += 1;
        let utterance = self.utterances;
        self.early =
            Some(Early { utterance, since: now, speech_ended_at, samples: samples.len(), heard: None });
        self.recognise(utterance, true, samples, out);
    }

    /// The caller has finished: true if the sentence is being written down already, or is.
    pub(super) fn was_early(
        &mut self,
        now: Now,
        speech_ended_at: Now,
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) -> bool {
        let Some(early) = self.early.take_if(|e| e.speech_ended_at == speech_ended_at) else {
            self.early = None;
            return false;
        };
        let utterance = early.utterance;
        self.recognising = Some(Sentence { over: now, ..early.sentence() });
        match early.heard {
            Some((_, waited, heard)) => self.recognised(now, utterance, waited, heard, s, out),
            None => s.timers.set((self.id, Due::Recognise(utterance)), now + limits::RECOGNISE_MAX),
        }
        true
    }

    /// What was written down early: taken at once if nothing is left to be said; true if that is all there is to do now.
    pub(super) fn recognised_early(
        &mut self,
        now: Now,
        utterance: u32,
        waited: Duration,
        heard: &Result<Heard, NotHeard>,
        out: &mut Vec<Output>,
    ) -> bool {
        let Some(early) = self.early.as_mut().filter(|e| e.utterance == utterance) else { return false };
        match heard {
            Ok(heard) if self.stage == Stage::Dialogue && self.dialog.is_sure(now, heard) => {
                self.recognising = Some(early.sentence());
                self.early = None;
                self.moment(now, Moment::SpeechEnded, out);
                self.listen(out);
                false
            }
            // There was no room: it is tried again when the sentence is over.
            Err(NotHeard::Unavailable) => {
                self.early = None;
                true
            }
            _ => {
                early.heard = Some((now, waited, heard.clone()));
                true
            }
        }
    }
}
