//! Amounts of money: "twenty dollars and fifty cents", "$3.14", "five quid", 三块五, 两毛, 一百二十元, ￥20.

use super::number::{self, Form};
use super::token::Tokens;
use super::value::Money;
use crate::base::Lang;

/// A word for a currency: its ISO 4217 code and how many of it make one whole unit.
type Word = (&'static str, (&'static str, f64));

/// Before the number or after it.
const SIGNS: &[Word] = &[
    ("$", ("USD", 1.0)),
    ("us $", ("USD", 1.0)),
    ("u . s . $", ("USD", 1.0)),
    ("usd", ("USD", 1.0)),
    ("us$", ("USD", 1.0)),
    ("€", ("EUR", 1.0)),
    ("eur", ("EUR", 1.0)),
    ("£", ("GBP", 1.0)),
    ("gbp", ("GBP", 1.0)),
    ("¥", ("CNY", 1.0)),
    ("￥", ("CNY", 1.0)),
    ("cny", ("CNY", 1.0)),
    ("rmb", ("CNY", 1.0)),
    ("hk $", ("HKD", 1.0)),
    ("hkd", ("HKD", 1.0)),
    ("c $", ("CAD", 1.0)),
    ("ca $", ("CAD", 1.0)),
    ("cad", ("CAD", 1.0)),
    ("cad $", ("CAD", 1.0)),
    ("aud $", ("AUD", 1.0)),
    ("nzd $", ("NZD", 1.0)),
    ("hkd $", ("HKD", 1.0)),
    ("人民币", ("CNY", 1.0)),
    ("港币", ("HKD", 1.0)),
    ("u . s $", ("USD", 1.0)),
    ("a $", ("AUD", 1.0)),
    ("au $", ("AUD", 1.0)),
    ("aud", ("AUD", 1.0)),
    ("s $", ("SGD", 1.0)),
    ("sgd", ("SGD", 1.0)),
    ("nt $", ("TWD", 1.0)),
    ("twd", ("TWD", 1.0)),
    ("jpy", ("JPY", 1.0)),
    ("chf", ("CHF", 1.0)),
    ("inr", ("INR", 1.0)),
    ("rs", ("INR", 1.0)),
    ("rs .", ("INR", 1.0)),
    ("₹", ("INR", 1.0)),
    ("nz $", ("NZD", 1.0)),
    ("nzd", ("NZD", 1.0)),
    ("krw", ("KRW", 1.0)),
    ("₩", ("KRW", 1.0)),
];

const AFTER_EN: &[Word] = &[
    ("dollar", ("USD", 1.0)),
    ("dollars", ("USD", 1.0)),
    ("buck", ("USD", 1.0)),
    ("bucks", ("USD", 1.0)),
    ("us dollar", ("USD", 1.0)),
    ("us dollars", ("USD", 1.0)),
    ("u . s . dollars", ("USD", 1.0)),
    ("united states dollars", ("USD", 1.0)),
    ("american dollars", ("USD", 1.0)),
    ("cent", ("USD", 100.0)),
    ("cents", ("USD", 100.0)),
    ("¢", ("USD", 100.0)),
    ("c", ("USD", 100.0)),
    ("penny", ("USD", 100.0)),
    ("pennies", ("USD", 100.0)),
    ("dime", ("USD", 10.0)),
    ("dimes", ("USD", 10.0)),
    ("euro", ("EUR", 1.0)),
    ("euros", ("EUR", 1.0)),
    ("pound", ("GBP", 1.0)),
    ("pounds", ("GBP", 1.0)),
    ("quid", ("GBP", 1.0)),
    ("pounds sterling", ("GBP", 1.0)),
    ("british pounds", ("GBP", 1.0)),
    ("pence", ("GBP", 100.0)),
    ("p", ("GBP", 100.0)),
    ("yuan", ("CNY", 1.0)),
    ("kuai", ("CNY", 1.0)),
    ("renminbi", ("CNY", 1.0)),
    ("chinese yuan", ("CNY", 1.0)),
    ("jiao", ("CNY", 10.0)),
    ("mao", ("CNY", 10.0)),
    ("fen", ("CNY", 100.0)),
    ("yen", ("JPY", 1.0)),
    ("japanese yen", ("JPY", 1.0)),
    ("hong kong dollars", ("HKD", 1.0)),
    ("hong kong dollar", ("HKD", 1.0)),
    ("canadian dollars", ("CAD", 1.0)),
    ("canadian dollar", ("CAD", 1.0)),
    ("australian dollars", ("AUD", 1.0)),
    ("australian dollar", ("AUD", 1.0)),
    ("singapore dollars", ("SGD", 1.0)),
    ("swiss francs", ("CHF", 1.0)),
    ("swiss franc", ("CHF", 1.0)),
    ("rupee", ("INR", 1.0)),
    ("rupees", ("INR", 1.0)),
    ("paise", ("INR", 100.0)),
    ("indian rupees", ("INR", 1.0)),
    ("new zealand dollars", ("NZD", 1.0)),
    ("won", ("KRW", 1.0)),
];

