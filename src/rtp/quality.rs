//! How a leg sounded: a mean opinion score by the E-model (ITU-T G.107, 06/2015) with all that cannot be seen at its default.
//!
//! ```text
//!   R = Ro − Is − Id − Ie,eff        Ro − Is = 94.77 − 1.41, the defaults
//!   Id     echo at the talker and the listener, and plain delay (§7.4), from one-way delay
//!   Ie,eff the codec and what was lost (§7.5, random loss), from Ie and Bpl of ITU-T G.113 Appendix I
//! ```

/// Ro with the default sending, receiving and noise (G.107 Table 2): also Roe, since RLR is at its default.
const RO: f32 = 94.77;
/// Is with the default sidetone and quantising.
const IS: f32 = 1.41;
/// Loudness of the talker's and the listener's echo path, in dB.
const TELR: f32 = 65.0;
const WEPL: f32 = 110.0;

/// What a codec does to speech (ITU-T G.113).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Impairment {
    /// Equipment impairment without loss.
    pub ie: f32,
    /// How well loss is borne.
    pub bpl: f32,
}

impl Impairment {
    /// G.711 with concealment (G.113 Table I.3; Appendix I of G.711).
    pub const G711: Impairment = Impairment { ie: 0.0, bpl: 25.1 };
}

/// One-way delay in ms from the round trip, or 50 ms where nobody measured it, with a frame of 20 ms and the buffer that
/// twice the jitter asks for.
pub fn delay_ms(round_trip_ms: Option<f32>, jitter_ms: f32) -> f32 {
    round_trip_ms.map_or(50.0, |trip| trip / 2.0) + 20.0 + 2.0 * jitter_ms
}

/// Mean opinion score, 1.0–4.5, for `lost` of `expected` packets heard `delay_ms` after they were said; 0 if none was expected.
pub fn mos(codec: Impairment, expected: u64, lost: u64, delay_ms: f32) -> f32 {
    if expected == 0 {
        return 0.0;
    }
    let ppl = 100.0 * lost.min(expected) as f32 / expected as f32;
    let ie_eff = codec.ie + (95.0 - codec.ie) * ppl / (ppl + codec.bpl);
    let r = (RO - IS - delay_impairment(delay_ms) - ie_eff).clamp(0.0, 100.0);
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).clamp(1.0, 4.5)
}

/// Id of §7.4 for a mean one-way delay `t` in ms, the same both ways.
fn delay_impairment(t: f32) -> f32 {
    // Talker echo (7-19 to 7-22).
    let terv = TELR - 40.0 * ((1.0 + t / 10.0) / (1.0 + t / 150.0)).log10() + 6.0 * (-0.3 * t * t).exp();
    let re = 80.0 + 2.5 * (terv - 14.0);
    let idte = ((RO - re) / 2.0 + ((RO - re).powi(2) / 4.0 + 100.0).sqrt() - 1.0) * (1.0 - (-t).exp());
    // Listener echo (7-25, 7-26).
    let rle = 10.5 * (WEPL + 7.0) * (2.0 * t + 1.0).powf(-0.25);
    let idle = (RO - rle) / 2.0 + ((RO - rle).powi(2) / 4.0 + 169.0).sqrt();
    // Delay too long to talk with (7-27, 7-28).
    let x = (t / 100.0).log2();
    let idd = if t <= 100.0 {
        0.0
    } else {
        25.0 * ((1.0 + x.powi(6)).powf(1.0 / 6.0) - 3.0 * (1.0 + (x / 3.0).powi(6)).powf(1.0 / 6.0) + 2.0)
    };
    idte + idle + idd
}

#[cfg(test)]
mod tests {
    use super::*;

    const G711: Impairment = Impairment::G711;

    #[test]
    fn without_loss_and_delay_it_is_the_93_2_of_the_recommendation() {
        let r = RO - IS - delay_impairment(0.0);
        assert!((r - 93.2).abs() < 0.05, "{r}");
        assert!((mos(G711, 1, 0, 0.0) - 4.41).abs() < 0.01);
    }

    /// Cole and Rosenbluth's fit of the same curve, which is good to two points up to 400 ms.
    #[test]
    fn the_delay_impairment_follows_its_published_fit() {
        for t in [20.0f32, 50.0, 100.0, 150.0, 200.0, 300.0, 400.0] {
            let fit = 0.024 * t + 0.11 * (t - 177.3).max(0.0);
            let id = delay_impairment(t);
            assert!((id - fit).abs() < 3.5, "{t} ms: {id} and {fit}");
        }
    }

    #[test]
    fn loss_and_delay_lower_it_within_its_range() {
        let clean = mos(G711, 1000, 0, 72.0);
        assert!((4.3..4.45).contains(&clean), "{clean}");
        let (bad, worse) = (mos(G711, 1000, 50, 72.0), mos(G711, 1000, 200, 150.0));
        assert!(bad < 4.0 && bad > 3.0, "{bad}");
        assert!(worse < 2.6, "{worse}");
        assert!(mos(G711, 10, 10, 2000.0) >= 1.0);
        assert!(mos(G711, 1000, 0, 400.0) < 3.6);
        assert_eq!(mos(G711, 0, 0, 0.0), 0.0);
    }
}
