//! Codecs: octets ↔ samples, and what is done to samples on the way to an ear. Knows nothing of RTP.

mod g711;
mod plc;
mod stretch;

pub use g711::{decode, encode, silence, transcode};
pub use plc::Plc;
pub use stretch::{lengthen, shorten};
