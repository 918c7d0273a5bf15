//! What a step of the shard wants done. The driver does it and clears the lists; their memory is used again.

use super::{Prompt, Report};
use crate::base::{Codec, FRAME_SAMPLES, LegId};
use crate::codec::silence;
use crate::rtp::{HEADER_OCTETS, PacketBuf};
use crate::taps::SpeechTap;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// One datagram to send.
#[derive(Debug)]
pub struct Send {
    /// From this leg's socket.
    pub leg: LegId,
    /// To this address.
    pub to: SocketAddr,
    /// What it consists of.
    pub body: Body,
}

/// Where the octets of a datagram are. None of them have been copied, but for those that were mixed.
#[derive(Debug)]
pub enum Body {
    /// In the buffer that they came in.
    Relayed(PacketBuf),
    /// A header of its own, then a slice of a shared prompt, then silence up to a whole frame.
    Audio {
        /// The RTP header.
        header: [u8; HEADER_OCTETS],
        /// What to play; `None` for silence only.
        prompt: Option<(Arc<Prompt>, Range<usize>)>,
        /// The encoding of prompt and silence.
        codec: Codec,
    },
    /// A header of its own and a frame that was mixed for this leg alone.
    Mixed { header: [u8; HEADER_OCTETS], audio: [u8; FRAME_SAMPLES] },
    /// A telephone-event, header and payload.
    Event([u8; HEADER_OCTETS + 4]),
}

impl Body {
    /// The pieces to gather into the datagram, in order; unused ones are empty.
    pub fn parts(&self) -> [&[u8]; 3] {
        static SILENCE: [[u8; FRAME_SAMPLES]; 2] = [[silence(Codec::Pcmu); _], [silence(Codec::Pcma); _]];
        match self {
            Body::Relayed(buf) => [buf.bytes(), &[], &[]],
            Body::Event(octets) => [octets, &[], &[]],
            Body::Mixed { header, audio } => [header, audio, &[]],
            Body::Audio { header, prompt, codec } => {
                let audio = prompt
                    .as_ref()
                    .and_then(|(p, range)| p.encoded(*codec).get(range.clone()))
                    .unwrap_or(&[]);
                let silence = &SILENCE[usize::from(*codec == Codec::Pcma)];
                [header, audio, &silence[audio.len().min(FRAME_SAMPLES)..]]
            }
        }
    }
}

/// One thing for the recordings' writer to do.
#[derive(Debug)]
pub enum FileOp {
    /// Begin a file.
    Create { leg: LegId, file: PathBuf, codec: Codec },
    /// Append interleaved octets.
    Append { leg: LegId, octets: Vec<u8> },
    /// Complete the header and close.
    Finish { leg: LegId },
}

/// Everything that a step wants done.
#[derive(Debug)]
pub struct Out {
    /// Datagrams to send, in this order.
    pub sends: Vec<Send>,
    /// Buffers that are done with.
    pub free: Vec<PacketBuf>,
    /// For the control plane.
    pub reports: Vec<Report>,
    /// For the recordings' writer.
    pub files: VecDeque<FileOp>,
    /// Legs whose sockets are to be closed.
    pub closed: Vec<LegId>,
    /// The listener's tap.
    pub speech: Box<dyn SpeechTap>,
}

impl Out {
    /// Empty lists, and where decoded frames go.
    pub fn new(speech: Box<dyn SpeechTap>) -> Self {
        Out {
            sends: Vec::new(),
            free: Vec::new(),
            reports: Vec::new(),
            files: VecDeque::new(),
            closed: Vec::new(),
            speech,
        }
    }
}
