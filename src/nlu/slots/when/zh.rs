//! Mandarin atoms of time.

use super::super::duration::{self, Unit};
use super::super::number_zh::cardinal;
use super::super::token::Tokens;
use super::atom::{Atom, Edge, Target};
use super::holiday::HOLIDAYS;
use super::words_zh::{DAYS, NOW, PARTS, SEASONS, WEEKDAYS, WHICH, YEARS};
use super::{clock, dates};
use crate::base::Lang;

/// The atom at `at`.
pub(super) fn atom(t: &Tokens, at: usize) -> Option<(Atom, usize)> {
    let found = [
        t.one_of(at, NOW).map(|next| (Atom::Now, next)),
        days(t, at),
        t.lookup(at, YEARS).map(|(n, next)| (Atom::Period(Unit::Year, n), next)),
        relative(t, at),
        weekday(t, at),
        calendar(t, at),
        // The day stands first in a whole date, the month where no year is told.
        dates::written(t, at, false)
            .filter(|(date, _)| matches!(date, Atom::Date(..)))
            .or_else(|| dates::written(t, at, true)),
        offset(t, at),
        nth(t, at),
        edges(t, at),
        t.lookup(at, SEASONS).map(|(n, next)| (Atom::Season(n, 0), next)),
        holiday(t, at),
        clock::mandarin(t, at),
        clock::half_en(t, at).filter(|_| at > 0).map(|(pm, next)| (Atom::Half(pm), next)),
        t.lookup(at, PARTS)
            .filter(|(_, next)| {
                t.word(at) != "晨" || *next > at + 1 || at > 0 && t.is(at - 1, &["今", "明", "昨", "次"])
            })
            .filter(|(_, next)| t.word(next - 1) != "早" || !t.is(*next, &["就", "已", "点", "些", "期"]))
            .map(|(p, next)| (Atom::Part(p), next)),
    ];
    found.into_iter().flatten().rev().max_by_key(|(_, next)| *next)
}

/// 明天; 今晚 and 明早 are a day and a part.
fn days(t: &Tokens, at: usize) -> Option<(Atom, usize)> {
    let (n, next) = t.lookup(at, DAYS)?;
    let short = next == at + 1;
    let fits = !short || t.lookup(next, PARTS).is_some_and(|(_, n)| n > next);
    fits.then_some((Atom::Day(n), next))
}

/// 下周, 这个月, 上个季度, 下三天, 前两周, 未来三个月, 过去一年.
fn relative(t: &Tokens, at: usize) -> Option<(Atom, usize)> {
    const STRETCH: &[(&str, i64)] = &[
        ("未来", 1),
        ("未来的", 1),
        ("接下来", 1),
        ("接下来的", 1),
        ("今后", 1),
        ("之后", 1),
        ("以后", 1),
        ("后", 1),
        ("下", 1),
        ("往后", 1),
        ("过去", -1),
        ("过去的", -1),
        ("最近", -1),
        ("近", -1),
        ("前", -1),
        ("上", -1),
        ("之前", -1),
        ("以前", -1),
        ("这", -1),
        ("过往", -1),
        ("近来", -1),
    ];
    let single = t.lookup(at, WHICH).and_then(|(which, next)| {
        let (unit, after) = duration::unit(Lang::Zh, t, next)?;
        let fits = !matches!(unit, Unit::Second | Unit::Minute)
            && !matches!((t.word(next), unit), ("时" | "日" | "夜" | "晚", _));
        let fits = fits
            && !(t.is(at, &["上", "下", "前", "后"]) && t.lit(at + 1, "半年").is_some())
            && !(t.word(at) == "当" && unit == Unit::Day);
        fits.then_some((Atom::Period(unit, which), t.one_of(after, &["里", "内", "中"]).unwrap_or(after)))
    });
    let count = t.lookup(at, STRETCH).and_then(|(dir, next)| {
        let (n, unit, after) = duration::piece(Lang::Zh, t, next)?;
        let clock = matches!(t.word(after - 1), "时" | "分" | "日") && t.word(after - 2) != "小";
        let one = t.word(at) == "这";
        let part = matches!(t.word(after - 1), "夜" | "晚");
        let half = t.is(at, &["上", "下", "前", "后"]) && t.lit(next, "半年").is_some();
        (n < 100.0 && !half && !clock && !one && !part || t.is(at, &["过", "未"]))
            .then_some((Atom::Count(unit, n, dir), t.one_of(after, &["里", "内", "以来"]).unwrap_or(after)))
    });
    let fixed = t.lookup(
        at,
        &[
            ("周末", (Unit::Weekend, 0)),
            ("本周末", (Unit::Weekend, 0)),
            ("这周末", (Unit::Weekend, 0)),
            ("下周末", (Unit::Weekend, 1)),
            ("上周末", (Unit::Weekend, -1)),
            ("下个周末", (Unit::Weekend, 1)),
            ("这个周末", (Unit::Weekend, 0)),
            ("上个周末", (Unit::Weekend, -1)),
            ("当月", (Unit::Month, 0)),
        ],
    );
    let fixed = fixed.map(|((unit, n), next)| (Atom::Period(unit, n), next));
    [count, single, fixed].into_iter().flatten().max_by_key(|(_, next)| *next)
}

