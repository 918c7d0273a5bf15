//! A server for one test: the real binary, a fresh data folder, free ports; ended with the test.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use trunkline::call::Cdr;
use trunkline::drive::store::Reader;

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// Polls `f` until it gives something, for at most `limit`.
pub(crate) fn wait_for<T>(what: &str, limit: Duration, mut f: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + limit;
    loop {
        if let Some(found) = f() {
            return found;
        }
        assert!(Instant::now() < until, "waited {limit:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// True if `program` can be run; says so in one line if not.
pub(crate) fn have(program: &str, package: &str) -> bool {
    let found = Command::new(program).arg("-h").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        eprintln!("SKIPPED: {program} is missing; apt-get install {package}");
    }
    found
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    pub(crate) sip: SocketAddr,
    pub(crate) folder: PathBuf,
    greeting: String,
}

impl Server {
    /// Starts a server; `changes` are (from, to) in the text of the sample dialplans.
    pub(crate) fn start(changes: &[(&str, &str)]) -> Server {
        Server::start_with(changes, &Path::new(env!("CARGO_MANIFEST_DIR")).join("models"))
    }

    /// Starts a server that finds no listening model.
    pub(crate) fn start_without_model(changes: &[(&str, &str)]) -> Server {
        Server::start_with(changes, Path::new("/nonexistent"))
    }

    /// Starts a server with another folder of models.
    pub(crate) fn start_with(changes: &[(&str, &str)], models: &Path) -> Server {
        let n = NUMBER.fetch_add(1, Ordering::Relaxed);
        let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let folder = tmp.join(format!("wire-{}-{n}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("dialplans")).unwrap();
        // Rendered prompts are the same for all tests: made once.
        fs::create_dir_all(tmp.join("prompts")).unwrap();
        fs::create_dir_all(folder.join("var")).unwrap();
        std::os::unix::fs::symlink(tmp.join("prompts"), folder.join("var/prompts")).unwrap();
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplans");
        // What a phone of another test still sends must not reach this one's calls.
        let first = 20_000 + n % 50 * 200;
        let own = format!("ports = \"{first}-{}\"", first + 199);
        for entry in fs::read_dir(samples)
            .unwrap()
            .flatten()
            .filter(|e| e.path().extension().is_some_and(|x| x == "toml"))
        {
            let mut text = fs::read_to_string(entry.path()).unwrap().replace(", \"auto\"]", "]");
            for (from, to) in changes {
                text = text.replace(from, to);
            }
            text = text.replace("ports = \"20000-29999\"", &own);
            fs::write(folder.join("dialplans").join(entry.file_name()), text).unwrap();
        }
        Server::launch(folder, models)
    }

    /// Ends it as an operator does, and starts it again on the same folders; its log begins anew.
    pub(crate) fn restart(mut self) -> Server {
        assert!(Command::new("kill").arg(self.pid().to_string()).status().unwrap().success());
        self.wait_exit();
        let folder = std::mem::take(&mut self.folder);
        drop(self);
        Server::launch(folder, &Path::new(env!("CARGO_MANIFEST_DIR")).join("models"))
    }

    fn launch(folder: PathBuf, models: &Path) -> Server {
        let log = fs::File::create(folder.join("log")).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_trunkline"))
            .arg("--config")
            .arg(folder.join("dialplans"))
            .arg("--models")
            .arg(models)
            .args(["serve", "--port", "0", "--drain", "3"])
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut greeting = String::new();
        let out = BufReader::new(child.stdout.take().unwrap());
        for line in out.lines().map_while(Result::ok).take_while(|line| !line.starts_with("Try")) {
            greeting += &line;
            greeting.push('\n');
        }
        let address = |line: &str| line.trim().strip_prefix("SIP")?.split_whitespace().next()?.parse().ok();
        let sip = greeting.lines().find_map(address);
        let log = || fs::read_to_string(folder.join("log")).unwrap_or_default();
        let sip = sip.unwrap_or_else(|| panic!("the server did not start:\n{}", log()));
        Server { sip, child, folder, greeting }
    }

    /// Where it listens for a transport, such as `TLS`.
    pub(crate) fn at(&self, transport: &str) -> SocketAddr {
        let line = self.greeting.lines().find(|l| l.contains(&format!("({transport})")));
        line.and_then(|l| l.split_whitespace().nth(1)?.parse().ok()).expect("it listens for that transport")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it printed at start.
    pub(crate) fn greeting(&self) -> &str {
        &self.greeting
    }

    /// Waits for it to end by itself.
    pub(crate) fn wait_exit(&mut self) -> std::process::ExitStatus {
        wait_for("the server to end", Duration::from_secs(10), || self.child.try_wait().ok().flatten())
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Runs a subcommand of the same binary against this server.
    pub(crate) fn command(&self, args: &[&str]) -> String {
        let out = Command::new(env!("CARGO_BIN_EXE_trunkline"))
            .arg("--config")
            .arg(self.folder.join("dialplans"))
            .args(args)
            .output()
            .unwrap();
        format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
    }

    pub(crate) fn password(&self, user: &str) -> String {
        self.command(&["password", user]).trim().to_owned()
    }

    /// What the board says of an agent's state.
    pub(crate) fn agent_state(&self, user: &str) -> String {
        let board = self.command(&["agents"]);
        let line = board.lines().find(|l| l.starts_with(user)).unwrap_or_default().to_owned();
        ["ready", "ringing", "talking", "held", "wrap-up", "offline", "not-ready"]
            .into_iter()
            .find(|s| line.split_whitespace().any(|w| w == *s))
            .unwrap_or("?")
            .to_owned()
    }

    pub(crate) fn wait_state(&self, user: &str, state: &str) {
        wait_for(&format!("agent {user} to be {state}"), Duration::from_secs(15), || {
            (self.agent_state(user) == state).then_some(())
        });
    }

    /// The pid of the recogniser that was started last.
    pub(crate) fn recogniser(&self) -> String {
        self.wait_log("recogniser started");
        let log = self.log();
        let line = log.lines().rev().find(|l| l.contains("recogniser started")).unwrap_or_default();
        line.rsplit("pid=").next().unwrap_or_default().trim().to_owned()
    }

    /// Waits until a log line holds `what`.
    pub(crate) fn wait_log(&self, what: &str) {
        wait_for(&format!("{what} in the log"), Duration::from_secs(20), || {
            self.log().contains(what).then_some(())
        });
    }

    /// The records, oldest first, as soon as there are `count`.
    pub(crate) fn records(&self, count: usize) -> Vec<Cdr> {
        let mut all = wait_for(&format!("{count} records"), Duration::from_secs(20), || {
            let all = Reader::open(&self.folder.join("var")).ok()?.newest(1000).ok()?;
            (all.len() >= count).then_some(all)
        });
        all.reverse();
        assert_eq!(all.len(), count, "one record a call");
        all
    }

    /// Nothing is left of any call: what a healthy server looks like when all is over.
    pub(crate) fn assert_idle(&self) {
        wait_for("all calls to end", Duration::from_secs(5), || {
            self.command(&["agents"]).contains("0 calls in progress, 0 waiting").then_some(())
        });
        assert!(!self.log().contains("panicked"), "{}", self.log());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the server's log\n{}", self.log());
        }
        if self.folder.as_os_str().is_empty() {
            return; // It has ended, and another has its folders.
        }
        let _ = Command::new("kill").arg(self.pid().to_string()).status();
        let until = Instant::now() + Duration::from_secs(8);
        while Instant::now() < until && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::env::var_os("KEEP").is_none() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// The one record, after everything is over.
pub(crate) fn record(server: &Server) -> Cdr {
    let cdr = server.records(1).remove(0);
    server.assert_idle();
    cdr
}
