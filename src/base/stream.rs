//! Words about an audio stream that several rooms share.

use serde::{Deserialize, Serialize};

/// Samples per second of telephone audio.
pub const SAMPLE_RATE: u32 = 8000;
/// The static payload type of comfort noise (RFC 3389 §4), for codecs with a clock of [`SAMPLE_RATE`].
pub const COMFORT_NOISE: u8 = 13;
/// Length of one packet and one frame, in milliseconds.
pub const FRAME_MS: u32 = 20;
/// Samples in one frame.
pub const FRAME_SAMPLES: usize = (SAMPLE_RATE / 1000 * FRAME_MS) as usize;

/// A codec that a leg can speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Codec {
    /// G.711 µ-law, RTP payload type 0 (RFC 3551 §6).
    Pcmu,
    /// G.711 A-law, RTP payload type 8 (RFC 3551 §6).
    Pcma,
    /// G.722 at 64 kbit/s, RTP payload type 9 (RFC 3551 §6).
    G722,
    /// Opus (RFC 6716, RFC 7587), in wide band.
    Opus,
}

impl Codec {
    /// Every codec, in a fixed order.
    pub const ALL: [Codec; 4] = [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus];

    /// The payload type that we offer: the static one (RFC 3551 §6), or for Opus one of the dynamic ones.
    pub fn payload_type(self) -> u8 {
        match self {
            Codec::Pcmu => 0,
            Codec::Pcma => 8,
            Codec::G722 => 9,
            Codec::Opus => 111,
        }
    }

    /// Timestamps a second in RTP, which is what SDP says. For G.722 it is half of its samples, by an old error that was kept
    /// (RFC 3551 §4.5.2); for Opus always 48,000 (RFC 7587 §4.1).
    pub fn clock(self) -> u32 {
        match self {
            Codec::Pcmu | Codec::Pcma | Codec::G722 => 8000,
            Codec::Opus => 48_000,
        }
    }

    /// Samples a second that it is decoded to and encoded from here.
    pub fn rate(self) -> u32 {
        match self {
            Codec::Pcmu | Codec::Pcma => SAMPLE_RATE,
            Codec::G722 | Codec::Opus => 16_000,
        }
    }

    /// One of the two laws: an octet a sample, without memory.
    pub fn is_g711(self) -> bool {
        matches!(self, Codec::Pcmu | Codec::Pcma)
    }

    /// The encoding name used in SDP (RFC 3551 §6).
    pub fn name(self) -> &'static str {
        match self {
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
            Codec::G722 => "G722",
            Codec::Opus => "opus",
        }
    }
}

/// Which way audio flows, from our side (RFC 3264 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both ways.
    SendRecv,
    /// We send only: the peer has asked us to hold and plays nothing to us.
    SendOnly,
    /// We receive only.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// True if we may send.
    pub fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    /// True if we expect to receive.
    pub fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }
}

/// A language the line can listen to and speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// Mandarin Chinese.
    Zh,
    /// English.
    En,
}

impl Lang {
    /// Every language, in a fixed order.
    pub const ALL: [Lang; 2] = [Lang::Zh, Lang::En];

    /// The two-letter code (ISO 639-1).
    pub fn code(self) -> &'static str {
        match self {
            Lang::Zh => "zh",
            Lang::En => "en",
        }
    }
}
