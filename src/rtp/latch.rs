//! Whom to believe: symmetric RTP with protection (RFC 4961, RFC 7362).
//!
//! A peer behind a NAT sends from elsewhere than its SDP says, so the first valid packet decides where our packets go.
//! From then on everybody else is a stranger, until the signalling names a new address, or the source has been silent
//! for [`RTP_RELATCH_AFTER`] and the numbers of its stream go on from elsewhere: a NAT that has given it another port. The signalled address itself may always take over: whoever sends from there did not
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

    /// Judges the source of one packet; `goes_on` if its numbers follow those of the source that we know.
    pub fn judge(&self, now: Now, from: SocketAddr, goes_on: bool) -> Verdict {
        match self.source {
            Some((source, _)) if source == from => Verdict::Known,
            Some((_, last))
                if from != self.signalled && !(goes_on && now.since(last) >= RTP_RELATCH_AFTER) =>
            {
                Verdict::Stranger
            }
            _ => Verdict::Latched,
        }
    }

    /// A packet of this source, judged to be no stranger, was valid: our packets go there.
    pub fn heard(&mut self, now: Now, from: SocketAddr) {
        self.source = Some((from, now));
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

    fn judge(l: &mut Latch, now: Now, from: SocketAddr, goes_on: bool) -> Verdict {
        let verdict = l.judge(now, from, goes_on);
        if verdict != Verdict::Stranger {
            l.heard(now, from);
        }
        verdict
    }

    #[test]
    fn the_first_source_is_kept_and_strangers_are_refused() {
        let mut l = Latch::new(addr(10));
        assert_eq!(l.target(), addr(10));
        assert_eq!(judge(&mut l, Now(0), addr(20), false), Verdict::Latched);
        assert_eq!(judge(&mut l, Now(1), addr(30), false), Verdict::Stranger);
        assert_eq!(judge(&mut l, Now(2), addr(20), false), Verdict::Known);
        assert_eq!(l.target(), addr(20));
    }

    #[test]
    fn a_new_address_in_the_signalling_opens_the_latch_and_a_repeated_one_does_not() {
        let mut l = Latch::new(addr(10));
        judge(&mut l, Now(0), addr(20), false);
        l.signal(addr(10));
        assert_eq!(judge(&mut l, Now(1), addr(30), false), Verdict::Stranger);
        l.signal(addr(11));
        assert_eq!(judge(&mut l, Now(2), addr(30), false), Verdict::Latched);
    }

    #[test]
    fn long_silence_opens_the_latch_for_whoever_goes_on_where_it_began() {
        let mut l = Latch::new(addr(10));
        judge(&mut l, Now(0), addr(20), false);
        let end = Now(0) + RTP_RELATCH_AFTER;
        assert_eq!(judge(&mut l, Now(end.0 - 1), addr(30), true), Verdict::Stranger);
        assert_eq!(judge(&mut l, end, addr(30), false), Verdict::Stranger);
        assert_eq!(judge(&mut l, end, addr(30), true), Verdict::Latched);
    }

    #[test]
    fn the_signalled_address_takes_over_from_one_that_was_merely_first() {
        let mut l = Latch::new(addr(10));
        judge(&mut l, Now(0), addr(66), false);
        assert_eq!(judge(&mut l, Now(1), addr(10), false), Verdict::Latched);
        assert_eq!(judge(&mut l, Now(2), addr(66), false), Verdict::Stranger);
    }
}
