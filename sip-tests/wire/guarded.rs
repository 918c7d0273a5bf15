//! The watch over the SIP edge against SIPp, with loopback watched as if it were outside.

use super::server::{Server, wait_for};
use super::sipp::{self, Sipp, free_port, have_sipp};

/// Loopback is watched, and three wrong passwords are one too many.
const WATCHED: (&str, &str) = ("[media]", "[guard]\nexempt = []\nfailures = 3\n[media]");

#[test]
fn a_brute_force_is_banned_shown_and_set_free_by_hand() {
    if !have_sipp() {
        return;
    }
    let server = Server::start(&[WATCHED]);
    let wrong = ["-m", "1", "-s", "1001", "-au", "1001", "-ap", "wrong"];
    for _ in 0..3 {
        Sipp::start(&server, "register-wrong-password", free_port(), &wrong).succeed();
        assert!(server.command(&["guard"]).starts_with("0 banned"));
    }
    let more = [&wrong[..], &["-timeout", "3s"]].concat();
    let mut fourth = Sipp::start(&server, "register-wrong-password", free_port(), &more);
    server.wait_log("banned for 600");
    let shown = server.command(&["guard"]);
    assert!(shown.contains("1 banned") && shown.contains("127.0.0.1"), "{shown}");
    assert!(shown.contains("wrong credentials (no. 1)"), "{shown}");
    let audit = server.command(&["supervise", "audit"]);
    assert!(audit.contains("done by the guard: wrong credentials"), "{audit}");
    let _ = fourth.ends_well();
    // Nothing is answered, and that is counted.
    let mut banned = Sipp::start(&server, "options", free_port(), &["-m", "1", "-timeout", "2s"]);
    assert!(!banned.ends_well());
    let shown = server.command(&["guard"]);
    let counted =
        |l: &str| l.trim().strip_prefix("banned").is_some_and(|n| n.trim().parse().is_ok_and(|n: u64| n > 0));
    assert!(shown.lines().any(counted), "{shown}");
    assert!(server.command(&["guard", "--unban", "127.0.0.1"]).contains("done"));
    assert!(server.command(&["guard", "--unban", "127.0.0.1"]).contains("127.0.0.1 is not banned"));
    sipp::caller(&server, "options", "12345").succeed();
    let password = server.password("1001");
    let right = ["-m", "1", "-s", "1001", "-au", "1001", "-ap", &password];
    Sipp::start(&server, "register", free_port(), &right).succeed();
}

#[test]
fn a_trace_shows_both_legs_of_a_call_in_one_ladder_and_no_numbers() {
    if !have_sipp() {
        return;
    }
    let server = Server::start(&[]);
    let phone = sipp::agent(&server, "1001", "agent-talks");
    sipp::caller(&server, "caller-talks", "12345").succeed();
    phone.succeed();
    let cdr = server.records(1).remove(0);
    let by_number = server.command(&["trace", &cdr.id.0.to_string()]);
    assert_eq!(server.command(&["trace", &cdr.sip_call_id]), by_number);
    // An arrow ends left or right of us, so a line says who sent to whom.
    let us = by_number.lines().next().unwrap().find("trunkline").unwrap();
    let side = |line: &str| {
        let bar = line.chars().position(|c| "►◄".contains(c)).unwrap();
        let begins = line.chars().position(|c| c == '─').unwrap();
        (begins.min(bar) > us, line.contains('►'))
    };
    let arrows: Vec<(bool, bool, &str)> = by_number
        .lines()
        .filter(|l| l.contains('►') || l.contains('◄'))
        .map(|l| (side(l).0, side(l).1, l))
        .collect();
    let in_order = |agents: bool, wanted: &[(&str, bool)]| {
        let mut rest = arrows.iter().filter(|(right, ..)| *right == agents);
        wanted.iter().all(|(what, to_the_right)| {
            rest.any(|(_, right, line)| line.contains(&format!("─{what} (")) && right == to_the_right)
        })
    };
    let caller = [
        ("INVITE", true),
        ("200 OK", false),
        ("ACK", true),
        ("INFO", true),
        ("BYE", true),
        ("200 OK", false),
    ];
    assert!(in_order(false, &caller), "the caller's leg:\n{by_number}");
    let agent = [
        ("INVITE", true),
        ("180 Ringing", false),
        ("200 OK", false),
        ("ACK", true),
        ("BYE", true),
        ("200 OK", false),
    ];
    assert!(in_order(true, &agent), "the agent's leg:\n{by_number}");
    let full = server.command(&["trace", &cdr.id.0.to_string(), "--full"]);
    assert!(
        full.contains("Call-ID: ") && full.contains("m=audio") && !full.contains("13800000000"),
        "{full}"
    );
    assert!(server.command(&["trace", "nothing"]).contains("no message of call `nothing` is kept"));
}

#[test]
fn a_ban_by_hand_lets_the_call_in_progress_end_well_and_survives_a_restart() {
    if !have_sipp() {
        return;
    }
    let server = Server::start(&[]);
    let call = sipp::caller(&server, "caller-hangs-up-in-dialogue", "12345");
    server.wait_log("Saying");
    assert!(server.command(&["guard", "--ban", "127.0.0.1", "--for", "60"]).contains("done"));
    call.succeed();
    let mut next = Sipp::start(&server, "options", free_port(), &["-m", "1", "-timeout", "2s"]);
    assert!(!next.ends_well());
    assert_eq!(server.records(1).len(), 1);
    assert!(server.command(&["supervise", "audit"]).contains(r#""do":"ban""#));
    wait_for("the ban to be kept for a restart", std::time::Duration::from_secs(10), || {
        let kept = std::fs::read_to_string(server.folder.join("var/bans.json")).unwrap_or_default();
        kept.contains(r#""source":"127.0.0.1","why":"by hand""#).then_some(())
    });
    let server = server.restart();
    let shown = server.command(&["guard"]);
    assert!(shown.contains("1 banned") && shown.contains("by hand"), "{shown}");
    let mut later = Sipp::start(&server, "options", free_port(), &["-m", "1", "-timeout", "2s"]);
    assert!(!later.ends_well());
    assert!(server.command(&["guard", "--unban", "127.0.0.1"]).contains("done"));
    sipp::caller(&server, "options", "12345").succeed();
}
