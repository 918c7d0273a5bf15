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

#[test]
fn what_is_wrong_with_what_a_trunk_is_shown_is_said_at_its_line() {
    let folder = Folder::new("trunk");
    folder.certify(2020, 2090);
    let trunk = |certificate: &str, key: &str| {
        let shown = format!("tls = {{ certificate = \"{certificate}\", key = \"{key}\" }}");
        folder.wrong(&format!("[[trunk]]\nname = \"t\"\nto = \"sips:h\"\n{shown}"))
    };
    assert_eq!(trunk("c.pem", "k.pem"), "");
    assert!(trunk("nowhere.pem", "k.pem").contains("server.toml:8:23: error: `nowhere.pem` cannot be read"));
    folder.write("other.pem", &KeyPair::generate().unwrap().serialize_pem());
    assert!(
        trunk("c.pem", "other.pem")
            .contains("the key `other.pem` does not belong to the certificate `c.pem`")
    );
    folder.write("old.key", &std::fs::read_to_string(folder.0.join("k.pem")).unwrap());
    folder.certify(2020, 2021);
    std::fs::rename(folder.0.join("c.pem"), folder.0.join("old.pem")).unwrap();
    folder.certify(2020, 2090);
    assert!(trunk("old.pem", "old.key").contains("`old.pem` has expired"));
}

#[test]
fn a_certificate_is_for_the_domains_of_its_sip_uris_or_else_for_its_names() {
    let key = KeyPair::generate().unwrap();
    let domains = |names: &[&str], uris: &[&str]| {
        let mut params =
            CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
        let uris = uris.iter().map(|uri| rcgen::SanType::URI((*uri).try_into().unwrap()));
        params.subject_alt_names.extend(uris);
        domains(Some(&[params.self_signed(&key).unwrap().der().clone()])).join(" ")
    };
    assert_eq!(domains(&["A.example", "b.example"], &[]), "a.example b.example");
    assert_eq!(domains(&["a.example"], &["sip:Carrier.example", "sip:me@c.example"]), "carrier.example");
    assert_eq!(
        domains(&["a.example"], &["sips:c.example", "https://d.example"]),
        "a.example",
        "no SIP domain"
    );
    assert_eq!(super::domains(None), Vec::<String>::new());
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
