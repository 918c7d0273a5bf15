//! Cuts a stream into messages (RFC 3261 §18.3, RFC 5626 §3.5.1).
//!
//! In: octets as they arrive, in pieces of any size. Out: whole messages by Content-Length, and keep-alive pings. A
//! stream that cannot be cut any more (no Content-Length, too large) must be closed: there is no way to find the next
//! message in it.

use super::name::Name;
use crate::limits::SIP_MESSAGE_OCTETS_MAX;
use bytes::{Buf, Bytes, BytesMut};

/// What came out of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// One message, header and body.
    Message(Bytes),
    /// A double CRLF between messages: answer it with one CRLF (RFC 5626 §3.5.1).
    Ping,
}

/// Why the stream must be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FramingError {
    /// More than [`SIP_MESSAGE_OCTETS_MAX`] octets.
    TooLarge,
    /// Content-Length is missing, no number, or there twice with two values (RFC 3261 §18.3 demands one on streams).
    NoLength,
}

/// Collects octets of one connection.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: BytesMut,
    /// Where to go on looking for the end of the header section, so that slow senders cost no rescans.
    scanned: usize,
}

impl Framer {
    /// Adds octets from the connection.
    pub fn push(&mut self, octets: &[u8]) {
        self.buffer.extend_from_slice(octets);
    }

    /// The next frame, or `None` until more octets come.
    ///
    /// # Errors
    /// The connection must be closed.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FramingError> {
        if self.scanned == 0 {
            if self.buffer.starts_with(b"\r\n\r\n") {
                self.buffer.advance(4);
                return Ok(Some(Frame::Ping));
            }
            if matches!(self.buffer.as_ref(), b"\r" | b"\r\n" | b"\r\n\r") {
                return Ok(None);
            }
            // A lone line end is a pong, or slack between messages (RFC 3261 §7.5).
            while matches!(self.buffer.first(), Some(b'\r' | b'\n')) {
                self.buffer.advance(1);
            }
        }
        let Some(head) = self.header_end() else {
            return if self.buffer.len() > SIP_MESSAGE_OCTETS_MAX {
                Err(FramingError::TooLarge)
            } else {
                Ok(None)
            };
        };
        let length =
            content_length(self.buffer.get(..head).unwrap_or_default()).ok_or(FramingError::NoLength)?;
        let whole = head
            .checked_add(length)
            .filter(|w| *w <= SIP_MESSAGE_OCTETS_MAX)
            .ok_or(FramingError::TooLarge)?;
        if self.buffer.len() < whole {
            // The header section stays known: it is found again at once.
            self.scanned = head.saturating_sub(4).max(1);
            return Ok(None);
        }
        self.scanned = 0;
        Ok(Some(Frame::Message(self.buffer.split_to(whole).freeze())))
    }

    /// Octets waiting for the rest of their message.
    pub fn pending(&self) -> usize {
        self.buffer.len()
    }

    /// Offset after the blank line that ends the header section.
    fn header_end(&mut self) -> Option<usize> {
        let mut at = self.scanned;
        while let Some(lf) = self.buffer.get(at..)?.iter().position(|c| *c == b'\n').map(|p| at + p) {
            match self.buffer.get(lf + 1..).unwrap_or_default() {
                [b'\n', ..] => return Some(lf + 2),
                [b'\r', b'\n', ..] => return Some(lf + 3),
                [] | [b'\r'] => {
                    self.scanned = lf.max(1);
                    return None;
                }
                _ => at = lf + 1,
            }
        }
        self.scanned = self.buffer.len().max(usize::from(!self.buffer.is_empty()));
        None
    }
}

fn content_length(head: &[u8]) -> Option<usize> {
    let mut length = None;
    for line in head.split(|c| *c == b'\n') {
        let Some(colon) = line.iter().position(|c| *c == b':') else { continue };
        let name = std::str::from_utf8(line.get(..colon)?.trim_ascii_end()).unwrap_or_default();
        if Name::of(name.as_bytes()) != Name::ContentLength {
            continue;
        }
        let value = std::str::from_utf8(line.get(colon + 1..)?.trim_ascii()).ok()?;
        let one = value.parse().ok().filter(|_| value.bytes().all(|c| c.is_ascii_digit()))?;
        if length.is_some_and(|l: usize| l != one) {
            return None;
        }
        length = Some(one);
    }
    length
}

