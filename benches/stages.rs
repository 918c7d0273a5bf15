//! What each stage of a packet's way costs by itself: nanoseconds for a packet of 20 ms, or for what is done once for each.
//!
//! `cargo bench --bench stages`; `-- --quick` (and `cargo test`) only shows that it runs. See `benches/README.md`.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark may panic, and prints what it found"
)]

#[path = "shared/deaf.rs"]
mod deaf;

use deaf::Deaf;
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;
use trunkline::asr::Ear;
use trunkline::base::{Codec, FRAME_SAMPLES, LegId, Now, Secret, SrtpKeys, Suite};
use trunkline::bridge::{Mixer, Playout, Voice, forward};
use trunkline::codec::{Converter, DECODED_MAX, Decoder, ENCODED_MAX, Encoder, Plc, frame_samples};
use trunkline::jitter::Buffer;
use trunkline::media::{Body, Channel, Command, Input, Out, Shard, StreamSpec};
use trunkline::rtp::{Fields, Outbound, PacketBuf, Pool, Receiver, Reports, SLOT_OCTETS, Srtp, View};
use trunkline::sys::{Backend, Datagram, Net, Wake, thread_cpu};
use trunkline::taps::Tones;

/// Times `work`, which is given how often it has been run, and prints its cost; the least of five rounds.
fn row(name: &str, times: u32, mut work: impl FnMut(u32)) {
    let mut best = f64::MAX;
    for round in 0..5 {
        let before = thread_cpu();
        (0..times).for_each(|n| work(round * times + n));
        best = best.min((thread_cpu() - before).as_secs_f64() * 1e9 / f64::from(times));
    }
    println!("{name:44} {best:9.0} ns");
}

fn fields(n: u32, codec: Codec) -> Fields {
    let timestamp = n * (codec.clock() / 50);
    Fields { marker: false, payload_type: codec.payload_type(), seq: n as u16, timestamp, ssrc: 7 }
}

fn packet(pool: &mut Pool, n: u32, codec: Codec, payload: &[u8]) -> PacketBuf {
    let mut buf = pool.take();
    buf.fill(&[&fields(n, codec).bytes(), payload]);
    buf
}

fn now(n: u32) -> Now {
    Now(u64::from(n) * 20_000)
}

/// A frame that is something like a voice: a few tones and some noise.
fn frame(rate: u32) -> Vec<i16> {
    let mut rng = fastrand::Rng::with_seed(1);
    let tone = |hz: f32, i: usize| (std::f32::consts::TAU * hz * i as f32 / rate as f32).sin();
    (0..frame_samples(rate))
        .map(|i| (3000.0 * (tone(180.0, i) + tone(720.0, i) + tone(2300.0, i) + rng.f32() * 0.2)) as i16)
        .collect()
}

fn packets(times: u32) {
    let (mut pool, payload) = (Pool::with_slots(8), [0x55; FRAME_SAMPLES]);
    let mut buf = packet(&mut pool, 1, Codec::Pcmu, &payload);
    row("parse a header", times, |_| {
        black_box(View::parse(black_box(buf.bytes())).map(|v| v.fields()).ok());
    });
    let mut receiver = Receiver::default();
    row("sequence, loss and jitter", times, |n| {
        black_box(receiver.accept(now(n), &fields(n, Codec::Pcmu), true));
    });
    let voice = |codec: Codec| Voice { codec, payload_type: codec.payload_type(), dtmf: None, noise: false };
    let mut stream = Outbound::new(Now(0), 1, 2, 3);
    row("rewrite for the other leg", times, |n| {
        buf.fill(&[&fields(n, Codec::Pcmu).bytes()]);
        black_box(forward(now(n), &mut buf, voice(Codec::Pcmu), voice(Codec::Pcmu), &mut stream));
    });
    let mut reports = Reports::new(Now(0), 1);
    row("write a report (RTCP)", times, |n| {
        black_box(reports.write(now(n), &stream, (u64::from(n), 0), &receiver, false));
    });
    let mut jitter = Buffer::new(8000);
    row("jitter buffer, put and take", times, |n| {
        jitter.put(now(n), n as u16, n * 160, n, |_| ());
        black_box(jitter.take(now(n), |_| ()));
    });
}

