//! The messages of a call as a ladder for people: time, a column for each party, an arrow for each message.
//!
//! ```text
//!               192.0.2.1:5060           trunkline           198.51.100.7:5060
//! 18:02:11.120  │───────INVITE (1)──────►│                        │
//! 18:02:11.121  │◄──100 Trying (1 INVITE)│                        │
//! 18:02:12.500  │                        │───────INVITE (2)──────►│
//! ```
//! Digest responses are never shown. Numbers, names, and bodies that are not SDP are shown only where `personal` says so;
//! fields that are not known to be harmless count as personal.

use super::message::{Message, Start};
use super::name::Name;
use super::trace::Traced;
use crate::base::Epoch;
use std::fmt::Write;
use std::net::SocketAddr;

/// Characters from one column to the next.
const WIDTH: usize = 34;
/// What stands in the place of something personal or secret.
const MASK: &str = "‹…›";

/// The ladder of these messages, whole ones with `full`.
pub fn ladder(messages: &[Traced], epoch: Epoch, full: bool, personal: bool) -> String {
    let mut parties: Vec<SocketAddr> = Vec::new();
    for m in messages {
        if !parties.contains(&m.flow.remote) {
            parties.push(m.flow.remote);
        }
    }
    // The caller stands to the left of us, everybody else to the right.
    let column = |of: &SocketAddr| match parties.iter().position(|p| p == of) {
        None | Some(0) => 0,
        Some(n) => n + 1,
    };
    let mut names: Vec<String> = parties.iter().map(ToString::to_string).collect();
    names.insert(names.len().min(1), "trunkline".into());
    let mut text = format!("{:14}", "");
    for name in &names {
        let _ = write!(text, "{name:<WIDTH$}");
    }
    text.truncate(text.trim_end().len());
    for m in messages {
        let parsed = Message::parse(&m.message);
        let label = parsed.as_ref().map_or_else(|_| "?".to_owned(), label);
        let (peer, us) = (column(&m.flow.remote), 1);
        let (from, to) = if m.sent { (us, peer) } else { (peer, us) };
        let _ = write!(text, "\n{}  {}", clock(epoch.unix_ms_at(m.at)), rung(names.len(), from, to, &label));
        if full {
            for line in shown(&m.message, personal).lines() {
                let _ = write!(text, "\n    {line}");
            }
        }
    }
    text
}

/// `INVITE (1)`, `200 OK (1 INVITE)`.
fn label(message: &Message) -> String {
    let cseq = message.get(Name::CSeq).unwrap_or_default();
    let number = cseq.split_whitespace().next().unwrap_or_default();
    match message.start() {
        Start::Request { method, .. } => format!("{method} ({number})"),
        Start::Response { status, reason } => format!("{status} {reason} ({cseq})"),
    }
}

/// UTC, to the millisecond.
fn clock(unix_ms: u64) -> String {
    let (s, ms) = (unix_ms / 1000 % 86_400, unix_ms % 1000);
    format!("{:02}:{:02}:{:02}.{ms:03}", s / 3600, s / 60 % 60, s % 60)
}

