//! A line's file: greeting, question, intents. Checked against the team, and trained.

use super::file::File;
use super::hours;
use super::intent::{Around, RawAnswer, RawIntent, intents};
use super::lookup::{self, Headers, RawLookup, RawTicket, TicketKind};
use super::policy::{self, RawPatience, RawUrgent};
use super::problem::Problem;
use super::team::Team;
use super::{action, slot};
use crate::base::Lang;
use crate::ivr::{self, Hours, Lookup, Plan, Text};
use crate::nlu::Model;
use jiff::tz::TimeZone;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    line: RawLine,
    greeting: Spanned<Text>,
    question: Spanned<Text>,
    #[serde(default)]
    understanding: Understanding,
    #[serde(default)]
    urgent: Vec<RawUrgent>,
    #[serde(default)]
    patience: RawPatience,
    #[serde(default)]
    lookup: Vec<RawLookup>,
    #[serde(default)]
    ticket: Vec<RawTicket>,
    #[serde(default)]
    intent: Vec<RawIntent>,
    #[serde(default)]
    answer: Vec<RawAnswer>,
}

/// Where a line's requests and tickets go, beside its plan.
#[derive(Default)]
pub(super) struct Outward {
    pub(super) headers: BTreeMap<String, Headers>,
    pub(super) tickets: Vec<TicketKind>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLine {
    name: Spanned<String>,
    numbers: Vec<Spanned<String>>,
    languages: Spanned<Vec<Lang>>,
    person: Spanned<String>,
    zone: Option<Spanned<String>>,
    currency: Option<Spanned<String>>,
    hours: Option<Spanned<String>>,
    closed: Option<Spanned<Text>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Understanding {
    act: Spanned<f32>,
    confirm: Spanned<f32>,
}

impl Default for Understanding {
    fn default() -> Self {
        Understanding { act: Spanned::new(0..0, 0.80), confirm: Spanned::new(0..0, 0.45) }
    }
}

/// Reads a line's file.
pub(super) fn read(file: &File, problems: &mut Vec<Problem>) -> Option<Raw> {
    file.parse(problems)
}

/// Checks a line and trains its understanding. `None` if it cannot be used at all.
pub(super) fn check(
    file: &File,
    raw: Raw,
    (team, hours, verifies): (&Team, &[Arc<Hours>], bool),
    others: &[Arc<Plan>],
    version: &str,
    problems: &mut Vec<Problem>,
) -> Option<(Plan, Outward)> {
    let before = problems.len();
    let languages = raw.line.languages.get_ref().clone();
    if languages.is_empty() {
        problems.push(file.error(raw.line.languages.span(), "a line needs at least one language"));
    }
    unlike(file, &raw.line, others, problems);
    team.require_queue(file, &raw.line.person, problems);
    let need = |text: &Spanned<Text>, what: &str, problems: &mut Vec<Problem>| {
        for lang in languages.iter().filter(|l| text.get_ref().get(l).is_none_or(|t| t.trim().is_empty())) {
            problems.push(
                file.error(text.span(), format!("{what} is missing in {}", lang.code()))
                    .help(Some(format!("add {} = \"…\"", lang.code()))),
            );
        }
    };
    need(&raw.greeting, "the greeting", problems);
    need(&raw.question, "the question", problems);
    let hours = raw.line.hours.and_then(|name| hours::find(file, &name, hours, problems));
    let named_zone = raw.line.zone.and_then(|zone| time_zone(file, &zone, problems));
    let zone = named_zone.or_else(|| hours.as_ref().map(|h| h.zone.clone()));
    let currency = raw.line.currency.map(|c| currency(file, &c, problems)).unwrap_or_default();
    let closed = closed(file, hours.is_some(), raw.line.closed, &need, problems);
    let (act, confirm) = (*raw.understanding.act.get_ref(), *raw.understanding.confirm.get_ref());
    if !(0.0 < confirm && confirm <= act && act <= 1.0) {
        problems.push(
            file.error(raw.understanding.act.span(), "thresholds out of order")
                .help(Some("they must satisfy 0 < confirm <= act <= 1".into())),
        );
    }
    if raw.intent.is_empty() {
        problems.push(file.error(0..0, "a line needs at least one [[intent]]"));
    }
    let (lookups, outward) = outward(file, (raw.lookup, raw.ticket), &currency, problems);
    let tickets: Vec<String> = outward.tickets.iter().map(|t| t.name.clone()).collect();
    let (has_zone, has_currency) = (zone.is_some(), !currency.is_empty());
    let around = Around {
        slots: slot::Around { file, need: &need, has_zone, has_currency },
        actions: action::Around { file, need: &need, team, tickets: &tickets, verifies },
        languages: &languages,
        lookups: &lookups,
    };
    for intent in raw.intent.iter().filter(|i| !i.has_key()) {
        let help = Some("add key = \"1\" … \"9\": who cannot be understood presses it".into());
        problems.push(file.error(intent.place(), "a request without a key").help(help));
    }
    let all = raw.intent.into_iter().chain(raw.answer.into_iter().map(RawIntent::from)).collect();
    let intents = intents(all, &around, problems);
    let of = raw.urgent.into_iter();
    let urgent =
        of.map(|raw| policy::urgent(raw, (file, &need, team), (&languages, &intents), problems)).collect();
    let patience = policy::patience(raw.patience, (file, &need), &lookups, problems);
    if problems.iter().skip(before).any(|p| p.severity == super::Severity::Error) {
        return None;
    }
    let plan = Plan {
        line: raw.line.name.into_inner(),
        version: version.to_owned(),
        numbers: raw.line.numbers.into_iter().map(Spanned::into_inner).collect(),
        model: Model::train(&ivr::examples(&intents), intents.len(), None),
        languages,
        zone: zone.unwrap_or(TimeZone::UTC),
        currency,
        hours,
        closed,
        person: raw.line.person.into_inner(),
        greeting: raw.greeting.into_inner(),
        question: raw.question.into_inner(),
        intents,
        urgent,
        patience,
        act,
        confirm,
    };
    Some((plan, outward))
}

/// No other line has this name or one of these numbers.
fn unlike(file: &File, line: &RawLine, others: &[Arc<Plan>], problems: &mut Vec<Problem>) {
    for number in &line.numbers {
        if let Some(other) = others.iter().find(|o| o.numbers.contains(number.get_ref())) {
            let message = format!("number `{}` already belongs to line `{}`", number.get_ref(), other.line);
            problems.push(file.error(number.span(), message));
        }
    }
    if let Some(other) = others.iter().find(|o| o.line == *line.name.get_ref()) {
        problems.push(file.error(line.name.span(), format!("a second line named `{}`", other.line)));
    }
}

/// The services that the line asks, each once.
fn outward(
    file: &File,
    (lookups, tickets): (Vec<RawLookup>, Vec<RawTicket>),
    currency: &str,
    problems: &mut Vec<Problem>,
) -> (Vec<Arc<Lookup>>, Outward) {
    let (mut out, mut services) = (Outward::default(), Vec::new());
    let names = lookups.iter().map(|l| &l.name).chain(tickets.iter().map(|t| &t.name));
    for (at, name) in names.clone().enumerate() {
        if names.clone().take(at).any(|n| n.get_ref() == name.get_ref()) {
            let message = format!("a second look-up or ticket named `{}`", name.get_ref());
            problems.push(file.error(name.span(), message));
        }
    }
    for raw in lookups {
        let (found, headers) = lookup::lookup(file, raw, currency, problems);
        out.headers.insert(found.name.clone(), headers);
        services.push(Arc::new(found));
    }
    for raw in tickets {
        let (kind, headers) = lookup::ticket(file, raw, problems);
        out.headers.insert(kind.name.clone(), headers);
        out.tickets.push(kind);
    }
    (services, out)
}

fn time_zone(file: &File, name: &Spanned<String>, problems: &mut Vec<Problem>) -> Option<TimeZone> {
    let zone = TimeZone::get(name.get_ref()).ok();
    if zone.is_none() {
        let help = Some("write it as in \"Asia/Shanghai\" or \"Europe/London\"".into());
        problems.push(file.error(name.span(), "no such time zone").help(help));
    }
    zone
}

fn currency(file: &File, code: &Spanned<String>, problems: &mut Vec<Problem>) -> String {
    let code_of_three = code.get_ref().len() == 3 && code.get_ref().chars().all(|c| c.is_ascii_uppercase());
    if !code_of_three {
        let help = Some("three letters of ISO 4217, as in \"CNY\" or \"USD\"".into());
        problems.push(file.error(code.span(), "no currency").help(help));
    }
    code.get_ref().clone()
}

/// What a line says that has hours, when it is closed.
fn closed(
    file: &File,
    has_hours: bool,
    text: Option<Spanned<Text>>,
    need: &impl Fn(&Spanned<Text>, &str, &mut Vec<Problem>),
    problems: &mut Vec<Problem>,
) -> Text {
    match text {
        Some(text) => {
            need(&text, "what to say when closed", problems);
            text.into_inner()
        }
        None => {
            if has_hours {
                problems.push(
                    file.error(0..0, "a line with hours needs `closed`").help(Some(
                        "add closed = { zh = \"…\", en = \"…\" }: said outside of its hours".into(),
                    )),
                );
            }
            Text::new()
        }
    }
}
