//! The transaction layer (RFC 3261 §17): finds the machine a message belongs to and carries out what it asks for.
//!
//! In: messages from the wire, requests and responses from the users of transactions, timers, transport errors. Out:
//! octets for the wire, whose a response is, and [`Up`]s, which the endpoint takes from [`Layer::ups`] one after the other.
//!
//! What finds the machine is in `key.rs`.

use super::build::{Builder, after_invite};
use super::client;
use super::event::{Flow, Output};
use super::invite_client;
use super::invite_server;
use super::key::{client_key, own_key, server_key};
use super::machine::Machine;
use super::message::{Envelope, Message, Start};
use super::name::{Method, Name};
use super::request::Request;
use super::server;
pub(super) use super::transaction::Owner;
use super::transaction::{Act, Timer};
use crate::base::{Now, Timers};
use bytes::Bytes;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;

/// Names one transaction; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct TxId(u64);

/// What the layer tells the endpoint.
#[derive(Debug)]
pub(super) enum Up {
    /// A request of ours has failed without a final response.
    Failed { owner: Owner, tx: TxId, unreachable: bool },
    /// What we respond cannot be sent.
    ReplyLost { owner: Owner },
    /// A transaction is over.
    Gone { owner: Owner },
}

struct Transaction {
    machine: Machine,
    owner: Owner,
    flow: Flow,
    /// The request that came in, until its final response.
    request: Option<Message>,
    /// What `Act::Send` sends: our request, or our latest response.
    latest: Option<Bytes>,
    /// What is sent if that cannot be, and over which flow.
    instead: Option<Box<(Flow, Bytes)>>,
    keys: [Option<Arc<str>>; 2],
}

impl Transaction {
    /// The request: one of ours is read again, since that is seldom asked for and kept by all.
    fn request(&self) -> Option<Message> {
        match self.machine {
            Machine::InviteServer(_) | Machine::Server(_) => self.request.clone(),
            Machine::InviteClient(_) | Machine::Client(_) => Message::parse(self.latest.as_ref()?).ok(),
        }
    }
}

/// All transactions.
#[derive(Default)]
pub(super) struct Layer {
    all: BTreeMap<TxId, Box<Transaction>>,
    keys: HashMap<Arc<str>, TxId>,
    timers: Timers<(TxId, Timer)>,
    next: u64,
    /// The memory of what machines ask for.
    acts: Vec<Act>,
    /// What the endpoint has not taken yet.
    pub(super) ups: VecDeque<Up>,
}

/// What becomes of a request that has come in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// It belongs to a transaction, which has dealt with it.
    Absorbed,
    /// It is an ACK for a 2xx: the dialog's business.
    Ack,
    /// It came before on another path (§8.2.2.2).
    Merged,
    /// It is new.
    New,
}

impl Layer {
    /// Transactions alive.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// True if a request belongs to a transaction that is there: repeats it, acknowledges it, or cancels it.
    pub(super) fn knows(&self, request: &Request<'_>) -> bool {
        match request.envelope.method {
            Method::Cancel => self.cancelled(&request.envelope).is_some(),
            _ => self.keys.contains_key(&*request.key),
        }
    }

    /// When the next timer is due.
    pub(super) fn deadline(&self) -> Option<Now> {
        self.timers.next().map(|(at, _)| at)
    }

    /// Matches a request.
    pub(super) fn receive(&mut self, now: Now, request: &Request<'_>, out: &mut Vec<Output>) -> Seen {
        let ack = request.envelope.method == Method::Ack;
        if let Some(tx) = self.keys.get(&*request.key).copied() {
            let acts = self.step(tx, |machine, acts| match machine {
                Machine::InviteServer(m) if ack => m.step(invite_server::Event::Ack, acts),
                Machine::InviteServer(m) => m.step(invite_server::Event::Invite, acts),
                Machine::Server(m) => m.step(server::Event::Request, acts),
                Machine::InviteClient(_) | Machine::Client(_) => {}
            });
            let passed = acts.contains(&Act::Pass);
            self.carry_out(now, tx, acts, None, out);
            return if passed { Seen::Ack } else { Seen::Absorbed };
        }
        if ack {
            return Seen::Ack;
        }
        match request.merge.as_ref().is_some_and(|key| self.keys.contains_key(&**key)) {
            true => Seen::Merged,
            false => Seen::New,
        }
    }

    /// Begins a server transaction for a new request.
    pub(super) fn serve(&mut self, request: &Request<'_>, owner: Owner) -> TxId {
        let machine = Machine::server(&request.envelope.method, request.flow);
        let keys = [Some(request.key.as_str().into()), request.merge.as_deref().map(Arc::from)];
        self.add(Transaction {
            machine,
            owner,
            flow: request.reply,
            request: Some(request.message.clone()),
            latest: None,
            instead: None,
            keys,
        })
    }

