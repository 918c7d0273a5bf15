//! The vocabulary between the SIP core and its two neighbours: the wire ([`Input::Received`], [`Output::Transmit`]) and
//! the call ([`Command`], [`Event`]).

use super::locate::Hop;
pub(super) use super::transport::Transport;
use super::uri::bracketed;
use crate::base::{LegId, Pii};
use bytes::Bytes;
use std::net::SocketAddr;

/// Where a message came from, or is to go: one UDP 5-tuple or one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Flow {
    pub transport: Transport,
    /// Our socket's address; for an outgoing connection, the listener's.
    pub local: SocketAddr,
    /// The peer's address. The driver connects first if there is no connection to it yet.
    pub remote: SocketAddr,
}

/// What the SIP core is given.
#[derive(Debug)]
pub enum Input {
    /// One whole message (one datagram, or one message cut out of a stream by [`super::Framer`]).
    Received { flow: Flow, message: Bytes },
    /// What was to be sent over `flow` could not be (connection refused or broken, ICMP unreachable).
    Unreachable { flow: Flow },
    /// TLS has been agreed on over this connection. `domains` are those that the peer's certificate is for, lower case: it was
    /// verified; none if it has shown none.
    Secured { flow: Flow, domains: Vec<String> },
    /// The addresses that `ask` wanted, best first; none if there are none.
    Located { ask: Ask, hops: Vec<Hop> },
    /// The peer has closed this connection, or it broke.
    Closed { flow: Flow },
    /// A request from the call.
    Command(Command),
    /// The deadline has come.
    Tick,
}

/// What the SIP core wants done.
#[derive(Debug, Clone)]
pub enum Output {
    /// Send these octets.
    Transmit { flow: Flow, message: Bytes },
    /// Locate the servers of this URI (RFC 3263) and answer with [`Input::Located`].
    Locate { ask: Ask, uri: String },
    /// Something the call must know.
    Event(Event),
}

/// A server that we register with or look after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId(pub u32);

/// Whom a located server is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// The INVITE of a leg to be.
    Invite(LegId),
    /// Requests in the dialog of a leg.
    Dialog(LegId),
    /// A registration of ours.
    Register(PeerId),
    /// The question whether a peer is alive.
    Options(PeerId),
}

/// Who an outgoing INVITE is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Whoever registered as this user here; the newest contact.
    User(String),
    /// A SIP URI, sent to `flow`.
    Uri { uri: String, flow: Flow },
    /// A SIP URI whose servers are located, and tried one after the other.
    Name(String),
    /// The same where the call has somebody else to ask: silence of the last server for [`crate::limits::SIP_HOP_MAX`] is the
    /// end, not only that of those before it.
    OneOf(String),
}

impl Target {
    /// Whoever is at the other end of `flow`, by its address.
    pub fn at(flow: Flow) -> Target {
        Target::Uri { uri: format!("sip:{}", bracketed(&flow.remote.ip().to_string())), flow }
    }

    /// The URI of a server, and the way there if it need not be located; `None` for a user.
    pub(super) fn server(self) -> Option<(String, Option<Flow>)> {
        match self {
            Target::Uri { uri, flow } => Some((uri, Some(flow))),
            Target::Name(uri) | Target::OneOf(uri) => Some((uri, None)),
            Target::User(_) => None,
        }
    }
}

/// A user name and password for digest authentication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    pub user: String,
    pub password: Pii<String>,
}

/// What the call asks of the SIP core.
#[derive(Debug, Clone)]
pub enum Command {
    /// Place a call. `leg` comes from [`super::Endpoint::new_leg`]. `from` is our identity (`"name" <sip:…>` or a URI),
    /// `headers` are added as they are.
    Invite {
        leg: LegId,
        target: Target,
        from: String,
        sdp: Bytes,
        headers: Vec<(String, String)>,
        credentials: Option<Credentials>,
    },
    /// 180 Ringing for an incoming leg.
    Ring { leg: LegId },
    /// 200 OK with our SDP for an incoming leg, or for the offer in the dialog ([`Event::Offer`]).
    Answer { leg: LegId, sdp: Bytes },
    /// A final refusal of an incoming leg before it is answered, or of an offer in the dialog (which lives on).
    Refuse { leg: LegId, status: u16, reason: String, retry_after_s: Option<u32> },
    /// Ask the peer for other media by a re-INVITE, which waits its turn. Answered by `OfferAnswered` or `OfferRefused`,
    /// unless the leg ends first.
    Offer { leg: LegId, sdp: Bytes },
    /// Ask for the credentials of an INVITE that waits (407), which ends the leg; the peer comes again with them.
    Challenge { leg: LegId },
    /// End the leg whatever its state: CANCEL, BYE, 487/480, as RFC 3261 has it. `reason` goes into a Reason header
    /// (RFC 3326). Answered by `Event::Ended` exactly once.
    Hangup { leg: LegId, reason: &'static str },
    /// Ask the peer to call `to` (a URI) in our place: REFER (RFC 3515). Answered by `ReferProgress`.
    Refer { leg: LegId, to: String },
    /// How the call that the peer asked for ([`Event::Referred`]) gets on; 200 and above is the last word, which
    /// must be said unless the leg ends first.
    ReferStatus { leg: LegId, status: u16, reason: String },
    /// Register with a registrar as a phone does; refreshed until `Unregister`. `registrar` is its URI, without a user; the
    /// address-of-record is that of `user` there.
    Register { peer: PeerId, registrar: Target, user: String, credentials: Credentials, expires_s: u32 },
    /// Take a registration back.
    Unregister { peer: PeerId },
    /// Ask a server whether it is alive (OPTIONS, RFC 3261 §11). Answered by [`Event::Options`] once.
    Options { peer: PeerId, target: Target },
}

/// What the network says of a caller: worth as much as whoever sent the INVITE is trusted (RFC 3325 §4).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claims {
    /// User part of P-Asserted-Identity: the caller's number.
    pub asserted: Option<Pii<String>>,
    /// The caller wants not to be known to the called (Privacy, RFC 3323 §4.2 and RFC 3325 §9.3).
    pub private: bool,
    /// Who was called first and sent the call on: the last Diversion (RFC 5806 §4), else the first of several targets in
    /// History-Info (RFC 7044 §5).
    pub diverted_from: Option<Pii<String>>,
}

