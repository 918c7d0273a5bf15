//! Dialogs (RFC 3261 §12): what two user agents share once one has accepted an INVITE of the other.
//!
//! In: the request and response that form it. Out: requests within it, with route set, remote target and CSeq, and the
//! flow that they go over. A next hop that is a name, until that is located, is reached over the flow that the dialog came
//! from, and so is a peer behind NAT, whose Contact says an address that cannot be reached from here.

use super::build::Builder;
use super::event::{Flow, Transport};
use super::message::Message;
use super::name::{Method, Name};
use super::name_addr::NameAddr;
use super::request::Request;
use super::syntax::{Text, Wrong};
use super::transport::Ways;
use super::uac::Way;
use super::uri::Uri;
use std::borrow::Cow;
use std::net::IpAddr;

/// One dialog, from our side.
#[derive(Debug, Clone)]
pub(super) struct Dialog {
    pub(super) call_id: Text,
    /// Our From or To, with our tag.
    pub(super) local: Text,
    /// The peer's, with its tag if it has one.
    remote: Text,
    /// CSeq of our latest request.
    pub(super) local_cseq: u32,
    /// CSeq of the peer's latest request, if it has made one.
    pub(super) remote_cseq: Option<u32>,
    /// Remote target: the URI of the peer's Contact.
    pub(super) target: Text,
    routes: Vec<Text>,
    /// The flow that the dialog came from.
    pub(super) flow: Flow,
    pub(super) natted: bool,
    /// Where the name of the next hop has been found to be.
    pub(super) located: Option<Flow>,
    /// To be secure on each hop: our Contact is `sips` (§12.1.1).
    pub(super) sips: bool,
}

impl Dialog {
    /// Our side of a dialog that `invite` is to form with our `tag` (§12.1.1).
    pub(super) fn uas(invite: &Request<'_>, tag: &str) -> Result<Dialog, Wrong> {
        // RFC 2543 peers may send no Contact; their From stands for it. One that is there must be usable.
        let target = match invite.message.get(Name::Contact) {
            Some(_) => invite.message.contact()?,
            None => invite.envelope.from,
        };
        target.parsed()?;
        let routes = invite.message.list(Name::RecordRoute)?;
        let asked = invite.message.request().map_or("", |(_, uri)| uri);
        let nearest = routes.first().and_then(|r| NameAddr::parse(r).ok()).unwrap_or(target);
        Ok(Dialog {
            call_id: invite.envelope.call_id.into(),
            local: invite.envelope.to.tagged(tag).into(),
            remote: invite.envelope.from.text().into(),
            local_cseq: 0,
            remote_cseq: Some(invite.envelope.cseq),
            target: target.uri().into(),
            routes: routes.into_iter().map(Text::from).collect(),
            flow: invite.flow,
            natted: natted(invite),
            located: None,
            sips: sips(asked) || sips(nearest.uri()),
        })
    }

    /// What `early` becomes by a 2xx (§12.1.2): the peer's tag, its Contact, and the route back through its proxies.
    pub(super) fn uac(early: &Dialog, response: &Message, to: &NameAddr<'_>) -> Result<Dialog, Wrong> {
        let routes = response.list(Name::RecordRoute)?.into_iter().rev().map(Text::from).collect();
        // A 2xx without Contact breaks §12.1.1; the call can live on with the URI that was dialled.
        let target = response.contact().map_or_else(|_| early.target.clone(), |c| c.uri().into());
        Ok(Dialog { remote: to.text().into(), target, routes, ..early.clone() })
    }

    /// The caller's side before any response.
    pub(super) fn begun(call_id: Text, local: Text, way: Way) -> Dialog {
        Dialog {
            call_id,
            local,
            remote: NameAddr::bare(&way.uri).text().into(),
            local_cseq: 0,
            remote_cseq: None,
            sips: sips(&way.uri),
            target: way.uri,
            routes: way.routes,
            flow: way.flow,
            natted: way.natted,
            located: None,
        }
    }

