//! The cases of Duckling. Its reference time is Tuesday 2013-02-12 04:30.

use super::super::when::known_holiday;
use super::super::{Bounds, Customs, DateTime};
use super::{Case, Task, figure};
use crate::base::Lang;
use jiff::Span;
use jiff::civil::Time;
use serde_json::Value;

const LANGUAGE: &str = "languages other than English and Mandarin";
const OTHER: &str = "kinds that are no slot: distances, volumes, temperatures, addresses of the net";
const ZONES: &str = "times in another time zone than the line's";
const HOLIDAYS: &str = "holidays of other calendars and of single lands";
const BOUNDS: &str = "amounts with bounds (under 7, between 5 and 10)";
const CONFLICT: &str = "readings that the other collection contradicts (三天后 as a stretch, two upcoming weeks as the second, 五对 as ten, 十月 as ten months)";
const CANTONESE: &str = "Cantonese";
const CURRENCY: &str = "currencies that an IVR does not meet";
const ERAS: &str = "years before 1900 and after 2100";

fn customs(lang: Lang, day_first: bool) -> Customs {
    let hours = match lang {
        Lang::En => [(0, 12), (12, 14), (12, 14), (12, 19), (18, 24), (18, 24), (9, 17), (0, 6)],
        Lang::Zh => [(4, 12), (12, 14), (12, 14), (12, 19), (18, 24), (18, 24), (9, 17), (0, 4)],
    };
    Customs {
        bounds: Bounds::All,
        weekend_from_friday: true,
        today_counts: false,
        this_is_this_week: false,
        rolling: false,
        hours,
        month_first: !day_first,
    }
}

pub(super) fn read(json: &Value) -> Result<Case, String> {
    let field =
        |key: &str| json.get(key).and_then(Value::as_str).ok_or_else(|| format!("`{key}` must be text"));
    let (dim, input, expect) = (field("dim")?, field("input")?, field("expect")?);
    let mut parts = dim.split('/');
    let (kind, language, land) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    let lang = if language == Some("ZH") { Lang::Zh } else { Lang::En };
    let family = match kind {
        "Numeral" | "Ordinal" => "number",
        "PhoneNumber" => "phone",
        "CreditCardNumber" => "card",
        "AmountOfMoney" => "money",
        "Duration" => "duration",
        _ => "when",
    };
    let day_first = matches!(land, Some("AU" | "BZ" | "GB" | "IE" | "IN" | "JM" | "NZ" | "TT" | "ZA"));
    let only = match kind {
        "Ordinal" => Some("ordinal"),
        _ => None,
    };
    let expected = match kind {
        _ if !matches!(language, None | Some("EN" | "ZH")) => Err(LANGUAGE),
        "Numeral" if ["双", "雙", "对", "對"].iter().any(|w| input.ends_with(w)) => Err(CONFLICT),
        "Numeral" => amount(expect).map(|n| format!("number {}", figure(n))),
        "Ordinal" => amount(expect).map(|n| format!("ordinal {n}")),
        "PhoneNumber" | "CreditCardNumber" => Ok(digits(expect)),
        "AmountOfMoney" => money(expect, lang),
        "Duration" if input.ends_with('月') && !["个", "個"].iter().any(|w| input.contains(w)) => {
            Err(CONFLICT)
        }
        "Duration" => duration(expect),
        _ if ["踏", "搭", "個字", "个字", "晏", "依家", "聽日", "個鐘", "分半"]
            .iter()
            .any(|w| input.contains(w)) =>
        {
            Err(CANTONESE)
        }
        "Time" => time(input, expect, land),
        _ => Err(OTHER),
    };
    let now = DateTime::constant(2013, 2, 12, 4, 30, 0, 0);
    let task = match expected {
        Ok(text) => {
            let expect = vec![vec![text]];
            Task::Ask { now, customs: customs(lang, day_first), expect, first_reading: false, only }
        }
        Err(why) => Task::LeftOut(why),
    };
    Ok(Case { family, lang, input: input.to_owned(), task })
}

