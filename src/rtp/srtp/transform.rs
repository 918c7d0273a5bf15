//! The transforms of SRTP: AES in counter mode with HMAC-SHA1 (RFC 3711 §4), and AES-GCM (RFC 7714); and how their session
//! keys come from a master key (RFC 3711 §4.3, RFC 7714 §11).

use crate::base::{MasterKey, Suite};
use aes::cipher::consts::U16;
use aes::cipher::{Array, BlockCipherEncrypt, InnerIvInit, KeyInit, StreamCipher, StreamCipherCoreWrapper};
use aes::{Aes128, Aes256};
use ctr::{CtrCore, flavors::Ctr128BE};
use hmac::{Hmac, Mac};
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use sha1::Sha1;
use std::fmt;

/// Octets of the longest tag.
pub(super) const TAG_OCTETS_MAX: usize = 16;
/// Octets of the part of RTCP that stays readable (RFC 3711 §3.4).
pub(super) const RTCP_HEAD: usize = 8;

/// Whose keys these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Rtp,
    Rtcp,
}

/// Which packet of which stream: what makes each keystream another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) ssrc: u32,
    /// Of 48 bits with RTP, of 31 with RTCP.
    pub(super) index: u64,
}

/// A tag, and how much of it is used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tag([u8; TAG_OCTETS_MAX], usize);

impl Tag {
    pub(super) fn octets(&self) -> &[u8] {
        &self.0[..self.1]
    }
}

/// The session keys of one protocol, ready to be used.
pub(super) enum Transform {
    Cm { cipher: Box<Aes128>, salt: [u8; 14], mac: Box<Hmac<Sha1>>, tag: usize },
    Gcm { key: Box<LessSafeKey>, salt: [u8; 12], protocol: Protocol },
}

impl fmt::Debug for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Transform::Cm { .. } => "Cm ‹…›",
            Transform::Gcm { .. } => "Gcm ‹…›",
        })
    }
}

impl Transform {
    /// Derives the session keys; `None` only if a length is wrong, which [`MasterKey`] does not allow.
    pub(super) fn new(master: &MasterKey, protocol: Protocol) -> Option<Transform> {
        let first = if protocol == Protocol::Rtp { 0 } else { 3 };
        let mut salt = [0; 14];
        derive(master, first + 2, &mut salt);
        let mut key = [0; 32];
        let key = &mut key[..master.key().len()];
        derive(master, first, key);
        match master.suite() {
            suite @ (Suite::AesCm80 | Suite::AesCm32) => {
                let mut auth = [0; 20];
                derive(master, first + 1, &mut auth);
                // RFC 4568 §6.2: the short tag is for RTP alone.
                let tag = if suite == Suite::AesCm32 && protocol == Protocol::Rtp { 4 } else { 10 };
                let (cipher, mac) =
                    (Aes128::new_from_slice(key).ok()?, <Hmac<Sha1> as KeyInit>::new_from_slice(&auth).ok()?);
                Some(Transform::Cm { cipher: Box::new(cipher), salt, mac: Box::new(mac), tag })
            }
            Suite::Gcm128 | Suite::Gcm256 => Transform::gcm(key, salt.first_chunk()?, protocol),
        }
    }