    /// The peer's tag, if it has one.
    pub(super) fn remote_tag(&self) -> Option<Cow<'_, str>> {
        NameAddr::parse(&self.remote).ok()?.tag()
    }

    /// True if `cseq` is higher than the peer's latest, which it then is (§12.2.2).
    pub(super) fn in_order(&mut self, cseq: u32) -> bool {
        let later = self.remote_cseq.is_none_or(|latest| cseq > latest);
        if later {
            self.remote_cseq = Some(cseq);
        }
        later
    }

    /// Begins a request with the next CSeq (§12.2.1.1).
    pub(super) fn request(&mut self, method: &Method, via: &str) -> Builder {
        self.local_cseq += 1;
        self.numbered(method, via, self.local_cseq)
    }

    /// Begins a request with this CSeq: the ACK for a 2xx has that of its INVITE (§13.2.2.4).
    pub(super) fn numbered(&self, method: &Method, via: &str, cseq: u32) -> Builder {
        let loose = self.routes.first().is_none_or(|route| {
            NameAddr::parse(route).and_then(|r| r.parsed()).is_ok_and(|uri| uri.params.get("lr").is_some())
        });
        let (mut uri, mut routes) = (&*self.target, &self.routes[..]);
        if let (false, [first, rest @ ..]) = (loose, routes) {
            // A strict router takes the Request-URI for itself; the target comes last (§12.2.1.1).
            (uri, routes) = (NameAddr::parse(first).map_or(uri, |r| r.uri()), rest);
        }
        let mut b = Builder::request(method, uri).field(Name::Via, via).field(Name::MaxForwards, "70");
        for route in routes {
            b = b.field(Name::Route, route);
        }
        if !loose {
            b = b.field(Name::Route, format_args!("<{}>", self.target));
        }
        b.field(Name::From, &self.local)
            .field(Name::To, &self.remote)
            .field(Name::CallId, &self.call_id)
            .field(Name::CSeq, format_args!("{cseq} {method}"))
    }

    /// The URI that requests in this dialog are sent to, if its host is a name that can be located.
    pub(super) fn next_name(&self) -> Option<&str> {
        let (uri, natted) = match self.routes.first() {
            Some(route) => (NameAddr::parse(route).ok()?.uri(), false),
            None => (&*self.target, self.natted),
        };
        let parsed = Uri::parse(uri).ok()?;
        let target = parsed.target();
        // RFC 2606: what has no name calls itself `.invalid`.
        let known = !target.is_empty() && target.parse::<IpAddr>().is_err() && !target.ends_with(".invalid");
        (known && !natted && !self.flow.transport.websocket()).then_some(uri)
    }

    /// The flow that requests in this dialog go over.
    pub(super) fn next_hop(&self, ways: &Ways) -> Flow {
        if let Some(located) = self.located {
            return located;
        }
        match self.routes.first() {
            Some(route) => {
                NameAddr::parse(route).map_or(self.flow, |r| next_hop(r.uri(), self.flow, false, ways))
            }
            None => next_hop(&self.target, self.flow, self.natted, ways),
        }
    }
}

/// True if the sender of `request` is behind NAT: it calls itself something else than where its packets come from.
pub(super) fn natted(request: &Request<'_>) -> bool {
    let via = &request.envelope.via;
    let direct = request.message.list(Name::Via).is_ok_and(|vias| vias.len() == 1);
    let elsewhere = via.ip().is_some_and(|ip| ip != request.flow.remote.ip());
    let port = via.port.unwrap_or(super::SIP_PORT) != request.flow.remote.port();
    direct && (elsewhere || port && request.flow.transport == Transport::Udp)
}

/// The flow towards `uri`, for one who came over `flow`.
pub(super) fn next_hop(uri: &str, flow: Flow, natted: bool, ways: &Ways) -> Flow {
    let Ok(uri) = Uri::parse(uri) else { return flow };
    let transport = uri.transport().unwrap_or(flow.transport);
    let Some(addr) = uri.addr(transport).filter(|_| !natted) else { return flow };
    // The connection that is there is used, whatever its port (RFC 5923).
    if transport.reliable() && flow.transport == transport && addr.ip() == flow.remote.ip() {
        return flow;
    }
    ways.flow(transport, addr, flow.local).unwrap_or(flow)
}

