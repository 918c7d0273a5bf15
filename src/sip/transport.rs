//! Transports (RFC 3261 §18, RFC 7118), and over which of our listeners a peer is reached.
//!
//! In: where the server listens, whose certificates were shown over connections, and connections whose peers say that they may be used both ways (`alias`, RFC 5923).
//! Out: the [`Flow`] towards an address, and how we call ourselves on it.

use super::event::Flow;
use super::request::Request;
use super::value::{digits, host_port};
use crate::limits::{SIP_CONNECTIONS_MAX, SIP_UDP_REQUEST_OCTETS_MAX};
use bytes::Bytes;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// A transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    Udp,
    Tcp,
    /// TLS over TCP (RFC 3261 §26.2.1).
    Tls,
    /// WebSocket (RFC 7118).
    Ws,
    /// WebSocket over TLS.
    Wss,
}

impl Transport {
    pub const ALL: [Transport; 5] =
        [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss];

    /// Lower case, as in a URI's `transport` parameter.
    pub const fn name(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
            Transport::Ws => "ws",
            Transport::Wss => "wss",
        }
    }

    /// Upper case, as in Via.
    pub const fn upper(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
            Transport::Ws => "WS",
            Transport::Wss => "WSS",
        }
    }

    /// The transport of this name, in any case.
    pub fn of(name: &str) -> Option<Transport> {
        Transport::ALL.into_iter().find(|t| t.name().eq_ignore_ascii_case(name))
    }

    /// The port where none is given (RFC 3261 §19.1.2, RFC 7118 §5.2).
    pub const fn port(self) -> u16 {
        match self {
            Transport::Udp | Transport::Tcp => super::SIP_PORT,
            Transport::Tls => 5061,
            Transport::Ws => 80,
            Transport::Wss => 443,
        }
    }

    /// Runs over a connection, so nothing is repeated (§17) and answers go back over it (§18.2.2).
    pub const fn reliable(self) -> bool {
        !matches!(self, Transport::Udp)
    }

    /// Encrypted, as `sips` demands (§26.2.2).
    pub const fn secure(self) -> bool {
        matches!(self, Transport::Tls | Transport::Wss)
    }

    /// A WebSocket: its client cannot be connected to, only be reached over the connection that it made.
    pub const fn websocket(self) -> bool {
        matches!(self, Transport::Ws | Transport::Wss)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.upper())
    }
}

/// Where the server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    pub transport: Transport,
    pub addr: SocketAddr,
    /// Host, with brackets if it is IPv6, and port to put into Via and Contact in place of the socket's own: for a server
    /// behind NAT.
    pub advertised: Option<(String, Option<u16>)>,
}

/// What some peers are told in place of what the listener says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenAs {
    pub nets: Vec<IpNet>,
    /// Host and port as in [`Listener::advertised`]; `None` stands for the socket's own.
    pub advertised: Option<(String, Option<u16>)>,
}

/// True if an address is reached through the internet, and so through our NAT: not loopback, link-local, private (RFC 1918,
/// RFC 4193), or behind the same carrier's NAT (RFC 6598).
pub fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
            !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified() || shared)
        }
        IpAddr::V6(ip) => {
            !(ip.is_unique_local() || ip.is_loopback() || ip.is_unicast_link_local() || ip.is_unspecified())
        }
    }
}

/// The ways out of this server.
#[derive(Debug, Default)]
pub(super) struct Ways {
    pub(super) listeners: Vec<Listener>,
    /// Peers that are told something of their own.
    seen_as: Vec<SeenAs>,
    /// Connections by what their peer listens on.
    aliases: BTreeMap<(Transport, SocketAddr), Flow>,
    /// The SIP domains of the peers of TLS connections, as they have proved.
    domains: BTreeMap<Flow, Vec<String>>,
}

impl Ways {
    pub(super) fn new(listeners: Vec<Listener>, seen_as: Vec<SeenAs>) -> Ways {
        Ways { listeners, seen_as, ..Ways::default() }
    }

    /// Listens elsewhere, or is seen as another; connections go on.
    pub(super) fn change(&mut self, listeners: Vec<Listener>, seen_as: Vec<SeenAs>) {
        (self.listeners, self.seen_as) = (listeners, seen_as);
    }

