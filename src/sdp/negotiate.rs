//! Offer and answer (RFC 3264): what we offer, how we answer, and what was agreed.
//!
//! One audio stream with telephone-event is used: the first in the offer that can be; all others are answered with port 0
//! (§6). The offerer's order of codecs decides among ours (§6.1), and its payload types are used; static ones need no rtpmap. Comfort noise is taken where it is offered, as payload type 13: its other clocks (RFC 3389 §4) fit none of our codecs. Hold is understood both ways: `a=sendonly` or `a=inactive`
//! (§8.4), and the older address 0.0.0.0. Whether it is encrypted, see `crypto.rs`.

use super::crypto::{Crypto, Line};
use super::session::{Media, Session};
use crate::base::{COMFORT_NOISE, Codec, Direction, FRAME_MS, SAMPLE_RATE, SrtpKeys};
use bytes::Bytes;
use std::fmt::{self, Write};
use std::net::{IpAddr, SocketAddr};

/// The payload type we offer for telephone-event.
const DTMF_PAYLOAD_TYPE: u8 = 101;
/// RTP in the clear (RFC 3551), and SRTP (RFC 3711).
pub(super) const AVP: &str = "RTP/AVP";
pub(super) const SAVP: &str = "RTP/SAVP";

/// Our side of a stream.
#[derive(Debug, Clone, Copy)]
pub struct Local<'a> {
    /// Where we want the peer's audio.
    pub addr: SocketAddr,
    /// Names the session in `o=`; the same for every description of one leg.
    pub session_id: u64,
    /// Counts up with each description of one leg that differs from the one before (RFC 3264 §8).
    pub version: u64,
    /// What we speak, best first.
    pub codecs: &'a [Codec],
    /// What we want to do, from our side.
    pub direction: Direction,
    /// Our keys, and when they are used; `None` for RTP in the clear alone.
    pub srtp: Option<Crypto>,
}

/// What offer and answer agreed on for a leg (RFC 3264).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamSpec {
    /// Where the peer said it wants its audio. Latching may move it to where its packets really come from.
    pub remote: SocketAddr,
    /// Where it wants RTCP; `None` for the same port (RFC 5761).
    pub rtcp: Option<SocketAddr>,
    /// The codec both ways.
    pub codec: Codec,
    /// Its payload type: the offerer's.
    pub payload_type: u8,
    /// Payload type of telephone-event, if agreed on.
    pub dtmf: Option<u8>,
    /// The peer wants comfort noise in place of silence (RFC 3389). Not offered by us, so that no peer stops sending for it who
    /// would not have otherwise.
    pub noise: bool,
    /// Which way audio flows, from our side.
    pub direction: Direction,
    /// The keys that it is encrypted with, if it is.
    pub srtp: Option<SrtpKeys>,
}

impl StreamSpec {
    /// `codec` both ways with a peer at `remote`, RTCP on the same port, no telephone-event.
    pub fn new(remote: SocketAddr, codec: Codec) -> StreamSpec {
        let (payload_type, direction) = (codec.payload_type(), Direction::SendRecv);
        StreamSpec {
            remote,
            rtcp: None,
            codec,
            payload_type,
            dtmf: None,
            noise: false,
            direction,
            srtp: None,
        }
    }
}

/// Why no stream could be agreed on. An offer with such a fault is answered 488.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SdpError {
    /// It does not begin with `v=0`.
    NotSdp,
    /// No audio stream over RTP.
    NoAudio,
    /// It is encrypted, and we have been told not to.
    Encrypted,
    /// It is in the clear, and is to be encrypted.
    Clear,
    /// It is encrypted, but by no `a=crypto` line that we can use.
    NoKey,
    /// The stream was refused with port 0.
    Refused,
    /// No address for the stream, or a host name, which is not looked up.
    NoAddress,
    /// No codec in common.
    NoCodec,
}

impl fmt::Display for SdpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SdpError::NotSdp => "not a session description",
            SdpError::NoAudio => "no audio stream over RTP",
            SdpError::Encrypted => "SRTP is off here: see srtp",
            SdpError::Clear => "SRTP is required: RTP/SAVP with a=crypto",
            SdpError::NoKey => "no a=crypto line that can be used",
            SdpError::Refused => "the audio stream was refused",
            SdpError::NoAddress => "no IP address for the audio stream",
            SdpError::NoCodec => "no codec in common: see codecs",
        })
    }
}

impl std::error::Error for SdpError {}

