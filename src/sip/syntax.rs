//! Typed header values, parsed on demand: lists, quoted strings, parameters, name-addr and Via (RFC 3261 §25.1).
//!
//! In: the text of one header value, already unfolded. Out: owned values, or a short reason why not. Linear white space
//! is allowed where the RFC's SLASH, SEMI, EQUAL and COMMA allow it; unknown parameters are kept.

use super::uri::Uri;
use std::fmt;
use std::net::IpAddr;

/// What is wrong with a value, in a few words fit for a reason phrase.
pub(super) type Wrong = &'static str;

/// Splits at each `at` that is outside quotes and, if `angles`, outside `<…>`. A quote or angle that never closes is an
/// error.
pub(super) fn split(text: &str, at: u8, angles: bool) -> Result<Vec<&str>, Wrong> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut quoted, mut escaped, mut angle) = (false, false, false);
    for (i, c) in text.bytes().enumerate() {
        match c {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' if !angle => quoted = !quoted,
            b'<' if angles && !quoted => angle = true,
            b'>' if angles && !quoted => angle = false,
            c if c == at && !quoted && !angle => {
                parts.push(text.get(start..i).unwrap_or_default().trim());
                start = i + 1;
            }
            _ => {}
        }
    }
    if quoted || angle {
        return Err("Unbalanced Quote");
    }
    parts.push(text.get(start..).unwrap_or_default().trim());
    Ok(parts)
}

/// The text within a quoted string, unescaped; text that is not quoted as it stands.
pub(super) fn unquote(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) else {
        return text.to_owned();
    };
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
    out
}

/// A quoted string for `text`.
pub(super) fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// `name[=value]` pairs, in order. Names compare without case; values are kept as written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Params(pub Vec<(String, Option<String>)>);

impl Params {
    /// Reads the pairs of `text` separated by `separator`.
    ///
    /// # Errors
    /// A quote that never closes.
    pub(super) fn parse(text: &str, separator: u8) -> Result<Params, Wrong> {
        let pairs = split(text, separator, false)?.into_iter().filter(|p| !p.is_empty());
        Ok(Params(
            pairs
                .map(|p| match p.split_once('=') {
                    Some((name, value)) => (name.trim().to_owned(), Some(value.trim().to_owned())),
                    None => (p.to_owned(), None),
                })
                .collect(),
        ))
    }

    /// The value of `name`, unquoted; `Some("")` if it stands without one.
    pub fn get(&self, name: &str) -> Option<String> {
        let (_, value) = self.0.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))?;
        Some(value.as_deref().map(unquote).unwrap_or_default())
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.0 {
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
    pub display: Option<String>,
    /// The URI as written.
    pub uri: String,
    /// Header parameters (not those of the URI).
    pub params: Params,
}

impl NameAddr {
    /// Reads one value.
    ///
    /// # Errors
    /// Unbalanced quotes or angles, no URI, or a bare URI holding what only `<…>` may hold (RFC 3261 §20.10).
    pub fn parse(text: &str) -> Result<NameAddr, Wrong> {
        let text = text.trim();
        let mut parts = split(text, b';', true)?.into_iter();
        let head = parts.next().unwrap_or_default();
        let rest = text.get(head.len()..).unwrap_or_default();
        let (display, uri) = match unquoted_angle(head) {
            Some(open) => {
                let (display, rest) = head.split_at(open);
                let uri =
                    rest.strip_prefix('<').and_then(|r| r.strip_suffix('>')).ok_or("Bad Name-Addr")?.trim();
                (Some(unquote(display.trim())).filter(|d| !d.is_empty()), uri)
            }
            None if head.contains(['?', ',', '"']) => return Err("Bad Addr-Spec"),
            None => (None, head),
        };
        if uri.is_empty() || !uri.contains(':') || uri.contains(char::is_whitespace) {
            return Err("Bad URI");
        }
        Ok(NameAddr { display, uri: uri.to_owned(), params: Params::parse(rest, b';')? })
    }

