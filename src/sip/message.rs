//! One SIP message as a view over the octets it came in (RFC 3261 §7).
//!
//! In: one datagram, or one message cut out of a stream by [`super::Framer`]. Out: [`Message`], an index of offsets into
//! those octets; values are read when they are asked for, so header fields nobody looks at cost little. The header
//! section is text throughout: what is not UTF-8 in it is replaced, once; the body stays as it came.
//!
//! What is wrong with a *request* is kept beside it as a [`Fault`], because it deserves an answer; what is wrong with a
//! response, or with something that is no SIP at all, is [`Malformed`] and dropped.
//!
//! ```text
//! INVITE sip:95@10.0.0.1 SIP/2.0\r\n      start line
//! v: SIP/2.0/UDP h;branch=z9hG4bK1\r\n    field { name: Via, value: 3.. }
//! Subject: a\r\n  folded\r\n              field { name: Other, value: 48.. }
//! \r\n v=0…                               body
//! ```

use super::lines::{Field, Index, content_length, plain, start_line};
use super::name::{Method, Name};
use super::name_addr::NameAddr;
use super::reply::Fault;
use super::syntax::{Text, Wrong, before, blank, cut, split};
use super::via::Via;
use crate::limits::SIP_MESSAGE_OCTETS_MAX;
use bytes::Bytes;
use memchr::memchr;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;

/// The first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start<'a> {
    /// Method and Request-URI.
    Request { method: &'a Method, uri: &'a str },
    /// Status (100–699) and reason phrase.
    Response { status: u16, reason: &'a str },
}

/// The same, with where its parts stand.
#[derive(Debug)]
pub(super) enum Line {
    Request { method: Method, uri: Range<usize> },
    Response { status: u16, reason: Range<usize> },
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
    /// What comes before the body, as [`plain`] makes it where it is not so already.
    head: Text,
    body: Bytes,
    line: Line,
    index: Index,
}

/// The fields that every message must have (RFC 3261 §8.1.1), parsed.
#[derive(Debug, Clone)]
pub struct Envelope<'a> {
    /// The topmost Via.
    pub via: Via<'a>,
    pub from: NameAddr<'a>,
    pub to: NameAddr<'a>,
    pub call_id: &'a str,
    pub cseq: u32,
    /// The method that CSeq names.
    pub method: Method,
}

/// What must not be there twice (RFC 3261 §7.3.1).
const ONCE: [(Name, Wrong); 5] = [
    (Name::From, "Two From Fields"),
    (Name::To, "Two To Fields"),
    (Name::CallId, "Two Call-ID Fields"),
    (Name::CSeq, "Two CSeq Fields"),
    (Name::MaxForwards, "Two Max-Forwards Fields"),
];

impl Message {
    /// Reads one message, whose memory it shares. Octets after the body that Content-Length gives are left out (RFC 3261
    /// §18.3).
    ///
    /// # Errors
    /// [`Malformed`] for what cannot be answered.
    pub fn parse(raw: &Bytes) -> Result<Message, Malformed> {
        let Some(begin) = raw.iter().position(|c| !matches!(c, b'\r' | b'\n' | 0)) else {
            return Err(Malformed::KeepAlive);
        };
        let too_large = raw.len() > SIP_MESSAGE_OCTETS_MAX;
        let mut index = Index::of(raw, begin);
        let (end, rest) = (index.body, raw.len() - index.body);
        let head = match Text::try_from(raw.slice(..end)) {
            Ok(head) if !index.folded => head,
            _ => {
                let plain = plain(raw.get(begin..end).unwrap_or_default());
                index = Index { fault: index.fault, ..Index::of(plain.as_bytes(), 0) };
                plain
            }
        };
        let (line, fault) = start_line(&head, index.start.clone())?;
        let mut fault = fault.or(index.fault.take());
        if too_large {
            fault = Some(Fault::TooLarge);
        }
        let mut length = rest;
        match content_length(head.as_bytes(), &index) {
            Ok(Some(given)) if given <= rest => length = given,
            Ok(Some(_)) => fault = fault.or(Some(Fault::BadRequest("Content-Length Too Large"))),
            Ok(None) => {}
            Err(why) => fault = fault.or(Some(Fault::BadRequest(why))),
        }
        if fault.is_some() && matches!(line, Line::Response { .. }) {
            return Err(Malformed::BadResponse);
        }
        index.fault = fault;
        let body = raw.slice(end..end + length);
        Ok(Message { inner: Arc::new(Inner { head, body, line, index }), stamp: None })
    }

