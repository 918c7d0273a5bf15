//! Random events in any order, lawful or not; after each step all that is promised is looked at.

use super::super::agent::Phase;
use super::super::router::Due;
use super::*;
use crate::base::Pii;
use std::collections::BTreeMap;

const USERS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
const QUEUES: [&str; 4] = ["balanced", "all", "idle", "random"];

fn setup(rng: &mut fastrand::Rng) -> Setup {
    let seconds = Duration::from_secs;
    let ring = |after, require: Option<&str>, also: &[&str]| Ring {
        after: seconds(after),
        require: require.map(|r| Requirement::parse(r).unwrap()),
        also: also.iter().map(|q| (*q).to_owned()).collect(),
    };
    let queue = |name: &str, strategy| QueueSetup {
        strategy,
        ring: seconds(6),
        wrap_up: seconds(3),
        announce_every: seconds(5),
        max_wait: seconds(90),
        target: Target { within: seconds(10), percent: 80 },
        remember: seconds(60),
        callback: CallbackRule { attempts: 2, gap: seconds(5) },
        ..QueueSetup::new(name)
    };
    let mut queues = vec![
        queue("balanced", Strategy::Balanced),
        queue("all", Strategy::RingAll),
        queue("idle", Strategy::LongestIdle),
        queue("random", Strategy::Random),
    ];
    queues[0].require = Some(Requirement::parse("zh >= 5").unwrap());
    queues[0].rings = vec![ring(8, Some("zh >= 2"), &[]), ring(16, None, &["idle"])];
    let to = |name: &str| Destination::Queue(name.into());
    queues[1].overflow = vec![OverflowRule { when: When::Waited(seconds(20)), to: to("idle") }];
    queues[2].overflow = vec![
        OverflowRule { when: When::Longer(4), to: to("random") },
        OverflowRule { when: When::NoAgents, to: Destination::Voicemail },
    ];
    queues[3].places = Some(3);
    queues[3].overflow = vec![OverflowRule { when: When::Estimated(seconds(600)), to: to("all") }];
    let agents = USERS.iter().map(|user| AgentSetup {
        skills: [(Name::from("zh"), rng.u8(1..=10))].into(),
        capacity: rng.u8(1..=2),
        ..AgentSetup::new(user, user, QUEUES.iter().filter(|_| rng.bool()).map(|q| (*q).to_owned()).collect())
    });
    Setup { agents: agents.collect(), queues, ..Setup::default() }
}

fn request(rng: &mut fastrand::Rng, now: Now) -> Request {
    let one = |rng: &mut fastrand::Rng| (rng.u8(..8) == 0).then(|| rng.choice(USERS).unwrap().to_owned());
    Request {
        queue: rng.choice(QUEUES).unwrap().to_owned(),
        priority: (rng.u8(..6) == 0).then(|| rng.u16(..3)),
        require: (rng.u8(..5) == 0).then(|| Requirement::parse("zh >= 3").unwrap()),
        relax: vec![(Duration::from_secs(10), Requirement::parse("zh").unwrap())],
        agent: one(rng),
        preferred: one(rng),
        exclude: one(rng).into_iter().collect(),
        arrived: (rng.u8(..6) == 0).then_some(Now(now.0 / 2)),
        number: Some(Pii::new(rng.u8(..4).to_string())),
        consult: false,
    }
}

fn input(rng: &mut fastrand::Rng, now: Now, offers: &[OfferId]) -> Input {
    let user = rng.choice(USERS).unwrap().to_owned();
    let call = CallId(rng.u64(..12));
    let offer = rng.choice(offers.iter().rev().take(6)).copied().unwrap_or(OfferId(0));
    let endpoint = if rng.bool() { Endpoint::Phone } else { Endpoint::Browser(1) };
    let queue = rng.choice(QUEUES).unwrap().to_owned();
    match rng.u8(..40) {
        0..4 => Input::Registered { user, endpoint },
        4 => Input::Unregistered { user, endpoint },
        5..9 => Input::Ready { user },
        9 => Input::NotReady { user, reason: None },
        10..18 => Input::Enqueue { call, request: request(rng, now) },
        18..20 => Input::CallerGone { call },
        20..22 => Input::Ringing { offer },
        22..26 => Input::Answered { offer },
        26 => {
            Input::Failed { offer, why: rng.choice([OfferFailure::Rejected, OfferFailure::NoPort]).unwrap() }
        }
        27..30 => Input::TalkEnded { call, transfer: rng.bool() },
        30 => Input::Held { call, on: rng.bool() },
        31 => Input::Callback { call, number: Pii::new(rng.u8(..9).to_string()) },
        32 => Input::CallbackMissed { call },
        33 => Input::Move { call, to: MoveTo::Front, reason: "vip".into() },
        34 => Input::Move { call, to: MoveTo::Queue(queue), reason: "load".into() },
        35 => Input::Open { queue, open: rng.u8(..4) > 0 },
        36 => Input::Drain { queue, on: rng.u8(..4) == 0 },
        37 => Input::SetSkills { user, skills: [("zh".into(), rng.u8(1..=10))].into() },
        38 if rng.bool() => Input::SignOut { user },
        38 => Input::SignIn { user },
        _ => Input::CallbackCancelled { call },
    }
}