/// `NumeralValue (-504)`, `OrdinalData 25`.
fn amount(expect: &str) -> Result<f64, &'static str> {
    let number = expect.split_once(' ').map(|(_, n)| n.trim_matches(['(', ')', ' '])).ok_or(BOUNDS)?;
    if let Some((over, under)) = number.split_once('/') {
        let (over, under): (f64, f64) =
            (over.trim().parse().map_err(|_| BOUNDS)?, under.trim().parse().map_err(|_| BOUNDS)?);
        return Ok(over / under);
    }
    number.parse().map_err(|_| BOUNDS)
}

/// `PhoneNumberValue "(+1) 6507018887 ext 897"`, `CreditCardNumberValue "4111…" Visa`.
fn digits(expect: &str) -> String {
    let text = expect.split('"').nth(1).unwrap_or_default();
    let (number, extension) = text.split_once(" ext ").map_or((text, None), |(n, e)| (n, Some(e)));
    let number: String = number.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
    extension.map_or(number.clone(), |e| format!("{number} ext {e}"))
}

fn money(expect: &str, lang: Lang) -> Result<String, &'static str> {
    let mut words = expect.split(' ');
    let (Some("simple"), Some(code), Some(n), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(BOUNDS);
    };
    let n: f64 = n.trim_matches(['(', ')']).parse().map_err(|_| BOUNDS)?;
    // Its 块 is a dollar of no land.
    let (code, per) = match (code, lang) {
        ("Dollar", Lang::Zh) => ("CNY", 1.0),
        ("Cent", Lang::Zh) => ("CNY", 100.0),
        ("Dollar", Lang::En) => ("USD", 1.0),
        ("Cent", Lang::En) => ("USD", 100.0),
        ("Pound", _) => ("GBP", 1.0),
        ("Unnamed", _) => return Err(BOUNDS),
        (code, _) => (code, 1.0),
    };
    let known =
        ["USD", "EUR", "GBP", "CNY", "HKD", "JPY", "CAD", "AUD", "SGD", "TWD", "CHF", "INR", "KRW", "NZD"];
    if !known.contains(&code) {
        return Err(CURRENCY);
    }
    Ok(format!("{code} {}", figure(n / per)))
}

/// `DurationData 75 Minute`.
fn duration(expect: &str) -> Result<String, &'static str> {
    let mut words = expect.split(' ').skip(1);
    let n: f64 = words.next().and_then(|n| n.parse().ok()).ok_or(BOUNDS)?;
    let unit = match words.next().unwrap_or_default() {
        "Second" => 1.0,
        "Minute" => 60.0,
        "Hour" => 3600.0,
        "Day" => 86_400.0,
        "Week" => 7.0 * 86_400.0,
        "Month" => {
            let years = (n / 12.0).trunc();
            return Ok(format!("duration {}", (years * 365.0 + (n - years * 12.0) * 30.0) * 86_400.0));
        }
        "Quarter" => 90.0 * 86_400.0,
        "Year" => 365.0 * 86_400.0,
        _ => return Err(BOUNDS),
    };
    Ok(format!("duration {}", n * unit))
}

/// The tuples `(2013, 2, 12, 4, 30, 0)` of a text; a zero day or month counts as the first.
fn stamps(expect: &str) -> Vec<DateTime> {
    let groups = expect.split('(').filter_map(|g| g.split_once(')').map(|(inner, _)| inner));
    let stamp = |g: &str| {
        let n: Vec<i64> = g.split(',').filter_map(|p| p.trim().parse().ok()).collect();
        let [y, m, d, h, minute, s] = *n.as_slice() else { return None };
        DateTime::new(y as i16, (m as i8).max(1), (d as i8).max(1), h as i8, minute as i8, s as i8, 0).ok()
    };
    groups.filter_map(stamp).collect()
}

