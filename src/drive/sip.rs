//! The sockets of the SIP core: UDP and TCP on each of a list of addresses.
//!
//! In: [`SipSockets::send`], what the core transmits. Out: [`SipSockets::recv`], the core's inputs: one datagram, one
//! message cut out of a stream, or a flow over which nothing can be sent.
//!
//! ```text
//!  UDP socket ── task ──┐
//!  TCP listener ─ task ─┤ one task a connection: Framer, pings, writes
//!                       └──► bounded queue ──► recv ─► Endpoint ─► send ─► try_send_to, or the connection's queue
//! ```
//! Nothing here blocks its caller: a connection is made in its own task, and a peer that does not read has a bounded
//! queue. All tasks end when the `SipSockets` is dropped.
//!
//! Known limit: an ICMP error on UDP is seen only where the kernel reports it at once (no route); a closed port shows up
//! as the time-out of the transaction.

use crate::limits::{
    SIP_CONNECTION_IDLE_MAX, SIP_CONNECTION_QUEUE, SIP_CONNECTION_STALL_MAX, SIP_CONNECTIONS_MAX,
    SIP_INPUT_QUEUE, SIP_MESSAGE_OCTETS_MAX,
};
use crate::sip::{Flow, Frame, Framer, Input, Transport};
use bytes::Bytes;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Room in the kernel for a burst of datagrams while the core is busy.
const UDP_BUFFER_OCTETS: usize = 1 << 20;
/// Pause after an unexpected socket error, so that a broken socket is no busy loop.
const ERROR_PAUSE: Duration = Duration::from_millis(20);

/// Sockets on some addresses. Must be made and used within a tokio runtime.
#[derive(Debug)]
pub struct SipSockets {
    inputs: mpsc::Receiver<Input>,
    udp: Vec<Arc<UdpSocket>>,
    addrs: Vec<SocketAddr>,
    shared: Shared,
}

/// What every task holds.
#[derive(Debug, Clone)]
struct Shared {
    inputs: mpsc::Sender<Input>,
    connections: Arc<Mutex<HashMap<Flow, Connection>>>,
    counts: Arc<Counts>,
}

#[derive(Debug)]
struct Connection {
    serial: u64,
    queue: mpsc::Sender<Bytes>,
}

#[derive(Debug, Default)]
struct Counts {
    serial: AtomicU64,
    dropped: AtomicU64,
}

