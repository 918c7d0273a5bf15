//! The sockets of one worker: waiting for all of them, receiving and sending, by whichever way the kernel allows.
//!
//! ```text
//!   wait ─► receive: each datagram in the slot that the kernel wrote, for which a free one is given ─► send: gathered pieces
//! ```
//!
//! There are three back-ends: sockets in batches, plain calls as their safe twin, and io_uring. All pass the same tests.

use super::udp::{BATCH, Udp};
use super::uring::Uring;
use super::{Epoll, Wake};
use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

/// Octets of a slot before the datagram: io_uring describes there what it has received.
pub const HEADROOM: usize = 44;
pub(super) const PARTS: usize = 3;
/// The token of the wake.
const WAKE: u64 = u64::MAX;
/// How long a datagram over loopback may take.
const PROBE: Duration = Duration::from_secs(1);
/// Tokens of sockets are less than this.
pub const TOKENS: u64 = 1 << 63;

/// How datagrams go to and from the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backend {
    /// epoll, `recvmmsg`, `sendmmsg`.
    #[default]
    Batched,
    /// epoll, one call a datagram, safe code.
    Plain,
    /// io_uring: many datagrams of many sockets in one call.
    Uring,
}

impl std::fmt::Display for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Backend::Batched => "sockets, in batches",
            Backend::Plain => "sockets, one by one",
            Backend::Uring => "io_uring",
        })
    }
}

impl Backend {
    /// Whether the kernel allows it, found out by sending a datagram over loopback.
    ///
    /// # Errors
    /// Why not: for io_uring `ENOSYS` or `EINVAL` where the kernel is too old, `EPERM` where it is forbidden
    /// (`kernel.io_uring_disabled`, a container's filter).
    pub fn works(self) -> io::Result<()> {
        // The end of an io_uring interrupts whatever its thread waits for next.
        std::thread::spawn(move || self.probe()).join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
    }

    fn probe(self) -> io::Result<()> {
        let mut net = Net::<{ HEADROOM + 64 }>::new(self, Arc::new(Wake::new()?))?;
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        let to = socket.local_addr()?;
        net.add(0, socket)?;
        let sent = net.send(&[Datagram { token: 0, to, parts: [b"works", &[], &[]] }]);
        net.wait(Some(PROBE), false)?;
        let mut heard = 0;
        net.receive(|arrived| {
            heard += usize::from(arrived.from == to && arrived.slot[HEADROOM..].starts_with(b"works"));
            arrived.slot
        });
        if (sent, heard) == (1, 1) { Ok(()) } else { Err(io::ErrorKind::TimedOut.into()) }
    }
}

/// One datagram to send: its pieces are gathered, not joined.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    /// From the socket with this token.
    pub token: u64,
    /// Where to.
    pub to: SocketAddr,
    /// The pieces in order; unused ones are empty.
    pub parts: [&'a [u8]; PARTS],
}

/// One datagram received.
#[derive(Debug)]
pub struct Arrived<const N: usize> {
    /// By the socket with this token.
    pub token: u64,
    /// From there.
    pub from: SocketAddr,
    /// It lies behind the [`HEADROOM`].
    pub slot: Box<[u8; N]>,
    /// So many octets; `None` if it was longer than the slot, and cut.
    pub len: Option<usize>,
}

/// The sockets of one worker, which is the thread that made this. Slots have `N` octets.
#[derive(Debug)]
pub struct Net<const N: usize>(Engine<N>);

#[derive(Debug)]
enum Engine<const N: usize> {
    Polled(Box<Polled<N>>),
    Uring(Box<Uring<N>>),
}

impl<const N: usize> Net<N> {
    /// No sockets yet; `wake` ends a wait.
    ///
    /// # Errors
    /// As the kernel says: too many descriptors, or it does not allow io_uring.
    pub fn new(backend: Backend, wake: Arc<Wake>) -> io::Result<Self> {
        Ok(Net(match backend {
            Backend::Uring => Engine::Uring(Box::new(Uring::new(wake)?)),
            Backend::Batched | Backend::Plain => {
                Engine::Polled(Box::new(Polled::new(backend == Backend::Batched, wake)?))
            }
        }))
    }

    /// Receives from `socket`, which does not block, from now on, and can send from it.
    ///
    /// # Errors
    /// As the kernel says. Then it can only be sent from.
    pub fn add(&mut self, token: u64, socket: UdpSocket) -> io::Result<()> {
        match &mut self.0 {
            Engine::Polled(polled) => polled.add(token, socket),
            Engine::Uring(uring) => uring.add(token, socket),
        }
    }

