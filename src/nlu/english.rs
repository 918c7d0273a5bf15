//! English words made alike: contractions written out, endings taken off.

/// Shortened words that no rule covers.
const SHORT: &[(&str, &str, &str)] = &[
    ("can't", "can", "not"),
    ("cannot", "can", "not"),
    ("won't", "will", "not"),
    ("dont", "do", "not"),
    ("whats", "what", "is"),
    ("im", "i", "am"),
];

/// What an apostrophe hides. "'s" is more often "is" than a genitive in what callers say.
const HIDDEN: &[(&str, &str)] = &[
    ("n't", "not"),
    ("'s", "is"),
    ("'m", "am"),
    ("'re", "are"),
    ("'ll", "will"),
    ("'ve", "have"),
    ("'d", "would"),
];

/// Endings of plurals and verbs, with the letters that must be left; the first that fits is taken off.
const ENDINGS: &[(&str, usize)] = &[
    ("ings", 4),
    ("ing", 3),
    ("ies", 3),
    ("ied", 3),
    ("es", 3),
    ("ed", 3),
    ("s", 3),
    ("e", 3),
    ("y", 3),
    ("ly", 3),
];

/// The words of a normalised text with contractions written out: "what's" → "what", "is".
pub(super) fn words(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    for word in text.split_whitespace() {
        let hidden = || HIDDEN.iter().find_map(|(end, full)| Some((word.strip_suffix(end)?, *full)));
        let short = SHORT.iter().find(|(s, ..)| *s == word).map(|(_, a, b)| (*a, *b));
        match short.or_else(hidden) {
            Some((first, second)) => out.extend([first, second]),
            None => out.push(word),
        }
    }
    out.iter_mut().for_each(|w| *w = w.trim_matches('\''));
    out.retain(|w| !w.is_empty());
    out
}

/// What "pay", "pays", "paying" have in common; not always a word ("opening" → "open", "stopped" → "stop").
pub(super) fn stem(word: &str) -> &str {
    for (ending, least) in ENDINGS {
        let Some(stem) = word.strip_suffix(ending).filter(|s| s.chars().count() >= *least) else { continue };
        let mut letters = stem.chars().rev();
        let (last, before) = (letters.next(), letters.next());
        if *ending == "s" && last == Some('s') {
            continue;
        }
        let verb = matches!(*ending, "ings" | "ing" | "ed");
        let doubled = verb && last == before && !matches!(last, Some('l' | 's'));
        let shorter = stem.chars().count() > 3 && (doubled || last == Some('e'));
        return last.filter(|_| shorter).and_then(|l| stem.strip_suffix(l)).unwrap_or(stem);
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contractions_are_written_out() {
        assert_eq!(
            words("what's up i can't pay mother's"),
            "what is up i can not pay mother is".split(' ').collect::<Vec<_>>()
        );
        assert_eq!(words("' ''"), Vec::<&str>::new());
    }

    #[test]
    fn endings_of_one_word_fall_together() {
        for (forms, common) in [
            (&["light", "lights"][..], "light"),
            (&["stop", "stopped", "stopping", "stops"], "stop"),
            (&["close", "closes", "closed", "closing"], "clos"),
            (&["call", "calls", "called", "calling"], "call"),
        ] {
            for form in forms {
                assert_eq!(stem(form), common, "{form}");
            }
        }
        assert_eq!(stem("is"), "is");
        assert_eq!(stem("loss"), "loss");
    }
}
