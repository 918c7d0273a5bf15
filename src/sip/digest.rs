//! Digest authentication (RFC 7616, RFC 8760, and RFC 2617 as old phones speak it), as server and as client.
//!
//! Server: [`Guard`] makes challenges, MD5 alone or SHA-256 and then MD5, and verifies what comes back. A nonce carries its own
//! proof (time, salt, MAC), so a flood of requests without credentials costs no memory; only nonces that were used
//! correctly are remembered, with their highest nonce count, in a table that is bounded by age and number. What falls out
//! of the table takes all older nonces with it, so a replay never passes.
//!
//! The client's side is in `answers.rs`.
//!
//! Known deviation: the digest-uri is not compared with the Request-URI, because proxies rewrite the latter; the nonce
//! count is what keeps a captured request from being used again.

use super::message::Message;
use super::name::{Method, Name};
use super::syntax::{find, quote};
use crate::base::{Now, Pii};
use md5::Md5;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

/// How long a nonce is good for. A phone that refreshes later is told `stale` and asks once more.
const NONCE_LIFE: Duration = Duration::from_secs(600);
/// Nonces remembered. Answer when full: the oldest goes, and all nonces made before it are stale.
const NONCES_MAX: usize = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Md5,
    Sha256,
}

impl Algorithm {
    pub(super) fn of(name: Option<&str>) -> Option<Algorithm> {
        match name {
            None => Some(Algorithm::Md5),
            Some(n) if n.eq_ignore_ascii_case("MD5") => Some(Algorithm::Md5),
            Some(n) if n.eq_ignore_ascii_case("SHA-256") => Some(Algorithm::Sha256),
            Some(_) => None,
        }
    }

    fn hash(self, text: &str) -> String {
        match self {
            Algorithm::Md5 => hex(&Md5::digest(text)),
            Algorithm::Sha256 => hex(&Sha256::digest(text)),
        }
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|o| format!("{o:02x}")).collect()
}

/// RFC 7616 §3.4.1: `qop` is (nc, cnonce) with `auth`, or `None` as in RFC 2069.
pub(super) fn response(
    algorithm: Algorithm,
    (user, realm, password): (&str, &str, &str),
    (method, uri): (&Method, &str),
    nonce: &str,
    qop: Option<(&str, &str)>,
) -> String {
    let a1 = algorithm.hash(&format!("{user}:{realm}:{password}"));
    let a2 = algorithm.hash(&format!("{method}:{uri}"));
    match qop {
        Some((nc, cnonce)) => algorithm.hash(&format!("{a1}:{nonce}:{nc}:{cnonce}:auth:{a2}")),
        None => algorithm.hash(&format!("{a1}:{nonce}:{a2}")),
    }
}

/// The pairs of a challenge or of credentials.
pub(super) fn parameters(value: &str) -> Option<&str> {
    let (scheme, rest) = value.trim().split_once(char::is_whitespace)?;
    scheme.eq_ignore_ascii_case("Digest").then_some(rest)
}

/// What credentials are worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// This account's.
    Account(String),
    /// Right, but for a nonce that is too old or was used: ask again with `stale`.
    Stale,
    /// They are for our realm and wrong; of whom they claim to be.
    Wrong(String),
    /// There are none for our realm.
    No,
}

/// The server's side.
#[derive(Debug)]
pub(super) struct Guard {
    realm: String,
    /// Offer SHA-256 as well. Many clients look at the first challenge only and give up if they do not know it.
    sha256: bool,
    secret: u128,
    accounts: BTreeMap<String, Pii<String>>,
    /// Highest nonce count seen with a nonce; `u32::MAX` when it may not be used again.
    used: HashMap<String, u32>,
    order: VecDeque<(Now, String)>,
    /// Nonces made before this are stale.
    floor: Now,
}

impl Guard {
    pub(super) fn new(
        realm: String,
        sha256: bool,
        secret: u128,
        accounts: BTreeMap<String, Pii<String>>,
    ) -> Guard {
        Guard { realm, sha256, secret, accounts, used: HashMap::new(), order: VecDeque::new(), floor: Now(0) }
    }

    /// Replaces the accounts.
    pub(super) fn set_accounts(&mut self, accounts: BTreeMap<String, Pii<String>>) {
        self.accounts = accounts;
    }

    /// True if there is an account of this name.
    pub(super) fn knows(&self, user: &str) -> bool {
        self.accounts.contains_key(user)
    }

