//! A phone's hold button: re-INVITEs written by hand beside the phone's [`crate::sip::Endpoint`], which has no word for them.
//!
//! It reads what the endpoint sends and gets, learns the dialog from it, and slips its own re-INVITEs in. The endpoint
//! knows nothing of them, so the numbers (CSeq) of the requests that it sends afterwards are moved up on their way out.

use bytes::Bytes;
use std::net::SocketAddr;
use std::time::Duration;

/// T1 of RFC 3261 §17.1.1.1.
const T1: Duration = Duration::from_millis(500);
/// Requests sent before the re-INVITE is given up: 64·T1.
const SENDS_MAX: u32 = 7;

/// The dialog that a hold is about, from the phone's side.
#[derive(Debug)]
struct Dialog {
    call_id: String,
    local: String,
    remote: String,
    target: String,
    /// Number of the endpoint's latest request.
    cseq: u32,
    /// Re-INVITEs slipped in.
    extra: u32,
}

/// A re-INVITE under way, or answered a while ago (its 200 may come again).
#[derive(Debug)]
struct Pending {
    branch: String,
    cseq: u32,
    message: Bytes,
    sends: u32,
    answered: bool,
}

/// The hold button of one phone.
#[derive(Debug)]
pub(super) struct Button {
    addr: SocketAddr,
    dialog: Option<Dialog>,
    /// Contact of the INVITE that came in last.
    contact: Option<String>,
    pending: Option<Pending>,
    presses: u32,
}

impl Button {
    pub(super) fn new(addr: SocketAddr) -> Button {
        Button { addr, dialog: None, contact: None, pending: None, presses: 0 }
    }

    /// Reads a message that the endpoint sends; returns what is to be sent in its place.
    pub(super) fn outgoing(&mut self, message: Bytes) -> Bytes {
        let Ok(text) = std::str::from_utf8(&message) else { return message };
        let Some(call_id) = field(text, "Call-ID") else { return message };
        let cseq = field(text, "CSeq").unwrap_or_default();
        let number = cseq.split(' ').next().and_then(|n| n.parse::<u32>().ok()).unwrap_or_default();
        let known = self.dialog.as_ref().is_some_and(|d| d.call_id == call_id);
        if text.starts_with("ACK ") && !known {
            let target = text.split(' ').nth(1).map(str::to_owned);
            self.learn(call_id, field(text, "From"), field(text, "To"), target, number);
        } else if text.starts_with("SIP/2.0 200") && cseq.ends_with("INVITE") && !known {
            let target = self.contact.clone();
            self.learn(call_id, field(text, "To"), field(text, "From"), target, 0);
        } else if text.starts_with("BYE ")
            && let Some(dialog) = self.dialog.as_ref().filter(|d| known && d.extra > 0)
        {
            let moved = text.replacen(
                &format!("CSeq: {number} BYE"),
                &format!("CSeq: {} BYE", number + dialog.extra),
                1,
            );
            return Bytes::from(moved);
        }
        message
    }

    fn learn(
        &mut self,
        call_id: &str,
        local: Option<&str>,
        remote: Option<&str>,
        target: Option<String>,
        cseq: u32,
    ) {
        let (Some(local), Some(remote), Some(target)) = (local, remote, target) else { return };
        let (local, remote) = (local.to_owned(), remote.to_owned());
        self.dialog = Some(Dialog { call_id: call_id.to_owned(), local, remote, target, cseq, extra: 0 });
        self.pending = None;
    }

    /// Presses the button: a re-INVITE with `sdp`. `None` while there is no dialog, or one is still under way.
    pub(super) fn press(&mut self, sdp: &[u8]) -> Option<Bytes> {
        if self.pending.as_ref().is_some_and(|p| !p.answered) {
            return None;
        }
        let dialog = self.dialog.as_mut()?;
        dialog.extra += 1;
        self.presses += 1;
        let cseq = dialog.cseq + dialog.extra;
        let branch = format!("z9hG4bKhold{}{}", self.presses, dialog.call_id);
        let body = std::str::from_utf8(sdp).ok()?;
        let message = Bytes::from(format!(
            "{}Contact: <sip:phone@{}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            head("INVITE", dialog, self.addr, &branch, cseq),
            self.addr,
            body.len()
        ));
        self.pending = Some(Pending { branch, cseq, message: message.clone(), sends: 1, answered: false });
        Some(message)
    }

    /// When to look at [`Button::repeat`] again after a send.
    pub(super) fn repeat_after(&self) -> Option<Duration> {
        self.pending.as_ref().filter(|p| !p.answered).map(|p| T1 * (1 << (p.sends - 1).min(6)))
    }

    /// The re-INVITE again, if it has had no answer.
    pub(super) fn repeat(&mut self) -> Option<Bytes> {
        let pending = self.pending.as_mut().filter(|p| !p.answered)?;
        if pending.sends >= SENDS_MAX {
            pending.answered = true;
            return None;
        }
        pending.sends += 1;
        Some(pending.message.clone())
    }

    /// Reads a message that has come. True if it is about the button, with what is to be sent.
    pub(super) fn incoming(&mut self, message: &Bytes) -> (bool, Option<Bytes>) {
        let Ok(text) = std::str::from_utf8(message) else { return (false, None) };
        if text.starts_with("INVITE ") {
            self.contact =
                field(text, "Contact").and_then(|c| Some(c.split_once('<')?.1.split_once('>')?.0.to_owned()));
            return (false, None);
        }
        let (Some(pending), Some(dialog)) = (&mut self.pending, &self.dialog) else { return (false, None) };
        let ours = text.starts_with("SIP/2.0 ")
            && field(text, "Via").is_some_and(|via| via.contains(&pending.branch));
        if !ours {
            return (false, None);
        }
        let status = text.get(8..11).and_then(|s| s.parse::<u16>().ok()).unwrap_or_default();
        if status < 200 {
            return (true, None);
        }
        pending.answered = true;
        // The ACK for a refusal belongs to the transaction, that for a 2xx is its own (RFC 3261 §17.1.1.3, §13.2.2.4).
        let branch = if status < 300 { format!("{}ack", pending.branch) } else { pending.branch.clone() };
        let ack = head("ACK", dialog, self.addr, &branch, pending.cseq);
        (true, Some(Bytes::from(format!("{ack}Content-Length: 0\r\n\r\n"))))
    }
}

fn head(method: &str, dialog: &Dialog, addr: SocketAddr, branch: &str, cseq: u32) -> String {
    let Dialog { call_id, local, remote, target, .. } = dialog;
    format!(
        "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {addr};branch={branch};rport\r\nMax-Forwards: 70\r\n\
         From: {local}\r\nTo: {remote}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n"
    )
}

/// The first value of a header field, as our own builder writes it.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix(':').map(str::trim);
    text.split("\r\n").take_while(|line| !line.is_empty()).find_map(value)
}
