//! Speaking: texts to prompts, through a neural voice where the language has one (`speaker.rs`), else or if that fails through espeak-ng,
//! kept on disk by content.
//!
//! espeak-ng (GPL-3) is a separate program, one process a text: a crash there costs one prompt. A text rendered once is
//! read from the cache folder ever after, whatever the call.

use super::voices::Speakers;
use crate::base::Lang;
use crate::limits;
use crate::media::Prompt;
use crate::tts::{self, Utterance};
use std::io::{self, Cursor};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::process::Command;
use tokio::sync::{Semaphore, mpsc};
use tracing::warn;

/// The synthesiser program.
pub(super) const PROGRAM: &str = "espeak-ng";
/// Texts rendered at once.
const AT_ONCE: usize = 2;

/// A text that has been rendered, or could not be.
#[derive(Debug)]
pub struct Rendered {
    pub lang: Lang,
    /// Spoken slowly.
    pub slow: bool,
    pub text: String,
    pub prompt: Option<Arc<Prompt>>,
}

/// The renderer. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Voice {
    cache: Option<Arc<Path>>,
    speakers: Arc<Speakers>,
    results: mpsc::UnboundedSender<Rendered>,
    queue: Arc<Mutex<Queue>>,
    slots: Arc<Semaphore>,
}

/// Language, slowly?, text.
type Key = (Lang, bool, String);

/// Texts to render: the latest first, since a call waits for it.
#[derive(Debug, Default)]
struct Queue {
    /// And whether it is kept on disk.
    waiting: Vec<(Key, bool)>,
    working: Vec<Key>,
}

impl Queue {
    /// Puts a text first; false if it is being rendered already.
    fn put(&mut self, key: Key, keep: bool) -> bool {
        if self.working.contains(&key) {
            return false;
        }
        self.waiting.retain(|(other, _)| *other != key);
        self.waiting.push((key, keep));
        true
    }

    fn take(&mut self) -> Option<(Key, bool)> {
        let next = self.waiting.pop()?;
        self.working.push(next.0.clone());
        Some(next)
    }
}

impl Voice {
    /// A voice that keeps what it rendered in `cache`; without, it renders anew. Results come out of the receiver.
    pub fn new(cache: Option<PathBuf>, speakers: Speakers) -> (Voice, mpsc::UnboundedReceiver<Rendered>) {
        let (results, out) = mpsc::unbounded_channel();
        let cache = cache.filter(|folder| match std::fs::create_dir_all(folder) {
            Ok(()) => true,
            Err(error) => {
                warn!(folder = %folder.display(), %error, "prompts cannot be kept: they are rendered at every start");
                false
            }
        });
        let (cache, speakers) = (cache.map(Into::into), Arc::new(speakers));
        let (queue, slots) = (Arc::default(), Arc::new(Semaphore::new(AT_ONCE)));
        (Voice { cache, speakers, results, queue, slots }, out)
    }

    /// Begins to render `text`, before what waits already; on disk it is kept only if that is worth it.
    pub fn render(&self, (lang, slow): (Lang, bool), text: String, keep: bool) {
        if !self.queue().put((lang, slow, text), keep) {
            return;
        }
        let voice = self.clone();
        tokio::spawn(async move {
            let _slot = voice.slots.acquire().await;
            let Some((key, keep)) = voice.queue().take() else { return };
            let (lang, slow, text) = &key;
            let uncached = Voice { cache: None, ..voice.clone() };
            let by = if keep { &voice } else { &uncached };
            let prompt = match by.speak_at(*lang, *slow, text).await {
                Ok(samples) => Some(Arc::new(tts::prompt(&samples))),
                Err(error) => {
                    warn!(lang = lang.code(), %error, "a prompt cannot be spoken");
                    None
                }
            };
            voice.queue().working.retain(|other| *other != key);
            let (lang, slow, text) = key;
            let _ = voice.results.send(Rendered { lang, slow, text, prompt });
        });
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The samples of `text`, 8 kHz, from the cache or the synthesiser.
    ///
    /// # Errors
    /// When the synthesiser is missing, fails, or says nothing.
    pub async fn speak(&self, lang: Lang, text: &str) -> io::Result<Vec<i16>> {
        self.speak_at(lang, false, text).await
    }

    async fn speak_at(&self, lang: Lang, slow: bool, text: &str) -> io::Result<Vec<i16>> {
        if let Some(speaker) = self.speakers.get(&lang) {
            let key = tts::cache_key(&[&speaker.identity, if slow { "slow" } else { "" }, text]);
            match self.made(&key, speaker.speak(text, slow)).await {
                Ok(samples) => return Ok(samples),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    warn!(lang = lang.code(), voice = speaker.identity, %error, "{PROGRAM} speaks in place of a voice");
                }
            }
        }
        let utterance = Utterance::new(lang, text);
        let utterance = if slow { utterance.slowly() } else { utterance };
        self.made(&utterance.cache_key(), synthesise(&utterance)).await
    }

