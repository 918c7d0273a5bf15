//! `server.toml`: addresses, ports, trunks, speech, recording, data.

use super::file::File;
use super::guard::{self, Guard, RawGuard};
use super::listen::{self, Advertised, Listen, NamedFile, RawListen};
use super::media::{self, PacketIo, RawMedia};
use super::nat;
use super::problem::Problem;
use super::route::{self, RawRoute, Route};
use super::speech::{self, EngineServer, VoiceChoice};
use super::srtp;
use super::stir::{self, RawStir, Stir};
use super::trunk::{self, RawTrunk, Trunk};
use crate::base::{Codec, SrtpPolicy};
use crate::limits::SPEECH_HANGOVER;
use crate::sip::{Incoming, Transport};
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;
use toml::Spanned;

/// The server's own settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    /// `None` stands for "auto": the machine's own address.
    pub addresses: Vec<Option<IpAddr>>,
    pub port: u16,
    /// What public peers are told in place of `addresses`.
    pub advertised: Option<Advertised>,
    /// Further listeners.
    pub listen: Vec<Listen>,
    /// Who may sign the certificate of a server that we connect to; `None` stands for those the system trusts.
    pub ca: Option<NamedFile>,
    /// Name servers; empty stands for those of the system.
    pub dns: Vec<SocketAddr>,
    pub domain: String,
    /// Challenge phones with SHA-256 first and MD5 second (RFC 8760), not with MD5 alone.
    pub sha256: bool,
    pub media_ports: RangeInclusive<u16>,
    /// Where public peers send their audio, if not to what `advertised` says.
    pub media_advertised: Option<IpAddr>,
    pub media_workers: Option<usize>,
    /// Their cores are kept from being put to sleep.
    pub media_awake: bool,
    pub media_io: PacketIo,
    /// What is spoken, best first.
    pub codecs: Vec<Codec>,
    /// Whether audio is encrypted, where neither trunk nor agent says otherwise.
    pub srtp: SrtpPolicy,
    pub recognisers: usize,
    pub model: Option<String>,
    pub hangover: Duration,
    /// Who listens on other machines, in the order in which they are asked.
    pub engines: Vec<EngineServer>,
    /// Who speaks, where it is said.
    pub voices: Vec<VoiceChoice>,
    pub record_calls: bool,
    /// Show personal data in logs.
    pub log_personal: bool,
    pub data_dir: String,
    pub guard: Guard,
    /// Whose signatures of callers' numbers are believed.
    pub stir: Stir,
    pub trunks: Vec<Trunk>,
    /// Which trunks numbers outside are called by; none stands for the one that a call came over.
    pub routes: Vec<Route>,
}

impl Server {
    /// Where is listened: `[sip] addresses`, and then each `[[sip.listen]]`.
    pub fn places(&self) -> Vec<Place> {
        let simple = self.addresses.iter().map(|ip| Place { transport: None, address: *ip, port: self.port });
        let listen = self.listen.iter();
        let listen = listen.map(|l| Place { transport: Some(l.transport), address: l.address, port: l.port });
        simple.chain(listen).collect()
    }

    /// The trunk that a call comes over: by who has said so with its password, else by its certificate, else by where it comes
    /// from, else `registered`, by our registration with it. One whose domains are known is none without its certificate.
    pub fn trunk_of(&self, incoming: &Incoming, registered: Option<&str>) -> Option<&Trunk> {
        let (remote, local) = (incoming.flow.remote.ip(), incoming.flow.local.ip());
        let proved = |t: &&Trunk| t.is_proved(&incoming.domains);
        let anywhere = |t: &Trunk| t.from.is_empty() && !t.own_machine;
        let by_certificate =
            |t: &&Trunk| !t.domains.is_empty() && proved(t) && (anywhere(t) || t.covers(remote, local));
        let by_network = |t: &&Trunk| t.domains.is_empty() && t.covers(remote, local);
        match &incoming.account {
            Some(account) => {
                self.trunks.iter().find(|t| t.by_digest().is_some_and(|(user, _)| user == account))
            }
            None => {
                let found = self.trunks.iter().find(by_certificate);
                let found = found.or_else(|| self.trunks.iter().find(by_network));
                found.or_else(|| self.trunk(registered?).filter(proved))
            }
        }
    }
}

