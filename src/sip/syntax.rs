//! Typed header values, parsed on demand: lists, quoted strings, parameters, name-addr and Via (RFC 3261 §25.1).
//!
//! In: the text of one header value, already unfolded. Out: typed values that share the memory of the message they came
//! in, or a short reason why not; nothing is copied unless a quoted string holds escapes. Linear white space is allowed
//! where the RFC's SLASH, SEMI, EQUAL and COMMA allow it; unknown parameters are kept.

use super::uri::{Uri, bracketed};
pub use bytestring::ByteString as Text;
use memchr::{memchr, memchr2, memchr3};
use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

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

/// How far it is to the quote that ends a quoted string.
fn quoted(text: &[u8]) -> Option<usize> {
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

/// `part` of `whole` as a text of its own; shares memory if it lies in it.
fn share(whole: &Text, part: Cow<'_, str>) -> Text {
    match part {
        Cow::Borrowed(part) => whole.slice_ref(part),
        Cow::Owned(part) => part.into(),
    }
}

/// `text` in lower case; shares memory if it is.
pub(super) fn lower(whole: &Text, part: &str) -> Text {
    match part.bytes().any(|c| c.is_ascii_uppercase()) {
        true => part.to_ascii_lowercase().into(),
        false => whole.slice_ref(part),
    }
}

/// A quoted string for `text`.
pub(super) fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// `name[=value]` pairs as they are written. Names compare without case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Params(Text);

impl Params {
    /// Takes the pairs of `text`, separated by semicolons.
    ///
    /// # Errors
    /// A quote that never closes.
    pub(super) fn parse(text: Text) -> Result<Params, Wrong> {
        if memchr(b'"', text.as_bytes()).is_some() {
            split(&text, b';', false).try_for_each(|part| part.map(|_| ()))?;
        }
        Ok(Params(text))
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        pairs(&self.0, b';')
    }

    /// The value of `name`, unquoted; `Some("")` if it stands without one.
    pub fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        find(&self.0, b';', name)
    }

    /// Sets a parameter in the place that it has, or at the end; without a value it stands alone.
    pub(super) fn set(&mut self, name: &str, value: Option<&str>) {
        let had = self.get(name).is_some();
        let mut text = String::with_capacity(self.0.len() + 32);
        for (n, v) in self.iter().map(|(n, v)| if n.eq_ignore_ascii_case(name) { (n, value) } else { (n, v) })
        {
            push(&mut text, n, v);
        }
        if !had {
            push(&mut text, name, value);
        }
        self.0 = text.into();
    }

    /// Takes a parameter out.
    pub(super) fn remove(&mut self, name: &str) {
        if self.get(name).is_none() {
            return;
        }
        let mut text = String::with_capacity(self.0.len());
        for (n, v) in self.iter().filter(|(n, _)| !n.eq_ignore_ascii_case(name)) {
            push(&mut text, n, v);
        }
        self.0 = text.into();
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
    let (_, value) = pairs(text, separator).find(|(n, _)| n.eq_ignore_ascii_case(name))?;
    Some(value.map(unquote).unwrap_or_default())
}

fn push(text: &mut String, name: &str, value: Option<&str>) {
    if !text.is_empty() {
        text.push(';');
    }
    text.push_str(name);
    if let Some(value) = value {
        text.push('=');
        text.push_str(value);
    }
}

impl fmt::Display for Params {
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

/// The value of From, To, Contact, Route and their like (RFC 3261 §20.10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameAddr {
    /// Display name, unquoted.
    pub display: Option<Text>,
    /// The URI as written.
    pub uri: Text,
    /// Header parameters (not those of the URI).
    pub params: Params,
}

impl NameAddr {
    /// Reads one value.
    ///
    /// # Errors
    /// Unbalanced quotes or angles, no URI, or a bare URI holding what only `<…>` may hold (RFC 3261 §20.10).
    pub fn parse(text: &Text) -> Result<NameAddr, Wrong> {
        let (head, params) = cut(text, b';', true)?;
        let (display, uri) = match unquoted_angle(head) {
            Some(open) => {
                let (display, rest) = head.split_at(open);
                let uri = rest
                    .strip_prefix('<')
                    .and_then(|r| r.strip_suffix('>'))
                    .ok_or("Bad Name-Addr")?
                    .trim_ascii();
                (Some(unquote(display.trim_ascii())).filter(|d| !d.is_empty()), uri)
            }
            None if memchr3(b'?', b',', b'"', head.as_bytes()).is_some() => return Err("Bad Addr-Spec"),
            None => (None, head),
        };
        if memchr(b':', uri.as_bytes()).is_none() || uri.bytes().any(|c| c.is_ascii_whitespace()) {
            return Err("Bad URI");
        }
        let params = Params::parse(params.map(|p| text.slice_ref(p)).unwrap_or_default())?;
        Ok(NameAddr { display: display.map(|d| share(text, d)), uri: text.slice_ref(uri), params })
    }

    /// The tag parameter (RFC 3261 §19.3).
    pub fn tag(&self) -> Option<Text> {
        let tag = self.params.get("tag").filter(|t| !t.is_empty())?;
        Some(share(&self.params.0, tag))
    }

    /// The URI in parts.
    ///
    /// # Errors
    /// What [`Uri::parse`] says.
    pub fn parsed(&self) -> Result<Uri, Wrong> {
        Uri::parse(&self.uri)
    }
}

/// Where the `<` outside of quotes stands.
fn unquoted_angle(text: &str) -> Option<usize> {
    let (octets, mut i) = (text.as_bytes(), 0);
    loop {
        i += memchr2(b'<', b'"', octets.get(i..)?)?;
        match octets.get(i) {
            Some(b'"') => i += quoted(octets.get(i + 1..)?)? + 2,
            _ => return Some(i),
        }
    }
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(display) = &self.display {
            write!(f, "{} ", quote(display))?;
        }
        write!(f, "<{}>{}", self.uri, self.params)
    }
}

