//! How a message finds its transaction: a server transaction by branch, sent-by and method, or as RFC 2543 peers need it
//! (RFC 3261 §17.2.3); a client transaction by branch and CSeq method (§17.1.3).
//!
//! In: an envelope. Out: a line for each thing that must be the same, as one text: it is hashed and compared at once, and what
//! is kept of a message that it came from is no more than that. No value has a line end in it.

use super::lines::Lines;
use super::message::Envelope;
use super::name::Method;
use super::name_addr::NameAddr;
use super::syntax::before;
use super::value::digits;
use super::via::Via;

/// Joins the lines, the first of which says what they are.
fn key(lines: &[&str]) -> String {
    let mut key = String::with_capacity(lines.iter().map(|line| line.len() + 1).sum());
    for line in lines {
        key.push_str(line);
        key.push('\n');
    }
    key
}

/// What the messages of a server transaction have in common. An ACK is looked for under its INVITE.
pub(super) fn server_key(envelope: &Envelope<'_>, method: &Method) -> String {
    let method = if *method == Method::Ack { &Method::Invite } else { method }.text();
    let Envelope { via, from, call_id, cseq, .. } = envelope;
    match via.branch() {
        Some(branch) => {
            let mut port = String::new();
            if let Some(number) = via.port {
                digits(&mut port, number.into());
            }
            key(&["server", &branch, &via.host_lower(), &port, method])
        }
        None => {
            let from = from.tag().unwrap_or_default();
            key(&["old", &from, call_id, &cseq.to_string(), &via.to_string(), method])
        }
    }
}

/// What a response has in common with its request.
pub(super) fn client_key(envelope: &Envelope<'_>) -> String {
    key(&["client", &envelope.via.branch().unwrap_or_default(), envelope.method.text()])
}

/// The same, with the method, for a request of ours, which begins with its Via; `None` if it is not fit to be sent: the URI in
/// its To, which others have chosen, must be one.
pub(super) fn own_key(octets: &[u8]) -> Option<(Method, String)> {
    let mut lines = Lines { raw: octets, at: 0 }.map_while(|at| std::str::from_utf8(octets.get(at)?).ok());
    let (method, _) = before(lines.next()?, b' ')?;
    let via = Via::parse(lines.next()?.strip_prefix("Via: ")?).ok()?;
    NameAddr::parse(lines.find_map(|line| line.strip_prefix("To: "))?).ok()?;
    Some((Method::of(method), key(&["client", &via.branch()?, method])))
}

/// RFC 3261 §8.2.2.2: what the copies of a forked request share.
pub(super) fn merge_key(envelope: &Envelope<'_>) -> Option<String> {
    let Envelope { from, to, call_id, cseq, method, .. } = envelope;
    let new = !matches!(method, Method::Ack | Method::Cancel) && to.tag().is_none();
    new.then(|| key(&["merge", &from.tag().unwrap_or_default(), call_id, &cseq.to_string(), method.text()]))
}
