//! TLS on the wire: baresip's OpenSSL and rustls as clients, certificates that change while calls go on.

use super::baresip::{Baresip, have_baresip, hear_each_other};
use super::server::{Server, have, record};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, Stream};
use trunkline::call::Result as Ending;

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A folder with an authority and what it has signed; gone with the test.
pub(crate) struct Authority {
    folder: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let n = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tls-{}-{n}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, format!("authority {n}"));
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = Authority { folder, issuer };
        fs::write(authority.path("ca.pem"), authority.issuer.pem()).unwrap();
        authority.certify("server", 2090);
        authority
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes NAME.pem and NAME.key, for 127.0.0.1, valid until the year.
    fn certify(&self, name: &str, until: i32) {
        self.certify_as(name, "127.0.0.1", until);
    }

    /// The same for an address, a name, or a SIP URI.
    pub(crate) fn certify_as(&self, name: &str, subject: &str, until: i32) {
        let key = KeyPair::generate().unwrap();
        let named = if subject.starts_with("sip:") { vec![] } else { vec![subject.to_owned()] };
        let mut params = CertificateParams::new(named).unwrap();
        if subject.starts_with("sip:") {
            params.subject_alt_names.push(rcgen::SanType::URI(subject.try_into().unwrap()));
        }
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
        fs::write(self.path(&format!("{name}.pem")), certificate.pem()).unwrap();
    }

    /// A listener that shows server.pem on any port of 127.0.0.1, for server.toml.
    pub(crate) fn listen(&self, transport: &str) -> String {
        let (certificate, key) = (self.path("server.pem"), self.path("server.key"));
        format!(
            "[[sip.listen]]\ntransport = \"{transport}\"\naddress = \"127.0.0.1\"\nport = 0\n\
             certificate = \"{}\"\nkey = \"{}\"\n",
            certificate.display(),
            key.display()
        )
    }

    /// A connection of a client who trusts only this authority.
    pub(crate) async fn connect(&self, server: SocketAddr) -> TlsStream<tokio::net::TcpStream> {
        let config = ClientConfig::builder().with_root_certificates(self.roots()).with_no_client_auth();
        let tcp = tokio::net::TcpStream::connect(server).await.unwrap();
        TlsConnector::from(Arc::new(config)).connect(server.ip().into(), tcp).await.unwrap()
    }

    /// What a client is answered who trusts only this authority: 200 for OPTIONS, or why not.
    pub(crate) fn options(&self, server: SocketAddr, own: Option<&str>) -> Result<String, String> {
        self.ask(server, own, "OPTIONS", "")
    }

    /// The first line of what a client is answered, but for a 100, who shows this certificate.
    pub(crate) fn ask(
        &self,
        server: SocketAddr,
        own: Option<&str>,
        method: &str,
        sdp: &str,
    ) -> Result<String, String> {
        let config = ClientConfig::builder().with_root_certificates(self.roots());
        let config = match own {
            None => config.with_no_client_auth(),
            Some(name) => {
                let (certificate, key) = self.pair(name);
                config.with_client_auth_cert(vec![certificate], key).unwrap()
            }
        };
        let mut tls = ClientConnection::new(Arc::new(config), server.ip().into()).unwrap();
        let mut tcp = TcpStream::connect(server).unwrap();
        tcp.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
        let own = tcp.local_addr().unwrap();
        let mut stream = Stream::new(&mut tls, &mut tcp);
        let request = format!(
            "{method} sip:12345@{server};transport=tls SIP/2.0\r\nVia: SIP/2.0/TLS {own};branch=z9hG4bKo;rport\r\n\
             From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: o-{own}\r\nCSeq: 1 {method}\r\nContact: <sip:a@{own}>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            sdp.len()
        );
        stream.write_all(request.as_bytes()).map_err(|e| e.to_string())?;
        let (mut octets, mut answer) = ([0; 4096], String::new());
        loop {
            let n = stream.read(&mut octets).map_err(|e| e.to_string())?;
            answer += &String::from_utf8_lossy(&octets[..n]);
            let said = answer.lines().find(|l| l.starts_with("SIP/2.0 ") && !l.starts_with("SIP/2.0 100"));
            if let Some(said) = said {
                return Ok(said.to_owned());
            }
            if n == 0 {
                return Err("the connection was closed".into());
            }
        }
    }

    /// Whoever trusts only this authority.
    pub(crate) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        roots
    }

    pub(crate) fn pair(&self, name: &str) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let certificate = CertificateDer::from_pem_file(self.path(&format!("{name}.pem"))).unwrap();
        (certificate, PrivateKeyDer::from_pem_file(self.path(&format!("{name}.key"))).unwrap())
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The sample server with more listeners.
pub(crate) fn start(listeners: &str) -> Server {
    Server::start(&[("[media]", &format!("{listeners}\n[media]"))])
}

