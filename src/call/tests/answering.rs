//! How long callers wait for an answer, part by part.

use super::world::{CALLER, World, ended};
use super::*;
use crate::call::{Answers, Gap};
use crate::ivr::Heard;
use std::time::Duration;

const WAITED: Duration = Duration::from_millis(30);

fn after(w: &mut World, ms: u64) {
    w.now = w.now + Duration::from_millis(ms);
}

fn recognised(w: &mut World, text: &str) {
    let (call, utterance) = w
        .log
        .iter()
        .rev()
        .find_map(|o| match o {
            Output::Recognise { call, utterance, .. } => Some((*call, *utterance)),
            _ => None,
        })
        .unwrap();
    w.give(Input::Recognised { call, utterance, waited: WAITED, heard: Ok(Heard::new(text, 0.9)) });
}

/// Speaks over the greeting: pauses, is written down in `decoding` ms, and the hang-over of 600 ms ends.
fn speaks(w: &mut World, text: &str, decoding: u64) -> Cdr {
    w.call();
    let began = w.now;
    after(w, 60);
    w.give(Input::Media(Report::SpeechStarted { leg: CALLER, began, at: w.now }));
    after(w, 940);
    let (ended_at, samples): (_, Arc<[i16]>) = (w.now, vec![0; 8000].into());
    after(w, 200);
    let paused =
        Report::SpeechPaused { leg: CALLER, speech_ended_at: ended_at, at: w.now, samples: samples.clone() };
    w.give(Input::Media(paused));
    let over = Report::SpeechEnded {
        leg: CALLER,
        speech_started_at: began,
        speech_ended_at: ended_at,
        at: ended_at + Duration::from_millis(600),
        samples,
    };
    let (first, second) = (decoding.min(400), decoding.saturating_sub(400));
    after(w, first);
    if second == 0 {
        recognised(w, text);
    }
    after(w, 400 - first);
    w.give(Input::Media(over));
    if second > 0 {
        after(w, second);
        recognised(w, text);
    }
    w.event(ended(CALLER, EndCause::PeerHungUp));
    w.record()
}

#[test]
fn a_gap_is_told_by_its_parts_and_they_add_up() {
    for (text, decoding, gap) in [
        // Clear at once: only the pause and the recogniser.
        ("我家停水了", 100, Gap { hangover_ms: 200, recogniser_ms: 100, ..Gap::default() }),
        // Not clear, and written down before the hang-over was over.
        ("我想说一下", 100, Gap { hangover_ms: 600, ..Gap::default() }),
        // Waited for.
        ("我家停水了", 700, Gap { hangover_ms: 600, recogniser_ms: 300, ..Gap::default() }),
    ] {
        let cdr = speaks(&mut World::new(), text, decoding);
        let turn = &cdr.turns[0];
        assert_eq!(turn.gap, Some(gap), "{text} {decoding}");
        assert_eq!(turn.gap_ms, Some(gap.hangover_ms + gap.recogniser_ms));
        assert_eq!(
            (turn.speech_ms, turn.recognise_ms, turn.queued_ms, turn.barge_in_ms),
            (Some(1000), Some(decoding), Some(30), Some(60))
        );
    }
}

#[test]
fn what_a_step_took_is_understanding_and_not_sending() {
    let mut w = World::new();
    let mut out = Vec::new();
    w.call();
    w.prompt_ends();
    let (at, samples) = (w.now, vec![0; 8000].into());
    w.give(Input::Media(Report::SpeechStarted { leg: CALLER, began: at, at }));
    let over = Report::SpeechEnded { leg: CALLER, speech_started_at: at, speech_ended_at: at, at, samples };
    w.give(Input::Media(over));
    let (call, utterance) = (CallId(1), 1);
    let heard = Ok(Heard::new("我家停水了", 0.9));
    w.switch.step(w.now, Input::Recognised { call, utterance, waited: WAITED, heard }, &mut out);
    w.switch.took(Duration::from_millis(7));
    after(&mut w, 20);
    w.obey(out);
    w.event(ended(CALLER, EndCause::PeerHungUp));
    let gap = w.record().turns[0].gap.unwrap();
    assert_eq!((gap.understanding_ms, gap.sending_ms), (7, 13));
}

#[test]
fn the_figures_have_every_turn_and_no_more_memory_for_more_of_them() {
    let mut answers = Answers::default();
    for decoding in [100, 700] {
        answers.add(&speaks(&mut World::new(), "我家停水了", decoding));
    }
    let told = answers.measured();
    let of = |what: &str| told.iter().find(|m| m.what == what).unwrap();
    assert_eq!(
        (of("gap").count, of("gap").p50.abs_diff(300) < 5, of("gap").max.abs_diff(900) < 9),
        (2, true, true)
    );
    assert_eq!((of("hang-over").count, of("barge-in").p50), (2, 60));
    assert!(of("real-time factor, ‰").max.abs_diff(670) < 7, "the time it waited is not the model's");
    assert_eq!(of("waiting for a recogniser").p50, 30);
}
