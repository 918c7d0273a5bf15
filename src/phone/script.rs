//! The script of a test call: its acts in order, each when it is its turn, as a polite caller would.
//!
//! ```text
//!            answered           its turn            done
//!  Ringing ───────────► Waiting ─────────► Doing ─────────► Waiting … ─► Staying ─► Over
//! ```
//! Whose turn it is:
//! - with the line: once the far end has spoken since our last act and been quiet for [`QUIET`]; after [`TURN_MAX`] in any
//!   case;
//! - in the queue, where music plays without end: not before an agent is there;
//! - with an agent: [`AGENT_PAUSE`] after our last act;
//! - directly after a pause that was asked for: at once, which is how a caller interrupts.

use crate::base::Now;
use std::time::Duration;

/// Silence after which the far end has finished. Longer than the pauses between its sentences.
const QUIET: Duration = Duration::from_millis(700);
/// A turn that does not come is taken.
const TURN_MAX: Duration = Duration::from_secs(20);
/// Between an agent's answer, or our last act, and our next words to the agent.
const AGENT_PAUSE: Duration = Duration::from_millis(800);

/// One act of the script, without its contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Say or play something; [`Input::Done`] comes at its end.
    Sound,
    /// Press keys, which takes this long.
    Keys(Duration),
    /// Do nothing for this long.
    Pause(Duration),
    HangUp,
}

/// What the script is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The call was answered.
    Answered,
    /// The far end began to speak.
    SpeechStarted,
    /// The far end stopped speaking at `at`.
    SpeechEnded { at: Now },
    /// The call waits for an agent.
    Queued,
    /// An agent is there.
    Bridged,
    /// The sound that was begun has been sent.
    Done,
    /// The deadline has come.
    Tick,
}

/// What the script wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Begin the act with this index.
    Begin(usize),
    /// End the call; nothing comes after this.
    HangUp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ringing,
    /// The next act waits for its turn since then.
    Waiting(Now),
    /// An act is being done; a sound until we are told, the others until then.
    Doing(Option<Now>),
    /// The last act is done.
    Staying(Option<Now>),
    Over,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum With {
    Line,
    Queue,
    Agent(Now),
}

/// The script of one call.
#[derive(Debug)]
pub struct Script {
    acts: Vec<Act>,
    /// How long to stay after the last act; `None` until the far end hangs up.
    stay: Option<Duration>,
    state: State,
    with: With,
    next: usize,
    far_speaks: bool,
    far_stopped: Option<Now>,
}

impl Script {
    /// A script that has not begun.
    pub fn new(acts: Vec<Act>, stay: Option<Duration>) -> Script {
        let (state, with) = (State::Ringing, With::Line);
        Script { acts, stay, state, with, next: 0, far_speaks: false, far_stopped: None }
    }

    /// When to be called next.
    pub fn deadline(&self) -> Option<Now> {
        match self.state {
            State::Ringing | State::Over => None,
            State::Waiting(since) => self.turn(since),
            State::Doing(until) | State::Staying(until) => until,
        }
    }

