//! Calls over trunks: who is let in, what is believed, and what is counted.

use super::acd::QUEUE;
use super::world::{CALLER, PHONE, World, ended};
use super::*;
use crate::base::Pii;
use crate::sip::{Claims, Target};

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

#[test]
fn a_trunk_with_an_identity_is_none_without_its_certificate_not_even_from_its_network() {
    let certified = "tls = { identity = [\"Carrier.example\"] }\nto = \"sips:carrier.example\"\n\
        [[trunk]]\nname = \"roaming\"\ntls = { identity = [\"sip:b.example\"] }\nto = \"sip:b.example\"\n";
    let turned_away = |o: &Output| matches!(o, Output::TurnedAway { status: 403, .. });
    let over = |w: &World, name: &str| {
        w.log.iter().any(|o| matches!(o, Output::Moment { at, .. } if matches!(&at.moment, Moment::Incoming { trunk, .. } if trunk == name)))
    };
    let mut w = World::with_trunk("", certified);
    w.dial("12345", PHONE);
    assert!(w.log.iter().any(turned_away), "its network alone is not enough");
    w.domains = vec!["x.example".into(), "carrier.example".into()];
    w.dial_from(LegId(2), "12345", None);
    assert!(over(&w, "local"));
    let mut w = World::with_trunk("", certified);
    w.remote = ([203, 0, 113, 9], 5060).into();
    w.domains = vec!["carrier.example".into()];
    w.dial("12345", PHONE);
    assert!(w.log.iter().any(turned_away), "its certificate elsewhere is not enough either");
    w.domains = vec!["b.example".into()];
    w.dial_from(LegId(2), "12345", None);
    assert!(over(&w, "roaming"), "without networks the certificate is");
}

/// The sample's trunk leads to a carrier, a second one to another, and calls go out by the first if it takes them.
const TWO: &str = "country = \"86\"\nnumbers = \"national\"\nto = \"sip:a.example\"\nallow = [\"+86\", \"4\"]\n\
    [[trunk]]\nname = \"b\"\nto = \"sips:b.example:5061\"\ncountry = \"86\"\nnumbers = \"e164\"\n\
    caller = \"+862112345678\"\ntrusted = true\nout = { calls_max = 1 }\n\
    [[route]]\nprefix = \"+86\"\ntrunks = [\"local\", \"b\"]\n[[route]]\ntrunks = [\"b\"]\n";

/// The newest call to a name: its leg, where to, from whom, and what else is said.
pub(super) fn named(w: &World) -> Option<(LegId, &str, &str, usize)> {
    w.log.iter().rev().find_map(|o| match o {
        Output::Sip(Sip::Invite {
            leg,
            target: Target::Name(uri) | Target::OneOf(uri),
            from,
            headers,
            ..
        }) => Some((*leg, uri.as_str(), from.as_str(), headers.len())),
        _ => None,
    })
}

/// A caller whom the queue sends on to `number`.
fn overflowing(number: &str) -> World {
    overflowing_by(number, TWO)
}

fn overflowing_by(number: &str, trunks: &str) -> World {
    let extra = format!("overflow = [{{ after_s = 30, number = \"{number}\" }}]\n");
    let mut w = World::with_trunk(&extra, trunks);
    w.call();
    w.speak("我家停水了");
    w.prompt_ends();
    w.later(31);
    w
}

fn busy() -> EndCause {
    EndCause::Refused { status: 486, reason: "Busy Here".into() }
}

#[test]
fn a_number_is_called_by_the_first_trunk_of_its_route_and_by_the_next_if_that_does_not_take_it() {
    let mut w = overflowing("13912345678");
    let (first, uri, from, headers) = named(&w).unwrap();
    assert_eq!((uri, headers), ("sip:013912345678@a.example", 0));
    assert_eq!(from, "\"city\" <sip:013800000000@trunkline.local>");
    w.event(ended(first, EndCause::Refused { status: 503, reason: "Service Unavailable".into() }));
    let (second, uri, from, headers) = named(&w).unwrap();
    assert_eq!((uri, headers), ("sips:+8613912345678@b.example:5061", 1));
    assert_eq!(from, "\"city\" <sip:+862112345678@trunkline.local>");
    let out = |w: &World| w.switch.trunks().iter().map(|t| t.outward).collect::<Vec<_>>();
    assert_eq!(out(&w), [(0, 1), (1, 1)]);
    w.event(Event::Answered { leg: second, sdp: PHONE.into() });
    w.prompt_ends();
    w.event(ended(second, EndCause::PeerHungUp));
    assert_eq!(w.record().result, Result::Connected);
    assert_eq!(out(&w), [(0, 1), (0, 1)]);
}

