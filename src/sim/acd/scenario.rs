//! A scenario: who calls, who answers, and how they behave.

use super::draw::{Draw, Of, stream};
use super::replay::Past;
use crate::acd::{Requirement, Setup, Skills};
use crate::base::Now;
use std::time::Duration;

/// Callers alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Flow {
    pub queue: String,
    /// Callers an hour, each rate from its time on; a Poisson process. None before the first.
    pub rates: Vec<(Duration, f64)>,
    /// So many at once, at these times.
    pub batches: Vec<(Duration, u32)>,
    /// How long callers wait before they hang up; `None`: for ever.
    pub patience: Option<Draw>,
    /// How long an agent talks with them.
    pub handle: Draw,
    pub require: Option<Requirement>,
    pub priority: Option<u16>,
    /// They call from so many numbers, each again and again; 0: numbers are not known.
    pub numbers: u32,
}

impl Flow {
    /// Callers at a constant rate, who wait for ever and are served in three minutes on average.
    pub fn new(queue: &str, per_hour: f64) -> Flow {
        Flow {
            queue: queue.to_owned(),
            rates: vec![(Duration::ZERO, per_hour)],
            batches: Vec::new(),
            patience: None,
            handle: Draw::Exponential(180.0),
            require: None,
            priority: None,
            numbers: 0,
        }
    }
}

/// How an agent behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Behaviour {
    /// Until the phone is picked up.
    pub answer: Draw,
    /// Parts (0-1) of the offers that are not answered, and that are rejected.
    pub no_answer: f64,
    pub reject: f64,
    /// Until the agent is ready again who did not answer.
    pub returns: Draw,
    /// Between two times that the agent leaves the desk without a word, and for how long: nothing is answered then, and the
    /// agent is ready again on return. The same under any strategy.
    pub leaves_every: Option<Draw>,
    pub leaves: Draw,
    /// Between two crashes of the phone, which end the talk in hand, and how long it is gone.
    pub crash_every: Option<Draw>,
    pub crash: Draw,
    /// Between two breaks, and how long they are.
    pub break_every: Option<Draw>,
    pub break_: Draw,
    /// When the agent comes, and goes after the call in hand; `None`: stays.
    pub shift: (Duration, Option<Duration>),
    /// Talks take so much longer (a part, 0-1) for each level below 10 of the skills that the call asks for.
    pub slower: f64,
}

impl Default for Behaviour {
    /// Answers at once, always, and never leaves: a server of queueing theory.
    fn default() -> Self {
        Behaviour {
            answer: Draw::Fixed(0.0),
            no_answer: 0.0,
            reject: 0.0,
            returns: Draw::Fixed(30.0),
            leaves_every: None,
            leaves: Draw::Fixed(120.0),
            crash_every: None,
            crash: Draw::Fixed(60.0),
            break_every: None,
            break_: Draw::Fixed(300.0),
            shift: (Duration::ZERO, None),
            slower: 0.0,
        }
    }
}

/// Who calls, who answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    pub name: String,
    pub setup: Setup,
    /// Of each agent of the setup, in its order.
    pub behaviour: Vec<Behaviour>,
    pub flows: Vec<Flow>,
    /// Callers of the past, beside those of the flows.
    pub past: Vec<Past>,
    /// Callers come for this long; those who have come are served.
    pub length: Duration,
    /// Callers who come before this count in no figure.
    pub warm_up: Duration,
    /// No more callers than this, the first ones.
    pub calls_max: Option<usize>,
}

/// One caller, as drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    pub at: Now,
    /// Its flow; those of the past come after all flows, each by itself.
    pub flow: usize,
    pub patience: Option<Duration>,
    /// How long a talk takes with an agent who knows the matter.
    pub handle: Duration,
    pub number: Option<u32>,
}