    /// Closes the socket.
    pub fn remove(&mut self, token: u64) {
        match &mut self.0 {
            Engine::Polled(polled) => drop(polled.sockets.remove(&token)),
            Engine::Uring(uring) => uring.remove(token),
        }
    }

    /// Waits until something has arrived, the wake was woken, or `timeout` has passed (`None`: for ever). If it is to
    /// `gather`, it waits for the end of `timeout` in any case, so that much can be taken at once. Says whether the wake
    /// was woken, which it has cleared.
    ///
    /// # Errors
    /// As the kernel says; being interrupted is no error.
    pub fn wait(&mut self, timeout: Option<Duration>, gather: bool) -> io::Result<bool> {
        match &mut self.0 {
            Engine::Polled(polled) => polled.wait(timeout, gather),
            Engine::Uring(uring) => uring.wait(timeout, gather),
        }
    }

    /// Gives what has arrived to `got`, which gives a free slot for each.
    pub fn receive(&mut self, got: impl FnMut(Arrived<N>) -> Box<[u8; N]>) {
        match &mut self.0 {
            Engine::Polled(polled) => polled.receive(got),
            Engine::Uring(uring) => uring.receive(got),
        }
    }

    /// Sends `datagrams`; those of one socket in order. Returns how many the kernel took. Does not wait.
    pub fn send(&mut self, datagrams: &[Datagram<'_>]) -> usize {
        match &mut self.0 {
            Engine::Polled(polled) => polled.send(datagrams),
            Engine::Uring(uring) => uring.send(datagrams),
        }
    }
}

/// Sockets that are waited for by epoll.
#[derive(Debug)]
struct Polled<const N: usize> {
    epoll: Epoll,
    udp: Udp,
    sockets: HashMap<u64, UdpSocket>,
    wake: Arc<Wake>,
    tokens: Vec<u64>,
    /// What the next batch is received into.
    staged: Vec<Box<[u8; N]>>,
    batch: Vec<(usize, Option<usize>, SocketAddr)>,
}

impl<const N: usize> Polled<N> {
    fn new(batched: bool, wake: Arc<Wake>) -> io::Result<Self> {
        let epoll = Epoll::new()?;
        epoll.add(&*wake, WAKE)?;
        Ok(Polled {
            epoll,
            udp: Udp::new(batched),
            sockets: HashMap::new(),
            wake,
            tokens: Vec::new(),
            staged: (0..BATCH).map(|_| Box::new([0; N])).collect(),
            batch: Vec::with_capacity(BATCH),
        })
    }

    fn add(&mut self, token: u64, socket: UdpSocket) -> io::Result<()> {
        let added = self.epoll.add(&socket, token);
        self.sockets.insert(token, socket);
        added
    }

    fn wait(&mut self, mut timeout: Option<Duration>, gather: bool) -> io::Result<bool> {
        if let (Some(nap), true) = (timeout, gather) {
            std::thread::sleep(nap);
            timeout = Some(Duration::ZERO);
        }
        self.tokens.clear();
        self.epoll.wait(timeout, &mut self.tokens)?;
        let woken = self.tokens.contains(&WAKE);
        if woken {
            self.wake.clear();
        }
        Ok(woken)
    }

    fn receive(&mut self, mut got: impl FnMut(Arrived<N>) -> Box<[u8; N]>) {
        let Polled { udp, sockets, tokens, staged, batch, .. } = self;
        for token in tokens.drain(..) {
            let Some(socket) = sockets.get(&token) else { continue };
            // What cannot be received is tried again: the socket stays readable.
            let _ = udp.receive(socket, staged, |n, len, from| batch.push((n, len, from)));
            for (n, len, from) in batch.drain(..) {
                let slot = staged.swap_remove(n);
                staged.push(got(Arrived { token, from, slot, len }));
                // The free one takes its place.
                staged.swap(n, BATCH - 1);
            }
        }
    }

    fn send(&mut self, datagrams: &[Datagram<'_>]) -> usize {
        let of_one_socket = datagrams.chunk_by(|a, b| a.token == b.token);
        let mut taken = 0;
        for mut group in of_one_socket.flat_map(|of_one| of_one.chunks(BATCH)) {
            let socket = group.first().and_then(|d| self.sockets.get(&d.token));
            while let (Some(socket), false) = (socket, group.is_empty()) {
                let count = self.udp.send(socket, group).unwrap_or(0);
                taken += count;
                // The one that was refused is left out.
                group = group.get(count + 1..).unwrap_or_default();
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests;
