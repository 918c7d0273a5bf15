//! What strangers, phones, trunks and scanners get of an endpoint that is watched.

use super::ms;
use crate::base::{LegId, Now, Pii};
use crate::sip::answers::Answers;
use crate::sip::*;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::time::Duration;

const TRUNK: &str = "192.0.2.1";
const STRANGER: &str = "198.51.100.1";

fn rules() -> Rules {
    let trunks = Networks { nets: vec!["192.0.2.0/24".parse().unwrap()], own_machine: false };
    Rules { exempt: trunks.clone(), trunks, silent: true, ..Rules::default() }
}

struct Edge {
    now: Now,
    endpoint: Endpoint,
    cseq: u32,
    legs: Vec<LegId>,
    last: Option<Message>,
}

impl Edge {
    fn new(rules: Rules) -> Edge {
        let accounts = BTreeMap::from([("ann".to_owned(), Pii::new("secret".to_owned()))]);
        let config =
            Config { realm: "line".into(), accounts, rules, transactions_max: 1000, ..Config::default() };
        Edge { now: Now(1_000_000), endpoint: Endpoint::new(config), cseq: 0, legs: Vec::new(), last: None }
    }

    /// Sends a request from `ip` and gives the statuses of what comes back; a call that comes in is `Incoming`.
    fn send(&mut self, ip: &str, method: &str, fields: &str) -> Vec<String> {
        self.cseq += 1;
        let n = self.cseq;
        self.send_as(ip, (method, n), &format!("{ip}-{n}"), ("<sip:ann@line>", "<sip:ann@line>"), fields)
    }

    fn send_as(
        &mut self,
        ip: &str,
        (method, cseq): (&str, u32),
        id: &str,
        (from, to): (&str, &str),
        fields: &str,
    ) -> Vec<String> {
        let uri = if method == "REGISTER" { "sip:line" } else { "sip:95@10.0.0.1" };
        let text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {ip};branch=z9hG4bK{id}{cseq}\r\nFrom: {from};tag=f\r\nTo: {to}\r\n\
             Call-ID: {id}\r\nCSeq: {cseq} {method}\r\nContact: <sip:ann@{ip}>\r\n{fields}\r\n"
        );
        self.octets(ip, Bytes::from(text))
    }

    fn octets(&mut self, ip: &str, message: Bytes) -> Vec<String> {
        let addr = |ip: &str| (ip.parse::<std::net::IpAddr>().unwrap(), 5060).into();
        let flow = Flow { transport: Transport::Udp, local: addr("10.0.0.1"), remote: addr(ip) };
        self.input(Input::Received { flow, message })
    }

    fn input(&mut self, input: Input) -> Vec<String> {
        let mut out = Vec::new();
        self.endpoint.step(self.now, input, &mut out);
        let mut said = Vec::new();
        for output in out {
            match output {
                Output::Transmit { message, .. } => {
                    let message = Message::parse(&message).unwrap();
                    said.push(match message.start() {
                        message::Start::Response { status, .. } => status.to_string(),
                        message::Start::Request { method, .. } => method.to_string(),
                    });
                    self.last = Some(message);
                }
                Output::Event(Event::Incoming(call)) => {
                    self.legs.push(call.leg);
                    said.push("Incoming".into());
                }
                Output::Locate { .. } | Output::Event(_) => {}
            }
        }
        said
    }

    /// What a phone answers to the challenge that came last.
    fn with(&mut self, ip: &str, method: &Method, user: &str, password: &str) -> Vec<String> {
        let refusal = self.last.clone().unwrap();
        let credentials = Credentials { user: user.into(), password: Pii::new(password.into()) };
        let uri = if *method == Method::Register { "sip:line" } else { "sip:95@10.0.0.1" };
        let mut answers = Answers::new(credentials);
        assert!(answers.take(&refusal));
        let (name, value) = answers.fields(method, uri, "c").remove(0);
        self.send(
            ip,
            &method.to_string(),
            &format!(
                "{}: {value}\r\n",
                if name == Name::Authorization { "Authorization" } else { "Proxy-Authorization" }
            ),
        )
    }

    fn register(&mut self, ip: &str, password: &str) -> Vec<String> {
        assert_eq!(self.send(ip, "REGISTER", ""), ["401"]);
        self.with(ip, &Method::Register, "ann", password)
    }

    fn dropped(&self) -> BTreeMap<&'static str, u64> {
        self.endpoint.overview(self.now).dropped
    }

    fn banned(&self) -> usize {
        self.endpoint.overview(self.now).bans.len()
    }
}

