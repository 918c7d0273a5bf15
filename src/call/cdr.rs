//! The call record as a value: everything that happened to one caller, for people who ask why.

use super::answering::Gap;
use super::guests::Role;
use crate::acd::{Decision, OverflowWhy};
use crate::base::{CallId, Lang, Pii};
use crate::ivr::{Filled, Turn};
use crate::media::{LegStats, Taping};
use crate::sip::Verstat;
use serde::{Deserialize, Serialize};

/// Who ended the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndedBy {
    Caller,
    Agent,
    /// The line: it was done, nobody was free, or the call had to be refused.
    Line,
    /// A failure: transport, media, or our own.
    Fault,
}

/// How the call came out. Exactly one per call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Result {
    /// Talked with an agent.
    Connected,
    /// Served by the line itself.
    Served,
    /// Hung up while the line spoke or listened.
    LeftInDialog,
    /// Hung up while waiting for an agent.
    Abandoned,
    /// Waited to the end, and nobody was free.
    NobodyFree,
    /// Left a message.
    Message,
    /// Hung up to be called back.
    CallbackBooked,
    /// Was to be called back and did not answer, or no agent did.
    NotReached,
    /// Called outside of the line's hours.
    Closed,
    /// Never answered: refused, or cancelled before the answer.
    NotAnswered,
    /// Broken off by a failure.
    Failed,
}

/// One thing that happened in a call. The list of what can be watched live and read afterwards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Moment {
    Incoming {
        line: String,
        trunk: String,
    },
    Refused {
        status: u16,
        reason: String,
    },
    Answered,
    /// The first sound of a prompt left.
    Saying {
        text: String,
        /// It was made for this caller: values read back, a number.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        personal: bool,
    },
    SpeechStarted,
    SpeechEnded,
    /// A turn was understood; `turn` counts from 0 in [`Cdr::turns`].
    Heard {
        turn: usize,
    },
    Queued {
        queue: String,
    },
    Place {
        place: usize,
        /// The likely wait that was told with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wait_s: Option<u32>,
    },
    /// The queue sends the caller on.
    Overflow {
        to: String,
        why: OverflowWhy,
    },
    /// A number outside is called.
    Dialled {
        number: String,
    },
    /// A service was asked: `found`, `none` or `failed`.
    LookedUp {
        lookup: String,
        outcome: String,
    },
    Ticket {
        number: u64,
        kind: String,
    },
    /// The caller will not wait on.
    LeftQueue,
    CallbackBooked,
    MessageLeft,
    Survey {
        mark: u8,
    },
    Offered {
        agent: String,
    },
    OfferFailed {
        agent: String,
        why: String,
    },
    Bridged {
        agent: String,
    },
    /// The agent's part is over: the caller goes on to an agent or a queue.
    Transferred {
        by: String,
        to: String,
    },
    /// A guest's phone is rung, or changes what it hears.
    Supervised {
        by: String,
        role: Role,
    },
    GuestLeft {
        who: String,
    },
    /// A party goes on at another phone, or somebody else in its place.
    Replaced {
        who: String,
    },
    Held {
        by: EndedBy,
    },
    Resumed {
        by: EndedBy,
    },
    /// The recording is paused, masked, or goes on.
    Recording {
        state: Taping,
    },
    /// The recording could not be written any more.
    RecordingEnded {
        why: String,
    },
    /// The peer's own words for why it hangs up (Reason, RFC 3326).
    Reason {
        who: String,
        reason: String,
    },
    Fault {
        what: String,
    },
    Ended {
        by: EndedBy,
        result: Result,
    },
}

/// A moment and when it was, in milliseconds since the INVITE.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MomentAt {
    pub ms: u64,
    #[serde(flatten)]
    pub moment: Moment,
}

/// One turn of the caller with its times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TurnRecord {
    /// When it was understood, in ms since the INVITE.
    pub ms: u64,
    #[serde(flatten)]
    pub turn: Turn,
    /// From handing the sentence to the recogniser to its text, in ms; `None` for keys and silence.
    pub recognise_ms: Option<u64>,
    /// How much of that it waited for a recogniser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued_ms: Option<u64>,
    /// From the end of the caller's speech to the first sound of the answer, in ms; `None` for keys and silence.
    pub gap_ms: Option<u64>,
    /// What of it went where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<Gap>,
    /// How long the sentence is that was recognised, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speech_ms: Option<u64>,
    /// From the beginning of the caller's speech to the end of the prompt that it interrupted, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub barge_in_ms: Option<u64>,
}

impl TurnRecord {
    /// A turn that was taken `ms` after the INVITE, of which nothing is measured yet.
    pub(super) fn new(ms: u64, turn: Turn) -> TurnRecord {
        let (recognise_ms, queued_ms, gap_ms, gap, speech_ms, barge_in_ms) =
            (None, None, None, None, None, None);
        TurnRecord { ms, turn, recognise_ms, queued_ms, gap_ms, gap, speech_ms, barge_in_ms }
    }
}

