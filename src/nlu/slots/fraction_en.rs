//! English parts of one: "two and a half", "five eighths", "one hundred and thirty-two fifths", "one in twenty".

use super::number::{Form, written};
use super::number_en::{BARE, DOZENS, below_hundred, hyphen, scale, whole, whole_before};
use super::token::Tokens;

/// "two and a half", "five and a half million", "nine million and five ninths", "3 million and a half": the part
/// after the "and" is less than one; behind a million it counts in millions.
pub(super) fn mixed(t: &Tokens, at: usize) -> Option<(f64, usize)> {
    let last = whole(t, at)?.2;
    let and =
        (at + 1..=last + 1).rev().find(|i| t.word(*i) == "and" && (*i <= last || t.word(last) == "-"))?;
    let before = and - usize::from(t.word(and - 1) == "-");
    let (value, false, _) = whole_before(t, at, before).filter(|w| w.2 == before)? else { return None };
    let from = hyphen(t, and + 1);
    let (part, next) = mixed(t, from).filter(|(p, _)| *p < 10.0).or_else(|| {
        let proper = |(p, _): &(f64, usize)| *p < 1.0;
        let digits =
            || written::number(t, from).filter(|(n, _)| n.form == Form::Fraction).map(|(n, e)| (n.value, e));
        halves(t, from).or_else(|| fraction(t, from).or_else(digits).filter(proper))
    })?;
    if let Some((factor, after)) = t.lookup(next, DOZENS) {
        return Some(((value + part) * factor, after));
    }
    if let Some((factor, false, after)) = scale(t, next) {
        // "one billion and a quarter million", "five and a half million"
        return Some((if value < factor { (value + part) * factor } else { value + part * factor }, after));
    }
    let of = [1e9, 1e6].into_iter().find(|s| value >= *s && value % s == 0.0).unwrap_or(1.0);
    Some((value + part * of, next))
}

/// "a half", "quarter", "three quarters".
pub(super) fn halves(t: &Tokens, at: usize) -> Option<(f64, usize)> {
    const HALVES: &[(&str, f64)] = &[
        ("half", 0.5),
        ("a half", 0.5),
        ("a - half", 0.5),
        ("an half", 0.5),
        ("one half", 0.5),
        ("quarter", 0.25),
        ("a quarter", 0.25),
        ("one quarter", 0.25),
        ("two quarters", 0.5),
        ("two quarter", 0.5),
        ("three quarters", 0.75),
        ("three quarter", 0.75),
        ("three - quarters", 0.75),
    ];
    t.lookup(at, HALVES)
}

/// A part of one: "three quarters", "two thirds", "one over three", "one in twenty", "two out of five".
///
/// Where the words can be parted in two ways the divisor takes all it can, but it does not begin with a bare scale:
/// "one hundred thirty fifths" are 100/35, "ninety-five hundred fifths" 9500/5.
pub(super) fn fraction(t: &Tokens, at: usize) -> Option<(f64, usize)> {
    if let Some(found) = halves(t, at) {
        return Some(found);
    }
    let singular = t.is(at, &["a", "an"]);
    let last = whole(t, at).map_or(at + usize::from(singular), |w| w.2);
    for split in at + 1..=last {
        let over = whole_before(t, at, split).filter(|w| !w.1 && w.2 == split).map(|w| w.0);
        let over = over.or((singular && split == at + 1).then_some(1.0));
        let Some(over) = over.filter(|_| t.word(split) != "-" || hyphen(t, split) > split) else { continue };
        // "ninety five" stays together.
        let word = |at: usize| below_hundred(t.word(at)).filter(|b| !b.1).map_or(0, |b| b.0);
        let tens = word(split - 1) >= 20 && word(split - 1) % 10 == 0;
        let bound = tens && (1..10).contains(&word(hyphen(t, split)));
        if let Some((under, plural, next)) = divisor(t, hyphen(t, split)).filter(|_| !bound)
            && (plural || over == 1.0)
        {
            let of = t.one_of(next, &["of a", "of"]).and_then(|n| scale(t, n));
            return Some(of.map_or((over / under, next), |(f, _, n)| (over / under * f, n)));
        }
    }
    let (over, false, next) = whole(t, at)? else { return None };
    let halves = t.lookup(next, &[("half", 2.0), ("halves", 2.0), ("quarters", 4.0), ("quarter", 4.0)]);
    if let Some((under, next)) = halves.filter(|_| over < 10.0) {
        return Some((over / under, next));
    }
    let rest = t.one_of(next, &["over", "out of"]).or_else(|| t.lit(next, "in").filter(|_| over == 1.0))?;
    let (under, false, next) = whole(t, rest)? else { return None };
    (under >= over && under > 1.0).then(|| (over / under, next))
}

/// An ordinal that divides: "thirds", "twenty-fifths", "hundredth": (value, plural, next).
fn divisor(t: &Tokens, at: usize) -> Option<(f64, bool, usize)> {
    let plural = |next: usize| t.word(next - 1).ends_with('s');
    if let Some((factor, true, next)) = scale(t, at) {
        return Some((factor, plural(next), next));
    }
    let (had, ordinal, next) = whole(t, at).filter(|_| !t.is(at, BARE)).unwrap_or((0.0, false, at));
    if ordinal {
        return (had >= 3.0).then_some((had, false, next));
    }
    // "thirds", "twenty-firsts", "one hundred and fifths"
    let last = hyphen(t, t.lit(next, "and").filter(|_| next > at).unwrap_or(next));
    let (value, true) = below_hundred(t.word(last).strip_suffix('s')?)? else { return None };
    let value = f64::from(value);
    let room = if had == 0.0 || had % 100.0 == 0.0 { 100.0 } else { 10.0 };
    let fits = had + value >= 3.0 && value < room && had % 10.0 == 0.0;
    fits.then_some((had + value, true, last + 1))
}
