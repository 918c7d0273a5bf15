//! The messages of RFC 4475 over UDP and TCP, if they are there, and rsip as an oracle for what both it and we accept.

use crate::base::Now;
use crate::sip::*;
use bytes::Bytes;
use std::path::Path;

/// `../shared/sip/rfc4475` beside the package; not part of it.
fn corpus() -> Vec<(String, Bytes)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/sip/rfc4475");
    let Ok(entries) = std::fs::read_dir(&dir) else {
        eprintln!("skipped: no RFC 4475 messages in {}", dir.display());
        return Vec::new();
    };
    let mut all: Vec<_> = entries
        .filter_map(|e| {
            let path = e.ok()?.path();
            let mut octets = std::fs::read(&path).ok()?;
            if !octets.windows(4).any(|w| w == b"\r\n\r\n") {
                // One file lacks the line that ends the header section, which the RFC prints.
                octets.extend(b"\r\n");
            }
            Some((path.file_stem()?.to_str()?.to_owned(), Bytes::from(octets)))
        })
        .collect();
    all.sort();
    all
}

/// What an endpoint makes of one message: the status it answers, `call` for an INVITE that is passed on, `dropped`.
fn received(endpoint: &mut Endpoint, transport: Transport, message: Bytes) -> String {
    let addr = |s: &str| s.parse().unwrap();
    let flow = Flow { transport, local: addr("192.0.2.1:5060"), remote: addr("192.0.2.2:5060") };
    let mut out = Vec::new();
    endpoint.step(Now(1), Input::Received { flow, message }, &mut out);
    if out.iter().any(|o| matches!(o, Output::Event(Event::Incoming(_)))) {
        return "call".into();
    }
    match out.first() {
        Some(Output::Transmit { message, .. }) => match Message::parse(message).unwrap().start() {
            message::Start::Response { status, .. } => status.to_string(),
            message::Start::Request { .. } => panic!("a request came out"),
        },
        Some(other) => panic!("{other:?} came out"),
        None => "dropped".into(),
    }
}

/// What comes of a datagram.
fn by_udp(message: Bytes) -> String {
    received(&mut Endpoint::new(Config { seed: 1, ..Config::default() }), Transport::Udp, message)
}

/// What comes of the same octets on a connection: of each message that is cut out of them, and whether the connection must be
/// `closed`, or `waits` for the rest of a message.
fn by_tcp(octets: &[u8]) -> String {
    let (mut endpoint, mut framer) =
        (Endpoint::new(Config { seed: 1, ..Config::default() }), Framer::default());
    framer.push(octets);
    let mut all = Vec::new();
    loop {
        match framer.next_frame() {
            Ok(Some(Frame::Message(message))) => {
                all.push(received(&mut endpoint, Transport::Tcp, message));
            }
            Ok(Some(Frame::Ping)) => {}
            Ok(None) if framer.pending() == 0 => break,
            Ok(None) => {
                all.push("waits".into());
                break;
            }
            Err(_) => {
                all.push("closed".into());
                break;
            }
        }
    }
    all.join(" ")
}

/// Each message, where RFC 4475 speaks of it, what comes of it by UDP and by TCP, and why where that is not plain.
///
/// On a stream a message without Content-Length cannot be cut out (RFC 3261 §18.3), so the connection is closed; one with a
/// longer body than its Content-Length leaves octets that are not SIP.
const TABLE: &[(&str, &str, &str, &str, &str)] = &[
    // Valid.
    ("wsinv", "3.1.1.1", "481", "481", "To has a tag, and there is no such dialog (§12.2.2)"),
    ("intmeth", "3.1.1.2", "501", "501", "a method that nobody knows"),
    ("esc01", "3.1.1.3", "call", "call", ""),
    ("escnull", "3.1.1.4", "401", "401", "a registration without credentials"),
    ("esc02", "3.1.1.5", "501", "501", "`RE%47IST%45R` is not REGISTER"),
    ("lwsdisp", "3.1.1.6", "200", "200", ""),
    ("longreq", "3.1.1.7", "call", "call", ""),
    (
        "dblreq",
        "3.1.1.8",
        "401",
        "401 call closed",
        "a datagram is one message; on a stream the second counts too, and what follows it is no SIP",
    ),
    ("semiuri", "3.1.1.9", "200", "200", ""),
    ("transports", "3.1.1.10", "200", "200", ""),
    ("mpart01", "3.1.1.11", "405", "405", "MESSAGE is not for us (§21.4.6)"),
    ("unreason", "3.1.1.12", "dropped", "dropped", "responses to nothing that we asked (§18.1.2)"),
    ("noreason", "3.1.1.13", "dropped", "dropped", ""),
    // Invalid.
    ("badinv01", "3.1.2.1", "400", "400", ""),
    ("clerr", "3.1.2.2", "400", "waits", "the rest of the body may still come on a stream"),
    ("ncl", "3.1.2.3", "400", "closed", "a negative Content-Length cuts nothing"),
    ("scalar02", "3.1.2.4", "400", "400", ""),
    ("scalarlg", "3.1.2.5", "dropped", "dropped", "a response that breaks the grammar"),
    ("quotbal", "3.1.2.6", "400", "400", ""),
    ("ltgtruri", "3.1.2.7", "400", "400", ""),
    ("lwsruri", "3.1.2.8", "400", "400", ""),
    ("lwsstart", "3.1.2.9", "400", "400", ""),
    ("trws", "3.1.2.10", "400", "400", ""),
    ("escruri", "3.1.2.11", "call", "call", "header fields in a Request-URI are ignored, as is allowed"),
    (
        "baddate",
        "3.1.2.12",
        "call",
        "call",
        "Date means nothing to us (§8.2.2: what is not understood is ignored)",
    ),
    ("regbadct", "3.1.2.13", "401", "401", "the Contact is read once the sender is known"),
    ("badaspec", "3.1.2.14", "200", "200", "spaces around the address are left out, as is allowed"),
    ("baddn", "3.1.2.15", "200", "200", "a display name is read to its `<`, quoted or not, as is allowed"),
    ("badvers", "3.1.2.16", "505", "505", ""),
    ("mismatch01", "3.1.2.17", "400", "400", ""),
    ("mismatch02", "3.1.2.18", "400", "400", ""),
    ("bigcode", "3.1.2.19", "dropped", "dropped", ""),
    // Transactions, applications, RFC 2543.
    ("badbranch", "3.2.1", "200", "200", "a branch with nothing after the cookie"),
    ("insuf", "3.3.1", "400", "400", ""),
    ("unkscm", "3.3.2", "416", "416", ""),
    ("novelsc", "3.3.3", "416", "416", ""),
    ("unksm2", "3.3.4", "404", "404", "To is of a scheme that we have no users of"),
    ("bext01", "3.3.5", "420", "420", ""),
    ("invut", "3.3.6", "415", "415", ""),
    ("regaut01", "3.3.7", "401", "401", "credentials of a scheme that we do not know count as none"),
    ("multi01", "3.3.8", "400", "400", ""),
    ("mcl01", "3.3.9", "400", "closed", "two Content-Lengths cut nothing"),
    ("bcast", "3.3.10", "dropped", "dropped", "a response of somebody else"),
    ("zeromf", "3.3.11", "200", "200", "OPTIONS has arrived"),
    ("cparam01", "3.3.12", "401", "401", ""),
    ("cparam02", "3.3.13", "401", "401", ""),
    ("regescrt", "3.3.14", "401", "401", ""),
    (
        "sdp01",
        "3.3.15",
        "call",
        "call",
        "Accept says nothing of SDP; whether we agree is for the call to find out",
    ),
    ("inv2543", "3.4.1", "call", "closed", "RFC 2543 knew no Content-Length on streams"),
];

