//! Asking services over HTTP/1.1: one connection a request, over TLS where the address says so. Nothing of what is asked or
//! answered is logged: only the look-up's name and what went wrong.
//!
//! Time-outs, retries and the size of answers are bounded; answers are kept in memory for as long as the look-up says.

use super::redirect::led_at_home;
use super::tls;
use crate::base::{CallId, Pii};
use crate::ivr::{RETRY_PAUSE, Request, ServiceReply as Reply};
use crate::limits::{LOOKUP_OCTETS_MAX, LOOKUP_REDIRECTS_MAX, LOOKUPS_AT_ONCE, LOOKUPS_CACHED};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Uri};
use hyper_util::rt::TokioIo;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tracing::warn;

/// The answer to a call's look-up.
#[derive(Debug)]
pub struct LookedUp {
    pub call: CallId,
    pub ask: u32,
    pub reply: Option<Reply>,
}

/// What asks services. Answers come out of the receiver.
#[derive(Debug)]
pub struct Services {
    results: mpsc::UnboundedSender<LookedUp>,
    slots: Arc<Semaphore>,
    /// By what was asked: when the answer was given, and how long it is good for.
    cache: HashMap<Request, (Instant, Reply)>,
    kept: mpsc::UnboundedReceiver<(Request, Reply)>,
    keep: mpsc::UnboundedSender<(Request, Reply)>,
}

impl Services {
    /// Services that nobody has asked yet.
    pub fn new() -> (Services, mpsc::UnboundedReceiver<LookedUp>) {
        let (results, out) = mpsc::unbounded_channel();
        let (keep, kept) = mpsc::unbounded_channel();
        let slots = Arc::new(Semaphore::new(LOOKUPS_AT_ONCE));
        (Services { results, slots, cache: HashMap::new(), kept, keep }, out)
    }

    /// Asks for `call`; the answer comes out of the receiver, at the latest after all tries.
    pub fn ask(&mut self, call: CallId, ask: u32, request: Request, headers: Vec<(String, Pii<String>)>) {
        while let Ok((request, reply)) = self.kept.try_recv() {
            if self.cache.len() >= LOOKUPS_CACHED {
                // What is no longer good goes first; if all is, the cache begins anew.
                self.cache.retain(|request, (at, _)| at.elapsed() < request.cache);
                if self.cache.len() >= LOOKUPS_CACHED {
                    self.cache.clear();
                }
            }
            self.cache.insert(request, (Instant::now(), reply));
        }
        let fresh = self.cache.get(&request).filter(|(at, _)| at.elapsed() < request.cache);
        if let Some((_, reply)) = fresh {
            let _ = self.results.send(LookedUp { call, ask, reply: Some(reply.clone()) });
            return;
        }
        let (results, keep, slots) = (self.results.clone(), self.keep.clone(), self.slots.clone());
        tokio::spawn(async move {
            let reply = match slots.try_acquire() {
                Ok(_slot) => tries(&request, &headers).await,
                Err(_) => {
                    warn!(lookup = request.lookup, "not asked: {LOOKUPS_AT_ONCE} look-ups are in progress");
                    None
                }
            };
            if let Some(reply) = reply.as_ref().filter(|r| r.status < 300 && request.cache > Duration::ZERO) {
                let _ = keep.send((request, reply.clone()));
            }
            let _ = results.send(LookedUp { call, ask, reply });
        });
    }
}

/// One try after the other, until one is answered; a server's own failure (5xx) is tried again, too.
async fn tries(request: &Request, headers: &[(String, Pii<String>)]) -> Option<Reply> {
    let mut last = None;
    for nth in 0..=request.retries {
        if nth > 0 {
            tokio::time::sleep(RETRY_PAUSE).await;
        }
        let body = request.body.as_ref().map(Pii::reveal);
        match fetch(request.url.reveal(), body, headers, request.timeout).await {
            Ok(reply) if reply.status < 500 => return Some(reply),
            Ok(reply) => {
                warn!(lookup = request.lookup, status = reply.status, "the service failed");
                last = Some(reply);
            }
            Err(why) => warn!(lookup = request.lookup, "no answer of the service: {why}"),
        }
    }
    last
}

/// One request. `body` is JSON to POST; without it is GET. Redirections are followed where they stay at home (`redirect.rs`). The error
/// says nothing of what was asked.
///
/// # Errors
/// When there is no connection, no answer in time, too long a one, or one that leads elsewhere.
pub async fn fetch(
    url: &str,
    body: Option<&String>,
    headers: &[(String, Pii<String>)],
    timeout: Duration,
) -> Result<Reply, String> {
    tokio::time::timeout(timeout, exchange(url, body, headers))
        .await
        .map_err(|_| "it takes too long".to_owned())?
}

