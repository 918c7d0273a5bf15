//! The inside of a speaking process: a piper voice run by rten on one thread, phonemes by espeak-ng. See `speaker.rs` for the pipe.
//!
//! rten reads the published `.onnx` as it is and needs no library beside the program. On one thread of a virtual AMD EPYC a voice of medium
//! quality (63 MB) loads in 70 ms and takes 0.09–0.12 of the time that it speaks for; ONNX Runtime 1.31 takes 0.05, for a library of 29 MB
//! that Debian 12 does not have. `piper-rs` 0.2 wants that library too, hangs where it is missing, and reads espeak-ng's data
//! from where it was built.

use super::speaker::Manner;
use crate::tts::{self, PiperVoice, Sentence};
use rten::{Model, ModelOptions, NodeId, ValueOrView};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, Tensor};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Silence between two sentences.
const BETWEEN_MS: u32 = 150;
/// Code points of one sentence; what is longer is no sentence.
const IDS_MAX: usize = 4096;

/// A worker's whole life: requests from stdin, replies to stdout, until stdin closes.
///
/// # Errors
/// When the voice cannot be loaded or a pipe breaks.
pub fn worker(file: &Path) -> Result<(), String> {
    let voice = Piper::load(file)?;
    let (mut stdin, mut stdout) = (io::stdin().lock(), io::stdout().lock());
    loop {
        let mut head = [0u8; Manner::OCTETS + 4];
        match stdin.read_exact(&mut head) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            other => other.map_err(|e| e.to_string())?,
        }
        let (manner, octets) = head.split_at(Manner::OCTETS);
        let mut text = vec![0; octets.try_into().map_or(0, u32::from_le_bytes) as usize];
        stdin.read_exact(&mut text).map_err(|e| e.to_string())?;
        let samples = voice.speak(&String::from_utf8_lossy(&text), Manner::read(manner));
        let (how, said) = match samples {
            Ok(samples) => (0, samples.iter().flat_map(|s| s.to_le_bytes()).collect()),
            Err(why) => (1, why.into_bytes()),
        };
        let mut out = vec![how];
        out.extend((said.len() as u32).to_le_bytes());
        out.extend(said);
        stdout.write_all(&out).and_then(|()| stdout.flush()).map_err(|e| e.to_string())?;
    }
}

/// The file that stands beside a voice.
pub fn beside(voice: &Path) -> PathBuf {
    let mut name = voice.as_os_str().to_owned();
    name.push(".json");
    name.into()
}

/// What the JSON beside a voice says.
///
/// # Errors
/// When it is missing or not understood.
pub fn describe(file: &Path) -> Result<PiperVoice, String> {
    let json = beside(file);
    let text = std::fs::read_to_string(&json).map_err(|e| format!("{}: {e}", json.display()))?;
    PiperVoice::parse(&text).map_err(|why| format!("{}: {why}", json.display()))
}

/// A voice, loaded.
pub struct Piper {
    voice: PiperVoice,
    model: Model,
    /// Its inputs: phonemes, how many, the three scales; and who speaks, where there are several.
    inputs: [NodeId; 3],
    speaker: Option<NodeId>,
    output: NodeId,
}

impl std::fmt::Debug for Piper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Piper").field("voice", &self.voice).finish_non_exhaustive()
    }
}

impl Piper {
    /// Loads `file` and the JSON beside it.
    ///
    /// # Errors
    /// When either cannot be used.
    pub fn load(file: &Path) -> Result<Piper, String> {
        let voice = describe(file)?;
        let cannot = |why: String| format!("{}: {why}", file.display());
        let model = ModelOptions::with_all_ops().load_file(file).map_err(|e| cannot(e.to_string()))?;
        let input = |name: &str| model.find_node(name).ok_or_else(|| cannot(format!("no input `{name}`")));
        let inputs = [input("input")?, input("input_lengths")?, input("scales")?];
        let speaker = if voice.speakers > 1 { Some(input("sid")?) } else { None };
        let output = *model.output_ids().first().ok_or_else(|| cannot("no output".into()))?;
        Ok(Piper { voice, model, inputs, speaker, output })
    }

    /// The samples of a text, 8 kHz.
    ///
    /// # Errors
    /// When espeak-ng or the network fails.
    pub fn speak(&self, text: &str, manner: Manner) -> Result<Vec<i16>, String> {
        let mut samples = Vec::new();
        for sentence in tts::sentences(text) {
            if !samples.is_empty() {
                samples.resize(samples.len() + (self.voice.rate * BETWEEN_MS / 1000) as usize, 0);
            }
            samples.extend(self.sentence(&sentence, manner)?);
        }
        Ok(tts::resample(&samples, self.voice.rate))
    }

    fn sentence(&self, sentence: &Sentence, manner: Manner) -> Result<Vec<i16>, String> {
        let phonemes: Result<Vec<_>, String> = sentence
            .iter()
            .map(|clause| Ok((self.phonemes(&self.voice.words(clause))?, clause.mark)))
            .collect();
        let ids = self.voice.ids(&phonemes?);
        if ids.len() > IDS_MAX {
            return Err(format!("a sentence of {} phonemes: at most {IDS_MAX}", ids.len()));
        }
        let count = NdTensor::from([ids.len() as i32]);
        let ids = NdTensor::from_data([1, ids.len()], ids);
        let scales = NdTensor::from([
            manner.noise.unwrap_or(self.voice.noise),
            self.voice.length / manner.speed,
            self.voice.noise_of_lengths,
        ]);
        let speaker = NdTensor::from([manner.speaker.min(self.voice.speakers - 1) as i32]);
        let [input, lengths, of] = self.inputs;
        let mut inputs: Vec<(NodeId, ValueOrView<'_>)> =
            vec![(input, ids.view().into()), (lengths, count.view().into()), (of, scales.view().into())];
        inputs.extend(self.speaker.map(|node| (node, speaker.view().into())));
        let out = self.model.run(inputs, &[self.output], None).map_err(|e| e.to_string())?;
        let audio = out.into_iter().next().ok_or("the network said nothing")?;
        let audio: Tensor<f32> = audio.try_into().map_err(|_| "the network's answer is not sound")?;
        Ok(audio.iter().map(|s| (s.clamp(-1.0, 1.0) * 32_767.0) as i16).collect())
    }

    fn phonemes(&self, words: &str) -> Result<String, String> {
        let mut espeak = Command::new(super::voice::PROGRAM);
        espeak.args(["-q", "--ipa", "-v", &self.voice.espeak, "--", words]).stdin(Stdio::null());
        let output = espeak.output().map_err(|e| format!("{}: {e}", super::voice::PROGRAM))?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(format!("{} ended with {}", super::voice::PROGRAM, output.status)),
        }
    }
}
