//! Locating SIP servers (RFC 3263, RFC 2782): which addresses stand for a URI, over which transport, in which order.
//!
//! In: a URI, what the DNS answers, and chance for the weights. Out: one question after the other, and at the end the
//! [`Hop`]s to try.
//!
//! ```text
//!  sip:a@192.0.2.1            ─► that address
//!  sip:a@h.example:5070       ─► A/AAAA h.example
//!  sip:a@h.example            ─► NAPTR h.example ─► SRV of each service, best first ─► A/AAAA of each target
//!                                   └ none ─► SRV _sip._udp, _sip._tcp, _sips._tcp ─┘     (none: A/AAAA h.example)
//!  sip:a@h.example;transport=tcp ─────────► SRV _sip._tcp
//! ```
//! A question that is not answered, or in time, counts as answered with nothing, so that what is known is still tried.

use super::transport::Transport;
use super::uri::Uri;
use crate::limits::{SIP_HOPS_MAX, SIP_QUESTIONS_MAX};
use fastrand::Rng;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// One address to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hop {
    pub transport: Transport,
    pub remote: SocketAddr,
}

/// What the DNS is asked, by domain name without the last dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    Naptr(String),
    Srv(String),
    /// A and AAAA.
    Host(String),
}

/// A NAPTR record (RFC 3403 §4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naptr {
    pub order: u16,
    pub preference: u16,
    pub flags: String,
    pub service: String,
    pub replacement: String,
}

/// A SRV record (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Srv {
    pub priority: u16,
    pub weight: u16,
    pub port: u16,
    pub target: String,
}

/// What the DNS has answered; empty for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Naptr(Vec<Naptr>),
    Srv(Vec<Srv>),
    Host(Vec<IpAddr>),
}

#[derive(Debug)]
enum State {
    Naptr,
    /// Services still to be asked for.
    Srv(VecDeque<(Transport, String)>),
    /// Hosts still to be asked for.
    Host(VecDeque<(Transport, String, u16)>),
}

/// One URI being located.
#[derive(Debug)]
pub struct Locate {
    host: String,
    /// What is looked up: the host, or what stands in its place.
    target: String,
    /// What may be used, best first.
    allowed: Vec<Transport>,
    state: State,
    /// What SRV has named.
    named: VecDeque<(Transport, String, u16)>,
    hops: Vec<Hop>,
    asked: usize,
}

impl Locate {
    /// Begins with a `sip` or `sips` URI.
    ///
    /// # Errors
    /// What is wrong with the URI, in words for the user.
    pub fn new(text: &str) -> Result<Locate, String> {
        let uri = Uri::parse(text).map_err(|why| format!("`{text}` is no SIP URI: {why}"))?;
        let sips = uri.scheme == "sips";
        if uri.scheme != "sip" && !sips {
            return Err(format!("`{text}`: only the schemes `sip` and `sips` can be called"));
        }
        // RFC 7118 §5.5: a WebSocket client cannot be connected to.
        let given = uri.transport().filter(|t| !t.websocket());
        if given.is_none() && uri.params.get("transport").is_some() {
            return Err(format!("`{text}`: the transport must be `udp`, `tcp` or `tls`"));
        }
        let allowed = match given {
            Some(given) => vec![given],
            // RFC 3263 §4.1: UDP where nothing says otherwise.
            None => vec![Transport::Udp, Transport::Tcp, Transport::Tls],
        };
        let first = *allowed.first().unwrap_or(&Transport::Udp);
        let target = uri.target();
        let known =
            if target == "localhost" { Some(Ipv4Addr::LOCALHOST.into()) } else { target.parse().ok() };
        let (mut hops, mut hosts) = (Vec::new(), VecDeque::new());
        if let Some(ip) = known {
            let port = uri.port.unwrap_or(first.port());
            hops.push(Hop { transport: first, remote: SocketAddr::new(ip, port) });
        } else if let Some(port) = uri.port {
            hosts.push_back((first, target.to_string(), port));
        }
        let state = match given {
            _ if !hops.is_empty() || !hosts.is_empty() => State::Host(hosts),
            Some(given) => State::Srv(VecDeque::from([(given, service(given, &target))])),
            None => State::Naptr,
        };
        let (host, target) = (uri.host.to_string(), target.into_owned());
        Ok(Locate { host, target, allowed, state, named: VecDeque::new(), hops, asked: 0 })
    }

