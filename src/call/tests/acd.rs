//! Transfers, guests, briefing and survey: what happens around a talk.

use super::world::{CALLER, PHONE, World, ended};
use super::*;
use crate::acd::State;
use crate::base::LegId;
use crate::media::{Command as Media, Report};
use crate::sip::{self, Command as Sip, EndCause, Event};

pub(super) const TALK: &str = "我家停水了";
/// What is added to the repair queue of the samples.
pub(super) const QUEUE: &str = "callback = { attempts = 2, gap_s = 60 }\nsurvey = { zh = \"请打分。\", en = \"Your mark?\" }\n\
    briefing = { zh = \"{queue}，{words}\", en = \"{queue}\" }\n";

/// Two agents for everything, and a caller who talks with 1001.
fn talking(extra: &str) -> (World, LegId) {
    let mut w = World::with(extra);
    w.register("1001");
    w.call();
    w.speak(TALK);
    let leg = w.answer();
    w.agent_prompt_ends();
    assert!(matches!(w.state("1001"), State::Talking { .. }));
    w.register("1002");
    (w, leg)
}

fn refer(w: &mut World, leg: LegId, user: &str, replaces: Option<LegId>) -> u16 {
    w.log.clear();
    let to = sip::Refer { uri: format!("sip:{user}@x"), user: user.into(), replaces };
    w.event(Event::Referred { leg, to: Box::new(to) });
    let status = |o: &Output| match o {
        Output::Sip(Sip::ReferStatus { status, .. }) => Some(*status),
        _ => None,
    };
    w.log.iter().find_map(status).expect("every REFER is answered")
}

pub(super) fn bridged(w: &World) -> Option<(LegId, LegId)> {
    let bridge =
        |o: &Output| if let Output::Media(Media::Bridge { a, b }) = o { Some((*a, *b)) } else { None };
    w.log.iter().rev().find_map(bridge)
}

#[test]
fn a_blind_transfer_hands_the_caller_to_a_colleague_and_the_agent_is_free() {
    let (mut w, agent) = talking("");
    assert_eq!(refer(&mut w, agent, "1002", None), 200);
    assert!(w.hung_up.contains(&agent) && !w.hung_up.contains(&CALLER));
    assert_eq!(w.state("1001"), State::WrapUp);
    let other = w.answer();
    assert_eq!(bridged(&w), Some((CALLER, other)));
    w.event(ended(CALLER, EndCause::PeerHungUp));
    w.later(6);
    let cdr = w.record();
    assert_eq!((cdr.result, cdr.agent.as_deref(), cdr.transfers), (Result::Connected, Some("1002"), 1));
}

#[test]
fn a_colleague_who_does_not_answer_gives_the_caller_back_to_the_queue() {
    let (mut w, agent) = talking("");
    assert_eq!(refer(&mut w, agent, "1002", None), 200);
    let other = w.invited.take().unwrap();
    w.later(20);
    assert!(w.hung_up.contains(&other));
    // 1001 has done its after-call work by now and serves the queue that the caller came from.
    let again = w.answer();
    assert_eq!(bridged(&w), Some((CALLER, again)));
    w.event(ended(CALLER, EndCause::PeerHungUp));
    w.later(6);
    assert_eq!(w.record().agent.as_deref(), Some("1001"));
}

#[test]
fn who_cannot_take_the_caller_now_is_refused_and_nothing_changes() {
    let (mut w, agent) = talking("");
    w.event(Event::Unregistered { user: "1002".into() });
    assert_eq!(refer(&mut w, agent, "1002", None), 480);
    assert_eq!(refer(&mut w, agent, "1001", None), 486);
    assert_eq!(refer(&mut w, agent, "nobody", None), 404);
    assert_eq!(refer(&mut w, CALLER, "city-general", None), 403, "only the agent may");
    assert!(w.hung_up.is_empty() && matches!(w.state("1001"), State::Talking { .. }));
    assert_eq!(refer(&mut w, agent, "city-general", None), 200, "to a queue");
    w.event(ended(CALLER, EndCause::PeerHungUp));
    w.later(6);
    assert_eq!(w.record().result, Result::Connected);
}

