//! Mandarin numbers: 三万五 (35 000), 一百零二, 两点五, 负三, 三分之二, 二十又四分之一, 廿五, 一打, 二零一九.

use super::number::{Form, Number, written};
use super::token::Tokens;

/// A digit as it is said or written; 幺 is how one says 1 in strings of digits.
pub(super) fn digit(word: &str) -> Option<u32> {
    Some(match word {
        "零" | "洞" => 0,
        "一" | "壹" | "幺" => 1,
        "二" | "贰" | "两" | "俩" => 2,
        "三" | "叁" | "仨" => 3,
        "四" | "肆" => 4,
        "五" | "伍" => 5,
        "六" | "陆" => 6,
        "七" | "柒" => 7,
        "八" | "捌" => 8,
        "九" | "玖" => 9,
        _ => return None,
    })
}

fn scale(word: &str) -> Option<f64> {
    Some(match word {
        "十" | "拾" => 1e1,
        "百" | "佰" => 1e2,
        "千" | "仟" => 1e3,
        "万" => 1e4,
        "亿" => 1e8,
        "兆" => 1e12,
        _ => return None,
    })
}

/// Tens in one character.
fn tens(word: &str) -> Option<f64> {
    Some(match word {
        "廿" => 20.0,
        "卅" => 30.0,
        "卌" => 40.0,
        _ => return None,
    })
}

/// 三四百 is one or the other.
fn vague(t: &Tokens, at: usize) -> bool {
    let count = |at: usize| digit(t.word(at)).is_some_and(|d| d > 0);
    count(at) && count(at + 1) && scale(t.word(at + 2)).is_some()
}

/// A whole number: (value, next). Digits in a row without scales are read one by one: 二零一九 is 2019.
pub(super) fn whole(t: &Tokens, start: usize) -> Option<(f64, usize)> {
    if vague(t, start) || start > 0 && vague(t, start - 1) {
        return None;
    }
    let mut at = start;
    let mut run = 0.0;
    while let Some(d) = digit(t.word(at)) {
        run = run * 10.0 + f64::from(d);
        at += 1;
    }
    if at > start + 1 && scale(t.word(at)).is_none() && tens(t.word(at)).is_none() {
        return Some((run, at));
    }
    // Powers of ten thousand rise from the right: a larger scale takes in all smaller parts before it (三千万亿).
    let (mut parts, mut section, mut at): (Vec<(f64, f64)>, f64, usize) = (Vec::new(), 0.0, start);
    let mut pending: Option<f64> = None;
    // The scale of what was last added: 三万五 is short for 三万五千.
    let (mut last, mut zero, mut any) = (1.0, false, false);
    loop {
        let word = t.word(at);
        let vague = if any && word == "零" { at + 1 } else { at };
        if any && t.is(vague, &["余", "几", "多"]) && scale(t.word(vague + 1)).is_some() {
            at = vague + 1;
        } else if pending.is_none()
            && (!any || last > 1.0)
            && let Some((value, next)) = written::digits(t, at)
        {
            pending = Some(value);
            (at, any) = (next, true);
        } else if let Some(value) = tens(word).filter(|_| pending.is_none()) {
            section += value;
            (last, any, at) = (10.0, true, at + 1);
        } else if pending.is_none()
            && let Some(value) = digit(word)
        {
            let more = digit(t.word(at + 1)).is_some()
                || scale(t.word(at + 1)).is_some()
                || tens(t.word(at + 1)).is_some()
                || t.digits(at + 1).is_some();
            if value == 0 && any && !more {
                break;
            }
            if value == 0 && any {
                zero = true;
            } else {
                pending = Some(f64::from(value));
            }
            (at, any) = (at + 1, true);
        } else if pending.is_none() && word == "半" && scale(t.word(at + 1)).is_some() && !any {
            pending = Some(0.5);
            (at, any) = (at + 1, true);
        } else if let Some(factor) =
            scale(word).filter(|f| any || *f == 10.0 || digit(t.word(at + 1)).is_some_and(|d| d > 0))
        {
            if factor < 1e4 && section > 0.0 && factor >= last {
                break;
            }
            if factor >= 1e4 {
                // 万九 is short for 一万九.
                let mut group = section + pending.take().unwrap_or(f64::from(u8::from(!any)));
                while let Some((value, _)) = parts.pop_if(|(_, scale)| *scale <= factor) {
                    group += value;
                }
                if group == 0.0 {
                    return None;
                }
                parts.push((group * factor, factor));
                section = 0.0;
            } else {
                section += pending.take().unwrap_or(1.0) * factor;
            }
            (last, zero, any, at) = (factor, false, true, at + 1);
        } else {
            break;
        }
    }
    // 拾 and 伍 within a text are words of their own.
    let lone = at == start + 1 && t.is(start, &["拾", "伍", "陆", "佰", "仟", "洞"]);
    if lone && t.len() > 1 && !t.is(at, &["点", "折", "成", "元", "角", "分", "块"]) {
        return None;
    }
    if let Some(value) = pending {
        let short = last >= 100.0 && !zero && value < 10.0;
        section += if short { value * last / 10.0 } else { value };
    }
    let total: f64 = parts.iter().map(|(value, _)| value).sum();
    any.then_some((total + section, at))
}

/// Words with a numeral in them that count nothing.
const WORDS: &[&str] = &[
    "一下",
    "一样",
    "一起",
    "一定",
    "一直",
    "一般",
    "一些",
    "一共",
    "一切",
    "壹切",
    "一旦",
    "一边",
    "一会儿",
    "一看",
    "一致",
    "一向",
    "一律",
    "一路",
    "万一",
    "万分",
    "千万别",
    "千万不",
    "十足",
    "四川",
    "四处",
    "四周",
    "四面",
    "四季",
    "三亚",
    "三峡",
    "三明治",
    "六安",
    "九江",
    "九龙",
    "百货",
    "百姓",
    "百度",
    "百分点",
    "五金",
    "五官",
    "放肆",
    "肆意",
    "肆无忌惮",
    "乱七八糟",
    "七上八下",
    "不三不四",
    "十分感谢",
    "十分抱歉",
    "独一无二",
    "统一",
    "唯一",
    "两两",
    "任一",
];

