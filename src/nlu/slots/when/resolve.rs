//! The form and the reference time to a point or a stretch of time.

use super::super::duration::Unit;
use super::atom::{Clock, Edge, Fields, Part, Target};
use super::calendar::{
    Days, count, days, midnight, monday, months, nth, period, season, shift, weekday, workday,
};
use super::{Customs, Shape, When};
use jiff::Span;
use jiff::civil::{Date, DateTime, Time};

/// What the form tells.
pub(super) fn resolve(f: &Fields, now: DateTime, customs: &Customs) -> Option<When> {
    if f.now && !f.dated() && !f.timed() {
        return Some(When {
            shape: Shape::DateTime,
            from: Some(now),
            to: None,
            range: false,
            half_open: false,
        });
    }
    if let Some(found) = sub_day(f, now, customs) {
        return Some(found);
    }
    let dated = if f.dated() { Some(edged(f, date(f, now.date(), customs)?, now, customs)?) } else { None };
    let time = time(f, customs)?;
    Some(match (dated, time) {
        (None, Some(time)) => time.on(now.date(), Shape::Time)?,
        (Some(d), Some(time)) if d.point => time.on(d.start, Shape::DateTime)?,
        // A time within a week or a month: the stretch says no more about it.
        (Some(_), Some(_)) => return None,
        (Some(d), None) => {
            if d.point && f.edge == Some(Edge::Rest) {
                let (from, to) = (Some(now.max(midnight(d.start))), Some(midnight(d.end)));
                return Some(When { shape: Shape::DateTime, from, to, range: true, half_open: false });
            }
            if d.point && f.edge == Some(Edge::End) {
                let from = Some(d.start.to_datetime(Time::constant(23, 59, 59, 0)));
                return Some(When { shape: Shape::DateTime, from, to: None, range: false, half_open: false });
            }
            let of_weekend = f.period.is_some_and(|p| p.0 == Unit::Weekend)
                || f.nth.is_some_and(|n| n.1 == Target::Unit(Unit::Weekend));
            let weekend = customs.weekend_from_friday && of_weekend;
            let from = if weekend {
                days(d.start, -1)?.to_datetime(Time::constant(18, 0, 0, 0))
            } else {
                midnight(d.start)
            };
            let shape = if weekend { Shape::DateTime } else { Shape::Date };
            let to = (!d.point).then(|| midnight(d.end));
            When { shape, from: Some(from), to, range: !d.point, half_open: false }
        }
        (None, None) => return None,
    })
}

/// Stretches and offsets of hours and less, which go by the clock.
fn sub_day(f: &Fields, now: DateTime, customs: &Customs) -> Option<When> {
    let point = |at: DateTime| {
        Some(When { shape: Shape::DateTime, from: Some(at), to: None, range: false, half_open: false })
    };
    let stretch = |from: DateTime, to: DateTime| {
        Some(When { shape: Shape::DateTime, from: Some(from), to: Some(to), range: true, half_open: false })
    };
    let whole = |unit: Unit| {
        let minute = if unit == Unit::Hour { 0 } else { now.minute() };
        let second = if unit == Unit::Second { now.second() } else { 0 };
        now.with().minute(minute).second(second).subsec_nanosecond(0).build().ok()
    };
    if let Some((length, _, sign)) = f.offset.filter(|(l, ..)| l.seconds != 0.0) {
        let base = match f.clock {
            Some(_) => time(f, customs)??.on(now.date(), Shape::Time)?.from?,
            None if f.day.is_some() || f.weekday.is_some() || f.dom.is_some() => {
                let mut rest = f.clone();
                rest.offset = None;
                midnight(date(&rest, now.date(), customs)?.start)
            }
            None => now,
        };
        return point(shift(base, &length, sign)?);
    }
    if let Some((unit, n, dir)) = f.count.filter(|(u, ..)| *u <= Unit::Hour) {
        let base = if customs.rolling { now } else { whole(unit)? };
        let from = if !customs.rolling && dir > 0 { shift(base, &unit.times(1.0), 1)? } else { base };
        let other = shift(from, &unit.times(n), dir)?;
        return stretch(from.min(other), from.max(other));
    }
    if let Some((unit, n)) = f.period.filter(|(u, _)| *u <= Unit::Hour) {
        let from = if customs.rolling && n != 0 { now } else { whole(unit)? };
        let from = if n > 0 && customs.rolling { from } else { shift(from, &unit.times(1.0), n)? };
        return stretch(from, shift(from, &unit.times(1.0), 1)?);
    }
    None
}

