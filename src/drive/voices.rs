//! Which neural voice speaks each language: found in the folder `voices` of the models folder, checked before anything loads it.

use super::known::KnownVoice;
use super::models::{is_published, place_for, put};
use super::piper;
use super::speaker::{Manner, Speaker};
use crate::base::Lang;
use crate::config::{VoiceChoice, VoiceSource};
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
    let to = place_for(&models.join(FOLDER), file)?;
    // The network last: it is what a voice is found by.
    put(&piper::beside(file), &piper::beside(&to))?;
    put(file, &to)?;
    Ok(to)
}

/// Who speaks each language, as processes of `binary`: the voice that is `wanted` for it, else the first of the folder that speaks it.
/// What cannot be used is said beside; espeak-ng speaks in its place.
pub fn speakers(models: &Path, binary: &Path, wanted: &[VoiceChoice]) -> (Speakers, Vec<String>) {
    let (found, mut problems) = (all(models), Vec::new());
    let mut speakers = Speakers::new();
    for lang in Lang::ALL {
        let wanted = wanted.iter().find(|w| w.lang == lang);
        match chosen(models, binary, &found, lang, wanted) {
            Ok(speaker) => speakers.extend(speaker.map(|speaker| (lang, Arc::new(speaker)))),
            Err(why) => problems.push(why),
        }
    }
    let unusable = found.iter().filter_map(|(_, voice)| voice.as_ref().err());
    problems.extend(unusable.cloned());
    (speakers, problems)
}

fn chosen(
    models: &Path,
    binary: &Path,
    found: &[(PathBuf, Result<PiperVoice, String>)],
    lang: Lang,
    wanted: Option<&VoiceChoice>,
) -> Result<Option<Speaker>, String> {
    let here = |file, manner| Speaker::new(binary.to_owned(), file, manner);
    let Some(wanted) = wanted else {
        let good = |(_, voice): &&(_, Result<PiperVoice, _>)| voice.as_ref().is_ok_and(|v| v.lang == lang);
        return Ok(found.iter().find(good).map(|(file, _)| here(file.clone(), Manner::default())));
    };
    let mut manner = Manner { speaker: 0, speed: wanted.speed, noise: wanted.noise };
    let name = match &wanted.source {
        VoiceSource::Plain => return Ok(None),
        VoiceSource::Server(url) => {
            return Ok(Some(Speaker::remote(url.clone(), lang, wanted.speaker.clone(), manner)));
        }
        VoiceSource::File(name) => name,
    };
    let file = models.join(FOLDER).join(name);
    let voice = piper::describe(&file)?;
    let cannot = |why: String| Err(format!("{}: {why}", file.display()));
    if voice.lang != lang {
        return cannot(format!("it does not speak the language `{}`", lang.code()));
    }
    if !file.is_file() {
        return cannot("not there".into());
    }
    manner.speaker = match &wanted.speaker {
        None => 0,
        Some(who) => match voice.names.get(who).copied().or_else(|| who.parse().ok()) {
            Some(number) if number < voice.speakers => number,
            _ => return cannot(format!("it has no speaker `{who}`")),
        },
    };
    Ok(Some(here(file, manner)))
}
