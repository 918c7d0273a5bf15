use super::*;
use crate::base::{Now, Pii};
use crate::limits::SIP_CONNECTIONS_PER_SOURCE_MAX;
use crate::sip::{Command, Config, Credentials, EndCause, Endpoint, Event, Output, PeerId, Target};
use std::collections::BTreeMap;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { timeout(Duration::from_secs(20), test).await.expect("it takes too long") });
}

struct Node {
    endpoint: Endpoint,
    sockets: SipSockets,
    begun: Instant,
}

impl Node {
    async fn new(seed: u64, tls: Option<(tls::Acceptor, tls::Connector)>) -> Node {
        let accounts = BTreeMap::from([("ann".to_owned(), Pii::new("secret".to_owned()))]);
        let mut sockets = SipSockets::bind(&[ANY]).await.unwrap();
        if let Some((acceptor, connector)) = tls {
            let tls = Listener { transport: Transport::Tls, addr: ANY, advertised: None };
            sockets.listen(tls, Some(acceptor)).await.unwrap();
            sockets.connector = connector;
        }
        let listeners = sockets.listeners().to_vec();
        let endpoint = Endpoint::new(Config { seed, accounts, listeners, ..Config::default() });
        Node { endpoint, sockets, begun: Instant::now() }
    }

    fn addr(&self, transport: Transport) -> SocketAddr {
        self.sockets.listeners().iter().find(|l| l.transport == transport).unwrap().addr
    }

    fn flow_to(&self, other: &Node, transport: Transport) -> Flow {
        Flow { transport, local: self.addr(transport), remote: other.addr(transport) }
    }

    fn step(&mut self, input: Input) -> Vec<Event> {
        let (now, mut out) = (Now(self.begun.elapsed().as_micros() as u64), Vec::new());
        self.endpoint.step(now, input, &mut out);
        let mut events = Vec::new();
        for output in out {
            match output {
                Output::Transmit { flow, message } => self.sockets.send(flow, message),
                Output::Event(event) => events.push(event),
                Output::Locate { ask, uri } => self.sockets.locate(ask, uri),
            }
        }
        events
    }

    async fn input(&mut self) -> Input {
        let now = Now(self.begun.elapsed().as_micros() as u64);
        let wait = self.endpoint.deadline().map_or(Duration::from_secs(60), |at| at.since(now));
        timeout(wait, self.sockets.recv()).await.unwrap_or(Input::Tick)
    }
}

/// Runs both until `until` is true of an event of either (0 or 1).
async fn until(a: &mut Node, b: &mut Node, mut until: impl FnMut(&mut Node, usize, &Event) -> bool) {
    loop {
        let (node, i, input) = tokio::select! {
            input = a.input() => (&mut *a, 0, input),
            input = b.input() => (&mut *b, 1, input),
        };
        for event in node.step(input) {
            if until(node, i, &event) {
                return;
            }
        }
    }
}

