//! Datagrams by io_uring (Linux 6.1 and later, where it is not forbidden).
//!
//! ```text
//!   one receive for each socket, which goes on for ever ─► a slot of the ring that is lent to the kernel ─► shard
//!                                                     ◄─ a free one in its place
//!   sends of all sockets ─► one system call, which does not return before all of them are done
//! ```
//!
//! The kernel does what there is to do only when this thread enters it, so that a worker which looks once in a millisecond is
//! not woken in between, and takes what came for all of its sockets with one call. Measured (`benches/stages.rs`, in turns with
//! batched sockets): a datagram in and out costs 5 to 7 % less when five or more have come for a wake-up, 0 to 5 % when one has. In whole workers (`benches/media.rs`) the two
//! are not to be told apart, so it is not the default.

use super::Wake;
use super::net::{Arrived, Datagram, HEADROOM, PARTS};
use super::udp::{address, read_name};
use io_uring::types::{BufRingEntry, Fd, RecvMsgOut, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::mem::{size_of, zeroed};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

/// Requests in one call, at most.
const REQUESTS: u32 = 256;
/// Sends in one call, at most.
const SENDS: usize = 64;
/// What is done, waiting to be seen; more waits in the kernel.
const DONE: u32 = 2048;
/// Slots lent to the kernel, a power of two: what 1,000 legs get in ten milliseconds. Answer: datagrams wait in their socket.
const SLOTS: u16 = 512;
const GROUP: u16 = 0;
/// What requests are of that are no receives.
const SENT: u64 = super::net::TOKENS;
const WOKEN: u64 = SENT + 1;
const CANCELLED: u64 = SENT + 2;
/// How often, and for how long each time, the end of a receive is waited for.
const CANCEL_ROUNDS: usize = 100;
const CANCEL_WAIT: Duration = Duration::from_millis(10);

/// The ring in which the kernel finds slots, which it only reads; it wants it on a page of its own.
#[repr(C, align(4096))]
struct Page([BufRingEntry; SLOTS as usize]);

/// Slots that the kernel may write into, by number.
struct Lent<const N: usize> {
    page: Box<Page>,
    tail: u16,
    /// `None` while one is replaced.
    slots: Box<[Option<Box<[u8; N]>>]>,
}

impl<const N: usize> Lent<N> {
    fn new() -> Self {
        // SAFETY: entries are C structs of numbers, for which zeroes are valid.
        let page = unsafe { Box::new(zeroed()) };
        let slots = (0..SLOTS).map(|_| Some(Box::new([0; N]))).collect();
        let mut lent = Lent { page, tail: 0, slots };
        (0..SLOTS).for_each(|id| lent.lend(id));
        lent
    }

    /// Lets the kernel write into slot `id`.
    fn lend(&mut self, id: u16) {
        let Some(slot) = &mut self.slots[usize::from(id)] else { return };
        let entry = &mut self.page.0[usize::from(self.tail % SLOTS)];
        entry.set_addr(slot.as_mut_ptr() as u64);
        entry.set_len(N as u32);
        entry.set_bid(id);
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the tail is in the first entry, aligned; we write it and the kernel reads it, as an atomic.
        let tail = unsafe { AtomicU16::from_ptr(BufRingEntry::tail(self.page.0.as_mut_ptr()).cast_mut()) };
        tail.store(self.tail, Ordering::Release);
    }
}

/// Memory that the kernel reads of while it sends.
struct Outgoing {
    headers: [libc::msghdr; SENDS],
    pieces: [libc::iovec; SENDS * PARTS],
    names: [libc::sockaddr_storage; SENDS],
}

struct Receiving {
    socket: UdpSocket,
    /// The kernel has a request for it.
    armed: bool,
}

/// The sockets of one worker. The io_uring is closed before what it was lent is freed.
pub(super) struct Uring<const N: usize> {
    ring: IoUring,
    /// `None` when it can never be taken back.
    lent: Option<Lent<N>>,
    /// What a receive has room for: an address.
    template: Box<libc::msghdr>,
    outgoing: Box<Outgoing>,
    sockets: HashMap<u64, Receiving>,
    /// Sockets without a request.
    idle: Vec<u64>,
    wake: Arc<Wake>,
    /// Done, but not yet looked at.
    done: VecDeque<cqueue::Entry>,
    /// Sends that are not done.
    sending: usize,
    refused: usize,
}

impl<const N: usize> std::fmt::Debug for Uring<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Uring").field("sockets", &self.sockets.len()).finish_non_exhaustive()
    }
}

