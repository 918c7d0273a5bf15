//! What the keys of a `[[trunk]]` must be, one by one.

use super::super::file::File;
use super::super::number::{Form, Numbering};
use super::super::problem::Problem;
use super::super::team::Password;
use super::{RawTrunk, Trunk};
use crate::sip::Uri;
use std::time::Duration;
use toml::Spanned;

/// What numbers begin with.
pub(in crate::config) fn begins(
    file: &File,
    text: &Spanned<String>,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    let digits = text.get_ref().strip_prefix('+').unwrap_or(text.get_ref());
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        let help = "write it as \"+86\", or as the first digits of short numbers";
        problems.push(file.error(text.span(), "not the beginning of a number").help(Some(help.into())));
        return None;
    }
    Some(text.get_ref().clone())
}

/// Where calls go out to.
pub(super) fn to(file: &File, text: &Spanned<String>, problems: &mut Vec<Problem>) -> Option<String> {
    let uri = Uri::parse(text.get_ref()).ok();
    let fits = uri.is_some_and(|u| matches!(&*u.scheme, "sip" | "sips") && u.user.is_none());
    if !fits {
        let help = "write it as \"sip:carrier.example\", or \"sip:192.0.2.9:5080;transport=tcp\"";
        problems.push(file.error(text.span(), "not a SIP URI without a user").help(Some(help.into())));
    }
    fits.then(|| text.get_ref().clone())
}

/// User and password: both or neither, and each user once.
pub(super) fn login(
    file: &File,
    raw: &RawTrunk,
    others: &[Trunk],
    problems: &mut Vec<Problem>,
) -> Option<(String, Password)> {
    let (user, password) = match (&raw.user, &raw.password) {
        (None, None) => return None,
        (Some(user), Some(password)) => (user, password),
        (Some(user), None) => {
            let help = "add password = { env = \"NAME\" } or { file = \"/path\" }";
            problems.push(file.error(user.span(), "a user without a password").help(Some(help.into())));
            return None;
        }
        (None, Some(password)) => {
            let help = "add user = \"…\", as the other side has it";
            problems.push(file.error(password.span(), "a password without a user").help(Some(help.into())));
            return None;
        }
    };
    if let Some(other) = others.iter().find(|t| t.login.as_ref().is_some_and(|(u, _)| u == user.get_ref())) {
        let message = format!("trunk `{}` has user `{}` already", other.name, user.get_ref());
        problems.push(file.error(user.span(), message));
    }
    Some((user.get_ref().clone(), password.get_ref().source()))
}

/// Registering needs somebody to be, and somewhere to go.
pub(super) fn registers(file: &File, raw: &RawTrunk, problems: &mut Vec<Problem>) -> bool {
    let Some(register) = raw.register.as_ref().filter(|r| *r.get_ref()) else { return false };
    for (missing, what, help) in [
        (raw.user.is_none(), "a user", "add user = \"…\" and password = { env = \"NAME\" }"),
        (raw.to.is_none(), "a registrar", "add to = \"sip:carrier.example\""),
    ] {
        if missing {
            let message = format!("registering needs {what}");
            problems.push(file.error(register.span(), message).help(Some(help.into())));
        }
    }
    true
}

/// How often the trunk is asked whether it is alive.
pub(super) fn options(file: &File, raw: &RawTrunk, problems: &mut Vec<Problem>) -> Option<Duration> {
    let every = raw.options_s.as_ref()?;
    if !(5..=3600).contains(every.get_ref()) {
        problems.push(file.error(every.span(), "options_s must lie between 5 and 3600"));
    }
    if raw.to.is_none() {
        let help = "add to = \"sip:carrier.example\"";
        problems.push(file.error(every.span(), "there is nobody to ask").help(Some(help.into())));
    }
    Some(Duration::from_secs(*every.get_ref()))
}

pub(super) fn numbering(file: &File, raw: &RawTrunk, problems: &mut Vec<Problem>) -> Numbering {
    let mut digits = |text: &Option<Spanned<String>>, default: &str| match text {
        Some(text) if text.get_ref().bytes().all(|b| b.is_ascii_digit()) => text.get_ref().clone(),
        Some(text) => {
            let help = "write digits alone, such as \"86\" for +86, or \"0\"";
            problems.push(file.error(text.span(), "not digits").help(Some(help.into())));
            String::new()
        }
        None => default.to_owned(),
    };
    let numbering = Numbering {
        country: digits(&raw.country, ""),
        national_prefix: digits(&raw.national_prefix, "0"),
        international_prefix: digits(&raw.international_prefix, "00"),
    };
    if raw.numbers == Form::National && raw.country.is_none() {
        let help = "add country = \"86\", or whichever it is";
        let message = "national numbers need a country";
        problems.push(file.error(raw.name.span(), message).help(Some(help.into())));
    }
    if let (None, Some(prefix)) =
        (&raw.country, raw.national_prefix.as_ref().or(raw.international_prefix.as_ref()))
    {
        let help = "add country = \"86\", or whichever it is";
        problems.push(
            file.error(prefix.span(), "a prefix means nothing without a country").help(Some(help.into())),
        );
    }
    numbering
}

/// Refusals that send a call on to the next trunk.
pub(super) fn next_on(file: &File, list: &[Spanned<u16>], problems: &mut Vec<Problem>) -> Vec<u16> {
    let mut codes = Vec::new();
    for code in list {
        let fault = match code.get_ref() {
            401 | 407 | 422 | 487 => "is answered or caused by us, and says nothing of the trunk",
            400..=599 => {
                codes.push(*code.get_ref());
                continue;
            }
            600..=699 => "is the last word on every way to a number (RFC 3261 §21.6)",
            _ => "is no refusal",
        };
        let help = "choose among 400 to 599; by default 408, 480, 500, 502, 503 and 504";
        let message = format!("{} {fault}", code.get_ref());
        problems.push(file.error(code.span(), message).help(Some(help.into())));
    }
    codes
}
