//! Taps: who listens to a leg besides its peer. The recorder takes octets, the listener and the watch for keys sent as
//! tones take samples. Each gets what is there already; nothing is decoded for a tap that does not need it.

mod lately;
mod recorder;
mod speech;
mod tones;
mod wav;

pub use lately::{ECHO_FRAMES, Lately};
pub use recorder::{Recorder, Side, Taping};
pub use speech::{FrameHead, SpeechTap};
pub use tones::Tones;
pub use wav::{WAV_HEADER_OCTETS, wav_header};
