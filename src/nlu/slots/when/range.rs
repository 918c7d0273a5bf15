//! From … to, since, until, before, after, within: one form or two to a [`When`].

use super::super::duration;
use super::super::number;
use super::super::token::Tokens;
use super::atom::{Atom, Clock, Fields};
use super::resolve::{resolve, shift};
use super::{Bounds, Customs, Shape, When, en, zh};
use crate::base::Lang;
use jiff::Span;
use jiff::civil::DateTime;

struct Reader<'a> {
    lang: Lang,
    t: &'a Tokens,
    now: DateTime,
    customs: &'a Customs,
}

/// What stands at `at`.
pub(in super::super) fn when(
    lang: Lang,
    t: &Tokens,
    at: usize,
    now: DateTime,
    customs: &Customs,
) -> Option<(When, usize)> {
    let r = Reader { lang, t, now, customs };
    r.range(at).or_else(|| r.bounded(at)).or_else(|| r.stretch(at)).or_else(|| r.point(at))
}

const LINKS_EN: &[&str] =
    &["to", "till", "until", "untill", "til", "through", "thru", "-", "~", "up to", "all the way to", "to the", "and ending", "ending"];
const LINKS_ZH: &[&str] = &["到", "至", "-", "~", "直到", "--", "一直到", "到了"];

