//! `trunkline models`: which listening models, voices and detectors there are, which are known, and fetching them.

use super::Places;
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};
use trunkline::drive::known::{DETECTOR, KNOWN, KNOWN_VOICES, Known, KnownVoice, Published, detector};
use trunkline::drive::models::{self, Model};
use trunkline::drive::piper::Piper;
use trunkline::drive::silero::{self, Silero};
use trunkline::drive::voices;
use trunkline::tts::PiperVoice;

/// Show, check, add and fetch listening models and voices.
#[derive(Debug, Args)]
pub(super) struct Models {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The models and voices in the folder, what the server uses, and those that can be fetched.
    List,
    /// Check files, or all in the folder: header, size, SHA-256 where it is known; a voice is loaded.
    Check { files: Vec<PathBuf> },
    /// Check a file and copy it into the folder: a listening model, a voice (`.onnx` with the `.onnx.json` beside it), or Silero's detector
    /// (`silero_vad….onnx`).
    Add { file: PathBuf },
    /// Fetch a known model or voice into the folder, and check it.
    Fetch { name: String },
}

pub(super) async fn models(args: &Models, places: &Places) -> Result<(), String> {
    let folder = places.models();
    match &args.what {
        What::List => list(places),
        What::Check { files } => {
            let files = match files.is_empty() {
                true => models::all(&folder)
                    .into_iter()
                    .map(|m| m.0)
                    .chain(silero::find(&folder))
                    .chain(voices::all(&folder).into_iter().map(|v| v.0))
                    .collect(),
                false => files.clone(),
            };
            if files.is_empty() {
                return Err(format!("{} holds no model", folder.display()));
            }
            let mut bad = 0;
            for file in &files {
                let result = check(file);
                bad += usize::from(result.is_err());
                outln!("{}: {}", file.display(), result.unwrap_or_else(|why| why));
            }
            (bad == 0).then_some(()).ok_or_else(|| format!("{bad} of {} cannot be used", files.len()))
        }
        What::Add { file } if silero::is_one(file) => {
            let detector = check(file)?;
            let to = silero::add(&folder, file)?;
            outln!("{}: {detector}", to.display());
            outln!("the server tells callers from noise by it from its next start on");
            Ok(())
        }
        What::Add { file } if is_voice(file) => {
            let voice = check(file)?;
            let to = voices::add(&folder, file)?;
            outln!("{}: {voice}", to.display());
            outln!("the server speaks with it from its next start on, unless server.toml names another");
            Ok(())
        }
        What::Add { file } => {
            let model = models::add(&folder, file)?;
            outln!("{}: {}", model.path.display(), described(&model));
            outln!("the server listens with it from its next start on");
            Ok(())
        }
        What::Fetch { name } => fetch(name, places).await,
    }
}

fn is_voice(file: &Path) -> bool {
    file.extension().is_some_and(|x| x == "onnx")
}

/// A usable file in a few words.
fn check(file: &Path) -> Result<String, String> {
    if silero::is_one(file) {
        return Silero::load(file).map(|_| "good: tells speech from noise".to_owned());
    }
    if is_voice(file) {
        let voice = voices::check(file)?;
        Piper::load(file)?;
        return Ok(spoken(&voice));
    }
    models::check(file).map(|model| described(&model))
}

fn spoken(voice: &PiperVoice) -> String {
    let people = if voice.speakers > 1 { format!(", {} people", voice.speakers) } else { String::new() };
    format!("good: speaks {} at {} Hz{people}", voice.lang.code(), voice.rate)
}

