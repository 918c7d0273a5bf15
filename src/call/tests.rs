//! The teardown table, row by row, and the ways of a call between its neighbours.

mod acd;
mod answering;
mod early;
mod interrupted;
mod peers;
mod replace;
mod sentences;
mod signed;
mod srtp;
mod tape;
mod trunks;
mod values;
mod waiting;
mod world;

use super::*;
use crate::acd::State;
use crate::base::{CallId, Lang, LegId};
use crate::ivr::NotHeard;
use crate::media::{Command as Media, Report};
use crate::sip::{Command as Sip, EndCause, Event};
use std::sync::Arc;
use world::{CALLER, PHONE, World, ended};

#[test]
fn row_caller_before_the_answer() {
    let mut w = World::new();
    w.dial("12345", PHONE);
    w.event(ended(CALLER, EndCause::PeerCancelled));
    assert_eq!(w.closed, [CALLER]);
    let cdr = w.record();
    assert_eq!((cdr.result, cdr.ended_by), (Result::NotAnswered, EndedBy::Caller));
}

#[test]
fn row_caller_in_the_dialogue() {
    let mut w = World::new();
    w.call();
    w.event(ended(CALLER, EndCause::PeerHungUp));
    assert_eq!(w.record().result, Result::LeftInDialog);
}

#[test]
fn row_caller_waiting() {
    let mut w = World::new();
    w.call();
    w.speak("我家停水了");
    w.event(ended(CALLER, EndCause::PeerHungUp));
    let cdr = w.record();
    assert_eq!((cdr.result, cdr.intent.as_deref()), (Result::Abandoned, Some("water")));
}

#[test]
fn row_caller_while_a_phone_rings() {
    let mut w = World::new();
    w.register("1001");
    w.call();
    w.speak("我家停水了");
    let agent = w.invited.unwrap();
    w.event(ended(CALLER, EndCause::PeerHungUp));
    assert!(w.hung_up.contains(&agent), "the phone stops ringing");
    assert_eq!(w.state("1001"), State::Ready);
    assert_eq!(w.record().result, Result::Abandoned);
}

#[test]
fn row_caller_talking() {
    let mut w = World::new();
    w.register("1001");
    w.call();
    w.speak("我家停水了");
    let agent = w.answer();
    w.later(30);
    w.event(ended(CALLER, EndCause::PeerHungUp));
    assert!(w.hung_up.contains(&agent) && w.closed.contains(&agent));
    assert_eq!(w.state("1001"), State::WrapUp);
    w.later(6);
    let cdr = w.record();
    assert_eq!(
        (cdr.result, cdr.ended_by, cdr.agent.as_deref()),
        (Result::Connected, EndedBy::Caller, Some("1001"))
    );
    assert!(cdr.talk_ms >= 30_000);
    assert_eq!(cdr.legs.len(), 2);
    assert_eq!(cdr.decisions[0].chosen, "1001");
}

#[test]
fn row_agent_rejects_and_the_caller_waits_on() {
    let mut w = World::new();
    w.register("1001");
    w.call();
    w.speak("我家停水了");
    let agent = w.invited.take().unwrap();
    w.event(ended(agent, EndCause::Refused { status: 603, reason: "Decline".into() }));
    assert!(w.closed.contains(&agent) && !w.hung_up.contains(&CALLER));
    w.later(11);
    assert_ne!(w.answer(), agent, "offered again, on a new leg");
    w.event(ended(CALLER, EndCause::PeerHungUp));
    assert_eq!(w.record().result, Result::Connected);
}

#[test]
fn row_agent_does_not_answer() {
    let mut w = World::new();
    w.register("1001");
    w.call();
    w.speak("我家停水了");
    let agent = w.invited.unwrap();
    w.later(16);
    assert!(w.hung_up.contains(&agent), "CANCEL after ring_s");
    assert!(matches!(w.state("1001"), State::NotReady(_)));
    w.event(ended(agent, EndCause::WeHungUp));
    w.event(ended(CALLER, EndCause::PeerHungUp));
    assert_eq!(w.record().result, Result::Abandoned);
}

