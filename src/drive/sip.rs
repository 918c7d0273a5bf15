//! The sockets of the SIP core: UDP, TCP, TLS, WebSocket, each on a list of addresses.
//!
//! In: [`SipSockets::send`], what the core transmits. Out: [`SipSockets::recv`], the core's inputs: one datagram, one
//! message of a connection, a flow over which nothing can be sent, a connection that is gone.
//!
//! ```text
//!  UDP socket ── task ─────────┐
//!  listener ── task (accept) ──┤ one task a connection: TLS, WebSocket, Framer, pings, writes
//!                              └──► bounded queue ──► recv ─► Endpoint ─► send ─► try_send_to, or the connection's queue
//! ```
//! Nothing here blocks its caller: a connection is made in its own task, and a peer that does not read has a bounded
//! queue. All tasks end when the `SipSockets` is dropped.
//!
//! Known limit: an ICMP error on UDP is seen only where the kernel reports it at once (no route); a closed port shows up
//! as the time-out of the transaction.

mod accept;
mod connection;
mod table;
mod websocket;

use super::{dns, tls};
use crate::limits::{SIP_INPUT_QUEUE, SIP_MESSAGE_OCTETS_MAX};
use crate::sip::{Ask, Flow, Input, Listener, Transport};
use bytes::Bytes;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use table::{Sent, Shared};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// Room in the kernel for a burst of datagrams while the core is busy.
const UDP_BUFFER_OCTETS: usize = 1 << 20;
/// Pause after an unexpected socket error, so that a broken socket is no busy loop.
const ERROR_PAUSE: Duration = Duration::from_millis(20);

/// A socket for datagrams.
#[derive(Debug)]
struct Datagrams {
    addr: SocketAddr,
    socket: Arc<UdpSocket>,
    reading: AbortHandle,
}

/// Sockets on some addresses. Must be made and used within a tokio runtime.
#[derive(Debug)]
pub struct SipSockets {
    inputs: mpsc::Receiver<Input>,
    udp: Vec<Datagrams>,
    listeners: Vec<Listener>,
    /// What takes connections, by where.
    accepting: Vec<(Transport, SocketAddr, AbortHandle)>,
    connector: tls::Connector,
    dns: dns::Dns,
    shared: Shared,
}

impl SipSockets {
    /// Binds UDP and TCP on each of `addrs`; port 0 takes any port that is free for both.
    ///
    /// # Errors
    /// An address that cannot be bound.
    pub async fn bind(addrs: &[SocketAddr]) -> io::Result<SipSockets> {
        let (sender, inputs) = mpsc::channel(SIP_INPUT_QUEUE);
        let (shared, connector) = (Shared::new(sender), tls::Connector::default());
        let dns = dns::Dns::default();
        let mut sockets = SipSockets {
            inputs,
            udp: Vec::new(),
            listeners: Vec::new(),
            accepting: Vec::new(),
            connector,
            dns,
            shared,
        };
        for addr in addrs {
            sockets.listen_both(*addr).await?;
        }
        Ok(sockets)
    }

    /// Listens by UDP and TCP on one more address; port 0 takes any that is free for both.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub async fn listen_both(&mut self, addr: SocketAddr) -> io::Result<SocketAddr> {
        if self.is_retired(addr) {
            self.add_tcp(TcpListener::bind(addr).await?, Transport::Tcp, None, None)?;
            return Ok(self.take_back(addr, None));
        }
        let (udp, tcp) = bind_both(addr).await?;
        let addr = self.add_udp(udp, None)?;
        self.add_tcp(tcp, Transport::Tcp, None, None)?;
        Ok(addr)
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

