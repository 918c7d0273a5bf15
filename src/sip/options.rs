//! Asks servers whether they are alive (OPTIONS, RFC 3261 §11).
//!
//! In: `Options`, addresses, responses, time. Out: OPTIONS to one address after the other until one answers within
//! [`SIP_HOP_MAX`], and one `Options` event. When to ask, and what an answer means, is the business of whoever asks.

use super::build::Builder;
use super::endpoint::Endpoint;
use super::event::{Ask, Event, Flow, Output, PeerId, Target};
use super::layer::{Owner, TxId};
use super::message::{Message, Start};
use super::name::{Method, Name};
use super::reply::ACCEPT;
use crate::base::Now;
use crate::limits::SIP_HOP_MAX;
use std::collections::VecDeque;

/// A question that is on its way.
#[derive(Debug)]
pub(super) struct Question {
    uri: String,
    flows: VecDeque<Flow>,
    tx: Option<TxId>,
    /// When the address that is asked has been silent for too long.
    pub(super) due: Option<Now>,
}

impl Endpoint {
    /// Asks; in place of a question to the same peer that is still open.
    pub(super) fn ask_options(&mut self, now: Now, peer: PeerId, target: Target, out: &mut Vec<Output>) {
        let Some((uri, flow)) = target.server() else { return };
        self.questions
            .insert(peer, Question { uri: uri.clone(), flows: VecDeque::new(), tx: None, due: None });
        match flow {
            Some(flow) => self.options_located(now, peer, [flow].into(), out),
            None => out.push(Output::Locate { ask: Ask::Options(peer), uri }),
        }
    }

    /// Where the servers are.
    pub(super) fn options_located(
        &mut self,
        now: Now,
        peer: PeerId,
        flows: VecDeque<Flow>,
        out: &mut Vec<Output>,
    ) {
        if let Some(question) = self.questions.get_mut(&peer) {
            question.flows = flows;
            self.next_options(now, peer, out);
        }
    }

    /// Asks the next address, or says that none answers.
    fn next_options(&mut self, now: Now, peer: PeerId, out: &mut Vec<Output>) {
        let Some(question) = self.questions.get_mut(&peer) else { return };
        let Some(flow) = question.flows.pop_front() else {
            return self.options_done(peer, None, out);
        };
        let uri = question.uri.clone();
        let (via, tag, call_id) = (self.via(flow), self.token(), self.token());
        let own = self.contact(flow, false);
        let octets = Builder::request(&Method::Options, &uri)
            .field(Name::Via, via)
            .field(Name::MaxForwards, "70")
            .field(Name::From, format_args!("{own};tag={tag}"))
            .field(Name::To, format_args!("<{uri}>"))
            .field(Name::CallId, call_id)
            .field(Name::CSeq, "1 OPTIONS")
            .field(Name::Contact, &own)
            .field(Name::Accept, ACCEPT)
            .field(Name::UserAgent, &self.config.user_agent)
            .end();
        let tx = self.layer.request(now, flow, octets, Owner::Options(peer), out);
        if let Some(question) = self.questions.get_mut(&peer) {
            (question.tx, question.due) = (tx, Some(now + SIP_HOP_MAX));
        }
    }

    /// An answer: the server is alive, whatever it says.
    pub(super) fn options_response(
        &mut self,
        (peer, tx): (PeerId, TxId),
        message: &Message,
        out: &mut Vec<Output>,
    ) {
        let Start::Response { status: status @ 200.., .. } = message.start() else { return };
        if self.questions.get(&peer).is_some_and(|q| q.tx == Some(tx)) {
            self.options_done(peer, Some(status), out);
        }
    }

    /// No answer from this address.
    pub(super) fn options_failed(&mut self, now: Now, (peer, tx): (PeerId, TxId), out: &mut Vec<Output>) {
        if self.questions.get(&peer).is_some_and(|q| q.tx == Some(tx)) {
            self.next_options(now, peer, out);
        }
    }

    /// Leaves addresses that have been silent for too long.
    pub(super) fn options_due(&mut self, now: Now, out: &mut Vec<Output>) {
        let silent = |q: &Question| q.due.is_some_and(|due| due <= now);
        let silent: Vec<PeerId> = self.questions.iter().filter(|(_, q)| silent(q)).map(|(p, _)| *p).collect();
        for peer in silent {
            if let Some(tx) = self.questions.get(&peer).and_then(|q| q.tx) {
                self.layer.forget(now, tx, out);
            }
            self.next_options(now, peer, out);
        }
    }

    fn options_done(&mut self, peer: PeerId, status: Option<u16>, out: &mut Vec<Output>) {
        self.questions.remove(&peer);
        out.push(Output::Event(Event::Options { peer, status }));
    }
}
