//! Services that a line may ask (`[[lookup]]`), and where its tickets go (`[[ticket]]`).

use super::file::File;
use super::problem::Problem;
use super::team::{Password, RawPassword};
use crate::ivr::{Lookup, ResultField, ResultKind};
use crate::limits;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;
use toml::Spanned;

/// A header's value: written down, or a secret that is kept elsewhere.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a text, or { env = \"NAME\" }, or { file = \"PATH\" }")]
enum RawHeader {
    Text(String),
    Secret(RawPassword),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLookup {
    pub(super) name: Spanned<String>,
    pub(super) url: Spanned<String>,
    #[serde(default)]
    method: Method,
    pub(super) body: Option<Spanned<BTreeMap<String, String>>>,
    #[serde(default)]
    headers: BTreeMap<Spanned<String>, RawHeader>,
    #[serde(default = "usual_timeout")]
    timeout_ms: Spanned<u64>,
    #[serde(default = "usual_retries")]
    retries: Spanned<u8>,
    #[serde(default = "no_cache")]
    cache_s: Spanned<u64>,
    result: BTreeMap<Spanned<String>, RawField>,
}

#[derive(Deserialize, Default, PartialEq, Clone, Copy)]
enum Method {
    #[default]
    #[serde(rename = "GET")]
    Get,
    #[serde(rename = "POST")]
    Post,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawField {
    at: Spanned<String>,
    #[serde(rename = "type")]
    kind: ResultKind,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTicket {
    pub(super) name: Spanned<String>,
    webhook: Option<Spanned<String>>,
    #[serde(default)]
    headers: BTreeMap<Spanned<String>, RawHeader>,
}

/// What goes with each request to a service, by name: a text, or where a secret is.
pub type Headers = BTreeMap<String, Header>;

/// The value of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Header {
    Text(String),
    Secret(Password),
}

/// Where tickets of a kind go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketKind {
    pub name: String,
    /// They are posted to here; without they are only kept.
    pub webhook: Option<String>,
}

fn usual_timeout() -> Spanned<u64> {
    Spanned::new(0..0, 3000)
}

fn usual_retries() -> Spanned<u8> {
    Spanned::new(0..0, 1)
}

fn no_cache() -> Spanned<u64> {
    Spanned::new(0..0, 0)
}

/// One service, checked, and its headers.
pub(super) fn lookup(
    file: &File,
    raw: RawLookup,
    currency: &str,
    problems: &mut Vec<Problem>,
) -> (Lookup, Headers) {
    address(file, &raw.url, problems);
    let mut range = |span: std::ops::Range<usize>, what: &str, fits: bool, help: &str| {
        if !fits {
            problems.push(file.error(span, format!("{what} out of range")).help(Some(help.into())));
        }
    };
    range(
        raw.timeout_ms.span(),
        "timeout_ms",
        (100..=10_000).contains(raw.timeout_ms.get_ref()),
        "100 to 10000: a caller waits for it",
    );
    range(raw.retries.span(), "retries", *raw.retries.get_ref() <= 3, "0 to 3: a caller waits for them");
    range(raw.cache_s.span(), "cache_s", *raw.cache_s.get_ref() <= 86_400, "0 to 86400");
    if let (Method::Get, Some(body)) = (raw.method, &raw.body) {
        let help = Some("add method = \"POST\", or put the values into the url".into());
        problems.push(file.error(body.span(), "GET has no body").help(help));
    }
    if raw.result.is_empty() {
        problems
            .push(file.error(raw.name.span(), "a look-up needs at least one result").help(Some(
                "as in result = { amount = { at = \"/bill/amount\", type = \"money\" } }".into(),
            )));
    }
    let mut results = Vec::new();
    for (name, field) in raw.result {
        if !field.at.get_ref().starts_with('/') {
            let help = Some("a JSON Pointer begins with a slash, as in \"/bill/amount\"".into());
            problems.push(file.error(field.at.span(), "no place in an answer").help(help));
        }
        if field.kind == ResultKind::Money && currency.is_empty() {
            let help = Some("add currency = \"CNY\" to [line]".into());
            problems.push(file.error(name.span(), "money needs the line's currency").help(help));
        }
        results.push(ResultField { name: name.into_inner(), at: field.at.into_inner(), kind: field.kind });
    }
    let headers = headers(file, raw.headers, problems);
    let body = match raw.method {
        Method::Get => None,
        Method::Post => Some(raw.body.map(Spanned::into_inner).unwrap_or_default()),
    };
    let lookup = Lookup {
        name: raw.name.into_inner(),
        url: raw.url.into_inner(),
        body,
        timeout: Duration::from_millis(raw.timeout_ms.into_inner()),
        retries: raw.retries.into_inner(),
        cache: Duration::from_secs(raw.cache_s.into_inner()),
        results,
    };
    (lookup, headers)
}

/// One kind of ticket, checked, and its headers.
pub(super) fn ticket(file: &File, raw: RawTicket, problems: &mut Vec<Problem>) -> (TicketKind, Headers) {
    if let Some(webhook) = &raw.webhook {
        address(file, webhook, problems);
        if webhook.get_ref().contains('{') {
            let help = Some("the values are in what is posted".into());
            problems.push(file.error(webhook.span(), "a webhook has no values in its address").help(help));
        }
    }
    let headers = headers(file, raw.headers, problems);
    (TicketKind { name: raw.name.into_inner(), webhook: raw.webhook.map(Spanned::into_inner) }, headers)
}

/// An address begins with http or https and a host that no value changes.
fn address(file: &File, url: &Spanned<String>, problems: &mut Vec<Problem>) {
    let text = url.get_ref();
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.map(|r| r.split(['/', '?', '#']).next().unwrap_or_default());
    let fits = |h: &str| !h.is_empty() && !h.contains(['{', '@', ' ']);
    if !host.is_some_and(fits) || text.len() > limits::LOOKUP_URL_MAX || text.contains(char::is_whitespace) {
        let help = Some(
            "as in \"https://service.example/bills/{account}\"; the host is fixed, secrets go into headers"
                .into(),
        );
        problems.push(file.error(url.span(), "no address of a service").help(help));
    }
}

fn headers(file: &File, raw: BTreeMap<Spanned<String>, RawHeader>, problems: &mut Vec<Problem>) -> Headers {
    let mut out = Headers::new();
    for (name, value) in raw {
        let token = name.get_ref().chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        let ours = ["host", "content-length", "content-type", "transfer-encoding", "connection"];
        if name.get_ref().is_empty() || !token || ours.contains(&name.get_ref().to_lowercase().as_str()) {
            let help =
                Some("a name such as authorization; host, lengths and types are set by the server".into());
            problems.push(file.error(name.span(), "no header for a service").help(help));
        }
        let value = match value {
            RawHeader::Text(text) => Header::Text(text),
            RawHeader::Secret(secret) => Header::Secret(secret.source()),
        };
        out.insert(name.into_inner(), value);
    }
    out
}
