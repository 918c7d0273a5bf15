//! Phones that we did not write, at both ends of the real binary: what caller, agent and supervisor hear and can do.

use super::baresip::{Baresip, have_baresip, hear_each_other};
use super::server::{Server, record, wait_for};
use super::sipp::{Sipp, free_port, have_sipp};
use std::time::Duration;
use trunkline::call::{Moment, Result};

#[test]
fn a_baresip_caller_and_a_baresip_agent_hear_each_other_and_report_on_it() {
    if !have_baresip() {
        return;
    }
    let server = Server::start(&[]);
    // The agent's RTCP shares the port of RTP, the caller's has the next.
    let registrar = server.sip.to_string();
    let agent = Baresip::start_over(&server, "agent", Some("1001"), &registrar, "rtcp_mux yes");
    server.wait_state("1001", "ready");
    let caller = Baresip::start(&server, "caller", None);
    caller.choose(&server, &format!("sip:12345@{}", server.sip));
    agent.wait_event("CALL_INCOMING");
    agent.command("accept", "");
    caller.wait_event("CALL_ESTABLISHED");
    server.wait_log("Bridged");
    std::thread::sleep(Duration::from_secs(12));
    caller.command("hangup", "");
    let cdr = record(&server);
    assert_eq!((cdr.result, cdr.agent.as_deref()), (Result::Connected, Some("1001")));
    for leg in &cdr.legs {
        assert!(leg.stats.received > 200 && leg.stats.lost == 0, "{leg:?}");
        let (Some(trip), Some(far)) = (leg.stats.round_trip_ms, leg.stats.far) else { panic!("{leg:?}") };
        assert!(trip < 50.0 && far.lost == 0 && far.mos > 4.0, "{leg:?}");
        assert_eq!((leg.stats.rtcp_rejected, leg.stats.rejected), (0, 0), "{leg:?}");
    }
    hear_each_other(caller, agent);
}

/// A caller and agent 1001 on baresip phones, talking.
fn two_phones(server: &Server) -> [Baresip; 2] {
    let agent = Baresip::start(server, "agent", Some("1001"));
    server.wait_state("1001", "ready");
    let caller = Baresip::start(server, "caller", None);
    caller.choose(server, &format!("sip:12345@{}", server.sip));
    agent.wait_event("CALL_INCOMING");
    agent.command("accept", "");
    server.wait_log("Bridged");
    [caller, agent]
}

/// The same, and the phone of 1002.
fn three_phones(server: &Server) -> [Baresip; 3] {
    let [caller, agent] = two_phones(server);
    let colleague = Baresip::start(server, "colleague", Some("1002"));
    server.wait_state("1002", "ready");
    [caller, agent, colleague]
}

#[test]
fn an_agent_transfers_the_caller_to_a_colleague_whom_the_caller_then_hears() {
    if !have_baresip() {
        return;
    }
    let server = Server::start(&[]);
    let [caller, agent, colleague] = three_phones(&server);
    agent.command("transfer", &format!("sip:1002@{}", server.sip));
    colleague.wait_event("CALL_INCOMING");
    server.wait_state("1001", "wrap-up");
    colleague.command("accept", "");
    let bridges = |log: String| log.matches("Bridged").count() == 2;
    wait_for("the second bridge", Duration::from_secs(15), || bridges(server.log()).then_some(()));
    std::thread::sleep(Duration::from_secs(6));
    caller.command("hangup", "");
    let cdr = record(&server);
    assert_eq!((cdr.result, cdr.agent.as_deref(), cdr.transfers), (Result::Connected, Some("1002"), 1));
    hear_each_other(caller, colleague);
}

#[test]
fn an_agent_transfers_the_caller_to_a_number_outside_over_a_trunk_that_maddr_leads_to() {
    if !have_baresip() || !have_sipp() {
        return;
    }
    let port = free_port();
    // The name is nobody's (RFC 6761 §6.5): only `maddr` says where it is.
    let trunk = format!(
        "\"192.168.0.0/16\"]\ncountry = \"86\"\n\
         [[trunk]]\nname = \"carrier\"\nto = \"sip:carrier.example:{port};maddr=127.0.0.1\"\ncountry = \"86\"\n\
         [[route]]\nprefix = \"+86\"\ntrunks = [\"carrier\"]\n"
    );
    let (agent, allowed) = ("[[agent]]\nuser = \"1001\"", "[team]\noutside = [\"+86139\"]\n");
    let team = format!("{allowed}{agent}");
    let server = Server::start(&[("\"192.168.0.0/16\"]", &trunk), (agent, &team)]);
    // A carrier that answers is as an agent's phone that does.
    let carrier = Sipp::start(&server, "agent-talks", port, &["-m", "1"]);
    let [caller, agent] = two_phones(&server);
    agent.command("transfer", &format!("sip:13912345678@{}", server.sip));
    server.wait_state("1001", "wrap-up");
    let bridges = |log: String| log.matches("Bridged").count() == 2;
    wait_for("the second bridge", Duration::from_secs(15), || bridges(server.log()).then_some(()));
    caller.command("hangup", "");
    carrier.succeed();
    let cdr = record(&server);
    assert_eq!((cdr.result, cdr.transfers), (Result::Connected, 1));
    let dialled = |m: &Moment| matches!(m, Moment::Dialled { number } if number.ends_with("13912345678"));
    assert_eq!(cdr.moments.iter().filter(|m| dialled(&m.moment)).count(), 1, "{:?}", cdr.moments);
    let table = server.command(&["trunks"]);
    let row = table.lines().find(|l| l.starts_with("carrier")).unwrap();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["carrier", "0", "0", "0", "1"]);
}