fn time(input: &str, expect: &str, land: Option<&str>) -> Result<String, &'static str> {
    const NAMES: &[&str] = &["gmt", "pst", "cst", "cet", "bst", "ist", "est", "pdt", "utc", "timezone"];
    let zone = |w: &str| NAMES.contains(&w);
    if input.to_lowercase().split(|c: char| !c.is_ascii_alphabetic()).any(zone) {
        return Err(ZONES);
    }
    if expect.contains("Holiday") {
        let name = expect.split('"').nth(1).unwrap_or_default().to_lowercase();
        if !known_holiday(&name) || !matches!(land, None | Some("US")) {
            return Err(HOLIDAYS);
        }
    }
    let tail = ["后", "後", "前"].iter().any(|w| input.trim_end().ends_with(w));
    let ahead = input.contains("upcoming") && input.chars().any(|c| c.is_ascii_digit())
        || input.contains("upcoming two")
        || input.contains("two upcoming");
    // A whole year as a bound; so many years away, told to the month; "as soon as possible" as all that is to come.
    let open = expect.starts_with("datetimeOpenInterval");
    let grain = expect.rsplit(')').next().unwrap_or_default().split_whitespace().next().unwrap_or_default();
    let asap = open && ["as soon", "asap"].iter().any(|w| input.to_lowercase().contains(w));
    let by_year =
        open && input.split(' ').next_back().is_some_and(|w| w.len() == 4 && w.parse::<u16>().is_ok());
    let years_away =
        grain == "Month" && input.contains("year") && ["ago", "hence"].iter().any(|w| input.ends_with(w));
    // 下周三 is the Wednesday of next week, not the one that comes.
    let next_week = ["下周", "下週", "下星期", "下礼拜", "下禮拜"].iter().any(|w| input.starts_with(w))
        && stamps(expect).first().is_some_and(|at| at.month() == 2 && at.day() < 18);
    if tail && expect.contains("Interval") || ahead || next_week || asap || by_year || years_away {
        return Err(CONFLICT);
    }
    let at = stamps(expect);
    if at.is_empty() || at.iter().any(|at| !(1900..=2100).contains(&at.year())) {
        return Err(ERAS);
    }
    let (first, days) = (at[0], matches!(grain, "Day" | "Week" | "Month" | "Quarter" | "Year"));
    let day = |at: &DateTime| at.date().to_string();
    let minute = |at: &DateTime| at.strftime("%Y-%m-%d %H:%M:%S").to_string();
    if expect.starts_with("datetimeOpenInterval") {
        let end = if days { day(&first) } else { minute(&first) };
        let name = if days { "daterange" } else { "datetimerange" };
        return Ok(if expect.contains("After") {
            format!("{name} {end}..")
        } else {
            format!("{name} ..{end}")
        });
    }
    if let Some(second) = at.get(1) {
        // "By two" begins now.
        if input.to_lowercase().starts_with("by") && second.time() == Time::midnight() {
            return Ok(format!("daterange ..{}", day(second)));
        }
        if input.to_lowercase().starts_with("by") {
            return Ok(format!("datetimerange ..{}", minute(second)));
        }
        return Ok(if days {
            format!("daterange {}..{}", day(&first), day(second))
        } else {
            format!("datetimerange {}..{}", minute(&first), minute(second))
        });
    }
    let length = match grain {
        "Week" => Span::new().days(7),
        "Month" => Span::new().months(1),
        "Quarter" => Span::new().months(3),
        "Year" => Span::new().years(1),
        "Day" => return Ok(format!("date {}", day(&first))),
        // Some days from now, with the hour of the reference kept.
        "Hour" if first.hour() == 4 && input.contains("day") || input.contains("fortnight") => {
            return Ok(format!("date {}", day(&first)));
        }
        _ => return Ok(format!("datetime {}", minute(&first))),
    };
    let end = first.checked_add(length).unwrap_or(first);
    Ok(format!("daterange {}..{}", day(&first), day(&end)))
}