fn srtp(times: u32) {
    let (mut pool, payload) = (Pool::with_slots(8), [0x55; FRAME_SAMPLES]);
    for suite in Suite::ALL {
        let [one, other] = [0, 1].map(|nth| Secret::new([1; 32]).key(suite, nth));
        let install =
            |send, receive| Srtp::install(None, Some(SrtpKeys { send, receive })).expect("good keys");
        let (mut a, mut b) = (install(one, other), install(other, one));
        row(&format!("encrypt and decrypt, {}", suite.name()), times, |n| {
            let mut buf = packet(&mut pool, n, Codec::Pcmu, &payload);
            a.seal(&mut buf).expect("a fresh number");
            black_box(b.open(&mut buf)).expect("the right key");
            pool.give(buf);
        });
    }
}

fn codecs(times: u32) {
    for codec in Codec::ALL {
        let (source, name) = (frame(codec.rate()), codec.name());
        let (mut encoder, mut decoder, mut octets) =
            (Encoder::new(codec), Decoder::new(codec), [0; ENCODED_MAX]);
        let mut len = 0;
        let times = if codec == Codec::Opus { times / 20 + 1 } else { times };
        row(&format!("encode {name}"), times, |_| len = encoder.encode(black_box(&source), &mut octets));
        let mut samples = [0; DECODED_MAX];
        row(&format!("decode {name}"), times, |_| {
            black_box(decoder.decode(black_box(&octets[..len]), &mut samples));
        });
        let (mut pool, mut playout) = (Pool::with_slots(8), Playout::new(codec));
        let mut out = vec![0; frame_samples(codec.rate())];
        row(&format!("jitter buffer, {name}, concealment at hand"), times, |n| {
            let buf = packet(&mut pool, n, codec, &octets[..len]);
            playout.put(now(n), buf, &mut pool);
            black_box(playout.frame(now(n), &mut out, &mut pool));
        });
    }
}

fn samples(times: u32) {
    let (narrow, wide) = (frame(8000), frame(16_000));
    let (mut plc, mut lost) = (Plc::new(8000), narrow.clone());
    row("conceal one lost packet (G.711 Appendix I)", times, |_| {
        lost.copy_from_slice(&narrow);
        lost.chunks_mut(80).for_each(|piece| plc.good(piece));
        lost.chunks_mut(80).for_each(|piece| plc.conceal(piece));
    });
    let (mut convert, mut up, mut down) = (Converter::default(), wide.clone(), narrow.clone());
    row("8 to 16 kHz", times, |_| convert.run(black_box(&narrow), &mut up));
    row("16 to 8 kHz", times, |_| convert.run(black_box(&wide), &mut down));
    let (mut tones, mut keys) = (Tones::default(), 0);
    row("keys heard as tones", times, |_| tones.hear(black_box(&narrow), |_| keys += 1));
    let legs: Vec<LegId> = (0..8).map(LegId).collect();
    let mut mixer = Mixer::new(legs.iter().map(|leg| (*leg, 0xff)), 8000);
    row("mix: each of 8 parties says and hears", times, |n| {
        let leg = legs[n as usize % 8];
        mixer.put(leg, u64::from(n / 8), |to| {
            to.copy_from_slice(&narrow);
            true
        });
        black_box(mixer.take(leg, u64::from(n / 8)));
    });
}

fn socket() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback socket");
    socket.set_nonblocking(true).expect("non-blocking");
    let at = socket.local_addr().expect("bound");
    (socket, at)
}

