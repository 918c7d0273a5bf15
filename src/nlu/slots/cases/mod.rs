//! How well slots are found: two public collections of cases, read line by line and compared in full.
//!
//! Recognizers-Text (`domain`, `lang`, `model`, `input`, `ref`, `results`) lists everything in a sentence; Duckling
//! (`dim`, `input`, `expect`) one value for a phrase. A case is right if exactly what it lists is found, with equal
//! values; where it lists nothing, nothing may be found. Cases of a kind that no caller's answer has are left out,
//! counted under the reason.

mod duckling;
mod recognizers;

use super::token::Tokens;
use super::{Customs, Fault, Found, Shape, SlotType, Value, When, scan, value_at};
use crate::base::Lang;
use jiff::Span;
use jiff::civil::DateTime;
use serde::Serialize;
use std::collections::BTreeMap;

/// One case.
#[derive(Debug)]
pub struct Case {
    /// The family that it counts in.
    pub family: &'static str,
    /// Its language.
    pub lang: Lang,
    /// What was said.
    pub input: String,
    task: Task,
}

/// What a case asks, or why it is not asked.
#[derive(Debug)]
enum Task {
    LeftOut(&'static str),
    Ask {
        now: DateTime,
        customs: Customs,
        expect: Vec<Vec<String>>,
        first_reading: bool,
        only: Option<&'static str>,
    },
}

/// What came of a case.
#[derive(Debug)]
pub enum Outcome {
    /// It was not asked, for this reason.
    LeftOut(&'static str),
    /// All as listed.
    Right,
    /// What was expected and what was found.
    Wrong(String, String),
}

/// The families, as they are reported.
const FAMILIES: &[&str] = &["number", "phone", "card", "money", "duration", "when", "yes-no"];

/// The figures of one family in one language.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize)]
pub struct Tally {
    /// Cases asked.
    pub cases: usize,
    /// Right ones.
    pub right: usize,
}

impl Tally {
    /// Right ones of a hundred.
    pub fn percent(&self) -> f64 {
        if self.cases == 0 { 0.0 } else { 100.0 * self.right as f64 / self.cases as f64 }
    }
}

/// The figures of a collection.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// By family and language.
    pub families: BTreeMap<String, Tally>,
    /// How many cases were left out for which reason.
    pub left_out: BTreeMap<&'static str, usize>,
    /// The wrong ones: family, input, expected, found.
    #[serde(skip)]
    pub wrong: Vec<[String; 4]>,
}

impl Report {
    /// Counts one case in.
    pub fn add(&mut self, case: &Case) {
        let name = format!("{} {}", case.family, case.lang.code());
        match case.check() {
            Outcome::LeftOut(why) => *self.left_out.entry(why).or_default() += 1,
            outcome => {
                let tally = self.families.entry(name.clone()).or_default();
                tally.cases += 1;
                match outcome {
                    Outcome::Wrong(expect, found) => {
                        self.wrong.push([name, case.input.clone(), expect, found]);
                    }
                    _ => tally.right += 1,
                }
            }
        }
    }
}

impl Case {
    /// Reads one JSON line of either collection; `now` stands in where the case has no reference time.
    ///
    /// # Errors
    ///
    /// Says what the line lacks.
    pub fn read(line: &str, now: DateTime) -> Result<Case, String> {
        let json: serde_json::Value = serde_json::from_str(line).map_err(|e| e.to_string())?;
        if json.get("dim").is_some() {
            duckling::read(&json)
        } else if json.get("model").is_some() {
            recognizers::read(&json, now)
        } else {
            Err("a case has `model` (Recognizers-Text) or `dim` (Duckling)".into())
        }
    }

