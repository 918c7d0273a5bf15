//! Values, services and tickets through the switch: what the agent and the record get.

use super::world::*;
use super::*;
use crate::base::{LegId, Pii};
use crate::ivr::ServiceReply;
use crate::sip::{Command as Sip, EndCause, Event};

/// A call to the bank, as far as its greeting.
fn bank() -> World {
    let mut w = World::new();
    w.register("1002");
    w.dial("95500", PHONE);
    w.event(Event::Acknowledged { leg: CALLER, sdp: b"".as_slice().into() });
    w.prompt_ends();
    w
}

fn says(w: &mut World, texts: &[&str]) {
    for text in texts {
        w.prompt_ends();
        w.speak(text);
    }
}

/// The header of the newest INVITE to an agent's phone.
fn header(w: &World, name: &str) -> Option<String> {
    w.log.iter().rev().find_map(|o| match o {
        Output::Sip(Sip::Invite { headers, .. }) => {
            headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone())
        }
        _ => None,
    })
}

#[test]
fn what_a_caller_gave_reaches_the_agents_phone_and_the_record() {
    let mut w = bank();
    says(&mut w, &["send two hundred dollars to account 12345678", "yes"]);
    w.prompt_ends();
    assert_eq!(header(&w, "X-Trunkline-Intent").as_deref(), Some("transfer"));
    let slots = "amount=200%20dollars;account=one%20two%20three%20four%2C%20five%20six%20seven%20eight";
    assert_eq!(header(&w, "X-Trunkline-Slots").as_deref(), Some(slots));
    w.event(ended(CALLER, EndCause::PeerHungUp));
    let cdr = w.record();
    assert_eq!(cdr.words.unwrap().reveal(), "send two hundred dollars to account 12345678");
    assert_eq!(cdr.slots.len(), 2);
}

#[test]
fn a_service_is_asked_for_the_call_and_a_late_or_strange_answer_harms_nobody() {
    let mut w = bank();
    says(&mut w, &["I want to pay my bill", "123456"]);
    let asked = w.log.iter().find_map(|o| match o {
        Output::LookUp { call, line, ask, request } => Some((*call, line.clone(), *ask, request.clone())),
        _ => None,
    });
    let (call, line, ask, request) = asked.expect("the service is asked");
    assert_eq!((line.as_str(), request.url.reveal().ends_with("/bills/123456")), ("bank", true));
    let reply = Some(ServiceReply { status: 200, body: Pii::new("{}".into()) });
    w.give(Input::LookedUp { call, ask, reply: reply.clone() });
    assert!(w.log.iter().any(|o| matches!(o, Output::Moment { at, .. }
        if matches!(&at.moment, Moment::LookedUp { outcome, .. } if outcome == "failed"))));
    assert_eq!(header(&w, "X-Trunkline-Queue").as_deref(), Some("bank-service"), "the way on where it fails");
    w.event(ended(CALLER, EndCause::PeerHungUp));
    assert_eq!(w.record().slots.len(), 1);
    w.give(Input::LookedUp { call, ask, reply });
}

#[test]
fn a_prompt_for_one_caller_is_neither_kept_nor_logged_as_one_for_all_and_a_ticket_goes_out_once() {
    let mut w = World::new();
    w.call();
    says(&mut w, &["我要扔一个沙发", "明天", "13800138000", "对"]);
    let tickets: Vec<_> = w.log.iter().filter(|o| matches!(o, Output::Ticket(_))).collect();
    let [Output::Ticket(ticket)] = tickets[..] else { panic!("{tickets:?}") };
    assert_eq!((ticket.number, ticket.kind.as_str(), ticket.values.len()), (11, "bulky", 4));
    let personal =
        |o: &Output| matches!(o, Output::Render { text, keep, .. } if text.contains("幺三八") && *keep);
    assert!(!w.log.iter().any(personal));
    let told = w.log.iter().filter_map(|o| match o {
        Output::Moment { at, .. } => match &at.moment {
            Moment::Saying { text, personal } => Some((text.contains("幺三八"), *personal)),
            _ => None,
        },
        _ => None,
    });
    assert!(
        told.clone().any(|(number, _)| number) && told.clone().all(|(number, personal)| !number || personal)
    );
    assert!(told.clone().any(|(_, personal)| !personal), "the greeting is for everybody");
    w.event(ended(CALLER, EndCause::PeerHungUp));
    w.record();
}

#[test]
fn a_caller_who_needs_time_hears_everything_slowly() {
    let mut w = World::new();
    w.call();
    w.prompt_ends();
    let slow = |w: &World| w.log.iter().any(|o| matches!(o, Output::Render { slow: true, .. }));
    assert!(!slow(&w));
    w.speak("请说慢一点");
    assert!(slow(&w));
    w.event(ended(LegId(1), EndCause::PeerHungUp));
    w.record();
}
