//! What a step of the shard wants done. The driver does it and clears the lists; their memory is used again.

use super::{Prompt, Report};
use crate::base::{Codec, FRAME_SAMPLES, LegId};
use crate::codec::silence;
use crate::rtp::{HEADER_OCTETS, PacketBuf, Pool};
use crate::taps::SpeechTap;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// Which of a leg's two ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// The even one: RTP, and RTCP where they share it (RFC 5761).
    Rtp,
    /// The odd one above it: RTCP alone (RFC 3550 §11).
    Rtcp,
}

/// One datagram to send.
#[derive(Debug)]
pub struct Send {
    /// From this leg's socket.
    pub leg: LegId,
    /// From this port of it.
    pub channel: Channel,
    /// To this address.
    pub to: SocketAddr,
    /// What it consists of.
    pub body: Body,
}

/// Where the octets of a datagram are. None of those that were received or are played have been copied.
#[derive(Debug)]
pub enum Body {
    /// In one buffer: the one that they came in, or one that was filled for this leg alone (a mixed frame, a telephone-event,
    /// a report).
    Packet(PacketBuf),
    /// A header of its own, then a slice of a shared prompt, then silence up to a whole frame.
    Audio {
        /// The RTP header.
        header: [u8; HEADER_OCTETS],
        /// What to play; `None` for silence only.
        prompt: Option<(Arc<Prompt>, Range<usize>)>,
        /// The encoding of prompt and silence.
        codec: Codec,
    },
}

impl Body {
    /// Octets behind the RTP header.
    pub fn payload_octets(&self) -> usize {
        match self {
            Body::Packet(buf) => buf.bytes().len().saturating_sub(HEADER_OCTETS),
            Body::Audio { .. } => FRAME_SAMPLES,
        }
    }

    /// The pieces to gather into the datagram, in order; unused ones are empty.
    pub fn parts(&self) -> [&[u8]; 3] {
        static SILENCE: [[u8; FRAME_SAMPLES]; 2] = [[silence(Codec::Pcmu); _], [silence(Codec::Pcma); _]];
        match self {
            Body::Packet(buf) => [buf.bytes(), &[], &[]],
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
    /// The file of one leg is that of another from now on.
    Move { from: LegId, to: LegId },
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
    /// Free buffers: what is done with goes here, and what is to be filled comes from here.
    pub pool: Pool,
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
            pool: Pool::default(),
            reports: Vec::new(),
            files: VecDeque::new(),
            closed: Vec::new(),
            speech,
        }
    }

    /// A buffer with these octets.
    pub fn packet(&mut self, parts: &[&[u8]]) -> PacketBuf {
        let mut buf = self.pool.take();
        buf.fill(parts);
        buf
    }
}
