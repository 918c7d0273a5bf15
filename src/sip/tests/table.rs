//! The INVITE usage as a golden table: what a leg answers in each state to whatever can happen to it.

use super::peer::{Peer, calling};
use super::{answer, flow, ms};
use crate::sip::*;
use bytes::Bytes;

const SDP: &str = "Content-Type: application/sdp\r\n";

/// Our INVITE is out; the peer has said so much about it.
fn our_invite(status: Option<u16>) -> Peer {
    let (mut p, invite, respond) = calling();
    p.sent.push(invite.clone());
    if let Some(status) = status {
        p.input(respond(&invite, &format!("{status} x"), "b"));
    }
    // The peer's requests are in the dialog that our INVITE makes.
    p.in_dialog_of(&invite);
    p
}

fn states() -> Vec<(&'static str, Peer)> {
    let offered = || {
        let mut p = Peer::new();
        p.request("INVITE", 1, "", "");
        p.command(|leg| Command::Ring { leg });
        p
    };
    let unacked = || {
        let mut p = offered();
        p.command(answer);
        p
    };
    let asked = || {
        let mut p = Peer::up();
        p.request("INVITE", 2, "", "");
        p
    };
    let asking = || {
        let mut p = Peer::up();
        p.command(|leg| Command::Offer { leg, sdp: Bytes::from_static(b"ours") });
        p
    };
    let over = || {
        let mut p = Peer::up();
        p.command(|leg| Command::Hangup { leg, reason: "" });
        p
    };
    vec![
        ("Calling", our_invite(None)),
        ("Ringing", our_invite(Some(180))),
        ("Offered", offered()),
        ("Unacked", unacked()),
        ("Up", Peer::up()),
        ("Asked", asked()),
        ("Asking", asking()),
        ("Over", over()),
    ]
}

fn happen(p: &mut Peer, event: &str) -> Vec<String> {
    let refuse = |leg| Command::Refuse { leg, status: 488, reason: String::new(), retry_after_s: None };
    match event {
        "Ring" => p.command(|leg| Command::Ring { leg }),
        "Answer" => p.command(answer),
        "Refuse" => p.command(refuse),
        "Offer" => p.command(|leg| Command::Offer { leg, sdp: Bytes::from_static(b"ours") }),
        "Refer" => p.command(|leg| Command::Refer { leg, to: "sip:carol@a".into() }),
        "Hangup" => p.command(|leg| Command::Hangup { leg, reason: "" }),
        "broken" => p.input(Input::Unreachable { flow: flow(0, 1, Transport::Udp) }),
        "a minute" => p.pass(ms(61_000)),
        "UPDATE+SDP" => p.request("UPDATE", 9, SDP, "v=0"),
        "PRACK" => p.request("PRACK", 9, "RAck: 1 1 INVITE\r\n", ""),
        "REFER" => p.request("REFER", 9, "Refer-To: <sip:carol@a>\r\n", ""),
        "NOTIFY" => p.request("NOTIFY", 9, "Event: refer\r\n", "SIP/2.0 200 OK"),
        "ACK" => p.request("ACK", 1, "", ""),
        method => p.request(method, 9, "", ""),
    }
}

const EVENTS: [&str; 19] = [
    "Ring",
    "Answer",
    "Refuse",
    "Offer",
    "Refer",
    "Hangup",
    "INVITE",
    "ACK",
    "BYE",
    "UPDATE",
    "UPDATE+SDP",
    "PRACK",
    "INFO",
    "OPTIONS",
    "REFER",
    "NOTIFY",
    "MESSAGE",
    "broken",
    "a minute",
];

/// A row an event, a column a state; runs of the same word are said once.
fn table() -> String {
    let row = |first: &str, cells: Vec<String>| {
        let cells = cells.iter().map(|c| format!(" {c:<18}")).collect::<String>();
        format!("{first:<11}{cells}").trim_end().to_owned() + "\n"
    };
    let mut text = row("", states().into_iter().map(|(state, _)| state.to_owned()).collect());
    for event in EVENTS {
        let said = states().into_iter().map(|(_, mut p)| {
            let mut said = happen(&mut p, event);
            said.dedup();
            if said.is_empty() { "-".to_owned() } else { said.join(" ") }
        });
        text += &row(event, said.collect());
    }
    text
}

#[test]
fn every_state_of_a_leg_answers_whatever_happens_as_the_rfcs_have_it() {
    let (found, golden) = (table(), include_str!("table.txt"));
    for (found, golden) in found.lines().zip(golden.lines()) {
        assert_eq!(found, golden);
    }
    assert_eq!(found.lines().count(), golden.lines().count(), "{found}");
}
