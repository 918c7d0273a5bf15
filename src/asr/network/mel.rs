//! Whisper's log-mel spectrogram of telephone speech.
//!
//! whisper.cpp wants 16 kHz, windows of 25 ms every 10 ms, and a Fourier transform of each. Of 8 kHz the same is computed here of half as many
//! samples: what a telephone does not carry is not in them. The transform of 200 samples is a product with two tables, window
//! included, so that the whole spectrogram is two products of matrices.

use super::layers::{Gemm, Packed, matrix, rows};
use rten_gemm::GemmInputB;
use std::f32::consts::TAU;

/// Samples at 8 kHz.
const WINDOW: usize = 200;
const STEP: usize = 80;
/// Frequencies from 0 to 4 kHz, every 40 Hz.
const BINS: usize = WINDOW / 2 + 1;

pub(super) struct LogMel {
    /// Under the window: cosines of each frequency, then sines.
    waves: Packed,
    bank: Packed,
    bands: usize,
}

impl LogMel {
    /// With a bank of filters made for 16 kHz: of each band `bins` weights, of which the lower half is heard.
    pub(super) fn new(gemm: &Gemm, bank: &[f32], bins: usize, bands: usize) -> Result<LogMel, String> {
        if bins != 2 * BINS - 1 {
            return Err(format!("mel filters of {bins} frequencies"));
        }
        let mut waves = Vec::with_capacity(WINDOW * 2 * BINS);
        for n in 0..WINDOW {
            let hann = 0.5 - 0.5 * (TAU * n as f32 / WINDOW as f32).cos();
            // The angle's whole turns are left out before it is rounded.
            let angle = |k: usize| TAU * (n * k % WINDOW) as f32 / WINDOW as f32;
            waves.extend((0..BINS).map(|k| hann * angle(k).cos()));
            waves.extend((0..BINS).map(|k| hann * angle(k).sin()));
        }
        Ok(LogMel {
            waves: gemm.packed(rows(&waves, 2 * BINS)?),
            bank: gemm.packed(matrix(bank, [BINS, bands], [1, bins])?),
            bands,
        })
    }

    /// Of so many samples that a whole number of steps goes into them: a row of bands for each step.
    pub(super) fn of(&self, gemm: &Gemm, audio: &[f32]) -> Result<Vec<f32>, String> {
        let steps = audio.len() / STEP;
        // Mirrored at both ends, so that the first window stands around the first sample.
        let mirror = WINDOW / 2;
        let mut padded: Vec<f32> = audio.iter().skip(1).take(mirror).rev().copied().collect();
        padded.extend(audio);
        padded.extend(audio.iter().rev().skip(1).take(mirror));
        let mut spectrum = vec![0.0; steps * 2 * BINS];
        let windows = matrix(&padded, [steps, WINDOW], [STEP, 1])?;
        gemm.product(windows, GemmInputB::Packed(&self.waves), None, false, &mut spectrum)?;
        let mut power = Vec::with_capacity(steps * BINS);
        for row in spectrum.chunks_exact(2 * BINS) {
            let (cosines, sines) = row.split_at(BINS);
            // Four times: half as many samples as whisper has.
            power.extend(cosines.iter().zip(sines).map(|(c, s)| 4.0 * (c * c + s * s)));
        }
        let mut mel = vec![0.0; steps * self.bands];
        gemm.product(rows(&power, BINS)?, GemmInputB::Packed(&self.bank), None, false, &mut mel)?;
        let mut highest = f32::MIN;
        for value in &mut mel {
            *value = value.max(1e-10).log10();
            highest = highest.max(*value);
        }
        mel.iter_mut().for_each(|value| *value = (value.max(highest - 8.0) + 4.0) / 4.0);
        Ok(mel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_highest_in_its_band_and_silence_is_flat() {
        let gemm = Gemm::new();
        // Ten bands of 400 Hz each.
        let bins = 2 * BINS - 1;
        let mut bank = vec![0.0; 10 * bins];
        for band in 0..10 {
            bank[band * bins + band * 10..][..10].fill(0.1);
        }
        let log_mel = LogMel::new(&gemm, &bank, bins, 10).unwrap();
        let tone: Vec<f32> = (0..1600).map(|n| 0.5 * (TAU * 1400.0 * n as f32 / 8000.0).sin()).collect();
        let mel = log_mel.of(&gemm, &tone).unwrap();
        assert_eq!(mel.len(), 20 * 10);
        for row in mel.chunks_exact(10).skip(2).take(16) {
            let best = (0..10).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap();
            assert_eq!(best, 3, "{row:?}");
            assert!(row[3] - row[7] > 1.0, "{row:?}");
        }
        let silence = log_mel.of(&gemm, &[0.0; 800]).unwrap();
        assert!(silence.iter().all(|v| *v == -1.5), "{silence:?}");
    }
}
