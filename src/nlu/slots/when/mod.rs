//! Dates and times: "next friday at half past three", 下周三下午三点半, "from the 3rd to the 5th of may", 三天后.
//!
//! ```text
//! tokens ─► atoms (a weekday, a month and day, a clock, "in three days"), one lexer a language
//!        ─► fields: atoms side by side fill one form, in any order; what does not fit begins the next
//!        ─► ranges: from … to, since, before
//!        ─► resolved against the reference time
//! ```
//! Habits that differ from land to land (which hours are the evening, whether "to the 5th" includes it) are
//! [`Customs`], not grammar.

mod atom;
mod bounds;
mod calendar;
mod clock;
mod customs;
mod dates;
mod days_en;
mod en;
mod ends;
mod holiday;
mod lengths;
mod range;
mod resolve;
mod words_en;
mod words_zh;
mod zh;

pub use customs::{Bounds, Customs};
use jiff::civil::DateTime;
pub(super) use range::when;
use serde::{Deserialize, Serialize};

/// What a [`When`] tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// Days only: the time in it is midnight.
    Date,
    /// A time of day only: the date in it is the reference's.
    Time,
    /// Both.
    DateTime,
}

/// A point or a stretch of time, civil (no zone: the line's own).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct When {
    /// What it tells.
    pub shape: Shape,
    /// The point, or where the stretch begins; nothing for "until friday".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<DateTime>,
    /// Where the stretch ends, not included; nothing for a point and for "since friday".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<DateTime>,
    /// A stretch, not a point.
    pub range: bool,
    /// Morning or afternoon was not said: twelve hours later may be meant.
    pub half_open: bool,
}

impl When {
    /// The same with its hour in that half of the day.
    pub fn in_half(mut self, afternoon: bool) -> When {
        let moved = |at: DateTime| match (afternoon, at.hour()) {
            (true, 0..12) => at.checked_add(jiff::Span::new().hours(12)).unwrap_or(at),
            (false, 12..) => at.checked_sub(jiff::Span::new().hours(12)).unwrap_or(at),
            _ => at,
        };
        self.from = self.from.map(moved);
        self.to = self.to.map(moved);
        self.half_open = false;
        self
    }
}

/// True if the calendar here has a holiday of this name, in small letters.
pub(super) fn known_holiday(name: &str) -> bool {
    let name = name.replace("s' ", "s ' ");
    holiday::HOLIDAYS.iter().any(|h| h.names.contains(&name.as_str()))
}
