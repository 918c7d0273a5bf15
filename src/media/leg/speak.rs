//! What a leg says in each of its 20 ms.

use super::{KEEPALIVE, Leg};
use crate::base::{COMFORT_NOISE, Codec, FRAME_SAMPLES, Now};
use crate::bridge::{Frame, Mixer};
use crate::codec::decode;
use crate::limits::RTP_SILENCE_MAX;
use crate::media::out::{Body, Channel, FileOp, Out, Send};
use crate::media::wheel::Turn;
use crate::media::{PlayEnd, Prompt, Report};
use crate::rtp::{Fields, HEADER_OCTETS};
use crate::taps::Side;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Comfort noise is repeated this often, since a packet may be lost: a tenth of the packets of silence.
const NOISE_EVERY: Duration = Duration::from_millis(200);
/// Its level, in −dBov: 34 dB below speech at its nominal −26 dBov (ITU-T P.56), a quiet room. One hears that the line is there.
pub(in crate::media) const NOISE_DBOV: u8 = 60;

impl Leg {
    /// The leg's 20 ms are over.
    pub(in crate::media) fn tick(&mut self, now: Now, turn: Turn, mix: Option<&mut Mixer>, out: &mut Out) {
        let passed =
            self.last_period.replace(turn.period).map_or(1, |last| turn.period.saturating_sub(last).max(1));
        self.late += passed - 1 + u64::from(now.since(turn.due) >= Duration::from_millis(20));
        // Taken also while a prompt plays, so that nothing old is heard after it.
        let mixed = mix.and_then(|mix| self.mix(now, turn.period, mix, out));
        self.lately.pass(passed);
        if self.peer.as_ref().is_some_and(|p| p.spec.direction.sends()) {
            self.speak(now, turn.period, mixed, out);
        }
        let id = self.id;
        if let Some(recorder) = &mut self.recorder {
            recorder.advance(passed, |octets| out.files.push_back(FileOp::Append { leg: id, octets }));
        }
        self.report(now, out);
        let spec = self.peer.as_ref().map(|p| p.spec);
        let receives = spec.is_some_and(|s| s.direction.receives());
        // With comfort noise a peer may say nothing for as long as its user does; that it is there shows in its reports.
        let silent = spec.is_some_and(|s| s.noise).then_some(self.last_report);
        if receives
            && !self.lost
            && now.since(self.last_heard.max(silent.unwrap_or_default())) >= RTP_SILENCE_MAX
        {
            self.lost = true;
            out.reports.push(Report::Lost { leg: id, at: now });
        }
    }

    fn speak(&mut self, now: Now, period: u64, mixed: Option<(Frame, usize)>, out: &mut Out) {
        let Some(peer) = &self.peer else { return };
        let (spec, to) = (peer.spec, peer.latch.target());
        if let Some(frame) = self.digits_out.step() {
            if let (Some(event), Some(payload_type)) = (frame.event, spec.dtmf) {
                let start = self.key_start.filter(|_| !frame.first);
                let fields = self.stream.own_event(now, period, payload_type, start);
                self.key_start = Some(fields.timestamp);
                let packet = out.packet(&[&fields.bytes(), &event.bytes()]);
                self.send(to, Body::Packet(packet), out);
            }
            return;
        }
        let prompt = match &mut self.play {
            Some(play) => play.next(),
            None if self.mix.is_none()
                && (self.mate.is_some() || self.echo)
                && now.since(self.stream.latest_at()) < KEEPALIVE =>
            {
                return;
            }
            None => None,
        };
        if let (Some((prompt, range)), true) = (&prompt, self.listen) {
            self.lately.played(prompt.encoded(Codec::Pcmu).get(range.clone()).unwrap_or_default());
        }
        let mixed = mixed.filter(|_| self.play.is_none());
        if spec.noise && prompt.is_none() && mixed.is_none() {
            self.hush(now, period, to, out);
            return self.play_went_on(now, out);
        }
        let mut fields: Fields = self.stream.own(now, period, spec.payload_type);
        // RFC 3551 §4.1: the first packet after silence.
        fields.marker |= self.hushed_at.take().is_some();
        if mixed.is_some() || self.wide.is_some() {
            let (frame, samples) = mixed.unwrap_or_else(|| (spoken(prompt.as_ref()), FRAME_SAMPLES));
            let packet = out.packet(&[&fields.bytes(), self.mouth.say(&frame[..samples])]);
            self.tape_right(spec.codec, fields.timestamp, &packet.bytes()[HEADER_OCTETS..]);
            self.send(to, Body::Packet(packet), out);
            return self.play_went_on(now, out);
        }
        if let (Some(recorder), Some((prompt, range))) = (&mut self.recorder, &prompt) {
            let octets = prompt.encoded(spec.codec).get(range.clone()).unwrap_or_default();
            recorder.put(Side::Right, spec.codec, fields.timestamp, octets, true);
        }
        self.send(to, Body::Audio { header: fields.bytes(), prompt, codec: spec.codec }, out);
        self.play_went_on(now, out);
    }

    /// Says by comfort noise that nothing is said (RFC 3389).
    fn hush(&mut self, now: Now, period: u64, to: SocketAddr, out: &mut Out) {
        if self.hushed_at.is_some_and(|at| now.since(at) < NOISE_EVERY) {
            return;
        }
        self.hushed_at = Some(now);
        let fields = Fields { marker: false, ..self.stream.own(now, period, COMFORT_NOISE) };
        let packet = out.packet(&[&fields.bytes(), &[NOISE_DBOV]]);
        self.send(to, Body::Packet(packet), out);
    }

    pub(super) fn send(&mut self, to: SocketAddr, body: Body, out: &mut Out) {
        let octets = body.payload_octets() as u64;
        let body = match (&mut self.srtp, body) {
            (None, body) => body,
            (Some(srtp), body) => {
                let mut packet = match body {
                    Body::Packet(packet) => packet,
                    // What is shared by all calls cannot be encrypted where it is.
                    Body::Audio { .. } => out.packet(&body.parts()),
                };
                if srtp.seal(&mut packet).is_err() {
                    return out.pool.give(packet);
                }
                Body::Packet(packet)
            }
        };
        self.sent += 1;
        self.octets += octets;
        out.sends.push(Send { leg: self.id, channel: Channel::Rtp, to, body });
    }

    fn play_went_on(&mut self, now: Now, out: &mut Out) {
        let Some(play) = &mut self.play else { return };
        if !std::mem::replace(&mut play.started, true) {
            out.reports.push(Report::PlayStarted { leg: self.id, play: play.id, at: now });
        }
        if play.is_over() {
            self.end_play(now, PlayEnd::Finished, out);
        }
    }

    pub(super) fn end_play(&mut self, now: Now, end: PlayEnd, out: &mut Out) {
        if let Some(play) = self.play.take() {
            out.reports.push(Report::PlayEnded { leg: self.id, play: play.id, end, at: now });
        }
    }
}

/// The samples of a frame of a prompt, with silence for what is missing of it.
fn spoken(prompt: Option<&(Arc<Prompt>, Range<usize>)>) -> Frame {
    let mut frame = [0; 2 * FRAME_SAMPLES];
    if let Some((prompt, range)) = prompt {
        let octets = prompt.encoded(Codec::Pcmu).get(range.clone()).unwrap_or_default();
        decode(Codec::Pcmu, octets, &mut frame[..FRAME_SAMPLES]);
    }
    frame
}
