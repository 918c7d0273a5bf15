//! Offers within a dialog, signs of life, and provisional responses that must arrive: against a peer written by hand, and
//! between two endpoints over a network that loses.

use super::pair::World;
use super::peer::{NONE, Peer, calling};
use super::{answer, flow, ms, to_node_1};
use crate::base::{LegId, Now};
use crate::sip::*;
use bytes::Bytes;
use std::time::Duration;

const SDP: &str = "Content-Type: application/sdp\r\n";
/// A PRACK for the peer's INVITE with CSeq 1.
fn rack(p: &Peer) -> String {
    format!("RAck: {} 1 INVITE\r\n", p.sent.last().unwrap().get(Name::RSeq).unwrap())
}

fn s(s: u64) -> Duration {
    Duration::from_secs(s)
}

fn latest(p: &Peer, name: Name) -> String {
    p.sent.last().and_then(|m| Some(m.get(name)?.to_string())).unwrap_or_default()
}

/// The peer's answer to our latest request, which must be a `method`.
fn reply(p: &mut Peer, method: &Method, status: u16, extra: &[(Name, &str)]) -> Vec<String> {
    let request = p.sent.iter().rfind(|m| m.request().is_some()).unwrap().clone();
    assert_eq!(request.request().unwrap().0, method);
    let mut b = Builder::reply(&request, status, "", Some("b")).field(Name::Contact, "<sip:bob@10.0.0.2>");
    for (name, value) in extra {
        b = b.field(*name, value);
    }
    p.input(Input::Received { flow: flow(0, 1, Transport::Udp), message: b.sdp(b"v=0") })
}

/// A call of the peer that is up, with a session of `interval` that this side refreshes by UPDATE.
fn timed(extra: &str) -> Peer {
    let mut p = Peer::new();
    p.request("INVITE", 1, extra, "");
    p.command(answer);
    p.request("ACK", 1, "", "");
    p
}

#[test]
fn an_update_changes_media_without_an_ack_and_one_without_media_is_a_sign_of_life() {
    let mut p = Peer::up();
    assert_eq!(p.request("UPDATE", 2, "", ""), ["200"]);
    assert_eq!(p.request("UPDATE", 3, SDP, "v=0"), ["Offer"]);
    assert_eq!(p.request("UPDATE", 4, SDP, "v=0"), ["500"], "RFC 3311 §5.2: an earlier one pends");
    assert_eq!(p.command(answer), ["200", "Acknowledged"]);
    assert_eq!(p.pass(s(20)), NONE, "nothing is repeated");
    assert_eq!(p.request("UPDATE", 5, "Content-Type: text/plain\r\n", "x"), ["415"]);
    assert_eq!(p.request("UPDATE", 6, SDP, "v=0"), ["Offer"]);
    let refuse = |leg| Command::Refuse { leg, status: 488, reason: String::new(), retry_after_s: None };
    assert_eq!(p.command(refuse), ["488"]);
    assert_eq!(p.request("BYE", 7, "Reason: Q.850;cause=16\r\n", ""), ["200", "Reason", "Ended"]);
}

#[test]
fn an_update_before_the_answer_must_wait_if_it_offers() {
    let mut p = Peer::new();
    p.request("INVITE", 1, "", "");
    p.command(|leg| Command::Ring { leg });
    assert_eq!(p.request("UPDATE", 2, "", ""), ["200"]);
    assert_eq!(p.request("UPDATE", 3, SDP, "v=0"), ["500"]);
    assert_eq!(p.command(answer), ["200"]);
    assert_eq!(p.request("ACK", 1, "", ""), ["Acknowledged"], "the number of the INVITE, not of the UPDATE");
}

