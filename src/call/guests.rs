//! Guests: supervisors who listen, whisper, barge in or take over, and further parties of a conference.
//!
//! | role       | hears         | is heard by        | key on the guest's phone |
//! |------------|---------------|--------------------|--------------------------|
//! | listen     | caller, agent | nobody             | 1                        |
//! | whisper    | caller, agent | the agent          | 2                        |
//! | barge      | everyone      | everyone           | 3                        |
//! | conference | everyone      | everyone           | –; stays if the agent leaves |
//!
//! A guest's phone is rung by the server, on the caller's worker, so that the legs can be mixed. Taking over makes the
//! guest the caller's agent; the agent goes to wrap-up.

use super::cdr::Moment;
use super::event::Output;
use super::journey::{AgentSide, Call, Stage};
use super::leg::Leg;
use super::speaking::Speaking;
use super::switch::{Shared, Switch};
use crate::acd;
use crate::base::{CallId, LegId, Now};
use crate::limits::MIX_SEATS_MAX;
use crate::media;
use crate::sip;
use serde::{Deserialize, Serialize};

/// What a guest hears, and who hears the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Hears both, is heard by nobody.
    Listen,
    /// Is heard by the agent alone.
    Whisper,
    /// Talks with both.
    Barge,
    /// A party like the others.
    Conference,
    /// Becomes the caller's agent as soon as the phone is answered.
    TakeOver,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 5] = [Role::Listen, Role::Whisper, Role::Barge, Role::Conference, Role::TakeOver];

    /// Its name, as it is asked for and recorded.
    pub fn name(self) -> &'static str {
        match self {
            Role::Listen => "listen",
            Role::Whisper => "whisper",
            Role::Barge => "barge",
            Role::Conference => "conference",
            Role::TakeOver => "take-over",
        }
    }
}

/// One guest.
#[derive(Debug)]
pub(super) struct Guest {
    pub(super) leg: LegId,
    pub(super) user: String,
    role: Role,
    /// The phone was answered.
    up: bool,
}

impl Switch {
    /// Rings `user`'s phone to be a guest of `call`; a guest that is there already changes its role.
    ///
    /// # Errors
    /// Why that cannot be, in words for whoever asked. Nothing has changed then.
    pub fn supervise(
        &mut self,
        now: Now,
        call: CallId,
        user: &str,
        role: Role,
        out: &mut Vec<Output>,
    ) -> Result<(), String> {
        // The board calls a callback by the call in which it was asked for.
        let call = self.shared.tickets.get(&call).copied().unwrap_or(call);
        let home = self.shared.homes.get(user).copied();
        let free = self.acd.agent(user).is_none_or(|a| a.state.call().is_none())
            && !self.calls.iter().any(|(id, c)| *id != call && c.engages(user));
        let found = self.calls.get_mut(&call).ok_or_else(|| format!("no call {} is in progress", call.0))?;
        if found.stage != Stage::Talking {
            return Err(format!("call {} is not with an agent now", call.0));
        }
        if found.guests.iter().any(|g| g.user == user) {
            self.with(call, out, |c, s, out| c.change_role(now, user, role, s, out));
            return Ok(());
        }
        let home = home.ok_or_else(|| format!("no phone is registered as {user}"))?;
        if !free || found.agent_user() == Some(user) {
            return Err(format!("{user} is with a call"));
        }
        if found.guests.len() + 2 >= MIX_SEATS_MAX {
            return Err(format!("call {} has as many parties as can be mixed", call.0));
        }
        self.with(call, out, |c, s, out| {
            let leg = s.new_leg(c.id);
            let like = c.legs.first().and_then(|caller| caller.stream).map(|stream| stream.codec);
            let seen = s.config.server.media_seen(home);
            c.legs.push(Leg::new(leg, user, s.with_phone(user), like).seen_at(seen));
            c.guests.push(Guest { leg, user: user.to_owned(), role, up: false });
            c.moment(now, Moment::Supervised { by: user.to_owned(), role }, out);
            // Nobody is to be offered a call on the same phone.
            s.acd.push(acd::Input::OwnCall { user: user.to_owned(), on: true });
            out.push(Output::Open { leg, ip: home.local.ip(), near: Some(c.caller()) });
        });
        Ok(())
    }
}

