//! Who fits, who goes first, who is chosen, and where callers go who wait too long.

use super::*;
use crate::base::Pii;

fn seconds(s: u64) -> Duration {
    Duration::from_secs(s)
}

fn requirement(text: &str) -> Option<Requirement> {
    Some(Requirement::parse(text).unwrap())
}

fn overflowed(out: &[Output]) -> Vec<(CallId, Destination)> {
    let to =
        |o: &Output| if let Output::Overflow { call, to, .. } = o { Some((*call, to.clone())) } else { None };
    out.iter().filter_map(to).collect()
}

#[test]
fn a_requirement_relaxes_in_steps() {
    let mut w = team(&[3, 6], |q| {
        q.require = requirement("zh >= 8");
        q.rings = vec![
            Ring { after: seconds(10), require: requirement("zh >= 5"), also: vec![] },
            Ring { after: seconds(20), require: None, also: vec!["other".into()] },
        ];
    });
    w.register("a0");
    w.register("a1");
    assert_eq!(offer(&w.enqueue(A, "q")), None);
    assert_eq!(offer(&w.later(10)).unwrap().2, "a1");
    w.enqueue(B, "q");
    assert_eq!(offer(&w.later(9)), None);
}

#[test]
fn the_score_ages_and_a_higher_priority_goes_first_until_then() {
    let mut w = team(&[1], |q| (q.aging, q.aging_max) = (10, 60));
    let vip = |queue: &str| Request { priority: Some(15), ..Request::to(queue) };
    w.enqueue(A, "q");
    w.later(60);
    w.give(Input::Enqueue { call: B, request: vip("q") });
    let (id, call, _) = offer(&w.register("a0")).unwrap();
    assert_eq!(call, B, "15 points against 10");
    w.give(Input::Failed { offer: id, why: OfferFailure::NoPort });
    w.give(Input::CallerGone { call: B });
    w.later(40);
    w.give(Input::CallerGone { call: A });
    w.give(Input::Unregistered { user: "a0".into(), endpoint: Endpoint::Phone });
    w.enqueue(A, "q");
    w.later(120);
    w.give(Input::Enqueue { call: B, request: vip("q") });
    assert_eq!(offer(&w.register("a0")).unwrap().1, A, "20 points against 15");
}

#[test]
fn the_agent_who_served_a_caller_last_has_a_head_start() {
    let mut w = team(&[1, 1], |q| (q.remember, q.head_start) = (seconds(3600), seconds(15)));
    let again = || Request { number: Some(Pii::new("5551".into())), ..Request::to("q") };
    w.register("a0");
    let (id, ..) = offer(&w.give(Input::Enqueue { call: A, request: again() })).unwrap();
    w.give(Input::Answered { offer: id });
    w.register("a1");
    assert_eq!(
        offer(&w.give(Input::Enqueue { call: B, request: again() })),
        None,
        "a1 is free, but a0 is preferred"
    );
    assert_eq!(offer(&w.later(15)).unwrap().2, "a1");
}

#[test]
fn one_agent_may_be_asked_for_and_others_excluded() {
    let mut w = team(&[1, 1], |_| ());
    for user in ["a0", "a1", "z"] {
        w.register(user);
    }
    let request = Request { agent: Some("z".into()), ..Request::to("q") };
    assert_eq!(offer(&w.give(Input::Enqueue { call: A, request })).unwrap().2, "z");
    let request = Request { exclude: vec!["a0".into()], ..Request::to("q") };
    assert_eq!(offer(&w.give(Input::Enqueue { call: B, request })).unwrap().2, "a1");
}

#[test]
fn ring_all_rings_all_and_the_first_to_answer_has_the_call() {
    let mut w = team(&[1, 1, 1], |q| q.strategy = Strategy::RingAll);
    for user in ["a0", "a1", "a2"] {
        w.register(user);
    }
    let out = w.enqueue(A, "q");
    let all: Vec<_> = out
        .iter()
        .filter_map(|o| if let Output::Offer { offer, .. } = o { Some(*offer) } else { None })
        .collect();
    assert_eq!(all.len(), 3);
    w.give(Input::Failed { offer: all[0], why: OfferFailure::NoAnswer });
    assert_eq!(w.state("a0"), State::Ready, "nobody is put not-ready");
    let out = w.give(Input::Answered { offer: all[2] });
    assert_eq!(out.iter().filter(|o| matches!(o, Output::Withdraw { .. })).count(), 1);
    assert_eq!((w.state("a1"), w.state("a2")), (State::Ready, State::Talking { call: A }));
}

