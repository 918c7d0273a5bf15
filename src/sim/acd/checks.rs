//! The promises of the ACD, checked from outside: from what went in and what came out alone, by a book of its own.
//!
//! | check             | promise                                                                                     |
//! |-------------------|---------------------------------------------------------------------------------------------|
//! | one-place         | a call is in exactly one place: waiting, offered, talking, or gone, and it ends once        |
//! | one-offer         | an agent holds at most one offer, and no more calls than its capacity                       |
//! | lease             | no offer outlives its lease; an answer within it counts                                     |
//! | order             | nobody of a queue is served before another whom the agent fits, unless the decision says so |
//! | nobody-idle       | no ready agent fits a caller who waits                                                      |
//! | sums              | the figures' totals are the callers that there were                                         |
//! | nothing-left      | when the last caller has left, no call, offer or reservation is left                        |
//!
//! Of two callers of a queue the earlier is first if its priority is no less; what the score says of others is not repeated
//! here. A caller in the head start of its preferred agent, or in the pause of ring-all, is not waited for.

use crate::acd::{AcdEvent, Counts, Input, OfferId, Output, Requirement, Setup, State, Strategy};
use crate::base::{CallId, Now};
use crate::limits::RING_AT_ONCE_MAX;
use crate::sim::Verdict;
use std::collections::BTreeMap;
use std::time::Duration;

/// Ring-all pauses no longer than this between two rounds.
const PAUSE: Duration = Duration::from_secs(5);

/// `balanced` lets a phone ring no shorter before it rings another beside it, unless they ring from the same instant on.
const LONG_RING: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Waiting,
    Talking(usize),
}

#[derive(Debug)]
struct Call {
    place: Place,
    queue: usize,
    came: (Now, u64),
    entered: Now,
    priority: u16,
    require: Option<Requirement>,
    /// May have a preferred agent, by its number.
    known: bool,
    offers: usize,
    paused: Now,
    /// When a phone began to ring for it.
    rung: Now,
}

#[derive(Debug, Default)]
struct Hands {
    offer: Option<OfferId>,
    talks: usize,
    ready: bool,
}

#[derive(Debug)]
struct Open {
    call: CallId,
    agent: usize,
    until: Now,
}

/// The book.
#[derive(Debug)]
pub(super) struct Checks {
    setup: Setup,
    users: BTreeMap<String, usize>,
    queues: BTreeMap<String, usize>,
    calls: BTreeMap<CallId, Call>,
    hands: Vec<Hands>,
    offers: BTreeMap<OfferId, Open>,
    came: u64,
    /// Answered, abandoned, overflowed.
    ended: [u64; 3],
    pub(super) verdict: Option<Verdict>,
}

