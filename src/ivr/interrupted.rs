//! What became of a prompt that the caller made a sound over: does it go on, or was that an answer?
//!
//! | what was heard                                  | of a prompt                                      | then                |
//! |-------------------------------------------------|--------------------------------------------------|---------------------|
//! | nothing: a cough, noise, no words               | any                                              | it goes on          |
//! | a nod: 嗯, uh-huh, mm, OK                       | that asks for yes or no, heard but for [`TAIL`]  | that is a yes       |
//! | a nod                                           | any other                                        | it goes on          |
//! | anything else, also a plain yes or no           | any                                              | that is the answer  |
//!
//! So a nod is taken for a yes only by a caller who knows what the question was: who nods while values are read back has not
//! heard the last of them. A prompt goes on [`RESUMES_MAX`] times; then the line is too noisy to be interrupted, and what was heard
//! is a miss as it would be in silence.

use super::turn::Heard;
use crate::nlu;
use std::time::Duration;

/// Of a question so much may be left when a nod is a yes: its last word ("right?", 对吗), and the time until a sound is known.
const TAIL: Duration = Duration::from_millis(600);
const RESUMES_MAX: u8 = 3;

/// What is being said, as far as it was interrupted.
#[derive(Debug, Default)]
pub(super) struct Interrupted {
    /// What was left of it when it was stopped.
    left: Option<Duration>,
    resumed: u8,
}

impl Interrupted {
    /// Speech has stopped it.
    pub(super) fn cut(&mut self, left: Duration) {
        self.left = Some(left);
    }

    /// True if `text` may be no more than a nod to what is being said.
    pub(super) fn is_nod(&self, text: &str) -> bool {
        self.left.is_some() && nlu::is_back_channel(text)
    }

    /// True if it goes on after this: `heard`, or nothing, where `yes_no` if it asks for yes or no.
    pub(super) fn goes_on(&mut self, heard: Option<&Heard>, yes_no: bool) -> bool {
        let Some(left) = self.left.take().filter(|_| self.resumed < RESUMES_MAX) else { return false };
        let goes_on = match heard.filter(|h| !h.is_nothing()) {
            None => true,
            Some(heard) => {
                let yes = matches!(nlu::yes_no(&heard.text), Some((true, _)));
                nlu::is_back_channel(&heard.text) && !(yes_no && yes && left <= TAIL)
            }
        };
        self.resumed += u8::from(goes_on);
        goes_on
    }
}
