mod random;
mod rules;
mod states;

use super::*;
use crate::base::{CallId, Now};
use std::time::Duration;

struct World {
    acd: Acd,
    setup: Setup,
    now: Now,
    out: Vec<Output>,
}

const A: CallId = CallId(1);
const B: CallId = CallId(2);

fn world() -> World {
    let queue = |name: &str| QueueSetup {
        ring: Duration::from_secs(15),
        wrap_up: Duration::from_secs(5),
        announce_every: Duration::from_secs(20),
        max_wait: Duration::from_secs(300),
        strategy: Strategy::LongestIdle,
        ..QueueSetup::new(name)
    };
    let agent = |user: &str, queues: &[&str]| {
        AgentSetup::new(user, user, queues.iter().map(|q| (*q).to_owned()).collect())
    };
    let setup = Setup {
        agents: vec![agent("1001", &["repair", "general"]), agent("1002", &["general"])],
        queues: vec![queue("repair"), queue("general")],
        ..Setup::default()
    };
    World { acd: Acd::new(&setup, Now(0)), setup, now: Now(0), out: Vec::new() }
}

impl World {
    fn give(&mut self, input: Input) -> Vec<Output> {
        self.out.clear();
        self.acd.step(self.now, input, &mut self.out);
        self.out.clone()
    }

    fn later(&mut self, seconds: u64) -> Vec<Output> {
        let until = self.now + Duration::from_secs(seconds);
        let mut all = Vec::new();
        while let Some(at) = self.acd.deadline().filter(|at| *at <= until) {
            self.now = at;
            all.extend(self.give(Input::Tick));
        }
        self.now = until;
        all
    }

    fn register(&mut self, user: &str) -> Vec<Output> {
        self.give(Input::Registered { user: user.into(), endpoint: Endpoint::Phone })
    }

    fn enqueue(&mut self, call: CallId, queue: &str) -> Vec<Output> {
        self.give(Input::Enqueue { call, request: Request::to(queue) })
    }

    fn state(&self, user: &str) -> State {
        self.acd.agents().into_iter().find(|a| a.user == user).unwrap().state
    }
}

/// A world with one queue, changed by `change`, and agents with these skills (`zh`).
fn team(zh: &[u8], change: impl FnOnce(&mut QueueSetup)) -> World {
    let mut queue = QueueSetup { strategy: Strategy::LongestIdle, ..QueueSetup::new("q") };
    change(&mut queue);
    let agents = zh.iter().enumerate().map(|(n, level)| AgentSetup {
        skills: [(Name::from("zh"), *level)].into(),
        ..AgentSetup::new(&format!("a{n}"), "", vec!["q".into()])
    });
    let mut setup =
        Setup { agents: agents.collect(), queues: vec![queue, QueueSetup::new("other")], ..Setup::default() };
    setup.agents.push(AgentSetup::new("z", "", vec!["other".into()]));
    World { acd: Acd::new(&setup, Now(0)), setup, now: Now(0), out: Vec::new() }
}

fn offer(out: &[Output]) -> Option<(OfferId, CallId, String)> {
    out.iter().find_map(|o| match o {
        Output::Offer { offer, call, user, .. } => Some((*offer, *call, user.clone())),
        _ => None,
    })
}

#[test]
fn a_waiting_caller_is_offered_in_the_step_in_which_an_agent_becomes_ready() {
    let mut w = world();
    assert_eq!(offer(&w.enqueue(A, "repair")), None);
    let (_, call, user) = offer(&w.register("1001")).unwrap();
    assert_eq!((call, user.as_str()), (A, "1001"));
}

#[test]
fn the_longest_idle_agent_of_the_queue_is_chosen_and_the_decision_says_why() {
    let mut w = world();
    w.register("1002");
    w.later(10);
    w.register("1001");
    w.later(10);
    let out = w.enqueue(A, "general");
    assert_eq!(offer(&out).unwrap().2, "1002");
    let Some(Output::Offer { decision, .. }) = out.iter().find(|o| matches!(o, Output::Offer { .. })) else {
        panic!()
    };
    let eligible: Vec<_> = decision.eligible.iter().map(|c| (&*c.user, c.idle_ms)).collect();
    assert_eq!(eligible, [("1002", 20_000), ("1001", 10_000)]);
    let out = w.enqueue(B, "repair");
    let Some(Output::Offer { decision, .. }) = out.iter().find(|o| matches!(o, Output::Offer { .. })) else {
        panic!()
    };
    assert_eq!(decision.excluded[0].why, Why::NotServing);
}

#[test]
fn ring_no_answer_makes_the_agent_not_ready_and_puts_the_caller_back_in_its_place() {
    let mut w = world();
    w.register("1001");
    w.enqueue(A, "repair");
    w.enqueue(B, "repair");
    let out = w.later(16);
    assert!(out.iter().any(|o| matches!(o, Output::Withdraw { call: A, .. })));
    assert_eq!(w.state("1001"), State::NotReady(NotReady::NoAnswer));
    let (_, call, _) = offer(&w.give(Input::Ready { user: "1001".into() })).unwrap();
    assert_eq!(call, A, "first come, still first");
}

