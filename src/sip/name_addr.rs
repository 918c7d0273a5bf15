//! The value of From, To, Contact, Route and their like (RFC 3261 §20.10, §25.1).
//!
//! In: the text of one value, unfolded. Out: [`NameAddr`], which keeps that text and where its parts stand in it: one count
//! of references for all of them.

use super::syntax::{
    Params, Text, Wrong, balanced, before, blank, find, place, push, quote, quoted, share, unquote,
};
use super::uri::Uri;
use memchr::memchr3;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// One text, and where its parts stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameAddr {
    text: Text,
    display: Range<usize>,
    uri: Range<usize>,
    /// Where the header parameters begin (not those of the URI): after their semicolon.
    params: usize,
}

impl NameAddr {
    /// Reads one value.
    ///
    /// # Errors
    /// Unbalanced quotes or angles, no URI, or a bare URI holding what only `<…>` may hold (RFC 3261 §20.10).
    pub fn parse(text: Text) -> Result<NameAddr, Wrong> {
        let all: &str = &text;
        let (head, rest) = all.split_at_checked(addr_at(all.as_bytes())?).unwrap_or((all, ""));
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
        let (display, uri) = (place(&text, display), place(&text, uri));
        let params = text.len() - params.len();
        Ok(NameAddr { text, display, uri, params })
    }

    /// Nothing but a URI.
    pub(super) fn bare(uri: Text) -> NameAddr {
        NameAddr { display: 0..0, uri: 0..uri.len(), params: uri.len(), text: uri }
    }

    /// The display name, unquoted.
    pub fn display(&self) -> Option<Cow<'_, str>> {
        let display = self.text.get(self.display.clone()).unwrap_or_default();
        Some(unquote(display)).filter(|display| !display.is_empty())
    }

    /// The URI as written.
    pub fn uri(&self) -> &str {
        self.text.get(self.uri.clone()).unwrap_or_default()
    }

    /// The URI as written, to keep.
    pub fn uri_text(&self) -> Text {
        self.text.slice_ref(self.uri())
    }

    /// The header parameters.
    pub fn params(&self) -> Params {
        Params(self.text.slice_ref(self.text.get(self.params..).unwrap_or_default()))
    }

    /// The value of one header parameter, as [`Params::get`] has it.
    pub fn param(&self, name: &str) -> Option<Cow<'_, str>> {
        find(self.text.get(self.params..)?, b';', name)
    }

    /// The tag parameter (RFC 3261 §19.3).
    pub fn tag(&self) -> Option<Text> {
        Some(share(&self.text, self.param("tag").filter(|t| !t.is_empty())?))
    }

    /// The same with this tag.
    pub(super) fn tagged(&self, tag: &str) -> NameAddr {
        let head = self.text.get(..self.params).unwrap_or_default().trim_end_matches(';');
        let mut text = String::with_capacity(self.text.len() + tag.len() + 8);
        text.push_str(head);
        for (name, value) in self.params().iter().filter(|(name, _)| !name.eq_ignore_ascii_case("tag")) {
            push(&mut text, name, value);
        }
        push(&mut text, "tag", Some(tag));
        NameAddr { params: head.len() + 1, text: text.into(), ..self.clone() }
    }

    /// The URI in parts.
    ///
    /// # Errors
    /// What [`Uri::parse`] says.
    pub fn parsed(&self) -> Result<Uri, Wrong> {
        Uri::parse(&self.uri_text())
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

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(display) = self.display() {
            write!(f, "{} ", quote(&display))?;
        }
        write!(f, "<{}>{}", self.uri(), self.params())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_addr_keeps_uri_parameters_apart_from_its_own() {
        let parse = |text: String| NameAddr::parse(text.into());
        let n = parse("\"Wat\\\"son, T.\" <sip:w@h;lr?x=1>;tag=a;q=0.5".into()).unwrap();
        assert_eq!(n.display().as_deref(), Some("Wat\"son, T."));
        assert_eq!(n.uri(), "sip:w@h;lr?x=1");
        assert_eq!((n.tag().as_deref(), n.param("Q").as_deref()), (Some("a"), Some("0.5")));
        assert_eq!(parse(n.to_string()).unwrap(), n);
        let tagged = |text: &str| NameAddr::parse(text.into()).unwrap().tagged("new");
        assert_eq!(
            (tagged("<sip:w@h>").to_string(), tagged("<sip:w@h>").tag().as_deref()),
            ("<sip:w@h>;tag=new".into(), Some("new"))
        );
        assert_eq!(tagged("sip:w@h;a=b;tag=old").to_string(), "<sip:w@h>;a=b;tag=new");
    }

    #[test]
    fn without_angles_parameters_belong_to_the_header() {
        let parse = |text: &str| NameAddr::parse(text.into());
        let n = parse("sip:w@h;tag=x").unwrap();
        assert_eq!((n.uri(), n.tag().as_deref()), ("sip:w@h", Some("x")));
        assert!(parse("sip:w@h?Route=x").is_err());
        assert!(parse("\"open <sip:w@h>").is_err());
        assert!(parse("<sip:w@h").is_err());
    }
}
