//! Several hypotheses of one sentence: values, yes and no, requests.

use super::act::asking;
use super::breath::asked;
use super::policy::with_policies;
use super::task::{dial, pairs, slots};
use super::*;
use crate::base::Hypothesis;

/// What was heard, and what it may have been instead with these probabilities.
fn heard(text: &str, others: &[(&str, f32)]) -> Heard {
    let others = others
        .iter()
        .map(|(text, probability)| Hypothesis { text: (*text).to_owned(), probability: *probability });
    Heard { others: others.collect(), ..Heard::new(text, 0.9) }
}

fn hear(caller: &mut Caller, text: &str, others: &[(&str, f32)]) -> Vec<Output> {
    caller.give(Input::Heard(heard(text, others)))
}

#[test]
fn the_likeliest_that_is_a_value_of_the_right_length_is_taken_and_read_back() {
    let mut caller = dial(Lang::En);
    caller.say("make a transfer");
    caller.say("fifty dollars");
    let out = hear(
        &mut caller,
        "one two three four five",
        &[
            ("one two three four five oh five", 0.3),
            ("one two three four five nine", 0.2),
            ("one two three four five five", 0.1),
        ],
    );
    assert!(said(&out).contains("the account one two three, four five nine"), "{}", said(&out));
    let Some(Output::Turn(turn)) = out.iter().find(|o| matches!(o, Output::Turn(_))) else { panic!() };
    assert_eq!(turn.heard.reveal(), "one two three four five nine");
    let others: Vec<&str> = turn.others.reveal().iter().map(|o| o.text.as_str()).collect();
    assert_eq!(others[0], "one two three four five", "the record has what was likeliest");
    assert_eq!(others.len(), 3);
}

#[test]
fn a_check_digit_tells_which_card_it_was() {
    let mut caller = dial(Lang::En);
    caller.say("raise my card limit");
    let out = hear(&mut caller, "4111 1111 1111 1112", &[("4111 1111 1111 1111", 0.3)]);
    assert_eq!(understood(&out), Some(Understood::Filled));
    assert!(said(&out).ends_with("is that right?"), "{}", said(&out));
    let mut caller = dial(Lang::En);
    caller.say("raise my card limit");
    let out = hear(&mut caller, "4111 1111 1111 1112", &[("4111 1111 1111 1111", 0.05)]);
    assert_eq!(understood(&out), Some(Understood::Faulty), "that is too unlikely");
}

#[test]
fn a_value_that_may_well_be_another_is_read_back_and_one_that_hardly_can_is_not() {
    for (probability, read_back) in [(0.4, true), (0.05, false)] {
        let mut caller = dial(Lang::En);
        caller.say("book a visit tomorrow at three pm");
        let out = hear(&mut caller, "two", &[("ten", 0.1), ("three", probability)]);
        assert_eq!(said(&out).contains("2, is that right?"), read_back, "{}", said(&out));
    }
    let mut caller = asked(Lang::En);
    let sure = |c: &mut Caller, p| c.dialog.is_sure(c.now, &heard("123456", &[("123459", p)]));
    assert!(
        sure(&mut caller, 0.05) && !sure(&mut caller, 0.4),
        "a doubtful value does not settle a turn early"
    );
}

#[test]
fn a_breath_that_others_make_whole_is_whole_and_one_that_they_do_not_is_kept() {
    let mut caller = asked(Lang::Zh);
    assert_eq!(understood(&hear(&mut caller, "幺二三", &[("幺二", 0.3)])), Some(Understood::Part));
    let out = hear(&mut caller, "四五", &[("四五六", 0.3)]);
    assert!(said(&out).contains("幺二三，四五六"), "{}", said(&out));
}

#[test]
fn yes_and_no_are_counted_over_all_hypotheses() {
    let confirm = || {
        let mut caller = Caller::new();
        assert_eq!(understood(&caller.say("我要挂失")), Some(Understood::Confirming));
        caller
    };
    let of = |text: &str, others: &[(&str, f32)]| understood(&hear(&mut confirm(), text, others));
    assert_eq!(of("是", &[("十", 0.3)]), Some(Understood::Yes));
    assert_eq!(of("十", &[("是", 0.3), ("四", 0.1)]), Some(Understood::Yes));
    assert_eq!(of("是", &[("不是", 0.35), ("不对", 0.25)]), Some(Understood::No), "no is likelier than yes");
    let request = of("几点开门", &[("是", 0.3)]);
    assert!(
        matches!(request, Some(Understood::Acted | Understood::Confirming)),
        "another request is no answer"
    );
}