    /// The host of the URI: what the certificate of a server must be for (RFC 5922 §7.1).
    pub fn host(&self) -> &str {
        &self.host
    }

    /// What to ask next; `None` when all is known.
    pub fn question(&self) -> Option<Question> {
        if self.hops.len() >= SIP_HOPS_MAX || self.asked >= SIP_QUESTIONS_MAX {
            return None;
        }
        match &self.state {
            State::Naptr => Some(Question::Naptr(self.target.clone())),
            State::Srv(queue) => queue.front().map(|(_, name)| Question::Srv(name.clone())),
            State::Host(queue) => queue.front().map(|(_, name, _)| Question::Host(name.clone())),
        }
    }

    /// Takes the answer to [`Locate::question`]; one to another question counts as nothing.
    pub fn answer(&mut self, answer: Answer, rng: &mut Rng) {
        self.asked += 1;
        match &mut self.state {
            State::Naptr => {
                let records = if let Answer::Naptr(records) = answer { records } else { Vec::new() };
                self.state = State::Srv(self.services(records));
            }
            State::Srv(queue) => {
                let transport = queue.pop_front().map(|(transport, _)| transport);
                if let (Some(transport), Answer::Srv(records)) = (transport, answer) {
                    let named = by_weight(records, rng).into_iter();
                    self.named.extend(named.map(|srv| (transport, srv.target, srv.port)));
                }
                if queue.is_empty() {
                    let mut hosts = std::mem::take(&mut self.named);
                    if hosts.is_empty() {
                        let first = *self.allowed.first().unwrap_or(&Transport::Udp);
                        hosts.push_back((first, self.target.clone(), first.port()));
                    }
                    self.state = State::Host(hosts);
                }
            }
            State::Host(queue) => {
                if let (Some((transport, _, port)), Answer::Host(ips)) = (queue.pop_front(), answer) {
                    let hops = ips.into_iter().map(|ip| Hop { transport, remote: SocketAddr::new(ip, port) });
                    self.hops.extend(hops);
                }
            }
        }
    }

    /// The addresses to try, in order.
    pub fn hops(mut self) -> Vec<Hop> {
        let mut seen = std::collections::HashSet::new();
        self.hops.retain(|hop| seen.insert(*hop));
        self.hops.truncate(SIP_HOPS_MAX);
        self.hops
    }

    /// What SRV is to be asked: what NAPTR says of transports that may be used (§4.1), else the names that it is by custom.
    fn services(&self, mut records: Vec<Naptr>) -> VecDeque<(Transport, String)> {
        records.sort_by_key(|r| (r.order, r.preference));
        let usable = |r: Naptr| {
            let transport = match r.service.to_ascii_uppercase().as_str() {
                "SIP+D2U" => Transport::Udp,
                "SIP+D2T" => Transport::Tcp,
                "SIPS+D2T" => Transport::Tls,
                _ => return None,
            };
            let fits = r.flags.eq_ignore_ascii_case("s") && self.allowed.contains(&transport);
            fits.then_some((transport, r.replacement))
        };
        let told: VecDeque<_> = records.into_iter().filter_map(usable).collect();
        if told.is_empty() {
            return self.allowed.iter().map(|t| (*t, service(*t, &self.target))).collect();
        }
        told
    }
}

/// The name of a service by custom (RFC 3263 §4.1).
fn service(transport: Transport, host: &str) -> String {
    match transport {
        Transport::Udp => format!("_sip._udp.{host}"),
        Transport::Tcp | Transport::Ws => format!("_sip._tcp.{host}"),
        Transport::Tls | Transport::Wss => format!("_sips._tcp.{host}"),
    }
}

