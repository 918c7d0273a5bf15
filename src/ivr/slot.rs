//! A value that a request asks for: what it takes, how it is asked, and how it is keyed and read back.

use super::plan::{Confirm, Text};
use crate::base::{Answer, Lang, Pii};
use crate::nlu::slots::{
    DateTime, Entry, Fault, Found, Length, Money, Phone, Shape, SlotType, Value, When, extract, say,
};
use jiff::civil::{Date, Time};
use serde::{Deserialize, Serialize};

/// Below this score a value is read back before it is used.
const SURE: f32 = 0.9;
/// The type that a bare number is given where money is asked for.
const NUMBER: SlotType = SlotType::Number(None);

/// A value that a request asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    pub name: String,
    pub kind: SlotType,
    /// Its name to the caller, as in "the amount".
    pub label: Text,
    pub ask: Text,
    /// Asked in place of `ask` once that was not understood; empty if there are no other words.
    pub again: Text,
    /// Whether it is read back before it is used.
    pub confirm: Confirm,
    /// Taken if it is said, never asked for.
    pub optional: bool,
    /// What is said while its request is filled is left out of the recording: silence is there.
    pub secret: bool,
}

/// A value that the caller gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Filled {
    pub name: String,
    /// What the caller meant.
    #[serde(serialize_with = "super::turn::reveal", deserialize_with = "super::turn::conceal")]
    pub value: Pii<Value>,
    /// As it is read back, in the caller's language.
    #[serde(serialize_with = "super::turn::reveal", deserialize_with = "super::turn::conceal")]
    pub said: Pii<String>,
}

impl Slot {
    /// Everything of its type in `text`; where money is asked for, a bare number is some of `currency`.
    pub(super) fn find(&self, lang: Lang, text: &str, now: DateTime, currency: &str) -> Vec<Found> {
        let found = extract(&self.kind, lang, text, now);
        if !found.is_empty() || self.kind != SlotType::Money {
            return found;
        }
        let money = |f: Found| match f.value {
            Value::Number(amount) if amount > 0.0 => {
                Some(Found { value: Value::Money(Money { amount, currency: currency.to_owned() }), ..f })
            }
            _ => None,
        };
        extract(&NUMBER, lang, text, now).into_iter().filter_map(money).collect()
    }

    /// True if a value heard so has to be read back.
    pub(super) fn is_to_be_checked(&self, score: f32) -> bool {
        match self.confirm {
            Confirm::Always => true,
            Confirm::Auto => score < SURE,
            Confirm::Never => false,
        }
    }

    /// How `value` is read back: one of a list by its word in that language, if it has one.
    pub fn read_back(&self, value: &Value, lang: Lang) -> String {
        let (SlotType::Choice(entries) | SlotType::Name(entries), Value::Choice(name)) = (&self.kind, value)
        else {
            return say(value, lang);
        };
        entries.iter().find(|e| e.name == *name).map_or(name.as_str(), |e| word(e, lang)).to_owned()
    }

    /// The choices as a keypad menu: (key, word).
    pub(super) fn menu(&self, lang: Lang) -> Vec<(char, &str)> {
        match &self.kind {
            SlotType::Choice(entries) | SlotType::Name(entries) if entries.len() < 10 => {
                let keys = (1u32..10).filter_map(|n| char::from_digit(n, 10));
                keys.zip(entries).map(|(key, e)| (key, word(e, lang))).collect()
            }
            _ => Vec::new(),
        }
    }

    /// What a caller who is asked for it will say.
    pub(super) fn expects(&self) -> Answer {
        match &self.kind {
            SlotType::YesNo => Answer::YesNo,
            SlotType::Choice(_) | SlotType::Name(_) => Answer::Choice,
            // As many as are said in one breath.
            SlotType::Digits(_, ..=4) => Answer::Value,
            SlotType::Digits(..)
            | SlotType::Phone
            | SlotType::IdCard
            | SlotType::BankCard
            | SlotType::Code(_)
            | SlotType::Postcode(_)
            | SlotType::Plate => Answer::Digits,
            SlotType::Number(_)
            | SlotType::Ordinal
            | SlotType::Percent
            | SlotType::Money
            | SlotType::Duration
            | SlotType::Date
            | SlotType::Time
            | SlotType::When => Answer::Value,
        }
    }

