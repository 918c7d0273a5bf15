//! Numbers in either language: what they are, how digits are written, percentages, and which one stands at a place.

use super::token::{Kind, Tokens};
use super::{number_en, number_zh};
use crate::base::Lang;

/// How a number was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Cardinal,
    Ordinal,
    Decimal,
    Fraction,
    /// The value counts in hundredths: 22 % is 22.
    Percent,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number {
    pub(super) value: f64,
    pub(super) form: Form,
}

impl Number {
    pub(super) fn new(value: f64, form: Form) -> Number {
        Number { value, form }
    }
}

/// Digits as one writes them.
pub(super) mod written {
    use super::{Form, Kind, Number, Tokens};

    /// Letters after written digits: "5k".
    const SUFFIXES: &[(&str, f64)] = &[
        ("k", 1e3),
        ("m", 1e6),
        ("mm", 1e6),
        ("mln", 1e6),
        ("g", 1e9),
        ("b", 1e9),
        ("bn", 1e9),
        ("t", 1e12),
    ];

    /// Fractions in one character.
    pub(crate) const VULGAR: &[(&str, f64)] = &[
        ("½", 0.5),
        ("⅓", 1.0 / 3.0),
        ("⅔", 2.0 / 3.0),
        ("¼", 0.25),
        ("¾", 0.75),
        ("⅕", 0.2),
        ("⅖", 0.4),
        ("⅗", 0.6),
        ("⅘", 0.8),
        ("⅙", 1.0 / 6.0),
        ("⅚", 5.0 / 6.0),
        ("⅛", 0.125),
        ("⅜", 0.375),
        ("⅝", 0.625),
        ("⅞", 0.875),
    ];

    /// What the letters at `at`, right behind digits, multiply by.
    pub(crate) fn suffix(t: &Tokens, at: usize) -> Option<f64> {
        let found = SUFFIXES.iter().find(|(s, _)| t.word(at) == *s && (t.glued(at) || *s == "k"));
        found.map(|(_, factor)| *factor)
    }

    /// Whole digits with thousands separators: "1,234,567" or "1 234".
    pub(crate) fn digits(t: &Tokens, at: usize) -> Option<(f64, usize)> {
        let mut text = t.digits(at)?.to_owned();
        let mut next = at + 1;
        if text.len() <= 3 {
            while t.word(next) == ","
                && t.glued(next)
                && t.glued(next + 1)
                && let Some(group) = t.digits(next + 1).filter(|d| d.len() == 3)
            {
                text.push_str(group);
                next += 2;
            }
            // "1 414 021": spaces between thousands, two of them at least.
            let groups =
                (next..).take_while(|i| t.digits(*i).is_some_and(|d| d.len() == 3) && !t.glued(*i)).count();
            // One group alone may be another number, unless it is "40 000".
            if next == at + 1 && (groups >= 2 || groups == 1 && t.word(next) == "000") {
                text.extend((next..next + groups).filter_map(|i| t.digits(i)));
                next += groups;
            }
        }
        Some((text.parse().ok()?, next))
    }

    /// "1,234.5", ".5", "1/3", "3 1/2", "21st", "-3".
    pub(crate) fn number(t: &Tokens, start: usize) -> Option<(Number, usize)> {
        let signed = t.is(start, &["-", "+"])
            && t.kind(start + 1) != Some(Kind::Word)
            && (start == 0 || !t.glued(start) || t.kind(start - 1) == Some(Kind::Mark));
        let at = start + usize::from(signed);
        let sign = if signed && t.word(start) == "-" { -1.0 } else { 1.0 };
        let (number, next) = unsigned(t, at)?;
        Some((Number::new(sign * number.value, number.form), next))
    }

    fn unsigned(t: &Tokens, at: usize) -> Option<(Number, usize)> {
        // Not in "192.168.1.2" and "...9".
        let dotted =
            |at: usize| t.word(at) == "." && t.glued(at) && t.digits(at + 1).is_some() && t.glued(at + 1);
        let after_dot = |at: usize| at > 0 && t.glued(at) && t.is(at - 1, &[".", "/"]);
        let point = |next: usize| {
            let whole = t.is(next, &[".", "·"]) && t.glued(next + 1) && (next == at || t.glued(next));
            let row = dotted(next + 2)
                || after_dot(at)
                || next == at && at > 0 && t.glued(at) && t.digits(at - 1).is_some();
            (whole && !row).then(|| t.digits(next + 1)).flatten()
        };
        let (value, next) = if point(at).is_some() { (0.0, at) } else { digits(t, at)? };
        if let Some(decimals) = point(next) {
            let value: f64 = format!("{value}.{decimals}").parse().ok()?;
            return Some((Number::new(value, Form::Decimal), next + 2));
        }
        let ratio = |next: usize| {
            let under: f64 = t.digits(next + 1)?.parse().ok()?;
            let row =
                t.word(next + 2) == "/" && t.glued(next + 2) && t.digits(next + 3).is_some() || after_dot(at);
            (t.is(next, &["/", "⁄"]) && under != 0.0 && !row).then_some((under, next + 2))
        };
        if let Some((under, next)) = ratio(next) {
            return Some((Number::new(value / under, Form::Fraction), next));
        }
        // "3 1/2"
        if let Some((over, after)) = t.digits(next).and_then(|d| Some((d.parse::<f64>().ok()?, next + 1)))
            && let Some((under, after)) = ratio(after).filter(|_| t.glued(after))
            && (over < under || over.max(under) < 10.0)
        {
            return Some((Number::new(value + over / under, Form::Fraction), after));
        }
        if let Some((part, next)) = t.lookup(next, VULGAR) {
            return Some((Number::new(value + part, Form::Fraction), next));
        }
        if t.glued(next) && t.is(next, &["st", "nd", "rd", "th"]) && value.fract() == 0.0 {
            return Some((Number::new(value, Form::Ordinal), next + 1));
        }
        Some((Number::new(value, Form::Cardinal), next))
    }
}

