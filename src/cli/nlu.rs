//! `trunkline nlu`: how well a set of examples is understood, on sentences that training has not seen, and which values
//! a sentence holds.

mod slots;

use super::Places;
use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;
use trunkline::drive::encoder;
use trunkline::nlu::measure::{Measured, measure};
use trunkline::nlu::{Example, Model};

/// Look at how sentences are understood.
#[derive(Debug, Args)]
pub(super) struct Nlu {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Learn from one set of labelled sentences, test on another.
    ///
    /// A set is a file of JSON lines {"text", "intent", "lang"}, with intent null for what is out of scope, or a folder
    /// with `seq.in` and `label`, line by line. An intent that training does not know is out of scope too.
    Eval(Eval),
    /// Find the values in a sentence, or measure how well they are found.
    Slots(slots::Slots),
}

#[derive(Debug, Args)]
struct Eval {
    /// Examples to learn from.
    #[arg(long, value_name = "FILE")]
    train: PathBuf,
    /// Sentences to test with.
    #[arg(long, value_name = "FILE")]
    test: PathBuf,
    /// The score below which a sentence counts as out of scope; `confirm` of a line.
    #[arg(long, default_value_t = 0.45, value_name = "SCORE")]
    threshold: f32,
    /// Keep every Nth intent from training, so that its sentences are out of scope.
    #[arg(long, value_name = "N")]
    hide: Option<usize>,
    /// The folder of a sentence encoder; by default `encoder` in the models folder, if it is there.
    #[arg(long, value_name = "DIR")]
    encoder: Option<PathBuf>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Deserialize)]
struct Row {
    text: String,
    intent: Option<String>,
    #[serde(default)]
    lang: Option<String>,
}

#[derive(Debug, Serialize)]
struct Report {
    intents: usize,
    examples: usize,
    threshold: f32,
    /// A sentence encoder helped.
    encoder: bool,
    #[serde(flatten)]
    all: Measured,
    /// By language, if the test names more than one.
    by_lang: BTreeMap<String, Measured>,
    train_ms: f64,
    query_ms: f64,
}

pub(super) fn nlu(args: &Nlu, places: &Places) -> Result<(), String> {
    let args = match &args.command {
        Command::Eval(args) => args,
        Command::Slots(args) => return slots::slots(args),
    };
    let report = eval(args, places)?;
    if args.json {
        outln!("{}", serde_json::to_string(&report).map_err(|e| e.to_string())?);
    } else {
        print(&report);
    }
    Ok(())
}

fn eval(args: &Eval, places: &Places) -> Result<Report, String> {
    let encoder = match &args.encoder {
        Some(folder) => Some(encoder::load(folder)?),
        None => encoder::find(&places.models())?,
    };
    let (train, test) = (rows(&args.train)?, rows(&args.test)?);
    let names: BTreeSet<&str> = train.iter().filter_map(|r| r.intent.as_deref()).collect();
    let hidden = |at: usize| args.hide.is_some_and(|n| at.is_multiple_of(n.max(1)));
    let names: Vec<&str> =
        names.into_iter().enumerate().filter(|(at, _)| !hidden(*at)).map(|(_, name)| name).collect();
    let number = |row: &Row| names.binary_search(&row.intent.as_deref()?).ok();
    let examples: Vec<Example> =
        train.iter().filter_map(|r| Some(Example { text: r.text.clone(), intent: number(r)? })).collect();
    if examples.is_empty() || test.is_empty() {
        return Err("nothing to learn from or to test with: both sets need sentences".into());
    }
    let began = Instant::now();
    let model = Model::train(&examples, names.len(), encoder.as_ref());
    let train_ms = began.elapsed().as_secs_f64() * 1e3;
    let measured = |lang: Option<&str>| {
        let wanted = test.iter().filter(|r| lang.is_none() || r.lang.as_deref() == lang);
        measure(&model, wanted.map(|r| (r.text.as_str(), number(r))), args.threshold)
    };
    let began = Instant::now();
    let all = measured(None);
    let query_ms = began.elapsed().as_secs_f64() * 1e3 / test.len() as f64;
    let langs: BTreeSet<&str> = test.iter().filter_map(|r| r.lang.as_deref()).collect();
    let by_lang = langs.iter().filter(|_| langs.len() > 1);
    let by_lang = by_lang.map(|l| ((*l).to_owned(), measured(Some(l)))).collect();
    let (intents, examples) = (names.len(), examples.len());
    Ok(Report {
        intents,
        examples,
        threshold: args.threshold,
        encoder: encoder.is_some(),
        all,
        by_lang,
        train_ms,
        query_ms,
    })
}

/// A set: JSON lines, or a folder with `seq.in` and `label`.
fn rows(path: &Path) -> Result<Vec<Row>, String> {
    let read = |path: &Path| std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()));
    if path.is_dir() {
        let (texts, labels) = (read(&path.join("seq.in"))?, read(&path.join("label"))?);
        if texts.lines().count() != labels.lines().count() {
            return Err(format!("{}: seq.in and label must have as many lines", path.display()));
        }
        let row = |(text, label): (&str, &str)| Row {
            text: text.to_owned(),
            intent: Some(label.to_owned()),
            lang: None,
        };
        return Ok(texts.lines().zip(labels.lines()).map(row).collect());
    }
    let text = read(path)?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(at, line)| {
            serde_json::from_str(line).map_err(|e| {
                format!(
                    "{}:{}: {e}; a line is {{\"text\": \"…\", \"intent\": \"…\" or null, \"lang\": \"en\"}}",
                    path.display(),
                    at + 1
                )
            })
        })
        .collect()
}

fn print(report: &Report) {
    let share = |share: Option<f64>| share.map_or("-".to_owned(), |s| format!("{:.1} %", s * 100.0));
    let lines = |m: &Measured| {
        outln!("  in scope       {} sentences", m.in_scope);
        outln!("    accuracy     {}", share(m.accuracy));
        outln!("    accepted     {} right and at {} or more", share(m.accepted), report.threshold);
        outln!("    mean score   {}", share(m.mean_score));
        outln!("  out of scope   {} sentences", m.out_of_scope);
        outln!("    recall       {} below {}", share(m.out_of_scope_recall), report.threshold);
        outln!("    AUROC        {}", m.auroc.map_or("-".to_owned(), |a| format!("{a:.3}")));
    };
    let by = if report.encoder { "with an encoder" } else { "without an encoder" };
    outln!("{} intents from {} examples, {by}", report.intents, report.examples);
    lines(&report.all);
    for (lang, measured) in &report.by_lang {
        outln!("{lang}");
        lines(measured);
    }
    outln!("  training       {:.1} ms", report.train_ms);
    outln!("  a query        {:.3} ms", report.query_ms);
}
