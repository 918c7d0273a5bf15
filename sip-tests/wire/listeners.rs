//! Where is listened changes while a call goes on.

use super::server::{Server, have, record};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;
use trunkline::call::Result;

const OFFER: &str =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";

pub(crate) struct Caller(UdpSocket);

impl Caller {
    pub(crate) fn new() -> Caller {
        Caller(UdpSocket::bind("127.0.0.1:0").unwrap())
    }

    pub(crate) fn send(&self, server: SocketAddr, method: &str, id: (&str, u32), to: &str, body: &str) {
        let own = self.0.local_addr().unwrap();
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let (call, cseq) = id;
        let text = format!(
            "{method} sip:12345@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{call}{method}\r\nMax-Forwards: 70\r\n\
             From: <sip:1380000@{own}>;tag=a\r\nTo: {to}\r\nCall-ID: {call}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:a@{own}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0.send_to(text.as_bytes(), server).unwrap();
    }

    /// Calls and is answered: the To of the dialog, with the server's tag.
    pub(crate) fn call(&self, server: SocketAddr) -> String {
        self.send(server, "INVITE", ("call", 1), "<sip:12345@x>", OFFER);
        let ok = self.answer("INVITE", Duration::from_secs(40)).unwrap();
        assert!(ok.starts_with("SIP/2.0 200"), "{ok}");
        let to = ok.lines().find_map(|l| l.strip_prefix("To: ")).unwrap().to_owned();
        self.send(server, "ACK", ("call", 1), &to, "");
        to
    }

    /// The final answer to the request of that method, if one comes in time.
    pub(crate) fn answer(&self, method: &str, within: Duration) -> Option<String> {
        self.0.set_read_timeout(Some(within)).unwrap();
        let mut octets = [0; 8192];
        loop {
            let (n, _) = self.0.recv_from(&mut octets).ok()?;
            let text = String::from_utf8_lossy(&octets[..n]).into_owned();
            if text.contains(&format!(" {method}\r\n")) && !text.starts_with("SIP/2.0 1") {
                return Some(text);
            }
        }
    }
}

#[test]
fn a_reload_listens_elsewhere_and_the_call_on_the_old_address_goes_on() {
    if !have("espeak-ng", "espeak-ng") {
        return;
    }
    let server = Server::start_without_model(&[]);
    let (old, caller, soon) = (server.sip, Caller::new(), Duration::from_secs(40));
    let to = caller.call(old);

    let file = server.folder.join("dialplans/server.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let write = |addresses: &str| {
        let text = text.replace("addresses = [\"127.0.0.1\"]", &format!("addresses = [{addresses}]"));
        std::fs::write(&file, text).unwrap();
        server.command(&["reload"])
    };
    let said = write("\"127.0.0.1\", \"192.0.2.1\"");
    assert!(said.contains("192.0.2.1") && said.contains("choose an address of this machine"), "{said}");
    let said = write("\"127.0.0.2\"");
    assert!(said.contains("in force"), "{said}");
    let new: SocketAddr = (std::net::Ipv4Addr::new(127, 0, 0, 2), old.port()).into();
    let options = |server, id| {
        let asker = Caller::new();
        asker.send(server, "OPTIONS", (id, 1), "<sip:12345@x>", "");
        asker.answer("OPTIONS", Duration::from_secs(2))
    };
    assert!(options(new, "o1").unwrap().starts_with("SIP/2.0 200"));
    assert_eq!(options(old, "o2"), None, "nothing new is taken there");
    assert!(std::net::TcpStream::connect(old).is_err());
    caller.send(old, "BYE", ("call", 2), &to, "");
    assert!(caller.answer("BYE", soon).unwrap().starts_with("SIP/2.0 200"));
    assert_eq!(record(&server).result, Result::LeftInDialog);
}
