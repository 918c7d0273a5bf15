//! Recogniser processes: our own binary run as `trunkline recognise-worker`, started, watched and replaced.
//!
//! A damaged model or a fault in native code ends a worker, not the server: the sentence it had is given to the next
//! worker once, and if that fails too the caller is led by keys. What cannot be served in time is refused at once ([`Admission`]). Where there are engine
//! servers (`remote.rs`) they are asked first, while the sentence is spoken.
//!
//! `engine.rs` is the other end. On the pipe, both ways little-endian. Request: id `u32`, language `u8` (0 Mandarin, 1 English), `u8` 1 where digits are expected, samples `u32`, then
//! that many `i16` at 8 kHz. Reply: id `u32`, confidence `f32`, how many texts `u8`, the likeliest first, and for each its probability `f32`,
//! octets `u32`, then the text in UTF-8. Sentences are handed over whole: for three seconds of speech, which take 20 to 100 ms to write down, a
//! pipe takes 13 µs.

use super::models::Model;
use super::remote::{Remote, Stream};
use crate::asr::{Admission, Transcript};
use crate::base::{Answer, CallId, Hypothesis, Lang, Now};
use crate::config::EngineServer;
use crate::ivr::{Heard, NotHeard};
use crate::limits;
use crate::nlu::Encoder;
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tracing::{info, warn};

/// The hidden subcommand that runs a worker.
pub const WORKER: &str = "recognise-worker";
/// A worker that died is replaced after this pause, doubled up to the second.
const RESTART: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(10)];

/// One sentence to write down.
#[derive(Debug, Clone)]
pub struct Sentence {
    pub call: CallId,
    pub utterance: u32,
    pub lang: Lang,
    /// What was asked for.
    pub expected: Answer,
    /// It may not be over.
    pub early: bool,
    /// 8 kHz.
    pub samples: Arc<[i16]>,
}

/// What became of a sentence.
#[derive(Debug)]
pub struct Recognised {
    pub call: CallId,
    pub utterance: u32,
    /// How long it waited for a recogniser of ours.
    pub waited: Duration,
    pub heard: Result<Heard, NotHeard>,
}

struct Job {
    sentence: Sentence,
    handed: Instant,
    /// It has been with a worker that died.
    again: bool,
}

/// The pool. Dropping it ends the workers.
#[derive(Debug)]
pub struct Recognisers {
    jobs: mpsc::UnboundedSender<Job>,
    results: mpsc::UnboundedSender<Recognised>,
    admission: Arc<Gate>,
    remote: Vec<Arc<Remote>>,
    /// What is being said and sent to an engine server already.
    streams: Mutex<HashMap<CallId, Stream>>,
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
        let shared = Arc::new(tokio::sync::Mutex::new(job_queue));
        let count = if model.is_some() { count } else { 0 };
        let admission = Arc::new(Gate::new(count));
        for (number, model) in model.into_iter().flat_map(|model| (0..count).map(move |n| (n, model))) {
            let worker = Worker {
                number,
                binary: binary.to_owned(),
                model: model.path.clone(),
                jobs: jobs.clone().downgrade(),
                queue: shared.clone(),
                results: results.clone(),
                admission: admission.clone(),
                encoder: encoder.cloned(),
            };
            tokio::spawn(worker.run());
        }
        let encoder = encoder.cloned();
        let remote = servers.iter().map(|server| Arc::new(Remote::new(server.clone()))).collect();
        (Recognisers { jobs, results, admission, remote, streams: Mutex::default(), encoder }, out)
    }

    /// What is being said goes to an engine server, where there is one: the next samples, from the first where it `begins`.
    pub fn goes_on(&self, call: CallId, lang: Lang, begins: bool, samples: Arc<[i16]>) {
        let mut streams = self.streams();
        if begins {
            streams.retain(|of, stream| *of != call && !stream.is_over());
            if let Some(remote) = self.remote(lang) {
                streams.insert(call, Stream::begin(remote, lang));
            }
        }
        if let Some(stream) = streams.get(&call) {
            stream.goes_on(samples);
        }
    }

    fn streams(&self) -> MutexGuard<'_, HashMap<CallId, Stream>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remote(&self, lang: Lang) -> Option<&Arc<Remote>> {
        self.remote.iter().find(|r| r.takes(lang))
    }

    /// Hands over a sentence; refused at once if too many wait.
    pub fn submit(self: &Arc<Self>, sentence: Sentence) {
        let lang = sentence.lang;
        let begun = self.streams().remove(&sentence.call).filter(|s| s.lang == lang && !s.is_over());
        let Some(stream) = begun.or_else(|| Some(Stream::begin(self.remote(lang)?, lang))) else {
            return self.submit_here(sentence);
        };
        let pool = self.clone();
        tokio::spawn(async move {
            match stream.hear(sentence.samples.clone()).await {
                Some(Transcript { text, confidence, others }) => {
                    let heard = told(pool.encoder.as_ref(), Heard { text, confidence, others }).await;
                    let Sentence { call, utterance, .. } = sentence;
                    let waited = Duration::ZERO;
                    let _ = pool.results.send(Recognised { call, utterance, waited, heard });
                }
                None => pool.submit_here(sentence),
            }
        });
    }

    fn submit_here(&self, sentence: Sentence) {
        if self.admission.ask(|a, now| a.take(now, sentence.early)) {
            let _ = self.jobs.send(Job { sentence, handed: Instant::now(), again: false });
            return;
        }
        let (Sentence { call, utterance, .. }, waited) = (sentence, Duration::ZERO);
        let _ = self.results.send(Recognised { call, utterance, waited, heard: Err(NotHeard::Unavailable) });
    }
}

