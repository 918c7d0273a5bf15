//! `[[trunk]]`: the peers that calls come from, what they may, and what is believed of what they say.

use super::file::File;
use super::headers::{HeaderPolicy, RawHeaders};
use super::listen::{Advertised, NamedFile};
use super::media::codecs;
use super::nat;
use super::number::{Form, Numbering};
use super::problem::Problem;
use super::server::Server;
use super::srtp;
use super::stir::{self, RawSign, Sign};
use super::team::{Password, RawPassword};
use crate::base::{Codec, SrtpPolicy};
use ipnet::IpNet;
use serde::Deserialize;
use std::net::IpAddr;
use std::time::Duration;
use toml::Spanned;

mod checks;
mod tls;
#[cfg(test)]
mod tests;

pub(super) use checks::begins;
use checks::{login, next_on, numbering, options, registers, to};

/// A peer that calls are exchanged with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trunk {
    pub name: String,
    /// Where its calls come from.
    pub from: Vec<IpNet>,
    /// Also calls from this very machine, whatever its address ("auto").
    pub own_machine: bool,
    /// Who it is by digest, and where the password comes from.
    pub login: Option<(String, Password)>,
    /// What it says of callers (P-Asserted-Identity, Privacy, Diversion, History-Info) is believed: it is in our trust domain
    /// (RFC 3325 §3).
    pub trusted: bool,
    /// Calls that it may send.
    pub inward: Limits,
    /// Calls that go out over it.
    pub outward: Limits,
    /// How it writes numbers.
    pub numbering: Numbering,
    /// Where calls go out to: a SIP URI without a user. `None` stands for the peer that a call came from.
    pub to: Option<String>,
    /// How numbers are written to it.
    pub form: Form,
    /// Our number on its calls, in place of the line's or the caller's.
    pub caller: Option<String>,
    /// What numbers called over it begin with; empty stands for any.
    pub allow: Vec<String>,
    /// We register there, as a phone does, so that its calls find us.
    pub register: bool,
    /// It is asked so often whether it is alive.
    pub options_every: Option<Duration>,
    /// Which header fields go on, and which are added.
    pub headers: HeaderPolicy,
    /// What is spoken over it, best first; empty stands for what is spoken with anybody.
    pub codecs: Vec<Codec>,
    /// Whether audio over it is encrypted; `None` stands for what holds for anybody.
    pub srtp: Option<SrtpPolicy>,
    /// Only calls whose number is signed, and verified, may come.
    pub require_identity: bool,
    /// How the numbers of calls over it are signed.
    pub sign: Option<Sign>,
    /// What its networks are told in place of what public peers are: `Some(None)` stands for our own address.
    pub advertised: Option<Option<Advertised>>,
    /// SIP domains one of which its certificate must be for (RFC 5922), lower case; empty stands for no certificate at all.
    pub domains: Vec<String>,
    /// What we show when we connect to it by TLS: certificate and key.
    pub certificate: Option<(NamedFile, NamedFile)>,
    /// Refusals after which a number is called by the next trunk.
    pub next_on: Vec<u16>,
    /// What its network plays before the answer is heard by whoever waits for it.
    pub early_media: bool,
}

/// Refusals that are about the trunk, or may be (RFC 3261 §21): nobody was reached there in time (408), the switch is at fault
/// or full (500, 502–504), or says no more than that it did not work: 480 is what gateways make of Q.850 cause 31 and of many
/// others (RFC 3398 §7.2.4.1). Not 486, 403, 404 and the like, which are about who was called; nor 6xx, which are about every way there.
pub const NEXT_ON: [u16; 6] = [408, 480, 500, 502, 503, 504];

/// How many calls may go one way over a trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// At once.
    pub calls_max: Option<u32>,
    /// New ones in a second; as many may come at once.
    pub calls_per_second_max: Option<u32>,
}

impl Trunk {
    /// True if a call from `remote` to our address `local` comes over it.
    pub fn covers(&self, remote: IpAddr, local: IpAddr) -> bool {
        (self.own_machine && remote == local) || self.from.iter().any(|net| net.contains(&remote))
    }

    /// True if `number` may be called over it.
    pub fn allows(&self, number: &str) -> bool {
        let whole = self.numbering.e164(number);
        self.allow.is_empty() || self.allow.iter().any(|a| whole.starts_with(a.as_str()))
    }

    /// True if its peer need not prove who it is, or has proved to be of one of its domains.
    pub fn is_proved(&self, domains: &[String]) -> bool {
        self.domains.is_empty() || self.domains.iter().any(|d| domains.contains(d))
    }

    /// The URI of a number there, if it says where calls go.
    pub fn uri(&self, number: &str) -> Option<String> {
        let (scheme, host) = self.to.as_ref()?.split_once(':')?;
        Some(format!("{scheme}:{}@{host}", self.numbering.written(number, self.form)))
    }

