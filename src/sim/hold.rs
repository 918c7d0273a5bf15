//! A phone's hold button: re-INVITEs written by hand beside the phone's [`crate::sip::Endpoint`], which has no word for them.
//!
//! It reads what the endpoint sends and gets, learns the dialogs from it, and slips its own re-INVITEs in. The endpoint
//! knows nothing of them, so the numbers (CSeq) of the requests that it sends afterwards are moved up on their way out.

use bytes::Bytes;
use std::net::SocketAddr;
use std::time::Duration;

/// T1 of RFC 3261 §17.1.1.1.
const T1: Duration = Duration::from_millis(500);
/// Requests sent before the re-INVITE is given up: 64·T1.
const SENDS_MAX: u32 = 7;

/// Dialogs that are remembered: the talk and a consultation, and what is just over.
const DIALOGS: usize = 4;

/// A dialog, from the phone's side.
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
    call_id: String,
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
    /// The newest last.
    dialogs: Vec<Dialog>,
    /// Contact of the INVITE that came in last.
    contact: Option<String>,
    pending: Option<Pending>,
    presses: u32,
}

impl Button {
    pub(super) fn new(addr: SocketAddr) -> Button {
        Button { addr, dialogs: Vec::new(), contact: None, pending: None, presses: 0 }
    }

    /// Reads a message that the endpoint sends; returns what is to be sent in its place.
    pub(super) fn outgoing(&mut self, message: Bytes) -> Bytes {
        let Ok(text) = std::str::from_utf8(&message) else { return message };
        let Some(call_id) = field(text, "Call-ID") else { return message };
        let cseq = field(text, "CSeq").unwrap_or_default();
        let number = cseq.split(' ').next().and_then(|n| n.parse::<u32>().ok()).unwrap_or_default();
        let known = self.dialogs.iter_mut().find(|d| d.call_id == call_id);
        // The ACK for a challenge knows no dialog yet; that for the answer does.
        if text.starts_with("ACK ") && known.as_ref().is_none_or(|d| d.extra == 0) {
            let target = text.split(' ').nth(1).map(str::to_owned);
            self.learn(call_id, field(text, "From"), field(text, "To"), target, number);
        } else if text.starts_with("SIP/2.0 200") && cseq.ends_with("INVITE") && known.is_none() {
            let target = self.contact.clone();
            self.learn(call_id, field(text, "To"), field(text, "From"), target, 0);
        } else if let Some(dialog) = known
            && let Some(method) = ["BYE", "REFER"].into_iter().find(|m| text.starts_with(m))
        {
            dialog.cseq = dialog.cseq.max(number);
            let moved = format!("CSeq: {} {method}", number + dialog.extra);
            return Bytes::from(text.replacen(&format!("CSeq: {number} {method}"), &moved, 1));
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
        self.dialogs.retain(|d| d.call_id != call_id);
        if self.dialogs.len() == DIALOGS {
            self.dialogs.remove(0);
        }
        self.dialogs.push(Dialog { call_id: call_id.to_owned(), local, remote, target, cseq, extra: 0 });
    }

    /// The Call-ID of the newest dialog but `other`.
    pub(super) fn newest(&self, other: &str) -> Option<String> {
        self.dialogs.iter().rev().find(|d| d.call_id != other).map(|d| d.call_id.clone())
    }

    /// What names a dialog as the one to be replaced in a Refer-To (RFC 3891 §3, escaped as RFC 3261 §19.1.1 has it).
    pub(super) fn replaces(&self, call_id: &str) -> Option<String> {
        let dialog = self.dialogs.iter().find(|d| d.call_id == call_id)?;
        let tag = |side: &str| Some(side.split_once(";tag=")?.1.split(';').next()?.to_owned());
        let call_id = call_id.replace('@', "%40");
        let (to, from) = (tag(&dialog.remote)?, tag(&dialog.local)?);
        Some(format!("Replaces={call_id}%3Bto-tag%3D{to}%3Bfrom-tag%3D{from}"))
    }

    /// Presses the button: a re-INVITE with `sdp` in that dialog. `None` if it is not there, or one is still under way.
    pub(super) fn press(&mut self, call_id: &str, sdp: &[u8]) -> Option<Bytes> {
        if self.pending.as_ref().is_some_and(|p| !p.answered) {
            return None;
        }
        let dialog = self.dialogs.iter_mut().find(|d| d.call_id == call_id)?;
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
        let call_id = call_id.to_owned();
        self.pending =
            Some(Pending { call_id, branch, cseq, message: message.clone(), sends: 1, answered: false });
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
        let Some(pending) = &mut self.pending else { return (false, None) };
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
        let Some(dialog) = self.dialogs.iter().find(|d| d.call_id == pending.call_id) else {
            return (true, None);
        };
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
