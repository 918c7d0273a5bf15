//! The teardown table: who ends × what closes × who is told. One test a row in `tests.rs`.
//!
//! | who ends                        | caller's leg      | agent's leg        | ACD is told         | result           |
//! |---------------------------------|-------------------|--------------------|---------------------|------------------|
//! | caller, before the answer       | closed            | –                  | –                   | not-answered     |
//! | caller, in the dialogue         | closed            | –                  | –                   | left-in-dialog   |
//! | caller, after being served      | closed            | –                  | –                   | served           |
//! | caller, waiting                 | closed            | –                  | caller gone         | abandoned        |
//! | caller, a phone rings           | closed            | CANCEL             | caller gone         | abandoned        |
//! | caller, talking                 | closed            | BYE                | caller gone         | connected        |
//! | agent, phone rings              | stays, music      | closed             | offer failed        | – (waits on)     |
//! | a fault of a ringing phone's leg| stays, music      | CANCEL             | offer failed        | – (waits on)     |
//! | agent, talking                  | BYE               | closed             | caller gone         | connected        |
//! | agent, talking, with a survey   | question, then BYE| closed             | talk ended          | connected        |
//! | agent, in a conference          | stays             | closed             | talk ended          | – (goes on)      |
//! | agent, by transfer              | stays, music      | BYE                | talk ended, waits   | – (goes on)      |
//! | a guest                         | stays             | stays              | –                   | – (goes on)      |
//! | who is to replace a party        | stays             | stays              | –                   | – (goes on)      |
//! | a party that is replaced        | BYE, or stays     | stays, or BYE      | –                   | – (goes on)      |
//! | a trunk, for a number outside  | stays             | closed, the next   | –                   | – (goes on)      |
//! | a customer called back, no answer| –                | BYE                | callback missed     | not-reached      |
//! | the line, said goodbye          | BYE               | –                  | –                   | served           |
//! | the line, nobody came           | message, then BYE | CANCEL if ringing  | (it said so)        | nobody-free      |
//! | no port, bad offer              | 503, 488          | –                  | –                   | not-answered     |
//! | caller's stream lost, or a fault| BYE               | CANCEL or BYE      | caller gone         | failed           |
//! | the same of the talking agent's | BYE               | BYE                | caller gone         | failed           |
//! | the server stops, call too long | BYE               | CANCEL or BYE      | caller gone         | failed           |
//!
//! Whatever the row: every leg's stream is closed, every timer of the call is cleared, and the record is written when
//! the figures of all streams are in, or after [`FIGURES_WITHIN`].

use super::agent_side::offer_failure;
use super::cdr::{EndedBy, Moment, Result};
use super::event::Output;
use super::journey::{AgentSide, Call, Due, Stage};
use super::switch::Shared;
use crate::acd;
use crate::base::{LegId, Now};
use crate::media;
use crate::sip::{self, EndCause};
use std::time::Duration;

/// How long the record waits for the figures of the streams.
const FIGURES_WITHIN: Duration = Duration::from_secs(2);

impl Call {
    /// The peer's words for why it hangs up, which it is about to do.
    pub(super) fn reason(&mut self, now: Now, leg: LegId, reason: String, out: &mut Vec<Output>) {
        if let Some(who) = self.leg_mut(leg).map(|leg| leg.who.clone()) {
            self.moment(now, Moment::Reason { who, reason }, out);
        }
    }

