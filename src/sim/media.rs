//! A stand-in for the media plane: legs, ports, play-outs and listening without a sound, and a strict reader of
//! commands.
//!
//! In: [`Command`]s and time. Out: [`Report`]s as the real plane makes them, and wishes to be woken. Broken rules (a
//! command on a leg that was never opened, a leg opened or closed twice, a bridge to nowhere) are collected.

use crate::asr::hangover;
use crate::base::{Direction, Expected, LegId, Now};
use crate::limits::{RTP_SILENCE_MAX, SPEECH_HANGOVER};
use crate::media::{Command, LegStats, PlayEnd, PlayId, Report, StreamSpec};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

/// One frame: the first packet of a play-out leaves within it.
const FRAME: Duration = Duration::from_millis(20);

/// When the stand-in wants to be woken, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Started {
        leg: LegId,
        turn: u64,
    },
    Ended {
        leg: LegId,
        turn: u64,
    },
    /// The peer has been silent for [`RTP_SILENCE_MAX`]; if `held`, only because it holds.
    Lost {
        leg: LegId,
        held: bool,
    },
}

/// What the stand-in wants.
#[derive(Debug)]
pub(super) enum Out {
    Wake(Duration, Due),
    Report(Report),
}

#[derive(Debug)]
struct Play {
    id: PlayId,
    all: Duration,
    left: Duration,
    /// Since when it has been running; `None` while the peer is not to hear.
    since: Option<Now>,
    started: bool,
    repeat: bool,
}

#[derive(Debug, Default)]
struct Leg {
    to: Option<StreamSpec>,
    play: Option<Play>,
    /// Bumped whenever what plays changes: wakes of before are stale.
    turn: u64,
    /// Somebody listens to it, for the so-manieth time.
    listens: Option<u32>,
    listened: u32,
    expected: Expected,
    mate: Option<LegId>,
    /// The others that are mixed with it.
    mixed: Vec<LegId>,
}

/// The stand-in.
#[derive(Debug)]
pub(super) struct Plane {
    legs: BTreeMap<LegId, (u16, Leg)>,
    free: BTreeSet<u16>,
    ports: usize,
    /// Legs that a fault has taken; their `Close` is still to come.
    faulted: BTreeSet<LegId>,
    closed: BTreeSet<LegId>,
    pub(super) opened: u64,
    pub(super) exhausted: u64,
    /// Rules that were broken.
    pub(super) broken: Vec<String>,
}

impl Plane {
    pub(super) fn new(ports: u16) -> Plane {
        Plane {
            legs: BTreeMap::new(),
            free: (0..ports).map(|i| 20_000 + 2 * i).collect(),
            ports: ports.into(),
            faulted: BTreeSet::new(),
            closed: BTreeSet::new(),
            opened: 0,
            exhausted: 0,
            broken: Vec::new(),
        }
    }

    /// Binds a port; `None` if there is none.
    pub(super) fn open(&mut self, leg: LegId, near: Option<LegId>) -> Option<u16> {
        if self.legs.contains_key(&leg) || self.closed.contains(&leg) {
            self.broken.push(format!("leg {} is opened twice", leg.0));
        }
        if let Some(near) = near.filter(|n| !self.legs.contains_key(n) && !self.faulted.contains(n)) {
            self.broken.push(format!("leg {} is opened near leg {}, which is not open", leg.0, near.0));
        }
        let Some(port) = self.free.pop_first() else {
            self.exhausted += 1;
            return None;
        };
        self.opened += 1;
        self.legs.insert(leg, (port, Leg::default()));
        Some(port)
    }

