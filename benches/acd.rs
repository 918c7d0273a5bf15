//! What a decision of the ACD costs: a large centre with a long line, one event after the other.
//!
//! 1,000 agents with 40 skills and 20 queues, 10,000 callers waiting with requirements of their own, and then the events of
//! a day: answers, ends of talks, callers who come and leave, breaks, timers. The time of each `step` is taken, with all
//! that it puts out. `cargo bench --bench acd`; `-- --quick` (and `cargo test`) only shows that it runs. See
//! `benches/README.md`.
// A benchmark may panic, and prints what it found.
#![allow(clippy::expect_used, clippy::print_stdout)]

use hdrhistogram::Histogram;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use trunkline::acd::{
    Acd, AgentSetup, Endpoint, Input, Name, OfferId, Output, QueueSetup, Request, Requirement, Ring, Setup,
    Strategy,
};
use trunkline::base::{CallId, Now};

const SKILLS: usize = 40;
const QUEUES: usize = 20;

struct Size {
    agents: usize,
    waiting: usize,
    events: usize,
}

fn setup(size: &Size, strategy: Strategy, rng: &mut fastrand::Rng) -> Setup {
    let queue = |n: usize| QueueSetup {
        strategy,
        wrap_up: Duration::from_secs(5),
        max_wait: Duration::from_secs(7200),
        announce_wait: true,
        rings: vec![Ring {
            after: Duration::from_secs(60),
            require: None,
            also: vec![format!("q{}", (n + 1) % QUEUES)],
        }],
        ..QueueSetup::new(&format!("q{n}"))
    };
    let agents = (0..size.agents).map(|n| {
        let queues = (0..1 + n % 4).map(|k| format!("q{}", (n + k * 7) % QUEUES)).collect();
        let skills = (0..6).map(|_| (Name::from(skill(rng.usize(..SKILLS)).as_str()), rng.u8(1..=10)));
        AgentSetup { skills: skills.collect(), ..AgentSetup::new(&format!("a{n}"), "", queues) }
    });
    Setup { agents: agents.collect(), queues: (0..QUEUES).map(queue).collect(), ..Setup::default() }
}

fn skill(n: usize) -> String {
    format!("s{n}")
}

/// The centre, and what goes on in it.
struct Centre {
    acd: Acd,
    now: Now,
    out: Vec<Output>,
    rng: fastrand::Rng,
    requirements: Vec<Requirement>,
    ringing: VecDeque<OfferId>,
    offered: std::collections::HashMap<OfferId, CallId>,
    talking: VecDeque<CallId>,
    calls: u64,
    times: Histogram<u64>,
    offers: u64,
}

impl Centre {
    fn give(&mut self, input: Input) {
        self.out.clear();
        // No two events at the same instant.
        self.now = self.now + Duration::from_micros(37);
        let before = Instant::now();
        self.acd.step(self.now, input, &mut self.out);
        // It grows as needed: every value has its place.
        let _ = self.times.record(before.elapsed().as_nanos() as u64);
        for o in &self.out {
            if let Output::Offer { offer, call, .. } = o {
                self.offers += 1;
                self.ringing.push_back(*offer);
                self.offered.insert(*offer, *call);
            }
        }
    }

    fn enqueue(&mut self) {
        self.calls += 1;
        let queue = format!("q{}", self.rng.usize(..QUEUES));
        let require = self.rng.bool().then(|| self.rng.choice(&self.requirements).expect("some").clone());
        let priority = (self.rng.u8(..10) == 0).then_some(20);
        let request = Request { require, priority, ..Request::to(queue) };
        self.give(Input::Enqueue { call: CallId(self.calls), request });
    }

    /// Time passes until the next timer, or by 20 ms.
    fn time(&mut self) {
        let later = self.now + Duration::from_millis(20);
        match self.acd.deadline().filter(|at| *at <= later) {
            Some(at) => {
                self.now = self.now.max(at);
                self.give(Input::Tick);
            }
            None => self.now = later,
        }
    }

