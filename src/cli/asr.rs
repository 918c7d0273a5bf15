//! `trunkline asr`: what the listening model hears in a file, as the server would hear it.

use super::Places;
use clap::Args;
use std::path::PathBuf;
use std::time::Instant;
use trunkline::base::{Answer, Lang};
use trunkline::drive::engine::Engine;
use trunkline::drive::{models, voice};

/// Write down what is said in WAV files.
#[derive(Debug, Args)]
pub(super) struct Asr {
    /// 16-bit WAV files of any rate; the first channel is heard, at most ten seconds of it.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The language spoken: zh or en.
    #[arg(long, default_value = "zh", value_parser = lang)]
    lang: Lang,
    /// Hear as where digits were asked for: other words are less likely.
    #[arg(long)]
    digits: bool,
    /// One JSON object a line: file, text, confidence, others (what it may have been instead, with probabilities), ms.
    #[arg(long)]
    json: bool,
}

pub(super) fn lang(code: &str) -> Result<Lang, String> {
    Lang::ALL.into_iter().find(|l| l.code() == code).ok_or_else(|| "zh or en".into())
}

pub(super) fn asr(args: &Asr, places: &Places) -> Result<(), String> {
    let folder = places.models();
    let found = models::find(&folder, None)?;
    let model =
        found.ok_or_else(|| format!("{} holds no model: put a whisper ggml .bin there", folder.display()))?;
    let mut engine = Engine::load(&model.path)?;
    let expected = if args.digits { Answer::Digits } else { Answer::Sentence };
    for file in &args.files {
        let samples = voice::read_wav(file).map_err(|e| format!("{}: {e}", file.display()))?;
        let began = Instant::now();
        let heard = engine.recognise(args.lang, expected, &samples)?;
        let ms = began.elapsed().as_millis();
        let name = file.display();
        if args.json {
            let row = serde_json::json!({
                "file": name.to_string(), "text": heard.text, "confidence": heard.confidence, "others": heard.others, "ms": ms as u64,
            });
            outln!("{row}");
        } else {
            outln!("{name}: {} (confidence {:.2}, {ms} ms)", heard.text, heard.confidence);
            for other in heard.others {
                outln!("    or {} ({:.2})", other.text, other.probability);
            }
        }
    }
    Ok(())
}
