//! SIP, SIPS and tel URIs, and what any other scheme leaves to say (RFC 3261 §19.1, RFC 3966).
//!
//! In: the text of a URI. Out: its parts. Nothing is resolved: a host that is not an IP literal stays a name.

use super::syntax::{Params, Wrong, before, lower};
use super::transport::Transport;
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

/// The port SIP uses when none is given (RFC 3261 §19.1.2).
pub const SIP_PORT: u16 = 5060;

/// A URI in parts, which are views of it where they stand in it as they are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uri<'a> {
    /// Lower case: `sip`, `sips`, `tel`, …
    pub scheme: Cow<'a, str>,
    /// Unescaped user part; the number for `tel`; the whole rest for schemes we do not know.
    pub user: Option<Cow<'a, str>>,
    /// Lower case, without brackets; empty where the scheme has none.
    pub host: Cow<'a, str>,
    pub port: Option<u16>,
    pub params: Params<'a>,
}

impl<'a> Uri<'a> {
    /// Reads a URI.
    ///
    /// # Errors
    /// No scheme, or a SIP URI without a usable host or port.
    pub fn parse(text: &'a str) -> Result<Uri<'a>, Wrong> {
        let (scheme, rest) = before(text.trim_ascii(), b':').ok_or("Bad URI")?;
        let plain = |c: u8| c.is_ascii_alphanumeric() || b"+-.".contains(&c);
        if scheme.is_empty() || !scheme.bytes().all(plain) {
            return Err("Bad URI Scheme");
        }
        let scheme = lower(scheme);
        if scheme != "sip" && scheme != "sips" {
            let (user, params) =
                if scheme == "tel" { before(rest, b';').unwrap_or((rest, "")) } else { (rest, "") };
            let params = Params::parse(params)?;
            return Ok(Uri { scheme, user: Some(user.into()), host: "".into(), port: None, params });
        }
        // The user part may hold `;` and `?` (RFC 3261 §25.1), so it is cut off first.
        let (user, rest) = match before(rest, b'@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, rest),
        };
        let rest = before(rest, b'?').map_or(rest, |(r, _headers)| r);
        let (host, params) = before(rest, b';').unwrap_or((rest, ""));
        let (host, port) = host_port(host.trim_ascii()).ok_or("Bad URI Host")?;
        let user =
            user.map(|u| before(u, b':').map_or(u, |(u, _password)| u)).map(|u| match u.contains('%') {
                true => unescape(u).into(),
                false => u.into(),
            });
        let params = Params::parse(params)?;
        Ok(Uri { scheme, user, host: lower(host), port, params })
    }

    /// The host as it is written: an IPv6 address in brackets.
    pub fn host_text(&self) -> Cow<'_, str> {
        bracketed(&self.host)
    }

    /// The host as an address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// Whom to send to: `maddr` where there is one, without brackets, else the host (RFC 3263 §4).
    pub fn target(&self) -> Cow<'_, str> {
        match self.params.get("maddr").filter(|maddr| !maddr.is_empty()) {
            Some(maddr) => maddr.trim_matches(['[', ']']).to_ascii_lowercase().into(),
            None => Cow::Borrowed(&self.host),
        }
    }

    /// Where to send to by `transport`, if that is an IP literal.
    pub fn addr(&self, transport: Transport) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.target().parse().ok()?, self.port.unwrap_or(transport.port())))
    }

    /// The transport that the URI asks for, if it is one of ours: its parameter, made secure by `sips` (§26.2.2).
    pub fn transport(&self) -> Option<Transport> {
        let given = self.params.get("transport").map(|name| Transport::of(&name));
        match (&*self.scheme, given) {
            ("sips", None | Some(Some(Transport::Tcp | Transport::Tls))) => Some(Transport::Tls),
            ("sips", Some(Some(Transport::Ws | Transport::Wss))) => Some(Transport::Wss),
            (_, given) => given.flatten(),
        }
    }

    /// Equality for contacts (RFC 3261 §19.1.4, without the parameters that may be missing on one side).
    pub fn same(&self, other: &Uri<'_>) -> bool {
        self.scheme == other.scheme
            && self.user == other.user
            && self.host == other.host
            && self.port == other.port
            && self.transport() == other.transport()
    }
}

/// A host as it stands in a URI or Via: an IPv6 address in brackets (RFC 3261 §25.1).
pub(super) fn bracketed(host: &str) -> Cow<'_, str> {
    if host.contains(':') { format!("[{host}]").into() } else { host.into() }
}

/// Splits `host[:port]`, with brackets taken off an IPv6 reference. `None` if either part is unusable.
pub(super) fn host_port(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, port.trim_start())
        }
        None => {
            let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_');
            let end = text.bytes().position(|c| !plain(c)).unwrap_or(text.len());
            let (host, port) = text.split_at_checked(end).filter(|(host, _)| !host.is_empty())?;
            (host, port.trim_ascii_start())
        }
    };
    match port.strip_prefix(':') {
        Some(port) => Some((host, Some(port.trim_ascii().parse().ok()?))),
        None if port.is_empty() => Some((host, None)),
        None => None,
    }
}

/// Replaces `%hh`; an escape that is none stays as it is.
pub(super) fn unescape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = |b: &[u8]| u8::from_str_radix(std::str::from_utf8(b).ok()?, 16).ok();
        match (first, tail.get(..2).filter(|h| h.iter().all(u8::is_ascii_hexdigit)).and_then(hex)) {
            (b'%', Some(octet)) => {
                out.push(octet);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Uri<'_>, Wrong> {
        Uri::parse(text)
    }

    #[test]
    fn user_parts_are_unescaped_and_may_hold_semicolons() {
        let u = parse("sip:user;par=u%40example.net@Example.COM:5070;transport=tcp?Subject=x").unwrap();
        assert_eq!(u.user.as_deref(), Some("user;par=u@example.net"));
        assert_eq!((&*u.host, u.port, u.transport()), ("example.com", Some(5070), Some(Transport::Tcp)));
    }

    #[test]
    fn tel_and_unknown_schemes_are_read_and_bad_hosts_are_not() {
        assert_eq!(
            parse("tel:+358-555-1234567;postd=pp22").unwrap().user.as_deref(),
            Some("+358-555-1234567")
        );
        assert_eq!(parse("nobodyKnowsThisScheme:totallyopaque").unwrap().scheme, "nobodyknowsthisscheme");
        assert!(parse("sip:a@b c").is_err());
        assert!(parse("sip:a@").is_err());
        assert!(parse("sip:a@h:99999").is_err());
        assert_eq!(
            parse("sip:[::1]:5061").unwrap().addr(Transport::Udp),
            Some("[::1]:5061".parse().unwrap())
        );
        assert_eq!(parse("sips:a@[::1]").unwrap().transport(), Some(Transport::Tls));
    }
}