/// The [`Admission`] that the pool and its workers share, with the clock it is told.
#[derive(Debug)]
struct Gate(Mutex<Admission>, Instant);

impl Gate {
    fn new(recognisers: usize) -> Gate {
        Gate(Mutex::new(Admission::new(recognisers, limits::RECOGNISER_WAIT_MAX)), Instant::now())
    }

    fn ask<T>(&self, what: impl FnOnce(&mut Admission, Now) -> T) -> T {
        let Gate(admission, epoch) = self;
        let now = Now(epoch.elapsed().as_micros() as u64);
        what(&mut admission.lock().unwrap_or_else(PoisonError::into_inner), now)
    }
}

struct Worker {
    number: usize,
    binary: std::path::PathBuf,
    model: std::path::PathBuf,
    jobs: mpsc::WeakUnboundedSender<Job>,
    queue: Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<Job>>>,
    results: mpsc::UnboundedSender<Recognised>,
    admission: Arc<Gate>,
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
            let waited = job.handed.elapsed();
            let work = async {
                stdin.write_all(&request(&job.sentence)).await?;
                reply(&mut stdout).await
            };
            self.admission.ask(|a, now| a.begins(now, self.number));
            let done = tokio::time::timeout(limits::RECOGNISE_MAX, work).await;
            self.admission.ask(|a, now| a.stops(now, self.number, matches!(done, Ok(Ok(_)))));
            match done {
                Ok(Ok(heard)) => {
                    answered += 1;
                    let heard = told(self.encoder.as_ref(), heard).await;
                    self.finish(&job.sentence, waited, heard);
                }
                Ok(Err(error)) => {
                    warn!(worker = self.number, %error, "recogniser broke off");
                    self.retry(job);
                    return Served::Died { answered };
                }
                Err(_) => {
                    warn!(worker = self.number, "recogniser too slow; it is replaced");
                    self.finish(&job.sentence, waited, Err(NotHeard::Unavailable));
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
            _ => self.finish(&job.sentence, job.handed.elapsed(), Err(NotHeard::Unavailable)),
        }
    }

    fn finish(&self, sentence: &Sentence, waited: Duration, heard: Result<Heard, NotHeard>) {
        self.admission.ask(|a, _| a.done());
        let Sentence { call, utterance, .. } = *sentence;
        let _ = self.results.send(Recognised { call, utterance, waited, heard });
    }
}

/// What was heard, once the encoder has turned it into vectors, which it remembers: whoever decides does not wait for it.
async fn told(encoder: Option<&Arc<dyn Encoder>>, heard: Heard) -> Result<Heard, NotHeard> {
    if heard.text.is_empty() {
        return Err(NotHeard::Empty);
    }
    if let Some(encoder) = encoder.cloned() {
        let texts: Vec<String> = heard.texts().map(|(text, _)| text.to_owned()).collect();
        let _ = tokio::task::spawn_blocking(move || {
            texts.iter().for_each(|text| drop(encoder.embed(text)));
        })
        .await;
    }
    Ok(heard)
}

enum Served {
    PoolGone,
    Died { answered: usize },
}

fn request(sentence: &Sentence) -> Vec<u8> {
    let mut out = Vec::with_capacity(10 + sentence.samples.len() * 2);
    out.extend(sentence.utterance.to_le_bytes());
    out.push(match sentence.lang {
        Lang::Zh => 0,
        Lang::En => 1,
    });
    out.push(u8::from(sentence.expected == Answer::Digits));
    out.extend((sentence.samples.len() as u32).to_le_bytes());
    out.extend(sentence.samples.iter().flat_map(|s| s.to_le_bytes()));
    out
}

async fn reply(from: &mut (impl AsyncReadExt + Unpin)) -> io::Result<Heard> {
    let _id = from.read_u32_le().await?;
    let confidence = from.read_f32_le().await?;
    let mut texts = Vec::new();
    for _ in 0..from.read_u8().await? {
        let probability = from.read_f32_le().await?;
        let octets = from.read_u32_le().await?.min(1 << 16);
        let mut text = vec![0; octets as usize];
        from.read_exact(&mut text).await?;
        texts.push(Hypothesis { text: String::from_utf8_lossy(&text).into_owned(), probability });
    }
    let mut texts = texts.into_iter();
    let text = texts.next().map(|t| t.text).unwrap_or_default();
    Ok(Heard { text, confidence, others: texts.collect() })
}