impl Scenario {
    /// The callers of a seed, in the order in which they come.
    pub fn callers(&self, seed: u64) -> Vec<Caller> {
        let mut all: Vec<Caller> = Vec::new();
        for (ix, flow) in self.flows.iter().enumerate() {
            let lives = |(n, at): (usize, Duration)| {
                let mut rng = stream(seed, Of::Caller, (ix as u64) << 40 | n as u64);
                let handle = flow.handle.draw(&mut rng);
                let patience = flow.patience.map(|p| p.draw(&mut rng));
                let number = (flow.numbers > 0).then(|| (ix as u32) << 24 | rng.u32(..flow.numbers));
                Caller { at: Now(0) + at, flow: ix, patience, handle, number }
            };
            let times =
                arrivals(flow, self.length, self.calls_max, &mut stream(seed, Of::Arrivals, ix as u64));
            all.extend(times.into_iter().enumerate().map(lives));
        }
        let past = self.past.iter().enumerate().filter(|(_, p)| p.at <= self.length);
        all.extend(past.map(|(n, p)| {
            let (handle, patience) = p.lives(&mut stream(seed, Of::Caller, 1 << 63 | n as u64));
            Caller { at: Now(0) + p.at, flow: self.flows.len() + n, patience, handle, number: None }
        }));
        all.sort_by_key(|c| (c.at, c.flow));
        all.truncate(self.calls_max.unwrap_or(usize::MAX));
        all
    }

    /// How many callers are to be expected.
    pub fn expected(&self) -> f64 {
        let of_flow = |flow: &Flow| {
            let ends = flow.rates.iter().skip(1).map(|(from, _)| *from).chain([self.length]);
            let hours = |(from, end): (Duration, Duration)| {
                end.min(self.length).saturating_sub(from).as_secs_f64() / 3600.0
            };
            let rates = flow.rates.iter().zip(ends).map(|((from, rate), end)| rate * hours((*from, end)));
            rates.sum::<f64>() + flow.batches.iter().map(|(_, count)| f64::from(*count)).sum::<f64>()
        };
        self.flows.iter().map(of_flow).sum::<f64>() + self.past.len() as f64
    }

    /// The queue that a caller wants, and the flow with its other wishes.
    pub(super) fn wants(&self, caller: &Caller) -> (&str, Option<&Flow>) {
        match self.flows.get(caller.flow) {
            Some(flow) => (&flow.queue, Some(flow)),
            None => (self.past.get(caller.flow - self.flows.len()).map_or("", |p| &p.queue), None),
        }
    }

    /// How long this caller's talk takes with this agent.
    pub(super) fn talk(&self, caller: &Caller, agent: usize) -> Duration {
        let (Some(a), Some(behaviour)) = (self.setup.agents.get(agent), self.behaviour.get(agent)) else {
            return caller.handle;
        };
        let (queue, flow) = self.wants(caller);
        let queue = self.setup.queues.iter().find(|q| q.name == queue);
        let asked =
            queue.and_then(|q| q.require.as_ref()).into_iter().chain(flow.and_then(|f| f.require.as_ref()));
        let levels: Vec<u8> = asked.flat_map(Requirement::skills).map(|s| level(&a.skills, s)).collect();
        if behaviour.slower <= 0.0 || levels.is_empty() {
            return caller.handle;
        }
        let below = levels.iter().map(|l| f64::from(10 - (*l).min(10))).sum::<f64>() / levels.len() as f64;
        caller.handle.mul_f64(1.0 + behaviour.slower * below)
    }
}

fn level(skills: &Skills, skill: &str) -> u8 {
    skills.get(skill).copied().unwrap_or(0)
}

/// When the callers of a flow come: an exponential variate is used up at the rate of the hour, whatever that is.
fn arrivals(flow: &Flow, length: Duration, most: Option<usize>, rng: &mut fastrand::Rng) -> Vec<Duration> {
    let mut all: Vec<Duration> = Vec::new();
    let most = most.unwrap_or(usize::MAX);
    for (n, (from, per_hour)) in flow.rates.iter().enumerate() {
        let end = flow.rates.get(n + 1).map_or(length, |(next, _)| (*next).min(length));
        // What is left of a wait when the rate changes is forgotten: an exponential wait has no memory.
        let mut at = *from;
        while *per_hour > 0.0 && all.len() < most {
            at += Draw::Exponential(3600.0 / per_hour).draw(rng);
            if at >= end {
                break;
            }
            all.push(at);
        }
    }
    for (at, count) in flow.batches.iter().filter(|(at, _)| *at < length) {
        all.extend(std::iter::repeat_n(*at, *count as usize));
    }
    all.sort_unstable();
    all
}
