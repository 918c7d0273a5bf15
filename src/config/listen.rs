//! `[[sip.listen]]`: further addresses to listen on, with their transport and certificates.

use super::file::File;
use super::problem::Problem;
use crate::sip::{Transport, Uri};
use serde::Deserialize;
use std::net::IpAddr;
use toml::Spanned;

/// A host, with brackets if it is IPv6, and perhaps a port.
pub(crate) type Advertised = (String, Option<u16>);

/// One listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    pub transport: Transport,
    /// `None` stands for "auto": the machine's own address.
    pub address: Option<IpAddr>,
    pub port: u16,
    /// What public peers are told in place of the address.
    pub advertised: Option<Advertised>,
    /// For TLS and WSS.
    pub identity: Option<Identity>,
}

/// What a listener shows of itself, and asks of who connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub certificate: NamedFile,
    pub key: NamedFile,
    /// Clients must have a certificate that one of these signed.
    pub client_ca: Option<NamedFile>,
    /// They need not, but if they show one it must be such a one.
    pub client_optional: bool,
}

/// A file that the configuration names, for `drive` to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFile {
    /// As written; relative to the folder of the configuration.
    pub path: String,
    at: Box<Problem>,
}

impl NamedFile {
    pub(super) fn new(file: &File, path: Spanned<String>) -> NamedFile {
        let at = Box::new(file.error(path.span(), ""));
        NamedFile { path: path.into_inner(), at }
    }

