//! Where is listened: bound at the start, and anew at each reload.
//!
//! A reload binds what is new before it changes anything else, so that an address that cannot be had leaves all as it was. Where
//! is listened no longer, connections and calls go on; a socket for datagrams is closed when the last of its calls has ended.

use super::Server;
use crate::config::{Config, Place};
use crate::drive::sip::SipSockets;
use crate::drive::{dns, files, tls};
use crate::sip::{Listener, Transport};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tracing::info;

/// Ports tried when the configured one is taken.
const PORT_TRIES: u16 = 50;

/// A place of the configuration, and what came of it.
#[derive(Debug)]
pub(super) struct Bound {
    place: Place,
    addr: SocketAddr,
    /// What shows its certificate.
    acceptor: Option<tls::Acceptor>,
}

impl Bound {
    fn transports(&self) -> &[Transport] {
        match &self.place.transport {
            Some(transport) => std::slice::from_ref(transport),
            None => &[Transport::Udp, Transport::Tcp],
        }
    }

    fn listens(&self) -> impl Iterator<Item = (Transport, SocketAddr)> {
        self.transports().iter().map(|transport| (*transport, self.addr))
    }
}

/// Binds everything that is to be listened on. Gives what came of it, and the configured port if another had to be used.
pub(super) async fn listen(
    config: &Config,
    port: Option<u16>,
    material: tls::Material,
) -> Result<(SipSockets, Vec<Bound>, Option<u16>), String> {
    let places = config.server.places();
    let (simple, listen) = places.split_at(config.server.addresses.len());
    let (mut sockets, mut bound, port_taken) = bind(simple, port.unwrap_or(config.server.port)).await?;
    sockets.show(material.clients);
    if !config.server.dns.is_empty() {
        sockets.ask(dns::Dns::servers(&config.server.dns));
    }
    for (place, tls) in listen.iter().zip(material.listeners) {
        bound.push(add(&mut sockets, *place, place.port, tls.map(tls::Acceptor::new)).await?);
    }
    Ok((sockets, bound, port_taken))
}

fn ip(place: &Place) -> IpAddr {
    place.address.or_else(files::machine_address).unwrap_or(Ipv4Addr::LOCALHOST.into())
}

/// Binds the configured addresses on one port: the configured one, or the next that is free; 0 takes any.
async fn bind(places: &[Place], configured: u16) -> Result<(SipSockets, Vec<Bound>, Option<u16>), String> {
    let mut ips: Vec<IpAddr> = places.iter().map(ip).collect();
    ips.dedup();
    let mut first = configured;
    if let (0, Some(ip)) = (configured, ips.first()) {
        // Any port, but the same on every address.
        let any = std::net::UdpSocket::bind((*ip, 0)).ok().and_then(|socket| socket.local_addr().ok());
        first = any.map_or(crate::sip::SIP_PORT, |a| a.port());
    }
    let mut last = String::new();
    for port in first..first.saturating_add(PORT_TRIES) {
        let addrs: Vec<SocketAddr> = ips.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
        match SipSockets::bind(&addrs).await {
            Ok(sockets) => {
                let bound =
                    |place: &Place| Bound { place: *place, addr: (ip(place), port).into(), acceptor: None };
                let taken = (port != first && !ips.is_empty()).then_some(first);
                return Ok((sockets, places.iter().map(bound).collect(), taken));
            }
            Err(error) => last = format!("SIP on port {port}: {error}"),
        }
    }
    Err(format!("{last}\n  = choose addresses of this machine and a free port under [sip] in server.toml"))
}

async fn add(
    sockets: &mut SipSockets,
    place: Place,
    port: u16,
    acceptor: Option<tls::Acceptor>,
) -> Result<Bound, String> {
    let addr = SocketAddr::new(ip(&place), port);
    let (done, transport, table) = match place.transport {
        Some(transport) => {
            let listener = Listener { transport, addr, advertised: None };
            (sockets.listen(listener, acceptor.clone()).await, transport.to_string(), "[[sip.listen]]")
        }
        None => (sockets.listen_both(addr).await, "UDP and TCP".to_owned(), "[sip]"),
    };
    let addr = done.map_err(|e| {
        format!("SIP over {transport} on {addr}: {e}\n  = choose an address of this machine and a free port in {table}")
    })?;
    Ok(Bound { place, addr, acceptor })
}

/// What the SIP core is told of them.
pub(super) fn told(bound: &[Bound], config: &Config) -> Vec<Listener> {
    let mut all: Vec<Listener> = Vec::new();
    for one in bound {
        let listen =
            config.server.listen.iter().find(|l| {
                one.place == Place { transport: Some(l.transport), address: l.address, port: l.port }
            });
        // Those of [[sip.listen]] have what [sip] says already.
        let advertised = listen.map_or(&config.server.advertised, |l| &l.advertised);
        for (transport, addr) in one.listens() {
            if !all.iter().any(|l| (l.transport, l.addr) == (transport, addr)) {
                all.push(Listener { transport, addr, advertised: advertised.clone() });
            }
        }
    }
    all
}

impl Server {
    /// Listens where a new configuration says, with its certificates from the next connection on.
    ///
    /// # Errors
    /// What cannot be bound; all is as it was then.
    pub(super) async fn listen_anew(
        &mut self,
        config: &Config,
        material: tls::Material,
    ) -> Result<(), String> {
        let places = config.server.places();
        let none = std::iter::repeat_n(None, config.server.addresses.len());
        let (mut added, mut shown): (Vec<Bound>, Vec<_>) = (Vec::new(), Vec::new());
        for (place, tls) in places.iter().zip(none.chain(material.listeners)) {
            if let Some(there) = self.bound.iter().find(|b| b.place == *place) {
                shown.extend(there.acceptor.clone().zip(tls));
                continue;
            }
            // Another port may have had to be taken at the start.
            let beside = self.bound.iter().find(|b| b.place.transport.is_none() && place.transport.is_none());
            let port = beside.filter(|b| b.place.port == place.port).map_or(place.port, |b| b.addr.port());
            match add(&mut self.sockets, *place, port, tls.map(tls::Acceptor::new)).await {
                Ok(bound) => added.push(bound),
                Err(why) => {
                    added
                        .iter()
                        .flat_map(Bound::listens)
                        .for_each(|(t, addr)| self.sockets.unlisten(t, addr));
                    return Err(why);
                }
            }
        }
        shown.into_iter().for_each(|(acceptor, tls)| acceptor.replace(tls));
        for (transport, addr) in added.iter().flat_map(Bound::listens) {
            info!("listening on {addr} ({transport})");
        }
        let (stay, gone): (Vec<Bound>, Vec<Bound>) =
            std::mem::take(&mut self.bound).into_iter().partition(|b| places.contains(&b.place));
        self.bound = stay;
        self.bound.extend(added);
        let listeners = told(&self.bound, config);
        for (transport, addr) in gone.iter().flat_map(Bound::listens) {
            if !listeners.iter().any(|l| (l.transport, l.addr) == (transport, addr)) {
                self.sockets.unlisten(transport, addr);
                info!("no longer listening on {addr} ({transport}); calls there go on");
            }
        }
        self.sockets.show(material.clients);
        self.endpoint.set_listeners(self.now(), listeners, config.server.seen_as());
        Ok(())
    }
}