    /// Challenges for WWW-Authenticate or Proxy-Authenticate, best first (RFC 8760 §2.4).
    pub(super) fn challenges(&self, now: Now, salt: u64, stale: bool) -> Vec<String> {
        let nonce = self.nonce(now, salt);
        let realm = quote(&self.realm);
        let stale = if stale { ", stale=true" } else { "" };
        let algorithms: &[&str] = if self.sha256 { &["SHA-256", "MD5"] } else { &["MD5"] };
        let one = |a| format!("Digest realm={realm}, nonce=\"{nonce}\", algorithm={a}, qop=\"auth\"{stale}");
        algorithms.iter().map(one).collect()
    }

    /// Judges the credentials in all header fields called `name`.
    pub(super) fn verify(&mut self, now: Now, request: &Message, name: Name, method: &Method) -> Verdict {
        let mut verdict = Verdict::No;
        for value in request.all(name) {
            match parameters(value).map_or(Verdict::No, |p| self.judge(now, p, method)) {
                account @ Verdict::Account(_) => return account,
                Verdict::Stale => verdict = Verdict::Stale,
                wrong @ Verdict::Wrong(_) if verdict == Verdict::No => verdict = wrong,
                Verdict::Wrong(_) | Verdict::No => {}
            }
        }
        verdict
    }

    fn judge(&mut self, now: Now, p: &str, method: &Method) -> Verdict {
        let get = |name| find(p, b',', name);
        let (Some(user), Some(nonce), Some(uri), Some(given)) =
            (get("username"), get("nonce"), get("uri"), get("response"))
        else {
            return Verdict::No;
        };
        if get("realm").as_deref() != Some(&self.realm) {
            return Verdict::No;
        }
        let Some(algorithm) = Algorithm::of(get("algorithm").as_deref()) else { return Verdict::No };
        let Some(password) = self.accounts.get(&*user) else { return Verdict::Wrong(user.into_owned()) };
        let (nc, cnonce) = (get("nc").unwrap_or_default(), get("cnonce").unwrap_or_default());
        let qop = get("qop").map(|_| (&*nc, &*cnonce));
        let right = response(algorithm, (&user, &self.realm, password.reveal()), (method, &uri), &nonce, qop);
        if !same(&right, &given.to_ascii_lowercase()) {
            return Verdict::Wrong(user.into_owned());
        }
        let count = if qop.is_some() { u32::from_str_radix(&nc, 16).unwrap_or(0) } else { u32::MAX };
        if self.use_up(now, &nonce, count) { Verdict::Account(user.into_owned()) } else { Verdict::Stale }
    }

    /// Takes note that `nonce` was used with this count; false if that may not be.
    fn use_up(&mut self, now: Now, nonce: &str, count: u32) -> bool {
        while let Some((made, old)) = self.order.front() {
            if self.order.len() <= NONCES_MAX && now.since(*made) <= NONCE_LIFE {
                break;
            }
            self.floor = self.floor.max(Now(made.0 + 1));
            self.used.remove(old);
            self.order.pop_front();
        }
        let mut parts = nonce.splitn(3, '.').map(|p| u64::from_str_radix(p, 16));
        let (Some(Ok(made)), Some(Ok(salt))) = (parts.next(), parts.next()) else { return false };
        let made = Now(made);
        if made < self.floor || now.since(made) > NONCE_LIFE || !same(nonce, &self.nonce(made, salt)) {
            return false;
        }
        match self.used.get_mut(nonce) {
            Some(highest) if count > *highest => *highest = count,
            Some(_) => return false,
            None if count > 0 => {
                self.used.insert(nonce.to_owned(), count);
                // Kept in the order in which they were made, so that the floor rises as little as it can.
                let at = self.order.partition_point(|(m, _)| *m <= made);
                self.order.insert(at, (made, nonce.to_owned()));
            }
            None => return false,
        }
        true
    }

    fn nonce(&self, made: Now, salt: u64) -> String {
        let mac = Algorithm::Sha256.hash(&format!("{:032x}:{:x}:{salt:x}", self.secret, made.0));
        format!("{:x}.{salt:x}.{}", made.0, mac.get(..32).unwrap_or_default())
    }
}

