//! Running the server: reload, logs, a model that is not there, a recogniser that dies, the end.

use super::server::{Server, have, record, wait_for};
use super::sipp::{self, have_sipp};
use std::io::{BufRead, BufReader, Write};
use std::time::Duration;
use trunkline::call::{EndedBy, Moment, Result};

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
    let menu = |m: &Moment| matches!(m, Moment::Saying { text, .. } if text.contains("请按1"));
    assert!(cdr.moments.iter().any(|m| menu(&m.moment)), "{:?}", cdr.moments);
}

#[test]
fn a_recogniser_killed_in_mid_call_is_replaced_and_the_call_goes_on() {
    if !have("espeak-ng", "espeak-ng") {
        return;
    }
    let server = Server::start(&[]);
    let first = server.recogniser();
    // The caller speaks when the greeting has ended; the recogniser is gone by then.
    let address = format!("sip:12345@{}", server.sip);
    let call = std::thread::scope(|scope| {
        let call = scope
            .spawn(|| server.command(&["call", &address, "--say", "我要投诉噪音", "--stay", "2", "--json"]));
        server.wait_log("Saying");
        assert!(std::process::Command::new("kill").args(["-9", &first]).status().unwrap().success());
        call.join().unwrap()
    });
    wait_for("another recogniser", Duration::from_secs(5), || (server.recogniser() != first).then_some(()));
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

/// As systemd/README.md has it: another program signs an agent in by a line of JSON.
#[test]
fn the_control_socket_signs_agents_in_and_out_for_any_program_that_may_open_it() {
    if !super::baresip::have_baresip() {
        return;
    }
    let server = Server::start(&[("user = \"1001\"", "user = \"1001\"\nsign_in = \"manual\"")]);
    let socket = std::os::unix::net::UnixStream::connect(server.folder.join("var/control.sock")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut answers = BufReader::new(socket.try_clone().unwrap()).lines();
    let mut ask = |line: &str| {
        writeln!(&socket, "{line}").unwrap();
        answers.next().unwrap().unwrap()
    };
    let action = |what: &str| format!(r#"{{"ask":"do","action":{{"do":"{what}","user":"1001"}}}}"#);
    assert!(ask(&action("ready")).starts_with(r#"{"error":"#), "it has no phone yet");
    let _phone = super::baresip::Baresip::start(&server, "agent", Some("1001"));
    assert_eq!(ask(&action("sign-in")), r#"{"done":"done"}"#);
    server.wait_state("1001", "ready");
    assert!(ask(r#"{"ask":"board"}"#).contains(r#""user":"1001","name":"Li Na","state":"ready""#));
    assert_eq!(ask(&action("sign-out")), r#"{"done":"done"}"#);
    assert_eq!(server.agent_state("1001"), "offline");
    assert!(ask("sign 1001 in").starts_with(r#"{"error":"not a request"#));
    assert!(server.command(&["supervise", "audit"]).contains("sign-in"));
}
