//! What typed header values are made of: lists, quoted strings and parameters (RFC 3261 §25.1).
//!
//! In: the text of one header value, already unfolded. Out: typed values that are views of that text, or a short reason why
//! not; nothing is copied unless a quoted string holds escapes, and nothing is counted: what is to outlive its message is
//! copied by who keeps it. Linear white space is allowed where the RFC's SLASH, SEMI, EQUAL and COMMA allow it; unknown
//! parameters are kept.

pub(super) use bytestring::ByteString as Text;
use memchr::{memchr, memchr2, memchr3};
use std::borrow::Cow;
use std::fmt;

/// What is wrong with a value, in a few words fit for a reason phrase.
pub(super) type Wrong = &'static str;

/// The part of `text` before the first `at` that is outside quotes and, if `angles`, outside `<…>`, and what follows it,
/// if there is one. A quote or angle that never closes is an error.
pub(super) fn cut(text: &str, at: u8, angles: bool) -> Result<(&str, Option<&str>), Wrong> {
    let (octets, mut i) = (text.as_bytes(), 0);
    let angle = if angles { b'<' } else { at };
    while let Some(found) = memchr3(at, b'"', angle, octets.get(i..).unwrap_or_default()) {
        i += found;
        let rest = octets.get(i + 1..).unwrap_or_default();
        let skipped = match octets.get(i) {
            Some(b'"') => quoted(rest),
            Some(b'<') if angles => memchr(b'>', rest),
            _ => return Ok((text.get(..i).unwrap_or_default().trim_ascii(), text.get(i + 1..))),
        };
        i += skipped.ok_or("Unbalanced Quote")? + 2;
    }
    Ok((text.trim_ascii(), None))
}

/// `text` before the first `at` and after it.
pub(super) fn before(text: &str, at: u8) -> Option<(&str, &str)> {
    let i = memchr(at, text.as_bytes())?;
    Some((text.get(..i)?, text.get(i + 1..)?))
}

/// True if there is white space in `text`. Without a branch, many octets at a time.
pub(super) fn blank(text: &str) -> bool {
    text.bytes().fold(false, |blank, c| blank | c.is_ascii_whitespace())
}

/// How far it is to the quote that ends a quoted string.
pub(super) fn quoted(text: &[u8]) -> Option<usize> {
    let mut i = 0;
    loop {
        i += memchr2(b'"', b'\\', text.get(i..)?)?;
        match text.get(i) {
            Some(b'\\') => i += 2,
            _ => return Some(i),
        }
    }
}

/// The parts of `text` between each `at`, as [`cut`] sees them.
pub(super) fn split(text: &str, at: u8, angles: bool) -> impl Iterator<Item = Result<&str, Wrong>> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let part = cut(rest?, at, angles);
        rest = part.ok().and_then(|(_, rest)| rest);
        Some(part.map(|(part, _)| part))
    })
}

/// The text within a quoted string, unescaped; text that is not quoted as it stands.
pub(super) fn unquote(text: &str) -> Cow<'_, str> {
    let Some(inner) = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) else {
        return Cow::Borrowed(text);
    };
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut out = String::with_capacity(inner.len());
    let mut escaped = false;
    for c in inner.chars() {
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            out.push(c);
            escaped = false;
        }
    }
    Cow::Owned(out)
}

/// `text` in lower case.
pub(super) fn lower(text: &str) -> Cow<'_, str> {
    match text.bytes().any(|c| c.is_ascii_uppercase()) {
        true => text.to_ascii_lowercase().into(),
        false => text.into(),
    }
}

/// A quoted string for `text`.
pub(super) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        if matches!(c, '\\' | '"') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// `name[=value]` pairs as they are written. Names compare without case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Params<'a>(pub(super) &'a str);

impl<'a> Params<'a> {
    /// Takes the pairs of `text`, separated by semicolons.
    ///
    /// # Errors
    /// A quote that never closes.
    pub(super) fn parse(text: &'a str) -> Result<Params<'a>, Wrong> {
        balanced(text)?;
        Ok(Params(text))
    }

    /// True if there is none.
    pub fn is_empty(self) -> bool {
        self.iter().next().is_none()
    }

    /// Name and value of each, as they are written.
    pub(super) fn iter(self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
        pairs(self.0, b';')
    }

    /// The value of `name`, unquoted; `Some("")` if it stands without one.
    pub fn get(self, name: &str) -> Option<Cow<'a, str>> {
        find(self.0, b';', name)
    }
}

/// Every quote in these parameters must close.
pub(super) fn balanced(params: &str) -> Result<(), Wrong> {
    match params.bytes().any(|c| c == b'"') {
        true => split(params, b';', false).try_for_each(|part| part.map(|_| ())),
        false => Ok(()),
    }
}

/// The pairs of `text` separated by `separator`; what follows a quote that never closes is left out.
fn pairs(text: &str, separator: u8) -> impl Iterator<Item = (&str, Option<&str>)> {
    let parts = split(text, separator, false).map_while(Result::ok).filter(|p| !p.is_empty());
    parts.map(|p| match before(p, b'=') {
        Some((name, value)) => (name.trim_ascii(), Some(value.trim_ascii())),
        None => (p, None),
    })
}

/// The value of the pair called `name` among those of `text`, as [`Params::get`] has it.
pub(super) fn find<'a>(text: &'a str, separator: u8, name: &str) -> Option<Cow<'a, str>> {
    let mut rest = Some(text);
    while let Some(text) = rest {
        let part;
        let end = memchr2(separator, b'"', text.as_bytes()).unwrap_or(text.len());
        (part, rest) = match text.as_bytes().get(end) {
            Some(b'"') => cut(text, separator, false).ok()?,
            _ => (text.get(..end)?, text.get(end + 1..)),
        };
        let Some((written, value)) = part.trim_ascii().split_at_checked(name.len()) else { continue };
        if written.eq_ignore_ascii_case(name) {
            let value = value.trim_ascii();
            match value.strip_prefix('=') {
                Some(value) => return Some(unquote(value.trim_ascii())),
                None if value.is_empty() => return Some(Cow::Borrowed("")),
                None => {}
            }
        }
    }
    None
}

/// Adds a pair to those that there are, or to what they follow.
pub(super) fn push(text: &mut String, name: &str, value: Option<&str>) {
    if !text.is_empty() {
        text.push(';');
    }
    text.push_str(name);
    if let Some(value) = value {
        text.push('=');
        text.push_str(value);
    }
}

impl fmt::Display for Params<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in self.iter() {
            write!(f, ";{name}")?;
            if let Some(value) = value {
                write!(f, "={value}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_by_name_and_their_quotes_must_close() {
        let p = Params::parse("a=\"x;y\" ; b").unwrap();
        assert_eq!(p.to_string(), ";a=\"x;y\";b");
        assert_eq!((p.get("A").as_deref(), p.get("b").as_deref(), p.get("c")), (Some("x;y"), Some(""), None));
        assert_eq!(Params::parse("a=\"x"), Err("Unbalanced Quote"));
    }

    #[test]
    fn lists_split_at_commas_outside_quotes_and_angles() {
        assert_eq!(
            split("\"a,b\" <sip:c,d@e>, <sip:f>", b',', true).collect::<Vec<_>>(),
            [Ok("\"a,b\" <sip:c,d@e>"), Ok("<sip:f>")]
        );
    }
}
