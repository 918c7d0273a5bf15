//! Silero's detector of speech (MIT), used where the operator has put it into the models folder: on noisy lines it is much surer than
//! the one that comes with the product, and costs thirteen times as much.
//!
//! It is a recurrent network that hears 32 ms at 8 kHz after the last 4 ms of what came before, and tells what it is to remember. Each leg has
//! a memory of its own, all share the weights. The first [`EARS_MAX`] legs that are listened to have it, the others the product's own.
//!
//! Both in the same ears (`make noise`), on 18 recordings of human speech, 80 s, with noise of three kinds. "False" are sentences heard where nobody
//! spoke; "end" is how far from the end of the speech the sentence ended, at 10, 50 and 90 of 100:
//!
//! ```text
//!                                missed of 18   false   end, ms
//! steady noise, 10 dB   earshot             0       1    -540  -20  200
//!                       silero              0       0    -540  -20  140
//! steady noise, 5 dB    earshot             0      12    -580 -180   60
//!                       silero              0       0    -600 -160  160
//! bursts, 20 dB         earshot             0       0    -340   60  380
//!                       silero              0       0    -420   40  140
//! bursts, 5 dB          earshot             0      23    -240  420 1100
//!                       silero              0       0    -380 -100  220
//! a frame of 20 ms      earshot  11 µs      silero  147 µs, on a slow machine
//! ```
//! Among six other people who speak neither can tell who is meant.

use super::known::detector;
use super::models::{is_published, place_for, put};
use crate::asr::Detect;
use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool, ValueOrView};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, Tensor};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What its file's name begins with.
const NAME: &str = "silero_vad";
/// What it is told at once, and what of it the next time again.
const WINDOW: usize = 256;
const CONTEXT: usize = 32;
/// What it remembers of a leg.
const MEMORY: [usize; 3] = [2, 1, 128];
/// So many legs hear by it at once: should all of them speak, it takes a quarter of a core.
const EARS_MAX: usize = 32;

/// The network, loaded.
pub struct Silero {
    model: Model,
    /// Samples, memory, sample rate; probability, memory.
    inputs: [NodeId; 3],
    outputs: [NodeId; 2],
    options: RunOptions,
}

impl std::fmt::Debug for Silero {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Silero").finish_non_exhaustive()
    }
}

/// Whether this file is one, by its name.
pub fn is_one(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with(NAME) && name.ends_with(".onnx")
}

/// Copies `file`, which has been loaded, into the models folder.
///
/// # Errors
/// When one of that name is there, or it cannot be written.
pub fn add(models: &Path, file: &Path) -> Result<PathBuf, String> {
    let to = place_for(models, file)?;
    put(file, &to)?;
    Ok(to)
}

/// The one in the models folder; of several the first by name.
pub fn find(models: &Path) -> Option<PathBuf> {
    std::fs::read_dir(models).ok()?.flatten().map(|e| e.path()).filter(|file| is_one(file)).min()
}

impl Silero {
    /// Loads `file` and has it hear some silence. What is called like the published file must be it.
    ///
    /// # Errors
    /// When it cannot be used; names the file.
    pub fn load(file: &Path) -> Result<Silero, String> {
        let cannot = |why: String| format!("{}: {why}", file.display());
        let published = detector();
        if file.file_name().is_some_and(|name| name.to_string_lossy() == published.file) {
            is_published(file, &published)?;
        }
        let model = ModelOptions::with_all_ops().load_file(file).map_err(|e| cannot(e.to_string()))?;
        let node = |name: &str| {
            let missing = || cannot(format!("not Silero 5 or 6 for 8 kHz: it has no `{name}`"));
            model.find_node(name).ok_or_else(missing)
        };
        let inputs = [node("input")?, node("state")?, node("sr")?];
        let outputs = [node("output")?, node("stateN")?];
        // A thread of its own: to share so little work among several would cost more.
        let options = RunOptions::default().with_thread_pool(Some(Arc::new(ThreadPool::with_num_threads(1))));
        let silero = Silero { model, inputs, outputs, options };
        silero.run(&[0.0; CONTEXT + WINDOW], &mut Tensor::zeros(&MEMORY)).map_err(cannot)?;
        Ok(silero)
    }

