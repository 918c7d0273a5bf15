//! Text to features: what two sentences must share to be alike.
//!
//! English gives words, their stems, pairs of stems (beside each other and a little apart), the first and last words,
//! and pieces of 2–4 letters, so that an unseen ending or a misspelling still counts; and the groups of words that mean much the
//! same.
//! Mandarin gives characters, pairs and triples, and the same for toneless pinyin, because recognisers confuse
//! homophones (报修/暴修) that a caller never meant to be different.

use super::alike;
use super::english;
use super::han::{is_han, simplified};
use pinyin::ToPinyin;

/// A kind of feature. Each kind is a block of its own in a row, with its own weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Word,
    Stem,
    Pair,
    Apart,
    Edge,
    Letters,
    Han,
    HanPiece,
    Syllable,
    SyllablePiece,
    /// The group of a word (`alike.rs`), and pairs in which one has a group.
    Group,
    GroupPair,
}

impl Kind {
    pub(super) const COUNT: usize = 12;

    /// How much the kind counts: tuned on the validation part of HWU64 and, for Mandarin, on sentences of CrossWOZ with
    /// and without homophone errors.
    pub(super) fn weight(self) -> f32 {
        match self {
            Kind::Word | Kind::Stem | Kind::Letters | Kind::Han | Kind::HanPiece | Kind::SyllablePiece => 1.0,
            Kind::Pair | Kind::Apart => 0.7,
            Kind::Group => 0.8,
            Kind::Syllable | Kind::GroupPair => 0.5,
            Kind::Edge => 0.3,
        }
    }
}

/// One feature: its kind, and a hash of kind and text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Feature {
    pub(super) kind: Kind,
    pub(super) id: u64,
}

impl Feature {
    /// FNV-1a: the same on every machine, so that training is.
    fn new(kind: Kind, parts: &[&str]) -> Feature {
        let bytes = parts.iter().flat_map(|p| p.bytes().chain([0xff]));
        let start = 0xcbf2_9ce4_8422_2325 ^ (kind as u64 + 1);
        let id = bytes.fold(start, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        Feature { kind, id }
    }
}

/// Stems this far apart in a sentence still make a pair.
const APART_MAX: usize = 4;
/// The same for pairs of groups.
const GROUPS_APART_MAX: usize = 3;
/// A part of a word, in letters; its ends count as spaces.
const LETTERS: std::ops::RangeInclusive<usize> = 2..=4;

/// Lower case, simplified characters, punctuation to spaces, single spaces.
pub fn normalise(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for ch in text.chars() {
        if ch.is_alphanumeric() || ch == '\'' {
            out.extend(simplified(ch).to_lowercase());
        } else if !out.ends_with(' ') && !out.is_empty() {
            out.push(' ');
        }
    }
    out.trim_end().to_owned()
}

/// Every feature of `text`, with repeats, in order: equal ones stand beside each other.
pub(super) fn features(text: &str) -> Vec<Feature> {
    // Mandarin has no spaces, and in "查balance" each language has its own features.
    let normal = normalise(text);
    let spaced: String = normal.chars().map(|c| if is_han(c) { ' ' } else { c }).collect();
    let mut out = Vec::new();
    english(&english::words(&spaced), &mut out);
    let han: Vec<char> = normal.chars().filter(|c| is_han(*c)).collect();
    mandarin(&han, &mut out);
    out.sort_unstable();
    out
}

fn english(words: &[&str], out: &mut Vec<Feature>) {
    let stems: Vec<&str> = words.iter().map(|w| english::stem(w)).collect();
    let mut push = |kind, parts: &[&str]| out.push(Feature::new(kind, parts));
    for word in words {
        push(Kind::Word, &[word]);
        let padded = format!(" {word} ");
        let ends: Vec<usize> = padded.char_indices().map(|(at, _)| at).chain([padded.len()]).collect();
        for n in LETTERS {
            for ends in ends.windows(n + 1) {
                if let [from, .., to] = *ends {
                    push(Kind::Letters, &[padded.get(from..to).unwrap_or_default()]);
                }
            }
        }
    }
    for (i, stem) in stems.iter().enumerate() {
        push(Kind::Stem, &[stem]);
        for (distance, other) in stems.iter().skip(i + 1).take(APART_MAX).enumerate() {
            push(if distance == 0 { Kind::Pair } else { Kind::Apart }, &[stem, other]);
        }
    }
    let groups: Vec<Option<String>> = stems.iter().map(|s| alike::group(s).map(|g| g.to_string())).collect();
    let shared = |at: usize| groups.get(at).and_then(Option::as_deref);
    for at in 0..stems.len() {
        if let Some(group) = shared(at) {
            push(Kind::Group, &[group]);
        }
        for other in at + 1..stems.len().min(at + GROUPS_APART_MAX + 1) {
            if shared(at).is_some() || shared(other).is_some() {
                let name = |at: usize| shared(at).or(stems.get(at).copied()).unwrap_or_default();
                push(Kind::GroupPair, &[name(at), name(other)]);
            }
        }
    }
    for n in 1..=2 {
        for (side, edge) in
            [("^", stems.get(..n)), ("$", stems.len().checked_sub(n).and_then(|at| stems.get(at..)))]
        {
            if let Some(edge) = edge {
                push(Kind::Edge, &[&[side], edge].concat());
            }
        }
    }
}

fn mandarin(han: &[char], out: &mut Vec<Feature>) {
    let syllables: Vec<&str> = han.iter().filter_map(|c| c.to_pinyin().map(pinyin::Pinyin::plain)).collect();
    for n in 1..=3 {
        let (han_kind, syllable_kind) =
            if n == 1 { (Kind::Han, Kind::Syllable) } else { (Kind::HanPiece, Kind::SyllablePiece) };
        out.extend(han.windows(n).map(|w| Feature::new(han_kind, &[&w.iter().collect::<String>()])));
        out.extend(syllables.windows(n).map(|w| Feature::new(syllable_kind, w)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn punctuation_and_case_do_not_matter() {
        assert_eq!(features("Hello, World!"), features("hello world"));
        assert_eq!(normalise("  我家，停水了！"), "我家 停水了");
        assert_eq!(features("我要轉人工"), features("我要转人工"));
        assert!(features("?! …").is_empty());
    }

    #[test]
    fn homophones_share_their_pinyin_features() {
        let a = features("报修");
        let b = features("抱修");
        assert!(a.iter().any(|f| f.kind == Kind::Syllable && b.contains(f)));
    }

    #[test]
    fn forms_of_a_word_share_their_stem() {
        let a = features("street lights");
        let b = features("the street light");
        assert!(a.iter().any(|f| f.kind == Kind::Pair && b.contains(f)));
    }
}
