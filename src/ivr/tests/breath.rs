//! Values said in two breaths, in both languages, and what the ear is told to wait for.

use super::task::{dial, slots};
use super::*;
use crate::base::Answer;

/// A caller who is asked for an account of six digits.
pub(super) fn asked(lang: Lang) -> Caller {
    let mut caller = dial(lang);
    caller.say(if lang == Lang::En { "make a transfer" } else { "我要转账" });
    caller.say(if lang == Lang::En { "fifty dollars" } else { "五十块" });
    caller
}

fn parts(caller: &mut Caller, texts: &[&str]) -> Vec<Understood> {
    texts.iter().filter_map(|text| understood(&caller.say(text))).collect()
}

#[test]
fn digits_in_two_breaths_are_one_value_in_both_languages() {
    let mut caller = asked(Lang::En);
    let out = caller.say("my account is one two three");
    assert_eq!((understood(&out), said(&out).as_str()), (Some(Understood::Part), "Go on, please."));
    let out = caller.say("and then double four six");
    assert_eq!(understood(&out), Some(Understood::Filled));
    assert!(said(&out).contains("the account one two three, four four six"), "{}", said(&out));
    let mut caller = asked(Lang::Zh);
    let out = caller.say("幺二三");
    assert_eq!((understood(&out), said(&out).as_str()), (Some(Understood::Part), "请继续。"));
    let out = caller.say("四五六");
    assert!(said(&out).contains("账号幺二三，四五六"), "{}", said(&out));
    assert_eq!(slots(&caller.say("对"))[1].1, "幺二三，四五六");
}

#[test]
fn three_breaths_do_too_and_a_card_is_whole_when_its_check_digit_fits() {
    let mut caller = dial(Lang::En);
    caller.say("raise my card limit");
    let understood = parts(&mut caller, &["4111 1111", "1111", "1111"]);
    assert_eq!(understood, [Understood::Part, Understood::Part, Understood::Filled]);
    let mut caller = dial(Lang::En);
    caller.say("raise my card limit");
    let understood = parts(&mut caller, &["4111 1111", "1111 1112"]);
    assert_eq!(understood, [Understood::Part, Understood::Faulty], "put together it is checked as ever");
}

#[test]
fn who_says_it_anew_from_the_beginning_is_believed() {
    let mut caller = asked(Lang::En);
    let understood = parts(&mut caller, &["one two three", "no, one two four, five six seven"]);
    assert_eq!(understood, [Understood::Part, Understood::Filled]);
    assert!(said(&caller.out).contains("one two four, five six seven"), "{}", said(&caller.out));
}

#[test]
fn what_is_taken_back_in_the_second_breath_is_taken_back_from_the_first() {
    let mut caller = asked(Lang::En);
    let understood = parts(&mut caller, &["one two three", "no, four", "five six seven"]);
    assert_eq!(understood, [Understood::Part, Understood::Part, Understood::Filled]);
    assert!(said(&caller.out).contains("one two four, five six seven"), "{}", said(&caller.out));
}

#[test]
fn silence_and_noise_lose_nothing_of_what_was_said_and_climb_the_ladder() {
    let mut caller = asked(Lang::En);
    caller.say("one two three");
    let out = caller.silence();
    assert!(said(&out).ends_with("I have one two three so far. Please go on."), "{}", said(&out));
    let out = caller.say("purple monkey dishwasher");
    assert!(said(&out).contains("I have one two three so far."), "{}", said(&out));
    assert_eq!(understood(&caller.say("four five six")), Some(Understood::Filled));
    let mut caller = asked(Lang::Zh);
    caller.say("幺二三");
    caller.give(Input::NotHeard(NotHeard::Empty));
    caller.silence();
    caller.silence();
    assert_eq!(queue(&caller.silence()), Some("money"), "the top of the ladder is a person");
}

#[test]
fn one_digit_too_few_or_too_many_is_no_breath_and_keys_begin_anew() {
    let mut caller = asked(Lang::En);
    assert_eq!(parts(&mut caller, &["12345"]), [Understood::Faulty]);
    assert_eq!(parts(&mut caller, &["123", "4567"]), [Understood::Part, Understood::Faulty]);
    assert_eq!(parts(&mut caller, &["123456"]), [Understood::Filled], "nothing is left of what was kept");
    let mut caller = asked(Lang::En);
    caller.say("one two three");
    let mut out = Vec::new();
    "654321".chars().for_each(|key| out = caller.give(Input::Key(key)));
    assert_eq!(understood(&out), Some(Understood::Filled));
}

#[test]
fn a_number_that_is_something_else_is_not_kept_as_the_beginning_of_the_value() {
    let mut caller = asked(Lang::En);
    for text in ["fifty dollars", "on the third of march", "one moment please"] {
        assert_ne!(understood(&caller.say(text)), Some(Understood::Part), "{text}");
    }
}

#[test]
fn the_ear_waits_for_what_was_asked() {
    let mut caller = dial(Lang::En);
    let expects = |caller: &Caller| caller.dialog.expects().answer;
    assert_eq!(expects(&caller), Answer::Sentence);
    caller.say("make a transfer");
    assert_eq!(expects(&caller), Answer::Value);
    caller.say("fifty dollars");
    assert_eq!(expects(&caller), Answer::Digits);
    caller.say("one two three");
    assert_eq!(expects(&caller), Answer::Digits);
    caller.say("four five six");
    assert_eq!(expects(&caller), Answer::YesNo);
    assert!(!caller.dialog.expects().patient);
    caller.say("slower please");
    assert!(caller.dialog.expects().patient);
}

#[test]
fn a_value_that_has_all_its_digits_need_not_be_waited_for() {
    let sure = |caller: &Caller, text: &str| caller.dialog.is_sure(caller.now, &Heard::new(text, 0.9));
    let mut caller = asked(Lang::En);
    assert!(sure(&caller, "one two three four five six"));
    assert!(!sure(&caller, "one two three") && !sure(&caller, "one two three four five six no wait"));
    caller.say("one two three");
    assert!(sure(&caller, "four five six") && !sure(&caller, "four five"));
    let mut amount = dial(Lang::En);
    amount.say("make a transfer");
    assert!(!sure(&amount, "fifty dollars"), "and fifty cents may follow");
}

#[test]
fn an_identity_card_may_end_with_an_x_of_the_second_breath() {
    let mut plan = (*asked(Lang::Zh).dialog.plan().clone()).clone();
    let transfer = plan.intents.iter_mut().find(|i| i.name == "transfer").unwrap();
    transfer.slots = vec![task::slot("card", "id-card", "身份证号", "the identity card")];
    let mut caller = Caller::of(Arc::new(plan));
    caller.say("我要转账");
    let understood = parts(&mut caller, &["幺幺零幺零五", "幺九四九幺二三幺", "零零二X"]);
    assert_eq!(understood, [Understood::Part, Understood::Part, Understood::Filled], "{}", said(&caller.out));
}
