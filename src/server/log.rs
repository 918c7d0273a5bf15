//! What the server writes into its log about calls.

use crate::call::{Cdr, Moment, TurnRecord};
use tracing::info;

/// One thing that happened in a call; personal data only where the operator wants it.
pub(super) fn moment(call: u64, moment: &Moment, turn: Option<&TurnRecord>, personal: bool) {
    match turn {
        Some(turn) if personal => info!(call, heard = turn.turn.heard.reveal(), turn = ?turn.turn, "heard"),
        Some(turn) => info!(call, turn = ?turn.turn, "heard"),
        None => match moment {
            // It reads a number back, perhaps in words.
            Moment::Saying { personal: true, .. } if !personal => info!(call, "Saying ‹…›"),
            moment => info!(call, "{moment:?}"),
        },
    }
}

/// A call's end in one line.
pub(super) fn record(cdr: &Cdr) {
    info!(
        call = cdr.id.0,
        line = cdr.line,
        result = ?cdr.result,
        ended_by = ?cdr.ended_by,
        total_ms = cdr.total_ms,
        wait_ms = cdr.wait_ms,
        talk_ms = cdr.talk_ms,
        "call recorded"
    );
}
