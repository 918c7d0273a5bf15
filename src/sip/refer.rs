//! REFER within a dialog, in both roles (RFC 3515), and the NOTIFYs that say how the transfer gets on.
//!
//! ```text
//! peer: REFER ─► 202, Referred ─► (the call) ─► ReferStatus 100 ─► NOTIFY "100 Trying"
//!                                               ReferStatus 200 ─► NOTIFY "200 OK", and no more
//! ours: Refer ─► REFER ◄─ 202, NOTIFY "200 OK" ─► ReferProgress 200
//! ```
//! An attended transfer names the dialog to be replaced in the headers of Refer-To (RFC 3891, RFC 5589 §7.3); it must be
//! one of the same peer here, since calls are bridged here and nowhere else. A REFER that can be followed is accepted at
//! once, so that none stays open when its leg ends; whether the call agrees is in the NOTIFYs. `Refer-Sub: false` is honoured (RFC 4488).

use super::build::Builder;
use super::endpoint::Endpoint;
use super::event::{Event, Output, Refer};
use super::layer::Owner;
use super::leg::State;
use super::message::{Message, Start};
use super::name::{Method, Name};
use super::name_addr::NameAddr;
use super::replaces::Replaces;
use super::reply::{Fault, reason_phrase};
use super::request::Request;
use super::syntax::{Wrong, find};
use super::uri::unescape;
use crate::base::{LegId, Now};

/// A subscription lives at most this long (RFC 3515 §2.4.4): as long as any phone rings.
const EXPIRES_S: u32 = 180;

/// A REFER of the peer.
#[derive(Debug)]
pub(super) struct Referred {
    /// Its number, for the `id` of Event where there was one before (RFC 3515 §2.4.6).
    id: Option<u32>,
    /// The peer wants NOTIFYs.
    notify: bool,
}

impl Endpoint {
    /// The peer asks that its other party be connected to someone else.
    pub(super) fn referred(&mut self, now: Now, id: LegId, request: &Request, out: &mut Vec<Output>) {
        let refused = match self.legs.get(&id) {
            Some(leg) if !matches!(leg.state, State::Up) || leg.ended => Some(Fault::NoDialog),
            // One at a time: two parties cannot take the place of one.
            Some(leg) if leg.referred.is_some() => Some(Fault::RequestPending),
            _ => None,
        };
        let read = read_refer_to(request.message).map_err(Fault::BadRequest);
        let (refer, replaced) = match (refused, read) {
            (Some(fault), _) | (None, Err(fault)) => return self.fault(now, id, &fault, request, out),
            (None, Ok(read)) => read,
        };
        let replaces = match replaced.map(|r| self.replaced(&r)) {
            Some(None) => return self.fault(now, id, &Fault::NoDialog, request, out),
            found => found.flatten(),
        };
        let tx = self.serve(request, Owner::Leg(id));
        let notify =
            request.message.get(Name::ReferSub).is_none_or(|v| !v.trim().eq_ignore_ascii_case("false"));
        self.with(id, |leg| {
            leg.refers += 1;
            let id = (leg.refers > 1).then_some(request.envelope.cseq);
            leg.referred = Some(Referred { id, notify });
        });
        let mut accepted = Builder::reply(request.message, 202, "", None);
        if !notify {
            accepted = accepted.field(Name::ReferSub, "false");
        }
        self.layer.respond(now, tx, 202, accepted.end(), out);
        out.push(Output::Event(Event::Referred { leg: id, to: Box::new(Refer { replaces, ..refer }) }));
    }

    /// How the transfer gets on.
    pub(super) fn refer_status(
        &mut self,
        now: Now,
        id: LegId,
        status: u16,
        reason: &str,
        out: &mut Vec<Output>,
    ) {
        let Some(referred) = self.legs.get(&id).and_then(|leg| leg.referred.as_ref()) else { return };
        if referred.notify {
            self.notify(now, id, status, reason, out);
        }
        if status >= 200 {
            self.with(id, |leg| leg.referred = None);
        }
    }

    fn notify(&mut self, now: Now, id: LegId, status: u16, reason: &str, out: &mut Vec<Output>) {
        let Some(leg) = self.legs.get(&id).filter(|l| matches!(l.state, State::Up)) else { return };
        let (flow, sips) = (leg.dialog.next_hop(&self.ways), leg.dialog.sips);
        let (via, contact) = (self.via(flow), self.contact(flow, sips));
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let event = match leg.referred.as_ref().and_then(|r| r.id) {
            Some(number) => format!("refer;id={number}"),
            None => "refer".into(),
        };
        let state = match status {
            ..200 => format!("active;expires={EXPIRES_S}"),
            _ => "terminated;reason=noresource".into(),
        };
        let reason = if reason.is_empty() { reason_phrase(status) } else { reason };
        let octets = leg
            .dialog
            .request(&Method::Notify, &via)
            .field(Name::Contact, contact)
            .field(Name::Event, event)
            .field(Name::SubscriptionState, state)
            .body("message/sipfrag;version=2.0", format!("SIP/2.0 {status} {reason}\r\n").as_bytes());
        self.send(now, flow, octets, Owner::Leg(id), out);
    }

