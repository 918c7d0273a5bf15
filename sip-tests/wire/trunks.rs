//! Trunks: calls that go out over them, to SIPp as two carriers, and who may come in.

use super::server::{Server, record, wait_for};
use super::sipp::{self, Sipp, free_port, have_sipp};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use trunkline::call::{Moment, Result};

/// A file with the password that SIPp has.
fn secret(name: &str) -> PathBuf {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("trunk-{name}-{}", std::process::id()));
    std::fs::write(&file, "secret\n").unwrap();
    file
}

#[test]
fn a_trunk_without_networks_is_known_by_its_password() {
    if !have_sipp() {
        return;
    }
    let secret = secret("in");
    let networks = "from = [\"127.0.0.0/8\", \"10.0.0.0/8\", \"172.16.0.0/12\", \"192.168.0.0/16\"]";
    let user = format!("user = \"branch\"\npassword = {{ file = {secret:?} }}");
    let server = Server::start_without_model(&[(networks, &user)]);
    sipp::caller(&server, "caller-with-password", "99999").succeed();
    let table = server.command(&["trunks"]);
    assert!(
        table.lines().any(|l| l.starts_with("local") && l.ends_with("1 No line has this number")),
        "{table}"
    );
    std::fs::remove_file(secret).unwrap();
}

#[test]
fn a_number_outside_is_called_by_the_next_trunk_where_the_first_is_full_and_with_credentials_where_asked() {
    if !have_sipp() {
        return;
    }
    let (full, other) = (free_port(), free_port());
    let secret = secret("out");
    let trunks = format!(
        "\"192.168.0.0/16\"]\ncountry = \"86\"\n\
         [[trunk]]\nname = \"full\"\nto = \"sip:127.0.0.1:{full}\"\ncountry = \"86\"\nnumbers = \"national\"\n\
         [[trunk]]\nname = \"other\"\nto = \"sip:127.0.0.1:{other}\"\ncountry = \"86\"\nnumbers = \"e164\"\n\
         caller = \"+862112345678\"\ntrusted = true\nuser = \"line\"\npassword = {{ file = {secret:?} }}\n\
         [[route]]\nprefix = \"+86\"\ntrunks = [\"full\", \"other\"]\n"
    );
    let queue = "name = \"city-repair\"\n";
    let overflow = format!("{queue}overflow = [{{ after_s = 1, number = \"13912345678\" }}]\n");
    let server = Server::start(&[("\"192.168.0.0/16\"]", &trunks), (queue, &overflow)]);
    let first = Sipp::start(&server, "carrier-is-full", full, &["-m", "1"]);
    let second = Sipp::start(&server, "carrier-challenges", other, &["-m", "1"]);
    sipp::caller(&server, "caller-talks", "12345").succeed();
    first.succeed();
    second.succeed();
    let cdr = record(&server);
    assert_eq!((cdr.result, cdr.caller.reveal().as_str()), (Result::Connected, "+8613800000000"));
    assert!(cdr.moments.iter().any(|m| matches!(m.moment, Moment::Bridged { .. })));
    let table = server.command(&["trunks"]);
    let row =
        |name| table.lines().find(|l| l.starts_with(name)).unwrap().split_whitespace().collect::<Vec<_>>();
    assert_eq!(row("local"), ["local", "0", "1", "0", "0"]);
    assert_eq!(row("full"), ["full", "0", "0", "0", "1", "refused:", "1", "call", "not", "taken"]);
    assert_eq!(row("other"), ["other", "0", "0", "0", "1"]);
    std::fs::remove_file(secret).unwrap();
}

#[test]
fn an_announcement_of_a_carrier_is_heard_and_its_480_after_it_is_the_end() {
    if !have_sipp() {
        return;
    }
    let (carrier, spare) = (free_port(), free_port());
    let trunks = format!(
        "\"192.168.0.0/16\"]\n\
         [[trunk]]\nname = \"carrier\"\nto = \"sip:127.0.0.1:{carrier}\"\n\
         [[trunk]]\nname = \"spare\"\nto = \"sip:127.0.0.1:{spare}\"\n\
         [[route]]\ntrunks = [\"carrier\", \"spare\"]\n"
    );
    let queue = "name = \"city-repair\"\n";
    let overflow = format!("{queue}overflow = [{{ after_s = 1, number = \"13912345678\" }}]\n");
    let server = Server::start(&[("\"192.168.0.0/16\"]", &trunks), (queue, &overflow)]);
    let announces = Sipp::start(&server, "carrier-announces", carrier, &["-m", "1"]);
    sipp::caller(&server, "caller-is-hung-up-on", "12345").succeed();
    announces.succeed();
    let cdr = record(&server);
    assert_eq!(cdr.result, Result::NobodyFree);
    assert!(!cdr.moments.iter().any(|m| matches!(m.moment, Moment::Fault { .. })), "{:?}", cdr.moments);
    let codecs: Vec<_> = cdr.legs.iter().map(|leg| (leg.who.as_str(), leg.codec.is_some())).collect();
    assert_eq!(codecs, [("caller", true), ("13912345678", true)], "the announcement had a stream");
    let table = server.command(&["trunks"]);
    let spare = table.lines().find(|l| l.starts_with("spare")).unwrap();
    assert_eq!(spare.split_whitespace().collect::<Vec<_>>(), ["spare", "0", "0", "0", "0"]);
}

