//! Reads a session description (RFC 8866), with tolerance for what is really sent.
//!
//! In: octets. Out: [`Session`] with its media lines, keeping only what offer and answer need. Lines end in CRLF or LF;
//! lines that are unknown or broken are left out, since one bad attribute must not cost a call. Only a broken `m=` line is
//! kept as a stream that cannot be used: the answer must have as many of them as the offer (RFC 3264 §6).

use crate::base::Direction;
use std::net::IpAddr;

/// A session description.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Session {
    /// The session-level `c=` address, if it is an IP literal.
    pub connection: Option<IpAddr>,
    /// The session-level direction, from the sender's side.
    pub direction: Option<Direction>,
    /// The media lines, in order.
    pub media: Vec<Media>,
}

/// One `m=` line and what follows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Media {
    /// `audio`, `video`, …
    pub kind: String,
    /// 0 means refused (RFC 3264 §6).
    pub port: u16,
    /// `RTP/AVP`, …
    pub protocol: String,
    /// The formats as written, in the sender's order of preference.
    pub formats: Vec<String>,
    /// The media-level `c=` address, if it is an IP literal.
    pub connection: Option<IpAddr>,
    /// The direction, from the sender's side.
    pub direction: Option<Direction>,
    /// `a=rtpmap`: payload type, encoding name, clock rate in Hz.
    pub rtpmap: Vec<(u8, String, u32)>,
    /// `a=rtcp-mux`: RTCP may come on the port of RTP (RFC 5761).
    pub rtcp_mux: bool,
    /// `a=rtcp`: the port of RTCP if not the next, and its address if not that of the stream (RFC 3605).
    pub rtcp: Option<(u16, Option<IpAddr>)>,
    /// `a=crypto` as written (RFC 4568).
    pub crypto: Vec<String>,
    /// `a=ptime`, in milliseconds.
    pub ptime_ms: Option<u32>,
}

impl Session {
    /// Reads `text`; `None` if it is no SDP at all (RFC 8866 §5.1: it begins with `v=0`).
    pub fn parse(text: &[u8]) -> Option<Session> {
        let text = String::from_utf8_lossy(text);
        let mut lines = text.split(['\r', '\n']).map(str::trim).filter(|l| !l.is_empty());
        if lines.next()? != "v=0" {
            return None;
        }
        let mut session = Session::default();
        for line in lines {
            let Some((kind, value)) = line.split_once('=') else { continue };
            let (connection, direction) = match session.media.last_mut() {
                Some(media) => (&mut media.connection, &mut media.direction),
                None => (&mut session.connection, &mut session.direction),
            };
            match kind {
                "m" => session.media.push(Media::parse(value)),
                "c" => *connection = address(value).or(*connection),
                "a" => match direction_of(value) {
                    Some(found) => *direction = Some(found),
                    None => session.media.last_mut().into_iter().for_each(|m| m.attribute(value)),
                },
                _ => {}
            }
        }
        Some(session)
    }
}

impl Media {
    fn parse(value: &str) -> Media {
        let mut words = value.split_ascii_whitespace().map(str::to_owned);
        let kind = words.next().unwrap_or_default();
        // `49170/2` is a range of ports (RFC 8866 §5.14); the first is meant for us.
        let port = words.next().and_then(|p| p.split('/').next()?.parse().ok()).unwrap_or(0);
        Media {
            kind,
            port,
            protocol: words.next().unwrap_or_default(),
            formats: words.collect(),
            ..Media::default()
        }
    }

    fn attribute(&mut self, value: &str) {
        if value == "rtcp-mux" {
            self.rtcp_mux = true;
        }
        let Some((name, value)) = value.split_once(':') else { return };
        match name {
            "rtpmap" => {
                let Some((payload, encoding)) = value.trim().split_once(' ') else { return };
                let mut parts = encoding.trim().split('/');
                let name = parts.next().unwrap_or_default().to_owned();
                if let (Ok(payload), Some(Ok(clock))) =
                    (payload.parse(), parts.next().map(|c| c.trim().parse()))
                {
                    self.rtpmap.push((payload, name, clock));
                }
            }
            "rtcp" => {
                let (port, at) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
                self.rtcp = port.parse().ok().filter(|p| *p > 0).map(|port| (port, address(at)));
            }
            "crypto" => self.crypto.push(value.trim().to_owned()),
            "ptime" => self.ptime_ms = value.trim().parse().ok(),
            _ => {}
        }
    }
}