impl Call {
    /// The guest on this leg.
    fn guest_mut(&mut self, leg: LegId) -> Option<&mut Guest> {
        self.guests.iter_mut().find(|g| g.leg == leg)
    }

    /// True if this user's phone is part of the call, or rings for it.
    fn engages(&self, user: &str) -> bool {
        let sides = self.agent.iter().chain(&self.ringing).map(|side| &*side.user);
        let guests = self.guests.iter().map(|guest| &*guest.user);
        !self.over && sides.chain(guests).chain(self.desk_user()).any(|u| u == user)
    }

    /// True if `leg` is a guest's.
    pub(super) fn is_guests(&self, leg: LegId) -> bool {
        self.guests.iter().any(|g| g.leg == leg)
    }

    /// A guest's phone has a port: ring it.
    pub(super) fn invite_guest(&mut self, now: Now, leg: LegId, s: &mut Shared, out: &mut Vec<Output>) {
        let Some((user, role)) = self.guest_mut(leg).map(|g| (g.user.clone(), g.role)) else { return };
        let Some(sdp) = self.leg_mut(leg).and_then(Leg::offer) else {
            return self.guest_gone(now, leg, s, out);
        };
        let headers = vec![("X-Trunkline-Role".to_owned(), role.name().to_owned())];
        let from = format!("\"{}\" <sip:{}@{}>", self.cdr.line, self.cdr.line, s.config.server.domain);
        let target = sip::Target::User(user);
        out.push(Output::Sip(sip::Command::Invite { leg, target, from, sdp, headers, credentials: None }));
    }

    pub(super) fn guest_answered(
        &mut self,
        now: Now,
        leg: LegId,
        sdp: &[u8],
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) {
        let accepted = self.leg_mut(leg).is_some_and(|l| l.accept(sdp).is_ok());
        let to = self.leg_mut(leg).and_then(|l| l.stream);
        let (Some(to), true, Stage::Talking) = (to, accepted, self.stage) else {
            return self.guest_gone(now, leg, s, out);
        };
        if let Some(found) = self.leg_mut(leg) {
            found.up = true;
        }
        out.push(Output::Media(media::Command::Connect { leg, to }));
        let Some(guest) = self.guest_mut(leg) else { return };
        guest.up = true;
        match guest.role {
            Role::TakeOver => self.take_over(now, leg, s, out),
            Role::Listen | Role::Whisper | Role::Barge | Role::Conference => self.connect(s, out),
        }
    }

    /// A key on a guest's phone changes its role.
    pub(super) fn guest_key(
        &mut self,
        now: Now,
        leg: LegId,
        key: char,
        s: &mut Shared,
        out: &mut Vec<Output>,
    ) {
        let role = match key {
            '1' => Role::Listen,
            '2' => Role::Whisper,
            '3' => Role::Barge,
            _ => return,
        };
        if let Some(user) = self.guest_mut(leg).filter(|g| g.role != Role::Conference).map(|g| g.user.clone())
        {
            self.change_role(now, &user, role, s, out);
        }
    }

    fn change_role(&mut self, now: Now, user: &str, role: Role, s: &mut Shared, out: &mut Vec<Output>) {
        let Some(guest) = self.guests.iter_mut().find(|g| g.user == user) else { return };
        guest.role = role;
        let (leg, up) = (guest.leg, guest.up);
        self.moment(now, Moment::Supervised { by: user.to_owned(), role }, out);
        match role {
            Role::TakeOver if up => self.take_over(now, leg, s, out),
            _ => self.connect(s, out),
        }
    }

    /// The guest becomes the caller's agent.
    fn take_over(&mut self, now: Now, leg: LegId, s: &mut Shared, out: &mut Vec<Output>) {
        let Some(at) = self.guests.iter().position(|g| g.leg == leg) else { return };
        let guest = self.guests.remove(at);
        s.acd.push(acd::Input::TalkEnded { call: self.ticket, transfer: true });
        self.let_go(now, &guest.user, s, out);
        self.cdr.agent = Some(guest.user.clone());
        self.agent = Some(AgentSide { offer: None, leg, user: guest.user, outside: None });
        self.join(now, s, out);
    }

