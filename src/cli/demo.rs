//! `trunkline demo`: the product shows itself, with real calls over the network, and checks what it shows.
//!
//! Everything is asserted from outside: what the test phones heard on their recordings, and what the records say.

use super::Places;
use super::stage::{Stage, Told, listens};
use clap::Args;
use std::time::{Duration, Instant};
use trunkline::call::{Cdr, Moment, Result as Outcome};
use trunkline::drive::files;
use trunkline::drive::store::Reader;
use trunkline::ivr::Understood;

/// How long agents may take to be ready: their wrap-up time, and some.
const READY_MAX: Duration = Duration::from_secs(15);
/// What callers say to the agent, to hear it again.
const TO_AGENT_ZH: &str = "你好，听得到我说话吗";
const TO_AGENT_EN: &str = "hello, can you hear me";

/// Show the product at work: calls in two languages, agents, waiting, records. Takes two to three minutes.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Keep the temporary folder: records, recordings and logs.
    #[arg(long)]
    keep: bool,
}

pub(super) async fn demo(args: Demo, places: &Places) -> Result<(), String> {
    let mut show = Show { began: Instant::now(), failed: Vec::new(), calls: Vec::new() };
    liveln!("trunkline demo: a server, two agents and eight callers on this machine\n");
    let mut stage = Stage::open(places).await?;
    let played = tokio::select! {
        played = show.play(&mut stage, places) => played,
        _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
    };
    if let Err(why) = played {
        show.check(false, why);
    }
    let faults = stage.close().await;
    show.check(faults.is_empty(), format!("everything ended cleanly {}", faults.join("; ")));
    if args.keep {
        liveln!("\nkept: {}", stage.folder.display());
    } else {
        stage.clear();
    }
    let seconds = show.began.elapsed().as_secs();
    match show.failed.as_slice() {
        [] => {
            liveln!("\nEverything happened as it should, in {seconds} s.");
            Ok(())
        }
        failed => Err(format!(
            "{} of the demonstration did not happen:\n  {}\n  = `trunkline demo --keep` leaves records and logs to look into",
            failed.len(),
            failed.join("\n  ")
        )),
    }
}

/// The checklist so far.
struct Show {
    began: Instant,
    failed: Vec<String>,
    /// SIP Call-IDs of all calls placed.
    calls: Vec<String>,
}

/// What one call must have come to.
struct Expected<'a> {
    result: Outcome,
    intent: &'a str,
    /// Who may have taken it; empty for the line itself.
    agents: &'a [&'a str],
    /// By key: no words were understood.
    by_key: bool,
}

impl Show {
    fn check(&mut self, ok: bool, what: impl Into<String>) {
        let what = what.into().trim_end().to_owned();
        let seconds = self.began.elapsed().as_secs_f64();
        liveln!("{seconds:>7.1} s  {} {what}", if ok { '✓' } else { '✗' });
        if !ok {
            self.failed.push(what);
        }
    }

    async fn play(&mut self, stage: &mut Stage, places: &Places) -> Result<(), String> {
        let config = files::load(&places.config)?;
        let prompts = stage.rendered(&config).await?;
        self.check(true, format!("the server runs at {} with {prompts} prompts rendered", stage.sip));
        stage.agent("1001")?;
        stage.agent("1002")?;
        stage.agents_are("ready", READY_MAX).await?;
        self.check(true, "agents 1001 and 1002 have registered with digest and are ready");
        match listens(&places.models(), config.server.model.as_deref()) {
            Ok(()) => self.by_speech(stage).await?,
            Err(why) => self.check(false, format!("nothing can be said to the line: {why}")),
        }
        self.by_keys(stage).await?;
        self.queue(stage).await?;
        self.records(stage).await
    }

    /// In both languages to an agent, and an answer of the line itself.
    async fn by_speech(&mut self, stage: &Stage) -> Result<(), String> {
        let water =
            Expected { result: Outcome::Connected, intent: "water", agents: &["1001"], by_key: false };
        let steps = ["--say", "我家停水了", "--say", TO_AGENT_ZH, "--after", "1", "--hangup"];
        self.spoken(stage, "12345 by speech, Mandarin", ("12345", "13800000001"), &steps, &water).await?;
        let balance = Expected {
            result: Outcome::Connected,
            intent: "balance",
            agents: &["1001", "1002"],
            by_key: false,
        };
        let steps = ["--say", "I want to check my balance", "--say", TO_AGENT_EN, "--after", "1", "--hangup"];
        self.spoken(stage, "the bank by speech, English", ("95500", "13800000002"), &steps, &balance).await?;
        let hours = Expected { result: Outcome::Served, intent: "hours", agents: &[], by_key: false };
        let steps = ["--after", "1", "--say", "营业时间", "--say", "再见"];
        let what = "opening hours from the line itself, asked over the greeting";
        self.spoken(stage, what, ("12345", "13800000003"), &steps, &hours).await
    }

