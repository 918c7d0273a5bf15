//! Keys heard as tones (DTMF, ITU-T Q.23) within the limits of Q.24, for peers that send them as sound.
//!
//! ```text
//!   20 ms under a Hann window, every 5 ms ─► two strongest tones, one of each group
//!     passes: most of the power is in the two, loud enough, twist within limits, the same key as before
//!   6 passes in a row, and both frequencies right by how their phases advance ─► a key, once, until it has stopped
//! ```
//! A window passes if three quarters of it are the tone, so that six passes in a row are 33 ms: 40 ms are always heard, 23 ms
//! never. A key has stopped when five windows in a row have not passed; shorter breaks are one press. Phases tell frequencies
//! far better than the eight windows do: ±1.5 % is accepted, ±3.5 % refused, wherever in the band. A voice seldom holds two
//! pure tones of the right frequencies for so long.

use crate::base::SAMPLE_RATE;

/// Samples of a window, and from one to the next.
const WINDOW: usize = 160;
const HOP: usize = 40;
/// The tones, low group and high group, and the keys where they cross.
const TONES: [f32; 8] = [697.0, 770.0, 852.0, 941.0, 1209.0, 1336.0, 1477.0, 1633.0];
const KEYS: [[char; 4]; 4] =
    [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];
/// The share of the power that the two tones have at least. White noise 15 dB below them leaves 0.97; a tone 1.5 % off its place 0.85.
const SHARE: f32 = 0.7;
/// Amplitude of the weaker tone at −28 dBm0; −25 are to be heard.
const AMPLITUDE_MIN: f32 = 880.0;
/// How much stronger the high tone may be, and the low one (Q.24: 4 and 8 dB), as ratios of power, half a dB wider.
const HIGH_OVER_LOW: f32 = 2.82;
const LOW_OVER_HIGH: f32 = 7.08;
/// Windows in a row that make a key, and that end it.
const PASSES: u32 = 6;
const MISSES: u32 = 5;
/// The most that a frequency may be off: half way between what must and what must not be accepted.
const OFF: f32 = 0.025;

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Complex(f32, f32);

impl Complex {
    fn power(self) -> f32 {
        self.0 * self.0 + self.1 * self.1
    }

    /// `self` times the conjugate of `other`: by how much it is turned on.
    fn against(self, other: Complex) -> Complex {
        Complex(self.0 * other.0 + self.1 * other.1, self.1 * other.0 - self.0 * other.1)
    }
}

/// One tone seen through the window: cosine and sine, and how far a hop turns it.
#[derive(Debug, Clone)]
struct Eye {
    weights: [Complex; WINDOW],
    turn: Complex,
}

/// The same for every leg: some 10 KiB, computed once.
#[derive(Debug)]
struct Eyes {
    eyes: [Eye; 8],
    window: [f32; WINDOW],
}

/// A listener for keys on one stream of 8 kHz.
#[derive(Debug)]
pub struct Tones {
    samples: [f32; WINDOW],
    /// How many samples of the next hop are there.
    filled: usize,
    /// Low and high tone of the windows in a row that have passed, how many there are, and how both turned from one to the next.
    candidate: Option<(usize, usize)>,
    passes: u32,
    seen: [Complex; 2],
    turned: [Complex; 2],
    /// The key that is down.
    down: Option<(usize, usize)>,
    misses: u32,
}

impl Default for Tones {
    fn default() -> Self {
        Tones {
            samples: [0.0; WINDOW],
            filled: 0,
            candidate: None,
            passes: 0,
            seen: [Complex::default(); 2],
            turned: [Complex::default(); 2],
            down: None,
            misses: 0,
        }
    }
}

fn eyes() -> &'static Eyes {
    static EYES: std::sync::OnceLock<Eyes> = std::sync::OnceLock::new();
    EYES.get_or_init(|| {
        let window: [f32; WINDOW] = std::array::from_fn(|i| {
            0.5 - 0.5 * (std::f32::consts::TAU * (i as f32 + 0.5) / WINDOW as f32).cos()
        });
        let eyes = TONES.map(|hz| {
            let phase = |i: usize| std::f64::consts::TAU * f64::from(hz) * i as f64 / f64::from(SAMPLE_RATE);
            let weights = std::array::from_fn(|i| {
                Complex(window[i] * phase(i).cos() as f32, -window[i] * phase(i).sin() as f32)
            });
            Eye { weights, turn: Complex(phase(HOP).cos() as f32, phase(HOP).sin() as f32) }
        });
        Eyes { eyes, window }
    })
}

