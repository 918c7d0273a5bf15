//! Codecs: octets ↔ samples, and what is done to samples on the way to an ear. Knows nothing of RTP.

mod g711;
pub mod g722;
mod plc;
mod resample;
mod stream;
mod stretch;

pub use g711::{decode, encode, silence, transcode};
pub use plc::Plc;
pub use resample::Converter;
pub use stream::{DECODED_MAX, Decoder, ENCODED_MAX, Encoder, frame_samples};
pub use stretch::{lengthen, shorten};
