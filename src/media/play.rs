//! A play-out: which slice of which prompt goes into the next frame.

use super::{PlayId, Prompt};
use crate::base::FRAME_SAMPLES;
use std::ops::Range;
use std::sync::Arc;

/// One play-out on one leg.
#[derive(Debug)]
pub(super) struct Play {
    pub(super) id: PlayId,
    prompts: Vec<Arc<Prompt>>,
    repeat: bool,
    index: usize,
    offset: usize,
    /// The first packet has left.
    pub(super) started: bool,
}

impl Play {
    pub(super) fn new(id: PlayId, mut prompts: Vec<Arc<Prompt>>, repeat: bool) -> Self {
        prompts.retain(|p| !p.pcmu.is_empty());
        Play { id, prompts, repeat, index: 0, offset: 0, started: false }
    }

    /// The next frame: at most [`FRAME_SAMPLES`] octets of one prompt, fewer at its end. `None` when all was played.
    pub(super) fn next(&mut self) -> Option<(Arc<Prompt>, Range<usize>)> {
        if self.index == self.prompts.len() && self.repeat {
            self.index = 0;
        }
        let prompt = Arc::clone(self.prompts.get(self.index)?);
        let range = self.offset..(self.offset + FRAME_SAMPLES).min(prompt.pcmu.len());
        self.offset = range.end;
        if range.end == prompt.pcmu.len() {
            (self.index, self.offset) = (self.index + 1, 0);
        }
        Some((prompt, range))
    }

    /// True when the frame just given was the last one.
    pub(super) fn is_over(&self) -> bool {
        self.prompts.is_empty() || !self.repeat && self.index == self.prompts.len()
    }
}
