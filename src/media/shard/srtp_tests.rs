//! Encrypted legs, on virtual time.

use super::tests::{A, B, World, addr, datagram, fields, play, prompt, spec};
use super::*;
use crate::base::{Codec, Secret, SrtpKeys, Suite};
use crate::media::{Send, StreamSpec};
use crate::rtp::{Reports, Srtp, View};

/// The keys of a leg and of its peer; another number gives others.
fn keys(suite: Suite, nth: u8) -> (SrtpKeys, SrtpKeys) {
    let key = |n| Secret::new([nth; 32]).key(suite, n);
    (SrtpKeys { send: key(0), receive: key(1) }, SrtpKeys { send: key(1), receive: key(0) })
}

/// The far end of an encrypted leg.
struct Peer(Box<Srtp>);

impl Peer {
    fn of(w: &mut World, leg: LegId, (ours, theirs): (SrtpKeys, SrtpKeys)) -> Peer {
        w.command(Command::Connect { leg, to: StreamSpec { srtp: Some(ours), ..spec(leg, Codec::Pcmu) } });
        Peer(Srtp::install(None, Some(theirs)).unwrap())
    }

    fn sealed(&mut self, seq: u16, payload: &[u8]) -> Vec<u8> {
        let mut buf = PacketBuf::default();
        buf.fill(&[&fields(seq, 0).bytes(), payload]);
        self.0.seal(&mut buf).unwrap();
        buf.bytes().to_vec()
    }

    fn opened(&mut self, send: &Send) -> Vec<u8> {
        let mut buf = PacketBuf::default();
        buf.fill(&send.body.parts());
        self.0.open(&mut buf).unwrap();
        View::parse(buf.bytes()).unwrap().payload().to_vec()
    }
}

fn give(w: &mut World, leg: LegId, from: SocketAddr, octets: &[u8]) -> Vec<Send> {
    let mut buf = PacketBuf::default();
    buf.fill(&[octets]);
    w.shard.step(w.now, Input::Packet { leg, channel: Channel::Rtp, from, buf }, &mut w.out);
    w.out.sends.drain(..).collect()
}

#[test]
fn what_an_encrypted_leg_says_is_heard_in_the_clear_by_one_that_is_not_and_the_other_way_round() {
    for suite in Suite::ALL {
        let mut w = World::bridged();
        let mut peer = Peer::of(&mut w, A, keys(suite, 1));
        let sent = give(&mut w, A, addr(A), &peer.sealed(1, &[7; 160]));
        assert_eq!(View::parse(&datagram(&sent[0])).unwrap().payload(), [7; 160]);
        let sent = w.audio(B, 1, 9);
        assert_ne!(datagram(&sent[0])[12..172], [9; 160]);
        assert_eq!(peer.opened(&sent[0]), [9; 160]);
    }
}

#[test]
fn between_two_encrypted_legs_each_has_its_own_key() {
    let mut w = World::bridged();
    let mut a = Peer::of(&mut w, A, keys(Suite::AesCm32, 1));
    let mut b = Peer::of(&mut w, B, keys(Suite::Gcm256, 2));
    let sent = give(&mut w, A, addr(A), &a.sealed(1, &[7; 160]));
    assert_eq!(b.opened(&sent[0]), [7; 160]);
    let sent = give(&mut w, B, addr(B), &b.sealed(1, &[8; 160]));
    assert_eq!(a.opened(&sent[0]), [8; 160]);
}

#[test]
fn prompts_and_reports_are_encrypted_and_theirs_are_believed() {
    let mut w = World::with(&[(A, Codec::Pcmu)]);
    let mut peer = Peer::of(&mut w, A, keys(Suite::AesCm80, 1));
    let p = prompt(400, 0);
    w.command(play(A, 1, &[&p], false));
    for (_, send) in w.run_ms(8000) {
        assert_eq!(peer.opened(&send).len(), 160);
    }
    let octets = datagram(&w.rtcp.pop().unwrap().1);
    let mut report = PacketBuf::default();
    report.fill(&[&octets]);
    peer.0.open_rtcp(&mut report).unwrap();
    assert_eq!(report.bytes()[1], 200, "a sender report");

    let stream = Outbound::new(w.now, 5, 0, 0);
    let (octets, len) =
        Reports::new(w.now, 1).write(w.now, &stream, (3, 480), &crate::rtp::Receiver::default(), false);
    let mut theirs = PacketBuf::default();
    theirs.fill(&[&octets[..len]]);
    peer.0.seal_rtcp(&mut theirs).unwrap();
    give(&mut w, A, addr(A), theirs.bytes());
    give(&mut w, A, addr(A), &octets[..len]);
    let stats = w.closed(A);
    assert_eq!((stats.rejected, stats.rtcp_rejected), (0, 1));
}

#[test]
fn what_is_not_under_the_key_is_not_heard_and_moves_nothing() {
    let mut w = World::bridged();
    let mut peer = Peer::of(&mut w, A, keys(Suite::Gcm128, 1));
    let stranger = SocketAddr::from(([203, 0, 113, 5], 9));
    assert!(w.packet_from(A, stranger, fields(1, 0), &[7; 180]).is_empty());
    let sealed = peer.sealed(2, &[7; 160]);
    let mut forged = sealed.clone();
    forged[60] ^= 1;
    assert!(give(&mut w, A, addr(A), &forged).is_empty());
    assert_eq!(give(&mut w, A, addr(A), &sealed).len(), 1);
    assert!(give(&mut w, A, addr(A), &sealed).is_empty());
    assert_eq!(w.audio(B, 1, 9)[0].to, addr(A), "the stranger was first, and is not followed");
    let stats = w.closed(A);
    let rejects = stats.rejects;
    assert_eq!((rejects.unauthenticated, rejects.replayed, stats.rejected, stats.received), (2, 1, 3, 1));
}

#[test]
fn a_repeated_key_goes_on_and_a_new_one_takes_its_place() {
    let mut w = World::bridged();
    let mut peer = Peer::of(&mut w, A, keys(Suite::AesCm80, 1));
    let first = peer.sealed(1, &[7; 160]);
    assert_eq!(give(&mut w, A, addr(A), &first).len(), 1);
    Peer::of(&mut w, A, keys(Suite::AesCm80, 1));
    assert!(give(&mut w, A, addr(A), &first).is_empty(), "still a replay");
    let mut new = Peer::of(&mut w, A, keys(Suite::Gcm128, 2));
    assert!(give(&mut w, A, addr(A), &peer.sealed(2, &[7; 160])).is_empty());
    assert_eq!(give(&mut w, A, addr(A), &new.sealed(3, &[7; 160])).len(), 1);
    assert_eq!(new.opened(&w.audio(B, 1, 9)[0]), [9; 160]);
    let rejects = w.closed(A).rejects;
    assert_eq!((rejects.unauthenticated, rejects.replayed), (1, 1));
}

#[test]
fn a_key_pressed_on_an_encrypted_leg_is_heard_once() {
    let mut w = World::bridged();
    let mut peer = Peer::of(&mut w, A, keys(Suite::AesCm80, 1));
    for (n, end) in [0u8, 0, 0x80, 0x80, 0x80].into_iter().enumerate() {
        let mut buf = PacketBuf::default();
        let f = crate::rtp::Fields { timestamp: 160, ..fields(n as u16 + 1, 101) };
        buf.fill(&[&f.bytes(), &[5, end | 10, 1, 64]]);
        peer.0.seal(&mut buf).unwrap();
        assert_eq!(give(&mut w, A, addr(A), buf.bytes()).len(), 1);
    }
    assert_eq!(w.digits(), "5");
}
