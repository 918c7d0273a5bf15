//! N calls at once in the real binary, on loopback: each hears the greeting, says a sentence, and waits in the queue.
//!
//! Measured at the callers: time between packets (p50, p99, p99.9) by the kernel's stamps, so that it does not matter when this
//! process comes to read them; packets lost; at the server: CPU as the difference
//! of user and system time over the steady window, resident memory before the calls and with them; from the records: how
//! many were understood. Run with `make load CALLS=50 SECONDS=20`; `SILENT=1` for callers who say nothing, who are asked again
//! and then led to a person: so that with many calls media is measured, not how long the recognisers' queue is.
//! `AWAKE=1` keeps every core from being put to sleep, as `[media] awake` does for those of the workers.
//! `AGAINST=PID@HOST:PORT` calls another server of this machine in our place: one that answers 12345 and plays something.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr, clippy::panic)]
#![allow(dead_code, reason = "the server of the wire tests is used, not all of it")]

#[path = "shared/args.rs"]
mod args;
#[path = "shared/process.rs"]
mod process;
#[path = "../sip-tests/wire/server.rs"]
mod server;
#[path = "shared/stalls.rs"]
mod stalls;

use hdrhistogram::Histogram;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, setsockopt, sockopt::ReceiveTimestampns,
};
use nix::sys::time::TimeSpec;
use server::Server;
use std::collections::HashMap;
use std::io::IoSliceMut;
use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use trunkline::base::{Codec, Direction, Lang, Now};
use trunkline::drive::awake::Awake;
use trunkline::drive::voice::Voice;
use trunkline::drive::voices::Speakers;
use trunkline::sip::{Command, Config, Endpoint, Event, Flow, Input, Output, Target, Transport};
use trunkline::{codec, rtp, sdp, sys};

/// Seconds after a call's answer at which its caller speaks.
const SPEAKS_AFTER_S: u64 = 3;
/// All calls are answered so long after the last was placed.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);
/// Steady window: begins this long after the last call is up.
const WARM_UP: Duration = Duration::from_secs(1);
/// The callers share so many sockets, and one thread that listens: a thread a call would measure the generator.
const SOCKETS: usize = 4;
/// Octets that a socket may hold while its thread is not scheduled: half a second of 250 calls.
const SOCKET_OCTETS: usize = 4 << 20;
/// The callers' packets are sent, and those that have come are read, this often: a thread that wakes for each takes the core
/// that the server needs.
const OFTEN: Duration = Duration::from_millis(1);

struct Figures {
    /// Between packets of one call: from and until.
    gaps: Mutex<Vec<(Duration, Duration)>>,
    received: AtomicU64,
    lost: AtomicU64,
    measuring: AtomicBool,
    over: AtomicBool,
}