const NOTHING: [&str; 0] = [];

#[test]
fn a_stranger_gets_challenges_or_nothing_and_in_the_end_a_ban() {
    let mut e = Edge::new(rules());
    assert_eq!(e.send(STRANGER, "OPTIONS", ""), NOTHING);
    assert_eq!(e.send(STRANGER, "SUBSCRIBE", ""), NOTHING);
    assert_eq!(e.send(STRANGER, "BYE", ""), NOTHING);
    assert_eq!(
        e.octets(
            STRANGER,
            Bytes::from_static(b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\n\r\n")
        ),
        NOTHING
    );
    let elsewhere = ("<sip:100@elsewhere.example>", "<sip:95@10.0.0.1>");
    assert_eq!(e.send_as(STRANGER, ("INVITE", 1), "x", elsewhere, ""), NOTHING);
    assert_eq!(e.send_as(STRANGER, ("INVITE", 1), "y", ("<sip:100@line>", "<sip:95@line>"), ""), ["407"]);
    assert_eq!(e.send(STRANGER, "REGISTER", ""), ["401"]);
    assert_eq!(e.dropped()["from a stranger"], 5);
    assert_eq!(e.banned(), 0);
    for _ in 5..=rules().failures {
        assert_eq!(e.banned(), 0);
        e.send(STRANGER, "OPTIONS", "");
    }
    assert_eq!(e.banned(), 1);
    assert_eq!(e.send(STRANGER, "REGISTER", ""), NOTHING);
    assert_eq!(e.dropped()["banned"], 1);
    e.now = e.now + rules().ban;
    assert_eq!(e.send(STRANGER, "REGISTER", ""), ["401"], "the ban is over");
}

#[test]
fn a_stranger_that_may_be_a_trunk_with_a_password_is_asked_for_it() {
    let mut e = Edge::new(Rules { trunks_by_digest: true, ..rules() });
    let elsewhere = ("<sip:100@elsewhere.example>", "<sip:95@10.0.0.1>");
    assert_eq!(e.send_as(STRANGER, ("INVITE", 1), "x", elsewhere, ""), ["407"]);
    assert_eq!(e.send(STRANGER, "OPTIONS", ""), NOTHING);
}

#[test]
fn trunks_are_answered_as_ever() {
    let mut e = Edge::new(rules());
    for _ in 0..1000 {
        assert_eq!(e.send(TRUNK, "OPTIONS", "User-Agent: sipcli\r\n"), ["200"]);
    }
    assert_eq!(e.send(TRUNK, "BYE", ""), ["481"]);
    assert_eq!(e.send_as(TRUNK, ("INVITE", 1), "x", ("<sip:1@a>", "<sip:95@b>"), ""), ["100", "Incoming"]);
}

#[test]
fn a_phone_registers_and_calls_and_its_source_is_never_banned_for_a_wrong_password() {
    let mut e = Edge::new(rules());
    assert_eq!(e.register(STRANGER, "secret"), ["200"]);
    assert_eq!(e.send(STRANGER, "OPTIONS", ""), ["200"]);
    assert_eq!(e.send(STRANGER, "INVITE", ""), ["407"]);
    assert_eq!(e.with(STRANGER, &Method::Invite, "ann", "secret"), ["100", "Incoming"]);
    for _ in 0..20 {
        assert_eq!(e.register(STRANGER, "old"), ["401"]);
    }
    assert_eq!(e.banned(), 0);
    assert_eq!(e.register(STRANGER, "secret"), ["200"]);
}

#[test]
fn a_phone_that_is_not_registered_may_call_with_its_password() {
    let mut e = Edge::new(rules());
    assert_eq!(e.send(STRANGER, "INVITE", ""), ["407"]);
    assert_eq!(e.with(STRANGER, &Method::Invite, "ann", "secret"), ["100", "Incoming"]);
    e.send("198.51.100.2", "INVITE", "");
    assert_eq!(e.with("198.51.100.2", &Method::Invite, "ann", "wrong"), ["407"]);
}

#[test]
fn wrong_passwords_are_borne_up_to_the_limit_and_accounts_that_are_not_there_count_as_well() {
    for user in ["ann", "nobody"] {
        let mut e = Edge::new(rules());
        let guess = |e: &mut Edge| {
            e.send(STRANGER, "REGISTER", "");
            e.with(STRANGER, &Method::Register, user, "wrong")
        };
        for n in 0..rules().failures {
            assert_eq!(guess(&mut e), ["401"], "{user} {n}");
        }
        assert_eq!(e.banned(), 0);
        guess(&mut e);
        assert_eq!(e.endpoint.new_bans()[0].why, "wrong credentials");
        assert!(e.endpoint.unban(e.now, STRANGER.parse().unwrap()));
        assert_eq!(e.register(STRANGER, "secret"), ["200"]);
    }
}

#[test]
fn an_account_that_many_sources_guess_at_believes_only_where_its_phone_is() {
    let mut e = Edge::new(rules());
    assert_eq!(e.register("198.51.100.9", "secret"), ["200"]);
    for n in 0..30 {
        e.register(&format!("203.0.113.{n}"), "wrong");
    }
    assert_eq!(e.register(STRANGER, "secret"), NOTHING, "even the right one is not believed now");
    assert_eq!(e.register("198.51.100.9", "secret"), ["200"]);
    e.now = e.now + Duration::from_secs(20);
    assert_eq!(e.register(STRANGER, "secret"), ["200"]);
}

#[test]
fn a_scanner_is_banned_by_its_name_at_once() {
    let mut e = Edge::new(rules());
    assert_eq!(e.send(STRANGER, "REGISTER", "User-Agent: friendly-scanner\r\n"), NOTHING);
    assert_eq!(e.send(STRANGER, "REGISTER", ""), NOTHING);
    assert_eq!(e.endpoint.new_bans()[0].why, "scanner");
}

#[test]
fn a_flood_of_registrations_is_cut_to_the_rate_of_its_source() {
    let mut e = Edge::new(rules());
    let burst = (rules().requests_per_s * 4) as usize;
    let answered = (0..burst + 50).filter(|_| e.send(STRANGER, "REGISTER", "") == ["401"]).count();
    assert_eq!(answered, burst);
    assert_eq!(e.dropped()["over the rate of its source"], 50);
    assert_eq!(e.send("198.51.100.2", "REGISTER", ""), ["401"], "others are not concerned");
}

#[test]
fn calls_of_one_source_and_in_all_have_their_limits_and_503_beyond() {
    let mut e = Edge::new(Rules { half_open_per_source: 2, half_open: 3, ..rules() });
    e.register(STRANGER, "secret");
    for _ in 0..2 {
        e.send(STRANGER, "INVITE", "");
        assert_eq!(e.with(STRANGER, &Method::Invite, "ann", "secret"), ["100", "Incoming"]);
    }
    assert_eq!(e.send(STRANGER, "INVITE", ""), ["503"]);
    assert!(e.last.as_ref().unwrap().get(Name::RetryAfter).is_some());
    assert_eq!(e.send(TRUNK, "INVITE", "").last().unwrap(), "Incoming");
    assert_eq!(e.send(TRUNK, "INVITE", ""), ["503"]);
    let leg = e.legs[0];
    e.input(Input::Command(Command::Answer { leg, sdp: Bytes::from_static(b"v=0\r\n") }));
    assert_eq!(e.send(TRUNK, "INVITE", "").last().unwrap(), "Incoming", "one was answered");
    assert_eq!(e.endpoint.overview(e.now).refused["too many calls not answered"], 1);
}

#[test]
fn a_source_that_calls_too_fast_gets_503() {
    let mut e = Edge::new(Rules { calls_per_s: 1, ..rules() });
    e.register(STRANGER, "secret");
    let statuses: Vec<_> = (0..5).map(|_| e.send(STRANGER, "INVITE", "")).collect();
    assert_eq!(statuses.concat(), ["407", "407", "407", "407", "503"]);
}

#[test]
fn in_overload_new_calls_get_503_and_calls_in_progress_go_on() {
    let mut e = Edge::new(rules());
    assert_eq!(
        e.send_as(TRUNK, ("INVITE", 1), "up", ("<sip:1@a>", "<sip:95@b>"), "").last().unwrap(),
        "Incoming"
    );
    let leg = e.legs[0];
    e.input(Input::Command(Command::Answer { leg, sdp: Bytes::from_static(b"v=0\r\n") }));
    let tag = e.last.as_ref().unwrap().envelope().unwrap().to.tag().unwrap().into_owned();
    e.endpoint.backlog(e.now, false);
    e.now = e.now + ms(499);
    e.endpoint.backlog(e.now, true);
    assert_eq!(e.send(TRUNK, "INVITE", "").last().unwrap(), "Incoming");
    e.now = e.now + ms(1);
    assert_eq!(e.send(TRUNK, "INVITE", "")[0], "503");
    assert!(e.endpoint.overview(e.now).overloaded);
    let to = format!("<sip:95@b>;tag={tag}");
    e.send_as(TRUNK, ("ACK", 1), "up", ("<sip:1@a>", &to), "");
    assert_eq!(e.send_as(TRUNK, ("BYE", 2), "up", ("<sip:1@a>", &to), ""), ["200"]);
}

#[test]
fn a_ban_touches_no_call_in_progress() {
    let mut e = Edge::new(rules());
    let who = ("<sip:1@a>", "<sip:95@b>");
    e.send_as(TRUNK, ("INVITE", 1), "up", who, "");
    e.send_as(TRUNK, ("INVITE", 1), "rings", who, "");
    e.endpoint.ban(e.now, TRUNK.parse().unwrap(), None);
    assert_eq!(e.send_as(TRUNK, ("INVITE", 1), "new", who, ""), NOTHING, "by hand it goes for trunks too");
    assert_eq!(e.send_as(TRUNK, ("INVITE", 1), "up", who, ""), ["100"], "a repeat of what is there");
    assert_eq!(e.send_as(TRUNK, ("CANCEL", 1), "rings", who, ""), ["200", "487"]);
    let leg = e.legs[0];
    e.input(Input::Command(Command::Answer { leg, sdp: Bytes::from_static(b"v=0\r\n") }));
    let to = format!("<sip:95@b>;tag={}", e.last.as_ref().unwrap().envelope().unwrap().to.tag().unwrap());
    e.send_as(TRUNK, ("ACK", 1), "up", ("<sip:1@a>", &to), "");
    assert_eq!(e.send_as(TRUNK, ("INVITE", 2), "up", ("<sip:1@a>", &to), "")[0], "100", "a re-INVITE");
    assert_eq!(e.send_as(TRUNK, ("BYE", 3), "up", ("<sip:1@a>", &to), "")[0], "200");
    assert!(e.endpoint.unban(e.now, TRUNK.parse().unwrap()));
    assert_eq!(e.send_as(TRUNK, ("INVITE", 1), "newer", who, "").last().unwrap(), "Incoming");
}

#[test]
fn a_trunk_is_known_by_its_certificate_wherever_it_calls_from_and_only_over_that_connection() {
    let mut e = Edge::new(Rules { trunk_domains: vec!["carrier.example".into()], ..rules() });
    let addr = |ip: &str| (ip.parse::<std::net::IpAddr>().unwrap(), 5061).into();
    let flow = Flow { transport: Transport::Tls, local: addr("10.0.0.1"), remote: addr(STRANGER) };
    let mut options = |domains: Option<&str>| {
        if let Some(domains) = domains {
            let domains = domains.split_whitespace().map(str::to_owned).collect();
            e.input(Input::Secured { flow, domains });
        }
        e.cseq += 1;
        let message = format!(
            "OPTIONS sip:10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS h;branch=z9hG4bK{0}\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:a@b>\r\nCall-ID: {0}\r\nCSeq: 1 OPTIONS\r\n\r\n",
            e.cseq
        );
        let said = e.input(Input::Received { flow, message: Bytes::from(message) });
        (said, e.endpoint.is_stranger(flow))
    };
    assert_eq!(options(Some("")), (vec![], true), "no certificate");
    assert_eq!(options(Some("other.example")), (vec![], true));
    assert_eq!(options(Some("b.example carrier.example")), (vec!["200".into()], false));
    assert_eq!(options(None), (vec!["200".into()], false));
    e.input(Input::Closed { flow });
    assert!(e.endpoint.is_stranger(flow), "the next connection from there proves nothing");
}
