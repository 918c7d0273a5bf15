//! Datagrams in batches: `recvmmsg` and `sendmmsg` with gathered pieces, and plain calls as the safe twin.
//!
//! With one socket a leg a batch rarely holds more than one datagram, but then it still saves the second call that a
//! level-triggered reader needs to learn that there is no more, and it takes what has piled up after a stall at once.

use super::net::{Datagram, HEADROOM, PARTS};
use socket2::SockRef;
use std::io::{self, IoSlice};
use std::mem::{size_of, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

/// Datagrams in one call, at most.
pub(super) const BATCH: usize = 8;

/// The memory that batches need; one for each worker.
pub(super) struct Udp {
    /// Or one call a datagram, in safe code.
    batched: bool,
    headers: [libc::mmsghdr; BATCH],
    pieces: [libc::iovec; BATCH * PARTS],
    names: [libc::sockaddr_storage; BATCH],
}

impl std::fmt::Debug for Udp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Udp").field("batched", &self.batched).finish_non_exhaustive()
    }
}

impl Udp {
    /// Memory for one worker.
    pub(super) fn new(batched: bool) -> Self {
        // SAFETY: these are C structs of numbers and pointers, for which zeroes are valid.
        let (headers, pieces, names) = unsafe { (zeroed(), zeroed(), zeroed()) };
        Udp { batched, headers, pieces, names }
    }

