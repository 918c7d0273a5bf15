//! English dates: "march 3 2015", "the third of march", "the 15th", "nineteen ninety nine", "2019/aug/01".

use super::super::number_en::{cardinal, ordinal};
use super::super::token::{Kind, Tokens};
use super::atom::Atom;
use super::dates::{two_digits, written};
use super::words_en::{MONTHS, PARTS, WEEKDAYS, WHICH};

/// Words after which a day or a month comes.
const BEFORE: &[&str] = &[
    "on", "by", "until", "till", "before", "after", "since", "for", "from", "to", "between", "through",
    "and", "or", "-", "in", "of",
];

/// "may" and "march" are also other words.
pub(super) fn month_meant(t: &Tokens, at: usize) -> bool {
    if at > 0 && t.word(at - 1) == "$" {
        return false;
    }
    if t.word(at) != "may" {
        return true;
    }
    const LEADS: &[&str] = &["next", "last", "this", "during", "mid", "early", "late", "the"];
    let verb = t.kind(at + 1) == Some(Kind::Word)
        && !t.is(
            at + 1,
            &[
                "to", "through", "and", "or", "till", "until", "at", "for", "please", "is", "was", "in",
                "of", "the",
            ],
        );
    // "may or may not"; "april and may", but not "and may at its discretion".
    let or = t.word(at + 1) == "or" && t.word(at + 2) == "may";
    let joined = at > 1 && t.is(at - 1, &["and", "or"]);
    let listed = !joined || t.lookup(at - 2, MONTHS).is_some() || t.digits(at - 2).is_some();
    let before = at > 0 && (t.is(at - 1, BEFORE) || t.is(at - 1, LEADS)) && !verb && !or && listed
        || t.is(at + 1, &["to", "through", "-"]) && t.lookup(at + 2, MONTHS).is_some();
    before
        || t.digits(at + 1).is_some()
        || ordinal(t, at + 1).is_some()
        || at > 0 && (t.digits(at - 1).is_some() || t.is(at - 1, &["th", "st", "rd", "nd"]))
        || t.len() == 1
}

/// A date at `at`.
pub(super) fn calendar(t: &Tokens, at: usize, month_first: bool) -> Option<(Atom, usize)> {
    if at > 0 && t.glued(at) && t.is(at - 1, &["$", "."]) || span_meant(t, at) {
        return None;
    }
    if let Some(found) = written(t, at, month_first).or_else(|| with_month(t, at)) {
        return Some(found);
    }
    if let Some((month, next)) = t.lookup(at, MONTHS) {
        return month_day(t, month, next);
    }
    let from = t.lit(at, "the").unwrap_or(at);
    let (day, next) = day(t, from)?;
    let link = t.one_of(next, &["of", "day of", "-", "/", ".", "in"]).unwrap_or(next);
    let digits = t.digits(from).is_some();
    let ordinal = ordinal(t, from).is_some();
    if let Some((month, after)) = t.lookup(link, MONTHS) {
        // "one may ask" is no day of May.
        let verb = t.word(after - 1) == "may" && !digits && !ordinal;
        return (!verb).then_some((Atom::MonthDay(month, day), after));
    }
    // "18 and 19 june"
    if let Some((month, _)) = t
        .one_of(next, &["and", "or", "&", "and the", "or the"])
        .and_then(|n| self::day(t, n))
        .and_then(|(_, n)| t.lookup(t.lit(n, "of").unwrap_or(n), MONTHS))
    {
        return Some((Atom::MonthDay(month, day), next));
    }
    // "the 15th", "on the 24th", but not "the second one", "second street".
    let before = at > 0 && t.is(at - 1, BEFORE);
    let weekday = at > 0 && t.lookup(at - 1, WEEKDAYS).is_some();
    let of_month = t.one_of(next, &["of", "in", "of the", "in the"]).unwrap_or(next);
    let of_month = (of_month > next || ordinal)
        && t.one_of(
            of_month,
            &[
                "next month",
                "this month",
                "last month",
                "previous month",
                "the month",
                "current month",
                "coming month",
            ],
        )
        .is_some();
    let alone = t.is(at.wrapping_sub(1), &["on"])
        && digits
        && (next >= t.len() || t.is(next, &["at", ",", ".", "?", "!"]));
    let told = of_month
        || alone
        || ordinal && (from > at || before || weekday)
        || digits && (from > at && before || weekday)
        || from > at && before && next >= t.len() && day > 9;
    // "monday 8 to 9"
    let hours =
        weekday && digits && t.is(next, &["to", "-", "till", "until"]) && cardinal(t, next + 1).is_some();
    let noun = hours
        || t.kind(next) == Some(Kind::Word) && !follows_day(t, next)
        || t.glued(next) && t.is(next, &["/", "-", ":", ".", "%"]) && t.digits(next + 1).is_some();
    (told && !noun).then_some((Atom::Dom(day), next))
}

