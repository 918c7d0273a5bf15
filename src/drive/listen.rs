//! The listener: one thread with an ear for every leg that is listened to.
//!
//! A media worker decodes into a slot of its ring and wakes this thread, which reads the samples where they lie. It
//! sleeps until then: only while somebody is in the middle of a sentence does it look again after [`PATIENCE`], in case
//! their packets have stopped.
//!
//! Cost: see `asr/ear.rs`.

use super::reporter::Reporter;
use super::silero::Silero;
use crate::asr::{Ear, Heard, Loudness};
use crate::base::{Expected, FRAME_SAMPLES, LegId, Now};
use crate::limits::{SPEECH_FRAMES_QUEUED, SPEECH_HANGOVER};
use crate::media::Report;
use crate::sys::{Consumer, Epoll, Producer, Wake, ring};
use crate::taps::{FrameHead, SpeechTap};
use crossbeam::channel::{Receiver, Sender, unbounded};
use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What every ear is like.
#[derive(Debug, Clone)]
pub struct EarKind {
    /// Silence that ends a caller's sentence.
    pub hangover: Duration,
    /// Sentences are told while they are spoken: somebody listens to them as they come.
    pub tells: bool,
    /// The operator's own detector.
    pub silero: Option<Arc<Silero>>,
}

impl Default for EarKind {
    fn default() -> Self {
        EarKind { hangover: SPEECH_HANGOVER, tells: false, silero: None }
    }
}

impl EarKind {
    fn ear(&self) -> Box<Ear> {
        let mut ear = Ear::new(self.hangover);
        if let Some(detector) = self.silero.as_ref().and_then(Silero::detector) {
            ear = ear.detecting(detector);
        }
        Box::new(if self.tells { ear.telling() } else { ear })
    }
}

/// From so many ears on, what comes is gathered so long before it is listened to: else it is the waking that costs most.
const BUSY_EARS: usize = 64;
const GATHER: Duration = Duration::from_millis(2);

/// How often sentences without packets are looked at.
const PATIENCE: Duration = Duration::from_millis(100);

/// A slot of the ring.
#[derive(Debug)]
struct Frame {
    head: FrameHead,
    session: u64,
    samples: [i16; FRAME_SAMPLES],
}

impl Default for Frame {
    fn default() -> Self {
        let head = FrameHead { leg: LegId(0), at: Now(0), timestamp: 0, samples: 0, played: None };
        Frame { head, session: 0, samples: [0; FRAME_SAMPLES] }
    }
}

/// Rare words beside the ring. Whoever sees a frame can also see the mark that began its session.
#[derive(Debug)]
enum Mark {
    Begin {
        leg: LegId,
        session: u64,
    },
    Expect {
        leg: LegId,
        expected: Expected,
    },
    End {
        leg: LegId,
    },
    /// The worker has ended.
    Gone,
}

/// A worker's end: implements the tap that its shard decodes into.
#[derive(Debug)]
pub(super) struct RingTap {
    frames: Producer<Frame>,
    marks: Sender<Mark>,
    wake: Arc<Wake>,
    sessions: HashMap<LegId, u64>,
    session: u64,
    dropped: Arc<AtomicU64>,
}

impl SpeechTap for RingTap {
    fn begin(&mut self, leg: LegId) {
        self.session += 1;
        self.sessions.insert(leg, self.session);
        // The listener is gone only when the process is ending.
        let _ = self.marks.send(Mark::Begin { leg, session: self.session });
    }

    fn expect(&mut self, leg: LegId, expected: Expected) {
        let _ = self.marks.send(Mark::Expect { leg, expected });
    }

    fn end(&mut self, leg: LegId) {
        self.sessions.remove(&leg);
        let _ = self.marks.send(Mark::End { leg });
        self.wake.wake();
    }

