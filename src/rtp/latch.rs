//! Whom to believe: symmetric RTP with protection (RFC 4961, RFC 7362).
//!
//! A peer behind a NAT sends from elsewhere than its SDP says, so the first valid packet decides where our packets go.
//! From then on everybody else is a stranger, until the signalling names a new address or the source has been silent
//! for [`RTP_RELATCH_AFTER`]. The signalled address itself may always take over: whoever sends from there did not
//! merely guess our port first.

use crate::base::Now;
use crate::limits::RTP_RELATCH_AFTER;
use std::net::SocketAddr;

/// What to do with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// From the source that we know.
    Known,
    /// From a source just chosen; our packets go there now.
    Latched,
    /// Not to be believed.
    Stranger,
}

/// Where one leg's packets come from and go to.
#[derive(Debug)]
pub struct Latch {
    signalled: SocketAddr,
    source: Option<(SocketAddr, Now)>,
}

impl Latch {
    /// Nobody was heard yet; `signalled` is what SDP says.
    pub fn new(signalled: SocketAddr) -> Self {
        Latch { signalled, source: None }
    }

    /// Signalling was repeated; only a changed address forgets the source.
    pub fn signal(&mut self, signalled: SocketAddr) {
        if signalled != self.signalled {
            *self = Latch::new(signalled);
        }
    }

    /// Judges the source of one valid packet.
    pub fn judge(&mut self, now: Now, from: SocketAddr) -> Verdict {
        match &mut self.source {
            Some((source, last)) if *source == from => {
                *last = now;
                Verdict::Known
            }
            Some((_, last)) if from != self.signalled && now.since(*last) < RTP_RELATCH_AFTER => {
                Verdict::Stranger
            }
            _ => {
                self.source = Some((from, now));
                Verdict::Latched
            }
        }
    }

    /// Where to send.
    pub fn target(&self) -> SocketAddr {
        self.source.map_or(self.signalled, |(source, _)| source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn the_first_source_is_kept_and_strangers_are_refused() {
        let mut l = Latch::new(addr(10));
        assert_eq!(l.target(), addr(10));
        assert_eq!(l.judge(Now(0), addr(20)), Verdict::Latched);
        assert_eq!(l.judge(Now(1), addr(30)), Verdict::Stranger);
        assert_eq!(l.judge(Now(2), addr(20)), Verdict::Known);
        assert_eq!(l.target(), addr(20));
    }

    #[test]
    fn a_new_address_in_the_signalling_opens_the_latch_and_a_repeated_one_does_not() {
        let mut l = Latch::new(addr(10));
        l.judge(Now(0), addr(20));
        l.signal(addr(10));
        assert_eq!(l.judge(Now(1), addr(30)), Verdict::Stranger);
        l.signal(addr(11));
        assert_eq!(l.judge(Now(2), addr(30)), Verdict::Latched);
    }

    #[test]
    fn long_silence_opens_the_latch() {
        let mut l = Latch::new(addr(10));
        l.judge(Now(0), addr(20));
        let end = Now(0) + RTP_RELATCH_AFTER;
        assert_eq!(l.judge(Now(end.0 - 1), addr(30)), Verdict::Stranger);
        assert_eq!(l.judge(end, addr(30)), Verdict::Latched);
    }

    #[test]
    fn the_signalled_address_takes_over_from_one_that_was_merely_first() {
        let mut l = Latch::new(addr(10));
        l.judge(Now(0), addr(66));
        assert_eq!(l.judge(Now(1), addr(10)), Verdict::Latched);
        assert_eq!(l.judge(Now(2), addr(66)), Verdict::Stranger);
    }
}
