//! Registers this server with registrars, as a phone does (RFC 3261 §10.2).
//!
//! In: `Register`, `Unregister`, addresses, responses, time. Out: REGISTER requests and `Registration` on every change. A
//! success is refreshed after 80–90 % of what was granted, and when the connection that it was made over closes. A server
//! that does not answer is followed by the next of its name at once; when none is left, the name is located again after 5 s,
//! doubling up to 5 minutes, with jitter so that many lines do not come back at once.

use super::answers::Answers;
use super::build::Builder;
use super::endpoint::Endpoint;
use super::event::{Ask, Credentials, Event, Flow, Output, PeerId, Target};
use super::layer::{Owner, TxId};
use super::message::{Message, Start};
use super::name::{Method, Name};
use super::name_addr::NameAddr;
use super::uri::Uri;
use crate::base::Now;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

const RETRY_FIRST: Duration = Duration::from_secs(5);
const RETRY_MAX: Duration = Duration::from_secs(300);

/// A registration of ours.
#[derive(Debug)]
pub(super) struct Registration {
    /// Request-URI; its servers are located anew after a failure if `named`.
    registrar: String,
    named: bool,
    /// The address that is in use.
    flow: Option<Flow>,
    /// Those to be tried after it.
    flows: VecDeque<Flow>,
    /// Address-of-record, `sip:user@domain`.
    aor: String,
    user: String,
    answers: Answers,
    expires_s: u32,
    call_id: String,
    tag: String,
    cseq: u32,
    tx: Option<TxId>,
    /// A longer time has been asked for, as the registrar wants.
    longer: bool,
    failures: u32,
    ok: Option<bool>,
    /// When the next REGISTER goes out.
    pub(super) due: Option<Now>,
    leaving: bool,
}

impl Endpoint {
    /// Begins to register; takes the place of an earlier registration with this peer.
    pub(super) fn register(
        &mut self,
        now: Now,
        (peer, target): (PeerId, Target),
        user: &str,
        (credentials, expires_s): (Credentials, u32),
        out: &mut Vec<Output>,
    ) {
        let Some((registrar, flow)) = target.server() else { return };
        let registration = Registration {
            aor: aor(user, &registrar),
            registrar,
            named: flow.is_none(),
            flow,
            flows: VecDeque::new(),
            user: user.to_owned(),
            answers: Answers::new(credentials),
            expires_s,
            call_id: self.token(),
            tag: self.token(),
            cseq: 0,
            tx: None,
            longer: false,
            failures: 0,
            ok: None,
            due: None,
            leaving: false,
        };
        self.registrations.insert(peer, registration);
        self.registration_due(now, peer, out);
    }

    /// Takes a registration back.
    pub(super) fn unregister(&mut self, now: Now, peer: PeerId, out: &mut Vec<Output>) {
        let Some(r) = self.registrations.get_mut(&peer) else { return };
        (r.leaving, r.due) = (true, None);
        if r.flow.is_none() {
            // Nobody has heard of it.
            self.registrations.remove(&peer);
            return out.push(Output::Event(Event::Registration { peer, ok: false, status: 200 }));
        }
        self.send_register(now, peer, out);
    }

    /// Sends what is due.
    pub(super) fn registrations_due(&mut self, now: Now, out: &mut Vec<Output>) {
        let due = |r: &Registration| r.due.is_some_and(|due| due <= now);
        let due: Vec<PeerId> = self.registrations.iter().filter(|(_, r)| due(r)).map(|(p, _)| *p).collect();
        for peer in due {
            self.registration_due(now, peer, out);
        }
    }

    /// It is time for the next REGISTER.
    fn registration_due(&mut self, now: Now, peer: PeerId, out: &mut Vec<Output>) {
        let Some(r) = self.registrations.get_mut(&peer) else { return };
        r.due = None;
        if r.named && (r.flow.is_none() || r.failures > 0) {
            out.push(Output::Locate { ask: Ask::Register(peer), uri: r.registrar.clone() });
        } else {
            self.send_register(now, peer, out);
        }
    }

