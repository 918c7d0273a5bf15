//! The media plane as the control plane sees it: legs are opened on it, commands go in, reports come out.
//!
//! `open` binds the leg's socket and chooses its worker; everything after that happens on the worker's thread. A port
//! goes back to the pool when its socket is closed, by whatever way that comes about, and is used again as late as
//! possible, so that packets for a call that is over do not reach the next.

use super::awake::Awake;
use super::listen::{self, EarKind};
use super::record;
pub use super::reporter::ReportReceiver;
use super::reporter::{Reporter, reports};
use super::worker::{self, Setup};
use crate::base::LegId;
use crate::limits::PLANE_QUEUE;
use crate::media::{Command, LegStats, Report};
pub use crate::sys::Backend;
use crate::sys::{Wake, cpus_allowed, pin, real_time};
use crossbeam::channel::{Sender, bounded};
use crossbeam::queue::ArrayQueue;
use socket2::{Domain, Socket, Type};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A socket's receive buffer: 300 ms of a call's packets as the kernel accounts them, for when a worker is stalled.
const RECEIVE_BUFFER_OCTETS: usize = 64 * 1024;
/// A worker's real-time priority; the service's `LimitRTPRIO` allows it.
const PRIORITY: i32 = 10;
/// Expedited Forwarding (RFC 3246), what networks expect voice to be marked with.
const TOS_VOICE: u32 = 0xb8;

/// How the media plane is to be built.
#[derive(Debug, Clone)]
pub struct MediaConfig {
    /// Threads that carry legs; at least one.
    pub workers: usize,
    /// UDP ports for legs: the even ones for RTP, the next for its RTCP (RFC 3550 §11).
    pub ports: RangeInclusive<u16>,
    /// When [`crate::base::Now`] was zero.
    pub epoch: Instant,
    /// How datagrams go to and from the kernel.
    pub backend: Backend,
    /// How callers are listened to.
    pub ears: EarKind,
    pub cores: Cores,
}

/// What the workers may make of the machine's cores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cores {
    /// The kernel chooses: for a test phone on the same machine.
    Shared,
    /// Each worker has one of its own, where it goes first, as far as that is allowed: for a server.
    Own,
    /// The same, and the core is kept from being put to sleep ([`Awake`]).
    Awake,
}

/// Keeps worker `n` on its core, and lets it go first there.
fn settle(n: usize, cpu: Option<usize>) {
    if let Some(Err(e)) = cpu.map(pin) {
        tracing::warn!("media worker {n} is not kept on a core: {e}");
    }
    // What goes for one goes for all.
    if let Err(e) = real_time(PRIORITY)
        && n == 0
    {
        tracing::info!(
            "media workers may have to wait for other work on this machine: {e}; \
             LimitRTPRIO=10 in the service, or `ulimit -r 10`, lets them go first"
        );
    }
}

/// No port is free for a leg, or the address is not ours. The call is answered 503.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoPort;

impl std::fmt::Display for NoPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no RTP port is free")
    }
}

impl std::error::Error for NoPort {}

/// What is sent to a worker.
#[derive(Debug)]
pub(super) enum ToWorker {
    Open(LegId, LegSocket),
    Do(Command),
    Shutdown,
}

/// A leg's sockets and what goes back when they are closed. The fields are dropped in this order.
#[derive(Debug)]
pub(super) struct LegSocket {
    pub(super) socket: UdpSocket,
    /// RTCP's, on the port above.
    pub(super) rtcp: UdpSocket,
    pub(super) lease: Lease,
}

