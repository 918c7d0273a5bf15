//! Somebody else takes the place of a party that talks (INVITE with Replaces, RFC 3891): a customer's switchboard hands its
//! end over, or an agent goes on at another phone.
//!
//! ```text
//! INVITE, Replaces ─► who may? ─► port ─► 200 ─► ACK ─► joined with the other party; BYE to the leg that was there
//!                        │ 403, 481, 488    │ 488, 503, gone: the talk goes on as it was
//! ```
//! Who comes over the trunk of the customer may take the customer's place, and an agent's account that of its own phone. Only
//! a talk can be taken over: what is said to a caller in a dialogue or a queue is for that leg. A recording is of the leg that
//! began it, and ends with that.

use super::cdr::Moment;
use super::event::Output;
use super::incoming::Refusal;
use super::journey::{Call, Stage};
use super::leg::{Leg, Terms};
use super::switch::{Shared, Switch};
use crate::base::{LegId, Now};
use crate::media;
use crate::sip;
use bytes::Bytes;
use std::net::{IpAddr, SocketAddr};

/// A leg that is to take the place of another.
#[derive(Debug)]
pub(super) struct Replacing {
    leg: LegId,
    old: LegId,
    offer: Bytes,
}

impl Switch {
    /// Lets the sender of `incoming` into the call of the leg `old`.
    ///
    /// # Errors
    /// Why it may not be there.
    pub(super) fn replace(
        &mut self,
        incoming: &sip::Incoming,
        old: LegId,
        trunk: Option<&str>,
        out: &mut Vec<Output>,
    ) -> Result<(), Refusal> {
        let id = *self.shared.by_leg.get(&old).ok_or(NO_CALL)?;
        let call = self.calls.get_mut(&id).ok_or(NO_CALL)?;
        let account = incoming.account.as_deref();
        let theirs = match old == call.caller() {
            true if call.desk_user().is_some() => account == call.desk_user(),
            true => trunk.is_some() && trunk == call.trunk.as_deref(),
            false => account.is_some() && account == call.agent_user() && call.is_agents(old),
        };
        if !theirs {
            return Err((403, "Not Yours To Replace"));
        }
        if call.stage != Stage::Talking || call.over || call.replacing.is_some() {
            return Err((488, "Only A Talk Can Be Taken Over"));
        }
        let leg = incoming.leg;
        self.shared.by_leg.insert(leg, id);
        self.shared.trunks.moves(old, leg);
        let terms = match account.filter(|_| trunk.is_none()) {
            Some(user) => self.shared.with_phone(user),
            None => self.shared.over(trunk),
        };
        let seen = self.shared.config.server.media_seen(incoming.flow);
        call.begin_replacing(Replacing { leg, old, offer: incoming.sdp.clone() }, terms, seen);
        out.push(Output::Open { leg, ip: incoming.flow.local.ip(), near: Some(old) });
        Ok(())
    }
}

const NO_CALL: Refusal = (481, "No Such Call");

impl Call {
    fn begin_replacing(&mut self, replacing: Replacing, terms: Terms<'_>, seen: Option<IpAddr>) {
        let old = self.legs.iter().find(|l| l.id == replacing.old);
        let (who, codec) = old.map(|l| (l.who.clone(), l.stream.map(|s| s.codec))).unwrap_or_default();
        self.legs.push(Leg::new(replacing.leg, who, terms, codec).seen_at(seen));
        self.replacing = Some(replacing);
    }

    /// True if `leg` is to take the place of another.
    pub(super) fn is_replacing(&self, leg: LegId) -> bool {
        self.replacing.as_ref().is_some_and(|r| r.leg == leg)
    }

    /// The new leg has a port, or none.
    pub(super) fn replacement_opened(
        &mut self,
        leg: LegId,
        addr: Option<SocketAddr>,
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) {
        let offer = self.replacing.as_mut().map(|r| std::mem::take(&mut r.offer)).unwrap_or_default();
        let Some(found) = self.leg_mut(leg) else { return };
        let sdp = match addr {
            None => Err((503, "No media port is free".to_owned())),
            Some(_) => found.described(&offer).map_err(|why| (488, why.to_string())),
        };
        match sdp {
            Ok(sdp) => out.push(Output::Sip(sip::Command::Answer { leg, sdp })),
            Err((status, reason)) => {
                found.sip = false;
                out.push(Output::Sip(sip::Command::Refuse { leg, status, reason, retry_after_s: None }));
                self.replacement_gone(leg, s, out);
            }
        }
    }

    /// It came to nothing: the talk goes on as it was.
    pub(super) fn replacement_gone(&mut self, leg: LegId, s: &mut Shared, out: &mut Vec<Output>) {
        if let Some(replacing) = self.replacing.take_if(|r| r.leg == leg) {
            s.trunks.moves(leg, replacing.old);
            self.close_leg(leg, "", out);
        }
    }

    /// The new party is there.
    pub(super) fn replaced(
        &mut self,
        now: Now,
        leg: LegId,
        sdp: &[u8],
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) {
        let Some(found) = self.leg_mut(leg) else { return };
        let Some(to) = found.acknowledged(sdp).filter(|_| self.stage == Stage::Talking) else {
            return self.replacement_gone(leg, s, out);
        };
        let Some(Replacing { old, .. }) = self.replacing.take() else { return };
        out.push(Output::Media(media::Command::Connect { leg, to }));
        let customer = old == self.caller();
        let Some(at) = self.legs.iter().position(|l| l.id == leg) else { return };
        let mut new = self.legs.remove(at);
        new.up = true;
        self.moment(now, Moment::Replaced { who: new.who.clone() }, out);
        if customer {
            self.tape_moves(old, leg, out);
            self.legs.insert(0, new);
        } else {
            self.legs.push(new);
            self.agent.iter_mut().for_each(|side| side.leg = leg);
        }
        self.close_leg(old, "replaced", out);
        self.connect(s, out);
    }
}