#[test]
fn a_supervisor_hears_a_talk_and_takes_it_over() {
    if !have_baresip() {
        return;
    }
    let server = Server::start(&[]);
    let [caller, _agent, supervisor] = three_phones(&server);
    assert!(server.command(&["supervise", "listen", "7", "1002"]).contains("no call 7"));
    server.command(&["supervise", "listen", "1", "1002"]);
    supervisor.wait_event("CALL_INCOMING");
    supervisor.command("accept", "");
    supervisor.wait_event("CALL_ESTABLISHED");
    std::thread::sleep(Duration::from_secs(2));
    server.command(&["supervise", "take-over", "1", "1002"]);
    server.wait_state("1001", "wrap-up");
    std::thread::sleep(Duration::from_secs(6));
    caller.command("hangup", "");
    let cdr = record(&server);
    assert_eq!((cdr.result, cdr.agent.as_deref()), (Result::Connected, Some("1002")));
    assert!(server.command(&["supervise", "audit"]).contains("take-over"));
    assert!(server.command(&["figures"]).contains("answered 1"));
    hear_each_other(caller, supervisor);
}

#[test]
fn a_caller_hangs_up_is_called_back_in_its_turn_and_talks_with_the_agent() {
    if !have_baresip() {
        return;
    }
    let name = "name = \"city-repair\"";
    let server = Server::start(&[(name, &format!("{name}\ncallback = {{ attempts = 2, gap_s = 60 }}"))]);
    let agent = Baresip::start(&server, "agent", Some("1001"));
    server.wait_state("1001", "ready");
    server.command(&["supervise", "not-ready", "1001"]);
    let caller = Baresip::start(&server, "caller", None);
    caller.choose(&server, &format!("sip:12345@{}", server.sip));
    server.wait_log("Queued");
    std::thread::sleep(Duration::from_secs(1));
    caller.key('1');
    // The offer names the number, and is not logged.
    server.wait_log("Saying ‹…›");
    caller.key('1');
    server.wait_log("CallbackBooked");
    caller.wait_event("CALL_CLOSED");
    assert_eq!(server.records(1)[0].result, Result::CallbackBooked);
    server.command(&["supervise", "ready", "1001"]);
    agent.wait_event("CALL_INCOMING");
    agent.command("accept", "");
    caller.wait_event("CALL_INCOMING");
    caller.command("accept", "");
    server.wait_log("Bridged");
    std::thread::sleep(Duration::from_secs(4));
    agent.command("hangup", "");
    let cdr = server.records(2).remove(1);
    assert_eq!((cdr.result, cdr.agent.as_deref()), (Result::Connected, Some("1001")));
    assert!(cdr.legs.iter().all(|leg| leg.stats.received > 100), "{:?}", cdr.legs);
    assert!(!server.log().contains("13800000001"), "the number is personal");
    server.assert_idle();
}

#[test]
fn beside_a_phone_that_rings_for_long_another_rings_and_the_first_to_answer_has_the_call() {
    if !have_baresip() {
        return;
    }
    let queues = "\"city-general\", \"bank-service\", \"bank-cards\"";
    let server = Server::start(&[(queues, &format!("\"city-repair\", {queues}"))]);
    let agent = Baresip::start(&server, "agent", Some("1001"));
    server.wait_state("1001", "ready");
    let caller = Baresip::start(&server, "caller", None);
    caller.choose(&server, &format!("sip:12345@{}", server.sip));
    agent.wait_event("CALL_INCOMING");
    let colleague = Baresip::start(&server, "colleague", Some("1002"));
    colleague.wait_event("CALL_INCOMING");
    colleague.command("accept", "");
    agent.wait_event("CALL_CLOSED");
    server.wait_log("Bridged");
    server.wait_state("1001", "ready");
    caller.command("hangup", "");
    let cdr = record(&server);
    assert_eq!((cdr.result, cdr.agent.as_deref()), (Result::Connected, Some("1002")));
    let elsewhere = |m: &Moment| matches!(m, Moment::OfferFailed { agent, why } if agent == "1001" && why == "answered elsewhere");
    assert!(cdr.moments.iter().any(|m| elsewhere(&m.moment)), "{:?}", cdr.moments);
}

#[test]
fn an_agents_phone_sets_its_state_by_feature_codes() {
    if !have_baresip() {
        return;
    }
    let server = Server::start(&[]);
    let agent = Baresip::start(&server, "agent", Some("1001"));
    server.wait_state("1001", "ready");
    agent.dial(&format!("sip:*14@{}", server.sip));
    server.wait_state("1001", "not-ready");
    server.wait_log("call recorded");
    agent.dial(&format!("sip:*13@{}", server.sip));
    server.wait_state("1001", "ready");
}
