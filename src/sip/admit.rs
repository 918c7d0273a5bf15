//! What a request from outside must pass before it reaches the transactions.
//!
//! ```text
//!  of a call or transaction that is there ──────────────────────────────────────────► passes, whoever is banned
//!  banned ─► dropped      scanner's name ─► banned      over its source's rate ─► dropped
//!  stranger ─┬─ REGISTER in our domain ─────────────────────────────────────────────► passes: it will be challenged
//!            ├─ INVITE with credentials, from our domain, or where trunks have passwords passes: it will be challenged
//!            └─ anything else ─► dropped, a strike
//!  new call ─── overload, too many not answered, too many of one source ─► 503 with Retry-After
//! ```
//! A stranger is no trunk, is not exempt, and no phone is registered where it is. Trunks that are exempt, and sources with a
//! registered phone, are never banned but by hand: the address of a datagram can be forged, and a phone with an old password
//! must not silence its office.

use super::endpoint::{Endpoint, RETRY_AFTER_S};
use super::event::{Flow, Output};
use super::leg::State;
use super::message::Message;
use super::name::{Method, Name};
use super::reply::Fault;
use super::request::Request;
use super::uri::Uri;
use super::watch::{Ban, KeptBan, Rules, Watch};
use crate::base::{Epoch, LegId, Now};
use std::net::IpAddr;
use std::time::Duration;

