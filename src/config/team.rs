//! `team.toml`: agents and queues.

use super::file::{File, nearest};
use super::problem::Problem;
use crate::acd::{AgentSetup, QueueSetup, Setup};
use crate::ivr::{Plan, QueueWords, Text};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use toml::Spanned;

/// Where an agent's password comes from. Never the file itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    /// Made at first start and kept in the data directory.
    Generated,
    /// The environment variable of this name.
    Env(String),
    /// The first line of this file.
    File(String),
}

/// What an agent's phone can ask of the server by a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    SignIn,
    SignOut,
    Ready,
    NotReady,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawCodes {
    sign_in: String,
    sign_out: String,
    ready: String,
    not_ready: String,
}

impl Default for RawCodes {
    fn default() -> Self {
        let [sign_in, sign_out, ready, not_ready] = ["*11", "*12", "*13", "*14"].map(str::to_owned);
        RawCodes { sign_in, sign_out, ready, not_ready }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    codes: RawCodes,
    #[serde(default)]
    agent: Vec<RawAgent>,
    #[serde(default)]
    queue: Vec<RawQueue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAgent {
    user: Spanned<String>,
    name: String,
    queues: Vec<Spanned<String>>,
    password: Option<RawPassword>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawPassword {
    Env(String),
    File(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawQueue {
    name: Spanned<String>,
    label: Text,
    #[serde(default = "ring_s")]
    ring_s: Spanned<u64>,
    #[serde(default)]
    wrap_up_s: u64,
    #[serde(default = "announce_every_s")]
    announce_every_s: Spanned<u64>,
    #[serde(default = "max_wait_s")]
    max_wait_s: Spanned<u64>,
    #[serde(default)]
    comfort: Vec<Text>,
    briefing: Option<Spanned<Text>>,
    survey: Option<Text>,
    closing: Option<Text>,
    #[serde(default)]
    callback: bool,
}

fn ring_s() -> Spanned<u64> {
    Spanned::new(0..0, 20)
}

fn announce_every_s() -> Spanned<u64> {
    Spanned::new(0..0, 30)
}

fn max_wait_s() -> Spanned<u64> {
    Spanned::new(0..0, 600)
}

/// The team as written, with its places.
#[derive(Default)]
pub(super) struct Team {
    file: Option<File>,
    codes: RawCodes,
    agents: Vec<RawAgent>,
    queues: Vec<RawQueue>,
}

/// Reads `team.toml`.
pub(super) fn read(file: &File, problems: &mut Vec<Problem>) -> Option<Team> {
    let raw: Raw = file.parse(problems)?;
    Some(Team { file: Some(file.clone()), codes: raw.codes, agents: raw.agent, queues: raw.queue })
}

/// Names that occur twice, queues that do not exist or that nobody serves, impossible times.
pub(super) fn check(team: &Team, problems: &mut Vec<Problem>) {
    let Some(file) = &team.file else { return };
    for (i, agent) in team.agents.iter().enumerate() {
        let user = agent.user.get_ref();
        if team.agents.iter().take(i).any(|a| a.user.get_ref() == user) {
            problems.push(file.error(agent.user.span(), format!("a second agent with user `{user}`")));
        }
        if user.is_empty() || !user.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
            problems.push(
                file.error(agent.user.span(), "not a user name")
                    .help(Some("use letters, digits, '-', '_' and '.'".into())),
            );
        }
        for queue in &agent.queues {
            team.require_queue(file, queue, problems);
        }
    }
    for (i, queue) in team.queues.iter().enumerate() {
        let name = queue.name.get_ref();
        if team.queues.iter().take(i).any(|q| q.name.get_ref() == name) {
            problems.push(file.error(queue.name.span(), format!("a second queue named `{name}`")));
        }
        if !team.agents.iter().any(|a| a.queues.iter().any(|q| q.get_ref() == name)) {
            problems.push(
                file.error(queue.name.span(), format!("no agent serves queue `{name}`"))
                    .help(Some(format!("add \"{name}\" to the queues of an [[agent]]"))),
            );
        }
        for (value, range, what) in [
            (&queue.ring_s, 3..=120, "ring_s"),
            (&queue.announce_every_s, 5..=600, "announce_every_s"),
            (&queue.max_wait_s, 5..=7200, "max_wait_s"),
        ] {
            if !range.contains(value.get_ref()) {
                let message =
                    format!("{what} must lie between {} and {} seconds", range.start(), range.end());
                problems.push(file.error(value.span(), message));
            }
        }
    }
}

/// Queues that a line leads to need a label in each of the line's languages.
pub(super) fn check_labels(team: &Team, lines: &[Arc<Plan>], problems: &mut Vec<Problem>) {
    let Some(file) = &team.file else { return };
    for queue in &team.queues {
        let name = queue.name.get_ref();
        for line in lines.iter().filter(|l| l.queues().any(|q| q == name)) {
            for lang in line.languages.iter().filter(|l| !queue.label.contains_key(l)) {
                problems.push(
                    file.error(queue.name.span(), format!("queue `{name}` has no label in {}", lang.code()))
                        .help(Some(format!("line `{}` speaks it: add label.{}", line.line, lang.code()))),
                );
            }
        }
    }
}

impl Team {
    /// A problem unless `queue` exists.
    pub(super) fn require_queue(&self, file: &File, queue: &Spanned<String>, problems: &mut Vec<Problem>) {
        if !self.queues.iter().any(|q| q.name.get_ref() == queue.get_ref()) {
            let names = self.queues.iter().map(|q| q.name.get_ref().as_str());
            let help = nearest(queue.get_ref(), names)
                .or_else(|| Some("queues are [[queue]] tables in team.toml".into()));
            problems
                .push(file.error(queue.span(), format!("no queue named `{}`", queue.get_ref())).help(help));
        }
    }

    /// What each queue says.
    pub(super) fn words(&self) -> BTreeMap<String, QueueWords> {
        let words = |q: &RawQueue| QueueWords {
            comfort: q.comfort.clone(),
            briefing: q.briefing.as_ref().map(|text| text.get_ref().clone()),
            survey: q.survey.clone(),
            closing: q.closing.clone(),
            callback: q.callback,
        };
        self.queues.iter().map(|q| (q.name.get_ref().clone(), words(q))).collect()
    }

    /// What agents dial on their phones.
    pub(super) fn codes(&self) -> BTreeMap<String, Code> {
        let codes = [
            (&self.codes.sign_in, Code::SignIn),
            (&self.codes.sign_out, Code::SignOut),
            (&self.codes.ready, Code::Ready),
            (&self.codes.not_ready, Code::NotReady),
        ];
        codes.into_iter().map(|(number, code)| (number.clone(), code)).collect()
    }

    pub(super) fn into_setup(self) -> (Setup, BTreeMap<String, Password>) {
        let mut passwords = BTreeMap::new();
        let mut setup = Setup::default();
        for agent in self.agents {
            let password = match agent.password {
                None => Password::Generated,
                Some(RawPassword::Env(name)) => Password::Env(name),
                Some(RawPassword::File(path)) => Password::File(path),
            };
            passwords.insert(agent.user.get_ref().clone(), password);
            let queues = agent.queues.into_iter().map(Spanned::into_inner).collect();
            setup.agents.push(AgentSetup::new(agent.user.get_ref(), &agent.name, queues));
        }
        let seconds = |s: Spanned<u64>| Duration::from_secs(s.into_inner());
        setup.queues.extend(self.queues.into_iter().map(|q| QueueSetup {
            label: q.label,
            ring: seconds(q.ring_s),
            wrap_up: Duration::from_secs(q.wrap_up_s),
            announce_every: seconds(q.announce_every_s),
            max_wait: seconds(q.max_wait_s),
            ..QueueSetup::new(q.name.get_ref())
        }));
        (setup, passwords)
    }
}
