//! From … to, since, until, before, after, within: one form or two to a [`When`].

use super::super::duration::Unit;
use super::super::number;
use super::super::token::Tokens;
use super::atom::{Atom, Clock, Edge, Fields};
use super::calendar::midnight;
use super::ends::{copy_date, explain, hour, share};
use super::resolve::resolve;
use super::{Bounds, Customs, Shape, When, en, words_en, words_zh, zh};
use crate::base::Lang;
use jiff::Span;
use jiff::civil::DateTime;

pub(super) struct Reader<'a> {
    pub(super) lang: Lang,
    pub(super) t: &'a Tokens,
    pub(super) now: DateTime,
    pub(super) customs: &'a Customs,
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
    // "on friday from 3 to 5", "in march"
    let led = t.one_of(at, &["at", "@", "in", "on"]).filter(|_| lang == Lang::En);
    let at_led = |f: &dyn Fn(usize) -> Option<(When, usize)>| f(at).or_else(|| f(led?));
    at_led(&|at| r.range(at))
        .or_else(|| at_led(&|at| r.lasting(at)))
        .or_else(|| at_led(&|at| r.on_day(at)))
        .or_else(|| r.bounded(at))
        .or_else(|| r.stretch(at))
        .or_else(|| r.week_of(at))
        .or_else(|| r.point(at))
}

const LINKS_EN: &[&str] = &[
    "to",
    "till",
    "until",
    "untill",
    "til",
    "through",
    "thru",
    "-",
    "~",
    "up to",
    "all the way to",
    "to the",
    "and ending",
    "ending",
];
const LINKS_ZH: &[&str] = &["到", "至", "-", "~", "直到", "--", "一直到", "到了"];

