//! What the media plane costs, beside the least that any could cost in the same run.
//!
//! The floor is a bare reflector: one thread, epoll, one socket a call, `recv_from` and `send_to`, nothing else. Every
//! row is the CPU time of the worker's thread for one packet in and one packet out, and its ratio to the floor.
//! `cargo bench --bench media`; `-- --quick` (and `cargo test`) only shows that it runs. See `benches/README.md`.
// A benchmark may panic, and prints what it found.
#![allow(clippy::expect_used, clippy::print_stdout)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use trunkline::base::{Codec, LegId, Secret, SrtpKeys, Suite};
use trunkline::codec::{ENCODED_MAX, Encoder, frame_samples};
use trunkline::drive::listen::EarKind;
use trunkline::drive::media::{Backend, Cores, MediaConfig, MediaPlane, ReportReceiver};
use trunkline::media::{Command, PlayId, Prompt, StreamSpec};
use trunkline::rtp::{Fields, PacketBuf, Srtp};
use trunkline::sys::{Epoll, precise_timers};

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// PCMU, with telephone-events, in the clear.
const MU: What = What { codec: |_| Codec::Pcmu, dtmf: Some(101), srtp: None };
const FRAME: Duration = Duration::from_millis(20);

/// How much to run.
#[derive(Clone, Copy)]
struct Load {
    legs: usize,
    length: Duration,
}

/// What the legs of a row speak: the codec of the leg with this number, and telephone-events or tones.
#[derive(Clone, Copy)]
struct What {
    codec: fn(usize) -> Codec,
    dtmf: Option<u8>,
    srtp: Option<Suite>,
}

impl What {
    /// The keys of a leg, and those of its phone.
    fn keys(self) -> Option<[SrtpKeys; 2]> {
        let [one, other] = [0, 1].map(|nth| Some(Secret::new([1; 32]).key(self.srtp?, nth)));
        let (one, other) = one.zip(other)?;
        Some([SrtpKeys { send: one, receive: other }, SrtpKeys { send: other, receive: one }])
    }
}

/// What one run showed.
#[derive(Default)]
struct Figures {
    cpu: Duration,
    sent: u64,
    heard: u64,
    gaps_us: Vec<u64>,
}

impl Figures {
    fn us_per_packet(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.heard.max(1) as f64
    }

    fn gap_ms(&mut self, per_mille: usize) -> f64 {
        self.gaps_us.sort_unstable();
        self.gaps_us.get(self.gaps_us.len() * per_mille / 1000).map_or(0.0, |us| *us as f64 / 1000.0)
    }
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind((LOCAL, 0)).expect("a loopback socket");
    socket.set_nonblocking(true).expect("non-blocking");
    socket
}

/// The far ends: every leg gets a packet each 20 ms, evenly spread, and what comes back is counted and timed. The
/// first fifth is not counted.
fn generate(
    load: Load,
    what: What,
    phones: &[UdpSocket],
    to: &[SocketAddr],
    cpu: impl Fn() -> Duration,
) -> Figures {
    precise_timers();
    let mut epoll = Epoll::new().expect("epoll");
    for (n, phone) in phones.iter().enumerate() {
        epoll.add(phone, n as u64).expect("epoll");
    }
    let (start, mut counting) = (Instant::now(), false);
    let (warm, end) = (load.length / 5, load.length + load.length / 5);
    let (mut figures, mut cpu_before) = (Figures::default(), Duration::ZERO);
    let (mut tokens, mut buf, mut last) = (Vec::new(), [0; 2000], vec![None; phones.len()]);
    let sealing = |_| Srtp::install(None, what.keys().map(|[_, phone]| phone));
    let mut srtp: Vec<Option<Box<Srtp>>> = (0..phones.len()).map(sealing).collect();
    let mut packet = PacketBuf::default();
    let payloads = Codec::ALL.map(|c| (c, payload(c)));
    for sent in 0u32.. {
        let (leg, seq) = (sent as usize % phones.len(), (sent / phones.len() as u32) as u16);
        let due = FRAME * sent / phones.len() as u32;
        loop {
            let passed = start.elapsed();
            if passed >= due {
                break;
            }
            tokens.clear();
            epoll.wait(Some(due - passed), &mut tokens).expect("epoll");
            for &n in &tokens {
                while phones[n as usize].recv(&mut buf).is_ok() {
                    let now = Instant::now();
                    let before = last[n as usize].replace(now);
                    if counting {
                        figures.heard += 1;
                        figures.gaps_us.extend(before.map(|b: Instant| (now - b).as_micros() as u64));
                    }
                }
            }
        }
        if due >= end {
            break;
        }
        if !counting && due >= warm {
            (counting, cpu_before) = (true, cpu());
        }
        let codec = (what.codec)(leg);
        let (timestamp, payload_type) = (u32::from(seq) * (codec.clock() / 50), codec.payload_type());
        let f = Fields { marker: false, payload_type, seq, timestamp, ssrc: leg as u32 };
        let payload = payloads.iter().find(|(c, _)| *c == codec).map_or(&[][..], |(_, p)| p);
        packet.fill(&[&f.bytes(), payload]);
        if let Some(srtp) = &mut srtp[leg] {
            srtp.seal(&mut packet).expect("a fresh number");
        }
        figures.sent += u64::from(phones[leg].send_to(packet.bytes(), to[leg]).is_ok() && counting);
    }
    figures.cpu = cpu() - cpu_before;
    figures
}

