//! From packets as they come to frames that a person hears: jitter buffer, decoder, concealment, pace.
//!
//! ```text
//!   packets ─► jitter ─┬─ Packet  ─► decode ─► good ────┬─► pace ─► ready ─► 20 ms at a time
//!                      ├─ Lost    ─► conceal ───────────┤
//!                      └─ Silence ─► silence, faded in ─┘
//! ```
//! Used wherever audio is decoded for somebody to hear. Packets stay in the buffers that they came in until they are
//! decoded, once. No memory is allocated after it is made.

use crate::base::{COMFORT_NOISE, Codec, FRAME_SAMPLES, Now};
use crate::codec::{DECODED_MAX, Decoder, Plc, lengthen, shorten};
use crate::jitter::{Buffer, Pace, Take};
use crate::rtp::{PacketBuf, Pool, View};

/// Samples that may be decoded and not heard yet: a frame, the longest packet, and what slowing adds to it.
const READY: usize = FRAME + DECODED_MAX + FRAME;
/// Samples of a frame at the higher rate.
const FRAME: usize = 2 * FRAME_SAMPLES;

/// What became of a stream that was played out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Played {
    /// Packets that came too late, or too many at once, to be heard.
    pub discarded: u64,
    /// Frames that were made up for missing ones.
    pub concealed: u64,
}

/// One received stream on its way to be heard.
#[derive(Debug)]
pub struct Playout {
    buffer: Buffer<PacketBuf>,
    codec: Codec,
    decoder: Decoder,
    /// For codecs that do not conceal by themselves.
    plc: Plc,
    ready: Box<[i16; READY]>,
    len: usize,
    concealed: u64,
    /// Amplitude of the noise that the sender wants heard while it says nothing (RFC 3389).
    noise: i16,
    rng: fastrand::Rng,
}

impl Playout {
    /// For a stream of `codec`.
    pub fn new(codec: Codec) -> Self {
        Playout {
            buffer: Buffer::new(codec.clock()),
            codec,
            decoder: Decoder::new(codec),
            plc: Plc::new(codec.rate()),
            ready: Box::new([0; READY]),
            len: 0,
            concealed: 0,
            noise: 0,
            rng: fastrand::Rng::with_seed(1),
        }
    }

    /// The codec that it decodes. Its frames are of that codec's rate.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// What became of the packets so far.
    pub fn played(&self) -> Played {
        Played { discarded: self.buffer.counts().late, concealed: self.concealed }
    }

    /// Takes one packet of audio or comfort noise, which must be no duplicate.
    pub fn put(&mut self, now: Now, buf: PacketBuf, pool: &mut Pool) {
        let Ok(f) = View::parse(buf.bytes()).map(|v| v.fields()) else { return pool.give(buf) };
        self.buffer.put(now, f.seq, f.timestamp, buf, |old| pool.give(old));
    }

    /// Gives everything back to the pool.
    pub fn clear(&mut self, pool: &mut Pool) {
        self.buffer.clear(|old| pool.give(old));
    }

    /// The next 20 ms into `out`, which is a frame of the codec's rate. False if they are silence because nobody speaks.
    pub fn frame(&mut self, now: Now, out: &mut [i16], pool: &mut Pool) -> bool {
        let mut sound = self.len > 0;
        while self.len < out.len() {
            let (take, pace) = self.buffer.take(now, |old| pool.give(old));
            match take {
                Take::Packet(buf) => {
                    sound = true;
                    if !self.comfort(&buf) {
                        self.decode(&buf, pace);
                    }
                    pool.give(buf);
                }
                Take::Lost => {
                    sound |= !self.plc.is_silent();
                    self.concealed += 1;
                    self.conceal(out.len());
                }
                Take::Silence => {
                    sound |= self.noise > 0;
                    self.silence(out.len());
                }
            }
        }
        out.copy_from_slice(&self.ready[..out.len()]);
        self.ready.copy_within(out.len()..self.len, 0);
        self.len -= out.len();
        sound
    }

