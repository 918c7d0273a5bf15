//! English numbers: "two hundred and five", "minus three point one four", "two and a half", "five eighths", "3.5 million".

use super::fraction_en::{fraction, halves, mixed};
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
    ("lkh", 1e5),
    ("lac", 1e5),
    ("million", 1e6),
    ("mil", 1e6),
    ("crore", 1e7),
    ("cr", 1e7),
    ("kr", 1e7),
    ("koti", 1e7),
    ("billion", 1e9),
    ("mln", 1e6),
    ("bln", 1e9),
    ("trillion", 1e12),
    ("tln", 1e12),
];
/// Scales that may begin a number.
pub(super) const BARE: &[&str] = &[
    "hundred",
    "hundredth",
    "thousand",
    "thousandth",
    "million",
    "millionth",
    "billion",
    "billionth",
    "trillion",
    "trillionth",
];
pub(super) const DOZENS: &[(&str, f64)] = &[
    ("dozen", 12.0),
    ("dozens", 12.0),
    ("doz", 12.0),
    ("dozs", 12.0),
    ("dz", 12.0),
    ("dzs", 12.0),
    ("score", 20.0),
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
pub(super) fn below_hundred(word: &str) -> Option<(u32, bool)> {
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

/// A hyphen within a number word: "twenty-one", "twenty - one".
pub(super) fn hyphen(t: &Tokens, at: usize) -> usize {
    at + usize::from(
        t.word(at) == "-" && t.glued(at) == t.glued(at + 1) && t.kind(at + 1) == Some(Kind::Word),
    )
}

/// The scale at `at`: (factor, ordinal, next).
pub(super) fn scale(t: &Tokens, at: usize) -> Option<(f64, bool, usize)> {
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

/// A whole number in words or digits with scales: (value, ordinal, next).
pub(super) fn whole(t: &Tokens, start: usize) -> Option<(f64, bool, usize)> {
    whole_before(t, start, t.len())
}

/// [`whole`], as if the text ended before `end`.
pub(super) fn whole_before(t: &Tokens, start: usize, end: usize) -> Option<(f64, bool, usize)> {
    let (mut total, mut group, mut at) = (0.0, 0.0, start);
    // What may still be added to the group, and the last scale: both only go down.
    let (mut room, mut last_scale) = (f64::INFINITY, f64::INFINITY);
    let (mut any, mut hundred) = (false, false);
    while at < end {
        let mut here = if any { hyphen(t, at) } else { at };
        if any && t.word(here) == "and" {
            if last_scale.is_infinite() && group < 100.0 {
                break;
            }
            here = hyphen(t, here + 1);
        }
        if here >= end {
            break;
        }
        let article = !any && t.is(here, &["a", "an"]) && scale(t, here + 1).is_some_and(|s| !s.1);
        // "hundred and one", "thousandth"
        let bare = !any && t.is(here, BARE);
        if article || bare {
            (group, room, at, any) = (1.0, 0.0, here + usize::from(article), true);
        } else if let Some((value, ordinal)) = below_hundred(t.word(here)).filter(|(v, _)| fits(*v, room)) {
            // "$280 million first" is no ordinal.
            if ordinal && last_scale.is_finite() && t.digits(start).is_some() {
                break;
            }
            group += f64::from(value);
            room = if value >= 20 && value % 10 == 0 { 10.0 } else { 0.0 };
            (at, any) = (here + 1, true);
            if ordinal {
                return Some((total + group, true, at));
            }
        } else if let Some((value, next)) =
            written::digits(t, here).filter(|(v, _)| !any || *v > 0.0 && *v < room.min(last_scale))
            && !(hundred && scale(t, next).is_some_and(|s| s.0 < 1e3))
        {
            (group, room, at, any) = (group + value, 0.0, next, true);
        } else {
            break;
        }
        // Scales: "two hundred thousand".
        while let Some((factor, ordinal, next)) = scale(t, at).filter(|(.., next)| *next <= end) {
            if factor < 1e3 {
                if hundred {
                    break;
                }
                group *= factor;
                (room, hundred) = (100.0, true);
            } else {
                total = if factor < last_scale { total + group * factor } else { (total + group) * factor };
                (group, room, last_scale, hundred) = (0.0, f64::INFINITY, factor, false);
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

/// The number at `start`, with its sign.
pub(super) fn number(t: &Tokens, start: usize) -> Option<(Number, usize)> {
    let minus = t.one_of(start, &["minus", "negative"]);
    let (mut n, next) = unsigned(t, minus.unwrap_or(start))?;
    if minus.is_some() {
        n.value = -n.value;
    }
    Some((n, next))
}

fn unsigned(t: &Tokens, at: usize) -> Option<(Number, usize)> {
    let found = |value: f64, form: Form, next: usize| Some((Number::new(value, form), next));
    if let Some((value, next)) = collective(t, at) {
        return found(value, Form::Cardinal, next);
    }
    if let Some((value, next)) = mixed(t, at).or_else(|| fraction(t, at)) {
        return found(value, Form::Fraction, next);
    }
    if let Some((number, next)) = written::number(t, at) {
        return match number.form {
            Form::Cardinal if scale(t, next).is_some_and(|s| !s.1) => in_words(t, at),
            Form::Ordinal => Some((number, next)),
            _ => Some(scaled(t, (number, next))),
        };
    }
    if let Some((value, next)) = decimals(t, at) {
        return found(value, Form::Decimal, next);
    }
    in_words(t, at)
}

/// A whole with what may follow it: decimals, dozens.
fn in_words(t: &Tokens, at: usize) -> Option<(Number, usize)> {
    let (value, ordinal, next) = hundreds(t, at).or_else(|| whole(t, at))?;
    if ordinal {
        return Some((Number::new(value, Form::Ordinal), next));
    }
    if let Some((fraction, next)) = decimals(t, next) {
        return Some(scaled(t, (Number::new(value + fraction, Form::Decimal), next)));
    }
    // "three hundred and two dozens"
    if let Some((factor, after)) = t.lookup(next, DOZENS) {
        let and = (at..next).rev().find(|i| t.word(*i) == "and");
        let counted =
            and.and_then(|and| Some((whole_before(t, at, and)?.0, whole_before(t, and + 1, next)?.0)));
        let value = counted.map_or(value * factor, |(had, n)| had + n * factor);
        return Some((Number::new(value, Form::Cardinal), after));
    }
    // "ten k"
    let thousands = t.word(next) == "k" && t.kind(next - 1) == Some(Kind::Word);
    let (value, next) = if thousands { (value * 1e3, next + 1) } else { (value, next) };
    Some((Number::new(value, Form::Cardinal), next))
}

/// "one twenty two" is 122, "one oh five" 105.
fn hundreds(t: &Tokens, at: usize) -> Option<(f64, bool, usize)> {
    let (hundreds, false) = below_hundred(t.word(at)).filter(|(v, _)| (1..10).contains(v))? else {
        return None;
    };
    if t.is(at + 1, &["oh", "o"])
        && let Some((unit, false)) = below_hundred(t.word(at + 2)).filter(|(v, _)| (1..10).contains(v))
        && below_hundred(t.word(at + 3)).is_none()
    {
        return Some((f64::from(hundreds * 100 + unit), false, at + 3));
    }
    let tens = below_hundred(t.word(at + 1)).filter(|(v, _)| *v >= 20 && v % 10 == 0)?;
    let (rest, ordinal, next) = whole(t, at + 1).filter(|w| w.0 < 100.0)?;
    let digits_follow =
        below_hundred(t.word(next)).is_some() || at > 0 && below_hundred(t.word(at - 1)).is_some();
    (!digits_follow && !tens.1).then(|| (f64::from(hundreds) * 100.0 + rest, ordinal, next))
}

/// "3.5 million", "5k", "3.2 dozen".
fn scaled(t: &Tokens, (mut number, mut next): (Number, usize)) -> (Number, usize) {
    if let Some((factor, after)) =
        written::suffix(t, next).map(|f| (f, next + 1)).or_else(|| t.lookup(next, DOZENS))
    {
        number.value *= factor;
        return (number, after);
    }
    while let Some((factor, false, after)) = scale(t, next) {
        number.value *= factor;
        next = after;
    }
    (number, next)
}

/// "a dozen", "a couple of", "half a million", "half a dozen", "a few", "a single".
fn collective(t: &Tokens, at: usize) -> Option<(f64, usize)> {
    const GROUPS: &[(&str, f64)] = &[
        ("dozen", 12.0),
        ("couple", 2.0),
        ("couple of", 2.0),
        ("couples", 2.0),
        ("pair", 2.0),
        ("pair of", 2.0),
        ("pairs", 2.0),
        ("few", 3.0),
        ("single", 1.0),
    ];
    let article = t.is(at, &["a", "an"]);
    if let Some(found) = t.lookup(at + usize::from(article), GROUPS) {
        // "a few hundred"
        let scale = scale(t, found.1).filter(|s| !s.1);
        let found = scale.map_or(found, |(factor, _, next)| (found.0 * factor, next));
        return (article || t.word(at) != "few" || t.len() == 1).then_some(found);
    }
    let (part, next) = halves(t, at)?;
    let next = t.one_of(next, &["of a", "a"]).unwrap_or(next);
    let scale = scale(t, next).filter(|s| !s.1).map(|(f, _, next)| (f, next));
    let (factor, next) = scale.or_else(|| t.lookup(next, DOZENS))?;
    Some((factor * part, next))
}

/// The digits after "point": (0.14, next). Pairs count as two digits: "point twenty five".
pub(super) fn decimals(t: &Tokens, at: usize) -> Option<(f64, usize)> {
    let mut next = t.one_of(at, &["point", "dot"])?;
    let mut digits = String::from("0.");
    loop {
        if t.word(next) == "oh" {
            digits.push('0');
            next += 1;
        } else if let Some((tens, false)) = below_hundred(t.word(next))
            && let Some((unit, false)) = below_hundred(t.word(hyphen(t, next + 1)))
                .filter(|(u, _)| tens >= 20 && tens % 10 == 0 && (1..10).contains(u))
        {
            digits.push_str(&(tens + unit).to_string());
            next = hyphen(t, next + 1) + 1;
        } else if let Some((value, false)) = below_hundred(t.word(next)) {
            digits.push_str(&value.to_string());
            next += 1;
        } else {
            break;
        }
    }
    if digits.len() == 2 {
        digits.push_str(t.digits(next)?);
        next += 1;
    }
    Some((digits.parse().ok()?, next))
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
