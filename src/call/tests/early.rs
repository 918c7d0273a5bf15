//! Sentences that are written down before they are certainly over.

use super::world::{CALLER, PHONE, World, ended};
use super::*;
use crate::base::Answer;
use crate::ivr::Heard;
use std::time::Duration;

fn pauses(w: &mut World) -> (CallId, u32) {
    let (at, samples) = (w.now, vec![0; 8000].into());
    w.give(Input::Media(Report::SpeechStarted { leg: CALLER, began: at, at }));
    w.give(Input::Media(Report::SpeechPaused { leg: CALLER, speech_ended_at: at, at, samples }));
    asked(w).expect("written down already")
}

fn asked(w: &World) -> Option<(CallId, u32)> {
    w.log.iter().rev().find_map(|o| match o {
        Output::Recognise { call, utterance, .. } => Some((*call, *utterance)),
        _ => None,
    })
}

fn ends(w: &mut World) {
    let (at, samples) = (w.now, vec![0; 8000].into());
    let ended = Report::SpeechEnded { leg: CALLER, speech_started_at: at, speech_ended_at: at, at, samples };
    w.give(Input::Media(ended));
}

fn recognised(w: &mut World, (call, utterance): (CallId, u32), text: &str) {
    let waited = Duration::ZERO;
    w.give(Input::Recognised { call, utterance, waited, heard: Ok(Heard::new(text, 0.9)) });
}

fn turns(mut w: World) -> Vec<(String, crate::ivr::Understood)> {
    w.event(ended(CALLER, EndCause::PeerHungUp));
    w.record().turns.iter().map(|t| (t.turn.heard.reveal().clone(), t.turn.understood)).collect()
}

fn listens_anew(w: &World) -> usize {
    let on = |o: &&Output| matches!(o, Output::Media(Media::Listen { on: true, .. }));
    w.log.iter().filter(on).count()
}

#[test]
fn a_request_that_is_clear_is_carried_out_before_the_hang_over_is_over() {
    let mut w = World::new();
    w.call();
    let first = pauses(&mut w);
    recognised(&mut w, first, "我家停水了");
    assert_eq!(listens_anew(&w), 2, "what is said from now on is another sentence");
    let turns = turns(w);
    assert_eq!(turns.len(), 1);
    assert_eq!(turns[0].1, crate::ivr::Understood::Acted);
}

#[test]
fn the_ear_is_told_what_was_asked_for() {
    let mut w = World::new();
    w.dial("95500", PHONE);
    w.event(Event::Acknowledged { leg: CALLER, sdp: b"".as_slice().into() });
    let expects = |w: &mut World, text: &str| {
        w.prompt_ends();
        w.speak(text);
        w.log.iter().rev().find_map(|o| match o {
            Output::Media(Media::Expect { expected, .. }) => Some(expected.answer),
            _ => None,
        })
    };
    assert_eq!(expects(&mut w, "I want to send money"), Some(Answer::Value));
    assert_eq!(expects(&mut w, "fifty dollars"), Some(Answer::Digits));
    assert_eq!(expects(&mut w, "12345678"), Some(Answer::YesNo));
    let before = w.log.iter().filter(|o| matches!(o, Output::Media(Media::Expect { .. }))).count();
    w.prompt_ends();
    w.speak("purple monkey dishwasher");
    let after = w.log.iter().filter(|o| matches!(o, Output::Media(Media::Expect { .. }))).count();
    assert_eq!(before, after, "nothing else is expected, and it is not told again");
}

#[test]
fn what_is_not_clear_waits_for_the_end_and_is_not_written_down_twice() {
    let mut w = World::new();
    w.call();
    let first = pauses(&mut w);
    recognised(&mut w, first, "嗯我想");
    assert_eq!(listens_anew(&w), 1);
    ends(&mut w);
    assert_eq!(asked(&w), Some(first));
    assert_eq!(turns(w).len(), 1);
    // The other way round: the end comes first.
    let mut w = World::new();
    w.call();
    let first = pauses(&mut w);
    ends(&mut w);
    assert_eq!(asked(&w), Some(first));
    recognised(&mut w, first, "我家停水了");
    assert_eq!(turns(w).len(), 1);
}

#[test]
fn who_goes_on_speaking_is_heard_to_the_end() {
    let mut w = World::new();
    w.call();
    let first = pauses(&mut w);
    w.give(Input::Media(Report::SpeechResumed { leg: CALLER }));
    recognised(&mut w, first, "我家停水了");
    ends(&mut w);
    let whole = asked(&w).unwrap();
    assert_ne!(whole, first);
    recognised(&mut w, whole, "我家停水了不对是停电");
    let turns = turns(w);
    assert_eq!((turns.len(), turns[0].0.as_str()), (1, "我家停水了不对是停电"));
}

#[test]
fn a_recogniser_without_room_for_it_is_asked_again_at_the_end() {
    let mut w = World::new();
    w.call();
    let (call, utterance) = pauses(&mut w);
    w.give(Input::Recognised { call, utterance, waited: Duration::ZERO, heard: Err(NotHeard::Unavailable) });
    ends(&mut w);
    let again = asked(&w).unwrap();
    assert_ne!(again, (call, utterance));
    recognised(&mut w, again, "我家停水了");
    assert_eq!(turns(w).len(), 1);
}

#[test]
fn a_sentence_that_ends_elsewhere_than_it_paused_is_written_down_whole() {
    let mut w = World::new();
    w.call();
    let first = pauses(&mut w);
    recognised(&mut w, first, "嗯");
    w.later(1);
    ends(&mut w);
    assert_ne!(asked(&w), Some(first));
    let whole = asked(&w).unwrap();
    recognised(&mut w, whole, "我家停水了");
    assert_eq!(turns(w).len(), 1);
}

#[test]
fn a_key_counts_and_not_what_was_being_written_down() {
    let mut w = World::new();
    w.call();
    let first = pauses(&mut w);
    let at = w.now;
    w.give(Input::Media(Report::Digit { leg: CALLER, digit: '*', at }));
    let before = listens_anew(&w);
    recognised(&mut w, first, "我家停水了");
    assert_eq!(listens_anew(&w), before);
    assert!(turns(w).iter().all(|(heard, _)| heard != "我家停水了"));
}
