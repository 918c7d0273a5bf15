//! A tap that nobody listens to.

use trunkline::base::{FRAME_SAMPLES, LegId};
use trunkline::taps::{FrameHead, SpeechTap};

#[derive(Debug)]
pub(crate) struct Deaf;

impl SpeechTap for Deaf {
    fn begin(&mut self, _: LegId) {}
    fn end(&mut self, _: LegId) {}
    fn frame(&mut self, _: FrameHead, _: &mut dyn FnMut(&mut [i16; FRAME_SAMPLES])) {}
}
