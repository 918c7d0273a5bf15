//! Servers that we register with and ask whether they are alive: by name, one address after the other.

use super::{addr, ms};
use crate::base::{Now, Pii};
use crate::sip::*;
use std::net::SocketAddr;
use std::time::Duration;

const PEER: PeerId = PeerId(7);

/// An endpoint, and what came out last.
struct Line {
    now: Now,
    endpoint: Endpoint,
    out: Vec<Output>,
}

impl Line {
    fn new() -> Line {
        let listeners = vec![Listener { transport: Transport::Udp, addr: addr(0), advertised: None }];
        let rules = Rules { silent: true, exempt: Networks::default(), ..Rules::default() };
        let endpoint = Endpoint::new(Config { seed: 5, listeners, rules, ..Config::default() });
        Line { now: Now(1_000_000), endpoint, out: Vec::new() }
    }

    fn input(&mut self, input: Input) {
        self.out.clear();
        self.endpoint.step(self.now, input, &mut self.out);
    }

    fn register() -> Line {
        let mut line = Line::new();
        let credentials = Credentials { user: "acme".into(), password: Pii::new("secret".into()) };
        let registrar = Target::Name("sip:carrier.example".into());
        let (user, expires_s) = ("acme".into(), 600);
        line.input(Input::Command(Command::Register { peer: PEER, registrar, user, credentials, expires_s }));
        line
    }

    /// The servers that were asked for are at these nodes.
    fn located(&mut self, nodes: &[usize]) {
        let [Output::Locate { ask, uri }] = self.out.as_slice() else { panic!("{:?}", self.out) };
        assert_eq!(uri, "sip:carrier.example");
        let hops = nodes.iter().map(|n| Hop { transport: Transport::Udp, remote: addr(*n) }).collect();
        let ask = *ask;
        self.input(Input::Located { ask, hops });
    }

    /// The request that was sent last, and where to.
    fn sent(&self) -> (Message, SocketAddr) {
        let sent = self.out.iter().rev().find_map(|o| match o {
            Output::Transmit { flow, message } => Some((Message::parse(message).unwrap(), flow.remote)),
            _ => None,
        });
        sent.expect("a request")
    }

    fn answered(&mut self, status: u16, fields: &[(&str, &str)]) {
        let (request, remote) = self.sent();
        let mut reply = Builder::reply(&request, status, "", Some("theirs"));
        for (name, value) in fields {
            reply = reply.named(name, value);
        }
        let flow = Flow { transport: Transport::Udp, local: addr(0), remote };
        self.input(Input::Received { flow, message: reply.end() });
    }

    fn pass(&mut self, after: Duration) {
        let until = self.now + after;
        while let Some(at) = self.endpoint.deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.input(Input::Tick);
            if self.out.iter().any(|o| !matches!(o, Output::Transmit { .. })) {
                return;
            }
        }
        self.now = until;
    }

    fn event(&self) -> Option<&Event> {
        self.out.iter().find_map(|o| match o {
            Output::Event(event) => Some(event),
            _ => None,
        })
    }
}

const CHALLENGE: (&str, &str) = ("WWW-Authenticate", "Digest realm=\"carrier\", nonce=\"n1\", qop=\"auth\"");

#[test]
fn it_registers_with_the_next_server_of_a_name_and_a_refresh_carries_credentials_at_once() {
    let mut line = Line::register();
    line.located(&[1, 2]);
    assert_eq!(line.sent().1, addr(1));
    line.answered(503, &[]);
    assert_eq!(line.sent().1, addr(2));
    line.answered(401, &[CHALLENGE]);
    let (second, _) = line.sent();
    assert_eq!(second.contact().unwrap().parsed().unwrap().user.as_deref(), Some("acme"));
    assert!(second.get(Name::Authorization).unwrap().contains("nc=00000001"));
    line.answered(200, &[("Expires", "60")]);
    assert!(matches!(line.event(), Some(Event::Registration { peer: PEER, ok: true, status: 200 })));
    line.pass(Duration::from_secs(54));
    let (refresh, to) = line.sent();
    assert_eq!(to, addr(2), "the server that took it");
    assert!(refresh.get(Name::Authorization).unwrap().contains("nc=00000002"), "{refresh:?}");
    // What passed once may be asked for again.
    line.answered(401, &[("WWW-Authenticate", "Digest realm=\"carrier\", nonce=\"n2\", qop=\"auth\"")]);
    assert!(line.sent().0.get(Name::Authorization).unwrap().contains("n2"));
    line.answered(401, &[CHALLENGE]);
    assert!(matches!(line.event(), Some(Event::Registration { ok: false, status: 401, .. })));
}

