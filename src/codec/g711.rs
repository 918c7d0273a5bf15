//! G.711 A-law and µ-law (ITU-T G.711, 11/1988), and the way from one to the other.
//!
//! Decoding and changing the law are one table look-up an octet; the tables are computed when the crate is compiled.
//! Samples are 16-bit with the law's 13 or 14 bits at the top, as in the ITU's own software (G.191 STL), against whose
//! vectors all of it is tested bit for bit. Here a codec that is not A-law is taken for µ-law: others never come here.

use crate::base::Codec;

const fn ulaw_to_linear(octet: u8) -> i16 {
    let v = !octet;
    let (segment, step) = ((v >> 4) & 7, v & 0x0f);
    let magnitude = ((((step as i16) << 3) + 0x84) << segment) - 0x84;
    if v & 0x80 != 0 { -magnitude } else { magnitude }
}

const fn alaw_to_linear(octet: u8) -> i16 {
    let v = octet ^ 0x55;
    let (segment, step) = ((v >> 4) & 7, ((v & 0x0f) as i16) << 4);
    let magnitude = if segment == 0 { step + 8 } else { (step + 0x108) << (segment - 1) };
    if v & 0x80 != 0 { magnitude } else { -magnitude }
}

/// 14 bits count: magnitudes of negative samples are taken in one's complement, as the STL does.
const fn linear_to_ulaw(sample: i16) -> u8 {
    let negative = sample < 0;
    let magnitude = if negative { !sample >> 2 } else { sample >> 2 } as u16 + 33;
    let magnitude = if magnitude > 0x1fff { 0x1fff } else { magnitude };
    // 33 ≤ magnitude < 2^13, so its top bit is 5–12: segments 0–7.
    let segment = 10 - magnitude.leading_zeros() as u16;
    let octet = (segment << 4 | (magnitude >> (segment + 1)) & 0x0f) as u8;
    !(octet | if negative { 0x80 } else { 0 })
}

/// 12 bits of magnitude count; the same one's complement.
const fn linear_to_alaw(sample: i16) -> u8 {
    let negative = sample < 0;
    let magnitude = if negative { !sample >> 4 } else { sample >> 4 } as u16;
    let octet = if magnitude < 32 {
        magnitude
    } else {
        // 32 ≤ magnitude < 2^11: segments 2–7; below, the first two segments are one straight line.
        let segment = 12 - magnitude.leading_zeros() as u16;
        segment << 4 | (magnitude >> (segment - 1)) & 0x0f
    } as u8;
    (octet | if negative { 0 } else { 0x80 }) ^ 0x55
}

const ULAW: [i16; 256] = table(true);
const ALAW: [i16; 256] = table(false);

const fn table(ulaw: bool) -> [i16; 256] {
    let mut t = [0; 256];
    let mut i = 0;
    while i < 256 {
        t[i] = if ulaw { ulaw_to_linear(i as u8) } else { alaw_to_linear(i as u8) };
        i += 1;
    }
    t
}

/// Octet of one law to the nearest octet of the other, by way of the linear value (G.711 §3.3 leaves the choice).
static ULAW_TO_ALAW: [u8; 256] = cross(true);
static ALAW_TO_ULAW: [u8; 256] = cross(false);

const fn cross(from_ulaw: bool) -> [u8; 256] {
    let mut t = [0; 256];
    let mut i = 0;
    while i < 256 {
        t[i] = if from_ulaw { linear_to_alaw(ULAW[i]) } else { linear_to_ulaw(ALAW[i]) };
        i += 1;
    }
    t
}

/// Decodes as many octets as there is room for, straight into the reader's memory; returns how many.
pub fn decode(codec: Codec, octets: &[u8], to: &mut [i16]) -> usize {
    static TABLES: [[i16; 256]; 2] = [ULAW, ALAW];
    let table = &TABLES[usize::from(codec == Codec::Pcma)];
    for (sample, octet) in to.iter_mut().zip(octets) {
        *sample = table[usize::from(*octet)];
    }
    octets.len().min(to.len())
}

