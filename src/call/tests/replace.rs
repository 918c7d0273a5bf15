//! INVITE with Replaces: who may take whose place, and what becomes of the talk.

use super::world::{CALLER, PHONE, World, ended};
use super::*;

const NEW: LegId = LegId(9);

/// A caller who talks with agent 1001, and the agent's leg.
fn talking() -> (World, LegId) {
    let mut w = World::new();
    w.switch.shared.recordings = Some("recordings".into());
    w.register("1001");
    w.call();
    w.speak("我家停水了");
    let agent = w.invited.unwrap();
    w.event(Event::Answered { leg: agent, sdp: PHONE.into() });
    w.prompt_ends();
    assert!(bridged(&w, CALLER, agent));
    (w, agent)
}

fn bridged(w: &World, caller: LegId, agent: LegId) -> bool {
    let last = w.log.iter().rev().find_map(|o| match o {
        Output::Media(Media::Bridge { a, b }) => Some((*a, *b)),
        _ => None,
    });
    last == Some((caller, agent))
}

fn refused(w: &World) -> Option<u16> {
    w.log.iter().find_map(|o| match o {
        Output::Sip(Sip::Refuse { leg: NEW, status, .. }) => Some(*status),
        _ => None,
    })
}

fn acknowledged(w: &mut World) {
    w.event(Event::Acknowledged { leg: NEW, sdp: b"".as_slice().into() });
}

#[test]
fn a_customer_s_switchboard_puts_somebody_else_in_its_place() {
    let (mut w, agent) = talking();
    w.replaces = Some(CALLER);
    w.dial_from(NEW, "12345", None);
    assert!(bridged(&w, CALLER, agent), "not before the ACK");
    acknowledged(&mut w);
    let moved = |o: &Output| matches!(o, Output::Media(Media::MoveRecord { from: CALLER, to: NEW }));
    assert!(w.log.iter().any(moved), "recorded in the same file");
    assert!(bridged(&w, NEW, agent));
    assert_eq!((w.hung_up.as_slice(), w.closed.as_slice()), ([CALLER].as_slice(), [CALLER].as_slice()));
    assert_eq!(w.switch.trunks()[0].inward, (1, 1), "one call, as before");
    w.event(ended(CALLER, EndCause::WeHungUp));
    w.event(ended(NEW, EndCause::PeerHungUp));
    let cdr = w.record();
    assert_eq!((cdr.result, cdr.ended_by, cdr.legs.len()), (Result::Connected, EndedBy::Caller, 3));
    assert!(w.switch.trunks()[0].inward.0 == 0 && w.switch.calls() == 0);
}

#[test]
fn an_agent_goes_on_at_another_phone_of_the_same_account() {
    let (mut w, agent) = talking();
    w.replaces = Some(agent);
    w.dial_from(NEW, "1001", Some("1001"));
    acknowledged(&mut w);
    assert!(bridged(&w, CALLER, NEW));
    w.event(ended(agent, EndCause::WeHungUp));
    assert_eq!(w.switch.calls(), 1, "the old leg's end is not the talk's");
    w.event(ended(NEW, EndCause::PeerHungUp));
    assert_eq!(w.record().ended_by, EndedBy::Agent);
}

#[test]
fn nobody_else_may_and_nothing_but_a_talk_can_be_taken_over() {
    for (customer, account) in [(false, None), (false, Some("1002")), (true, Some("1001"))] {
        let (mut w, agent) = talking();
        w.replaces = Some(if customer { CALLER } else { agent });
        w.dial_from(NEW, "12345", account);
        assert_eq!(refused(&w), Some(403), "{account:?}");
    }
    let mut w = World::new();
    w.call();
    w.replaces = Some(CALLER);
    w.dial_from(NEW, "12345", None);
    assert_eq!(refused(&w), Some(488), "in the dialogue");
    w.replaces = Some(LegId(77));
    w.dial_from(LegId(10), "12345", None);
    let gone = |o: &Output| matches!(o, Output::Sip(Sip::Refuse { leg: LegId(10), status: 481, .. }));
    assert!(w.log.iter().any(gone));
}

#[test]
fn a_replacement_that_comes_to_nothing_leaves_the_talk_as_it_was() {
    let (mut w, agent) = talking();
    w.replaces = Some(CALLER);
    w.dial_from(NEW, "12345", None);
    w.event(ended(NEW, EndCause::PeerCancelled));
    assert!(bridged(&w, CALLER, agent) && w.hung_up.is_empty());
    let (mut w, agent) = talking();
    (w.replaces, w.ports) = (Some(CALLER), false);
    w.dial_from(NEW, "12345", None);
    assert_eq!(refused(&w), Some(503));
    assert!(bridged(&w, CALLER, agent));
    w.event(ended(CALLER, EndCause::PeerHungUp));
    assert_eq!(w.record().result, Result::Connected);
    assert_eq!(w.switch.trunks()[0].inward, (0, 1));
}
