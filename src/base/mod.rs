//! What every room stands on: time as a value, ids, timers, personal data, and the few words shared by all.
//!
//! Nothing here reads a clock, and nothing here knows SIP, media or calls.

mod expected;
mod hypothesis;
mod pii;
mod rate;
mod srtp;
mod stream;
mod time;
mod timers;

pub use expected::{Answer, Expected};
pub use hypothesis::Hypothesis;
pub use pii::Pii;
pub use rate::Rate;
pub use srtp::{MasterKey, Secret, SrtpKeys, SrtpPolicy, Suite};
pub use stream::{COMFORT_NOISE, Codec, Direction, FRAME_MS, FRAME_SAMPLES, Lang, SAMPLE_RATE};
pub use time::{Epoch, Now};
pub use timers::Timers;

/// One leg of a call: a SIP dialog (or its beginnings) together with its RTP stream.
///
/// Given out by [`crate::sip::Endpoint`] and never reused while the process lives, so a late message about a leg that is
/// gone finds nothing instead of a stranger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct LegId(pub u64);

/// One call from its first INVITE to its record. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct CallId(pub u64);
