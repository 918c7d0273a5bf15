//! Voicemail: a caller whom nobody could serve leaves a message.
//!
//! ```text
//! "please speak after the tone" ─► tone ─► recording ─► #, hang-up or two minutes ─► goodbye
//! ```

use super::cdr::{Moment, Result};
use super::event::Output;
use super::journey::{Call, Due, Stage};
use super::switch::Shared;
use crate::base::Now;
use crate::ivr::Phrase;
use crate::limits::VOICEMAIL_MAX;
use crate::media;

impl Call {
    /// Asks for a message.
    pub(super) fn take_message(&mut self, now: Now, s: &mut Shared, out: &mut Vec<Output>) {
        self.settle_times(now);
        self.stage = Stage::Message { recording: false };
        self.say_phrase(now, Phrase::LeaveMessage, s, out);
    }

    /// The words before the tone are said: the tone, and the recording begins with it.
    pub(super) fn record_message(&mut self, now: Now, s: &mut Shared, out: &mut Vec<Output>) {
        let Some(folder) = &s.voicemail else { return self.message_done(now, s, out) };
        let leg = self.caller();
        let name = format!("{}-{}-message.wav", self.cdr.line, self.id.0);
        out.push(Output::Media(media::Command::Record { leg, file: folder.join(&name) }));
        self.cdr.message = Some(name);
        self.stage = Stage::Message { recording: true };
        let tone = s.tone.clone();
        self.speaking.sound(leg, &tone, &mut s.library, out);
        s.timers.set((self.id, Due::Dialog), now + VOICEMAIL_MAX);
    }

    /// The caller has said what there was to say.
    pub(super) fn message_done(&mut self, now: Now, s: &mut Shared, out: &mut Vec<Output>) {
        let leg = self.caller();
        s.timers.clear((self.id, Due::Dialog));
        if self.cdr.message.is_some() {
            out.push(Output::Media(media::Command::StopRecord { leg }));
            self.moment(now, Moment::MessageLeft, out);
        }
        self.stage = Stage::Closing(Result::Message);
        self.say_phrase(now, Phrase::Goodbye, s, out);
    }
}
