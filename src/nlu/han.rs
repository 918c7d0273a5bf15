//! Han characters: which they are, and traditional ones as simplified.
//!
//! General recognisers (whisper among them) write Mandarin in traditional characters now and then, whatever was asked for,
//! and lines in Taipei or Hong Kong are written in them. Both sides are made simplified before they are compared, a
//! character at a time, so that places in the text stay what they are. The table is OpenCC's, of 4,100 characters.

use hanconv::RawDictionary::TSCharacters;
use std::collections::HashMap;
use std::sync::LazyLock;

static SIMPLIFIED: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    let pairs = TSCharacters.iter().map(|(from, to)| (from.chars(), to.chars()));
    pairs.filter_map(|(mut from, mut to)| Some((from.next()?, to.next()?))).collect()
});

/// True for a Han character.
pub(super) fn is_han(ch: char) -> bool {
    matches!(ch, '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}')
}

/// The simplified character in place of a traditional one; others as they are.
pub(super) fn simplified(ch: char) -> char {
    match ch {
        // Not in the table, for 著 is also simplified (著名); in what callers say it is 着 (著火).
        '著' => '着',
        _ if is_han(ch) => SIMPLIFIED.get(&ch).copied().unwrap_or(ch),
        _ => ch,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traditional_characters_become_simplified_and_others_stay() {
        let made: String = "我要轉人工，餘額不對；请再说 one 遍".chars().map(simplified).collect();
        assert_eq!(made, "我要转人工，余额不对；请再说 one 遍");
    }
}