/// One leg's quality.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LegRecord {
    /// `caller`, or the agent's user.
    pub who: String,
    /// The codec agreed on; `None` if media never began.
    pub codec: Option<crate::base::Codec>,
    /// What it was encrypted with last, as SDES names it; `None` for RTP in the clear.
    #[serde(default)]
    pub srtp: Option<String>,
    pub stats: LegStats,
}

/// Something to be done by people: what is kept of it, and posted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TicketRecord {
    pub number: u64,
    pub kind: String,
    pub line: String,
    /// The version of the dialplans that the call began with.
    pub version: String,
    pub call: CallId,
    /// Milliseconds since 1970.
    pub at_unix_ms: u64,
    #[serde(serialize_with = "reveal", deserialize_with = "conceal")]
    pub caller: Pii<String>,
    pub lang: Lang,
    pub intent: String,
    #[serde(serialize_with = "reveal_some", deserialize_with = "conceal_some")]
    pub words: Option<Pii<String>>,
    pub values: Vec<Filled>,
}

/// The whole record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cdr {
    pub id: CallId,
    pub sip_call_id: String,
    pub line: String,
    /// The version of the dialplans that the call began with.
    pub version: String,
    #[serde(serialize_with = "reveal", deserialize_with = "conceal")]
    pub caller: Pii<String>,
    /// The caller wants not to be known to whom it talks with (Privacy, RFC 3325).
    #[serde(default)]
    pub private: bool,
    /// Whether the caller's number is its own, where that is verified (RFC 8224).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Verstat>,
    pub dialled: String,
    /// Who was called first and sent the call on.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "reveal_some",
        deserialize_with = "conceal_some"
    )]
    pub diverted_from: Option<Pii<String>>,
    /// Milliseconds since 1970 of the INVITE.
    pub started_unix_ms: u64,
    /// From INVITE to end, in ms.
    pub total_ms: u64,
    /// From answer to end, in ms; 0 if never answered.
    pub answered_ms: u64,
    /// From bridge to end of talk, in ms.
    pub talk_ms: u64,
    /// From joining the queue to bridge or leaving, in ms.
    pub wait_ms: u64,
    pub queue: Option<String>,
    pub agent: Option<String>,
    pub intent: Option<String>,
    /// The request in the caller's own words.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "reveal_some",
        deserialize_with = "conceal_some"
    )]
    pub words: Option<Pii<String>>,
    /// The values that the caller gave for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slots: Vec<Filled>,
    pub result: Result,
    pub ended_by: EndedBy,
    pub moments: Vec<MomentAt>,
    pub turns: Vec<TurnRecord>,
    pub decisions: Vec<Decision>,
    pub legs: Vec<LegRecord>,
    /// The recording's file name, if there is one.
    pub recording: Option<String>,
    /// How often the caller was handed on, by transfer or take-over.
    #[serde(default)]
    pub transfers: u32,
    /// The caller's mark for the call, 1 to 5.
    #[serde(default)]
    pub survey: Option<u8>,
    /// The file name of the message that the caller left.
    #[serde(default)]
    pub message: Option<String>,
}

impl Cdr {
    /// The record of a call of which nothing is known yet.
    pub(crate) fn new(id: CallId) -> Cdr {
        Cdr {
            id,
            sip_call_id: String::new(),
            line: String::new(),
            version: String::new(),
            caller: Pii::new(String::new()),
            private: false,
            dialled: String::new(),
            identity: None,
            diverted_from: None,
            started_unix_ms: 0,
            total_ms: 0,
            answered_ms: 0,
            talk_ms: 0,
            wait_ms: 0,
            queue: None,
            agent: None,
            intent: None,
            words: None,
            slots: Vec::new(),
            result: Result::NotAnswered,
            ended_by: EndedBy::Fault,
            moments: Vec::new(),
            turns: Vec::new(),
            decisions: Vec::new(),
            legs: Vec::new(),
            recording: None,
            transfers: 0,
            survey: None,
            message: None,
        }
    }
}

fn reveal<S: serde::Serializer>(value: &Pii<String>, s: S) -> std::result::Result<S::Ok, S::Error> {
    s.serialize_str(value.reveal())
}

fn conceal<'de, D: serde::Deserializer<'de>>(d: D) -> std::result::Result<Pii<String>, D::Error> {
    String::deserialize(d).map(Pii::new)
}

fn reveal_some<S: serde::Serializer>(
    value: &Option<Pii<String>>,
    s: S,
) -> std::result::Result<S::Ok, S::Error> {
    value.as_ref().map(Pii::reveal).serialize(s)
}

fn conceal_some<'de, D: serde::Deserializer<'de>>(
    d: D,
) -> std::result::Result<Option<Pii<String>>, D::Error> {
    Ok(Option::deserialize(d)?.map(Pii::new))
}