    /// A call by speech; once more if the recogniser misheard, and said so.
    async fn spoken(
        &mut self,
        stage: &Stage,
        what: &str,
        (number, from): (&str, &str),
        steps: &[&str],
        expected: &Expected<'_>,
    ) -> Result<(), String> {
        stage.agents_are("ready", READY_MAX).await?;
        let mut told = self.call(stage, number, from, steps).await?;
        if told.record.as_ref().is_some_and(|cdr| cdr.intent.as_deref() != Some(expected.intent)) {
            let heard: Vec<&str> =
                told.record.iter().flat_map(|r| &r.turns).map(|t| t.turn.heard.reveal().as_str()).collect();
            liveln!("           … {what}: misheard as {heard:?}; once more");
            stage.agents_are("ready", READY_MAX).await?;
            told = self.call(stage, number, from, steps).await?;
        }
        self.judge(what, &told, expected);
        Ok(())
    }

    async fn call(
        &mut self,
        stage: &Stage,
        number: &str,
        from: &str,
        steps: &[&str],
    ) -> Result<Told, String> {
        let told = stage.call(number, from, steps).await?;
        self.calls.push(told.sip_call_id.clone());
        Ok(told)
    }

    /// On both lines at once: different agents.
    async fn by_keys(&mut self, stage: &Stage) -> Result<(), String> {
        stage.agents_are("ready", READY_MAX).await?;
        let zh = ["--after", "1", "--dtmf", "1", "--say", TO_AGENT_ZH, "--after", "1", "--hangup"];
        let en = ["--after", "1", "--dtmf", "6", "--say", TO_AGENT_EN, "--after", "1", "--hangup"];
        let (city, bank) =
            tokio::join!(stage.call("12345", "13800000004", &zh), stage.call("95500", "13800000005", &en));
        let (city, bank) = (city?, bank?);
        self.calls.extend([city.sip_call_id.clone(), bank.sip_call_id.clone()]);
        let by_key = |intent, agents| Expected { result: Outcome::Connected, intent, agents, by_key: true };
        self.judge("12345 by key 1", &city, &by_key("water", &["1001"]));
        self.judge("the bank by key 6, at the same time", &bank, &by_key("password", &["1002"]));
        Ok(())
    }

    /// Two callers hold both agents; a third waits, hears its place, and gets the one who becomes free.
    async fn queue(&mut self, stage: &Stage) -> Result<(), String> {
        stage.agents_are("ready", READY_MAX).await?;
        let first = ["--after", "0.5", "--dtmf", "4", "--after", "13", "--hangup"];
        let second = ["--after", "0.5", "--dtmf", "4", "--after", "25", "--hangup"];
        let third = ["--after", "0.5", "--dtmf", "4", "--say", TO_AGENT_ZH, "--after", "1", "--hangup"];
        let later = async {
            tokio::time::sleep(Duration::from_secs(4)).await;
            stage.call("12345", "13800000008", &third).await
        };
        let (first, second, third) = tokio::join!(
            stage.call("12345", "13800000006", &first),
            stage.call("12345", "13800000007", &second),
            later
        );
        let (first, second, third) = (first?, second?, third?);
        for told in [&first, &second, &third] {
            self.calls.push(told.sip_call_id.clone());
        }
        let noise = |agents| Expected { result: Outcome::Connected, intent: "noise", agents, by_key: true };
        self.judge("first of three callers for two agents", &first, &noise(&["1001", "1002"]));
        self.judge("second of three", &second, &noise(&["1001", "1002"]));
        let freed = agent(&first).unwrap_or("nobody");
        self.check(agent(&second) != Some(freed), "the two talk with two agents at the same time");
        self.judge("the third gets the agent who becomes free", &third, &noise(&[freed]));
        let Some(cdr) = &third.record else { return Ok(()) };
        let find =
            |wanted: fn(&Moment) -> bool| cdr.moments.iter().find(|at| wanted(&at.moment)).map(|at| at.ms);
        let place = find(|m| matches!(m, Moment::Place { place: 1, .. }));
        let told_place = place.and_then(|ms| {
            cdr.moments.iter().find(|at| at.ms >= ms && matches!(at.moment, Moment::Saying { .. }))
        });
        let offered = find(|m| matches!(m, Moment::Offered { .. }));
        let what = match &told_place.map(|at| &at.moment) {
            Some(Moment::Saying { text, .. }) => {
                format!("it heard \"{text}\" and waited {:.1} s", cdr.wait_ms as f64 / 1000.0)
            }
            _ => "the third caller was told its place".into(),
        };
        self.check(told_place.is_some() && place < offered && cdr.wait_ms > 5000, what);
        Ok(())
    }