#[test]
fn strategies_choose_as_they_are_called() {
    let chosen = |strategy| {
        let mut w = team(&[2, 9, 5], |q| {
            q.strategy = strategy;
            q.require = requirement("zh");
        });
        for user in ["a2", "a1", "a0"] {
            w.register(user);
            w.later(5);
        }
        let mut users = Vec::new();
        for call in [A, B] {
            let (id, _, user) = offer(&w.enqueue(call, "q")).unwrap();
            w.give(Input::Answered { offer: id });
            w.later(2);
            w.give(Input::TalkEnded { call, transfer: false });
            users.push(user);
        }
        users.join(" ")
    };
    for (strategy, expected) in [
        (Strategy::LongestIdle, "a2 a1"),
        (Strategy::FewestCalls, "a2 a1"),
        (Strategy::LeastOccupied, "a2 a1"),
        (Strategy::RoundRobin, "a0 a1"),
        (Strategy::Linear, "a0 a0"),
        (Strategy::BestSkill, "a1 a1"),
        (Strategy::Balanced, "a2 a0"),
    ] {
        assert_eq!(chosen(strategy), expected, "{strategy:?}");
    }
    assert_eq!(chosen(Strategy::Random), chosen(Strategy::Random));
}

#[test]
fn balanced_keeps_the_generalist_for_calls_that_only_the_generalist_can_take() {
    let mut w = world();
    let mut setup = w.setup.clone();
    setup.queues.iter_mut().for_each(|q| q.strategy = Strategy::Balanced);
    w.acd.reload(&setup, w.now, &mut Vec::new());
    // Traffic for repair, which 1001 alone serves; then 1001 has been idle for longer than 1002.
    for n in 0..20 {
        w.enqueue(CallId(100 + n), "repair");
        w.give(Input::CallerGone { call: CallId(100 + n) });
    }
    w.register("1001");
    w.later(30);
    w.register("1002");
    assert_eq!(offer(&w.enqueue(A, "general")).unwrap().2, "1002");
}

#[test]
fn several_calls_and_agents_are_assigned_together() {
    let mut w = world();
    let mut setup = w.setup.clone();
    setup.queues.iter_mut().for_each(|q| q.strategy = Strategy::Balanced);
    w.acd.reload(&setup, w.now, &mut Vec::new());
    for user in ["1001", "1002"] {
        w.register(user);
    }
    // The agents serve nobody while the calls come in.
    let mut idle = setup.clone();
    idle.agents.iter_mut().for_each(|a| a.queues.clear());
    w.acd.reload(&idle, w.now, &mut Vec::new());
    w.enqueue(B, "general");
    w.enqueue(A, "repair");
    let mut out = Vec::new();
    w.acd.reload(&setup, w.now, &mut out);
    let pairs = out.iter().filter_map(|o| match o {
        Output::Offer { call, user, decision, .. } => Some((*call, user.as_str(), decision.jointly.len())),
        _ => None,
    });
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_unstable();
    assert_eq!(pairs, [(A, "1001", 1), (B, "1002", 1)]);
}

#[test]
fn overflow_to_a_queue_keeps_the_place_and_the_first_rule_counts() {
    let mut w = team(&[1], |q| {
        q.overflow = vec![
            OverflowRule { when: When::Waited(seconds(20)), to: Destination::Queue("other".into()) },
            OverflowRule { when: When::Waited(seconds(10)), to: Destination::Voicemail },
        ];
    });
    w.enqueue(A, "q");
    assert_eq!(overflowed(&w.later(10)), [(A, Destination::Voicemail)]);
    let mut w = team(&[1], |q| {
        q.overflow =
            vec![OverflowRule { when: When::Waited(seconds(20)), to: Destination::Queue("other".into()) }];
    });
    w.enqueue(A, "q");
    w.later(10);
    w.enqueue(B, "other");
    w.later(10);
    assert_eq!(w.acd.waiting()[0].0, A);
    assert_eq!(offer(&w.register("z")).unwrap().1, A, "A came first");
}

