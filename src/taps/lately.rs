//! How loud what we have played to a leg lately is: what may come back as its echo.

use crate::base::Codec;
use crate::codec::decode;

/// For so many frames of 20 ms an echo may come back: 120 ms of the far end's own, a round trip of 160 ms, and the frame itself.
pub const ECHO_FRAMES: usize = 15;

/// The loudness of the last frames that were played to one leg.
#[derive(Debug)]
pub struct Lately {
    /// In dBFS, the oldest overwritten next; −∞ for silence of ours.
    frames: [f32; ECHO_FRAMES],
    next: usize,
}

impl Default for Lately {
    fn default() -> Self {
        Lately { frames: [f32::NEG_INFINITY; ECHO_FRAMES], next: 0 }
    }
}

impl Lately {
    /// So many frames have begun in which, as far as is known, nothing is played.
    pub fn pass(&mut self, frames: u64) {
        for _ in 0..frames.min(ECHO_FRAMES as u64) {
            self.next = (self.next + 1) % ECHO_FRAMES;
            self.frames[self.next] = f32::NEG_INFINITY;
        }
    }

    /// In the present frame these octets of µ-law are played.
    pub fn played(&mut self, pcmu: &[u8]) {
        let mut samples = [0i16; crate::base::FRAME_SAMPLES];
        let count = decode(Codec::Pcmu, pcmu, &mut samples);
        let energy: f32 = samples.iter().take(count).map(|&s| f32::from(s) * f32::from(s)).sum();
        let mean = energy / count.max(1) as f32;
        self.frames[self.next] = 10.0 * ((mean + 1.0) / (32768.0 * 32768.0)).log10();
    }

    /// The loudest of them in dBFS; `None` if nothing was played.
    pub fn loudest(&self) -> Option<f32> {
        Some(self.frames.iter().copied().fold(f32::NEG_INFINITY, f32::max)).filter(|db| db.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::encode;

    #[test]
    fn what_was_played_counts_for_as_long_as_its_echo_may_come_back() {
        let mut lately = Lately::default();
        assert_eq!(lately.loudest(), None);
        lately.pass(1);
        lately.played(&[encode(Codec::Pcmu, 8192); 160]);
        let loudest = lately.loudest().unwrap();
        assert!((loudest + 12.0).abs() < 0.5, "{loudest}: a quarter of full scale");
        lately.pass(1);
        lately.played(&[encode(Codec::Pcmu, 100); 160]);
        assert_eq!(lately.loudest(), Some(loudest));
        lately.pass(ECHO_FRAMES as u64 - 2);
        assert_eq!(lately.loudest(), Some(loudest));
        lately.pass(1);
        assert!(lately.loudest().unwrap() < -45.0, "the quieter frame is still there");
        lately.pass(1);
        assert_eq!(lately.loudest(), None);
    }
}
