//! What a test call came to: measured on its recording, told as a timeline or as JSON.

use super::records::describe;
use serde::Serialize;
use std::path::Path;
use trunkline::base::Now;
use trunkline::call::{Cdr, Moment};
use trunkline::drive::voice;
use trunkline::media::LegStats;
use trunkline::phone::{Echo, Recording, Track};
use trunkline::sip::EndCause;

/// How far the recorder lays down sound after the moment it comes, in ms (see `taps`).
const RECORDER_DELAY_MS: u64 = 60;
/// Around the times at which the phone says it began and ended to play, in ms: packets wait for their turn.
const MARGIN_MS: u64 = 150;
/// From this likeness on, what came back were our own words.
const ECHO_LIKENESS: f32 = 0.6;

/// One thing the caller did.
#[derive(Debug)]
pub(super) struct Said {
    /// `say`, `play` or `dtmf`.
    pub(super) how: &'static str,
    pub(super) what: String,
    pub(super) from: Now,
    pub(super) to: Option<Now>,
    /// An agent was there already.
    pub(super) to_agent: bool,
}

/// A call from the phone's side.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) uri: String,
    pub(super) call_id: String,
    /// When the INVITE was sent; all times are told from here.
    pub(super) began: Now,
    pub(super) answered: Option<Now>,
    /// When the recording began.
    pub(super) recorded: Option<Now>,
    pub(super) said: Vec<Said>,
    /// Stretches of speech that were heard.
    pub(super) heard: Vec<(Now, Now)>,
    pub(super) ended: Option<(Now, EndCause)>,
    pub(super) stats: Option<LegStats>,
    pub(super) record: Option<Cdr>,
}

/// One act as told.
#[derive(Debug, Serialize)]
struct ToldAct {
    how: &'static str,
    what: String,
    /// Since the INVITE, in ms; for sounds, measured on the audio where it is there.
    from_ms: u64,
    to_ms: Option<u64>,
    /// From the end of these words to the first sound of the answer, in ms, measured on the audio.
    gap_ms: Option<u64>,
    /// How long these words took to come back, in ms, if they did: an echoing agent.
    echo_ms: Option<u64>,
}

/// A call as told; what `--json` prints.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    uri: String,
    sip_call_id: String,
    answered: bool,
    /// Why it was not answered.
    error: Option<String>,
    answered_ms: Option<u64>,
    first_sound_ms: Option<u64>,
    acts: Vec<ToldAct>,
    /// Stretches of speech heard, in ms since the INVITE.
    heard_ms: Vec<(u64, u64)>,
    ended_ms: Option<u64>,
    /// `caller` (we), or `far-end`, or `fault`.
    ended_by: &'static str,
    /// Our own leg.
    quality: Option<LegStats>,
    /// The server's record, if it runs on this machine's data folder.
    record: Option<Cdr>,
}

impl Story {
    fn ms(&self, at: Now) -> u64 {
        at.since(self.began).as_millis() as u64
    }

    /// Measures the recording and puts everything together.
    pub(super) fn tell(self, recording: &Recording) -> Told {
        let (ours, heard) = (Track::of(&recording.said), Track::of(&recording.heard));
        // From a time on the phone's clock to one on the recording, and from there to one since the INVITE.
        let zero = self.recorded.map_or(0, |at| self.ms(at));
        let on_tape = |at: Now| (self.ms(at) + RECORDER_DELAY_MS).saturating_sub(zero);
        let told = |ms: u64| (ms + zero).saturating_sub(RECORDER_DELAY_MS);
        let acts = self.said.iter().enumerate().map(|(n, said)| {
            let mut act = ToldAct {
                how: said.how,
                what: said.what.clone(),
                from_ms: self.ms(said.from),
                to_ms: said.to.map(|at| self.ms(at)),
                gap_ms: None,
                echo_ms: None,
            };
            let Some(to) = said.to.filter(|_| said.how != "dtmf") else { return act };
            let window = on_tape(said.from).saturating_sub(MARGIN_MS)..on_tape(to) + MARGIN_MS;
            act.to_ms = ours.last_ms(&window).map(told).or(act.to_ms);
            let samples = (window.start * 8) as usize..(window.end * 8) as usize;
            let echo = Echo::find(&recording.said, &recording.heard, samples);
            act.echo_ms = echo.filter(|e| e.likeness >= ECHO_LIKENESS).map(|e| e.lag_ms);
            if act.echo_ms.is_none() && !said.to_agent {
                let next = self.said.get(n + 1).map_or(u64::MAX, |next| on_tape(next.from));
                act.gap_ms = ours.gap(&heard, &window, next).map(trunkline::phone::Gap::ms);
            }
            act
        });
        Told {
            acts: acts.collect(),
            answered: self.answered.is_some(),
            error: self.answered.is_none().then(|| self.failure()),
            answered_ms: self.answered.map(|at| self.ms(at)),
            first_sound_ms: heard.first_ms(0).map(told),
            heard_ms: self.heard.iter().map(|(a, b)| (self.ms(*a), self.ms(*b))).collect(),
            ended_ms: self.ended.as_ref().map(|(at, _)| self.ms(*at)),
            ended_by: match self.ended {
                Some((_, EndCause::WeHungUp)) => "caller",
                Some((_, EndCause::PeerHungUp)) => "far-end",
                _ => "fault",
            },
            uri: self.uri,
            sip_call_id: self.call_id,
            quality: self.stats,
            record: self.record,
        }
    }

