//! One configuration file's text, its places, and reading it as typed TOML.

use super::problem::Problem;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::ops::Range;

/// A file's name (for messages) and text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub name: String,
    pub text: String,
}

impl File {
    /// The name without folder and ending: what kind of file it is.
    pub fn stem(&self) -> &str {
        let base = self.name.rsplit('/').next().unwrap_or(&self.name);
        base.strip_suffix(".toml").unwrap_or(base)
    }

    /// Line and column, from 1, of an offset in octets; columns count characters.
    pub(super) fn place(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset.min(self.text.len())).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |i| i + 1);
        (line, before.get(start..).unwrap_or_default().chars().count() + 1)
    }

    /// A problem at `span` of this file.
    pub(crate) fn error(&self, span: Range<usize>, message: impl Into<String>) -> Problem {
        Problem::at(self, span, message.into())
    }

    /// The text as `T`; an unknown key or wrong type becomes a problem with the nearest right word.
    pub(crate) fn parse<T: DeserializeOwned>(&self, problems: &mut Vec<Problem>) -> Option<T> {
        match toml::from_str(&self.text) {
            Ok(value) => Some(value),
            Err(error) => {
                let span = error.span().unwrap_or(0..0);
                let message = error.message().to_owned();
                let help = unknown_word(&message);
                problems.push(self.error(span, message).help(help));
                None
            }
        }
    }
}

/// Serde says "unknown field `labl`, expected one of `label`, `key`": the nearest of those.
fn unknown_word(message: &str) -> Option<String> {
    let mut words = message.split('`').skip(1).step_by(2);
    let wrong = words.next().filter(|_| message.starts_with("unknown"))?;
    nearest(wrong, words)
}

/// "did you mean `x`?", if one of `words` is near enough to be a slip of the finger.
pub(crate) fn nearest<'a>(wrong: &str, words: impl Iterator<Item = &'a str>) -> Option<String> {
    words
        // Edit distance sees slips of the finger (`kye`), Jaro-Winkler what is longer or shorter (`languages`/`lang`).
        .map(|w| {
            (strsim::jaro_winkler(wrong, w).max(strsim::normalized_damerau_levenshtein(wrong, w) + 0.15), w)
        })
        .filter(|(score, _)| *score > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, w)| format!("did you mean `{w}`?"))
}

/// A short digest of all texts: the version that stands in call records.
pub(super) fn digest(files: &[File]) -> String {
    let mut hash = Sha256::new();
    for file in files {
        hash.update(file.name.as_bytes());
        hash.update([0]);
        hash.update(file.text.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().take(4).map(|b| format!("{b:02x}")).collect()
}