/// "monday 12-4", "6-8 next monday" are hours, "1-8 september", "4-23 in next month" days, not dates.
fn span_meant(t: &Tokens, at: usize) -> bool {
    let short = |at: usize| t.digits(at).is_some_and(|d| d.len() <= 2);
    if !short(at)
        || t.word(at + 1) != "-"
        || !short(at + 2)
        || t.is(at + 3, &["-", "/", "."]) && t.glued(at + 3) && t.digits(at + 4).is_some()
    {
        return false;
    }
    let which = t.one_of(at + 3, &["in", "of", "on"]).unwrap_or(at + 3);
    let which = t.lookup(which, WHICH).map_or(which, |(_, next)| next);
    let hours = (at..at + 3)
        .step_by(2)
        .all(|i| t.digits(i).and_then(|d| d.parse::<u8>().ok()).is_some_and(|h| h <= 12));
    let weekday = |at: usize| t.lookup(at, WEEKDAYS).is_some();
    let before = at > 0
        && (weekday(at - 1)
            || at > 1 && t.lookup(at - 1, PARTS).is_some()
            || t.is(at - 1, &["from"]) && weekday(at.wrapping_sub(2)));
    hours && (before || weekday(which))
        || t.lookup(at + 3, MONTHS).is_some()
        || which > at + 3 && t.is(which, &["month"])
}

/// What may stand behind a day of a month: anything else is a noun that is counted.
fn follows_day(t: &Tokens, at: usize) -> bool {
    const WORDS: &[&str] = &[
        "at", "of", "in", "and", "to", "from", "between", "till", "until", "for", "through", "or", "please",
        "before", "after", "with", "around", "by", "is", "next", "this",
    ];
    t.is(at, WORDS) || t.word(at) != "am" && t.lookup(at, PARTS).is_some() || cardinal(t, at).is_some()
}

/// What follows the name of a month: "3", "the 3rd", "-23".
fn month_day(t: &Tokens, month: i8, next: usize) -> Option<(Atom, usize)> {
    let from = t.one_of(next, &["the", "-", "/", ".", ","]).unwrap_or(next);
    let (day, after) = day(t, from)?;
    let ordinal = ordinal(t, from).is_some();
    // "march 3 pm" is a time, "march 3:15" too.
    let time =
        (t.is(after, &[":", "h", "o'clock"]) || t.glued(after) && t.is(after, &["am", "pm"])) && !ordinal;
    let apart = t.word(next) == "," && !ordinal && t.digits(from).is_none();
    (!time && !apart).then_some((Atom::MonthDay(month, day), after))
}

