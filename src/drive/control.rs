//! The control socket: how the command line asks a running server. JSON, one value a line, over a Unix socket that only
//! the server's own user can open.
//!
//! ```text
//! → {"ask":"agents"}                       ← {"agents":[…]}
//! → {"ask":"do","action":{"do":"ready","user":"1001"}}   ← {"done":"…"}
//! → {"ask":"watch","sip_call_id":"…"}      ← {"ms":0,"event":"incoming",…} … until the call is over
//! ```

use super::store;
use crate::acd::{Acd, AgentView};
use crate::acd::{AgentCounts, Counts, Setup};
use crate::base::{CallId, Now};
use crate::call::{Measured, MomentAt, Role, TrunkView, TurnRecord};
use crate::media::Taping;
use serde::{Deserialize, Serialize};
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

const FILE: &str = "control.sock";
/// Lines waiting for a slow watcher; more are not kept for it.
const WAITING_MAX: usize = 1024;

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ask {
    /// The agents, the waiting callers, the calls in progress.
    Board,
    /// What a supervisor may do.
    Do { action: Action },
    /// The figures since the server began to keep them: of these intervals of so many minutes, newest last.
    Figures { intervals: usize },
    /// How fast callers were answered since the server began, part by part.
    Answers,
    /// What supervisors have done, newest first.
    Audit { count: usize },
    /// What has gone over each trunk.
    Trunks,
    /// Read the dialplans anew.
    Reload,
    /// The messages of a call as a ladder: by its number, or a SIP Call-ID; `full` with whole messages.
    Trace {
        call: String,
        #[serde(default)]
        full: bool,
    },
    /// What the watch has banned, dropped and refused.
    Guard,
    /// Every live SIP transaction, dialog and registration, as text.
    Dump,
    /// What happens in a call, as it happens.
    Watch { sip_call_id: String },
}

/// What a supervisor may do; each is kept in the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    Ready {
        user: String,
    },
    NotReady {
        user: String,
        reason: Option<String>,
    },
    SignIn {
        user: String,
    },
    SignOut {
        user: String,
    },
    /// After-call work takes so much longer.
    ExtendWrapUp {
        user: String,
        by_s: u64,
    },
    /// What the after-call work is closed with.
    Disposition {
        user: String,
        code: String,
    },
    /// Level 0 takes the skill away.
    Skill {
        user: String,
        skill: String,
        level: u8,
    },
    /// To another queue, or to the front of its own.
    Move {
        call: u64,
        queue: Option<String>,
        reason: String,
    },
    Drain {
        queue: String,
        on: bool,
    },
    /// Close a queue or a line whatever its hours say, or give it back to them.
    Open {
        name: String,
        open: bool,
    },
    CancelCallback {
        call: u64,
    },
    /// Leave out of a call's recording what is said from now on, or no more.
    Tape {
        call: u64,
        taping: Taping,
    },
    /// Drop what comes from this address, but for calls in progress: for so long, a day without.
    Ban {
        source: IpAddr,
        #[serde(default)]
        for_s: Option<u64>,
    },
    Unban {
        source: IpAddr,
    },
    /// Ring `user`'s phone to be a guest of the call.
    Join {
        call: u64,
        user: String,
        role: Role,
    },
}

/// One agent on the board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardAgent {
    pub user: String,
    pub name: String,
    pub state: String,
    pub since_s: u64,
    pub calls: u32,
    /// Calls in hand.
    #[serde(default)]
    pub in_hand: Vec<u64>,
}

/// One queue on the board, and who serves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardQueue {
    pub name: String,
    pub agents: Vec<String>,
}

/// One waiting caller on the board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardWaiting {
    pub call: u64,
    pub queue: String,
    pub waits_s: u64,
}

/// A source that is banned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Banned {
    /// An address, or the /64 of an IPv6 source.
    pub source: String,
    pub why: String,
    pub left_s: u64,
    /// The how many-eth ban of this source.
    pub times: u32,
}

/// The figures of one interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IntervalFigures {
    /// When it began, in ms since 1970; `None` for all time.
    pub from_unix_ms: Option<u64>,
    pub total: Counts,
    pub queues: Vec<(String, Counts)>,
    pub agents: Vec<(String, AgentCounts)>,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    Board {
        agents: Vec<BoardAgent>,
        waiting: Vec<BoardWaiting>,
        queues: Vec<BoardQueue>,
        calls: usize,
    },
    Done(String),
    Answers {
        measured: Vec<Measured>,
    },
    Guard {
        bans: Vec<Banned>,
        /// Messages without an answer, and requests refused, by reason.
        dropped: Vec<(String, u64)>,
        refused: Vec<(String, u64)>,
        /// Transactions, dialogs, calls not answered yet, registered users, connections, remembered sources.
        alive: Vec<(String, u64)>,
        overloaded: bool,
    },
    Error(String),
    Figures {
        intervals: Vec<IntervalFigures>,
    },
    Audit {
        actions: Vec<store::Audited>,
    },
    Trunks {
        trunks: Vec<TrunkView>,
    },
    /// A moment of a watched call, with what was heard where it is a turn.
    Moment {
        at: MomentAt,
        turn: Option<Box<TurnRecord>>,
    },
}

