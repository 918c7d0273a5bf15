//! The stage of the demonstration: a server, agents' phones and callers, each a process of this same program on a data
//! folder of its own. Everything that is started here is ended here, by its process id.

use super::Places;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use trunkline::call::Cdr;
use trunkline::config::Config;
use trunkline::drive::control::{self, Answer, Ask, BoardAgent};
use trunkline::tts::Utterance;

/// How long the server may take to start and to render its prompts.
const START_MAX: Duration = Duration::from_secs(60);
/// How long anything may take to end after SIGTERM.
const END_MAX: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(100);

/// The server and the agents.
pub(super) struct Stage {
    program: PathBuf,
    config: PathBuf,
    models: PathBuf,
    pub(super) folder: PathBuf,
    server: Option<Child>,
    agents: Vec<(String, Child)>,
    pub(super) sip: SocketAddr,
}

/// One act of a caller, as `call --json` tells it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Act {
    pub(super) gap_ms: Option<u64>,
    pub(super) echo_ms: Option<u64>,
}

/// A caller's call, as `call --json` tells it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Told {
    pub(super) sip_call_id: String,
    pub(super) error: Option<String>,
    pub(super) acts: Vec<Act>,
    pub(super) quality: Option<trunkline::media::LegStats>,
    pub(super) record: Option<Cdr>,
}

