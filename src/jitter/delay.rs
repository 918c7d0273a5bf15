//! How long packets must wait so that nearly all of them are there in time.
//!
//! Taken is the delay of each packet beyond the least of the last seconds: what the route takes anyhow needs no waiting
//! for, and clocks that drift move the least along. The target is what [`IN_TIME_OF_256`] of the packets keep within, and a
//! frame, since the reader's turn lies anywhere between two packets.

use crate::limits::JITTER_DELAY_MAX;

/// So many packets of 256 must be in time: all but two in a hundred.
const IN_TIME_OF_256: u32 = 251;
/// Counting in classes of 5 ms.
const CLASS_MS: u32 = 5;
const CLASSES: usize = (JITTER_DELAY_MAX.as_millis() as usize).div_ceil(CLASS_MS as usize);
/// After so many packets what was counted counts half: ten seconds.
const FORGET_EVERY: u32 = 512;
/// The least is that of this many seconds, and of the same time before.
const LEAST_S: u32 = 4;

#[derive(Debug)]
pub(super) struct Delay {
    rate: u32,
    /// The first packet's, from which the others are counted.
    origin: Option<u32>,
    /// The least of the window before, and of this one.
    least: [i64; 2],
    /// Packets in this window.
    seen: u32,
    classes: [u32; CLASSES],
    counted: u32,
    target: i64,
}

impl Delay {
    pub(super) fn new(rate: u32) -> Self {
        let mut delay = Delay {
            rate,
            origin: None,
            least: [i64::MAX; 2],
            seen: 0,
            classes: [0; CLASSES],
            counted: 0,
            target: 0,
        };
        delay.aim();
        delay
    }

    /// The sender's time line is another.
    pub(super) fn restart(&mut self) {
        (self.origin, self.least, self.seen) = (None, [i64::MAX; 2], 0);
    }

    fn class(&self) -> i64 {
        i64::from(self.rate / 1000 * CLASS_MS)
    }

    /// A packet has come so many units after its timestamp.
    pub(super) fn arrived(&mut self, delay: u32) {
        let origin = *self.origin.get_or_insert(delay);
        let delay = i64::from(delay.wrapping_sub(origin) as i32);
        // Packets of 20 ms are assumed; with others the window is merely longer or shorter.
        if self.seen == 50 * LEAST_S {
            (self.least, self.seen) = ([self.least[1], i64::MAX], 0);
        }
        self.seen += 1;
        self.least[1] = self.least[1].min(delay);
        let class = ((delay - self.least()).max(0) / self.class()).min(CLASSES as i64 - 1);
        if let Some(count) = self.classes.get_mut(class as usize) {
            *count += 1;
        }
        self.counted += 1;
        if self.counted >= FORGET_EVERY {
            self.classes.iter_mut().for_each(|c| *c /= 2);
            self.counted = self.classes.iter().sum();
        }
        if self.counted.is_multiple_of(8) || self.counted < 50 {
            self.aim();
        }
    }

    fn least(&self) -> i64 {
        self.least[0].min(self.least[1])
    }

    /// `delay` beyond the least.
    pub(super) fn beyond_least(&self, delay: u32) -> i64 {
        let Some(origin) = self.origin else { return 0 };
        i64::from(delay.wrapping_sub(origin) as i32) - self.least()
    }

    fn aim(&mut self) {
        let need = (self.counted * IN_TIME_OF_256).div_ceil(256);
        let mut sum = 0;
        let within = self.classes.iter().position(|c| {
            sum += c;
            sum >= need
        });
        // Up to the end of its class; the first class is no jitter at all.
        let frames = within.unwrap_or(0) as i64 * self.class();
        let most = i64::from(self.rate / 1000) * JITTER_DELAY_MAX.as_millis() as i64;
        self.target = (frames + i64::from(self.rate / 50)).min(most);
    }

    /// How long to wait, in units.
    pub(super) fn target(&self) -> i64 {
        self.target
    }
}
