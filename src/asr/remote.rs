//! What is said over a WebSocket to an engine server on another machine, and what its answers mean.
//!
//! In: a sentence, as it is spoken. Out: the messages that carry it in the server's [`Dialect`]; then, from each text that comes back, whether
//! the sentence is written down. One connection a sentence, which every one of these servers knows how to end:
//!
//! | dialect | before | audio | after | answers |
//! |---|---|---|---|---|
//! | `trunkline` | `{"lang","rate":8000}` | 16-bit, 8 kHz | `{"end":true}` | `{"text","confidence","alternatives":[{"text","probability"}]}`, or `{"error"}` |
//! | `vosk` | `{"config":{"sample_rate":8000,"words":true}}` | 16-bit, 8 kHz | `{"eof":1}` | `{"partial"}`, `{"text","result":[{"conf"}]}`, or where its operator wants them `{"alternatives":[{"text","confidence"}]}`; one to each message with audio, one at the end |
//! | `funasr` | `{"mode":"offline","wav_format":"pcm","audio_fs":8000,…}` | 16-bit, 8 kHz | `{"is_speaking":false}` | `{"mode","text"}` |
//! | `sherpa-onnx` (streaming server) | nothing | 32-bit floats, 16 kHz | `Done` | `{"segment","text","ys_probs"}` as it grows, then `Done!` |

use super::upsample;
use crate::base::{Hypothesis, Lang};
use crate::limits::OTHERS_MAX;
use serde::Deserialize;
use std::collections::BTreeMap;

/// How a server wants to be spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// Ours, for whoever writes a server for it.
    Trunkline,
    /// alphacep's vosk-server.
    Vosk,
    /// FunASR's runtime, offline mode.
    Funasr,
    /// k2-fsa's online-websocket-server.
    SherpaOnnx,
}

/// A message to the server.
#[derive(Debug, Clone, PartialEq)]
pub enum Sent {
    Text(String),
    Octets(Vec<u8>),
}

/// How sure a sentence is that comes from a server which does not say so.
const UNTOLD: f32 = 0.9;
/// The probability of a sentence beside alternatives that leave nothing for it.
const LEAST_OWN: f32 = 0.01;

