//! Multinomial logistic regression by stochastic gradient descent, stopped early.

use super::vocabulary::Row;

#[derive(Debug, Clone)]
pub(super) struct Linear {
    /// `weights[column * intents + intent]`.
    weights: Vec<f32>,
    intents: usize,
}

/// How it learns: tuned on the validation part of HWU64.
#[derive(Clone, Copy)]
struct Pace {
    epochs: usize,
    /// The first step; later ones are shorter.
    rate: f32,
    /// The share of a row that is left out each time, so that no piece of a sentence is relied on alone.
    left_out: f32,
    /// An example that is told with this probability is passed over in the next round: what is not known yet is
    /// learned better, in half the time.
    sure: f32,
    /// The mean of the later rounds counts, not the last: what was left out last would tell otherwise.
    averaged: bool,
}

/// Few rounds: stopping early is all the regularisation that so few examples need.
const OF_FEW: Pace = Pace { epochs: 10, rate: 3.0, left_out: 0.0, sure: 0.9, averaged: false };
/// Vectors are short and dense: smaller steps, more of them.
const OF_VECTORS: Pace = Pace { epochs: 30, rate: 2.25, left_out: 0.0, sure: 1.0, averaged: true };
const OF_MANY_VECTORS: Pace = Pace { epochs: 10, ..OF_VECTORS };
const OF_MANY: Pace = Pace { epochs: 20, rate: 4.0, left_out: 0.4, sure: 1.0, averaged: true };
/// From so many examples an intent on there are many.
const MANY: usize = 40;
const RATE_DECAY: f32 = 0.3;

/// True if there are many examples: those of words are then not always learned as a whole.
pub(super) fn are_many(rows: usize, intents: usize) -> bool {
    rows >= MANY * intents.max(1)
}

impl Linear {
    /// Learns from the rows of texts with their intents.
    pub(super) fn fit(rows: &[(&Row, usize)], columns: usize, intents: usize) -> Linear {
        let pace = if are_many(rows.len(), intents) { OF_MANY } else { OF_FEW };
        Linear::at_pace(rows, columns, intents, pace)
    }

    /// The same from an encoder's vectors.
    pub(super) fn fit_vectors(rows: &[(&Row, usize)], columns: usize, intents: usize) -> Linear {
        let pace = if are_many(rows.len(), intents) { OF_MANY_VECTORS } else { OF_VECTORS };
        Linear::at_pace(rows, columns, intents, pace)
    }

    /// In a shuffled order that is always the same.
    fn at_pace(rows: &[(&Row, usize)], columns: usize, intents: usize, pace: Pace) -> Linear {
        let mut linear = Linear { weights: Vec::new(), intents };
        // Written here, each page is given once; zeroed by the kernel it is given for reading, and again for writing.
        linear.weights.resize(columns * intents, 0.0);
        let mut rng = fastrand::Rng::with_seed(1);
        let mut order: Vec<(&Row, usize, bool)> = rows.iter().map(|(row, i)| (*row, *i, false)).collect();
        let (mut part, mut sum) = (Row::new(), Vec::new());
        for epoch in 0..pace.epochs {
            rng.shuffle(&mut order);
            let rate = pace.rate / (1.0 + RATE_DECAY * epoch as f32);
            for (whole, intent, passed) in &mut order {
                if std::mem::take(passed) {
                    continue;
                }
                let row = if pace.left_out > 0.0 {
                    part.clear();
                    let kept = whole.iter().filter(|_| rng.f32() >= pace.left_out);
                    part.extend(kept.map(|(column, value)| (*column, value / (1.0 - pace.left_out))));
                    &part
                } else {
                    *whole
                };
                let mut step = softmax(&linear.logits(row), 1.0);
                let Some(own) = step.get_mut(*intent) else { continue };
                *passed = *own > pace.sure;
                if *passed {
                    continue;
                }
                *own -= 1.0;
                step.iter_mut().for_each(|s| *s *= -rate);
                for (column, value) in row {
                    let at = *column as usize * intents;
                    let weights = linear.weights.get_mut(at..at + intents).unwrap_or_default();
                    weights.iter_mut().zip(&step).for_each(|(w, s)| *w += s * value);
                }
            }
            if pace.averaged && epoch * 2 >= pace.epochs {
                sum.resize(linear.weights.len(), 0.0);
                sum.iter_mut().zip(&linear.weights).for_each(|(s, w)| *s += w);
            }
        }
        if pace.averaged {
            let rounds = (pace.epochs - pace.epochs.div_ceil(2)) as f32;
            linear.weights = sum.into_iter().map(|s| s / rounds).collect();
        }
        linear
    }

    pub(super) fn logits(&self, row: &Row) -> Vec<f32> {
        let mut out = vec![0.0; self.intents];
        let of = |column: u32| {
            let at = column as usize * self.intents;
            self.weights.get(at..at + self.intents).unwrap_or_default()
        };
        // Four at once: most of the time goes into waiting for weights, and the sums need not be put away for each.
        let (fours, rest) = row.as_chunks();
        for [(a, x), (b, y), (c, z), (d, u)] in fours {
            let weights = of(*a).iter().zip(of(*b)).zip(of(*c).iter().zip(of(*d)));
            out.iter_mut().zip(weights).for_each(|(o, ((a, b), (c, d)))| *o += a * x + b * y + c * z + d * u);
        }
        for (column, value) in rest {
            out.iter_mut().zip(of(*column)).for_each(|(o, w)| *o += w * value);
        }
        out
    }
}

/// Probabilities from logits, computed stably.
pub(super) fn softmax(logits: &[f32], sharpness: f32) -> Vec<f32> {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut out: Vec<f32> = logits.iter().map(|l| ((l - top) * sharpness).exp()).collect();
    let sum: f32 = out.iter().sum();
    out.iter_mut().for_each(|p| *p /= sum);
    out
}
