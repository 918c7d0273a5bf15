//! The promises of the product, each kept by a small type of its own that looks on and says when one is broken.
//!
//! | check             | promise                                                                                     |
//! |-------------------|---------------------------------------------------------------------------------------------|
//! | one-record        | every accepted call ends once, with one record and one outcome, which agree                 |
//! | ends-in-time      | a call whose caller has gone is recorded at once (the streams' figures may take 2 s)        |
//! | one-call-an-agent | no agent with two calls or two ringing phones; who talks with a caller is alone with it     |
//! | no-ghosts         | no dialog without a call: at most two for each, but for what rings and supervisors          |
//! | guests-leave      | a supervisor's leg never outlives the call                                                  |
//! | callbacks         | who is to be called back keeps its place, and it ends one way: talked, given up, cancelled  |
//! | nobody-stuck      | no agent rings longer than the lease, or is engaged with a call that is over                |
//! | queue-order       | within a queue, whoever has waited longest is offered first                                 |
//! | wait-bounded      | no wait beyond the queue's `max_wait_s`                                                     |
//! | no-dead-air       | a caller who has been answered, or has said something, hears something soon                 |
//! | sums              | results add up to calls; times in a record fit together                                     |
//! | no-silence        | whoever was joined to an agent hears somebody or something from then on                     |
//! | media-rules       | commands only on open legs, bridges between open legs, nothing opened or closed twice       |
//! | nothing-left      | in the end no leg, port, timer, dialog, transaction or reservation is left                  |
//! | comes-to-rest     | no instant goes on for ever                                                                 |
//!
//! The last four are looked after by the stand-in for the media plane and by the world itself.

mod agents;
mod callbacks;
mod calls;
mod queues;

use crate::acd::{AcdEvent, AgentView};
use crate::base::{CallId, Now};
use crate::call::{Cdr, Moment};
use crate::config::Config;
use crate::sip::{Command, Event};
use serde::Serialize;
use std::fmt;

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    pub check: &'static str,
    pub at_ms: u64,
    pub what: String,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}.{:03} s: {}", self.check, self.at_ms / 1000, self.at_ms % 1000, self.what)
    }
}

/// Something that the checks are shown.
#[derive(Debug)]
pub(super) enum Seen<'a> {
    /// Between the switch and the server's endpoint.
    Command(&'a Command),
    Event(&'a Event),
    Moment {
        call: CallId,
        moment: &'a Moment,
    },
    Record(&'a Cdr),
    /// All agents, after a change and now and then.
    Agents(&'a [AgentView]),
    /// Something happened in the ACD.
    Acd(&'a AcdEvent),
    /// Everything is over.
    End,
}

/// One promise.
trait Check {
    fn name(&self) -> &'static str;

    /// Looks at what has happened; says what is wrong.
    fn see(&mut self, now: Now, seen: &Seen<'_>) -> Option<String>;
}

/// All checks, and the first verdict.
pub(super) struct Checks {
    all: Vec<Box<dyn Check>>,
    pub(super) verdict: Option<Verdict>,
    /// Calls that the server accepted.
    pub(super) calls: u64,
}

impl Checks {
    pub(super) fn new(config: &Config) -> Checks {
        let queues = &config.setup.queues;
        let ring = queues.iter().map(|q| q.ring).max().unwrap_or_default();
        Checks {
            all: vec![
                Box::new(calls::OneRecord::default()),
                Box::new(calls::EndsInTime::default()),
                Box::new(calls::NoDeadAir::default()),
                Box::new(calls::Sums::default()),
                Box::new(agents::OneCallAnAgent::default()),
                Box::new(agents::NoGhosts::default()),
                Box::new(agents::NobodyStuck::new(ring)),
                Box::new(agents::GuestsLeave::default()),
                Box::new(callbacks::Callbacks::default()),
                Box::new(queues::QueueOrder::new(queues)),
                Box::new(queues::WaitBounded::new(queues)),
            ],
            verdict: None,
            calls: 0,
        }
    }

    pub(super) fn see(&mut self, now: Now, seen: &Seen<'_>) {
        if let Seen::Moment { moment: Moment::Incoming { .. }, .. } = seen {
            self.calls += 1;
        }
        for check in &mut self.all {
            if let Some(what) = check.see(now, seen) {
                let verdict = Verdict { check: check.name(), at_ms: now.ms(), what };
                self.verdict.get_or_insert(verdict);
            }
        }
    }

    pub(super) fn blame(&mut self, verdict: Verdict) {
        self.verdict.get_or_insert(verdict);
    }
}

/// A word of an enum as the record writes it.
pub(super) fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}
