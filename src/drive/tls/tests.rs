use super::*;
use crate::config::File;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use std::path::PathBuf;

/// A folder of its own, gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("trunkline-tls-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).unwrap();
    }

    /// Writes c.pem and k.pem, valid from year to year.
    fn certify(&self, from: i32, to: i32) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".into()]).unwrap();
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(to, 1, 1);
        self.write("c.pem", &params.self_signed(&key).unwrap().pem());
        self.write("k.pem", &key.serialize_pem());
    }

    /// What is wrong with a listener for which `more` stands in the configuration as well.
    fn wrong(&self, more: &str) -> String {
        let text = format!(
            "[[sip.listen]]\ntransport = \"tls\"\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n{more}\n"
        );
        let file = File { name: "server.toml".into(), text };
        let server = crate::config::server(&file).unwrap();
        match load(&self.0, &server) {
            Ok(_) => String::new(),
            Err(problems) => problems.iter().map(|p| format!("{p}\n")).collect(),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_certificate_with_its_key_is_taken() {
    let folder = Folder::new("good");
    folder.certify(2020, 2090);
    assert_eq!(folder.wrong(""), "");
    assert_eq!(folder.wrong("client_ca = \"c.pem\""), "");
}

#[test]
fn what_is_wrong_with_a_file_is_said_at_the_line_that_names_it() {
    let folder = Folder::new("bad");
    let says = |what: &str, line: usize, words: &str| {
        let said = folder.wrong("");
        assert!(said.starts_with(&format!("server.toml:{line}:")), "{what}: {said}");
        assert!(said.contains(words), "{what}: {said}");
        assert!(said.contains("\n  = "), "{what}: a remedy is named: {said}");
    };
    says("no file", 3, "cannot be read: No such file");
    folder.certify(2020, 2021);
    says("expired", 3, "has expired: 2021-01-01");
    folder.certify(2080, 2090);
    says("not yet", 3, "is not valid before 2080-01-01");
    folder.certify(2020, 2090);
    folder.write("k.pem", &KeyPair::generate().unwrap().serialize_pem());
    says("another key", 4, "does not belong to the certificate");
    folder.write("k.pem", "no key");
    says("no key", 4, "holds no private key");
    folder.write("c.pem", "no certificate");
    says("no certificate", 3, "holds no certificate");
}

/// A server that shows a certificate for 127.0.0.1, and a client that trusts it.
pub(in crate::drive) fn pair() -> (Acceptor, Connector) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".into()]).unwrap().self_signed(&key).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let server =
        ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    let server = server.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
    (Acceptor::new(Arc::new(server)), Connector::trusting(client(roots)))
}