    /// The flow to `remote` over `transport`, from the listener that is most like `like`; `None` if no listener of ours can
    /// reach it.
    pub(super) fn flow(&self, transport: Transport, remote: SocketAddr, like: SocketAddr) -> Option<Flow> {
        if let Some(flow) = self.aliases.get(&(transport, remote)) {
            return Some(*flow);
        }
        // RFC 7118 §5.5: only the client can make the connection.
        if transport.websocket() {
            return None;
        }
        let family = |a: &SocketAddr| a.is_ipv4() == remote.is_ipv4();
        let found = self.listeners.iter().filter(|l| l.transport == transport && family(&l.addr));
        let found = found.map(|l| l.addr).min_by_key(|a| {
            (*a != like, a.ip() != like.ip(), a.ip().is_loopback() != remote.ip().is_loopback())
        });
        // Connections are made from anywhere; what is told of none is a socket of all transports.
        let local = found.or_else(|| (family(&like) && transport.reliable()).then_some(like));
        let local = local.or_else(|| (family(&like) && self.listeners.is_empty()).then_some(like));
        local.map(|local| Flow { transport, local, remote })
    }

    /// Writes what we call ourselves to a peer on `flow`, host and port: what its networks are told; else what the listener
    /// advertises, to peers that are reached through NAT; else the socket's own address.
    pub(super) fn sent_by(&self, flow: Flow, out: &mut String) {
        let remote = flow.remote.ip().to_canonical();
        let theirs = self.seen_as.iter().find(|s| s.nets.iter().any(|net| net.contains(&remote)));
        let own = || {
            let listener = |l: &&Listener| l.transport == flow.transport && l.addr == flow.local;
            self.listeners.iter().find(listener).filter(|_| is_public(remote))?.advertised.as_ref()
        };
        match theirs.map_or_else(own, |s| s.advertised.as_ref()) {
            Some((host, port)) => {
                out.push_str(host);
                out.push(':');
                digits(out, port.unwrap_or(flow.local.port()).into());
            }
            None => host_port(out, flow.local),
        }
    }

    /// A request that is too large for UDP, over TCP (§18.1.1); `None` if it fits, or we have no TCP.
    pub(super) fn by_size(&self, flow: Flow, octets: &Bytes) -> Option<(Flow, Bytes)> {
        if flow.transport != Transport::Udp || octets.len() <= SIP_UDP_REQUEST_OCTETS_MAX {
            return None;
        }
        self.listeners.iter().find(|l| l.transport == Transport::Tcp)?;
        let flow = self.flow(Transport::Tcp, flow.remote, flow.local)?;
        // The topmost Via, which is the first that we write, names the transport.
        let text = std::str::from_utf8(octets).ok()?;
        Some((flow, Bytes::from(text.replacen("\r\nVia: SIP/2.0/UDP ", "\r\nVia: SIP/2.0/TCP ", 1))))
    }

    /// Notes that the connection of `request` may be used for requests to what its sender listens on (RFC 5923 §5), which
    /// must be on the machine that it comes from.
    pub(super) fn note_alias(&mut self, request: &Request<'_>) {
        let (via, flow) = (&request.envelope.via, request.flow);
        let same = via.ip() == Some(flow.remote.ip()) && via.param("alias").is_some();
        if flow.transport.reliable() && same && self.aliases.len() < SIP_CONNECTIONS_MAX {
            let port = via.port.unwrap_or(flow.transport.port());
            self.aliases.insert((flow.transport, SocketAddr::new(flow.remote.ip(), port)), flow);
        }
    }

    /// True if new requests are taken at this address of ours.
    pub(super) fn listens_at(&self, local: SocketAddr) -> bool {
        self.listeners.is_empty() || self.listeners.iter().any(|l| l.addr == local)
    }

    /// The peer of a connection has proved to be of these domains, and of no others.
    pub(super) fn secured(&mut self, flow: Flow, domains: Vec<String>) {
        match domains.is_empty() {
            true => self.domains.remove(&flow),
            false => self.domains.insert(flow, domains),
        };
    }

    /// The domains that the peer has proved to be of.
    pub(super) fn domains(&self, flow: Flow) -> &[String] {
        self.domains.get(&flow).map_or(&[], Vec::as_slice)
    }