impl Reader<'_> {
    /// One form: atoms side by side.
    pub(super) fn fields(&self, start: usize) -> Option<(Fields, usize)> {
        let t = self.t;
        let mut f = Fields::default();
        let (mut next, mut from) = (start, start);
        loop {
            let at = from > 0 && t.is(from - 1, &["at", "@"]);
            // "about 2019", "the morning of christmas 2013" are years.
            let year =
                t.digits(from).is_some_and(|d| d.len() == 4 && (d.starts_with("19") || d.starts_with("20")));
            let named = at
                || !year
                    && (from > 0 && t.is(from - 1, &["around", "about", "approximately"])
                        || f.part.is_some() && f.clock.is_none());
            let atom = match self.lang {
                Lang::En => en::atom(t, from, named, self.customs.month_first),
                Lang::Zh => zh::atom(t, from),
            };
            let mut grown = f.clone();
            match atom {
                Some((Atom::Offset(..), _)) if from > next && t.word(from - 1) == "for" => break,
                Some((Atom::Weekday(day, None), end))
                    if f.offset.is_some() && f.on.is_none() && from > next && t.word(from - 1) == "on" =>
                {
                    f.on = Some(day);
                    (next, from) = (end, end);
                }
                Some((atom, end)) if grown.add(atom) && !(grown.timed() && grown.stretch()) => {
                    (f, next) = (grown, end);
                    from = end;
                }
                _ if from == next => {
                    let glue = if self.lang == Lang::En { words_en::GLUE } else { words_zh::GLUE };
                    match t.one_of(from, glue).filter(|_| next > start) {
                        Some(after) => from = after,
                        None => break,
                    }
                }
                _ => break,
            }
        }
        if next == start
            && let Some(found) = self.leading_hour(start)
        {
            return Some(found);
        }
        (next > start && f.told()).then_some((f, next))
    }

    /// "9 tomorrow morning", "8 tonight": an hour before the day.
    fn leading_hour(&self, start: usize) -> Option<(Fields, usize)> {
        if self.lang != Lang::En {
            return None;
        }
        let (hour, next) =
            number::cardinal(self.lang, self.t, start).filter(|(h, _)| (1..=12).contains(h))?;
        let decimal = start > 0 && self.t.glued(start) && self.t.word(start - 1) == ".";
        if self.t.glued(next) && self.t.word(next) != "," || decimal {
            return None;
        }
        let from = self.t.one_of(next, &["in the", "on", ","]).unwrap_or(next);
        let (mut f, end) = self.fields(from)?;
        // "one morning", "3 nights" count.
        if from == next && f.day.is_none() && f.weekday.is_none() {
            return None;
        }
        let clock = Clock { hour: i64::from(hour), minute: 0, second: 0, fixed: false, fine: false };
        let day = from == next && f.day.is_some() && !self.t.is(start.wrapping_sub(1), &["only"]);
        let ok = (f.part.is_some() || day) && f.clock.is_none() && f.add(Atom::Clock(clock));
        ok.then_some((f, end))
    }

    fn point(&self, at: usize) -> Option<(When, usize)> {
        let led =
            || self.fields(self.t.one_of(at, &["at", "@", "in", "on"]).filter(|_| self.lang == Lang::En)?);
        let (f, next) = self.fields(at).or_else(led)?;
        Some((resolve(&f, self.now, self.customs)?, next))
    }

    /// One end of a range: a form, or a number that the other end explains.
    pub(super) fn end(&self, at: usize) -> Option<(Fields, usize)> {
        let from = self.t.one_of(at, &["the", "at", "on"]).unwrap_or(at);
        let bare = || {
            let (n, next) = match self.lang {
                Lang::En => super::super::number_en::ordinal(self.t, from)
                    .or_else(|| super::super::number_en::cardinal(self.t, from))?,
                Lang::Zh => number::cardinal(self.lang, self.t, from)?,
            };
            let f = Fields { bare: Some(i64::from(n)), ..Fields::default() };
            (n < 10_000).then_some((f, next))
        };
        self.fields(at).or_else(|| self.fields(from)).or_else(bare)
    }

    /// Two ends with a link between, perhaps after the day that holds for both: "tuesday from 7 to 8".
    fn range(&self, start: usize) -> Option<(When, usize)> {
        let day = self
            .fields(start)
            .filter(|(f, _)| (f.dated() || f.part.is_some()) && !f.now && f.clock.is_none());
        let dated = day.and_then(|(f, next)| {
            let next = self.t.one_of(next, &[",", "the"]).unwrap_or(next);
            let (a, b, end) = self.ends(next, Some(&f))?;
            let hours = !a.dated() && !b.dated() && a.clock.is_some();
            let days =
                |x: &Fields| f.stretch() && (x.weekday.is_some() || x.dom.is_some()) && x.month.is_none();
            (hours || days(&a) && days(&b)).then_some((f, a, b, end))
        });
        if let Some((f, mut a, mut b, end)) = dated {
            for end in [&mut a, &mut b] {
                if end.dated() {
                    (end.period, end.month, end.year) = (f.period, f.month, f.year);
                } else {
                    copy_date(end, &f);
                }
                end.part = end.part.or(f.part);
            }
            share(&mut a, &mut b);
            return Some((self.span(&a, &b)?, end));
        }
        let (a, b, next) = self.ends(start, None)?;
        // "6 jan 2017 - 6:37am" is one time.
        if a.dated() && !a.timed() && !b.dated() && b.clock.is_some() && self.t.word(start) != "from" {
            return None;
        }
        Some((self.span(&a, &b)?, next))
    }

    /// A bound on a day: "tomorrow after five".
    fn on_day(&self, start: usize) -> Option<(When, usize)> {
        let (f, next) = self.fields(start).filter(|(f, _)| f.dated() && !f.timed())?;
        let day = resolve(&f, self.now, self.customs).filter(|w| w.shape == Shape::Date && !w.range)?.from?;
        let (mut w, end) = self.bounded(next).filter(|(w, _)| w.shape == Shape::Time)?;
        let move_to = |at: DateTime| day.date().to_datetime(at.time());
        (w.shape, w.from, w.to) = (Shape::DateTime, w.from.map(move_to), w.to.map(move_to));
        Some((w, end))
    }

    /// The two ends and what is after them; `day` is what stands before both of them.
    fn ends(&self, start: usize, day: Option<&Fields>) -> Option<(Fields, Fields, usize)> {
        let t = self.t;
        let (lead, links): (Option<usize>, &[&str]) = match self.lang {
            Lang::En => match t.one_of(start, &["between", "in between"]) {
                Some(next) => (Some(next), &["and", "-", "to"]),
                None => (t.one_of(start, &["from", "starting from", "beginning from", "starting"]), LINKS_EN),
            },
            Lang::Zh => (t.one_of(start, &["从", "自", "由", "在"]), LINKS_ZH),
        };
        // "138-2010-2015"
        if lead.is_none() && start > 0 && t.word(start - 1) == "-" && t.glued(start) && day.is_none() {
            return None;
        }
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
            && let Some((mut f, end)) =
                self.fields(t.one_of(next, &["on", "of", "in", "in the", ","]).unwrap_or(next))
            && f.dated()
            && f.clock.is_none()
            && (a.clock.is_some() || a.bare.is_some())
        {
            if a.bare.is_some() && f.stretch() && f.year.is_none() {
                f.dom = b.bare.and_then(|n| i8::try_from(n).ok()).filter(|d| (1..=31).contains(d));
            } else {
                f.clock = hour(b.bare.filter(|n| *n <= 24));
            }
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
            // "november between 19 and 20", "next month 4 to 23"
            if let Some(f) = day.filter(|f| f.stretch()) {
                let dom =
                    |n: Option<i64>| n.and_then(|n| i8::try_from(n).ok()).filter(|d| (1..=31).contains(d));
                let month = f.month.is_some() || f.period.is_some_and(|p| p.0 == Unit::Month);
                (a.dom, b.dom) = (dom(a.bare.take()).filter(|_| month), dom(b.bare.take()));
                return (a.dom.is_some() && b.dom.is_some()).then_some((a, b, next));
            }
            // "from 5 to 7": hours, but only where "from" or "between" or a day before says that a stretch comes.
            if lead.is_none() && day.is_none() {
                return None;
            }
            // 从2016到2018
            let year = |f: &Fields| f.bare.filter(|n| (1900..2100).contains(n)).map(|n| n as i16);
            if let (Some(from), Some(to)) = (year(&a), year(&b)) {
                (a.year, b.year, a.bare, b.bare) = (Some(from), Some(to), None, None);
                return Some((a, b, next));
            }
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
        let (mut from, mut to) = (resolve(a, self.now, self.customs)?, resolve(b, self.now, self.customs)?);
        // "until now" has no more of a time than what stands beside it.
        let dates = [&from, &to].map(|w| w.shape == Shape::Date);
        for (w, now, date) in [(&mut from, a.now, dates[1]), (&mut to, b.now, dates[0])] {
            if now && date {
                w.shape = Shape::Date;
                w.from = w.from.map(|at| midnight(at.date()));
            }
        }
        let shape = if from.shape == to.shape { from.shape } else { Shape::DateTime };
        let (mut start, mut half_open) = (from.from?, from.half_open && to.half_open);
        // "from the end of march" begins when it is over, "to the middle of may" ends there.
        let edged = |f: &Fields, w: &When| match f.edge {
            Some(Edge::End) => w.to,
            Some(Edge::Mid) => w.from.map(|at| at.date().with().day(16).build().map(midnight).unwrap_or(at)),
            _ => w.from,
        };
        if a.edge.is_some() && b.edge.is_some() || a.edge.is_some_and(|e| e == Edge::End) {
            start = edged(a, &from)?;
        }
        let included = match self.customs.bounds {
            Bounds::Excluded => false,
            Bounds::Days => to.shape == Shape::Date,
            Bounds::All => true,
        };
        let mut end = match if b.edge.is_some() { edged(b, &to) } else { to.to.take().filter(|_| included) } {
            Some(end) => end,
            None => to.from?,
        };
        let twelve = Span::new().hours(12);
        while end <= start && to.half_open {
            end = end.checked_add(twelve).ok()?;
            to.half_open = false;
            half_open = from.half_open;
        }
        let day_only = |f: &Fields| f.dom.is_some() && f.month.is_none() && f.period.is_none();
        if end < start && day_only(a) && day_only(b) {
            end = end.checked_add(Span::new().months(1)).ok()?;
        } else if end < start && to.shape == Shape::Time {
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
        // "From may to september", said in august, has begun.
        let floating =
            |f: &Fields| f.month.is_some_and(|m| m.1.is_none()) && f.year.is_none() && f.period.is_none();
        let year = Span::new().years(1);
        if floating(a)
            && floating(b)
            && let Ok(over) = end.checked_sub(year)
            && over > self.now
            && let Some(before) =
                resolve(&Fields { year: Some(start.year() - 1), ..a.clone() }, self.now, self.customs)
        {
            (start, end) = (before.from?, over);
        }
        (start <= end).then_some(When { shape, from: Some(start), to: Some(end), range: true, half_open })
    }
}
