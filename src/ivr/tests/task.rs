//! Requests that need values: asked for, said unasked, keyed, read back, taken back.

use super::*;
use crate::base::Hypothesis;
use crate::nlu::Model;
use crate::nlu::slots::{SlotType, Value};

pub(super) fn slot(name: &str, kind: &str, zh: &str, en: &str) -> Slot {
    Slot {
        name: name.into(),
        kind: SlotType::parse(kind).unwrap(),
        label: text(zh, en),
        ask: text(&format!("{zh}是多少？"), &format!("What is {en}?")),
        again: text(&format!("请再说一遍{zh}。"), &format!("Once more, {en}?")),
        confirm: Confirm::Auto,
        optional: false,
        secret: false,
    }
}

/// The plan of the other tests, with a transfer (amount, account of six digits, day), a visit, and a bill that is told.
fn with_slots() -> Arc<Plan> {
    let mut plan = (*plan()).clone();
    let intent = |name: &str, key, label: Text, confirm, slots, action| Intent {
        name: name.into(),
        key: Some(key),
        label,
        examples: [].into(),
        confirm,
        slots,
        lookup: None,
        failed: None,
        none: None,
        rules: vec![action],
    };
    let mut day = slot("day", "date", "日期", "the day");
    day.optional = true;
    let transfer = vec![
        slot("amount", "money", "金额", "the amount"),
        slot("account", "digits(6)", "账号", "the account"),
        day,
    ];
    let visit = vec![
        slot("when", "when", "时间", "the time"),
        slot("people", "number(1..9)", "人数", "how many people"),
    ];
    let card = vec![slot("card", "bank-card", "卡号", "the card")];
    plan.intents.push(intent(
        "transfer",
        '3',
        text("转账", "a transfer"),
        Confirm::Always,
        transfer,
        to("money"),
    ));
    let told = text("{when}，{people}位，已登记。", "Booked for {when}, {people} people.");
    let visit_action = Action { say: Some(told), ..Action::default() };
    plan.intents.push(intent("visit", '4', text("预约", "a visit"), Confirm::Auto, visit, visit_action));
    plan.intents.push(intent("limit", '5', text("额度", "a card limit"), Confirm::Auto, card, to("cards")));
    let examples = [
        ("我家停水了", 0),
        ("没有水", 0),
        ("my water is off", 0),
        ("there is no water", 0),
        ("银行卡丢了", 1),
        ("我要挂失", 1),
        ("i lost my card", 1),
        ("几点开门", 2),
        ("营业时间", 2),
        ("opening hours", 2),
        ("我要转账", 3),
        ("转账", 3),
        ("转钱给别人", 3),
        ("make a transfer", 3),
        ("i want to send money", 3),
        ("transfer money", 3),
        ("我要预约", 4),
        ("预约参观", 4),
        ("book a visit", 4),
        ("i want to book a visit", 4),
        ("提高额度", 5),
        ("raise my card limit", 5),
    ]
    .map(|(t, intent)| Example { text: t.into(), intent });
    plan.model = Model::train(&examples, plan.intents.len(), None);
    Arc::new(plan)
}

pub(super) fn dial(lang: Lang) -> Caller {
    let mut caller = Caller::of(with_slots());
    caller.dialog.speak(lang);
    caller
}

/// What goes with the call.
pub(super) fn slots(out: &[Output]) -> Vec<(String, String)> {
    match outcome(out) {
        Some(Outcome::Queue { slots, .. }) => {
            slots.iter().map(|s| (s.name.clone(), s.said.reveal().clone())).collect()
        }
        other => panic!("{other:?}"),
    }
}

pub(super) fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[test]
fn values_are_asked_for_one_by_one_and_read_back_once_where_a_mistake_costs() {
    let mut caller = dial(Lang::En);
    assert_eq!(said(&caller.say("make a transfer")), "What is the amount?");
    assert_eq!(said(&caller.say("fifty dollars")), "What is the account?");
    let out = caller.say("one two three double four six");
    assert_eq!(
        said(&out),
        "You are calling about a transfer: the amount 50 dollars; the account one two three, four four six. Is that right?"
    );
    let out = caller.say("yes");
    assert_eq!(queue(&out), Some("money"));
    assert_eq!(slots(&out), pairs(&[("amount", "50 dollars"), ("account", "one two three, four four six")]));
}

