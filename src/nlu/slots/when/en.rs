//! English atoms of time.

use super::super::duration::{self, Unit};
use super::super::number_en::{cardinal, ordinal};
use super::super::token::Tokens;
use super::atom::{Atom, Edge, Part, Target};
use super::clock;
use super::days_en::{calendar, month_meant, year};
use super::holiday::HOLIDAYS;
use super::words_en::{DAYS, EDGES, MONTHS, NEAREST, NOW, PARTS, PERIODS, SEASONS, WEEKDAYS, WHICH};
use crate::base::Lang;

/// The atom at `at`. `named` where a word before says that a time of day comes, or a date is half told.
pub(super) fn atom(t: &Tokens, at: usize, named: bool, month_first: bool) -> Option<(Atom, usize)> {
    let found = [
        t.one_of(at, NOW).map(|next| (Atom::Now, next)),
        nth(t, at),
        offset(t, at),
        t.lookup(at, DAYS).map(|(n, next)| (Atom::Day(n), next)),
        relative(t, at),
        calendar(t, at, month_first),
        holiday(t, at),
        quarter(t, at),
        season(t, at),
        t.lookup(at, EDGES)
            .filter(|(_, next)| t.word(*next) != "than")
            .map(|(e, next)| (Atom::Edge(e, t.word(next - 1) == "of"), next)),
        short_edge(t, at),
        part(t, at),
        clock::english(t, at, named),
        clock::half_en(t, at).filter(|_| at > 0).map(|(pm, next)| (Atom::Half(pm), next)),
        weekday(t, at).map(|(d, next)| (Atom::Weekday(d, None), next)),
        t.lookup(at, MONTHS).filter(|_| month_meant(t, at)).map(|(m, next)| (Atom::Month(m, None), next)),
        year(t, at).map(|(y, next)| (Atom::Year(y), next)),
    ];
    found.into_iter().flatten().rev().max_by_key(|(_, next)| *next)
}

fn plural(unit: &str) -> bool {
    unit.ends_with('s') && !unit.ends_with("'s")
}

/// "the sun" is no weekday.
fn weekday(t: &Tokens, at: usize) -> Option<(i8, usize)> {
    let noun = t.is(at, &["sun", "sat", "wed", "mon"]) && at > 0 && t.is(at - 1, &["the", "a"]);
    t.lookup(at, WEEKDAYS).filter(|_| !noun)
}

fn part(t: &Tokens, at: usize) -> Option<(Atom, usize)> {
    if let Some(next) = t.one_of(at, &["tonight", "tonite"]) {
        return Some((Atom::DayPart(0, Part::Night), next));
    }
    if at > 0 && t.word(at - 1) == "good" {
        return None;
    }
    let from = t.one_of(at, &["in the", "the", "during the"]).unwrap_or(at);
    let (part, next) = t.lookup(from, PARTS)?;
    // A meal tells a time only where something says so: "at lunch", "after dinner", "monday lunch".
    let meal = next == from + 1 && t.is(from, &["lunch", "dinner"]);
    let told = at > 0
        && (t.is(
            at - 1,
            &["at", "after", "before", "during", "over", "by", "for", "until", "till", "this", "next"],
        ) || t.lookup(at - 1, WEEKDAYS).is_some()
            || t.lookup(at - 1, DAYS).is_some());
    if t.word(next - 1) == "am" || meal && !told {
        return None;
    }
    Some((Atom::Part(part), next))
}

