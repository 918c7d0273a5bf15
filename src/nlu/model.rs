//! The intent model: block-weighted features, multinomial logistic regression, calibrated by cross-validation. Where there
//! is an encoder, a second regression on its vectors, as far as held-out examples gain by it.
//!
//! In: example sentences with their intents. Out: for a text, every intent with a score in 0–1.
//! Training is deterministic and takes milliseconds for a line of a dozen intents.

use super::encoder::Encoder;
use super::features::features;
use super::han::is_han;
use super::linear::{Linear, softmax};
use super::meaning::{Meaning, vector};
use super::vocabulary::{Row, Vocabulary};
use std::sync::Arc;

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
    meaning: Option<Meaning>,
    /// How much meaning counts beside words in each [`script`]: an encoder that knows English alone is not asked about Mandarin.
    shares: [f32; 2],
    /// Sharpness of the softmax that makes scores honest.
    sharpness: f32,
}

const FOLDS: usize = 3;
/// How much meaning may count beside words.
const SHARES: [f32; 4] = [0.5, 1.0, 2.0, 3.0];
/// The sharpnesses that are tried.
const SHARPNESS_STEP: f32 = 0.25;
const SHARPNESS_STEPS: usize = 24;
/// It counts if the loss is this part of that of words alone, or less.
const WORTH: f32 = 0.95;

impl Model {
    /// Learns `intents` classes from `examples`, with the help of an `encoder` where there is one. Without examples every
    /// text scores nothing.
    pub fn train(examples: &[Example], intents: usize, encoder: Option<&Arc<dyn Encoder>>) -> Model {
        let documents: Vec<_> = examples.iter().map(|e| (features(&e.text), e.intent)).collect();
        let (vocabulary, rows) = Vocabulary::new(&documents);
        let rows: Vec<(&Row, usize)> = rows.iter().zip(&documents).map(|(row, (_, i))| (row, *i)).collect();
        let vectors: Option<Vec<Row>> =
            encoder.map(|encoder| examples.iter().map(|e| vector(encoder.as_ref(), &e.text)).collect());
        let scripts: Vec<usize> = examples.iter().map(|e| script(&e.text)).collect();
        let held_out = held_out(&rows, vectors.as_deref(), &scripts, vocabulary.len(), intents);
        let shares = match vectors {
            Some(_) => [0, 1]
                .map(|script| share(&held_out.iter().filter(|h| h.script == script).collect::<Vec<_>>())),
            None => [0.0; 2],
        };
        let (sharpness, _) = sharpest(&held_out.iter().collect::<Vec<_>>(), shares);
        let counts = |script: &usize| shares.get(*script).is_some_and(|share| *share > 0.0);
        let meaning = encoder.zip(vectors).map(|(encoder, vectors)| {
            let all = vectors.iter().zip(&rows).map(|(v, (_, intent))| (v, *intent)).zip(&scripts);
            let known: Vec<(&Row, usize)> = all.filter(|(_, s)| counts(s)).map(|(row, _)| row).collect();
            Meaning::fit(encoder.clone(), &known, intents)
        });
        Model {
            linear: Linear::fit(&rows, vocabulary.len(), intents),
            vocabulary,
            meaning,
            shares,
            sharpness,
        }
    }

    /// Every intent with its score, best first. Scores add up to 1, or less where the text is foreign.
    pub fn classify(&self, text: &str) -> Vec<Scored> {
        let document = features(text);
        let row = self.vocabulary.row(&document);
        // Without it, "I want a pizza" would look as sure as "I want a loan". Half of it blurs the intents into each
        // other, half takes from all of them: either alone tells foreign sentences apart less well.
        let mut coverage = self.vocabulary.coverage(&document);
        let mut logits = self.linear.logits(&row);
        let share = self.shares.get(script(text)).copied().unwrap_or_default();
        match &self.meaning {
            Some(meaning) if share > 0.0 && !document.is_empty() => {
                let vector = vector(meaning.encoder.as_ref(), text);
                logits = added(&logits, &meaning.logits(&vector), share);
                coverage = coverage.max(meaning.familiar(&vector));
            }
            _ if row.is_empty() => return Vec::new(),
            _ => {}
        }
        let mut scored: Vec<Scored> = softmax(&logits, self.sharpness * coverage)
            .into_iter()
            .enumerate()
            .map(|(intent, p)| Scored { intent, score: p * coverage.sqrt() })
            .collect();
        scored.sort_by(|a, b| b.score.total_cmp(&a.score));
        scored
    }
}

/// The script of a text: 0 Latin, 1 Han.
fn script(text: &str) -> usize {
    usize::from(text.chars().any(is_han))
}

fn added(words: &[f32], meaning: &[f32], share: f32) -> Vec<f32> {
    words.iter().zip(meaning).map(|(w, m)| w + share * m).collect()
}

/// An example that training has not seen: the logits of its words, and those of its meaning.
struct HeldOut {
    words: Vec<f32>,
    meaning: Vec<f32>,
    intent: usize,
    script: usize,
}

