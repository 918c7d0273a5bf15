//! Keys that come twice: a phone that sends SIP INFO may send its key as a tone or an event as well. One press is one key.
//!
//! A key by one means is the twin of the oldest one by the other means that has none yet and is not too old; it is
//! left out. So "5 5" by both means stays two, in whatever order they come.

use crate::base::Now;
use crate::limits::{KEY_TWIN_MAX, KEY_TWINS_MAX};
use std::collections::VecDeque;

/// How a key came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Means {
    /// As a telephone-event or a tone.
    Media,
    /// SIP INFO.
    Info,
}

/// The newest keys of one leg that have no twin.
#[derive(Default)]
pub(super) struct Pressed(VecDeque<(Now, Means, char)>);

/// Nothing of what was pressed.
impl std::fmt::Debug for Pressed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pressed({})", self.0.len())
    }
}

impl Pressed {
    /// True unless this is the twin of a key that was heard already.
    pub(super) fn is_new(&mut self, now: Now, means: Means, key: char) -> bool {
        self.0.retain(|(at, ..)| now.since(*at) < KEY_TWIN_MAX);
        let twin = self.0.iter().position(|(_, by, k)| *by != means && *k == key);
        if let Some(at) = twin {
            self.0.remove(at);
            return false;
        }
        if self.0.len() == KEY_TWINS_MAX {
            self.0.pop_front();
        }
        self.0.push_back((now, means, key));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Means::{Info, Media};
    use super::*;

    fn heard(presses: &[(u64, Means, char)]) -> String {
        let mut pressed = Pressed::default();
        let new = |(ms, means, key): &&(u64, Means, char)| pressed.is_new(Now(ms * 1000), *means, *key);
        presses.iter().filter(new).map(|p| p.2).collect()
    }

    #[test]
    fn one_press_by_two_means_is_one_key_in_either_order() {
        assert_eq!(heard(&[(0, Media, '5'), (90, Info, '5')]), "5");
        assert_eq!(heard(&[(0, Info, '5'), (90, Media, '5')]), "5");
    }

    #[test]
    fn two_presses_are_two_keys_however_they_cross() {
        assert_eq!(heard(&[(0, Media, '5'), (90, Info, '5'), (300, Media, '5'), (380, Info, '5')]), "55");
        assert_eq!(heard(&[(0, Media, '5'), (300, Media, '5'), (350, Info, '5'), (400, Info, '5')]), "55");
        assert_eq!(heard(&[(0, Media, '1'), (200, Media, '2'), (210, Info, '1'), (400, Info, '2')]), "12");
    }

    #[test]
    fn a_phone_that_has_one_means_is_heard_as_often_as_it_is_pressed() {
        let fast: Vec<_> = (0..30).map(|n| (n * 50, Info, '7')).collect();
        assert_eq!(heard(&fast).len(), 30);
    }

    #[test]
    fn what_comes_late_is_another_press() {
        let late = KEY_TWIN_MAX.as_millis() as u64;
        assert_eq!(heard(&[(0, Media, '5'), (late - 1, Info, '5')]), "5");
        assert_eq!(heard(&[(0, Media, '5'), (late, Info, '5')]), "55");
    }
}