#[test]
fn an_offer_of_ours_waits_its_turn_and_is_made_again_after_glare() {
    let mut p = Peer::up();
    let offer = |leg| Command::Offer { leg, sdp: Bytes::from_static(b"ours") };
    assert_eq!(p.request("INVITE", 2, "", ""), ["100", "Offer"]);
    assert_eq!(p.command(offer), NONE, "the peer's is open");
    assert_eq!(p.command(answer), ["200"]);
    p.request("ACK", 2, "", "");
    assert_eq!(p.pass(ms(600)), ["INVITE"]);
    assert_eq!(p.request("INVITE", 3, "", ""), ["491"], "ours is open");
    assert_eq!(p.request("ACK", 3, "", ""), NONE);
    assert_eq!(p.request("UPDATE", 4, SDP, "v=0"), ["491"]);
    assert_eq!(p.request("UPDATE", 5, "", ""), ["200"], "a sign of life is no offer");
    assert_eq!(reply(&mut p, &Method::Invite, 491, &[]), ["ACK"]);
    let sent = p.pass(ms(2100));
    assert!(sent.contains(&"INVITE".into()), "RFC 3261 §14.1: within 2 s, for we do not own the Call-ID");
    assert_eq!(reply(&mut p, &Method::Invite, 200, &[]), ["ACK", "OfferAnswered"]);
    assert_eq!(p.command(offer), ["INVITE"]);
    assert_eq!(reply(&mut p, &Method::Invite, 488, &[]), ["ACK", "OfferRefused"]);
    assert_eq!(p.command(offer), ["INVITE"]);
    assert_eq!(
        reply(&mut p, &Method::Invite, 481, &[]),
        ["ACK", "BYE", "Ended"],
        "§14.1: it knows no such call"
    );
}

#[test]
fn a_copy_of_the_200_to_our_re_invite_is_acknowledged_again() {
    let mut p = Peer::up();
    p.command(|leg| Command::Offer { leg, sdp: Bytes::from_static(b"ours") });
    assert_eq!(reply(&mut p, &Method::Invite, 200, &[]), ["ACK", "OfferAnswered"]);
    let ack = p.sent.pop().unwrap();
    assert_eq!(reply(&mut p, &Method::Invite, 200, &[]), ["ACK"]);
    assert_eq!(p.sent.last().unwrap().get(Name::CSeq), ack.get(Name::CSeq));
    p.command(|leg| Command::Offer { leg, sdp: Bytes::from_static(b"ours") });
    p.command(|leg| Command::Hangup { leg, reason: "" });
    let invite = p.sent.remove(p.sent.len() - 2);
    p.sent.push(invite);
    assert_eq!(reply(&mut p, &Method::Invite, 200, &[]), ["ACK"], "it crossed our BYE");
}

#[test]
fn a_re_invite_of_ours_that_is_never_decided_is_taken_back_and_the_peer_given_up() {
    let mut p = Peer::up();
    p.command(|leg| Command::Offer { leg, sdp: Bytes::from_static(b"ours") });
    assert_eq!(reply(&mut p, &Method::Invite, 100, &[]), NONE);
    assert_eq!(p.pass(ms(31_900)), NONE);
    assert_eq!(p.pass(ms(200)), ["CANCEL"]);
    let all = p.pass(s(40));
    assert!(all.contains(&"BYE".into()) && all.contains(&"Ended".into()), "{all:?}");
    p.pass(s(100));
    assert_eq!(p.endpoint.dump(), "");
}

#[test]
fn a_session_that_we_refresh_is_refreshed_at_half_time_by_what_the_peer_understands() {
    let mut p = timed("Session-Expires: 100\r\nAllow: INVITE, UPDATE\r\nSupported: timer\r\n");
    let ok = p.sent.iter().find(|m| m.get(Name::SessionExpires).is_some()).unwrap();
    assert_eq!(ok.get(Name::SessionExpires), Some("100;refresher=uas"));
    assert_eq!(p.pass(ms(49_900)), NONE);
    assert_eq!(p.pass(ms(200)), ["UPDATE"]);
    assert_eq!(latest(&p, Name::SessionExpires), "100;refresher=uac");
    let took = [(Name::SessionExpires, "100;refresher=uac")];
    assert_eq!(reply(&mut p, &Method::Update, 200, &took), ["OfferAnswered"]);
    assert_eq!(p.pass(ms(50_000)), ["UPDATE"], "and so on");
    // A peer without UPDATE gets our latest description again.
    let mut p = timed("Session-Expires: 100\r\n");
    assert_eq!(p.pass(ms(50_100)), ["INVITE"]);
    assert_eq!(p.sent.last().unwrap().body(), "answer");
    assert_eq!(reply(&mut p, &Method::Invite, 200, &[]), ["ACK", "OfferAnswered"]);
    assert_eq!(p.pass(s(10_000)), NONE, "RFC 4028 §7.2: no Session-Expires in the answer, no timer");
}

