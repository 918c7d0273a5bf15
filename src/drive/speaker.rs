//! Who speaks: a server on another machine (`voice_server.rs`), or a speaking process: our own binary run as `trunkline speak-worker VOICE.onnx`, started when something is to be said, watched
//! and replaced.
//!
//! A damaged voice or a fault in the network ends that process, not the server: the text is spoken by espeak-ng then, and the voice is
//! tried again after a pause.
//!
//! `piper.rs` is the other end. On the pipe, both ways little-endian. Request: a [`Manner`] (speaker `u32`, speed `f32`, noise `f32` or NaN for
//! the voice's own), octets `u32`, then the text in UTF-8. Reply: 0, octets `u32`, then `i16` samples at 8 kHz; or 1, octets `u32`, then
//! what went wrong.

use super::rest::Rest;
use super::voice::samples;
use super::voice_server::VoiceServer;
use crate::base::Lang;
use crate::limits;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;

/// The hidden subcommand that runs one.
pub const WORKER: &str = "speak-worker";
/// Octets of one answer: five minutes of speech.
pub(super) const ANSWER_MAX: u32 = 5 * 60 * 8000 * 2;

/// How a voice speaks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Manner {
    /// Which of its people, from 0.
    pub speaker: u32,
    /// 1 is as fast as it was trained.
    pub speed: f32,
    /// How much its sound varies, 0–1; as trained if it is not said.
    pub noise: Option<f32>,
}

impl Default for Manner {
    fn default() -> Self {
        Manner { speaker: 0, speed: 1.0, noise: None }
    }
}

impl Manner {
    pub(super) const OCTETS: usize = 12;

    fn write(self, out: &mut Vec<u8>) {
        out.extend(self.speaker.to_le_bytes());
        out.extend(self.speed.to_le_bytes());
        out.extend(self.noise.unwrap_or(f32::NAN).to_le_bytes());
    }

    /// Reads what [`Manner::write`] wrote.
    pub(super) fn read(octets: &[u8]) -> Manner {
        let four = |at: usize| octets.get(at..at + 4).and_then(|o| o.try_into().ok()).unwrap_or_default();
        let noise = f32::from_le_bytes(four(8));
        Manner {
            speaker: u32::from_le_bytes(four(0)),
            speed: f32::from_le_bytes(four(4)),
            noise: Some(noise).filter(|n| !n.is_nan()),
        }
    }
}

/// Where a voice is.
#[derive(Debug)]
enum Place {
    /// In a process of `binary`.
    Here {
        binary: PathBuf,
        file: PathBuf,
    },
    There(VoiceServer),
}

/// One voice and the process that has it, if there is one.
#[derive(Debug)]
pub struct Speaker {
    place: Place,
    /// What its sound depends on beside the text.
    pub identity: String,
    manner: Manner,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    process: Option<Process>,
    rest: Rest,
}

#[derive(Debug)]
struct Process {
    stdin: ChildStdin,
    stdout: ChildStdout,
    _child: Child,
}

impl Speaker {
    /// The voice of `file` (see [`super::voices`]), spoken by processes of `binary`.
    pub fn new(binary: PathBuf, file: PathBuf, manner: Manner) -> Speaker {
        let octets = std::fs::metadata(&file).map_or(0, |m| m.len());
        let mut speaker = Speaker::at(Place::Here { binary, file }, manner);
        speaker.identity = format!("{} {octets} {manner:?}", speaker.name());
        speaker
    }

    /// The voice of a server at `url`, `ws://` or `wss://`: the one it calls `speaker`, or its own choice.
    pub fn remote(url: String, lang: Lang, speaker: Option<String>, manner: Manner) -> Speaker {
        let identity = format!("{url} {speaker:?} {manner:?}");
        Speaker { identity, ..Speaker::at(Place::There(VoiceServer { url, lang, speaker }), manner) }
    }

    fn at(place: Place, manner: Manner) -> Speaker {
        Speaker { place, identity: String::new(), manner, state: Mutex::default() }
    }

    /// The voice's file, or where its server is.
    pub fn name(&self) -> &str {
        match &self.place {
            Place::Here { file, .. } => file.file_name().and_then(|name| name.to_str()).unwrap_or_default(),
            Place::There(server) => &server.url,
        }
    }

    /// The samples of `text`, 8 kHz; three quarters as fast if `slow`.
    ///
    /// # Errors
    /// When the voice cannot be loaded, fails, is too slow, or has failed just now (`WouldBlock`).
    pub async fn speak(&self, text: &str, slow: bool) -> io::Result<Vec<i16>> {
        let mut state = self.state.lock().await;
        if state.rest.lasts() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let speed = self.manner.speed * if slow { 0.75 } else { 1.0 };
        let manner = Manner { speed, ..self.manner };
        let said = tokio::time::timeout(limits::RENDER_MAX, async {
            let (binary, file) = match &self.place {
                Place::There(server) => return server.say(text, manner).await,
                Place::Here { binary, file } => (binary, file),
            };
            let process = match &mut state.process {
                Some(process) => process,
                none => none.insert(spawn(binary, file)?),
            };
            process.ask(&request(text, manner)).await
        });
        match said.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(answer) => {
                state.rest.over();
                answer
            }
            Err(error) => {
                state.process = None;
                state.rest.failed();
                Err(error)
            }
        }
    }
}

fn spawn(binary: &Path, file: &Path) -> io::Result<Process> {
    let mut child = Command::new(binary)
        .arg(WORKER)
        .arg(file)
        // One thread: the other cores have calls to serve.
        .env("RTEN_NUM_THREADS", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let pipes = child.stdin.take().zip(child.stdout.take());
    let (stdin, stdout) = pipes.ok_or(io::ErrorKind::BrokenPipe)?;
    Ok(Process { stdin, stdout, _child: child })
}

impl Process {
    /// The outer error is the process's, the inner one the text's.
    async fn ask(&mut self, request: &[u8]) -> io::Result<io::Result<Vec<i16>>> {
        self.stdin.write_all(request).await?;
        let how = self.stdout.read_u8().await?;
        let octets = self.stdout.read_u32_le().await?;
        if octets > ANSWER_MAX {
            return Err(io::Error::other("an answer that is too long"));
        }
        let mut said = vec![0; octets as usize];
        self.stdout.read_exact(&mut said).await?;
        Ok(match how {
            0 => Ok(samples(&said)),
            _ => Err(io::Error::other(String::from_utf8_lossy(&said).into_owned())),
        })
    }
}

fn request(text: &str, manner: Manner) -> Vec<u8> {
    let mut out = Vec::with_capacity(Manner::OCTETS + 4 + text.len());
    manner.write(&mut out);
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manner_crosses_the_pipe() {
        for noise in [None, Some(0.25)] {
            let manner = Manner { speaker: 3, speed: 0.75, noise };
            let mut out = Vec::new();
            manner.write(&mut out);
            assert_eq!((out.len(), Manner::read(&out)), (Manner::OCTETS, manner));
        }
    }

    #[tokio::test]
    async fn a_process_that_fails_is_not_started_for_every_text() {
        // `false` ends at once, whatever it is asked.
        let speaker = Speaker::new("/bin/false".into(), "no.onnx".into(), Manner::default());
        let first = speaker.speak("hello", false).await.unwrap_err();
        assert_ne!(first.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(speaker.speak("hello", false).await.unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert!(speaker.state.lock().await.process.is_none());
    }
}