#[test]
fn after_a_failure_the_name_is_located_again() {
    let mut line = Line::register();
    line.located(&[1]);
    line.answered(500, &[]);
    assert!(matches!(line.event(), Some(Event::Registration { ok: false, status: 500, .. })));
    line.pass(Duration::from_secs(6));
    line.located(&[]);
    assert_eq!(line.event().map(|_| ()), None, "still not registered: nothing new");
    line.pass(Duration::from_secs(12));
    line.located(&[2]);
    line.answered(200, &[]);
    assert!(matches!(line.event(), Some(Event::Registration { ok: true, .. })));
    line.input(Input::Command(Command::Unregister { peer: PEER }));
    assert_eq!(line.sent().0.get(Name::Expires).unwrap(), "0");
    line.answered(200, &[]);
    line.pass(Duration::from_secs(40));
    assert_eq!(line.endpoint.dump(), "");
}

#[test]
fn calls_of_the_registrar_are_its_own_and_say_which_number_was_called() {
    let mut line = Line::register();
    line.located(&[1]);
    let invite = |user: &str, more: &str| {
        let text = format!(
            "INVITE sip:{user}@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK{user}{}\r\n\
             From: <sip:1@x>;tag=1\r\nTo: <sip:4001@carrier.example>\r\nCall-ID: {user}{}\r\nCSeq: 1 INVITE\r\n\
             Contact: <sip:1@10.0.0.2>\r\nMax-Forwards: 9\r\n{more}\r\n",
            more.len(),
            more.len()
        );
        let flow = Flow { transport: Transport::Udp, local: addr(0), remote: addr(1) };
        Input::Received { flow, message: text.into() }
    };
    line.input(invite("acme", ""));
    assert!(line.out.is_empty(), "a stranger as yet");
    line.input(Input::Tick);
    let mut line = Line::register();
    line.located(&[1]);
    line.answered(200, &[]);
    let mut dialled = |user, more| {
        line.input(invite(user, more));
        match line.event() {
            Some(Event::Incoming(call)) => (call.peer, call.dialled.clone()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(dialled("acme", ""), (Some(PEER), "4001".into()));
    assert_eq!(dialled("acme", "P-Called-Party-ID: <sip:4002@x>\r\n"), (Some(PEER), "4002".into()));
    assert_eq!(dialled("4003", ""), (Some(PEER), "4003".into()));
}

#[test]
fn a_server_is_alive_if_one_of_its_addresses_answers_in_time() {
    let mut line = Line::new();
    let target = Target::Name("sip:carrier.example".into());
    line.input(Input::Command(Command::Options { peer: PEER, target: target.clone() }));
    line.located(&[1, 2]);
    assert_eq!(line.sent().1, addr(1));
    line.pass(ms(3900));
    assert_eq!(line.sent().1, addr(1));
    line.pass(ms(200));
    assert_eq!((line.sent().0.request().unwrap().0.to_string(), line.sent().1), ("OPTIONS".into(), addr(2)));
    line.answered(404, &[]);
    assert!(matches!(line.event(), Some(Event::Options { peer: PEER, status: Some(404) })));
    line.input(Input::Command(Command::Options { peer: PEER, target }));
    line.located(&[1]);
    line.pass(ms(4100));
    assert!(matches!(line.event(), Some(Event::Options { peer: PEER, status: None })));
    line.pass(Duration::from_secs(10));
    assert_eq!(line.endpoint.dump(), "");
}
