//! What the watch over the SIP edge has done: into the log and the audit log, and to who asks.

use super::Server;
use crate::drive::control::{Answer, Banned};
use crate::drive::store::{Audited, Row};
use crate::sip::Ban;
use tracing::warn;

impl Server {
    /// Has new bans in the log and, unless a person did it and stands there already, in the audit log.
    pub(super) fn tell_bans(&mut self) {
        for Ban { source, why, left, times } in self.endpoint.new_bans() {
            warn!(source, why, times, "banned for {left:?}");
            if why == crate::sip::BY_HAND {
                continue;
            }
            let action = serde_json::json!({ "do": "ban", "source": source, "for_s": left.as_secs() });
            let (at_unix_ms, uid, action) = (self.unix_ms(), self.uid, action.to_string());
            let outcome = format!("done by the guard: {why}");
            self.store.write(Row::Audit(Audited { at_unix_ms, uid, action, outcome }));
        }
    }

    pub(super) fn guarded(&self) -> Answer {
        let seen = self.endpoint.overview(self.now());
        let banned = |b: Ban| Banned {
            source: b.source,
            why: b.why.to_owned(),
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
