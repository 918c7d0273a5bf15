//! A line's file: greeting, question, intents. Checked against the team, and trained.

use super::file::File;
use super::hours;
use super::problem::Problem;
use super::slot::{self, Around, RawSlot};
use super::team::Team;
use crate::base::Lang;
use crate::ivr::{self, Action, Confirm, Hours, Intent, Plan, Text};
use crate::nlu::Model;
use jiff::tz::TimeZone;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;

/// Fewer examples than this in a language are a warning: it will not be understood well.
const EXAMPLES_LEAST: usize = 3;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    line: RawLine,
    greeting: Spanned<Text>,
    question: Spanned<Text>,
    #[serde(default)]
    understanding: Understanding,
    #[serde(default)]
    intent: Vec<RawIntent>,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIntent {
    name: Spanned<String>,
    key: Spanned<String>,
    label: Spanned<Text>,
    examples: Spanned<BTreeMap<Lang, Vec<Spanned<String>>>>,
    #[serde(default)]
    confirm: Confirm,
    #[serde(default)]
    slot: Vec<RawSlot>,
    queue: Option<Spanned<String>>,
    say: Option<Spanned<Text>>,
}

/// Reads a line's file.
pub(super) fn read(file: &File, problems: &mut Vec<Problem>) -> Option<Raw> {
    file.parse(problems)
}

/// Checks a line and trains its understanding. `None` if it cannot be used at all.
pub(super) fn check(
    file: &File,
    raw: Raw,
    (team, hours): (&Team, &[Arc<Hours>]),
    others: &[Arc<Plan>],
    version: &str,
    problems: &mut Vec<Problem>,
) -> Option<Plan> {
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
    let around = Around { file, need: &need, has_zone: zone.is_some(), has_currency: !currency.is_empty() };
    let intents = intents(&around, raw.intent, team, &languages, problems);
    if problems.iter().skip(before).any(|p| p.severity == super::Severity::Error) {
        return None;
    }
    Some(Plan {
        line: raw.line.name.into_inner(),
        version: version.to_owned(),
        numbers: raw.line.numbers.into_iter().map(Spanned::into_inner).collect(),
        model: Model::train(&ivr::examples(&intents), intents.len()),
        languages,
        zone: zone.unwrap_or(TimeZone::UTC),
        currency,
        hours,
        closed,
        person: raw.line.person.into_inner(),
        greeting: raw.greeting.into_inner(),
        question: raw.question.into_inner(),
        intents,
        act,
        confirm,
    })
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

/// The requests that a line can serve.
fn intents<N: Fn(&Spanned<Text>, &str, &mut Vec<Problem>)>(
    around: &Around<'_, N>,
    raw: Vec<RawIntent>,
    team: &Team,
    languages: &[Lang],
    problems: &mut Vec<Problem>,
) -> Vec<Intent> {
    let (file, need) = (around.file, around.need);
    let mut intents: Vec<Intent> = Vec::new();
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for one in raw {
        need(&one.label, "the label", problems);
        for lang in languages {
            examples_in(file, &one, *lang, &mut seen, problems);
        }
        let key = key(file, &one.key, &intents, problems);
        if intents.iter().any(|i| i.name == *one.name.get_ref()) {
            problems
                .push(file.error(one.name.span(), format!("a second intent named `{}`", one.name.get_ref())));
        }
        let slots = slot::slots(one.slot, around, problems);
        let values: Vec<&str> = slots.iter().map(|s| s.name.as_str()).collect();
        let action = match (one.queue, one.say) {
            (Some(queue), None) => {
                team.require_queue(file, &queue, problems);
                Action::Queue(queue.into_inner())
            }
            (None, Some(say)) => {
                need(&say, "what to say", problems);
                slot::check_names(file, &say, &values, problems);
                Action::Say(say.into_inner())
            }
            _ => {
                problems.push(
                    file.error(one.name.span(), format!("intent `{}` must do one thing", one.name.get_ref()))
                        .help(Some("give it either queue = \"…\" or say.zh/say.en".into())),
                );
                continue;
            }
        };
        intents.push(Intent {
            name: one.name.into_inner(),
            key,
            label: one.label.into_inner(),
            examples: one
                .examples
                .into_inner()
                .into_iter()
                .map(|(l, e)| (l, e.into_iter().map(Spanned::into_inner).collect()))
                .collect(),
            confirm: one.confirm,
            slots,
            action,
        });
    }
    intents
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

/// One intent's examples in one language: enough of them, and none that another intent has too.
fn examples_in(
    file: &File,
    one: &RawIntent,
    lang: Lang,
    seen: &mut BTreeMap<String, String>,
    problems: &mut Vec<Problem>,
) {
    let name = one.name.get_ref();
    let examples = one.examples.get_ref().get(&lang).map_or(&[][..], Vec::as_slice);
    if examples.is_empty() {
        problems.push(
            file.error(one.name.span(), format!("intent `{name}` has no examples in {}", lang.code()))
                .help(Some(format!("add examples.{} = [\"…\"] with 5 to 20 sentences", lang.code()))),
        );
    } else if examples.len() < EXAMPLES_LEAST {
        let span: Range<usize> = examples.first().map_or(0..0, Spanned::span);
        let message = format!("intent `{name}` has only {} examples in {}", examples.len(), lang.code());
        problems.push(
            file.error(span, message).help(Some("5 to 20 are needed to understand it well".into())).warning(),
        );
    }
    for example in examples {
        if let Some(other) = seen.insert(example.get_ref().to_lowercase(), name.clone()).filter(|o| o != name)
        {
            let message = format!("`{}` is an example of intent `{other}` too", example.get_ref());
            problems.push(
                file.error(example.span(), message)
                    .help(Some("no caller's sentence can mean both: keep one".into())),
            );
        }
    }
}

/// A key 1–9 that no other intent has.
fn key(file: &File, key: &Spanned<String>, intents: &[Intent], problems: &mut Vec<Problem>) -> char {
    let mut chars = key.get_ref().chars();
    let (Some(c @ '1'..='9'), None) = (chars.next(), chars.next()) else {
        problems.push(
            file.error(key.span(), "a key is one of 1 to 9")
                .help(Some("0 is a person, * repeats and # changes the language on every line".into())),
        );
        return '?';
    };
    if let Some(other) = intents.iter().find(|i| i.key == c) {
        problems.push(file.error(key.span(), format!("key {c} already belongs to intent `{}`", other.name)));
    }
    c
}
