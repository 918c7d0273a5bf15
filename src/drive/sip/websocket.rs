//! SIP over WebSocket (RFC 7118): one WebSocket message is one SIP message, or a keep-alive.

use super::connection::{Got, Wire};
use crate::limits::SIP_MESSAGE_OCTETS_MAX;
use crate::sip::Frame;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use std::io;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message, Utf8Bytes};

const PROTOCOL: &str = "Sec-WebSocket-Protocol";

/// A WebSocket whose client speaks SIP.
pub(super) struct Socket<S>(WebSocketStream<S>);

/// Agrees on the WebSocket; a client that does not offer the sub-protocol `sip` gets 400 (RFC 7118 §4).
pub(super) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> io::Result<Socket<S>> {
    let config = WebSocketConfig::default()
        .max_message_size(Some(SIP_MESSAGE_OCTETS_MAX))
        .max_frame_size(Some(SIP_MESSAGE_OCTETS_MAX));
    let socket = tokio_tungstenite::accept_hdr_async_with_config(stream, sub_protocol, Some(config)).await;
    socket.map(Socket).map_err(io::Error::other)
}

#[allow(clippy::result_large_err, reason = "tungstenite's signature")]
fn sub_protocol(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let offers = request.headers().get_all(PROTOCOL).iter().filter_map(|v| v.to_str().ok());
    if !offers.flat_map(|v| v.split(',')).any(|p| p.trim().eq_ignore_ascii_case("sip")) {
        let mut refusal = ErrorResponse::new(Some("the sub-protocol must be sip (RFC 7118)".into()));
        *refusal.status_mut() = StatusCode::BAD_REQUEST;
        return Err(refusal);
    }
    response.headers_mut().insert(PROTOCOL, HeaderValue::from_static("sip"));
    Ok(response)
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire for Socket<S> {
    async fn read(&mut self) -> io::Result<Got> {
        let octets = match self.0.next().await {
            Some(Ok(Message::Text(text))) => Bytes::from(text),
            Some(Ok(Message::Binary(octets))) => octets,
            // tungstenite answers pings.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => return Ok(Got::Part),
            Some(Ok(Message::Close(_))) | None => return Ok(Got::End),
            Some(Err(tungstenite::Error::Io(error))) => return Err(error),
            Some(Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed)) => {
                return Ok(Got::End);
            }
            Some(Err(tungstenite::Error::Protocol(
                tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            ))) => return Ok(Got::End),
            Some(Err(error)) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        };
        match octets.as_ref() {
            b"\r\n\r\n" => Ok(Got::Frame(Frame::Ping)),
            b"\r\n" | b"" => Ok(Got::Part),
            _ => Ok(Got::Frame(Frame::Message(octets))),
        }
    }

    async fn write(&mut self, message: Bytes) -> io::Result<()> {
        // RFC 7118 §5: text wherever the message is UTF-8; scripts in browsers read it more easily.
        let message = match Utf8Bytes::try_from(message.clone()) {
            Ok(text) => Message::Text(text),
            Err(_) => Message::Binary(message),
        };
        self.0.send(message).await.map_err(io::Error::other)
    }

    fn unfinished(&self) -> bool {
        false
    }
}