/// A caller by TCP and an agent by TLS, talking.
fn talking(server: &Server, authority: &Authority) -> [Baresip; 2] {
    let tls = format!("{};transport=tls", server.at("TLS"));
    let more = format!("sip_cafile {}", authority.path("ca.pem").display());
    let agent = Baresip::start_over(server, "agent", Some("1001"), &tls, &more);
    server.wait_state("1001", "ready");
    let tcp = format!("{};transport=tcp", server.sip);
    let caller = Baresip::start_over(server, "caller", None, &tcp, "");
    caller.choose(server, &format!("sip:12345@{tcp}"));
    agent.wait_event("CALL_INCOMING");
    agent.command("accept", "");
    caller.wait_event("CALL_ESTABLISHED");
    server.wait_log("Bridged");
    [caller, agent]
}

#[test]
fn a_baresip_agent_registers_and_is_called_over_tls_by_a_caller_over_tcp() {
    if !have_baresip() {
        return;
    }
    let authority = Authority::new();
    let server = start(&authority.listen("tls"));
    let [caller, agent] = talking(&server, &authority);
    std::thread::sleep(Duration::from_secs(6));
    agent.command("hangup", "");
    let cdr = record(&server);
    assert_eq!((cdr.result, cdr.agent.as_deref()), (Ending::Connected, Some("1001")));
    hear_each_other(caller, agent);
    server.wait_state("1001", "offline");
}

#[test]
fn a_new_certificate_is_shown_after_reload_and_the_call_goes_on() {
    if !have_baresip() {
        return;
    }
    let (old, new) = (Authority::new(), Authority::new());
    let server = start(&old.listen("tls"));
    let at = server.at("TLS");
    let [caller, agent] = talking(&server, &old);
    for ending in ["pem", "key"] {
        let name = format!("server.{ending}");
        fs::copy(new.path(&name), old.path(&name)).unwrap();
    }
    assert_eq!(old.options(at, None).as_deref(), Ok("SIP/2.0 200 OK"), "nothing changes before the reload");
    server.command(&["reload"]);
    server.wait_log("dialplans reloaded");
    assert_eq!(new.options(at, None).as_deref(), Ok("SIP/2.0 200 OK"));
    assert!(old.options(at, None).is_err(), "the old one is not shown any more");

    // A bad one changes nothing, and is said with its place.
    new.certify("expired", 2021);
    fs::copy(new.path("expired.pem"), old.path("server.pem")).unwrap();
    fs::copy(new.path("expired.key"), old.path("server.key")).unwrap();
    let said = server.command(&["reload"]);
    assert!(said.contains("server.toml:") && said.contains("has expired: 2021-01-01"), "{said}");
    assert!(server.command(&["check"]).contains("has expired"));
    assert_eq!(new.options(at, None).as_deref(), Ok("SIP/2.0 200 OK"));

    std::thread::sleep(Duration::from_secs(6));
    caller.command("hangup", "");
    assert_eq!(record(&server).result, Ending::Connected, "the call has seen nothing of it");
    hear_each_other(caller, agent);
}

#[test]
fn clients_without_a_certificate_are_turned_away_where_one_is_wanted() {
    if !have("espeak-ng", "espeak-ng") {
        return;
    }
    let authority = Authority::new();
    authority.certify("client", 2090);
    let ca = format!("client_ca = \"{}\"\n", authority.path("ca.pem").display());
    let server = start(&(authority.listen("tls") + &ca));
    let at = server.at("TLS");
    assert!(authority.options(at, None).is_err());
    assert_eq!(authority.options(at, Some("client")).as_deref(), Ok("SIP/2.0 200 OK"));
}

#[test]
fn our_own_caller_calls_over_tls() {
    if !have("espeak-ng", "espeak-ng") {
        return;
    }
    let authority = Authority::new();
    let server = start(&authority.listen("tls"));
    let call = |trusted: &str| {
        std::process::Command::new(env!("CARGO_BIN_EXE_trunkline"))
            .args(["call", &format!("sips:12345@{}", server.at("TLS")), "--stay", "1"])
            .env("SSL_CERT_FILE", authority.path(trusted))
            .output()
            .unwrap()
    };
    let out = call("ca.pem");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(record(&server).result, Ending::LeftInDialog);
    let stranger = Authority::new();
    fs::copy(stranger.path("ca.pem"), authority.path("other.pem")).unwrap();
    assert!(!call("other.pem").status.success(), "the server is not who it says it is");
}
