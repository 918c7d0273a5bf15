//! A sentence in pieces: words, Han characters, runs of digits, marks. Made once; every grammar reads it.
//!
//! Letters become lower case, full-width forms half-width, traditional characters simplified. Each token keeps its place in
//! the text as it was given.

use super::super::han::{is_han, simplified};
use crate::limits::SLOT_TOKENS_MAX;
use std::ops::Range;

/// What a token is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    Han,
    Digits,
    Mark,
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// Normalised; of a Han token one character.
    pub(super) text: String,
    /// Bytes in the text.
    pub(super) span: Range<usize>,
    /// Nothing stands between it and the token before.
    pub(super) glued: bool,
}

/// The tokens of one text; places are indices of tokens.
#[derive(Debug)]
pub(super) struct Tokens {
    tokens: Vec<Token>,
}

fn plain(ch: char) -> char {
    match ch {
        '～' => '~',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(ch as u32 - 0xfee0).unwrap_or(ch).to_ascii_lowercase(),
        '—' | '–' | '−' | '‐' | '‑' => '-',
        '’' | '‘' => '\'',
        '零' | '〇' => '零',
        // Three, in formal figures; elsewhere 参, which no grammar reads.
        '參' => '叁',
        _ => ch,
    }
}

fn kind(ch: char) -> Kind {
    if is_han(ch) || ch == '零' {
        Kind::Han
    } else if ch.is_ascii_digit() {
        Kind::Digits
    } else if ch.is_alphabetic() {
        Kind::Word
    } else {
        Kind::Mark
    }
}

impl Tokens {
    pub(super) fn new(text: &str) -> Tokens {
        let mut tokens: Vec<Token> = Vec::new();
        let mut chars = text.char_indices().peekable();
        let mut glued = false;
        while let Some((at, raw)) = chars.next().filter(|_| tokens.len() < SLOT_TOKENS_MAX) {
            let ch = plain(raw);
            if ch.is_whitespace() || ch.is_control() {
                glued = false;
                continue;
            }
            let end = at + raw.len_utf8();
            let kind = kind(ch);
            let joins = |t: &&mut Token| {
                glued
                    && match kind {
                        Kind::Word => t.kind == Kind::Word,
                        Kind::Digits => t.kind == Kind::Digits,
                        // The apostrophe of "o'clock", not a quotation mark.
                        Kind::Mark => {
                            ch == '\''
                                && t.kind == Kind::Word
                                && chars.peek().is_some_and(|(_, next)| next.is_ascii_alphabetic())
                        }
                        Kind::Han => false,
                    }
            };
            if let Some(last) = tokens.last_mut().filter(joins) {
                last.text.extend(ch.to_lowercase());
                last.span.end = end;
            } else {
                let text =
                    if kind == Kind::Han { simplified(ch).to_string() } else { ch.to_lowercase().collect() };
                tokens.push(Token { kind, text, span: at..end, glued });
            }
            glued = true;
        }
        Tokens { tokens }
    }

    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// The text at `at`; nothing beyond the ends.
    pub(super) fn word(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |t| t.text.as_str())
    }

    pub(super) fn is(&self, at: usize, words: &[&str]) -> bool {
        words.contains(&self.word(at)) && at < self.len()
    }

    /// True if the token touches the one before it.
    pub(super) fn glued(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|t| t.glued)
    }

    /// The digits at `at`.
    pub(super) fn digits(&self, at: usize) -> Option<&str> {
        self.tokens.get(at).filter(|t| t.kind == Kind::Digits).map(|t| t.text.as_str())
    }

    pub(super) fn kind(&self, at: usize) -> Option<Kind> {
        self.tokens.get(at).map(|t| t.kind)
    }

    /// The place after `phrase`, if it stands at `at`: words apart, Han characters one by one.
    pub(super) fn lit(&self, at: usize, phrase: &str) -> Option<usize> {
        let mut at = at;
        for part in phrase.split(' ') {
            if part.is_empty() {
                return None;
            }
            if part.chars().all(is_han) {
                for ch in part.chars() {
                    let mut buffer = [0; 4];
                    if self.word(at) != ch.encode_utf8(&mut buffer) {
                        return None;
                    }
                    at += 1;
                }
            } else if self.word(at) == part {
                at += 1;
            } else {
                return None;
            }
        }
        Some(at)
    }

    /// The longest of `phrases` at `at`, and the place after it.
    pub(super) fn one_of(&self, at: usize, phrases: &[&str]) -> Option<usize> {
        phrases.iter().filter_map(|p| self.lit(at, p)).max()
    }

    /// The value of the longest phrase of `table` at `at`, and the place after it.
    pub(super) fn lookup<T: Copy>(&self, at: usize, table: &[(&str, T)]) -> Option<(T, usize)> {
        let found = table.iter().filter_map(|(phrase, value)| Some((*value, self.lit(at, phrase)?)));
        found.max_by_key(|(_, next)| *next)
    }

    /// The bytes of the text from token `from` up to token `to`.
    pub(super) fn span(&self, from: usize, to: usize) -> Range<usize> {
        let start = self.tokens.get(from).map_or(0, |t| t.span.start);
        let end = to.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(start, |t| t.span.end);
        start..end.max(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_digits_and_han_characters_are_tokens_of_their_own() {
        let tokens = Tokens::new("At 3pm, 下周三 o'clock");
        let words: Vec<&str> = (0..tokens.len()).map(|at| tokens.word(at)).collect();
        assert_eq!(words, ["at", "3", "pm", ",", "下", "周", "三", "o'clock"]);
        assert!(tokens.glued(2) && !tokens.glued(1));
        assert_eq!(tokens.lit(4, "下周三"), Some(7));
    }

    #[test]
    fn full_width_and_traditional_forms_are_made_alike() {
        let tokens = Tokens::new("３點");
        assert_eq!((tokens.word(0), tokens.word(1)), ("3", "点"));
        assert_eq!(tokens.span(0, 2), 0.."３點".len());
    }
}
