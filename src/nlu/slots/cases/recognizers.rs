//! The cases of Recognizers-Text.

use super::super::{Bounds, Customs, DateTime};
use super::{Case, Task, figure};
use crate::base::Lang;
use serde_json::Value;

/// What its makers go by.
const CUSTOMS: Customs = Customs {
    bounds: Bounds::Excluded,
    weekend_from_friday: false,
    today_counts: true,
    this_is_this_week: true,
    rolling: true,
    hours: [(8, 12), (11, 13), (11, 13), (12, 16), (16, 20), (20, 24), (8, 18), (0, 8)],
    month_first: true,
};

const MODE: &str = "other modes of the same recogniser (calendar, split date and time, extended types): they answer otherwise";
const PLACES: &str = "only places in a sentence listed, no values";
const SETS: &str = "recurrences (every Monday): an IVR books one time";
const UNRESOLVED: &str = "listed as found but without a value";
const OLD: &str = "years before 1900 and after 2100, decades and centuries: no call is about them";
const RANGE: &str = "ranges of mathematics (x > 5)";
const POWER: &str = "powers and scientific notation (2^10, 1.2e14)";
const LUNAR: &str = "holidays of the lunar calendar listed with its month and day as if they were civil ones";
const CALENDARS: &str = "dates in other calendars (Ramadan, Eid, 民国)";
const RELATIVE: &str = "relative ordinals (next, previous) that need a position in a list";
const CURRENCY: &str = "currencies that an IVR does not meet";
const OTHER: &str = "kinds that are no slot: ages, temperatures, dimensions, addresses, time zones";

fn text<'a>(json: &'a Value, key: &str) -> &'a str {
    json.get(key).and_then(Value::as_str).unwrap_or_default()
}

const CALENDAR_NAMES: &[&str] = &["ramadan", "eid al", "islamic", "eid ul", "民国"];
const LUNAR_NAMES: &[&str] = &["中秋", "春节", "除夕", "元宵", "端午", "重阳", "农历", "大年"];

pub(super) fn read(json: &Value, fallback: DateTime) -> Result<Case, String> {
    let lang = match text(json, "lang") {
        "English" => Lang::En,
        "Chinese" => Lang::Zh,
        other => return Err(format!("`lang` is `{other}`; there are English and Chinese")),
    };
    let results = json.get("results").and_then(Value::as_array).ok_or("`results` must be a list")?;
    let now = match json.get("ref").and_then(Value::as_str) {
        Some(now) => now.parse().map_err(|e| format!("`ref`: {e}"))?,
        None => fallback,
    };
    let model = text(json, "model");
    let family = match (text(json, "domain"), model) {
        ("Number", _) => "number",
        ("Sequence", _) => "phone",
        ("NumberWithUnit", _) => "money",
        ("Choice", _) => "yes-no",
        (_, "DurationParser") => "duration",
        _ => "when",
    };
    let ask = |expect: Vec<Vec<String>>, first_reading: bool, only| Task::Ask {
        now,
        customs: CUSTOMS,
        expect,
        first_reading,
        only,
    };
    let simple =
        |one: &dyn Fn(&Value) -> Result<String, &'static str>, only: Option<&'static str>| match results
            .iter()
            .map(|r| one(r).map(|s| vec![s]))
            .collect()
        {
            Ok(expect) => ask(expect, false, only),
            Err(why) => Task::LeftOut(why),
        };
    let task = match model {
        _ if family == "when"
            && CALENDAR_NAMES.iter().any(|n| text(json, "input").to_lowercase().contains(n)) =>
        {
            Task::LeftOut(CALENDARS)
        }
        _ if family == "when" && ["decade", "centur"].iter().any(|n| text(json, "input").contains(n)) => {
            Task::LeftOut(OLD)
        }
        "NumberModel" | "NumberModelExperimentalMode" if scientific(text(json, "input")) => {
            Task::LeftOut(POWER)
        }
        "NumberModel" | "NumberModelExperimentalMode" => simple(&number, None),
        "OrdinalModel" | "OrdinalModelSuppressExtendedTypes" => simple(&ordinal, Some("ordinal")),
        "PercentModel" => simple(&percent, Some("percent")),
        "PhoneNumberModel" => simple(&|r| Ok(phone(text(resolution(r), "value"))), None),
        "CurrencyModel" => simple(&money, None),
        "BooleanModel" => {
            simple(&|r| Ok(resolution(r)["value"].as_bool().unwrap_or_default().to_string()), None)
        }
        "DateTimeModel" | "MergedParser" => match results.iter().map(model_value).collect() {
            Ok(expect) => ask(expect, false, None),
            Err(why) => Task::LeftOut(why),
        },
        "HolidayParser" | "DateParser"
            if lang == Lang::Zh && LUNAR_NAMES.iter().any(|n| text(json, "input").contains(n)) =>
        {
            Task::LeftOut(LUNAR)
        }
        "DateParser" | "HolidayParser" => parsed(results, "date", &ask),
        "TimeParser" => parsed(results, "time", &ask),
        "DateTimeParser" => parsed(results, "datetime", &ask),
        "DatePeriodParser" => parsed(results, "daterange", &ask),
        "TimePeriodParser" => parsed(results, "timerange", &ask),
        "DateTimePeriodParser" => parsed(results, "datetimerange", &ask),
        "DurationParser" => parsed(results, "duration", &ask),
        "SetParser" | "SetExtractor" => Task::LeftOut(SETS),
        // Where an extractor finds nothing there is no value to miss: nothing of its kind may be found.
        m if m.ends_with("Extractor") && results.is_empty() && m != "TimeZoneExtractor" => {
            ask(Vec::new(), false, extracted(m))
        }
        m if m.ends_with("Extractor") && !m.starts_with("TimeZone") => Task::LeftOut(PLACES),
        m if m.starts_with("NumberRange") => Task::LeftOut(RANGE),
        m if m.starts_with("DateTimeModel") || m.ends_with("PercentMode") || m.starts_with("Merged") => {
            Task::LeftOut(MODE)
        }
        _ => Task::LeftOut(OTHER),
    };
    Ok(Case { family, lang, input: text(json, "input").to_owned(), task })
}

