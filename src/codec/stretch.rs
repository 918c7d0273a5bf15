//! Plays a frame a little faster or slower without a change of pitch: one period is taken out of it or said twice, with the
//! edges faded into each other, so that nothing clicks.
//!
//! ```text
//!   shorten   a b c d …  ─►  a⤳b c d …       the first period is faded into the second
//!   lengthen  a b c d …  ─►  a b⤳a b c d …   after two, back to the first
//! ```

/// The longest period, in ms: half a frame, since two must fit. Deeper voices are cut at two of their periods or left alone.
const PERIOD_MAX_MS: usize = 10;
/// The shortest piece worth taking out, in ms.
const PERIOD_MIN_MS: usize = 3;
/// How alike the two periods must be, as a correlation, and below which level (mean square) that does not matter.
const ALIKE: f32 = 0.6;
const QUIET: f32 = 3000.0;

/// Takes one period out of `frame`, of `rate` Hz. Returns how many samples are left, at the front of `frame`; all of them where
/// no two periods are alike, unless `force`.
pub fn shorten(rate: u32, frame: &mut [i16], force: bool) -> usize {
    let Some(period) = period(rate, frame, force) else { return frame.len() };
    for i in 0..period {
        frame[i] = faded(frame[i], frame[i + period], i, period);
    }
    frame.copy_within(2 * period.., period);
    frame.len() - period
}

/// Says one period of the first `len` samples of `frame` twice. Returns how many samples there are now; `frame` must have room
/// for half as many again, else nothing is done.
pub fn lengthen(rate: u32, frame: &mut [i16], len: usize, force: bool) -> usize {
    let Some(period) = frame.get(..len).and_then(|f| period(rate, f, force)) else { return len };
    if len + period > frame.len() {
        return len;
    }
    frame.copy_within(period..len, 2 * period);
    // What stood at `period..2 * period` was moved to the next place; there, the way back to the start.
    for i in 0..period {
        frame[period + i] = faded(frame[2 * period + i], frame[i], i, period);
    }
    len + period
}

fn faded(out: i16, into: i16, at: usize, of: usize) -> i16 {
    let (out, into, at, of) = (i32::from(out), i32::from(into), at as i32 + 1, of as i32);
    ((out * (of - at) + into * at) / of) as i16
}

/// The lag at which the frame is most like itself.
fn period(rate: u32, frame: &[i16], force: bool) -> Option<usize> {
    let per_ms = rate as usize / 1000;
    let (least, most) = (PERIOD_MIN_MS * per_ms, (PERIOD_MAX_MS * per_ms).min(frame.len() / 2));
    let (mut best, mut best_score) = (None, f32::MIN);
    let mut quiet = true;
    for lag in (least..=most).step_by(per_ms / 8) {
        let (mut product, mut a2, mut b2) = (0.0f32, 1.0f32, 1.0f32);
        for (a, b) in frame[..lag].iter().zip(&frame[lag..2 * lag]) {
            let (a, b) = (f32::from(*a), f32::from(*b));
            product += a * b;
            a2 += a * a;
            b2 += b * b;
        }
        quiet &= a2 < QUIET * lag as f32 && b2 < QUIET * lag as f32;
        let score = product / (a2 * b2).sqrt();
        if score > best_score {
            (best, best_score) = (Some(lag), score);
        }
    }
    best.filter(|_| quiet || force || best_score > ALIKE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f32, count: usize) -> Vec<i16> {
        (0..count).map(|i| (8000.0 * (std::f32::consts::TAU * hz * i as f32 / 8000.0).sin()) as i16).collect()
    }

    fn steepest(samples: &[i16]) -> i32 {
        samples.windows(2).map(|w| (i32::from(w[1]) - i32::from(w[0])).abs()).max().unwrap()
    }

    #[test]
    fn a_tone_becomes_shorter_or_longer_by_a_period_and_stays_a_tone() {
        for hz in [130.0, 200.0, 440.0] {
            let source = tone(hz, 480);
            let whole = steepest(&source);
            let mut frame = source[160..320].to_vec();
            let left = shorten(8000, &mut frame, false);
            assert!((80..=136).contains(&left), "{hz}: {left}");
            let joined = [&source[..160], &frame[..left], &source[320..]].concat();
            assert!(steepest(&joined) <= whole * 5 / 4, "{hz}: {} {whole}", steepest(&joined));

            let mut frame = source[160..320].to_vec();
            frame.resize(320, 0);
            let now = lengthen(8000, &mut frame, 160, false);
            assert!((184..=240).contains(&now), "{hz}: {now}");
            let joined = [&source[..160], &frame[..now], &source[320..]].concat();
            assert!(steepest(&joined) <= whole * 5 / 4, "{hz}: {} {whole}", steepest(&joined));
        }
    }

    #[test]
    fn what_is_unlike_itself_is_left_alone_unless_it_must_be() {
        let mut rng = fastrand::Rng::with_seed(1);
        let noise: Vec<i16> = (0..160).map(|_| rng.i16(-9000..9000)).collect();
        let mut frame = noise.clone();
        assert_eq!((shorten(8000, &mut frame, false), &frame), (160, &noise));
        assert!(shorten(8000, &mut frame, true) < 160);
        let mut silence = vec![0; 160];
        assert!(shorten(8000, &mut silence, false) < 160);
    }

    #[test]
    fn a_frame_too_short_or_without_room_stays_as_it_is() {
        let mut few = tone(200.0, 40);
        assert_eq!(shorten(8000, &mut few, true), 40);
        let mut full = tone(200.0, 160);
        assert_eq!(lengthen(8000, &mut full, 160, true), 160);
        assert_eq!(full, tone(200.0, 160));
    }
}