/// The number or percentage at `at`; "forty-five (45)" says it twice.
pub(super) fn number(lang: Lang, t: &Tokens, at: usize) -> Option<(Number, usize)> {
    let (number, next) = single(lang, t, at)?;
    let again = (t.word(next) == "(").then(|| single(lang, t, next + 1)).flatten();
    let again = again.filter(|(n, end)| n.value == number.value && t.word(*end) == ")");
    Some((number, again.map_or(next, |(_, end)| end + 1)))
}

fn single(lang: Lang, t: &Tokens, at: usize) -> Option<(Number, usize)> {
    percent(lang, t, at).or_else(|| plain(lang, t, at))
}

/// A number without a per cent sign.
pub(super) fn plain(lang: Lang, t: &Tokens, at: usize) -> Option<(Number, usize)> {
    if let Some((part, next)) = t.lookup(at, written::VULGAR) {
        return Some((Number::new(part, Form::Fraction), next));
    }
    match lang {
        Lang::En => number_en::number(t, at).or_else(|| written::number(t, at)),
        Lang::Zh => number_zh::number(t, at).or_else(|| written::number(t, at)),
    }
}

/// "twenty percent", "20%", "per cent of twenty", 百分之二十, 八成五, 七五折.
fn percent(lang: Lang, t: &Tokens, at: usize) -> Option<(Number, usize)> {
    let done = |value: f64, next: usize| Some((Number::new(value, Form::Percent), next));
    if lang == Lang::Zh {
        let (minus, from) = t.lit(at, "负").map_or((1.0, at), |next| (-1.0, next));
        if let Some((factor, next)) = number_zh::hundredths(t, from) {
            let (number, next) = plain(lang, t, next)?;
            return done(minus * number.value * factor, next);
        }
        if let Some((value, next)) =
            t.lookup(from, &[("半成", 5.0), ("对折", 50.0), ("半折", 50.0), ("半价", 50.0)])
        {
            return done(minus * value, next);
        }
        if let Some(found) = tenths(t, from) {
            return Some(found);
        }
    }
    if let Some(next) = t
        .one_of(at, &["per cent of", "percent of", "percents of", "percentage of"])
        .filter(|_| lang == Lang::En)
    {
        let (number, next) = plain(lang, t, next)?;
        return done(number.value, next);
    }
    let (number, next) = plain(lang, t, at)?;
    let next = t.lit(next, "个").filter(|n| t.lit(*n, "百分点").is_some()).unwrap_or(next);
    let next = t.one_of(
        next,
        &[
            "%",
            "percent",
            "per cent",
            "percents",
            "per cents",
            "pct",
            "percentage",
            "percentage points",
            "百分点",
            "个百分点",
        ],
    )?;
    if t.glued(next) && matches!(t.kind(next), Some(Kind::Word | Kind::Digits)) {
        return None;
    }
    done(number.value, next)
}

/// 八成, 三成半, 七折, 七五折, 九点五折.
fn tenths(t: &Tokens, at: usize) -> Option<(Number, usize)> {
    let (number, next) = plain(Lang::Zh, t, at)?;
    if number.form == Form::Ordinal || !(0.0..100.0).contains(&number.value) {
        return None;
    }
    let value = if number.value >= 10.0 { number.value } else { number.value * 10.0 };
    // 十折 is no discount.
    if let Some(next) = t.lit(next, "折").filter(|_| number.value != 10.0) {
        return Some((Number::new(value, Form::Percent), next));
    }
    let next = t.lit(next, "成")?;
    let value = number.value * 10.0;
    if let Some(next) = t.lit(next, "半") {
        return Some((Number::new(value + 5.0, Form::Percent), next));
    }
    if let Some(more) = number_zh::digit(t.word(next)) {
        return Some((Number::new(value + f64::from(more), Form::Percent), next + 1));
    }
    Some((Number::new(value, Form::Percent), next))
}

/// A whole count: "three", "a", 三, 3.
pub(super) fn cardinal(lang: Lang, t: &Tokens, at: usize) -> Option<(u32, usize)> {
    match lang {
        Lang::En => number_en::cardinal(t, at),
        Lang::Zh => number_zh::cardinal(t, at),
    }
}
