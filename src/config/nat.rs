//! Behind NAT: which peers are told which address of ours, in SIP and in descriptions of media.
//!
//! | the peer                                             | SIP (Via, Contact)            | media (SDP)                                  |
//! |------------------------------------------------------|-------------------------------|----------------------------------------------|
//! | in `from` of a trunk that has `advertised`           | that                          | that, if it is an address                    |
//! | public                                               | `advertised` of the listener, else of `[sip]` | of `[media]`, else the same, if it is an address |
//! | private (RFC 1918, 4193, 6598), link-local, loopback | our own address               | our own address                              |
//!
//! A number outside is called before its trunk's servers are located: where `to` is a name, it counts as public.

use super::file::File;
use super::listen::{Advertised, advertised};
use super::problem::Problem;
use super::server::Server;
use super::trunk::Trunk;
use crate::sip::{Flow, SeenAs, Uri, is_public};
use std::net::IpAddr;
use toml::Spanned;

/// What a trunk is told in place of what the others are: `None` stands for our own address.
pub(super) type Told = Option<Advertised>;

/// Reads `advertised` of a trunk, which needs networks to be known by.
pub(super) fn told(
    file: &File,
    text: &Spanned<String>,
    networks: bool,
    problems: &mut Vec<Problem>,
) -> Option<Told> {
    if !networks {
        let help = "add from = [\"192.0.2.0/24\"]: the networks that are told so";
        let message = "what a trunk is told needs its networks";
        problems.push(file.error(text.span(), message).help(Some(help.into())));
    }
    match text.get_ref().as_str() {
        "own" => Some(None),
        _ => advertised(file, text, problems).map(Some),
    }
}

/// The address that `[media]` names.
pub(super) fn address(file: &File, text: &Spanned<String>, problems: &mut Vec<Problem>) -> Option<IpAddr> {
    let parsed = text.get_ref().parse().ok();
    if parsed.is_none() {
        let help =
            "write the public IPv4 or IPv6 address that audio is to be sent to, such as \"203.0.113.7\"";
        problems.push(file.error(text.span(), "not an IP address").help(Some(help.into())));
    }
    parsed
}

/// What `[sip]` advertises says nothing of media if it is a name and `[media]` has no address.
pub(super) fn not_of_media(
    file: &File,
    text: &Spanned<String>,
    read: Option<&Advertised>,
    problems: &mut Vec<Problem>,
) {
    if read.is_some_and(|(host, _)| host.trim_matches(['[', ']']).parse::<IpAddr>().is_err()) {
        let help = "add advertised = \"203.0.113.7\" to [media]: the address that the name stands for";
        let message = "a name says nothing of where audio goes: peers are told our own address";
        problems.push(file.error(text.span(), message).help(Some(help.into())).warning());
    }
}

impl Server {
    /// What some networks are told, for SIP.
    pub fn seen_as(&self) -> Vec<SeenAs> {
        let told = |t: &Trunk| Some(SeenAs { nets: t.from.clone(), advertised: t.advertised.clone()? });
        self.trunks.iter().filter_map(told).collect()
    }

    /// The address that the peer of `flow` is to send its audio to, in place of our own.
    pub fn media_seen(&self, flow: Flow) -> Option<IpAddr> {
        let (local, remote) = (flow.local.ip(), flow.remote.ip());
        match self.trunks.iter().find(|t| t.advertised.is_some() && t.covers(remote, local)) {
            Some(trunk) => self.media_seen_over(trunk, local),
            None => self.media_advertised(local).filter(|_| is_public(remote)),
        }
    }

    /// The same for a number that is called over `trunk` from our address `local`.
    pub fn media_seen_over(&self, trunk: &Trunk, local: IpAddr) -> Option<IpAddr> {
        match &trunk.advertised {
            Some(None) => None,
            Some(Some((host, _))) => literal(host, local).or_else(|| self.media_advertised(local)),
            None => {
                let to = trunk.to.as_deref().and_then(|to| Uri::parse(to).ok()?.ip());
                self.media_advertised(local).filter(|_| to.is_none_or(is_public))
            }
        }
    }

