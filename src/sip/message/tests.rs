use super::*;

const INVITE: &str = "INVITE sip:95@10.0.0.1 SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bK1\r\nf: <sip:a@b>;tag=1\r\n\
    To: <sip:95@10.0.0.1>\r\ni: c1\r\nCSeq: 7 INVITE\r\nSubject: one\r\n  two\r\nl: 3\r\n\r\nabcdef";

fn parse(text: &str) -> Message {
    Message::parse(&Bytes::copy_from_slice(text.as_bytes())).unwrap()
}

#[test]
fn compact_names_folds_and_content_length_are_understood() {
    let m = parse(INVITE);
    let e = m.envelope().unwrap();
    assert_eq!((e.call_id, e.cseq, e.method), ("c1", 7, Method::Invite));
    assert_eq!(m.fields().find(|f| f.1 == "Subject").unwrap().2, "one two");
    assert_eq!(&m.body()[..], b"abc", "octets after Content-Length are not the body");
    assert_eq!(m.fault(), None);
}

#[test]
fn folds_are_one_space_and_take_nothing_of_the_next_field() {
    let m = parse(
        &INVITE.replace("one\r\n  two\r\n", "\r\n\tone \r\n  \r\n  two\r\n \r\nX-Next: \"a\r\n b\"\r\n"),
    );
    let values: Vec<&str> = m.fields().map(|f| f.2).collect();
    assert_eq!(values[5..7], ["one two", "\"a b\""]);
    assert_eq!(&m.body()[..], b"abc");
    let m = parse(&INVITE.replace("SIP/2.0\r\nv", "SIP/2.0\r\n x\r\nv"));
    assert_eq!(m.fault(), Some(&Fault::BadRequest("Folded Start Line")));
}

#[test]
fn bare_line_feeds_and_leading_blank_lines_are_tolerated() {
    let m = parse(&format!("\r\n\r\n{}", INVITE.replace("\r\n", "\n")));
    assert_eq!(m.envelope().unwrap().call_id, "c1");
}

#[test]
fn a_datagram_shorter_than_its_content_length_is_at_fault() {
    assert_eq!(
        parse(&INVITE.replace("l: 3", "l: 30")).fault(),
        Some(&Fault::BadRequest("Content-Length Too Large"))
    );
}

#[test]
fn an_unknown_version_is_at_fault_and_a_wild_response_is_dropped() {
    assert_eq!(parse(&INVITE.replace("SIP/2.0\r\nv", "SIP/7.0\r\nv")).fault(), Some(&Fault::Version));
    assert_eq!(
        Message::parse(&Bytes::from_static(b"SIP/2.0 4294967301 better\r\n\r\n")).unwrap_err(),
        Malformed::BadResponse
    );
    assert_eq!(Message::parse(&Bytes::from_static(b"\r\n\r\n")).unwrap_err(), Malformed::KeepAlive);
    assert_eq!(
        Message::parse(&Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n")).unwrap_err(),
        Malformed::NotSip
    );
}

#[test]
fn replies_go_to_the_source_when_rport_asks_and_say_where_it_was() {
    let source: SocketAddr = "192.0.2.9:4444".parse().unwrap();
    let mut m = parse(&INVITE.replace("z9hG4bK1", "z9hG4bK1;rport, SIP/2.0/UDP second"));
    assert_eq!(m.received_from(source), Ok(source));
    assert_eq!(
        m.get(Name::Via),
        Some("SIP/2.0/UDP h;branch=z9hG4bK1;rport=4444;received=192.0.2.9, SIP/2.0/UDP second")
    );
    let mut m = parse(&INVITE.replace("UDP h", "UDP 10.0.0.9:5080"));
    assert_eq!(m.received_from(source), Ok("192.0.2.9:5080".parse().unwrap()));
}

#[test]
fn octets_that_are_no_utf8_are_preserved() {
    let mut raw = INVITE.replace("abc", "").into_bytes();
    raw.truncate(raw.len() - 3);
    raw.extend([0xff, 0x00, 0xfe]);
    let m = Message::parse(&Bytes::from(raw.clone())).unwrap();
    assert_eq!(&m.body()[..], [0xff, 0x00, 0xfe]);
    // In the header section, where they cannot be text, they are replaced, and the body stays as it came.
    let at = raw.windows(3).position(|w| w == b"one").unwrap();
    raw[at] = 0xff;
    let m = Message::parse(&Bytes::from(raw)).unwrap();
    assert_eq!(m.fields().nth(5).unwrap().2, "\u{fffd}ne two");
    assert_eq!((m.envelope().unwrap().call_id, &m.body()[..]), ("c1", &[0xff, 0x00, 0xfe][..]));
}

#[test]
fn mutated_messages_never_panic() {
    let mut rng = fastrand::Rng::with_seed(1);
    for _ in 0..3000 {
        let mut raw = INVITE.as_bytes().to_vec();
        for _ in 0..rng.usize(1..12) {
            let at = rng.usize(..raw.len());
            match rng.u8(..4) {
                0 => raw[at] = rng.u8(..),
                1 => raw.truncate(at + 1),
                2 => raw.insert(at, *rng.choice(b"\r\n<>\";:,\\%/ ").unwrap()),
                _ => drop(raw.remove(at)),
            }
            if raw.is_empty() {
                break;
            }
        }
        fuzz(&raw);
    }
}
