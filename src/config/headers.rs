//! Which header fields of calls over a trunk go on, and which are added: `pass`, `strip` and `set` of a `[[trunk]]`.

use super::file::File;
use super::problem::Problem;
use crate::sip::Name;
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

/// A trunk's header policy. What is not passed ends here: this server is a party of every call, not a proxy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeaderPolicy {
    /// Fields that go on, each way; `X-*` stands for all that begin so.
    pub pass: Vec<String>,
    /// Exceptions from that.
    pub strip: Vec<String>,
    /// Fields of INVITEs over it.
    pub set: Vec<(String, String)>,
}

impl HeaderPolicy {
    /// True if the field called `name` may go on.
    pub fn passes(&self, name: &str) -> bool {
        let fits = |pattern: &String| match pattern.strip_suffix('*') {
            Some(begin) => name.get(..begin.len()).is_some_and(|n| n.eq_ignore_ascii_case(begin)),
            None => name.eq_ignore_ascii_case(pattern),
        };
        self.pass.iter().any(fits) && !self.strip.iter().any(fits) && free(name)
    }
}

/// True if the field means nothing to this program, which writes those that do itself.
fn free(name: &str) -> bool {
    Name::of(name.as_bytes()) == Name::Other
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct RawHeaders {
    pass: Vec<Spanned<String>>,
    strip: Vec<Spanned<String>>,
    set: BTreeMap<Spanned<String>, Spanned<String>>,
}

impl RawHeaders {
    pub(super) fn read(self, file: &File, problems: &mut Vec<Problem>) -> HeaderPolicy {
        for name in self.pass.iter().chain(&self.strip).chain(self.set.keys()) {
            let pattern = name.get_ref().strip_suffix('*').unwrap_or(name.get_ref());
            let token = pattern.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b));
            if !token || name.get_ref().is_empty() {
                let help = "write the name of a header field, such as \"X-Account\"";
                problems.push(file.error(name.span(), "not a header field").help(Some(help.into())));
            } else if !free(name.get_ref()) {
                let message = format!("{} is written by this server itself", name.get_ref());
                problems.push(file.error(name.span(), message));
            }
        }
        for (name, value) in &self.set {
            if name.get_ref().ends_with('*') {
                problems.push(file.error(name.span(), "a field that is set needs its whole name"));
            }
            if value.get_ref().chars().any(char::is_control) {
                problems.push(file.error(value.span(), "a header field is one line of text"));
            }
        }
        let plain = |all: Vec<Spanned<String>>| all.into_iter().map(Spanned::into_inner).collect();
        let set = self.set.into_iter().map(|(name, value)| (name.into_inner(), value.into_inner()));
        HeaderPolicy { pass: plain(self.pass), strip: plain(self.strip), set: set.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_passed_and_not_stripped_goes_on_and_what_the_server_writes_never_does() {
        let all = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        let headers =
            HeaderPolicy { pass: all(&["X-*", "User-to-User"]), strip: all(&["x-secret"]), set: Vec::new() };
        assert!(headers.passes("x-account") && headers.passes("USER-TO-USER"));
        assert!(!headers.passes("X-Secret") && !headers.passes("Subject"));
        let every = HeaderPolicy { pass: all(&["*"]), ..HeaderPolicy::default() };
        assert!(every.passes("Subject") && !every.passes("Via") && !every.passes("Contact"));
    }
}
