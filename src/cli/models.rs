//! `trunkline models`: which listening models there are, which are known, and how to get them.

use super::Places;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use trunkline::drive::known::{KNOWN, Known};
use trunkline::drive::models::{self, Model};

/// Show, check and add listening models.
#[derive(Debug, Args)]
pub(super) struct Models {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The models in the folder, which of them is listened with, and those that can be fetched.
    List,
    /// Check files, or all in the folder: header, size, SHA-256 where it is known.
    Check { files: Vec<PathBuf> },
    /// Check a file and copy it into the folder.
    Add { file: PathBuf },
}

pub(super) fn models(args: &Models, places: &Places) -> Result<(), String> {
    let folder = places.models();
    match &args.what {
        What::List => list(places),
        What::Check { files } => {
            let checked: Vec<(PathBuf, Result<Model, String>)> = match files.is_empty() {
                true => models::all(&folder),
                false => files.iter().map(|f| (f.clone(), models::check(f))).collect(),
            };
            if checked.is_empty() {
                return Err(format!("{} holds no model", folder.display()));
            }
            for (path, result) in &checked {
                outln!("{}: {}", path.display(), result.as_ref().map_or_else(Clone::clone, described));
            }
            let bad = checked.iter().filter(|(_, r)| r.is_err()).count();
            (bad == 0).then_some(()).ok_or_else(|| format!("{bad} of {} cannot be used", checked.len()))
        }
        What::Add { file } => {
            let model = models::add(&folder, file)?;
            outln!("{}: {}", model.path.display(), described(&model));
            outln!("the server listens with it from its next start on");
            Ok(())
        }
    }
}

fn list(places: &Places) -> Result<(), String> {
    let folder = places.models();
    let all = models::all(&folder);
    let used = models::used(all.clone());
    outln!("in {}:", folder.display());
    for (path, result) in all {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let listens = used.as_ref().is_ok_and(|m| m.as_ref().is_some_and(|m| m.path == path));
        let state = result.as_ref().map_or_else(Clone::clone, described);
        outln!("  {name:<32} {state}{}", if listens { "  (the server listens with it)" } else { "" });
    }
    outln!("\nknown, to be put there:");
    for known in KNOWN {
        let Known { name, octets, about, .. } = known;
        outln!("  {name:<20} {:>6} MB  {about}", octets / 1_000_000);
    }
    outln!("\n`trunkline bench speech` shows how many calls this machine can listen to with each.");
    Ok(())
}

/// A usable model in a few words.
fn described(model: &Model) -> String {
    let octets = std::fs::metadata(&model.path).map_or(0, |m| m.len());
    let by = if model.listed { "comes with trunkline" } else { "your own" };
    let header = model.header;
    format!("good: {} MB, {} layers of {}, {by}", octets / 1_000_000, header.audio_layers, header.audio_state)
}
