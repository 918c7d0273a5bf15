//! Keys for SRTP in the session description (SDES, RFC 4568): `a=crypto` lines read, written, chosen.
//!
//! ```text
//! a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4 FEC_KEY=…
//!          tag  suite                       key and salt, base64           lifetime MKI   session parameters
//! ```
//!
//! RTP/SAVP is answered as such or not at all. RTP/AVP with `a=crypto` lines, which phones send that encrypt if they can, is answered
//! with one. The offerer's order of lines decides (§5.1.2). A line with an MKI, with a parameter that changes how packets
//! look, or with a key that would not last the longest call is passed over: there may be another.

use super::negotiate::{SAVP, SdpError};
use super::session::Media;
use crate::base::{FRAME_MS, MasterKey, Secret, SrtpKeys, Suite};
use crate::limits::CALL_MAX;
use data_encoding::{BASE64, BASE64_NOPAD};
use std::fmt;

/// Our keys for one stream, and when they are used.
#[derive(Debug, Clone, Copy)]
pub struct Crypto {
    /// A stream in the clear is refused.
    pub required: bool,
    /// What the stream is encrypted with already: it is not offered in the clear again.
    pub current: Option<Suite>,
    /// Where our keys come from.
    pub secret: Secret,
    /// Which of them: another number gives other keys.
    pub nth: u64,
}

/// One `a=crypto` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    tag: u32,
    key: MasterKey,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = BASE64.encode(self.key.octets());
        write!(f, "a=crypto:{} {} inline:{key}\r\n", self.tag, self.key.suite().name())
    }
}

impl Line {
    /// `None` if it cannot be used.
    fn parse(value: &str) -> Option<Line> {
        let mut words = value.split_ascii_whitespace();
        let (tag, suite, key) = (words.next()?.parse().ok()?, words.next()?, words.next()?);
        let suite = Suite::ALL.into_iter().find(|s| s.name().eq_ignore_ascii_case(suite))?;
        // §6.3.7: parameters beginning with '-' may be ignored; WSH is only a hint (§6.3.6).
        let plain = |word: &str| word.starts_with('-') || word.starts_with("WSH=");
        let mut parts = key.strip_prefix("inline:")?.split('|');
        let octets = BASE64_NOPAD.decode(parts.next()?.trim_end_matches('=').as_bytes()).ok()?;
        let lasts = parts.all(|part| lifetime(part).is_some_and(|packets| packets >= PACKETS_MAX));
        let key = MasterKey::new(suite, &octets)?;
        (lasts && words.all(plain)).then_some(Line { tag, key })
    }

    fn all(media: &Media) -> impl Iterator<Item = Line> {
        media.crypto.iter().filter_map(|value| Line::parse(value))
    }
}

/// Packets of the longest call.
const PACKETS_MAX: u64 = CALL_MAX.as_millis() as u64 / FRAME_MS as u64;

/// How many packets a key is for; `None` for an MKI, which has a colon.
fn lifetime(part: &str) -> Option<u64> {
    match part.strip_prefix("2^") {
        Some(power) => 1u64.checked_shl(power.parse().ok()?),
        None => part.parse().ok(),
    }
}

impl Crypto {
    fn key(&self, suite: Suite) -> MasterKey {
        self.secret.key(suite, self.nth)
    }

    /// Our offers are of RTP/SAVP.
    pub(super) fn is_offered(&self) -> bool {
        self.required || self.current.is_some()
    }

    /// A line for each suite, numbered from 1.
    pub(super) fn offer(&self) -> String {
        (1..).zip(Suite::ALL).map(|(tag, suite)| Line { tag, key: self.key(suite) }.to_string()).collect()
    }

