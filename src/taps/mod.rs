//! Taps: who listens to a leg besides its peer. The recorder takes octets, the listener takes samples. Each gets what
//! is there already; nothing is decoded for a tap that does not need it.

mod recorder;
mod speech;
mod wav;

pub use recorder::{CHUNK_FRAMES, Recorder, Side};
pub use speech::{FrameHead, SpeechTap};
pub use wav::{WAV_HEADER_OCTETS, wav_header};
