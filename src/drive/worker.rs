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
use super::media::{Lease, LegSocket, ToWorker};
use super::record::Files;
use super::reporter::Reporter;
use crate::base::{LegId, Now};
use crate::limits::RTP_HEADROOM_OCTETS;
use crate::media::{Body, Channel, Command, FileOp, Input, Out, Report, Send, Shard};
use crate::rtp::{PacketBuf, Pool, SLOT_OCTETS};
use crate::sys::{Arrived, Backend, Datagram, HEADROOM, Net, TOKENS, Wake, precise_timers};
use crossbeam::channel::Receiver;
use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The token of a leg's socket is its id, with a bit for its RTCP that no id has.
const RTCP: u64 = TOKENS >> 1;
const _: () = assert!(HEADROOM == RTP_HEADROOM_OCTETS, "the shard looks for datagrams where they are");
/// Free buffers to begin with.
const POOL_SLOTS: usize = 32;
/// Datagrams given to the kernel at once.
const SENDS: usize = 64;
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
    pub(super) tap: RingTap,
    pub(super) files: Files,
    pub(super) reporter: Reporter,
}

/// The thread's body. Returns when it is told to shut down.
///
/// # Errors
/// The kernel gives nothing to wait with, or takes it away.
pub(super) fn run(setup: Setup) -> io::Result<()> {
    precise_timers();
    let net = Net::new(setup.backend, setup.wake)?;
    let mut out = Out::new(Box::new(setup.tap));
    out.pool = Pool::with_slots(POOL_SLOTS);
    let mut worker = Worker {
        net,
        leases: HashMap::new(),
        plane: Plane { shard: Shard::new(setup.seed), out },
        files: setup.files,
        reporter: setup.reporter,
        epoch: setup.epoch,
        unsent: 0,
    };
    loop {
        let retry = (!worker.reporter.flush()).then_some(BACKLOG_RETRY);
        let (now, tick) = (worker.now(), worker.plane.shard.deadline());
        let gather = worker.leases.len() >= BUSY_LEGS && tick.is_some_and(|d| d > now);
        let wait = if gather {
            Some(Duration::from_micros(1000 - now.0 % 1000))
        } else {
            tick.map(|d| d.since(now)).into_iter().chain(retry).min()
        };
        let woken = worker.net.wait(wait, gather)?;
        let now = worker.now();
        if woken && !worker.commands(now, &setup.commands) {
            return Ok(());
        }
        let Worker { net, plane, .. } = &mut worker;
        net.receive(|arrived| plane.receive(now, arrived));
        worker.flush();
        let now = worker.now();
        if worker.plane.shard.deadline().is_some_and(|d| d <= now) {
            worker.plane.step(now, Input::Tick);
            worker.flush();
        }
    }
}

struct Worker {
    // Closed before their ports are given back.
    net: Net<SLOT_OCTETS>,
    leases: HashMap<LegId, Lease>,
    plane: Plane,
    files: Files,
    reporter: Reporter,
    epoch: Instant,
    /// Datagrams that the kernel did not take; a network would have lost them as well.
    unsent: u64,
}

/// What decides, and what it wants done.
struct Plane {
    shard: Shard,
    out: Out,
}

impl Plane {
    fn step(&mut self, now: Now, input: Input) {
        let Plane { shard, out } = self;
        if catch_unwind(AssertUnwindSafe(|| shard.step(now, input, out))).is_err() {
            self.shard.abandon(&mut self.out);
        }
    }

    /// Gives a buffer for that which has arrived.
    fn receive(&mut self, now: Now, arrived: Arrived<SLOT_OCTETS>) -> Box<[u8; SLOT_OCTETS]> {
        let Arrived { token, from, slot, len } = arrived;
        let channel = if token & RTCP == 0 { Channel::Rtp } else { Channel::Rtcp };
        let mut buf = PacketBuf::from(slot);
        // What was cut is not a packet: it is given on as an empty one, and rejected there.
        buf.set_len(len.unwrap_or(0));
        self.step(now, Input::Packet { leg: LegId(token & !RTCP), channel, from, buf });
        self.out.pool.take().into()
    }
}

impl Worker {
    fn now(&self) -> Now {
        Now(self.epoch.elapsed().as_micros() as u64)
    }

    /// Carries out what the control plane has sent; false when it wants the worker to end.
    fn commands(&mut self, now: Now, commands: &Receiver<ToWorker>) -> bool {
        while let Ok(message) = commands.try_recv() {
            match message {
                ToWorker::Open(leg, LegSocket { socket, rtcp, lease }) => {
                    let both = [self.net.add(leg.0, socket), self.net.add(leg.0 | RTCP, rtcp)];
                    for e in both.into_iter().filter_map(Result::err) {
                        self.reporter
                            .send(Report::Fault { leg, what: format!("the leg hears nothing: {e}") });
                    }
                    self.leases.insert(leg, lease);
                    self.plane.step(now, Input::Command(Command::Open { leg }));
                }
                ToWorker::Do(command) => self.plane.step(now, Input::Command(command)),
                ToWorker::Shutdown => {
                    let legs: Vec<LegId> = self.leases.keys().copied().collect();
                    for leg in legs {
                        self.plane.step(now, Input::Command(Command::Close { leg }));
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

    /// Does what the shard wants done.
    fn flush(&mut self) {
        self.send();
        for report in self.plane.out.reports.drain(..) {
            self.reporter.send(report);
        }
        while let Some(op) = self.plane.out.files.pop_front() {
            self.file(op);
        }
        for leg in self.plane.out.closed.drain(..) {
            self.net.remove(leg.0);
            self.net.remove(leg.0 | RTCP);
            self.leases.remove(&leg);
        }
    }

    fn file(&mut self, op: FileOp) {
        let piece_of = if let FileOp::Append { leg, .. } = &op { Some(*leg) } else { None };
        if let (false, Some(leg)) = (self.files.send(op), piece_of) {
            self.reporter.send(Report::Unrecorded { leg, what: "the disk does not keep up".into() });
            let now = self.now();
            let files = &mut self.plane.out.files;
            files.retain(|op| !matches!(op, FileOp::Append { leg: l, .. } if *l == leg));
            self.plane.step(now, Input::Command(Command::StopRecord { leg }));
        }
    }

    fn send(&mut self) {
        let out = &mut self.plane.out;
        for sends in out.sends.chunks(SENDS) {
            let none = Datagram { token: 0, to: sends[0].to, parts: [&[]; 3] };
            let mut batch = [none; SENDS];
            for (datagram, Send { leg, channel, to, body }) in batch.iter_mut().zip(sends) {
                let token = if *channel == Channel::Rtp { leg.0 } else { leg.0 | RTCP };
                *datagram = Datagram { token, to: *to, parts: body.parts() };
            }
            self.unsent += (sends.len() - self.net.send(&batch[..sends.len()])) as u64;
        }
        for send in out.sends.drain(..) {
            if let Body::Packet(buf) = send.body {
                out.pool.give(buf);
            }
        }
    }
}
