//! `trunkline chat`, `explain`, `test`: a line tried out without a telephone.

use super::Places;
use clap::Args;
use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;
use trunkline::base::{Epoch, Lang};
use trunkline::config::{self, Config};
use trunkline::drive::files;
use trunkline::ivr::{self, Act, Action, Intent, Outcome, Plan, Proof, Rehearsal, RehearsalReply};
use trunkline::nlu::slots::{self, SlotType};
use trunkline::nlu::{self, Encoder, Example};

/// Talk to a line by typing. `key 3` presses a key, an empty line waits, Ctrl-D hangs up.
#[derive(Debug, Args)]
pub(super) struct Chat {
    /// The line's name or number.
    line: String,
}

fn plan<'a>(config: &'a Config, line: &str) -> Result<&'a Arc<Plan>, String> {
    let named = config.lines.iter().find(|l| l.line == line).or_else(|| config.line(line));
    let names: Vec<&str> = config.lines.iter().map(|l| l.line.as_str()).collect();
    named.ok_or_else(|| format!("no line `{line}`; there are: {}", names.join(", ")))
}

pub(super) fn chat(args: &Chat, places: &Places) -> Result<(), String> {
    let (config, _) = places.lines()?;
    let (mut rehearsal, greeting) =
        Rehearsal::begin(plan(&config, &args.line)?.clone(), today(), BTreeMap::new(), Proof::default());
    show(&greeting);
    for typed in std::io::stdin().lock().lines() {
        let typed = typed.map_err(|e| e.to_string())?;
        let reply = rehearsal.act(&Act::parse(&typed));
        show(&reply);
        if reply.outcome.is_some() {
            return Ok(());
        }
        let _ = std::io::stdout().flush();
    }
    Ok(())
}

fn today() -> Epoch {
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Epoch { unix_ms: u64::try_from(unix.as_millis()).unwrap_or(0) }
}

fn show(reply: &RehearsalReply) {
    for turn in &reply.turns {
        let intent = turn.intent.as_ref().map_or(String::new(), |i| format!(" {i} {:.2}", turn.score));
        outln!("      [{:?}{intent}]", turn.understood);
    }
    for (lookup, outcome) in &reply.lookups {
        outln!("      [look-up {lookup}: {outcome}]");
    }
    for ticket in &reply.tickets {
        outln!("      [ticket {ticket}]");
    }
    outln!("line: {}", reply.says.join(" "));
    match &reply.outcome {
        Some(Outcome::Queue { queue, intent, slots, .. }) => {
            let intent = intent.as_ref().map_or(String::new(), |i| format!(", for {i}"));
            let slots: String = slots.iter().map(|s| format!(", {}: {}", s.name, s.said.reveal())).collect();
            outln!("      [to queue {queue}{intent}{slots}]");
        }
        Some(Outcome::Goodbye) => outln!("      [hangs up]"),
        None => {}
    }
}

/// What is done about a request, in a few words.
fn does(intent: &Intent) -> String {
    let lookup = intent.lookup.as_ref().map(|l| format!("look-up {}, ", l.name)).unwrap_or_default();
    let one = |action: &Action| match (&action.queue, &action.ticket) {
        (Some(queue), _) => format!("queue {queue}"),
        (None, Some(ticket)) => format!("ticket {ticket}"),
        (None, None) => "answers".to_owned(),
    };
    let rules: Vec<String> = intent.rules.iter().map(one).collect();
    lookup + &rules.join(" or ")
}

/// Say how a line takes a sentence, and why: every intent's score, and what it does.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The line's name or number.
    line: String,
    sentence: String,
}

pub(super) fn explain(args: &Explain, places: &Places) -> Result<(), String> {
    let (config, _) = places.lines()?;
    let plan = plan(&config, &args.line)?;
    if let Some(wish) = nlu::universal(&args.sentence) {
        outln!("a word that works everywhere: {wish:?}");
    }
    if let Some((yes, rest)) = nlu::yes_no(&args.sentence) {
        outln!(
            "in a confirmation: {}{}",
            if yes { "yes" } else { "no" },
            if rest.is_empty() { "" } else { ", and more" }
        );
    }
    outln!("at {:.2} and above it acts, at {:.2} it asks back", plan.act, plan.confirm);
    for scored in plan.model.classify(&args.sentence) {
        let Some(intent) = plan.intents.get(scored.intent) else { continue };
        let does = does(intent);
        outln!("  {:<16} {:.3}  {does}", intent.name, scored.score);
    }
    values(plan, &args.sentence);
    let (mut rehearsal, _) = Rehearsal::begin(plan.clone(), today(), BTreeMap::new(), Proof::default());
    let reply = rehearsal.act(&Act::parse(&args.sentence));
    outln!("as the first sentence of a call:");
    show(&reply);
    Ok(())
}