#[test]
fn a_rejecting_agent_is_left_alone_for_a_while_and_comes_back_by_itself() {
    let mut w = world();
    w.register("1001");
    let (id, ..) = offer(&w.enqueue(A, "repair")).unwrap();
    w.give(Input::Failed { offer: id, why: OfferFailure::Rejected });
    assert_eq!(w.state("1001"), State::NotReady(NotReady::Rejected));
    assert!(offer(&w.later(11)).is_some());
}

#[test]
fn wrap_up_follows_the_talk_and_then_the_next_caller() {
    let mut w = world();
    w.register("1001");
    let (id, ..) = offer(&w.enqueue(A, "repair")).unwrap();
    w.give(Input::Answered { offer: id });
    assert_eq!(w.state("1001"), State::Talking { call: A });
    w.enqueue(B, "repair");
    w.give(Input::TalkEnded { call: A, transfer: false });
    assert_eq!(w.state("1001"), State::WrapUp);
    assert_eq!(offer(&w.later(6)).unwrap().1, B);
}

#[test]
fn a_caller_who_leaves_while_a_phone_rings_frees_the_agent_without_costing_idle_time() {
    let mut w = world();
    w.register("1001");
    w.later(30);
    w.enqueue(A, "repair");
    w.later(3);
    let out = w.give(Input::CallerGone { call: A });
    assert!(out.iter().any(|o| matches!(o, Output::Withdraw { .. })));
    assert_eq!(w.state("1001"), State::Ready);
    w.register("1002");
    assert_eq!(offer(&w.enqueue(B, "general")).unwrap().2, "1001");
}

#[test]
fn a_late_answer_to_a_withdrawn_offer_changes_nothing() {
    let mut w = world();
    w.register("1001");
    let (id, ..) = offer(&w.enqueue(A, "repair")).unwrap();
    w.give(Input::CallerGone { call: A });
    assert_eq!(w.give(Input::Answered { offer: id }), []);
    assert!(w.acd.is_idle());
}

#[test]
fn not_ready_while_talking_takes_effect_afterwards() {
    let mut w = world();
    w.register("1001");
    let (id, ..) = offer(&w.enqueue(A, "repair")).unwrap();
    w.give(Input::Answered { offer: id });
    w.give(Input::NotReady { user: "1001".into(), reason: None });
    assert_eq!(w.state("1001"), State::Talking { call: A });
    w.give(Input::CallerGone { call: A });
    assert_eq!(w.state("1001"), State::NotReady(NotReady::Break));
}

#[test]
fn places_are_announced_and_the_wait_is_bounded() {
    let mut w = world();
    w.enqueue(A, "repair");
    w.enqueue(B, "repair");
    let out = w.later(1);
    assert!(out.contains(&Output::Announce { call: A, place: 1, wait: None }));
    assert!(out.contains(&Output::Announce { call: B, place: 2, wait: None }));
    assert!(
        w.later(300).iter().any(|o| matches!(o, Output::Overflow { call: A, to: Destination::Closing, .. }))
    );
    assert!(w.acd.is_idle());
    assert_eq!(w.acd.deadline(), None);
}

#[test]
fn a_phone_that_vanishes_while_ringing_gives_the_caller_back() {
    let mut w = world();
    w.register("1001");
    w.register("1002");
    let (_, _, user) = offer(&w.enqueue(A, "general")).unwrap();
    let out = w.give(Input::Unregistered { user: user.clone(), endpoint: Endpoint::Phone });
    assert_ne!(offer(&out).unwrap().2, user);
    assert_eq!(w.state(&user), State::Offline);
}

#[test]
fn an_agent_we_had_no_port_for_comes_back_by_itself() {
    let mut w = world();
    w.register("1001");
    let (id, ..) = offer(&w.enqueue(A, "repair")).unwrap();
    assert_eq!(offer(&w.give(Input::Failed { offer: id, why: OfferFailure::NoPort })), None);
    assert_eq!(w.state("1001"), State::NotReady(NotReady::NoPort));
    assert!(offer(&w.later(11)).is_some());
}

#[test]
fn a_rest_of_before_a_reload_does_not_free_an_agent_who_rings() {
    let mut w = world();
    let setup = w.setup.clone();
    w.register("1001");
    let (id, ..) = offer(&w.enqueue(A, "repair")).unwrap();
    w.give(Input::Failed { offer: id, why: OfferFailure::Rejected });
    w.acd.reload(&Setup { agents: vec![], ..setup.clone() }, w.now, &mut Vec::new());
    w.acd.reload(&setup, w.now, &mut Vec::new());
    w.later(5);
    assert_eq!(offer(&w.register("1001")).unwrap().1, A);
    w.later(6);
    assert!(matches!(w.state("1001"), State::Reserved { call: A, .. }), "the lease is not cut short");
}

#[test]
fn an_agent_taken_out_by_a_reload_finishes_the_talk_and_is_gone() {
    let mut w = world();
    w.register("1001");
    let (id, ..) = offer(&w.enqueue(A, "repair")).unwrap();
    w.give(Input::Answered { offer: id });
    w.acd.reload(&Setup { agents: vec![], ..w.setup.clone() }, w.now, &mut Vec::new());
    assert_eq!(w.state("1001"), State::Talking { call: A });
    w.give(Input::CallerGone { call: A });
    assert_eq!(w.acd.agents(), []);
    w.later(60);
    assert_eq!(w.acd.deadline(), None);
}