#[test]
fn what_is_said_with_the_request_is_not_asked_for() {
    let mut caller = dial(Lang::Zh);
    let out = caller.say("我要转账五百块明天转");
    assert_eq!(said(&out), "账号是多少？", "amount and day are known");
    let out = caller.say("幺二三四五六");
    assert!(
        said(&out).contains("金额500元；账号幺二三，四五六；日期2026年3月3日，星期二，对吗？"),
        "{}",
        said(&out)
    );
    assert_eq!(slots(&caller.say("对")).len(), 3);
}

#[test]
fn one_answer_may_give_several_values() {
    let mut caller = dial(Lang::En);
    caller.say("make a transfer");
    let out = caller.say("twenty dollars to account 123456");
    assert!(said(&out).contains("20 dollars; the account one two three, four five six"), "{}", said(&out));
}

#[test]
fn a_value_is_taken_back_while_the_next_is_asked_for_or_when_it_is_read_back() {
    let mut caller = dial(Lang::En);
    caller.say("make a transfer");
    caller.say("fifty dollars");
    let out = caller.say("no, I meant sixty");
    assert_eq!(understood(&out), Some(Understood::Corrected));
    assert_eq!(said(&out), "What is the account?");
    caller.say("123456");
    let out = caller.say("no, the last two are 57");
    assert_eq!(understood(&out), Some(Understood::Corrected));
    assert_eq!(said(&out), "the account one two three, four five seven, is that right?", "only what changed");
    assert_eq!(
        slots(&caller.say("yes")),
        pairs(&[("amount", "60 yuan"), ("account", "one two three, four five seven")])
    );

    let mut caller = dial(Lang::Zh);
    caller.say("我要转账三百块");
    caller.say("一二三四五六");
    let out = caller.say("不对，是三百五十块");
    assert_eq!(said(&out), "金额350元，对吗？");
    assert_eq!(slots(&caller.say("是的"))[0], ("amount".to_owned(), "350元".to_owned()));
}

#[test]
fn a_plain_no_asks_which_value_is_wrong_by_name_or_key() {
    for wrong in ["the amount", "key 1"] {
        let mut caller = dial(Lang::En);
        caller.say("send money");
        caller.say("i want to send money");
        caller.say("fifty dollars");
        caller.say("123456");
        let out = caller.say("no");
        assert_eq!(
            said(&out),
            "Which of these is wrong? For the amount, press 1. For the account, press 2. "
        );
        let out = if wrong == "key 1" { caller.give(Input::Key('1')) } else { caller.say(wrong) };
        assert!(said(&out).starts_with("All right, what is right?"), "{}", said(&out));
        let out = caller.say("seventy dollars");
        assert!(said(&out).starts_with("the amount 70 dollars, is that right?"), "{}", said(&out));
        assert_eq!(slots(&caller.say("yes"))[0].1, "70 dollars");
    }
}

#[test]
fn keys_give_every_value_and_answer_what_is_read_back() {
    let mut caller = dial(Lang::En);
    let keys = |caller: &mut Caller, keys: &str| {
        keys.chars().map(|key| caller.give(Input::Key(key))).last().unwrap()
    };
    let out = keys(&mut caller, "3");
    assert_eq!(
        said(&out),
        "What is the amount?Please key the amount, with star for the point, and press pound."
    );
    keys(&mut caller, "20*5");
    let out = caller.silence();
    assert!(said(&out).starts_with("What is the account?"), "a pause ends a row of keys: {}", said(&out));
    let out = keys(&mut caller, "105508");
    assert!(
        said(&out).ends_with("If that is right press 1, if not press 2."),
        "six keys are enough: {}",
        said(&out)
    );
    assert_eq!(slots(&keys(&mut caller, "1"))[0].1, "20 yuan 50");
}

