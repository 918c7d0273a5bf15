//! What was found: typed values, where they stood, and what is wrong with them.

use super::when::When;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A value of a slot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "kebab-case")]
pub enum Value {
    /// A number.
    Number(f64),
    /// A place in a row, from 1.
    Ordinal(i64),
    /// Hundredths: 20 % is 20.
    Percent(f64),
    /// Digits, or letters and digits of a code or plate, without anything between them.
    Digits(String),
    /// A telephone number.
    Phone(Phone),
    /// An amount of money.
    Money(Money),
    /// A length of time.
    Duration(Length),
    /// A date, a time, or a range of them.
    When(When),
    /// Yes or no.
    YesNo(bool),
    /// The entry of a list, by its name.
    Choice(String),
}

/// A telephone number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phone {
    /// The digits; with `+` in front when a country was said.
    pub number: String,
    /// The extension.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extension: Option<String>,
}

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Money {
    /// In whole units of the currency.
    pub amount: f64,
    /// ISO 4217.
    pub currency: String,
}

/// A length of time, in the units that do not turn into each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Length {
    /// Calendar months; a year is 12.
    pub months: f64,
    /// Calendar days; a week is 7.
    pub days: f64,
    /// Seconds.
    pub seconds: f64,
}

impl Length {
    /// All in seconds, with years of 365 days and months of 30.
    pub fn in_seconds(&self) -> f64 {
        let years = (self.months / 12.0).trunc();
        let days = years * 365.0 + (self.months - years * 12.0) * 30.0 + self.days;
        days * 86_400.0 + self.seconds
    }
}

/// What is wrong with a value that was heard well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Its check digit or character does not fit: it was misheard or misread.
    Check,
    /// It has so many digits, and not as many as it should.
    Length(usize),
    /// It is outside what the slot takes.
    Range,
}

/// A value in a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// What it means.
    #[serde(flatten)]
    pub value: Value,
    /// Where it stood, in bytes of the text.
    pub span: Range<usize>,
    /// What stood there.
    pub text: String,
    /// How sure, from 0 to 1.
    pub score: f32,
    /// What is wrong with it, if anything: then ask again.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fault: Option<Fault>,
}
