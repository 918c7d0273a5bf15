//! `team.toml`: agents and queues.

use super::file::{File, nearest};
use super::problem::Problem;
use super::queue::{self, RawQueue};
use super::server::Server;
use super::srtp;
use super::trunk::{Trunk, begins};
use crate::acd::{AgentSetup, LEVEL_MAX, Name, NotReady, Setup, SignIn, Skills};
use crate::base::SrtpPolicy;
use crate::ivr::{Hours, Plan, QueueWords};
use crate::limits::AGENT_CALLS_MAX;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    team: RawTeam,
    #[serde(default)]
    agent: Vec<RawAgent>,
    #[serde(default)]
    queue: Vec<RawQueue>,
}

/// What holds for all agents.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawTeam {
    #[serde(default)]
    sign_in: SignIn,
    #[serde(default)]
    reasons: Vec<Spanned<String>>,
    #[serde(default)]
    codes: RawCodes,
    #[serde(default)]
    outside: Vec<Spanned<String>>,
}

/// What an agent's phone can ask of the server by a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    SignIn,
    SignOut,
    Ready,
    NotReady,
}

/// What is dialled for each.
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
pub(crate) struct RawAgent {
    pub(crate) user: Spanned<String>,
    pub(crate) name: String,
    pub(crate) queues: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) skills: BTreeMap<Name, Spanned<u8>>,
    pub(crate) capacity: Option<Spanned<u8>>,
    pub(crate) sign_in: Option<SignIn>,
    pub(crate) password: Option<RawPassword>,
    pub(crate) srtp: Option<Spanned<SrtpPolicy>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawPassword {
    Env(String),
    File(String),
}

impl RawPassword {
    pub(super) fn source(&self) -> Password {
        match self {
            RawPassword::Env(name) => Password::Env(name.clone()),
            RawPassword::File(path) => Password::File(path.clone()),
        }
    }
}

/// The team as written, with its places.
#[derive(Default)]
pub(super) struct Team {
    file: Option<File>,
    all: RawTeam,
    agents: Vec<RawAgent>,
    pub(super) queues: Vec<RawQueue>,
}

/// Reads `team.toml`.
pub(super) fn read(file: &File, problems: &mut Vec<Problem>) -> Option<Team> {
    let raw: Raw = file.parse(problems)?;
    Some(Team { file: Some(file.clone()), all: raw.team, agents: raw.agent, queues: raw.queue })
}

/// Agents and queues that stand in another file than `team.toml`, checked as they are there.
pub(crate) fn setup(
    file: &File,
    agents: Vec<RawAgent>,
    queues: Vec<RawQueue>,
    problems: &mut Vec<Problem>,
) -> Setup {
    let team = Team { file: Some(file.clone()), all: RawTeam::default(), agents, queues };
    check(&team, problems);
    team.into_setup().0
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
        for level in agent.skills.values().filter(|l| !(1..=LEVEL_MAX).contains(l.get_ref())) {
            problems
                .push(file.error(level.span(), format!("a skill's level lies between 1 and {LEVEL_MAX}")));
        }
        if let Some(capacity) =
            agent.capacity.as_ref().filter(|c| !(1..=AGENT_CALLS_MAX).contains(c.get_ref()))
        {
            let message = format!("capacity must lie between 1 and {AGENT_CALLS_MAX} calls at once");
            problems.push(file.error(capacity.span(), message));
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
        queue::check(file, queue, team, problems);
    }
    for reason in &team.all.reasons {
        if NotReady::BUILT_IN.iter().any(|(_, name)| name == reason.get_ref()) {
            problems.push(file.error(reason.span(), format!("reason `{}` is built in", reason.get_ref())));
        }
    }
}

/// Queues that a line leads to need a label in each of the line's languages.
pub(super) fn check_labels(team: &Team, lines: &[Arc<Plan>], problems: &mut Vec<Problem>) {
    let Some(file) = &team.file else { return };
    for queue in &team.queues {
        queue::check_lines(file, queue, lines, problems);
        let name = queue.name.get_ref();
        let leads = |l: &&Arc<Plan>| l.queues().any(|q| q == name);
        let mut langs: Vec<_> = lines.iter().filter(leads).flat_map(|l| l.languages.clone()).collect();
        langs.sort_unstable();
        langs.dedup();
        queue::check_words(file, queue, &langs, problems);
        for line in lines.iter().filter(leads) {
            for lang in line.languages.iter().filter(|l| !queue.label.contains_key(l)) {
                problems.push(
                    file.error(queue.name.span(), format!("queue `{name}` has no label in {}", lang.code()))
                        .help(Some(format!("line `{}` speaks it: add label.{}", line.line, lang.code()))),
                );
            }
        }
    }
}

