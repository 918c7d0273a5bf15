//! Every bound of the product, with its reason. Reaching one has a designed answer, named beside it.

use std::time::Duration;

/// Calls at once in one process. Answer: 503 with Retry-After. The bound only keeps
/// a flood from taking all memory; how many calls a machine carries well is for `make load` to say.
pub const CALLS_MAX: usize = 2000;

/// Octets of one SIP message, over UDP and streams. RFC 3261 §18.1.1 lets a datagram be 65,535; real messages stay
/// under 8 KiB. Answer: 513 on what can be answered, else the connection is closed (stream) or the datagram dropped.
pub const SIP_MESSAGE_OCTETS_MAX: usize = 65_535;

/// Octets of a request sent by UDP: 200 less than an Ethernet frame takes (RFC 3261 §18.1.1). Answer: larger ones are sent by
/// TCP, and by UDP only if nobody listens there.
pub const SIP_UDP_REQUEST_OCTETS_MAX: usize = 1300;

/// Header fields of one SIP message: the place of one among them is an octet. Answer: 400.
pub const SIP_HEADERS_MAX: usize = 255;

/// Server and client transactions alive at once. Answer: 503 to new ones. A transaction lives up to 32 s after its final
/// response (RFC 3261 §17), so this is 4,000 requests a second: 1,000 calls a second with an INVITE and a BYE on each of two
/// legs. Each keeps what finds it, and the last response or the request that is not answered: some 1.7 KiB where messages have
/// a kilobyte, so that a flood of such takes about 220 MiB (reckoned from the sizes, not measured).
pub const SIP_TRANSACTIONS_MAX: usize = 130_000;

/// Session-Expires that we ask for, and the longest that we agree to unless the peer's least is longer, in seconds
/// (RFC 4028 §4: 1800 is recommended).
pub const SESSION_S: u32 = 1800;

/// The shortest session that is agreed to, in seconds (RFC 4028 §5: never less than 90). Answer: 422.
pub const SESSION_MIN_S: u32 = 90;

/// Connections at once, by TCP, TLS and WebSocket. Answer: the newest is refused.
pub const SIP_CONNECTIONS_MAX: usize = 1024;

/// Connections that one address may make: an office of phones behind one NAT. Answer: the newest is refused, so that
/// nobody alone can take all.
pub const SIP_CONNECTIONS_PER_SOURCE_MAX: usize = 256;

/// How long a connection may take to be made, or to agree on TLS and WebSocket. Ten round trips to the other side of the
/// world, with a lost packet. Answer: it is closed, and what waits for it is unreachable.
pub const SIP_HANDSHAKE_MAX: Duration = Duration::from_secs(5);

/// Inputs waiting between the SIP sockets and the core. Answer: datagrams are dropped and counted (their senders
/// repeat them), streams are read no further until there is room.
pub const SIP_INPUT_QUEUE: usize = 4096;

/// Messages waiting to be written to one stream connection. Answer: the peer does not read, so the connection is closed
/// and what waits for it is unreachable.
pub const SIP_CONNECTION_QUEUE: usize = 256;

/// How long a stream connection may be silent: just over the longest registration, whose refresh keeps it alive.
pub const SIP_CONNECTION_IDLE_MAX: Duration = Duration::from_secs(3900);

/// Addresses tried for one call to a name, and questions asked to find them. Two services of a provider have some eight; a
/// zone that is made to keep us busy has any number. Answer: the rest is left out.
pub const SIP_HOPS_MAX: usize = 16;
pub const SIP_QUESTIONS_MAX: usize = 24;

/// How long a server may be silent while there is another to try: three repeats of an INVITE are lost by then (RFC 3261
/// Timer A), and a caller still waits. Answer: the next is tried.
pub const SIP_HOP_MAX: Duration = Duration::from_secs(4);

/// How long a name may take to be located, and how many may be at once. Answer: what is known by then is tried; with nothing
/// known, or too many names at once, the call is unreachable.
pub const SIP_LOCATE_MAX: Duration = Duration::from_secs(5);
pub const SIP_LOOKUPS_MAX: usize = 256;

/// Answers of the DNS kept, and how long at most, whatever their TTL says. Answer: the least used is forgotten.
pub const DNS_CACHE_MAX: u64 = 1024;
pub const DNS_TTL_MAX: Duration = Duration::from_secs(3600);

