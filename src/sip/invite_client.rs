//! The INVITE client transaction (RFC 3261 §17.1.1, with RFC 6026 §7.2).
//!
//! ```text
//!                 | INVITE sent
//!                 V
//!           +-----------+  A: send again, A doubles        B or transport error: tell, end
//!           |  Calling  |--------------------------------------------------------> Terminated
//!           +-----------+
//!         1xx |   | 2xx: pass --------------------------------+
//!             V   | 300-699: ACK, pass                        |
//!       +------------+                                        |
//!       | Proceeding | 1xx: pass     2xx: pass ---------------+
//!       +------------+                                        V
//!             | 300-699: ACK, pass                      +----------+
//!             V                                         | Accepted | 2xx: pass (repeated or forked)
//!       +-----------+ 300-699: ACK                      +----------+
//!       | Completed |---- D ----> Terminated <------ M ------+
//!       +-----------+
//! ```
//!
//! In: responses by class, timers, transport errors. Out: [`Act`]s. Over a reliable transport Timer A is not set and
//! Timer D is zero.

use super::transaction::{Act, T1, T1_64, TIMER_D, Timer};
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Calling { a: Duration },
    Proceeding,
    Completed,
    Accepted,
    Terminated,
}

/// What can happen to the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    Provisional,
    Success,
    Refusal,
    TimerA,
    TimerB,
    TimerD,
    TimerM,
    TransportError,
}

/// The machine.
#[derive(Debug, Clone)]
pub(super) struct InviteClient {
    state: State,
    reliable: bool,
}

impl InviteClient {
    /// Begins in Calling, with the INVITE sent.
    pub(super) fn new(reliable: bool, out: &mut Vec<Act>) -> InviteClient {
        out.extend([Act::Send, Act::Start(Timer::B, T1_64)]);
        if !reliable {
            out.push(Act::Start(Timer::A, T1));
        }
        InviteClient { state: State::Calling { a: T1 }, reliable }
    }

    /// Name of the state, for dumps.
    pub(super) fn state(&self) -> &'static str {
        match self.state {
            State::Calling { .. } => "Calling",
            State::Proceeding => "Proceeding",
            State::Completed => "Completed",
            State::Accepted => "Accepted",
            State::Terminated => "Terminated",
        }
    }

    /// Takes one event.
    pub(super) fn step(&mut self, event: Event, out: &mut Vec<Act>) {
        use Event::*;
        let timer_d = if self.reliable { Duration::ZERO } else { TIMER_D };
        self.state = match (self.state, event) {
            (State::Calling { .. }, Provisional) => {
                out.extend([Act::Stop(Timer::A), Act::Stop(Timer::B), Act::Pass]);
                State::Proceeding
            }
            (State::Proceeding, Provisional) => {
                out.push(Act::Pass);
                State::Proceeding
            }
            (State::Calling { .. } | State::Proceeding, Success) => {
                out.extend([
                    Act::Stop(Timer::A),
                    Act::Stop(Timer::B),
                    Act::Start(Timer::M, T1_64),
                    Act::Pass,
                ]);
                State::Accepted
            }
            (State::Accepted, Success) => {
                out.push(Act::Pass);
                State::Accepted
            }
            (State::Calling { .. } | State::Proceeding, Refusal) => {
                out.extend([Act::Stop(Timer::A), Act::Stop(Timer::B), Act::Ack]);
                out.extend([Act::Start(Timer::D, timer_d), Act::Pass]);
                State::Completed
            }
            (State::Completed, Refusal) => {
                out.push(Act::Ack);
                State::Completed
            }
            (State::Calling { a }, TimerA) => {
                out.extend([Act::Send, Act::Start(Timer::A, a * 2)]);
                State::Calling { a: a * 2 }
            }
            (State::Calling { .. }, TimerB) => {
                out.extend([Act::Timeout, Act::End]);
                State::Terminated
            }
            (State::Completed, TimerD) | (State::Accepted, TimerM) => {
                out.push(Act::End);
                State::Terminated
            }
            (State::Calling { .. } | State::Completed, TransportError) => {
                out.extend([Act::Unreachable, Act::End]);
                State::Terminated
            }
            // Late or out of place: a response after the outcome, a timer that was on its way when it was stopped, a
            // transport error when nothing of ours is being sent.
            (state @ State::Proceeding, TimerA | TimerB | TimerD | TimerM | TransportError)
            | (state @ State::Calling { .. }, TimerD | TimerM)
            | (state @ State::Completed, Provisional | Success | TimerA | TimerB | TimerM)
            | (state @ State::Accepted, Provisional | Refusal | TimerA | TimerB | TimerD | TransportError)
            | (
                state @ State::Terminated,
                Provisional | Success | Refusal | TimerA | TimerB | TimerD | TimerM | TransportError,
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
            State::Calling { a: T1 * 2 },
            State::Proceeding,
            State::Completed,
            State::Accepted,
            State::Terminated,
        ];
        let machines = states.map(|state| InviteClient { state, reliable: false });
        let events = [Provisional, Success, Refusal, TimerA, TimerB, TimerD, TimerM, TransportError];
        let found = table(&machines, &events, InviteClient::step, |m| m.state().to_owned());
        let golden = "\
Calling Provisional -> Proceeding -A -B Pass
Calling Success -> Accepted -A -B M=32000ms Pass
Calling Refusal -> Completed -A -B Ack D=32000ms Pass
Calling TimerA -> Calling Send A=2000ms
Calling TimerB -> Terminated Timeout End
Calling TransportError -> Terminated Unreachable End
Proceeding Provisional -> Proceeding Pass
Proceeding Success -> Accepted -A -B M=32000ms Pass
Proceeding Refusal -> Completed -A -B Ack D=32000ms Pass
Completed Refusal -> Completed Ack
Completed TimerD -> Terminated End
Completed TransportError -> Terminated Unreachable End
Accepted Success -> Accepted Pass
Accepted TimerM -> Terminated End
";
        assert_eq!(found, golden);
    }

    #[test]
    fn a_reliable_transport_sets_no_timer_a_and_a_zero_timer_d() {
        let mut out = Vec::new();
        let mut m = InviteClient::new(true, &mut out);
        assert_eq!(out, [Act::Send, Act::Start(Timer::B, T1_64)]);
        m.step(Event::Refusal, &mut out);
        assert!(out.contains(&Act::Start(Timer::D, Duration::ZERO)));
    }
}
