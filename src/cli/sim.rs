//! `trunkline sim`: worlds on virtual time, one after the other, until one breaks a promise.

mod acd;

use super::Places;
use clap::{Args, Subcommand};
use std::sync::Arc;
use std::time::Instant;
use trunkline::drive::files;
use trunkline::sim::{self, Canary, Options};

/// Simulate callers and agents of the configured lines, with losses and faults.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Sim {
    #[command(subcommand)]
    what: Option<What>,

    /// The world; each seed is another, and always the same.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Hours that callers come.
    #[arg(long, default_value_t = 1.0)]
    hours: f64,
    /// Worlds to run, with seeds from SEED on.
    #[arg(long, default_value_t = 1)]
    runs: u64,
    /// Calls an hour.
    #[arg(long, default_value_t = 120.0, value_name = "PER_HOUR")]
    callers: f64,
    /// Agents: those of team.toml, and more who serve every queue.
    #[arg(long, default_value_t = 5)]
    agents: usize,
    /// Put a bug in on purpose (another for each seed): the run must fail.
    #[arg(long)]
    canary: bool,
    /// Events to print when a promise is broken.
    #[arg(long, default_value_t = 40, value_name = "EVENTS")]
    trace: usize,
    /// One JSON object a run.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The ACD alone: what callers would see with this team, these callers, this strategy.
    Acd(acd::Acd),
}

pub(super) fn sim(args: &Sim, places: &Places) -> Result<(), String> {
    if let Some(What::Acd(args)) = &args.what {
        return acd::acd(args, places);
    }
    if !(args.hours > 0.0 && args.callers > 0.0) {
        return Err("--hours and --callers must be more than 0".into());
    }
    let config = Arc::new(sim::with_agents(&files::load(&places.config)?, args.agents));
    let (began, mut virtual_s) = (Instant::now(), 0.0);
    let (mut calls, mut broken) = (0, Vec::new());
    for seed in args.seed..args.seed.saturating_add(args.runs) {
        let kinds = Canary::ALL;
        let canary = kinds.get(seed as usize % kinds.len()).filter(|_| args.canary).copied();
        let began = Instant::now();
        let options =
            Options { seed, hours: args.hours, callers_per_hour: args.callers, canary, trace: args.trace };
        let report = sim::run(options, &config);
        let real_s = began.elapsed().as_secs_f64();
        virtual_s += report.virtual_s;
        calls += report.calls;
        if args.json {
            println!("{}", serde_json::to_string(&report).map_err(|e| e.to_string())?);
        } else if args.runs == 1 || report.verdict.is_some() {
            print!("{report}");
            println!("  time       {}", speed(report.virtual_s, real_s));
        }
        if report.verdict.is_some() {
            broken.push(seed);
        }
    }
    if !args.json && args.runs > 1 {
        let time = speed(virtual_s, began.elapsed().as_secs_f64());
        println!("{} worlds, {calls} calls, {} broken; {time}", args.runs, broken.len());
    }
    match broken[..] {
        [] if args.canary => Err("the canary sang and no check noticed".into()),
        [] => Ok(()),
        [seed, ..] => {
            let again = format!("trunkline sim --seed {seed} --hours {}", args.hours);
            Err(format!("{} of {} worlds broke a promise; again with: {again}", broken.len(), args.runs))
        }
    }
}

fn speed(virtual_s: f64, real_s: f64) -> String {
    let times = virtual_s / real_s.max(1e-9);
    format!("{virtual_s:.0} s of virtual time in {real_s:.2} s: {times:.0} times faster than life")
}