    /// True if this is comfort noise: its level in −dBov is for the pause that follows, and ends with it (RFC 3389 §3).
    fn comfort(&mut self, buf: &PacketBuf) -> bool {
        let view = View::parse(buf.bytes()).ok().filter(|v| v.fields().payload_type == COMFORT_NOISE);
        let level = view.map(|v| v.payload().first().copied().unwrap_or(127) & 0x7f);
        // Evenly spread noise of amplitude a has a root mean square of a / √3.
        let amplitude = |level: u8| 32_767.0 * 3f32.sqrt() * 10f32.powf(-f32::from(level) / 20.0);
        self.noise = level.map_or(0, |l| amplitude(l) as i16);
        level.is_some()
    }

    fn decode(&mut self, buf: &PacketBuf, pace: Pace) {
        let Ok(view) = View::parse(buf.bytes()) else { return };
        // Room for one lengthening is kept.
        let (start, end) = (self.len, READY - FRAME);
        let count = self.decoder.decode(view.payload(), &mut self.ready[start..end]);
        if self.codec != Codec::Opus {
            self.pieces(count, Plc::good);
        }
        let added = match pace {
            Pace::Even => count,
            Pace::Faster => shorten(self.codec.rate(), &mut self.ready[start..start + count], false),
            Pace::Slower => lengthen(self.codec.rate(), &mut self.ready[start..], count, false),
        };
        self.len = start + added;
    }

    /// A frame for one that is missing.
    fn conceal(&mut self, count: usize) {
        let next = self.buffer.follower().and_then(|buf| View::parse(buf.bytes()).ok());
        let to = &mut self.ready[self.len..self.len + count];
        if !self.decoder.conceal(next.map(|v| v.payload()), to) {
            self.pieces(count, Plc::conceal);
        }
        self.len += count;
    }

    /// A frame of nothing, or of the noise that was asked for. Opus makes its own where the sender has stopped sending (DTX).
    fn silence(&mut self, count: usize) {
        let to = &mut self.ready[self.len..self.len + count];
        if !self.decoder.conceal(None, to) {
            let (noise, rng) = (self.noise, &mut self.rng);
            to.iter_mut().for_each(|s| *s = if noise > 0 { rng.i16(-noise..=noise) } else { 0 });
            self.pieces(count, Plc::good);
        }
        self.len += count;
    }

    /// Has concealment work on the next `count` samples.
    fn pieces(&mut self, count: usize, work: impl Fn(&mut Plc, &mut [i16])) {
        let piece = self.plc.piece();
        self.ready[self.len..self.len + count].chunks_mut(piece).for_each(|p| work(&mut self.plc, p));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::encode;
    use crate::rtp::Fields;
    use std::time::Duration;

    /// What the network does to a tone of 200 Hz, and by how much the sender's clock is fast.
    #[derive(Clone, Copy, Default)]
    struct Net {
        loss_of_100: u8,
        jitter_ms: u64,
        drift_ppm: i64,
    }

    /// Seconds of a tone through a playout, and its figures.
    fn heard(seconds: u64, seed: u64, net: Net) -> (Vec<i16>, Playout) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut arrivals: Vec<(u64, u16)> = (0..seconds * 50)
            .filter(|_| rng.u8(..100) >= net.loss_of_100)
            .map(|n| (n, n as u16))
            .map(|(n, seq)| ((n as i64 * 20_000 * 1_000_000 / (1_000_000 + net.drift_ppm)) as u64, seq))
            .collect();
        arrivals.iter_mut().for_each(|a| a.0 += rng.u64(..=net.jitter_ms) * 1000);
        arrivals.sort_unstable();
        let (mut pool, mut p) = (Pool::with_slots(16), Playout::new(Codec::Pcmu));
        let (mut out, mut next) = (Vec::new(), 0);
        for tick in 0..seconds * 50 {
            let now = Now(tick * 20_000 + 7000);
            while let Some(&(at, seq)) = arrivals.get(next).filter(|a| a.0 <= now.0) {
                let timestamp = u32::from(seq) * 160;
                let f = Fields { marker: false, payload_type: 0, seq, timestamp, ssrc: 1 };
                let octets: Vec<u8> = (0..160)
                    .map(|i| std::f32::consts::TAU * ((timestamp + i) % 40) as f32 / 40.0)
                    .map(|phase| encode(Codec::Pcmu, (6000.0 * phase.sin()) as i16))
                    .collect();
                let mut buf = pool.take();
                buf.fill(&[&f.bytes(), &octets]);
                p.put(Now(at), buf, &mut pool);
                next += 1;
            }
            let mut frame = [0; FRAME_SAMPLES];
            p.frame(now, &mut frame, &mut pool);
            out.extend(frame);
        }
        assert!(pool.free() + 64 >= 16 && pool.free() <= 80, "no buffer is lost: {}", pool.free());
        (out, p)
    }

