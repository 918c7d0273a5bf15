//! Asking a service: values into a request, an answer into values. Both are pure; `drive/http.rs` carries them.
//!
//! ```text
//! Lookup + values ─► Request ─► (HTTP) ─► Reply ─► Answer: found, none (404), failed
//! ```

use super::template;
use crate::base::Pii;
use crate::nlu::slots::{DateTime, Length, Money, Phone, Shape, Value, When};
use std::collections::BTreeMap;
use std::time::Duration;

/// A service that a line may ask.
#[derive(Debug, Clone, PartialEq)]
pub struct Lookup {
    pub name: String,
    /// With names in braces, whose values are percent-encoded.
    pub url: String,
    /// For POST: a JSON object of these texts, with names in braces. Without it is GET.
    pub body: Option<BTreeMap<String, String>>,
    /// How long one try may take.
    pub timeout: Duration,
    /// Tries after the first.
    pub retries: u8,
    /// How long an answer is good for; zero is not at all.
    pub cache: Duration,
    pub results: Vec<ResultField>,
}

/// One value of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultField {
    pub name: String,
    /// Where it is (JSON Pointer, RFC 6901).
    pub at: String,
    pub kind: ResultKind,
}

/// What a value of an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResultKind {
    Text,
    Number,
    /// A number, in the line's currency.
    Money,
    /// `2026-03-02`, `15:30`, `2026-03-02T15:30`.
    Date,
    Time,
    When,
    Digits,
    Phone,
    /// Seconds.
    Duration,
    /// true or false.
    YesNo,
}

/// What is asked of a service. Personal, but for its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Request {
    /// The look-up's name: its headers are known by it.
    pub lookup: String,
    pub url: Pii<String>,
    /// JSON to POST; without it is GET.
    pub body: Option<Pii<String>>,
    pub timeout: Duration,
    pub retries: u8,
    pub cache: Duration,
}

/// What a service answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status of HTTP.
    pub status: u16,
    pub body: Pii<String>,
}

/// What that means.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Found(Vec<(String, Value)>),
    /// 404: the service knows nothing of it.
    None,
    /// No answer, another status, or not what was expected.
    Failed,
}

impl Answer {
    /// What records call it.
    pub(super) fn outcome(&self) -> &'static str {
        match self {
            Answer::Found(_) => "found",
            Answer::None => "none",
            Answer::Failed => "failed",
        }
    }
}

impl Lookup {
    /// The values that it asks with.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let bodies = self.body.iter().flat_map(|b| b.values());
        std::iter::once(&self.url).chain(bodies).flat_map(|text| template::names(text))
    }

    /// The request for these values, each as text.
    pub fn request(&self, value: impl Fn(&str) -> Option<String> + Copy) -> Request {
        let body = self.body.as_ref().map(|body| {
            let filled = body.iter().map(|(key, text)| (key.clone(), template::fill(text, value).into()));
            Pii::new(serde_json::Value::Object(filled.collect()).to_string())
        });
        Request {
            lookup: self.name.clone(),
            url: Pii::new(template::fill(&self.url, |name| value(name).map(|v| encoded(&v)))),
            body,
            timeout: self.timeout,
            retries: self.retries,
            cache: self.cache,
        }
    }

    /// How long all tries may take, with the pauses between them.
    pub fn longest(&self) -> Duration {
        (self.timeout + RETRY_PAUSE) * (u32::from(self.retries) + 1)
    }

    /// What a reply means, with amounts of `currency`.
    pub fn answer(&self, reply: Option<&Reply>, currency: &str) -> Answer {
        let Some(reply) = reply else { return Answer::Failed };
        match reply.status {
            200..300 => {}
            404 => return Answer::None,
            _ => return Answer::Failed,
        }
        let Ok(json) = serde_json::from_str::<serde_json::Value>(reply.body.reveal()) else {
            return Answer::Failed;
        };
        let field = |field: &ResultField| {
            Some((field.name.clone(), field.kind.read(json.pointer(&field.at)?, currency)?))
        };
        self.results.iter().map(field).collect::<Option<_>>().map_or(Answer::Failed, Answer::Found)
    }
}

/// Between two tries.
pub const RETRY_PAUSE: Duration = Duration::from_millis(200);