#[test]
fn a_request_is_acted_on_if_most_of_what_it_may_have_been_asks_for_it() {
    let of = |others: &[(&str, f32)]| understood(&hear(&mut Caller::new(), "我家停水了", others));
    assert_eq!(of(&[("没有水", 0.4)]), Some(Understood::Acted));
    assert_eq!(of(&[("我要挂失", 0.45)]), Some(Understood::Choosing));
    let sure = |others| Caller::new().dialog.is_sure(Now(0), &heard("我家停水了", others));
    assert!(sure(&[("没有水", 0.4)]) && !sure(&[("我要挂失", 0.45)]));
}

#[test]
fn a_value_said_with_a_request_that_the_likeliest_lacks_is_of_another_and_read_back() {
    let mut caller = dial(Lang::Zh);
    let out = hear(&mut caller, "我要转账无百块", &[("我要转账五百块", 0.3)]);
    assert_eq!(said(&out), "账号是多少？", "the amount is known");
    assert!(said(&caller.say("幺二三四五六")).contains("金额500元；账号幺二三，四五六"));

    let limit = |others: &[(&str, f32)]| {
        let mut caller = dial(Lang::En);
        said(&hear(&mut caller, "raise my card limit 4111 1111 1111 1112", others))
    };
    let right = "raise my card limit 4111 1111 1111 1111";
    assert!(
        limit(&[(right, 0.3)]).ends_with("one one one one, is that right?"),
        "{}",
        limit(&[(right, 0.3)])
    );
    assert_eq!(limit(&[(right, 0.05)]), "What is the card?", "that is too unlikely");
}

#[test]
fn a_value_said_with_a_request_that_may_well_be_another_is_read_back() {
    for (probability, read_back) in [(0.4, true), (0.05, false)] {
        let mut caller = dial(Lang::En);
        hear(
            &mut caller,
            "book a visit tomorrow at three pm",
            &[("book a visit tomorrow at ten pm", probability)],
        );
        let out = caller.say("two");
        assert_eq!(said(&out).contains("3 PM, is that right?"), read_back, "{}", said(&out));
    }
}

#[test]
fn a_value_that_is_never_asked_for_must_be_likelier_than_not() {
    let day = |others: &[(&str, f32)]| {
        let mut caller = dial(Lang::Zh);
        hear(&mut caller, "我要转账五百块命天转", others);
        said(&caller.say("幺二三四五六")).contains("日期")
    };
    let (one, two) = ("我要转账五百块明天转", "我想转账五百块明天转");
    assert!(day(&[(one, 0.35), (two, 0.25)]) && !day(&[(one, 0.3)]));
}

#[test]
fn the_same_digits_are_not_two_values() {
    let mut plan = (*dial(Lang::En).dialog.plan().clone()).clone();
    let limit = plan.intents.iter_mut().find(|i| i.name == "limit").unwrap();
    limit.slots = vec![
        task::slot("pin", "digits(4)", "密码", "the code"),
        task::slot("account", "digits(6)", "账号", "the account"),
    ];
    let mut caller = Caller::of(Arc::new(plan));
    caller.dialog.speak(Lang::En);
    let out = hear(&mut caller, "raise my card limit 1234", &[("raise my card limit 123456", 0.4)]);
    assert_eq!(said(&out), "What is the account?");
}

#[test]
fn values_are_kept_for_a_request_that_is_confirmed_first() {
    let mut caller = dial(Lang::En);
    let out = caller.give(Input::Heard(Heard {
        confidence: 0.4,
        ..heard("make a transfer of fifty dullards", &[("make a transfer of fifty dollars", 0.3)])
    }));
    assert_eq!(understood(&out), Some(Understood::Confirming));
    assert_eq!(said(&caller.say("yes")), "What is the account?");
    caller.say("123456");
    assert_eq!(
        slots(&caller.say("yes")),
        pairs(&[("amount", "50 dollars"), ("account", "one two three, four five six")])
    );
}

