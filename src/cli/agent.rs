//! `trunkline agent`: an agent's phone, for trying the line without a softphone.

use super::Places;
use super::call::load;
use super::ops;
use super::steps::seconds;
use super::story;
use clap::Args;
use serde_json::json;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use trunkline::base::{LegId, Now, Pii};
use trunkline::drive::files;
use trunkline::drive::phone::{self, Happening, Phone};
use trunkline::media::{LegStats, Prompt, Report};
use trunkline::sip::{Credentials, EndCause, Incoming, SIP_PORT, Transport};
use trunkline::tts;

/// How long the server may take to answer our last requests.
const PATIENCE: Duration = Duration::from_secs(2);

/// Be an agent's phone: register, ring, answer, and echo what is heard.
#[derive(Debug, Args)]
pub(super) struct Agent {
    /// Who we are: an agent of team.toml.
    #[arg(long)]
    user: String,
    /// The server; by default this machine, on the configured port.
    #[arg(long, value_name = "HOST:PORT")]
    server: Option<String>,
    /// Register over TCP.
    #[arg(long)]
    tcp: bool,
    /// The password; by default the one that the local server knows.
    #[arg(long, conflicts_with = "password_file")]
    password: Option<String>,
    /// A file whose first line is the password.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Answer calls without being asked. Without it, Enter answers.
    #[arg(long)]
    auto_answer: bool,
    /// Answer after ringing this long.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    answer_after: Option<Duration>,
    /// Refuse every call.
    #[arg(long, conflicts_with_all = ["auto_answer", "answer_after"])]
    reject: bool,
    /// Play this WAV file of 16-bit samples, over and over.
    #[arg(long, value_name = "WAV", conflicts_with = "echo")]
    play: Option<PathBuf>,
    /// Send back what is heard (the default).
    #[arg(long)]
    echo: bool,
    /// Hang up after talking this long.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    talk: Option<Duration>,
    /// Exit after this many calls, answered or not.
    #[arg(long, value_name = "N")]
    calls: Option<u32>,
    /// Record in stereo: left the caller, right the agent. From the second call on the name gets a number.
    #[arg(long, value_name = "WAV")]
    record: Option<PathBuf>,
    /// Print one JSON object for each thing that happens.
    #[arg(long)]
    json: bool,
}

pub(super) async fn agent(args: Agent, places: &Places) -> Result<(), String> {
    let (server, password) = (server(&args, places)?, password(&args, places)?);
    let play = args.play.as_deref().map(load).transpose()?.map(|s| Arc::new(tts::prompt(&s)));
    let transport = if args.tcp { Transport::Tcp } else { Transport::Udp };
    if !phone::listens(server, transport).await {
        return Err(story::unreachable(&server.to_string()));
    }
    let mut phone = Phone::start(server).await?;
    phone.register(server, transport, Credentials { user: args.user.clone(), password: Pii::new(password) });
    let mut desk = Desk { args, server, play, phone, call: None, calls: 0, registered: false };
    let done = desk.work().await;
    if let Some(call) = desk.call.take() {
        desk.phone.hang_up(call.leg);
    }
    if desk.registered {
        desk.phone.unregister();
    }
    desk.tell(&json!({"event": "gone"}), "gone: the registration is taken back");
    desk.phone.close(PATIENCE).await;
    done
}

/// The agent with the phone.
struct Desk {
    args: Agent,
    server: SocketAddr,
    play: Option<Arc<Prompt>>,
    phone: Phone,
    call: Option<Call>,
    calls: u32,
    registered: bool,
}

/// The call on the phone.
struct Call {
    leg: LegId,
    /// When to answer, if by ourselves.
    answer_at: Option<Now>,
    answered: bool,
    talking: Option<Now>,
    ended: Option<EndCause>,
}

impl Desk {
    async fn work(&mut self) -> Result<(), String> {
        let mut keyboard = keyboard();
        let mut term = signal(SignalKind::terminate()).map_err(|e| format!("signals: {e}"))?;
        loop {
            if self.args.calls.is_some_and(|n| self.calls >= n) {
                return Ok(());
            }
            let now = self.phone.now();
            let wait = self.due().map_or(Duration::from_secs(3600), |at| at.since(now));
            tokio::select! {
                happening = self.phone.next() => self.happened(happening)?,
                Some(()) = keyboard.recv() => self.enter(),
                () = tokio::time::sleep(wait) => self.time(),
                _ = tokio::signal::ctrl_c() => return Ok(()),
                _ = term.recv() => return Ok(()),
            }
        }
    }

