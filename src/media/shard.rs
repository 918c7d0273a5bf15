//! A worker's pure core: its legs, whose turn it is, and who is bridged to whom.
//!
//! In: commands, received packets, and the passing of time. Out: [`Out`]. Everything of one worker happens here, one
//! thing after the other, so legs need no locks; two legs can be bridged if they are in the same shard.

use super::leg::{Heard, Leg, fault};
use super::out::{Channel, Out};
use super::play::Play;
use super::wheel::Wheel;
use super::{Command, LegStats, Report};
use crate::base::{LegId, Now, SAMPLE_RATE};
use crate::bridge::{Mixer, relayable};
use crate::limits::MIX_SEATS_MAX;
use crate::rtp::{Outbound, PacketBuf, Pool, Reports};
use std::collections::HashMap;
use std::net::SocketAddr;

/// One thing that happens to a shard.
#[derive(Debug)]
pub enum Input {
    /// The control plane wants something.
    Command(Command),
    /// A datagram has come on a socket of `leg`. The buffer comes back in [`Out::pool`] or goes out in [`Out::sends`].
    Packet { leg: LegId, channel: Channel, from: SocketAddr, buf: PacketBuf },
    /// Time has passed; to be given when [`Shard::deadline`] is reached.
    Tick,
}

/// The legs of one worker.
#[derive(Debug)]
pub struct Shard {
    /// Boxed, for a map keeps room for up to twice as many as it holds, and a leg is large.
    legs: HashMap<LegId, Box<Leg>>,
    mixes: HashMap<u64, Mixer>,
    /// Conferences made so far: the number of the newest.
    mixes_made: u64,
    wheel: Wheel,
    rng: fastrand::Rng,
    /// The leg being served, so that it is known whose fault a panic is.
    serving: Option<LegId>,
    #[cfg(test)]
    sabotaged: Option<LegId>,
}

impl Shard {
    /// A shard without legs. `seed` is where its SSRCs and first numbers come from (RFC 3550 §5.1 wants them random).
    pub fn new(seed: u64) -> Self {
        Shard {
            legs: HashMap::new(),
            mixes: HashMap::new(),
            mixes_made: 0,
            wheel: Wheel::default(),
            rng: fastrand::Rng::with_seed(seed),
            serving: None,
            #[cfg(test)]
            sabotaged: None,
        }
    }

    /// Handles one input; appends everything that is to be done to `out`.
    pub fn step(&mut self, now: Now, input: Input, out: &mut Out) {
        match input {
            Input::Command(command) => self.command(now, command, out),
            Input::Packet { leg, channel: Channel::Rtp, from, buf } => {
                self.serve(leg);
                self.packet(now, leg, from, buf, out);
            }
            Input::Packet { leg: id, channel: Channel::Rtcp, from, mut buf } => {
                self.serve(id);
                if let Some(leg) = self.legs.get_mut(&id) {
                    leg.control(now, from, &mut buf);
                }
                out.pool.give(buf);
            }
            Input::Tick => {
                while let Some(turn) = self.wheel.turn(now) {
                    self.serve(turn.leg);
                    if let Some(leg) = self.legs.get_mut(&turn.leg) {
                        let mix = leg.mix.and_then(|m| self.mixes.get_mut(&m));
                        leg.tick(now, turn, mix, out);
                    }
                }
            }
        }
        self.serving = None;
    }

    /// When [`Input::Tick`] is due; `None` without legs.
    pub fn deadline(&self) -> Option<Now> {
        self.wheel.next()
    }

    /// After a panic in `step`: takes out the leg that was being served and reports it. The others are whole, and a
    /// tick that was cut short goes on with the next.
    pub fn abandon(&mut self, out: &mut Out) {
        let Some(id) = self.serving.take() else { return };
        out.reports.push(fault(id, "a fault in the media plane ended this leg"));
        self.unbridge(id, &mut out.pool);
        self.wheel.remove(id);
        if let Some(leg) = self.legs.remove(&id) {
            if leg.listen {
                out.speech.end(id);
            }
            out.files.push_back(super::FileOp::Finish { leg: id });
            out.closed.push(id);
        }
    }

    fn serve(&mut self, leg: LegId) {
        self.serving = Some(leg);
        #[cfg(test)]
        assert_ne!(self.sabotaged, Some(leg), "sabotaged");
    }

