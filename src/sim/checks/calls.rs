//! What is promised about each call: one record, in time, and a line that speaks.

use super::{Check, Seen, word};
use crate::base::{CallId, LegId, Now};
use crate::call::{Cdr, Moment};
use crate::limits::{RECOGNISE_MAX, RENDER_MAX};
use crate::sip::{Command, Event};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Every accepted call ends once, with one record and one outcome, which agree.
#[derive(Debug, Default)]
pub(super) struct OneRecord {
    open: BTreeSet<CallId>,
    ended: BTreeSet<CallId>,
    recorded: BTreeSet<CallId>,
}

impl Check for OneRecord {
    fn name(&self) -> &'static str {
        "one-record"
    }

    fn see(&mut self, _now: Now, seen: &Seen<'_>) -> Option<String> {
        match seen {
            Seen::Moment { call, moment: Moment::Incoming { .. } } => (!self.open.insert(*call)
                || self.recorded.contains(call))
            .then(|| format!("call {} begins twice", call.0)),
            Seen::Moment { call, moment: Moment::Ended { .. } } => {
                (!self.ended.insert(*call)).then(|| format!("call {} ends twice", call.0))
            }
            Seen::Moment { call, .. } => {
                self.recorded.contains(call).then(|| format!("call {} goes on after its record", call.0))
            }
            Seen::Record(cdr) => self.record(cdr),
            Seen::End => (!self.open.is_empty()).then(|| format!("calls without a record: {:?}", self.open)),
            Seen::Acd(_) | Seen::Command(_) | Seen::Event(_) | Seen::Agents(_) => None,
        }
    }
}

impl OneRecord {
    fn record(&mut self, cdr: &Cdr) -> Option<String> {
        let known = self.open.remove(&cdr.id);
        if !known || !self.recorded.insert(cdr.id) {
            return Some(format!("call {} is recorded twice, or never began", cdr.id.0));
        }
        match cdr.moments.last().map(|m| &m.moment) {
            Some(Moment::Ended { by, result }) if (*by, *result) == (cdr.ended_by, cdr.result) => None,
            last => {
                Some(format!("call {}: record says {:?}, its last moment {last:?}", cdr.id.0, cdr.result))
            }
        }
    }
}

/// A call whose caller has gone is over at once, and recorded when the streams' figures are in.
#[derive(Debug, Default)]
pub(super) struct EndsInTime {
    /// The caller's leg that came in and has no call yet, and whose leg is whose.
    incoming: Option<LegId>,
    legs: BTreeMap<LegId, CallId>,
    open: BTreeSet<CallId>,
    gone: BTreeMap<CallId, Now>,
}

/// The streams' figures may take two seconds.
const RECORD_WITHIN: Duration = Duration::from_secs(3);

impl Check for EndsInTime {
    fn name(&self) -> &'static str {
        "ends-in-time"
    }

    fn see(&mut self, now: Now, seen: &Seen<'_>) -> Option<String> {
        match seen {
            Seen::Event(Event::Incoming(incoming)) => self.incoming = Some(incoming.leg),
            Seen::Command(Command::Refuse { leg, .. }) if self.incoming == Some(*leg) => self.incoming = None,
            Seen::Moment { call, moment: Moment::Incoming { .. } } => {
                self.open.insert(*call);
                if let Some(leg) = self.incoming.take() {
                    self.legs.insert(leg, *call);
                }
            }
            Seen::Event(Event::Ended { leg, .. }) => {
                if let Some(call) = self.legs.remove(leg).filter(|call| self.open.contains(call)) {
                    self.gone.insert(call, now);
                }
            }
            Seen::Record(cdr) => {
                self.open.remove(&cdr.id);
                self.gone.remove(&cdr.id);
            }
            Seen::Acd(_)
            | Seen::Command(_)
            | Seen::Event(_)
            | Seen::Moment { .. }
            | Seen::Agents(_)
            | Seen::End => {}
        }
        let late = |since: &Now| matches!(seen, Seen::End) || now.since(*since) > RECORD_WITHIN;
        let (call, since) = self.gone.iter().find(|(_, since)| late(since))?;
        Some(format!("call {}: the caller is gone since {} ms, and there is no record", call.0, since.ms()))
    }
}