#[test]
fn a_trunk_is_registered_with_and_asked_and_left_when_it_does_not_answer() {
    if !have_sipp() {
        return;
    }
    let (registrar, alive) = (free_port(), free_port());
    let secret = secret("register");
    let trunks = format!(
        "\"192.168.0.0/16\"]\n\
         [[trunk]]\nname = \"carrier\"\nto = \"sip:127.0.0.1:{registrar}\"\nregister = true\nuser = \"line\"\n\
         password = {{ file = {secret:?} }}\n\
         [[trunk]]\nname = \"watched\"\nto = \"sip:127.0.0.1:{alive}\"\noptions_s = 5\n"
    );
    let mut server = Server::start_without_model(&[("\"192.168.0.0/16\"]", &trunks)]);
    // Both are asked again within five seconds.
    let carrier = Sipp::start(&server, "registrar", registrar, &["-m", "1"]);
    let watched = Sipp::start(&server, "answers-options", alive, &["-m", "1"]);
    let row = |server: &Server, name: &str| {
        let table = server.command(&["trunks"]);
        table.lines().find(|l| l.starts_with(name)).unwrap().split_whitespace().last().unwrap().to_owned()
    };
    server.wait_log("registered trunk=\"carrier\"");
    watched.succeed();
    assert_eq!((row(&server, "carrier"), row(&server, "watched")), ("registered".into(), "up".into()));
    // Nobody is there any more: three times silence, five seconds apart.
    wait_for("the trunk to be down", Duration::from_secs(40), || {
        server.log().contains("the trunk does not answer").then_some(())
    });
    assert_eq!(row(&server, "watched"), "down");
    assert!(std::process::Command::new("kill").arg(server.pid().to_string()).status().unwrap().success());
    assert!(server.wait_exit().success());
    carrier.succeed();
    std::fs::remove_file(secret).unwrap();
}

#[test]
#[ignore = "takes two minutes: cargo test --test wire -- --ignored"]
fn a_connection_to_a_trunk_is_kept_alive_while_nothing_is_said() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = listener.local_addr().unwrap();
    let trunks = format!(
        "\"192.168.0.0/16\"]\n[[trunk]]\nname = \"watched\"\nto = \"sip:{to};transport=tcp\"\noptions_s = 3600\n"
    );
    let server = Server::start_without_model(&[("\"192.168.0.0/16\"]", &trunks)]);
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(125))).unwrap();
    let (mut octets, mut asked) = ([0; 4096], String::new());
    while !asked.ends_with("\r\n\r\n") {
        let n = stream.read(&mut octets).unwrap();
        asked += std::str::from_utf8(&octets[..n]).unwrap();
    }
    assert!(asked.starts_with("OPTIONS "), "{asked}");
    let echo =
        |l: &&str| ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].iter().any(|name| l.starts_with(name));
    let echo: String = asked.lines().filter(echo).map(|l| format!("{l}\r\n")).collect();
    write!(stream, "SIP/2.0 200 OK\r\n{echo}Content-Length: 0\r\n\r\n").unwrap();
    let begin = Instant::now();
    let n = stream.read(&mut octets).unwrap();
    // RFC 5626 §4.4.1: between 95 and 120 seconds over what is connected.
    assert!((94..=121).contains(&begin.elapsed().as_secs()), "{:?}", begin.elapsed());
    assert_eq!(&octets[..n], b"\r\n\r\n");
    stream.write_all(b"\r\n").unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    assert!(stream.read(&mut octets).is_err(), "the answer is no message, and the connection stays");
    assert!(server.command(&["trunks"]).contains("up"));
}
