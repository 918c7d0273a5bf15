//! Lengths of time: "an hour and a half", "two weeks", "3 min 20 s", 一个半小时, 三天两夜, 两个月零五天.

use super::number::{self, Form, Number};
use super::number_zh;
use super::token::{Kind, Tokens};
use super::value::Length;
use crate::base::Lang;

/// A unit of time, smallest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    /// Monday to Friday.
    Workday,
    Weekend,
    Week,
    Month,
    Quarter,
    Year,
    Decade,
    Century,
}

impl Unit {
    pub(super) fn times(self, n: f64) -> Length {
        let mut length = Length::default();
        match self {
            Unit::Second => length.seconds = n,
            Unit::Minute => length.seconds = n * 60.0,
            Unit::Hour => length.seconds = n * 3600.0,
            Unit::Day | Unit::Workday => length.days = n,
            Unit::Week => length.days = n * 7.0,
            Unit::Weekend => length.days = n * 2.0,
            Unit::Month => length.months = n,
            Unit::Quarter => length.months = n * 3.0,
            Unit::Year => length.months = n * 12.0,
            Unit::Decade => length.months = n * 120.0,
            Unit::Century => length.months = n * 1200.0,
        }
        // Half a day is hours, half a week days and hours; a month and a half stays months.
        let part = length.days.fract();
        if part != 0.0 {
            length.days = length.days.trunc();
            length.seconds += part * 86_400.0;
        }
        length
    }
}

const EN: &[(&str, Unit)] = &[
    ("second", Unit::Second),
    ("seconds", Unit::Second),
    ("sec", Unit::Second),
    ("secs", Unit::Second),
    ("s", Unit::Second),
    ("\"", Unit::Second),
    ("minute", Unit::Minute),
    ("minutes", Unit::Minute),
    ("min", Unit::Minute),
    ("mins", Unit::Minute),
    ("m", Unit::Minute),
    ("'", Unit::Minute),
    ("hour", Unit::Hour),
    ("hours", Unit::Hour),
    ("hr", Unit::Hour),
    ("hrs", Unit::Hour),
    ("h", Unit::Hour),
    ("day", Unit::Day),
    ("days", Unit::Day),
    ("d", Unit::Day),
    ("night", Unit::Day),
    ("nights", Unit::Day),
    ("weekday", Unit::Workday),
    ("weekdays", Unit::Workday),
    ("workday", Unit::Workday),
    ("workweek", Unit::Workday),
    ("work week", Unit::Workday),
    ("workdays", Unit::Workday),
    ("business day", Unit::Workday),
    ("business days", Unit::Workday),
    ("working day", Unit::Workday),
    ("working days", Unit::Workday),
    ("work days", Unit::Workday),
    ("weekend", Unit::Weekend),
    ("weekends", Unit::Weekend),
    ("week end", Unit::Weekend),
    ("week", Unit::Week),
    ("week's", Unit::Week),
    ("weeks", Unit::Week),
    ("wk", Unit::Week),
    ("wks", Unit::Week),
    ("w", Unit::Week),
    ("month", Unit::Month),
    ("month's", Unit::Month),
    ("months", Unit::Month),
    ("mth", Unit::Month),
    ("mths", Unit::Month),
    ("quarter", Unit::Quarter),
    ("quarters", Unit::Quarter),
    ("qtr", Unit::Quarter),
    ("qtrs", Unit::Quarter),
    ("year", Unit::Year),
    ("year's", Unit::Year),
    ("years", Unit::Year),
    ("yr", Unit::Year),
    ("yrs", Unit::Year),
    ("y", Unit::Year),
    ("decade", Unit::Decade),
    ("decades", Unit::Decade),
    ("century", Unit::Century),
    ("centuries", Unit::Century),
];

const ZH: &[(&str, Unit)] = &[
    ("秒", Unit::Second),
    ("秒钟", Unit::Second),
    ("分", Unit::Minute),
    ("分钟", Unit::Minute),
    ("小时", Unit::Hour),
    ("钟头", Unit::Hour),
    ("钟", Unit::Hour),
    ("时", Unit::Hour),
    ("天", Unit::Day),
    ("日", Unit::Day),
    ("夜", Unit::Day),
    ("晚", Unit::Day),
    ("工作日", Unit::Workday),
    ("周", Unit::Week),
    ("星期", Unit::Week),
    ("礼拜", Unit::Week),
    ("周末", Unit::Weekend),
    ("月", Unit::Month),
    ("季度", Unit::Quarter),
    ("季", Unit::Quarter),
    ("年", Unit::Year),
    ("世纪", Unit::Century),
    ("h", Unit::Hour),
    ("min", Unit::Minute),
];

