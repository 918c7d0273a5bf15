//! A shard, its virtual time, and its peers.

use super::super::*;
use crate::base::{Codec, FRAME_SAMPLES};
use crate::media::{Channel, PlayId, Prompt, Send, StreamSpec};
use crate::rtp::{Fields, View};
use crate::taps::{FrameHead, SpeechTap};
use std::sync::{Arc, Mutex};

pub(in crate::media::shard) const A: LegId = LegId(1);
pub(in crate::media::shard) const B: LegId = LegId(2);

pub(in crate::media::shard) type Frame = (FrameHead, Vec<i16>);

#[derive(Debug, Default, Clone)]
pub(in crate::media::shard) struct Frames(pub(in crate::media::shard) Arc<Mutex<Vec<Frame>>>);

impl SpeechTap for Frames {
    fn begin(&mut self, _: LegId) {}
    fn end(&mut self, _: LegId) {}
    fn frame(&mut self, head: FrameHead, decode: &mut dyn FnMut(&mut [i16; FRAME_SAMPLES])) {
        let mut samples = [0; FRAME_SAMPLES];
        decode(&mut samples);
        self.0.lock().unwrap().push((head, samples[..usize::from(head.samples)].to_vec()));
    }
}

/// A shard, its virtual time, and everything that it has sent.
pub(in crate::media::shard) struct World {
    pub(in crate::media::shard) shard: Shard,
    pub(in crate::media::shard) out: Out,
    pub(in crate::media::shard) now: Now,
    pub(in crate::media::shard) frames: Frames,
    /// What was sent on the ports of RTCP.
    pub(in crate::media::shard) rtcp: Vec<(Now, Send)>,
}

pub(in crate::media::shard) fn addr(leg: LegId) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, leg.0 as u8], 4000))
}

pub(in crate::media::shard) fn spec(leg: LegId, codec: Codec) -> StreamSpec {
    let rtcp = SocketAddr::new(addr(leg).ip(), 4001);
    StreamSpec { dtmf: Some(101), rtcp: Some(rtcp), ..StreamSpec::new(addr(leg), codec) }
}

impl World {
    pub(in crate::media::shard) fn new() -> Self {
        let frames = Frames::default();
        World {
            shard: Shard::new(1),
            out: Out::new(Box::new(frames.clone())),
            now: Now(0),
            frames,
            rtcp: Vec::new(),
        }
    }

    pub(in crate::media::shard) fn with(legs: &[(LegId, Codec)]) -> Self {
        let mut w = World::new();
        for &(leg, codec) in legs {
            w.command(Command::Open { leg });
            w.command(Command::Connect { leg, to: spec(leg, codec) });
        }
        w
    }

    pub(in crate::media::shard) fn bridged() -> Self {
        let mut w = World::with(&[(A, Codec::Pcmu), (B, Codec::Pcmu)]);
        w.command(Command::Bridge { a: A, b: B });
        w
    }

    pub(in crate::media::shard) fn command(&mut self, command: Command) {
        self.shard.step(self.now, Input::Command(command), &mut self.out);
    }

    /// Lets time pass, tick by tick; returns what was sent meanwhile, and when.
    pub(in crate::media::shard) fn run_ms(&mut self, ms: u64) -> Vec<(Now, Send)> {
        let (end, mut sent) = (Now(self.now.0 + ms * 1000), Vec::new());
        while let Some(due) = self.shard.deadline().filter(|d| *d <= end) {
            self.now = self.now.max(due);
            self.shard.step(self.now, Input::Tick, &mut self.out);
            for send in self.out.sends.drain(..) {
                match send.channel {
                    Channel::Rtp => sent.push((self.now, send)),
                    Channel::Rtcp => self.rtcp.push((self.now, send)),
                }
            }
        }
        self.now = end;
        sent
    }

    pub(in crate::media::shard) fn packet_from(
        &mut self,
        leg: LegId,
        from: SocketAddr,
        f: Fields,
        payload: &[u8],
    ) -> Vec<Send> {
        let mut buf = PacketBuf::default();
        buf.as_mut()[..12].copy_from_slice(&f.bytes());
        buf.as_mut()[12..][..payload.len()].copy_from_slice(payload);
        buf.set_len(12 + payload.len());
        self.shard.step(self.now, Input::Packet { leg, channel: Channel::Rtp, from, buf }, &mut self.out);
        self.out.sends.drain(..).collect()
    }

    pub(in crate::media::shard) fn audio(&mut self, leg: LegId, seq: u16, octet: u8) -> Vec<Send> {
        self.packet_from(leg, addr(leg), fields(seq, 0), &[octet; FRAME_SAMPLES])
    }

    pub(in crate::media::shard) fn reports(&mut self) -> Vec<Report> {
        self.out.reports.drain(..).collect()
    }

    pub(in crate::media::shard) fn digits(&mut self) -> String {
        let digit = |r| if let Report::Digit { digit, .. } = r { Some(digit) } else { None };
        self.reports().into_iter().filter_map(digit).collect()
    }

    pub(in crate::media::shard) fn closed(&mut self, leg: LegId) -> LegStats {
        self.command(Command::Close { leg });
        match self.reports().pop() {
            Some(Report::Closed { leg: l, stats }) if l == leg => stats,
            other => panic!("{other:?}"),
        }
    }
}

pub(in crate::media::shard) fn fields(seq: u16, payload_type: u8) -> Fields {
    Fields { marker: false, payload_type, seq, timestamp: u32::from(seq) * 160, ssrc: 77 }
}

pub(in crate::media::shard) fn datagram(send: &Send) -> Vec<u8> {
    send.body.parts().concat()
}

pub(in crate::media::shard) fn head(send: &Send) -> Fields {
    View::parse(&datagram(send)).unwrap().fields()
}

pub(in crate::media::shard) fn prompt(frames: usize, octets_more: usize) -> Arc<Prompt> {
    let pcmu: Box<[u8]> =
        (0..frames * FRAME_SAMPLES + octets_more).map(|n| (n / FRAME_SAMPLES) as u8).collect();
    Arc::new(Prompt { pcma: pcmu.clone(), pcmu })
}

pub(in crate::media::shard) fn play(leg: LegId, id: u64, prompts: &[&Arc<Prompt>], repeat: bool) -> Command {
    let prompts = prompts.iter().map(|p| Arc::clone(p)).collect();
    Command::Play { leg, play: PlayId(id), prompts, repeat, skip_ms: 0 }
}
