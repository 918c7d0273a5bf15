//! An agent on linphonec asks a colleague on baresip, with the caller on hold, and hands the caller over.

use super::baresip::{Baresip, have_baresip, hear_each_other};
use super::linphone::{Linphone, have_linphone};
use super::server::{Server, record, wait_for};
use std::time::Duration;
use trunkline::call::{EndedBy, Moment, MomentAt, Result};

fn have_both() -> bool {
    have_baresip() && have_linphone()
}

/// A caller on baresip who talks with agent 1001 on linphonec.
fn talking(server: &Server) -> (Baresip, Linphone) {
    let mut agent = Linphone::start(server, "agent", "1001");
    let caller = Baresip::start(server, "caller", None);
    caller.choose(server, &format!("sip:12345@{}", server.sip));
    server.wait_state("1001", "ringing");
    agent.command("answer");
    server.wait_log("Bridged");
    (caller, agent)
}

/// Waits until the log holds `what` so many times.
fn wait_count(server: &Server, what: &str, count: usize) {
    wait_for(&format!("{count} × {what}"), Duration::from_secs(15), || {
        (server.log().matches(what).count() >= count).then_some(())
    });
}

#[test]
fn a_phone_with_two_lines_holds_the_caller_asks_a_colleague_and_hands_the_caller_over() {
    if !have_both() {
        return;
    }
    let server = Server::start(&[]);
    let (caller, mut agent) = talking(&server);
    let colleague = Baresip::start(&server, "colleague", Some("1002"));
    server.wait_state("1002", "ready");
    agent.command("pause 1");
    server.wait_log("Held");
    agent.command(&format!("call sip:1002@{}", server.sip));
    colleague.wait_event("CALL_INCOMING");
    colleague.command("accept", "");
    wait_count(&server, "Bridged", 2);
    std::thread::sleep(Duration::from_secs(1));
    agent.command("transfer 1 --to-call 2");
    server.wait_state("1001", "wrap-up");
    wait_count(&server, "Bridged", 3);
    std::thread::sleep(Duration::from_secs(6));
    caller.command("hangup", "");
    let records = server.records(2);
    server.assert_idle();
    let [cdr, consult] = &records[..] else { panic!("{records:?}") };
    assert_eq!((cdr.result, cdr.agent.as_deref(), cdr.transfers), (Result::Connected, Some("1002"), 1));
    assert_eq!((consult.result, consult.ended_by), (Result::Connected, EndedBy::Agent));
    let handed_on = Moment::Transferred { by: "1001".into(), to: "1002".into() };
    assert!(cdr.moments.iter().any(|m| m.moment == handed_on), "{:?}", cdr.moments);
    let legs: Vec<&str> = cdr.legs.iter().map(|leg| &*leg.who).collect();
    assert_eq!(legs, ["caller", "1001", "1002"], "the colleague's leg has gone over to the caller's call");
    assert!(server.command(&["why", "1"]).contains("handed on by 1001 to 1002"));
    assert!(server.command(&["calls"]).contains("1002"));
    let figures = server.command(&["figures"]);
    assert!(figures.contains("city-repair          offered 2, answered 2, abandoned 0"), "{figures}");
    assert!(figures.contains("transfers 50 %"), "{figures}");
    hear_each_other(caller, colleague);
}

#[test]
fn who_is_held_by_a_phone_hears_music_and_after_it_the_agent_again() {
    if !have_both() {
        return;
    }
    let server = Server::start(&[]);
    let (caller, mut agent) = talking(&server);
    // Something to be heard: it has no microphone.
    agent.command(&format!("play {}/caller/noise.wav", server.folder.display()));
    for n in 1..=2 {
        agent.command("pause 1");
        agent.wait_said("is now paused", n);
        server.wait_state("1001", "held");
        agent.command("resume 1");
        agent.wait_said("Media streams established", n + 1);
        server.wait_state("1001", "talking");
    }
    std::thread::sleep(Duration::from_secs(3));
    agent.command("terminate");
    caller.wait_event("CALL_CLOSED");
    let cdr = record(&server);
    assert_eq!((cdr.result, cdr.ended_by), (Result::Connected, EndedBy::Agent));
    let held = |m: &&MomentAt| matches!(m.moment, Moment::Held { .. } | Moment::Resumed { .. });
    assert_eq!(cdr.moments.iter().filter(held).count(), 4, "{:?}", cdr.moments);
    let [to_caller, of_agent] = &cdr.legs[..] else { panic!("{:?}", cdr.legs) };
    // 50 packets a second without a gap: words, music and the agent.
    assert!(
        to_caller.stats.sent + 25 > cdr.answered_ms / 20,
        "{:?} in {} ms",
        to_caller.stats,
        cdr.answered_ms
    );
    assert!(of_agent.stats.received > 120, "{:?}", of_agent.stats);
}
