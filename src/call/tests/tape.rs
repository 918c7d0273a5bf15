//! What is left out of a recording, and what becomes of it.

use super::world::{CALLER, PHONE, World, ended};
use super::*;
use crate::media::Taping;

/// A call to the bank that is recorded, as far as its greeting.
fn recorded() -> World {
    let mut w = World::new();
    w.switch.shared.recordings = Some("recordings".into());
    w.register("1002");
    w.dial("95500", PHONE);
    w.event(Event::Acknowledged { leg: CALLER, sdp: b"".as_slice().into() });
    w.prompt_ends();
    assert!(w.log.iter().any(|o| matches!(o, Output::Media(Media::Record { leg: CALLER, .. }))));
    w
}

/// What the media plane was told.
fn told(w: &World) -> Vec<Taping> {
    let taping = |o: &Output| match o {
        Output::Media(Media::Tape { leg: CALLER, taping }) => Some(*taping),
        _ => None,
    };
    w.log.iter().filter_map(taping).collect()
}

fn tape(w: &mut World, taping: Taping) -> std::result::Result<(), String> {
    let mut out = Vec::new();
    let done = w.switch.tape(w.now, CallId(1), taping, &mut out);
    w.log.extend(out);
    done
}

#[test]
fn while_a_request_with_a_secret_is_filled_the_recording_is_masked() {
    let mut w = recorded();
    w.speak("I want to transfer money");
    assert_eq!(told(&w), [Taping::Masked]);
    for words in ["two hundred dollars", "12345678", "yes"] {
        w.prompt_ends();
        assert_eq!(told(&w), [Taping::Masked], "before {words}");
        w.speak(words);
    }
    assert_eq!(told(&w), [Taping::Masked, Taping::On]);
    w.event(ended(CALLER, EndCause::PeerHungUp));
    let states = w.record().moments.into_iter().filter(|m| matches!(m.moment, Moment::Recording { .. }));
    assert_eq!(states.count(), 2);
}

#[test]
fn a_recording_is_paused_and_resumed_by_hand_and_a_call_without_one_is_not() {
    let mut w = recorded();
    assert_eq!(tape(&mut w, Taping::Paused), Ok(()));
    w.speak("I want to transfer money");
    assert_eq!(told(&w), [Taping::Paused], "a pause hides more than a mask");
    assert_eq!(tape(&mut w, Taping::On), Ok(()));
    assert_eq!(told(&w), [Taping::Paused, Taping::Masked], "a secret is being asked for");
    let mut w = World::new();
    w.call();
    assert!(tape(&mut w, Taping::Masked).unwrap_err().contains("not being recorded"));
    assert!(w.switch.tape(w.now, CallId(7), Taping::On, &mut Vec::new()).unwrap_err().contains("no call 7"));
}

#[test]
fn a_full_disk_ends_the_recording_and_not_the_call() {
    let mut w = recorded();
    w.give(Input::Media(Report::Unrecorded { leg: CALLER, what: "No space left on device".into() }));
    assert!(w.log.iter().any(|o| matches!(o, Output::Media(Media::StopRecord { leg: CALLER }))));
    assert_eq!((w.switch.calls(), tape(&mut w, Taping::Masked).is_err()), (1, true));
    w.event(ended(CALLER, EndCause::PeerHungUp));
    let said = |m: &MomentAt| matches!(&m.moment, Moment::RecordingEnded { why } if why.contains("No space"));
    assert!(w.record().moments.iter().any(said));
}
