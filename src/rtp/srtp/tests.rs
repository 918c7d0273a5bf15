//! SRTP against another implementation (webrtc-srtp), over lost, late and wrapped sequence numbers, and against itself.

use super::*;
use crate::base::{LegId, Secret, Suite};
use crate::rtp::{Fields, View};
use proptest::prelude::*;
use webrtc_srtp::{context::Context, protection_profile::ProtectionProfile};

fn profile(suite: Suite) -> ProtectionProfile {
    match suite {
        Suite::Gcm256 => ProtectionProfile::AeadAes256Gcm,
        Suite::Gcm128 => ProtectionProfile::AeadAes128Gcm,
        Suite::AesCm80 => ProtectionProfile::Aes128CmHmacSha1_80,
        Suite::AesCm32 => ProtectionProfile::Aes128CmHmacSha1_32,
    }
}

fn theirs(key: &MasterKey) -> Context {
    Context::new(key.key(), key.salt(), profile(key.suite()), None, None).unwrap()
}

fn key(suite: Suite, nth: u64) -> MasterKey {
    Secret::new([9; 32]).of(LegId(3)).key(suite, nth)
}

fn pair(suite: Suite) -> (Box<Srtp>, Box<Srtp>) {
    let (a, b) = (key(suite, 0), key(suite, 1));
    let install = |send, receive| Srtp::install(None, Some(SrtpKeys { send, receive })).unwrap();
    (install(a, b), install(b, a))
}

fn rtp(seq: u16, payload: &[u8]) -> PacketBuf {
    let fields = Fields { marker: false, payload_type: 0, seq, timestamp: 160, ssrc: 0xdead_beef };
    let mut buf = PacketBuf::default();
    buf.fill(&[&fields.bytes(), payload]);
    buf
}

fn filled(octets: &[u8]) -> PacketBuf {
    let mut buf = PacketBuf::default();
    buf.fill(&[octets]);
    buf
}

/// Numbers of a stream that wraps, with loss and disorder.
fn numbers() -> impl Strategy<Value = Vec<u16>> {
    let step = proptest::collection::vec((1u16..40, any::<bool>()), 1..40);
    (65_000u16..65_400, step).prop_map(|(first, steps)| {
        let mut next = first;
        let mut all: Vec<u16> = steps
            .iter()
            .map(|(step, _)| {
                next = next.wrapping_add(*step);
                next
            })
            .collect();
        for at in (2..all.len()).step_by(2).filter(|at| steps[*at].1) {
            all.swap(at, at - 1);
        }
        all
    })
}

proptest! {
    #[test]
    fn what_is_sealed_here_is_opened_there_and_the_other_way_round(
        suite in (0usize..4).prop_map(|n| Suite::ALL[n]), seqs in numbers(),
        payload in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let (mut ours, _) = pair(suite);
        let (mut opens, mut seals) = (theirs(&key(suite, 0)), theirs(&key(suite, 1)));
        for seq in seqs {
            let clear = rtp(seq, &payload);
            let mut buf = filled(clear.bytes());
            ours.seal(&mut buf).unwrap();
            prop_assert_eq!(&opens.decrypt_rtp(buf.bytes()).unwrap()[..], clear.bytes());
            let mut buf = filled(&seals.encrypt_rtp(clear.bytes()).unwrap());
            prop_assert_eq!(ours.open(&mut buf), Ok(()));
            prop_assert_eq!(buf.bytes(), clear.bytes());
        }
    }

    #[test]
    fn so_are_reports(
        suite in (0usize..4).prop_map(|n| Suite::ALL[n]), body in proptest::collection::vec(any::<u8>(), 4..20),
    ) {
        let mut clear = vec![0x80, 200, 0, body.len() as u8 + 1];
        body.iter().for_each(|b| clear.extend([*b; 4]));
        let (mut ours, _) = pair(suite);
        let (mut opens, mut seals) = (theirs(&key(suite, 0)), theirs(&key(suite, 1)));
        for _ in 0..3 {
            let mut buf = filled(&clear);
            ours.seal_rtcp(&mut buf).unwrap();
            prop_assert_eq!(&opens.decrypt_rtcp(buf.bytes()).unwrap()[..], &clear[..]);
            let mut buf = filled(&seals.encrypt_rtcp(&clear).unwrap());
            prop_assert_eq!(ours.open_rtcp(&mut buf), Ok(()));
            prop_assert_eq!(buf.bytes(), &clear[..]);
        }
    }

    #[test]
    fn anything_else_is_refused_without_a_panic_and_changes_nothing(
        suite in (0usize..4).prop_map(|n| Suite::ALL[n]), noise in proptest::collection::vec(any::<u8>(), 0..60),
        at in 0usize..180, bit in 0u8..8,
    ) {
        let (mut a, mut b) = pair(suite);
        prop_assert!(b.open(&mut filled(&noise)).is_err());
        prop_assert!(b.open_rtcp(&mut filled(&noise)).is_err());
        let mut buf = rtp(1, &[7; 160]);
        a.seal(&mut buf).unwrap();
        let mut forged = filled(buf.bytes());
        if let Some(octet) = forged.bytes_mut().get_mut(at) {
            *octet ^= 1 << bit;
            prop_assert!(b.open(&mut forged).is_err());
        }
        prop_assert_eq!(b.open(&mut buf), Ok(()));
        prop_assert_eq!(View::parse(buf.bytes()).unwrap().payload(), [7; 160]);
    }
}

