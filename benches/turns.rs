//! How fast callers are answered, and how soon we stop when they speak: the real binary on loopback, called by `trunkline call`
//! in the synthetic voice, so many calls at once. Run with `make turns AT_ONCE=4`.
//!
//! Each call says one of the line's own sentences over the greeting and, when that is answered, another. The gap is measured on the
//! caller's recording, from the last sound of its words to the first of the answer; where it went, and how long the greeting
//! went on after the caller began, is what the server's record says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr, clippy::panic)]
#![allow(dead_code, reason = "the server of the wire tests is used, not all of it")]

#[path = "shared/args.rs"]
mod args;
#[path = "../sip-tests/wire/server.rs"]
mod server;

use serde_json::Value;
use server::Server;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use trunkline::base::Lang;
use trunkline::drive::files;
use trunkline::ivr::Plan;

/// The seconds of the greeting that the caller lets pass.
const HEARS: &str = "1.2";
const PARTS: [&str; 5] = ["hangover_ms", "recogniser_ms", "understanding_ms", "voice_ms", "sending_ms"];

fn main() {
    let number = |name, default| args::number(name).unwrap_or(default) as usize;
    let (at_once, turns) = (number("--calls", 1).max(1), number("--turns", 60).max(2));
    if !server::have("espeak-ng", "espeak-ng") {
        return;
    }
    let server = Server::start(&[]);
    let config = files::load(&server.folder.join("dialplans")).unwrap();
    println!("{at_once} at once, {turns} turns a language; ms, p50 / p95 / max");
    for lang in Lang::ALL {
        let line = config.lines.iter().find(|l| l.first_language() == lang).expect("a line that begins so");
        let told = call_all(&server, line, lang, at_once, turns.div_ceil(2));
        report(lang, &told);
    }
}

/// What may be said first (the line answers it itself) and what second.
fn sentences(line: &Plan, lang: Lang) -> (Vec<String>, Vec<String>) {
    let plain = line.intents.iter().filter(|i| i.slots.is_empty() && i.lookup.is_none());
    let (leave, stay): (Vec<_>, Vec<_>) = plain.partition(|i| i.actions().any(|a| a.queue.is_some()));
    let texts = |intents: Vec<&trunkline::ivr::Intent>| -> Vec<String> {
        intents.iter().filter_map(|i| i.examples.get(&lang)).flatten().cloned().collect()
    };
    (texts(stay), texts(leave))
}

fn call_all(server: &Server, line: &Plan, lang: Lang, at_once: usize, calls: usize) -> Vec<Value> {
    let (first, second) = sentences(line, lang);
    let uri = format!("sip:{}@{}", line.numbers[0], server.sip);
    let (next, told) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= calls {
                        return;
                    }
                    // Seven is prime to both lists' lengths: all are said.
                    let (a, b) = (&first[n % first.len()], &second[n * 7 % second.len()]);
                    let out = Command::new(env!("CARGO_BIN_EXE_trunkline"))
                        .args([
                            "call", &uri, "--json", "--after", HEARS, "--say", a, "--say", b, "--stay", "2",
                        ])
                        .arg("--data")
                        .arg(server.folder.join("var"))
                        .output()
                        .unwrap();
                    match serde_json::from_slice(&out.stdout) {
                        Ok(call) => told.lock().unwrap().push(call),
                        Err(_) => eprintln!("a call failed: {}", String::from_utf8_lossy(&out.stderr)),
                    }
                }
            });
        }
    });
    told.into_inner().unwrap()
}

fn report(lang: Lang, calls: &[Value]) {
    let acts = || calls.iter().flat_map(|c| c["acts"].as_array().into_iter().flatten());
    let turns = || calls.iter().flat_map(|c| c["record"]["turns"].as_array().into_iter().flatten());
    let spread = |name: &str, values: Vec<u64>| {
        let (n, [p50, p95, max]) = (values.len(), quantiles(values));
        println!("  {name:<24} {p50:>5} / {p95:>5} / {max:>5}   of {n}");
    };
    println!("{}: {} calls", lang.code(), calls.len());
    spread("gap, on the audio", acts().filter_map(|a| a["gap_ms"].as_u64()).collect());
    spread("gap, by the record", turns().filter_map(|t| t["gap_ms"].as_u64()).collect());
    for part in PARTS {
        spread(&format!("  {part}"), turns().filter_map(|t| t["gap"][part].as_u64()).collect());
    }
    spread("recognise_ms", turns().filter_map(|t| t["recognise_ms"].as_u64()).collect());
    spread("barge_in_ms", turns().filter_map(|t| t["barge_in_ms"].as_u64()).collect());
    let acted = turns().filter(|t| matches!(t["understood"].as_str(), Some("acted" | "confirming"))).count();
    println!("  understood at once or asked back: {acted} of {} turns", turns().count());
}

/// The median, what 95 of 100 are within, and the most.
fn quantiles(mut values: Vec<u64>) -> [u64; 3] {
    values.sort_unstable();
    let at = |q: usize| values.get((values.len() * q).div_ceil(100).saturating_sub(1)).copied().unwrap_or(0);
    [at(50), at(95), at(100)]
}
