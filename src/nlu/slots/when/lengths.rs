//! Stretches of a told length: within two hours, for three days from monday, 2pm for an hour, the week of the 5th.

use super::super::duration::{self, Unit};
use super::super::value::Length;
use super::atom::Fields;
use super::calendar::{days, midnight, monday, shift};
use super::ends::hour;
use super::range::Reader;
use super::resolve::resolve;
use super::{Bounds, Shape, When};
use crate::base::Lang;
use jiff::Span;
use jiff::civil::{DateTime, Time};

impl Reader<'_> {
    /// "2pm for two hours", "the 14th of feb for 3 days", "monday for 2 hours from 9:30".
    pub(super) fn lasting(&self, start: usize) -> Option<(When, usize)> {
        let lead = self.t.lit(start, "from").filter(|_| self.lang == Lang::En);
        let (f, next) = self.end(lead.unwrap_or(start)).filter(|_| self.lang == Lang::En)?;
        let mut f = Fields { clock: f.clock.or(hour(f.bare)), ..f };
        // The time may stand before the length or behind it.
        let time = |f: &mut Fields, at: usize| {
            let found = self
                .t
                .one_of(at, &["from", "starting at", "at"])
                .filter(|_| !f.timed())
                .and_then(|n| self.fields(n));
            let Some((x, after)) = found.filter(|(x, _)| x.clock.is_some() && !x.dated()) else { return at };
            (f.clock, f.half, f.part) = (x.clock, x.half, x.part);
            after
        };
        let next = time(&mut f, next);
        let (length, unit, next) = duration::length(self.lang, self.t, self.t.lit(next, "for")?)?;
        let end = time(&mut f, next);
        let w = resolve(&f, self.now, self.customs).filter(|w| !w.range)?;
        let shape = if w.shape == Shape::Date && length.seconds != 0.0 { return None } else { w.shape };
        Some((When { to: Some(self.after(w.from?, &length, unit)?), range: true, shape, ..w }, end))
    }

    /// The end of a stretch of `length`: by some customs with its last day or minute.
    fn after(&self, from: DateTime, length: &Length, unit: Unit) -> Option<DateTime> {
        let to = shift(from, length, 1)?;
        let grain = if unit >= Unit::Day { Span::new().days(1) } else { Span::new().minutes(1) };
        if self.customs.bounds == Bounds::All { to.checked_add(grain).ok() } else { Some(to) }
    }

    /// "the week of march 5th", "w/c feb 4".
    pub(super) fn week_of(&self, at: usize) -> Option<(When, usize)> {
        const WEEK_OF: &[&str] = &[
            "the week of",
            "w / c",
            "week of",
            "the week starting on",
            "the week starting",
            "the week commencing",
            "the week beginning",
            "week commencing",
            "week beginning",
            "the week beginning on",
            "week starting",
        ];
        let (f, next) = self.fields(self.t.one_of(at, WEEK_OF)?)?;
        let w = resolve(&f, self.now, self.customs).filter(|w| w.shape == Shape::Date && !w.range)?;
        let monday = monday(w.from?.date())?;
        let (from, to) = (Some(midnight(monday)), days(monday, 7).map(midnight));
        Some((When { from, to, range: true, ..w }, next))
    }

    /// "within two hours", "for three days from monday", 三天内.
    pub(super) fn stretch(&self, start: usize) -> Option<(When, usize)> {
        let t = self.t;
        let days = |d: DateTime, length: &Length| {
            let shape = if length.seconds == 0.0 { Shape::Date } else { Shape::DateTime };
            let from = if shape == Shape::Date { d.with().time(Time::midnight()).build().ok()? } else { d };
            Some(When {
                shape,
                from: Some(from),
                to: Some(shift(from, length, 1)?),
                range: true,
                half_open: false,
            })
        };
        if self.lang == Lang::Zh {
            let (length, _, next) = duration::length(self.lang, t, start)?;
            let next = t.one_of(next, &["内", "之内", "以内"])?;
            return Some((days(self.now, &length)?, next));
        }
        let up = start > 0 && t.word(start - 1) == "up";
        if let Some(next) =
            t.one_of(start, &["till date", "to date", "until now", "till now", "so far"]).filter(|_| !up)
        {
            let to = Some(self.now.with().time(Time::midnight()).build().ok()?);
            return Some((When { shape: Shape::Date, from: None, to, range: true, half_open: false }, next));
        }
        if let Some(next) = t.one_of(
            start,
            &["within the next", "within next", "within the upcoming", "within the coming", "within"],
        ) {
            let (length, _, next) = duration::length(self.lang, t, next)?;
            let next = t
                .one_of(next, &["from now", "from today", "after today", "of today", "of now"])
                .unwrap_or(next);
            return Some((days(self.now, &length)?, next));
        }
        let from = t.lit(start, "for").unwrap_or(start);
        let (length, unit, next) = duration::length(self.lang, t, from)?;
        let least = if from > start { t.one_of(next, &["from", ", from"]) } else { None };
        let next = t
            .one_of(
                next,
                &[
                    "starting from",
                    "starting on",
                    "starting",
                    "beginning on",
                    "beginning",
                    "beginning from",
                    "starting at",
                ],
            )
            .or(least)?;
        let (f, next) = self.end(t.lit(next, "at").unwrap_or(next))?;
        let f = Fields { clock: f.clock.or(hour(f.bare)), ..f };
        let w = resolve(&f, self.now, self.customs)?;
        let begin = w.from?;
        let shape = if w.shape == Shape::Date && length.seconds != 0.0 { Shape::DateTime } else { w.shape };
        let to = Some(self.after(begin, &length, unit)?);
        Some((When { shape, from: Some(begin), to, range: true, half_open: false }, next))
    }
}