fn main() {
    // Without arguments, as when all benches are run: small.
    let (calls, seconds) = (args::number("--calls").unwrap_or(10), args::number("--seconds").unwrap_or(8));
    let against = args::value("--against").map(|told| another(&told));
    let awake = args::flag("--awake");
    let _awake = awake.then(|| Awake::keep(sys::cpus_allowed()).unwrap());
    // One worker, since the callers need the other core; all ports of the samples.
    let one = [("ports = \"20000-29999\"", "ports = \"20000-29998\"\nworkers = 1")];
    let ours = against.is_none().then(|| Server::start(&one));
    let (pid, sip) = against.or_else(|| ours.as_ref().map(|s| (s.pid(), s.sip))).unwrap();
    // That worker is kept on the first core: this thread and those that it starts stay away from it.
    let mut watch = None;
    if let [first, .., last] = sys::cpus_allowed()[..] {
        sys::pin(last).unwrap();
        watch = ours.as_ref().and_then(|_| stalls::watch(first));
    }
    let figures = Arc::new(Figures {
        gaps: Mutex::default(),
        received: AtomicU64::new(0),
        lost: AtomicU64::new(0),
        measuring: AtomicBool::new(false),
        over: AtomicBool::new(false),
    });
    let sentence = if args::flag("--silent") { Vec::new() } else { speech("我家停水了") };
    let sockets: Vec<UdpSocket> = (0..SOCKETS).map(|_| socket()).collect();
    let listener = {
        let sockets: Vec<UdpSocket> = sockets.iter().map(|socket| socket.try_clone().unwrap()).collect();
        let figures = figures.clone();
        std::thread::spawn(move || listen(&sockets, &figures))
    };
    let mut phone = Phone::new(sip);
    let began = Instant::now();
    let idle_kib = process::status_kib(pid, "VmRSS:");
    for call in 0..calls as usize {
        phone.invite(sockets[call % SOCKETS].local_addr().unwrap());
        phone.run(Duration::from_millis(20));
    }
    let patience = Instant::now() + ANSWERED_WITHIN;
    while phone.remotes.len() < calls as usize && Instant::now() < patience {
        phone.run(Duration::from_millis(100));
    }
    let remotes = phone.remotes.clone();
    assert_eq!(remotes.len() as u64, calls, "every call is answered");
    println!("{calls} calls up after {:.1?}", began.elapsed());
    let stop = Arc::new(AtomicBool::new(false));
    let sender = {
        let stop = stop.clone();
        std::thread::spawn(move || send(&sockets, &remotes, &sentence, &stop))
    };
    phone.run(WARM_UP);
    let before = process::cpu(pid);
    figures.measuring.store(true, Ordering::Relaxed);
    let window = Instant::now();
    phone.run(Duration::from_secs(seconds));
    figures.measuring.store(false, Ordering::Relaxed);
    let (spent, window) = ((process::cpu(pid) - before).as_secs_f64(), window.elapsed().as_secs_f64());
    let rss_kib = process::status_kib(pid, "VmRSS:");
    stop.store(true, Ordering::Relaxed);
    sender.join().unwrap();
    phone.hang_up();
    phone.run(Duration::from_secs(1));
    figures.over.store(true, Ordering::Relaxed);
    listener.join().unwrap();
    let gaps = figures.gaps.lock().unwrap();
    println!("packets received   {} in {window:.1} s", figures.received.load(Ordering::Relaxed));
    println!("packets lost       {}", figures.lost.load(Ordering::Relaxed));
    println!("inter-arrival ms   {}", quantiles(gaps.iter()));
    if let Some(watch) = watch {
        let stalls = watch.stalls();
        let undisturbed = gaps.iter().filter(|gap| !stalls::away(&stalls, gap.0, gap.1));
        let away = gaps.len() - undisturbed.clone().count();
        let share = away as f64 / gaps.len() as f64 * 100.0;
        println!("  but for {share:4.1} %   {} (the worker's core was itself away)", quantiles(undisturbed));
    }
    println!(
        "server CPU         {:.1} % of a core, {:.2} % a call (without recogniser processes)",
        spent / window * 100.0,
        spent / window * 100.0 / calls as f64
    );
    println!(
        "server memory      {rss_kib} KiB resident, {idle_kib} before the calls, {:.0} for each",
        rss_kib.saturating_sub(idle_kib) as f64 / calls as f64
    );
    if let Some(server) = ours {
        let records = server.records(calls as usize);
        let understood = records.iter().filter(|c| c.intent.as_deref() == Some("water")).count();
        let late: u64 = records.iter().flat_map(|c| &c.legs).map(|l| l.stats.late).sum();
        println!("sent late by us    {late} periods");
        println!("understood         {understood} of {calls}");
    }
}