#[test]
fn whoever_is_busy_or_rang_is_not_called_by_another_trunk() {
    let mut w = overflowing("13912345678");
    let (first, ..) = named(&w).unwrap();
    w.event(Event::Progress { leg: first, status: 180, sdp: "".into() });
    w.event(ended(first, EndCause::Refused { status: 408, reason: "Request Timeout".into() }));
    assert_eq!(named(&w).unwrap().0, first, "it rang");
    let mut w = overflowing("13912345678");
    let (first, ..) = named(&w).unwrap();
    w.event(ended(first, busy()));
    assert_eq!(named(&w).unwrap().0, first, "it is busy");
}

fn unavailable() -> EndCause {
    EndCause::Refused { status: 480, reason: "Temporarily Unavailable".into() }
}

#[test]
fn a_480_at_once_is_about_the_trunk_and_after_a_183_about_who_was_called() {
    let mut w = overflowing("13912345678");
    let (first, ..) = named(&w).unwrap();
    w.event(ended(first, unavailable()));
    assert_ne!(named(&w).unwrap().0, first);
    let mut w = overflowing("13912345678");
    let (first, ..) = named(&w).unwrap();
    w.event(Event::Progress { leg: first, status: 183, sdp: "".into() });
    w.event(ended(first, unavailable()));
    assert_eq!(named(&w).unwrap().0, first);
}

#[test]
fn a_trunk_says_after_which_refusals_the_next_is_tried() {
    let mut w = overflowing_by("13912345678", &format!("next_on = [486]\n{TWO}"));
    let (first, ..) = named(&w).unwrap();
    w.event(ended(first, busy()));
    assert_ne!(named(&w).unwrap().0, first);
}

/// What was done with the media since the log had this length.
fn media(w: &World, since: usize) -> Vec<String> {
    let done = w.log[since..].iter().filter_map(|o| match o {
        Output::Media(Media::Mix { parties }) => Some(format!("mix {parties:?}")),
        Output::Media(Media::Bridge { a, .. }) => Some(format!("bridge {}", a.0)),
        Output::Media(Media::Unbridge { .. }) => Some("unbridge".into()),
        Output::Media(Media::Play { leg: CALLER, repeat: true, .. }) => Some("music".into()),
        Output::Media(Media::Play { leg: CALLER, .. }) => Some("words".into()),
        _ => None,
    });
    done.collect()
}

#[test]
fn what_a_network_plays_before_the_answer_is_heard_by_the_caller_and_nothing_goes_back() {
    let mut w = overflowing("13912345678");
    let (first, ..) = named(&w).unwrap();
    let since = w.log.len();
    w.event(Event::Progress { leg: first, status: 183, sdp: PHONE.into() });
    assert_eq!(media(&w, since), [format!("mix [(LegId(1), 2), ({first:?}, 0)]")]);
    // A 503 after it is the trunk's still: music again, and the next one's announcement.
    let since = w.log.len();
    w.event(ended(first, EndCause::Refused { status: 503, reason: "Service Unavailable".into() }));
    assert_eq!(media(&w, since), ["unbridge", "music"]);
    let (second, ..) = named(&w).unwrap();
    w.event(Event::Progress { leg: second, status: 183, sdp: PHONE.into() });
    // Its answer came with the 183, reliably: the 200 has none (RFC 3262 §5).
    let since = w.log.len();
    w.event(Event::Answered { leg: second, sdp: "".into() });
    w.prompt_ends();
    assert_eq!(media(&w, since), ["bridge 1"]);
    w.event(ended(second, EndCause::PeerHungUp));
    assert_eq!(w.record().result, Result::Connected);
}

#[test]
fn after_an_announcement_and_a_refusal_the_caller_hears_our_words() {
    let mut w = overflowing("13912345678");
    let (first, ..) = named(&w).unwrap();
    w.event(Event::Progress { leg: first, status: 183, sdp: PHONE.into() });
    let since = w.log.len();
    w.event(ended(first, busy()));
    assert_eq!(media(&w, since), ["unbridge", "words"]);
    w.prompt_ends();
    w.event(ended(CALLER, EndCause::PeerHungUp));
    assert_eq!(w.record().result, Result::NobodyFree);
}

#[test]
fn a_trunk_may_keep_its_announcements_from_callers() {
    let mut w = overflowing_by("13912345678", &format!("early_media = false\n{TWO}"));
    let (first, ..) = named(&w).unwrap();
    let since = w.log.len();
    w.event(Event::Progress { leg: first, status: 183, sdp: PHONE.into() });
    assert!(media(&w, since).is_empty());
}

