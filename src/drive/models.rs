//! Which listening model is used: found in the models folder, checked before anything loads it.

use super::known::{Known, Published};
use crate::asr::{self, ModelError, ModelHeader};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The list of known files, as `sha256sum` writes it.
const LIST: &str = "SHA256SUMS";

/// A model that may be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    pub path: PathBuf,
    pub header: ModelHeader,
    /// It stands in the folder's list: it is the one that came with the product.
    pub listed: bool,
}

/// The model to listen with: `wanted` if given, else an operator's own (the largest not in the list), else the one
/// that came with the product. `Ok(None)` when the folder has none.
///
/// # Errors
/// Says which file is unusable, and why.
pub fn find(folder: &Path, wanted: Option<&str>) -> Result<Option<Model>, String> {
    if let Some(name) = wanted {
        let path = folder.join(name);
        return check(&path).map(Some).map_err(|why| format!("{}: {why}", path.display()));
    }
    used(all(folder))
}

/// Which of the files of a folder, checked, is listened with.
///
/// # Errors
/// Says which file is unusable, and why.
pub fn used(checked: Vec<(PathBuf, Result<Model, String>)>) -> Result<Option<Model>, String> {
    let mut own = None;
    let mut shipped = None;
    for (path, result) in checked {
        let model = result.map_err(|why| format!("{}: {why}", path.display()))?;
        if model.listed {
            shipped = Some(model);
        } else {
            own = Some(model);
        }
    }
    Ok(own.or(shipped))
}

/// The model files of a folder, smallest first.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<(u64, PathBuf)> = entries
        .flatten()
        .filter(|e| e.path().extension().is_some_and(|x| x == "bin"))
        .filter_map(|e| Some((e.metadata().ok()?.len(), e.path())))
        .collect();
    files.sort();
    files.into_iter().map(|(_, path)| path).collect()
}

/// Every model file in a folder, smallest first, and what is wrong with it.
pub fn all(folder: &Path) -> Vec<(PathBuf, Result<Model, String>)> {
    let checked = |path: PathBuf| (check(&path), path);
    files(folder).into_iter().map(checked).map(|(result, path)| (path, result)).collect()
}

/// Copies `file` into the folder, checked; under the name that it has.
///
/// # Errors
/// When it is no usable model, another file of that name is there, or it cannot be written.
pub fn add(folder: &Path, file: &Path) -> Result<Model, String> {
    check(file).map_err(|why| format!("{}: {why}", file.display()))?;
    let to = place_for(folder, file)?;
    put(file, &to)?;
    check(&to).map_err(|why| format!("{}: {why}", to.display()))
}

/// Where `file` goes in `folder`, which is made: under the name that it has, if that is free.
pub(super) fn place_for(folder: &Path, file: &Path) -> Result<PathBuf, String> {
    let name = file.file_name().ok_or_else(|| format!("{} names no file", file.display()))?;
    let to = folder.join(name);
    if to.exists() {
        return Err(format!("{} is there already: remove it first", to.display()));
    }
    std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    Ok(to)
}

/// Copies in one step: nobody finds half a file.
pub(super) fn put(file: &Path, to: &Path) -> Result<(), String> {
    let part = to.with_extension("part");
    let copied = std::fs::copy(file, &part).and_then(|_| std::fs::rename(&part, to));
    copied.map_err(|e| format!("{}: {e}", to.display()))
}

/// Checks one model file: its header, and its SHA-256 where that is known.
///
/// # Errors
/// What is wrong with it.
pub fn check(path: &Path) -> Result<Model, String> {
    let header = header(path)?;
    let listed = listed_digest(path);
    if let Some(expected) = &listed {
        if *expected != digest(path).map_err(|e| e.to_string())? {
            return Err(ModelError::Digest.to_string());
        }
    } else if let Some(known) = path.file_name().and_then(|name| Known::named(name.to_str()?)) {
        is_published(path, &known.published())?;
    }
    Ok(Model { path: path.to_owned(), header, listed: listed.is_some() })
}

