//! How probable it is that a frame is speech.
//!
//! [`Earshot`], a small recurrent network that comes with the product, wants 16 ms at 16 kHz; each sample is followed by the mean of itself
//! and the next, which is crude but keeps the band that telephone speech has. Of the windows that end in a frame the one that sounds
//! most like speech counts.

use earshot::Detector;

/// The detector's window.
const WINDOW: usize = 256;

/// What tells speech from other sounds, for one leg.
pub trait Detect: Send {
    /// The probability that this frame, at 8 kHz, is speech. Frames are told in their order, but not all of them.
    fn hear(&mut self, frame: &[i16]) -> f32;
}

/// The detector of an ear that is given none: 8 KB.
pub struct Earshot {
    detector: Detector,
    window: [i16; WINDOW],
    filled: usize,
    previous: i16,
    probability: f32,
}

impl std::fmt::Debug for Earshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Earshot").field("probability", &self.probability).finish_non_exhaustive()
    }
}

impl Default for Earshot {
    /// One that has heard nothing yet.
    fn default() -> Self {
        let detector = Detector::default();
        Earshot { detector, window: [0; WINDOW], filled: 0, previous: 0, probability: 0.0 }
    }
}

impl Detect for Earshot {
    fn hear(&mut self, frame: &[i16]) -> f32 {
        let mut highest: Option<f32> = None;
        for &sample in frame {
            let between = ((i32::from(self.previous) + i32::from(sample)) / 2) as i16;
            self.window[self.filled] = between;
            self.window[self.filled + 1] = sample;
            self.previous = sample;
            self.filled += 2;
            if self.filled == WINDOW {
                self.filled = 0;
                let p = self.detector.predict_i16(&self.window);
                highest = Some(highest.map_or(p, |h| h.max(p)));
            }
        }
        self.probability = highest.unwrap_or(self.probability);
        self.probability
    }
}