/// Equality whose duration says nothing about where the first difference is.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |diff, (a, b)| diff | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::super::answers::Answers;
    use super::super::event::Credentials;
    use super::*;
    use bytes::Bytes;

    fn guard() -> Guard {
        Guard::new(
            "line".into(),
            true,
            7,
            BTreeMap::from([("ann".to_owned(), Pii::new("secret".to_owned()))]),
        )
    }

    fn challenge(values: &[String]) -> Message {
        let fields: String = values.iter().map(|v| format!("WWW-Authenticate: {v}\r\n")).collect();
        Message::parse(&Bytes::from(format!("SIP/2.0 401 Unauthorized\r\n{fields}\r\n"))).unwrap()
    }

    fn request(credentials: &str) -> Message {
        Message::parse(&Bytes::from(format!(
            "REGISTER sip:line SIP/2.0\r\nAuthorization: {credentials}\r\n\r\n"
        )))
        .unwrap()
    }

    fn answered(challenges: &[String], password: &str) -> Message {
        let credentials = Credentials { user: "ann".into(), password: Pii::new(password.into()) };
        let mut answers = Answers::new(credentials);
        assert!(answers.take(&challenge(challenges)));
        request(&answers.fields(&Method::Register, "sip:line", "c0")[0].1)
    }

    fn verdict(guard: &mut Guard, now: Now, request: &Message) -> Verdict {
        guard.verify(now, request, Name::Authorization, &Method::Register)
    }

    #[test]
    fn the_examples_of_rfc_7616_come_out() {
        let who = ("Mufasa", "http-auth@example.org", "Circle of Life");
        let nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
        let qop = Some(("00000001", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"));
        let hash = |a| response(a, who, (&Method::Other("GET".into()), "/dir/index.html"), nonce, qop);
        assert_eq!(hash(Algorithm::Md5), "8ca523f5e9506fed4657c9700eebdbec");
        assert_eq!(
            hash(Algorithm::Sha256),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
    }

    #[test]
    fn either_challenge_can_be_answered_and_a_wrong_password_cannot() {
        let mut g = guard();
        for i in 0..2 {
            let one = [g.challenges(Now(5), i, false)[i as usize].clone()];
            assert_eq!(verdict(&mut g, Now(6), &answered(&one, "secret")), Verdict::Account("ann".into()));
            assert_eq!(verdict(&mut g, Now(6), &answered(&one, "wrong")), Verdict::Wrong("ann".into()));
        }
    }

    #[test]
    fn a_replay_is_stale_and_a_higher_count_is_not() {
        let mut g = guard();
        let first = answered(&g.challenges(Now(5), 1, false), "secret");
        assert_eq!(verdict(&mut g, Now(6), &first), Verdict::Account("ann".into()));
        assert_eq!(verdict(&mut g, Now(7), &first), Verdict::Stale);
        let nonce = g.nonce(Now(5), 1);
        assert!(g.use_up(Now(8), &nonce, 2));
        assert!(!g.use_up(Now(8), &nonce, 2));
    }

    #[test]
    fn old_and_foreign_nonces_are_stale() {
        let mut g = guard();
        let first = answered(&g.challenges(Now(5), 1, false), "secret");
        assert_eq!(verdict(&mut g, Now(6) + NONCE_LIFE, &first), Verdict::Stale);
        let mut other = Guard { secret: 8, ..guard() };
        assert_eq!(verdict(&mut other, Now(6), &first), Verdict::Stale, "as after a restart");
    }

    #[test]
    fn the_table_is_bounded_and_what_falls_out_cannot_be_replayed() {
        let mut g = guard();
        for i in 0..NONCES_MAX as u64 + 2 {
            let nonce = g.nonce(Now(i), 0);
            assert!(g.use_up(Now(NONCES_MAX as u64 * 2), &nonce, 1), "{i}");
        }
        assert!(g.used.len() <= NONCES_MAX + 1);
        let oldest = g.nonce(Now(0), 0);
        assert!(!g.use_up(Now(NONCES_MAX as u64 * 2), &oldest, 2));
    }

    #[test]
    fn credentials_without_qop_pass_once() {
        let mut g = guard();
        let nonce = g.nonce(Now(5), 9);
        let hash = response(
            Algorithm::Md5,
            ("ann", "line", "secret"),
            (&Method::Register, "sip:line"),
            &nonce,
            None,
        );
        let old = request(&format!(
            "Digest username=\"ann\", realm=\"line\", nonce=\"{nonce}\", uri=\"sip:line\", response=\"{hash}\""
        ));
        assert_eq!(verdict(&mut g, Now(6), &old), Verdict::Account("ann".into()));
        assert_eq!(verdict(&mut g, Now(6), &old), Verdict::Stale);
    }
}
