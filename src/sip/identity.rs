//! What the endpoint calls itself: Via, Contact, tags, and what it can do.
//!
//! In: the flow that a message goes over, or the request that it answers. Out: header values.

use super::build::Builder;
use super::endpoint::Endpoint;
use super::event::{Flow, Transport};
use super::extension::{ALLOW, SUPPORTED};
use super::message::Message;
use super::name::Name;
use super::reply::ACCEPT;
use super::value::Value;
use bytes::Bytes;

/// Room for a Via or Contact of ours.
const IDENTITY_OCTETS: usize = 96;

impl Endpoint {
    /// The 200 for OPTIONS (§11.2).
    pub(super) fn capabilities(&self, request: &Message) -> Bytes {
        Builder::reply(request, 200, "", Some(&self.stateless_tag(request)))
            .field(Name::Allow, ALLOW)
            .field(Name::Accept, ACCEPT)
            .field(Name::Supported, SUPPORTED)
            .field(Name::Server, &self.config.user_agent)
            .end()
    }

    /// A To tag that is the same for each copy of a request (§8.2.7), and for no other.
    pub(super) fn stateless_tag(&self, request: &Message) -> String {
        let mut hash = self.tag_salt;
        for name in [Name::CallId, Name::CSeq, Name::From] {
            for octet in request.get(name).unwrap_or_default().bytes() {
                // FNV-1a: spreads well enough for a tag, which is no secret.
                hash = (hash ^ u64::from(octet)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        }
        format!("{hash:016x}")
    }

    /// 64 random bits, as RFC 3261 §19.3 asks of tags and more.
    pub(super) fn token(&mut self) -> String {
        let mut token = String::with_capacity(16);
        format_args!("{:016x}", self.rng.u64(..)).put(&mut token);
        token
    }

    /// A Via with a new branch (§8.1.1.7), asking for replies to where we send from (RFC 3581).
    pub(super) fn via(&mut self, flow: Flow) -> String {
        let mut via = String::with_capacity(IDENTITY_OCTETS);
        via.push_str("SIP/2.0/");
        via.push_str(flow.transport.upper());
        via.push(' ');
        self.ways.sent_by(flow, &mut via);
        format_args!(";branch=z9hG4bK{:016x};rport", self.rng.u64(..)).put(&mut via);
        via
    }

    /// Our Contact for one who is reached over `flow`; `sips` if the dialog is to be secure on each hop (§12.1.1).
    pub(super) fn contact(&self, flow: Flow, sips: bool) -> String {
        self.contact_as("trunkline", flow, sips)
    }

    /// The same under another name.
    pub(super) fn contact_as(&self, user: &str, flow: Flow, sips: bool) -> String {
        let (scheme, transport) = match flow.transport {
            Transport::Udp => ("sip", ""),
            Transport::Tls if sips => ("sips", ""),
            // RFC 7118 §5.2: `sips` with `ws` is what says WSS.
            Transport::Wss if sips => ("sips", "ws"),
            other => ("sip", other.name()),
        };
        let mut contact = String::with_capacity(IDENTITY_OCTETS);
        for text in ["<", scheme, ":", user, "@"] {
            contact.push_str(text);
        }
        self.ways.sent_by(flow, &mut contact);
        for text in [if transport.is_empty() { "" } else { ";transport=" }, transport, ">"] {
            contact.push_str(text);
        }
        contact
    }
}