    /// How an offered stream is protected.
    pub(super) fn take(ours: Option<&Crypto>, media: &Media) -> Result<Option<(SrtpKeys, Line)>, SdpError> {
        let encrypted = media.protocol == SAVP;
        let Some(ours) = ours else {
            return if encrypted { Err(SdpError::Encrypted) } else { Ok(None) };
        };
        match (Line::all(media).next(), encrypted) {
            (Some(Line { tag, key }), _) => {
                let send = ours.key(key.suite());
                Ok(Some((SrtpKeys { send, receive: key }, Line { tag, key: send })))
            }
            (None, true) => Err(SdpError::NoKey),
            (None, false) if ours.required => Err(SdpError::Clear),
            (None, false) => Ok(None),
        }
    }

    /// How a stream that we offered is protected by its answer: as offered, with the key of the line that was taken.
    pub(super) fn taken(ours: Option<&Crypto>, media: &Media) -> Result<Option<(SrtpKeys, Line)>, SdpError> {
        let encrypted = media.protocol == SAVP;
        let Some(ours) = ours.filter(|c| c.is_offered()) else {
            return if encrypted { Err(SdpError::Encrypted) } else { Ok(None) };
        };
        // A re-INVITE that only says that we live repeats our last description: an answer to the peer, under its tag.
        let offered = |line: &Line| {
            let suite = line.key.suite();
            ours.current == Some(suite) || (1..).zip(Suite::ALL).any(|o| o == (line.tag, suite))
        };
        let why = if encrypted { SdpError::NoKey } else { SdpError::Clear };
        let line = Line::all(media).find(offered).ok_or(why)?;
        let keys = SrtpKeys { send: ours.key(line.key.suite()), receive: line.key };
        Ok(Some((keys, line)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Local, accept, answer, offer};
    use super::*;
    use crate::base::{Codec, Direction};

    const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

    fn local(secret: u8, required: bool) -> Local<'static> {
        let secret = Secret::new([secret; 32]);
        Local {
            addr: ([192, 0, 2, 1], 4000).into(),
            session_id: 1,
            version: 1,
            codecs: &[Codec::Pcmu],
            direction: Direction::SendRecv,
            srtp: Some(Crypto { required, current: None, secret, nth: 0 }),
        }
    }

    fn media(protocol: &str, lines: &[&str]) -> String {
        let lines: String = lines.iter().map(|l| format!("a=crypto:{l}\n")).collect();
        format!("v=0\nc=IN IP4 10.0.0.1\nm=audio 6000 {protocol} 0\n{lines}")
    }

    fn answered(offer: &str, required: bool) -> Result<(String, Option<SrtpKeys>), SdpError> {
        let (text, agreed) = answer(offer.as_bytes(), &local(1, required))?;
        Ok((String::from_utf8(text.to_vec()).unwrap(), agreed.srtp))
    }

    #[test]
    fn two_like_us_end_up_with_each_others_keys() {
        let (a, b) = (local(1, true), local(2, false));
        let (text, theirs) = answer(&offer(&a), &b).unwrap();
        let (ours, theirs) = (accept(&text, &a).unwrap().srtp.unwrap(), theirs.srtp.unwrap());
        assert_eq!((ours.send, ours.receive), (theirs.receive, theirs.send));
        assert_ne!(ours.send, ours.receive);
        assert_eq!(ours.send.suite(), Suite::Gcm256);
    }

    #[test]
    fn the_offerers_first_line_that_we_know_is_taken_under_its_tag() {
        let lines = [
            format!("1 F8_128_HMAC_SHA1_80 inline:{KEY}"),
            format!("7 AES_CM_128_HMAC_SHA1_32 inline:{KEY}|2^20"),
            format!("8 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
        ];
        let offer = media("RTP/SAVP", &lines.each_ref().map(String::as_str));
        let (text, keys) = answered(&offer, false).unwrap();
        assert!(text.contains("m=audio 4000 RTP/SAVP 0\r\n"), "{text}");
        assert!(text.contains("a=crypto:7 AES_CM_128_HMAC_SHA1_32 inline:"), "{text}");
        assert_eq!(text.matches("a=crypto").count(), 1);
        assert_eq!(keys.unwrap().receive.octets(), BASE64.decode(KEY.as_bytes()).unwrap());
    }

    #[test]
    fn lines_that_would_be_understood_otherwise_are_passed_over() {
        for line in [
            "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^20|1:4",
            "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|1:4",
            "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^10",
            "1 AES_CM_128_HMAC_SHA1_80 inline:KEY UNENCRYPTED_SRTCP",
            "1 AES_CM_128_HMAC_SHA1_80 inline:KEY KDR=1",
            "1 AES_CM_128_HMAC_SHA1_80 inline:KEYKEY",
            "1 AEAD_AES_128_GCM inline:KEY",
            "x AES_CM_128_HMAC_SHA1_80 inline:KEY",
            "1 AES_CM_128_HMAC_SHA1_80",
        ] {
            let offer = media("RTP/SAVP", &[&line.replace("KEY", KEY)]);
            assert_eq!(answered(&offer, false), Err(SdpError::NoKey), "{line}");
        }
        for line in ["inline:KEY|2^31 WSH=64", "inline:KEY|1048576 -X=1"] {
            let line = format!("1 AES_CM_128_HMAC_SHA1_80 {}", line.replace("KEY", KEY));
            assert!(answered(&media("RTP/SAVP", &[&line]), false).is_ok(), "{line}");
        }
    }

    #[test]
    fn what_is_offered_encrypted_is_never_answered_in_the_clear_nor_taken_where_it_is_off() {
        assert_eq!(answered(&media("RTP/SAVP", &[]), false), Err(SdpError::NoKey));
        let line = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}");
        let off = Local { srtp: None, ..local(1, false) };
        let offer = media("RTP/SAVP", &[&line]);
        assert_eq!(answer(offer.as_bytes(), &off).unwrap_err(), SdpError::Encrypted);
        let (text, agreed) = answer(media("RTP/AVP", &[&line]).as_bytes(), &off).unwrap();
        assert!(agreed.srtp.is_none() && !String::from_utf8_lossy(&text).contains("crypto"));
    }

    #[test]
    fn what_is_offered_in_the_clear_is_taken_unless_encryption_is_required() {
        assert_eq!(answered(&media("RTP/AVP", &[]), true), Err(SdpError::Clear));
        assert_eq!(answered(&media("RTP/AVP", &[]), false).unwrap().1, None);
        let line = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}");
        for required in [false, true] {
            let (text, keys) = answered(&media("RTP/AVP", &[&line]), required).unwrap();
            assert!(text.contains("RTP/AVP 0\r\n") && text.contains("a=crypto:1 "), "{text}");
            assert!(keys.is_some());
        }
    }

