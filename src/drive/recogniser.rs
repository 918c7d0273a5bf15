//! Recogniser processes: our own binary run as `trunkline recognise-worker`, started, watched and replaced.
//!
//! A damaged model or a fault in native code ends a worker, not the server: the sentence it had is given to the next
//! worker once, and if that fails too the caller is led by keys. What cannot be served in time is refused at once. Where there are engine
//! servers (`remote.rs`) they are asked first.
//!
//! `engine.rs` is the other end. On the pipe, both ways little-endian. Request: id `u32`, language `u8` (0 Mandarin, 1 English), samples `u32`, then
//! that many `i16` at 8 kHz. Reply: id `u32`, confidence `f32`, octets `u32`, then the text in UTF-8.

use super::models::Model;
use super::remote::Remote;
use crate::asr::Transcript;
use crate::base::{CallId, Lang};
use crate::config::EngineServer;
use crate::ivr::{Heard, NotHeard};
use crate::limits;
use crate::nlu::Encoder;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};
use tracing::{info, warn};

/// The hidden subcommand that runs a worker.
pub const WORKER: &str = "recognise-worker";
/// Sentences waiting per worker beyond the one it works on. More could not be answered in time.
const WAITING_PER_WORKER: usize = 6;
/// A worker that died is replaced after this pause, doubled up to the second.
const RESTART: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(10)];

/// One sentence to write down.
#[derive(Debug, Clone)]
pub struct Sentence {
    pub call: CallId,
    pub utterance: u32,
    pub lang: Lang,
    /// 8 kHz.
    pub samples: Arc<[i16]>,
}

/// What became of a sentence.
#[derive(Debug)]
pub struct Recognised {
    pub call: CallId,
    pub utterance: u32,
    pub heard: Result<Heard, NotHeard>,
}

struct Job {
    sentence: Sentence,
    /// It has been with a worker that died.
    again: bool,
}

/// The pool. Dropping it ends the workers.
#[derive(Debug)]
pub struct Recognisers {
    jobs: mpsc::UnboundedSender<Job>,
    results: mpsc::UnboundedSender<Recognised>,
    waiting: Arc<AtomicUsize>,
    bound: usize,
    remote: Vec<Arc<Remote>>,
    encoder: Option<Arc<dyn Encoder>>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("call", &self.sentence.call).finish_non_exhaustive()
    }
}

impl Recognisers {
    /// Starts `count` workers of `binary` with `model`, if there is one, behind the `servers`; what is heard comes out of the receiver.
    pub fn start(
        binary: &Path,
        model: Option<&Model>,
        encoder: Option<&Arc<dyn Encoder>>,
        count: usize,
        servers: &[EngineServer],
    ) -> (Recognisers, mpsc::UnboundedReceiver<Recognised>) {
        let (jobs, job_queue) = mpsc::unbounded_channel();
        let (results, out) = mpsc::unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let shared = Arc::new(Mutex::new(job_queue));
        let count = if model.is_some() { count } else { 0 };
        for (number, model) in model.into_iter().flat_map(|model| (0..count).map(move |n| (n, model))) {
            let worker = Worker {
                number,
                binary: binary.to_owned(),
                model: model.path.clone(),
                jobs: jobs.clone().downgrade(),
                queue: shared.clone(),
                results: results.clone(),
                waiting: waiting.clone(),
                encoder: encoder.cloned(),
            };
            tokio::spawn(worker.run());
        }
        let (bound, encoder) = (count * (WAITING_PER_WORKER + 1), encoder.cloned());
        let remote = servers.iter().map(|server| Arc::new(Remote::new(server.clone()))).collect();
        (Recognisers { jobs, results, waiting, bound, remote, encoder }, out)
    }

    /// Hands over a sentence; refused at once if too many wait.
    pub fn submit(self: &Arc<Self>, sentence: Sentence) {
        let Some(remote) = self.remote.iter().find(|r| r.takes(sentence.lang)).cloned() else {
            return self.submit_here(sentence);
        };
        let pool = self.clone();
        tokio::spawn(async move {
            match remote.hear(sentence.lang, &sentence.samples).await {
                Some(Transcript { text, confidence }) => {
                    remember(pool.encoder.as_ref(), &text).await;
                    let Sentence { call, utterance, .. } = sentence;
                    let heard =
                        if text.is_empty() { Err(NotHeard::Empty) } else { Ok(Heard { text, confidence }) };
                    let _ = pool.results.send(Recognised { call, utterance, heard });
                }
                None => pool.submit_here(sentence),
            }
        });
    }

