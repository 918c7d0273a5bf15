//! One endpoint against a peer and a call that do anything at any time: whatever happens, each leg ends once, nothing is
//! said about it afterwards, and nothing remains.

use super::{answer, flow, ms, to_node_1};
use crate::base::{LegId, Now};
use crate::sip::*;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

struct Chaos {
    now: Now,
    endpoint: Endpoint,
    rng: fastrand::Rng,
    begun: BTreeSet<LegId>,
    ended: BTreeMap<LegId, EndCause>,
    /// What the endpoint has sent lately.
    seen: Vec<Message>,
    /// Which events have come up, so that the dice are known to reach them.
    kinds: BTreeSet<String>,
    seed: u64,
}

impl Chaos {
    fn new(seed: u64) -> Chaos {
        Chaos {
            now: Now(1_000_000),
            endpoint: Endpoint::new(Config { seed, ..Config::default() }),
            rng: fastrand::Rng::with_seed(seed),
            begun: BTreeSet::new(),
            ended: BTreeMap::new(),
            seen: Vec::new(),
            kinds: BTreeSet::new(),
            seed,
        }
    }

    fn input(&mut self, input: Input) {
        let mut out = Vec::new();
        self.endpoint.step(self.now, input, &mut out);
        for output in out {
            if let Output::Event(event) = &output {
                let text = format!("{event:?}");
                self.kinds.extend(text.split([' ', '(', '{']).next().map(str::to_owned));
            }
            let leg = match output {
                Output::Transmit { message, .. } => {
                    self.seen.push(Message::parse(&message).expect("what we send can be read"));
                    continue;
                }
                Output::Locate { .. } => continue,
                Output::Event(Event::Incoming(call)) => {
                    self.begun.insert(call.leg);
                    call.leg
                }
                Output::Event(Event::Ended { leg, cause }) => {
                    assert_eq!(self.ended.insert(leg, cause), None, "seed {}: ended twice", self.seed);
                    continue;
                }
                Output::Event(
                    Event::Progress { leg, .. }
                    | Event::Answered { leg, .. }
                    | Event::Acknowledged { leg, .. }
                    | Event::Offer { leg, .. }
                    | Event::OfferAnswered { leg, .. }
                    | Event::OfferRefused { leg, .. }
                    | Event::Reason { leg, .. }
                    | Event::Digit { leg, .. }
                    | Event::Referred { leg, .. }
                    | Event::ReferProgress { leg, .. },
                ) => leg,
                Output::Event(
                    Event::Registered { .. }
                    | Event::Unregistered { .. }
                    | Event::Registration { .. }
                    | Event::Options { .. },
                ) => {
                    continue;
                }
            };
            assert!(!self.ended.contains_key(&leg), "seed {}: {leg:?} speaks after its end", self.seed);
        }
        let from = self.seen.len().saturating_sub(12);
        self.seen.drain(..from);
    }

