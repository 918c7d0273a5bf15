//! Registers this server with a registrar, as a phone does (RFC 3261 §10.2).
//!
//! In: `Register`, `Unregister`, responses, time. Out: REGISTER requests and `Registration` on every change. A success is
//! refreshed after 80–90 % of what was granted; a failure is tried again after 5 s, doubling up to 5 minutes, with jitter
//! so that many lines do not come back at once.

use super::build::Builder;
use super::digest;
use super::endpoint::Endpoint;
use super::event::{Credentials, Event, Flow, Output};
use super::layer::{Owner, TxId};
use super::message::{Message, Start};
use super::name::{Method, Name};
use super::syntax::NameAddr;
use crate::base::Now;
use std::time::Duration;

const RETRY_FIRST: Duration = Duration::from_secs(5);
const RETRY_MAX: Duration = Duration::from_secs(300);

/// Our registration.
#[derive(Debug)]
pub(super) struct Registration {
    registrar: Flow,
    /// Address-of-record, `sip:user@domain`.
    aor: String,
    /// Request-URI, `sip:domain`.
    domain: String,
    credentials: Credentials,
    expires_s: u32,
    call_id: String,
    tag: String,
    cseq: u32,
    tx: Option<TxId>,
    /// Attempts since the last success or wait.
    tries: u8,
    failures: u32,
    ok: Option<bool>,
    /// When the next REGISTER goes out.
    pub(super) due: Option<Now>,
    leaving: bool,
}

impl Endpoint {
    /// Begins to register; takes the place of an earlier registration.
    pub(super) fn register(
        &mut self,
        now: Now,
        registrar: Flow,
        (user, domain): (&str, &str),
        (credentials, expires_s): (Credentials, u32),
        out: &mut Vec<Output>,
    ) {
        let (call_id, tag) = (self.token(), self.token());
        let domain = if domain.is_empty() { registrar.remote.ip().to_string() } else { domain.to_owned() };
        self.registration = Some(Registration {
            registrar,
            aor: format!("sip:{user}@{domain}"),
            domain: format!("sip:{domain}"),
            credentials,
            expires_s,
            call_id,
            tag,
            cseq: 0,
            tx: None,
            tries: 0,
            failures: 0,
            ok: None,
            due: None,
            leaving: false,
        });
        self.send_register(now, None, out);
    }

    /// Takes our registration back.
    pub(super) fn unregister(&mut self, now: Now, out: &mut Vec<Output>) {
        let Some(r) = self.registration.as_mut() else { return };
        (r.leaving, r.tries, r.due) = (true, 0, None);
        self.send_register(now, None, out);
    }

    /// Sends the next REGISTER.
    pub(super) fn send_register(
        &mut self,
        now: Now,
        authorization: Option<(Name, String)>,
        out: &mut Vec<Output>,
    ) {
        let Some(flow) = self.registration.as_ref().map(|r| r.registrar) else { return };
        let (via, contact) = (self.via(flow), self.contact(flow, false));
        let agent = &self.config.user_agent;
        let Some(r) = self.registration.as_mut() else { return };
        r.cseq += 1;
        r.due = None;
        let mut b = Builder::request(&Method::Register, &r.domain)
            .field(Name::Via, via)
            .field(Name::MaxForwards, 70)
            .field(Name::From, format_args!("<{}>;tag={}", r.aor, r.tag))
            .field(Name::To, format_args!("<{}>", r.aor))
            .field(Name::CallId, &r.call_id)
            .field(Name::CSeq, format_args!("{} REGISTER", r.cseq))
            .field(Name::Contact, contact)
            .field(Name::Expires, if r.leaving { 0 } else { r.expires_s })
            .field(Name::UserAgent, agent);
        if let Some((name, value)) = authorization {
            b = b.field(name, value);
        }
        let tx = self.layer.request(now, flow, b.end(), Owner::Registration, out);
        if let Some(r) = self.registration.as_mut() {
            r.tx = tx;
        }
        if tx.is_none() {
            self.registration_done(now, 400, None, out);
        }
    }

    /// A final response to our REGISTER.
    pub(super) fn registration_response(
        &mut self,
        now: Now,
        tx: TxId,
        message: &Message,
        out: &mut Vec<Output>,
    ) {
        let Start::Response { status, .. } = *message.start() else { return };
        let cnonce = self.token();
        let Some(r) = self.registration.as_mut().filter(|r| r.tx == Some(tx) && status >= 200) else {
            return;
        };
        match status {
            401 | 407 if r.tries < 2 => {
                r.tries += 1;
                if let Some(field) =
                    digest::answer(message, &r.credentials, &Method::Register, &r.domain, &cnonce)
                {
                    return self.send_register(now, Some(field), out);
                }
            }
            423 if r.tries < 2 => {
                r.tries += 1;
                if let Some(least) = message.number(Name::MinExpires) {
                    r.expires_s = r.expires_s.max(least);
                    return self.send_register(now, None, out);
                }
            }
            _ => {}
        }
        let granted = self.granted_s(message);
        self.registration_done(now, status, granted, out);
    }

    /// No response to our REGISTER.
    pub(super) fn registration_failed(
        &mut self,
        now: Now,
        tx: TxId,
        unreachable: bool,
        out: &mut Vec<Output>,
    ) {
        if self.registration.as_ref().is_some_and(|r| r.tx == Some(tx)) {
            self.registration_done(now, if unreachable { 503 } else { 408 }, None, out);
        }
    }

    fn registration_done(&mut self, now: Now, status: u16, granted_s: Option<u32>, out: &mut Vec<Output>) {
        let portion = 0.8 + 0.1 * self.rng.f64();
        let Some(r) = self.registration.as_mut() else { return };
        let ok = (200..300).contains(&status) && !r.leaving;
        let changed = r.ok != Some(ok);
        (r.ok, r.tries) = (Some(ok), 0);
        if ok {
            r.failures = 0;
            let granted = Duration::from_secs(granted_s.unwrap_or(r.expires_s).max(1).into());
            r.due = Some(now + granted.mul_f64(portion));
        } else {
            let wait = RETRY_FIRST.saturating_mul(1 << r.failures.min(6)).min(RETRY_MAX);
            r.failures += 1;
            r.due = Some(now + wait.mul_f64(portion));
        }
        if r.leaving {
            self.registration = None;
        }
        if changed {
            out.push(Output::Event(Event::Registration { ok, status }));
        }
    }

    /// What the 200 says about our own contact, else about all (§10.2.4).
    fn granted_s(&self, message: &Message) -> Option<u32> {
        let flow = self.registration.as_ref()?.registrar;
        let own = NameAddr::parse(&self.contact(flow, false).into()).and_then(|c| c.parsed()).ok()?;
        let contacts = message.list(Name::Contact).unwrap_or_default();
        let ours = contacts.iter().filter_map(|c| NameAddr::parse(c).ok());
        let ours = ours
            .filter(|c| c.parsed().is_ok_and(|uri| uri.same(&own)))
            .find_map(|c| c.params.get("expires")?.parse().ok());
        ours.or_else(|| message.number(Name::Expires))
    }
}
