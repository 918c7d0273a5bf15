//! What is seen at the SIP edge: bans into the log and the audit log, counts and ladders to who asks.

use super::{KEEP_AFTER, Server};
use crate::base::LegId;
use crate::drive::control::{Answer, Banned};
use crate::drive::store::{Audited, Row};
use crate::limits::SIP_TRACE_OCTETS_MAX;
use crate::sip::{self, Ban};
use tracing::warn;

impl Server {
    /// Has new bans in the log and, unless a person did it and stands there already, in the audit log.
    pub(super) fn tell_bans(&mut self) {
        for Ban { source, why, left, times } in self.endpoint.new_bans() {
            self.bans_change();
            warn!(source, %why, times, "banned for {left:?}");
            if why == sip::BY_HAND {
                continue;
            }
            let action = serde_json::json!({ "do": "ban", "source": source, "for_s": left.as_secs() });
            let (at_unix_ms, uid, action) = (self.unix_ms(), self.uid, action.to_string());
            let outcome = format!("done by the guard: {why}");
            self.store.write(Row::Audit(Audited { at_unix_ms, uid, action, outcome }));
        }
    }

    /// Has the bans written down soon.
    pub(super) fn bans_change(&mut self) {
        self.bans_changed = true;
        self.keep_at.get_or_insert(self.now() + KEEP_AFTER);
    }

    /// Has the messages of a new leg found by its call.
    pub(super) fn note_leg(&mut self, leg: Option<LegId>) {
        if let Some((leg, call)) = leg.and_then(|leg| Some((leg, self.switch.call_of(leg)?))) {
            self.endpoint.belongs(leg, call);
        }
    }

    /// The ladder of a call.
    pub(super) fn traced(&self, call: &str, full: bool) -> Answer {
        let messages = self.endpoint.trace(call);
        if messages.is_empty() {
            return Answer::Error(format!(
                "no message of call `{call}` is kept: give its number as `trunkline calls` has it, or a SIP Call-ID; only \
                 those since the start, and the newest {} MiB of messages, are kept",
                SIP_TRACE_OCTETS_MAX >> 20
            ));
        }
        let personal = self.config.server.log_personal;
        Answer::Done(sip::ladder(&messages, self.switch.epoch(), full, personal))
    }

    pub(super) fn guarded(&self) -> Answer {
        let seen = self.endpoint.overview(self.now());
        let banned = |b: Ban| Banned {
            source: b.source,
            why: b.why.into_owned(),
            left_s: b.left.as_secs(),
            times: b.times,
        };
        let named = |(why, count): (&'static str, u64)| (why.to_owned(), count);
        let alive = [
            ("transactions", seen.transactions),
            ("dialogs", seen.dialogs),
            ("calls not answered yet", seen.half_open),
            ("registered users", seen.registered),
            ("connections", self.sockets.connections()),
            ("sources remembered", seen.sources),
        ];
        let mut dropped: Vec<_> = seen.dropped.into_iter().map(named).collect();
        if self.sockets.dropped() > 0 {
            dropped.push(("a queue was full".into(), self.sockets.dropped()));
        }
        Answer::Guard {
            bans: seen.bans.into_iter().map(banned).collect(),
            dropped,
            refused: seen.refused.into_iter().map(named).collect(),
            alive: alive.map(|(what, count)| named((what, count as u64))).into(),
            overloaded: seen.overloaded,
        }
    }
}