#[test]
fn a_number_that_no_trunk_allows_is_not_called_and_that_is_recorded() {
    let mut w = World::with_trunk("overflow = [{ after_s = 30, number = \"0044209\" }]\n", ALLOWED);
    w.call();
    w.speak("我家停水了");
    w.prompt_ends();
    w.later(31);
    w.event(ended(CALLER, EndCause::PeerHungUp));
    let cdr = w.record();
    let why =
        |m: &MomentAt| matches!(&m.moment, Moment::OfferFailed { why, .. } if why.contains("does not allow"));
    assert!(cdr.moments.iter().any(why), "{:?}", cdr.moments);
    let any = |o: &Output| matches!(o, Output::Sip(Sip::Invite { .. }));
    assert!(!w.log.iter().any(any));
}

/// No route: back to the peer, but at home only.
const ALLOWED: &str = "country = \"86\"\nallow = [\"+86\"]\n";

#[test]
fn a_customer_is_called_back_by_the_next_trunk_too() {
    let mut w = World::with_trunk(QUEUE, TWO);
    w.call();
    w.speak("我家停水了");
    w.prompt_ends();
    w.give(Input::Media(Report::Digit { leg: CALLER, digit: '1', at: w.now }));
    w.give(Input::Media(Report::Digit { leg: CALLER, digit: '1', at: w.now }));
    w.prompt_ends();
    w.register("1001");
    let agent = w.invited.unwrap();
    w.event(Event::Answered { leg: agent, sdp: PHONE.into() });
    let (first, uri, from, _) = named(&w).unwrap();
    assert_eq!((uri, from), ("sip:013800000000@a.example", "<sip:12345@trunkline.local>"));
    w.event(ended(first, EndCause::Unreachable));
    let (second, uri, ..) = named(&w).unwrap();
    assert_eq!(uri, "sips:+8613800000000@b.example:5061");
    w.event(Event::Answered { leg: second, sdp: PHONE.into() });
    let bridged =
        |o: &Output| matches!(o, Output::Media(Media::Bridge { a, b }) if *a == second && *b == agent);
    assert!(w.log.iter().any(bridged));
    w.event(ended(second, EndCause::PeerHungUp));
    w.later(9);
    assert_eq!(w.records.len(), 2);
    assert!(w.switch.is_idle(), "{:?}", w.switch);
}

#[test]
fn trunks_take_turns_by_their_weights() {
    let text = "[[trunk]]\nname = \"a\"\nto = \"sip:a\"\n[[trunk]]\nname = \"b\"\nto = \"sip:b\"\n\
        [[route]]\ntrunks = [\"a\", \"b\"]\nweights = [1, 1]\n";
    let file = crate::config::File { name: "server.toml".into(), text: text.into() };
    let server = crate::config::server(&file).unwrap();
    let first = |turn| server.ways_out("4001", None, turn).unwrap()[0].name.clone();
    assert_eq!([first(0), first(1), first(2)], ["a", "b", "a"]);
}

#[test]
fn a_trunk_speaks_its_own_codecs() {
    let mut w = World::with_trunk("", "codecs = [\"PCMU\"]\n");
    w.dial("12345", PHONE);
    let answered = w.log.iter().find_map(|o| match o {
        Output::Sip(Sip::Answer { sdp, .. }) => Some(String::from_utf8_lossy(sdp).into_owned()),
        _ => None,
    });
    assert!(answered.unwrap().contains("RTP/AVP 0 101"), "not A-law, which both would like best");
}

#[test]
fn behind_nat_public_peers_send_their_audio_to_the_advertised_address_and_phones_at_home_to_ours() {
    let sdp = |w: &World, leg: LegId| {
        let said = w.log.iter().rev().find_map(|o| match o {
            Output::Sip(Sip::Answer { leg: l, sdp } | Sip::Invite { leg: l, sdp, .. }) if *l == leg => {
                Some(sdp)
            }
            _ => None,
        });
        String::from_utf8_lossy(said.unwrap()).into_owned()
    };
    let mut w = World::with_server("", |text| {
        let media = "[media]\nadvertised = \"203.0.113.7\"\n";
        text.replacen("[media]\n", media, 1).replacen("\"10.0.0.0/8\"", "\"198.51.100.0/24\"", 1)
    });
    w.register("1001");
    w.remote = ([198, 51, 100, 9], 5060).into();
    w.dial("12345", PHONE);
    w.event(Event::Acknowledged { leg: CALLER, sdp: "".into() });
    assert!(sdp(&w, CALLER).contains("c=IN IP4 203.0.113.7\r\n"), "{}", sdp(&w, CALLER));
    w.speak("我家停水了");
    assert!(sdp(&w, w.invited.unwrap()).contains("c=IN IP4 127.0.0.1\r\n"));
}
