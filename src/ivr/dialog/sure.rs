//! Whether a sentence that may not be over yet settles the turn already, so that nothing more need be waited for.

use super::request::asked_first;
use super::{Asked, Dialog, TIE, TIE_LEAST, UNSURE};
use crate::base::Now;
use crate::ivr::plan::Confirm;
use crate::ivr::turn::Heard;
use crate::nlu;

impl Dialog {
    /// True if the turn is clear whatever may follow: a word that means the same everywhere, the yes or no that was asked
    /// for, a value of which nothing can follow, or a request that is carried out without another question.
    pub fn is_sure(&self, now: Now, heard: &Heard) -> bool {
        if self.done || self.is_looking_up() {
            return false;
        }
        let heard = &self.meant(now, heard);
        if heard.confidence < UNSURE {
            return false;
        }
        // More may follow a nod.
        if self.interrupted.is_nod(&heard.text) {
            return false;
        }
        if nlu::universal(&heard.text).is_some() {
            return true;
        }
        match (self.asked, nlu::yes_no(&heard.text)) {
            (Asked::Confirm(_) | Asked::Check | Asked::AnythingElse, Some((_, rest))) => rest.is_empty(),
            (Asked::Question | Asked::AnythingElse | Asked::Either(..), None) => self.is_clear(now, heard),
            (Asked::Slot(_), _) => self.is_whole(now, &heard.text),
            _ => false,
        }
    }

    /// One intent fits well, no other nearly as well, and it is carried out at once: it takes no values, which might follow.
    fn is_clear(&self, now: Now, heard: &Heard) -> bool {
        let scored = self.scored_of(now, heard);
        let Some(best) = scored.first().filter(|best| best.score >= self.plan.act) else { return false };
        let tie = scored.get(1).is_some_and(|s| s.score >= TIE_LEAST && best.score - s.score < TIE);
        let intent = self.plan.intents.get(best.intent);
        !tie && intent.is_some_and(|intent| intent.slots.is_empty() && asked_first(intent) != Confirm::Always)
    }
}
