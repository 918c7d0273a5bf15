//! The INVITE server transaction (RFC 3261 §17.2.1, with RFC 6026 §7.1).
//!
//! ```text
//!                        | INVITE: pass
//!                        V
//!                 +------------+ INVITE: send again
//!                 | Proceeding | 1xx from user: send           transport error: tell, end
//!                 +------------+---------------------------------------------> Terminated
//!   300-699: send  |          | 2xx: send
//!                  V          V
//!      +-----------+        +----------+ INVITE: nothing (the user repeats its 2xx itself)
//!      | Completed |        | Accepted | ACK: pass   2xx from user: send
//!      +-----------+        +----------+
//!  INVITE, G: send | ACK         | L
//!  H: tell, end    V             V
//!        +-----------+ I
//!        | Confirmed |-----> Terminated
//!        +-----------+
//! ```
//!
//! In: repeated INVITEs, ACK, responses from the user by class, timers, transport errors. Out: [`Act`]s. Over a reliable
//! transport Timer G is not set and Timer I is zero.

use super::transaction::{Act, T1, T1_64, T2, T4, Timer};
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Proceeding,
    Completed { g: Duration },
    Confirmed,
    Accepted,
    Terminated,
}

/// What can happen to the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    Invite,
    Ack,
    Provisional,
    Success,
    Refusal,
    TimerG,
    TimerH,
    TimerI,
    TimerL,
    TransportError,
}

/// The machine.
#[derive(Debug, Clone)]
pub(super) struct InviteServer {
    state: State,
    reliable: bool,
}

impl InviteServer {
    /// Begins in Proceeding, with the INVITE passed on.
    pub(super) fn new(reliable: bool) -> InviteServer {
        InviteServer { state: State::Proceeding, reliable }
    }

    /// Name of the state, for dumps.
    pub(super) fn state(&self) -> &'static str {
        match self.state {
            State::Proceeding => "Proceeding",
            State::Completed { .. } => "Completed",
            State::Confirmed => "Confirmed",
            State::Accepted => "Accepted",
            State::Terminated => "Terminated",
        }
    }

    /// Takes one event.
    pub(super) fn step(&mut self, event: Event, out: &mut Vec<Act>) {
        use Event::*;
        self.state = match (self.state, event) {
            (State::Proceeding, Invite | Provisional) => {
                out.push(Act::Send);
                State::Proceeding
            }
            (State::Proceeding, Success) => {
                out.extend([Act::Send, Act::Start(Timer::L, T1_64)]);
                State::Accepted
            }
            (State::Proceeding, Refusal) => {
                out.extend([Act::Send, Act::Start(Timer::H, T1_64)]);
                if !self.reliable {
                    out.push(Act::Start(Timer::G, T1));
                }
                State::Completed { g: T1 }
            }
            (State::Completed { g }, Invite) => {
                out.push(Act::Send);
                State::Completed { g }
            }
            (State::Completed { g }, TimerG) => {
                let g = (g * 2).min(T2);
                out.extend([Act::Send, Act::Start(Timer::G, g)]);
                State::Completed { g }
            }
            (State::Completed { .. }, Ack) => {
                let timer_i = if self.reliable { Duration::ZERO } else { T4 };
                out.extend([Act::Stop(Timer::G), Act::Stop(Timer::H), Act::Start(Timer::I, timer_i)]);
                State::Confirmed
            }
            (State::Completed { .. }, TimerH) => {
                out.extend([Act::Timeout, Act::End]);
                State::Terminated
            }
            (State::Accepted, Ack) => {
                out.push(Act::Pass);
                State::Accepted
            }
            (State::Accepted, Success) => {
                out.push(Act::Send);
                State::Accepted
            }
            (State::Confirmed, TimerI) | (State::Accepted, TimerL) => {
                out.push(Act::End);
                State::Terminated
            }
            (State::Proceeding | State::Completed { .. }, TransportError) => {
                out.extend([Act::Unreachable, Act::End]);
                State::Terminated
            }
            // RFC 6026 §7.1: the 2xx may still get through another way, so Accepted stays and only tells.
            (State::Accepted, TransportError) => {
                out.push(Act::Unreachable);
                State::Accepted
            }
            // Repeated, late or out of place.
            (state @ State::Proceeding, Ack | TimerG | TimerH | TimerI | TimerL)
            | (state @ State::Completed { .. }, Provisional | Success | Refusal | TimerI | TimerL)
            | (
                state @ State::Confirmed,
                Invite | Ack | Provisional | Success | Refusal | TimerG | TimerH | TimerL | TransportError,
            )
            | (state @ State::Accepted, Invite | Provisional | Refusal | TimerG | TimerH | TimerI)
            | (
                state @ State::Terminated,
                Invite | Ack | Provisional | Success | Refusal | TimerG | TimerH | TimerI | TimerL
                | TransportError,
            ) => state,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::transaction::table;

    #[test]
    fn every_state_and_event_is_as_the_rfc_has_it() {
        use Event::*;
        let states = [
            State::Proceeding,
            State::Completed { g: T1 * 4 },
            State::Confirmed,
            State::Accepted,
            State::Terminated,
        ];
        let machines = states.map(|state| InviteServer { state, reliable: false });
        let events =
            [Invite, Ack, Provisional, Success, Refusal, TimerG, TimerH, TimerI, TimerL, TransportError];
        let found = table(&machines, &events, InviteServer::step, |m| m.state().to_owned());
        let golden = "\
Proceeding Invite -> Proceeding Send
Proceeding Provisional -> Proceeding Send
Proceeding Success -> Accepted Send L=32000ms
Proceeding Refusal -> Completed Send H=32000ms G=500ms
Proceeding TransportError -> Terminated Unreachable End
Completed Invite -> Completed Send
Completed Ack -> Confirmed -G -H I=5000ms
Completed TimerG -> Completed Send G=4000ms
Completed TimerH -> Terminated Timeout End
Completed TransportError -> Terminated Unreachable End
Confirmed TimerI -> Terminated End
Accepted Ack -> Accepted Pass
Accepted Success -> Accepted Send
Accepted TimerL -> Terminated End
Accepted TransportError -> Accepted Unreachable
";
        assert_eq!(found, golden);
    }

    #[test]
    fn a_reliable_transport_sets_no_timer_g_and_a_zero_timer_i() {
        let (mut m, mut out) = (InviteServer::new(true), Vec::new());
        m.step(Event::Refusal, &mut out);
        assert_eq!(out, [Act::Send, Act::Start(Timer::H, T1_64)]);
        m.step(Event::Ack, &mut out);
        assert!(out.contains(&Act::Start(Timer::I, Duration::ZERO)));
    }
}
