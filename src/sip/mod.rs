//! SIP (RFC 3261): the pure core between the wire and the call.
//!
//! In: [`Input`] — messages off the wire, commands of the call, time. Out: [`Output`] — messages for the wire, events for
//! the call. [`Endpoint`] is the whole; `event.rs` is its vocabulary.
//!
//! ```text
//! framer ─► message (lines, name, syntax, uri, body) ─► request, admit ─► reply ─► layer ─► dialog ─► leg: uac, uas, mid,
//!                                                       watch, trace                              offers, prack, session, refer
//!              build (value) ◄───────────────────── invite_client, invite_server, client, server
//!                                    transport      registrar + digest, register
//! ```

mod admit;
mod answers;
mod body;
mod build;
mod client;
mod dialog;
mod digest;
mod endpoint;
mod event;
mod extension;
pub mod framer;
mod gate;
mod identity;
mod invite_client;
mod invite_server;
mod key;
mod ladder;
mod layer;
mod leg;
mod lines;
pub mod locate;
mod located;
mod machine;
pub mod message;
mod mid;
mod name;
mod name_addr;
mod offers;
mod options;
mod overview;
mod prack;
mod refer;
mod register;
mod registrar;
mod replaces;
mod reply;
mod request;
mod server;
mod session;
mod settings;
mod settle;
mod stir;
mod syntax;
#[cfg(test)]
mod tests;
mod trace;
mod transaction;
mod transport;
mod uac;
mod uas;
mod uri;
mod value;
mod via;
mod watch;

pub use admit::BY_HAND;
pub use build::Builder;
pub use endpoint::Endpoint;
pub use event::{
    Ask, Claims, Command, Credentials, EndCause, Event, Flow, Incoming, Input, Output, PeerId, Refer, Target,
};
pub use framer::{Frame, Framer, FramingError};
pub use ladder::ladder;
pub use locate::{Hop, Locate};
pub use message::Message;
pub use name::{Method, Name};
pub use name_addr::NameAddr;
pub use overview::Overview;
pub use settings::Config;
pub use stir::{Attest, Forged, Signer, Trust, Verstat, authority};
pub use syntax::Params;
pub use trace::Traced;
pub use transport::{Listener, SeenAs, Transport, is_public};
pub use uri::{SIP_PORT, Uri};
pub use value::Value;
pub use via::Via;
pub use watch::{Ban, KeptBan, Networks, Rules};
