//! A media worker: one thread that owns its legs' sockets, their buffers and their shard.
//!
//! ```text
//!   sleep until a packet, a command or the next millisecond with a leg in it (with many legs: the next millisecond)
//!   ─► receive ─► shard.step ─► send, give buffers back, report, hand over files, close sockets ─► sleep
//! ```
//!
//! In steady state it takes no lock, allocates nothing, and makes no system call but to wait, receive and send. The
//! clock is read here and given to the shard. A panic in the shard ends the leg it happened in, and no other.

use super::listen::RingTap;
use super::media::{LegSocket, ToWorker};
use super::record::Files;
use super::reporter::Reporter;
use crate::base::{LegId, Now};
use crate::media::{Body, Channel, Command, FileOp, Input, Out, Report, Send, Shard};
use crate::rtp::{PacketBuf, Pool};
use crate::sys::{BATCH, Backend, Datagram, Epoll, Udp, Wake, precise_timers};
use crossbeam::channel::Receiver;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The token of commands; a leg's is its id, which never gets there, with a bit for its RTCP that no id has.
const COMMANDS: u64 = u64::MAX;
const RTCP: u64 = 1 << 62;
/// From so many legs on there is something to do in nearly every millisecond. Then the worker looks once in each, at all
/// there is: a packet waits half a millisecond on average, and waking for each one, which costs more than all that is
/// done with it, is saved.
const BUSY_LEGS: usize = 20;
/// Wait before reports that had no room are tried again.
const BACKLOG_RETRY: Duration = Duration::from_millis(5);

/// What a worker is given.
pub(super) struct Setup {
    pub(super) commands: Receiver<ToWorker>,
    pub(super) wake: Arc<Wake>,
    pub(super) epoch: Instant,
    pub(super) backend: Backend,
    pub(super) seed: u64,
    pub(super) cpu: Option<usize>,
    pub(super) tap: RingTap,
    pub(super) files: Files,
    pub(super) reporter: Reporter,
}

/// The thread's body. Returns when it is told to shut down.
///
/// # Errors
/// The kernel gives no epoll, or takes it away.
pub(super) fn run(setup: Setup) -> io::Result<()> {
    precise_timers();
    if let Some(Err(e)) = setup.cpu.map(crate::sys::pin) {
        tracing::warn!("a media worker is not pinned: {e}");
    }
    let mut epoll = Epoll::new()?;
    epoll.add(&*setup.wake, COMMANDS)?;
    let mut out = Out::new(Box::new(setup.tap));
    out.pool = Pool::with_slots(4 * BATCH);
    let mut worker = Worker {
        shard: Shard::new(setup.seed),
        out,
        sockets: HashMap::new(),
        udp: Udp::new(setup.backend),
        staged: (0..BATCH).map(|_| PacketBuf::default()).collect(),
        got: Vec::with_capacity(BATCH),
        files: setup.files,
        reporter: setup.reporter,
        epoch: setup.epoch,
        unsent: 0,
    };
    let mut tokens = Vec::new();
    loop {
        let retry = (!worker.reporter.flush()).then_some(BACKLOG_RETRY);
        let (now, tick) = (worker.now(), worker.shard.deadline());
        let mut wait = tick.map(|d| d.since(now)).into_iter().chain(retry).min();
        if worker.sockets.len() >= BUSY_LEGS && tick.is_some_and(|d| d > now) {
            std::thread::sleep(Duration::from_micros(1000 - now.0 % 1000));
            wait = Some(Duration::ZERO);
        }
        tokens.clear();
        epoll.wait(wait, &mut tokens)?;
        let now = worker.now();
        for &token in &tokens {
            if token == COMMANDS {
                setup.wake.clear();
                if !worker.commands(now, &setup.commands, &epoll) {
                    return Ok(());
                }
            } else {
                let channel = if token & RTCP == 0 { Channel::Rtp } else { Channel::Rtcp };
                worker.receive(now, LegId(token & !RTCP), channel);
            }
        }
        worker.flush();
        let now = worker.now();
        if worker.shard.deadline().is_some_and(|d| d <= now) {
            worker.step(now, Input::Tick);
            worker.flush();
        }
    }
}

struct Worker {
    shard: Shard,
    out: Out,
    sockets: HashMap<LegId, LegSocket>,
    udp: Udp,
    /// Buffers that the next batch is received into.
    staged: Vec<PacketBuf>,
    got: Vec<(usize, usize, SocketAddr)>,
    files: Files,
    reporter: Reporter,
    epoch: Instant,
    /// Datagrams that the kernel did not take; a network would have lost them as well.
    unsent: u64,
}

