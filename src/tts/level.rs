//! What happens to a synthesiser's samples before they are a prompt: 8 kHz, no silence around, one loudness.

/// The level that every prompt is brought to, in dBm0 (0 dBm0 is 3.14 dB below the overload point of G.711, ITU-T
/// G.711 §4), as the root mean square over the parts that are not silence.
pub const SPEECH_DBM0: f32 = -16.0;

/// A square wave at full scale of 16-bit samples in dBm0: 3.14 (the sine at overload) and 3.01 for its crest.
const FULL_SCALE_DBM0: f32 = 6.15;
/// Quieter than this beside the loudest part counts as silence.
const SILENCE: f32 = 0.01;
/// Samples kept before the first and after the last sound, at 8 kHz.
const MARGIN: usize = 240;
/// Taps on each side of the low-pass filter, per unit of the ratio.
const TAPS: f32 = 16.0;

/// Any rate to 8 kHz: a windowed-sinc low pass (Hann, cut at 3.8 kHz) evaluated at each output sample. Prompts are
/// made once, so this is plain rather than fast.
pub fn resample(samples: &[i16], rate: u32) -> Vec<i16> {
    if rate == 8000 || rate == 0 {
        return samples.to_vec();
    }
    let ratio = rate as f32 / 8000.0;
    let cut = (3800.0 / rate as f32).min(0.475);
    let reach = (TAPS * ratio.max(1.0)).ceil() as isize;
    let length = (samples.len() as f32 / ratio) as usize;
    (0..length)
        .map(|i| {
            let centre = i as f32 * ratio;
            let from = centre.floor() as isize - reach;
            let (mut sum, mut weight) = (0.0f32, 0.0f32);
            for k in from..=from + 2 * reach + 1 {
                let x = k as f32 - centre;
                let t = x / (reach as f32 + 1.0);
                if t.abs() >= 1.0 {
                    continue;
                }
                let angle = std::f32::consts::PI * 2.0 * cut * x;
                let sinc = if angle.abs() < 1e-4 { 1.0 } else { angle.sin() / angle };
                let w = sinc * (0.5 + 0.5 * (std::f32::consts::PI * t).cos());
                weight += w;
                let sample = usize::try_from(k).ok().and_then(|k| samples.get(k)).copied().unwrap_or(0);
                sum += w * f32::from(sample);
            }
            (sum / weight.max(1e-6)).clamp(-32768.0, 32767.0) as i16
        })
        .collect()
}

/// Trims silence at both ends and brings the rest to [`SPEECH_DBM0`], without clipping.
pub fn shape(samples: &[i16]) -> Vec<i16> {
    let peak = samples.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0);
    let loud = |s: &i16| f32::from(s.unsigned_abs()) > f32::from(peak) * SILENCE + 16.0;
    let Some(first) = samples.iter().position(loud) else { return Vec::new() };
    let last = samples.iter().rposition(loud).unwrap_or(first);
    let from = first.saturating_sub(MARGIN);
    let to = (last + MARGIN).min(samples.len());
    let speech = samples.get(from..to).unwrap_or_default();
    let gain =
        (10f32.powf((SPEECH_DBM0 - active_dbm0(speech)) / 20.0)).min(32_000.0 / f32::from(peak.max(1)));
    speech.iter().map(|s| (f32::from(*s) * gain).clamp(-32768.0, 32767.0) as i16).collect()
}

/// Root mean square over 20 ms frames within 30 dB of the loudest, in dBm0.
fn active_dbm0(samples: &[i16]) -> f32 {
    let power = |f: &[i16]| f.iter().map(|s| f32::from(*s).powi(2)).sum::<f32>() / f.len().max(1) as f32;
    let frames: Vec<f32> = samples.chunks(160).map(power).collect();
    let top = frames.iter().copied().fold(0.0, f32::max);
    let active: Vec<f32> = frames.into_iter().filter(|p| *p > top * 1e-3).collect();
    let mean = active.iter().sum::<f32>() / active.len().max(1) as f32;
    10.0 * (mean / 32768f32.powi(2)).max(1e-12).log10() + FULL_SCALE_DBM0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: u32, hz: f32, amplitude: f32, seconds: f32) -> Vec<i16> {
        let n = (rate as f32 * seconds) as usize;
        (0..n)
            .map(|i| (amplitude * (std::f32::consts::TAU * hz * i as f32 / rate as f32).sin()) as i16)
            .collect()
    }

    #[test]
    fn a_tone_survives_resampling_and_an_alias_does_not() {
        let rms = |s: &[i16]| (s.iter().map(|x| f32::from(*x).powi(2)).sum::<f32>() / s.len() as f32).sqrt();
        let low = resample(&tone(22050, 1000.0, 8000.0, 0.5), 22050);
        assert!((rms(&low) / 5657.0 - 1.0).abs() < 0.03, "{}", rms(&low));
        assert_eq!(low.len(), 4000);
        assert!(rms(&resample(&tone(22050, 6000.0, 8000.0, 0.5), 22050)) < 300.0);
    }

    #[test]
    fn prompts_come_out_equally_loud_and_trimmed() {
        for amplitude in [500.0, 20_000.0] {
            let mut s = vec![0i16; 4000];
            s.extend(tone(8000, 500.0, amplitude, 0.5));
            s.extend(vec![0i16; 4000]);
            let shaped = shape(&s);
            assert!((active_dbm0(&shaped) - SPEECH_DBM0).abs() < 0.5, "{}", active_dbm0(&shaped));
            assert!(shaped.len() < 4000 + 3 * MARGIN);
        }
        assert!(shape(&[0; 1000]).is_empty());
    }
}
