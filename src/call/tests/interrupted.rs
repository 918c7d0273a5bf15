//! A prompt that was stopped by no more than a nod goes on where it was.

use super::world::{CALLER, World, ended};
use super::*;
use crate::ivr::Understood;

/// The newest play-out to the caller: its prompts, and how much of them is left out.
fn plays(w: &World) -> (Vec<Arc<crate::media::Prompt>>, u64) {
    let play = w.log.iter().rev().find_map(|o| match o {
        Output::Media(Media::Play { leg, prompts, skip_ms, .. }) if *leg == CALLER => {
            Some((prompts.clone(), *skip_ms))
        }
        _ => None,
    });
    play.expect("something is said")
}

#[test]
fn a_prompt_goes_on_half_a_second_before_where_a_nod_has_stopped_it() {
    let mut w = World::new();
    w.stops_at = (2300, 4000);
    w.call();
    let (greeting, from) = plays(&w);
    assert_eq!(from, 0);
    w.speak("嗯");
    let (again, from) = plays(&w);
    assert_eq!(from, 1800);
    assert!(greeting.iter().zip(&again).all(|(a, b)| Arc::ptr_eq(a, b)), "nothing is copied");
    // Stopped once more: what is counted is the whole prompt.
    w.stops_at = (300, 6000);
    w.hear(Err(NotHeard::Empty));
    assert_eq!(plays(&w).1, 0);
    w.prompt_ends();
    w.speak("我家停水了");
    w.event(ended(CALLER, EndCause::PeerHungUp));
    let turns: Vec<_> = w.record().turns.iter().map(|t| t.turn.understood).collect();
    assert_eq!(turns, [Understood::BackChannel, Understood::BackChannel, Understood::Acted]);
}

#[test]
fn a_key_or_a_request_in_between_leaves_nothing_to_go_on_with() {
    let mut w = World::new();
    w.stops_at = (2300, 4000);
    w.call();
    let at = w.now;
    w.give(Input::Media(Report::SpeechStarted { leg: CALLER, began: at, at }));
    w.give(Input::Media(Report::Digit { leg: CALLER, digit: '*', at }));
    assert_eq!(plays(&w).1, 0, "repeated from the beginning");
    w.prompt_ends();
    w.speak("几点开门");
    assert_eq!(plays(&w).1, 0);
    w.event(ended(CALLER, EndCause::PeerHungUp));
    w.record();
}
