//! What a caller is expected to say next, so that the ear knows how long to wait for more of it.

/// The kind of answer that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Answer {
    /// Yes or no.
    YesNo,
    /// One of a few.
    Choice,
    /// An amount, a date, a time.
    Value,
    /// A request, or anything.
    #[default]
    Sentence,
    /// A row of digits or letters, which people say in groups.
    Digits,
}

/// What is expected of whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expected {
    pub answer: Answer,
    /// The caller needs time.
    pub patient: bool,
}
