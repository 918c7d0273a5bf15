//! The connections that there are, and what every task of the sockets shares.

use crate::limits::{SIP_CONNECTION_QUEUE, SIP_CONNECTIONS_MAX, SIP_CONNECTIONS_PER_SOURCE_MAX};
use crate::sip::{Flow, Input};
use bytes::Bytes;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// What every task holds.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    inputs: mpsc::Sender<Input>,
    table: Arc<Mutex<Table>>,
    dropped: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct Table {
    open: HashMap<Flow, Connection>,
    /// Connections by the address of the peer, those included that have not agreed on TLS or WebSocket yet.
    seats: HashMap<IpAddr, usize>,
    serial: u64,
}

#[derive(Debug)]
struct Connection {
    serial: u64,
    queue: mpsc::Sender<Bytes>,
}

/// What became of a message for a connection.
pub(super) enum Sent {
    Queued,
    /// The peer does not read; its connection is closed.
    Full,
    NotConnected(Bytes),
}

/// The right to a connection.
pub(super) struct Seat {
    ip: IpAddr,
    shared: Shared,
}

/// A connection's entry in the table.
pub(super) struct Entry {
    flow: Flow,
    serial: u64,
    pub(super) queue: mpsc::Receiver<Bytes>,
    shared: Shared,
}

impl Shared {
    pub(super) fn new(inputs: mpsc::Sender<Input>) -> Shared {
        Shared { inputs, table: Arc::default(), dropped: Arc::default() }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn connections(&self) -> usize {
        self.table().open.len()
    }

    /// A seat for a connection with `ip`; counted if there is none.
    pub(super) fn seat(&self, ip: IpAddr) -> Option<Seat> {
        let mut table = self.table();
        let (all, of_it) = (table.seats.values().sum::<usize>(), table.seats.get(&ip).copied().unwrap_or(0));
        if all >= SIP_CONNECTIONS_MAX || of_it >= SIP_CONNECTIONS_PER_SOURCE_MAX {
            drop(table);
            self.count_drop();
            return None;
        }
        *table.seats.entry(ip).or_default() += 1;
        Some(Seat { ip, shared: self.clone() })
    }

    /// Notes a connection; its queue holds `first` already.
    pub(super) fn enter(&self, flow: Flow, first: Option<Bytes>) -> Entry {
        let (sender, queue) = mpsc::channel(SIP_CONNECTION_QUEUE);
        if let Some(first) = first {
            // A new queue has room for one.
            let _ = sender.try_send(first);
        }
        let mut table = self.table();
        table.serial += 1;
        let serial = table.serial;
        table.open.insert(flow, Connection { serial, queue: sender });
        Entry { flow, serial, queue, shared: self.clone() }
    }

    /// Queues a message for a connection.
    pub(super) fn send(&self, flow: Flow, message: Bytes) -> Sent {
        let mut table = self.table();
        let Some(connection) = table.open.get(&flow) else { return Sent::NotConnected(message) };
        match connection.queue.try_send(message) {
            Ok(()) => Sent::Queued,
            Err(mpsc::error::TrySendError::Full(_)) => {
                // Its task ends when the queue has lost its sender.
                table.open.remove(&flow);
                drop(table);
                self.count_drop();
                Sent::Full
            }
            // It is just being closed: a new one is made.
            Err(mpsc::error::TrySendError::Closed(message)) => Sent::NotConnected(message),
        }
    }

    /// Hands an input over, or drops it if the core is too busy.
    pub(super) fn offer(&self, input: Input) {
        if self.inputs.try_send(input).is_err() {
            self.count_drop();
        }
    }

    /// Hands an input over as soon as there is room: waiting slows the peer down. False if nobody takes it any more.
    pub(super) async fn hand(&self, input: Input) -> bool {
        self.inputs.send(input).await.is_ok()
    }

    /// Nothing is taken any more.
    pub(super) async fn closed(&self) {
        self.inputs.closed().await;
    }

    pub(super) fn unreachable(&self, flow: Flow) {
        self.offer(Input::Unreachable { flow });
    }

    pub(super) fn count_drop(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut table = self.shared.table();
        if let Some(count) = table.seats.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                table.seats.remove(&self.ip);
            }
        }
    }
}

impl Drop for Entry {
    /// Forgets the connection, unless another has taken its place.
    fn drop(&mut self) {
        let mut table = self.shared.table();
        if table.open.get(&self.flow).is_some_and(|c| c.serial == self.serial) {
            table.open.remove(&self.flow);
        }
    }
}