/// The values that the best of the requests finds in a sentence.
fn values(plan: &Plan, sentence: &str) {
    let best = plan.model.classify(sentence).first().and_then(|s| plan.intents.get(s.intent));
    let Some(intent) = best.filter(|i| !i.slots.is_empty()) else { return };
    let lang = if sentence.is_ascii() { Lang::En } else { Lang::Zh };
    let kinds: Vec<SlotType> = intent.slots.iter().map(|s| s.kind.clone()).collect();
    let now = jiff::Timestamp::now().to_zoned(plan.zone.clone()).datetime();
    outln!("what {} asks for:", intent.name);
    for (slot, found) in intent.slots.iter().zip(slots::extract_all(&kinds, lang, sentence, now)) {
        let told = found.map(|f| {
            let fault = f.fault.as_ref().map_or(String::new(), |fault| format!(", but {fault:?}"));
            format!("\"{}\" is {}{fault} ({:.2})", f.text, slot.read_back(&f.value, lang), f.score)
        });
        outln!("  {:<16} {:<12} {}", slot.name, slot.kind.name(), told.as_deref().unwrap_or("not said"));
    }
}

/// Run the golden dialogues beside the dialplans, and see how well each line's examples tell its intents apart.
#[derive(Debug, Args)]
pub(super) struct Test {
    /// Files of golden dialogues; without, all in `tests/` of the folder of dialplans.
    files: Vec<PathBuf>,
}

pub(super) fn test(args: &Test, places: &Places) -> Result<(), String> {
    let (config, encoder) = places.lines()?;
    let paths = match args.files.is_empty() {
        // Without the folder there are none.
        true => files::tomls(&places.config.join("tests")).unwrap_or_default(),
        false => args.files.clone(),
    };
    let (mut run, mut failed) = (0, 0);
    for path in &paths {
        let all = config::golden(&files::file(path)?, &config.lines);
        let all = all.map_err(|problems| files::told(&problems, path))?;
        for golden in &all {
            run += 1;
            if let Err(why) = golden.rehearse(plan(&config, &golden.line)?) {
                failed += 1;
                outln!("{}:{}: {why}", path.display(), golden.at);
            }
        }
    }
    outln!("{run} dialogues, {failed} otherwise than expected");
    config.lines.iter().for_each(|line| told_apart(line, encoder.as_ref()));
    if failed > 0 { Err(format!("{failed} of {run} dialogues failed")) } else { Ok(()) }
}

/// Cross-validation over a line's own examples: every fifth is held out in turn.
fn told_apart(line: &Plan, encoder: Option<&Arc<dyn Encoder>>) {
    const FOLDS: usize = 5;
    let all = ivr::examples(&line.intents);
    let mut confused: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    let mut right = 0;
    for fold in 0..FOLDS {
        let held = |i: &usize| i % FOLDS == fold;
        let train: Vec<Example> =
            all.iter().enumerate().filter(|(i, _)| !held(i)).map(|(_, e)| e.clone()).collect();
        let model = nlu::Model::train(&train, line.intents.len(), encoder);
        for (_, example) in all.iter().enumerate().filter(|(i, _)| held(i)) {
            match model.classify(&example.text).first() {
                Some(best) if best.intent == example.intent => right += 1,
                Some(best) => *confused.entry((example.intent, best.intent)).or_default() += 1,
                None => {}
            }
        }
    }
    let part = 100.0 * f64::from(right) / all.len().max(1) as f64;
    outln!(
        "line {}: {part:.0} % of {} examples are understood when they are left out of training",
        line.line,
        all.len()
    );
    let name = |i: usize| line.intents.get(i).map_or("", |i| i.name.as_str());
    for ((intent, taken), count) in confused {
        outln!("  {} taken for {}: {count}", name(intent), name(taken));
    }
}
