//! Packet loss concealment (ITU-T G.711 Appendix I, 09/1999): what is missing is said again, by the pitch of what came last.
//!
//! ```text
//!   good frame ──► history ──► out, 3.75 ms later          (the delay is what lets the first lost frame be faded in)
//!   lost frame ──► the last 1, 2, 3 pitch periods, repeated with overlap, 20 % quieter every 10 ms, silent after 60 ms
//! ```
//!
//! Works in pieces of 10 ms, at 8 or 16 kHz: the appendix is written for 8 kHz; at 16 kHz all lengths are doubled. While nothing
//! is lost the samples are delayed and otherwise untouched.

/// Lengths at 8 kHz (Appendix I §I.2).
const PITCH_MIN: usize = 40;
const PITCH_MAX: usize = 120;
const OVERLAP_MAX: usize = 30;
const HISTORY: usize = 3 * PITCH_MAX + OVERLAP_MAX;
const CORRELATION: usize = 160;
const PIECE: usize = 80;
/// A period below this power is not trusted more for being quiet.
const POWER_MIN: f32 = 250.0;
/// Each 10 ms is so much quieter than the one before.
const ATTENUATION: f32 = 0.2;
/// From this many lost pieces on there is silence.
const SILENT_FROM: usize = 6;
/// The overlap at the end grows by this for each lost piece.
const END_OVERLAP: usize = 32;

/// The largest factor over 8 kHz.
const SCALE_MAX: usize = 2;

/// Concealment of one stream.
#[derive(Debug)]
pub struct Plc {
    /// 1 at 8 kHz, 2 at 16.
    scale: usize,
    history: [i16; HISTORY * SCALE_MAX],
    /// The history as it was when the loss began.
    pitch_buf: [f32; HISTORY * SCALE_MAX],
    /// Its last quarter of a period, before that was blended.
    tail: [f32; OVERLAP_MAX * SCALE_MAX],
    pitch: usize,
    overlap: usize,
    /// How much of the end of `pitch_buf` is repeated, and where in it we are.
    cycle: usize,
    at: usize,
    /// Pieces lost in a row.
    lost: usize,
}

/// The two faded into each other.
fn blend(
    out: impl Iterator<Item = f32>,
    into: impl Iterator<Item = f32>,
    count: usize,
) -> impl Iterator<Item = f32> {
    let step = 1.0 / count as f32;
    out.zip(into).enumerate().map(move |(i, (a, b))| {
        let right = step * (i + 1) as f32;
        a * (1.0 - right) + b * right
    })
}

fn sample(value: f32) -> i16 {
    value.round().clamp(-32768.0, 32767.0) as i16
}

impl Plc {
    /// For audio of 8,000 or 16,000 Hz.
    pub fn new(rate: u32) -> Self {
        Plc {
            scale: if rate > 8000 { 2 } else { 1 },
            history: [0; HISTORY * SCALE_MAX],
            pitch_buf: [0.0; HISTORY * SCALE_MAX],
            tail: [0.0; OVERLAP_MAX * SCALE_MAX],
            pitch: PITCH_MAX,
            overlap: 0,
            cycle: 0,
            at: 0,
            lost: 0,
        }
    }

    /// Samples of 10 ms, at most what the other two take at once.
    pub fn piece(&self) -> usize {
        PIECE * self.scale
    }

    fn history_len(&self) -> usize {
        HISTORY * self.scale
    }

    /// Takes audio that came and gives in its place what is to be heard now: the same, 3.75 ms later.
    pub fn good(&mut self, samples: &mut [i16]) {
        if self.lost > 0 {
            let grown = self.overlap + (self.lost - 1) * END_OVERLAP * self.scale;
            let count = grown.min(samples.len()).min(self.piece());
            let gain = (1.0 - (self.lost - 1) as f32 * ATTENUATION).max(0.0);
            let step = 1.0 / count.max(1) as f32;
            for (i, s) in samples.iter_mut().take(count).enumerate() {
                let right = step * (i + 1) as f32;
                *s = sample(self.repeated() * gain * (1.0 - right) + f32::from(*s) * right);
            }
            self.lost = 0;
        }
        self.remember(samples);
    }

