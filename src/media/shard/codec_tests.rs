//! Legs of unlike codecs, on virtual time.

use super::tests::{A, B, World, addr, datagram, fields, head, play, prompt, spec};
use super::*;
use crate::base::Codec;
use crate::codec::{DECODED_MAX, Decoder, ENCODED_MAX, Encoder, frame_samples};
use crate::media::{FileOp, Send};
use crate::rtp::Fields;

/// A peer that says a tone of 400 Hz and hears what comes.
struct Peer {
    leg: LegId,
    codec: Codec,
    encoder: Encoder,
    decoder: Decoder,
    seq: u16,
    heard: Vec<i16>,
}

impl Peer {
    fn new(leg: LegId, codec: Codec) -> Peer {
        let (encoder, decoder) = (Encoder::new(codec), Decoder::new(codec));
        Peer { leg, codec, encoder, decoder, seq: 0, heard: Vec::new() }
    }

    fn say(&mut self, w: &mut World) -> Vec<Send> {
        let (count, period) = (frame_samples(self.codec.rate()), self.codec.rate() as usize / 400);
        let phase = |i: usize| std::f32::consts::TAU * (i % period) as f32 / period as f32;
        let tone: Vec<i16> = (0..count).map(|i| (8000.0 * phase(i).sin()) as i16).collect();
        let mut octets = [0; ENCODED_MAX];
        let len = self.encoder.encode(&tone, &mut octets);
        self.seq += 1;
        let timestamp = u32::from(self.seq) * self.codec.clock() / 50;
        let f = Fields { timestamp, ..fields(self.seq, self.codec.payload_type()) };
        w.packet_from(self.leg, addr(self.leg), f, &octets[..len])
    }

    fn hear(&mut self, sent: &[Send]) {
        for send in
            sent.iter().filter(|s| s.leg == self.leg && head(s).payload_type == self.codec.payload_type())
        {
            let mut samples = [0; DECODED_MAX];
            let count = self.decoder.decode(&datagram(send)[12..], &mut samples);
            assert_eq!(count, frame_samples(self.codec.rate()));
            self.heard.extend_from_slice(&samples[..count]);
        }
    }

    /// Level of the tone in what was heard, after its beginning: 1 if all is there.
    fn tone(&self) -> f32 {
        level(&self.heard[self.heard.len() / 2..], self.codec.rate())
    }
}

/// How much of a tone of 400 Hz and 8000 is in the samples.
fn level(samples: &[i16], rate: u32) -> f32 {
    let (mut re, mut im) = (0.0, 0.0);
    for (i, s) in samples.iter().enumerate() {
        let phase = std::f32::consts::TAU * (i as u32 * 400 % rate) as f32 / rate as f32;
        (re, im) = (re + f32::from(*s) * phase.cos(), im + f32::from(*s) * phase.sin());
    }
    2.0 * (re * re + im * im).sqrt() / samples.len() as f32 / 8000.0
}

fn talk(w: &mut World, peers: &mut [Peer; 2], frames: usize) -> Vec<Send> {
    let mut all = Vec::new();
    for _ in 0..frames {
        let mut sent: Vec<Send> = peers.iter_mut().flat_map(|p| p.say(w)).collect();
        sent.extend(w.run_ms(20).into_iter().map(|(_, s)| s));
        peers.iter_mut().for_each(|p| p.hear(&sent));
        all.extend(sent);
    }
    all
}

fn bridged(a: Codec, b: Codec) -> (World, [Peer; 2]) {
    let mut w = World::with(&[(A, a), (B, b)]);
    w.command(Command::Bridge { a: A, b: B });
    (w, [Peer::new(A, a), Peer::new(B, b)])
}