impl Dialect {
    /// The sub-protocol that is offered (RFC 6455 §1.9).
    pub fn sub_protocol(self) -> Option<&'static str> {
        (self == Dialect::Funasr).then_some("binary")
    }

    /// What is said before the audio, if anything is.
    pub fn begin(self, lang: Lang) -> Option<Sent> {
        let text = match self {
            Dialect::Trunkline => {
                return Some(Sent::Text(format!(r#"{{"lang":"{}","rate":8000}}"#, lang.code())));
            }
            Dialect::Vosk => r#"{"config":{"sample_rate":8000,"words":true}}"#,
            Dialect::Funasr => concat!(
                r#"{"mode":"offline","wav_name":"call","wav_format":"pcm","audio_fs":8000,"#,
                r#""chunk_size":[5,10,5],"itn":false,"is_speaking":true}"#
            ),
            Dialect::SherpaOnnx => return None,
        };
        Some(Sent::Text(text.to_owned()))
    }

    /// A message of 8 kHz samples.
    pub fn audio(self, samples: &[i16]) -> Sent {
        Sent::Octets(match self {
            Dialect::SherpaOnnx => upsample(samples).iter().flat_map(|s| s.to_le_bytes()).collect(),
            _ => samples.iter().flat_map(|s| s.to_le_bytes()).collect(),
        })
    }

    /// What is said after it.
    pub fn end(self) -> Sent {
        let text = match self {
            Dialect::Trunkline => r#"{"end":true}"#,
            Dialect::Vosk => r#"{"eof":1}"#,
            Dialect::Funasr => r#"{"is_speaking":false}"#,
            Dialect::SherpaOnnx => "Done",
        };
        Sent::Text(text.to_owned())
    }
}

/// What was written down, and how sure that is, 0–1.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transcript {
    pub text: String,
    pub confidence: f32,
    /// What it may have been instead, likeliest first.
    pub others: Vec<Hypothesis>,
}

/// A server's answer as it comes.
#[derive(Debug)]
pub struct Answer {
    dialect: Dialect,
    /// By segment, those of one utterance.
    parts: BTreeMap<u64, Part>,
    /// Messages so far, and those with audio that were sent.
    count: u64,
    audio: u64,
}

#[derive(Debug)]
struct Part {
    text: String,
    /// The sum of what is said of how sure each piece is, and of how many pieces.
    sure: (f32, f32),
    /// What it may have been instead, each with its weight where that of `text` is 1.
    others: Vec<(String, f32)>,
}

/// All that any of the dialects says.
#[derive(Deserialize)]
struct Raw {
    text: Option<String>,
    confidence: Option<f32>,
    error: Option<String>,
    #[serde(default)]
    result: Vec<RawWord>,
    #[serde(default)]
    segment: u64,
    #[serde(default)]
    ys_probs: Vec<f32>,
    #[serde(default)]
    alternatives: Vec<RawAlternative>,
}

#[derive(Deserialize)]
struct RawAlternative {
    text: String,
    /// Vosk's: a logarithm, of which differences count.
    #[serde(default)]
    confidence: f32,
    /// Ours: 0–1, of all that the sentence may have been.
    #[serde(default)]
    probability: f32,
}

#[derive(Deserialize)]
struct RawWord {
    conf: Option<f32>,
}

impl Answer {
    /// One that has not begun.
    pub fn new(dialect: Dialect) -> Answer {
        Answer { dialect, parts: BTreeMap::new(), count: 0, audio: 0 }
    }

    /// A message with audio was sent.
    pub fn audio_sent(&mut self) {
        self.audio += 1;
    }

    /// Takes a text from the server; gives the sentence once it is whole.
    ///
    /// # Errors
    /// When this is not the dialect that was expected, or the server says that it failed.
    pub fn take(&mut self, text: &str) -> Result<Option<Transcript>, String> {
        if self.dialect == Dialect::SherpaOnnx && text == "Done!" {
            return Ok(Some(self.all()));
        }
        let mut raw: Raw =
            serde_json::from_str(text).map_err(|e| format!("an answer that cannot be read: {e}"))?;
        if let Some(error) = raw.error.take().filter(|e| !e.is_empty()) {
            return Err(error);
        }
        self.count += 1;
        let others = raw.others(self.dialect);
        if let Some(text) = raw.text {
            let told = match self.dialect {
                Dialect::Trunkline => raw.confidence.into_iter().collect(),
                Dialect::Vosk => raw.result.iter().filter_map(|w| w.conf).collect(),
                // Logarithms of probabilities.
                Dialect::SherpaOnnx => raw.ys_probs.iter().map(|p| p.exp()).collect::<Vec<f32>>(),
                Dialect::Funasr => Vec::new(),
            };
            let key = if self.dialect == Dialect::SherpaOnnx { raw.segment } else { self.count };
            let sure = (told.iter().sum(), told.len() as f32);
            self.parts.insert(key, Part { text, sure, others });
        }
        let whole = match self.dialect {
            Dialect::Trunkline | Dialect::Funasr => !self.parts.is_empty(),
            // One to each message with audio, and one at the end.
            Dialect::Vosk => self.count == self.audio + 1,
            Dialect::SherpaOnnx => false,
        };
        Ok(whole.then(|| self.all()))
    }

    fn all(&self) -> Transcript {
        let (sum, count) = self.parts.values().fold((0.0, 0.0), |(s, n), p| (s + p.sure.0, n + p.sure.1));
        let confidence = if count > 0.0 { (sum / count).clamp(0.0, 1.0) } else { UNTOLD };
        // In each, one part is another.
        let others = self.parts.iter().flat_map(|(key, part)| part.others.iter().map(move |o| (*key, o)));
        let mut others: Vec<(String, f32)> =
            others.map(|(key, (text, weight))| (self.text_with(Some((key, text))), *weight)).collect();
        others.sort_by(|a, b| b.1.total_cmp(&a.1));
        others.truncate(OTHERS_MAX);
        let all = 1.0 + others.iter().map(|(_, weight)| weight).sum::<f32>();
        let others =
            others.into_iter().map(|(text, weight)| Hypothesis { text, probability: weight / all }).collect();
        Transcript { text: self.text_with(None), confidence, others }
    }

    /// The whole sentence, with another text in place of a part's.
    fn text_with(&self, other: Option<(u64, &str)>) -> String {
        let text = |(key, part): (&u64, &'_ Part)| match other {
            Some((at, text)) if at == *key => text.trim().to_owned(),
            _ => part.text.trim().to_owned(),
        };
        let texts: Vec<String> = self.parts.iter().map(text).filter(|t| !t.is_empty()).collect();
        texts.join(" ")
    }
}

impl Raw {
    /// What it may have been instead, each with its weight where that of the text is 1; where Vosk gives several, the first is the text.
    fn others(&mut self, dialect: Dialect) -> Vec<(String, f32)> {
        let mut given = std::mem::take(&mut self.alternatives);
        let weight: &dyn Fn(&RawAlternative) -> f32 = match dialect {
            Dialect::Vosk if !given.is_empty() => {
                let first = given.remove(0);
                self.text = Some(first.text);
                &move |other| (other.confidence - first.confidence).exp()
            }
            Dialect::Trunkline => {
                let own = (1.0 - given.iter().map(|o| o.probability).sum::<f32>()).max(LEAST_OWN);
                &move |other| other.probability / own
            }
            _ => return Vec::new(),
        };
        let weighed = given.into_iter().map(|other| (weight(&other), other.text));
        weighed.filter(|(w, _)| w.is_finite() && *w > 0.0).map(|(w, text)| (text, w)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(dialect: Dialect, answers: &[&str]) -> Option<(String, f32)> {
        let mut answer = Answer::new(dialect);
        answer.audio_sent();
        let (last, before) = answers.split_last().unwrap();
        assert!(before.iter().all(|text| answer.take(text).unwrap().is_none()));
        answer.take(last).unwrap().map(|t| (t.text, t.confidence))
    }

    #[test]
    fn each_dialect_says_when_the_sentence_is_whole() {
        let sure = |text: &str, confidence| Some((text.to_owned(), confidence));
        assert_eq!(
            heard(Dialect::Trunkline, &[r#"{"text":"my water is off","confidence":0.75}"#]),
            sure("my water is off", 0.75)
        );
        let vosk = [
            r#"{"text":"my water"}"#,
            r#"{"text":"is off","result":[{"conf":1.0,"word":"is"},{"conf":0.5}]}"#,
        ];
        assert_eq!(heard(Dialect::Vosk, &vosk), sure("my water is off", 0.75));
        assert_eq!(heard(Dialect::Vosk, &[r#"{"partial":"my"}"#, r#"{"text":""}"#]), sure("", UNTOLD));
        let funasr = r#"{"mode":"offline","text":"我家停水了","wav_name":"call","is_final":false}"#;
        assert_eq!(heard(Dialect::Funasr, &[funasr]), sure("我家停水了", UNTOLD));
        let sherpa = [
            r#"{"text":" my wat","segment":0,"ys_probs":[-0.1]}"#,
            r#"{"text":" my water","segment":0,"ys_probs":[0.0,0.0]}"#,
            r#"{"text":" is off","segment":1,"is_final":false}"#,
            "Done!",
        ];
        assert_eq!(heard(Dialect::SherpaOnnx, &sherpa), sure("my water is off", 1.0));
    }

    #[test]
    fn what_a_sentence_may_have_been_instead_comes_with_its_probability() {
        let others = |dialect: Dialect, answers: &[&str]| {
            let mut answer = Answer::new(dialect);
            answer.audio_sent();
            let heard = answers.iter().filter_map(|text| answer.take(text).unwrap()).next().unwrap();
            let others = heard.others.into_iter().map(|o| (o.text, (o.probability * 100.0).round() as u8));
            (heard.text, others.collect::<Vec<_>>())
        };
        let ours = r#"{"text":"five","confidence":0.8,"alternatives":[{"text":"one","probability":0.1},{"text":"nine","probability":0.3},
            {"text":"none","probability":0}]}"#;
        let (five, nine, one) = ("five".to_owned(), ("nine".to_owned(), 30), ("one".to_owned(), 10));
        assert_eq!(others(Dialect::Trunkline, &[ours]), (five, vec![nine, one]));
        let vosk = [
            r#"{"alternatives":[{"text":"my","confidence":219.0},{"text":"why","confidence":218.0}]}"#,
            r#"{"alternatives":[{"text":"bill","confidence":101.0},{"text":"pill","confidence":101.0}]}"#,
        ];
        let (pill, why) = (("my pill".to_owned(), 42), ("why bill".to_owned(), 16));
        assert_eq!(others(Dialect::Vosk, &vosk), ("my bill".to_owned(), vec![pill, why]));
        // More than everything: what is left is little, and not nothing.
        let more = r#"{"text":"a","alternatives":[{"text":"b","probability":7.5}]}"#;
        assert_eq!(others(Dialect::Trunkline, &[more]).1, [("b".to_owned(), 100)]);
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        assert!(
            Answer::new(Dialect::Vosk)
                .take("hello")
                .unwrap_err()
                .starts_with("an answer that cannot be read")
        );
        assert_eq!(
            Answer::new(Dialect::Trunkline).take(r#"{"error":"no model"}"#),
            Err("no model".to_owned())
        );
    }

    #[test]
    fn a_sentence_is_sent_in_the_form_that_the_server_wants() {
        let samples = [1, -2, 3, 4];
        for dialect in [Dialect::Trunkline, Dialect::Vosk, Dialect::Funasr] {
            for sent in [dialect.begin(Lang::En).unwrap(), dialect.end()] {
                assert!(
                    matches!(sent, Sent::Text(t) if serde_json::from_str::<serde_json::Value>(&t).is_ok())
                );
            }
            assert_eq!(dialect.audio(&samples), Sent::Octets(vec![1, 0, 0xfe, 0xff, 3, 0, 4, 0]));
        }
        let audio = Dialect::SherpaOnnx.audio(&samples);
        assert!(matches!(audio, Sent::Octets(o) if o.len() == 4 * 2 * samples.len()));
        let (begin, end) = (Dialect::SherpaOnnx.begin(Lang::Zh), Dialect::SherpaOnnx.end());
        assert_eq!((begin, end), (None, Sent::Text("Done".into())));
    }
}