impl Stage {
    /// Starts the server in a fresh temporary folder.
    pub(super) async fn open(places: &Places) -> Result<Stage, String> {
        let program = std::env::current_exe().map_err(|e| format!("own program: {e}"))?;
        let name = format!("trunkline-demo-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let mut stage = Stage {
            program,
            config: places.config.clone(),
            models: places.models(),
            folder,
            server: None,
            agents: Vec::new(),
            sip: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        let mut server = stage.command(&["serve", "--port", "0", "--drain", "2"]);
        server.stdout(Stdio::piped()).stderr(stage.log("server.log")?);
        let mut server = server.spawn().map_err(|e| format!("the server: {e}"))?;
        let out = server.stdout.take();
        stage.server = Some(server);
        stage.sip = match tokio::time::timeout(START_MAX, address(out)).await {
            Ok(Some(sip)) => sip,
            Ok(None) | Err(_) => {
                let why = stage.not_started();
                stage.close().await;
                stage.clear();
                return Err(why);
            }
        };
        Ok(stage)
    }

    fn not_started(&self) -> String {
        let log = self.folder.join("server.log");
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        format!("the server did not start; it said:\n{}", text.trim())
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// This program with these arguments, on the stage's folders.
    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).arg("--config").arg(&self.config).arg("--models").arg(&self.models);
        command.arg("--data").arg(self.data()).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    fn log(&self, name: &str) -> Result<std::fs::File, String> {
        let path = self.folder.join(name);
        std::fs::File::create(&path).map_err(|e| format!("{}: {e}", path.display()))
    }

    /// Waits until every prompt that the lines can say is rendered; how many there are.
    pub(super) async fn rendered(&self, config: &Config) -> Result<usize, String> {
        let prompts = config.lines.iter().flat_map(|line| line.prompts());
        let file = |(lang, text): (_, String)| {
            self.data().join("prompts").join(format!("{}.wav", Utterance::new(lang, &text).cache_key()))
        };
        let files: std::collections::BTreeSet<PathBuf> = prompts.map(file).collect();
        let until = Instant::now() + START_MAX;
        while let Some(missing) = files.iter().filter(|f| !f.exists()).count().checked_sub(1) {
            if until < Instant::now() {
                return Err(format!(
                    "{} of {} prompts are not rendered after {} s: is espeak-ng installed?",
                    missing + 1,
                    files.len(),
                    START_MAX.as_secs()
                ));
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(files.len())
    }

    /// Starts an agent's phone that answers after a second and a half and echoes.
    pub(super) fn agent(&mut self, user: &str) -> Result<(), String> {
        let server = self.sip.to_string();
        let mut agent =
            self.command(&["agent", "--user", user, "--server", &server, "--answer-after", "1.5"]);
        agent.stdout(self.log(&format!("agent-{user}.log"))?).stderr(Stdio::null());
        let agent = agent.spawn().map_err(|e| format!("agent {user}: {e}"))?;
        self.agents.push((user.to_owned(), agent));
        Ok(())
    }

    /// The agents as the server sees them.
    pub(super) async fn board(&self) -> Result<Vec<BoardAgent>, String> {
        let mut answers = control::ask(&self.data(), &Ask::Board).await.map_err(|e| e.to_string())?;
        match answers.recv().await {
            Some(Answer::Board { agents, .. }) => Ok(agents),
            other => Err(format!("the server answered {other:?} when asked for the board")),
        }
    }

    /// Waits until all agents that were started are in `state`.
    pub(super) async fn agents_are(&self, state: &str, patience: Duration) -> Result<(), String> {
        let until = Instant::now() + patience;
        loop {
            let board = self.board().await?;
            let missing = board.iter().find(|a| self.has(&a.user) && a.state != state);
            let Some(missing) = missing else { return Ok(()) };
            if until < Instant::now() {
                return Err(format!("agent {} is {}, not {state}", missing.user, missing.state));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn has(&self, user: &str) -> bool {
        self.agents.iter().any(|(u, _)| u == user)
    }

    /// Places a call to `number` and waits for its end.
    pub(super) async fn call(&self, number: &str, from: &str, steps: &[&str]) -> Result<Told, String> {
        let uri = format!("sip:{number}@{}", self.sip);
        let mut call = self.command(&["call", &uri, "--json", "--from", from]);
        let output = call.args(steps).output().await.map_err(|e| format!("a call: {e}"))?;
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let told: Told = serde_json::from_slice(&output.stdout).map_err(|_| said)?;
        told.error.clone().map_or(Ok(told), Err)
    }

    /// Runs a command that prints for the user.
    pub(super) async fn print(&self, args: &[&str]) -> Result<(), String> {
        let status = self.command(args).status().await.map_err(|e| format!("{args:?}: {e}"))?;
        if status.success() { Ok(()) } else { Err(format!("`trunkline {}` failed", args.join(" "))) }
    }

    /// Ends everything that was started; what did not end well.
    pub(super) async fn close(&mut self) -> Vec<String> {
        let mut faults = Vec::new();
        for (user, mut agent) in self.agents.drain(..) {
            faults.extend(end(&format!("agent {user}"), &mut agent).await);
        }
        if let Some(mut server) = self.server.take() {
            faults.extend(end("the server", &mut server).await);
        }
        faults
    }

    /// Removes the temporary folder.
    pub(super) fn clear(&self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The SIP address that the server prints when it is up. The rest of what it says is read on, so that it never waits.
async fn address(out: Option<tokio::process::ChildStdout>) -> Option<SocketAddr> {
    let mut lines = BufReader::new(out?).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut words = line.split_whitespace();
        if words.next() == Some("SIP")
            && let Some(sip) = words.next().and_then(|word| word.parse().ok())
        {
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Some(sip);
        }
    }
    None
}

/// Asks a process to end, and makes it if it does not.
async fn end(what: &str, child: &mut Child) -> Option<String> {
    if let Some(pid) = child.id() {
        // The shell's own `kill`: there is no other way to a signal without `unsafe`.
        let _ = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &pid.to_string()]).status().await;
    }
    match tokio::time::timeout(END_MAX, child.wait()).await {
        Ok(Ok(status)) if status.success() => None,
        Ok(Ok(status)) => Some(format!("{what} ended with {status}")),
        Ok(Err(error)) => Some(format!("{what}: {error}")),
        Err(_) => {
            let _ = child.kill().await;
            Some(format!("{what} did not end within {} s and was killed", END_MAX.as_secs()))
        }
    }
}

/// Where the model would be looked for, if there is none.
pub(super) fn listens(models: &Path, wanted: Option<&str>) -> Result<(), String> {
    match trunkline::drive::models::find(models, wanted) {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(format!("{} holds no listening model", models.display())),
        Err(why) => Err(why),
    }
}