#[test]
fn a_peer_that_is_silent_or_knows_nothing_of_the_call_ends_it() {
    let session = "Session-Expires: 90;refresher=uac\r\nSupported: timer\r\n";
    let mut p = timed(session);
    assert_eq!(p.pass(ms(59_900)), NONE, "the peer is to refresh");
    assert_eq!(p.request("UPDATE", 2, session, ""), ["200"]);
    assert_eq!(latest(&p, Name::Require), "timer");
    assert_eq!(p.pass(ms(59_900)), NONE, "it did");
    assert_eq!(p.pass(ms(200)), ["BYE", "Ended"]);
    assert!(latest(&p, Name::Reason).contains("Session expired"));
    // Ours is not answered at all: Timer F.
    let mut p = timed("Session-Expires: 90\r\nAllow: UPDATE\r\n");
    let all = p.pass(s(100));
    assert!(
        all.iter().any(|l| l == "Ended") && all.iter().all(|l| l == "UPDATE" || l == "BYE" || l == "Ended")
    );
    p.pass(s(100));
    assert_eq!(p.endpoint.dump(), "");
}

#[test]
fn a_session_too_short_is_refused_and_one_too_short_for_the_peer_is_asked_for_again() {
    let mut p = Peer::new();
    assert_eq!(p.request("INVITE", 1, "Session-Expires: 60\r\nSupported: timer\r\n", ""), ["422"]);
    assert_eq!(latest(&p, Name::MinSe), "90");
    let (mut p, _, _) = calling_sent();
    assert_eq!(reply(&mut p, &Method::Invite, 422, &[(Name::MinSe, "3600")]), ["ACK", "INVITE"]);
    assert_eq!((latest(&p, Name::SessionExpires), latest(&p, Name::MinSe)), ("3600".into(), "3600".into()));
    let took = [(Name::SessionExpires, "3600;refresher=uas"), (Name::Require, "timer")];
    assert_eq!(reply(&mut p, &Method::Invite, 200, &took), ["ACK", "Answered"]);
    assert_eq!(p.pass(s(3567)), NONE);
    assert_eq!(p.pass(s(2))[..2], ["BYE", "Ended"]);
}

/// Like [`calling`], with the INVITE among what was sent.
fn calling_sent() -> (Peer, Message, ()) {
    let (mut p, invite, _) = calling();
    p.sent.push(invite.clone());
    (p, invite, ())
}

#[test]
fn a_1xx_that_the_peer_requires_to_arrive_is_repeated_until_its_prack() {
    let require = format!("Require: 100rel\r\n{SDP}");
    let mut p = Peer::new();
    assert_eq!(p.request("INVITE", 1, &require, "v=0"), ["100", "Incoming"]);
    assert_eq!(p.command(|leg| Command::Ring { leg }), ["180"]);
    assert_eq!(latest(&p, Name::Require), "100rel");
    assert_eq!(p.pass(ms(1600)), ["180", "180"], "after T1 and 2·T1");
    assert_eq!(p.request("PRACK", 2, "RAck: 0 1 INVITE\r\n", ""), ["481"]);
    p.sent.pop();
    let good = rack(&p);
    assert_eq!(p.request("PRACK", 3, &good, ""), ["200"]);
    assert_eq!(p.request("PRACK", 4, &good, ""), ["481"], "once is enough");
    assert_eq!(p.request("PRACK", 5, "", ""), ["400"]);
    assert_eq!(p.pass(s(40)), NONE);
    assert_eq!(p.command(answer), ["200"]);
    assert_eq!(p.request("ACK", 1, "", ""), ["Acknowledged"]);
    // Without PRACK the INVITE fails.
    let mut p = Peer::new();
    p.request("INVITE", 1, &require, "v=0");
    p.command(|leg| Command::Ring { leg });
    assert_eq!(p.pass(s(32)).iter().filter(|l| *l == "504" || *l == "Ended").count(), 2);
    // An answer does not wait for it, and its PRACK may come late.
    let mut p = Peer::new();
    p.request("INVITE", 1, &require, "v=0");
    p.command(|leg| Command::Ring { leg });
    let good = rack(&p);
    assert_eq!(p.command(answer), ["200"]);
    assert_eq!(p.request("PRACK", 2, &good, ""), ["200"]);
    assert_eq!(p.request("ACK", 1, "", ""), ["Acknowledged"]);
    // One that wants our offer gets it in the 200.
    let mut p = Peer::new();
    p.request("INVITE", 1, "Require: 100rel\r\n", "");
    assert_eq!(p.command(|leg| Command::Ring { leg }), NONE);
    assert_eq!(p.command(answer), ["200"]);
}

