//! Codes of letters and digits: postcodes, licence plates, and numbers that carry their own check.

use super::digits;
use super::number_zh;
use super::token::{Kind, Tokens};
use super::types::POSTCODES;
use super::value::Fault;
use crate::base::Lang;

/// Spelling words (ICAO Annex 10) and how letters sound where they are written as words.
const SPELLING: &[(&str, char)] = &[
    ("alpha", 'A'),
    ("alfa", 'A'),
    ("bravo", 'B'),
    ("charlie", 'C'),
    ("delta", 'D'),
    ("echo", 'E'),
    ("foxtrot", 'F'),
    ("golf", 'G'),
    ("hotel", 'H'),
    ("india", 'I'),
    ("juliet", 'J'),
    ("juliett", 'J'),
    ("kilo", 'K'),
    ("lima", 'L'),
    ("mike", 'M'),
    ("november", 'N'),
    ("oscar", 'O'),
    ("papa", 'P'),
    ("quebec", 'Q'),
    ("romeo", 'R'),
    ("sierra", 'S'),
    ("tango", 'T'),
    ("uniform", 'U'),
    ("victor", 'V'),
    ("whiskey", 'W'),
    ("whisky", 'W'),
    ("xray", 'X'),
    ("yankee", 'Y'),
    ("zulu", 'Z'),
];

/// The one character abbreviations of provinces on plates (GA 36-2018).
const PROVINCES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼";

/// Characters from `at` on, each with the place after it.
fn characters(lang: Lang, t: &Tokens, at: usize) -> Vec<(char, usize)> {
    let (mut out, mut next) = (Vec::new(), at);
    while next < t.len() {
        if let Some((letter, after)) = t.lookup(next, SPELLING) {
            out.push((letter, after));
            next = after;
        } else if t.is(next, &["-", "·", ","]) && !out.is_empty() {
            next += 1;
        } else if let Some((digits, after)) = spoken_digit(lang, t, next) {
            out.extend(digits.chars().map(|d| (d, after)));
            next = after;
        } else if t.kind(next) == Some(Kind::Word)
            && t.word(next).is_ascii()
            && (t.word(next).len() == 1 || t.glued(next) || t.glued(next + 1) || t.word(next).len() <= 2)
        {
            out.extend(t.word(next).chars().map(|c| (c.to_ascii_uppercase(), next + 1)));
            next += 1;
        } else {
            break;
        }
    }
    out
}

fn spoken_digit(lang: Lang, t: &Tokens, at: usize) -> Option<(String, usize)> {
    if let Some(digits) = t.digits(at) {
        return Some((digits.to_owned(), at + 1));
    }
    if lang == Lang::Zh {
        return number_zh::digit(t.word(at)).map(|d| (d.to_string(), at + 1));
    }
    // Letter O or zero: what stands alone as "o" is settled by the pattern.
    if t.word(at) == "o" {
        return None;
    }
    let (digits, next) = digits::string(lang, t, at)?;
    (next == at + 1 || t.is(at, &["double", "triple"])).then_some((digits, next)).or_else(|| {
        let small = super::number_en::SMALL.iter().position(|w| *w == t.word(at))?;
        Some((small.to_string(), at + 1))
    })
}

/// What one of `patterns` takes at `at`: the longest.
pub(super) fn pattern<'a>(
    lang: Lang,
    t: &Tokens,
    at: usize,
    patterns: impl Iterator<Item = &'a str>,
) -> Option<(String, usize)> {
    let have = characters(lang, t, at);
    let fit = |pattern: &str| {
        let wanted: Vec<char> = pattern.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        if wanted.is_empty() || have.len() < wanted.len() {
            return None;
        }
        let mut out = String::new();
        for (want, (got, _)) in wanted.iter().zip(&have) {
            let taken = match want {
                'A' => got.is_ascii_uppercase().then_some(*got),
                '9' if *got == 'O' => Some('0'),
                '9' => got.is_ascii_digit().then_some(*got),
                'X' => Some(*got),
                other => (got == other).then_some(*got),
            };
            out.push(taken?);
        }
        let next = have.get(wanted.len() - 1)?.1;
        // Not the beginning of a longer run.
        let longer =
            have.get(wanted.len()).is_some_and(|(c, n)| *n == next || c.is_ascii_digit() && t.glued(next));
        (!longer).then_some((out, next))
    };
    patterns.filter_map(fit).max_by_key(|(code, _)| code.len())
}