#[test]
fn the_half_of_the_day_is_counted_over_all_hypotheses_and_read_back_in_doubt() {
    for (confidence, others, read_back) in
        [(0.9, vec![], false), (0.9, vec![("in the morning", 0.3)], true), (0.35, vec![], true)]
    {
        let mut caller = dial(Lang::En);
        caller.say("book a visit tomorrow at three");
        let heard = Heard { confidence, ..heard("in the afternoon", &others) };
        assert_eq!(understood(&caller.give(Input::Heard(heard))), Some(Understood::Filled));
        let out = caller.say("two");
        assert_eq!(said(&out).contains("3 PM, is that right?"), read_back, "{}", said(&out));
    }
}

#[test]
fn a_person_is_reached_if_half_of_what_it_may_have_been_asks_for_one_wherever_the_caller_is() {
    let most = [("人工", 0.3), ("人工服务", 0.3)];
    let out = hear(&mut asked(Lang::Zh), "人功", &most);
    assert_eq!((queue(&out), understood(&out)), (Some("money"), Some(Understood::Universal)));
    let most_en = [("agent", 0.35), ("an agent", 0.2)];
    assert_eq!(queue(&hear(&mut asked(Lang::En), "asian", &most_en)), Some("money"));
    assert_eq!(queue(&hear(&mut Caller::new(), "再说一遍", &most)), Some("people"), "before other wishes");
    let (mut looking_up, ..) = asking();
    assert_eq!(queue(&hear(&mut looking_up, "asian", &most_en)), Some("money"));
    for others in [&[("人工", 0.3)][..], &[("人工", 0.25), ("工人", 0.25)]] {
        assert_eq!(queue(&hear(&mut Caller::new(), "我家停水了", others)).filter(|q| *q == "people"), None);
    }
    let unheard = Heard { confidence: 0.1, ..heard("人功", &most) };
    assert_eq!(understood(&asked(Lang::Zh).give(Input::Heard(unheard))), Some(Understood::NoMatch));
}

#[test]
fn other_wishes_are_followed_likewise_but_nobody_is_hung_up_on() {
    let mut caller = asked(Lang::En);
    let out = hear(&mut caller, "black", &[("back", 0.3), ("go back", 0.25)]);
    assert_eq!(said(&out), "What is the amount?");
    let out = hear(&mut caller, "buy", &[("bye", 0.3), ("goodbye", 0.3)]);
    assert_eq!((outcome(&out), understood(&out)), (None, Some(Understood::NoMatch)));
    let mut caller = Caller::new();
    hear(&mut caller, "几点开门满一点", &[("几点开门慢一点", 0.3), ("几点开门慢点", 0.25)]);
    assert!(caller.dialog.is_patient());
    let sure = Caller::new().dialog.is_sure(Now(0), &heard("人功", &[("人工", 0.3), ("人工服务", 0.3)]));
    assert!(!sure, "more of the sentence may tell");
}

#[test]
fn an_emergency_is_believed_from_a_third_and_anger_from_half() {
    let of = |text: &str, others: &[(&str, f32)]| hear(&mut Caller::of(with_policies()), text, others);
    for (text, right) in [("我家找货了", "我家着火了"), ("there is a gas bill", "there is a gas leak")]
    {
        let out = of(text, &[(right, 0.35)]);
        assert_eq!((queue(&out), understood(&out)), (Some("emergency"), Some(Understood::Urgent)), "{text}");
        let Some(Outcome::Queue { words, .. }) = outcome(&out) else { panic!() };
        assert_eq!(words.as_ref().map(|w| w.reveal().as_str()), Some(right), "who takes it reads why");
        assert_ne!(queue(&of(text, &[(right, 0.3)])), Some("emergency"), "{text}");
        let unheard = Heard { confidence: 0.1, ..heard(text, &[(right, 0.35)]) };
        let out = Caller::of(with_policies()).give(Input::Heard(unheard));
        assert_ne!(queue(&out), Some("emergency"), "{text}");
    }
    let anger = |p| match outcome(&of("你们太查了 我家停水了", &[("你们太差了 我家停水了", p)]))
    {
        Some(Outcome::Queue { priority, .. }) => *priority,
        other => panic!("{other:?}"),
    };
    assert_eq!((anger(0.5), anger(0.4)), (Some(60), None));
}

#[test]
fn a_word_for_a_person_is_never_outweighed() {
    let mut caller = asked(Lang::Zh);
    assert_eq!(
        understood(&hear(&mut caller, "人工", &[("幺二三四五六", 0.49)])),
        Some(Understood::Universal)
    );
}