#[test]
fn the_torture_messages_come_out_as_rfc_4475_has_it_over_udp_and_tcp() {
    let corpus = corpus();
    let mut wrong = Vec::new();
    for (name, section, udp, tcp, why) in TABLE {
        let Some((_, message)) = corpus.iter().find(|(n, _)| n == name) else { continue };
        let found = (by_udp(message.clone()), by_tcp(message));
        println!("{name:<11} §{section:<9} {udp:<8} {tcp:<14} {why}");
        if (found.0.as_str(), found.1.as_str()) != (*udp, *tcp) {
            wrong.push(format!("{name}: {found:?}, not {:?}", (udp, tcp)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let listed = |name: &String| name == "test" || TABLE.iter().any(|(n, ..)| n == name);
    assert_eq!(
        corpus.iter().map(|(n, _)| n).find(|n| !listed(n)),
        None,
        "a message without a line in the table"
    );
}

#[test]
fn no_torture_message_panics_however_it_is_cut_or_changed() {
    let mut rng = fastrand::Rng::with_seed(4);
    for (_, message) in corpus() {
        message::fuzz(&message);
        framer::fuzz(&message);
        for _ in 0..12 {
            let mut changed = message.to_vec();
            for _ in 0..rng.usize(1..8) {
                let at = rng.usize(..changed.len());
                changed[at] = rng.u8(..);
            }
            changed.truncate(rng.usize(1..=changed.len()));
            message::fuzz(&changed);
            by_tcp(&changed);
            by_udp(Bytes::from(changed));
        }
    }
}

#[test]
fn what_rsip_accepts_too_is_read_alike() {
    use rsip::prelude::{HeadersExt, ToTypedHeader, UntypedHeader};
    let (mut both, corpus) = (0, corpus());
    for (name, raw) in &corpus {
        let Ok(ours) = Message::parse(raw) else { continue };
        let Ok(envelope) = ours.envelope() else { continue };
        let Ok(theirs) = rsip::SipMessage::try_from(raw.as_ref()) else { continue };
        let (Ok(from), Ok(to)) = (theirs.from_header(), theirs.to_header()) else { continue };
        let (Ok(call_id), Ok(cseq)) = (theirs.call_id_header(), theirs.cseq_header()) else { continue };
        let (Ok(from), Ok(to), Ok(cseq)) = (from.typed(), to.typed(), cseq.typed()) else { continue };
        both += 1;
        let tag = |params: &[rsip::Param]| {
            params
                .iter()
                .find_map(|p| if let rsip::Param::Tag(t) = p { Some(t.value().to_owned()) } else { None })
        };
        assert_eq!(envelope.call_id, call_id.value(), "{name}");
        assert_eq!(u64::from(envelope.cseq), u64::from(cseq.seq), "{name}");
        assert_eq!(envelope.method.text(), cseq.method.to_string(), "{name}");
        assert_eq!(envelope.from.tag().as_deref(), tag(&from.params).as_deref(), "{name}");
        assert_eq!(envelope.to.tag().as_deref(), tag(&to.params).as_deref(), "{name}");
    }
    assert!(corpus.is_empty() || both > 3, "only {both} messages were compared");
}
