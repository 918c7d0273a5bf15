//! The lines of a message: start line and header fields (RFC 3261 §7.1–7.3), by offset.

use super::message::{Line, Malformed};
use super::name::{Method, Name};
use super::reply::Fault;
use super::syntax::{Text, Wrong, before};
use crate::limits::SIP_HEADERS_MAX;
use memchr::memrchr;
use std::ops::Range;

/// Where a header field stands. Offsets of 32 bits: a message is some 20 of these.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: Name,
    label: Range<u32>,
    value: Range<u32>,
}

impl Field {
    /// The name as it is written.
    pub(super) fn label(&self) -> Range<usize> {
        self.label.start as usize..self.label.end as usize
    }

    pub(super) fn value(&self) -> Range<usize> {
        self.value.start as usize..self.value.end as usize
    }
}

/// A header section, line by line.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) start: Range<usize>,
    pub(super) fields: Vec<Field>,
    /// For each name, one more than the place of the first field called so; 0 if there is none.
    pub(super) first: [u8; Name::COUNT],
    /// The names that are there more than once, as [`Name::bit`].
    pub(super) twice: u64,
    /// Where the body begins.
    pub(super) body: usize,
    /// A field goes on over several lines: see [`plain`].
    pub(super) folded: bool,
    pub(super) fault: Option<Fault>,
}

impl Index {
    /// Of `raw` from `at`, where the start line begins.
    pub(super) fn of(raw: &[u8], at: usize) -> Index {
        let mut lines = Lines { raw, at };
        let start = lines.next().unwrap_or_default();
        let mut index = Index {
            start,
            fields: Vec::with_capacity(24),
            first: [0; Name::COUNT],
            twice: 0,
            body: 0,
            folded: false,
            fault: None,
        };
        let mut wrong = Some("Header Section Not Ended");
        let mut fault = None;
        for line in lines.by_ref() {
            match raw.get(line.start) {
                _ if line.is_empty() => {
                    wrong = None;
                    break;
                }
                Some(b' ' | b'\t') if index.fields.is_empty() => fault = fault.or(Some("Folded Start Line")),
                Some(b' ' | b'\t') => index.folded = true,
                _ if index.fields.len() == SIP_HEADERS_MAX => {
                    fault = fault.or(Some("Too Many Header Fields"));
                }
                _ => match field(raw, line) {
                    Some(field) => index.push(field),
                    None => fault = fault.or(Some("Bad Header Line")),
                },
            }
        }
        index.body = lines.at;
        index.fault = fault.or(wrong).map(Fault::BadRequest);
        index
    }

    fn push(&mut self, field: Field) {
        let first = &mut self.first[field.name as usize];
        if *first != 0 {
            self.twice |= field.name.bit();
        } else {
            *first = self.fields.len() as u8 + 1;
        }
        self.fields.push(field);
    }

    /// The fields called `name`, in order.
    pub(super) fn named(&self, name: Name) -> impl Iterator<Item = &Field> {
        let first = usize::from(self.first[name as usize]);
        let from = first.checked_sub(1).and_then(|first| self.fields.get(first..)).unwrap_or_default();
        from.iter().filter(move |f| f.name == name)
    }
}

/// The header section without folds, which are the same as one space (RFC 3261 §7.3.1), and as UTF-8, with what is none
/// replaced. Few send such.
pub(super) fn plain(head: &[u8]) -> Text {
    let mut out = String::with_capacity(head.len());
    for (i, line) in String::from_utf8_lossy(head).split_inclusive('\n').enumerate() {
        if i > 1 && line.starts_with([' ', '\t']) {
            out.truncate(out.trim_ascii_end().len());
            out.push(' ');
            out.push_str(line.trim_start_matches([' ', '\t']));
        } else {
            out.push_str(line);
        }
    }
    out.into()
}

/// Where each line stands, without its end. Line ends are CRLF, or LF alone from the careless.
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
fn field(raw: &[u8], line: Range<usize>) -> Option<Field> {
    let text = raw.get(line.clone())?;
    let colon = text.iter().position(|c| *c == b':')?;
    let (label, value) = (text.get(..colon)?.trim_ascii_end(), text.get(colon + 1..)?.trim_ascii_start());
    let name = Name::of(label);
    if name == Name::Other && (label.is_empty() || token(label) < label.len()) {
        return None;
    }
    let start = (line.end - value.len()) as u32;
    let end = start + value.trim_ascii_end().len() as u32;
    let label = line.start as u32..(line.start + label.len()) as u32;
    Some(Field { name, label, value: start..end })
}

/// Reads the request line or status line `at` in `head`, with what is wrong with the former.
pub(super) fn start_line(head: &str, at: Range<usize>) -> Result<(Line, Option<Fault>), Malformed> {
    let line = head.get(at.clone()).unwrap_or_default();
    if line.get(..4).is_some_and(|l| l.eq_ignore_ascii_case("SIP/")) {
        let mut words = line.splitn(3, ' ');
        let version = words.next().unwrap_or_default();
        let code = words.next().filter(|c| c.len() == 3).unwrap_or_default();
        let status = code.parse().ok().filter(|s| (100..700).contains(s)).ok_or(Malformed::BadResponse)?;
        if !version.eq_ignore_ascii_case("SIP/2.0") {
            return Err(Malformed::BadResponse);
        }
        let reason = at.end - words.next().unwrap_or_default().len()..at.end;
        return Ok((Line::Response { status, reason }, None));
    }
    let (method, rest) = before(line, b' ').ok_or(Malformed::NotSip)?;
    let words = rest.trim_ascii_end();
    let blank = memrchr(b' ', words.as_bytes()).ok_or(Malformed::NotSip)?;
    let (uri, version) = (words.get(..blank).unwrap_or_default(), words.get(blank + 1..).unwrap_or_default());
    if method.is_empty()
        || token(method.as_bytes()) < method.len()
        || !version.get(..4).is_some_and(|v| v.eq_ignore_ascii_case("SIP/"))
    {
        return Err(Malformed::NotSip);
    }
    // RFC 4475 §3.1.2.7–10: white space and angles around the Request-URI. Without a branch, many octets at a time.
    let odd = uri.bytes().fold(false, |odd, c| odd | matches!(c, b' ' | b'\t' | b'<' | b'>' | b'"'));
    let fault = if !version.eq_ignore_ascii_case("SIP/2.0") {
        Some(Fault::Version)
    } else if uri.is_empty() || odd || rest.ends_with(' ') {
        Some(Fault::BadRequest("Bad Request-URI"))
    } else {
        None
    };
    let begin = at.start + method.len() + 1;
    Ok((Line::Request { method: Method::of(method), uri: begin..begin + uri.len() }, fault))
}

/// The value of Content-Length, if there is one.
pub(super) fn content_length(raw: &[u8], index: &Index) -> Result<Option<usize>, Wrong> {
    let mut length = None;
    for field in index.named(Name::ContentLength) {
        let value = raw.get(field.value()).unwrap_or_default();
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