    /// What the cache has for `key`, or what `made` makes; as loud as all prompts.
    async fn made(
        &self,
        key: &str,
        made: impl Future<Output = io::Result<Vec<i16>>>,
    ) -> io::Result<Vec<i16>> {
        let file = self.cache.as_ref().map(|folder| folder.join(format!("{key}.wav")));
        if let Some(samples) = file.as_ref().and_then(|f| read_wav(f).ok()) {
            return Ok(samples);
        }
        let samples = tts::shape(&made.await?);
        if samples.is_empty() {
            return Err(io::Error::other("the synthesiser said nothing"));
        }
        if let Some(error) = file.and_then(|f| keep(&f, &samples).err()) {
            warn!(%error, "a prompt cannot be kept");
        }
        Ok(samples)
    }
}

async fn synthesise(utterance: &Utterance) -> io::Result<Vec<i16>> {
    let child = Command::new(PROGRAM)
        .args(["-v", utterance.voice, "-s", &utterance.speed.to_string(), "--stdout", "--", &utterance.text])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output =
        tokio::time::timeout(limits::RENDER_MAX, child).await.map_err(|_| io::ErrorKind::TimedOut)?;
    let output = output
        .map_err(|e| io::Error::new(e.kind(), format!("{PROGRAM}: {e} (install the package {PROGRAM})")))?;
    if !output.status.success() {
        return Err(io::Error::other(format!("{PROGRAM} ended with {}", output.status)));
    }
    // espeak-ng writes to a pipe, so the lengths in the header are not the real ones: the rate is all we need of it.
    let rate = output.stdout.get(24..28).and_then(|b| b.try_into().ok()).map_or(22_050, u32::from_le_bytes);
    let octets = output.stdout.get(44..).unwrap_or_default();
    Ok(tts::resample(&samples(octets), rate))
}

/// Little-endian octets as samples, as all pipes and servers have them.
pub(super) fn samples(octets: &[u8]) -> Vec<i16> {
    octets.as_chunks().0.iter().map(|two| i16::from_le_bytes(*two)).collect()
}

/// A WAV file as 8 kHz mono samples.
///
/// # Errors
/// When it is not there, or not a WAV file of 16-bit samples.
pub fn read_wav(path: &Path) -> io::Result<Vec<i16>> {
    let octets = std::fs::read(path)?;
    let mut reader = hound::WavReader::new(Cursor::new(octets)).map_err(io::Error::other)?;
    let spec = reader.spec();
    if spec.bits_per_sample != 16 || spec.sample_format != hound::SampleFormat::Int {
        return Err(io::Error::other("not a WAV file of 16-bit samples"));
    }
    let all: Vec<i16> = reader.samples().collect::<Result<_, _>>().map_err(io::Error::other)?;
    let mono: Vec<i16> = all.iter().step_by(usize::from(spec.channels.max(1))).copied().collect();
    Ok(tts::resample(&mono, spec.sample_rate))
}

/// Writes a mono WAV file of 16-bit samples, 8 kHz.
///
/// # Errors
/// When the file cannot be written.
pub fn write_wav(path: &Path, samples: &[i16]) -> io::Result<()> {
    let mut writer = hound::WavWriter::create(path, wav_spec(1)).map_err(io::Error::other)?;
    for sample in samples {
        writer.write_sample(*sample).map_err(io::Error::other)?;
    }
    writer.finalize().map_err(io::Error::other)
}

/// Writes two sides of a call as a stereo WAV file of 16-bit samples, 8 kHz; the shorter side ends in silence.
///
/// # Errors
/// When the file cannot be written.
pub fn write_stereo(path: &Path, left: &[i16], right: &[i16]) -> io::Result<()> {
    let mut writer = hound::WavWriter::create(path, wav_spec(2)).map_err(io::Error::other)?;
    for n in 0..left.len().max(right.len()) {
        for side in [left, right] {
            writer.write_sample(side.get(n).copied().unwrap_or(0)).map_err(io::Error::other)?;
        }
    }
    writer.finalize().map_err(io::Error::other)
}

fn wav_spec(channels: u16) -> hound::WavSpec {
    let sample_format = hound::SampleFormat::Int;
    hound::WavSpec { channels, sample_rate: 8000, bits_per_sample: 16, sample_format }
}

/// Writes beside the place and renames, so that a reader never sees half a file.
fn keep(path: &Path, samples: &[i16]) -> io::Result<()> {
    let beside = path.with_extension(format!("{}.part", std::process::id()));
    write_wav(&beside, samples)?;
    std::fs::rename(beside, path)
}

#[cfg(test)]
mod echo_tests;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_text_is_rendered_first_and_none_twice() {
        let key = |text: &str| (Lang::En, false, text.to_owned());
        let mut queue = Queue::default();
        assert!(["a", "b", "c", "a"].iter().all(|text| queue.put(key(text), true)));
        assert_eq!(queue.take(), Some((key("a"), true)));
        assert!(!queue.put(key("a"), true), "it is being rendered");
        assert_eq!(
            [queue.take(), queue.take(), queue.take()],
            [Some((key("c"), true)), Some((key("b"), true)), None]
        );
    }
}
