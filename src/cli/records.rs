//! `trunkline calls` and `trunkline why`: the record, for people who ask.

use super::Places;
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use trunkline::acd::Decision;
use trunkline::call::{Cdr, Moment};
use trunkline::drive::store::{self, Reader};
use trunkline::media::{LegStats, Taping};

/// List the newest calls.
#[derive(Debug, Args)]
pub(super) struct Calls {
    /// How many.
    #[arg(short = 'n', long, default_value_t = 20)]
    count: usize,
    /// The whole records as JSON, one a line.
    #[arg(long)]
    json: bool,
}

/// Say what happened in one call and why.
#[derive(Debug, Args)]
pub(super) struct Why {
    /// The number that `trunkline calls` shows, or the SIP Call-ID.
    call_id: String,
    /// The whole record as JSON.
    #[arg(long)]
    json: bool,
}

fn open(places: &Places) -> Result<Reader, String> {
    let data = places.data()?;
    Reader::open(&data).map_err(|_| {
        format!("{} has no calls yet: run `trunkline serve` and place a call", store::file(&data).display())
    })
}

/// A word of an enum as the record writes it.
fn word(value: impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

pub(super) fn calls(args: &Calls, places: &Places) -> Result<(), String> {
    let calls = open(places)?.newest(args.count).map_err(|e| e.to_string())?;
    if args.json {
        for cdr in &calls {
            outln!("{}", serde_json::to_string(cdr).map_err(|e| e.to_string())?);
        }
        return Ok(());
    }
    outln!(
        "{:>6}  {:<20} {:<6} {:<14} {:<12} {:<10} {:>7} {:>7}  {:<14}",
        "call",
        "started (UTC)",
        "line",
        "caller",
        "intent",
        "agent",
        "wait",
        "talk",
        "result"
    );
    for c in &calls {
        outln!(
            "{:>6}  {:<20} {:<6} {:<14} {:<12} {:<10} {:>6.1}s {:>6.1}s  {:<14}",
            c.id.0,
            utc(c.started_unix_ms),
            c.line,
            c.caller.reveal(),
            c.intent.as_deref().unwrap_or("-"),
            c.agent.as_deref().unwrap_or("-"),
            seconds(c.wait_ms),
            seconds(c.talk_ms),
            word(c.result)
        );
    }
    outln!("\n`trunkline why CALL` says what happened in one of them");
    Ok(())
}

pub(super) fn why(args: &Why, places: &Places) -> Result<(), String> {
    let id = &args.call_id;
    let found = open(places)?.find(id).map_err(|e| e.to_string())?;
    let cdr = found.ok_or_else(|| format!("no call `{id}`; `trunkline calls` lists them"))?;
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&cdr).map_err(|e| e.to_string())?);
        return Ok(());
    }
    outln!("call {} on line {} from {} to {}", cdr.id.0, cdr.line, cdr.caller.reveal(), cdr.dialled);
    outln!(
        "  started {} UTC, dialplans {}, SIP Call-ID {}",
        utc(cdr.started_unix_ms),
        cdr.version,
        cdr.sip_call_id
    );
    outln!(
        "  {} after {:.1} s; ended by {}; waited {:.1} s, talked {:.1} s",
        word(cdr.result),
        seconds(cdr.total_ms),
        word(cdr.ended_by),
        seconds(cdr.wait_ms),
        seconds(cdr.talk_ms)
    );
    if let Some(first) = &cdr.diverted_from {
        outln!("  diverted from {}", first.reveal());
    }
    if let Some(identity) = &cdr.identity {
        outln!("  the caller's number: {identity}");
    }
    if cdr.private {
        outln!("  the caller wants not to be known: the agent saw no number");
    }
    if let Some(recording) = &cdr.recording {
        outln!("  recording {recording}");
    }
    if let Some(words) = &cdr.words {
        outln!("  wanted: \"{}\"", words.reveal());
    }
    for value in &cdr.slots {
        outln!("  {}: {}", value.name, value.said.reveal());
    }
    if let Some(message) = &cdr.message {
        outln!("  message {message}");
    }
    if let Some(mark) = cdr.survey {
        outln!("  the caller's mark: {mark} of 5");
    }
    outln!("\nwhat happened");
    for at in &cdr.moments {
        outln!("  {:>8.2} s  {}", seconds(at.ms), describe(&at.moment, &cdr));
    }
    if !cdr.decisions.is_empty() {
        outln!("\nwhy this agent");
    }
    cdr.decisions.iter().for_each(decision);
    outln!("\nquality");
    for leg in &cdr.legs {
        let s = &leg.stats;
        outln!(
            "  {:<8} {}{} sent {} received {} lost {} late {} jitter {:.1} ms MOS {:.2}",
            leg.who,
            leg.codec.map_or("-", |c| c.name()),
            leg.srtp.as_ref().map_or(String::new(), |suite| format!(" by {suite}")),
            s.sent,
            s.received,
            s.lost,
            s.late,
            s.jitter_ms,
            s.mos
        );
        let dropped = dropped(s);
        if !dropped.is_empty() {
            outln!("           dropped unheard: {}", dropped.join(", "));
        }
        if s.concealed + s.discarded > 0 {
            outln!(
                "           heard in a conference: {} frames made up, {} packets too late",
                s.concealed,
                s.discarded
            );
        }
        if let Some(far) = s.far {
            let trip = s.round_trip_ms.map_or(String::new(), |ms| format!(", {ms:.0} ms there and back"));
            let (lost, jitter, mos) = (far.lost, far.jitter_ms, far.mos);
            outln!("           heard there: lost {lost} jitter {jitter:.1} ms MOS {mos:.2}{trip}");
        }
    }
    Ok(())
}

