//! What a caller's "no, …" makes of a value that was read back.
//!
//! "not 5, 6" and 不是五是六 change digits in place, "the last four are 1234" and 最后四位是1234 a tail, "no, seven" the
//! end of a string of digits; of a date and time only what is said anew changes.

use super::token::Tokens;
use super::{DateTime, Shape, SlotType, Value, When, digits, extract, number};
use crate::base::Lang;

/// The value that `text` makes of `old`, if it says one.
pub fn correct(slot: &SlotType, lang: Lang, old: &Value, text: &str, now: DateTime) -> Option<Value> {
    let t = Tokens::new(text);
    if let Some(had) = digits_of(old)
        && let Some(digits) = in_place(lang, &t, had).or_else(|| ends(lang, &t, had))
    {
        return Some(with_digits(old, digits));
    }
    let start = after_no(&t);
    // Fewer digits than there were: the last of them.
    if let Some(had) = digits_of(old)
        && let Some((new, _)) = digits::string(lang, &t, start)
        && new.len() < had.len().min(5)
    {
        return tail(lang, &t, start, had).map(|digits| with_digits(old, digits));
    }
    let rest = text.get(t.span(start, t.len())).unwrap_or_default();
    let found = extract(slot, lang, rest, now);
    // "not five, six": what it is not comes first.
    let value = found.iter().rfind(|f| f.value != *old && f.fault.is_none()).map(|f| f.value.clone());
    match (old, value) {
        (Value::When(old), Some(Value::When(new))) => Some(Value::When(merged(old, new))),
        (_, Some(value)) => Some(value),
        (_, None) => tail(lang, &t, start, digits_of(old)?).map(|digits| with_digits(old, digits)),
    }
}

/// True if a sentence takes back what was said before: "no, …", "actually …", 不对，…
pub fn takes_back(text: &str) -> bool {
    const BACK: &[&str] = &[
        "no",
        "not",
        "nope",
        "sorry",
        "wait",
        "actually",
        "i meant",
        "i mean",
        "correction",
        "oops",
        "change",
        "make it",
        "rather",
        "wrong",
        "that is wrong",
        "that's wrong",
        "oh no",
        "oh sorry",
        "不对",
        "不是",
        "不",
        "错了",
        "说错了",
        "我说错了",
        "等等",
        "等一下",
        "我是说",
        "我的意思是",
        "改成",
        "改为",
        "应该是",
        "哦不",
        "抱歉",
        "对不起",
    ];
    Tokens::new(text).one_of(0, BACK).is_some()
}

/// The half of the day that an answer names: true for the afternoon and later.
pub fn afternoon(text: &str) -> Option<bool> {
    const FIRST: &[&str] = &["morning", "am", "a.m", "a m", "上午", "早上", "凌晨", "早晨"];
    const SECOND: &[&str] = &[
        "afternoon",
        "evening",
        "night",
        "noon",
        "pm",
        "p.m",
        "p m",
        "下午",
        "晚上",
        "中午",
        "傍晚",
        "夜里",
    ];
    let t = Tokens::new(text);
    (0..t.len()).find_map(|at| {
        let second = t.one_of(at, SECOND).map(|_| true);
        second.or_else(|| t.one_of(at, FIRST).map(|_| false))
    })
}

fn digits_of(value: &Value) -> Option<&str> {
    match value {
        Value::Digits(digits) => Some(digits),
        Value::Phone(phone) => Some(&phone.number),
        _ => None,
    }
}

fn with_digits(old: &Value, digits: String) -> Value {
    match old {
        Value::Phone(phone) => {
            Value::Phone(super::Phone { number: digits, extension: phone.extension.clone() })
        }
        _ => Value::Digits(digits),
    }
}

/// Past "no", "sorry", 不对.
fn after_no(t: &Tokens) -> usize {
    const NOISE: &[&str] = &[
        "no",
        "nope",
        "sorry",
        "wrong",
        "it is",
        "it's",
        "that is",
        "that's",
        "i mean",
        "i said",
        "actually",
        ",",
        "，",
        "。",
        ".",
        "不对",
        "不",
        "错了",
        "应该是",
        "我说的是",
        "是",
        "不是",
    ];
    let mut at = 0;
    while let Some(next) = t.one_of(at, NOISE) {
        at = next;
    }
    at
}

