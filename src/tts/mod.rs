//! Text to speech, the pure half: text to what a synthesiser can say, and samples to a [`Prompt`].
//!
//! In: a text of the product, typed values already in it. Out: an [`Utterance`] for espeak-ng, or the numbers that a neural voice
//! reads ([`PiperVoice`]), their cache keys, and from the samples that come back a prompt in both G.711 laws. The synthesisers themselves
//! run in their own processes (`drive/voice.rs`, `drive/speaker.rs`).

mod level;
mod music;
mod pieces;
mod pinyin;
mod piper;

pub use level::{SPEECH_DBM0, resample, shape};
pub use music::{music, tone};
pub use pieces::pieces;
pub use pinyin::to_pinyin;
pub use piper::{PiperVoice, Sentence, sentences};

use crate::base::{Codec, Lang};
use crate::codec;
use crate::media::Prompt;
use sha2::{Digest, Sha256};

/// Bumped when the same text would be spoken differently: old cache entries then no longer match.
const CACHE_VERSION: &str = "1";

/// What the synthesiser is asked to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Utterance {
    /// espeak-ng's name of the voice. Debian's `cmn` is broken; `cmn-latn-pinyin` reads toned pinyin.
    pub voice: &'static str,
    /// Words (English) or syllables (Mandarin) a minute, as espeak-ng counts them.
    pub speed: u32,
    pub text: String,
}

impl Utterance {
    /// `text` of the product in `lang`, ready for the synthesiser.
    pub fn new(lang: Lang, text: &str) -> Utterance {
        match lang {
            Lang::En => Utterance { voice: "en-us", speed: 160, text: text.to_owned() },
            Lang::Zh => Utterance { voice: "cmn-latn-pinyin", speed: 170, text: to_pinyin(text) },
        }
    }

    /// The same for a caller who needs time: three quarters as fast.
    pub fn slowly(self) -> Utterance {
        Utterance { speed: self.speed * 3 / 4, ..self }
    }

    /// Names the audio on disk: the same content under the same rules has the same name.
    pub fn cache_key(&self) -> String {
        cache_key(&[self.voice, &self.speed.to_string(), &self.text])
    }
}

/// A name for what is made of `parts`.
pub fn cache_key(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in [CACHE_VERSION].iter().chain(parts) {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().take(16).map(|b| format!("{b:02x}")).collect()
}

/// Samples (8 kHz) as a prompt in both laws.
pub fn prompt(samples: &[i16]) -> Prompt {
    Prompt {
        pcmu: samples.iter().map(|s| codec::encode(Codec::Pcmu, *s)).collect(),
        pcma: samples.iter().map(|s| codec::encode(Codec::Pcma, *s)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_key_depends_on_all_that_is_heard() {
        let a = Utterance::new(Lang::En, "hello");
        assert_eq!(a.cache_key(), Utterance::new(Lang::En, "hello").cache_key());
        assert_ne!(a.cache_key(), Utterance::new(Lang::En, "hello.").cache_key());
        assert_ne!(a.cache_key(), Utterance { speed: 161, ..a.clone() }.cache_key());
    }
}
