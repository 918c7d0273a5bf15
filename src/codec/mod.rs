//! Codecs: octets ↔ samples. G.711 only, so far. Knows nothing of RTP.

mod g711;

pub use g711::{decode, encode, silence, transcode};
