//! How much of speech is left behind a bridge that re-codes: PESQ (ITU-T P.862), where Python has it.

#[path = "../benches/shared/deaf.rs"]
mod deaf;

use deaf::Deaf;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use trunkline::base::{Codec, FRAME_SAMPLES, LegId, Now};
use trunkline::codec::{Converter, DECODED_MAX, Decoder, ENCODED_MAX, Encoder, frame_samples};
use trunkline::media::{Channel, Command, Input, Out, Shard, StreamSpec};
use trunkline::rtp::{Fields, HEADER_OCTETS, PacketBuf, View};

/// A codec at both ends, fed and heard at 8 kHz.
struct Ends {
    encoder: Encoder,
    decoder: Decoder,
    convert: [Converter; 2],
    rate: u32,
}

impl Ends {
    fn of(codec: Codec) -> Ends {
        let convert = [Converter::default(), Converter::default()];
        Ends { encoder: Encoder::new(codec), decoder: Decoder::new(codec), convert, rate: codec.rate() }
    }

    fn say(&mut self, frame: &[i16]) -> Vec<u8> {
        let (mut own, mut octets) = (vec![0; frame_samples(self.rate)], [0; ENCODED_MAX]);
        self.convert[0].run(frame, &mut own);
        let len = self.encoder.encode(&own, &mut octets);
        octets[..len].to_vec()
    }

    fn through(&mut self, frame: &[i16]) -> [i16; FRAME_SAMPLES] {
        let payload = self.say(frame);
        self.hear(&payload)
    }

    fn hear(&mut self, payload: &[u8]) -> [i16; FRAME_SAMPLES] {
        let (mut own, mut frame) = ([0; DECODED_MAX], [0; FRAME_SAMPLES]);
        let count = self.decoder.decode(payload, &mut own);
        self.convert[1].run(&own[..count], &mut frame);
        frame
    }
}

/// What a peer in `to` hears of `speech` that one in `from` says, through a bridge, on virtual time.
fn through(from: Codec, to: Codec, speech: &[i16]) -> Vec<i16> {
    let (mut shard, mut out) = (Shard::new(1), Out::new(Box::new(Deaf)));
    let (a, b, addr) = (LegId(1), LegId(2), SocketAddr::from(([192, 0, 2, 1], 4000)));
    for (leg, codec) in [(a, from), (b, to)] {
        shard.step(Now(0), Input::Command(Command::Open { leg }), &mut out);
        shard.step(
            Now(0),
            Input::Command(Command::Connect { leg, to: StreamSpec::new(addr, codec) }),
            &mut out,
        );
    }
    shard.step(Now(0), Input::Command(Command::Bridge { a, b }), &mut out);
    let (mut mouth, mut ear, mut heard) = (Ends::of(from), Ends::of(to), Vec::new());
    for (n, frame) in speech.chunks_exact(FRAME_SAMPLES).enumerate() {
        let now = Now(n as u64 * 20_000 + 5000);
        while let Some(due) = shard.deadline().filter(|due| *due <= now) {
            shard.step(due, Input::Tick, &mut out);
        }
        let (seq, timestamp) = (n as u16, n as u32 * (from.clock() / 50));
        let f = Fields { marker: n == 0, payload_type: from.payload_type(), seq, timestamp, ssrc: 5 };
        let mut buf = PacketBuf::default();
        buf.fill(&[&f.bytes(), &mouth.say(frame)]);
        shard.step(now, Input::Packet { leg: a, channel: Channel::Rtp, from: addr, buf }, &mut out);
        for send in out.sends.drain(..).filter(|s| s.leg == b) {
            let octets = send.body.parts().concat();
            if View::parse(&octets).is_ok_and(|v| v.fields().payload_type == to.payload_type()) {
                heard.extend(ear.hear(&octets[HEADER_OCTETS..]));
            }
        }
    }
    heard
}

/// The quality of `heard` beside `said` by ITU-T P.862 at 8 kHz; `None` where Python has no pesq.
fn pesq(said: &[i16], heard: &[i16]) -> Option<f64> {
    let script = "import sys, numpy as np\nfrom pesq import pesq\n\
                  a, b = (np.fromfile(f, '<i2') for f in sys.argv[1:])\nprint(pesq(8000, a, b, 'nb'))";
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let files = [said, heard].map(|samples| {
        let name = format!("trunkline-{}-{}.raw", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let file = std::env::temp_dir().join(name);
        std::fs::write(&file, samples.iter().flat_map(|s| s.to_le_bytes()).collect::<Vec<u8>>()).unwrap();
        file
    });
    let out = std::process::Command::new("python3").args(["-c", script]).args(&files).output();
    files.iter().for_each(|file| std::fs::remove_file(file).unwrap());
    let out = out.ok()?;
    if !out.status.success() {
        eprintln!("skipped: {}", String::from_utf8_lossy(&out.stderr).lines().last().unwrap_or_default());
    }
    String::from_utf8_lossy(&out.stdout).trim().parse().ok()
}

#[test]
fn speech_through_a_bridge_of_two_codecs_is_as_good_as_through_the_codecs_alone() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/audio/speech/jfk.wav");
    let Ok(mut wav) = hound::WavReader::open(&file) else {
        eprintln!("skipped: {} is not there", file.display());
        return;
    };
    let wide: Vec<i16> = wav.samples().map(Result::unwrap).collect();
    let mut down = Converter::default();
    // A second in which the jitter buffer finds its delay, as it does while a call is greeted.
    let mut speech = vec![0; 50 * FRAME_SAMPLES];
    for piece in wide.chunks_exact(2 * FRAME_SAMPLES).take(400) {
        let mut frame = [0; FRAME_SAMPLES];
        down.run(piece, &mut frame);
        speech.extend(frame);
    }
    // And half a second for what is still on its way.
    speech.extend([0; 25 * FRAME_SAMPLES]);
    for (from, to) in [
        (Codec::Pcmu, Codec::Opus),
        (Codec::Opus, Codec::Pcmu),
        (Codec::Pcmu, Codec::G722),
        (Codec::G722, Codec::Pcmu),
    ] {
        let (mut one, mut other) = (Ends::of(from), Ends::of(to));
        let frames = speech.chunks_exact(FRAME_SAMPLES);
        let alone: Vec<i16> = frames
            .flat_map(|frame| {
                let frame = one.through(frame);
                other.through(&frame)
            })
            .collect();
        let Some((alone, through)) = pesq(&speech, &alone).zip(pesq(&speech, &through(from, to, &speech)))
        else {
            return;
        };
        eprintln!(
            "{} to {}: PESQ {alone:.2} by the codecs alone, {through:.2} by a call",
            from.name(),
            to.name()
        );
        assert!(through > alone - 0.1, "{from:?} to {to:?}: {through} instead of {alone}");
    }
}
