//! `trunkline models`: which listening models there are, which are known, and fetching them.

use super::Places;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use trunkline::drive::known::{KNOWN, Known};
use trunkline::drive::models::{self, Model};

/// Show, check, add and fetch listening models.
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
    /// Fetch a known model into the folder, and check it.
    Fetch { name: String },
}

pub(super) async fn models(args: &Models, places: &Places) -> Result<(), String> {
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
        What::Fetch { name } => fetch(name, places).await,
    }
}

async fn fetch(name: &str, places: &Places) -> Result<(), String> {
    let names: Vec<&str> = KNOWN.iter().map(|k| k.name).collect();
    let known = Known::named(name)
        .ok_or_else(|| format!("no known model `{name}`; there are: {}", names.join(", ")))?;
    let folder = places.models();
    let (to, part) = (folder.join(known.file()), folder.join(".fetched").join(known.file()));
    if to.exists() {
        return Err(format!("{} is there already", to.display()));
    }
    let parts = folder.join(".fetched");
    std::fs::create_dir_all(&parts).map_err(|e| format!("{}: {e}", parts.display()))?;
    let mut shown = 0;
    let told = |octets: u64| {
        let tenth = octets * 10 / known.octets.max(1);
        if tenth > shown {
            shown = tenth;
            outln!("{} of {} MB", octets / 1_000_000, known.octets / 1_000_000);
        }
    };
    let fetched = match trunkline::drive::fetch::fetch(&known.url(), &part, known.octets, told).await {
        Ok(()) => models::check(&part),
        Err(why) => Err(why),
    };
    let placed = fetched.and_then(|model| {
        std::fs::rename(&part, &to).map_err(|e| format!("{}: {e}", to.display()))?;
        Ok(model)
    });
    let _ = std::fs::remove_dir_all(&parts);
    placed.map_err(|why| {
        let url = known.url();
        format!("{name} was not fetched: {why}\n  = get {url} where the network allows it, then `trunkline models add {}`", known.file())
    })?;
    outln!("{}: whole; the server listens with it from its next start on", to.display());
    Ok(())
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
    outln!("\nknown, to be had by `trunkline models fetch NAME`:");
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