    /// The first line.
    pub fn start(&self) -> Start<'_> {
        let part = |at: &Range<usize>| self.inner.head.get(at.clone()).unwrap_or_default();
        match &self.inner.line {
            Line::Request { method, uri } => Start::Request { method, uri: part(uri) },
            Line::Response { status, reason } => Start::Response { status: *status, reason: part(reason) },
        }
    }

    /// Method and Request-URI of a request.
    pub fn request(&self) -> Option<(&Method, &str)> {
        match self.start() {
            Start::Request { method, uri } => Some((method, uri)),
            Start::Response { .. } => None,
        }
    }

    /// What breaks the grammar so that the request cannot be served.
    pub(super) fn fault(&self) -> Option<&Fault> {
        self.inner.index.fault.as_ref()
    }

    /// The body; shares memory with the message.
    pub fn body(&self) -> &Bytes {
        &self.inner.body
    }

    /// The value of the first field called `name`, unfolded; octets that are not UTF-8 are replaced.
    pub fn get(&self, name: Name) -> Option<&str> {
        self.all(name).next()
    }

    /// The values of all fields called `name`, in order.
    pub fn all(&self, name: Name) -> impl Iterator<Item = &str> {
        self.inner.index.named(name).map(|f| self.value(f))
    }

    /// The elements of the comma-separated list that all fields called `name` make together (RFC 3261 §7.3.1).
    ///
    /// # Errors
    /// Unbalanced quotes.
    pub fn list(&self, name: Name) -> Result<Vec<&str>, Wrong> {
        let parts = self.all(name).flat_map(|value| split(value, b',', true));
        parts.filter(|part| *part != Ok("")).collect()
    }

    /// Every field as (name, written name, value), in order.
    pub fn fields(&self) -> impl Iterator<Item = (Name, &str, &str)> {
        let Inner { head, index, .. } = &*self.inner;
        let label = |f: &Field| head.get(f.label()).unwrap_or_default();
        index.fields.iter().map(move |f| (f.name, label(f), self.value(f)))
    }

    /// The fields that a response takes over (RFC 3261 §8.2.6.2), in order; with the route set of a dialog to be
    /// (§12.1.1), if `routes`.
    pub(super) fn taken_over(&self, routes: bool) -> impl Iterator<Item = (Name, &str)> {
        let wanted = move |name| match name {
            Name::To | Name::Via | Name::From | Name::CallId | Name::CSeq => true,
            Name::RecordRoute => routes,
            _ => false,
        };
        self.inner.index.fields.iter().filter(move |f| wanted(f.name)).map(|f| (f.name, self.value(f)))
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
    pub fn via(&self) -> Result<Via<'_>, Wrong> {
        Via::parse(cut(self.get(Name::Via).ok_or("Missing Via")?, b',', false)?.0)
    }

    /// Notes in the topmost Via where the request really came from (RFC 3261 §18.2.1, RFC 3581 §4), so that replies
    /// carry it. Answers where replies go: back to the source if the client asks for that, else to the port it named.
    ///
    /// # Errors
    /// No usable Via: nobody to reply to.
    pub fn received_from(&mut self, source: SocketAddr) -> Result<SocketAddr, Wrong> {
        let field = self.inner.index.named(Name::Via).next().ok_or("Missing Via")?;
        let (first, rest) = cut(self.value(field), b',', false)?;
        let via = Via::parse(first)?;
        let mut stamped = via.stamped(source);
        if let Some(rest) = rest {
            stamped.push_str(", ");
            stamped.push_str(rest.trim());
        }
        let port = if via.asks_rport() { source.port() } else { via.port.unwrap_or(super::SIP_PORT) };
        self.stamp = Some((field.label().start, stamped.into()));
        Ok(SocketAddr::new(source.ip(), port))
    }

    /// The one Contact of a dialog-forming message.
    ///
    /// # Errors
    /// Missing or broken.
    pub fn contact(&self) -> Result<NameAddr<'_>, Wrong> {
        let value = self.get(Name::Contact).ok_or("Missing Contact")?;
        let first = if memchr(b',', value.as_bytes()).is_some() { cut(value, b',', true)?.0 } else { value };
        NameAddr::parse(first)
    }

    /// The fields every message must have.
    ///
    /// # Errors
    /// One is missing, broken, or there twice where the RFC allows it once (RFC 3261 §7.3.1, §8.1.1).
    pub fn envelope(&self) -> Result<Envelope<'_>, Wrong> {
        let twice = self.inner.index.twice;
        if let Some((_, why)) = ONCE.iter().find(|(name, _)| twice & name.bit() != 0) {
            return Err(why);
        }
        let via = self.via()?;
        let call_id = self.get(Name::CallId).ok_or("Missing Call-ID")?;
        let from = NameAddr::parse(self.get(Name::From).ok_or("Missing From")?)?;
        let to = NameAddr::parse(self.get(Name::To).ok_or("Missing To")?)?;
        let cseq = self.get(Name::CSeq).ok_or("Missing CSeq")?;
        let (number, method) = before(cseq, b' ').or_else(|| before(cseq, b'\t')).ok_or("Bad CSeq")?;
        // RFC 3261 §8.1.1.5: less than 2^31.
        let number = number.parse().ok().filter(|n: &u32| *n < 1 << 31).ok_or("Bad CSeq")?;
        let method = Method::of(method.trim_ascii());
        if matches!(&self.inner.line, Line::Request { method: m, .. } if *m != method) {
            return Err("CSeq Method Mismatch");
        }
        if call_id.is_empty() || blank(call_id) {
            return Err("Bad Call-ID");
        }
        Ok(Envelope { via, from, to, call_id, cseq: number, method })
    }

    fn value(&self, field: &Field) -> &str {
        match &self.stamp {
            Some((at, stamped)) if *at == field.label().start => stamped,
            _ => self.inner.head.get(field.value()).unwrap_or_default(),
        }
    }
}

/// Fuzz body: whatever comes in, reading every part of it must neither panic nor read outside of it.
pub fn fuzz(data: &[u8]) {
    let Ok(message) = Message::parse(&Bytes::copy_from_slice(data)) else { return };
    assert!(message.body().len() <= data.len());
    for (name, _, value) in message.fields() {
        let _ = (NameAddr::parse(value), Via::parse(value), message.number(name), message.list(name));
    }
    if let Some((_, uri)) = message.request() {
        let _ = super::Uri::parse(uri);
    }
    let _ = (message.envelope(), message.contact(), message.content_type());
}

#[cfg(test)]
mod tests;
