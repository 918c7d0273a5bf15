//! Calls a second in the real binary, on loopback against SIPp: INVITE, answer with a media port, BYE at once, no RTP.
//!
//! The rate goes up step by step until a call fails. Measured at SIPp: time from INVITE to 200; at the server: CPU as the
//! difference of user and system time over the step. Run with `make rate`, or `make rate RATE=800` for one step.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr, clippy::panic)]
#![allow(dead_code, reason = "the server and SIPp of the wire tests are used, not all of it")]

#[path = "shared/args.rs"]
mod args;
#[path = "shared/process.rs"]
mod process;
#[path = "../sip-tests/wire/server.rs"]
mod server;
#[path = "../sip-tests/wire/sipp.rs"]
mod sipp;

use hdrhistogram::Histogram;
use server::Server;

/// Calls a second, one step after the other.
const RATES: [u64; 8] = [100, 200, 400, 600, 800, 1000, 1500, 2000];

fn main() {
    if !sipp::have_sipp() {
        return;
    }
    let (rates, seconds) = match (args::number("--rate"), args::number("--seconds").unwrap_or(5)) {
        (Some(rate), seconds) => (vec![rate], seconds),
        (None, seconds) => (RATES.to_vec(), seconds),
    };
    let server = Server::start_without_model(&[]);
    println!("calls/s    calls   ms p50   p99  p99.9    max   CPU %  calls/s of one core");
    for rate in rates {
        let before = process::cpu(server.pid());
        let begin = std::time::Instant::now();
        let calls = rate * seconds;
        let (m, r) = (calls.to_string(), rate.to_string());
        let more = [
            "-m",
            &m,
            "-l",
            "20000",
            "-r",
            &r,
            "-s",
            "12345",
            "-trace_rtt",
            "-rtt_freq",
            "1",
            "-timer_resol",
            "1",
        ];
        let mut sipp = sipp::Sipp::start(&server, "caller-in-haste", sipp::free_port(), &more);
        let well = sipp.ends_well();
        let (spent, took) = (process::cpu(server.pid()) - before, begin.elapsed());
        let setup = setup_times(&server);
        let ms = |q: f64| setup.value_at_quantile(q) as f64 / 1000.0;
        let cores = spent.as_secs_f64();
        println!(
            "{rate:>7} {calls:>8}   {:>6.2} {:>5.1} {:>6.1} {:>6.1} {:>7.1}  {:>8.0}{}",
            ms(0.5),
            ms(0.99),
            ms(0.999),
            ms(1.0),
            cores / took.as_secs_f64() * 100.0,
            calls as f64 / cores,
            if well { "" } else { "   a call failed" }
        );
        if !well {
            break;
        }
    }
}

/// What SIPp has written about this step; the file is taken away.
fn setup_times(server: &Server) -> Histogram<u64> {
    let mut us = Histogram::new_with_bounds(1, 60_000_000, 3).unwrap();
    for entry in std::fs::read_dir(&server.folder).unwrap().flatten() {
        if entry.file_name().to_string_lossy().ends_with("_rtt.csv") {
            let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
            for ms in text.lines().filter_map(|l| l.split(';').nth(1)?.trim().parse::<f64>().ok()) {
                us.saturating_record((ms * 1000.0) as u64);
            }
            let _ = std::fs::remove_file(entry.path());
        }
    }
    us
}
