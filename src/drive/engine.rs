//! The inside of a recogniser process: one model on one thread. See `recogniser.rs` for the pipe.

use super::models;
use super::voice::samples;
use super::whisper::Whisper;
use crate::asr::{Network, Transcript, Words};
use crate::base::{Answer, Lang};
use crate::ivr::Heard;
use crate::nlu::slots::says_digits;
use std::io::{self, Read, Write};
use std::path::Path;

/// A worker's whole life: requests from stdin, replies to stdout, until stdin closes.
///
/// # Errors
/// When the model cannot be loaded or a pipe breaks.
pub fn worker(model: &Path) -> Result<(), String> {
    let mut engine = Engine::load(model)?;
    let (mut stdin, mut stdout) = (io::stdin().lock(), io::stdout().lock());
    loop {
        let mut head = [0u8; 10];
        match stdin.read_exact(&mut head) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            other => other.map_err(|e| e.to_string())?,
        }
        let [a, b, c, d, lang, expected, e, f, g, h] = head;
        let count = u32::from_le_bytes([e, f, g, h]);
        let mut octets = vec![0; count as usize * 2];
        stdin.read_exact(&mut octets).map_err(|e| e.to_string())?;
        let lang = if lang == 0 { Lang::Zh } else { Lang::En };
        let expected = if expected == 0 { Answer::Sentence } else { Answer::Digits };
        let heard = engine.recognise(lang, expected, &samples(&octets))?;
        let mut out = vec![a, b, c, d];
        out.extend(heard.confidence.to_le_bytes());
        out.push(heard.texts().count() as u8);
        for (text, probability) in heard.texts() {
            out.extend(probability.to_le_bytes());
            out.extend((text.len() as u32).to_le_bytes());
            out.extend(text.as_bytes());
        }
        stdout.write_all(&out).and_then(|()| stdout.flush()).map_err(|e| e.to_string())?;
    }
}

/// A model that can hear, used from one thread: small ones by our own network, others by whisper.cpp.
#[derive(Debug)]
pub struct Engine(Ear);

#[derive(Debug)]
enum Ear {
    /// With its words that are digits.
    Network(Box<(Network, Words)>),
    Whisper(Whisper),
}

impl Engine {
    /// Loads a model whose header has been checked.
    ///
    /// # Errors
    /// When it cannot be read, or whisper.cpp refuses it.
    pub fn load(path: &Path) -> Result<Engine, String> {
        // A process that hears has one thread for it: the others hear other callers.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(1).build_global();
        let Some(network) = network(path) else { return Engine::whisper(path) };
        let digits = network.words(|word| Lang::ALL.iter().any(|lang| says_digits(*lang, word)));
        Ok(Engine(Ear::Network(Box::new((network, digits)))))
    }

    /// Loads it into whisper.cpp, whatever it is.
    ///
    /// # Errors
    /// When whisper.cpp refuses it.
    pub fn whisper(path: &Path) -> Result<Engine, String> {
        Whisper::load(path).map(|whisper| Engine(Ear::Whisper(whisper)))
    }

    /// Writes down 8 kHz samples, and what they may have been instead. An empty text means that there was nothing to write. Where digits are
    /// `expected` they are likelier than other words; whisper.cpp does not know of it.
    ///
    /// # Errors
    /// When the model fails.
    pub fn recognise(&mut self, lang: Lang, expected: Answer, samples: &[i16]) -> Result<Heard, String> {
        let Transcript { text, confidence, others } = match &mut self.0 {
            Ear::Network(network) => {
                let (network, digits) = &**network;
                network.recognise(lang, samples, (expected == Answer::Digits).then_some(digits))?
            }
            Ear::Whisper(whisper) => whisper.recognise(lang, samples)?,
        };
        Ok(Heard { text, confidence, others })
    }
}

/// The model for our own network, if it is one that this reads.
fn network(path: &Path) -> Option<Network> {
    // The header first: general models have gigabytes.
    models::header(path).ok().filter(Network::suits)?;
    Network::read(&std::fs::read(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drive::voice::Voice;
    use std::collections::HashMap;

    /// What callers say, in the synthesiser's voice; nothing, said aloud, without it.
    fn spoken() -> Vec<(Lang, &'static str, Vec<i16>)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (voice, _results) = Voice::new(None, HashMap::new());
        let texts = [
            (Lang::En, "check my balance"),
            (Lang::En, "four seven one nine"),
            (Lang::En, "yes"),
            (Lang::Zh, "我要查余额"),
            (Lang::Zh, "转人工"),
        ];
        let mut out = Vec::new();
        for (lang, text) in texts {
            match runtime.block_on(voice.speak(lang, text)) {
                Ok(samples) => out.push((lang, text, samples)),
                Err(e) if e.kind() == io::ErrorKind::NotFound => eprintln!("skipped: {e}"),
                Err(e) => panic!("{text}: {e}"),
            }
        }
        out
    }

    #[test]
    fn our_network_hears_what_whisper_cpp_hears_in_the_same_model_and_nothing_in_noise() {
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/hotline-q8_0.bin");
        let (ours, mut theirs) = (network(&model).unwrap(), Whisper::load(&model).unwrap());
        for (lang, text, samples) in spoken() {
            let ours = ours.recognise(lang, &samples, None).unwrap();
            let theirs = theirs.recognise(lang, &samples).unwrap();
            assert_eq!((&*ours.text, &*theirs.text), (text, text));
            assert!((ours.confidence - theirs.confidence).abs() < 0.1, "{ours:?} {theirs:?}");
            assert!(ours.others.iter().map(|o| o.probability).sum::<f32>() < 0.5, "{ours:?}");
        }
        let digits = ours.words(|word| says_digits(Lang::En, word));
        for (lang, text, samples) in spoken().into_iter().filter(|(lang, ..)| *lang == Lang::En) {
            let heard =
                [None, Some(&digits)].map(|expected| ours.recognise(lang, &samples, expected).unwrap());
            assert!(
                heard.iter().all(|h| h.text == text),
                "said clearly, it is heard, whatever was asked for: {heard:?}"
            );
            let surer = heard[1].confidence > heard[0].confidence;
            assert!(surer || !text.starts_with("four"), "{heard:?}");
        }
        let mut random = fastrand::Rng::with_seed(3);
        for level in [0, 100, 3000] {
            let noise: Vec<i16> = (0..16_000).map(|_| random.i16(-level..=level)).collect();
            for lang in Lang::ALL {
                assert_eq!(ours.recognise(lang, &noise, None).unwrap().text, "", "{level}");
            }
        }
    }
}
