//! Atoms of time and the form that they fill.

use super::super::duration::Unit;
use super::super::value::Length;
use super::holiday::Holiday;

/// Parts of a day; the order is that of [`super::Customs::hours`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Morning,
    Noon,
    Lunch,
    Afternoon,
    Evening,
    Night,
    Working,
    Small,
}

impl Part {
    /// Whether a clock time in it is one of the second half of the day.
    pub(super) fn afternoon(self) -> bool {
        !matches!(self, Part::Morning | Part::Small | Part::Working)
    }
}

/// Which end of a stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    Begin,
    Mid,
    End,
    /// What is left of it from now on.
    Rest,
    /// Of its first half what is over, of its second what is left.
    SoFar,
    Later,
}

/// What is counted in "the third … of".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Weekday(i8),
    Unit(Unit),
    /// Half a year.
    Half,
}

/// A time of day as it was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock {
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
    /// Told in 24 hours, or it does not matter: no afternoon can be added.
    pub(super) fixed: bool,
    /// Minutes were told.
    pub(super) fine: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Atom {
    Now,
    /// Days from today.
    Day(i64),
    /// From Monday = 0; with the week from this one, if told.
    Weekday(i8, Option<i64>),
    /// A day of a month.
    Dom(i8),
    /// A month, and the year from this one, if told ("next march").
    Month(i8, Option<i64>),
    MonthDay(i8, i8),
    Year(i16),
    Date(i16, i8, i8),
    YearMonth(i16, i8),
    /// This, next or last unit.
    Period(Unit, i64),
    /// The next (1) or last (-1) so many units.
    Count(Unit, f64, i64),
    /// The nth (from the end if negative).
    Nth(i64, Target),
    /// The first so many, or the last (negative).
    First(i64, Target),
    /// So long after (1) or before (-1).
    Offset(Length, Unit, i64),
    /// A season from spring = 0, and which from this year's.
    Season(i8, i64),
    /// The coming one, or the last (-1).
    Holiday(&'static Holiday, i64),
    Clock(Clock),
    /// In the second half of the day.
    Half(bool),
    Part(Part),
    /// A part of a day so many days from today.
    DayPart(i64, Part),
    /// An edge, and whether "of" stood behind it.
    Edge(Edge, bool),
    /// The end of this unit.
    EdgeOf(Edge, Unit),
}

/// The form.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields {
    pub(super) now: bool,
    pub(super) day: Option<i64>,
    pub(super) weekday: Option<(i8, Option<i64>)>,
    pub(super) dom: Option<i8>,
    pub(super) month: Option<(i8, Option<i64>)>,
    pub(super) year: Option<i16>,
    pub(super) period: Option<(Unit, i64)>,
    pub(super) count: Option<(Unit, f64, i64)>,
    pub(super) nth: Option<(i64, Target)>,
    /// As many as `nth` counts, not only the last of them.
    pub(super) all: bool,
    pub(super) offset: Option<(Length, Unit, i64)>,
    /// The offset stood behind the date: "march in a year", not "a year after march".
    pub(super) then: bool,
    /// The weekday in the week in which the offset ends: "in three days on friday".
    pub(super) on: Option<i8>,
    pub(super) season: Option<(i8, i64)>,
    pub(super) holiday: Option<(&'static Holiday, i64)>,
    pub(super) clock: Option<Clock>,
    pub(super) half: Option<bool>,
    pub(super) part: Option<Part>,
    pub(super) edge: Option<Edge>,
    /// Told as the end "of" something: a year has three such parts, not two.
    pub(super) edge_of: bool,
    pub(super) bare: Option<i64>,
}

/// Fills an empty place, or says that it is taken.
fn put<T>(place: &mut Option<T>, value: T) -> bool {
    let free = place.is_none();
    if free {
        *place = Some(value);
    }
    free
}

impl Fields {
    /// Takes `atom` in; false if it does not fit with what is there.
    pub(super) fn add(&mut self, atom: Atom) -> bool {
        let lone = self.now || self.count.is_some();
        match atom {
            Atom::Now => !std::mem::replace(&mut self.now, true) && !self.dated(),
            Atom::Day(n) => self.free_day() && !lone && put(&mut self.day, n),
            Atom::Weekday(d, rel) => {
                if let Some((had, _)) = self.weekday {
                    return had == d && rel.is_none();
                }
                !lone && self.nth.is_none() && put(&mut self.weekday, (d, rel))
            }
            Atom::Dom(d) => {
                self.free_day()
                    && !lone
                    && self.offset.is_none()
                    && self.holiday.is_none()
                    && put(&mut self.dom, d)
            }
            Atom::Month(m, rel) => {
                self.day.is_none() && !lone && self.holiday.is_none() && put(&mut self.month, (m, rel))
            }
            Atom::MonthDay(m, d) => {
                self.free_day() && !lone && self.month.is_none() && self.holiday.is_none() && {
                    self.month = Some((m, None));
                    put(&mut self.dom, d)
                }
            }
            Atom::Year(y) => !lone && self.day.is_none() && self.offset.is_none() && put(&mut self.year, y),
            Atom::Date(y, m, d) => self.add(Atom::MonthDay(m, d)) && self.add(Atom::Year(y)),
            Atom::YearMonth(y, m) => self.add(Atom::Month(m, None)) && self.add(Atom::Year(y)),
            Atom::Period(Unit::Day, n) => self.add(Atom::Day(n)),
            Atom::Period(unit, n) => {
                self.takes(unit)
                    && !lone
                    && self.day.is_none()
                    && self.offset.is_none()
                    && put(&mut self.period, (unit, n))
            }
            Atom::Count(unit, n, dir) => !self.dated() && put(&mut self.count, (unit, n, dir)),
            Atom::Nth(n, target) => {
                !lone
                    && self.free_day()
                    && self.offset.is_none()
                    && self.weekday.is_none()
                    && put(&mut self.nth, (n, target))
            }
            Atom::First(n, target) => {
                self.all = true;
                self.add(Atom::Nth(n, target))
            }
            Atom::Offset(length, unit, sign) => {
                self.then = self.dated();
                self.count.is_none() && put(&mut self.offset, (length, unit, sign))
            }
            Atom::Season(n, which) => {
                (self.year.is_some() || !self.dated()) && put(&mut self.season, (n, which))
            }
            Atom::Holiday(h, which) => {
                self.free_day() && self.month.is_none() && !lone && put(&mut self.holiday, (h, which))
            }
            Atom::Clock(c) => self.count.is_none() && put(&mut self.clock, c),
            // "tuesday am"
            Atom::Half(pm) if self.clock.is_none() && self.bare.is_none() && self.dated() => {
                put(&mut self.part, if pm { Part::Afternoon } else { Part::Morning })
            }
            Atom::Half(pm) => (self.clock.is_some() || self.bare.is_some()) && put(&mut self.half, pm),
            Atom::Part(p) => {
                if self.part == Some(p) {
                    return true;
                }
                self.count.is_none() && put(&mut self.part, p)
            }
            Atom::DayPart(d, p) => {
                let part = self.add(Atom::Part(p));
                part && (self.dated() || put(&mut self.day, d))
            }
            Atom::EdgeOf(edge, unit) => {
                (self.stretch() || self.add(Atom::Period(unit, 0))) && put(&mut self.edge, edge)
            }
            Atom::Edge(e, of) => {
                self.edge_of |= of;
                put(&mut self.edge, e)
            }
        }
    }

    /// Whether a unit of this kind still has a place beside what is told.
    fn takes(&self, unit: Unit) -> bool {
        match unit {
            Unit::Week => self.month.is_none() && self.year.is_none(),
            Unit::Weekend => !self.dated() || self.holiday.is_some(),
            Unit::Month => self.month.is_none() && self.weekday.is_none(),
            Unit::Year => self.year.is_none(),
            _ => !self.dated() || self.nth.is_some(),
        }
    }

    fn free_day(&self) -> bool {
        self.day.is_none() && self.dom.is_none()
    }

    /// Something tells a date.
    pub(super) fn dated(&self) -> bool {
        self.day.is_some()
            || self.weekday.is_some()
            || self.dom.is_some()
            || self.month.is_some()
            || self.year.is_some()
            || self.period.is_some()
            || self.nth.is_some()
            || self.offset.is_some()
            || self.holiday.is_some()
            || self.season.is_some()
            || self.count.is_some()
    }

    /// What it tells is longer than a day: a week, a month, a year.
    pub(super) fn stretch(&self) -> bool {
        let weeks = self.nth.is_some_and(|(_, t)| matches!(t, Target::Unit(u) if u > Unit::Day));
        let day = self.free_day()
            && self.weekday.is_none()
            && self.holiday.is_none()
            && (self.nth.is_none() || weeks);
        day && self.offset.is_none()
            && (weeks
                || self.season.is_some()
                || self.period.is_some()
                || self.month.is_some()
                || self.year.is_some())
    }

    /// Something tells a time of day.
    pub(super) fn timed(&self) -> bool {
        self.clock.is_some() || self.part.is_some()
    }

    /// There is something in it to resolve.
    pub(super) fn told(&self) -> bool {
        self.now || self.dated() || self.timed()
    }
}
