//! Offer and answer (RFC 3264): what we offer, how we answer, and what was agreed.
//!
//! One audio stream with telephone-event is used: the first in the offer that can be; all others are answered with port 0
//! (§6). The offerer's order of codecs decides among ours (§6.1), and its payload types are used; static ones need no rtpmap. Hold is understood both ways: `a=sendonly` or `a=inactive`
//! (§8.4), and the older address 0.0.0.0. Whether it is encrypted, see `crypto.rs`.

use super::crypto::{Crypto, Line};
use super::session::{Media, Session};
use crate::base::{Codec, Direction, FRAME_MS, SrtpKeys};
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

/// What was agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Negotiated {
    /// Where the peer wants its audio.
    pub remote: SocketAddr,
    /// Where it wants RTCP; `None` for the same port (RFC 5761).
    pub rtcp: Option<SocketAddr>,
    /// The codec both ways.
    pub codec: Codec,
    /// Its payload type: the offerer's.
    pub payload_type: u8,
    /// Payload type of telephone-event, if agreed on.
    pub dtmf: Option<u8>,
    /// Which way audio flows, from our side.
    pub direction: Direction,
    /// The keys that it is encrypted with, if it is.
    pub srtp: Option<SrtpKeys>,
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
    stream(&mut out, local, &ours, Some(DTMF_PAYLOAD_TYPE), local.direction, true, (how, crypto.as_deref()));
    Bytes::from(out)
}

