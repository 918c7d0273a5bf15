//! What a sentence may have been instead: the decoder goes back to where it was least sure, takes its second choice and decodes on.
//!
//! In: the tokens of the likeliest text with their probabilities, and a decoder that still has the encoded sentence. Out: other texts, with how
//! likely each is beside all that were found. whisper.cpp keeps one text, also of its beam search; but what it encoded stays where it is
//! when it is done, so that another text costs some tokens of the decoder and not the encoder again: with the model that comes with trunkline a tenth of the time of
//! the first text at the median, a third for the slowest twentieth. Where it is sure of each token, nothing. (That model is heard by `asr/network` now, which
//! follows several texts from the start.)
//!
//! ```text
//! nine 0.97  seven 0.95  five 0.51  four 0.98  (end) 0.99     the likeliest at each token
//!                        └ nine 0.46 ─► four ─► (end)        another
//! ```

use crate::base::{Hypothesis, Lang};
use crate::limits::OTHERS_MAX;
use whisper_rs::{WhisperContext, WhisperState, WhisperTokenId};

/// A token and the logarithm of its probability after those before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) id: WhisperTokenId,
    pub(super) log_p: f32,
}

/// A token less likely than this may have been another.
const SURE: f32 = 0.9;
/// Places at which another is looked for: the least sure ones.
const PLACES_MAX: usize = 4;
/// Others at one place.
const AT_ONE_PLACE: usize = 2;
/// One that is less likely than this part of the likeliest token is not.
const LEAST: f32 = 0.05;
/// Tokens of a text: callers say fewer in ten seconds. A decoder that has room for fewer is not asked for more.
const TOKENS_MAX: usize = 100;

/// The decoder after it has written down the likeliest text.
pub(super) struct Branches<'a> {
    context: &'a WhisperContext,
    state: &'a mut WhisperState,
    /// What comes before each text: the language and the task.
    prompt: Vec<WhisperTokenId>,
    /// All that it holds.
    seen: Vec<WhisperTokenId>,
    /// Tokens of a text that it has room for.
    room: usize,
}

/// A text that is not decoded to its end yet: the first one's tokens up to a place, and another there.
struct Branch {
    place: usize,
    token: Token,
    /// How much less likely than the first one's token, as a logarithm.
    loss: f32,
}

