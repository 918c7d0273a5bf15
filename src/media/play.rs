//! A play-out: which slice of which prompt goes into the next frame.

use super::{PlayEnd, PlayId, Prompt};
use crate::base::{FRAME_SAMPLES, SAMPLE_RATE};
use std::ops::Range;
use std::sync::Arc;

/// Of a prompt.
const OCTETS_A_MS: usize = SAMPLE_RATE as usize / 1000;

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
    /// Begins after the first `skip_ms` of `prompts`, with the last sample of them at the latest.
    pub(super) fn new(id: PlayId, mut prompts: Vec<Arc<Prompt>>, repeat: bool, skip_ms: u64) -> Self {
        prompts.retain(|p| !p.pcmu.is_empty());
        let all: usize = prompts.iter().map(|p| p.pcmu.len()).sum();
        let skip = usize::try_from(skip_ms).unwrap_or(all).saturating_mul(OCTETS_A_MS);
        let (mut index, mut offset) = (0, skip.min(all.saturating_sub(1)));
        while let Some(prompt) = prompts.get(index).filter(|p| p.pcmu.len() <= offset) {
            (index, offset) = (index + 1, offset - prompt.pcmu.len());
        }
        Play { id, prompts, repeat, index, offset, started: false }
    }

    /// How it ends if it ends now.
    pub(super) fn stopped(&self) -> PlayEnd {
        let octets = |prompts: &[Arc<Prompt>]| prompts.iter().map(|p| p.pcmu.len()).sum::<usize>();
        let played = octets(self.prompts.get(..self.index).unwrap_or_default()) + self.offset;
        let ms = |octets: usize| (octets / OCTETS_A_MS) as u64;
        PlayEnd::Stopped { played_ms: ms(played), left_ms: ms(octets(&self.prompts) - played) }
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
