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

/// Numbers between slashes, dashes or dots.
pub(super) fn written(t: &Tokens, at: usize, month_first: bool) -> Option<(Atom, usize)> {
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
    // Part of a longer row of numbers; but 5/1-5/7 are two dates.
    let joins = |at: usize| t.is(at, &["/", ".", ":", "$", "%"]) || t.word(at) == "-" && mark != "/";
    if t.digits(next).is_some() && t.glued(next)
        || at > 0 && t.glued(at) && joins(at - 1) && t.kind(at.wrapping_sub(2)) == Some(Kind::Digits)
        || t.glued(next) && joins(next) && t.digits(next + 1).is_some()
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
        [a, b, y] if y.1 == 2 || y.1 == 4 => {
            let (m, d) = month_day(a, b)?;
            Some((Atom::Date(two_digits(y.0, y.1)?, m, d), next))
        }
        [_, _] if clock::half_en(t, next).is_some() || at > 0 && t.is(at - 1, &["between"]) => None,
        [_, _] if mark == "/" && duration::unit(Lang::En, t, next).is_some() => None,
        [a, b] if mark == "/" || mark == "-" && t.glued(at + 1) => {
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
