//! One leg: what it hears, and what it says in each of its 20 ms.
//!
//! In a frame a leg speaks for itself if it sends keys or plays a prompt; else, if it is bridged or echoes, it passes
//! on what comes for it, when it comes; in a conference it says what was mixed for it; else it sends silence, which keeps the peer's
//! clock and the NAT alive, or comfort noise where that was agreed on.

use super::out::{Body, FileOp, Out};
use super::play::Play;
use super::{FarStats, LegStats, Rejects, Report, StreamSpec};
use crate::base::{Codec, LegId, Now, Rate};
use crate::bridge::{Played, Playout, Voice, forward};
use crate::codec::Converter;
use crate::rtp::{
    DigitReceiver, DigitSender, HEADER_OCTETS, Impairment, Latch, Outbound, PacketBuf, Receiver, Reports,
    Srtp, View, delay_ms, mos,
};
use crate::taps::{Lately, Recorder, Taping, Tones};
use coder::{Mouth, Wide};
use std::time::Duration;

mod coder;
mod control;
mod hear;
mod receive;
mod speak;

/// A relay with nothing to relay sends a frame of silence this often, to keep a NAT open (RFC 6263).
const KEEPALIVE: Duration = Duration::from_secs(1);

/// What became of a received packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// It may be passed on.
    Pass,
    /// It was part of the stream but is not passed on.
    Swallowed,
    /// It may be passed on: comfort noise, which is heard where audio is decoded.
    Noise,
    /// It was no part of the stream.
    Nothing,
}

/// What offer and answer settled, and whom we believe since.
#[derive(Debug)]
struct Peer {
    spec: StreamSpec,
    latch: Latch,
    /// Where RTCP comes from, if not from where RTP does.
    rtcp: Latch,
}

/// One leg of a call.
#[derive(Debug)]
pub(super) struct Leg {
    id: LegId,
    peer: Option<Peer>,
    receiver: Receiver,
    stream: Outbound,
    reports: Reports,
    digits_in: DigitReceiver,
    digits_out: DigitSender,
    /// Keys sent as tones; only where no telephone-event was agreed on, so that no key comes twice.
    tones: Option<Box<Tones>>,
    /// Timestamp of the key being sent.
    key_start: Option<u32>,
    play: Option<Play>,
    recorder: Option<Recorder>,
    pub(super) mate: Option<LegId>,
    /// The shard's number of the conference that it is in.
    pub(super) mix: Option<u64>,
    /// What its peer says, on the way to be heard by the others of the conference. Boxed: few have one, and it is twice the rest.
    playout: Option<Box<Playout>>,
    /// The same of conferences that it is no more in.
    played: Played,
    /// Between the rates of its codec and its conference.
    convert: Converter,
    mouth: Mouth,
    /// Its codec is not G.711.
    wide: Option<Box<Wide>>,
    /// Timestamp of the key that the other side presses and is passed on, there and here.
    passed_key: Option<(u32, u32)>,
    pub(super) echo: bool,
    pub(super) listen: bool,
    /// How loud what it was played lately is, while somebody listens.
    lately: Lately,
    last_period: Option<u64>,
    last_heard: Now,
    /// When its peer last reported.
    last_report: Now,
    lost: bool,
    /// When comfort noise was sent, if nothing has been said since.
    hushed_at: Option<Now>,
    sent: u64,
    /// Of payload.
    octets: u64,
    late: u64,
    rejects: Rejects,
    /// At which pace its peer may send.
    pace: Rate,
    /// Signalling was repeated: the peer's next packet may be of another source.
    renewed: bool,
    /// The contexts of a stream that is encrypted.
    srtp: Option<Box<Srtp>>,
}

