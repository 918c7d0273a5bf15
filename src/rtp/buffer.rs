//! Packet buffers: fixed slots that the kernel writes into and that are handed on by ownership, never copied.
//!
//! A slot is a box; whoever holds the [`PacketBuf`] owns the octets. The pool keeps the free ones. All is safe code:
//! the move of a box is the move of a pointer.

use super::header::{Fields, HEADER_OCTETS};
use crate::limits::{RTP_HEADROOM_OCTETS, RTP_PACKET_OCTETS_MAX};
use std::ops::Range;

/// Octets of a slot: a datagram's, and before it room for what the kernel may say of it.
pub const SLOT_OCTETS: usize = RTP_HEADROOM_OCTETS + RTP_PACKET_OCTETS_MAX;

/// One received datagram in its slot, or the part of it that is to be sent on.
#[derive(Debug)]
pub struct PacketBuf {
    slot: Box<[u8; SLOT_OCTETS]>,
    /// From where a datagram begins.
    range: Range<usize>,
}

impl Default for PacketBuf {
    fn default() -> Self {
        PacketBuf { slot: Box::new([0; SLOT_OCTETS]), range: 0..0 }
    }
}

/// A slot that holds nothing that is meant.
impl From<Box<[u8; SLOT_OCTETS]>> for PacketBuf {
    fn from(slot: Box<[u8; SLOT_OCTETS]>) -> Self {
        PacketBuf { slot, range: 0..0 }
    }
}

/// The slot, for the kernel to write into.
impl From<PacketBuf> for Box<[u8; SLOT_OCTETS]> {
    fn from(buf: PacketBuf) -> Self {
        buf.slot
    }
}

/// All that a datagram may take.
impl AsMut<[u8]> for PacketBuf {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.slot[RTP_HEADROOM_OCTETS..]
    }
}

impl PacketBuf {
    /// Says how many octets were written into the slot.
    pub fn set_len(&mut self, octets: usize) {
        self.range = 0..octets.min(RTP_PACKET_OCTETS_MAX);
    }

    /// Makes this the datagram that consists of `parts`; what there is no room for is left out.
    pub fn fill(&mut self, parts: &[&[u8]]) {
        let mut end = 0;
        for part in parts {
            let room = &mut self.as_mut()[end..];
            let count = part.len().min(room.len());
            room[..count].copy_from_slice(&part[..count]);
            end += count;
        }
        self.range = 0..end;
    }

    /// The datagram.
    pub fn bytes(&self) -> &[u8] {
        &self.slot[RTP_HEADROOM_OCTETS..][self.range.clone()]
    }

    /// The datagram, for an in-place change.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.slot[RTP_HEADROOM_OCTETS..][self.range.clone()]
    }

    /// Appends `octets`; false if there is no room for them.
    pub fn append(&mut self, octets: &[u8]) -> bool {
        let end = self.range.end + octets.len();
        let room = self.slot[RTP_HEADROOM_OCTETS..].get_mut(self.range.end..end);
        let fits = room.map(|room| room.copy_from_slice(octets)).is_some();
        self.range.end = if fits { end } else { self.range.end };
        fits
    }

    /// Leaves the first `octets`.
    pub fn cut(&mut self, octets: usize) {
        self.range.end = self.range.end.min(self.range.start + octets);
    }

    /// Makes this the packet with header `fields` and the payload that lies at `payload` now, which begins at
    /// [`HEADER_OCTETS`] or later (as [`super::View::payload_range`] gives it). The payload stays where it is.
    pub fn rewrite(&mut self, fields: &Fields, payload: Range<usize>) {
        let start = payload.start.saturating_sub(HEADER_OCTETS);
        if let Some(head) = self.as_mut()[start..].first_chunk_mut() {
            fields.write(head);
        }
        self.range = start..payload.end.min(RTP_PACKET_OCTETS_MAX);
    }

    /// The octets at `range` of the slot, for an in-place change of code.
    pub fn part_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        self.as_mut().get_mut(range).unwrap_or_default()
    }
}

/// Free buffers. Grows during warm-up to what is in flight at once, which a worker bounds by its batch; it never
/// shrinks, and nothing is allocated once it is warm.
#[derive(Debug, Default)]
pub struct Pool {
    free: Vec<PacketBuf>,
}

impl Pool {
    /// A pool with `slots` free buffers.
    pub fn with_slots(slots: usize) -> Self {
        Pool { free: (0..slots).map(|_| PacketBuf::default()).collect() }
    }

    /// A buffer of undefined content.
    pub fn take(&mut self) -> PacketBuf {
        self.free.pop().unwrap_or_default()
    }

    /// Gives a buffer back.
    pub fn give(&mut self, buf: PacketBuf) {
        self.free.push(buf);
    }

    /// How many are free.
    pub fn free(&self) -> usize {
        self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::View;

    #[test]
    fn a_rewrite_drops_csrcs_and_leaves_the_payload_where_it_is() {
        let mut buf = PacketBuf::default();
        let packet = [0x82, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 1, 1, 1, 1, 2, 2, 2, 2, 9, 8, 7];
        buf.as_mut()[..packet.len()].copy_from_slice(&packet);
        buf.set_len(packet.len());
        let payload = View::parse(buf.bytes()).unwrap().payload_range();
        let before = buf.bytes()[payload.start..].as_ptr();
        let fields = Fields { marker: true, payload_type: 8, seq: 5, timestamp: 6, ssrc: 7 };
        buf.rewrite(&fields, payload);
        let view = View::parse(buf.bytes()).unwrap();
        assert_eq!((view.fields(), view.payload()), (fields, &[9, 8, 7][..]));
        assert_eq!(view.payload().as_ptr(), before);
    }
}