async fn fetch(name: &str, places: &Places) -> Result<(), String> {
    let folder = places.models();
    let (files, into) = match (Known::named(name), KnownVoice::named(name)) {
        (Some(model), _) => (vec![model.published()], folder.clone()),
        (None, Some(voice)) => (voice.published().to_vec(), folder.join(voices::FOLDER)),
        (None, None) if name == DETECTOR => (vec![detector()], folder.clone()),
        (None, None) => {
            let names = KNOWN.iter().map(|k| k.name).chain(KNOWN_VOICES.iter().map(|k| k.name));
            let names: Vec<&str> = names.chain([DETECTOR]).collect();
            return Err(format!("no known model or voice `{name}`; there are: {}", names.join(", ")));
        }
    };
    let there = |published: &&Published| into.join(&published.file).exists();
    if let Some(published) = files.iter().find(there) {
        return Err(format!("{} is there already", into.join(&published.file).display()));
    }
    let parts = folder.join(".fetched");
    let fetched = fetch_all(&files, &parts, &into).await;
    let _ = std::fs::remove_dir_all(&parts);
    fetched.map_err(|why| {
        let urls: Vec<&str> = files.iter().map(|f| f.url.as_str()).collect();
        let file = files.first().map_or("", |f| f.file.as_str());
        format!("{name} was not fetched: {why}\n  = get {} where the network allows it, then `trunkline models add {file}`", urls.join(" and "))
    })?;
    outln!("{name}: whole; the server uses it from its next start on");
    Ok(())
}

/// Each file first into `parts`; once all are whole, they go where they belong.
async fn fetch_all(files: &[Published], parts: &Path, into: &Path) -> Result<(), String> {
    for folder in [parts, into] {
        std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    for published in files {
        let mut shown = 0;
        let told = |octets: u64| {
            let tenth = octets * 10 / published.octets.max(1);
            if tenth > shown {
                shown = tenth;
                outln!("{}: {} of {} MB", published.file, octets / 1_000_000, published.octets / 1_000_000);
            }
        };
        let part = parts.join(&published.file);
        trunkline::drive::fetch::fetch(&published.url, &part, published.octets, told).await?;
        models::is_published(&part, published)?;
    }
    for published in files {
        let to = into.join(&published.file);
        std::fs::rename(parts.join(&published.file), &to).map_err(|e| format!("{}: {e}", to.display()))?;
    }
    Ok(())
}

fn list(places: &Places) -> Result<(), String> {
    let folder = places.models();
    let all = models::all(&folder);
    let used = models::used(all.clone());
    outln!("in {}:", folder.display());
    for (path, result) in all {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let listens = used.as_ref().is_ok_and(|m| m.as_ref().is_some_and(|m| m.path == path));
        let state = result.as_ref().map_or_else(Clone::clone, described);
        outln!("  {name:<32} {state}{}", if listens { "  (the server listens with it)" } else { "" });
    }
    if let Some(file) = silero::find(&folder) {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let state = check(&file);
        let used = if state.is_ok() { "  (the server hears by it who speaks)" } else { "" };
        outln!("  {name:<32} {}{used}", state.unwrap_or_else(|why| why));
    }
    let (speakers, _) = places.speakers(&places.voices())?;
    for (path, result) in voices::all(&folder) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let speaks = result.as_ref().is_ok_and(|v| speakers.get(&v.lang).is_some_and(|s| s.name() == name));
        let state = result.as_ref().map_or_else(Clone::clone, spoken);
        outln!(
            "  {:<32} {state}{}",
            format!("{}/{name}", voices::FOLDER),
            if speaks { "  (the server speaks with it)" } else { "" }
        );
    }
    outln!("\nknown, to be had by `trunkline models fetch NAME`:");
    for known in KNOWN {
        let Known { name, octets, about, .. } = known;
        outln!("  {name:<20} {:>6} MB  {about}", octets / 1_000_000);
    }
    for known in KNOWN_VOICES {
        outln!("  {:<20} {:>6} MB  {}", known.name, known.octets / 1_000_000, known.about);
    }
    outln!("  {DETECTOR:<20} {:>6} MB  tells speech from noise", detector().octets / 1_000_000);
    outln!("\n`trunkline bench speech` shows how many calls this machine can listen to with each.");
    Ok(())
}

/// A usable model in a few words.
fn described(model: &Model) -> String {
    let octets = std::fs::metadata(&model.path).map_or(0, |m| m.len());
    let by = if model.listed { "comes with trunkline" } else { "your own" };
    let header = model.header;
    format!("good: {} MB, {} layers of {}, {by}", octets / 1_000_000, header.audio_layers, header.audio_state)
}
