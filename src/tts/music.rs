//! What waiting callers hear: a soft arpeggio, made rather than taken from anyone.

/// Semitones above A3 of a slow I–vi–IV–V arpeggio, one note a third of a second.
const NOTES: [i32; 32] = [
    0, 4, 7, 12, 7, 4, 7, 4, -3, 0, 4, 9, 4, 0, 4, 0, -7, -3, 0, 5, 0, -3, 0, -3, -5, -1, 2, 7, 2, -1, 2, -1,
];
const NOTE_S: f32 = 0.36;

/// One round of the music, 8 kHz. It ends in silence and may be repeated.
pub fn music() -> Vec<i16> {
    let note_length = (8000.0 * NOTE_S) as usize;
    let mut out = vec![0f32; note_length * (NOTES.len() + 2)];
    for (i, semitone) in NOTES.iter().enumerate() {
        let hz = 220.0 * 2f32.powf(*semitone as f32 / 12.0);
        for (k, sample) in out.iter_mut().skip(i * note_length).take(note_length * 3).enumerate() {
            let t = k as f32 / 8000.0;
            // A plucked tone: two harmonics that die away, with a soft start.
            let envelope = (t / 0.01).min(1.0) * (-4.5 * t).exp();
            let phase = std::f32::consts::TAU * hz * t;
            *sample += 2600.0 * envelope * (phase.sin() + 0.3 * (2.0 * phase).sin());
        }
    }
    out.into_iter().map(|s| s.clamp(-30_000.0, 30_000.0) as i16).collect()
}

/// The tone after which a message is recorded: 0.4 s of 1 kHz at about −12 dBm0, 8 kHz.
pub fn tone() -> Vec<i16> {
    let sample = |k: usize| {
        let (t, left) = (k as f32 / 8000.0, (3200 - k) as f32 / 8000.0);
        // A soft edge of 10 ms on both sides, so that it does not click.
        let envelope = (t / 0.01).min(left / 0.01).min(1.0);
        (5600.0 * envelope * (std::f32::consts::TAU * 1000.0 * t).sin()) as i16
    };
    (0..3200).map(sample).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_music_is_heard_and_never_clips() {
        let music = super::music();
        let peak = music.iter().map(|s| s.unsigned_abs()).max().unwrap();
        assert!((2000..20_000).contains(&peak), "{peak}");
        assert!(music.len() > 8000 * 8);
        assert!(music.last().unwrap().abs() < 50);
    }
}
