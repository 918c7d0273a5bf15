//! Encrypted calls: baresip's SRTP (libre) at one end or both, keys by SDES.

use super::baresip::{Baresip, conversation, have_baresip, hear_each_other};
use super::server::{Server, record};
use trunkline::call::Result;

/// A caller and an agent, each encrypting as `mediaenc` says, talk for 6 s; what each hears is bit for bit what the other said.
fn talk(srtp: &str, [caller, agent]: [&str; 2]) -> [Option<String>; 2] {
    let ports = "ports = \"20000-29999\"";
    let server = Server::start(&[(ports, &format!("{ports}\nsrtp = \"{srtp}\""))]);
    let agent = Baresip::start_encrypting(&server, "agent", Some("1001"), agent);
    server.wait_state("1001", "ready");
    let caller = Baresip::start_encrypting(&server, "caller", None, caller);
    let cdr = conversation(&server, &caller, &agent);
    for leg in &cdr.legs {
        let s = leg.stats;
        // baresip's first RTCP (APP) and its last (BYE) come in the clear: it has no keys yet, or no more. Whether that is while the
        // leg is there is chance.
        let in_the_clear = if leg.srtp.is_some() { s.rejects.unauthenticated.min(2) } else { 0 };
        assert_eq!((s.lost, s.rejected - in_the_clear, s.rtcp_rejected), (0, 0, 0), "{leg:?}");
        assert!(s.received > 200 && s.sent > 200, "{leg:?}");
    }
    hear_each_other(caller, agent);
    [0, 1].map(|n| cdr.legs[n].srtp.clone())
}

#[test]
fn an_encrypted_caller_talks_with_an_agent_in_the_clear() {
    if have_baresip() {
        let [caller, agent] = talk("optional", ["srtp-mand", ""]);
        assert!(caller.is_some() && agent.is_none(), "{caller:?} {agent:?}");
    }
}

#[test]
fn where_encryption_is_required_both_legs_have_it() {
    if have_baresip() {
        let [caller, agent] = talk("required", ["srtp", "srtp-mand"]);
        eprintln!("the caller's leg by {caller:?}, the agent's by {agent:?}");
        assert!(caller.is_some() && agent.is_some(), "{caller:?} {agent:?}");
    }
}

#[test]
fn where_encryption_is_required_a_caller_in_the_clear_is_told_so() {
    if !have_baresip() {
        return;
    }
    let ports = "ports = \"20000-29999\"";
    let server = Server::start(&[(ports, &format!("{ports}\nsrtp = \"required\""))]);
    let caller = Baresip::start(&server, "caller", None);
    caller.dial(&format!("sip:12345@{}", server.sip));
    caller.wait_event("488 SRTP is required");
    assert_eq!(record(&server).result, Result::NotAnswered);
}
