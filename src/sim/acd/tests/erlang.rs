//! Agreement with queueing theory: Erlang B, C and A from the table of reference values.
//!
//! Each case is one queue, first come first served, agents who pick up at once and have no after-call work. It is played
//! in independent replications, each with a seed of its own and callers before anything counts: near saturation calls far
//! apart still depend on each other, and batches of one run would hide that. A figure is the mean of the replications, its
//! standard error theirs, and the 95 % interval that of Student's t.

use super::*;
use crate::acd::{AgentSetup, QueueSetup, Setup, Strategy, Target};
use crate::sim::acd::report::Wait;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Replications of a case.
const RUNS: usize = 20;
/// Callers before anything counts, as a part of those who do.
const WARM_UP: usize = 5;
/// Quantiles of Student's t with 19 degrees of freedom: 97.5 %, and one that 1 of 12,000 exceeds on either side.
const T_95: f64 = 2.093;
const T_FAR: f64 = 5.0;

type Row = BTreeMap<String, String>;

/// The table, or `None` where the shared data is not there.
fn table() -> Option<Vec<Row>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/acd/erlang_cases.csv");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("SKIPPED: {} is not there", path.display());
        return None;
    };
    let fields = |line: &str| -> Vec<String> {
        // A comma inside of quotes is no separator.
        let pieces = line.split('"').enumerate();
        let kept = pieces.map(|(n, p)| if n % 2 == 1 { p.replace(',', ";") } else { p.to_owned() });
        kept.collect::<String>().split(',').map(str::to_owned).collect()
    };
    let mut lines = text.lines();
    let names = fields(lines.next()?);
    Some(lines.map(|line| names.iter().cloned().zip(fields(line)).collect()).collect())
}

fn number(row: &Row, name: &str) -> Option<f64> {
    row[name].parse().ok()
}

/// In how many calls a queue that nobody leaves forgets e-fold how it was: λ/(nμ(1 − √ρ)²); 40,000 for case C10. Whoever
/// can leave, or finds no place, makes it forget within a few hundred.
fn memory(row: &Row) -> usize {
    let n = |name: &str| number(row, name).unwrap();
    if number(row, "mean_patience_s").or(number(row, "max_in_system")).is_some() {
        return 0;
    }
    let served_per_call = n("agents") * 3600.0 / (n("aht_s") * n("calls_per_hour"));
    (1.0 / (served_per_call * (1.0 - n("rho").sqrt()).powi(2))) as usize
}

/// So many calls, or more where the case is slow: four times its memory, after eight times.
fn scenario(row: &Row, calls: usize) -> Scenario {
    let n = |name: &str| number(row, name).unwrap();
    let (calls, warm_up) = (calls.max(4 * memory(row)), (calls / WARM_UP).max(8 * memory(row)));
    let agents = n("agents") as usize;
    let queue = QueueSetup {
        strategy: Strategy::LongestIdle,
        max_wait: Duration::from_secs(1_000_000),
        announce_every: Duration::from_secs(1_000_000),
        target: Target { within: Duration::from_secs_f64(n("T_s")), percent: 80 },
        places: number(row, "max_in_system").map(|k| k as usize - agents),
        ..QueueSetup::new("q")
    };
    let agent = |k: usize| AgentSetup::new(&format!("a{k}"), "", vec!["q".into()]);
    let flow = Flow {
        patience: number(row, "mean_patience_s").map(Draw::Exponential),
        handle: Draw::Exponential(n("aht_s")),
        ..Flow::new("q", n("calls_per_hour"))
    };
    Scenario {
        name: row["id"].clone(),
        setup: Setup { agents: (0..agents).map(agent).collect(), queues: vec![queue], ..Setup::default() },
        behaviour: vec![Behaviour::default(); agents],
        flows: vec![flow],
        past: Vec::new(),
        length: Duration::from_secs(1_000_000_000),
        warm_up: Duration::from_secs_f64(warm_up as f64 * 3600.0 / n("calls_per_hour")),
        calls_max: Some(calls + warm_up),
    }
}

/// What is compared: columns of the table.
const COLUMNS: [&str; 11] = [
    "P_block",
    "P_wait",
    "P_abandon",
    "mean_wait_served_s",
    "SL_served_le_T_over_offered",
    "mean_wait_all_s",
    "mean_wait_given_wait_s",
    "SL_served_le_T_over_answered",
    "SL_excl_short_abandons",
    "P_abandon_within_T",
    "occupancy",
];

/// The columns of some calls, in their order; without the occupancy, which is no matter of calls.
fn columns(waits: &[Wait], target: Duration) -> [f64; 10] {
    let count = |f: &dyn Fn(&&Wait) -> bool| waits.iter().filter(f).count() as f64;
    let sum =
        |f: &dyn Fn(&&Wait) -> bool| waits.iter().filter(f).map(|w| w.waited.as_secs_f64()).sum::<f64>();
    // Whoever finds no place did not come in: all else is of those who did.
    let blocked = count(&|w| w.outcome == Outcome::Overflowed);
    let inside = waits.len() as f64 - blocked;
    let served = |w: &&Wait| w.outcome == Outcome::Answered;
    let left = |w: &&Wait| w.outcome == Outcome::Abandoned;
    let waited = |w: &&Wait| !w.waited.is_zero();
    let within = count(&|w| w.within);
    let left_within = count(&|w| left(w) && w.waited <= target);
    let over = |a: f64, b: f64| if b > 0.0 { a / b } else { 0.0 };
    [
        blocked / waits.len() as f64,
        over(count(&waited), inside),
        over(count(&left), inside),
        over(sum(&served), count(&served)),
        over(within, inside),
        over(sum(&|_| true), inside),
        over(sum(&waited), count(&waited)),
        over(within, count(&served)),
        over(within, inside - left_within),
        over(left_within, inside),
    ]
}