    /// A detector for one leg; `None` when as many as may be have one.
    pub fn detector(self: &Arc<Self>) -> Option<Box<dyn Detect>> {
        // One count is the caller's.
        (Arc::strong_count(self) <= EARS_MAX).then(|| {
            let (memory, window) = (Tensor::zeros(&MEMORY), [0.0; CONTEXT + WINDOW]);
            let hearing =
                Hearing { network: Arc::clone(self), memory, window, filled: CONTEXT, probability: 0.0 };
            Box::new(hearing) as Box<dyn Detect>
        })
    }

    /// The probability that the window is speech.
    fn run(&self, window: &[f32], memory: &mut Tensor<f32>) -> Result<f32, String> {
        let [samples, state, rate] = self.inputs;
        let (of_samples, of_rate) =
            (NdTensor::from_data([1, window.len()], window.to_vec()), NdTensor::<i32, 0>::from(8000));
        let inputs: Vec<(NodeId, ValueOrView<'_>)> = vec![
            (samples, of_samples.view().into()),
            (state, memory.view().into()),
            (rate, of_rate.view().into()),
        ];
        let out = self.model.run(inputs, &self.outputs, Some(self.options.clone()));
        let [probability, next] = <[_; 2]>::try_from(out.map_err(|e| e.to_string())?)
            .map_err(|_| "the network does not answer with two values")?
            .map(|value| Tensor::<f32>::try_from(value).ok());
        *memory =
            next.filter(|next| next.shape() == MEMORY).ok_or("the network does not say what to remember")?;
        let probability = probability.and_then(|p| p.iter().next().copied());
        probability.ok_or_else(|| "the network does not say how probable speech is".to_owned())
    }
}

/// What hears one leg.
struct Hearing {
    network: Arc<Silero>,
    memory: Tensor<f32>,
    window: [f32; CONTEXT + WINDOW],
    filled: usize,
    probability: f32,
}

impl Detect for Hearing {
    fn hear(&mut self, frame: &[i16]) -> f32 {
        for &sample in frame {
            self.window[self.filled] = f32::from(sample) / 32_768.0;
            self.filled += 1;
            if self.filled == self.window.len() {
                // It has worked when it was loaded. Should it not now, how loud the frame is decides.
                self.probability = self.network.run(&self.window, &mut self.memory).unwrap_or(1.0);
                self.window.copy_within(WINDOW.., 0);
                self.filled = CONTEXT;
            }
        }
        self.probability
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("trunkline-silero-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    /// A network of the same form: as probable as the samples' mean, which it adds to what it remembers.
    fn stand_in() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("sip-tests/voices/mean.onnx")
    }

    #[test]
    fn each_leg_has_a_window_and_a_memory_of_its_own() {
        let silero = Arc::new(Silero::load(&stand_in()).unwrap());
        let (mut one, mut other) = (silero.detector().unwrap(), silero.detector().unwrap());
        let (loud, quiet) = ([16_384; 160], [0; 160]);
        assert_eq!(one.hear(&loud), 0.0, "the window is not full");
        let first = one.hear(&loud);
        assert!((first - 0.5 * 256.0 / 288.0).abs() < 1e-4, "{first}");
        assert_eq!(one.hear(&loud), first, "what is left over waits");
        let second = one.hear(&loud);
        assert!((second - first - 0.5).abs() < 1e-4, "the context counts, and what is remembered: {second}");
        assert_eq!([other.hear(&quiet), other.hear(&quiet)], [0.0, 0.0]);
    }

    #[test]
    fn only_so_many_legs_have_it_at_once() {
        let silero = Arc::new(Silero::load(&stand_in()).unwrap());
        let mut all: Vec<_> = (0..EARS_MAX).map(|_| silero.detector().unwrap()).collect();
        assert!(silero.detector().is_none());
        all.pop();
        assert!(silero.detector().is_some());
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_its_name() {
        let folder = folder("bad");
        assert_eq!(find(&folder), None);
        let file = folder.join("silero_vad.onnx");
        std::fs::write(&file, b"no network").unwrap();
        assert_eq!(find(&folder).as_ref(), Some(&file));
        assert!(Silero::load(&file).unwrap_err().contains("silero_vad.onnx: "));
        std::fs::copy(stand_in().with_file_name("hum.onnx"), &file).unwrap();
        assert!(Silero::load(&file).unwrap_err().contains("it has no `state`"));
        // What has the published file's name must be that.
        let named = folder.join(detector().file);
        std::fs::copy(stand_in(), &named).unwrap();
        assert!(Silero::load(&named).unwrap_err().contains("not copied whole"));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