#[test]
fn rules_about_length_agents_and_closing_turn_callers_away_on_arrival() {
    let mut w = team(&[1], |q| {
        q.overflow = vec![
            OverflowRule { when: When::Closed, to: Destination::Line("night".into()) },
            OverflowRule { when: When::Longer(1), to: Destination::Callback },
        ];
    });
    w.enqueue(A, "q");
    assert_eq!(overflowed(&w.enqueue(B, "q")), [(B, Destination::Callback)]);
    assert_eq!(w.acd.waiting().len(), 2, "it waits on while it is asked");
    w.give(Input::Drain { queue: "q".into(), on: true });
    assert_eq!(overflowed(&w.enqueue(CallId(9), "q")), [(CallId(9), Destination::Line("night".into()))]);
    assert_eq!(offer(&w.register("a0")).unwrap().1, A, "whoever is inside is served");
    let mut w =
        team(&[1], |q| q.overflow = vec![OverflowRule { when: When::NoAgents, to: Destination::Voicemail }]);
    assert_eq!(overflowed(&w.enqueue(A, "q")), [(A, Destination::Voicemail)]);
}

#[test]
fn a_callback_keeps_the_place_and_is_tried_again() {
    let mut w = team(&[1], |q| q.callback = CallbackRule { attempts: 2, gap: seconds(60) });
    w.enqueue(A, "q");
    let number = || Pii::new("5551".to_owned());
    w.give(Input::Callback { call: A, number: number() });
    w.give(Input::CallerGone { call: A });
    w.enqueue(B, "q");
    let refused = w.give(Input::Callback { call: B, number: number() });
    assert!(matches!(&refused[..], [Output::Refused { .. }]), "one callback a number");
    let out = w.register("a0");
    assert!(out.iter().any(|o| matches!(o, Output::Offer { call: A, callback: true, .. })));
    w.give(Input::Answered { offer: offer(&out).unwrap().0 });
    let out = w.give(Input::CallbackMissed { call: A });
    let (id, call, _) = offer(&out).unwrap();
    assert_eq!(call, B, "the next caller, while the callback pauses");
    w.give(Input::Answered { offer: id });
    w.give(Input::TalkEnded { call: B, transfer: false });
    let (id, call, _) = offer(&w.later(60)).unwrap();
    assert_eq!(call, A);
    w.give(Input::Answered { offer: id });
    w.give(Input::CallbackMissed { call: A });
    assert!(w.acd.is_idle());
}

#[test]
fn a_supervisor_puts_a_call_to_the_front_or_is_told_why_not() {
    let mut w = team(&[1], |_| ());
    w.enqueue(A, "q");
    w.enqueue(B, "q");
    let refused = w.give(Input::Move { call: CallId(9), to: MoveTo::Front, reason: String::new() });
    assert_eq!(refused, [Output::Refused { why: "call 9 does not wait".into() }]);
    w.give(Input::Move { call: B, to: MoveTo::Front, reason: "angry".into() });
    assert_eq!(offer(&w.register("a0")).unwrap().1, B);
}

#[test]
fn the_wait_is_told_with_the_place_and_only_if_it_has_improved() {
    let mut w = team(&[1], |q| (q.announce_wait, q.announce_every) = (true, seconds(20)));
    w.register("a0");
    let (id, ..) = offer(&w.enqueue(A, "q")).unwrap();
    w.give(Input::Answered { offer: id });
    w.enqueue(B, "q");
    let told = |out: &[Output]| -> Vec<Option<u32>> {
        let wait = |o: &Output| {
            if let Output::Announce { wait, .. } = o { Some(wait.map(|e| e.likely_s)) } else { None }
        };
        out.iter().filter_map(wait).collect()
    };
    assert_eq!(told(&w.later(1)), [Some(180)]);
    assert_eq!(told(&w.later(20)), [None]);
}

