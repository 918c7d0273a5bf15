//! Words of emergencies and anger, and who is given more time.

use super::file::{File, nearest};
use super::intent;
use super::problem::Problem;
use super::team::Team;
use crate::base::Lang;
use crate::ivr::{Account, Intent, Lookup, Patience, ResultKind, Text, Urgent};
use crate::nlu::says;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawUrgent {
    words: Spanned<BTreeMap<Lang, Vec<String>>>,
    say: Option<Spanned<Text>>,
    queue: Option<Spanned<String>>,
    priority: Spanned<u16>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPatience {
    #[serde(default)]
    numbers: Vec<Spanned<String>>,
    /// A look-up that asks with `{caller}`, and which of its results says who needs time.
    lookup: Option<Spanned<String>>,
    value: Option<Spanned<String>>,
    say: Option<Spanned<Text>>,
}

/// One table of urgent words.
pub(super) fn urgent<N: Fn(&Spanned<Text>, &str, &mut Vec<Problem>)>(
    raw: RawUrgent,
    (file, need, team): (&File, &N, &Team),
    (languages, intents): (&[Lang], &[Intent]),
    problems: &mut Vec<Problem>,
) -> Urgent {
    let words = raw.words.get_ref();
    let all: Vec<String> = words.values().flatten().cloned().collect();
    let examples = intents.iter().flat_map(|i| i.examples.values().flatten().map(move |e| (i, e)));
    for (intent, example) in examples.filter(|(_, e)| raw.queue.is_some() && says(e, &all)) {
        let message =
            format!("`{example}` of intent `{}` has these words, and never gets there", intent.name);
        let help = Some("take the word out, or the example".into());
        problems.push(file.error(raw.words.span(), message).help(help));
    }
    for lang in languages.iter().filter(|l| words.get(l).is_none_or(Vec::is_empty)) {
        let help = Some(format!("add words.{} = [\"…\"]", lang.code()));
        problems.push(file.error(raw.words.span(), format!("no urgent words in {}", lang.code())).help(help));
    }
    if words.values().flatten().any(|w| w.trim().is_empty()) {
        problems.push(
            file.error(raw.words.span(), "an empty word is in every sentence")
                .help(Some("leave it out".into())),
        );
    }
    if *raw.priority.get_ref() > 100 {
        problems.push(
            file.error(raw.priority.span(), "priority out of range").help(Some("0 to 100 points".into())),
        );
    }
    if let Some(queue) = &raw.queue {
        team.require_queue(file, queue, problems);
    }
    if let Some(say) = &raw.say {
        need(say, "what to say", problems);
        if raw.queue.is_none() {
            let help = Some("add queue = \"…\": without it the call goes on as it would".into());
            problems.push(file.error(say.span(), "this is never said").help(help));
        }
    }
    Urgent {
        words: all,
        say: raw.say.map(Spanned::into_inner),
        queue: raw.queue.map(Spanned::into_inner),
        priority: raw.priority.into_inner(),
    }
}

/// The service that knows who needs time.
fn account(
    file: &File,
    lookup: Option<Spanned<String>>,
    value: Option<Spanned<String>>,
    lookups: &[Arc<Lookup>],
    problems: &mut Vec<Problem>,
) -> Option<Account> {
    let (lookup, value) = match (lookup, value) {
        (None, None) => return None,
        (Some(lookup), Some(value)) => (lookup, value),
        (Some(one), None) | (None, Some(one)) => {
            let help = Some("lookup = \"…\" names the look-up, value = \"…\" its yes-no result".into());
            problems.push(file.error(one.span(), "`lookup` and `value` go together").help(help));
            return None;
        }
    };
    let lookup = intent::lookup(file, &lookup, lookups, &["caller"], problems)?;
    let yes_no = lookup.results.iter().filter(|r| r.kind == ResultKind::YesNo);
    if !yes_no.clone().any(|r| r.name == *value.get_ref()) {
        let message = format!("`{}` is no yes-no result of look-up `{}`", value.get_ref(), lookup.name);
        let help = nearest(value.get_ref(), yes_no.map(|r| r.name.as_str()))
            .or_else(|| Some("it needs one: true for callers who are given more time".into()));
        problems.push(file.error(value.span(), message).help(help));
    }
    Some(Account { lookup, value: value.into_inner() })
}

/// Who is given more time.
pub(super) fn patience<N: Fn(&Spanned<Text>, &str, &mut Vec<Problem>)>(
    raw: RawPatience,
    (file, need): (&File, &N),
    lookups: &[Arc<Lookup>],
    problems: &mut Vec<Problem>,
) -> Patience {
    for number in &raw.numbers {
        let digits = number.get_ref().trim_start_matches('+').trim_end_matches('*');
        if digits.is_empty() || !digits.chars().all(|c| c.is_ascii_digit()) {
            let help = Some("a number as records have it, or its beginning and `*`".into());
            problems.push(file.error(number.span(), "no number of a caller").help(help));
        }
    }
    if let Some(say) = &raw.say {
        need(say, "what to say", problems);
    }
    Patience {
        account: account(file, raw.lookup, raw.value, lookups, problems),
        numbers: raw.numbers.into_iter().map(Spanned::into_inner).collect(),
        say: raw.say.map(Spanned::into_inner),
    }
}
