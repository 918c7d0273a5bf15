//! The RTP header as a view over the received octets, and a writer into twelve octets (RFC 3550 §5.1).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |V=2|P|X|  CC   |M|     PT      |       sequence number         |
//! |                           timestamp                           |
//! |           synchronization source (SSRC) identifier            |
//! |            contributing source (CSRC) identifiers, 0–15       |
//! |            header extension, if X: profile, length, words     |
//! ```
//!
//! Reading checks every length once; after that the accessors cannot fail. We never send CSRCs, extensions or
//! padding, so writing is always twelve octets: on a relay they go right before the payload, wherever that begins in
//! the received buffer, and what stood in between is left behind without moving anything.

use std::ops::Range;

/// Octets of a header without CSRCs and extension, the only kind that we send.
pub const HEADER_OCTETS: usize = 12;

/// Why a datagram is not an RTP or RTCP packet. All are the peer's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// Shorter than its header says.
    Short,
    /// Not version 2.
    Version,
    /// The padding length is zero or longer than what is there.
    Padding,
    /// RTCP that does not begin with a report (RFC 3550 §6.1).
    Order,
}

/// True if this datagram is RTCP and not RTP: its second octet is an RTCP packet type (RFC 5761 §4).
pub fn is_rtcp(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|b| b >> 6 == 2) && matches!(datagram.get(1), Some(192..=223))
}

/// The fixed part of the header, and how many octets there are before the payload.
///
/// # Errors
/// It is not of version 2, or shorter than it says.
pub(super) fn header_octets(datagram: &[u8]) -> Result<(&[u8; HEADER_OCTETS], usize), Malformed> {
    let head: &[u8; HEADER_OCTETS] = datagram.first_chunk().ok_or(Malformed::Short)?;
    if head[0] >> 6 != 2 {
        return Err(Malformed::Version);
    }
    let mut start = HEADER_OCTETS + 4 * usize::from(head[0] & 0x0f);
    if head[0] & 0x10 != 0 {
        // §5.3.1: 16 bits of profile, then the length in 32-bit words, this one not counted.
        let ext: &[u8; 4] = datagram.get(start..).and_then(<[u8]>::first_chunk).ok_or(Malformed::Short)?;
        start += 4 + 4 * usize::from(u16::from_be_bytes([ext[2], ext[3]]));
    }
    if start > datagram.len() { Err(Malformed::Short) } else { Ok((head, start)) }
}

/// The fields of a header; what follows it may be encrypted.
///
/// # Errors
/// [`Malformed`] says what is wrong with it.
pub fn header_fields(datagram: &[u8]) -> Result<Fields, Malformed> {
    header_octets(datagram).map(|(head, _)| Fields::of(head))
}

/// A checked view of one RTP packet.
#[derive(Debug, Clone)]
pub struct View<'a> {
    head: &'a [u8; HEADER_OCTETS],
    bytes: &'a [u8],
    payload: Range<usize>,
}

impl<'a> View<'a> {
    /// Checks the lengths of `datagram` (RFC 3550 §A.1).
    ///
    /// # Errors
    /// [`Malformed`] says what is wrong with it.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, Malformed> {
        let (head, start) = header_octets(datagram)?;
        let mut end = datagram.len();
        if head[0] & 0x20 != 0 {
            // §5.1: the last octet says how many to ignore, itself included.
            let pad = usize::from(datagram[end - 1]);
            if pad == 0 || pad > end - start {
                return Err(Malformed::Padding);
            }
            end -= pad;
        }
        Ok(View { head, bytes: datagram, payload: start..end })
    }

    /// The five fields that mean something to us.
    pub fn fields(&self) -> Fields {
        Fields::of(self.head)
    }

    /// The payload, without padding.
    pub fn payload(&self) -> &'a [u8] {
        &self.bytes[self.payload.clone()]
    }

    /// Where the payload lies in the datagram; begins at [`HEADER_OCTETS`] or later.
    pub fn payload_range(&self) -> Range<usize> {
        self.payload.clone()
    }
}

