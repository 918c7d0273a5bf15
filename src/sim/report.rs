//! What a run came to, in figures.

use super::checks::Verdict;
use crate::acd::State;
use crate::base::Now;
use crate::call::Cdr;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// The result of one run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub seed: u64,
    /// How long callers came, in seconds; what came after, until the last was gone, is not counted.
    pub virtual_s: f64,
    pub events: u64,
    /// The same for runs in which the same happened.
    pub digest: u64,
    pub datagrams: u64,
    pub datagrams_lost: u64,
    pub datagrams_repeated: u64,
    /// Percent of datagrams lost; as many repeated, as many overtaken.
    pub bad_percent: u8,
    pub callers: u32,
    /// Calls that the server accepted.
    pub calls: u64,
    pub legs: u64,
    pub ports_exhausted: u64,
    pub tally: Figures,
    /// The first broken promise, if any, and what happened just before.
    pub verdict: Option<Verdict>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trace: Vec<String>,
}

/// Figures over all calls of a run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Figures {
    /// Calls by result.
    pub results: BTreeMap<String, u64>,
    /// Waits of all who were queued, in ms.
    pub wait_p50_ms: u64,
    pub wait_p95_ms: u64,
    pub wait_max_ms: u64,
    /// Part of the time that each agent was registered in which it rang, talked or did its after-call work, 0–1.
    pub occupancy: BTreeMap<String, f64>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { seed, callers, calls, legs, events, digest, .. } = self;
        let t = &self.tally;
        writeln!(f, "seed {seed}: {callers} callers, {calls} calls accepted, {legs} media legs")?;
        let results: Vec<String> = t.results.iter().map(|(r, n)| format!("{r} {n}")).collect();
        writeln!(f, "  results    {}", results.join(", "))?;
        let s = |ms: u64| ms as f64 / 1000.0;
        writeln!(
            f,
            "  waits      p50 {:.1} s, p95 {:.1} s, max {:.1} s",
            s(t.wait_p50_ms),
            s(t.wait_p95_ms),
            s(t.wait_max_ms)
        )?;
        let busy: Vec<String> =
            t.occupancy.iter().map(|(a, part)| format!("{a} {:.0} %", part * 100.0)).collect();
        writeln!(f, "  occupancy  {}", busy.join(", "))?;
        writeln!(
            f,
            "  network    {} datagrams, {} lost, {} repeated ({} % bad); ports exhausted {} times",
            self.datagrams,
            self.datagrams_lost,
            self.datagrams_repeated,
            self.bad_percent,
            self.ports_exhausted
        )?;
        writeln!(f, "  events     {events}, digest {digest:016x}")?;
        match &self.verdict {
            None => writeln!(f, "  checks     all kept"),
            Some(verdict) => {
                writeln!(f, "  checks     BROKEN {verdict}\n\nWhat happened before (seed {seed}):")?;
                self.trace.iter().try_for_each(|line| writeln!(f, "{line}"))
            }
        }
    }
}

/// Counts while a run goes on.
#[derive(Debug)]
pub(super) struct Tally {
    results: BTreeMap<String, u64>,
    waits: Histogram<u64>,
    agents: BTreeMap<String, Hours>,
}

impl Default for Tally {
    fn default() -> Self {
        Tally { results: BTreeMap::new(), waits: empty(), agents: BTreeMap::new() }
    }
}

/// Waits with two significant digits; it grows as needed.
#[allow(clippy::expect_used, reason = "two digits are within what the histogram can")]
fn empty() -> Histogram<u64> {
    Histogram::new(2).expect("two significant digits")
}

/// One agent's time, in ms.
#[derive(Debug, Default)]
struct Hours {
    since: Now,
    present: bool,
    busy: bool,
    present_ms: u64,
    busy_ms: u64,
}

impl Hours {
    fn until(&mut self, now: Now) {
        let ms = now.since(self.since).as_millis() as u64;
        self.present_ms += if self.present { ms } else { 0 };
        self.busy_ms += if self.busy { ms } else { 0 };
        self.since = now;
    }
}

impl Tally {
    pub(super) fn record(&mut self, cdr: &Cdr) {
        *self.results.entry(super::checks::word(&cdr.result)).or_default() += 1;
        if cdr.queue.is_some() {
            // It grows as needed: every value has its place.
            let _ = self.waits.record(cdr.wait_ms);
        }
    }

    pub(super) fn agent(&mut self, now: Now, user: &str, state: State) {
        let hours = self.agents.entry(user.to_owned()).or_default();
        hours.until(now);
        hours.present = state != State::Offline;
        hours.busy = matches!(state, State::Ringing { .. } | State::Talking { .. } | State::WrapUp);
    }

    pub(super) fn finish(mut self, now: Now) -> Figures {
        let occupancy = |(user, hours): (&String, &mut Hours)| {
            hours.until(now);
            (user.clone(), hours.busy_ms as f64 / hours.present_ms.max(1) as f64)
        };
        Figures {
            occupancy: self.agents.iter_mut().map(occupancy).collect(),
            wait_p50_ms: self.waits.value_at_quantile(0.5),
            wait_p95_ms: self.waits.value_at_quantile(0.95),
            wait_max_ms: self.waits.max(),
            results: self.results,
        }
    }
}
