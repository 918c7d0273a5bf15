//! One of a list: by name, by a name that sounds alike, or by its place in the list.

use super::number_en;
use super::number_zh;
use super::token::{Kind, Tokens};
use super::types::Entry;
use crate::base::Lang;
use pinyin::ToPinyin;

/// Below this likeness a name is not meant; below 4 letters only the name itself will do.
const LIKENESS_MIN: f64 = 0.75;
const LETTERS_MIN: usize = 4;

/// The entry at `at`: (its index, score, next).
pub(super) fn name(entries: &[Entry], t: &Tokens, at: usize) -> Option<(usize, f32, usize)> {
    let mut best: Option<(usize, f32, usize)> = None;
    for (index, entry) in entries.iter().enumerate() {
        for form in std::iter::once(&entry.name).chain(&entry.also) {
            let wanted = Tokens::new(form);
            // One token more or less: "new castle" for Newcastle.
            for length in wanted.len().saturating_sub(1).max(1)..=wanted.len() + 1 {
                if at + length > t.len() || length < wanted.len() && letters(&wanted, 0, wanted.len()).1 {
                    continue;
                }
                let score = likeness(&wanted, t, at, at + length);
                let better = best.is_none_or(|(_, s, next)| score > s || score == s && at + length > next);
                if score > 0.0 && better {
                    best = Some((index, score, at + length));
                }
            }
        }
    }
    best
}

/// What tokens sound like: letters, or toneless pinyin; and whether they are Han.
fn letters(t: &Tokens, from: usize, to: usize) -> (String, bool) {
    let mut out = String::new();
    let mut han = false;
    for at in from..to {
        let word = t.word(at);
        if t.kind(at) == Some(Kind::Han) {
            han = true;
            match word.chars().next().and_then(|c| c.to_pinyin()) {
                Some(sound) => out.push_str(sound.plain()),
                None => out.push_str(word),
            }
        } else if t.kind(at) != Some(Kind::Mark) {
            out.push_str(word);
        }
    }
    (out, han)
}

fn likeness(wanted: &Tokens, t: &Tokens, from: usize, to: usize) -> f32 {
    let same = to - from == wanted.len() && (0..wanted.len()).all(|i| wanted.word(i) == t.word(from + i));
    if same {
        return 1.0;
    }
    let ((want, han), (got, got_han)) = (letters(wanted, 0, wanted.len()), letters(t, from, to));
    let alike = if han { wanted.len() == to - from } else { want.chars().count() >= LETTERS_MIN };
    if han != got_han || !alike || want.is_empty() {
        return 0.0;
    }
    let likeness = strsim::normalized_levenshtein(&want, &got);
    if likeness < LIKENESS_MIN { 0.0 } else { (likeness * 0.95) as f32 }
}

/// "the second one", "number two", "the last", 第二个, 最后一个: (place from 0, next).
pub(super) fn place(lang: Lang, t: &Tokens, at: usize, count: usize) -> Option<(usize, usize)> {
    let last = count.checked_sub(1)?;
    let (place, next) = match lang {
        Lang::En => {
            let from = t.lit(at, "the").unwrap_or(at);
            if let Some(next) = t.one_of(from, &["last one", "last", "final one"]) {
                (last, next)
            } else if let Some((n, next)) = number_en::ordinal(t, from) {
                (n.checked_sub(1)? as usize, t.one_of(next, &["one", "option", "choice"]).unwrap_or(next))
            } else {
                let from = t.one_of(from, &["number", "option", "choice"])?;
                let (n, next) = number_en::cardinal(t, from)?;
                (n.checked_sub(1)? as usize, next)
            }
        }
        Lang::Zh => {
            if let Some(next) = t.one_of(at, &["最后一个", "最后一项", "最后那个"]) {
                (last, next)
            } else {
                let (n, next) = number_zh::cardinal(t, t.one_of(at, &["第", "选项", "选"])?)?;
                (n.checked_sub(1)? as usize, t.one_of(next, &["个", "项", "种", "条"]).unwrap_or(next))
            }
        }
    };
    (place <= last).then_some((place, next))
}
