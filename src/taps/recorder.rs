//! The recorder: two streams of G.711 octets become the interleaved stereo of a WAV file, without decoding.
//!
//! ```text
//!   what the leg says   ──put(Left,  timestamp, octets)──┐
//!   what the leg hears  ──put(Right, timestamp, octets)──┴─► L R L R L R … ──advance(frames)──► pieces for the disk
//! ```
//!
//! Octets are laid down where the file will have them, by their RTP timestamps: loss and disorder within the delay leave silence
//! where it was and nothing is shifted. A record is of what came, so nothing is made up for it. The leg's 20 ms clock reads both
//! channels at once, [`DELAY`] behind what is being said, so they stay in step. A stream whose timeline restarts, or that has
//! drifted out of what is kept, is laid down anew.

use crate::base::{Codec, FRAME_SAMPLES};
use crate::codec::{silence, transcode};

/// Pairs of octets that make a piece for the disk: an eighth of a second.
const PIECE: usize = 1000;
/// Pairs of octets that are kept: what is read and not yet a piece, and three eighths of a second that are still to be read.
const KEPT: usize = 4 * PIECE;
/// How far ahead of reading there may be something.
const AHEAD: u64 = (KEPT - PIECE) as u64;
/// How far reading is behind, in samples: 60 ms of network jitter are evened out.
const DELAY: u64 = 480;

/// One of the two channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// What the leg says.
    Left,
    /// What the leg hears.
    Right,
}

/// Whether what is said gets into the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Taping {
    /// It does.
    #[default]
    On,
    /// Silence does, as long as what is said.
    Masked,
    /// Nothing does: what follows comes right after what was before.
    Paused,
}

/// One recording. Both channels are in one codec, that of the leg when it began.
#[derive(Debug)]
pub struct Recorder {
    codec: Codec,
    taping: Taping,
    /// The file from `given` on, as it will be: both channels by turns, silence where nothing is laid down.
    octets: Box<[u8; 2 * KEPT]>,
    /// Of each channel: this timestamp lies at this position.
    anchors: [Option<(u32, u64)>; 2],
    /// Positions before this one have been read.
    read: u64,
    /// Positions before this one have been given to the disk: a whole number of pieces.
    given: u64,
}

impl Recorder {
    /// An empty recording.
    pub fn new(codec: Codec) -> Self {
        let octets = Box::new([silence(codec); 2 * KEPT]);
        Recorder { codec, taping: Taping::On, octets, anchors: [None; 2], read: 0, given: 0 }
    }

    /// From now on what is said is recorded so.
    pub fn set(&mut self, taping: Taping, write: impl FnMut(Vec<u8>)) {
        if taping == Taping::Paused {
            // What was said before is not read yet.
            self.advance(DELAY.div_ceil(FRAME_SAMPLES as u64), write);
            self.restart();
        }
        self.taping = taping;
    }

    /// The streams that follow have other timelines.
    pub fn restart(&mut self) {
        self.anchors = [None; 2];
    }

    /// Lays down octets of `codec` at their RTP timestamp. `in_order` is false for a packet that came after a later
    /// one: it fills its gap or, if that was read already, is left out.
    pub fn put(&mut self, side: Side, codec: Codec, timestamp: u32, octets: &[u8], in_order: bool) {
        if self.taping != Taping::On {
            return;
        }
        let mut changed = [0; 2 * FRAME_SAMPLES];
        let mut timestamp = timestamp;
        // One pass where the codecs agree, which is always but after a re-INVITE that changed the codec.
        for part in octets.chunks(if codec == self.codec { octets.len().max(1) } else { changed.len() }) {
            let mut laid = part;
            if codec != self.codec {
                let copy = &mut changed[..part.len()];
                copy.copy_from_slice(part);
                transcode(codec, self.codec, copy);
                laid = copy;
            }
            self.lay(side, timestamp, laid, in_order);
            timestamp = timestamp.wrapping_add(part.len() as u32);
        }
    }

