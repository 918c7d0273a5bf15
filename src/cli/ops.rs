//! `trunkline check`, `agents`, `trunks`, `password`, `reload`, `trace`, `dump`.

use super::Places;
use clap::Args;
use serde::Serialize;
use trunkline::config::{Config, Problem, Severity};
use trunkline::drive::control::{self, Action, Answer, Ask};
use trunkline::drive::{encoder, files};

/// Check the dialplans.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// Say nothing when all is well.
    #[arg(long)]
    quiet: bool,
    /// One JSON object: version, and every error and warning with its place.
    #[arg(long)]
    json: bool,
}

/// What `check --json` prints.
#[derive(Serialize)]
struct Checked<'a> {
    /// Of what was checked; none if it cannot be used.
    version: Option<&'a str>,
    problems: &'a [Problem],
}

/// The voices can be used, those that are named and those that are there.
fn usable(places: &Places, config: &Config) -> Result<(), String> {
    let (_, problems) = places.speakers(&config.server.voices)?;
    problems.first().map_or(Ok(()), |why| Err(format!("a voice cannot be used: {why}")))
}

pub(super) fn check(args: &Check, places: &Places) -> Result<(), String> {
    encoder::find(&places.models())?;
    if args.json {
        let (version, problems) = match files::checked(&places.config)? {
            Ok(config) => {
                usable(places, &config)?;
                (Some(config.version), config.warnings)
            }
            Err(problems) => (None, problems),
        };
        let told = Checked { version: version.as_deref(), problems: &problems };
        outln!("{}", serde_json::to_string(&told).map_err(|e| e.to_string())?);
        let errors = problems.iter().filter(|p| p.severity == Severity::Error).count();
        return if version.is_some() { Ok(()) } else { Err(format!("{errors} errors")) };
    }
    let config = files::load(&places.config)?;
    usable(places, &config)?;
    files::tls(&places.config, &config)?;
    files::stir(&places.config, &config)?;
    for warning in &config.warnings {
        eprintln!("{warning}");
    }
    if !args.quiet {
        for line in &config.lines {
            let examples: usize = line.intents.iter().flat_map(|i| i.examples.values()).map(Vec::len).sum();
            let queues = line.intents.iter().filter(|i| i.actions().any(|a| a.queue.is_some())).count();
            outln!(
                "line {}: numbers {}, {} intents ({queues} to agents) from {examples} examples",
                line.line,
                line.numbers.join(", "),
                line.intents.len(),
            );
        }
        let (agents, queues) = (config.setup.agents.len(), config.setup.queues.len());
        outln!("{agents} agents, {queues} queues; version {}; no errors", config.version);
    }
    Ok(())
}

/// Show the agents and the waiting callers.
#[derive(Debug, Args)]
pub(super) struct Agents {
    /// Only this agent.
    user: Option<String>,
    /// Set this agent ready.
    #[arg(long, value_name = "USER", conflicts_with = "not_ready")]
    ready: Option<String>,
    /// Set this agent not ready.
    #[arg(long, value_name = "USER")]
    not_ready: Option<String>,
}

pub(super) async fn agents(args: Agents, places: &Places) -> Result<(), String> {
    let data = places.data()?;
    if let Some(user) = args.ready {
        return done(&data, Ask::Do { action: Action::Ready { user } }).await;
    }
    if let Some(user) = args.not_ready {
        return done(&data, Ask::Do { action: Action::NotReady { user, reason: None } }).await;
    }
    match one(&data, &Ask::Board).await? {
        Answer::Board { mut agents, waiting, calls, .. } => {
            if let Some(user) = args.user {
                agents.retain(|a| a.user == user);
                if agents.is_empty() {
                    return Err(format!("no agent `{user}`"));
                }
            }
            outln!("{:<10} {:<20} {:<24} {:>8} {:>6}", "agent", "name", "state", "since", "calls");
            for a in agents {
                let in_hand: String = a.in_hand.iter().map(|call| format!("  call {call}")).collect();
                outln!(
                    "{:<10} {:<20} {:<24} {:>7}s {:>6}{in_hand}",
                    a.user,
                    a.name,
                    a.state,
                    a.since_s,
                    a.calls
                );
            }
            outln!("\n{calls} calls in progress, {} waiting", waiting.len());
            for w in waiting {
                outln!("  call {} waits for {} since {} s", w.call, w.queue, w.waits_s);
            }
            Ok(())
        }
        other => Err(format!("unexpected answer {other:?}")),
    }
}

