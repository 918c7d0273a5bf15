//! Scenarios as files, replays, and what a run reports.

use super::*;
use crate::base::CallId;
use crate::call::{Cdr, Moment, MomentAt, Result as CallResult};
use crate::config::{File, Problem};
use std::time::Duration;

const SMALL: &str = r#"
hours = 2
[behaviour]
answer = { fixed_s = 3 }
[[callers]]
queue = "help"
rates = [{ from_s = 0, per_hour = 30 }, { from_s = 3600, per_hour = 300 }]
batches = [{ at_s = 60, count = 5 }]
patience = { mean_s = 60 }
handle = { mean_s = 100, cv = 0.5 }
require = "zh >= 2"
[[agents]]
name = "a"
count = 4
queues = ["help"]
skills = { zh = 3 }
[[queue]]
name = "help"
wrap_up_s = 5
"#;

fn parse(text: &str) -> Result<Scenario, Vec<Problem>> {
    read(&File { name: "small.toml".into(), text: text.into() }, None)
}

#[track_caller]
fn refused(from: &str, to: &str, line: usize, message: &str) {
    assert!(SMALL.contains(from), "{from}");
    let problems = parse(&SMALL.replace(from, to)).expect_err("refused");
    let found = problems.iter().any(|p| p.line == line && p.message.contains(message));
    assert!(found, "{problems:#?}");
}

#[test]
fn a_scenario_is_read_with_its_crews_and_rates() {
    let s = parse(SMALL).unwrap();
    let users: Vec<&str> = s.setup.agents.iter().map(|a| a.user.as_str()).collect();
    assert_eq!(users, ["a-1", "a-2", "a-3", "a-4"]);
    assert_eq!((s.length, s.behaviour[3].answer), (Duration::from_secs(7200), Draw::Fixed(3.0)));
    assert_eq!(s.expected(), 335.0);
    // Each rate holds in its hour: within four standard deviations of a Poisson count.
    let callers = s.callers(1);
    let first = callers.iter().filter(|c| c.at.ms() < 3_600_000).count();
    assert!((14..=57).contains(&first), "{first}");
    assert!((231..=369).contains(&(callers.len() - first)), "{}", callers.len() - first);
}

#[test]
fn what_is_wrong_with_a_scenario_is_told_with_its_line() {
    refused("hours = 2", "hours = -2", 2, "hours must lie between");
    refused("fixed_s = 3 ", "fixed_s = 3, cv = 1 ", 4, "not a length of time");
    refused("\"help\"\nrates", "\"hlep\"\nrates", 6, "no queue named `hlep`");
    refused("from_s = 3600", "from_s = 0", 7, "one after the other");
    refused("zh >= 2", "zn >= 2", 11, "no agent has the skill `zn`");
    refused("count = 4", "count = 0", 14, "1 to 10000 agents");
    refused("zh = 3", "zh = 30", 16, "between 1 and 10");
    refused("wrap_up_s = 5", "wrap_up = 5", 19, "unknown field `wrap_up`");
}

#[test]
fn another_strategy_meets_the_same_callers() {
    let s = parse(SMALL).unwrap();
    let callers = s.callers(3);
    assert_eq!(callers, s.callers(3));
    assert_ne!(callers, s.callers(4));
    let offered = |strategy| {
        run(&s, Options { seed: 3, strategy: Some(strategy), ..Options::default() })
            .report
            .total
            .counts
            .offered
    };
    use crate::acd::Strategy::{Linear, RingAll};
    assert_eq!((offered(Linear), offered(RingAll)), (callers.len() as u64, callers.len() as u64));
}

#[test]
fn the_report_adds_up_and_leaves_the_warm_up_out() {
    let mut s = parse(SMALL).unwrap();
    let whole = run(&s, Options::default()).report;
    let t = &whole.total.counts;
    assert_eq!(t.offered, t.answered + t.abandoned + t.overflowed);
    assert_eq!(whole.intervals.iter().map(|i| i.counts.offered).sum::<u64>(), t.offered);
    assert!(
        whole.total.wait_p50_s <= whole.total.wait_p95_s && whole.total.wait_max_s <= whole.total.worst_s
    );
    assert!(whole.occupancy.is_some_and(|o| o > 0.0 && o < 1.0));
    s.warm_up = Duration::from_secs(3600);
    let later = s.callers(0).iter().filter(|c| c.at.ms() >= 3_600_000).count();
    assert_eq!(run(&s, Options::default()).report.total.counts.offered, later as u64);
}

fn record(started_s: u64, wait_s: u64, talk_s: u64, result: CallResult) -> Cdr {
    Cdr {
        started_unix_ms: 1_700_000_000_000 + started_s * 1000,
        talk_ms: talk_s * 1000,
        wait_ms: wait_s * 1000,
        queue: Some("help".into()),
        result,
        moments: vec![MomentAt { ms: 2000, moment: Moment::Queued { queue: "help".into() } }],
        ..Cdr::new(CallId(started_s))
    }
}

#[test]
fn a_replay_has_the_calls_of_the_records_at_their_times() {
    let mut never_queued = record(5, 0, 0, CallResult::Served);
    never_queued.moments.clear();
    let records = [
        record(0, 10, 100, CallResult::Connected),
        never_queued,
        record(60, 30, 0, CallResult::Abandoned),
        record(90, 20, 60, CallResult::Connected),
    ];
    let mut s = parse(SMALL).unwrap();
    (s.flows, s.past) = (Vec::new(), replay(&records));
    let callers = s.callers(1);
    let at: Vec<u64> = callers.iter().map(|c| c.at.ms() / 1000).collect();
    assert_eq!(at, [0, 60, 90]);
    let seconds = Duration::from_secs;
    assert_eq!((callers[0].handle, callers[2].handle), (seconds(100), seconds(60)));
    // Who hung up does so again after the same time; who was answered waits at least as long as then.
    assert_eq!(callers[1].patience, Some(seconds(30)));
    assert!(callers[0].patience > Some(seconds(10)) && callers[2].patience > Some(seconds(20)));
    assert_eq!(run(&s, Options::default()).report.total.counts.answered, 3);
}
