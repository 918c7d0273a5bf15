//! Which neural voice speaks each language: found in the folder `voices` of the models folder, checked before anything loads it.

use super::known::KnownVoice;
use super::models::is_published;
use super::piper;
use super::speaker::{Manner, Speaker};
use crate::base::Lang;
use crate::config::VoiceChoice;
use crate::tts::PiperVoice;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The folder in the models folder that holds them.
pub const FOLDER: &str = "voices";

/// Who speaks each language; espeak-ng speaks the others.
pub type Speakers = HashMap<Lang, Arc<Speaker>>;

/// The voices of a models folder by name, each with what its JSON says, or what is wrong with it.
pub fn all(models: &Path) -> Vec<(PathBuf, Result<PiperVoice, String>)> {
    let Ok(entries) = std::fs::read_dir(models.join(FOLDER)) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    files.retain(|f| f.extension().is_some_and(|x| x == "onnx"));
    files.sort();
    files.into_iter().map(|file| (file.clone(), piper::describe(&file))).collect()
}

/// Checks one voice: the JSON beside it, and both files' SHA-256 where that is known. Whether the network runs is seen when it speaks.
///
/// # Errors
/// What is wrong with it.
pub fn check(file: &Path) -> Result<PiperVoice, String> {
    let voice = piper::describe(file)?;
    let known = file.file_name().and_then(|name| KnownVoice::named(name.to_str()?));
    for published in known.into_iter().flat_map(KnownVoice::published) {
        is_published(&file.with_file_name(&published.file), &published)?;
    }
    Ok(voice)
}

/// Copies `file`, which has been checked, and the JSON beside it into the models folder.
///
/// # Errors
/// When a voice of that name is there, or it cannot be written.
pub fn add(models: &Path, file: &Path) -> Result<PathBuf, String> {
    let folder = models.join(FOLDER);
    let name = file.file_name().ok_or_else(|| format!("{} names no file", file.display()))?;
    let to = folder.join(name);
    if to.exists() {
        return Err(format!("{} is there already: remove it first", to.display()));
    }
    let cannot = |e: std::io::Error| format!("{}: {e}", to.display());
    std::fs::create_dir_all(&folder).map_err(cannot)?;
    // The network last, and in one step: it is what a voice is found by.
    let part = to.with_extension("part");
    std::fs::copy(piper::beside(file), piper::beside(&to)).map_err(cannot)?;
    std::fs::copy(file, &part).and_then(|_| std::fs::rename(&part, &to)).map_err(cannot)?;
    Ok(to)
}

/// Who speaks each language, as processes of `binary`: the voice that is `wanted` for it, else the first of the folder that speaks it.
/// What cannot be used is said beside; espeak-ng speaks in its place.
pub fn speakers(models: &Path, binary: &Path, wanted: &[VoiceChoice]) -> (Speakers, Vec<String>) {
    let (found, mut problems) = (all(models), Vec::new());
    let mut speakers = Speakers::new();
    for lang in Lang::ALL {
        let wanted = wanted.iter().find(|w| w.lang == lang);
        match chosen(models, &found, lang, wanted) {
            Ok(Some((file, manner))) => {
                speakers.insert(lang, Arc::new(Speaker::new(binary.to_owned(), file, manner)));
            }
            Ok(None) => {}
            Err(why) => problems.push(why),
        }
    }
    let unusable = found.iter().filter_map(|(_, voice)| voice.as_ref().err());
    problems.extend(unusable.cloned());
    (speakers, problems)
}

fn chosen(
    models: &Path,
    found: &[(PathBuf, Result<PiperVoice, String>)],
    lang: Lang,
    wanted: Option<&VoiceChoice>,
) -> Result<Option<(PathBuf, Manner)>, String> {
    let Some(wanted) = wanted else {
        let good = |(file, voice): &(_, Result<PiperVoice, _>)| {
            voice.as_ref().is_ok_and(|v| v.lang == lang).then(|| (PathBuf::clone(file), Manner::default()))
        };
        return Ok(found.iter().find_map(good));
    };
    let Some(name) = &wanted.file else { return Ok(None) };
    let file = models.join(FOLDER).join(name);
    let voice = piper::describe(&file)?;
    let cannot = |why: String| Err(format!("{}: {why}", file.display()));
    if voice.lang != lang {
        return cannot(format!("it does not speak the language `{}`", lang.code()));
    }
    if !file.is_file() {
        return cannot("not there".into());
    }
    let speaker = match &wanted.speaker {
        None => 0,
        Some(who) => match voice.names.get(who).copied().or_else(|| who.parse().ok()) {
            Some(number) if number < voice.speakers => number,
            _ => return cannot(format!("it has no speaker `{who}`")),
        },
    };
    let manner = Manner { speaker, speed: wanted.speed, noise: wanted.noise };
    Ok(Some((file, manner)))
}
