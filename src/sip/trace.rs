//! The SIP messages of the recent past, for `trunkline trace`.
//!
//! In: every message that is let in or sent, which leg has which Call-ID, which call has which leg. Out: the messages of a
//! call, of all its legs. A message is kept as the octets that it is anyway, and looked into only when somebody asks: to ask
//! costs a walk through the ring, to keep the 15 or so of a bridged call 3 to 8 µs (`cargo bench --bench sip`).
//!
//! Bounded by octets ([`super::Config::trace_octets`]) and by legs; the oldest go. What the watch drops is not kept, so a
//! flood of it pushes nothing out.

use super::event::{Flow, Output};
use super::syntax::Text;
use crate::base::{CallId, LegId, Now};
use crate::limits::SIP_TRACE_LEGS_MAX;
use bytes::Bytes;
use std::collections::{BTreeSet, VecDeque};

/// A message that came in or went out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traced {
    pub at: Now,
    pub flow: Flow,
    pub sent: bool,
    pub message: Bytes,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Trace {
    octets_max: usize,
    messages: VecDeque<Traced>,
    octets: usize,
    /// The Call-ID of each leg.
    legs: VecDeque<(LegId, Text)>,
    /// The call of each leg.
    calls: VecDeque<(LegId, CallId)>,
}

impl Trace {
    /// Keeps so many octets; 0 keeps nothing.
    pub(super) fn new(octets_max: usize) -> Trace {
        Trace {
            octets_max,
            messages: VecDeque::new(),
            octets: 0,
            legs: VecDeque::new(),
            calls: VecDeque::new(),
        }
    }

    /// Keeps a message that has come in.
    pub(super) fn received(&mut self, at: Now, flow: Flow, message: &Bytes) {
        if self.octets_max == 0 {
            return;
        }
        // Messages of a connection share its read buffer, which must not be kept for each of them.
        let whole = flow.transport.reliable();
        let message = if whole { Bytes::copy_from_slice(message) } else { message.clone() };
        self.keep(Traced { at, flow, sent: false, message });
    }

    /// Keeps what is sent.
    pub(super) fn sent(&mut self, at: Now, out: &[Output]) {
        if self.octets_max == 0 {
            return;
        }
        for output in out {
            if let Output::Transmit { flow, message } = output {
                self.keep(Traced { at, flow: *flow, sent: true, message: message.clone() });
            }
        }
    }

    fn keep(&mut self, traced: Traced) {
        self.octets += cost(&traced);
        self.messages.push_back(traced);
        while self.octets > self.octets_max {
            let Some(oldest) = self.messages.pop_front() else { return };
            self.octets -= cost(&oldest);
        }
    }

    /// A leg has this Call-ID.
    pub(super) fn leg(&mut self, leg: LegId, call_id: &str) {
        if self.octets_max == 0 {
            return;
        }
        // Kept for long: it must not keep the whole message.
        push(&mut self.legs, (leg, call_id.into()));
    }

    /// A leg belongs to this call.
    pub(super) fn call(&mut self, leg: LegId, call: CallId) {
        if self.octets_max == 0 {
            return;
        }
        push(&mut self.calls, (leg, call));
    }

    /// The messages of all legs of the call that has this number, or a leg with this Call-ID; oldest first.
    pub(super) fn of(&self, call: &str) -> Vec<Traced> {
        let number = call.parse().ok().map(CallId);
        let leg = self.legs.iter().rev().find(|(_, id)| **id == *call).map(|(leg, _)| *leg);
        let belongs = leg.and_then(|leg| self.calls.iter().rev().find(|(l, _)| *l == leg)).map(|(_, c)| *c);
        let one = belongs.or(number.filter(|_| leg.is_none()));
        let legs: BTreeSet<LegId> =
            self.calls.iter().filter(|(_, c)| Some(*c) == one).map(|(l, _)| *l).collect();
        let ids = self.legs.iter().filter(|(l, _)| legs.contains(l)).map(|(_, id)| id.as_ref());
        let wanted: BTreeSet<&str> = ids.chain([call]).collect();
        let is_wanted = |t: &&Traced| call_id(&t.message).is_some_and(|id| wanted.contains(id));
        self.messages.iter().filter(is_wanted).cloned().collect()
    }
}

/// What it takes of memory.
fn cost(traced: &Traced) -> usize {
    traced.message.len() + size_of::<Traced>()
}

fn push<T>(to: &mut VecDeque<T>, one: T) {
    if to.len() >= SIP_TRACE_LEGS_MAX {
        to.pop_front();
    }
    to.push_back(one);
}

/// The Call-ID of a message, found without parsing the rest.
fn call_id(message: &[u8]) -> Option<&str> {
    for line in message.split(|c| *c == b'\n').skip(1) {
        let colon = line.iter().position(|c| *c == b':')?;
        let name = line.get(..colon)?.trim_ascii_end();
        if name.eq_ignore_ascii_case(b"call-id") || name.eq_ignore_ascii_case(b"i") {
            return std::str::from_utf8(line.get(colon + 1..)?.trim_ascii()).ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Transport;

    fn message(id: &str, extra: usize) -> Bytes {
        Bytes::from(format!("BYE sip:a SIP/2.0\r\nVia: x\r\ni : {id}\r\n\r\n{}", "x".repeat(extra)))
    }

    fn flow() -> Flow {
        let addr = "192.0.2.1:5060".parse().unwrap();
        Flow { transport: Transport::Udp, local: addr, remote: addr }
    }

    #[test]
    fn a_call_is_found_by_its_number_and_by_the_call_id_of_each_leg_with_all_its_legs() {
        let mut t = Trace::new(1 << 20);
        for (leg, id, call) in [(1, "a", 7), (2, "b", 7), (3, "c", 8), (4, "9", 10)] {
            t.leg(LegId(leg), id);
            t.call(LegId(leg), CallId(call));
        }
        for (n, id) in ["a", "b", "c", "9", "d", "a"].into_iter().enumerate() {
            t.received(Now(n as u64), flow(), &message(id, 0));
        }
        let found = |t: &Trace, call: &str| t.of(call).iter().map(|m| m.at.0).collect::<Vec<_>>();
        for call in ["7", "a", "b"] {
            assert_eq!(found(&t, call), [0, 1, 5], "{call}");
        }
        assert_eq!(found(&t, "8"), [2]);
        assert_eq!(found(&t, "d"), [4], "one of no call");
        assert_eq!(found(&t, "9"), [3], "a Call-ID that looks like a number");
        assert!(found(&t, "11").is_empty());
    }

    #[test]
    fn as_many_octets_as_the_limit_are_kept_and_the_oldest_go() {
        let mut t = Trace::new(1 << 20);
        let one = message("a", 900);
        let each = one.len() + size_of::<Traced>();
        let count = t.octets_max / each;
        for n in 0..count as u64 {
            t.received(Now(n), flow(), &one);
        }
        assert_eq!(t.of("a").len(), count);
        t.received(Now(count as u64), flow(), &one);
        assert!(t.octets <= t.octets_max);
        assert_eq!((t.messages.len(), t.of("a")[0].at), (count, Now(1)));
        for n in 0..SIP_TRACE_LEGS_MAX as u64 + 5 {
            t.leg(LegId(n), "x");
        }
        assert_eq!(t.legs.len(), SIP_TRACE_LEGS_MAX);
    }
}
