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

use super::lines::{Field, Lines, content_length, field, start_line, text};
use super::name::{Method, Name};
use super::reply::Fault;
use super::syntax::{NameAddr, Text, Via, Wrong, cut, split};
use crate::limits::{SIP_HEADERS_MAX, SIP_MESSAGE_OCTETS_MAX};
use bytes::Bytes;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// Method and Request-URI.
    Request { method: Method, uri: Text },
    /// Status (100–699) and reason phrase.
    Response { status: u16, reason: Text },
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

/// A request or response. A clone shares its memory.
#[derive(Debug, Clone)]
pub struct Message {
    inner: Arc<Inner>,
    /// The topmost Via field as it is after [`Message::received_from`], with where it begins.
    stamp: Option<(usize, Text)>,
}

#[derive(Debug)]
struct Inner {
    raw: Bytes,
    start: Start,
    fields: Vec<Field>,
    body: Range<usize>,
    fault: Option<Fault>,
}

/// The fields that every message must have (RFC 3261 §8.1.1), parsed.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// The topmost Via.
    pub via: Via,
    pub from: NameAddr,
    pub to: NameAddr,
    pub call_id: Text,
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
        let (start, mut fault) = start_line(&text(&raw, first))?;
        let mut fields: Vec<Field> = Vec::with_capacity(24);
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
        let mut body = lines.at..raw.len();
        match content_length(&raw, &fields) {
            Ok(Some(length)) if length <= body.len() => body.end = body.start + length,
            Ok(Some(_)) => fault = fault.or(Some(Fault::BadRequest("Content-Length Too Large"))),
            Ok(None) => {}
            Err(why) => fault = fault.or(Some(Fault::BadRequest(why))),
        }
        if fault.is_some() && matches!(start, Start::Response { .. }) {
            return Err(Malformed::BadResponse);
        }
        Ok(Message { inner: Arc::new(Inner { raw, start, fields, body, fault }), stamp: None })
    }

    /// The first line.
    pub fn start(&self) -> &Start {
        &self.inner.start
    }

    /// Method and Request-URI of a request.
    pub fn request(&self) -> Option<(&Method, &Text)> {
        match &self.inner.start {
            Start::Request { method, uri } => Some((method, uri)),
            Start::Response { .. } => None,
        }
    }

    /// What breaks the grammar so that the request cannot be served.
    pub(super) fn fault(&self) -> Option<&Fault> {
        self.inner.fault.as_ref()
    }

    /// The body; shares memory with the message.
    pub fn body(&self) -> Bytes {
        self.inner.raw.slice(self.inner.body.clone())
    }

    /// The value of the first field called `name`, unfolded; octets that are not UTF-8 are replaced.
    pub fn get(&self, name: Name) -> Option<Text> {
        self.all(name).next()
    }

    /// The values of all fields called `name`, in order.
    pub fn all(&self, name: Name) -> impl Iterator<Item = Text> {
        self.inner.fields.iter().filter(move |f| f.name == name).map(|f| self.value(f))
    }

    /// The elements of the comma-separated list that all fields called `name` make together (RFC 3261 §7.3.1).
    ///
    /// # Errors
    /// Unbalanced quotes.
    pub fn list(&self, name: Name) -> Result<Vec<Text>, Wrong> {
        let mut out = Vec::new();
        for value in self.all(name) {
            for part in split(&value, b',', true) {
                out.extend(Some(value.slice_ref(part?)).filter(|part| !part.is_empty()));
            }
        }
        Ok(out)
    }

    /// Every field as (name, written name, value), in order.
    pub fn fields(&self) -> impl Iterator<Item = (Name, Text, Text)> {
        self.inner.fields.iter().map(|f| (f.name, text(&self.inner.raw, f.label.clone()), self.value(f)))
    }

    /// The fields that a response takes over (RFC 3261 §8.2.6.2), in order; with the route set of a dialog to be
    /// (§12.1.1), if `routes`.
    pub(super) fn taken_over(&self, routes: bool) -> impl Iterator<Item = (Name, Text)> {
        let wanted = move |name| match name {
            Name::To | Name::Via | Name::From | Name::CallId | Name::CSeq => true,
            Name::RecordRoute => routes,
            _ => false,
        };
        self.inner.fields.iter().filter(move |f| wanted(f.name)).map(|f| (f.name, self.value(f)))
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
        Via::parse(&field.slice_ref(cut(&field, b',', false)?.0))
    }

    /// Notes in the topmost Via where the request really came from (RFC 3261 §18.2.1, RFC 3581 §4), so that replies
    /// carry it. Answers where replies go: back to the source if the client asks for that, else to the port it named.
    ///
    /// # Errors
    /// No usable Via: nobody to reply to.
    pub fn received_from(&mut self, source: SocketAddr) -> Result<SocketAddr, Wrong> {
        let mut via = self.via()?;
        let rport = via.params.get("rport").is_some();
        via.params.remove("received");
        if rport {
            via.params.set("rport", Some(&source.port().to_string()));
        }
        if rport || via.ip() != Some(source.ip()) {
            via.params.set("received", Some(&source.ip().to_string()));
        }
        let field = self.inner.fields.iter().find(|f| f.name == Name::Via).ok_or("Missing Via")?;
        let value = self.value(field);
        let stamped = match cut(&value, b',', false)?.1 {
            Some(rest) => format!("{via}, {}", rest.trim()),
            None => via.to_string(),
        };
        self.stamp = Some((field.label.start, stamped.into()));
        let port = if rport { source.port() } else { via.port.unwrap_or(super::SIP_PORT) };
        Ok(SocketAddr::new(source.ip(), port))
    }

    /// The one Contact of a dialog-forming message.
    ///
    /// # Errors
    /// Missing or broken.
    pub fn contact(&self) -> Result<NameAddr, Wrong> {
        let field = self.get(Name::Contact).ok_or("Missing Contact")?;
        NameAddr::parse(&field.slice_ref(cut(&field, b',', true)?.0))
    }

    /// The fields every message must have.
    ///
    /// # Errors
    /// One is missing, broken, or there twice where the RFC allows it once (RFC 3261 §7.3.1, §8.1.1).
    pub fn envelope(&self) -> Result<Envelope, Wrong> {
        let mut found = [None; 5];
        for field in &self.inner.fields {
            let (place, why) = match field.name {
                Name::From => (0, "Two From Fields"),
                Name::To => (1, "Two To Fields"),
                Name::CallId => (2, "Two Call-ID Fields"),
                Name::CSeq => (3, "Two CSeq Fields"),
                Name::MaxForwards => (4, "Two Max-Forwards Fields"),
                _ => continue,
            };
            if found[place].replace(field).is_some() {
                return Err(why);
            }
        }
        let [from, to, call_id, cseq, _] = found;
        let value = |field: Option<&Field>, missing| field.map(|f| self.value(f)).ok_or(missing);
        let (via, call_id) = (self.via()?, value(call_id, "Missing Call-ID")?);
        let from = NameAddr::parse(&value(from, "Missing From")?)?;
        let to = NameAddr::parse(&value(to, "Missing To")?)?;
        let cseq = value(cseq, "Missing CSeq")?;
        let (number, method) = cseq.trim_ascii().split_once([' ', '\t']).ok_or("Bad CSeq")?;
        // RFC 3261 §8.1.1.5: less than 2^31.
        let number = number.parse().ok().filter(|n: &u32| *n < 1 << 31).ok_or("Bad CSeq")?;
        let method = Method::of(method.trim_ascii());
        if matches!(&self.inner.start, Start::Request { method: m, .. } if *m != method) {
            return Err("CSeq Method Mismatch");
        }
        if call_id.is_empty() || call_id.bytes().any(|c| c.is_ascii_whitespace()) {
            return Err("Bad Call-ID");
        }
        Ok(Envelope { via, from, to, call_id, cseq: number, method })
    }

    fn value(&self, field: &Field) -> Text {
        if let Some((_, stamped)) = self.stamp.as_ref().filter(|(at, _)| *at == field.label.start) {
            return stamped.clone();
        }
        let text = text(&self.inner.raw, field.value.clone());
        if !field.folded {
            return text;
        }
        // RFC 3261 §7.3.1: a fold is the same as one space.
        text.split(['\r', '\n']).map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join(" ").into()
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
mod tests;
