//! What the command line asks of the running server.

use super::Server;
use crate::acd;
use crate::base::CallId;
use crate::call;
use crate::drive::control::{Action, Answer, Ask, IntervalFigures, Request};
use crate::drive::store::{self, Audited, Row};
use std::time::Duration;

impl Server {
    pub(super) async fn asked(&mut self, request: Request) {
        let answer = match request.ask {
            Ask::Board => {
                Answer::board(self.now(), self.switch.acd(), &self.config.setup, self.switch.calls())
            }
            Ask::Do { action } => self.act(&action, request.by),
            Ask::Figures { intervals } => self.figures(intervals),
            Ask::Answers => Answer::Answers { measured: self.answers.measured() },
            Ask::Audit { count } => match store::Reader::open(&self.data).and_then(|r| r.audit(count)) {
                Ok(actions) => Answer::Audit { actions },
                Err(error) => Answer::Error(format!("the audit log cannot be read: {error}")),
            },
            Ask::Trunks => Answer::Trunks { trunks: self.switch.trunks() },
            Ask::Reload => return self.reload(vec![request.answers]),
            Ask::Trace { call, full } => self.traced(&call, full),
            Ask::Guard => self.guarded(),
            Ask::Dump => Answer::Done(format!("{}\n{:#?}", self.endpoint.dump(), self.switch)),
            Ask::Watch { sip_call_id } => return self.control.watch(&sip_call_id, request.answers),
        };
        let _ = request.answers.try_send(answer);
    }

    /// Does what a supervisor wants, and keeps that it was asked for, by whom, and what came of it.
    fn act(&mut self, action: &Action, uid: u32) -> Answer {
        let outcome = match action {
            Action::Join { call, user, role } => {
                let mut out = Vec::new();
                let done = self.switch.supervise(self.now(), CallId(*call), user, *role, &mut out);
                self.work.extend(out);
                self.carry_out();
                done
            }
            Action::Tape { call, taping } => {
                let mut out = Vec::new();
                let done = self.switch.tape(self.now(), CallId(*call), *taping, &mut out);
                self.work.extend(out);
                self.carry_out();
                done
            }
            Action::Open { name, open } => {
                let done = self.switch.close(self.now(), name, !open);
                self.step(call::Input::Tick);
                done
            }
            Action::Ban { source, for_s } => {
                self.endpoint.ban(self.now(), *source, for_s.map(Duration::from_secs));
                Ok(())
            }
            Action::Unban { source } => match self.endpoint.unban(self.now(), *source) {
                true => {
                    self.bans_change();
                    Ok(())
                }
                false => Err(format!("{source} is not banned")),
            },
            action => self.of_the_acd(action),
        };
        let at_unix_ms = self.unix_ms();
        let json = serde_json::to_string(action).unwrap_or_default();
        let text = outcome.as_ref().map_or_else(|why| format!("refused: {why}"), |()| "done".to_owned());
        self.store.write(Row::Audit(Audited { at_unix_ms, uid, action: json, outcome: text }));
        match outcome {
            Ok(()) => Answer::Done("done".into()),
            Err(why) => Answer::Error(why),
        }
    }

    fn of_the_acd(&mut self, action: &Action) -> Result<(), String> {
        let input = match action.clone() {
            Action::Ready { user } => acd::Input::Ready { user },
            Action::NotReady { user, reason } => acd::Input::NotReady { user, reason },
            Action::SignIn { user } => acd::Input::SignIn { user },
            Action::SignOut { user } => acd::Input::SignOut { user },
            Action::ExtendWrapUp { user, by_s } => {
                acd::Input::ExtendWrapUp { user, by: Duration::from_secs(by_s.min(3600)) }
            }
            Action::Disposition { user, code } => acd::Input::Disposition { user, code },
            Action::Skill { user, skill, level } => {
                let skills = self.switch.acd().skills(&user).ok_or_else(|| format!("no agent `{user}`"))?;
                acd::Input::SetSkills { skills: changed(skills.clone(), &skill, level)?, user }
            }
            Action::Move { call, queue, reason } => {
                let to = queue.map_or(acd::MoveTo::Front, acd::MoveTo::Queue);
                acd::Input::Move { call: CallId(call), to, reason }
            }
            Action::Drain { queue, on } => acd::Input::Drain { queue, on },
            Action::CancelCallback { call } => acd::Input::CallbackCancelled { call: CallId(call) },
            Action::Join { .. }
            | Action::Tape { .. }
            | Action::Open { .. }
            | Action::Ban { .. }
            | Action::Unban { .. } => {
                return Ok(());
            }
        };
        self.refused = None;
        self.step(call::Input::Acd(input));
        self.carry_out();
        self.refused.take().map_or(Ok(()), Err)
    }

    /// All time first, then the newest intervals, oldest of them first.
    fn figures(&mut self, intervals: usize) -> Answer {
        let at = self.unix_ms();
        self.figures.until(at);
        let all = self.figures.intervals();
        let newest = all.get(all.len().saturating_sub(intervals)..).unwrap_or_default();
        let of = |from: Option<u64>| IntervalFigures {
            from_unix_ms: from,
            total: self.figures.total(from),
            queues: self.figures.queues(from).map(|(name, c)| (name.to_string(), *c)).collect(),
            agents: self.figures.agents(from).map(|(name, c)| (name.to_string(), *c)).collect(),
        };
        let shown = [None].into_iter().chain(newest.iter().map(|at| Some(*at)));
        Answer::Figures { intervals: shown.map(of).collect() }
    }
}

fn changed(mut skills: acd::Skills, skill: &str, level: u8) -> Result<acd::Skills, String> {
    match level {
        0 => {
            skills.remove(skill);
        }
        1..=acd::LEVEL_MAX => {
            skills.insert(skill.into(), level);
        }
        _ => return Err(format!("a level lies between 1 and {}; 0 takes the skill away", acd::LEVEL_MAX)),
    }
    Ok(skills)
}
