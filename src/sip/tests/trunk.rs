//! What trunks say of callers, and who they are.

use super::peer::Peer;
use crate::sip::*;

/// What an INVITE with these fields claims: asserted number, private, diverted from.
fn claims(fields: &str) -> (Option<String>, bool, Option<String>) {
    let mut p = Peer::new();
    p.request("INVITE", 1, fields, "offer");
    let claims = p.claims.take().unwrap();
    let bare = |number: Option<crate::base::Pii<String>>| number.map(|n| n.reveal().clone());
    (bare(claims.asserted), claims.private, bare(claims.diverted_from))
}

#[test]
fn what_the_network_says_of_a_caller_is_read() {
    let none = (None, false, None);
    assert_eq!(claims(""), none);
    assert_eq!(claims("Privacy: none\r\n"), none);
    let two = "P-Asserted-Identity: \"A\" <sip:+861380@h>\r\nP-Asserted-Identity: tel:+861380\r\n";
    assert_eq!(claims(two).0.as_deref(), Some("+861380"));
    assert!(claims("Privacy: critical;ID\r\n").1);
    // RFC 5806 §4: the newest diversion comes first.
    let diverted =
        "Diversion: <sip:95002@h>;reason=user-busy\r\nDiversion: <tel:95001>;reason=unconditional\r\n";
    assert_eq!(claims(diverted).2.as_deref(), Some("95001"));
    let history = "History-Info: <sip:95001@h?Reason=SIP%3Bcause%3D302>;index=1, <sip:95002@h>;index=1.1\r\n";
    assert_eq!(claims(history).2.as_deref(), Some("95001"));
    assert_eq!(claims("History-Info: <sip:95001@h>;index=1\r\n"), none, "it was called, and nothing else");
    assert_eq!(claims("P-Asserted-Identity: <<\r\nDiversion: ,\r\n"), none);
}

#[test]
fn an_invite_that_the_call_does_not_know_is_asked_for_credentials_and_forgotten() {
    let mut p = Peer::new();
    p.request("INVITE", 1, "", "offer");
    assert_eq!(p.command(|leg| Command::Challenge { leg }), ["407", "Ended"]);
    assert!(p.sent.last().unwrap().get(Name::ProxyAuthenticate).unwrap().starts_with("Digest "));
    p.pass(std::time::Duration::from_secs(64));
    assert_eq!(p.endpoint.dump(), "");
}

#[test]
fn a_new_dialog_may_ask_for_the_place_of_one_that_is_up() {
    let mut p = Peer::up();
    let (old, tag) = (p.leg.unwrap(), std::mem::take(&mut p.tag));
    let replaces = |more: &str| format!("Require: replaces\r\nReplaces: c;to-tag={tag};from-tag=b{more}\r\n");
    let mut invite = |cseq, extra: &str| {
        (p.tag, p.replaces) = (String::new(), None);
        let said = p.request_of("other", "INVITE", cseq, extra);
        (said.first().cloned().unwrap_or_default(), p.replaces)
    };
    assert_eq!(invite(11, &replaces("")), ("100".into(), Some(old)));
    assert_eq!(invite(12, &replaces(";early-only")), ("486".into(), None));
    assert_eq!(invite(13, &(replaces("") + &replaces(""))), ("400".into(), None));
    assert_eq!(invite(14, "Replaces: c;to-tag=nobody;from-tag=b\r\n"), ("481".into(), None));
    assert_eq!(invite(15, "Replaces: c\r\n"), ("400".into(), None));
}