pub(super) async fn trunks(places: &Places) -> Result<(), String> {
    match one(&places.data()?, &Ask::Trunks).await? {
        Answer::Trunks { trunks } => {
            outln!("{:<16} {:>6} {:>8} {:>6} {:>8}  state", "trunk", "in", "in all", "out", "in all");
            for t in trunks {
                let mut state: Vec<String> = Vec::new();
                state.extend(t.alive.map(|alive| if alive { "up" } else { "down" }.to_owned()));
                state.extend(t.registered.map(|(ok, status)| match ok {
                    true => "registered".to_owned(),
                    false => format!("not registered ({status})"),
                }));
                state.extend(t.refused.iter().map(|(why, n)| format!("refused: {n} {why}")));
                let ((inward, came), (outward, went)) = (t.inward, t.outward);
                outln!("{:<16} {inward:>6} {came:>8} {outward:>6} {went:>8}  {}", t.name, state.join(", "));
            }
            Ok(())
        }
        other => Err(format!("unexpected answer {other:?}")),
    }
}

/// Print an agent's password.
#[derive(Debug, Args)]
pub(super) struct PasswordOf {
    user: String,
}

pub(super) fn password(args: &PasswordOf, places: &Places) -> Result<(), String> {
    outln!("{}", password_of(&args.user, places)?);
    Ok(())
}

/// The password of an agent as the server knows it.
pub(super) fn password_of(user: &str, places: &Places) -> Result<String, String> {
    let config = files::load(&places.config)?;
    let data = places.data()?;
    if !data.is_dir() {
        return Err(format!("{} does not exist: start the server once, or give --data DIR", data.display()));
    }
    let passwords = files::passwords(&data, &config)?;
    let known: Vec<&str> = passwords.keys().map(String::as_str).collect();
    let found = passwords.get(user);
    found
        .map(|p| p.reveal().clone())
        .ok_or_else(|| format!("no agent `{user}`; there are: {}", known.join(", ")))
}

pub(super) async fn reload(places: &Places) -> Result<(), String> {
    done(&places.data()?, Ask::Reload).await
}

/// Show the SIP messages of a recent call, all its legs in one ladder; times are UTC.
///
/// Numbers and names are shown only with `[log] personal = true`, digest responses never.
#[derive(Debug, Args)]
pub(super) struct Trace {
    /// The call's number, as `trunkline calls` shows it, or the SIP Call-ID of one of its legs.
    call_id: String,
    /// Whole messages.
    #[arg(long)]
    full: bool,
}

pub(super) async fn trace(args: Trace, places: &Places) -> Result<(), String> {
    done(&places.data()?, Ask::Trace { call: args.call_id, full: args.full }).await
}

pub(super) async fn dump(places: &Places) -> Result<(), String> {
    done(&places.data()?, Ask::Dump).await
}

pub(super) async fn done(data: &std::path::Path, ask: Ask) -> Result<(), String> {
    match one(data, &ask).await? {
        Answer::Done(what) => {
            outln!("{what}");
            Ok(())
        }
        other => Err(format!("unexpected answer {other:?}")),
    }
}

pub(super) async fn one(data: &std::path::Path, ask: &Ask) -> Result<Answer, String> {
    let mut answers = control::ask(data, ask).await.map_err(|e| e.to_string())?;
    match answers.recv().await {
        Some(Answer::Error(why)) => Err(why),
        Some(answer) => Ok(answer),
        None => Err("the server did not answer".into()),
    }
}
