//! One of the four transaction machines, and what the layer does with each alike.

use super::client::{self, Client};
use super::event::Flow;
use super::invite_client::{self, InviteClient};
use super::invite_server::{self, InviteServer};
use super::name::Method;
use super::server::{self, Server};
use super::transaction::{Act, Timer};

/// The machine of one transaction.
pub(super) enum Machine {
    InviteClient(InviteClient),
    Client(Client),
    InviteServer(InviteServer),
    Server(Server),
}

impl Machine {
    /// For a request of ours over `flow`.
    pub(super) fn client(method: &Method, flow: Flow, acts: &mut Vec<Act>) -> Machine {
        let reliable = flow.transport.reliable();
        match method {
            Method::Invite => Machine::InviteClient(InviteClient::new(reliable, acts)),
            _ => Machine::Client(Client::new(reliable, acts)),
        }
    }

    /// For a request that came over `flow`.
    pub(super) fn server(method: &Method, flow: Flow) -> Machine {
        let reliable = flow.transport.reliable();
        match method {
            Method::Invite => Machine::InviteServer(InviteServer::new(reliable)),
            _ => Machine::Server(Server::new(reliable)),
        }
    }

    /// The same from the beginning, over another flow.
    pub(super) fn anew(&self, flow: Flow, acts: &mut Vec<Act>) -> Machine {
        let reliable = flow.transport.reliable();
        match self {
            Machine::InviteClient(_) => Machine::InviteClient(InviteClient::new(reliable, acts)),
            Machine::Client(_) => Machine::Client(Client::new(reliable, acts)),
            Machine::InviteServer(_) => Machine::InviteServer(InviteServer::new(reliable)),
            Machine::Server(_) => Machine::Server(Server::new(reliable)),
        }
    }

    /// What it is and where it stands, for dumps.
    pub(super) fn describe(&self) -> (&'static str, &'static str) {
        match self {
            Machine::InviteClient(m) => ("INVITE client", m.state()),
            Machine::Client(m) => ("client", m.state()),
            Machine::InviteServer(m) => ("INVITE server", m.state()),
            Machine::Server(m) => ("server", m.state()),
        }
    }

    /// Nothing can be sent (§17.1.4).
    pub(super) fn transport_error(&mut self, acts: &mut Vec<Act>) {
        match self {
            Machine::InviteClient(m) => m.step(invite_client::Event::TransportError, acts),
            Machine::Client(m) => m.step(client::Event::TransportError, acts),
            Machine::InviteServer(m) => m.step(invite_server::Event::TransportError, acts),
            Machine::Server(m) => m.step(server::Event::TransportError, acts),
        }
    }

    /// A timer is due.
    pub(super) fn timer(&mut self, timer: Timer, acts: &mut Vec<Act>) {
        match (self, timer) {
            (Machine::InviteClient(m), Timer::A) => m.step(invite_client::Event::TimerA, acts),
            (Machine::InviteClient(m), Timer::B) => m.step(invite_client::Event::TimerB, acts),
            (Machine::InviteClient(m), Timer::D) => m.step(invite_client::Event::TimerD, acts),
            (Machine::InviteClient(m), Timer::M) => m.step(invite_client::Event::TimerM, acts),
            (Machine::Client(m), Timer::E) => m.step(client::Event::TimerE, acts),
            (Machine::Client(m), Timer::F) => m.step(client::Event::TimerF, acts),
            (Machine::Client(m), Timer::K) => m.step(client::Event::TimerK, acts),
            (Machine::InviteServer(m), Timer::G) => m.step(invite_server::Event::TimerG, acts),
            (Machine::InviteServer(m), Timer::H) => m.step(invite_server::Event::TimerH, acts),
            (Machine::InviteServer(m), Timer::I) => m.step(invite_server::Event::TimerI, acts),
            (Machine::InviteServer(m), Timer::L) => m.step(invite_server::Event::TimerL, acts),
            (Machine::Server(m), Timer::J) => m.step(server::Event::TimerJ, acts),
            // A machine sets only its own timers.
            (
                Machine::InviteClient(_) | Machine::Client(_) | Machine::InviteServer(_) | Machine::Server(_),
                _,
            ) => {}
        }
    }
}
