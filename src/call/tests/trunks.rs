//! Calls over trunks: who is let in, what is believed, and what is counted.

use super::world::{CALLER, PHONE, World, ended};
use super::*;
use crate::base::Pii;
use crate::sip::Claims;

/// The From of the newest INVITE to an agent's phone.
fn shown(w: &World) -> &str {
    let from = w.log.iter().rev().find_map(|o| match o {
        Output::Sip(Sip::Invite { from, .. }) => Some(from.as_str()),
        _ => None,
    });
    from.expect("a phone is rung")
}

/// Calls with these claims, and gets to an agent.
fn claiming(trunk: &str) -> World {
    let mut w = World::with_trunk("", trunk);
    w.claims = Claims {
        asserted: Some(Pii::new("013911112222".into())),
        private: true,
        diverted_from: Some(Pii::new("01012345678".into())),
    };
    w.register("1001");
    w.call();
    w.speak("我家停水了");
    w
}

#[test]
fn what_a_trusted_trunk_says_is_believed_and_a_private_number_stays_with_us() {
    let mut w = claiming("trusted = true\ncountry = \"86\"\n");
    assert_eq!(shown(&w), "\"city\" <sip:anonymous@anonymous.invalid>");
    w.event(ended(CALLER, EndCause::PeerHungUp));
    let cdr = w.record();
    assert_eq!((cdr.caller.reveal().as_str(), cdr.private), ("+8613911112222", true));
    assert_eq!(cdr.diverted_from.unwrap().reveal(), "+861012345678");
}

#[test]
fn what_any_other_trunk_says_is_not() {
    let mut w = claiming("");
    assert_eq!(shown(&w), "\"city\" <sip:13800000000@trunkline.local>");
    w.event(ended(CALLER, EndCause::PeerHungUp));
    let cdr = w.record();
    assert_eq!((cdr.caller.reveal().as_str(), cdr.private, cdr.diverted_from), ("13800000000", false, None));
}

#[test]
fn a_trunk_takes_as_many_calls_as_it_may_and_the_next_is_refused() {
    let mut w = World::with_trunk("", "in = { calls_max = 1 }\n");
    w.dial("12345", PHONE);
    w.dial_from(LegId(2), "12345", None);
    w.dial_from(LegId(3), "999", None);
    let refused = |o: &Output| {
        matches!(o, Output::Sip(Sip::Refuse { leg: LegId(2), status: 503, retry_after_s: Some(_), .. }))
    };
    assert!(w.log.iter().any(refused));
    let view = w.switch.trunks().remove(0);
    assert_eq!((view.name.as_str(), view.inward), ("local", (1, 1)));
    let refused: Vec<(&str, u64)> = view.refused.iter().map(|(why, n)| (why.as_str(), *n)).collect();
    assert_eq!(refused, [("No line has this number", 1), ("calls_max", 1)]);
    w.event(ended(CALLER, EndCause::PeerCancelled));
    w.record();
    assert_eq!(w.switch.trunks().remove(0).inward, (0, 1));
}

#[test]
fn a_number_is_found_as_it_is_written_and_as_e164_has_it() {
    let mut w = World::with_trunk("", "country = \"86\"\n");
    w.dial("+8612345", PHONE);
    assert!(
        w.log.iter().any(|o| matches!(o, Output::TurnedAway { status: 404, .. })),
        "a short code has no country"
    );
    w.dial("12345", PHONE);
    w.event(ended(CALLER, EndCause::PeerCancelled));
    assert_eq!(w.record().caller.reveal(), "+8613800000000");
}

#[test]
fn a_trunk_known_by_digest_is_asked_for_its_password() {
    let digest = "[[trunk]]\nname = \"pbx\"\nuser = \"pbx\"\npassword = { env = \"PBX\" }\n";
    let mut w = World::with_trunk("", &digest.replacen("[[", "\n[[", 1));
    w.remote = ([203, 0, 113, 9], 5060).into();
    w.dial("12345", PHONE);
    assert!(w.log.iter().any(|o| matches!(o, Output::Sip(Sip::Challenge { leg: CALLER }))));
    w.dial_from(LegId(2), "12345", Some("pbx"));
    let over = |o: &Output| matches!(o, Output::Moment { at, .. } if matches!(&at.moment, Moment::Incoming { line, trunk } if line == "city" && trunk == "pbx"));
    assert!(w.log.iter().any(over));
    let mut w = World::new();
    w.remote = ([203, 0, 113, 9], 5060).into();
    w.dial("12345", PHONE);
    assert!(w.log.iter().any(|o| matches!(o, Output::TurnedAway { status: 403, .. })), "a stranger");
}
