//! All that touches the world: sockets, clocks, threads. Nothing here decides about calls.

pub mod sip;
