//! How long a free agent waits: from an agent's BYE to the INVITE of the next caller, in the real binary on loopback.
//!
//! SIPp keeps callers waiting in a queue; one agent's phone answers each, hangs up soon, and takes the time until its
//! phone rings again. In it are two messages over loopback, the end of one call, the ACD's decision with its record, and
//! the port and INVITE of the next. Run with `make offer OFFERS=500`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr, clippy::panic)]
#![allow(dead_code, reason = "the server and SIPp of the wire tests are used, not all of it")]

#[path = "shared/args.rs"]
mod args;
#[path = "../sip-tests/wire/server.rs"]
mod server;
#[path = "../sip-tests/wire/sipp.rs"]
mod sipp;

use hdrhistogram::Histogram;
use server::Server;
use std::time::{Duration, Instant};
use trunkline::base::Pii;
use trunkline::drive::phone::{Happening, Phone};
use trunkline::sip::{Credentials, Transport};

/// How long the agent talks.
const TALK: Duration = Duration::from_millis(60);

fn main() {
    let offers = args::number("--offers").unwrap_or(50);
    if !sipp::have_sipp() {
        return;
    }
    let server = Server::start_without_model(&[("wrap_up_s = 5", "wrap_up_s = 0")]);
    // Each waits six seconds; some forty wait at any time.
    let callers = (offers * 2 + 100).to_string();
    let more = ["-m", &callers, "-l", "60", "-r", "30", "-s", "12345", "-timeout", "600s"];
    let _callers = sipp::Sipp::start(&server, "caller-waits", sipp::free_port(), &more);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let us = runtime.block_on(agent(&server, offers));
    let ms = |q: f64| us.value_at_quantile(q) as f64 / 1000.0;
    println!("BYE of the agent → INVITE of the next caller, {} times", us.len());
    println!("ms   p50 {:.2}  p99 {:.2}  p99.9 {:.2}  max {:.2}", ms(0.5), ms(0.99), ms(0.999), ms(1.0));
}

/// Answers and hangs up so many times; the times in microseconds.
async fn agent(server: &Server, offers: u64) -> Histogram<u64> {
    let mut us = Histogram::new_with_bounds(1, 60_000_000, 3).unwrap();
    let mut phone = Phone::start(server.sip).await.unwrap();
    let password = Pii::new(server.password("1001"));
    phone.register(server.sip, Transport::Udp, Credentials { user: "1001".into(), password });
    // Until then callers gather.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut free_since: Option<Instant> = None;
    let until = Instant::now() + Duration::from_secs(300);
    while us.len() < offers && Instant::now() < until {
        let Ok(happening) = tokio::time::timeout(Duration::from_secs(30), phone.next()).await else { break };
        match happening {
            Happening::Incoming(incoming) => {
                if let Some(since) = free_since.take() {
                    us.saturating_record(since.elapsed().as_micros() as u64);
                }
                phone.answer(incoming.leg);
            }
            Happening::Talking { leg } => {
                // Slower than callers come, so that somebody always waits.
                tokio::time::sleep(TALK).await;
                free_since = Some(Instant::now());
                phone.hang_up(leg);
            }
            // A caller who left while the phone rang: that offer does not count.
            Happening::Ended { .. }
            | Happening::Rings { .. }
            | Happening::Registration { .. }
            | Happening::Media(_) => {}
        }
    }
    phone.close(Duration::from_secs(1)).await;
    us
}