    fn packet(&mut self, now: Now, id: LegId, from: SocketAddr, mut buf: PacketBuf, out: &mut Out) {
        let Some(leg) = self.legs.get_mut(&id) else { return out.pool.give(buf) };
        let heard = leg.receive(now, from, &mut buf, out);
        if matches!(heard, Heard::Pass | Heard::Noise) && leg.mix.is_some() {
            if !leg.is_key(buf.bytes()) {
                return leg.play_out(now, buf, out);
            }
            return match leg.mate.and_then(|mate| self.legs.get_mut(&mate)) {
                Some(mate) => mate.pass_key(now, buf, out),
                None => out.pool.give(buf),
            };
        }
        let target = if leg.echo { Some(id) } else { leg.mate };
        let voice = leg.voice();
        let to = target.and_then(|t| self.legs.get_mut(&t));
        match (heard, to, voice) {
            (Heard::Pass | Heard::Noise, Some(to), Some(voice)) => return to.pass(now, voice, buf, out),
            (Heard::Swallowed, Some(to), _) => to.left_out(),
            (Heard::Pass | Heard::Swallowed | Heard::Noise | Heard::Nothing, _, _) => {}
        }
        out.pool.give(buf);
    }

    fn command(&mut self, now: Now, command: Command, out: &mut Out) {
        let id = command.leg();
        self.serve(id);
        match command {
            Command::Open { leg } => return self.open(now, leg),
            Command::Close { leg } => return self.close(now, leg, out),
            Command::Bridge { a, b } => return self.bridge(now, a, b, out),
            Command::Mix { parties } => return self.mix(now, &parties, out),
            Command::Unbridge { leg } => return self.unbridge(leg, &mut out.pool),
            Command::MoveRecord { from, to } => return self.move_record(from, to, out),
            _ => {}
        }
        // A command that crosses with the end of its leg finds nothing.
        let Some(leg) = self.legs.get_mut(&id) else { return };
        match command {
            Command::Connect { to, .. } => {
                leg.connect(now, to);
                self.couple(id, &mut out.pool);
            }
            Command::Play { play, prompts, repeat, skip_ms, .. } => {
                leg.play(now, Play::new(play, prompts, repeat, skip_ms), out);
            }
            Command::Stop { .. } => leg.stop(now, out),
            Command::Listen { on, .. } => leg.listen(on, out),
            Command::Expect { expected, .. } => out.speech.expect(id, expected),
            Command::Echo { on, .. } => leg.echo = on,
            Command::SendDigits { digits, .. } => leg.send_digits(&digits, out),
            Command::Record { file, .. } => leg.record(file, out),
            Command::Tape { taping, .. } => leg.tape(taping, out),
            Command::StopRecord { .. } => leg.stop_record(out),
            Command::Open { .. }
            | Command::Close { .. }
            | Command::Bridge { .. }
            | Command::Mix { .. }
            | Command::MoveRecord { .. }
            | Command::Unbridge { .. } => {}
        }
    }

    fn move_record(&mut self, from: LegId, to: LegId, out: &mut Out) {
        if !self.legs.contains_key(&to) {
            return;
        }
        let recorder = self.legs.get_mut(&from).and_then(|leg| leg.take_record());
        if let (Some(recorder), Some(leg)) = (recorder, self.legs.get_mut(&to)) {
            leg.go_on_recording(from, recorder, out);
        }
    }

    fn open(&mut self, now: Now, id: LegId) {
        if !self.legs.contains_key(&id) {
            // RFC 3711 §3.3.1: far from the wrap, so that a peer that misses the first packets knows the rollover counter.
            let seq = self.rng.u16(..1 << 15);
            let stream = Outbound::new(now, self.rng.u32(..), seq, self.rng.u32(..));
            let reports = Reports::new(now, self.rng.u64(..));
            self.legs.insert(id, Box::new(Leg::new(now, id, stream, reports)));
            self.wheel.add(now, id);
        }
    }

    /// Every `Close` is answered, also that of a leg that is gone already.
    fn close(&mut self, now: Now, id: LegId, out: &mut Out) {
        self.unbridge(id, &mut out.pool);
        self.wheel.remove(id);
        let mut stats = LegStats::default();
        if let Some(mut leg) = self.legs.remove(&id) {
            leg.close(now, out);
            stats = leg.stats();
            out.closed.push(id);
        }
        out.reports.push(Report::Closed { leg: id, stats });
    }

