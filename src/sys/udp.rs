//! Datagrams in batches: `recvmmsg` and `sendmmsg` with gathered pieces, and plain calls as the safe twin.
//!
//! With one socket a leg a batch rarely holds more than one datagram, but then it still saves the second call that a
//! level-triggered reader needs to learn that there is no more, and it takes what has piled up after a stall at once.

use socket2::SockRef;
use std::io::{self, IoSlice};
use std::mem::{size_of, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

/// Datagrams in one call, at most.
pub const BATCH: usize = 8;
const PARTS: usize = 3;

/// One datagram to send: its pieces are gathered, not joined.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    /// Where to.
    pub to: SocketAddr,
    /// The pieces in order; unused ones are empty.
    pub parts: [&'a [u8]; PARTS],
}

/// How datagrams go to and from the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backend {
    /// `recvmmsg`, `sendmmsg`.
    #[default]
    Batched,
    /// One call a datagram, safe code.
    Plain,
}

/// The memory that batches need; one for each worker.
pub struct Udp {
    backend: Backend,
    headers: [libc::mmsghdr; BATCH],
    pieces: [libc::iovec; BATCH * PARTS],
    names: [libc::sockaddr_storage; BATCH],
}

impl std::fmt::Debug for Udp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Udp").field("backend", &self.backend).finish_non_exhaustive()
    }
}

impl Udp {
    /// Memory for one worker.
    pub fn new(backend: Backend) -> Self {
        // SAFETY: these are C structs of numbers and pointers, for which zeroes are valid.
        let (headers, pieces, names) = unsafe { (zeroed(), zeroed(), zeroed()) };
        Udp { backend, headers, pieces, names }
    }

    /// Receives what is there, at most [`BATCH`] and one a buffer: writes into `bufs` and tells `got`, for each, its
    /// index, its length and its source. Does not wait. A datagram longer than its buffer is cut and given the length
    /// `usize::MAX`.
    ///
    /// # Errors
    /// As the kernel says; nothing there is no error.
    pub fn receive<B: AsMut<[u8]>>(
        &mut self,
        socket: &UdpSocket,
        bufs: &mut [B],
        mut got: impl FnMut(usize, usize, SocketAddr),
    ) -> io::Result<()> {
        match self.backend {
            Backend::Batched => self.receive_batch(socket, bufs, got),
            Backend::Plain => {
                for (n, buf) in bufs.iter_mut().take(BATCH).enumerate() {
                    let buf = buf.as_mut();
                    // A full buffer cannot be told from a cut datagram here, so it counts as one.
                    match socket.recv_from(buf) {
                        Ok((len, from)) => got(n, if len == buf.len() { usize::MAX } else { len }, from),
                        Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                        Err(e) => return Err(e),
                    }
                }
                Ok(())
            }
        }
    }