#[test]
fn row_agent_talking() {
    let mut w = World::new();
    w.register("1001");
    w.call();
    w.speak("我家停水了");
    let agent = w.answer();
    w.event(ended(agent, EndCause::PeerHungUp));
    assert!(w.hung_up.contains(&CALLER));
    let cdr = w.record();
    assert_eq!((cdr.result, cdr.ended_by), (Result::Connected, EndedBy::Agent));
}

#[test]
fn row_the_line_says_goodbye() {
    let mut w = World::new();
    w.call();
    w.speak("几点开门");
    w.speak("没有了");
    assert!(!w.hung_up.contains(&CALLER), "not before the last word");
    w.prompt_ends();
    assert!(w.hung_up.contains(&CALLER));
    let cdr = w.record();
    assert_eq!((cdr.result, cdr.ended_by), (Result::Served, EndedBy::Line));
}

#[test]
fn row_nobody_came() {
    let mut w = World::new();
    w.call();
    w.speak("人工");
    w.prompt_ends();
    w.later(601);
    w.prompt_ends();
    let cdr = w.record();
    assert_eq!((cdr.result, cdr.ended_by), (Result::NobodyFree, EndedBy::Line));
    assert!(cdr.wait_ms >= 600_000);
}

#[test]
fn row_no_port_and_row_bad_offer() {
    let refusal = |w: &World| {
        w.log
            .iter()
            .find_map(|o| if let Output::Sip(Sip::Refuse { status, .. }) = o { Some(*status) } else { None })
    };
    let mut w = World::new();
    w.ports = false;
    w.dial("12345", PHONE);
    assert_eq!(refusal(&w), Some(503));
    assert_eq!(w.record().result, Result::NotAnswered);
    let mut w = World::new();
    w.dial("12345", b"v=0\r\nm=audio 4000 RTP/AVP 18\r\n");
    assert_eq!(refusal(&w), Some(488));
    assert_eq!(w.record().result, Result::NotAnswered);
    let mut w = World::new();
    w.dial("999", PHONE);
    w.give(Input::Drain);
    assert_eq!(refusal(&w), Some(404));
    w.log.clear();
    w.dial("12345", PHONE);
    assert_eq!(refusal(&w), Some(503));
}

#[test]
fn a_caller_who_owes_the_answer_and_sends_none_is_not_left_in_silence() {
    let mut w = World::new();
    w.dial("12345", b"");
    w.event(Event::Acknowledged { leg: CALLER, sdp: b"".as_slice().into() });
    assert!(w.hung_up.contains(&CALLER));
    assert_eq!(w.record().result, Result::Failed);
    let mut w = World::new();
    w.dial("12345", b"");
    w.event(Event::Acknowledged { leg: CALLER, sdp: PHONE.into() });
    assert!(w.playing.is_some(), "the answer came: the line speaks");
}

#[test]
fn a_port_that_comes_after_the_record_is_given_back() {
    let mut w = World::new();
    w.dial("12345", PHONE);
    let mut out = Vec::new();
    let late = LegId(99);
    w.switch.step(w.now, Input::Opened { leg: late, addr: Some(([127, 0, 0, 1], 20_002).into()) }, &mut out);
    assert!(matches!(out[..], [Output::Media(Media::Close { leg })] if leg == late));
    out.clear();
    w.switch.step(w.now, Input::Opened { leg: late, addr: None }, &mut out);
    assert!(out.is_empty());
}

#[test]
fn row_a_stream_is_lost_or_fails() {
    for agent_side in [false, true] {
        let mut w = World::new();
        w.register("1001");
        w.call();
        w.speak("我家停水了");
        let agent = w.answer();
        let leg = if agent_side { agent } else { CALLER };
        w.give(Input::Media(Report::Lost { leg, at: w.now }));
        assert!(w.hung_up.contains(&CALLER) && w.hung_up.contains(&agent));
        assert_eq!(w.record().result, Result::Failed);
    }
}

