//! trunkline: a telephony IVR and ACD media server.
//!
//! ```text
//!            ┌────────────── media worker × N  (pinned; owns sockets, buffers, legs) ──────────────┐
//! UDP ──► drive/media ─► rtp ───────► codec ─► taps ─┬─► ring ─► drive/listen ─► speech worker ─┐   │
//! UDP ◄── drive/media ◄─ rtp ◄─────── codec ◄─ bridge◄┘                                         │   │
//!            └───────▲ media::Command ─────────── media::Report ▼───────────────────────────────┼───┘
//!                    │                                          │                               ▼
//! SIP ◄─► drive/sip ◄─► sip ───────────────► call ◄─────────────┴──────────── nlu ─► ivr ─► acd
//!            └────────────────── control plane (owns every core that decides) ──────────────────┘
//!                                          │ events and records
//!                                drive/store ─► trunkline calls, why
//! ```
//!
//! A room imports only what stands above it in the list below. Everything that decides is a pure core
//! (`step(now, input, &mut out)`, `deadline()`); everything that touches the world is under `drive/` and `sys/`.
pub mod base;
pub mod limits;
pub mod sdp;
pub mod sip;
pub mod rtp;
pub mod codec;
pub mod taps;
pub mod asr;
pub mod nlu;
pub mod ivr;
pub mod acd;
pub mod bridge;
pub mod media;

pub mod tts;
pub mod call;
pub mod config;
pub mod sys;
pub mod drive;
pub mod server;
pub mod sim;