/// Encodes one sample.
pub fn encode(codec: Codec, sample: i16) -> u8 {
    if codec == Codec::Pcma { linear_to_alaw(sample) } else { linear_to_ulaw(sample) }
}

/// Changes octets of one law to the other in place; nothing to do if they are the same.
pub fn transcode(from: Codec, to: Codec, octets: &mut [u8]) {
    let table = match (from, to) {
        (Codec::Pcmu, Codec::Pcma) => &ULAW_TO_ALAW,
        (Codec::Pcma, Codec::Pcmu) => &ALAW_TO_ULAW,
        _ => return,
    };
    for octet in octets {
        *octet = table[usize::from(*octet)];
    }
}

/// The octet that is silence.
pub const fn silence(codec: Codec) -> u8 {
    if matches!(codec, Codec::Pcma) { 0xd5 } else { 0xff }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// A vector of the STL: 16-bit little-endian words. `None`, said aloud, where the vectors are not there.
    fn vector(name: &str) -> Option<Vec<i16>> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/audio/itu-stl/g711").join(name);
        let Ok(bytes) = std::fs::read(&file) else {
            eprintln!("skipped: {} is not there", file.display());
            return None;
        };
        Some(bytes.as_chunks::<2>().0.iter().map(|b| i16::from_le_bytes(*b)).collect())
    }

    /// Encodes the sweep over all 16-bit values and decodes it again, against the ITU's octets and samples.
    fn agrees(codec: Codec, octets: &str, samples: &str) {
        let (Some(source), Some(octets), Some(samples)) =
            (vector("sweep.src"), vector(octets), vector(samples))
        else {
            return;
        };
        assert_eq!(source.len(), 65_536);
        let ours: Vec<u8> = source.iter().map(|&s| encode(codec, s)).collect();
        let theirs: Vec<u8> = octets.iter().map(|&o| o as u8).collect();
        assert!(ours == theirs, "first at {:?}", ours.iter().zip(&theirs).position(|(a, b)| a != b));
        let mut decoded = vec![0; ours.len()];
        decode(codec, &ours, &mut decoded);
        assert!(decoded == samples, "first at {:?}", decoded.iter().zip(&samples).position(|(a, b)| a != b));
    }

    #[test]
    fn ulaw_agrees_with_the_itu_vectors_bit_for_bit() {
        agrees(Codec::Pcmu, "sweep-r.u", "sweep-r.reu");
    }

    #[test]
    fn alaw_agrees_with_the_itu_vectors_bit_for_bit() {
        agrees(Codec::Pcma, "sweep-r.a", "sweep-r.rea");
    }

    #[test]
    fn every_octet_survives_decoding_and_encoding() {
        for codec in [Codec::Pcmu, Codec::Pcma] {
            for octet in 0..=255u8 {
                let mut s = [0];
                decode(codec, &[octet], &mut s);
                // µ-law has two zeros; the negative one comes back as the positive one.
                let same = encode(codec, s[0]) == octet || (codec == Codec::Pcmu && octet == 0x7f);
                assert!(same, "{codec:?} {octet:#x}");
            }
        }
    }

    #[test]
    fn a_change_of_law_there_and_back_is_within_a_step_and_keeps_silence() {
        for octet in 0..=255u8 {
            let mut o = [octet];
            transcode(Codec::Pcmu, Codec::Pcma, &mut o);
            transcode(Codec::Pcma, Codec::Pcmu, &mut o);
            let (mut a, mut b) = ([0], [0]);
            decode(Codec::Pcmu, &[octet], &mut a);
            decode(Codec::Pcmu, &o, &mut b);
            let step = 8 + i32::from(a[0]).abs() / 16;
            assert!((i32::from(a[0]) - i32::from(b[0])).abs() <= step, "{octet:#x}");
        }
        let mut o = [silence(Codec::Pcmu)];
        transcode(Codec::Pcmu, Codec::Pcma, &mut o);
        assert_eq!(o, [silence(Codec::Pcma)]);
    }
}
