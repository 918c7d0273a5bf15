//! One SIP message as a view over the octets it came in (RFC 3261 §7).
//!
//! In: one datagram, or one message cut out of a stream by [`super::Framer`]. Out: [`Message`], an index of offsets into
//! those octets; values are read when they are asked for, so header fields nobody looks at cost nothing and octets that
//! are not UTF-8 stay as they came.
//!
//! What is wrong with a *request* is kept beside it as a [`Fault`], because it deserves an answer; what is wrong with a
//! response, or with something that is no SIP at all, is [`Malformed`] and dropped.
//!
//! ```text
//! INVITE sip:95@10.0.0.1 SIP/2.0\r\n      start line
//! v: SIP/2.0/UDP h;branch=z9hG4bK1\r\n    field { name: Via, value: 3.. }
//! Subject: a\r\n  folded\r\n              field { name: Other, folded }
//! \r\n v=0…                               body
//! ```

use super::lines::{Field, Lines, field, start_line};
use super::name::{Method, Name};
use super::reply::Fault;
use super::syntax::{NameAddr, Via, Wrong, split};
use crate::limits::{SIP_HEADERS_MAX, SIP_MESSAGE_OCTETS_MAX};
use bytes::Bytes;
use std::borrow::Cow;
use std::net::SocketAddr;
use std::ops::Range;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// Method and Request-URI.
    Request { method: Method, uri: String },
    /// Status (100–699) and reason phrase.
    Response { status: u16, reason: String },
}

/// Why octets are dropped without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Malformed {
    /// Nothing but line ends or zeros: a keep-alive (RFC 5626 §3.5.1).
    KeepAlive,
    /// No SIP start line.
    NotSip,
    /// A response that breaks the grammar.
    BadResponse,
}

/// A request or response.
#[derive(Debug, Clone)]
pub struct Message {
    raw: Bytes,
    start: Start,
    fields: Vec<Field>,
    body: Range<usize>,
    fault: Option<Fault>,
    /// The topmost Via field as it is after [`Message::received_from`], with where it begins.
    stamp: Option<(usize, String)>,
}

/// The fields that every message must have (RFC 3261 §8.1.1), parsed.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// The topmost Via.
    pub via: Via,
    pub from: NameAddr,
    pub to: NameAddr,
    pub call_id: String,
    pub cseq: u32,
    /// The method that CSeq names.
    pub method: Method,
}

impl Message {
    /// Reads one message. Octets after the body that Content-Length gives are left out (RFC 3261 §18.3).
    ///
    /// # Errors
    /// [`Malformed`] for what cannot be answered.
    pub fn parse(raw: Bytes) -> Result<Message, Malformed> {
        let Some(begin) = raw.iter().position(|c| !matches!(c, b'\r' | b'\n' | 0)) else {
            return Err(Malformed::KeepAlive);
        };
        let mut lines = Lines { raw: &raw, at: begin };
        let first = lines.next().unwrap_or_default();
        let line = String::from_utf8_lossy(raw.get(first).unwrap_or_default());
        let (start, mut fault) = start_line(&line)?;
        let mut fields: Vec<Field> = Vec::with_capacity(16);
        let mut ended = false;
        for line in lines.by_ref() {
            let text = raw.get(line.clone()).unwrap_or_default();
            if text.is_empty() {
                ended = true;
                break;
            }
            if matches!(text.first(), Some(b' ' | b'\t')) {
                match fields.last_mut() {
                    Some(field) => (field.value.end, field.folded) = (line.end, true),
                    None => fault = fault.or(Some(Fault::BadRequest("Folded Start Line"))),
                }
                continue;
            }
            if fields.len() == SIP_HEADERS_MAX {
                fault = fault.or(Some(Fault::BadRequest("Too Many Header Fields")));
                continue;
            }
            match field(&raw, line) {
                Some(field) => fields.push(field),
                None => fault = fault.or(Some(Fault::BadRequest("Bad Header Line"))),
            }
        }
        if !ended {
            fault = fault.or(Some(Fault::BadRequest("Header Section Not Ended")));
        }
        if raw.len() > SIP_MESSAGE_OCTETS_MAX {
            fault = Some(Fault::TooLarge);
        }
        let body = lines.at..raw.len();
        let mut message = Message { raw, start, fields, body, fault, stamp: None };
        match message.content_length() {
            Ok(Some(length)) if length <= message.body.len() => {
                message.body.end = message.body.start + length;
            }
            Ok(Some(_)) => {
                message.fault = message.fault.or(Some(Fault::BadRequest("Content-Length Too Large")));
            }
            Ok(None) => {}
            Err(why) => message.fault = message.fault.or(Some(Fault::BadRequest(why))),
        }
        if message.fault.is_some() && matches!(message.start, Start::Response { .. }) {
            return Err(Malformed::BadResponse);
        }
        Ok(message)
    }