    /// The registrar has been located.
    pub(super) fn registrar_located(
        &mut self,
        now: Now,
        peer: PeerId,
        flows: VecDeque<Flow>,
        out: &mut Vec<Output>,
    ) {
        let Some(r) = self.registrations.get_mut(&peer) else { return };
        r.flows = flows;
        if !self.next_registrar(now, peer, out) {
            self.registration_done(now, peer, 503, None, out);
        }
    }

    /// Goes on to the next address; false if there is none.
    fn next_registrar(&mut self, now: Now, peer: PeerId, out: &mut Vec<Output>) -> bool {
        let Some(r) = self.registrations.get_mut(&peer) else { return false };
        let Some(flow) = r.flows.pop_front() else { return false };
        r.flow = Some(flow);
        r.answers.forget();
        self.send_register(now, peer, out);
        true
    }

    /// The connection is gone, and with it what was registered over it.
    pub(super) fn registrar_closed(&mut self, now: Now, flow: Flow) {
        let over = |r: &&mut Registration| r.flow == Some(flow) && r.due.is_some() && !r.leaving;
        for r in self.registrations.values_mut().filter(over) {
            r.due = r.due.min(Some(now + RETRY_FIRST));
        }
    }

    /// Where we listen has changed: what was registered from elsewhere is registered anew.
    pub(super) fn registrars_moved(&mut self, now: Now) {
        let ways = &self.ways;
        let gone = |r: &&mut Registration| r.flow.is_some_and(|f| !ways.listens_at(f.local)) && !r.leaving;
        for r in self.registrations.values_mut().filter(gone) {
            (r.due, r.failures) = (Some(now), r.failures.max(1));
        }
    }

    /// The peer whose registrar is at `ip`, and our user there; of several, the one where we are `user`.
    pub(super) fn registered_with(&self, ip: IpAddr, user: Option<&str>) -> Option<(PeerId, &str)> {
        let at = |r: &&Registration| r.ok == Some(true) && r.flow.is_some_and(|f| f.remote.ip() == ip);
        let all = self.registrations.iter().filter(|(_, r)| at(r));
        let (peer, r) = all.max_by_key(|(_, r)| Some(r.user.as_str()) == user)?;
        Some((*peer, &r.user))
    }

    /// Sends the next REGISTER.
    fn send_register(&mut self, now: Now, peer: PeerId, out: &mut Vec<Output>) {
        let Some(flow) = self.registrations.get(&peer).and_then(|r| r.flow) else { return };
        let (via, cnonce) = (self.via(flow), self.token());
        let Some(contact) = self.registered_contact(peer) else { return };
        let agent = &self.config.user_agent;
        let Some(r) = self.registrations.get_mut(&peer) else { return };
        r.cseq += 1;
        r.due = None;
        let mut b = Builder::request(&Method::Register, &r.registrar)
            .field(Name::Via, via)
            .field(Name::MaxForwards, "70")
            .field(Name::From, format_args!("<{}>;tag={}", r.aor, r.tag))
            .field(Name::To, format_args!("<{}>", r.aor))
            .field(Name::CallId, &r.call_id)
            .field(Name::CSeq, format_args!("{} REGISTER", r.cseq))
            .field(Name::Contact, contact)
            .field(Name::Expires, if r.leaving { 0 } else { r.expires_s })
            .field(Name::UserAgent, agent);
        for (name, value) in r.answers.fields(&Method::Register, &r.registrar, &cnonce) {
            b = b.field(name, value);
        }
        let tx = self.layer.request(now, flow, b.end(), Owner::Registration(peer), out);
        if let Some(r) = self.registrations.get_mut(&peer) {
            r.tx = tx;
        }
        if tx.is_none() {
            self.registration_done(now, peer, 400, None, out);
        }
    }

