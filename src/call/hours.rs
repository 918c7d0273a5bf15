//! Opening hours at work: queues open and close by the clock, and by hand in an emergency.

use super::switch::Switch;
use crate::acd;
use crate::base::Now;
use crate::ivr::Plan;
use std::time::Duration;

impl Switch {
    /// Tells the ACD which queues are open now, and notes when to look again.
    pub(super) fn keep_hours(&mut self, now: Now) {
        let unix_ms = self.shared.epoch.unix_ms_at(now);
        let config = self.shared.config.clone();
        for queue in config.setup.queues.iter().map(|q| &q.name) {
            let by_hours = config.hours.get(queue).is_none_or(|h| h.is_open(unix_ms));
            let open = by_hours && !self.closed_by_hand.contains(queue);
            self.shared.acd.push(acd::Input::Open { queue: queue.clone(), open });
        }
        let next = config.hours.values().filter_map(|h| h.next_change(unix_ms)).min();
        self.hours_at = next.map(|at| now + Duration::from_millis(at.saturating_sub(unix_ms)));
    }

    /// Looks again if it is time to.
    pub(super) fn hours_due(&mut self, now: Now) {
        if self.hours_at.is_some_and(|at| at <= now) {
            self.keep_hours(now);
        }
    }

    /// Closes a queue or a line whatever its hours say, or gives it back to them.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn close(&mut self, now: Now, name: &str, closed: bool) -> Result<(), String> {
        let config = &self.shared.config;
        let mut names =
            config.setup.queues.iter().map(|q| &q.name).chain(config.lines.iter().map(|l| &l.line));
        if !names.any(|known| known == name) {
            return Err(format!("no queue or line named `{name}`"));
        }
        match closed {
            true => self.closed_by_hand.insert(name.to_owned()),
            false => self.closed_by_hand.remove(name),
        };
        self.keep_hours(now);
        Ok(())
    }

    /// True if the line takes calls now.
    pub(super) fn is_open(&self, now: Now, plan: &Plan) -> bool {
        let unix_ms = self.shared.epoch.unix_ms_at(now);
        !self.closed_by_hand.contains(&plan.line) && plan.hours.as_ref().is_none_or(|h| h.is_open(unix_ms))
    }
}
