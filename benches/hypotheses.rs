//! What it is worth that the recogniser tells what a sentence may have been instead: the sample lines' requests and customer numbers of
//! six digits, spoken by espeak-ng's voices, with white noise, through the recogniser and the dialogue: by whisper.cpp, and by our own network with the
//! likeliest text alone and with the others. Run with `make hypotheses`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;
use trunkline::base::{Answer, Epoch, Lang};
use trunkline::config::Config;
use trunkline::drive::engine::Engine;
use trunkline::drive::{files, models};
use trunkline::ivr::{Act, Heard, Plan, Proof, Rehearsal, RehearsalReply, Understood};
use trunkline::nlu::slots::{SlotType, Value, extract};
use trunkline::tts;

/// Variants of the two languages' voices.
const VOICES: [&str; 6] = ["", "+f2", "+m3", "+f4", "+m7", "+Andrea"];
/// Speech over noise, in dB.
const NOISES: [f64; 2] = [10.0, 15.0];
/// Customer numbers in each language.
const NUMBERS: usize = 120;
/// 2026-03-02, 09:30 UTC.
const MONDAY: Epoch = Epoch { unix_ms: 1_772_443_800_000 };

/// What is said, and what must come of it.
struct Case {
    lang: Lang,
    text: String,
    plan: Arc<Plan>,
    /// The intent, or the digits of the customer number.
    right: Result<String, String>,
}

impl Case {
    fn expected(&self) -> Answer {
        if self.right.is_ok() { Answer::Sentence } else { Answer::Digits }
    }
}

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = files::load(&root.join("dialplans")).unwrap();
    let model = models::find(&root.join("models"), None).unwrap().expect("models/ holds one");
    let mut engines = [Engine::whisper(&model.path).unwrap(), Engine::load(&model.path).unwrap()];
    let mut rng = fastrand::Rng::with_seed(1);
    let mut cases = requests(root, &config);
    cases.extend(numbers(&config, &mut rng));
    let mut counts = BTreeMap::<(&str, &str, &str, &str), usize>::new();
    let mut took: [Vec<u64>; 2] = Default::default();
    for (n, case) in cases.iter().enumerate() {
        for (k, noise) in NOISES.into_iter().enumerate() {
            let clean = speak(case.lang, VOICES[(n + 3 * k) % VOICES.len()], &case.text);
            let samples = noisy(&clean, noise, &mut rng);
            let [theirs, ours] = [0, 1].map(|at| {
                let began = Instant::now();
                let heard = engines[at].recognise(case.lang, case.expected(), &samples).unwrap();
                took[at].push(began.elapsed().as_micros() as u64);
                heard
            });
            let likeliest = Heard { others: Vec::new(), ..ours.clone() };
            let kind = if case.right.is_ok() { "requests" } else { "numbers" };
            for (with, heard) in WAYS.into_iter().zip([theirs, likeliest, ours]) {
                *counts.entry((kind, case.lang.code(), with, come_of(case, heard))).or_default() += 1;
            }
        }
    }
    println!("{} sentences, each at {NOISES:?} dB; in percent\n", cases.len());
    println!(
        "{:<9} {:<4} {:<15} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "", "", "", "at once", "asked", "else", "WRONG", "wrong, asked"
    );
    for kind in ["requests", "numbers"] {
        for lang in Lang::ALL {
            for with in WAYS {
                let of = |what| *counts.get(&(kind, lang.code(), with, what)).unwrap_or(&0) as f64;
                let all: f64 = OUTCOMES.iter().map(|what| of(*what)).sum();
                let part = OUTCOMES.map(|what| format!("{:>9.1}", 100.0 * of(what) / all)).join(" ");
                println!("{kind:<9} {:<4} {with:<15} {part}", lang.code());
            }
        }
    }
    println!();
    let [theirs, ours] = took.map(|mut took| {
        took.sort_unstable();
        [50, 95].map(|q| took[took.len() * q / 100] as f64 / 1000.0)
    });
    println!("whisper.cpp: {:.1} ms, {:.1} ms for 95 of 100", theirs[0], theirs[1]);
    println!(
        "our network: {:.1} ms, {:.1} ms for 95 of 100: {:.2} and {:.2} of it",
        ours[0],
        ours[1],
        ours[0] / theirs[0],
        ours[1] / theirs[1]
    );
}

/// Who heard, and what of it is used.
const WAYS: [&str; 3] = ["whisper.cpp", "likeliest", "with the others"];

/// Right and acted on; right and asked back ("…, right?"); asked again or led elsewhere in time; wrong and acted on; wrong and asked back.
const OUTCOMES: [&str; 5] = ["right", "asked", "else", "wrong", "wrong, asked"];