    fn gcm(key: &[u8], salt: &[u8; 12], protocol: Protocol) -> Option<Transform> {
        let algorithm = if key.len() == 16 { &AES_128_GCM } else { &AES_256_GCM };
        let key = Box::new(LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?));
        Some(Transform::Gcm { key, salt: *salt, protocol })
    }

    /// Octets of its tag.
    pub(super) fn tag_octets(&self) -> usize {
        match self {
            Transform::Cm { tag, .. } => *tag,
            Transform::Gcm { .. } => 16,
        }
    }

    /// Encrypts `body` and returns the tag over it, `head` and `trailer`: the rollover counter of RTP, which is not sent, or the
    /// index of RTCP, which is.
    pub(super) fn seal(&self, at: Place, head: &[u8], body: &mut [u8], trailer: [u8; 4]) -> Option<Tag> {
        let mut octets = [0; TAG_OCTETS_MAX];
        match self {
            Transform::Cm { cipher, salt, mac, tag } => {
                keystream(cipher, *salt, at, body);
                let mut mac = Hmac::clone(mac);
                [head, body, &trailer].into_iter().for_each(|part| mac.update(part));
                octets[..*tag].copy_from_slice(&mac.finalize().as_bytes()[..*tag]);
            }
            Transform::Gcm { key, salt, protocol } => {
                let (nonce, mut room) = (nonce(*salt, at), [0; RTCP_HEAD + 4]);
                let aad = Aad::from(associated(*protocol, head, trailer, &mut room)?);
                octets.copy_from_slice(key.seal_in_place_separate_tag(nonce, aad, body).ok()?.as_ref());
            }
        }
        Some(Tag(octets, self.tag_octets()))
    }

    /// Decrypts `body` if `tag` is right; else it is of no more use.
    pub(super) fn open(
        &self,
        at: Place,
        head: &[u8],
        body: &mut [u8],
        trailer: [u8; 4],
        tag: &[u8],
    ) -> Option<()> {
        match self {
            Transform::Cm { cipher, salt, mac, .. } => {
                let mut mac = Hmac::clone(mac);
                [head, body, &trailer].into_iter().for_each(|part| mac.update(part));
                mac.verify_truncated_left(tag).ok()?;
                keystream(cipher, *salt, at, body);
            }
            Transform::Gcm { key, salt, protocol } => {
                let (nonce, mut room) = (nonce(*salt, at), [0; RTCP_HEAD + 4]);
                let aad = Aad::from(associated(*protocol, head, trailer, &mut room)?);
                let tag = <[u8; 16]>::try_from(tag).ok()?.into();
                key.open_in_place_separate_tag(nonce, aad, tag, body, 0..).ok()?;
            }
        }
        Some(())
    }
}

/// What is authenticated and stays readable: of RTP the header alone (RFC 7714 §8.2), of RTCP also its index (§9.2).
fn associated<'a>(
    protocol: Protocol,
    head: &'a [u8],
    trailer: [u8; 4],
    room: &'a mut [u8; RTCP_HEAD + 4],
) -> Option<&'a [u8]> {
    if protocol == Protocol::Rtp {
        return Some(head);
    }
    room[..RTCP_HEAD].copy_from_slice(head.get(..RTCP_HEAD)?);
    room[RTCP_HEAD..].copy_from_slice(&trailer);
    Some(room)
}

/// RFC 3711 §4.1.1: salt · 2^16 ⊕ SSRC · 2^64 ⊕ index · 2^16, and blocks counted in the 16 bits below.
fn keystream(cipher: &Aes128, salt: [u8; 14], at: Place, body: &mut [u8]) {
    let mut iv = [0; 16];
    iv[4..8].copy_from_slice(&at.ssrc.to_be_bytes());
    iv[8..14].copy_from_slice(&at.index.to_be_bytes()[2..]);
    iv.iter_mut().zip(salt).for_each(|(i, s)| *i ^= s);
    counter_mode(cipher, iv, body);
}

fn counter_mode<C: BlockCipherEncrypt<BlockSize = U16>>(cipher: &C, iv: [u8; 16], body: &mut [u8]) {
    let core = CtrCore::<&C, Ctr128BE>::inner_iv_init(cipher, &Array(iv));
    StreamCipherCoreWrapper::from_core(core).apply_keystream(body);
}

/// RFC 7714 §8.1, §9.1.
fn nonce(salt: [u8; 12], at: Place) -> Nonce {
    let mut iv = [0; 12];
    iv[2..6].copy_from_slice(&at.ssrc.to_be_bytes());
    iv[6..].copy_from_slice(&at.index.to_be_bytes()[2..]);
    iv.iter_mut().zip(salt).for_each(|(i, s)| *i ^= s);
    Nonce::assume_unique_for_key(iv)
}

