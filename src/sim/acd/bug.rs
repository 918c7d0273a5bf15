//! Canaries: bugs put in on purpose, each between the core and the world around it.

use crate::acd::{AcdEvent, OfferEnd, Output};

/// A bug put in on purpose between the world and the core: the checks must notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// An agent's answer does not reach the core.
    SwallowedAnswer,
    /// An offer is made once more.
    OfferTwice,
    /// Somebody passes another in line and nothing says so.
    SilentPass,
    /// An offer that nobody answers is not taken back.
    EndlessLease,
    /// A caller's leaving is not told to the figures.
    LostOutcome,
}

impl Bug {
    /// Puts the bug into what the core has put out. A swallowed answer never reached the core.
    pub(super) fn tamper(self, out: &mut Vec<Output>) {
        match self {
            Bug::SwallowedAnswer => {}
            Bug::OfferTwice => {
                let offer = out.iter().find(|o| matches!(o, Output::Offer { .. })).cloned();
                out.extend(offer);
            }
            Bug::SilentPass => {
                for o in out {
                    if let Output::Offer { decision, .. } = o {
                        decision.passed = None;
                    }
                }
            }
            Bug::EndlessLease => out.retain(|o| {
                let ended = matches!(o, Output::Event(AcdEvent::OfferEnded { how: OfferEnd::NoAnswer, .. }));
                !ended && !matches!(o, Output::Withdraw { .. })
            }),
            Bug::LostOutcome => out.retain(|o| !matches!(o, Output::Event(AcdEvent::Abandoned { .. }))),
        }
    }
}
