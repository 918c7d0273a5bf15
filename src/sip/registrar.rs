//! The location service (RFC 3261 §10.3): which user is reached by which contacts, over which flow, until when.
//!
//! In: REGISTER requests that have been authenticated, time, flows that have failed. Out: the bindings for the 200, and
//! the users who have become or ceased to be reachable. A phone behind a proxy is reached through it (RFC 3327); one that is
//! not, over the flow that it registered over, unless it is seen to be without NAT and says another address.

use super::dialog::{natted, next_hop};
use super::event::Flow;
use super::name::Name;
use super::name_addr::NameAddr;
use super::reply::Fault;
use super::request::Request;
use super::syntax::Text;
use super::transport::Ways;
use super::uri::Uri;
use crate::base::Now;
use crate::limits::{REGISTER_EXPIRES_S, REGISTRAR_CONTACTS_MAX};
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;
use std::net::IpAddr;
use std::time::Duration;

/// How a user can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binding {
    /// The contact as the phone wrote it; Request-URI of INVITEs to it.
    pub(super) uri: Text,
    /// The flow to send over.
    pub(super) flow: Flow,
    /// True if the phone is behind NAT: its Contact cannot be reached but over `flow`.
    pub(super) natted: bool,
    /// The proxies that requests to it go through (RFC 3327).
    pub(super) path: Vec<Text>,
    call_id: Text,
    cseq: u32,
    renewed: Now,
    expires: Now,
}

/// All bindings.
#[derive(Debug, Default)]
pub(super) struct Registrar {
    users: BTreeMap<String, Vec<Binding>>,
    next: Option<Now>,
    /// Where contacts are reached.
    ips: HashSet<IpAddr>,
}

/// A user who has become reachable over a flow, or has ceased to be.
pub(super) type Change = (String, Option<Flow>);

impl Registrar {
    /// Carries out a REGISTER of `user` (§10.3 steps 5–8).
    ///
    /// # Errors
    /// The request as a whole is refused; no binding has changed.
    pub(super) fn register(
        &mut self,
        now: Now,
        user: &str,
        request: &Request<'_>,
        ways: &Ways,
    ) -> Result<Option<Change>, Fault> {
        let message = request.message;
        let envelope = &request.envelope;
        let list = message.list(Name::Contact).map_err(Fault::BadRequest)?;
        let path = message.list(Name::Path).map_err(Fault::BadRequest)?;
        let proxy = path.first().map(|p| NameAddr::parse(p)).transpose().map_err(Fault::BadRequest)?;
        let mut bindings = self.users.get(user).cloned().unwrap_or_default();
        let before = !bindings.is_empty();
        let later = |b: &Binding| b.call_id != envelope.call_id || envelope.cseq > b.cseq;
        if list.contains(&"*") {
            if list.len() != 1 || message.number(Name::Expires) != Some(0) {
                return Err(Fault::BadRequest("Bad Wildcard Contact"));
            }
            if !bindings.iter().all(later) {
                return Err(Fault::BadRequest("CSeq Not Higher"));
            }
            bindings.clear();
        } else {
            for contact in &list {
                let contact = NameAddr::parse(contact).map_err(Fault::BadRequest)?;
                let parsed = contact.parsed().map_err(Fault::BadRequest)?;
                let expires_s = expiry(contact.param("expires").as_deref(), message.number(Name::Expires))?;
                let old = bindings.iter().position(|b| Uri::parse(&b.uri).is_ok_and(|uri| uri.same(&parsed)));
                if old.map(|i| bindings.remove(i)).is_some_and(|old| !later(&old)) {
                    return Err(Fault::BadRequest("CSeq Not Higher"));
                }
                if expires_s == 0 {
                    continue;
                }
                if bindings.len() == REGISTRAR_CONTACTS_MAX {
                    return Err(Fault::Forbidden("Too Many Contacts"));
                }
                let natted = natted(request);
                bindings.push(Binding {
                    flow: match &proxy {
                        Some(proxy) => next_hop(proxy.uri(), request.flow, false, ways),
                        None => next_hop(contact.uri(), request.flow, natted, ways),
                    },
                    path: path.iter().copied().map(Text::from).collect(),
                    uri: contact.uri().into(),
                    natted,
                    call_id: envelope.call_id.into(),
                    cseq: envelope.cseq,
                    renewed: now,
                    expires: now + Duration::from_secs(expires_s.into()),
                });
            }
        }
        let after = bindings.last().map(|b| b.flow);
        self.users.insert(user.to_owned(), bindings);
        self.tidy();
        Ok((before != after.is_some()).then(|| (user.to_owned(), after)))
    }

