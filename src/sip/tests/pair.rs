//! Two endpoints on virtual time over a seeded network that loses, repeats and reorders.

use super::{addr, answer, flow, ms, to_node_1};
use crate::base::{LegId, Now, Pii};
use crate::sip::*;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::time::Duration;

/// Two endpoints and what is on its way between them.
pub(super) struct World {
    pub(super) now: Now,
    pub(super) nodes: [Endpoint; 2],
    queue: BTreeMap<(Now, u64), (usize, Input)>,
    serial: u64,
    rng: fastrand::Rng,
    /// Percent lost, and as many repeated and delayed by up to a second.
    loss: u8,
    pub(super) events: [Vec<Event>; 2],
    wire: Vec<String>,
}

impl World {
    pub(super) fn new(seed: u64, loss: u8) -> World {
        let accounts = BTreeMap::from([("ann".to_owned(), Pii::new("secret".to_owned()))]);
        let node =
            |i| Endpoint::new(Config { seed: seed * 2 + i, accounts: accounts.clone(), ..Config::default() });
        let rng = fastrand::Rng::with_seed(seed);
        let (events, now) = (Default::default(), Now(1_000_000));
        World {
            now,
            nodes: [node(0), node(1)],
            queue: BTreeMap::new(),
            serial: 0,
            rng,
            loss,
            events,
            wire: vec![],
        }
    }

    pub(super) fn at(&mut self, after: Duration, node: usize, input: Input) {
        self.serial += 1;
        self.queue.insert((self.now + after, self.serial), (node, input));
    }

    pub(super) fn command(&mut self, after: Duration, node: usize, command: Command) {
        self.at(after, node, Input::Command(command));
    }

    /// Takes the earliest thing that is due; false when nothing is.
    pub(super) fn turn(&mut self, react: &mut impl FnMut(&mut World, usize, &Event)) -> bool {
        let timer = (0..2).filter_map(|i| Some((self.nodes[i].deadline()?, i))).min();
        let message = self.queue.keys().next().copied();
        let (node, input) = match (timer, message) {
            (None, None) => return false,
            (Some((at, node)), m) if m.is_none_or(|(m, _)| at < m) => {
                self.now = self.now.max(at);
                (node, Input::Tick)
            }
            (_, Some(key)) => {
                self.now = self.now.max(key.0);
                self.queue.remove(&key).unwrap()
            }
            (Some(_), None) => unreachable!(),
        };
        let mut out = Vec::new();
        self.nodes[node].step(self.now, input, &mut out);
        for output in out {
            match output {
                Output::Transmit { flow, message } => self.transmit(flow, &message),
                Output::Locate { .. } => {}
                Output::Event(event) => {
                    react(self, node, &event);
                    self.events[node].push(event);
                }
            }
        }
        true
    }

    pub(super) fn transmit(&mut self, flow: Flow, message: &Bytes) {
        let line = String::from_utf8_lossy(message);
        self.wire.push(line.lines().next().unwrap_or_default().to_owned());
        let Some(to) = (0..2).find(|i| addr(*i) == flow.remote) else { return };
        let udp = flow.transport == Transport::Udp;
        if udp && self.rng.u8(..100) < self.loss {
            return;
        }
        let copies = if udp && self.rng.u8(..100) < self.loss { 2 } else { 1 };
        for _ in 0..copies {
            let late = if udp && self.rng.u8(..100) < self.loss { self.rng.u64(..1000) } else { 0 };
            let received = Flow { local: flow.remote, remote: flow.local, ..flow };
            self.at(ms(10 + late), to, Input::Received { flow: received, message: message.clone() });
        }
    }

    pub(super) fn run(&mut self, mut react: impl FnMut(&mut World, usize, &Event)) {
        for _ in 0..100_000 {
            if !self.turn(&mut react) {
                return;
            }
        }
        panic!("it never comes to rest:\n{}{}", self.nodes[0].dump(), self.nodes[1].dump());
    }

