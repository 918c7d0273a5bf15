//! What a packet costs in memory: nothing, once the shard is warm. Its own test binary, since it counts with the
//! process's allocator.

// The helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used)]

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;
use trunkline::base::{Codec, FRAME_SAMPLES, LegId, Now, Secret, SrtpKeys, Suite};
use trunkline::media::{Body, Channel, Command, Input, Out, PlayId, Prompt, Shard, StreamSpec};
use trunkline::rtp::{Fields, HEADER_OCTETS, PacketBuf, Pool, SLOT_OCTETS, Srtp};
use trunkline::sys::{Arrived, Backend, CountingAllocator, Datagram, Net, Wake};
use trunkline::taps::{FrameHead, SpeechTap};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[derive(Debug)]
struct Slot([i16; FRAME_SAMPLES]);

impl SpeechTap for Slot {
    fn begin(&mut self, _: LegId) {}
    fn end(&mut self, _: LegId) {}
    fn frame(&mut self, _: FrameHead, decode: &mut dyn FnMut(&mut [i16; FRAME_SAMPLES])) {
        decode(&mut self.0);
    }
}

/// A shard with its legs, fed with one packet a leg and 20 ms.
struct Worker {
    shard: Shard,
    out: Out,
    now: Now,
    frames: u16,
    packets: u64,
    /// The far ends of the encrypted legs, by number.
    far: Vec<Option<Box<Srtp>>>,
}

impl Worker {
    fn new(legs: &[(u64, Codec)]) -> Self {
        let out = Out::new(Box::new(Slot([0; FRAME_SAMPLES])));
        let mut w = Worker {
            shard: Shard::new(1),
            out,
            now: Now(0),
            frames: 0,
            packets: 0,
            far: vec![None, None, None, None],
        };
        for &(leg, codec) in legs {
            let leg = LegId(leg);
            w.command(Command::Open { leg });
            let rtcp = Some(from(LegId(1000)));
            // The third peer and those after it send keys as tones, if any.
            let dtmf = (leg.0 < 3).then_some(101);
            let to = StreamSpec { rtcp, dtmf, ..StreamSpec::new(from(leg), codec) };
            w.command(Command::Connect { leg, to });
        }
        w
    }

    fn command(&mut self, command: Command) {
        self.shard.step(self.now, Input::Command(command), &mut self.out);
    }

    fn packet(&mut self, leg: LegId, codec: Codec) {
        let mut buf: PacketBuf = self.out.pool.take();
        let (seq, timestamp) = (self.frames, u32::from(self.frames) * FRAME_SAMPLES as u32);
        let fields =
            Fields { marker: false, payload_type: codec.payload_type(), seq, timestamp, ssrc: leg.0 as u32 };
        buf.as_mut()[..HEADER_OCTETS].copy_from_slice(&fields.bytes());
        buf.set_len(HEADER_OCTETS + FRAME_SAMPLES);
        if let Some(far) = self.far.get_mut(leg.0 as usize).and_then(Option::as_mut) {
            assert_eq!(far.seal(&mut buf), Ok(()));
        }
        self.shard.step(
            self.now,
            Input::Packet { leg, channel: Channel::Rtp, from: from(leg), buf },
            &mut self.out,
        );
    }

    /// Does what a driver does, without sockets.
    fn flush(&mut self) {
        for send in self.out.sends.drain(..) {
            let octets: usize = send.body.parts().map(<[u8]>::len).iter().sum();
            let audio = send.channel == Channel::Rtp;
            self.packets += u64::from(audio);
            assert!(!audio || octets > HEADER_OCTETS);
            if let Body::Packet(buf) = send.body {
                self.out.pool.give(buf);
            }
        }
        self.out.reports.clear();
    }

    fn frames(&mut self, legs: &[(u64, Codec)], count: u16) {
        for _ in 0..count {
            self.frames += 1;
            self.now = self.now + Duration::from_millis(20);
            for &(leg, codec) in legs {
                self.packet(LegId(leg), codec);
            }
            self.shard.step(self.now, Input::Tick, &mut self.out);
            self.flush();
        }
    }
}

fn from(leg: LegId) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 4000 + leg.0 as u16))
}

/// Asserts that 500 frames of `legs`, prepared by `prepare`, send a packet a leg and frame and allocate nothing.
fn costs_nothing(legs: &[(u64, Codec)], prepare: impl FnOnce(&mut Worker)) {
    let mut w = Worker::new(legs);
    prepare(&mut w);
    // Long enough for the first report (RTCP), which needs a buffer of its own.
    w.frames(legs, 200);
    let (packets, before) = (w.packets, CountingAllocator::count());
    w.frames(legs, 500);
    let allocations = CountingAllocator::count() - before;
    assert_eq!((allocations, w.packets - packets), (0, 500 * legs.len() as u64));
}

const MU: Codec = Codec::Pcmu;

