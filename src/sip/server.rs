//! The server transaction for all but INVITE (RFC 3261 §17.2.2).
//!
//! ```text
//!                 | request: pass
//!                 V
//!            +----------+ request again: nothing
//!            |  Trying  | 200-699 from user: send -----------+
//!            +----------+                                    |
//!        1xx: send |                                         V
//!            +------------+ 200-699: send              +-----------+ request again: send
//!            | Proceeding |--------------------------->| Completed |
//!            +------------+ request again: send        +-----------+
//!                  | transport error: tell, end              | J, or transport error: tell
//!                  +---------------> Terminated <------------+
//! ```
//!
//! In: repeated requests, responses from the user by class, timers, transport errors. Out: [`Act`]s. Over a reliable
//! transport Timer J is zero. This program sends no 1xx to such requests (RFC 4320 §4.1), so Proceeding is never entered
//! and left out.

use super::transaction::{Act, T1_64, Timer};
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Trying,
    Completed,
    Terminated,
}

/// What can happen to the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    Request,
    Final,
    TimerJ,
    TransportError,
}

/// The machine.
#[derive(Debug, Clone)]
pub(super) struct Server {
    state: State,
    reliable: bool,
}

impl Server {
    /// Begins in Trying, with the request passed on.
    pub(super) fn new(reliable: bool) -> Server {
        Server { state: State::Trying, reliable }
    }

    /// Name of the state, for dumps.
    pub(super) fn state(&self) -> &'static str {
        match self.state {
            State::Trying => "Trying",
            State::Completed => "Completed",
            State::Terminated => "Terminated",
        }
    }

    /// Takes one event.
    pub(super) fn step(&mut self, event: Event, out: &mut Vec<Act>) {
        use Event::*;
        self.state = match (self.state, event) {
            (State::Trying, Final) => {
                let timer_j = if self.reliable { Duration::ZERO } else { T1_64 };
                out.extend([Act::Send, Act::Start(Timer::J, timer_j)]);
                State::Completed
            }
            (State::Completed, Request) => {
                out.push(Act::Send);
                State::Completed
            }
            (State::Completed, TimerJ) => {
                out.push(Act::End);
                State::Terminated
            }
            (State::Trying | State::Completed, TransportError) => {
                out.extend([Act::Unreachable, Act::End]);
                State::Terminated
            }
            // Repeated, late or out of place.
            (state @ State::Trying, Request | TimerJ)
            | (state @ State::Completed, Final)
            | (state @ State::Terminated, Request | Final | TimerJ | TransportError) => state,
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
        let machines = [State::Trying, State::Completed, State::Terminated]
            .map(|state| Server { state, reliable: false });
        let found = table(&machines, &[Request, Final, TimerJ, TransportError], Server::step, |m| {
            m.state().to_owned()
        });
        let golden = "\
Trying Final -> Completed Send J=32000ms
Trying TransportError -> Terminated Unreachable End
Completed Request -> Completed Send
Completed TimerJ -> Terminated End
Completed TransportError -> Terminated Unreachable End
";
        assert_eq!(found, golden);
    }

    #[test]
    fn a_reliable_transport_has_a_zero_timer_j() {
        let (mut m, mut out) = (Server::new(true), Vec::new());
        m.step(Event::Final, &mut out);
        assert_eq!(out, [Act::Send, Act::Start(Timer::J, Duration::ZERO)]);
    }
}
