//! A small telephone: its own SIP core, sockets and media plane. The command line's test phones are made of it.
//!
//! In: what its user does ([`Phone::register`], [`Phone::dial`], [`Phone::answer`], …). Out: [`Phone::next`], what
//! happens. It rings for every call that comes from its server, agrees to every offer that it can, and closes each
//! stream with its dialog. Like the server it runs on one thread: nothing happens but within `next`.

use super::listen::EarKind;
use super::media::{Backend, Cores, MediaConfig, MediaPlane, ReportReceiver};
use super::sip::SipSockets;
use crate::base::{Codec, Direction, LegId, Now};
use crate::media::{self, PlayId, Prompt, Report, StreamSpec};
use crate::sdp::{self, Local, SdpError};
use crate::sip::{
    Command, Config, Credentials, EndCause, Endpoint, Event, Flow, Incoming, Input, Message, Name, Output,
    PeerId, Target, Transport,
};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where a phone's RTP ports lie: above the server's. Each phone begins somewhere else in it, so that phones beside each
/// other do not try the same ports.
const RTP_FIRST: std::ops::Range<u16> = 40_000..49_800;
const RTP_PORTS: u16 = 100;
/// A registration is renewed within this time, so that a restarted server soon knows the phone again.
const REGISTER_S: u32 = 60;
/// How long a closed port takes to be told to us (ICMP) at most, on a network worth calling over.
const PROBE: Duration = Duration::from_millis(150);
/// How long the answer to a BYE may take before we go.
const LAST_WORDS: Duration = Duration::from_millis(100);
const CODECS: [Codec; 2] = [Codec::Pcma, Codec::Pcmu];

/// What happens on a phone.
#[derive(Debug)]
pub enum Happening {
    /// The registration succeeded or failed; said on every change.
    Registration { ok: bool, status: u16 },
    /// The call that we place rings at the other end.
    Rings { leg: LegId },
    /// A call comes in; we ring.
    Incoming(Box<Incoming>),
    /// The call is up: sound flows.
    Talking { leg: LegId },
    /// The dialog is over. [`Report::Closed`] comes as well, once for each leg.
    Ended { leg: LegId, cause: EndCause },
    /// Something happened to the stream.
    Media(Report),
}

/// One call's stream.
#[derive(Debug)]
struct Line {
    addr: SocketAddr,
    /// The peer's offer, until we answer it.
    offer: Option<Bytes>,
    version: u64,
    up: bool,
}

/// The phone.
#[derive(Debug)]
pub struct Phone {
    began: Instant,
    ip: IpAddr,
    sockets: SipSockets,
    endpoint: Endpoint,
    media: MediaPlane,
    reports: ReportReceiver,
    lines: BTreeMap<LegId, Line>,
    happened: VecDeque<Happening>,
    plays: u64,
    /// The registration is being taken back.
    leaving: bool,
}

