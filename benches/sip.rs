//! What a SIP message costs, beside rsip and rsipstack on the same octets in the same run, and what a whole call costs.
//!
//! `cargo bench --bench sip`; `-- --quick` (and `cargo test`) only shows that it runs. See `benches/README.md`.
// A benchmark may panic, and prints what it found.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout)]

use bytes::Bytes;
use std::collections::VecDeque;
use std::hint::black_box;
use std::time::{Duration, Instant};
use trunkline::base::{LegId, Now};
use trunkline::limits::SIP_TRACE_OCTETS_MAX;
use trunkline::sip::{
    Builder, Command, Config, Endpoint, Event, Flow, Input, Message, Name, Output, Target, Transport,
};
use trunkline::sys::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const SDP: &str = "v=0\r\no=- 8000 8000 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n\
    m=audio 16384 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n";

/// An INVITE as a carrier sends it.
fn invite() -> Bytes {
    Bytes::from(format!(
        "INVITE sip:12345@198.51.100.20:5060;user=phone SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK74bf9e8d3c2;rport\r\n\
         Record-Route: <sip:192.0.2.1;lr;ftag=as58f4201b>\r\nMax-Forwards: 69\r\n\
         From: \"Li Ming\" <sip:13800000000@192.0.2.10;user=phone>;tag=as58f4201b\r\n\
         To: <sip:12345@198.51.100.20;user=phone>\r\nContact: <sip:13800000000@192.0.2.10:5060;transport=udp>\r\n\
         Call-ID: 6b8b4567327b23c6643c9869@192.0.2.10\r\nCSeq: 102 INVITE\r\nUser-Agent: carrier-sbc 7.4\r\n\
         Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, SUBSCRIBE, NOTIFY, INFO, UPDATE\r\n\
         Supported: replaces, timer\r\nP-Asserted-Identity: <sip:+8613800000000@192.0.2.10>\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
        SDP.len()
    ))
}

/// A step of the benchmark, by its name.
type Step<'a> = (&'static str, Box<dyn FnMut() + 'a>);