/// What was dropped of what came for a leg, by reason.
fn dropped(s: &LegStats) -> Vec<String> {
    let of_rtcp = Some(("of RTCP", s.rtcp_rejected)).filter(|(_, n)| *n > 0);
    s.rejects.named().chain(of_rtcp).map(|(why, n)| format!("{n} {why}")).collect()
}

/// Why one offer went to whom: who could have had the call at what cost, and who could not.
fn decision(d: &Decision) {
    outln!("  {} for {}, after {:.1} s: {}", d.chosen, d.queue, seconds(d.waited_ms), d.reason());
    for c in &d.eligible {
        let parts = c.parts.map_or(String::new(), |p| {
            format!(
                " (scarcity {}, breadth {}, surplus {}, missed {}, idle {})",
                p.scarcity, p.breadth, p.surplus, p.missed, p.idle
            )
        });
        outln!("    could have had it: {}, idle {:.1} s, cost {}{parts}", c.user, seconds(c.idle_ms), c.cost);
    }
    for e in &d.excluded {
        outln!("    could not: {}, {}", e.user, e.why);
    }
    let more = (d.eligible_count as usize).saturating_sub(d.eligible.len())
        + (d.excluded_count as usize).saturating_sub(d.excluded.len());
    if more > 0 {
        outln!("    and {more} more");
    }
}

/// One moment in words.
pub(super) fn describe(moment: &Moment, cdr: &Cdr) -> String {
    match moment {
        Moment::Heard { turn } => match cdr.turns.get(*turn) {
            Some(turn) => describe_turn(turn),
            None => "heard something".into(),
        },
        other => describe_plain(other),
    }
}

