//! The one place where a fault becomes a status code (RFC 3261 §8.2, §21).
//!
//! In: what is wrong with a request. Out: the response to it. Nothing else in this room chooses a code for a fault.

use super::build::Builder;
use super::extension::ALLOW;
use super::message::{Envelope, Message};
use super::name::{Method, Name};
use super::syntax::Wrong;
use bytes::Bytes;

/// The body types that are understood, for Accept.
pub(super) const ACCEPT: &str = "application/sdp, application/dtmf-relay, application/dtmf, message/sipfrag";

/// Why a request is not served. The variants are in the order of their codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// 400: the grammar is broken; the words go into the reason phrase.
    BadRequest(&'static str),
    /// 403: the account may not do this.
    Forbidden(&'static str),
    /// 404: not a domain or user of ours.
    NotFound,
    /// 405: the method is known but not served here.
    MethodNotAllowed,
    /// 415: no such body type, or an encoding of it.
    UnsupportedMedia,
    /// 416: a Request-URI scheme that cannot be called.
    UnsupportedScheme,
    /// 420: extensions that are required but not there.
    BadExtension(String),
    /// 422: a session shorter than this many seconds (RFC 4028 §6).
    SessionTooShort(u32),
    /// 423: an expiry below this many seconds.
    IntervalTooBrief(u32),
    /// 481: in a dialog, or about a transaction, that does not exist.
    NoDialog,
    /// 486: it wants a dialog that is answered already.
    Busy,
    /// 482: the same request on another path (RFC 3261 §8.2.2.2).
    Merged,
    /// 483: no hops left, and this is a hop.
    TooManyHops,
    /// 491: an INVITE of our own is under way (RFC 3261 §14.2).
    RequestPending,
    /// 500: an earlier request is not done with, or came after a later one; retry after so many seconds.
    OutOfOrder(Option<u32>),
    /// 501: the method is unknown.
    NotImplemented,
    /// 503: full, or draining; retry after so many seconds.
    Unavailable(u32),
    /// 505: not SIP/2.0.
    Version,
    /// 513: larger than we read.
    TooLarge,
}

impl Fault {
    /// The status code.
    pub(super) fn status(&self) -> u16 {
        match self {
            Fault::BadRequest(_) => 400,
            Fault::Forbidden(_) => 403,
            Fault::NotFound => 404,
            Fault::MethodNotAllowed => 405,
            Fault::UnsupportedMedia => 415,
            Fault::UnsupportedScheme => 416,
            Fault::BadExtension(_) => 420,
            Fault::SessionTooShort(_) => 422,
            Fault::IntervalTooBrief(_) => 423,
            Fault::NoDialog => 481,
            Fault::Busy => 486,
            Fault::Merged => 482,
            Fault::TooManyHops => 483,
            Fault::RequestPending => 491,
            Fault::OutOfOrder(_) => 500,
            Fault::NotImplemented => 501,
            Fault::Unavailable(_) => 503,
            Fault::Version => 505,
            Fault::TooLarge => 513,
        }
    }

    /// The response to `request`, with the fields that its code asks for.
    pub(super) fn response(&self, request: &Message, to_tag: &str) -> Bytes {
        let reason = match self {
            Fault::BadRequest(why) | Fault::Forbidden(why) => why,
            _ => "",
        };
        let b = Builder::reply(request, self.status(), reason, Some(to_tag));
        match self {
            Fault::MethodNotAllowed | Fault::NotImplemented => b.field(Name::Allow, ALLOW),
            Fault::UnsupportedMedia => b.field(Name::Accept, ACCEPT),
            Fault::BadExtension(list) => b.field(Name::Unsupported, list),
            Fault::SessionTooShort(least) => b.field(Name::MinSe, least),
            Fault::IntervalTooBrief(least) => b.field(Name::MinExpires, least),
            Fault::OutOfOrder(Some(after)) | Fault::Unavailable(after) => b.field(Name::RetryAfter, after),
            Fault::BadRequest(_)
            | Fault::Forbidden(_)
            | Fault::NotFound
            | Fault::UnsupportedScheme
            | Fault::NoDialog
            | Fault::Busy
            | Fault::Merged
            | Fault::TooManyHops
            | Fault::RequestPending
            | Fault::OutOfOrder(None)
            | Fault::Version
            | Fault::TooLarge => b,
        }
        .end()
    }
}

/// The checks that any request must pass before its method is looked at, in the order of RFC 3261 §8.2. `envelope` is that
/// of `request`.
///
/// # Errors
/// The first fault found.
pub(super) fn check(request: &Message, envelope: &Result<Envelope, Wrong>) -> Result<(), Fault> {
    if let Some(fault) = request.fault() {
        return Err(fault.clone());
    }
    let (method, uri) = request.request().ok_or(Fault::BadRequest("Not a Request"))?;
    envelope.as_ref().map_err(|why| Fault::BadRequest(why))?;
    // The first is in the envelope.
    for via in request.list(Name::Via).map_err(Fault::BadRequest)?.into_iter().skip(1) {
        super::Via::parse(via).map_err(Fault::BadRequest)?;
    }
    let hops = request.get(Name::MaxForwards).is_some().then(|| request.number(Name::MaxForwards));
    if hops.is_some_and(|h| h.is_none_or(|h| h > 255)) {
        return Err(Fault::BadRequest("Bad Max-Forwards"));
    }
    if matches!(method, Method::Ack) {
        return Ok(());
    }
    let parsed = super::Uri::parse(uri).map_err(Fault::BadRequest)?;
    if !matches!(&*parsed.scheme, "sip" | "sips" | "tel") {
        return Err(Fault::UnsupportedScheme);
    }
    // A call goes on to an agent from here, so an INVITE without hops left ends here (RFC 7332 §3); anything else has
    // arrived where it wants to be (RFC 3261 §11).
    if matches!(method, Method::Invite) && hops == Some(Some(0)) {
        return Err(Fault::TooManyHops);
    }
    let unsupported = request.unsupported().map_err(Fault::BadRequest)?;
    if !unsupported.is_empty() && !matches!(method, Method::Cancel) {
        return Err(Fault::BadExtension(unsupported.join(", ")));
    }
    let encoded = request
        .get(Name::ContentEncoding)
        .is_some_and(|e| !e.is_empty() && !e.eq_ignore_ascii_case("identity"));
    if encoded || matches!(method, Method::Invite) && super::body::sdp_of(request).is_none() {
        return Err(Fault::UnsupportedMedia);
    }
    match method {
        Method::Invite | Method::Bye | Method::Cancel | Method::Options | Method::Register | Method::Info => {
            Ok(())
        }
        Method::Other(_) => Err(Fault::NotImplemented),
        // A request in a dialog we do not know is about that first (RFC 3261 §12.2.2); the endpoint looks.
        Method::Ack | Method::Update | Method::Notify | Method::Prack | Method::Refer => Ok(()),
        Method::Subscribe | Method::Message | Method::Publish => Err(Fault::MethodNotAllowed),
    }
}

/// The RFC's reason phrase for `status` (RFC 3261 §21).
pub(super) fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        182 => "Queued",
        183 => "Session Progress",
        200 => "OK",
        202 => "Accepted",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        410 => "Gone",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        421 => "Extension Required",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        485 => "Ambiguous",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        491 => "Request Pending",
        493 => "Undecipherable",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        606 => "Not Acceptable",
        _ => match status / 100 {
            1 => "Progress",
            2 => "OK",
            3 => "Redirected",
            4 => "Client Error",
            5 => "Server Error",
            _ => "Global Failure",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, uri: &str, extra: &str) -> Message {
        let text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n\
             Call-ID: x\r\nCSeq: 1 {method}\r\n{extra}\r\n"
        );
        Message::parse(&Bytes::from(text)).unwrap()
    }

    fn checked(request: &Message) -> Result<(), Fault> {
        check(request, &request.envelope())
    }

    #[test]
    fn each_fault_has_its_code() {
        for (method, uri, extra, status) in [
            ("INVITE", "sip:c@d", "", 200),
            ("INVITE", "tel:+1555", "", 200),
            ("INVITE", "nobody:x", "", 416),
            ("INVITE", "sip:c@d", "Max-Forwards: 0\r\n", 483),
            ("OPTIONS", "sip:c@d", "Max-Forwards: 0\r\n", 200),
            ("INVITE", "sip:c@d", "Max-Forwards: 300\r\n", 400),
            ("INVITE", "sip:c@d", "Require: 100rel, x\r\n", 420),
            ("INVITE", "sip:c@d", "Content-Encoding: gzip\r\n", 415),
            ("INVITE", "sip:c@d", "Call-ID: y\r\n", 400),
            ("SUBSCRIBE", "sip:c@d", "", 405),
            ("NEWMETHOD", "sip:c@d", "", 501),
        ] {
            let found = checked(&request(method, uri, extra)).map_or_else(|f| f.status(), |()| 200);
            assert_eq!(found, status, "{method} {uri} {extra}");
        }
    }

    #[test]
    fn a_bad_extension_is_named_and_a_method_not_allowed_lists_those_that_are() {
        let r = request("INVITE", "sip:c@d", "Require: a, b\r\n");
        let reply = Message::parse(&checked(&r).unwrap_err().response(&r, "t")).unwrap();
        assert_eq!(reply.get(Name::Unsupported), Some("a, b"));
        let r = request("SUBSCRIBE", "sip:c@d", "");
        let reply = Message::parse(&checked(&r).unwrap_err().response(&r, "t")).unwrap();
        assert_eq!(reply.get(Name::Allow), Some(ALLOW));
    }
}
