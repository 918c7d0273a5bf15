//! The part of an intent model that an encoder adds: what sentences mean, beside their words.
//!
//! In: the vectors of examples with their intents. Out: logits to be added to those of the words, and how familiar a
//! sentence is.

use super::encoder::Encoder;
use super::linear::Linear;
use super::vocabulary::Row;
use std::sync::Arc;

#[derive(Debug, Clone)]
pub(super) struct Meaning {
    pub(super) encoder: Arc<dyn Encoder>,
    linear: Linear,
    /// The direction in which the examples of each intent lie.
    centres: Vec<Vec<f32>>,
    /// How near examples lie to their own intent, and to the others: means of cosines.
    own: f32,
    others: f32,
}

impl Meaning {
    pub(super) fn fit(encoder: Arc<dyn Encoder>, vectors: &[(&Row, usize)], intents: usize) -> Meaning {
        let columns = vectors.first().map_or(0, |(v, _)| v.len());
        let mut sums = vec![vec![0.0; columns]; intents];
        for (vector, intent) in vectors {
            if let Some(sum) = sums.get_mut(*intent) {
                sum.iter_mut().zip(vector.iter()).for_each(|(s, (_, v))| *s += v);
            }
        }
        let centres: Vec<Vec<f32>> = sums.iter().cloned().map(unit).collect();
        // An example is as near to the centre of the others of its intent as an unseen sentence would be.
        let (mut own, mut others, mut pairs) = (0.0, 0.0, 0.0_f32);
        for (vector, intent) in vectors {
            for (at, (sum, centre)) in sums.iter().zip(&centres).enumerate() {
                if at == *intent {
                    let rest: Vec<f32> = sum.iter().zip(vector.iter()).map(|(s, (_, v))| s - v).collect();
                    own += cosine(&unit(rest), vector);
                } else {
                    others += cosine(centre, vector);
                    pairs += 1.0;
                }
            }
        }
        Meaning {
            encoder,
            linear: Linear::fit_vectors(vectors, columns, intents),
            centres,
            own: own / vectors.len().max(1) as f32,
            others: others / pairs.max(1.0),
        }
    }

    pub(super) fn logits(&self, vector: &Row) -> Vec<f32> {
        self.linear.logits(vector)
    }

    /// How familiar a sentence is, 0–1: 0 as near to the nearest intent as examples are to intents that they do not mean, 1 as near as
    /// to their own.
    pub(super) fn familiar(&self, vector: &Row) -> f32 {
        let nearest = self.centres.iter().map(|c| cosine(c, vector)).fold(0.0, f32::max);
        ((nearest - self.others) / (self.own - self.others).max(f32::MIN_POSITIVE)).clamp(0.0, 1.0)
    }
}

fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|v| v * v).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    vector.iter_mut().for_each(|v| *v /= length);
    vector
}

/// Of the angle between two of length 1.
fn cosine(centre: &[f32], vector: &Row) -> f32 {
    centre.iter().zip(vector).map(|(a, (_, b))| a * b).sum()
}

/// The vector of a text, as a row.
pub(super) fn vector(encoder: &dyn Encoder, text: &str) -> Row {
    encoder.embed(text).into_iter().enumerate().map(|(at, value)| (at as u32, value)).collect()
}
