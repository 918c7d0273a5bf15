//! Recognisers on other machines: a sentence goes to an engine server over a WebSocket, and to our own processes if that fails.
//!
//! A server that failed is left alone for a pause, doubled each time; who calls meanwhile is heard here, at once.

use super::http::connect;
use crate::asr::{Answer, Sent, Transcript};
use crate::base::Lang;
use crate::config::EngineServer;
use crate::limits::REMOTE_MAX;
use futures_util::{SinkExt, StreamExt};
use hyper::Uri;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tracing::warn;

/// A server that failed is tried again after this pause, doubled up to the second.
const PAUSE: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];

/// One engine server.
#[derive(Debug)]
pub(super) struct Remote {
    server: EngineServer,
    /// After a failure: not before then, and how long that pause was.
    resting: Mutex<Option<(Instant, Duration)>>,
}

impl Remote {
    pub(super) fn new(server: EngineServer) -> Remote {
        Remote { server, resting: Mutex::default() }
    }

    /// True if it listens to this language and has not failed just now.
    pub(super) fn takes(&self, lang: Lang) -> bool {
        let resting = *self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        self.server.langs.contains(&lang) && resting.is_none_or(|(until, _)| Instant::now() >= until)
    }

    /// What was said in 8 kHz samples; `None` (and the log says why) when it cannot be told in time.
    pub(super) async fn hear(&self, lang: Lang, samples: &[i16]) -> Option<Transcript> {
        let heard = tokio::time::timeout(REMOTE_MAX, self.exchange(lang, samples)).await;
        let heard = heard.unwrap_or_else(|_| Err("it takes too long".to_owned()));
        let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        match heard {
            Ok(transcript) => {
                *resting = None;
                Some(transcript)
            }
            Err(error) => {
                let pause = resting.map_or(PAUSE[0], |(_, last)| (last * 2).min(PAUSE[1]));
                *resting = Some((Instant::now() + pause, pause));
                warn!(server = self.server.url, %error, "an engine server failed: we listen ourselves, and ask it again after {pause:?}");
                None
            }
        }
    }

    async fn exchange(&self, lang: Lang, samples: &[i16]) -> Result<Transcript, String> {
        let (url, dialect) = (&self.server.url, self.server.dialect);
        // What connects knows the schemes of HTTP.
        let uri: Uri = url.replacen("ws", "http", 1).parse().map_err(|_| "the address cannot be read")?;
        let mut request = url.into_client_request().map_err(|e| e.to_string())?;
        if let Some(name) = dialect.sub_protocol() {
            request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(name));
        }
        let stream = connect(&uri).await?.into_inner();
        let (mut socket, _) = client_async(request, stream).await.map_err(|e| e.to_string())?;
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