/// One request and what it is led to, if that is where it may go.
async fn exchange(
    url: &str,
    body: Option<&String>,
    headers: &[(String, Pii<String>)],
) -> Result<Reply, String> {
    let mut uri: Uri = url.parse().map_err(|_| "the address cannot be read")?;
    for _ in 0..=LOOKUP_REDIRECTS_MAX {
        let request = request(&uri, body, headers)?;
        let method = request.method().clone();
        let answer = one(&uri, request).await?;
        if !answer.status().is_redirection() {
            let status = answer.status().as_u16();
            let text =
                String::from_utf8(answer.into_body().to_vec()).map_err(|_| "the answer is not UTF-8")?;
            return Ok(Reply { status, body: Pii::new(text) });
        }
        let to = led_at_home(&uri, &method, answer.status(), answer.headers());
        uri = to.ok_or_else(|| format!("it answers {} and leads where we do not follow", answer.status()))?;
    }
    Err("it leads on and on".to_owned())
}

fn request(
    uri: &Uri,
    body: Option<&String>,
    headers: &[(String, Pii<String>)],
) -> Result<hyper::Request<Full<Bytes>>, String> {
    let path = uri.path_and_query().map_or("/", |p| p.as_str());
    let mut request = hyper::Request::new(Full::new(Bytes::from(body.cloned().unwrap_or_default())));
    *request.uri_mut() = path.parse().map_err(|_| "the address cannot be read")?;
    let authority = uri.authority().ok_or("the address has no host")?.as_str();
    let fields = request.headers_mut();
    fields.insert(HOST, HeaderValue::from_str(authority).map_err(|_| "the host cannot be sent")?);
    fields.insert(USER_AGENT, HeaderValue::from_static(concat!("trunkline/", env!("CARGO_PKG_VERSION"))));
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "a header cannot be sent")?;
        let mut value = HeaderValue::from_str(value.reveal()).map_err(|_| "a header cannot be sent")?;
        value.set_sensitive(true);
        fields.insert(name, value);
    }
    if body.is_some() {
        fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *request.method_mut() = Method::POST;
    }
    Ok(request)
}

/// Sends `request` on a connection of its own.
async fn one(uri: &Uri, request: hyper::Request<Full<Bytes>>) -> Result<hyper::Response<Bytes>, String> {
    let wrong = |_: hyper::Error| "the connection broke".to_owned();
    let (mut sender, connection) = handshake(connect(uri).await?).await.map_err(wrong)?;
    // Dropped with this future, and the connection with it: a time-out leaves nothing behind.
    let answer = async {
        let (head, body) = sender.send_request(request).await.map_err(wrong)?.into_parts();
        let body = Limited::new(body, LOOKUP_OCTETS_MAX).collect().await;
        let octets = body.map_err(|_| "the answer is too long or broke off")?.to_bytes();
        Ok(hyper::Response::from_parts(head, octets))
    };
    tokio::pin!(connection, answer);
    tokio::select! {
        answer = &mut answer => answer,
        _ = &mut connection => answer.await,
    }
}