/// The agent asks 1002 on a leg of its own while the caller is on hold.
fn consulting(w: &mut World, agent: LegId) -> LegId {
    let hold = PHONE_HOLDS;
    w.event(Event::Offer { leg: agent, sdp: hold.into() });
    assert!(matches!(w.state("1001"), State::Held { .. }));
    let own = LegId(50);
    w.dial_from(own, "1002", Some("1001"));
    w.event(Event::Acknowledged { leg: own, sdp: b"".as_slice().into() });
    own
}

const PHONE_HOLDS: &[u8] = b"v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
    m=audio 4000 RTP/AVP 0\r\na=sendonly\r\n";

#[test]
fn an_attended_transfer_joins_the_caller_to_the_colleague_who_was_asked() {
    let (mut w, agent) = talking("");
    let own = consulting(&mut w, agent);
    let other = w.answer();
    assert_eq!(bridged(&w), Some((own, other)), "they talk about it first");
    assert_eq!(refer(&mut w, agent, "1002", Some(own)), 200);
    assert_eq!(bridged(&w), Some((CALLER, other)));
    assert!(w.hung_up.contains(&agent) && w.hung_up.contains(&own) && !w.hung_up.contains(&other));
    assert_eq!(w.state("1001"), State::WrapUp);
    assert!(matches!(w.state("1002"), State::Talking { .. }));
    w.later(20);
    w.event(ended(other, EndCause::PeerHungUp));
    assert!(w.hung_up.contains(&CALLER));
    w.later(9);
    assert!(w.switch.is_idle(), "{:?}", w.switch);
    assert_eq!(w.records.len(), 2);
    let caller = w.records.iter().find(|r| r.line == "city").unwrap();
    assert_eq!((caller.agent.as_deref(), caller.transfers), (Some("1002"), 1));
    assert_eq!(caller.legs.len(), 3, "the colleague's leg belongs to the caller's call now");
}

#[test]
fn who_was_taken_over_by_a_supervisor_and_handed_on_attended_keeps_the_next_agent_busy() {
    let (mut w, _) = talking("");
    w.supervise(1, "1002", Role::TakeOver).unwrap();
    let boss = w.invited.take().unwrap();
    w.event(Event::Answered { leg: boss, sdp: PHONE.into() });
    w.later(6);
    let own = LegId(50);
    w.dial_from(own, "1001", Some("1002"));
    w.event(Event::Acknowledged { leg: own, sdp: b"".as_slice().into() });
    let other = w.answer();
    assert_eq!(refer(&mut w, boss, "1001", Some(own)), 200);
    assert_eq!(bridged(&w), Some((CALLER, other)));
    assert!(matches!(w.state("1001"), State::Talking { .. }), "{:?}", w.state("1001"));
    assert_eq!(w.state("1002"), State::Ready, "free of both its calls");
    w.event(ended(CALLER, EndCause::PeerHungUp));
    w.later(9);
    assert!(w.switch.is_idle(), "{:?}", w.switch);
}

#[test]
fn a_supervisor_who_calls_a_colleague_and_comes_back_is_still_offered_nothing() {
    let (mut w, _) = talking("");
    w.supervise(1, "1002", Role::Listen).unwrap();
    let guest = w.invited.take().unwrap();
    w.event(Event::Answered { leg: guest, sdp: PHONE.into() });
    let own = LegId(50);
    w.dial_from(own, "city-general", Some("1002"));
    assert!(w.supervise(1, "1002", Role::Barge).is_ok(), "the same guest in another role");
    w.event(ended(own, EndCause::PeerHungUp));
    w.later(3);
    assert_eq!(w.state("1002").name(), "not-ready", "it listens still");
    w.event(ended(guest, EndCause::PeerHungUp));
    assert_eq!(w.state("1002"), State::Ready);
}