/// 2^10, 1.2e14: a digit, the mark and a digit or sign.
fn scientific(input: &str) -> bool {
    let plain: Vec<char> =
        input.chars().map(|c| if c == '＾' { '^' } else { c.to_ascii_lowercase() }).collect();
    let digit = |c: &char| c.is_numeric();
    let next = |c: &char| digit(c) || matches!(c, '-' | '+' | '－' | '＋');
    plain.windows(3).any(|w| matches!(w, [a, '^' | 'e' | 'ｅ', b] if digit(a) && next(b)))
}

/// The kind that an extractor looks for; nothing if it looks for all.
fn extracted(model: &str) -> Option<&'static str> {
    match model {
        "DateExtractor" | "HolidayExtractor" => Some("date"),
        "TimeExtractor" => Some("time"),
        "DateTimeExtractor" => Some("datetime"),
        "DatePeriodExtractor" => Some("daterange"),
        "TimePeriodExtractor" => Some("timerange"),
        "DateTimePeriodExtractor" => Some("datetimerange"),
        "DurationExtractor" => Some("duration"),
        _ => None,
    }
}

fn resolution(result: &Value) -> &Value {
    &result["Resolution"]
}

fn value(result: &Value) -> Result<f64, &'static str> {
    text(resolution(result), "value").trim_end_matches('%').parse().map_err(|_| UNRESOLVED)
}

fn number(r: &Value) -> Result<String, &'static str> {
    if text(resolution(r), "subtype") == "power" {
        return Err(POWER);
    }
    Ok(format!("number {}", figure(value(r)?)))
}

fn ordinal(r: &Value) -> Result<String, &'static str> {
    match text(r, "TypeName") {
        "ordinal" => Ok(format!("ordinal {}", value(r)?)),
        _ => Err(RELATIVE),
    }
}

fn percent(r: &Value) -> Result<String, &'static str> {
    Ok(format!("percent {}", figure(value(r)?)))
}

/// Digits only, with the plus.
fn phone(text: &str) -> String {
    // The zero in "+44 (0) 161" is not dialled; the collection keeps it.
    let text = if text.contains('+') { text.replace("(0)", "") } else { text.to_owned() };
    text.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect()
}

