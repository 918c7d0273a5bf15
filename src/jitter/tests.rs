//! A seeded network on virtual time in front of the buffer, and a reader in step with its clock.

use super::*;

const FRAME: u32 = 160;

/// What the network does to packets, and the sender's clock to their pace.
#[derive(Clone, Copy, Default)]
struct Net {
    loss_of_100: u8,
    /// Delay beyond the least, evenly spread up to this.
    jitter_ms: u64,
    /// So long bursts that are held back and come at once, every second.
    burst_ms: u64,
    /// The sender's clock is fast by so many millionths.
    drift_ppm: i64,
}

#[derive(Default, Debug)]
struct Heard {
    /// Sequence numbers in the order played.
    played: Vec<u16>,
    lost: usize,
    silent: usize,
    faster: usize,
    slower: usize,
    /// Time from being said to being played, of each packet, in ms.
    waits: Vec<u64>,
    late: u64,
    most_waiting: usize,
}

impl Heard {
    /// Mean wait of the packets from `from` on.
    fn wait(&self, from: usize) -> u64 {
        let tail = &self.waits[from..];
        tail.iter().sum::<u64>() / tail.len() as u64
    }

    fn worst(&self) -> u64 {
        *self.waits.iter().max().unwrap()
    }
}

/// Plays `seconds` of a call; the reader changes its pace by 5 ms as a decoder would.
fn call(seconds: u64, seed: u64, net: Net) -> Heard {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut arrivals: Vec<(u64, u16, u64)> = Vec::new();
    for n in 0..seconds * 50 {
        let said = (n as i64 * 20_000 * 1_000_000 / (1_000_000 + net.drift_ppm)) as u64;
        if rng.u8(..100) < net.loss_of_100 {
            continue;
        }
        let mut at = said + 30_000 + rng.u64(..=net.jitter_ms) * 1000;
        if net.burst_ms > 0 {
            let into = at % 1_000_000;
            if into < net.burst_ms * 1000 {
                at += net.burst_ms * 1000 - into;
            }
        }
        arrivals.push((at, n as u16, said));
    }
    arrivals.sort_unstable();
    let (mut buffer, mut heard) = (Buffer::new(8000), Heard::default());
    let (mut next, mut waiting) = (0, 0i64);
    for tick in 0..seconds * 50 {
        let now = tick * 20_000 + 7000;
        while let Some(&(at, seq, said)) = arrivals.get(next).filter(|a| a.0 <= now) {
            buffer.put(Now(at), seq, u32::from(seq) * FRAME, (seq, said), |_| ());
            next += 1;
        }
        heard.most_waiting = heard.most_waiting.max(buffer.len());
        while waiting < i64::from(FRAME) {
            let (take, pace) = buffer.take(Now(now), |_| ());
            match take {
                Take::Packet((seq, said)) => {
                    heard.played.push(seq);
                    heard.waits.push((now - said) / 1000 + waiting as u64 / 8);
                }
                Take::Lost => heard.lost += 1,
                Take::Silence => heard.silent += 1,
            }
            waiting += i64::from(FRAME);
            match pace {
                Pace::Faster => (waiting, heard.faster) = (waiting - 40, heard.faster + 1),
                Pace::Slower => (waiting, heard.slower) = (waiting + 40, heard.slower + 1),
                Pace::Even => {}
            }
        }
        waiting -= i64::from(FRAME);
    }
    heard.late = buffer.counts().late;
    heard
}

#[test]
fn a_steady_stream_waits_for_a_frame_or_two_and_nothing_is_missing() {
    let h = call(60, 1, Net::default());
    assert!(h.played.len() > 2990 && h.played.windows(2).all(|w| w[1] == w[0] + 1));
    assert_eq!((h.lost, h.late, h.faster + h.slower), (0, 0, 0));
    assert!(h.worst() <= 30 + 41, "{}", h.worst());
}

#[test]
fn disorder_within_the_delay_is_put_right_and_each_is_played_once() {
    for seed in 0..20 {
        let h = call(60, seed, Net { jitter_ms: 50, ..Net::default() });
        assert!(h.played.windows(2).all(|w| w[1] > w[0]));
        assert!(h.played.len() > 2990 * 96 / 100, "seed {seed}: {}", h.played.len());
        assert!(h.worst() <= 30 + 50 + 100, "seed {seed}: {}", h.worst());
    }
}

#[test]
fn what_the_network_loses_is_said_to_be_lost_and_the_rest_is_heard() {
    for seed in 0..20 {
        let h = call(60, seed, Net { loss_of_100: 10, ..Net::default() });
        let whole = h.played.len() + h.lost;
        assert!((2985..=3050).contains(&whole), "seed {seed}: {} + {}", h.played.len(), h.lost);
        assert!((200..=420).contains(&h.lost), "seed {seed}: {}", h.lost);
        assert_eq!(h.late, 0);
    }
}

