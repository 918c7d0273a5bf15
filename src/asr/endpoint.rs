//! The endpointer: from "is this frame speech, and how loud" to "somebody began, somebody has finished".
//!
//! ```text
//!            3 speech frames (60 ms)                hang-over of silence, or UTTERANCE_MAX
//!  Silence ──────────────────────────► Speech ─────────────────────────────────► Silence
//!            Turn::Started              │    ▲     Turn::Ended
//!                 PAUSE, Turn::Paused   └────┘   speech again, Turn::Resumed
//! ```
//! At a pause what was said so far can be written down already, while the rest of the hang-over shows whether more comes.
//!
//! A frame is speech if the detector says so *and* it stands out of the noise: at least [`GATE_DB`] above a floor that
//! follows the line's noise, quickly down and slowly up. Noise that the detector takes for speech would be a sentence without end; but nobody
//! speaks for a second without growing softer ([`STEADY_RANGE_DB`]), so what is that steady is noise, and the floor goes up to it. While we play, and
//! until its echo is over, what comes back may be our own voice, off a hybrid or a loudspeaker. Then the gate is [`GATE_PLAYING_DB`] above the floor, and [`OVER_ECHO_DB`]
//! above the echo of the loudest that we have lately played: 20 dB below that at first, and less on a line that shows no echo.
//! Who interrupts usually speaks up. An echo
//! louder than that still begins a sentence: to stop it takes an echo canceller, which is not here. A click shorter than
//! 60 ms begins nothing.

use crate::base::{FRAME_MS, Now};
use crate::limits::UTTERANCE_MAX;
use std::time::Duration;

const FRAME: Duration = Duration::from_millis(FRAME_MS as u64);
/// Speech frames that make a beginning: 60 ms; so many that are none may lie between them, for a plosive has a gap before its burst.
const ONSET_FRAMES: u32 = 3;
const ONSET_GAP: u32 = 1;
/// Silence within a sentence after which it may be over.
const PAUSE: Duration = Duration::from_millis(200);
/// Detector's probability from which a frame is speech; within speech a lower one keeps it going.
const PROBABLE: f32 = 0.5;
const PROBABLE_WITHIN: f32 = 0.35;
/// How far above the floor speech is, and how far it may sink within a sentence.
const GATE_DB: f32 = 9.0;
const GATE_WITHIN_DB: f32 = 6.0;
/// What is not even so far above the floor is noise, and the detector need not be asked.
const NOISE_DB: f32 = 3.0;
const GATE_PLAYING_DB: f32 = 12.0;
/// An echo is taken to be at most so far below the loudest of what we have lately played, and at least so far on a line that has
/// shown none; in between by what comes back, at once up and by a little each frame down.
const ECHO_DB: std::ops::RangeInclusive<f32> = -34.0..=-20.0;
const ECHO_LESS_DB: f32 = 0.1;
/// Speech over an echo is so far above it: a frame of it lies across two of ours and may have 3 dB more than the louder, and the codec's
/// noise is on top.
const OVER_ECHO_DB: f32 = 6.0;
/// Nothing below this is speech, however quiet the line; the same while we are playing.
const LEAST_DBFS: f32 = -58.0;
const LEAST_PLAYING_DBFS: f32 = -42.0;
/// Where the floor may be by what the detector calls noise; louder noise is left to the detector.
const FLOOR_DBFS: std::ops::RangeInclusive<f32> = -70.0..=-35.0;
/// Sound is steady if it varies by no more than so much over so many frames and as many before them, 1.2 s; then the floor is so far below the
/// quietest of them.
const STEADY_RANGE_DB: f32 = 12.0;
const STEADY_FRAMES: u32 = 30;
const STEADY_DB: f32 = 3.0;

/// How loud a frame is: root mean square in dB below full scale.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Loudness(pub f32);

impl Loudness {
    /// Measures 16-bit samples.
    pub fn of(samples: &[i16]) -> Self {
        let energy: f32 = samples.iter().map(|&s| f32::from(s) * f32::from(s)).sum();
        let mean = energy / samples.len().max(1) as f32;
        Loudness(10.0 * ((mean + 1.0) / (32768.0 * 32768.0)).log10())
    }
}

/// What the endpointer has found out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Turn {
    /// Speech began at `at`, with the first of the last `frames` frames.
    Started { at: Now, frames: u32 },
    /// Speech may be over since `ended`, before the last `silent` frames.
    Paused { ended: Now, silent: u32 },
    /// It was not.
    Resumed,
    /// Speech was over at `ended`, before the last `silent` frames; or it was too long.
    Ended { started: Now, ended: Now, silent: u32 },
}

/// One listening leg's endpointer.
#[derive(Debug)]
pub struct Endpointer {
    hangover: Duration,
    floor: f32,
    /// How loud an echo may be, relative to the loudest of what was lately played, in dB.
    echo: f32,
    /// Speech frames of what may be a beginning.
    run: u32,
    /// When the first of them began, and how many frames have been since, all told.
    run_started: Now,
    run_frames: u32,
    speech: Option<Speech>,
}

/// A sentence being spoken. Its length is counted in frames, since packets may come in bursts.
#[derive(Debug)]
struct Speech {
    started: Now,
    /// When its latest speech frame ended.
    last: Now,
    frames: u32,
    /// Frames since the latest speech frame.
    silent: u32,
    /// The quietest and the loudest of the frames since this was looked at, and of those before; backwards where there were none.
    range: [(f32, f32); 2],
}