    fn frame(&mut self, head: FrameHead, decode: &mut dyn FnMut(&mut [i16; FRAME_SAMPLES])) {
        let Some(&session) = self.sessions.get(&head.leg) else { return };
        let pushed = self.frames.push_with(|slot| {
            (slot.head, slot.session) = (head, session);
            decode(&mut slot.samples);
        });
        if !pushed {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        self.wake.wake();
    }
}

impl Drop for RingTap {
    fn drop(&mut self) {
        let _ = self.marks.send(Mark::Gone);
        self.wake.wake();
    }
}

/// Starts the listener for `workers` workers and gives a tap for each. It ends when all of them are dropped.
///
/// # Errors
/// No eventfd, or the thread cannot be started.
pub(super) fn start(
    workers: usize,
    epoch: Instant,
    ears: EarKind,
    reporter: Reporter,
) -> io::Result<(Vec<RingTap>, JoinHandle<()>)> {
    let wake = Arc::new(Wake::new()?);
    let (mut epoll, dropped) = (Epoll::new()?, Arc::new(AtomicU64::new(0)));
    epoll.add(&*wake, 0)?;
    let (taps, lines): (Vec<_>, Vec<_>) = (0..workers).map(|_| line(&wake, &dropped)).unzip();
    let mut listener = Listener::new(lines, ears, reporter);
    let thread = std::thread::Builder::new().name("listener".into()).spawn(move || {
        let (mut tokens, mut dropped_before) = (Vec::new(), 0);
        while listener.lines.iter().any(|l| l.open) {
            let patience = (listener.speaking > 0 || !listener.reporter.flush()).then_some(PATIENCE);
            tokens.clear();
            if let Err(e) = epoll.wait(patience, &mut tokens) {
                tracing::error!("the listener cannot wait: {e}");
                return;
            }
            if listener.lines.iter().map(|line| line.ears.len()).sum::<usize>() >= BUSY_EARS {
                std::thread::sleep(GATHER);
            }
            wake.clear();
            listener.listen(Now(epoch.elapsed().as_micros() as u64));
            let dropped = dropped.load(Ordering::Relaxed);
            if dropped > dropped_before {
                tracing::warn!("the listener does not keep up: {} frames dropped", dropped - dropped_before);
                dropped_before = dropped;
            }
        }
    })?;
    Ok((taps, thread))
}

/// A worker's ears, each with its session.
type Ears = HashMap<LegId, (u64, Box<Ear>)>;

/// What comes from one worker.
#[derive(Debug)]
struct Line {
    frames: Consumer<Frame>,
    marks: Receiver<Mark>,
    ears: Ears,
    /// The worker is still there.
    open: bool,
}

/// The two ends between one worker and the listener.
fn line(wake: &Arc<Wake>, dropped: &Arc<AtomicU64>) -> (RingTap, Line) {
    let (producer, consumer) = ring(SPEECH_FRAMES_QUEUED);
    let (to, from) = unbounded();
    let tap = RingTap {
        frames: producer,
        marks: to,
        wake: Arc::clone(wake),
        sessions: HashMap::new(),
        session: 0,
        dropped: Arc::clone(dropped),
    };
    (tap, Line { frames: consumer, marks: from, ears: HashMap::new(), open: true })
}

#[derive(Debug)]
struct Listener {
    lines: Vec<Line>,
    kind: EarKind,
    heard: Vec<Heard>,
    reporter: Reporter,
    /// Ears in the middle of a sentence.
    speaking: usize,
    /// When sentences without packets were looked at last.
    looked: Now,
}

impl Listener {
    fn new(lines: Vec<Line>, kind: EarKind, reporter: Reporter) -> Self {
        Listener { lines, kind, heard: Vec::new(), reporter, speaking: 0, looked: Now(0) }
    }

    fn listen(&mut self, now: Now) {
        let Listener { lines, kind, heard, reporter, speaking, looked } = self;
        let look = *speaking > 0 && now.since(*looked) >= PATIENCE;
        if look {
            *looked = now;
        }
        for Line { frames, marks, ears, open } in lines {
            take_marks(marks, ears, open, speaking, kind);
            while let Some(leg) = frames.pop_with(|frame| {
                if ears.get(&frame.head.leg).is_none_or(|(session, _)| *session < frame.session) {
                    take_marks(marks, ears, open, speaking, kind);
                }
                hear(ears, frame, heard);
                frame.head.leg
            }) {
                report(leg, heard, speaking, reporter);
            }
            if look {
                for (leg, (_, ear)) in ears {
                    ear.timeout(now, heard);
                    report(*leg, heard, speaking, reporter);
                }
            }
        }
    }
}

fn take_marks(
    marks: &Receiver<Mark>,
    ears: &mut Ears,
    open: &mut bool,
    speaking: &mut usize,
    kind: &EarKind,
) {
    while let Ok(mark) = marks.try_recv() {
        let gone = match mark {
            Mark::Begin { leg, session } => ears.insert(leg, (session, kind.ear())),
            Mark::Expect { leg, expected } => {
                if let Some((_, ear)) = ears.get_mut(&leg) {
                    ear.expect(expected);
                }
                None
            }
            Mark::End { leg } => ears.remove(&leg),
            Mark::Gone => {
                *open = false;
                None
            }
        };
        let spoke = gone.is_some_and(|(_, ear)| ear.deadline().is_some());
        *speaking = speaking.saturating_sub(usize::from(spoke));
    }
}

/// A panic in one ear ends that ear; the call goes on with keys.
fn hear(ears: &mut Ears, frame: &Frame, heard: &mut Vec<Heard>) {
    let head = frame.head;
    let Some((_, ear)) = ears.get_mut(&head.leg).filter(|(session, _)| *session == frame.session) else {
        return;
    };
    let samples = frame.samples.get(..usize::from(head.samples)).unwrap_or_default();
    let step =
        AssertUnwindSafe(|| ear.step(head.at, head.timestamp, samples, head.played.map(Loudness), heard));
    if catch_unwind(step).is_err() {
        tracing::error!("an ear failed and was taken off its leg");
        ears.remove(&head.leg);
    }
}

fn report(leg: LegId, heard: &mut Vec<Heard>, speaking: &mut usize, reporter: &mut Reporter) {
    for heard in heard.drain(..) {
        reporter.send(match heard {
            Heard::Started { at, known } => {
                *speaking += 1;
                Report::SpeechStarted { leg, began: at, at: known }
            }
            Heard::Paused { ended, known, samples } => {
                Report::SpeechPaused { leg, speech_ended_at: ended, at: known, samples }
            }
            Heard::Resumed => Report::SpeechResumed { leg },
            Heard::GoesOn { begins, samples } => Report::SpeechGoesOn { leg, begins, samples },
            Heard::Ended { started, ended, known, samples } => {
                *speaking = speaking.saturating_sub(1);
                Report::SpeechEnded {
                    leg,
                    speech_started_at: started,
                    speech_ended_at: ended,
                    at: known,
                    samples,
                }
            }
        });
    }
}

#[cfg(test)]
mod tests;
