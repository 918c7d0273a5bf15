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
                    self.request(now, &Heard::new(rest.to_owned(), heard.confidence), out);
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

    /// A sentence that should be a request, or several: then they are taken in turn, those that hand the call over last.
    pub(super) fn request(&mut self, now: Now, heard: &Heard, out: &mut Vec<Output>) {
        self.words = Some(Pii::new(heard.text.clone()));
        let parts = self.parts(now, &heard.text);
        if heard.confidence >= UNSURE
            && let Some((first, rest)) = parts.split_first()
        {
            self.pending = rest.to_vec();
            return self.one_request(now, &Heard::new(first.clone(), heard.confidence), out);
        }
        self.one_request(now, heard, out);
    }

    /// The parts of a sentence that are surely different requests, if there are several.
    fn parts(&self, now: Now, text: &str) -> Vec<String> {
        const JOINTS: [&str; 10] =
            [" and also ", " and ", " also ", "还有", "另外", "而且", "，", "。", ", ", ". "];
        let mut parts = vec![text];
        for joint in JOINTS {
            parts = parts.into_iter().flat_map(|p| p.split(joint)).collect();
        }
        let sure = |part: &&str| {
            let best = self.scored(now, part).first().copied().filter(|s| s.score >= self.plan.act)?;
            Some((best.intent, (*part).to_owned()))
        };
        let mut found: Vec<(usize, String)> = parts.iter().filter_map(sure).collect();
        found.dedup_by_key(|(intent, _)| *intent);
        if found.len() < 2 {
            return Vec::new();
        }
        let leaves = |intent: usize| self.plan.intents.get(intent).is_some_and(|i| i.queue().is_some());
        found.sort_by_key(|(intent, _)| leaves(*intent));
        found.into_iter().map(|(_, text)| text).collect()
    }

    pub(super) fn one_request(&mut self, now: Now, heard: &Heard, out: &mut Vec<Output>) {
        let before = self.said.replace(Pii::new(heard.clone()));
        let scored = self.scored_of(now, heard);
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
        let top = |s: &[nlu::Scored]| s.first().map_or(0.0, |s| s.score);
        let mut scored = self.plan.model.classify(text);
        // Nor are anger and the reasons for patience.
        let anger: Vec<String> = self.plan.urgent.iter().flat_map(|u| u.words.iter().cloned()).collect();
        if nlu::needs_time(text) || nlu::says(text, &anger) {
            let calm = self.plan.model.classify(&nlu::without(text, &anger));
            scored = if top(&calm) > top(&scored) { calm } else { scored };
        }
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
