//! Certificates, keys, and what TLS is spoken with (rustls with ring).
//!
//! In: the files that the configuration names. Out: what accepts and makes TLS connections, or a [`Problem`] at the place
//! that names the file: it cannot be read, holds no certificate or key, has expired, or the two do not belong together.
//! New files take effect with the next connection; those that are open go on ([`Acceptor::replace`]).

use crate::config::{Identity, NamedFile, Problem, Server};
use crate::sip::Uri;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::SystemTime;
use tokio_rustls::{TlsAcceptor, TlsConnector, rustls};
use x509_cert::der::Decode;

/// What one listener accepts TLS connections with.
#[derive(Debug, Clone)]
pub struct Acceptor(Arc<RwLock<Arc<ServerConfig>>>);

impl Acceptor {
    /// Shows the certificate of `config`.
    pub fn new(config: Arc<ServerConfig>) -> Acceptor {
        Acceptor(Arc::new(RwLock::new(config)))
    }

    /// Shows another certificate from the next connection on.
    pub fn replace(&self, config: Arc<ServerConfig>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = config;
    }

    pub(super) fn current(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// What connections that we make show, and whom they trust.
#[derive(Debug, Clone, Default)]
pub struct Clients {
    /// `None` trusts whom the system trusts.
    common: Option<Arc<ClientConfig>>,
    /// By the host that a certificate of ours is shown to, lower case.
    own: BTreeMap<String, Arc<ClientConfig>>,
}

/// Makes TLS connections.
#[derive(Debug, Clone, Default)]
pub struct Connector {
    clients: Arc<RwLock<Clients>>,
    /// What servers are called that were found by name (RFC 5922 §7.1); the others must show their address.
    names: Arc<Mutex<Vec<(SocketAddr, ServerName<'static>)>>>,
}

/// Servers that we connect to by TLS and know by name. Beyond, the oldest is forgotten, and must be looked up again.
const NAMES_MAX: usize = 256;

impl Connector {
    /// Trusts these alone.
    pub fn trusting(config: Arc<ClientConfig>) -> Connector {
        let connector = Connector::default();
        connector.replace(Clients { common: Some(config), own: BTreeMap::new() });
        connector
    }

    /// Shows and trusts others from the next connection on.
    pub fn replace(&self, clients: Clients) {
        *self.clients.write().unwrap_or_else(PoisonError::into_inner) = clients;
    }

    /// `remote` is to show a certificate for `name`.
    pub(super) fn expect(&self, remote: SocketAddr, name: &str) {
        let Ok(name) = ServerName::try_from(name.to_owned()) else { return };
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.retain(|(addr, _)| *addr != remote);
        if names.len() == NAMES_MAX {
            names.remove(0);
        }
        names.push((remote, name));
    }

    /// What connects to `remote`, and what it must be called.
    pub(super) fn towards(&self, remote: SocketAddr) -> (TlsConnector, ServerName<'static>) {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let known = names.iter().find(|(addr, _)| *addr == remote).map(|(_, name)| name.clone());
        let name = known.unwrap_or_else(|| remote.ip().into());
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        let config = clients.own.get(&name.to_str().to_ascii_lowercase()).or(clients.common.as_ref());
        (TlsConnector::from(config.cloned().unwrap_or_else(system)), name)
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn trusting(roots: RootCertStore) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    // ring has suites for all of the default versions.
    builder.unwrap_or_else(|_| ClientConfig::builder()).with_root_certificates(roots)
}

fn client(roots: RootCertStore) -> Arc<ClientConfig> {
    Arc::new(trusting(roots).with_no_client_auth())
}

/// Whom the system trusts. Certificates that cannot be read are not trusted.
fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// Trusts whom the system trusts; read when it is needed first.
fn system() -> Arc<ClientConfig> {
    static SYSTEM: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    SYSTEM.get_or_init(|| client(system_roots())).clone()
}

/// For services that are asked over HTTPS.
pub(super) fn https() -> TlsConnector {
    TlsConnector::from(system())
}

/// The SIP domains that a verified certificate is for (RFC 5922 §7.1), lower case: those of its sip URIs without a user, else
/// its DNS names. A wildcard is none (§7.2).
pub(super) fn domains(chain: Option<&[CertificateDer<'_>]>) -> Vec<String> {
    let own = chain.and_then(<[_]>::first).and_then(|own| webpki::EndEntityCert::try_from(own).ok());
    let Some(own) = own else { return Vec::new() };
    let uri = |uri: &str| {
        let uri = Uri::parse(uri).ok().filter(|uri| &*uri.scheme == "sip" && uri.user.is_none())?;
        Some(uri.host.to_ascii_lowercase())
    };
    let uris: Vec<String> = own.valid_uri_names().filter_map(uri).collect();
    match uris.is_empty() {
        true => own.valid_dns_names().map(str::to_ascii_lowercase).collect(),
        false => uris,
    }
}

/// What all of a server's listeners show, and whom it trusts, from the files that its configuration names.
#[derive(Debug)]
pub struct Material {
    /// One for each `[[sip.listen]]`, in order; none for those that are not encrypted.
    pub listeners: Vec<Option<Arc<ServerConfig>>>,
    /// What connections show and trust.
    pub clients: Clients,
}

/// Reads and checks every file that the configuration in `folder` names.
///
/// # Errors
/// All that is wrong, at the places that name the files.
pub fn load(folder: &Path, server: &Server) -> Result<Material, Vec<Problem>> {
    let (mut listeners, mut problems) = (Vec::new(), Vec::new());
    for listen in &server.listen {
        let Some(identity) = &listen.identity else {
            listeners.push(None);
            continue;
        };
        match server_config(folder, identity) {
            Ok(config) => listeners.push(Some(Arc::new(config))),
            Err(problem) => problems.push(*problem),
        }
    }
    let clients = clients(folder, server, &mut problems);
    match problems.is_empty() {
        true => Ok(Material { listeners, clients }),
        false => Err(problems),
    }
}

fn clients(folder: &Path, server: &Server, problems: &mut Vec<Problem>) -> Clients {
    let mut read = |trusted: Result<RootCertStore, Box<Problem>>| {
        trusted.map_err(|problem| problems.push(*problem)).unwrap_or_else(|()| RootCertStore::empty())
    };
    let trusted = server.ca.as_ref().map(|ca| read(roots(folder, ca)));
    let mut own = BTreeMap::new();
    for trunk in &server.trunks {
        let (Some((certificate, key)), Some(to)) = (&trunk.certificate, &trunk.to) else { continue };
        let shown = shown(folder, certificate, key).and_then(|(chain, secret)| {
            let builder = trusting(trusted.clone().unwrap_or_else(system_roots));
            builder.with_client_auth_cert(chain, secret).map_err(|e| unusable(certificate, key, &e))
        });
        match (shown, Uri::parse(to)) {
            (Ok(config), Ok(to)) => {
                own.insert(to.host.to_ascii_lowercase(), Arc::new(config));
            }
            (Ok(_), Err(_)) => {}
            (Err(problem), _) => problems.push(*problem),
        }
    }
    Clients { common: trusted.map(client), own }
}

/// A certificate that is valid now, and its key.
fn shown(
    folder: &Path,
    certificate: &NamedFile,
    key: &NamedFile,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Box<Problem>> {
    let chain = certificates(folder, certificate)?;
    valid_now(certificate, &chain)?;
    Ok((chain, self::key(folder, key)?))
}

/// Why rustls does not take the two.
fn unusable(certificate: &NamedFile, key: &NamedFile, error: &rustls::Error) -> Box<Problem> {
    match error {
        rustls::Error::InconsistentKeys(_) => key.wrong(
            format!("the key `{}` does not belong to the certificate `{}`", key.path, certificate.path),
            "name the key that the certificate was made for; the first certificate in the file must be our own",
        ),
        other => certificate.wrong(
            format!("`{}` cannot be used: {other}", certificate.path),
            "name a PEM file with our own certificate first, and then those that signed it",
        ),
    }
}

fn server_config(folder: &Path, identity: &Identity) -> Result<ServerConfig, Box<Problem>> {
    let named = &identity.certificate;
    let (chain, key) = shown(folder, named, &identity.key)?;
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|e| named.wrong(format!("TLS: {e}"), "report this"))?;
    let builder = match &identity.client_ca {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let roots = Arc::new(roots(folder, ca)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
            let verifier = match identity.client_optional {
                true => verifier.allow_unauthenticated().build(),
                false => verifier.build(),
            };
            let wrong =
                |e| ca.wrong(format!("`{}` cannot be used: {e}", ca.path), "name a file of CA certificates");
            builder.with_client_cert_verifier(verifier.map_err(wrong)?)
        }
    };
    builder.with_single_cert(chain, key).map_err(|e| unusable(named, &identity.key, &e))
}

pub(super) fn octets(folder: &Path, named: &NamedFile) -> Result<Vec<u8>, Box<Problem>> {
    std::fs::read(folder.join(&named.path)).map_err(|e| {
        let remedy =
            "paths are relative to the folder of this file; the server's own user must be able to read it";
        named.wrong(format!("`{}` cannot be read: {e}", named.path), remedy)
    })
}

pub(super) fn certificates(
    folder: &Path,
    named: &NamedFile,
) -> Result<Vec<CertificateDer<'static>>, Box<Problem>> {
    let octets = octets(folder, named)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&octets).collect();
    let chain = chain.ok().filter(|c| !c.is_empty());
    chain.ok_or_else(|| {
        let remedy = "a PEM file is wanted, with -----BEGIN CERTIFICATE-----";
        named.wrong(format!("`{}` holds no certificate", named.path), remedy)
    })
}

fn key(folder: &Path, named: &NamedFile) -> Result<PrivateKeyDer<'static>, Box<Problem>> {
    PrivateKeyDer::from_pem_slice(&octets(folder, named)?).map_err(|_| {
        let remedy = "a PEM file is wanted, with -----BEGIN PRIVATE KEY----- and without a pass phrase";
        named.wrong(format!("`{}` holds no private key", named.path), remedy)
    })
}

fn roots(folder: &Path, named: &NamedFile) -> Result<RootCertStore, Box<Problem>> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(folder, named)?);
    if roots.is_empty() {
        let remedy = "name a PEM file of CA certificates";
        return Err(named.wrong(format!("`{}` holds no usable certificate", named.path), remedy));
    }
    Ok(roots)
}

/// The server's own certificate, the first, must be valid at this moment.
pub(super) fn valid_now(named: &NamedFile, chain: &[CertificateDer<'_>]) -> Result<(), Box<Problem>> {
    let own = chain.first().and_then(|c| x509_cert::Certificate::from_der(c).ok());
    let Some(own) = own else {
        let message = format!("the first certificate in `{}` cannot be read", named.path);
        return Err(named.wrong(message, "make it anew, as an X.509 certificate of version 3"));
    };
    let validity = own.tbs_certificate().validity();
    let now = SystemTime::now();
    let day = |time: &x509_cert::time::Time| time.to_date_time().to_string();
    if validity.not_after.to_system_time() < now {
        let message = format!("the certificate `{}` has expired: {}", named.path, day(&validity.not_after));
        return Err(named.wrong(message, "put a new one in its place, and `trunkline reload`"));
    }
    if validity.not_before.to_system_time() > now {
        let from = day(&validity.not_before);
        let message = format!("the certificate `{}` is not valid before {from}", named.path);
        return Err(named.wrong(message, "wait, or see whether this machine's clock is right"));
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests;
