//! By which text a message finds its transaction.

use super::message::Envelope;
use super::name::Method;

/// RFC 3261 §17.2.3; an ACK is looked for under its INVITE.
pub(super) fn server_key(envelope: &Envelope, method: &Method) -> String {
    let method = if *method == Method::Ack { &Method::Invite } else { method };
    let via = &envelope.via;
    match via.branch() {
        Some(branch) => format!("s|{branch}|{}|{:?}|{method}", via.host.to_ascii_lowercase(), via.port),
        None => {
            let from = envelope.from.tag().unwrap_or_default();
            format!("2543|{from}|{}|{}|{via}|{method}", envelope.call_id, envelope.cseq)
        }
    }
}

/// RFC 3261 §17.1.3.
pub(super) fn client_key(envelope: &Envelope) -> String {
    format!("c|{}|{}", envelope.via.branch().unwrap_or_default(), envelope.method)
}

/// RFC 3261 §8.2.2.2: what the copies of a forked request have in common.
pub(super) fn merge_key(envelope: &Envelope) -> Option<String> {
    let Envelope { from, to, call_id, cseq, method, .. } = envelope;
    let new = to.tag().is_none() && !matches!(method, Method::Ack | Method::Cancel);
    new.then(|| format!("m|{}|{call_id}|{cseq}|{method}", from.tag().unwrap_or_default()))
}