    /// Carries out a command.
    pub(super) fn command(&mut self, now: Now, command: &Command, out: &mut Vec<Out>) {
        let id = command.leg();
        if let Command::Close { leg } = command {
            return self.close(now, *leg, out);
        }
        if self.faulted.contains(&id) {
            return;
        }
        let Some((_, leg)) = self.legs.get_mut(&id) else {
            return self
                .broken
                .push(format!("{command:?} on a leg that is not open").chars().take(120).collect());
        };
        match command {
            Command::Connect { to, .. } => {
                pause(now, leg);
                leg.to = Some(*to);
                resume(now, id, leg, out);
            }
            Command::Play { play, prompts, repeat, skip_ms, .. } => {
                stop(now, id, leg, out);
                let all = Duration::from_millis(prompts.iter().map(|p| p.ms()).sum());
                let (left, skip) = (all.checked_sub(Duration::from_millis(*skip_ms)), *skip_ms);
                if left.is_none() {
                    self.broken.push(format!("leg {} is played from {skip} ms of {all:?}", id.0));
                }
                let left = left.unwrap_or_default();
                leg.play = Some(Play { id: *play, all, left, since: None, started: false, repeat: *repeat });
                resume(now, id, leg, out);
            }
            Command::Stop { .. } => stop(now, id, leg, out),
            Command::Listen { on, .. } => {
                leg.listened += 1;
                leg.listens = on.then_some(leg.listened);
                leg.expected = Expected::default();
            }
            Command::Expect { expected, .. } => leg.expected = *expected,
            Command::Bridge { a, b } => self.bridge(now, *a, *b, out),
            Command::Mix { parties } => self.mix(now, parties, out),
            Command::Unbridge { .. } => self.unbridge(id),
            Command::Open { .. } => self.broken.push(format!("leg {} is opened by command", id.0)),
            Command::Echo { .. }
            | Command::SendDigits { .. }
            | Command::Record { .. }
            | Command::Tape { .. }
            | Command::MoveRecord { .. }
            | Command::StopRecord { .. }
            | Command::Close { .. } => {}
        }
    }

    fn close(&mut self, now: Now, id: LegId, out: &mut Vec<Out>) {
        if !self.closed.insert(id) {
            return self.broken.push(format!("leg {} is closed twice", id.0));
        }
        self.unbridge(id);
        if let Some((port, mut leg)) = self.legs.remove(&id) {
            stop(now, id, &mut leg, out);
            self.free.insert(port);
        } else if !self.faulted.remove(&id) {
            self.broken.push(format!("leg {} is closed but was never opened", id.0));
        }
        out.push(Out::Report(Report::Closed { leg: id, stats: LegStats::default() }));
    }

    fn bridge(&mut self, now: Now, a: LegId, b: LegId, out: &mut Vec<Out>) {
        if self.faulted.contains(&b) {
            return;
        }
        if a == b || !self.legs.contains_key(&b) {
            return self.broken.push(format!("bridge of legs {} and {}, which is not open", a.0, b.0));
        }
        for (id, mate) in [(a, b), (b, a)] {
            self.unbridge(id);
            if let Some((_, leg)) = self.legs.get_mut(&id) {
                stop(now, id, leg, out);
                leg.mate = Some(mate);
            }
        }
    }

    fn mix(&mut self, now: Now, parties: &[(LegId, u8)], out: &mut Vec<Out>) {
        for (id, _) in parties {
            self.unbridge(*id);
            match self.legs.get_mut(id) {
                Some((_, leg)) => {
                    stop(now, *id, leg, out);
                    leg.mixed = parties.iter().map(|(other, _)| *other).filter(|other| other != id).collect();
                }
                None if self.faulted.contains(id) => {}
                None => self.broken.push(format!("mix with leg {}, which is not open", id.0)),
            }
        }
    }

    fn unbridge(&mut self, id: LegId) {
        let mate = self.legs.get_mut(&id).and_then(|(_, leg)| {
            leg.mixed.clear();
            leg.mate.take()
        });
        if let Some((_, mate)) = mate.and_then(|m| self.legs.get_mut(&m)) {
            mate.mate = None;
        }
    }

    /// Something that was to be waited for has come.
    pub(super) fn wake(&mut self, now: Now, due: Due, out: &mut Vec<Out>) {
        let id = match due {
            Due::Started { leg, .. } | Due::Ended { leg, .. } | Due::Lost { leg, .. } => leg,
        };
        let Some((_, leg)) = self.legs.get_mut(&id) else { return };
        match due {
            Due::Started { turn, .. } if turn == leg.turn => {
                if let Some(play) = leg.play.as_mut().filter(|p| !p.started) {
                    play.started = true;
                    out.push(Out::Report(Report::PlayStarted { leg: id, play: play.id, at: now }));
                }
            }
            Due::Ended { turn, .. } if turn == leg.turn => end(now, id, leg, PlayEnd::Finished, out),
            Due::Started { .. } | Due::Ended { .. } => {}
            Due::Lost { held, .. } => {
                let direction = leg.to.map(|to| to.direction);
                let holds = direction.is_some_and(|d| !d.sends());
                if direction.is_some_and(Direction::receives) && (!held || holds) {
                    out.push(Out::Report(Report::Lost { leg: id, at: now }));
                }
            }
        }
    }

    /// The peer says nothing from now on (if `held`, while it holds).
    pub(super) fn falls_silent(leg: LegId, held: bool) -> Out {
        Out::Wake(RTP_SILENCE_MAX, Due::Lost { leg, held })
    }

