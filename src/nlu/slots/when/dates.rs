//! Dates in digits, in either language: 10/31/74, 2015-03-03, 2015/3.

use super::super::duration;
use super::super::token::{Kind, Tokens};
use super::atom::Atom;
use super::clock;
use crate::base::Lang;

/// A year of two digits lies between 1950 and 2049.
pub(super) fn two_digits(year: i64, length: usize) -> Option<i16> {
    let year = if length > 2 {
        year
    } else if year < 50 {
        2000 + year
    } else {
        1900 + year
    };
    i16::try_from(year).ok()
}

/// "20161016", "2016 10 16", "10 31 1974", and "15 - 2" where nothing else is said.
fn spaced(t: &Tokens, at: usize, month_first: bool) -> Option<(Atom, usize)> {
    let number = |at: usize| t.digits(at).and_then(|d| Some((d.parse::<i64>().ok()?, d.len())));
    let date = |y: i64, m: i64, d: i64| {
        ((1..=12).contains(&m) && (1..=31).contains(&d) && (1900..2100).contains(&y))
            .then_some(Atom::Date(y as i16, m as i8, d as i8))
    };
    let (first, length) = number(at)?;
    if length == 8 {
        return Some((date(first / 10_000, first / 100 % 100, first % 100)?, at + 1));
    }
    let pair = |a: i64, b: i64| if month_first && a <= 12 || b > 12 { (a, b) } else { (b, a) };
    if let (Some(second), Some(third)) = (number(at + 1), number(at + 2)) {
        return match (length, second.1, third.1) {
            (4, 1..=2, 1..=2) => Some((date(first, second.0, third.0)?, at + 3)),
            (1..=2, 1..=2, 4) => {
                let (m, d) = pair(first, second.0);
                Some((date(third.0, m, d)?, at + 3))
            }
            _ => None,
        };
    }
    let (second, 1..=2) = number(at + 2)? else { return None };
    let (m, d) = pair(first, second);
    let alone = at == 0 && t.len() == 3 && t.word(1) == "-" && length <= 2;
    (alone && (1..=12).contains(&m) && (1..=31).contains(&d)).then_some((Atom::MonthDay(m as i8, d as i8), 3))
}

/// Numbers between slashes, dashes or dots.
pub(super) fn written(t: &Tokens, at: usize, month_first: bool) -> Option<(Atom, usize)> {
    if let Some(found) = spaced(t, at, month_first) {
        return Some(found);
    }
    let mut parts: Vec<(i64, usize)> = Vec::new();
    let (mut next, mut mark) = (at, "");
    while let Some(digits) = t.digits(next).filter(|d| d.len() <= 4) {
        parts.push((digits.parse().ok()?, digits.len()));
        next += 1;
        let here = t.word(next);
        if parts.len() == 3
            || !matches!(here, "/" | "-" | ".")
            || !mark.is_empty() && here != mark
            || t.digits(next + 1).is_none()
        {
            break;
        }
        mark = here;
        next += 1;
    }
    // "10-1-2018-10-7-2018" are two dates.
    let year = |at: usize| t.digits(at).is_some_and(|d| d.len() == 4);
    let two_dates =
        |at: usize| year(at + 4) && year(at + 10) && t.digits(at).is_some() && t.word(at + 5) == "-";
    // Part of a longer row of numbers; but 5/1-5/7 are two dates.
    let joins = |at: usize| t.is(at, &["/", ".", ":", "$", "%"]) || t.word(at) == "-" && mark != "/";
    if t.digits(next).is_some() && t.glued(next)
        || at > 0
            && t.glued(at)
            && joins(at - 1)
            && t.kind(at.wrapping_sub(2)) == Some(Kind::Digits)
            && !(at >= 6 && two_dates(at - 6))
        || t.glued(next) && joins(next) && t.digits(next + 1).is_some() && !two_dates(at)
    {
        return None;
    }
    let month_day = |a: (i64, usize), b: (i64, usize)| {
        if a.1 > 2 || b.1 > 2 {
            return None;
        }
        let (m, d) = if month_first && a.0 <= 12 || b.0 > 12 { (a.0, b.0) } else { (b.0, a.0) };
        ((1..=12).contains(&m) && (1..=31).contains(&d)).then_some((m as i8, d as i8))
    };
    match *parts.as_slice() {
        [y, m, d] if y.1 == 4 && (1..=12).contains(&m.0) && (1..=31).contains(&d.0) => {
            Some((Atom::Date(y.0 as i16, m.0 as i8, d.0 as i8), next))
        }
        // 27-7-3
        [y, m, d]
            if y.1 == 2 && d.1 <= 2 && !month_first && (1..=12).contains(&m.0) && (1..=31).contains(&d.0) =>
        {
            Some((Atom::Date(two_digits(y.0, 2)?, m.0 as i8, d.0 as i8), next))
        }
        [a, b, y] if y.1 == 2 || y.1 == 4 => {
            let (m, d) = month_day(a, b)?;
            Some((Atom::Date(two_digits(y.0, y.1)?, m, d), next))
        }
        [_, _] if clock::half_en(t, next).is_some() => None,
        [_, _] if t.is(next, &["%", "percent"]) => None,
        [_, _] if mark == "/" && duration::unit(Lang::En, t, next).is_some() => None,
        [a, b]
            if mark == "."
                && a.1 == 4
                && b.1 <= 2
                && (1..=12).contains(&b.0)
                && (1900..2100).contains(&a.0) =>
        {
            Some((Atom::YearMonth(a.0 as i16, b.0 as i8), next))
        }
        [a, b] if mark == "/" || mark == "-" && (t.glued(at + 1) || a.1.max(b.1) == 4) => {
            // "32 - 2015" is no date.
            if a.1 == 4 && b.1 <= 2 && (1..=12).contains(&b.0) && (1800..2200).contains(&a.0) {
                return Some((Atom::YearMonth(a.0 as i16, b.0 as i8), next));
            }
            if b.1 == 4 && a.1 <= 2 && (1..=12).contains(&a.0) && (1800..2200).contains(&b.0) {
                return Some((Atom::YearMonth(b.0 as i16, a.0 as i8), next));
            }
            let (m, d) = month_day(a, b)?;
            Some((Atom::MonthDay(m, d), next))
        }
        _ => None,
    }
}