fn sips(uri: &str) -> bool {
    uri.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("sips:"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn flow(transport: Transport) -> Flow {
        let addr = |s: &str| s.parse().unwrap();
        Flow { transport, local: addr("10.0.0.1:5060"), remote: addr("10.0.0.2:49152") }
    }

    fn invite(via: &str, extra: &str) -> Request<'static> {
        let text = format!(
            "INVITE sip:95@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=f\r\n\
             To: <sip:95@10.0.0.1>\r\nCall-ID: c\r\nCSeq: 9 INVITE\r\nContact: <sip:a@10.0.0.2:5070>\r\n{extra}\r\n"
        );
        let message = Box::leak(Box::new(Message::parse(&Bytes::from(text)).unwrap()));
        let envelope = message.envelope().unwrap();
        Request::new(flow(Transport::Udp), flow(Transport::Udp), message, envelope)
    }

    #[test]
    fn requests_follow_the_route_set_to_the_remote_target() {
        let routes = "Record-Route: <sip:10.0.0.9;lr>, <sip:p2;lr>\r\n";
        let mut d = Dialog::uas(&invite("10.0.0.2:49152", routes), "mine").unwrap();
        let m = Message::parse(&d.request(&Method::Bye, "SIP/2.0/UDP x;branch=z9hG4bK2").end()).unwrap();
        assert_eq!(m.request().unwrap().1, "sip:a@10.0.0.2:5070");
        assert_eq!(m.list(Name::Route).unwrap(), ["<sip:10.0.0.9;lr>", "<sip:p2;lr>"]);
        let e = m.envelope().unwrap();
        assert_eq!((e.from.tag().as_deref(), e.to.tag().as_deref(), e.cseq), (Some("mine"), Some("f"), 1));
        assert_eq!(d.next_hop(&Ways::default()).remote, "10.0.0.9:5060".parse().unwrap());
    }

    #[test]
    fn a_strict_router_gets_the_request_uri() {
        let d = Dialog::uas(&invite("10.0.0.2:49152", "Record-Route: <sip:10.0.0.9>, <sip:p2;lr>\r\n"), "t")
            .unwrap();
        let m = Message::parse(&d.numbered(&Method::Bye, "SIP/2.0/UDP x", 1).end()).unwrap();
        assert_eq!(m.request().unwrap().1, "sip:10.0.0.9");
        assert_eq!(m.list(Name::Route).unwrap(), ["<sip:p2;lr>", "<sip:a@10.0.0.2:5070>"]);
    }

    #[test]
    fn a_peer_behind_nat_is_reached_over_the_flow_it_came_from() {
        let near = Dialog::uas(&invite("10.0.0.2:49152", ""), "t").unwrap();
        assert_eq!(near.next_hop(&Ways::default()).remote, "10.0.0.2:5070".parse().unwrap());
        let nat = Dialog::uas(&invite("192.168.1.7:5070", ""), "t").unwrap();
        assert_eq!(nat.next_hop(&Ways::default()), flow(Transport::Udp));
        let hop = |uri: &str, flow| next_hop(uri, flow, false, &Ways::default());
        assert_eq!(hop("sip:a@phone.example", flow(Transport::Udp)), flow(Transport::Udp));
        assert_eq!(hop("sip:a@10.0.0.2:5060;transport=tcp", flow(Transport::Tcp)), flow(Transport::Tcp));
    }

    #[test]
    fn numbers_must_go_up() {
        let mut d = Dialog::uas(&invite("10.0.0.2:49152", ""), "t").unwrap();
        assert!(!d.in_order(9));
        assert!(d.in_order(11));
        assert!(!d.in_order(10));
    }
}