#[test]
fn a_guest_who_is_sent_away_by_a_transfer_is_free_for_the_caller_who_came_first() {
    let (mut w, agent) = talking("");
    w.supervise(1, "1002", Role::Conference).unwrap();
    let guest = w.invited.take().unwrap();
    w.event(Event::Answered { leg: guest, sdp: PHONE.into() });
    w.later(2);
    // 1002's colleague asks for anybody of the queue meanwhile: later than the caller.
    let own = LegId(50);
    w.register("1003");
    w.dial_from(own, "city-general", Some("1003"));
    w.event(Event::Acknowledged { leg: own, sdp: b"".as_slice().into() });
    assert_eq!(refer(&mut w, agent, "city-general", None), 200);
    let rung = w.switch.acd().agent("1002").and_then(|a| a.state.call());
    assert_eq!(rung, Some(CallId(1)), "the caller, and not the colleague");
}

#[test]
fn an_attended_transfer_before_the_answer_is_a_blind_one() {
    let (mut w, agent) = talking("");
    let own = consulting(&mut w, agent);
    assert_eq!(refer(&mut w, own, "1001", Some(agent)), 200, "asked for on the other leg");
    let other = w.answer();
    assert_eq!(bridged(&w), Some((CALLER, other)));
    w.event(ended(CALLER, EndCause::PeerHungUp));
    w.later(9);
    assert!(w.switch.is_idle(), "{:?}", w.switch);
}

#[test]
fn an_agent_on_an_own_call_is_offered_nothing_and_feature_codes_are_obeyed() {
    let mut w = World::with("");
    w.register("1001");
    let own = LegId(50);
    w.dial_from(own, "*14", Some("1001"));
    assert_eq!(w.state("1001").name(), "not-ready");
    w.event(Event::Acknowledged { leg: own, sdp: b"".as_slice().into() });
    w.end_of_play(own);
    assert!(w.hung_up.contains(&own), "the words are said, and that is all");
    w.later(3);
    let own = LegId(51);
    w.dial_from(own, "*13", Some("1001"));
    w.event(Event::Acknowledged { leg: own, sdp: b"".as_slice().into() });
    w.end_of_play(own);
    w.later(3);
    assert_eq!(w.state("1001"), State::Ready);
    assert_eq!(w.records.len(), 2);
}

#[test]
fn a_supervisor_listens_whispers_barges_and_takes_over() {
    let (mut w, agent) = talking("");
    let mixed = |w: &World| {
        let mix = |o: &Output| {
            if let Output::Media(Media::Mix { parties }) = o { Some(parties.clone()) } else { None }
        };
        w.log.iter().rev().find_map(mix)
    };
    assert!(w.supervise(1, "1003", Role::Listen).unwrap_err().contains("no phone"));
    assert!(w.supervise(9, "1002", Role::Listen).unwrap_err().contains("no call 9"));
    w.supervise(1, "1002", Role::Listen).unwrap();
    let guest = w.invited.unwrap();
    w.event(Event::Answered { leg: guest, sdp: PHONE.into() });
    assert_eq!(mixed(&w), Some(vec![(CALLER, 0b10), (agent, 0b01), (guest, 0b11)]));
    w.give(Input::Media(Report::Digit { leg: guest, digit: '2', at: w.now }));
    assert_eq!(mixed(&w).unwrap()[1], (agent, 0b101), "the agent hears the whisper");
    w.supervise(1, "1002", Role::TakeOver).unwrap();
    assert!(w.hung_up.contains(&agent) && !w.hung_up.contains(&guest));
    assert_eq!(bridged(&w), Some((CALLER, guest)));
    assert_eq!(w.state("1001"), State::WrapUp);
    w.event(ended(CALLER, EndCause::PeerHungUp));
    w.later(9);
    assert_eq!(w.record().agent.as_deref(), Some("1002"));
}

