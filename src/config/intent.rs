//! The requests that a line can serve: examples, values, what is done.

use super::action::{self, RawAction, Simple};
use super::file::{File, nearest};
use super::problem::Problem;
use super::slot::{self, RawSlot};
use crate::base::Lang;
use crate::ivr::{Confirm, Intent, Lookup, Text};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;

/// Fewer examples than this in a language are a warning: it will not be understood well.
const EXAMPLES_LEAST: usize = 3;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawIntent {
    name: Spanned<String>,
    /// An answer has none; what is an [[intent]] must have one.
    key: Option<Spanned<String>>,
    label: Spanned<Text>,
    examples: Spanned<BTreeMap<Lang, Vec<Spanned<String>>>>,
    #[serde(default)]
    confirm: Confirm,
    #[serde(default)]
    slot: Vec<RawSlot>,
    lookup: Option<Spanned<String>>,
    failed: Option<RawAction>,
    none: Option<RawAction>,
    #[serde(default)]
    rule: Vec<Spanned<RawAction>>,
    ticket: Option<Spanned<String>>,
    queue: Option<Spanned<String>>,
    say: Option<Spanned<Text>>,
}

impl RawIntent {
    pub(super) fn has_key(&self) -> bool {
        self.key.is_some()
    }

    pub(super) fn place(&self) -> Range<usize> {
        self.name.span()
    }
}

/// A question that callers have, and its answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAnswer {
    name: Spanned<String>,
    label: Spanned<Text>,
    questions: Spanned<BTreeMap<Lang, Vec<Spanned<String>>>>,
    say: Spanned<Text>,
}

impl From<RawAnswer> for RawIntent {
    fn from(answer: RawAnswer) -> RawIntent {
        let RawAnswer { name, label, questions, say } = answer;
        RawIntent {
            name,
            key: None,
            label,
            examples: questions,
            confirm: Confirm::default(),
            slot: Vec::new(),
            lookup: None,
            failed: None,
            none: None,
            rule: Vec::new(),
            ticket: None,
            queue: None,
            say: Some(say),
        }
    }
}

/// What requests are checked against.
pub(super) struct Around<'a, N> {
    pub(super) slots: slot::Around<'a, N>,
    pub(super) actions: action::Around<'a, N>,
    pub(super) languages: &'a [Lang],
    pub(super) lookups: &'a [Arc<Lookup>],
}

/// The requests that a line can serve.
pub(super) fn intents<N: Fn(&Spanned<Text>, &str, &mut Vec<Problem>)>(
    raw: Vec<RawIntent>,
    around: &Around<'_, N>,
    problems: &mut Vec<Problem>,
) -> Vec<Intent> {
    let file = around.slots.file;
    let mut intents: Vec<Intent> = Vec::new();
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for one in raw {
        (around.slots.need)(&one.label, "the label", problems);
        for lang in around.languages {
            examples_in(file, &one, *lang, &mut seen, problems);
        }
        let key = one.key.as_ref().map(|k| key(file, k, &intents, problems));
        if intents.iter().any(|i| i.name == *one.name.get_ref()) {
            problems
                .push(file.error(one.name.span(), format!("a second intent named `{}`", one.name.get_ref())));
        }
        let slots = slot::slots(one.slot, &around.slots, problems);
        let given: Vec<&str> = slots.iter().map(|s| s.name.as_str()).collect();
        let lookup = one.lookup.and_then(|name| lookup(file, &name, around.lookups, &given, problems));
        if lookup.is_some() && one.failed.is_none() {
            let help = "add [intent.failed] with say, queue or both: services are down sometimes".to_owned();
            let message = format!("intent `{}` does nothing when its look-up fails", one.name.get_ref());
            problems.push(file.error(one.name.span(), message).help(Some(help)));
        }
        if let (None, true) = (&lookup, one.failed.is_some() || one.none.is_some()) {
            let help = Some("add lookup = \"…\", or leave out [intent.failed] and [intent.none]".into());
            problems.push(file.error(one.name.span(), "there is no look-up that could fail").help(help));
        }
        let mut known = given.clone();
        known.extend(lookup.iter().flat_map(|l| &l.results).map(|r| r.name.as_str()));
        let simple = Simple { ticket: one.ticket, say: one.say, queue: one.queue };
        let rules = action::rules(&one.name, simple, one.rule, &around.actions, &known, problems);
        let [failed, none] = [one.failed, one.none]
            .map(|raw| raw.map(|raw| action::action(raw, &around.actions, &given, problems)));
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
            lookup,
            failed,
            none,
            rules,
            slots,
        });
    }
    intents
}

/// The look-up called `name`. What it asks for must be among the values that are given.
pub(super) fn lookup(
    file: &File,
    name: &Spanned<String>,
    all: &[Arc<Lookup>],
    given: &[&str],
    problems: &mut Vec<Problem>,
) -> Option<Arc<Lookup>> {
    let Some(found) = all.iter().find(|l| l.name == *name.get_ref()) else {
        let help = nearest(name.get_ref(), all.iter().map(|l| l.name.as_str()))
            .or_else(|| Some("look-ups are [[lookup]] tables of this file".into()));
        problems.push(file.error(name.span(), format!("no look-up named `{}`", name.get_ref())).help(help));
        return None;
    };
    for wanted in found.names().filter(|n| !given.contains(n)) {
        let message = format!("look-up `{}` needs the value `{wanted}`", found.name);
        let help = nearest(wanted, given.iter().copied())
            .or_else(|| (*given != ["caller"]).then(|| format!("add an [[intent.slot]] named \"{wanted}\"")))
            .or_else(|| Some("when a call begins only {caller}, its number, is known".into()));
        problems.push(file.error(name.span(), message).help(help));
    }
    if let Some(result) = found.results.iter().find(|r| given.contains(&r.name.as_str())) {
        let message = format!("`{}` is a slot and a result of look-up `{}`", result.name, found.name);
        problems.push(file.error(name.span(), message).help(Some("rename one of them".into())));
    }
    Some(found.clone())
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
    if let Some(other) = intents.iter().find(|i| i.key == Some(c)) {
        problems.push(file.error(key.span(), format!("key {c} already belongs to intent `{}`", other.name)));
    }
    c
}
