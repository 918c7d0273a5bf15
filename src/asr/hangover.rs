//! How much silence ends a sentence, by what was asked for.
//!
//! What is clear and complete already is answered at the pause of 200 ms that every sentence is written down at; this is for
//! the rest. It is in proportion to what `[speech] hangover_ms` says, which is for a request:
//!
//! | asked for   | of it | at 600 ms | because                                                             |
//! |-------------|-------|-----------|---------------------------------------------------------------------|
//! | yes or no   | 2/3   | 400 ms    | one word, and little follows it                                     |
//! | a choice    | 3/4   | 450 ms    | a name; who looks for it says nothing yet                           |
//! | a request   | 1     | 600 ms    | people think within a sentence                                      |
//! | a value     | 5/4   | 750 ms    | "March … the sixth": a breath before the next part                  |
//! | digits      | 5/3   | 1000 ms   | groups of three or four, read off a card: pauses of up to a second  |
//!
//! Who needs time has half as much again. It stays within [`HANGOVER`].

use crate::base::{Answer, Expected};
use crate::limits::HANGOVER;
use std::time::Duration;

/// The silence that ends a sentence, where `configured` is for a request.
pub fn hangover(configured: Duration, expected: Expected) -> Duration {
    let (parts, of) = match expected.answer {
        Answer::YesNo => (2, 3),
        Answer::Choice => (3, 4),
        Answer::Sentence => (1, 1),
        Answer::Value => (5, 4),
        Answer::Digits => (5, 3),
    };
    let silence = configured * parts / of;
    let silence = if expected.patient { silence * 3 / 2 } else { silence };
    silence.clamp(*HANGOVER.start(), *HANGOVER.end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::SPEECH_HANGOVER;

    #[test]
    fn the_less_is_asked_for_the_shorter_it_is_and_who_needs_time_has_more() {
        let order = [Answer::YesNo, Answer::Choice, Answer::Sentence, Answer::Value, Answer::Digits];
        let ms = |answer, patient| hangover(SPEECH_HANGOVER, Expected { answer, patient }).as_millis();
        assert_eq!(order.map(|a| ms(a, false)), [400, 450, 600, 750, 1000]);
        assert_eq!(order.map(|a| ms(a, true)), [600, 675, 900, 1125, 1500]);
    }

    #[test]
    fn it_is_never_shorter_than_a_pause_nor_longer_than_may_be_configured() {
        for answer in [Answer::YesNo, Answer::Digits] {
            for configured in [*HANGOVER.start(), *HANGOVER.end()] {
                assert!(HANGOVER.contains(&hangover(configured, Expected { answer, patient: true })));
            }
        }
    }
}