impl Tones {
    /// Takes samples of 8 kHz as they follow each other; tells `key` each key when it has been down long enough.
    pub fn hear(&mut self, samples: &[i16], mut key: impl FnMut(char)) {
        for sample in samples {
            self.samples[WINDOW - HOP + self.filled] = f32::from(*sample);
            self.filled += 1;
            if self.filled == HOP {
                if let Some((low, high)) = self.look() {
                    key(KEYS[low][high - 4]);
                }
                self.samples.copy_within(HOP.., 0);
                self.filled = 0;
            }
        }
    }

    /// Looks at one window; the key if it makes one.
    fn look(&mut self) -> Option<(usize, usize)> {
        let eyes = eyes();
        let power: f32 = self.samples.iter().zip(&eyes.window).map(|(s, w)| w * s * s).sum();
        // Quieter than the quietest key: nothing to look for.
        let (area, quiet) = (WINDOW as f32 / 2.0, AMPLITUDE_MIN * AMPLITUDE_MIN);
        if power < quiet * area {
            return self.miss();
        }
        let seen: [Complex; 8] = std::array::from_fn(|n| {
            let sums = self.samples.iter().zip(&eyes.eyes[n].weights);
            sums.fold(Complex::default(), |c, (s, w)| Complex(c.0 + s * w.0, c.1 + s * w.1))
        });
        let strongest = |range: std::ops::Range<usize>| {
            range.max_by(|a, b| seen[*a].power().total_cmp(&seen[*b].power())).unwrap_or(0)
        };
        let (low, high) = (strongest(0..4), strongest(4..8));
        // A sine of amplitude 1 gives half the window's area.
        let square = |n: usize| seen[n].power() * 4.0 / (area * area);
        let (l, h) = (square(low), square(high));
        let passes = (l + h) / 2.0 * area > SHARE * power
            && l.min(h) > quiet
            && h < HIGH_OVER_LOW * l
            && l < LOW_OVER_HIGH * h;
        if !passes {
            return self.miss();
        }
        self.pass((low, high), [seen[low], seen[high]], [&eyes.eyes[low], &eyes.eyes[high]])
    }

    fn miss(&mut self) -> Option<(usize, usize)> {
        (self.candidate, self.passes) = (None, 0);
        self.misses += 1;
        if self.misses >= MISSES {
            self.down = None;
        }
        None
    }

    fn pass(&mut self, key: (usize, usize), seen: [Complex; 2], eyes: [&Eye; 2]) -> Option<(usize, usize)> {
        if self.candidate != Some(key) {
            (self.candidate, self.passes, self.turned) = (Some(key), 0, [Complex::default(); 2]);
        } else {
            for (n, eye) in eyes.into_iter().enumerate() {
                // What is left of the turn when that of the right frequency is taken away.
                let turn = seen[n].against(self.seen[n]).against(eye.turn);
                self.turned[n] = Complex(self.turned[n].0 + turn.0, self.turned[n].1 + turn.1);
            }
        }
        (self.seen, self.passes) = (seen, self.passes + 1);
        if self.down == Some(key) {
            self.misses = 0;
            return None;
        }
        let right = [key.0, key.1].iter().zip(self.turned).all(|(tone, t)| {
            let hz = t.1.atan2(t.0) / std::f32::consts::TAU * SAMPLE_RATE as f32 / HOP as f32;
            hz.abs() < OFF * TONES[*tone]
        });
        if self.passes < PASSES || !right {
            // For the key that was down this is as good as silence.
            self.misses += 1;
            self.down = self.down.filter(|_| self.misses < MISSES);
            return None;
        }
        (self.down, self.misses) = (Some(key), 0);
        Some(key)
    }
}

#[cfg(test)]
mod tests;
