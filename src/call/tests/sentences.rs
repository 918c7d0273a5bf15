//! What is made for one call is heard sentence by sentence, the first as soon as it is rendered.

use super::world::{CALLER, PHONE, World, ended};
use super::*;
use crate::base::Lang;

const FIRST: &str = "You are calling about a transfer: the amount 50 dollars; to account one two three four, five six seven eight.";
const LAST: &str = "Is that right?";

/// A call to the bank in which values have been given and are about to be read back, nothing of which is rendered.
fn read_back() -> World {
    let mut w = World::new();
    w.dial("95500", PHONE);
    w.event(Event::Acknowledged { leg: CALLER, sdp: b"".as_slice().into() });
    w.prompt_ends();
    w.renders = false;
    w.speak("send fifty dollars to account 12345678");
    w
}

/// What has been asked of the voice for this call, and how many play-outs to the caller have begun since the read-back.
fn seen(w: &World) -> (Vec<&str>, usize) {
    let mut seen = (Vec::new(), 0);
    for o in &w.log {
        match o {
            Output::Render { text, keep: false, .. } => seen.0.push(text.as_str()),
            Output::Media(Media::Play { leg, .. }) if *leg == CALLER && !seen.0.is_empty() => seen.1 += 1,
            _ => {}
        }
    }
    seen
}

/// How often it is in the record that the caller is read back to.
fn told(w: &World) -> usize {
    let told = |o: &&Output| {
        matches!(o, Output::Moment { at, .. }
        if matches!(&at.moment, Moment::Saying { text, personal: true } if *text == format!("{FIRST} {LAST}")))
    };
    w.log.iter().filter(told).count()
}

#[test]
fn the_first_sentence_is_heard_before_the_next_is_rendered_and_all_are_heard_in_order() {
    let mut w = read_back();
    assert_eq!(seen(&w), (vec![FIRST], 0));
    w.rendered((Lang::En, false), FIRST);
    assert_eq!((seen(&w), told(&w)), ((vec![FIRST, LAST], 1), 1));
    w.rendered((Lang::En, false), LAST);
    assert_eq!(seen(&w).1, 1, "the first is heard to its end");
    w.prompt_ends();
    assert_eq!((seen(&w).1, told(&w)), (2, 1));
    w.prompt_ends();
    w.renders = true;
    w.speak("yes");
    w.event(ended(CALLER, EndCause::PeerHungUp));
    assert_eq!(w.record().turns.len(), 2);
}

#[test]
fn a_sentence_that_is_late_is_heard_when_it_is_there_and_one_that_does_not_come_is_left_out() {
    let mut w = read_back();
    w.rendered((Lang::En, false), FIRST);
    w.later(4);
    w.prompt_ends();
    w.later(4);
    assert_eq!(seen(&w).1, 1, "it is waited for from the end of the first");
    w.rendered((Lang::En, false), LAST);
    assert_eq!(seen(&w).1, 2);
    let mut w = read_back();
    w.rendered((Lang::En, false), FIRST);
    w.prompt_ends();
    let silent = |w: &World| w.log.iter().filter(|o| matches!(o, Output::Media(Media::Play { .. }))).count();
    let before = silent(&w);
    w.renders = true;
    w.later(15);
    assert!(silent(&w) > before, "the dialogue goes on without it");
}

#[test]
fn what_is_not_rendered_when_the_caller_interrupts_is_never_asked_for() {
    let mut w = read_back();
    w.give(Input::Media(Report::Digit { leg: CALLER, digit: '1', at: w.now }));
    w.rendered((Lang::En, false), FIRST);
    assert_eq!(seen(&w).0.iter().filter(|text| **text == LAST).count(), 0, "{:?}", seen(&w));
}

#[test]
fn a_nod_between_two_sentences_or_within_the_first_is_no_yes_and_the_rest_follows() {
    for between in [false, true] {
        let mut w = read_back();
        // All but the end of the first sentence has been heard.
        w.stops_at = (3000, 100);
        w.rendered((Lang::En, false), FIRST);
        if between {
            w.prompt_ends();
        }
        w.speak("uh-huh");
        w.rendered((Lang::En, false), LAST);
        assert!(w.playing.is_some());
        let skipped = w.log.iter().rev().find_map(|o| match o {
            Output::Media(Media::Play { leg, skip_ms, .. }) if *leg == CALLER => Some(*skip_ms),
            _ => None,
        });
        assert_eq!(skipped, Some(if between { 0 } else { 2500 }));
        w.event(ended(CALLER, EndCause::PeerHungUp));
        let last = w.record().turns.pop().unwrap();
        assert_eq!(last.turn.understood, crate::ivr::Understood::BackChannel);
    }
}
