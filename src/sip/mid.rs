//! What happens within a dialog, whoever began it (RFC 3261 §12.2, §15): BYE both ways, INFO, OPTIONS, timers
//! (offers: `offers.rs`; PRACK: `prack.rs`; REFER and its NOTIFYs: `refer.rs`).
//!
//! In: requests with a To tag; `Hangup`. Out: responses, `Digit`, `Reason`, `Ended`.

use super::build::Builder;
use super::endpoint::Endpoint;
use super::event::{EndCause, Event, Output};
use super::layer::Owner;
use super::leg::{LegTimer, State};
use super::message::Message;
use super::name::{Method, Name};
use super::offers::Want;
use super::reply::Fault;
use super::request::Request;
use super::transaction::T1_64;
use crate::base::{LegId, Now};

impl Endpoint {
    /// A request that names a dialog (§12.2.2).
    pub(super) fn in_dialog(&mut self, now: Now, request: &Request<'_>, tag: &str, out: &mut Vec<Output>) {
        let envelope = &request.envelope;
        let found = self.leg_of(envelope.call_id, tag).filter(|id| {
            let remote = self.legs.get(id).and_then(|leg| leg.dialog.remote_tag());
            remote.is_none() || remote == envelope.from.tag()
        });
        let Some(id) = found else {
            return match envelope.method {
                Method::Ack => self.drop_count("ACK without dialog"),
                _ => self.refuse(&Fault::NoDialog, request, out),
            };
        };
        if envelope.method == Method::Ack {
            return self.acked(now, id, request, out);
        }
        if !self.legs.get_mut(&id).is_some_and(|leg| leg.dialog.in_order(envelope.cseq)) {
            return self.refuse(&Fault::OutOfOrder(None), request, out);
        }
        let over = self.legs.get(&id).is_some_and(|leg| matches!(leg.state, State::Over));
        match envelope.method {
            Method::Bye => self.bye_received(now, id, request, out),
            // It has ended; our BYE may not have been heard yet.
            _ if over => self.fault(now, id, &Fault::NoDialog, request, out),
            Method::Invite => self.reinvite(now, id, request, out),
            Method::Info => self.info(now, id, request, out),
            Method::Options => {
                let tx = self.serve(request, Owner::Leg(id));
                let ok = self.capabilities(request.message);
                self.layer.respond(now, tx, 200, ok, out);
            }
            Method::Refer => self.referred(now, id, request, out),
            Method::Notify => self.notified(now, id, request, out),
            Method::Update => self.update(now, id, request, out),
            Method::Prack => self.prack(now, id, request, out),
            Method::Ack
            | Method::Cancel
            | Method::Register
            | Method::Subscribe
            | Method::Message
            | Method::Publish
            | Method::Other(_) => self.fault(now, id, &Fault::MethodNotAllowed, request, out),
        }
    }

    /// BYE (§15.1.2): what pends is refused with 487, and the leg is over.
    fn bye_received(&mut self, now: Now, id: LegId, request: &Request, out: &mut Vec<Output>) {
        let tx = self.serve(request, Owner::Leg(id));
        let ok = Builder::reply(request.message, 200, "", None).end();
        self.layer.respond(now, tx, 200, ok, out);
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let offered = match &leg.state {
            State::Offered(invite) => Some(invite.tx),
            // Their 200 never reached us, and they gave up.
            State::Calling(calling) => {
                let tx = calling.tx;
                self.layer.forget(now, tx, out);
                None
            }
            State::Up | State::Over => leg.asked.take().map(|asked| asked.tx),
        };
        if let Some(tx) = offered {
            self.respond_refusal(now, id, tx, (487, "", None), "", out);
        }
        self.over(id);
        self.say_reason(id, request.message, out);
        self.end(id, EndCause::PeerHungUp, out);
    }

    /// INFO (RFC 2976 as phones use it): digits, or nothing.
    fn info(&mut self, now: Now, id: LegId, request: &Request, out: &mut Vec<Output>) {
        let message = request.message;
        let digit = digit(message);
        if digit.is_none() && !message.body().is_empty() {
            return self.fault(now, id, &Fault::UnsupportedMedia, request, out);
        }
        let tx = self.serve(request, Owner::Leg(id));
        let ok = Builder::reply(message, 200, "", None).end();
        self.layer.respond(now, tx, 200, ok, out);
        let live = self.legs.get(&id).is_some_and(|l| !l.ended);
        out.extend(digit.filter(|_| live).map(|digit| Output::Event(Event::Digit { leg: id, digit })));
    }

    /// Refuses a request in a dialog within a transaction of its own, so that a late copy is not taken for a new one.
    pub(super) fn fault(
        &mut self,
        now: Now,
        id: LegId,
        fault: &Fault,
        request: &Request,
        out: &mut Vec<Output>,
    ) {
        let tag = self.legs.get(&id).map(|l| l.tag.clone()).unwrap_or_default();
        let tx = self.serve(request, Owner::Leg(id));
        self.layer.respond(now, tx, fault.status(), fault.response(request.message, &tag), out);
    }

    /// Ends a leg for the call, whatever its state; the wire follows as soon as it may.
    pub(super) fn hangup(&mut self, now: Now, id: LegId, reason: &'static str, out: &mut Vec<Output>) {
        let Some(leg) = self.legs.get_mut(&id).filter(|l| !l.ended) else { return };
        match &mut leg.state {
            State::Calling(calling) => {
                calling.cancel = Some(reason);
                self.cancel(now, id, out);
            }
            State::Offered(invite) => {
                let tx = invite.tx;
                self.respond_refusal(now, id, tx, (480, "", None), reason, out);
                self.over(id);
            }
            // §15: no BYE before the ACK; it follows when that comes, or is not to come any more.
            State::Up if leg.unacked.is_some() => {}
            State::Up => self.bye(now, id, reason, out),
            State::Over => {}
        }
        self.end(id, EndCause::WeHungUp, out);
    }

