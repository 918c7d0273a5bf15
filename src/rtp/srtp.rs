//! SRTP and SRTCP (RFC 3711, RFC 7714): packets encrypted and decrypted in the buffer that they are in.
//!
//! ```text
//!   RTP    │ header │ payload, encrypted       │ tag │                          tag also over the rollover counter
//!   RTCP   │ 8 octets │ the rest, encrypted │ E=1, index │ tag │               AES-CM
//!   RTCP   │ 8 octets │ the rest, encrypted │ tag │ E=1, index │               AES-GCM
//! ```
//!
//! In: keys, however they were agreed on, and packets. Out: packets, or why not. Nothing is allocated for a packet. What has not
//! been authenticated changes nothing. No MKI, a key derivation rate of 0, always encrypted: what SDES offers by default.

mod transform;

use super::PacketBuf;
use super::header::{Fields, header_octets};
use crate::base::{MasterKey, SrtpKeys};
use crate::limits::SRTP_STREAMS_MAX;
use transform::{Place, Protocol, RTCP_HEAD, Tag, Transform};

/// Octets of E-flag and index.
const INDEX_OCTETS: usize = 4;
const ENCRYPTED: u32 = 1 << 31;

/// Why a packet was not opened or sealed. All but `Reused` are the peer's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SrtpFault {
    /// Too short to be what it is said to be.
    Short,
    /// Forged, damaged, or under another key.
    Authentication,
    /// Had already, or too old to tell.
    Replay,
    /// A second packet of ours with the same number: its keystream has been used.
    Reused,
    /// It has no room for the tag.
    TooLong,
}

/// Which indices have been seen: the highest, and the 127 below it (RFC 3711 §3.3.2).
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    highest: u64,
    /// Bit n: `highest - n` was seen. Zero before the first.
    seen: u128,
}

impl Window {
    /// The index that `seq` stands for (RFC 3711 §3.3.1, appendix A); `None` if it is from before the first cycle.
    fn index(&self, seq: u16) -> Option<u64> {
        if self.seen == 0 {
            return Some(u64::from(seq));
        }
        let ahead = seq.wrapping_sub(self.highest as u16) as i16;
        self.highest.checked_add_signed(i64::from(ahead))
    }

    fn is_new(&self, index: u64) -> bool {
        if index > self.highest || self.seen == 0 {
            return true;
        }
        let bit = u32::try_from(self.highest - index).ok().and_then(|by| 1u128.checked_shl(by));
        bit.is_some_and(|bit| self.seen & bit == 0)
    }

    fn mark(&mut self, index: u64) {
        if index > self.highest || self.seen == 0 {
            let by = u32::try_from(index - self.highest).ok();
            self.seen = by.and_then(|by| self.seen.checked_shl(by)).unwrap_or(0) | 1;
            self.highest = index;
        } else {
            self.seen |= 1 << (self.highest - index);
        }
    }
}

/// Session keys for both protocols.
#[derive(Debug)]
struct Session {
    rtp: Transform,
    rtcp: Transform,
}

impl Session {
    fn new(master: &MasterKey) -> Option<Session> {
        let transform = |protocol| Transform::new(master, protocol);
        Some(Session { rtp: transform(Protocol::Rtp)?, rtcp: transform(Protocol::Rtcp)? })
    }
}

/// The sending context of one stream, which has one SSRC.
#[derive(Debug)]
struct Sealer {
    session: Session,
    sent: Window,
    rtcp_index: u32,
}

/// What has come of one SSRC.
#[derive(Debug, Clone, Copy, Default)]
struct Stream {
    ssrc: u32,
    rtp: Window,
    rtcp: Window,
    /// The count of packets when it was last heard.
    used: u64,
}

/// The receiving context.
#[derive(Debug)]
struct Opener {
    session: Session,
    streams: [Stream; SRTP_STREAMS_MAX],
    packets: u64,
}

/// The pair of contexts of one leg.
#[derive(Debug)]
pub struct Srtp {
    keys: SrtpKeys,
    sealer: Sealer,
    opener: Opener,
}