    /// The connection is gone.
    pub(super) fn closed(&mut self, flow: Flow) {
        self.domains.remove(&flow);
        self.aliases.retain(|_, f| *f != flow);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn ways() -> Ways {
        let listener = |transport, text: &str| Listener { transport, addr: addr(text), advertised: None };
        Ways::new(
            vec![
                listener(Transport::Udp, "127.0.0.1:5060"),
                listener(Transport::Udp, "10.0.0.1:5060"),
                listener(Transport::Tls, "10.0.0.1:5061"),
                listener(Transport::Udp, "[::1]:5060"),
                Listener {
                    transport: Transport::Tcp,
                    addr: addr("10.0.0.1:5060"),
                    advertised: Some(("pbx.example".into(), Some(5080))),
                },
            ],
            vec![
                SeenAs { nets: vec!["198.51.100.0/24".parse().unwrap()], advertised: None },
                SeenAs {
                    nets: vec!["10.8.0.0/16".parse().unwrap()],
                    advertised: Some(("192.0.2.9".into(), None)),
                },
            ],
        )
    }

    #[test]
    fn the_listener_of_the_transport_and_family_nearest_to_the_one_known_is_taken() {
        let like = addr("10.0.0.1:5060");
        let local = |t, remote: &str| {
            ways().flow(t, addr(remote), like).map(|f| f.local.to_string()).unwrap_or_default()
        };
        assert_eq!(local(Transport::Udp, "10.0.0.9:5060"), "10.0.0.1:5060");
        assert_eq!(local(Transport::Tls, "10.0.0.9:5061"), "10.0.0.1:5061");
        assert_eq!(local(Transport::Udp, "[::1]:5070"), "[::1]:5060");
        assert_eq!(local(Transport::Tls, "[::1]:5070"), "", "no IPv6 listener for TLS, and `like` is IPv4");
        assert_eq!(local(Transport::Ws, "10.0.0.9:80"), "", "a WebSocket client cannot be connected to");
    }

    #[test]
    fn whoever_is_reached_through_nat_is_told_the_advertised_name_and_neighbours_the_socket() {
        let told = |transport, remote: &str| {
            let flow = ways().flow(transport, addr(remote), addr("10.0.0.1:5060")).unwrap();
            let mut told = String::new();
            ways().sent_by(flow, &mut told);
            told
        };
        assert_eq!(told(Transport::Tcp, "203.0.113.9:5060"), "pbx.example:5080");
        for near in
            ["10.0.0.9:5060", "192.168.1.1:5060", "172.31.0.1:5060", "169.254.1.1:5060", "100.64.0.1:5060"]
        {
            assert_eq!(told(Transport::Tcp, near), "10.0.0.1:5060", "{near}");
        }
        assert_eq!(
            told(Transport::Udp, "203.0.113.9:5060"),
            "10.0.0.1:5060",
            "this listener advertises nothing"
        );
        assert_eq!(
            told(Transport::Tcp, "198.51.100.7:5060"),
            "10.0.0.1:5060",
            "a trunk by a line of its own"
        );
        assert_eq!(told(Transport::Tcp, "10.8.0.7:5060"), "192.0.2.9:5060", "a trunk behind another NAT");
        let public = |ip: &str| is_public(ip.parse().unwrap());
        assert!(public("2001:db8::1") && public("100.128.0.1") && !public("fd00::1") && !public("fe80::1"));
        assert!(!public("::ffff:10.0.0.1") && !public("::1") && !public("127.0.0.1"));
    }

    #[test]
    fn a_connection_that_may_be_used_both_ways_is_until_it_closes() {
        let flow =
            Flow { transport: Transport::Tls, local: addr("10.0.0.1:5061"), remote: addr("10.0.0.9:49152") };
        let request = |via: &str| {
            let text = format!(
                "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TLS {via}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a>\r\n\
                 Call-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n"
            );
            let message = super::super::Message::parse(&Bytes::from(text)).unwrap();
            let message = Box::leak(Box::new(message));
            let envelope = message.envelope().unwrap();
            Request::new(flow, flow, message, envelope)
        };
        let towards =
            |ways: &Ways| ways.flow(Transport::Tls, addr("10.0.0.9:5061"), flow.local).unwrap().remote;
        let mut ways = ways();
        ways.note_alias(&request("10.0.0.9;branch=z9hG4bK1"));
        assert_eq!(towards(&ways), addr("10.0.0.9:5061"), "not where it is not offered");
        ways.note_alias(&request("10.0.0.8;branch=z9hG4bK1;alias"));
        assert_eq!(towards(&ways), addr("10.0.0.9:5061"), "not for another machine");
        ways.note_alias(&request("10.0.0.9;branch=z9hG4bK1;alias"));
        assert_eq!(towards(&ways), flow.remote);
        ways.closed(flow);
        assert_eq!(towards(&ways), addr("10.0.0.9:5061"));
    }

    #[test]
    fn names_and_ports_are_those_of_the_rfcs() {
        let all = Transport::ALL.map(|t| format!("{t} {} {} {}", t.name(), t.port(), t.reliable()));
        let wanted = [
            "UDP udp 5060 false",
            "TCP tcp 5060 true",
            "TLS tls 5061 true",
            "WS ws 80 true",
            "WSS wss 443 true",
        ];
        assert_eq!(all, wanted);
        assert_eq!(Transport::of("Wss"), Some(Transport::Wss));
    }
}
