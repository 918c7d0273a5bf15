//! The shard on virtual time: no socket, no clock.

pub(super) use self::world::*;
use super::*;
use crate::base::{Codec, Direction, FRAME_SAMPLES};
use crate::codec::silence;
use crate::limits::RTP_SILENCE_MAX;
use crate::media::{Body, FileOp, PlayEnd, PlayId, Send, StreamSpec};
use crate::rtp::{DigitSender, Fields};
use std::sync::Arc;

pub(super) mod world;

#[test]
fn a_prompt_that_was_stopped_goes_on_where_it_was_to_the_sample() {
    let mut w = World::with(&[(A, Codec::Pcmu)]);
    let (one, two) = (prompt(3, 80), prompt(5, 0));
    w.command(play(A, 1, &[&one, &two], false));
    w.run_ms(100);
    w.command(Command::Stop { leg: A });
    let stopped = w.reports().pop();
    let Some(Report::PlayEnded { end: PlayEnd::Stopped { played_ms, left_ms }, .. }) = stopped else {
        panic!("{stopped:?}")
    };
    // The half frame at the end of the first prompt is sent as one.
    assert_eq!((played_ms, played_ms + left_ms), (90, 170));
    let prompts = vec![Arc::clone(&one), Arc::clone(&two)];
    let skip_ms = 80;
    w.command(Command::Play { leg: A, play: PlayId(2), prompts, repeat: false, skip_ms });
    let sent = w.run_ms(20);
    let Body::Audio { prompt: Some((playing, range)), .. } = &sent[0].1.body else { panic!("{sent:?}") };
    assert!(Arc::ptr_eq(playing, &two) && *range == (80..240), "{range:?}");
    // More than there is: it ends at once, and is heard to have ended.
    w.command(Command::Play { leg: A, play: PlayId(3), prompts: vec![one], repeat: false, skip_ms: 9999 });
    w.run_ms(40);
    assert!(matches!(w.reports().pop(), Some(Report::PlayEnded { end: PlayEnd::Finished, .. })));
}

#[test]
fn a_prompt_is_sent_from_where_it_lies_contiguous_and_every_twenty_milliseconds() {
    let mut w = World::with(&[(A, Codec::Pcmu)]);
    let p = prompt(5, 40);
    w.command(play(A, 1, &[&p], false));
    let sent = w.run_ms(120);
    assert_eq!(sent.len(), 6);
    for (n, pair) in sent.windows(2).enumerate() {
        assert_eq!(pair[1].0 - pair[0].0, std::time::Duration::from_millis(20));
        let (a, b) = (head(&pair[0].1), head(&pair[1].1));
        assert_eq!(
            (b.seq.wrapping_sub(a.seq), b.timestamp.wrapping_sub(a.timestamp), b.ssrc),
            (1, 160, a.ssrc)
        );
        assert_eq!(pair[0].1.body.parts()[1].as_ptr(), p.pcmu[n * FRAME_SAMPLES..].as_ptr());
    }
    let last = datagram(&sent[5].1);
    assert_eq!((&last[12..52], &last[52..]), (&[5; 40][..], &[silence(Codec::Pcmu); 120][..]));
    assert!(head(&sent[0].1).marker);
    use Report::{PlayEnded, PlayStarted};
    let reports = w.reports();
    assert!(matches!(reports[0], PlayStarted { play: PlayId(1), at, .. } if at == sent[0].0));
    assert!(
        matches!(reports[1], PlayEnded { play: PlayId(1), end: PlayEnd::Finished, at, .. } if at == sent[5].0)
    );
}

#[test]
fn prompts_follow_one_another_and_music_begins_again() {
    let mut w = World::with(&[(A, Codec::Pcmu)]);
    let (p, q) = (prompt(2, 0), prompt(1, 0));
    w.command(play(A, 1, &[&p, &q], true));
    let firsts: Vec<u8> = w.run_ms(140).iter().map(|(_, s)| datagram(s)[12]).collect();
    assert_eq!(firsts, [0, 1, 0, 0, 1, 0, 0]);
}

#[test]
fn a_play_that_is_stopped_or_replaced_says_so_and_the_next_frame_is_another() {
    let mut w = World::with(&[(A, Codec::Pcma)]);
    let p = prompt(9, 0);
    w.command(play(A, 1, &[&p], false));
    w.run_ms(40);
    w.command(play(A, 2, &[&p], false));
    w.run_ms(20);
    w.command(Command::Stop { leg: A });
    let sent = w.run_ms(20);
    assert_eq!(datagram(&sent[0].1)[12..], [silence(Codec::Pcma); FRAME_SAMPLES]);
    let ends: Vec<u64> = w
        .reports()
        .iter()
        .filter_map(|r| match r {
            Report::PlayEnded { play, end: PlayEnd::Stopped { .. }, .. } => Some(play.0),
            _ => None,
        })
        .collect();
    assert_eq!(ends, [1, 2]);
}

