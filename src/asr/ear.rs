//! One leg's ear: frames of 8 kHz samples in, the beginnings and ends of sentences with their samples out.
//!
//! What its detector ([`Detect`]) says of a frame goes to the endpointer. Samples of the last [`PREROLL`] are kept, so that a sentence does
//! not lack its first sound; lost frames become silence, bounded, so that a sentence keeps its rhythm.
//!
//! Detection takes nearly all of what an ear costs, and most ears hear silence most of the time. So it is asked about frames that stand
//! out of the line's noise, and for [`AWAKE_FRAMES`] after the last of them; what it did not hear shortly before is made up for.
//!
//! Cost of a frame of 20 ms: 12.2 µs in noise that comes and goes by the second, 0.7 µs in silence (`benches/stages.rs`, rows "ear", a slow
//! machine). With 400 silent legs the listener's thread took 18 % of a core, mostly to be woken, where it had taken 52 %.

use super::detect::{Detect, Earshot};
use super::endpoint::{Endpointer, Loudness, Turn};
use super::hangover::hangover;
use crate::base::{Expected, FRAME_MS, FRAME_SAMPLES, Now, SAMPLE_RATE};
use crate::limits::{SPEECH_HANGOVER, UTTERANCE_MAX};
use std::sync::Arc;
use std::time::Duration;

/// Audio kept from before a sentence.
pub const PREROLL: Duration = Duration::from_millis(240);
/// Audio kept after its last speech frame.
const POSTROLL: Duration = Duration::from_millis(200);
/// What is told at once of a sentence while it is spoken.
const TOLD: usize = samples(Duration::from_millis(200));
/// Lost frames made good with silence, in a row; beyond, the stream has moved on.
const GAP_FRAMES_MAX: u32 = 10;
/// Detection goes on for so many frames after the last that stood out.
const AWAKE_FRAMES: u32 = 10;
/// When it goes on after frames that it was not asked about, it hears so many of them first.
const LEAD_FRAMES: usize = 8;
const SAMPLES_MAX: usize = samples(UTTERANCE_MAX) + samples(PREROLL);
/// What is kept in silence, since a beginning is known three frames late; and the room for it and a frame more. What is too old
/// is cut off with each frame, so that the sentence lies in one piece. A sentence takes more and gives it back, for most ears
/// hear silence most of the time.
const SAMPLES_KEPT: usize = samples(PREROLL) + 3 * FRAME_SAMPLES;
const ROOM: usize = SAMPLES_KEPT + FRAME_SAMPLES;

const fn samples(d: Duration) -> usize {
    d.as_millis() as usize * SAMPLE_RATE as usize / 1000
}

/// What was heard.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// Somebody began to speak at `at`; known at `known`.
    Started { at: Now, known: Now },
    /// They may have stopped at `ended`; known at `known`. `samples` are those that [`Heard::Ended`] will have, if they have.
    Paused { ended: Now, known: Now, samples: Arc<[i16]> },
    /// They have not.
    Resumed,
    /// They speak on; `samples` are the next of the sentence, from its first one where it `begins`. Only from an ear that [tells](Ear::telling).
    GoesOn { begins: bool, samples: Arc<[i16]> },
    /// They stopped at `ended`; known at `known`. `samples` begin [`PREROLL`] before `started`.
    Ended { started: Now, ended: Now, known: Now, samples: Arc<[i16]> },
}

/// The listening state of one leg.
pub struct Ear {
    detector: Box<dyn Detect>,
    /// Frames for which detection goes on.
    awake: u32,
    /// Frames since detection was asked.
    unheard: usize,
    /// Samples of less than a frame, waiting for the rest.
    partial: [i16; FRAME_SAMPLES],
    partial_len: usize,
    endpointer: Endpointer,
    /// The silence that ends a sentence, where nothing else is expected.
    hangover: Duration,
    /// In silence the last [`PREROLL`] and some, in speech all of the sentence.
    kept: Vec<i16>,
    next_timestamp: Option<u32>,
    turns: Vec<Turn>,
    /// Sentences are told while they are spoken.
    tells: bool,
    /// How many samples have been told of the one that is being spoken.
    told: Option<usize>,
}

impl std::fmt::Debug for Ear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ear").field("endpointer", &self.endpointer).finish_non_exhaustive()
    }
}

impl Default for Ear {
    fn default() -> Self {
        Ear::new(SPEECH_HANGOVER)
    }
}

impl Ear {
    /// An ear that closes a sentence after `hangover` of silence.
    pub fn new(hangover: Duration) -> Self {
        Ear {
            detector: Box::new(Earshot::default()),
            awake: 0,
            unheard: 0,
            partial: [0; FRAME_SAMPLES],
            partial_len: 0,
            endpointer: Endpointer::new(hangover),
            hangover,
            kept: Vec::with_capacity(ROOM),
            next_timestamp: None,
            turns: Vec::new(),
            tells: false,
            told: None,
        }
    }

    /// The same ear, with another detector.
    pub fn detecting(self, detector: Box<dyn Detect>) -> Self {
        Ear { detector, ..self }
    }

