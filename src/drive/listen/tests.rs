use super::*;
use crate::drive::reporter::reports;
use std::path::Path;

fn speech() -> Option<Vec<i16>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/audio/speech/goforward.wav");
    let Ok(mut wav) = hound::WavReader::open(&file) else {
        eprintln!("skipped: {} is not there", file.display());
        return None;
    };
    Some(wav.samples::<i16>().map(Result::unwrap).step_by(2).collect())
}

fn say(tap: &mut RingTap, leg: LegId, n: usize, samples: &[i16]) {
    let timestamp = n as u32 * FRAME_SAMPLES as u32;
    let head = FrameHead { leg, at: Now(n as u64 * 20_000), timestamp, samples: 160, played: None };
    tap.frame(head, &mut |to| to.copy_from_slice(samples));
}

#[test]
fn a_sentence_whose_packets_stop_is_ended_while_others_go_on() {
    let Some(speech) = speech() else { return };
    let (reporter, mut heard) = reports();
    let (mut tap, line) = line(&Arc::new(Wake::new().unwrap()), &Arc::default());
    let mut listener = Listener::new(vec![line], EarKind::default(), reporter);
    let (stops, goes_on) = (LegId(1), LegId(2));
    tap.begin(stops);
    tap.begin(goes_on);
    for n in 0..120 {
        let frame = speech.chunks_exact(FRAME_SAMPLES).nth(n).filter(|_| n < 60);
        if let Some(samples) = frame {
            say(&mut tap, stops, n, samples);
        }
        say(&mut tap, goes_on, n, &[0; FRAME_SAMPLES]);
        listener.listen(Now(n as u64 * 20_000));
    }
    assert!(matches!(heard.try_recv(), Some(Report::SpeechStarted { leg: LegId(1), .. })));
    assert!(matches!(heard.try_recv(), Some(Report::SpeechEnded { leg: LegId(1), .. })));
    assert_eq!(listener.speaking, 0);
}

#[test]
fn frames_of_a_session_that_ended_are_not_heard_in_the_next() {
    let Some(speech) = speech() else { return };
    let (reporter, mut heard) = reports();
    let (mut tap, line) = line(&Arc::new(Wake::new().unwrap()), &Arc::default());
    let mut listener = Listener::new(vec![line], EarKind::default(), reporter);
    tap.begin(LegId(1));
    for (n, samples) in speech.chunks_exact(FRAME_SAMPLES).enumerate() {
        say(&mut tap, LegId(1), n, samples);
    }
    tap.begin(LegId(1));
    listener.listen(Now(0));
    assert!(heard.try_recv().is_none());
}

#[test]
fn a_sentence_in_the_ring_is_reported_and_one_whose_packets_stop_too() {
    let Some(speech) = speech() else { return };
    let epoch = Instant::now();
    let (reporter, mut heard) = reports();
    let (mut taps, thread) = start(1, epoch, EarKind::default(), reporter).unwrap();
    let leg = LegId(5);
    taps[0].begin(leg);
    for (n, samples) in speech.chunks_exact(FRAME_SAMPLES).enumerate().take(60) {
        say(&mut taps[0], leg, n, samples);
    }
    assert!(matches!(heard.blocking_recv(), Some(Report::SpeechStarted { leg: LegId(5), .. })));
    assert!(matches!(heard.blocking_recv(), Some(Report::SpeechEnded { leg: LegId(5), .. })));
    taps[0].end(leg);
    drop(taps);
    thread.join().unwrap();
    assert!(heard.blocking_recv().is_none());
}
