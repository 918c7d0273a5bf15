//! Recognisers on other machines: a sentence goes to an engine server over a WebSocket, and to our own processes if that fails.
//!
//! A server that failed is left alone for a pause, doubled each time; who calls meanwhile is heard here, at once.

use super::http::{Io, connect};
use super::rest::Rest;
use crate::asr::{Answer, Sent, Transcript};
use crate::base::Lang;
use crate::config::EngineServer;
use crate::limits::REMOTE_MAX;
use futures_util::{SinkExt, StreamExt};
use hyper::Uri;
use std::sync::{Mutex, MutexGuard, PoisonError};
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

    /// What was said in 8 kHz samples; `None` (and the log says why) when it cannot be told in time.
    pub(super) async fn hear(&self, lang: Lang, samples: &[i16]) -> Option<Transcript> {
        let heard = tokio::time::timeout(REMOTE_MAX, self.exchange(lang, samples)).await;
        let heard = heard.unwrap_or_else(|_| Err("it takes too long".to_owned()));
        match heard {
            Ok(transcript) => {
                self.rest().over();
                Some(transcript)
            }
            Err(error) => {
                let pause = self.rest().failed();
                warn!(server = self.server.url, %error, "an engine server failed: we listen ourselves, and ask it again after {pause:?}");
                None
            }
        }
    }

    async fn exchange(&self, lang: Lang, samples: &[i16]) -> Result<Transcript, String> {
        let dialect = self.server.dialect;
        let mut socket = open(&self.server.url, dialect.sub_protocol()).await?;
        for sent in dialect.request(lang, samples) {
            let message = match sent {
                Sent::Text(text) => Message::text(text),
                Sent::Octets(octets) => Message::binary(octets),
            };
            socket.send(message).await.map_err(|e| e.to_string())?;
        }
        let mut answer = Answer::new(dialect);
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