    /// A final response to our REGISTER.
    pub(super) fn registration_response(
        &mut self,
        now: Now,
        (peer, tx): (PeerId, TxId),
        message: &Message,
        out: &mut Vec<Output>,
    ) {
        let Start::Response { status, .. } = message.start() else { return };
        let Some(r) = self.registrations.get_mut(&peer).filter(|r| r.tx == Some(tx) && status >= 200) else {
            return;
        };
        match status {
            401 | 407 if r.answers.take(message) => return self.send_register(now, peer, out),
            423 if !r.longer => {
                r.longer = true;
                if let Some(least) = message.number(Name::MinExpires) {
                    r.expires_s = r.expires_s.max(least);
                    return self.send_register(now, peer, out);
                }
            }
            503 if self.next_registrar(now, peer, out) => return,
            _ => {}
        }
        let granted = self.granted_s(peer, message);
        self.registration_done(now, peer, status, granted, out);
    }

    /// No response to our REGISTER.
    pub(super) fn registration_failed(
        &mut self,
        now: Now,
        (peer, tx): (PeerId, TxId),
        unreachable: bool,
        out: &mut Vec<Output>,
    ) {
        let current = self.registrations.get(&peer).is_some_and(|r| r.tx == Some(tx));
        if current && !self.next_registrar(now, peer, out) {
            self.registration_done(now, peer, if unreachable { 503 } else { 408 }, None, out);
        }
    }

    fn registration_done(
        &mut self,
        now: Now,
        peer: PeerId,
        status: u16,
        granted_s: Option<u32>,
        out: &mut Vec<Output>,
    ) {
        let portion = 0.8 + 0.1 * self.rng.f64();
        let Some(r) = self.registrations.get_mut(&peer) else { return };
        let ok = (200..300).contains(&status) && !r.leaving;
        let changed = r.ok != Some(ok);
        (r.ok, r.longer) = (Some(ok), false);
        if ok {
            r.answers.passed();
            r.failures = 0;
            let granted = Duration::from_secs(granted_s.unwrap_or(r.expires_s).max(1).into());
            r.due = Some(now + granted.mul_f64(portion));
        } else {
            let wait = RETRY_FIRST.saturating_mul(1 << r.failures.min(6)).min(RETRY_MAX);
            r.failures += 1;
            r.due = Some(now + wait.mul_f64(portion));
            r.answers.forget();
        }
        if r.leaving {
            self.registrations.remove(&peer);
        }
        if changed {
            out.push(Output::Event(Event::Registration { peer, ok, status }));
        }
    }

    /// What the 200 says about our own contact, else about all (§10.2.4).
    fn granted_s(&self, peer: PeerId, message: &Message) -> Option<u32> {
        let own = self.registered_contact(peer)?;
        let own = NameAddr::parse(&own).and_then(|contact| contact.parsed()).ok()?;
        let contacts = message.list(Name::Contact).unwrap_or_default();
        let ours = contacts.into_iter().filter_map(|c| NameAddr::parse(c).ok());
        let ours = ours
            .filter(|c| c.parsed().is_ok_and(|uri| uri.same(&own)))
            .find_map(|c| c.param("expires")?.parse().ok());
        ours.or_else(|| message.number(Name::Expires))
    }

    /// The Contact that we register: calls for the user come there.
    fn registered_contact(&self, peer: PeerId) -> Option<String> {
        let r = self.registrations.get(&peer)?;
        Some(self.contact_as(&r.user, r.flow?, false))
    }
}

/// The address-of-record of `user` in the domain of `registrar`.
fn aor(user: &str, registrar: &str) -> String {
    match Uri::parse(registrar) {
        Ok(uri) => format!("{}:{user}@{}", uri.scheme, uri.host_text()),
        Err(_) => format!("sip:{user}@{registrar}"),
    }
}