/// RFC 3711 §4.3.1 with a key derivation rate of 0: the keystream of the master key for this label.
fn derive(master: &MasterKey, label: u8, to: &mut [u8]) {
    let mut iv = [0; 16];
    iv[..master.salt().len()].copy_from_slice(master.salt());
    iv[7] ^= label;
    to.fill(0);
    if let Ok(cipher) = Aes128::new_from_slice(master.key()) {
        counter_mode(&cipher, iv, to);
    } else if let Ok(cipher) = Aes256::new_from_slice(master.key()) {
        // RFC 6188 §2, as RFC 7714 §11 wants it.
        counter_mode(&cipher, iv, to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER_PERMISSIVE as HEX;

    fn hex(text: &str) -> Vec<u8> {
        HEX.decode(text.replace(' ', "").as_bytes()).unwrap()
    }

    #[test]
    fn session_keys_are_those_of_rfc_3711_b_3() {
        let master = hex("E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6");
        let master = MasterKey::new(Suite::AesCm80, &master).unwrap();
        let derived = |label, octets| {
            let mut to = vec![0; octets];
            derive(&master, label, &mut to);
            to
        };
        assert_eq!(derived(0, 16), hex("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(derived(2, 14), hex("30CBBC08863D8C85D49DB34A9AE1"));
        assert_eq!(
            derived(1, 94),
            hex("CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA48F0A0ACF3C34E2359E6CDBCE \
                 E049646C43D9327AD175578EF7227098 6371C10C9A369AC2F94A8C5FBCDDDC25 \
                 6D6E919A48B610EF17C2041E47403576 6B68642C59BBFC2F34DB60DBDFB2")
        );
    }

    #[test]
    fn the_keystream_is_that_of_rfc_3711_b_2() {
        let cipher = Aes128::new_from_slice(&hex("2B7E151628AED2A6ABF7158809CF4F3C")).unwrap();
        let salt = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD").try_into().unwrap();
        let mut stream = vec![0; 0xff02 * 16];
        keystream(&cipher, salt, Place { ssrc: 0, index: 0 }, &mut stream);
        assert_eq!(
            &stream[..48],
            hex("E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB \
                 41E95B3BB0A2E8DD477901E4FCA894C0")
        );
        assert_eq!(
            &stream[0xfeff * 16..],
            hex("EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE \
                 6A2CC3787889374FBEB4C81B17BA6C44")
        );
    }

    const GALLIA: &[u8] = b"Gallia est omnis divisa in partes tres";

    #[test]
    fn a_packet_of_rtp_is_encrypted_as_in_rfc_7714_16() {
        let head = hex("8040f17b 8041f8d3 5501a0b2");
        let place = Place { ssrc: 0x5501_a0b2, index: 0xf17b };
        for (key, cipher, tag) in [
            (
                (0u8..16).collect::<Vec<u8>>(),
                "f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833",
                "899d7f27 beb16a91 52cf765e e4390cce",
            ),
            (
                (0u8..32).collect(),
                "32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b",
                "7aa3db36 dfffd6b0 f9bb7878 d7a76c13",
            ),
        ] {
            let transform = Transform::gcm(&key, b"Quid pro quo", Protocol::Rtp).unwrap();
            let mut body = GALLIA.to_vec();
            let made = transform.seal(place, &head, &mut body, [0; 4]).unwrap();
            assert_eq!((&body, made.octets()), (&hex(cipher), &hex(tag)[..]));
            transform.open(place, &head, &mut body, [0; 4], made.octets()).unwrap();
            assert_eq!(body, GALLIA);
        }
    }

    #[test]
    fn a_packet_of_rtcp_is_encrypted_as_in_rfc_7714_17() {
        let head = hex("81c8000d 4d617273");
        let clear = hex("4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef \
             deadbeef deadbeef");
        let cipher = hex("63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46 \
             86303ded 0bb9275b");
        let place = Place { ssrc: 0x4d61_7273, index: 0x5d4 };
        let key: Vec<u8> = (0..16).collect();
        let transform = Transform::gcm(&key, b"Quid pro quo", Protocol::Rtcp).unwrap();
        let mut body = clear.clone();
        let tag = transform.seal(place, &head, &mut body, 0x8000_05d4u32.to_be_bytes()).unwrap();
        assert_eq!((body, tag.octets()), (cipher, &hex("c84aa458 96cf4d2f c5abf872 45d9eade")[..]));
    }
}
