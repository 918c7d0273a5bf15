//! The client's side of digest authentication (RFC 7616 §3.4, RFC 8760): what challenges we have had, and what answers them.
//!
//! In: 401 and 407 responses. Out: the header fields for the next request, and whether it is worth sending. Challenges are
//! kept, one a realm, so that later requests carry credentials from the start (RFC 3261 §22.3) with a higher nonce count.

use super::digest::{Algorithm, parameters, response};
use super::event::Credentials;
use super::message::Message;
use super::name::{Method, Name};
use super::syntax::{find, quote};

/// Realms between us and the far end: proxies and the server behind them. Answer to more: the request has failed.
const REALMS_MAX: usize = 4;
/// Challenges in a row without anything having passed.
const TRIES_MAX: u8 = 4;

/// What one realm asks for.
#[derive(Debug)]
struct Challenge {
    /// The field that answers it.
    gives: Name,
    realm: String,
    nonce: String,
    algorithm: Algorithm,
    /// As it was written, if it was.
    algorithm_text: Option<String>,
    /// With `qop=auth`.
    auth: bool,
    opaque: Option<String>,
    /// Requests that have carried the nonce.
    count: u32,
    /// An answer to it has been taken.
    passed: bool,
}

/// Credentials, and the challenges that ask for them.
#[derive(Debug)]
pub(super) struct Answers {
    credentials: Credentials,
    challenges: Vec<Challenge>,
    tries: u8,
}

impl Answers {
    pub(super) fn new(credentials: Credentials) -> Answers {
        Answers { credentials, challenges: Vec::new(), tries: 0 }
    }

    /// Takes the challenges of a 401 or 407: of each realm the first that we understand (RFC 8760 §2.4). False if that is
    /// nothing but what we have answered in vain, so that another request would fail the same way.
    pub(super) fn take(&mut self, refusal: &Message) -> bool {
        if self.tries >= TRIES_MAX {
            return false;
        }
        self.tries += 1;
        let mut news = false;
        let mut seen: Vec<(Name, String)> = Vec::new();
        for (asks, gives) in [
            (Name::WwwAuthenticate, Name::Authorization),
            (Name::ProxyAuthenticate, Name::ProxyAuthorization),
        ] {
            for value in refusal.all(asks) {
                let Some((challenge, stale)) = read(value, gives) else { continue };
                let key = (gives, challenge.realm.clone());
                if seen.contains(&key) {
                    continue;
                }
                seen.push(key);
                let room = self.challenges.len() < REALMS_MAX;
                let same = |c: &&mut Challenge| c.gives == gives && c.realm == challenge.realm;
                match self.challenges.iter_mut().find(same) {
                    Some(old) if stale || old.passed => *old = challenge,
                    None if room => self.challenges.push(challenge),
                    Some(_) | None => continue,
                }
                news = true;
            }
        }
        news
    }

    /// Something got through: what comes next is a new question.
    pub(super) fn passed(&mut self) {
        self.tries = 0;
        self.challenges.iter_mut().for_each(|c| c.passed = true);
    }

    /// Another server is asked, who has challenged nothing yet.
    pub(super) fn forget(&mut self) {
        (self.tries, self.challenges) = (0, Vec::new());
    }

    /// The fields of the next request. `cnonce` must be random.
    pub(super) fn fields(&mut self, method: &Method, uri: &str, cnonce: &str) -> Vec<(Name, String)> {
        let Credentials { user, password } = &self.credentials;
        let field = |c: &mut Challenge| {
            c.count += 1;
            let nc = format!("{:08x}", c.count);
            let who = (user.as_str(), c.realm.as_str(), password.reveal().as_str());
            let hash =
                response(c.algorithm, who, (method, uri), &c.nonce, c.auth.then_some((nc.as_str(), cnonce)));
            let mut value = format!(
                "Digest username={}, realm={}, nonce={}, uri={}, response=\"{hash}\"",
                quote(user),
                quote(&c.realm),
                quote(&c.nonce),
                quote(uri)
            );
            if let Some(algorithm) = &c.algorithm_text {
                value += &format!(", algorithm={algorithm}");
            }
            if c.auth {
                value += &format!(", qop=auth, nc={nc}, cnonce=\"{cnonce}\"");
            }
            if let Some(opaque) = &c.opaque {
                value += &format!(", opaque={}", quote(opaque));
            }
            (c.gives, value)
        };
        self.challenges.iter_mut().map(field).collect()
    }
}

