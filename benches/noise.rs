//! How well an ear tells callers from noise: with the product's own detector, and with Silero's where it lies in the models folder.
//!
//! Human speech of the shared test data, three seconds of noise before and after it and the noise within it. Missed are recordings of which nothing
//! was heard; false are sentences heard where nobody spoke; begin and end are how far from the speech they were, negative where before.
//! Run with `make noise`, after `trunkline models fetch silero`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use trunkline::asr::{Detect, Ear, Earshot, Heard};
use trunkline::base::{FRAME_MS, FRAME_SAMPLES, Now, SAMPLE_RATE};
use trunkline::drive::silero::{self, Silero};

/// Root mean square of the speech, where it is loud: -20 dB below full scale.
const LEVEL: f32 = 3277.0;
/// Noise alone, before and after.
const AROUND: usize = 3 * SAMPLE_RATE as usize;
/// Longer recordings have several sentences.
const LONGEST: usize = 14 * SAMPLE_RATE as usize;

#[derive(Debug, Clone, Copy)]
enum Noise {
    Steady,
    /// A cough, a door, a knock: each of 50 to 500 ms, after 0.25 to 1.5 s.
    Bursts,
    /// Six other people.
    Others,
}

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("../shared/audio/speech");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: {} is not there", folder.display());
        return;
    };
    let mut files: Vec<_> = entries.flatten().map(|e| e.path()).collect();
    files.retain(|f| f.extension().is_some_and(|x| x == "wav"));
    files.sort();
    let speech: Vec<Vec<f32>> = files.iter().map(|f| load(f)).collect();
    let network = silero::find(&root.join("models")).map(|file| Arc::new(Silero::load(&file).unwrap()));
    println!(
        "{:<14} {:>5}  {:<8} {:>7} {:>6}  {:>20}  {:>20}",
        "", "dB", "", "missed", "false", "begin ms, 10 50 90 %", "end ms, 10 50 90 %"
    );
    for noise in [Noise::Steady, Noise::Bursts, Noise::Others] {
        for snr in [20.0, 10.0, 5.0] {
            row(&speech, noise, snr, "earshot", &|| Box::new(Earshot::default()));
            if let Some(network) = &network {
                row(&speech, noise, snr, "silero", &|| network.detector().unwrap());
            }
        }
    }
    cost("earshot", &mut Earshot::default(), &speech);
    if let Some(mut detector) = network.and_then(|network| network.detector()) {
        cost("silero", &mut *detector, &speech);
    }
}

/// Time for a frame, by the clock: Silero's network works on a thread of its own.
fn cost(name: &str, detector: &mut dyn Detect, speech: &[Vec<f32>]) {
    let samples: Vec<i16> = speech.concat().into_iter().map(|s| s as i16).collect();
    let frames = samples.chunks_exact(FRAME_SAMPLES);
    let (count, began) = (frames.len(), Instant::now());
    frames.for_each(|frame| _ = black_box(detector.hear(frame)));
    println!("{name:<8} {:.1} µs for a frame of 20 ms", began.elapsed().as_secs_f64() * 1e6 / count as f64);
}

fn row(speech: &[Vec<f32>], noise: Noise, snr: f32, name: &str, detector: &dyn Fn() -> Box<dyn Detect>) {
    let mut rng = fastrand::Rng::with_seed(7);
    let (mut missed, mut wrong, mut begins, mut ends) = (0, 0, Vec::new(), Vec::new());
    for (n, said) in speech.iter().enumerate().filter(|(_, said)| said.len() <= LONGEST) {
        let line = noisy(speech, n, noise, snr, &mut rng);
        let (first, last) = place(said);
        let turns = turns(Ear::default().detecting(detector()), &line);
        let heard: Vec<_> = turns.iter().filter(|turn| turn.1 > first && turn.0 < last).collect();
        wrong += turns.len() - heard.len();
        match heard[..] {
            [] => missed += 1,
            [one, ..] => {
                begins.push(one.0 - first);
                ends.push(heard[heard.len() - 1].1 - last);
            }
        }
    }
    let kind = format!("{noise:?}").to_lowercase();
    println!(
        "{kind:<14} {snr:>5}  {name:<8} {missed:>7} {wrong:>6}  {:>20}  {:>20}",
        spread(begins),
        spread(ends)
    );
}

