//! What is alive in the endpoint and what it has turned away, for people.

use super::endpoint::Endpoint;
use super::trace::Traced;
use super::watch::Ban;
use crate::base::{CallId, LegId, Now};
use std::collections::BTreeMap;
use std::fmt::{self, Write};

/// How the endpoint does, for people.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overview {
    pub bans: Vec<Ban>,
    /// Messages dropped without an answer, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Requests refused, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    pub transactions: usize,
    pub dialogs: usize,
    pub half_open: usize,
    /// Users with a contact.
    pub registered: usize,
    /// Sources that are remembered.
    pub sources: usize,
    pub overloaded: bool,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.dump())
    }
}

impl Endpoint {
    /// How it does.
    pub fn overview(&self, now: Now) -> Overview {
        Overview {
            bans: self.watch.bans(now),
            dropped: self.dropped.clone(),
            refused: self.refused.clone(),
            transactions: self.layer.len(),
            dialogs: self.legs.len(),
            half_open: self.offered.iter().filter(|leg| self.is_offered(**leg)).count(),
            registered: self.registrar.len(),
            sources: self.watch.sources(),
            overloaded: self.watch.overloaded(now),
        }
    }

    /// Takes note that a leg belongs to this call, for [`Endpoint::trace`].
    pub fn belongs(&mut self, leg: LegId, call: CallId) {
        self.trace.call(leg, call);
    }

    /// The messages that are kept of a call, by its number or the Call-ID of one of its legs; oldest first.
    pub fn trace(&self, call: &str) -> Vec<Traced> {
        self.trace.of(call)
    }

    /// Everything alive as text, a line each; empty when nothing is.
    pub fn dump(&self) -> String {
        let mut text = String::new();
        for (id, leg) in &self.legs {
            let (ended, unacked) = (leg.ended, leg.unacked.is_some());
            let call_id = &leg.dialog.call_id;
            let _ = writeln!(text, "leg {} {} {call_id} ended={ended} unacked={unacked}", id.0, leg.state());
        }
        for leg in self.locating.keys() {
            let _ = writeln!(text, "leg {} Locating", leg.0);
        }
        self.layer.dump(&mut text);
        self.registrar.dump(&mut text);
        for (peer, r) in &self.registrations {
            let _ = writeln!(text, "registration {} due={:?}", peer.0, r.due);
        }
        for peer in self.questions.keys() {
            let _ = writeln!(text, "question {}", peer.0);
        }
        text
    }

    /// Counts what is refused, by reason.
    pub(super) fn refuse_count(&mut self, why: &'static str) {
        *self.refused.entry(why).or_default() += 1;
    }

    /// Counts what is dropped without an answer.
    pub(super) fn drop_count(&mut self, why: &'static str) {
        *self.dropped.entry(why).or_default() += 1;
    }
}
