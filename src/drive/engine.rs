//! The inside of a recogniser process: whisper.cpp with one model on one thread. See `recogniser.rs` for the pipe.

use super::branches::{Branches, Token, text};
use super::voice::samples;
use crate::asr;
use crate::base::Lang;
use crate::ivr::Heard;
use std::io::{self, Read, Write};
use std::path::Path;
use whisper_rs::{FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperState};

/// A worker's whole life: requests from stdin, replies to stdout, until stdin closes.
///
/// # Errors
/// When the model cannot be loaded or a pipe breaks.
pub fn worker(model: &Path) -> Result<(), String> {
    let mut engine = Engine::load(model)?;
    let (mut stdin, mut stdout) = (io::stdin().lock(), io::stdout().lock());
    loop {
        let mut head = [0u8; 9];
        match stdin.read_exact(&mut head) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            other => other.map_err(|e| e.to_string())?,
        }
        let [a, b, c, d, lang, e, f, g, h] = head;
        let count = u32::from_le_bytes([e, f, g, h]);
        let mut octets = vec![0; count as usize * 2];
        stdin.read_exact(&mut octets).map_err(|e| e.to_string())?;
        let heard = engine.recognise(if lang == 0 { Lang::Zh } else { Lang::En }, &samples(&octets))?;
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

/// whisper.cpp with one model, used from one thread.
pub struct Engine {
    context: WhisperContext,
    state: WhisperState,
    audio_ctx: i32,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("audio_ctx", &self.audio_ctx).finish_non_exhaustive()
    }
}

/// Whisper decodes nothing shorter than a second.
const LEAST_SAMPLES: usize = 16_000 * 6 / 5;
/// Samples at 16 kHz to one position of the encoder.
const SAMPLES_PER_POSITION: usize = 320;
/// Positions of silence kept after the last sample.
const POSITIONS_AFTER: usize = 16;

impl Engine {
    /// Loads a model whose header has been checked.
    ///
    /// # Errors
    /// When whisper.cpp refuses it.
    pub fn load(path: &Path) -> Result<Engine, String> {
        whisper_rs::install_logging_hooks();
        let mut with = WhisperContextParameters::default();
        // With flash attention and a trimmed audio_ctx whisper.cpp attends to the padding and mishears.
        with.use_gpu(false).flash_attn(false);
        let name = path.to_str().ok_or("the model's path is not UTF-8")?;
        let context = WhisperContext::new_with_params(name, with).map_err(|e| e.to_string())?;
        let audio_ctx = context.n_audio_ctx();
        let state = context.create_state().map_err(|e| e.to_string())?;
        Ok(Engine { context, state, audio_ctx })
    }

    /// Writes down 8 kHz samples, and what they may have been instead. An empty text means that there was nothing to write.
    ///
    /// # Errors
    /// When whisper.cpp fails.
    pub fn recognise(&mut self, lang: Lang, samples: &[i16]) -> Result<Heard, String> {
        let tokens = self.decode(lang, samples)?;
        let others = Branches::new(&self.context, &mut self.state, lang).grow(&tokens)?;
        Ok(Heard { others, ..self.written(&tokens) })
    }

    /// The same without what else they may have been.
    ///
    /// # Errors
    /// When whisper.cpp fails.
    pub fn likeliest(&mut self, lang: Lang, samples: &[i16]) -> Result<Heard, String> {
        let tokens = self.decode(lang, samples)?;
        Ok(self.written(&tokens))
    }

    fn written(&self, tokens: &[Token]) -> Heard {
        // The geometric mean of the tokens' probabilities.
        let mean = tokens.iter().map(|t| t.log_p).sum::<f32>() / tokens.len().max(1) as f32;
        Heard::new(text(&self.context, tokens), if tokens.is_empty() { 0.0 } else { mean.exp() })
    }

    fn decode(&mut self, lang: Lang, samples: &[i16]) -> Result<Vec<Token>, String> {
        let mut audio = asr::upsample(samples);
        audio.resize(audio.len().max(LEAST_SAMPLES), 0.0);
        let positions = (audio.len() / SAMPLES_PER_POSITION + POSITIONS_AFTER) as i32;
        let mut params = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
        params.set_n_threads(1);
        params.set_language(Some(lang.code()));
        params.set_audio_ctx(positions.min(self.audio_ctx));
        params.set_single_segment(true);
        params.set_no_timestamps(true);
        params.set_no_context(true);
        // No ladder of temperatures: a second try costs more time than a caller has.
        params.set_temperature_inc(0.0);
        params.set_print_progress(false);
        params.set_print_realtime(false);
        params.set_print_timestamps(false);
        params.set_print_special(false);
        self.state.full(params, &audio).map_err(|e| e.to_string())?;
        let mut tokens = Vec::new();
        for segment in self.state.as_iter() {
            let all = (0..segment.n_tokens()).filter_map(|k| segment.get_token(k));
            tokens
                .extend(all.map(|t| Token { id: t.token_id(), log_p: t.token_probability().max(1e-6).ln() }));
        }
        Ok(tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_does_not_end_is_given_up_before_the_decoder_has_no_room_for_it() {
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/hotline-q8_0.bin");
        let mut engine = Engine::load(&model).unwrap();
        engine.likeliest(Lang::En, &[0; 8000]).unwrap();
        let room = engine.context.n_text_ctx() as usize;
        let mut branches = Branches::new(&engine.context, &mut engine.state, Lang::En);
        // whisper.cpp ends the process where it is asked for more positions than it has.
        for said in [room - 6, room, 2 * room] {
            let mut tokens = vec![Token { id: 1, log_p: 0.0 }; said];
            let ended = branches.finish(&mut tokens).unwrap();
            assert!(tokens.len() <= said.max(room) && (!ended || said < room), "{said}");
        }
    }
}
