//! The session description in a message's body, alone or as one part of a multipart (RFC 5621 §3, RFC 2046 §5.1).
//!
//! In: a message. Out: the octets of its SDP; nothing else in a multipart is used (carriers put ISUP or locations beside
//! it).

use super::message::Message;
use super::name::Name;
use super::syntax::find;
use bytes::Bytes;

/// The session description: `Some` of nothing if there is no body, `None` if the body is something else.
pub(super) fn sdp_of(message: &Message) -> Option<Bytes> {
    let body = message.body();
    match message.content_type().as_deref() {
        _ if body.is_empty() => Some(Bytes::new()),
        None | Some("application/sdp") => Some(body.clone()),
        Some(kind) if kind.starts_with("multipart/") => {
            let value = message.get(Name::ContentType)?;
            let (_, params) = value.split_once(';')?;
            let boundary = find(params, b';', "boundary").filter(|b| !b.is_empty())?;
            part(body, format!("--{boundary}").as_bytes())
        }
        Some(_) => None,
    }
}

/// The first part that is SDP.
fn part(body: &Bytes, delimiter: &[u8]) -> Option<Bytes> {
    let mut at = seek(body, delimiter, 0)? + delimiter.len();
    while let Some(next) = seek(body, delimiter, at) {
        let text = body.get(at..next)?;
        let (blank, skip) = match (seek(text, b"\r\n\r\n", 0), seek(text, b"\n\n", 0)) {
            (Some(at), _) => (at, 4),
            (None, Some(at)) => (at, 2),
            (None, None) => (0, 0),
        };
        let head = String::from_utf8_lossy(text.get(..blank)?).to_ascii_lowercase();
        if head.lines().any(|l| l.starts_with("content-type:") && l.contains("application/sdp")) {
            // The line end before a delimiter belongs to the delimiter; SDP does not mind keeping it.
            return Some(body.slice(at + blank + skip..next));
        }
        at = next + delimiter.len();
    }
    None
}

fn seek(text: &[u8], what: &[u8], from: usize) -> Option<usize> {
    text.get(from..)?.windows(what.len()).position(|w| w == what).map(|p| p + from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sdp(head: &str, body: &str) -> Option<Bytes> {
        sdp_of(&Message::parse(&Bytes::from(format!("INVITE sip:a SIP/2.0\r\n{head}\r\n{body}"))).unwrap())
    }

    #[test]
    fn the_description_is_found_alone_and_in_a_multipart() {
        assert_eq!(sdp("c: application/sdp\r\n", "v=0\r\n").as_deref(), Some(&b"v=0\r\n"[..]));
        assert_eq!(sdp("", "").as_deref(), Some(&b""[..]));
        assert_eq!(sdp("c: text/plain\r\n", "x"), None);
        let head = "Content-Type: multipart/mixed;boundary=\"b1\"\r\n";
        let isup = "--b1\r\nContent-Type: application/isup\r\n\r\n\u{1}\u{2}\r\n";
        let both = format!(
            "{isup}--b1\r\nContent-Disposition: session\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b1--\r\n"
        );
        assert_eq!(sdp(head, &both).as_deref(), Some(&b"v=0\r\n"[..]));
        assert_eq!(sdp(head, &format!("{isup}--b1--\r\n")), None);
        assert_eq!(sdp(head, "--b1"), None);
    }
}
