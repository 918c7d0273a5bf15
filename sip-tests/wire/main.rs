//! The real binary on loopback against things we did not write: SIPp, baresip, linphonec, Kamailio, tungstenite.
//!
//! Each test has a server of its own on free ports, with the sample dialplans and a fresh data folder, and reads what
//! happened from the call records. A missing tool is said in one line, and the test is skipped.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests may")]

mod baresip;
mod calls;
mod codecs;
mod consult;
mod engines;
mod guarded;
mod identity;
mod ipv6;
mod kamailio;
mod listeners;
mod linphone;
mod nods;
mod operations;
mod phones;
mod server;
mod sipp;
mod srtp;
mod tls;
mod trunks;
mod values;
mod websocket;