    /// The first line.
    pub fn start(&self) -> &Start {
        &self.start
    }

    /// Method and Request-URI of a request.
    pub fn request(&self) -> Option<(&Method, &str)> {
        match &self.start {
            Start::Request { method, uri } => Some((method, uri)),
            Start::Response { .. } => None,
        }
    }

    /// What breaks the grammar so that the request cannot be served.
    pub(super) fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// The body; shares memory with the message.
    pub fn body(&self) -> Bytes {
        self.raw.slice(self.body.clone())
    }

    /// The value of the first field called `name`, unfolded; octets that are not UTF-8 are replaced.
    pub fn get(&self, name: Name) -> Option<Cow<'_, str>> {
        self.all(name).next()
    }

    /// The values of all fields called `name`, in order.
    pub fn all(&self, name: Name) -> impl Iterator<Item = Cow<'_, str>> {
        self.fields.iter().filter(move |f| f.name == name).map(|f| self.value(f))
    }

    /// The elements of the comma-separated list that all fields called `name` make together (RFC 3261 §7.3.1).
    ///
    /// # Errors
    /// Unbalanced quotes.
    pub fn list(&self, name: Name) -> Result<Vec<String>, Wrong> {
        let mut out = Vec::new();
        for value in self.all(name) {
            out.extend(split(&value, b',', true)?.into_iter().filter(|v| !v.is_empty()).map(str::to_owned));
        }
        Ok(out)
    }

    /// Every field as (name, written name, value), in order.
    pub fn fields(&self) -> impl Iterator<Item = (Name, Cow<'_, str>, Cow<'_, str>)> {
        self.fields.iter().map(|f| {
            let label = String::from_utf8_lossy(self.raw.get(f.label.clone()).unwrap_or_default());
            (f.name, label, self.value(f))
        })
    }

    /// A field that is one number, such as Expires; `None` if it is missing or no number. Too large is the largest.
    pub fn number(&self, name: Name) -> Option<u32> {
        let value = self.get(name)?;
        let digits = value.split([';', ' ', '(']).next().unwrap_or_default();
        let number = !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit());
        number.then(|| digits.parse().unwrap_or(u32::MAX))
    }

    /// Media type of the body, lower case, without parameters; `None` if there is no Content-Type.
    pub fn content_type(&self) -> Option<String> {
        let value = self.get(Name::ContentType)?;
        Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }

    /// The topmost Via.
    ///
    /// # Errors
    /// Missing or broken.
    pub fn via(&self) -> Result<Via, Wrong> {
        let field = self.get(Name::Via).ok_or("Missing Via")?;
        Via::parse(split(&field, b',', false)?.first().copied().unwrap_or_default())
    }

    /// Notes in the topmost Via where the request really came from (RFC 3261 §18.2.1, RFC 3581 §4), so that replies
    /// carry it. Answers where replies go: back to the source if the client asks for that, else to the port it named.
    ///
    /// # Errors
    /// No usable Via: nobody to reply to.
    pub fn received_from(&mut self, source: SocketAddr) -> Result<SocketAddr, Wrong> {
        let mut via = self.via()?;
        let rport = via.params.get("rport").is_some();
        via.params.0.retain(|(n, _)| !n.eq_ignore_ascii_case("received"));
        for (name, value) in &mut via.params.0 {
            if name.eq_ignore_ascii_case("rport") {
                *value = Some(source.port().to_string());
            }
        }
        if rport || via.ip() != Some(source.ip()) {
            via.params.0.push(("received".to_owned(), Some(source.ip().to_string())));
        }
        let field = self.fields.iter().find(|f| f.name == Name::Via).ok_or("Missing Via")?;
        let value = self.value(field);
        let rest = split(&value, b',', false)?.into_iter().skip(1).map(str::to_owned).collect::<Vec<_>>();
        let stamped = std::iter::once(via.to_string()).chain(rest).collect::<Vec<_>>().join(", ");
        self.stamp = Some((field.label.start, stamped));
        let port = if rport { source.port() } else { via.port.unwrap_or(super::SIP_PORT) };
        Ok(SocketAddr::new(source.ip(), port))
    }

    /// The one Contact of a dialog-forming message.
    ///
    /// # Errors
    /// Missing or broken.
    pub fn contact(&self) -> Result<NameAddr, Wrong> {
        let list = self.list(Name::Contact)?;
        NameAddr::parse(list.first().ok_or("Missing Contact")?)
    }

    /// The fields every message must have.
    ///
    /// # Errors
    /// One is missing, broken, or there twice where the RFC allows it once (RFC 3261 §7.3.1, §8.1.1).
    pub fn envelope(&self) -> Result<Envelope, Wrong> {
        for (name, why) in [
            (Name::From, "Two From Fields"),
            (Name::To, "Two To Fields"),
            (Name::CallId, "Two Call-ID Fields"),
            (Name::CSeq, "Two CSeq Fields"),
            (Name::MaxForwards, "Two Max-Forwards Fields"),
        ] {
            if self.all(name).nth(1).is_some() {
                return Err(why);
            }
        }
        let (via, call_id) = (self.via()?, self.get(Name::CallId).ok_or("Missing Call-ID")?);
        let from = NameAddr::parse(&self.get(Name::From).ok_or("Missing From")?)?;
        let to = NameAddr::parse(&self.get(Name::To).ok_or("Missing To")?)?;
        let cseq = self.get(Name::CSeq).ok_or("Missing CSeq")?;
        let (number, method) = cseq.trim().split_once(char::is_whitespace).ok_or("Bad CSeq")?;
        // RFC 3261 §8.1.1.5: less than 2^31.
        let number = number.parse().ok().filter(|n: &u32| *n < 1 << 31).ok_or("Bad CSeq")?;
        let method = Method::of(method.trim());
        if matches!(&self.start, Start::Request { method: m, .. } if *m != method) {
            return Err("CSeq Method Mismatch");
        }
        if call_id.is_empty() || call_id.contains(char::is_whitespace) {
            return Err("Bad Call-ID");
        }
        Ok(Envelope { via, from, to, call_id: call_id.into_owned(), cseq: number, method })
    }

    fn value(&self, field: &Field) -> Cow<'_, str> {
        if let Some((_, stamped)) = self.stamp.as_ref().filter(|(at, _)| *at == field.label.start) {
            return Cow::Borrowed(stamped);
        }
        let text = String::from_utf8_lossy(self.raw.get(field.value.clone()).unwrap_or_default());
        if !field.folded {
            return text;
        }
        // RFC 3261 §7.3.1: a fold is the same as one space.
        Cow::Owned(
            text.split(['\r', '\n']).map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join(" "),
        )
    }

    fn content_length(&self) -> Result<Option<usize>, Wrong> {
        let mut length = None;
        for value in self.all(Name::ContentLength) {
            if value.is_empty() || !value.bytes().all(|c| c.is_ascii_digit()) {
                return Err("Bad Content-Length");
            }
            let one = value.parse().map_err(|_| "Bad Content-Length")?;
            if length.is_some_and(|l| l != one) {
                return Err("Two Content-Length Fields");
            }
            length = Some(one);
        }
        Ok(length)
    }
}

