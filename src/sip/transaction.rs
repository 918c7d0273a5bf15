//! What the four transaction machines share (RFC 3261 §17): whose they are, the named timers, and the
//! things they ask for.

use super::event::PeerId;
use crate::base::LegId;
use std::time::Duration;

/// Round-trip estimate (RFC 3261 §17.1.1.1).
pub(super) const T1: Duration = Duration::from_millis(500);
/// Longest interval between retransmissions (§17.1.2.2).
pub(super) const T2: Duration = Duration::from_secs(4);
/// How long a message can stay in the network (§17.1.2.2).
pub(super) const T4: Duration = Duration::from_secs(5);
/// How long anything is tried: 64·T1.
pub(super) const T1_64: Duration = Duration::from_millis(64 * 500);
/// Timer D for unreliable transports: at least 32 s (§17.1.1.2).
pub(super) const TIMER_D: Duration = Duration::from_secs(32);

/// Whose transaction it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// The INVITE of a leg.
    Invite(LegId),
    /// Its BYE.
    Bye(LegId),
    /// A re-INVITE or UPDATE of ours in it.
    Offer(LegId),
    /// A REFER of ours in it.
    Refer(LegId),
    /// Anything else of a leg: CANCEL, and all it serves.
    Leg(LegId),
    /// A registration of ours.
    Registration(PeerId),
    /// A question whether a peer is alive.
    Options(PeerId),
    /// Nobody cares how it ends.
    Nobody,
}

impl Owner {
    /// The leg, if it belongs to one.
    pub(super) fn leg(self) -> Option<LegId> {
        match self {
            Owner::Invite(leg)
            | Owner::Bye(leg)
            | Owner::Offer(leg)
            | Owner::Refer(leg)
            | Owner::Leg(leg) => Some(leg),
            Owner::Registration(_) | Owner::Options(_) | Owner::Nobody => None,
        }
    }
}

/// The timers of RFC 3261 table 4 that belong to transactions (Timer C is the call's), and L and M of RFC 6026.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Timer {
    /// INVITE retransmission by the client.
    A,
    /// INVITE given up by the client.
    B,
    /// Refused INVITE: waits for repeated refusals.
    D,
    /// Other requests: retransmission by the client.
    E,
    /// Other requests: given up by the client.
    F,
    /// INVITE refusal retransmission by the server.
    G,
    /// Refusal never acknowledged.
    H,
    /// Waits for repeated ACKs.
    I,
    /// Waits for repeated requests.
    J,
    /// Waits for repeated responses.
    K,
    /// Accepted INVITE at the server: absorbs repeated INVITEs (RFC 6026 §7.1).
    L,
    /// Accepted INVITE at the client: lets repeated and forked 2xx pass (RFC 6026 §7.2).
    M,
}

impl Timer {
    /// All timers of a transaction stand between these two.
    pub(super) const FIRST: Timer = Timer::A;
    pub(super) const LAST: Timer = Timer::M;
}

/// What a machine asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// Send the message last handed over: the request (client) or the latest response (server).
    Send,
    /// Acknowledge the refusal (client INVITE only).
    Ack,
    /// Hand the message to the user of the transaction.
    Pass,
    /// Make the timer due after this long.
    Start(Timer, Duration),
    /// Forget the timer.
    Stop(Timer),
    /// Tell the user that no (final) response, or no ACK, came in time.
    Timeout,
    /// Tell the user that the transport failed.
    Unreachable,
    /// The transaction is over: forget it and all its timers.
    End,
}

/// Prints a golden table: one line for each state × event, with the next state and what is asked for.
#[cfg(test)]
pub(super) fn table<M: Clone + std::fmt::Debug, E: Copy + std::fmt::Debug>(
    machines: &[M],
    events: &[E],
    step: impl Fn(&mut M, E, &mut Vec<Act>),
    state: impl Fn(&M) -> String,
) -> String {
    let mut out = String::new();
    for machine in machines {
        for event in events {
            let (mut next, mut acts) = (machine.clone(), Vec::new());
            step(&mut next, *event, &mut acts);
            let acts: Vec<_> = acts
                .iter()
                .map(|a| match a {
                    Act::Start(timer, after) => format!("{timer:?}={}ms", after.as_millis()),
                    Act::Stop(timer) => format!("-{timer:?}"),
                    other => format!("{other:?}"),
                })
                .collect();
            if acts.is_empty() && state(&next) == state(machine) {
                continue;
            }
            out += format!("{} {event:?} -> {} {}", state(machine), state(&next), acts.join(" ")).trim_end();
            out.push('\n');
        }
    }
    out
}
