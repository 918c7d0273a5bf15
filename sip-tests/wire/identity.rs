//! Trunks that prove by TLS who they are, and to which we do.

use super::server::{Server, have};
use super::tls::Authority;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ServerConfig, ServerConnection, Stream};

const OFFER: &str =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";

#[test]
fn a_trunk_with_an_identity_calls_with_its_certificate_and_is_refused_without() {
    if !have("espeak-ng", "espeak-ng") {
        return;
    }
    let authority = Authority::new();
    authority.certify_as("carrier", "sip:carrier.example", 2090);
    authority.certify_as("other", "other.example", 2090);
    let ca = format!("client_ca = \"{}\"\nclient_optional = true\n", authority.path("ca.pem").display());
    let networks = "\"192.168.0.0/16\"]";
    let trunk = format!("{networks}\ntls = {{ identity = [\"carrier.example\"] }}\n");
    let listen = format!("{}{ca}\n[media]", authority.listen("tls"));
    let server = Server::start_without_model(&[("[media]", &listen), (networks, &trunk)]);
    let at = server.at("TLS");
    let invite = |own| authority.ask(at, own, "INVITE", OFFER);
    assert_eq!(invite(None).as_deref(), Ok("SIP/2.0 403 Not from a known trunk"));
    assert_eq!(invite(Some("other")).as_deref(), Ok("SIP/2.0 403 Not from a known trunk"));
    assert_eq!(invite(Some("carrier")).as_deref(), Ok("SIP/2.0 180 Ringing"));
}

#[test]
fn a_trunk_is_shown_our_certificate_and_one_that_does_not_belong_to_its_key_is_named() {
    if !have("espeak-ng", "espeak-ng") {
        return;
    }
    let authority = Authority::new();
    authority.certify_as("us", "us.example", 2090);
    let roots = Arc::new(authority.roots());
    let (certificate, key) = authority.pair("server");
    let config = ServerConfig::builder()
        .with_client_cert_verifier(WebPkiClientVerifier::builder(roots).build().unwrap())
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let carrier = TcpListener::bind("127.0.0.1:0").unwrap();
    let file = |name: &str| authority.path(name).display().to_string();
    let trunk = |key: &str| {
        format!(
            "[[trunk]]\nname = \"carrier\"\nto = \"sips:{}\"\noptions_s = 5\n\
             tls = {{ certificate = \"{}\", key = \"{}\" }}\n[sip]\nca = \"{}\"\n",
            carrier.local_addr().unwrap(),
            file("us.pem"),
            file(key),
            file("ca.pem")
        )
    };
    let server = Server::start_without_model(&[("[sip]\n", &trunk("us.key"))]);
    let (mut tcp, _) = carrier.accept().unwrap();
    tcp.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut tls = ServerConnection::new(Arc::new(config)).unwrap();
    let mut octets = [0; 4096];
    let n = Stream::new(&mut tls, &mut tcp).read(&mut octets).unwrap();
    let text = String::from_utf8_lossy(&octets[..n]).into_owned();
    assert!(text.starts_with("OPTIONS sips:127.0.0.1:"), "{text}");
    assert_eq!(tls.peer_certificates().unwrap()[0], authority.pair("us").0, "our own is shown");
    let fields = ["Via", "From", "To", "Call-ID", "CSeq"];
    let fields: String = text
        .lines()
        .filter(|l| fields.iter().any(|f| l.starts_with(&format!("{f}:"))))
        .map(|l| format!("{l}\r\n"))
        .collect();
    let ok = format!("SIP/2.0 200 OK\r\n{fields}Content-Length: 0\r\n\r\n");
    Stream::new(&mut tls, &mut tcp).write_all(ok.as_bytes()).unwrap();
    std::fs::copy(authority.path("server.key"), authority.path("us.key")).unwrap();
    let said = server.command(&["check"]);
    assert!(said.contains("server.toml:") && said.contains("does not belong to the certificate"), "{said}");
}