    /// When something is to be done by itself.
    fn due(&self) -> Option<Now> {
        let call = self.call.as_ref()?;
        match call.talking {
            _ if call.ended.is_some() => None,
            Some(since) => self.args.talk.map(|talk| since + talk),
            None => call.answer_at.filter(|_| !call.answered),
        }
    }

    fn time(&mut self) {
        if self.due().is_some_and(|at| at <= self.phone.now()) {
            self.enter();
        }
    }

    /// Enter: answers what rings, ends what is talking.
    fn enter(&mut self) {
        let Some(call) = &mut self.call else { return };
        let leg = call.leg;
        if call.ended.is_some() {
        } else if std::mem::replace(&mut call.answered, true) {
            self.phone.hang_up(leg);
        } else {
            self.phone.answer(leg);
        }
    }

    fn happened(&mut self, happening: Happening) -> Result<(), String> {
        match happening {
            Happening::Registration { ok, status } => return self.registration(ok, status),
            Happening::Incoming(incoming) => self.incoming(&incoming),
            Happening::Talking { leg } => self.talking(leg),
            Happening::Ended { leg, cause } => {
                if let Some(call) = self.call.as_mut().filter(|c| c.leg == leg) {
                    call.ended = Some(cause);
                }
            }
            Happening::Media(Report::Closed { leg, stats }) => self.closed(leg, &stats),
            Happening::Media(Report::Degraded { what, .. } | Report::Unrecorded { what, .. }) => {
                eprintln!("trunkline: {what}");
            }
            Happening::Media(Report::Lost { leg, .. }) => {
                eprintln!("trunkline: the far end has been sending nothing for too long");
                self.phone.hang_up(leg);
            }
            Happening::Media(Report::Fault { leg, what }) => {
                eprintln!("trunkline: {what}");
                self.phone.hang_up(leg);
            }
            Happening::Media(_) | Happening::Rings { .. } => {}
        }
        Ok(())
    }

    fn registration(&mut self, ok: bool, status: u16) -> Result<(), String> {
        let (user, server) = (&self.args.user, self.server);
        let first = !self.registered;
        self.registered |= ok;
        if ok {
            let how = match (&self.args.reject, self.answers_by_itself()) {
                (true, _) => "refuses every call",
                (_, true) => "answers by itself",
                (_, false) => "Enter answers and hangs up",
            };
            let text = format!("registered as {user} at {server}: ready; {how}, Ctrl-C leaves");
            self.tell(&json!({"event": "registered", "user": user, "server": server}), &text);
            return Ok(());
        }
        match status {
            401 | 403 | 407 => Err(format!(
                "{server} does not accept {user} with this password ({status})\n  = `trunkline password {user}` beside \
                 the server prints the right one; give it with --password"
            )),
            404 => {
                Err(format!("{server} knows no agent {user} (404): agents are [[agent]] tables in team.toml"))
            }
            _ if first => Err(story::unreachable(&server.to_string())),
            _ => {
                let text = format!("lost the registration ({status}); trying again");
                self.tell(&json!({"event": "unregistered", "status": status}), &text);
                Ok(())
            }
        }
    }

    fn answers_by_itself(&self) -> bool {
        self.args.auto_answer || self.args.answer_after.is_some()
    }

