//! One closed question outside of the dialogue: yes or no (shall we call you back?), or a mark from 1 to 5 (how was it?).
//!
//! ```text
//! Start ─► say ─► key or words ─► Done(answer)
//!           ▲          │ neither, or silence
//!           └── again ─┘ twice ─► Done(none)
//! ```

use super::interrupted::Interrupted;
use super::turn::{Heard, Input, NotHeard, Say};
use crate::base::{Answer, Lang, Now};
use crate::nlu::{Universal, normalise, universal, yes_no};
use std::time::Duration;

/// Silence after the question that counts as no answer.
const SILENCE: Duration = Duration::from_secs(6);
/// How often the question is asked.
const TRIES: u8 = 2;

/// What kind of answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// 1 or "yes", 2 or "no".
    YesNo,
    /// 1 to 5.
    Mark,
}

/// What the caller answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    Yes,
    No,
    Mark(u8),
    /// Nothing that could be understood, or silence.
    None,
}

/// What the question wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Say(Say),
    /// Go on with what speech has stopped.
    Resume,
    Done(Reply),
}

/// A question that is being asked.
#[derive(Debug)]
pub struct Question {
    lang: Lang,
    text: String,
    wanted: Wanted,
    asked: u8,
    silence_at: Option<Now>,
    interrupted: Interrupted,
}

impl Question {
    /// A question not asked yet; give it [`Input::Start`].
    pub fn new(lang: Lang, text: String, wanted: Wanted) -> Question {
        Question { lang, text, wanted, asked: 0, silence_at: None, interrupted: Interrupted::default() }
    }

    /// What the caller is expected to say.
    pub fn expects(&self) -> Answer {
        if self.wanted == Wanted::YesNo { Answer::YesNo } else { Answer::Choice }
    }

    /// When silence has lasted too long.
    pub fn deadline(&self) -> Option<Now> {
        self.silence_at
    }

    /// Takes one input; what is to be done, if anything.
    pub fn step(&mut self, now: Now, input: Input) -> Option<Step> {
        let reply = match input {
            Input::Start => None,
            Input::Spoken => {
                self.silence_at = Some(now + SILENCE);
                return None;
            }
            Input::Speaking => {
                self.silence_at = None;
                return None;
            }
            Input::Cut { left } => {
                self.interrupted.cut(left);
                return None;
            }
            Input::Heard(heard) if self.goes_on(Some(&heard)) => return Some(Step::Resume),
            Input::NotHeard(NotHeard::Empty) if self.goes_on(None) => return Some(Step::Resume),
            Input::Key(key) => self.by_key(key),
            // The likeliest that answers it.
            Input::Heard(heard) => heard.texts().find_map(|(text, _)| self.by_words(text)),
            Input::LookedUp { .. } => return None,
            Input::NotHeard(_) => None,
            Input::Tick if self.silence_at.is_some_and(|at| at <= now) => None,
            Input::Tick => return None,
        };
        self.silence_at = None;
        match reply {
            Some(reply) => Some(Step::Done(reply)),
            None if self.asked >= TRIES => Some(Step::Done(Reply::None)),
            None => {
                self.asked += 1;
                self.interrupted = Interrupted::default();
                let texts = vec![self.text.clone()];
                Some(Step::Say(Say { lang: self.lang, texts, barge_in: true }))
            }
        }
    }

    fn goes_on(&mut self, heard: Option<&Heard>) -> bool {
        self.interrupted.goes_on(heard, self.wanted == Wanted::YesNo)
    }

    fn by_key(&self, key: char) -> Option<Reply> {
        match (self.wanted, key) {
            (Wanted::YesNo, '1') => Some(Reply::Yes),
            (Wanted::YesNo, '2') => Some(Reply::No),
            (Wanted::Mark, '1'..='5') => key.to_digit(10).map(|d| Reply::Mark(d as u8)),
            _ => None,
        }
    }

