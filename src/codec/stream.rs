//! One coded stream: whichever codec, octets to samples and back, with what it remembers from frame to frame.

use super::{decode, encode, g722};
use crate::base::{Codec, FRAME_MS};

/// Samples of the longest packet that is decoded, 120 ms at 16 kHz.
pub const DECODED_MAX: usize = 1920;
/// Octets of the longest frame that is encoded. Opus is held to it by its bit rate.
pub const ENCODED_MAX: usize = 320;
/// Opus for speech: wide band, at a third of what G.711 takes, and cheap enough for a server.
const OPUS_BITS: i32 = 24_000;
const OPUS_COMPLEXITY: i32 = 5;
/// Loss that Opus prepares the far end for, by a coarse copy of each frame in the next (RFC 6716 §2.1.7), in per cent.
const OPUS_LOSS: i32 = 10;

/// Decodes one stream.
#[derive(Debug)]
pub enum Decoder {
    G711(Codec),
    G722(Box<g722::Decoder>),
    /// `None` if libopus found no memory: silence.
    Opus(Option<Box<opus::Decoder>>),
}

impl Decoder {
    /// For a stream of `codec`.
    pub fn new(codec: Codec) -> Decoder {
        match codec {
            Codec::Pcmu | Codec::Pcma => Decoder::G711(codec),
            Codec::G722 => Decoder::G722(Box::default()),
            Codec::Opus => {
                Decoder::Opus(opus::Decoder::new(codec.rate(), opus::Channels::Mono).ok().map(Box::new))
            }
        }
    }

    /// Decodes a payload into the front of `to`, of which at most [`DECODED_MAX`] are used; returns how many samples of
    /// [`Codec::rate`]. What cannot be decoded is none.
    pub fn decode(&mut self, payload: &[u8], to: &mut [i16]) -> usize {
        let room = to.len().min(DECODED_MAX);
        let to = &mut to[..room];
        match self {
            Decoder::G711(codec) => decode(*codec, payload, to),
            Decoder::G722(decoder) => decoder.decode(payload, to),
            // An empty payload would stand for a loss.
            Decoder::Opus(_) if payload.is_empty() => 0,
            Decoder::Opus(decoder) => {
                decoder.as_mut().map_or(0, |d| d.decode(payload, to, false).unwrap_or(0))
            }
        }
    }

    /// Fills `to`, a frame of 20 ms that was lost, by the codec's own means: from `next`, the payload after it, if that has a copy,
    /// else made up. False if the codec has none.
    pub fn conceal(&mut self, next: Option<&[u8]>, to: &mut [i16]) -> bool {
        match self {
            Decoder::G711(_) | Decoder::G722(_) => false,
            Decoder::Opus(decoder) => {
                let made = decoder.as_mut().and_then(|d| {
                    let copy = next.filter(|n| !n.is_empty());
                    d.decode(copy.unwrap_or(&[]), to, copy.is_some()).ok()
                });
                to[made.unwrap_or(0)..].fill(0);
                true
            }
        }
    }
}

/// Encodes one stream.
#[derive(Debug)]
pub enum Encoder {
    G711(Codec),
    G722(Box<g722::Encoder>),
    Opus(Option<Box<opus::Encoder>>),
}

impl Encoder {
    /// For a stream of `codec`.
    pub fn new(codec: Codec) -> Encoder {
        match codec {
            Codec::Pcmu | Codec::Pcma => Encoder::G711(codec),
            Codec::G722 => Encoder::G722(Box::default()),
            Codec::Opus => Encoder::Opus(opus_encoder(codec.rate()).ok().map(Box::new)),
        }
    }

    /// Encodes a frame of 20 ms of [`Codec::rate`]; returns how many octets.
    pub fn encode(&mut self, frame: &[i16], to: &mut [u8; ENCODED_MAX]) -> usize {
        match self {
            Encoder::G711(codec) => {
                to.iter_mut().zip(frame).for_each(|(o, s)| *o = encode(*codec, *s));
                frame.len().min(ENCODED_MAX)
            }
            Encoder::G722(encoder) => encoder.encode(frame, to),
            Encoder::Opus(encoder) => encoder.as_mut().map_or(0, |e| e.encode(frame, to).unwrap_or(0)),
        }
    }
}