/// Which days the form tells, without the time of day.
fn date(f: &Fields, today: Date, customs: &Customs) -> Option<Days> {
    if let Some(weekday) = f.on {
        let day = date(&Fields { on: None, ..f.clone() }, today, customs)?.start;
        return Days::day(days(monday(day)?, i64::from(weekday))?);
    }
    if let Some((length, unit, sign)) = f.offset {
        let mut rest = f.clone();
        (rest.offset, rest.clock, rest.part) = (None, None, None);
        let moved = |from: Date| Some(shift(midnight(from), &length, sign)?.date());
        // "monday two weeks from now": the one in that week; "thanksgiving in 3 years", "march in a year": the one then.
        if let (Some((weekday, None)), None, None, true) = (rest.weekday, rest.month, rest.dom, f.then) {
            let day = moved(today)?;
            return Days::day(days(monday(day)?, i64::from(weekday))?);
        }
        if f.then && rest.holiday.is_some() || f.then && rest.month.is_some() && rest.dom.is_none() {
            return date(&rest, moved(today)?, customs);
        }
        let base = if rest.dated() { date(&rest, today, customs)?.start } else { today };
        if unit == Unit::Workday {
            return Days::day(workday(base, length.days as i64 * sign)?);
        }
        return Days::day(moved(base)?);
    }
    if let Some((of_year, which)) = f.season {
        let shift = which as i16;
        return match f.year {
            Some(year) => season(of_year, year),
            // The first that is not over, or so many away from it.
            None => (-1..2)
                .filter_map(|n| season(of_year, today.year() + n))
                .find(|d| d.end > today)
                .and_then(|d| season(of_year, d.start.year() + shift)),
        };
    }
    if let Some((n, target)) = f.nth {
        return nth(f, n, target, today);
    }
    if let Some((holiday, which)) = f.holiday {
        let near = |year: i16| holiday.day(year).filter(|d| *d >= today);
        let day = match (f.year, f.period) {
            (Some(year), _) => holiday.day(year)?,
            (None, Some((Unit::Year, n))) => holiday.day(today.year() + n as i16)?,
            _ if which < 0 => {
                let past = |year: i16| holiday.day(year).filter(|d| *d < today);
                past(today.year()).or_else(|| past(today.year() - 1))?
            }
            _ => near(today.year()).or_else(|| near(today.year() + 1))?,
        };
        return match f.period {
            Some((Unit::Weekend, _)) => weekend_of(day),
            _ => Days::day(day),
        };
    }
    if let Some((unit, n, dir)) = f.count {
        return count(unit, n, dir, today, customs);
    }
    if let Some(n) = f.day {
        return Days::day(days(today, n)?);
    }
    let year = f.year.or_else(|| match (f.period, f.month) {
        (Some((Unit::Year, n)), _) => Some(today.year() + n as i16),
        (_, Some((m, Some(n)))) => Some(which_year(m, n, today)),
        _ => None,
    });
    match (f.month, f.dom, f.weekday) {
        (Some((month, _)), Some(dom), weekday) => month_day(year, month, dom, weekday.map(|w| w.0), today),
        (Some((month, _)), None, _) => {
            let year = year.unwrap_or(today.year() + i16::from(month < today.month()));
            let start = Date::new(year, month, 1).ok()?;
            Some(Days::stretch(start, months(start, 1)?))
        }
        (None, Some(dom), weekday) => day_of_month(f, dom, weekday.map(|w| w.0), today),
        (None, None, Some((weekday, rel))) => weekday_of(f, weekday, rel, today, customs),
        (None, None, None) => match f.period {
            Some((Unit::Year, _)) | None => {
                let start = Date::new(year?, 1, 1).ok()?;
                Some(Days::stretch(start, months(start, 12)?))
            }
            Some((unit, n)) => period(unit, n, today),
        },
    }
}

