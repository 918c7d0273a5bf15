//! Telephone numbers: written with the groupings of many countries, and spoken digit by digit with a country in front
//! and an extension behind.
//!
//! E.164 allows 15 digits; shorter than 8 only when nothing else is said (a local number of 7 is a whole answer).

use super::digits;
use super::token::{Kind, Tokens};
use super::value::Phone;
use crate::base::Lang;

const DIGITS_MAX: usize = 15;
/// In front of numbers that are not a phone's.
const OTHERS: &[&str] = &["account", "card", "ssn", "passport", "卡号", "账号", "账户", "帐号", "身份证"];
/// In front of numbers that are.
const CUES: &[&str] =
    &["phone", "telephone", "tel", "cell", "mobile", "fax", "call", "电话", "电话号", "手机", "传真", "号码"];
const EXTENSION: &[&str] = &[
    "ext",
    "ext .",
    ", ext",
    "extension",
    ", extension",
    "extension number",
    "x",
    "转",
    "分机",
    "分机号",
    "转分机",
];

/// The number at `at`.
pub(super) fn phone(lang: Lang, t: &Tokens, at: usize) -> Option<(Phone, usize)> {
    // The nearest word before it says what it is.
    let before = (at.saturating_sub(6)..at).rev();
    let cue = before.clone().find(|b| t.one_of(*b, CUES).is_some_and(|e| e <= at));
    let other = before.clone().find(|b| t.one_of(*b, OTHERS).is_some_and(|e| e <= at));
    if other > cue {
        return None;
    }
    let (number, groups, next) = written(t, at).or_else(|| spoken(lang, t, at))?;
    let count = number.trim_start_matches('+').len();
    let alone = at == 0 && next >= t.len().saturating_sub(1);
    let least = if cue.is_some() { 6 } else { 8 - usize::from(alone) };
    if !(least..=DIGITS_MAX).contains(&count) || !plausible(&groups) {
        return None;
    }
    let extension = t.one_of(next, EXTENSION).and_then(|from| digits::string(lang, t, from));
    let (extension, next) = extension.map_or((None, next), |(e, next)| (Some(e), next));
    // A word may touch the sign or bracket in front: "is+45 12 34 56 78".
    let start =
        (at..next).find(|i| t.digits(*i).is_some()).filter(|_| number.starts_with('+') || t.word(at) == "(");
    if digits::part_of_a_word(t, start.unwrap_or(at), next) {
        return None;
    }
    Some((Phone { number, extension }, next))
}

/// A written one: (number, groups of digits with the mark before each, next).
type Grouped = (String, Vec<(char, usize)>, usize);

fn written(t: &Tokens, at: usize) -> Option<Grouped> {
    let (mut number, mut groups, mut next) = (String::new(), Vec::new(), at);
    let (mut open, mut mark, mut end) = (0_i32, ' ', at);
    // In a sum or a longer number; a dash after a name is none.
    let sum = at > 0
        && t.glued(at)
        && (t.is(at - 1, &[".", ",", "+", "*", "/", "="])
            || t.word(at) == "+" && (t.digits(at - 1).is_some() || t.word(at - 1) == ")")
            || t.word(at - 1) == "-"
                && (!t.glued(at - 1) || t.digits(at - 2).is_some() || t.word(at - 2) == ")"));
    if sum || matches!(t.kind(at), Some(Kind::Word | Kind::Han)) {
        return None;
    }
    loop {
        match t.word(next) {
            "+" if number.is_empty() => number.push('+'),
            "(" if open == 0 => open += 1,
            // "123) 456-7890" has lost its "(".
            ")" if open == 1 && !groups.is_empty() || groups == [(' ', 3)] => {
                open = 0;
                end = next + 1;
            }
            "-" | "." | "/" if !groups.is_empty() && mark == ' ' && open == 0 => {
                mark = t.word(next).chars().next().unwrap_or(' ');
            }
            _ => {
                let Some(digits) = t.digits(next) else { break };
                // A date or a time begins: "(914) 349-8600 04/21/2020".
                let short = |at: usize| t.digits(at).is_some_and(|d| d.len() <= 2);
                let other =
                    t.is(next + 1, &["/", ":"]) && t.glued(next + 1) && short(next) && short(next + 2);
                if mark == ' ' && !t.glued(next) && other && !groups.is_empty() {
                    break;
                }
                number.push_str(digits);
                if number.len() > DIGITS_MAX + 6 {
                    return None;
                }
                groups.push((mark, digits.len()));
                mark = ' ';
                end = if open > 0 { end } else { next + 1 };
            }
        }
        next += 1;
    }
    let mut read: String = number;
    // "+44 (0) 161": the zero is not dialled after a country.
    if read.starts_with('+')
        && (at..end).any(|i| t.word(i) == "(" && t.word(i + 1) == "0" && t.word(i + 2) == ")")
    {
        let zero = (at..end).find(|i| t.word(*i) == "(" && t.word(*i + 1) == "0").unwrap_or(at);
        let before: usize = (at..zero).filter_map(|i| t.digits(i)).map(str::len).sum();
        read.remove(before + 1);
    }
    (end > at && open == 0).then_some((read, groups, end))
}

/// A spoken one, "plus" for a country.
fn spoken(lang: Lang, t: &Tokens, at: usize) -> Option<Grouped> {
    let plus = t.one_of(at, &["plus", "加"]);
    if t.digits(at).is_some() {
        return None;
    }
    let (digits, next) = digits::string(lang, t, plus.unwrap_or(at))?;
    let number = if plus.is_some() { format!("+{digits}") } else { digits };
    Some((number, Vec::new(), next))
}

/// Not a date, a decimal fraction, a social security number or a range of years.
fn plausible(groups: &[(char, usize)]) -> bool {
    let lengths: Vec<usize> = groups.iter().map(|(_, n)| *n).collect();
    let marks: Vec<char> = groups.iter().skip(1).map(|(m, _)| *m).collect();
    let all = |mark: char| !marks.is_empty() && marks.iter().all(|m| *m == mark);
    let date = (all('-') || all('.'))
        && matches!(lengths.as_slice(), [4, 1 | 2, 1 | 2] | [1 | 2, 1 | 2, 4] | [3, 2, 4] | [4, 4]);
    let decimal = lengths.len() == 2 && all('.') || all('/') && lengths.iter().all(|n| *n <= 4);
    let crumbs = lengths.len() > 7 && lengths.iter().all(|n| *n <= 2);
    !(decimal || crumbs || date && !matches!(lengths.as_slice(), [4, 4]))
}