impl Worker {
    fn now(&self) -> Now {
        Now(self.epoch.elapsed().as_micros() as u64)
    }

    fn step(&mut self, now: Now, input: Input) {
        let (shard, out) = (&mut self.shard, &mut self.out);
        if catch_unwind(AssertUnwindSafe(|| shard.step(now, input, out))).is_err() {
            self.shard.abandon(&mut self.out);
        }
    }

    /// Carries out what the control plane has sent; false when it wants the worker to end.
    fn commands(&mut self, now: Now, commands: &Receiver<ToWorker>, epoll: &Epoll) -> bool {
        while let Ok(message) = commands.try_recv() {
            match message {
                ToWorker::Open(leg, socket) => {
                    let both = epoll.add(&socket.socket, leg.0);
                    if let Err(e) = both.and_then(|()| epoll.add(&socket.rtcp, leg.0 | RTCP)) {
                        self.reporter
                            .send(Report::Fault { leg, what: format!("the leg hears nothing: {e}") });
                    }
                    self.sockets.insert(leg, socket);
                    self.step(now, Input::Command(Command::Open { leg }));
                }
                ToWorker::Do(command) => self.step(now, Input::Command(command)),
                ToWorker::Shutdown => {
                    let legs: Vec<LegId> = self.sockets.keys().copied().collect();
                    for leg in legs {
                        self.step(now, Input::Command(Command::Close { leg }));
                    }
                    self.flush();
                    if self.unsent > 0 {
                        tracing::info!("{} datagrams were not taken by the kernel", self.unsent);
                    }
                    return false;
                }
            }
        }
        true
    }

    fn receive(&mut self, now: Now, leg: LegId, channel: Channel) {
        let Some(socket) = self.sockets.get(&leg).map(|s| s.of(channel)) else { return };
        let got = &mut self.got;
        let received = self.udp.receive(socket, &mut self.staged, |n, len, from| got.push((n, len, from)));
        if let Err(e) = received {
            tracing::debug!("receiving: {e}");
        }
        for at in 0..self.got.len() {
            let (n, len, from) = self.got[at];
            let mut buf = std::mem::replace(&mut self.staged[n], self.out.pool.take());
            // What was cut is not a packet: it is given on as an empty one, and rejected there.
            buf.set_len(if len == usize::MAX { 0 } else { len });
            self.step(now, Input::Packet { leg, channel, from, buf });
        }
        self.got.clear();
    }

    /// Does what the shard wants done.
    fn flush(&mut self) {
        self.send();
        for report in self.out.reports.drain(..) {
            self.reporter.send(report);
        }
        while let Some(op) = self.out.files.pop_front() {
            self.file(op);
        }
        for leg in self.out.closed.drain(..) {
            self.sockets.remove(&leg);
        }
    }

    fn file(&mut self, op: FileOp) {
        let piece_of = if let FileOp::Append { leg, .. } = &op { Some(*leg) } else { None };
        if let (false, Some(leg)) = (self.files.send(op), piece_of) {
            self.reporter.send(Report::Unrecorded { leg, what: "the disk does not keep up".into() });
            let now = self.now();
            self.out.files.retain(|op| !matches!(op, FileOp::Append { leg: l, .. } if *l == leg));
            self.step(now, Input::Command(Command::StopRecord { leg }));
        }
    }

    fn send(&mut self) {
        let Worker { out, udp, sockets, unsent, .. } = self;
        let mut rest = &out.sends[..];
        while let Some(first) = rest.first() {
            let same = |s: &&Send| s.leg == first.leg && s.channel == first.channel;
            let count = rest.iter().take(BATCH).take_while(same).count();
            let (group, others) = rest.split_at(count);
            rest = others;
            let Some(socket) = sockets.get(&first.leg).map(|s| s.of(first.channel)) else { continue };
            let mut batch = [Datagram { to: first.to, parts: [&[]; 3] }; BATCH];
            for (datagram, send) in batch.iter_mut().zip(group) {
                *datagram = Datagram { to: send.to, parts: send.body.parts() };
            }
            let taken = udp.send(socket, &batch[..count]).unwrap_or(0);
            *unsent += (count - taken) as u64;
        }
        for send in out.sends.drain(..) {
            if let Body::Packet(buf) = send.body {
                out.pool.give(buf);
            }
        }
    }
}