impl Leg {
    pub(super) fn new(now: Now, id: LegId, stream: Outbound, reports: Reports) -> Self {
        Leg {
            id,
            peer: None,
            receiver: Receiver::default(),
            stream,
            reports,
            digits_in: DigitReceiver::default(),
            digits_out: DigitSender::default(),
            tones: None,
            key_start: None,
            play: None,
            recorder: None,
            mate: None,
            mix: None,
            playout: None,
            played: Played::default(),
            convert: Converter::default(),
            mouth: Mouth::new(Codec::Pcmu),
            wide: None,
            passed_key: None,
            echo: false,
            listen: false,
            lately: Lately::default(),
            last_period: None,
            last_heard: now,
            last_report: now,
            lost: false,
            hushed_at: None,
            sent: 0,
            octets: 0,
            late: 0,
            rejects: Rejects::default(),
            pace: Rate::default(),
            renewed: true,
            srtp: None,
        }
    }

    pub(super) fn connect(&mut self, now: Now, spec: StreamSpec) {
        if self.voice().map(|v| v.codec) != Some(spec.codec) {
            self.tune(spec.codec);
        }
        if spec.dtmf.is_some() {
            self.tones = None;
        } else {
            self.tones.get_or_insert_default();
        }
        self.srtp = Srtp::install(self.srtp.take(), spec.srtp);
        self.renewed = true;
        match &mut self.peer {
            Some(peer) => {
                peer.latch.signal(spec.remote);
                peer.rtcp.signal(spec.rtcp.unwrap_or(spec.remote));
                peer.spec = spec;
            }
            None => {
                let (latch, rtcp) = (Latch::new(spec.remote), Latch::new(spec.rtcp.unwrap_or(spec.remote)));
                self.peer = Some(Peer { spec, latch, rtcp });
            }
        }
        (self.last_heard, self.lost) = (now, false);
    }

    /// What this leg's peer speaks; `None` before `Connect`.
    pub(super) fn voice(&self) -> Option<Voice> {
        let &StreamSpec { codec, payload_type, dtmf, noise, .. } = &self.peer.as_ref()?.spec;
        Some(Voice { codec, payload_type, dtmf, noise })
    }

    /// True for a telephone-event as agreed on.
    pub(super) fn is_key(&self, datagram: &[u8]) -> bool {
        let payload_type = View::parse(datagram).map(|v| v.fields().payload_type).ok();
        self.voice().is_some_and(|v| v.dtmf.is_some() && v.dtmf == payload_type)
    }

    /// Passes a packet on to this leg's peer, in its buffer.
    pub(super) fn pass(&mut self, now: Now, from: Voice, mut buf: PacketBuf, out: &mut Out) {
        let sends = self.peer.as_ref().filter(|p| p.spec.direction.sends());
        let Some(peer) = sends.filter(|_| self.play.is_none() && self.digits_out.is_idle()) else {
            self.stream.left_out();
            return out.pool.give(buf);
        };
        let target = peer.latch.target();
        let Some(to) = self.voice() else { return out.pool.give(buf) };
        let Some(fields) = forward(now, &mut buf, from, to, &mut self.stream) else {
            return out.pool.give(buf);
        };
        if fields.payload_type == to.payload_type {
            let octets = buf.bytes().get(HEADER_OCTETS..).unwrap_or_default();
            self.tape_right(to.codec, fields.timestamp, octets);
        }
        self.send(target, Body::Packet(buf), out);
    }

    /// A packet that would have been passed on was not.
    pub(super) fn left_out(&mut self) {
        self.stream.left_out();
    }

    /// Plays this in place of what is played now.
    pub(super) fn play(&mut self, now: Now, play: Play, out: &mut Out) {
        self.stop(now, out);
        self.play = Some(play);
    }

    /// Stops playing.
    pub(super) fn stop(&mut self, now: Now, out: &mut Out) {
        if let Some(end) = self.play.as_ref().map(Play::stopped) {
            self.end_play(now, end, out);
        }
    }

