//! The promises over random scenarios, and the canaries.

use super::*;

/// Runs seeds; returns the callers there were.
fn worlds(seeds: std::ops::Range<u64>) -> u64 {
    let mut callers = 0;
    for seed in seeds {
        let run = run(&random(seed), Options { seed, ..Options::default() });
        assert!(run.verdict.is_none(), "seed {seed}: {}", run.verdict.unwrap());
        callers += run.report.callers as u64;
    }
    callers
}

#[test]
fn no_promise_is_broken_in_random_worlds() {
    let callers = worlds(0..300);
    assert!(callers > 10_000, "{callers} callers are too few to say anything");
}

#[test]
#[ignore = "ten thousand worlds: a minute or more; make sim-acd"]
fn no_promise_is_broken_in_ten_thousand_random_worlds() {
    let callers = worlds(1000..11_000);
    println!("10000 random worlds, {callers} callers: no promise broken");
}

/// The checks that notice a bug, in fifty worlds.
fn noticed(bug: Bug) -> Vec<&'static str> {
    let found = (0..50).filter_map(|seed| {
        run(&random(seed), Options { seed, bug: Some(bug), ..Options::default() }).verdict.map(|v| v.check)
    });
    let mut all: Vec<_> = found.collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[test]
fn an_answer_that_is_swallowed_is_noticed() {
    assert_eq!(noticed(Bug::SwallowedAnswer), ["lease"]);
}

#[test]
fn an_offer_that_is_made_twice_is_noticed() {
    assert!(noticed(Bug::OfferTwice).contains(&"one-place"));
}

#[test]
fn an_order_that_is_broken_silently_is_noticed() {
    assert_eq!(noticed(Bug::SilentPass), ["order"]);
}

#[test]
fn an_offer_that_outlives_its_lease_is_noticed() {
    assert!(noticed(Bug::EndlessLease).contains(&"lease"));
}

#[test]
fn a_caller_whose_end_is_not_told_is_noticed() {
    assert!(noticed(Bug::LostOutcome).contains(&"nothing-left"));
}

#[test]
fn one_seed_is_one_history() {
    let report = |seed| {
        serde_json::to_string(&run(&random(5), Options { seed, ..Options::default() }).report).unwrap()
    };
    assert_eq!(report(5), report(5));
    assert_ne!(report(5), report(6));
}