impl Reader<'_> {
    /// One form: atoms side by side.
    fn fields(&self, start: usize) -> Option<(Fields, usize)> {
        let t = self.t;
        let mut f = Fields::default();
        let (mut next, mut from) = (start, start);
        loop {
            let named = from > 0 && t.is(from - 1, &["at", "@", "around", "about"]) || f.part.is_some() && f.clock.is_none();
            let atom = match self.lang {
                Lang::En => en::atom(t, from, named, self.customs.month_first),
                Lang::Zh => zh::atom(t, from),
            };
            let mut grown = f.clone();
            match atom {
                Some((atom, end)) if grown.add(atom) => {
                    (f, next) = (grown, end);
                    from = end;
                }
                _ if from == next => {
                    let glue = if self.lang == Lang::En { en::GLUE } else { zh::GLUE };
                    match t.one_of(from, glue).filter(|_| next > start) {
                        Some(after) => from = after,
                        None => break,
                    }
                }
                _ => break,
            }
        }
        if next == start && let Some(found) = self.leading_hour(start) {
            return Some(found);
        }
        (next > start && f.told()).then_some((f, next))
    }

    /// "9 tomorrow morning", "8 tonight": an hour before the day.
    fn leading_hour(&self, start: usize) -> Option<(Fields, usize)> {
        if self.lang != Lang::En {
            return None;
        }
        let (hour, next) = number::cardinal(self.lang, self.t, start).filter(|(h, _)| (1..=12).contains(h))?;
        if self.t.glued(next) {
            return None;
        }
        let from = self.t.one_of(next, &["in the", "this", "on"]).filter(|_| self.t.word(next) != "this").unwrap_or(next);
        let (mut f, end) = self.fields(from)?;
        let clock = Clock { hour: i64::from(hour), minute: 0, second: 0, fixed: false, fine: false };
        let ok = f.part.is_some() && f.clock.is_none() && f.add(Atom::Clock(clock));
        ok.then_some((f, end))
    }

    fn point(&self, at: usize) -> Option<(When, usize)> {
        // "at 5", "in the morning"
        const WEEK_OF: &[&str] = &[
            "the week of", "week of", "the week starting on", "the week starting", "the week commencing", "the week beginning",
            "week commencing", "week beginning", "the week beginning on", "week starting",
        ];
        if let Some(from) = self.t.one_of(at, WEEK_OF)
            && let Some((f, next)) = self.fields(self.t.lit(from, "the").filter(|n| self.t.digits(*n).is_none()).map_or(from, |_| from))
            && let Some(day) = resolve(&f, self.now, self.customs).filter(|w| w.shape == Shape::Date && !w.range)
        {
            let day = day.from?;
            let monday = day.checked_sub(Span::new().days(i64::from(day.weekday().to_monday_zero_offset()))).ok()?;
            let to = monday.checked_add(Span::new().days(7)).ok();
            return Some((When { shape: Shape::Date, from: Some(monday), to, range: true, half_open: false }, next));
        }
        let led = || self.fields(self.t.one_of(at, &["at", "@", "in", "on"]).filter(|_| self.lang == Lang::En)?);
        let (f, next) = self.fields(at).or_else(led)?;
        Some((resolve(&f, self.now, self.customs)?, next))
    }

    /// One end of a range: a form, or a number that the other end explains.
    fn end(&self, at: usize) -> Option<(Fields, usize)> {
        let from = self.t.one_of(at, &["the", "at", "on"]).unwrap_or(at);
        let bare = || {
            let (n, next) = match self.lang {
                Lang::En => super::super::number_en::cardinal(self.t, from).or_else(|| super::super::number_en::ordinal(self.t, from))?,
                Lang::Zh => number::cardinal(self.lang, self.t, from)?,
            };
            let f = Fields { bare: Some(i64::from(n)), ..Fields::default() };
            (n < 10_000).then_some((f, next))
        };
        self.fields(at).or_else(|| self.fields(from)).or_else(bare)
    }

    /// Two ends with a link between, perhaps after the day that holds for both: "tuesday from 7 to 8".
    fn range(&self, start: usize) -> Option<(When, usize)> {
        let day = self.fields(start).filter(|(f, _)| f.dated() && !f.now && f.clock.is_none());
        let dated = day.and_then(|(f, next)| {
            let next = self.t.one_of(next, &[",", "the"]).unwrap_or(next);
            let (a, b, end) = self.ends(next)?;
            (!a.dated() && !b.dated() && a.clock.is_some()).then_some((f, a, b, end))
        });
        if let Some((f, mut a, mut b, end)) = dated {
            for end in [&mut a, &mut b] {
                copy_date(end, &f);
                end.part = end.part.or(f.part);
            }
            share(&mut a, &mut b);
            return Some((self.span(&a, &b)?, end));
        }
        let (a, b, next) = self.ends(start)?;
        Some((self.span(&a, &b)?, next))
    }

    /// The two ends and what is after them.
    fn ends(&self, start: usize) -> Option<(Fields, Fields, usize)> {
        let t = self.t;
        let (lead, links): (Option<usize>, &[&str]) = match self.lang {
            Lang::En => match t.lit(start, "between") {
                Some(next) => (Some(next), &["and", "-", "to"]),
                None => (t.one_of(start, &["from", "starting from", "beginning from", "starting"]), LINKS_EN),
            },
            Lang::Zh => (t.one_of(start, &["从", "自", "由", "在"]), LINKS_ZH),
        };
        let (mut a, next) = self.end(lead.unwrap_or(start))?;
        let after = match t.one_of(next, links) {
            Some(after) => after,
            None if self.lang == Lang::Zh => t.one_of(next, &["和", "与", "跟"])?,
            None => return None,
        };
        let paired = self.lang == Lang::Zh && t.is(after - 1, &["和", "与", "跟"]);
        let after = if self.lang == Lang::En { after } else { t.one_of(after, &["在"]).unwrap_or(after) };
        let (mut b, mut next) = self.end(after)?;
        // "from 10:30 to 3 on friday"
        if b.bare.is_some()
            && !b.told()
            && let Some((mut f, end)) = t.one_of(next, &["on", "of", "in", ","]).and_then(|n| self.fields(n))
            && f.dated()
            && f.clock.is_none()
            && a.clock.is_some()
        {
            f.clock = hour(b.bare.filter(|n| *n <= 24));
            (b, next) = (f, end);
        }
        if self.lang == Lang::Zh {
            let between = t.one_of(next, &["之间", "间", "期间", "的时间", "为止", "止"]);
            if paired && between.is_none() {
                return None;
            }
            next = between.unwrap_or(next);
        }
        if a.bare.is_some() && b.bare.is_some() && !a.told() && !b.told() {
            // "from 5 to 7": hours, but only where "from" or "between" says that a stretch comes.
            lead?;
            let ok = |f: &Fields| f.bare.is_some_and(|n| (1..=24).contains(&n));
            if !(ok(&a) && ok(&b)) || self.lang == Lang::Zh {
                return None;
            }
            (a.clock, b.clock) = (hour(a.bare), hour(b.bare));
        }
        explain(&mut a, &b);
        explain(&mut b, &a);
        share(&mut a, &mut b);
        Some((a, b, next))
    }

    fn span(&self, a: &Fields, b: &Fields) -> Option<When> {
        let (from, mut to) = (resolve(a, self.now, self.customs)?, resolve(b, self.now, self.customs)?);
        let shape = if from.shape == to.shape { from.shape } else { Shape::DateTime };
        let (start, mut half_open) = (from.from?, from.half_open && to.half_open);
        let included = match self.customs.bounds {
            Bounds::Excluded => false,
            Bounds::Days => to.shape == Shape::Date,
            Bounds::All => true,
        };
        let edge = b.edge.is_some();
        let mut end = match to.to.take().filter(|_| included || edge) {
            Some(end) => end,
            None => to.from?,
        };
        let twelve = Span::new().hours(12);
        while end <= start && to.half_open {
            end = end.checked_add(twelve).ok()?;
            to.half_open = false;
            half_open = false;
        }
        if end < start && to.shape == Shape::Time {
            end = end.checked_add(Span::new().days(1)).ok()?;
        } else if end < start && b.year.is_none() && b.month.is_some() {
            end = end.checked_add(Span::new().years(1)).ok()?;
        } else if end < start && b.weekday.is_some() {
            end = end.checked_add(Span::new().days(7)).ok()?;
        }
        if included && !to.range {
            let grain = match b.clock {
                None => Span::new().days(1),
                Some(c) if c.fine || a.clock.is_some_and(|c| c.fine) => Span::new().minutes(1),
                Some(_) => Span::new().hours(1),
            };
            end = end.checked_add(grain).ok()?;
        }
        (start <= end).then_some(When { shape, from: Some(start), to: Some(end), range: true, half_open })
    }

    /// Since, until, before and after one form.
    fn bounded(&self, start: usize) -> Option<(When, usize)> {
        #[derive(Clone, Copy, PartialEq)]
        enum Side {
            Before,
            Until,
            After,
            Since,
        }
        const LEADS: &[(&str, Side)] = &[
            ("before", Side::Before), ("prior to", Side::Before), ("earlier than", Side::Before), ("no later than", Side::Until),
            ("by", Side::Before), ("until", Side::Until), ("till", Side::Until), ("til", Side::Until), ("up to", Side::Until), ("through", Side::Until),
            ("after", Side::After), ("later than", Side::After), ("since", Side::Since), ("starting from", Side::Since), ("starting", Side::Since),
            ("starting on", Side::Since), ("beginning", Side::Since), ("beginning on", Side::Since), ("as of", Side::Since), ("on or after", Side::Since),
            ("on or before", Side::Until), ("sometime after", Side::After), ("anytime after", Side::After), ("any time after", Side::After), ("not before", Side::Since), ("no earlier than", Side::Since),
        ];
        const TAILS: &[(&str, Side)] = &[
            ("or later", Side::Since), ("and later", Side::Since), ("or after", Side::Since), ("and after", Side::Since), ("onwards", Side::Since), ("onward", Side::Since),
            ("or earlier", Side::Until), ("or before", Side::Until), ("and before", Side::Until), ("and earlier", Side::Until), ("and onwards", Side::Since),
            ("之前", Side::Before), ("以前", Side::Before), ("前", Side::Before), ("或之前", Side::Until), ("或以前", Side::Until), ("及以前", Side::Until),
            ("及之前", Side::Until), ("之后", Side::After), ("以后", Side::After), ("后", Side::After), ("或之后", Side::Since), ("或以后", Side::Since),
            ("及之后", Side::Since), ("及以后", Side::Since), ("起", Side::Since), ("开始", Side::Since), ("以来", Side::Since), ("为止", Side::Until), ("或更晚", Side::Since), ("或更早", Side::Until),
        ];
        let t = self.t;
        let lead = if self.lang == Lang::En {
            t.lookup(start, LEADS)
        } else {
            t.lookup(start, &[("自从", Side::Since), ("自", Side::Since), ("从", Side::Since), ("直到", Side::Until), ("截止", Side::Until), ("截至", Side::Until), ("截止到", Side::Until), ("不晚于", Side::Until), ("晚于", Side::After), ("早于", Side::Before)])
        };
        let (f, next) = self.end(lead.map_or(start, |(_, next)| next))?;
        let tail = t.lookup(next, TAILS);
        let (side, next) = match (lead, tail) {
            (Some((side, _)), tail) => (side, tail.map_or(next, |(_, n)| n)),
            (None, Some(tail)) => tail,
            (None, None) => return None,
        };
        let mut f = f;
        if let Some(n) = f.bare.take() {
            // "after 5"
            if lead.is_none() || self.lang == Lang::Zh {
                return None;
            }
            f.clock = hour(Some(n).filter(|n| (1..=24).contains(n)));
        }
        let w = resolve(&f, self.now, self.customs)?;
        let (from, to) = (w.from?, w.to);
        let (from, to) = match side {
            Side::Before => (None, Some(if f.edge.is_some() { to.unwrap_or(from) } else { from })),
            Side::Until => (None, Some(to.unwrap_or(from))),
            Side::After => (Some(to.unwrap_or(from)), None),
            Side::Since => (Some(from), None),
        };
        Some((When { shape: w.shape, from, to, range: true, half_open: w.half_open }, next))
    }

    /// "within two hours", "for three days from monday", 三天内.
    fn stretch(&self, start: usize) -> Option<(When, usize)> {
        let t = self.t;
        let days = |d: DateTime, length: &super::super::value::Length| {
            let shape = if length.seconds == 0.0 { Shape::Date } else { Shape::DateTime };
            let from = if shape == Shape::Date { d.with().time(jiff::civil::Time::midnight()).build().ok()? } else { d };
            Some(When { shape, from: Some(from), to: Some(shift(from, length, 1)?), range: true, half_open: false })
        };
        if self.lang == Lang::Zh {
            let (length, _, next) = duration::length(self.lang, t, start)?;
            let next = t.one_of(next, &["内", "之内", "以内"])?;
            return Some((days(self.now, &length)?, next));
        }
        if let Some(next) = t.one_of(start, &["within the next", "within the upcoming", "within the coming", "within"]) {
            let (length, _, next) = duration::length(self.lang, t, next)?;
            return Some((days(self.now, &length)?, next));
        }
        let from = t.lit(start, "for").unwrap_or(start);
        let (length, _, next) = duration::length(self.lang, t, from)?;
        let least = if from > start { t.lit(next, "from") } else { None };
        let next = t.one_of(next, &["starting from", "starting on", "starting", "beginning on", "beginning", "beginning from", "starting at"]).or(least)?;
        let (f, next) = self.fields(t.lit(next, "at").unwrap_or(next))?;
        let w = resolve(&f, self.now, self.customs)?;
        let begin = w.from?;
        let mut found = days(begin, &length)?;
        if w.shape != Shape::Date {
            found.from = Some(begin);
            found.to = Some(shift(begin, &length, 1)?);
            found.shape = if w.shape == Shape::Time { Shape::Time } else { Shape::DateTime };
        }
        Some((found, next))
    }
}

