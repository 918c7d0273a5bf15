//! One endpoint against a peer whose messages are written out by hand.

use super::{answer, flow, ms, to_node_1};
use crate::base::{LegId, Now};
use crate::sip::*;
use bytes::Bytes;
use std::time::Duration;

/// One endpoint against a peer at node 1 whose messages are written out.
pub(super) struct Peer {
    pub(super) now: Now,
    pub(super) endpoint: Endpoint,
    pub(super) leg: Option<LegId>,
    pub(super) tag: String,
    call_id: String,
    /// What the endpoint has sent, as it was sent.
    pub(super) sent: Vec<Message>,
    /// What the newest INVITE claims.
    pub(super) claims: Option<Claims>,
    /// The leg that it is to take the place of.
    pub(super) replaces: Option<LegId>,
}

impl Peer {
    pub(super) fn new() -> Peer {
        let endpoint = Endpoint::new(Config { seed: 11, ..Config::default() });
        Peer {
            now: Now(1_000_000),
            endpoint,
            leg: None,
            tag: String::new(),
            call_id: "c".into(),
            sent: Vec::new(),
            claims: None,
            replaces: None,
        }
    }

    pub(super) fn input(&mut self, input: Input) -> Vec<String> {
        let mut out = Vec::new();
        self.endpoint.step(self.now, input, &mut out);
        out.iter().map(|o| self.note(o)).collect()
    }

    fn note(&mut self, output: &Output) -> String {
        match output {
            Output::Transmit { message, .. } => {
                let m = Message::parse(message).unwrap();
                if let Some(tag) =
                    m.envelope().ok().and_then(|e| e.to.tag()).filter(|_| m.request().is_none())
                {
                    self.tag = tag.to_string();
                }
                let line = match m.start() {
                    message::Start::Request { method, .. } => method.to_string(),
                    message::Start::Response { status, .. } => status.to_string(),
                };
                self.sent.push(m);
                line
            }
            Output::Event(Event::Incoming(call)) => {
                self.leg = Some(call.leg);
                self.claims = Some(call.claims.clone());
                self.replaces = call.replaces;
                "Incoming".into()
            }
            Output::Locate { uri, .. } => format!("Locate {uri}"),
            Output::Event(event) => {
                let text = format!("{event:?}");
                text.split([' ', '{']).next().unwrap_or_default().to_owned()
            }
        }
    }

    /// A request of the peer; `cseq` names the transaction as well.
    pub(super) fn request(&mut self, method: &str, cseq: u32, extra: &str, body: &str) -> Vec<String> {
        let tag = if self.tag.is_empty() { String::new() } else { format!(";tag={}", self.tag) };
        let text = format!(
            "{method} sip:95@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK{method}{cseq}\r\n\
             From: <sip:bob@b>;tag=b\r\nTo: <sip:95@10.0.0.1>{tag}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:bob@10.0.0.2>\r\n{extra}\r\n{body}",
            self.call_id
        );
        self.input(Input::Received { flow: flow(0, 1, Transport::Udp), message: Bytes::from(text) })
    }

    /// A request with another Call-ID.
    pub(super) fn request_of(&mut self, call_id: &str, method: &str, cseq: u32, extra: &str) -> Vec<String> {
        let before = std::mem::replace(&mut self.call_id, format!("{call_id}{cseq}"));
        let said = self.request(method, cseq, extra, "");
        self.call_id = before;
        said
    }

    /// The peer's requests are in the dialog of our INVITE from now on.
    pub(super) fn in_dialog_of(&mut self, invite: &Message) {
        let envelope = invite.envelope().unwrap();
        self.call_id = envelope.call_id.to_string();
        self.tag = envelope.from.tag().unwrap().to_string();
    }

    pub(super) fn command(&mut self, command: impl FnOnce(LegId) -> Command) -> Vec<String> {
        let leg = self.leg.unwrap();
        self.input(Input::Command(command(leg)))
    }

    /// Takes the deadlines up to `after` from now.
    pub(super) fn pass(&mut self, after: Duration) -> Vec<String> {
        let (until, mut all) = (self.now + after, Vec::new());
        while let Some(at) = self.endpoint.deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            all.extend(self.input(Input::Tick));
        }
        self.now = until;
        all
    }

    /// A call that is up.
    pub(super) fn up() -> Peer {
        let mut p = Peer::new();
        assert_eq!(p.request("INVITE", 1, "", ""), ["100", "Incoming"]);
        assert_eq!(p.command(answer), ["200"]);
        assert_eq!(p.request("ACK", 1, "", ""), ["Acknowledged"]);
        p
    }
}

pub(super) const NONE: [&str; 0] = [];