impl<const N: usize> Uring<N> {
    /// For this thread alone.
    ///
    /// # Errors
    /// It is forbidden, the kernel is too old, or there are too many descriptors.
    pub(super) fn new(wake: Arc<Wake>) -> io::Result<Self> {
        let ring = IoUring::builder()
            .setup_cqsize(DONE)
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_submit_all()
            .build(REQUESTS)?;
        let lent = Lent::new();
        // SAFETY: there are SLOTS entries, on a page of their own, which is freed after the io_uring.
        unsafe {
            ring.submitter().register_buf_ring_with_flags(lent.page.0.as_ptr() as u64, SLOTS, GROUP, 0)?;
        };
        // SAFETY: these are C structs of numbers and pointers, for which zeroes are valid.
        let (mut template, outgoing): (Box<libc::msghdr>, Box<Outgoing>) =
            unsafe { (Box::new(zeroed()), Box::new(zeroed())) };
        template.msg_namelen = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
        let mut uring = Uring {
            ring,
            lent: Some(lent),
            template,
            outgoing,
            sockets: HashMap::new(),
            idle: Vec::new(),
            wake,
            done: VecDeque::with_capacity(DONE as usize),
            sending: 0,
            refused: 0,
        };
        uring.watch_wake()?;
        Ok(uring)
    }

    fn watch_wake(&mut self) -> io::Result<()> {
        let poll = opcode::PollAdd::new(Fd(self.wake.as_raw_fd()), libc::POLLIN as u32).multi(true);
        // SAFETY: the request has no memory; the descriptor is open as long as `self`.
        unsafe { self.push(&poll.build().user_data(WOKEN)) }
    }

    /// Leaves a request for the kernel.
    ///
    /// # Safety
    /// What it points at must live until it is done.
    unsafe fn push(&mut self, request: &squeue::Entry) -> io::Result<()> {
        // SAFETY: as the caller says.
        while unsafe { self.ring.submission().push(request) }.is_err() {
            self.enter(0, None)?;
        }
        Ok(())
    }

    /// Hands over the requests, and waits until `want` are done or `timeout` has passed.
    fn enter(&mut self, want: usize, timeout: Option<Duration>) -> io::Result<()> {
        let entered = match timeout {
            None => self.ring.submitter().submit_and_wait(want),
            Some(timeout) => {
                let timeout = Timespec::from(timeout);
                self.ring.submitter().submit_with_args(want, &SubmitArgs::new().timespec(&timeout))
            }
        };
        let passing = [libc::ETIME, libc::EINTR, libc::EAGAIN, libc::EBUSY];
        if let Err(e) = entered
            && !e.raw_os_error().is_some_and(|e| passing.contains(&e))
        {
            return Err(e);
        }
        for done in self.ring.completion() {
            match done.user_data() {
                SENT => {
                    self.sending -= 1;
                    self.refused += usize::from(done.result() < 0);
                }
                CANCELLED => {}
                _ => self.done.push_back(done),
            }
        }
        Ok(())
    }

    pub(super) fn add(&mut self, token: u64, socket: UdpSocket) -> io::Result<()> {
        self.sockets.insert(token, Receiving { socket, armed: false });
        self.arm(token)
    }

    fn arm(&mut self, token: u64) -> io::Result<()> {
        let Some(receiving) = self.sockets.get_mut(&token).filter(|r| !r.armed) else { return Ok(()) };
        receiving.armed = true;
        let receive =
            opcode::RecvMsgMulti::new(Fd(receiving.socket.as_raw_fd()), &raw const *self.template, GROUP);
        // SAFETY: the template lives as long as `self`, and so does what is lent; the socket is closed after this has ended.
        unsafe { self.push(&receive.build().user_data(token)) }
    }

    /// Ends the receive, without which the socket would stay open, and closes.
    pub(super) fn remove(&mut self, token: u64) {
        if !self.cancel(token)
            && let Some(lent) = self.lent.take()
        {
            // Better lost than written into by the kernel when it is something else.
            std::mem::forget(lent);
        }
        self.sockets.remove(&token);
    }

    /// False if the kernel does not say that it has ended.
    fn cancel(&mut self, token: u64) -> bool {
        let ended = |done: &cqueue::Entry| done.user_data() == token && !cqueue::more(done.flags());
        if self.sockets.get(&token).is_none_or(|r| !r.armed) {
            return true;
        }
        let cancel = opcode::AsyncCancel::new(token).build().user_data(CANCELLED);
        // SAFETY: the request has no memory.
        let mut asked = unsafe { self.push(&cancel) };
        for _ in 0..CANCEL_ROUNDS {
            if asked.is_err() || self.done.iter().any(ended) {
                break;
            }
            asked = self.enter(1, Some(CANCEL_WAIT));
        }
        self.done.iter().any(ended)
    }

