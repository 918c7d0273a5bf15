//! Encrypted calls: baresip's SRTP (libre) at one end or both, keys by SDES.

use super::baresip::{Baresip, conversation, have_baresip, hear_each_other, path_check, turn};
use super::server::{Server, record};
use std::path::Path;
use trunkline::call::Result;

/// A caller and an agent, each encrypting as `mediaenc` says, talk for 6 s; what each hears is bit for bit what the other said.
fn talk(srtp: &str, [caller, agent]: [&str; 2]) -> [Option<String>; 2] {
    let _turn = turn();
    let ports = "ports = \"20000-29999\"";
    let server = Server::start(&[(ports, &format!("{ports}\nsrtp = \"{srtp}\""))]);
    let agent = Baresip::start_encrypting(&server, "agent", Some("1001"), agent);
    server.wait_state("1001", "ready");
    let caller = Baresip::start_encrypting(&server, "caller", None, caller);
    let cdr = conversation(&server, &caller, &agent);
    for leg in &cdr.legs {
        let s = leg.stats;
        assert_eq!((s.lost, s.rejected), (0, 0), "{leg:?}");
        // baresip's first RTCP (APP) and its last (BYE) come in the clear: it has no keys yet, or no more. Whether that is while the
        // leg is there is chance.
        assert!(s.rtcp_rejected <= if leg.srtp.is_some() { 2 } else { 0 }, "{leg:?}");
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
    let _turn = turn();
    let ports = "ports = \"20000-29999\"";
    let server = Server::start(&[(ports, &format!("{ports}\nsrtp = \"required\""))]);
    let caller = Baresip::start(&server, "caller", None);
    caller.dial(&format!("sip:12345@{}", server.sip));
    caller.wait_event("488 SRTP is required");
    assert_eq!(record(&server).result, Result::NotAnswered);
}

/// The shared probe, a minute of noise on the µ-law grid, from a caller's phone to an agent's, both encrypting as `mediaenc` says.
fn probe(mediaenc: &str) {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let (says, tool) = (shared.join("audio/probe_mulaw.wav"), shared.join("tools/path_check.py"));
    if let Some(gone) = [&says, &tool].into_iter().find(|f| !f.exists()) {
        return eprintln!("skipped: {} is not there", gone.display());
    }
    if !have_baresip() {
        return;
    }
    let _turn = turn();
    let ports = "ports = \"20000-29999\"";
    let srtp = if mediaenc.is_empty() { "off" } else { "required" };
    let server = Server::start(&[(ports, &format!("{ports}\ncodecs = [\"PCMU\"]\nsrtp = \"{srtp}\""))]);
    let agent = Baresip::start_probing(&server, "agent", Some("1001"), mediaenc, &says);
    server.wait_state("1001", "ready");
    let caller = Baresip::start_probing(&server, "caller", None, mediaenc, &says);
    let cdr = conversation(&server, &caller, &agent);
    assert!(cdr.legs.iter().all(|leg| leg.srtp.is_some() != mediaenc.is_empty()), "{:?}", cdr.legs);
    // Six seconds are 300 frames.
    if let Some((frames, exact, offsets)) = path_check(&tool, caller, agent) {
        assert!(exact > 250 && offsets.len() == 1, "{exact} of {frames}, shifted by {offsets:?}");
    }
}

#[test]
fn the_probe_arrives_bit_for_bit_without_gap_or_repeat() {
    probe("");
}

#[test]
fn the_probe_arrives_bit_for_bit_without_gap_or_repeat_over_srtp() {
    probe("srtp-mand");
}