/// The weekend beside a holiday, and the holiday with the days between.
fn weekend_of(holiday: Date) -> Option<Days> {
    let from_monday = weekday(holiday);
    let saturday = days(holiday, if from_monday == 0 { -2 } else { 5 - from_monday })?;
    let monday = days(saturday, 2)?;
    let long = |day: Date| if from_monday > 2 || from_monday == 0 { day } else { saturday };
    Some(Days::stretch(saturday.min(long(holiday)), monday.max(days(long(holiday), 1)?)))
}

/// The year of "next march" and "last march".
pub(super) fn which_year(month: i8, which: i64, today: Date) -> i16 {
    let shift = match which {
        n if n > 0 => i16::from(month <= today.month()),
        n if n < 0 => -i16::from(month >= today.month()),
        _ => 0,
    };
    today.year() + shift
}

fn month_day(year: Option<i16>, month: i8, dom: i8, weekday: Option<i8>, today: Date) -> Option<Days> {
    if let Some(year) = year {
        return Days::day(Date::new(year, month, dom).ok()?);
    }
    let in_year = |n: i16| Date::new(today.year() + n, month, dom).ok();
    if let Some(day) = in_year(0).filter(|d| just_was(*d, weekday, today)) {
        return Days::day(day);
    }
    // 29 February may be eight years away.
    (0..9).filter_map(in_year).find(|d| *d >= today).and_then(Days::day)
}

/// "Friday the 22nd" may be over for up to two weeks, if it was a Friday.
fn just_was(day: Date, weekday: Option<i8>, today: Date) -> bool {
    let recent = day < today && (today - day).get_days() <= 14;
    recent && weekday == Some(day.weekday().to_monday_zero_offset())
}

fn day_of_month(f: &Fields, dom: i8, weekday: Option<i8>, today: Date) -> Option<Days> {
    let first = today.first_of_month();
    if let Some((Unit::Month, n)) = f.period {
        let month = months(first, n)?;
        return Days::day(Date::new(month.year(), month.month(), dom).ok()?);
    }
    let fits = |d: &Date| {
        (*d >= today || just_was(*d, weekday, today))
            && weekday.is_none_or(|w| d.weekday().to_monday_zero_offset() == w)
    };
    let candidates = (0..24).filter_map(|n| {
        let month = months(first, n)?;
        Date::new(month.year(), month.month(), dom).ok()
    });
    candidates.into_iter().find(fits).and_then(Days::day)
}

fn weekday_of(f: &Fields, weekday: i8, rel: Option<i64>, today: Date, customs: &Customs) -> Option<Days> {
    let monday = monday(today)?;
    let in_week = |n: i64| days(monday, n * 7 + i64::from(weekday));
    if let Some((Unit::Week, n)) = f.period {
        return Days::day(in_week(n)?);
    }
    let day = match rel {
        Some(0) if customs.this_is_this_week => in_week(0)?,
        Some(n) if n != 0 => in_week(n)?,
        _ => {
            let this = in_week(0)?;
            let today_fits = customs.today_counts || rel.is_some();
            if this > today || this == today && today_fits { this } else { in_week(1)? }
        }
    };
    Days::day(day)
}