/// A turn in words: what was heard, what it was taken for, how sure, how fast.
pub(super) fn describe_turn(turn: &trunkline::call::TurnRecord) -> String {
    let mut out = format!("heard \"{}\"", turn.turn.heard.reveal());
    let others = turn.turn.others.reveal().iter();
    let others: Vec<String> = others.map(|o| format!("\"{}\" {:.2}", o.text, o.probability)).collect();
    if !others.is_empty() {
        out += &format!(" (or {})", others.join(", "));
    }
    if let Some(intent) = &turn.turn.intent {
        out += &format!(" → {intent} {:.2}", turn.turn.score);
    }
    out += &format!(" ({}, confidence {:.2})", word(turn.turn.understood), turn.turn.confidence);
    if let Some(gap) = turn.gap_ms {
        out += &format!(", answered after {gap} ms");
    }
    if let Some(g) = turn.gap {
        out += &format!(
            " (hang-over {}, recogniser {}, understanding {}, voice {}, sending {})",
            g.hangover_ms, g.recogniser_ms, g.understanding_ms, g.voice_ms, g.sending_ms
        );
    }
    if let Some(ms) = turn.barge_in_ms {
        out += &format!(", stopped the prompt within {ms} ms");
    }
    out
}

/// Every other moment in words.
pub(super) fn describe_plain(moment: &Moment) -> String {
    match moment {
        Moment::Incoming { line, trunk } => format!("call for line {line} over trunk {trunk}"),
        Moment::Refused { status, reason } => format!("refused: {status} {reason}"),
        Moment::Answered => "answered".into(),
        Moment::Saying { text, .. } => format!("says \"{text}\""),
        Moment::SpeechStarted => "caller speaks".into(),
        Moment::SpeechEnded => "caller pauses".into(),
        Moment::Heard { .. } => "heard".into(),
        Moment::Queued { queue } => format!("waits for {queue}"),
        Moment::Place { place, wait_s: None } => format!("told: number {place} in the queue"),
        Moment::Place { place, wait_s: Some(s) } => format!("told: number {place} in the queue, about {s} s"),
        Moment::Overflow { to, why } => format!("goes on to {to}: {}", word(why)),
        Moment::Dialled { number } => format!("calls {number}"),
        Moment::LookedUp { lookup, outcome } => format!("asked for {lookup}: {outcome}"),
        Moment::Ticket { number, kind } => format!("ticket {number}: {kind}"),
        Moment::LeftQueue => "does not wait on".into(),
        Moment::CallbackBooked => "is to be called back, and keeps its place".into(),
        Moment::Recording { state: Taping::On } => "recorded again".into(),
        Moment::Recording { state: Taping::Masked } => "the recording is masked: silence is there".into(),
        Moment::Recording { state: Taping::Paused } => "the recording is paused".into(),
        Moment::RecordingEnded { why } => format!("the recording ended: {why}"),
        Moment::MessageLeft => "has left a message".into(),
        Moment::Survey { mark } => format!("gives the mark {mark}"),
        Moment::Transferred { by, to } => format!("handed on by {by} to {to}"),
        Moment::Supervised { by, role } => format!("{by} joins: {}", role.name()),
        Moment::Replaced { who } => format!("{who} goes on at another phone"),
        Moment::GuestLeft { who } => format!("{who} has left"),
        Moment::Offered { agent } => format!("rings agent {agent}"),
        Moment::OfferFailed { agent, why } => format!("agent {agent}: {why}"),
        Moment::Bridged { agent } => format!("talks with agent {agent}"),
        Moment::Held { by } => format!("held by {}", word(by)),
        Moment::Resumed { by } => format!("resumed by {}", word(by)),
        Moment::Reason { who, reason } => format!("{who} says why: {reason}"),
        Moment::Fault { what } => format!("FAULT: {what}"),
        Moment::Ended { by, result } => format!("ended by {}: {}", word(by), word(result)),
    }
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

/// Milliseconds since 1970 as `2026-03-01 12:00:05`.
pub(super) fn utc(unix_ms: u64) -> String {
    let at = i64::try_from(unix_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    at.map_or("-".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

#[cfg(test)]
mod tests {
    #[test]
    fn dates_are_right_across_leap_years() {
        assert_eq!(super::utc(0), "1970-01-01 00:00:00");
        assert_eq!(super::utc(951_782_400_000), "2000-02-29 00:00:00");
        assert_eq!(super::utc(1_772_366_405_000), "2026-03-01 12:00:05");
    }
}
