//! Who nods while the line speaks: it stops, and goes on from half a second before where it was.

use super::server::{Server, have, record};
use std::ops::Range;
use trunkline::call::Moment;
use trunkline::ivr::Understood;

/// Samples a millisecond.
const MS: usize = 8;

/// What the caller heard, from the file that `trunkline call --record` writes.
fn heard(file: &std::path::Path) -> Vec<i16> {
    let mut wav = hound::WavReader::open(file).unwrap();
    let all: Vec<i16> = wav.samples().map(Result::unwrap).collect();
    all.into_iter().skip(1).step_by(2).collect()
}

/// The stretches of sound with less than 300 ms of silence within them, in samples.
fn stretches(samples: &[i16]) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (n, _) in samples.iter().enumerate().filter(|(_, s)| s.unsigned_abs() > 300) {
        match found.last_mut().filter(|last| n < last.end + 300 * MS) {
            Some(last) => last.end = n + 1,
            None => found.push(n..n + 1),
        }
    }
    found.retain(|stretch| stretch.len() > 50 * MS);
    found
}

/// Where within `before` the sound `words` was heard already, and how alike the two are, 0–1.
fn heard_before(before: &[i16], words: &[i16]) -> (usize, f64) {
    let energy = |s: &[i16]| s.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt().max(1.0);
    let own = energy(words);
    let alike = |there: &[i16]| {
        let both: f64 = words.iter().zip(there).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        both / (own * energy(there))
    };
    let places = before.windows(words.len()).map(alike).enumerate();
    places.max_by(|a, b| a.1.total_cmp(&b.1)).expect("something was heard before")
}

#[test]
fn a_prompt_that_a_nod_has_stopped_goes_on_from_half_a_second_before_in_both_languages() {
    if !have("espeak-ng", "espeak-ng") {
        return;
    }
    std::thread::scope(|scope| {
        for (number, nod) in [("95500", "uh huh"), ("12345", "嗯")] {
            scope.spawn(move || {
                let server = Server::start(&[]);
                let (file, address) = (server.folder.join("nod.wav"), format!("sip:{number}@{}", server.sip));
                let taped = file.to_str().unwrap();
                let told = server.command(&[
                    "call", &address, "--json", "--record", taped, "--after", "1", "--say", nod, "--stay",
                    "6",
                ]);
                let cdr = record(&server);
                let understood: Vec<Understood> = cdr.turns.iter().map(|t| t.turn.understood).collect();
                assert_eq!(understood, [Understood::BackChannel], "{told}\n{:?}", cdr.turns);
                let said = |m: &Moment| match m {
                    Moment::Saying { text, .. } => Some(text.clone()),
                    _ => None,
                };
                let said: Vec<String> = cdr.moments.iter().filter_map(|m| said(&m.moment)).collect();
                assert!(said.len() == 2 && said[0] == said[1], "it says the same on: {said:?}");
                resumes(&heard(&file));
            });
        }
    });
}

/// The sound with which the second stretch begins is that from half a second before the end of the first.
fn resumes(heard: &[i16]) {
    let stretches = stretches(heard);
    let [first, second] = &stretches[..] else { panic!("the prompt in two parts: {stretches:?}") };
    let words = &heard[second.start..second.start + 200 * MS];
    let (at, alike) = heard_before(&heard[first.clone()], words);
    let back = (first.len() - at) / MS;
    // Silence between two words may be at either end.
    assert!(
        alike > 0.9 && (300..=650).contains(&back),
        "{back} ms before its end, {alike} alike, {stretches:?}"
    );
    assert!(second.len() > 500 * MS, "and then what was left of it: {stretches:?}");
}
