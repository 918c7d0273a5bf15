//! What waiting callers can do, and where they go: callbacks, overflow, messages, hours.

use super::acd::{QUEUE, TALK, bridged};
use super::world::{CALLER, PHONE, World, ended};
use super::*;
use crate::acd::State;
use crate::base::LegId;
use crate::media::{Command as Media, Report};
use crate::sip::{Command as Sip, EndCause, Event, Refer, Target};

/// A caller waits for repairs and asks to be called back.
fn booked() -> World {
    let mut w = World::with(QUEUE);
    w.call();
    w.speak(TALK);
    w.prompt_ends();
    w.give(Input::Media(Report::Digit { leg: CALLER, digit: '1', at: w.now }));
    w.give(Input::Media(Report::Digit { leg: CALLER, digit: '1', at: w.now }));
    w.prompt_ends();
    assert!(w.hung_up.contains(&CALLER));
    w.later(3);
    assert_eq!(w.records.pop().unwrap().result, Result::CallbackBooked);
    w
}

/// The leg that rings outside, and its number.
fn dialled(w: &World) -> Option<(LegId, String)> {
    w.log.iter().rev().find_map(|o| match o {
        Output::Sip(Sip::Invite { leg, target: Target::Uri { uri, .. }, .. }) => Some((*leg, uri.clone())),
        _ => None,
    })
}

#[test]
fn a_callback_keeps_the_place_and_rings_the_agent_first_then_the_customer() {
    let mut w = booked();
    assert_eq!(w.switch.acd().waiting().len(), 1, "the place is kept");
    w.register("1001");
    let agent = w.invited.unwrap();
    assert_eq!(dialled(&w), None);
    w.event(Event::Answered { leg: agent, sdp: PHONE.into() });
    let (customer, uri) = dialled(&w).expect("the customer is called");
    assert_eq!(uri, "sip:13800000000@127.0.0.1:5070", "where the call came from");
    w.event(Event::Answered { leg: customer, sdp: PHONE.into() });
    assert_eq!(bridged(&w), Some((customer, agent)));
    w.later(10);
    w.event(ended(customer, EndCause::PeerHungUp));
    w.later(9);
    let cdr = w.record();
    assert_eq!(
        (cdr.result, cdr.agent.as_deref(), cdr.queue.as_deref()),
        (Result::Connected, Some("1001"), Some("city-repair"))
    );
}

/// Agent 1001 talks with the customer who asked to be called back.
fn called_back(w: &mut World) -> (LegId, LegId) {
    w.register("1001");
    let agent = w.invited.take().unwrap();
    w.event(Event::Answered { leg: agent, sdp: PHONE.into() });
    let (customer, _) = dialled(w).expect("the customer is called");
    w.event(Event::Answered { leg: customer, sdp: PHONE.into() });
    (customer, agent)
}

#[test]
fn a_customer_who_is_called_back_and_handed_on_is_not_called_again_but_waits_and_talks() {
    let mut w = booked();
    let (customer, agent) = called_back(&mut w);
    w.register("1002");
    let to = Refer { uri: "sip:1002@127.0.0.1".into(), user: "1002".into(), replaces: None };
    w.event(Event::Referred { leg: agent, to: Box::new(to) });
    let other = w.answer();
    assert_eq!(dialled(&w).map(|(leg, _)| leg), Some(customer), "one call outside, and no more");
    assert_eq!(bridged(&w), Some((customer, other)));
    w.event(ended(other, EndCause::PeerHungUp));
    w.later(9);
    assert_eq!(w.record().agent.as_deref(), Some("1002"));
    assert!(w.switch.is_idle(), "{:?}", w.switch);
}

