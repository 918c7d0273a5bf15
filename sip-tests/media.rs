//! The real media plane over loopback sockets. Peers wait for packets and never sleep.

// The helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

mod quality;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};
use trunkline::base::{Codec, FRAME_SAMPLES, LegId};
use trunkline::codec::encode;
use trunkline::drive::listen::EarKind;
use trunkline::drive::media::{Backend, Cores, MediaConfig, MediaPlane, NoPort, ReportReceiver};
use trunkline::media::{Command, PlayEnd, PlayId, Prompt, Report, StreamSpec};
use trunkline::rtp::{Fields, View};
use trunkline::sys::Epoll;
use trunkline::taps::WAV_HEADER_OCTETS;

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A plane with `count` ports of its own among the tests that run beside.
fn plane(count: u16, backend: Backend) -> (MediaPlane, ReportReceiver) {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 21_000 + NEXT.fetch_add(2 * count, Ordering::Relaxed);
    let config = MediaConfig {
        workers: 2,
        ports: first..=first + 2 * count - 1,
        epoch: Instant::now(),
        backend,
        ears: EarKind::default(),
        cores: Cores::Shared,
    };
    MediaPlane::start(&config).unwrap()
}

/// Those that the kernel allows.
fn backends() -> Vec<Backend> {
    let works = |b: &Backend| b.works().inspect_err(|e| eprintln!("skipped: {b}: {e}")).is_ok();
    [Backend::Batched, Backend::Plain, Backend::Uring].into_iter().filter(works).collect()
}

fn prompt(frames: usize) -> Arc<Prompt> {
    let octets = || vec![0x55; frames * FRAME_SAMPLES].into();
    Arc::new(Prompt { pcmu: octets(), pcma: octets() })
}

/// A telephone: a socket that speaks RTP.
struct Phone {
    socket: UdpSocket,
    leg: LegId,
    at: SocketAddr,
    seq: u16,
}

