//! Session descriptions: what an audio stream is to be (RFC 8866), agreed on by offer and answer (RFC 3264).
//!
//! In: SDP as it came, and [`Local`], what we can do. Out: SDP to send, and [`StreamSpec`], what was agreed. Pure
//! functions: `offer` → the peer's answer → `accept`, or the peer's offer → `answer`.
//!
//! ```text
//! v=0                                  m=audio 4000 RTP/AVP 8 101
//! o=- 1 1 IN IP4 10.0.0.1              a=rtpmap:8 PCMA/8000
//! s=-                                  a=rtpmap:101 telephone-event/8000
//! c=IN IP4 10.0.0.1                    a=fmtp:101 0-16
//! t=0 0                                a=ptime:20
//!                                      a=sendrecv
//! ```

mod crypto;
mod negotiate;
mod session;

pub use crypto::Crypto;
pub use negotiate::{Local, SdpError, StreamSpec, accept, answer, offer};
pub use session::{Media, Session, fuzz};
