//! Calls to names, and what happens when a server does not answer (RFC 3263 §4.3).
//!
//! In: `Command::Invite` to a name, `Input::Located` with the addresses, an attempt that has failed: no connection, no answer
//! for [`SIP_HOP_MAX`], 503. Out: `Output::Locate`, the INVITE to the first address, and again to the next with a new
//! transaction, until one answers or none is left. The last may take its time, unless the call has somebody else to ask. A server that has been heard is left for nothing but its 503.
//!
//! A dialog whose route or remote target is a name has that located once; until then, and if it is not found, requests go
//! over the flow that the dialog came from. Requests within a dialog are not tried elsewhere.

use super::answers::Answers;
use super::endpoint::Endpoint;
use super::event::{Ask, EndCause, Event, Flow, Output};
use super::leg::{LegTimer, State};
use super::locate::Hop;
use super::uac::{Outgoing, Way};
use crate::base::{LegId, Now};
use crate::limits::SIP_HOP_MAX;
use std::collections::VecDeque;

impl Endpoint {
    /// Has the servers of `uri` located; the INVITE follows.
    pub(super) fn locate(
        &mut self,
        leg: LegId,
        uri: String,
        hurry: bool,
        what: Outgoing,
        out: &mut Vec<Output>,
    ) {
        out.push(Output::Locate { ask: Ask::Invite(leg), uri: uri.clone() });
        self.locating.insert(leg, (uri, hurry, what));
    }

    /// Gives a call up whose server is still being located; false if there is none.
    pub(super) fn not_located(&mut self, leg: LegId, cause: EndCause, out: &mut Vec<Output>) -> bool {
        let found = self.locating.remove(&leg).is_some();
        out.extend(found.then_some(Output::Event(Event::Ended { leg, cause })));
        found
    }

    /// Takes what has been found.
    pub(super) fn located(&mut self, now: Now, ask: Ask, hops: &[Hop], out: &mut Vec<Output>) {
        match ask {
            Ask::Register(peer) => self.registrar_located(now, peer, self.flows(hops), out),
            Ask::Options(peer) => self.options_located(now, peer, self.flows(hops), out),
            Ask::Invite(leg) => {
                let mut flows = self.flows(hops);
                let Some(first) = flows.pop_front() else {
                    self.not_located(leg, EndCause::Unreachable, out);
                    return;
                };
                let Some((uri, hurry, what)) = self.locating.remove(&leg) else { return };
                let way = Way { uri: uri.into(), flow: first, natted: false, routes: Vec::new() };
                self.begin(now, leg, way, what, out);
                self.with(leg, |l| (l.hops, l.hurry) = (flows, hurry));
                self.wait_for_hop(now, leg);
            }
            Ask::Dialog(leg) => {
                let ways = &self.ways;
                let Some(leg) = self.legs.get_mut(&leg) else { return };
                let flow = leg.dialog.flow;
                let known =
                    |hop: &&Hop| hop.transport == flow.transport && hop.remote.ip() == flow.remote.ip();
                leg.dialog.located = match hops.iter().find(known) {
                    // The connection that is there is used (RFC 5923).
                    Some(_) if flow.transport.reliable() => Some(flow),
                    Some(hop) => Some(Flow { remote: hop.remote, ..flow }),
                    None => hops.iter().find_map(|hop| ways.flow(hop.transport, hop.remote, flow.local)),
                };
            }
        }
    }

    /// The ways to these servers; none where no listener of ours leads there.
    fn flows(&self, hops: &[Hop]) -> VecDeque<Flow> {
        let Some(like) = self.ways.listeners.first().map(|l| l.addr) else { return VecDeque::new() };
        hops.iter().filter_map(|hop| self.ways.flow(hop.transport, hop.remote, like)).collect()
    }

    /// Sends the INVITE of a leg to the next address; false if there is none, or the call is not wanted any more.
    pub(super) fn try_next(&mut self, now: Now, id: LegId, out: &mut Vec<Output>) -> bool {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| !leg.ended) else { return false };
        let State::Calling(calling) = &mut leg.state else { return false };
        if calling.cancel.is_some() {
            return false;
        }
        let Some(flow) = leg.hops.pop_front() else { return false };
        let headers = std::mem::take(&mut calling.headers);
        leg.dialog.flow = flow;
        leg.answers.iter_mut().for_each(Answers::forget);
        self.send_invite(now, id, headers, out);
        self.wait_for_hop(now, id);
        true
    }

    /// Not a word from the server: the next is tried, and what this one says later is not heard.
    pub(super) fn hop_is_silent(&mut self, now: Now, id: LegId, out: &mut Vec<Output>) {
        let Some(State::Calling(calling)) = self.legs.get(&id).map(|l| &l.state) else { return };
        let silent = calling.tx;
        if self.try_next(now, id, out) {
            self.layer.forget(now, silent, out);
        } else if self.legs.get(&id).is_some_and(|leg| leg.hurry && !leg.ended) {
            self.layer.forget(now, silent, out);
            self.over(id);
            self.end(id, EndCause::Timeout, out);
        }
    }

    fn wait_for_hop(&mut self, now: Now, id: LegId) {
        match self.legs.get(&id).is_some_and(|leg| leg.hurry || !leg.hops.is_empty()) {
            true => self.timers.set((id, LegTimer::Hop), now + SIP_HOP_MAX),
            false => self.timers.clear((id, LegTimer::Hop)),
        }
    }

    /// Has the name located that requests in the dialog of a leg go to, if it is one.
    pub(super) fn locate_dialog(&mut self, id: LegId, out: &mut Vec<Output>) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.dialog.located = None;
        if let Some(uri) = leg.dialog.next_name() {
            out.push(Output::Locate { ask: Ask::Dialog(id), uri: uri.to_string() });
        }
    }
}