#[test]
fn row_a_fault_of_a_ringing_phones_leg_costs_the_caller_nothing() {
    let mut w = World::new();
    w.register("1001");
    w.call();
    w.speak("我家停水了");
    let agent = w.invited.take().unwrap();
    w.give(Input::Media(Report::Fault { leg: agent, what: "x".into() }));
    assert!(w.hung_up.contains(&agent) && w.closed.contains(&agent) && !w.hung_up.contains(&CALLER));
    w.give(Input::Media(Report::Fault { leg: agent, what: "late".into() }));
    w.later(11);
    assert_ne!(w.answer(), agent, "offered again, on a new leg");
    w.event(ended(CALLER, EndCause::PeerHungUp));
    assert_eq!(w.record().result, Result::Connected);
}

#[test]
fn row_the_server_stops() {
    let mut w = World::new();
    w.register("1001");
    w.call();
    w.speak("我家停水了");
    w.give(Input::EndAll);
    assert!(w.hung_up.contains(&CALLER));
    assert_eq!(w.record().result, Result::Failed);
}

#[test]
fn speech_stops_the_prompt_and_a_hold_turns_the_bridge_into_music() {
    let mut w = World::new();
    w.register("1001");
    w.call();
    w.speak("我家停水了");
    assert!(w.log.iter().any(|o| matches!(o, Output::Media(Media::Stop { leg: CALLER }))), "barge-in");
    w.answer();
    w.log.clear();
    let hold = b"v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=sendonly\r\n";
    w.event(Event::Offer { leg: w.invited.unwrap(), sdp: hold.as_slice().into() });
    assert!(w.log.iter().any(|o| matches!(o, Output::Media(Media::Unbridge { .. }))));
    assert!(w.log.iter().any(|o| matches!(o, Output::Media(Media::Play { leg: CALLER, repeat: true, .. }))));
    w.event(Event::Offer { leg: w.invited.unwrap(), sdp: PHONE.into() });
    assert!(w.log.iter().any(|o| matches!(o, Output::Media(Media::Bridge { .. }))));
    w.event(ended(CALLER, EndCause::PeerHungUp));
    assert_eq!(w.record().result, Result::Connected);
}

#[test]
fn an_agent_who_answers_at_once_does_not_cut_the_words_to_the_caller() {
    let mut w = World::new();
    w.register("1001");
    w.call();
    w.speak("我家停水了");
    let leg = w.invited.unwrap();
    w.event(Event::Answered { leg, sdp: PHONE.into() });
    let bridged = |w: &World| w.log.iter().any(|o| matches!(o, Output::Media(Media::Bridge { .. })));
    assert!(!bridged(&w));
    w.prompt_ends();
    assert!(bridged(&w));
    w.event(ended(CALLER, EndCause::PeerHungUp));
    assert_eq!(w.record().result, Result::Connected);
}

#[test]
fn a_silent_recogniser_leads_to_keys_and_a_key_to_the_queue() {
    let mut w = World::new();
    w.call();
    w.hear(Err(NotHeard::Unavailable));
    w.give(Input::Media(Report::Digit { leg: CALLER, digit: '1', at: w.now }));
    w.event(ended(CALLER, EndCause::PeerHungUp));
    let cdr = w.record();
    assert_eq!((cdr.queue.as_deref(), cdr.turns.len()), (Some("city-repair"), 2));
}

#[test]
fn a_recogniser_that_never_answers_does_not_hold_the_call() {
    let mut w = World::new();
    w.call();
    let at = w.now;
    w.give(Input::Media(Report::SpeechStarted { leg: CALLER, began: at, at }));
    let samples: Arc<[i16]> = vec![0; 8000].into();
    w.give(Input::Media(Report::SpeechEnded {
        leg: CALLER,
        speech_started_at: at,
        speech_ended_at: at,
        at,
        samples,
    }));
    w.later(5);
    w.event(ended(CALLER, EndCause::PeerHungUp));
    assert_eq!(w.record().turns[0].turn.understood, crate::ivr::Understood::Unavailable);
}

#[test]
fn the_record_survives_json() {
    let mut w = World::new();
    w.register("1001");
    w.call();
    w.speak("我家停水了");
    w.answer();
    w.event(ended(CALLER, EndCause::PeerHungUp));
    let cdr = w.record();
    let json = serde_json::to_string(&cdr).unwrap();
    assert_eq!(serde_json::from_str::<Cdr>(&json).unwrap(), cdr);
    assert_eq!(cdr.turns[0].turn.lang, Lang::Zh);
}
