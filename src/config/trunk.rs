//! `[[trunk]]`: the peers that calls come from, what they may, and what is believed of what they say.

use super::file::File;
use super::headers::{HeaderPolicy, RawHeaders};
use super::number::{Form, Numbering};
use super::problem::Problem;
use super::server::codecs;
use super::srtp;
use super::stir::{self, RawSign, Sign};
use super::team::{Password, RawPassword};
use crate::base::{Codec, SrtpPolicy};
use crate::sip::Uri;
use ipnet::IpNet;
use serde::Deserialize;
use std::net::IpAddr;
use std::time::Duration;
use toml::Spanned;

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
}

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

    /// The URI of a number there, if it says where calls go.
    pub fn uri(&self, number: &str) -> Option<String> {
        let (scheme, host) = self.to.as_ref()?.split_once(':')?;
        Some(format!("{scheme}:{}@{host}", self.numbering.written(number, self.form)))
    }

    /// Its calls are known by digest alone, wherever they come from.
    pub fn by_digest(&self) -> Option<&(String, Password)> {
        self.login.as_ref().filter(|_| self.from.is_empty() && !self.own_machine && !self.register)
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
}

/// What numbers begin with.
pub(super) fn begins(file: &File, text: &Spanned<String>, problems: &mut Vec<Problem>) -> Option<String> {
    let digits = text.get_ref().strip_prefix('+').unwrap_or(text.get_ref());
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        let help = "write it as \"+86\", or as the first digits of short numbers";
        problems.push(file.error(text.span(), "not the beginning of a number").help(Some(help.into())));
        return None;
    }
    Some(text.get_ref().clone())
}

/// Where calls go out to.
fn to(file: &File, text: &Spanned<String>, problems: &mut Vec<Problem>) -> Option<String> {
    let uri = Uri::parse(&text.get_ref().as_str().into()).ok();
    let fits = uri.is_some_and(|u| matches!(&*u.scheme, "sip" | "sips") && u.user.is_none());
    if !fits {
        let help = "write it as \"sip:carrier.example\", or \"sip:192.0.2.9:5080;transport=tcp\"";
        problems.push(file.error(text.span(), "not a SIP URI without a user").help(Some(help.into())));
    }
    fits.then(|| text.get_ref().clone())
}

/// Checks all `[[trunk]]` tables.
pub(super) fn read(
    file: &File,
    raw: Vec<RawTrunk>,
    (verifies, hears_secretly): (bool, bool),
    problems: &mut Vec<Problem>,
) -> Vec<Trunk> {
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
        if raw.from.is_empty() && raw.user.is_none() && raw.to.is_none() {
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
        let srtp = srtp::of_trunk(file, raw.srtp.as_ref(), to.as_deref(), hears_secretly, problems);
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
            name,
        });
    }
    trunks
}

/// User and password: both or neither, and each user once.
fn login(
    file: &File,
    raw: &RawTrunk,
    others: &[Trunk],
    problems: &mut Vec<Problem>,
) -> Option<(String, Password)> {
    let (user, password) = match (&raw.user, &raw.password) {
        (None, None) => return None,
        (Some(user), Some(password)) => (user, password),
        (Some(user), None) => {
            let help = "add password = { env = \"NAME\" } or { file = \"/path\" }";
            problems.push(file.error(user.span(), "a user without a password").help(Some(help.into())));
            return None;
        }
        (None, Some(password)) => {
            let help = "add user = \"…\", as the other side has it";
            problems.push(file.error(password.span(), "a password without a user").help(Some(help.into())));
            return None;
        }
    };
    if let Some(other) = others.iter().find(|t| t.login.as_ref().is_some_and(|(u, _)| u == user.get_ref())) {
        let message = format!("trunk `{}` has user `{}` already", other.name, user.get_ref());
        problems.push(file.error(user.span(), message));
    }
    Some((user.get_ref().clone(), password.get_ref().source()))
}

/// Registering needs somebody to be, and somewhere to go.
fn registers(file: &File, raw: &RawTrunk, problems: &mut Vec<Problem>) -> bool {
    let Some(register) = raw.register.as_ref().filter(|r| *r.get_ref()) else { return false };
    for (missing, what, help) in [
        (raw.user.is_none(), "a user", "add user = \"…\" and password = { env = \"NAME\" }"),
        (raw.to.is_none(), "a registrar", "add to = \"sip:carrier.example\""),
    ] {
        if missing {
            let message = format!("registering needs {what}");
            problems.push(file.error(register.span(), message).help(Some(help.into())));
        }
    }
    true
}

/// How often the trunk is asked whether it is alive.
fn options(file: &File, raw: &RawTrunk, problems: &mut Vec<Problem>) -> Option<Duration> {
    let every = raw.options_s.as_ref()?;
    if !(5..=3600).contains(every.get_ref()) {
        problems.push(file.error(every.span(), "options_s must lie between 5 and 3600"));
    }
    if raw.to.is_none() {
        let help = "add to = \"sip:carrier.example\"";
        problems.push(file.error(every.span(), "there is nobody to ask").help(Some(help.into())));
    }
    Some(Duration::from_secs(*every.get_ref()))
}