/// What a worker pays the kernel for a datagram in and out when those of `count` of its 100 sockets have come while it slept. The
/// back-ends take turns at each wake-up, so that what else runs on the machine meets both; the median is shown.
fn sockets(times: u32, count: usize) {
    const SOCKETS: usize = 100;
    let far: Vec<(UdpSocket, SocketAddr)> = (0..SOCKETS).map(|_| socket()).collect();
    let works = |b: &Backend| b.works().inspect_err(|e| println!("{b:?}: {e}")).is_ok();
    let allowed = [Backend::Batched, Backend::Plain, Backend::Uring].into_iter().filter(works);
    let mut nets: Vec<_> = allowed
        .map(|backend| {
            let wake = Arc::new(Wake::new().expect("a wake"));
            let mut net = Net::<SLOT_OCTETS>::new(backend, wake).expect("it works");
            let near: Vec<SocketAddr> = (0..SOCKETS as u64)
                .map(|token| {
                    let (socket, at) = socket();
                    net.add(token, socket).expect("room");
                    at
                })
                .collect();
            (backend, net, near, Vec::new())
        })
        .collect();
    let (packet, mut buf) = ([0x55; 172], [0; 200]);
    for n in 0..times as usize {
        let turn: Vec<usize> = (0..count).map(|k| (n * count + k) % SOCKETS).collect();
        nets.rotate_left(1);
        for (_, net, near, costs) in &mut nets {
            for &k in &turn {
                far[k].0.send_to(&packet, near[k]).expect("sent");
            }
            let before = thread_cpu();
            net.wait(Some(Duration::from_micros(100)), true).expect("waited");
            let mut came = Vec::with_capacity(count);
            net.receive(|arrived| {
                came.push((arrived.token, arrived.from));
                arrived.slot
            });
            let datagram = |&(token, to)| Datagram { token, to, parts: [&packet[..12], &packet[12..], &[]] };
            let sent = net.send(&came.iter().map(datagram).collect::<Vec<_>>());
            let cost = thread_cpu() - before;
            assert_eq!(sent, count);
            costs.push(cost.as_nanos() as f64 / count as f64);
            for &k in &turn {
                far[k].0.recv(&mut buf).expect("what was sent");
            }
        }
    }
    nets.sort_by_key(|(backend, ..)| *backend as usize);
    for (backend, _, _, mut costs) in nets {
        costs.sort_unstable_by(f64::total_cmp);
        let name = format!("{count} datagrams in and out, {backend:?}");
        println!("{name:44} {:9.0} ns", costs[costs.len() / 2]);
    }
}

/// A relayed packet through all of a worker that decides, without sockets.
fn shard(times: u32) {
    let mut out = Out::new(Box::new(Deaf));
    let mut shard = Shard::new(1);
    let from = SocketAddr::from((Ipv4Addr::LOCALHOST, 4000));
    let spec = StreamSpec { dtmf: Some(101), ..StreamSpec::new(from, Codec::Pcmu) };
    let (a, b) = (LegId(1), LegId(2));
    for leg in [a, b] {
        shard.step(Now(0), Input::Command(Command::Open { leg }), &mut out);
        shard.step(Now(0), Input::Command(Command::Connect { leg, to: spec }), &mut out);
    }
    shard.step(Now(0), Input::Command(Command::Bridge { a, b }), &mut out);
    row("shard, relayed", times, |n| {
        let buf = packet(&mut out.pool, n, Codec::Pcmu, &[0x55; FRAME_SAMPLES]);
        shard.step(now(n), Input::Packet { leg: a, channel: Channel::Rtp, from, buf }, &mut out);
        for send in out.sends.drain(..) {
            if let Body::Packet(buf) = black_box(send).body {
                out.pool.give(buf);
            }
        }
    });
}

/// One ear, where the line's noise is steady and where it is loud every other second.
fn ears(times: u32) {
    for (name, loud) in [("ear, silence", 30), ("ear, noise by turns", 3000)] {
        let (mut ear, mut heard, mut rng) = (Ear::default(), Vec::new(), fastrand::Rng::with_seed(1));
        row(name, times, |n| {
            let loud = if n / 50 % 2 == 0 { 30 } else { loud };
            let samples: [i16; FRAME_SAMPLES] = std::array::from_fn(|_| rng.i16(-loud..=loud));
            ear.step(now(n), n * FRAME_SAMPLES as u32, &samples, None, &mut heard);
        });
    }
}

fn main() {
    let full = std::env::args().any(|a| a == "--bench") && !std::env::args().any(|a| a == "--quick");
    let times = if full { 20_000 } else { 20 };
    packets(times * 10);
    shard(times * 10);
    srtp(times);
    codecs(times);
    samples(times);
    ears(times);
    for count in [1, 5, 20] {
        sockets(times / 4 + 1, count);
    }
}