fn address(value: &str) -> Option<IpAddr> {
    // `IN IP4 224.2.1.1/127`: a TTL may follow (RFC 8866 §5.7).
    value.split_ascii_whitespace().nth(2)?.split('/').next()?.parse().ok()
}

fn direction_of(attribute: &str) -> Option<Direction> {
    match attribute {
        "sendrecv" => Some(Direction::SendRecv),
        "sendonly" => Some(Direction::SendOnly),
        "recvonly" => Some(Direction::RecvOnly),
        "inactive" => Some(Direction::Inactive),
        _ => None,
    }
}

/// Fuzz body: whatever comes in, reading and answering it must not panic, and an answer must be readable, with as many
/// media lines as the offer.
pub fn fuzz(data: &[u8]) {
    let local = super::Local {
        addr: std::net::SocketAddr::from(([192, 0, 2, 1], 4000)),
        session_id: 1,
        version: 1,
        codecs: &[crate::base::Codec::Pcma, crate::base::Codec::Pcmu],
        direction: Direction::SendRecv,
        srtp: Some(super::Crypto {
            required: false,
            current: Some(crate::base::Suite::Gcm256),
            secret: crate::base::Secret::new([0; 32]),
            nth: 0,
        }),
    };
    let _ = super::accept(data, &local);
    if let Ok((answer, _)) = super::answer(data, &local) {
        let lines = |text: &[u8]| Session::parse(text).map(|s| s.media.len());
        assert_eq!(lines(&answer), lines(data));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_read_with_either_line_end_and_unknown_lines_left_out() {
        let text = "v=0\r\no=- 1 1 IN IP4 h\r\nx=?\r\nnonsense\r\nc=IN IP6 ::1\r\nt=0 0\r\na=inactive\r\n\
            m=audio 49170/2 RTP/AVP 8 0 101\r\nc=IN IP4 10.0.0.1/127\r\na=rtpmap:101 telephone-event/8000\r\n\
            a=rtpmap:x\r\na=ptime:30\r\na=sendonly\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n";
        let s = Session::parse(text.as_bytes()).unwrap();
        assert_eq!(Session::parse(text.replace("\r\n", "\n").as_bytes()).unwrap(), s);
        assert_eq!(
            (s.connection, s.direction, s.media.len()),
            ("::1".parse().ok(), Some(Direction::Inactive), 2)
        );
        let audio = &s.media[0];
        assert_eq!(
            (audio.port, audio.ptime_ms, audio.direction),
            (49170, Some(30), Some(Direction::SendOnly))
        );
        assert_eq!(audio.connection, "10.0.0.1".parse().ok());
        assert_eq!(audio.rtpmap, [(101, "telephone-event".to_owned(), 8000)]);
    }

    #[test]
    fn what_does_not_begin_with_a_version_is_no_sdp() {
        assert_eq!(Session::parse(b""), None);
        assert_eq!(Session::parse(b"<xml/>"), None);
    }

    #[test]
    fn mutated_sessions_never_panic() {
        let good = b"v=0\r\no=- 1 1 IN IP4 h\r\nc=IN IP4 10.0.0.1\r\nm=audio 1 RTP/AVP 8 0 101\r\n\
            a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n\
            a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^31\r\nm=video 0 RTP/AVP 31\r\n";
        let mut rng = fastrand::Rng::with_seed(3);
        for _ in 0..3000 {
            let mut data = good.to_vec();
            for _ in 0..rng.usize(1..10) {
                let at = rng.usize(..data.len());
                data[at] = *rng.choice(b"\r\n=:/ 0m\xff").unwrap();
            }
            fuzz(&data);
        }
    }
}
