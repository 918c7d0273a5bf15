//! A baresip phone in each codec at one end, one in another at the other end: a tone goes both ways, keys arrive once.

use super::baresip::{Baresip, conversation, have_baresip, turn};
use super::server::Server;
use trunkline::base::Codec;

/// A call of a caller's phone in `caller` to an agent's phone in `agent`; both say a tone.
fn talk(caller: Codec, agent: Codec) {
    if !have_baresip() {
        return;
    }
    let _turn = turn();
    let all = "ports = \"20000-29999\"\ncodecs = [\"PCMA\", \"PCMU\", \"G722\", \"opus\"]";
    let server = Server::start(&[("ports = \"20000-29999\"", all)]);
    let agent_phone = Baresip::start_in(&server, "agent", Some("1001"), agent, 500);
    server.wait_state("1001", "ready");
    let caller_phone = Baresip::start_in(&server, "caller", None, caller, 800);
    let cdr = conversation(&server, &caller_phone, &agent_phone);
    for (leg, codec) in cdr.legs.iter().zip([caller, agent]) {
        let s = leg.stats;
        assert_eq!((leg.codec, s.lost, s.rejected), (Some(codec), 0, 0), "{leg:?}");
        assert!(s.received > 200 && s.sent > 200, "{leg:?}");
    }
    caller_phone.heard_tone(500);
    agent_phone.heard_tone(800);
}

#[test]
fn pcma_talks_with_g722() {
    talk(Codec::Pcma, Codec::G722);
}

#[test]
fn opus_talks_with_pcmu() {
    talk(Codec::Opus, Codec::Pcmu);
}

#[test]
fn g722_talks_with_opus() {
    talk(Codec::G722, Codec::Opus);
}

#[test]
fn opus_is_relayed_to_opus() {
    talk(Codec::Opus, Codec::Opus);
}