/// A frame of a tone.
fn payload(codec: Codec) -> Vec<u8> {
    let count = frame_samples(codec.rate());
    let tone =
        (0..count).map(|i| (6000.0 * (std::f32::consts::TAU * i as f32 * 8.0 / count as f32).sin()) as i16);
    let mut octets = [0; ENCODED_MAX];
    let len = Encoder::new(codec).encode(&tone.collect::<Vec<_>>(), &mut octets);
    octets[..len].to_vec()
}

/// The least: a packet in, the same packet out.
fn floor(load: Load) -> Figures {
    let reflectors: Vec<UdpSocket> = (0..load.legs).map(|_| socket()).collect();
    let to: Vec<SocketAddr> = reflectors.iter().map(|s| s.local_addr().expect("bound")).collect();
    let stop = Arc::new(AtomicBool::new(false));
    let thread = std::thread::Builder::new().name("floor".into()).spawn({
        let stop = Arc::clone(&stop);
        move || {
            let mut epoll = Epoll::new().expect("epoll");
            for (n, s) in reflectors.iter().enumerate() {
                epoll.add(s, n as u64).expect("epoll");
            }
            let (mut tokens, mut buf) = (Vec::new(), [0; 2000]);
            while !stop.load(Ordering::Relaxed) {
                tokens.clear();
                epoll.wait(Some(Duration::from_millis(100)), &mut tokens).expect("epoll");
                for &n in &tokens {
                    if let Ok((len, from)) = reflectors[n as usize].recv_from(&mut buf) {
                        let _ = reflectors[n as usize].send_to(&buf[..len], from);
                    }
                }
            }
        }
    });
    let figures = generate(load, MU, &phones(load), &to, || cpu_of("floor"));
    stop.store(true, Ordering::Relaxed);
    thread.expect("a thread").join().expect("no panic");
    figures
}

fn phones(load: Load) -> Vec<UdpSocket> {
    (0..load.legs).map(|_| socket()).collect()
}

/// One worker of ours; `prepare` says what its legs do. The CPU time is that of the thread named `thread`.
fn ours(
    load: Load,
    what: What,
    backend: Backend,
    thread: &str,
    prepare: impl Fn(&mut MediaPlane, usize),
) -> Figures {
    let config = MediaConfig {
        workers: 1,
        ports: 30_000..=39_999,
        epoch: Instant::now(),
        backend,
        ears: EarKind::default(),
        cores: Cores::Own,
    };
    let (mut plane, _reports): (MediaPlane, ReportReceiver) =
        MediaPlane::start(&config).expect("a media plane");
    let phones = phones(load);
    let to: Vec<SocketAddr> = (0..load.legs)
        .map(|n| {
            let leg = LegId(n as u64);
            let at = plane.open(leg, LOCAL, None).expect("a port");
            let remote = phones[n].local_addr().expect("bound");
            // Reports go where nobody listens, so that what comes is audio.
            let rtcp = Some(SocketAddr::from((LOCAL, 9)));
            let to = StreamSpec {
                rtcp,
                dtmf: what.dtmf,
                srtp: what.keys().map(|[leg, _]| leg),
                ..StreamSpec::new(remote, (what.codec)(n))
            };
            plane.send(Command::Connect { leg, to });
            at
        })
        .collect();
    (0..load.legs).for_each(|n| prepare(&mut plane, n));
    generate(load, what, &phones, &to, || cpu_of(thread))
}

