//! The listener's tap: decoded frames, lent.
//!
//! The reader offers the memory and the decoder writes into it, so a frame is decoded once and never moved. Who
//! implements [`SpeechTap`] decides where that memory is: a ring between threads in `drive/`, a vector in tests.

use crate::base::{Expected, FRAME_SAMPLES, LegId, Now};
use std::fmt;

/// What is known of a frame besides its samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrameHead {
    /// Whose it is.
    pub leg: LegId,
    /// When its packet came.
    pub at: Now,
    /// RTP timestamp of its first sample.
    pub timestamp: u32,
    /// Samples in it, 1–[`FRAME_SAMPLES`].
    pub samples: u16,
    /// The loudest 20 ms of what we have lately played to this leg, in dBFS (root mean square): some of this frame may be its
    /// echo. `None` if that was nothing.
    pub played: Option<f32>,
}

/// Where decoded frames go.
pub trait SpeechTap: fmt::Debug + Send {
    /// Frames of `leg` will come.
    fn begin(&mut self, leg: LegId);
    /// What its peer is expected to say from now on. A tap that does not look for sentences need not care.
    fn expect(&mut self, _leg: LegId, _expected: Expected) {}
    /// No more frames of `leg` will come.
    fn end(&mut self, leg: LegId);
    /// Takes one frame: `decode` fills the first `head.samples` samples. Does nothing if there is no room; the listener
    /// then finds a gap in the timestamps.
    fn frame(&mut self, head: FrameHead, decode: &mut dyn FnMut(&mut [i16; FRAME_SAMPLES]));
}
