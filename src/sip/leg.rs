//! One leg: an INVITE usage of a dialog (RFC 3261 §13–15), whichever side began it.
//!
//! ```text
//!  Command::Invite ──► Calling ──2xx──┐            ┌──200── Offered ◄── INVITE
//!                        │ refusal,   ▼            ▼          │ refusal, CANCEL
//!                        │ timeout    └──► Up ◄────┘          │
//!                        ▼                 │ BYE, either way  ▼
//!                      Over ◄──────────────┴────────────────► Over
//! ```
//! A 200 of ours without its ACK is noted beside the state ([`Unacked`]), since it can be that of a re-INVITE as well.
//! `Event::Ended` is said when the leg ends for the call; the leg itself stays until its last transaction is over, so that
//! whatever comes late (a 200 that crossed our CANCEL, a repeated BYE) finds someone who knows the answer.

use super::answers::Answers;
use super::build::Builder;
use super::dialog::Dialog;
use super::event::{Credentials, Flow};
use super::layer::TxId;
use super::message::Message;
use super::name::{Method, Name};
use super::offers::{Asked, Asking, Want};
use super::prack::Reliable;
use super::refer::Referred;
use super::session::Session;
use super::syntax::Text;
use bytes::Bytes;
use std::collections::VecDeque;
use std::time::Duration;

/// Timer C (§16.6 step 11) for INVITEs of ours: longer does nobody ring.
pub(super) const TIMER_C: Duration = Duration::from_secs(180);
/// A 1xx is repeated this often, so that proxies keep waiting (§13.3.1.1).
pub(super) const RING_AGAIN: Duration = Duration::from_secs(60);
/// Forks of one INVITE that are remembered to be acknowledged again; more are acknowledged and ended once.
pub(super) const FORKS_MAX: usize = 8;

/// The timers of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LegTimer {
    /// Send the 200 again.
    Repeat,
    /// The ACK is not coming (Timer H, §13.3.1.4).
    NoAck,
    /// Say 180 again.
    Ring,
    /// Our INVITE has had no final response for too long.
    C,
    /// The server has said nothing, and there is another (RFC 3263 §4.3).
    Hop,
    /// The INVITE that we have cancelled has had no final response (§9.1).
    Cancelled,
    /// Send a reliable 1xx again (RFC 3262 §3).
    Reliable,
    /// Its PRACK is not coming.
    NoPrack,
    /// Give a sign of life (RFC 4028 §10).
    Refresh,
    /// The session's time is over.
    Expire,
    /// Try an offer of ours again that had to wait.
    Ask,
    /// Ours has had no final response for too long.
    AskLimit,
}

impl LegTimer {
    /// All timers of a leg stand between the first and the last of these; before the last, those that a leg has no more that
    /// is over: a re-INVITE of ours that is open still has its end.
    pub(super) const FIRST: LegTimer = LegTimer::Repeat;
    pub(super) const LAST_IF_OVER: LegTimer = LegTimer::Ask;
    pub(super) const LAST: LegTimer = LegTimer::AskLimit;
}

/// An INVITE of ours that has had no final response.
#[derive(Debug)]
pub(super) struct Calling {
    pub(super) tx: TxId,
    pub(super) headers: Vec<(String, String)>,
    /// A provisional response has come, so a CANCEL may be sent (§9.1).
    pub(super) provisional: bool,
    /// CANCEL is to be sent as soon as it may, with this reason.
    pub(super) cancel: Option<&'static str>,
    pub(super) cancelled: bool,
    /// RSeq of the latest reliable 1xx, by the peer's tag.
    pub(super) rseqs: Vec<(Text, u32)>,
}

impl Calling {
    pub(super) fn new(tx: TxId) -> Calling {
        Calling {
            tx,
            headers: Vec::new(),
            provisional: false,
            cancel: None,
            cancelled: false,
            rseqs: Vec::new(),
        }
    }
}

