//! Comfort noise of legs (RFC 3389), on virtual time.

use super::tests::{A, B, World, addr, datagram, fields, head, spec};
use super::*;
use crate::base::{COMFORT_NOISE, Codec, FRAME_SAMPLES};
use crate::bridge::Playout;
use crate::media::{PlayId, Prompt, Send, StreamSpec};
use crate::rtp::{HEADER_OCTETS, Reports};
use std::sync::Arc;

fn agreed(codec: Codec) -> World {
    let mut w = World::with(&[(A, codec)]);
    w.command(Command::Connect { leg: A, to: StreamSpec { noise: true, ..spec(A, codec) } });
    w
}

fn play(w: &mut World, frames: usize) {
    let octets = || vec![0x20; frames * FRAME_SAMPLES].into();
    let prompts = vec![Arc::new(Prompt { pcmu: octets(), pcma: octets() })];
    w.command(Command::Play { leg: A, play: PlayId(1), prompts, repeat: false, skip_ms: 0 });
}

fn is_noise(send: &Send) -> bool {
    head(send).payload_type == COMFORT_NOISE
}

#[test]
fn silence_is_comfort_noise_five_times_a_second_and_a_prompt_begins_with_a_marker_on_the_same_timeline() {
    for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722] {
        let mut w = agreed(codec);
        let silent = w.run_ms(1000);
        assert!((5..=6).contains(&silent.len()) && silent.iter().all(|(_, s)| is_noise(s)), "{codec:?}");
        assert!(silent.iter().all(|(_, s)| !head(s).marker && datagram(s)[HEADER_OCTETS..] == [60]));
        play(&mut w, 5);
        let sent = w.run_ms(400);
        let first = sent.iter().position(|(_, s)| !is_noise(s)).unwrap();
        assert!(sent[first..first + 5].iter().all(|(_, s)| head(s).payload_type == codec.payload_type()));
        assert!(head(&sent[first].1).marker && sent[first + 1..].iter().all(|(_, s)| !head(s).marker));
        // 20 ms after its last frame, and then at its pace.
        let after = &sent[first + 5..];
        assert!(after.iter().all(|(_, s)| is_noise(s)) && (1..=2).contains(&after.len()));
        assert_eq!((after[0].0.0 - sent[first + 4].0.0) / 1000, 20);
        let all: Vec<_> = silent.iter().chain(&sent).collect();
        for pair in all.windows(2) {
            let ([at, then], [a, b]) = ([pair[0].0.0, pair[1].0.0], [head(&pair[0].1), head(&pair[1].1)]);
            assert_eq!(b.seq, a.seq.wrapping_add(1));
            assert_eq!(u64::from(b.timestamp.wrapping_sub(a.timestamp)), (then - at) * 8 / 1000);
        }
    }
}

#[test]
fn where_it_was_not_agreed_on_silence_is_sent_as_before() {
    let sent = World::with(&[(A, Codec::Pcmu)]).run_ms(200);
    assert_eq!(sent.len(), 10);
    assert!(sent.iter().all(|(_, s)| datagram(s)[HEADER_OCTETS..] == [0xff; FRAME_SAMPLES]));
}

#[test]
fn it_is_heard_at_the_level_of_a_quiet_room() {
    let sent = agreed(Codec::Pcmu).run_ms(1000);
    let (mut pool, mut playout, mut heard) = (Pool::default(), Playout::new(Codec::Pcmu), Vec::new());
    for (at, send) in sent {
        let mut buf = pool.take();
        buf.fill(&[&datagram(&send)]);
        playout.put(at, buf, &mut pool);
    }
    for tick in 0..60 {
        let mut frame = [0; FRAME_SAMPLES];
        playout.frame(Now(tick * 20_000), &mut frame, &mut pool);
        heard.extend(frame.map(f64::from));
    }
    let last = &heard[heard.len() / 2..];
    let power = last.iter().map(|s| s * s).sum::<f64>() / last.len() as f64;
    let dbov = 10.0 * (power / 32_768f64.powi(2)).log10();
    assert!((dbov + 60.0).abs() < 1.0, "{dbov} dBov");
}

#[test]
fn a_relay_that_has_nothing_to_relay_says_so_once_a_second_and_goes_on_with_a_marker() {
    let mut w = World::bridged();
    w.command(Command::Connect { leg: A, to: StreamSpec { noise: true, ..spec(A, Codec::Pcmu) } });
    w.run_ms(3000);
    let idle: Vec<_> = w.run_ms(3000).into_iter().filter(|(_, s)| s.leg == A).collect();
    assert!((2..=3).contains(&idle.len()) && idle.iter().all(|(_, s)| is_noise(s)), "{}", idle.len());
    let relayed = w.audio(B, 1, 7);
    assert_eq!((relayed.len(), head(&relayed[0]).marker, is_noise(&relayed[0])), (1, true, false));
}

#[test]
fn a_relay_passes_comfort_noise_on_to_whoever_agreed_on_it_and_to_nobody_else() {
    for (law, agreed) in
        [(Codec::Pcmu, true), (Codec::Pcma, true), (Codec::Pcmu, false), (Codec::Pcma, false)]
    {
        let mut w = World::with(&[(A, Codec::Pcmu), (B, law)]);
        w.command(Command::Connect { leg: B, to: StreamSpec { noise: agreed, ..spec(B, law) } });
        w.command(Command::Bridge { a: A, b: B });
        let before = head(&w.audio(A, 1, 7)[0]);
        let noise = w.packet_from(A, addr(A), fields(2, COMFORT_NOISE), &[47]);
        assert_eq!(noise.iter().map(is_noise).collect::<Vec<_>>(), if agreed { vec![true] } else { vec![] });
        assert!(noise.iter().all(|s| (s.leg, datagram(s)[HEADER_OCTETS..].to_vec()) == (B, vec![47])));
        // After a pause of half a second of which nothing was sent.
        let after = w.packet_from(A, addr(A), fields(27, 0), &[7; FRAME_SAMPLES]);
        let after = head(&after[0]);
        let missing = if agreed { 0 } else { 1 };
        assert_eq!(after.seq.wrapping_sub(before.seq), 26 - missing, "what is left out leaves no gap");
        assert_eq!(
            (after.timestamp.wrapping_sub(before.timestamp), after.payload_type),
            (26 * 160, law.payload_type())
        );
    }
}

/// Whether the leg's peer, which reports but says nothing for a minute, is reported lost.
fn lost(noise: bool, reports: bool) -> bool {
    let mut w = agreed(Codec::Pcmu);
    w.command(Command::Connect { leg: A, to: StreamSpec { noise, ..spec(A, Codec::Pcmu) } });
    w.audio(A, 1, 7);
    let mut far = Reports::new(w.now, 5);
    let (stream, receiver) = (Outbound::new(Now(0), 5, 0, 0), crate::rtp::Receiver::default());
    for _ in 0..12 {
        w.run_ms(5000);
        let (octets, len) = far.write(w.now, &stream, (0, 0), &receiver, false);
        if reports {
            let mut buf = PacketBuf::default();
            buf.fill(&[&octets[..len]]);
            let from = addr(A);
            w.shard.step(w.now, Input::Packet { leg: A, channel: Channel::Rtp, from, buf }, &mut w.out);
        }
    }
    w.reports().iter().any(|r| matches!(r, Report::Lost { .. }))
}

#[test]
fn a_peer_that_says_nothing_for_long_is_there_as_long_as_it_reports() {
    assert!(!lost(true, true));
    assert!(lost(true, false) && lost(false, true));
}
