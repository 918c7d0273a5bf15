//! Nods, coughs and noise over a prompt, in both languages.

use super::*;

/// Over what the line is saying, of which `left_ms` are left, the caller makes a sound.
fn over(caller: &mut Caller, left_ms: u64, heard: Input) -> Vec<Output> {
    let mut out = Vec::new();
    caller.dialog.step(caller.now, Input::Speaking, &mut out);
    caller.dialog.step(caller.now, Input::Cut { left: Duration::from_millis(left_ms) }, &mut out);
    caller.dialog.step(caller.now, heard, &mut out);
    out
}

fn hears(text: &str) -> Input {
    Input::Heard(Heard::new(text, 0.9))
}

#[test]
fn a_nod_a_cough_and_noise_over_a_prompt_go_on_with_it_and_cost_nothing() {
    let mumbled = Input::Heard(Heard::new("的", 0.1));
    for sound in [hears("嗯"), hears("uh-huh"), hears("OK"), mumbled, Input::NotHeard(NotHeard::Empty)] {
        let mut caller = Caller::new();
        let out = over(&mut caller, 2000, sound.clone());
        assert_eq!(understood(&out), Some(Understood::BackChannel), "{sound:?}");
        assert_eq!((out.last(), said(&out)), (Some(&Output::Resume), String::new()));
        assert_eq!(caller.dialog.deadline(), None, "silence counts from the end of the prompt");
        caller.dialog.step(caller.now, Input::Spoken, &mut Vec::new());
        assert!(caller.dialog.deadline().is_some());
        let out = caller.silence();
        assert!(said(&out).contains("我没有听到您的声音"), "the first rung of the ladder: {}", said(&out));
    }
}

#[test]
fn a_nod_is_a_yes_only_to_a_question_that_was_heard() {
    for (nod, ask) in [("嗯", "我要挂失"), ("mm-hmm", "i lost my card")] {
        let confirms = || {
            let mut caller = Caller::new();
            assert_eq!(understood(&caller.say(ask)), Some(Understood::Confirming));
            caller
        };
        assert_eq!(understood(&over(&mut confirms(), 1500, hears(nod))), Some(Understood::BackChannel));
        assert_eq!(queue(&over(&mut confirms(), 300, hears(nod))), Some("cards"), "but for its last word");
        assert_eq!(queue(&confirms().say(nod)), Some("cards"), "after its end");
    }
}

#[test]
fn a_plain_answer_and_a_request_over_a_prompt_count() {
    let mut caller = Caller::new();
    caller.say("我要挂失");
    assert_eq!(queue(&over(&mut caller, 1500, hears("是的"))), Some("cards"));
    assert_eq!(queue(&over(&mut Caller::new(), 1500, hears("我家停水了"))), Some("repair"));
}

#[test]
fn an_open_question_that_was_heard_is_not_answered_by_a_nod() {
    let out = over(&mut Caller::new(), 100, hears("好的"));
    assert_eq!(understood(&out), Some(Understood::BackChannel));
}

#[test]
fn a_line_that_is_never_quiet_climbs_the_ladder_after_three_times() {
    let mut caller = Caller::new();
    for _ in 0..3 {
        let out = over(&mut caller, 2000, Input::NotHeard(NotHeard::Empty));
        assert_eq!(out.last(), Some(&Output::Resume));
    }
    let out = over(&mut caller, 2000, Input::NotHeard(NotHeard::Empty));
    assert_eq!(understood(&out), Some(Understood::NoMatch));
    assert!(said(&out).contains("没有听懂"), "{}", said(&out));
    let out = over(&mut caller, 2000, hears("嗯"));
    assert_eq!(out.last(), Some(&Output::Resume), "of the next prompt it is the first time");
}

#[test]
fn who_may_go_on_after_a_nod_is_not_answered_at_the_first_pause() {
    let mut caller = Caller::new();
    caller.say("我要挂失");
    let nod = Heard::new("嗯", 0.9);
    assert!(caller.dialog.is_sure(caller.now, &nod), "asked, and heard to the end: it is a yes");
    caller.dialog.step(caller.now, Input::Cut { left: Duration::from_secs(1) }, &mut Vec::new());
    assert!(!caller.dialog.is_sure(caller.now, &nod));
}