    /// A leg's dialog is over.
    pub(super) fn leg_ended(
        &mut self,
        now: Now,
        leg: LegId,
        cause: &EndCause,
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) {
        let caller = leg == self.caller();
        let Some(found) = self.leg_mut(leg) else { return };
        let was_alive = std::mem::take(&mut found.sip);
        let was_up = found.up;
        if !was_alive {
            return;
        }
        if self.is_replacing(leg) {
            return self.replacement_gone(leg, s, out);
        }
        let fault = !matches!(cause, EndCause::PeerHungUp | EndCause::PeerCancelled | EndCause::WeHungUp);
        if !was_up && self.try_next_trunk(now, leg, cause, s, out) {
            return;
        }
        if caller && self.is_callback() && !was_up {
            self.customer_missed(now, s, out);
        } else if caller {
            let (by, result) = match fault {
                false => (EndedBy::Caller, self.result_if_caller_leaves()),
                true if self.answered.is_none() => (EndedBy::Fault, Result::NotAnswered),
                true => (EndedBy::Fault, Result::Failed),
            };
            if fault {
                self.moment(now, Moment::Fault { what: format!("caller's dialog: {cause:?}") }, out);
            }
            self.end(now, by, result, s, out);
        } else if self.is_guests(leg) {
            self.guest_gone(now, leg, s, out);
        } else if was_up && self.stage == Stage::Dialling {
            self.customer_missed(now, s, out);
        } else if was_up && self.is_agents(leg) && !fault && self.survey(now, s, out) {
            // The caller stays a moment longer.
        } else if was_up && self.is_agents(leg) && self.goes_on_without_agent(now, s, out) {
            // A party of the conference has taken the agent's place.
        } else if was_up && matches!(self.stage, Stage::Joining | Stage::Talking) {
            let (by, result) =
                if fault { (EndedBy::Fault, Result::Failed) } else { (EndedBy::Agent, Result::Connected) };
            self.end(now, by, result, s, out);
        } else {
            let (why, text) = offer_failure(cause);
            self.offer_failed(now, leg, why, &text, s, out);
        }
    }

    /// Ends the call, whatever its state: closes every leg, tells the ACD, clears the timers. Happens once.
    pub(super) fn end(
        &mut self,
        now: Now,
        by: EndedBy,
        result: Result,
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) {
        if self.over {
            return;
        }
        self.over = true;
        // What is still being rendered is for nobody.
        (self.speaking, self.briefing) = Default::default();
        let reason = match by {
            EndedBy::Fault => "failure",
            _ => "call ended",
        };
        for leg in self.legs() {
            self.close_leg(leg, reason, out);
        }
        // Whoever is being called back already is another call's by now.
        if self.is_callback() || !s.tickets.contains_key(&self.ticket) {
            s.acd.push(acd::Input::CallerGone { call: self.ticket });
        }
        s.acd.extend(self.own_call(false));
        s.acd.extend(self.agent.as_ref().and_then(AgentSide::taken_over));
        self.send_guests_away(s, out);
        self.clear_timers(s);
        self.settle_times(now);
        self.cdr.ended_by = by;
        self.cdr.result = result;
        self.cdr.total_ms = now.since(self.began).as_millis() as u64;
        self.cdr.answered_ms = self.answered.map_or(0, |at| now.since(at).as_millis() as u64);
        self.moment(now, Moment::Ended { by, result }, out);
        s.timers.set((self.id, Due::Record), now + FIGURES_WITHIN);
    }

    /// Closes one leg: its dialog if it still lives, and its stream.
    pub(super) fn close_leg(&mut self, leg: LegId, reason: &'static str, out: &mut Vec<Output>) {
        let Some(leg) = self.leg_mut(leg) else { return };
        if std::mem::take(&mut leg.sip) {
            out.push(Output::Sip(sip::Command::Hangup { leg: leg.id, reason }));
        }
        if leg.addr.is_some() && leg.stats.is_none() {
            if std::mem::replace(&mut leg.closing, true) {
                return;
            }
            out.push(Output::Media(media::Command::Close { leg: leg.id }));
        } else if leg.addr.is_none() {
            // Never opened: there are no figures to wait for. A port that comes late is given back at once.
            leg.stats = Some(media::LegStats::default());
        }
    }

    /// The result if the caller hangs up now.
    pub(super) fn result_if_caller_leaves(&self) -> Result {
        if self.answered.is_none() {
            Result::NotAnswered
        } else if self.bridged.is_some() || self.cdr.transfers > 0 || self.stage == Stage::Survey {
            Result::Connected
        } else if self.queued.is_some() {
            Result::Abandoned
        } else if self.served {
            Result::Served
        } else {
            Result::LeftInDialog
        }
    }
}
