//! Keys: the same as words, at every point.

use super::super::phrases::{self, Phrase};
use super::super::plan::Confirm;
use super::super::turn::{Heard, Output, Understood};
use super::{Asked, Dialog};
use crate::nlu::{self, Universal};

impl Dialog {
    pub(super) fn key(&mut self, key: char, out: &mut Vec<Output>) {
        self.silence_at = None;
        let heard = Heard { text: format!("key {key}"), confidence: 1.0 };
        let certain = |intent| Some(nlu::Scored { intent, score: 1.0 });
        match (key, self.asked) {
            ('0', _) => {
                self.turn(&heard, None, Understood::Universal, out);
                self.hand_over(out);
            }
            ('*', _) => {
                self.turn(&heard, None, Understood::Universal, out);
                self.universal(Universal::Repeat, out);
            }
            ('#', _) => {
                self.turn(&heard, None, Understood::Universal, out);
                let other =
                    self.plan.languages.iter().copied().find(|l| *l != self.lang).unwrap_or(self.lang);
                self.universal(Universal::Language(other), out);
            }
            ('1' | '2', Asked::Confirm(_)) => {
                self.answered(&heard, key == '1', "", out);
            }
            ('1', Asked::Either(intent, _)) | ('2', Asked::Either(_, intent)) => {
                self.turn(&heard, certain(intent), Understood::Acted, out);
                self.act(intent, out);
            }
            _ => match self.plan.by_key(key) {
                Some(intent) => {
                    self.turn(&heard, certain(intent), Understood::Acted, out);
                    if self.plan.intents.get(intent).is_some_and(|i| i.confirm == Confirm::Always) {
                        self.confirm(intent, phrases::confirm_by_key, out);
                    } else {
                        self.act(intent, out);
                    }
                }
                None => {
                    self.turn(&heard, None, Understood::NoMatch, out);
                    self.misses = self.misses.max(1);
                    self.miss(Phrase::UseKeys, out);
                }
            },
        }
    }
}
