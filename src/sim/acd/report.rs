//! What came of a run: the room's own figures, and the waits of each caller.

use crate::acd::{AcdEvent, Counts, Figures, Name};
use crate::base::{CallId, Now};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// How a caller's wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Answered,
    Abandoned,
    Overflowed,
}

/// A caller's wait, of those that count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The caller, by its number in the order of coming, from 0.
    pub call: CallId,
    /// Where the wait ended.
    pub queue: Name,
    pub waited: Duration,
    pub outcome: Outcome,
    /// Answered within the queue's target.
    pub within: bool,
}

/// Figures of a queue, of an interval, or of all. Times in seconds, parts 0-1; `None` where there is nothing to divide by.
#[derive(Debug, Clone, Serialize)]
pub struct QueueReport {
    pub name: String,
    pub service_level: Option<f64>,
    pub service_level_of_offered: Option<f64>,
    pub service_level_of_answered: Option<f64>,
    pub service_level_of_patient: Option<f64>,
    pub abandon_rate: Option<f64>,
    pub asa_s: Option<f64>,
    pub handle_s: Option<f64>,
    pub wait_p50_s: Option<f64>,
    pub wait_p95_s: Option<f64>,
    /// The longest of the answered, and of all callers.
    pub wait_max_s: Option<f64>,
    pub worst_s: Option<f64>,
    pub counts: Counts,
}

/// One run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub scenario: String,
    pub seed: u64,
    pub callers: usize,
    /// From the first caller to the last, in hours of virtual time.
    pub hours: f64,
    /// Busy of busy and ready, of all agents.
    pub occupancy: Option<f64>,
    pub total: QueueReport,
    pub queues: Vec<QueueReport>,
    /// Of all queues, one after the other.
    pub intervals: Vec<QueueReport>,
}

/// Makes figures of events: of callers who came from `from` on, and of what agents did until `to`, when the last one came.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) figures: Figures,
    from: Now,
    to: Now,
    /// When each caller who counts came, until it is gone.
    came: BTreeMap<CallId, Now>,
    /// What agents did last before the figures begin.
    before: BTreeMap<Name, AcdEvent>,
    pub(super) waits: Vec<Wait>,
}

impl Ledger {
    pub(super) fn new(from: Duration, to: Now, interval: Duration) -> Ledger {
        let (figures, from) = (Figures::new(interval), Now(0) + from);
        Ledger { figures, from, to, came: BTreeMap::new(), before: BTreeMap::new(), waits: Vec::new() }
    }

    pub(super) fn add(&mut self, now: Now, event: &AcdEvent) {
        if now < self.from {
            if let AcdEvent::Agent { user, .. } = event {
                self.before.insert(user.clone(), event.clone());
            }
            return;
        }
        for state in std::mem::take(&mut self.before).values() {
            self.figures.add(self.from.ms(), state);
        }
        let (call, outcome) = match event {
            AcdEvent::Agent { .. } if now > self.to => return,
            AcdEvent::Queued { call, .. } => {
                self.came.insert(*call, now);
                (*call, None)
            }
            AcdEvent::Moved { call, .. }
            | AcdEvent::Offered { call, .. }
            | AcdEvent::TalkEnded { call, .. } => (*call, None),
            AcdEvent::Answered { call, queue, waited_ms, within_ms, .. } => {
                (*call, Some((queue, Outcome::Answered, waited_ms <= within_ms)))
            }
            AcdEvent::Abandoned { call, queue, .. } => (*call, Some((queue, Outcome::Abandoned, false))),
            AcdEvent::Overflowed { call, queue, .. } => (*call, Some((queue, Outcome::Overflowed, false))),
            _ => return self.figures.add(now.ms(), event),
        };
        let Some(came) = self.came.get(&call).copied() else { return };
        self.figures.add(now.ms(), event);
        if let Some((queue, outcome, within)) = outcome {
            let queue = queue.clone();
            self.waits.push(Wait { call, queue, waited: now.since(came), outcome, within });
        }
        if matches!(
            event,
            AcdEvent::TalkEnded { .. } | AcdEvent::Abandoned { .. } | AcdEvent::Overflowed { .. }
        ) {
            self.came.remove(&call);
        }
    }

