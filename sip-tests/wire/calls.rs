//! Calls by SIPp, in each way that they can end, and what garbage and wrong passwords get.

use super::server::{Server, have, record};
use super::sipp::{self, Sipp, free_port, have_sipp};
use std::net::UdpSocket;
use std::time::Duration;
use trunkline::call::{EndedBy, Moment, Result};

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
fn a_carriers_caller_and_an_agents_phone_use_prack_update_and_session_timers() {
    if !have_sipp() {
        return;
    }
    let server = Server::start(&[]);
    let agent = sipp::agent(&server, "1001", "agent-rings-reliably");
    sipp::caller(&server, "caller-of-a-carrier", "12345").succeed();
    let cdr = record(&server);
    let by = EndedBy::Caller;
    let reason = "Q.850;cause=31;text=\"normal\"".to_owned();
    let wanted = Moment::Reason { who: "caller".into(), reason };
    for wanted in [Moment::Held { by }, Moment::Resumed { by }, wanted] {
        assert!(cdr.moments.iter().any(|m| m.moment == wanted), "{wanted:?}: {:?}", cdr.moments);
    }
    sipp::caller(&server, "caller-talks", "12345").succeed();
    agent.succeed();
    assert_eq!(server.records(2)[1].result, Result::Connected);
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
