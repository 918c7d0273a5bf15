//! A neural voice in the form that piper publishes: `NAME.onnx` with `NAME.onnx.json`. Here: what the JSON says, and how phonemes
//! become the numbers that the network reads.
//!
//! In: a text. Out: [`Sentence`]s to say one after the other, each of [`Clause`]s whose phonemes espeak-ng finds; from those the numbers
//! (`^`, then each code point and `_`, then `$`, as the voices were trained). The network itself is run in a process of its own
//! (`drive/piper.rs`).

use super::pinyin::to_pinyin;
use crate::base::Lang;
use serde::Deserialize;
use std::collections::HashMap;

/// What is said without stopping: words, and the mark that ends them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    pub words: String,
    /// One of `,` `.` `!` `?` `;` `:`.
    pub mark: char,
}

/// Clauses of which the last ends with `.`, `!` or `?`.
pub type Sentence = Vec<Clause>;

/// The marks of both scripts, as the voices know them.
fn mark(c: char) -> Option<char> {
    Some(match c {
        ',' | '，' | '、' => ',',
        '.' | '。' => '.',
        '!' | '！' => '!',
        '?' | '？' => '?',
        ';' | '；' => ';',
        ':' | '：' => ':',
        _ => return None,
    })
}

/// The sentences of a text. A mark within a number or a word (`3.5`, `10:30`) ends nothing.
pub fn sentences(text: &str) -> Vec<Sentence> {
    let (mut all, mut sentence, mut words) = (Vec::new(), Sentence::new(), String::new());
    let mut rest = text.chars().peekable();
    let close = |words: &mut String, mark: char, sentence: &mut Sentence| {
        let said = std::mem::take(words).trim().to_owned();
        if said.chars().any(char::is_alphanumeric) {
            sentence.push(Clause { words: said, mark });
        }
    };
    while let Some(c) = rest.next() {
        let within = c.is_ascii() && rest.peek().is_some_and(|next| next.is_alphanumeric());
        match mark(c).filter(|_| !within) {
            Some(mark) => {
                close(&mut words, mark, &mut sentence);
                if matches!(mark, '.' | '!' | '?') && !sentence.is_empty() {
                    all.push(std::mem::take(&mut sentence));
                }
            }
            None => words.push(c),
        }
    }
    close(&mut words, '.', &mut sentence);
    all.extend(Some(sentence).filter(|s| !s.is_empty()));
    all
}

/// What is known of a voice beside its network.
#[derive(Debug, Clone, PartialEq)]
pub struct PiperVoice {
    /// Samples a second.
    pub rate: u32,
    pub lang: Lang,
    /// espeak-ng's name of the voice whose phonemes it reads.
    pub espeak: String,
    /// How many people it can speak as; their names, if they have any.
    pub speakers: u32,
    pub names: HashMap<String, u32>,
    /// How much the sound varies, how long it takes, and how much the lengths vary; as trained.
    pub noise: f32,
    pub length: f32,
    pub noise_of_lengths: f32,
    ids: HashMap<char, Vec<i32>>,
}

#[derive(Deserialize)]
struct Raw {
    audio: RawAudio,
    espeak: RawEspeak,
    #[serde(default)]
    inference: RawInference,
    #[serde(default)]
    phoneme_type: Option<String>,
    phoneme_id_map: HashMap<String, Vec<i32>>,
    #[serde(default)]
    num_speakers: Option<u32>,
    #[serde(default)]
    speaker_id_map: HashMap<String, u32>,
}

#[derive(Deserialize)]
struct RawAudio {
    sample_rate: u32,
}

#[derive(Deserialize)]
struct RawEspeak {
    voice: String,
}

#[derive(Deserialize, Default)]
struct RawInference {
    noise_scale: Option<f32>,
    length_scale: Option<f32>,
    noise_w: Option<f32>,
}

/// Sample rates that a voice may have.
const RATES: std::ops::RangeInclusive<u32> = 8000..=48_000;
/// What stands at the beginning, after each code point, and at the end.
const AROUND: [char; 3] = ['^', '_', '$'];