    /// The tag parameter (RFC 3261 §19.3).
    pub fn tag(&self) -> Option<String> {
        self.params.get("tag").filter(|t| !t.is_empty())
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
    let (mut quoted, mut escaped) = (false, false);
    for (i, c) in text.bytes().enumerate() {
        match c {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'<' if !quoted => return Some(i),
            _ => {}
        }
    }
    None
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
    pub version: String,
    /// Upper case: `UDP`, `TCP`, …
    pub transport: String,
    /// Without brackets.
    pub host: String,
    pub port: Option<u16>,
    pub params: Params,
}

impl Via {
    /// Reads one value.
    ///
    /// # Errors
    /// Not `SIP/2.0/transport host[:port]`.
    pub fn parse(text: &str) -> Result<Via, Wrong> {
        const BAD: Wrong = "Bad Via";
        let (head, params) = text.split_once(';').unwrap_or((text, ""));
        let mut slashes = head.splitn(3, '/').map(str::trim);
        let (name, version, rest) = (slashes.next(), slashes.next(), slashes.next().ok_or(BAD)?);
        let version = version.filter(|_| name.is_some_and(|n| n.eq_ignore_ascii_case("SIP"))).ok_or(BAD)?;
        let (transport, sent_by) = rest.split_once(char::is_whitespace).ok_or(BAD)?;
        let (host, port) = super::uri::host_port(sent_by.trim()).ok_or(BAD)?;
        let params = Params::parse(params, b';')?;
        Ok(Via {
            version: version.to_owned(),
            transport: transport.to_ascii_uppercase(),
            host: host.to_owned(),
            port,
            params,
        })
    }

    /// The branch, if it has the magic cookie and something after it (RFC 3261 §17.2.3).
    pub fn branch(&self) -> Option<String> {
        self.params
            .get("branch")
            .filter(|b| b.len() > 7 && b.get(..7).is_some_and(|p| p.eq_ignore_ascii_case("z9hG4bK")))
    }

    /// The sent-by host as an address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/{}/{} ", self.version, self.transport)?;
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
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
        let n = NameAddr::parse("\"Wat\\\"son, T.\" <sip:w@h;lr?x=1>;tag=a;q=0.5").unwrap();
        assert_eq!(n.display.as_deref(), Some("Wat\"son, T."));
        assert_eq!(n.uri, "sip:w@h;lr?x=1");
        assert_eq!((n.tag().as_deref(), n.params.get("Q").as_deref()), (Some("a"), Some("0.5")));
        assert_eq!(NameAddr::parse(&n.to_string()).unwrap(), n);
    }

    #[test]
    fn without_angles_parameters_belong_to_the_header() {
        let n = NameAddr::parse("sip:w@h;tag=x").unwrap();
        assert_eq!((n.uri.as_str(), n.tag().as_deref()), ("sip:w@h", Some("x")));
        assert!(NameAddr::parse("sip:w@h?Route=x").is_err());
        assert!(NameAddr::parse("\"open <sip:w@h>").is_err());
        assert!(NameAddr::parse("<sip:w@h").is_err());
    }

    #[test]
    fn a_via_may_be_full_of_white_space_and_hold_an_ipv6_reference() {
        let v = Via::parse("SIP  / 2.0  / tcp   [2001:db8::1]:5070 ; branch = z9hG4bK9 ; rport").unwrap();
        assert_eq!((v.transport.as_str(), v.host.as_str(), v.port), ("TCP", "2001:db8::1", Some(5070)));
        assert_eq!(v.branch().as_deref(), Some("z9hG4bK9"));
        assert_eq!(v.params.get("rport").as_deref(), Some(""));
        assert_eq!(v.to_string(), "SIP/2.0/TCP [2001:db8::1]:5070;branch=z9hG4bK9;rport");
        assert_eq!(Via::parse("SIP/2.0/UDP h;branch=z9hG4bK").unwrap().branch(), None);
    }

    #[test]
    fn lists_split_at_commas_outside_quotes_and_angles() {
        assert_eq!(
            split("\"a,b\" <sip:c,d@e>, <sip:f>", b',', true).unwrap(),
            ["\"a,b\" <sip:c,d@e>", "<sip:f>"]
        );
    }
}
