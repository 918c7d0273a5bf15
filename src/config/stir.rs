//! `[stir]`: whose signatures of callers' numbers are believed; and `sign` of a `[[trunk]]`: with which key ours are signed.

use super::file::File;
use super::listen::NamedFile;
use super::problem::Problem;
use crate::sip::Attest;
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

/// Where certificates are that identities are verified with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stir {
    /// Who may sign certificates.
    pub trust: Vec<NamedFile>,
    /// Certificates by the address that identities name.
    pub certificates: Vec<(String, NamedFile)>,
}

/// How calls over a trunk are signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    pub key: NamedFile,
    /// Where others find the certificate.
    pub certificate: String,
    /// Of calls with a number of ours; others are signed as a gateway does (C).
    pub attest: Attest,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawStir {
    trust: Vec<Spanned<String>>,
    certificates: BTreeMap<Spanned<String>, Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSign {
    key: Spanned<String>,
    certificate: Spanned<String>,
    attest: Option<Attest>,
}

/// Checks `[stir]`.
pub(super) fn read(file: &File, raw: RawStir, problems: &mut Vec<Problem>) -> Stir {
    if let (true, Some((first, _))) = (raw.trust.is_empty(), raw.certificates.first_key_value()) {
        let help = "add trust = [\"FILE.pem\"] with the authorities that signed them";
        problems.push(
            file.error(first.span(), "certificates that nobody is trusted to sign").help(Some(help.into())),
        );
    }
    for url in raw.certificates.keys() {
        check_url(file, url, problems);
    }
    let certificates = raw.certificates.into_iter();
    Stir {
        trust: raw.trust.into_iter().map(|name| NamedFile::new(file, name)).collect(),
        certificates: certificates
            .map(|(url, name)| (url.into_inner(), NamedFile::new(file, name)))
            .collect(),
    }
}

/// Checks `sign` of a trunk.
pub(super) fn sign(file: &File, raw: RawSign, problems: &mut Vec<Problem>) -> Sign {
    check_url(file, &raw.certificate, problems);
    Sign {
        key: NamedFile::new(file, raw.key),
        certificate: raw.certificate.into_inner(),
        attest: raw.attest.unwrap_or(Attest::A),
    }
}

/// RFC 8224 §7.3: what Identity names is an address in the web.
fn check_url(file: &File, url: &Spanned<String>, problems: &mut Vec<Problem>) {
    let text = url.get_ref();
    let web = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    if !web.is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_graphic() && !b"<>\";".contains(&b))
    }) {
        let help = "write it as identities have it, such as \"https://certs.example/carrier.pem\"";
        problems.push(file.error(url.span(), "not the address of a certificate").help(Some(help.into())));
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{File, server};

    fn problem(text: &str) -> String {
        let file = File { name: "server.toml".into(), text: text.into() };
        server(&file).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn certificates_have_addresses_and_authorities() {
        let alone = problem("[stir]\ncertificates = { \"https://a/b\" = \"c.pem\" }\n");
        assert!(alone.contains("server.toml:2:18") && alone.contains("nobody is trusted"), "{alone}");
        let odd = problem("[stir]\ntrust = [\"ca.pem\"]\ncertificates = { \"a.pem\" = \"c.pem\" }\n");
        assert!(odd.contains("not the address of a certificate"), "{odd}");
        let sign = "[[trunk]]\nname = \"t\"\nfrom = [\"auto\"]\nsign = { key = \"k\", certificate = \"https://a\", attest = \"D\" }\n";
        assert!(problem(sign).contains("unknown variant `D`"), "{}", problem(sign));
        let require = "[[trunk]]\nname = \"t\"\nfrom = [\"auto\"]\nrequire_identity = true\n";
        assert!(problem(require).contains("no [stir] to verify"), "{}", problem(require));
    }
}
