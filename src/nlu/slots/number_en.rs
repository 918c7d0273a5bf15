//! English numbers: "two hundred and five", "minus three point one four", "two and a half", "five eighths", "3.5 million".

use super::number::{Form, Number, written};
use super::token::{Kind, Tokens};

/// Zero to nineteen.
pub(super) const SMALL: &[&str] = &[
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: &[&str] = &["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const ORDINALS: &[&str] = &[
    "zeroth",
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
];
const ORDINAL_TENS: &[&str] =
    &["twentieth", "thirtieth", "fortieth", "fiftieth", "sixtieth", "seventieth", "eightieth", "ninetieth"];
const SCALES: &[(&str, f64)] = &[
    ("hundred", 1e2),
    ("thousand", 1e3),
    ("lakh", 1e5),
    ("million", 1e6),
    ("crore", 1e7),
    ("billion", 1e9),
    ("trillion", 1e12),
];
fn position(list: &[&str], word: &str) -> Option<usize> {
    list.iter().position(|w| *w == word)
}

/// Misspelt and joined forms: "fourty", "nineth", "thirtyfour".
fn plain(word: &str) -> &str {
    match word {
        "fourty" => "forty",
        "nineth" => "ninth",
        "eigth" | "eighteth" => "eighth",
        "naught" | "nought" | "nil" => "zero",
        word => word,
    }
}

/// What one word is worth: (value, is an ordinal).
fn below_hundred(word: &str) -> Option<(u32, bool)> {
    let word = plain(word);
    if let Some(at) = position(SMALL, word) {
        return Some((at as u32, false));
    }
    if let Some(at) = position(ORDINALS, word) {
        return Some((at as u32, true));
    }
    if let Some(at) = position(TENS, word) {
        return Some((at as u32 * 10 + 20, false));
    }
    if let Some(at) = position(ORDINAL_TENS, word) {
        return Some((at as u32 * 10 + 20, true));
    }
    // "seventythird": written as one.
    let (at, rest) = TENS.iter().enumerate().find_map(|(at, t)| Some((at, word.strip_prefix(t)?)))?;
    let unit =
        position(SMALL, rest).map(|u| (u, false)).or_else(|| position(ORDINALS, rest).map(|u| (u, true)));
    unit.filter(|(u, _)| (1..10).contains(u)).map(|(u, o)| ((at * 10 + 20 + u) as u32, o))
}

/// A hyphen within a number word: "twenty-one".
fn hyphen(t: &Tokens, at: usize) -> usize {
    let inside = t.word(at) == "-" && t.glued(at) && t.glued(at + 1) && t.kind(at + 1) == Some(Kind::Word);
    at + usize::from(inside)
}

/// The scale at `at`: (factor, ordinal, next).
fn scale(t: &Tokens, at: usize) -> Option<(f64, bool, usize)> {
    let at = hyphen(t, at);
    let word = t.word(at);
    let find = |w: &str| SCALES.iter().find(|(s, _)| *s == w).map(|(_, f)| *f);
    if let Some(factor) = find(word) {
        return Some((factor, false, at + 1));
    }
    if let Some(factor) = word.strip_suffix("ths").or_else(|| word.strip_suffix("th")).and_then(find) {
        return Some((factor, true, at + 1));
    }
    let factor = word.strip_suffix('s').and_then(find).filter(|f| *f >= 1e3)?;
    Some((factor, false, at + 1))
}

/// A whole number in words or digits with scales: (value, ordinal, next, words used).
fn whole(t: &Tokens, start: usize) -> Option<(f64, bool, usize)> {
    let (mut total, mut group, mut at) = (0.0, 0.0, start);
    // What may still be added to the group, and the last scale: both only go down.
    let (mut room, mut last_scale) = (f64::INFINITY, f64::INFINITY);
    let mut any = false;
    loop {
        let mut here = if any { hyphen(t, at) } else { at };
        let joined = any && t.word(here) == "and";
        if joined {
            if last_scale.is_infinite() && group < 100.0 {
                break;
            }
            here += 1;
        }
        let article = !any && t.is(here, &["a", "an"]) && scale(t, here + 1).is_some_and(|s| !s.1);
        let unit = below_hundred(t.word(here));
        if article {
            (group, room, at, any) = (1.0, 0.0, here + 1, true);
        } else if let Some((value, ordinal)) = unit.filter(|(v, _)| fits(*v, room)) {
            // "second" as a unit of time, "two thirds": an ordinal only ends a number.
            group += f64::from(value);
            room = if value >= 20 && value % 10 == 0 { 10.0 } else { 0.0 };
            (at, any) = (here + 1, true);
            if ordinal {
                return Some((total + group, true, at));
            }
        } else if !any && let Some((value, next)) = written::digits(t, here) {
            (group, room, at, any) = (value, 0.0, next, true);
        } else {
            break;
        }
        // Scales: "two hundred thousand".
        while let Some((factor, ordinal, next)) = scale(t, at) {
            if factor < 1e3 {
                if group >= 100.0 {
                    break;
                }
                group *= factor;
                room = 100.0;
            } else if factor < last_scale {
                total += group * factor;
                (group, room, last_scale) = (0.0, f64::INFINITY, factor);
            } else {
                total = (total + group) * factor;
                (group, room, last_scale) = (0.0, f64::INFINITY, factor);
            }
            at = next;
            if ordinal {
                return Some((total + group, true, at));
            }
        }
    }
    any.then_some((total + group, false, at))
}

/// Whether `value` may follow in a group that has `room` below it: twenty → one, hundred → ninety nine.
fn fits(value: u32, room: f64) -> bool {
    value > 0 && f64::from(value) < room || room.is_infinite()
}

/// The number at `start`: a whole with what follows it, a fraction, a decimal.
pub(super) fn number(t: &Tokens, start: usize) -> Option<(Number, usize)> {
    let minus = t.one_of(start, &["minus", "negative"]);
    let signed = minus.is_some();
    let from = minus.unwrap_or(start);
    let (mut n, next) = unsigned(t, from)?;
    if signed {
        n.value = -n.value;
    }
    Some((n, next))
}

fn unsigned(t: &Tokens, at: usize) -> Option<(Number, usize)> {
    if let Some((value, next)) = collective(t, at) {
        return Some((Number::new(value, Form::Cardinal), next));
    }
    if let Some(found) = written::number(t, at) {
        return Some(scaled(t, found));
    }
    // "point five"
    if let Some((value, next)) = decimals(t, at) {
        return Some((Number::new(value, Form::Decimal), next));
    }
    if let Some(found) = mixed(t, at) {
        return Some(found);
    }
    if let Some((value, next)) = part(t, at) {
        return Some((Number::new(value, Form::Fraction), next));
    }
    let (value, ordinal, next) = whole(t, at)?;
    if ordinal {
        return Some((Number::new(value, Form::Ordinal), next));
    }
    if let Some((fraction, next)) = decimals(t, next) {
        let number = Number::new(value + fraction, Form::Decimal);
        return Some(scaled(t, (number, next)));
    }
    // "two dozen"
    if let Some((factor, next)) = t.lookup(next, &[("dozen", 12.0), ("dozens", 12.0), ("score", 20.0)]) {
        return Some((Number::new(value * factor, Form::Cardinal), next));
    }
    if let Some(next) = t.one_of(next, &["half", "halves", "quarters", "quarter"]).filter(|_| value < 10.0) {
        let divisor = if t.word(next - 1).starts_with('h') { 2.0 } else { 4.0 };
        return Some((Number::new(value / divisor, Form::Fraction), next));
    }
    Some((Number::new(value, Form::Cardinal), next))
}

/// "two and a half", "one hundred and three quarters", "nine million and five ninths": the last "and" parts them.
fn mixed(t: &Tokens, at: usize) -> Option<(Number, usize)> {
    let (.., end) = whole(t, at)?;
    let and = (at + 1..=end).rev().find(|i| t.word(*i) == "and")?;
    let (value, false, _) = whole(&t.before(and), at).filter(|w| w.2 == and)? else { return None };
    let (fraction, next) = part(t, and + 1)?;
    // "one million and a half" is a million and a half of one.
    let of =
        [1e9, 1e6].into_iter().find(|s| value >= *s && value % s == 0.0 && fraction < 1.0).unwrap_or(1.0);
    Some((Number::new(value + fraction * of, Form::Fraction), next))
}

/// "3.5 million", "5k", "3 thousand 2 hundred".
fn scaled(t: &Tokens, (number, next): (Number, usize)) -> (Number, usize) {
    if number.form == Form::Ordinal {
        return (number, next);
    }
    if let Some(factor) = written::suffix(t, next) {
        return (Number::new(number.value * factor, number.form), next + 1);
    }
    let Some((factor, false, after)) = scale(t, next) else {
        let dozen = t.lookup(next, &[("dozen", 12.0), ("dozens", 12.0)]);
        return dozen.map_or((number, next), |(f, n)| (Number::new(number.value * f, number.form), n));
    };
    let mut value = number.value * factor;
    let mut at = after;
    while let Some((again, false, more)) = scale(t, at) {
        (value, at) = (value * again, more);
    }
    // "5 thousand 3 hundred", "3 hundred and five"
    let rest = if t.word(at) == "and" { at + 1 } else { at };
    if let Some((more, ordinal, after)) = whole(t, rest)
        && more < factor
    {
        let form = if ordinal { Form::Ordinal } else { Form::Cardinal };
        return (Number::new(value + more, form), after);
    }
    (Number::new(value, number.form), at)
}

/// "a dozen", "a couple of", "half a million", "a pair of".
fn collective(t: &Tokens, at: usize) -> Option<(f64, usize)> {
    let article = if t.is(at, &["a", "an"]) { at + 1 } else { at };
    if let Some((value, next)) =
        t.lookup(article, &[("dozen", 12.0), ("couple", 2.0), ("pair", 2.0), ("few", 3.0)])
    {
        return (article > at || t.word(at) != "few").then(|| (value, t.lit(next, "of").unwrap_or(next)));
    }
    const PARTS: &[(&str, f64)] = &[
        ("half a", 0.5),
        ("half", 0.5),
        ("a half", 0.5),
        ("quarter", 0.25),
        ("a quarter", 0.25),
        ("three quarters", 0.75),
    ];
    let (part, next) = t.lookup(at, PARTS)?;
    let (factor, _, next) = scale(t, next)?;
    Some((factor * part, next))
}

/// The digits after "point": (0.14, next).
pub(super) fn decimals(t: &Tokens, at: usize) -> Option<(f64, usize)> {
    let mut next = t.one_of(at, &["point", "dot"])?;
    let mut digits = String::from("0.");
    while let Some((value, false)) =
        below_hundred(t.word(next)).or((t.word(next) == "oh").then_some((0, false)))
    {
        digits.push_str(&value.to_string());
        next += 1;
    }
    if digits.len() == 2 {
        digits.push_str(t.digits(next)?);
        next += 1;
    }
    Some((digits.parse().ok()?, next))
}

/// A part of one: "a half", "three quarters", "two thirds", "five eighths", "one over three".
fn part(t: &Tokens, at: usize) -> Option<(f64, usize)> {
    let singular = t.is(at, &["a", "an"]);
    let (over, mut next) = if singular {
        (1.0, at + 1)
    } else if let Some((value, false, next)) = whole(t, at) {
        (value, next)
    } else if t.is(at, &["half", "quarter"]) {
        (1.0, at)
    } else {
        return None;
    };
    next = hyphen(t, next);
    let word = t.word(next);
    let under = match word {
        "half" | "halves" => 2.0,
        "quarter" | "quarters" => 4.0,
        "over" => {
            let (under, ordinal, after) = whole(t, next + 1)?;
            return (!ordinal && under != 0.0).then_some((over / under, after));
        }
        _ => {
            let (under, next) = denominator(t, next)?;
            let fair = under >= 3.0 && (singular || over == 1.0 || t.word(next - 1).ends_with('s'));
            return if fair { Some((over / under, next)) } else { None };
        }
    };
    Some((over / under, next + 1))
}

/// An ordinal that divides: "thirds", "twenty-fifths", "hundredth".
fn denominator(t: &Tokens, at: usize) -> Option<(f64, usize)> {
    let word = t.word(at);
    if let Some((factor, true, next)) = scale(t, at) {
        return Some((factor, next));
    }
    let single = word.strip_suffix('s').unwrap_or(word);
    if let Some((value, true)) = below_hundred(single) {
        return Some((f64::from(value), at + 1));
    }
    let (tens, false) = below_hundred(word)? else { return None };
    let next = hyphen(t, at + 1);
    let unit = t.word(next);
    let (unit, true) = below_hundred(unit.strip_suffix('s').unwrap_or(unit))? else { return None };
    (tens >= 20 && tens % 10 == 0 && unit < 10).then(|| (f64::from(tens + unit), next + 1))
}

/// A whole number, not an ordinal, as small callers' counts are: (value, next).
pub(super) fn cardinal(t: &Tokens, at: usize) -> Option<(u32, usize)> {
    let (value, ordinal, next) = whole(t, at)?;
    (!ordinal && value.fract() == 0.0 && (0.0..1e9).contains(&value)).then_some((value as u32, next))
}

/// An ordinal in words or digits: "twenty first", "21st".
pub(super) fn ordinal(t: &Tokens, at: usize) -> Option<(u32, usize)> {
    if let Some((number, next)) = written::number(t, at) {
        return (number.form == Form::Ordinal).then_some((number.value as u32, next));
    }
    let (value, ordinal, next) = whole(t, at)?;
    (ordinal && value < 1e9).then_some((value as u32, next))
}
