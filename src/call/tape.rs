//! The recording of a call: paused or masked by a supervisor, masked while the dialogue asks for what is secret, ended by a full
//! disk, and carried on where the customer goes on at another phone.
//!
//! | by hand | a secret is asked for | the file has                                   |
//! |---------|-----------------------|------------------------------------------------|
//! | resumed | no                    | everything                                     |
//! | resumed | yes                   | silence for as long as it lasts                |
//! | masked  | –                     | the same                                       |
//! | paused  | –                     | nothing: what follows comes right after        |

use super::cdr::Moment;
use super::event::Output;
use super::journey::{Call, Stage};
use super::switch::Switch;
use crate::base::{CallId, LegId, Now};
use crate::media::{Command, Taping};

/// What is to be recorded.
#[derive(Debug, Default)]
pub(super) struct Tape {
    by_hand: Taping,
    /// What the media plane was last told.
    told: Taping,
    /// It ended before the call.
    ended: bool,
}

impl Switch {
    /// Pauses, masks or resumes the recording of `call`.
    ///
    /// # Errors
    /// There is no such call, or it is not recorded. Nothing has changed then.
    pub fn tape(
        &mut self,
        now: Now,
        call: CallId,
        taping: Taping,
        out: &mut Vec<Output>,
    ) -> Result<(), String> {
        let call = self.shared.tickets.get(&call).copied().unwrap_or(call);
        let found = self.calls.get_mut(&call).ok_or_else(|| format!("no call {} is in progress", call.0))?;
        if found.over || found.tape.ended || found.cdr.recording.is_none() {
            return Err(format!("call {} is not being recorded", call.0));
        }
        found.tape.by_hand = taping;
        found.settle_tape(now, out);
        Ok(())
    }
}

impl Call {
    /// Tells the media plane if something else is to be recorded now.
    pub(super) fn settle_tape(&mut self, now: Now, out: &mut Vec<Output>) {
        let secret = self.stage == Stage::Dialogue && self.dialog.asks_for_a_secret();
        let taping = match self.tape.by_hand {
            Taping::On if secret => Taping::Masked,
            by_hand => by_hand,
        };
        if self.cdr.recording.is_none() || self.tape.ended || self.tape.told == taping {
            return;
        }
        self.tape.told = taping;
        out.push(Output::Media(Command::Tape { leg: self.caller(), taping }));
        self.moment(now, Moment::Recording { state: taping }, out);
    }

    /// The recording could not be written any more; the call goes on.
    pub(super) fn tape_ended(&mut self, now: Now, leg: LegId, why: String, out: &mut Vec<Output>) {
        self.tape.ended = true;
        out.push(Output::Media(Command::StopRecord { leg }));
        self.moment(now, Moment::RecordingEnded { why }, out);
    }

    /// The customer goes on at `to`: so does the recording.
    pub(super) fn tape_moves(&self, from: LegId, to: LegId, out: &mut Vec<Output>) {
        if self.cdr.recording.is_some() {
            out.push(Output::Media(Command::MoveRecord { from, to }));
        }
    }
}
