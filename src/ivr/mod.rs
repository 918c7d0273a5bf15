//! The flat dialogue: one open question, then the right place. No key trees.
//!
//! In: what was heard, keys, silence. Out: what to say, when to listen, and where the call goes.
//! A pure core; audio, SIP and the ACD are elsewhere.

mod condition;
mod dialog;
mod hours;
mod interrupted;
mod lookup;
mod phrases;
mod plan;
#[cfg(test)]
mod tests;
mod question;
mod rehearsal;
mod slot;
pub(crate) mod template;
mod turn;
mod words;

pub use condition::{Condition, Proof};
pub use dialog::Dialog;
pub use hours::Hours;
pub use lookup::{Lookup, RETRY_PAUSE, Reply as ServiceReply, Request, ResultField, ResultKind, encoded};
pub use phrases::{Phrase, offer_callback, position, say as phrase, wait};
pub use plan::{Account, Action, Confirm, Intent, Patience, Plan, Text, Urgent, examples};
pub use question::{Question, Reply, Step, Wanted};
pub use rehearsal::{Act, Rehearsal, Reply as RehearsalReply};
pub use slot::{Filled, Slot};
pub use turn::{Heard, Input, NotHeard, Outcome, Output, Say, Ticket, Turn, Understood};
pub use words::{BRIEFING_VALUES, QueueWords};