/// Every example as a model sees it that was trained on others.
fn held_out(
    rows: &[(&Row, usize)],
    vectors: Option<&[Row]>,
    scripts: &[usize],
    columns: usize,
    intents: usize,
) -> Vec<HeldOut> {
    let mut out = Vec::with_capacity(rows.len());
    for fold in 0..FOLDS {
        let part = |held: bool| (0..rows.len()).filter(move |at| (at % FOLDS == fold) == held);
        let of = |at: usize| rows.get(at).copied();
        let vector = |at: usize| Some((vectors?.get(at)?, rows.get(at)?.1));
        let words = Linear::fit(&part(false).filter_map(of).collect::<Vec<_>>(), columns, intents);
        let seen: Vec<(&Row, usize)> = part(false).filter_map(vector).collect();
        let meaning = Linear::fit_vectors(&seen, seen.first().map_or(0, |(v, _)| v.len()), intents);
        out.extend(part(true).filter_map(|at| {
            let (row, intent) = of(at)?;
            let meaning = vector(at).map_or_else(|| vec![0.0; intents], |(v, _)| meaning.logits(v));
            Some(HeldOut { words: words.logits(row), meaning, intent, script: *scripts.get(at)? })
        }));
    }
    out
}

/// How much meaning counts beside words: nothing, unless these are told clearly better with it.
fn share(held_out: &[&HeldOut]) -> f32 {
    let loss = |share: f32| sharpest(held_out, [share; 2]).1;
    let best = SHARES.map(|share| (share, loss(share))).into_iter().min_by(|a, b| a.1.total_cmp(&b.1));
    best.filter(|best| best.1 < loss(0.0) * WORTH).map_or(0.0, |(share, _)| share)
}

/// The sharpness with the best held-out likelihood, and the loss with it: temperature scaling (Guo et al. 2017) by
/// cross-validation.
fn sharpest(held_out: &[&HeldOut], shares: [f32; 2]) -> (f32, f32) {
    let logits: Vec<(Vec<f32>, usize)> = held_out
        .iter()
        .map(|h| (added(&h.words, &h.meaning, shares.get(h.script).copied().unwrap_or_default()), h.intent))
        .collect();
    let loss = |sharpness: f32| -> f32 {
        let likelihood = |(l, i): &(Vec<f32>, usize)| softmax(l, sharpness).get(*i).copied().unwrap_or(1.0);
        logits.iter().map(|held| -likelihood(held).max(1e-6).ln()).sum()
    };
    // The loss is convex in the sharpness: the first step that is no worse than the next is the best.
    let at = |step: usize| step as f32 * SHARPNESS_STEP;
    let (mut low, mut high) = (1, SHARPNESS_STEPS);
    while low < high {
        let middle = (low + high) / 2;
        if loss(at(middle)) <= loss(at(middle + 1)) { high = middle } else { low = middle + 1 }
    }
    (at(low), loss(at(low)))
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
        Model::train(&examples, 3, None)
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
        assert!(Model::train(&[], 0, None).classify("停水").is_empty());
        assert!(Model::train(&[], 3, None).classify("停水").is_empty());
    }

    /// Knows that some English words mean the same; of Mandarin it knows nothing.
    #[derive(Debug)]
    struct Synonyms;

    impl Encoder for Synonyms {
        fn embed(&self, text: &str) -> Vec<f32> {
            let groups =
                [&["water", "tap", "pipe"][..], &["power", "electricity"], &["street", "light", "lamp"]];
            let words: Vec<&str> = text.split_whitespace().collect();
            let mut vector: Vec<f32> =
                groups.iter().map(|g| 0.1 + words.iter().filter(|w| g.contains(w)).count() as f32).collect();
            let length = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
            vector.iter_mut().for_each(|v| *v /= length);
            vector
        }
    }

    #[test]
    fn an_encoder_helps_where_no_word_is_shared_and_does_no_harm_elsewhere() {
        let texts = [
            ("the water does not run", 0),
            ("water leak at home", 0),
            ("i have no water", 0),
            ("家里停水", 0),
            ("水管漏水了", 0),
            ("没有水用", 0),
            ("the power went away", 1),
            ("power failure", 1),
            ("i have no power", 1),
            ("家里停电", 1),
            ("电线断了", 1),
            ("没有电用", 1),
        ];
        let examples = texts.map(|(text, intent)| Example { text: text.into(), intent });
        let encoder: Arc<dyn Encoder> = Arc::new(Synonyms);
        let [without, with] = [None, Some(&encoder)].map(|encoder| Model::train(&examples, 2, encoder));
        assert!(without.classify("electricity").first().is_none_or(|s| s.score < 0.45));
        let best = with.classify("electricity")[0];
        assert_eq!(best.intent, 1);
        assert!(best.score > 0.6, "{best:?}");
        assert_eq!(with.classify("停水")[0].intent, 0);
        assert!(with.classify("").is_empty());
    }

    #[test]
    fn training_is_deterministic() {
        assert_eq!(model().classify("停水")[0], model().classify("停水")[0]);
    }
}
