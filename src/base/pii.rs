//! Personal data: numbers, digits, transcripts. Printing it shows only that it is there.

use std::fmt;

/// A value about a person. `Debug` and `Display` print `‹…›`; [`Pii::reveal`] is the one way to the value, so that
/// each use is deliberate and can be found by searching for its name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Pii<T>(T);

impl<T> Pii<T> {
    /// Marks `value` as personal.
    pub fn new(value: T) -> Self {
        Pii(value)
    }

    /// The value itself. For the call record, the agent's screen and the wire, never for logs.
    pub fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("‹…›")
    }
}

impl<T> fmt::Display for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("‹…›")
    }
}