    /// The leg fails inside: nothing of it is left but the report.
    pub(super) fn fail(&mut self, id: LegId, out: &mut Vec<Out>) {
        self.unbridge(id);
        if let Some((port, _)) = self.legs.remove(&id) {
            self.free.insert(port);
            self.faulted.insert(id);
            out.push(Out::Report(Report::Fault { leg: id, what: "simulated".into() }));
        }
    }

    /// Which ear listens to what the peer of `leg` says, if one does.
    pub(super) fn listens(&self, leg: LegId) -> Option<u32> {
        let (_, l) = self.legs.get(&leg)?;
        l.listens.filter(|_| l.to.is_some_and(|to| to.direction.receives()))
    }

    /// The silence that ends a sentence of the peer now.
    pub(super) fn hangover(&self, leg: LegId) -> Duration {
        hangover(SPEECH_HANGOVER, self.legs.get(&leg).map_or(Expected::default(), |(_, l)| l.expected))
    }

    /// True if the leg is there and connected.
    pub(super) fn is_connected(&self, leg: LegId) -> bool {
        self.remote(leg).is_some()
    }

    /// True if the peer is to hear something and nothing is there to be heard: no play-out, nobody else.
    pub(super) fn is_silent(&self, leg: LegId) -> bool {
        self.legs.get(&leg).is_some_and(|(_, l)| {
            let alone = l.mate.is_none() && !l.mixed.iter().any(|other| self.legs.contains_key(other));
            l.to.is_some_and(|to| to.direction.sends()) && l.play.is_none() && alone
        })
    }

    /// Where the leg's audio goes.
    pub(super) fn remote(&self, leg: LegId) -> Option<SocketAddr> {
        self.legs.get(&leg).and_then(|(_, l)| l.to).map(|to| to.remote)
    }

    /// The leg whose audio goes to `remote`.
    pub(super) fn leg_to(&self, remote: SocketAddr) -> Option<LegId> {
        self.legs.keys().copied().find(|leg| self.remote(*leg) == Some(remote))
    }

    /// Every open leg.
    pub(super) fn legs(&self) -> Vec<LegId> {
        self.legs.keys().copied().collect()
    }

    /// How long what plays now will go on; `None` if nothing plays or it has no end.
    pub(super) fn plays_for(&self, leg: LegId) -> Option<Duration> {
        self.legs.get(&leg).and_then(|(_, l)| l.play.as_ref()).filter(|p| !p.repeat).map(|p| p.left)
    }

    /// What has not been given back, in words.
    pub(super) fn left(&self) -> Option<String> {
        let legs: Vec<u64> = self.legs.keys().chain(&self.faulted).map(|l| l.0).collect();
        if !legs.is_empty() {
            return Some(format!("media legs {legs:?} are still open"));
        }
        (self.free.len() != self.ports)
            .then(|| format!("{} of {} ports are not free", self.ports - self.free.len(), self.ports))
    }
}

/// Lets what plays run, if the peer is to hear it.
fn resume(now: Now, id: LegId, leg: &mut Leg, out: &mut Vec<Out>) {
    let hears = leg.to.is_some_and(|to| to.direction.sends());
    let Some(play) = leg.play.as_mut().filter(|_| hears) else { return };
    leg.turn += 1;
    play.since = Some(now);
    if !play.started {
        out.push(Out::Wake(FRAME, Due::Started { leg: id, turn: leg.turn }));
    }
    if !play.repeat {
        out.push(Out::Wake(play.left.max(FRAME), Due::Ended { leg: id, turn: leg.turn }));
    }
}

fn pause(now: Now, leg: &mut Leg) {
    leg.turn += 1;
    if let Some(play) = &mut leg.play
        && let Some(since) = play.since.take()
    {
        play.left = play.left.saturating_sub(now.since(since));
    }
}

fn stop(now: Now, id: LegId, leg: &mut Leg, out: &mut Vec<Out>) {
    pause(now, leg);
    if let Some(Play { all, left, .. }) = leg.play {
        let played_ms = all.saturating_sub(left).as_millis() as u64;
        end(now, id, leg, PlayEnd::Stopped { played_ms, left_ms: left.as_millis() as u64 }, out);
    }
}

fn end(now: Now, id: LegId, leg: &mut Leg, end: PlayEnd, out: &mut Vec<Out>) {
    leg.turn += 1;
    if let Some(play) = leg.play.take() {
        out.push(Out::Report(Report::PlayEnded { leg: id, play: play.id, end, at: now }));
    }
}