/// True if the numeral at `at` belongs to one of [`WORDS`].
fn within_word(t: &Tokens, at: usize) -> bool {
    let covers = |from: usize| t.one_of(from, WORDS).is_some_and(|end| end > at);
    (at.saturating_sub(3)..=at).any(covers)
}

/// The number at `start`, with its sign, decimals and fractions.
pub(super) fn number(t: &Tokens, start: usize) -> Option<(Number, usize)> {
    if within_word(t, start) {
        return None;
    }
    let sign = t.one_of(start, &["负", "零下"]);
    let (mut number, next) = unsigned(t, sign.unwrap_or(start))?;
    if sign.is_some() {
        number.value = -number.value;
    }
    Some((number, next))
}

fn unsigned(t: &Tokens, at: usize) -> Option<(Number, usize)> {
    if let Some(next) = t.lit(at, "第") {
        let (value, next) = whole(t, next)?;
        return Some((Number::new(value, Form::Ordinal), next));
    }
    if let Some((value, next)) = t.lookup(at, &[("一半", 0.5), ("半打", 6.0)]) {
        return Some((Number::new(value, Form::Cardinal), next));
    }
    if let Some(next) = t.lit(at, "半") {
        return Some((Number::new(0.5, Form::Fraction), next));
    }
    if let Some((value, next)) = fraction(t, at) {
        return Some((Number::new(value, Form::Fraction), next));
    }
    let wrote = written::number(t, at).filter(|(_, next)| scale(t.word(*next)).is_none());
    if let Some((number, next)) = wrote
        && let Some(factor) = written::suffix(t, next)
    {
        return Some((Number::new(number.value * factor, number.form), next + 1));
    }
    if let Some(found) = wrote.filter(|(n, _)| n.form != Form::Cardinal || n.value.fract() != 0.0) {
        return Some(found);
    }
    let (value, next) = decimal_scaled(t, at).or_else(|| whole(t, at))?;
    if let Some((decimals, next)) = decimals(t, next) {
        let (value, form) = (value + decimals, Form::Decimal);
        // 一点五亿
        let mut at = next;
        let mut factor = 1.0;
        while let Some(more) = scale(t.word(at)) {
            (factor, at) = (factor * more, at + 1);
        }
        return Some((Number::new(value * factor, form), at));
    }
    // 二十又四分之一
    if let Some(more) = t.one_of(next, &["又", "有"])
        && let Some((part, next)) = fraction(t, more)
    {
        return Some((Number::new(value + part, Form::Fraction), next));
    }
    // 一个半, but 两个半天 are halves of days.
    if let Some(next) = t.lit(next, "个半").filter(|n| !t.is(*n, &["天", "月", "年"])) {
        return Some((Number::new(value + 0.5, Form::Fraction), next));
    }
    if let Some((factor, next)) = t.lookup(next, &[("打", 12.0)]) {
        return Some((Number::new(value * factor, Form::Cardinal), next));
    }
    Some((Number::new(value, Form::Cardinal), next))
}

/// 3.5万
fn decimal_scaled(t: &Tokens, at: usize) -> Option<(f64, usize)> {
    let (number, mut next) = written::number(t, at)?;
    let mut value = number.value;
    if value.fract() == 0.0 {
        return None;
    }
    while let Some(factor) = scale(t.word(next)) {
        (value, next) = (value * factor, next + 1);
    }
    Some((value, next))
}

/// The digits after 点: (0.14, next).
fn decimals(t: &Tokens, at: usize) -> Option<(f64, usize)> {
    let start = t.lit(at, "点")?;
    let (mut digits, mut next) = (String::from("0."), start);
    while let Some(d) = digit(t.word(next)).filter(|_| !t.is(next, &["两", "俩"])) {
        digits.push_str(&d.to_string());
        next += 1;
    }
    if next == start {
        digits.push_str(t.digits(next)?);
        next += 1;
    }
    Some((digits.parse().ok()?, next))
}

/// 三分之二, 百分之… is not one: see the percentages.
fn fraction(t: &Tokens, at: usize) -> Option<(f64, usize)> {
    let (under, next) = whole(t, at)?;
    let next = t.lit(next, "分之")?;
    let minus = t.lit(next, "负");
    let (over, next) = whole(t, minus.unwrap_or(next))?;
    let over = over + decimals(t, next).map_or(0.0, |(d, _)| d);
    let next = decimals(t, next).map_or(next, |(_, n)| n);
    let over = if minus.is_some() { -over } else { over };
    (under != 0.0).then_some((over / under, next))
}

/// 百分之, 千分之, 万万分之: what one of it is in hundredths, and the place after it.
pub(super) fn hundredths(t: &Tokens, at: usize) -> Option<(f64, usize)> {
    let (mut under, mut next) = (1.0, at);
    while let Some(factor) = scale(t.word(next)).filter(|f| *f >= 100.0) {
        (under, next) = (under * factor, next + 1);
    }
    Some((100.0 / under, t.lit(next, "分之").filter(|_| next > at)?))
}

/// A whole count.
pub(super) fn cardinal(t: &Tokens, at: usize) -> Option<(u32, usize)> {
    let (value, next) = whole(t, at)?;
    (value.fract() == 0.0 && value < 1e9).then_some((value as u32, next))
}
