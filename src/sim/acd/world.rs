//! One run: callers and agents around the core, on virtual time.

use super::bug::Bug;
use super::checks::Checks;
use super::draw::{Draw, Of, stream};
use super::report::{Ledger, Report, Wait};
use super::scenario::{Behaviour, Caller, Scenario};
use crate::acd::{
    Acd, AcdEvent, Endpoint, Input, NotReady, OfferFailure, OfferId, Output, Request, State, Strategy,
};
use crate::base::{CallId, Now, Pii};
use crate::sim::Verdict;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

/// Who has not left this long after the last caller came never will.
const DRAIN_MAX: Duration = Duration::from_secs(48 * 3600);

/// How to run.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub seed: u64,
    /// In place of the queues' own.
    pub strategy: Option<Strategy>,
    /// Check the promises after each step.
    pub checks: bool,
    pub bug: Option<Bug>,
    /// Of the figures.
    pub interval: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options { seed: 0, strategy: None, checks: true, bug: None, interval: Duration::from_secs(1800) }
    }
}

/// What came of a run.
#[derive(Debug)]
pub struct Run {
    pub report: Report,
    /// The first promise that was broken.
    pub verdict: Option<Verdict>,
    /// Of each caller who counts, in the order in which they came.
    pub waits: Vec<Wait>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Comes(usize),
    LosesPatience(usize),
    Rings(OfferId),
    Answers(OfferId),
    Rejects(OfferId),
    HangsUp(usize),
    Starts(usize),
    Ends(usize),
    Ready(usize),
    Leaves(usize),
    Break(usize),
    Crash(usize),
    Recovers(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Outside,
    Waits,
    Talks(usize),
    Gone,
}

/// Which of an agent's lengths of time.
type Gap = fn(&Behaviour) -> Option<Draw>;

/// What an agent does then.
type Again = fn(usize) -> Due;

/// What agents do again and again, and how long they do not.
const GAPS: [(Gap, Again); 3] =
    [(|b| b.break_every, Due::Break), (|b| b.crash_every, Due::Crash), (|b| b.leaves_every, Due::Leaves)];

/// An agent, beside what the core knows of it.
struct Desk {
    rng: fastrand::Rng,
    offers: u64,
    /// Left without a word, until then.
    away: Now,
}

struct World<'a> {
    scenario: &'a Scenario,
    callers: Vec<Caller>,
    lives: Vec<Life>,
    left: usize,
    acd: Acd,
    bug: Option<Bug>,
    now: Now,
    /// Breaks and crashes end here.
    to: Now,
    agenda: BinaryHeap<Reverse<(Now, u64, Due)>>,
    planned: u64,
    /// Offers whose phones ring.
    offers: BTreeMap<OfferId, (CallId, usize)>,
    users: BTreeMap<String, usize>,
    desks: Vec<Desk>,
    seed: u64,
    ledger: Ledger,
    checks: Option<Checks>,
    out: Vec<Output>,
}

/// Runs a scenario until the last caller has left.
pub fn run(scenario: &Scenario, options: Options) -> Run {
    let mut setup = scenario.setup.clone();
    setup.seed = options.seed;
    for queue in &mut setup.queues {
        queue.strategy = options.strategy.unwrap_or(queue.strategy);
    }
    let callers = scenario.callers(options.seed);
    let to = callers.last().map_or(Now(0), |c| c.at);
    let desk = |ix: usize| Desk { rng: stream(options.seed, Of::Agent, ix as u64), offers: 0, away: Now(0) };
    let users = setup.agents.iter().enumerate().map(|(ix, a)| (a.user.clone(), ix)).collect();
    let mut world = World {
        lives: vec![Life::Outside; callers.len()],
        left: callers.len(),
        acd: Acd::new(&setup, Now(0)),
        bug: options.bug,
        now: Now(0),
        to,
        agenda: BinaryHeap::new(),
        planned: 0,
        offers: BTreeMap::new(),
        users,
        desks: (0..setup.agents.len()).map(desk).collect(),
        seed: options.seed,
        ledger: Ledger::new(scenario.warm_up, to, options.interval),
        checks: options.checks.then(|| Checks::new(&setup)),
        out: Vec::new(),
        callers,
        scenario,
    };
    world.open();
    world.go();
    let callers = world.callers.len();
    let report = world.ledger.report(&scenario.name, options.seed, callers);
    let idle = world.acd.is_idle();
    let counts = scenario.warm_up.is_zero().then_some(&report.total.counts);
    let verdict = world.checks.and_then(|c| c.end(world.now, idle && world.left == 0, counts));
    let mut waits = world.ledger.waits;
    waits.sort_unstable_by_key(|w| w.call);
    Run { report, verdict, waits }
}

