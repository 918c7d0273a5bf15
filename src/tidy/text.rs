//! Reading sources as text: what counts as code, where words stand, what is imported.

/// `text` with comments, strings and characters blanked.
pub(super) fn blank(text: &str) -> String {
    let c: Vec<char> = text.chars().collect();
    let (mut out, mut i) = (String::with_capacity(text.len()), 0);
    let at = |i: usize| c.get(i).copied().unwrap_or('\0');
    // Up to `end`, blanks; line ends stay.
    let hide = |out: &mut String, from: usize, end: usize| {
        out.extend((from..end.min(c.len())).map(|i| if at(i) == '\n' { '\n' } else { ' ' }));
    };
    while i < c.len() {
        let word_before = i > 0 && (at(i - 1).is_alphanumeric() || at(i - 1) == '_');
        let mut end = i;
        if at(i) == '/' && at(i + 1) == '/' {
            while end < c.len() && at(end) != '\n' {
                end += 1;
            }
        } else if at(i) == 'r' && !word_before && (at(i + 1) == '"' || at(i + 1) == '#') {
            let hashes = (i + 1..c.len()).take_while(|j| at(*j) == '#').count();
            if at(i + 1 + hashes) == '"' {
                end = i + 2 + hashes;
                while end < c.len() && !(at(end) == '"' && (1..=hashes).all(|k| at(end + k) == '#')) {
                    end += 1;
                }
                end += 1 + hashes;
            }
        } else if at(i) == '"' {
            end = i + 1;
            while end < c.len() && at(end) != '"' {
                end += if at(end) == '\\' { 2 } else { 1 };
            }
            end += 1;
        } else if at(i) == '\'' && at(i + 1) == '\\' {
            end = (i + 3..c.len()).find(|j| at(*j) == '\'').unwrap_or(i) + 1;
        } else if at(i) == '\'' && at(i + 2) == '\'' {
            end = i + 3;
        }
        if end > i {
            hide(&mut out, i, end);
            i = end;
        } else {
            out.push(at(i));
            i += 1;
        }
    }
    out
}

/// The octet after the brace that closes the first one from `from` on.
pub(super) fn closing(code: &str, from: usize) -> usize {
    let mut depth = 0;
    for (i, octet) in code.bytes().enumerate().skip(from) {
        match octet {
            b'{' => depth += 1,
            b'}' if depth == 1 => return i + 1,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// `code` with its inline test modules blanked.
pub(super) fn without_tests(code: &str) -> String {
    let mut code = code.to_owned();
    while let Some(from) = code.find("#[cfg(test)]") {
        let rest = &code[from..];
        let inline = rest.find('{').filter(|brace| rest.find(';').is_none_or(|end| *brace < end));
        let end = if inline.is_some() { closing(&code, from) } else { from + "#[cfg(test)]".len() };
        let hidden: String = code[from..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        code.replace_range(from..end, &hidden);
    }
    code
}

pub(super) fn line_of(code: &str, at: usize) -> usize {
    1 + code[..at].matches('\n').count()
}

/// Every place where `word` stands by itself.
pub(super) fn places<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let open = letter(word.chars().last());
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = letter(code[..*at].chars().last());
        let after = open && letter(code[at + word.len()..].chars().next());
        !before && !after
    })
}

/// The rooms that `code` names after `crate::`, with their lines.
pub(super) fn imports(code: &str) -> Vec<(String, usize)> {
    let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut out = Vec::new();
    for at in places(code, "crate::") {
        let (rest, line) = (&code[at + "crate::".len()..], line_of(code, at));
        let Some(list) = rest.strip_prefix('{') else {
            out.push((name(rest), line));
            continue;
        };
        let mut depth = 0;
        for (i, c) in list.char_indices() {
            match c {
                '}' if depth == 0 => break,
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            let first = list[..i].trim_end().chars().last().is_none_or(|c| c == ',');
            if depth == 0 && first && c.is_alphabetic() {
                out.push((name(&list[i..]), line));
            }
        }
    }
    out
}

#[test]
fn the_rules_see_what_they_are_to_see() {
    let text = "use crate::{base::Now, sip};\n// unsafe\nlet a = \"unsafe { '{' }\"; let b = '{'; r#\"tokio\"#;\n\
                #[cfg(test)]\nmod tests { fn f() { std::fs::read(x) } }\nfn g<'a>() {}\n";
    let code = blank(text);
    assert_eq!(code.lines().count(), text.lines().count());
    assert!(!code.contains("unsafe") && !code.contains("tokio") && code.contains("fn g<'a>() {}"));
    assert_eq!(imports(&code), [("base".to_owned(), 1), ("sip".to_owned(), 1)]);
    let product = without_tests(&code);
    assert!(!product.contains("std::fs") && product.contains("fn g"));
    assert_eq!(places("Mutex MutexGuard xMutex", "Mutex").collect::<Vec<_>>(), [0]);
}
