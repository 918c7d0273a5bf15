//! Yes and no anywhere in an answer: the first that is said counts.

use super::super::han::is_han;
use super::super::universal::{NO, YES};
use super::token::Tokens;

/// Words that are too weak to count within a sentence: 是 and 对 begin other words.
fn weak(phrase: &str) -> bool {
    phrase.chars().count() == 1 && phrase.chars().all(is_han)
        || matches!(phrase, "right" | "not" | "correct" | "wrong")
}

/// Yes or no at `at`: (answer, score, next). The score is lower inside of a sentence.
pub(super) fn yes_no(t: &Tokens, at: usize) -> Option<(bool, f32, usize)> {
    let found = |phrases: &[&str], answer: bool| {
        let fits = |p: &&&str| {
            !weak(p)
                || at == 0 && (t.len() <= 2 || t.is(1, &[",", "，", ".", "。"]) || t.word(0) == t.word(1))
        };
        let next = phrases.iter().filter(fits).filter_map(|p| t.lit(at, p)).max()?;
        Some((answer, next))
    };
    // The longer wins: 不是 over 是, "not ok" over "ok".
    let (answer, next) =
        [found(NO, false), found(YES, true)].into_iter().flatten().max_by_key(|(_, next)| *next)?;
    let score = if at == 0 { 1.0 } else { 0.6 };
    Some((answer, score, next))
}
