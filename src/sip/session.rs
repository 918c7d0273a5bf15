//! Session timers (RFC 4028): both sides agree how long a call may go on without a sign of life, and which of them gives
//! it. The request that refreshes is in `offers.rs`; here is what is agreed, and what happens if the sign stays out.
//!
//! ```text
//! INVITE  Session-Expires: 1800          ─►
//!   ◄─ 200  Session-Expires: 1800;refresher=uas, Require: timer
//!   ◄─ UPDATE or re-INVITE after half of it, which begins it anew
//!   nothing until 32 s before its end: BYE
//! ```
//! A peer that cannot refresh is not asked to: then we do. One that speaks of no timer at all gets none.

use super::endpoint::Endpoint;
use super::event::{EndCause, Output};
use super::extension::TIMER;
use super::leg::{LegTimer, State};
use super::message::Message;
use super::name::Name;
use super::reply::Fault;
use super::syntax::{Wrong, find};
use crate::base::{LegId, Now};
use crate::limits::{SESSION_MIN_S, SESSION_S};
use std::time::Duration;

/// Which side of a transaction refreshes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refresher {
    Uac,
    Uas,
}

/// What is agreed about a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) interval_s: u32,
    /// We refresh.
    pub(super) ours: bool,
}

/// The value of a Session-Expires header (§4), if there is one.
fn session_expires(message: &Message) -> Result<Option<(u32, Option<Refresher>)>, Wrong> {
    let Some(value) = message.get(Name::SessionExpires) else { return Ok(None) };
    let interval_s = message.number(Name::SessionExpires).ok_or("Bad Session-Expires")?;
    let params = value.split_once(';').map(|(_, params)| params).unwrap_or_default();
    let refresher = match find(params, b';', "refresher") {
        Some(who) if who.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
        Some(who) if who.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
        Some(_) => return Err("Bad Refresher"),
        None => None,
    };
    Ok(Some((interval_s, refresher)))
}

/// What we agree to when `request` is accepted (§9), with the fields to say so; `None` if the peer knows no timers.
///
/// # Errors
/// 400 for a broken field, 422 for less than [`SESSION_MIN_S`].
pub(super) fn agree(request: &Message) -> Result<Option<Session>, Fault> {
    let asked = session_expires(request).map_err(Fault::BadRequest)?;
    let knows = request.supports(TIMER);
    match asked {
        None if !knows => Ok(None),
        None => Ok(Some(Session { interval_s: SESSION_S, ours: true })),
        Some((interval_s, _)) if interval_s < SESSION_MIN_S && knows => {
            Err(Fault::SessionTooShort(SESSION_MIN_S))
        }
        Some((interval_s, refresher)) => {
            // Never more than was asked for, nor less than the peer's or our own least (§9).
            let least = request.number(Name::MinSe).unwrap_or_default().max(SESSION_MIN_S);
            let interval_s = interval_s.min(SESSION_S.max(least)).max(SESSION_MIN_S);
            Ok(Some(Session { interval_s, ours: !knows || refresher != Some(Refresher::Uac) }))
        }
    }
}

impl Session {
    /// Session-Expires of our 2xx.
    pub(super) fn of_response(self) -> String {
        format!("{};refresher={}", self.interval_s, if self.ours { "uas" } else { "uac" })
    }

    /// What a 2xx to our request agrees to (§7.2); `None` if the peer wants no timer.
    pub(super) fn agreed(response: &Message) -> Option<Session> {
        let (interval_s, refresher) = session_expires(response).ok()??;
        Some(Session { interval_s: interval_s.max(SESSION_MIN_S), ours: refresher != Some(Refresher::Uas) })
    }
}

impl Endpoint {
    /// Begins a session anew, or lets it go on without a timer.
    pub(super) fn begin_session(&mut self, now: Now, id: LegId, session: Option<Session>) {
        self.timers.clear((id, LegTimer::Refresh));
        self.timers.clear((id, LegTimer::Expire));
        self.with(id, |leg| leg.session = session);
        let Some(Session { interval_s, ours }) = session else { return };
        if ours {
            // §10: half of the interval is recommended.
            self.timers.set((id, LegTimer::Refresh), now + Duration::from_secs((interval_s / 2).into()));
        }
        let early = (interval_s / 3).min(32);
        self.timers.set((id, LegTimer::Expire), now + Duration::from_secs((interval_s - early).into()));
    }

    /// No sign of life in time (§10).
    pub(super) fn session_expired(&mut self, now: Now, id: LegId, out: &mut Vec<Output>) {
        self.lost(now, id, "SIP;cause=408;text=\"Session expired\"", out);
    }

    /// The peer is gone: BYE, in case it is not.
    pub(super) fn lost(&mut self, now: Now, id: LegId, why: &str, out: &mut Vec<Output>) {
        if self.legs.get(&id).is_some_and(|leg| matches!(leg.state, State::Up)) {
            self.bye(now, id, why, out);
            self.end(id, EndCause::Timeout, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn invite(extra: &str) -> Message {
        Message::parse(&Bytes::from(format!("INVITE sip:a@b SIP/2.0\r\n{extra}\r\n"))).unwrap()
    }

    #[test]
    fn what_is_agreed_follows_the_table_of_section_9() {
        let short = Err(Fault::SessionTooShort(SESSION_MIN_S));
        let ok = |interval_s, ours| Ok(Some(Session { interval_s, ours }));
        for (extra, expected) in [
            ("", Ok(None)),
            ("k: timer\r\n", ok(SESSION_S, true)),
            ("x: 600\r\n", ok(600, true)),
            ("x: 600;refresher=uac\r\n", ok(600, true)),
            ("x: 600\r\nSupported: replaces, timer\r\n", ok(600, true)),
            ("Session-Expires: 600;refresher=uac\r\nSupported: timer\r\n", ok(600, false)),
            ("Session-Expires: 600;refresher=uas\r\nSupported: timer\r\n", ok(600, true)),
            ("x: 90\r\nk: timer\r\n", ok(90, true)),
            ("x: 89\r\nk: timer\r\n", short.clone()),
            // It could not raise it: the least that we want is agreed to.
            ("x: 60\r\n", ok(SESSION_MIN_S, true)),
            ("x: 7200\r\nk: timer\r\n", ok(SESSION_S, true)),
            ("x: 7200\r\nMin-SE: 3600\r\nk: timer\r\n", ok(3600, true)),
            ("x: soon\r\n", Err(Fault::BadRequest("Bad Session-Expires"))),
            ("x: 600;refresher=me\r\n", Err(Fault::BadRequest("Bad Refresher"))),
        ] {
            assert_eq!(agree(&invite(extra)), expected, "{extra}");
        }
    }

    #[test]
    fn a_2xx_says_who_refreshes() {
        let agreed = |value: &str| {
            let text = format!("SIP/2.0 200 OK\r\n{value}\r\n");
            Session::agreed(&Message::parse(&Bytes::from(text)).unwrap())
        };
        assert_eq!(agreed(""), None);
        let session = |interval_s, ours| Some(Session { interval_s, ours });
        assert_eq!(agreed("Session-Expires: 600;refresher=uas\r\n"), session(600, false));
        assert_eq!(agreed("Session-Expires: 600;refresher=uac\r\n"), session(600, true));
        assert_eq!(
            agreed("Session-Expires: 600\r\n"),
            session(600, true),
            "§7.2: the UAC, if nobody is named"
        );
    }
}
