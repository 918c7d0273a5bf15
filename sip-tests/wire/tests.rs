//! The tests: one behaviour each.

use super::baresip::{Baresip, hear_each_other};
use super::server::{Server, have, wait_for};
use super::sipp::{self, Sipp, free_port};
use std::net::UdpSocket;
use std::time::Duration;
use trunkline::call::{Cdr, EndedBy, Moment, Result};

fn have_sipp() -> bool {
    have("sipp", "sip-tester") && have("espeak-ng", "espeak-ng")
}

/// The one record, after everything is over.
fn record(server: &Server) -> Cdr {
    let cdr = server.records(1).remove(0);
    server.assert_idle();
    cdr
}

#[test]
fn a_caller_hangs_up_in_the_dialogue() {
    if !have_sipp() {
        return;
    }
    let server = Server::start(&[]);
    sipp::caller(&server, "caller-hangs-up-in-dialogue", "12345").succeed();
    let cdr = record(&server);
    assert_eq!((cdr.result, cdr.ended_by), (Result::LeftInDialog, EndedBy::Caller));
    assert!(cdr.moments.iter().any(|m| matches!(m.moment, Moment::Saying { .. })), "the greeting was heard");
    assert!(cdr.legs[0].stats.sent > 30, "about 50 packets a second: {:?}", cdr.legs[0].stats);
}

#[test]
fn a_caller_hangs_up_while_waiting() {
    if !have_sipp() {
        return;
    }
    let server = Server::start(&[]);
    sipp::caller(&server, "caller-waits", "12345").succeed();
    let cdr = record(&server);
    assert_eq!((cdr.result, cdr.queue.as_deref()), (Result::Abandoned, Some("city-repair")));
    assert!(
        cdr.moments.iter().any(|m| matches!(m.moment, Moment::Place { place: 1, .. })),
        "the place was told"
    );
}

#[test]
fn a_caller_hangs_up_while_a_phone_rings() {
    if !have_sipp() {
        return;
    }
    let server = Server::start(&[]);
    let agent = sipp::agent(&server, "1001", "agent-does-not-answer");
    sipp::caller(&server, "caller-waits", "12345").succeed();
    agent.succeed();
    assert_eq!(record(&server).result, Result::Abandoned);
    server.wait_state("1001", "ready");
}

#[test]
fn a_caller_talks_with_an_agent_and_hangs_up() {
    if !have_sipp() {
        return;
    }
    let server = Server::start(&[("wrap_up_s = 5", "wrap_up_s = 1")]);
    let agent = sipp::agent(&server, "1001", "agent-talks");
    sipp::caller(&server, "caller-talks", "12345").succeed();
    agent.succeed();
    let cdr = record(&server);
    assert_eq!(
        (cdr.result, cdr.ended_by, cdr.agent.as_deref()),
        (Result::Connected, EndedBy::Caller, Some("1001"))
    );
    assert_eq!(cdr.decisions[0].chosen, "1001");
    server.wait_state("1001", "ready");
}

#[test]
fn an_agent_hangs_up() {
    if !have_sipp() {
        return;
    }
    let server = Server::start(&[]);
    let agent = sipp::agent(&server, "1001", "agent-hangs-up");
    sipp::caller(&server, "caller-is-hung-up-on", "12345").succeed();
    agent.succeed();
    assert_eq!(record(&server).ended_by, EndedBy::Agent);
}

#[test]
fn an_agent_who_rejects_is_left_alone_and_the_caller_waits_on() {
    if !have_sipp() {
        return;
    }
    let server = Server::start(&[]);
    let agent = sipp::agent(&server, "1001", "agent-rejects");
    sipp::caller(&server, "caller-waits", "12345").succeed();
    agent.succeed();
    let cdr = record(&server);
    assert_eq!(cdr.result, Result::Abandoned);
    let failed = |m: &Moment| matches!(m, Moment::OfferFailed { why, .. } if why.contains("603"));
    assert!(cdr.moments.iter().any(|m| failed(&m.moment)));
}

#[test]
fn an_agent_who_does_not_answer_is_not_ready_and_the_caller_keeps_its_place() {
    if !have_sipp() {
        return;
    }
    let server = Server::start(&[("ring_s = 15", "ring_s = 3")]);
    let first = sipp::agent(&server, "1001", "agent-does-not-answer");
    let caller = sipp::caller(&server, "caller-is-hung-up-on", "12345");
    first.succeed();
    server.wait_state("1001", "not-ready");
    // Somebody else who serves the queue would be next; here the same agent says ready and answers.
    assert!(server.command(&["agents"]).contains("1 waiting"), "the caller is still in line");
    let second = sipp::agent_again(&server, "1001", "agent-hangs-up");
    second.succeed();
    caller.succeed();
    let cdr = record(&server);
    assert_eq!((cdr.result, cdr.decisions.len()), (Result::Connected, 2));
}

