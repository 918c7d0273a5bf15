//! Golden dialogues: what a caller does, and what must come of it. Files in `tests/` beside the dialplans.

use super::file::{File, nearest};
use super::problem::Problem;
use crate::base::Epoch;
use crate::ivr::{Act, Intent, Outcome, Plan, Proof, Rehearsal};
use jiff::civil::DateTime;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use toml::Spanned;

/// One dialogue and what must come of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Golden {
    pub line: String,
    /// Line of the file that it begins in.
    pub at: usize,
    /// As [`crate::ivr::Act::parse`] reads them.
    pub caller: Vec<String>,
    pub queue: Option<String>,
    pub intent: Option<String>,
    /// The line says goodbye.
    pub goodbye: bool,
    /// Words that the line says in its last reply.
    pub hears: Option<String>,
    /// Values that go with the call, as they are read back.
    pub slots: BTreeMap<String, String>,
    /// A kind of ticket that is written.
    pub ticket: Option<String>,
    /// What services answer, by look-up: status and body. Others are down.
    pub answers: BTreeMap<String, (u16, String)>,
    /// When it takes place.
    pub epoch: Epoch,
    /// What is proved of the caller's number.
    pub proof: Proof,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    line: Spanned<String>,
    now: Option<Spanned<String>>,
    #[serde(default)]
    dialogue: Vec<Spanned<RawGolden>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGolden {
    caller: Vec<String>,
    queue: Option<Spanned<String>>,
    intent: Option<Spanned<String>>,
    #[serde(default)]
    goodbye: bool,
    hears: Option<String>,
    #[serde(default)]
    slots: BTreeMap<Spanned<String>, String>,
    ticket: Option<Spanned<String>>,
    /// JSON, or `down`, or a status other than 200.
    #[serde(default)]
    answers: BTreeMap<Spanned<String>, String>,
    identity: Option<Spanned<String>>,
}

impl Golden {
    /// Runs it on its line.
    ///
    /// # Errors
    /// What came instead, with the whole exchange.
    pub fn rehearse(&self, plan: &Arc<Plan>) -> Result<(), String> {
        let golden = self;
        let (mut rehearsal, mut reply) =
            Rehearsal::begin(plan.clone(), golden.epoch, golden.answers.clone(), golden.proof.clone());
        let mut story = String::new();
        let (mut intent, mut tickets) = (None, Vec::new());
        for act in &golden.caller {
            if reply.outcome.is_some() {
                return Err(format!("it is over before \"{act}\":{story}"));
            }
            reply = rehearsal.act(&Act::parse(act));
            tickets.append(&mut reply.tickets);
            let understood: Vec<String> = reply.turns.iter().map(|t| format!("{:?}", t.understood)).collect();
            intent = reply.turns.last().and_then(|t| t.intent.clone()).or(intent);
            story += &format!("\n    \"{act}\" → {} → \"{}\"", understood.join(", "), reply.says.join(" "));
        }
        let (queue, goodbye, slots) = match &reply.outcome {
            Some(Outcome::Queue { queue, slots, .. }) => (Some(queue.clone()), false, slots.as_slice()),
            Some(Outcome::Goodbye) => (None, true, &[][..]),
            None => (None, false, &[][..]),
        };
        let said = reply.says.join(" ");
        let told = |name: &String| slots.iter().find(|s| s.name == *name).map(|s| s.said.reveal().as_str());
        let otherwise = golden.slots.iter().filter(|(name, value)| told(name) != Some(value.as_str()));
        let otherwise = otherwise.map(|(name, _)| format!("{name}: {:?}", told(name)));
        let wrong = [
            (golden.queue.is_some() && golden.queue != queue).then(|| format!("queue {queue:?}")),
            (golden.intent.is_some() && golden.intent != intent).then(|| format!("intent {intent:?}")),
            (golden.goodbye != goodbye).then(|| format!("goodbye: {goodbye}")),
            golden
                .hears
                .as_ref()
                .filter(|words| !said.contains(*words))
                .map(|words| format!("not said: \"{words}\"")),
        ];
        let ticket = golden.ticket.iter().filter(|t| !tickets.contains(*t)).map(|t| format!("no ticket {t}"));
        let wrong: Vec<String> = wrong.into_iter().flatten().chain(otherwise).chain(ticket).collect();
        if wrong.is_empty() { Ok(()) } else { Err(format!("{}{story}", wrong.join(", "))) }
    }
}

/// When dialogues take place that do not say it: a Monday morning.
const USUALLY: DateTime = DateTime::constant(2026, 3, 2, 9, 30, 0, 0);

/// The moment of a file's dialogues, by the clock of its line.
fn epoch(file: &File, now: Option<&Spanned<String>>, plan: &Plan, problems: &mut Vec<Problem>) -> Epoch {
    let told = now.map_or(Some(USUALLY), |text| text.get_ref().parse().ok());
    if let (None, Some(text)) = (told, now) {
        let help = Some("as in now = \"2026-03-02T09:30\"".into());
        problems.push(file.error(text.span(), "no moment").help(help));
    }
    let at = told.unwrap_or(USUALLY).to_zoned(plan.zone.clone());
    let ms = at.map_or(0, |at| at.timestamp().as_millisecond());
    Epoch { unix_ms: u64::try_from(ms).unwrap_or(0) }
}

/// What is proved of who calls; nothing where it is not said.
fn proof(file: &File, text: Option<&Spanned<String>>, problems: &mut Vec<Problem>) -> Proof {
    let Some(text) = text else { return Proof::default() };
    Proof::parse(text.get_ref()).unwrap_or_else(|| {
        let help = "write \"verified A\" (or B, C), \"unverified\" or \"failed\"";
        problems.push(file.error(text.span(), "not what an identity comes to").help(Some(help.into())));
        Proof::default()
    })
}

