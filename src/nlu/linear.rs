//! Multinomial logistic regression by stochastic gradient descent, stopped early.

use super::vocabulary::Row;

#[derive(Debug, Clone)]
pub(super) struct Linear {
    /// `weights[column * intents + intent]`.
    weights: Vec<f32>,
    intents: usize,
}

/// Few rounds with large steps: stopping early is all the regularisation that so few examples need.
const EPOCHS: usize = 10;
const RATE: f32 = 3.0;
const RATE_DECAY: f32 = 0.3;

impl Linear {
    /// Learns from rows with their intents, in a shuffled order that is always the same.
    pub(super) fn fit(rows: &[(&Row, usize)], columns: usize, intents: usize) -> Linear {
        let mut linear = Linear { weights: vec![0.0; columns * intents], intents };
        let mut rng = fastrand::Rng::with_seed(1);
        let mut order = rows.to_vec();
        for epoch in 0..EPOCHS {
            rng.shuffle(&mut order);
            let rate = RATE / (1.0 + RATE_DECAY * epoch as f32);
            for (row, intent) in &order {
                let mut step = softmax(&linear.logits(row), 1.0);
                if let Some(own) = step.get_mut(*intent) {
                    *own -= 1.0;
                }
                step.iter_mut().for_each(|s| *s *= -rate);
                for (column, value) in *row {
                    let at = *column as usize * intents;
                    let weights = linear.weights.get_mut(at..at + intents).unwrap_or_default();
                    weights.iter_mut().zip(&step).for_each(|(w, s)| *w += s * value);
                }
            }
        }
        linear
    }

    pub(super) fn logits(&self, row: &Row) -> Vec<f32> {
        let mut out = vec![0.0; self.intents];
        for (column, value) in row {
            let at = *column as usize * self.intents;
            let weights = self.weights.get(at..at + self.intents).unwrap_or_default();
            out.iter_mut().zip(weights).for_each(|(o, w)| *o += w * value);
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