    pub(super) fn call(&mut self, target: Target) -> LegId {
        let leg = self.nodes[0].new_leg();
        let credentials = Some(Credentials { user: "ann".into(), password: Pii::new("secret".into()) });
        let (from, sdp, headers) =
            ("\"Ann\" <sip:ann@10.0.0.1>".into(), Bytes::from_static(b"offer"), vec![]);
        self.command(ms(0), 0, Command::Invite { leg, target, from, sdp, headers, credentials });
        leg
    }

    pub(super) fn ended(&self, node: usize) -> Vec<(LegId, EndCause)> {
        let ended = |e: &Event| match e {
            Event::Ended { leg, cause } => Some((*leg, cause.clone())),
            _ => None,
        };
        self.events[node].iter().filter_map(ended).collect()
    }

    pub(super) fn sent(&self, start: &str) -> usize {
        self.wire.iter().filter(|l| l.starts_with(start)).count()
    }
}

#[test]
fn whatever_is_lost_each_side_hears_of_one_end_and_nothing_remains() {
    for seed in 0..400 {
        let loss = [0, 5, 15, 30][seed as usize % 4];
        let mut w = World::new(seed, loss);
        let transport = if seed % 5 == 4 { Transport::Tcp } else { Transport::Udp };
        let mut dice = fastrand::Rng::with_seed(seed ^ 0xd1ce);
        let leg = w.call(to_node_1(transport));
        if dice.bool() {
            w.command(ms(dice.u64(..8000)), 0, Command::Hangup { leg, reason: "caller" });
        }
        w.run(|w, node, event| match event {
            Event::Incoming(call) => {
                let leg = call.leg;
                w.command(ms(dice.u64(..500)), node, Command::Ring { leg });
                match dice.u8(..5) {
                    0 => {
                        let (status, reason, retry_after_s) = (486, String::new(), None);
                        w.command(
                            ms(dice.u64(..4000)),
                            node,
                            Command::Refuse { leg, status, reason, retry_after_s },
                        );
                    }
                    1 => w.command(ms(dice.u64(..4000)), node, Command::Hangup { leg, reason: "" }),
                    2 => {}
                    _ => {
                        w.command(ms(dice.u64(..4000)), node, answer(leg));
                        w.command(ms(dice.u64(..9000)), node, Command::Hangup { leg, reason: "callee" });
                    }
                }
            }
            Event::Answered { leg, .. } => {
                w.command(ms(dice.u64(..9000)), node, Command::Hangup { leg: *leg, reason: "x" });
            }
            _ => {}
        });
        assert_eq!(w.ended(0).len(), 1, "seed {seed}: {:?}", w.events);
        let incoming = w.events[1].iter().filter(|e| matches!(e, Event::Incoming(_))).count();
        assert!(incoming <= 1, "seed {seed}: one INVITE is one call");
        assert_eq!(w.ended(1).len(), incoming, "seed {seed}: {:?}", w.events);
        assert_eq!(w.nodes[0].dump() + &w.nodes[1].dump(), "", "seed {seed}");
    }
}

