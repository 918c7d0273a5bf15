//! When a rule applies: `amount > 0`, `status = paid and amount`.
//!
//! ```text
//! condition  := comparison ("and" comparison)*
//! comparison := ["not"] name | name ("=" | "!=" | "<" | "<=" | ">" | ">=") (number | word | "text")
//! ```
//! A bare name means that the value is known. Numbers, amounts of money, percentages and durations (seconds) compare as
//! numbers, days and times by their order (`day < 2026-10-01`), everything else as text.
//!
//! Beside the values of the request a condition may ask for what is proved of the caller's number ([`Proof`]).

use crate::nlu::slots::Value;
use std::cmp::Ordering;
use std::fmt;

/// What is proved of a caller's number: `identity = verified`, with `attestation = A`, B or C; `unverified` where nobody has
/// signed it, `failed` where the signature is not to be believed. Neither is known where nothing is verified.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Proof(Vec<(&'static str, Value)>);

impl Proof {
    /// The names, and what each may be.
    pub const NAMES: [(&str, &[&str]); 2] =
        [("identity", &["verified", "unverified", "failed"]), ("attestation", &["A", "B", "C"])];

    /// Signed, and verified; whoever signed is as sure of it as `attestation` says.
    pub fn verified(attestation: impl fmt::Display) -> Proof {
        Proof(vec![Proof::is("verified"), ("attestation", Value::Choice(attestation.to_string()))])
    }

    /// Not signed.
    pub fn unverified() -> Proof {
        Proof(vec![Proof::is("unverified")])
    }

    /// Signed by somebody who is not to be believed.
    pub fn failed() -> Proof {
        Proof(vec![Proof::is("failed")])
    }

    /// As golden dialogues write it: `verified A`, `unverified`, `failed`.
    pub fn parse(text: &str) -> Option<Proof> {
        match text.split_once(' ') {
            None if text == "unverified" => Some(Proof::unverified()),
            None if text == "failed" => Some(Proof::failed()),
            Some(("verified", level)) if ["A", "B", "C"].contains(&level) => Some(Proof::verified(level)),
            _ => None,
        }
    }

    fn is(word: &str) -> (&'static str, Value) {
        ("identity", Value::Choice(word.to_owned()))
    }

    /// One of [`Proof::NAMES`].
    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }
}

/// A checked condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition(Vec<Comparison>);

#[derive(Debug, Clone, PartialEq)]
enum Comparison {
    Known { name: String, known: bool },
    Is { name: String, holds: &'static [Ordering], negated: bool, to: String },
}

const OPERATORS: [(&str, &[Ordering], bool); 6] = [
    ("!=", &[Ordering::Equal], true),
    ("<=", &[Ordering::Less, Ordering::Equal], false),
    (">=", &[Ordering::Greater, Ordering::Equal], false),
    ("=", &[Ordering::Equal], false),
    ("<", &[Ordering::Less], false),
    (">", &[Ordering::Greater], false),
];

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// What cannot be read, and how conditions are written.
    pub fn parse(text: &str) -> Result<Condition, String> {
        let wrong = |part: &str| {
            format!(
                "`{}` is no condition: write `name`, `not name` or `name > value`, joined by `and`",
                part.trim()
            )
        };
        let one = |part: &str| -> Result<Comparison, String> {
            let found = OPERATORS
                .iter()
                .filter_map(|op| Some((part.find(op.0)?, op)))
                .min_by_key(|(at, op)| (*at, 9 - op.0.len()));
            let Some((at, (operator, holds, negated))) = found else {
                let (known, name) = match part.trim().strip_prefix("not ") {
                    Some(name) => (false, name.trim()),
                    None => (true, part.trim()),
                };
                let name = is_name(name).then(|| name.to_owned()).ok_or_else(|| wrong(part))?;
                return Ok(Comparison::Known { name, known });
            };
            let (name, to) = (part.get(..at).unwrap_or_default().trim(), part.get(at + operator.len()..));
            let to = to.unwrap_or_default().trim();
            let bare = to.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(to);
            if !is_name(name) || bare.is_empty() || bare.contains(['"', '=', '<', '>']) {
                return Err(wrong(part));
            }
            Ok(Comparison::Is { name: name.to_owned(), holds, negated: *negated, to: bare.to_owned() })
        };
        Ok(Condition(text.split(" and ").map(one).collect::<Result<_, _>>()?))
    }

    /// The names that it is about.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|c| match c {
            Comparison::Known { name, .. } | Comparison::Is { name, .. } => name.as_str(),
        })
    }

    /// What `name` is compared with.
    pub fn compared(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(move |c| match c {
            Comparison::Is { name: of, to, .. } if of == name => Some(to.as_str()),
            _ => None,
        })
    }

    /// True if it holds for these values. What is not known is neither more nor less nor equal, but is unequal.
    pub fn holds<'a>(&self, value: impl Fn(&str) -> Option<&'a Value>) -> bool {
        self.0.iter().all(|c| match c {
            Comparison::Known { name, known } => value(name).is_some() == *known,
            Comparison::Is { name, holds, negated, to } => {
                let ordering = value(name).and_then(|v| compare(v, to));
                ordering.is_some_and(|o| holds.contains(&o)) != *negated
            }
        })
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
}

fn compare(value: &Value, to: &str) -> Option<Ordering> {
    let number = match value {
        Value::Number(n) | Value::Percent(n) => Some(*n),
        Value::Ordinal(n) => Some(*n as f64),
        Value::Money(money) => Some(money.amount),
        Value::Duration(length) => Some(length.in_seconds()),
        _ => None,
    };
    if let Some(number) = number {
        return number.partial_cmp(&to.parse().ok()?);
    }
    let text = match value {
        Value::YesNo(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Phone(phone) => phone.number.clone(),
        // Written so that text and time have the same order.
        Value::When(when) => when.from.or(when.to)?.to_string(),
        Value::Digits(text) | Value::Choice(text) => text.clone(),
        _ => return None,
    };
    Some(text.as_str().cmp(to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nlu::slots::Money;

    fn holds(text: &str) -> bool {
        let money = Value::Money(Money { amount: 12.5, currency: "CNY".into() });
        let status = Value::Choice("paid".into());
        let condition = Condition::parse(text).unwrap_or_else(|why| panic!("{why}"));
        condition.holds(|name| match name {
            "amount" => Some(&money),
            "status" => Some(&status),
            _ => None,
        })
    }

    #[test]
    fn values_compare_as_what_they_are() {
        for (text, expected) in [
            ("amount > 0", true),
            ("amount>=12.5 and status = paid", true),
            ("amount < 9", false),
            ("status != \"paid\"", false),
            ("status != open", true),
            ("amount", true),
            ("not amount", false),
            ("not other and status", true),
            ("other > 1", false),
            ("other != 1", true),
        ] {
            assert_eq!(holds(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_condition_says_how_one_is_written() {
        for text in ["", "a b", "> 3", "a >", "a = b = c", "a and"] {
            assert!(Condition::parse(text).is_err(), "{text}");
        }
        assert_eq!(Condition::parse("a > 1 and not b").unwrap().names().collect::<Vec<_>>(), ["a", "b"]);
    }
}
