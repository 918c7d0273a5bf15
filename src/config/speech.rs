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

/// Where a voice comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VoiceSource {
    /// espeak-ng.
    Plain,
    /// A file in the folder of voices.
    File(String),
    /// A server: `ws://` or `wss://`.
    Server(String),
}

/// Who is to speak a language.
#[derive(Debug, Clone, PartialEq)]
pub struct VoiceChoice {
    pub lang: Lang,
    pub source: VoiceSource,
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
        let source = match name {
            PLAIN => VoiceSource::Plain,
            _ => VoiceSource::File(format!("{}.onnx", name.strip_suffix(".onnx").unwrap_or(name))),
        };
        VoiceChoice { lang, source, speaker: None, speed: 1.0, noise: None }
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
    file: Option<String>,
    url: Option<Spanned<String>>,
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
        problems.extend(not_an_address(file, &engine.url, "an engine server"));
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

/// What is wrong with the address of a WebSocket server.
fn not_an_address(file: &File, url: &Spanned<String>, what: &str) -> Option<Problem> {
    let host = url.get_ref().split_once("://").filter(|(scheme, _)| matches!(*scheme, "ws" | "wss"));
    host.is_none_or(|(_, rest)| rest.is_empty() || rest.starts_with(['/', ':'])).then(|| {
        file.error(url.span(), format!("not the address of {what}"))
            .help(Some("write it as \"ws://192.0.2.20:2700\" or \"wss://…\"".into()))
    })
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
        let source = match (raw.url, raw.file) {
            (Some(url), None) => {
                problems.extend(not_an_address(file, &url, "a voice server"));
                VoiceSource::Server(url.into_inner())
            }
            (None, Some(name)) => VoiceChoice::new(lang, &name).source,
            _ => {
                let text = "a voice has either a `file` or a `url`";
                problems.push(file.error(raw.lang.span(), text));
                continue;
            }
        };
        out.push(VoiceChoice { lang, source, speaker: raw.speaker, speed, noise });
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
            source: VoiceSource::File("en_US-joe-medium.onnx".into()),
            speaker: Some("joe".into()),
            speed: 1.1,
            noise: Some(0.5),
        };
        assert_eq!((voices, problems), (vec![en, VoiceChoice::new(Lang::Zh, "espeak-ng")], vec![]));
        let (voices, problems) = parse("[[voice]]\nlang = \"zh\"\nurl = \"ws://tts.example\"");
        assert_eq!(voices[0].source, VoiceSource::Server("ws://tts.example".into()));
        assert_eq!(problems, Vec::<String>::new());
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
        assert_eq!(of("[[voice]]\nlang = \"en\""), "a voice has either a `file` or a `url`");
        let http = "[[voice]]\nlang = \"en\"\nurl = \"http://x\"";
        assert_eq!(of(http), "not the address of a voice server");
        let twice = "[[voice]]\nlang = \"en\"\nfile = \"x\"\n".repeat(2);
        assert_eq!(of(&twice), "this language has a voice already");
    }
}