    /// How many keys make a value, where that is known: then no pound is needed.
    pub(super) fn keys_exactly(&self) -> Option<usize> {
        match &self.kind {
            SlotType::Choice(entries) | SlotType::Name(entries) if entries.len() < 10 => Some(1),
            SlotType::YesNo => Some(1),
            SlotType::Digits(least, most) if least == most => Some(*most),
            SlotType::IdCard => Some(18),
            SlotType::Date | SlotType::Time => Some(4),
            SlotType::When => Some(8),
            _ => None,
        }
    }

    /// True if it can be keyed at all: letters cannot.
    pub(super) fn can_be_keyed(&self) -> bool {
        match &self.kind {
            SlotType::Choice(entries) | SlotType::Name(entries) => entries.len() < 10,
            SlotType::Code(patterns) => patterns.iter().all(|p| p.chars().all(|c| c.is_ascii_digit())),
            SlotType::Postcode(lands) => lands.iter().all(|l| l == "cn" || l == "us"),
            SlotType::Plate => false,
            _ => true,
        }
    }

    /// What was keyed, as a value: (value, what is wrong with it). `*` is the point of a number and the X of an identity card.
    pub(super) fn keyed(&self, keys: &str, now: DateTime, currency: &str) -> Option<(Value, Option<Fault>)> {
        let number = || keys.replace('*', ".").parse::<f64>().ok().filter(|n| n.is_finite());
        let two = |at: usize| keys.get(at..at + 2)?.parse::<i8>().ok();
        let when = |shape, at: DateTime| {
            let (to, range, half_open) = (None, false, false);
            Some((Value::When(When { shape, from: Some(at), to, range, half_open }), None))
        };
        match &self.kind {
            SlotType::Number(range) => {
                let outside = |n| range.is_some_and(|(from, to)| !(from..=to).contains(&n));
                number().map(|n| (Value::Number(n), outside(n).then_some(Fault::Range)))
            }
            SlotType::Ordinal => Some((Value::Ordinal(keys.parse().ok()?), None)),
            SlotType::Percent => Some((Value::Percent(number()?), None)),
            SlotType::Money => {
                Some((Value::Money(Money { amount: number()?, currency: currency.to_owned() }), None))
            }
            SlotType::Duration => {
                let seconds = number()? * 60.0;
                Some((Value::Duration(Length { seconds, ..Length::default() }), None))
            }
            SlotType::Phone => {
                let fits = (3..=15).contains(&keys.len()) && keys.chars().all(|c| c.is_ascii_digit());
                let phone = Phone { number: keys.to_owned(), extension: None };
                Some((Value::Phone(phone), (!fits).then_some(Fault::Length(keys.len()))))
            }
            SlotType::Date => {
                when(Shape::Date, next_day(two(0)?, two(2)?, now)?.to_datetime(Time::midnight()))
            }
            SlotType::Time => when(Shape::Time, now.date().to_datetime(clock(two(0)?, two(2)?)?)),
            SlotType::When => {
                let day = next_day(two(0)?, two(2)?, now)?;
                when(Shape::DateTime, day.to_datetime(clock(two(4)?, two(6)?)?))
            }
            SlotType::YesNo => match keys {
                "1" => Some((Value::YesNo(true), None)),
                "2" => Some((Value::YesNo(false), None)),
                _ => None,
            },
            SlotType::Choice(entries) | SlotType::Name(entries) => {
                let entry = entries.get(keys.parse::<usize>().ok()?.checked_sub(1)?)?;
                Some((Value::Choice(entry.name.clone()), None))
            }
            SlotType::Digits(..)
            | SlotType::Code(_)
            | SlotType::Postcode(_)
            | SlotType::Plate
            | SlotType::IdCard
            | SlotType::BankCard => {
                let text =
                    if self.kind == SlotType::IdCard { keys.replace('*', "X") } else { keys.to_owned() };
                let found = extract(&self.kind, Lang::En, &text, now).into_iter().next();
                found.filter(|f| f.span.len() == text.len()).map(|f| (f.value, f.fault))
            }
        }
    }
}

/// The next such day, today included.
fn next_day(month: i8, day: i8, now: DateTime) -> Option<Date> {
    let this_year = Date::new(now.year(), month, day).ok().filter(|d| *d >= now.date());
    // The 29th of February comes every four years, but for a hundred's.
    let later = || (1..=8).find_map(|n| Date::new(now.year() + n, month, day).ok());
    this_year.or_else(later)
}

