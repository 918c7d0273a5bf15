//! Waiting: what the caller hears and can do meanwhile, and where it goes if the wait is too long.
//!
//! | the caller               | what happens                                                     |
//! |--------------------------|------------------------------------------------------------------|
//! | presses 1, "call me back"| is asked, and on yes hangs up with its place kept (if the queue does so) |
//! | presses *, "never mind"  | leaves: abandoned                                                |
//! | waits on                 | music, its place, comforting words; none while a phone rings for it |

use super::begin::{Begin, proof};
use super::callback::Booking;
use super::cdr::{Moment, Result};
use super::event::Output;
use super::journey::{Call, Due, Purpose, Stage};
use super::switch::Shared;
use crate::acd::{self, Destination, Estimate};
use crate::base::{Expected, Now};
use crate::ivr::{self, Dialog, Input, Phrase, Question, QueueWords, Reply, Step, Wanted};
use crate::limits;
use crate::media;
use crate::nlu::{WaitingWish, while_waiting};

impl Call {
    /// What the caller's queue says.
    pub(super) fn queue_words<'a>(&self, s: &'a Shared) -> Option<&'a QueueWords> {
        s.config.words.get(self.cdr.queue.as_deref()?)
    }

    /// Tells the caller its place, once the present words are said.
    pub(super) fn announced(
        &mut self,
        now: Now,
        place: usize,
        wait: Option<Estimate>,
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) {
        if self.speaking.is_saying() || self.question.is_some() {
            self.place = Some((place, wait));
        } else {
            self.announce(now, place, wait, s, out);
        }
    }

    pub(super) fn announce(
        &mut self,
        now: Now,
        place: usize,
        wait: Option<Estimate>,
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) {
        let lang = self.dialog.lang();
        self.moment(now, Moment::Place { place, wait_s: wait.map(|w| w.likely_s) }, out);
        let mut texts = vec![ivr::position(lang, place)];
        texts.extend(wait.map(|w| ivr::wait(lang, w.low_s, w.high_s)));
        self.say(now, lang, texts, false, s, out);
    }

    /// Comforting words, in turn.
    pub(super) fn comfort(&mut self, now: Now, nth: u32, s: &mut Shared, out: &mut Vec<Output>) {
        let lang = self.dialog.lang();
        let comfort = self.queue_words(s).map_or(&[][..], |w| &w.comfort);
        let at = (nth.max(1) as usize - 1) % comfort.len().max(1);
        let text = comfort.get(at).and_then(|text| text.get(&lang)).cloned();
        if let Some(text) = text.filter(|_| !self.speaking.is_saying() && self.question.is_none()) {
            self.say(now, lang, vec![text], false, s, out);
        }
    }

    /// A key of a waiting caller.
    pub(super) fn waiting_key(&mut self, now: Now, key: char, s: &mut Shared, out: &mut Vec<Output>) {
        match key {
            '1' => self.offer_callback(now, s, out),
            '*' => self.leave_queue(now, s, out),
            _ => {}
        }
    }

    /// A sentence of a waiting caller. What is no wish is talk to somebody else in the room.
    pub(super) fn waiting_words(&mut self, now: Now, text: &str, s: &mut Shared, out: &mut Vec<Output>) {
        match while_waiting(text) {
            Some(WaitingWish::CallBack) => self.offer_callback(now, s, out),
            Some(WaitingWish::Leave) => self.leave_queue(now, s, out),
            None => {}
        }
    }

    fn leave_queue(&mut self, now: Now, s: &mut Shared, out: &mut Vec<Output>) {
        s.acd.push(acd::Input::CallerGone { call: self.ticket });
        self.moment(now, Moment::LeftQueue, out);
        self.settle_times(now);
        self.stage = Stage::Closing(Result::Abandoned);
        self.say_phrase(now, Phrase::Goodbye, s, out);
    }

    /// Asks whether the caller wants to be called back, if its queue does that and there is a number to call.
    pub(super) fn offer_callback(&mut self, now: Now, s: &mut Shared, out: &mut Vec<Output>) {
        let possible = self.queue_words(s).is_some_and(|w| w.callback);
        let number = self.cdr.caller.reveal().clone();
        let dialable = number.chars().filter(char::is_ascii_digit).count() >= 3;
        let dialable = dialable && s.config.server.ways_out(&number, self.trunk.as_deref(), 0).is_ok();
        if !possible || !dialable || self.way.is_none() || !matches!(self.begin, Begin::Line { .. }) {
            return;
        }
        let lang = self.dialog.lang();
        let text = ivr::offer_callback(lang, &number);
        self.ask(now, Question::new(lang, text, Wanted::YesNo), Purpose::Callback, s, out);
    }

    /// Asks one closed question; the answer comes to [`Call::replied`].
    pub(super) fn ask(
        &mut self,
        now: Now,
        question: Question,
        purpose: Purpose,
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) {
        self.question = Some((question, purpose));
        self.question_step(now, Input::Start, s, out);
    }

    pub(super) fn question_step(&mut self, now: Now, input: Input, s: &mut Shared, out: &mut Vec<Output>) {
        if self.over {
            return;
        }
        let Some((question, purpose)) = &mut self.question else { return };
        let (step, purpose, answer) = (question.step(now, input), *purpose, question.expects());
        let answered = matches!(step, Some(Step::Done(_)));
        let patient = self.dialog.is_patient();
        match question.deadline() {
            Some(at) => s.timers.set((self.id, Due::Dialog), at),
            None => s.timers.clear((self.id, Due::Dialog)),
        }
        let expected = if answered { Expected::default() } else { Expected { answer, patient } };
        self.expect(expected, s, out);
        match step {
            Some(Step::Say(say)) => self.say(now, say.lang, say.texts, say.barge_in, s, out),
            Some(Step::Resume) => self.resume(now, s, out),
            Some(Step::Done(reply)) => {
                self.question = None;
                self.replied(now, purpose, reply, s, out);
            }
            None => {}
        }
    }

    fn replied(&mut self, now: Now, purpose: Purpose, reply: Reply, s: &mut Shared, out: &mut Vec<Output>) {
        match (purpose, reply) {
            (Purpose::Callback, Reply::Yes) => {
                if let Some(way) = self.way {
                    s.callbacks.insert(self.ticket, Booking::of(self, way));
                }
                let number = self.cdr.caller.clone();
                s.acd.push(acd::Input::Callback { call: self.ticket, number });
                self.settle_times(now);
                self.stage = Stage::Closing(Result::CallbackBooked);
                self.moment(now, Moment::CallbackBooked, out);
                self.say_phrase(now, Phrase::CallbackBooked, s, out);
            }
            // The place is as it was.
            (Purpose::Callback, _) => self.said(now, s, out),
            (Purpose::Survey, reply) => {
                if let Reply::Mark(mark) = reply {
                    self.cdr.survey = Some(mark);
                    self.moment(now, Moment::Survey { mark }, out);
                }
                self.stage = Stage::Closing(Result::Connected);
                self.say_phrase(now, Phrase::Goodbye, s, out);
            }
        }
    }

    /// The ACD sends the caller on: to a line, a number, voicemail, or the last words.
    pub(super) fn overflowed(
        &mut self,
        now: Now,
        to: &Destination,
        why: acd::OverflowWhy,
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) {
        if *to == Destination::Callback {
            return self.offer_callback(now, s, out);
        }
        self.question = None;
        self.moment(now, Moment::Overflow { to: to.to_string(), why }, out);
        match to {
            Destination::Line(name) if self.lines < limits::LINES_IN_A_ROW_MAX => {
                let plan = s.config.lines.iter().find(|l| *l.line == **name).cloned();
                match plan {
                    Some(plan) => {
                        self.lines += 1;
                        let dialog = Dialog::new(plan, s.listens, s.epoch, self.id.0);
                        self.dialog = dialog.of(self.cdr.caller.reveal()).proved(proof(self.cdr.identity));
                        self.begin_dialogue(now, s, out);
                    }
                    None => self.nobody_free(now, s, out),
                }
            }
            Destination::Number(number) if self.way.is_some() => self.dial(now, number, s, out),
            Destination::Voicemail if s.voicemail.is_some() => self.take_message(now, s, out),
            Destination::Queue(_)
            | Destination::Line(_)
            | Destination::Number(_)
            | Destination::Voicemail
            | Destination::Callback
            | Destination::Closing => self.nobody_free(now, s, out),
        }
    }

    /// The last words to who cannot be served.
    pub(super) fn nobody_free(&mut self, now: Now, s: &mut Shared, out: &mut Vec<Output>) {
        self.settle_times(now);
        self.stage = Stage::Closing(Result::NobodyFree);
        let lang = self.dialog.lang();
        let own =
            self.queue_words(s).and_then(|w| w.closing.as_ref()).and_then(|text| text.get(&lang)).cloned();
        match own {
            Some(text) => self.say(now, lang, vec![text], false, s, out),
            None => self.say_phrase(now, Phrase::NobodyFree, s, out),
        }
    }

    /// The agent has hung up: asks the caller how it was, if the queue wants to know. False if not.
    pub(super) fn survey(&mut self, now: Now, s: &mut Shared, out: &mut Vec<Output>) -> bool {
        let lang = self.dialog.lang();
        let text =
            self.queue_words(s).and_then(|w| w.survey.as_ref()).and_then(|text| text.get(&lang)).cloned();
        let Some(text) = text.filter(|_| matches!(self.begin, Begin::Line { .. })) else { return false };
        let Some(side) = self.agent.take() else { return false };
        self.settle_times(now);
        self.talked += self.bridged.take().map(|at| now.since(at)).unwrap_or_default();
        self.close_leg(side.leg, "", out);
        self.send_guests_away(s, out);
        s.acd.extend(side.taken_over());
        s.acd.push(acd::Input::TalkEnded { call: self.ticket, transfer: false });
        self.stage = Stage::Survey;
        let leg = self.caller();
        out.push(Output::Media(media::Command::Unbridge { leg }));
        if s.listens {
            self.listen(out);
        }
        self.ask(now, Question::new(lang, text, Wanted::Mark), Purpose::Survey, s, out);
        true
    }
}