impl Answer {
    /// The board as it is now.
    pub fn board(now: Now, acd: &Acd, setup: &Setup, calls: usize) -> Answer {
        let serves = |queue: &str| {
            let agents = setup.agents.iter().filter(|a| a.queues.iter().any(|q| q == queue));
            agents.map(|a| a.user.clone()).collect()
        };
        let agent = |a: AgentView| BoardAgent {
            state: match a.reason {
                Some(reason) => format!("{} ({reason})", a.state.name()),
                None => a.state.name().into(),
            },
            user: a.user,
            name: a.name,
            since_s: now.since(a.since).as_secs(),
            calls: a.calls,
            in_hand: a.in_hand.iter().map(|call| call.0).collect(),
        };
        let waiting = |(call, queue, since): (CallId, String, Now)| BoardWaiting {
            call: call.0,
            queue,
            waits_s: now.since(since).as_secs(),
        };
        Answer::Board {
            agents: acd.agents().into_iter().map(agent).collect(),
            waiting: acd.waiting().into_iter().map(waiting).collect(),
            queues: setup
                .queues
                .iter()
                .map(|q| BoardQueue { name: q.name.clone(), agents: serves(&q.name) })
                .collect(),
            calls,
        }
    }
}

/// A request and where its answers go.
#[derive(Debug)]
pub struct Request {
    pub ask: Ask,
    /// Who asks: the user on this machine.
    pub by: u32,
    pub answers: mpsc::Sender<Answer>,
}

/// The server's end.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
    requests: mpsc::Receiver<Request>,
    watchers: Vec<(Arc<str>, mpsc::Sender<Answer>)>,
}

impl Control {
    /// Listens in the data folder.
    ///
    /// # Errors
    /// When another server uses the folder, or the socket cannot be made.
    pub async fn listen(data: &Path) -> io::Result<Control> {
        let path = data.join(FILE);
        if UnixStream::connect(&path).await.is_ok() {
            return Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                format!("another server is running on the data folder {}", data.display()),
            ));
        }
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        let (sender, requests) = mpsc::channel(64);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(talk(stream, sender.clone()));
            }
        });
        Ok(Control { path, requests, watchers: Vec::new() })
    }

    /// The next request.
    pub async fn recv(&mut self) -> Option<Request> {
        self.requests.recv().await
    }

    /// Sends what happens in this call to `answers`, until the call is over or the watcher goes. A first answer says that
    /// from now on nothing is missed.
    pub fn watch(&mut self, sip_call_id: &str, answers: mpsc::Sender<Answer>) {
        let _ = answers.try_send(Answer::Done("watching".into()));
        self.watchers.push((sip_call_id.into(), answers));
    }

    /// Tells the watchers of a call.
    pub fn tell(&mut self, sip_call_id: &str, at: &MomentAt, turn: Option<&TurnRecord>) {
        if self.watchers.is_empty() {
            return;
        }
        let last = matches!(at.moment, crate::call::Moment::Ended { .. });
        self.watchers.retain(|(id, watcher)| {
            if **id != *sip_call_id {
                return !watcher.is_closed();
            }
            let turn = turn.cloned().map(Box::new);
            watcher.try_send(Answer::Moment { at: at.clone(), turn }).is_ok() && !last
        });
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn talk(stream: UnixStream, requests: mpsc::Sender<Request>) {
    let by = stream.peer_cred().map_or(u32::MAX, |cred| cred.uid());
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let (answers, mut out) = mpsc::channel(WAITING_MAX);
        match serde_json::from_str(&line) {
            Ok(ask) => {
                if requests.send(Request { ask, by, answers }).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                let _ = answers.try_send(Answer::Error(format!("not a request: {error}")));
                drop(answers);
            }
        }
        while let Some(answer) = out.recv().await {
            let Ok(mut json) = serde_json::to_vec(&answer) else { continue };
            json.push(b'\n');
            if write.write_all(&json).await.is_err() {
                return;
            }
        }
    }
}

/// Asks the server that runs on `data`; answers come out of the receiver until it has no more.
///
/// # Errors
/// When no server runs there.
pub async fn ask(data: &Path, ask: &Ask) -> io::Result<mpsc::Receiver<Answer>> {
    let path = data.join(FILE);
    let stream = UnixStream::connect(&path).await.map_err(|e| {
        io::Error::new(
            e.kind(),
            format!("no server answers at {}: is `trunkline serve` running?", path.display()),
        )
    })?;
    let (read, mut write) = stream.into_split();
    let mut json = serde_json::to_vec(ask)?;
    json.push(b'\n');
    write.write_all(&json).await?;
    let (sender, out) = mpsc::channel(WAITING_MAX);
    tokio::spawn(async move {
        // The writing half is kept: closing it would end the conversation.
        let _write = write;
        let mut lines = BufReader::new(read).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if let Ok(answer) = serde_json::from_str(&line)
                && sender.send(answer).await.is_err()
            {
                return;
            }
        }
    });
    Ok(out)
}
