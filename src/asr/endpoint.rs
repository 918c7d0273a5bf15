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
mod tests {
    use super::*;
    use crate::limits::SPEECH_HANGOVER;

    const QUIET: (f32, f32) = (0.05, -60.0);
    const LOUD: (f32, f32) = (0.9, -20.0);

    fn run(frames: impl IntoIterator<Item = (f32, f32)>, played: Option<Loudness>) -> Vec<(u64, Turn)> {
        let (mut e, mut all) = (Endpointer::new(SPEECH_HANGOVER), Vec::new());
        for (n, (p, db)) in frames.into_iter().enumerate() {
            let mut out = Vec::new();
            e.step(Now(n as u64 * 20_000), p, Loudness(db), played, &mut out);
            all.extend(out.into_iter().map(|t| (n as u64 * 20, t)));
        }
        all
    }

    fn sequence(parts: &[((f32, f32), usize)]) -> impl Iterator<Item = (f32, f32)> {
        parts.iter().flat_map(|&(f, n)| std::iter::repeat_n(f, n))
    }

    #[test]
    fn a_sentence_has_its_beginning_and_its_end_with_the_times_they_were() {
        let t = run(sequence(&[(QUIET, 50), (LOUD, 50), (QUIET, 50)]), None);
        let (started, ended) = (Now(1_000_000), Now(2_000_000));
        assert_eq!(
            t,
            [
                (1040, Turn::Started { at: started, frames: 3 }),
                (2180, Turn::Paused { ended, silent: 10 }),
                (2580, Turn::Ended { started, ended, silent: 30 })
            ]
        );
    }

    #[test]
    fn a_pause_shorter_than_the_hangover_does_not_end_a_sentence() {
        let t = run(sequence(&[(QUIET, 10), (LOUD, 20), (QUIET, 29), (LOUD, 20), (QUIET, 40)]), None);
        let (pauses, resumed) = (t.iter().filter(|(_, t)| matches!(t, Turn::Paused { .. })).count(), t[2]);
        assert_eq!((t.len(), pauses, resumed), (5, 2, (1180, Turn::Resumed)));
    }

    #[test]
    fn a_sentence_is_waited_for_as_long_as_what_was_asked_for_takes() {
        for (wait, ends) in [(400, 1), (1000, 0)] {
            let (mut e, mut out) = (Endpointer::new(SPEECH_HANGOVER), Vec::new());
            e.wait(Duration::from_millis(wait));
            let frames = sequence(&[(LOUD, 20), (QUIET, 45), (LOUD, 20)]);
            for (n, (p, db)) in frames.enumerate() {
                e.step(Now(n as u64 * 20_000), p, Loudness(db), None, &mut out);
            }
            let ended = out.iter().filter(|t| matches!(t, Turn::Ended { .. })).count();
            assert_eq!(ended, ends, "{wait} ms");
        }
    }

    #[test]
    fn a_gap_between_words_is_no_pause() {
        assert_eq!(run(sequence(&[(QUIET, 10), (LOUD, 20), (QUIET, 9), (LOUD, 20)]), None).len(), 1);
    }

    #[test]
    fn a_click_begins_nothing() {
        assert!(
            run(sequence(&[(QUIET, 10), (LOUD, 2), (QUIET, 10), (LOUD, 2), (QUIET, 10)]), None).is_empty()
        );
    }

    #[test]
    fn a_gap_of_one_frame_within_the_first_sound_costs_no_more_than_that_frame() {
        for (gap, begins) in [(1, Some(260)), (2, None)] {
            let t = run(sequence(&[(QUIET, 10), (LOUD, 2), (QUIET, gap), (LOUD, 1), (QUIET, 5)]), None);
            assert_eq!(t.first().map(|(at, _)| *at), begins, "{t:?}");
            let at = Now(200_000);
            assert!(begins.is_none() || t[0].1 == Turn::Started { at, frames: 4 }, "{t:?}");
        }
    }

    #[test]
    fn noise_that_the_detector_takes_for_speech_is_below_the_gate() {
        let t = run(sequence(&[((0.1, -45.0), 200), ((0.8, -41.0), 100)]), None);
        assert!(t.is_empty());
    }

    #[test]
    fn steady_noise_that_the_detector_takes_for_speech_is_noticed_and_who_speaks_in_it_is_heard() {
        let mut rng = fastrand::Rng::with_seed(3);
        let mut noise = |n: usize| -> Vec<_> { (0..n).map(|_| (0.8, -30.0 + rng.f32())).collect() };
        let line = [noise(200), vec![LOUD; 40], noise(50), sequence(&[(QUIET, 100)]).collect()].concat();
        let turns: Vec<_> = run(line, None).into_iter().map(|(_, turn)| turn).collect();
        let ends = turns.iter().filter_map(|turn| match turn {
            Turn::Ended { started, ended, .. } => Some((started.0 / 1000, ended.0 / 1000)),
            _ => None,
        });
        assert!(matches!(ends.collect::<Vec<_>>()[..], [(0, 1000..1900), (4000, 4800)]), "{turns:?}");
    }

    #[test]
    fn our_echo_begins_nothing_while_we_play_and_a_caller_who_speaks_up_does() {
        let played = Some(Loudness(-16.0));
        for echo in [(0.9, -44.0), (0.9, -33.0)] {
            assert!(run(sequence(&[(QUIET, 20), (echo, 100)]), played).is_empty());
            assert!(!run(sequence(&[(QUIET, 20), (echo, 100)]), None).is_empty());
            assert_eq!(run(sequence(&[(QUIET, 20), (echo, 50), (LOUD, 3)]), played).len(), 1);
        }
    }

    #[test]
    fn a_quiet_caller_is_heard_over_a_prompt_on_a_line_without_echo() {
        let (played, quiet_caller) = (Some(Loudness(-14.0)), (0.9, -36.0));
        assert!(run(sequence(&[(QUIET, 20), (quiet_caller, 10)]), played).is_empty(), "it may be echo");
        assert_eq!(run(sequence(&[(QUIET, 150), (quiet_caller, 10)]), played).len(), 1);
    }

    #[test]
    fn an_echo_is_below_the_gate_however_long_the_prompt_and_its_pauses() {
        let (played, echo) = (Some(Loudness(-14.0)), (0.9, -33.0));
        let words: Vec<_> = sequence(&[(echo, 12), (QUIET, 12)]).collect();
        assert!(run(words.repeat(40), played).is_empty());
    }

    #[test]
    fn a_sentence_without_end_is_ended() {
        let words = sequence(&[(LOUD, 20), ((0.9, -35.0), 5)]).collect::<Vec<_>>().repeat(28);
        let t = run(words, None);
        assert_eq!(t[1].0 + 20, UTTERANCE_MAX.as_millis() as u64);
    }

    #[test]
    fn a_sentence_whose_packets_stop_is_closed_by_its_deadline() {
        let (mut e, mut out) = (Endpointer::new(SPEECH_HANGOVER), Vec::new());
        assert_eq!(e.deadline(), None);
        (0..3).for_each(|n| e.step(Now(n * 20_000), 0.9, Loudness(-20.0), None, &mut out));
        let due = e.deadline().unwrap();
        e.timeout(Now(due.0 - 1), &mut out);
        assert_eq!(out.len(), 1);
        e.timeout(due, &mut out);
        assert_eq!(out[1], Turn::Ended { started: Now(0), ended: Now(60_000), silent: 0 });
        assert_eq!(e.deadline(), None);
    }
}