/// A postcode of one of `countries`.
pub(super) fn postcode(lang: Lang, t: &Tokens, at: usize, countries: &[String]) -> Option<(String, usize)> {
    let known = POSTCODES.iter().filter(|(c, _)| countries.iter().any(|k| k == c));
    pattern(lang, t, at, known.flat_map(|(_, patterns)| patterns.iter().copied()))
}

/// A Chinese plate: 京A12345, and 京AD12345 or 京A12345D for new energy.
pub(super) fn plate(t: &Tokens, at: usize) -> Option<(String, usize)> {
    let province = t.word(at).chars().next().filter(|c| PROVINCES.contains(*c))?;
    let have = characters(Lang::Zh, t, at + 1);
    let energy = |s: &str| {
        let mut tail = s.chars().skip(1);
        let (first, last) = (tail.next(), s.chars().last());
        matches!(first, Some('A'..='H' | 'J' | 'K')) && s.chars().skip(3).all(|c| c.is_ascii_digit())
            || matches!(last, Some('A'..='H' | 'J' | 'K'))
                && s.chars().skip(1).take(5).all(|c| c.is_ascii_digit())
    };
    for length in [7, 6] {
        let Some((_, next)) = have.get(length - 1) else { continue };
        let text: String = have.iter().take(length).map(|(c, _)| *c).collect();
        let fits = text.starts_with(|c: char| c.is_ascii_uppercase()) && !text.contains(['I', 'O']);
        if fits && (length == 6 || energy(&text)) {
            return Some((format!("{province}{text}"), *next));
        }
    }
    None
}

/// A resident identity number: 17 digits and a check character (GB 11643-1999, ISO 7064 MOD 11-2).
pub(super) fn id_card(lang: Lang, t: &Tokens, at: usize) -> Option<(String, Option<Fault>, usize)> {
    let have: Vec<(char, usize)> = characters(lang, t, at);
    let digits = have.iter().take_while(|(c, _)| c.is_ascii_digit()).count();
    let count = if digits == 17 && have.get(17).is_some_and(|(c, _)| *c == 'X') { 18 } else { digits };
    let next = have.get(count.checked_sub(1)?)?.1;
    let text: String = have.iter().take(count).map(|(c, _)| *c).collect();
    let fault = match count {
        18 => (id_check(&text) != text.chars().last()).then_some(Fault::Check),
        15..=20 => Some(Fault::Length(count)),
        _ => return None,
    };
    Some((text, fault, next))
}

/// The check character of the first 17 digits.
fn id_check(digits: &str) -> Option<char> {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = digits.chars().zip(WEIGHTS).filter_map(|(c, w)| Some(c.to_digit(10)? * w)).sum();
    "10X98765432".chars().nth((sum % 11) as usize)
}

/// A card number: 12 to 19 digits (ISO/IEC 7812-1) with the Luhn check.
pub(super) fn bank_card(lang: Lang, t: &Tokens, at: usize) -> Option<(String, Option<Fault>, usize)> {
    let (digits, next) = digits::string(lang, t, at)?;
    if !(12..=19).contains(&digits.len()) || digits::part_of_a_word(t, at, next) {
        return None;
    }
    let fault = (!luhn(&digits)).then_some(Fault::Check);
    Some((digits, fault, next))
}

/// ISO/IEC 7812-1 annex B.
pub(super) fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .chars()
        .rev()
        .filter_map(|c| c.to_digit(10))
        .enumerate()
        .map(|(at, d)| if at % 2 == 1 { d * 2 / 10 + d * 2 % 10 } else { d })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_characters_are_computed_as_the_standards_say() {
        // The example of GB 11643-1999, and the well-known test card.
        assert_eq!(id_check("11010519491231002"), Some('X'));
        assert!(luhn("4111111111111111") && !luhn("4111111111111112"));
    }
}
