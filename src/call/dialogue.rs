//! The dialogue's part of a call: speech and keys in, prompts and an outcome out.

use super::answering::Sentence;
use super::cdr::{EndedBy, Moment, Result, TicketRecord, TurnRecord};
use super::event::Output;
use super::journey::{Call, Due, Stage};
use super::pressed::Means;
use super::speaking::{Heard as Sound, Said};
use super::switch::Shared;
use crate::acd::Request;
use crate::base::{Expected, Lang, LegId, Now};
use crate::ivr::{self, Heard, NotHeard, Outcome, Phrase};
use crate::limits;
use crate::media;
use std::sync::Arc;
use std::time::Duration;

impl Call {
    pub(super) fn dialog(&mut self, now: Now, input: ivr::Input, s: &mut Shared, out: &mut Vec<Output>) {
        if self.stage != Stage::Dialogue || self.over {
            return;
        }
        let mut wants = Vec::new();
        self.dialog.step(now, input, &mut wants);
        for want in wants {
            match want {
                ivr::Output::Say(say) => {
                    self.answering.answered(now);
                    self.say(now, say.lang, say.texts, say.barge_in, s, out);
                }
                ivr::Output::Resume => {
                    self.answering.answered(now);
                    self.resume(now, s, out);
                }
                ivr::Output::Turn(turn) => {
                    if turn.intent.is_some() {
                        self.cdr.intent.clone_from(&turn.intent);
                    }
                    let ms = now.since(self.began).as_millis() as u64;
                    let barge_in_ms = self.answering.barge_in();
                    let mut record = TurnRecord { barge_in_ms, ..TurnRecord::new(ms, turn) };
                    if let Some(sentence) = self.recognising.take() {
                        s.timers.clear((self.id, Due::Recognise(sentence.utterance)));
                        self.sentence_taken(now, sentence, &mut record);
                        s.turned = Some(self.id);
                    }
                    self.cdr.turns.push(record);
                    self.moment(now, Moment::Heard { turn: self.cdr.turns.len() - 1 }, out);
                }
                ivr::Output::LookUp { ask, request } => {
                    let line = self.dialog.plan().line.clone();
                    out.push(Output::LookUp { call: self.id, line, ask, request });
                }
                ivr::Output::LookedUp { lookup, outcome } => {
                    self.moment(now, Moment::LookedUp { lookup, outcome: outcome.into() }, out);
                }
                ivr::Output::Ticket(ticket) => self.ticket(now, ticket, s, out),
                ivr::Output::Done(outcome) => self.dialog_done(now, outcome, s, out),
            }
        }
        self.settle_tape(now, out);
        let talks = self.stage == Stage::Dialogue;
        self.expect(if talks { self.dialog.expects() } else { Expected::default() }, s, out);
        match self.dialog.deadline().filter(|_| self.stage == Stage::Dialogue) {
            Some(at) => s.timers.set((self.id, Due::Dialog), at),
            None => s.timers.clear((self.id, Due::Dialog)),
        }
    }

    fn ticket(&mut self, now: Now, ticket: ivr::Ticket, s: &Shared, out: &mut Vec<Output>) {
        self.moment(now, Moment::Ticket { number: ticket.number, kind: ticket.kind.clone() }, out);
        out.push(Output::Ticket(Box::new(TicketRecord {
            number: ticket.number,
            kind: ticket.kind,
            line: self.dialog.plan().line.clone(),
            version: self.cdr.version.clone(),
            call: self.id,
            at_unix_ms: s.epoch.unix_ms_at(now),
            caller: self.cdr.caller.clone(),
            lang: ticket.lang,
            intent: ticket.intent,
            words: ticket.words,
            values: ticket.values,
        })));
    }

    /// The first packet of what is said has left.
    pub(super) fn sounds(&mut self, at: Now, play: media::PlayId, s: &Shared, out: &mut Vec<Output>) {
        let Sound::Began { text, personal } = self.speaking.started(play, &s.library) else { return };
        if let (Some((gap_ms, gap)), Some(turn)) = (self.answering.heard(at), self.cdr.turns.last_mut()) {
            (turn.gap_ms, turn.gap) = (Some(gap_ms), Some(gap));
        }
        self.moment(at, Moment::Saying { text, personal }, out);
    }

    /// A silence, or what else the caller was waited for, is over.
    pub(super) fn dialog_due(&mut self, now: Now, s: &mut Shared, out: &mut Vec<Output>) {
        match self.stage {
            Stage::Message { recording: true } => self.message_done(now, s, out),
            Stage::Dialling => self.customer_missed(now, s, out),
            _ if self.question.is_some() => self.question_step(now, ivr::Input::Tick, s, out),
            Stage::Waiting => self.dial_failed(now, s, out),
            _ => self.dialog(now, ivr::Input::Tick, s, out),
        }
    }

