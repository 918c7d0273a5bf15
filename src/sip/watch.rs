//! Who is let near the transactions: rates, strikes and bans by source, guesses by account, and overload.
//!
//! In: what a request is and where it comes from, what became of it, time. Out: whether it may go on, and bans to be told.
//! What the rules are asked about, and in which order, is in `admit.rs`.
//!
//! ```text
//!   strike ─► strike ─► … more than `failures` ─► banned for `ban`, then 2 · `ban`, 4 · `ban`, … a day at most
//!     one is forgiven each minute                    `unban` forgets all of it
//! ```
//! The memory is bounded whatever number of sources there is: sources that are seen are kept in two generations, of which
//! the older is forgotten when the younger is full; bans are a bounded table. An IPv6 source is its /64, because whoever has
//! one address there has all of them.

use super::event::Flow;
use crate::base::{Epoch, Now, Rate};
use crate::limits::{SIP_BANS_MAX, SIP_SOURCES_MAX};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// How long a ban may become by doubling, and how long a past one is remembered.
const BAN_MAX: Duration = Duration::from_secs(24 * 3600);
/// A strike is forgiven after this long.
const FORGIVE: Duration = Duration::from_secs(60);
/// Wrong passwords for one account from wherever: so many at once, and one more after each of these spans. A guess every
/// 20 s is 4,320 a day.
const GUESSES: u32 = 30;
const GUESS_EVERY: Duration = Duration::from_secs(20);
/// Requests of one source at once, as seconds of its rate: all phones of an office after a power cut.
const BURST_S: u32 = 4;
/// What scanners call themselves, in lower case.
const SCANNERS: &[&str] = &[
    "friendly-scanner",
    "sipvicious",
    "sipcli",
    "sip-scan",
    "sundayddr",
    "pplsip",
    "vaxsipuseragent",
    "iwar",
    "smap",
];

/// A set of networks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Networks {
    pub nets: Vec<IpNet>,
    /// Also this very machine, whatever its address.
    pub own_machine: bool,
}

impl Networks {
    /// True if the peer of `flow` is in one of them.
    pub fn hold(&self, flow: Flow) -> bool {
        let remote = flow.remote.ip().to_canonical();
        self.own_machine && remote == flow.local.ip().to_canonical()
            || self.nets.iter().any(|n| n.contains(&remote))
    }
}

/// What the watch goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Where calls come from without credentials.
    pub trunks: Networks,
    /// SIP domains whose certificates are trunks', lower case.
    pub trunk_domains: Vec<String>,
    /// There are trunks that are known by password alone: INVITEs of strangers are challenged, whoever they say they are.
    pub trunks_by_digest: bool,
    /// Who has no rate and is not banned but by hand.
    pub exempt: Networks,
    /// Strangers get challenges or nothing.
    pub silent: bool,
    /// New requests of one source a second.
    pub requests_per_s: u32,
    /// New calls of one source a second.
    pub calls_per_s: u32,
    /// Calls of one source, and in all, that are not answered yet.
    pub half_open_per_source: usize,
    pub half_open: usize,
    /// Strikes that a source may have.
    pub failures: u32,
    /// The first ban.
    pub ban: Duration,
    /// New calls are refused when the inputs have not been worked off for so long.
    pub overload: Duration,
    /// User agents that are banned, beside the scanners that are known.
    pub agents: Vec<String>,
}

impl Default for Rules {
    /// Nobody is watched.
    fn default() -> Self {
        let nets = vec![IpNet::default(), IpNet::V6(ipnet::Ipv6Net::default())];
        Rules {
            trunks: Networks::default(),
            trunk_domains: Vec::new(),
            trunks_by_digest: false,
            exempt: Networks { nets, own_machine: true },
            silent: false,
            requests_per_s: 50,
            calls_per_s: 10,
            half_open_per_source: 32,
            half_open: usize::MAX,
            failures: 10,
            ban: Duration::from_secs(600),
            overload: Duration::from_millis(500),
            agents: Vec::new(),
        }
    }
}

/// What is remembered of a source.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    requests: Rate,
    calls: Rate,
    strikes: Rate,
}