    fn submit_here(&self, sentence: Sentence) {
        if self.waiting.load(Ordering::Relaxed) >= self.bound {
            let Sentence { call, utterance, .. } = sentence;
            let _ = self.results.send(Recognised { call, utterance, heard: Err(NotHeard::Unavailable) });
            return;
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _ = self.jobs.send(Job { sentence, again: false });
    }
}

struct Worker {
    number: usize,
    binary: std::path::PathBuf,
    model: std::path::PathBuf,
    jobs: mpsc::WeakUnboundedSender<Job>,
    queue: Arc<Mutex<mpsc::UnboundedReceiver<Job>>>,
    results: mpsc::UnboundedSender<Recognised>,
    waiting: Arc<AtomicUsize>,
    encoder: Option<Arc<dyn Encoder>>,
}

impl Worker {
    /// Keeps one process running for as long as the pool lives.
    async fn run(self) {
        let [mut pause, longest] = RESTART;
        loop {
            match self.spawn() {
                Ok(child) => {
                    info!(worker = self.number, pid = child.id(), "recogniser started");
                    match self.serve(child).await {
                        Served::PoolGone => return,
                        Served::Died { answered } if answered > 0 => pause = RESTART[0],
                        Served::Died { .. } => {}
                    }
                }
                Err(error) => warn!(worker = self.number, %error, "recogniser cannot be started"),
            }
            warn!(worker = self.number, "recogniser ended; another is started in {pause:?}");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(longest);
        }
    }

    fn spawn(&self) -> io::Result<Child> {
        Command::new(&self.binary)
            .arg(WORKER)
            .arg(&self.model)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
    }

    async fn serve(&self, mut child: Child) -> Served {
        let (Some(mut stdin), Some(mut stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Served::Died { answered: 0 };
        };
        let mut answered = 0;
        loop {
            let job = tokio::select! {
                job = async { self.queue.lock().await.recv().await } => job,
                _ = child.wait() => return Served::Died { answered },
            };
            let Some(job) = job else { return Served::PoolGone };
            let work = async {
                stdin.write_all(&request(&job.sentence)).await?;
                reply(&mut stdout).await
            };
            match tokio::time::timeout(limits::RECOGNISE_MAX, work).await {
                Ok(Ok(heard)) => {
                    answered += 1;
                    remember(self.encoder.as_ref(), &heard.text).await;
                    self.finish(
                        &job.sentence,
                        if heard.text.is_empty() { Err(NotHeard::Empty) } else { Ok(heard) },
                    );
                }
                Ok(Err(error)) => {
                    warn!(worker = self.number, %error, "recogniser broke off");
                    self.retry(job);
                    return Served::Died { answered };
                }
                Err(_) => {
                    warn!(worker = self.number, "recogniser too slow; it is replaced");
                    self.finish(&job.sentence, Err(NotHeard::Unavailable));
                    return Served::Died { answered };
                }
            }
        }
    }

    /// Gives the sentence of a worker that died to the next one, once.
    fn retry(&self, job: Job) {
        match self.jobs.upgrade() {
            Some(jobs) if !job.again => {
                let _ = jobs.send(Job { again: true, ..job });
            }
            _ => self.finish(&job.sentence, Err(NotHeard::Unavailable)),
        }
    }

    fn finish(&self, sentence: &Sentence, heard: Result<Heard, NotHeard>) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        let _ = self.results.send(Recognised { call: sentence.call, utterance: sentence.utterance, heard });
    }
}

/// Lets the encoder turn a sentence into its vector, which it remembers: whoever decides does not wait for it.
async fn remember(encoder: Option<&Arc<dyn Encoder>>, text: &str) {
    if let Some(encoder) = encoder.cloned() {
        let text = text.to_owned();
        let _ = tokio::task::spawn_blocking(move || encoder.embed(&text)).await;
    }
}

enum Served {
    PoolGone,
    Died { answered: usize },
}

fn request(sentence: &Sentence) -> Vec<u8> {
    let mut out = Vec::with_capacity(9 + sentence.samples.len() * 2);
    out.extend(sentence.utterance.to_le_bytes());
    out.push(match sentence.lang {
        Lang::Zh => 0,
        Lang::En => 1,
    });
    out.extend((sentence.samples.len() as u32).to_le_bytes());
    out.extend(sentence.samples.iter().flat_map(|s| s.to_le_bytes()));
    out
}

async fn reply(from: &mut (impl AsyncReadExt + Unpin)) -> io::Result<Heard> {
    let _id = from.read_u32_le().await?;
    let confidence = from.read_f32_le().await?;
    let octets = from.read_u32_le().await?.min(1 << 16);
    let mut text = vec![0; octets as usize];
    from.read_exact(&mut text).await?;
    Ok(Heard { text: String::from_utf8_lossy(&text).into_owned(), confidence })
}
