//! Who may come in: REGISTER, and INVITEs that claim to be of one of our accounts.
//!
//! In: requests outside of any dialog. Out: a challenge (RFC 3261 §22.2, §22.3), a refusal, a binding (§10.3), or a call.

use super::build::Builder;
use super::digest::Verdict;
use super::endpoint::{Endpoint, say};
use super::event::{EndCause, Output};
use super::layer::Owner;
use super::leg::State;
use super::name::{Method, Name};
use super::reply::Fault;
use super::request::Request;
use super::uri::Uri;
use crate::base::{LegId, Now};
use std::borrow::Cow;

/// Why somebody with the right password is not believed.
const UNDER_ATTACK: &str = "account is being guessed at";

impl Endpoint {
    /// An INVITE without To tag: whose is it?
    pub(super) fn new_invite(&mut self, now: Now, request: &Request, out: &mut Vec<Output>) {
        let named = request.envelope.from.parsed().ok().and_then(|u| u.user).filter(|u| self.guard.knows(u));
        let mut stale = false;
        for name in [Name::ProxyAuthorization, Name::Authorization] {
            match self.guard.verify(now, request.message, name, &Method::Invite) {
                Verdict::Account(user) if self.is_under_attack(now, request.flow, &user) => {
                    return self.drop_count(UNDER_ATTACK);
                }
                Verdict::Account(user) => return self.incoming(now, request, Some(user), out),
                Verdict::Stale => stale = true,
                Verdict::Wrong(user) => self.wrong_password(now, request.flow, &user),
                Verdict::No => {}
            }
        }
        // One of our phones calls: from where it registered, or wherever if configured so.
        let ours = |user: &Cow<'_, str>| {
            self.config.challenge_accounts || self.registrar.is_at(user, request.flow.remote.ip())
        };
        if stale || named.as_ref().is_some_and(ours) || self.is_kept_out(request.flow) {
            return self.challenge(now, request, 407, Name::ProxyAuthenticate, stale, out);
        }
        self.incoming(now, request, None, out);
    }

    /// REGISTER (RFC 3261 §10.3).
    pub(super) fn registering(&mut self, now: Now, request: &Request, out: &mut Vec<Output>) {
        let Ok(aor) = request.envelope.to.parsed() else {
            return self.refuse(&Fault::BadRequest("Bad To"), request, out);
        };
        if !self.serves(&aor) {
            return self.refuse(&Fault::NotFound, request, out);
        }
        let account = match self.guard.verify(now, request.message, Name::Authorization, &Method::Register) {
            Verdict::Account(account) if self.is_under_attack(now, request.flow, &account) => {
                return self.drop_count(UNDER_ATTACK);
            }
            Verdict::Account(account) => account,
            verdict => {
                if let Verdict::Wrong(user) = &verdict {
                    self.wrong_password(now, request.flow, user);
                }
                let stale = verdict == Verdict::Stale;
                return self.challenge(now, request, 401, Name::WwwAuthenticate, stale, out);
            }
        };
        if aor.user.as_deref() != Some(&account) {
            return self.refuse(&Fault::Forbidden("Not Your Address"), request, out);
        }
        let tx = self.layer.serve(request, Owner::Nobody);
        let (tag, result) = (self.token(), self.registrar.register(now, &account, request, &self.ways));
        let (status, octets) = match &result {
            Ok(_) => {
                let mut b = Builder::reply(request.message, 200, "", Some(&tag));
                for contact in self.registrar.contacts(now, &account) {
                    b = b.field(Name::Contact, contact);
                }
                // RFC 3327 §5.3.
                for path in request.message.all(Name::Path) {
                    b = b.field(Name::Path, path);
                }
                (200, b.field(Name::Server, &self.config.user_agent).end())
            }
            Err(fault) => (fault.status(), fault.response(request.message, &tag)),
        };
        self.layer.respond(now, tx, status, octets, out);
        say(result.ok().flatten(), out);
    }

    pub(super) fn serves(&self, aor: &Uri<'_>) -> bool {
        let domains = &self.config.domains;
        if !matches!(&*aor.scheme, "sip" | "sips") {
            return false;
        }
        domains.is_empty() || aor.ip().is_some() || domains.iter().any(|d| d.eq_ignore_ascii_case(&aor.host))
    }

    fn challenge(
        &mut self,
        now: Now,
        request: &Request,
        status: u16,
        name: Name,
        stale: bool,
        out: &mut Vec<Output>,
    ) {
        let salt = self.rng.u64(..);
        let tag = self.stateless_tag(request.message);
        let mut b = Builder::reply(request.message, status, "", Some(&tag));
        for challenge in self.guard.challenges(now, salt, stale) {
            b = b.field(name, challenge);
        }
        out.push(Output::Transmit { flow: request.reply, message: b.end() });
    }
    /// The call does not know who sent this INVITE: its sender is to come again with credentials.
    pub(super) fn challenge_leg(&mut self, now: Now, id: LegId, out: &mut Vec<Output>) {
        let Some(leg) = self.legs.get(&id) else { return };
        let State::Offered(invite) = leg.state else { return };
        let (tag, salt) = (leg.tag.clone(), self.rng.u64(..));
        let Some(request) = self.layer.request_of(invite.tx) else { return };
        let mut b = Builder::reply(&request, 407, "", Some(&tag));
        for challenge in self.guard.challenges(now, salt, false) {
            b = b.field(Name::ProxyAuthenticate, challenge);
        }
        self.layer.respond(now, invite.tx, 407, b.end(), out);
        self.over(id);
        self.end(id, EndCause::WeHungUp, out);
    }
}