impl Srtp {
    /// Installs `keys`, in place of `before`: a context whose key is the same goes on where it is, one whose key is new begins
    /// with a rollover counter of 0. No keys mean no protection.
    pub fn install(before: Option<Box<Srtp>>, keys: Option<SrtpKeys>) -> Option<Box<Srtp>> {
        let keys = keys?;
        let (mut sealer, mut opener) = (None, None);
        if let Some(before) = before {
            sealer = Some(before.sealer).filter(|_| before.keys.send == keys.send);
            opener = Some(before.opener).filter(|_| before.keys.receive == keys.receive);
        }
        let sealer = sealer.or_else(|| {
            Some(Sealer { session: Session::new(&keys.send)?, sent: Window::default(), rtcp_index: 0 })
        })?;
        let opener = opener.or_else(|| {
            let session = Session::new(&keys.receive)?;
            Some(Opener { session, streams: [Stream::default(); _], packets: 0 })
        })?;
        Some(Box::new(Srtp { keys, sealer, opener }))
    }

    /// Makes the RTP packet in `buf` one of SRTP.
    ///
    /// # Errors
    /// See [`SrtpFault`]; the packet is not to be sent then.
    pub fn seal(&mut self, buf: &mut PacketBuf) -> Result<(), SrtpFault> {
        let Sealer { session, sent, .. } = &mut self.sealer;
        let (head, seq, ssrc) = fields(buf.bytes())?;
        let index = sent.index(seq).filter(|index| sent.is_new(*index)).ok_or(SrtpFault::Reused)?;
        let (head, body) = buf.bytes_mut().split_at_mut(head);
        let sealed = session.rtp.seal(Place { ssrc, index }, head, body, rollovers(index));
        let tag = sealed.ok_or(SrtpFault::TooLong)?;
        sent.mark(index);
        append(buf, &[tag.octets()])
    }

    /// Makes the RTCP packet in `buf` one of SRTCP.
    ///
    /// # Errors
    /// See [`SrtpFault`]; the packet is not to be sent then.
    pub fn seal_rtcp(&mut self, buf: &mut PacketBuf) -> Result<(), SrtpFault> {
        let Sealer { session: Session { rtcp, .. }, rtcp_index, .. } = &mut self.sealer;
        let (ssrc, index) = (rtcp_ssrc(buf.bytes())?, *rtcp_index);
        *rtcp_index = rtcp_index.checked_add(1).filter(|i| i & ENCRYPTED == 0).ok_or(SrtpFault::Reused)?;
        let trailer = (ENCRYPTED | index).to_be_bytes();
        let (head, body) = buf.bytes_mut().split_at_mut(RTCP_HEAD);
        let tag = rtcp.seal(Place { ssrc, index: u64::from(index) }, head, body, trailer);
        let tag: Tag = tag.ok_or(SrtpFault::TooLong)?;
        match rtcp {
            Transform::Cm { .. } => append(buf, &[&trailer, tag.octets()]),
            Transform::Gcm { .. } => append(buf, &[tag.octets(), &trailer]),
        }
    }

    /// Makes the SRTP packet in `buf` one of RTP.
    ///
    /// # Errors
    /// See [`SrtpFault`]; what is in `buf` is of no more use then.
    pub fn open(&mut self, buf: &mut PacketBuf) -> Result<(), SrtpFault> {
        let Opener { session: Session { rtp, .. }, streams, packets } = &mut self.opener;
        let (head, seq, ssrc) = fields(buf.bytes())?;
        let end = buf.bytes().len().checked_sub(rtp.tag_octets()).filter(|end| *end >= head);
        let end = end.ok_or(SrtpFault::Short)?;
        let window = streams.iter().find(|s| s.is(ssrc)).map_or(Window::default(), |s| s.rtp);
        let index = window.index(seq).filter(|i| window.is_new(*i)).ok_or(SrtpFault::Replay)?;
        let (packet, tag) = buf.bytes_mut().split_at_mut(end);
        let (head, body) = packet.split_at_mut(head);
        let opened = rtp.open(Place { ssrc, index }, head, body, rollovers(index), tag);
        opened.ok_or(SrtpFault::Authentication)?;
        *packets += 1;
        Stream::of(streams, ssrc, *packets).rtp.mark(index);
        buf.cut(end);
        Ok(())
    }