#[test]
fn a_200_is_repeated_until_its_ack_and_without_one_ends_in_bye() {
    let mut p = Peer::new();
    p.request("INVITE", 1, "", "");
    p.command(answer);
    assert_eq!(p.pass(ms(3600)), ["200"; 3], "after T1, 2·T1, 4·T1");
    assert_eq!(p.pass(ms(28_400)).last().map(String::as_str), Some("Ended"));
    assert!(p.pass(ms(100_000)).iter().all(|l| l == "BYE"));
    assert_eq!(p.endpoint.dump(), "");
}

#[test]
fn a_hang_up_before_the_ack_sends_bye_only_after_it() {
    let mut p = Peer::new();
    p.request("INVITE", 1, "", "");
    p.command(answer);
    assert_eq!(p.command(|leg| Command::Hangup { leg, reason: "" }), ["Ended"]);
    assert_eq!(p.request("ACK", 1, "", ""), ["BYE"]);
}

#[test]
fn a_re_invite_is_decided_by_the_call_and_one_at_a_time() {
    let mut p = Peer::up();
    assert_eq!(p.request("INVITE", 2, "", ""), ["100", "Offer"]);
    assert_eq!(p.request("INVITE", 3, "", ""), ["500"], "RFC 3261 §14.2: an earlier one pends");
    assert_eq!(p.command(answer), ["200"]);
    assert_eq!(p.request("INVITE", 4, "", ""), ["500"], "its ACK is not here yet");
    assert_eq!(p.request("ACK", 2, "", ""), ["Acknowledged"]);
    assert_eq!(p.request("INVITE", 5, "", ""), ["100", "Offer"]);
    let refuse = |leg| Command::Refuse { leg, status: 488, reason: String::new(), retry_after_s: None };
    assert_eq!(p.command(refuse), ["488"]);
    assert_eq!(p.request("INVITE", 5, "", ""), ["488"], "a copy is absorbed");
    assert_eq!(p.request("ACK", 5, "", ""), NONE);
    assert_eq!(p.request("INVITE", 4, "X: y\r\n", ""), ["500"], "an older one is out of order");
    assert_eq!(p.request("BYE", 6, "", ""), ["200", "Ended"]);
}

#[test]
fn a_re_invite_that_is_cancelled_leaves_the_call_up() {
    let mut p = Peer::up();
    p.request("INVITE", 2, "", "");
    let cancel = format!(
        "CANCEL sip:95@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKINVITE2\r\n\
         From: <sip:bob@b>;tag=b\r\nTo: <sip:95@10.0.0.1>;tag={}\r\nCall-ID: c\r\nCSeq: 2 CANCEL\r\n\r\n",
        p.tag
    );
    let input = Input::Received { flow: flow(0, 1, Transport::Udp), message: Bytes::from(cancel) };
    assert_eq!(p.input(input), ["200", "487"]);
    assert_eq!(p.request("ACK", 2, "", ""), NONE);
    assert_eq!(p.command(|leg| Command::Hangup { leg, reason: "" }), ["BYE", "Ended"]);
}

#[test]
fn digits_options_and_what_is_not_served_are_answered_in_a_dialog() {
    let mut p = Peer::up();
    let dtmf = "Content-Type: application/dtmf-relay\r\n";
    assert_eq!(p.request("INFO", 2, dtmf, "Signal=5\r\nDuration=100\r\n"), ["200", "Digit"]);
    assert_eq!(
        p.request("INFO", 2, dtmf, "Signal=5\r\nDuration=100\r\n"),
        ["200"],
        "a copy is no second digit"
    );
    assert_eq!(p.request("INFO", 3, "", ""), ["200"]);
    assert_eq!(p.request("INFO", 4, "Content-Type: text/plain\r\n", "x"), ["415"]);
    assert_eq!(p.request("OPTIONS", 5, "", ""), ["200"]);
    assert_eq!(p.request("SUBSCRIBE", 6, "", ""), ["405"]);
    assert_eq!(p.request("NOTIFY", 7, "", ""), ["481"]);
    assert_eq!(p.request("MESSAGE", 8, "", ""), ["405"]);
    assert_eq!(p.request("BYE", 9, "", ""), ["200", "Ended"]);
    p.pass(ms(70_000));
    assert_eq!(p.endpoint.dump(), "");
    assert_eq!(p.request("BYE", 10, "", ""), ["481"]);
}

#[test]
fn a_bye_while_ringing_refuses_the_invite() {
    let mut p = Peer::new();
    p.request("INVITE", 1, "", "");
    assert_eq!(p.command(|leg| Command::Ring { leg }), ["180"]);
    assert_eq!(p.request("BYE", 2, "", ""), ["200", "487", "Ended"]);
}