impl SipSockets {
    /// Binds UDP and TCP on each of `addrs`; port 0 takes any port that is free for both.
    ///
    /// # Errors
    /// An address that cannot be bound, or an empty list.
    pub async fn bind(addrs: &[SocketAddr]) -> io::Result<SipSockets> {
        let (sender, inputs) = mpsc::channel(SIP_INPUT_QUEUE);
        let shared = Shared { inputs: sender, connections: Arc::default(), counts: Arc::default() };
        let mut sockets = SipSockets { inputs, udp: Vec::new(), addrs: Vec::new(), shared };
        for addr in addrs {
            let (udp, tcp) = bind_both(*addr).await?;
            let local = udp.local_addr()?;
            // tokio counts a socket as full until it has been told otherwise: the first message would be dropped.
            udp.writable().await?;
            let udp = Arc::new(udp);
            sockets.addrs.push(local);
            sockets.udp.push(Arc::clone(&udp));
            tokio::spawn(read_datagrams(udp, local, sockets.shared.clone()));
            tokio::spawn(accept(tcp, local, sockets.shared.clone()));
        }
        if sockets.addrs.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no address to listen on"));
        }
        Ok(sockets)
    }

    /// Binds UDP and TCP on the first of `tries` ports from `port` on that is free for both.
    ///
    /// # Errors
    /// None of them is, or the address is not ours.
    pub async fn bind_from(ip: IpAddr, port: u16, tries: u16) -> io::Result<SipSockets> {
        let mut last = io::Error::new(io::ErrorKind::AddrInUse, "no port to try");
        for port in port..port.saturating_add(tries) {
            match SipSockets::bind(&[SocketAddr::new(ip, port)]).await {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = error,
                done => return done,
            }
        }
        Err(last)
    }

    /// The addresses bound, in the order asked for.
    pub fn addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// Messages that were dropped because a queue was full.
    pub fn dropped(&self) -> u64 {
        self.shared.counts.dropped.load(Ordering::Relaxed)
    }

    /// Stream connections at the moment.
    pub fn connections(&self) -> usize {
        self.shared.connections().len()
    }

    /// The next input for the core. May be cancelled without loss.
    pub async fn recv(&mut self) -> Input {
        match self.inputs.recv().await {
            Some(input) => input,
            // `shared` holds a sender, so the queue does not end.
            None => std::future::pending().await,
        }
    }

    /// The next input if there is one already: lets the core work off a burst without going to sleep in between.
    pub fn try_recv(&mut self) -> Option<Input> {
        self.inputs.try_recv().ok()
    }

    /// Sends one message, without waiting. What cannot be sent comes back as [`Input::Unreachable`].
    pub fn send(&self, flow: Flow, message: Bytes) {
        match flow.transport {
            Transport::Udp => self.send_datagram(flow, &message),
            Transport::Tcp => self.send_stream(flow, message),
        }
    }

    fn send_datagram(&self, flow: Flow, message: &Bytes) {
        let Some(socket) = self.addrs.iter().position(|a| *a == flow.local).and_then(|i| self.udp.get(i))
        else {
            return self.shared.unreachable(flow);
        };
        match socket.try_send_to(message, flow.remote) {
            Ok(_) => {}
            // As good as lost in the network: the transaction repeats it.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.shared.count_drop(),
            // The answer to an earlier datagram (ICMP), not to this one.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(_) => self.shared.unreachable(flow),
        }
    }

    fn send_stream(&self, flow: Flow, message: Bytes) {
        let mut connections = self.shared.connections();
        if let Some(connection) = connections.get(&flow) {
            match connection.queue.try_send(message) {
                Ok(()) => return,
                Err(mpsc::error::TrySendError::Full(_)) => {
                    // Its task ends when the queue has lost its sender.
                    connections.remove(&flow);
                    drop(connections);
                    self.shared.count_drop();
                    return self.shared.unreachable(flow);
                }
                // It is just being closed: a new one is made.
                Err(mpsc::error::TrySendError::Closed(back)) => return self.connect(connections, flow, back),
            }
        }
        self.connect(connections, flow, message);
    }

    fn connect(
        &self,
        mut connections: MutexGuard<'_, HashMap<Flow, Connection>>,
        flow: Flow,
        message: Bytes,
    ) {
        if connections.len() >= SIP_CONNECTIONS_MAX || !self.addrs.contains(&flow.local) {
            drop(connections);
            return self.shared.unreachable(flow);
        }
        let (serial, queue) = self.shared.enter(&mut connections, flow, Some(message));
        let shared = self.shared.clone();
        tokio::spawn(async move {
            match timeout(SIP_CONNECTION_STALL_MAX, open(flow)).await {
                Ok(Ok(stream)) => converse(stream, flow, queue, &shared).await,
                Ok(Err(_)) | Err(_) => shared.unreachable(flow),
            }
            shared.leave(flow, serial);
        });
    }
}

impl Shared {
    fn connections(&self) -> MutexGuard<'_, HashMap<Flow, Connection>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a connection; its queue holds `first` already.
    fn enter(
        &self,
        connections: &mut HashMap<Flow, Connection>,
        flow: Flow,
        first: Option<Bytes>,
    ) -> (u64, mpsc::Receiver<Bytes>) {
        let (queue, receiver) = mpsc::channel(SIP_CONNECTION_QUEUE);
        if let Some(first) = first {
            // A new queue has room for one.
            let _ = queue.try_send(first);
        }
        let serial = self.counts.serial.fetch_add(1, Ordering::Relaxed);
        connections.insert(flow, Connection { serial, queue });
        (serial, receiver)
    }

    /// Forgets a connection, unless another has taken its place.
    fn leave(&self, flow: Flow, serial: u64) {
        let mut connections = self.connections();
        if connections.get(&flow).is_some_and(|c| c.serial == serial) {
            connections.remove(&flow);
        }
    }

    fn unreachable(&self, flow: Flow) {
        if self.inputs.try_send(Input::Unreachable { flow }).is_err() {
            self.count_drop();
        }
    }

