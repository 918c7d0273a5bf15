//! REFER between two endpoints.

use super::pair::World;
use super::{answer, ms, to_node_1};
use crate::base::LegId;
use crate::sip::{Command, EndCause, Event, Transport};

/// A call from node 0 to node 1; node 1 then asks for a transfer to `to`, which node 0 answers with `statuses`.
fn transfer(seed: u64, loss: u8, to: &'static str, statuses: &[u16]) -> (World, LegId) {
    let mut w = World::new(seed, loss);
    let leg = w.call(to_node_1(Transport::Udp));
    w.run(|w, node, event| match event {
        Event::Incoming(call) => w.command(ms(10), node, answer(call.leg)),
        Event::Acknowledged { leg, .. } => {
            w.command(ms(1000), node, Command::Refer { leg: *leg, to: to.into() });
            w.command(ms(90_000), node, Command::Hangup { leg: *leg, reason: "" });
        }
        Event::Referred { leg, .. } => {
            for (i, status) in (0..).zip(statuses) {
                let (leg, status, reason) = (*leg, *status, String::new());
                w.command(ms(2_000 * i), node, Command::ReferStatus { leg, status, reason });
            }
        }
        _ => {}
    });
    (w, leg)
}

fn progress(w: &World) -> Vec<u16> {
    let status = |e: &Event| if let Event::ReferProgress { status, .. } = e { Some(*status) } else { None };
    w.events[1].iter().filter_map(status).collect()
}

#[test]
fn a_transfer_is_accepted_and_its_end_is_told() {
    let (w, leg) = transfer(1, 0, "sip:1002@10.0.0.1", &[100, 200]);
    let referred = w.events[0].iter().find_map(|e| match e {
        Event::Referred { leg, to } => Some((*leg, to.user.clone(), to.replaces)),
        _ => None,
    });
    assert_eq!(referred, Some((leg, "1002".into(), None)));
    assert_eq!(progress(&w), [100, 200]);
    assert_eq!((w.sent("REFER"), w.sent("SIP/2.0 202"), w.sent("NOTIFY")), (1, 1, 2));
    assert_eq!(w.nodes[0].dump() + &w.nodes[1].dump(), "");
}

#[test]
fn a_transfer_that_the_call_refuses_is_told_so() {
    let (w, _) = transfer(2, 0, "sip:nobody@10.0.0.1", &[404]);
    assert_eq!(progress(&w), [404]);
    assert_eq!((w.sent("SIP/2.0 202"), w.sent("NOTIFY")), (1, 1));
}

#[test]
fn a_target_that_cannot_be_followed_never_reaches_the_call() {
    let (w, _) = transfer(3, 0, "http://example.com/", &[200]);
    assert!(w.events[0].iter().all(|e| !matches!(e, Event::Referred { .. })));
    assert_eq!(progress(&w), [400]);
    let (w, _) = transfer(4, 0, "sip:a@b?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2", &[200]);
    assert_eq!(progress(&w), [481], "a dialog that is not here");
}

#[test]
fn losses_delay_a_transfer_but_each_side_hears_one_end_of_it() {
    for seed in 0..100 {
        let (w, leg) = transfer(seed, [5, 15, 25][seed as usize % 3], "sip:1002@a", &[100, 180, 200]);
        if w.events[0].iter().any(|e| matches!(e, Event::Referred { .. })) {
            let last = progress(&w).into_iter().filter(|s| *s >= 200).count();
            assert!(last <= 1, "seed {seed}: {:?}", w.events);
        }
        assert_eq!(w.ended(0).len(), 1, "seed {seed}");
        assert_eq!(w.ended(0)[0].0, leg);
        assert!(!matches!(w.ended(0)[0].1, EndCause::Protocol(_)));
        assert_eq!(w.nodes[0].dump() + &w.nodes[1].dump(), "", "seed {seed}");
    }
}
