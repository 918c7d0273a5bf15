//! The bridge: a packet received on one leg becomes a packet of another, in the buffer that the kernel wrote it into.
//!
//! Same codec: the header is rewritten, the payload is not touched. The other law of G.711: each octet is looked up
//! in a table, in place. A telephone-event keeps its payload and changes its payload type; it is left out where the
//! peer has not agreed on any. So is comfort noise, which is the same for all codecs of its clock. Nothing is copied in any case. Legs without a codec in common are mixed as a conference of two. More than two parties are mixed
//! ([`Mixer`]), each decoded once in the order and at the pace in which it spoke ([`Playout`]).

mod mix;
mod playout;

pub use mix::{Frame, Mixer};
pub use playout::{Played, Playout};

use crate::base::{COMFORT_NOISE, Codec, Now};
use crate::codec::transcode;
use crate::rtp::{Fields, Outbound, PacketBuf, View};

/// What one side of a relay speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Voice {
    /// Its codec.
    pub codec: Codec,
    /// Its payload type.
    pub payload_type: u8,
    /// Its payload type of telephone-event, if it has agreed on one.
    pub dtmf: Option<u8>,
    /// It takes comfort noise, as payload type [`COMFORT_NOISE`].
    pub noise: bool,
}

/// True if what `a` says can be passed on to `b` in the packet that it came in: one codec, or the two laws of G.711. All others
/// are decoded and encoded.
pub fn relayable(a: Codec, b: Codec) -> bool {
    a == b || a.is_g711() && b.is_g711()
}

/// Turns the packet in `buf`, received from a side speaking `from`, into the next one of `stream`. Returns its new
/// header, or `None` if it is not to be sent: an event, comfort noise or a codec that `to` would not understand, or a packet from before
/// the two were connected.
pub fn forward(
    now: Now,
    buf: &mut PacketBuf,
    from: Voice,
    to: Voice,
    stream: &mut Outbound,
) -> Option<Fields> {
    let view = View::parse(buf.bytes()).ok()?;
    let (fields, payload) = (view.fields(), view.payload_range());
    let event = from.dtmf == Some(fields.payload_type);
    let noise = fields.payload_type == COMFORT_NOISE && !event;
    let payload_type = match relayable(from.codec, to.codec) {
        _ if event => to.dtmf,
        true if noise => to.noise.then_some(COMFORT_NOISE),
        able => able.then_some(to.payload_type),
    };
    let Some(payload_type) = payload_type else {
        stream.left_out();
        return None;
    };
    let fields = stream.relayed(now, &fields, payload_type, event)?;
    if !event && !noise && from.codec != to.codec {
        transcode(from.codec, to.codec, buf.part_mut(payload.clone()));
    }
    buf.rewrite(&fields, payload);
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::silence;

    const MU: Voice = Voice { codec: Codec::Pcmu, payload_type: 0, dtmf: Some(101), noise: false };
    const A: Voice = Voice { codec: Codec::Pcma, payload_type: 8, dtmf: Some(96), noise: true };
    const PLAIN: Voice = Voice { codec: Codec::Pcmu, payload_type: 0, dtmf: None, noise: false };

    fn packet(seq: u16, payload_type: u8, payload: &[u8]) -> PacketBuf {
        let mut buf = PacketBuf::default();
        let fields = Fields { marker: false, payload_type, seq, timestamp: 160 * u32::from(seq), ssrc: 9 };
        buf.set_len(12 + payload.len());
        buf.as_mut()[12..][..payload.len()].copy_from_slice(payload);
        buf.rewrite(&fields, 12..12 + payload.len());
        buf
    }

    fn stream() -> Outbound {
        Outbound::new(Now(0), 1, 100, 0)
    }

    #[test]
    fn one_codec_on_both_sides_leaves_every_payload_octet_where_and_what_it_was() {
        let payload: Vec<u8> = (0..160).collect();
        let mut buf = packet(7, 0, &payload);
        let at = buf.bytes()[12..].as_ptr();
        let sent = forward(Now(20_000), &mut buf, MU, PLAIN, &mut stream());
        let view = View::parse(buf.bytes()).unwrap();
        assert_eq!((view.payload(), view.payload().as_ptr()), (&payload[..], at));
        assert_eq!(sent, Some(view.fields()));
        assert_eq!((view.fields().ssrc, view.fields().seq, view.fields().payload_type), (1, 101, 0));
    }

    #[test]
    fn two_laws_are_translated_in_place() {
        let mut buf = packet(7, 0, &[silence(Codec::Pcmu); 160]);
        let at = buf.bytes()[12..].as_ptr();
        forward(Now(20_000), &mut buf, MU, A, &mut stream());
        let view = View::parse(buf.bytes()).unwrap();
        assert_eq!((view.payload(), view.payload().as_ptr()), (&[silence(Codec::Pcma); 160][..], at));
        assert_eq!(view.fields().payload_type, 8);
    }

    #[test]
    fn comfort_noise_stays_what_it_is_whatever_the_law() {
        let mut buf = packet(7, 13, &[60]);
        forward(Now(0), &mut buf, MU, A, &mut stream());
        let view = View::parse(buf.bytes()).unwrap();
        assert_eq!((view.fields().payload_type, view.payload()), (13, &[60][..]));
    }

    #[test]
    fn events_change_their_payload_type_and_what_is_not_agreed_on_is_left_out_without_a_gap() {
        let mut s = stream();
        forward(Now(0), &mut packet(1, 0, &[0; 160]), MU, A, &mut s);
        let mut buf = packet(2, 101, &[5, 0, 0, 160]);
        forward(Now(1), &mut buf, MU, A, &mut s);
        let view = View::parse(buf.bytes()).unwrap();
        assert_eq!((view.fields().payload_type, view.payload()), (96, &[5, 0, 0, 160][..]));

        let mut s = stream();
        forward(Now(0), &mut packet(1, 0, &[0; 160]), MU, PLAIN, &mut s);
        assert_eq!(forward(Now(1), &mut packet(2, 101, &[5, 0, 0, 160]), MU, PLAIN, &mut s), None);
        assert_eq!(
            forward(Now(1), &mut packet(3, 13, &[60]), A, PLAIN, &mut s),
            None,
            "it wants no comfort noise"
        );
        let mut buf = packet(4, 0, &[0; 160]);
        forward(Now(2), &mut buf, MU, PLAIN, &mut s);
        assert_eq!(View::parse(buf.bytes()).unwrap().fields().seq, 102);
    }
}
