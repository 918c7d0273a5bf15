//! SIP over WebSocket (RFC 7118) with a client of tungstenite's, whose SIP is written out here as JavaScript phones write it.

use super::listeners::Caller;
use super::server::{Server, have, record};
use super::sipp::{self, free_port, have_sipp};
use super::tls::{Authority, start};
use futures_util::{SinkExt, StreamExt};
use md5::{Digest, Md5};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{self, Message, client::IntoClientRequest};
use tokio_tungstenite::{WebSocketStream, client_async};
use trunkline::call::{EndedBy, Result as Ending};

const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n";
/// What such a phone calls itself: it cannot know its address (RFC 7118 §5).
const HOST: &str = "df7jal23ls0d.invalid";

struct Phone<S> {
    socket: WebSocketStream<S>,
    transport: &'static str,
    /// The server, as in URIs.
    server: String,
}

/// What a message says in a header field.
fn field<'a>(message: &'a str, name: &str) -> &'a str {
    let line = message
        .lines()
        .find(|l| l.to_ascii_lowercase().starts_with(&format!("{}:", name.to_ascii_lowercase())));
    line.and_then(|l| l.split_once(':')).map_or("", |(_, value)| value.trim())
}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> Phone<S> {
    async fn new(stream: S, transport: &'static str, server: String) -> Result<Phone<S>, tungstenite::Error> {
        let mut request = format!("ws://{server}/").into_client_request()?;
        request.headers_mut().insert("Sec-WebSocket-Protocol", "sip".parse().unwrap());
        let (socket, response) = client_async(request, stream).await?;
        assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "sip");
        Ok(Phone { socket, transport, server })
    }

    async fn send(&mut self, text: String) {
        self.socket.send(Message::Text(text.into())).await.unwrap();
    }

    async fn recv(&mut self) -> String {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(15), self.socket.next()).await;
            match next.expect("a message comes").unwrap().unwrap() {
                Message::Text(text) => return text.as_str().to_owned(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Waits for the final response to a request.
    async fn response(&mut self, method: &str) -> String {
        loop {
            let message = self.recv().await;
            if field(&message, "CSeq").ends_with(method) && !message.starts_with("SIP/2.0 1") {
                return message;
            }
        }
    }

    fn request(
        &self,
        method: &str,
        uri: &str,
        (from, to): (&str, &str),
        cseq: u32,
        more: &str,
        body: &str,
    ) -> String {
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        // Phones in browsers name the transport in lower case in their Contact, `ws` for both (RFC 7118 §5.2).
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{} {HOST};branch=z9hG4bK{method}{cseq}\r\nMax-Forwards: 70\r\n\
             From: {from}\r\nTo: {to}\r\nCall-ID: asidkj3ss\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:me@{HOST};transport=ws>\r\n{more}{kind}Content-Length: {}\r\n\r\n{body}",
            self.transport,
            body.len()
        )
    }

    /// Calls a line and is answered: From, To and remote target of the dialog.
    async fn call(&mut self) -> [String; 3] {
        let from = format!("<sip:13800000000@{HOST}>;tag=c");
        let uri = format!("sip:12345@{};transport=ws", self.server);
        self.send(self.request("INVITE", &uri, (&from, "<sip:12345@x>"), 1, "", SDP)).await;
        let ok = self.response("INVITE").await;
        assert!(ok.starts_with("SIP/2.0 200"), "{ok}");
        let contact = field(&ok, "Contact");
        assert!(contact.contains(&self.server) && contact.contains("transport=ws"), "{contact}");
        let (to, uri) = (field(&ok, "To").to_owned(), contact.trim_matches(['<', '>']).to_owned());
        self.send(self.request("ACK", &uri, (&from, &to), 1, "", "")).await;
        [from, to, uri]
    }

    async fn hang_up(&mut self, [from, to, uri]: [String; 3]) {
        self.send(self.request("BYE", &uri, (&from, &to), 2, "", "")).await;
        let ok = self.response("BYE").await;
        assert!(ok.starts_with("SIP/2.0 200"), "{ok}");
    }

    /// Registers with digest (MD5).
    async fn register(&mut self, user: &str, password: &str) {
        let uri = format!("sip:{}", self.server);
        let me = format!("<sip:{user}@{}>", self.server);
        let from = format!("{me};tag=r");
        self.send(self.request("REGISTER", &uri, (&from, &me), 1, "", "")).await;
        let challenge = self.response("REGISTER").await;
        assert!(challenge.starts_with("SIP/2.0 401"), "{challenge}");
        let value = field(&challenge, "WWW-Authenticate").to_owned();
        let part = |name: &str| value.split(&format!("{name}=\"")).nth(1).unwrap().split('"').next().unwrap();
        let (realm, nonce) = (part("realm"), part("nonce"));
        let md5 = |text: String| Md5::digest(text).iter().map(|b| format!("{b:02x}")).collect::<String>();
        let (a1, a2) = (md5(format!("{user}:{realm}:{password}")), md5(format!("REGISTER:{uri}")));
        let answer = md5(format!("{a1}:{nonce}:00000001:c:auth:{a2}"));
        let credentials = format!(
            "Authorization: Digest username=\"{user}\",realm=\"{realm}\",nonce=\"{nonce}\",uri=\"{uri}\",qop=auth,\
             nc=00000001,cnonce=\"c\",response=\"{answer}\"\r\nExpires: 60\r\n"
        );
        self.send(self.request("REGISTER", &uri, (&from, &me), 2, &credentials, "")).await;
        let ok = self.response("REGISTER").await;
        assert!(ok.starts_with("SIP/2.0 200"), "{ok}");
        assert!(field(&ok, "Via").contains("received=127.0.0.1"), "the server says where we are: {ok}");
    }
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test);
}

