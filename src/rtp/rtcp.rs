//! RTCP on the wire (RFC 3550 §6): reads compound packets, writes ours.
//!
//! ```text
//!   SR  V=2 P count PT=200 length │ ssrc │ NTP time, RTP time, packets, octets │ report block × count
//!   RR  V=2 P count PT=201 length │ ssrc │ report block × count
//!   SDES PT=202, CNAME only        BYE PT=203
//! ```
//!
//! What comes is checked as a whole before any of it is believed (§A.2): version, that a report stands first, lengths that
//! add up. Packets of other kinds (APP, feedback, extended reports) are passed over.

use super::Malformed;
use crate::base::Now;

/// Octets of the largest compound packet that we send: SR with one block, CNAME, BYE.
pub const RTCP_OCTETS_MAX: usize = 28 + 24 + 28 + 8;
/// Characters of a CNAME of ours: 96 random bits in base64 (RFC 7022 §4.2).
pub(super) const CNAME_OCTETS: usize = 16;

const SR: u8 = 200;
const RR: u8 = 201;
const SDES: u8 = 202;
const BYE: u8 = 203;
const APP: u8 = 204;

/// The 64-bit NTP time that we send: seconds since our clock began, and their 2^32nd parts. RFC 3550 §4 leaves a sender without
/// wall clock this choice; round trips need no more.
pub(super) fn ntp(now: Now) -> u64 {
    let (seconds, micros) = (now.0 / 1_000_000, now.0 % 1_000_000);
    (seconds << 32) | ((micros << 32) / 1_000_000)
}

/// The middle 32 bits of an NTP time: units of 1/65536 s.
pub(super) fn middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

/// The sender's part of an SR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sender {
    pub(super) ntp: u64,
    pub(super) timestamp: u32,
    pub(super) packets: u32,
    pub(super) octets: u32,
}

/// A report block: what its sender hears of `about`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) about: u32,
    /// Lost since the report before, in 256ths.
    pub(super) fraction: u8,
    /// Lost altogether: 24 bits with a sign, negative when there were more duplicates.
    pub(super) lost: i32,
    /// Highest sequence number received, extended by its cycles.
    pub(super) highest: u32,
    /// In timestamp units.
    pub(super) jitter: u32,
    /// Middle of the NTP time of the last SR had; 0 if none.
    pub(super) last_sr: u32,
    /// Time since that SR came, in 1/65536 s.
    pub(super) since_sr: u32,
}

/// One thing said in a compound packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    Sender { ssrc: u32, ntp: u64 },
    Block(Block),
    Bye { ssrc: u32 },
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |b| u32::from_be_bytes(*b))
}

/// One packet of a compound as `split` finds it: its type, the count in its head, its octets without padding; and what follows it.
type Split<'a> = (u8, usize, &'a [u8], &'a [u8]);

fn split(bytes: &[u8]) -> Result<Split<'_>, Malformed> {
    let head: &[u8; 4] = bytes.first_chunk().ok_or(Malformed::Short)?;
    if head[0] >> 6 != 2 {
        return Err(Malformed::Version);
    }
    let len = 4 * (usize::from(u16::from_be_bytes([head[2], head[3]])) + 1);
    let (packet, rest) = bytes.split_at_checked(len).ok_or(Malformed::Short)?;
    let mut body = packet;
    if head[0] & 0x20 != 0 {
        // §6.4.1: only the last packet of a compound may be padded.
        let pad = usize::from(packet[len - 1]);
        if pad == 0 || pad > len - 4 || !rest.is_empty() {
            return Err(Malformed::Padding);
        }
        body = &packet[..len - pad];
    }
    let (kind, count) = (head[1], usize::from(head[0] & 0x1f));
    let least = match kind {
        SR => 28 + 24 * count,
        RR => 8 + 24 * count,
        BYE => 4 + 4 * count,
        _ => 4,
    };
    if body.len() < least { Err(Malformed::Short) } else { Ok((kind, count, body, rest)) }
}

/// Reads a compound packet; tells `say` what is in it once all of it has been checked.
pub(super) fn read(datagram: &[u8], mut say: impl FnMut(Item)) -> Result<(), Malformed> {
    let mut rest = datagram;
    let mut first = true;
    while !rest.is_empty() || first {
        let (kind, _, _, next) = split(rest)?;
        // A report stands first (§6.1), but for what phones send by itself and does no harm: libre's goodbye, and the APP that opens
        // a NAT for it.
        if first && !matches!(kind, SR | RR | BYE | APP) {
            return Err(Malformed::Order);
        }
        (rest, first) = (next, false);
    }
    rest = datagram;
    while let Ok((kind, count, body, next)) = split(rest) {
        let blocks = match kind {
            SR => {
                let ntp = u64::from(word(body, 8)) << 32 | u64::from(word(body, 12));
                say(Item::Sender { ssrc: word(body, 4), ntp });
                28
            }
            RR => 8,
            BYE => {
                (0..count).for_each(|n| say(Item::Bye { ssrc: word(body, 4 + 4 * n) }));
                body.len()
            }
            _ => body.len(),
        };
        for b in body.get(blocks..).unwrap_or_default().as_chunks::<24>().0.iter().take(count) {
            say(Item::Block(Block {
                about: word(b, 0),
                fraction: b[4],
                lost: (word(b, 4) << 8) as i32 >> 8,
                highest: word(b, 8),
                jitter: word(b, 12),
                last_sr: word(b, 16),
                since_sr: word(b, 20),
            }));
        }
        rest = next;
    }
    Ok(())
}

/// A compound packet of ours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Compound<'a> {
    pub(super) ssrc: u32,
    /// `None` makes it an RR.
    pub(super) sender: Option<Sender>,
    pub(super) block: Option<Block>,
    pub(super) cname: &'a [u8; CNAME_OCTETS],
    pub(super) bye: bool,
}