/// Its smallest, middle and largest, but for a tenth on each side.
fn spread(mut all: Vec<i64>) -> String {
    all.sort_unstable();
    [10, 50, 90].map(|p| all.get(all.len() * p / 100).map_or("-".into(), i64::to_string)).join(" ")
}

/// At 8 kHz, at [`LEVEL`].
fn load(file: &Path) -> Vec<f32> {
    let mut wav = hound::WavReader::open(file).unwrap();
    let step = (wav.spec().sample_rate / SAMPLE_RATE) as usize;
    let all: Vec<f32> = wav.samples::<i16>().map(|s| f32::from(s.unwrap())).collect();
    let samples: Vec<f32> = all.chunks_exact(step).map(|c| c.iter().sum::<f32>() / step as f32).collect();
    let energies = energies(&samples);
    let peak = energies.iter().copied().fold(0.0, f32::max);
    let loud: Vec<f32> = energies.into_iter().filter(|e| *e > peak / 1000.0).collect();
    let level = (loud.iter().sum::<f32>() / loud.len() as f32).sqrt();
    samples.into_iter().map(|s| s * LEVEL / level).collect()
}

fn energies(samples: &[f32]) -> Vec<f32> {
    let mean = |f: &[f32]| f.iter().map(|s| s * s).sum::<f32>() / f.len() as f32;
    samples.chunks_exact(FRAME_SAMPLES).map(mean).collect()
}

/// Where in the line the speech is: its first and last frame within 30 dB of the loudest, in ms.
fn place(said: &[f32]) -> (i64, i64) {
    let energies = energies(said);
    let peak = energies.iter().copied().fold(0.0, f32::max);
    let at = |frame: Option<usize>| (frame.unwrap() + AROUND / FRAME_SAMPLES) as i64 * i64::from(FRAME_MS);
    let loud = |e: &f32| *e > peak / 1000.0;
    (at(energies.iter().position(loud)), at(energies.iter().rposition(loud)) + i64::from(FRAME_MS))
}

/// The recording of this number in noise so far below it.
fn noisy(speech: &[Vec<f32>], nth: usize, noise: Noise, snr: f32, rng: &mut fastrand::Rng) -> Vec<i16> {
    let said = &speech[nth];
    let mut line = vec![0.0f32; said.len() + 2 * AROUND];
    let mut coloured = |line: &mut [f32], memory: f32, decays: bool| {
        let (mut last, whole) = (0.0, line.len() as f32);
        for (n, sample) in line.iter_mut().enumerate() {
            last = memory * last + rng.f32() - 0.5;
            *sample += last * if decays { 3.0 * (-3.0 * n as f32 / whole).exp() } else { 1.0 };
        }
    };
    match noise {
        Noise::Steady => coloured(&mut line, 0.7, false),
        Noise::Bursts => {
            let mut lengths = fastrand::Rng::with_seed(nth as u64);
            let mut from = lengths.usize(2000..12_000);
            while from < line.len() {
                let until = (from + lengths.usize(400..4000)).min(line.len());
                coloured(&mut line[from..until], 0.9 * lengths.f32(), true);
                from = until + lengths.usize(2000..12_000);
            }
        }
        Noise::Others => {
            for k in 0..6 {
                let other = &speech[(nth + 3 + 5 * k) % speech.len()];
                let skipped = rng.usize(..other.len());
                line.iter_mut().zip(other.iter().cycle().skip(skipped)).for_each(|(to, s)| *to += s);
            }
        }
    }
    let level = (line.iter().map(|s| s * s).sum::<f32>() / line.len() as f32).sqrt();
    let gain = LEVEL / 10f32.powf(snr / 20.0) / level;
    line.iter_mut().for_each(|s| *s *= gain);
    line[AROUND..].iter_mut().zip(said).for_each(|(to, s)| *to += s);
    line.into_iter().map(|s| s as i16).collect()
}

/// When sentences began and ended, in ms.
fn turns(mut ear: Ear, line: &[i16]) -> Vec<(i64, i64)> {
    let mut heard = Vec::new();
    for (n, frame) in line.chunks_exact(FRAME_SAMPLES).enumerate() {
        let now = Now((n as u64 + 1) * 20_000);
        ear.step(now, (n * FRAME_SAMPLES) as u32, frame, None, &mut heard);
    }
    let ms = |at: Now| (at.0 / 1000) as i64;
    let ended = heard.iter().filter_map(|heard| match heard {
        Heard::Ended { started, ended, .. } => Some((ms(*started), ms(*ended))),
        _ => None,
    });
    ended.collect()
}