    /// Sends BYE (§15.1.1); nothing of ours is to come after it, and an offer of the peer that waits is refused.
    pub(super) fn bye(&mut self, now: Now, id: LegId, reason: &str, out: &mut Vec<Output>) {
        if let Some(asked) = self.legs.get_mut(&id).and_then(|leg| leg.asked.take()) {
            self.respond_refusal(now, id, asked.tx, (487, "", None), "", out);
        }
        let Some(flow) = self.legs.get(&id).map(|l| l.dialog.next_hop(&self.ways)) else { return };
        let (via, cnonce) = (self.via(flow), self.rng.u64(..));
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let mut b = leg.dialog.request(&Method::Bye, &via);
        b = leg.authorized(b, &Method::Bye, cnonce);
        let octets = b.field(Name::UserAgent, &self.config.user_agent).reason(reason).end();
        self.over(id);
        self.send(now, flow, octets, Owner::Bye(id), out);
    }

    /// A final response to our BYE: only a question for credentials is worth another one.
    pub(super) fn bye_response(
        &mut self,
        now: Now,
        id: LegId,
        status: u16,
        message: &Message,
        out: &mut Vec<Output>,
    ) {
        if matches!(status, 401 | 407) && self.legs.get_mut(&id).is_some_and(|leg| leg.challenged(message)) {
            self.bye(now, id, "", out);
        }
    }

    /// The peer's words for why it ends the leg (RFC 3326), said before the end.
    pub(super) fn say_reason(&mut self, id: LegId, message: &Message, out: &mut Vec<Output>) {
        let value = message.all(Name::Reason).collect::<Vec<_>>().join(", ");
        if !value.is_empty() && self.legs.get(&id).is_some_and(|leg| !leg.ended) {
            out.push(Output::Event(Event::Reason { leg: id, value }));
        }
    }

    /// A timer of a leg is due.
    pub(super) fn leg_timer(&mut self, now: Now, id: LegId, timer: LegTimer, out: &mut Vec<Output>) {
        match timer {
            LegTimer::Repeat => self.repeat(now, id, out),
            LegTimer::Ring => self.ring(now, id, out),
            LegTimer::Reliable => self.repeat_reliable(now, id, out),
            LegTimer::NoPrack => self.no_prack(now, id, out),
            LegTimer::Refresh => self.ask(now, id, Want::Refresh, false, out),
            LegTimer::Expire => self.session_expired(now, id, out),
            LegTimer::Ask => self.ask_again(now, id, out),
            LegTimer::AskLimit => self.ask_limit(now, id, out),
            LegTimer::NoAck => {
                // §13.3.1.4: the session is confirmed by half only; BYE ends it.
                self.with(id, |leg| leg.unacked = None);
                self.bye(now, id, "no ACK", out);
                self.end(id, EndCause::Timeout, out);
            }
            LegTimer::C => {
                let Some(State::Calling(calling)) = self.legs.get_mut(&id).map(|l| &mut l.state) else {
                    return;
                };
                calling.cancel = calling.cancel.or(Some("no answer"));
                // If not even a provisional response has come, there is nothing to cancel (§9.1).
                self.timers.set((id, LegTimer::Cancelled), now + T1_64);
                self.cancel(now, id, out);
                self.end(id, EndCause::Timeout, out);
            }
            LegTimer::Hop => self.hop_is_silent(now, id, out),
            LegTimer::Cancelled => {
                let Some(State::Calling(calling)) = self.legs.get(&id).map(|l| &l.state) else { return };
                let tx = calling.tx;
                self.over(id);
                self.layer.forget(now, tx, out);
            }
        }
    }
}

/// The digit in an INFO: `Signal=5` (application/dtmf-relay), or the body itself (application/dtmf). `None` if it is no
/// digit; 10 and 11 stand for the star and the pound key.
fn digit(message: &Message) -> Option<char> {
    let body = message.body();
    let text = std::str::from_utf8(body).ok()?;
    let signal = match message.content_type()?.as_str() {
        "application/dtmf" => text.trim(),
        "application/dtmf-relay" => text.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            name.trim().eq_ignore_ascii_case("Signal").then_some(value.trim())
        })?,
        _ => return None,
    };
    match signal {
        "10" => return Some('*'),
        "11" => return Some('#'),
        _ => {}
    }
    let mut chars = signal.chars();
    let digit = chars.next()?.to_ascii_uppercase();
    (chars.next().is_none() && (digit.is_ascii_digit() || "*#ABCD".contains(digit))).then_some(digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn digits_are_read_from_both_body_types() {
        let info = |kind: &str, body: &str| {
            let text = format!("INFO sip:a SIP/2.0\r\nContent-Type: {kind}\r\n\r\n{body}");
            digit(&Message::parse(&Bytes::from(text)).unwrap())
        };
        assert_eq!(info("application/dtmf-relay", "Signal= 5\r\nDuration=160\r\n"), Some('5'));
        assert_eq!(info("application/dtmf-relay", "Signal=11\n"), Some('#'));
        assert_eq!(info("application/dtmf", "*"), Some('*'));
        assert_eq!(info("application/dtmf", "12"), None);
        assert_eq!(info("text/plain", "1"), None);
    }
}
