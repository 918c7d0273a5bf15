//! Reports of legs, on virtual time.

use super::tests::{A, B, World, addr, datagram, fields, spec};
use super::*;
use crate::base::Codec;
use crate::media::StreamSpec;
use crate::rtp::{Fields, Reports, View};

impl World {
    fn control_from(&mut self, leg: LegId, from: SocketAddr, octets: &[u8]) {
        let mut buf = PacketBuf::default();
        buf.as_mut()[..octets.len()].copy_from_slice(octets);
        buf.set_len(octets.len());
        self.shard.step(self.now, Input::Packet { leg, channel: Channel::Rtcp, from, buf }, &mut self.out);
    }

    /// The reports that `leg` has sent, and forgets them.
    fn sent_reports(&mut self, leg: LegId) -> Vec<Vec<u8>> {
        let (own, others) = self.rtcp.drain(..).partition::<Vec<_>, _>(|(_, s)| s.leg == leg);
        self.rtcp = others;
        own.iter().map(|(_, s)| datagram(s)).collect()
    }
}

/// Where RTCP of `leg`'s peer comes from.
fn rtcp(leg: LegId) -> SocketAddr {
    SocketAddr::new(addr(leg).ip(), 4001)
}

#[test]
fn rtcp_and_comfort_noise_are_no_fault_and_anything_else_is() {
    let mut w = World::bridged();
    w.audio(A, 1, 7);
    w.packet_from(A, addr(A), Fields { marker: true, ..fields(0, 200 & 0x7f) }, &[0; 16]);
    w.packet_from(A, addr(A), fields(2, 13), &[0; 1]);
    w.packet_from(A, addr(A), fields(3, 55), &[0; 160]);
    let next = w.audio(A, 3, 7);
    assert_eq!(next.len(), 1);
    let stats = w.closed(A);
    assert_eq!((stats.rejected, stats.received, stats.lost), (1, 3, 0));
}

/// The far end of a leg: hears what the leg sends and reports on it.
struct Far {
    stream: Outbound,
    receiver: crate::rtp::Receiver,
    reports: Reports,
}

impl Far {
    fn new() -> Far {
        let (stream, reports) = (Outbound::new(Now(0), 5, 0, 0), Reports::new(Now(0), 5));
        Far { stream, receiver: crate::rtp::Receiver::default(), reports }
    }

    fn report(&mut self, now: Now) -> Vec<u8> {
        let (octets, len) = self.reports.write(now, &self.stream, (0, 0), &self.receiver, false);
        octets[..len].to_vec()
    }
}

#[test]
fn the_record_has_the_round_trip_and_what_the_far_end_misses() {
    let mut w = World::with(&[(A, Codec::Pcmu)]);
    let mut far = Far::new();
    w.audio(A, 1, 7);
    for n in 0..400 {
        for (at, send) in w.run_ms(20) {
            let f = View::parse(&datagram(&send)).unwrap().fields();
            if n % 4 != 3 {
                far.receiver.accept(at, &f, true);
            }
        }
        for report in w.sent_reports(A) {
            far.reports.receive(w.now, &report, &far.stream, 8000);
        }
        if n == 398 {
            let report = far.report(w.now);
            w.run_ms(60);
            w.control_from(A, rtcp(A), &report);
        }
    }
    let stats = w.closed(A);
    let trip = stats.round_trip_ms.unwrap();
    assert!((59.0..=61.0).contains(&trip), "{trip}");
    let far = stats.far.unwrap();
    assert_eq!(far.lost, 99, "a fourth of 400, the last not known of");
    assert!(far.mos < 3.0 && stats.mos > 4.2, "{far:?} {stats:?}");
    let bye = w.out.sends.pop().expect("the stream's end is said");
    assert!(datagram(&bye).windows(2).any(|two| two == [0x81, 203]) && bye.to == rtcp(A));
}

#[test]
fn reports_share_the_port_of_rtp_where_that_was_agreed() {
    let mut w = World::with(&[]);
    w.command(Command::Open { leg: A });
    w.command(Command::Connect { leg: A, to: StreamSpec::new(addr(A), Codec::Pcmu) });
    let sent = w.run_ms(8000);
    let reports: Vec<_> = sent.iter().filter(|(_, s)| datagram(s)[1] == 200).collect();
    assert!((2..=4).contains(&reports.len()), "{}", reports.len());
    assert!(reports.iter().all(|(_, s)| s.channel == Channel::Rtp && s.to == addr(A)));
}

#[test]
fn a_stranger_is_not_believed_and_what_is_malformed_is_counted() {
    let mut w = World::with(&[(A, Codec::Pcmu)]);
    w.audio(A, 1, 7);
    w.run_ms(5000);
    let report = {
        let mut far = Far::new();
        for (_, send) in w.run_ms(100) {
            far.receiver.accept(w.now, &View::parse(&datagram(&send)).unwrap().fields(), true);
        }
        far.report(w.now)
    };
    let stranger = SocketAddr::from(([203, 0, 113, 5], 4001));
    w.control_from(A, stranger, &report);
    w.control_from(A, rtcp(A), &report[..20]);
    w.control_from(A, rtcp(A), &[]);
    let stats = w.closed(A);
    assert_eq!((stats.far, stats.rejected, stats.rtcp_rejected), (None, 0, 3));
}

#[test]
fn nothing_is_reported_to_an_address_that_says_hold() {
    let mut w = World::with(&[]);
    let nowhere = SocketAddr::from(([0, 0, 0, 0], 4000));
    w.command(Command::Open { leg: A });
    let direction = crate::base::Direction::RecvOnly;
    w.command(Command::Connect {
        leg: A,
        to: StreamSpec { direction, ..StreamSpec::new(nowhere, Codec::Pcmu) },
    });
    assert!(w.run_ms(9000).is_empty());
    let direction = crate::base::Direction::Inactive;
    w.command(Command::Connect { leg: A, to: StreamSpec { direction, ..spec(A, Codec::Pcmu) } });
    w.run_ms(9000);
    assert!(!w.rtcp.is_empty(), "a held leg still reports (RFC 3264 §8.4)");
    assert_eq!(w.rtcp.iter().filter(|(_, s)| s.leg == B).count(), 0);
}