const AFTER_ZH: &[Word] = &[
    ("元", ("CNY", 1.0)),
    ("块", ("CNY", 1.0)),
    ("块钱", ("CNY", 1.0)),
    ("元钱", ("CNY", 1.0)),
    ("圆", ("CNY", 1.0)),
    ("元人民币", ("CNY", 1.0)),
    ("人民币", ("CNY", 1.0)),
    ("蚊", ("CNY", 1.0)),
    ("角", ("CNY", 10.0)),
    ("毛", ("CNY", 10.0)),
    ("毛钱", ("CNY", 10.0)),
    ("毫", ("CNY", 10.0)),
    ("分", ("CNY", 100.0)),
    ("分钱", ("CNY", 100.0)),
    ("仙", ("CNY", 100.0)),
    ("美元", ("USD", 1.0)),
    ("美金", ("USD", 1.0)),
    ("美分", ("USD", 100.0)),
    ("欧元", ("EUR", 1.0)),
    ("英镑", ("GBP", 1.0)),
    ("便士", ("GBP", 100.0)),
    ("日元", ("JPY", 1.0)),
    ("港元", ("HKD", 1.0)),
    ("港币", ("HKD", 1.0)),
    ("新台币", ("TWD", 1.0)),
    ("台币", ("TWD", 1.0)),
    ("澳元", ("AUD", 1.0)),
    ("加元", ("CAD", 1.0)),
    ("加拿大元", ("CAD", 1.0)),
    ("新加坡元", ("SGD", 1.0)),
    ("瑞士法郎", ("CHF", 1.0)),
    ("韩元", ("KRW", 1.0)),
    ("卢比", ("INR", 1.0)),
    ("新西兰元", ("NZD", 1.0)),
];

fn unit(lang: Lang, t: &Tokens, at: usize) -> Option<(&'static str, f64, usize)> {
    let words = if lang == Lang::Zh { AFTER_ZH } else { AFTER_EN };
    let after = t.lookup(at, words).into_iter().chain(t.lookup(at, SIGNS)).max_by_key(|(_, next)| *next);
    let ((code, per), next) = after?;
    // "p" and "c" only right behind digits: "50p".
    let letter = t.is(at, &["p", "c"]) && next == at + 1;
    (!letter || t.glued(at) || t.len() == 2).then_some((code, per, next))
}

/// The amount at `at`.
pub(super) fn money(lang: Lang, t: &Tokens, at: usize) -> Option<(Money, usize)> {
    let article = t.is(at, &["a", "s"]) && t.word(at + 1) == "$" && !t.glued(at + 1);
    let sign = t.lookup(at, SIGNS).filter(|_| !article);
    if let Some(((code, _), next)) = sign {
        let (number, next) = amount(lang, t, next)?;
        // "$3 million dollars" says it twice.
        let next = unit(lang, t, next).filter(|(c, per, _)| *c == code && *per == 1.0).map_or(next, |u| u.2);
        return Some(with_small(lang, t, Money { amount: number, currency: code.into() }, 1.0, next));
    }
    // "a $4 billion bond"
    if t.is(at, &["a", "an"]) && t.lookup(at + 1, SIGNS).is_some() {
        return None;
    }
    let (total, start) = amount(lang, t, at).or_else(|| t.is(at, &["a", "an"]).then_some((1.0, at + 1)))?;
    let start = t.lit(start, "个").filter(|_| lang == Lang::Zh).unwrap_or(start);
    let (code, per, next) = unit(lang, t, start)?;
    // 五角大楼
    if t.word(next - 1) == "角" && t.word(next) == "大" {
        return None;
    }
    Some(with_small(lang, t, Money { amount: total / per, currency: code.into() }, per, next))
}

/// `whole`, told in a unit of which `last` make one of the currency, with the smaller units behind it.
fn with_small(lang: Lang, t: &Tokens, whole: Money, mut last: f64, mut next: usize) -> (Money, usize) {
    let mut total = whole.amount;
    loop {
        let from = t.one_of(next, &["and", "零", "又"]).unwrap_or(next);
        if lang == Lang::Zh && from == next && t.lit(next, "半").is_some() && last < 100.0 {
            // 两块半, 一毛半
            (total, next) = (total + 0.5 / last, next + 1);
            break;
        }
        // "two dollars and a half"
        if lang == Lang::En && last == 1.0 && from > next && t.lit(from, "a half").is_some() {
            (total, next) = (total + 0.5, from + 2);
            break;
        }
        let Some((more, after)) = amount(lang, t, from).filter(|(m, _)| *m < 100.0) else { break };
        if let Some((_, per, after)) = unit(lang, t, after).filter(|u| u.1 > last) {
            total += more / per;
            (last, next) = (per, after);
            continue;
        }
        let tail = match lang {
            // 三块五: tenths of what was said last.
            Lang::Zh if more < 10.0 && more.fract() == 0.0 && last < 100.0 && from == next => {
                Some(more / (last * 10.0))
            }
            Lang::Zh if more >= 10.0 && last == 1.0 && from == next => Some(more / 100.0),
            // "twenty dollars fifty", "one dollar and one"
            Lang::En if last == 1.0 && more.fract() == 0.0 && more >= 1.0 => Some(more / 100.0),
            // "one kuai and five mao five"
            Lang::En if last == 10.0 && more.fract() == 0.0 && more < 10.0 => Some(more / 100.0),
            _ => None,
        };
        if let Some(tail) = tail.filter(|_| unit(lang, t, after).is_none()) {
            total += tail;
            next = after;
        }
        break;
    }
    (Money { amount: round(total), ..whole }, next)
}

fn amount(lang: Lang, t: &Tokens, at: usize) -> Option<(f64, usize)> {
    let (number, next) = number::plain(lang, t, at)?;
    matches!(number.form, Form::Cardinal | Form::Decimal | Form::Fraction).then_some((number.value, next))
}

/// To a hundredth of a cent: sums of tenths and hundredths have no exact binary form.
fn round(amount: f64) -> f64 {
    (amount * 1e4).round() / 1e4
}