fn hour(n: Option<i64>) -> Option<Clock> {
    n.map(|hour| Clock { hour, minute: 0, second: 0, fixed: hour > 12, fine: false })
}

/// Gives the bare number of one end the sense of the other.
fn explain(a: &mut Fields, b: &Fields) {
    let Some(n) = a.bare else { return };
    if a.told() {
        return;
    }
    a.bare = None;
    if b.clock.is_some() && n <= 24 {
        a.clock = hour(Some(n));
    } else if b.dom.is_some() || b.period.is_some_and(|(u, _)| u == duration::Unit::Month) || b.month.is_some() {
        a.dom = i8::try_from(n).ok().filter(|d| (1..=31).contains(d));
    } else if b.year.is_some() && n > 31 {
        a.year = i16::try_from(n).ok();
    }
}

/// What one end tells and the other leaves out holds for both.
fn share(a: &mut Fields, b: &mut Fields) {
    let halves = |f: &Fields| f.half.is_some() || f.part.is_some();
    if let (Some(x), Some(y)) = (a.clock, b.clock) {
        let dated = |f: &Fields| f.dated();
        if !dated(a) && dated(b) {
            copy_date(a, b);
        } else if dated(a) && !dated(b) {
            copy_date(b, a);
        }
        if !halves(a) && halves(b) && !x.fixed {
            let later = b.half == Some(true) || b.part.is_some_and(super::atom::Part::afternoon);
            let same = x.hour % 12 <= y.hour % 12;
            a.half = Some(later == same);
        } else if halves(a) && !halves(b) && !y.fixed {
            let later = a.half == Some(true) || a.part.is_some_and(super::atom::Part::afternoon);
            b.half = Some(later || y.hour % 12 < x.hour % 12);
        }
        return;
    }
    if a.month.is_none() && a.dom.is_some() {
        a.month = b.month;
        a.period = a.period.or(b.period);
    }
    if b.month.is_none() && b.dom.is_some() {
        b.month = a.month;
        b.period = b.period.or(a.period);
    }
    if a.year.is_none() && a.month.is_some() {
        a.year = b.year;
        let wraps = a.month.map(|m| m.0) > b.month.map(|m| m.0) && b.month.is_some();
        a.year = a.year.map(|y| y - i16::from(wraps));
        a.period = a.period.or(b.period.filter(|p| p.0 == duration::Unit::Year));
    } else if b.year.is_none() && b.month.is_some() {
        b.year = a.year;
        b.period = b.period.or(a.period.filter(|p| p.0 == duration::Unit::Year));
    }
    if a.weekday.is_some_and(|w| w.1.is_none()) && a.period.is_none() {
        a.period = b.period.filter(|p| p.0 == duration::Unit::Week);
    }
    if let (Some((d, None)), Some((_, rel @ Some(_)))) = (b.weekday, a.weekday) {
        b.weekday = Some((d, rel));
    }
}

fn copy_date(to: &mut Fields, from: &Fields) {
    (to.day, to.weekday, to.dom, to.month, to.year) = (from.day, from.weekday, from.dom, from.month, from.year);
    (to.period, to.nth, to.offset, to.holiday) = (from.period, from.nth, from.offset, from.holiday);
}
