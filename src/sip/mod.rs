//! SIP: see `event.rs` for the vocabulary.
mod event;
pub use event::{Command, Credentials, EndCause, Event, Flow, Incoming, Input, Output, Target, Transport};
