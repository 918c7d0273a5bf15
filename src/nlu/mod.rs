//! Text to meaning: intents learned from example sentences, and the few words that work on every line.
//!
//! In: what the recogniser wrote down. Out: scores between 0 and 1 that mean how often such an answer is right.
//! A pure function of the trained model and the text.
//!
//! ```text
//! text ─► features (words, stems, groups, letters, characters, pinyin) ─► vocabulary: one row, a block for each kind
//!      ─► linear model ─► softmax, calibrated ─► × coverage ─► scores
//!                 ▲ where there is an encoder: its vector ─► a second linear model, as far as held-out examples gain by it
//! ```
//! `trunkline nlu eval` measures it on labelled sentences ([`measure`]).

mod alike;
mod bert;
mod encoder;
mod english;
mod features;
mod han;
mod linear;
mod meaning;
pub mod measure;
mod model;
pub mod slots;
mod tensors;
#[cfg(test)]
mod tests;
mod universal;
mod vocabulary;

pub use bert::{Bert, Files};
pub use encoder::Encoder;
pub use features::normalise;
pub use model::{Example, Model, Scored};
pub use universal::{
    Universal, WaitingWish, is_back_channel, needs_time, says, universal, while_waiting, without, yes_no,
};
