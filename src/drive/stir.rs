//! The certificates and keys that callers' numbers are verified and signed with, read from files.

use super::tls::{certificates, octets, valid_now};
use crate::config::{NamedFile, Problem, Server};
use crate::sip::{Signer, Trust, authority};
use std::collections::BTreeMap;
use std::path::Path;

/// Whom to believe, if identities are verified, and who signs over which trunk.
pub type Material = (Option<Trust>, BTreeMap<String, Signer>);

/// Reads and checks every file that `[stir]` and the trunks name, relative to `folder`.
///
/// # Errors
/// All that is wrong, at the places that name the files.
pub fn load(folder: &Path, server: &Server) -> Result<Material, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut read = |named: &NamedFile| {
        certificates(folder, named).map_err(|problem| problems.push(*problem)).unwrap_or_default()
    };
    let trusted: Vec<_> = server.stir.trust.iter().map(|named| (named, read(named))).collect();
    let known: BTreeMap<_, _> =
        server.stir.certificates.iter().map(|(url, named)| (url.clone(), read(named))).collect();
    let mut authorities = Vec::new();
    for (named, chain) in &trusted {
        let found: Vec<_> = chain.iter().filter_map(authority).collect();
        if found.len() < chain.len() {
            let message = format!("`{}` holds a certificate that cannot be read", named.path);
            problems.push(*named.wrong(message, "name a PEM file of X.509 certificates of version 3"));
        }
        authorities.extend(found);
    }
    for (url, named) in &server.stir.certificates {
        if let Some(chain) = known.get(url).filter(|c| !c.is_empty()) {
            problems.extend(valid_now(named, chain).err().map(|problem| *problem));
        }
    }
    let mut signers = BTreeMap::new();
    for trunk in &server.trunks {
        let Some(sign) = &trunk.sign else { continue };
        match signer(folder, &sign.key, &sign.certificate) {
            Ok(signer) => {
                let own = known.get(&sign.certificate).and_then(|chain| chain.first());
                if own.is_some_and(|own| !signer.owns(own)) {
                    let message =
                        format!("the key `{}` does not belong to {}", sign.key.path, sign.certificate);
                    problems.push(*sign.key.wrong(message, "name the key that the certificate was made for"));
                }
                signers.insert(trunk.name.clone(), signer);
            }
            Err(problem) => problems.push(*problem),
        }
    }
    match problems.is_empty() {
        true => {
            let trust = Trust { authorities, certificates: known };
            Ok(((!server.stir.trust.is_empty()).then_some(trust), signers))
        }
        false => Err(problems),
    }
}

fn signer(folder: &Path, key: &NamedFile, url: &str) -> Result<Signer, Box<Problem>> {
    let text = String::from_utf8(octets(folder, key)?).unwrap_or_default();
    Signer::new(&text, url).ok_or_else(|| {
        let remedy = "make one with `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`";
        key.wrong(format!("`{}` holds no P-256 key", key.path), remedy)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, File};
    use rcgen::{CertificateParams, KeyPair};

    #[test]
    fn what_is_wrong_with_a_file_is_said_where_it_is_named() {
        let folder = std::env::temp_dir().join(format!("trunkline-stir-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(vec!["us".into()]).unwrap().self_signed(&key).unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        write("own.pem", &own.pem());
        write("key.pem", &key.serialize_pem());
        write("other.pem", &KeyPair::generate().unwrap().serialize_pem());
        let with = |key: &str, certificate: &str| {
            let text = format!(
                "[stir]\ntrust = [\"own.pem\"]\ncertificates = {{ \"https://a/b\" = \"{certificate}\" }}\n\
                 [[trunk]]\nname = \"t\"\nfrom = [\"auto\"]\nsign = {{ key = \"{key}\", certificate = \"https://a/b\" }}\n"
            );
            let file = File { name: "server.toml".into(), text };
            let server = config::server(&file).unwrap();
            load(&folder, &server).map_err(|p| p.iter().map(ToString::to_string).collect::<String>())
        };
        let (trust, signers) = with("key.pem", "own.pem").unwrap();
        assert_eq!((trust.unwrap().certificates.len(), signers.len()), (1, 1));
        let wrong = |key: &str, certificate: &str| with(key, certificate).unwrap_err();
        assert!(wrong("other.pem", "own.pem").contains("does not belong to https://a/b"));
        assert!(wrong("own.pem", "own.pem").contains("holds no P-256 key"));
        let missing = wrong("key.pem", "nowhere.pem");
        assert!(missing.contains("server.toml:3:") && missing.contains("cannot be read"), "{missing}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