    /// Its calls are known by digest alone, wherever they come from.
    pub fn by_digest(&self) -> Option<&(String, Password)> {
        let anywhere = self.from.is_empty() && !self.own_machine && !self.register;
        self.login.as_ref().filter(|_| anywhere && self.domains.is_empty())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTrunk {
    name: Spanned<String>,
    #[serde(default)]
    from: Vec<Spanned<String>>,
    user: Option<Spanned<String>>,
    password: Option<Spanned<RawPassword>>,
    #[serde(default)]
    trusted: bool,
    #[serde(default, rename = "in")]
    inward: Limits,
    country: Option<Spanned<String>>,
    national_prefix: Option<Spanned<String>>,
    international_prefix: Option<Spanned<String>>,
    to: Option<Spanned<String>>,
    #[serde(default, rename = "out")]
    outward: Limits,
    #[serde(default)]
    numbers: Form,
    caller: Option<Spanned<String>>,
    #[serde(default)]
    allow: Vec<Spanned<String>>,
    #[serde(default)]
    register: Option<Spanned<bool>>,
    options_s: Option<Spanned<u64>>,
    #[serde(default)]
    headers: RawHeaders,
    codecs: Option<Spanned<Vec<Spanned<String>>>>,
    srtp: Option<Spanned<SrtpPolicy>>,
    #[serde(default)]
    require_identity: Option<Spanned<bool>>,
    sign: Option<RawSign>,
    tls: Option<tls::RawTls>,
    advertised: Option<Spanned<String>>,
    next_on: Option<Vec<Spanned<u16>>>,
    early_media: Option<bool>,
}

/// Checks all `[[trunk]]` tables.
pub(super) fn read(
    file: &File,
    raw: Vec<RawTrunk>,
    server: &Server,
    problems: &mut Vec<Problem>,
) -> Vec<Trunk> {
    let verifies = !server.stir.trust.is_empty();
    let mut trunks: Vec<Trunk> = Vec::new();
    // Each network with its trunk and its line, to tell where the other one is.
    let mut networks: Vec<(Option<IpNet>, String, usize)> = Vec::new();
    for raw in raw {
        let name = raw.name.get_ref().clone();
        if trunks.iter().any(|t| t.name == name) {
            problems.push(file.error(raw.name.span(), format!("a second trunk named `{name}`")));
        }
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
            let help = Some("use letters, digits, '-', '_' and '.'".to_owned());
            problems.push(file.error(raw.name.span(), "not a trunk's name").help(help));
        }
        let found: Vec<(Option<IpNet>, &Spanned<String>)> = raw
            .from
            .iter()
            .filter_map(|text| match text.get_ref().as_str() {
                "auto" => Some((None, text)),
                _ => network(file, text, problems).map(|net| (Some(net), text)),
            })
            .collect();
        for (net, text) in &found {
            if let Some((_, other, line)) =
                networks.iter().find(|(n, other, _)| *other != name && overlap(net, n))
            {
                let message = format!("this overlaps a network of trunk `{other}` in line {line}");
                let help = "which of the two a call comes over could not be said: give each its own networks";
                problems.push(file.error(text.span(), message).help(Some(help.into())));
            }
            networks.push((*net, name.clone(), file.place(text.span().start).0));
        }
        let tls = tls::read(file, &raw, &trunks, server, problems);
        if raw.from.is_empty() && raw.user.is_none() && raw.to.is_none() && tls.domains.is_empty() {
            let help = "add from = [\"192.0.2.0/24\"], or user and password if it is known by digest, or to = \"sip:…\"";
            problems.push(
                file.error(raw.name.span(), format!("no call can come or go over trunk `{name}`"))
                    .help(Some(help.into())),
            );
        }
        if let Some(require) = raw.require_identity.as_ref().filter(|r| *r.get_ref() && !verifies) {
            let help = "add [stir] with trust = [\"FILE.pem\"]";
            problems.push(
                file.error(require.span(), "there is no [stir] to verify identities with")
                    .help(Some(help.into())),
            );
        }
        let to = raw.to.as_ref().and_then(|text| to(file, text, problems));
        let srtp = srtp::of_trunk(file, raw.srtp.as_ref(), to.as_deref(), server.hears_secretly(), problems);
        trunks.push(Trunk {
            from: found.iter().filter_map(|(net, _)| *net).collect(),
            own_machine: found.iter().any(|(net, _)| net.is_none()),
            login: login(file, &raw, &trunks, problems),
            trusted: raw.trusted,
            inward: raw.inward,
            outward: raw.outward,
            srtp,
            to,
            form: raw.numbers,
            caller: raw.caller.as_ref().and_then(|c| begins(file, c, problems)),
            allow: raw.allow.iter().filter_map(|a| begins(file, a, problems)).collect(),
            numbering: numbering(file, &raw, problems),
            register: registers(file, &raw, problems),
            options_every: options(file, &raw, problems),
            headers: raw.headers.read(file, problems),
            codecs: raw.codecs.map(|list| codecs(file, &list, problems)).unwrap_or_default(),
            require_identity: raw.require_identity.is_some_and(|r| *r.get_ref()),
            sign: raw.sign.map(|sign| stir::sign(file, sign, problems)),
            advertised: raw.advertised.and_then(|a| nat::told(file, &a, !raw.from.is_empty(), problems)),
            domains: tls.domains,
            certificate: tls.certificate,
            next_on: raw.next_on.map_or(NEXT_ON.to_vec(), |list| next_on(file, &list, problems)),
            early_media: raw.early_media.unwrap_or(true),
            name,
        });
    }
    trunks
}

/// `None` is this very machine.
fn overlap(a: &Option<IpNet>, b: &Option<IpNet>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.contains(b) || b.contains(a),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// A network, or one address.
pub(super) fn net(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn network(file: &File, text: &Spanned<String>, problems: &mut Vec<Problem>) -> Option<IpNet> {
    let s = text.get_ref();
    let parsed = net(s);
    if parsed.is_none() {
        problems.push(
            file.error(text.span(), "not a network").help(Some(
                "write it as \"192.0.2.0/24\", as one address, or \"auto\" for this machine".into(),
            )),
        );
    }
    parsed
}
