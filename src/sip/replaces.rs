//! Which dialog of ours a new one is to take the place of (RFC 3891): in an INVITE, or in the Refer-To of a REFER.

use super::endpoint::Endpoint;
use super::leg::State;
use super::message::Message;
use super::name::Name;
use super::reply::Fault;
use super::syntax::{Wrong, find};
use crate::base::LegId;

/// The value of a Replaces header (§6.1).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Replaces {
    call_id: String,
    to_tag: String,
    from_tag: String,
    /// Only if that dialog has not been answered.
    early_only: bool,
}

impl Replaces {
    pub(super) fn read(value: &str) -> Result<Replaces, Wrong> {
        let (call_id, params) = value.split_once(';').ok_or("Bad Replaces")?;
        let tag = |name| find(params, b';', name).filter(|t| !t.is_empty()).ok_or("Bad Replaces");
        Ok(Replaces {
            call_id: call_id.trim().into(),
            to_tag: tag("to-tag")?.into_owned(),
            from_tag: tag("from-tag")?.into_owned(),
            early_only: params.split(';').any(|p| p.trim().eq_ignore_ascii_case("early-only")),
        })
    }
}

impl Endpoint {
    /// The leg that a `Replaces` is about: its To tag is ours, its From tag the peer's (§3).
    pub(super) fn replaced(&self, replaces: &Replaces) -> Option<LegId> {
        let leg = self.leg_of(&replaces.call_id, &replaces.to_tag)?;
        let found = self.legs.get(&leg)?;
        let theirs = found.dialog.remote_tag();
        (!found.ended && theirs.as_deref() == Some(&*replaces.from_tag)).then_some(leg)
    }

    /// The leg that an INVITE is to take the place of, if it says so.
    ///
    /// # Errors
    /// More than one, or one that cannot be read (400); no such dialog, or one that is not answered (481: those that we
    /// ring may not be taken away from us, and what we have not answered is not ours to give); answered, and the sender does
    /// not want that (486).
    pub(super) fn to_replace(&self, invite: &Message) -> Result<Option<LegId>, Fault> {
        let mut values = invite.all(Name::Replaces);
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(Fault::BadRequest("One Replaces Allowed"));
        }
        let replaces = Replaces::read(value).map_err(Fault::BadRequest)?;
        let leg = self.replaced(&replaces).ok_or(Fault::NoDialog)?;
        match self.legs.get(&leg).is_some_and(|l| matches!(l.state, State::Up)) {
            true if replaces.early_only => Err(Fault::Busy),
            true => Ok(Some(leg)),
            false => Err(Fault::NoDialog),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialog_is_named_by_its_call_id_and_both_tags() {
        let read = Replaces::read("c@h;from-tag=theirs ;to-tag=ours").unwrap();
        let expected = Replaces {
            call_id: "c@h".into(),
            to_tag: "ours".into(),
            from_tag: "theirs".into(),
            early_only: false,
        };
        assert_eq!(read, expected);
        assert!(Replaces::read("c;to-tag=a;from-tag=b;early-only").unwrap().early_only);
        for bad in ["c", "c;to-tag=a", "c;to-tag=;from-tag=b"] {
            assert_eq!(Replaces::read(bad), Err("Bad Replaces"), "{bad}");
        }
    }
}