/// What must hold between any two steps.
fn promises(w: &World, seed: u64) {
    let acd = &w.acd;
    for agent in &acd.agents {
        let offers = agent.hands.iter().filter(|(_, p)| matches!(p, Phase::Reserved(_) | Phase::Ringing(_)));
        assert!(offers.count() <= 1, "seed {seed}: {} has two offers", agent.user);
        assert!(agent.hands.len() <= agent.capacity, "seed {seed}: {} has too many calls", agent.user);
    }
    for (id, offer) in &acd.offers {
        let lease = acd.timers.get(Due::Lease(*id));
        assert!(lease.is_some_and(|at| at > w.now), "seed {seed}: {id:?} outlives its lease");
        assert!(acd.waiting[&offer.call].offers.contains(id), "seed {seed}: {id:?} is of no call");
        assert!(
            acd.agents[offer.agent].hands.iter().any(|(c, _)| *c == offer.call),
            "seed {seed}: {id:?} is nobody's"
        );
    }
    let in_line: usize = (0..acd.queues.len()).map(|q| acd.line.length(q)).sum();
    assert_eq!(in_line, acd.waiting.len(), "seed {seed}: a call stands in line twice, or not at all");
    for (call, waiting) in &acd.waiting {
        assert!(!acd.talks.contains_key(call), "seed {seed}: {call:?} waits and talks");
        let hands = acd.agents.iter().flat_map(|a| &a.hands).filter(|(c, _)| c == call).count();
        assert_eq!(hands, waiting.offers.len(), "seed {seed}: {call:?} is in wrong hands");
        assert!(
            waiting.offers.iter().all(|o| acd.offers.contains_key(o)),
            "seed {seed}: {call:?} has a dead offer"
        );
    }
    for (call, talk) in &acd.talks {
        let all = acd.agents.iter().enumerate().filter(|(_, a)| a.hands.iter().any(|(c, _)| c == call));
        assert_eq!(all.map(|(ix, _)| ix).collect::<Vec<_>>(), [talk.agent], "seed {seed}: {call:?}");
    }
    for (ix, kind) in acd.line.all().filter(|(_, k)| k.first().is_some()) {
        assert!(!kind.fit.meets(&acd.free), "seed {seed}: somebody is free and fits row {ix}");
    }
}

/// Nobody of the same queue who fits this agent stands before an offered call, unless the decision says so.
fn order_kept(w: &World, before: &BTreeMap<CallId, (usize, (Now, u64))>, out: &[Output], seed: u64) {
    for o in out {
        let Output::Offer { call, user, decision, .. } = o else { continue };
        let (Some((kind, place)), None) = (before.get(call), decision.passed) else { continue };
        let agent = w.acd.agent_index[user.as_str()];
        let order = w.acd.line.kinds[*kind].order(w.now, *place);
        let queue = w.acd.line.kinds[*kind].key.queue;
        for (other, waiting) in &w.acd.waiting {
            let row = &w.acd.line.kinds[waiting.kind];
            let in_line = !waiting.is_aside() && before.contains_key(other);
            if in_line && row.key.queue == queue && row.fit.has(agent) && before[other].0 == waiting.kind {
                let fine = row.order(w.now, waiting.place) > order;
                assert!(fine, "seed {seed}: {call:?} is offered to {user} before {other:?}");
            }
        }
    }
}

fn places(w: &World) -> BTreeMap<CallId, (usize, (Now, u64))> {
    w.acd.waiting.iter().map(|(call, waiting)| (*call, (waiting.kind, waiting.place))).collect()
}