    fn count_drop(&self) {
        self.counts.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

async fn bind_both(addr: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    // With port 0 the port that UDP got may be taken for TCP.
    let tries = if addr.port() == 0 { 16 } else { 1 };
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..tries {
        let udp = UdpSocket::bind(addr).await?;
        // A smaller buffer than asked for is no reason not to start.
        let _ = socket2::SockRef::from(&udp).set_recv_buffer_size(UDP_BUFFER_OCTETS);
        match TcpListener::bind(udp.local_addr()?).await {
            Ok(tcp) => {
                // Until tokio has seen it writable once, `try_send_to` would drop what it could send.
                udp.writable().await?;
                return Ok((udp, tcp));
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn read_datagrams(socket: Arc<UdpSocket>, local: SocketAddr, shared: Shared) {
    // One octet more than allowed, so that the core sees what is too large.
    let mut buffer = vec![0; SIP_MESSAGE_OCTETS_MAX + 1];
    loop {
        let received = tokio::select! {
            received = socket.recv_from(&mut buffer) => received,
            () = shared.inputs.closed() => return,
        };
        match received {
            Ok((length, remote)) => {
                let message = Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default());
                let flow = Flow { transport: Transport::Udp, local, remote };
                if shared.inputs.try_send(Input::Received { flow, message }).is_err() {
                    shared.count_drop();
                }
            }
            // ICMP about something sent earlier: it does not say about what.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(_) => tokio::time::sleep(ERROR_PAUSE).await,
        }
    }
}

async fn accept(listener: TcpListener, local: SocketAddr, shared: Shared) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shared.inputs.closed() => return,
        };
        // Out of descriptors, or a peer that was gone again.
        let Ok((stream, remote)) = accepted else {
            tokio::time::sleep(ERROR_PAUSE).await;
            continue;
        };
        let flow = Flow { transport: Transport::Tcp, local, remote };
        let mut connections = shared.connections();
        if connections.len() >= SIP_CONNECTIONS_MAX {
            shared.count_drop();
            continue;
        }
        let (serial, queue) = shared.enter(&mut connections, flow, None);
        drop(connections);
        let shared = shared.clone();
        tokio::spawn(async move {
            converse(stream, flow, queue, &shared).await;
            shared.leave(flow, serial);
        });
    }
}

/// Connects from the address that the core sends from, so that the peer sees the one it knows.
async fn open(flow: Flow) -> io::Result<TcpStream> {
    let socket = if flow.remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.bind(SocketAddr::new(flow.local.ip(), 0))?;
    socket.connect(flow.remote).await
}

/// Reads and writes one connection until either side ends it.
async fn converse(mut stream: TcpStream, flow: Flow, mut queue: mpsc::Receiver<Bytes>, shared: &Shared) {
    let _ = stream.set_nodelay(true);
    let (mut reader, mut writer) = stream.split();
    let (mut framer, mut buffer, mut spoken) = (Framer::default(), vec![0; 8192], false);
    let lost = loop {
        let patience =
            if spoken && framer.pending() == 0 { SIP_CONNECTION_IDLE_MAX } else { SIP_CONNECTION_STALL_MAX };
        tokio::select! {
            read = timeout(patience, reader.read(&mut buffer)) => match read {
                Ok(Ok(0)) | Err(_) => break false,
                Ok(Err(_)) => break true,
                Ok(Ok(length)) => {
                    framer.push(buffer.get(..length).unwrap_or_default());
                    loop {
                        match framer.next_frame() {
                            Ok(Some(Frame::Message(message))) => {
                                spoken = true;
                                // Waiting for room here is what slows the peer down.
                                if shared.inputs.send(Input::Received { flow, message }).await.is_err() {
                                    return;
                                }
                            }
                            Ok(Some(Frame::Ping)) => {
                                if write(&mut writer, b"\r\n").await.is_err() {
                                    return;
                                }
                            }
                            Ok(None) => break,
                            Err(_) => return shared.count_drop(),
                        }
                    }
                }
            },
            message = queue.recv() => match message {
                None => return,
                Some(message) => {
                    spoken = true;
                    if write(&mut writer, &message).await.is_err() {
                        break true;
                    }
                }
            },
            () = shared.inputs.closed() => return,
        }
    };
    queue.close();
    if lost || queue.recv().await.is_some() {
        shared.unreachable(flow);
    }
}

async fn write(writer: &mut tokio::net::tcp::WriteHalf<'_>, octets: &[u8]) -> io::Result<()> {
    match timeout(SIP_CONNECTION_STALL_MAX, writer.write_all(octets)).await {
        Ok(done) => done,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

#[cfg(test)]
mod tests;