#[test]
fn a_play_of_nothing_ends_at_once() {
    let mut w = World::with(&[(A, Codec::Pcmu)]);
    w.command(play(A, 1, &[], true));
    w.run_ms(20);
    assert!(matches!(w.reports()[..], [Report::PlayStarted { .. }, Report::PlayEnded { .. }]));
}

#[test]
fn an_idle_leg_sends_silence_and_one_that_is_not_connected_nothing() {
    let mut w = World::with(&[(A, Codec::Pcma)]);
    w.command(Command::Open { leg: B });
    let sent = w.run_ms(100);
    assert_eq!(sent.len(), 5);
    assert!(sent.iter().all(|(_, s)| s.leg == A && datagram(s)[12..] == [0xd5; FRAME_SAMPLES]));
    assert_eq!(head(&sent[0].1).payload_type, 8);
}

#[test]
fn the_legs_of_a_shard_send_spread_over_the_frame() {
    let legs: Vec<_> = (1..=10).map(|n| (LegId(n), Codec::Pcmu)).collect();
    let mut w = World::with(&legs);
    let mut at: Vec<u64> = w.run_ms(20).iter().map(|(t, _)| t.ms()).collect();
    at.dedup();
    assert_eq!(at.len(), 10);
    assert!(at.windows(2).all(|p| p[1] - p[0] == 2 || p[1] - p[0] == 1 || p[1] - p[0] == 3));
}

#[test]
fn a_worker_that_was_late_sends_two_frames_and_keeps_the_timeline() {
    let mut w = World::with(&[(A, Codec::Pcmu)]);
    let before = w.run_ms(40);
    w.now = Now(w.now.0 + 200_000);
    w.shard.step(w.now, Input::Tick, &mut w.out);
    let late: Vec<Send> = w.out.sends.drain(..).collect();
    assert_eq!(late.len(), 2);
    let (a, b) = (head(&before[1].1), head(&late[1]));
    assert_eq!(b.timestamp.wrapping_sub(a.timestamp), 160 * 10);
    assert_eq!(b.seq.wrapping_sub(a.seq), 2);
    assert_eq!(w.closed(A).late, 9);
}

#[test]
fn a_relay_changes_the_header_and_sends_from_the_same_buffer() {
    let mut w = World::bridged();
    let sent: Vec<Send> = (0..3).flat_map(|n| w.audio(A, 100 + n, n as u8)).collect();
    assert_eq!(sent.len(), 3);
    for (n, s) in sent.iter().enumerate() {
        assert!(matches!(s.body, Body::Packet(_)));
        assert_eq!((s.leg, s.to), (B, addr(B)));
        assert_eq!(datagram(s)[12..], [n as u8; FRAME_SAMPLES]);
        assert_eq!(head(s).seq, head(&sent[0]).seq.wrapping_add(n as u16));
        assert_eq!(head(s).marker, n == 0);
        assert_ne!(head(s).ssrc, 77);
    }
    assert!(w.run_ms(100).is_empty());
}

#[test]
fn a_relay_without_audio_keeps_the_way_open() {
    let mut w = World::bridged();
    let sent = w.run_ms(2500);
    assert_eq!(sent.iter().filter(|(_, s)| s.leg == A).count(), 2);
}

#[test]
fn a_bridge_whose_one_side_closes_leaves_the_other_with_silence() {
    let mut w = World::bridged();
    w.audio(A, 1, 7);
    w.closed(A);
    assert!(w.audio(B, 1, 7).is_empty());
    let sent = w.run_ms(20);
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].1.leg, w.out.closed.as_slice()), (B, &[A][..]));
}

#[test]
fn a_play_to_a_bridged_leg_comes_before_its_peer() {
    let mut w = World::bridged();
    w.command(play(B, 1, &[&prompt(2, 0)], false));
    assert!(w.audio(A, 1, 7).is_empty());
    assert_eq!(w.run_ms(40).len(), 2);
    assert_eq!(w.audio(A, 3, 7).len(), 1);
}