    /// Asks the peer to call `to` in our place.
    pub(super) fn refer(&mut self, now: Now, id: LegId, to: &str, out: &mut Vec<Output>) {
        let Some(leg) = self.legs.get(&id).filter(|l| !l.ended) else { return };
        if !matches!(leg.state, State::Up) || leg.referring {
            return out.push(Output::Event(Event::ReferProgress { leg: id, status: 481 }));
        }
        let (flow, sips) = (leg.dialog.next_hop(&self.ways), leg.dialog.sips);
        let (via, contact) = (self.via(flow), self.contact(flow, sips));
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.referring = true;
        let own = NameAddr::parse(&leg.dialog.local).map_or("", |own| own.uri());
        let by = format!("<{own}>");
        let octets = leg
            .dialog
            .request(&Method::Refer, &via)
            .field(Name::Contact, contact)
            .field(Name::ReferTo, format_args!("<{to}>"))
            .field(Name::ReferredBy, by)
            .end();
        self.send(now, flow, octets, Owner::Refer(id), out);
    }

    /// The answer to our REFER: 202 only means that NOTIFYs will tell.
    pub(super) fn refer_response(&mut self, id: LegId, response: &Message, out: &mut Vec<Output>) {
        if let Start::Response { status: status @ 300.., .. } = response.start() {
            self.refer_ended(id, status, out);
        }
    }

    /// The last word about our REFER.
    pub(super) fn refer_ended(&mut self, id: LegId, status: u16, out: &mut Vec<Output>) {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.referring) else { return };
        leg.referring = false;
        if !leg.ended {
            out.push(Output::Event(Event::ReferProgress { leg: id, status }));
        }
    }

    /// A NOTIFY in a dialog: about our REFER, or about a subscription that there is not (RFC 6665 §4.1.3).
    pub(super) fn notified(&mut self, now: Now, id: LegId, request: &Request, out: &mut Vec<Output>) {
        let message = request.message;
        let about = message.get(Name::Event).unwrap_or_default();
        let ours = about.split(';').next().is_some_and(|e| e.trim().eq_ignore_ascii_case("refer"));
        if !ours || !self.legs.get(&id).is_some_and(|leg| leg.referring) {
            return self.fault(now, id, &Fault::NoDialog, request, out);
        }
        let body = message.body();
        let Some(status) = sipfrag_status(body) else {
            return self.fault(now, id, &Fault::UnsupportedMedia, request, out);
        };
        let tx = self.serve(request, Owner::Leg(id));
        let ok = Builder::reply(message, 200, "", None).end();
        self.layer.respond(now, tx, 200, ok, out);
        if status >= 200 {
            self.refer_ended(id, status, out);
        } else if self.legs.get(&id).is_some_and(|leg| !leg.ended) {
            out.push(Output::Event(Event::ReferProgress { leg: id, status }));
        }
    }
}

/// Who is to be called, and whose place it takes.
fn read_refer_to(message: &Message) -> Result<(Refer, Option<Replaces>), Wrong> {
    let values = message.list(Name::ReferTo)?;
    let [value] = values[..] else { return Err("One Refer-To Needed") };
    let addr = NameAddr::parse(value)?;
    let (uri, headers) = addr.uri().split_once('?').unwrap_or((addr.uri(), ""));
    let parsed = addr.parsed()?;
    if !matches!(&*parsed.scheme, "sip" | "sips" | "tel") {
        return Err("Bad Refer-To Scheme");
    }
    let user = parsed.user.filter(|user| !user.is_empty()).ok_or("No User in Refer-To")?;
    let replaces = find(headers, b'&', "Replaces").map(|v| Replaces::read(&unescape(&v)));
    Ok((Refer { uri: uri.to_owned(), user: user.to_string(), replaces: None }, replaces.transpose()?))
}

/// The status that a NOTIFY's body speaks of (RFC 3515 §2.4.5): the first line of a response.
fn sipfrag_status(body: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(body).ok()?;
    let status = text.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()?;
    (100..700).contains(&status).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn refer_to(value: &str) -> Result<(Refer, Option<Replaces>), Wrong> {
        let text = format!("REFER sip:a@b SIP/2.0\r\n{value}\r\n");
        read_refer_to(&Message::parse(&Bytes::from(text)).unwrap())
    }

    #[test]
    fn a_target_is_read_with_and_without_a_dialog_to_replace() {
        let (refer, replaces) = refer_to("Refer-To: \"Bob\" <sip:1002@10.0.0.1;transport=udp>\r\n").unwrap();
        assert_eq!((refer.user.as_str(), refer.uri.as_str()), ("1002", "sip:1002@10.0.0.1;transport=udp"));
        assert_eq!(replaces, None);
        let value = "r: <sip:1002@d?Replaces=c%40h%3Bto-tag%3Dours%3Bfrom-tag%3Dtheirs&X=y>\r\n";
        let (refer, replaces) = refer_to(value).unwrap();
        assert_eq!((refer.uri.as_str(), replaces.is_some()), ("sip:1002@d", true));
    }

    #[test]
    fn what_cannot_be_followed_is_refused_with_the_reason() {
        assert_eq!(refer_to(""), Err("One Refer-To Needed"));
        assert_eq!(refer_to("Refer-To: <sip:a@b>\r\nRefer-To: <sip:c@d>\r\n"), Err("One Refer-To Needed"));
        assert_eq!(refer_to("Refer-To: <sip:b>\r\n"), Err("No User in Refer-To"));
        assert_eq!(refer_to("Refer-To: <http://b/>\r\n"), Err("Bad Refer-To Scheme"));
        assert_eq!(refer_to("Refer-To: <sip:a@b?Replaces=x>\r\n"), Err("Bad Replaces"));
    }

    #[test]
    fn a_notify_says_a_status() {
        assert_eq!(sipfrag_status(b"SIP/2.0 200 OK\r\n"), Some(200));
        assert_eq!(sipfrag_status(b"SIP/2.0 20"), None);
        assert_eq!(sipfrag_status(b"hello"), None);
    }
}