    /// Whether a call came to what it should, by its record and its audio.
    fn judge(&mut self, what: &str, told: &Told, expected: &Expected<'_>) {
        let mut wrong: Vec<String> = Vec::new();
        let mut text = what.to_owned();
        match &told.record {
            None => wrong.push("there is no record".into()),
            Some(cdr) => {
                wrong.extend(against(cdr, expected));
                if let Some(turn) = cdr.turns.first() {
                    text += &format!(
                        ": heard \"{}\" → {} {:.2}",
                        turn.turn.heard.reveal(),
                        expected.intent,
                        turn.turn.score
                    );
                }
                match &cdr.agent {
                    Some(agent) => text += &format!(", agent {agent}"),
                    None => text += ", answered by the line",
                }
            }
        }
        if !expected.by_key {
            match told.acts.first().and_then(|a| a.gap_ms) {
                Some(gap) => text += &format!(", first sound {gap} ms after the sentence"),
                None => wrong.push("no answer was heard after the sentence".into()),
            }
        }
        // Who has an agent and something to say to it hears itself.
        let spoke = told.acts.len() > 1 && !expected.agents.is_empty();
        match told.acts.get(1).and_then(|a| a.echo_ms) {
            Some(echo) if spoke => text += &format!(", sound both ways ({echo} ms there and back)"),
            None if spoke => wrong.push("the caller did not hear itself through the agent".into()),
            _ => {}
        }
        if told.quality.is_none_or(|q| q.lost > 0) {
            wrong.push(format!("the caller's phone lost packets: {:?}", told.quality));
        }
        if !wrong.is_empty() {
            text += &format!("; BUT {}", wrong.join("; "));
        }
        self.check(wrong.is_empty(), text);
    }

    /// The records as a whole, and the commands that show them.
    async fn records(&mut self, stage: &Stage) -> Result<(), String> {
        let reader = Reader::open(&stage.data()).map_err(|e| format!("the store: {e}"))?;
        let records = reader.newest(1000).map_err(|e| format!("the store: {e}"))?;
        let (mut placed, mut kept) = (self.calls.clone(), Vec::new());
        kept.extend(records.iter().map(|r| r.sip_call_id.clone()));
        placed.sort();
        kept.sort();
        self.check(placed == kept, format!("{} calls, exactly one record each", placed.len()));
        let legs = || records.iter().flat_map(|r| &r.legs);
        let (sent, received): (u64, u64) =
            legs().fold((0, 0), |(s, r), leg| (s + leg.stats.sent, r + leg.stats.received));
        let (lost, late): (u64, u64) =
            legs().fold((0, 0), |(lost, late), leg| (lost + leg.stats.lost, late + leg.stats.late));
        let what =
            format!("{} legs: sent {sent}, received {received}, lost {lost}, late {late}", legs().count());
        self.check(lost == 0 && received > 0, what);
        liveln!("\n$ trunkline calls\n");
        stage.print(&["calls"]).await?;
        let Some(last) = records.first() else { return Ok(()) };
        let id = last.id.0.to_string();
        liveln!("\n$ trunkline why {id}\n");
        stage.print(&["why", &id]).await?;
        liveln!();
        Ok(())
    }
}

fn agent(told: &Told) -> Option<&str> {
    told.record.as_ref()?.agent.as_deref()
}

/// What a record says that was not expected.
fn against(cdr: &Cdr, expected: &Expected<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut check = |ok: bool, what: String| wrong.extend((!ok).then_some(what));
    check(cdr.result == expected.result, format!("the result is {:?}", cdr.result));
    check(cdr.intent.as_deref() == Some(expected.intent), format!("the intent is {:?}", cdr.intent));
    let right_agent = match &cdr.agent {
        Some(agent) => expected.agents.contains(&agent.as_str()),
        None => expected.agents.is_empty(),
    };
    check(right_agent, format!("the agent is {:?}", cdr.agent));
    let turn = cdr.turns.first().map(|t| &t.turn);
    check(turn.is_some_and(|t| t.understood == Understood::Acted), "it was not understood at once".into());
    let key = turn.is_some_and(|t| t.heard.reveal().starts_with("key "));
    check(key == expected.by_key, "speech and keys are mixed up".into());
    let decided = cdr.decisions.last().map(|d| &*d.chosen);
    check(decided == cdr.agent.as_deref(), format!("the decision names {decided:?}"));
    let legs = 1 + cdr.decisions.len();
    check(cdr.legs.len() == legs, format!("{} legs have figures, not {legs}", cdr.legs.len()));
    let faults = cdr.moments.iter().filter(|at| matches!(at.moment, Moment::Fault { .. }));
    for fault in faults {
        check(false, format!("{:?}", fault.moment));
    }
    wrong
}
