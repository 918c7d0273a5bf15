//! What has happened last, for the report of a failure, and a digest of all of it, for comparing runs.

use crate::base::Now;
use bytes::Bytes;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

/// One line of the trace. SIP messages are kept as they are: most are never printed.
#[derive(Debug)]
enum Line {
    Text(String),
    Wire { way: &'static str, who: u32, message: Bytes },
}

/// The newest events and the digest of every event.
#[derive(Debug)]
pub(super) struct Trace {
    lines: VecDeque<(Now, Line)>,
    keep: usize,
    hash: DefaultHasher,
}

impl Trace {
    pub(super) fn new(keep: usize) -> Trace {
        Trace { lines: VecDeque::with_capacity(keep + 1), keep, hash: DefaultHasher::new() }
    }

    pub(super) fn say(&mut self, now: Now, text: String) {
        (now.0, &text).hash(&mut self.hash);
        self.push(now, Line::Text(text));
    }

    /// A SIP message of phone `who`, on its `way`.
    pub(super) fn wire(&mut self, now: Now, way: &'static str, who: u32, message: &Bytes) {
        (now.0, way, who, message.len()).hash(&mut self.hash);
        self.hash.write(message.get(..24).unwrap_or_default());
        self.push(now, Line::Wire { way, who, message: message.clone() });
    }

    fn push(&mut self, now: Now, line: Line) {
        self.lines.push_back((now, line));
        if self.lines.len() > self.keep {
            self.lines.pop_front();
        }
    }

    /// The same for two runs if the same happened in both.
    pub(super) fn digest(&self) -> u64 {
        self.hash.finish()
    }

    /// The newest events as text, oldest first.
    pub(super) fn newest(&self) -> Vec<String> {
        let line = |(now, line): &(Now, Line)| {
            let at = format!("{:>10}.{:03}", now.ms() / 1000, now.ms() % 1000);
            match line {
                Line::Text(text) => format!("{at}  {text}"),
                Line::Wire { way, who, message } => format!("{at}  phone {who} {way} {}", head(message)),
            }
        };
        self.lines.iter().map(line).collect()
    }
}

/// First line, CSeq and Call-ID of a message.
fn head(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    let field = |name: &str| {
        text.lines().find_map(|l| l.strip_prefix(name)).map(|v| format!(" |{v}")).unwrap_or_default()
    };
    format!("{}{}{}", text.lines().next().unwrap_or_default(), field("CSeq:"), field("Call-ID:"))
}
