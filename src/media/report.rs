//! What the media plane tells the control plane: the complete list.

use super::PlayId;
use crate::base::{LegId, Now};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::sync::Arc;

/// How a play-out ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlayEnd {
    /// Everything was sent.
    Finished,
    /// Stopped or replaced before its end: so much of it was played, counted from the beginning of its prompts, and so much was not.
    Stopped { played_ms: u64, left_ms: u64 },
}

/// Quality figures of one leg over its whole life.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct LegStats {
    /// Packets sent.
    pub sent: u64,
    /// Packets received and accepted.
    pub received: u64,
    /// Packets that should have come and did not (RFC 3550 §A.3), duplicates not counted against it.
    pub lost: u64,
    /// Packets received twice.
    pub duplicate: u64,
    /// Packets that came after a later one.
    pub reordered: u64,
    /// Packets dropped unheard: the sum of `rejects`.
    pub rejected: u64,
    /// The same by reason.
    #[serde(default)]
    pub rejects: Rejects,
    /// Periods of 20 ms that we served a whole period late or not at all: our own fault, not the network's.
    pub late: u64,
    /// Interarrival jitter at the end, in milliseconds (RFC 3550 §6.4.1).
    pub jitter_ms: f32,
    /// Mean opinion score, 1.0–4.5, of what we heard, from loss, jitter and delay (ITU-T G.107); 0 when nothing was received.
    pub mos: f32,
    /// Packets that came too late to be heard, where somebody heard them decoded (conferences).
    #[serde(default)]
    pub discarded: u64,
    /// Frames of 20 ms that were made up for missing ones, in the same places.
    #[serde(default)]
    pub concealed: u64,
    /// RTCP packets dropped: malformed, from strangers, or not under the key. They are not among `rejected`.
    #[serde(default)]
    pub rtcp_rejected: u64,
    /// Mean time to the peer and back in milliseconds (RFC 3550 §6.4.1); `None` if it did not repeat our reports.
    #[serde(default)]
    pub round_trip_ms: Option<f32>,
    /// What the peer says that it heard of us; `None` if it sent no reports.
    #[serde(default)]
    pub far: Option<FarStats>,
}

/// Packets that were dropped unheard, by the first reason found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Rejects {
    /// Longer than [`crate::limits::RTP_PACKET_OCTETS_MAX`], or empty.
    pub oversize: u64,
    /// Not RTP.
    pub malformed: u64,
    /// Of a payload type that was not agreed on.
    pub payload_type: u64,
    /// Not from the source that the leg is latched on.
    pub stranger: u64,
    /// More than the pace allows.
    pub flood: u64,
    /// Of another SSRC while the one that is heard goes on.
    pub ssrc: u64,
    /// SRTP: forged, damaged, or under another key.
    pub unauthenticated: u64,
    /// SRTP: had already, or too old to tell.
    pub replayed: u64,
    /// Far from its stream.
    pub sequence: u64,
}

impl Rejects {
    /// Those that there were, in words.
    pub fn named(self) -> impl Iterator<Item = (&'static str, u64)> {
        let all = [
            ("too long", self.oversize),
            ("malformed", self.malformed),
            ("of another payload type", self.payload_type),
            ("from strangers", self.stranger),
            ("too fast", self.flood),
            ("of another SSRC", self.ssrc),
            ("not authentic", self.unauthenticated),
            ("replayed", self.replayed),
            ("far from their stream", self.sequence),
        ];
        all.into_iter().filter(|(_, count)| *count > 0)
    }

    /// All together.
    pub fn sum(self) -> u64 {
        self.named().map(|(_, count)| count).sum()
    }
}

/// What the peer of a leg heard, by its own reports (RTCP).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct FarStats {
    /// Packets of ours that it missed.
    pub lost: u64,
    /// The interarrival jitter that it saw at the end, in milliseconds.
    pub jitter_ms: f32,
    /// Mean opinion score of what it heard.
    pub mos: f32,
}

/// One thing that happened on the media plane.
#[derive(Debug)]
pub enum Report {
    /// The first packet of a play-out left at `at`.
    PlayStarted { leg: LegId, play: PlayId, at: Now },
    /// A play-out ended.
    PlayEnded { leg: LegId, play: PlayId, end: PlayEnd, at: Now },
    /// The caller pressed a key; once per press: a telephone-event (RFC 4733), or a tone where the peer has none.
    Digit { leg: LegId, digit: char, at: Now },
    /// Speech began on a listening leg at `began`, known at `at`, some 60 ms later.
    SpeechStarted { leg: LegId, began: Now, at: Now },
    /// Speech may have ended at `speech_ended_at`, known at `at`: `samples` are those of `SpeechEnded` if it has.
    SpeechPaused { leg: LegId, speech_ended_at: Now, at: Now, samples: Arc<[i16]> },
    /// It had not.
    SpeechResumed { leg: LegId },
    /// It goes on: the next `samples` of the sentence, from its first one where it `begins`. Only where they are wanted as they come.
    SpeechGoesOn { leg: LegId, begins: bool, samples: Arc<[i16]> },
    /// Speech ended at `speech_ended_at`, known at `at` after the hang-over. `samples` is the sentence, 8 kHz, with a
    /// little audio before its first sound.
    SpeechEnded { leg: LegId, speech_started_at: Now, speech_ended_at: Now, at: Now, samples: Arc<[i16]> },
    /// The peer's packets come from `from`, not from where SDP said (symmetric RTP).
    Latched { leg: LegId, from: SocketAddr },
    /// No packet for [`crate::limits::RTP_SILENCE_MAX`].
    Lost { leg: LegId, at: Now },
    /// The recording of the leg ended: the disk is full, or does not keep up. Its audio goes on.
    Unrecorded { leg: LegId, what: String },
    /// Something of the leg does not work (keys, listening); its audio goes on.
    Degraded { leg: LegId, what: String },
    /// The leg failed inside the media plane (a caught panic, a bridge across workers): it is of no more use.
    Fault { leg: LegId, what: String },
    /// Answer to `Close`: everything is given back.
    Closed { leg: LegId, stats: LegStats },
}
