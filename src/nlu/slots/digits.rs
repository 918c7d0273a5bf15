//! Strings of digits as they are spoken: "double five", "oh", "twenty three", 幺, 三个八, with pauses between and
//! corrections within: "one two three, no, four" is 124.

use super::number_en::SMALL;
use super::number_zh;
use super::token::{Kind, Tokens};
use crate::base::Lang;

/// What may stand between digits without ending them.
const BETWEEN: &[&str] = &[
    "-", ",", ".", "、", "，", "。", "uh", "um", "er", "erm", "then", "and then", "嗯", "啊", "呃", "然后",
    "杠",
];
/// What takes back the digits before it.
const TAKE_BACK: &[&str] = &[
    "no",
    "no no",
    "no sorry",
    "sorry",
    "i mean",
    "no i mean",
    "sorry i mean",
    "correction",
    "no wait",
    "wait",
    "wait no",
    "no it is",
    "no it's",
    "no that is",
    "不",
    "不对",
    "不是",
    "错了",
    "不对是",
    "不是是",
    "说错了",
    "不对应该是",
    "应该是",
    "不对不对",
    "错了是",
    "不对不对是",
];

/// The digits at `at`, at least one: (digits, next).
pub(super) fn string(lang: Lang, t: &Tokens, at: usize) -> Option<(String, usize)> {
    let (mut digits, mut next) = group(lang, t, at)?;
    loop {
        let mut from = next;
        while let Some(after) = t.one_of(from, BETWEEN) {
            from = after;
        }
        let mut taken_back = t.one_of(from, TAKE_BACK);
        while let Some(at) = taken_back
            && let Some(after) =
                [TAKE_BACK, BETWEEN, &["是", "it is", "it's"]].iter().filter_map(|p| t.one_of(at, p)).max()
        {
            taken_back = Some(after);
        }
        if let Some(after) = taken_back {
            let Some((right, end)) = run(lang, t, after) else { break };
            digits.truncate(digits.len().saturating_sub(right.len()));
            digits.push_str(&right);
            next = end;
        } else if let Some((more, end)) = group(lang, t, from) {
            digits.push_str(&more);
            next = end;
        } else {
            break;
        }
    }
    Some((digits, next))
}

/// Groups with only pauses between.
fn run(lang: Lang, t: &Tokens, at: usize) -> Option<(String, usize)> {
    let (mut digits, mut next) = group(lang, t, at)?;
    while let Some((more, end)) = group(lang, t, next) {
        digits.push_str(&more);
        next = end;
    }
    Some((digits, next))
}

/// One breath of digits: "5", "double five", "twenty three", "eight hundred", 三个八.
fn group(lang: Lang, t: &Tokens, at: usize) -> Option<(String, usize)> {
    if let Some(digits) = t.digits(at) {
        return Some((digits.to_owned(), at + 1));
    }
    match lang {
        Lang::Zh => {
            let d = number_zh::digit(t.word(at))?;
            if (2..=8).contains(&d)
                && t.word(at + 1) == "个"
                && let Some(again) = number_zh::digit(t.word(at + 2))
            {
                return Some((again.to_string().repeat(d as usize), at + 3));
            }
            // 三万, 二十 are numbers, not digits.
            let scaled = t.is(at + 1, &["十", "百", "千", "万", "亿", "个"]);
            (!scaled).then(|| (d.to_string(), at + 1))
        }
        Lang::En => {
            let times = match t.word(at) {
                "double" => 2,
                "triple" | "treble" => 3,
                "quadruple" => 4,
                _ => 0,
            };
            if times > 0 {
                let digit = english(t, at + 1).filter(|d| d.len() == 1)?;
                return Some((digit.repeat(times), at + 2));
            }
            let first = english(t, at)?;
            let next = at + 1;
            // "twenty three" is 23; "twenty", "thirty" alone are 20, 30.
            if first.len() == 2 && first.ends_with('0') && first != "10" {
                let next = if t.word(next) == "-" { next + 1 } else { next };
                if let Some(unit) = english(t, next).filter(|d| d.len() == 1 && d != "0") {
                    return Some((format!("{}{unit}", first.get(..1)?), next + 1));
                }
            }
            match t.word(next) {
                "hundred" => Some((first + "00", next + 1)),
                "thousand" => Some((first + "000", next + 1)),
                _ => Some((first, at + 1)),
            }
        }
    }
}

fn english(t: &Tokens, at: usize) -> Option<String> {
    let word = t.word(at);
    if matches!(word, "oh" | "o" | "nought" | "naught" | "nil") {
        return Some("0".into());
    }
    if let Some(n) = SMALL.iter().position(|w| *w == word) {
        return Some(n.to_string());
    }
    let tens = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    tens.iter().position(|w| *w == word).map(|n| (n * 10 + 20).to_string())
}

/// True if what touches the tokens `from..to` makes them part of a longer word or code: "s666", "91a".
pub(super) fn part_of_a_word(t: &Tokens, from: usize, to: usize) -> bool {
    let word = |at: usize| t.kind(at) == Some(Kind::Word);
    let before = from > 0 && t.glued(from) && (word(from - 1) || t.is(from - 1, &["#", "/", "="]));
    let after = t.glued(to) && (word(to) || t.is(to, &["/", "=", "_"]));
    let dashed = |mark: usize, far: usize| t.word(mark) == "-" && t.glued(mark.max(far)) && word(far);
    before
        || after
        || t.glued(to) && t.glued(to + 1) && dashed(to, to + 1)
        || from > 1 && t.glued(from) && t.glued(from - 1) && dashed(from - 1, from - 2)
}

/// True for a word that digits are said by.
pub fn says_digits(lang: Lang, word: &str) -> bool {
    let t = Tokens::new(word);
    let times = t.is(0, &["double", "triple", "treble", "quadruple", "个"]);
    word.chars().any(char::is_alphabetic) && (times || group(lang, &t, 0).is_some())
}

/// One breath of digits (see [`string`]).
pub(super) fn single(lang: Lang, t: &Tokens, at: usize) -> Option<(String, usize)> {
    group(lang, t, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_digits_are_said_by_are_told_from_others() {
        for (lang, word) in [
            (Lang::En, "seven"),
            (Lang::En, "oh"),
            (Lang::En, "twenty"),
            (Lang::En, "double"),
            (Lang::Zh, "幺"),
            (Lang::Zh, "个"),
        ] {
            assert!(says_digits(lang, word), "{word}");
        }
        for (lang, word) in
            [(Lang::En, "agent"), (Lang::En, "to"), (Lang::En, "7"), (Lang::Zh, "人"), (Lang::En, "")]
        {
            assert!(!says_digits(lang, word), "{word}");
        }
    }
}
