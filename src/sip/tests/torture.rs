//! The messages of RFC 4475, if they are there, and rsip as an oracle for what both it and we accept.

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
            Some((path.file_stem()?.to_str()?.to_owned(), Bytes::from(std::fs::read(&path).ok()?)))
        })
        .collect();
    all.sort();
    all
}

/// What a fresh endpoint makes of one datagram: the status it answers, `call` for an INVITE that is passed on, `dropped`.
fn outcome(message: Bytes) -> String {
    let mut endpoint = Endpoint::new(Config { seed: 1, ..Config::default() });
    let addr = |s: &str| s.parse().unwrap();
    let flow =
        Flow { transport: Transport::Udp, local: addr("192.0.2.1:5060"), remote: addr("192.0.2.2:5060") };
    let mut out = Vec::new();
    endpoint.step(Now(1), Input::Received { flow, message }, &mut out);
    if out.iter().any(|o| matches!(o, Output::Event(Event::Incoming(_)))) {
        return "call".into();
    }
    match out.first() {
        Some(Output::Transmit { message, .. }) => match Message::parse(message.clone()).unwrap().start() {
            message::Start::Response { status, .. } => status.to_string(),
            message::Start::Request { .. } => panic!("a request came out"),
        },
        Some(other) => panic!("{other:?} came out"),
        None => "dropped".into(),
    }
}

#[test]
fn the_torture_messages_come_out_as_rfc_4475_has_it() {
    let expected = [
        // §3.1.1: valid.
        ("wsinv", "481"),
        ("intmeth", "501"),
        ("esc01", "call"),
        ("escnull", "401"),
        ("esc02", "501"),
        ("lwsdisp", "200"),
        ("longreq", "call"),
        ("dblreq", "401"),
        ("semiuri", "200"),
        ("transports", "200"),
        ("mpart01", "405"),
        ("unreason", "dropped"),
        ("noreason", "dropped"),
        // §3.1.2: invalid.
        ("badinv01", "400"),
        ("clerr", "400"),
        ("ncl", "400"),
        ("scalar02", "400"),
        ("scalarlg", "dropped"),
        ("quotbal", "400"),
        ("ltgtruri", "400"),
        ("lwsruri", "400"),
        ("lwsstart", "400"),
        ("trws", "400"),
        ("badvers", "505"),
        ("mismatch01", "400"),
        ("mismatch02", "400"),
        ("bigcode", "dropped"),
        // §3.2–3.4: transactions, applications, RFC 2543.
        ("badbranch", "200"),
        ("insuf", "400"),
        ("unkscm", "416"),
        ("bext01", "420"),
        ("invut", "415"),
        ("regaut01", "401"),
        ("multi01", "400"),
        ("mcl01", "400"),
        ("bcast", "dropped"),
        ("zeromf", "200"),
        ("inv2543", "call"),
    ];
    let corpus = corpus();
    let wrong: Vec<_> = expected
        .iter()
        .filter_map(|(name, wanted)| {
            let found = outcome(corpus.iter().find(|(n, _)| n == name)?.1.clone());
            (found != *wanted).then(|| format!("{name}: {found}, not {wanted}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
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
            outcome(Bytes::from(changed));
        }
    }
}

#[test]
fn what_rsip_accepts_too_is_read_alike() {
    use rsip::prelude::{HeadersExt, ToTypedHeader, UntypedHeader};
    let (mut both, corpus) = (0, corpus());
    for (name, raw) in &corpus {
        let Ok(ours) = Message::parse(raw.clone()) else { continue };
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
        assert_eq!(envelope.from.tag(), tag(&from.params), "{name}");
        assert_eq!(envelope.to.tag(), tag(&to.params), "{name}");
    }
    assert!(corpus.is_empty() || both > 3, "only {both} messages were compared");
}
