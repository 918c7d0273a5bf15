//! Encrypted legs: what is agreed on, kept over re-INVITEs, and recorded.

use super::world::{CALLER, PHONE, World, ended};
use super::*;
use crate::base::{SrtpKeys, Suite};

const ONE: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
const OTHER: &str = "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR";

fn offer(key: &str) -> Vec<u8> {
    format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 8\r\n\
         a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:{key}\r\n"
    )
    .into_bytes()
}

/// The keys that the media plane was told last for the caller's leg.
fn keys(w: &World) -> Option<SrtpKeys> {
    let connected = |o: &Output| match o {
        Output::Media(Media::Connect { leg: CALLER, to }) => Some(to.srtp),
        _ => None,
    };
    w.log.iter().rev().find_map(connected).flatten()
}

fn encrypted() -> World {
    let mut w = World::new();
    w.dial("12345", Vec::leak(offer(ONE)));
    w.event(Event::Acknowledged { leg: CALLER, sdp: b"".as_slice().into() });
    w
}

#[test]
fn an_encrypted_call_is_answered_as_such_and_its_record_says_so() {
    let mut w = encrypted();
    let answer = w.log.iter().find_map(|o| match o {
        Output::Sip(Sip::Answer { leg: CALLER, sdp }) => Some(String::from_utf8_lossy(sdp).into_owned()),
        _ => None,
    });
    let answer = answer.unwrap();
    assert!(
        answer.contains("RTP/SAVP 8\r\n") && answer.contains("a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:"),
        "{answer}"
    );
    let agreed = keys(&w).unwrap();
    assert_eq!(agreed.send.suite(), Suite::AesCm80);
    assert!(!answer.contains(ONE) && agreed.send != agreed.receive);
    w.event(ended(CALLER, EndCause::PeerHungUp));
    assert_eq!(w.record().legs[0].srtp.as_deref(), Some("AES_CM_128_HMAC_SHA1_80"));
}

#[test]
fn a_peer_that_keeps_its_key_finds_ours_kept_and_one_with_a_new_key_gets_a_new_one() {
    let mut w = encrypted();
    let first = keys(&w).unwrap();
    w.event(Event::Offer { leg: CALLER, sdp: offer(ONE).into() });
    assert_eq!(keys(&w), Some(first));
    w.event(Event::Offer { leg: CALLER, sdp: offer(OTHER).into() });
    let second = keys(&w).unwrap();
    assert!(second.receive != first.receive && second.send != first.send);
    // Our own sign of life, which repeats what we said last; the peer may take another key with its answer.
    w.event(Event::OfferAnswered { leg: CALLER, sdp: offer(ONE).into() });
    assert_eq!(keys(&w), Some(SrtpKeys { send: second.send, receive: first.receive }));
}

#[test]
fn a_leg_that_was_in_the_clear_meanwhile_is_encrypted_again_with_another_key() {
    let mut w = encrypted();
    let first = keys(&w).unwrap();
    w.event(Event::Offer { leg: CALLER, sdp: PHONE.into() });
    assert_eq!(keys(&w), None);
    w.event(Event::Offer { leg: CALLER, sdp: offer(ONE).into() });
    let second = keys(&w).unwrap();
    assert!(second.receive == first.receive && second.send != first.send);
}

/// The peer asks for our offer and takes `suite` of it; gives our key.
fn take(w: &mut World, suite: Suite) -> crate::base::MasterKey {
    w.event(Event::Offer { leg: CALLER, sdp: b"".as_slice().into() });
    let offered = w.log.iter().rev().find_map(|o| match o {
        Output::Sip(Sip::Answer { leg: CALLER, sdp }) => Some(String::from_utf8_lossy(sdp).into_owned()),
        _ => None,
    });
    let offered = offered.unwrap();
    let line = offered.lines().find(|l| l.starts_with("a=crypto:") && l.contains(suite.name())).unwrap();
    let (words, _) = line.split_once(" inline:").unwrap();
    let (key, salt) = suite.lengths();
    let theirs = data_encoding::BASE64.encode(&vec![7; key + salt]);
    let answer = format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 8\r\n\
         {words} inline:{theirs}\r\n"
    );
    w.event(Event::Acknowledged { leg: CALLER, sdp: answer.into_bytes().into() });
    let ours = keys(w).unwrap().send;
    assert_eq!(ours.suite(), suite);
    ours
}

#[test]
fn a_peer_that_goes_back_to_a_suite_by_its_answers_finds_a_new_key_and_one_that_stays_the_same() {
    let mut w = encrypted();
    let first = keys(&w).unwrap().send;
    let other = take(&mut w, Suite::Gcm128);
    let again = take(&mut w, Suite::AesCm80);
    assert_ne!(first, again);
    let third = take(&mut w, Suite::AesCm80);
    assert!(third == take(&mut w, Suite::AesCm80) && third != first && third != again);
    assert_ne!(take(&mut w, Suite::Gcm128), other);
}

#[test]
fn a_trunk_on_which_encryption_is_required_is_told_so_and_one_on_which_it_is_off_as_well() {
    for (srtp, sdp, why) in
        [("required", PHONE.to_vec(), "SRTP is required"), ("off", offer(ONE), "SRTP is off")]
    {
        let mut w = World::with_trunk("", &format!("srtp = \"{srtp}\"\n"));
        w.dial("12345", Vec::leak(sdp));
        let refused = |o: &Output| matches!(o, Output::Sip(Sip::Refuse { status: 488, reason, .. }) if reason.contains(why));
        assert!(w.log.iter().any(refused), "{srtp}");
    }
}