    /// The same ear, which also tells what is said while it is being said.
    pub fn telling(self) -> Self {
        Ear { tells: true, ..self }
    }

    /// From now on this is what the caller is expected to say.
    pub fn expect(&mut self, expected: Expected) {
        self.endpointer.wait(hangover(self.hangover, expected));
    }

    /// Samples whose packet came at `now`, with the RTP timestamp of the first; `played` is the loudest of what we
    /// have lately played to this leg. Appends what was heard to `out`.
    pub fn step(
        &mut self,
        now: Now,
        timestamp: u32,
        samples: &[i16],
        played: Option<Loudness>,
        out: &mut Vec<Heard>,
    ) {
        let gap = timestamp.wrapping_sub(self.next_timestamp.unwrap_or(timestamp)) as i32;
        if gap < 0 && gap > -(SAMPLE_RATE as i32) {
            return; // Late: its place was filled with silence.
        }
        let missing = gap as u32 / FRAME_SAMPLES as u32;
        if gap > 0 && missing <= GAP_FRAMES_MAX {
            for n in (1..=missing).rev() {
                let then = Now(now.0.saturating_sub(u64::from(n * FRAME_MS) * 1000));
                self.frame(then, &[0; FRAME_SAMPLES], played, out);
            }
        }
        self.next_timestamp = Some(timestamp.wrapping_add(samples.len() as u32));
        if self.partial_len == 0 && samples.len() == FRAME_SAMPLES {
            return self.frame(now, samples, played, out);
        }
        for &sample in samples {
            self.partial[self.partial_len] = sample;
            self.partial_len += 1;
            if self.partial_len == FRAME_SAMPLES {
                self.partial_len = 0;
                let frame = self.partial;
                self.frame(now, &frame, played, out);
            }
        }
    }

    /// When [`Ear::timeout`] is to be called if nothing comes before.
    pub fn deadline(&self) -> Option<Now> {
        self.endpointer.deadline()
    }

    /// Time has passed without frames.
    pub fn timeout(&mut self, now: Now, out: &mut Vec<Heard>) {
        self.endpointer.timeout(now, &mut self.turns);
        self.tell(now, out);
    }

    fn frame(&mut self, now: Now, frame: &[i16], played: Option<Loudness>, out: &mut Vec<Heard>) {
        let loudness = Loudness::of(frame);
        let probability = self.detect(frame, loudness);
        if !self.endpointer.in_speech() && self.kept.len() + frame.len() > ROOM {
            self.kept.drain(..self.kept.len() - SAMPLES_KEPT);
        }
        if self.kept.len() + frame.len() <= SAMPLES_MAX {
            self.kept.extend_from_slice(frame);
        }
        // A packet comes when its audio is over.
        let began = Now(now.0.saturating_sub(u64::from(FRAME_MS) * 1000));
        self.endpointer.step(began, probability, loudness, played, &mut self.turns);
        self.tell(now, out);
        if let Some(told) = self.told
            && let Some(more) = self.kept.get(told..).filter(|more| more.len() >= TOLD)
        {
            out.push(Heard::GoesOn { begins: told == 0, samples: more.into() });
            self.told = Some(self.kept.len());
        }
    }

    /// The probability that the frame is speech, which has not been kept yet.
    fn detect(&mut self, frame: &[i16], loudness: Loudness) -> f32 {
        if self.endpointer.stands_out(loudness) {
            self.awake = AWAKE_FRAMES;
        }
        if self.awake == 0 {
            self.unheard += 1;
            return 0.0;
        }
        self.awake -= 1;
        let lead = std::mem::take(&mut self.unheard).min(LEAD_FRAMES) * FRAME_SAMPLES;
        for before in self.kept[self.kept.len().saturating_sub(lead)..].chunks_exact(FRAME_SAMPLES) {
            self.detector.hear(before);
        }
        self.detector.hear(frame)
    }

    fn tell(&mut self, now: Now, out: &mut Vec<Heard>) {
        for turn in std::mem::take(&mut self.turns) {
            // What is told after a pause begins with all that was said before it.
            let speaks = matches!(turn, Turn::Started { .. } | Turn::Resumed);
            self.told = (speaks && self.tells).then_some(0);
            out.push(match turn {
                Turn::Started { at, frames } => {
                    let lead = frames as usize * FRAME_SAMPLES + samples(PREROLL);
                    self.kept.drain(..self.kept.len().saturating_sub(lead));
                    Heard::Started { at, known: now }
                }
                Turn::Paused { ended, silent } => {
                    Heard::Paused { ended, known: now, samples: self.sentence(silent) }
                }
                Turn::Resumed => Heard::Resumed,
                Turn::Ended { started, ended, silent } => {
                    let heard = self.sentence(silent);
                    self.kept.clear();
                    self.kept.shrink_to(ROOM);
                    Heard::Ended { started, ended, known: now, samples: heard }
                }
            });
        }
    }

    /// What was said before the last `silent` frames.
    fn sentence(&self, silent: u32) -> Arc<[i16]> {
        let after = (silent as usize * FRAME_SAMPLES).saturating_sub(samples(POSTROLL));
        Arc::from(self.kept.get(..self.kept.len().saturating_sub(after)).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