    fn by_words(&self, text: &str) -> Option<Reply> {
        if universal(text) == Some(Universal::Goodbye) {
            return Some(Reply::None);
        }
        match self.wanted {
            Wanted::YesNo => yes_no(text).map(|(yes, _)| if yes { Reply::Yes } else { Reply::No }),
            Wanted::Mark => mark(text).map(Reply::Mark),
        }
    }
}

/// The one mark in a sentence; none if there are two.
fn mark(text: &str) -> Option<u8> {
    const WORDS: [(&str, u8); 20] = [
        ("one", 1),
        ("two", 2),
        ("three", 3),
        ("four", 4),
        ("five", 5),
        ("1", 1),
        ("2", 2),
        ("3", 3),
        ("4", 4),
        ("5", 5),
        ("一分", 1),
        ("两分", 2),
        ("二分", 2),
        ("三分", 3),
        ("四分", 4),
        ("五分", 5),
        ("一", 1),
        ("二", 2),
        ("三", 3),
        ("四", 4),
    ];
    let text = normalise(text);
    let said = |word: &str| match word.is_ascii() {
        true => text.split(|c: char| !c.is_ascii_alphanumeric()).any(|w| w == word),
        false => text.contains(word),
    };
    let mut found = WORDS.iter().filter(|(word, _)| said(word)).map(|(_, mark)| *mark);
    let five = text.contains('五').then_some(5);
    let first = found.next().or(five)?;
    (found.all(|mark| mark == first) && five.is_none_or(|five| five == first)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(text: &str) -> Input {
        Input::Heard(Heard::new(text, 0.9))
    }

    fn asked(wanted: Wanted) -> Question {
        let mut question = Question::new(Lang::En, "well?".into(), wanted);
        assert!(matches!(question.step(Now(0), Input::Start), Some(Step::Say(_))));
        question
    }

    #[test]
    fn keys_and_words_answer_it_in_both_languages() {
        for (input, reply) in [
            (Input::Key('1'), Reply::Yes),
            (Input::Key('2'), Reply::No),
            (says("yes please"), Reply::Yes),
            (says("不用了"), Reply::No),
            (says("goodbye"), Reply::None),
        ] {
            assert_eq!(asked(Wanted::YesNo).step(Now(1), input), Some(Step::Done(reply)));
        }
        for (input, reply) in
            [(Input::Key('5'), 5), (says("I would say four"), 4), (says("五分"), 5), (says("打三分"), 3)]
        {
            assert_eq!(asked(Wanted::Mark).step(Now(1), input), Some(Step::Done(Reply::Mark(reply))));
        }
    }

    #[test]
    fn what_is_no_answer_is_asked_again_once_and_then_left() {
        let mut question = asked(Wanted::Mark);
        assert!(matches!(question.step(Now(1), Input::Key('9')), Some(Step::Say(_))));
        question.step(Now(2), Input::Spoken);
        assert_eq!(question.step(Now(3), Input::Tick), None, "the silence is not over");
        let at = question.deadline().unwrap();
        assert_eq!(question.step(at, Input::Tick), Some(Step::Done(Reply::None)));
        assert_eq!(mark("between two and three"), None);
        assert_eq!(mark("兩分"), Some(2));
    }

    #[test]
    fn a_nod_goes_on_with_the_question_and_is_a_yes_once_it_was_heard() {
        let cut = |left_ms| {
            let mut question = asked(Wanted::YesNo);
            question.step(Now(1), Input::Cut { left: Duration::from_millis(left_ms) });
            question.step(Now(2), says("嗯"))
        };
        assert_eq!((cut(3000), cut(100)), (Some(Step::Resume), Some(Step::Done(Reply::Yes))));
        let mut question = asked(Wanted::Mark);
        question.step(Now(1), Input::Cut { left: Duration::from_secs(1) });
        assert_eq!(question.step(Now(2), Input::NotHeard(NotHeard::Empty)), Some(Step::Resume), "a cough");
    }

    #[test]
    fn silence_is_not_counted_while_the_caller_speaks() {
        let mut question = asked(Wanted::YesNo);
        question.step(Now(1), Input::Spoken);
        question.step(Now(2), Input::Speaking);
        assert_eq!(question.deadline(), None);
    }
}
