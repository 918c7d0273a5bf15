use crate::config::File;
use crate::config::server;

fn problem(text: &str) -> String {
    let file = File { name: "server.toml".into(), text: text.into() };
    server(&file).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn networks_of_two_trunks_may_not_overlap_and_those_of_one_may() {
    let text = "[[trunk]]\nname = \"a\"\nfrom = [\"192.0.2.0/24\", \"192.0.2.7\"]\n\
                [[trunk]]\nname = \"b\"\nfrom = [\n \"192.0.2.9\"]\n";
    let p = problem(text);
    assert!(p.contains("server.toml:7:2: error: this overlaps a network of trunk `a` in line 3"), "{p}");
    assert_eq!(p.matches("overlaps").count(), 1, "{p}");
    let auto = "[[trunk]]\nname = \"a\"\nfrom = [\"auto\"]\n[[trunk]]\nname = \"b\"\nfrom = [\"auto\"]\n";
    assert!(problem(auto).contains("in line 3"));
}

#[test]
fn a_trunk_is_known_by_its_network_or_its_user() {
    assert!(problem("[[trunk]]\nname = \"a\"\n").contains("no call can come or go over trunk `a`"));
    let half = problem("[[trunk]]\nname = \"a\"\nuser = \"u\"\n");
    assert!(half.contains("a user without a password") && half.contains("env"), "{half}");
    let other = problem("[[trunk]]\nname = \"a\"\nfrom = [\"auto\"]\npassword = { env = \"X\" }\n");
    assert!(other.contains("a password without a user"), "{other}");
    let login = "user = \"u\"\npassword = { env = \"X\" }\n";
    let twice = problem(&format!("[[trunk]]\nname = \"a\"\n{login}[[trunk]]\nname = \"b\"\n{login}"));
    assert!(twice.contains("trunk `a` has user `u` already"), "{twice}");
}

#[test]
fn what_is_mistaken_is_named_with_its_remedy() {
    let with = |extra: &str| problem(&format!("[[trunk]]\nname = \"a\"\nfrom = [\"auto\"]\n{extra}\n"));
    assert!(with("country = \"+86\"").contains("not digits"));
    assert!(with("national_prefix = \"0\"").contains("without a country"));
    assert!(with("numbers = \"national\"").contains("need a country"));
    assert!(with("numbers = \"e146\"").contains("did you mean `e164`?"));
    assert!(with("to = \"carrier.example\"").contains("not a SIP URI without a user"));
    assert!(with("to = \"sip:me@carrier.example\"").contains("not a SIP URI without a user"));
    assert!(with("allow = [\"+86x\"]").contains("not the beginning of a number"));
    assert!(with("[[route]]\ntrunks = [\"b\"]").contains("no trunk named `b`"));
    assert!(with("[[route]]\ntrunks = [\"a\"]").contains("does not say where calls go"));
    assert!(with("[[route]]\ntrunks = []").contains("a route without trunks"));
    let twice = "to = \"sip:h\"\n[[route]]\ntrunks = [\"a\"]\n[[route]]\nprefix = \"\"\ntrunks = [\"a\"]";
    assert!(with(twice).contains("a second route"));
    assert!(with("trustde = true").contains("did you mean `trusted`?"));
    assert!(with("in = { calls_mx = 3 }").contains("did you mean `calls_max`?"));
    assert!(with("next_on = [480, 603]").contains("603 is the last word on every way to a number"));
    assert!(with("next_on = [486, 200]").contains("200 is no refusal"));
    assert!(problem("[[trunk]]\nname = \"agent 1\"\nfrom = [\"auto\"]\n").contains("not a trunk's name"));
}

#[test]
fn what_a_trunk_shows_and_must_show_over_tls_is_checked() {
    let with = |extra: &str| problem(&format!("[[trunk]]\nname = \"a\"\nfrom = [\"auto\"]\n{extra}\n"));
    assert!(
        with("tls = { identity = [\"carrier.example\"] }").contains("no listener asks for the certificate")
    );
    assert!(with("to = \"sip:h\"\ntls = { identity = [\"*.example\"] }").contains("not a SIP domain"));
    assert!(with("to = \"sip:h\"\ntls = { identity = [\"sip:me@h\"] }").contains("not a SIP domain"));
    assert!(
        with("tls = { certificate = \"c.pem\", key = \"k.pem\" }")
            .contains("nobody to show the certificate to")
    );
    assert!(with("tls = { certificate = \"c.pem\" }").contains("a certificate without its key"));
    assert!(with("tls = { key = \"c.pem\" }").contains("a key without a certificate"));
    let two = "to = \"sip:h\"\ntls = { identity = [\"h\"], certificate = \"c\", key = \"k\" }\n[[trunk]]\nname = \"b\"\n\
               to = \"sips:H:5061\"\ntls = { identity = [\"H\"], certificate = \"d\", key = \"k\" }";
    let said = with(two);
    assert!(said.contains("trunk `a` has the identity `h` already"), "{said}");
    assert!(said.contains("trunk `a` shows another certificate to the same host"), "{said}");
}
