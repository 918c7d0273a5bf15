//! A linear intent model: TF-IDF features, multinomial logistic regression, calibrated by cross-validation.
//!
//! In: example sentences with their intents. Out: for a text, every intent with a score in 0–1.
//! Training is deterministic and takes milliseconds for a line of a dozen intents.

use super::features::{features, is_whole};
use std::collections::HashMap;

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
    /// Feature → (column, inverse document frequency).
    vocabulary: HashMap<String, (u32, f32)>,
    /// `weights[column * intents + intent]`.
    weights: Vec<f32>,
    intents: usize,
    /// Sharpness of the softmax that makes scores honest, from cross-validation.
    sharpness: f32,
}

type Row = Vec<(u32, f32)>;

const EPOCHS: usize = 60;
const RATE: f32 = 2.0;
const DECAY: f32 = 1e-4;
const FOLDS: usize = 4;

impl Model {
    /// Learns `intents` classes from `examples`. Without examples every text scores nothing.
    pub fn train(examples: &[Example], intents: usize) -> Model {
        let mut model = Model::fit(examples, intents);
        model.sharpness = calibrate(examples, intents);
        model
    }

    fn fit(examples: &[Example], intents: usize) -> Model {
        let documents: Vec<Vec<String>> = examples.iter().map(|e| features(&e.text)).collect();
        let mut seen_in: HashMap<&str, u32> = HashMap::new();
        for document in &documents {
            let mut unique: Vec<&str> = document.iter().map(String::as_str).collect();
            unique.sort_unstable();
            unique.dedup();
            for feature in unique {
                *seen_in.entry(feature).or_default() += 1;
            }
        }
        let mut names: Vec<(&str, u32)> = seen_in.into_iter().collect();
        names.sort_unstable();
        let n = examples.len() as f32;
        let vocabulary = names
            .iter()
            .enumerate()
            .map(|(column, (name, df))| ((*name).to_owned(), (column as u32, (1.0 + n / *df as f32).ln())))
            .collect();
        let mut model =
            Model { vocabulary, weights: vec![0.0; names.len() * intents], intents, sharpness: 1.0 };
        let rows: Vec<Row> = documents.iter().map(|d| model.row(d)).collect();
        model.descend(&rows, examples);
        model
    }

    /// Stochastic gradient descent on the cross-entropy, in a fixed shuffled order.
    fn descend(&mut self, rows: &[Row], examples: &[Example]) {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut order: Vec<usize> = (0..rows.len()).collect();
        for epoch in 0..EPOCHS {
            rng.shuffle(&mut order);
            let rate = RATE / (1.0 + epoch as f32 * 0.1);
            for &i in &order {
                let (Some(row), Some(example)) = (rows.get(i), examples.get(i)) else { continue };
                let mut gradient = softmax(&self.logits(row), 1.0);
                if let Some(g) = gradient.get_mut(example.intent) {
                    *g -= 1.0;
                }
                for (column, value) in row {
                    let at = *column as usize * self.intents;
                    let Some(weights) = self.weights.get_mut(at..at + self.intents) else { continue };
                    for (w, g) in weights.iter_mut().zip(&gradient) {
                        *w -= rate * (g * value + DECAY * *w);
                    }
                }
            }
        }
    }

    /// The TF-IDF row of a document, of length 1; features never seen are left out.
    fn row(&self, document: &[String]) -> Row {
        let mut counts: HashMap<u32, f32> = HashMap::new();
        for feature in document {
            if let Some((column, idf)) = self.vocabulary.get(feature) {
                *counts.entry(*column).or_default() += idf;
            }
        }
        let mut row: Row = counts.into_iter().collect();
        row.sort_unstable_by_key(|(column, _)| *column);
        let length = row.iter().map(|(_, v)| v * v).sum::<f32>().sqrt().max(1e-6);
        row.iter_mut().for_each(|(_, v)| *v /= length);
        row
    }

    fn logits(&self, row: &Row) -> Vec<f32> {
        let mut out = vec![0.0; self.intents];
        for (column, value) in row {
            let at = *column as usize * self.intents;
            for (o, w) in out.iter_mut().zip(self.weights.get(at..at + self.intents).unwrap_or_default()) {
                *o += w * value;
            }
        }
        out
    }

    /// How much of the text the model knows, 0–1: the share of its words and characters seen in training.
    /// Without it, "I want a pizza" would look as sure as "I want a loan".
    fn coverage(&self, document: &[String]) -> f32 {
        let whole: Vec<&String> = document.iter().filter(|f| is_whole(f)).collect();
        if whole.is_empty() {
            return 0.0;
        }
        let known = whole.iter().filter(|f| self.vocabulary.contains_key(f.as_str())).count();
        known as f32 / whole.len() as f32
    }

    /// Every intent with its score, best first. Scores add up to the text's coverage, at most 1.
    pub fn classify(&self, text: &str) -> Vec<Scored> {
        let document = features(text);
        let coverage = self.coverage(&document);
        let row = self.row(&document);
        if row.is_empty() || self.intents == 0 {
            return Vec::new();
        }
        let mut scored: Vec<Scored> = softmax(&self.logits(&row), self.sharpness)
            .into_iter()
            .enumerate()
            .map(|(intent, p)| Scored { intent, score: p * coverage })
            .collect();
        scored.sort_by(|a, b| b.score.total_cmp(&a.score));
        scored
    }
}

/// Probabilities from logits, computed stably.
fn softmax(logits: &[f32], sharpness: f32) -> Vec<f32> {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = logits.iter().map(|l| ((l - top) * sharpness).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.into_iter().map(|p| p / sum).collect()
}

/// The sharpness with the best held-out likelihood: temperature scaling (Guo et al. 2017) by cross-validation.
fn calibrate(examples: &[Example], intents: usize) -> f32 {
    let mut held_out: Vec<(Vec<f32>, usize)> = Vec::new();
    for fold in 0..FOLDS {
        let (held, rest): (Vec<_>, Vec<_>) =
            examples.iter().cloned().enumerate().partition(|(i, _)| i % FOLDS == fold);
        let rest: Vec<Example> = rest.into_iter().map(|(_, e)| e).collect();
        let model = Model::fit(&rest, intents);
        held_out
            .extend(held.into_iter().map(|(_, e)| (model.logits(&model.row(&features(&e.text))), e.intent)));
    }
    let loss = |sharpness: f32| -> f32 {
        held_out
            .iter()
            .map(|(l, i)| -softmax(l, sharpness).get(*i).copied().unwrap_or(1.0).max(1e-6).ln())
            .sum()
    };
    (1..=24)
        .map(|step| step as f32 * 0.25)
        .min_by(|a, b| loss(*a).total_cmp(&loss(*b)))
        .unwrap_or(1.0)
        .max(1.0)
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
    fn training_is_deterministic() {
        assert_eq!(model().classify("停水")[0], model().classify("停水")[0]);
    }
}