/// A pair of ports in use by a leg of a worker.
#[derive(Debug)]
pub(super) struct Lease {
    port: u16,
    free: Arc<ArrayQueue<u16>>,
    live: Arc<AtomicUsize>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        // There is room: each port is either in the queue or in one lease.
        let _ = self.free.push(self.port);
        self.live.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct WorkerHandle {
    to: Sender<ToWorker>,
    wake: Arc<Wake>,
    live: Arc<AtomicUsize>,
}

impl WorkerHandle {
    /// False if there was no room, and the message is gone.
    fn send(&self, message: ToWorker) -> bool {
        let sent = self.to.try_send(message).is_ok();
        self.wake.wake();
        sent
    }
}

/// The running media plane. Dropping it shuts it down.
#[derive(Debug)]
pub struct MediaPlane {
    workers: Vec<WorkerHandle>,
    /// Which worker a leg is on.
    legs: HashMap<LegId, usize>,
    free_ports: Arc<ArrayQueue<u16>>,
    reporter: Reporter,
    threads: Vec<JoinHandle<()>>,
    _awake: Awake,
}

impl MediaPlane {
    /// Starts the workers, the listener and the recordings' writer.
    ///
    /// # Errors
    /// No even port in the range, the kernel does not allow the back-end, or it gives no thread or descriptor.
    pub fn start(config: &MediaConfig) -> io::Result<(Self, ReportReceiver)> {
        config.backend.works()?;
        let ports: Vec<u16> = config
            .ports
            .clone()
            .filter(|p| p % 2 == 0 && *p > 0 && config.ports.contains(&(p + 1)))
            .collect();
        if ports.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the range has no even port with the next one",
            ));
        }
        let free_ports = Arc::new(ArrayQueue::new(ports.len()));
        for port in ports {
            let _ = free_ports.push(port);
        }
        let (reporter, receiver) = reports();
        let count = config.workers.max(1);
        let (files, writer) = record::start(reporter.clone())?;
        let (taps, listener) = listen::start(count, config.epoch, config.ears.clone(), reporter.clone())?;
        let cpus = cpus_allowed();
        let kept = cpus.iter().copied().take(if config.cores == Cores::Awake { count } else { 0 });
        let mut plane = MediaPlane {
            workers: Vec::new(),
            legs: HashMap::new(),
            free_ports,
            reporter,
            threads: vec![listener, writer],
            _awake: Awake::keep(kept)?,
        };
        for (n, tap) in taps.into_iter().enumerate() {
            let (to, commands) = bounded(PLANE_QUEUE);
            let wake = Arc::new(Wake::new()?);
            let setup = Setup {
                commands,
                wake: Arc::clone(&wake),
                epoch: config.epoch,
                backend: config.backend,
                seed: fastrand::u64(..),
                tap,
                files: files.clone(),
                reporter: plane.reporter.clone(),
            };
            // With one core there is nothing to choose, and with more workers than cores no worker should wait for its own.
            let cpu = (cpus.len() > 1 && count <= cpus.len()).then(|| cpus[n]);
            let shared = config.cores == Cores::Shared;
            let body = move || {
                if !shared {
                    settle(n, cpu);
                }
                if let Err(e) = worker::run(setup) {
                    tracing::error!("a media worker ended: {e}");
                }
            };
            let thread = std::thread::Builder::new().name(format!("media-{n}")).spawn(body)?;
            plane.threads.insert(0, thread);
            plane.workers.push(WorkerHandle { to, wake, live: Arc::default() });
        }
        Ok((plane, receiver))
    }

    /// Binds an even port on `bind_ip` for `leg` and begins it ([`Command::Open`] is not needed besides). It is placed
    /// on the worker with the fewest legs, or on that of `near`, so that the two can be bridged.
    ///
    /// # Errors
    /// [`NoPort`] if none is free, or the address is not ours.
    pub fn open(&mut self, leg: LegId, bind_ip: IpAddr, near: Option<LegId>) -> Result<SocketAddr, NoPort> {
        let near = near.and_then(|l| self.legs.get(&l).copied());
        let least = || (0..self.workers.len()).min_by_key(|&w| self.workers[w].live.load(Ordering::Relaxed));
        let index = near.or_else(least).ok_or(NoPort)?;
        let (socket, at) = self.bind(bind_ip, &self.workers[index])?;
        if !self.workers[index].send(ToWorker::Open(leg, socket)) {
            return Err(NoPort);
        }
        self.legs.insert(leg, index);
        Ok(at)
    }

    fn bind(&self, ip: IpAddr, worker: &WorkerHandle) -> Result<(LegSocket, SocketAddr), NoPort> {
        for _ in 0..self.free_ports.capacity() {
            let port = self.free_ports.pop().ok_or(NoPort)?;
            worker.live.fetch_add(1, Ordering::Relaxed);
            let lease = Lease { port, free: Arc::clone(&self.free_ports), live: Arc::clone(&worker.live) };
            let at = SocketAddr::new(ip, port);
            // Whether RTCP shares the port is not known before the answer, so it has one of its own in any case.
            let both = bind(at).and_then(|rtp| Ok((rtp, bind(SocketAddr::new(ip, port + 1))?)));
            match both {
                Ok((socket, rtcp)) => return Ok((LegSocket { socket, rtcp, lease }, at)),
                // Another process has it; it goes to the end of the queue.
                Err(e) if e.kind() == io::ErrorKind::AddrInUse => {}
                Err(e) => {
                    tracing::error!("{at} cannot be used for RTP: {e}");
                    return Err(NoPort);
                }
            }
        }
        Err(NoPort)
    }

    /// Has a command carried out by the worker of its leg. Commands for a leg that is gone are ignored, but
    /// [`Command::Close`] is always answered.
    pub fn send(&mut self, command: Command) {
        let leg = command.leg();
        let closes = matches!(command, Command::Close { .. });
        let Some(&index) = self.legs.get(&leg) else {
            if closes {
                self.reporter.send(Report::Closed { leg, stats: LegStats::default() });
            }
            return;
        };
        if closes {
            self.legs.remove(&leg);
        }
        if !self.workers[index].send(ToWorker::Do(command)) {
            tracing::error!("a media worker does not take commands");
            self.reporter.send(Report::Fault { leg, what: "the media worker does not answer".into() });
            if closes {
                self.reporter.send(Report::Closed { leg, stats: LegStats::default() });
            }
        }
    }

    /// Legs whose sockets are open.
    pub fn live_legs(&self) -> usize {
        self.workers.iter().map(|w| w.live.load(Ordering::Relaxed)).sum()
    }

    /// Closes every leg, completes the recordings, and waits for the threads. Their last reports can still be read.
    pub fn shutdown(mut self) {
        self.end();
    }

    fn end(&mut self) {
        for worker in self.workers.drain(..) {
            // A worker that takes nothing for as long as this has a fault; the process ends all the same.
            let _ = worker.to.send_timeout(ToWorker::Shutdown, Duration::from_secs(1));
            worker.wake.wake();
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for MediaPlane {
    fn drop(&mut self) {
        self.end();
    }
}

fn bind(at: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(at), Type::DGRAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&at.into())?;
    // Wishes, not needs.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER_OCTETS);
    let _ = if at.is_ipv4() { socket.set_tos_v4(TOS_VOICE) } else { socket.set_tclass_v6(TOS_VOICE) };
    Ok(socket.into())
}