/// Why a source is banned that a person has banned.
pub const BY_HAND: &str = "by hand";

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    Passes,
    /// Dropped, for this reason.
    Dropped(&'static str),
    /// 503, for this reason.
    Busy(&'static str),
}

impl Endpoint {
    /// Replaces the rules of the watch; bans and counts stay.
    pub fn set_rules(&mut self, rules: Rules) {
        self.watch.rules = rules;
    }

    /// Bans a source by hand, a day without `length`. It goes for trunks and phones too, but not for their calls in progress.
    pub fn ban(&mut self, now: Now, ip: IpAddr, length: Option<Duration>) {
        self.watch.ban(now, ip, Some(length.unwrap_or(Watch::BAN_MAX)), BY_HAND);
    }

    /// Ends a ban; false if there is none.
    pub fn unban(&mut self, now: Now, ip: IpAddr) -> bool {
        self.watch.unban(now, ip)
    }

    /// The bans that are to survive a restart.
    pub fn kept_bans(&self, now: Now, epoch: Epoch) -> Vec<KeptBan> {
        self.watch.kept(now, epoch)
    }

    /// Takes up the bans that were kept.
    pub fn take_up_bans(&mut self, kept: Vec<KeptBan>, epoch: Epoch) {
        self.watch.take_up(kept, epoch);
    }

    /// The bans since this was asked last.
    pub fn new_bans(&mut self) -> Vec<Ban> {
        self.watch.news()
    }

    /// Tells whether inputs are waiting for the endpoint: for long without a break is overload.
    pub fn backlog(&mut self, now: Now, waiting: bool) {
        self.watch.backlog(now, waiting);
    }

    /// True if `flow` is no trunk's, not exempt, has no phone, and no registrar of ours.
    pub(super) fn is_stranger(&self, flow: Flow) -> bool {
        let (rules, ip) = (&self.watch.rules, flow.remote.ip());
        let known = rules.exempt.hold(flow) || self.is_trunks(flow) || self.registrar.has(ip);
        !known && self.registered_with(ip, None).is_none()
    }

    /// True if `flow` comes from where a trunk is, or its peer has shown a trunk's certificate.
    fn is_trunks(&self, flow: Flow) -> bool {
        let rules = &self.watch.rules;
        rules.trunks.hold(flow) || self.ways.domains(flow).iter().any(|d| rules.trunk_domains.contains(d))
    }

    /// A stranger that gets no more than challenges.
    pub(super) fn is_kept_out(&self, flow: Flow) -> bool {
        self.watch.rules.silent && self.is_stranger(flow)
    }

    /// Something that only a stranger does, or a phone with an old password.
    pub(super) fn strike(&mut self, now: Now, flow: Flow, why: &'static str) {
        let ip = flow.remote.ip();
        if !self.watch.rules.exempt.hold(flow) && !self.registrar.has(ip) {
            self.watch.strike(now, ip, why);
        }
    }

    /// Credentials for `account` that are wrong.
    pub(super) fn wrong_password(&mut self, now: Now, flow: Flow, account: &str) {
        if self.guard.knows(account) && !self.watch.rules.exempt.hold(flow) {
            self.watch.guess(now, account);
        }
        self.strike(now, flow, "wrong credentials");
    }

    /// True if so many guess at an account that not even the right password is believed from where its phone is not.
    pub(super) fn is_under_attack(&self, now: Now, flow: Flow, account: &str) -> bool {
        self.watch.guessed_at(now, account)
            && !self.watch.rules.exempt.hold(flow)
            && !self.registrar.is_at(account, flow.remote.ip())
    }

    /// What becomes of a request; `fault` if it cannot be served whoever sends it.
    pub(super) fn admit(&mut self, now: Now, request: &Request, fault: Option<&Fault>) -> Admission {
        let Request { flow, message, envelope, .. } = request;
        if self.is_in_progress(request) {
            return Admission::Passes;
        }
        if !self.ways.listens_at(flow.local) {
            return Admission::Dropped("where is listened no longer");
        }
        let dropped = self.admit_source(now, *flow, message);
        if let Some(why) = dropped {
            return Admission::Dropped(why);
        }
        if self.is_kept_out(*flow) && (fault.is_some() || !self.may_be_challenged(*flow, request)) {
            self.strike(now, *flow, "not one of ours");
            return Admission::Dropped("from a stranger");
        }
        if envelope.method != Method::Invite || envelope.to.tag().is_some() {
            return Admission::Passes;
        }
        self.admit_call(now, *flow).map_or(Admission::Passes, Admission::Busy)
    }

    /// A request whose envelope cannot be read: is its source worth an answer?
    pub(super) fn admit_broken(&mut self, now: Now, flow: Flow, message: &Message) -> Option<&'static str> {
        self.admit_source(now, flow, message).or_else(|| {
            let out = self.is_kept_out(flow);
            if out {
                self.strike(now, flow, "not one of ours");
            }
            out.then_some("from a stranger")
        })
    }

    /// Why nothing of this source is to be looked at.
    fn admit_source(&mut self, now: Now, flow: Flow, message: &Message) -> Option<&'static str> {
        let ip = flow.remote.ip();
        if self.watch.banned(now, ip) {
            return Some("banned");
        }
        if self.watch.rules.exempt.hold(flow) {
            return None;
        }
        if message.get(Name::UserAgent).is_some_and(|agent| self.watch.scanner(agent)) {
            self.watch.ban(now, ip, None, "scanner");
            return Some("scanner");
        }
        (!self.watch.request(now, ip)).then_some("over the rate of its source")
    }

    /// Why a new call finds no room.
    fn admit_call(&mut self, now: Now, flow: Flow) -> Option<&'static str> {
        let mut offered = std::mem::take(&mut self.offered);
        offered.retain(|leg| self.is_offered(*leg));
        self.offered = offered;
        let (rules, ip) = (&self.watch.rules, flow.remote.ip());
        // The last fifth of the transactions is for calls in progress.
        if self.watch.overloaded(now) || self.layer.len() >= self.config.transactions_max / 5 * 4 {
            return Some("overload");
        }
        if self.offered.len() >= rules.half_open {
            return Some("too many calls not answered");
        }
        if rules.exempt.hold(flow) || self.is_trunks(flow) {
            return None;
        }
        let from = |leg: &&LegId| self.legs.get(leg).is_some_and(|l| l.dialog.flow.remote.ip() == ip);
        if self.offered.iter().filter(from).count() >= rules.half_open_per_source {
            return Some("too many calls not answered, of one source");
        }
        (!self.watch.call(now, ip)).then_some("too many calls of one source")
    }

    pub(super) fn is_offered(&self, leg: LegId) -> bool {
        self.legs.get(&leg).is_some_and(|l| matches!(l.state, State::Offered(_)))
    }

    /// True if it belongs to what is there already.
    fn is_in_progress(&self, request: &Request<'_>) -> bool {
        let Request { envelope, .. } = request;
        let dialog = || self.leg_of(envelope.call_id, &envelope.to.tag()?);
        self.layer.knows(request) || dialog().is_some()
    }

    /// What a phone that is not registered yet sends.
    fn may_be_challenged(&self, flow: Flow, request: &Request) -> bool {
        let Request { message, envelope, .. } = request;
        match envelope.method {
            Method::Ack => true,
            Method::Register => envelope.to.parsed().is_ok_and(|aor| self.serves(&aor)),
            Method::Invite if envelope.to.tag().is_none() => {
                let shown = [Name::ProxyAuthorization, Name::Authorization];
                self.watch.rules.trunks_by_digest
                    || shown.iter().any(|name| message.get(*name).is_some())
                    || envelope.from.parsed().is_ok_and(|from| self.is_here(flow, &from))
            }
            _ => false,
        }
    }

    /// True if a URI names this server: our realm, one of our domains, or an address that we have or advertise.
    fn is_here(&self, flow: Flow, uri: &Uri<'_>) -> bool {
        let same = |host: &str| host.eq_ignore_ascii_case(&uri.host);
        let advertised = self.ways.listeners.iter().filter_map(|l| l.advertised.as_ref());
        same(&self.config.realm)
            || self.config.domains.iter().any(|d| same(d))
            || uri.ip().is_some_and(|ip| ip == flow.local.ip())
            || advertised.map(|(host, _)| host.trim_matches(['[', ']'])).any(same)
    }

    /// Refuses a new call for want of room.
    pub(super) fn refuse_busy(&mut self, why: &'static str, request: &Request, out: &mut Vec<Output>) {
        self.refuse_count(why);
        self.say_fault(&Fault::Unavailable(RETRY_AFTER_S), request, out);
    }
}