#[test]
fn a_draining_server_and_a_merged_request_are_said_so() {
    let mut p = Peer::new();
    p.endpoint.refuse_new = true;
    assert_eq!(p.request("INVITE", 1, "", ""), ["503"]);
    p.endpoint.refuse_new = false;
    p.tag.clear();
    assert_eq!(p.request("INVITE", 2, "", ""), ["100", "Incoming"]);
    p.tag.clear();
    let merged = "INVITE sip:95@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.3;branch=z9hG4bKother\r\n\
         From: <sip:bob@b>;tag=b\r\nTo: <sip:95@10.0.0.1>\r\nCall-ID: c\r\nCSeq: 2 INVITE\r\n\r\n";
    let message = Bytes::from_static(merged.as_bytes());
    assert_eq!(p.input(Input::Received { flow: flow(0, 1, Transport::Udp), message }), ["482"]);
}

#[test]
fn new_calls_may_take_four_fifths_of_the_transactions_and_one_more_is_503() {
    let mut p = Peer::new();
    let mut last = Vec::new();
    p.endpoint.config.transactions_max = 100;
    for i in 0..=80 {
        let text = format!(
            "INVITE sip:95@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK{i}\r\nFrom: <sip:b@b>;tag=b\r\n\
             To: <sip:95@10.0.0.1>\r\nCall-ID: {i}\r\nCSeq: 1 INVITE\r\n\r\n"
        );
        assert_ne!(last, ["503"], "{i}");
        last = p.input(Input::Received { flow: flow(0, 1, Transport::Udp), message: Bytes::from(text) });
    }
    assert_eq!(last, ["503"]);
}

/// Our INVITE as it went out, and a way to respond to it.
pub(super) fn calling() -> (Peer, Message, impl Fn(&Message, &str, &str) -> Input) {
    let mut p = Peer::new();
    let leg = p.endpoint.new_leg();
    p.leg = Some(leg);
    let (from, sdp, headers, target) =
        ("sip:ann@a".into(), Bytes::from_static(b"offer"), vec![], to_node_1(Transport::Udp));
    let mut out = Vec::new();
    let invite = Command::Invite { leg, target, from, sdp, headers, credentials: None };
    p.endpoint.step(p.now, Input::Command(invite), &mut out);
    let Some(Output::Transmit { message, .. }) = out.pop() else { panic!("no INVITE") };
    let respond = |invite: &Message, line: &str, tag: &str| {
        let (status, reason) = line.split_once(' ').unwrap();
        let b = Builder::reply(invite, status.parse().unwrap(), reason, Some(tag));
        let message = b.field(Name::Contact, "<sip:bob@10.0.0.2>").end();
        Input::Received { flow: flow(0, 1, Transport::Udp), message }
    };
    (p, Message::parse(&message).unwrap(), respond)
}

#[test]
fn a_second_fork_is_acknowledged_and_ended() {
    let (mut p, invite, respond) = calling();
    assert_eq!(p.input(respond(&invite, "200 OK", "one")), ["ACK", "Answered"]);
    assert_eq!(p.input(respond(&invite, "200 OK", "one")), ["ACK"], "repeated, so repeated");
    assert_eq!(p.input(respond(&invite, "200 OK", "two")), ["ACK", "BYE"]);
    assert_eq!(p.command(|leg| Command::Hangup { leg, reason: "" }), ["BYE", "Ended"]);
}

#[test]
fn a_hang_up_waits_for_a_provisional_response_before_it_cancels() {
    let (mut p, invite, respond) = calling();
    assert_eq!(p.command(|leg| Command::Hangup { leg, reason: "" }), ["Ended"]);
    assert_eq!(p.input(respond(&invite, "180 Ringing", "one")), ["CANCEL"]);
    assert_eq!(p.input(respond(&invite, "487 Request Terminated", "one")), ["ACK"]);
    p.pass(ms(70_000));
    assert_eq!(p.endpoint.dump(), "");
}

#[test]
fn an_invite_cancelled_without_any_final_response_is_forgotten() {
    let (mut p, invite, respond) = calling();
    p.input(respond(&invite, "180 Ringing", "one"));
    assert_eq!(p.command(|leg| Command::Hangup { leg, reason: "" }), ["CANCEL", "Ended"]);
    p.pass(ms(70_000));
    assert_eq!(p.endpoint.dump(), "");
}

#[test]
fn a_re_invite_before_our_own_is_answered_is_glare() {
    let (mut p, invite, respond) = calling();
    p.input(respond(&invite, "180 Ringing", "b"));
    let e = invite.envelope().unwrap();
    let text = format!(
        "INVITE sip:x@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKg\r\nFrom: <sip:bob@b>;tag=b\r\n\
         To: <sip:ann@a>;tag={}\r\nCall-ID: {}\r\nCSeq: 1 INVITE\r\nContact: <sip:bob@10.0.0.2>\r\n\r\n",
        e.from.tag().unwrap(),
        e.call_id
    );
    let flow = flow(0, 1, Transport::Udp);
    assert_eq!(p.input(Input::Received { flow, message: Bytes::from(text) }), ["491"]);
}