/// The unit at `at`.
pub(super) fn unit(lang: Lang, t: &Tokens, at: usize) -> Option<(Unit, usize)> {
    match lang {
        Lang::En => {
            let (unit, next) = t.lookup(at, EN)?;
            // One letter is a unit only right after digits: "2h".
            let short = matches!(t.word(at), "s" | "m" | "h" | "d" | "w" | "y" | "'" | "\"");
            (!short || at > 0 && t.digits(at - 1).is_some()).then_some((unit, next))
        }
        Lang::Zh => t.lookup(at, ZH).filter(|(_, next)| !t.is(*next, &["岁", "份"])),
    }
}

/// English amounts that are no numbers, as they stand before a unit.
const PARTS: &[(&str, f64)] = &[
    ("half a", 0.5),
    ("half an", 0.5),
    ("half", 0.5),
    ("a half", 0.5),
    ("quarter of an", 0.25),
    ("quarter of a", 0.25),
    ("a quarter of an", 0.25),
    ("a quarter of a", 0.25),
    ("a quarter of", 0.25),
    ("three quarters of an", 0.75),
    ("three quarters of a", 0.75),
    ("three - quarters of an", 0.75),
    ("three - quarters of a", 0.75),
    ("3 quarters of an", 0.75),
    ("a quarter", 0.25),
    ("quarter", 0.25),
    ("a couple of", 2.0),
    ("a couple", 2.0),
    ("couple of", 2.0),
    ("couple", 2.0),
    ("a pair of", 2.0),
    ("a few", 3.0),
    ("few", 3.0),
    ("several", 3.0),
    ("some", 3.0),
    ("another", 1.0),
    ("a half an", 0.5),
    ("one half", 0.5),
    ("all", 1.0),
    ("all -", 1.0),
    ("full", 1.0),
    ("full -", 1.0),
    ("whole", 1.0),
    ("whole -", 1.0),
];

/// How much of a unit: "three", "half a", "a", "one and a half", "a couple of", 两个, 半个, 一个半.
fn amount(lang: Lang, t: &Tokens, at: usize) -> Option<(f64, usize)> {
    if lang == Lang::Zh {
        if let Some((n, next)) = t.lookup(at, &[("半个", 0.5), ("半", 0.5), ("个半", 1.5)]) {
            return Some((n, next));
        }
        if let Some((n, next)) = t.lookup(at, &[("几个", 3.0), ("几", 3.0)]) {
            return Some((n, next));
        }
        let (number, next) = number::plain(lang, t, at).filter(|(n, _)| n.form != Form::Ordinal)?;
        if let Some(next) = t.lit(next, "个半") {
            return Some((number.value + 0.5, next));
        }
        return Some((number.value, t.lit(next, "个").unwrap_or(next)));
    }
    let table = t.lookup(at, PARTS);
    if let Some((n, next)) = table.filter(|(_, next)| unit(lang, t, *next).is_some()) {
        return Some((n, next));
    }
    let mut number = number::plain(lang, t, at);
    // "the last two quarters"
    if number.is_some_and(|(_, next)| t.is(next - 1, &["quarter", "quarters"]) && next <= at + 2) {
        number =
            number::cardinal(lang, t, at).map(|(n, next)| (Number::new(f64::from(n), Form::Cardinal), next));
    }
    // "2m" are minutes here, not millions.
    if t.word(at + 1) == "m" && t.glued(at + 1) {
        number = number::written::digits(t, at).map(|(n, next)| (Number::new(n, Form::Cardinal), next));
    }
    if let Some((number, next)) = number
        && number.form != Form::Ordinal
    {
        // "one and quarter hour", "2 and a half hours"
        for (part, extra) in [
            ("and a quarter of", 0.25),
            ("and a quarter", 0.25),
            ("and quarter", 0.25),
            ("and half", 0.5),
            ("and a half", 0.5),
            ("½", 0.5),
        ] {
            if let Some(next) = t.lit(next, part) {
                return Some((number.value + extra, t.lit(next, "of").unwrap_or(next)));
            }
        }
        let next = if t.word(next) == "-" && t.glued(next) { next + 1 } else { next };
        let next = t
            .one_of(
                next,
                &["of a", "of an", "of", "more", "additional", "extra", "less", "fewer", "full", "whole"],
            )
            .unwrap_or(next);
        return Some((number.value, next));
    }
    t.is(at, &["a", "an"]).then(|| (1.0, t.one_of(at + 1, &["full", "whole"]).unwrap_or(at + 1)))
}