/// Every example of the lines' intents, and what the golden dialogues begin with.
fn requests(root: &Path, config: &Config) -> Vec<Case> {
    let mut cases = Vec::new();
    for plan in &config.lines {
        for intent in &plan.intents {
            for (lang, texts) in &intent.examples {
                let case = |text: &String| Case {
                    lang: *lang,
                    text: text.clone(),
                    plan: plan.clone(),
                    right: Ok(intent.name.clone()),
                };
                cases.extend(texts.iter().map(case));
            }
        }
    }
    for file in ["city", "bank"] {
        let text = std::fs::read_to_string(root.join(format!("dialplans/tests/{file}.toml"))).unwrap();
        let tests: toml::Value = toml::from_str(&text).unwrap();
        let plan = config.lines.iter().find(|l| Some(l.line.as_str()) == tests["line"].as_str()).unwrap();
        for dialogue in tests["dialogue"].as_array().unwrap() {
            let first = dialogue["caller"][0].as_str().unwrap();
            let Some(intent) = dialogue.get("intent").and_then(toml::Value::as_str) else { continue };
            if matches!(Act::parse(first), Act::Says(_)) {
                let lang = if first.is_ascii() { Lang::En } else { Lang::Zh };
                cases.push(Case { lang, text: first.into(), plan: plan.clone(), right: Ok(intent.into()) });
            }
        }
    }
    cases
}

/// Numbers that the bank's line asks for.
fn numbers(config: &Config, rng: &mut fastrand::Rng) -> Vec<Case> {
    let bank = config.lines.iter().find(|l| l.line == "bank").unwrap();
    let mut cases = Vec::new();
    for lang in Lang::ALL {
        for _ in 0..NUMBERS {
            let digits: Vec<String> = (0..6).map(|_| rng.u8(0..10).to_string()).collect();
            cases.push(Case {
                lang,
                text: digits.join(" "),
                plan: bank.clone(),
                right: Err(digits.concat()),
            });
        }
    }
    cases
}

/// What the line makes of it.
fn come_of(case: &Case, heard: Heard) -> &'static str {
    let (mut line, _) = Rehearsal::begin(case.plan.clone(), MONDAY, BTreeMap::new(), Proof::default());
    line.speak(case.lang);
    let outcome = |right: bool, acted: bool| match (right, acted) {
        (true, true) => "right",
        (true, false) => "asked",
        (false, true) => "wrong",
        (false, false) => "wrong, asked",
    };
    let of = |reply: &RehearsalReply| reply.turns.first().map(|t| (t.understood, t.clone()));
    match &case.right {
        Ok(intent) => match of(&line.hear(heard)) {
            Some((Understood::Acted, turn)) => outcome(turn.intent.as_ref() == Some(intent), true),
            Some((Understood::Confirming | Understood::Choosing, turn)) => {
                outcome(turn.intent.as_ref() == Some(intent), false)
            }
            _ => "else",
        },
        Err(digits) => {
            let ask = if case.lang == Lang::En { "I want to pay my bill" } else { "查询账单" };
            line.act(&Act::Says(ask.into()));
            let reply = line.hear(heard);
            let Some((Understood::Filled, turn)) = of(&reply) else { return "else" };
            let found = extract(
                &SlotType::Digits(6, 6),
                case.lang,
                turn.heard.reveal(),
                "2026-03-02T09:30:00".parse().unwrap(),
            );
            let right = found.iter().any(|f| f.value == Value::Digits(digits.clone()));
            outcome(right, !reply.lookups.is_empty())
        }
    }
}

fn speak(lang: Lang, variant: &str, text: &str) -> Vec<i16> {
    let said = tts::Utterance::new(lang, text);
    let voice = format!("{}{variant}", said.voice);
    let out = Command::new("espeak-ng")
        .args(["-v", &voice, "-s", &said.speed.to_string(), "--stdout", "--", &said.text])
        .output()
        .expect("espeak-ng");
    let rate = u32::from_le_bytes(out.stdout[24..28].try_into().unwrap());
    let samples: Vec<i16> =
        out.stdout[44..].as_chunks().0.iter().map(|two| i16::from_le_bytes(*two)).collect();
    tts::shape(&tts::resample(&samples, rate))
}

/// With white noise, so many dB below the speech's mean power.
fn noisy(samples: &[i16], below_db: f64, rng: &mut fastrand::Rng) -> Vec<i16> {
    let power = samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64;
    let deviation = (power / 10f64.powf(below_db / 10.0)).sqrt();
    // Nearly normal: the sum of twelve even numbers.
    let mut normal = || (0..12).map(|_| rng.f64()).sum::<f64>() - 6.0;
    samples.iter().map(|s| (f64::from(*s) + normal() * deviation) as i16).collect()
}
