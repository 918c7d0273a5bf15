//! TOML text to a checked configuration. Strict: what is not known, not there or not reachable is a [`Problem`] that
//! names file, line, column and, where there is one, the nearest right word.
//!
//! In: the texts of a directory's files (`server.toml`, `team.toml`, `hours.toml`, and one file a line). Out: a [`Config`] with
//! warnings, or all errors at once. No file is read here.

mod action;
mod diff;
mod file;
mod golden;
mod guard;
mod headers;
mod hours;
mod intent;
mod line;
mod listen;
mod lookup;
mod media;
mod nat;
mod number;
mod policy;
mod problem;
mod queue;
mod route;
mod server;
mod srtp;
mod slot;
mod speech;
mod stir;
mod team;
mod trunk;

pub use diff::diff;
pub use file::File;
pub(crate) use file::nearest;
pub use golden::{Golden, golden};
pub use guard::Guard;
pub use headers::HeaderPolicy;
pub use listen::{Identity, Listen, NamedFile};
pub use lookup::{Header, Headers, TicketKind};
pub use media::PacketIo;
pub use number::{Form, Numbering};
pub use problem::{Problem, Severity};
pub(crate) use queue::RawQueue;
pub use route::Route;
pub use server::{NoWay, Place, Server};
pub use speech::{EngineServer, VoiceChoice, VoiceSource};
pub use stir::{Sign, Stir};
pub use team::{Code, Password};
pub(crate) use team::{RawAgent, setup};
pub use trunk::{Limits, NEXT_ON, Trunk};

use crate::acd;
use crate::base::{Pii, SrtpPolicy};
use crate::ivr::{Hours, Plan, QueueWords, examples};
use crate::nlu;
use crate::sip::{Credentials, Signer, Trust};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Headers with their values, by the line and the name of the look-up or ticket.
pub type Secrets = BTreeMap<(String, String), Vec<(String, Pii<String>)>>;

/// Everything a directory of dialplans says, checked and trained.
#[derive(Debug, Clone)]
pub struct Config {
    pub server: Server,
    pub lines: Vec<Arc<Plan>>,
    pub setup: acd::Setup,
    /// Where each agent's password comes from.
    pub passwords: BTreeMap<String, Password>,
    /// Who we are to each trunk that asks, by its name; read from where the configuration says by whoever reads files.
    pub logins: BTreeMap<String, Credentials>,
    /// Whose signatures of callers' numbers are believed, if any are verified; read in the same way.
    pub trust: Option<Trust>,
    /// Who signs ours, by trunk.
    pub signers: BTreeMap<String, Signer>,
    /// What goes with each request to a service, by the line and the look-up's or ticket's name.
    pub headers: BTreeMap<(String, String), Headers>,
    /// Their values; read from where the configuration says by whoever reads files.
    pub secrets: Secrets,
    /// Where tickets go, by line.
    pub tickets: BTreeMap<String, Vec<TicketKind>>,
    /// Whether audio with an agent's phone is encrypted, for those of whom it is said.
    pub srtp: BTreeMap<String, SrtpPolicy>,
    /// What each queue says.
    pub words: BTreeMap<String, QueueWords>,
    /// When each queue is open; those without are always.
    pub hours: BTreeMap<String, Arc<Hours>>,
    /// What agents dial on their phones.
    pub codes: BTreeMap<String, Code>,
    /// What numbers outside begin with that agents may transfer to; empty stands for none.
    pub outside: Vec<String>,
    /// Digest of all files.
    pub version: String,
    /// What is suspicious but lawful.
    pub warnings: Vec<Problem>,
}

impl Config {
    /// Lines understand with the help of `encoder` from now on.
    pub fn understand_with(&mut self, encoder: &Arc<dyn nlu::Encoder>) {
        for line in &mut self.lines {
            let model = nlu::Model::train(&examples(&line.intents), line.intents.len(), Some(encoder));
            Arc::make_mut(line).model = model;
        }
    }

    /// Whether audio with this user's phone is encrypted.
    pub fn srtp_with(&self, user: &str) -> SrtpPolicy {
        self.srtp.get(user).copied().unwrap_or(self.server.srtp)
    }

    /// What an agent means who dials `number`.
    pub fn code(&self, number: &str) -> Option<Code> {
        self.codes.get(number).copied()
    }

    /// The line that answers `number`.
    pub fn line(&self, number: &str) -> Option<&Arc<Plan>> {
        self.line_by(|n| n == number)
    }

    /// The line that answers `number` as it is dialled over `trunk`: as it is written, else as E.164 has it.
    pub fn line_over(&self, trunk: &Trunk, number: &str) -> Option<&Arc<Plan>> {
        let dialled = trunk.numbering.e164(number);
        self.line(number).or_else(|| self.line_by(|n| trunk.numbering.e164(n) == dialled))
    }

    fn line_by(&self, is: impl Fn(&str) -> bool) -> Option<&Arc<Plan>> {
        self.lines.iter().find(|l| l.numbers.iter().any(|n| is(n)))
    }
}

/// Reads `server.toml` alone.
#[cfg(test)]
pub(crate) fn server(file: &File) -> Result<Server, Vec<Problem>> {
    let mut problems = Vec::new();
    match server::read(file, &mut problems) {
        Some(server) if problems.iter().all(|p| p.severity == Severity::Warning) => Ok(server),
        _ => Err(problems),
    }
}

/// Checks all files together. `Err` holds every problem found, warnings included.
pub fn load(files: &[File]) -> Result<Config, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut server = Server::default();
    let mut team = team::Team::default();
    let mut hours = Vec::new();
    let mut raw_lines = Vec::new();
    for file in files {
        match file.stem() {
            "server" => server = server::read(file, &mut problems).unwrap_or(server),
            "hours" => hours = hours::read(file, &mut problems),
            "team" => team = team::read(file, &mut problems).unwrap_or(team),
            _ => raw_lines.extend(line::read(file, &mut problems).map(|raw| (file, raw))),
        }
    }
    team::check(&team, &mut problems);
    team.require_other_users(&server.trunks, &mut problems);
    let (version, verifies) = (file::digest(files), !server.stir.trust.is_empty());
    let mut lines: Vec<Arc<Plan>> = Vec::new();
    let (mut headers, mut tickets) = (BTreeMap::new(), BTreeMap::new());
    for (file, raw) in raw_lines {
        if let Some((plan, out)) =
            line::check(file, raw, (&team, &hours, verifies), &lines, &version, &mut problems)
        {
            headers.extend(out.headers.into_iter().map(|(name, h)| ((plan.line.clone(), name), h)));
            tickets.insert(plan.line.clone(), out.tickets);
            lines.push(Arc::new(plan));
        }
    }
    if lines.is_empty() && problems.is_empty() {
        problems
            .push(Problem::whole_directory("no line: a file with [line] and [[intent]] tables is needed"));
    }
    team::check_labels(&team, &lines, &mut problems);
    let outside = team.outside(&mut problems);
    let hours = team::hours(&team, &hours, &mut problems);
    let srtp = team.srtp(&server, &mut problems);
    if problems.iter().any(|p| p.severity == Severity::Error) {
        return Err(problems);
    }
    let (words, codes) = (team.words(), team.codes());
    let (setup, passwords) = team.into_setup();
    Ok(Config {
        server,
        lines,
        setup,
        passwords,
        srtp,
        logins: BTreeMap::new(),
        trust: None,
        signers: BTreeMap::new(),
        headers,
        secrets: BTreeMap::new(),
        tickets,
        words,
        codes,
        hours,
        outside,
        version,
        warnings: problems,
    })
}

#[cfg(test)]
mod tests;