/// Our answer to `offer`, and what it agrees to.
///
/// # Errors
/// No stream of the offer can be used; the reason is that of the first audio stream.
pub fn answer(offer: &[u8], local: &Local<'_>) -> Result<(Bytes, Negotiated), SdpError> {
    let session = Session::parse(offer).ok_or(SdpError::NotSdp)?;
    let (index, agreed, line) = choose(&session, local, Crypto::take)?;
    let mut out = head(local);
    for (i, media) in session.media.iter().enumerate() {
        if i == index {
            let one = [(agreed.codec, agreed.payload_type)];
            let mux = agreed.rtcp.is_none();
            let crypto = line.as_ref().map(Line::to_string);
            let how = (media.protocol.as_str(), crypto.as_deref());
            stream(&mut out, local, &one, agreed.dtmf, agreed.direction, mux, how);
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
pub fn accept(answer: &[u8], local: &Local<'_>) -> Result<Negotiated, SdpError> {
    let session = Session::parse(answer).ok_or(SdpError::NotSdp)?;
    Ok(choose(&session, local, Crypto::taken)?.1)
}

/// How a stream is protected: the keys, and the line that answers; `None` for RTP in the clear.
type Protect = fn(Option<&Crypto>, &Media) -> Result<Option<(SrtpKeys, Line)>, SdpError>;

/// The first stream that can be used, by index, and what it comes to.
fn choose(
    session: &Session,
    local: &Local<'_>,
    protect: Protect,
) -> Result<(usize, Negotiated, Option<Line>), SdpError> {
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
) -> Result<(Negotiated, Option<Line>), SdpError> {
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
    let agreed = Negotiated {
        remote: SocketAddr::new(ip, media.port),
        rtcp: (!media.rtcp_mux).then(|| rtcp(media, ip)),
        codec,
        payload_type,
        dtmf: media.rtpmap.iter().find(event).map(|m| m.0),
        direction,
        srtp,
    };
    Ok((agreed, line))
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
    dtmf: Option<u8>,
    direction: Direction,
    rtcp_mux: bool,
    (protocol, crypto): (&str, Option<&str>),
) {
    let _ = write!(out, "m=audio {} {protocol}", local.addr.port());
    for payload in codecs.iter().map(|(_, payload)| *payload).chain(dtmf) {
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
mod tests {
    use super::*;

    const OURS: &[Codec] = &[Codec::Pcma, Codec::Pcmu];

    fn local(direction: Direction) -> Local<'static> {
        let addr = SocketAddr::from(([192, 0, 2, 1], 4000));
        Local { addr, session_id: 1, version: 1, codecs: OURS, direction, srtp: None }
    }

    fn answered(offer: &str) -> Result<(String, Negotiated), SdpError> {
        let (text, agreed) = answer(offer.as_bytes(), &local(Direction::SendRecv))?;
        Ok((String::from_utf8(text.to_vec()).unwrap(), agreed))
    }

    #[test]
    fn what_we_offer_is_agreed_on_by_a_peer_like_us() {
        for direction in [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive]
        {
            let (text, theirs) = answer(&offer(&local(direction)), &local(Direction::SendRecv)).unwrap();
            let ours = accept(&text, &local(direction)).unwrap();
            assert_eq!(ours.direction, direction);
            assert_eq!(
                (theirs.direction.sends(), theirs.direction.receives()),
                (direction.receives(), direction.sends())
            );
            assert_eq!((ours.codec, ours.dtmf), (Codec::Pcma, Some(101)));
        }
    }

    #[test]
    fn the_offerers_order_decides_and_its_payload_type_for_events_is_kept() {
        let (text, agreed) = answered(
            "v=0\nc=IN IP4 10.0.0.1\nm=audio 6000 RTP/AVP 18 0 8 97\na=rtpmap:97 telephone-event/8000\n",
        )
        .unwrap();
        assert_eq!((agreed.codec, agreed.dtmf), (Codec::Pcmu, Some(97)));
        assert!(text.contains("m=audio 4000 RTP/AVP 0 97\r\n"), "{text}");
    }

    #[test]
    fn codecs_are_known_by_name_under_the_offerers_payload_types() {
        let ours = Local { codecs: &Codec::ALL, ..local(Direction::SendRecv) };
        let chosen = |offer: &str| {
            let offer = format!("v=0\nc=IN IP4 10.0.0.1\nm=audio 6000 RTP/AVP {offer}");
            let (text, agreed) = answer(offer.as_bytes(), &ours).unwrap();
            (agreed.codec, agreed.payload_type, String::from_utf8(text.to_vec()).unwrap())
        };
        let (codec, payload, text) = chosen("96 9 0\na=rtpmap:96 opus/48000/2\n");
        assert_eq!((codec, payload), (Codec::Opus, 96));
        assert!(text.contains("RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 "), "{text}");
        assert_eq!((chosen("9 0").0, chosen("9 0\na=rtpmap:9 G722/8000\n").1), (Codec::G722, 9));
        assert_eq!(chosen("97 8\na=rtpmap:97 PCMU/8000\n").1, 97);
        assert_eq!(chosen("111 96 0").0, Codec::Pcmu, "a dynamic number says nothing by itself");
        assert_eq!(chosen("96 0\na=rtpmap:96 PCMA/16000\n").0, Codec::Pcmu, "another clock is another codec");
        let again = accept(&offer(&ours), &ours).unwrap();
        assert_eq!(again.codec, Codec::Pcmu);
    }

    #[test]
    fn streams_we_do_not_use_are_refused_in_place() {
        let (text, agreed) = answered(
            "v=0\r\nc=IN IP4 10.0.0.1\r\nm=video 5000 RTP/AVP 31\r\nm=audio 5002 RTP/SAVP 0\r\n\
             m=audio 6000 RTP/AVP 8\r\nm=audio 6002 RTP/AVP 8\r\n",
        )
        .unwrap();
        assert_eq!(agreed.remote.port(), 6000);
        let lines: Vec<_> = text.lines().filter(|l| l.starts_with("m=")).collect();
        assert_eq!(
            lines,
            ["m=video 0 RTP/AVP 31", "m=audio 0 RTP/SAVP 0", "m=audio 4000 RTP/AVP 8", "m=audio 0 RTP/AVP 8"]
        );
    }

    #[test]
    fn hold_is_understood_both_ways() {
        let held = |c: &str, a: &str| {
            answered(&format!("v=0\r\nc=IN IP4 {c}\r\nm=audio 6000 RTP/AVP 8\r\n{a}")).unwrap().1.direction
        };
        assert_eq!(held("10.0.0.1", "a=sendonly\r\n"), Direction::RecvOnly);
        assert_eq!(held("10.0.0.1", "a=inactive\r\n"), Direction::Inactive);
        assert_eq!(held("0.0.0.0", ""), Direction::RecvOnly);
        assert_eq!(held("0.0.0.0", "a=recvonly\r\n"), Direction::Inactive);
        assert_eq!(held("10.0.0.1", ""), Direction::SendRecv);
    }

    #[test]
    fn a_fault_says_what_is_wrong() {
        for (text, why) in [
            ("", SdpError::NotSdp),
            ("v=0\r\n", SdpError::NoAudio),
            ("v=0\r\nm=audio 0 RTP/AVP 8\r\n", SdpError::Refused),
            ("v=0\r\nc=IN IP4 host.example\r\nm=audio 1 RTP/AVP 8\r\n", SdpError::NoAddress),
            ("v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 1 RTP/AVP 18\r\n", SdpError::NoCodec),
            (
                "v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 1 RTP/AVP 8\r\na=rtpmap:8 G722/8000\r\n",
                SdpError::NoCodec,
            ),
        ] {
            assert_eq!(answered(text).unwrap_err(), why, "{text}");
        }
    }

    #[test]
    fn rtcp_shares_the_port_if_both_say_so_and_goes_to_the_next_or_the_one_named_if_not() {
        let (text, agreed) =
            answered("v=0\nc=IN IP4 10.0.0.1\nm=audio 6000 RTP/AVP 0\na=rtcp-mux\n").unwrap();
        assert!(text.contains("a=rtcp-mux\r\n") && agreed.rtcp.is_none());
        let rtcp = |more: &str| {
            let (text, agreed) =
                answered(&format!("v=0\nc=IN IP4 10.0.0.1\nm=audio 6000 RTP/AVP 0\n{more}")).unwrap();
            assert!(!text.contains("rtcp-mux"), "not offered, so not answered (RFC 5761 §5.1.1)");
            agreed.rtcp.unwrap().to_string()
        };
        assert_eq!(rtcp(""), "10.0.0.1:6001");
        assert_eq!(rtcp("a=rtcp:7007\n"), "10.0.0.1:7007");
        assert_eq!(rtcp("a=rtcp:7007 IN IP4 10.0.0.2\n"), "10.0.0.2:7007");
        assert_eq!(rtcp("a=rtcp:x\n"), "10.0.0.1:6001");
    }

    #[test]
    fn ipv6_goes_both_ways() {
        let addr: SocketAddr = "[2001:db8::1]:4000".parse().unwrap();
        let text = offer(&Local { addr, ..local(Direction::SendRecv) });
        assert_eq!(accept(&text, &local(Direction::SendRecv)).unwrap().remote, addr);
    }
}
