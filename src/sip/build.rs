//! Prints messages.
//!
//! In: method or status, fields, body. Out: octets for the wire. A line end within a value becomes a space, so nothing
//! that was said by a peer or by a script can forge a header field.

use super::message::{Envelope, Message};
use super::name::{Method, Name};
use super::name_addr::NameAddr;
use super::reply::reason_phrase;
use super::value::{Value, digits};
use bytes::Bytes;
use memchr::memchr3;

/// Room to write a message in; most need no more.
const HEAD_OCTETS: usize = 1024;

/// A message being written.
#[derive(Debug, Clone)]
pub struct Builder {
    text: String,
}

impl Builder {
    /// Begins a request.
    pub fn request(method: &Method, uri: &str) -> Builder {
        let mut b = Builder { text: String::with_capacity(HEAD_OCTETS) };
        b.text.push_str(method.text());
        b.text.push(' ');
        b.text.push_str(uri);
        b.text.push_str(" SIP/2.0");
        b.line(0)
    }

    /// Begins a response; an empty `reason` stands for the RFC's phrase.
    pub fn response(status: u16, reason: &str) -> Builder {
        let reason = if reason.is_empty() { reason_phrase(status) } else { reason };
        let mut b = Builder { text: String::with_capacity(HEAD_OCTETS) };
        b.text.push_str("SIP/2.0 ");
        digits(&mut b.text, status.into());
        b.text.push(' ');
        b.text.push_str(reason);
        b.line(0)
    }

    /// Begins a response to `request` with the fields that must be taken over (RFC 3261 §8.2.6.2). `to_tag` is added
    /// where To has none; a request without usable fields gets back what it had.
    pub fn reply(request: &Message, status: u16, reason: &str, to_tag: Option<&str>) -> Builder {
        let mut b = Builder::response(status, reason);
        for (name, value) in request.taken_over((101..300).contains(&status)) {
            match to_tag.filter(|_| name == Name::To) {
                Some(tag) if NameAddr::parse(value).is_ok_and(|to| to.tag().is_none()) => {
                    b = b.field(name, format_args!("{value};tag={tag}"));
                }
                Some(_) | None => b = b.field(name, value),
            }
        }
        b
    }

    /// Adds a field.
    pub fn field(self, name: Name, value: impl Value) -> Builder {
        self.named(name.text(), value)
    }

    /// Adds a field that has no [`Name`].
    pub fn named(mut self, name: &str, value: impl Value) -> Builder {
        let begin = self.text.len();
        self.text.push_str(name);
        self.text.push_str(": ");
        value.put(&mut self.text);
        self.line(begin)
    }

    /// Ends the line that begins there; a line end within it becomes a space.
    fn line(mut self, begin: usize) -> Builder {
        let line = self.text.as_bytes().get(begin..).unwrap_or_default();
        if memchr3(b'\r', b'\n', 0, line).is_some() {
            let line = self.text.split_off(begin).replace(['\r', '\n', '\0'], " ");
            self.text.push_str(&line);
        }
        self.text.push_str("\r\n");
        self
    }

    /// Adds why a call ends (RFC 3326); nothing if there are no words for it.
    pub fn reason(self, text: &str) -> Builder {
        match text {
            "" => self,
            // A whole value, such as `Q.850;cause=16`.
            value if value.contains(';') => self.field(Name::Reason, value),
            text => self.field(Name::Reason, format_args!("SIP;text={}", super::syntax::quote(text))),
        }
    }

    /// Ends the message without a body.
    pub fn end(self) -> Bytes {
        self.body("", b"")
    }

    /// Ends the message with a body of this type.
    pub fn body(mut self, content_type: &str, body: &[u8]) -> Bytes {
        if !body.is_empty() {
            self = self.field(Name::ContentType, content_type);
        }
        self = self.field(Name::ContentLength, body.len());
        self.text.push_str("\r\n");
        let mut octets = self.text.into_bytes();
        octets.extend_from_slice(body);
        // Most of what is sent is kept for a while.
        octets.into_boxed_slice().into()
    }

    /// Ends the message with a session description, or without a body if it is empty.
    pub fn sdp(self, sdp: &[u8]) -> Bytes {
        self.body("application/sdp", sdp)
    }
}

/// The ACK for a refusal of `invite` (RFC 3261 §17.1.1.3), or its CANCEL (§9.1): both repeat the request's own fields
/// and branch; the ACK's To is that of the response.
pub(super) fn after_invite(invite: &Message, method: &Method, to: Option<&str>) -> Option<Builder> {
    let Envelope { via, from, cseq, call_id, .. } = invite.envelope().ok()?;
    let (_, uri) = invite.request()?;
    let mut b =
        Builder::request(method, uri).field(Name::Via, format_args!("{via}")).field(Name::MaxForwards, "70");
    for route in invite.all(Name::Route) {
        b = b.field(Name::Route, route);
    }
    let own = invite.get(Name::To)?;
    b = b
        .field(Name::From, format_args!("{from}"))
        .field(Name::To, to.unwrap_or(own))
        .field(Name::CallId, call_id);
    Some(b.field(Name::CSeq, format_args!("{cseq} {method}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invite() -> Message {
        let octets = Builder::request(&Method::Invite, "sip:95@10.0.0.1")
            .field(Name::Via, "SIP/2.0/UDP h;branch=z9hG4bK1")
            .field(Name::Route, "<sip:p;lr>")
            .field(Name::From, "<sip:a@b>;tag=1")
            .field(Name::To, "<sip:95@10.0.0.1>")
            .field(Name::CallId, "c1")
            .field(Name::CSeq, "7 INVITE")
            .sdp(b"v=0\r\n");
        Message::parse(&octets).unwrap()
    }

    #[test]
    fn what_is_built_can_be_read_and_replied_to() {
        let reply = Message::parse(&Builder::reply(&invite(), 200, "", Some("t9")).end()).unwrap();
        let e = reply.envelope().unwrap();
        assert_eq!((e.to.tag().as_deref(), e.cseq), (Some("t9"), 7));
        assert_eq!(&invite().body()[..], b"v=0\r\n");
    }

    #[test]
    fn ack_and_cancel_repeat_branch_route_and_number() {
        let ack = after_invite(&invite(), &Method::Ack, Some("<sip:95@10.0.0.1>;tag=x")).unwrap();
        let ack = Message::parse(&ack.end()).unwrap();
        let e = ack.envelope().unwrap();
        assert_eq!(
            (e.via.branch().as_deref(), e.cseq, e.to.tag().as_deref()),
            (Some("z9hG4bK1"), 7, Some("x"))
        );
        assert_eq!(ack.get(Name::Route), Some("<sip:p;lr>"));
    }

    #[test]
    fn a_line_end_in_a_value_forges_nothing() {
        let octets = Builder::response(486, "Busy\r\nX: y").named("Reason", "a\r\nEvil: b").end();
        let m = Message::parse(&octets).unwrap();
        assert_eq!(m.fields().count(), 2);
    }
}
