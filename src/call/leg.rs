//! One leg as the call sees it: its SIP dialog and its stream, and what is still to be closed.

use crate::base::{Codec, Direction, LegId};
use crate::media::{LegStats, StreamSpec};
use crate::sdp::{self, Local, Negotiated, SdpError};
use bytes::Bytes;
use std::net::{IpAddr, SocketAddr};

/// What we speak, best first: as configured, but before all what the other leg speaks, so that a bridge need not re-code.
fn codecs(configured: &[Codec], other_leg: Option<Codec>) -> Vec<Codec> {
    let mut all: Vec<Codec> = other_leg.into_iter().collect();
    all.extend(configured.iter().filter(|c| Some(**c) != other_leg));
    all
}

/// One leg of a call.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) id: LegId,
    /// `caller`, or the agent's user: how records name the leg.
    pub(super) who: String,
    /// Our RTP address as the peer sees it, once the media plane has bound it.
    pub(super) addr: Option<SocketAddr>,
    /// Where the peer sees us, if not at our own address: behind NAT.
    pub(super) seen: Option<IpAddr>,
    /// The dialog lives (or is being set up).
    pub(super) sip: bool,
    /// The INVITE was answered.
    pub(super) up: bool,
    /// It is heard, though it has not been answered.
    pub(super) early: bool,
    pub(super) stream: Option<StreamSpec>,
    /// The peer has asked us to hold.
    pub(super) held: bool,
    pub(super) stats: Option<LegStats>,
    /// The stream has been closed; its figures are on their way.
    pub(super) closing: bool,
    /// What it may speak, best first.
    codecs: Vec<Codec>,
    version: u64,
}

impl Leg {
    /// `configured` is what may be spoken at all, `like` the codec of the leg that it is to be bridged with.
    pub(super) fn new(id: LegId, who: impl Into<String>, configured: &[Codec], like: Option<Codec>) -> Leg {
        Leg {
            id,
            who: who.into(),
            addr: None,
            seen: None,
            sip: true,
            up: false,
            early: false,
            stream: None,
            held: false,
            stats: None,
            closing: false,
            codecs: codecs(configured, like),
            version: 0,
        }
    }

    /// The same as a peer sees it that is to send its audio to `seen`.
    pub(super) fn seen_at(self, seen: Option<IpAddr>) -> Leg {
        Leg { seen, ..self }
    }

    /// The media plane has bound our address, or none.
    pub(super) fn opened(&mut self, addr: Option<SocketAddr>) {
        self.addr = addr.map(|own| SocketAddr::new(self.seen.unwrap_or(own.ip()), own.port()));
    }

    fn local(&mut self, addr: SocketAddr) -> Local<'_> {
        self.version += 1;
        Local {
            addr,
            session_id: self.id.0,
            version: self.version,
            codecs: &self.codecs,
            direction: Direction::SendRecv,
        }
    }

    /// Our offer, or `None` before the media plane has given an address.
    pub(super) fn offer(&mut self) -> Option<Bytes> {
        let addr = self.addr?;
        Some(sdp::offer(&self.local(addr)))
    }

    /// Our answer to `offer`; the stream is what was agreed.
    pub(super) fn answer(&mut self, offer: &[u8]) -> Result<Bytes, SdpError> {
        let addr = self.addr.ok_or(SdpError::NoAddress)?;
        let (answer, agreed) = sdp::answer(offer, &self.local(addr))?;
        self.agree(agreed);
        Ok(answer)
    }

    /// Takes the peer's answer to our offer.
    pub(super) fn accept(&mut self, answer: &[u8]) -> Result<(), SdpError> {
        let addr = self.addr.ok_or(SdpError::NoAddress)?;
        let agreed = sdp::accept(answer, &self.local(addr))?;
        self.agree(agreed);
        Ok(())
    }

    /// Takes the answer of the 200 to our INVITE, which may have come before it (RFC 3262 §5).
    pub(super) fn answered(&mut self, answer: &[u8]) -> Result<(), SdpError> {
        self.early = false;
        match answer.is_empty() && self.stream.is_some() {
            true => Ok(()),
            false => self.accept(answer),
        }
    }

    /// What was agreed once the peer's ACK has come, with its answer if it owed one; `None` if nothing was.
    pub(super) fn acknowledged(&mut self, answer: &[u8]) -> Option<StreamSpec> {
        if !answer.is_empty() {
            self.accept(answer).ok()?;
        }
        self.stream
    }

    fn agree(&mut self, agreed: Negotiated) {
        self.held = !agreed.direction.sends();
        self.stream = Some(agreed.into());
    }
}
