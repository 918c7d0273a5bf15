//! Via (RFC 3261 §20.42): one hop.
//!
//! In: the text of one value, unfolded. Out: [`Via`], which keeps that text and where its parts stand in it.

use super::syntax::{Params, Text, Wrong, balanced, before, find, lower, place, push, share};
use super::uri::{bracketed, host_port};
use std::borrow::Cow;
use std::fmt::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

/// One text, and where its parts stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    text: Text,
    version: Range<usize>,
    transport: Range<usize>,
    host: Range<usize>,
    pub port: Option<u16>,
    params: usize,
}

impl Via {
    /// Reads one value.
    ///
    /// # Errors
    /// Not `SIP/2.0/transport host[:port]`.
    pub fn parse(text: Text) -> Result<Via, Wrong> {
        const BAD: Wrong = "Bad Via";
        let (head, params) = before(&text, b';').unwrap_or((&text, ""));
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
        let place = |part| place(&text, part);
        let (version, transport, host) = (place(version.trim_ascii()), place(transport), place(host));
        let params = text.len() - params.len();
        Ok(Via { text, version, transport, host, port, params })
    }

    /// `2.0`; another in what is answered 505.
    pub fn version(&self) -> &str {
        self.text.get(self.version.clone()).unwrap_or_default()
    }

    /// As written: `UDP`, `TCP`, …; compares without case.
    pub fn transport(&self) -> &str {
        self.text.get(self.transport.clone()).unwrap_or_default()
    }

    /// The sent-by host, without brackets; shares memory if it is in lower case, which it is made.
    pub(super) fn host_lower(&self) -> Text {
        lower(&self.text, self.host())
    }

    /// The sent-by host as written, without brackets.
    pub fn host(&self) -> &str {
        self.text.get(self.host.clone()).unwrap_or_default()
    }

    /// The parameters.
    pub fn params(&self) -> Params {
        Params(self.text.slice_ref(self.text.get(self.params..).unwrap_or_default()))
    }

    /// The value of one parameter, as [`Params::get`] has it.
    pub fn param(&self, name: &str) -> Option<Cow<'_, str>> {
        find(self.text.get(self.params..)?, b';', name)
    }

    /// All that comes before the parameters, as this program writes it.
    fn sent_by(&self, out: &mut impl Write) -> fmt::Result {
        write!(out, "SIP/{}/{} {}", self.version(), self.transport(), bracketed(self.host()))?;
        self.port.map_or(Ok(()), |port| write!(out, ":{port}"))
    }

    /// The client asks that replies go where the request came from (RFC 3581 §3).
    pub(super) fn asks_rport(&self) -> bool {
        self.param("rport").is_some()
    }

    /// The same after a request that came from `source` (RFC 3261 §18.2.1, RFC 3581 §4). Written at once: every request has one.
    pub(super) fn stamped(&self, source: SocketAddr) -> String {
        let mut text = String::with_capacity(self.text.len() + 64);
        // Writing into memory cannot fail.
        let _ = self.sent_by(&mut text);
        for (name, value) in self.params().iter() {
            if name.eq_ignore_ascii_case("rport") {
                let _ = write!(text, ";rport={}", source.port());
            } else if !name.eq_ignore_ascii_case("received") {
                push(&mut text, name, value);
            }
        }
        if self.asks_rport() || self.ip() != Some(source.ip()) {
            let _ = write!(text, ";received={}", source.ip());
        }
        text
    }

    /// The branch, if it has the magic cookie and something after it (RFC 3261 §17.2.3).
    pub fn branch(&self) -> Option<Text> {
        let cookie = |b: &Cow<'_, str>| b.get(..7).is_some_and(|p| p.eq_ignore_ascii_case("z9hG4bK"));
        Some(share(&self.text, self.param("branch").filter(|b| b.len() > 7 && cookie(b))?))
    }

    /// The sent-by host as an address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host().parse().ok()
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sent_by(f)?;
        write!(f, "{}", self.params())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_via_may_be_full_of_white_space_and_hold_an_ipv6_reference() {
        let parse = |text: &str| Via::parse(text.into());
        let v = parse("SIP  / 2.0  / tcp   [2001:db8::1]:5070 ; branch = z9hG4bK9 ; rport").unwrap();
        assert_eq!((v.transport(), v.host(), v.port), ("tcp", "2001:db8::1", Some(5070)));
        assert_eq!(v.branch().as_deref(), Some("z9hG4bK9"));
        assert_eq!(v.param("rport").as_deref(), Some(""));
        assert_eq!(v.to_string(), "SIP/2.0/tcp [2001:db8::1]:5070;branch=z9hG4bK9;rport");
        assert_eq!(parse("SIP/2.0/UDP h;branch=z9hG4bK").unwrap().branch(), None);
    }

    #[test]
    fn a_via_is_stamped_with_where_the_request_came_from() {
        let stamped = |text: &str| Via::parse(text.into()).unwrap().stamped(([192, 0, 2, 7], 5071).into());
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