/// Seconds between two keep-alives (a double CRLF) over a connection that we made, so that what translates addresses between
/// does not forget it: RFC 5626 §4.4.1. Chosen anew each time. A lost connection shows in that they are not acknowledged.
pub const SIP_KEEP_ALIVE_S: std::ops::RangeInclusive<u64> = 95..=120;

/// How long a connection may take to send its first message, to finish one it has begun, or to take one of ours.
/// Answer: it is closed.
pub const SIP_CONNECTION_STALL_MAX: Duration = Duration::from_secs(20);

/// Sources of SIP that are remembered with their rates and strikes, some 100 octets each. Answer: those that have been silent
/// for longest are forgotten; bans are not.
pub const SIP_SOURCES_MAX: usize = 65_536;

/// Sources banned at once. Answer: the ban that would end first is given up.
pub const SIP_BANS_MAX: usize = 10_000;

/// Octets of SIP messages kept for `trunkline trace`: some 40,000 messages, or the last 4,000 calls. Answer: the oldest go.
pub const SIP_TRACE_OCTETS_MAX: usize = 32 << 20;

/// Legs whose Call-IDs are kept for it, so that both legs of a call are found: more than the messages kept have. Answer: the
/// oldest are forgotten.
pub const SIP_TRACE_LEGS_MAX: usize = 20_000;

/// Contacts one address-of-record may register. Answer: 403.
pub const REGISTRAR_CONTACTS_MAX: usize = 8;

/// Shortest and longest registration granted, in seconds (RFC 3261 §10.3: 423 below the shortest).
pub const REGISTER_EXPIRES_S: std::ops::RangeInclusive<u32> = 30..=3600;

/// Commands and reports waiting between the planes, each way. Answer: the sender counts and drops reports of lesser
/// worth (digits and speech are never dropped before statistics).
pub const PLANE_QUEUE: usize = 4096;

/// A leg without any packet for this long has lost its peer: it is reported, and the call decides.
pub const RTP_SILENCE_MAX: Duration = Duration::from_secs(30);

/// Octets of one RTP datagram. An Ethernet frame; a 20 ms packet of G.711 is 172. Answer: longer ones are dropped and
/// counted as rejected.
pub const RTP_PACKET_OCTETS_MAX: usize = 1536;

/// Octets before a datagram in its buffer: what io_uring says of one that it has received, and the longest address.
pub const RTP_HEADROOM_OCTETS: usize = 44;

/// SSRCs of one leg whose encrypted packets are told from replays: the one that is heard, and those before it. Answer: what has
/// been silent for longest is forgotten; a replay of it would begin as a new stream.
pub const SRTP_STREAMS_MAX: usize = 4;

/// How long a jitter buffer makes packets wait, at most: with more, two people interrupt each other (ITU-T G.114). Answer: what comes
/// later than that is left out, counted and concealed.
pub const JITTER_DELAY_MAX: Duration = Duration::from_millis(200);

/// Packets that a jitter buffer holds: the longest wait in packets of 5 ms, and a burst on top. Answer: the oldest is left out.
pub const JITTER_PACKETS_MAX: usize = 64;

/// Parties of one conference: caller, agent, consulted agent, supervisors. Answer: one more is refused.
pub const MIX_SEATS_MAX: usize = 8;

/// A source of RTP that has been silent for this long may be replaced by another without new signalling, if its stream goes on.
pub const RTP_RELATCH_AFTER: Duration = Duration::from_secs(5);

/// Packets of RTP that one peer may send: twice as many as in packets of 5 ms, and as many at once as a stall of half a second
/// piles up. Answer: more are dropped and counted.
pub const RTP_EVERY_MIN: Duration = Duration::from_micros(2500);
pub const RTP_AT_ONCE_MAX: u32 = 100;

/// While a stream goes on with no longer gap than this, another SSRC from the same place is not heard, unless it was signalled.
/// Answer: it is dropped and counted.
pub const SSRC_CHANGE_AFTER: Duration = Duration::from_millis(100);

/// Keys waiting to be sent on one leg. Answer: the rest is left out and reported as a fault of the leg.
pub const DIGITS_QUEUED_MAX: usize = 64;