    fn event(&mut self, size: &Size) {
        match self.rng.u8(..100) {
            0..34 => match self.ringing.pop_front() {
                Some(offer) => {
                    self.talking.extend(self.offered.remove(&offer));
                    self.give(Input::Answered { offer });
                }
                None => self.time(),
            },
            34..64 => match self.talking.pop_front() {
                Some(call) => self.give(Input::TalkEnded { call, transfer: false }),
                None => self.time(),
            },
            64..80 => {
                let call = CallId(self.rng.u64(1..=self.calls));
                self.give(Input::CallerGone { call });
            }
            84..88 => {
                let user = format!("a{}", self.rng.usize(..size.agents));
                self.give(Input::Ready { user });
            }
            _ => self.time(),
        }
    }
}

/// Resident memory in octets (`/proc/self/statm`, second figure, pages of 4 KiB).
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("/proc");
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("a number") * 4096
}

fn run(name: &str, size: &Size, strategy: Strategy) {
    let mut rng = fastrand::Rng::with_seed(1);
    let requirements = (0..SKILLS).map(|n| {
        let (a, b) = (skill(n), skill((n + 7) % SKILLS));
        let text = [format!("{a} >= 3"), format!("{a} >= 2 or {b}"), format!("not {a} and {b} >= 4")];
        Requirement::parse(rng.choice(&text).expect("three")).expect("a requirement")
    });
    let requirements = requirements.collect();
    let setup = setup(size, strategy, &mut rng);
    let mut centre = Centre {
        acd: Acd::new(&setup, Now(0)),
        now: Now(0),
        out: Vec::new(),
        rng,
        requirements,
        ringing: VecDeque::new(),
        offered: std::collections::HashMap::new(),
        talking: VecDeque::new(),
        calls: 0,
        times: Histogram::new(3).expect("three digits"),
        offers: 0,
    };
    let before = resident();
    while centre.acd.queued() < size.waiting {
        centre.enqueue();
        centre.time();
    }
    // Later runs are made of memory that earlier ones gave back: only the first can say.
    let octets = match resident().saturating_sub(before) / size.waiting {
        n @ 100.. if size.waiting > 1 => n.to_string(),
        _ => "-".to_owned(),
    };
    for n in 0..size.agents {
        centre.give(Input::Registered { user: format!("a{n}"), endpoint: Endpoint::Phone });
    }
    (centre.times, centre.offers) = (Histogram::new(3).expect("three digits"), 0);
    // About as many wait throughout as at the beginning.
    let mut made = 0;
    while made < size.events {
        let count = centre.times.len();
        if centre.acd.queued() < size.waiting {
            centre.enqueue();
        }
        centre.event(size);
        made += (centre.times.len() - count) as usize;
    }
    let us = |q: f64| centre.times.value_at_quantile(q) as f64 / 1000.0;
    println!(
        "{name:16} {:10.0} {:8} {:8} {:7.1} {:7.1} {:7.1} {:8.1} {octets:>6}",
        1e9 / centre.times.mean(),
        centre.offers,
        centre.acd.queued(),
        us(0.5),
        us(0.99),
        us(0.999),
        centre.times.max() as f64 / 1000.0,
    );
}

fn main() {
    let full = std::env::args().any(|a| a == "--bench") && !std::env::args().any(|a| a == "--quick");
    let size = match full {
        true => Size { agents: 1000, waiting: 10_000, events: 1_000_000 },
        false => Size { agents: 50, waiting: 200, events: 2000 },
    };
    println!(
        "{} agents, {SKILLS} skills, {QUEUES} queues, {} waiting, {} events",
        size.agents, size.waiting, size.events
    );
    println!(
        "{:16} {:>10} {:>8} {:>8} {:>7} {:>7} {:>7} {:>8} {:>6}",
        "", "events/s", "offers", "waiting", "p50 µs", "p99 µs", "p99.9", "max µs", "octets"
    );
    run("balanced", &size, Strategy::Balanced);
    run("longest idle", &size, Strategy::LongestIdle);
    // Many are free, and calls come one by one.
    let quiet = Size { waiting: 1, ..size };
    run("quiet, balanced", &quiet, Strategy::Balanced);
    run("quiet, longest", &quiet, Strategy::LongestIdle);
}