#[test]
fn a_lone_zero_is_a_person_and_a_zero_within_a_number_is_a_digit() {
    let mut caller = dial(Lang::En);
    caller.give(Input::Key('5'));
    caller.give(Input::Key('0'));
    assert_eq!(queue(&caller.give(Input::Key('#'))), Some("cards"), "who does what was asked for");
    let mut caller = dial(Lang::En);
    caller.say("make a transfer");
    caller.say("five dollars");
    let out = "000001".chars().map(|key| caller.give(Input::Key(key))).last().unwrap();
    assert!(said(&out).contains("zero zero zero, zero zero one"), "{}", said(&out));
}

#[test]
fn a_value_that_cannot_be_right_is_refused_with_the_reason() {
    let mut caller = dial(Lang::En);
    assert_eq!(said(&caller.say("raise my card limit")), "What is the card?");
    let out = caller.say("4111 1111 1111 1112");
    assert_eq!(understood(&out), Some(Understood::Faulty));
    assert_eq!(said(&out), "That number cannot be right, please check it.Once more, the card?");
    assert_eq!(queue(&caller.say("4111 1111 1111 1111")), Some("cards"));
    let mut caller = dial(Lang::En);
    caller.say("make a transfer");
    caller.say("five dollars");
    let out = caller.say("1 2 3 4 5");
    assert!(said(&out).starts_with("I have 5 digits, which is not the right number."), "{}", said(&out));
}

#[test]
fn an_hour_without_its_half_of_the_day_is_asked_about() {
    let mut caller = dial(Lang::En);
    caller.say("book a visit");
    let out = caller.say("tomorrow at three");
    assert!(said(&out).contains("morning, press 1, or in the afternoon"), "{}", said(&out));
    assert_eq!(said(&caller.say("in the afternoon")), "What is how many people?");
    let out = caller.say("two");
    assert!(said(&out).starts_with("Booked for Tuesday, March 3, 2026 at 3 PM, 2 people."), "{}", said(&out));
    let mut caller = dial(Lang::En);
    caller.say("book a visit tomorrow at three");
    let out = caller.give(Input::Key('1'));
    assert!(said(&out).contains("how many people"), "{}", said(&out));
}

#[test]
fn an_unsure_recogniser_has_its_value_read_back() {
    let mut caller = dial(Lang::En);
    caller.say("book a visit tomorrow at three pm");
    let out = caller.give(Input::Heard(Heard::new("two", 0.35)));
    assert_eq!(said(&out), "how many people 2, is that right?");
    assert!(said(&caller.say("no")).starts_with("All right, what is right?"));
    assert!(said(&caller.say("three")).contains("3, is that right?"));
    assert!(said(&caller.say("yes")).contains("3 people."));
}

#[test]
fn another_request_in_the_middle_is_taken_and_back_goes_back() {
    let mut caller = dial(Lang::En);
    caller.say("make a transfer");
    assert_eq!(queue(&caller.say("there is no water")), Some("repair"));
    let mut caller = dial(Lang::En);
    caller.say("make a transfer");
    let out = caller.say("i lost my card");
    assert!(said(&out).contains("a lost card, is that right?"), "what costs is confirmed: {}", said(&out));
    assert_eq!(queue(&caller.say("yes")), Some("cards"));
    let mut caller = dial(Lang::En);
    caller.say("make a transfer");
    caller.say("five dollars");
    assert_eq!(said(&caller.say("go back")), "What is the amount?");
    assert_eq!(said(&caller.say("back")), "How can I help?");
}

#[test]
fn who_is_not_understood_is_asked_otherwise_then_by_keys_and_then_gets_a_person_who_knows() {
    let mut caller = dial(Lang::En);
    caller.say("make a transfer");
    caller.say("fifty dollars");
    assert_eq!(said(&caller.say("blah")), "Sorry, I did not get that.Once more, the account?");
    assert!(said(&caller.silence()).ends_with("Please key it in, and press pound."));
    caller.say("blah blah");
    let out = caller.say("blah");
    assert_eq!(queue(&out), Some("money"));
    assert_eq!(slots(&out), pairs(&[("amount", "50 dollars")]));
}