    /// The contacts of a user for the 200, with the seconds they have left.
    pub(super) fn contacts(&self, now: Now, user: &str) -> Vec<String> {
        let bindings = self.users.get(user).into_iter().flatten();
        bindings.map(|b| format!("<{}>;expires={}", b.uri, b.expires.since(now).as_secs())).collect()
    }

    /// The contact that was renewed last.
    pub(super) fn newest(&self, user: &str) -> Option<&Binding> {
        self.users.get(user)?.iter().max_by_key(|b| b.renewed)
    }

    /// True if a contact of `user` is reached at `ip`.
    pub(super) fn is_at(&self, user: &str, ip: IpAddr) -> bool {
        self.users.get(user).is_some_and(|bindings| bindings.iter().any(|b| b.flow.remote.ip() == ip))
    }

    /// True if a contact of anybody is reached at `ip`.
    pub(super) fn has(&self, ip: IpAddr) -> bool {
        self.ips.contains(&ip)
    }

    /// Users with a contact.
    pub(super) fn len(&self) -> usize {
        self.users.len()
    }

    /// When the next binding expires.
    pub(super) fn deadline(&self) -> Option<Now> {
        self.next
    }

    /// Drops what has expired.
    pub(super) fn tick(&mut self, now: Now) -> Vec<Change> {
        if self.next.is_none_or(|next| next > now) {
            return Vec::new();
        }
        self.retain(|_, b| b.expires > now)
    }

    /// Drops the contacts reached over a flow that has failed.
    pub(super) fn unreachable(&mut self, flow: Flow) -> Vec<Change> {
        self.retain(|_, b| b.flow != flow)
    }

    /// Drops the contacts of users that `keep` does not want.
    pub(super) fn keep_users(&mut self, keep: impl Fn(&str) -> bool) -> Vec<Change> {
        self.retain(|user, _| keep(user))
    }

    /// One line for each binding.
    pub(super) fn dump(&self, text: &mut String) {
        for (user, bindings) in &self.users {
            for b in bindings {
                let _ = writeln!(text, "binding {user} {} until {} ms", b.flow.remote, b.expires.ms());
            }
        }
    }

    fn retain(&mut self, keep: impl Fn(&str, &Binding) -> bool) -> Vec<Change> {
        let mut gone = Vec::new();
        for (user, bindings) in &mut self.users {
            bindings.retain(|b| keep(user, b));
            if bindings.is_empty() {
                gone.push((user.clone(), None));
            }
        }
        self.tidy();
        gone
    }

    fn tidy(&mut self) {
        self.users.retain(|_, bindings| !bindings.is_empty());
        self.next = self.users.values().flatten().map(|b| b.expires).min();
        self.ips = self.users.values().flatten().map(|b| b.flow.remote.ip()).collect();
    }
}