/// What a header of ours says; the rest of it is constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields {
    /// First packet after silence or a switch of source (RFC 3551 §4.1).
    pub marker: bool,
    /// 0–127.
    pub payload_type: u8,
    /// Sequence number.
    pub seq: u16,
    /// Sampling instant of the first octet, in samples.
    pub timestamp: u32,
    /// Synchronization source.
    pub ssrc: u32,
}

impl Fields {
    pub(super) fn of(h: &[u8; HEADER_OCTETS]) -> Fields {
        Fields {
            marker: h[1] & 0x80 != 0,
            payload_type: h[1] & 0x7f,
            seq: u16::from_be_bytes([h[2], h[3]]),
            timestamp: u32::from_be_bytes([h[4], h[5], h[6], h[7]]),
            ssrc: u32::from_be_bytes([h[8], h[9], h[10], h[11]]),
        }
    }

    /// A whole header.
    pub fn bytes(&self) -> [u8; HEADER_OCTETS] {
        let mut to = [0; HEADER_OCTETS];
        self.write(&mut to);
        to
    }

    /// Writes a whole header.
    pub fn write(&self, to: &mut [u8; HEADER_OCTETS]) {
        to[0] = 0x80;
        to[1] = self.payload_type & 0x7f | if self.marker { 0x80 } else { 0 };
        to[2..4].copy_from_slice(&self.seq.to_be_bytes());
        to[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        to[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use webrtc_util::marshal::{Marshal, Unmarshal};

    proptest! {
        #[test]
        fn our_header_reads_the_same_in_the_rtp_crate(
            marker: bool, payload_type in 0u8..128, seq: u16, timestamp: u32, ssrc: u32,
            payload in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let fields = Fields { marker, payload_type, seq, timestamp, ssrc };
            let mut datagram = fields.bytes().to_vec();
            datagram.extend(&payload);
            let theirs = rtp::packet::Packet::unmarshal(&mut &datagram[..]).unwrap();
            let h = &theirs.header;
            prop_assert_eq!(
                (h.marker, h.payload_type, h.sequence_number, h.timestamp, h.ssrc),
                (marker, payload_type, seq, timestamp, ssrc)
            );
            prop_assert_eq!(&theirs.payload[..], &payload[..]);
        }

        #[test]
        fn what_the_rtp_crate_writes_reads_the_same_here(
            marker: bool, payload_type in 0u8..128, seq: u16, timestamp: u32, ssrc: u32,
            csrc in proptest::collection::vec(any::<u32>(), 0..16),
            extension in proptest::option::of(proptest::collection::vec(any::<[u8; 4]>(), 0..5)),
            payload in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let header = rtp::header::Header {
                version: 2, marker, payload_type, sequence_number: seq, timestamp, ssrc, csrc,
                extension: extension.is_some(), extension_profile: 7,
                extensions: extension.map(|words| rtp::header::Extension { id: 0, payload: words.concat().into() })
                    .into_iter().collect(),
                ..Default::default()
            };
            let bytes = rtp::packet::Packet { header, payload: payload.clone().into() }.marshal().unwrap();
            let view = View::parse(&bytes).unwrap();
            prop_assert_eq!(view.fields(), Fields { marker, payload_type, seq, timestamp, ssrc });
            prop_assert_eq!(view.payload(), &payload[..]);
        }

        #[test]
        fn any_octets_are_read_or_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(view) = View::parse(&bytes) {
                prop_assert!(view.payload_range().start >= HEADER_OCTETS);
                prop_assert!(view.payload_range().end <= bytes.len());
            }
        }
    }

    #[test]
    fn padding_is_cut_off_and_a_lie_about_it_is_refused() {
        let mut p = vec![0xa0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 7, 7, 0, 2];
        assert_eq!(View::parse(&p).unwrap().payload(), [7, 7]);
        p[15] = 5;
        assert_eq!(View::parse(&p).unwrap_err(), Malformed::Padding);
        p[15] = 0;
        assert_eq!(View::parse(&p).unwrap_err(), Malformed::Padding);
    }

    #[test]
    fn rtcp_is_told_by_its_second_octet() {
        assert!(is_rtcp(&[0x80, 200, 0, 6]));
        assert!(is_rtcp(&[0x81, 201, 0, 7]));
        assert!(!is_rtcp(&[0x80, 0x80 | 8, 0, 6]));
        assert!(!is_rtcp(&[]));
    }
}