#[test]
fn a_guest_who_hangs_up_leaves_the_talk_as_it_was_and_a_conference_survives_the_agent() {
    let (mut w, agent) = talking("");
    w.supervise(1, "1002", Role::Barge).unwrap();
    let guest = w.invited.unwrap();
    w.event(Event::Answered { leg: guest, sdp: PHONE.into() });
    w.event(ended(guest, EndCause::PeerHungUp));
    assert_eq!(bridged(&w), Some((CALLER, agent)));
    w.supervise(1, "1002", Role::Conference).unwrap();
    let guest = w.invited.unwrap();
    w.event(Event::Answered { leg: guest, sdp: PHONE.into() });
    w.event(ended(agent, EndCause::PeerHungUp));
    assert_eq!(bridged(&w), Some((CALLER, guest)));
    assert!(!w.hung_up.contains(&CALLER));
    w.event(ended(guest, EndCause::PeerHungUp));
    assert!(w.hung_up.contains(&CALLER));
    w.later(9);
    assert_eq!(w.record().result, Result::Connected);
}

#[test]
fn the_agent_is_briefed_before_the_caller_is_heard_and_the_caller_asked_afterwards() {
    let mut w = World::with(QUEUE);
    w.register("1001");
    w.call();
    w.speak(TALK);
    let agent = w.answer();
    assert_eq!(bridged(&w), None, "the briefing comes first");
    assert!(w.log.iter().any(|o| matches!(o, Output::Render { text, .. } if text == "报修组，我家停水了")));
    w.agent_prompt_ends();
    assert_eq!(bridged(&w), Some((CALLER, agent)));
    w.event(ended(agent, EndCause::PeerHungUp));
    assert!(!w.hung_up.contains(&CALLER), "the question comes first");
    assert_eq!(w.state("1001"), State::WrapUp);
    w.give(Input::Media(Report::Digit { leg: CALLER, digit: '4', at: w.now }));
    w.prompt_ends();
    w.later(6);
    let cdr = w.record();
    assert_eq!((cdr.survey, cdr.result), (Some(4), Result::Connected));
}

/// Agents may transfer to numbers at home, by a trunk that takes one such call at once.
fn may_go_outside() -> (World, LegId) {
    let trunk = "country = \"86\"\n[[trunk]]\nname = \"out\"\nto = \"sip:out.example\"\ncountry = \"86\"\nnumbers = \"e164\"\n\
        allow = [\"+86\"]\nout = { calls_max = 1 }\n[[route]]\ntrunks = [\"out\"]\n";
    let mut w = World::with_team(|team| format!("[team]\noutside = [\"+861\"]\n{team}"), trunk);
    w.register("1001");
    w.call();
    w.speak("我家停水了");
    let leg = w.answer();
    (w, leg)
}

#[test]
fn an_agent_transfers_to_a_number_outside_within_the_limits() {
    let (mut w, agent) = may_go_outside();
    assert_eq!(refer(&mut w, agent, "008526666", None), 403, "agents may not");
    assert_eq!(refer(&mut w, agent, "13912345678", None), 200);
    assert!(w.hung_up.contains(&agent) && !w.hung_up.contains(&CALLER));
    assert_eq!(w.state("1001"), State::WrapUp);
    let (leg, uri, ..) = trunks::named(&w).unwrap();
    assert_eq!(uri, "sip:+8613912345678@out.example");
    w.event(Event::Answered { leg, sdp: PHONE.into() });
    assert_eq!(bridged(&w), Some((CALLER, leg)));
    assert_eq!(refer(&mut w, leg, "13900000000", None), 403, "who was called is no agent");
    assert_eq!(refer(&mut w, leg, "city-repair", None), 403, "not for a queue either");
    w.event(ended(leg, EndCause::PeerHungUp));
    w.later(9);
    assert_eq!(w.record().result, Result::Connected);
}

#[test]
fn a_number_outside_that_does_not_answer_gives_the_caller_back_to_the_queue() {
    let (mut w, agent) = may_go_outside();
    refer(&mut w, agent, "13912345678", None);
    let (leg, ..) = trunks::named(&w).unwrap();
    w.event(ended(leg, EndCause::Refused { status: 486, reason: "Busy Here".into() }));
    w.later(9);
    let again = w.answer();
    assert_eq!(bridged(&w), Some((CALLER, again)), "the agent is free again, and takes it");
    w.event(ended(CALLER, EndCause::PeerHungUp));
    w.later(9);
    w.record();
}
