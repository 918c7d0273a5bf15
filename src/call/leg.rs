//! One leg as the call sees it: its SIP dialog and its stream, and what is still to be closed.

use super::pressed::Pressed;
use crate::base::{Codec, Direction, LegId, Secret, SrtpPolicy};
use crate::media::LegStats;
use crate::sdp::{self, Crypto, Local, SdpError, StreamSpec};
use bytes::Bytes;
use std::net::{IpAddr, SocketAddr};

/// What we speak, best first: as configured, but before all what the other leg speaks, so that a bridge need not re-code.
fn codecs(configured: &[Codec], other_leg: Option<Codec>) -> Vec<Codec> {
    let mut all: Vec<Codec> = other_leg.into_iter().collect();
    all.extend(configured.iter().filter(|c| Some(**c) != other_leg));
    all
}

/// What may be agreed on with a peer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms<'a> {
    /// What may be spoken at all.
    pub(super) codecs: &'a [Codec],
    /// Whether it is encrypted.
    pub(super) srtp: SrtpPolicy,
    /// Where the keys of all legs come from.
    pub(super) secret: &'a Secret,
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
    /// Its keys, so that one that comes twice is heard once.
    pub(super) pressed: Pressed,
    srtp: SrtpPolicy,
    secret: Secret,
    /// Which of its keys we use: another one whenever the peer has taken another.
    nth_key: u64,
    /// The peer has changed to another suite by its answer. If it changed back, the old key would be used again from the start:
    /// our next offer is of new ones.
    spent: bool,
    version: u64,
}

impl Leg {
    /// `like` is the codec of the leg that it is to be bridged with.
    pub(super) fn new(id: LegId, who: impl Into<String>, terms: Terms<'_>, like: Option<Codec>) -> Leg {
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
            codecs: codecs(terms.codecs, like),
            pressed: Pressed::default(),
            srtp: terms.srtp,
            secret: terms.secret.of(id),
            nth_key: 0,
            spent: false,
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
        let required = self.srtp == SrtpPolicy::Required;
        let current = self.stream.and_then(|s| s.srtp).map(|keys| keys.send.suite());
        let crypto = Crypto { required, current, secret: self.secret, nth: self.nth_key };
        Local {
            addr,
            session_id: self.id.0,
            version: self.version,
            codecs: &self.codecs,
            direction: Direction::SendRecv,
            srtp: (self.srtp != SrtpPolicy::Off).then_some(crypto),
        }
    }

    /// Our offer, or `None` before the media plane has given an address.
    pub(super) fn offer(&mut self) -> Option<Bytes> {
        let addr = self.addr?;
        self.nth_key += u64::from(std::mem::take(&mut self.spent));
        Some(sdp::offer(&self.local(addr)))
    }

    /// Our answer to `offer`; the stream is what was agreed.
    fn answer(&mut self, offer: &[u8]) -> Result<Bytes, SdpError> {
        let addr = self.addr.ok_or(SdpError::NoAddress)?;
        let before = self.stream.and_then(|s| s.srtp);
        let (mut answer, mut agreed) = sdp::answer(offer, &self.local(addr))?;
        if before.zip(agreed.srtp).is_some_and(|(before, now)| before.receive != now.receive) {
            // Whoever has a new key may be somebody new, who does not know how often our numbers have wrapped: a new key of ours
            // begins with none.
            self.nth_key += 1;
            (answer, agreed) = sdp::answer(offer, &self.local(addr))?;
        }
        self.agree(agreed);
        Ok(answer)
    }

    /// Our answer to `offer`, or our offer if there is none.
    pub(super) fn described(&mut self, offer: &[u8]) -> Result<Bytes, SdpError> {
        if offer.is_empty() { self.offer().ok_or(SdpError::NoAddress) } else { self.answer(offer) }
    }

    /// Takes the peer's answer to our offer.
    pub(super) fn accept(&mut self, answer: &[u8]) -> Result<(), SdpError> {
        let addr = self.addr.ok_or(SdpError::NoAddress)?;
        let agreed = sdp::accept(answer, &self.local(addr))?;
        let [before, now] =
            [self.stream.and_then(|s| s.srtp), agreed.srtp].map(|keys| keys.map(|k| k.send.suite()));
        self.spent |= before.zip(now).is_some_and(|(before, now)| before != now);
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

    fn agree(&mut self, agreed: StreamSpec) {
        if agreed.srtp.is_none() && self.stream.is_some_and(|s| s.srtp.is_some()) {
            // If it is encrypted again, our numbers have gone on, and their keystream may have been used.
            self.nth_key += 1;
        }
        self.held = !agreed.direction.sends();
        self.stream = Some(agreed);
    }
}