/// One compared figure: the mean of the replications, and how many standard errors it is above theory.
struct Cell {
    found: f64,
    theory: f64,
    t: f64,
}

/// Plays a case in replications of so many calls.
fn play(row: &Row, calls: usize, seed: u64) -> Vec<Cell> {
    let scenario = scenario(row, calls);
    let target = scenario.setup.queues[0].target.within;
    let one = |n: u64| {
        let done = run(&scenario, Options { seed: seed * 1000 + n, checks: false, ..Options::default() });
        [&columns(&done.waits, target)[..], &[done.report.occupancy.unwrap()]].concat()
    };
    let runs: Vec<Vec<f64>> = (0..RUNS as u64).map(one).collect();
    let n = RUNS as f64;
    let cell = |(k, name): (usize, &&str)| {
        let theory = number(row, name).unwrap();
        let found = runs.iter().map(|r| r[k]).sum::<f64>() / n;
        let spread = runs.iter().map(|r| (r[k] - found).powi(2)).sum::<f64>();
        let error = (spread / (n * (n - 1.0))).sqrt();
        // The table's values have six digits.
        let off = (found - theory).signum() * ((found - theory).abs() - 1e-6).max(0.0);
        Cell { found, theory, t: if off == 0.0 { 0.0 } else { off / error } }
    };
    COLUMNS.iter().enumerate().map(cell).collect()
}

/// Plays cases, prints them, and asserts what a wrong core fails: nothing far off, nine tenths within the interval, and no
/// column off to one side over all cases.
fn agrees(rows: &[&Row], calls: usize) {
    println!("{RUNS} replications of {calls} calls a case; found (standard errors above theory)");
    let (mut all, mut far, mut within, mut within_2) = (0, Vec::new(), 0, 0);
    let mut sums = [(0.0, 0.0); COLUMNS.len()];
    for (seed, row) in (1..).zip(rows) {
        let case = play(row, calls, seed);
        let shown: Vec<String> =
            [("block", 0), ("wait", 1), ("aband", 2), ("W s", 3), ("SL", 4), ("occ", 10)]
                .map(|(name, k)| format!("{name} {:.4} ({:+.1})", case[k].found, case[k].t))
                .into();
        println!("{:<4} {:<12} {}", row["id"], row["model"], shown.join("  "));
        for ((cell, name), sum) in case.iter().zip(COLUMNS).zip(&mut sums) {
            all += 1;
            within += usize::from(cell.t.abs() <= T_95);
            within_2 += usize::from(cell.t.abs() <= 2.0);
            let told =
                format!("{} {name}: {:.6}, theory {:.6}: {:+.1}", row["id"], cell.found, cell.theory, cell.t);
            if cell.t.abs() > T_95 {
                println!("     {told}");
            }
            if cell.t.abs() > T_FAR {
                far.push(told);
            }
            // A figure that is what theory says to six digits (nobody is blocked, nobody leaves) says nothing.
            if cell.t != 0.0 {
                *sum = (sum.0 + cell.t, sum.1 + 1.0);
            }
        }
    }
    println!("{within} of {all} figures within the 95 % interval; {within_2} within 2 standard errors");
    for (name, (sum, n)) in COLUMNS.iter().zip(sums).filter(|(_, (_, n))| *n > 0.0) {
        // The variance of Student's t with 19 degrees of freedom is 19/17.
        let z = sum / (n * 19.0 / 17.0_f64).sqrt();
        println!("{name:<28} over {n} cases {z:+.2} standard errors above theory");
        assert!(z.abs() < 4.0, "{name} is off to one side: {z:+.2}");
    }
    assert!(far.is_empty(), "far from theory: {far:#?}");
    assert!(within * 10 >= all * 9, "only {within} of {all} within the 95 % interval");
}

#[test]
fn a_few_cases_agree_with_erlang_b_c_and_a() {
    let Some(table) = table() else { return };
    let quick = ["C06", "A03", "A10", "K01", "K04"];
    let rows: Vec<&Row> = table.iter().filter(|row| quick.contains(&row["id"].as_str())).collect();
    assert_eq!(rows.len(), quick.len());
    agrees(&rows, 1_000);
}

#[test]
fn a_centre_with_an_agent_too_few_does_not_agree() {
    let Some(table) = table() else { return };
    let mut row = table.into_iter().find(|row| row["id"] == "A03").unwrap();
    row.insert("agents".into(), "9".into());
    let off = play(&row, 1_000, 1).iter().map(|c| c.t.abs()).fold(0.0, f64::max);
    assert!(off > T_FAR, "{off}");
}

#[test]
#[ignore = "27 cases of 200,000 calls and more: minutes; make sim-acd"]
fn all_cases_agree_with_erlang_b_c_and_a() {
    let Some(table) = table() else { return };
    agrees(&table.iter().collect::<Vec<_>>(), 10_000);
}