    /// Fills `out`, at most a [`piece`](Self::piece), with what may stand for what is missing.
    pub fn conceal(&mut self, out: &mut [i16]) {
        match self.lost {
            0 => {
                self.begin();
                out.iter_mut().for_each(|s| *s = sample(self.repeated()));
            }
            lost @ (1 | 2) => self.lengthen(lost, out),
            lost if lost >= SILENT_FROM => out.fill(0),
            lost => self.fade(lost, out),
        }
        self.lost = (self.lost + 1).min(SILENT_FROM);
        self.remember(out);
    }

    /// True while so much is missing that nothing is said for it any more.
    pub fn is_silent(&self) -> bool {
        self.lost >= SILENT_FROM
    }

    /// The first lost piece: finds the pitch, and blends the end of the history with what comes a period before it.
    fn begin(&mut self) {
        let end = self.history_len();
        for (to, from) in self.pitch_buf.iter_mut().zip(&self.history) {
            *to = f32::from(*from);
        }
        self.pitch = self.find_pitch();
        self.overlap = self.pitch / 4;
        let tail = end - self.overlap;
        self.tail[..self.overlap].copy_from_slice(&self.pitch_buf[tail..end]);
        self.cycle = self.pitch;
        self.at = 0;
        self.blend_end();
        for i in tail..end {
            self.history[i] = sample(self.pitch_buf[i]);
        }
    }

    /// Blends the end of the pitch buffer into what comes before its cycle, so that it can be repeated.
    fn blend_end(&mut self) {
        let end = self.history_len();
        let before = end - self.cycle - self.overlap;
        let mut blended = [0.0; OVERLAP_MAX * SCALE_MAX];
        let start = self.pitch_buf[before..].iter().copied();
        for (to, v) in
            blended.iter_mut().zip(blend(self.tail.iter().copied(), start, self.overlap)).take(self.overlap)
        {
            *to = v;
        }
        self.pitch_buf[end - self.overlap..end].copy_from_slice(&blended[..self.overlap]);
    }

    /// The second and third lost piece: one more period is repeated, or it would sound like a buzzer.
    fn lengthen(&mut self, lost: usize, out: &mut [i16]) {
        let at = self.at;
        let mut old = [0.0; OVERLAP_MAX * SCALE_MAX];
        let overlap = self.overlap;
        old.iter_mut().take(overlap).for_each(|o| *o = self.repeated());
        self.at = at % self.pitch.max(1);
        self.cycle = (self.cycle + self.pitch).min(self.history_len() - overlap);
        self.blend_end();
        let mut gain = 1.0 - (lost - 1) as f32 * ATTENUATION;
        let (step, down) = (1.0 / overlap.max(1) as f32, ATTENUATION / self.piece() as f32);
        for (i, o) in out.iter_mut().enumerate() {
            let new = self.repeated();
            let right = (step * (i + 1) as f32).min(1.0);
            let value = old.get(i).map_or(new, |old| old * (1.0 - right) + new * right);
            *o = sample(value * gain);
            gain -= down;
        }
    }

    fn fade(&mut self, lost: usize, out: &mut [i16]) {
        let mut gain = 1.0 - (lost - 1) as f32 * ATTENUATION;
        let down = ATTENUATION / self.piece() as f32;
        for o in out.iter_mut() {
            *o = sample(self.repeated() * gain.max(0.0));
            gain -= down;
        }
    }

    /// The next sample of the repeated periods.
    fn repeated(&mut self) -> f32 {
        let start = self.history_len() - self.cycle;
        let value = self.pitch_buf.get(start + self.at).copied().unwrap_or(0.0);
        self.at += 1;
        if self.at >= self.cycle {
            self.at = 0;
        }
        value
    }

    /// Puts samples at the end of the history and gives in their place those of 3.75 ms before.
    fn remember(&mut self, samples: &mut [i16]) {
        let (end, late) = (self.history_len(), OVERLAP_MAX * self.scale);
        let n = samples.len().min(self.piece());
        self.history.copy_within(n..end, 0);
        self.history[end - n..end].copy_from_slice(&samples[..n]);
        samples[..n].copy_from_slice(&self.history[end - n - late..end - late]);
    }

