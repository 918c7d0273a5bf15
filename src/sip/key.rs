//! How a message finds its transaction: a server transaction by branch, sent-by and method, or as RFC 2543 peers need it
//! (RFC 3261 §17.2.3); a client transaction by branch and CSeq method (§17.1.3).

use super::message::Envelope;
use super::name::Method;
use super::syntax::Text;

/// What the messages of one transaction have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// RFC 3261 §17.2.3: branch, sent-by and method.
    Server(Text, Text, Option<u16>, Method),
    /// The same for a client of RFC 2543: From tag, Call-ID, CSeq, Via and method.
    Old(Text, Text, u32, String, Method),
    /// RFC 3261 §17.1.3: branch and method.
    Client(Text, Method),
    /// RFC 3261 §8.2.2.2: what the copies of a forked request share: From tag, Call-ID, CSeq and method.
    Merge(Text, Text, u32, Method),
}

/// An ACK is looked for under its INVITE.
pub(super) fn server_key(envelope: &Envelope, method: &Method) -> Key {
    let method = if *method == Method::Ack { Method::Invite } else { method.clone() };
    let Envelope { via, from, call_id, cseq, .. } = envelope;
    match via.branch() {
        Some(branch) => Key::Server(branch, via.host_lower(), via.port, method),
        None => {
            let from = from.tag().unwrap_or_default();
            Key::Old(from, call_id.clone(), *cseq, via.to_string(), method)
        }
    }
}

pub(super) fn client_key(envelope: &Envelope) -> Key {
    Key::Client(envelope.via.branch().unwrap_or_default(), envelope.method.clone())
}

pub(super) fn merge_key(envelope: &Envelope) -> Option<Key> {
    let Envelope { from, to, call_id, cseq, method, .. } = envelope;
    let new = to.tag().is_none() && !matches!(method, Method::Ack | Method::Cancel);
    new.then(|| Key::Merge(from.tag().unwrap_or_default(), call_id.clone(), *cseq, method.clone()))
}
