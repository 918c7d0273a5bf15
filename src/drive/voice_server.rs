//! A voice on another machine: one WebSocket connection a text.
//!
//! ```text
//! →  {"text":"How can I help you?","lang":"en","rate":8000,"speed":1.0}      and "speaker", "noise" where they are set
//! ←  16-bit little-endian samples at 8 kHz, in as many binary messages as it likes
//! ←  {"end":true}, or {"error":"…"}
//! ```

use super::remote::open;
use super::speaker::{ANSWER_MAX, Manner};
use super::voice::samples;
use crate::base::Lang;
use futures_util::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use std::io;
use tokio_tungstenite::tungstenite::Message;

/// One voice of a server.
#[derive(Debug)]
pub(super) struct VoiceServer {
    pub(super) url: String,
    pub(super) lang: Lang,
    /// Which of its people.
    pub(super) speaker: Option<String>,
}

#[derive(Serialize)]
struct Wish<'a> {
    text: &'a str,
    lang: &'static str,
    rate: u32,
    speed: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    speaker: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    noise: Option<f32>,
}

#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    end: bool,
    error: Option<String>,
}

impl VoiceServer {
    /// The samples of `text`, 8 kHz. The outer error is the server's, the inner one the text's.
    pub(super) async fn say(&self, text: &str, manner: Manner) -> io::Result<io::Result<Vec<i16>>> {
        let Manner { speed, noise, .. } = manner;
        let (lang, speaker) = (self.lang.code(), self.speaker.as_deref());
        let wish = serde_json::to_string(&Wish { text, lang, rate: 8000, speed, speaker, noise })?;
        let mut socket = open(&self.url, None).await.map_err(io::Error::other)?;
        socket.send(Message::text(wish)).await.map_err(io::Error::other)?;
        let mut octets = Vec::new();
        while let Some(message) = socket.next().await {
            match message.map_err(io::Error::other)? {
                Message::Binary(part) => octets.extend_from_slice(&part),
                Message::Text(text) => {
                    let told: Told = serde_json::from_str(&text)?;
                    let _ = socket.close(None).await;
                    return match told.error {
                        Some(error) => Ok(Err(io::Error::other(error))),
                        None if told.end => Ok(Ok(samples(&octets))),
                        None => Err(io::Error::other("neither an end nor an error")),
                    };
                }
                _ => {}
            }
            if octets.len() > ANSWER_MAX as usize {
                return Err(io::Error::other("an answer that is too long"));
            }
        }
        Err(io::Error::other("it hung up before it had said all"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::speaker::Speaker;
    use super::*;
    use tokio::net::TcpListener;

    /// A server that answers one text after the other with these messages, and gives what it was asked.
    async fn server(answers: Vec<Vec<Message>>) -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let (asked, out) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            for answer in answers {
                let stream = listener.accept().await.unwrap().0;
                let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
                let wish = socket.next().await.unwrap().unwrap();
                asked.send(wish.into_text().unwrap().to_string()).unwrap();
                for message in answer {
                    socket.send(message).await.unwrap();
                }
            }
        });
        (url, out)
    }

    #[tokio::test]
    async fn a_server_speaks_in_parts_and_is_left_alone_when_it_hangs_up() {
        let end = || Message::text(r#"{"end":true}"#);
        let (url, mut asked) = server(vec![
            vec![Message::binary(vec![1, 0, 2]), Message::binary(vec![0, 255, 255]), end()],
            vec![Message::text(r#"{"error":"no such word"}"#)],
            vec![Message::binary(vec![9, 0]), end()],
            vec![Message::binary(vec![1, 0])],
        ])
        .await;
        let manner = Manner { speed: 1.2, noise: Some(0.5), ..Manner::default() };
        let speaker = Speaker::remote(url, Lang::En, Some("ann".into()), manner);
        assert_eq!(speaker.speak("hello", false).await.unwrap(), [1, 2, -1]);
        let first = r#"{"text":"hello","lang":"en","rate":8000,"speed":1.2,"speaker":"ann","noise":0.5}"#;
        assert_eq!(asked.recv().await.unwrap(), first);
        assert_eq!(speaker.speak("xyzzy", false).await.unwrap_err().to_string(), "no such word");
        assert_eq!(
            speaker.speak("hello", true).await.unwrap(),
            [9],
            "one word that fails is not the server's end"
        );
        let left = speaker.speak("hello", false).await.unwrap_err();
        assert!(left.to_string().contains("hung up") || left.to_string().contains("reset"), "{left}");
        assert_eq!(speaker.speak("hello", false).await.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }
}