/// The same key by another means (SIP INFO; event or tone) within this time is the same press: a second is more than a message is
/// late, unless it is repeated twice. As many presses without a twin are remembered for each leg, more than anybody makes in that
/// time. Answer: the oldest is forgotten, and its twin would be a press.
pub const KEY_TWIN_MAX: Duration = Duration::from_secs(1);
pub const KEY_TWINS_MAX: usize = 16;

/// Decoded frames waiting for the listener, of one media worker: what 200 listening legs say in 0.4 s. Answer: the
/// frame is dropped and counted; the listener hears silence in its place.
pub const SPEECH_FRAMES_QUEUED: usize = 4096;

/// Pieces of recordings waiting for the disk, an eighth of a second of one call each (2 kB). Answer: that recording ends with a fault.
pub const RECORD_QUEUE: usize = 8192;

/// A sentence is over after this much silence. Shorter cuts people off who think; longer makes the line feel slow.
pub const SPEECH_HANGOVER: Duration = Duration::from_millis(600);

/// Where that may lie, configured and stretched or shortened for what was asked (`asr/hangover.rs`). Shorter than the pause at
/// which a sentence is written down would end it within words; longer than this nobody believes that the line is there.
pub const HANGOVER: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(200)..=Duration::from_millis(3000);

/// Longest single sentence listened to; the endpointer closes it there.
pub const UTTERANCE_MAX: Duration = Duration::from_secs(10);

/// How long a sentence may wait for a recogniser and be recognised before the caller is told to use the keys.
pub const RECOGNISE_MAX: Duration = Duration::from_secs(4);

/// How long a sentence may be expected to wait for a recogniser: the caller is asked to use the keys rather than kept longer.
pub const RECOGNISER_WAIT_MAX: Duration = Duration::from_secs(1);

/// What a sentence may have been beside what is likeliest: of more the right one is hardly ever one (`make hypotheses`), and each costs
/// some tokens of the decoder.
pub const OTHERS_MAX: usize = 3;

/// How long an engine server may take for a sentence; then it is heard here, which must still be in time.
pub const REMOTE_MAX: Duration = Duration::from_millis(1500);

/// A sentence on its way to an engine server of which nothing more comes for so long has been dropped, since its call is over; the
/// connection is closed.
pub const REMOTE_SILENCE_MAX: Duration = Duration::from_secs(3);

/// The longest wait for an answer that the figures tell from longer ones, in ms. Answer: longer ones count as this.
pub const ANSWER_MS_MAX: u64 = 60_000;

/// How long the server prepares prompts before it takes calls. Answer: the rest is rendered beside them, what a call needs first.
pub const PREPARE_MAX: Duration = Duration::from_secs(3);

/// How long one prompt may take to be rendered before the call goes on without it.
pub const RENDER_MAX: Duration = Duration::from_secs(5);

/// How long a number outside may ring before it counts as not answered.
pub const DIAL_MAX: Duration = Duration::from_secs(45);

/// Longest message a caller may leave. Answer: it ends there, as if the caller had pressed #.
pub const VOICEMAIL_MAX: Duration = Duration::from_secs(120);

/// Lines that one call may go through by overflow. Answer: the closing message.
pub const LINES_IN_A_ROW_MAX: u8 = 4;

/// Callers (and callbacks) who wait for agents at once. Answer: the newest is told that nobody is free. Above
/// [`CALLS_MAX`], because a callback waits without a call.
pub const ACD_WAITING_MAX: usize = 20_000;

/// Kinds of waiting calls (queue, requirement, priority, ...) kept at once. Kinds without calls make room; if there are
/// none, the requirement is refused. An agent who becomes free looks at the first of each kind.
pub const ACD_KINDS_MAX: usize = 4096;

/// Octets of one requirement, and how deep its parentheses go. Answer: an error with the place.
pub const REQUIREMENT_CHARS_MAX: usize = 500;
pub const REQUIREMENT_DEPTH_MAX: usize = 16;

/// Agents named in one decision; the others are counted by reason. What a person reads, and about 1 KiB a record.
pub const DECISION_NAMED_MAX: usize = 8;

/// Calls assigned jointly at once. The exact method takes the cube of it: some 20 µs. Answer: the first in line are
/// assigned jointly, the others one by one.
pub const ASSIGN_MAX: usize = 32;

