//! RTCP of one leg as a machine (RFC 3550 §6): when to report, what to say, and what the far end says of us.
//!
//! In: compound packets as they come, and the two halves of the stream. Out: compound packets to send, and [`Far`]. A session
//! of two: five per cent of the bandwidth of a call is more than a report in five seconds takes, so the interval is
//! always the least one, §6.2, halved before the first report and randomised by §6.3.1.
//!
//! The round trip (§6.4.1): the far end repeats the time of our last report and says how long it has had it.

use super::rtcp::{Block, CNAME_OCTETS, Compound, Item, RTCP_OCTETS_MAX, Sender, middle, ntp, read};
use super::{Malformed, Outbound, Receiver};
use crate::base::Now;
use std::time::Duration;

/// The least interval between reports (RFC 3550 §6.2).
const INTERVAL: Duration = Duration::from_secs(5);
/// A round trip that took longer was not measured but made up.
const ROUND_TRIP_MAX_MS: f32 = 10_000.0;

/// What the far end says of what it hears of us.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Far {
    /// Packets of ours that it misses.
    pub lost: u64,
    /// Interarrival jitter that it sees, in ms.
    pub jitter_ms: f32,
    /// Mean time there and back, in ms; `None` while it has not repeated a report of ours.
    pub round_trip_ms: Option<f32>,
}

/// One leg's reports.
#[derive(Debug)]
pub struct Reports {
    cname: [u8; CNAME_OCTETS],
    rng: fastrand::Rng,
    next: Now,
    /// SSRC heard, packets expected and received of it, at our last report.
    said: (Option<u32>, u64, u64),
    /// Packets sent when our last and last but one report were.
    sent: [u64; 2],
    /// The peer's last SR: the middle of its NTP time, and when it came.
    last_sr: Option<(u32, Now)>,
    far: Option<Far>,
    /// Sum of the round trips in ms, and how many.
    trips: (f32, u32),
    /// Packets that were not believed: by us as malformed, by the leg as a stranger's or not under the key.
    pub rejected: u64,
}

impl Reports {
    /// Nothing said and nothing heard. `seed` must differ from leg to leg.
    pub fn new(now: Now, seed: u64) -> Self {
        const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut rng = fastrand::Rng::with_seed(seed);
        let cname = std::array::from_fn(|_| BASE64[rng.usize(..BASE64.len())]);
        let next = now + interval(&mut rng) / 2;
        Reports {
            cname,
            rng,
            next,
            said: (None, 0, 0),
            sent: [0; 2],
            last_sr: None,
            far: None,
            trips: (0.0, 0),
            rejected: 0,
        }
    }

    /// When the next report is due.
    pub fn due(&self) -> Now {
        self.next
    }

    /// What the far end has said of us, if anything.
    pub fn far(&self) -> Option<Far> {
        self.far
    }

    /// The report for now, with BYE if the stream ends. `packets` and `octets` of payload were sent so far. An SR if any were
    /// since the last but one report (§6.4), else an RR.
    pub fn write(
        &mut self,
        now: Now,
        stream: &Outbound,
        (packets, octets): (u64, u64),
        receiver: &Receiver,
        bye: bool,
    ) -> ([u8; RTCP_OCTETS_MAX], usize) {
        self.next = now + interval(&mut self.rng);
        let sends = packets > self.sent[1];
        self.sent = [packets, self.sent[0]];
        let sender = sends.then(|| Sender {
            ntp: ntp(now),
            timestamp: stream.timestamp_now(now),
            packets: packets as u32,
            octets: octets as u32,
        });
        let block = self.block(now, receiver);
        Compound { ssrc: stream.ssrc(), sender, block, cname: &self.cname, bye }.write()
    }

    /// What we hear (§A.3).
    fn block(&mut self, now: Now, receiver: &Receiver) -> Option<Block> {
        let about = receiver.ssrc()?;
        let (expected, received) = receiver.here();
        let (before, said) = match self.said {
            (Some(ssrc), e, r) if ssrc == about => (e, r),
            _ => (0, 0),
        };
        self.said = (Some(about), expected, received);
        let (due, came) = (expected.saturating_sub(before), received.saturating_sub(said));
        let fraction = (due.saturating_sub(came) * 256).checked_div(due).unwrap_or(0).min(255) as u8;
        let (last_sr, since_sr) = self
            .last_sr
            .map_or((0, 0), |(sr, at)| (sr, (now.since(at).as_micros() as u64 * 65_536 / 1_000_000) as u32));
        let lost = expected.saturating_sub(received).min(0x007f_ffff) as i32;
        let (highest, jitter) = (receiver.highest(), receiver.jitter_units());
        Some(Block { about, fraction, lost, highest, jitter, last_sr, since_sr })
    }

