//! `[[queue]]` of `team.toml`: how callers wait, who may have them, and where they go otherwise.

use super::file::{File, nearest};
use super::problem::Problem;
use super::team::Team;
use crate::acd::{
    CallbackRule, Destination, OverflowRule, QueueSetup, Requirement, Ring, Skills, Strategy, Target, When,
};
use crate::base::Lang;
use crate::ivr::{BRIEFING_VALUES, Plan, QueueWords, Text};
use serde::Deserialize;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawQueue {
    pub(super) name: Spanned<String>,
    // Asked for where a line leads to the queue.
    #[serde(default)]
    pub(super) label: Text,
    pub(super) hours: Option<Spanned<String>>,
    ring_s: Option<Spanned<u64>>,
    wrap_up_s: Option<Spanned<u64>>,
    announce_every_s: Option<Spanned<u64>>,
    announce_wait: Option<bool>,
    comfort_every_s: Option<Spanned<u64>>,
    max_wait_s: Option<Spanned<u64>>,
    strategy: Option<Strategy>,
    priority: Option<Spanned<u64>>,
    aging: Option<Spanned<u64>>,
    aging_max: Option<Spanned<u64>>,
    weight: Option<Spanned<u64>>,
    require: Option<Spanned<String>>,
    #[serde(default)]
    rings: Vec<RawRing>,
    target: Option<RawTarget>,
    short_abandon_s: Option<Spanned<u64>>,
    late_share: Option<Spanned<u64>>,
    places: Option<Spanned<u64>>,
    #[serde(default)]
    overflow: Vec<Spanned<RawOverflow>>,
    callback: Option<RawCallback>,
    head_start_s: Option<Spanned<u64>>,
    remember_days: Option<Spanned<u64>>,
    #[serde(default)]
    dispositions: Vec<String>,
    #[serde(default)]
    comfort: Vec<Spanned<Text>>,
    briefing: Option<Spanned<Text>>,
    survey: Option<Spanned<Text>>,
    closing: Option<Spanned<Text>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRing {
    after_s: Spanned<u64>,
    require: Option<Spanned<String>>,
    #[serde(default)]
    also: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTarget {
    within_s: Spanned<u64>,
    percent: Spanned<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCallback {
    attempts: Spanned<u64>,
    gap_s: Spanned<u64>,
}

/// One condition and one destination.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOverflow {
    after_s: Option<u64>,
    estimate_s: Option<u64>,
    longer_than: Option<u64>,
    #[serde(default)]
    no_agents: bool,
    #[serde(default)]
    closed: bool,
    queue: Option<Spanned<String>>,
    line: Option<Spanned<String>>,
    number: Option<String>,
    to: Option<To>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum To {
    Voicemail,
    Callback,
    Closing,
}

impl RawOverflow {
    /// The rule, if it has exactly one condition and one destination.
    fn rule(&self) -> Option<OverflowRule> {
        let seconds = Duration::from_secs;
        let conditions = [
            self.after_s.map(|s| When::Waited(seconds(s))),
            self.estimate_s.map(|s| When::Estimated(seconds(s))),
            self.longer_than.map(|n| When::Longer(n as usize)),
            self.no_agents.then_some(When::NoAgents),
            self.closed.then_some(When::Closed),
        ];
        let name = |s: &Spanned<String>| s.get_ref().as_str().into();
        let destinations = [
            self.queue.as_ref().map(|q| Destination::Queue(name(q))),
            self.line.as_ref().map(|l| Destination::Line(name(l))),
            self.number.as_ref().map(|n| Destination::Number(n.as_str().into())),
            self.to.map(|to| match to {
                To::Voicemail => Destination::Voicemail,
                To::Callback => Destination::Callback,
                To::Closing => Destination::Closing,
            }),
        ];
        Some(OverflowRule { when: only(conditions)?, to: only(destinations)? })
    }
}

fn only<T, const N: usize>(of: [Option<T>; N]) -> Option<T> {
    let mut all = of.into_iter().flatten();
    all.next().filter(|_| all.next().is_none())
}

/// All that is wrong with one queue.
pub(super) fn check(file: &File, queue: &RawQueue, team: &Team, problems: &mut Vec<Problem>) {
    numbers(file, queue, problems);
    let before = problems.len();
    for require in queue.require.iter().chain(queue.rings.iter().filter_map(|r| r.require.as_ref())) {
        requirement(file, require, team, problems);
    }
    for also in queue.rings.iter().flat_map(|r| &r.also) {
        team.require_queue(file, also, problems);
    }
    if problems.len() == before {
        widening(file, queue, team, problems);
    }
    for rule in &queue.overflow {
        if rule.get_ref().rule().is_none() {
            problems.push(file.error(rule.span(), "an overflow rule has one condition and one destination").help(Some(
                "one of after_s, estimate_s, longer_than, no_agents, closed; and one of queue, line, number, to".into(),
            )));
        }
        if let Some(to) = &rule.get_ref().queue {
            team.require_queue(file, to, problems);
            if let Some(way) = circle(queue.name.get_ref(), to.get_ref(), team) {
                problems.push(
                    file.error(to.span(), format!("callers would overflow in a circle: {way}"))
                        .help(Some("let the last of them lead to a line, a number or a message".into())),
                );
            }
        }
    }
}

/// A number, if it is given, what it must lie between, and its key.
type Bound<'a> = (Option<&'a Spanned<u64>>, RangeInclusive<u64>, &'a str);

fn numbers(file: &File, queue: &RawQueue, problems: &mut Vec<Problem>) {
    let (target, callback) = (queue.target.as_ref(), queue.callback.as_ref());
    let all: [Bound; 18] = [
        (queue.ring_s.as_ref(), 3..=120, "ring_s"),
        (queue.wrap_up_s.as_ref(), 0..=3600, "wrap_up_s"),
        (queue.announce_every_s.as_ref(), 5..=600, "announce_every_s"),
        (queue.comfort_every_s.as_ref(), 5..=600, "comfort_every_s"),
        (queue.max_wait_s.as_ref(), 5..=7200, "max_wait_s"),
        (queue.priority.as_ref(), 0..=100, "priority"),
        (queue.aging.as_ref(), 0..=100, "aging"),
        (queue.aging_max.as_ref(), 0..=1000, "aging_max"),
        (queue.weight.as_ref(), 1..=1000, "weight"),
        (queue.short_abandon_s.as_ref(), 0..=60, "short_abandon_s"),
        (queue.late_share.as_ref(), 0..=50, "late_share"),
        (queue.places.as_ref(), 0..=10_000, "places"),
        (queue.head_start_s.as_ref(), 0..=600, "head_start_s"),
        (queue.remember_days.as_ref(), 0..=365, "remember_days"),
        (target.map(|t| &t.within_s), 1..=3600, "within_s"),
        (target.map(|t| &t.percent), 1..=100, "percent"),
        (callback.map(|c| &c.attempts), 1..=10, "attempts"),
        (callback.map(|c| &c.gap_s), 10..=86_400, "gap_s"),
    ];
    for (value, range, what) in all {
        if let Some(value) = value.filter(|v| !range.contains(v.get_ref())) {
            let unit = if what.ends_with("_s") { " seconds" } else { "" };
            let message = format!("{what} must lie between {} and {}{unit}", range.start(), range.end());
            problems.push(file.error(value.span(), message));
        }
    }
}

/// A requirement that can be read, and whose skills somebody has.
fn requirement(file: &File, text: &Spanned<String>, team: &Team, problems: &mut Vec<Problem>) {
    // Inside of the quotes.
    let inside = text.span().start + 1;
    match Requirement::parse(text.get_ref()) {
        Err(error) => {
            let span = inside + error.at.start..inside + error.at.end.max(error.at.start + 1);
            problems.push(
                file.error(span, error.message)
                    .help(Some("as in \"billing >= 4 and (zh or en)\", levels 1 to 10".into())),
            );
        }
        Ok(requirement) => {
            let known: Vec<&str> = team.skills().collect();
            for skill in requirement.skills().into_iter().filter(|s| !known.contains(&&***s)) {
                let at = inside + text.get_ref().find(&**skill).unwrap_or(0);
                let help = nearest(skill, known.iter().copied())
                    .or_else(|| Some(format!("add it to an agent: skills = {{ {skill} = 5 }}")));
                problems.push(
                    file.error(at..at + skill.len(), format!("no agent has the skill `{skill}`")).help(help),
                );
            }
        }
    }
}

/// Somebody can serve the queue, and each step of relaxation adds somebody.
fn widening(file: &File, queue: &RawQueue, team: &Team, problems: &mut Vec<Problem>) {
    let name = queue.name.get_ref().as_str();
    let parse = |text: &Spanned<String>| Requirement::parse(text.get_ref()).ok();
    let (mut queues, mut require) = (vec![name], queue.require.as_ref().and_then(parse));
    let fit = |queues: &[&str], require: &Option<Requirement>| -> Vec<&str> {
        let holds = |skills: &Skills| require.as_ref().is_none_or(|r| r.holds(skills));
        team.agents_of(queues).filter(|(_, skills)| holds(skills)).map(|(user, _)| user).collect()
    };
    let (mut before, mut after_s) = (fit(&queues, &require), 0);
    for ring in &queue.rings {
        queues.extend(ring.also.iter().map(|q| q.get_ref().as_str()));
        require = ring.require.as_ref().and_then(parse).or(require);
        let now = fit(&queues, &require);
        if now.iter().all(|user| before.contains(user)) {
            problems.push(
                file.error(
                    ring.after_s.span(),
                    "this step of relaxation reaches nobody who was not reached before",
                )
                .help(Some("weaken `require`, or name queues of others in `also`".into())),
            );
        }
        if *ring.after_s.get_ref() <= after_s {
            problems.push(
                file.error(ring.after_s.span(), "the steps of relaxation must come one after the other"),
            );
        }
        (before, after_s) = (now, *ring.after_s.get_ref());
    }
    if before.is_empty() && team.agents_of(&[name]).next().is_some() {
        problems.push(
            file.error(queue.name.span(), format!("no agent of queue `{name}` meets what it requires"))
                .help(Some("lower a level in `require`, or give an agent of the queue the skills".into())),
        );
    }
}

/// The circle, if overflow from `from` to `to` leads back to `from`.
fn circle(from: &str, to: &str, team: &Team) -> Option<String> {
    let mut ways = vec![vec![to]];
    while let Some(way) = ways.pop() {
        let last = *way.last()?;
        if last == from {
            return Some(format!("{from} → {}", way.join(" → ")));
        }
        let next = team.queues.iter().filter(|q| q.name.get_ref() == last).flat_map(|q| &q.overflow);
        for queue in next.filter_map(|o| o.get_ref().queue.as_ref()).map(|q| q.get_ref().as_str()) {
            if queue == from || !way.contains(&queue) {
                ways.push([way.as_slice(), &[queue]].concat());
            }
        }
    }
    None
}

/// Lines that callers overflow to exist.
pub(super) fn check_lines(file: &File, queue: &RawQueue, lines: &[Arc<Plan>], problems: &mut Vec<Problem>) {
    for line in queue.overflow.iter().filter_map(|o| o.get_ref().line.as_ref()) {
        if !lines.iter().any(|l| l.line == *line.get_ref()) {
            let help = nearest(line.get_ref(), lines.iter().map(|l| l.line.as_str()));
            problems.push(file.error(line.span(), format!("no line named `{}`", line.get_ref())).help(help));
        }
    }
}

/// What the queue says has to be there in each language that a line before it speaks; a briefing names what there is.
pub(super) fn check_words(file: &File, queue: &RawQueue, langs: &[Lang], problems: &mut Vec<Problem>) {
    let all = queue.comfort.iter().chain(&queue.briefing).chain(&queue.survey).chain(&queue.closing);
    for text in all {
        for lang in langs.iter().filter(|lang| !text.get_ref().contains_key(lang)) {
            problems.push(file.error(text.span(), format!("this is not said in {}", lang.code())).help(
                Some(format!(
                    "a line before queue `{}` speaks it: add {} = \"…\"",
                    queue.name.get_ref(),
                    lang.code()
                )),
            ));
        }
    }
    for text in queue.briefing.iter().flat_map(|b| b.get_ref().values().map(move |text| (b, text))) {
        let (at, text) = text;
        for name in text.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
            if !BRIEFING_VALUES.contains(&name) {
                let help =
                    nearest(name, BRIEFING_VALUES.into_iter()).or_else(|| Some(BRIEFING_VALUES.join(", ")));
                problems.push(file.error(at.span(), format!("a briefing has no `{{{name}}}`")).help(help));
            }
        }
    }
}

impl RawQueue {
    pub(super) fn words(&self) -> QueueWords {
        let text = |text: &Option<Spanned<Text>>| text.as_ref().map(|t| t.get_ref().clone());
        let offers = |rule: &Spanned<RawOverflow>| matches!(rule.get_ref().to, Some(To::Callback));
        QueueWords {
            comfort: self.comfort.iter().map(|t| t.get_ref().clone()).collect(),
            briefing: text(&self.briefing),
            survey: text(&self.survey),
            closing: text(&self.closing),
            callback: self.callback.is_some() || self.overflow.iter().any(offers),
        }
    }

    pub(super) fn into_setup(self) -> QueueSetup {
        let d = QueueSetup::new(self.name.get_ref());
        let number = |s: Option<Spanned<u64>>| s.map(Spanned::into_inner);
        let seconds = |s: Option<Spanned<u64>>, default| number(s).map_or(default, Duration::from_secs);
        let small = |s: Option<Spanned<u64>>, default: u16| number(s).map_or(default, |n| n as u16);
        let parse = |text: Option<Spanned<String>>| Requirement::parse(text?.get_ref()).ok();
        let ring = |r: RawRing| Ring {
            after: Duration::from_secs(r.after_s.into_inner()),
            require: parse(r.require),
            also: r.also.into_iter().map(Spanned::into_inner).collect(),
        };
        QueueSetup {
            label: self.label,
            ring: seconds(self.ring_s, d.ring),
            wrap_up: seconds(self.wrap_up_s, d.wrap_up),
            announce_every: seconds(self.announce_every_s, d.announce_every),
            announce_wait: self.announce_wait.unwrap_or(d.announce_wait),
            comfort_every: number(self.comfort_every_s).map(Duration::from_secs),
            max_wait: seconds(self.max_wait_s, d.max_wait),
            strategy: self.strategy.unwrap_or(d.strategy),
            priority: small(self.priority, d.priority),
            aging: small(self.aging, d.aging),
            aging_max: small(self.aging_max, d.aging_max),
            weight: small(self.weight, d.weight),
            require: parse(self.require),
            rings: self.rings.into_iter().map(ring).collect(),
            target: self.target.map_or(d.target, |t| Target {
                within: Duration::from_secs(t.within_s.into_inner()),
                percent: t.percent.into_inner() as u8,
            }),
            short_abandon: seconds(self.short_abandon_s, d.short_abandon),
            late_share: number(self.late_share).map_or(d.late_share, |n| n as u8),
            places: number(self.places).map(|n| n as usize),
            overflow: self.overflow.iter().filter_map(|o| o.get_ref().rule()).collect(),
            callback: self.callback.map_or(d.callback, |c| CallbackRule {
                attempts: c.attempts.into_inner() as u8,
                gap: Duration::from_secs(c.gap_s.into_inner()),
            }),
            head_start: seconds(self.head_start_s, d.head_start),
            remember: number(self.remember_days).map_or(d.remember, |n| Duration::from_secs(n * 86_400)),
            dispositions: self.dispositions,
            name: d.name,
        }
    }
}