/// Lengths in milliseconds.
fn quantiles<'a>(gaps: impl Iterator<Item = &'a (Duration, Duration)>) -> String {
    let mut us = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).unwrap();
    gaps.for_each(|gap| us.saturating_record(gap.1.saturating_sub(gap.0).as_micros() as u64));
    let ms = |q: f64| us.value_at_quantile(q) as f64 / 1000.0;
    format!("p50 {:.1}  p99 {:.1}  p99.9 {:.1}  max {:.1}", ms(0.5), ms(0.99), ms(0.999), ms(1.0))
}

/// Another server of this machine: PID@HOST:PORT.
fn another(told: &str) -> (u32, SocketAddr) {
    let (pid, sip) = told.split_once('@').expect("PID@HOST:PORT");
    (pid.parse().expect("the process that plays"), sip.parse().expect("HOST:PORT of its SIP over UDP"))
}

/// µ-law speech of a caller.
fn speech(text: &str) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let samples = runtime
        .block_on(Voice::new(None, Speakers::new()).0.speak(Lang::Zh, text))
        .expect("espeak-ng speaks");
    samples.iter().map(|s| codec::encode(Codec::Pcmu, *s)).collect()
}

/// A socket of callers, which stamps what comes.
fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket2::SockRef::from(&socket).set_recv_buffer_size(SOCKET_OCTETS).unwrap();
    setsockopt(&socket, ReceiveTimestampns, &true).unwrap();
    socket
}

/// The next datagram, if there is one: octets, whence, and when the kernel had it.
fn next(socket: &UdpSocket, octets: &mut [u8]) -> Option<(usize, SocketAddr, Duration)> {
    let mut space = nix::cmsg_space!(TimeSpec);
    let mut pieces = [IoSliceMut::new(octets)];
    let flags = MsgFlags::MSG_DONTWAIT;
    let got = recvmsg::<SockaddrIn>(socket.as_raw_fd(), &mut pieces, Some(&mut space), flags).ok()?;
    let stamp = got.cmsgs().ok()?.find_map(|message| match message {
        ControlMessageOwned::ScmTimestampns(at) => Some(at.into()),
        _ => None,
    });
    Some((got.bytes, SocketAddrV4::from(got.address?).into(), stamp.expect("the kernel stamps")))
}

fn listen(sockets: &[UdpSocket], figures: &Figures) {
    // By the server's port, of which each call has its own.
    let mut last = HashMap::<SocketAddr, (Duration, u16)>::new();
    let mut gaps = Vec::new();
    let (mut received, mut lost) = (0, 0);
    let mut octets = [0; 2048];
    while !figures.over.load(Ordering::Relaxed) {
        std::thread::sleep(OFTEN);
        let measuring = figures.measuring.load(Ordering::Relaxed);
        for socket in sockets {
            while let Some((n, from, at)) = next(socket, &mut octets) {
                if n < 12 || rtp::is_rtcp(&octets[..n]) || !measuring {
                    continue;
                }
                let seq = u16::from_be_bytes([octets[2], octets[3]]);
                if let Some((then, before)) = last.insert(from, (at, seq)) {
                    lost += u64::from(seq.wrapping_sub(before)).saturating_sub(1);
                    gaps.push((then, at));
                }
                received += 1;
            }
        }
    }
    *figures.gaps.lock().unwrap() = gaps;
    figures.received.fetch_add(received, Ordering::Relaxed);
    figures.lost.fetch_add(lost, Ordering::Relaxed);
}

