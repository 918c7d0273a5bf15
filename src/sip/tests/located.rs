//! Calls to names: one server after the other is tried; and requests that are too large for UDP.

use super::{addr, ms};
use crate::base::{LegId, Now};
use crate::sip::*;
use bytes::Bytes;
use std::net::SocketAddr;
use std::time::Duration;

/// An endpoint that calls a name, and what came out last.
struct Caller {
    now: Now,
    endpoint: Endpoint,
    leg: LegId,
    out: Vec<Output>,
}

impl Caller {
    fn new() -> Caller {
        let listener = |transport| Listener { transport, addr: addr(0), advertised: None };
        let listeners = vec![listener(Transport::Udp), listener(Transport::Tcp)];
        let mut endpoint = Endpoint::new(Config { seed: 5, listeners, ..Config::default() });
        let leg = endpoint.new_leg();
        Caller { now: Now(1_000_000), endpoint, leg, out: Vec::new() }
    }

    fn input(&mut self, input: Input) {
        self.out.clear();
        self.endpoint.step(self.now, input, &mut self.out);
    }

    fn call(&mut self, headers: Vec<(String, String)>) {
        self.call_to(Target::Name("sip:95@line.example".into()), headers);
    }

    fn call_to(&mut self, target: Target, headers: Vec<(String, String)>) {
        let leg = self.leg;
        let (from, sdp) = ("sip:me@here".into(), Bytes::from_static(b"offer"));
        self.input(Input::Command(Command::Invite { leg, target, from, sdp, headers, credentials: None }));
        let [Output::Locate { ask, uri }] = self.out.as_slice() else { panic!("{:?}", self.out) };
        assert_eq!((*ask, uri.as_str()), (Ask::Invite(leg), "sip:95@line.example"));
    }

    /// The servers have been found at these nodes.
    fn located(&mut self, transport: Transport, nodes: &[usize]) {
        let hops = nodes.iter().map(|node| Hop { transport, remote: addr(*node) }).collect();
        self.input(Input::Located { ask: Ask::Invite(self.leg), hops });
    }

    /// What was sent last: method, transport in Via, where to.
    fn sent(&self) -> Vec<(String, String, SocketAddr)> {
        let sent = self.out.iter().filter_map(|o| match o {
            Output::Transmit { flow, message } => Some((*flow, Message::parse(message).unwrap())),
            _ => None,
        });
        sent.map(|(flow, m)| {
            let via = m.via().unwrap().transport().to_string();
            assert_eq!(via, flow.transport.to_string(), "Via says what it is sent over");
            (m.request().unwrap().0.to_string(), via, flow.remote)
        })
        .collect()
    }

    /// The peer answers the request that was sent last with this status.
    fn answered(&mut self, status: u16) {
        let Some(Output::Transmit { flow, message }) =
            self.out.iter().rev().find(|o| matches!(o, Output::Transmit { .. })).cloned()
        else {
            panic!("nothing was sent")
        };
        let request = Message::parse(&message).unwrap();
        let reply =
            Builder::reply(&request, status, "", Some("theirs")).field(Name::Contact, "<sip:95@10.0.0.3>");
        self.input(Input::Received { flow, message: reply.end() });
    }

    /// Lets time pass; gives what was sent to a node that had not been sent to before.
    fn pass(&mut self, after: Duration) -> Vec<SocketAddr> {
        let (until, mut all) = (self.now + after, Vec::new());
        while let Some(at) = self.endpoint.deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.input(Input::Tick);
            all.extend(self.sent().into_iter().map(|(_, _, to)| to));
        }
        self.now = until;
        all.dedup();
        all
    }

    fn ended(&self) -> Option<&EndCause> {
        self.out.iter().find_map(|o| match o {
            Output::Event(Event::Ended { cause, .. }) => Some(cause),
            _ => None,
        })
    }

    fn answered_by_peer(&self) -> bool {
        self.out.iter().any(|o| matches!(o, Output::Event(Event::Answered { .. })))
    }
}