    /// What public peers are told of our address `local`.
    fn media_advertised(&self, local: IpAddr) -> Option<IpAddr> {
        let listener = self.listen.iter().find(|l| l.address == Some(local) && l.advertised.is_some());
        let own = listener.and_then(|l| l.advertised.as_ref());
        let same = |ip: &IpAddr| ip.is_ipv4() == local.is_ipv4();
        let media = self.media_advertised.filter(same);
        media.or_else(|| literal(&own.or(self.advertised.as_ref())?.0, local))
    }
}

/// An advertised host that is an address of the family of `like`.
fn literal(host: &str, like: IpAddr) -> Option<IpAddr> {
    let ip: IpAddr = host.trim_matches(['[', ']']).parse().ok()?;
    (ip.is_ipv4() == like.is_ipv4()).then_some(ip)
}

#[cfg(test)]
mod tests {
    use super::super::{File, server};
    use crate::sip::{Flow, Transport};

    fn flow(remote: &str) -> Flow {
        let at = |ip: &str| (ip.parse::<std::net::IpAddr>().unwrap(), 5060).into();
        Flow { transport: Transport::Udp, local: at("10.0.0.1"), remote: at(remote) }
    }

    #[test]
    fn public_peers_send_audio_to_the_advertised_address_and_neighbours_to_our_own() {
        let read = |text: &str| server(&File { name: "server.toml".into(), text: text.into() }).unwrap();
        let trunks = "[[trunk]]\nname = \"line\"\nfrom = [\"198.51.100.0/24\"]\nadvertised = \"own\"\nto = \"sip:a.example\"\n\
            [[trunk]]\nname = \"vpn\"\nfrom = [\"10.8.0.0/16\"]\nadvertised = \"192.0.2.9\"\n\
            [[trunk]]\nname = \"near\"\nto = \"sip:10.0.0.9\"\n[[trunk]]\nname = \"far\"\nto = \"sip:b.example\"\n";
        let s = read(&format!("[sip]\nadvertised = \"203.0.113.7:5080\"\n{trunks}"));
        let seen = |remote: &str| s.media_seen(flow(remote)).map(|ip| ip.to_string()).unwrap_or_default();
        assert_eq!(
            ["192.0.2.1", "10.0.0.2", "198.51.100.1", "10.8.1.1"].map(seen),
            ["203.0.113.7", "", "", "192.0.2.9"]
        );
        let over = |name: &str| {
            let ip = s.media_seen_over(s.trunk(name).unwrap(), "10.0.0.1".parse().unwrap());
            ip.map(|ip| ip.to_string()).unwrap_or_default()
        };
        assert_eq!(["line", "vpn", "near", "far"].map(over), ["", "192.0.2.9", "", "203.0.113.7"]);
        assert_eq!(s.seen_as().len(), 2);
        // A name is nothing that audio can be sent to.
        let named = read(&format!(
            "[sip]\nadvertised = \"sip.example\"\n[media]\nadvertised = \"203.0.113.8\"\n{trunks}"
        ));
        assert_eq!(named.media_seen(flow("192.0.2.1")).unwrap().to_string(), "203.0.113.8");
    }

    #[test]
    fn what_cannot_be_is_said_with_place_and_remedy() {
        let wrong = |text: &str| -> String {
            let problems = server(&File { name: "server.toml".into(), text: text.into() }).unwrap_err();
            problems.iter().map(ToString::to_string).collect()
        };
        let trunk = wrong("[[trunk]]\nname = \"a\"\nto = \"sip:h\"\nadvertised = \"own\"\n");
        assert!(trunk.contains(":4:14: error: what a trunk is told needs its networks"), "{trunk}");
        assert!(wrong("[media]\nadvertised = \"sip.example\"\n").contains(":2:14: error: not an IP address"));
        let name = wrong("[sip]\nadvertised = \"sip.example\"\n[[trunk]]\nname = \"a\"\nfrm = []\n");
        assert!(name.contains("did you mean `from`?"), "{name}");
    }
}