#[test]
fn a_customer_whose_turn_comes_during_the_last_words_is_hung_up_and_called() {
    let mut w = World::with(QUEUE);
    w.call();
    w.speak(TALK);
    w.prompt_ends();
    w.give(Input::Media(Report::Digit { leg: CALLER, digit: '1', at: w.now }));
    w.give(Input::Media(Report::Digit { leg: CALLER, digit: '1', at: w.now }));
    assert!(!w.hung_up.contains(&CALLER), "it is told that it will be called");
    let (customer, agent) = called_back(&mut w);
    assert!(w.hung_up.contains(&CALLER), "its phone would be busy");
    assert_eq!(bridged(&w), Some((customer, agent)));
    assert!(matches!(w.state("1001"), State::Talking { .. }), "{:?}", w.state("1001"));
    w.event(ended(customer, EndCause::PeerHungUp));
    w.later(9);
    assert_eq!(w.records.len(), 2);
    assert!(w.switch.is_idle(), "{:?}", w.switch);
}

#[test]
fn a_customer_who_does_not_answer_is_called_once_more_and_then_no_more() {
    let mut w = booked();
    w.register("1001");
    for attempt in 0..2 {
        let agent = w.invited.take().unwrap_or_else(|| panic!("attempt {attempt} rings"));
        w.event(Event::Answered { leg: agent, sdp: PHONE.into() });
        let (customer, _) = dialled(&w).unwrap();
        w.event(ended(customer, EndCause::Refused { status: 486, reason: "Busy".into() }));
        assert!(w.hung_up.contains(&agent));
        w.later(61);
        assert_eq!(w.records.pop().unwrap().result, Result::NotReached);
    }
    assert_eq!(w.invited, None);
    assert!(w.switch.is_idle(), "{:?}", w.switch);
}

#[test]
fn a_callback_and_an_agents_state_survive_a_restart() {
    let mut w = booked();
    w.register("1002");
    w.give(Input::Acd(crate::acd::Input::NotReady { user: "1002".into(), reason: None }));
    let json = serde_json::to_string(&w.switch.keep(w.now)).unwrap();
    let mut w = World::restarted(QUEUE, Some(serde_json::from_str(&json).unwrap()));
    w.register("1002");
    assert_eq!(w.state("1002").name(), "not-ready");
    w.register("1001");
    let agent = w.invited.unwrap();
    w.event(Event::Answered { leg: agent, sdp: PHONE.into() });
    let (customer, uri) = dialled(&w).expect("the customer is called");
    assert_eq!(uri, "sip:13800000000@127.0.0.1:5070");
    w.event(Event::Answered { leg: customer, sdp: PHONE.into() });
    w.event(ended(customer, EndCause::PeerHungUp));
    w.later(9);
    assert_eq!(w.record().result, Result::Connected);
}

#[test]
fn a_caller_who_says_no_to_a_callback_waits_on_and_one_who_says_goodbye_leaves() {
    let mut w = World::with(QUEUE);
    w.call();
    w.speak(TALK);
    w.prompt_ends();
    w.speak("给我回电吧");
    w.speak("不用了");
    assert!(w.hung_up.is_empty());
    assert_eq!(w.switch.acd().waiting().len(), 1);
    w.speak("再见");
    w.prompt_ends();
    assert_eq!(w.record().result, Result::Abandoned);
}

#[test]
fn a_rule_offers_a_callback_once_and_the_place_is_kept_either_way() {
    let rules = "overflow = [{ after_s = 30, to = \"callback\" }, { after_s = 90, to = \"closing\" }]\n";
    for yes in [true, false] {
        let mut w = World::with(rules);
        w.call();
        w.speak(TALK);
        w.prompt_ends();
        w.later(31);
        // Over the first sentence of the offer it would be no more than a nod.
        w.prompt_ends();
        w.speak(if yes { "好的" } else { "不用了" });
        w.prompt_ends();
        assert_eq!(w.hung_up.contains(&CALLER), yes);
        assert_eq!(w.switch.acd().waiting().len(), 1);
        if !yes {
            w.later(61);
            w.prompt_ends();
            assert_eq!(w.record().result, Result::NobodyFree, "the next rule holds");
        }
    }
}