/// Phones that ring at once for one call.
pub const RING_ALL_MAX: usize = 16;

/// Callers remembered with the agent who served them. Answer: the oldest is forgotten.
pub const LAST_AGENTS_MAX: usize = 50_000;

/// Intervals of figures kept: a week of quarters of an hour. Answer: the oldest are forgotten; what is altogether stays.
pub const FIGURES_INTERVALS_MAX: usize = 7 * 96;

/// Events of the ACD after which its figures are stored: a start reads no more events than these (a tenth of a second).
pub const FIGURES_STORED_EVERY: u32 = 10_000;

/// Phones that `balanced` rings at once for a call where phones are often let ring. More win nothing that could be measured.
pub const RING_AT_ONCE_MAX: usize = 6;

/// Calls that one agent may be configured to have at once.
pub const AGENT_CALLS_MAX: u8 = 8;

/// Longest call, all told. Answer: the call is ended and its record says so.
pub const CALL_MAX: Duration = Duration::from_secs(4 * 3600);

/// Agents of a simulated team, and callers of a run: a large centre for a month, some GiB of memory. Answer: an error.
pub const SIM_AGENTS_MAX: usize = 10_000;
pub const SIM_CALLS_MAX: usize = 5_000_000;

const _: () = assert!(ACD_WAITING_MAX > CALLS_MAX);
const _: () = assert!(UTTERANCE_MAX.as_secs() < CALL_MAX.as_secs());
const _: () = assert!(SIP_CONNECTION_IDLE_MAX.as_secs() > *REGISTER_EXPIRES_S.end() as u64);

/// Tokens of one text that are searched for the values of slots. A caller's sentence has some dozens; the search costs
/// time in proportion. Answer: what is beyond is not looked at.
pub const SLOT_TOKENS_MAX: usize = 500;

/// Octets of a service's answer, and of its address. What a caller is told is a few values; a page of a web site is none.
/// Answer: the look-up has failed; an address that is longer is refused at load.
pub const LOOKUP_OCTETS_MAX: usize = 64 * 1024;
pub const LOOKUP_URL_MAX: usize = 1000;

/// Look-ups in progress: a slow service holds no more connections than this. Answer: the next has failed.
pub const LOOKUPS_AT_ONCE: usize = 64;

/// Answers of services that are kept. Answer: those that are no longer good are forgotten, or all.
pub const LOOKUPS_CACHED: usize = 1000;

/// How long a webhook may take over a ticket, and for how long it is posted again. Over a long weekend nobody looks; after
/// that the ticket is listed as given up.
pub const TICKET_POST_MAX: Duration = Duration::from_secs(10);
pub const TICKET_TRIED_FOR: Duration = Duration::from_secs(4 * 24 * 3600);

/// Prompts made for one caller (values read back, waits) that are kept in memory, some 80 KiB each. Answer: the oldest is
/// forgotten, and rendered anew if it is said again.
pub const PASSING_PROMPTS_MAX: usize = 512;

/// Octets of the values that an agent's phone is told in its INVITE: with the rest it stays under what UDP carries
/// (`SIP_UDP_REQUEST_OCTETS_MAX`). Answer: values that do not fit are left out; the record has them all.
pub const SLOTS_HEADER_MAX: usize = 300;

/// Redirections that a look-up or a webhook follows in one try, all within its time-out: to another path, or to TLS, and a
/// path more. Answer: the try has failed.
pub const LOOKUP_REDIRECTS_MAX: usize = 3;

/// Redirections that are followed when a model is fetched, and how long nothing may come. Answer: it is not fetched.
pub const FETCH_REDIRECTS_MAX: usize = 5;
pub const FETCH_STALL_MAX: Duration = Duration::from_secs(30);

/// Texts whose vectors a sentence encoder keeps: the examples of a dozen lines and the sentences of an hour, some 3 KiB each.
/// Answer: all are forgotten, and turned into vectors anew when they come again.
pub const ENCODED_TEXTS_MAX: usize = 20_000;

/// Digits of one string: the longest number that callers give, an IBAN, has 34. Answer: a type that asks for more is
/// refused.
pub const SLOT_DIGITS_MAX: usize = 64;
