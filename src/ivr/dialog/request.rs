//! A sentence that should be a request, and yes or no to what was made of it.

use super::super::phrases::{self, Phrase};
use super::super::plan::{Confirm, Intent};
use super::super::turn::{Heard, Output, Understood};
use super::{Asked, Dialog, TIE, TIE_LEAST, UNSURE};
use crate::base::{Lang, Now, Pii};
use crate::nlu;
use crate::nlu::slots::{SlotType, extract_all};

impl Dialog {
    /// Yes or no, if the last prompt asked for it. True if that settles the turn.
    pub(super) fn answered(
        &mut self,
        now: Now,
        heard: &Heard,
        (yes, rest): (bool, &str),
        out: &mut Vec<Output>,
    ) -> bool {
        match (self.asked, yes) {
            (Asked::Confirm(intent), true) => {
                self.turn(heard, Some(nlu::Scored { intent, score: 1.0 }), Understood::Yes, out);
                self.begin(now, intent, out);
                true
            }
            (Asked::Confirm(_) | Asked::Either(..), false) => {
                self.turn(heard, None, Understood::No, out);
                self.asked = Asked::Question;
                self.said = None;
                if rest.is_empty() {
                    self.miss(Phrase::AskAfterNo, out);
                } else {
                    self.request(now, &Heard { text: rest.to_owned(), confidence: heard.confidence }, out);
                }
                true
            }
            (Asked::AnythingElse, false) if rest.is_empty() => {
                self.turn(heard, None, Understood::No, out);
                self.goodbye(out);
                true
            }
            (Asked::AnythingElse, true) if rest.is_empty() => {
                self.turn(heard, None, Understood::Yes, out);
                self.ask(out);
                true
            }
            _ => false,
        }
    }

    /// A sentence that should be a request.
    pub(super) fn request(&mut self, now: Now, heard: &Heard, out: &mut Vec<Output>) {
        self.words = Some(Pii::new(heard.text.clone()));
        let before = self.said.replace((Pii::new(heard.text.clone()), heard.confidence));
        let scored = self.scored(now, &heard.text);
        let (best, second) = (scored.first().copied(), scored.get(1).copied());
        let Some(best) = best.filter(|b| b.score >= TIE_LEAST) else {
            self.turn(heard, best, Understood::NoMatch, out);
            return self.miss(Phrase::AskAgain, out);
        };
        if let (Asked::Either(a, b), true) = (self.asked, best.score >= self.plan.confirm) {
            // The choice just offered has been named: no third question.
            if best.intent == a || best.intent == b {
                self.said = before.or(self.said.take());
                return self.accept(now, heard, best, out);
            }
        }
        if let Some(second) = second.filter(|s| s.score >= TIE_LEAST && best.score - s.score < TIE) {
            self.turn(heard, Some(best), Understood::Choosing, out);
            self.asked = Asked::Either(best.intent, second.intent);
            let text = phrases::either(self.lang, &self.label(best.intent), &self.label(second.intent));
            return self.say(vec![text], out);
        }
        let confirm = self.plan.intents.get(best.intent).map_or(Confirm::Auto, asked_first);
        let sure = best.score >= self.plan.act && heard.confidence >= UNSURE;
        let fair = best.score >= self.plan.confirm;
        match confirm {
            Confirm::Never if fair => self.accept(now, heard, best, out),
            Confirm::Auto if sure => self.accept(now, heard, best, out),
            _ if fair => {
                self.turn(heard, Some(best), Understood::Confirming, out);
                self.confirm(best.intent, phrases::confirm, out);
            }
            _ => {
                self.turn(heard, Some(best), Understood::NoMatch, out);
                self.miss(Phrase::AskAgain, out);
            }
        }
    }

    /// The intents by score, best first. Values said with a request are no words of it: "a transfer of fifty dollars" is
    /// scored as "a transfer of", too, if that is what asks for money.
    pub(super) fn scored(&self, now: Now, text: &str) -> Vec<nlu::Scored> {
        let scored = self.plan.model.classify(text);
        let mut best = scored.clone();
        for candidate in scored.iter().take(3).filter(|s| s.score >= TIE_LEAST / 2.0) {
            let Some(intent) = self.plan.intents.get(candidate.intent) else { continue };
            let kinds: Vec<SlotType> = intent.slots.iter().map(|s| s.kind.clone()).collect();
            let mut rest = text.to_owned();
            let mut spans: Vec<_> = extract_all(&kinds, self.lang, text, self.civil(now))
                .into_iter()
                .flatten()
                .map(|f| f.span)
                .collect();
            spans.sort_by_key(|span| std::cmp::Reverse(span.start));
            spans.into_iter().for_each(|span| rest.replace_range(span, " "));
            let again = if rest == text { Vec::new() } else { self.plan.model.classify(&rest) };
            let top = |s: &[nlu::Scored]| s.first().map_or(0.0, |s| s.score);
            if again.first().is_some_and(|s| s.intent == candidate.intent) && top(&again) > top(&best) {
                best = again;
            }
        }
        best
    }

    fn accept(&mut self, now: Now, heard: &Heard, best: nlu::Scored, out: &mut Vec<Output>) {
        self.turn(heard, Some(best), Understood::Acted, out);
        self.begin(now, best.intent, out);
    }

    pub(super) fn confirm(&mut self, intent: usize, how: fn(Lang, &str) -> String, out: &mut Vec<Output>) {
        self.asked = Asked::Confirm(intent);
        let text = how(self.lang, &self.label(intent));
        self.say(vec![text], out);
    }
}

/// How a request is confirmed before its values are asked for: one that costs is read back with them, once.
pub(super) fn asked_first(intent: &Intent) -> Confirm {
    match intent.confirm {
        Confirm::Always if intent.slots.iter().any(|s| !s.optional) => Confirm::Auto,
        other => other,
    }
}