/// One amount with its unit: "three days".
pub(super) fn piece(lang: Lang, t: &Tokens, at: usize) -> Option<(f64, Unit, usize)> {
    if let Some((n, next)) = t.lookup(at, &[("fortnight", 2.0), ("a fortnight", 2.0), ("a fortnight's", 2.0)])
    {
        return Some((n, Unit::Week, next));
    }
    if lang == Lang::Zh {
        if let Some((n, next)) = t.lookup(at, &[("一刻钟", 1.0), ("两刻钟", 2.0), ("三刻钟", 3.0)]) {
            return Some((n * 15.0, Unit::Minute, next));
        }
        if let Some((n, next)) = amount(lang, t, at).and_then(|(n, next)| {
            Some((
                n,
                t.lit(next, "个字")
                    .or_else(|| (t.word(next - 1) == "个").then(|| t.lit(next, "字")).flatten())?,
            ))
        }) {
            return Some((n * 5.0, Unit::Minute, next));
        }
    }
    let (mut n, next) = amount(lang, t, at)?;
    let (unit, mut next) = unit(lang, t, next)?;
    if lang == Lang::Zh && n.fract() == 0.0 {
        // 三年半, 两个月半, 一小时半: half of the unit more.
        if let Some(after) = t.lit(next, "半").filter(|_| unit != Unit::Week || t.word(next - 1) != "周") {
            n += 0.5;
            next = after;
        }
    }
    if lang == Lang::En {
        // "an hour and a half", "a year and a quarter"
        if let Some((extra, after)) =
            t.lookup(next, &[("and a half", 0.5), ("and half", 0.5), ("and a quarter", 0.25)])
            && self::unit(lang, t, after).is_none()
            && t.word(after) != "of"
        {
            n += extra;
            next = after;
        }
        // "a second wave" and "five second" are no lengths.
        let word = t.kind(next) == Some(Kind::Word)
            && !t.is(
                next,
                &["from", "ago", "later", "and", "please", "or", "hence", "before", "after", "time"],
            );
        if unit == Unit::Second && t.word(next - 1) == "second" && (n != 1.0 || word) {
            return None;
        }
    }
    Some((n, unit, next))
}

/// A length at `at`: (length, its smallest unit, next).
pub(super) fn length(lang: Lang, t: &Tokens, at: usize) -> Option<(Length, Unit, usize)> {
    let (n, mut unit, mut next) = piece(lang, t, at)?;
    let mut total = unit.times(n);
    loop {
        let glue = match lang {
            Lang::En => t.one_of(next, &["and", ", and", ","]),
            Lang::Zh => t.one_of(next, &["零", "又", "和"]),
        };
        let from = glue.unwrap_or(next);
        if let Some((n, smaller, after)) = piece(lang, t, from).filter(|(_, u, _)| *u < unit) {
            let more = smaller.times(n);
            total.months += more.months;
            total.days += more.days;
            total.seconds += more.seconds;
            (unit, next) = (smaller, after);
            continue;
        }
        // "one hour thirty", 一小时三十
        if unit == Unit::Hour
            && let Some((minutes, after)) = number::cardinal(lang, t, from)
            && (1..60).contains(&minutes)
            && at + 1 < next
            && (t.digits(from).is_none() || glue.is_some())
        {
            total.seconds += f64::from(minutes) * 60.0;
            return Some((total, Unit::Minute, after));
        }
        return Some((total, unit, next));
    }
}

/// A length as a caller states it alone: 三月 and 五日, 八时, 三分 are dates and times, not lengths.
pub(super) fn stated(lang: Lang, t: &Tokens, at: usize) -> Option<(Length, usize)> {
    let (length, _, next) = length(lang, t, at)?;
    if lang == Lang::Zh {
        let (_, _, first) = piece(lang, t, at)?;
        let number =
            |at: usize| t.digits(at).is_some() || t.is(at, &["十"]) || number_zh::digit(t.word(at)).is_some();
        let bare = |m: &str| t.word(first - 1) == m && first == next && number(first.wrapping_sub(2));
        if bare("月") || bare("日") || bare("时") || bare("分") {
            return None;
        }
        if t.word(at) == "第" || at > 0 && t.is(at - 1, &["第", "周", "期"]) {
            return None;
        }
        // 2018年, 一九年: a year, not a length.
        if t.word(first - 1) == "年" && length.months >= 12.0 * 100.0 {
            return None;
        }
    }
    Some((length, next))
}
