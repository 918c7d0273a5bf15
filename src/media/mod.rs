//! The media plane's vocabulary and its pure core. [`Command`] goes in, [`Report`] comes out; nothing else crosses.

mod command;
mod report;

pub use command::{Command, PlayId, Prompt, StreamSpec};
pub use report::{LegStats, PlayEnd, Report};