/// What is broken, and how.
type Broken = (&'static str, String);

impl Checks {
    pub(super) fn new(setup: &Setup) -> Checks {
        Checks {
            setup: setup.clone(),
            users: setup.agents.iter().enumerate().map(|(ix, a)| (a.user.clone(), ix)).collect(),
            queues: setup.queues.iter().enumerate().map(|(ix, q)| (q.name.clone(), ix)).collect(),
            calls: BTreeMap::new(),
            hands: setup.agents.iter().map(|_| Hands::default()).collect(),
            offers: BTreeMap::new(),
            came: 0,
            ended: [0; 3],
            verdict: None,
        }
    }

    /// Looks at one step: what went in, and all that came out.
    pub(super) fn step(&mut self, now: Now, input: &Input, out: &[Output]) {
        if self.verdict.is_none()
            && let Err((check, what)) = self.look(now, input, out)
        {
            self.verdict = Some(Verdict { check, at_ms: now.ms(), what });
        }
    }

    fn look(&mut self, now: Now, input: &Input, out: &[Output]) -> Result<(), Broken> {
        let answered = match input {
            Input::Enqueue { call, request } => {
                self.came += 1;
                let queue = self.queues.get(&request.queue).copied().unwrap_or_default();
                let own = self.setup.queues.get(queue).map_or(0, |q| q.priority);
                let call_of = Call {
                    place: Place::Waiting,
                    queue,
                    came: (now, self.came),
                    entered: now,
                    priority: request.priority.unwrap_or(own),
                    require: request.require.clone(),
                    known: request.number.is_some() || request.preferred.is_some(),
                    offers: 0,
                    paused: now,
                    rung: now,
                };
                self.calls.insert(*call, call_of);
                None
            }
            Input::Answered { offer } => self.offers.get(offer).map(|o| o.call),
            _ => None,
        };
        for output in out {
            self.book(now, output)?;
        }
        if let Some(call) = answered
            && !self.calls.get(&call).is_some_and(|c| matches!(c.place, Place::Talking(_)))
        {
            return Err(("lease", format!("call {} was answered in time, and does not talk", call.0)));
        }
        if let Some((id, open)) = self.offers.iter().find(|(_, o)| o.until < now) {
            return Err(("lease", format!("offer {} of call {} outlives its lease", id.0, open.call.0)));
        }
        for output in out {
            self.order(now, output)?;
        }
        self.idle(now)
    }

    fn book(&mut self, now: Now, output: &Output) -> Result<(), Broken> {
        match output {
            Output::Offer { offer, call, user, .. } => self.offered(now, *offer, *call, user),
            Output::Agent { user, state } => {
                if let Some(hands) = self.users.get(user).and_then(|ix| self.hands.get_mut(*ix)) {
                    hands.ready = *state == State::Ready;
                }
                Ok(())
            }
            Output::Event(event) => self.event(now, event),
            _ => Ok(()),
        }
    }

    fn offered(&mut self, now: Now, offer: OfferId, call: CallId, user: &str) -> Result<(), Broken> {
        let elsewhere = || ("one-place", format!("call {} is offered to {user}, and does not wait", call.0));
        let found = self.calls.get_mut(&call).filter(|c| c.place == Place::Waiting).ok_or_else(elsewhere)?;
        let queue = self.setup.queues.get(found.queue).ok_or_else(elsewhere)?;
        let beside = match queue.strategy {
            Strategy::RingAll => true,
            Strategy::Balanced => {
                let at_once = found.rung == now && found.offers < RING_AT_ONCE_MAX;
                at_once || now.since(found.rung) >= LONG_RING
            }
            _ => false,
        };
        if found.offers > 0 && !beside {
            return Err(("one-place", format!("call {} is offered to {user} and to another", call.0)));
        }
        (found.offers, found.rung) = (found.offers + 1, now);
        let agent = self.users.get(user).copied().unwrap_or(usize::MAX);
        let capacity = self.setup.agents.get(agent).map_or(0, |a| usize::from(a.capacity));
        match self.hands.get_mut(agent) {
            Some(hands) if hands.offer.is_none() && hands.talks < capacity => hands.offer = Some(offer),
            _ => return Err(("one-offer", format!("{user} is offered call {} on top of another", call.0))),
        }
        self.offers.insert(offer, Open { call, agent, until: now + queue.ring });
        Ok(())
    }

    fn event(&mut self, now: Now, event: &AcdEvent) -> Result<(), Broken> {
        match event {
            AcdEvent::OfferEnded { offer, .. } => {
                let Some(open) = self.offers.remove(offer) else {
                    return Err(("one-place", format!("offer {} ends twice", offer.0)));
                };
                if let Some(hands) = self.hands.get_mut(open.agent) {
                    hands.offer = None;
                }
                if let Some(call) = self.calls.get_mut(&open.call) {
                    call.offers = call.offers.saturating_sub(1);
                    call.paused = now + PAUSE;
                }
                Ok(())
            }
            AcdEvent::Answered { call, user, .. } => {
                let agent = self.users.get(&**user).copied().unwrap_or(usize::MAX);
                match self.calls.get_mut(call) {
                    Some(c) if c.place == Place::Waiting => c.place = Place::Talking(agent),
                    _ => {
                        return Err(("one-place", format!("call {} is answered, and does not wait", call.0)));
                    }
                }
                self.ended[0] += 1;
                self.hands.get_mut(agent).into_iter().for_each(|h| h.talks += 1);
                Ok(())
            }
            AcdEvent::Abandoned { call, .. } => self.leaves(*call, 1),
            AcdEvent::Overflowed { call, .. } => self.leaves(*call, 2),
            AcdEvent::TalkEnded { call, .. } => match self.calls.remove(call).map(|c| c.place) {
                Some(Place::Talking(agent)) => {
                    self.hands.get_mut(agent).into_iter().for_each(|h| h.talks -= 1);
                    Ok(())
                }
                _ => Err(("one-place", format!("call {} ends a talk that it has not", call.0))),
            },
            AcdEvent::Moved { call, to, .. } => {
                if let (Some(call), Some(queue)) = (self.calls.get_mut(call), self.queues.get(&**to)) {
                    (call.queue, call.entered) = (*queue, now);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn leaves(&mut self, call: CallId, how: usize) -> Result<(), Broken> {
        self.ended[how] += 1;
        match self.calls.remove(&call) {
            Some(c) if c.place == Place::Waiting => Ok(()),
            _ => Err(("one-place", format!("call {} leaves the line, and is not in it", call.0))),
        }
    }

    /// An agent of this number may have this call, from its first moment in the queue on.
    fn fits(&self, agent: usize, call: &Call) -> bool {
        let (Some(agent), Some(queue)) = (self.setup.agents.get(agent), self.setup.queues.get(call.queue))
        else {
            return false;
        };
        let holds = [&queue.require, &call.require].into_iter().flatten().all(|r| r.holds(&agent.skills));
        holds && agent.queues.contains(&queue.name)
    }

    /// Waits, and can be offered to whoever fits.
    fn offerable(&self, now: Now, call: &Call) -> bool {
        let Some(queue) = self.setup.queues.get(call.queue) else { return false };
        let preferred = call.known && !queue.remember.is_zero() && now < call.entered + queue.head_start;
        let paused = queue.strategy == Strategy::RingAll && now < call.paused;
        call.place == Place::Waiting && call.offers == 0 && !preferred && !paused
    }

    fn order(&self, now: Now, output: &Output) -> Result<(), Broken> {
        let Output::Offer { call, user, decision, .. } = output else { return Ok(()) };
        // Answered at once, or left, within this step.
        let Some(offered) = self.calls.get(call) else { return Ok(()) };
        let before =
            |c: &Call| c.queue == offered.queue && c.came < offered.came && c.priority >= offered.priority;
        match decision.passed {
            Some(passed) => {
                let known = self.calls.get(&passed.over).is_some_and(|c| c.queue == offered.queue);
                let wrong = || format!("call {} passes call {}, which is not there", call.0, passed.over.0);
                if known { Ok(()) } else { Err(("order", wrong())) }
            }
            None => {
                let Some(agent) = self.users.get(user).copied() else { return Ok(()) };
                let mut all = self.calls.iter().filter(|(_, c)| before(c) && self.offerable(now, c));
                match all.find(|(_, c)| self.fits(agent, c)) {
                    Some((first, _)) => Err((
                        "order",
                        format!("call {} is offered to {user} before call {}", call.0, first.0),
                    )),
                    None => Ok(()),
                }
            }
        }
    }

    fn idle(&self, now: Now) -> Result<(), Broken> {
        let ready: Vec<usize> =
            (0..self.hands.len()).filter(|ix| self.hands.get(*ix).is_some_and(|h| h.ready)).collect();
        if ready.is_empty() {
            return Ok(());
        }
        for (id, call) in self.calls.iter().filter(|(_, c)| self.offerable(now, c)) {
            if let Some(agent) = ready.iter().find(|a| self.fits(**a, call)) {
                let user = self.setup.agents.get(*agent).map_or("", |a| &a.user);
                return Err(("nobody-idle", format!("call {} waits, and {user} is ready", id.0)));
            }
        }
        Ok(())
    }

    /// When the run is over. `idle`: the core says that nothing is left. `counts`: the figures, if they began with the run.
    pub(super) fn end(self, now: Now, idle: bool, counts: Option<&Counts>) -> Option<Verdict> {
        let found = |check, what| Some(Verdict { check, at_ms: now.ms(), what });
        if self.verdict.is_some() {
            return self.verdict;
        }
        if !idle || !self.calls.is_empty() || !self.offers.is_empty() {
            let (calls, offers) = (self.calls.len(), self.offers.len());
            return found("nothing-left", format!("{calls} calls and {offers} offers are left"));
        }
        let c = counts?;
        let sums = [c.answered, c.abandoned, c.overflowed];
        if sums != self.ended || c.offered != self.came || c.offered != sums.iter().sum::<u64>() {
            let what = format!(
                "{} callers ended as {:?}; the figures say {} and {sums:?}",
                self.came, self.ended, c.offered
            );
            return found("sums", what);
        }
        if c.moved_in != c.moved_out {
            return found("sums", format!("{} moved in, {} moved out", c.moved_in, c.moved_out));
        }
        None
    }
}
