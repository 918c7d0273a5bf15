//! One of several things that a sentence may have been.

use serde::{Deserialize, Serialize};

/// What a sentence may have been, and how likely that is beside the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hypothesis {
    pub text: String,
    /// 0–1; those of one sentence add up to 1.
    pub probability: f32,
}
