//! What nobody asked for, at a hundred times the rate: dropped, counted by its reason, not heard, on virtual time.

use super::tests::{A, B, World, addr, datagram, fields};
use super::*;
use crate::limits::{RTP_AT_ONCE_MAX, RTP_RELATCH_AFTER, SSRC_CHANGE_AFTER};
use crate::rtp::{Fields, View};
use std::time::Duration;

fn stranger() -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 5], 9))
}

fn raw(w: &mut World, leg: LegId, from: SocketAddr, octets: &[u8]) -> usize {
    let mut buf = PacketBuf::default();
    buf.fill(&[octets]);
    w.shard.step(w.now, Input::Packet { leg, channel: Channel::Rtp, from, buf }, &mut w.out);
    w.out.sends.drain(..).count()
}

/// Says 50 frames on A, with a hundred of each `flood` between two; the other side hears the 50 frames and nothing else.
fn flooded(flood: impl Fn(&mut World, u16) -> usize) -> LegStats {
    let mut w = World::bridged();
    for n in 0..50u16 {
        let heard = w.audio(A, n, 7);
        assert_eq!(heard.len(), 1);
        assert_eq!(View::parse(&datagram(&heard[0])).unwrap().payload(), [7; 160]);
        for i in 0..100 {
            assert_eq!(flood(&mut w, 100 * n + i), 0);
        }
        w.run_ms(20);
    }
    assert_eq!(w.audio(B, 1, 1)[0].to, addr(A));
    let stats = w.closed(A);
    assert_eq!((stats.received, stats.lost, stats.duplicate), (50, 0, 0));
    stats
}

#[test]
fn a_flood_is_counted_by_its_reason_and_the_call_goes_on() {
    let wild = |n: u16, payload_type| Fields { ssrc: 99, ..fields(n, payload_type) };
    let noise = [9; 160];
    assert_eq!(flooded(|w, _| raw(w, A, addr(A), &[])).rejects.oversize, 5000);
    assert_eq!(flooded(|w, _| raw(w, A, addr(A), b"\x00 no RTP")).rejects.malformed, 5000);
    assert_eq!(
        flooded(|w, n| w.packet_from(A, addr(A), fields(n, 55), &noise).len()).rejects.payload_type,
        5000
    );
    assert_eq!(
        flooded(|w, n| w.packet_from(A, stranger(), fields(n, 0), &noise).len()).rejects.stranger,
        5000
    );
    assert_eq!(flooded(|w, _| raw(w, A, stranger(), &[0x80, 200, 0, 6])).rtcp_rejected, 5000);
    assert_eq!(flooded(|w, _| raw(w, A, addr(A), &[0x80, 200, 0, 6])).rtcp_rejected, 5000);
    let rejects =
        flooded(|w, n| if n % 100 < 3 { w.packet_from(A, addr(A), wild(n, 0), &noise).len() } else { 0 });
    assert_eq!(rejects.rejects.ssrc, 150);
}

#[test]
fn a_source_that_is_too_fast_is_cut_to_the_pace_that_any_codec_needs() {
    let mut w = World::bridged();
    let heard: usize = (0..5000).map(|n| w.packet_from(A, addr(A), fields(n, 0), &[7; 160]).len()).sum();
    let stats = w.closed(A);
    assert_eq!((heard, stats.rejects.flood), (RTP_AT_ONCE_MAX as usize, 5000 - u64::from(RTP_AT_ONCE_MAX)));
}

#[test]
fn another_ssrc_is_heard_when_the_first_has_fallen_silent() {
    let mut w = World::bridged();
    let other = Fields { ssrc: 99, ..fields(5, 0) };
    w.audio(A, 1, 7);
    assert!(w.packet_from(A, addr(A), other, &[8; 160]).is_empty());
    w.run_ms(SSRC_CHANGE_AFTER.as_millis() as u64);
    assert_eq!(w.packet_from(A, addr(A), other, &[8; 160]).len(), 1);
    assert!(w.audio(A, 2, 7).is_empty());
    assert_eq!(w.closed(A).rejects.ssrc, 2);
}

#[test]
fn a_silent_source_is_replaced_only_by_one_that_goes_on_where_it_was() {
    let mut w = World::bridged();
    w.audio(A, 1, 7);
    w.run_ms((RTP_RELATCH_AFTER + Duration::from_millis(20)).as_millis() as u64);
    let at_random = Fields { ssrc: 99, ..fields(5, 0) };
    assert!(w.packet_from(A, stranger(), at_random, &[8; 160]).is_empty());
    assert_eq!(w.packet_from(A, stranger(), fields(2, 0), &[8; 160]).len(), 1, "a NAT has moved it");
    assert_eq!(w.audio(B, 1, 1)[0].to, stranger());
    assert_eq!(w.closed(A).rejects.stranger, 1);
}