    /// Receives what is there, at most [`BATCH`] and one a slot: writes behind the [`HEADROOM`] of `slots` and tells `got`,
    /// for each, its index, its length and its source. Does not wait. A datagram longer than its slot is cut and has no
    /// length.
    ///
    /// # Errors
    /// As the kernel says; nothing there is no error.
    pub(super) fn receive<const N: usize>(
        &mut self,
        socket: &UdpSocket,
        slots: &mut [Box<[u8; N]>],
        mut got: impl FnMut(usize, Option<usize>, SocketAddr),
    ) -> io::Result<()> {
        if self.batched {
            return self.receive_batch(socket, slots, got);
        }
        for (n, slot) in slots.iter_mut().take(BATCH).enumerate() {
            let room = &mut slot[HEADROOM..];
            // A full slot cannot be told from a cut datagram here, so it counts as one.
            match socket.recv_from(room) {
                Ok((len, from)) => got(n, Some(len).filter(|len| *len < room.len()), from),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    fn receive_batch<const N: usize>(
        &mut self,
        socket: &UdpSocket,
        slots: &mut [Box<[u8; N]>],
        mut got: impl FnMut(usize, Option<usize>, SocketAddr),
    ) -> io::Result<()> {
        let count = slots.len().min(BATCH);
        for (n, slot) in slots.iter_mut().take(count).enumerate() {
            let buf = &mut slot[HEADROOM..];
            self.pieces[n] = libc::iovec { iov_base: buf.as_mut_ptr().cast(), iov_len: buf.len() };
            let header = &mut self.headers[n].msg_hdr;
            header.msg_name = (&raw mut self.names[n]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            header.msg_iov = &raw mut self.pieces[n];
            header.msg_iovlen = 1;
            header.msg_flags = 0;
        }
        // SAFETY: the first `count` headers point at pieces, names and buffers that live and are borrowed mutably
        // through the call, with their true lengths.
        let result = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                count as u32,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        if result < 0 {
            let e = io::Error::last_os_error();
            return if e.kind() == io::ErrorKind::WouldBlock { Ok(()) } else { Err(e) };
        }
        for n in 0..result as usize {
            let header = &self.headers[n];
            let cut = header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
            if let Some(from) = read_name(&self.names[n]) {
                got(n, Some(header.msg_len as usize).filter(|_| !cut), from);
            }
        }
        Ok(())
    }

    /// Sends `datagrams`, at most [`BATCH`], in order; returns how many the kernel took. Does not wait.
    ///
    /// # Errors
    /// As the kernel says of the first one that it did not take.
    pub(super) fn send(&mut self, socket: &UdpSocket, datagrams: &[Datagram<'_>]) -> io::Result<usize> {
        if self.batched {
            return self.send_batch(socket, datagrams);
        }
        for (n, d) in datagrams.iter().enumerate() {
            let sent = SockRef::from(socket).send_to_vectored(&d.parts.map(IoSlice::new), &d.to.into());
            match sent {
                Err(e) if n == 0 => return Err(e),
                Err(_) => return Ok(n),
                Ok(_) => {}
            }
        }
        Ok(datagrams.len())
    }

    fn send_batch(&mut self, socket: &UdpSocket, datagrams: &[Datagram<'_>]) -> io::Result<usize> {
        let count = datagrams.len().min(BATCH);
        for (n, d) in datagrams.iter().take(count).enumerate() {
            let pieces = &mut self.pieces[n * PARTS..][..PARTS];
            address(d, &mut self.headers[n].msg_hdr, pieces, &mut self.names[n]);
        }
        // SAFETY: the first `count` headers point at pieces and names that live through the call, with their true
        // lengths; the kernel only reads what the pieces point at.
        let result = unsafe {
            libc::sendmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                count as u32,
                libc::MSG_DONTWAIT as _,
            )
        };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as usize) }
    }
}

/// Has `header` point at the pieces of `datagram` and its address.
pub(super) fn address(
    datagram: &Datagram<'_>,
    header: &mut libc::msghdr,
    pieces: &mut [libc::iovec],
    name: &mut libc::sockaddr_storage,
) {
    let parts = datagram.parts.iter().filter(|p| !p.is_empty());
    let mut used = 0;
    for (piece, part) in pieces.iter_mut().zip(parts) {
        *piece = libc::iovec { iov_base: part.as_ptr().cast_mut().cast(), iov_len: part.len() };
        used += 1;
    }
    header.msg_namelen = write_name(datagram.to, name);
    header.msg_name = std::ptr::from_mut(name).cast();
    header.msg_iov = pieces.as_mut_ptr();
    header.msg_iovlen = used as _;
    header.msg_flags = 0;
}

pub(super) fn read_name(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match i32::from(name.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that it is a sockaddr_in, which fits into the storage and needs no more alignment.
            let v4 = unsafe { &*std::ptr::from_ref(name).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddr::new(IpAddr::V4(ip), u16::from_be(v4.sin_port)))
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that it is a sockaddr_in6, which fits into the storage and needs no more alignment.
            let v6 = unsafe { &*std::ptr::from_ref(name).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some(SocketAddr::new(IpAddr::V6(ip), u16::from_be(v6.sin6_port)))
        }
        _ => None,
    }
}

fn write_name(to: SocketAddr, name: &mut libc::sockaddr_storage) -> libc::socklen_t {
    match to {
        SocketAddr::V4(to) => {
            // SAFETY: the storage is large enough and aligned for any address, and any octets are a valid sockaddr_in.
            let v4 = unsafe { &mut *std::ptr::from_mut(name).cast::<libc::sockaddr_in>() };
            v4.sin_family = libc::AF_INET as libc::sa_family_t;
            v4.sin_port = to.port().to_be();
            v4.sin_addr.s_addr = u32::from_ne_bytes(to.ip().octets());
            size_of::<libc::sockaddr_in>() as libc::socklen_t
        }
        SocketAddr::V6(to) => {
            // SAFETY: the storage is large enough and aligned for any address, and any octets are a valid sockaddr_in6.
            let v6 = unsafe { &mut *std::ptr::from_mut(name).cast::<libc::sockaddr_in6>() };
            v6.sin6_family = libc::AF_INET6 as libc::sa_family_t;
            v6.sin6_port = to.port().to_be();
            v6.sin6_flowinfo = 0;
            v6.sin6_addr.s6_addr = to.ip().octets();
            v6.sin6_scope_id = to.scope_id();
            size_of::<libc::sockaddr_in6>() as libc::socklen_t
        }
    }
}
