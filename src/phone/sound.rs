//! What can be measured on the two sides of a recorded call: who sounds when, how long the far end took to answer, and
//! whether it sent back what it heard.
//!
//! ```text
//!  said   ····▮▮▮▮▮▮▮▮·····························
//!                    ├────── gap ──────┤
//!  heard  ▮▮▮▮▮······························▮▮▮▮▮▮▮
//! ```

use crate::asr::Loudness;
use std::ops::Range;

/// Length of the frames that loudness is measured in, in milliseconds: the precision of all times here.
const FRAME_MS: u64 = 10;
const FRAME: usize = 80;
/// A frame is sound from this loudness on: well below telephone speech, well above what the codecs make of silence.
const SOUND_DBFS: f32 = -45.0;
/// A beginning is this many frames of sound among the next [`ONSET_OF`]; a click is shorter.
const ONSET: usize = 3;
const ONSET_OF: usize = 5;
/// Who has been silent for this many frames has stopped.
const STOPPED: usize = 30;
/// Samples of what was said that are looked for in what was heard: one second.
const ECHO_SAMPLES: usize = 8000;
/// The longest way there and back that is looked at, in samples: 600 ms.
const ECHO_LAG_MAX: usize = 4800;

/// The frames of one side in which there is sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track(Vec<bool>);

/// How long the far end took to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// When our words ended, or later what the far end was still saying; in ms of the recording.
    pub from_ms: u64,
    /// When the answer began, in ms of the recording.
    pub to_ms: u64,
}

impl Gap {
    /// Its length in ms.
    pub fn ms(self) -> u64 {
        self.to_ms - self.from_ms
    }
}

/// Our own words, heard again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Echo {
    /// The way there and back, in ms.
    pub lag_ms: u64,
    /// How alike they are, 0–1.
    pub likeness: f32,
}

impl Track {
    /// Measures 8 kHz samples.
    pub fn of(samples: &[i16]) -> Track {
        Track(samples.chunks(FRAME).map(|f| Loudness::of(f).0 >= SOUND_DBFS).collect())
    }

    fn at(&self, frame: usize) -> bool {
        self.0.get(frame).copied().unwrap_or(false)
    }

    fn begins(&self, frame: usize) -> bool {
        self.at(frame) && (frame..frame + ONSET_OF).filter(|f| self.at(*f)).count() >= ONSET
    }

    /// When the first sound at or after `from_ms` begins, in ms.
    pub fn first_ms(&self, from_ms: u64) -> Option<u64> {
        let from = (from_ms / FRAME_MS) as usize;
        (from..self.0.len()).find(|f| self.begins(*f)).map(|f| f as u64 * FRAME_MS)
    }

    /// When the last sound within `ms` ends, in ms.
    pub fn last_ms(&self, ms: &Range<u64>) -> Option<u64> {
        let frames = (ms.start / FRAME_MS) as usize..(ms.end / FRAME_MS) as usize;
        frames.rev().find(|f| self.at(*f)).map(|f| (f as u64 + 1) * FRAME_MS)
    }

    /// How much of `ms` is sound, 0–1.
    pub fn share(&self, ms: &Range<u64>) -> f32 {
        let frames = (ms.start / FRAME_MS) as usize..(ms.end / FRAME_MS) as usize;
        let length = frames.len().max(1);
        frames.filter(|f| self.at(*f)).count() as f32 / length as f32
    }

    /// The gap between the words that we said within `ms` and the answer on `heard`, which must begin before `until_ms`
    /// (when we speak again). What the far end was still saying when our words ended is no answer: the gap begins when it
    /// has stopped. `None` if nothing was said, or no answer came.
    pub fn gap(&self, heard: &Track, ms: &Range<u64>, until_ms: u64) -> Option<Gap> {
        let mut from = (self.last_ms(ms)? / FRAME_MS) as usize;
        if (from.saturating_sub(STOPPED)..=from).any(|f| heard.at(f)) {
            let quiet = |f: &usize| !(*f..*f + STOPPED).any(|f| heard.at(f));
            from = (from.saturating_sub(STOPPED)..heard.0.len()).find(quiet)?.max(from);
        }
        let from_ms = from as u64 * FRAME_MS;
        heard.first_ms(from_ms).filter(|to_ms| *to_ms < until_ms).map(|to_ms| Gap { from_ms, to_ms })
    }
}

