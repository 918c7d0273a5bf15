//! Texts with values in them: "Your bill is {amount}." becomes "Your bill is 20 dollars." or 您的账单是20元。

/// The names in braces, in order.
pub(crate) fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name)
}

/// True if there is a name in braces.
pub(super) fn has_values(text: &str) -> bool {
    names(text).next().is_some()
}

/// `text` with each name replaced by what `value` has for it, and by nothing where it has none.
pub(super) fn fill(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, tail)) = after.split_once('}') else { break };
        out.push_str(before);
        out.push_str(&value(name).unwrap_or_default());
        rest = tail;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_and_what_is_unknown_or_unclosed_does_no_harm() {
        let value = |name: &str| (name == "a").then(|| "1".to_owned());
        assert_eq!(fill("x {a} y {b}.", value), "x 1 y .");
        assert_eq!(fill("x {a", value), "x {a");
        assert_eq!(names("{a} and {b} {c").collect::<Vec<_>>(), ["a", "b"]);
        assert!(!has_values("nothing"));
    }
}
