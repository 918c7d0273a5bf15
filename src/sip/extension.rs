//! Extensions by their option tags (RFC 3261 §19.2), and the methods that a peer serves: what a message says of them, and
//! what we say.

use super::message::Message;
use super::name::{Method, Name};
use super::syntax::Wrong;

/// The methods that are served, for Allow.
pub(super) const ALLOW: &str =
    "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, REFER, NOTIFY, UPDATE, PRACK, REGISTER";
/// The extensions that are understood, for Supported.
pub(super) const SUPPORTED: &str = "100rel, path, replaces, timer";
/// Provisional responses that must arrive (RFC 3262).
pub(super) const RELIABLE: &str = "100rel";
/// Session timers (RFC 4028).
pub(super) const TIMER: &str = "timer";

impl Message {
    /// The sender understands an extension (RFC 3261 §20.37).
    pub fn supports(&self, extension: &str) -> bool {
        self.lists(Name::Supported, extension) || self.requires(extension)
    }

    /// The sender insists on an extension (RFC 3261 §20.32).
    pub fn requires(&self, extension: &str) -> bool {
        self.lists(Name::Require, extension)
    }

    /// The sender says that it serves `method` (RFC 3261 §20.5).
    pub fn allows(&self, method: &Method) -> bool {
        self.lists(Name::Allow, method.text())
    }

    fn lists(&self, name: Name, token: &str) -> bool {
        self.all(name).any(|v| v.split(',').any(|t| t.trim().eq_ignore_ascii_case(token)))
    }

    /// What is required that we do not understand.
    pub(super) fn unsupported(&self) -> Result<Vec<&str>, Wrong> {
        let mut required = self.list(Name::Require)?;
        required.retain(|r| !SUPPORTED.split(", ").any(|s| r.eq_ignore_ascii_case(s)));
        Ok(required)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn option_tags_are_found_over_lines_and_lists_in_any_case() {
        let text = "INVITE sip:a SIP/2.0\r\nk: replaces, Timer\r\nSupported: gruu\r\nRequire: 100rel,path,gruu\r\nAllow: BYE, UPDATE\r\n\r\n";
        let m = Message::parse(&Bytes::from(text)).unwrap();
        assert!(m.supports(TIMER) && m.supports("gruu") && m.supports(RELIABLE) && !m.requires(TIMER));
        assert!(m.allows(&Method::Update) && !m.allows(&Method::Info));
        assert_eq!(m.unsupported().unwrap(), ["gruu"]);
    }
}