    fn bridge(&mut self, now: Now, a: LegId, b: LegId, out: &mut Out) {
        if a == b || !self.legs.contains_key(&a) || !self.legs.contains_key(&b) {
            return out.reports.push(fault(a, "cannot be bridged: the other leg is not on this worker"));
        }
        for (id, mate) in [(a, b), (b, a)] {
            self.unbridge(id, &mut out.pool);
            if let Some(leg) = self.legs.get_mut(&id) {
                leg.stop(now, out);
                leg.echo = false;
                leg.mate = Some(mate);
            }
        }
        self.couple(a, &mut out.pool);
    }

    /// Two bridged legs that have no codec in common are a conference of two, so that each is decoded for the other; they cease
    /// to be one when a re-INVITE has given them one. A leg that is bridged with none is left alone.
    fn couple(&mut self, a: LegId, pool: &mut Pool) {
        let voice = |id: &LegId| self.legs.get(id).and_then(|leg| leg.voice()).map(|v| v.codec);
        let Some(b) = self.legs.get(&a).and_then(|leg| leg.mate) else { return };
        let (Some(one), Some(other)) = (voice(&a), voice(&b)) else { return };
        let coupled = self.legs.get(&a).and_then(|leg| leg.mix);
        match (relayable(one, other), coupled) {
            (false, None) => {
                // Above 4 kHz there is something to hear only if it is said and heard on both sides.
                let rate = one.rate().min(other.rate());
                self.seat(&[(a, 0b10), (b, 0b01)], rate);
            }
            (true, Some(mix)) => {
                for id in [a, b] {
                    self.legs.get_mut(&id).and_then(|leg| leg.unseat(pool));
                }
                self.mixes.remove(&mix);
            }
            (true, None) | (false, Some(_)) => {}
        }
    }

    /// Makes a conference of these, which take part in nothing else.
    fn seat(&mut self, parties: &[(LegId, u8)], rate: u32) {
        self.mixes_made += 1;
        for (id, _) in parties {
            if let Some(leg) = self.legs.get_mut(id) {
                leg.seat(self.mixes_made);
            }
        }
        self.mixes.insert(self.mixes_made, Mixer::new(parties.iter().copied(), rate));
    }

    fn mix(&mut self, now: Now, parties: &[(LegId, u8)], out: &mut Out) {
        let Some((first, _)) = parties.first().copied() else { return };
        if parties.len() > MIX_SEATS_MAX || parties.iter().any(|(id, _)| !self.legs.contains_key(id)) {
            return out
                .reports
                .push(fault(first, "cannot be mixed: too many, or a leg is not on this worker"));
        }
        for (id, _) in parties {
            self.unbridge(*id, &mut out.pool);
            if let Some(leg) = self.legs.get_mut(id) {
                leg.stop(now, out);
                leg.echo = false;
            }
        }
        let codecs = parties.iter().filter_map(|(id, _)| self.legs.get(id)?.voice());
        let wide = codecs.filter(|v| v.codec.rate() > SAMPLE_RATE).count() > 1;
        self.seat(parties, if wide { 2 * SAMPLE_RATE } else { SAMPLE_RATE });
    }

    fn unbridge(&mut self, id: LegId, pool: &mut Pool) {
        let mate = self.legs.get_mut(&id).and_then(|leg| leg.mate.take());
        if let Some(mate) = mate.and_then(|m| self.legs.get_mut(&m)) {
            mate.mate = None;
            mate.unseat(pool);
        }
        if let Some(mix) = self.legs.get_mut(&id).and_then(|leg| leg.unseat(pool))
            && !self.legs.values().any(|leg| leg.mix == Some(mix))
        {
            self.mixes.remove(&mix);
        }
    }
}

#[cfg(test)]
mod codec_tests;
#[cfg(test)]
mod flood_tests;
#[cfg(test)]
mod mix_tests;
#[cfg(test)]
mod noise_tests;
#[cfg(test)]
mod rtcp_tests;
#[cfg(test)]
mod srtp_tests;
#[cfg(test)]
mod tests;