#[test]
fn bursts_are_waited_for_within_the_bound() {
    for seed in 0..20 {
        let h = call(120, seed, Net { burst_ms: 100, ..Net::default() });
        // Five in fifty come late: the target takes them in.
        assert!(h.late < 60, "seed {seed}: {}", h.late);
        assert!(h.worst() <= 30 + 100 + 100, "seed {seed}: {}", h.worst());
        let h = call(120, seed, Net { burst_ms: 600, ..Net::default() });
        assert!(h.worst() <= 30 + JITTER_DELAY_MAX.as_millis() as u64 + 150, "seed {seed}: {}", h.worst());
    }
}

#[test]
fn clocks_that_drift_apart_change_the_pace_and_not_the_delay() {
    for drift_ppm in [-200, 200] {
        for seed in 0..5 {
            let h = call(3600, seed, Net { drift_ppm, jitter_ms: 10, ..Net::default() });
            // 200 ppm of an hour are 720 ms: 144 steps of 5 ms.
            let (right, wrong) = if drift_ppm > 0 { (h.faster, h.slower) } else { (h.slower, h.faster) };
            assert!((90..=230).contains(&right) && wrong < 60, "{drift_ppm}: {} {}", h.faster, h.slower);
            assert!(h.lost + h.silent < 40, "{drift_ppm}: {} {}", h.lost, h.silent);
            let (early, late) = (h.wait(1000), h.wait(h.waits.len() - 1000));
            // The waits are counted from when it was said by the sender's own clock.
            assert!(late.abs_diff(early) < 40, "{early} {late}");
            assert!(h.most_waiting < 12, "{}", h.most_waiting);
        }
    }
}

#[test]
fn an_hour_of_everything_at_once_holds_what_it_holds_and_plays_in_order() {
    let net = Net { loss_of_100: 5, jitter_ms: 60, burst_ms: 150, drift_ppm: 150 };
    let h = call(1200, 9, net);
    assert!(h.most_waiting <= JITTER_PACKETS_MAX);
    assert!(h.played.len() > 60_000 * 85 / 100, "{}", h.played.len());
    assert!(h.worst() <= 30 + JITTER_DELAY_MAX.as_millis() as u64 + 150, "{}", h.worst());
}

#[test]
fn a_sender_that_pauses_is_silence_and_not_loss() {
    let mut b = Buffer::new(8000);
    let mut said = Vec::new();
    // Ten frames, half a second of nothing with the time line going on, ten frames.
    for n in 0..20u32 {
        let pause = if n >= 10 { 25 } else { 0 };
        said.push((u64::from(n + pause) * 20_000, n as u16, (n + pause) * FRAME));
    }
    let (mut next, mut taken) = (0, Vec::new());
    for tick in 0..60u64 {
        let now = Now(tick * 20_000 + 3000);
        while let Some(&(at, seq, timestamp)) = said.get(next).filter(|s| s.0 <= now.0) {
            b.put(Now(at), seq, timestamp, seq, |_| ());
            next += 1;
        }
        taken.push(b.take(now, |_| ()).0);
    }
    let packets = taken.iter().filter(|t| matches!(t, Take::Packet(_))).count();
    let lost = taken[..45].iter().filter(|t| **t == Take::Lost).count();
    assert_eq!(packets, 20);
    assert!(lost <= 3, "time stands still for 60 ms in case they come late: {lost}");
}

#[test]
fn a_sender_that_restarts_is_taken_up_at_once_and_what_waited_is_given_back() {
    let (mut b, mut freed) = (Buffer::new(8000), Vec::new());
    for n in 0..5u16 {
        b.put(Now(u64::from(n)), n, u32::from(n) * FRAME, n, |p| freed.push(p));
    }
    b.put(Now(9), 900, 3_000_000_000, 900, |p| freed.push(p));
    assert_eq!((freed.len(), b.len()), (5, 1));
    assert_eq!(b.take(Now(30_000), |_| ()).0, Take::Packet(900));
}

#[test]
fn more_than_it_holds_drops_the_oldest() {
    let (mut b, mut freed) = (Buffer::new(8000), Vec::new());
    for n in 0..JITTER_PACKETS_MAX as u16 + 3 {
        b.put(Now(0), n, u32::from(n) * FRAME, n, |p| freed.push(p));
    }
    assert_eq!((freed, b.len(), b.counts().late), (vec![0, 1, 2], JITTER_PACKETS_MAX, 3));
}
