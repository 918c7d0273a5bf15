//! Habits of telling time that are no grammar: they differ between lands and between the makers of test data.

use super::atom::Part;

/// Whether the last of a range belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bounds {
    /// "Monday to Friday" ends when Friday begins.
    Excluded,
    /// It ends when Friday ends; "nine to five" ends at five.
    Days,
    /// "Nine to five" ends when the hour of five has passed.
    All,
}

/// The habits.
#[derive(Debug, Clone, Copy)]
pub struct Customs {
    /// The last of a range.
    pub bounds: Bounds,
    /// The weekend begins on Friday at six in the evening.
    pub weekend_from_friday: bool,
    /// "Tuesday", said on a Tuesday, is today.
    pub today_counts: bool,
    /// "This Monday" is this week's even when it is over.
    pub this_is_this_week: bool,
    /// Stretches like "next three days" begin at the reference time and not with whole units.
    pub rolling: bool,
    /// Hours of morning, noon, lunch, afternoon, evening, night, and of the working day.
    pub hours: [(i64, i64); 8],
    /// In 12/10 the month stands first.
    pub month_first: bool,
}

impl Customs {
    /// What the product goes by.
    pub const USUAL: Customs = Customs {
        bounds: Bounds::Days,
        weekend_from_friday: false,
        today_counts: true,
        this_is_this_week: true,
        rolling: true,
        hours: [(6, 12), (11, 13), (11, 14), (12, 18), (18, 22), (20, 24), (9, 17), (0, 6)],
        month_first: true,
    };

    pub(super) fn hours(&self, part: Part) -> (i64, i64) {
        self.hours[part as usize]
    }
}

impl Customs {
    /// The rest of a week or month does not include its last day.
    pub(super) fn rest_ends_early(&self) -> bool {
        self.bounds != Bounds::Days
    }

    /// The end of a month is its last third, not its second half.
    pub(super) fn thirds(&self) -> bool {
        self.bounds != Bounds::Excluded
    }
}