/// "not 5, 6": the last 5 becomes 6.
fn in_place(lang: Lang, t: &Tokens, had: &str) -> Option<String> {
    let start = (0..t.len()).find_map(|at| t.one_of(at, &["not", "不是"]))?;
    let (wrong, next) = first_digits(lang, t, start)?;
    let next = t
        .one_of(
            next,
            &[
                ", but",
                "but",
                ", it is",
                ", it's",
                "it is",
                "it's",
                ", 是",
                "，是",
                "，而是",
                "而是",
                "是",
                ",",
                "，",
            ],
        )
        .unwrap_or(next);
    let (right, _) = first_digits(lang, t, next)?;
    let at = had.rfind(&wrong)?;
    Some(format!("{}{right}{}", had.get(..at)?, had.get(at + wrong.len()..)?))
}

/// Digits up to a pause: the comma in "not 5, 6" parts two of them.
fn first_digits(lang: Lang, t: &Tokens, at: usize) -> Option<(String, usize)> {
    let stop =
        (at..t.len()).find(|i| t.is(*i, &[",", "，", "but", "而", "是", "it", "it's"])).unwrap_or(t.len());
    let mut out = String::new();
    let mut next = at;
    while next < stop {
        let (digits, after) = digits::single(lang, t, next)?;
        out.push_str(&digits);
        next = after;
    }
    // "not five six": no pause was written, so the first is wrong and the rest right.
    if stop == t.len() && next == stop && out.len() == 2 && at + 2 == next {
        return Some((out.get(..1)?.to_owned(), at + 1));
    }
    (!out.is_empty()).then_some((out, next))
}

/// "the last four are 1234", 前三位是138.
fn ends(lang: Lang, t: &Tokens, had: &str) -> Option<String> {
    for at in 0..t.len() {
        let (front, from) = match t.lookup(
            at,
            &[
                ("last", false),
                ("最后", false),
                ("后", false),
                ("末", false),
                ("尾数", false),
                ("first", true),
                ("前", true),
                ("开头", true),
            ],
        ) {
            Some(found) => found,
            None => continue,
        };
        let (count, next) =
            number::cardinal(lang, t, from).map_or((None, from), |(n, next)| (Some(n as usize), next));
        let next =
            t.one_of(next, &["digits", "numbers", "digit", "位数", "位", "个数字", "个"]).unwrap_or(next);
        let next = t.one_of(next, &["are", "is", "should be", "是", "应该是", "为"]).unwrap_or(next);
        let (digits, _) = digits::string(lang, t, next)?;
        let count = count.unwrap_or(digits.len());
        if count != digits.len() || count > had.len() {
            return None;
        }
        return Some(if front {
            format!("{digits}{}", had.get(count..)?)
        } else {
            format!("{}{digits}", had.get(..had.len() - count)?)
        });
    }
    None
}

/// "no, seven": the last digits.
fn tail(lang: Lang, t: &Tokens, start: usize, had: &str) -> Option<String> {
    let (digits, _) = (start..t.len()).find_map(|at| digits::string(lang, t, at))?;
    let keep = had.len().checked_sub(digits.len())?;
    Some(format!("{}{digits}", had.get(..keep)?))
}

/// The date of one and the time of the other, if the new one tells only half.
fn merged(old: &When, new: When) -> When {
    let (Some(had), Some(says)) = (old.from, new.from) else { return new };
    if old.shape != Shape::DateTime || old.range || new.range || new.shape == Shape::DateTime {
        return new;
    }
    let (date, time) =
        if new.shape == Shape::Time { (had.date(), says.time()) } else { (says.date(), had.time()) };
    let half_open = if new.shape == Shape::Time { new.half_open } else { old.half_open };
    When { shape: Shape::DateTime, from: Some(date.to_datetime(time)), to: None, range: false, half_open }
}
