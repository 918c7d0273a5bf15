//! trunkline: a telephony IVR and ACD media server.
//!
//! ```text
//!            ┌────────────── media worker × N  (pinned; owns sockets, buffers, legs) ──────────────┐
//! UDP ──► drive/media ─► rtp ─► jitter ─► codec ─► taps ─┬─► ring ─► drive/listen ─► speech worker ─┐   │
//! UDP ◄── drive/media ◄─ rtp ◄─────── codec ◄─ bridge◄┘                                         │   │
//!            └───────▲ media::Command ─────────── media::Report ▼───────────────────────────────┼───┘
//!                    │                                          │                               ▼
//! SIP ◄─► drive/sip ◄─► sip ───────────────► call ◄─────────────┴──────────── nlu ─► ivr ─► acd
//!            └────────────────── control plane (owns every core that decides) ──────────────────┘
//!                                          │ events and records
//!                                drive/store ─► trunkline calls, why
//! ```
//!
//! Everything that decides is a pure core (`step(now, input, &mut out)`, `deadline()`); everything that touches the
//! world is under `drive/` and `sys/`. A room imports only what stands above it (`tidy.rs` sees to that):
//!
//! | room         | what it is                                                                       | must not touch       |
//! |--------------|----------------------------------------------------------------------------------|----------------------|
//! | [`base`]     | time as a value, timers, ids, personal data, the words that rooms share          | siblings             |
//! | [`limits`]   | every bound of the product, with its reason and the answer when it is reached    | siblings             |
//! | [`sdp`]      | session descriptions: parse, print, offer and answer as pure functions           | sip, rtp, ports      |
//! | [`sip`]      | messages, transactions, dialogs, registrar, locating, the watch: one `Endpoint`  | DNS, sockets, media  |
//! | [`rtp`]      | packets, send and receive state, RTCP, DTMF, latching, quality                   | sockets, codecs, sip |
//! | [`jitter`]   | packets in the order and at the pace in which they were said; how long to wait   | clocks, codecs       |
//! | [`codec`]    | G.711, G.722, Opus, 8 and 16 kHz; what is heard for a lost packet; the pace      | rtp                  |
//! | [`taps`]     | one decoded frame lent to readers: speech, recorder, keys heard as tones         | files, engines       |
//! | [`asr`]      | endpointing: which frames are a sentence; the models that can hear it            | threads, processes   |
//! | [`nlu`]      | text to intent and score, and to the values in it: pure functions of the text    | audio, ivr           |
//! | [`ivr`]      | a line's plan and hours, and the dialogue: sentences in, prompts and outcome out | sip, audio, acd      |
//! | [`acd`]      | agents, skills, one waiting line, offers with leases, figures, and why           | sip, audio           |
//! | [`bridge`]   | relay between two legs in the buffer that came; the mix of more than two         | sip, acd, sockets    |
//! | [`media`]    | the vocabulary between the planes, legs, the shard of one worker                 | sip, call, sockets   |
//! | [`tts`]      | text to what a synthesiser can say, samples to prompts                           | processes, files     |
//! | [`phone`]    | a scripted caller: whose turn it is, and what a recording shows                  | sockets, files       |
//! | [`config`]   | TOML text to a checked configuration; errors with place and remedy               | file reads           |
//! | [`call`]     | the only hub: a caller's way through sip, media, ivr and acd, to its record      | sockets, TOML, files |
//! | [`sys`]      | all `unsafe`: UDP by epoll or io_uring, rings, threads; each file a thin face    | the product          |
//! | [`drive`]    | all I/O, clocks and threads: sockets, DNS, workers, processes, files, store      | decisions            |
//! | [`server`]   | the wiring, and the order of start and stop                                      | decisions            |
//! | [`sim`]      | the whole product on virtual time: random callers and agents, losses, checks     | sys, drive, server   |
//!
//! `cli/` and `main.rs` are the program; `tidy.rs` is the house rules as tests.
pub mod base;
pub mod limits;
pub mod sdp;
pub mod sip;
pub mod rtp;
pub mod jitter;
pub mod codec;
pub mod taps;
pub mod asr;
pub mod nlu;
pub mod ivr;
pub mod acd;
pub mod bridge;
pub mod media;
pub mod tts;
pub mod phone;
pub mod config;
pub mod call;
pub mod sys;
pub mod drive;
pub mod server;
pub mod sim;

#[cfg(test)]
mod tidy;