#[test]
fn legs_of_any_two_codecs_hear_each_other() {
    for a in Codec::ALL {
        for b in Codec::ALL {
            let (mut w, mut peers) = bridged(a, b);
            let sent = talk(&mut w, &mut peers, 100);
            for peer in &peers {
                assert!(
                    (0.85..1.15).contains(&peer.tone()),
                    "{a:?} {b:?}: {} at {:?}",
                    peer.tone(),
                    peer.leg
                );
            }
            let of_b: Vec<u32> = sent.iter().filter(|s| s.leg == B).map(|s| head(s).timestamp).collect();
            assert!(
                of_b.windows(2).skip(3).all(|t| t[1].wrapping_sub(t[0]) == b.clock() / 50),
                "{a:?} {b:?}"
            );
            for leg in [A, B] {
                let stats = w.closed(leg);
                assert_eq!((stats.lost, stats.concealed, stats.rejected), (0, 0, 0), "{a:?} {b:?}");
            }
            assert!(w.shard.mixes.is_empty());
        }
    }
}

#[test]
fn legs_of_one_codec_are_relayed_octet_for_octet() {
    for codec in Codec::ALL {
        let (mut w, mut peers) = bridged(codec, codec);
        assert!(w.shard.mixes.is_empty());
        let sent = peers[0].say(&mut w);
        assert_eq!((sent.len(), sent[0].leg), (1, B), "{codec:?}: at once");
    }
}

#[test]
fn keys_go_through_a_decoded_bridge_as_events_of_one_timestamp() {
    let (mut w, mut peers) = bridged(Codec::Pcmu, Codec::Opus);
    talk(&mut w, &mut peers, 10);
    let mut events = Vec::new();
    for (n, payload) in
        [[5, 10, 0, 160], [5, 10, 1, 64], [5, 0x8a, 1, 64], [5, 0x8a, 1, 64]].iter().enumerate()
    {
        let f = Fields { timestamp: 1600, ..fields(11 + n as u16, 101) };
        events.extend(w.packet_from(A, addr(A), f, payload));
        w.run_ms(20);
    }
    assert_eq!(w.digits(), "5", "once");
    assert_eq!(events.len(), 4);
    assert!(events.iter().all(|s| s.leg == B && head(s).payload_type == 101));
    assert!(events.iter().all(|s| head(s).timestamp == head(&events[0]).timestamp));
    assert!(head(&events[0]).marker && !head(&events[1]).marker);
}

#[test]
fn a_re_invite_that_gives_both_one_codec_makes_it_a_relay_and_back() {
    let (mut w, _) = bridged(Codec::Pcmu, Codec::G722);
    assert_eq!(w.shard.mixes.len(), 1);
    w.command(Command::Connect { leg: B, to: spec(B, Codec::Pcma) });
    assert!(w.shard.mixes.is_empty());
    assert_eq!(w.audio(A, 1, 7).len(), 1, "relayed");
    w.command(Command::Connect { leg: B, to: spec(B, Codec::Opus) });
    assert_eq!(w.shard.mixes.len(), 1);
    assert!(w.audio(A, 2, 7).is_empty(), "decoded");
    w.command(Command::Unbridge { leg: B });
    assert!(w.shard.mixes.is_empty() && w.shard.legs.values().all(|l| l.mate.is_none() && l.mix.is_none()));
}

#[test]
fn a_prompt_is_heard_and_ends_on_a_leg_of_any_codec() {
    for codec in [Codec::G722, Codec::Opus] {
        let mut w = World::with(&[(A, codec)]);
        let mut peer = Peer::new(A, codec);
        let octets: Box<[u8]> = {
            let (mut encoder, mut octets) = (Encoder::new(Codec::Pcmu), [0; ENCODED_MAX]);
            let tone: Vec<i16> =
                (0..160).map(|i| (8000.0 * (std::f32::consts::TAU * i as f32 / 20.0).sin()) as i16).collect();
            encoder.encode(&tone, &mut octets);
            octets[..160].repeat(50).into()
        };
        let tone = std::sync::Arc::new(crate::media::Prompt { pcmu: octets.clone(), pcma: octets });
        w.command(play(A, 1, &[&tone], false));
        let sent: Vec<Send> = w.run_ms(1000).into_iter().map(|(_, s)| s).collect();
        assert_eq!(sent.len(), 50);
        peer.hear(&sent);
        assert!((0.85..1.15).contains(&peer.tone()), "{codec:?}: {}", peer.tone());
        assert!(matches!(w.reports()[..], [Report::PlayStarted { .. }, Report::PlayEnded { .. }]));
        w.command(play(A, 2, &[&prompt(1, 7)], true));
        assert_eq!(w.run_ms(100).len(), 5);
    }
}

