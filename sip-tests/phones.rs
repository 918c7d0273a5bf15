//! The real program on the real network: a server, an agent's phone, and a caller who presses a key.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests may")]

use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Longer than anything here may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(45);

/// A process that does not outlive the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn trunkline(data: &Path, args: &[&str]) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
    // Without a listening model: this test is about phones, and keys lead everywhere.
    command.args(args).arg("--config").arg(root.join("dialplans")).arg("--models").arg(data.join("none"));
    command.arg("--data").arg(data).stdin(Stdio::null());
    command
}

/// Starts a process, and gives its standard output line by line.
fn start(mut command: Command) -> (Process, mpsc::Receiver<String>) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let out = child.stdout.take().unwrap();
    let (to, lines) = mpsc::channel();
    std::thread::spawn(move || {
        BufReader::new(out).lines().map_while(Result::ok).try_for_each(|l| to.send(l))
    });
    (Process(child), lines)
}

/// The first line that `wanted` makes something of.
fn wait_for<T>(lines: &mpsc::Receiver<String>, wanted: impl Fn(&str) -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let line = lines.recv_timeout(left).expect("it was never said");
        if let Some(found) = wanted(&line) {
            return found;
        }
    }
}

/// The exit status and output of a process, which must end in time.
fn finish(mut process: Process) -> (bool, String) {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        if let Some(status) = process.0.try_wait().unwrap() {
            let mut text = String::new();
            if let Some(mut out) = process.0.stdout.take() {
                out.read_to_string(&mut text).unwrap();
            }
            return (status.success(), text);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("it does not end");
}

#[test]
fn a_caller_presses_a_key_and_talks_with_an_agent() {
    if Command::new("espeak-ng").arg("--version").output().is_err() {
        eprintln!("SKIPPED: espeak-ng is not installed, so there is no voice to call with");
        return;
    }
    let folder = Folder(std::env::temp_dir().join(format!("trunkline-phones-{}", std::process::id())));
    let data = &folder.0;
    let (_server, said) = start(trunkline(data, &["serve", "--port", "0"]));
    let sip = wait_for(&said, |line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("SIP")).then(|| words.next().unwrap().to_owned())
    });
    let args = ["agent", "--user", "1001", "--server", &sip, "--auto-answer", "--calls", "1", "--json"];
    let (agent, events) = start(trunkline(data, &args));
    let event = |line: &str, name: &str| {
        let event: Value = serde_json::from_str(line).unwrap();
        (event["event"] == name).then_some(event)
    };
    wait_for(&events, |line| event(line, "registered"));

    let uri = format!("sip:12345@{sip}");
    let steps = ["--after", "1", "--dtmf", "1", "--say", "你好", "--after", "0.5", "--hangup", "--json"];
    let mut call = trunkline(data, &["call", &uri]);
    call.args(steps).stdout(Stdio::piped());
    let (answered, told) = finish(Process(call.spawn().unwrap()));
    assert!(answered, "{told}");
    let told: Value = serde_json::from_str(&told).unwrap();
    let record = &told["record"];
    assert_eq!(record["result"], "connected", "{told:#}");
    assert_eq!((&record["agent"], &record["intent"]), (&"1001".into(), &"water".into()), "{told:#}");
    assert_eq!(record["sip_call_id"], told["sip_call_id"]);
    assert_eq!(record["ended_by"], "caller");
    assert!(told["acts"][1]["echo_ms"].is_u64(), "the caller hears itself through the agent: {told:#}");
    assert_eq!(record["legs"].as_array().unwrap().len(), 2);
    for leg in record["legs"].as_array().unwrap() {
        assert_eq!(leg["stats"]["lost"], 0, "{told:#}");
    }

    let ringing = wait_for(&events, |line| event(line, "ringing"));
    assert_eq!((&ringing["queue"], &ringing["intent"]), (&"city-repair".into(), &"water".into()));
    assert_eq!(wait_for(&events, |line| event(line, "ended"))["by"], "far-end");
    assert!(finish(agent).0, "the agent leaves after one call");
}

#[test]
fn a_call_to_where_nothing_listens_says_so_at_once() {
    let folder = Folder(std::env::temp_dir().join(format!("trunkline-nobody-{}", std::process::id())));
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let uri = format!("sip:12345@{}", socket.local_addr().unwrap());
    drop(socket);
    let began = Instant::now();
    let output = trunkline(&folder.0, &["call", &uri]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("is `trunkline serve` running there"), "{said}");
    assert!(began.elapsed() < Duration::from_secs(10));
}
