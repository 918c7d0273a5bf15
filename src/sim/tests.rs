//! The smoke set: worlds of all kinds for half an hour each, and canaries that must be caught.

use super::*;
use crate::config::{self, Config};
use std::sync::{Arc, LazyLock};

static CONFIG: LazyLock<Arc<Config>> = LazyLock::new(|| {
    let files = [
        ("server.toml", include_str!("../../dialplans/server.toml")),
        ("team.toml", include_str!("../../dialplans/team.toml")),
        ("city-12345.toml", include_str!("../../dialplans/city-12345.toml")),
        ("bank.toml", include_str!("../../dialplans/bank.toml")),
    ]
    .map(|(name, text)| config::File { name: name.into(), text: text.into() });
    Arc::new(with_agents(&config::load(&files).unwrap(), 5))
});

fn world(seed: u64, hours: f64) -> Report {
    run(Options { seed, hours, ..Options::default() }, &CONFIG)
}

fn kept(report: &Report) {
    assert!(report.verdict.is_none(), "{report}");
}

#[test]
fn no_promise_is_broken_in_twenty_worlds() {
    let mut calls = 0;
    for seed in 0..20 {
        let report = world(seed, 0.5);
        kept(&report);
        calls += report.calls;
    }
    assert!(calls > 500, "{calls} calls in ten hours are too few to say anything");
}

#[test]
fn a_crowd_that_no_team_can_serve_breaks_no_promise() {
    for seed in 0..3 {
        let options = Options { seed, hours: 0.2, callers_per_hour: 1500.0, ..Options::default() };
        kept(&run(options, &CONFIG));
    }
}

#[test]
fn one_seed_is_one_world() {
    let (a, b, c) = (world(7, 0.5), world(7, 0.5), world(8, 0.5));
    assert_eq!((a.digest, a.events), (b.digest, b.events));
    assert_ne!(a.digest, c.digest);
}

#[test]
fn every_canary_is_caught() {
    let caught = [
        (Canary::SwallowedGoodbye, "ends-in-time"),
        (Canary::ReplayedOffer, "one-call-an-agent"),
        (Canary::ForgottenClose, "nothing-left"),
    ];
    for (canary, by) in caught {
        for seed in 0..10 {
            let options = Options { seed, canary: Some(canary), ..Options::default() };
            let verdict = run(options, &CONFIG).verdict;
            assert_eq!(verdict.map(|v| v.check), Some(by), "{canary:?} in world {seed}");
        }
    }
}

#[test]
#[ignore = "hundreds of worlds: a minute or more"]
fn no_promise_is_broken_in_many_worlds() {
    for seed in 1000..1300 {
        kept(&world(seed, 1.0));
    }
}