fn invite(transport: &str, node: usize) -> (String, String, SocketAddr) {
    ("INVITE".into(), transport.into(), addr(node))
}

#[test]
fn where_there_is_somebody_else_to_ask_the_last_server_may_not_be_silent_either() {
    for (answer, ends) in [(None, true), (Some(100), false)] {
        let mut caller = Caller::new();
        caller.call_to(Target::OneOf("sip:95@line.example".into()), vec![]);
        caller.located(Transport::Udp, &[1]);
        answer.into_iter().for_each(|status| caller.answered(status));
        caller.pass(ms(3990));
        assert_eq!(caller.ended(), None);
        caller.pass(ms(20));
        assert_eq!(caller.ended(), ends.then_some(&EndCause::Timeout), "{answer:?}");
        assert_eq!(caller.endpoint.dump().is_empty(), ends, "{}", caller.endpoint.dump());
    }
}

#[test]
fn a_server_that_refuses_for_now_is_followed_by_the_next() {
    let mut caller = Caller::new();
    caller.call(vec![("X-Kept".into(), "yes".into())]);
    caller.located(Transport::Udp, &[1, 2]);
    assert_eq!(caller.sent(), [invite("UDP", 1)]);
    caller.answered(503);
    assert_eq!(caller.sent(), [("ACK".into(), "UDP".into(), addr(1)), invite("UDP", 2)]);
    let Some(Output::Transmit { message, .. }) = caller.out.last() else { panic!() };
    let again = Message::parse(message).unwrap();
    assert!(again.fields().any(|(_, name, value)| name == "X-Kept" && value == "yes"));
    caller.answered(200);
    assert!(caller.answered_by_peer());
}

#[test]
fn a_refusal_of_the_call_itself_is_the_last_word() {
    let mut caller = Caller::new();
    caller.call(vec![]);
    caller.located(Transport::Udp, &[1, 2]);
    caller.answered(486);
    assert!(matches!(caller.ended(), Some(EndCause::Refused { status: 486, .. })));
}

#[test]
fn a_silent_server_is_left_after_four_seconds_and_the_last_after_timer_b() {
    let mut caller = Caller::new();
    caller.call(vec![]);
    caller.located(Transport::Udp, &[1, 2]);
    assert_eq!(caller.pass(ms(3999)), [addr(1)]);
    assert_eq!(caller.pass(ms(2)), [addr(2)]);
    assert_eq!(caller.pass(ms(31_990)), [addr(2)], "the last is given the time of RFC 3261");
    assert_eq!(caller.ended(), None);
    caller.pass(ms(20));
    assert_eq!(caller.ended(), Some(&EndCause::Timeout));
    assert_eq!(caller.endpoint.dump(), "");
}

#[test]
fn a_server_that_has_said_anything_is_kept() {
    let mut caller = Caller::new();
    caller.call(vec![]);
    caller.located(Transport::Udp, &[1, 2]);
    caller.answered(100);
    assert_eq!(caller.pass(Duration::from_secs(60)), []);
}

#[test]
fn a_broken_connection_is_followed_by_the_next_and_the_last_one_ends_the_call() {
    let mut caller = Caller::new();
    caller.call(vec![]);
    caller.located(Transport::Tcp, &[1, 2]);
    let flow = |node| Flow { transport: Transport::Tcp, local: addr(0), remote: addr(node) };
    caller.input(Input::Unreachable { flow: flow(1) });
    assert_eq!(caller.sent(), [invite("TCP", 2)]);
    caller.input(Input::Unreachable { flow: flow(2) });
    assert_eq!(caller.ended(), Some(&EndCause::Unreachable));
    assert_eq!(caller.endpoint.dump(), "");
}

