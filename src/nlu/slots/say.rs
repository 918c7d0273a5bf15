//! How a value is read back, in words and forms that a voice says well: digits one by one in groups of three or four.

use super::{Length, Shape, Value, When};
use crate::base::Lang;
use jiff::civil::DateTime;

const DIGITS_EN: [&str; 10] =
    ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
const DIGITS_ZH: [&str; 10] = ["零", "幺", "二", "三", "四", "五", "六", "七", "八", "九"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const WEEKDAYS_ZH: [&str; 7] = ["一", "二", "三", "四", "五", "六", "日"];

/// The text that reads `value` back.
pub fn say(value: &Value, lang: Lang) -> String {
    let zh = lang == Lang::Zh;
    match value {
        Value::Number(n) => n.to_string(),
        Value::Ordinal(n) if zh => format!("第{n}"),
        Value::Ordinal(n) => format!("number {n}"),
        Value::Percent(n) if zh => format!("百分之{n}"),
        Value::Percent(n) => format!("{n} percent"),
        Value::Digits(digits) => spell(digits, lang),
        Value::Phone(phone) => {
            let mut out = spell(&phone.number, lang);
            if let Some(extension) = &phone.extension {
                out.push_str(if zh { "，转" } else { ", extension " });
                out.push_str(&spell(extension, lang));
            }
            out
        }
        Value::Money(money) => {
            let (whole, cents) =
                ((money.amount * 100.0).round() as i64 / 100, (money.amount * 100.0).round() as i64 % 100);
            let name = currency(&money.currency, lang);
            match (zh, cents) {
                (true, 0) => format!("{whole}{name}"),
                (true, _) => format!("{}{name}", money.amount),
                (false, 0) => format!("{whole} {name}"),
                (false, _) => format!("{whole} {name} {cents}"),
            }
        }
        Value::Duration(length) => duration(length, lang),
        Value::When(when) => time(when, lang),
        Value::YesNo(yes) => match (yes, zh) {
            (true, true) => "是",
            (false, true) => "不是",
            (true, false) => "yes",
            (false, false) => "no",
        }
        .to_owned(),
        Value::Choice(name) => name.clone(),
    }
}

/// How many digits go in one breath: 11-digit mobiles 3-4-4, else fours, with a three where they do not come out even.
fn groups(count: usize) -> Vec<usize> {
    match count {
        0..=4 => vec![count],
        11 => vec![3, 4, 4],
        5..=7 | 10 => match count {
            10 => vec![3, 3, 4],
            n => vec![3, n - 3],
        },
        _ => {
            let mut out = vec![4; count / 4];
            if !count.is_multiple_of(4) {
                out.push(count % 4);
            }
            out
        }
    }
}

fn spell(text: &str, lang: Lang) -> String {
    let words: Vec<String> = text
        .chars()
        .map(|c| match (c.to_digit(10), lang) {
            (Some(d), Lang::En) => DIGITS_EN[d as usize].to_owned(),
            (Some(d), Lang::Zh) => DIGITS_ZH[d as usize].to_owned(),
            (None, Lang::En) if c == '+' => "plus".to_owned(),
            (None, Lang::Zh) if c == '+' => "加".to_owned(),
            (None, _) => c.to_string(),
        })
        .collect();
    let (join, pause) = if lang == Lang::Zh { ("", "，") } else { (" ", ", ") };
    let mut rest = words.as_slice();
    let mut out: Vec<String> = Vec::new();
    for size in groups(words.len()) {
        let (group, tail) = rest.split_at(size.min(rest.len()));
        out.push(group.join(join));
        rest = tail;
    }
    out.join(pause)
}

fn currency(code: &str, lang: Lang) -> String {
    let names: &[(&str, &str, &str)] = &[
        ("CNY", "yuan", "元"),
        ("USD", "dollars", "美元"),
        ("EUR", "euros", "欧元"),
        ("GBP", "pounds", "英镑"),
        ("HKD", "Hong Kong dollars", "港元"),
        ("JPY", "yen", "日元"),
        ("CAD", "Canadian dollars", "加元"),
        ("AUD", "Australian dollars", "澳元"),
        ("SGD", "Singapore dollars", "新加坡元"),
        ("TWD", "Taiwan dollars", "新台币"),
        ("CHF", "Swiss francs", "瑞士法郎"),
        ("INR", "rupees", "卢比"),
        ("KRW", "won", "韩元"),
        ("NZD", "New Zealand dollars", "新西兰元"),
    ];
    let name = names.iter().find(|(c, ..)| *c == code);
    name.map_or(code, |(_, en, zh)| if lang == Lang::Zh { zh } else { en }).to_owned()
}

fn duration(length: &Length, lang: Lang) -> String {
    let seconds = length.seconds;
    let parts = [
        ((length.months / 12.0).trunc(), "year", "年"),
        (length.months % 12.0, "month", "个月"),
        (length.days, "day", "天"),
        ((seconds / 3600.0).trunc(), "hour", "小时"),
        ((seconds % 3600.0 / 60.0).trunc(), "minute", "分钟"),
        (seconds % 60.0, "second", "秒"),
    ];
    if parts.iter().all(|(n, ..)| *n == 0.0) {
        return if lang == Lang::Zh { "0秒" } else { "0 seconds" }.to_owned();
    }
    let told = parts.iter().filter(|(n, ..)| *n != 0.0);
    match lang {
        Lang::Zh => told.map(|(n, _, unit)| format!("{n}{unit}")).collect(),
        Lang::En => {
            let one =
                |(n, unit, _): &(f64, &str, &str)| format!("{n} {unit}{}", if *n == 1.0 { "" } else { "s" });
            told.map(one).collect::<Vec<_>>().join(" and ")
        }
    }
}

fn time(when: &When, lang: Lang) -> String {
    let one = |at: DateTime| match (when.shape, lang) {
        (Shape::Date, Lang::En) => day(at),
        (Shape::Date, Lang::Zh) => day_zh(at),
        (Shape::Time, Lang::En) => clock(at),
        (Shape::Time, Lang::Zh) => clock_zh(at),
        (Shape::DateTime, Lang::En) => format!("{} at {}", day(at), clock(at)),
        (Shape::DateTime, Lang::Zh) => format!("{}{}", day_zh(at), clock_zh(at)),
    };
    // The last day of a stretch is said, not the one after it.
    let last = |at: DateTime| match when.shape {
        Shape::Date => one(at.checked_sub(jiff::Span::new().days(1)).unwrap_or(at)),
        _ => one(at),
    };
    match (when.from, when.to, lang) {
        (Some(from), None, _) if !when.range => one(from),
        (Some(from), None, Lang::En) => format!("from {}", one(from)),
        (Some(from), None, Lang::Zh) => format!("{}起", one(from)),
        (None, Some(to), Lang::En) => format!("before {}", one(to)),
        (None, Some(to), Lang::Zh) => format!("{}之前", one(to)),
        (Some(from), Some(to), Lang::En) => format!("{} to {}", one(from), last(to)),
        (Some(from), Some(to), Lang::Zh) => format!("{}到{}", one(from), last(to)),
        (None, None, _) => String::new(),
    }
}

fn day(at: DateTime) -> String {
    let weekday = WEEKDAYS[at.weekday().to_monday_zero_offset() as usize];
    format!("{weekday}, {} {}, {}", MONTHS[at.month() as usize - 1], at.day(), at.year())
}

fn day_zh(at: DateTime) -> String {
    let weekday = WEEKDAYS_ZH[at.weekday().to_monday_zero_offset() as usize];
    format!("{}年{}月{}日，星期{weekday}", at.year(), at.month(), at.day())
}

fn clock(at: DateTime) -> String {
    let half = if at.hour() < 12 { "AM" } else { "PM" };
    match (at.hour(), at.minute()) {
        (0, 0) => "midnight".into(),
        (12, 0) => "noon".into(),
        (hour, 0) => format!("{} {half}", (hour + 11) % 12 + 1),
        (hour, minute) => format!("{}:{minute:02} {half}", (hour + 11) % 12 + 1),
    }
}

fn clock_zh(at: DateTime) -> String {
    let part = match at.hour() {
        0..6 => "凌晨",
        6..12 => "上午",
        12 => "中午",
        13..18 => "下午",
        _ => "晚上",
    };
    let hour = if at.hour() > 12 { at.hour() - 12 } else { at.hour() };
    let minute = match at.minute() {
        0 => String::new(),
        30 => "半".into(),
        m => format!("{m:02}分"),
    };
    format!("{part}{hour}点{minute}")
}