/// The beginning, the middle, the end, the rest of a stretch.
fn edged(f: &Fields, d: Days, now: DateTime, customs: &Customs) -> Option<Days> {
    let Some(edge) = f.edge.filter(|_| !d.point) else { return Some(d) };
    let length = (d.end - d.start).get_days();
    let by_month = length > 100;
    let step = |n: i64| if by_month { months(d.start, n) } else { days(d.start, n) };
    let thirds = customs.thirds();
    let third_of_year = if thirds { 3 } else { 4 };
    let thirds = thirds || f.edge_of && by_month && f.year.is_some();
    let (first, second) = match (length, by_month, thirds) {
        (..=7, _, true) => (3, 4),
        (..=7, _, false) => (3, 3),
        (_, false, true) => (10, 20),
        (_, false, false) => (15, 15),
        (_, true, true) => (third_of_year, 8),
        (_, true, false) => (6, 6),
    };
    let (start, end) = match edge {
        Edge::Begin => (d.start, step(first)?),
        Edge::End => (step(second)?, d.end),
        Edge::Mid if by_month => (months(d.start, 4)?, months(d.start, 8)?),
        Edge::Mid if length <= 7 => (step(1)?, step(4)?),
        Edge::Mid => (step(10)?, step(20)?),
        Edge::Rest => {
            (now.date().max(d.start), if customs.rest_ends_early() { days(d.end, -1)? } else { d.end })
        }
        Edge::SoFar => (d.start, now.date().min(step(first)?).max(d.start)),
        Edge::Later => (now.date().max(step(second)?).min(d.end), d.end),
    };
    Some(Days::stretch(start, end))
}

/// A time of day: seconds from midnight, and to where if it is a stretch.
struct OfDay {
    from: i64,
    to: Option<i64>,
    half_open: bool,
}

impl OfDay {
    fn on(&self, date: Date, shape: Shape) -> Option<When> {
        let at = |seconds: i64| midnight(date).checked_add(Span::new().try_seconds(seconds).ok()?).ok();
        let to = match self.to {
            Some(to) => Some(at(to)?),
            None => None,
        };
        Some(When { shape, from: Some(at(self.from)?), to, range: to.is_some(), half_open: self.half_open })
    }
}

/// The time of day in the form; the outer nothing is a clock that cannot be.
#[allow(clippy::option_option)]
fn time(f: &Fields, customs: &Customs) -> Option<Option<OfDay>> {
    let Some(clock) = f.clock else {
        let Some(part) = f.part else { return Some(None) };
        let (from, to) = customs.hours(part);
        let quarter = (to - from).min(8) * 1800;
        let (from, to) = match f.edge.filter(|_| !f.dated() || f.day.is_some() || f.weekday.is_some()) {
            Some(Edge::Begin) => (from * 3600, from * 3600 + quarter),
            Some(Edge::End) => (to * 3600 - quarter, to * 3600),
            Some(Edge::Later) => ((from + to) * 1800, to * 3600),
            Some(Edge::SoFar) => (from * 3600, (from + to) * 1800),
            _ => (from * 3600, to * 3600),
        };
        return Some(Some(OfDay { from, to: Some(to), half_open: false }));
    };
    let Clock { hour, minute, second, fixed, .. } = clock;
    let half = f.half.or(f.part.map(Part::afternoon).filter(|_| f.part != Some(Part::Working)));
    let (hour, open) = match half {
        Some(true) if hour == 12 && matches!(f.part, Some(Part::Night | Part::Evening)) => (24, false),
        Some(true) if matches!(f.part, Some(Part::Noon | Part::Lunch)) && hour >= 10 => (hour, false),
        Some(true) if hour < 12 => (hour + 12, false),
        Some(false) if hour == 12 => (0, false),
        Some(_) => (hour, false),
        None => (hour, !fixed && (1..=12).contains(&hour)),
    };
    if f.half.is_some() && clock.hour > 12 && f.half == Some(false) {
        return None;
    }
    Some(Some(OfDay { from: hour * 3600 + minute * 60 + second, to: None, half_open: open }))
}