fn opus_encoder(rate: u32) -> opus::Result<opus::Encoder> {
    let mut encoder = opus::Encoder::new(rate, opus::Channels::Mono, opus::Application::Voip)?;
    encoder.set_bitrate(opus::Bitrate::Bits(OPUS_BITS))?;
    encoder.set_complexity(OPUS_COMPLEXITY)?;
    encoder.set_inband_fec(true)?;
    encoder.set_packet_loss_perc(OPUS_LOSS)?;
    Ok(encoder)
}

/// Samples of a frame of 20 ms at `rate`.
pub fn frame_samples(rate: u32) -> usize {
    (rate / 1000 * FRAME_MS) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: u32, frames: usize) -> Vec<i16> {
        let period = rate as usize / 250;
        (0..frames * frame_samples(rate))
            .map(|i| (8000.0 * (std::f32::consts::TAU * (i % period) as f32 / period as f32).sin()) as i16)
            .collect()
    }

    /// Level of the samples, as a root mean square.
    fn level(samples: &[i16]) -> f32 {
        (samples.iter().map(|s| f32::from(*s).powi(2)).sum::<f32>() / samples.len() as f32).sqrt()
    }

    #[test]
    fn a_tone_comes_back_from_every_codec_at_its_level() {
        for codec in Codec::ALL {
            let source = tone(codec.rate(), 50);
            let (mut encoder, mut decoder) = (Encoder::new(codec), Decoder::new(codec));
            let mut back = Vec::new();
            for frame in source.chunks(frame_samples(codec.rate())) {
                let (mut octets, mut samples) = ([0; ENCODED_MAX], [0; DECODED_MAX]);
                let len = encoder.encode(frame, &mut octets);
                assert!((1..=ENCODED_MAX).contains(&len), "{codec:?}: {len}");
                let count = decoder.decode(&octets[..len], &mut samples);
                assert_eq!(count, frame.len(), "{codec:?}");
                back.extend_from_slice(&samples[..count]);
            }
            let change = 20.0 * (level(&back[2000..]) / level(&source[2000..])).log10();
            assert!(change.abs() < 1.0, "{codec:?}: {change} dB");
        }
    }

    #[test]
    fn opus_fills_a_loss_from_the_copy_in_the_next_frame_or_makes_it_up() {
        let codec = Codec::Opus;
        let source = tone(codec.rate(), 60);
        let mut encoder = Encoder::new(codec);
        let coded: Vec<Vec<u8>> = source
            .chunks(320)
            .map(|frame| {
                let mut octets = [0; ENCODED_MAX];
                let len = encoder.encode(frame, &mut octets);
                octets[..len].to_vec()
            })
            .collect();
        for with_copy in [true, false] {
            let (mut decoder, mut frame) = (Decoder::new(codec), [0; 320]);
            for (n, payload) in coded.iter().enumerate() {
                if n % 10 == 9 {
                    let next = coded.get(n + 1).filter(|_| with_copy).map(Vec::as_slice);
                    assert!(decoder.conceal(next, &mut frame));
                    assert!(level(&frame) > 1500.0, "{n}: {}", level(&frame));
                } else {
                    assert_eq!(decoder.decode(payload, &mut frame), 320);
                }
            }
        }
    }

    #[test]
    fn any_octets_decode_to_something_or_nothing() {
        let mut rng = fastrand::Rng::with_seed(5);
        for codec in Codec::ALL {
            let mut decoder = Decoder::new(codec);
            for _ in 0..3000 {
                let octets: Vec<u8> = (0..rng.usize(..400)).map(|_| rng.u8(..)).collect();
                assert!(decoder.decode(&octets, &mut [0; 4000]) <= DECODED_MAX);
                decoder.conceal(Some(&octets), &mut [0; 320]);
            }
        }
    }
}
