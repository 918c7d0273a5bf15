//! The lines of a message: start line and header fields (RFC 3261 §7.1–7.3), by offset.

use super::message::{Malformed, Start};
use super::name::{Method, Name};
use super::reply::Fault;
use super::syntax::{Text, Wrong};
use bytes::Bytes;
use std::ops::Range;

/// Where a header field stands.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: Name,
    pub(super) label: Range<usize>,
    pub(super) value: Range<usize>,
    /// It goes over several lines.
    pub(super) folded: bool,
}

/// Line ends are CRLF, or LF alone from the careless.
pub(super) struct Lines<'a> {
    pub(super) raw: &'a [u8],
    pub(super) at: usize,
}

impl Iterator for Lines<'_> {
    type Item = Range<usize>;
    fn next(&mut self) -> Option<Range<usize>> {
        let rest = self.raw.get(self.at..).filter(|r| !r.is_empty())?;
        let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let start = self.at;
        self.at = (start + length + 1).min(self.raw.len());
        let line = rest.get(..length).unwrap_or_default();
        Some(start..start + line.strip_suffix(b"\r").unwrap_or(line).len())
    }
}

/// The octets of a token (RFC 3261 §25.1).
static TOKEN: [bool; 256] = {
    let mut token = [false; 256];
    let mut c = 0;
    while c < 256 {
        token[c] = (c as u8).is_ascii_alphanumeric()
            || matches!(c as u8, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~');
        c += 1;
    }
    token
};

/// How many octets at the beginning of `text` make a token.
fn token(text: &[u8]) -> usize {
    text.iter().position(|c| !TOKEN[*c as usize]).unwrap_or(text.len())
}

/// Reads `name: value`.
pub(super) fn field(raw: &[u8], line: Range<usize>) -> Option<Field> {
    let blank = |c: &&u8| matches!(c, b' ' | b'\t');
    let text = raw.get(line.clone())?;
    let (label, rest) = text.split_at_checked(token(text)).filter(|(label, _)| !label.is_empty())?;
    let value = rest.trim_ascii_start().strip_prefix(b":")?;
    let start = line.end - value.len() + value.iter().take_while(blank).count();
    let end = (line.end - value.iter().rev().take_while(blank).count()).max(start);
    Some(Field {
        name: Name::of(label),
        label: line.start..line.start + label.len(),
        value: start..end,
        folded: false,
    })
}

/// Reads a request line or status line, with what is wrong with the former.
pub(super) fn start_line(line: &Text) -> Result<(Start, Option<Fault>), Malformed> {
    if line.get(..4).is_some_and(|l| l.eq_ignore_ascii_case("SIP/")) {
        let mut words = line.splitn(3, ' ');
        let version = words.next().unwrap_or_default();
        let code = words.next().filter(|c| c.len() == 3).unwrap_or_default();
        let status = code.parse().ok().filter(|s| (100..700).contains(s)).ok_or(Malformed::BadResponse)?;
        if !version.eq_ignore_ascii_case("SIP/2.0") {
            return Err(Malformed::BadResponse);
        }
        let reason = line.slice_ref(words.next().unwrap_or_default());
        return Ok((Start::Response { status, reason }, None));
    }
    let (method, rest) = line.split_once(' ').ok_or(Malformed::NotSip)?;
    let (uri, version) = rest.trim_end().rsplit_once(' ').ok_or(Malformed::NotSip)?;
    if method.is_empty()
        || token(method.as_bytes()) < method.len()
        || !version.get(..4).is_some_and(|v| v.eq_ignore_ascii_case("SIP/"))
    {
        return Err(Malformed::NotSip);
    }
    let fault = if !version.eq_ignore_ascii_case("SIP/2.0") {
        Some(Fault::Version)
    } else if uri.is_empty()
        || uri.bytes().any(|c| matches!(c, b' ' | b'\t' | b'<' | b'>' | b'"'))
        || rest.ends_with(' ')
    {
        // RFC 4475 §3.1.2.7–10: white space and angles around the Request-URI.
        Some(Fault::BadRequest("Bad Request-URI"))
    } else {
        None
    };
    Ok((Start::Request { method: Method::of(method), uri: line.slice_ref(uri) }, fault))
}

/// The value of Content-Length, if there is one.
pub(super) fn content_length(raw: &[u8], fields: &[Field]) -> Result<Option<usize>, Wrong> {
    let mut length = None;
    for field in fields.iter().filter(|f| f.name == Name::ContentLength) {
        let value = raw.get(field.value.clone()).unwrap_or_default();
        if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
            return Err("Bad Content-Length");
        }
        let one = std::str::from_utf8(value).ok().and_then(|v| v.parse().ok()).ok_or("Bad Content-Length")?;
        if length.is_some_and(|l| l != one) {
            return Err("Two Content-Length Fields");
        }
        length = Some(one);
    }
    Ok(length)
}

/// Octets as text that shares their memory; what is not UTF-8 is replaced.
pub(super) fn text(raw: &Bytes, range: Range<usize>) -> Text {
    Text::try_from(raw.slice(range.clone()))
        .unwrap_or_else(|_| String::from_utf8_lossy(raw.get(range).unwrap_or_default()).into_owned().into())
}