/// Reads and checks the header alone.
///
/// # Errors
/// What is wrong with it.
pub fn header(path: &Path) -> Result<ModelHeader, String> {
    let mut file = File::open(path).map_err(|e| e.to_string())?;
    let octets = file.metadata().map_err(|e| e.to_string())?.len();
    let mut head = Vec::new();
    file.by_ref().take(64).read_to_end(&mut head).map_err(|e| e.to_string())?;
    asr::check_header(&head, octets).map_err(|e| e.to_string())
}

/// The digest that the folder's list has for this file.
fn listed_digest(path: &Path) -> Option<String> {
    let list = std::fs::read_to_string(path.with_file_name(LIST)).ok()?;
    let name = path.file_name()?.to_str()?;
    list.lines().find_map(|line| {
        let (digest, file) = line.split_once(char::is_whitespace)?;
        (file.trim_start_matches([' ', '*']) == name).then(|| digest.to_owned())
    })
}

/// Tells whether `file` is what is published.
///
/// # Errors
/// What differs.
pub fn is_published(file: &Path, published: &Published) -> Result<(), String> {
    let octets = file.metadata().map_err(|e| e.to_string())?.len();
    if octets != published.octets {
        let whole = published.octets;
        return Err(format!("{}: {} ({octets} octets of {whole})", published.file, ModelError::TooShort));
    }
    match digest(file).map_err(|e| e.to_string())? == published.sha256 {
        true => Ok(()),
        false => Err(format!("{}: {}", published.file, ModelError::Digest)),
    }
}

fn digest(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            n => hash.update(buffer.get(..n).unwrap_or_default()),
        }
    }
    Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("models")
    }

    #[test]
    fn the_shipped_model_is_whole_and_an_operators_own_is_preferred() {
        let model = find(&shipped(), None).unwrap().expect("models/ holds one");
        assert!(model.listed);
        let folder = tempdir("own-model");
        std::fs::copy(&model.path, folder.join("ggml-own.bin")).unwrap();
        assert!(!find(&folder, None).unwrap().unwrap().listed);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_damaged_model_is_refused_with_its_name() {
        let folder = tempdir("damaged-model");
        let model = find(&shipped(), None).unwrap().unwrap();
        let mut octets = std::fs::read(&model.path).unwrap();
        octets.truncate(5000);
        std::fs::write(folder.join("ggml-short.bin"), &octets).unwrap();
        let error = find(&folder, None).unwrap_err();
        assert!(error.contains("ggml-short.bin") && error.contains("too short"), "{error}");
        // One bit of the shipped file, under its own list.
        let mut octets = std::fs::read(&model.path).unwrap();
        octets[100_000] ^= 1;
        let name = model.path.file_name().unwrap();
        std::fs::remove_file(folder.join("ggml-short.bin")).unwrap();
        std::fs::write(folder.join(name), &octets).unwrap();
        std::fs::copy(shipped().join(LIST), folder.join(LIST)).unwrap();
        assert!(find(&folder, None).unwrap_err().contains("SHA-256"));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_model_is_added_whole_and_once() {
        let model = find(&shipped(), None).unwrap().unwrap();
        let [from, to] = ["add-from", "add-to"].map(tempdir);
        let file = from.join("own.bin");
        std::fs::copy(&model.path, &file).unwrap();
        assert!(add(&to, &file).unwrap().path.ends_with("own.bin"));
        assert!(add(&to, &file).unwrap_err().contains("is there already"));
        std::fs::write(&file, b"GGUF and no more").unwrap();
        assert!(add(&to, &file).unwrap_err().contains("not a whisper ggml model"));
        let found = all(&to);
        assert!(found.len() == 1 && found[0].1.is_ok(), "{found:?}");
        for folder in [from, to] {
            std::fs::remove_dir_all(folder).unwrap();
        }
    }

    #[test]
    fn a_file_that_is_called_like_a_known_model_must_be_it() {
        let folder = tempdir("false-tiny");
        let model = find(&shipped(), None).unwrap().unwrap();
        std::fs::copy(&model.path, folder.join("ggml-tiny.bin")).unwrap();
        assert!(find(&folder, None).unwrap_err().contains("not copied whole"));
        std::fs::remove_dir_all(folder).unwrap();
    }

    fn tempdir(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("trunkline-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        path
    }
}