/// Plays one seed and returns all events.
fn play(seed: u64, steps: usize) -> (World, Vec<(u64, AcdEvent)>) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let setup = setup(&mut rng);
    let mut w = World { acd: Acd::new(&setup, Now(0)), setup, now: Now(0), out: Vec::new() };
    let (mut offers, mut events) = (Vec::new(), Vec::new());
    for _ in 0..steps {
        let before = places(&w);
        let (out, timed) = match rng.u8(..60) {
            0 => {
                let mut setup = w.setup.clone();
                setup.agents.retain(|_| rng.u8(..4) > 0);
                let mut out = Vec::new();
                w.acd.reload(&setup, w.now, &mut out);
                (out, true)
            }
            1..20 => (w.later(rng.u64(..4)), true),
            _ => (w.give(input(&mut rng, w.now, &offers)), false),
        };
        promises(&w, seed);
        if !timed {
            order_kept(&w, &before, &out, seed);
        }
        for o in out {
            match o {
                Output::Offer { offer, .. } => offers.push(offer),
                Output::Event(event) => events.push((w.now.ms(), event)),
                _ => {}
            }
        }
    }
    (w, events)
}

#[test]
fn whatever_happens_every_promise_is_kept() {
    for seed in 0..1500 {
        let (mut w, _) = play(seed, 150);
        for queue in QUEUES {
            w.give(Input::Open { queue: queue.into(), open: true });
        }
        for call in (0..12).map(CallId) {
            w.give(Input::CallbackCancelled { call });
            w.give(Input::CallerGone { call });
        }
        assert!(w.acd.is_idle(), "seed {seed}: {:?}", w.acd);
        w.later(60);
        assert_eq!(w.acd.deadline(), None, "seed {seed}");
    }
}

#[test]
fn one_seed_is_one_history() {
    assert_eq!(play(7, 400).1, play(7, 400).1);
}

/// Each call that is offered has exactly one outcome, and the figures say the same.
#[test]
fn the_figures_account_for_every_call() {
    let mut all = Counts::default();
    for seed in 0..300 {
        let (w, events) = play(seed, 200);
        let mut figures = Figures::new(Duration::from_secs(900));
        let (mut open, mut outcomes): (BTreeMap<CallId, i32>, u64) = (BTreeMap::new(), 0);
        for (at, event) in &events {
            figures.add(*at, event);
            let (call, change) = match event {
                AcdEvent::Queued { call, .. } => (call, 1),
                AcdEvent::Abandoned { call, .. } | AcdEvent::Overflowed { call, .. } => (call, -1),
                AcdEvent::Answered { call, .. } | AcdEvent::CallbackCancelled { call, .. } => (call, -1),
                AcdEvent::CallbackMissed { call, again: true, .. } => (call, 1),
                _ => continue,
            };
            let state = open.entry(*call).or_default();
            *state += change;
            outcomes += u64::from(change < 0);
            assert!((0..=1).contains(state), "seed {seed}: {call:?} has two outcomes, or none: {event:?}");
        }
        let waiting = w.acd.waiting.len() as u64;
        let t = figures.total(None);
        let ended = t.answered + t.abandoned + t.overflowed + t.callbacks_answered + t.callbacks_cancelled;
        assert_eq!(ended, outcomes, "seed {seed}");
        assert_eq!(t.offered + t.callbacks_retried, ended + waiting, "seed {seed}: {t:?}");
        assert_eq!(t.moved_in, t.moved_out, "seed {seed}");
        let mut intervals = Counts::default();
        figures.intervals().into_iter().for_each(|i| intervals += figures.total(Some(i)));
        assert_eq!(intervals, t, "seed {seed}: the intervals add up");
        let stored = serde_json::to_string(&events).unwrap();
        let mut again = Figures::new(Duration::from_secs(900));
        let events: Vec<(u64, AcdEvent)> = serde_json::from_str(&stored).unwrap();
        events.iter().for_each(|(at, event)| again.add(*at, event));
        assert_eq!(again.total(None), t, "seed {seed}: stored events give the same figures");
        all += t;
    }
    let rarest =
        [all.answered, all.abandoned, all.overflowed, all.moved_in, all.callbacks_answered, all.transferred];
    assert!(rarest.iter().all(|n| *n > 20), "the seeds play too little: {all:?}");
}