impl Phone {
    /// A phone at the address from which `server` is reached, on any free port.
    ///
    /// # Errors
    /// In words for the user: no way to the server, no socket, no thread.
    pub async fn start(server: SocketAddr) -> Result<Phone, String> {
        let ip = address_towards(server).map_err(|e| format!("no way to {server}: {e}"))?;
        let sockets = SipSockets::bind(&[SocketAddr::new(ip, 0)]).await.map_err(|e| format!("SIP: {e}"))?;
        let (began, first) = (Instant::now(), fastrand::u16(RTP_FIRST));
        let ports = first..=first + RTP_PORTS;
        let config = MediaConfig {
            workers: 1,
            ports,
            epoch: began,
            backend: Backend::default(),
            ears: EarKind::default(),
            cores: Cores::Shared,
        };
        let (media, reports) = MediaPlane::start(&config).map_err(|e| format!("media: {e}"))?;
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).map_err(|e| format!("no randomness: {e}"))?;
        let endpoint = Endpoint::new(Config {
            seed: u64::from_le_bytes(seed),
            user_agent: concat!("trunkline-phone/", env!("CARGO_PKG_VERSION")).into(),
            ..Config::default()
        });
        let (lines, happened) = (BTreeMap::new(), VecDeque::new());
        Ok(Phone { began, ip, sockets, endpoint, media, reports, lines, happened, plays: 0, leaving: false })
    }

    /// The phone's own clock.
    pub fn now(&self) -> Now {
        Now(u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// Our SIP address.
    pub fn addr(&self) -> SocketAddr {
        self.sockets.addrs().first().copied().unwrap_or(SocketAddr::new(self.ip, 0))
    }

    /// `server` is known by this name, which its certificate must be for.
    pub fn expect(&self, server: SocketAddr, name: &str) {
        self.sockets.expect(server, name);
    }

    /// Registers as `credentials` say, until [`Phone::unregister`].
    pub fn register(&mut self, server: SocketAddr, transport: Transport, credentials: Credentials) {
        let registrar = Flow { transport, local: self.addr(), remote: server };
        let registrar = Target::at(registrar);
        let (peer, user) = (PeerId(0), credentials.user.clone());
        self.order(Command::Register { peer, registrar, user, credentials, expires_s: REGISTER_S });
    }

    /// Takes the registration back.
    pub fn unregister(&mut self) {
        self.leaving = true;
        self.order(Command::Unregister { peer: PeerId(0) });
    }

    /// Begins a call to `target` as `from`. The INVITE goes out with [`Dialling::send`] on the result: by then somebody
    /// may have been told the Call-ID.
    ///
    /// # Errors
    /// In words for the user: no port, or an address that cannot be called.
    pub fn dial(&mut self, target: Target, from: String) -> Result<Dialling, String> {
        let leg = self.endpoint.new_leg();
        let addr = self.media.open(leg, self.ip, None).map_err(|e| e.to_string())?;
        let mut line = Line { addr, offer: None, version: 0, up: false };
        let sdp = sdp::offer(&line.local(leg));
        self.lines.insert(leg, line);
        let (headers, credentials) = (Vec::new(), None);
        let mut out = Vec::new();
        let invite = Command::Invite { leg, target, from, sdp, headers, credentials };
        self.endpoint.step(self.now(), Input::Command(invite), &mut out);
        let call_id = out.iter().find_map(|o| match o {
            Output::Transmit { message, .. } => call_id_of(message),
            Output::Locate { .. } | Output::Event(_) => None,
        });
        let call_id = call_id.ok_or("the INVITE could not be written: is --from a number or a SIP URI?")?;
        Ok(Dialling { leg, call_id, out })
    }

    /// Answers an incoming call.
    pub fn answer(&mut self, leg: LegId) {
        let Some(line) = self.lines.get_mut(&leg) else { return };
        let Ok((sdp, stream)) = line.answer(leg) else {
            return self.refuse(leg, 488, "Not Acceptable Here");
        };
        self.connect(leg, stream);
        self.order(Command::Answer { leg, sdp });
    }

    /// Refuses an incoming call.
    pub fn refuse(&mut self, leg: LegId, status: u16, reason: &str) {
        self.order(Command::Refuse { leg, status, reason: reason.into(), retry_after_s: None });
    }

    /// Ends a call whatever its state.
    pub fn hang_up(&mut self, leg: LegId) {
        self.order(Command::Hangup { leg, reason: "done" });
    }

    /// Plays `prompt`; the end is reported.
    pub fn play(&mut self, leg: LegId, prompt: Arc<Prompt>, repeat: bool) {
        self.plays += 1;
        let play = PlayId(self.plays);
        self.media.send(media::Command::Play { leg, play, prompts: vec![prompt], repeat, skip_ms: 0 });
    }

    /// Sends back what is heard.
    pub fn echo(&mut self, leg: LegId) {
        self.media.send(media::Command::Echo { leg, on: true });
    }

    /// Presses keys.
    pub fn press(&mut self, leg: LegId, digits: String) {
        self.media.send(media::Command::SendDigits { leg, digits });
    }

    /// Reports when the far end speaks.
    pub fn listen(&mut self, leg: LegId) {
        self.media.send(media::Command::Listen { leg, on: true });
    }

    /// Records the call: left what is heard, right what is said. Whole only after [`Phone::close`].
    pub fn record(&mut self, leg: LegId, file: PathBuf) {
        self.media.send(media::Command::Record { leg, file });
    }

    /// The next thing that happens. May be cancelled.
    pub async fn next(&mut self) -> Happening {
        loop {
            if let Some(happening) = self.happened.pop_front() {
                return happening;
            }
            let wait = self.endpoint.deadline().map_or(Duration::from_secs(3600), |at| at.since(self.now()));
            tokio::select! {
                input = self.sockets.recv() => self.sip(input),
                Some(report) = self.reports.recv() => self.happened.push_back(Happening::Media(report)),
                () = tokio::time::sleep(wait) => self.sip(Input::Tick),
            }
        }
    }

    /// Lets last requests be answered, at most for `patience`, and completes the recordings.
    pub async fn close(mut self, patience: Duration) {
        let settled = async {
            while self.leaving || !self.lines.is_empty() {
                self.next().await;
            }
        };
        // What is not answered by then never is.
        let _ = tokio::time::timeout(patience, settled).await;
        let last_words = async {
            loop {
                self.next().await;
            }
        };
        let _: Result<(), _> = tokio::time::timeout(LAST_WORDS, last_words).await;
        self.media.shutdown();
    }

    fn order(&mut self, command: Command) {
        self.sip(Input::Command(command));
    }

    fn sip(&mut self, input: Input) {
        let mut out = Vec::new();
        self.endpoint.step(self.now(), input, &mut out);
        self.carry_out(out);
    }

    fn carry_out(&mut self, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Transmit { flow, message } => self.sockets.send(flow, message),
                Output::Locate { ask, uri } => self.sockets.locate(ask, uri),
                Output::Event(event) => self.event(event),
            }
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Registration { ok, status, .. } => {
                self.leaving = false;
                self.happened.push_back(Happening::Registration { ok, status });
            }
            Event::Progress { leg, status, .. } if status >= 180 => {
                self.happened.push_back(Happening::Rings { leg });
            }
            Event::Incoming(incoming) => self.incoming(incoming),
            Event::Answered { leg, sdp }
            | Event::Acknowledged { leg, sdp }
            | Event::OfferAnswered { leg, sdp } => self.up(leg, &sdp),
            Event::Offer { leg, sdp } => {
                if let Some(line) = self.lines.get_mut(&leg) {
                    line.offer = Some(sdp);
                }
                self.answer(leg);
            }
            Event::Ended { leg, cause } => {
                self.lines.remove(&leg);
                self.media.send(media::Command::Close { leg });
                self.happened.push_back(Happening::Ended { leg, cause });
            }
            Event::Progress { .. }
            | Event::Digit { .. }
            | Event::Referred { .. }
            | Event::OfferRefused { .. }
            | Event::Reason { .. }
            | Event::ReferProgress { .. }
            | Event::Registered { .. }
            | Event::Unregistered { .. }
            | Event::Options { .. } => {}
        }
    }

    fn incoming(&mut self, incoming: Box<Incoming>) {
        let leg = incoming.leg;
        let Ok(addr) = self.media.open(leg, self.ip, None) else {
            return self.refuse(leg, 503, "No Media Port");
        };
        self.lines.insert(leg, Line { addr, offer: Some(incoming.sdp.clone()), version: 0, up: false });
        self.order(Command::Ring { leg });
        self.happened.push_back(Happening::Incoming(incoming));
    }

    /// Our INVITE was answered, or our answer acknowledged; `sdp` is the peer's answer to an offer of ours.
    fn up(&mut self, leg: LegId, sdp: &[u8]) {
        let Some(line) = self.lines.get_mut(&leg) else { return };
        if !sdp.is_empty() {
            let Ok(agreed) = sdp::accept(sdp, &line.local(leg)) else { return self.hang_up(leg) };
            self.connect(leg, Some(agreed));
        }
        if let Some(line) = self.lines.get_mut(&leg)
            && !std::mem::replace(&mut line.up, true)
        {
            self.happened.push_back(Happening::Talking { leg });
        }
    }

    fn connect(&mut self, leg: LegId, stream: Option<StreamSpec>) {
        if let Some(to) = stream {
            self.media.send(media::Command::Connect { leg, to });
        }
    }
}

