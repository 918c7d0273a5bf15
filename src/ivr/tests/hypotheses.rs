//! Several hypotheses of one sentence: values, yes and no, requests.

use super::breath::asked;
use super::task::dial;
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
fn a_word_for_a_person_is_never_outweighed() {
    let mut caller = asked(Lang::Zh);
    assert_eq!(
        understood(&hear(&mut caller, "人工", &[("幺二三四五六", 0.49)])),
        Some(Understood::Universal)
    );
}