/// One hop (RFC 3261 §20.42).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// `2.0`; another in what is answered 505.
    pub version: Text,
    /// As written: `UDP`, `TCP`, …; compares without case.
    pub transport: Text,
    /// Without brackets.
    pub host: Text,
    pub port: Option<u16>,
    pub params: Params,
}

impl Via {
    /// Reads one value.
    ///
    /// # Errors
    /// Not `SIP/2.0/transport host[:port]`.
    pub fn parse(text: &Text) -> Result<Via, Wrong> {
        const BAD: Wrong = "Bad Via";
        let (head, params) = before(text, b';').unwrap_or((text, ""));
        let (name, rest) = before(head, b'/').ok_or(BAD)?;
        let (version, rest) =
            before(rest, b'/').map(|(v, rest)| (v.trim_ascii(), rest.trim_ascii())).ok_or(BAD)?;
        if !name.trim_ascii().eq_ignore_ascii_case("SIP") {
            return Err(BAD);
        }
        let blank = rest.bytes().position(|c| c.is_ascii_whitespace()).ok_or(BAD)?;
        let (transport, sent_by) = rest.split_at_checked(blank).ok_or(BAD)?;
        let (host, port) = super::uri::host_port(sent_by.trim_ascii()).ok_or(BAD)?;
        Ok(Via {
            version: text.slice_ref(version),
            transport: text.slice_ref(transport),
            host: text.slice_ref(host),
            port,
            params: Params::parse(text.slice_ref(params))?,
        })
    }

    /// The branch, if it has the magic cookie and something after it (RFC 3261 §17.2.3).
    pub fn branch(&self) -> Option<Text> {
        let cookie = |b: &Cow<'_, str>| b.get(..7).is_some_and(|p| p.eq_ignore_ascii_case("z9hG4bK"));
        let branch = self.params.get("branch").filter(|b| b.len() > 7 && cookie(b))?;
        Some(share(&self.params.0, branch))
    }

    /// The sent-by host as an address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/{}/{} {}", self.version, self.transport, bracketed(&self.host))?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", self.params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_addr_keeps_uri_parameters_apart_from_its_own() {
        let parse = |text: String| NameAddr::parse(&text.into());
        let n = parse("\"Wat\\\"son, T.\" <sip:w@h;lr?x=1>;tag=a;q=0.5".into()).unwrap();
        assert_eq!(n.display.as_deref(), Some("Wat\"son, T."));
        assert_eq!(n.uri, "sip:w@h;lr?x=1");
        assert_eq!((n.tag().as_deref(), n.params.get("Q").as_deref()), (Some("a"), Some("0.5")));
        assert_eq!(parse(n.to_string()).unwrap(), n);
    }

    #[test]
    fn without_angles_parameters_belong_to_the_header() {
        let parse = |text: &str| NameAddr::parse(&text.into());
        let n = parse("sip:w@h;tag=x").unwrap();
        assert_eq!((&*n.uri, n.tag().as_deref()), ("sip:w@h", Some("x")));
        assert!(parse("sip:w@h?Route=x").is_err());
        assert!(parse("\"open <sip:w@h>").is_err());
        assert!(parse("<sip:w@h").is_err());
    }

    #[test]
    fn a_via_may_be_full_of_white_space_and_hold_an_ipv6_reference() {
        let parse = |text: &str| Via::parse(&text.into());
        let v = parse("SIP  / 2.0  / tcp   [2001:db8::1]:5070 ; branch = z9hG4bK9 ; rport").unwrap();
        assert_eq!((&*v.transport, &*v.host, v.port), ("tcp", "2001:db8::1", Some(5070)));
        assert_eq!(v.branch().as_deref(), Some("z9hG4bK9"));
        assert_eq!(v.params.get("rport").as_deref(), Some(""));
        assert_eq!(v.to_string(), "SIP/2.0/tcp [2001:db8::1]:5070;branch=z9hG4bK9;rport");
        assert_eq!(parse("SIP/2.0/UDP h;branch=z9hG4bK").unwrap().branch(), None);
    }

    #[test]
    fn parameters_are_set_and_taken_out_and_the_others_stay() {
        let mut p = Params::parse("a=\"x;y\" ; b".into()).unwrap();
        p.set("B", Some("1"));
        p.set("c", None);
        assert_eq!(p.to_string(), ";a=\"x;y\";b=1;c");
        p.remove("a");
        assert_eq!((p.to_string().as_str(), p.get("c").as_deref(), p.get("a")), (";b=1;c", Some(""), None));
        assert_eq!(Params::parse("a=\"x".into()), Err("Unbalanced Quote"));
    }

    #[test]
    fn lists_split_at_commas_outside_quotes_and_angles() {
        assert_eq!(
            split("\"a,b\" <sip:c,d@e>, <sip:f>", b',', true).collect::<Vec<_>>(),
            [Ok("\"a,b\" <sip:c,d@e>"), Ok("<sip:f>")]
        );
    }
}
