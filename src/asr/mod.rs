//! Listening: when somebody speaks, and the sentence that was spoken. Recognising it is for others.

mod ear;
mod endpoint;

pub use ear::{Ear, Heard, PREROLL};
pub use endpoint::{Endpointer, Loudness, Turn};