/// "this week", "next friday", "the last two months", "week after next".
fn relative(t: &Tokens, at: usize) -> Option<(Atom, usize)> {
    if let Some(((unit, n), next)) = t.lookup(at, PERIODS) {
        return Some((Atom::Period(unit, n), next));
    }
    // "the end of month"
    if at > 0
        && t.word(at - 1) == "of"
        && let Some((unit @ (Unit::Week | Unit::Month | Unit::Quarter | Unit::Year), next)) =
            duration::unit(Lang::En, t, at)
    {
        return Some((Atom::Period(unit, 0), next));
    }
    let weekday_after_next =
        t.lookup(at, WEEKDAYS).and_then(|(d, next)| Some((d, t.one_of(next, &["after next"])?)));
    if let Some((d, next)) = weekday_after_next {
        return Some((Atom::Nth(1002, Target::Weekday(d)), next));
    }
    // "friday week"
    if let Some((d, next)) = t.lookup(at, WEEKDAYS).and_then(|(d, next)| Some((d, t.lit(next, "week")?))) {
        return Some((Atom::Nth(1002, Target::Weekday(d)), next));
    }
    // "two upcoming months"
    if let Some((n, after)) = cardinal(t, at)
        && let Some((which, after)) = t.lookup(after, WHICH).filter(|(w, _)| *w != 0)
        && let Some((unit, after)) = duration::unit(Lang::En, t, after)
        && t.word(after - 1).ends_with('s')
    {
        return Some((Atom::Count(unit, f64::from(n), which), after));
    }
    let (which, next) = t.lookup(at, WHICH)?;
    // "it should last two hours"
    let verb = t.word(at) == "last"
        && at > 0
        && (t.is(at - 1, &["to", "will", "would", "should", "may", "can", "could", "must", "not"])
            || t.word(at - 1).ends_with("n't"));
    if verb {
        return None;
    }
    if let Some((d, next)) = t.lookup(next, WEEKDAYS) {
        if t.is(next - 2, NEAREST) {
            return Some((Atom::Nth(1000 * which + which, Target::Weekday(d)), next));
        }
        return Some((Atom::Weekday(d, Some(which)), next));
    }
    if let Some((m, end)) = t.lookup(next, MONTHS).filter(|_| month_meant(t, next)) {
        return Some((Atom::Month(m, Some(which)), end));
    }
    if let Some((Atom::Holiday(h, _), next)) = holiday(t, next) {
        return Some((Atom::Holiday(h, which), next));
    }
    if let Some((part, next)) = t.lookup(next, PARTS) {
        return Some((Atom::DayPart(which, part), next));
    }
    if which != 0
        && let Some((n, unit, after)) =
            duration::piece(Lang::En, t, next).filter(|(_, u, n)| *u != Unit::Weekend && !t.is(*n, &["of"]))
    {
        let plural = plural(t.word(after - 1)) || n > 1.0;
        return Some((if plural { Atom::Count(unit, n, which) } else { Atom::Period(unit, which) }, after));
    }
    let (unit, next) = duration::unit(Lang::En, t, next)?;
    if plural(t.word(next - 1)) && which != 0 {
        return Some((Atom::Count(unit, 3.0, which), next));
    }
    Some((Atom::Period(unit, which), t.one_of(next, &["'s"]).unwrap_or(next)))
}

/// "this summer", "winter 2024", "the spring of 2025": a bare "spring" or "fall" is no date.
fn season(t: &Tokens, at: usize) -> Option<(Atom, usize)> {
    let which = t.lookup(at, WHICH);
    let from = which.map_or(t.lit(at, "the").unwrap_or(at), |(_, next)| next);
    let (n, next) = t.lookup(from, SEASONS)?;
    let year = t.one_of(next, &["of", "in"]).unwrap_or(next);
    let told = which.is_some() || at > 0 && t.word(at - 1) == "in" || self::year(t, year).is_some();
    told.then_some((Atom::Season(n, which.map_or(0, |(w, _)| w)), next))
}

/// "eom", "boy": the end of the month, the beginning of the year.
fn short_edge(t: &Tokens, at: usize) -> Option<(Atom, usize)> {
    const SHORT: &[(&str, (Edge, Unit))] = &[
        ("eom", (Edge::End, Unit::Month)),
        ("bom", (Edge::Begin, Unit::Month)),
        ("eoy", (Edge::End, Unit::Year)),
        ("boy", (Edge::Begin, Unit::Year)),
        ("eod", (Edge::End, Unit::Day)),
        ("end of day", (Edge::End, Unit::Day)),
        ("end of the day", (Edge::End, Unit::Day)),
    ];
    let from = t.lit(at, "the").unwrap_or(at);
    t.lookup(from, SHORT).map(|((edge, unit), next)| (Atom::EdgeOf(edge, unit), next))
}

/// "in three days", "two weeks ago", "an hour from now", "three fridays from now".
fn offset(t: &Tokens, at: usize) -> Option<(Atom, usize)> {
    let from = t.one_of(at, &["in", "in about", "within"]).filter(|_| t.word(at) != "within");
    if let Some(start) = from
        && let Some((length, unit, next)) = duration::length(Lang::En, t, start)
        && !t.is(t.one_of(next, &["the"]).unwrap_or(next), &["morning", "of"])
    {
        let next = t.one_of(next, &["from now", "'s time", "time", "from today", "' time"]).unwrap_or(next);
        return Some((Atom::Offset(length, unit, 1), next));
    }
    // "the day before christmas"
    if let Some((sign, next)) = t.lookup(
        at,
        &[
            ("the day before", -1),
            ("day before", -1),
            ("the day after", 1),
            ("day after", 1),
            ("the night before", -1),
        ],
    ) && (holiday(t, next).is_some()
        || calendar(t, next, true).is_some()
        || t.lookup(next, WEEKDAYS).is_some())
    {
        return Some((Atom::Offset(Unit::Day.times(1.0), Unit::Day, sign), next));
    }
    let (length, unit, next) = duration::length(Lang::En, t, at).or_else(|| {
        let (n, next) = cardinal(t, at)?;
        let (_, next) = t.lookup(next, WEEKDAYS)?;
        Some((Unit::Week.times(f64::from(n)), Unit::Week, next))
    })?;
    const TAILS: &[(&str, i64)] = &[
        ("from now", 1),
        ("from today", 1),
        ("from tomorrow", 1),
        ("later", 1),
        ("hence", 1),
        ("ago", -1),
        ("from", 1),
        ("earlier", -1),
        ("before", -1),
        ("after", 1),
        ("before today", -1),
        ("after today", 1),
        ("back", -1),
        ("before now", -1),
        ("prior to", -1),
    ];
    let (sign, after) = t.lookup(next, TAILS)?;
    // "30 minutes later this week"
    if t.is(next, &["later", "earlier"]) && t.lookup(after, WHICH).is_some() {
        return None;
    }
    // "three fridays from now" counts the weekday itself.
    if let Some((n, w)) = cardinal(t, at).and_then(|(n, at)| Some((i64::from(n), t.lookup(at, WEEKDAYS)?.0)))
    {
        return Some((Atom::Nth(if sign > 0 { 1000 + n } else { -1000 - n }, Target::Weekday(w)), after));
    }
    let after = if t.word(after - 1) == "tomorrow" { after - 1 } else { after };
    Some((Atom::Offset(length, unit, sign), after))
}

