//! A text in sentences, to be rendered one after the other: the first is heard while the others are made.

/// Words with a point of their own, before which and after which the sentence goes on.
const ABBREVIATIONS: &[&str] = &[
    "approx", "ave", "blvd", "co", "corp", "dept", "dr", "ext", "fig", "inc", "jr", "ltd", "mr", "mrs", "ms",
    "mt", "prof", "rd", "sr", "st", "tel", "vol", "vs",
];
/// The same where a number follows: "No. 5", "Sept. 3".
const BEFORE_NUMBERS: &[&str] = &[
    "no", "nos", "nr", "p", "pp", "art", "sec", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep",
    "sept", "oct", "nov", "dec",
];

/// The sentences of `text`, each with the marks that end it; nothing of the text but spaces is left out.
///
/// A mark of Mandarin ends a sentence wherever it stands, one of English only before a space or the end. A point ends none after an
/// abbreviation, a single letter or a number at the beginning ("1. Press …"), nor before a small letter: two sentences that are said
/// as one cost nothing but time, half a sentence sounds wrong. Of Mandarin a semicolon is cut at too: a read-back of several values has no other mark.
pub fn pieces(text: &str) -> Vec<&str> {
    let (mut pieces, mut from) = (Vec::new(), 0);
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if !matches!(c, '。' | '！' | '？' | '；' | '.' | '!' | '?') {
            continue;
        }
        // "Is it?!", "He said: “Yes.”"
        let more = |c: char| matches!(c, '。' | '！' | '？' | '.' | '!' | '?') || is_closing(c);
        let mut end = at + c.len_utf8();
        while let Some((at, c)) = chars.next_if(|(_, c)| more(*c)) {
            end = at + c.len_utf8();
        }
        let before = text.get(from..at).unwrap_or_default();
        let after = text.get(end..).unwrap_or_default();
        let ends = !c.is_ascii() || after.is_empty() || after.starts_with(char::is_whitespace);
        if ends && !(c == '.' && goes_on(before, after.trim_start())) {
            pieces.extend(text.get(from..end));
            from = end;
        }
    }
    pieces.extend(text.get(from..));
    pieces.into_iter().map(str::trim).filter(|p| p.chars().any(char::is_alphanumeric)).collect()
}

fn is_closing(c: char) -> bool {
    matches!(c, '"' | '\'' | ')' | ']' | '”' | '’' | '」' | '』' | '）' | '》')
}

/// True if a point between the two does not end a sentence.
fn goes_on(before: &str, after: &str) -> bool {
    let word = before.rsplit(|c: char| c.is_whitespace() || c == '(').next().unwrap_or_default();
    let lower = word.to_lowercase();
    let letter = word.contains('.') || word.chars().count() == 1 && word.chars().all(char::is_alphabetic);
    let numbers = BEFORE_NUMBERS.contains(&lower.as_str()) && after.starts_with(|c: char| c.is_ascii_digit());
    let first = before.trim() == word && !word.is_empty() && word.chars().all(|c| c.is_ascii_digit());
    letter
        || numbers
        || first
        || ABBREVIATIONS.contains(&lower.as_str())
        || after.starts_with(char::is_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_where_its_sentences_end_in_both_languages() {
        for (text, expected) in [
            ("Your bill is 59 dollars. It is due today. Thank you!", 3),
            ("您的账单是59元。三月九日到期！还要办什么？", 3),
            ("Is that right?! He said: “Yes.” Good", 3),
            ("“可以吗？”他问。好", 3),
            ("金额500元；账号幺二三，四五六；日期三月三日，对吗？", 3),
            ("How are you", 1),
            ("", 0),
            (" … ", 0),
        ] {
            let found = pieces(text);
            assert_eq!(found.len(), expected, "{found:?}");
            let all = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
            assert_eq!(all(&found.concat()), all(text), "nothing is lost");
        }
        assert_eq!(pieces("To 12345678. Is that right?"), ["To 12345678.", "Is that right?"]);
        assert_eq!(pieces("金额50美元。对吗？"), ["金额50美元。", "对吗？"]);
    }

    #[test]
    fn no_cut_is_made_within_numbers_and_abbreviations() {
        for text in [
            "It is 3.5 degrees at 10.30 on 1.2.2026",
            "Ask for No. 5 in the hall",
            "From Sept. 3 with Mr. Smith and Dr. J. Wang of Acme Inc. in the U.S. today",
            "At 3 p.m. on Monday",
            "1. Press the key",
            "The price of approx. three dollars",
            "在3.5公里外",
            "Write to bank.example.com or www.example.com!now",
        ] {
            assert_eq!(pieces(text), [text]);
        }
        // What looks like an abbreviation is a word where no number follows.
        assert_eq!(pieces("No. Thank you."), ["No.", "Thank you."]);
    }
}