    fn lay(&mut self, side: Side, timestamp: u32, octets: &[u8], in_order: bool) {
        let octets = &octets[..octets.len().min(AHEAD as usize / 2)];
        let anchor = &mut self.anchors[side as usize];
        let place = anchor.and_then(|(t0, p0)| {
            p0.checked_add_signed(i64::from(timestamp.wrapping_sub(t0) as i32))
                .filter(|&p| p >= self.read && p + octets.len() as u64 <= self.read + AHEAD)
        });
        let Some(place) = place.or_else(|| in_order.then_some(self.read + DELAY)) else { return };
        // Moves along with the stream, so that the distance never outgrows the timestamp's range.
        if in_order {
            *anchor = Some((timestamp, place));
        }
        let (from_the_start, to_the_end) = self.octets.split_at_mut(index(place));
        let places = to_the_end.chunks_exact_mut(2).chain(from_the_start.chunks_exact_mut(2));
        for (pair, octet) in places.zip(octets) {
            pair[side as usize] = *octet;
        }
    }

    /// Reads `frames` frames of 20 ms of both channels; hands each full piece to `write`.
    pub fn advance(&mut self, frames: u64, mut write: impl FnMut(Vec<u8>)) {
        if self.taping == Taping::Paused {
            return;
        }
        self.read += frames * FRAME_SAMPLES as u64;
        while self.given + PIECE as u64 <= self.read {
            self.give(PIECE, &mut write);
        }
    }

    /// Gives the first `pairs` of a piece away.
    fn give(&mut self, pairs: usize, write: &mut impl FnMut(Vec<u8>)) {
        let piece = &mut self.octets[index(self.given)..][..2 * pairs];
        write(piece.to_vec());
        piece.fill(silence(self.codec));
        self.given += pairs as u64;
    }

    /// Reads what is still to be read and gives the last, shorter piece.
    pub fn finish(mut self, mut write: impl FnMut(Vec<u8>)) {
        self.advance(DELAY.div_ceil(FRAME_SAMPLES as u64), &mut write);
        let rest = (self.read - self.given) as usize;
        if rest > 0 {
            self.give(rest, &mut write);
        }
    }
}

