//! The client transaction for all but INVITE (RFC 3261 §17.1.2).
//!
//! ```text
//!                 | request sent
//!                 V
//!           +------------+ E: send again, E = min(2E, T2)
//!           |   Trying   | F or transport error: tell, end ---------> Terminated
//!           +------------+
//!     1xx: pass |    | 200-699: pass --------------+
//!               V                                  V
//!        +------------+ 200-699: pass        +-----------+  K
//!        | Proceeding |--------------------->| Completed |-----> Terminated
//!        +------------+                      +-----------+
//!          E: send again, E = T2   F or transport error: tell, end
//! ```
//!
//! In: responses by class, timers, transport errors. Out: [`Act`]s. Over a reliable transport Timer E is not set and
//! Timer K is zero.

use super::transaction::{Act, T1, T1_64, T2, T4, Timer};
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Trying { e: Duration },
    Proceeding,
    Completed,
    Terminated,
}

/// What can happen to the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    Provisional,
    Final,
    TimerE,
    TimerF,
    TimerK,
    TransportError,
}

/// The machine.
#[derive(Debug, Clone)]
pub(super) struct Client {
    state: State,
    reliable: bool,
}

impl Client {
    /// Begins in Trying, with the request sent.
    pub(super) fn new(reliable: bool, out: &mut Vec<Act>) -> Client {
        out.extend([Act::Send, Act::Start(Timer::F, T1_64)]);
        if !reliable {
            out.push(Act::Start(Timer::E, T1));
        }
        Client { state: State::Trying { e: T1 }, reliable }
    }

    /// Name of the state, for dumps.
    pub(super) fn state(&self) -> &'static str {
        match self.state {
            State::Trying { .. } => "Trying",
            State::Proceeding => "Proceeding",
            State::Completed => "Completed",
            State::Terminated => "Terminated",
        }
    }

    /// Takes one event.
    pub(super) fn step(&mut self, event: Event, out: &mut Vec<Act>) {
        use Event::*;
        self.state = match (self.state, event) {
            (State::Trying { .. } | State::Proceeding, Provisional) => {
                out.push(Act::Pass);
                State::Proceeding
            }
            (State::Trying { .. } | State::Proceeding, Final) => {
                let timer_k = if self.reliable { Duration::ZERO } else { T4 };
                out.extend([
                    Act::Stop(Timer::E),
                    Act::Stop(Timer::F),
                    Act::Start(Timer::K, timer_k),
                    Act::Pass,
                ]);
                State::Completed
            }
            (State::Trying { e }, TimerE) => {
                let e = (e * 2).min(T2);
                out.extend([Act::Send, Act::Start(Timer::E, e)]);
                State::Trying { e }
            }
            (State::Proceeding, TimerE) => {
                out.extend([Act::Send, Act::Start(Timer::E, T2)]);
                State::Proceeding
            }
            (State::Trying { .. } | State::Proceeding, TimerF) => {
                out.extend([Act::Timeout, Act::End]);
                State::Terminated
            }
            (State::Trying { .. } | State::Proceeding, TransportError) => {
                out.extend([Act::Unreachable, Act::End]);
                State::Terminated
            }
            (State::Completed, TimerK) => {
                out.push(Act::End);
                State::Terminated
            }
            // Repeated, late or out of place.
            (state @ (State::Trying { .. } | State::Proceeding), TimerK)
            | (state @ State::Completed, Provisional | Final | TimerE | TimerF | TransportError)
            | (state @ State::Terminated, Provisional | Final | TimerE | TimerF | TimerK | TransportError) => {
                state
            }
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
        let states = [State::Trying { e: T1 * 4 }, State::Proceeding, State::Completed, State::Terminated];
        let machines = states.map(|state| Client { state, reliable: false });
        let events = [Provisional, Final, TimerE, TimerF, TimerK, TransportError];
        let found = table(&machines, &events, Client::step, |m| m.state().to_owned());
        let golden = "\
Trying Provisional -> Proceeding Pass
Trying Final -> Completed -E -F K=5000ms Pass
Trying TimerE -> Trying Send E=4000ms
Trying TimerF -> Terminated Timeout End
Trying TransportError -> Terminated Unreachable End
Proceeding Provisional -> Proceeding Pass
Proceeding Final -> Completed -E -F K=5000ms Pass
Proceeding TimerE -> Proceeding Send E=4000ms
Proceeding TimerF -> Terminated Timeout End
Proceeding TransportError -> Terminated Unreachable End
Completed TimerK -> Terminated End
";
        assert_eq!(found, golden);
    }

    #[test]
    fn a_reliable_transport_sets_no_timer_e_and_a_zero_timer_k() {
        let mut out = Vec::new();
        let mut m = Client::new(true, &mut out);
        assert_eq!(out, [Act::Send, Act::Start(Timer::F, T1_64)]);
        m.step(Event::Final, &mut out);
        assert!(out.contains(&Act::Start(Timer::K, Duration::ZERO)));
    }
}
