//! `[guard]` of `server.toml`: who is watched, how much a source may ask for, and what it is banned for.

use super::file::File;
use super::problem::Problem;
use super::trunk::Trunk;
use crate::sip::{Networks, Rules};
use serde::Deserialize;
use std::ops::RangeInclusive;
use std::time::Duration;
use toml::Spanned;

/// What `[guard]` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    rules: Rules,
    /// The networks of all trunks are exempt as well.
    trunks_exempt: bool,
}

impl Default for Guard {
    fn default() -> Self {
        let loopback = ["127.0.0.0/8", "::1/128"].iter().filter_map(|n| n.parse().ok()).collect();
        let exempt = Networks { nets: loopback, own_machine: true };
        Guard {
            rules: Rules { exempt, silent: true, half_open: 500, ..Rules::default() },
            trunks_exempt: true,
        }
    }
}

impl Guard {
    /// The rules for these trunks.
    pub fn rules(&self, trunks: &[Trunk]) -> Rules {
        let mut rules = self.rules.clone();
        rules.trunks = Networks {
            nets: trunks.iter().flat_map(|t| t.from.iter().copied()).collect(),
            own_machine: trunks.iter().any(|t| t.own_machine),
        };
        rules.trunk_domains = trunks.iter().flat_map(|t| t.domains.iter().cloned()).collect();
        rules.trunks_by_digest = trunks.iter().any(|t| t.by_digest().is_some());
        if self.trunks_exempt {
            rules.exempt.nets.extend_from_slice(&rules.trunks.nets);
            rules.exempt.own_machine |= rules.trunks.own_machine;
        }
        rules
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGuard {
    silent: Option<bool>,
    exempt: Option<Vec<Spanned<String>>>,
    requests_per_s: Option<Spanned<u32>>,
    calls_per_s: Option<Spanned<u32>>,
    half_open_per_source: Option<Spanned<u32>>,
    half_open: Option<Spanned<u32>>,
    failures: Option<Spanned<u32>>,
    ban_s: Option<Spanned<u32>>,
    overload_ms: Option<Spanned<u32>>,
    #[serde(default)]
    agents: Vec<Spanned<String>>,
}

/// Checks `[guard]`.
pub(super) fn read(file: &File, raw: RawGuard, problems: &mut Vec<Problem>) -> Guard {
    let mut guard = Guard::default();
    let rules = &mut guard.rules;
    rules.silent = raw.silent.unwrap_or(rules.silent);
    if let Some(exempt) = raw.exempt {
        (rules.exempt, guard.trunks_exempt) = (Networks::default(), false);
        for one in &exempt {
            match one.get_ref().as_str() {
                "trunks" => guard.trunks_exempt = true,
                "auto" => rules.exempt.own_machine = true,
                text => match super::trunk::net(text) {
                    Some(net) => rules.exempt.nets.push(net),
                    None => problems.push(file.error(one.span(), "not a network").help(Some(
                        "write \"192.0.2.0/24\", an address, \"trunks\" for those of all [[trunk]]s, or \"auto\" for this \
                         machine"
                            .into(),
                    ))),
                },
            }
        }
    }
    let mut number = |given: Option<Spanned<u32>>, range: RangeInclusive<u32>| {
        let given = given?;
        if !range.contains(given.get_ref()) {
            let (low, high) = (range.start(), range.end());
            problems.push(file.error(given.span(), format!("must lie between {low} and {high}")));
        }
        Some(given.into_inner())
    };
    let mut set = |to: &mut u32, given, range| *to = number(given, range).unwrap_or(*to);
    set(&mut rules.requests_per_s, raw.requests_per_s, 1..=100_000);
    set(&mut rules.calls_per_s, raw.calls_per_s, 1..=10_000);
    set(&mut rules.failures, raw.failures, 1..=1000);
    if let Some(n) = number(raw.half_open_per_source, 1..=2000) {
        rules.half_open_per_source = n as usize;
    }
    if let Some(n) = number(raw.half_open, 1..=2000) {
        rules.half_open = n as usize;
    }
    if let Some(s) = number(raw.ban_s, 1..=86_400) {
        rules.ban = Duration::from_secs(s.into());
    }
    if let Some(ms) = number(raw.overload_ms, 50..=10_000) {
        rules.overload = Duration::from_millis(ms.into());
    }
    for agent in raw.agents {
        if agent.get_ref().trim().len() < 3 {
            let help = "write at least three letters of what the scanner calls itself";
            problems.push(file.error(agent.span(), "would ban nearly everybody").help(Some(help.into())));
        }
        rules.agents.push(agent.into_inner().to_ascii_lowercase());
    }
    guard
}

#[cfg(test)]
mod tests {
    use super::super::{File, Problem, Server, server};
    use crate::sip::{Flow, Transport};

    fn read(text: &str) -> Result<Server, Vec<Problem>> {
        server(&File { name: "server.toml".into(), text: format!("{text}\n{TRUNK}") })
    }

    const TRUNK: &str = "[[trunk]]\nname = \"t\"\nfrom = [\"192.0.2.0/24\"]\n";

    fn from(ip: &str) -> Flow {
        let addr = |ip: &str| (ip.parse::<std::net::IpAddr>().unwrap(), 5060).into();
        Flow { transport: Transport::Udp, local: addr("203.0.113.1"), remote: addr(ip) }
    }

    #[test]
    fn trunks_and_loopback_are_exempt_and_silence_is_kept_unless_said_otherwise() {
        let server = read("").unwrap();
        let rules = server.guard.rules(&server.trunks);
        assert!(rules.silent && !rules.trunks.hold(from("198.51.100.1")));
        for ip in ["127.0.0.1", "::1", "192.0.2.7", "203.0.113.1"] {
            assert!(rules.exempt.hold(from(ip)), "{ip}");
        }
        let server =
            read("[guard]\nsilent = false\nexempt = []\nban_s = 5\nagents = [\"BadPhone\"]").unwrap();
        let rules = server.guard.rules(&server.trunks);
        assert!(!rules.exempt.hold(from("127.0.0.1")) && !rules.exempt.hold(from("192.0.2.7")));
        assert!(rules.trunks.hold(from("192.0.2.7")) && !rules.silent);
        assert_eq!((rules.ban.as_secs(), rules.agents), (5, vec!["badphone".to_owned()]));
    }

    #[test]
    fn what_cannot_be_is_said_with_place_and_remedy() {
        let wrong = |line: &str| -> String {
            let problems = read(&format!("[guard]\n{line}")).unwrap_err();
            problems.iter().map(ToString::to_string).collect()
        };
        assert!(wrong("exempt = [\"here\"]").contains(":2:11: error: not a network"));
        assert!(wrong("failures = 0").contains(":2:12: error: must lie between 1 and 1000"));
        assert!(wrong("agents = [\"a\"]").contains("would ban nearly everybody"));
        assert!(wrong("silence = true").contains("silence"));
    }
}
