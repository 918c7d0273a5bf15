//! `balanced` against the peers' rules, in the ten sample scenarios.

use super::*;
use crate::config::File;

macro_rules! scenarios {
    ($($name:literal),*) => {
        [$(($name, include_str!(concat!("../../../../dialplans/scenarios/", $name, ".toml")))),*]
    };
}

const ALL: [(&str, &str); 11] = scenarios!(
    "single-skill",
    "two-skill-overlap",
    "specialists",
    "vip",
    "rush-hour",
    "sparse-night",
    "languages",
    "no-answers",
    "long-wrap-up",
    "surge",
    "away-from-desk"
);

fn scenario((name, text): (&str, &str)) -> Scenario {
    let file = File { name: format!("{name}.toml"), text: text.to_owned() };
    read(&file, None).unwrap_or_else(|p| panic!("{}", p[0]))
}

#[test]
#[ignore = "ten scenarios, six rules, forty seeds: a minute; make sim-acd"]
fn balanced_serves_as_many_in_time_as_any_peer() {
    let (mut at_least, mut more) = (0, 0);
    for case in ALL {
        let comparison = compare(&scenario(case), 0..40);
        print!("{comparison}");
        let best = comparison.best().unwrap();
        let (by, half) = comparison.ahead(best);
        let worst = comparison.rules[0].worst_mean_s() / best.worst_mean_s() - 1.0;
        println!(
            "  best peer {}: {by:+.2} ± {half:.2} calls a run, worst caller {:+.1} %\n",
            best.name,
            100.0 * worst
        );
        at_least += usize::from(by >= 0.0);
        more += usize::from(by - half > 0.0);
    }
    println!("at least as many in {at_least} of 10, more beyond the 95 % interval in {more}");
}
