//! whisper.cpp with one model on one thread: what hears with models that our own network (`asr/network`) is not made for.

use super::branches::{Branches, Token, text};
use crate::asr::{self, Transcript};
use crate::base::Lang;
use std::path::Path;
use whisper_rs::{FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperState};

/// whisper.cpp with one model, used from one thread.
pub(super) struct Whisper {
    context: WhisperContext,
    state: WhisperState,
    audio_ctx: i32,
}

impl std::fmt::Debug for Whisper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Whisper").field("audio_ctx", &self.audio_ctx).finish_non_exhaustive()
    }
}

/// Whisper decodes nothing shorter than a second.
const LEAST_SAMPLES: usize = 16_000 * 6 / 5;
/// Samples at 16 kHz to one position of the encoder.
const SAMPLES_PER_POSITION: usize = 320;
/// Positions of silence kept after the last sample.
const POSITIONS_AFTER: usize = 16;

impl Whisper {
    /// Loads a model whose header has been checked.
    ///
    /// # Errors
    /// When whisper.cpp refuses it.
    pub(super) fn load(path: &Path) -> Result<Whisper, String> {
        whisper_rs::install_logging_hooks();
        let mut with = WhisperContextParameters::default();
        // With flash attention and a trimmed audio_ctx whisper.cpp attends to the padding and mishears.
        with.use_gpu(false).flash_attn(false);
        let name = path.to_str().ok_or("the model's path is not UTF-8")?;
        let context = WhisperContext::new_with_params(name, with).map_err(|e| e.to_string())?;
        let audio_ctx = context.n_audio_ctx();
        let state = context.create_state().map_err(|e| e.to_string())?;
        Ok(Whisper { context, state, audio_ctx })
    }

    /// Writes down 8 kHz samples, and what they may have been instead. An empty text means that there was nothing to write.
    ///
    /// # Errors
    /// When whisper.cpp fails.
    pub(super) fn recognise(&mut self, lang: Lang, samples: &[i16]) -> Result<Transcript, String> {
        let tokens = self.decode(lang, samples)?;
        let others = Branches::new(&self.context, &mut self.state, lang).grow(&tokens)?;
        Ok(Transcript { others, ..self.written(&tokens) })
    }

    fn written(&self, tokens: &[Token]) -> Transcript {
        // The geometric mean of the tokens' probabilities.
        let mean = tokens.iter().map(|t| t.log_p).sum::<f32>() / tokens.len().max(1) as f32;
        let confidence = if tokens.is_empty() { 0.0 } else { mean.exp() };
        Transcript { text: text(&self.context, tokens), confidence, others: Vec::new() }
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
        let mut engine = Whisper::load(&model).unwrap();
        engine.decode(Lang::En, &[0; 8000]).unwrap();
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