    /// The steepest step between two samples: a tone of 200 Hz and 6000 has 942, a click more.
    fn steepest(samples: &[i16]) -> i32 {
        samples.windows(2).map(|w| (i32::from(w[1]) - i32::from(w[0])).abs()).max().unwrap()
    }

    #[test]
    fn a_tone_comes_through_as_it_was() {
        let (out, p) = heard(10, 1, Net::default());
        assert!(steepest(&out) < 1300, "{}", steepest(&out));
        assert_eq!(p.played(), Played::default());
        let quiet = out[4000..].iter().skip_while(|s| s.abs() > 0).count();
        assert!(quiet > 70_000, "it does not stop");
    }

    #[test]
    fn a_pause_with_comfort_noise_is_heard_at_its_level_and_is_no_loss() {
        let (mut pool, mut p) = (Pool::with_slots(8), Playout::new(Codec::Pcmu));
        let (mut out, mut seq) = (Vec::new(), 0);
        for tick in 0..150u32 {
            // A second of sound, one of noise at −40 dBov, a second of sound.
            let talks = !(50..100).contains(&tick);
            if talks || tick == 50 {
                seq += 1;
                let payload_type = if talks { 0 } else { COMFORT_NOISE };
                let f = Fields { marker: false, payload_type, seq, timestamp: tick * 160, ssrc: 1 };
                let octets = if talks { vec![encode(Codec::Pcmu, 5000); 160] } else { vec![40] };
                let mut buf = pool.take();
                buf.fill(&[&f.bytes(), &octets]);
                p.put(Now(u64::from(tick) * 20_000), buf, &mut pool);
            }
            let mut frame = [0; FRAME_SAMPLES];
            p.frame(Now(u64::from(tick) * 20_000 + 5000), &mut frame, &mut pool);
            out.extend(frame.map(f32::from));
        }
        let level = |r: std::ops::Range<usize>| {
            let n = r.len() as f32;
            20.0 * ((out[r].iter().map(|s| s * s).sum::<f32>() / n).sqrt() / 32_767.0).log10()
        };
        assert!((level(9600..15_000) + 40.0).abs() < 1.0, "{} dBov", level(9600..15_000));
        assert!(level(18_000..23_000) > -17.0);
        assert!(p.played().concealed <= 3, "{:?}", p.played());
    }

    #[test]
    fn drift_of_200_ppm_either_way_is_absorbed_without_a_click() {
        for drift_ppm in [-200, 200] {
            let (out, p) = heard(900, 2, Net { drift_ppm, jitter_ms: 5, ..Net::default() });
            // 180 ms of a quarter of an hour.
            assert!(steepest(&out[800..]) < 1300, "{drift_ppm}: {}", steepest(&out[800..]));
            assert!(p.played().concealed < 5, "{drift_ppm}: {:?}", p.played());
            assert!(p.buffer.target() <= Duration::from_millis(40) && p.buffer.len() < 5);
        }
    }

    #[test]
    fn loss_is_concealed_without_a_click_and_counted() {
        for seed in 0..5 {
            let (out, p) = heard(60, seed, Net { loss_of_100: 5, jitter_ms: 30, ..Net::default() });
            assert!(steepest(&out[800..]) < 2600, "seed {seed}: {}", steepest(&out[800..]));
            assert!((90..300).contains(&p.played().concealed), "{:?}", p.played());
            // 20 ms of a tone are never missing: the loss is filled.
            let gap = out[8000..].split(|s| s.abs() > 200).map(<[i16]>::len).max().unwrap();
            assert!(gap < 240, "seed {seed}: {gap}");
        }
    }
}