/// 周三, 下周三, 这个星期一, 上礼拜天.
fn weekday(t: &Tokens, at: usize) -> Option<(Atom, usize)> {
    let (which, from) = t.lookup(at, WHICH).map_or((None, at), |(w, next)| (Some(w), next));
    let next = t.one_of(from, &["周", "星期", "礼拜"])?;
    let (day, next) = t.lookup(next, WEEKDAYS)?;
    // 周三天, 星期二十: something else.
    if t.is(next, &["个", "年"])
        || day < 7
            && t.digits(next - 1).is_some()
            && t.word(from) == "周"
            && t.lookup(next, WEEKDAYS).is_some()
    {
        return None;
    }
    let atom =
        if day == 7 { Atom::Period(Unit::Weekend, which.unwrap_or(0)) } else { Atom::Weekday(day, which) };
    Some((atom, next))
}

/// 2018年, 一九九九年, 3月, 三月份, 十五号, 三月五日, 2月3.
fn calendar(t: &Tokens, at: usize) -> Option<(Atom, usize)> {
    if let Some((y, next)) = year(t, at) {
        return Some((Atom::Year(y), next));
    }
    let (n, next) = if let Some(next) = t.lit(at, "元月") {
        (1, next)
    } else {
        let (n, next) = cardinal(t, at)?;
        if let Some(next) = t.one_of(next, &["月", "月份"]).filter(|_| (1..=12).contains(&n)) {
            (n, next)
        } else {
            let next = t.one_of(next, &["号", "日"]).filter(|_| (1..=31).contains(&n))?;
            let bad = t.is(next, &["线", "楼", "门", "桌", "元", "币", "语"]);
            return (!bad).then_some((Atom::Dom(n as i8), next));
        }
    };
    if let Some((day, after)) = cardinal(t, next).filter(|(d, _)| (1..=31).contains(d)) {
        let told = t.one_of(after, &["号", "日"]);
        let free = !t.is(after, &["点", "时", "月", "年", "个", "天", "周", "分", ":", "小"]);
        if told.is_some() || free {
            return Some((Atom::MonthDay(n as i8, day as i8), told.unwrap_or(after)));
        }
    }
    if let Some((day, after)) = t.lookup(next, &[("初", 0)]).and_then(|(_, a)| cardinal(t, a)) {
        return Some((Atom::MonthDay(n as i8, day as i8), t.one_of(after, &["号", "日"]).unwrap_or(after)));
    }
    Some((Atom::Month(n as i8, None), next))
}

/// 2018年, 18年, 二零一八年.
fn year(t: &Tokens, at: usize) -> Option<(i16, usize)> {
    let (n, next) = cardinal(t, at)?;
    let end = t.one_of(next, &["年", "年度"])?;
    let length = t.digits(at).map_or(next - at, str::len);
    // 两千年
    let length = if t.is(at, &["两", "二"]) && t.word(at + 1) == "千" { 4 } else { length };
    let year = match length {
        4 if (1000..3000).contains(&n) => n,
        2 if n < 100 && (t.digits(at).is_some() || !t.is(at, &["十"]) && !t.is(at + 1, &["十"])) => {
            if n < 50 { 2000 + n } else { 1900 + n }
        }
        _ => return None,
    };
    (!t.is(end, &["代", "前", "后", "级", "内", "来", "半", "间"]) || length == 4)
        .then_some((year as i16, end))
}

/// 三天后, 两周前, 半小时以后, 再过五分钟.
fn offset(t: &Tokens, at: usize) -> Option<(Atom, usize)> {
    let lead = t.one_of(at, &["再过", "过", "再等"]);
    let (length, unit, next) = duration::length(Lang::Zh, t, lead.unwrap_or(at))?;
    // 07年以前 and 2010年之后 name a year.
    if t.digits(at).is_some_and(|d| d.starts_with('0') || d.len() > 3) {
        return None;
    }
    const TAILS: &[(&str, i64)] = &[
        ("后", 1),
        ("之后", 1),
        ("以后", 1),
        ("过后", 1),
        ("前", -1),
        ("之前", -1),
        ("以前", -1),
        ("开外", 1),
    ];
    let point = matches!(t.word(next - 1), "月" | "日" | "时" | "分")
        && t.word(next.wrapping_sub(2)) != "个"
        && t.word(next.wrapping_sub(2)) != "小";
    if lead.is_none() && (point || t.word(next - 1) == "年" && length.months > 12.0 * 100.0) {
        return None;
    }
    match t.lookup(next, TAILS) {
        Some((sign, after)) => Some((Atom::Offset(length, unit, sign), after)),
        None => lead.map(|_| (Atom::Offset(length, unit, 1), next)),
    }
}

