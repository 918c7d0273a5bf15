//! Days, weeks, months and years: stretches of the calendar counted from a day.

use super::super::duration::Unit;
use super::super::value::Length;
use super::Customs;
use super::atom::{Fields, Target};
use super::resolve::which_year;
use jiff::Span;
use jiff::civil::{Date, DateTime, Time, Weekday};

/// Days from a first to one before `end`; a point is a single day that was told as such.
#[derive(Debug, Clone, Copy)]
pub(super) struct Days {
    pub(super) start: Date,
    pub(super) end: Date,
    pub(super) point: bool,
}

impl Days {
    pub(super) fn day(date: Date) -> Option<Days> {
        Some(Days { start: date, end: days(date, 1)?, point: true })
    }

    pub(super) fn stretch(start: Date, end: Date) -> Days {
        Days { start, end, point: false }
    }
}

pub(super) fn days(date: Date, n: i64) -> Option<Date> {
    date.checked_add(Span::new().try_days(n).ok()?).ok()
}

/// Its weekday, from Monday as 0.
pub(super) fn weekday(date: Date) -> i64 {
    i64::from(date.weekday().to_monday_zero_offset())
}

/// The Monday of its week.
pub(super) fn monday(date: Date) -> Option<Date> {
    days(date, -weekday(date))
}

pub(super) fn months(date: Date, n: i64) -> Option<Date> {
    date.checked_add(Span::new().try_months(n).ok()?).ok()
}

/// `at` and `length` after it, or before it.
pub(super) fn shift(at: DateTime, length: &Length, sign: i64) -> Option<DateTime> {
    // Half a month has no whole days: of 30.
    let part = length.months.fract() * 30.0;
    let span = Span::new()
        .try_months(sign * length.months.trunc() as i64)
        .and_then(|s| s.try_days(sign * (length.days + part) as i64))
        .and_then(|s| s.try_seconds(sign * length.seconds.round() as i64));
    at.checked_add(span.ok()?).ok()
}

pub(super) fn midnight(date: Date) -> DateTime {
    date.to_datetime(Time::midnight())
}

/// The nth of its kind in what the rest of the form tells.
pub(super) fn nth(f: &Fields, n: i64, target: Target, today: Date) -> Option<Days> {
    let of_week = |w: i8| Weekday::from_monday_zero_offset(w).ok();
    if n.abs() > 1000 {
        let Target::Weekday(w) = target else { return None };
        let n = if n > 0 { n - 1000 } else { n + 1000 };
        return Days::day(today.nth_weekday(n as i32, of_week(w)?).ok()?);
    }
    let (start, end) = match (f.month, f.period, f.year) {
        (Some((month, which)), period, year) => {
            let year = year.or(match (period, which) {
                (Some((Unit::Year, n)), _) => Some(today.year() + n as i16),
                (_, Some(n)) => Some(which_year(month, n, today)),
                _ => None,
            });
            let start =
                Date::new(year.unwrap_or(today.year() + i16::from(month < today.month())), month, 1).ok()?;
            (start, months(start, 1)?)
        }
        (None, Some((unit, n)), _) => {
            let p = period(unit, n, today)?;
            (p.start, p.end)
        }
        (None, None, Some(year)) => (Date::new(year, 1, 1).ok()?, Date::new(year + 1, 1, 1).ok()?),
        (None, None, None) => match target {
            // "Q2" is the one that comes.
            Target::Unit(Unit::Quarter) => {
                let over = n > 0 && i64::from(today.month()) > n * 3;
                let year = today.year() + i16::from(over);
                (Date::new(year, 1, 1).ok()?, Date::new(year + 1, 1, 1).ok()?)
            }
            Target::Weekday(_) => (today.first_of_month(), months(today.first_of_month(), 1)?),
            _ => (Date::new(today.year(), 1, 1).ok()?, Date::new(today.year() + 1, 1, 1).ok()?),
        },
    };
    let from_end = n < 0;
    if f.all {
        let one = Fields { all: false, ..f.clone() };
        let (a, b) = (nth(&one, n.signum(), target, today)?, nth(&one, n, target, today)?);
        return Some(Days::stretch(a.start.min(b.start), a.end.max(b.end)));
    }
    match target {
        Target::Weekday(w) => {
            let edge = if from_end { end } else { days(start, -1)? };
            Days::day(edge.nth_weekday(n as i32, of_week(w)?).ok()?)
        }
        Target::Unit(Unit::Day) => Days::day(if from_end { days(end, n)? } else { days(start, n - 1)? }),
        Target::Unit(Unit::Week) => {
            // The first week is the one with the fourth day in it (ISO 8601).
            let anchor = if from_end { days(end, -4)? } else { days(start, 3)? };
            let monday = days(monday(anchor)?, 7 * if from_end { n + 1 } else { n - 1 })?;
            Some(Days::stretch(monday, days(monday, 7)?))
        }
        Target::Unit(Unit::Weekend) => {
            let saturday = if from_end { end } else { days(start, -1)? }
                .nth_weekday(n as i32, Weekday::Saturday)
                .ok()?;
            Some(Days::stretch(saturday, days(saturday, 2)?))
        }
        Target::Half => {
            let start = months(start, (n - 1) * 6)?;
            Some(Days::stretch(start, months(start, 6)?))
        }
        Target::Unit(unit) => {
            let size = match unit {
                Unit::Month => 1,
                Unit::Quarter => 3,
                Unit::Year => 12,
                _ => return None,
            };
            let start = if from_end { months(end, n * size)? } else { months(start, (n - 1) * size)? };
            Some(Days::stretch(start, months(start, size)?))
        }
    }
}