/// 50 packets a second on every call, evenly spread: silence, the sentence once, silence.
fn send(sockets: &[UdpSocket], remotes: &[SocketAddr], sentence: &[u8], stop: &AtomicBool) {
    let began = Instant::now();
    let n = remotes.len() as u64;
    let mut packet = [0u8; 172];
    for tick in 0u64.. {
        let (frame, call) = (tick / n, tick % n);
        let due = began + Duration::from_micros(frame * 20_000 + call * 20_000 / n);
        if let Some(wait) = due.checked_duration_since(Instant::now()) {
            std::thread::sleep(wait.max(OFTEN));
        }
        if stop.load(Ordering::Relaxed) {
            return;
        }
        // Callers speak one after the other, as callers do who did not dial in the same moment.
        let speaks_at = SPEAKS_AFTER_S * 50 + call * 15;
        let from = frame.saturating_sub(speaks_at) as usize * 160;
        packet[..8].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0]);
        packet[8..12].copy_from_slice(&(call as u32).to_be_bytes());
        packet[2..4].copy_from_slice(&(frame as u16).to_be_bytes());
        packet[4..8].copy_from_slice(&(frame as u32 * 160).to_be_bytes());
        packet[12..].fill(0xff);
        if frame >= speaks_at && from < sentence.len() {
            let piece = &sentence[from..(from + 160).min(sentence.len())];
            packet[12..12 + piece.len()].copy_from_slice(piece);
        }
        let _ = sockets[call as usize % SOCKETS].send_to(&packet, remotes[call as usize]);
    }
}

/// One SIP core that places all the calls.
struct Phone {
    core: Endpoint,
    socket: UdpSocket,
    flow: Flow,
    began: Instant,
    legs: Vec<(trunkline::base::LegId, SocketAddr)>,
    remotes: Vec<SocketAddr>,
}

impl Phone {
    fn new(server: SocketAddr) -> Phone {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        let flow = Flow { transport: Transport::Udp, local: socket.local_addr().unwrap(), remote: server };
        let core = Endpoint::new(Config { seed: 1, ..Config::default() });
        Phone { core, socket, flow, began: Instant::now(), legs: Vec::new(), remotes: Vec::new() }
    }

    fn step(&mut self, input: Input) {
        let now = Now(self.began.elapsed().as_micros() as u64);
        let mut out = Vec::new();
        self.core.step(now, input, &mut out);
        for output in out {
            match output {
                Output::Transmit { message, .. } => drop(self.socket.send_to(&message, self.flow.remote)),
                Output::Event(Event::Answered { leg, sdp: answer }) => {
                    let rtp = self.legs.iter().find(|(l, _)| *l == leg).unwrap().1;
                    self.remotes.push(sdp::accept(&answer, &local(rtp)).unwrap().remote);
                }
                Output::Event(Event::Ended { cause, .. }) => {
                    assert!(self.remotes.len() == self.legs.len(), "a call failed: {cause:?}");
                }
                Output::Event(_) | Output::Locate { .. } => {}
            }
        }
    }

    fn invite(&mut self, rtp: SocketAddr) {
        let leg = self.core.new_leg();
        self.legs.push((leg, rtp));
        let target = Target::Uri { uri: format!("sip:12345@{}", self.flow.remote), flow: self.flow };
        let from = format!("<sip:138{:08}@127.0.0.1>", self.legs.len());
        let sdp = sdp::offer(&local(rtp));
        self.step(Input::Command(Command::Invite {
            leg,
            target,
            from,
            sdp,
            headers: vec![],
            credentials: None,
        }));
    }

    fn hang_up(&mut self) {
        for (leg, _) in self.legs.clone() {
            self.step(Input::Command(Command::Hangup { leg, reason: "done" }));
        }
    }

    fn run(&mut self, time: Duration) {
        let until = Instant::now() + time;
        let mut octets = [0; 8192];
        while Instant::now() < until {
            if let Ok(n) = self.socket.recv(&mut octets) {
                let message = octets[..n].to_vec().into();
                self.step(Input::Received { flow: self.flow, message });
            }
            let now = Now(self.began.elapsed().as_micros() as u64);
            if self.core.deadline().is_some_and(|at| at <= now) {
                self.step(Input::Tick);
            }
        }
    }
}

fn local(addr: SocketAddr) -> sdp::Local<'static> {
    sdp::Local {
        addr,
        session_id: 1,
        version: 1,
        codecs: &[Codec::Pcmu],
        direction: Direction::SendRecv,
        srtp: None,
    }
}