/// CPU time of the thread with this name, from `/proc` (first figure of schedstat, in nanoseconds).
fn cpu_of(name: &str) -> Duration {
    let threads = std::fs::read_dir("/proc/self/task").expect("/proc").flatten();
    let of = threads
        .map(|t| t.path())
        .filter(|t| std::fs::read_to_string(t.join("comm")).is_ok_and(|comm| comm.trim_end() == name));
    let ns = of.filter_map(|t| {
        let stat = std::fs::read_to_string(t.join("schedstat")).ok()?;
        stat.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(ns.sum())
}

fn main() {
    let full = std::env::args().any(|a| a == "--bench") && !std::env::args().any(|a| a == "--quick");
    let (rounds, load) = if full {
        (15, Load { legs: 100, length: Duration::from_millis(500) })
    } else {
        (1, Load { legs: 20, length: Duration::from_millis(250) })
    };
    let prompt = Arc::new(Prompt { pcmu: vec![1; 80_000].into(), pcma: vec![1; 80_000].into() });
    let play = |plane: &mut MediaPlane, n: usize| {
        let prompts = vec![Arc::clone(&prompt)];
        plane.send(Command::Play {
            leg: LegId(n as u64),
            play: PlayId(1),
            prompts,
            repeat: true,
            skip_ms: 0,
        });
    };
    let echo =
        |plane: &mut MediaPlane, n: usize| plane.send(Command::Echo { leg: LegId(n as u64), on: true });
    let relay = |plane: &mut MediaPlane, n: usize| {
        if n % 2 == 1 {
            plane.send(Command::Bridge { a: LegId(n as u64 - 1), b: LegId(n as u64) });
        }
    };
    let listen =
        |plane: &mut MediaPlane, n: usize| plane.send(Command::Listen { leg: LegId(n as u64), on: true });
    let folder = std::env::temp_dir().join(format!("trunkline-bench-{}", std::process::id()));
    let record = |plane: &mut MediaPlane, n: usize| {
        relay(plane, n);
        plane.send(Command::Record { leg: LegId(n as u64), file: folder.join(format!("{n}.wav")) });
    };
    let mix = |plane: &mut MediaPlane, n: usize| {
        if n % 8 == 7 {
            let parties = (n as u64 - 7..=n as u64).map(|leg| (LegId(leg), 0xff)).collect();
            plane.send(Command::Mix { parties });
        }
    };
    let (b, worker) = (Backend::Batched, "media-0");
    let mu = MU;
    let [cm, gcm] = [Suite::AesCm80, Suite::Gcm128].map(|suite| What { srtp: Some(suite), ..MU });
    let tones = What { dtmf: None, ..mu };
    let g722 = What { codec: |n| if n % 2 == 0 { Codec::Pcmu } else { Codec::G722 }, ..mu };
    let opus = What { codec: |n| if n % 2 == 0 { Codec::Pcmu } else { Codec::Opus }, ..mu };
    let few = Load { legs: load.legs.min(48), ..load };
    let u = Backend::Uring;
    let rows: [(&str, &dyn Fn() -> Figures); 17] = [
        ("bare reflector", &|| floor(load)),
        ("echo", &|| ours(load, mu, b, worker, echo)),
        ("echo, plain back-end", &|| ours(load, mu, Backend::Plain, worker, echo)),
        ("echo, io_uring", &|| ours(load, mu, u, worker, echo)),
        ("relay", &|| ours(load, mu, b, worker, relay)),
        ("relay, io_uring", &|| ours(load, mu, u, worker, relay)),
        ("relay, SRTP (AES-CM, SHA1)", &|| ours(load, cm, b, worker, relay)),
        ("relay, SRTP (AES-GCM)", &|| ours(load, gcm, b, worker, relay)),
        ("relay, both recorded", &|| ours(load, mu, b, worker, record)),
        ("relay, keys as tones", &|| ours(load, tones, b, worker, relay)),
        ("prompt", &|| ours(load, mu, b, worker, play)),
        ("prompt, io_uring", &|| ours(load, mu, u, worker, play)),
        ("silence and listening", &|| ours(load, mu, b, worker, listen)),
        ("the listener's own", &|| ours(load, mu, b, "listener", listen)),
        ("mixed, 8 parties each", &|| ours(few, mu, b, worker, mix)),
        ("PCMU to G722 and back", &|| ours(few, g722, b, worker, relay)),
        ("PCMU to opus and back", &|| ours(few, opus, b, worker, relay)),
    ];
    // Of the rows that are named, if any are; the floor in any case.
    let named: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let wanted = |(at, (name, _)): &(usize, (&str, _))| {
        *at == 0 || named.is_empty() || named.iter().any(|n| n == name)
    };
    let rows: Vec<_> = rows.into_iter().enumerate().filter(wanted).map(|(_, row)| row).collect();
    println!(
        "{} legs, {rounds} rounds of {:?}: CPU for a packet in and a packet out, the least and the median of its ratios",
        load.legs, load.length
    );
    println!(
        "{:26} {:>8} {:>7} {:>8} {:>8} {:>8} {:>9}",
        "", "µs", "ratio", "in", "out", "p99 ms", "p99.9 ms"
    );
    // In turns, so that what else runs on the machine meets all of them; each is compared with the floor of its round.
    let mut best: Vec<(Option<Figures>, Vec<f64>)> = rows.iter().map(|_| (None, Vec::new())).collect();
    for _ in 0..rounds {
        let mut unit = None;
        for ((_, run), (best, ratios)) in rows.iter().zip(&mut best) {
            let figures = run();
            let us = figures.us_per_packet();
            ratios.push(us / *unit.get_or_insert(us));
            if best.as_ref().is_none_or(|b| us < b.us_per_packet()) {
                *best = Some(figures);
            }
        }
    }
    let _ = std::fs::remove_dir_all(&folder);
    for ((name, _), (best, mut ratios)) in rows.iter().zip(best) {
        let Some(mut f) = best else { continue };
        ratios.sort_unstable_by(f64::total_cmp);
        let (us, ratio, p99, p999) =
            (f.us_per_packet(), ratios[ratios.len() / 2], f.gap_ms(990), f.gap_ms(999));
        println!("{name:26} {us:8.2} {ratio:7.2} {:8} {:8} {p99:8.2} {p999:9.2}", f.sent, f.heard);
    }
}
