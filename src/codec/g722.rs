//! G.722 at 64 kbit/s (ITU-T G.722, 09/2012): 16 kHz audio as two sub-bands, each by adaptive differences.
//!
//! ```text
//!   16 kHz ─► QMF ─┬─ low  band ─► 6 bits ─┐
//!                  └─ high band ─► 2 bits ─┴─► one octet for two samples
//! ```
//! Bit-exact with the ITU's own software (G.191 STL), against whose vectors it is tested. Names are those of the Recommendation.
//! RTP counts it at 8,000 Hz (RFC 3551 §4.5.2).

const Q6: [i32; 30] = [
    0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121,
    1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
];
const WL: [i32; 8] = [-60, -30, 58, 172, 334, 538, 1198, 3042];
const RL42: [usize; 16] = [0, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 0];
const ILB: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896,
    2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];
const QM4: [i32; 16] =
    [0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0];
const QM2: [i32; 4] = [-7408, -1616, 7408, 1616];
const QM6: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360,
    -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688,
    -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856,
    7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136,
    -432, -136,
];
const WH: [i32; 3] = [0, -214, 798];
const RH2: [usize; 4] = [2, 1, 2, 1];
/// Every second weight of the symmetric filter; the others are the same backwards.
const QMF: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];

fn saturate(value: i32) -> i32 {
    value.clamp(-32_768, 32_767)
}

fn limit(value: i32) -> i32 {
    value.clamp(-16_384, 16_383)
}

/// The adaptive part of one sub-band, the same in encoder and decoder.
#[derive(Debug, Clone)]
struct Band {
    /// Prediction.
    s: i32,
    sz: i32,
    r: [i32; 3],
    p: [i32; 3],
    a: [i32; 3],
    d: [i32; 7],
    b: [i32; 7],
    /// Logarithm of the step, and the step.
    nb: i32,
    det: i32,
}

impl Band {
    fn new(det: i32) -> Band {
        Band { s: 0, sz: 0, r: [0; 3], p: [0; 3], a: [0; 3], d: [0; 7], b: [0; 7], nb: 0, det }
    }

    /// LOGSCL and SCALEL, or LOGSCH and SCALEH.
    fn scale(&mut self, step: i32, nb_max: i32, shift: i32) {
        self.nb = (((self.nb * 127) >> 7) + step).clamp(0, nb_max);
        let (index, down) = ((self.nb >> 6) & 31, shift - (self.nb >> 11));
        let ilb = ILB[index as usize];
        self.det = if down < 0 { ilb << -down } else { ilb >> down } << 2;
    }

    /// Block 4: takes the quantised difference `d` and predicts the next sample.
    fn predict(&mut self, d: i32) {
        self.d[0] = d;
        self.r[0] = saturate(self.s + d);
        self.p[0] = saturate(self.sz + d);
        let same = |a: i32, b: i32| (a < 0) == (b < 0);
        // UPPOL2
        let wd1 = saturate(self.a[1] << 2);
        let wd2 = (if same(self.p[0], self.p[1]) { -wd1 } else { wd1 }).min(32_767);
        let wd3 = if same(self.p[0], self.p[2]) { 128 } else { -128 };
        let a2 = (wd3 + (wd2 >> 7) + ((self.a[2] * 32_512) >> 15)).clamp(-12_288, 12_288);
        // UPPOL1
        let wd1 = if same(self.p[0], self.p[1]) { 192 } else { -192 };
        let most = saturate(15_360 - a2);
        let a1 = saturate(wd1 + ((self.a[1] * 32_640) >> 15)).clamp(-most, most);
        // UPZERO
        let step = if d == 0 { 0 } else { 128 };
        for (b, before) in self.b.iter_mut().zip(&self.d).skip(1) {
            let wd2 = if same(*before, d) { step } else { -step };
            *b = saturate(wd2 + ((*b * 32_640) >> 15));
        }
        // DELAYA
        self.d.copy_within(0..6, 1);
        self.r.copy_within(0..2, 1);
        self.p.copy_within(0..2, 1);
        self.a = [0, a1, a2];
        // FILTEP, FILTEZ, PREDIC
        let pole = |a: i32, r: i32| (a * saturate(r + r)) >> 15;
        let sp = saturate(pole(self.a[1], self.r[1]) + pole(self.a[2], self.r[2]));
        self.sz = (1..7).rev().fold(0, |sz, i| saturate(sz + pole(self.b[i], self.d[i])));
        self.s = saturate(sp + self.sz);
    }

    fn low(&mut self, ril: usize) {
        let d = (self.det * QM4[ril]) >> 15;
        self.scale(WL[RL42[ril]], 18_432, 8);
        self.predict(d);
    }

    fn high(&mut self, ihigh: usize) {
        let d = (self.det * QM2[ihigh]) >> 15;
        self.scale(WH[RH2[ihigh]], 22_528, 10);
        self.predict(d);
    }
}

/// The delay line of the quadrature mirror filter.
type Line = [i32; 24];

fn shift(line: &mut Line, pair: [i32; 2]) {
    line.copy_within(2.., 0);
    [line[22], line[23]] = pair;
}

/// The sums over the even and the odd places.
fn sums(line: &Line) -> (i32, i32) {
    let (pairs, _) = line.as_chunks::<2>();
    let even = pairs.iter().zip(&QMF).map(|(x, q)| x[0] * q).sum();
    let odd = pairs.iter().zip(QMF.iter().rev()).map(|(x, q)| x[1] * q).sum();
    (even, odd)
}