/// A table of what was seen lately: what is used stays, and what is not used for a whole generation goes.
#[derive(Debug, Default)]
struct Lately {
    young: HashMap<IpAddr, Seen>,
    old: HashMap<IpAddr, Seen>,
}

impl Lately {
    fn at(&mut self, source: IpAddr) -> &mut Seen {
        if self.young.len() >= SIP_SOURCES_MAX / 2 && !self.young.contains_key(&source) {
            self.old = std::mem::take(&mut self.young);
        }
        let old = &mut self.old;
        self.young.entry(source).or_insert_with(|| old.remove(&source).unwrap_or_default())
    }

    fn forget(&mut self, source: IpAddr) {
        self.young.remove(&source);
        self.old.remove(&source);
    }

    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

/// A ban, as it is told and shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// An address, or the /64 of an IPv6 source.
    pub source: String,
    pub why: Cow<'static, str>,
    /// What is left of it.
    pub left: Duration,
    /// The how many-eth of this source.
    pub times: u32,
}

/// A ban as it survives a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptBan {
    /// An address; of an IPv6 source, the first of its /64.
    source: IpAddr,
    why: String,
    /// It may be over: the next of this source is longer all the same.
    until_unix_ms: u64,
    times: u32,
}

#[derive(Debug, Clone)]
struct Held {
    why: Cow<'static, str>,
    until: Now,
    times: u32,
}

/// The watch.
#[derive(Debug, Default)]
pub(super) struct Watch {
    pub(super) rules: Rules,
    sources: Lately,
    bans: BTreeMap<IpAddr, Held>,
    guesses: HashMap<String, Rate>,
    /// Bans that nobody has been told of.
    said: Vec<Ban>,
    /// When no input was waiting, last.
    clear: Now,
    waiting: bool,
}