#[test]
fn a_reliable_1xx_of_the_peer_is_acknowledged_once_and_in_order() {
    let (mut p, _, _) = calling_sent();
    let ringing = |rseq| [(Name::Require, "100rel"), (Name::RSeq, rseq)];
    assert_eq!(reply(&mut p, &Method::Invite, 183, &ringing("7")), ["PRACK", "Progress"]);
    assert_eq!(latest(&p, Name::RAck), "7 1 INVITE");
    let prack = p.sent.pop().unwrap();
    assert_eq!(prack.envelope().unwrap().cseq, 2);
    assert_eq!(reply(&mut p, &Method::Invite, 183, &ringing("7")), NONE, "a copy");
    assert_eq!(reply(&mut p, &Method::Invite, 180, &ringing("9")), NONE, "8 is missing");
    assert_eq!(reply(&mut p, &Method::Invite, 180, &ringing("8")), ["PRACK", "Progress"]);
    p.sent.pop();
    assert_eq!(reply(&mut p, &Method::Invite, 200, &[]), ["ACK", "Answered"]);
    assert_eq!(p.sent.last().unwrap().envelope().unwrap().cseq, 1, "the ACK has the INVITE's number");
    assert_eq!(p.command(|leg| Command::Hangup { leg, reason: "" }), ["BYE", "Ended"]);
    assert_eq!(p.sent.last().unwrap().envelope().unwrap().cseq, 4, "two PRACKs have been numbered");
}

#[test]
fn whatever_is_lost_both_sides_offer_and_live_on() {
    for seed in 0..120 {
        let mut w = World::new(seed, [0, 10, 20, 30][seed as usize % 4]);
        let leg = w.call(to_node_1(Transport::Udp));
        let mut legs: [Option<LegId>; 2] = [Some(leg), None];
        let end = Now(1_000_000) + s(2 * 3600);
        w.command(s(2 * 3600), 0, Command::Hangup { leg, reason: "" });
        let mut offers = 0;
        w.run(|w, node, event| match event {
            Event::Incoming(call) => {
                legs[1] = Some(call.leg);
                w.command(ms(10), node, answer(call.leg));
            }
            Event::Answered { .. } => {
                // Both at once: glare.
                for (node, leg) in legs.iter().enumerate() {
                    let sdp = Bytes::from_static(b"again");
                    w.command(s(5), node, Command::Offer { leg: leg.unwrap(), sdp });
                }
            }
            Event::Offer { leg, .. } => w.command(ms(5), node, answer(*leg)),
            Event::OfferAnswered { .. } => offers += 1,
            _ => {}
        });
        let early = w.now < end;
        assert!(early || offers >= 2, "seed {seed}: {offers} offers went through");
        assert!(!early || seed % 4 > 0, "seed {seed}: nothing is lost, so it lives to its end");
        assert_eq!((w.ended(0).len(), w.ended(1).len()), (1, usize::from(legs[1].is_some())), "seed {seed}");
        assert_eq!(w.nodes[0].dump() + &w.nodes[1].dump(), "", "seed {seed}");
    }
}
