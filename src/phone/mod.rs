//! The test phones' decisions: when a scripted caller speaks, and what a recording says about the far end.
//!
//! In: what the far end does, and the samples of a recorded call. Out: the next step to take, and measured times. The
//! phone itself, with its sockets, is `drive/phone.rs`.

mod recording;
mod script;
mod sound;

pub use recording::Recording;
pub use script::{Act, Input, Output, Script};
pub use sound::{Echo, Gap, Track};