/// Where is listened, as the configuration has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// `None` stands for UDP and TCP.
    pub transport: Option<Transport>,
    /// `None` stands for the machine's own.
    pub address: Option<IpAddr>,
    pub port: u16,
}

/// Why a number outside may not be called.
pub type NoWay = &'static str;

impl Server {
    /// The trunk of this name.
    pub fn trunk(&self, name: &str) -> Option<&Trunk> {
        self.trunks.iter().find(|t| t.name == name)
    }

    /// What may be spoken over the trunk of this name, or with anybody else, best first.
    pub fn codecs_over(&self, trunk: Option<&str>) -> &[Codec] {
        let own = trunk.and_then(|name| self.trunk(name)).map(|t| &t.codecs);
        own.filter(|codecs| !codecs.is_empty()).unwrap_or(&self.codecs)
    }

    /// The trunks to call `number` by, best first: those of the route with the longest prefix, beginning with the one whose
    /// turn it is by their weights. Without any route, the one that the call came over, if it came over one.
    ///
    /// # Errors
    /// No route leads there, or no trunk on it allows such numbers.
    pub fn ways_out(&self, number: &str, came: Option<&str>, turn: usize) -> Result<Vec<&Trunk>, NoWay> {
        let mut all: Vec<&Trunk> = if self.routes.is_empty() {
            came.and_then(|name| self.trunk(name)).into_iter().collect()
        } else {
            let fits = |r: &&Route| {
                let first = r.trunks.first().and_then(|name| self.trunk(name));
                first.is_some_and(|t| t.numbering.e164(number).starts_with(r.prefix.as_str()))
            };
            let route = self.routes.iter().filter(fits).max_by_key(|r| r.prefix.len());
            let route = route.ok_or("no route leads there")?;
            let mut all: Vec<&Trunk> = route.trunks.iter().filter_map(|name| self.trunk(name)).collect();
            if !all.is_empty() {
                let first = route.first(turn) % all.len();
                all.rotate_left(first);
            }
            all
        };
        let some = !all.is_empty();
        all.retain(|t| t.allows(number));
        match some && all.is_empty() {
            true => Err("the trunk does not allow such numbers"),
            false => Ok(all),
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Server {
            addresses: vec![Some(IpAddr::from([127, 0, 0, 1])), None],
            port: 5060,
            advertised: None,
            listen: Vec::new(),
            ca: None,
            dns: Vec::new(),
            domain: "trunkline.local".into(),
            sha256: false,
            media_ports: 20_000..=29_999,
            media_advertised: None,
            media_workers: None,
            media_awake: false,
            media_io: PacketIo::default(),
            codecs: vec![Codec::Pcma, Codec::Pcmu],
            srtp: SrtpPolicy::default(),
            recognisers: 1,
            model: None,
            engines: Vec::new(),
            voices: Vec::new(),
            hangover: SPEECH_HANGOVER,
            record_calls: false,
            log_personal: false,
            data_dir: "var".into(),
            guard: Guard::default(),
            stir: Stir::default(),
            trunks: Vec::new(),
            routes: Vec::new(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    sip: Sip,
    #[serde(default)]
    media: RawMedia,
    #[serde(default)]
    speech: speech::Raw,
    #[serde(default)]
    record: Record,
    #[serde(default)]
    log: Log,
    #[serde(default)]
    data: Data,
    #[serde(default)]
    guard: RawGuard,
    #[serde(default)]
    stir: RawStir,
    #[serde(default)]
    trunk: Vec<RawTrunk>,
    #[serde(default)]
    route: Vec<RawRoute>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Sip {
    addresses: Option<Vec<Spanned<String>>>,
    port: Option<u16>,
    advertised: Option<Spanned<String>>,
    domain: Option<String>,
    sha256: Option<bool>,
    ca: Option<Spanned<String>>,
    #[serde(default)]
    dns: Vec<Spanned<String>>,
    #[serde(default)]
    listen: Vec<RawListen>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Record {
    calls: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Log {
    personal: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Data {
    dir: Option<String>,
}

/// Reads and checks `server.toml`.
pub(super) fn read(file: &File, problems: &mut Vec<Problem>) -> Option<Server> {
    let raw: Raw = file.parse(problems)?;
    let mut server = Server::default();
    if let Some(addresses) = raw.sip.addresses {
        server.addresses = addresses.iter().filter_map(|a| address(file, a, problems)).collect();
    }
    server.port = raw.sip.port.unwrap_or(server.port);
    server.advertised = raw.sip.advertised.as_ref().and_then(|a| listen::advertised(file, a, problems));
    server.dns = raw.sip.dns.iter().filter_map(|d| name_server(file, d, problems)).collect();
    server.ca = raw.sip.ca.map(|ca| NamedFile::new(file, ca));
    let listens = !server.addresses.is_empty() || !raw.sip.listen.is_empty();
    server.listen = raw.sip.listen.into_iter().filter_map(|l| listen::read(file, l, problems)).collect();
    if let Some((host, _)) = &server.advertised {
        for listen in &mut server.listen {
            listen.advertised.get_or_insert_with(|| (host.clone(), None));
        }
    }
    if !listens {
        problems.push(
            file.error(0..0, "no address to listen on").help(Some(
                "give [sip] addresses at least one, or add [[sip.listen]] with a transport".into(),
            )),
        );
    }
    server.domain = raw.sip.domain.unwrap_or(server.domain);
    server.sha256 = raw.sip.sha256.unwrap_or(server.sha256);
    media::read(file, &raw.media, &mut server, problems);
    server.srtp = raw.media.srtp.as_ref().map_or(server.srtp, |s| *s.get_ref());
    server.media_advertised = raw.media.advertised.and_then(|a| nat::address(file, &a, problems));
    if let Some(sip) = raw.sip.advertised.filter(|_| server.media_advertised.is_none()) {
        nat::not_of_media(file, &sip, server.advertised.as_ref(), problems);
    }
    speech::read(file, raw.speech, &mut server, problems);
    server.record_calls = raw.record.calls.unwrap_or(server.record_calls);
    server.log_personal = raw.log.personal.unwrap_or(server.log_personal);
    server.data_dir = raw.data.dir.unwrap_or(server.data_dir);
    server.guard = guard::read(file, raw.guard, problems);
    server.stir = stir::read(file, raw.stir, problems);
    server.trunks = trunk::read(file, raw.trunk, &server, problems);
    server.routes = route::read(file, raw.route, &server.trunks, problems);
    let secure = server.hears_secretly();
    if let Some(at) = raw.media.srtp.filter(|_| !secure) {
        srtp::in_the_open(file, &at, problems);
    }
    if server.trunks.is_empty() {
        problems.push(
            file.error(0..0, "no [[trunk]]: every call will be refused")
                .help(Some("add [[trunk]] with name and from = [\"192.0.2.0/24\"]".into()))
                .warning(),
        );
    }
    Some(server)
}

pub(super) fn address(
    file: &File,
    text: &Spanned<String>,
    problems: &mut Vec<Problem>,
) -> Option<Option<IpAddr>> {
    if text.get_ref() == "auto" {
        return Some(None);
    }
    let parsed = text.get_ref().parse().ok().map(Some);
    if parsed.is_none() {
        problems.push(
            file.error(text.span(), "not an IP address").help(Some(
                "write an address such as \"192.0.2.10\", or \"auto\" for the machine's own".into(),
            )),
        );
    }
    parsed
}

fn name_server(file: &File, text: &Spanned<String>, problems: &mut Vec<Problem>) -> Option<SocketAddr> {
    let s = text.get_ref();
    let parsed = s.parse().ok().or_else(|| s.parse().ok().map(|ip: IpAddr| SocketAddr::new(ip, 53)));
    if parsed.is_none() {
        let help = "write it as \"192.0.2.53\" or \"192.0.2.53:5353\"";
        problems.push(file.error(text.span(), "not the address of a name server").help(Some(help.into())));
    }
    parsed
}