impl PiperVoice {
    /// Reads the JSON that stands beside a voice.
    ///
    /// # Errors
    /// What is missing or not understood.
    pub fn parse(json: &str) -> Result<PiperVoice, String> {
        let raw: Raw = serde_json::from_str(json).map_err(|e| format!("not a piper voice's JSON: {e}"))?;
        if let Some(other) = raw.phoneme_type.filter(|t| t != "espeak") {
            return Err(format!("its phonemes are of the type `{other}`: only `espeak` is understood"));
        }
        let lang = match raw.espeak.voice.split('-').next() {
            Some("en") => Lang::En,
            Some("cmn" | "zh") => Lang::Zh,
            _ => return Err(format!("it speaks `{}`: neither English nor Mandarin", raw.espeak.voice)),
        };
        if !RATES.contains(&raw.audio.sample_rate) {
            return Err(format!("a sample rate of {}", raw.audio.sample_rate));
        }
        let one = |(key, ids): (String, Vec<i32>)| Some((key.chars().next()?, ids));
        let ids: HashMap<char, Vec<i32>> = raw
            .phoneme_id_map
            .into_iter()
            .filter(|(key, _)| key.chars().count() == 1)
            .filter_map(one)
            .collect();
        if let Some(c) = AROUND.iter().find(|c| !ids.contains_key(c)) {
            return Err(format!("phoneme_id_map lacks `{c}`"));
        }
        Ok(PiperVoice {
            rate: raw.audio.sample_rate,
            lang,
            espeak: match lang {
                Lang::En => raw.espeak.voice,
                // Debian's `cmn` cannot read characters; the phonemes of pinyin are the same.
                Lang::Zh => "cmn-latn-pinyin".to_owned(),
            },
            speakers: raw.num_speakers.unwrap_or(1).max(1),
            names: raw.speaker_id_map,
            noise: raw.inference.noise_scale.unwrap_or(0.667),
            length: raw.inference.length_scale.unwrap_or(1.0),
            noise_of_lengths: raw.inference.noise_w.unwrap_or(0.8),
            ids,
        })
    }

    /// What espeak-ng is given for a clause.
    pub fn words(&self, clause: &Clause) -> String {
        match self.lang {
            Lang::En => clause.words.clone(),
            Lang::Zh => to_pinyin(&clause.words),
        }
    }

    /// The numbers of a sentence: phonemes as espeak-ng wrote them, each clause with its mark. What the voice does not know is left out.
    pub fn ids(&self, clauses: &[(String, char)]) -> Vec<i32> {
        let mut text = String::new();
        for (phonemes, mark) in clauses {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&without_languages(phonemes.trim()));
            text.push(*mark);
        }
        let [begin, pad, end] = AROUND.map(|c| self.ids.get(&c).cloned().unwrap_or_default());
        let mut out = [&begin[..], &pad[..]].concat();
        for known in text.chars().filter_map(|c| self.ids.get(&c)) {
            out.extend(known);
            out.extend(&pad);
        }
        out.extend(end);
        out
    }
}

/// espeak-ng marks a word of another language: `(fr)vˈu(en)`.
fn without_languages(phonemes: &str) -> String {
    let mut out = String::with_capacity(phonemes.len());
    let mut within = false;
    for c in phonemes.chars() {
        match c {
            '(' => within = true,
            ')' => within = false,
            '\n' => out.push(' '),
            _ if within => {}
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"audio":{"sample_rate":22050},"espeak":{"voice":"en-us"},"inference":{"noise_scale":0.5},
        "phoneme_type":"espeak","num_speakers":2,"speaker_id_map":{"p1":0,"p2":1},
        "phoneme_id_map":{"_":[0],"^":[1],"$":[2]," ":[3],"h":[4],"a":[5,6],".":[7],",":[8],"long":[9]}}"#;

    fn said(text: &str) -> Vec<Vec<(String, char)>> {
        sentences(text).into_iter().map(|s| s.into_iter().map(|c| (c.words, c.mark)).collect()).collect()
    }

    #[test]
    fn a_text_is_said_sentence_by_sentence_with_its_marks() {
        let clause = |words: &str, mark| (words.to_owned(), mark);
        assert_eq!(
            said("Hello, there. It is 3.5 at 10:30!  …"),
            [vec![clause("Hello", ','), clause("there", '.')], vec![clause("It is 3.5 at 10:30", '!')]]
        );
        assert_eq!(
            said("您好，请说。停水了吗"),
            [vec![clause("您好", ','), clause("请说", '.')], vec![clause("停水了吗", '.')]]
        );
        assert!(said(" ... ?").is_empty());
    }

    #[test]
    fn phonemes_become_the_numbers_that_the_voice_was_trained_on() {
        let voice = PiperVoice::parse(JSON).unwrap();
        assert_eq!(
            (voice.rate, voice.lang, voice.speakers, voice.noise, voice.length),
            (22_050, Lang::En, 2, 0.5, 1.0)
        );
        let ids = voice.ids(&[("ha".into(), ','), ("(fr)h(en)?".into(), '.')]);
        assert_eq!(ids, [1, 0, 4, 0, 5, 6, 0, 8, 0, 3, 0, 4, 0, 7, 0, 2]);
    }

    #[test]
    fn mandarin_is_given_as_pinyin() {
        let voice = PiperVoice::parse(&JSON.replace("en-us", "cmn")).unwrap();
        let clause = Clause { words: "您好".into(), mark: ',' };
        assert_eq!((voice.espeak.as_str(), voice.words(&clause)), ("cmn-latn-pinyin", to_pinyin("您好")));
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        for (from, to, why) in [
            ("\"espeak\",", "\"pinyin\",", "of the type `pinyin`"),
            ("en-us", "de", "neither English nor Mandarin"),
            ("22050", "5", "a sample rate of 5"),
            ("\"$\"", "\"x\"", "lacks `$`"),
            ("{\"audio\"", "{\"sound\"", "missing field `audio`"),
        ] {
            let error = PiperVoice::parse(&JSON.replacen(from, to, 1)).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
