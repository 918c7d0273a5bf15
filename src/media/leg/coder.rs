//! Codecs that remember: what a leg needs to speak one, and to have what goes by heard and recorded.

use super::Leg;
use crate::base::{Codec, FRAME_SAMPLES, LegId, Now, SAMPLE_RATE};
use crate::codec::{Converter, DECODED_MAX, Decoder, ENCODED_MAX, Encoder, decode, encode, frame_samples};
use crate::media::out::Out;
use crate::media::{Report, StreamSpec};
use crate::rtp::View;
use crate::taps::{FrameHead, Recorder, Side, Tones};

/// Encodes what a leg says itself.
#[derive(Debug)]
pub(super) struct Mouth {
    encoder: Encoder,
    convert: Converter,
    samples: usize,
    octets: [u8; ENCODED_MAX],
}

impl Mouth {
    pub(super) fn new(codec: Codec) -> Mouth {
        let (encoder, samples) = (Encoder::new(codec), frame_samples(codec.rate()));
        Mouth { encoder, convert: Converter::default(), samples, octets: [0; ENCODED_MAX] }
    }

    /// The payload for a frame of 8 or 16 kHz.
    pub(super) fn say(&mut self, frame: &[i16]) -> &[u8] {
        let mut own = [0; 2 * FRAME_SAMPLES];
        self.convert.run(frame, &mut own[..self.samples]);
        let len = self.encoder.encode(&own[..self.samples], &mut self.octets);
        &self.octets[..len]
    }
}

/// Decodes to 8 kHz for recordings and recognition.
#[derive(Debug)]
struct Ear {
    decoder: Decoder,
    convert: Converter,
}

impl Ear {
    /// Returns how many samples.
    fn hear(&mut self, payload: &[u8], to: &mut [i16; DECODED_MAX]) -> usize {
        let mut wide = [0; DECODED_MAX];
        let count = self.decoder.decode(payload, &mut wide) & !1;
        self.convert.run(&wide[..count], &mut to[..count / 2]);
        count / 2
    }
}

/// What a leg needs besides that does not speak G.711.
#[derive(Debug)]
pub(super) struct Wide {
    ears: [Ear; 2],
}

impl Wide {
    pub(super) fn new(codec: Codec) -> Wide {
        let ear = || Ear { decoder: Decoder::new(codec), convert: Converter::default() };
        Wide { ears: [ear(), ear()] }
    }

    /// Decodes what goes by on one side, and lays it down.
    fn tape<'a>(
        &mut self,
        side: Side,
        payload: &[u8],
        samples: &'a mut [i16; DECODED_MAX],
        recorder: Option<(&mut Recorder, u32, bool)>,
    ) -> &'a [i16] {
        let count = self.ears[side as usize].hear(payload, samples);
        let samples = &samples[..count];
        if let Some((recorder, timestamp, in_order)) = recorder {
            let mut octets = [0; DECODED_MAX];
            octets.iter_mut().zip(samples).for_each(|(o, s)| *o = encode(Codec::Pcma, *s));
            recorder.put(side, Codec::Pcma, timestamp, &octets[..count], in_order);
        }
        samples
    }
}

/// A timestamp of `codec` in units of 8 kHz.
pub(super) fn narrow(codec: Codec, timestamp: u32) -> u32 {
    timestamp / (codec.clock() / SAMPLE_RATE)
}

impl Leg {
    /// Its codec, of which it may have had another before.
    pub(super) fn tune(&mut self, codec: Codec) {
        self.stream.set_clock(codec.clock());
        self.receiver.set_clock(codec.clock());
        self.mouth = Mouth::new(codec);
        self.wide = (!codec.is_g711()).then(|| Box::new(Wide::new(codec)));
    }

    /// The peer has said this: for the recording and the listener. Decoded once, and only if one of them wants it.
    pub(super) fn overhear(
        &mut self,
        now: Now,
        spec: StreamSpec,
        view: &View<'_>,
        in_order: bool,
        out: &mut Out,
    ) {
        let timestamp = narrow(spec.codec, view.fields().timestamp);
        let played = self.lately.loudest();
        let Some(wide) = &mut self.wide else {
            if let Some(recorder) = &mut self.recorder {
                recorder.put(Side::Left, spec.codec, timestamp, view.payload(), in_order);
            }
            let octets = view.payload();
            if let Some(tones) = &mut self.tones {
                let mut samples = [0; FRAME_SAMPLES];
                for part in octets.chunks(FRAME_SAMPLES) {
                    let count = decode(spec.codec, part, &mut samples);
                    watch(self.id, now, tones, &samples[..count], out);
                }
            }
            if self.listen {
                lend(self.id, now, timestamp, played, octets.len(), out, |range, to| {
                    decode(spec.codec, octets.get(range).unwrap_or_default(), to);
                });
            }
            return;
        };
        if !self.listen && self.recorder.is_none() && self.tones.is_none() {
            return;
        }
        let mut samples = [0; DECODED_MAX];
        let recorder = self.recorder.as_mut().map(|r| (r, timestamp, in_order));
        let samples = wide.tape(Side::Left, view.payload(), &mut samples, recorder);
        if let Some(tones) = &mut self.tones {
            watch(self.id, now, tones, samples, out);
        }
        if self.listen {
            lend(self.id, now, timestamp, played, samples.len(), out, |range, to| {
                let part = samples.get(range).unwrap_or_default();
                to[..part.len()].copy_from_slice(part);
            });
        }
    }

    /// The peer hears this: for the recording.
    pub(super) fn tape_right(&mut self, codec: Codec, timestamp: u32, payload: &[u8]) {
        let Some(recorder) = &mut self.recorder else { return };
        let timestamp = narrow(codec, timestamp);
        match &mut self.wide {
            None => recorder.put(Side::Right, codec, timestamp, payload, true),
            Some(wide) => {
                wide.tape(Side::Right, payload, &mut [0; DECODED_MAX], Some((recorder, timestamp, true)));
            }
        }
    }
}

/// Reports the keys that are heard in `samples`.
fn watch(leg: LegId, at: Now, tones: &mut Tones, samples: &[i16], out: &mut Out) {
    tones.hear(samples, |digit| out.reports.push(Report::Digit { leg, digit, at }));
}

/// Lends `count` samples to the listener, frame by frame, each written by `fill` into its own memory.
fn lend(
    leg: LegId,
    at: Now,
    mut timestamp: u32,
    played: Option<f32>,
    count: usize,
    out: &mut Out,
    fill: impl Fn(std::ops::Range<usize>, &mut [i16; FRAME_SAMPLES]),
) {
    for start in (0..count).step_by(FRAME_SAMPLES) {
        let end = (start + FRAME_SAMPLES).min(count);
        let samples = (end - start) as u16;
        let head = FrameHead { leg, at, timestamp, samples, played };
        out.speech.frame(head, &mut |to| fill(start..end, to));
        timestamp = timestamp.wrapping_add(u32::from(samples));
    }
}
