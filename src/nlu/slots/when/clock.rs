//! Times of day: "half past four", "quarter to five", "ten thirty", "3:15 pm", "1530", 三点半, 八点一刻, 差五分七点.

use super::super::number_en;
use super::super::number_zh;
use super::super::token::{Kind, Tokens};
use super::atom::{Atom, Clock};

fn clock(hour: i64, minute: i64, second: i64, fixed: bool, fine: bool) -> Option<Clock> {
    let valid = (0..=24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
    let fixed = fixed || hour > 12 || hour == 0;
    valid.then_some(Clock { hour, minute, second, fixed, fine })
}

/// "3:15", "15:30:10", "3.15 pm", "15h30", "13h".
pub(super) fn written(t: &Tokens, at: usize) -> Option<(Atom, usize)> {
    let digits = t.digits(at).filter(|d| d.len() <= 2)?;
    let hour: i64 = digits.parse().ok()?;
    let zero = digits.len() == 2 && digits.starts_with('0');
    let mark = t.word(at + 1);
    if !t.glued(at + 1) {
        return None;
    }
    if matches!(mark, ":" | "：") && t.glued(at + 2) {
        let minute: i64 = t.digits(at + 2).filter(|d| d.len() == 2)?.parse().ok()?;
        let seconds = (t.word(at + 3) == ":").then(|| t.digits(at + 4).filter(|d| d.len() == 2)).flatten();
        let next = at + if seconds.is_some() { 5 } else { 3 };
        let second = seconds.map_or(Some(0), |s| s.parse().ok())?;
        return Some((Atom::Clock(clock(hour, minute, second, zero, true)?), next));
    }
    if mark == "h" {
        let minute = t.digits(at + 2).filter(|d| d.len() == 2 && t.glued(at + 2));
        let next = at + if minute.is_some() { 3 } else { 2 };
        let fine = minute.is_some();
        // "3h" is a length.
        if !fine && hour <= 12 {
            return None;
        }
        let minute = minute.map_or(Some(0), |m| m.parse().ok())?;
        return Some((Atom::Clock(clock(hour, minute, 0, hour > 12 || fine, fine)?), next));
    }
    if mark == "." && t.glued(at + 2) && half_en(t, at + 3).is_some() {
        let minute: i64 = t.digits(at + 2).filter(|d| d.len() == 2)?.parse().ok()?;
        return Some((Atom::Clock(clock(hour, minute, 0, zero, true)?), at + 3));
    }
    None
}

/// "at 6.45", "between 9.30-4.30pm": a dot where a word says that a time comes.
fn dotted(t: &Tokens, at: usize) -> Option<(Atom, usize)> {
    let told = at > 0
        && (t.is(
            at - 1,
            &["at", "from", "to", "between", "until", "till", "by", "before", "after", "around"],
        ) || t.word(at - 1) == "-" && t.digits(at.wrapping_sub(2)).is_some());
    let hour: i64 = t.digits(at).filter(|d| d.len() <= 2)?.parse().ok()?;
    let minute: i64 = t.digits(at + 2).filter(|d| d.len() == 2)?.parse().ok()?;
    let joined = t.word(at + 1) == "." && t.glued(at + 1) && t.glued(at + 2);
    let longer = t.word(at + 3) == "." && t.glued(at + 3) && t.digits(at + 4).is_some()
        || t.is(at + 3, &["%", "percent", "degrees"]);
    (told && joined && !longer).then_some(())?;
    Some((Atom::Clock(clock(hour, minute, 0, false, true)?), at + 3))
}

/// "am", "p.m.", "a m", "p" right after digits.
pub(super) fn half_en(t: &Tokens, at: usize) -> Option<(bool, usize)> {
    const HALVES: &[(&str, bool)] = &[
        ("am", false),
        ("a . m .", false),
        ("a . m", false),
        ("a m", false),
        ("a.m.", false),
        ("pm", true),
        ("p . m .", true),
        ("p . m", true),
        ("p m", true),
        (". am", false),
        (". pm", true),
        ("in the am", false),
        ("in the pm", true),
    ];
    if let Some(found) = t.lookup(at, HALVES) {
        return Some(found);
    }
    let letter = t.glued(at) && at > 0 && t.digits(at - 1).is_some();
    (letter && t.is(at, &["a", "p"])).then(|| (t.word(at) == "p", at + 1))
}

/// An hour that stands before or after "past" and "to": in words, digits, noon or midnight.
fn hour_en(t: &Tokens, at: usize) -> Option<(i64, bool, usize)> {
    if let Some((hour, next)) = t.lookup(at, &[("noon", 12), ("midday", 12), ("midnight", 24)]) {
        return Some((hour, true, next));
    }
    let (hour, next) = number_en::cardinal(t, at).filter(|(h, _)| (1..=24).contains(h))?;
    let next = t.one_of(next, &["o'clock", "oclock", "o clock"]).unwrap_or(next);
    Some((i64::from(hour), false, next))
}

/// English times with words. `named` is true where something says that a time comes ("at").
pub(super) fn english(t: &Tokens, at: usize, named: bool) -> Option<(Atom, usize)> {
    if let Some((atom, next)) = written(t, at).or_else(|| dotted(t, at)) {
        return Some((
            atom,
            t.one_of(next, &["h", "hrs", "hours"]).filter(|n| t.glued(next) && !t.glued(*n)).unwrap_or(next),
        ));
    }
    if let Some(((hour, minute), next)) = t.lookup(
        at,
        &[
            ("noon", (12, 0)),
            ("midday", (12, 0)),
            ("mid day", (12, 0)),
            ("midnight", (24, 0)),
            ("mid night", (24, 0)),
            ("noontime", (12, 0)),
            ("noonish", (12, 0)),
            ("midmorning", (10, 0)),
            ("mid morning", (10, 0)),
            ("mid - morning", (10, 0)),
            ("midafternoon", (14, 0)),
            ("mid afternoon", (14, 0)),
            ("mid - afternoon", (14, 0)),
            ("12 noon", (12, 0)),
            ("12 midnight", (24, 0)),
            ("twelve noon", (12, 0)),
        ],
    ) {
        return Some((Atom::Clock(clock(hour, minute, 0, true, false)?), next));
    }
    if let Some(found) = past(t, at) {
        return Some(found);
    }
    // "1530", "730 pm"
    if let Some(digits) = t.digits(at).filter(|d| d.len() == 3 || d.len() == 4) {
        let span = |mark: usize, far: usize| {
            t.word(mark) == "-" && t.digits(far).is_some_and(|d| d.len() == digits.len())
        };
        let zero = digits.starts_with('0');
        let told = named
            || zero && at > 0 && t.is(at - 1, &["between", "from"]) && span(at + 1, at + 2)
            || at > 2
                && span(at - 1, at - 2)
                && t.is(at - 3, &["between", "from"])
                && (zero || t.word(at - 2).starts_with('0'))
            || half_en(t, at + 1).is_some()
            || t.one_of(at + 1, &["hours", "hrs", "h", "hour"])
                .is_some_and(|n| t.word(at + 1) != "h" || t.digits(n).is_none());
        let number: i64 = digits.parse().ok()?;
        let next = t.one_of(at + 1, &["hours", "hrs", "h", "hour", "ampm"]).unwrap_or(at + 1);
        let free = !t.is(at + 1, &["/", ".", ":"]) || !t.glued(at + 1) || t.digits(at + 2).is_none();
        return (told && free)
            .then_some(())
            .and_then(|()| Some((Atom::Clock(clock(number / 100, number % 100, 0, zero, true)?), next)));
    }
    let (hour, next) = number_en::cardinal(t, at).map(|(h, n)| (i64::from(h), n))?;
    // "nineteen hundred hours"
    if hour >= 100 && t.word(next) == "hours" && t.digits(at).is_none() {
        return Some((Atom::Clock(clock(hour / 100, hour % 100, 0, true, true)?), next + 1));
    }
    // "ten thirty": the number grammar stops between the two; "twenty three" is one number.
    let tick = t.one_of(next, &["o'clock", "oclock", "o clock", "hours", "ish", "- ish", "ampm"]);
    if let Some(after) = tick.filter(|_| (0..=24).contains(&hour)) {
        if t.word(after - 1) == "hours" && t.digits(at).is_none_or(|d| d.len() != 4) {
            return None;
        }
        return Some((Atom::Clock(clock(hour, 0, 0, false, false)?), after));
    }
    let digital = t.digits(at).is_some();
    if (1..=12).contains(&hour) && !(digital && t.glued(next))
        || (13..24).contains(&hour) && (named || !digital)
    {
        let dash = if t.word(next) == "-" && !digital { next + 1 } else { next };
        if let Some((minute, after)) = minutes_en(t, dash)
            .filter(|(_, after)| named || !digital && hour <= 12 || half_en(t, *after).is_some())
        {
            let unit_follows =
                t.is(after, &["minutes", "days", "people", "percent", "%", "hours", "weeks", "dollars"]);
            if !unit_follows {
                return Some((Atom::Clock(clock(hour, minute, 0, false, true)?), after));
            }
        }
    }
    if (1..=12).contains(&hour) && half_en(t, next).is_some() || named && (0..=24).contains(&hour) {
        let joined = t.glued(next) && t.is(next, &["/", "-", ".", ":"]) && t.digits(next + 1).is_some();
        let free = !joined && !t.is(next, &["%", "percent", "st", "nd", "rd", "th"]);
        return free.then_some(()).and_then(|()| Some((Atom::Clock(clock(hour, 0, 0, false, false)?), next)));
    }
    None
}

/// Minutes after an hour: "thirty", "oh five", "o five", "15".
fn minutes_en(t: &Tokens, at: usize) -> Option<(i64, usize)> {
    if t.is(at, &["oh", "o", "zero", "ou"]) {
        let at = if t.word(at + 1) == "-" { at + 2 } else { at + 1 };
        let (minute, next) = number_en::cardinal(t, at).filter(|(m, _)| *m < 10)?;
        return Some((i64::from(minute), next));
    }
    let (minute, next) = number_en::cardinal(t, at).filter(|(m, _)| (10..60).contains(m))?;
    Some((i64::from(minute), next))
}

/// "half past four", "a quarter to five", "twenty five minutes past three".
fn past(t: &Tokens, at: usize) -> Option<(Atom, usize)> {
    const QUARTERS: &[(&str, i64)] = &[
        ("half", 30),
        ("half an hour", 30),
        ("a half", 30),
        ("quarter", 15),
        ("a quarter", 15),
        ("three quarters", 45),
    ];
    let (minute, next) = t.lookup(at, QUARTERS).or_else(|| {
        number_en::cardinal(t, at).map(|(m, n)| (i64::from(m), n)).filter(|(m, _)| (1..60).contains(m))
    })?;
    let next = t.one_of(next, &["minutes", "minute", "mins", "min"]).unwrap_or(next);
    if let Some(after) = t.one_of(next, &["past", "after"]) {
        let (hour, fixed, end) = hour_en(t, after)?;
        return Some((Atom::Clock(clock(hour % 24, minute, 0, fixed, true)?), end));
    }
    if minute == 30
        && t.lit(at, "half").is_some()
        && let Some((hour, fixed, end)) = hour_en(t, next)
        && !t.is(end, &["hours", "days", "dollars", "percent"])
    {
        return Some((Atom::Clock(clock(hour % 24, minute, 0, fixed, true)?), end));
    }
    let after = t.one_of(next, &["to", "till", "before", "of", "til"])?;
    let spoken = t.digits(at).is_none() || minute % 5 == 0;
    let (hour, fixed, end) =
        hour_en(t, after).filter(|_| spoken && (minute % 5 == 0 || t.word(next - 1).starts_with("min")))?;
    // "10 to 11" is a range of hours.
    if t.word(after - 1) == "to" && next == at + 1 && minute <= 12 && !fixed {
        return None;
    }
    let hour = if hour == 1 { 12 } else { hour - 1 };
    Some((Atom::Clock(clock(hour, 60 - minute, 0, fixed, true)?), end))
}

/// Mandarin times: 三点, 三点半, 三点一刻, 三点十五分, 差五分七点, 15:30.
pub(super) fn mandarin(t: &Tokens, at: usize) -> Option<(Atom, usize)> {
    if let Some(found) = written(t, at) {
        return Some((found.0, t.lit(found.1, "分").unwrap_or(found.1)));
    }
    if let Some((hour, next)) =
        t.lookup(at, &[("正午", 12), ("半夜十二点", 24), ("午夜", 24), ("凌晨十二点", 24)])
    {
        return Some((Atom::Clock(clock(hour, 0, 0, true, false)?), next));
    }
    // 3pm
    if let Some(hour) = t.digits(at).and_then(|d| d.parse::<i64>().ok()).filter(|h| (1..=12).contains(h))
        && half_en(t, at + 1).is_some()
    {
        return Some((Atom::Clock(clock(hour, 0, 0, false, false)?), at + 1));
    }
    if let Some(from) = t.lit(at, "差") {
        let (minute, next) = quarter(t, from).or_else(|| {
            let (m, next) = number_zh::cardinal(t, from)?;
            Some((i64::from(m), t.one_of(next, &["分钟", "分"]).unwrap_or(next)))
        })?;
        let (hour, next) = hour_zh(t, next)?;
        return Some((
            Atom::Clock(clock(if hour == 1 { 12 } else { hour - 1 }, 60 - minute, 0, false, true)?),
            next,
        ));
    }
    let (hour, next) = hour_zh(t, at)?;
    if let Some(next) = t.lit(next, "半") {
        return Some((Atom::Clock(clock(hour, 30, 0, false, true)?), next));
    }
    if let Some(from) = t.lit(next, "差")
        && let Some((m, after)) = quarter(t, from).or_else(|| {
            let (m, n) = number_zh::cardinal(t, from)?;
            Some((i64::from(m), t.one_of(n, &["分钟", "分"]).unwrap_or(n)))
        })
    {
        return Some((
            Atom::Clock(clock(if hour == 1 { 12 } else { hour - 1 }, 60 - m, 0, false, true)?),
            after,
        ));
    }
    if let Some((minute, next)) = quarter(t, t.one_of(next, &["过"]).unwrap_or(next)) {
        return Some((Atom::Clock(clock(hour, minute, 0, false, true)?), next));
    }
    let next = t.lit(next, "零").filter(|n| number_zh::cardinal(t, *n).is_some()).unwrap_or(next);
    let next = t.lit(next, "过").filter(|n| number_zh::cardinal(t, *n).is_some()).unwrap_or(next);
    if let Some((minute, after)) = number_zh::cardinal(t, next).filter(|(m, _)| *m < 60) {
        let told = t.lit(after, "分");
        let free = !t.is(after, &["点", "时", "月", "年", "号", "日", "个", "小", "天", "秒", "刻"])
            && t.word(after) != ":";
        if told.is_some() || free {
            let after = told.unwrap_or(after);
            let second =
                number_zh::cardinal(t, after).filter(|(_, n)| told.is_some() && t.lit(*n, "秒").is_some());
            let (second, after) = second.map_or((0, after), |(s, n)| (i64::from(s), n + 1));
            return Some((Atom::Clock(clock(hour, i64::from(minute), second, false, true)?), after));
        }
    }
    Some((Atom::Clock(clock(hour, 0, 0, false, false)?), next))
}

/// 一刻, 三刻.
fn quarter(t: &Tokens, at: usize) -> Option<(i64, usize)> {
    t.lookup(at, &[("一刻", 15), ("1刻", 15), ("两刻", 30), ("三刻", 45), ("一刻钟", 15), ("三刻钟", 45)])
}

/// 三点, 三点钟, 十五时; 三点五 is left to the numbers by those who ask.
fn hour_zh(t: &Tokens, at: usize) -> Option<(i64, usize)> {
    if at > 0 && t.kind(at) == Some(Kind::Han) && number_zh::digit(t.word(at - 1)).is_some() {
        return None;
    }
    let (hour, next) = number_zh::cardinal(t, at).filter(|(h, _)| *h <= 24)?;
    let next = t.one_of(next, &["点钟", "点整", "点", "时整", "时"])?;
    (!t.is(next, &["间", "候", "代", "刻"])).then_some((i64::from(hour), next))
}
