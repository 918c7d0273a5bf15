//! Text to features: what two sentences must share to be alike.
//!
//! English gives words, word pairs and the 3–4-letter pieces of words (so that an unseen ending still counts).
//! Mandarin gives characters, pairs and triples, and the same for toneless pinyin, because recognisers confuse
//! homophones (报修/暴修) that a caller never meant to be different.

use pinyin::ToPinyin;

/// One feature as text; the first character says its kind. Kinds `w` and `c` are the whole words and characters that
/// coverage is counted on.
pub(super) type Feature = String;

/// Lower case, punctuation to spaces, single spaces.
pub(super) fn normalise(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for ch in text.chars() {
        if ch.is_alphanumeric() || ch == '\'' {
            out.extend(ch.to_lowercase());
        } else if !out.ends_with(' ') && !out.is_empty() {
            out.push(' ');
        }
    }
    out.trim_end().to_owned()
}

/// True for a Han character.
pub(super) fn is_han(ch: char) -> bool {
    matches!(ch, '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}')
}

/// Every feature of `text`, with repeats.
pub(super) fn features(text: &str) -> Vec<Feature> {
    let text = normalise(text);
    let mut out = Vec::new();
    let words: Vec<&str> = text.split(' ').filter(|w| !w.is_empty() && !w.chars().any(is_han)).collect();
    for (i, word) in words.iter().enumerate() {
        out.push(format!("w{word}"));
        if let Some(next) = words.get(i + 1) {
            out.push(format!("b{word} {next}"));
        }
        let letters: Vec<char> = format!("^{word}$").chars().collect();
        for n in 3..=4 {
            out.extend(letters.windows(n).map(|piece| format!("p{}", piece.iter().collect::<String>())));
        }
    }
    let han: Vec<char> = text.chars().filter(|c| is_han(*c)).collect();
    for n in 1..=3 {
        let kind = if n == 1 { 'c' } else { 'h' };
        out.extend(han.windows(n).map(|piece| format!("{kind}{}", piece.iter().collect::<String>())));
    }
    let syllables: Vec<&str> = han.iter().filter_map(|c| c.to_pinyin().map(pinyin::Pinyin::plain)).collect();
    for n in 1..=2 {
        out.extend(syllables.windows(n).map(|piece| format!("y{}", piece.join(" "))));
    }
    out
}

/// True for the features that coverage is counted on.
pub(super) fn is_whole(feature: &str) -> bool {
    feature.starts_with('w') || feature.starts_with('c')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn punctuation_and_case_do_not_matter() {
        assert_eq!(features("Hello, World!"), features("hello world"));
        assert_eq!(normalise("  我家，停水了！"), "我家 停水了");
    }

    #[test]
    fn homophones_share_their_pinyin_features() {
        let a = features("报修");
        let b = features("抱修");
        assert!(a.iter().any(|f| f.starts_with('y') && b.contains(f)));
    }
}