    /// The INVITE transaction that a CANCEL means (§9.2), and its owner.
    pub(super) fn cancelled(&self, cancel: &Envelope<'_>) -> Option<(TxId, Owner)> {
        let tx = *self.keys.get(&*server_key(cancel, &Method::Invite))?;
        Some((tx, self.all.get(&tx)?.owner))
    }

    /// Sends a response in a server transaction.
    pub(super) fn respond(&mut self, now: Now, tx: TxId, status: u16, message: Bytes, out: &mut Vec<Output>) {
        let Some(transaction) = self.all.get_mut(&tx) else { return };
        transaction.latest = Some(message);
        if status >= 200 {
            transaction.request = None;
        }
        self.again(now, tx, status, out);
    }

    /// Sends the latest response of a server transaction again: a 2xx until its ACK (§13.3.1.4), a 1xx each minute.
    pub(super) fn again(&mut self, now: Now, tx: TxId, status: u16, out: &mut Vec<Output>) {
        let acts = self.step(tx, |machine, acts| match machine {
            Machine::InviteServer(m) => m.step(
                match status {
                    ..200 => invite_server::Event::Provisional,
                    200..300 => invite_server::Event::Success,
                    _ => invite_server::Event::Refusal,
                },
                acts,
            ),
            Machine::Server(m) => m.step(server::Event::Final, acts),
            Machine::InviteClient(_) | Machine::Client(_) => {}
        });
        self.carry_out(now, tx, acts, None, out);
    }

    /// Our 2xx is acknowledged, and will not be sent again.
    pub(super) fn acknowledged(&mut self, tx: TxId) {
        if let Some(t) = self.all.get_mut(&tx) {
            t.latest = None;
        }
    }

    /// Where a transaction's messages go.
    pub(super) fn flow_of(&self, tx: TxId) -> Option<Flow> {
        self.all.get(&tx).map(|t| t.flow)
    }

    /// The request of a transaction.
    pub(super) fn request_of(&self, tx: TxId) -> Option<Message> {
        self.all.get(&tx)?.request()
    }

    /// Sends a request in a new client transaction; `None` if it is not fit to be sent.
    pub(super) fn request(
        &mut self,
        now: Now,
        flow: Flow,
        octets: Bytes,
        owner: Owner,
        out: &mut Vec<Output>,
    ) -> Option<TxId> {
        self.request_or(now, (flow, octets), None, owner, out)
    }

    /// The same; if the transport fails, `instead` is sent in its place (§18.1.1).
    pub(super) fn request_or(
        &mut self,
        now: Now,
        (flow, octets): (Flow, Bytes),
        instead: Option<(Flow, Bytes)>,
        owner: Owner,
        out: &mut Vec<Output>,
    ) -> Option<TxId> {
        let (method, key) = own_key(&octets)?;
        let mut acts = std::mem::take(&mut self.acts);
        let machine = Machine::client(&method, flow, &mut acts);
        let keys = [Some(key.into()), None];
        let (latest, instead) = (Some(octets), instead.map(Box::new));
        let tx = self.add(Transaction { machine, owner, flow, request: None, latest, instead, keys });
        self.carry_out(now, tx, acts, None, out);
        Some(tx)
    }

    /// Takes a response; `None` if it belongs to no transaction, else whose it is if he is to have it.
    pub(super) fn response(
        &mut self,
        now: Now,
        message: &Message,
        envelope: &Envelope<'_>,
        out: &mut Vec<Output>,
    ) -> Option<Option<(Owner, TxId)>> {
        let Start::Response { status, .. } = message.start() else { return None };
        let tx = *self.keys.get(&*client_key(envelope))?;
        let owner = self.all.get(&tx)?.owner;
        let acts = self.step(tx, |machine, acts| match machine {
            Machine::InviteClient(m) => m.step(
                match status {
                    ..200 => invite_client::Event::Provisional,
                    200..300 => invite_client::Event::Success,
                    _ => invite_client::Event::Refusal,
                },
                acts,
            ),
            Machine::Client(m) if status < 200 => m.step(client::Event::Provisional, acts),
            Machine::Client(m) => m.step(client::Event::Final, acts),
            Machine::InviteServer(_) | Machine::Server(_) => {}
        });
        let passed = acts.contains(&Act::Pass);
        self.carry_out(now, tx, acts, message.get(Name::To), out);
        if let Some(t) = self.all.get_mut(&tx) {
            // It has arrived. What is answered for good is not sent again; of a refused INVITE each ACK is made.
            t.instead = None;
            let refused = matches!(t.machine, Machine::InviteClient(_)) && status >= 300;
            if status >= 200 && !refused {
                t.latest = None;
            }
        }
        Some(passed.then_some((owner, tx)))
    }

