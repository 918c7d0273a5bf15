//! One end of time: since, until, before, after, more than so long ago.

use super::super::token::Kind;
use super::atom::{Edge, Fields};
use super::calendar::midnight;
use super::ends::hour;
use super::range::Reader;
use super::resolve::resolve;
use super::{Bounds, When};
use crate::base::Lang;
use jiff::Span;

/// Which side of the bound is meant, and whether the bound belongs to it.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Before,
    Until,
    After,
    Since,
}
/// English words before the bound.
const LEADS: &[(&str, Side)] = &[
    ("before", Side::Before),
    ("prior to", Side::Before),
    ("earlier than", Side::Before),
    ("no later than", Side::Until),
    ("in advance of", Side::Before),
    ("ahead of", Side::Before),
    ("ending with", Side::Until),
    ("before or on", Side::Until),
    ("later than or at", Side::Since),
    ("after or on", Side::Since),
    ("<", Side::Before),
    (">", Side::After),
    ("more than", Side::After),
    ("less than", Side::Before),
    ("by", Side::Before),
    ("until", Side::Until),
    ("till", Side::Until),
    ("til", Side::Until),
    ("up to", Side::Until),
    ("through", Side::Until),
    ("after", Side::After),
    ("later than", Side::After),
    ("since", Side::Since),
    ("starting from", Side::Since),
    ("starting", Side::Since),
    ("starting on", Side::Since),
    ("beginning", Side::Since),
    ("beginning on", Side::Since),
    ("as of", Side::Since),
    ("on or after", Side::Since),
    ("on or before", Side::Until),
    ("sometime after", Side::After),
    ("anytime after", Side::After),
    ("any time after", Side::After),
    ("not before", Side::Since),
    ("as early as", Side::Since),
    ("as late as", Side::Until),
    ("greater than", Side::After),
    ("is greater than", Side::After),
    ("no earlier than", Side::Since),
];
/// Words behind it, of both languages.
const TAILS: &[(&str, Side)] = &[
    ("or later", Side::Since),
    ("and later", Side::Since),
    ("and greater", Side::Since),
    ("or after", Side::Since),
    ("and after", Side::Since),
    ("onwards", Side::Since),
    ("onward", Side::Since),
    ("or earlier", Side::Until),
    ("or before", Side::Until),
    ("and before", Side::Until),
    ("and earlier", Side::Until),
    ("and onwards", Side::Since),
    ("之前", Side::Before),
    ("以前", Side::Before),
    ("前", Side::Before),
    ("或之前", Side::Until),
    ("或以前", Side::Until),
    ("及以前", Side::Until),
    ("及之前", Side::Until),
    ("之后", Side::After),
    ("以后", Side::After),
    ("后", Side::After),
    ("或之后", Side::Since),
    ("或以后", Side::Since),
    ("及之后", Side::Since),
    ("及以后", Side::Since),
    ("起", Side::Since),
    ("开始", Side::Since),
    ("以来", Side::Since),
    ("为止", Side::Until),
    ("或更晚", Side::Since),
    ("或更早", Side::Until),
];
/// Mandarin words before it.
const LEADS_ZH: &[(&str, Side)] = &[
    ("自从", Side::Since),
    ("自", Side::Since),
    ("从", Side::Since),
    ("直到", Side::Until),
    ("截止", Side::Until),
    ("截至", Side::Until),
    ("截止到", Side::Until),
    ("不晚于", Side::Until),
    ("晚于", Side::After),
    ("早于", Side::Before),
];

impl Reader<'_> {
    /// Since, until, before and after one form.
    pub(super) fn bounded(&self, start: usize) -> Option<(When, usize)> {
        let t = self.t;
        // "<6pm", but not "<div>6pm"
        let markup = t.is(start, &["<", ">"]) && t.glued(start);
        let lead = if markup {
            None
        } else if self.lang == Lang::En {
            t.lookup(start, LEADS)
        } else {
            t.lookup(start, LEADS_ZH)
        };
        let (f, next) = self.end(lead.map_or(start, |(_, next)| next))?;
        // "2016 and before 2018" begins another.
        let joined = |(_, end): &(Side, usize)| {
            t.is(next, &["and", "or"])
                && *end < t.len()
                && (self.end(*end).is_some() || t.kind(*end) == Some(Kind::Word))
        };
        let tail = t.lookup(next, TAILS).filter(|tail| !joined(tail));
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
        let (mut from, to) = (w.from?, w.to);
        // "since january", "since monday" look back.
        if t.word(start) == "since" && from > self.now && f.year.is_none() && f.period.is_none() {
            let back = match (f.month, f.weekday) {
                (Some((_, None)), _) => Span::new().years(1),
                (None, Some((_, None))) if f.dom.is_none() => Span::new().days(7),
                _ => Span::new(),
            };
            from = from.checked_sub(back).ok()?;
        }
        // "more than two weeks ago", "less than three days after tomorrow"
        if lead.is_some() && t.is(start, &["more", "less"]) {
            let (_, _, sign) = f.offset?;
            let base = Fields { offset: None, ..f.clone() };
            let base = if base.dated() {
                resolve(&base, self.now, self.customs)?.from?
            } else {
                midnight(self.now.date())
            };
            let (from, to) = match (side, sign > 0) {
                (Side::After, true) => (Some(from), None),
                (Side::After, false) => (None, Some(from)),
                (_, true) => (Some(base), Some(from)),
                (_, false) => (Some(from), Some(base)),
            };
            return Some((When { shape: w.shape, from, to, range: true, half_open: false }, next));
        }
        let (from, to) = match side {
            Side::Before => (None, Some(if f.edge == Some(Edge::End) { to.unwrap_or(from) } else { from })),
            Side::Until if lead.is_some() && self.customs.bounds == Bounds::Excluded => (None, Some(from)),
            Side::Until => (None, Some(to.unwrap_or(from))),
            Side::After => (Some(to.unwrap_or(from)), None),
            Side::Since => (Some(from), None),
        };
        Some((When { shape: w.shape, from, to, range: true, half_open: w.half_open }, next))
    }
}
