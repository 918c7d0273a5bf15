//! Text to meaning: intents learned from example sentences, and the few words that work on every line.
//!
//! In: what the recogniser wrote down. Out: scores between 0 and 1 that mean how often such an answer is right.
//! A pure function of the trained model and the text.
//!
//! ```text
//! text ─► features (words, characters, pinyin) ─► linear model ─► softmax, calibrated ─► × coverage ─► scores
//! ```

mod features;
mod model;
mod universal;

pub use model::{Example, Model, Scored};
pub use universal::{Universal, universal, yes_no};