/// Where a leg stands.
#[derive(Debug)]
pub(super) enum State {
    /// Our INVITE is out.
    Calling(Box<Calling>),
    /// Their INVITE waits for the call's decision.
    Offered(Asked),
    /// There is a dialog.
    Up,
    /// Nothing is to come but what comes late.
    Over,
}

/// A 200 of ours that waits for its ACK.
#[derive(Debug)]
pub(super) struct Unacked {
    pub(super) tx: TxId,
    pub(super) cseq: u32,
    pub(super) interval: Duration,
}

/// A leg.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) dialog: Dialog,
    /// Our tag.
    pub(super) tag: Text,
    pub(super) state: State,
    /// Where the INVITE may be sent instead.
    pub(super) hops: VecDeque<Flow>,
    /// The call has somebody else to ask if all of them are silent.
    pub(super) hurry: bool,
    /// `Event::Ended` has been said.
    pub(super) ended: bool,
    /// Transactions alive.
    pub(super) open: usize,
    pub(super) unacked: Option<Unacked>,
    /// An offer of the peer in the dialog that waits for the call's decision.
    pub(super) asked: Option<Asked>,
    /// Ours that waits for the peer's.
    pub(super) asking: Option<Asking>,
    /// Ours that is to be made as soon as it may.
    pub(super) wanted: Option<Want>,
    /// The latest description of ours, which a refresh repeats.
    pub(super) sdp: Bytes,
    pub(super) session: Option<Session>,
    /// The peer takes UPDATE (RFC 3311 §4).
    pub(super) updates: bool,
    /// A 1xx of ours that must arrive.
    pub(super) reliable: Option<Reliable>,
    /// We began the dialog, and own its Call-ID.
    pub(super) began: bool,
    /// Our ACKs by the peer's tag, to be repeated when the 2xx is.
    pub(super) acks: Vec<(Text, Flow, Bytes)>,
    /// What challenges of our requests are answered with.
    pub(super) answers: Option<Answers>,
    /// The credentials that our INVITE carried last; its ACK carries them too (§22.1).
    pub(super) authorization: Vec<(Name, String)>,
    /// A REFER of the peer that is being carried out.
    pub(super) referred: Option<Referred>,
    /// REFERs of the peer so far.
    pub(super) refers: u32,
    /// A REFER of ours is being carried out.
    pub(super) referring: bool,
}

impl Leg {
    pub(super) fn new(dialog: Dialog, tag: Text, state: State, credentials: Option<Credentials>) -> Leg {
        Leg {
            dialog,
            tag,
            state,
            hops: VecDeque::new(),
            hurry: false,
            ended: false,
            open: 0,
            unacked: None,
            asked: None,
            asking: None,
            wanted: None,
            sdp: Bytes::new(),
            session: None,
            updates: false,
            reliable: None,
            began: false,
            acks: Vec::new(),
            answers: credentials.map(Answers::new),
            authorization: Vec::new(),
            referred: None,
            refers: 0,
            referring: false,
        }
    }

    /// A request of ours with the credentials that are known to be asked for.
    pub(super) fn authorized(&mut self, mut b: Builder, method: &Method, cnonce: u64) -> Builder {
        let Some(answers) = &mut self.answers else { return b };
        let fields = answers.fields(method, &self.dialog.target, &format!("{cnonce:016x}"));
        for (name, value) in &fields {
            b = b.field(*name, value);
        }
        if *method == Method::Invite {
            self.authorization = fields;
        }
        b
    }

    /// Takes a 401 or 407; false if there is nothing to answer it with.
    pub(super) fn challenged(&mut self, refusal: &Message) -> bool {
        self.answers.as_mut().is_some_and(|answers| answers.take(refusal))
    }

    /// Name of the state, for dumps.
    pub(super) fn state(&self) -> &'static str {
        match self.state {
            State::Calling(_) => "Calling",
            State::Offered(_) => "Offered",
            State::Up => "Up",
            State::Over => "Over",
        }
    }
}
