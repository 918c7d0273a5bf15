//! What the control plane may ask of the media plane: the complete list.

use crate::base::{Codec, Expected, LegId};
use crate::sdp::StreamSpec;
use crate::taps::Taping;
use std::path::PathBuf;
use std::sync::Arc;

/// Names one play-out of prompts on a leg, chosen by whoever asks for it; comes back in reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlayId(pub u64);

/// Audio encoded once per codec and shared by every call that plays it.
#[derive(Debug, PartialEq, Eq)]
pub struct Prompt {
    /// G.711 µ-law, one octet a sample, 8 kHz.
    pub pcmu: Box<[u8]>,
    /// The same audio in G.711 A-law; as long as `pcmu`.
    pub pcma: Box<[u8]>,
}

impl Prompt {
    /// The octets of one of the two laws; other codecs are encoded from µ-law while they play.
    pub fn encoded(&self, codec: Codec) -> &[u8] {
        if codec == Codec::Pcma { &self.pcma } else { &self.pcmu }
    }

    /// Length in milliseconds.
    pub fn ms(&self) -> u64 {
        self.pcmu.len() as u64 / 8
    }
}

/// One request to the media plane. All are about one leg; the worker that owns it carries them out in order.
#[derive(Debug)]
pub enum Command {
    /// Begin a leg on the socket that the driver bound for it (`MediaPlane::open` gives this itself). It receives
    /// nothing until `Connect`.
    Open { leg: LegId },
    /// Apply what was negotiated; repeated after each re-INVITE.
    Connect { leg: LegId, to: StreamSpec },
    /// Play `prompts` one after the other, in place of whatever plays now, without their first `skip_ms`; `repeat` starts over
    /// at the end (music). Waits while the leg is not connected or the peer is not to receive; on a bridged leg it is heard instead of the other.
    Play { leg: LegId, play: PlayId, prompts: Vec<Arc<Prompt>>, repeat: bool, skip_ms: u64 },
    /// Stop playing, within one frame.
    Stop { leg: LegId },
    /// Lend decoded frames to the listener (speech), or no more.
    Listen { leg: LegId, on: bool },
    /// What the peer is expected to say from now on, for the listener; each `Listen` begins with [`Expected::default`].
    Expect { leg: LegId, expected: Expected },
    /// Relay audio between two legs of one worker, both ways; ends playing on both, and any relay they took part in. Legs
    /// of two workers, or one that is gone, are a `Report::Fault` of `a`.
    Bridge { a: LegId, b: LegId },
    /// Mix these legs of one worker in place of any relay or conference they took part in. Each party comes with the
    /// parties that it hears, as a bit mask: the first party is the lowest bit. One that is gone is a `Report::Fault` of
    /// the first.
    Mix { parties: Vec<(LegId, u8)> },
    /// End the relay or conference that `leg` takes part in; the others of a conference go on.
    Unbridge { leg: LegId },
    /// Send back what comes in (agents' test phones, benches).
    Echo { leg: LegId, on: bool },
    /// Send RFC 4733 digits, each 100 ms with 100 ms between (0–9, *, #, A–D). Audio stops meanwhile.
    SendDigits { leg: LegId, digits: String },
    /// Record a stereo WAV file: left what the leg says, right what it hears.
    Record { leg: LegId, file: PathBuf },
    /// Leave out of the recording what is said from now on, or no more.
    Tape { leg: LegId, taping: Taping },
    /// Go on with the recording of `from` on `to`, a leg of the same worker; as it was, paused or masked.
    MoveRecord { from: LegId, to: LegId },
    /// Close the recording.
    StopRecord { leg: LegId },
    /// Give everything back; answered by `Report::Closed` with the leg's figures.
    Close { leg: LegId },
}

impl Command {
    /// The leg that this is about; of a bridge or conference, the first.
    pub fn leg(&self) -> LegId {
        match self {
            Command::Mix { parties } => parties.first().map_or(LegId(0), |(leg, _)| *leg),
            Command::Open { leg }
            | Command::Connect { leg, .. }
            | Command::Play { leg, .. }
            | Command::Stop { leg }
            | Command::Listen { leg, .. }
            | Command::Expect { leg, .. }
            | Command::Bridge { a: leg, .. }
            | Command::Unbridge { leg }
            | Command::Echo { leg, .. }
            | Command::SendDigits { leg, .. }
            | Command::Record { leg, .. }
            | Command::Tape { leg, .. }
            | Command::MoveRecord { from: leg, .. }
            | Command::StopRecord { leg }
            | Command::Close { leg } => *leg,
        }
    }
}
