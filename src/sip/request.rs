//! A request as all look at it who have a say in it.

use super::event::Flow;
use super::key::{merge_key, server_key};
use super::message::{Envelope, Message};

/// A request with what is known about it.
#[derive(Debug)]
pub(super) struct Request<'a> {
    /// Where it really came from.
    pub(super) flow: Flow,
    /// Where replies to it go.
    pub(super) reply: Flow,
    pub(super) message: &'a Message,
    pub(super) envelope: Envelope<'a>,
    /// What finds its transaction.
    pub(super) key: String,
    /// What it has in common with its copies on other paths.
    pub(super) merge: Option<String>,
}

impl<'a> Request<'a> {
    pub(super) fn new(flow: Flow, reply: Flow, message: &'a Message, envelope: Envelope<'a>) -> Request<'a> {
        let key = server_key(&envelope, &envelope.method);
        let merge = merge_key(&envelope);
        Request { flow, reply, message, envelope, key, merge }
    }
}
