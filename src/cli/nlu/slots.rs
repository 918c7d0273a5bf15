//! `trunkline nlu slots`: the values in a sentence, and the measure of how well they are found.

use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};
use trunkline::base::Lang;
use trunkline::nlu::slots::cases::{Case, Report, families};
use trunkline::nlu::slots::{DateTime, Found, SlotType, extract, extract_all, say};

#[derive(Debug, Args)]
pub(super) struct Slots {
    /// The language of the text, `en` or `zh`; of cases, the only one counted.
    #[arg(long, value_name = "LANG")]
    lang: Option<String>,
    /// The time that "tomorrow" counts from, as 2026-03-02T09:30.
    #[arg(long = "ref", value_name = "TIME", default_value = "2026-03-02T09:30")]
    reference: String,
    /// The type of a slot, as dialplans write it: number, digits(4..6), phone, money, when, choice(a|b)… More than one:
    /// each is filled from what the others leave. Without it, all that need no list are tried. Of cases, the family.
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    /// Count how many cases of this file are found right: JSON lines of Recognizers-Text or Duckling.
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    cases: Option<PathBuf>,
    /// List the cases that are wrong.
    #[arg(long, requires = "cases")]
    failures: bool,
    /// Sentences.
    #[arg(value_name = "TEXT", required_unless_present = "cases")]
    text: Vec<String>,
}

pub(super) fn slots(args: &Slots) -> Result<(), String> {
    let now: DateTime = args.reference.parse().map_err(|e| format!("--ref: {e}; as in 2026-03-02T09:30"))?;
    let lang = args.lang.as_deref().map(lang).transpose()?;
    if let Some(path) = &args.cases {
        return cases(args, path, lang, now);
    }
    let lang = lang.ok_or("say the language: --lang en or --lang zh")?;
    let names: Vec<&str> = args.types.iter().map(String::as_str).collect();
    let names = if names.is_empty() { SlotType::PLAIN } else { names.as_slice() };
    let types: Vec<SlotType> = names.iter().map(|t| SlotType::parse(t)).collect::<Result<_, _>>()?;
    for text in &args.text {
        if args.types.len() > 1 {
            let all = extract_all(&types, lang, text, now);
            for (slot, found) in types.iter().zip(&all) {
                show(slot, found.as_ref(), lang, args.json)?;
            }
            continue;
        }
        let mut any = false;
        for slot in &types {
            for found in extract(slot, lang, text, now) {
                any = true;
                show(slot, Some(&found), lang, args.json)?;
            }
        }
        if !any && !args.json {
            outln!("nothing in \"{text}\"");
        }
    }
    Ok(())
}

fn lang(code: &str) -> Result<Lang, String> {
    let found = Lang::ALL.into_iter().find(|l| l.code() == code);
    found.ok_or_else(|| format!("--lang: `{code}` is no language here; there are en and zh"))
}

fn show(slot: &SlotType, found: Option<&Found>, lang: Lang, json: bool) -> Result<(), String> {
    #[derive(Serialize)]
    struct Line<'a> {
        slot: &'static str,
        #[serde(flatten)]
        found: Option<&'a Found>,
        #[serde(skip_serializing_if = "Option::is_none")]
        say: Option<String>,
    }
    let spoken = found.map(|f| say(&f.value, lang));
    if json {
        let line = Line { slot: slot.name(), found, say: spoken };
        outln!("{}", serde_json::to_string(&line).map_err(|e| e.to_string())?);
        return Ok(());
    }
    match found {
        Some(f) => {
            let fault = f.fault.as_ref().map(|f| format!("  FAULT {f:?}")).unwrap_or_default();
            outln!(
                "{:10} \"{}\" at {:?}: {}{fault}",
                slot.name(),
                f.text,
                f.span,
                spoken.unwrap_or_default()
            );
        }
        None => outln!("{:10} nothing", slot.name()),
    }
    Ok(())
}

fn cases(args: &Slots, path: &Path, lang: Option<Lang>, now: DateTime) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let mut report = Report::default();
    for (at, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
        let case = Case::read(line, now).map_err(|e| format!("{}:{}: {e}", path.display(), at + 1))?;
        let family = args.types.is_empty() || args.types.iter().any(|t| t == case.family);
        if family && lang.is_none_or(|l| l == case.lang) {
            report.add(&case);
        }
    }
    if args.json {
        outln!("{}", serde_json::to_string(&report).map_err(|e| e.to_string())?);
        return Ok(());
    }
    outln!("{:14} {:>6} {:>6} {:>7}", "family", "cases", "right", "%");
    for name in families() {
        if let Some(tally) = report.families.get(&name) {
            outln!("{name:14} {:>6} {:>6} {:>7.1}", tally.cases, tally.right, tally.percent());
        }
    }
    outln!("left out:");
    for (why, count) in &report.left_out {
        outln!("{count:>6}  {why}");
    }
    if args.failures {
        for [family, input, expect, found] in &report.wrong {
            outln!("{family}: {input}\n    expected {expect}\n    found    {found}");
        }
    }
    Ok(())
}
