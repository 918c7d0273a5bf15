//! A scenario as TOML: strict, as the dialplans are. `dialplans/scenarios/README.md` is its manual.

use super::draw::Draw;
use super::scenario::{Behaviour, Flow, Scenario};
use crate::acd::{AgentSetup, Name, Requirement, Setup};
use crate::config::{self, File, Problem, RawAgent, RawQueue, nearest};
use crate::limits::{SIM_AGENTS_MAX, SIM_CALLS_MAX};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    hours: Spanned<f64>,
    warm_up_s: Option<Spanned<f64>>,
    #[serde(default)]
    behaviour: RawBehaviour,
    #[serde(default)]
    callers: Vec<RawFlow>,
    #[serde(default)]
    agents: Vec<RawCrew>,
    #[serde(default)]
    queue: Vec<RawQueue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFlow {
    queue: Spanned<String>,
    per_hour: Option<Spanned<f64>>,
    #[serde(default)]
    rates: Vec<RawRate>,
    #[serde(default)]
    batches: Vec<RawBatch>,
    patience: Option<Spanned<RawDraw>>,
    handle: Option<Spanned<RawDraw>>,
    require: Option<Spanned<String>>,
    priority: Option<Spanned<u16>>,
    #[serde(default)]
    numbers: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRate {
    from_s: Spanned<f64>,
    per_hour: Spanned<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBatch {
    at_s: Spanned<f64>,
    count: Spanned<u32>,
}

/// `{ fixed_s = 3 }`, `{ mean_s = 180 }` (exponential), `{ mean_s = 180, cv = 0.7 }` (lognormal).
#[derive(Deserialize, Clone, Copy)]
#[serde(deny_unknown_fields)]
struct RawDraw {
    fixed_s: Option<f64>,
    mean_s: Option<f64>,
    cv: Option<f64>,
}

/// Agents alike.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCrew {
    name: Spanned<String>,
    count: Spanned<usize>,
    queues: Vec<Spanned<String>>,
    #[serde(default)]
    skills: BTreeMap<Name, Spanned<u8>>,
    capacity: Option<Spanned<u8>>,
    #[serde(default)]
    behaviour: RawBehaviour,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawBehaviour {
    answer: Option<Spanned<RawDraw>>,
    no_answer: Option<Spanned<f64>>,
    reject: Option<Spanned<f64>>,
    returns: Option<Spanned<RawDraw>>,
    leaves_every: Option<Spanned<RawDraw>>,
    leaves: Option<Spanned<RawDraw>>,
    crash_every: Option<Spanned<RawDraw>>,
    crash: Option<Spanned<RawDraw>>,
    break_every: Option<Spanned<RawDraw>>,
    #[serde(rename = "break")]
    break_: Option<Spanned<RawDraw>>,
    from_s: Option<Spanned<f64>>,
    until_s: Option<Spanned<f64>>,
    slower: Option<Spanned<f64>>,
}

/// What is read, and what is wrong with it.
struct Reader<'a> {
    file: &'a File,
    problems: Vec<Problem>,
}

/// Reads a scenario. One without queues of its own is about `team`, the team of a folder.
///
/// # Errors
/// All that is wrong, with file, line and remedy.
pub fn read(file: &File, team: Option<&Setup>) -> Result<Scenario, Vec<Problem>> {
    let mut r = Reader { file, problems: Vec::new() };
    let Some(raw) = file.parse::<Raw>(&mut r.problems) else { return Err(r.problems) };
    let length = r.seconds(&raw.hours, 3600.0, "hours");
    let warm_up = raw.warm_up_s.as_ref().map_or(Duration::ZERO, |s| r.seconds(s, 1.0, "warm_up_s"));
    if warm_up > length {
        r.wrong(
            raw.warm_up_s.as_ref().map_or(0..0, Spanned::span),
            "the warm-up is longer than the scenario",
            "",
        );
    }
    let usual = r.behave(&raw.behaviour, Behaviour::default());
    let (setup, behaviour) = match (raw.queue.is_empty(), team) {
        (true, Some(team)) if raw.agents.is_empty() => (team.clone(), vec![usual; team.agents.len()]),
        (true, _) => {
            let what = "no [[queue]]";
            r.wrong(
                0..0,
                what,
                "add [[queue]] and [[agents]], or neither and name a folder with --config DIR",
            );
            return Err(r.problems);
        }
        _ => r.team(raw.agents, raw.queue, usual),
    };
    let flows: Vec<Flow> = raw.callers.iter().map(|c| r.flow(c, &setup)).collect();
    let scenario = Scenario {
        name: file.stem().to_owned(),
        setup,
        behaviour,
        flows,
        past: Vec::new(),
        length,
        warm_up,
        calls_max: None,
    };
    if r.problems.is_empty() && scenario.expected() > SIM_CALLS_MAX as f64 {
        r.wrong(raw.hours.span(), &format!("more than {SIM_CALLS_MAX} callers are expected"), "fewer hours");
    }
    if r.problems.is_empty() { Ok(scenario) } else { Err(r.problems) }
}

impl Reader<'_> {
    fn wrong(&mut self, at: std::ops::Range<usize>, what: &str, help: &str) {
        let help = (!help.is_empty()).then(|| help.to_owned());
        self.problems.push(self.file.error(at, what).help(help));
    }

    /// A number that is not negative, in units of so many seconds.
    fn seconds(&mut self, number: &Spanned<f64>, unit: f64, what: &str) -> Duration {
        Duration::from_secs_f64(self.number(number, 0.0..=1e6, what) * unit)
    }

    fn number(&mut self, number: &Spanned<f64>, range: std::ops::RangeInclusive<f64>, what: &str) -> f64 {
        let value = *number.get_ref();
        if range.contains(&value) {
            return value;
        }
        let message = format!("{what} must lie between {} and {}", range.start(), range.end());
        self.wrong(number.span(), &message, "");
        *range.start()
    }

    fn draw(&mut self, raw: &Spanned<RawDraw>) -> Draw {
        let good = |n: f64| (0.0..=1e6).contains(&n);
        let draw = match *raw.get_ref() {
            RawDraw { fixed_s: Some(s), mean_s: None, cv: None } if good(s) => Some(Draw::Fixed(s)),
            RawDraw { fixed_s: None, mean_s: Some(s), cv: None } if good(s) => Some(Draw::Exponential(s)),
            RawDraw { fixed_s: None, mean_s: Some(s), cv: Some(cv) } if good(s) && s > 0.0 && good(cv) => {
                Some(Draw::Lognormal(s, cv))
            }
            _ => None,
        };
        draw.unwrap_or_else(|| {
            let help =
                "{ fixed_s = 3 }, { mean_s = 180 } (exponential) or { mean_s = 180, cv = 0.7 } (lognormal)";
            self.wrong(raw.span(), "not a length of time, or not one from 0 to 1000000 s", help);
            Draw::Fixed(0.0)
        })
    }

    fn behave(&mut self, raw: &RawBehaviour, usual: Behaviour) -> Behaviour {
        let mut b = usual;
        let lengths = [
            (&raw.answer, &mut b.answer),
            (&raw.returns, &mut b.returns),
            (&raw.leaves, &mut b.leaves),
            (&raw.crash, &mut b.crash),
            (&raw.break_, &mut b.break_),
        ];
        for (raw, draw) in lengths {
            if let Some(raw) = raw {
                *draw = self.draw(raw);
            }
        }
        let gaps = [
            (&raw.leaves_every, &mut b.leaves_every),
            (&raw.crash_every, &mut b.crash_every),
            (&raw.break_every, &mut b.break_every),
        ];
        for (raw, draw) in gaps {
            if let Some(raw) = raw {
                *draw = Some(self.draw(raw));
            }
        }
        let parts = [
            (&raw.no_answer, &mut b.no_answer, "no_answer"),
            (&raw.reject, &mut b.reject, "reject"),
            (&raw.slower, &mut b.slower, "slower"),
        ];
        for (raw, part, what) in parts {
            if let Some(raw) = raw {
                *part = self.number(raw, 0.0..=1.0, what);
            }
        }
        if let Some(from) = &raw.from_s {
            b.shift.0 = self.seconds(from, 1.0, "from_s");
        }
        if let Some(until) = &raw.until_s {
            b.shift.1 = Some(self.seconds(until, 1.0, "until_s"));
        }
        b
    }

    /// One agent of each crew is checked as in `team.toml`, then there are as many as there are to be.
    fn team(
        &mut self,
        crews: Vec<RawCrew>,
        queues: Vec<RawQueue>,
        usual: Behaviour,
    ) -> (Setup, Vec<Behaviour>) {
        let all: usize = crews.iter().map(|c| *c.count.get_ref()).sum();
        let mut counts = Vec::new();
        for crew in &crews {
            if all > SIM_AGENTS_MAX || *crew.count.get_ref() == 0 {
                self.wrong(crew.count.span(), &format!("1 to {SIM_AGENTS_MAX} agents all told"), "");
            }
            counts.push((*crew.count.get_ref(), self.behave(&crew.behaviour, usual)));
        }
        let agent = |crew: RawCrew| RawAgent {
            name: crew.name.get_ref().clone(),
            user: crew.name,
            queues: crew.queues,
            skills: crew.skills,
            capacity: crew.capacity,
            sign_in: None,
            password: None,
            srtp: None,
        };
        let agents = crews.into_iter().map(agent).collect();
        let setup = config::setup(self.file, agents, queues, &mut self.problems);
        if !self.problems.is_empty() {
            return (setup, Vec::new());
        }
        let (mut agents, mut behaviour) = (Vec::new(), Vec::new());
        for (one, (count, b)) in setup.agents.iter().zip(counts) {
            for n in 1..=count {
                agents.push(AgentSetup { user: format!("{}-{n}", one.user), ..one.clone() });
                behaviour.push(b);
            }
        }
        (Setup { agents, ..setup }, behaviour)
    }

    fn flow(&mut self, raw: &RawFlow, setup: &Setup) -> Flow {
        let queue = raw.queue.get_ref();
        if !setup.queues.iter().any(|q| q.name == *queue) {
            let help = nearest(queue, setup.queues.iter().map(|q| q.name.as_str()));
            self.wrong(raw.queue.span(), &format!("no queue named `{queue}`"), &help.unwrap_or_default());
        }
        if raw.per_hour.is_some() != raw.rates.is_empty()
            && (raw.per_hour.is_some() || raw.batches.is_empty())
        {
            self.wrong(
                raw.queue.span(),
                "these callers come at no rate, or at two",
                "per_hour, rates or batches",
            );
        }
        let per_hour = |r: &mut Self, n: &Spanned<f64>| r.number(n, 0.0..=1e6, "per_hour");
        let mut rates: Vec<(Duration, f64)> = Vec::new();
        if let Some(n) = &raw.per_hour {
            rates.push((Duration::ZERO, per_hour(self, n)));
        }
        for rate in &raw.rates {
            let from = self.seconds(&rate.from_s, 1.0, "from_s");
            if rates.last().is_some_and(|(before, _)| *before >= from) {
                self.wrong(rate.from_s.span(), "rates must come one after the other", "");
            }
            rates.push((from, per_hour(self, &rate.per_hour)));
        }
        let batch = |r: &mut Self, b: &RawBatch| (r.seconds(&b.at_s, 1.0, "at_s"), *b.count.get_ref());
        Flow {
            rates,
            batches: raw.batches.iter().map(|b| batch(self, b)).collect(),
            patience: raw.patience.as_ref().map(|p| self.draw(p)),
            handle: raw.handle.as_ref().map_or(Draw::Exponential(180.0), |h| self.draw(h)),
            require: raw.require.as_ref().and_then(|text| self.requirement(text, setup)),
            priority: raw.priority.as_ref().map(|p| self.number_of(p, 100, "priority")),
            numbers: raw.numbers.min(1 << 24),
            ..Flow::new(queue, 0.0)
        }
    }

    fn number_of(&mut self, number: &Spanned<u16>, most: u16, what: &str) -> u16 {
        if *number.get_ref() > most {
            self.wrong(number.span(), &format!("{what} must lie between 0 and {most}"), "");
        }
        *number.get_ref()
    }

    fn requirement(&mut self, text: &Spanned<String>, setup: &Setup) -> Option<Requirement> {
        match Requirement::parse(text.get_ref()) {
            Ok(require) => {
                let known: Vec<&str> =
                    setup.agents.iter().flat_map(|a| a.skills.keys()).map(|s| &**s).collect();
                for skill in require.skills().into_iter().filter(|s| !known.contains(&&***s)) {
                    let help = nearest(skill, known.iter().copied()).unwrap_or_default();
                    self.wrong(text.span(), &format!("no agent has the skill `{skill}`"), &help);
                }
                Some(require)
            }
            Err(error) => {
                // Inside of the quotes.
                let at = text.span().start + 1;
                let help = "as in \"billing >= 4 and (zh or en)\", levels 1 to 10";
                self.wrong(at + error.at.start..at + error.at.end, &error.message, help);
                None
            }
        }
    }
}