    /// What is wrong with the file, at the place that names it.
    pub fn wrong(&self, message: String, remedy: &str) -> Box<Problem> {
        Box::new(Problem { message, ..(*self.at).clone() }.help(Some(remedy.to_owned())))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawListen {
    transport: Spanned<String>,
    address: Option<Spanned<String>>,
    port: Option<u16>,
    advertised: Option<Spanned<String>>,
    certificate: Option<Spanned<String>>,
    key: Option<Spanned<String>>,
    client_ca: Option<Spanned<String>>,
    client_optional: Option<Spanned<bool>>,
}

/// Checks one `[[sip.listen]]`.
pub(super) fn read(file: &File, raw: RawListen, problems: &mut Vec<Problem>) -> Option<Listen> {
    let at = raw.transport.span();
    let Some(transport) = Transport::of(raw.transport.get_ref()) else {
        let help = "write \"udp\", \"tcp\", \"tls\", \"ws\" or \"wss\"";
        problems.push(file.error(at, "not a transport").help(Some(help.into())));
        return None;
    };
    let address = match &raw.address {
        Some(address) => super::server::address(file, address, problems)?,
        None => None,
    };
    let advertised = raw.advertised.as_ref().and_then(|a| advertised(file, a, problems));
    let port = raw.port.unwrap_or(transport.port());
    let identity = identity(file, transport, raw, problems);
    Some(Listen { transport, address, port, advertised, identity })
}

fn identity(
    file: &File,
    transport: Transport,
    raw: RawListen,
    problems: &mut Vec<Problem>,
) -> Option<Identity> {
    let named = |path: Spanned<String>| NamedFile::new(file, path);
    let optional = raw.client_optional.filter(|optional| *optional.get_ref());
    if !transport.secure() {
        let files = [raw.certificate, raw.key, raw.client_ca].into_iter().flatten().map(|f| f.span());
        for extra in files.chain(optional.map(|o| o.span())) {
            let message = format!("{} is not encrypted: no certificate is shown", transport.name());
            let help = "take the line out, or set transport = \"tls\" or \"wss\"";
            problems.push(file.error(extra, message).help(Some(help.into())));
        }
        return None;
    }
    if let Some(optional) = optional.as_ref().filter(|_| raw.client_ca.is_none()) {
        let help = "add client_ca = \"FILE.pem\": who signs the certificates of clients";
        let message = "no certificate is asked for";
        problems.push(file.error(optional.span(), message).help(Some(help.into())));
    }
    match (raw.certificate, raw.key) {
        (Some(certificate), Some(key)) => Some(Identity {
            certificate: named(certificate),
            key: named(key),
            client_ca: raw.client_ca.map(named),
            client_optional: optional.is_some(),
        }),
        (certificate, _) => {
            let missing = if certificate.is_none() { "certificate" } else { "key" };
            let help = format!("add {missing} = \"FILE.pem\", relative to this folder");
            let message = format!("{} needs a {missing}", transport.name());
            problems.push(file.error(raw.transport.span(), message).help(Some(help)));
            None
        }
    }
}

/// Reads what peers are told in place of an address.
pub(super) fn advertised(
    file: &File,
    text: &Spanned<String>,
    problems: &mut Vec<Problem>,
) -> Option<Advertised> {
    let (s, ipv6) = (text.get_ref(), text.get_ref().parse::<std::net::Ipv6Addr>().is_ok());
    let uri = if ipv6 { format!("sip:[{s}]") } else { format!("sip:{s}") };
    match Uri::parse(&uri) {
        Ok(uri) if uri.user.is_none() && uri.params.is_empty() => {
            Some((uri.host_text().into_owned(), uri.port))
        }
        _ => {
            let help = "write it as \"203.0.113.7\", \"203.0.113.7:5061\" or \"sip.example.com\"";
            problems.push(file.error(text.span(), "not a host and port").help(Some(help.into())));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{File, Problem, Server, server};
    use crate::sip::Transport;

    fn read(text: &str) -> Result<Server, Vec<Problem>> {
        server(&File { name: "server.toml".into(), text: text.into() })
    }

    /// The problems as `trunkline check` prints them.
    fn wrong(text: &str) -> String {
        read(text).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_listener_is_read_with_its_files() {
        let server = read(
            "[sip]\naddresses = []\n[[sip.listen]]\ntransport = \"tls\"\naddress = \"::1\"\ncertificate = \"c.pem\"\n\
             key = \"k.pem\"\nadvertised = \"2001:db8::7\"\n[[sip.listen]]\ntransport = \"ws\"\nport = 8080\n",
        )
        .unwrap();
        let [tls, ws] = server.listen.as_slice() else { panic!("{:?}", server.listen) };
        assert_eq!((tls.transport, tls.port), (Transport::Tls, 5061));
        assert_eq!(tls.advertised, Some(("[2001:db8::7]".into(), None)));
        assert_eq!((ws.transport, ws.port, ws.address), (Transport::Ws, 8080, None));
        let problem = tls.identity.as_ref().unwrap().key.wrong("no such file".into(), "make one").to_string();
        assert!(problem.starts_with("server.toml:7:7: error: no such file"), "{problem}");
        assert!(problem.ends_with("= make one"), "{problem}");
    }

    #[test]
    fn what_cannot_be_is_said_with_place_and_remedy() {
        let listen = |more: &str| wrong(&format!("[[sip.listen]]\n{more}\n"));
        assert!(listen("transport = \"sctp\"").contains(":2:13: error: not a transport"));
        assert!(listen("transport = \"tls\"").contains("tls needs a certificate"));
        assert!(listen("transport = \"wss\"\ncertificate = \"c\"").contains("add key = "));
        assert!(listen("transport = \"tcp\"\nkey = \"c\"").contains(":3:7: error: tcp is not encrypted"));
        assert!(
            listen("transport = \"ws\"\nclient_optional = true")
                .contains(":3:19: error: ws is not encrypted")
        );
        let optional =
            listen("transport = \"tls\"\ncertificate = \"c\"\nkey = \"k\"\nclient_optional = true");
        assert!(optional.contains("no certificate is asked for"), "{optional}");
        assert!(listen("transport = \"udp\"\nadvertised = \"a b\"").contains("not a host and port"));
        assert!(
            wrong("[sip]\ndns = [\"ns.example\"]\n")
                .contains(":2:8: error: not the address of a name server")
        );
        assert!(wrong("[sip]\naddresses = []\n").contains("no address to listen on"));
    }
}
