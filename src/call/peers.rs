//! The trunks that this server registers with, and asks whether they are alive.
//!
//! ```text
//!   register = true ─► Register ─► Registration, on every change
//!   options_s       ─► Options ──► an answer but 503, or none ─┬─► DOWN_AFTER bad ones in a row: down, called last
//!        ▲                                                     └─► UP_AFTER good ones in a row: up again
//!        └───────────── options_s, or sooner while in doubt ◄──────┘
//! ```
//! A trunk that is down is still called when all of its route are: what is measured is that it did not answer, not that it
//! cannot.

use super::event::{Output, TrunkNews};
use crate::base::{Now, Timers};
use crate::config::{Config, Trunk};
use crate::sip::{self, Command, Credentials, PeerId, Target};
use std::collections::BTreeMap;
use std::time::Duration;

/// Bad answers in a row that make a trunk down, and good ones that make it up again: one lost datagram is no outage, and a
/// server that starts is not there yet.
const DOWN_AFTER: u8 = 3;
const UP_AFTER: u8 = 2;
/// When it is asked again while in doubt.
const DOUBT: Duration = Duration::from_secs(5);
/// The registrations that are asked for.
const EXPIRES_S: u32 = 600;

/// Whether a server is alive, with hysteresis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Health {
    down: bool,
    /// Answers in a row that say otherwise.
    against: u8,
}

impl Health {
    /// Takes an answer; true if the state has changed.
    fn heard(&mut self, alive: bool) -> bool {
        self.against = if alive == self.down { self.against + 1 } else { 0 };
        let changed = self.against >= if self.down { UP_AFTER } else { DOWN_AFTER };
        if changed {
            *self = Health { down: !self.down, against: 0 };
        }
        changed
    }
}

/// One trunk.
#[derive(Debug)]
struct Peer {
    trunk: Trunk,
    credentials: Option<Credentials>,
    /// Whether the last registration was taken, and its status.
    registered: Option<(bool, u16)>,
    health: Health,
    /// An answer has come.
    heard: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Peers {
    all: BTreeMap<PeerId, Peer>,
    next: u32,
    timers: Timers<PeerId>,
}

impl Peers {
    /// Takes a configuration up: what is new is begun, what is gone is taken back, what has changed is begun anew.
    pub(super) fn take_up(&mut self, now: Now, config: &Config, out: &mut Vec<Output>) {
        let login = |trunk: &Trunk| config.logins.get(&trunk.name).cloned();
        let same = |peer: &Peer| {
            let trunk = config.server.trunk(&peer.trunk.name);
            trunk.is_some_and(|t| *t == peer.trunk && login(t) == peer.credentials)
        };
        let gone: Vec<PeerId> = self.all.iter().filter(|(_, p)| !same(p)).map(|(id, _)| *id).collect();
        for id in gone {
            self.leave(id, out);
        }
        for trunk in config.server.trunks.iter().filter(|t| t.register || t.options_every.is_some()) {
            if self.find(&trunk.name).is_some() {
                continue;
            }
            let peer = PeerId(self.next);
            self.next += 1;
            let credentials = login(trunk);
            let target = trunk.to.clone().map(Target::Name);
            if let (true, Some(registrar), Some(credentials)) = (trunk.register, target, credentials.clone())
            {
                let (user, expires_s) = (credentials.user.clone(), EXPIRES_S);
                let register = Command::Register { peer, registrar, user, credentials, expires_s };
                out.push(Output::Sip(register));
            }
            if trunk.options_every.is_some() {
                self.timers.set(peer, now);
            }
            let trunk = trunk.clone();
            let (registered, health, heard) = (None, Health::default(), false);
            self.all.insert(peer, Peer { trunk, credentials, registered, health, heard });
        }
    }

    /// Takes all registrations back: no more calls are to come.
    pub(super) fn leave_all(&mut self, out: &mut Vec<Output>) {
        for id in self.all.keys().copied().collect::<Vec<_>>() {
            self.leave(id, out);
        }
    }

    fn leave(&mut self, peer: PeerId, out: &mut Vec<Output>) {
        self.timers.clear(peer);
        if self.all.remove(&peer).is_some_and(|p| p.trunk.register) {
            out.push(Output::Sip(Command::Unregister { peer }));
        }
    }

    /// What the SIP core says of a peer.
    pub(super) fn sip(&mut self, now: Now, event: &sip::Event, out: &mut Vec<Output>) {
        let (id, news) = match *event {
            sip::Event::Registration { peer, ok, status } => {
                let Some(p) = self.all.get_mut(&peer) else { return };
                p.registered = Some((ok, status));
                (peer, Some(if ok { TrunkNews::Registered } else { TrunkNews::NotRegistered { status } }))
            }
            sip::Event::Options { peer, status } => {
                let Some(p) = self.all.get_mut(&peer) else { return };
                p.heard = true;
                let changed = p.health.heard(status.is_some_and(|s| s != 503));
                let every = p.trunk.options_every.unwrap_or(DOUBT);
                self.timers.set(peer, now + if p.health.against > 0 { DOUBT.min(every) } else { every });
                let news = if p.health.down { TrunkNews::Down { status } } else { TrunkNews::Up };
                (peer, changed.then_some(news))
            }
            _ => return,
        };
        if let (Some(peer), Some(news)) = (self.all.get(&id), news) {
            out.push(Output::Trunk { trunk: peer.trunk.name.clone(), news });
        }
    }

    /// Asks those whose time it is.
    pub(super) fn tick(&mut self, now: Now, out: &mut Vec<Output>) {
        while let Some(peer) = self.timers.pop_due(now) {
            let target = self.all.get(&peer).and_then(|p| p.trunk.to.clone()).map(Target::Name);
            out.extend(target.map(|target| Output::Sip(Command::Options { peer, target })));
        }
    }

    /// When to be called next.
    pub(super) fn deadline(&self) -> Option<Now> {
        self.timers.next().map(|(at, _)| at)
    }

    fn find(&self, trunk: &str) -> Option<&Peer> {
        self.all.values().find(|p| p.trunk.name == trunk)
    }

    /// The trunk that a call comes by our registration with.
    pub(super) fn trunk(&self, peer: Option<PeerId>) -> Option<&str> {
        Some(&self.all.get(&peer?)?.trunk.name)
    }

    /// Whether the last registration with `trunk` was taken, and its status.
    pub(super) fn registered(&self, trunk: &str) -> Option<(bool, u16)> {
        self.find(trunk)?.registered
    }

    /// Whether `trunk` is alive, if that is known.
    pub(super) fn alive(&self, trunk: &str) -> Option<bool> {
        self.find(trunk).filter(|p| p.heard).map(|p| !p.health.down)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_bad_answers_in_a_row_make_it_down_and_two_good_ones_up() {
        let mut health = Health::default();
        let mut heard = |answers: &str| answers.chars().map(|c| health.heard(c == '+')).collect::<Vec<_>>();
        assert_eq!(heard("--+--+"), [false; 6]);
        assert_eq!(heard("---"), [false, false, true]);
        assert_eq!(heard("-+-+"), [false; 4]);
        assert_eq!(heard("+"), [true]);
    }
}