    /// Listens on one more address; port 0 takes any. Encrypted transports need `tls`.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub async fn listen(&mut self, listener: Listener, tls: Option<tls::Acceptor>) -> io::Result<SocketAddr> {
        let Listener { transport, addr, advertised } = listener;
        match transport {
            Transport::Udp if self.is_retired(addr) => Ok(self.take_back(addr, advertised)),
            Transport::Udp => self.add_udp(bind_udp(addr).await?, advertised),
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                self.add_tcp(TcpListener::bind(addr).await?, transport, tls, advertised)
            }
        }
    }

    fn add_udp(
        &mut self,
        udp: UdpSocket,
        advertised: Option<(String, Option<u16>)>,
    ) -> io::Result<SocketAddr> {
        let (addr, udp) = (udp.local_addr()?, Arc::new(udp));
        self.listeners.push(Listener { transport: Transport::Udp, addr, advertised });
        let reading = tokio::spawn(read_datagrams(Arc::clone(&udp), addr, self.shared.clone()));
        self.udp.push(Datagrams { addr, socket: udp, reading: reading.abort_handle() });
        Ok(addr)
    }

    fn add_tcp(
        &mut self,
        tcp: TcpListener,
        transport: Transport,
        tls: Option<tls::Acceptor>,
        advertised: Option<(String, Option<u16>)>,
    ) -> io::Result<SocketAddr> {
        if transport.secure() != tls.is_some() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "TLS without a certificate"));
        }
        let addr = tcp.local_addr()?;
        self.listeners.push(Listener { transport, addr, advertised });
        let accepting = tokio::spawn(accept::accept(tcp, (transport, addr), tls, self.shared.clone()));
        self.accepting.push((transport, addr, accepting.abort_handle()));
        Ok(addr)
    }

    /// Listens there no longer. Connections that are there go on; a socket for datagrams stays open, retired, until
    /// [`SipSockets::close_retired`].
    pub fn unlisten(&mut self, transport: Transport, addr: SocketAddr) {
        self.listeners.retain(|l| (l.transport, l.addr) != (transport, addr));
        self.accepting.retain(|(t, a, accepting)| {
            let stays = (*t, *a) != (transport, addr);
            if !stays {
                accepting.abort();
            }
            stays
        });
    }

    /// Closes sockets for datagrams that are listened on no longer, but those that are `needed` still.
    pub fn close_retired(&mut self, needed: impl Fn(SocketAddr) -> bool) {
        let listeners = &self.listeners;
        let listens = |addr| listeners.iter().any(|l| (l.transport, l.addr) == (Transport::Udp, addr));
        self.udp.retain(|udp| {
            let stays = listens(udp.addr) || needed(udp.addr);
            if !stays {
                udp.reading.abort();
            }
            stays
        });
    }

    fn is_retired(&self, addr: SocketAddr) -> bool {
        let listens = self.listeners.iter().any(|l| (l.transport, l.addr) == (Transport::Udp, addr));
        !listens && self.udp.iter().any(|udp| udp.addr == addr)
    }

    fn take_back(&mut self, addr: SocketAddr, advertised: Option<(String, Option<u16>)>) -> SocketAddr {
        self.listeners.push(Listener { transport: Transport::Udp, addr, advertised });
        addr
    }

    /// What outgoing TLS connections show and trust.
    pub fn show(&self, clients: tls::Clients) {
        self.connector.replace(clients);
    }

    /// Whom to ask for names, if not the name servers of the system.
    pub fn ask(&mut self, dns: dns::Dns) {
        self.dns = dns;
    }

    /// `remote` is known by this name, which its certificate must be for.
    pub fn expect(&self, remote: SocketAddr, name: &str) {
        self.connector.expect(remote, name);
    }

    /// Locates the servers of a URI; the answer comes as [`Input::Located`].
    pub fn locate(&self, ask: Ask, uri: String) {
        let (dns, connector, shared) = (self.dns.clone(), self.connector.clone(), self.shared.clone());
        tokio::spawn(async move {
            let found = dns.locate(&uri).await;
            let hops = found.map_or(Vec::new(), |found| {
                for hop in found.hops.iter().filter(|hop| hop.transport.secure()) {
                    connector.expect(hop.remote, &found.host);
                }
                found.hops
            });
            shared.hand(Input::Located { ask, hops }).await;
        });
    }

    /// Where is listened, in the order asked for; UDP before TCP on the same address.
    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// The same without transports.
    pub fn addrs(&self) -> Vec<SocketAddr> {
        let mut all: Vec<_> = self.listeners.iter().map(|l| l.addr).collect();
        all.dedup();
        all
    }

    /// Messages that were dropped because a queue was full.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped()
    }

    /// Connections at the moment.
    pub fn connections(&self) -> usize {
        self.shared.connections()
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

    /// True if there is an input already.
    pub fn waiting(&self) -> bool {
        !self.inputs.is_empty()
    }

    /// Sends one message, without waiting. What cannot be sent comes back as [`Input::Unreachable`].
    pub fn send(&self, flow: Flow, message: Bytes) {
        if flow.transport == Transport::Udp {
            return self.send_datagram(flow, &message);
        }
        match self.shared.send(flow, message) {
            Sent::Queued => {}
            Sent::Full => self.shared.unreachable(flow),
            // RFC 7118 §5.5: only the client can make the connection.
            Sent::NotConnected(_) if flow.transport.websocket() => self.shared.unreachable(flow),
            Sent::NotConnected(_) if !self.listeners.iter().any(|l| l.addr.ip() == flow.local.ip()) => {
                self.shared.unreachable(flow);
            }
            Sent::NotConnected(message) => accept::connect(flow, message, &self.connector, &self.shared),
        }
    }

    fn send_datagram(&self, flow: Flow, message: &Bytes) {
        let Some(Datagrams { socket, .. }) = self.udp.iter().find(|udp| udp.addr == flow.local) else {
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
}

async fn bind_udp(addr: SocketAddr) -> io::Result<UdpSocket> {
    let udp = UdpSocket::bind(addr).await?;
    // A smaller buffer than asked for is no reason not to start.
    let _ = socket2::SockRef::from(&udp).set_recv_buffer_size(UDP_BUFFER_OCTETS);
    // Until tokio has seen it writable once, `try_send_to` would drop what it could send.
    udp.writable().await?;
    Ok(udp)
}

async fn bind_both(addr: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    // With port 0 the port that UDP got may be taken for TCP.
    let tries = if addr.port() == 0 { 16 } else { 1 };
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..tries {
        let udp = bind_udp(addr).await?;
        match TcpListener::bind(udp.local_addr()?).await {
            Ok(tcp) => return Ok((udp, tcp)),
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
            () = shared.closed() => return,
        };
        match received {
            Ok((length, remote)) => {
                let message = Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default());
                let flow = Flow { transport: Transport::Udp, local, remote };
                shared.offer(Input::Received { flow, message });
            }
            // ICMP about something sent earlier: it does not say about what.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(_) => tokio::time::sleep(ERROR_PAUSE).await,
        }
    }
}

#[cfg(test)]
mod tests;