impl Compound<'_> {
    /// Writes it; returns its octets and how many they are.
    pub(super) fn write(&self) -> ([u8; RTCP_OCTETS_MAX], usize) {
        let mut out = Writer { octets: [0; RTCP_OCTETS_MAX], len: 0 };
        let (count, blocks) = (u8::from(self.block.is_some()), if self.block.is_some() { 24 } else { 0 });
        match self.sender {
            Some(sender) => {
                out.head(count, SR, 28 + blocks, self.ssrc);
                out.put(&sender.ntp.to_be_bytes());
                out.words(&[sender.timestamp, sender.packets, sender.octets]);
            }
            None => out.head(count, RR, 8 + blocks, self.ssrc),
        }
        if let Some(b) = self.block {
            let loss = u32::from(b.fraction) << 24 | b.lost as u32 & 0x00ff_ffff;
            out.words(&[b.about, loss, b.highest, b.jitter, b.last_sr, b.since_sr]);
        }
        // §6.5: one chunk: SSRC, item 1 (CNAME), its length and text, then zeros to the next word, at least one.
        out.head(1, SDES, 28, self.ssrc);
        out.put(&[1, CNAME_OCTETS as u8]);
        out.put(self.cname);
        out.put(&[0; 2]);
        if self.bye {
            out.head(1, BYE, 8, self.ssrc);
        }
        (out.octets, out.len)
    }
}

struct Writer {
    octets: [u8; RTCP_OCTETS_MAX],
    len: usize,
}

impl Writer {
    fn put(&mut self, octets: &[u8]) {
        let end = self.len + octets.len();
        if let Some(place) = self.octets.get_mut(self.len..end) {
            place.copy_from_slice(octets);
            self.len = end;
        }
    }

    fn words(&mut self, words: &[u32]) {
        words.iter().for_each(|w| self.put(&w.to_be_bytes()));
    }

    /// The first two words of a packet of `octets` octets.
    fn head(&mut self, count: u8, kind: u8, octets: u16, ssrc: u32) {
        let [high, low] = (octets / 4 - 1).to_be_bytes();
        self.put(&[0x80 | count, kind, high, low]);
        self.put(&ssrc.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CNAME: &[u8; CNAME_OCTETS] = b"abcdefghijklmnop";

    fn block() -> Block {
        Block { about: 7, fraction: 64, lost: -3, highest: 70_000, jitter: 9, last_sr: 5, since_sr: 6 }
    }

    fn items(datagram: &[u8]) -> Result<Vec<Item>, Malformed> {
        let mut all = Vec::new();
        read(datagram, |i| all.push(i)).map(|()| all)
    }

    fn written(compound: Compound<'_>) -> Vec<u8> {
        let (octets, len) = compound.write();
        octets[..len].to_vec()
    }

    #[test]
    fn what_is_written_reads_the_same_and_is_as_long_as_its_heads_say() {
        let sender = Sender { ntp: 1 << 40 | 5, timestamp: 160, packets: 1, octets: 160 };
        let all = Compound { ssrc: 3, sender: Some(sender), block: Some(block()), cname: CNAME, bye: true };
        let datagram = written(all);
        assert_eq!(datagram.len(), RTCP_OCTETS_MAX);
        assert_eq!(
            items(&datagram).unwrap(),
            [Item::Sender { ssrc: 3, ntp: sender.ntp }, Item::Block(block()), Item::Bye { ssrc: 3 }]
        );
        let least = written(Compound { sender: None, block: None, bye: false, ..all });
        assert_eq!((least.len(), items(&least).unwrap()), (8 + 28, vec![]));
        assert_eq!(&least[16..34], b"\x01\x10abcdefghijklmnop");
        assert_eq!(items(b"\x80\xcc\0\x03\0\0\0\x07PINGPONG"), Ok(vec![]), "what libre opens a NAT with");
    }

    #[test]
    fn what_is_cut_padded_wrongly_or_out_of_order_is_refused_as_a_whole() {
        let sender = Sender { ntp: 1, timestamp: 2, packets: 3, octets: 4 };
        let all = Compound { ssrc: 3, sender: Some(sender), block: Some(block()), cname: CNAME, bye: true };
        let datagram = written(all);
        // Cut between two packets, it is a shorter compound; anywhere else, a broken one.
        let ends = [52, 80];
        for cut in 0..datagram.len() {
            assert_eq!(items(&datagram[..cut]).is_ok(), ends.contains(&cut), "cut at {cut}");
        }
        assert_eq!(items(&datagram[52..]), Err(Malformed::Order), "a report comes first");
        let mut padded = datagram.clone();
        padded[0] |= 0x20;
        assert_eq!(items(&padded), Err(Malformed::Padding), "only the last may be padded");
        let mut version = datagram.clone();
        version[52] = 0x41;
        assert_eq!(items(&version), Err(Malformed::Version));
        let mut count = datagram;
        count[0] = 0x82;
        assert_eq!(items(&count), Err(Malformed::Short), "two blocks promised");
    }

    proptest! {
        #[test]
        fn any_octets_are_read_or_refused_without_a_panic(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..120), kind in 198u8..210,
        ) {
            if let [first, second, ..] = &mut bytes[..] {
                (*first, *second) = (*first & 0x3f | 0x80, kind);
            }
            let _ = items(&bytes);
        }
    }

    #[test]
    fn ntp_time_counts_seconds_and_their_parts() {
        assert_eq!(ntp(Now(1_500_000)), 1 << 32 | 1 << 31);
        assert_eq!(middle(ntp(Now(1_500_000))), 0x0001_8000);
    }
}