fn money(r: &Value) -> Result<String, &'static str> {
    let unit = text(resolution(r), "unit");
    let (code, per) = match (text(resolution(r), "isoCurrency"), unit) {
        ("", "Dollar") => ("USD", 1.0),
        ("", "Cent") => ("USD", 100.0),
        ("", "Pound") => ("GBP", 1.0),
        ("", "Penny" | "Pence") => ("GBP", 100.0),
        ("", "Fen") => ("CNY", 100.0),
        (code, _) => (code, 1.0),
    };
    let known =
        ["USD", "EUR", "GBP", "CNY", "HKD", "JPY", "CAD", "AUD", "SGD", "TWD", "CHF", "INR", "KRW", "NZD"];
    if !known.contains(&code) {
        return Err(CURRENCY);
    }
    Ok(format!("{code} {}", figure(value(r)? / per)))
}

/// True for years that calls are about.
fn near(stamp: &str) -> bool {
    stamp.len() < 10
        || stamp.get(..4).and_then(|y| y.parse().ok()).is_some_and(|y: u16| (1900..=2100).contains(&y))
}

/// A kind, a value or two ends, as the core's own text has them.
fn entity(kind: &str, value: &str, from: &str, to: &str, timex: &str) -> Result<String, &'static str> {
    if matches!(kind, "set" | "timezone" | "datetimealt") {
        return Err(if kind == "set" { SETS } else { OTHER });
    }
    if [value, from, to].contains(&"not resolved") || value.is_empty() && from.is_empty() && to.is_empty() {
        return Err(UNRESOLVED);
    }
    if ["P10Y", "P20Y", "P100Y", "P0.5Y"].iter().any(|p| timex.contains(p))
        || ![value, from, to].iter().all(|s| near(s))
    {
        return Err(OLD);
    }
    // Its day ends a second early.
    let to = to.replace("23:59:59", "24:00:00");
    let to = if let Some(day) = to.strip_suffix(" 24:00:00") {
        let next = day.parse::<jiff::civil::Date>().ok().and_then(|d| d.tomorrow().ok());
        next.map_or(to.clone(), |d| format!("{d} 00:00:00"))
    } else {
        to.replace("24:00:00", "00:00:00")
    };
    Ok(if kind == "duration" {
        format!("duration {value}")
    } else if value.is_empty() {
        format!("{kind} {from}..{to}")
    } else {
        format!("{kind} {value}")
    })
}

/// All readings that lie ahead: of each way to read it (timex) the last value.
fn model_value(r: &Value) -> Result<Vec<String>, &'static str> {
    let values = r
        .get("Resolution")
        .or_else(|| r.get("Value"))
        .and_then(|v| v.get("values"))
        .and_then(Value::as_array);
    let mut out: Vec<(String, String)> = Vec::new();
    for v in values.ok_or(UNRESOLVED)? {
        let timex = text(v, "timex").to_owned();
        let one = entity(text(v, "type"), text(v, "value"), text(v, "start"), text(v, "end"), &timex)?;
        out.retain(|(t, _)| *t != timex);
        out.push((timex, one));
    }
    Ok(out.into_iter().map(|(_, v)| v).collect())
}

/// The reading ahead of a parser's results.
fn parsed(
    results: &[Value],
    kind: &'static str,
    ask: &dyn Fn(Vec<Vec<String>>, bool, Option<&'static str>) -> Task,
) -> Task {
    let one = |r: &Value| {
        let future = &r["Value"]["FutureResolution"];
        let get = |names: &[&str]| {
            names.iter().map(|n| text(future, n)).find(|s| !s.is_empty()).unwrap_or_default()
        };
        let value = get(&["date", "time", "dateTime", "duration"]);
        let (from, to) =
            (get(&["startDate", "startTime", "startDateTime"]), get(&["endDate", "endTime", "endDateTime"]));
        if value == "0001-01-01" || from.starts_with("0001") {
            return Err(UNRESOLVED);
        }
        entity(kind, value, from, to, text(&r["Value"], "Timex")).map(|s| vec![s])
    };
    match results.iter().map(one).collect() {
        Ok(expect) => ask(expect, true, Some(kind)),
        Err(why) => Task::LeftOut(why),
    }
}