#[test]
fn a_name_that_is_not_found_ends_the_call_and_so_does_hanging_up_before() {
    let mut caller = Caller::new();
    caller.call(vec![]);
    caller.located(Transport::Udp, &[]);
    assert_eq!(caller.ended(), Some(&EndCause::Unreachable));
    let mut caller = Caller::new();
    caller.call(vec![]);
    caller.input(Input::Command(Command::Hangup { leg: caller.leg, reason: "done" }));
    assert_eq!(caller.ended(), Some(&EndCause::WeHungUp));
    caller.located(Transport::Udp, &[1]);
    assert_eq!(caller.sent(), [], "what is found too late is not called");
    assert_eq!(caller.endpoint.dump(), "");
}

#[test]
fn a_large_request_goes_by_tcp_and_by_udp_if_nobody_listens_there() {
    let long = vec![("X-Long".to_owned(), "x".repeat(1300))];
    let mut caller = Caller::new();
    caller.call(long.clone());
    caller.located(Transport::Udp, &[1]);
    assert_eq!(caller.sent(), [invite("TCP", 1)]);
    let tcp = Flow { transport: Transport::Tcp, local: addr(0), remote: addr(1) };
    caller.input(Input::Unreachable { flow: tcp });
    assert_eq!(caller.sent(), [invite("UDP", 1)]);
    caller.answered(200);
    assert!(caller.answered_by_peer());

    // What has been heard over TCP is not said again when that breaks.
    let mut caller = Caller::new();
    caller.call(long.clone());
    caller.located(Transport::Udp, &[1]);
    caller.answered(180);
    caller.input(Input::Unreachable { flow: tcp });
    assert_eq!(caller.sent(), []);

    // CANCEL goes the way of its INVITE.
    let mut caller = Caller::new();
    caller.call(long);
    caller.located(Transport::Udp, &[1]);
    caller.answered(180);
    caller.input(Input::Command(Command::Hangup { leg: caller.leg, reason: "done" }));
    assert_eq!(caller.sent(), [("CANCEL".into(), "TCP".into(), addr(1))]);
}

#[test]
fn the_largest_request_for_udp_stays_and_one_octet_more_does_not() {
    let by = |extra: usize| {
        let mut caller = Caller::new();
        caller.call(vec![("X-Long".to_owned(), "x".repeat(extra))]);
        caller.located(Transport::Udp, &[1]);
        let Some(Output::Transmit { flow, message }) = caller.out.last() else { panic!() };
        (flow.transport, message.len())
    };
    let fits = crate::limits::SIP_UDP_REQUEST_OCTETS_MAX - by(1).1 + 1;
    assert_eq!(by(fits), (Transport::Udp, 1300));
    assert_eq!(by(fits + 1), (Transport::Tcp, 1301));
}

#[test]
fn a_dialog_with_a_name_goes_where_the_name_is() {
    let mut caller = Caller::new();
    caller.call(vec![]);
    caller.located(Transport::Udp, &[1]);
    let Some(Output::Transmit { flow, message }) = caller.out.last().cloned() else { panic!() };
    let request = Message::parse(&message).unwrap();
    let ok = Builder::reply(&request, 200, "", Some("t")).field(Name::Contact, "<sip:95@far.example>").end();
    caller.input(Input::Received { flow, message: ok });
    let ask = caller.out.iter().find_map(|o| match o {
        Output::Locate { ask, uri } => Some((*ask, uri.clone())),
        _ => None,
    });
    assert_eq!(ask, Some((Ask::Dialog(caller.leg), "sip:95@far.example".into())));
    assert_eq!(
        caller.sent(),
        [("ACK".into(), "UDP".into(), addr(1))],
        "until it is known, where it came from"
    );
    let hops = vec![Hop { transport: Transport::Udp, remote: addr(3) }];
    caller.input(Input::Located { ask: Ask::Dialog(caller.leg), hops });
    caller.input(Input::Command(Command::Hangup { leg: caller.leg, reason: "done" }));
    assert_eq!(caller.sent(), [("BYE".into(), "UDP".into(), addr(3))]);
}
