//! The lines of a message: start line and header fields (RFC 3261 §7.1–7.3), by offset.

use super::message::{Malformed, Start};
use super::name::{Method, Name};
use super::reply::Fault;
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
        let length = rest.iter().position(|c| *c == b'\n').unwrap_or(rest.len());
        let start = self.at;
        self.at = (start + length + 1).min(self.raw.len());
        let line = rest.get(..length).unwrap_or_default();
        Some(start..start + line.strip_suffix(b"\r").unwrap_or(line).len())
    }
}

/// RFC 3261 §25.1, `token`.
fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|c| c.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(c))
}

/// Reads `name: value`.
pub(super) fn field(raw: &[u8], line: Range<usize>) -> Option<Field> {
    let text = raw.get(line.clone())?;
    let colon = text.iter().position(|c| *c == b':')?;
    let label = text.get(..colon)?.trim_ascii_end();
    if !is_token(label) {
        return None;
    }
    let value = text.get(colon + 1..)?;
    let start = line.end - value.trim_ascii_start().len();
    let name = Name::of(std::str::from_utf8(label).ok()?);
    let end = start + value.trim_ascii().len();
    Some(Field { name, label: line.start..line.start + label.len(), value: start..end, folded: false })
}

/// Reads a request line or status line, with what is wrong with the former.
pub(super) fn start_line(line: &str) -> Result<(Start, Option<Fault>), Malformed> {
    if line.get(..4).is_some_and(|l| l.eq_ignore_ascii_case("SIP/")) {
        let mut words = line.splitn(3, ' ');
        let version = words.next().unwrap_or_default();
        let code = words.next().filter(|c| c.len() == 3).unwrap_or_default();
        let status = code.parse().ok().filter(|s| (100..700).contains(s)).ok_or(Malformed::BadResponse)?;
        if !version.eq_ignore_ascii_case("SIP/2.0") {
            return Err(Malformed::BadResponse);
        }
        return Ok((Start::Response { status, reason: words.next().unwrap_or_default().to_owned() }, None));
    }
    let (method, rest) = line.split_once(' ').ok_or(Malformed::NotSip)?;
    let (uri, version) = rest.trim_end().rsplit_once(' ').ok_or(Malformed::NotSip)?;
    if !is_token(method.as_bytes()) || !version.get(..4).is_some_and(|v| v.eq_ignore_ascii_case("SIP/")) {
        return Err(Malformed::NotSip);
    }
    let fault = if !version.eq_ignore_ascii_case("SIP/2.0") {
        Some(Fault::Version)
    } else if uri.is_empty() || uri.contains([' ', '\t', '<', '>', '"']) || rest.ends_with(' ') {
        // RFC 4475 §3.1.2.7–10: white space and angles around the Request-URI.
        Some(Fault::BadRequest("Bad Request-URI"))
    } else {
        None
    };
    Ok((Start::Request { method: Method::of(method), uri: uri.to_owned() }, fault))
}