/// A stream of octets, encrypted or not.
pub(super) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// A connection to the host of `uri`, over TLS where it says so.
pub(super) async fn connect(uri: &Uri) -> Result<TokioIo<Box<dyn Io>>, String> {
    let host = uri.host().ok_or("the address has no host")?.trim_matches(['[', ']']).to_owned();
    let secure = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let stream = TcpStream::connect((host.as_str(), port)).await.map_err(|e| e.to_string())?;
    if !secure {
        return Ok(TokioIo::new(Box::new(stream)));
    }
    let name = host.try_into().map_err(|_| "the host has no name for TLS")?;
    let stream = tls::https().connect(name, stream).await.map_err(|e| format!("TLS: {}", e.kind()))?;
    Ok(TokioIo::new(Box::new(stream)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// A service that answers its n-th connection with the n-th text, after a pause in ms; gives what it was asked.
    async fn service(answers: Vec<(u64, &'static str)>) -> (String, mpsc::UnboundedReceiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/bills/7?x=%20", listener.local_addr().unwrap());
        let (asked, out) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            for (pause, answer) in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let asked = asked.clone();
                tokio::spawn(async move {
                    let (mut octets, mut buffer) = (Vec::new(), [0; 1024]);
                    // Whole requests here are short: one read has the head, and what is posted ends with a brace.
                    while !octets.ends_with(b"\r\n\r\n") && !octets.ends_with(b"}") {
                        let n = stream.read(&mut buffer).await.unwrap();
                        octets.extend_from_slice(&buffer[..n]);
                    }
                    let _ = asked.send(String::from_utf8(octets).unwrap());
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        (url, out)
    }

    fn request(url: &str, cache_s: u64) -> Request {
        Request {
            lookup: "bill".into(),
            url: Pii::new(url.into()),
            body: None,
            timeout: Duration::from_millis(400),
            retries: 1,
            cache: Duration::from_secs(cache_s),
        }
    }

    const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"ok\": 1}";
    const BROKEN: &str = "HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n";

    async fn asked(
        services: &mut Services,
        out: &mut mpsc::UnboundedReceiver<LookedUp>,
        r: Request,
    ) -> Option<Reply> {
        services.ask(CallId(1), 1, r, vec![("authorization".into(), Pii::new("token".into()))]);
        tokio::time::timeout(Duration::from_secs(5), out.recv()).await.unwrap().unwrap().reply
    }

    #[tokio::test]
    async fn a_service_is_asked_with_its_headers_and_an_answer_is_kept_for_its_time() {
        let (url, mut seen) = service(vec![(0, FINE)]).await;
        let (mut services, mut out) = Services::new();
        for _ in 0..2 {
            let reply = asked(&mut services, &mut out, request(&url, 60)).await.unwrap();
            assert_eq!((reply.status, reply.body.reveal().as_str()), (200, "{\"ok\": 1}"));
        }
        let head = seen.recv().await.unwrap().to_lowercase();
        assert!(head.starts_with("get /bills/7?x=%20 http/1.1\r\n"), "{head}");
        assert!(head.contains("authorization: token\r\n") && head.contains("host: 127.0.0.1:"), "{head}");
        assert!(seen.try_recv().is_err(), "the second answer came from memory");
    }

    #[tokio::test]
    async fn a_service_that_is_slow_broken_or_gone_is_tried_again_and_then_given_up() {
        let (mut services, mut out) = Services::new();
        let (url, _seen) = service(vec![(2000, FINE), (0, FINE)]).await;
        assert!(asked(&mut services, &mut out, request(&url, 0)).await.is_some(), "slow, then fine");
        let (url, _seen) = service(vec![(0, BROKEN), (0, FINE)]).await;
        assert!(asked(&mut services, &mut out, request(&url, 0)).await.is_some(), "broken, then fine");
        let (url, _seen) = service(vec![(2000, FINE), (2000, FINE)]).await;
        assert_eq!(asked(&mut services, &mut out, request(&url, 0)).await, None, "slow twice");
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        assert_eq!(asked(&mut services, &mut out, request(&format!("http://{gone}/"), 0)).await, None);
    }

    #[tokio::test]
    async fn a_redirection_is_followed_at_home_with_its_secrets_and_nowhere_else() {
        const MOVED: &str = "HTTP/1.1 307 Moved\r\nLocation: /new?y=2\r\nContent-Length: 0\r\n\r\n";
        let secret = [("authorization".to_owned(), Pii::new("token".to_owned()))];
        let body = "{\"a\":1}".to_owned();
        let ask = |url: String, body: Option<String>| {
            let secret = secret.clone();
            async move { fetch(&url, body.as_ref(), &secret, Duration::from_secs(2)).await }
        };
        let (url, mut seen) = service(vec![(0, MOVED), (0, FINE)]).await;
        assert_eq!(ask(url, Some(body)).await.unwrap().status, 200);
        let (first, second) = (seen.recv().await.unwrap(), seen.recv().await.unwrap());
        assert!(first.starts_with("POST /bills/7"), "{first}");
        assert!(second.starts_with("POST /new?y=2 ") && second.ends_with("{\"a\":1}"), "{second}");
        assert!(second.to_lowercase().contains("authorization: token"), "{second}");
        let (url, _seen) = service(vec![(0, MOVED); 9]).await;
        assert!(ask(url, None).await.unwrap_err().contains("on and on"));
        let (other, mut unseen) = service(vec![(0, FINE)]).await;
        let away = format!("HTTP/1.1 302 Moved\r\nLocation: {other}\r\nContent-Length: 0\r\n\r\n");
        let (url, _seen) = service(vec![(0, away.leak())]).await;
        assert!(ask(url, None).await.unwrap_err().contains("leads where we do not follow"));
        assert!(unseen.try_recv().is_err(), "nobody else is asked");
    }

    #[tokio::test]
    async fn what_is_too_long_or_nonsense_is_no_answer_and_errors_tell_nothing_personal() {
        let long = format!("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{}", "x".repeat(100_000));
        let (url, _seen) = service(vec![(0, long.leak()), (0, "nonsense\r\n\r\n")]).await;
        for _ in 0..2 {
            let why = fetch(&url, None, &[], Duration::from_secs(2)).await.unwrap_err();
            assert!(!why.contains("bills"), "{why}");
        }
        let (url, mut seen) = service(vec![(0, FINE)]).await;
        fetch(&url, Some(&"{\"a\":1}".to_owned()), &[], Duration::from_secs(2)).await.unwrap();
        let sent = seen.recv().await.unwrap();
        assert!(sent.starts_with("POST /") && sent.ends_with("{\"a\":1}"), "{sent}");
    }
}
