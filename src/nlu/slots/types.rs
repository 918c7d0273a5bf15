//! The types of slots and how a dialplan writes them.
//!
//! ```text
//! number  number(1..10)  ordinal  percent  digits  digits(4..6)  digits(8)  phone  money  duration
//! date  time  when  yes-no  id-card  bank-card  postcode(cn|uk)  plate  code(AA9999|A99)
//! choice(savings=储蓄|credit=信用卡=card)   name(Beijing=北京|Shanghai=上海)
//! ```

use super::code::luhn;
use super::value::Value;
use crate::limits::SLOT_DIGITS_MAX;
use std::fmt;

/// One of a list: what the dialogue calls it, and what callers may say for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The value.
    pub name: String,
    /// Other words for it, in any language; the name itself counts too.
    pub also: Vec<String>,
}

/// What a slot takes.
#[derive(Debug, Clone, PartialEq)]
pub enum SlotType {
    /// Any number, or one from the first to the second.
    Number(Option<(f64, f64)>),
    /// A place in a row: third, 第三.
    Ordinal,
    /// A percentage.
    Percent,
    /// A string of so many digits, least and most.
    Digits(usize, usize),
    /// A telephone number.
    Phone,
    /// An amount of money.
    Money,
    /// A length of time.
    Duration,
    /// A day or a range of days.
    Date,
    /// A time of day or a range of them.
    Time,
    /// Any of dates, times, both together.
    When,
    /// Yes or no.
    YesNo,
    /// One of a list, by name or by its place in the list.
    Choice(Vec<Entry>),
    /// One of a list, by name and forgiving of misheard ones.
    Name(Vec<Entry>),
    /// Letters and digits: in a pattern `A` is a letter, `9` a digit, `X` either, all else itself.
    Code(Vec<String>),
    /// A postcode of one of these countries.
    Postcode(Vec<String>),
    /// A Chinese licence plate (GA 36), new-energy ones too.
    Plate,
    /// A Chinese resident identity number with its check character (GB 11643-1999).
    IdCard,
    /// A payment card number with its check digit (ISO/IEC 7812-1, Luhn).
    BankCard,
}

/// The countries whose postcodes are known, with their patterns (see [`SlotType::Code`]).
pub(super) const POSTCODES: &[(&str, &[&str])] = &[
    ("cn", &["999999"]),
    ("us", &["99999", "999999999"]),
    ("ca", &["A9A9A9"]),
    ("uk", &["A99AA", "A999AA", "AA99AA", "AA999AA", "A9A9AA", "AA9A9AA"]),
];

impl SlotType {
    /// The types that need no argument, as text.
    pub const PLAIN: &[&str] = &[
        "number",
        "ordinal",
        "percent",
        "digits",
        "phone",
        "money",
        "duration",
        "when",
        "yes-no",
        "plate",
        "id-card",
        "bank-card",
    ];

    /// Reads the text form.
    ///
    /// # Errors
    ///
    /// A line that names what is wrong and the forms there are.
    pub fn parse(text: &str) -> Result<SlotType, String> {
        let text = text.trim();
        let (name, inner) = match text.split_once('(') {
            None => (text, None),
            Some((name, rest)) => {
                let inner =
                    rest.strip_suffix(')').ok_or_else(|| format!("`{text}`: put a `)` at the end"))?;
                (name.trim(), Some(inner.trim()))
            }
        };
        let plain = |t: SlotType| match inner {
            None => Ok(t),
            Some(_) => Err(format!("`{text}`: `{name}` takes nothing in brackets")),
        };
        match name {
            "number" => Ok(SlotType::Number(inner.map(|r| range(text, r)).transpose()?)),
            "digits" => {
                let (least, most) = inner.map_or(Ok((1.0, SLOT_DIGITS_MAX as f64)), |r| range(text, r))?;
                if least < 1.0 || most > SLOT_DIGITS_MAX as f64 || least.fract() + most.fract() > 0.0 {
                    return Err(format!("`{text}`: 1 to {SLOT_DIGITS_MAX} digits, as in `digits(4..6)`"));
                }
                Ok(SlotType::Digits(least as usize, most as usize))
            }
            "ordinal" => plain(SlotType::Ordinal),
            "percent" => plain(SlotType::Percent),
            "phone" => plain(SlotType::Phone),
            "money" => plain(SlotType::Money),
            "duration" => plain(SlotType::Duration),
            "date" => plain(SlotType::Date),
            "time" => plain(SlotType::Time),
            "when" => plain(SlotType::When),
            "yes-no" => plain(SlotType::YesNo),
            "plate" => plain(SlotType::Plate),
            "id-card" => plain(SlotType::IdCard),
            "bank-card" => plain(SlotType::BankCard),
            "choice" => Ok(SlotType::Choice(entries(text, inner)?)),
            "name" => Ok(SlotType::Name(entries(text, inner)?)),
            "code" => Ok(SlotType::Code(entries(text, inner)?.into_iter().map(|e| e.name).collect())),
            "postcode" => {
                let countries: Vec<String> = entries(text, inner)?.into_iter().map(|e| e.name).collect();
                match countries.iter().find(|c| POSTCODES.iter().all(|(known, _)| known != c)) {
                    Some(c) => Err(format!(
                        "`{text}`: no country `{c}`; there are cn, us, ca and uk, or use code(…)"
                    )),
                    None => Ok(SlotType::Postcode(countries)),
                }
            }
            _ => Err(format!(
                "`{text}`: no such type of slot; there are number, ordinal, percent, digits(4..6), phone, money, \
                 duration, date, time, when, yes-no, choice(a|b), name(a|b), code(AA99), postcode(cn|uk), plate, \
                 id-card, bank-card"
            )),
        }
    }