/// The order of RFC 2782: by priority, and within one by chance in proportion to the weights. `.` says that there is no
/// such service.
fn by_weight(mut records: Vec<Srv>, rng: &mut Rng) -> Vec<Srv> {
    records.retain(|r| !r.target.is_empty() && r.target != ".");
    // Those of weight 0 first, so that they are chosen now and then.
    records.sort_by_key(|r| (r.priority, r.weight));
    let mut out = Vec::with_capacity(records.len());
    while let Some(priority) = records.first().map(|r| r.priority) {
        let alike = records.iter().take_while(|r| r.priority == priority);
        let mut left = rng.u64(0..=alike.clone().map(|r| u64::from(r.weight)).sum());
        let chosen = alike.take_while(|r| match left.checked_sub(u64::from(r.weight)) {
            Some(rest) if rest > 0 => {
                left = rest;
                true
            }
            _ => false,
        });
        let chosen = chosen.count();
        out.push(records.remove(chosen));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Locates `uri` in a zone of (question, answer).
    fn locate(uri: &str, zone: &[(Question, Answer)], seed: u64) -> Vec<String> {
        let (mut locate, mut rng) = (Locate::new(uri).unwrap(), Rng::with_seed(seed));
        while let Some(question) = locate.question() {
            let found = zone.iter().find(|(q, _)| *q == question).map(|(_, a)| a.clone());
            locate.answer(found.unwrap_or(Answer::Host(Vec::new())), &mut rng);
        }
        locate.hops().iter().map(|h| format!("{} {}", h.transport, h.remote)).collect()
    }

    fn srv(name: &str, records: &[(u16, u16, u16, &str)]) -> (Question, Answer) {
        let record = |(priority, weight, port, target): &(u16, u16, u16, &str)| Srv {
            priority: *priority,
            weight: *weight,
            port: *port,
            target: (*target).to_owned(),
        };
        (Question::Srv(name.into()), Answer::Srv(records.iter().map(record).collect()))
    }

    fn host(name: &str, ips: &[&str]) -> (Question, Answer) {
        (Question::Host(name.into()), Answer::Host(ips.iter().map(|ip| ip.parse().unwrap()).collect()))
    }

    fn naptr(name: &str, records: &[(u16, u16, &str, &str)]) -> (Question, Answer) {
        let record = |(order, preference, service, to): &(u16, u16, &str, &str)| Naptr {
            order: *order,
            preference: *preference,
            flags: "s".into(),
            service: (*service).to_owned(),
            replacement: (*to).to_owned(),
        };
        (Question::Naptr(name.into()), Answer::Naptr(records.iter().map(record).collect()))
    }

    #[test]
    fn literals_and_ports_need_no_service_records() {
        assert_eq!(locate("sip:a@192.0.2.1", &[], 1), ["UDP 192.0.2.1:5060"]);
        assert_eq!(locate("sips:a@[2001:db8::1]", &[], 1), ["TLS [2001:db8::1]:5061"]);
        assert_eq!(locate("sip:a@localhost;transport=tcp", &[], 1), ["TCP 127.0.0.1:5060"]);
        let zone = [host("h", &["192.0.2.1", "2001:db8::1"]), srv("_sip._udp.h", &[(1, 1, 1, "x")])];
        assert_eq!(locate("sip:a@h:5070", &zone, 1), ["UDP 192.0.2.1:5070", "UDP [2001:db8::1]:5070"]);
    }

    #[test]
    fn maddr_is_where_it_goes_and_the_host_who_must_be_there() {
        assert_eq!(locate("sip:a@h.example:5070;maddr=192.0.2.1", &[], 1), ["UDP 192.0.2.1:5070"]);
        assert_eq!(locate("sips:a@h.example;maddr=[2001:db8::1]", &[], 1), ["TLS [2001:db8::1]:5061"]);
        let zone = [srv("_sip._udp.edge", &[(0, 0, 5080, "s")]), host("s", &["192.0.2.7"])];
        assert_eq!(locate("sip:a@192.0.2.9;maddr=edge", &zone, 1), ["UDP 192.0.2.7:5080"]);
        assert_eq!(Locate::new("sips:a@h.example;maddr=edge").unwrap().host(), "h.example");
    }

    #[test]
    fn naptr_says_the_transport_and_srv_the_order() {
        // The example of RFC 3263 §4.1.
        let zone = [
            naptr(
                "example.com",
                &[
                    (90, 50, "SIP+D2T", "_sip._tcp.example.com"),
                    (50, 50, "SIPS+D2T", "_sips._tcp.example.com"),
                    (100, 50, "SIP+D2U", "_sip._udp.example.com"),
                    (10, 10, "E2U+email", "mail"),
                ],
            ),
            srv("_sip._tcp.example.com", &[(1, 0, 5060, "server2"), (0, 1, 5060, "server1")]),
            srv("_sips._tcp.example.com", &[(0, 0, 5061, "server1")]),
            host("server1", &["192.0.2.1"]),
            host("server2", &["192.0.2.2"]),
        ];
        let all = locate("sip:a@example.com", &zone, 1);
        assert_eq!(all, ["TLS 192.0.2.1:5061", "TCP 192.0.2.1:5060", "TCP 192.0.2.2:5060"]);
        assert_eq!(
            locate("sips:a@example.com", &zone, 1),
            ["TLS 192.0.2.1:5061"],
            "sips is secure or nothing"
        );
    }

    #[test]
    fn without_naptr_the_services_have_their_names_by_custom() {
        let zone = [srv("_sip._tcp.h", &[(0, 0, 5080, "s")]), host("s", &["192.0.2.1"])];
        assert_eq!(locate("sip:a@h", &zone, 1), ["TCP 192.0.2.1:5080"]);
        assert_eq!(locate("sip:a@h", &[host("h", &["192.0.2.9"])], 1), ["UDP 192.0.2.9:5060"]);
        assert_eq!(locate("sip:a@h;transport=tls", &[host("h", &["192.0.2.9"])], 1), ["TLS 192.0.2.9:5061"]);
        assert_eq!(locate("sip:a@h", &[], 1), Vec::<String>::new());
        let none = [srv("_sip._udp.h", &[(0, 0, 0, ".")]), host("h", &["192.0.2.9"])];
        assert_eq!(locate("sip:a@h;transport=udp", &none, 1), ["UDP 192.0.2.9:5060"]);
    }

    #[test]
    fn a_target_without_address_is_left_out() {
        let zone =
            [srv("_sip._udp.h", &[(1, 0, 5060, "gone"), (2, 0, 5060, "s")]), host("s", &["192.0.2.1"])];
        assert_eq!(locate("sip:a@h", &zone, 1), ["UDP 192.0.2.1:5060"]);
    }

    #[test]
    fn priorities_hold_always_and_weights_in_proportion() {
        let records = [(1, 30, 1, "often"), (1, 10, 1, "seldom"), (1, 0, 1, "never"), (2, 100, 1, "last")];
        let Answer::Srv(records) = srv("x", &records).1 else { panic!() };
        let (mut rng, mut first) = (Rng::with_seed(7), std::collections::BTreeMap::new());
        const DRAWS: usize = 20_000;
        for _ in 0..DRAWS {
            let order = by_weight(records.clone(), &mut rng);
            assert_eq!((order.len(), order[3].target.as_str()), (4, "last"));
            *first.entry(order[0].target.clone()).or_insert(0_usize) += 1;
        }
        let share = |name: &str| first.get(name).copied().unwrap_or(0) as f64 / DRAWS as f64;
        // Of 41 numbers from 0 to 40, the one of weight 0 has the 0, as RFC 2782 has it.
        for (name, wanted) in [("often", 30.0 / 41.0), ("seldom", 10.0 / 41.0), ("never", 1.0 / 41.0)] {
            assert!((share(name) - wanted).abs() < 0.015, "{name}: {} and not {wanted}", share(name));
        }
        let orders = |seed| by_weight(records.clone(), &mut Rng::with_seed(seed));
        assert_eq!(orders(3), orders(3), "the same seed, the same order");
    }

    #[test]
    fn a_zone_without_end_is_cut_short() {
        let many: Vec<_> = (0..500).map(|i| format!("s{i}")).collect();
        let records: Vec<_> = many.iter().map(|name| (0, 0, 5060, name.as_str())).collect();
        let mut zone = vec![srv("_sip._udp.h", &records)];
        zone.extend(many.iter().map(|name| host(name, &["192.0.2.1", "192.0.2.2"])));
        assert_eq!(locate("sip:a@h", &zone, 1).len(), 2, "the same address is tried once");
        let mut asked = Locate::new("sip:a@h").unwrap();
        let mut rng = Rng::with_seed(1);
        let mut count = 0;
        while asked.question().is_some() {
            asked.answer(Answer::Srv(Vec::new()), &mut rng);
            count += 1;
        }
        assert!(count <= SIP_QUESTIONS_MAX);
    }

    #[test]
    fn what_cannot_be_called_is_said() {
        assert!(Locate::new("tel:+123").unwrap_err().contains("only the schemes"));
        assert!(Locate::new("sip:a@h;transport=ws").unwrap_err().contains("must be `udp`"));
        assert!(Locate::new("sip:a@").unwrap_err().contains("is no SIP URI"));
    }
}
