//! How the media plane's threads report: a bounded queue to the control plane, which may wait on it in tokio.

use crate::limits::PLANE_QUEUE;
use crate::media::Report;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;

/// A new queue: what threads clone, and what the control plane reads.
pub(super) fn reports() -> (Reporter, ReportReceiver) {
    let (to, from) = mpsc::channel(PLANE_QUEUE);
    let dropped = Arc::new(AtomicU64::new(0));
    (
        Reporter { to, backlog: VecDeque::new(), dropped: Arc::clone(&dropped) },
        ReportReceiver { from, dropped },
    )
}

/// One thread's end of the queue. Never waits: when the queue is full, what the call can do without is dropped and
/// counted, and the rest is kept here until there is room.
#[derive(Debug)]
pub(super) struct Reporter {
    to: mpsc::Sender<Report>,
    backlog: VecDeque<Report>,
    dropped: Arc<AtomicU64>,
}

impl Clone for Reporter {
    fn clone(&self) -> Self {
        Reporter { to: self.to.clone(), backlog: VecDeque::new(), dropped: Arc::clone(&self.dropped) }
    }
}

impl Reporter {
    pub(super) fn send(&mut self, report: Report) {
        self.flush();
        let spare = matches!(report, Report::Latched { .. } | Report::PlayStarted { .. });
        if self.backlog.is_empty() {
            match self.to.try_send(report) {
                Err(mpsc::error::TrySendError::Full(report)) if !spare => self.backlog.push_back(report),
                Err(mpsc::error::TrySendError::Full(_)) => self.count_dropped(),
                Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
            }
        } else if !spare && self.backlog.len() < PLANE_QUEUE {
            self.backlog.push_back(report);
        } else {
            self.count_dropped();
        }
    }

    /// Sends on what had no room; false if some still has none.
    pub(super) fn flush(&mut self) -> bool {
        while let Some(report) = self.backlog.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(report)) = self.to.try_send(report) {
                self.backlog.push_front(report);
                return false;
            }
        }
        true
    }

    fn count_dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// The control plane's end.
#[derive(Debug)]
pub struct ReportReceiver {
    from: mpsc::Receiver<Report>,
    dropped: Arc<AtomicU64>,
}

impl ReportReceiver {
    /// The next report; `None` when the media plane has shut down and all were read. May be cancelled.
    pub async fn recv(&mut self) -> Option<Report> {
        self.from.recv().await
    }

    /// The next report if there is one now.
    pub fn try_recv(&mut self) -> Option<Report> {
        self.from.try_recv().ok()
    }

    /// Waits for the next report on a thread that is not tokio's; `None` as for [`ReportReceiver::recv`].
    pub fn blocking_recv(&mut self) -> Option<Report> {
        self.from.blocking_recv()
    }

    /// Reports dropped because the control plane did not read.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{LegId, Now};
    use crate::media::{LegStats, PlayId};

    #[test]
    fn a_full_queue_drops_the_least_and_keeps_the_rest_in_order() {
        let (mut tx, mut rx) = reports();
        let closed = |n| Report::Closed { leg: LegId(n), stats: LegStats::default() };
        (0..PLANE_QUEUE as u64 + 3).for_each(|n| tx.send(closed(n)));
        tx.send(Report::PlayStarted { leg: LegId(0), play: PlayId(0), at: Now(0) });
        assert_eq!(rx.dropped(), 1);
        assert!(!tx.flush());
        let mut next = 0;
        loop {
            while let Some(report) = rx.try_recv() {
                assert!(matches!(report, Report::Closed { leg, .. } if leg.0 == next));
                next += 1;
            }
            if tx.flush() && next == PLANE_QUEUE as u64 + 3 {
                break;
            }
        }
    }
}
