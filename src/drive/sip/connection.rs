//! One connection: reads and writes until either side ends it.

use super::table::{Entry, Shared};
use crate::limits::{SIP_CONNECTION_IDLE_MAX, SIP_CONNECTION_STALL_MAX, SIP_KEEP_ALIVE_S};
use crate::sip::{Flow, Frame, Framer, Input};
use bytes::Bytes;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

/// A keep-alive of ours (RFC 5626 §3.5.1).
const PING: Bytes = Bytes::from_static(b"\r\n\r\n");
/// The keep-alive that answers a ping (RFC 5626 §3.5.1).
const PONG: Bytes = Bytes::from_static(b"\r\n");

/// What was read.
pub(super) enum Got {
    Frame(Frame),
    /// Octets, but no whole message.
    Part,
    /// The peer has ended the connection.
    End,
}

/// What carries messages.
pub(super) trait Wire {
    /// Reads once; may be cancelled without loss. An error of kind `InvalidData` says that the peer broke the framing.
    async fn read(&mut self) -> io::Result<Got>;
    /// Writes one message.
    async fn write(&mut self, message: Bytes) -> io::Result<()>;
    /// A message has begun and is not whole.
    fn unfinished(&self) -> bool;
}

/// A stream of octets, cut by Content-Length.
pub(super) struct Stream<S> {
    stream: S,
    framer: Framer,
    buffer: Box<[u8; 8192]>,
}

impl<S> Stream<S> {
    pub(super) fn new(stream: S) -> Stream<S> {
        Stream { stream, framer: Framer::default(), buffer: Box::new([0; 8192]) }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire for Stream<S> {
    async fn read(&mut self) -> io::Result<Got> {
        if let Some(frame) = self.next_frame()? {
            return Ok(Got::Frame(frame));
        }
        let length = match self.stream.read(self.buffer.as_mut_slice()).await {
            Ok(0) => return Ok(Got::End),
            Ok(length) => length,
            // rustls: the peer has gone without close_notify, as many phones do.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Got::End),
            Err(error) => return Err(error),
        };
        self.framer.push(self.buffer.get(..length).unwrap_or_default());
        Ok(self.next_frame()?.map_or(Got::Part, Got::Frame))
    }

    async fn write(&mut self, message: Bytes) -> io::Result<()> {
        self.stream.write_all(&message).await?;
        self.stream.flush().await
    }

    fn unfinished(&self) -> bool {
        self.framer.pending() > 0
    }
}

impl<S> Stream<S> {
    fn next_frame(&mut self) -> io::Result<Option<Frame>> {
        self.framer.next_frame().map_err(|why| io::Error::new(io::ErrorKind::InvalidData, format!("{why:?}")))
    }
}

/// When a keep-alive is due over a connection that we made.
pub(super) fn keep_alive() -> Duration {
    Duration::from_secs(fastrand::u64(SIP_KEEP_ALIVE_S))
}

/// Carries messages both ways until either side ends the connection, which the core is then told. `ping` says how long after
/// what was sent last a keep-alive is sent, if any.
pub(super) async fn converse(
    mut wire: impl Wire,
    flow: Flow,
    mut entry: Entry,
    shared: &Shared,
    ping: Option<fn() -> Duration>,
) {
    let next_ping = || ping.map(|after| Instant::now() + after());
    let mut ping_at = next_ping();
    // When the peer must have sent a whole message, or have been sent one.
    let (mut until, mut spoken) = (Instant::now() + SIP_CONNECTION_STALL_MAX, false);
    let lost = loop {
        let unfinished = wire.unfinished();
        tokio::select! {
            got = timeout_at(until, wire.read()) => match got {
                Ok(Ok(Got::Frame(frame))) => {
                    spoken = true;
                    until = Instant::now() + SIP_CONNECTION_IDLE_MAX;
                    let done = match frame {
                        // Waiting for room here is what slows the peer down.
                        Frame::Message(message) => shared.hand(Input::Received { flow, message }).await,
                        Frame::Ping => write(&mut wire, PONG).await.is_ok(),
                    };
                    if !done {
                        break true;
                    }
                }
                Ok(Ok(Got::Part)) => {
                    if !unfinished && wire.unfinished() {
                        until = until.min(Instant::now() + SIP_CONNECTION_STALL_MAX);
                    }
                }
                Ok(Ok(Got::End)) | Err(_) => break false,
                Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
                    shared.count_drop();
                    break false;
                }
                Ok(Err(_)) => break true,
            },
            message = entry.queue.recv() => match message {
                // The peer did not read: what waited has been said to be unreachable.
                None => break false,
                Some(message) => {
                    if !spoken || !unfinished {
                        until = Instant::now() + SIP_CONNECTION_IDLE_MAX;
                    }
                    (spoken, ping_at) = (true, next_ping());
                    if write(&mut wire, message).await.is_err() {
                        break true;
                    }
                }
            },
            () = sleep_until(ping_at.unwrap_or(until)), if ping_at.is_some() => {
                ping_at = next_ping();
                if write(&mut wire, PING).await.is_err() {
                    break true;
                }
            }
            () = shared.closed() => return,
        }
    };
    entry.queue.close();
    let lost = lost || entry.queue.recv().await.is_some();
    drop(entry);
    shared.hand(if lost { Input::Unreachable { flow } } else { Input::Closed { flow } }).await;
}

async fn write(wire: &mut impl Wire, message: Bytes) -> io::Result<()> {
    match timeout(SIP_CONNECTION_STALL_MAX, wire.write(message)).await {
        Ok(done) => done,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Transport;
    use tokio::sync::mpsc;

    #[test]
    fn a_connection_that_we_made_is_kept_alive_and_its_answers_are_no_messages() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (sender, mut inputs) = mpsc::channel(8);
            let shared = Shared::new(sender);
            let addr = |port| (std::net::Ipv4Addr::LOCALHOST, port).into();
            let flow = Flow { transport: Transport::Tcp, local: addr(5060), remote: addr(5070) };
            let (ours, mut theirs) = tokio::io::duplex(64);
            let entry = shared.enter(flow, None);
            let often: fn() -> Duration = || Duration::from_millis(5);
            let talk = converse(Stream::new(ours), flow, entry, &shared, Some(often));
            let peer = async {
                let mut octets = [0; 4];
                for _ in 0..3 {
                    theirs.read_exact(&mut octets).await.unwrap();
                    assert_eq!(&octets, b"\r\n\r\n");
                    theirs.write_all(b"\r\n").await.unwrap();
                }
                drop(theirs);
            };
            timeout(Duration::from_secs(20), async { tokio::join!(talk, peer) }).await.unwrap();
            assert!(matches!(inputs.recv().await, Some(Input::Closed { .. } | Input::Unreachable { .. })));
            assert!(inputs.try_recv().is_err(), "nothing else has come");
        });
    }
}
