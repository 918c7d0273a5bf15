//! Recognisers on other machines: a sentence goes to an engine server over a WebSocket, and to our own processes if that fails. It goes while
//! it is spoken, so that a server that keeps pace with speech has written it down when it ends.
//!
//! A server that failed is left alone for a pause, doubled each time; who calls meanwhile is heard here, at once.

use super::http::{Io, connect};
use super::rest::Rest;
use crate::asr::{Answer, Sent, Transcript};
use crate::base::Lang;
use crate::config::EngineServer;
use crate::limits::{REMOTE_MAX, REMOTE_SILENCE_MAX};
use futures_util::{SinkExt, StreamExt};
use hyper::Uri;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::{WebSocketStream, client_async};
use tracing::warn;

/// One engine server.
#[derive(Debug)]
pub(super) struct Remote {
    server: EngineServer,
    rest: Mutex<Rest>,
}

impl Remote {
    pub(super) fn new(server: EngineServer) -> Remote {
        Remote { server, rest: Mutex::default() }
    }

    /// True if it listens to this language and has not failed just now.
    pub(super) fn takes(&self, lang: Lang) -> bool {
        self.server.langs.contains(&lang) && !self.rest().lasts()
    }

    fn rest(&self) -> MutexGuard<'_, Rest> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn exchange(&self, lang: Lang, mut said: UnboundedReceiver<Said>) -> Result<Transcript, String> {
        let dialect = self.server.dialect;
        let mut socket = open(&self.server.url, dialect.sub_protocol()).await?;
        if let Some(begin) = dialect.begin(lang) {
            socket.send(message(begin)).await.map_err(|e| e.to_string())?;
        }
        let (mut answer, mut sent) = (Answer::new(dialect), 0);
        loop {
            let Ok(Some(next)) = timeout(REMOTE_SILENCE_MAX, said.recv()).await else {
                return Err("the sentence was not finished".to_owned());
            };
            let samples = match &next {
                Said::More(more) => more,
                Said::All(all) => all.get(sent..).unwrap_or_default(),
            };
            if !samples.is_empty() {
                socket.send(message(dialect.audio(samples))).await.map_err(|e| e.to_string())?;
                answer.audio_sent();
                sent += samples.len();
            }
            if matches!(next, Said::All(_)) {
                break;
            }
        }
        socket.send(message(dialect.end())).await.map_err(|e| e.to_string())?;
        while let Some(message) = socket.next().await {
            if let Message::Text(text) = message.map_err(|e| e.to_string())?
                && let Some(transcript) = answer.take(&text)?
            {
                let _ = socket.close(None).await;
                return Ok(transcript);
            }
        }
        Err("it hung up before it had answered".to_owned())
    }
}

fn message(sent: Sent) -> Message {
    match sent {
        Sent::Text(text) => Message::text(text),
        Sent::Octets(octets) => Message::binary(octets),
    }
}

/// Of a sentence, 8 kHz.
#[derive(Debug)]
enum Said {
    /// What comes next.
    More(Arc<[i16]>),
    /// All of it: it is over.
    All(Arc<[i16]>),
}

/// A sentence on its way to an engine server. Dropping it ends the connection.
#[derive(Debug)]
pub(super) struct Stream {
    remote: Arc<Remote>,
    pub(super) lang: Lang,
    said: UnboundedSender<Said>,
    heard: JoinHandle<Result<Transcript, String>>,
}

impl Stream {
    pub(super) fn begin(remote: &Arc<Remote>, lang: Lang) -> Stream {
        let (said, from) = unbounded_channel();
        let to = remote.clone();
        let heard = tokio::spawn(async move { to.exchange(lang, from).await });
        Stream { remote: remote.clone(), lang, said, heard }
    }

    /// True if nothing can be heard by it any more.
    pub(super) fn is_over(&self) -> bool {
        self.heard.is_finished()
    }

    /// The next 8 kHz samples.
    pub(super) fn goes_on(&self, samples: Arc<[i16]>) {
        // Whoever does not take them has failed, which is said when the sentence is over.
        let _ = self.said.send(Said::More(samples));
    }

    /// What was said, in `all` samples; `None` (and the log says why) when it cannot be told in time.
    pub(super) async fn hear(mut self, all: Arc<[i16]>) -> Option<Transcript> {
        let _ = self.said.send(Said::All(all));
        let heard = match timeout(REMOTE_MAX, &mut self.heard).await {
            Ok(heard) => heard.unwrap_or_else(|e| Err(e.to_string())),
            Err(_) => Err("it takes too long".to_owned()),
        };
        match heard {
            Ok(transcript) => {
                self.remote.rest().over();
                Some(transcript)
            }
            Err(error) => {
                let (server, pause) = (&self.remote.server.url, self.remote.rest().failed());
                warn!(server, %error, "an engine server failed: we listen ourselves, and ask it again after {pause:?}");
                None
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.heard.abort();
    }
}

/// A WebSocket connection to `url`, over TLS where it says `wss`.
pub(super) async fn open(
    url: &str,
    sub_protocol: Option<&'static str>,
) -> Result<WebSocketStream<Box<dyn Io>>, String> {
    // What connects knows the schemes of HTTP.
    let uri: Uri = url.replacen("ws", "http", 1).parse().map_err(|_| "the address cannot be read")?;
    let mut request = url.into_client_request().map_err(|e| e.to_string())?;
    if let Some(name) = sub_protocol {
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(name));
    }
    let stream = connect(&uri).await?.into_inner();
    Ok(client_async(request, stream).await.map_err(|e| e.to_string())?.0)
}