/// Seconds granted (§10.3 step 7): the contact's own wish, else the request's, else the longest; 0 takes it back.
fn expiry(own: Option<&str>, whole: Option<u32>) -> Result<u32, Fault> {
    let (least, most) = (*REGISTER_EXPIRES_S.start(), *REGISTER_EXPIRES_S.end());
    // §10.2.1.1: what cannot be read counts as 3600.
    let wish = own.map(|o| o.parse().unwrap_or(most)).or(whole).unwrap_or(most);
    match wish {
        0 => Ok(0),
        wish if wish < least => Err(Fault::IntervalTooBrief(least)),
        wish => Ok(wish.min(most)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::event::Transport;
    use crate::sip::message::Message;
    use bytes::Bytes;

    fn register(cseq: u32, fields: &str) -> Request<'static> {
        let text = format!(
            "REGISTER sip:line SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.1.7:5060;branch=z9hG4bK{cseq}\r\n\
             From: <sip:ann@line>;tag=f\r\nTo: <sip:ann@line>\r\nCall-ID: c\r\nCSeq: {cseq} REGISTER\r\n{fields}\r\n"
        );
        let message = Message::parse(&Bytes::from(text)).unwrap();
        let message = Box::leak(Box::new(message));
        let envelope = message.envelope().unwrap();
        let addr = |s: &str| s.parse().unwrap();
        let flow =
            Flow { transport: Transport::Udp, local: addr("10.0.0.1:5060"), remote: addr("10.0.0.2:4444") };
        Request::new(flow, flow, message, envelope)
    }

    const AT: Now = Now(1_000_000);

    #[test]
    fn a_user_comes_and_goes_and_is_said_once_each() {
        let mut r = Registrar::default();
        let one = register(
            1,
            "Contact: <sip:ann@192.168.1.7>;expires=60, <sip:ann@192.168.1.8>\r\nExpires: 90\r\n",
        );
        assert_eq!(r.register(AT, "ann", &one, &Ways::default()), Ok(Some(("ann".into(), Some(one.flow)))));
        assert_eq!(
            r.contacts(AT, "ann"),
            ["<sip:ann@192.168.1.7>;expires=60", "<sip:ann@192.168.1.8>;expires=90"]
        );
        assert_eq!(r.deadline(), Some(AT + Duration::from_secs(60)));
        assert_eq!(r.tick(AT + Duration::from_secs(60)), []);
        assert_eq!(r.tick(AT + Duration::from_secs(90)), [("ann".to_owned(), None)]);
        assert_eq!(r.deadline(), None);
    }

    #[test]
    fn a_phone_behind_a_proxy_is_reached_through_it() {
        let mut r = Registrar::default();
        let fields = "Contact: <sip:ann@192.168.1.7>\r\nPath: <sip:10.0.0.9:5070;lr>, <sip:10.0.0.8;lr>\r\n";
        r.register(AT, "ann", &register(1, fields), &Ways::default()).unwrap();
        let b = r.newest("ann").unwrap();
        assert_eq!(b.path, ["<sip:10.0.0.9:5070;lr>", "<sip:10.0.0.8;lr>"]);
        assert_eq!(b.flow.remote, "10.0.0.9:5070".parse().unwrap());
    }

    #[test]
    fn a_phone_behind_nat_is_reached_over_its_flow() {
        let mut r = Registrar::default();
        let request = register(1, "Contact: <sip:ann@192.168.1.7>\r\n");
        r.register(AT, "ann", &request, &Ways::default()).unwrap();
        let b = r.newest("ann").unwrap();
        assert_eq!((&*b.uri, b.flow), ("sip:ann@192.168.1.7", request.flow));
        assert_eq!(r.unreachable(request.flow), [("ann".to_owned(), None)]);
    }

    #[test]
    fn a_star_takes_all_back_only_with_expires_zero() {
        let mut r = Registrar::default();
        r.register(AT, "ann", &register(1, "Contact: <sip:ann@h>\r\n"), &Ways::default()).unwrap();
        assert!(
            r.register(AT, "ann", &register(2, "Contact: *\r\nExpires: 5\r\n"), &Ways::default()).is_err()
        );
        assert!(
            r.register(AT, "ann", &register(1, "Contact: *\r\nExpires: 0\r\n"), &Ways::default()).is_err(),
            "CSeq must be higher"
        );
        let gone = r.register(AT, "ann", &register(3, "Contact: *\r\nExpires: 0\r\n"), &Ways::default());
        assert_eq!(gone, Ok(Some(("ann".into(), None))));
    }

    #[test]
    fn a_brief_interval_is_refused_and_a_long_one_cut() {
        let mut r = Registrar::default();
        let brief = register(1, "Contact: <sip:ann@h>;expires=29\r\n");
        assert_eq!(r.register(AT, "ann", &brief, &Ways::default()), Err(Fault::IntervalTooBrief(30)));
        r.register(AT, "ann", &register(2, "Contact: <sip:ann@h>;expires=4294967296\r\n"), &Ways::default())
            .unwrap();
        assert_eq!(r.contacts(AT, "ann"), ["<sip:ann@h>;expires=3600"]);
    }

    #[test]
    fn as_many_contacts_as_the_limit_pass_and_one_more_does_not() {
        let list = |n: usize| {
            let all: Vec<_> = (0..n).map(|i| format!("<sip:ann@h:{}>", 5000 + i)).collect();
            register(1, &format!("Contact: {}\r\n", all.join(", ")))
        };
        let mut r = Registrar::default();
        assert!(r.register(AT, "ann", &list(REGISTRAR_CONTACTS_MAX), &Ways::default()).is_ok());
        let mut r = Registrar::default();
        assert_eq!(
            r.register(AT, "ann", &list(REGISTRAR_CONTACTS_MAX + 1), &Ways::default()),
            Err(Fault::Forbidden("Too Many Contacts"))
        );
    }
}