    fn wait(&mut self) {
        let until = self.now + ms(*self.rng.choice(&[1, 50, 700, 5000, 40_000]).unwrap());
        while let Some(at) = self.endpoint.deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.input(Input::Tick);
        }
        self.now = until;
    }

    fn command(&mut self) {
        let leg = LegId(self.rng.u64(1..5));
        let (sdp, headers, reason) = (Bytes::new(), vec![], String::new());
        let from = "sip:ann@a".into();
        let command = match self.rng.u8(..9) {
            0 => {
                let leg = self.endpoint.new_leg();
                self.begun.insert(leg);
                let target = to_node_1(Transport::Udp);
                Command::Invite { leg, target, from, sdp, headers, credentials: None }
            }
            1 => Command::Ring { leg },
            2 | 3 => answer(leg),
            4 => Command::Refuse { leg, status: 486, reason, retry_after_s: None },
            7 => Command::Offer { leg, sdp: Bytes::from_static(b"again") },
            5 => Command::Refer { leg, to: "sip:carol@a".into() },
            6 => {
                let status = *self.rng.choice(&[100, 200, 404]).unwrap();
                Command::ReferStatus { leg, status, reason }
            }
            _ => Command::Hangup { leg, reason: "" },
        };
        self.input(Input::Command(command));
    }

    /// A response to a request, or a request within a dialog, that the endpoint may have coming.
    fn message(&mut self) {
        let flow = flow(0, 1, Transport::Udp);
        let known = (!self.seen.is_empty()).then(|| self.seen[self.rng.usize(..self.seen.len())].clone());
        let tag = *self.rng.choice(&["b", "b", "b2"]).unwrap();
        if let Some(request) = known.as_ref().filter(|m| m.request().is_some() && self.rng.bool()) {
            let statuses = [100, 180, 183, 200, 200, 200, 302, 401, 408, 422, 481, 487, 491, 603];
            let status = *self.rng.choice(&statuses).unwrap();
            let mut b =
                Builder::reply(request, status, "", Some(tag)).field(Name::Contact, "<sip:bob@10.0.0.2>");
            b = b.field(Name::Allow, *self.rng.choice(&["INVITE", "INVITE, UPDATE"]).unwrap());
            b = b.field(
                Name::SessionExpires,
                *self.rng.choice(&["90;refresher=uac", "90;refresher=uas"]).unwrap(),
            );
            if self.rng.bool() {
                b = b.field(Name::Require, "100rel, timer").field(Name::RSeq, self.rng.u32(1..4));
            }
            return self.input(Input::Received { flow, message: b.sdp(b"x") });
        }
        let method = *self
            .rng
            .choice(&[
                "INVITE", "INVITE", "ACK", "ACK", "BYE", "CANCEL", "INFO", "OPTIONS", "UPDATE", "UPDATE",
                "NOTIFY", "REFER", "PRACK",
            ])
            .unwrap();
        let envelope = known.as_ref().and_then(|m| m.envelope().ok()).filter(|_| self.rng.u8(..4) > 0);
        let (call_id, to) = match envelope {
            // Ours is the To of what we respond, and the From of what we ask.
            Some(e) if e.from.tag().as_deref() == Some(tag) => (e.call_id.to_owned(), e.to.to_string()),
            Some(e) => (e.call_id.to_owned(), e.from.to_string()),
            None => (format!("c{}", self.rng.u8(..4)), "<sip:95@10.0.0.1>".to_owned()),
        };
        let cseq = self.rng.u8(1..6);
        let branch = if method == "ACK" || method == "CANCEL" { "INVITE" } else { method };
        let text = format!(
            "{method} sip:95@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK{branch}{call_id}{cseq}\r\n\
             From: <sip:bob@b>;tag={tag}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:bob@10.0.0.2>\r\nRefer-To: <sip:carol@a>\r\nEvent: refer\r\n\r\nSIP/2.0 180 Ringing"
        );
        self.input(Input::Received { flow, message: Bytes::from(text) });
    }
}

/// One life of an endpoint, to its end.
fn life(seed: u64) -> Chaos {
    let mut c = Chaos::new(seed);
    for _ in 0..60 {
        match c.rng.u8(..20) {
            0 => c.input(Input::Unreachable { flow: flow(0, 1, Transport::Udp) }),
            1..4 => c.wait(),
            4..10 => c.command(),
            _ => c.message(),
        }
    }
    for leg in c.begun.clone() {
        c.input(Input::Command(Command::Hangup { leg, reason: "enough" }));
    }
    for _ in 0..20_000 {
        let Some(at) = c.endpoint.deadline() else { break };
        c.now = c.now.max(at);
        c.input(Input::Tick);
    }
    assert_eq!(c.endpoint.dump(), "", "seed {seed}");
    assert_eq!(c.ended.keys().copied().collect::<BTreeSet<_>>(), c.begun, "seed {seed}");
    c
}

/// `make fuzz` lets it run for FUZZ_SECONDS.
#[test]
#[ignore = "for as long as it is let"]
fn whatever_happens_for_long() {
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(60);
    let begin = std::time::Instant::now();
    let mut seed = u64::from(std::process::id()) << 32;
    while begin.elapsed() < Duration::from_secs(seconds) {
        life(seed);
        seed += 1;
    }
    assert!(seed & 0xffff_ffff > 0);
}

#[test]
fn whatever_a_peer_and_a_call_do_each_leg_ends_once_and_nothing_remains() {
    let (mut kinds, mut causes) = (BTreeSet::new(), BTreeSet::new());
    for seed in 0..600 {
        let c = life(seed);
        kinds.extend(c.kinds);
        causes.extend(c.ended.into_values().map(|c| format!("{c:?}").split(' ').next().unwrap().to_owned()));
    }
    assert_eq!(
        kinds.into_iter().collect::<Vec<_>>(),
        [
            "Acknowledged",
            "Answered",
            "Ended",
            "Incoming",
            "Offer",
            "OfferAnswered",
            "OfferRefused",
            "Progress",
            "ReferProgress",
            "Referred"
        ]
    );
    assert_eq!(
        causes.into_iter().collect::<Vec<_>>(),
        ["PeerCancelled", "PeerHungUp", "Refused", "Timeout", "Unreachable", "WeHungUp"]
    );
}