/// What an address counts as.
fn source(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

fn shown(source: IpAddr) -> String {
    if source.is_ipv6() { format!("{source}/64") } else { source.to_string() }
}

impl Watch {
    /// How long a ban may be by doubling, and how long one by hand is if nothing else is said.
    pub(super) const BAN_MAX: Duration = BAN_MAX;

    pub(super) fn new(rules: Rules) -> Watch {
        Watch { rules, ..Watch::default() }
    }

    /// True while `ip` is banned.
    pub(super) fn banned(&self, now: Now, ip: IpAddr) -> bool {
        !self.bans.is_empty() && self.bans.get(&source(ip)).is_some_and(|b| b.until > now)
    }

    /// Counts a new request; false if its source sends too many.
    pub(super) fn request(&mut self, now: Now, ip: IpAddr) -> bool {
        let per_s = self.rules.requests_per_s.max(1);
        self.sources.at(source(ip)).requests.take(now, Duration::from_secs(1) / per_s, per_s * BURST_S)
    }

    /// Counts a new call; false if its source makes too many.
    pub(super) fn call(&mut self, now: Now, ip: IpAddr) -> bool {
        let per_s = self.rules.calls_per_s.max(1);
        self.sources.at(source(ip)).calls.take(now, Duration::from_secs(1) / per_s, per_s * BURST_S)
    }

    /// Something that only a stranger does. One too many is a ban.
    pub(super) fn strike(&mut self, now: Now, ip: IpAddr, why: &'static str) {
        let failures = self.rules.failures;
        if !self.sources.at(source(ip)).strikes.take(now, FORGIVE, failures) {
            self.ban(now, ip, None, why);
        }
    }

    /// Counts a wrong password for an account that there is.
    pub(super) fn guess(&mut self, now: Now, account: &str) {
        match self.guesses.get_mut(account) {
            Some(rate) => {
                rate.take(now, GUESS_EVERY, GUESSES);
            }
            None => {
                self.guesses.retain(|_, rate| !rate.is_over(now));
                let mut rate = Rate::default();
                rate.take(now, GUESS_EVERY, GUESSES);
                self.guesses.insert(account.to_owned(), rate);
            }
        }
    }

    /// True while so many guess at an account that nobody is believed who comes from elsewhere than its phone is.
    pub(super) fn guessed_at(&self, now: Now, account: &str) -> bool {
        self.guesses.get(account).is_some_and(|rate| !rate.room(now, GUESS_EVERY, GUESSES))
    }

    /// True if that is what scanners call themselves.
    pub(super) fn scanner(&self, agent: &str) -> bool {
        let agent = agent.to_ascii_lowercase();
        SCANNERS.iter().any(|s| agent.contains(s)) || self.rules.agents.iter().any(|s| agent.contains(s))
    }

    /// Bans a source for so long; without `length` by the rules, each time for twice as long.
    pub(super) fn ban(&mut self, now: Now, ip: IpAddr, length: Option<Duration>, why: &'static str) {
        let key = source(ip);
        let past = self.bans.get(&key).filter(|b| b.until + BAN_MAX > now).map_or(0, |b| b.times);
        let doubled = self.rules.ban * 2u32.saturating_pow(past.min(16));
        let (left, times) = (length.unwrap_or(doubled.min(BAN_MAX)), past + 1);
        if self.bans.len() >= SIP_BANS_MAX && !self.bans.contains_key(&key) {
            let first = self.bans.iter().min_by_key(|(_, b)| b.until).map(|(ip, _)| *ip);
            first.and_then(|ip| self.bans.remove(&ip));
        }
        let why = Cow::Borrowed(why);
        self.bans.insert(key, Held { why: why.clone(), until: now + left, times });
        // It begins anew when the ban is over.
        self.sources.forget(key);
        self.said.push(Ban { source: shown(key), why, left, times });
    }

    /// Forgets what a source has done; false if it is not banned.
    pub(super) fn unban(&mut self, now: Now, ip: IpAddr) -> bool {
        let key = source(ip);
        self.sources.forget(key);
        self.bans.remove(&key).is_some_and(|b| b.until > now)
    }

    /// The bans in force.
    pub(super) fn bans(&self, now: Now) -> Vec<Ban> {
        let one = |(ip, b): (&IpAddr, &Held)| Ban {
            source: shown(*ip),
            why: b.why.clone(),
            left: b.until.since(now),
            times: b.times,
        };
        self.bans.iter().filter(|(_, b)| b.until > now).map(one).collect()
    }

    /// What is to survive a restart.
    pub(super) fn kept(&self, now: Now, epoch: Epoch) -> Vec<KeptBan> {
        let one = |(ip, b): (&IpAddr, &Held)| KeptBan {
            source: *ip,
            why: b.why.to_string(),
            until_unix_ms: epoch.unix_ms_at(b.until),
            times: b.times,
        };
        self.bans.iter().filter(|(_, b)| b.until + BAN_MAX > now).map(one).collect()
    }

    /// Takes up what was kept. Nobody is told of it again.
    pub(super) fn take_up(&mut self, kept: Vec<KeptBan>, epoch: Epoch) {
        for KeptBan { source: ip, why, until_unix_ms, times } in kept.into_iter().take(SIP_BANS_MAX) {
            let left = Duration::from_millis(until_unix_ms.saturating_sub(epoch.unix_ms));
            self.bans.insert(source(ip), Held { why: why.into(), until: Now(0) + left, times });
        }
    }

    /// The bans since this was asked last.
    pub(super) fn news(&mut self) -> Vec<Ban> {
        std::mem::take(&mut self.said)
    }

    /// Sources remembered.
    pub(super) fn sources(&self) -> usize {
        self.sources.len()
    }

    /// Takes note of whether inputs wait.
    pub(super) fn backlog(&mut self, now: Now, waiting: bool) {
        self.waiting = waiting;
        if !waiting {
            self.clear = now;
        }
    }

    /// True if inputs have been waiting without a break for so long that calls in progress would soon suffer. A burst is
    /// worked off in less; what stands for longer is more than can be done (the rule of CoDel, RFC 8289 §3.1).
    pub(super) fn overloaded(&self, now: Now) -> bool {
        self.waiting && now.since(self.clear) >= self.rules.overload
    }
}

#[cfg(test)]
mod tests;
