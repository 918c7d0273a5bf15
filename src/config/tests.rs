use super::*;

mod steps;

const SERVER: &str = include_str!("../../dialplans/server.toml");
const TEAM: &str = include_str!("../../dialplans/team.toml");
const CITY: &str = include_str!("../../dialplans/city-12345.toml");
const BANK: &str = include_str!("../../dialplans/bank.toml");

fn files(city: &str, team: &str) -> Vec<File> {
    [("server.toml", SERVER), ("team.toml", team), ("city-12345.toml", city), ("bank.toml", BANK)]
        .map(|(name, text)| File { name: name.into(), text: text.into() })
        .into()
}

/// The first problem after changing `from` to `to` in the city's file.
fn broken(from: &str, to: &str) -> Problem {
    assert!(CITY.contains(from), "the sample no longer has {from:?}");
    match load(&files(&CITY.replacen(from, to, 1), TEAM)) {
        Ok(config) => config.warnings.into_iter().next().expect("a warning"),
        Err(problems) => problems.into_iter().next().expect("a problem"),
    }
}

#[test]
fn the_samples_are_without_fault() {
    let config = load(&files(CITY, TEAM)).unwrap();
    assert_eq!(config.warnings, []);
    assert_eq!(config.line("12345").unwrap().line, "city");
    assert!(config.line("1").is_none());
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_the_nearest_right_word() {
    let p = broken("question]", "qestion]");
    assert!(p.help.as_deref().is_some_and(|h| h.contains("`question`")), "{p}");
    let p = broken("\nkey = \"1\"", "\nkye = \"1\"");
    assert_eq!((p.file.as_str(), p.column), ("city-12345.toml", 1));
    assert!(p.line > 20 && p.to_string().contains("kye = \"1\"\n  | ^^^"), "{p}");
    assert!(p.help.as_deref().is_some_and(|h| h.contains("`key`")), "{p}");
}

#[test]
fn a_dangling_queue_is_refused_with_the_nearest_queue() {
    let p = broken("queue = \"city-repair\"", "queue = \"city-repiar\"");
    assert!(p.message.contains("city-repiar") && p.help.as_deref().unwrap().contains("`city-repair`"), "{p}");
}

#[test]
fn a_missing_translation_is_refused() {
    let p = broken("en = \"Hello, this is the city hotline.\"\n", "");
    assert!(p.message.contains("greeting is missing in en"), "{p}");
}

#[test]
fn keys_and_examples_belong_to_one_intent() {
    let p = broken("key = \"2\"", "key = \"1\"");
    assert!(p.message.contains("already belongs to intent `water`"), "{p}");
    let p = broken("[\"我家停电了\"", "[\"我家停水了\"");
    assert!(p.message.contains("example of intent `water` too"), "{p}");
    let p = broken("key = \"2\"", "key = \"0\"");
    assert!(p.message.contains("1 to 9"), "{p}");
}

#[test]
fn an_intent_does_exactly_one_thing() {
    let p =
        broken("queue = \"city-repair\"\n\n[[intent]]\nname = \"power\"", "\n[[intent]]\nname = \"power\"");
    assert!(p.message.contains("must do one thing"), "{p}");
}

#[test]
fn thresholds_out_of_order_are_refused() {
    assert!(broken("act = 0.80", "act = 0.30").message.contains("thresholds"));
}

/// The first problem after changing `from` to `to` in the bank's file.
fn broken_bank(from: &str, to: &str) -> Problem {
    assert!(BANK.contains(from), "the sample no longer has {from:?}");
    let bank = BANK.replacen(from, to, 1);
    let files =
        [("server.toml", SERVER), ("team.toml", TEAM), ("city-12345.toml", CITY), ("bank.toml", &bank)];
    let files = files.map(|(name, text)| File { name: name.into(), text: text.into() });
    load(&files).expect_err(to).into_iter().next().expect("a problem")
}

#[test]
fn what_is_wrong_with_values_and_services_is_told_with_place_and_remedy() {
    for (from, to, message, help) in [
        ("type = \"digits(8)\"", "type = \"digts(8)\"", "no such type of slot", "did you mean `digits`?"),
        ("name = \"account\"", "name = \"amount\"", "a second slot named `amount`", ""),
        ("currency = \"USD\"", "currency = \"dollar\"", "no currency", "ISO 4217"),
        ("zone = \"Asia/Shanghai\"", "zone = \"Asia/Shangai\"", "no such time zone", "Asia/Shanghai"),
        ("optional = true", "optional = false", "slot `day` is never asked for", "add ask"),
        ("lookup = \"bill\"", "lookup = \"bil\"", "no look-up named `bil`", "did you mean `bill`?"),
        ("[intent.failed]", "[intent.faild]", "unknown field `faild`", "did you mean `failed`?"),
        ("bills/{customer}", "bills/{custmer}", "needs the value `custmer`", "did you mean `customer`?"),
        ("if = \"bill > 1000\"", "if = \"bil > 1000\"", "no value `bil`", "did you mean `bill`?"),
        ("if = \"bill > 1000\"", "if = \"bill > \"", "is no condition", ""),
        ("if = \"bill > 0\"\n", "", "no rule after this one is ever reached", "add `if`"),
        ("due on {due}", "due on {date}", "no value `{date}`", "there are: customer"),
        ("at = \"/amount\"", "at = \"amount\"", "no place in an answer", "/bill/amount"),
        ("http://127.0.0.1:8099/bills", "ftp://127.0.0.1/bills", "no address of a service", "https://"),
        ("timeout_ms = 2000", "timeout_ms = 60000", "timeout_ms out of range", "100 to 10000"),
        ("headers = { accept", "headers = { host", "no header for a service", "set by the server"),
    ] {
        let p = broken_bank(from, to);
        assert!(p.message.contains(message) && p.line > 0, "{to}: {p}");
        assert!(p.help.as_deref().unwrap_or_default().contains(help), "{to}: {p}");
    }
    let p = broken("words.zh = [\"着火\"", "words.zh = [\"停水\", \"着火\"");
    assert!(p.message.contains("`我家停水了` of intent `water` has these words"), "{p}");
    let p = broken("priority = 100", "priority = 1000");
    assert!(p.message.contains("priority out of range"), "{p}");
    let p = broken("numbers = []", "numbers = [\"granny\"]");
    assert!(p.message.contains("no number of a caller"), "{p}");
    let account = "\n[[lookup]]\nname = \"account\"\nurl = \"http://127.0.0.1/{caller}\"\n\
        result = { elder = { at = \"/elder\", type = \"yes-no\" }, age = { at = \"/age\", type = \"number\" } }\n";
    for (keys, message) in [
        ("lookup = \"account\"\nvalue = \"elder\"", ""),
        ("lookup = \"account\"", "go together"),
        ("value = \"elder\"", "go together"),
        ("lookup = \"acount\"\nvalue = \"elder\"", "no look-up named `acount`"),
        ("lookup = \"account\"\nvalue = \"age\"", "`age` is no yes-no result of look-up `account`"),
    ] {
        let city = CITY.replacen("numbers = []", &format!("numbers = []\n{keys}"), 1) + account;
        match load(&files(&city, TEAM)) {
            Ok(config) => assert!(
                message.is_empty() && config.line("12345").unwrap().patience.account.is_some(),
                "{keys}"
            ),
            Err(problems) => {
                assert!(problems[0].message.contains(message) && !message.is_empty(), "{problems:?}");
            }
        }
    }
    let p = broken("key = \"1\"\n", "");
    assert!(p.message.contains("a request without a key"), "{p}");
    let p = broken("questions.en = [", "question.en = [");
    assert!(p.help.unwrap().contains("`questions`"));
    let failed = BANK.split("[intent.failed]").nth(1).unwrap().split("\n\n").next().unwrap();
    let p = broken_bank(&format!("[intent.failed]{failed}"), "");
    assert!(p.message.contains("does nothing when its look-up fails"), "{p}");
    let last = "[[intent.rule]]                # the last has no `if`: everything else\n";
    let p = broken_bank(last, &format!("{last}if = \"due\"\n"));
    assert!(p.message.contains("no rule for everything else"), "{p}");
    let p = broken("ticket = \"bulky\"", "ticket = \"bulk\"");
    assert!(p.message.contains("no ticket named `bulk`") && p.help.unwrap().contains("`bulky`"));
}

#[test]
fn the_golden_dialogues_of_the_samples_come_out_as_they_should() {
    let config = load(&files(CITY, TEAM)).unwrap();
    for (name, text) in [
        ("city.toml", include_str!("../../dialplans/tests/city.toml")),
        ("bank.toml", include_str!("../../dialplans/tests/bank.toml")),
    ] {
        let all = golden(&File { name: name.into(), text: text.into() }, &config.lines).unwrap();
        assert!(all.len() >= 40, "{name} has {}", all.len());
        let wrong: Vec<String> = all
            .iter()
            .filter_map(|g| {
                let line = config.lines.iter().find(|l| l.line == g.line)?;
                g.rehearse(line).err().map(|why| format!("{name}:{}: {why}", g.at))
            })
            .collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[test]
fn two_lines_cannot_share_a_number() {
    let problems = load(&files(&CITY.replace("\"12345\"", "\"95500\""), TEAM)).unwrap_err();
    assert!(problems[0].message.contains("already belongs to line `city`"), "{}", problems[0]);
}

#[test]
fn a_queue_that_nobody_serves_is_refused() {
    let team = TEAM.replace(", \"bank-cards\"]", "]");
    let problems = load(&files(CITY, &team)).unwrap_err();
    assert!(problems[0].message.contains("no agent serves queue `bank-cards`"), "{}", problems[0]);
}

#[test]
fn the_version_changes_with_any_file() {
    let a = load(&files(CITY, TEAM)).unwrap().version;
    let b = load(&files(&CITY.replace("您好", "你好"), TEAM)).unwrap().version;
    assert_ne!(a, b);
}

#[test]
fn whatever_is_cut_out_of_a_file_never_panics() {
    let mut rng = fastrand::Rng::with_seed(7);
    let chars: Vec<char> = CITY.chars().collect();
    for _ in 0..60 {
        let (a, b) = (rng.usize(0..chars.len()), rng.usize(0..60));
        let cut: String = chars.iter().take(a).chain(chars.iter().skip(a + b)).collect();
        if let Err(problems) = load(&files(&cut, TEAM)) {
            assert!(problems.iter().all(|p| !p.to_string().is_empty()));
        }
    }
}

/// A team of two with skills; `queue` is added to its queue.
fn team_with(queue: &str) -> Result<Config, Box<Problem>> {
    let team = format!(
        "[team]\nreasons = [\"lunch\"]\nsign_in = \"manual\"\n\n[[agent]]\nuser = \"1\"\nname = \"A\"\n\
         queues = [\"city-repair\", \"city-general\"]\nskills = {{ zh = 8, en = 2 }}\n\n[[agent]]\nuser = \"2\"\nname = \"B\"\n\
         queues = [\"city-general\"]\nskills = {{ zh = 3 }}\ncapacity = 2\n\n[[queue]]\nname = \"city-general\"\n\
         label = {{ zh = \"人工\", en = \"an agent\" }}\noverflow = [{{ after_s = 60, to = \"voicemail\" }}]\n\n[[queue]]\n\
         name = \"city-repair\"\nlabel = {{ zh = \"报修\", en = \"repair\" }}\n{queue}\n"
    );
    let files: Vec<File> = [("server.toml", SERVER), ("team.toml", team.as_str()), ("city-12345.toml", CITY)]
        .map(|(name, text)| File { name: name.into(), text: text.into() })
        .into();
    load(&files).map_err(|problems| Box::new(problems.into_iter().next().expect("a problem")))
}

#[test]
fn a_team_with_skills_strategies_and_overflow_is_read() {
    let config = team_with(
        "strategy = \"longest-idle\"\nrequire = \"zh >= 5\"\nrings = [{ after_s = 30, require = \"zh\", also = [\"city-general\"] }]\n\
         target = { within_s = 15, percent = 90 }\nplaces = 20\ncallback = { attempts = 2, gap_s = 120 }\n\
         overflow = [{ no_agents = true, line = \"city\" }, { longer_than = 9, queue = \"city-general\" }]",
    )
    .unwrap_or_else(|p| panic!("{p}"));
    let (setup, queue) = (&config.setup, &config.setup.queues[1]);
    assert_eq!((setup.agents[1].capacity, setup.agents[0].sign_in), (2, acd::SignIn::Manual));
    assert_eq!((queue.rings.len(), queue.overflow.len(), queue.target.percent), (1, 2, 90));
    assert_eq!(queue.strategy, acd::Strategy::LongestIdle);
}

#[test]
fn what_a_queue_asks_in_vain_is_refused_with_place_and_remedy() {
    for (queue, message, column) in [
        ("require = \"zh >= 11\"", "expected a level from 1 to 10, found `11`", 18),
        ("require = \"en and zhh\"", "no agent has the skill `zhh`", 19),
        ("require = \"zh >= 9\"", "no agent of queue `city-repair` meets what it requires", 8),
        ("rings = [{ after_s = 9, require = \"zh >= 2\" }]", "reaches nobody who was not reached before", 22),
        ("overflow = [{ after_s = 9 }]", "one condition and one destination", 13),
        ("overflow = [{ after_s = 9, queue = \"city-repair\" }]", "city-repair → city-repair", 36),
        ("overflow = [{ after_s = 9, line = \"ctiy\" }]", "no line named `ctiy`", 35),
        ("late_share = 60", "late_share must lie between 0 and 50", 14),
        ("strategy = \"longest\"", "unknown variant `longest`", 12),
    ] {
        let p = team_with(queue).expect_err(queue);
        assert!(p.message.contains(message), "{p}");
        assert_eq!(p.column, column, "{p}");
    }
}

#[test]
fn codecs_are_named_as_in_sdp_each_once_and_in_order() {
    let with = |list: &str| {
        let server = SERVER.replace("ports = \"20000-29999\"", &format!("codecs = {list}"));
        let mut all = files(CITY, TEAM);
        all[0].text = server;
        load(&all)
    };
    let codecs = |list| with(list).unwrap().server.codecs;
    use crate::base::Codec::{G722, Opus, Pcma, Pcmu};
    assert_eq!(codecs("[\"opus\", \"g722\", \"PCMA\"]"), [Opus, G722, Pcma]);
    assert_eq!(load(&files(CITY, TEAM)).unwrap().server.codecs, [Pcma, Pcmu]);
    for (list, what) in [
        ("[\"G729\"]", "not a codec that we speak"),
        ("[\"PCMA\", \"pcma\"]", "named twice"),
        ("[]", "without a codec no call can be spoken"),
    ] {
        let problem = with(list).unwrap_err().remove(0);
        assert!(problem.to_string().contains(what), "{problem}");
    }
}

#[test]
fn a_rule_may_ask_what_is_proved_of_the_callers_number_where_that_is_verified() {
    let bank = BANK.replacen(
        "if = \"bill > 1000\"",
        "if = \"bill > 0 and identity = verified and attestation = A\"",
        1,
    );
    let config = |bank: &str, server: &str| {
        let files =
            [("server.toml", server), ("team.toml", TEAM), ("city-12345.toml", CITY), ("bank.toml", bank)];
        load(&files.map(|(name, text)| File { name: name.into(), text: text.into() }))
    };
    let verifying = format!("{SERVER}\n[stir]\ntrust = [\"ca.pem\"]\n");
    let problem = |bank: &str, server: &str| config(bank, server).unwrap_err().remove(0).to_string();
    assert!(problem(&bank, SERVER).contains("nobody verifies callers: `identity` is never known"));
    assert!(
        problem(&bank.replace("= verified", "= verifed"), &verifying)
            .contains("it is one of: verified, unverified, failed")
    );
    let lines = config(&bank, &verifying).unwrap().lines;
    let answers = r#"bill = '{"amount": 80, "due": "2026-03-20"}'"#;
    let dialogue = |identity: &str, expects: &str| {
        format!(
            "line = \"bank\"\n[[dialogue]]\ncaller = [\"I want to pay a bill\", \"123456\"]\n{expects}\n{identity}\n\
             answers = {{ {answers} }}\n"
        )
    };
    let comes_out = |identity: &str, expects: &str| {
        let file = File { name: "t.toml".into(), text: dialogue(identity, expects) };
        let golden = golden(&file, &lines).unwrap_or_else(|p| panic!("{p:?}")).remove(0);
        golden.rehearse(lines.iter().find(|l| l.line == "bank").unwrap())
    };
    let person = "queue = \"bank-service\"";
    assert_eq!(comes_out("identity = \"verified A\"", person), Ok(()));
    for other in ["identity = \"verified B\"", "identity = \"unverified\"", "identity = \"failed\"", ""] {
        assert!(comes_out(other, person).is_err(), "{other}");
    }
}