/// Digits and the name of a month with marks between: "2019/aug/01", "23-sep-2020", "sep-2020-23", "dec/2018", "august 99".
fn with_month(t: &Tokens, at: usize) -> Option<(Atom, usize)> {
    let number = |at: usize| t.digits(at).and_then(|d| Some((d.parse::<i64>().ok()?, d.len())));
    let mark = |at: usize| t.is(at, &["/", "-", "."]).then_some(at + 1);
    let full = |year: (i64, usize)| two_digits(year.0, year.1).filter(|_| year.1 == 4 || year.1 == 2);
    let dom = |day: (i64, usize)| i8::try_from(day.0).ok().filter(|d| (1..=31).contains(d) && day.1 <= 2);
    if let Some((month, next)) = t.lookup(at, MONTHS) {
        if let Some(year) =
            t.one_of(next, &["of"]).or(Some(next)).and_then(number).filter(|y| y.1 == 2 && y.0 > 31)
        {
            let next = t.lit(next, "of").unwrap_or(next) + 1;
            return Some((Atom::YearMonth(full(year)?, month), next));
        }
        let first = number(mark(next)?)?;
        if let Some(year) = mark(next + 2).and_then(number).filter(|y| y.1 == 4) {
            return Some((Atom::Date(full(year)?, month, dom(first)?), next + 4));
        }
        let year = Some(first).filter(|y| y.1 == 4)?;
        if let Some(day) = mark(next + 2).and_then(number).and_then(dom) {
            return Some((Atom::Date(full(year)?, month, day), next + 4));
        }
        return Some((Atom::YearMonth(full(year)?, month), next + 2));
    }
    let first = number(at)?;
    let (month, next) = t.lookup(mark(at + 1)?, MONTHS)?;
    let last = number(mark(next)?)?;
    let (year, day) = if first.1 == 4 { (first, last) } else { (last, first) };
    Some((Atom::Date(full(year)?, month, dom(day)?), next + 2))
}

/// A day of a month: "3", "3rd", "third", "twenty first".
fn day(t: &Tokens, at: usize) -> Option<(i8, usize)> {
    let (n, next) = ordinal(t, at)
        .or_else(|| {
            let digits = t.digits(at).filter(|d| d.len() <= 2)?;
            digits.parse().ok().map(|d| (d, at + 1))
        })
        .or_else(|| cardinal(t, at).filter(|_| t.digits(at).is_none()))?;
    (1..=31).contains(&n).then_some((n as i8, next))
}

/// "2015", "nineteen ninety nine", "twenty nineteen", "two thousand and eighteen", "the year 2008", "'98".
pub(super) fn year(t: &Tokens, at: usize) -> Option<(i16, usize)> {
    let from = t.one_of(at, &["the year", "year", "the year of", "year of"]).unwrap_or(at);
    let joined = t.glued(from) && from > 0 && t.is(from - 1, &["$", ".", ":", "#"]);
    if let Some(digits) = t.digits(from).filter(|d| d.len() == 4 && !joined) {
        let year: i16 = digits.parse().ok()?;
        let decimal = t.is(from + 1, &[".", ",", ":", "%"])
            && t.glued(from + 1)
            && t.digits(from + 2).is_some()
            && t.glued(from + 2);
        const COUNTED: &[&str] =
            &["people", "pieces", "dollars", "percent", "hours", "hrs", "times", "km", "meters"];
        // "2015 - 32", "82-2100": part of a code.
        let short = |at: usize| t.digits(at).is_some_and(|d| d.len() != 4);
        let code =
            t.word(from + 1) == "-" && short(from + 2) && !t.is(from + 3, &[":", "am", "pm", "a", "p"])
                || from > 1 && t.word(from - 1) == "-" && short(from - 2);
        let none = decimal || code || t.is(from + 1, COUNTED);
        return ((1500..2200).contains(&year) && !none).then_some((year, from + 1));
    }
    if t.word(from) == "'" && t.digits(from + 1).is_some_and(|d| d.len() == 2) {
        return two_digits(t.digits(from + 1)?.parse().ok()?, 2).map(|y| (y, from + 2));
    }
    let (first, next) =
        cardinal(t, from).filter(|(_, next)| t.digits(from).is_none() && t.word(*next) != "hours")?;
    if (10..=21).contains(&first) {
        if let Some((second, after)) = cardinal(t, next).filter(|(s, _)| (10..100).contains(s)) {
            return Some(((first * 100 + second) as i16, after));
        }
        let (second, after) = cardinal(t, t.one_of(next, &["oh", "o", "zero"])?)?;
        return (second < 10).then_some(((first * 100 + second) as i16, after));
    }
    (1500..2200).contains(&first).then_some((first as i16, next))
}
