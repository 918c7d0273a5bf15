use super::*;
use std::path::Path;

/// Human speech at 8 kHz: every second sample of a 16 kHz file. `None`, said aloud, where it is not there.
fn speech(name: &str) -> Option<Vec<i16>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/audio/speech").join(name);
    let Ok(mut wav) = hound::WavReader::open(&file) else {
        eprintln!("skipped: {} is not there", file.display());
        return None;
    };
    assert_eq!(wav.spec().sample_rate, 16_000);
    let all: Vec<i16> = wav.samples().map(Result::unwrap).collect();
    Some(all.chunks_exact(2).map(|p| ((i32::from(p[0]) + i32::from(p[1])) / 2) as i16).collect())
}

fn noise(n: usize, rng: &mut fastrand::Rng) -> Vec<i16> {
    (0..n).map(|_| rng.i16(-12..=12)).collect()
}

fn listen(samples: &[i16], lost: impl Fn(usize) -> bool) -> Vec<Heard> {
    let (mut ear, mut out) = (Ear::default(), Vec::new());
    for (n, frame) in samples.chunks_exact(FRAME_SAMPLES).enumerate() {
        if !lost(n) {
            ear.step(Now(n as u64 * 20_000), (n * FRAME_SAMPLES) as u32, frame, None, &mut out);
        }
    }
    out
}

fn with_silence_around(speech: &[i16]) -> Vec<i16> {
    let mut rng = fastrand::Rng::with_seed(1);
    [noise(8000, &mut rng), speech.to_vec(), noise(16_000, &mut rng)].concat()
}

#[test]
fn human_sentences_are_heard_and_found_whole() {
    for name in ["cards-001.wav", "cards-003.wav", "goforward.wav", "librivox-0930.wav"] {
        let Some(speech) = speech(name) else { return };
        let heard = listen(&with_silence_around(&speech), |_| false);
        let ends: Vec<_> = heard.iter().filter(|h| matches!(h, Heard::Ended { .. })).collect();
        let starts = heard.iter().filter(|h| matches!(h, Heard::Started { .. })).count();
        assert_eq!(starts, ends.len(), "{name}");
        for pair in heard.windows(2) {
            if let [Heard::Paused { samples: early, .. }, Heard::Ended { samples, .. }] = pair {
                assert_eq!(early, samples, "{name}: what is written down early is the sentence");
            }
        }
        let Heard::Ended { samples, .. } = ends[0] else { panic!() };
        assert!(!ends.is_empty() && samples.len() >= speech.len() / 3, "{name} {}", samples.len());
        let Heard::Started { at, known } = heard[0] else { panic!() };
        assert!(known.since(at) <= Duration::from_millis(120), "{name}");
    }
}

#[test]
fn a_sentence_is_told_while_it_is_spoken_and_begins_anew_after_a_pause() {
    let Some(speech) = speech("cards-001.wav") else { return };
    let line = with_silence_around(&[speech.clone(), vec![0; 2400], speech].concat());
    let (mut ear, mut out) = (Ear::default().telling(), Vec::new());
    for (n, frame) in line.chunks_exact(FRAME_SAMPLES).enumerate() {
        ear.step(Now(n as u64 * 20_000), (n * FRAME_SAMPLES) as u32, frame, None, &mut out);
    }
    let (mut told, mut beginnings, mut pauses) = (Vec::new(), 0, 0);
    for heard in out {
        match heard {
            Heard::GoesOn { begins, samples } => {
                if begins {
                    (beginnings, told) = (beginnings + 1, Vec::new());
                }
                told.extend_from_slice(&samples);
            }
            Heard::Paused { samples, .. } => {
                pauses += 1;
                assert_eq!(samples[..told.len()], told, "what was told is the sentence so far");
                assert!(samples.len() - told.len() <= 2 * TOLD, "a part that is not full, and the pause");
            }
            _ => {}
        }
    }
    assert!(pauses > 0 && beginnings >= pauses, "{beginnings} {pauses}");
}

/// Where sentences begin and end, in ms, for an ear whose detection never sleeps.
fn ever_awake(line: &[i16]) -> Vec<(i64, i64)> {
    let (mut detection, mut endpointer) = (Earshot::default(), Endpointer::new(SPEECH_HANGOVER));
    let mut turns = Vec::new();
    for (n, frame) in line.chunks_exact(FRAME_SAMPLES).enumerate() {
        // As `listen` says it: a frame arrives when it is over.
        let began = Now((n as u64 * 20_000).saturating_sub(20_000));
        endpointer.step(began, detection.hear(frame), Loudness::of(frame), None, &mut turns);
    }
    let ends = turns.iter().filter_map(|turn| match turn {
        Turn::Ended { started, ended, .. } => Some((ms(started), ms(ended))),
        _ => None,
    });
    ends.collect()
}

fn ms(at: &Now) -> i64 {
    (at.0 / 1000) as i64
}

#[test]
fn detection_that_sleeps_in_silence_misses_nothing() {
    let names = ["cards-001.wav", "cards-003.wav", "goforward.wav", "librivox-0930.wav"];
    for (name, level) in names.iter().flat_map(|name| [0, 12, 100, 400].map(|level| (name, level))) {
        let Some(speech) = speech(name) else { return };
        let (mut rng, silence) = (fastrand::Rng::with_seed(3), vec![0; 12_000]);
        let mut line = [silence.clone(), speech.clone(), silence.clone(), speech, silence].concat();
        line.iter_mut().for_each(|s| *s = s.saturating_add(rng.i16(-level..=level)));
        let heard = listen(&line, |_| false);
        let heard: Vec<_> = heard
            .iter()
            .filter_map(|h| match h {
                Heard::Ended { started, ended, .. } => Some((ms(started), ms(ended))),
                _ => None,
            })
            .collect();
        let awake = ever_awake(&line);
        let alike = heard.iter().zip(&awake).all(|(heard, awake)| {
            heard.0 <= awake.0 + 40 && heard.0 >= awake.0 - 40 && (heard.1 - awake.1).abs() <= 100
        });
        assert!(alike && heard.len() == awake.len(), "{name} {level} {heard:?} {awake:?}");
    }
}

#[test]
fn noise_is_not_speech() {
    let noise: Vec<i16> = noise(80_000, &mut fastrand::Rng::with_seed(2)).iter().map(|s| s * 40).collect();
    assert!(listen(&noise, |_| false).is_empty());
}

#[test]
fn lost_frames_become_silence_and_the_sentence_keeps_its_length() {
    let Some(speech) = speech("goforward.wav") else { return };
    let line = with_silence_around(&speech);
    let lengths = [0, 1].map(|lossy| {
        let heard = listen(&line, |n| lossy == 1 && n % 20 == 7);
        let Some(Heard::Ended { samples, .. }) = heard.last() else { panic!() };
        samples.len() as i32
    });
    assert!((lengths[0] - lengths[1]).abs() <= 1600, "{lengths:?}");
}

#[test]
fn packets_of_another_length_are_put_together() {
    let Some(speech) = speech("goforward.wav") else { return };
    let line = with_silence_around(&speech);
    let (mut ear, mut out) = (Ear::default(), Vec::new());
    for (n, part) in line.chunks_exact(80).enumerate() {
        ear.step(Now(n as u64 * 10_000), n as u32 * 80, part, None, &mut out);
    }
    assert!(matches!(out[..], [Heard::Started { .. }, .., Heard::Ended { .. }]));
}