    fn receive_batch<B: AsMut<[u8]>>(
        &mut self,
        socket: &UdpSocket,
        bufs: &mut [B],
        mut got: impl FnMut(usize, usize, SocketAddr),
    ) -> io::Result<()> {
        let count = bufs.len().min(BATCH);
        for (n, buf) in bufs.iter_mut().take(count).enumerate() {
            let buf = buf.as_mut();
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
                got(n, if cut { usize::MAX } else { header.msg_len as usize }, from);
            }
        }
        Ok(())
    }

    /// Sends `datagrams`, at most [`BATCH`], in order; returns how many the kernel took. Does not wait.
    ///
    /// # Errors
    /// As the kernel says of the first one that it did not take.
    pub fn send(&mut self, socket: &UdpSocket, datagrams: &[Datagram<'_>]) -> io::Result<usize> {
        match self.backend {
            Backend::Batched => self.send_batch(socket, datagrams),
            Backend::Plain => {
                for (n, d) in datagrams.iter().enumerate() {
                    let sent =
                        SockRef::from(socket).send_to_vectored(&d.parts.map(IoSlice::new), &d.to.into());
                    match sent {
                        Err(e) if n == 0 => return Err(e),
                        Err(_) => return Ok(n),
                        Ok(_) => {}
                    }
                }
                Ok(datagrams.len())
            }
        }
    }

    fn send_batch(&mut self, socket: &UdpSocket, datagrams: &[Datagram<'_>]) -> io::Result<usize> {
        let count = datagrams.len().min(BATCH);
        for (n, d) in datagrams.iter().take(count).enumerate() {
            let mut used = 0;
            for part in d.parts.iter().filter(|p| !p.is_empty()) {
                self.pieces[n * PARTS + used] =
                    libc::iovec { iov_base: part.as_ptr().cast_mut().cast(), iov_len: part.len() };
                used += 1;
            }
            let header = &mut self.headers[n].msg_hdr;
            header.msg_namelen = write_name(d.to, &mut self.names[n]);
            header.msg_name = (&raw mut self.names[n]).cast();
            header.msg_iov = &raw mut self.pieces[n * PARTS];
            header.msg_iovlen = used as _;
            header.msg_flags = 0;
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

fn read_name(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn socket(ip: &str) -> Option<UdpSocket> {
        let s = UdpSocket::bind((ip, 0)).ok()?;
        s.set_nonblocking(true).unwrap();
        Some(s)
    }

    fn receive(udp: &mut Udp, s: &UdpSocket, want: usize) -> Vec<(Vec<u8>, usize, SocketAddr)> {
        let mut all = Vec::new();
        for _ in 0..1000 {
            let mut bufs = vec![vec![0; 32]; BATCH];
            let mut got = Vec::new();
            udp.receive(s, &mut bufs, |n, len, from| got.push((n, len, from))).unwrap();
            all.extend(got.into_iter().map(|(n, len, from)| (bufs[n][..len.min(32)].to_vec(), len, from)));
            if all.len() >= want {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        all
    }

    #[test]
    fn pieces_arrive_joined_in_order_and_with_their_source_by_either_back_end() {
        for backend in [Backend::Batched, Backend::Plain] {
            for ip in ["127.0.0.1", "::1"] {
                let (Some(a), Some(b)) = (socket(ip), socket(ip)) else {
                    eprintln!("skipped: no {ip} here");
                    continue;
                };
                let mut udp = Udp::new(backend);
                let to = b.local_addr().unwrap();
                let datagrams: Vec<_> = [b"a", b"b", b"c"]
                    .iter()
                    .map(|p| Datagram { to, parts: [b"head", &p[..], b"tail"] })
                    .chain([Datagram { to, parts: [b"alone", &[], &[]] }])
                    .collect();
                assert_eq!(udp.send(&a, &datagrams).unwrap(), 4);
                let got = receive(&mut udp, &b, 4);
                let octets: Vec<&[u8]> = got.iter().map(|g| &g.0[..]).collect();
                assert_eq!(octets, [&b"headatail"[..], b"headbtail", b"headctail", b"alone"]);
                assert!(got.iter().all(|g| g.2 == a.local_addr().unwrap()));
                assert!(receive(&mut udp, &b, 0).is_empty());
            }
        }
    }

    #[test]
    fn a_datagram_too_long_for_its_buffer_is_told_by_either_back_end() {
        for backend in [Backend::Batched, Backend::Plain] {
            let (a, b) = (socket("127.0.0.1").unwrap(), socket("127.0.0.1").unwrap());
            a.send_to(&[1; 100], b.local_addr().unwrap()).unwrap();
            assert_eq!(receive(&mut Udp::new(backend), &b, 1)[0].1, usize::MAX);
        }
    }

    #[test]
    fn an_address_that_cannot_be_sent_to_is_an_error_by_either_back_end() {
        for backend in [Backend::Batched, Backend::Plain] {
            let a = socket("127.0.0.1").unwrap();
            let to = "192.0.2.1:9".parse().unwrap();
            assert!(Udp::new(backend).send(&a, &[Datagram { to, parts: [b"x", &[], &[]] }]).is_err());
        }
    }
}
