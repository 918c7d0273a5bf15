//! What changes for callers between two configurations: lines, texts, routes, and sentences that lead elsewhere.

use super::Config;
use crate::base::{Epoch, Lang};
use crate::ivr::{Act, Action, Intent, Outcome, Plan, Proof, Rehearsal, Text, Urgent};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Everything that is otherwise in `new`, one text each, in the order of the lines.
pub fn diff(old: &Config, new: &Config) -> Vec<String> {
    let mut out = Vec::new();
    let names: BTreeSet<&str> = old.lines.iter().chain(&new.lines).map(|l| l.line.as_str()).collect();
    let find = |config: &Config, name: &str| config.lines.iter().find(|l| l.line == name).cloned();
    for name in names {
        match (find(old, name), find(new, name)) {
            (Some(_), None) => out.push(format!("line {name}: gone")),
            (None, Some(line)) => out.push(format!("line {name}: new, {}", line.numbers.join(", "))),
            (Some(a), Some(b)) => {
                let before = out.len();
                of_line(&a, &b, &mut out);
                sentences(&a, &b, &mut out);
                out.iter_mut().skip(before).for_each(|text| *text = format!("line {name}: {text}"));
            }
            (None, None) => {}
        }
    }
    let queues =
        |config: &Config| config.setup.queues.iter().map(|q| q.name.to_string()).collect::<BTreeSet<_>>();
    sets("queue", &queues(old), &queues(new), &mut out);
    out
}

fn sets(what: &str, old: &BTreeSet<String>, new: &BTreeSet<String>, out: &mut Vec<String>) {
    out.extend(old.difference(new).map(|name| format!("{what} {name}: gone")));
    out.extend(new.difference(old).map(|name| format!("{what} {name}: new")));
}

fn of_line(a: &Plan, b: &Plan, out: &mut Vec<String>) {
    let mut told = |what: &str, a: String, b: String| {
        if a != b {
            out.push(format!("{what}: {a} → {b}"));
        }
    };
    let langs = |plan: &Plan| plan.languages.iter().map(|l| l.code()).collect::<Vec<_>>().join(", ");
    told("numbers", a.numbers.join(", "), b.numbers.join(", "));
    told("languages", langs(a), langs(b));
    told("person", a.person.clone(), b.person.clone());
    let hours = |plan: &Plan| plan.hours.as_ref().map_or("always open".to_owned(), |h| h.name.clone());
    told("hours", hours(a), hours(b));
    told("acts from", a.act.to_string(), b.act.to_string());
    told("asks back from", a.confirm.to_string(), b.confirm.to_string());
    for (what, a, b) in [
        ("greeting", &a.greeting, &b.greeting),
        ("question", &a.question, &b.question),
        ("closed", &a.closed, &b.closed),
    ] {
        texts(what, a, b, out);
    }
    let urgent = |plan: &Plan| {
        let one = |u: &Urgent| {
            let queue = u.queue.as_deref().unwrap_or("no queue");
            format!("{} to {queue} at {}", u.words.join(", "), u.priority)
        };
        plan.urgent.iter().map(one).collect::<Vec<_>>().join("; ")
    };
    let (before, after) = (urgent(a), urgent(b));
    if before != after {
        out.push(format!("urgent: {before} → {after}"));
    }
    let none = Text::new();
    texts(
        "patience",
        a.patience.say.as_ref().unwrap_or(&none),
        b.patience.say.as_ref().unwrap_or(&none),
        out,
    );
    if a.patience.numbers != b.patience.numbers {
        // Numbers are personal: how many is enough.
        let (before, after) = (a.patience.numbers.len(), b.patience.numbers.len());
        out.push(format!("patience: other numbers, {before} → {after}"));
    }
    let names = |plan: &Plan| plan.intents.iter().map(|i| i.name.clone()).collect::<BTreeSet<_>>();
    sets("request", &names(a), &names(b), out);
    for intent in &a.intents {
        if let Some(other) = b.intents.iter().find(|i| i.name == intent.name) {
            of_intent(intent, other, out);
        }
    }
}