#[test]
fn a_replay_is_refused_and_so_is_what_is_too_old_to_tell() {
    for suite in Suite::ALL {
        let (mut a, mut b) = pair(suite);
        let sealed: Vec<PacketBuf> = (0..200)
            .map(|seq| {
                let mut buf = rtp(seq, b"hello");
                a.seal(&mut buf).unwrap();
                buf
            })
            .collect();
        let mut open = |n: usize| b.open(&mut filled(sealed[n].bytes()));
        assert_eq!(open(10), Ok(()));
        assert_eq!(open(10), Err(SrtpFault::Replay));
        assert_eq!(open(150), Ok(()));
        assert_eq!((open(23), open(23)), (Ok(()), Err(SrtpFault::Replay)));
        assert_eq!(open(22), Err(SrtpFault::Replay), "128 packets back nobody knows");
        assert_eq!(open(151), Ok(()));
    }
}

#[test]
fn a_report_is_taken_once() {
    let (mut a, mut b) = pair(Suite::AesCm80);
    let mut report = filled(&[0x80, 201, 0, 1, 1, 2, 3, 4]);
    a.seal_rtcp(&mut report).unwrap();
    assert_eq!(b.open_rtcp(&mut filled(report.bytes())), Ok(()));
    assert_eq!(b.open_rtcp(&mut filled(report.bytes())), Err(SrtpFault::Replay));
}

#[test]
fn no_keystream_is_used_twice() {
    let (mut a, _) = pair(Suite::Gcm128);
    assert_eq!(a.seal(&mut rtp(5, b"one")), Ok(()));
    assert_eq!(a.seal(&mut rtp(7, b"three")), Ok(()));
    assert_eq!(a.seal(&mut rtp(6, b"two")), Ok(()), "late, but its own");
    assert_eq!(a.seal(&mut rtp(7, b"other words")), Err(SrtpFault::Reused));
}

#[test]
fn a_key_that_stays_goes_on_and_a_new_one_begins_anew() {
    let (a, b) = (key(Suite::AesCm80, 0), key(Suite::AesCm80, 1));
    let mut ours = Srtp::install(None, Some(SrtpKeys { send: a, receive: b }));
    let mut peer = Srtp::install(None, Some(SrtpKeys { send: b, receive: a })).unwrap();
    let mut buf = rtp(1, b"x");
    peer.seal(&mut buf).unwrap();
    let sent = filled(buf.bytes());
    ours.as_mut().unwrap().open(&mut buf).unwrap();

    ours = Srtp::install(ours, Some(SrtpKeys { send: a, receive: b }));
    assert_eq!(ours.as_mut().unwrap().open(&mut filled(sent.bytes())), Err(SrtpFault::Replay));
    let other = key(Suite::AesCm80, 2);
    ours = Srtp::install(ours, Some(SrtpKeys { send: a, receive: other }));
    assert_eq!(ours.as_mut().unwrap().open(&mut filled(sent.bytes())), Err(SrtpFault::Authentication));
    assert!(Srtp::install(ours, None).is_none());
}

#[test]
fn a_packet_without_room_for_its_tag_is_not_sent() {
    let (mut a, _) = pair(Suite::AesCm80);
    assert_eq!(a.seal(&mut rtp(1, &[0; crate::limits::RTP_PACKET_OCTETS_MAX - 20])), Err(SrtpFault::TooLong));
}
