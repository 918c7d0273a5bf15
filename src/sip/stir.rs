//! Whether a caller's number is its own: signed caller identity, STIR (RFC 8224, RFC 8225) with SHAKEN (RFC 8588).
//!
//! ```text
//! INVITE, Identity: header.claims.signature;info=<https://…>;alg=ES256;ppt=shaken
//!   certificate for `info` ─► signed by a trusted authority? ─► signature ─► numbers and time ─► Passed(attestation)
//!        436                          437                         438          438, 403
//! ```
//! Certificates are local: [`Trust`] knows those of the addresses that the operator names, and fetches none, so that an
//! INVITE makes this server connect to nobody. Signatures are deterministic (RFC 6979). Everything is a pure function of the
//! message, the certificates and the time. Only telephone numbers are compared, and only the full form of a PASSporT is read,
//! as SHAKEN demands.

use data_encoding::BASE64URL_NOPAD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::DecodePrivateKey;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert, ring};

/// How old or how young a signature may be, in seconds (RFC 8224 §4.1: at most a minute).
const FRESH_S: u64 = 60;
/// Extended key usage for TLS clients, which a certificate must allow if it restricts its use at all.
const CLIENT_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];

/// How sure whoever signed is of the number (RFC 8588 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Attest {
    /// Full: it knows the customer, who has the number.
    A,
    /// Partial: it knows the customer.
    B,
    /// Gateway: it knows where the call came in.
    C,
}

/// What is wrong with an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Forged {
    /// It cannot be read, or is not SHAKEN.
    Unreadable,
    /// It was made more than a minute ago, or will be.
    Stale,
    /// No certificate is here for the address that it names.
    NoCertificate,
    /// Its certificate is not one of a trusted authority, or is not valid now.
    NotTrusted,
    /// The signature is not of that certificate.
    Signature,
    /// It is for another caller or another number called.
    Numbers,
}

impl Forged {
    /// The refusal that it earns where identities are required (RFC 8224 §6.2.2).
    pub fn refusal(self) -> (u16, &'static str) {
        match self {
            Forged::Stale => (403, "Stale Date"),
            Forged::NoCertificate => (436, "Bad Identity Info"),
            Forged::NotTrusted => (437, "Unsupported Credential"),
            Forged::Unreadable | Forged::Signature | Forged::Numbers => (438, "Invalid Identity Header"),
        }
    }
}

/// What is known of a caller's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verstat {
    Passed(Attest),
    Failed(Forged),
    /// Nobody has signed it.
    Unsigned,
}

impl Verstat {
    /// The refusal where identities are required; none for one that has passed.
    pub fn refusal(self) -> Option<(u16, &'static str)> {
        match self {
            Verstat::Passed(_) => None,
            Verstat::Failed(why) => Some(why.refusal()),
            Verstat::Unsigned => Some((428, "Use Identity Header")),
        }
    }
}

impl fmt::Display for Verstat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verstat::Passed(attest) => write!(f, "passed {attest:?}"),
            Verstat::Failed(Forged::Unreadable) => f.write_str("failed: the identity cannot be read"),
            Verstat::Failed(Forged::Stale) => f.write_str("failed: the identity is of another time"),
            Verstat::Failed(Forged::NoCertificate) => {
                f.write_str("failed: its certificate is not known here")
            }
            Verstat::Failed(Forged::NotTrusted) => f.write_str("failed: its certificate is not trusted"),
            Verstat::Failed(Forged::Signature) => f.write_str("failed: the signature is wrong"),
            Verstat::Failed(Forged::Numbers) => f.write_str("failed: it is for other numbers"),
            Verstat::Unsigned => f.write_str("unsigned"),
        }
    }
}

/// The first part of a PASSporT; keys in the order that they are signed in (RFC 8225 §9).
#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    ppt: String,
    typ: String,
    x5u: String,
}

/// The second.
#[derive(Serialize, Deserialize)]
struct Claims {
    attest: Attest,
    dest: Dest,
    iat: u64,
    orig: Orig,
    origid: String,
}

