//! What SRTP protects a stream with: the words that signalling, which agrees on keys, and media, which use them, share.

use super::LegId;
use sha2::{Digest, Sha512};
use std::fmt;

/// A transform of SRTP and the strength of its tag, as SDES names them (RFC 4568 §6.2, RFC 7714 §14.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    Gcm256,
    Gcm128,
    AesCm80,
    AesCm32,
}

impl Suite {
    /// All, the best first. The two of RFC 7714 also cost the least; that with a tag of 32 bits is the easiest to forge.
    pub const ALL: [Suite; 4] = [Suite::Gcm256, Suite::Gcm128, Suite::AesCm80, Suite::AesCm32];

    /// Its name in SDP.
    pub fn name(self) -> &'static str {
        match self {
            Suite::Gcm256 => "AEAD_AES_256_GCM",
            Suite::Gcm128 => "AEAD_AES_128_GCM",
            Suite::AesCm80 => "AES_CM_128_HMAC_SHA1_80",
            Suite::AesCm32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    /// Octets of master key and master salt.
    pub fn lengths(self) -> (usize, usize) {
        match self {
            Suite::Gcm256 => (32, 12),
            Suite::Gcm128 => (16, 12),
            Suite::AesCm80 | Suite::AesCm32 => (16, 14),
        }
    }
}

const MASTER_OCTETS_MAX: usize = 44;

/// A master key with its salt and what it is for (RFC 3711 §3.2.1). Never printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MasterKey {
    suite: Suite,
    octets: [u8; MASTER_OCTETS_MAX],
}

impl MasterKey {
    /// `None` if `octets`, key then salt, are not as many as `suite` needs.
    pub fn new(suite: Suite, octets: &[u8]) -> Option<MasterKey> {
        let (key, salt) = suite.lengths();
        (octets.len() == key + salt).then(|| {
            let mut all = [0; MASTER_OCTETS_MAX];
            all[..key + salt].copy_from_slice(octets);
            MasterKey { suite, octets: all }
        })
    }

    /// What it is for.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// The key.
    pub fn key(&self) -> &[u8] {
        &self.octets[..self.suite.lengths().0]
    }

    /// The salt.
    pub fn salt(&self) -> &[u8] {
        let (key, salt) = self.suite.lengths();
        &self.octets[key..key + salt]
    }

    /// Both, as SDES writes them (RFC 4568 §6.1).
    pub fn octets(&self) -> &[u8] {
        let (key, salt) = self.suite.lengths();
        &self.octets[..key + salt]
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ‹…›", self.suite.name())
    }
}

/// The two keys of one stream: what we encrypt with, and what the peer does. However they were agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SrtpKeys {
    /// Ours.
    pub send: MasterKey,
    /// The peer's.
    pub receive: MasterKey,
}

/// Whether streams with a peer are encrypted (SDES, RFC 4568).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SrtpPolicy {
    /// Never: an offer of RTP/SAVP alone is refused.
    Off,
    /// If the peer offers it. We offer RTP/AVP: an offer of RTP/SAVP has no way back, and a peer that does not know it
    /// would refuse the call.
    #[default]
    Optional,
    /// Always: we offer RTP/SAVP, and an offer in the clear is refused.
    Required,
}

/// Where our keys come from: 32 octets that nobody can guess, given from outside so that cores stay pure functions. Never
/// printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret([u8; 32]);

impl Secret {
    /// `octets` are to be from the system's source of randomness.
    pub fn new(octets: [u8; 32]) -> Secret {
        Secret(octets)
    }

    /// The secret of one leg.
    pub fn of(&self, leg: LegId) -> Secret {
        let mut own = [0; 32];
        own.copy_from_slice(&self.derive(b'l', leg.0)[..32]);
        Secret(own)
    }

    /// The `nth` key for `suite`. Each suite and number has one of its own: to know one says nothing of another.
    pub fn key(&self, suite: Suite, nth: u64) -> MasterKey {
        let mut octets = [0; MASTER_OCTETS_MAX];
        octets.copy_from_slice(&self.derive(suite as u8, nth)[..MASTER_OCTETS_MAX]);
        let (key, salt) = suite.lengths();
        octets[key + salt..].fill(0);
        MasterKey { suite, octets }
    }

    /// A pseudo-random function: what is hashed has one length, so nothing can be appended to it.
    fn derive(&self, label: u8, number: u64) -> [u8; 64] {
        let hash = Sha512::new().chain_update(self.0).chain_update([label]);
        hash.chain_update(number.to_be_bytes()).finalize().into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("‹…›")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_leg_suite_and_number_has_a_key_of_its_own_and_always_the_same() {
        let secret = Secret::new([7; 32]);
        let mut seen = Vec::new();
        for leg in [LegId(1), LegId(2)] {
            for suite in Suite::ALL {
                for nth in 0..3 {
                    let key = secret.of(leg).key(suite, nth);
                    assert_eq!(key, secret.of(leg).key(suite, nth));
                    assert_eq!(MasterKey::new(suite, key.octets()), Some(key));
                    assert!(!seen.contains(&key.octets()[..28].to_vec()));
                    seen.push(key.octets()[..28].to_vec());
                }
            }
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        let key = Secret::new([7; 32]).key(Suite::AesCm80, 0);
        assert_eq!(format!("{key:?} {:?}", Secret::new([1; 32])), "AES_CM_128_HMAC_SHA1_80 ‹…› ‹…›");
    }
}
