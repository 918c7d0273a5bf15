//! `trunkline tts`: what the line's voice makes of a text, as callers would hear it.

use super::Places;
use clap::Args;
use std::path::PathBuf;
use trunkline::base::Lang;
use trunkline::config::VoiceChoice;
use trunkline::drive::voice::{self, Voice};

/// Speak a text into a WAV file, as the server would say it.
#[derive(Debug, Args)]
pub(super) struct Tts {
    text: String,
    /// Where to write it: 8 kHz, 16 bits.
    #[arg(short, long)]
    output: PathBuf,
    /// The language: zh or en; by default Mandarin if there is a Han character in the text.
    #[arg(long, value_parser = super::asr::lang)]
    lang: Option<Lang>,
    /// The voice: a file of the folder of voices (or its name without the ending), or espeak-ng; by default the server's.
    #[arg(long)]
    voice: Option<String>,
}

pub(super) async fn tts(args: &Tts, places: &Places) -> Result<(), String> {
    let han = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
    let lang = args.lang.unwrap_or(if args.text.chars().any(han) { Lang::Zh } else { Lang::En });
    let wanted = match &args.voice {
        Some(name) => vec![VoiceChoice::new(lang, name)],
        None => places.voices(),
    };
    let (speakers, problems) = places.speakers(&wanted)?;
    if let Some(why) = problems.first() {
        return Err(why.clone());
    }
    let samples = Voice::new(None, speakers).0.speak(lang, &args.text).await.map_err(|e| e.to_string())?;
    voice::write_wav(&args.output, &samples).map_err(|e| format!("{}: {e}", args.output.display()))?;
    outln!("{}: {:.1} s", args.output.display(), samples.len() as f64 / 8000.0);
    Ok(())
}