#[derive(Serialize, Deserialize)]
struct Dest {
    tn: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Orig {
    tn: String,
}

/// A number as it is signed: digits of its international form (RFC 8224 §8.3).
fn tn(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}

/// Whose signatures are believed.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Who may sign certificates.
    pub authorities: Vec<TrustAnchor<'static>>,
    /// Certificates, the signer's own first, by the address that identities name.
    pub certificates: BTreeMap<String, Vec<CertificateDer<'static>>>,
}

/// Somebody who may sign certificates, by a certificate of their own; `None` if it is none that can be used.
pub fn authority(certificate: &CertificateDer<'_>) -> Option<TrustAnchor<'static>> {
    anchor_from_trusted_cert(certificate).ok().map(|anchor| anchor.to_owned())
}

impl Trust {
    /// What the values of the Identity fields are worth for a call of `caller` to one of `called` (RFC 8224 §6.2).
    pub fn verify(&self, identities: &[&str], caller: &str, called: &[&str], now: Duration) -> Verstat {
        let shaken = |value: &&&str| parameter(value, "ppt").is_none_or(|ppt| ppt == "shaken");
        match identities.iter().find(shaken) {
            None => Verstat::Unsigned,
            Some(identity) => match self.check(identity, caller, called, now) {
                Ok(attest) => Verstat::Passed(attest),
                Err(why) => Verstat::Failed(why),
            },
        }
    }

    fn check(&self, identity: &str, caller: &str, called: &[&str], now: Duration) -> Result<Attest, Forged> {
        let (token, _) = identity.split_once(';').ok_or(Forged::Unreadable)?;
        let info = parameter(identity, "info").ok_or(Forged::Unreadable)?.trim_matches(['<', '>']);
        let (signed, signature) = token.trim().rsplit_once('.').ok_or(Forged::Unreadable)?;
        let (header, claims) = signed.split_once('.').ok_or(Forged::Unreadable)?;
        let header: Header = part(header)?;
        let claims: Claims = part(claims)?;
        if (&*header.alg, &*header.ppt, &*header.typ) != ("ES256", "shaken", "passport") || header.x5u != info
        {
            return Err(Forged::Unreadable);
        }
        let chain = self.certificates.get(info).ok_or(Forged::NoCertificate)?;
        let own = chain.first().ok_or(Forged::NoCertificate)?;
        let own = EndEntityCert::try_from(own).map_err(|_| Forged::NotTrusted)?;
        own.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &self.authorities,
            chain.get(1..).unwrap_or_default(),
            UnixTime::since_unix_epoch(now),
            KeyUsage::required_if_present(CLIENT_AUTH),
            None,
            None,
        )
        .map_err(|_| Forged::NotTrusted)?;
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).map_err(|_| Forged::Signature)?;
        let signature = Signature::from_slice(&signature).map_err(|_| Forged::Signature)?.to_der();
        own.verify_signature(ring::ECDSA_P256_SHA256, signed.as_bytes(), signature.as_bytes())
            .map_err(|_| Forged::Signature)?;
        if claims.iat.abs_diff(now.as_secs()) > FRESH_S {
            return Err(Forged::Stale);
        }
        let to_one = claims.dest.tn.iter().any(|dest| called.iter().any(|number| tn(number) == *dest));
        match claims.orig.tn == tn(caller) && to_one {
            true => Ok(claims.attest),
            false => Err(Forged::Numbers),
        }
    }
}

/// One part of a PASSporT.
fn part<T: for<'a> Deserialize<'a>>(text: &str) -> Result<T, Forged> {
    let octets = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| Forged::Unreadable)?;
    serde_json::from_slice(&octets).map_err(|_| Forged::Unreadable)
}

/// A parameter of an Identity field.
fn parameter<'a>(identity: &'a str, name: &str) -> Option<&'a str> {
    let mut all = identity.split(';').skip(1).filter_map(|p| p.split_once('='));
    all.find(|(n, _)| n.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().trim_matches('"'))
}