/// A caller who has been answered, or has had a turn, hears something soon. Silence makes people hang up.
#[derive(Debug, Default)]
pub(super) struct NoDeadAir {
    waits: BTreeMap<CallId, Now>,
    /// A caller who holds hears nothing, and play-outs wait.
    held: BTreeSet<CallId>,
    /// Callers who wait for an agent, or did.
    queued: BTreeSet<CallId>,
}

/// A prompt that takes too long to render is left out, and the dialogue then waits six seconds for an answer to it.
const SOUND_WITHIN: Duration =
    RENDER_MAX.saturating_add(RECOGNISE_MAX).saturating_add(Duration::from_secs(8));

impl Check for NoDeadAir {
    fn name(&self) -> &'static str {
        "no-dead-air"
    }

    fn see(&mut self, now: Now, seen: &Seen<'_>) -> Option<String> {
        match seen {
            Seen::Moment { call, moment } => match moment {
                // Music answers whoever speaks while waiting.
                Moment::SpeechEnded if self.queued.contains(call) => {}
                Moment::Answered | Moment::Heard { .. } | Moment::SpeechEnded | Moment::LookedUp { .. } => {
                    self.waits.entry(*call).or_insert(now);
                }
                Moment::Held { .. } => {
                    self.held.insert(*call);
                    self.waits.remove(call);
                }
                Moment::Resumed { .. } => {
                    self.held.remove(call);
                    // What plays goes on from here.
                    self.waits.entry(*call).and_modify(|since| *since = now);
                }
                Moment::Queued { .. } => {
                    self.queued.insert(*call);
                    self.waits.remove(call);
                }
                // Somebody who speaks, waits with music or talks is not in silence.
                Moment::Saying { .. }
                | Moment::SpeechStarted
                | Moment::Bridged { .. }
                | Moment::Transferred { .. }
                | Moment::Ended { .. } => {
                    self.waits.remove(call);
                }
                // A prompt that cannot be rendered is left out.
                Moment::Incoming { .. }
                | Moment::Refused { .. }
                | Moment::Place { .. }
                | Moment::Offered { .. }
                | Moment::OfferFailed { .. }
                | Moment::Overflow { .. }
                | Moment::Dialled { .. }
                | Moment::LeftQueue
                | Moment::Ticket { .. }
                | Moment::CallbackBooked
                | Moment::MessageLeft
                | Moment::Recording { .. }
                | Moment::RecordingEnded { .. }
                | Moment::Survey { .. }
                | Moment::Supervised { .. }
                | Moment::GuestLeft { .. }
                | Moment::Replaced { .. }
                | Moment::Reason { .. }
                | Moment::Fault { .. } => {}
            },
            Seen::Record(cdr) => {
                self.held.remove(&cdr.id);
                self.queued.remove(&cdr.id);
                self.waits.remove(&cdr.id);
            }
            Seen::Acd(_) | Seen::Command(_) | Seen::Event(_) | Seen::Agents(_) | Seen::End => {}
        }
        let silent =
            |(call, since): &(&CallId, &Now)| !self.held.contains(call) && now.since(**since) > SOUND_WITHIN;
        let (call, since) = self.waits.iter().find(silent)?;
        Some(format!("call {} has heard nothing since {} ms", call.0, since.ms()))
    }
}

/// Results add up to calls, and the times in a record fit together.
#[derive(Debug, Default)]
pub(super) struct Sums {
    began: u64,
    results: BTreeMap<String, u64>,
}

impl Check for Sums {
    fn name(&self) -> &'static str {
        "sums"
    }

    fn see(&mut self, _now: Now, seen: &Seen<'_>) -> Option<String> {
        match seen {
            Seen::Moment { moment: Moment::Incoming { .. }, .. } => self.began += 1,
            Seen::Record(cdr) => {
                *self.results.entry(word(&cdr.result)).or_default() += 1;
                let Cdr { total_ms, answered_ms, wait_ms, talk_ms, .. } = **cdr;
                if answered_ms > total_ms || wait_ms + talk_ms > answered_ms {
                    return Some(format!(
                        "call {}: total {total_ms}, answered {answered_ms}, wait {wait_ms}, talk {talk_ms} ms",
                        cdr.id.0
                    ));
                }
            }
            Seen::End => {
                let sum: u64 = self.results.values().sum();
                if sum != self.began {
                    return Some(format!("{} calls, but results {:?}", self.began, self.results));
                }
            }
            Seen::Acd(_) | Seen::Command(_) | Seen::Event(_) | Seen::Moment { .. } | Seen::Agents(_) => {}
        }
        None
    }
}