/// ns and allocations of each step: the least disturbed of many short rounds, in which they take turns, so that what else the
/// machine does is in all of them.
fn measure(rounds: u32, steps: &mut [Step<'_>]) -> Vec<(f64, f64)> {
    const TIMES: u32 = 50;
    let mut best = vec![(f64::MAX, 0.0); steps.len()];
    for _ in 0..rounds {
        for ((_, step), (ns, allocations)) in steps.iter_mut().zip(&mut best) {
            let (begin, before) = (Instant::now(), CountingAllocator::count());
            for _ in 0..TIMES {
                step();
            }
            *ns = ns.min(begin.elapsed().as_nanos() as f64 / f64::from(TIMES));
            *allocations = (CountingAllocator::count() - before) as f64 / f64::from(TIMES);
        }
    }
    best
}

/// The fields that a B2BUA reads of each request, as `trunkline` reads them.
#[inline(never)]
fn ours(octets: &Bytes) -> usize {
    let message = Message::parse(octets).unwrap();
    let envelope = message.envelope().unwrap();
    let contact = message.contact().unwrap();
    let routes = message.list(Name::RecordRoute).unwrap();
    let hops = message.number(Name::MaxForwards).unwrap();
    envelope.call_id.len()
        + envelope.via.branch().unwrap().len()
        + envelope.from.tag().unwrap().len()
        + envelope.to.uri().len()
        + contact.uri().len()
        + routes.len()
        + hops as usize
        + message.body().len()
}

/// The same fields by one of the crates whose interface rsip began.
macro_rules! theirs {
    ($name:ident, $root:ident $(:: $sub:ident)?) => {
        #[inline(never)]
        fn $name(octets: &Bytes) -> usize {
            use $root$(::$sub)? as root;
            use root::prelude::*;
            let message = root::SipMessage::try_from(octets.as_ref()).unwrap();
            let root::SipMessage::Request(request) = message else { unreachable!() };
            let via = request.via_header().unwrap().clone().typed().unwrap();
            let from = request.from_header().unwrap().clone().typed().unwrap();
            let to = request.to_header().unwrap().clone().typed().unwrap();
            let contact = request.contact_header().unwrap().clone().typed().unwrap();
            let cseq = request.cseq_header().unwrap().clone().typed().unwrap();
            let route = request.record_route_header().unwrap().clone().typed().unwrap();
            let hops: u32 = request.max_forwards_header().unwrap().value().trim().parse().unwrap();
            let call_id = request.call_id_header().unwrap().value().len();
            black_box((&to, &contact, &cseq, &route));
            let branch = |p: &root::Param| matches!(p, root::Param::Branch(_));
            let tag = |p: &root::Param| matches!(p, root::Param::Tag(_));
            call_id
                + usize::from(via.params.iter().any(branch))
                + usize::from(from.params.iter().any(tag))
                + hops as usize
                + request.body.len()
        }
    };
}
theirs!(by_rsip, rsip);
theirs!(by_rsipstack, rsipstack::sip);

/// A B2BUA made of the SIP core alone, between a caller and a phone that are made of it too.
struct Bridge {
    now: Now,
    /// The caller, the bridge, the phone.
    nodes: [Endpoint; 3],
    queue: VecDeque<(usize, Input)>,
    legs: [Option<LegId>; 2],
    /// Time and allocations within the bridge.
    spent: Duration,
    allocations: u64,
    messages: u64,
    ended: u64,
}

fn flow(from: usize, to: usize) -> Flow {
    let addr = |n: usize| std::net::SocketAddr::from(([10, 0, 0, 1 + n as u8], 5060));
    Flow { transport: Transport::Udp, local: addr(from), remote: addr(to) }
}

fn node_of(flow: Flow) -> usize {
    (0..3).find(|n| self::flow(*n, 0).local == flow.remote).expect("one of us")
}

impl Bridge {
    fn new(trace_octets: usize) -> Bridge {
        let nodes = [1, 2, 3].map(|seed| Endpoint::new(Config { seed, trace_octets, ..Config::default() }));
        Bridge {
            now: Now(1_000_000),
            nodes,
            queue: VecDeque::new(),
            legs: [None; 2],
            spent: Duration::ZERO,
            allocations: 0,
            messages: 0,
            ended: 0,
        }
    }

    fn invite(node: usize, to: usize, leg: LegId, sdp: Bytes) -> (usize, Input) {
        let target = Target::Uri { uri: format!("sip:1001@10.0.0.{}", to + 1), flow: flow(node, to) };
        let from = "\"Li Ming\" <sip:13800000000@10.0.0.1>".into();
        let headers = vec![("X-Queue".into(), "city-repair".into())];
        (node, Input::Command(Command::Invite { leg, target, from, sdp, headers, credentials: None }))
    }

    fn step(&mut self, node: usize, input: Input) {
        let mut out = Vec::with_capacity(8);
        let (begin, before) = (Instant::now(), CountingAllocator::count());
        self.nodes[node].step(self.now, input, &mut out);
        if node == 1 {
            self.spent += begin.elapsed();
            self.allocations += CountingAllocator::count() - before;
        }
        for output in out {
            match output {
                Output::Transmit { flow, message } => {
                    self.messages += u64::from(node == 1);
                    let received = Flow { local: flow.remote, remote: flow.local, ..flow };
                    self.queue.push_back((node_of(flow), Input::Received { flow: received, message }));
                }
                Output::Event(event) => self.event(node, event),
                Output::Locate { .. } => unreachable!("all are addresses"),
            }
        }
    }

    fn event(&mut self, node: usize, event: Event) {
        let answer = |leg| Input::Command(Command::Answer { leg, sdp: Bytes::from_static(SDP.as_bytes()) });
        match event {
            Event::Incoming(call) if node == 1 => {
                let leg = self.nodes[1].new_leg();
                self.legs = [Some(call.leg), Some(leg)];
                self.queue.push_back(Bridge::invite(1, 2, leg, call.sdp));
            }
            Event::Incoming(call) => {
                self.queue.push_back((node, Input::Command(Command::Ring { leg: call.leg })));
                self.queue.push_back((node, answer(call.leg)));
            }
            Event::Progress { .. } if node == 1 => {
                self.queue.push_back((1, Input::Command(Command::Ring { leg: self.legs[0].unwrap() })));
            }
            Event::Answered { .. } if node == 1 => self.queue.push_back((1, answer(self.legs[0].unwrap()))),
            Event::Answered { leg, .. } => {
                self.queue.push_back((node, Input::Command(Command::Hangup { leg, reason: "" })));
            }
            Event::Ended { leg, .. } if node == 1 => {
                self.ended += 1;
                if Some(leg) == self.legs[0] {
                    let leg = self.legs[1].unwrap();
                    self.queue.push_back((1, Input::Command(Command::Hangup { leg, reason: "" })));
                }
            }
            _ => {}
        }
    }

    /// One call from INVITE to the last BYE, and a thousandth of a second passes.
    fn call(&mut self) {
        let leg = self.nodes[0].new_leg();
        self.queue.push_back(Bridge::invite(0, 1, leg, Bytes::from_static(SDP.as_bytes())));
        while let Some((node, input)) = self.queue.pop_front() {
            self.step(node, input);
        }
        // Transactions live on for 32 s: what they cost then is part of the call.
        self.now = self.now + Duration::from_millis(10);
        for node in 0..3 {
            while self.nodes[node].deadline().is_some_and(|at| at <= self.now) {
                self.step(node, Input::Tick);
            }
        }
    }
}

fn main() {
    let quick = !std::env::args().any(|a| a == "--bench") || std::env::args().any(|a| a == "--quick");
    let octets = invite();
    let message = Message::parse(&octets).unwrap();
    let mut steps: [Step<'_>; 7] = [
        ("parse and typed fields", Box::new(|| _ = black_box(ours(&octets)))),
        ("the same by rsip", Box::new(|| _ = black_box(by_rsip(&octets)))),
        ("the same by rsipstack", Box::new(|| _ = black_box(by_rsipstack(&octets)))),
        ("parse only", Box::new(|| drop(black_box(Message::parse(&octets))))),
        (
            "parse only, rsip",
            Box::new(|| drop(black_box(rsip::SipMessage::try_from(octets.as_ref()).unwrap()))),
        ),
        (
            "parse only, rsipstack",
            Box::new(|| drop(black_box(rsipstack::sip::SipMessage::try_from(octets.as_ref()).unwrap()))),
        ),
        (
            "build a 200 with SDP",
            Box::new(|| {
                let ok = Builder::reply(&message, 200, "", Some("tag")).field(Name::Contact, "<sip:a@b>");
                drop(black_box(ok.sdp(SDP.as_bytes())));
            }),
        ),
    ];
    let costs = measure(if quick { 2 } else { 2_000 }, &mut steps);
    println!("an INVITE of {} octets, 15 fields", octets.len());
    println!("{:<34} {:>9} {:>12} {:>8}", "", "ns", "allocations", "ratio");
    for ((name, _), (ns, allocations)) in steps.iter().zip(&costs) {
        println!("{name:<34} {ns:>9.0} {allocations:>12.1} {:>8.2}", ns / costs[0].0);
    }
    // The runs take turns, so that what else the machine does is in both; the least disturbed is shown.
    let (calls, rounds) = if quick { (20, 1) } else { (5_000, 8) };
    let mut best = [f64::MAX; 2];
    for round in 0..2 * rounds {
        let traced = round % 2;
        best[traced] = best[traced].min(calls_cost(calls, traced, round < 2));
    }
    let more = best[1] - best[0];
    println!("a bridged call {:.1} µs; its messages kept for `trunkline trace`: {more:+.1} µs", best[0]);
}

/// µs of one bridged call, with tables as full as 100 calls a second keep them.
fn calls_cost(calls: u32, traced: usize, say: bool) -> f64 {
    let mut bridge = Bridge::new(traced * SIP_TRACE_OCTETS_MAX);
    for _ in 0..calls {
        bridge.call();
    }
    (bridge.spent, bridge.allocations, bridge.messages, bridge.ended) = (Duration::ZERO, 0, 0, 0);
    for _ in 0..calls {
        bridge.call();
    }
    let n = f64::from(calls);
    let us = bridge.spent.as_nanos() as f64 / n / 1000.0;
    if say {
        println!(
            "a whole bridged call, both legs{}: {us:.1} µs, {:.0} allocations, {:.0} messages sent; {} legs ended",
            if traced == 1 { ", traced" } else { "" },
            bridge.allocations as f64 / n,
            bridge.messages as f64 / n,
            bridge.ended
        );
    }
    assert_eq!(bridge.ended, 2 * u64::from(calls), "each call has two ends");
    us
}
