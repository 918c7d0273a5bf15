//! The values in what a caller says: numbers, digits, phones, money, dates and times, names from a list.
//!
//! In: the type of a slot, a language, a text as a recogniser or a person writes it, and the reference time.
//! Out: typed values with their place in the text and a score. A pure function; nothing is learned or kept.
//!
//! ```text
//! text ─► tokens ─► number grammars ─► digits, phones, money, durations, dates and times ─► the longest at each place
//! ```
//! [`extract`] finds one type, [`extract_all`] fills several slots from one sentence, [`say`] reads a value back,
//! [`correct`] changes one by what the caller answers to that. [`cases`] measures it.

pub mod cases;
mod choice;
mod code;
mod correct;
mod digits;
mod duration;
mod fraction_en;
mod money;
mod number;
mod number_en;
mod number_zh;
mod phone;
mod say;
#[cfg(test)]
mod tests;
mod token;
mod types;
mod value;
mod when;
mod yesno;

pub use correct::{afternoon, correct, takes_back};
pub use digits::says_digits;
pub use jiff::civil::DateTime;
pub use say::say;
pub use types::{Entry, SlotType};
pub use value::{Fault, Found, Length, Money, Phone, Value};
pub use when::{Bounds, Customs, Shape, When};

use crate::base::Lang;
use number::{Form, Number};
use token::{Kind, Tokens};

/// A value at a place, before it has a text.
type At = (Value, f32, Option<Fault>, usize);

/// Everything of type `slot` in `text`, in order, with `now` as the reference time.
pub fn extract(slot: &SlotType, lang: Lang, text: &str, now: DateTime) -> Vec<Found> {
    extract_with(slot, lang, text, now, &Customs::USUAL)
}

/// [`extract`] under other [`Customs`].
pub fn extract_with(slot: &SlotType, lang: Lang, text: &str, now: DateTime, customs: &Customs) -> Vec<Found> {
    let mut found = scan(&Tokens::new(text), text, |t, at| value_at(slot, lang, t, at, now, customs));
    if *slot == SlotType::YesNo {
        // The first answer counts: "yes, I said no onions".
        found.truncate(1);
    }
    found
}

/// The best value for each of `slots` in one sentence, none of which share a word: the n-th answer is for the n-th slot.
pub fn extract_all(slots: &[SlotType], lang: Lang, text: &str, now: DateTime) -> Vec<Option<Found>> {
    let mut found: Vec<(usize, Found)> = Vec::new();
    for (index, slot) in slots.iter().enumerate() {
        found.extend(extract(slot, lang, text, now).into_iter().map(|f| (index, f)));
    }
    // Sound before faulty, narrow types before wide ones, long before short, early before late.
    let rank = |(index, f): &(usize, Found)| {
        let narrow = slots.get(*index).map_or(0, narrowness);
        (f.fault.is_some(), std::cmp::Reverse((narrow, f.span.len())), f.span.start, *index)
    };
    found.sort_by_key(rank);
    let mut out: Vec<Option<Found>> = vec![None; slots.len()];
    let mut taken: Vec<std::ops::Range<usize>> = Vec::new();
    for (index, f) in found {
        let free = taken.iter().all(|t| f.span.end <= t.start || t.end <= f.span.start);
        if let Some(place) = out.get_mut(index).filter(|p| p.is_none() && free) {
            taken.push(f.span.clone());
            *place = Some(f);
        }
    }
    out
}

/// How much it says that a text fits the type.
fn narrowness(slot: &SlotType) -> u8 {
    match slot {
        SlotType::IdCard | SlotType::BankCard | SlotType::Plate => 6,
        SlotType::Phone | SlotType::Money | SlotType::Percent | SlotType::Code(_) | SlotType::Postcode(_) => {
            5
        }
        SlotType::Choice(_) | SlotType::Name(_) => 4,
        SlotType::Date | SlotType::Time | SlotType::When | SlotType::Duration | SlotType::Ordinal => 3,
        SlotType::Digits(..) => 2,
        SlotType::Number(_) => 1,
        SlotType::YesNo => 0,
    }
}

/// From left to right, the longest at each place.
fn scan(t: &Tokens, text: &str, mut value_at: impl FnMut(&Tokens, usize) -> Option<At>) -> Vec<Found> {
    let (mut out, mut at) = (Vec::new(), 0);
    while at < t.len() {
        match value_at(t, at) {
            Some((value, score, fault, next)) if next > at => {
                let span = t.span(at, next);
                let text = text.get(span.clone()).unwrap_or_default().to_owned();
                out.push(Found { value, span, text, score, fault });
                at = next;
            }
            _ => at += 1,
        }
    }
    out
}

