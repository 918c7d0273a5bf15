//! `trunkline diff`: what would change for callers.

use clap::Args;
use std::path::PathBuf;
use trunkline::config;
use trunkline::drive::files;

/// Say what changes for callers between two folders of dialplans: routes, texts, and sentences that lead elsewhere.
#[derive(Debug, Args)]
pub(super) struct Diff {
    /// The folder as it is.
    old: PathBuf,
    /// The folder as it would be.
    new: PathBuf,
    /// One JSON array of texts.
    #[arg(long)]
    json: bool,
}

pub(super) fn diff(args: &Diff) -> Result<(), String> {
    let (old, new) = (files::load(&args.old)?, files::load(&args.new)?);
    let told = config::diff(&old, &new);
    if args.json {
        outln!("{}", serde_json::to_string(&told).map_err(|e| e.to_string())?);
        return Ok(());
    }
    for text in &told {
        outln!("{text}");
    }
    outln!("{} → {}: {} changes for callers", old.version, new.version, told.len());
    Ok(())
}