impl Phone {
    fn call(plane: &mut MediaPlane, leg: u64, near: Option<u64>) -> Self {
        let socket = UdpSocket::bind((LOCAL, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let leg = LegId(leg);
        let at = plane.open(leg, LOCAL, near.map(LegId)).unwrap();
        // Reports go where nobody listens, so that what comes is audio.
        let rtcp = Some(SocketAddr::from((LOCAL, 9)));
        let remote = socket.local_addr().unwrap();
        let to = StreamSpec { rtcp, dtmf: Some(101), ..StreamSpec::new(remote, Codec::Pcmu) };
        plane.send(Command::Connect { leg, to });
        Phone { socket, leg, at, seq: 0 }
    }

    fn say(&mut self, payload: &[u8]) {
        self.seq += 1;
        let timestamp = u32::from(self.seq) * 160;
        let f = Fields { marker: false, payload_type: 0, seq: self.seq, timestamp, ssrc: self.leg.0 as u32 };
        self.socket.send_to(&[&f.bytes(), payload].concat(), self.at).unwrap();
    }

    fn hear(&self) -> (Fields, Vec<u8>) {
        let mut buf = [0; 2000];
        let n = self.socket.recv(&mut buf).unwrap();
        let view = View::parse(&buf[..n]).unwrap();
        (view.fields(), view.payload().to_vec())
    }
}

fn until(reports: &mut ReportReceiver, what: impl Fn(&Report) -> bool) -> Report {
    loop {
        let report = reports.blocking_recv().unwrap();
        if what(&report) {
            return report;
        }
    }
}

#[test]
fn a_prompt_is_heard_whole_and_its_beginning_and_end_are_reported() {
    for backend in backends() {
        let (mut plane, mut reports) = plane(4, backend);
        let phone = Phone::call(&mut plane, 1, None);
        plane.send(Command::Play {
            leg: phone.leg,
            play: PlayId(3),
            prompts: vec![prompt(10)],
            repeat: false,
            skip_ms: 0,
        });
        let started = until(&mut reports, |r| matches!(r, Report::PlayStarted { play: PlayId(3), .. }));
        let ended = until(&mut reports, |r| matches!(r, Report::PlayEnded { end: PlayEnd::Finished, .. }));
        let (Report::PlayStarted { at: start, .. }, Report::PlayEnded { at: end, .. }) = (started, ended)
        else {
            panic!()
        };
        assert!(end.since(start) >= Duration::from_millis(160));
        let mut heard = 0;
        while heard < 10 {
            heard += u32::from(phone.hear().1 == [0x55; FRAME_SAMPLES]);
        }
        plane.send(Command::Close { leg: phone.leg });
        let Report::Closed { stats, .. } = until(&mut reports, |r| matches!(r, Report::Closed { .. })) else {
            panic!()
        };
        assert!(stats.sent >= 10);
    }
}

#[test]
fn a_bridge_relays_every_octet_as_it_was() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/audio/probe_mulaw.wav");
    let octets: Vec<u8> = match hound::WavReader::open(&file) {
        Ok(mut wav) => wav.samples().map(|s| encode(Codec::Pcmu, s.unwrap())).collect(),
        Err(_) => {
            eprintln!("{} is not there: other noise is used", file.display());
            (0..480_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
        }
    };
    for backend in backends() {
        let (mut plane, _reports) = plane(4, backend);
        let mut a = Phone::call(&mut plane, 1, None);
        let b = Phone::call(&mut plane, 2, Some(1));
        plane.send(Command::Bridge { a: a.leg, b: b.leg });
        // What the legs sent before they were bridged is heard first.
        let mut first = None;
        for (n, frame) in octets.chunks_exact(FRAME_SAMPLES).enumerate() {
            // No faster than a peer may.
            std::thread::sleep(trunkline::limits::RTP_EVERY_MIN);
            a.say(frame);
            let (f, payload) = loop {
                let heard = b.hear();
                if first.is_some() || heard.1 != [0xff; FRAME_SAMPLES] {
                    break heard;
                }
            };
            assert_eq!(payload, frame);
            let first = *first.get_or_insert(f.seq);
            assert_eq!(f.seq, first.wrapping_add(n as u16));
        }
    }
}

#[test]
fn fifty_legs_hear_their_prompts_evenly() {
    let (mut plane, _reports) = plane(60, Backend::Batched);
    let phones: Vec<Phone> = (1..=50).map(|n| Phone::call(&mut plane, n, None)).collect();
    for phone in &phones {
        plane.send(Command::Play {
            leg: phone.leg,
            play: PlayId(1),
            prompts: vec![prompt(50)],
            repeat: true,
            skip_ms: 0,
        });
    }
    let mut epoll = Epoll::new().unwrap();
    for (n, phone) in phones.iter().enumerate() {
        phone.socket.set_nonblocking(true).unwrap();
        epoll.add(&phone.socket, n as u64).unwrap();
    }
    let (start, mut last, mut gaps) = (Instant::now(), vec![None; 50], Vec::new());
    let (mut tokens, mut buf) = (Vec::new(), [0; 2000]);
    while start.elapsed() < Duration::from_millis(1500) {
        tokens.clear();
        epoll.wait(Some(Duration::from_millis(100)), &mut tokens).unwrap();
        for &n in &tokens {
            while phones[n as usize].socket.recv(&mut buf).is_ok() {
                let now = Instant::now();
                if let Some(before) = last[n as usize].replace(now) {
                    gaps.push(now - before);
                }
            }
        }
    }
    gaps.sort_unstable();
    let p99 = gaps[gaps.len() * 99 / 100];
    eprintln!("50 legs: {} packets, inter-arrival p50 {:?}, p99 {p99:?}", gaps.len(), gaps[gaps.len() / 2]);
    assert!(gaps.len() > 50 * 50);
    assert!(p99 <= Duration::from_millis(60), "{p99:?}");
}

#[test]
fn ports_come_back_when_legs_close_and_none_is_left_when_all_are_taken() {
    for backend in backends() {
        let (mut plane, mut reports) = plane(3, backend);
        let phones: Vec<Phone> = (1..=3).map(|n| Phone::call(&mut plane, n, None)).collect();
        assert!(phones.iter().all(|p| p.at.port() % 2 == 0));
        assert_eq!(plane.live_legs(), 3);
        assert_eq!(plane.open(LegId(4), LOCAL, None), Err(NoPort));
        plane.send(Command::Close { leg: LegId(2) });
        plane.send(Command::Close { leg: LegId(2) });
        for _ in 0..2 {
            until(&mut reports, |r| matches!(r, Report::Closed { leg: LegId(2), .. }));
        }
        // The report may be read a moment before the socket is closed.
        let at = loop {
            match plane.open(LegId(5), LOCAL, None) {
                Ok(at) => break at,
                Err(NoPort) => std::thread::yield_now(),
            }
        };
        assert_eq!(at, phones[1].at);
        assert_eq!(plane.open(LegId(6), "192.0.2.1".parse().unwrap(), None), Err(NoPort));
    }
}

#[test]
fn a_recording_is_complete_after_shutdown() {
    let path = std::env::temp_dir().join(format!("trunkline-{}-plane.wav", std::process::id()));
    let (mut plane, mut reports) = plane(2, Backend::Batched);
    let phone = Phone::call(&mut plane, 1, None);
    plane.send(Command::Record { leg: phone.leg, file: path.clone() });
    plane.send(Command::Play {
        leg: phone.leg,
        play: PlayId(1),
        prompts: vec![prompt(5)],
        repeat: false,
        skip_ms: 0,
    });
    until(&mut reports, |r| matches!(r, Report::PlayEnded { .. }));
    plane.shutdown();
    let octets = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let heard = octets[WAV_HEADER_OCTETS..].chunks(2).filter(|pair| pair[1] == 0x55).count();
    assert_eq!(heard, 5 * FRAME_SAMPLES);
    until(&mut reports, |r| matches!(r, Report::Closed { leg: LegId(1), .. }));
    assert!(reports.blocking_recv().is_none());
}

#[test]
fn a_caller_who_speaks_is_heard_and_their_sentence_handed_over() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/audio/speech/goforward.wav");
    let Ok(mut wav) = hound::WavReader::open(&file) else {
        eprintln!("skipped: {} is not there", file.display());
        return;
    };
    let octets: Vec<u8> = wav.samples().step_by(2).map(|s| encode(Codec::Pcmu, s.unwrap())).collect();
    let (mut plane, mut reports) = plane(2, Backend::Batched);
    let mut phone = Phone::call(&mut plane, 1, None);
    plane.send(Command::Listen { leg: phone.leg, on: true });
    phone.hear();
    octets.chunks_exact(FRAME_SAMPLES).take(60).for_each(|frame| phone.say(frame));
    until(&mut reports, |r| matches!(r, Report::SpeechStarted { .. }));
    let Report::SpeechEnded { samples, .. } =
        until(&mut reports, |r| matches!(r, Report::SpeechEnded { .. }))
    else {
        panic!()
    };
    assert!(samples.len() > 4000, "{}", samples.len());
}

#[test]
fn two_workers_share_the_legs_and_a_bridge_over_both_is_a_fault() {
    let (mut plane, mut reports) = plane(4, Backend::Batched);
    let (a, b) = (Phone::call(&mut plane, 1, None), Phone::call(&mut plane, 2, None));
    plane.send(Command::Bridge { a: a.leg, b: b.leg });
    until(&mut reports, |r| matches!(r, Report::Fault { leg: LegId(1), .. }));
}

/// 25 datagrams each 5 ms for two seconds, a hundred times what a phone sends: of a stranger, of no RTP, too long, of another
/// payload type.
fn flood(at: SocketAddr) -> u64 {
    let stranger = UdpSocket::bind((LOCAL, 0)).unwrap();
    let (begun, mut sent) = (Instant::now(), 0u16);
    while begun.elapsed() < Duration::from_secs(2) {
        for _ in 0..25 {
            sent = sent.wrapping_add(1);
            let payload_type = if sent.is_multiple_of(4) { 55 } else { 0 };
            let f = Fields { marker: false, payload_type, seq: sent, timestamp: u32::from(sent), ssrc: 66 };
            let octets = match sent % 4 {
                1 => vec![0; 100],
                2 => [&f.bytes()[..], &[9; 1600]].concat(),
                _ => [&f.bytes()[..], &[9; 160]].concat(),
            };
            stranger.send_to(&octets, at).unwrap();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    u64::from(sent)
}

#[test]
fn a_flood_of_one_leg_is_counted_by_its_reasons_and_the_others_keep_their_pace() {
    for backend in backends() {
        let (mut plane, mut reports) = plane(12, backend);
        let mut phones: Vec<Phone> =
            (1..=12).map(|leg| Phone::call(&mut plane, leg, (leg > 1).then_some(1))).collect();
        for phone in &phones {
            let (leg, play) = (phone.leg, PlayId(phone.leg.0));
            plane.send(Command::Play { leg, play, prompts: vec![prompt(50)], repeat: true, skip_ms: 0 });
        }
        // Now the leg knows who its peer is.
        phones[0].say(&[7; FRAME_SAMPLES]);
        phones[0].hear();
        let sent = flood(phones[0].at);
        for phone in &phones {
            plane.send(Command::Close { leg: phone.leg });
        }
        for _ in &phones {
            let Report::Closed { leg, stats } = until(&mut reports, |r| matches!(r, Report::Closed { .. }))
            else {
                panic!()
            };
            eprintln!("{leg:?}: sent {} late {} {:?}", stats.sent, stats.late, stats.rejects);
            // One worker has them all. It is late by its own doing alone, or because the machine has other work.
            assert!(stats.sent >= 90 && stats.late <= 10, "{stats:?}");
            if leg == phones[0].leg {
                let r = stats.rejects;
                assert!(
                    [r.malformed, r.oversize, r.payload_type, r.stranger].iter().all(|n| *n > 500),
                    "{r:?}"
                );
                assert!(r.sum() <= sent && stats.received == 1, "{stats:?}");
            } else {
                assert_eq!(stats.rejected, 0);
            }
        }
    }
}
