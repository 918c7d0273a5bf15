//! The room as a whole: two endpoints, one endpoint and a peer, and messages that hurt.

mod admit;
mod chaos;
mod located;
mod offers;
mod pair;
mod peer;
mod peers;
mod table;
mod torture;
mod transfer;
mod trunk;

use super::{Command, Flow, Target, Transport};
use crate::base::LegId;
use bytes::Bytes;
use std::net::SocketAddr;
use std::time::Duration;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn addr(node: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1 + node as u8], 5060))
}

fn flow(from: usize, to: usize, transport: Transport) -> Flow {
    Flow { transport, local: addr(from), remote: addr(to) }
}

fn to_node_1(transport: Transport) -> Target {
    let uri = if transport == Transport::Tcp { "sip:95@10.0.0.2;transport=tcp" } else { "sip:95@10.0.0.2" };
    Target::Uri { uri: uri.into(), flow: flow(0, 1, transport) }
}

fn answer(leg: LegId) -> Command {
    Command::Answer { leg, sdp: Bytes::from_static(b"answer") }
}