#[test]
fn a_queue_without_agents_overflows_to_a_message() {
    let mut w = World::with("overflow = [{ no_agents = true, to = \"voicemail\" }]\n");
    w.call();
    w.speak(TALK);
    w.prompt_ends();
    let recorded = w.log.iter().any(|o| matches!(o, Output::Media(Media::Record { leg: CALLER, .. })));
    assert!(recorded, "after the tone");
    w.later(5);
    w.give(Input::Media(Report::Digit { leg: CALLER, digit: '#', at: w.now }));
    w.prompt_ends();
    let cdr = w.record();
    assert_eq!((cdr.result, cdr.message.as_deref()), (Result::Message, Some("city-1-message.wav")));
}

#[test]
fn a_queue_overflows_to_another_line_or_to_a_number_outside() {
    let mut w = World::with("overflow = [{ after_s = 30, line = \"bank\" }]\n");
    w.call();
    w.speak(TALK);
    w.prompt_ends();
    w.log.clear();
    w.later(31);
    let greets = |o: &Output| matches!(o, Output::Moment { at, .. } if matches!(&at.moment, Moment::Saying { text, .. } if text.contains("First Bank")));
    assert!(w.log.iter().any(greets), "the bank's line speaks");
    w.event(ended(CALLER, EndCause::PeerHungUp));
    w.later(3);

    let mut w = World::with("overflow = [{ after_s = 30, number = \"4001\" }]\n");
    w.call();
    w.speak(TALK);
    w.prompt_ends();
    w.later(31);
    let (outside, uri) = dialled(&w).unwrap();
    assert_eq!(uri, "sip:4001@127.0.0.1:5070");
    w.event(Event::Answered { leg: outside, sdp: PHONE.into() });
    w.prompt_ends();
    assert_eq!(bridged(&w), Some((CALLER, outside)));
    w.event(ended(outside, EndCause::PeerHungUp));
    let cdr = w.record();
    assert_eq!((cdr.result, cdr.agent.as_deref()), (Result::Connected, Some("4001")));
}

#[test]
fn whoever_is_turned_away_is_reported() {
    let mut w = World::with("");
    w.dial("999", PHONE);
    assert!(w.log.iter().any(|o| matches!(o, Output::TurnedAway { status: 404, .. })));
}

#[test]
fn a_queue_closes_by_the_clock_or_by_hand_and_opens_again() {
    let closing = |w: &mut World| {
        w.call();
        w.speak(TALK);
        w.prompt_ends();
        w.prompt_ends();
        w.record().result
    };
    let mut w = World::with("hours = \"office\"\n");
    w.register("1001");
    w.close("city-repair", true).unwrap();
    assert_eq!(closing(&mut w), Result::NobodyFree, "by hand");
    w.close("city-repair", false).unwrap();
    assert!(w.close("nothing", true).is_err());
    w.later(3600);
    assert_eq!(closing(&mut w), Result::NobodyFree, "after hours");
    w.later(8 * 3600);
    w.call();
    w.speak(TALK);
    assert!(w.invited.is_some(), "open again");
    w.event(ended(CALLER, EndCause::PeerHungUp));
    w.record();
}

#[test]
fn a_queue_whose_hours_are_taken_away_opens_unless_it_is_closed_by_hand() {
    for (by_hand, open) in [(false, true), (true, false)] {
        let mut w = World::with("hours = \"office\"\n");
        w.register("1001");
        w.later(3600);
        if by_hand {
            w.close("city-repair", true).unwrap();
        }
        w.reload("");
        w.call();
        w.speak(TALK);
        assert_eq!(w.invited.is_some(), open);
    }
}

#[test]
fn a_line_that_is_closed_says_so() {
    let mut w = World::new();
    w.close("city", true).unwrap();
    w.call();
    w.prompt_ends();
    assert_eq!(w.record().result, Result::Closed);
}
