//! What the SIP core is told once.

use super::transport::{Listener, SeenAs};
use super::watch::Rules;
use crate::base::Pii;
use crate::limits::SIP_TRANSACTIONS_MAX;
use std::collections::BTreeMap;

/// What an [`Endpoint`] is told once.
#[derive(Debug, Clone)]
pub struct Config {
    /// Seeds tags, branches, Call-IDs and nonces. Must be hard to guess on a real line.
    pub seed: u64,
    /// For User-Agent and Server.
    pub user_agent: String,
    /// Realm of digest challenges.
    pub realm: String,
    /// Offer SHA-256 before MD5 (RFC 8760). Off by default: clients that look at the first challenge only, and know MD5
    /// only, are many.
    pub sha256: bool,
    /// Domains that phones may register in. An IP literal is always one; if the list is empty, so is any name.
    pub domains: Vec<String>,
    /// Where the driver listens; empty stands for any address that a flow names, by UDP and TCP.
    pub listeners: Vec<Listener>,
    /// Networks that are told something else than what the listeners advertise.
    pub seen_as: Vec<SeenAs>,
    /// Accounts of phones: user and password.
    pub accounts: BTreeMap<String, Pii<String>>,
    /// Transactions alive at once; more are answered 503.
    pub transactions_max: usize,
    /// Ask for credentials (407) of each INVITE from one of our accounts, not only of those from where it is registered.
    pub challenge_accounts: bool,
    /// Who is let in how often, and who is banned for what. Nobody is watched by default.
    pub rules: Rules,
    /// Octets of messages kept for [`super::Endpoint::trace`]; 0 keeps none.
    pub trace_octets: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            seed: 0,
            user_agent: "trunkline".into(),
            realm: "trunkline".into(),
            sha256: false,
            domains: Vec::new(),
            listeners: Vec::new(),
            seen_as: Vec::new(),
            accounts: BTreeMap::new(),
            transactions_max: SIP_TRANSACTIONS_MAX,
            challenge_accounts: false,
            rules: Rules::default(),
            trace_octets: 0,
        }
    }
}