#[test]
fn a_relayed_packet_allocates_nothing() {
    costs_nothing(&[(1, MU), (2, MU)], |w| w.command(Command::Bridge { a: LegId(1), b: LegId(2) }));
}

#[test]
fn an_encrypted_packet_allocates_nothing() {
    for suite in Suite::ALL {
        costs_nothing(&[(1, MU), (2, MU)], |w| {
            let [one, other] = [0, 1].map(|nth| Secret::new([1; 32]).key(suite, nth));
            for leg in [1, 2] {
                let (keys, far) =
                    (SrtpKeys { send: one, receive: other }, SrtpKeys { send: other, receive: one });
                let to = StreamSpec {
                    rtcp: Some(from(LegId(1000))),
                    srtp: Some(keys),
                    ..StreamSpec::new(from(LegId(leg)), MU)
                };
                w.command(Command::Connect { leg: LegId(leg), to });
                w.far[leg as usize] = Srtp::install(None, Some(far));
            }
            w.command(Command::Bridge { a: LegId(1), b: LegId(2) });
        });
    }
}

#[test]
fn a_packet_relayed_to_the_other_law_allocates_nothing() {
    costs_nothing(&[(1, MU), (2, Codec::Pcma)], |w| w.command(Command::Bridge { a: LegId(1), b: LegId(2) }));
}

/// What comes as Opus here is no good Opus; that must cost nothing either.
#[test]
fn a_frame_from_one_codec_to_another_allocates_nothing() {
    for codec in [Codec::G722, Codec::Opus] {
        costs_nothing(&[(1, MU), (2, codec)], |w| w.command(Command::Bridge { a: LegId(1), b: LegId(2) }));
    }
}

#[test]
fn a_mixed_frame_allocates_nothing() {
    costs_nothing(&[(1, MU), (2, MU), (3, Codec::Pcma)], |w| {
        w.command(Command::Mix { parties: (1..=3).map(|leg| (LegId(leg), 0b111)).collect() });
    });
}

#[test]
fn a_prompt_allocates_nothing_a_packet() {
    let octets = || vec![1; 1600 + 7].into();
    let prompt = Arc::new(Prompt { pcmu: octets(), pcma: octets() });
    costs_nothing(&[(1, MU)], |w| {
        w.command(Command::Play {
            leg: LegId(1),
            play: PlayId(1),
            prompts: vec![prompt],
            repeat: true,
            skip_ms: 0,
        });
    });
}

#[test]
fn an_echoed_packet_allocates_nothing() {
    costs_nothing(&[(1, MU)], |w| w.command(Command::Echo { leg: LegId(1), on: true }));
}

#[test]
fn a_frame_lent_to_the_listener_allocates_nothing() {
    costs_nothing(&[(1, MU)], |w| w.command(Command::Listen { leg: LegId(1), on: true }));
}

/// Four sockets of one back-end that pass on to the next what they get, from the buffer that it came in.
fn passed_on_for_nothing(backend: Backend) {
    let mut net = Net::<SLOT_OCTETS>::new(backend, Arc::new(Wake::new().unwrap())).unwrap();
    let bind = |token| {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        let at = socket.local_addr().unwrap();
        net.add(token, socket).unwrap();
        at
    };
    let at = [0, 1, 2, 3].map(bind);
    let mut pool = Pool::with_slots(8);
    let mut came: Vec<(u64, PacketBuf)> = Vec::with_capacity(8);
    let next = |token: u64| at[(token as usize + 1) % 4];
    for token in 0..4 {
        assert_eq!(net.send(&[Datagram { token, to: next(token), parts: [&[7; 172], &[], &[]] }]), 1);
    }
    let mut passed = 0;
    let mut turns = |count: u32| {
        let end = passed + count;
        while passed < end {
            net.wait(Some(Duration::from_secs(1)), false).unwrap();
            net.receive(|Arrived { token, slot, len, .. }| {
                let mut buf = PacketBuf::from(slot);
                buf.set_len(len.unwrap());
                came.push((token, buf));
                pool.take().into()
            });
            assert!(!came.is_empty(), "{backend}: a datagram was lost");
            for (token, buf) in came.drain(..) {
                assert_eq!(buf.bytes().len(), 172);
                let parts = [buf.bytes(), &[], &[]];
                assert_eq!(net.send(&[Datagram { token, to: next(token), parts }]), 1);
                pool.give(buf);
                passed += 1;
            }
        }
    };
    turns(2000);
    let before = CountingAllocator::count();
    turns(2000);
    assert_eq!(CountingAllocator::count() - before, 0, "{backend}");
}

#[test]
fn a_datagram_in_and_out_allocates_nothing_by_any_back_end() {
    for backend in [Backend::Batched, Backend::Plain, Backend::Uring] {
        match backend.works() {
            Ok(()) => passed_on_for_nothing(backend),
            Err(e) => eprintln!("skipped: {backend}: {e}"),
        }
    }
}