    /// Why there was no answer, and what to do about it.
    fn failure(&self) -> String {
        let uri = &self.uri;
        match self.ended.as_ref().map(|(_, cause)| cause) {
            Some(EndCause::Refused { status, reason }) => {
                let remedy = match status {
                    403 => {
                        "the server takes calls from its trunks only: add this machine's network to a [[trunk]] in server.toml"
                    }
                    404 => "no line has this number: `trunkline check` lists the numbers",
                    480 | 486 | 600 | 603 => "the other end does not want to talk now: try again later",
                    488 => "the other end speaks neither PCMA nor PCMU",
                    500..600 => {
                        "the server is full or stopping: try again in some seconds, and look at its log"
                    }
                    _ => "the server's log says more",
                };
                format!("{uri} refused the call: {status} {reason}\n  = {remedy}")
            }
            Some(EndCause::Timeout) => format!(
                "{uri} does not answer: is `trunkline serve` running there, and on this port? It prints its address"
            ),
            Some(EndCause::Unreachable) => unreachable(uri),
            Some(EndCause::WeHungUp) => {
                format!("{uri} had not answered when we hung up; --max gives it longer")
            }
            Some(other) => format!("{uri}: the call failed: {other:?}"),
            None => format!("{uri}: the call came to nothing"),
        }
    }
}

/// Nothing listens at an address.
pub(super) fn unreachable(what: &str) -> String {
    format!(
        "nothing listens at {what}: is `trunkline serve` running there, and on this port? It prints its address"
    )
}

impl Told {
    /// Whether it was answered; else why not.
    pub(super) fn outcome(&self) -> Result<(), String> {
        self.error.clone().map_or(Ok(()), Err)
    }

    pub(super) fn print_json(&self) -> Result<(), String> {
        liveln!("{}", serde_json::to_string(self).map_err(|e| e.to_string())?);
        Ok(())
    }

    /// The timeline: the server's moments and our own, in order.
    pub(super) fn print(&self) {
        let mut lines: Vec<(u64, String)> = Vec::new();
        let mut add = |ms: Option<u64>, text: String| lines.extend(ms.map(|ms| (ms, text)));
        add(self.first_sound_ms, "first sound of the greeting".into());
        for act in &self.acts {
            let what = match act.how {
                "dtmf" => format!("you press {}", act.what),
                how => format!("you {how} \"{}\"", act.what),
            };
            add(Some(act.from_ms), what);
            let end = act.to_ms.filter(|_| act.how != "dtmf");
            let after = match (act.gap_ms, act.echo_ms) {
                (_, Some(echo)) => format!("; your words came back after {echo} ms"),
                (Some(gap), _) => {
                    format!("; first sound of the answer {gap} ms later, measured on the audio")
                }
                (None, None) => String::new(),
            };
            add(end, format!("end of your words{after}"));
        }
        match &self.record {
            Some(cdr) => {
                for at in &cdr.moments {
                    if !matches!(at.moment, Moment::SpeechStarted | Moment::SpeechEnded) {
                        add(Some(at.ms), describe(&at.moment, cdr));
                    }
                }
            }
            None => {
                add(self.answered_ms, "answered".into());
                let by = if self.ended_by == "caller" { "you" } else { self.ended_by };
                add(self.ended_ms, format!("ended by {by}"));
            }
        }
        lines.sort_by_key(|(ms, _)| *ms);
        liveln!("\ntimeline (ms since the INVITE)");
        for (ms, text) in lines {
            liveln!("{ms:>8}  {text}");
        }
        if let Some(cdr) = &self.record {
            let seconds = |ms: u64| ms as f64 / 1000.0;
            liveln!(
                "\ncall {}: intent {}, agent {}, waited {:.1} s, talked {:.1} s; `trunkline why {}` says more",
                cdr.id.0,
                cdr.intent.as_deref().unwrap_or("-"),
                cdr.agent.as_deref().unwrap_or("-"),
                seconds(cdr.wait_ms),
                seconds(cdr.talk_ms),
                cdr.id.0
            );
        }
        if let Some(s) = &self.quality {
            liveln!(
                "our leg: sent {} received {} lost {} jitter {:.1} ms MOS {:.2}",
                s.sent,
                s.received,
                s.lost,
                s.jitter_ms,
                s.mos
            );
        }
    }
}

/// Writes the call as 16-bit stereo: left the caller, right what the caller heard.
pub(super) fn save(recording: &Recording, file: &Path) -> Result<(), String> {
    voice::write_stereo(file, &recording.said, &recording.heard)
        .map_err(|e| format!("{}: {e}", file.display()))
}