impl ResultKind {
    fn read(self, json: &serde_json::Value, currency: &str) -> Option<Value> {
        let number = || json.as_f64().or_else(|| json.as_str()?.parse().ok()).filter(|n: &f64| n.is_finite());
        let text = || match json {
            serde_json::Value::String(text) => Some(text.clone()),
            serde_json::Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let when = |shape, from: DateTime| {
            Value::When(When { shape, from: Some(from), to: None, range: false, half_open: false })
        };
        Some(match self {
            ResultKind::Text => Value::Choice(text()?),
            ResultKind::Number => Value::Number(number()?),
            ResultKind::Money => Value::Money(Money { amount: number()?, currency: currency.to_owned() }),
            ResultKind::Date => when(Shape::Date, text()?.parse::<jiff::civil::Date>().ok()?.into()),
            ResultKind::Time => {
                let time: jiff::civil::Time = text()?.parse().ok()?;
                when(Shape::Time, DateTime::default().date().to_datetime(time))
            }
            ResultKind::When => when(Shape::DateTime, text()?.parse().ok()?),
            ResultKind::Digits => Value::Digits(text()?),
            ResultKind::Phone => Value::Phone(Phone { number: text()?, extension: None }),
            ResultKind::Duration => Value::Duration(Length { seconds: number()?, ..Length::default() }),
            ResultKind::YesNo => Value::YesNo(json.as_bool()?),
        })
    }
}

/// A value as a service takes it: digits, numbers and dates plainly, one of a list by its name.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Number(n) | Value::Percent(n) => n.to_string(),
        Value::Ordinal(n) => n.to_string(),
        Value::Digits(text) | Value::Choice(text) => text.clone(),
        Value::Phone(phone) => phone.number.clone(),
        Value::Money(money) => money.amount.to_string(),
        Value::Duration(length) => length.in_seconds().to_string(),
        Value::YesNo(yes) => yes.to_string(),
        Value::When(when) => {
            let Some(at) = when.from.or(when.to) else { return String::new() };
            match when.shape {
                Shape::Date => at.date().to_string(),
                Shape::Time => at.time().to_string(),
                Shape::DateTime => at.to_string(),
            }
        }
    }
}

/// Percent-encoded, all but the unreserved characters (RFC 3986 §2.3).
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for octet in text.bytes() {
        match octet {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(octet as char),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup() -> Lookup {
        let field = |name: &str, at: &str, kind| ResultField { name: name.into(), at: at.into(), kind };
        Lookup {
            name: "bill".into(),
            url: "https://x.example/{account}/bill?for={who}".into(),
            body: None,
            timeout: Duration::from_secs(2),
            retries: 1,
            cache: Duration::ZERO,
            results: vec![
                field("due", "/bill/due", ResultKind::Date),
                field("amount", "/bill/amount", ResultKind::Money),
            ],
        }
    }

    fn answer(status: u16, body: &str) -> Answer {
        lookup().answer(Some(&Reply { status, body: Pii::new(body.into()) }), "CNY")
    }

    #[test]
    fn values_go_into_the_address_encoded_and_into_the_body_as_json() {
        let value = |name: &str| Some(if name == "account" { "12/34" } else { "张\"" }.to_owned());
        let mut with = lookup();
        assert_eq!(with.request(value).url.reveal(), "https://x.example/12%2F34/bill?for=%E5%BC%A0%22");
        with.body = Some(BTreeMap::from([("who".into(), "{who}".into())]));
        assert_eq!(with.request(value).body.unwrap().reveal(), r#"{"who":"张\""}"#);
        assert!(!format!("{:?}", lookup().request(value)).contains("12"), "requests are personal");
    }

    #[test]
    fn an_answer_becomes_values_or_says_that_it_has_none() {
        let Answer::Found(values) = answer(200, r#"{"bill":{"due":"2026-03-09","amount":"12.50"}}"#) else {
            panic!("not found");
        };
        let told: Vec<String> = values.iter().map(|(_, v)| plain(v)).collect();
        assert_eq!(told, ["2026-03-09", "12.5"]);
        assert_eq!(answer(404, ""), Answer::None);
        for (status, body) in [
            (500, r#"{"bill":{"due":"2026-03-09","amount":1}}"#),
            (200, "<html>"),
            (200, r#"{"bill":{"due":"soon","amount":1}}"#),
            (200, r#"{"bill":{"amount":1}}"#),
        ] {
            assert_eq!(answer(status, body), Answer::Failed, "{status} {body}");
        }
        assert_eq!(lookup().answer(None, "CNY"), Answer::Failed);
    }
}
