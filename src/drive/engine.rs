//! The inside of a recogniser process: whisper.cpp with one model on one thread. See `recogniser.rs` for the pipe.

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
        let samples: Vec<i16> = octets.as_chunks().0.iter().map(|two| i16::from_le_bytes(*two)).collect();
        let heard = engine.recognise(if lang == 0 { Lang::Zh } else { Lang::En }, &samples)?;
        let mut out = Vec::with_capacity(12 + heard.text.len());
        out.extend([a, b, c, d]);
        out.extend(heard.confidence.to_le_bytes());
        out.extend((heard.text.len() as u32).to_le_bytes());
        out.extend(heard.text.as_bytes());
        stdout.write_all(&out).and_then(|()| stdout.flush()).map_err(|e| e.to_string())?;
    }
}

/// whisper.cpp with one model, used from one thread.
pub struct Engine {
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
        Ok(Engine { state: context.create_state().map_err(|e| e.to_string())?, audio_ctx })
    }

    /// Writes down 8 kHz samples. An empty text means that there was nothing to write.
    ///
    /// # Errors
    /// When whisper.cpp fails.
    pub fn recognise(&mut self, lang: Lang, samples: &[i16]) -> Result<Heard, String> {
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
        let mut text = String::new();
        let (mut log_sum, mut tokens) = (0.0f32, 0u32);
        for segment in self.state.as_iter() {
            text.push_str(&segment.to_str_lossy().map_err(|e| e.to_string())?);
            for k in 0..segment.n_tokens() {
                if let Some(token) = segment.get_token(k) {
                    log_sum += token.token_probability().max(1e-6).ln();
                    tokens += 1;
                }
            }
        }
        // The geometric mean of the tokens' probabilities.
        let confidence = if tokens == 0 { 0.0 } else { (log_sum / tokens as f32).exp() };
        Ok(Heard { text: text.trim().to_owned(), confidence })
    }
}
