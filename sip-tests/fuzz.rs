//! Every parser that reads what strangers send, given mutated messages: nothing may panic.
//!
//! The bodies are library functions beside what they fuzz; the corpus in `corpus/` is where mutation starts, and bytes
//! that once broke a parser are kept there. `cargo test` runs each for a moment, `make fuzz` for FUZZ_SECONDS.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests may")]

use std::path::Path;
use std::time::{Duration, Instant};
use trunkline::config;
use trunkline::{sdp, sip};

fn corpus() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sip-tests/corpus");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().flatten().map(|e| e.path()).collect();
    files.sort();
    files.iter().map(|f| std::fs::read(f).unwrap()).collect()
}

/// Changes a seed message: flips, cuts, repeats and splices pieces of others.
fn mutate(rng: &mut fastrand::Rng, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut data = rng.choice(corpus).cloned().unwrap_or_default();
    for _ in 0..rng.usize(0..8) {
        if data.is_empty() {
            break;
        }
        let (a, b) = (rng.usize(0..data.len()), rng.usize(0..40));
        let end = (a + b).min(data.len());
        match rng.u8(0..6) {
            0 => data[a] = rng.u8(..),
            1 => drop(data.drain(a..end)),
            2 => {
                let piece = data[a..end].to_vec();
                data.splice(a..a, piece);
            }
            3 => {
                let other = rng.choice(corpus).unwrap();
                let from = rng.usize(0..other.len().max(1));
                let piece = other[from..(from + b).min(other.len())].to_vec();
                data.splice(a..end, piece);
            }
            4 => data[a] = *rng.choice(b"\r\n:;,<>\"@ %[]=\0\xff").unwrap(),
            _ => data.truncate(a),
        }
    }
    data
}

fn fuzz(name: &str, body: impl Fn(&[u8])) {
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|s| s.parse().ok());
    let (limit, seed) = match seconds {
        Some(s) => (Duration::from_secs(s), std::process::id().into()),
        None => (Duration::from_millis(400), 1),
    };
    let corpus = corpus();
    corpus.iter().for_each(|data| body(data));
    let mut rng = fastrand::Rng::with_seed(seed);
    let (began, mut rounds) = (Instant::now(), 0u64);
    while began.elapsed() < limit {
        let state = rng.get_seed();
        let data = mutate(&mut rng, &corpus);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| body(&data)));
        assert!(result.is_ok(), "{name} panics on seed {state}: {:?}", String::from_utf8_lossy(&data));
        rounds += 1;
    }
    eprintln!("{name}: {rounds} inputs in {:?}, no panic", began.elapsed());
}

#[test]
fn datagrams_never_panic() {
    fuzz("sip message", sip::message::fuzz);
}

#[test]
fn streams_never_panic() {
    fuzz("sip framer", sip::framer::fuzz);
}

#[test]
fn session_descriptions_never_panic() {
    fuzz("sdp", sdp::fuzz);
}

#[test]
fn rtp_never_panics() {
    fuzz("rtp", |data| {
        if let Ok(view) = trunkline::rtp::View::parse(data) {
            let _ = (view.fields(), view.payload());
        }
    });
}

#[test]
fn dialplans_never_panic() {
    fuzz("dialplans", |data| {
        let text = String::from_utf8_lossy(data).into_owned();
        for name in ["server.toml", "team.toml", "line.toml"] {
            let _ = config::load(&[config::File { name: name.into(), text: text.clone() }]);
        }
    });
}

/// A whole core given mutated datagrams one after the other, as a stranger could: it answers or drops.
#[test]
fn a_whole_sip_core_never_panics() {
    use trunkline::base::Now;
    use trunkline::sip::{Endpoint, Flow, Input, Transport};
    let core = std::cell::RefCell::new((Endpoint::new(sip::Config::default()), 0u64));
    let at = |port| ([127, 0, 0, 1], port).into();
    let flow = Flow { transport: Transport::Udp, local: at(5060), remote: at(5070) };
    fuzz("sip core", |data| {
        let (endpoint, now) = &mut *core.borrow_mut();
        *now += 10_000;
        let mut out = Vec::new();
        endpoint.step(Now(*now), Input::Received { flow, message: data.to_vec().into() }, &mut out);
        if endpoint.deadline().is_some_and(|at| at <= Now(*now)) {
            endpoint.step(Now(*now), Input::Tick, &mut out);
        }
    });
}
