//! The listening model of a telephone, run by our own code. whisper.cpp is made for much larger networks: with this one it spends 18 % of
//! its time on the spectrum and 30 on the texts, one at a time, each token with 51,865 logits of which 689 are in use (by `perf`).
//!
//! ```text
//! 8 kHz ─► mel ─► encoder ─► decoder ◄─► beam ─► texts, likeliest first
//!                    file: all numbers of a ggml file, as f32; layers: products of matrices (rten-gemm)
//! ```
//! Pure: octets and samples in, texts out. Larger models, and files of other kinds, are for whisper.cpp (`drive/whisper.rs`).
//!
//! Both with the same file, on one thread of a shared virtual Xeon at 2.8 GHz (`models/train/evaluate.py`; `make hypotheses` has them side by side):
//!
//! ```text
//!                                                      whisper.cpp         here
//! three seconds of speech, 47 sentences, median     101 to 117 ms   20 to 22 ms    with what they may have been instead
//! sentences right at 15 dB, 302 English                     79 %         83 %      synthetic voices never heard before
//!                           298 Mandarin                    87 %         88 %
//! eight digits with pauses, 73 English                      63 %         67 %
//!                           87 Mandarin                     74 %         77 %
//! noise and silence, 40 recordings, both languages  a word of each      no word    believed at 0.06 to 0.17
//! ```
//! The sentences are right more often because several texts are followed at once (`beam`), and because nothing is rounded to 8 bits on the way. A word
//! for noise is whisper.cpp's own rule: a text does not end before it has begun.

mod beam;
mod decoder;
mod encoder;
mod file;
mod layers;
mod mel;

use super::model::ModelHeader;
use super::remote::Transcript;
use crate::base::{Hypothesis, Lang};
use crate::limits::OTHERS_MAX;
use beam::Found;
pub use decoder::Words;
use decoder::{Decoder, Read};
use encoder::Encoder;
use file::File;
use layers::Gemm;
use mel::LogMel;

/// Networks wider than this are left to whisper.cpp: general models begin at 384.
const WIDTH_MAX: i32 = 256;
/// Samples at 8 kHz to one position of the encoder, 20 ms.
const POSITION: usize = 160;
/// What is shorter is heard with silence after it up to here: 1.2 s.
const POSITIONS_MIN: usize = 60;
/// Silence after the last sample.
const POSITIONS_AFTER: usize = 16;

/// A network, ready to hear.
pub struct Network {
    gemm: Gemm,
    mel: LogMel,
    encoder: Encoder,
    decoder: Decoder,
    positions: usize,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").field("positions", &self.positions).finish_non_exhaustive()
    }
}

impl Network {
    /// Whether a file of this header is one to be read here.
    pub fn suits(header: &ModelHeader) -> bool {
        header.audio_state <= WIDTH_MAX
    }

    /// Reads a whisper ggml file.
    ///
    /// # Errors
    /// Why it cannot be run here: it is damaged, or of a kind that is not read.
    pub fn read(octets: &[u8]) -> Result<Network, String> {
        let mut file = File::read(octets)?;
        let ModelHeader { audio_state, audio_heads, text_heads, .. } = file.header;
        if let Some(heads) = [audio_heads, text_heads].into_iter().find(|heads| audio_state % heads != 0) {
            return Err(format!("{heads} heads of a width of {audio_state}"));
        }
        let gemm = Gemm::new();
        let mel = LogMel::new(&gemm, &file.bank, file.bins, file.header.mels as usize)?;
        let encoder = Encoder::read(&gemm, &mut file)?;
        let decoder = Decoder::read(&gemm, &mut file)?;
        Ok(Network { gemm, mel, encoder, decoder, positions: file.header.audio_ctx as usize })
    }

    /// Those of the words it knows that are `wanted`.
    pub fn words(&self, wanted: impl Fn(&str) -> bool) -> Words {
        self.decoder.words(wanted)
    }

    /// Writes down 8 kHz samples, and what they may have been instead. An empty text means that there was nothing to write. What the
    /// network's window does not hold is not heard. Words that are `expected` are likelier than others, which are heard nevertheless where
    /// nothing else comes near.
    ///
    /// # Errors
    /// When the network's parts do not fit each other.
    pub fn recognise(
        &self,
        lang: Lang,
        samples: &[i16],
        expected: Option<&Words>,
    ) -> Result<Transcript, String> {
        let Network { gemm, decoder, .. } = self;
        let positions = samples.len().div_ceil(POSITION).max(POSITIONS_MIN) + POSITIONS_AFTER;
        let mut audio: Vec<f32> = samples.iter().map(|s| f32::from(*s) / 32768.0).collect();
        audio.resize(positions.min(self.positions) * POSITION, 0.0);
        let audio = self.encoder.of(gemm, &self.mel.of(gemm, &audio)?)?;
        let seen = decoder.look(gemm, &audio)?;
        let start = decoder.start(gemm, &seen, lang)?;
        let found = beam::search(
            start,
            decoder.room(),
            |texts| decoder.after(gemm, &seen, texts, expected),
            Read::with,
        )?;
        let Some(best) = found.first() else { return Ok(Transcript::default()) };
        let all: f32 = found.iter().map(|f| f.log_p.exp()).sum();
        let other =
            |f: &Found| Hypothesis { text: decoder.text(&f.tokens), probability: f.log_p.exp() / all };
        Ok(Transcript {
            text: decoder.text(&best.tokens),
            // The geometric mean of the tokens' probabilities, the end among them.
            confidence: (best.log_p / (best.tokens.len() + 1) as f32).exp(),
            others: found.iter().skip(1).map(other).filter(|o| !o.text.is_empty()).take(OTHERS_MAX).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_does_not_fit_what_follows_is_refused() {
        let whole = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/models/hotline-q8_0.bin")).unwrap();
        assert!(Network::read(&whole).is_ok());
        // Numbers of the header: positions, width, heads, layers; then the decoder's; then bands and kind.
        for (field, value) in [(2, 511), (3, 64), (4, 3), (4, 64), (5, 9), (6, 63), (8, 48), (9, 3), (10, 65)]
        {
            let mut damaged = whole.clone();
            damaged[4 * field..][..4].copy_from_slice(&i32::to_le_bytes(value));
            let refused = Network::read(&damaged).is_err();
            // Heads may be any that divide the width: nothing else in the file tells of them.
            assert_eq!(refused, (field, value) != (4, 64), "{field} {value}");
        }
    }
}
