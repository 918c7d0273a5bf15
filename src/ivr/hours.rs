//! Opening hours: weekly times in a time zone, days off, and the working days that make up for them.
//!
//! In: a moment, in milliseconds since 1970. Out: open or not, and when that changes next. A day off is closed all day; a
//! make-up day (调休, a Saturday or Sunday on which China works) has the hours of its `as_day`.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use std::collections::{BTreeMap, BTreeSet};

/// Hours change at least this often, or are taken to never change: longer than any holiday.
const DAYS_AHEAD: i64 = 40;

/// Opening hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    pub name: String,
    pub zone: TimeZone,
    /// From Monday: when it is open, in order; the end is not open any more.
    pub week: [Vec<(Time, Time)>; 7],
    /// Closed all day.
    pub days_off: BTreeSet<Date>,
    /// Open as on that weekday, whatever day it is.
    pub make_up: BTreeMap<Date, Weekday>,
}

impl Hours {
    /// True if it is open then.
    pub fn is_open(&self, unix_ms: u64) -> bool {
        let Some(at) = self.local(unix_ms) else { return true };
        self.times(at.date()).iter().any(|(from, to)| (*from..*to).contains(&at.time()))
    }

    /// The next moment at which it opens or closes; `None` if that is not in sight.
    pub fn next_change(&self, unix_ms: u64) -> Option<u64> {
        let now = self.local(unix_ms)?;
        let open = self.is_open(unix_ms);
        for day in 0..DAYS_AHEAD {
            let date = now.date().checked_add(day.days()).ok()?;
            let mut edges: Vec<Time> = self.times(date).iter().flat_map(|(from, to)| [*from, *to]).collect();
            // A day can begin closed after one that was open to its end.
            edges.insert(0, Time::midnight());
            for time in edges {
                let at = date.to_datetime(time).to_zoned(self.zone.clone()).ok()?;
                let at = u64::try_from(at.timestamp().as_millisecond()).ok()?;
                if at > unix_ms && self.is_open(at) != open {
                    return Some(at);
                }
            }
        }
        None
    }

    fn local(&self, unix_ms: u64) -> Option<Zoned> {
        let at = Timestamp::from_millisecond(i64::try_from(unix_ms).ok()?).ok()?;
        Some(at.to_zoned(self.zone.clone()))
    }

    fn times(&self, date: Date) -> &[(Time, Time)] {
        if self.days_off.contains(&date) {
            return &[];
        }
        let day = self.make_up.get(&date).copied().unwrap_or(date.weekday());
        self.week.get(day.to_monday_zero_offset() as usize).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{date, time};

    /// 9–12 and 13:30–18 on working days in Shanghai; National Day off, the Saturday after it made up.
    fn office() -> Hours {
        let day = vec![(time(9, 0, 0, 0), time(12, 0, 0, 0)), (time(13, 30, 0, 0), time(18, 0, 0, 0))];
        let mut week: [Vec<_>; 7] = Default::default();
        week.iter_mut().take(5).for_each(|d| d.clone_from(&day));
        Hours {
            name: "office".into(),
            zone: TimeZone::get("Asia/Shanghai").unwrap(),
            week,
            days_off: (1..=7).map(|d| date(2026, 10, d)).collect(),
            make_up: BTreeMap::from([(date(2026, 10, 10), Weekday::Monday)]),
        }
    }

    fn at(text: &str) -> u64 {
        text.parse::<Timestamp>().unwrap().as_millisecond() as u64
    }

    #[test]
    fn it_is_open_in_its_own_time_zone_and_closed_at_noon() {
        let hours = office();
        for (moment, open) in [
            ("2026-11-20T01:00:00Z", true),
            ("2026-11-20T00:59:59Z", false),
            ("2026-11-20T04:00:00Z", false),
            ("2026-11-20T05:30:00Z", true),
            ("2026-11-20T10:00:00Z", false),
            ("2026-11-21T02:00:00Z", false),
        ] {
            assert_eq!(hours.is_open(at(moment)), open, "{moment}");
        }
    }

    #[test]
    fn a_holiday_is_closed_and_the_day_that_makes_up_for_it_is_open() {
        let hours = office();
        assert!(!hours.is_open(at("2026-10-01T02:00:00Z")), "a Thursday, but National Day");
        assert!(hours.is_open(at("2026-10-10T02:00:00Z")), "a Saturday, but a working day");
        assert!(!hours.is_open(at("2026-10-11T02:00:00Z")));
    }

    #[test]
    fn the_next_change_is_found_over_weekends_and_holidays() {
        let hours = office();
        for (now, next) in [
            ("2026-11-20T02:00:00Z", "2026-11-20T04:00:00Z"),
            ("2026-11-20T10:00:00Z", "2026-11-23T01:00:00Z"),
            ("2026-09-30T10:00:00Z", "2026-10-08T01:00:00Z"),
        ] {
            assert_eq!(hours.next_change(at(now)), Some(at(next)), "{now}");
        }
        let mut always = office();
        always.week = [const { Vec::new() }; 7];
        assert_eq!(always.next_change(at("2026-11-20T02:00:00Z")), None);
    }

    #[test]
    fn a_day_that_is_open_to_its_end_closes_at_midnight() {
        let mut hours = office();
        hours.week[5] = vec![(time(20, 0, 0, 0), Time::MAX)];
        assert_eq!(hours.next_change(at("2026-11-21T13:00:00Z")), Some(at("2026-11-21T16:00:00Z")));
    }
}
