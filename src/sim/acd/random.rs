//! Random scenarios: small centres of all kinds, for the checks.

use super::draw::{Draw, Of, stream};
use super::scenario::{Behaviour, Flow, Scenario};
use crate::acd::{
    AgentSetup, Destination, Name, OverflowRule, QueueSetup, Requirement, Ring, Setup, Strategy, Target, When,
};
use fastrand::Rng;
use std::time::Duration;

const STRATEGIES: [Strategy; 9] = [
    Strategy::Balanced,
    Strategy::LongestIdle,
    Strategy::LeastOccupied,
    Strategy::FewestCalls,
    Strategy::RoundRobin,
    Strategy::Random,
    Strategy::Linear,
    Strategy::RingAll,
    Strategy::BestSkill,
];
const SKILLS: [&str; 3] = ["zh", "en", "vip"];

/// The scenario of a seed: one to four queues, one to ten agents, some sixty callers in half an hour, and every fault.
pub fn random(seed: u64) -> Scenario {
    let mut rng = stream(seed, Of::Scenario, 0);
    let names: Vec<String> = (0..rng.usize(1..=4)).map(|n| format!("q{n}")).collect();
    // Half of the worlds are balanced alone: it has the most to promise.
    let balanced = rng.bool();
    let queues =
        names.iter().enumerate().map(|(n, name)| queue(name, n, &names, balanced, &mut rng)).collect();
    let agents: Vec<AgentSetup> = (0..rng.usize(1..=10)).map(|n| agent(n, &names, &mut rng)).collect();
    let behaviour = agents.iter().map(|_| behave(&mut rng)).collect();
    let flows = (0..rng.usize(1..=4)).map(|_| flow(&names, &mut rng)).collect();
    Scenario {
        name: format!("random {seed}"),
        setup: Setup { agents, queues, ..Setup::default() },
        behaviour,
        flows,
        past: Vec::new(),
        length: minutes(30),
        warm_up: Duration::ZERO,
        calls_max: Some(120),
    }
}

fn minutes(n: u64) -> Duration {
    Duration::from_secs(60 * n)
}

fn maybe<T>(rng: &mut Rng, one_in: u8, what: impl FnOnce(&mut Rng) -> T) -> Option<T> {
    (rng.u8(..one_in) == 0).then(|| what(rng))
}

fn requirement(rng: &mut Rng) -> Option<Requirement> {
    let skill = rng.choice(SKILLS)?;
    Requirement::parse(&format!("{skill} >= {}", rng.u8(1..=8))).ok()
}

fn queue(name: &str, n: usize, names: &[String], balanced: bool, rng: &mut Rng) -> QueueSetup {
    let strategy = rng.choice(STRATEGIES).filter(|_| !balanced).unwrap_or_default();
    let require = maybe(rng, 4, requirement).flatten();
    let weaker =
        Ring { after: Duration::from_secs(rng.u64(5..60)), require: None, also: vec![names[0].clone()] };
    // Only to a queue before it: no circles.
    let to = (n > 0).then(|| Destination::Queue(names[rng.usize(..n)].as_str().into()));
    let when = match rng.u8(..3) {
        0 => When::Waited(Duration::from_secs(rng.u64(10..120))),
        1 => When::Longer(rng.usize(1..6)),
        _ => When::Estimated(Duration::from_secs(rng.u64(30..300))),
    };
    let rule = OverflowRule { when, to: to.unwrap_or(Destination::Voicemail) };
    QueueSetup {
        strategy,
        ring: Duration::from_secs(rng.u64(5..20)),
        wrap_up: Duration::from_secs(rng.u64(..20)),
        max_wait: minutes(rng.u64(1..20)),
        priority: rng.u16(..3),
        aging: rng.u16(..3),
        weight: rng.u16(50..200),
        rings: maybe(rng, 3, |_| weaker).into_iter().collect(),
        target: Target { within: Duration::from_secs(rng.u64(5..60)), percent: 80 },
        late_share: rng.u8(..50),
        places: maybe(rng, 5, |rng| rng.usize(..5)),
        overflow: maybe(rng, 3, |_| rule).into_iter().collect(),
        remember: maybe(rng, 3, |_| minutes(60)).unwrap_or_default(),
        require,
        ..QueueSetup::new(name)
    }
}

fn agent(n: usize, names: &[String], rng: &mut Rng) -> AgentSetup {
    let mut queues: Vec<String> = names.iter().filter(|_| rng.bool()).cloned().collect();
    if queues.is_empty() {
        queues.push(names[0].clone());
    }
    let skills =
        SKILLS.iter().filter_map(|s| maybe(rng, 2, |rng| (Name::from(*s), rng.u8(1..=10)))).collect();
    let user = format!("a{n}");
    AgentSetup { skills, capacity: 1 + u8::from(rng.u8(..6) == 0), ..AgentSetup::new(&user, &user, queues) }
}

fn behave(rng: &mut Rng) -> Behaviour {
    let often = |rng: &mut Rng, mean| Draw::Exponential(mean * (0.5 + rng.f64()));
    Behaviour {
        answer: rng
            .choice([Draw::Fixed(0.0), Draw::Fixed(3.0), Draw::Exponential(4.0)])
            .unwrap_or(Draw::Fixed(0.0)),
        no_answer: maybe(rng, 2, |rng| rng.f64() * 0.3).unwrap_or(0.0),
        reject: maybe(rng, 2, |rng| rng.f64() * 0.2).unwrap_or(0.0),
        returns: often(rng, 40.0),
        leaves_every: maybe(rng, 4, |rng| often(rng, 500.0)),
        leaves: often(rng, 60.0),
        crash_every: maybe(rng, 3, |rng| often(rng, 600.0)),
        crash: often(rng, 30.0),
        break_every: maybe(rng, 3, |rng| often(rng, 500.0)),
        break_: often(rng, 60.0),
        shift: (minutes(rng.u64(..5)), maybe(rng, 4, |rng| minutes(rng.u64(10..30)))),
        slower: rng.f64() * 0.1,
    }
}

fn flow(names: &[String], rng: &mut Rng) -> Flow {
    let name = rng.choice(names).map_or("", String::as_str);
    Flow {
        rates: vec![(Duration::ZERO, rng.f64() * 120.0), (minutes(10), rng.f64() * 60.0)],
        batches: maybe(rng, 3, |rng| (minutes(rng.u64(..20)), rng.u32(2..20))).into_iter().collect(),
        patience: maybe(rng, 2, |rng| Draw::Exponential(5.0 + rng.f64() * 200.0)),
        handle: Draw::Lognormal(10.0 + rng.f64() * 120.0, 0.8),
        require: maybe(rng, 3, requirement).flatten(),
        priority: maybe(rng, 4, |rng| rng.u16(..20)),
        numbers: maybe(rng, 2, |rng| rng.u32(1..20)).unwrap_or(0),
        ..Flow::new(name, 0.0)
    }
}