    fn incoming(&mut self, incoming: &Incoming) {
        let leg = incoming.leg;
        // A phone answers for its server only.
        if incoming.flow.remote.ip() != self.server.ip() {
            return self.phone.refuse(leg, 403, "Not from the server");
        }
        if self.call.is_some() {
            return self.phone.refuse(leg, 486, "Busy Here");
        }
        let header = |name: &str| {
            let found = incoming.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.clone())
        };
        let (queue, intent) = (header("X-Trunkline-Queue"), header("X-Trunkline-Intent"));
        let line = incoming.caller_name.as_ref().map(|n| n.reveal().clone());
        let caller = incoming.caller.reveal().clone();
        let show = |what: &Option<String>| what.clone().unwrap_or_else(|| "-".into());
        let text = format!(
            "ringing: caller {caller}, line {}, queue {}, intent {}",
            show(&line),
            show(&queue),
            show(&intent)
        );
        let event = json!({
            "event": "ringing", "caller": caller, "line": line, "queue": queue, "intent": intent,
            "sip_call_id": incoming.call_id,
        });
        self.tell(&event, &text);
        let answer_at =
            self.answers_by_itself().then(|| self.phone.now() + self.args.answer_after.unwrap_or_default());
        self.call = Some(Call { leg, answer_at, answered: false, talking: None, ended: None });
        if self.args.reject {
            self.phone.refuse(leg, 603, "Decline");
        }
    }

    fn talking(&mut self, leg: LegId) {
        let now = self.phone.now();
        let Some(call) = self.call.as_mut().filter(|c| c.leg == leg) else { return };
        call.talking = Some(now);
        if let Some(file) = &self.args.record {
            self.phone.record(leg, numbered(file, self.calls + 1));
        }
        let doing = match &self.play {
            Some(prompt) => {
                self.phone.play(leg, prompt.clone(), true);
                "playing the file"
            }
            None => {
                self.phone.echo(leg);
                "echoing"
            }
        };
        self.tell(&json!({"event": "talking"}), &format!("talking ({doing})"));
    }

    fn closed(&mut self, leg: LegId, stats: &LegStats) {
        let Some(call) = self.call.take_if(|c| c.leg == leg) else { return };
        let talk_ms = call.talking.map_or(0, |since| self.phone.now().since(since).as_millis() as u64);
        let (by, why) = match call.ended {
            Some(EndCause::PeerHungUp) => ("far-end", "the far end hung up".to_owned()),
            Some(EndCause::PeerCancelled) => ("far-end", "no longer rings".into()),
            Some(EndCause::WeHungUp) if self.args.reject => ("agent", "refused".into()),
            Some(EndCause::WeHungUp) => ("agent", "we hung up".into()),
            other => ("fault", format!("{other:?}")),
        };
        self.calls += 1;
        let text = format!(
            "ended: {why} after {:.1} s; sent {} received {} lost {} late {}",
            talk_ms as f64 / 1000.0,
            stats.sent,
            stats.received,
            stats.lost,
            stats.late
        );
        self.tell(
            &json!({"event": "ended", "by": by, "why": why, "talk_ms": talk_ms, "stats": stats}),
            &text,
        );
    }

    fn tell(&self, event: &serde_json::Value, text: &str) {
        if self.args.json {
            liveln!("{event}");
        } else {
            liveln!("{:>8.2} s  {text}", self.phone.now().ms() as f64 / 1000.0);
        }
    }
}

/// Enter, line by line, until the keyboard is gone.
fn keyboard() -> mpsc::UnboundedReceiver<()> {
    let (pressed, keys) = mpsc::unbounded_channel();
    // Reading blocks, so it has its own thread, which ends with the process.
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            if line.is_err() || pressed.send(()).is_err() {
                return;
            }
        }
    });
    keys
}

fn server(args: &Agent, places: &Places) -> Result<SocketAddr, String> {
    let Some(server) = &args.server else {
        let port = files::load(&places.config).map_or(SIP_PORT, |c| c.server.port);
        return Ok(SocketAddr::from(([127, 0, 0, 1], port)));
    };
    let host = server.replace("localhost", "127.0.0.1");
    host.parse()
        .or_else(|_| host.parse().map(|ip| SocketAddr::new(ip, SIP_PORT)))
        .map_err(|_| format!("--server {server}: give an IP address, and a port if it is not {SIP_PORT}"))
}

fn password(args: &Agent, places: &Places) -> Result<String, String> {
    if let Some(password) = &args.password {
        return Ok(password.clone());
    }
    if let Some(file) = &args.password_file {
        let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
        return Ok(text.lines().next().unwrap_or_default().to_owned());
    }
    ops::password_of(&args.user, places)
        .map_err(|why| format!("{why}\n  = or give the password with --password or --password-file"))
}

/// `call.wav`, `call-2.wav`, `call-3.wav`, …
fn numbered(file: &Path, call: u32) -> PathBuf {
    if call == 1 {
        return file.to_owned();
    }
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let extension = file.extension().map_or(String::new(), |e| format!(".{}", e.to_string_lossy()));
    file.with_file_name(format!("{stem}-{call}{extension}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_is_recorded_in_a_file_of_its_own() {
        let file = Path::new("/tmp/call.wav");
        assert_eq!(numbered(file, 1), file);
        assert_eq!(numbered(file, 3), Path::new("/tmp/call-3.wav"));
        assert_eq!(numbered(Path::new("x"), 2), Path::new("x-2"));
    }
}