    /// Makes the SRTCP packet in `buf` one of RTCP.
    ///
    /// # Errors
    /// See [`SrtpFault`]; what is in `buf` is of no more use then.
    pub fn open_rtcp(&mut self, buf: &mut PacketBuf) -> Result<(), SrtpFault> {
        let Opener { session: Session { rtcp, .. }, streams, packets } = &mut self.opener;
        let ssrc = rtcp_ssrc(buf.bytes())?;
        let end = buf.bytes().len().checked_sub(rtcp.tag_octets() + INDEX_OCTETS);
        let end = end.filter(|end| *end >= RTCP_HEAD).ok_or(SrtpFault::Short)?;
        let (packet, trail) = buf.bytes_mut().split_at_mut(end);
        let (word, tag) = match rtcp {
            Transform::Cm { .. } => trail.split_at(INDEX_OCTETS),
            Transform::Gcm { .. } => {
                let (tag, word) = trail.split_at(rtcp.tag_octets());
                (word, tag)
            }
        };
        let word = u32::from_be_bytes(word.try_into().map_err(|_| SrtpFault::Short)?);
        // Unencrypted RTCP was not agreed on (RFC 4568 §6.3.2).
        let index = Some(u64::from(word & !ENCRYPTED)).filter(|_| word & ENCRYPTED != 0);
        let index = index.ok_or(SrtpFault::Authentication)?;
        if streams.iter().any(|s| s.is(ssrc) && !s.rtcp.is_new(index)) {
            return Err(SrtpFault::Replay);
        }
        let (head, body) = packet.split_at_mut(RTCP_HEAD);
        let opened = rtcp.open(Place { ssrc, index }, head, body, word.to_be_bytes(), tag);
        opened.ok_or(SrtpFault::Authentication)?;
        *packets += 1;
        Stream::of(streams, ssrc, *packets).rtcp.mark(index);
        buf.cut(end);
        Ok(())
    }
}

impl Stream {
    fn is(&self, ssrc: u32) -> bool {
        self.used > 0 && self.ssrc == ssrc
    }

    /// That of `ssrc`; a new one takes the place of the one that has been silent for longest.
    fn of(streams: &mut [Stream; SRTP_STREAMS_MAX], ssrc: u32, packets: u64) -> &mut Stream {
        let at = streams.iter().position(|s| s.is(ssrc));
        let oldest = || (0..SRTP_STREAMS_MAX).min_by_key(|n| streams[*n].used).unwrap_or(0);
        let stream = &mut streams[at.unwrap_or_else(oldest)];
        if !stream.is(ssrc) {
            *stream = Stream { ssrc, ..Stream::default() };
        }
        stream.used = packets;
        stream
    }
}

fn rollovers(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

/// Octets of the header, sequence number and SSRC.
fn fields(packet: &[u8]) -> Result<(usize, u16, u32), SrtpFault> {
    let (head, octets) = header_octets(packet).map_err(|_| SrtpFault::Short)?;
    let fields = Fields::of(head);
    Ok((octets, fields.seq, fields.ssrc))
}

fn rtcp_ssrc(packet: &[u8]) -> Result<u32, SrtpFault> {
    let head: &[u8; RTCP_HEAD] = packet.first_chunk().ok_or(SrtpFault::Short)?;
    Ok(u32::from_be_bytes([head[4], head[5], head[6], head[7]]))
}

fn append(buf: &mut PacketBuf, parts: &[&[u8]]) -> Result<(), SrtpFault> {
    parts.iter().all(|part| buf.append(part)).then_some(()).ok_or(SrtpFault::TooLong)
}

#[cfg(test)]
mod tests;