/// An INVITE that has come in.
#[derive(Debug, Clone)]
pub struct Incoming {
    pub leg: LegId,
    pub flow: Flow,
    /// The leg, which is up, that it is to take the place of (RFC 3891). Whether its sender may is the call's business.
    pub replaces: Option<LegId>,
    /// SIP domains that its connection was proved to be of (RFC 5922 §7.1), lower case.
    pub domains: Vec<String>,
    /// The registration that it comes by: its source is the registrar.
    pub peer: Option<PeerId>,
    /// The number dialled: user part of the Request-URI; where that is our registered user, of P-Called-Party-ID
    /// (RFC 7315 §4.2), else of To.
    pub dialled: String,
    /// Whole Request-URI.
    pub uri: String,
    /// User part of To: the number called first.
    pub to: String,
    /// User part of From: the caller's number, as the caller says.
    pub caller: Pii<String>,
    /// What whoever passed the call on says of it.
    pub claims: Claims,
    /// Display name of From, if any.
    pub caller_name: Option<Pii<String>>,
    /// The SIP Call-ID.
    pub call_id: String,
    /// The offer; empty if the peer wants ours (late offer).
    pub sdp: Bytes,
    /// User authenticated by digest, if the INVITE carried valid credentials of a registered account.
    pub account: Option<String>,
    /// Other headers, in order, as (name, value).
    pub headers: Vec<(String, String)>,
}

/// What a peer asks for with REFER: that its other party be connected to someone else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refer {
    /// The whole URI of Refer-To, without its headers.
    pub uri: String,
    /// User part of it: the number or the name dialled.
    pub user: String,
    /// The leg here that it is to take the place of (attended transfer, RFC 3891): the peer's own in another call.
    pub replaces: Option<LegId>,
}

/// Why a leg ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndCause {
    /// The peer sent BYE.
    PeerHungUp,
    /// The peer sent CANCEL before we answered.
    PeerCancelled,
    /// We hung up ([`Command::Hangup`]), or refused.
    WeHungUp,
    /// Our INVITE was refused with this final status; `retry_after_s` if the peer said so.
    Refused { status: u16, reason: String },
    /// No (final) answer in time: Timer B, Timer C, Timer H.
    Timeout,
    /// The transport failed.
    Unreachable,
    /// Our INVITE was for a user with no registration.
    NotRegistered,
    /// The peer broke the protocol beyond repair.
    Protocol(String),
}

/// What the SIP core tells the call.
#[derive(Debug, Clone)]
pub enum Event {
    /// A new call. Answer with `Ring`, `Answer`, `Refuse` or `Hangup`.
    Incoming(Box<Incoming>),
    /// Our INVITE is ringing or progressing (180–199), with early SDP if any.
    Progress { leg: LegId, status: u16, sdp: Bytes },
    /// Our INVITE was answered; the ACK has been sent. `sdp` is the answer.
    Answered { leg: LegId, sdp: Bytes },
    /// Our 200 was acknowledged (that for an UPDATE need not be). `sdp` is the answer if we made the offer (late offer), else empty.
    Acknowledged { leg: LegId, sdp: Bytes },
    /// A re-INVITE or UPDATE with an offer (hold, resume, codec or address change). Answer with `Answer` or `Refuse`. Empty `sdp` asks for ours.
    Offer { leg: LegId, sdp: Bytes },
    /// The peer's answer to an offer of ours in the dialog, a refresh of the session included.
    OfferAnswered { leg: LegId, sdp: Bytes },
    /// `Command::Offer` was refused with this status; what was agreed before holds.
    OfferRefused { leg: LegId, status: u16 },
    /// The peer wants its other party transferred. Answer with `ReferStatus`.
    Referred { leg: LegId, to: Box<Refer> },
    /// How the transfer that we asked for gets on; 200 and above is the last word.
    ReferProgress { leg: LegId, status: u16 },
    /// Why the peer is about to end the leg, in its own words: the value of its Reason fields (RFC 3326).
    Reason { leg: LegId, value: String },
    /// The leg is over; said exactly once per leg, after which the leg's id means nothing.
    Ended { leg: LegId, cause: EndCause },
    /// A DTMF digit by SIP INFO.
    Digit { leg: LegId, digit: char },
    /// A user has a contact, reached over `flow`, after having had none.
    Registered { user: String, flow: Flow },
    /// A user's last contact is gone: expired, taken back, or unreachable.
    Unregistered { user: String },
    /// A registration of ours (`Command::Register`) succeeded or failed; said on every change.
    Registration { peer: PeerId, ok: bool, status: u16 },
    /// What a server has answered to OPTIONS; no status if none of its addresses answered in time.
    Options { peer: PeerId, status: Option<u16> },
}