    /// Nothing can be sent over `flow`: its transactions hear of it (§17.1.4).
    pub(super) fn unreachable(&mut self, now: Now, flow: Flow, out: &mut Vec<Output>) {
        let hit: Vec<TxId> = self.all.iter().filter(|(_, t)| t.flow == flow).map(|(tx, _)| *tx).collect();
        for tx in hit {
            if self.send_instead(now, tx, out) {
                continue;
            }
            let acts = self.step(tx, Machine::transport_error);
            self.carry_out(now, tx, acts, None, out);
        }
    }

    /// Begins a client transaction anew with what was kept for that; false if nothing was.
    fn send_instead(&mut self, now: Now, tx: TxId, out: &mut Vec<Output>) -> bool {
        let Some(t) = self.all.get_mut(&tx) else { return false };
        let Some((flow, octets)) = t.instead.take().map(|instead| *instead) else { return false };
        let mut acts = std::mem::take(&mut self.acts);
        t.machine = t.machine.anew(flow, &mut acts);
        (t.flow, t.latest) = (flow, Some(octets));
        self.carry_out(now, tx, acts, None, out);
        true
    }

    /// Fires the timers that are due.
    pub(super) fn tick(&mut self, now: Now, out: &mut Vec<Output>) {
        while let Some((tx, timer)) = self.timers.pop_due(now) {
            let acts = self.step(tx, |machine, acts| machine.timer(timer, acts));
            self.carry_out(now, tx, acts, None, out);
        }
    }

    /// Gives a transaction up without a word (an INVITE whose CANCEL brought no response, §9.1).
    pub(super) fn forget(&mut self, now: Now, tx: TxId, out: &mut Vec<Output>) {
        self.carry_out(now, tx, vec![Act::End], None, out);
    }

    /// True if a transaction goes over this address of ours.
    pub(super) fn uses(&self, local: SocketAddr) -> bool {
        self.all.values().any(|t| t.flow.local == local)
    }

    /// One line for each transaction.
    pub(super) fn dump(&self, text: &mut String) {
        for (tx, t) in &self.all {
            let (kind, state) = t.machine.describe();
            let request = t.request();
            let cseq = request.as_ref().and_then(|r| r.get(Name::CSeq)).unwrap_or_default();
            let _ =
                writeln!(text, "transaction {} {kind} {state} {cseq} {} {:?}", tx.0, t.flow.remote, t.owner);
        }
    }

    fn add(&mut self, transaction: Transaction) -> TxId {
        let tx = TxId(self.next);
        self.next += 1;
        for key in transaction.keys.iter().flatten() {
            self.keys.insert(key.clone(), tx);
        }
        self.all.insert(tx, Box::new(transaction));
        tx
    }

    fn step(&mut self, tx: TxId, with: impl FnOnce(&mut Machine, &mut Vec<Act>)) -> Vec<Act> {
        let mut acts = std::mem::take(&mut self.acts);
        if let Some(transaction) = self.all.get_mut(&tx) {
            with(&mut transaction.machine, &mut acts);
        }
        acts
    }

    fn carry_out(&mut self, now: Now, tx: TxId, mut acts: Vec<Act>, to: Option<&str>, out: &mut Vec<Output>) {
        for act in acts.drain(..) {
            match act {
                Act::Start(timer, after) => self.timers.set((tx, timer), now + after),
                Act::Stop(timer) => self.timers.clear((tx, timer)),
                Act::End => self.end(tx),
                // Whoever handed the message over looks after it.
                Act::Pass => {}
                Act::Send | Act::Ack | Act::Timeout | Act::Unreachable => self.say(tx, act, to, out),
            }
        }
        self.acts = acts;
    }

    /// Sends or tells what a machine asks for.
    fn say(&mut self, tx: TxId, act: Act, to: Option<&str>, out: &mut Vec<Output>) {
        let Some(t) = self.all.get(&tx) else { return };
        let (owner, flow) = (t.owner, t.flow);
        let ours = matches!(t.machine, Machine::InviteClient(_) | Machine::Client(_));
        let message = match act {
            Act::Send => t.latest.clone(),
            Act::Ack => t.request().and_then(|r| after_invite(&r, &Method::Ack, to)).map(Builder::end),
            _ => None,
        };
        out.extend(message.map(|message| Output::Transmit { flow, message }));
        match act {
            Act::Timeout if ours => self.ups.push_back(Up::Failed { owner, tx, unreachable: false }),
            Act::Unreachable if ours => self.ups.push_back(Up::Failed { owner, tx, unreachable: true }),
            Act::Unreachable => self.ups.push_back(Up::ReplyLost { owner }),
            // A refusal that nobody acknowledged has still been said.
            _ => {}
        }
    }

    fn end(&mut self, tx: TxId) {
        let Some(t) = self.all.remove(&tx) else { return };
        for key in t.keys.iter().flatten() {
            if self.keys.get(key) == Some(&tx) {
                self.keys.remove(key);
            }
        }
        self.timers.clear_all((tx, Timer::FIRST)..=(tx, Timer::LAST));
        self.ups.push_back(Up::Gone { owner: t.owner });
    }
}