fn of_intent(a: &Intent, b: &Intent, out: &mut Vec<String>) {
    let name = &a.name;
    let mut told = |what: &str, a: String, b: String| {
        if a != b {
            out.push(format!("request {name}: {what}: {a} → {b}"));
        }
    };
    let key = |i: &Intent| i.key.map_or("none".to_owned(), String::from);
    told("key", key(a), key(b));
    told("confirmed", format!("{:?}", a.confirm).to_lowercase(), format!("{:?}", b.confirm).to_lowercase());
    let count = |i: &Intent| i.examples.values().map(Vec::len).sum::<usize>().to_string();
    told("examples", count(a), count(b));
    let slots = |i: &Intent| {
        let one = |s: &crate::ivr::Slot| {
            format!("{} ({}{})", s.name, s.kind, if s.optional { ", optional" } else { "" })
        };
        i.slots.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    told("asks for", slots(a), slots(b));
    let asks = |i: &Intent| i.lookup.as_ref().map_or("nothing".to_owned(), |l| l.name.clone());
    told("looks up", asks(a), asks(b));
    let does = |i: &Intent| i.actions().map(in_words).collect::<Vec<_>>().join("; ");
    told("does", does(a), does(b));
    texts(&format!("request {name}: label"), &a.label, &b.label, out);
    for (x, y) in a.slots.iter().filter_map(|x| Some((x, b.slots.iter().find(|y| y.name == x.name)?))) {
        texts(&format!("request {name}: asking for {}", x.name), &x.ask, &y.ask, out);
    }
    let none = Text::new();
    for (nth, (x, y)) in a.actions().zip(b.actions()).enumerate() {
        let what = format!("request {name}: says ({})", nth + 1);
        texts(&what, x.say.as_ref().unwrap_or(&none), y.say.as_ref().unwrap_or(&none), out);
    }
}

/// An action's way, without its texts.
fn in_words(action: &Action) -> String {
    let ticket = action.ticket.as_ref().map(|t| format!("ticket {t}"));
    let queue = action.queue.as_ref().map(|q| format!("queue {q}"));
    let parts: Vec<String> = ticket.into_iter().chain(queue).collect();
    if parts.is_empty() { "answers".into() } else { parts.join(", ") }
}

fn texts(what: &str, a: &Text, b: &Text, out: &mut Vec<String>) {
    for lang in Lang::ALL {
        let (a, b) = (a.get(&lang).map_or("", String::as_str), b.get(&lang).map_or("", String::as_str));
        if a != b {
            out.push(format!("{what} ({}): \"{a}\" → \"{b}\"", lang.code()));
        }
    }
}

/// The sentences of both that now lead elsewhere: every example, as the first sentence of a call in its language.
fn sentences(a: &Arc<Plan>, b: &Arc<Plan>, out: &mut Vec<String>) {
    let mut all: BTreeSet<(Lang, &str)> = BTreeSet::new();
    for plan in [a, b] {
        let examples = plan.intents.iter().flat_map(|i| &i.examples);
        all.extend(examples.flat_map(|(lang, texts)| texts.iter().map(move |t| (*lang, t.as_str()))));
    }
    for (lang, text) in all {
        let (before, after) = (lands(a, lang, text), lands(b, lang, text));
        if before != after {
            out.push(format!("\"{text}\": {before} → {after}"));
        }
    }
}

/// Where a caller is after this sentence.
fn lands(plan: &Arc<Plan>, lang: Lang, text: &str) -> String {
    if !plan.languages.contains(&lang) {
        return "not spoken".into();
    }
    let (mut rehearsal, _) =
        Rehearsal::begin(plan.clone(), Epoch { unix_ms: 0 }, BTreeMap::new(), Proof::default());
    rehearsal.speak(lang);
    let reply = rehearsal.act(&Act::Says(text.to_owned()));
    let turn = reply.turns.first();
    let intent = turn.and_then(|t| t.intent.as_deref()).unwrap_or("nothing");
    match (&reply.outcome, turn) {
        (Some(Outcome::Queue { queue, .. }), _) => format!("{intent}, queue {queue}"),
        (Some(Outcome::Goodbye), _) => "goodbye".into(),
        (None, Some(turn)) => format!("{intent}, {}", format!("{:?}", turn.understood).to_lowercase()),
        (None, None) => "nothing".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{File, load};

    const CITY: &str = include_str!("../../dialplans/city-12345.toml");

    fn city(changes: &[(&str, &str)]) -> Config {
        let mut text = CITY.to_owned();
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replacen(from, to, 1);
        }
        let files = [
            ("team.toml", include_str!("../../dialplans/team.toml")),
            ("bank.toml", include_str!("../../dialplans/bank.toml")),
            ("city-12345.toml", &text),
        ];
        load(&files.map(|(name, text)| File { name: name.into(), text: text.into() })).unwrap()
    }

    #[test]
    fn nothing_changes_between_a_configuration_and_itself() {
        assert_eq!(diff(&city(&[]), &city(&[])), [""; 0]);
    }

    #[test]
    fn routes_texts_values_and_sentences_that_lead_elsewhere_are_told() {
        let new = city(&[
            ("Hello, this is the city hotline.", "Hello, city hotline."),
            ("\"停水了\", ", ""),
            ("examples.zh = [\"我家停电了\"", "examples.zh = [\"停水了\", \"我家停电了\""),
            ("priority = 60", "priority = 70"),
            ("come back\"]\nqueue = \"city-repair\"", "come back\"]\nqueue = \"city-general\""),
            ("type = \"phone\"", "type = \"digits(11)\""),
        ]);
        let told = diff(&city(&[]), &new);
        for expected in [
            "line city: greeting (en): \"Hello, this is the city hotline.\" → \"Hello, city hotline.\"",
            "line city: urgent: ",
            "line city: request water: does: queue city-repair → queue city-general",
            "line city: request water: examples: 17 → 16",
            "line city: request bulky: asks for: item",
            "line city: \"停水了\": water, queue city-repair → ",
        ] {
            assert!(told.iter().any(|t| t.starts_with(expected)), "{expected} in {told:#?}");
        }
    }
}
