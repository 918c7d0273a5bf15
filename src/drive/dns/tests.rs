use super::*;
use crate::base::{LegId, Now};
use crate::drive::sip::SipSockets;
use crate::sip::{Command, Config, Endpoint, Event, Input, Output, Target, Transport};
use bytes::Bytes;
use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::Record;
use hickory_proto::rr::rdata::{A, SOA, SRV};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::UdpSocket;

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const HERE: RData = RData::A(A(Ipv4Addr::LOCALHOST));

fn srv(priority: u16, weight: u16, port: u16, target: &str) -> RData {
    RData::SRV(SRV::new(priority, weight, port, Name::from_ascii(target).unwrap()))
}

/// A name server that knows these records, says NXDOMAIN to the rest, and nothing about names with `slow` in them. Gives how
/// often it has been asked.
async fn serve(zone: Vec<(&'static str, RData)>) -> (Dns, Arc<AtomicUsize>) {
    let socket = UdpSocket::bind(ANY).await.unwrap();
    let (dns, asked) = (Dns::servers(&[socket.local_addr().unwrap()]), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut octets = [0; 1500];
        while let Ok((length, peer)) = socket.recv_from(&mut octets).await {
            let query = Message::from_vec(&octets[..length]).unwrap();
            let question = query.queries[0].clone();
            let name = question.name().to_utf8().to_lowercase();
            count.fetch_add(1, Ordering::Relaxed);
            if name.contains("slow") {
                continue;
            }
            let mut answer = Message::new(query.metadata.id, MessageType::Response, OpCode::Query);
            answer.metadata.recursion_available = true;
            let here: Vec<_> = zone.iter().filter(|(n, _)| name == format!("{n}.")).collect();
            if here.is_empty() {
                answer.metadata.response_code = ResponseCode::NXDomain;
            }
            for (_, data) in here.iter().filter(|(_, data)| data.record_type() == question.query_type()) {
                answer.add_answer(Record::from_rdata(question.name().clone(), 60, data.clone()));
            }
            if answer.answers.is_empty() {
                // How long there is none (RFC 2308).
                let zone = Name::from_ascii("test.").unwrap();
                let soa = SOA::new(zone.clone(), zone.clone(), 1, 60, 60, 60, 60);
                answer.add_authority(Record::from_rdata(zone, 60, RData::SOA(soa)));
            }
            answer.add_query(question);
            socket.send_to(&answer.to_vec().unwrap(), peer).await.unwrap();
        }
    });
    (dns, asked)
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(30), test).await.expect("it takes too long");
    });
}

async fn hops(dns: &Dns, uri: &str) -> Vec<String> {
    let found = dns.locate(uri).await.unwrap();
    found.hops.iter().map(|h| format!("{} {}", h.transport, h.remote)).collect()
}

#[test]
fn priorities_are_kept_and_answers_are_remembered() {
    run(async {
        let (dns, asked) = serve(vec![
            ("_sip._udp.line.test", srv(20, 0, 5062, "b.line.test.")),
            ("_sip._udp.line.test", srv(10, 0, 5061, "a.line.test.")),
            ("a.line.test", RData::A(A::new(192, 0, 2, 1))),
            ("b.line.test", RData::A(A::new(192, 0, 2, 2))),
        ])
        .await;
        let wanted = ["UDP 192.0.2.1:5061", "UDP 192.0.2.2:5062"];
        assert_eq!(hops(&dns, "sip:95@line.test").await, wanted);
        let before = asked.load(Ordering::Relaxed);
        assert_eq!(hops(&dns, "sip:95@line.test").await, wanted);
        assert_eq!(asked.load(Ordering::Relaxed), before, "nothing is asked a second time");
    });
}

#[test]
fn a_name_that_does_not_exist_has_no_addresses() {
    run(async {
        let (dns, _) = serve(vec![]).await;
        assert_eq!(hops(&dns, "sip:95@nowhere.test").await, Vec::<String>::new());
    });
}

#[test]
fn a_name_server_that_does_not_answer_is_waited_for_so_long_and_what_is_known_is_used() {
    run(async {
        let (dns, _) = serve(vec![
            ("_sip._udp.line.test", srv(1, 0, 5060, "a.line.test.")),
            ("_sip._udp.line.test", srv(2, 0, 5060, "slow.line.test.")),
            ("a.line.test", RData::A(A::new(192, 0, 2, 1))),
        ])
        .await;
        let begun = Instant::now();
        assert_eq!(hops(&dns, "sip:95@line.test;transport=udp").await, ["UDP 192.0.2.1:5060"]);
        assert_eq!(hops(&dns, "sip:95@slow.test").await, Vec::<String>::new());
        let took = begun.elapsed();
        assert!(took < SIP_LOCATE_MAX * 2 + Duration::from_secs(1), "{took:?}");
    });
}

/// One side of a call on real sockets.
struct Node {
    endpoint: Endpoint,
    sockets: SipSockets,
    begun: std::time::Instant,
}

impl Node {
    async fn new(seed: u64) -> Node {
        let sockets = SipSockets::bind(&[ANY]).await.unwrap();
        let listeners = sockets.listeners().to_vec();
        let endpoint = Endpoint::new(Config { seed, listeners, ..Config::default() });
        Node { endpoint, sockets, begun: std::time::Instant::now() }
    }

    fn step(&mut self, input: Input) -> Vec<Event> {
        let (mut out, mut events) = (Vec::new(), Vec::new());
        self.endpoint.step(Now(self.begun.elapsed().as_micros() as u64), input, &mut out);
        for output in out {
            match output {
                Output::Transmit { flow, message } => self.sockets.send(flow, message),
                Output::Locate { ask, uri } => self.sockets.locate(ask, uri),
                Output::Event(event) => events.push(event),
            }
        }
        events
    }
}

#[test]
fn a_call_to_a_name_passes_a_dead_server_and_is_answered_by_the_next() {
    run(async {
        let (mut caller, mut line) = (Node::new(1).await, Node::new(2).await);
        let alive = line.sockets.addrs()[0].port();
        let dead = std::net::TcpListener::bind(ANY).unwrap().local_addr().unwrap().port();
        let (dns, _) = serve(vec![
            ("_sip._tcp.line.test", srv(1, 0, dead, "a.line.test.")),
            ("_sip._tcp.line.test", srv(2, 0, alive, "a.line.test.")),
            ("a.line.test", HERE),
        ])
        .await;
        caller.sockets.ask(dns);
        let leg: LegId = caller.endpoint.new_leg();
        let (target, from) = (Target::Name("sip:95@line.test;transport=tcp".into()), "sip:me@here".into());
        let (sdp, headers, credentials) = (Bytes::from_static(b"v=0\r\n"), Vec::new(), None);
        caller.step(Input::Command(Command::Invite { leg, target, from, sdp, headers, credentials }));
        loop {
            let (mine, input) = tokio::select! {
                input = caller.sockets.recv() => (true, input),
                input = line.sockets.recv() => (false, input),
            };
            let node = if mine { &mut caller } else { &mut line };
            for event in node.step(input) {
                match event {
                    Event::Incoming(call) => {
                        assert_eq!(call.flow.transport, Transport::Tcp);
                        let sdp = Bytes::from_static(b"v=0\r\n");
                        line.step(Input::Command(Command::Answer { leg: call.leg, sdp }));
                    }
                    Event::Answered { .. } => return,
                    Event::Ended { cause, .. } => panic!("{cause:?}"),
                    _ => {}
                }
            }
        }
    });
}
