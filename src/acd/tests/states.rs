//! The tables of `agent.rs` and `offers.rs`, as they are: every state against every event.

use super::*;

const STATES: [&str; 8] =
    ["offline", "not-ready", "ready", "reserved", "ringing", "talking", "held", "wrap-up"];

/// An agent in a state, with nobody else there.
fn agent_in(state: &str) -> World {
    let mut w = world();
    let me = || "1001".to_owned();
    if state == "offline" {
        return w;
    }
    w.register("1001");
    if state == "not-ready" {
        w.give(Input::NotReady { user: me(), reason: None });
    }
    if ["offline", "not-ready", "ready"].contains(&state) {
        return w;
    }
    let (id, ..) = offer(&w.enqueue(A, "repair")).unwrap();
    if state == "ringing" {
        w.give(Input::Ringing { offer: id });
    }
    if ["talking", "held", "wrap-up"].contains(&state) {
        w.give(Input::Answered { offer: id });
    }
    if state == "held" {
        w.give(Input::Held { call: A, on: true });
    }
    if state == "wrap-up" {
        w.give(Input::TalkEnded { call: A, transfer: false });
    }
    assert_eq!(w.state("1001").name(), state);
    w
}

/// What every event makes of an agent in each state.
fn table() -> Vec<String> {
    let me = || "1001".to_owned();
    let id = OfferId(2);
    type Event = (&'static str, Box<dyn Fn(&mut World) -> Vec<Output>>);
    let give =
        |input: Input| Box::new(move |w: &mut World| w.give(input.clone())) as Box<dyn Fn(&mut World) -> _>;
    let fails = |why| give(Input::Failed { offer: id, why });
    let events: Vec<Event> = vec![
        ("registered", give(Input::Registered { user: me(), endpoint: Endpoint::Phone })),
        ("unregistered", give(Input::Unregistered { user: me(), endpoint: Endpoint::Phone })),
        ("sign-out", give(Input::SignOut { user: me() })),
        ("ready", give(Input::Ready { user: me() })),
        ("not-ready", give(Input::NotReady { user: me(), reason: Some("break".into()) })),
        ("offer", Box::new(|w: &mut World| w.enqueue(B, "repair"))),
        ("rings", give(Input::Ringing { offer: id })),
        ("answered", give(Input::Answered { offer: id })),
        ("no-answer", fails(OfferFailure::NoAnswer)),
        ("rejected", fails(OfferFailure::Rejected)),
        ("busy", fails(OfferFailure::Busy)),
        ("unreachable", fails(OfferFailure::Unreachable)),
        ("no-port", fails(OfferFailure::NoPort)),
        ("hold", give(Input::Held { call: A, on: true })),
        ("resume", give(Input::Held { call: A, on: false })),
        ("talk-ended", give(Input::TalkEnded { call: A, transfer: false })),
        ("caller-gone", give(Input::CallerGone { call: A })),
        ("time", Box::new(|w: &mut World| w.later(16))),
    ];
    let row = |(name, act): &Event| {
        let cells = STATES.map(|state| {
            let mut w = agent_in(state);
            act(&mut w);
            match w.state("1001") {
                State::NotReady(NotReady::Break) => "break".to_owned(),
                State::NotReady(reason) => format!("{reason:?}"),
                state => state.name().to_owned(),
            }
        });
        format!("{name:13} {}", cells.map(|c| format!("{c:11}")).join(" ")).trim_end().to_owned()
    };
    let head = format!("event         {}", STATES.map(|s| format!("{s:11}")).join(" "));
    std::iter::once(head.trim_end().to_owned()).chain(events.iter().map(row)).collect()
}

#[test]
fn every_event_makes_of_every_state_what_the_table_says() {
    let golden = include_str!("states.txt");
    let table = table().join("\n");
    assert_eq!(table.trim(), golden.trim(), "\n{table}\n");
}

#[test]
fn however_an_offer_ends_the_call_is_where_the_table_says() {
    for (how, waits) in [
        (Input::Failed { offer: OfferId(2), why: OfferFailure::NoAnswer }, true),
        (Input::Failed { offer: OfferId(2), why: OfferFailure::Rejected }, true),
        (Input::Failed { offer: OfferId(2), why: OfferFailure::NoPort }, true),
        (Input::Failed { offer: OfferId(2), why: OfferFailure::Unreachable }, true),
        (Input::Unregistered { user: "1001".into(), endpoint: Endpoint::Phone }, true),
        (Input::CallerGone { call: A }, false),
        (Input::Answered { offer: OfferId(2) }, false),
    ] {
        let mut w = agent_in("ringing");
        w.give(how.clone());
        let found = w.acd.waiting().iter().any(|(call, ..)| *call == A);
        assert_eq!((found, w.acd.offers.len()), (waits, 0), "{how:?}");
    }
}

#[test]
fn a_manual_agent_gets_calls_when_signed_in_and_registered() {
    let mut w = world();
    let mut setup = w.setup.clone();
    setup.agents[0].sign_in = SignIn::Manual;
    w.acd.reload(&setup, w.now, &mut Vec::new());
    w.register("1001");
    assert_eq!(w.state("1001"), State::Offline);
    w.give(Input::SignIn { user: "1001".into() });
    assert_eq!(w.state("1001"), State::Ready);
}

#[test]
fn an_agent_with_room_for_two_gets_a_second_call_while_talking() {
    let mut w = world();
    let mut setup = w.setup.clone();
    setup.agents[0].capacity = 2;
    w.acd.reload(&setup, w.now, &mut Vec::new());
    w.register("1001");
    let (id, ..) = offer(&w.enqueue(A, "repair")).unwrap();
    assert_eq!(offer(&w.enqueue(B, "repair")), None, "one offer at a time");
    let (second, call, _) = offer(&w.give(Input::Answered { offer: id })).unwrap();
    assert_eq!(call, B);
    w.give(Input::Answered { offer: second });
    w.give(Input::TalkEnded { call: A, transfer: false });
    assert_eq!(w.state("1001"), State::Talking { call: B });
    w.give(Input::TalkEnded { call: B, transfer: false });
    assert_eq!(w.state("1001"), State::WrapUp);
}

#[test]
fn after_call_work_is_extended_closed_and_finished_early() {
    let mut w = agent_in("wrap-up");
    let me = || "1001".to_owned();
    w.give(Input::ExtendWrapUp { user: me(), by: Duration::from_secs(60) });
    w.later(30);
    assert_eq!(w.state("1001"), State::WrapUp);
    let refused = w.give(Input::Disposition { user: me(), code: "sold".into() });
    assert!(matches!(&refused[..], [Output::Refused { why }] if why.contains("no disposition `sold`")));
    let out = w.give(Input::Ready { user: me() });
    assert!(out.iter().any(|o| matches!(o, Output::Event(AcdEvent::WrapUpEnded { ms: 30_000, .. }))));
    assert_eq!(w.state("1001"), State::Ready);
}

#[test]
fn who_is_taken_out_of_the_team_and_loses_the_phone_while_talking_is_offline_when_back_in_it() {
    let mut w = world();
    w.register("1001");
    let (id, ..) = offer(&w.enqueue(A, "repair")).unwrap();
    w.give(Input::Answered { offer: id });
    let setup = w.setup.clone();
    w.acd.reload(&Setup { agents: vec![], ..setup.clone() }, w.now, &mut Vec::new());
    w.give(Input::Unregistered { user: "1001".into(), endpoint: Endpoint::Phone });
    w.acd.reload(&setup, w.now, &mut Vec::new());
    w.give(Input::TalkEnded { call: A, transfer: false });
    w.later(10);
    assert_eq!(w.state("1001"), State::Offline);
}

#[test]
fn an_own_call_and_a_consultation_keep_the_books_straight() {
    let mut w = world();
    w.register("1001");
    w.register("1002");
    let (id, ..) = offer(&w.enqueue(A, "repair")).unwrap();
    w.give(Input::Answered { offer: id });
    let request = Request { agent: Some("1002".into()), consult: true, ..Request::to("general") };
    let (asked, ..) = offer(&w.give(Input::Enqueue { call: B, request })).unwrap();
    w.give(Input::Answered { offer: asked });
    w.give(Input::Joined { from: B, into: A });
    assert_eq!((w.state("1001"), w.state("1002")), (State::WrapUp, State::Talking { call: A }));
    w.give(Input::CallerGone { call: B });
    w.give(Input::CallerGone { call: A });
    w.later(10);
    w.give(Input::OwnCall { user: "1001".into(), on: true });
    w.give(Input::NotReady { user: "1002".into(), reason: None });
    assert_eq!(offer(&w.enqueue(CallId(9), "general")), None, "on the phone already");
    assert!(offer(&w.give(Input::OwnCall { user: "1001".into(), on: false })).is_some());
}

#[test]
fn a_phone_that_rings_for_long_gets_another_beside_it_and_the_caller_keeps_its_place() {
    let mut w = team(&[1, 1], |q| q.strategy = Strategy::Balanced);
    w.register("a0");
    let (first, ..) = offer(&w.enqueue(A, "q")).unwrap();
    w.enqueue(B, "q");
    assert_eq!(offer(&w.later(9)), None);
    w.later(2);
    let (second, call, user) = offer(&w.register("a1")).unwrap();
    assert_eq!((call, user.as_str()), (A, "a1"), "before B, who came later");
    assert_eq!(w.state("a0"), State::Reserved { call: A, offer: first }, "rings on");
    let out = w.give(Input::Answered { offer: second });
    assert!(out.iter().any(|o| matches!(*o, Output::Withdraw { offer, .. } if offer == first)));
    assert_eq!(w.state("a1"), State::Talking { call: A });
    assert_eq!(offer(&out).unwrap().1, B, "the phone that has stopped is free for the next");
}

#[test]
fn only_balanced_rings_a_second_phone() {
    let mut w = team(&[1, 1], |q| q.strategy = Strategy::LongestIdle);
    w.register("a0");
    w.enqueue(A, "q");
    w.later(11);
    assert_eq!(offer(&w.register("a1")), None);
}

#[test]
fn where_phones_are_let_ring_several_ring_at_once_and_who_was_slower_stays_ready() {
    let mut w = team(&[1, 1, 1], |q| q.strategy = Strategy::Balanced);
    for user in ["a0", "a1", "a2"] {
        let found = offer(&w.register(user)).or_else(|| offer(&w.enqueue(A, "q")));
        w.give(Input::Failed { offer: found.unwrap().0, why: OfferFailure::NoAnswer });
        assert_eq!(w.state(user), State::NotReady(NotReady::NoAnswer));
    }
    w.give(Input::CallerGone { call: A });
    for user in ["a0", "a1", "a2"] {
        w.give(Input::Ready { user: user.into() });
    }
    let rung = |out: Vec<Output>| {
        let offers = out.into_iter().filter_map(|o| match o {
            Output::Offer { offer, user, .. } => Some((offer, user)),
            _ => None,
        });
        offers.collect::<Vec<_>>()
    };
    let first = rung(w.enqueue(B, "q"));
    assert_eq!(first.len(), 3, "none of them is likely to come: {first:?}");
    let missed = |offer| Input::Failed { offer, why: OfferFailure::NoAnswer };
    for (offer, user) in &first[..2] {
        w.give(missed(*offer));
        assert_eq!(w.state(user), State::Ready, "as with ring-all");
    }
    let first = rung(w.give(missed(first[2].0)));
    assert_eq!(first.len(), 3, "the call is back in its place, and they are rung again: {first:?}");
    w.give(Input::Answered { offer: first[1].0 });
    assert_eq!(w.state(&first[1].1), State::Talking { call: B });
    for slower in [&first[0], &first[2]] {
        assert_eq!(w.state(&slower.1), State::Ready, "no call was missed");
    }
    w.give(Input::TalkEnded { call: B, transfer: false });
    w.later(60);
    let next = offer(&w.enqueue(A, "q")).unwrap();
    assert_eq!(next.2, first[1].1, "who answers comes first");
}

#[test]
fn after_call_work_goes_on_after_a_restart_for_as_long_as_was_left_of_it() {
    let mut w = world();
    w.register("1002");
    let (id, ..) = offer(&w.enqueue(A, "general")).unwrap();
    w.give(Input::Answered { offer: id });
    w.give(Input::TalkEnded { call: A, transfer: false });
    w.later(2);
    let kept = w.acd.snapshot(w.now);
    let restarted = |w: &World| {
        let acd = Acd::new(&w.setup, Now(0));
        let mut again = World { acd, setup: w.setup.clone(), now: Now(0), out: Vec::new() };
        again.acd.restore(Now(0), &kept, &mut Vec::new());
        again
    };
    let mut again = restarted(&w);
    assert_eq!(again.state("1002"), State::Offline);
    again.later(1);
    again.register("1002");
    assert_eq!(again.state("1002"), State::WrapUp);
    again.later(1);
    assert_eq!(again.state("1002"), State::WrapUp, "three of five seconds were left");
    again.later(1);
    assert_eq!(again.state("1002"), State::Ready);
    let mut again = restarted(&w);
    again.later(4);
    again.register("1002");
    assert_eq!(again.state("1002"), State::Ready, "its phone took longer to come back");
}