    /// Takes one input; appends what is to be done.
    pub fn step(&mut self, now: Now, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Answered if self.state == State::Ringing => self.ready(now),
            Input::SpeechStarted => self.far_speaks = true,
            Input::SpeechEnded { at } => (self.far_speaks, self.far_stopped) = (false, Some(at)),
            Input::Queued if self.with == With::Line => self.with = With::Queue,
            Input::Bridged => self.with = With::Agent(now),
            Input::Done if self.state == State::Doing(None) => self.done(now),
            Input::Answered | Input::Queued | Input::Done | Input::Tick => {}
        }
        while self.deadline().is_some_and(|at| at <= now) {
            match self.state {
                State::Waiting(_) => self.begin(now, out),
                State::Doing(_) => self.done(now),
                State::Staying(_) => self.hang_up(out),
                State::Ringing | State::Over => return,
            }
        }
    }

    /// When it is the next act's turn.
    fn turn(&self, since: Now) -> Option<Now> {
        let after_pause =
            self.next.checked_sub(1).is_some_and(|last| matches!(self.acts.get(last), Some(Act::Pause(_))));
        let waits = matches!(self.acts.get(self.next), Some(Act::Sound | Act::Keys(_)));
        if after_pause || !waits {
            return Some(since);
        }
        match self.with {
            With::Queue => None,
            With::Agent(at) => Some(at.max(since) + AGENT_PAUSE),
            With::Line => {
                let latest = since + TURN_MAX;
                let spoken = self.far_stopped.filter(|at| !self.far_speaks && *at > since);
                Some(spoken.map_or(latest, |at| (at + QUIET).min(latest)))
            }
        }
    }

    /// Goes to the next act, or stays when there is none.
    fn ready(&mut self, now: Now) {
        let more = self.next < self.acts.len();
        self.state = if more { State::Waiting(now) } else { State::Staying(self.stay.map(|d| now + d)) };
    }

    fn begin(&mut self, now: Now, out: &mut Vec<Output>) {
        self.state = match self.acts.get(self.next) {
            Some(Act::Sound) => State::Doing(None),
            Some(Act::Keys(length) | Act::Pause(length)) => State::Doing(Some(now + *length)),
            Some(Act::HangUp) | None => return self.hang_up(out),
        };
        if !matches!(self.acts.get(self.next), Some(Act::Pause(_))) {
            out.push(Output::Begin(self.next));
        }
    }

    fn done(&mut self, now: Now) {
        self.next += 1;
        self.ready(now);
    }

    fn hang_up(&mut self, out: &mut Vec<Output>) {
        self.state = State::Over;
        out.push(Output::HangUp);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: u64) -> Now {
        Now(ms * 1000)
    }

    const fn seconds(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    /// What the script does and when, given what happens when, with every deadline kept.
    fn run(script: &mut Script, happens: &[(u64, Input)]) -> Vec<(u64, Output)> {
        let (mut done, mut happens) = (Vec::new(), happens.iter().copied().peekable());
        for _ in 0..100 {
            let next = happens.peek().map(|(ms, _)| at(*ms));
            let due = script.deadline();
            let (now, input) = match (next, due) {
                (Some(n), Some(d)) if d < n => (d, Input::Tick),
                (Some(n), _) => (n, happens.next().unwrap().1),
                (None, Some(d)) => (d, Input::Tick),
                (None, None) => return done,
            };
            let mut out = Vec::new();
            script.step(now, input, &mut out);
            done.extend(out.into_iter().map(|o| (now.ms(), o)));
        }
        panic!("the script does not come to rest: {done:?}");
    }

    #[test]
    fn who_is_asked_answers_when_the_question_is_over() {
        let mut s = Script::new(vec![Act::Sound], Some(seconds(3)));
        let far = [
            (100, Input::Answered),
            (300, Input::SpeechStarted),
            (2600, Input::SpeechEnded { at: at(2000) }),
            // Only a pause: it goes on.
            (2650, Input::SpeechStarted),
            (5600, Input::SpeechEnded { at: at(5000) }),
            (7000, Input::Done),
        ];
        assert_eq!(run(&mut s, &far), [(5700, Output::Begin(0)), (10_000, Output::HangUp)]);
    }

    #[test]
    fn an_answer_that_began_while_a_key_was_pressed_counts_and_an_old_question_does_not() {
        let keys = Act::Keys(Duration::from_millis(400));
        let mut s = Script::new(vec![Act::Pause(seconds(1)), keys, Act::Sound], None);
        let far = [
            (0, Input::Answered),
            (100, Input::SpeechStarted),
            // The question was cut short by the key at 1000; the answer runs on until 3000.
            (3600, Input::SpeechEnded { at: at(3000) }),
        ];
        assert_eq!(run(&mut s, &far), [(1000, Output::Begin(1)), (3700, Output::Begin(2))]);
        let mut s = Script::new(vec![Act::Pause(seconds(1)), Act::Sound, Act::Sound], None);
        let far = [
            (0, Input::Answered),
            (100, Input::SpeechStarted),
            (1700, Input::SpeechEnded { at: at(1100) }),
            (3000, Input::Done),
        ];
        // Nothing was said since: the turn is taken in the end.
        assert_eq!(run(&mut s, &far), [(1000, Output::Begin(1)), (23_000, Output::Begin(2))]);
    }

    #[test]
    fn after_a_pause_the_caller_speaks_over_the_far_end() {
        let mut s = Script::new(vec![Act::Pause(seconds(1)), Act::Sound], None);
        let far = [(50, Input::Answered), (100, Input::SpeechStarted)];
        assert_eq!(run(&mut s, &far), [(1050, Output::Begin(1))]);
    }

    #[test]
    fn in_the_queue_nothing_is_said_and_to_an_agent_without_waiting_for_silence() {
        let mut s = Script::new(vec![Act::Sound, Act::HangUp], None);
        let far = [
            (0, Input::Answered),
            (100, Input::Queued),
            (200, Input::SpeechStarted),
            (60_000, Input::Bridged),
            (62_000, Input::Done),
        ];
        assert_eq!(run(&mut s, &far), [(60_800, Output::Begin(0)), (62_000, Output::HangUp)]);
    }

    #[test]
    fn without_acts_the_phone_stays_as_long_as_asked() {
        let mut s = Script::new(Vec::new(), Some(seconds(4)));
        assert_eq!(run(&mut s, &[(10, Input::Answered)]), [(4010, Output::HangUp)]);
        let mut s = Script::new(Vec::new(), None);
        assert_eq!(run(&mut s, &[(10, Input::Answered)]), []);
    }

    #[test]
    fn a_word_that_comes_at_the_wrong_time_changes_nothing() {
        let all = [
            Input::Answered,
            Input::SpeechStarted,
            Input::SpeechEnded { at: at(1) },
            Input::Queued,
            Input::Bridged,
            Input::Done,
            Input::Tick,
        ];
        let mut s = Script::new(vec![Act::Sound], None);
        let mut out = Vec::new();
        for input in all.into_iter().filter(|i| *i != Input::Answered) {
            s.step(at(5), input, &mut out);
        }
        assert!(out.is_empty(), "nothing before the answer");
        let mut s = Script::new(vec![Act::HangUp], None);
        s.step(at(5), Input::Answered, &mut out);
        assert_eq!(out, [Output::HangUp]);
        for input in all {
            s.step(at(90_000), input, &mut out);
        }
        assert_eq!(out.len(), 1, "nothing after the end");
    }
}