fn value_at(
    slot: &SlotType,
    lang: Lang,
    t: &Tokens,
    at: usize,
    now: DateTime,
    customs: &Customs,
) -> Option<At> {
    let sure = |value, next| Some((value, 1.0, None, next));
    match slot {
        SlotType::Number(range) => {
            let (Number { value, .. }, next) =
                number_at(lang, t, at, |f| !matches!(f, Form::Ordinal | Form::Percent))?;
            let outside = range.is_some_and(|(from, to)| !(from..=to).contains(&value));
            Some((Value::Number(value), 1.0, outside.then_some(Fault::Range), next))
        }
        SlotType::Ordinal => {
            // "one millionth" is a fraction to those who ask for numbers.
            let words = || number_en::ordinal(t, at).filter(|_| lang == Lang::En && t.digits(at).is_none());
            let (n, next) = match words() {
                Some((n, next)) => (f64::from(n), next),
                None => number_at(lang, t, at, |f| f == Form::Ordinal).map(|(n, next)| (n.value, next))?,
            };
            sure(Value::Ordinal(n as i64), next)
        }
        SlotType::Percent => {
            let (n, next) = number_at(lang, t, at, |f| f == Form::Percent)?;
            sure(Value::Percent(round(n.value)), next)
        }
        SlotType::Digits(least, most) => {
            let (digits, next) = digits::string(lang, t, at)?;
            let fits = (*least..=*most).contains(&digits.len());
            let fault = (!fits).then_some(Fault::Length(digits.len()));
            (!digits::part_of_a_word(t, at, next)).then_some((Value::Digits(digits), 1.0, fault, next))
        }
        SlotType::Phone => phone::phone(lang, t, at).map(|(p, next)| (Value::Phone(p), 1.0, None, next)),
        SlotType::Money => money::money(lang, t, at).map(|(m, next)| (Value::Money(m), 1.0, None, next)),
        SlotType::Duration => {
            let (length, next) = duration::stated(lang, t, at)?;
            sure(Value::Duration(length), next)
        }
        SlotType::Date | SlotType::Time | SlotType::When => {
            let (w, next) = when::when(lang, t, at, now, customs)?;
            let fits = match slot {
                SlotType::Date => w.shape == Shape::Date,
                SlotType::Time => w.shape == Shape::Time,
                _ => true,
            };
            if fits {
                return sure(Value::When(w), next);
            }
            None
        }
        SlotType::YesNo => {
            yesno::yes_no(t, at).map(|(yes, score, next)| (Value::YesNo(yes), score, None, next))
        }
        SlotType::Choice(entries) => {
            let by_name = choice::name(entries, t, at);
            let by_place = || choice::place(lang, t, at, entries.len()).map(|(i, next)| (i, 1.0, next));
            let (index, score, next) = by_name.or_else(by_place)?;
            Some((Value::Choice(entries.get(index)?.name.clone()), score, None, next))
        }
        SlotType::Name(entries) => {
            let (index, score, next) = choice::name(entries, t, at)?;
            Some((Value::Choice(entries.get(index)?.name.clone()), score, None, next))
        }
        SlotType::Code(patterns) => {
            let (code, next) = code::pattern(lang, t, at, patterns.iter().map(String::as_str))?;
            sure(Value::Digits(code), next)
        }
        SlotType::Postcode(countries) => {
            let (code, next) = code::postcode(lang, t, at, countries)?;
            sure(Value::Digits(code), next)
        }
        SlotType::Plate => code::plate(t, at).map(|(p, next)| (Value::Digits(p), 1.0, None, next)),
        SlotType::IdCard => {
            code::id_card(lang, t, at).map(|(d, fault, next)| (Value::Digits(d), 1.0, fault, next))
        }
        SlotType::BankCard => {
            code::bank_card(lang, t, at).map(|(d, fault, next)| (Value::Digits(d), 1.0, fault, next))
        }
    }
}

/// A number of a form at `at` that is not part of a word or a code.
fn number_at(lang: Lang, t: &Tokens, at: usize, form: impl Fn(Form) -> bool) -> Option<(Number, usize)> {
    let (number, next) = number::number(lang, t, at).filter(|(n, _)| form(n.form))?;
    let word = |at: usize| t.kind(at) == Some(Kind::Word);
    let glued_before = at > 0 && t.glued(at) && word(at - 1) && t.digits(at).is_some();
    let glued_after = t.glued(next) && word(next) && t.digits(next - 1).is_some();
    let pronoun = t.word(at) == "one"
        && next == at + 1
        && at > 0
        && t.is(at - 1, &["this", "that", "the", "which", "each", "every", "any", "no"]);
    (!glued_before && !glued_after && !pronoun).then_some((number, next))
}

/// To twelve digits: what tenths and hundredths leave behind in binary.
fn round(value: f64) -> f64 {
    format!("{value:.12}").parse().unwrap_or(value)
}