async fn registers_calls_and_hangs_up(transport: Transport) {
    let tls = (transport == Transport::Tls).then(tls::tests::pair);
    let (mut server, mut phone) = (Node::new(1, tls.clone()).await, Node::new(2, tls).await);
    let registrar = phone.flow_to(&server, transport);
    let credentials = Credentials { user: "ann".into(), password: Pii::new("secret".into()) };
    let (peer, registrar, user) = (PeerId(0), Target::at(registrar), "ann".into());
    phone.step(Input::Command(Command::Register { peer, registrar, user, credentials, expires_s: 60 }));
    until(&mut server, &mut phone, |_, _, e| matches!(e, Event::Registration { ok: true, .. })).await;
    let leg = server.endpoint.new_leg();
    let target = Target::User("ann".into());
    let (from, sdp, headers) = ("sip:line@localhost".into(), Bytes::from_static(b"v=0\r\n"), vec![]);
    server.step(Input::Command(Command::Invite { leg, target, from, sdp, headers, credentials: None }));
    let mut ends = Vec::new();
    until(&mut server, &mut phone, |node, i, event| {
        match event {
            Event::Incoming(call) => {
                let (leg, sdp) = (call.leg, Bytes::from_static(b"v=0\r\n"));
                node.step(Input::Command(Command::Answer { leg, sdp }));
            }
            Event::Acknowledged { leg, .. } => {
                for event in node.step(Input::Command(Command::Hangup { leg: *leg, reason: "done" })) {
                    ends.push((i, event));
                }
            }
            Event::Ended { .. } => ends.push((i, event.clone())),
            _ => {}
        }
        ends.len() == 2
    })
    .await;
    let cause = |i: usize| ends.iter().find(|(n, _)| *n == i).map(|(_, e)| e.clone());
    assert!(matches!(cause(0), Some(Event::Ended { cause: EndCause::PeerHungUp, .. })));
    assert!(matches!(cause(1), Some(Event::Ended { cause: EndCause::WeHungUp, .. })));
    assert_eq!(server.sockets.connections(), usize::from(transport.reliable()), "one connection serves all");
}

#[test]
fn a_phone_registers_is_called_and_hangs_up_over_udp() {
    run(registers_calls_and_hangs_up(Transport::Udp));
}

#[test]
fn a_phone_registers_is_called_and_hangs_up_over_tcp() {
    run(registers_calls_and_hangs_up(Transport::Tcp));
}

#[test]
fn a_phone_registers_is_called_and_hangs_up_over_tls() {
    run(registers_calls_and_hangs_up(Transport::Tls));
}

#[test]
fn a_server_whose_certificate_nobody_signed_is_not_talked_to() {
    run(async {
        let (theirs, ours) = (tls::tests::pair(), tls::tests::pair());
        let (server, mut phone) = (Node::new(1, Some(theirs)).await, Node::new(2, Some(ours)).await);
        let flow = phone.flow_to(&server, Transport::Tls);
        phone.sockets.send(flow, Bytes::from_static(b"x"));
        assert!(matches!(phone.sockets.recv().await, Input::Unreachable { flow: f } if f == flow));
    });
}

#[test]
fn who_was_reached_over_a_connection_is_gone_with_it() {
    run(async {
        let (mut server, mut phone) = (Node::new(1, None).await, Node::new(2, None).await);
        let registrar = phone.flow_to(&server, Transport::Tcp);
        let credentials = Credentials { user: "ann".into(), password: Pii::new("secret".into()) };
        let (peer, registrar, user) = (PeerId(0), Target::at(registrar), "ann".into());
        phone.step(Input::Command(Command::Register { peer, registrar, user, credentials, expires_s: 60 }));
        until(&mut server, &mut phone, |_, _, e| matches!(e, Event::Registration { ok: true, .. })).await;
        drop(phone);
        loop {
            let input = server.input().await;
            if server.step(input).iter().any(|e| matches!(e, Event::Unregistered { .. })) {
                break;
            }
        }
    });
}

#[test]
fn one_address_may_make_so_many_connections_and_no_more() {
    run(async {
        let sockets = SipSockets::bind(&[ANY]).await.unwrap();
        let mut held = Vec::new();
        for _ in 0..SIP_CONNECTIONS_PER_SOURCE_MAX {
            held.push(TcpStream::connect(sockets.addrs()[0]).await.unwrap());
        }
        while sockets.connections() < SIP_CONNECTIONS_PER_SOURCE_MAX {
            tokio::task::yield_now().await;
        }
        let mut more = TcpStream::connect(sockets.addrs()[0]).await.unwrap();
        assert_eq!(more.read(&mut [0]).await.unwrap_or(0), 0, "it is closed");
        assert_eq!(sockets.connections(), SIP_CONNECTIONS_PER_SOURCE_MAX);
        held.pop();
        while sockets.connections() == SIP_CONNECTIONS_PER_SOURCE_MAX {
            tokio::task::yield_now().await;
        }
        let mut again = TcpStream::connect(sockets.addrs()[0]).await.unwrap();
        again.write_all(b"\r\n\r\n").await.unwrap();
        assert_eq!(again.read(&mut [0; 2]).await.unwrap(), 2, "there is room again");
    });
}