    /// True where what the caller says is listened to.
    fn hears(&self, leg: LegId) -> bool {
        let listens = matches!(self.stage, Stage::Dialogue | Stage::Waiting | Stage::Survey);
        listens && leg == self.caller()
    }

    /// Listens to the caller from now on, or begins anew with the next sentence.
    pub(super) fn listen(&mut self, out: &mut Vec<Output>) {
        self.expected = Expected::default();
        let leg = self.caller();
        out.push(Output::Media(media::Command::Listen { leg, on: true }));
    }

    /// Tells the ear what the caller will say, if that is something else now.
    pub(super) fn expect(&mut self, expected: Expected, s: &Shared, out: &mut Vec<Output>) {
        let leg = self.caller();
        if s.listens && self.hears(leg) && self.expected != expected {
            self.expected = expected;
            out.push(Output::Media(media::Command::Expect { leg, expected }));
        }
    }

    /// What the caller has said, to whoever waits for it.
    pub(super) fn heard(&mut self, now: Now, input: ivr::Input, s: &mut Shared, out: &mut Vec<Output>) {
        match (self.stage, &input) {
            (Stage::Dialogue, _) => self.dialog(now, input, s, out),
            _ if self.question.is_some() => self.question_step(now, input, s, out),
            (Stage::Waiting, ivr::Input::Heard(heard)) => {
                let text = heard.text.clone();
                self.waiting_words(now, &text, s, out);
            }
            (Stage::Waiting, ivr::Input::Key(key)) => self.waiting_key(now, *key, s, out),
            (Stage::Message { recording: true }, ivr::Input::Key('#')) => self.message_done(now, s, out),
            _ => {}
        }
    }

    pub(super) fn dialog_done(&mut self, now: Now, outcome: Outcome, s: &mut Shared, out: &mut Vec<Output>) {
        match outcome {
            Outcome::Goodbye => {
                let leg = self.caller();
                if s.listens {
                    out.push(Output::Media(media::Command::Listen { leg, on: false }));
                }
                self.served = true;
                self.stage = Stage::Closing(Result::Served);
            }
            Outcome::Queue { queue, intent, words, slots, priority, .. } => {
                self.cdr.intent = intent;
                self.cdr.words = words.or(self.cdr.words.take());
                self.cdr.slots = slots;
                let request = Request { queue, priority, ..self.request() };
                self.wait_for(now, request, s, out);
            }
        }
    }

    /// The caller began to speak at `began`, which is known `now`.
    pub(super) fn speech_started(
        &mut self,
        leg: LegId,
        (began, now): (Now, Now),
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) {
        if !self.hears(leg) {
            return;
        }
        self.moment(now, Moment::SpeechStarted, out);
        if self.speaking.yields_to_speech() {
            match self.speaking.interrupt(leg, out) {
                Sound::Cut { left } => self.heard(now, ivr::Input::Cut { left }, s, out),
                _ => self.answering.interrupted(began),
            }
        }
        self.heard(now, ivr::Input::Speaking, s, out);
    }

    pub(super) fn speech_ended(
        &mut self,
        now: Now,
        leg: LegId,
        speech_ended_at: Now,
        samples: Arc<[i16]>,
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) {
        if !self.hears(leg) {
            return;
        }
        self.moment(now, Moment::SpeechEnded, out);
        if self.was_early(now, speech_ended_at, s, out) {
            return;
        }
        self.utterances += 1;
        let utterance = self.utterances;
        let (ended, samples_count) = (speech_ended_at, samples.len());
        let sentence = Sentence {
            utterance,
            handed: now,
            ended,
            over: now,
            written: None,
            waited: Duration::ZERO,
            samples: samples_count,
        };
        if let Some(before) = self.recognising.replace(sentence) {
            // The caller went on speaking: the newer sentence counts.
            s.timers.clear((self.id, Due::Recognise(before.utterance)));
        }
        s.timers.set((self.id, Due::Recognise(utterance)), now + limits::RECOGNISE_MAX);
        self.recognise(utterance, false, samples, out);
    }

    /// Has a sentence written down.
    pub(super) fn recognise(&self, utterance: u32, early: bool, samples: Arc<[i16]>, out: &mut Vec<Output>) {
        let (lang, expected) = (self.dialog.lang(), self.expected.answer);
        out.push(Output::Recognise { call: self.id, utterance, lang, expected, early, samples });
    }