/// Fuzz body: cutting `data` in pieces gives the same frames as cutting it whole, and never more octets than came in.
pub fn fuzz(data: &[u8]) {
    let drain = |framer: &mut Framer, out: &mut Vec<Frame>| loop {
        match framer.next_frame() {
            Ok(Some(frame)) => out.push(frame),
            Ok(None) => return true,
            Err(_) => return false,
        }
    };
    let (mut whole, mut all) = (Framer::default(), Vec::new());
    whole.push(data);
    drain(&mut whole, &mut all);
    let (mut pieces, mut some) = (Framer::default(), Vec::new());
    for octet in data {
        pieces.push(std::slice::from_ref(octet));
        if !drain(&mut pieces, &mut some) {
            break;
        }
    }
    let messages =
        |frames: &[Frame]| frames.iter().filter(|f| **f != Frame::Ping).cloned().collect::<Vec<_>>();
    assert_eq!(messages(&all), messages(&some));
    let octets: usize = all.iter().map(|f| if let Frame::Message(m) = f { m.len() } else { 0 }).sum();
    assert!(octets <= data.len());
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nl: 5\r\n\r\nhello";

    #[test]
    fn messages_come_out_whole_however_they_are_cut() {
        let mut framer = Framer::default();
        for octet in [A, b"\r\n\r\n", A].concat() {
            assert!(
                !matches!(framer.next_frame(), Ok(Some(Frame::Message(_))) if framer.pending() > A.len() * 2)
            );
            framer.push(&[octet]);
        }
        fuzz(&[A, b"\r\n\r\n", A, b"\r\n", A].concat());
        assert_eq!(framer.next_frame(), Ok(Some(Frame::Message(Bytes::from_static(A)))));
    }

    #[test]
    fn a_ping_is_told_from_a_pong() {
        let mut framer = Framer::default();
        framer.push(b"\r\n\r\n\r\n");
        assert_eq!(framer.next_frame(), Ok(Some(Frame::Ping)));
        assert_eq!(framer.next_frame(), Ok(None));
        framer.push(A);
        assert_eq!(framer.next_frame(), Ok(Some(Frame::Message(Bytes::from_static(A)))));
    }

    #[test]
    fn a_stream_without_usable_length_must_be_closed() {
        for bad in ["", "l: x\r\n", "l: -1\r\n", "l: 1\r\nContent-Length: 2\r\n"] {
            let mut framer = Framer::default();
            framer.push(format!("OPTIONS sip:a SIP/2.0\r\n{bad}\r\nhello").as_bytes());
            assert_eq!(framer.next_frame(), Err(FramingError::NoLength), "{bad}");
        }
    }

    #[test]
    fn the_largest_message_passes_and_one_octet_more_does_not() {
        let message = |body: usize| {
            let head = format!("OPTIONS sip:a SIP/2.0\r\nContent-Length: {body:05}\r\n\r\n");
            [head.as_bytes(), &vec![b'x'; body]].concat()
        };
        let body = SIP_MESSAGE_OCTETS_MAX - message(0).len();
        let mut framer = Framer::default();
        framer.push(&message(body));
        assert!(matches!(framer.next_frame(), Ok(Some(Frame::Message(_)))));
        framer.push(&message(body + 1));
        assert_eq!(framer.next_frame(), Err(FramingError::TooLarge));
        let mut endless = Framer::default();
        endless.push(&vec![b'x'; SIP_MESSAGE_OCTETS_MAX + 1]);
        assert_eq!(endless.next_frame(), Err(FramingError::TooLarge));
    }

    #[test]
    fn random_streams_are_cut_the_same_whole_or_in_pieces() {
        let mut rng = fastrand::Rng::with_seed(2);
        for _ in 0..500 {
            let mut data = [A, A].concat();
            for _ in 0..rng.usize(..6) {
                let at = rng.usize(..data.len());
                data[at] = *rng.choice(b"\r\n\n5:lx ").unwrap();
            }
            fuzz(&data);
        }
    }
}