/// Fuzz body: whatever comes in, reading every part of it must neither panic nor read outside of it.
pub fn fuzz(data: &[u8]) {
    let Ok(message) = Message::parse(Bytes::copy_from_slice(data)) else { return };
    assert!(message.body().len() <= data.len());
    for (name, _, value) in message.fields() {
        let _ = (NameAddr::parse(&value), Via::parse(&value), message.number(name), message.list(name));
    }
    if let Some((_, uri)) = message.request() {
        let _ = super::Uri::parse(uri);
    }
    let _ = (message.envelope(), message.contact(), message.content_type());
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &str = "INVITE sip:95@10.0.0.1 SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bK1\r\nf: <sip:a@b>;tag=1\r\n\
        To: <sip:95@10.0.0.1>\r\ni: c1\r\nCSeq: 7 INVITE\r\nSubject: one\r\n  two\r\nl: 3\r\n\r\nabcdef";

    fn parse(text: &str) -> Message {
        Message::parse(Bytes::copy_from_slice(text.as_bytes())).unwrap()
    }

    #[test]
    fn compact_names_folds_and_content_length_are_understood() {
        let m = parse(INVITE);
        let e = m.envelope().unwrap();
        assert_eq!((e.call_id.as_str(), e.cseq, e.method), ("c1", 7, Method::Invite));
        assert_eq!(m.fields().find(|f| f.1 == "Subject").unwrap().2, "one two");
        assert_eq!(&m.body()[..], b"abc", "octets after Content-Length are not the body");
        assert_eq!(m.fault(), None);
    }

    #[test]
    fn bare_line_feeds_and_leading_blank_lines_are_tolerated() {
        let m = parse(&format!("\r\n\r\n{}", INVITE.replace("\r\n", "\n")));
        assert_eq!(m.envelope().unwrap().call_id, "c1");
    }

    #[test]
    fn a_datagram_shorter_than_its_content_length_is_at_fault() {
        assert_eq!(
            parse(&INVITE.replace("l: 3", "l: 30")).fault(),
            Some(&Fault::BadRequest("Content-Length Too Large"))
        );
    }

    #[test]
    fn an_unknown_version_is_at_fault_and_a_wild_response_is_dropped() {
        assert_eq!(parse(&INVITE.replace("SIP/2.0\r\nv", "SIP/7.0\r\nv")).fault(), Some(&Fault::Version));
        assert_eq!(
            Message::parse(Bytes::from_static(b"SIP/2.0 4294967301 better\r\n\r\n")).unwrap_err(),
            Malformed::BadResponse
        );
        assert_eq!(Message::parse(Bytes::from_static(b"\r\n\r\n")).unwrap_err(), Malformed::KeepAlive);
        assert_eq!(
            Message::parse(Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n")).unwrap_err(),
            Malformed::NotSip
        );
    }

    #[test]
    fn replies_go_to_the_source_when_rport_asks_and_say_where_it_was() {
        let source: SocketAddr = "192.0.2.9:4444".parse().unwrap();
        let mut m = parse(&INVITE.replace("z9hG4bK1", "z9hG4bK1;rport, SIP/2.0/UDP second"));
        assert_eq!(m.received_from(source), Ok(source));
        assert_eq!(
            m.get(Name::Via).as_deref(),
            Some("SIP/2.0/UDP h;branch=z9hG4bK1;rport=4444;received=192.0.2.9, SIP/2.0/UDP second")
        );
        let mut m = parse(&INVITE.replace("UDP h", "UDP 10.0.0.9:5080"));
        assert_eq!(m.received_from(source), Ok("192.0.2.9:5080".parse().unwrap()));
    }

    #[test]
    fn octets_that_are_no_utf8_are_preserved() {
        let mut raw = INVITE.replace("abc", "").into_bytes();
        raw.truncate(raw.len() - 3);
        raw.extend([0xff, 0x00, 0xfe]);
        assert_eq!(&Message::parse(Bytes::from(raw)).unwrap().body()[..], [0xff, 0x00, 0xfe]);
    }

    #[test]
    fn mutated_messages_never_panic() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..3000 {
            let mut raw = INVITE.as_bytes().to_vec();
            for _ in 0..rng.usize(1..12) {
                let at = rng.usize(..raw.len());
                match rng.u8(..4) {
                    0 => raw[at] = rng.u8(..),
                    1 => raw.truncate(at + 1),
                    2 => raw.insert(at, *rng.choice(b"\r\n<>\";:,\\%/ ").unwrap()),
                    _ => drop(raw.remove(at)),
                }
                if raw.is_empty() {
                    break;
                }
            }
            fuzz(&raw);
        }
    }
}
