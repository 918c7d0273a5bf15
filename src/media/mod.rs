//! The media plane's vocabulary and its pure core. [`Command`] goes in, [`Report`] comes out; nothing else crosses.
//!
//! ```text
//!   Command ─┐            ┌─► sends    (buffers and slices for sockets)
//!   packet  ─┼─► Shard ───┼─► reports  (to the control plane)
//!   tick    ─┘   legs     ├─► files    (to the recordings' writer)
//!                         └─► speech   (decoded frames, lent to the listener)
//! ```

mod command;
mod leg;
mod out;
mod play;
mod report;
mod shard;
mod wheel;

pub use crate::sdp::StreamSpec;
pub use crate::taps::Taping;
pub use command::{Command, PlayId, Prompt};
pub use out::{Body, Channel, FileOp, Out, Send};
pub use report::{FarStats, LegStats, PlayEnd, Rejects, Report};
pub use shard::{Input, Shard};