    /// A party of a conference takes the agent's place when the agent leaves; false if there is none.
    pub(super) fn goes_on_without_agent(&mut self, now: Now, s: &mut Shared, out: &mut Vec<Output>) -> bool {
        let stays = self.guests.iter().find(|g| g.up && g.role == Role::Conference).map(|g| g.leg);
        if let Some(leg) = stays {
            self.take_over(now, leg, s, out);
        }
        stays.is_some()
    }

    /// A guest's leg is over, or never began.
    pub(super) fn guest_gone(&mut self, now: Now, leg: LegId, s: &mut Shared, out: &mut Vec<Output>) {
        let Some(at) = self.guests.iter().position(|g| g.leg == leg) else { return };
        let guest = self.guests.remove(at);
        self.close_leg(leg, "", out);
        s.acd.push(acd::Input::OwnCall { user: guest.user.clone(), on: false });
        self.moment(now, Moment::GuestLeft { who: guest.user }, out);
        if guest.up && self.stage == Stage::Talking {
            self.connect(s, out);
        }
    }

    /// The talk is over, and so is what the guests came for.
    pub(super) fn send_guests_away(&mut self, s: &mut Shared, out: &mut Vec<Output>) {
        for guest in std::mem::take(&mut self.guests) {
            self.close_leg(guest.leg, "", out);
            s.acd.push(acd::Input::OwnCall { user: guest.user, on: false });
        }
    }

    /// Who hears whom: a relay between two, a mix for more, music for whoever is held.
    pub(super) fn connect(&mut self, s: &mut Shared, out: &mut Vec<Output>) {
        let (Some(a), Some(b)) = (self.legs.first(), self.agent.as_ref().map(|side| side.leg)) else {
            return;
        };
        let Some(agent) = self.legs.iter().find(|l| l.id == b) else { return };
        let (a, caller_holds, agent_holds) = (a.id, a.held, agent.held);
        let guests: Vec<(LegId, Role)> =
            self.guests.iter().filter(|g| g.up).map(|g| (g.leg, g.role)).collect();
        if caller_holds || agent_holds {
            for leg in [a].into_iter().chain(guests.iter().map(|(leg, _)| *leg)) {
                out.push(Output::Media(media::Command::Unbridge { leg }));
            }
            if agent_holds {
                self.speaking.music(a, &s.music, &mut s.library, out);
            } else {
                Speaking::default().music(b, &s.music, &mut s.library, out);
            }
            return;
        }
        self.speaking.stop(a, out);
        out.push(Output::Media(media::Command::Stop { leg: b }));
        out.push(Output::Media(match guests.is_empty() {
            true => media::Command::Bridge { a, b },
            false => media::Command::Mix { parties: who_hears_whom(a, b, &guests) },
        }));
    }
}

/// The parties, caller and agent first, each with the seats that it hears.
fn who_hears_whom(caller: LegId, agent: LegId, guests: &[(LegId, Role)]) -> Vec<(LegId, u8)> {
    let (mut to_caller, mut to_agent, mut open) = (0b10, 0b01, 0);
    for (i, (_, role)) in guests.iter().enumerate() {
        let seat = 1 << (i + 2);
        match role {
            Role::Listen | Role::TakeOver => {}
            Role::Whisper => to_agent |= seat,
            Role::Barge | Role::Conference => {
                to_caller |= seat;
                to_agent |= seat;
                open |= seat;
            }
        }
    }
    let mut parties = vec![(caller, to_caller), (agent, to_agent)];
    parties.extend(guests.iter().map(|(leg, _)| (*leg, 0b11 | open)));
    parties
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whisper_reaches_the_agent_only_and_a_barge_everyone() {
        let parties =
            who_hears_whom(LegId(1), LegId(2), &[(LegId(3), Role::Whisper), (LegId(4), Role::Barge)]);
        let hears: Vec<u8> = parties.iter().map(|(_, mask)| *mask).collect();
        assert_eq!(hears, [0b1010, 0b1101, 0b1011, 0b1011]);
        let parties = who_hears_whom(LegId(1), LegId(2), &[(LegId(3), Role::Listen)]);
        assert_eq!(parties, [(LegId(1), 0b10), (LegId(2), 0b01), (LegId(3), 0b11)]);
    }
}