/// A challenge that we can answer, and whether only the nonce was too old.
fn read(value: &str, gives: Name) -> Option<(Challenge, bool)> {
    let p = parameters(value)?;
    let get = |name| find(p, b',', name);
    let algorithm = Algorithm::of(get("algorithm").as_deref())?;
    let auth = get("qop").map(|q| q.split(',').any(|q| q.trim().eq_ignore_ascii_case("auth")));
    if auth == Some(false) {
        return None;
    }
    let challenge = Challenge {
        gives,
        realm: get("realm")?.to_string(),
        nonce: get("nonce")?.to_string(),
        algorithm,
        algorithm_text: get("algorithm").map(|a| a.to_string()),
        auth: auth.is_some(),
        opaque: get("opaque").map(|o| o.to_string()),
        count: 0,
        passed: false,
    };
    Some((challenge, get("stale").is_some_and(|s| s.eq_ignore_ascii_case("true"))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Pii;
    use bytes::Bytes;

    fn refusal(fields: &str) -> Message {
        Message::parse(&Bytes::from(format!("SIP/2.0 401 Unauthorized\r\n{fields}\r\n"))).unwrap()
    }

    fn answers() -> Answers {
        Answers::new(Credentials { user: "ann".into(), password: Pii::new("secret".into()) })
    }

    fn fields(a: &mut Answers) -> Vec<(Name, String)> {
        a.fields(&Method::Invite, "sip:x", "c0")
    }

    #[test]
    fn each_realm_has_its_answer_and_the_nonce_count_rises() {
        let mut a = answers();
        let proxy = "Proxy-Authenticate: Digest realm=\"one\", nonce=\"1\", qop=\"auth\"\r\n\
                     Proxy-Authenticate: Digest realm=\"two\", nonce=\"2\", algorithm=SHA-256\r\n\
                     Proxy-Authenticate: Digest realm=\"two\", nonce=\"2\", algorithm=MD5\r\n";
        assert!(a.take(&refusal(proxy)));
        let both = fields(&mut a);
        assert_eq!(both.len(), 2);
        assert!(both[0].1.contains("nc=00000001") && both[1].1.contains("SHA-256"), "{both:?}");
        assert!(
            a.take(&refusal("WWW-Authenticate: Digest realm=\"home\", nonce=\"3\"\r\n")),
            "behind the proxies"
        );
        let all = fields(&mut a);
        assert_eq!(all.iter().filter(|(name, _)| *name == Name::Authorization).count(), 1);
        assert!(all.len() == 3 && all[0].1.contains("nc=00000002"), "{all:?}");
    }

    #[test]
    fn the_same_question_again_means_a_wrong_password_unless_the_nonce_was_old() {
        let again = |nonce: &str, more: &str| {
            refusal(&format!("WWW-Authenticate: Digest realm=\"r\", nonce=\"{nonce}\"{more}\r\n"))
        };
        let mut a = answers();
        assert!(a.take(&again("1", "")) && !a.take(&again("2", "")));
        let mut a = answers();
        assert!(a.take(&again("1", "")) && a.take(&again("2", ", stale=true")));
        a.passed();
        assert!(a.take(&again("3", "")), "what passed once may be asked for again");
        let mut a = answers();
        let endless = (0..9).filter(|i| a.take(&again(&i.to_string(), ", stale=TRUE"))).count();
        assert_eq!(endless, usize::from(TRIES_MAX));
        assert!(!answers().take(&refusal("WWW-Authenticate: Basic realm=\"r\"\r\n")));
    }
}
