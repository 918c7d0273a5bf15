//! `hours.toml`: opening hours and the days off and make-up days that they follow.

use super::file::{File, nearest};
use super::problem::Problem;
use crate::ivr::Hours;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    hours: Vec<RawHours>,
    #[serde(default)]
    holidays: Vec<RawHolidays>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHours {
    name: Spanned<String>,
    zone: Spanned<String>,
    /// Days (`mon`, `mon-fri`) to times (`09:00-12:00, 13:30-18:00`).
    week: BTreeMap<Spanned<String>, Spanned<String>>,
    holidays: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHolidays {
    name: Spanned<String>,
    /// Days (`2026-10-01`) or first and last (`2026-10-01..2026-10-07`).
    #[serde(default)]
    off: Vec<Spanned<String>>,
    /// Days that are worked, and as which weekday.
    #[serde(default)]
    make_up: BTreeMap<Spanned<String>, Spanned<String>>,
}

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// Reads `hours.toml`.
pub(super) fn read(file: &File, problems: &mut Vec<Problem>) -> Vec<Arc<Hours>> {
    let Some(raw) = file.parse::<Raw>(problems) else { return Vec::new() };
    let mut out: Vec<Arc<Hours>> = Vec::new();
    for one in &raw.hours {
        let name = one.name.get_ref();
        if out.iter().any(|h| h.name == *name) {
            problems.push(file.error(one.name.span(), format!("a second [[hours]] named `{name}`")));
        }
        let Ok(zone) = TimeZone::get(one.zone.get_ref()) else {
            problems.push(
                file.error(one.zone.span(), "no such time zone")
                    .help(Some("write it as in \"Asia/Shanghai\" or \"Europe/London\"".into())),
            );
            continue;
        };
        let (days_off, make_up) = days(file, one, &raw.holidays, problems);
        let week = week(file, one, problems);
        out.push(Arc::new(Hours { name: name.clone(), zone, week, days_off, make_up }));
    }
    out
}

/// The hours called `name`, or a problem.
pub(super) fn find(
    file: &File,
    name: &Spanned<String>,
    all: &[Arc<Hours>],
    problems: &mut Vec<Problem>,
) -> Option<Arc<Hours>> {
    let found = all.iter().find(|h| h.name == *name.get_ref()).cloned();
    if found.is_none() {
        let help = nearest(name.get_ref(), all.iter().map(|h| h.name.as_str()))
            .or_else(|| Some("hours are [[hours]] tables in hours.toml".into()));
        problems.push(file.error(name.span(), format!("no hours named `{}`", name.get_ref())).help(help));
    }
    found
}

fn week(file: &File, one: &RawHours, problems: &mut Vec<Problem>) -> [Vec<(Time, Time)>; 7] {
    let mut week: [Vec<(Time, Time)>; 7] = Default::default();
    for (days, times) in &one.week {
        let Some(range) = day_range(days.get_ref()) else {
            problems
                .push(file.error(days.span(), "no day of the week").help(Some(
                    "write mon, tue, wed, thu, fri, sat, sun, or a range such as mon-fri".into(),
                )));
            continue;
        };
        let Some(times) = times_of(times.get_ref()) else {
            problems.push(file.error(times.span(), "no opening times").help(Some(
                "as in \"09:00-12:00, 13:30-18:00\", in order; 24:00 is the end of the day".into(),
            )));
            continue;
        };
        for day in range {
            if let Some(day) = week.get_mut(day) {
                day.clone_from(&times);
            }
        }
    }
    week
}

fn day_range(text: &str) -> Option<std::ops::RangeInclusive<usize>> {
    let day = |name: &str| DAYS.iter().position(|(d, _)| *d == name.trim());
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (day(first)?, day(last)?);
    (first <= last).then_some(first..=last)
}

fn times_of(text: &str) -> Option<Vec<(Time, Time)>> {
    let clock = |text: &str| match text.trim() {
        "24:00" => Some(Time::MAX),
        text => {
            let (h, m) = text.split_once(':')?;
            Time::new(h.parse().ok()?, m.parse().ok()?, 0, 0).ok()
        }
    };
    let mut out: Vec<(Time, Time)> = Vec::new();
    for part in text.split(',') {
        let (from, to) = part.split_once('-')?;
        let (from, to) = (clock(from)?, clock(to)?);
        if from >= to || out.last().is_some_and(|(_, before)| *before > from) {
            return None;
        }
        out.push((from, to));
    }
    Some(out)
}

type Days = (BTreeSet<Date>, BTreeMap<Date, Weekday>);

fn days(file: &File, one: &RawHours, holidays: &[RawHolidays], problems: &mut Vec<Problem>) -> Days {
    let Some(name) = &one.holidays else { return Days::default() };
    let Some(found) = holidays.iter().find(|h| h.name.get_ref() == name.get_ref()) else {
        let help = nearest(name.get_ref(), holidays.iter().map(|h| h.name.get_ref().as_str()))
            .or_else(|| Some("holidays are [[holidays]] tables in hours.toml".into()));
        problems.push(file.error(name.span(), format!("no holidays named `{}`", name.get_ref())).help(help));
        return Days::default();
    };
    let mut out = Days::default();
    for text in &found.off {
        let (first, last) = text.get_ref().split_once("..").unwrap_or((text.get_ref(), text.get_ref()));
        match (first.trim().parse::<Date>(), last.trim().parse::<Date>()) {
            (Ok(first), Ok(last)) if first <= last => {
                out.0.extend(first.series(jiff::Span::new().days(1)).take_while(|d| *d <= last).take(366));
            }
            _ => problems.push(
                file.error(text.span(), "no day")
                    .help(Some("as in \"2026-10-01\" or \"2026-10-01..2026-10-07\"".into())),
            ),
        }
    }
    for (day, like) in &found.make_up {
        let weekday = DAYS.iter().find(|(d, _)| d == like.get_ref()).map(|(_, w)| *w);
        match (day.get_ref().parse::<Date>(), weekday) {
            (Ok(day), Some(weekday)) => {
                out.1.insert(day, weekday);
            }
            _ => problems.push(
                file.error(day.span(), "no make-up day")
                    .help(Some("as in \"2026-10-10\" = \"mon\": worked as on a Monday".into())),
            ),
        }
    }
    out
}