    /// True if a row of `digits` can only be the beginning of such a value, after which people take breath. Where just one is
    /// missing it was rather left out or misheard: nobody takes breath before the last.
    pub fn is_begun_by(&self, digits: &str) -> bool {
        let count = digits.len();
        match self {
            SlotType::Digits(least, _) => count + 2 <= *least,
            SlotType::IdCard => count + 2 <= 18,
            // Most cards have 16 digits, those of UnionPay (62…) up to 19; a shorter one shows by its check digit.
            SlotType::BankCard => {
                count < 12
                    || count < 15 && !luhn(digits)
                    || count == 16 && digits.starts_with("62") && !luhn(digits)
            }
            // A mobile number in China has 11 digits, whatever begins with less than seven is no number at all.
            SlotType::Phone => {
                let mobile = digits.starts_with('1') && !digits.starts_with("10") && count < 10;
                count < 7 || mobile
            }
            _ => false,
        }
    }

    /// True if nothing can follow this value: it has all its digits, or is one of a list.
    pub fn is_over_at(&self, value: &Value) -> bool {
        let Value::Digits(digits) = value else {
            return matches!(self, SlotType::Choice(_) | SlotType::Name(_) | SlotType::YesNo);
        };
        match self {
            SlotType::Digits(least, most) => least == most,
            SlotType::IdCard | SlotType::Plate => true,
            SlotType::BankCard => digits.len() == 16 && !digits.starts_with("62") || digits.len() == 19,
            SlotType::Code(patterns) => patterns.len() == 1,
            SlotType::Postcode(lands) => lands.len() == 1 && lands.iter().all(|land| land == "cn"),
            _ => false,
        }
    }

    /// The name without what is in the brackets.
    pub fn name(&self) -> &'static str {
        match self {
            SlotType::Number(_) => "number",
            SlotType::Ordinal => "ordinal",
            SlotType::Percent => "percent",
            SlotType::Digits(..) => "digits",
            SlotType::Phone => "phone",
            SlotType::Money => "money",
            SlotType::Duration => "duration",
            SlotType::Date => "date",
            SlotType::Time => "time",
            SlotType::When => "when",
            SlotType::YesNo => "yes-no",
            SlotType::Choice(_) => "choice",
            SlotType::Name(_) => "name",
            SlotType::Code(_) => "code",
            SlotType::Postcode(_) => "postcode",
            SlotType::Plate => "plate",
            SlotType::IdCard => "id-card",
            SlotType::BankCard => "bank-card",
        }
    }
}

impl fmt::Display for SlotType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        let list = |entries: &[Entry]| {
            let one = |e: &Entry| [std::slice::from_ref(&e.name), e.also.as_slice()].concat().join("=");
            entries.iter().map(one).collect::<Vec<_>>().join("|")
        };
        match self {
            SlotType::Number(Some((from, to))) => write!(f, "({from}..{to})"),
            SlotType::Digits(from, to) if from == to => write!(f, "({from})"),
            SlotType::Digits(from, to) => write!(f, "({from}..{to})"),
            SlotType::Choice(entries) | SlotType::Name(entries) => write!(f, "({})", list(entries)),
            SlotType::Code(list) | SlotType::Postcode(list) => write!(f, "({})", list.join("|")),
            _ => Ok(()),
        }
    }
}

/// `4..6` or `8`.
fn range(text: &str, inner: &str) -> Result<(f64, f64), String> {
    let (from, to) = inner.split_once("..").unwrap_or((inner, inner));
    let read = |s: &str| s.trim().parse::<f64>().ok().filter(|v| v.is_finite());
    match (read(from), read(to)) {
        (Some(from), Some(to)) if from <= to => Ok((from, to)),
        _ => Err(format!("`{text}`: a range is `least..most`, as in `digits(4..6)`")),
    }
}

fn entries(text: &str, inner: Option<&str>) -> Result<Vec<Entry>, String> {
    let entry = |part: &str| {
        let mut words = part.split('=').map(|w| w.trim().to_owned()).filter(|w| !w.is_empty());
        Some(Entry { name: words.next()?, also: words.collect() })
    };
    let list: Option<Vec<Entry>> = inner.unwrap_or_default().split('|').map(entry).collect();
    list.ok_or_else(|| format!("`{text}`: name what there is, as in `choice(savings=储蓄|credit=信用)`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_parsed_prints_the_same() {
        for text in [
            "number(1..10)",
            "digits(4..6)",
            "digits(8)",
            "choice(savings=储蓄|credit)",
            "postcode(cn|uk)",
            "when",
        ] {
            assert_eq!(SlotType::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_cannot_be_read_is_named_with_the_remedy() {
        for text in
            ["digts", "digits(6..4)", "digits(0)", "choice", "phone(3)", "postcode(fr)", "number(1..2"]
        {
            assert!(SlotType::parse(text).unwrap_err().contains('`'), "{text}");
        }
    }
}