/// Our offer: one audio stream with all of `local.codecs` and telephone-event.
pub fn offer(local: &Local<'_>) -> Bytes {
    let mut out = head(local);
    let ours: Vec<_> = local.codecs.iter().map(|c| (*c, c.payload_type())).collect();
    let crypto = local.srtp.filter(Crypto::is_offered).map(|c| c.offer());
    let how = if crypto.is_some() { SAVP } else { AVP };
    stream(
        &mut out,
        local,
        &ours,
        (Some(DTMF_PAYLOAD_TYPE), false),
        local.direction,
        true,
        (how, crypto.as_deref()),
    );
    Bytes::from(out)
}

/// Our answer to `offer`, and what it agrees to.
///
/// # Errors
/// No stream of the offer can be used; the reason is that of the first audio stream.
pub fn answer(offer: &[u8], local: &Local<'_>) -> Result<(Bytes, StreamSpec), SdpError> {
    let session = Session::parse(offer).ok_or(SdpError::NotSdp)?;
    let (index, agreed, line) = choose(&session, local, Crypto::take)?;
    let mut out = head(local);
    for (i, media) in session.media.iter().enumerate() {
        if i == index {
            let one = [(agreed.codec, agreed.payload_type)];
            let mux = agreed.rtcp.is_none();
            let crypto = line.as_ref().map(Line::to_string);
            let how = (media.protocol.as_str(), crypto.as_deref());
            stream(&mut out, local, &one, (agreed.dtmf, agreed.noise), agreed.direction, mux, how);
        } else {
            // RFC 3264 §6: refused, and as many lines as the offer had.
            let or = |text: &str, other: &'static str| {
                if text.is_empty() { other.to_owned() } else { text.to_owned() }
            };
            let format = media.formats.first().map_or("0", String::as_str);
            let _ = write!(
                out,
                "m={} 0 {} {format}\r\n",
                or(&media.kind, "audio"),
                or(&media.protocol, "RTP/AVP")
            );
        }
    }
    Ok((Bytes::from(out), agreed))
}

/// What the peer's `answer` to our offer agrees to.
///
/// # Errors
/// The answer takes nothing of what we offered.
pub fn accept(answer: &[u8], local: &Local<'_>) -> Result<StreamSpec, SdpError> {
    let session = Session::parse(answer).ok_or(SdpError::NotSdp)?;
    let agreed = choose(&session, local, Crypto::taken)?.1;
    Ok(StreamSpec { noise: false, ..agreed })
}

/// How a stream is protected: the keys, and the line that answers; `None` for RTP in the clear.
type Protect = fn(Option<&Crypto>, &Media) -> Result<Option<(SrtpKeys, Line)>, SdpError>;

/// The first stream that can be used, by index, and what it comes to.
fn choose(
    session: &Session,
    local: &Local<'_>,
    protect: Protect,
) -> Result<(usize, StreamSpec, Option<Line>), SdpError> {
    let mut first = None;
    for (i, media) in session.media.iter().enumerate().filter(|(_, m)| m.kind == "audio") {
        match usable(session, media, local, protect) {
            Ok((agreed, line)) => return Ok((i, agreed, line)),
            Err(why) => first = first.or(Some(why)),
        }
    }
    Err(first.unwrap_or(SdpError::NoAudio))
}

fn usable(
    session: &Session,
    media: &Media,
    local: &Local<'_>,
    protect: Protect,
) -> Result<(StreamSpec, Option<Line>), SdpError> {
    if ![AVP, SAVP].contains(&media.protocol.as_str()) {
        return Err(SdpError::NoAudio);
    }
    if media.port == 0 {
        return Err(SdpError::Refused);
    }
    let (srtp, line) = protect(local.srtp.as_ref(), media)?.unzip();
    let ip = media.connection.or(session.connection).ok_or(SdpError::NoAddress)?;
    let found = media.formats.iter().find_map(|f| codec(media, f, local.codecs));
    let (codec, payload_type) = found.ok_or(SdpError::NoCodec)?;
    let event = |(payload, name, clock): &&(u8, String, u32)| {
        *clock == 8000
            && name.eq_ignore_ascii_case("telephone-event")
            && media.formats.contains(&payload.to_string())
    };
    let theirs = media.direction.or(session.direction).unwrap_or(Direction::SendRecv);
    // RFC 3264 §8.4: an unspecified address says that nothing is to be sent there.
    let listens = theirs.receives() && !ip.is_unspecified();
    let direction = match (listens && local.direction.sends(), theirs.sends() && local.direction.receives()) {
        (true, true) => Direction::SendRecv,
        (true, false) => Direction::SendOnly,
        (false, true) => Direction::RecvOnly,
        (false, false) => Direction::Inactive,
    };
    let agreed = StreamSpec {
        remote: SocketAddr::new(ip, media.port),
        rtcp: (!media.rtcp_mux).then(|| rtcp(media, ip)),
        codec,
        payload_type,
        dtmf: media.rtpmap.iter().find(event).map(|m| m.0),
        noise: codec.clock() == SAMPLE_RATE && offers_noise(media),
        direction,
        srtp,
    };
    Ok((agreed, line))
}

