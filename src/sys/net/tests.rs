use super::*;
use std::time::Instant;

const ROOM: usize = 32;
type Small = Net<{ HEADROOM + ROOM }>;

/// Every back-end that the kernel allows, with two sockets, and their addresses.
fn each(mut test: impl FnMut(Small, Arc<Wake>, [SocketAddr; 2])) {
    for backend in [Backend::Batched, Backend::Plain, Backend::Uring] {
        if let Err(e) = backend.works() {
            eprintln!("skipped: {backend:?}: {e}");
            continue;
        }
        for ip in ["127.0.0.1", "::1"] {
            let wake = Arc::new(Wake::new().unwrap());
            let mut net = Small::new(backend, Arc::clone(&wake)).unwrap();
            let at: Vec<SocketAddr> = (0..2).filter_map(|token| bind(&mut net, ip, token)).collect();
            match at[..] {
                [a, b] => test(net, wake, [a, b]),
                _ => eprintln!("skipped: no {ip} here"),
            }
        }
    }
}

fn bind(net: &mut Small, ip: &str, token: u64) -> Option<SocketAddr> {
    let socket = UdpSocket::bind((ip, 0)).ok()?;
    socket.set_nonblocking(true).unwrap();
    let at = socket.local_addr().unwrap();
    net.add(token, socket).unwrap();
    Some(at)
}

fn of(token: u64, to: SocketAddr, parts: [&[u8]; 3]) -> Datagram<'_> {
    Datagram { token, to, parts }
}

/// Token, source, and octets (`None` if cut) of at least `want` datagrams, unless two seconds pass.
fn receive(net: &mut Small, want: usize) -> Vec<(u64, SocketAddr, Option<Vec<u8>>)> {
    let (mut all, began) = (Vec::new(), Instant::now());
    while all.len() < want && began.elapsed() < Duration::from_secs(2) {
        net.wait(Some(Duration::from_millis(100)), false).unwrap();
        net.receive(|Arrived { token, from, slot, len }| {
            all.push((token, from, len.map(|len| slot[HEADROOM..][..len].to_vec())));
            slot
        });
    }
    all
}

#[test]
fn pieces_arrive_joined_in_order_and_with_their_source() {
    each(|mut net, _, [a, b]| {
        let tails = [b"a", b"b", b"c"].map(|p| of(0, b, [b"head", &p[..], b"tail"]));
        let sent = [&tails[..], &[of(1, a, [b"back", &[], &[]]), of(0, b, [b"", b"alone", b""])]].concat();
        assert_eq!(net.send(&sent), 5);
        let got = receive(&mut net, 5);
        let octets = |by: u64, from: SocketAddr| -> Vec<String> {
            let theirs = got.iter().filter(|(token, source, _)| (*token, *source) == (by, from));
            theirs.map(|(_, _, o)| String::from_utf8(o.clone().unwrap()).unwrap()).collect()
        };
        assert_eq!(octets(1, a), ["headatail", "headbtail", "headctail", "alone"]);
        assert_eq!((octets(0, b), got.len()), (vec!["back".into()], 5));
    });
}

#[test]
fn a_datagram_too_long_for_its_slot_is_told_and_the_next_is_whole() {
    each(|mut net, _, [_, b]| {
        assert_eq!(net.send(&[of(0, b, [&[1; 100], &[], &[]]), of(0, b, [b"next", &[], &[]])]), 2);
        let got: Vec<_> = receive(&mut net, 2).into_iter().map(|(_, _, octets)| octets).collect();
        assert_eq!(got, [None, Some(b"next".to_vec())]);
    });
}

#[test]
fn what_cannot_be_sent_is_not_counted_and_what_comes_after_it_is() {
    each(|mut net, _, [a, b]| {
        let nowhere = SocketAddr::new(a.ip(), 0);
        let refused = [of(0, nowhere, [b"x", &[], &[]]), of(7, b, [b"no socket", &[], &[]])];
        assert_eq!(net.send(&[&refused[..], &[of(0, b, [b"x", &[], &[]])], &refused[..1]].concat()), 1);
        assert_eq!(receive(&mut net, 1).len(), 1);
    });
}

#[test]
fn a_wake_ends_a_wait_once_and_can_come_again() {
    each(|mut net, wake, _| {
        for _ in 0..3 {
            wake.wake();
            wake.wake();
            assert!(net.wait(None, false).unwrap());
            net.receive(|arrived| arrived.slot);
            assert!(!net.wait(Some(Duration::from_millis(1)), false).unwrap());
        }
    });
}

#[test]
fn who_gathers_waits_to_the_end_and_takes_all() {
    each(|mut net, _, [_, b]| {
        net.send(&[of(0, b, [b"1", &[], &[]]), of(0, b, [b"2", &[], &[]])]);
        let (began, nap) = (Instant::now(), Duration::from_millis(5));
        net.wait(Some(nap), true).unwrap();
        assert!(began.elapsed() >= nap);
        let mut count = 0;
        net.receive(|arrived| {
            count += 1;
            arrived.slot
        });
        assert_eq!(count, 2);
    });
}

#[test]
fn nothing_is_lost_when_more_arrives_than_there_are_slots() {
    each(|mut net, _, [a, _]| {
        let ip = a.ip().to_string();
        let to: Vec<SocketAddr> = (10..20).map(|token| bind(&mut net, &ip, token).unwrap()).collect();
        let octets: Vec<u8> = (0..120).collect();
        for round in octets.chunks(1) {
            let datagrams: Vec<_> = to.iter().map(|to| of(0, *to, [round, &[], &[]])).collect();
            assert_eq!(net.send(&datagrams), 10);
        }
        let got = receive(&mut net, 1200);
        for token in 10..20 {
            let of_one: Vec<u8> =
                got.iter().filter(|g| g.0 == token).flat_map(|g| g.2.clone().unwrap()).collect();
            assert_eq!(of_one, octets);
        }
    });
}

#[test]
fn a_socket_that_is_removed_is_closed_and_its_port_is_free() {
    each(|mut net, _, [a, b]| {
        net.send(&[of(0, b, [b"for one that is gone", &[], &[]])]);
        net.remove(1);
        let again = UdpSocket::bind(b).unwrap();
        again.set_nonblocking(true).unwrap();
        net.add(2, again).unwrap();
        assert_eq!(net.send(&[of(0, b, [b"x", &[], &[]]), of(1, a, [b"gone", &[], &[]])]), 1);
        assert_eq!(receive(&mut net, 1), [(2, a, Some(b"x".to_vec()))]);
        net.remove(2);
        net.remove(2);
    });
}

#[test]
fn a_new_one_takes_the_port_of_one_that_was_dropped() {
    each(|mut net, wake, [_, b]| {
        net.send(&[of(0, b, [b"x", &[], &[]])]);
        drop(net);
        UdpSocket::bind(b).unwrap();
        assert_eq!(Arc::strong_count(&wake), 1);
    });
}
