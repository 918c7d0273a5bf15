use super::*;
use crate::base::{Epoch, Lang, Now};
use crate::nlu::{Example, Model};
use std::sync::Arc;
use std::time::Duration;

mod act;
mod breath;
mod hypotheses;
mod interrupted;
mod policy;
mod task;

/// 2026-03-02, 09:30 UTC.
const MONDAY: Epoch = Epoch { unix_ms: 1_772_443_800_000 };

fn text(zh: &str, en: &str) -> Text {
    Text::from([(Lang::Zh, zh.to_owned()), (Lang::En, en.to_owned())])
}

fn to(queue: &str) -> Action {
    Action { queue: Some(queue.into()), ..Action::default() }
}

fn plan() -> Arc<Plan> {
    let intent = |name: &str, key, zh: &str, en: &str, confirm, action| Intent {
        name: name.into(),
        key: Some(key),
        label: text(zh, en),
        examples: [].into(),
        confirm,
        slots: Vec::new(),
        lookup: None,
        failed: None,
        none: None,
        rules: vec![action],
    };
    let intents = vec![
        intent("water", '1', "停水报修", "a water problem", Confirm::Auto, to("repair")),
        intent("card", '2', "挂失", "a lost card", Confirm::Always, to("cards")),
        intent(
            "hours",
            '7',
            "营业时间",
            "opening hours",
            Confirm::Auto,
            Action { say: Some(text("九点开门。", "Nine to five.")), ..Action::default() },
        ),
    ];
    let examples = [
        ("我家停水了", 0),
        ("没有水", 0),
        ("水管坏了", 0),
        ("my water is off", 0),
        ("there is no water", 0),
        ("银行卡丢了", 1),
        ("我要挂失", 1),
        ("i lost my card", 1),
        ("block my card", 1),
        ("几点开门", 2),
        ("营业时间", 2),
        ("opening hours", 2),
        ("when do you open", 2),
    ]
    .map(|(t, intent)| Example { text: t.into(), intent });
    Arc::new(Plan {
        zone: jiff::tz::TimeZone::UTC,
        currency: "CNY".into(),
        hours: None,
        closed: Text::new(),
        line: "test".into(),
        version: "0".into(),
        numbers: vec!["1".into()],
        languages: vec![Lang::Zh, Lang::En],
        person: "people".into(),
        greeting: text("您好。", "Hello."),
        question: text("请讲。", "How can I help?"),
        model: Model::train(&examples, intents.len(), None),
        intents,
        urgent: Vec::new(),
        patience: Patience::default(),
        act: 0.8,
        confirm: 0.45,
    })
}

struct Caller {
    dialog: Dialog,
    now: Now,
    out: Vec<Output>,
}

impl Caller {
    fn new() -> Caller {
        Caller::of(plan())
    }

    fn of(plan: Arc<Plan>) -> Caller {
        let mut caller = Caller { dialog: Dialog::new(plan, true, MONDAY, 1), now: Now(0), out: Vec::new() };
        caller.give(Input::Start);
        caller
    }

    fn give(&mut self, input: Input) -> Vec<Output> {
        self.out.clear();
        self.dialog.step(self.now, input, &mut self.out);
        self.dialog.step(self.now, Input::Spoken, &mut Vec::new());
        self.out.clone()
    }

    fn say(&mut self, text: &str) -> Vec<Output> {
        self.give(Input::Heard(Heard::new(text, 0.9)))
    }

    fn silence(&mut self) -> Vec<Output> {
        self.now = self.dialog.deadline().expect("silence is bounded");
        self.give(Input::Tick)
    }
}

fn outcome(out: &[Output]) -> Option<&Outcome> {
    out.iter().find_map(|o| if let Output::Done(outcome) = o { Some(outcome) } else { None })
}

fn queue(out: &[Output]) -> Option<&str> {
    match outcome(out)? {
        Outcome::Queue { queue, .. } => Some(queue),
        Outcome::Goodbye => None,
    }
}

fn said(out: &[Output]) -> String {
    out.iter().map(|o| if let Output::Say(say) = o { say.texts.join("") } else { String::new() }).collect()
}

fn understood(out: &[Output]) -> Option<Understood> {
    out.iter().find_map(|o| if let Output::Turn(t) = o { Some(t.understood) } else { None })
}

