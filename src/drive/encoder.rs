//! The sentence encoder of the models folder, if there is one: read once, and what it has turned into vectors is kept.
//!
//! A sentence takes it some milliseconds. The recogniser's task asks it before it hands a sentence on, so that the thread that decides
//! finds the answer here; at a reload examples are turned into vectors beside that thread, those that have not changed at no cost.

use crate::limits::ENCODED_TEXTS_MAX;
use crate::nlu::{Bert, Encoder, Files};
use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// The folder in the models folder that holds it.
pub const FOLDER: &str = "encoder";

/// An encoder that remembers.
#[derive(Debug)]
struct Remembering {
    encoder: Bert,
    known: Mutex<HashMap<String, Vec<f32>>>,
}

impl Encoder for Remembering {
    fn embed(&self, text: &str) -> Vec<f32> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(vector) = known().get(text) {
            return vector.clone();
        }
        // Not under the lock: others need not wait for this one.
        let vector = self.encoder.embed(text);
        let mut known = known();
        if known.len() >= ENCODED_TEXTS_MAX {
            known.clear();
        }
        known.insert(text.to_owned(), vector.clone());
        vector
    }
}

/// The encoder in the folder `encoder` of the models folder; `Ok(None)` when there is no such folder.
///
/// # Errors
/// Says which file cannot be used, and why.
pub fn find(models: &Path) -> Result<Option<Arc<dyn Encoder>>, String> {
    let folder = models.join(FOLDER);
    if folder.is_dir() { load(&folder).map(Some) } else { Ok(None) }
}

/// The encoder of a folder, as sentence-transformers publishes them.
///
/// # Errors
/// Says which file cannot be used, and why.
pub fn load(folder: &Path) -> Result<Arc<dyn Encoder>, String> {
    let cannot = |why: &str| format!("{}: {why}", folder.display());
    let optional = |name: &str| match std::fs::read(folder.join(name)) {
        Ok(octets) => Ok(Some(octets)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(cannot(&format!("{name}: {e}"))),
    };
    let needed = |name: &str| optional(name)?.ok_or_else(|| cannot(&format!("{name} is missing")));
    let (config, tokenizer) = (needed("config.json")?, needed("tokenizer.json")?);
    let (weights, pooling) = (needed("model.safetensors")?, optional("1_Pooling/config.json")?);
    let files =
        Files { config: &config, tokenizer: &tokenizer, weights: &weights, pooling: pooling.as_deref() };
    let encoder = Bert::load(files).map_err(|why| cannot(&why))?;
    Ok(Arc::new(Remembering { encoder, known: Mutex::default() }))
}
