//! What is done about a request: one thing, or rules of which the first that fits counts; and what when a look-up fails.

use super::file::{File, nearest};
use super::problem::Problem;
use super::slot::check_names;
use super::team::Team;
use crate::ivr::{Action, Condition, Proof, Text};
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAction {
    #[serde(rename = "if")]
    when: Option<Spanned<String>>,
    #[serde(default)]
    set: BTreeMap<Spanned<String>, Spanned<String>>,
    ticket: Option<Spanned<String>>,
    say: Option<Spanned<Text>>,
    queue: Option<Spanned<String>>,
}

/// What an intent's own keys say it does.
pub(super) struct Simple {
    pub(super) ticket: Option<Spanned<String>>,
    pub(super) say: Option<Spanned<Text>>,
    pub(super) queue: Option<Spanned<String>>,
}

impl From<Simple> for RawAction {
    fn from(simple: Simple) -> RawAction {
        let Simple { ticket, say, queue } = simple;
        RawAction { when: None, set: BTreeMap::new(), ticket, say, queue }
    }
}

/// What actions are checked against.
pub(super) struct Around<'a, N> {
    pub(super) file: &'a File,
    pub(super) need: &'a N,
    pub(super) team: &'a Team,
    /// Kinds of tickets.
    pub(super) tickets: &'a [String],
    /// Callers' identities are verified: `[stir]`.
    pub(super) verifies: bool,
}

/// A condition on what is proved of the caller's number, which is one of some words.
fn proof<N>(
    around: &Around<'_, N>,
    at: &Spanned<String>,
    condition: &Condition,
    (name, words): (&str, &[&str]),
    problems: &mut Vec<Problem>,
) {
    for word in condition.compared(name).filter(|word| !words.contains(word)) {
        let help = Some(format!("it is one of: {}", words.join(", ")));
        problems.push(around.file.error(at.span(), format!("`{name}` is never `{word}`")).help(help));
    }
    if !around.verifies {
        let help = Some("add [stir] with trust = [\"FILE.pem\"] to server.toml".to_owned());
        let message = format!("nobody verifies callers: `{name}` is never known");
        problems.push(around.file.error(at.span(), message).help(help));
    }
}

/// One action. `known` are the values that its texts and condition may name.
pub(super) fn action<N: Fn(&Spanned<Text>, &str, &mut Vec<Problem>)>(
    raw: RawAction,
    around: &Around<'_, N>,
    known: &[&str],
    problems: &mut Vec<Problem>,
) -> Action {
    let file = around.file;
    let when = raw.when.and_then(|text| match Condition::parse(text.get_ref()) {
        Ok(condition) => {
            for name in condition.names().filter(|n| !known.contains(n)) {
                if let Some((_, words)) = Proof::NAMES.iter().find(|(n, _)| *n == name) {
                    proof(around, &text, &condition, (name, words), problems);
                    continue;
                }
                let help = nearest(name, known.iter().copied())
                    .or_else(|| Some(format!("there are: {}", known.join(", "))));
                problems.push(file.error(text.span(), format!("no value `{name}`")).help(help));
            }
            Some(condition)
        }
        Err(why) => {
            problems.push(file.error(text.span(), why));
            None
        }
    });
    let mut known: Vec<&str> = known.to_vec();
    let mut set = Vec::new();
    for (name, text) in &raw.set {
        let texts = Text::from([(crate::base::Lang::En, text.get_ref().clone())]);
        check_names(file, &Spanned::new(text.span(), texts), &known, problems);
        set.push((name.get_ref().clone(), text.get_ref().clone()));
    }
    known.extend(raw.set.keys().map(|name| name.get_ref().as_str()));
    if let Some(ticket) = &raw.ticket {
        if !around.tickets.contains(ticket.get_ref()) {
            let help = nearest(ticket.get_ref(), around.tickets.iter().map(String::as_str))
                .or_else(|| Some("tickets are [[ticket]] tables of this file".into()));
            let message = format!("no ticket named `{}`", ticket.get_ref());
            problems.push(file.error(ticket.span(), message).help(help));
        }
        known.push("ticket");
    }
    if let Some(say) = &raw.say {
        (around.need)(say, "what to say", problems);
        check_names(file, say, &known, problems);
    }
    if let Some(queue) = &raw.queue {
        around.team.require_queue(file, queue, problems);
    }
    Action {
        when,
        set,
        ticket: raw.ticket.map(Spanned::into_inner),
        say: raw.say.map(Spanned::into_inner),
        queue: raw.queue.map(Spanned::into_inner),
    }
}

/// The rules of an intent: its own keys, or its tables, of which the last fits always and no other does.
pub(super) fn rules<N: Fn(&Spanned<Text>, &str, &mut Vec<Problem>)>(
    name: &Spanned<String>,
    simple: Simple,
    tables: Vec<Spanned<RawAction>>,
    around: &Around<'_, N>,
    known: &[&str],
    problems: &mut Vec<Problem>,
) -> Vec<Action> {
    let file = around.file;
    let does = |raw: &RawAction| raw.say.is_some() || raw.queue.is_some();
    let simple = RawAction::from(simple);
    let own = does(&simple) || simple.ticket.is_some();
    if own != tables.is_empty() || own && !does(&simple) {
        problems.push(
            file.error(name.span(), format!("intent `{}` must do one thing", name.get_ref())).help(Some(
                "give it queue = \"…\", or say.zh/say.en, or both, or [[intent.rule]] tables".into(),
            )),
        );
        return Vec::new();
    }
    if own {
        return vec![action(simple, around, known, problems)];
    }
    let last = tables.len() - 1;
    let mut out = Vec::new();
    for (at, table) in tables.into_iter().enumerate() {
        let span = table.span();
        let raw = table.into_inner();
        match &raw.when {
            Some(when) if at == last => problems.push(
                file.error(when.span(), "no rule for everything else")
                    .help(Some("the last rule has no `if`: it is what is done when no other fits".into())),
            ),
            None if at < last => problems.push(
                file.error(span.clone(), "no rule after this one is ever reached")
                    .help(Some("add `if`, or move it to the end".into())),
            ),
            _ => {}
        }
        if !does(&raw) {
            let help = Some("give it queue = \"…\", or say.zh/say.en, or both".into());
            problems
                .push(file.error(span, "a rule that neither says anything nor leads anywhere").help(help));
        }
        out.push(action(raw, around, known, problems));
    }
    out
}
