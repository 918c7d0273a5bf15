//! The value of From, To, Contact, Route and their like (RFC 3261 §20.10, §25.1).
//!
//! In: the text of one value, unfolded. Out: [`NameAddr`], a view of its parts.

use super::syntax::{Params, Wrong, balanced, before, blank, find, push, quote, quoted, unquote};
use super::uri::Uri;
use memchr::memchr3;
use std::borrow::Cow;
use std::fmt;

/// The parts of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// As it is written, with its quotes.
    display: &'a str,
    uri: &'a str,
    /// The header parameters (not those of the URI), after their semicolon.
    params: &'a str,
}

impl<'a> NameAddr<'a> {
    /// Reads one value.
    ///
    /// # Errors
    /// Unbalanced quotes or angles, no URI, or a bare URI holding what only `<…>` may hold (RFC 3261 §20.10).
    pub fn parse(text: &'a str) -> Result<NameAddr<'a>, Wrong> {
        let (head, rest) = text.split_at_checked(addr_at(text.as_bytes())?).unwrap_or((text, ""));
        let (display, uri, params) = match rest.strip_prefix('<') {
            Some(rest) => {
                let (uri, rest) = before(rest, b'>').ok_or("Unbalanced Quote")?;
                let rest = rest.trim_ascii_start();
                let params =
                    rest.strip_prefix(';').or(rest.is_empty().then_some(rest)).ok_or("Bad Name-Addr")?;
                (head.trim_ascii(), uri.trim_ascii(), params)
            }
            None if memchr3(b'?', b',', b'"', head.as_bytes()).is_some() => return Err("Bad Addr-Spec"),
            None => ("", head.trim_ascii(), rest.strip_prefix(';').unwrap_or_default()),
        };
        if blank(uri) || before(uri, b':').is_none() {
            return Err("Bad URI");
        }
        balanced(params)?;
        Ok(NameAddr { display, uri, params })
    }

    /// Nothing but a URI.
    pub(super) fn bare(uri: &'a str) -> NameAddr<'a> {
        NameAddr { display: "", uri, params: "" }
    }

    /// The display name, unquoted.
    pub fn display(&self) -> Option<Cow<'a, str>> {
        Some(unquote(self.display)).filter(|display| !display.is_empty())
    }

    /// The URI as written.
    pub fn uri(&self) -> &'a str {
        self.uri
    }

    /// The header parameters.
    pub fn params(&self) -> Params<'a> {
        Params(self.params)
    }

    /// The value of one header parameter, as [`Params::get`] has it.
    pub fn param(&self, name: &str) -> Option<Cow<'a, str>> {
        find(self.params, b';', name)
    }

    /// The tag parameter (RFC 3261 §19.3).
    pub fn tag(&self) -> Option<Cow<'a, str>> {
        self.param("tag").filter(|t| !t.is_empty())
    }

    /// As this program writes it.
    pub(super) fn text(&self) -> String {
        let mut text = self.addr(self.params.len());
        if blank(self.params) {
            text.push_str(&self.params().to_string());
        } else if !self.params.is_empty() {
            text.push(';');
            text.push_str(self.params);
        }
        text
    }

    /// All but the parameters, with room for those.
    fn addr(&self, more: usize) -> String {
        let mut text = String::with_capacity(self.display.len() + self.uri.len() + more + 8);
        if let Some(display) = self.display() {
            text.push_str(&quote(&display));
            text.push(' ');
        }
        for part in ["<", self.uri, ">"] {
            text.push_str(part);
        }
        text
    }

    /// The same with this tag, as text.
    pub(super) fn tagged(&self, tag: &str) -> String {
        let mut text = self.addr(self.params.len() + tag.len());
        for (name, value) in self.params().iter().filter(|(name, _)| !name.eq_ignore_ascii_case("tag")) {
            push(&mut text, name, value);
        }
        push(&mut text, "tag", Some(tag));
        text
    }

    /// The URI in parts.
    ///
    /// # Errors
    /// What [`Uri::parse`] says.
    pub fn parsed(&self) -> Result<Uri<'a>, Wrong> {
        Uri::parse(self.uri)
    }
}

/// Where the `<` outside of quotes stands, or, without one, the `;` that ends an addr-spec, or the end.
fn addr_at(text: &[u8]) -> Result<usize, Wrong> {
    let mut i = 0;
    // In most it is the first octet, or follows a short name: no need for memchr.
    let stop = |c: &u8| matches!(c, b'<' | b'"' | b';');
    while let Some(found) = text.get(i..).unwrap_or_default().iter().position(stop) {
        i += found;
        if text.get(i) != Some(&b'"') {
            return Ok(i);
        }
        i += quoted(text.get(i + 1..).unwrap_or_default()).ok_or("Unbalanced Quote")? + 2;
    }
    Ok(text.len())
}

impl fmt::Display for NameAddr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_addr_keeps_uri_parameters_apart_from_its_own() {
        let n = NameAddr::parse("\"Wat\\\"son, T.\" <sip:w@h;lr?x=1>;tag=a;q=0.5").unwrap();
        assert_eq!(n.display().as_deref(), Some("Wat\"son, T."));
        assert_eq!(n.uri(), "sip:w@h;lr?x=1");
        assert_eq!((n.tag().as_deref(), n.param("Q").as_deref()), (Some("a"), Some("0.5")));
        assert_eq!(NameAddr::parse(&n.to_string()).unwrap(), n);
        let tagged = |text: &str| NameAddr::parse(text).unwrap().tagged("new");
        assert_eq!(tagged("<sip:w@h>"), "<sip:w@h>;tag=new");
        assert_eq!(tagged("Ann <sip:w@h>;a;tag=old"), "\"Ann\" <sip:w@h>;a;tag=new");
        assert_eq!(tagged("sip:w@h;a=b;tag=old"), "<sip:w@h>;a=b;tag=new");
    }

    #[test]
    fn without_angles_parameters_belong_to_the_header() {
        let parse = |text: &'static str| NameAddr::parse(text);
        let n = parse("sip:w@h;tag=x").unwrap();
        assert_eq!((n.uri(), n.tag().as_deref()), ("sip:w@h", Some("x")));
        assert!(parse("sip:w@h?Route=x").is_err());
        assert!(parse("\"open <sip:w@h>").is_err());
        assert!(parse("<sip:w@h").is_err());
    }
}