/// Signs our calls over a trunk.
#[derive(Clone)]
pub struct Signer {
    key: SigningKey,
    /// Where others find the certificate.
    url: String,
    origid: String,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Signer {
    /// Signs with a P-256 key in PEM (PKCS #8) whose certificate is found at `url`. `None` if it is no such key.
    pub fn new(key: &str, url: &str) -> Option<Signer> {
        let key = SigningKey::from_pkcs8_pem(key).ok()?;
        // A name for where our calls come from (RFC 8588 §5), the same for all of them, with the marks of a random UUID
        // (RFC 9562 §5.4).
        let hash = Sha256::digest(url);
        let hex: String = hash.iter().take(16).map(|o| format!("{o:02x}")).collect();
        let at = |range| hex.get(range).unwrap_or_default();
        let origid = format!("{}-{}-4{}-8{}-{}", at(0..8), at(8..12), at(13..16), at(17..20), at(20..32));
        Some(Signer { key, url: url.to_owned(), origid })
    }

    /// True if `certificate` is that of the key.
    pub fn owns(&self, certificate: &CertificateDer<'_>) -> bool {
        let point = self.key.verifying_key().to_sec1_point(false);
        certificate.windows(point.len()).any(|w| w == point.as_bytes())
    }

    /// The value of Identity for a call from `caller` to `called`, in international form (RFC 8224 §4.1).
    pub fn identity(&self, attest: Attest, caller: &str, called: &str, now: Duration) -> String {
        let text = |octets: serde_json::Result<Vec<u8>>| BASE64URL_NOPAD.encode(&octets.unwrap_or_default());
        let [alg, ppt, typ] = ["ES256", "shaken", "passport"].map(str::to_owned);
        let header = Header { alg, ppt, typ, x5u: self.url.clone() };
        let (orig, dest) = (Orig { tn: tn(caller) }, Dest { tn: vec![tn(called)] });
        let claims = Claims { attest, dest, iat: now.as_secs(), orig, origid: self.origid.clone() };
        let signed = format!("{}.{}", text(serde_json::to_vec(&header)), text(serde_json::to_vec(&claims)));
        let signature: Signature = self.key.sign(signed.as_bytes());
        let signature = BASE64URL_NOPAD.encode(&signature.to_bytes());
        format!("{signed}.{signature};info=<{}>;alg=ES256;ppt=shaken", self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

    const URL: &str = "https://certs.example/ours.pem";
    const NOW: Duration = Duration::from_secs(1_790_000_000);

    fn authority() -> CertifiedIssuer<'static, KeyPair> {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    }

    /// A signer, and who believes it.
    fn pair() -> (Signer, Trust) {
        let authority = authority();
        let key = KeyPair::generate().unwrap();
        let own =
            CertificateParams::new(vec!["carrier".into()]).unwrap().signed_by(&key, &authority).unwrap();
        let signer = Signer::new(&key.serialize_pem(), URL).unwrap();
        assert!(signer.owns(own.der()) && !signer.owns(authority.der()));
        let certificates = BTreeMap::from([(URL.to_owned(), vec![own.der().clone()])]);
        (signer, Trust { authorities: vec![super::authority(authority.der()).unwrap()], certificates })
    }

    #[test]
    fn what_is_signed_here_is_believed_there() {
        let (signer, trust) = pair();
        for attest in [Attest::A, Attest::B, Attest::C] {
            let identity = signer.identity(attest, "+86 138-0000-0000", "+12155551212", NOW);
            let found = trust.verify(&[&identity], "+8613800000000", &["1000", "12155551212"], NOW);
            assert_eq!(found, Verstat::Passed(attest));
        }
        assert_eq!(trust.verify(&[], "1", &["2"], NOW), Verstat::Unsigned);
        assert_eq!(trust.verify(&["a.b.c;ppt=div"], "1", &["2"], NOW), Verstat::Unsigned);
    }

    #[test]
    fn a_passport_is_written_as_rfc_8588_has_it() {
        let (signer, _) = pair();
        let identity = signer.identity(Attest::A, "+12155551212", "+12155551213", NOW);
        let parts: Vec<&str> = identity.split(['.', ';']).collect();
        let text =
            |i: usize| String::from_utf8(BASE64URL_NOPAD.decode(parts[i].as_bytes()).unwrap()).unwrap();
        assert_eq!(
            text(0),
            "{\"alg\":\"ES256\",\"ppt\":\"shaken\",\"typ\":\"passport\",\"x5u\":\"https://certs.example/ours.pem\"}"
        );
        let claims = text(1);
        let (begin, origid) = claims.split_once(",\"origid\":\"").unwrap();
        assert_eq!(
            begin,
            "{\"attest\":\"A\",\"dest\":{\"tn\":[\"12155551213\"]},\"iat\":1790000000,\"orig\":{\"tn\":\"12155551212\"}"
        );
        let dashes: Vec<usize> = origid.match_indices('-').map(|(i, _)| i).collect();
        assert_eq!((dashes, origid.len()), (vec![8, 13, 18, 23], 38));
    }

    #[test]
    fn whatever_is_not_right_is_told_apart() {
        let (signer, trust) = pair();
        let identity = signer.identity(Attest::A, "1380", "4001", NOW);
        let worth = |trust: &Trust, identity: &str, caller: &str, called: &str, now: Duration| match trust
            .verify(&[identity], caller, &[called], now)
        {
            Verstat::Failed(why) => why,
            other => panic!("{other}"),
        };
        let minute = Duration::from_secs(61);
        assert_eq!(worth(&trust, &identity, "1380", "4001", NOW + minute), Forged::Stale);
        assert_eq!(worth(&trust, &identity, "1380", "4001", NOW - minute), Forged::Stale);
        assert_eq!(worth(&trust, &identity, "1381", "4001", NOW), Forged::Numbers);
        assert_eq!(worth(&trust, &identity, "1380", "4002", NOW), Forged::Numbers);
        assert_eq!(worth(&Trust::default(), &identity, "1380", "4001", NOW), Forged::NoCertificate);
        let others =
            Trust { authorities: vec![super::authority(authority().der()).unwrap()], ..trust.clone() };
        assert_eq!(worth(&others, &identity, "1380", "4001", NOW), Forged::NotTrusted);
        let (other, _) = pair();
        let forged = other.identity(Attest::A, "1380", "4001", NOW);
        assert_eq!(worth(&trust, &forged, "1380", "4001", NOW), Forged::Signature);
        let far = Duration::from_secs(99_000_000_000);
        assert_eq!(
            worth(&trust, &identity, "1380", "4001", far),
            Forged::NotTrusted,
            "the certificate has expired"
        );
        for broken in [
            "",
            "a;info=<x>",
            "a.b.c",
            "a.b.c;info=<https://certs.example/ours.pem>",
            &identity.replace("/ours.pem", "/x"),
        ] {
            assert_eq!(worth(&trust, broken, "1380", "4001", NOW), Forged::Unreadable, "{broken}");
        }
        for text in [&identity[..identity.len() / 2], &identity[40..]] {
            assert!(matches!(trust.verify(&[text], "1380", &["4001"], NOW), Verstat::Failed(_)));
        }
    }

    #[test]
    fn each_fault_earns_the_refusal_of_rfc_8224() {
        let all = [Forged::Stale, Forged::NoCertificate, Forged::NotTrusted, Forged::Signature];
        assert_eq!(all.map(|f| f.refusal().0), [403, 436, 437, 438]);
        assert_eq!(Verstat::Unsigned.refusal(), Some((428, "Use Identity Header")));
        assert_eq!(Verstat::Passed(Attest::B).refusal(), None);
        assert_eq!(Verstat::Passed(Attest::B).to_string(), "passed B");
    }
}