/// Reads a file of golden dialogues for one of these lines.
///
/// # Errors
/// Every problem in it: an unknown line, intent or queue, a dialogue that expects nothing.
pub fn golden(file: &File, lines: &[Arc<Plan>]) -> Result<Vec<Golden>, Vec<Problem>> {
    let mut problems = Vec::new();
    let Some(raw) = file.parse::<Raw>(&mut problems) else { return Err(problems) };
    let Some(plan) = lines.iter().find(|l| l.line == *raw.line.get_ref()) else {
        let help = nearest(raw.line.get_ref(), lines.iter().map(|l| l.line.as_str()));
        let message = format!("no line named `{}`", raw.line.get_ref());
        return Err(vec![file.error(raw.line.span(), message).help(help)]);
    };
    let epoch = epoch(file, raw.now.as_ref(), plan, &mut problems);
    let slots = plan.intents.iter().flat_map(|i| &i.slots).map(|s| s.name.as_str());
    let results =
        plan.intents.iter().flat_map(|i| &i.lookup).flat_map(|l| &l.results).map(|r| r.name.as_str());
    let names: Vec<&str> = slots.chain(results).collect();
    let mut out = Vec::new();
    for one in raw.dialogue {
        let at = file.place(one.span().start).0;
        let span = one.span();
        let RawGolden { caller, queue, intent, goodbye, hears, slots, ticket, answers, identity } =
            one.into_inner();
        let proof = proof(file, identity.as_ref(), &mut problems);
        for slot in slots.keys().filter(|s| !names.contains(&s.get_ref().as_str())) {
            let help = nearest(slot.get_ref(), names.iter().copied());
            problems.push(file.error(slot.span(), "the line has no such slot").help(help));
        }
        let lookups = || plan.intents.iter().flat_map(|i| &i.lookup).map(|l| l.name.as_str());
        for lookup in answers.keys().filter(|l| !lookups().any(|n| n == l.get_ref())) {
            let help = nearest(lookup.get_ref(), lookups());
            problems.push(file.error(lookup.span(), "the line asks no such service").help(help));
        }
        let kinds = || plan.intents.iter().flat_map(Intent::actions).filter_map(|a| a.ticket.as_deref());
        if let Some(ticket) = ticket.as_ref().filter(|t| !kinds().any(|k| k == t.get_ref())) {
            let help = nearest(ticket.get_ref(), kinds());
            problems.push(file.error(ticket.span(), "the line writes no such ticket").help(help));
        }
        let ticket = ticket.map(Spanned::into_inner);
        let answers = answers.into_iter().filter(|(_, body)| body != "down");
        let answers = answers.map(|(name, body)| match body.parse::<u16>() {
            Ok(status) => (name.into_inner(), (status, String::new())),
            Err(_) => (name.into_inner(), (200, body)),
        });
        let answers = answers.collect();
        let slots: BTreeMap<_, _> = slots.into_iter().map(|(name, said)| (name.into_inner(), said)).collect();
        if let Some(intent) = intent.as_ref().filter(|i| !plan.intents.iter().any(|p| p.name == *i.get_ref()))
        {
            let help = nearest(intent.get_ref(), plan.intents.iter().map(|i| i.name.as_str()));
            problems.push(file.error(intent.span(), "the line has no such intent").help(help));
        }
        if let Some(queue) = queue.as_ref().filter(|q| !plan.queues().any(|p| p == q.get_ref())) {
            let help = nearest(queue.get_ref(), plan.queues());
            problems.push(file.error(queue.span(), "the line leads to no such queue").help(help));
        }
        if queue.is_none()
            && intent.is_none()
            && hears.is_none()
            && slots.is_empty()
            && ticket.is_none()
            && !goodbye
        {
            problems.push(
                file.error(span, "this dialogue expects nothing")
                    .help(Some("give it queue, intent, slots, goodbye = true, or hears".into())),
            );
        }
        let (queue, intent) = (queue.map(Spanned::into_inner), intent.map(Spanned::into_inner));
        out.push(Golden {
            line: plan.line.clone(),
            at,
            caller,
            queue,
            intent,
            goodbye,
            hears,
            slots,
            ticket,
            answers,
            epoch,
            proof,
        });
    }
    if problems.is_empty() { Ok(out) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Golden>, Vec<Problem>> {
        let files = [
            ("server.toml", include_str!("../../dialplans/server.toml")),
            ("team.toml", include_str!("../../dialplans/team.toml")),
            ("bank.toml", include_str!("../../dialplans/bank.toml")),
        ]
        .map(|(name, text)| File { name: name.into(), text: text.into() });
        let config = super::super::load(&files).unwrap();
        golden(&File { name: "t.toml".into(), text: text.into() }, &config.lines)
    }

    #[test]
    fn what_a_dialogue_names_must_be_there_and_it_must_expect_something() {
        let text = "line = \"bank\"\n[[dialogue]]\ncaller = [\"agent\"]\nqueue = \"bank-service\"\n";
        let found = read(text).unwrap();
        assert_eq!((found[0].at, found[0].queue.as_deref()), (2, Some("bank-service")));
        for (wrong, words) in [
            (text.replace("bank-service", "bank-servise"), "did you mean `bank-service`?"),
            (text.replace("line = \"bank\"", "line = \"bnak\""), "did you mean `bank`?"),
            (text.replace("queue = \"bank-service\"", ""), "expects nothing"),
            (text.replace("queue", "queu"), "did you mean `queue`?"),
            (format!("{text}identity = \"verified\"\n"), "write \"verified A\""),
        ] {
            let problems = read(&wrong).unwrap_err();
            assert!(problems[0].to_string().contains(words), "{}", problems[0]);
        }
    }
}
