//! RTP as bytes and as machines: the header, the receiving and the sending half of a stream, telephone-events,
//! RTCP, SRTP, and whom to believe. No socket, no codec, no clock.

mod buffer;
mod dtmf;
mod header;
mod latch;
mod quality;
mod receive;
mod report;
mod rtcp;
mod send;
mod srtp;

pub use buffer::{PacketBuf, Pool, SLOT_OCTETS};
pub use dtmf::{DigitReceiver, DigitSender, Event};
pub use header::{Fields, HEADER_OCTETS, Malformed, View, header_fields, is_rtcp};
pub use latch::{Latch, Verdict};
pub use quality::{Impairment, delay_ms, mos};
pub use receive::{Arrival, Receiver};
pub use report::{Far, Reports};
pub use rtcp::RTCP_OCTETS_MAX;
pub use send::Outbound;
pub use srtp::{Srtp, SrtpFault};