#[test]
fn bridging_ends_what_was_played_and_needs_both_legs() {
    let mut w = World::with(&[(A, Codec::Pcmu), (B, Codec::Pcmu)]);
    w.command(play(A, 1, &[&prompt(9, 0)], true));
    w.command(Command::Bridge { a: A, b: B });
    assert!(matches!(w.reports()[..], [Report::PlayEnded { end: PlayEnd::Stopped { .. }, .. }]));
    w.command(Command::Bridge { a: A, b: LegId(9) });
    assert!(matches!(w.reports()[..], [Report::Fault { leg: A, .. }]));
    w.command(Command::Unbridge { leg: B });
    assert!(w.audio(A, 1, 7).is_empty());
}

#[test]
fn an_echo_comes_back_to_who_sent_it() {
    let mut w = World::with(&[(A, Codec::Pcmu)]);
    w.command(Command::Echo { leg: A, on: true });
    let sent = w.audio(A, 5, 42);
    assert_eq!((sent[0].leg, sent[0].to, datagram(&sent[0])[12]), (A, addr(A), 42));
}

#[test]
fn keys_are_reported_once_each_and_relayed_as_events() {
    let mut w = World::bridged();
    let mut keys = DigitSender::default();
    keys.push("1#");
    let (mut seq, mut start, mut relayed) = (0u16, 0, 0);
    while let Some(frame) = keys.step() {
        seq += 1;
        if frame.first {
            start = u32::from(seq) * 160;
        }
        let Some(event) = frame.event else { continue };
        let f = Fields { marker: frame.first, timestamp: start, ..fields(seq, 101) };
        let sent = w.packet_from(A, addr(A), f, &event.bytes());
        assert_eq!(datagram(&sent[0])[12..], event.bytes());
        relayed += sent.len();
        w.packet_from(A, addr(A), f, &event.bytes());
    }
    assert_eq!((w.digits().as_str(), relayed), ("1#", 14));
}

#[test]
fn keys_that_we_send_take_the_place_of_audio_and_go_on_with_the_timeline() {
    let mut w = World::with(&[(A, Codec::Pcmu)]);
    w.command(Command::SendDigits { leg: A, digits: "5".into() });
    let sent: Vec<Fields> = w.run_ms(240).iter().map(|(_, s)| head(s)).collect();
    let events: Vec<&Fields> = sent.iter().filter(|f| f.payload_type == 101).collect();
    assert_eq!((events.len(), sent.len()), (7, 9));
    assert!(events.iter().all(|f| f.timestamp == events[0].timestamp));
    assert!(events[0].marker && !events[1].marker);
    assert_eq!(sent[7].timestamp.wrapping_sub(events[0].timestamp), 160 * 10);
}

#[test]
fn keys_to_a_peer_without_events_are_refused_but_cost_nothing_else() {
    let mut w = World::new();
    w.command(Command::Open { leg: A });
    w.command(Command::Connect { leg: A, to: StreamSpec { dtmf: None, ..spec(A, Codec::Pcmu) } });
    w.command(Command::SendDigits { leg: A, digits: "5".into() });
    assert!(matches!(w.reports()[..], [Report::Degraded { .. }]));
}

#[test]
fn the_first_source_is_followed_and_a_stranger_is_not_heard() {
    let mut w = World::bridged();
    let nat = SocketAddr::from(([198, 51, 100, 9], 31_000));
    assert_eq!(w.packet_from(A, nat, fields(1, 0), &[7; 160]).len(), 1);
    assert!(matches!(w.reports()[..], [Report::Latched { leg: A, from }] if from == nat));
    let stranger = SocketAddr::from(([203, 0, 113, 5], 9));
    assert!(w.packet_from(A, stranger, fields(2, 0), &[8; 160]).is_empty());
    assert_eq!(w.audio(B, 1, 1)[0].to, nat);
    assert_eq!(w.closed(A).rejected, 1);
}

#[test]
fn hold_is_honoured_and_a_play_waits_for_its_end() {
    let mut w = World::with(&[(A, Codec::Pcmu)]);
    w.command(play(A, 1, &[&prompt(3, 0)], false));
    for (direction, frames) in [(Direction::Inactive, 0), (Direction::RecvOnly, 0), (Direction::SendOnly, 3)]
    {
        w.command(Command::Connect { leg: A, to: StreamSpec { direction, ..spec(A, Codec::Pcmu) } });
        assert_eq!(w.run_ms(60).len(), frames);
    }
    assert!(matches!(w.reports()[..], [Report::PlayStarted { .. }, Report::PlayEnded { .. }]));
    w.command(Command::Echo { leg: A, on: true });
    assert!(w.audio(A, 1, 7).is_empty(), "a peer that is not to send is not heard");
}

#[test]
fn a_peer_that_falls_silent_is_reported_once() {
    let mut w = World::with(&[(A, Codec::Pcmu)]);
    w.audio(A, 1, 7);
    w.run_ms(RTP_SILENCE_MAX.as_millis() as u64 + 5000);
    assert!(matches!(w.reports()[..], [Report::Lost { leg: A, .. }]));
}