impl<'a> Branches<'a> {
    pub(super) fn new(context: &'a WhisperContext, state: &'a mut WhisperState, lang: Lang) -> Branches<'a> {
        // As whisper_full_with_state begins each text.
        let mut prompt = vec![context.token_sot()];
        if context.is_multilingual() {
            prompt.extend(whisper_rs::get_lang_id(lang.code()).map(|id| context.token_lang(id)));
            prompt.push(context.token_transcribe());
        }
        prompt.push(context.token_not());
        let room = usize::try_from(context.n_text_ctx()).unwrap_or(0).saturating_sub(prompt.len());
        Branches { context, state, prompt, seen: Vec::new(), room: room.min(TOKENS_MAX) }
    }

    /// What the text of `first` may have been instead, likeliest first.
    ///
    /// # Errors
    /// When whisper.cpp fails.
    pub(super) fn grow(&mut self, first: &[Token]) -> Result<Vec<Hypothesis>, String> {
        let own_text = text(self.context, first);
        // All but the last token, which nothing was asked after.
        let held = first.iter().rev().skip(1).rev().map(|t| t.id);
        self.seen = self.prompt.iter().copied().chain(held).collect();
        let own: f32 = first.iter().map(|t| t.log_p).sum();
        let mut found: Vec<(String, f32)> = Vec::new();
        for branch in self.branches(first)? {
            let mut tokens = first.get(..branch.place).unwrap_or_default().to_vec();
            tokens.push(branch.token);
            if !self.finish(&mut tokens)? {
                continue;
            }
            let other = text(self.context, &tokens);
            if other != own_text && found.iter().all(|(known, _)| *known != other) {
                found.push((other, tokens.iter().map(|t| t.log_p).sum()));
            }
        }
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
        let all = 1.0 + found.iter().map(|(_, log_p)| (log_p - own).exp()).sum::<f32>();
        let others = found.into_iter();
        Ok(others.map(|(text, log_p)| Hypothesis { text, probability: (log_p - own).exp() / all }).collect())
    }

    /// The likeliest other tokens, wherever they are.
    fn branches(&mut self, first: &[Token]) -> Result<Vec<Branch>, String> {
        let mut places: Vec<(usize, &Token)> =
            first.iter().enumerate().filter(|(_, t)| t.log_p < SURE.ln()).collect();
        places.sort_by(|a, b| a.1.log_p.total_cmp(&b.1.log_p));
        places.truncate(PLACES_MAX);
        // What is looked at last is the longest, and most of it has been seen.
        places.sort_by_key(|(place, _)| *place);
        let mut branches: Vec<Branch> = Vec::new();
        for (place, own) in places {
            let likeliest = self.after(first.get(..place).unwrap_or_default(), AT_ONE_PLACE + 1)?;
            let others = likeliest.into_iter().filter(|t| t.id != own.id).take(AT_ONE_PLACE);
            branches.extend(others.map(|token| Branch { place, token, loss: own.log_p - token.log_p }));
        }
        branches.retain(|b| b.loss < -LEAST.ln());
        branches.sort_by(|a, b| a.loss.total_cmp(&b.loss));
        branches.truncate(OTHERS_MAX);
        Ok(branches)
    }

    /// Decodes `tokens` to the end. False if there is none: the decoder repeats itself, which nobody said.
    pub(super) fn finish(&mut self, tokens: &mut Vec<Token>) -> Result<bool, String> {
        let end = self.context.token_eot();
        while tokens.len() < self.room && tokens.last().is_some_and(|t| t.id != end) {
            let next = self.after(tokens, 1)?;
            tokens.extend(next);
        }
        Ok(tokens.last().is_some_and(|t| t.id == end))
    }

    /// The `count` likeliest tokens after `tokens`.
    fn after(&mut self, tokens: &[Token], count: usize) -> Result<Vec<Token>, String> {
        let wanted: Vec<_> = self.prompt.iter().copied().chain(tokens.iter().map(|t| t.id)).collect();
        let alike = self.seen.iter().zip(&wanted).take_while(|(a, b)| a == b).count();
        // The last one alone, in any case: what follows the first of several is all that whisper.cpp would tell.
        let last = wanted.len() - 1;
        let parts = [alike.min(last)..last, last..wanted.len()];
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            let tokens = wanted.get(part.clone()).unwrap_or_default();
            self.state.decode(tokens, part.start, 1).map_err(|e| e.to_string())?;
        }
        self.seen = wanted;
        let logits = self.state.get_logits().map_err(|e| e.to_string())?;
        // Tokens of texts stand before the one that ends them, which ends no empty one.
        let end = self.context.token_eot() as usize + usize::from(!tokens.is_empty());
        Ok(likeliest(logits.get(..end).unwrap_or(logits), count))
    }
}

/// What the tokens say.
pub(super) fn text(context: &WhisperContext, tokens: &[Token]) -> String {
    let words = tokens.iter().filter(|t| t.id < context.token_eot());
    let octets = words.filter_map(|t| context.token_to_bytes(t.id).ok()).flatten();
    String::from_utf8_lossy(&octets.copied().collect::<Vec<u8>>()).trim().to_owned()
}

/// The `count` largest of `logits`, largest first, as tokens.
fn likeliest(logits: &[f32], count: usize) -> Vec<Token> {
    let highest = logits.iter().copied().fold(f32::MIN, f32::max);
    let all = logits.iter().map(|l| (l - highest).exp()).sum::<f32>().ln() + highest;
    let mut best: Vec<Token> = Vec::with_capacity(count + 1);
    for (id, logit) in logits.iter().enumerate() {
        let log_p = logit - all;
        let place = best.iter().position(|b| b.log_p < log_p).unwrap_or(best.len());
        if place < count {
            best.insert(place, Token { id: id as WhisperTokenId, log_p });
            best.truncate(count);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_tokens_come_first_with_their_probabilities() {
        let best = likeliest(&[0.0, 3.0, 1.0, f32::NEG_INFINITY, 2.0], 3);
        assert_eq!(best.iter().map(|t| t.id).collect::<Vec<_>>(), [1, 4, 2]);
        let all: f32 = [0.0f32, 3.0, 1.0, 2.0].iter().map(|l| l.exp()).sum();
        assert!((best[0].log_p.exp() - 3.0f32.exp() / all).abs() < 1e-6);
    }
}