#[test]
fn a_refused_connection_comes_back_as_unreachable() {
    run(async {
        let mut sockets = SipSockets::bind(&[ANY]).await.unwrap();
        let gone = TcpListener::bind(ANY).await.unwrap().local_addr().unwrap();
        let flow = Flow { transport: Transport::Tcp, local: sockets.addrs()[0], remote: gone };
        sockets.send(flow, Bytes::from_static(b"x"));
        assert!(matches!(sockets.recv().await, Input::Unreachable { flow: f } if f == flow));
    });
}

#[test]
fn pings_are_answered_and_a_stream_that_cannot_be_cut_is_closed() {
    run(async {
        let sockets = SipSockets::bind(&[ANY]).await.unwrap();
        let mut stream = TcpStream::connect(sockets.addrs()[0]).await.unwrap();
        stream.write_all(b"\r\n\r\n").await.unwrap();
        let mut pong = [0; 2];
        stream.read_exact(&mut pong).await.unwrap();
        assert_eq!(&pong, b"\r\n");
        stream.write_all(b"OPTIONS sip:a SIP/2.0\r\n\r\n").await.unwrap();
        assert_eq!(stream.read(&mut pong).await.unwrap(), 0);
    });
}

#[test]
fn the_next_free_port_is_taken() {
    run(async {
        let first = SipSockets::bind(&[ANY]).await.unwrap().addrs()[0];
        let held = SipSockets::bind(&[ANY]).await.unwrap();
        let taken = held.addrs()[0];
        assert_ne!(first.ip(), IpAddr::from([0, 0, 0, 0]));
        let next = SipSockets::bind_from(taken.ip(), taken.port(), 50).await.unwrap();
        assert!(next.addrs()[0].port() > taken.port());
        assert!(SipSockets::bind_from(taken.ip(), taken.port(), 1).await.is_err());
    });
}

#[test]
fn where_is_listened_no_longer_connections_and_calls_over_datagrams_go_on_and_nothing_new_comes() {
    run(async {
        let mut sockets = SipSockets::bind(&[ANY]).await.unwrap();
        let old = sockets.addrs()[0];
        let mut there = TcpStream::connect(old).await.unwrap();
        there.write_all(b"\r\n\r\n").await.unwrap();
        there.read_exact(&mut [0; 2]).await.unwrap();
        let new = sockets.listen_both(ANY).await.unwrap();
        sockets.unlisten(Transport::Udp, old);
        sockets.unlisten(Transport::Tcp, old);
        assert_eq!(sockets.addrs(), [new]);
        while TcpStream::connect(old).await.is_ok() {
            tokio::task::yield_now().await;
        }
        there.write_all(b"\r\n\r\n").await.unwrap();
        there.read_exact(&mut [0; 2]).await.unwrap();
        // A call needs the socket still; then it does not.
        let peer = UdpSocket::bind(ANY).await.unwrap();
        let flow = Flow { transport: Transport::Udp, local: old, remote: peer.local_addr().unwrap() };
        sockets.close_retired(|addr| addr == old);
        sockets.send(flow, Bytes::from_static(b"BYE"));
        assert_eq!(peer.recv(&mut [0; 16]).await.unwrap(), 3);
        assert_eq!(sockets.listen_both(old).await.unwrap(), old, "it is taken up again");
        sockets.unlisten(Transport::Udp, old);
        sockets.close_retired(|_| false);
        sockets.send(flow, Bytes::from_static(b"BYE"));
        assert!(matches!(sockets.recv().await, Input::Unreachable { flow: f } if f == flow));
        assert!(UdpSocket::bind(new).await.is_err(), "this one stays");
    });
}
