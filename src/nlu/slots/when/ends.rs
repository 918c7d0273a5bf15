//! What the two ends of a range tell each other: "from 5 to 7 pm", "13 to 15 july".

use super::super::duration::Unit;
use super::atom::{Clock, Fields, Part};

pub(super) fn hour(n: Option<i64>) -> Option<Clock> {
    n.map(|hour| Clock { hour, minute: 0, second: 0, fixed: hour > 12, fine: false })
}

/// Gives the bare number of one end the sense of the other.
pub(super) fn explain(a: &mut Fields, b: &Fields) {
    let Some(n) = a.bare else { return };
    if a.told() {
        return;
    }
    a.bare = None;
    if b.clock.is_some() && n <= 24 {
        a.clock = hour(Some(n));
    } else if b.dom.is_some() || b.period.is_some_and(|(u, _)| u == Unit::Month) || b.month.is_some() {
        a.dom = i8::try_from(n).ok().filter(|d| (1..=31).contains(d));
    } else if b.year.is_some() && n >= 1000 {
        a.year = i16::try_from(n).ok();
    }
}

/// What one end tells and the other leaves out holds for both.
pub(super) fn share(a: &mut Fields, b: &mut Fields) {
    let halves = |f: &Fields| f.half.is_some() || f.part.is_some();
    if let (Some(x), Some(y)) = (a.clock, b.clock) {
        let dated = |f: &Fields| f.dated();
        if !dated(a) && dated(b) {
            copy_date(a, b);
        } else if dated(a) && !dated(b) {
            copy_date(b, a);
        }
        if !halves(a) && halves(b) && !x.fixed {
            let later = b.half == Some(true) || b.part.is_some_and(Part::afternoon);
            let same = x.hour % 12 <= y.hour % 12;
            a.half = Some(later == same);
        } else if halves(a) && !halves(b) && !y.fixed {
            let later = a.half == Some(true) || a.part.is_some_and(Part::afternoon);
            let wraps = (y.hour % 12, y.minute) < (x.hour % 12, x.minute);
            b.half = Some(later != wraps);
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
    if a.year.is_none() && a.month.is_some_and(|m| m.1.is_none()) {
        a.year = b.year;
        let wraps = a.month.map(|m| m.0) > b.month.map(|m| m.0) && b.month.is_some();
        a.year = a.year.map(|y| y - i16::from(wraps));
        a.period = a.period.or(b.period.filter(|p| p.0 == Unit::Year));
    } else if b.year.is_none() && b.month.is_some() {
        b.year = a.year;
        b.period = b.period.or(a.period.filter(|p| p.0 == Unit::Year));
    }
    if a.weekday.is_some_and(|w| w.1.is_none()) && a.period.is_none() {
        a.period = b.period.filter(|p| p.0 == Unit::Week);
    }
    if let (Some((d, None)), Some((_, rel @ Some(_)))) = (b.weekday, a.weekday) {
        b.weekday = Some((d, rel));
    }
}

pub(super) fn copy_date(to: &mut Fields, from: &Fields) {
    (to.day, to.weekday, to.dom, to.month, to.year) =
        (from.day, from.weekday, from.dom, from.month, from.year);
    (to.period, to.nth, to.offset, to.holiday) = (from.period, from.nth, from.offset, from.holiday);
}