    /// Queues keys to be sent.
    pub(super) fn send_digits(&mut self, keys: &str, out: &mut Out) {
        if self.peer.as_ref().is_none_or(|p| p.spec.dtmf.is_none()) {
            out.reports
                .push(degraded(self.id, "keys cannot be sent: the peer has not agreed on telephone-events"));
        } else if !self.digits_out.push(keys) {
            out.reports.push(degraded(self.id, "some keys were left out: unknown, or too many at once"));
        }
    }

    /// Lends decoded frames to the listener, or no more.
    pub(super) fn listen(&mut self, on: bool, out: &mut Out) {
        if on {
            out.speech.begin(self.id);
        } else if self.listen {
            out.speech.end(self.id);
        }
        self.listen = on;
    }

    /// Begins a recording, in place of one that runs.
    pub(super) fn record(&mut self, file: std::path::PathBuf, out: &mut Out) {
        self.stop_record(out);
        // Of the two laws that of the leg, so that nothing is re-coded; A-law for all that is decoded.
        let codec = match self.voice().map(|v| v.codec) {
            None | Some(Codec::Pcmu) => Codec::Pcmu,
            Some(Codec::Pcma | Codec::G722 | Codec::Opus) => Codec::Pcma,
        };
        out.files.push_back(FileOp::Create { leg: self.id, file, codec });
        self.recorder = Some(Recorder::new(codec));
    }

    /// What is said from now on is recorded so.
    pub(super) fn tape(&mut self, taping: Taping, out: &mut Out) {
        let leg = self.id;
        if let Some(recorder) = &mut self.recorder {
            recorder.set(taping, |octets| out.files.push_back(FileOp::Append { leg, octets }));
        }
    }

    /// Gives the recording away.
    pub(super) fn take_record(&mut self) -> Option<Recorder> {
        self.recorder.take()
    }

    /// Goes on with the recording of another leg.
    pub(super) fn go_on_recording(&mut self, from: LegId, mut recorder: Recorder, out: &mut Out) {
        recorder.restart();
        out.files.push_back(FileOp::Move { from, to: self.id });
        self.recorder = Some(recorder);
    }

    /// Ends the recording.
    pub(super) fn stop_record(&mut self, out: &mut Out) {
        if let Some(recorder) = self.recorder.take() {
            recorder.finish(|octets| out.files.push_back(FileOp::Append { leg: self.id, octets }));
            out.files.push_back(FileOp::Finish { leg: self.id });
        }
    }

    /// Ends everything that others have to be told of.
    pub(super) fn close(&mut self, now: Now, out: &mut Out) {
        self.stop(now, out);
        self.listen(false, out);
        self.stop_record(out);
        self.bye(now, out);
    }

    /// The leg's figures so far.
    pub(super) fn stats(&self) -> LegStats {
        let (r, far) = (&self.receiver, self.reports.far());
        let (trip, played) = (far.and_then(|f| f.round_trip_ms), self.played());
        let score = |expected, lost, jitter| mos(Impairment::G711, expected, lost, delay_ms(trip, jitter));
        LegStats {
            sent: self.sent,
            received: r.received(),
            lost: r.lost(),
            duplicate: r.duplicate,
            reordered: r.reordered,
            rejected: self.rejects.sum(),
            rejects: self.rejects,
            late: self.late,
            jitter_ms: r.jitter_ms(),
            mos: score(r.expected(), r.lost() + played.discarded, r.jitter_ms()),
            discarded: played.discarded,
            concealed: played.concealed,
            rtcp_rejected: self.reports.rejected,
            round_trip_ms: trip,
            far: far.map(|f| FarStats {
                lost: f.lost,
                jitter_ms: f.jitter_ms,
                mos: score(self.sent, f.lost, f.jitter_ms),
            }),
        }
    }
}

fn degraded(leg: LegId, what: &str) -> Report {
    Report::Degraded { leg, what: what.to_owned() }
}

/// A fault of a leg in words.
pub(super) fn fault(leg: LegId, what: &str) -> Report {
    Report::Fault { leg, what: what.to_owned() }
}
