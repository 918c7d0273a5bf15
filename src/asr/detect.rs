//! How probable it is that a frame is speech.
//!
//! The detector (earshot, a small recurrent network) wants 16 ms at 16 kHz; each sample is followed by the mean of itself
//! and the next, which is crude but keeps the band that telephone speech has. Of the windows that end in a frame the one that sounds
//! most like speech counts.

use earshot::Detector;

/// The detector's window.
const WINDOW: usize = 256;

/// What listens to one leg: 8 KB.
pub(super) struct Detection {
    detector: Detector,
    window: [i16; WINDOW],
    filled: usize,
    previous: i16,
    probability: f32,
}

impl Detection {
    /// One that has heard nothing yet.
    pub(super) fn new() -> Box<Self> {
        let detector = Detector::default();
        Box::new(Detection { detector, window: [0; WINDOW], filled: 0, previous: 0, probability: 0.0 })
    }

    /// The probability that this frame, at 8 kHz, is speech.
    pub(super) fn hear(&mut self, frame: &[i16]) -> f32 {
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