#[test]
fn a_clear_request_goes_straight_to_its_queue_with_the_callers_words() {
    let mut caller = Caller::new();
    let out = caller.say("我家停水了");
    match outcome(&out) {
        Some(Outcome::Queue { queue, intent, words, .. }) => {
            assert_eq!((queue.as_str(), intent.as_deref()), ("repair", Some("water")));
            assert_eq!(words.as_ref().map(|w| w.reveal().as_str()), Some("我家停水了"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_costs_is_confirmed_and_no_asks_again() {
    let mut caller = Caller::new();
    let out = caller.say("我要挂失");
    assert_eq!((queue(&out), understood(&out)), (None, Some(Understood::Confirming)));
    assert_eq!(understood(&caller.say("不是")), Some(Understood::No));
    caller.say("我要挂失");
    assert_eq!(queue(&caller.say("是的")), Some("cards"));
}

#[test]
fn a_denial_with_the_right_request_is_taken_in_one_turn() {
    let mut caller = Caller::new();
    caller.say("我要挂失");
    assert_eq!(queue(&caller.say("不是我家停水了")), Some("repair"));
}

#[test]
fn a_person_is_reached_at_any_point_by_word_or_key() {
    for spoken in ["人工", "I want to speak to a person"] {
        assert_eq!(queue(&Caller::new().say(spoken)), Some("people"));
    }
    let mut caller = Caller::new();
    caller.say("我要挂失");
    assert_eq!(queue(&caller.give(Input::Key('0'))), Some("people"));
}

#[test]
fn keys_mean_the_same_as_words() {
    assert_eq!(queue(&Caller::new().give(Input::Key('1'))), Some("repair"));
    let mut caller = Caller::new();
    assert_eq!(understood(&caller.give(Input::Key('2'))), Some(Understood::Acted));
    assert_eq!(queue(&caller.give(Input::Key('1'))), Some("cards"), "1 now means yes");
}

#[test]
fn an_unsure_recogniser_is_confirmed_even_when_the_words_fit() {
    let mut caller = Caller::new();
    let out = caller.give(Input::Heard(Heard::new("我家停水了", 0.35)));
    assert_eq!(understood(&out), Some(Understood::Confirming));
}

#[test]
fn silence_climbs_the_ladder_to_keys_and_then_a_person() {
    let mut caller = Caller::new();
    assert!(said(&caller.silence()).contains("没有听到"));
    assert!(said(&caller.silence()).contains("按键"));
    assert!(said(&caller.silence()).contains("按键"));
    assert_eq!(queue(&caller.silence()), Some("people"));
    assert_eq!(caller.dialog.deadline(), None);
}

#[test]
fn an_answer_is_spoken_and_then_goodbye_or_another_request() {
    let mut caller = Caller::new();
    assert!(said(&caller.say("几点开门")).contains("九点开门"));
    assert_eq!(queue(&caller.say("我家停水了")), Some("repair"));
    let mut caller = Caller::new();
    caller.say("几点开门");
    assert_eq!(outcome(&caller.say("没有")), Some(&Outcome::Goodbye));
    let mut caller = Caller::new();
    caller.say("几点开门");
    assert_eq!(outcome(&caller.silence()), Some(&Outcome::Goodbye));
}

#[test]
fn the_language_changes_by_word_and_by_key() {
    let mut caller = Caller::new();
    assert!(said(&caller.say("English please")).contains("How can I help"));
    assert!(said(&caller.give(Input::Key('#'))).contains("请讲"));
}

#[test]
fn where_nobody_listens_the_keys_are_offered_from_the_start() {
    let mut dialog = Dialog::new(plan(), false, MONDAY, 1);
    let mut out = Vec::new();
    dialog.step(Now(0), Input::Start, &mut out);
    assert!(said(&out).starts_with("您好。请用电话按键选择。停水报修，请按1。"), "{}", said(&out));
    out.clear();
    dialog.step(Now(0), Input::Key('#'), &mut out);
    assert!(said(&out).contains("press 1"));
}

#[test]
fn a_recogniser_that_fails_leads_to_keys() {
    let mut caller = Caller::new();
    let out = caller.give(Input::NotHeard(NotHeard::Unavailable));
    assert!(said(&out).contains("请按1"));
    assert_eq!(queue(&caller.give(Input::Key('1'))), Some("repair"));
}

#[test]
fn whatever_callers_do_the_dialogue_ends_and_every_prompt_was_announced() {
    let known: Vec<(Lang, String)> = plan().prompts();
    for seed in 0..400 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut caller = Caller::new();
        let mut steps = 0;
        loop {
            steps += 1;
            assert!(steps < 60, "seed {seed}: the dialogue goes round in circles");
            let words = [
                "我家停水了",
                "挂失",
                "blah blah",
                "是",
                "不是",
                "重复",
                "english",
                "中文",
                "help",
                "几点开门",
                "卡 水",
                "",
            ];
            let out = match rng.u8(0..8) {
                0 => caller.silence(),
                1 => caller.give(Input::Key(rng.choice(*b"123456789*#").unwrap() as char)),
                2 => caller.give(Input::NotHeard(NotHeard::Empty)),
                3 => caller.give(Input::NotHeard(NotHeard::Unavailable)),
                _ => caller.say(rng.choice(words).unwrap()),
            };
            for o in &out {
                if let Output::Say(say) = o {
                    for text in &say.texts {
                        let tie = text.contains("还是") || text.contains(", or ");
                        assert!(
                            tie || known.contains(&(say.lang, text.clone())),
                            "seed {seed}: {text} was not prepared"
                        );
                    }
                }
            }
            if outcome(&out).is_some() {
                break;
            }
            assert!(caller.dialog.deadline().is_some(), "seed {seed}: waits for ever");
            caller.now = caller.now + Duration::from_millis(10);
        }
    }
}

#[test]
fn a_sentence_that_settles_the_turn_need_not_be_over() {
    let sure = |c: &Caller, text: &str| c.dialog.is_sure(Now(0), &Heard::new(text, 0.9));
    let c = Caller::new();
    assert!(sure(&c, "人工") && sure(&c, "我家停水了"));
    assert!(!sure(&c, "嗯我想") && !sure(&c, "是的"), "nothing was asked that this answers");
    assert!(!sure(&c, "我要挂失"), "this is asked about first");
    assert!(!c.dialog.is_sure(Now(0), &Heard::new("我家停水了", 0.3)));
}
