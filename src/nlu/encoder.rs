//! What makes sentences alike that share no word.

use std::fmt;

/// Turns a sentence into a vector that lies near those of sentences that mean much the same. The same text gives the same vector, always.
pub trait Encoder: fmt::Debug + Send + Sync {
    /// The vector, of length 1 and as many numbers for each text; empty where a text cannot be turned into one.
    fn embed(&self, text: &str) -> Vec<f32>;
}