    #[test]
    fn an_answer_is_held_to_what_was_offered() {
        let secret = local(1, true);
        let said = |text: &str| accept(text.as_bytes(), &secret).map(|a| a.srtp.is_some());
        assert_eq!(said(&media("RTP/AVP", &[])), Err(SdpError::Clear));
        let line = |tag| format!("{tag} AES_CM_128_HMAC_SHA1_80 inline:{KEY}");
        assert_eq!(said(&media("RTP/SAVP", &[&line(1)])), Err(SdpError::NoKey), "that was another suite");
        assert_eq!(said(&media("RTP/SAVP", &[&line(3)])), Ok(true));
        let current = Some(Suite::AesCm80);
        let again = Local { srtp: secret.srtp.map(|c| Crypto { current, ..c }), ..secret };
        let refreshed = accept(media("RTP/AVP", &[&line(9)]).as_bytes(), &again).unwrap();
        assert!(refreshed.srtp.is_some(), "as it was agreed on in the peer's own words");
        let clear = local(1, false);
        let said = |text: &str| accept(text.as_bytes(), &clear).map(|a| a.srtp.is_some());
        assert_eq!(said(&media("RTP/SAVP", &[&line(3)])), Err(SdpError::Encrypted));
        assert_eq!(said(&media("RTP/AVP", &[&line(3)])), Ok(false), "not offered, so not agreed on");
    }
}