/// "the first monday", "third last week", "last day", before "of", "in" or a month.
fn nth(t: &Tokens, at: usize) -> Option<(Atom, usize)> {
    let from = t.lit(at, "the").unwrap_or(at);
    if let Some((n, next)) =
        t.lit(from, "week").and_then(|w| cardinal(t, w)).filter(|(n, _)| (1..=53).contains(n))
    {
        return Some((Atom::Nth(i64::from(n), Target::Unit(Unit::Week)), next));
    }
    let (n, next) = if let Some(next) = t.lit(from, "last") {
        (-1, next)
    } else {
        let (n, next) = ordinal(t, from)?;
        match t.lit(next, "last") {
            Some(next) => (-i64::from(n), next),
            None => (i64::from(n), next),
        }
    };
    // "the first two weeks of"
    if n.abs() == 1
        && let Some((count, after)) = cardinal(t, next)
        && let Some((unit, after)) = duration::unit(Lang::En, t, after)
        && t.is(after, &["of", "in"])
    {
        return Some((Atom::First(n * i64::from(count), Target::Unit(unit)), after));
    }
    let (target, next) = match t.lookup(next, WEEKDAYS) {
        Some((d, next)) => (Target::Weekday(d), next),
        None => {
            let (unit, next) = duration::unit(Lang::En, t, next)?;
            (Target::Unit(unit), next)
        }
    };
    let of = t.one_of(next, &["of", "in", "of the", "in the"]);
    let container = of.is_some() || t.lookup(next, MONTHS).is_some() || t.lookup(next, WHICH).is_some();
    (container || n > 0 && matches!(target, Target::Weekday(_))).then_some((Atom::Nth(n, target), next))
}

fn holiday(t: &Tokens, at: usize) -> Option<(Atom, usize)> {
    let from = t.lit(at, "the").unwrap_or(at);
    let all =
        HOLIDAYS.iter().flat_map(|h| h.names.iter().filter_map(move |name| Some((h, t.lit(from, name)?))));
    let (h, next) = all.max_by_key(|(_, next)| *next)?;
    Some((Atom::Holiday(h, 0), next))
}

/// "first quarter", "q3", "3rd qtr", "2018 q4", "18q4", "eom".
fn quarter(t: &Tokens, at: usize) -> Option<(Atom, usize)> {
    let from = t.lit(at, "the").unwrap_or(at);
    if let Some((n, next)) = ordinal(t, from).filter(|(n, _)| (1..=4).contains(n))
        && let Some((Unit::Quarter, next)) = duration::unit(Lang::En, t, next)
    {
        return Some((Atom::Nth(i64::from(n), Target::Unit(Unit::Quarter)), next));
    }
    if let Some((n, next)) =
        t.lookup(from, &[("first half of", 1), ("second half of", 2), ("first half", 1), ("second half", 2)])
        && (t.word(next - 1) == "of" || year(t, next).is_some())
        && (year(t, next).is_some()
            || relative(t, next).is_some_and(|(a, _)| matches!(a, Atom::Period(Unit::Year, _))))
    {
        return Some((Atom::Nth(n, Target::Half), next));
    }
    if t.is(from, &["q", "h"]) && t.glued(from + 1) {
        let (target, most) =
            if t.word(from) == "q" { (Target::Unit(Unit::Quarter), 4) } else { (Target::Half, 2) };
        let n = t.digits(from + 1)?.parse::<i64>().ok().filter(|n| (1..=most).contains(n))?;
        return Some((Atom::Nth(n, target), from + 2));
    }
    None
}