    /// The report, when everybody has left.
    pub(super) fn report(&mut self, scenario: &str, seed: u64, callers: usize) -> Report {
        self.figures.until(self.to.ms());
        let f = &self.figures;
        let queue = |name: &str, counts: &Counts, of: &dyn Fn(&Name) -> bool| {
            let mut answered: Vec<Duration> = Vec::new();
            let mut worst = None;
            for wait in self.waits.iter().filter(|w| of(&w.queue)) {
                worst = worst.max(Some(wait.waited));
                if wait.outcome == Outcome::Answered {
                    answered.push(wait.waited);
                }
            }
            answered.sort_unstable();
            let part = |part: f64| {
                let last = answered.len().checked_sub(1)?;
                answered.get((last as f64 * part).round() as usize).map(Duration::as_secs_f64)
            };
            QueueReport {
                wait_p50_s: part(0.5),
                wait_p95_s: part(0.95),
                wait_max_s: part(1.0),
                worst_s: worst.map(|w| w.as_secs_f64()),
                ..QueueReport::of(name, *counts)
            }
        };
        let (mut busy, mut there) = (0u64, 0u64);
        for (_, agent) in f.agents(None) {
            let worked: u64 = agent.state_ms[3..].iter().sum();
            (busy, there) = (busy + worked, there + worked + agent.state_ms[2]);
        }
        let intervals = f.intervals().into_iter().filter_map(|at| {
            let counts = f.total(Some(at));
            let minutes = at / 60_000;
            let name = format!("from {}:{:02} h", minutes / 60, minutes % 60);
            (counts.offered + counts.answered > 0).then(|| QueueReport::of(&name, counts))
        });
        Report {
            scenario: scenario.to_owned(),
            seed,
            callers,
            hours: self.to.0 as f64 / 3.6e9,
            occupancy: (there > 0).then(|| busy as f64 / there as f64),
            total: queue("all", &f.total(None), &|_| true),
            queues: f.queues(None).map(|(name, counts)| queue(name, counts, &|q| q == name)).collect(),
            intervals: intervals.collect(),
        }
    }
}

impl QueueReport {
    /// What follows from the counts alone.
    fn of(name: &str, c: Counts) -> QueueReport {
        QueueReport {
            name: name.to_owned(),
            service_level: c.service_level(),
            service_level_of_offered: c.service_level_of_offered(),
            service_level_of_answered: c.service_level_of_answered(),
            service_level_of_patient: c.service_level_of_patient(),
            abandon_rate: c.abandon_rate(),
            asa_s: c.asa_ms().map(|ms| ms / 1000.0),
            handle_s: c.handle_ms().map(|ms| ms / 1000.0),
            wait_p50_s: None,
            wait_p95_s: None,
            wait_max_s: None,
            worst_s: None,
            counts: c,
        }
    }
}

impl fmt::Display for QueueReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |part: Option<f64>| part.map_or("-".to_owned(), |p| format!("{:.1}", p * 100.0));
        let time = |s: Option<f64>| s.map_or("-".to_owned(), |s| format!("{s:.1}"));
        let c = &self.counts;
        write!(f, "{:<14}{:>8}{:>8}{:>7}", self.name, c.offered, c.answered, c.within)?;
        write!(f, "{:>7}{:>7}{:>7}", c.abandoned, c.short, c.overflowed)?;
        let levels = [
            self.service_level,
            self.service_level_of_offered,
            self.service_level_of_answered,
            self.service_level_of_patient,
            self.abandon_rate,
        ];
        for part in levels {
            write!(f, "{:>7}", percent(part))?;
        }
        for s in [self.asa_s, self.wait_p50_s, self.wait_p95_s, self.wait_max_s, self.worst_s] {
            write!(f, "{:>8}", time(s))?;
        }
        let mean = |ms: u64| time((c.answered > 0).then(|| ms as f64 / 1000.0 / c.answered as f64));
        write!(f, "{:>8}{:>8}{:>8}", mean(c.talk_ms), mean(c.wrap_up_ms), time(self.handle_s))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}, seed {}: {} callers in {:.2} h",
            self.scenario, self.seed, self.callers, self.hours
        )?;
        write!(
            f,
            "{:<14}{:>8}{:>8}{:>7}{:>7}{:>7}{:>7}",
            "", "offered", "answ.", "within", "aband.", "short", "overfl"
        )?;
        write!(f, "{:>7}{:>7}{:>7}{:>7}{:>7}", "SL %", "/off.", "/answ.", "/pat.", "aban.%")?;
        write!(f, "{:>8}{:>8}{:>8}{:>8}{:>8}", "ASA s", "p50", "p95", "max", "worst")?;
        writeln!(f, "{:>8}{:>8}{:>8}", "talk s", "wrap", "handle")?;
        for figures in self.intervals.iter().chain(&self.queues).chain([&self.total]) {
            writeln!(f, "{figures}")?;
        }
        if let Some(occupancy) = self.occupancy {
            writeln!(f, "occupancy {:.1} %", occupancy * 100.0)?;
        }
        Ok(())
    }
}
