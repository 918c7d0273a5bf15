//! The head of a stereo G.711 WAV file (Microsoft RIFF; format tags 6 A-law and 7 µ-law, RFC 2361 Appendix A).

use crate::base::{Codec, SAMPLE_RATE};

/// Octets before the first sample.
pub const WAV_HEADER_OCTETS: usize = 58;

/// The header of a file with `frames` pairs of octets (left, right).
pub fn wav_header(codec: Codec, frames: u32) -> [u8; WAV_HEADER_OCTETS] {
    let tag: u16 = if codec == Codec::Pcma { 6 } else { 7 };
    let octets = frames.saturating_mul(2);
    let mut header = [0; WAV_HEADER_OCTETS];
    let mut rest = &mut header[..];
    let mut put = |bytes: &[u8]| {
        let (head, tail) = std::mem::take(&mut rest).split_at_mut(bytes.len());
        head.copy_from_slice(bytes);
        rest = tail;
    };
    put(b"RIFF");
    put(&octets.saturating_add(WAV_HEADER_OCTETS as u32 - 8).to_le_bytes());
    put(b"WAVEfmt ");
    put(&18u32.to_le_bytes());
    put(&tag.to_le_bytes());
    put(&2u16.to_le_bytes());
    put(&SAMPLE_RATE.to_le_bytes());
    put(&(SAMPLE_RATE * 2).to_le_bytes());
    put(&2u16.to_le_bytes());
    put(&8u16.to_le_bytes());
    put(&0u16.to_le_bytes());
    put(b"fact");
    put(&4u32.to_le_bytes());
    put(&frames.to_le_bytes());
    put(b"data");
    put(&octets.to_le_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_says_format_channels_and_length() {
        let h = wav_header(Codec::Pcma, 800);
        assert_eq!(
            (&h[0..4], &h[8..16], &h[38..42], &h[50..54]),
            (&b"RIFF"[..], &b"WAVEfmt "[..], &b"fact"[..], &b"data"[..])
        );
        assert_eq!((h[20], h[22], u32::from_le_bytes([h[54], h[55], h[56], h[57]])), (6, 2, 1600));
        assert_eq!(u32::from_le_bytes([h[4], h[5], h[6], h[7]]), 1600 + 50);
    }
}