#[test]
fn hold_is_answered_and_resume_brings_the_audio_back() {
    if !have_sipp() {
        return;
    }
    let server = Server::start(&[]);
    let agent = sipp::agent(&server, "1001", "agent-talks");
    sipp::caller(&server, "caller-holds", "12345").succeed();
    agent.succeed();
    let cdr = record(&server);
    let by = EndedBy::Caller;
    for wanted in [Moment::Held { by }, Moment::Resumed { by }] {
        assert!(cdr.moments.iter().any(|m| m.moment == wanted), "{wanted:?}");
    }
    assert_eq!(cdr.result, Result::Connected);
}

#[test]
fn twenty_calls_at_once_with_garbage_between_all_end_well() {
    if !have_sipp() {
        return;
    }
    let server = Server::start(&[]);
    let more = ["-m", "20", "-l", "20", "-r", "20", "-s", "12345"];
    let callers = Sipp::start(&server, "caller-waits", free_port(), &more);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut rng = fastrand::Rng::with_seed(3);
    for i in 0..400 {
        let mut garbage: Vec<u8> = (0..rng.usize(1..600)).map(|_| rng.u8(..)).collect();
        if i % 3 == 0 {
            garbage.splice(0..0, *b"INVITE sip:12345@127.0.0.1 SIP/2.0\r\nVia: ");
        }
        socket.send_to(&garbage, server.sip).unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
    callers.succeed();
    let records = server.records(20);
    assert!(records.iter().all(|c| c.result == Result::Abandoned), "{records:?}");
    server.assert_idle();
}

#[test]
fn cancel_and_answer_may_cross_and_nothing_is_left() {
    if !have("espeak-ng", "espeak-ng") {
        return;
    }
    let server = Server::start(&[]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    let me = socket.local_addr().unwrap();
    let to = server.sip;
    let message = |method: &str, branch: &str, to_tag: &str, cseq: &str| {
        let sdp = if method == "INVITE" {
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
        } else {
            ""
        };
        format!(
            "{method} sip:12345@{to} SIP/2.0\r\nVia: SIP/2.0/UDP {me};branch=z9hG4bK{branch}\r\nMax-Forwards: 70\r\n\
             From: <sip:1@{me}>;tag=a\r\nTo: <sip:12345@{to}>{to_tag}\r\nCall-ID: cross\r\nCSeq: {cseq}\r\n\
             Contact: <sip:1@{me}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            sdp.len()
        )
    };
    socket.send_to(message("INVITE", "i", "", "1 INVITE").as_bytes(), to).unwrap();
    socket.send_to(message("CANCEL", "i", "", "1 CANCEL").as_bytes(), to).unwrap();
    let mut octets = [0; 4096];
    let (mut cancelled, mut finals) = (false, 0);
    while finals == 0 || !cancelled {
        let (n, _) = socket.recv_from(&mut octets).expect("both requests are answered");
        let text = String::from_utf8_lossy(&octets[..n]).into_owned();
        let status: u16 = text.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
        let tag = text
            .lines()
            .find(|l| l.starts_with("To:"))
            .and_then(|l| l.split_once(";tag="))
            .map(|(_, t)| t.trim());
        let tag = format!(";tag={}", tag.unwrap_or_default());
        if text.contains("CSeq: 1 CANCEL") {
            cancelled |= status == 200;
        } else if text.contains("CSeq: 1 INVITE") && status == 200 {
            finals += 1;
            socket.send_to(message("ACK", "k", &tag, "1 ACK").as_bytes(), to).unwrap();
            socket.send_to(message("BYE", "b", &tag, "2 BYE").as_bytes(), to).unwrap();
        } else if text.contains("CSeq: 1 INVITE") && status == 487 {
            finals += 1;
            socket.send_to(message("ACK", "i", &tag, "1 ACK").as_bytes(), to).unwrap();
        }
    }
    assert!(matches!(record(&server).result, Result::NotAnswered | Result::LeftInDialog));
}

#[test]
fn options_wrong_numbers_and_wrong_passwords_get_their_answers() {
    if !have_sipp() {
        return;
    }
    let server = Server::start(&[]);
    sipp::caller(&server, "options", "12345").succeed();
    sipp::caller(&server, "caller-wrong-number", "99999").succeed();
    let wrong = ["-m", "1", "-s", "1001", "-au", "1001", "-ap", "wrong"];
    Sipp::start(&server, "register-wrong-password", free_port(), &wrong).succeed();
    assert_eq!(server.agent_state("1001"), "offline");
}

#[test]
fn the_tcp_transport_carries_a_call() {
    if !have_sipp() {
        return;
    }
    let server = Server::start(&[]);
    let more = ["-m", "1", "-s", "12345", "-t", "t1"];
    Sipp::start(&server, "caller-hangs-up-in-dialogue", free_port(), &more).succeed();
    assert_eq!(record(&server).result, Result::LeftInDialog);
}

#[test]
fn a_reload_changes_new_calls_and_a_bad_file_changes_nothing() {
    if !have_sipp() {
        return;
    }
    let server = Server::start(&[]);
    let file = server.folder.join("dialplans/city-12345.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, good.replace("queue = \"city-repair\"", "queue = \"nowhere\"")).unwrap();
    assert!(server.command(&["reload"]).contains("no queue named `nowhere`"));
    sipp::caller(&server, "caller-hangs-up-in-dialogue", "12345").succeed();
    std::fs::write(&file, good.replace("\"12345\"", "\"12346\"")).unwrap();
    let hup = std::process::Command::new("kill").args(["-HUP", &server.pid().to_string()]).status().unwrap();
    assert!(hup.success());
    server.wait_log("dialplans reloaded");
    sipp::caller(&server, "caller-wrong-number", "12345").succeed();
    sipp::caller(&server, "caller-hangs-up-in-dialogue", "12346").succeed();
    let records = server.records(2);
    assert_ne!(records[0].version, records[1].version);
}

#[test]
fn a_baresip_caller_and_a_baresip_agent_hear_each_other() {
    if !have("baresip", "baresip-core") || !have("espeak-ng", "espeak-ng") {
        return;
    }
    let server = Server::start(&[]);
    let agent = Baresip::start(&server, "agent", Some("1001"));
    server.wait_state("1001", "ready");
    let caller = Baresip::start(&server, "caller", None);
    caller.dial(&format!("sip:12345@{}", server.sip));
    server.wait_log("Saying");
    caller.key('1');
    agent.wait_event("CALL_INCOMING");
    agent.command("accept", "");
    caller.wait_event("CALL_ESTABLISHED");
    wait_for("the bridge", Duration::from_secs(10), || server.log().contains("Bridged").then_some(()));
    std::thread::sleep(Duration::from_secs(6));
    caller.command("hangup", "");
    let cdr = record(&server);
    assert_eq!((cdr.result, cdr.agent.as_deref()), (Result::Connected, Some("1001")));
    for leg in &cdr.legs {
        assert!(leg.stats.received > 200 && leg.stats.lost == 0, "{leg:?}");
    }
    hear_each_other(caller, agent);
}

/// A caller and agent 1001 on baresip phones, talking; and the phone of 1002.
fn three_phones(server: &Server) -> [Baresip; 3] {
    let agent = Baresip::start(server, "agent", Some("1001"));
    server.wait_state("1001", "ready");
    let caller = Baresip::start(server, "caller", None);
    caller.dial(&format!("sip:12345@{}", server.sip));
    server.wait_log("Saying");
    caller.key('1');
    agent.wait_event("CALL_INCOMING");
    agent.command("accept", "");
    wait_for("the bridge", Duration::from_secs(15), || server.log().contains("Bridged").then_some(()));
    let colleague = Baresip::start(server, "colleague", Some("1002"));
    server.wait_state("1002", "ready");
    [caller, agent, colleague]
}

#[test]
fn an_agent_transfers_the_caller_to_a_colleague_whom_the_caller_then_hears() {
    if !have("baresip", "baresip-core") || !have("espeak-ng", "espeak-ng") {
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
fn a_supervisor_hears_a_talk_and_takes_it_over() {
    if !have("baresip", "baresip-core") || !have("espeak-ng", "espeak-ng") {
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
    if !have("baresip", "baresip-core") || !have("espeak-ng", "espeak-ng") {
        return;
    }
    let name = "name = \"city-repair\"";
    let server = Server::start(&[(name, &format!("{name}\ncallback = {{ attempts = 2, gap_s = 60 }}"))]);
    let agent = Baresip::start(&server, "agent", Some("1001"));
    server.wait_state("1001", "ready");
    server.command(&["supervise", "not-ready", "1001"]);
    let caller = Baresip::start(&server, "caller", None);
    caller.dial(&format!("sip:12345@{}", server.sip));
    server.wait_log("Saying");
    caller.key('1');
    server.wait_log("Queued");
    std::thread::sleep(Duration::from_secs(1));
    caller.key('1');
    server.wait_log("回电");
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
fn an_agents_phone_sets_its_state_by_feature_codes() {
    if !have("baresip", "baresip-core") || !have("espeak-ng", "espeak-ng") {
        return;
    }
    let server = Server::start(&[]);
    let agent = Baresip::start(&server, "agent", Some("1001"));
    server.wait_state("1001", "ready");
    agent.dial(&format!("sip:*14@{}", server.sip));
    server.wait_state("1001", "not-ready");
    wait_for("the call to end", Duration::from_secs(15), || {
        server.log().contains("call recorded").then_some(())
    });
    agent.dial(&format!("sip:*13@{}", server.sip));
    server.wait_state("1001", "ready");
}

/// Logs carry no personal data: not the caller's number, not what was said or pressed.
#[test]
fn logs_of_a_whole_call_hold_nothing_personal() {
    if !have_sipp() {
        return;
    }
    let server = Server::start(&[]);
    sipp::caller(&server, "caller-waits", "12345").succeed();
    assert_eq!(record(&server).caller.reveal(), "13800000000");
    assert!(!server.log().contains("13800000000") && !server.log().contains("key 1"), "{}", server.log());
}

#[test]
fn without_a_model_the_server_says_so_and_leads_callers_by_keypad() {
    if !have_sipp() {
        return;
    }
    let server = Server::start_without_model(&[]);
    assert!(server.greeting().contains("listens  NOT"), "{}", server.greeting());
    sipp::caller(&server, "caller-waits", "12345").succeed();
    let cdr = record(&server);
    assert_eq!(cdr.queue.as_deref(), Some("city-repair"));
    let menu = |m: &Moment| matches!(m, Moment::Saying { text } if text.contains("请按1"));
    assert!(cdr.moments.iter().any(|m| menu(&m.moment)), "{:?}", cdr.moments);
}

#[test]
fn a_recogniser_killed_in_mid_call_is_replaced_and_the_call_goes_on() {
    if !have("espeak-ng", "espeak-ng") {
        return;
    }
    let server = Server::start(&[]);
    server.wait_log("recogniser started");
    let number = |log: &str| {
        let line =
            log.lines().rev().find(|l| l.contains("recogniser started")).unwrap_or_default().to_owned();
        line.rsplit("pid=").next().unwrap_or_default().trim().to_owned()
    };
    let first = number(&server.log());
    // The caller speaks when the greeting has ended; the recogniser is gone by then.
    let address = format!("sip:12345@{}", server.sip);
    let call = std::thread::scope(|scope| {
        let call = scope
            .spawn(|| server.command(&["call", &address, "--say", "我要投诉噪音", "--stay", "2", "--json"]));
        server.wait_log("Saying");
        assert!(std::process::Command::new("kill").args(["-9", &first]).status().unwrap().success());
        call.join().unwrap()
    });
    wait_for("another recogniser", Duration::from_secs(5), || (number(&server.log()) != first).then_some(()));
    let cdr = record(&server);
    assert_eq!((cdr.turns.len(), cdr.queue.as_deref()), (1, Some("city-general")), "{call}\n{:?}", cdr.turns);
}

#[test]
fn sigterm_refuses_new_calls_and_gives_running_ones_time() {
    if !have_sipp() {
        return;
    }
    let mut server = Server::start(&[]);
    let running = sipp::caller(&server, "caller-is-hung-up-on", "12345");
    server.wait_log("Queued");
    assert!(std::process::Command::new("kill").arg(server.pid().to_string()).status().unwrap().success());
    server.wait_log("stopping");
    sipp::caller(&server, "caller-refused", "12345").succeed();
    running.succeed();
    assert!(server.wait_exit().success());
    let cdr = server.records(1).remove(0);
    assert_eq!((cdr.result, cdr.ended_by), (Result::Failed, EndedBy::Fault));
}

#[test]
fn an_agents_phone_registers_with_sha_256_where_it_is_asked_for() {
    if !have("espeak-ng", "espeak-ng") {
        return;
    }
    let server = Server::start(&[("port = 5060", "port = 5060\nsha256 = true")]);
    let address = server.sip.to_string();
    let mut phone = std::process::Command::new(env!("CARGO_BIN_EXE_trunkline"))
        .arg("--config")
        .arg(server.folder.join("dialplans"))
        .args(["agent", "--user", "1001", "--server", &address, "--auto-answer"])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    server.wait_state("1001", "ready");
    phone.kill().unwrap();
    phone.wait().unwrap();
}