fn listen_ws() -> Server {
    start("[[sip.listen]]\ntransport = \"ws\"\naddress = \"127.0.0.1\"\nport = 0\n")
}

#[test]
fn a_caller_over_websocket_calls_and_hangs_up() {
    if !have("espeak-ng", "espeak-ng") {
        return;
    }
    let server = listen_ws();
    run(async {
        let at = server.at("WS");
        let stream = TcpStream::connect(at).await.unwrap();
        let mut phone = Phone::new(stream, "WS", at.to_string()).await.unwrap();
        phone.send("\r\n\r\n".into()).await;
        assert_eq!(phone.recv().await, "\r\n", "a ping is answered");
        let dialog = phone.call().await;
        phone.hang_up(dialog).await;
    });
    assert_eq!(record(&server).ended_by, EndedBy::Caller);
}

#[test]
fn tls_and_websocket_come_and_go_at_reload_and_the_calls_that_are_up_go_on() {
    if !have("espeak-ng", "espeak-ng") {
        return;
    }
    let (authority, server, caller) = (Authority::new(), Server::start_without_model(&[]), Caller::new());
    let to = caller.call(server.sip);
    let at = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let (tls, ws) = (at(free_port()), at(free_port()));
    let more = authority.listen("tls").replace("port = 0", &format!("port = {}", tls.port()));
    let file = server.folder.join("dialplans/server.toml");
    let plain = std::fs::read_to_string(&file).unwrap();
    let reload = |listeners: String| {
        std::fs::write(&file, format!("{plain}\n{listeners}")).unwrap();
        let said = server.command(&["reload"]);
        assert!(said.contains("in force"), "{said}");
    };
    reload(format!(
        "{more}[[sip.listen]]\ntransport = \"ws\"\naddress = \"127.0.0.1\"\nport = {}\n",
        ws.port()
    ));
    assert_eq!(authority.options(tls, None).as_deref(), Ok("SIP/2.0 200 OK"));
    run(async {
        let stream = TcpStream::connect(ws).await.unwrap();
        let mut phone = Phone::new(stream, "WS", ws.to_string()).await.unwrap();
        let dialog = phone.call().await;
        reload(String::new());
        for gone in [tls, ws] {
            assert!(TcpStream::connect(gone).await.is_err(), "{gone} is not listened at any more");
        }
        phone.hang_up(dialog).await;
    });
    caller.send(server.sip, "BYE", ("call", 2), &to, "");
    assert!(caller.answer("BYE", Duration::from_secs(5)).unwrap().starts_with("SIP/2.0 200"));
    assert!(server.records(2).iter().all(|cdr| cdr.ended_by == EndedBy::Caller));
    server.assert_idle();
}

#[test]
fn an_agent_over_secure_websocket_registers_is_called_and_hangs_up() {
    if !have_sipp() {
        return;
    }
    let authority = Authority::new();
    let server = start(&authority.listen("wss"));
    let password = server.password("1001");
    run(async {
        let at = server.at("WSS");
        let stream = authority.connect(at).await;
        let mut phone = Phone::new(stream, "WSS", at.to_string()).await.unwrap();
        phone.register("1001", &password).await;
        server.wait_state("1001", "ready");
        let caller = sipp::caller(&server, "caller-is-hung-up-on", "12345");
        let invite = phone.recv().await;
        assert!(invite.starts_with(&format!("INVITE sip:me@{HOST};transport=ws SIP/2.0\r\n")), "{invite}");
        assert!(field(&invite, "Via").starts_with(&format!("SIP/2.0/WSS {at}")), "{invite}");
        let to = format!("{};tag=me", field(&invite, "To"));
        let echo: String = ["Via", "From", "Call-ID", "CSeq"]
            .iter()
            .map(|name| format!("{name}: {}\r\n", field(&invite, name)))
            .collect();
        let length = SDP.len();
        phone
            .send(format!(
                "SIP/2.0 200 OK\r\n{echo}To: {to}\r\nContact: <sip:me@{HOST};transport=ws>\r\n\
                 Content-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{SDP}"
            ))
            .await;
        let ack = phone.recv().await;
        assert!(ack.starts_with("ACK "), "{ack}");
        tokio::time::sleep(Duration::from_millis(500)).await;
        let (from, call_id) = (field(&invite, "From").to_owned(), field(&invite, "Call-ID").to_owned());
        let uri = field(&invite, "Contact").trim_matches(['<', '>']).to_owned();
        let bye = phone.request("BYE", &uri, (&to, &from), 1, "", "").replace("asidkj3ss", &call_id);
        phone.send(bye).await;
        let ok = phone.response("BYE").await;
        assert!(ok.starts_with("SIP/2.0 200"), "{ok}");
        caller.succeed();
    });
    let cdr = record(&server);
    assert_eq!(
        (cdr.result, cdr.ended_by, cdr.agent.as_deref()),
        (Ending::Connected, EndedBy::Agent, Some("1001"))
    );
    server.wait_state("1001", "offline");
}

#[test]
fn a_websocket_that_is_not_for_sip_is_refused() {
    if !have("espeak-ng", "espeak-ng") {
        return;
    }
    let server = listen_ws();
    run(async {
        let at = server.at("WS");
        let stream = TcpStream::connect(at).await.unwrap();
        match client_async(format!("ws://{at}/"), stream).await {
            Err(tungstenite::Error::Http(response)) => assert_eq!(response.status(), 400),
            other => panic!("{other:?}"),
        }
    });
}