impl Endpointer {
    /// One that closes a sentence after `hangover` of silence.
    pub fn new(hangover: Duration) -> Self {
        Endpointer {
            hangover,
            floor: -55.0,
            echo: *ECHO_DB.end(),
            run: 0,
            run_started: Now(0),
            run_frames: 0,
            speech: None,
        }
    }

    /// From now on a sentence is closed after `hangover` of silence, the one that is being spoken too.
    pub fn wait(&mut self, hangover: Duration) {
        self.hangover = hangover;
    }

    /// True between [`Turn::Started`] and [`Turn::Ended`].
    pub fn in_speech(&self) -> bool {
        self.speech.is_some()
    }

    /// False if a frame cannot be speech, being as quiet as the line's noise.
    pub fn stands_out(&self, loudness: Loudness) -> bool {
        self.in_speech() || loudness.0 >= (self.floor + NOISE_DB).max(LEAST_DBFS)
    }

    /// When a sentence must be closed if no more frames come: packets may stop in the middle of it.
    pub fn deadline(&self) -> Option<Now> {
        self.speech.as_ref().map(|s| s.last + self.hangover + Duration::from_millis(100))
    }

    /// Time has passed without frames.
    pub fn timeout(&mut self, now: Now, out: &mut Vec<Turn>) {
        if self.deadline().is_some_and(|d| d <= now) {
            self.end(out);
        }
    }

    /// One 20 ms frame that began at `now`, with the detector's `probability` that it is speech; `played` is the
    /// loudest of what we have lately played.
    pub fn step(
        &mut self,
        now: Now,
        probability: f32,
        loudness: Loudness,
        played: Option<Loudness>,
        out: &mut Vec<Turn>,
    ) {
        let end = now + FRAME;
        let is_speech = self.is_speech(probability, loudness.0, played);
        self.follow_floor(probability, loudness.0);
        self.follow_echo(is_speech, loudness.0, played);
        if let Some(speech) = &mut self.speech {
            speech.frames += 1;
            speech.silent += 1;
            if is_speech {
                if FRAME * (speech.silent - 1) >= PAUSE {
                    out.push(Turn::Resumed);
                }
                (speech.last, speech.silent) = (end, 0);
            } else if FRAME * speech.silent == PAUSE {
                out.push(Turn::Paused { ended: speech.last, silent: speech.silent });
            }
            if FRAME * speech.silent >= self.hangover || FRAME * speech.frames >= UTTERANCE_MAX {
                self.end(out);
            }
            return;
        }
        if is_speech {
            if self.run == 0 {
                (self.run_started, self.run_frames) = (now, 0);
            }
            self.run += 1;
        }
        self.run_frames += 1;
        if self.run_frames - self.run > ONSET_GAP {
            (self.run, self.run_frames) = (0, 0);
        }
        if self.run == ONSET_FRAMES {
            let (at, frames) = (self.run_started, self.run_frames);
            let range = [(f32::INFINITY, f32::NEG_INFINITY), (f32::NEG_INFINITY, f32::INFINITY)];
            self.speech = Some(Speech { started: at, last: end, frames, silent: 0, range });
            out.push(Turn::Started { at, frames });
        }
    }

    fn end(&mut self, out: &mut Vec<Turn>) {
        if let Some(s) = self.speech.take() {
            self.run = 0;
            out.push(Turn::Ended { started: s.started, ended: s.last, silent: s.silent });
        }
    }

    fn is_speech(&self, probability: f32, dbfs: f32, played: Option<Loudness>) -> bool {
        if self.speech.is_some() {
            return probability >= PROBABLE_WITHIN
                && dbfs >= self.floor + GATE_WITHIN_DB
                && dbfs >= LEAST_DBFS;
        }
        let (gate, least) = match played {
            Some(Loudness(played)) => {
                (GATE_PLAYING_DB, LEAST_PLAYING_DBFS.max(played + self.echo + OVER_ECHO_DB))
            }
            None => (GATE_DB, LEAST_DBFS),
        };
        probability >= PROBABLE && dbfs >= (self.floor + gate).max(least)
    }

    /// What comes back while we play and is not taken for speech may be echo.
    fn follow_echo(&mut self, is_speech: bool, dbfs: f32, played: Option<Loudness>) {
        if let (Some(Loudness(played)), None) = (played, &self.speech) {
            let seen = if is_speech { f32::NEG_INFINITY } else { dbfs - played };
            self.echo = (self.echo - ECHO_LESS_DB).max(seen).clamp(*ECHO_DB.start(), *ECHO_DB.end());
        }
    }

    /// Down by a third of the way a frame, up by 2 % (a second to settle), and not up while it may be speech, but for steady noise.
    fn follow_floor(&mut self, probability: f32, dbfs: f32) {
        let (least, most) = (*FLOOR_DBFS.start(), FLOOR_DBFS.end().max(self.floor));
        let way = dbfs - self.floor;
        if way < 0.0 {
            self.floor = (self.floor + way / 3.0).max(least);
        } else if self.speech.is_none() && probability < PROBABLE {
            self.floor = (self.floor + way * 0.02).min(most);
        }
        let Some(speech) = &mut self.speech else { return };
        let (least, most) = speech.range[0];
        speech.range[0] = (least.min(dbfs), most.max(dbfs));
        if speech.frames.is_multiple_of(STEADY_FRAMES) {
            let [now, before] = speech.range;
            let (least, most) = (now.0.min(before.0), now.1.max(before.1));
            if most - least <= STEADY_RANGE_DB {
                self.floor = self.floor.max(least - STEADY_DB);
            }
            speech.range = [(f32::INFINITY, f32::NEG_INFINITY), now];
        }
    }
}

#[cfg(test)]
mod tests;