    pub(super) fn recognised(
        &mut self,
        now: Now,
        utterance: u32,
        waited: Duration,
        heard: std::result::Result<Heard, NotHeard>,
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) {
        if self.recognised_early(now, utterance, waited, &heard, out)
            || self.recognising.is_none_or(|sentence| sentence.utterance != utterance)
        {
            return;
        }
        if let Some(sentence) = &mut self.recognising {
            sentence.waited = waited;
        }
        if self.stage != Stage::Dialogue {
            // In the dialogue its turn clears it, with the time that it took.
            self.recognising = None;
            s.timers.clear((self.id, Due::Recognise(utterance)));
        }
        let input = heard.map_or_else(ivr::Input::NotHeard, ivr::Input::Heard);
        self.heard(now, input, s, out);
    }

    /// A key has come by `means`, perhaps not for the first time.
    pub(super) fn pressed(
        &mut self,
        now: Now,
        leg: LegId,
        means: Means,
        key: char,
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) {
        if self.leg_mut(leg).is_none_or(|l| l.pressed.is_new(now, means, key)) {
            self.key(now, leg, key, s, out);
        }
    }

    fn key(&mut self, now: Now, leg: LegId, key: char, s: &mut Shared, out: &mut Vec<Output>) {
        if self.is_guests(leg) {
            return self.guest_key(now, leg, key, s, out);
        }
        let message = self.stage == Stage::Message { recording: true };
        if !(self.hears(leg) || message && leg == self.caller()) {
            return;
        }
        self.early = None;
        if let Some(Sentence { utterance, .. }) = self.recognising.take() {
            s.timers.clear((self.id, Due::Recognise(utterance)));
        }
        if self.speaking.yields_to_speech() || self.stage == Stage::Dialogue {
            self.speaking.stop(leg, out);
        }
        self.heard(now, ivr::Input::Key(key), s, out);
    }

    pub(super) fn say(
        &mut self,
        now: Now,
        lang: Lang,
        texts: Vec<String>,
        barge_in: bool,
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) {
        let leg = self.caller();
        let said = Said::new(lang, self.dialog.is_patient(), texts, barge_in, &s.library);
        let sound = self.speaking.say(leg, said, &mut s.library, out);
        self.begun(now, &sound, s, out);
    }

    /// Goes on with what speech has stopped.
    pub(super) fn resume(&mut self, now: Now, s: &mut Shared, out: &mut Vec<Output>) {
        let leg = self.caller();
        let sound = self.speaking.resume(leg, &mut s.library, out);
        self.begun(now, &sound, s, out);
    }

    /// A part of what is said is over: the rest of it.
    pub(super) fn go_on(&mut self, now: Now, s: &mut Shared, out: &mut Vec<Output>) {
        let leg = self.caller();
        let sound = self.speaking.start(leg, false, &mut s.library, out);
        self.begun(now, &sound, s, out);
    }

    /// Something is about to be said, or there is nothing to say.
    fn begun(&mut self, now: Now, sound: &Sound, s: &mut Shared, out: &mut Vec<Output>) {
        self.prepared(now);
        if self.speaking.is_preparing() {
            s.timers.set((self.id, Due::Render), now + limits::RENDER_MAX);
        }
        if *sound == Sound::Finished {
            self.said(now, s, out);
        }
    }

    /// What is said may have been rendered by now.
    pub(super) fn prepared(&mut self, now: Now) {
        if !self.speaking.is_preparing() {
            self.answering.rendered(now);
        }
    }

    pub(super) fn say_phrase(&mut self, now: Now, phrase: Phrase, s: &mut Shared, out: &mut Vec<Output>) {
        let lang = self.dialog.lang();
        self.say(now, lang, vec![ivr::phrase(phrase, lang).to_owned()], false, s, out);
    }

    /// Everything that was to be said has been said.
    pub(super) fn said(&mut self, now: Now, s: &mut Shared, out: &mut Vec<Output>) {
        match self.stage {
            Stage::Dialogue => self.dialog(now, ivr::Input::Spoken, s, out),
            _ if self.question.is_some() => self.question_step(now, ivr::Input::Spoken, s, out),
            Stage::Closing(result) => self.end(now, EndedBy::Line, result, s, out),
            // A voice just before the agent answers would be in the way.
            Stage::Waiting => match self.place.take().filter(|_| self.ringing.is_empty()) {
                Some((place, wait)) => self.announce(now, place, wait, s, out),
                None => {
                    let leg = self.caller();
                    self.speaking.music(leg, &s.music, &mut s.library, out);
                }
            },
            Stage::Joining => self.try_join(now, s, out),
            Stage::Message { recording: false } => self.record_message(now, s, out),
            Stage::Opening
            | Stage::Answering
            | Stage::Talking
            | Stage::Dialling
            | Stage::Survey
            | Stage::Message { recording: true } => {}
        }
    }
}
