//! `srtp`: whether audio is encrypted, and whether its keys can be read on the way.

use super::file::File;
use super::problem::Problem;
use super::server::Server;
use crate::base::SrtpPolicy;
use crate::sip::Transport;
use toml::Spanned;

impl Server {
    /// Whether audio over the trunk of this name, or with anybody else, is encrypted.
    pub fn srtp_over(&self, trunk: Option<&str>) -> SrtpPolicy {
        trunk.and_then(|name| self.trunk(name)?.srtp).unwrap_or(self.srtp)
    }

    /// True if somebody may come over TLS.
    pub fn hears_secretly(&self) -> bool {
        self.listen.iter().any(|l| matches!(l.transport, Transport::Tls | Transport::Wss))
    }
}

/// A warning if keys would be sent for everybody on the way to read.
pub(super) fn in_the_open(file: &File, srtp: &Spanned<SrtpPolicy>, problems: &mut Vec<Problem>) {
    if *srtp.get_ref() != SrtpPolicy::Off {
        let help = "its keys stand in SIP messages (RFC 4568 §7): use TLS, for phones with transport = \"tls\" or \
                    \"wss\" in [[sip.listen]], for a trunk with to = \"sip:carrier.example;transport=tls\"";
        let message = "SRTP over a transport that is not encrypted keeps nothing secret";
        problems.push(file.error(srtp.span(), message).help(Some(help.into())).warning());
    }
}

/// That of a trunk, where it says so.
pub(super) fn of_trunk(
    file: &File,
    srtp: Option<&Spanned<SrtpPolicy>>,
    to: Option<&str>,
    hears_secretly: bool,
    problems: &mut Vec<Problem>,
) -> Option<SrtpPolicy> {
    let srtp = srtp?;
    if !to.map_or(hears_secretly, is_secret) {
        in_the_open(file, srtp, problems);
    }
    Some(*srtp.get_ref())
}

/// True if calls go there by TLS.
fn is_secret(uri: &str) -> bool {
    let uri = uri.to_ascii_lowercase();
    uri.starts_with("sips:") || ["tls", "wss"].iter().any(|t| uri.contains(&format!(";transport={t}")))
}

#[cfg(test)]
mod tests {
    use super::super::server::read;
    use super::*;

    /// What `server.toml` comes to, and what is said of SRTP in it.
    fn read_toml(text: &str) -> (Option<Server>, Vec<String>) {
        let mut problems = Vec::new();
        let server = read(&File { name: "server.toml".into(), text: text.into() }, &mut problems);
        (server, problems.iter().map(ToString::to_string).filter(|p| p.contains("srtp")).collect())
    }

    #[test]
    fn a_trunk_has_its_own_or_that_of_all() {
        let text = "[media]\nsrtp = \"required\"\n[[trunk]]\nname = \"a\"\nfrom = [\"192.0.2.1\"]\nsrtp = \"off\"\n\
                    [[trunk]]\nname = \"b\"\nfrom = [\"192.0.2.2\"]\n";
        let server = read_toml(text).0.unwrap();
        let over = |trunk| server.srtp_over(trunk);
        assert_eq!(
            [over(Some("a")), over(Some("b")), over(None)],
            [SrtpPolicy::Off, SrtpPolicy::Required, SrtpPolicy::Required]
        );
        assert_eq!(read_toml("").0.unwrap().srtp, SrtpPolicy::Optional);
        assert!(read_toml("[media]\nsrtp = \"on\"\n").1.concat().contains("`off`, `optional`"));
    }

    #[test]
    fn keys_that_anybody_on_the_way_can_read_are_warned_of() {
        let trunk = |more: &str| read_toml(&format!("[[trunk]]\nname = \"a\"\n{more}\n")).1.len();
        assert_eq!(trunk("to = \"sip:h\"\nsrtp = \"required\""), 1);
        assert_eq!(trunk("to = \"sip:h;transport=tls\"\nsrtp = \"required\""), 0);
        assert_eq!(trunk("to = \"sips:h\"\nsrtp = \"optional\""), 0);
        assert_eq!(trunk("to = \"sip:h\"\nsrtp = \"off\""), 0);
        let (_, warned) = read_toml("[media]\nsrtp = \"optional\"\n");
        assert!(warned[0].contains("server.toml:2:8: warning: SRTP over"), "{warned:?}");
        let tls = "[[sip.listen]]\ntransport = \"tls\"\ncertificate = \"c\"\nkey = \"k\"\n[media]\nsrtp = \"required\"\n";
        assert!(read_toml(tls).1.is_empty());
    }
}