fn numbering(file: &File, raw: &RawTrunk, problems: &mut Vec<Problem>) -> Numbering {
    let mut digits = |text: &Option<Spanned<String>>, default: &str| match text {
        Some(text) if text.get_ref().bytes().all(|b| b.is_ascii_digit()) => text.get_ref().clone(),
        Some(text) => {
            let help = "write digits alone, such as \"86\" for +86, or \"0\"";
            problems.push(file.error(text.span(), "not digits").help(Some(help.into())));
            String::new()
        }
        None => default.to_owned(),
    };
    let numbering = Numbering {
        country: digits(&raw.country, ""),
        national_prefix: digits(&raw.national_prefix, "0"),
        international_prefix: digits(&raw.international_prefix, "00"),
    };
    if raw.numbers == Form::National && raw.country.is_none() {
        let help = "add country = \"86\", or whichever it is";
        let message = "national numbers need a country";
        problems.push(file.error(raw.name.span(), message).help(Some(help.into())));
    }
    if let (None, Some(prefix)) =
        (&raw.country, raw.national_prefix.as_ref().or(raw.international_prefix.as_ref()))
    {
        let help = "add country = \"86\", or whichever it is";
        problems.push(
            file.error(prefix.span(), "a prefix means nothing without a country").help(Some(help.into())),
        );
    }
    numbering
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::server;

    fn problem(text: &str) -> String {
        let file = File { name: "server.toml".into(), text: text.into() };
        server(&file).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn networks_of_two_trunks_may_not_overlap_and_those_of_one_may() {
        let text = "[[trunk]]\nname = \"a\"\nfrom = [\"192.0.2.0/24\", \"192.0.2.7\"]\n\
                    [[trunk]]\nname = \"b\"\nfrom = [\n \"192.0.2.9\"]\n";
        let p = problem(text);
        assert!(p.contains("server.toml:7:2: error: this overlaps a network of trunk `a` in line 3"), "{p}");
        assert_eq!(p.matches("overlaps").count(), 1, "{p}");
        let auto = "[[trunk]]\nname = \"a\"\nfrom = [\"auto\"]\n[[trunk]]\nname = \"b\"\nfrom = [\"auto\"]\n";
        assert!(problem(auto).contains("in line 3"));
    }

    #[test]
    fn a_trunk_is_known_by_its_network_or_its_user() {
        assert!(problem("[[trunk]]\nname = \"a\"\n").contains("no call can come or go over trunk `a`"));
        let half = problem("[[trunk]]\nname = \"a\"\nuser = \"u\"\n");
        assert!(half.contains("a user without a password") && half.contains("env"), "{half}");
        let other = problem("[[trunk]]\nname = \"a\"\nfrom = [\"auto\"]\npassword = { env = \"X\" }\n");
        assert!(other.contains("a password without a user"), "{other}");
        let login = "user = \"u\"\npassword = { env = \"X\" }\n";
        let twice = problem(&format!("[[trunk]]\nname = \"a\"\n{login}[[trunk]]\nname = \"b\"\n{login}"));
        assert!(twice.contains("trunk `a` has user `u` already"), "{twice}");
    }

    #[test]
    fn what_is_mistaken_is_named_with_its_remedy() {
        let with = |extra: &str| problem(&format!("[[trunk]]\nname = \"a\"\nfrom = [\"auto\"]\n{extra}\n"));
        assert!(with("country = \"+86\"").contains("not digits"));
        assert!(with("national_prefix = \"0\"").contains("without a country"));
        assert!(with("numbers = \"national\"").contains("need a country"));
        assert!(with("numbers = \"e146\"").contains("did you mean `e164`?"));
        assert!(with("to = \"carrier.example\"").contains("not a SIP URI without a user"));
        assert!(with("to = \"sip:me@carrier.example\"").contains("not a SIP URI without a user"));
        assert!(with("allow = [\"+86x\"]").contains("not the beginning of a number"));
        assert!(with("[[route]]\ntrunks = [\"b\"]").contains("no trunk named `b`"));
        assert!(with("[[route]]\ntrunks = [\"a\"]").contains("does not say where calls go"));
        assert!(with("[[route]]\ntrunks = []").contains("a route without trunks"));
        let twice = "to = \"sip:h\"\n[[route]]\ntrunks = [\"a\"]\n[[route]]\nprefix = \"\"\ntrunks = [\"a\"]";
        assert!(with(twice).contains("a second route"));
        assert!(with("trustde = true").contains("did you mean `trusted`?"));
        assert!(with("in = { calls_mx = 3 }").contains("did you mean `calls_max`?"));
        assert!(problem("[[trunk]]\nname = \"agent 1\"\nfrom = [\"auto\"]\n").contains("not a trunk's name"));
    }
}
