//! `trunkline sim acd`: a scenario's figures, a replay of the call records against another team, or strategies side by side.

use super::Places;
use clap::Args;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::path::{Path, PathBuf};
use std::time::Duration;
use trunkline::acd::{Setup, Strategy};
use trunkline::drive::files;
use trunkline::drive::store::{self, Reader};
use trunkline::sim::acd::{Behaviour, Draw, Options, Past, Scenario, compare, read, replay, run};

/// How long agents take to pick up in a replay without a scenario, in seconds.
const PICK_UP_S: f64 = 4.0;

/// What callers would see: service level, waits, abandons and occupancy on virtual time, in seconds instead of days.
#[derive(Debug, Args)]
pub(super) struct Acd {
    /// The scenario; dialplans/scenarios has samples and a manual. Without queues of its own it is about the team of --config.
    #[arg(long, value_name = "FILE", required_unless_present = "replay")]
    scenario: Vec<PathBuf>,
    /// The world; each seed is another, and always the same.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// No more callers than these, the first ones.
    #[arg(long, value_name = "N")]
    calls: Option<usize>,
    /// In place of the queues' own: balanced, longest-idle, least-occupied, fewest-calls, round-robin, random, linear,
    /// ring-all or best-skill.
    #[arg(long, value_name = "NAME", value_parser = strategy)]
    strategy: Option<Strategy>,
    /// The callers of the call records in this data folder, too: the same calls at the same times.
    #[arg(long, value_name = "DIR")]
    replay: Option<PathBuf>,
    /// Of the records, those from then on and before then: 2026-03-02 or 2026-03-02T08:00, UTC.
    #[arg(long, value_name = "TIME", requires = "replay", value_parser = unix_ms)]
    from: Option<u64>,
    #[arg(long, value_name = "TIME", requires = "replay", value_parser = unix_ms)]
    to: Option<u64>,
    /// Figures of each interval of so many minutes, too.
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u64).range(1..=1440))]
    interval: Option<u64>,
    /// `balanced` beside the rules of other systems, each with so many seeds from SEED on.
    #[arg(long, value_name = "RUNS", conflicts_with_all = ["strategy", "interval"])]
    compare: Option<u64>,
    /// One JSON object a scenario.
    #[arg(long)]
    json: bool,
}

pub(super) fn acd(args: &Acd, places: &Places) -> Result<(), String> {
    let past = match &args.replay {
        Some(data) => records(data, args.from.unwrap_or(0), args.to.unwrap_or(u64::MAX))?,
        None => Vec::new(),
    };
    let mut scenarios = Vec::new();
    for path in &args.scenario {
        scenarios.push(scenario(path, places)?);
    }
    if scenarios.is_empty() {
        scenarios.push(plain(files::load(&places.config)?.setup));
    }
    for mut scenario in scenarios {
        scenario.calls_max = args.calls;
        replayed(&mut scenario, past.clone())?;
        match args.compare {
            Some(runs) => {
                let comparison = compare(&scenario, args.seed..args.seed.saturating_add(runs.max(1)));
                print(args.json, &comparison)?;
            }
            None => simulate(args, &scenario)?,
        }
    }
    Ok(())
}

fn simulate(args: &Acd, scenario: &Scenario) -> Result<(), String> {
    let interval = Duration::from_secs(60 * args.interval.unwrap_or(30));
    let options = Options { seed: args.seed, strategy: args.strategy, interval, ..Options::default() };
    let mut done = run(scenario, options);
    if args.interval.is_none() {
        done.report.intervals.clear();
    }
    print(args.json, &done.report)?;
    done.verdict.map_or(Ok(()), |v| Err(format!("{}, seed {}: {v}", scenario.name, args.seed)))
}

fn print<T: serde::Serialize + std::fmt::Display>(json: bool, what: &T) -> Result<(), String> {
    match json {
        true => outln!("{}", serde_json::to_string(what).map_err(|e| e.to_string())?),
        false => outln!("{what}"),
    }
    Ok(())
}

/// A scenario of a file; the folder's team is looked at only if it has none of its own.
fn scenario(path: &Path, places: &Places) -> Result<Scenario, String> {
    let file = files::file(path)?;
    let found = match read(&file, None) {
        Err(problems) if !file.text.contains("[[queue]]") => match files::load(&places.config) {
            Ok(config) => read(&file, Some(&config.setup)),
            Err(_) => Err(problems),
        },
        found => found,
    };
    found.map_err(|problems| files::told(&problems, path))
}

/// A team as it is, without callers.
fn plain(setup: Setup) -> Scenario {
    let behaviour = Behaviour { answer: Draw::Fixed(PICK_UP_S), ..Behaviour::default() };
    Scenario {
        name: "replay".into(),
        behaviour: vec![behaviour; setup.agents.len()],
        setup,
        flows: Vec::new(),
        past: Vec::new(),
        length: Duration::ZERO,
        warm_up: Duration::ZERO,
        calls_max: None,
    }
}

/// Adds callers of the past, if the team has their queues.
fn replayed(scenario: &mut Scenario, past: Vec<Past>) -> Result<(), String> {
    let Some(last) = past.iter().map(|p| p.at).max() else { return Ok(()) };
    let names: Vec<&str> = scenario.setup.queues.iter().map(|q| q.name.as_str()).collect();
    if let Some(unknown) = past.iter().find(|p| !names.contains(&p.queue.as_str())) {
        let (queue, names) = (&unknown.queue, names.join(", "));
        return Err(format!("calls of the records waited for `{queue}`, and the team's queues are {names}"));
    }
    scenario.length = scenario.length.max(last);
    scenario.past = past;
    Ok(())
}

fn records(data: &Path, from: u64, to: u64) -> Result<Vec<Past>, String> {
    let none = || {
        format!("{} has no calls: give the folder that `trunkline serve` writes", store::file(data).display())
    };
    let reader = Reader::open(data).map_err(|_| none())?;
    let past = replay(&reader.between(from, to).map_err(|e| format!("{}: {e}", data.display()))?);
    match past.is_empty() {
        true => Err(format!("no call of that time in {} waited for an agent", data.display())),
        false => Ok(past),
    }
}

fn strategy(text: &str) -> Result<Strategy, String> {
    serde_json::from_value(serde_json::Value::from(text)).map_err(|_| "no such strategy".to_owned())
}

/// A date and perhaps a time, UTC, as ms since 1970.
fn unix_ms(text: &str) -> Result<u64, String> {
    let at: DateTime = text.parse().map_err(|_| "not a time as 2026-03-02 or 2026-03-02T08:00")?;
    let at = at.to_zoned(TimeZone::UTC).map_err(|e| e.to_string())?;
    u64::try_from(at.timestamp().as_millisecond()).map_err(|_| "before 1970".to_owned())
}

#[cfg(test)]
mod tests {
    use super::unix_ms;

    #[test]
    fn dates_are_read_as_they_are_shown() {
        for ms in [0, 951_782_400_000, 1_772_366_400_000, 1_709_164_740_000] {
            let shown = super::super::super::records::utc(ms);
            assert_eq!(unix_ms(&shown[..16]), Ok(ms), "{shown}");
        }
        assert!(
            unix_ms("2026-13-01").is_err()
                && unix_ms("monday").is_err()
                && unix_ms("2026-03-02T25:00").is_err()
        );
    }
}
