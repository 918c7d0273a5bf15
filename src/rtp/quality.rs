//! How a leg sounded: a mean opinion score from loss and jitter (ITU-T G.107 E-model, simplified).
//!
//! Of the model only what we can see is kept: R = 93.2 − Id − Ie,eff. Delay is taken as one frame plus the buffer
//! that twice the jitter asks for, in front of 50 ms of network, since one-way delay cannot be measured without RTCP.
//! Ie,eff uses G.711 with concealment and random loss: Ie = 0, Bpl = 25.1 (ITU-T G.113 Appendix I).

/// Mean opinion score, 1.0–4.5, for `lost` of `expected` packets and a jitter in milliseconds; 0 if none was expected.
pub fn mos(expected: u64, lost: u64, jitter_ms: f32) -> f32 {
    if expected == 0 {
        return 0.0;
    }
    let loss_percent = 100.0 * lost as f32 / expected as f32;
    let delay_ms = 50.0 + 20.0 + 2.0 * jitter_ms;
    let id = 0.024 * delay_ms + 0.11 * (delay_ms - 177.3).max(0.0);
    let ie_eff = 95.0 * loss_percent / (loss_percent + 25.1);
    let r = (93.2 - id - ie_eff).clamp(0.0, 100.0);
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).clamp(1.0, 4.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_call_scores_like_the_telephone_network_and_loss_lowers_it() {
        let clean = mos(1000, 0, 1.0);
        assert!((4.3..4.45).contains(&clean), "{clean}");
        let (bad, worse) = (mos(1000, 50, 1.0), mos(1000, 200, 40.0));
        assert!(bad < 4.0 && bad > 3.0, "{bad}");
        assert!(worse < 2.6, "{worse}");
        assert!(mos(10, 10, 900.0) >= 1.0);
    }
}
