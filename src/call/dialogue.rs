//! The dialogue's part of a call: speech and keys in, prompts and an outcome out.

use super::cdr::{EndedBy, Moment, Result, TurnRecord};
use super::journey::{Call, Due, Stage};
use super::speaking::Heard as Sound;
use super::switch::{Output, Shared};
use crate::acd;
use crate::base::{Lang, LegId, Now};
use crate::ivr::{self, Heard, NotHeard, Outcome, Phrase};
use crate::limits;
use crate::media;
use std::sync::Arc;

impl Call {
    pub(super) fn dialog(&mut self, now: Now, input: ivr::Input, s: &mut Shared, out: &mut Vec<Output>) {
        if self.stage != Stage::Dialogue || self.over {
            return;
        }
        let mut wants = Vec::new();
        self.dialog.step(now, input, &mut wants);
        for want in wants {
            match want {
                ivr::Output::Say(say) => self.say(now, say.lang, say.texts, say.barge_in, s, out),
                ivr::Output::Turn(turn) => {
                    let recognise_ms = self.recognising.take().map(|(utterance, since, ended)| {
                        s.timers.clear((self.id, Due::Recognise(utterance)));
                        self.gap_from = Some(ended);
                        now.since(since).as_millis() as u64
                    });
                    if turn.intent.is_some() {
                        self.cdr.intent.clone_from(&turn.intent);
                    }
                    let ms = now.since(self.began).as_millis() as u64;
                    self.cdr.turns.push(TurnRecord { ms, turn, recognise_ms, gap_ms: None });
                    self.moment(now, Moment::Heard { turn: self.cdr.turns.len() - 1 }, out);
                }
                ivr::Output::Done(outcome) => self.dialog_done(now, outcome, s, out),
            }
        }
        match self.dialog.deadline().filter(|_| self.stage == Stage::Dialogue) {
            Some(at) => s.timers.set((self.id, Due::Dialog), at),
            None => s.timers.clear((self.id, Due::Dialog)),
        }
    }

    pub(super) fn dialog_done(&mut self, now: Now, outcome: Outcome, s: &mut Shared, out: &mut Vec<Output>) {
        let leg = self.caller();
        if s.listens {
            out.push(Output::Media(media::Command::Listen { leg, on: false }));
        }
        match outcome {
            Outcome::Goodbye => {
                self.served = true;
                self.stage = Stage::Closing(Result::Served);
            }
            Outcome::Queue { queue, intent, .. } => {
                self.stage = Stage::Waiting;
                self.queued = Some(now);
                self.cdr.queue = Some(queue.clone());
                self.cdr.intent = intent;
                self.moment(now, Moment::Queued { queue: queue.clone() }, out);
                s.acd.push(acd::Input::Enqueue { call: self.id, request: acd::Request::to(queue) });
            }
        }
    }

    pub(super) fn speech_started(&mut self, leg: LegId, now: Now, s: &mut Shared, out: &mut Vec<Output>) {
        if self.stage != Stage::Dialogue || leg != self.caller() {
            return;
        }
        self.moment(now, Moment::SpeechStarted, out);
        if self.speaking.yields_to_speech() {
            self.speaking.stop(leg, out);
        }
        self.dialog(now, ivr::Input::Speaking, s, out);
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
        if self.stage != Stage::Dialogue || leg != self.caller() {
            return;
        }
        self.moment(now, Moment::SpeechEnded, out);
        self.utterances += 1;
        let utterance = self.utterances;
        if let Some((before, ..)) = self.recognising.replace((utterance, now, speech_ended_at)) {
            // The caller went on speaking: the newer sentence counts.
            s.timers.clear((self.id, Due::Recognise(before)));
        }
        s.timers.set((self.id, Due::Recognise(utterance)), now + limits::RECOGNISE_MAX);
        out.push(Output::Recognise { call: self.id, utterance, lang: self.dialog.lang(), samples });
    }

    pub(super) fn recognised(
        &mut self,
        now: Now,
        utterance: u32,
        heard: std::result::Result<Heard, NotHeard>,
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) {
        if self.recognising.is_none_or(|(waiting_for, ..)| waiting_for != utterance) {
            return;
        }
        let input = heard.map_or_else(ivr::Input::NotHeard, ivr::Input::Heard);
        self.dialog(now, input, s, out);
    }

    pub(super) fn key(&mut self, now: Now, leg: LegId, key: char, s: &mut Shared, out: &mut Vec<Output>) {
        if leg != self.caller() || self.stage != Stage::Dialogue {
            return;
        }
        if let Some((utterance, ..)) = self.recognising.take() {
            s.timers.clear((self.id, Due::Recognise(utterance)));
        }
        self.speaking.stop(leg, out);
        self.dialog(now, ivr::Input::Key(key), s, out);
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
        let sound = self.speaking.say(leg, (lang, texts, barge_in), &mut s.library, out);
        if self.speaking.is_preparing() {
            s.timers.set((self.id, Due::Render), now + limits::RENDER_MAX);
        }
        if sound == Sound::Finished {
            self.said(now, s, out);
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
            Stage::Closing(result) => self.end(now, EndedBy::Line, result, s, out),
            Stage::Waiting => match self.place.take() {
                Some(place) => self.announce(now, place, s, out),
                None => {
                    let leg = self.caller();
                    self.speaking.music(leg, &s.music, &mut s.library, out);
                }
            },
            Stage::Joining => self.join(now, s, out),
            Stage::Opening | Stage::Answering | Stage::Talking => {}
        }
    }

    pub(super) fn announce(&mut self, now: Now, place: usize, s: &mut Shared, out: &mut Vec<Output>) {
        let lang = self.dialog.lang();
        self.moment(now, Moment::Place { place }, out);
        self.say(now, lang, vec![ivr::position(lang, place)], false, s, out);
    }
}