/// One line: a bar for each column, an arrow from one to another.
fn rung(columns: usize, from: usize, to: usize, label: &str) -> String {
    let (left, right) = (from.min(to), from.max(to));
    let mut line = String::new();
    for column in 0..columns {
        line.push('│');
        if column < left || column >= right {
            line.extend(std::iter::repeat_n(' ', if column + 1 < columns { WIDTH - 1 } else { 0 }));
            continue;
        }
        if column > left {
            // The arrow passes a column: its bar gives way.
            line.pop();
            continue;
        }
        let room = (right - left) * WIDTH - 1;
        let label: String = label.chars().take(room - 4).collect();
        let dashes = room - 1 - label.chars().count();
        let (before, after) = ("─".repeat(dashes / 2), "─".repeat(dashes - dashes / 2));
        match from < to {
            true => line.extend([&*before, &label, &after, "►"]),
            false => line.extend(["◄", &before, &label, &after]),
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// A whole message as it may be shown.
fn shown(message: &[u8], personal: bool) -> String {
    let text = String::from_utf8_lossy(message);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let (mut out, mut sdp) = (String::new(), false);
    // A folded line belongs to the field above it.
    for (n, line) in head.replace("\r\n ", " ").replace("\r\n\t", " ").split("\r\n").enumerate() {
        let field = line.split_once(':').filter(|_| n > 0);
        match field.map(|(label, value)| (label, Name::of(label.trim_end().as_bytes()), value.trim())) {
            None if personal => out += line,
            None => out += &users_masked(line),
            Some((label, name, value)) => {
                sdp |= name == Name::ContentType && value.to_ascii_lowercase().starts_with("application/sdp");
                let _ = write!(out, "{label}: {}", value_shown(name, value, personal));
            }
        }
        out.push('\n');
    }
    match body {
        "" => {}
        body if personal || sdp => {
            let _ = write!(out, "\n{body}");
        }
        body => {
            let _ = write!(out, "\n{MASK} ({} octets)", body.len());
        }
    }
    out
}

fn value_shown(name: Name, value: &str, personal: bool) -> String {
    match name {
        Name::Authorization | Name::ProxyAuthorization => {
            let value = parameter_masked(value, "response");
            if personal { value } else { users_masked(&parameter_masked(&value, "username")) }
        }
        _ if personal => value.to_owned(),
        Name::Via
        | Name::CallId
        | Name::CSeq
        | Name::MaxForwards
        | Name::ContentLength
        | Name::ContentType
        | Name::Allow
        | Name::Supported
        | Name::Require
        | Name::Unsupported
        | Name::Accept
        | Name::Expires
        | Name::UserAgent
        | Name::Server
        | Name::RetryAfter
        | Name::WwwAuthenticate
        | Name::ProxyAuthenticate => value.to_owned(),
        Name::From | Name::To | Name::Contact | Name::Route | Name::RecordRoute | Name::PAssertedIdentity => {
            addresses_masked(value)
        }
        _ => MASK.to_owned(),
    }
}

/// Hides the value of `key="…"`.
fn parameter_masked(value: &str, key: &str) -> String {
    let lower = value.to_ascii_lowercase();
    let quoted = format!("{key}=\"");
    let starts = |at: &usize| *at == 0 || matches!(lower.as_bytes().get(at - 1), Some(b' ' | b',' | b'\t'));
    let Some(at) = lower.match_indices(&quoted).map(|(at, _)| at).find(starts) else {
        return value.to_owned();
    };
    let begin = at + quoted.len();
    let rest = value.get(begin..).unwrap_or_default();
    let end = rest.find('"').unwrap_or(rest.len());
    format!("{}{MASK}{}", value.get(..begin).unwrap_or_default(), rest.get(end..).unwrap_or_default())
}

/// Hides display names and user parts in a list of addresses.
fn addresses_masked(value: &str) -> String {
    let (mut out, mut name) = (String::new(), String::new());
    let (mut quoted, mut inside, mut named) = (false, false, false);
    for c in value.chars() {
        match c {
            '"' if !inside => {
                quoted = !quoted;
                name.push(c);
            }
            '<' if !quoted && !inside => {
                if !name.trim().is_empty() {
                    out += MASK;
                    out.push(' ');
                }
                (inside, named) = (true, true);
                name.clear();
                name.push(c);
            }
            '>' if inside => {
                out += &users_masked(&name);
                out.push('>');
                name.clear();
                inside = false;
            }
            ',' if !quoted && !inside => {
                out += &users_masked(&name);
                out += ", ";
                name.clear();
                named = false;
            }
            ';' if !quoted && !inside && named => {
                out += &name;
                name.clear();
                name.push(c);
            }
            c => name.push(c),
        }
    }
    out += &users_masked(&name);
    out
}

/// Hides the user parts of URIs.
fn users_masked(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    loop {
        let scheme = ["sip:", "sips:", "tel:"].iter().filter_map(|s| rest.find(s).map(|at| (at, *s))).min();
        let Some((at, scheme)) = scheme else { return out + rest };
        let (before, after) = rest.split_at(at + scheme.len());
        out += before;
        let end = after.find(['>', ' ', ',', '"']).unwrap_or(after.len());
        let (uri, others) = after.split_at(end);
        match uri.split_once('@') {
            Some((_, host)) => out.extend([MASK, "@", host]),
            None if scheme == "tel:" => out += MASK,
            None => out += uri,
        }
        rest = others;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Now;
    use crate::sip::{Flow, Transport};
    use bytes::Bytes;

    const INVITE: &str = "INVITE sip:13911112222@198.51.100.1 SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
        From: \"Li, <Ming>\" <sip:13800000000@h>;tag=f\r\nt: tel:+8613911112222\r\nCall-ID: c\r\nCSeq: 7 INVITE\r\n\
        P-Asserted-Identity: Li <sip:13800000000@h>, <tel:13800000000>\r\nX-Caller: 13800000000\r\n\
        Proxy-Authorization: Digest username=\"1001\", realm=\"line\", uri=\"sip:13911112222@h\", response=\"5ec4e7\"\r\n\
        Content-Type: application/dtmf-relay\r\n\r\nSignal=4\r\n";

    fn traced(remote: &str, ms: u64, sent: bool, text: &str) -> Traced {
        let addr = |a: &str| a.parse().unwrap();
        let flow = Flow { transport: Transport::Udp, local: addr("198.51.100.1:5060"), remote: addr(remote) };
        Traced { at: Now(ms * 1000), flow, sent, message: Bytes::from(text.to_owned()) }
    }

    #[test]
    fn both_legs_stand_in_one_ladder() {
        let ok = "SIP/2.0 200 OK\r\nCSeq: 7 INVITE\r\nCall-ID: c\r\n\r\n";
        let all = [
            traced("192.0.2.1:5060", 0, false, INVITE),
            traced("192.0.2.7:5060", 20, true, INVITE),
            traced("192.0.2.8:5060", 30, false, ok),
            traced("192.0.2.1:5060", 61_007, true, ok),
        ];
        let text = ladder(&all, Epoch { unix_ms: 86_400_000 + 3_600_000 }, false, false);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 5, "{text}");
        assert!(lines[0].starts_with("              192.0.2.1:5060"), "{text}");
        let at = |line: usize, what: char| lines[line].chars().position(|c| c == what);
        let us = lines[0].find("trunkline");
        assert_eq!(at(1, '►').map(|at| at + 1), us, "{text}");
        assert!(lines[1].starts_with("01:00:00.000  │") && lines[1].contains("INVITE (7)"), "{text}");
        assert_eq!(at(2, '►').map(|at| at + 1), lines[0].find("192.0.2.7"), "{text}");
        assert_eq!(at(3, '◄').map(|at| at - 1), us, "{text}");
        assert!(lines[4].starts_with("01:01:01.007  │◄") && lines[4].contains("200 OK (7 INVITE)"), "{text}");
        assert!(!text.contains("13"), "{text}");
    }

    #[test]
    fn whole_messages_hide_secrets_always_and_what_is_personal_unless_it_is_wanted() {
        let all = [traced("192.0.2.1:5060", 0, false, INVITE)];
        let hidden = ladder(&all, Epoch { unix_ms: 0 }, true, false);
        for word in ["1380", "1391", "Li", "Ming", "1001", "5ec4e7", "Signal"] {
            assert!(!hidden.contains(word), "{word} in\n{hidden}");
        }
        for word in [
            "INVITE sip:‹…›@198",
            "From: ‹…› <sip:‹…›@h>;tag=f",
            "t: tel:‹…›",
            "realm=\"line\"",
            "Call-ID: c",
        ] {
            assert!(hidden.contains(word), "no {word} in\n{hidden}");
        }
        let open = ladder(&all, Epoch { unix_ms: 0 }, true, true);
        assert!(open.contains("X-Caller: 13800000000") && open.contains("Signal=4") && open.contains("1001"));
        assert!(!open.contains("5ec4e7"), "{open}");
    }
}