/// Where the pair of a position lies.
fn index(position: u64) -> usize {
    2 * (position as usize % KEPT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: u32 = FRAME_SAMPLES as u32;

    fn frame(octet: u8) -> [u8; FRAME_SAMPLES] {
        [octet; FRAME_SAMPLES]
    }

    /// The first octet of each frame of one channel.
    fn channel(chunks: &[Vec<u8>], side: Side) -> Vec<u8> {
        chunks.concat().chunks(2 * FRAME_SAMPLES).map(|f| f[side as usize]).collect()
    }

    #[test]
    fn both_channels_are_in_step_and_a_gap_is_silence() {
        let mut r = Recorder::new(Codec::Pcmu);
        let mut chunks = Vec::new();
        for n in 0..6u32 {
            if n != 2 {
                r.put(Side::Left, Codec::Pcmu, 7000 + n * FRAME, &frame(10 + n as u8), true);
            }
            r.put(
                Side::Right,
                Codec::Pcmu,
                (u32::MAX - 200).wrapping_add(n * FRAME),
                &frame(20 + n as u8),
                true,
            );
            r.advance(1, |c| chunks.push(c));
        }
        r.finish(|c| chunks.push(c));
        assert_eq!(channel(&chunks, Side::Left), [255, 255, 255, 10, 11, 255, 13, 14, 15]);
        assert_eq!(channel(&chunks, Side::Right), [255, 255, 255, 20, 21, 22, 23, 24, 25]);
    }

    #[test]
    fn disorder_is_put_right_and_what_is_too_late_is_left_out() {
        let mut r = Recorder::new(Codec::Pcmu);
        let mut chunks = Vec::new();
        for n in [0, 2, 1, 3, 4, 5] {
            r.put(Side::Left, Codec::Pcmu, n * FRAME, &frame(n as u8), n != 1);
            r.advance(1, |c| chunks.push(c));
        }
        r.put(Side::Left, Codec::Pcmu, 0, &frame(99), false);
        r.finish(|c| chunks.push(c));
        assert_eq!(channel(&chunks, Side::Left)[3..], [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_stream_that_restarts_is_laid_down_anew() {
        let mut r = Recorder::new(Codec::Pcma);
        let mut chunks = Vec::new();
        r.put(Side::Left, Codec::Pcma, 0, &frame(1), true);
        r.advance(1, |c| chunks.push(c));
        r.put(Side::Left, Codec::Pcma, 900_000_000, &frame(2), true);
        r.finish(|c| chunks.push(c));
        assert_eq!(channel(&chunks, Side::Left), [0xd5, 0xd5, 0xd5, 1]);
        let mut r = Recorder::new(Codec::Pcma);
        r.put(Side::Left, Codec::Pcma, 0, &frame(1), true);
        r.advance(9, |_| ());
        r.put(Side::Left, Codec::Pcma, 900_000_000, &frame(2), true);
        let mut chunks = Vec::new();
        r.advance(4, |c| chunks.push(c));
        r.finish(|c| chunks.push(c));
        assert!(channel(&chunks, Side::Left).contains(&2));
    }

    #[test]
    fn another_codec_is_brought_to_that_of_the_file() {
        let mut r = Recorder::new(Codec::Pcmu);
        let mut chunks = Vec::new();
        r.put(Side::Left, Codec::Pcma, 0, &frame(silence(Codec::Pcma)), true);
        r.advance(4, |c| chunks.push(c));
        r.finish(|c| chunks.push(c));
        // A-law has no zero; its quietest octet is µ-law's second quietest.
        assert_eq!(channel(&chunks, Side::Left), [255, 255, 255, 254, 255, 255, 255]);
    }

    /// Ten frames said on both sides, the fifth to the seventh under `taping`.
    fn taped(taping: Taping) -> Vec<u8> {
        let (mut r, mut chunks) = (Recorder::new(Codec::Pcmu), Vec::new());
        for n in 1..=10u32 {
            match n {
                5 => r.set(taping, |c| chunks.push(c)),
                8 => r.set(Taping::On, |c| chunks.push(c)),
                _ => {}
            }
            for side in [Side::Left, Side::Right] {
                r.put(side, Codec::Pcmu, n * FRAME, &frame(n as u8), true);
            }
            r.advance(1, |c| chunks.push(c));
        }
        r.finish(|c| chunks.push(c));
        let [left, right] = [Side::Left, Side::Right].map(|side| channel(&chunks, side));
        assert_eq!(left, right);
        left
    }

    #[test]
    fn what_is_said_under_a_mask_is_silence_and_what_is_said_in_a_pause_is_not_there() {
        assert_eq!(taped(Taping::On)[3..], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        assert_eq!(taped(Taping::Masked)[3..], [1, 2, 3, 4, 255, 255, 255, 8, 9, 10]);
        let paused = taped(Taping::Paused);
        let said: Vec<u8> = paused.into_iter().filter(|o| *o != 255).collect();
        assert_eq!(said, [1, 2, 3, 4, 8, 9, 10]);
    }

    #[test]
    fn pieces_are_an_eighth_of_a_second_long_and_what_is_ahead_stays_where_it_belongs() {
        let (mut r, mut chunks) = (Recorder::new(Codec::Pcmu), Vec::new());
        // Two hundred frames of 20 ms, a quarter of a second ahead of reading after the first, some periods read at once.
        for n in 0..200u32 {
            r.put(Side::Right, Codec::Pcmu, n * FRAME, &frame(n as u8), true);
            if n >= 13 {
                r.advance(1, |c| chunks.push(c));
            }
        }
        r.advance(13, |c| chunks.push(c));
        assert!(chunks.iter().all(|c| c.len() == 2000), "{}", chunks.len());
        r.finish(|c| chunks.push(c));
        let right = channel(&chunks, Side::Right);
        assert!(right.iter().skip(3).zip(0..200u8).all(|(heard, said)| *heard == said), "{right:?}");
        assert_eq!(right.len(), 203);
        assert!(channel(&chunks, Side::Left).iter().all(|o| *o == 255));
    }
}
