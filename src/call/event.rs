//! What goes into the switch, and what comes out.

use super::cdr::{Cdr, MomentAt, TicketRecord, TurnRecord};
use crate::acd;
use crate::base::{Answer, CallId, Epoch, Lang, LegId};
use crate::config::Config;
use crate::ivr::{Heard, NotHeard, Request, ServiceReply};
use crate::media::{self, Prompt, Report};
use crate::sip;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// What the switch is given.
#[derive(Debug)]
pub enum Input {
    Sip(sip::Event),
    Media(Report),
    /// Answer to [`Output::Open`]: our RTP address, or none because the ports are used up.
    Opened {
        leg: LegId,
        addr: Option<SocketAddr>,
    },
    /// Answer to [`Output::Recognise`].
    Recognised {
        call: CallId,
        utterance: u32,
        /// How long it waited for a recogniser.
        waited: Duration,
        heard: Result<Heard, NotHeard>,
    },
    /// Answer to [`Output::LookUp`].
    LookedUp {
        call: CallId,
        ask: u32,
        reply: Option<ServiceReply>,
    },
    /// Answer to [`Output::Render`]; `None` if it cannot be spoken.
    Rendered {
        lang: Lang,
        slow: bool,
        text: String,
        prompt: Option<Arc<Prompt>>,
    },
    /// A new configuration; calls in progress go on with theirs.
    Reload(Arc<Config>),
    /// What a supervisor asks of the ACD. What cannot be done is answered by [`Output::Refused`].
    Acd(acd::Input),
    /// No new calls; those in progress go on.
    Drain,
    /// End every call (the drain's time is over).
    EndAll,
    /// The deadline has come.
    Tick,
}

/// What has become of a trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrunkNews {
    Registered,
    /// 408 if nobody answered, 503 if nobody was found.
    NotRegistered {
        status: u16,
    },
    /// It answers again.
    Up,
    /// It does not answer, or with 503 only.
    Down {
        status: Option<u16>,
    },
}

/// What the switch wants done.
#[derive(Debug)]
pub enum Output {
    Sip(sip::Command),
    Media(media::Command),
    /// Bind an RTP port on `ip` and begin a leg there; on the worker of `near`, if given. Answered by `Opened`.
    Open {
        leg: LegId,
        ip: IpAddr,
        near: Option<LegId>,
    },
    /// Write down what was said. Answered by `Recognised`.
    Recognise {
        call: CallId,
        utterance: u32,
        lang: Lang,
        /// What was asked for.
        expected: Answer,
        /// The caller may go on: it can be refused, and comes again if it does not.
        early: bool,
        samples: Arc<[i16]>,
    },
    /// What the caller has said so far of a sentence that may be given to [`Output::Recognise`]: the next samples, from the first where it `begins`.
    GoesOn {
        call: CallId,
        lang: Lang,
        begins: bool,
        samples: Arc<[i16]>,
    },
    /// Ask a service of this line. Answered by `LookedUp`.
    LookUp {
        call: CallId,
        line: String,
        ask: u32,
        request: Request,
    },
    /// Something is to be done by people: keep it, and send it where its kind goes.
    Ticket(Box<TicketRecord>),
    /// Speak this text, before what was asked for earlier: the latest is what somebody waits for. Answered by `Rendered`, once however
    /// often it was asked for meanwhile.
    Render {
        lang: Lang,
        /// For a caller who needs time.
        slow: bool,
        text: String,
        /// It is said to everybody: worth keeping on disk.
        keep: bool,
    },
    /// Something happened in a call: for logs and whoever watches.
    /// `turn` is there with [`super::Moment::Heard`].
    Moment {
        call: CallId,
        sip_call_id: Arc<str>,
        at: MomentAt,
        turn: Option<Box<TurnRecord>>,
    },
    /// An INVITE was refused before it became a call; for logs.
    TurnedAway {
        from: SocketAddr,
        dialled: String,
        status: u16,
        reason: &'static str,
    },
    /// A trunk that is registered with or looked after has changed; for logs.
    Trunk {
        trunk: String,
        news: TrunkNews,
    },
    /// An agent's state changed.
    Agent {
        user: String,
        state: acd::State,
    },
    /// Something happened in the ACD: what figures are made of.
    Acd(acd::AcdEvent),
    /// The ACD was asked for what is impossible; nothing has changed.
    Refused {
        why: String,
    },
    /// A call is over: keep its record.
    Record(Box<Cdr>),
}

/// What a switch is made of.
#[derive(Debug)]
pub struct SwitchConfig {
    pub config: Arc<Config>,
    pub epoch: Epoch,
    /// The first call's number; counts up from there.
    pub first_call: CallId,
    /// What was kept over the restart.
    pub kept: Option<super::Kept>,
    /// A recogniser is there.
    pub listens: bool,
    /// What waiting callers hear.
    pub music: Arc<Prompt>,
    /// After it a message is recorded.
    pub tone: Arc<Prompt>,
    /// Messages go into this folder, if any.
    pub voicemail: Option<std::path::PathBuf>,
    /// Recordings go into this folder, if any.
    pub recordings: Option<std::path::PathBuf>,
    /// Where the keys of encrypted legs come from; to be new with each start.
    pub secret: crate::base::Secret,
}
