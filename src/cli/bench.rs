//! `trunkline bench speech`: how many calls this machine can listen to, with each model.
//!
//! What is measured is how long the recogniser takes for sentences of the lines, spoken by the synthesiser, while every
//! core decodes. What follows from it is reckoned: callers who speak at random, [`SENTENCE_EVERY`] on average, are served
//! by as many recognisers as there are cores, first come first served, on virtual time; the greatest number of calls whose
//! sentences are written down within the target, nine of ten, is the answer.

use super::Places;
use clap::{Args, Subcommand};
use hdrhistogram::Histogram;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use trunkline::base::{Answer, Lang};
use trunkline::drive::engine::Engine;
use trunkline::drive::voice::Voice;
use trunkline::drive::voices::Speakers;
use trunkline::drive::{files, models};

/// Between the sentences of one caller: its own three seconds, the line's answer, and thinking.
const SENTENCE_EVERY: Duration = Duration::from_secs(10);
/// Sentences that are measured, each once a core.
const SENTENCES: usize = 12;
/// Sentences reckoned with for each number of calls.
const RECKONED: u32 = 20_000;

/// Measure what this machine can do.
#[derive(Debug, Args)]
pub(super) struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// How many calls can be listened to at once, with each model in the folder.
    Speech {
        /// How long a sentence may take to be written down, waiting included, in ms.
        #[arg(long, default_value_t = 400)]
        target_ms: u64,
        /// Recognisers; as many as there are cores by default.
        #[arg(long)]
        recognisers: Option<usize>,
    },
    /// How many words (English) and characters (Mandarin) each model gets wrong of what people said.
    Words(super::words::Words),
}

pub(super) async fn bench(args: &Bench, places: &Places) -> Result<(), String> {
    let (target_ms, recognisers) = match &args.what {
        What::Words(args) => return super::words::words(args, places),
        What::Speech { target_ms, recognisers } => (*target_ms, *recognisers),
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = recognisers.unwrap_or(cores).max(1);
    let sentences = sentences(places).await?;
    let spoken: usize = sentences.iter().map(|(_, s)| s.len()).sum();
    outln!(
        "{} sentences of {:.1} s on average, {workers} recognisers, target {target_ms} ms for nine of ten\n",
        sentences.len(),
        spoken as f64 / 8000.0 / sentences.len() as f64
    );
    outln!("{:<28} {:>8} {:>8} {:>10} {:>8}", "model", "p50 ms", "p90 ms", "real time", "calls");
    for (path, found) in models::all(&places.models()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Err(why) = found {
            outln!("{name:<28} {why}");
            continue;
        }
        let took = measure(&path, &sentences, workers)?;
        let mut histogram = Histogram::<u64>::new(3).map_err(|e| e.to_string())?;
        took.iter().for_each(|t| histogram.saturating_record(t.as_millis() as u64));
        let factor = took.iter().sum::<Duration>().as_secs_f64() / (spoken * workers) as f64 * 8000.0;
        let calls = calls(&took, workers, Duration::from_millis(target_ms));
        let (p50, p90) = (histogram.value_at_quantile(0.5), histogram.value_at_quantile(0.9));
        outln!("{name:<28} {p50:>8} {p90:>8} {factor:>10.3} {calls:>8}");
    }
    outln!(
        "\ncallers speak once in {} s; `[speech] recognisers` sets how many listen",
        SENTENCE_EVERY.as_secs()
    );
    Ok(())
}

type Sentences = Arc<Vec<(Lang, Vec<i16>)>>;

/// Sentences that callers of the lines would say.
async fn sentences(places: &Places) -> Result<Sentences, String> {
    let config = files::load(&places.config)?;
    let (voice, _results) = Voice::new(None, Speakers::new());
    let mut out = Vec::new();
    let examples = config.lines.iter().flat_map(|l| &l.intents).flat_map(|i| &i.examples);
    let examples = examples.filter_map(|(lang, texts)| Some((*lang, texts.first()?)));
    for (lang, text) in examples.take(SENTENCES) {
        out.push((lang, voice.speak(lang, text).await.map_err(|e| e.to_string())?));
    }
    match out.is_empty() {
        true => Err("the lines have no example sentence to speak".into()),
        false => Ok(Arc::new(out)),
    }
}

/// How long each sentence takes while all recognisers work.
fn measure(model: &Path, sentences: &Sentences, workers: usize) -> Result<Vec<Duration>, String> {
    let threads: Vec<_> = (0..workers)
        .map(|_| {
            let (model, sentences) = (model.to_owned(), sentences.clone());
            std::thread::spawn(move || decode(&model, &sentences))
        })
        .collect();
    let mut took = Vec::new();
    for thread in threads {
        took.extend(thread.join().map_err(|_| "a recogniser failed")??);
    }
    Ok(took)
}

/// How long one recogniser takes for each sentence.
fn decode(model: &Path, sentences: &[(Lang, Vec<i16>)]) -> Result<Vec<Duration>, String> {
    let mut engine = Engine::load(model)?;
    let mut one = |(lang, samples): &(Lang, Vec<i16>)| {
        let began = Instant::now();
        engine.recognise(*lang, Answer::Sentence, samples).map(|_| began.elapsed())
    };
    // The first is slower: pages of the model are touched.
    sentences.first().map(&mut one).transpose()?;
    sentences.iter().map(one).collect()
}

/// The most calls whose sentences are written down in time, nine of ten.
fn calls(took: &[Duration], workers: usize, target: Duration) -> u32 {
    let in_time = |calls: u32| share_in_time(took, workers, calls, target) >= 0.9;
    let mut low = 0;
    let mut high = 1;
    while high < 1 << 20 && in_time(high) {
        (low, high) = (high, high * 2);
    }
    while high - low > 1 {
        let middle = low.midpoint(high);
        if in_time(middle) { low = middle } else { high = middle }
    }
    low
}

/// The share of sentences that are written down within `target` with so many calls.
fn share_in_time(took: &[Duration], workers: usize, calls: u32, target: Duration) -> f64 {
    let mut rng = fastrand::Rng::with_seed(7);
    let mut free = vec![0.0f64; workers];
    let between = SENTENCE_EVERY.as_secs_f64() / f64::from(calls);
    let (mut now, mut good) = (0.0, 0u32);
    for _ in 0..RECKONED {
        now -= between * (1.0 - rng.f64()).ln();
        let service = rng.choice(took).copied().unwrap_or_default().as_secs_f64();
        let Some(first) = free.iter_mut().min_by(|a, b| a.total_cmp(b)) else { return 0.0 };
        let done = first.max(now) + service;
        *first = done;
        good += u32::from(done - now <= target.as_secs_f64());
    }
    f64::from(good) / f64::from(RECKONED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_recognisers_and_faster_ones_listen_to_more_calls() {
        let ms = |ms: u64| [Duration::from_millis(ms)];
        let target = Duration::from_millis(400);
        assert_eq!(calls(&ms(500), 4, target), 0, "even alone it comes too late");
        let one = calls(&ms(100), 1, target);
        assert!((40..100).contains(&one), "{one}: a recogniser that is never idle would serve 100");
        assert!(calls(&ms(100), 2, target) > 2 * one, "waiting is shared");
        assert!(calls(&ms(50), 1, target) > 2 * one);
    }
}