    /// The lag of the best normalised correlation of the last 20 ms, first coarsely, then finely (§I.2.2).
    fn find_pitch(&self) -> usize {
        let (least, most, s) = (PITCH_MIN * self.scale, PITCH_MAX * self.scale, self.scale);
        let best = |lags: std::ops::RangeInclusive<usize>, every: usize| {
            let score = |lag: &usize| self.correlation(*lag, every);
            lags.step_by(every).max_by(|a, b| score(a).total_cmp(&score(b))).unwrap_or(most)
        };
        let coarse = best(least..=most, 2 * s);
        best(coarse.saturating_sub(2 * s - 1).max(least)..=(coarse + 2 * s - 1).min(most), 1)
    }

    fn correlation(&self, lag: usize, every: usize) -> f32 {
        let end = self.history_len();
        let start = end - CORRELATION * self.scale;
        let (mut energy, mut product) = (0.0, 0.0);
        let (now, before) = (&self.pitch_buf[start..end], &self.pitch_buf[start - lag..end - lag]);
        for (a, b) in now.iter().zip(before).step_by(every) {
            energy += b * b;
            product += a * b;
        }
        product / energy.max(POWER_MIN * self.scale as f32).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f32, rate: f32, count: usize) -> Vec<i16> {
        (0..count).map(|i| (8000.0 * (std::f32::consts::TAU * hz * i as f32 / rate).sin()) as i16).collect()
    }

    /// Plays `samples` with the pieces in `lost` missing.
    fn played(rate: u32, samples: &[i16], lost: &[usize]) -> Vec<i16> {
        let mut plc = Plc::new(rate);
        let mut out = Vec::new();
        for (n, piece) in samples.chunks_exact(plc.piece()).enumerate() {
            let mut piece = piece.to_vec();
            if lost.contains(&n) {
                plc.conceal(&mut piece);
            } else {
                plc.good(&mut piece);
            }
            out.extend(piece);
        }
        out
    }

    #[test]
    fn without_loss_every_sample_is_heard_a_little_later() {
        for (rate, late) in [(8000, 30), (16_000, 60)] {
            let source = tone(440.0, rate as f32, 3200);
            let out = played(rate, &source, &[]);
            assert_eq!(out[late..], source[..3200 - late]);
        }
    }

    #[test]
    fn a_tone_goes_on_through_a_lost_packet_without_a_click() {
        for rate in [8000u32, 16_000] {
            // 100 Hz, where a period is well within the search.
            let source = tone(125.0, rate as f32, rate as usize);
            let piece = rate as usize / 100;
            let out = played(rate, &source, &[40, 41]);
            let late = 30 * rate as usize / 8000;
            let error = |range: std::ops::Range<usize>| {
                range.map(|i| (i32::from(out[i]) - i32::from(source[i - late])).abs()).max().unwrap()
            };
            assert!(error(40 * piece..41 * piece) < 400, "{}", error(40 * piece..41 * piece));
            // The second 10 ms fade by a fifth at most.
            assert!(error(41 * piece..43 * piece) < 2200, "{}", error(41 * piece..43 * piece));
            assert_eq!(error(44 * piece..60 * piece), 0, "what came is heard as it came");
            let step =
                |v: &[i16]| v.windows(2).map(|w| (i32::from(w[1]) - i32::from(w[0])).abs()).max().unwrap();
            assert!(step(&out) < step(&source) * 3 / 2, "{} {}", step(&out), step(&source));
        }
    }

    #[test]
    fn a_long_loss_fades_to_silence_and_comes_back() {
        let source = tone(200.0, 8000.0, 8000);
        let lost: Vec<usize> = (30..60).collect();
        let out = played(8000, &source, &lost);
        let peak = |r: std::ops::Range<usize>| out[r].iter().map(|s| i32::from(*s).abs()).max().unwrap();
        assert!(peak(33 * 80..34 * 80) < 6500);
        assert_eq!(peak(37 * 80..59 * 80), 0, "silent after 60 ms");
        assert!(peak(62 * 80..70 * 80) > 7900);
        assert!(played(8000, &source, &[0, 1, 2]).len() == 8000, "loss before anything came is silence");
    }

    #[test]
    fn whatever_is_lost_the_samples_stay_within_bounds() {
        let mut rng = fastrand::Rng::with_seed(3);
        let source: Vec<i16> = (0..40_000).map(|_| rng.i16(..)).collect();
        let lost: Vec<usize> = (0..500).filter(|_| rng.u8(..4) == 0).collect();
        assert_eq!(played(8000, &source, &lost).len(), 40_000);
        assert_eq!(played(16_000, &source, &lost).len(), 40_000);
    }
}
