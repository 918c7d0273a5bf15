//! How good a model is: accuracy in scope, rejection out of scope.
//!
//! In: sentences with what they should mean. Out: the figures that are usual for intent models.

use super::model::{Model, Scored};
use serde::Serialize;

/// The figures of one test. Shares are 0–1; one is `None` if no sentence is of its sort.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Measured {
    /// Sentences that mean a trained intent, and how many of them have it as the best, at any score.
    pub in_scope: usize,
    pub accuracy: Option<f64>,
    /// The right intent, and a score of at least the threshold.
    pub accepted: Option<f64>,
    /// Mean of the best score in scope: honest scores have that of the accuracy, or less where words are foreign.
    pub mean_score: Option<f64>,
    /// Sentences that mean none, and how many of them score below the threshold.
    pub out_of_scope: usize,
    pub out_of_scope_recall: Option<f64>,
    /// How often a sentence in scope scores above one out of scope.
    pub auroc: Option<f64>,
}

/// Classifies each sentence; `None` is what means no intent of the model.
pub fn measure<'a>(
    model: &Model,
    rows: impl Iterator<Item = (&'a str, Option<usize>)>,
    threshold: f32,
) -> Measured {
    let (mut inside, mut outside): (Vec<f32>, Vec<f32>) = (Vec::new(), Vec::new());
    let (mut right, mut accepted, mut rejected) = (0, 0, 0);
    for (text, meant) in rows {
        let best = model.classify(text).first().copied();
        let score = best.map_or(0.0, |b: Scored| b.score);
        if let Some(meant) = meant {
            let hit = best.is_some_and(|b| b.intent == meant);
            right += usize::from(hit);
            accepted += usize::from(hit && score >= threshold);
            inside.push(score);
        } else {
            rejected += usize::from(score < threshold);
            outside.push(score);
        }
    }
    let share = |count: usize, all: usize| (all > 0).then(|| count as f64 / all as f64);
    let sum: f64 = inside.iter().map(|s| f64::from(*s)).sum();
    Measured {
        in_scope: inside.len(),
        accuracy: share(right, inside.len()),
        accepted: share(accepted, inside.len()),
        mean_score: (!inside.is_empty()).then(|| sum / inside.len() as f64),
        out_of_scope: outside.len(),
        out_of_scope_recall: share(rejected, outside.len()),
        auroc: auroc(inside, outside),
    }
}

/// The share of pairs in which the first scores higher; a draw is half.
fn auroc(mut above: Vec<f32>, mut below: Vec<f32>) -> Option<f64> {
    above.sort_by(f32::total_cmp);
    below.sort_by(f32::total_cmp);
    let wins = |score: &f32| {
        let (less, at_most) = (below.partition_point(|b| b < score), below.partition_point(|b| b <= score));
        (less + at_most) as f64 / 2.0
    };
    let pairs = above.len() * below.len();
    (pairs > 0).then(|| above.iter().map(wins).sum::<f64>() / pairs as f64)
}

#[cfg(test)]
mod tests {
    use super::super::Example;
    use super::*;

    #[test]
    fn the_share_of_pairs_in_order_counts_draws_half() {
        assert_eq!(auroc(vec![0.9, 0.5], vec![0.1, 0.5]), Some(0.875));
        assert_eq!(auroc(vec![], vec![0.1]), None);
    }

    #[test]
    fn right_wrong_and_foreign_sentences_are_told_apart() {
        let examples =
            [("water is off", 0), ("power is out", 1)].map(|(t, intent)| Example { text: t.into(), intent });
        let model = Model::train(&examples, 2, None);
        let rows = [("water off", Some(0)), ("power out", Some(0)), ("a large pizza", None)];
        let m = measure(&model, rows.into_iter(), 0.45);
        assert_eq!((m.in_scope, m.out_of_scope), (2, 1));
        assert_eq!((m.accuracy, m.out_of_scope_recall, m.auroc), (Some(0.5), Some(1.0), Some(1.0)));
    }
}