#[test]
fn a_leg_of_any_codec_is_listened_to_and_recorded_at_8_khz() {
    for codec in [Codec::G722, Codec::Opus] {
        let (mut w, mut peers) = bridged(codec, codec);
        w.command(Command::Listen { leg: A, on: true });
        w.command(Command::Record { leg: A, file: "x.wav".into() });
        talk(&mut w, &mut peers, 150);
        let frames = std::mem::take(&mut *w.frames.0.lock().unwrap());
        let heard: Vec<i16> = frames.iter().flat_map(|(_, samples)| samples.clone()).collect();
        assert_eq!(heard.len(), 150 * 160);
        assert!((0.85..1.15).contains(&level(&heard[8000..], 8000)), "{codec:?}");
        assert!(frames.windows(2).all(|p| p[1].0.timestamp - p[0].0.timestamp == 160));
        w.command(Command::StopRecord { leg: A });
        assert!(matches!(w.out.files.pop_front(), Some(FileOp::Create { codec: Codec::Pcma, .. })));
        let octets: Vec<u8> = w
            .out
            .files
            .iter()
            .flat_map(|op| if let FileOp::Append { octets, .. } = op { octets.clone() } else { Vec::new() })
            .collect();
        for side in 0..2 {
            let channel: Vec<u8> = octets.iter().skip(side).step_by(2).copied().collect();
            let mut samples = vec![0; channel.len()];
            crate::codec::decode(Codec::Pcma, &channel, &mut samples);
            let tone = level(&samples[8000..16_000], 8000);
            assert!((0.8..1.2).contains(&tone), "{codec:?}, side {side}: {tone}");
        }
    }
}

/// A frame of the two tones of key 5.
fn key_5(n: usize) -> [u8; 160] {
    let sample = |i: usize| {
        let phase = |hz: f32| (std::f32::consts::TAU * hz * (n * 160 + i) as f32 / 8000.0).sin();
        crate::codec::encode(Codec::Pcmu, (6000.0 * (phase(770.0) + phase(1336.0))) as i16)
    };
    std::array::from_fn(sample)
}

#[test]
fn keys_as_tones_are_heard_once_and_only_from_a_peer_without_telephone_events() {
    for (dtmf, keys) in [(None, "55"), (Some(101), "")] {
        let mut w = World::with(&[]);
        w.command(Command::Open { leg: A });
        w.command(Command::Connect { leg: A, to: crate::media::StreamSpec { dtmf, ..spec(A, Codec::Pcmu) } });
        for n in 0..30u16 {
            // 100 ms of tone, 200 ms of silence, twice.
            let octets = if n % 15 < 5 { key_5(usize::from(n)) } else { [0xff; 160] };
            w.packet_from(A, addr(A), fields(n, 0), &octets);
            w.run_ms(20);
        }
        assert_eq!(w.digits(), keys);
    }
}

#[test]
fn loss_between_codecs_is_concealed_and_counted() {
    for (a, b) in [(Codec::Opus, Codec::Pcmu), (Codec::G722, Codec::Pcma)] {
        let (mut w, mut peers) = bridged(a, b);
        let mut said = 0;
        for n in 0..300 {
            if n % 20 == 19 {
                // The packet is made, and lost.
                let mut elsewhere = World::with(&[(A, a)]);
                peers[0].say(&mut elsewhere);
            } else {
                peers[0].say(&mut w);
                said += 1;
            }
            let sent: Vec<Send> = w.run_ms(20).into_iter().map(|(_, s)| s).collect();
            peers[1].hear(&sent);
        }
        let tone = peers[1].tone();
        assert!((0.8..1.15).contains(&tone), "{a:?}: {tone}");
        let stats = w.closed(A);
        assert_eq!((stats.received, stats.lost), (said, 14));
        assert!((14..=20).contains(&stats.concealed), "{a:?}: {}", stats.concealed);
    }
}
