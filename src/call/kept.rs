//! What survives a restart: the ACD's part, and whom to call back.

use super::callback::Booking;
use super::switch::Switch;
use crate::acd;
use crate::base::{CallId, Lang, Now, Pii};
use crate::sip::{Flow, Transport};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// What is to be kept for a restart.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Kept {
    acd: acd::Snapshot,
    callbacks: Vec<KeptBooking>,
    #[serde(default)]
    closed_by_hand: BTreeSet<String>,
}

/// A [`Booking`] without what the configuration has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct KeptBooking {
    ticket: CallId,
    line: String,
    lang: Lang,
    number: String,
    #[serde(default)]
    private: bool,
    dialled: String,
    queue: Option<String>,
    intent: Option<String>,
    first: CallId,
    #[serde(default)]
    transport: String,
    local: SocketAddr,
    remote: SocketAddr,
    #[serde(default)]
    trunk: Option<String>,
}

impl Switch {
    /// What is to be kept for a restart. Holds the numbers of those to be called back: personal.
    pub fn keep(&self, now: Now) -> Kept {
        let booking = |(ticket, b): (&CallId, &Booking)| KeptBooking {
            ticket: *ticket,
            line: b.plan.line.clone(),
            lang: b.lang,
            number: b.number.reveal().clone(),
            private: b.private,
            dialled: b.dialled.clone(),
            queue: b.queue.clone(),
            intent: b.intent.clone(),
            first: b.first,
            transport: b.way.transport.name().into(),
            local: b.way.local,
            remote: b.way.remote,
            trunk: b.trunk.clone(),
        };
        Kept {
            acd: self.acd.snapshot(now),
            callbacks: self.shared.callbacks.iter().map(booking).collect(),
            closed_by_hand: self.closed_by_hand.clone(),
        }
    }

    /// Takes up what was kept. A callback for a line that is gone is given up by the ACD when its turn comes.
    pub(super) fn take_up(&mut self, now: Now, kept: &Kept, out: &mut Vec<super::Output>) {
        for k in &kept.callbacks {
            let Some(plan) = self.shared.config.lines.iter().find(|l| l.line == k.line).cloned() else {
                continue;
            };
            let transport = Transport::of(&k.transport).unwrap_or(Transport::Udp);
            let booking = Booking {
                way: Flow { transport, local: k.local, remote: k.remote },
                trunk: k.trunk.clone(),
                number: Pii::new(k.number.clone()),
                private: k.private,
                dialled: k.dialled.clone(),
                plan,
                lang: k.lang,
                queue: k.queue.clone(),
                intent: k.intent.clone(),
                first: k.first,
            };
            self.shared.callbacks.insert(k.ticket, booking);
        }
        let mut wants = Vec::new();
        self.closed_by_hand.clone_from(&kept.closed_by_hand);
        self.acd.restore(now, &kept.acd, &mut wants);
        self.keep_hours(now);
        self.settle(now, wants, out);
    }
}