impl Echo {
    /// Looks for the loudest second of what was `said` within `samples` in what was `heard`: the lag at which the two
    /// are most alike (normalised cross-correlation). `None` if nothing was said.
    pub fn find(said: &[i16], heard: &[i16], samples: Range<usize>) -> Option<Echo> {
        let samples = samples.start..samples.end.min(said.len());
        let energy = |s: &[i16]| s.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
        let starts = samples.clone().step_by(FRAME * 10);
        let window = |start: usize| start..(start + ECHO_SAMPLES).min(samples.end);
        let start = starts.max_by(|a, b| {
            let of = |s: usize| energy(said.get(window(s)).unwrap_or_default());
            of(*a).total_cmp(&of(*b))
        })?;
        let words = said.get(window(start)).filter(|w| energy(w) > 0.0)?;
        let own = energy(words).sqrt();
        let alike = |lag: usize| {
            let there = heard.get(start + lag..start + lag + words.len())?;
            let both: f64 = words.iter().zip(there).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            Some((both / (own * energy(there).sqrt()).max(1.0)) as f32)
        };
        let found = (0..ECHO_LAG_MAX).filter_map(|lag| Some((lag, alike(lag)?)));
        let (lag, likeness) = found.max_by(|a, b| a.1.total_cmp(&b.1))?;
        Some(Echo { lag_ms: lag as u64 / 8, likeness: likeness.max(0.0) })
    }
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "lists of ranges, some of them with one")]
mod tests {
    use super::*;

    /// Noise where the ranges (in ms) say, silence elsewhere.
    fn side(length_ms: usize, sounds: &[Range<usize>]) -> Vec<i16> {
        let mut rng = fastrand::Rng::with_seed(7);
        (0..length_ms * 8)
            .map(|n| {
                let noise = rng.i16(-8000..8000);
                if sounds.iter().any(|r| r.contains(&(n / 8))) { noise } else { 8 }
            })
            .collect()
    }

    fn gap(said: &[Range<usize>], heard: &[Range<usize>], window: Range<u64>) -> Option<(u64, u64)> {
        let (said, heard) = (Track::of(&side(6000, said)), Track::of(&side(6000, heard)));
        said.gap(&heard, &window, 5000).map(|g| (g.from_ms, g.ms()))
    }

    #[test]
    fn the_gap_runs_from_our_last_sound_to_the_first_of_the_answer() {
        // The greeting before and a click in between do not count; the pause within our words does not end them.
        let heard = [0..800, 2500..2510, 2850..4000];
        assert_eq!(gap(&[1000..1500, 1700..2100], &heard, 900..2300), Some((2100, 750)));
    }

    #[test]
    fn what_the_far_end_was_still_saying_is_no_answer() {
        assert_eq!(gap(&[1000..2000], &[0..2600, 3100..4000], 900..2200), Some((2600, 500)));
        // Cut short soon after we began: it was quiet when we ended.
        assert_eq!(gap(&[1000..2000], &[0..1200, 2900..4000], 900..2200), Some((2000, 900)));
    }

    #[test]
    fn without_words_or_without_an_answer_there_is_no_gap() {
        assert_eq!(gap(&[], &[500..900], 0..2000), None);
        assert_eq!(gap(&[1000..2000], &[0..800], 900..2200), None);
        assert_eq!(gap(&[1000..2000], &[0..5990], 900..2200), None);
        // What comes once we speak again is about something else.
        assert_eq!(gap(&[1000..2000], &[5100..5900], 900..2200), None);
    }

    #[test]
    fn an_echo_is_found_with_its_lag_and_a_stranger_is_not() {
        let said = side(4000, &[500..2500]);
        let mut heard = vec![0i16; 1000];
        heard.extend(said.iter().map(|s| s / 2));
        let echo = Echo::find(&said, &heard, 4000..24_000).unwrap();
        assert_eq!(echo.lag_ms, 125);
        assert!(echo.likeness > 0.99, "{echo:?}");
        let mut rng = fastrand::Rng::with_seed(8);
        let stranger: Vec<i16> = (0..40_000).map(|_| rng.i16(-8000..8000)).collect();
        assert!(Echo::find(&said, &stranger, 4000..24_000).unwrap().likeness < 0.2);
        assert_eq!(Echo::find(&[0; 16_000], &heard, 0..16_000), None);
    }

    #[test]
    fn sound_is_found_with_its_times() {
        let track = Track::of(&side(3000, &[1000..1500]));
        assert_eq!((track.first_ms(0), track.last_ms(&(0..3000))), (Some(1000), Some(1500)));
        assert_eq!((track.first_ms(1500), track.last_ms(&(0..900))), (None, None));
        assert!((track.share(&(1000..2000)) - 0.5).abs() < 0.02);
    }
}