fn offers_noise(media: &Media) -> bool {
    let named = media.rtpmap.iter().find(|(payload, ..)| *payload == COMFORT_NOISE);
    let is = |(_, name, clock): &(u8, String, u32)| name.eq_ignore_ascii_case("CN") && *clock == SAMPLE_RATE;
    media.formats.contains(&COMFORT_NOISE.to_string()) && named.is_none_or(is)
}

/// Where RTCP goes that does not share the port of RTP: the next, unless it is named (RFC 3605).
fn rtcp(media: &Media, ip: IpAddr) -> SocketAddr {
    let (port, at) = media.rtcp.unwrap_or((media.port.saturating_add(1), None));
    SocketAddr::new(at.unwrap_or(ip), port)
}

/// The codec of ours that `format` means, and its payload type.
fn codec(media: &Media, format: &str, ours: &[Codec]) -> Option<(Codec, u8)> {
    let payload: u8 = format.parse().ok()?;
    let mut ours = ours.iter().copied();
    let found = match media.rtpmap.iter().find(|(p, ..)| *p == payload) {
        Some((_, name, clock)) => ours.find(|c| name.eq_ignore_ascii_case(c.name()) && *clock == c.clock()),
        // RFC 3551 §6: below 96 a number alone says which codec.
        None => ours.find(|c| c.payload_type() == payload && payload < 96),
    };
    found.map(|codec| (codec, payload))
}

fn head(local: &Local<'_>) -> String {
    let ip = local.addr.ip();
    let family = if matches!(ip, IpAddr::V4(_)) { "IP4" } else { "IP6" };
    let Local { session_id, version, .. } = local;
    format!("v=0\r\no=- {session_id} {version} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n")
}

fn stream(
    out: &mut String,
    local: &Local<'_>,
    codecs: &[(Codec, u8)],
    (dtmf, noise): (Option<u8>, bool),
    direction: Direction,
    rtcp_mux: bool,
    (protocol, crypto): (&str, Option<&str>),
) {
    let _ = write!(out, "m=audio {} {protocol}", local.addr.port());
    let noise = noise.then_some(COMFORT_NOISE);
    for payload in codecs.iter().map(|(_, payload)| *payload).chain(dtmf).chain(noise) {
        let _ = write!(out, " {payload}");
    }
    out.push_str("\r\n");
    for (codec, payload) in codecs {
        let _ = write!(out, "a=rtpmap:{payload} {}/{}", codec.name(), codec.clock());
        // RFC 7587 §7: two channels are always said, and what is useful to us asked for: no more than wide band, and copies
        // of each frame in the next against loss.
        out.push_str(match codec {
            Codec::Opus => "/2\r\n",
            Codec::Pcmu | Codec::Pcma | Codec::G722 => "\r\n",
        });
        if *codec == Codec::Opus {
            let _ = write!(
                out,
                "a=fmtp:{payload} maxplaybackrate=16000;sprop-maxcapturerate=16000;useinbandfec=1\r\n"
            );
        }
    }
    if let Some(payload) = dtmf {
        let _ = write!(out, "a=rtpmap:{payload} telephone-event/8000\r\na=fmtp:{payload} 0-16\r\n");
    }
    if let Some(payload) = noise {
        let _ = write!(out, "a=rtpmap:{payload} CN/{SAMPLE_RATE}\r\n");
    }
    let direction = match direction {
        Direction::SendRecv => "sendrecv",
        Direction::SendOnly => "sendonly",
        Direction::RecvOnly => "recvonly",
        Direction::Inactive => "inactive",
    };
    let mux = if rtcp_mux { "a=rtcp-mux\r\n" } else { "" };
    let _ = write!(out, "a=ptime:{FRAME_MS}\r\n{mux}a={direction}\r\n{}", crypto.unwrap_or_default());
}

#[cfg(test)]
mod tests;