impl World<'_> {
    /// Everything that is known before the first moment. Of the callers only the next one is on the agenda.
    fn open(&mut self) {
        for (agent, b) in self.scenario.behaviour.iter().enumerate() {
            self.plan(Now(0) + b.shift.0, Due::Starts(agent));
            if let Some(end) = b.shift.1 {
                self.plan(Now(0) + end, Due::Ends(agent));
            }
            for (gap, due) in GAPS {
                self.next(agent, Now(0) + b.shift.0, gap, due);
            }
        }
        if let Some(first) = self.callers.first() {
            self.plan(first.at, Due::Comes(0));
        }
    }

    fn go(&mut self) {
        let end = self.to + DRAIN_MAX;
        while self.left > 0 && self.now <= end && self.checks.as_ref().is_none_or(|c| c.verdict.is_none()) {
            let next = self.agenda.peek().map(|Reverse((at, ..))| *at);
            match (self.acd.deadline(), next) {
                (Some(at), next) if next.is_none_or(|next| at <= next) => {
                    self.now = self.now.max(at);
                    self.give(Input::Tick);
                }
                (_, Some(at)) => {
                    self.now = at;
                    if let Some(Reverse((_, _, due))) = self.agenda.pop() {
                        self.happens(due);
                    }
                }
                _ => return,
            }
        }
    }

    fn plan(&mut self, at: Now, due: Due) {
        self.planned += 1;
        self.agenda.push(Reverse((at, self.planned, due)));
    }

    fn happens(&mut self, due: Due) {
        match due {
            Due::Comes(n) => self.comes(n),
            Due::LosesPatience(n) if self.lives[n] == Life::Waits => {
                self.gone(n);
                self.give(Input::CallerGone { call: CallId(n as u64) });
            }
            Due::LosesPatience(_) => {}
            Due::HangsUp(n) => self.hangs_up(n),
            Due::Rings(offer) => self.give(Input::Ringing { offer }),
            Due::Answers(offer) => {
                if self.offers.contains_key(&offer) {
                    self.give(Input::Answered { offer });
                }
            }
            Due::Rejects(offer) => {
                if self.offers.remove(&offer).is_some() {
                    self.give(Input::Failed { offer, why: OfferFailure::Rejected });
                }
            }
            Due::Starts(agent) => {
                self.register(agent);
                let user = self.user(agent);
                self.give(Input::SignIn { user });
            }
            Due::Ends(agent) => {
                let user = self.user(agent);
                self.give(Input::SignOut { user });
            }
            Due::Ready(agent) => {
                let user = self.user(agent);
                self.give(Input::Ready { user });
            }
            Due::Break(agent) => {
                let back = self.now + self.draw(agent, |b| Some(b.break_)).unwrap_or_default();
                self.plan(back, Due::Ready(agent));
                self.next(agent, back, |b| b.break_every, Due::Break);
                let user = self.user(agent);
                self.give(Input::NotReady { user, reason: None });
            }
            Due::Leaves(agent) => {
                let back = self.now + self.draw(agent, |b| Some(b.leaves)).unwrap_or_default();
                self.desks[agent].away = back;
                self.next(agent, back, |b| b.leaves_every, Due::Leaves);
            }
            Due::Crash(agent) => self.crash(agent),
            Due::Recovers(agent) => self.register(agent),
        }
    }

    fn comes(&mut self, n: usize) {
        let caller = self.callers[n];
        let (queue, flow) = self.scenario.wants(&caller);
        let request = Request {
            require: flow.and_then(|f| f.require.clone()),
            priority: flow.and_then(|f| f.priority),
            number: caller.number.map(|n| Pii::new(n.to_string())),
            ..Request::to(queue)
        };
        if let Some(next) = self.callers.get(n + 1) {
            self.plan(next.at, Due::Comes(n + 1));
        }
        if let Some(patience) = caller.patience {
            self.plan(self.now + patience, Due::LosesPatience(n));
        }
        self.lives[n] = Life::Waits;
        self.give(Input::Enqueue { call: CallId(n as u64), request });
    }

    fn hangs_up(&mut self, n: usize) {
        if matches!(self.lives[n], Life::Talks(_)) {
            self.gone(n);
            self.give(Input::TalkEnded { call: CallId(n as u64), transfer: false });
        }
    }

    fn gone(&mut self, n: usize) {
        self.left -= usize::from(self.lives[n] != Life::Gone);
        self.lives[n] = Life::Gone;
    }

    fn register(&mut self, agent: usize) {
        let user = self.user(agent);
        self.give(Input::Registered { user, endpoint: Endpoint::Phone });
    }

    /// The phone is gone, and the talks with it.
    fn crash(&mut self, agent: usize) {
        let back = self.now + self.draw(agent, |b| Some(b.crash)).unwrap_or_default();
        self.plan(back, Due::Recovers(agent));
        self.next(agent, back, |b| b.crash_every, Due::Crash);
        let user = self.user(agent);
        self.give(Input::Unregistered { user, endpoint: Endpoint::Phone });
        let cut: Vec<usize> =
            (0..self.lives.len()).filter(|n| self.lives[*n] == Life::Talks(agent)).collect();
        for n in cut {
            self.hangs_up(n);
        }
    }

    /// Plans what comes again and again, if it comes at all and before the last caller.
    fn next(&mut self, agent: usize, from: Now, gap: Gap, due: Again) {
        if let Some(after) = self.draw(agent, gap).filter(|after| from + *after < self.to) {
            self.plan(from + after, due(agent));
        }
    }

    fn draw(&mut self, agent: usize, which: Gap) -> Option<Duration> {
        let draw = which(self.scenario.behaviour.get(agent)?)?;
        Some(draw.draw(&mut self.desks.get_mut(agent)?.rng))
    }

    fn user(&self, agent: usize) -> String {
        self.scenario.setup.agents.get(agent).map(|a| a.user.clone()).unwrap_or_default()
    }

    /// Gives the core an input, looks on, and lives with what comes of it.
    fn give(&mut self, input: Input) {
        let mut out = std::mem::take(&mut self.out);
        let swallowed = self.bug == Some(Bug::SwallowedAnswer) && matches!(input, Input::Answered { .. });
        let shown = self.checks.is_some().then(|| input.clone());
        if !swallowed {
            self.acd.step(self.now, input, &mut out);
        }
        if let Some(bug) = self.bug {
            bug.tamper(&mut out);
        }
        if let (Some(checks), Some(input)) = (&mut self.checks, shown) {
            checks.step(self.now, &input, &out);
        }
        for output in out.drain(..) {
            self.obey(output);
        }
        self.out = out;
    }

    fn obey(&mut self, output: Output) {
        match output {
            Output::Offer { offer, call, user, .. } => self.offered(offer, call, &user),
            Output::Withdraw { offer, .. } => {
                self.offers.remove(&offer);
            }
            Output::Overflow { call, .. } => self.gone(call.0 as usize),
            Output::Agent { user, state: State::NotReady(NotReady::NoAnswer) } => {
                let Some(agent) = self.users.get(&user).copied() else { return };
                let after = self.draw(agent, |b| Some(b.returns)).unwrap_or_default();
                let away = self.desks[agent].away;
                self.plan(if away > self.now { away } else { self.now + after }, Due::Ready(agent));
            }
            Output::Event(event) => {
                self.ledger.add(self.now, &event);
                if let AcdEvent::Answered { call, user, .. } = event
                    && let Some(agent) = self.users.get(&*user).copied()
                {
                    let n = call.0 as usize;
                    self.lives[n] = Life::Talks(agent);
                    let talk = self.scenario.talk(&self.callers[n], agent);
                    self.plan(self.now + talk, Due::HangsUp(n));
                }
            }
            _ => {}
        }
    }

    /// What an agent does about an offer is drawn from a stream of its own: the same for its nth offer under any strategy.
    fn offered(&mut self, offer: OfferId, call: CallId, user: &str) {
        let Some(agent) = self.users.get(user).copied() else { return };
        let (Some(b), Some(desk)) = (self.scenario.behaviour.get(agent), self.desks.get_mut(agent)) else {
            return;
        };
        desk.offers += 1;
        let away = desk.away > self.now;
        let mut rng = stream(self.seed, Of::Offer, (agent as u64) << 32 | desk.offers);
        let (chance, after) = (rng.f64(), b.answer.draw(&mut rng));
        let (no_answer, reject) = (b.no_answer, b.reject);
        self.offers.insert(offer, (call, agent));
        if !after.is_zero() {
            self.plan(self.now, Due::Rings(offer));
        }
        if away {
            return;
        }
        if chance >= no_answer + reject {
            self.plan(self.now + after, Due::Answers(offer));
        } else if chance >= no_answer {
            self.plan(self.now + after, Due::Rejects(offer));
        }
    }
}
