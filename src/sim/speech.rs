//! Stand-ins for the recogniser and the voice: how long they take, how often they are wrong, and what callers say.

use crate::base::Lang;
use crate::ivr::{Heard, NotHeard, Plan};
use crate::media::Prompt;
use std::sync::Arc;
use std::time::Duration;

/// Milliseconds of speech a character: Mandarin is spoken at about four a second, English at fourteen letters.
const ZH_MS: usize = 230;
const EN_MS: usize = 70;
/// The keys of a phone.
const KEYS: [char; 12] = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '0', '#'];

/// A prompt as long as `text` takes to be said, and when it is there; `None` if it cannot be spoken.
pub(super) fn render(rng: &mut fastrand::Rng, lang: Lang, text: &str) -> (Duration, Option<Arc<Prompt>>) {
    let each = if lang == Lang::Zh { ZH_MS } else { EN_MS };
    let octets = 8 * (300 + each * text.chars().count());
    let prompt = Prompt { pcmu: vec![0; octets].into(), pcma: vec![0; octets].into() };
    match rng.u16(..1000) {
        // Longer than any call waits for it.
        0..5 => (Duration::from_secs(7), Some(Arc::new(prompt))),
        5..10 => (Duration::from_millis(50), None),
        _ => (Duration::from_millis(rng.u64(5..200)), Some(Arc::new(prompt))),
    }
}

/// What the recogniser makes of `said`, and when; `None` if it never answers.
pub(super) fn recognise(rng: &mut fastrand::Rng, said: &str) -> Option<(Duration, Result<Heard, NotHeard>)> {
    let after = Duration::from_millis(rng.u64(50..300));
    let heard = |text: String, confidence| Ok(Heard::new(text, confidence));
    Some(match rng.u16(..1000) {
        0..4 => return None,
        // It comes when the call has long gone on without it.
        4..8 => (Duration::from_secs(6), heard(said.to_owned(), 0.9)),
        8..25 => (after, Err(NotHeard::Unavailable)),
        25..60 => (after, Err(NotHeard::Empty)),
        60..120 => (after, heard(misheard(rng, said), rng.f32())),
        _ => (after, heard(said.to_owned(), 0.5 + 0.5 * rng.f32())),
    })
}

/// The sentence with one character in four gone.
fn misheard(rng: &mut fastrand::Rng, said: &str) -> String {
    said.chars().filter(|_| rng.u8(..4) > 0).collect()
}

/// What a caller does when it is its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    Say(String),
    Press(char),
    Nothing,
}

/// What a caller of `plan` does after hearing `prompt`.
pub(super) fn wish(rng: &mut fastrand::Rng, plan: &Plan, lang: Lang, prompt: &str) -> Wish {
    let words = |zh: &str, en: &str| Wish::Say(if lang == Lang::Zh { zh } else { en }.to_owned());
    let confirms = ["对吗", "right?", "是吗", "correct"].iter().any(|w| prompt.contains(w));
    if confirms && rng.u8(..10) < 8 {
        return if rng.u8(..4) > 0 { words("是的", "yes") } else { words("不是", "no") };
    }
    if ["保留您的位置", "keep your place"].iter().any(|w| prompt.contains(w)) && rng.u8(..10) > 0 {
        return Wish::Press(if rng.u8(..5) > 0 { '1' } else { '2' });
    }
    match rng.u8(..100) {
        0..62 => request(rng, plan, lang),
        62..70 => words("人工", "agent"),
        70..77 => Wish::Press(rng.choice(KEYS).unwrap_or('0')),
        77..81 => Wish::Nothing,
        81..84 => words("嗯", "uh-huh"),
        84..90 => words("今天天气真不错啊", "purple monkey dishwasher"),
        90..92 => words("再说一遍", "say that again"),
        92..94 => words("英文", "mandarin"),
        94..96 => words("帮助", "help"),
        96..98 => words("不是", "no thank you"),
        _ => words("再见", "goodbye"),
    }
}

/// One of the line's own example sentences.
fn request(rng: &mut fastrand::Rng, plan: &Plan, lang: Lang) -> Wish {
    let intent = rng.choice(&plan.intents);
    let examples = intent.and_then(|i| i.examples.get(&lang)).map(Vec::as_slice).unwrap_or_default();
    rng.choice(examples).map_or(Wish::Nothing, |text| Wish::Say(text.clone()))
}
