//! Conferences on virtual time.

use super::tests::{A, B, World};
use super::*;
use crate::base::{Codec, FRAME_SAMPLES};
use crate::codec::silence;
use crate::media::{Body, Send};

const C: LegId = LegId(3);

fn three(masks: [u8; 3]) -> World {
    let mut w = World::with(&[(A, Codec::Pcmu), (B, Codec::Pcmu), (C, Codec::Pcma)]);
    w.command(Command::Mix { parties: [A, B, C].into_iter().zip(masks).collect() });
    w
}

/// Frames of mixed sound that went to `leg`.
fn mixed(sent: &[(Now, Send)], leg: LegId) -> Vec<[u8; FRAME_SAMPLES]> {
    let frame = |(_, s): &(Now, Send)| match &s.body {
        Body::Packet(buf) if s.leg == leg => buf.bytes()[12..].try_into().ok(),
        _ => None,
    };
    sent.iter().filter_map(frame).collect()
}

fn speaks(w: &mut World, leg: LegId, frames: u16) -> Vec<(Now, Send)> {
    let mut sent = Vec::new();
    for seq in 0..frames {
        assert!(w.audio(leg, seq, 0x20).is_empty(), "nothing is relayed");
        sent.extend(w.run_ms(20));
    }
    sent
}

#[test]
fn who_is_to_hear_a_party_hears_it_and_nobody_else_does() {
    let mut w = three([0b010, 0b101, 0b011]);
    let sent = speaks(&mut w, A, 10);
    assert!(mixed(&sent, A).is_empty());
    // The jitter buffer waits for one or two frames, and the first begins with the delay of concealment.
    assert!(mixed(&sent, B).len() >= 7);
    assert!(
        mixed(&sent, B)[1..].iter().all(|f| *f == [0x20; FRAME_SAMPLES]),
        "one voice alone is not re-coded"
    );
    assert!(mixed(&sent, C).len() >= 7, "in the other law");
    assert_ne!(mixed(&sent, C)[0][0], 0x20);
    let mut w = three([0b010, 0b101, 0b011]);
    let sent = speaks(&mut w, C, 10);
    assert!(mixed(&sent, A).is_empty(), "a whisper is not for the caller");
}

#[test]
fn each_party_gets_a_frame_in_each_20_ms_whoever_speaks() {
    let mut w = three([0b111, 0b111, 0b111]);
    w.run_ms(100);
    for leg in [A, B, C] {
        let sent = w.run_ms(1000).into_iter().filter(|(_, s)| s.leg == leg).count();
        assert!((49..=51).contains(&sent), "{sent} frames to {leg:?}");
    }
}

#[test]
fn who_leaves_is_heard_no_more_and_the_others_go_on() {
    let mut w = three([0b111, 0b111, 0b111]);
    w.command(Command::Unbridge { leg: C });
    let sent = speaks(&mut w, C, 5);
    assert!(mixed(&sent, A).is_empty() && mixed(&sent, B).is_empty());
    let sent = speaks(&mut w, A, 5);
    assert!(!mixed(&sent, B).is_empty());
    for leg in [A, B, C] {
        w.command(Command::Close { leg });
    }
    assert!(w.shard.mixes.is_empty());
}

#[test]
fn a_leg_that_is_not_here_leaves_everything_as_it_was() {
    let mut w = World::bridged();
    w.command(Command::Mix { parties: vec![(A, 0b110), (B, 0b101), (LegId(9), 0)] });
    assert!(matches!(&w.reports()[..], [Report::Fault { leg: A, .. }]));
    assert_eq!(w.audio(A, 1, silence(Codec::Pcmu)).len(), 1, "the relay goes on");
}