/// 第一个星期一, 最后一天, 第三周, 第一季度, 上半年.
fn nth(t: &Tokens, at: usize) -> Option<(Atom, usize)> {
    if let Some((n, next)) = t.lookup(at, &[("上半年", 1), ("下半年", 2), ("前半年", 1), ("后半年", 2)])
    {
        return Some((Atom::Nth(n, Target::Half), next));
    }
    // 最后三周
    if let Some(next) = t.one_of(at, &["最后"])
        && let Some((n, after)) = cardinal(t, next).filter(|(n, _)| *n > 1)
        && let Some((unit, after)) = duration::unit(Lang::Zh, t, t.lit(after, "个").unwrap_or(after))
    {
        return Some((Atom::First(-i64::from(n), Target::Unit(unit)), after));
    }
    let (n, next) = if let Some(next) = t.one_of(at, &["最后一个", "最后一", "最后"]) {
        (-1, next)
    } else {
        let (n, next) = cardinal(t, t.lit(at, "第").or_else(|| t.one_of(at, &["首"])).unwrap_or(at))?;
        if t.word(at) != "第" && !t.is(next, &["季"]) {
            return None;
        }
        (i64::from(n), t.lit(next, "个").unwrap_or(next))
    };
    if let Some(after) = t.one_of(next, &["周", "星期", "礼拜"])
        && let Some((d, after)) = t.lookup(after, WEEKDAYS).filter(|(d, _)| *d < 7)
    {
        return Some((Atom::Nth(n, Target::Weekday(d)), after));
    }
    let (unit, next) = duration::unit(Lang::Zh, t, next)?;
    matches!(unit, Unit::Day | Unit::Week | Unit::Month | Unit::Quarter)
        .then_some((Atom::Nth(n, Target::Unit(unit)), next))
}

/// 月底, 年初, 下周末… and 末, 初, 中 after a month or year.
fn edges(t: &Tokens, at: usize) -> Option<(Atom, usize)> {
    // 月底 alone is this month's.
    const WHOLE: &[(&str, (Edge, Unit))] = &[
        ("月底", (Edge::End, Unit::Month)),
        ("月末", (Edge::End, Unit::Month)),
        ("月初", (Edge::Begin, Unit::Month)),
        ("月中", (Edge::Mid, Unit::Month)),
        ("年底", (Edge::End, Unit::Year)),
        ("年末", (Edge::End, Unit::Year)),
        ("年初", (Edge::Begin, Unit::Year)),
        ("年中", (Edge::Mid, Unit::Year)),
    ];
    if let Some(((edge, unit), next)) = t.lookup(at, WHOLE) {
        return Some((Atom::EdgeOf(edge, unit), next));
    }
    const EDGES: &[(&str, Edge)] = &[
        ("底", Edge::End),
        ("末", Edge::End),
        ("初", Edge::Begin),
        ("中旬", Edge::Mid),
        ("上旬", Edge::Begin),
        ("下旬", Edge::End),
        ("剩下的", Edge::Rest),
        ("剩余", Edge::Rest),
        ("的开头", Edge::Begin),
        ("开始的时候", Edge::Begin),
    ];
    let (edge, next) = t.lookup(at, EDGES)?;
    (next > at + 1 || at > 0 && t.is(at - 1, &["月", "年", "周"])).then_some((Atom::Edge(edge, false), next))
}

fn holiday(t: &Tokens, at: usize) -> Option<(Atom, usize)> {
    let all =
        HOLIDAYS.iter().flat_map(|h| h.names.iter().filter_map(move |name| Some((h, t.lit(at, name)?))));
    let (h, next) = all.max_by_key(|(_, next)| *next)?;
    // 十一, 六一, 八一, 五一, 五四 are numbers too.
    let number = next == at + 2 && cardinal(t, at).is_some_and(|(_, n)| n >= next);
    (!number
        || t.len() == next && at == 0
        || at > 0
            && t.is(at - 1, &["在", "年", "到", "过"])
            && cardinal(t, at).is_some_and(|(_, n)| n == next)
            && !t.is(next, &["月", "号", "日", "点", "个", "年", "天"]))
    .then_some((Atom::Holiday(h, 0), t.lit(next, "那天").unwrap_or(next)))
}
