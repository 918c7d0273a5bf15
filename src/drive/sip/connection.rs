//! One connection: reads and writes until either side ends it.

use super::table::{Entry, Shared};
use crate::limits::{SIP_CONNECTION_IDLE_MAX, SIP_CONNECTION_STALL_MAX};
use crate::sip::{Flow, Frame, Framer, Input};
use bytes::Bytes;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

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

/// Carries messages both ways until either side ends the connection, which the core is then told.
pub(super) async fn converse(mut wire: impl Wire, flow: Flow, mut entry: Entry, shared: &Shared) {
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
                    spoken = true;
                    if write(&mut wire, message).await.is_err() {
                        break true;
                    }
                }
            },
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
