//! Listening: when somebody speaks, and the sentence that was spoken. Recognising it is for
//! worker processes (`drive/recogniser.rs`) or for engine servers ([`Dialect`]); what they load is checked here first. A telephone's own
//! model is run here too ([`Network`]); whisper.cpp runs the others.

mod admission;
mod detect;
mod ear;
mod endpoint;
mod hangover;
mod model;
mod network;
mod remote;
mod upsample;

pub use admission::Admission;
pub use detect::{Detect, Earshot};
pub use ear::{Ear, Heard, PREROLL};
pub use endpoint::{Endpointer, Loudness, Turn};
pub use hangover::hangover;
pub use model::{ModelError, ModelHeader, check_header};
pub use network::{Network, Words};
pub use remote::{Answer, Dialect, Sent, Transcript};
pub use upsample::upsample;
