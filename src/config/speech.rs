//! `[speech]`: how callers are listened to, and who speaks to them.

use super::server::Server;
use super::{File, Problem};
use crate::asr::Dialect;
use crate::base::Lang;
use crate::limits::HANGOVER;
use serde::Deserialize;
use std::time::Duration;
use toml::Spanned;

/// The name that stands for the plain voice.
const PLAIN: &str = "espeak-ng";

/// A server that writes sentences down, on another machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineServer {
    /// `ws://` or `wss://`.
    pub url: String,
    pub dialect: Dialect,
    /// What it is asked to listen to.
    pub langs: Vec<Lang>,
}

/// Who is to speak a language.
#[derive(Debug, Clone, PartialEq)]
pub struct VoiceChoice {
    pub lang: Lang,
    /// A file in the folder of voices; `None` is espeak-ng.
    pub file: Option<String>,
    /// Name or number of one of its people.
    pub speaker: Option<String>,
    /// 1 is as fast as the voice was made.
    pub speed: f32,
    /// How much its sound varies, 0–1; as it was made if not said.
    pub noise: Option<f32>,
}

impl VoiceChoice {
    /// The voice `name` for `lang`, as it was made.
    pub fn new(lang: Lang, name: &str) -> VoiceChoice {
        let file = (name != PLAIN).then(|| format!("{}.onnx", name.strip_suffix(".onnx").unwrap_or(name)));
        VoiceChoice { lang, file, speaker: None, speed: 1.0, noise: None }
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    recognisers: Option<Spanned<usize>>,
    model: Option<String>,
    hangover_ms: Option<Spanned<u64>>,
    #[serde(default)]
    engine: Vec<RawEngine>,
    #[serde(default)]
    voice: Vec<RawVoice>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEngine {
    url: Spanned<String>,
    dialect: Dialect,
    langs: Spanned<Vec<Lang>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVoice {
    lang: Spanned<String>,
    file: String,
    speaker: Option<String>,
    speed: Option<Spanned<f32>>,
    noise: Option<Spanned<f32>>,
}

pub(super) fn read(file: &File, raw: Raw, server: &mut Server, problems: &mut Vec<Problem>) {
    if let Some(n) = raw.recognisers {
        if *n.get_ref() > 64 {
            problems.push(file.error(n.span(), "more than 64 recogniser processes"));
        }
        server.recognisers = n.into_inner();
    }
    server.model = raw.model;
    if let Some(ms) = raw.hangover_ms {
        server.hangover = Duration::from_millis(*ms.get_ref());
        if !HANGOVER.contains(&server.hangover) {
            problems.push(file.error(ms.span(), "hangover_ms must lie between 200 and 3000"));
        }
    }
    server.engines = engines(file, raw.engine, problems);
    server.voices = voices(file, raw.voice, problems);
}

fn engines(file: &File, raw: Vec<RawEngine>, problems: &mut Vec<Problem>) -> Vec<EngineServer> {
    for engine in &raw {
        let host =
            engine.url.get_ref().split_once("://").filter(|(scheme, _)| matches!(*scheme, "ws" | "wss"));
        if host.is_none_or(|(_, rest)| rest.is_empty() || rest.starts_with(['/', ':'])) {
            problems.push(
                file.error(engine.url.span(), "not the address of an engine server")
                    .help(Some("write it as \"ws://192.0.2.20:2700\" or \"wss://…\"".into())),
            );
        }
        if engine.langs.get_ref().is_empty() {
            problems.push(file.error(engine.langs.span(), "it listens to no language"));
        }
    }
    let server = |raw: RawEngine| EngineServer {
        url: raw.url.into_inner(),
        dialect: raw.dialect,
        langs: raw.langs.into_inner(),
    };
    raw.into_iter().map(server).collect()
}

fn voices(file: &File, raw: Vec<RawVoice>, problems: &mut Vec<Problem>) -> Vec<VoiceChoice> {
    let mut out: Vec<VoiceChoice> = Vec::new();
    for raw in raw {
        let Some(lang) = Lang::ALL.into_iter().find(|l| l.code() == raw.lang.get_ref()) else {
            problems.push(
                file.error(raw.lang.span(), "not a language that is spoken here")
                    .help(Some("write \"en\" or \"zh\"".into())),
            );
            continue;
        };
        if out.iter().any(|v| v.lang == lang) {
            problems.push(file.error(raw.lang.span(), "this language has a voice already"));
        }
        let mut within = |value: Option<Spanned<f32>>, range: std::ops::RangeInclusive<f32>| {
            let value = value?;
            if !range.contains(value.get_ref()) {
                let text = format!("must lie between {} and {}", range.start(), range.end());
                problems.push(file.error(value.span(), text));
            }
            Some(value.into_inner())
        };
        let speed = within(raw.speed, 0.5..=2.0).unwrap_or(1.0);
        let noise = within(raw.noise, 0.0..=1.0);
        out.push(VoiceChoice { speaker: raw.speaker, speed, noise, ..VoiceChoice::new(lang, &raw.file) });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (Vec<VoiceChoice>, Vec<String>) {
        let (file, mut problems) = (File { name: "server.toml".into(), text: text.into() }, Vec::new());
        let voices = voices(&file, toml::from_str::<Raw>(text).unwrap().voice, &mut problems);
        (voices, problems.into_iter().map(|p| p.message).collect())
    }

    #[test]
    fn a_voice_is_chosen_for_a_language() {
        let (voices, problems) = parse(
            "[[voice]]\nlang = \"en\"\nfile = \"en_US-joe-medium\"\nspeaker = \"joe\"\nspeed = 1.1\nnoise = 0.5\n\
             [[voice]]\nlang = \"zh\"\nfile = \"espeak-ng\"\n",
        );
        let en = VoiceChoice {
            lang: Lang::En,
            file: Some("en_US-joe-medium.onnx".into()),
            speaker: Some("joe".into()),
            speed: 1.1,
            noise: Some(0.5),
        };
        let zh = VoiceChoice { lang: Lang::Zh, file: None, speaker: None, speed: 1.0, noise: None };
        assert_eq!((voices, problems), (vec![en, zh], vec![]));
    }

    #[test]
    fn an_engine_server_has_an_address_a_dialect_and_languages() {
        let read = |text: &str| {
            let (file, mut problems) = (File { name: "server.toml".into(), text: text.into() }, Vec::new());
            let raw = toml::from_str::<Raw>(text).map_err(|e| e.to_string())?;
            let engines = engines(&file, raw.engine, &mut problems);
            problems.first().map_or(Ok(engines), |p| Err(p.message.clone()))
        };
        let engine = |url: &str, dialect: &str, langs: &str| {
            read(&format!("[[engine]]\nurl = \"{url}\"\ndialect = \"{dialect}\"\nlangs = [{langs}]\n"))
        };
        let zh = engine("wss://asr.example/zh", "sherpa-onnx", "\"zh\"").unwrap();
        assert_eq!((zh[0].dialect, &zh[0].langs[..]), (Dialect::SherpaOnnx, &[Lang::Zh][..]));
        assert_eq!(engine("http://x", "vosk", "\"en\""), Err("not the address of an engine server".into()));
        assert_eq!(engine("ws://x", "vosk", ""), Err("it listens to no language".into()));
        assert!(engine("ws://x", "kaldi", "\"en\"").unwrap_err().contains("`vosk`"));
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        let of = |text: &str| parse(text).1.join("; ");
        assert_eq!(of("[[voice]]\nlang = \"de\"\nfile = \"x\""), "not a language that is spoken here");
        assert_eq!(of("[[voice]]\nlang = \"en\"\nfile = \"x\"\nspeed = 3"), "must lie between 0.5 and 2");
        let twice = "[[voice]]\nlang = \"en\"\nfile = \"x\"\n".repeat(2);
        assert_eq!(of(&twice), "this language has a voice already");
    }
}
