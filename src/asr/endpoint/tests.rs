use super::*;
use crate::limits::SPEECH_HANGOVER;

const QUIET: (f32, f32) = (0.05, -60.0);
const LOUD: (f32, f32) = (0.9, -20.0);

fn run(frames: impl IntoIterator<Item = (f32, f32)>, played: Option<Loudness>) -> Vec<(u64, Turn)> {
    let (mut e, mut all) = (Endpointer::new(SPEECH_HANGOVER), Vec::new());
    for (n, (p, db)) in frames.into_iter().enumerate() {
        let mut out = Vec::new();
        e.step(Now(n as u64 * 20_000), p, Loudness(db), played, &mut out);
        all.extend(out.into_iter().map(|t| (n as u64 * 20, t)));
    }
    all
}

fn sequence(parts: &[((f32, f32), usize)]) -> impl Iterator<Item = (f32, f32)> {
    parts.iter().flat_map(|&(f, n)| std::iter::repeat_n(f, n))
}

#[test]
fn a_sentence_has_its_beginning_and_its_end_with_the_times_they_were() {
    let t = run(sequence(&[(QUIET, 50), (LOUD, 50), (QUIET, 50)]), None);
    let (started, ended) = (Now(1_000_000), Now(2_000_000));
    assert_eq!(
        t,
        [
            (1040, Turn::Started { at: started, frames: 3 }),
            (2180, Turn::Paused { ended, silent: 10 }),
            (2580, Turn::Ended { started, ended, silent: 30 })
        ]
    );
}

#[test]
fn a_pause_shorter_than_the_hangover_does_not_end_a_sentence() {
    let t = run(sequence(&[(QUIET, 10), (LOUD, 20), (QUIET, 29), (LOUD, 20), (QUIET, 40)]), None);
    let (pauses, resumed) = (t.iter().filter(|(_, t)| matches!(t, Turn::Paused { .. })).count(), t[2]);
    assert_eq!((t.len(), pauses, resumed), (5, 2, (1180, Turn::Resumed)));
}

#[test]
fn a_sentence_is_waited_for_as_long_as_what_was_asked_for_takes() {
    for (wait, ends) in [(400, 1), (1000, 0)] {
        let (mut e, mut out) = (Endpointer::new(SPEECH_HANGOVER), Vec::new());
        e.wait(Duration::from_millis(wait));
        let frames = sequence(&[(LOUD, 20), (QUIET, 45), (LOUD, 20)]);
        for (n, (p, db)) in frames.enumerate() {
            e.step(Now(n as u64 * 20_000), p, Loudness(db), None, &mut out);
        }
        let ended = out.iter().filter(|t| matches!(t, Turn::Ended { .. })).count();
        assert_eq!(ended, ends, "{wait} ms");
    }
}

#[test]
fn a_gap_between_words_is_no_pause() {
    assert_eq!(run(sequence(&[(QUIET, 10), (LOUD, 20), (QUIET, 9), (LOUD, 20)]), None).len(), 1);
}

#[test]
fn a_click_begins_nothing() {
    assert!(run(sequence(&[(QUIET, 10), (LOUD, 2), (QUIET, 10), (LOUD, 2), (QUIET, 10)]), None).is_empty());
}

#[test]
fn a_gap_of_one_frame_within_the_first_sound_costs_no_more_than_that_frame() {
    for (gap, begins) in [(1, Some(260)), (2, None)] {
        let t = run(sequence(&[(QUIET, 10), (LOUD, 2), (QUIET, gap), (LOUD, 1), (QUIET, 5)]), None);
        assert_eq!(t.first().map(|(at, _)| *at), begins, "{t:?}");
        let at = Now(200_000);
        assert!(begins.is_none() || t[0].1 == Turn::Started { at, frames: 4 }, "{t:?}");
    }
}

#[test]
fn noise_that_the_detector_takes_for_speech_is_below_the_gate() {
    let t = run(sequence(&[((0.1, -45.0), 200), ((0.8, -41.0), 100)]), None);
    assert!(t.is_empty());
}

#[test]
fn steady_noise_that_the_detector_takes_for_speech_is_noticed_and_who_speaks_in_it_is_heard() {
    let mut rng = fastrand::Rng::with_seed(3);
    let mut noise = |n: usize| -> Vec<_> { (0..n).map(|_| (0.8, -30.0 + rng.f32())).collect() };
    let line = [noise(200), vec![LOUD; 40], noise(50), sequence(&[(QUIET, 100)]).collect()].concat();
    let turns: Vec<_> = run(line, None).into_iter().map(|(_, turn)| turn).collect();
    let ends = turns.iter().filter_map(|turn| match turn {
        Turn::Ended { started, ended, .. } => Some((started.0 / 1000, ended.0 / 1000)),
        _ => None,
    });
    assert!(matches!(ends.collect::<Vec<_>>()[..], [(0, 1000..1900), (4000, 4800)]), "{turns:?}");
}

#[test]
fn our_echo_begins_nothing_while_we_play_and_a_caller_who_speaks_up_does() {
    let played = Some(Loudness(-16.0));
    for echo in [(0.9, -44.0), (0.9, -33.0)] {
        assert!(run(sequence(&[(QUIET, 20), (echo, 100)]), played).is_empty());
        assert!(!run(sequence(&[(QUIET, 20), (echo, 100)]), None).is_empty());
        assert_eq!(run(sequence(&[(QUIET, 20), (echo, 50), (LOUD, 3)]), played).len(), 1);
    }
}

#[test]
fn a_quiet_caller_is_heard_over_a_prompt_on_a_line_without_echo() {
    let (played, quiet_caller) = (Some(Loudness(-14.0)), (0.9, -36.0));
    assert!(run(sequence(&[(QUIET, 20), (quiet_caller, 10)]), played).is_empty(), "it may be echo");
    assert_eq!(run(sequence(&[(QUIET, 150), (quiet_caller, 10)]), played).len(), 1);
}

#[test]
fn an_echo_is_below_the_gate_however_long_the_prompt_and_its_pauses() {
    let (played, echo) = (Some(Loudness(-14.0)), (0.9, -33.0));
    let words: Vec<_> = sequence(&[(echo, 12), (QUIET, 12)]).collect();
    assert!(run(words.repeat(40), played).is_empty());
}

#[test]
fn a_sentence_without_end_is_ended() {
    let words = sequence(&[(LOUD, 20), ((0.9, -35.0), 5)]).collect::<Vec<_>>().repeat(28);
    let t = run(words, None);
    assert_eq!(t[1].0 + 20, UTTERANCE_MAX.as_millis() as u64);
}

#[test]
fn a_sentence_whose_packets_stop_is_closed_by_its_deadline() {
    let (mut e, mut out) = (Endpointer::new(SPEECH_HANGOVER), Vec::new());
    assert_eq!(e.deadline(), None);
    (0..3).for_each(|n| e.step(Now(n * 20_000), 0.9, Loudness(-20.0), None, &mut out));
    let due = e.deadline().unwrap();
    e.timeout(Now(due.0 - 1), &mut out);
    assert_eq!(out.len(), 1);
    e.timeout(due, &mut out);
    assert_eq!(out[1], Turn::Ended { started: Now(0), ended: Now(60_000), silent: 0 });
    assert_eq!(e.deadline(), None);
}