#[test]
fn a_listener_gets_each_frame_decoded_once_and_only_while_it_listens() {
    let mut w = World::with(&[(A, Codec::Pcmu)]);
    w.audio(A, 1, 0x80);
    w.command(Command::Listen { leg: A, on: true });
    w.audio(A, 2, 0x80);
    w.packet_from(A, addr(A), fields(3, 0), &[0x80; 240]);
    w.command(Command::Listen { leg: A, on: false });
    w.audio(A, 4, 0x80);
    let frames = w.frames.0.lock().unwrap();
    let lengths: Vec<usize> = frames.iter().map(|f| f.1.len()).collect();
    assert_eq!(lengths, [160, 160, 80]);
    assert_eq!((frames[0].1[0], frames[2].0.timestamp), (32_124, 3 * 160 + 160));
}

#[test]
fn a_recording_has_what_the_leg_says_and_what_it_hears() {
    let mut w = World::bridged();
    w.command(Command::Record { leg: A, file: "x.wav".into() });
    for n in 0..10u16 {
        w.audio(A, n, 10 + n as u8);
        w.audio(B, n, 100 + n as u8);
        w.run_ms(20);
    }
    w.command(Command::StopRecord { leg: A });
    assert!(matches!(w.out.files.front(), Some(FileOp::Create { codec: Codec::Pcmu, .. })));
    assert!(matches!(w.out.files.back(), Some(FileOp::Finish { leg: A })));
    let octets: Vec<u8> = w
        .out
        .files
        .iter()
        .filter_map(|op| if let FileOp::Append { octets, .. } = op { Some(octets.clone()) } else { None })
        .flatten()
        .collect();
    let frames: Vec<(u8, u8)> = octets.chunks(320).map(|f| (f[0], f[1])).skip(3).take(10).collect();
    assert_eq!(frames, (0..10).map(|n| (10 + n, 100 + n)).collect::<Vec<_>>());
}

#[test]
fn a_recording_goes_on_with_another_leg() {
    let mut w = World::with(&[(A, Codec::Pcmu), (B, Codec::Pcmu)]);
    w.command(Command::Record { leg: A, file: "x.wav".into() });
    for leg in [A, B] {
        for n in 0..60u16 {
            w.audio(A, 60 * leg.0 as u16 + n, 1);
            w.audio(B, 60 * leg.0 as u16 + n, 2);
            w.run_ms(20);
        }
        w.command(Command::MoveRecord { from: A, to: B });
    }
    w.closed(A);
    assert!(!w.out.files.iter().any(|op| matches!(op, FileOp::Finish { .. })), "not with the first leg");
    w.command(Command::StopRecord { leg: B });
    let of = |leg| move |op: &&FileOp| matches!(op, FileOp::Append { leg: l, .. } if *l == leg);
    assert!(w.out.files.iter().any(|op| matches!(op, FileOp::Move { from: A, to: B })));
    for (leg, octet) in [(A, 1), (B, 2)] {
        let mut pieces = w.out.files.iter().filter(of(leg));
        assert!(pieces.any(|op| matches!(op, FileOp::Append { octets, .. } if octets.contains(&octet))));
    }
}

#[test]
fn a_panic_ends_the_leg_it_happened_in_and_the_tick_goes_on() {
    let mut w = World::with(&[(A, Codec::Pcmu), (B, Codec::Pcmu)]);
    w.command(Command::Bridge { a: A, b: B });
    w.shard.sabotaged = Some(A);
    w.now = Now(40_000);
    let (shard, out, now) = (&mut w.shard, &mut w.out, w.now);
    let step = std::panic::AssertUnwindSafe(|| shard.step(now, Input::Tick, out));
    assert!(std::panic::catch_unwind(step).is_err());
    w.shard.abandon(&mut w.out);
    w.shard.sabotaged = None;
    w.out.sends.clear();
    assert!(matches!(w.reports()[..], [Report::Fault { leg: A, .. }]));
    assert_eq!(w.out.closed, [A]);
    assert_eq!(w.run_ms(1).len() + w.run_ms(39).len(), 3, "B, unbridged, sends its silence");
    assert_eq!(w.closed(A), LegStats::default());
}

#[test]
fn a_closed_shard_has_nothing_pending() {
    let mut w = World::bridged();
    assert!(w.shard.deadline().is_some());
    w.closed(A);
    w.closed(B);
    assert_eq!(w.shard.deadline(), None);
    assert!(w.audio(A, 1, 1).is_empty());
}