    /// Takes a compound packet from the peer of a stream with timestamps of `rate` Hz.
    pub fn receive(&mut self, now: Now, datagram: &[u8], stream: &Outbound, rate: u32) {
        let (mut last_sr, mut about_us) = (None, None);
        let read = read(datagram, |item| match item {
            Item::Sender { ntp, .. } => last_sr = Some((middle(ntp), now)),
            Item::Block(block) if block.about == stream.ssrc() => about_us = Some(block),
            // Who leaves says so in SIP; the silence after a mere BYE is noticed as any silence is.
            Item::Block(_) | Item::Bye { .. } => {}
        });
        match read {
            Ok(()) => {}
            Err(Malformed::Short | Malformed::Version | Malformed::Padding | Malformed::Order) => {
                self.rejected += 1;
                return;
            }
        }
        self.last_sr = last_sr.or(self.last_sr);
        let Some(block) = about_us else { return };
        if block.last_sr != 0 {
            let took = middle(ntp(now)).wrapping_sub(block.last_sr).wrapping_sub(block.since_sr);
            // A few units below zero are rounding.
            let ms = f64::from((took as i32).max(0)) as f32 * 1000.0 / 65_536.0;
            if (took as i32) > -100 && ms <= ROUND_TRIP_MAX_MS {
                self.trips = (self.trips.0 + ms, self.trips.1 + 1);
            }
        }
        self.far = Some(Far {
            lost: u64::try_from(block.lost).unwrap_or(0),
            jitter_ms: block.jitter as f32 * 1000.0 / rate as f32,
            round_trip_ms: (self.trips.1 > 0).then(|| self.trips.0 / self.trips.1 as f32),
        });
    }
}

/// §6.3.1: between half and one and a half of the interval, over e − 3/2, which makes up for how timers are reconsidered.
fn interval(rng: &mut fastrand::Rng) -> Duration {
    INTERVAL.mul_f64((0.5 + rng.f64()) / (std::f64::consts::E - 1.5))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::Fields;

    /// One end of a call.
    struct End {
        stream: Outbound,
        receiver: Receiver,
        reports: Reports,
        sent: u64,
    }

    fn at(ms: u64) -> Now {
        Now(ms * 1000)
    }

    impl End {
        fn new(ssrc: u32) -> End {
            End {
                stream: Outbound::new(at(0), ssrc, 0, 0),
                receiver: Receiver::default(),
                reports: Reports::new(at(0), u64::from(ssrc)),
                sent: 0,
            }
        }

        fn send(&mut self, ms: u64) -> Fields {
            self.sent += 1;
            self.stream.own(at(ms), ms / 20, 0)
        }

        fn report(&mut self, ms: u64) -> Vec<u8> {
            let sums = (self.sent, self.sent * 160);
            let (octets, len) = self.reports.write(at(ms), &self.stream, sums, &self.receiver, false);
            octets[..len].to_vec()
        }

        fn hear(&mut self, ms: u64, report: &[u8]) {
            self.reports.receive(at(ms), report, &self.stream, 8000);
        }
    }

    #[test]
    fn round_trip_and_far_loss_are_what_the_network_did() {
        let (mut a, mut b) = (End::new(1), End::new(2));
        for n in 1..=500u64 {
            let packet = a.send(n * 20);
            // Every tenth is lost, the others take 35 ms.
            if n % 10 != 0 {
                b.receiver.accept(at(n * 20 + 35), &packet, true);
            }
        }
        let said = a.report(10_000);
        b.hear(10_035, &said);
        let answer = b.report(11_000);
        a.hear(11_055, &answer);
        let far = a.reports.far().unwrap();
        assert_eq!(far.lost, 49, "the last was lost as well, but nobody knows yet");
        assert!((89.0..91.0).contains(&far.round_trip_ms.unwrap()), "{far:?}: 35 + 55 ms");
        assert!(b.reports.far().is_none(), "b has sent nothing that a could report on");
    }

    #[test]
    fn a_report_is_of_a_sender_only_while_it_sends() {
        let mut a = End::new(1);
        a.send(20);
        let kinds: Vec<u8> = (1..=4).map(|n| a.report(n * 5000)[1]).collect();
        assert_eq!(kinds, [200, 200, 201, 201]);
    }

    #[test]
    fn reports_come_at_random_within_the_interval_of_the_rfc_and_soon_at_first() {
        let mut a = End::new(9);
        let first = a.reports.due();
        assert!((1026..=3080).contains(&first.ms()), "{first:?}");
        let (mut before, mut all) = (first.ms(), Vec::new());
        for _ in 0..200 {
            a.report(before);
            let due = a.reports.due().ms();
            all.push(due - before);
            before = due;
        }
        assert!(all.iter().all(|ms| (2050..=6160).contains(ms)), "{all:?}");
        let mean = all.iter().sum::<u64>() / 200;
        assert!((3800..4400).contains(&mean), "{mean} is about 5000 / 1.218");
    }

    #[test]
    fn fraction_lost_is_since_the_last_report_and_the_sum_since_the_beginning() {
        let mut b = End::new(2);
        let mut a = End::new(1);
        for n in 1..=100u64 {
            let p = a.send(n * 20);
            if n > 50 || n % 2 == 0 {
                b.receiver.accept(at(n * 20), &p, true);
            }
            if n == 50 {
                b.report(1000);
            }
        }
        let block = b.reports.block(at(2000), &b.receiver).unwrap();
        assert_eq!((block.fraction, block.lost, block.highest), (0, 24, 100));
    }

    #[test]
    fn what_is_malformed_is_counted_and_changes_nothing() {
        let mut a = End::new(1);
        a.hear(10, &[0x80, 200, 0, 6, 1, 2, 3]);
        a.hear(10, &[]);
        assert_eq!((a.reports.rejected, a.reports.last_sr, a.reports.far()), (2, None, None));
    }

    #[test]
    fn a_round_trip_of_hours_is_not_believed() {
        let mut a = End::new(1);
        let block = Block { about: 1, fraction: 0, lost: 0, highest: 1, jitter: 0, last_sr: 77, since_sr: 0 };
        let (octets, len) =
            Compound { ssrc: 5, sender: None, block: Some(block), cname: &a.reports.cname, bye: false }
                .write();
        a.hear(3_600_000, &octets[..len]);
        assert_eq!(a.reports.far().unwrap().round_trip_ms, None);
    }
}
