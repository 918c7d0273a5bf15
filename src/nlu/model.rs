//! The intent model: block-weighted features, multinomial logistic regression, calibrated by cross-validation.
//!
//! In: example sentences with their intents. Out: for a text, every intent with a score in 0–1.
//! Training is deterministic and takes milliseconds for a line of a dozen intents.

use super::features::features;
use super::linear::{Linear, softmax};
use super::vocabulary::{Row, Vocabulary};

/// One example sentence and the index of its intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    pub text: String,
    pub intent: usize,
}

/// An intent and how sure the model is of it, 0–1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    pub intent: usize,
    pub score: f32,
}

/// A trained model.
#[derive(Debug, Clone)]
pub struct Model {
    vocabulary: Vocabulary,
    linear: Linear,
    /// Sharpness of the softmax that makes scores honest, from cross-validation.
    sharpness: f32,
}

const FOLDS: usize = 3;

impl Model {
    /// Learns `intents` classes from `examples`. Without examples every text scores nothing.
    pub fn train(examples: &[Example], intents: usize) -> Model {
        let documents: Vec<_> = examples.iter().map(|e| (features(&e.text), e.intent)).collect();
        let vocabulary = Vocabulary::new(&documents);
        let rows: Vec<(Row, usize)> = documents.iter().map(|(d, i)| (vocabulary.row(d), *i)).collect();
        let rows: Vec<(&Row, usize)> = rows.iter().map(|(row, i)| (row, *i)).collect();
        let linear = Linear::fit(&rows, vocabulary.len(), intents);
        let sharpness = calibrate(&rows, vocabulary.len(), intents);
        Model { vocabulary, linear, sharpness }
    }

    /// Every intent with its score, best first. Scores add up to 1, or less where words are foreign.
    pub fn classify(&self, text: &str) -> Vec<Scored> {
        let document = features(text);
        let row = self.vocabulary.row(&document);
        if row.is_empty() {
            return Vec::new();
        }
        // Without it, "I want a pizza" would look as sure as "I want a loan". Half of it blurs the intents into each
        // other, half takes from all of them: either alone tells foreign sentences apart less well.
        let coverage = self.vocabulary.coverage(&document);
        let mut scored: Vec<Scored> = softmax(&self.linear.logits(&row), self.sharpness * coverage)
            .into_iter()
            .enumerate()
            .map(|(intent, p)| Scored { intent, score: p * coverage.sqrt() })
            .collect();
        scored.sort_by(|a, b| b.score.total_cmp(&a.score));
        scored
    }
}

/// The sharpness with the best held-out likelihood: temperature scaling (Guo et al. 2017) by cross-validation.
fn calibrate(rows: &[(&Row, usize)], columns: usize, intents: usize) -> f32 {
    let mut held_out: Vec<(Vec<f32>, usize)> = Vec::with_capacity(rows.len());
    for fold in 0..FOLDS {
        let held = |at: usize| at % FOLDS == fold;
        let part = |held_too: bool| {
            rows.iter().enumerate().filter(move |(i, _)| held(*i) == held_too).map(|(_, r)| *r)
        };
        let linear = Linear::fit(&part(false).collect::<Vec<_>>(), columns, intents);
        held_out.extend(part(true).map(|(row, intent)| (linear.logits(row), intent)));
    }
    let loss = |sharpness: f32| -> f32 {
        let likelihood = |(l, i): &(Vec<f32>, usize)| softmax(l, sharpness).get(*i).copied().unwrap_or(1.0);
        held_out.iter().map(|held| -likelihood(held).max(1e-6).ln()).sum()
    };
    let steps = (1..=24).map(|step| step as f32 * 0.25);
    steps.min_by(|a, b| loss(*a).total_cmp(&loss(*b))).unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        let texts: [(&str, usize); 18] = [
            ("我家停水了", 0),
            ("没有水", 0),
            ("水管坏了", 0),
            ("水管漏水", 0),
            ("停水了", 0),
            ("my water is off", 0),
            ("there is no water", 0),
            ("我家停电了", 1),
            ("没有电", 1),
            ("停电了", 1),
            ("the power is out", 1),
            ("there is no power", 1),
            ("路灯坏了", 2),
            ("路灯不亮", 2),
            ("马路坏了", 2),
            ("the street light is broken", 2),
            ("the road is broken", 2),
            ("我要报修路灯", 2),
        ];
        let examples: Vec<Example> =
            texts.iter().map(|(t, i)| Example { text: (*t).to_owned(), intent: *i }).collect();
        Model::train(&examples, 3)
    }

    #[test]
    fn examples_and_their_kin_are_understood_in_both_languages() {
        let m = model();
        for (text, intent) in [
            ("家里停水", 0),
            ("no water at home", 0),
            ("小区停电", 1),
            ("power out", 1),
            ("street light out", 2),
        ] {
            assert_eq!(m.classify(text)[0].intent, intent, "{text}");
        }
        assert!(m.classify("我家停水了")[0].score > 0.6);
    }

    #[test]
    fn what_was_never_seen_scores_low() {
        let m = model();
        assert!(m.classify("I would like a large pizza").first().is_none_or(|s| s.score < 0.45));
        assert!(m.classify("今天天气怎么样").first().is_none_or(|s| s.score < 0.45));
        assert!(m.classify("").is_empty());
    }

    #[test]
    fn a_homophone_error_of_the_recogniser_is_still_understood() {
        assert_eq!(model().classify("我加停睡了")[0].intent, 0);
    }

    #[test]
    fn nothing_learned_means_nothing_understood() {
        assert!(Model::train(&[], 0).classify("停水").is_empty());
        assert!(Model::train(&[], 3).classify("停水").is_empty());
    }

    #[test]
    fn training_is_deterministic() {
        assert_eq!(model().classify("停水")[0], model().classify("停水")[0]);
    }
}