/// When each queue is open, for those that say so.
pub(super) fn hours(
    team: &Team,
    all: &[Arc<Hours>],
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, Arc<Hours>> {
    let Some(file) = &team.file else { return BTreeMap::new() };
    let of = |q: &RawQueue, problems: &mut _| {
        let found = super::hours::find(file, q.hours.as_ref()?, all, problems)?;
        Some((q.name.get_ref().clone(), found))
    };
    team.queues.iter().filter_map(|q| of(q, problems)).collect()
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

    /// A problem for each agent with the user of a trunk: an INVITE would be both's.
    pub(super) fn require_other_users(&self, trunks: &[Trunk], problems: &mut Vec<Problem>) {
        let Some(file) = &self.file else { return };
        for user in self.agents.iter().map(|a| &a.user) {
            let same = |t: &&Trunk| t.login.as_ref().is_some_and(|(u, _)| u == user.get_ref());
            if let Some(trunk) = trunks.iter().find(same) {
                let message = format!("trunk `{}` has user `{}` already", trunk.name, user.get_ref());
                let help = "give the agent another user: both are known by it when they call";
                problems.push(file.error(user.span(), message).help(Some(help.into())));
            }
        }
    }

    /// Whether audio with each agent's phone is encrypted, where that is said of it. Warns if its keys could be read.
    pub(super) fn srtp(&self, server: &Server, problems: &mut Vec<Problem>) -> BTreeMap<String, SrtpPolicy> {
        let Some(file) = &self.file else { return BTreeMap::new() };
        let own = |agent: &RawAgent| {
            let own = agent.srtp.as_ref()?;
            if !server.hears_secretly() {
                srtp::in_the_open(file, own, problems);
            }
            Some((agent.user.get_ref().clone(), *own.get_ref()))
        };
        self.agents.iter().filter_map(own).collect()
    }

    /// What each queue says.
    pub(super) fn words(&self) -> BTreeMap<String, QueueWords> {
        self.queues.iter().map(|q| (q.name.get_ref().clone(), q.words())).collect()
    }

    /// What agents dial on their phones.
    pub(super) fn codes(&self) -> BTreeMap<String, Code> {
        let RawCodes { sign_in, sign_out, ready, not_ready } = &self.all.codes;
        let codes = [
            (sign_in, Code::SignIn),
            (sign_out, Code::SignOut),
            (ready, Code::Ready),
            (not_ready, Code::NotReady),
        ];
        codes.into_iter().map(|(number, code)| (number.clone(), code)).collect()
    }

    /// What numbers outside begin with that agents may transfer to.
    pub(super) fn outside(&self, problems: &mut Vec<Problem>) -> Vec<String> {
        let Some(file) = &self.file else { return Vec::new() };
        self.all.outside.iter().filter_map(|prefix| begins(file, prefix, problems)).collect()
    }

    pub(super) fn into_setup(self) -> (Setup, BTreeMap<String, Password>) {
        let mut passwords = BTreeMap::new();
        let mut setup = Setup::default();
        for agent in self.agents {
            let password = agent.password.map_or(Password::Generated, |p| p.source());
            passwords.insert(agent.user.get_ref().clone(), password);
            let queues = agent.queues.into_iter().map(Spanned::into_inner).collect();
            setup.agents.push(AgentSetup {
                skills: agent.skills.into_iter().map(|(skill, level)| (skill, level.into_inner())).collect(),
                capacity: agent.capacity.map_or(1, Spanned::into_inner),
                sign_in: agent.sign_in.unwrap_or(self.all.sign_in),
                ..AgentSetup::new(agent.user.get_ref(), &agent.name, queues)
            });
        }
        setup.queues.extend(self.queues.into_iter().map(RawQueue::into_setup));
        setup.reasons.extend(self.all.reasons.into_iter().map(Spanned::into_inner));
        (setup, passwords)
    }

    /// Every skill that an agent has.
    pub(super) fn skills(&self) -> impl Iterator<Item = &str> {
        self.agents.iter().flat_map(|a| a.skills.keys()).map(|skill| &**skill)
    }

    /// Agents who serve one of these queues, and their skills.
    pub(super) fn agents_of<'a>(&'a self, queues: &[&str]) -> impl Iterator<Item = (&'a str, Skills)> {
        let serve = |a: &&RawAgent| a.queues.iter().any(|q| queues.contains(&q.get_ref().as_str()));
        let agents: Vec<&RawAgent> = self.agents.iter().filter(serve).collect();
        agents.into_iter().map(|a| {
            let skills = a.skills.iter().map(|(skill, level)| (skill.clone(), *level.get_ref()));
            (a.user.get_ref().as_str(), skills.collect())
        })
    }
}
