//! A finished stereo G.711 recording, read back (see `taps` for how it is written).

use crate::base::Codec;
use crate::codec::decode;
use crate::taps::WAV_HEADER_OCTETS;

/// The two sides of a recorded leg, 8 kHz, in step with each other.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Recording {
    /// What the leg received.
    pub heard: Vec<i16>,
    /// What was sent to the leg's peer.
    pub said: Vec<i16>,
}

impl Recording {
    /// The samples of a WAV file of ours; `None` if it is not one.
    pub fn parse(octets: &[u8]) -> Option<Recording> {
        let (header, audio) = octets.split_at_checked(WAV_HEADER_OCTETS)?;
        let codec = match header.get(20..24)? {
            [6, 0, 2, 0] => Codec::Pcma,
            [7, 0, 2, 0] => Codec::Pcmu,
            _ => return None,
        };
        let mut samples = vec![0; audio.len()];
        decode(codec, audio, &mut samples);
        let side = |n| samples.iter().skip(n).step_by(2).copied().collect();
        Some(Recording { heard: side(0), said: side(1) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::encode;
    use crate::taps::wav_header;

    #[test]
    fn the_sides_of_a_recording_are_told_apart_in_both_laws() {
        for codec in [Codec::Pcma, Codec::Pcmu] {
            let mut octets = wav_header(codec, 2).to_vec();
            octets.extend([1000, -1000, 2000, -2000].map(|s| encode(codec, s)));
            let recording = Recording::parse(&octets).unwrap();
            assert!(recording.heard.iter().all(|s| *s > 900), "{recording:?}");
            assert!(recording.said.iter().all(|s| *s < -900), "{recording:?}");
        }
        assert_eq!(Recording::parse(b"RIFF"), None);
        assert_eq!(Recording::parse(&[0; 100]), None);
    }
}
