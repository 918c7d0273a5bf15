//! One scenario under several strategies: the same callers, the same seeds.

use super::scenario::Scenario;
use super::world::{Options, run};
use crate::acd::Strategy;
use serde::Serialize;
use std::fmt;
use std::ops::Range;

/// The rules of the peers, by the strategy that is theirs here. Asterisk's penalties and FreeSWITCH's tiers (agents tried by
/// a rank that the operator gives them) have no strategy of their own: the proxy is `best-skill`, the rank being the level of
/// the skills that the call and its queue name; then the longest idle.
pub const PEERS: [(&str, Strategy); 5] = [
    ("longest-idle", Strategy::LongestIdle),
    ("fewest-calls", Strategy::FewestCalls),
    ("linear", Strategy::Linear),
    ("ring-all", Strategy::RingAll),
    ("penalties (best-skill)", Strategy::BestSkill),
];

/// A strategy's results, each by seed.
#[derive(Debug, Clone, Serialize)]
pub struct Rule {
    pub name: &'static str,
    pub answered_within: Vec<u64>,
    pub abandoned: Vec<u64>,
    /// The longest wait of any caller, in seconds.
    pub worst_s: Vec<f64>,
}

/// All of them; the first is `balanced`.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    pub scenario: String,
    pub callers: usize,
    pub rules: Vec<Rule>,
}

/// Runs a scenario under `balanced` and under each peer's rule, with each seed.
pub fn compare(scenario: &Scenario, seeds: Range<u64>) -> Comparison {
    let mut callers = 0;
    let all = [("balanced", Strategy::Balanced)].into_iter().chain(PEERS);
    let rules = all.map(|(name, strategy)| {
        let mut rule = Rule { name, answered_within: Vec::new(), abandoned: Vec::new(), worst_s: Vec::new() };
        callers = 0;
        for seed in seeds.clone() {
            let options = Options { seed, strategy: Some(strategy), checks: false, ..Options::default() };
            let report = run(scenario, options).report;
            callers += report.callers;
            rule.answered_within.push(report.total.counts.within);
            rule.abandoned.push(report.total.counts.abandoned);
            rule.worst_s.push(report.total.worst_s.unwrap_or(0.0));
        }
        rule
    });
    let rules = rules.collect();
    Comparison { scenario: scenario.name.clone(), callers, rules }
}

impl Rule {
    /// The mean over the seeds of the worst caller's wait, in seconds.
    pub fn worst_mean_s(&self) -> f64 {
        mean(&self.worst_s)
    }

    /// Calls answered within the target, of all seeds.
    pub fn within(&self) -> u64 {
        self.answered_within.iter().sum()
    }
}

impl Comparison {
    /// The peer with the most calls within target.
    pub fn best(&self) -> Option<&Rule> {
        self.rules.iter().skip(1).max_by_key(|r| r.within())
    }

    /// How many more calls a run `balanced` answers within the target than this rule, and half the width of the 95 %
    /// confidence interval of that, from the differences seed by seed.
    pub fn ahead(&self, rule: &Rule) -> (f64, f64) {
        let own = self.rules.first().map_or(&[][..], |r| &r.answered_within);
        let pairs = own.iter().zip(&rule.answered_within);
        let differences: Vec<f64> = pairs.map(|(a, b)| *a as f64 - *b as f64).collect();
        let (n, middle) = (differences.len() as f64, mean(&differences));
        let spread = differences.iter().map(|d| (d - middle).powi(2)).sum::<f64>();
        // Student's quantile, within 1 % from ten degrees of freedom on.
        let student = 1.96 + 2.45 / (n - 1.0).max(1.0);
        (middle, student * (spread / (n * (n - 1.0).max(1.0))).sqrt())
    }
}

fn mean(all: &[f64]) -> f64 {
    all.iter().sum::<f64>() / all.len().max(1) as f64
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seeds = self.rules.first().map_or(0, |r| r.worst_s.len());
        writeln!(f, "{}: {} callers in {seeds} runs", self.scenario, self.callers)?;
        write!(f, "  {:<24}{:>9}{:>8}{:>11}", "", "within", "%", "abandoned")?;
        writeln!(f, "{:>14}{:>12}   balanced ahead by, calls a run", "worst s, mean", "of all")?;
        for (n, rule) in self.rules.iter().enumerate() {
            let part = 100.0 * rule.within() as f64 / self.callers.max(1) as f64;
            let most = rule.worst_s.iter().copied().fold(0.0, f64::max);
            let left: u64 = rule.abandoned.iter().sum();
            write!(f, "  {:<24}{:>9}{part:>8.2}{left:>11}", rule.name, rule.within())?;
            write!(f, "{:>14.1}{most:>12.1}", rule.worst_mean_s())?;
            if n > 0 {
                let (by, half) = self.ahead(rule);
                write!(f, "   {by:+.2} ± {half:.2}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
