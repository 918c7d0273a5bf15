//! `tls` of a `[[trunk]]`: who it must prove to be, and what we show it.

use super::super::file::File;
use super::super::listen::NamedFile;
use super::super::problem::Problem;
use super::super::server::Server;
use super::{RawTrunk, Trunk};
use crate::sip::Uri;
use serde::Deserialize;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTls {
    #[serde(default)]
    identity: Vec<Spanned<String>>,
    certificate: Option<Spanned<String>>,
    key: Option<Spanned<String>>,
}

/// What it says.
#[derive(Default)]
pub(super) struct Tls {
    pub(super) domains: Vec<String>,
    pub(super) certificate: Option<(NamedFile, NamedFile)>,
}

/// Checks it. Nobody shows a certificate who is not asked for one.
pub(super) fn read(
    file: &File,
    raw: &RawTrunk,
    others: &[Trunk],
    server: &Server,
    problems: &mut Vec<Problem>,
) -> Tls {
    let Some(tls) = &raw.tls else { return Tls::default() };
    let mut domains = Vec::new();
    for text in &tls.identity {
        let Some(domain) = domain(text.get_ref()) else {
            let help = "write it as \"carrier.example\": its certificate has it as sip:carrier.example or as a DNS name";
            problems.push(file.error(text.span(), "not a SIP domain").help(Some(help.into())));
            continue;
        };
        if let Some(other) = others.iter().find(|t| t.domains.contains(&domain)) {
            let message = format!("trunk `{}` has the identity `{domain}` already", other.name);
            problems.push(file.error(text.span(), message));
        }
        domains.push(domain);
    }
    let asks = server.listen.iter().filter_map(|l| l.identity.as_ref()).any(|i| i.client_ca.is_some());
    if let Some(first) = tls.identity.first().filter(|_| !asks && raw.to.is_none()) {
        let help = "add client_ca = \"FILE.pem\" to a [[sip.listen]] with transport = \"tls\"";
        let message = "no listener asks for the certificate that would show it";
        problems.push(file.error(first.span(), message).help(Some(help.into())));
    }
    Tls { domains, certificate: certificate(file, tls, raw.to.as_ref(), others, problems) }
}

/// A domain, as a name or as a SIP URI without a user.
fn domain(text: &str) -> Option<String> {
    let uri = format!("sip:{}", text.strip_prefix("sip:").unwrap_or(text));
    let uri = Uri::parse(&uri).ok()?;
    let bare = uri.user.is_none() && uri.port.is_none() && uri.params.is_empty() && !uri.host.contains('*');
    bare.then(|| uri.host.to_ascii_lowercase())
}

/// Certificate and key: both or neither, for somebody whom we connect to.
fn certificate(
    file: &File,
    tls: &RawTls,
    to: Option<&Spanned<String>>,
    others: &[Trunk],
    problems: &mut Vec<Problem>,
) -> Option<(NamedFile, NamedFile)> {
    let mut wrong = |at: &Spanned<String>, message: String, help: &str| {
        problems.push(file.error(at.span(), message).help(Some(help.to_owned())));
        None
    };
    let (certificate, key) = match (&tls.certificate, &tls.key) {
        (None, None) => return None,
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(one), None) => {
            return wrong(one, "a certificate without its key".into(), "add key = \"FILE.pem\"");
        }
        (None, Some(one)) => {
            return wrong(one, "a key without a certificate".into(), "add certificate = \"FILE.pem\"");
        }
    };
    let Some(to) = to else {
        let help = "add to = \"sips:carrier.example\"";
        return wrong(certificate, "there is nobody to show the certificate to".into(), help);
    };
    let host = |to: &str| Uri::parse(to).ok().map(|uri| uri.host.to_ascii_lowercase());
    let same = |t: &&Trunk| t.to.as_deref().and_then(host) == host(to.get_ref());
    let named = (NamedFile::new(file, certificate.clone()), NamedFile::new(file, key.clone()));
    if let Some(other) =
        others.iter().find(|t| same(t) && t.certificate.as_ref().is_some_and(|c| *c.0.path != named.0.path))
    {
        let message = format!("trunk `{}` shows another certificate to the same host", other.name);
        return wrong(certificate, message, "show one host one certificate");
    }
    Some(named)
}