#[test]
fn a_call_is_answered_and_hung_up() {
    let mut w = World::new(1, 0);
    let leg = w.call(to_node_1(Transport::Udp));
    w.run(|w, node, event| match event {
        Event::Incoming(call) => {
            assert_eq!((call.dialled.as_str(), call.caller.reveal().as_str()), ("95", "ann"));
            assert_eq!(call.caller_name.as_ref().map(|n| n.reveal().as_str()), Some("Ann"));
            assert_eq!(&call.sdp[..], b"offer");
            w.command(ms(100), node, Command::Ring { leg: call.leg });
            w.command(ms(900), node, answer(call.leg));
        }
        Event::Answered { leg, sdp } => {
            assert_eq!(&sdp[..], b"answer");
            w.command(ms(5000), node, Command::Hangup { leg: *leg, reason: "done" });
        }
        _ => {}
    });
    assert_eq!(w.ended(0), [(leg, EndCause::WeHungUp)]);
    assert!(matches!(w.ended(1)[..], [(_, EndCause::PeerHungUp)]));
    assert!(matches!(w.events[0][0], Event::Progress { status: 180, .. }));
    let methods: Vec<_> = w.wire.iter().map(|l| l.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
    let expected = [
        "INVITE sip:95@10.0.0.2",
        "SIP/2.0 100",
        "SIP/2.0 180",
        "SIP/2.0 200",
        "ACK sip:trunkline@10.0.0.2:5060",
    ];
    assert_eq!(methods[..5], expected);
    assert_eq!(methods[5..], ["BYE sip:trunkline@10.0.0.2:5060", "SIP/2.0 200"]);
}

#[test]
fn a_cancel_that_crosses_the_answer_ends_in_bye() {
    let mut w = World::new(2, 0);
    let leg = w.call(to_node_1(Transport::Udp));
    w.run(|w, node, event| {
        if let Event::Incoming(call) = event {
            w.command(ms(1000), node, answer(call.leg));
            w.command(ms(1005), 0, Command::Hangup { leg, reason: "" });
        }
    });
    assert_eq!(w.ended(0), [(leg, EndCause::WeHungUp)]);
    assert!(matches!(w.ended(1)[..], [(_, EndCause::PeerHungUp)]));
    assert_eq!((w.sent("CANCEL"), w.sent("BYE"), w.sent("SIP/2.0 487")), (1, 1, 0));
}

#[test]
fn a_cancelled_call_is_487() {
    let mut w = World::new(3, 0);
    let leg = w.call(to_node_1(Transport::Udp));
    w.command(ms(2000), 0, Command::Hangup { leg, reason: "tired" });
    w.run(|w, node, event| {
        if let Event::Incoming(call) = event {
            w.command(ms(10), node, Command::Ring { leg: call.leg });
        }
    });
    assert!(matches!(w.ended(1)[..], [(_, EndCause::PeerCancelled)]));
    assert_eq!((w.sent("SIP/2.0 487"), w.sent("ACK")), (1, 1));
}

#[test]
fn a_call_nobody_answers_ends_by_timer_c() {
    let mut w = World::new(4, 0);
    w.call(to_node_1(Transport::Udp));
    let begun = w.now;
    let mut ended = None;
    w.run(|w, node, event| match event {
        Event::Incoming(call) => w.command(ms(10), node, Command::Ring { leg: call.leg }),
        Event::Ended { .. } if node == 0 => ended = Some(w.now.since(begun)),
        _ => {}
    });
    assert_eq!(ended, Some(Duration::from_secs(180)));
    assert_eq!(w.ended(0)[0].1, EndCause::Timeout);
    assert_eq!(w.sent("SIP/2.0 180"), 3, "once, and again each minute");
}

#[test]
fn a_peer_that_is_not_there_times_out_after_32_s_and_a_broken_flow_at_once() {
    let mut w = World::new(5, 100);
    w.call(to_node_1(Transport::Udp));
    w.run(|_, _, _| {});
    assert_eq!(w.ended(0)[0].1, EndCause::Timeout);
    assert_eq!(w.sent("INVITE"), 7, "RFC 3261 §17.1.1.2: seven in 64·T1");
    let mut w = World::new(5, 100);
    w.call(to_node_1(Transport::Udp));
    w.at(ms(1), 0, Input::Unreachable { flow: flow(0, 1, Transport::Udp) });
    w.run(|_, _, _| {});
    assert_eq!(w.ended(0)[0].1, EndCause::Unreachable);
}

#[test]
fn a_line_registers_refreshes_and_is_called_by_its_name() {
    let mut w = World::new(6, 10);
    let credentials = Credentials { user: "ann".into(), password: Pii::new("secret".into()) };
    let registrar = flow(1, 0, Transport::Udp);
    let register = |expires_s| Command::Register {
        peer: PeerId(0),
        registrar: Target::Uri { uri: "sip:line".into(), flow: registrar },
        user: "ann".into(),
        credentials: credentials.clone(),
        expires_s,
    };
    w.command(ms(0), 1, register(60));
    let mut react = |w: &mut World, node: usize, event: &Event| match event {
        Event::Incoming(call) => w.command(ms(10), node, answer(call.leg)),
        Event::Answered { leg, .. } => w.command(ms(10), 0, Command::Hangup { leg: *leg, reason: "" }),
        _ => {}
    };
    while w.now < Now(300_000_000) {
        w.turn(&mut react);
    }
    assert!(w.events[0].iter().all(|e| !matches!(e, Event::Unregistered { .. })), "it is refreshed in time");
    assert!(matches!(w.events[1][0], Event::Registration { ok: true, status: 200, .. }));
    let leg = w.call(Target::User("ann".into()));
    w.command(ms(60_000), 1, Command::Unregister { peer: PeerId(0) });
    w.run(react);
    assert_eq!(w.ended(0), [(leg, EndCause::WeHungUp)]);
    assert!(matches!(w.events[0].last(), Some(Event::Unregistered { .. })));
    assert!(matches!(w.events[1].last(), Some(Event::Registration { ok: false, .. })));
    assert_eq!(w.nodes[0].dump() + &w.nodes[1].dump(), "");
}

#[test]
fn a_user_without_contact_and_a_wrong_password_are_said() {
    let mut w = World::new(7, 0);
    w.call(Target::User("ann".into()));
    let credentials = Credentials { user: "ann".into(), password: Pii::new("wrong".into()) };
    let registrar = Target::Uri { uri: "sip:line".into(), flow: flow(1, 0, Transport::Udp) };
    let (peer, user) = (PeerId(0), "ann".into());
    w.command(ms(0), 1, Command::Register { peer, registrar, user, credentials, expires_s: 60 });
    w.command(ms(60_000), 1, Command::Unregister { peer: PeerId(0) });
    w.run(|_, _, _| {});
    assert_eq!(w.ended(0)[0].1, EndCause::NotRegistered);
    assert!(matches!(w.events[1][0], Event::Registration { ok: false, status: 401, .. }));
}

#[test]
fn an_invite_of_an_account_is_challenged_and_then_known() {
    let mut w = World::new(8, 0);
    w.nodes[1].config.challenge_accounts = true;
    let leg = w.call(to_node_1(Transport::Udp));
    let mut account = None;
    w.run(|w, node, event| {
        if let Event::Incoming(call) = event {
            account = call.account.clone();
            w.command(
                ms(10),
                node,
                Command::Refuse { leg: call.leg, status: 486, reason: "".into(), retry_after_s: None },
            );
        }
    });
    assert_eq!(account.as_deref(), Some("ann"));
    assert_eq!(w.ended(0), [(leg, EndCause::Refused { status: 486, reason: "Busy Here".into() })]);
}

#[test]
fn a_reload_drops_the_contacts_of_accounts_that_are_gone() {
    let mut w = World::new(9, 0);
    let credentials = Credentials { user: "ann".into(), password: Pii::new("secret".into()) };
    let registrar = Target::Uri { uri: "sip:line".into(), flow: flow(1, 0, Transport::Udp) };
    let (peer, user) = (PeerId(0), "ann".into());
    w.command(ms(0), 1, Command::Register { peer, registrar, user, credentials, expires_s: 60 });
    while w.now < Now(10_000_000) {
        w.turn(&mut |_, _, _| {});
    }
    w.nodes[0].set_accounts(BTreeMap::new());
    assert_eq!(w.nodes[0].deadline(), Some(Now(0)), "it wants to say so at once");
    w.turn(&mut |_, _, _| {});
    assert!(matches!(w.events[0].last(), Some(Event::Unregistered { .. })));
}
