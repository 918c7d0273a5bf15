//! Telephone numbers as a trunk writes them, and as E.164 has them: `+`, country, rest.
//!
//! In: what a peer sent or somebody dialled, and how its country writes numbers. Out: `+8613800000000`, or the text as it was
//! if it is no number that leaves the neighbourhood: a short code, a name, a local number without its area.

use serde::Deserialize;
use std::borrow::Cow;

/// A number without any prefix is taken for a whole national one from so many digits on: local numbers have up to 8.
const NATIONAL_DIGITS_MIN: usize = 9;
/// Digits of a number with its country's in front, for which no `+` was written; E.164 has up to 15.
const COUNTRY_DIGITS_MIN: usize = 12;

/// How the numbers of a trunk are written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Numbering {
    /// The country's digits, without `+`; empty leaves numbers as they are.
    pub country: String,
    /// Dialled before an area code; may be empty.
    pub national_prefix: String,
    /// Dialled before another country's digits.
    pub international_prefix: String,
}

impl Numbering {
    /// `number` as E.164 has it, or as it was.
    pub fn e164<'a>(&self, number: &'a str) -> Cow<'a, str> {
        if self.country.is_empty() {
            return Cow::Borrowed(number);
        }
        // RFC 3966 §5.1.1: visual separators mean nothing.
        let plain: String = number.chars().filter(|c| !"-.() ".contains(*c)).collect();
        let digits = plain.strip_prefix('+').unwrap_or(&plain);
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Cow::Borrowed(number);
        }
        let prefixed = |prefix: &str| digits.strip_prefix(prefix).filter(|_| !prefix.is_empty());
        let country = &self.country;
        Cow::Owned(if plain.starts_with('+') {
            plain
        } else if let Some(rest) = prefixed(&self.international_prefix) {
            format!("+{rest}")
        } else if let Some(rest) =
            prefixed(&self.national_prefix).filter(|rest| rest.len() + 1 >= NATIONAL_DIGITS_MIN)
        {
            format!("+{country}{rest}")
        } else if digits.len() >= COUNTRY_DIGITS_MIN && digits.starts_with(country.as_str()) {
            format!("+{digits}")
        } else if digits.len() >= NATIONAL_DIGITS_MIN {
            format!("+{country}{digits}")
        } else {
            return Cow::Borrowed(number);
        })
    }
}

/// How numbers are written to a trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// `+8613800000000`.
    E164,
    /// With the national prefix at home, with the international one abroad.
    National,
    /// As the caller's trunk or the configuration wrote it.
    #[default]
    AsIs,
}

impl Numbering {
    /// `number` in this form. What may not stand in the user part of a URI as it is (RFC 3261 §25.1) is left out: a caller who
    /// calls itself `1@elsewhere` is not to be called there.
    pub fn written(&self, number: &str, form: Form) -> String {
        let whole = self.e164(number);
        let digits = whole.strip_prefix('+').filter(|_| !self.country.is_empty());
        let written = match (form, digits) {
            (Form::AsIs, _) => Cow::Borrowed(number),
            (Form::E164, _) | (Form::National, None) => whole,
            (Form::National, Some(digits)) => Cow::Owned(match digits.strip_prefix(self.country.as_str()) {
                Some(rest) => format!("{}{rest}", self.national_prefix),
                None => format!("{}{digits}", self.international_prefix),
            }),
        };
        written.chars().filter(|c| c.is_ascii_alphanumeric() || "+-_.*".contains(*c)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(country: &str, national: &str) -> Numbering {
        Numbering {
            country: country.into(),
            national_prefix: national.into(),
            international_prefix: "00".into(),
        }
    }

    #[test]
    fn every_way_to_write_a_number_is_one_number() {
        let china = of("86", "0");
        for written in ["+8613800000000", "008613800000000", "8613800000000", "013800000000", "138-0000-0000"]
        {
            assert_eq!(china.e164(written), "+8613800000000", "{written}");
        }
        assert_eq!(china.e164("010 1234 5678"), "+861012345678");
        assert_eq!(china.e164("00442079460000"), "+442079460000");
        assert_eq!(of("1", "1").e164("12125550100"), "+12125550100");
        assert_eq!(of("1", "1").e164("2125550100"), "+12125550100");
    }

    #[test]
    fn a_number_is_written_as_the_trunk_wants_it() {
        let china = of("86", "0");
        assert_eq!(china.written("008613800000000", Form::E164), "+8613800000000");
        assert_eq!(china.written("+8613800000000", Form::National), "013800000000");
        assert_eq!(china.written("+442079460000", Form::National), "00442079460000");
        assert_eq!(china.written("4001", Form::National), "4001");
        assert_eq!(china.written("138 0000@elsewhere;a=b", Form::AsIs), "1380000elsewhereab");
        assert_eq!(Numbering::default().written("+8613800000000", Form::National), "+8613800000000");
    }

    #[test]
    fn what_is_no_whole_number_stays_as_it_is() {
        let china = of("86", "0");
        for kept in ["12345", "66778899", "0123", "anonymous", "*11", "", "+", "1001a"] {
            assert_eq!(china.e164(kept), kept);
        }
        assert_eq!(Numbering::default().e164("013800000000"), "013800000000");
    }
}
