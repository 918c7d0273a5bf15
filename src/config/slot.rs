//! The values that a request asks for, and the texts that may name them.

use super::file::{File, nearest};
use super::problem::Problem;
use crate::ivr::{Confirm, Slot, Text, template};
use crate::nlu::slots::SlotType;
use serde::Deserialize;
use toml::Spanned;

/// More values than this are no conversation but a form: a person does that better.
const SLOTS_MAX: usize = 9;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSlot {
    name: Spanned<String>,
    #[serde(rename = "type")]
    kind: Spanned<String>,
    label: Spanned<Text>,
    ask: Option<Spanned<Text>>,
    again: Option<Spanned<Text>>,
    #[serde(default)]
    confirm: Confirm,
    #[serde(default)]
    optional: bool,
    #[serde(default)]
    secret: bool,
}

/// What a line has to say for its slots to be understood.
pub(super) struct Around<'a, N> {
    pub(super) file: &'a File,
    /// Reports a text that is missing in a language of the line.
    pub(super) need: &'a N,
    pub(super) has_zone: bool,
    pub(super) has_currency: bool,
}

/// The slots of one intent.
pub(super) fn slots<N: Fn(&Spanned<Text>, &str, &mut Vec<Problem>)>(
    raw: Vec<RawSlot>,
    around: &Around<'_, N>,
    problems: &mut Vec<Problem>,
) -> Vec<Slot> {
    let file = around.file;
    let mut out: Vec<Slot> = Vec::new();
    if let Some(extra) = raw.get(SLOTS_MAX) {
        let message = format!("a request asks for at most {SLOTS_MAX} values");
        let help = Some("hand the call to a queue, and let a person ask for the rest".into());
        problems.push(file.error(extra.name.span(), message).help(help));
    }
    for one in raw {
        let name = one.name.get_ref();
        if out.iter().any(|s| s.name == *name) {
            problems.push(file.error(one.name.span(), format!("a second slot named `{name}`")));
        }
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)) {
            let help = Some("letters, digits, - and _: texts name it in braces".into());
            problems.push(file.error(one.name.span(), "no name for a slot").help(help));
        }
        (around.need)(&one.label, "the label", problems);
        let kind = match SlotType::parse(one.kind.get_ref()) {
            Ok(kind) => kind,
            Err(why) => {
                let word = one.kind.get_ref().split('(').next().unwrap_or_default().trim();
                let known = SlotType::PLAIN
                    .iter()
                    .copied()
                    .chain(["date", "time", "choice", "name", "code", "postcode"]);
                let help = nearest(word, known).filter(|_| why.contains("no such type"));
                problems.push(file.error(one.kind.span(), why).help(help));
                continue;
            }
        };
        let timely = matches!(kind, SlotType::Date | SlotType::Time | SlotType::When);
        if timely && !around.has_zone {
            let help = Some("add zone = \"Asia/Shanghai\" to [line]".into());
            problems
                .push(file.error(one.kind.span(), "a date or time needs the line's time zone").help(help));
        }
        if kind == SlotType::Money && !around.has_currency {
            let help = Some("add currency = \"CNY\" to [line]: what \"fifty\" means".into());
            problems.push(file.error(one.kind.span(), "money needs the line's currency").help(help));
        }
        match &one.ask {
            Some(ask) => (around.need)(ask, "what to ask", problems),
            None if one.optional => {}
            None => problems.push(
                file.error(one.name.span(), format!("slot `{name}` is never asked for"))
                    .help(Some("add ask = { … }, or optional = true".into())),
            ),
        }
        if let Some(again) = &one.again {
            (around.need)(again, "what to ask again", problems);
        }
        let text = |text: Option<Spanned<Text>>| text.map(Spanned::into_inner).unwrap_or_default();
        out.push(Slot {
            name: one.name.into_inner(),
            kind,
            label: one.label.into_inner(),
            ask: text(one.ask),
            again: text(one.again),
            confirm: one.confirm,
            optional: one.optional,
            secret: one.secret,
        });
    }
    out
}

/// Every name in braces must be one of `known`.
pub(super) fn check_names(file: &File, text: &Spanned<Text>, known: &[&str], problems: &mut Vec<Problem>) {
    for name in text.get_ref().values().flat_map(|t| template::names(t)) {
        if !known.contains(&name) {
            let there = || match known {
                [] => "there are none here: braces name a slot".to_owned(),
                known => format!("there are: {}", known.join(", ")),
            };
            let help = nearest(name, known.iter().copied()).unwrap_or_else(there);
            problems.push(file.error(text.span(), format!("no value `{{{name}}}`")).help(Some(help)));
        }
    }
}