fn clock(hour: i8, minute: i8) -> Option<Time> {
    Time::new(hour, minute, 0, 0).ok()
}

/// The word for an entry in `lang`: the first that is written in its script, else its name.
fn word(entry: &Entry, lang: Lang) -> &str {
    let fits = |text: &&String| (lang == Lang::Zh) != text.is_ascii();
    std::iter::once(&entry.name).chain(&entry.also).find(fits).unwrap_or(&entry.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn slot(kind: &str) -> Slot {
        let (label, ask, again) = (Text::new(), Text::new(), Text::new());
        let (name, confirm, optional) = ("x".into(), Confirm::Auto, false);
        Slot {
            name,
            kind: SlotType::parse(kind).unwrap(),
            label,
            ask,
            again,
            confirm,
            optional,
            secret: false,
        }
    }

    fn now() -> DateTime {
        date(2026, 3, 2).at(9, 30, 0, 0)
    }

    #[test]
    fn what_is_keyed_is_the_same_value_as_what_is_said() {
        for (kind, keys, lang, words) in [
            ("number(1..10)", "7", Lang::En, "seven"),
            ("percent", "20", Lang::Zh, "百分之二十"),
            ("money", "20*5", Lang::Zh, "二十块五"),
            ("duration", "90", Lang::En, "an hour and a half"),
            ("digits(6)", "105508", Lang::Zh, "幺零五五零八"),
            ("phone", "13812345678", Lang::Zh, "幺三八幺二三四五六七八"),
            ("date", "0306", Lang::En, "the sixth of march"),
            ("time", "1530", Lang::Zh, "下午三点半"),
            ("when", "03061530", Lang::Zh, "三月六号下午三点半"),
            ("yes-no", "2", Lang::En, "no"),
            ("choice(savings=储蓄|credit=信用卡)", "2", Lang::Zh, "信用卡"),
            ("id-card", "11010519491231002*", Lang::En, "11010519491231002X"),
        ] {
            let slot = slot(kind);
            let (keyed, fault) = slot.keyed(keys, now(), "CNY").unwrap_or_else(|| panic!("{kind} {keys}"));
            let said = slot.find(lang, words, now(), "CNY").remove(0);
            assert_eq!((keyed, fault), (said.value, said.fault), "{kind}");
            assert!(slot.can_be_keyed());
        }
    }

    #[test]
    fn what_cannot_be_a_value_is_none_or_has_a_fault() {
        for (kind, keys) in
            [("date", "1340"), ("time", "2560"), ("yes-no", "3"), ("choice(a|b)", "3"), ("number", "1*2*3")]
        {
            assert_eq!(slot(kind).keyed(keys, now(), "CNY"), None, "{kind} {keys}");
        }
        let fault =
            |kind: &str, keys: &str| slot(kind).keyed(keys, now(), "CNY").and_then(|(_, fault)| fault);
        assert_eq!(fault("digits(6)", "1234"), Some(Fault::Length(4)));
        assert_eq!(fault("number(1..9)", "12"), Some(Fault::Range));
        assert_eq!(fault("bank-card", "4111111111111112"), Some(Fault::Check));
        assert!(!slot("plate").can_be_keyed() && !slot("code(AA99)").can_be_keyed());
    }

    #[test]
    fn a_day_that_is_past_is_next_years_and_a_bare_number_is_money_where_money_is_asked_for() {
        assert_eq!(next_day(3, 1, now()), Some(date(2027, 3, 1)));
        assert_eq!(next_day(2, 29, now()), Some(date(2028, 2, 29)));
        let found = slot("money").find(Lang::En, "fifty", now(), "USD").remove(0);
        assert_eq!(slot("money").read_back(&found.value, Lang::En), "50 dollars");
    }

    #[test]
    fn one_of_a_list_is_read_back_in_the_callers_language() {
        let slot = slot("choice(savings=储蓄|credit=信用卡=card)");
        let value = Value::Choice("credit".into());
        assert_eq!(
            (slot.read_back(&value, Lang::Zh), slot.read_back(&value, Lang::En)),
            ("信用卡".into(), "credit".into())
        );
        assert_eq!(slot.menu(Lang::Zh), [('1', "储蓄"), ('2', "信用卡")]);
    }
}