/// This, the next, the last of a unit.
pub(super) fn period(unit: Unit, n: i64, today: Date) -> Option<Days> {
    let monday = monday(today)?;
    let january = Date::new(today.year(), 1, 1).ok()?;
    Some(match unit {
        Unit::Week => Days::stretch(days(monday, n * 7)?, days(monday, n * 7 + 7)?),
        Unit::Workday => Days::stretch(days(monday, n * 7)?, days(monday, n * 7 + 5)?),
        Unit::Weekend => Days::stretch(days(monday, n * 7 + 5)?, days(monday, n * 7 + 7)?),
        Unit::Month => {
            let start = months(today.first_of_month(), n)?;
            Days::stretch(start, months(start, 1)?)
        }
        Unit::Quarter => {
            let start = months(january, i64::from((today.month() - 1) / 3) * 3 + n * 3)?;
            Days::stretch(start, months(start, 3)?)
        }
        Unit::Year => Days::stretch(months(january, n * 12)?, months(january, n * 12 + 12)?),
        Unit::Decade => {
            let start = Date::new(today.year() - today.year() % 10 + n as i16 * 10, 1, 1).ok()?;
            Days::stretch(start, months(start, 120)?)
        }
        _ => return None,
    })
}

/// "the next three days", "the last two weeks".
pub(super) fn count(unit: Unit, n: f64, dir: i64, today: Date, customs: &Customs) -> Option<Days> {
    let whole = !customs.rolling || unit == Unit::Quarter;
    if whole && n.fract() == 0.0 && unit != Unit::Workday {
        let this = if unit == Unit::Day { Days::day(today)? } else { period(unit, 0, today)? };
        let (start, end) = if dir > 0 {
            (this.end, shift(midnight(this.end), &unit.times(n), 1)?.date())
        } else {
            (shift(midnight(this.start), &unit.times(n), -1)?.date(), this.start)
        };
        return Some(Days::stretch(start, end));
    }
    let start = if dir > 0 { days(today, 1)? } else { today };
    let other = match unit {
        // A stretch ends with the day after its last one.
        Unit::Workday => days(workday(today, n as i64 * dir)?, i64::from(dir > 0))?,
        _ => shift(midnight(start), &unit.times(n), dir)?.date(),
    };
    Some(Days::stretch(start.min(other), start.max(other)))
}

/// The day that is so many working days away: Monday to Friday.
pub(super) fn workday(from: Date, n: i64) -> Option<Date> {
    let mut date = from;
    let mut left = n.abs().min(1000);
    while left > 0 {
        date = days(date, n.signum())?;
        left -= i64::from(weekday(date) < 5);
    }
    Some(date)
}

/// Spring (0), summer, autumn and winter of the northern half, from the usual days of equinox and solstice; the winter
/// of a year begins in it.
pub(super) fn season(of_year: i8, year: i16) -> Option<Days> {
    const BEGINS: [(i8, i8); 4] = [(3, 20), (6, 21), (9, 23), (12, 21)];
    let begin = |index: i8| {
        let (month, day) = *BEGINS.get(usize::try_from(index % 4).ok()?)?;
        Date::new(year + i16::from(index / 4), month, day).ok()
    };
    Some(Days::stretch(begin(of_year)?, begin(of_year + 1)?))
}