/// Encoder of one stream.
#[derive(Debug, Clone)]
pub struct Encoder {
    line: Line,
    low: Band,
    high: Band,
}

impl Default for Encoder {
    fn default() -> Self {
        Encoder { line: [0; 24], low: Band::new(32), high: Band::new(8) }
    }
}

impl Encoder {
    /// Encodes pairs of samples, as many as `octets` has room for; returns how many octets.
    pub fn encode(&mut self, samples: &[i16], octets: &mut [u8]) -> usize {
        let pairs = samples.as_chunks::<2>().0;
        for (pair, octet) in pairs.iter().zip(octets.iter_mut()) {
            shift(&mut self.line, pair.map(i32::from));
            let (even, odd) = sums(&self.line);
            *octet = self.code(limit((odd + even) >> 14), limit((odd - even) >> 14));
        }
        pairs.len().min(octets.len())
    }

    fn code(&mut self, low: i32, high: i32) -> u8 {
        // QUANTL
        let el = saturate(low - self.low.s);
        let wd = if el < 0 { !el } else { el };
        let mil = (1..30).find(|&i| wd < (Q6[i] * self.low.det) >> 12).unwrap_or(30);
        // The first two codes of negative values are 63 and 62; all others count down.
        let ilow = match (el < 0, mil) {
            (true, 1 | 2) => 64 - mil,
            (true, _) => 34 - mil,
            (false, _) => 62 - mil,
        };
        self.low.low(ilow >> 2);
        // QUANTH
        let eh = saturate(high - self.high.s);
        let wd = if eh < 0 { !eh } else { eh };
        let outer = wd >= (564 * self.high.det) >> 12;
        let ihigh = match (eh < 0, outer) {
            (true, false) => 1,
            (true, true) => 0,
            (false, false) => 3,
            (false, true) => 2,
        };
        self.high.high(ihigh);
        (ihigh << 6 | ilow) as u8
    }
}

/// Decoder of one stream.
#[derive(Debug, Clone)]
pub struct Decoder {
    line: Line,
    low: Band,
    high: Band,
}

impl Default for Decoder {
    fn default() -> Self {
        Decoder { line: [0; 24], low: Band::new(32), high: Band::new(8) }
    }
}

impl Decoder {
    /// Decodes octets to two samples each, as many as `samples` has room for; returns how many samples.
    pub fn decode(&mut self, octets: &[u8], samples: &mut [i16]) -> usize {
        let pairs = samples.as_chunks_mut::<2>().0;
        let count = pairs.len().min(octets.len());
        for (octet, pair) in octets.iter().zip(pairs) {
            let (ilow, ihigh) = (usize::from(octet & 0x3f), usize::from(octet >> 6));
            let low = limit(self.low.s + ((self.low.det * QM6[ilow]) >> 15));
            self.low.low(ilow >> 2);
            let high = limit(self.high.s + ((self.high.det * QM2[ihigh]) >> 15));
            self.high.high(ihigh);
            shift(&mut self.line, [low + high, low - high]);
            let (even, odd) = sums(&self.line);
            *pair = [odd, even].map(|sum| saturate(sum >> 11) as i16);
        }
        2 * count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// A vector of the STL. `None`, said aloud, where the vectors are not there.
    fn vector(name: &str) -> Option<Vec<u8>> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/audio/itu-stl/g722").join(name);
        let bytes = std::fs::read(&file).ok();
        if bytes.is_none() {
            eprintln!("skipped: {} is not there", file.display());
        }
        bytes
    }

    fn words(bytes: &[u8]) -> Vec<i16> {
        bytes.as_chunks::<2>().0.iter().map(|b| i16::from_le_bytes(*b)).collect()
    }

    #[test]
    fn encoding_agrees_with_the_itu_vectors_bit_for_bit() {
        let (Some(source), Some(theirs)) = (vector("inpsp.bin"), vector("codsp.g722")) else { return };
        let mut ours = vec![0; theirs.len()];
        assert_eq!(Encoder::default().encode(&words(&source), &mut ours), theirs.len());
        assert!(ours == theirs, "first at {:?}", ours.iter().zip(&theirs).position(|(a, b)| a != b));
    }

    #[test]
    fn decoding_agrees_with_the_itu_vectors_bit_for_bit() {
        let (Some(octets), Some(theirs)) = (vector("codsp.g722"), vector("outsp1.bin")) else { return };
        let theirs = words(&theirs);
        let mut ours = vec![0; 2 * octets.len()];
        Decoder::default().decode(&octets, &mut ours);
        assert!(ours == theirs, "first at {:?}", ours.iter().zip(&theirs).position(|(a, b)| a != b));
    }

    #[test]
    fn a_tone_comes_back_22_samples_later_and_any_octets_decode() {
        let tone: Vec<i16> = (0..3200)
            .map(|i| (8000.0 * (std::f32::consts::TAU * 1000.0 * i as f32 / 16_000.0).sin()) as i16)
            .collect();
        let (mut octets, mut back) = (vec![0; 1600], vec![0; 3200]);
        Encoder::default().encode(&tone, &mut octets);
        Decoder::default().decode(&octets, &mut back);
        let error = |late: usize| -> i64 {
            (1000..3000).map(|i| (i64::from(back[i]) - i64::from(tone[i - late])).pow(2)).sum::<i64>() / 2000
        };
        assert!(error(22) < 200 * 200, "{}", error(22));
        let noise: Vec<u8> = (0..5000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        assert_eq!(Decoder::default().decode(&noise, &mut vec![0; 10_000]), 10_000);
    }
}