    /// Looks for what the case lists.
    pub fn check(&self) -> Outcome {
        let (now, customs, expect, first_reading, only) = match &self.task {
            Task::LeftOut(why) => return Outcome::LeftOut(why),
            Task::Ask { now, customs, expect, first_reading, only } => {
                (now, customs, expect, first_reading, only)
            }
        };
        let kinds = kinds(self.family, *only);
        let found = scan(&Tokens::new(&self.input), &self.input, |t, at| {
            let values = kinds.iter().filter_map(|slot| value_at(slot, self.lang, t, at, *now, customs));
            values.rev().max_by_key(|(.., next)| *next)
        });
        let next = customs.bounds == super::Bounds::All;
        let mut got: Vec<Vec<String>> =
            found.iter().map(|f| if next { vec![coming(f, *now)] } else { readings(f) }).collect();
        if self.family == "phone" && !next {
            // The collection has the digits of number and extension in one.
            got.iter_mut().flatten().for_each(|v| *v = v.replace(" ext ", ""));
        }
        if self.family == "yes-no" {
            got.truncate(1);
        }
        if let Some(only) = only {
            got.retain(|r| r.first().is_some_and(|r| r.split(' ').next() == Some(only)));
        }
        if *first_reading {
            got.iter_mut().for_each(|r| r.truncate(1));
        }
        if got == *expect {
            Outcome::Right
        } else {
            Outcome::Wrong(format!("{expect:?}"), format!("{got:?}"))
        }
    }
}

/// What is looked for in a family.
fn kinds(family: &str, only: Option<&str>) -> Vec<SlotType> {
    match (family, only) {
        ("number", Some("ordinal")) => vec![SlotType::Ordinal],
        ("number", Some("percent")) => vec![SlotType::Percent],
        ("number", _) => vec![SlotType::Number(None)],
        ("phone", _) => vec![SlotType::Phone],
        ("card", _) => vec![SlotType::BankCard],
        ("money", _) => vec![SlotType::Money],
        ("yes-no", _) => vec![SlotType::YesNo],
        _ => vec![SlotType::When, SlotType::Duration],
    }
}

/// A value as text, so that both sides compare alike: numbers to twelve digits.
fn figure(value: f64) -> String {
    format!("{value:.11e}")
}

fn stamp(shape: Shape, at: DateTime) -> String {
    match shape {
        Shape::Date => at.strftime("%Y-%m-%d").to_string(),
        Shape::Time => at.strftime("%H:%M:%S").to_string(),
        Shape::DateTime => at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
    }
}

fn when(w: &When) -> String {
    let name = match (w.shape, w.range) {
        (Shape::Date, false) => "date",
        (Shape::Time, false) => "time",
        (Shape::DateTime, false) => "datetime",
        (Shape::Date, true) => "daterange",
        (Shape::Time, true) => "timerange",
        (Shape::DateTime, true) => "datetimerange",
    };
    let end = |at: Option<DateTime>| at.map(|at| stamp(w.shape, at)).unwrap_or_default();
    if w.range { format!("{name} {}..{}", end(w.from), end(w.to)) } else { format!("{name} {}", end(w.from)) }
}

/// Twelve hours on; an hour of noon is told as the first of the day. Days on where more than that is asked for.
fn later(w: &When, hours: i64) -> When {
    let noon = hours == 12 && w.to.is_none() && w.from.is_some_and(|at| at.hour() == 12);
    let hours = if noon { -12 } else { hours };
    let move_on = |at: DateTime| at.checked_add(Span::new().hours(hours)).unwrap_or(at);
    When { from: w.from.map(move_on), to: w.to.map(move_on), ..w.clone() }
}

/// Every reading of a value: morning and afternoon where the half of the day is open.
fn readings(found: &Found) -> Vec<String> {
    match &found.value {
        Value::When(w) if w.half_open => vec![when(w), when(&later(w, 12))],
        Value::When(w) => vec![when(w)],
        value => vec![plain(value, found.fault.as_ref())],
    }
}

fn plain(value: &Value, fault: Option<&Fault>) -> String {
    if let Some(fault) = fault {
        return format!("{fault:?}");
    }
    match value {
        Value::Number(n) => format!("number {}", figure(*n)),
        Value::Ordinal(n) => format!("ordinal {n}"),
        Value::Percent(n) => format!("percent {}", figure(*n)),
        Value::Digits(digits) => digits.clone(),
        Value::Phone(p) => p.extension.as_ref().map_or(p.number.clone(), |e| format!("{} ext {e}", p.number)),
        Value::Money(m) => format!("{} {}", m.currency, figure(m.amount)),
        Value::Duration(length) => format!("duration {}", length.in_seconds()),
        Value::When(w) => when(w),
        Value::YesNo(yes) => yes.to_string(),
        Value::Choice(name) => name.clone(),
    }
}

/// The one reading that comes next after `now`, with a date to every time.
fn coming(found: &Found, now: DateTime) -> String {
    let Value::When(w) = &found.value else { return plain(&found.value, found.fault.as_ref()) };
    let mut w = w.clone();
    let past = |w: &When| w.to.or(w.from).is_some_and(|at| at <= now && at.date() == now.date());
    if w.half_open && past(&w) {
        w = later(&w, 12);
    }
    if w.shape == Shape::Time {
        // "Until two" looks at the two that comes, too.
        if past(&w) {
            w = later(&w, 24);
        }
        w.shape = Shape::DateTime;
    }
    when(&w)
}

/// Families and languages in the order of reports: what the command line prints.
pub fn families() -> impl Iterator<Item = String> {
    FAMILIES.iter().flat_map(|f| Lang::ALL.iter().map(move |l| format!("{f} {}", l.code())))
}