    pub(super) fn wait(&mut self, timeout: Option<Duration>, gather: bool) -> io::Result<bool> {
        let (want, timeout) = match timeout {
            Some(timeout) if gather => (DONE as usize, Some(timeout)),
            _ if !self.done.is_empty() => (1, Some(Duration::ZERO)),
            timeout => (1, timeout),
        };
        self.enter(want, timeout)?;
        let woken = self.done.iter().any(|d| d.user_data() == WOKEN);
        if woken {
            self.wake.clear();
        }
        Ok(woken)
    }

    pub(super) fn receive(&mut self, mut got: impl FnMut(Arrived<N>) -> Box<[u8; N]>) {
        while let Some(done) = self.done.pop_front() {
            let token = done.user_data();
            if !cqueue::more(done.flags()) {
                self.ended(token);
            }
            let Some(lent) = &mut self.lent else { continue };
            let Some(id) = cqueue::buffer_select(done.flags()) else { continue };
            if let Some(slot) = lent.slots[usize::from(id)].take() {
                let known = self.sockets.contains_key(&token);
                let read = read(&slot[..], done.result(), &self.template).filter(|_| known);
                lent.slots[usize::from(id)] = Some(match read {
                    Some((from, len)) => got(Arrived { token, from, slot, len }),
                    None => slot,
                });
            }
            lent.lend(id);
        }
        while let Some(token) = self.idle.pop() {
            if self.arm(token).is_err() {
                break;
            }
        }
    }

    /// A request has ended that should not, or was to: for want of slots, by an error of the socket, because it was cancelled.
    fn ended(&mut self, token: u64) {
        if token == WOKEN {
            let _ = self.watch_wake();
        } else if let Some(receiving) = self.sockets.get_mut(&token) {
            receiving.armed = false;
            self.idle.push(token);
        }
    }

    pub(super) fn send(&mut self, datagrams: &[Datagram<'_>]) -> usize {
        let mut taken = 0;
        for datagrams in datagrams.chunks(SENDS) {
            let mut count = 0;
            self.refused = 0;
            for d in datagrams {
                let Some(socket) = self.sockets.get(&d.token) else { continue };
                let (fd, out) = (Fd(socket.socket.as_raw_fd()), &mut *self.outgoing);
                address(
                    d,
                    &mut out.headers[count],
                    &mut out.pieces[count * PARTS..][..PARTS],
                    &mut out.names[count],
                );
                let send =
                    opcode::SendMsg::new(fd, &raw const out.headers[count]).flags(libc::MSG_DONTWAIT as u32);
                // SAFETY: header, pieces, name and octets live, and are not written, until `sent` returns.
                if unsafe { self.push(&send.build().user_data(SENT)) }.is_ok() {
                    count += 1;
                    self.sending += 1;
                }
            }
            self.sent();
            taken += count - self.refused;
        }
        taken
    }

    /// Returns when all sends are done; since none may wait, they are when the kernel has taken them.
    fn sent(&mut self) {
        let mut want = 0;
        while self.sending > 0 {
            // An error would leave the kernel with memory that is not ours to lend any longer: there is no way but on.
            let _ = self.enter(want, None);
            want = 1;
        }
    }
}

impl<const N: usize> Drop for Uring<N> {
    fn drop(&mut self) {
        for token in self.sockets.keys().copied().collect::<Vec<_>>() {
            self.remove(token);
        }
    }
}

/// Whom a datagram is from, and how long it is.
fn read(slot: &[u8], result: i32, template: &libc::msghdr) -> Option<(SocketAddr, Option<usize>)> {
    let filled = slot.get(..usize::try_from(result).ok()?)?;
    let out = RecvMsgOut::parse(filled, template).ok()?;
    let octets = out.name_data();
    // SAFETY: zeroes are a valid address of no family.
    let mut name: libc::sockaddr_storage = unsafe { zeroed() };
    // SAFETY: the name is as long as the template says, which is shorter than the storage.
    unsafe { std::ptr::copy_nonoverlapping(octets.as_ptr(), (&raw mut name).cast(), octets.len()) };
    let whole = !out.is_payload_truncated();
    Some((read_name(&name)?, Some(filled.len() - HEADROOM).filter(|_| whole)))
}