#[test]
fn languages_change_in_the_middle_and_values_are_told_in_the_new_one() {
    let mut caller = dial(Lang::En);
    caller.say("make a transfer");
    caller.say("fifty dollars");
    assert_eq!(said(&caller.say("中文")), "账号是多少？");
    assert!(said(&caller.say("幺二三四五六")).contains("金额50美元；账号幺二三，四五六，对吗？"));
    assert_eq!(caller.dialog.lang(), Lang::Zh);
}

#[test]
fn values_are_personal_and_serialise_with_their_types() {
    let mut caller = dial(Lang::En);
    caller.say("make a transfer");
    caller.say("fifty dollars");
    let out = caller.say("123456");
    assert!(said(&out).contains("50 dollars; the account one two three"));
    let dump = format!("{:?}", caller.dialog);
    assert!(dump.contains("Check") && !dump.contains("dollars") && !dump.contains("one two"), "{dump}");
    caller.say("back");
    let out = caller.give(Input::Key('0'));
    let out = if outcome(&out).is_some() { out } else { caller.give(Input::Key('#')) };
    let Some(Outcome::Queue { slots, .. }) = outcome(&out) else { panic!("{out:?}") };
    let json = serde_json::to_string(&slots).unwrap();
    assert!(json.contains("\"currency\":\"USD\""), "{json}");
    assert_eq!(&serde_json::from_str::<Vec<Filled>>(&json).unwrap(), slots);
    assert!(matches!(slots[0].value.reveal(), Value::Money(m) if m.amount == 50.0));
}

#[test]
fn whatever_callers_do_with_values_the_dialogue_ends_and_a_person_can_always_be_had() {
    let words = [
        "make a transfer",
        "我要转账五百块",
        "book a visit tomorrow at three",
        "raise my card limit",
        "fifty dollars",
        "123456",
        "1234",
        "no, sixty dollars",
        "不对，是七百块",
        "no",
        "yes",
        "the amount",
        "tomorrow",
        "in the afternoon",
        "not 5, 6",
        "4111111111111112",
        "back",
        "repeat",
        "中文",
        "english",
        "help",
        "几点开门",
        "there is no water",
        "blah",
        "",
    ];
    let mut handed_over = 0;
    for seed in 0..1500 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut caller = dial(if seed % 2 == 0 { Lang::En } else { Lang::Zh });
        let mut steps = 0;
        let mut asked = std::collections::BTreeMap::<String, usize>::new();
        loop {
            steps += 1;
            assert!(steps < 200, "seed {seed}: the dialogue goes round in circles");
            if steps > 3 && rng.u8(0..30) == 0 {
                let out = if rng.bool() { caller.say("agent") } else { caller.say("人工") };
                assert!(queue(&out).is_some(), "seed {seed}: {out:?}");
                handed_over += 1;
                break;
            }
            let out = match rng.u8(0..10) {
                0 => caller.silence(),
                1..4 => caller.give(Input::Key(rng.choice(*b"0123456789*#").unwrap() as char)),
                4 => caller.give(Input::NotHeard(NotHeard::Empty)),
                _ => {
                    let text: &str = rng.choice(words).unwrap();
                    let confidence = if rng.u8(0..5) == 0 { 0.35 } else { 0.9 };
                    let probability = 0.2 * f32::from(rng.u8(0..3));
                    let other = Hypothesis { text: rng.choice(words).unwrap().into(), probability };
                    caller.give(Input::Heard(Heard { others: vec![other], ..Heard::new(text, confidence) }))
                }
            };
            let said = said(&out);
            if !said.is_empty() {
                *asked.entry(said).or_default() += 1;
            }
            if outcome(&out).is_some() {
                break;
            }
            assert!(caller.dialog.deadline().is_some(), "seed {seed}: waits for ever");
            caller.now = caller.now + Duration::from_millis(10);
        }
        let most = asked.values().max().copied().unwrap_or(0);
        assert!(most <= 16, "seed {seed}: the same thing was said {most} times: {asked:?}");
    }
    assert!(handed_over > 100, "{handed_over}");
}
