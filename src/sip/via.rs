//! Via (RFC 3261 §20.42): one hop.
//!
//! In: the text of one value, unfolded. Out: [`Via`], a view of its parts.

use super::syntax::{Params, Wrong, balanced, before, find, lower, push};
use super::uri::{bracketed, host_port};
use super::value::{digits, ip};
use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// The parts of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Via<'a> {
    version: &'a str,
    transport: &'a str,
    host: &'a str,
    pub port: Option<u16>,
    params: &'a str,
}

impl<'a> Via<'a> {
    /// Reads one value.
    ///
    /// # Errors
    /// Not `SIP/2.0/transport host[:port]`.
    pub fn parse(text: &'a str) -> Result<Via<'a>, Wrong> {
        const BAD: Wrong = "Bad Via";
        let (head, params) = before(text, b';').unwrap_or((text, ""));
        let (name, rest) = before(head, b'/').ok_or(BAD)?;
        let (version, rest) = before(rest, b'/').ok_or(BAD)?;
        if !name.trim_ascii().eq_ignore_ascii_case("SIP") {
            return Err(BAD);
        }
        let rest = rest.trim_ascii();
        let blank = rest.bytes().position(|c| c.is_ascii_whitespace()).ok_or(BAD)?;
        let (transport, sent_by) = rest.split_at_checked(blank).ok_or(BAD)?;
        let (host, port) = host_port(sent_by.trim_ascii()).ok_or(BAD)?;
        balanced(params)?;
        Ok(Via { version: version.trim_ascii(), transport, host, port, params })
    }

    /// `2.0`; another in what is answered 505.
    pub fn version(&self) -> &'a str {
        self.version
    }

    /// As written: `UDP`, `TCP`, …; compares without case.
    pub fn transport(&self) -> &'a str {
        self.transport
    }

    /// The sent-by host in lower case, without brackets.
    pub(super) fn host_lower(&self) -> Cow<'a, str> {
        lower(self.host)
    }

    /// The sent-by host as written, without brackets.
    pub fn host(&self) -> &'a str {
        self.host
    }

    /// The parameters.
    pub fn params(&self) -> Params<'a> {
        Params(self.params)
    }

    /// The value of one parameter, as [`Params::get`] has it.
    pub fn param(&self, name: &str) -> Option<Cow<'a, str>> {
        find(self.params, b';', name)
    }

    /// All that comes before the parameters, as this program writes it.
    fn sent_by(&self, out: &mut String) {
        for text in ["SIP/", self.version, "/", self.transport, " ", &bracketed(self.host)] {
            out.push_str(text);
        }
        if let Some(port) = self.port {
            out.push(':');
            digits(out, port.into());
        }
    }

    /// The client asks that replies go where the request came from (RFC 3581 §3).
    pub(super) fn asks_rport(&self) -> bool {
        self.param("rport").is_some()
    }

    /// The same after a request that came from `source` (RFC 3261 §18.2.1, RFC 3581 §4). Written at once: every request has one.
    pub(super) fn stamped(&self, source: SocketAddr) -> String {
        let mut text = String::with_capacity(self.host.len() + self.params.len() + 96);
        self.sent_by(&mut text);
        for (name, value) in self.params().iter() {
            if name.eq_ignore_ascii_case("rport") {
                text.push_str(";rport=");
                digits(&mut text, source.port().into());
            } else if !name.eq_ignore_ascii_case("received") {
                push(&mut text, name, value);
            }
        }
        if self.asks_rport() || self.ip() != Some(source.ip()) {
            text.push_str(";received=");
            ip(&mut text, source.ip());
        }
        text
    }

    /// The branch, if it has the magic cookie and something after it (RFC 3261 §17.2.3).
    pub fn branch(&self) -> Option<Cow<'a, str>> {
        let cookie = |b: &str| b.get(..7).is_some_and(|p| p.eq_ignore_ascii_case("z9hG4bK"));
        self.param("branch").filter(|b| b.len() > 7 && cookie(b))
    }

    /// The sent-by host as an address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host().parse().ok()
    }
}

impl fmt::Display for Via<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sent_by = String::new();
        self.sent_by(&mut sent_by);
        write!(f, "{sent_by}{}", self.params())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_via_may_be_full_of_white_space_and_hold_an_ipv6_reference() {
        let parse = |text: &'static str| Via::parse(text);
        let v = parse("SIP  / 2.0  / tcp   [2001:db8::1]:5070 ; branch = z9hG4bK9 ; rport").unwrap();
        assert_eq!((v.transport(), v.host(), v.port), ("tcp", "2001:db8::1", Some(5070)));
        assert_eq!(v.branch().as_deref(), Some("z9hG4bK9"));
        assert_eq!(v.param("rport").as_deref(), Some(""));
        assert_eq!(v.to_string(), "SIP/2.0/tcp [2001:db8::1]:5070;branch=z9hG4bK9;rport");
        assert_eq!(parse("SIP/2.0/UDP h;branch=z9hG4bK").unwrap().branch(), None);
    }

    #[test]
    fn a_via_is_stamped_with_where_the_request_came_from() {
        let stamped = |text: &str| Via::parse(text).unwrap().stamped(([192, 0, 2, 7], 5071).into());
        assert_eq!(
            stamped("SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK1"),
            "SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK1"
        );
        assert_eq!(
            stamped("SIP/2.0/UDP h;received=1.1.1.1 ;x=\"a;b\""),
            "SIP/2.0/UDP h;x=\"a;b\";received=192.0.2.7"
        );
        assert_eq!(
            stamped("SIP/2.0/UDP 192.0.2.7 ; RPORT;branch=z9hG4bK1"),
            "SIP/2.0/UDP 192.0.2.7;rport=5071;branch=z9hG4bK1;received=192.0.2.7"
        );
    }
}