/// A call that is about to be placed.
#[derive(Debug)]
pub struct Dialling {
    pub leg: LegId,
    /// The SIP Call-ID.
    pub call_id: String,
    out: Vec<Output>,
}

impl Dialling {
    /// Sends the INVITE.
    pub fn send(self, phone: &mut Phone) -> LegId {
        phone.carry_out(self.out);
        self.leg
    }
}

impl Line {
    fn local(&mut self, leg: LegId) -> Local<'static> {
        self.version += 1;
        let (addr, session_id, version) = (self.addr, leg.0, self.version);
        let direction = Direction::SendRecv;
        Local { addr, session_id, version, codecs: &CODECS, direction, srtp: None }
    }

    /// Our answer to the peer's offer and what it agrees to, or our offer if the peer made none.
    fn answer(&mut self, leg: LegId) -> Result<(Bytes, Option<StreamSpec>), SdpError> {
        let offer = self.offer.take().unwrap_or_default();
        let local = self.local(leg);
        if offer.is_empty() {
            return Ok((sdp::offer(&local), None));
        }
        let (answer, agreed) = sdp::answer(&offer, &local)?;
        Ok((answer, Some(agreed)))
    }
}

fn call_id_of(message: &Bytes) -> Option<String> {
    Some(Message::parse(message).ok()?.get(Name::CallId)?.to_string())
}

/// Our address on the way to `server`. Nothing is sent.
fn address_towards(server: SocketAddr) -> io::Result<IpAddr> {
    let any: SocketAddr = if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = std::net::UdpSocket::bind(any)?;
    socket.connect(server)?;
    Ok(socket.local_addr()?.ip())
}

/// False if `server` says that nothing listens there. Asked with an empty keep-alive (RFC 5626 §3.5.1), which nobody has
/// to answer; spares the user the half minute after which SIP gives up.
pub async fn listens(server: SocketAddr, transport: Transport) -> bool {
    let probe = async {
        match transport {
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                tokio::net::TcpStream::connect(server).await.map(drop)
            }
            Transport::Udp => {
                let socket = tokio::net::UdpSocket::bind((address_towards(server)?, 0)).await?;
                socket.connect(server).await?;
                socket.send(b"\r\n\r\n").await?;
                socket.recv(&mut [0; 8]).await.map(drop)
            }
        }
    };
    let result = tokio::time::timeout(PROBE, probe).await;
    !matches!(result, Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused)
}

#[cfg(test)]
mod tests;