#[test]
fn a_restart_keeps_breaks_memory_and_callbacks() {
    let mut w = team(&[1, 1], |q| q.remember = seconds(3600));
    let number = || Some(Pii::new("5551".to_owned()));
    w.register("a0");
    let request = Request { number: number(), ..Request::to("q") };
    let (id, ..) = offer(&w.give(Input::Enqueue { call: A, request: request.clone() })).unwrap();
    w.give(Input::Answered { offer: id });
    w.give(Input::TalkEnded { call: A, transfer: false });
    w.give(Input::NotReady { user: "a0".into(), reason: None });
    w.enqueue(B, "q");
    w.give(Input::Callback { call: B, number: Pii::new("7".into()) });
    w.later(50);
    let kept = serde_json::to_string(&w.acd.snapshot(w.now)).unwrap();
    let mut again =
        World { acd: Acd::new(&w.setup, Now(0)), setup: w.setup.clone(), now: Now(0), out: Vec::new() };
    again.acd.restore(Now(0), &serde_json::from_str(&kept).unwrap(), &mut Vec::new());
    again.register("a0");
    assert_eq!(again.state("a0"), State::NotReady(NotReady::Break));
    let (id, call, _) = offer(&again.register("a1")).unwrap();
    assert_eq!(call, B);
    again.give(Input::Answered { offer: id });
    again.give(Input::Ready { user: "a0".into() });
    again.give(Input::TalkEnded { call: B, transfer: false });
    assert_eq!(
        offer(&again.give(Input::Enqueue { call: A, request })).unwrap().2,
        "a0",
        "who served it last"
    );
}

/// Two queues, one specialist each and generalists; random calls and talks. Calls answered within the target, and the
/// longest wait in seconds.
fn day(strategy: Strategy, seed: u64) -> (u64, u64) {
    let queue = |name: &str| QueueSetup { strategy, max_wait: seconds(7200), ..QueueSetup::new(name) };
    let agent =
        |user: &str, queues: &[&str]| AgentSetup::new(user, "", queues.iter().map(|q| (*q).into()).collect());
    let agents = vec![
        agent("g1", &["x", "y"]),
        agent("g2", &["x", "y"]),
        agent("x1", &["x"]),
        agent("x2", &["x"]),
        agent("y1", &["y"]),
    ];
    let setup = Setup { agents, queues: vec![queue("x"), queue("y")], ..Setup::default() };
    let mut w = World { acd: Acd::new(&setup, Now(0)), setup, now: Now(0), out: Vec::new() };
    for user in ["g1", "g2", "x1", "x2", "y1"] {
        w.register(user);
    }
    let mut rng = fastrand::Rng::with_seed(seed);
    let (mut ends, mut within, mut longest) = (std::collections::BTreeSet::new(), 0, 0);
    let mut next = 0;
    for call in (0..600).map(CallId) {
        // Each call's talk is its own, whoever has it.
        let (gap, queue) = (rng.u64(1..50), if rng.u8(..5) < 3 { "x" } else { "y" });
        next += gap;
        let mut out = Vec::new();
        while let Some((at, ended)) = ends.first().copied().filter(|(at, _)| *at <= next) {
            ends.remove(&(at, ended));
            w.now = Now(at * 1_000_000);
            out.extend(w.give(Input::TalkEnded { call: ended, transfer: false }));
            answer(&mut w, &mut out, &mut ends);
        }
        w.now = Now(next * 1_000_000);
        out.extend(w.enqueue(call, queue));
        answer(&mut w, &mut out, &mut ends);
        for o in out {
            if let Output::Event(AcdEvent::Answered { waited_ms, within_ms, .. }) = o {
                within += u64::from(waited_ms <= within_ms);
                longest = longest.max(waited_ms / 1000);
            }
        }
    }
    (within, longest)
}

/// Every phone is answered at once; a call's talk has a length of its own.
fn answer(w: &mut World, out: &mut Vec<Output>, ends: &mut std::collections::BTreeSet<(u64, CallId)>) {
    let live = |w: &World, out: &[Output]| {
        out.iter().find_map(|o| match o {
            Output::Offer { offer, call, .. } if w.acd.offers.contains_key(offer) => Some((*offer, *call)),
            _ => None,
        })
    };
    while let Some((id, call)) = live(w, out) {
        let talk = 40 + fastrand::Rng::with_seed(call.0).u64(..160);
        ends.insert((w.now.0 / 1_000_000 + talk, call));
        out.extend(w.give(Input::Answered { offer: id }));
    }
}

#[test]
fn balanced_keeps_more_calls_within_the_target_than_longest_idle_and_nobody_waits_much_longer() {
    let sum = |strategy| {
        (0..30)
            .map(|seed| day(strategy, seed))
            .fold((0, 0), |(w, l), (within, longest)| (w + within, l.max(longest)))
    };
    let (balanced, idle) = (sum(Strategy::Balanced), sum(Strategy::LongestIdle));
    assert!(balanced.0 > idle.0, "within: {} against {}", balanced.0, idle.0);
    assert!(balanced.1 * 10 <= idle.1 * 11, "longest: {} s against {} s", balanced.1, idle.1);
}
