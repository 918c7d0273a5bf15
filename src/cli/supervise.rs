//! `trunkline supervise`, `queue`, `figures`: what supervisors look at and do. Each action is in the audit log.

use super::Places;
use super::ops::{done, one};
use clap::{Args, Subcommand};
use std::time::{Duration, SystemTime};
use trunkline::acd::Counts;
use trunkline::call::Role;
use trunkline::drive::control::{Action, Answer, Ask, BoardWaiting, IntervalFigures};
use trunkline::media::Taping;

/// Do something about calls, agents and queues.
#[derive(Debug, Args)]
pub(super) struct Supervise {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Hear a call. Your phone (USER) is rung; its keys 1, 2, 3 change to listen, whisper, barge.
    Listen(Guest),
    /// Hear a call and speak to its agent alone.
    Whisper(Guest),
    /// Talk with caller and agent.
    Barge(Guest),
    /// Add a party to a call, who stays with the caller if the agent leaves.
    Conference(Guest),
    /// Become the caller's agent.
    TakeOver(Guest),
    /// Set an agent ready.
    Ready {
        user: String,
    },
    /// Set an agent not ready, for one of the reasons in team.toml.
    NotReady {
        user: String,
        #[arg(long)]
        reason: Option<String>,
    },
    /// Sign an agent in, or out (after the call in hand).
    SignIn {
        user: String,
    },
    SignOut {
        user: String,
    },
    /// Close an agent's after-call work with a code, or let it take longer.
    WrapUp {
        user: String,
        #[arg(long, value_name = "CODE", required_unless_present = "extend")]
        disposition: Option<String>,
        #[arg(long, value_name = "SECONDS")]
        extend: Option<u64>,
    },
    /// Change a skill until the dialplans are read again; level 0 takes it away.
    Skill {
        user: String,
        skill: String,
        level: u8,
    },
    /// Move a waiting call to another queue, or to the front of its own.
    Move {
        call: u64,
        #[arg(long, required_unless_present = "front")]
        queue: Option<String>,
        #[arg(long, conflicts_with = "queue")]
        front: bool,
        /// Kept with the call.
        #[arg(long)]
        reason: String,
    },
    /// Let a queue take no new callers; those inside are served.
    Drain {
        queue: String,
        /// Take callers again.
        #[arg(long)]
        off: bool,
    },
    /// Close a queue or a line whatever its hours say.
    Close {
        name: String,
    },
    /// Give it back to its hours.
    Open {
        name: String,
    },
    /// Give up a callback.
    CancelCallback {
        call: u64,
    },
    /// Leave out of a call's recording what is said from now on (a card's number), or record it again.
    Record {
        /// The call's number, as `trunkline agents` shows it.
        call: u64,
        what: Record,
    },
    /// What was done, newest first.
    Audit {
        #[arg(long, default_value_t = 20)]
        count: usize,
    },
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Record {
    /// Nothing gets into the file: what follows comes right after.
    Pause,
    /// Silence gets into the file, for as long as it lasts.
    Mask,
    /// Record again.
    Resume,
}

#[derive(Debug, Args)]
struct Guest {
    /// The call's number, as `trunkline agents` shows it.
    call: u64,
    /// The user whose phone is rung.
    user: String,
}

impl What {
    fn action(self) -> Result<Action, Ask> {
        let join = |g: Guest, role| Action::Join { call: g.call, user: g.user, role };
        Ok(match self {
            What::Listen(g) => join(g, Role::Listen),
            What::Whisper(g) => join(g, Role::Whisper),
            What::Barge(g) => join(g, Role::Barge),
            What::Conference(g) => join(g, Role::Conference),
            What::TakeOver(g) => join(g, Role::TakeOver),
            What::Ready { user } => Action::Ready { user },
            What::NotReady { user, reason } => Action::NotReady { user, reason },
            What::SignIn { user } => Action::SignIn { user },
            What::SignOut { user } => Action::SignOut { user },
            What::WrapUp { user, disposition: Some(code), .. } => Action::Disposition { user, code },
            What::WrapUp { user, extend, .. } => Action::ExtendWrapUp { user, by_s: extend.unwrap_or(0) },
            What::Skill { user, skill, level } => Action::Skill { user, skill, level },
            What::Move { call, queue, reason, .. } => Action::Move { call, queue, reason },
            What::Drain { queue, off } => Action::Drain { queue, on: !off },
            What::Close { name } => Action::Open { name, open: false },
            What::Open { name } => Action::Open { name, open: true },
            What::CancelCallback { call } => Action::CancelCallback { call },
            What::Record { call, what } => {
                let taping = match what {
                    Record::Pause => Taping::Paused,
                    Record::Mask => Taping::Masked,
                    Record::Resume => Taping::On,
                };
                Action::Tape { call, taping }
            }
            What::Audit { count } => return Err(Ask::Audit { count }),
        })
    }
}

pub(super) async fn supervise(args: Supervise, places: &Places) -> Result<(), String> {
    let data = places.data()?;
    let ask = match args.what.action() {
        Ok(action) => return done(&data, Ask::Do { action }).await,
        Err(ask) => ask,
    };
    let Answer::Audit { actions } = one(&data, &ask).await? else {
        return Err("the server answered something else".into());
    };
    for a in actions {
        outln!("{}  uid {:<6} {}  {}", ago(a.at_unix_ms), a.uid, a.action, a.outcome);
    }
    Ok(())
}

/// Show a queue as it is: who waits, which agents serve it, and its figures.
#[derive(Debug, Args)]
pub(super) struct Queue {
    /// The queue; all of them without.
    name: Option<String>,
}

pub(super) async fn queue(args: Queue, places: &Places) -> Result<(), String> {
    let data = places.data()?;
    let Answer::Board { agents, waiting, queues, .. } = one(&data, &Ask::Board).await? else {
        return Err("the server answered something else".into());
    };
    let Answer::Figures { intervals } = one(&data, &Ask::Figures { intervals: 0 }).await? else {
        return Err("the server answered something else".into());
    };
    let names: Vec<&String> = queues.iter().map(|q| &q.name).collect();
    if let Some(name) = args.name.as_ref().filter(|name| !names.contains(name)) {
        return Err(format!("no queue `{name}`; there are: {}", join(&names)));
    }
    for queue in queues.iter().filter(|q| args.name.as_ref().is_none_or(|name| *name == q.name)) {
        let mine: Vec<&BoardWaiting> = waiting.iter().filter(|w| w.queue == queue.name).collect();
        outln!("queue {}: {} waiting", queue.name, mine.len());
        for (place, w) in mine.iter().enumerate() {
            outln!("  {:>3}. call {} since {} s", place + 1, w.call, w.waits_s);
        }
        for a in agents.iter().filter(|a| queue.agents.contains(&a.user)) {
            outln!("  agent {:<10} {:<20} {} since {} s", a.user, a.name, a.state, a.since_s);
        }
        let counts = intervals.first().and_then(|i| i.queues.iter().find(|(name, _)| *name == queue.name));
        if let Some((_, counts)) = counts {
            outln!("  {}", summary(counts));
        }
    }
    Ok(())
}

/// The figures of the queues and agents: service level, waits, abandons, occupancy.
///
/// Service level is answered within the target, of all offered but callbacks and short abandons; ASA is the average speed of
/// answer.
#[derive(Debug, Args)]
pub(super) struct Figures {
    /// So many of the newest intervals of 15 minutes, beside the whole.
    #[arg(long, default_value_t = 4)]
    intervals: usize,
    /// How fast callers were answered since the server began, and where the time went, in place of the queues.
    #[arg(long, conflicts_with = "intervals")]
    speech: bool,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// How fast callers were answered.
async fn answers(json: bool, places: &Places) -> Result<(), String> {
    let Answer::Answers { measured } = one(&places.data()?, &Ask::Answers).await? else {
        return Err("the server answered something else".into());
    };
    if json {
        outln!("{}", serde_json::to_string(&measured).map_err(|e| e.to_string())?);
        return Ok(());
    }
    outln!("{:<24} {:>7} {:>7} {:>7} {:>7} {:>7}", "in ms", "turns", "p50", "p95", "p99", "max");
    for m in &measured {
        outln!("{:<24} {:>7} {:>7} {:>7} {:>7} {:>7}", m.what, m.count, m.p50, m.p95, m.p99, m.max);
    }
    Ok(())
}

pub(super) async fn figures(args: Figures, places: &Places) -> Result<(), String> {
    if args.speech {
        return answers(args.json, places).await;
    }
    let answer = one(&places.data()?, &Ask::Figures { intervals: args.intervals }).await?;
    let Answer::Figures { intervals } = answer else {
        return Err("the server answered something else".into());
    };
    if args.json {
        outln!("{}", serde_json::to_string(&intervals).map_err(|e| e.to_string())?);
        return Ok(());
    }
    for interval in &intervals {
        print(interval);
    }
    Ok(())
}

fn print(figures: &IntervalFigures) {
    let from =
        figures.from_unix_ms.map_or("all together".to_owned(), |at| format!("15 min, from {}", ago(at)));
    outln!("{from}: {}", summary(&figures.total));
    for (queue, counts) in &figures.queues {
        outln!("  {queue:<20} {}", summary(counts));
    }
    for (user, counts) in &figures.agents {
        outln!("  agent {user:<14} occupancy {}", percent(counts.occupancy()));
    }
}

fn summary(c: &Counts) -> String {
    let seconds = |ms: Option<f64>| ms.map_or("–".to_owned(), |ms| format!("{:.1} s", ms / 1000.0));
    format!(
        "offered {}, answered {}, abandoned {} ({} short), service level {}, ASA {}, abandon rate {}, handle time {}, \
         transfers {}",
        c.offered,
        c.answered,
        c.abandoned,
        c.short,
        percent(c.service_level()),
        seconds(c.asa_ms()),
        percent(c.abandon_rate()),
        seconds(c.handle_ms()),
        percent(c.transfer_rate()),
    )
}

fn percent(part: Option<f64>) -> String {
    part.map_or("–".to_owned(), |p| format!("{:.0} %", p * 100.0))
}

fn join(names: &[&String]) -> String {
    names.iter().map(|n| n.as_str()).collect::<Vec<_>>().join(", ")
}

/// How long ago, for people.
fn ago(unix_ms: u64) -> String {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(unix_ms);
    let s = SystemTime::now().duration_since(at).unwrap_or_default().as_secs();
    match s {
        0..120 => format!("{s} s ago"),
        120..7200 => format!("{} min ago", s / 60),
        _ => format!("{} h ago", s / 3600),
    }
}
