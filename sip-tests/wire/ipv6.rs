//! Calls over the loopback of IPv6.

use super::server::{Server, have, record};
use super::sipp::{Sipp, free_port, have_sipp};
use trunkline::call::Result as Ending;

fn server() -> Server {
    Server::start(&[
        ("addresses = [\"127.0.0.1\"]", "addresses = [\"::1\"]"),
        ("from = [\"127.0.0.0/8\",", "from = [\"127.0.0.0/8\", \"::1\","),
    ])
}

#[test]
fn our_own_caller_is_answered_over_ipv6() {
    if !have("espeak-ng", "espeak-ng") {
        return;
    }
    let server = server();
    assert!(server.sip.is_ipv6());
    for transport in ["udp", "tcp"] {
        let uri = format!("sip:12345@{};transport={transport}", server.sip);
        let said = server.command(&["call", &uri, "--stay", "1"]);
        assert!(said.contains("12345"), "{said}");
    }
    let records = server.records(2);
    assert!(
        records.iter().all(|c| c.result == Ending::LeftInDialog && c.legs[0].stats.sent > 30),
        "{records:?}"
    );
    server.assert_idle();
}

#[test]
fn sipp_calls_over_ipv6() {
    if !have_sipp() {
        return;
    }
    let server = server();
    // SIPp takes the address family from `-i`, which comes again and wins.
    let more = ["-m", "1", "-s", "12345", "-i", "::1", "-mi", "::1"];
    Sipp::start(&server, "caller-hangs-up-in-dialogue", free_port(), &more).succeed();
    assert_eq!(record(&server).result, Ending::LeftInDialog);
}
