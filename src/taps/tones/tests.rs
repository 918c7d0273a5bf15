//! The limits of ITU-T Q.24, each from both sides, and speech.

use super::*;
use crate::codec::Converter;
use std::path::Path;

/// A press as it is sent.
#[derive(Clone, Copy)]
struct Press {
    key: char,
    ms: usize,
    /// Level of each tone in dBm0, and by how much the high one is above.
    dbm0: f32,
    twist_db: f32,
    /// Both frequencies are off by so many thousandths.
    off: f32,
    /// White noise below the two tones.
    snr_db: f32,
}

const USUAL: Press = Press { key: '5', ms: 50, dbm0: -10.0, twist_db: 0.0, off: 0.0, snr_db: 60.0 };

/// The press between two silences, beginning at a random place.
fn sound(p: Press, rng: &mut fastrand::Rng) -> Vec<i16> {
    let (row, column) = (0..16).map(|n| (n / 4, n % 4)).find(|(r, c)| KEYS[*r][*c] == p.key).unwrap();
    // A sine of +3.17 dBm0 is as loud as µ-law goes: 32,124.
    let amplitude = |dbm0: f32| 32_124.0 * 10f32.powf((dbm0 - 3.17) / 20.0);
    let (low, high) = (amplitude(p.dbm0 - p.twist_db / 2.0), amplitude(p.dbm0 + p.twist_db / 2.0));
    let noise = ((low * low + high * high) / 2.0).sqrt() * 10f32.powf(-p.snr_db / 20.0) * 3f32.sqrt();
    let hz = [TONES[row], TONES[4 + column]].map(|f| f * (1.0 + p.off / 1000.0));
    let (start, phases) =
        (800 + rng.usize(..80), [rng.f32(), rng.f32()].map(|part| part * std::f32::consts::TAU));
    (0..start + p.ms * 8 + 800)
        .map(|i| {
            let on = (start..start + p.ms * 8).contains(&i);
            let tone = |n: usize| (std::f32::consts::TAU * hz[n] * i as f32 / 8000.0 + phases[n]).sin();
            let sum = if on { low * tone(0) + high * tone(1) } else { 0.0 };
            (sum + noise * (2.0 * rng.f32() - 1.0)).clamp(-32_768.0, 32_767.0) as i16
        })
        .collect()
}

fn heard(samples: &[i16]) -> String {
    let (mut tones, mut keys) = (Tones::default(), String::new());
    samples.chunks(160).for_each(|frame| tones.hear(frame, |k| keys.push(k)));
    keys
}

/// Of 16 keys, each at 20 places, how many are heard once and as they are; nothing else may be heard.
fn of_320(press: Press) -> usize {
    let mut rng = fastrand::Rng::with_seed(7);
    let all = KEYS.iter().flatten();
    all.flat_map(|key| (0..20).map(move |_| *key))
        .filter(|key| {
            let found = heard(&sound(Press { key: *key, ..press }, &mut rng));
            assert!(found.is_empty() || found == key.to_string(), "{key}: {found}");
            !found.is_empty()
        })
        .count()
}

#[test]
fn what_q_24_wants_accepted_is_heard_every_time() {
    for (what, press) in [
        ("usual", USUAL),
        ("short", Press { ms: 40, ..USUAL }),
        ("long", Press { ms: 900, ..USUAL }),
        ("quiet", Press { dbm0: -25.0, ..USUAL }),
        ("loud", Press { dbm0: -3.5, ..USUAL }),
        ("high 4 dB above", Press { twist_db: 4.0, ..USUAL }),
        ("low 8 dB above", Press { twist_db: -8.0, ..USUAL }),
        ("1.5 % up", Press { off: 15.0, ..USUAL }),
        ("1.5 % down", Press { off: -15.0, ..USUAL }),
        ("noise", Press { snr_db: 15.0, ms: 45, ..USUAL }),
        ("noise, off, short", Press { snr_db: 20.0, off: 15.0, ms: 45, ..USUAL }),
    ] {
        assert_eq!(of_320(press), 320, "{what}");
    }
}

#[test]
fn what_q_24_wants_refused_is_never_heard() {
    for (what, press) in [
        ("too short", Press { ms: 23, ..USUAL }),
        ("3.5 % up", Press { off: 35.0, ms: 100, ..USUAL }),
        ("3.5 % down", Press { off: -35.0, ms: 100, ..USUAL }),
        ("too quiet", Press { dbm0: -45.0, ..USUAL }),
        ("high far above", Press { twist_db: 9.0, ..USUAL }),
        ("low far above", Press { twist_db: -13.0, ..USUAL }),
    ] {
        assert_eq!(of_320(press), 0, "{what}");
    }
}

#[test]
fn keys_in_a_row_are_heard_each_once_and_a_break_of_10_ms_is_none() {
    let mut rng = fastrand::Rng::with_seed(3);
    let mut all = Vec::new();
    for key in "0099*#".chars() {
        let press = sound(Press { key, ms: 50, ..USUAL }, &mut rng);
        // 50 ms on, 50 ms off.
        all.extend_from_slice(&press[600..press.len() - 600]);
    }
    assert_eq!(heard(&all), "0099*#");
    let mut long = sound(Press { ms: 200, ..USUAL }, &mut rng);
    long[1600..1680].fill(0);
    assert_eq!(heard(&long), "5");
}

#[test]
fn single_tones_noise_and_speech_like_sweeps_are_no_keys() {
    let mut rng = fastrand::Rng::with_seed(1);
    let noise: Vec<i16> = (0..80_000).map(|_| rng.i16(-8000..8000)).collect();
    assert_eq!(heard(&noise), "");
    for hz in TONES {
        let tone: Vec<i16> = (0..8000)
            .map(|i| (8000.0 * (std::f32::consts::TAU * hz * i as f32 / 8000.0).sin()) as i16)
            .collect();
        assert_eq!(heard(&tone), "", "{hz}");
    }
}

/// People who read aloud, in English and Mandarin; skipped, and said, where the recordings are not there.
#[test]
fn no_keys_are_heard_in_speech() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/audio/speech");
    let Ok(files) = std::fs::read_dir(&folder) else {
        return eprintln!("skipped: {} is not there", folder.display());
    };
    let (mut seconds, mut files_read) = (0, 0);
    for path in files.flatten().map(|f| f.path()).filter(|p| p.extension().is_some_and(|x| x == "wav")) {
        let Ok(mut wav) = hound::WavReader::open(&path) else { continue };
        let spec = wav.spec();
        if spec.channels != 1 || spec.bits_per_sample != 16 || ![8000, 16_000].contains(&spec.sample_rate) {
            continue;
        }
        let mut samples: Vec<i16> = wav.samples().map_while(Result::ok).collect();
        if spec.sample_rate == 16_000 {
            let (mut down, mut narrow) = (Converter::default(), Vec::new());
            for frame in samples.chunks_exact(320) {
                let mut to = [0; 160];
                down.run(frame, &mut to);
                narrow.extend(to);
            }
            samples = narrow;
        }
        // As it is, and 12 dB louder.
        for gain in [1, 4] {
            let louder: Vec<i16> = samples.iter().map(|s| s.saturating_mul(gain)).collect();
            assert_eq!(heard(&louder), "", "{} × {gain}", path.display());
        }
        (seconds, files_read) = (seconds + samples.len() / 8000, files_read + 1);
    }
    eprintln!("no keys in {seconds} s of speech, {files_read} recordings, twice");
    assert!(files_read > 0, "none of {} could be read", folder.display());
}
