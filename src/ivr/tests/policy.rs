//! Emergencies, anger, callers who need time, and sentences with more than one request.

use super::*;
use crate::base::Pii;

pub(super) fn with_policies() -> Arc<Plan> {
    let mut plan = (*plan()).clone();
    let urgent = |words: &[&str], queue: Option<&str>, priority| Urgent {
        words: words.iter().map(|w| (*w).to_owned()).collect(),
        say: queue.map(|_| text("马上为您转接，请不要挂断。", "I am connecting you at once.")),
        queue: queue.map(str::to_owned),
        priority,
    };
    plan.urgent = vec![
        urgent(&["着火", "gas leak"], Some("emergency"), 100),
        urgent(&["太差了", "ridiculous"], None, 60),
    ];
    plan.patience = Patience {
        numbers: vec!["13800000001".into(), "+8610*".into()],
        account: None,
        say: Some(text("请慢慢说。", "Take your time.")),
    };
    Arc::new(plan)
}

fn priority(out: &[Output]) -> Option<u16> {
    match outcome(out) {
        Some(Outcome::Queue { priority, .. }) => *priority,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_emergency_goes_straight_to_a_person_at_any_point() {
    let mut caller = Caller::of(with_policies());
    let out = caller.say("我家楼下着火了");
    assert_eq!(
        (queue(&out), priority(&out), understood(&out)),
        (Some("emergency"), Some(100), Some(Understood::Urgent))
    );
    assert!(said(&out).contains("马上为您转接"));
    let mut caller = Caller::of(with_policies());
    caller.say("我要挂失");
    assert_eq!(
        queue(&caller.say("there is a gas leak")),
        Some("emergency"),
        "while something is confirmed, too"
    );
    assert_eq!(queue(&Caller::of(with_policies()).say("我家停水了")), Some("repair"));
}

#[test]
fn an_angry_caller_is_served_as_asked_but_before_others() {
    let out = Caller::of(with_policies()).say("你们太差了 我家停水了");
    assert_eq!((queue(&out), priority(&out)), (Some("repair"), Some(60)));
    assert_eq!(priority(&Caller::of(with_policies()).say("我家停水了")), None);
}

#[test]
fn callers_who_need_time_get_it_by_number_by_words_and_by_silence() {
    for (number, patient) in [("13800000001", true), ("+861012345678", true), ("13800000002", false)] {
        let mut dialog = Dialog::new(with_policies(), true, MONDAY, 1).of(number);
        let mut out = Vec::new();
        dialog.step(Now(0), Input::Start, &mut out);
        assert_eq!((dialog.is_patient(), said(&out).contains("请慢慢说")), (patient, patient), "{number}");
    }
    let mut caller = Caller::of(with_policies());
    let usual = caller.dialog.deadline();
    let out = caller.say("请说慢一点");
    assert_eq!(said(&out), "请慢慢说。您好。请讲。", "said again, slowly");
    assert!(caller.dialog.is_patient() && caller.dialog.deadline() > usual);
    let mut caller = Caller::of(with_policies());
    let out = caller.say("我年纪大了，请问几点开门");
    assert!(said(&out).starts_with("请慢慢说。九点开门。"), "the request is not lost: {}", said(&out));
    let mut caller = Caller::of(with_policies());
    assert!(!said(&caller.silence()).contains("慢慢说"));
    assert!(said(&caller.silence()).starts_with("请慢慢说。请用电话按键选择。"));
    assert!(caller.dialog.is_patient());
}

#[test]
fn a_service_that_knows_the_caller_is_asked_and_nobody_waits_for_it() {
    let mut plan = (*with_policies()).clone();
    let elder = ResultField { name: "elder".into(), at: "/elder".into(), kind: ResultKind::YesNo };
    let lookup = Arc::new(Lookup {
        name: "account".into(),
        url: "http://crm.example/{caller}".into(),
        body: None,
        timeout: Duration::from_secs(2),
        retries: 0,
        cache: Duration::ZERO,
        results: vec![elder],
    });
    plan.patience.account = Some(Account { lookup, value: "elder".into() });
    let plan = Arc::new(plan);
    let begin = |number: &str| {
        let mut dialog = Dialog::new(plan.clone(), true, MONDAY, 1).of(number);
        let mut out = Vec::new();
        dialog.step(Now(0), Input::Start, &mut out);
        (dialog, out)
    };
    let url = |out: &[Output]| {
        out.iter().find_map(|o| match o {
            Output::LookUp { request, .. } => Some(request.url.reveal().clone()),
            _ => None,
        })
    };
    // Whoever is known already, or withholds the number, is not asked about.
    assert_eq!(url(&begin("13800000001").1), None);
    assert_eq!(url(&begin("anonymous").1), None);
    for (status, body, patient) in [
        (200, "{\"elder\": true}", true),
        (200, "{\"elder\": false}", false),
        (404, "", false),
        (500, "", false),
        (200, "no JSON", false),
    ] {
        let (mut dialog, out) = begin("+8613912345678");
        assert_eq!(url(&out).as_deref(), Some("http://crm.example/%2B8613912345678"));
        assert!(said(&out).contains("请讲") && !dialog.is_patient(), "the greeting does not wait");
        let reply = Some(ServiceReply { status, body: Pii::new(body.to_owned()) });
        let mut out = Vec::new();
        dialog.step(Now(1), Input::LookedUp { ask: 1, reply }, &mut out);
        assert_eq!(dialog.is_patient(), patient, "{status} {body}");
        assert_eq!(said(&out), "", "nothing is said into the greeting");
        dialog.step(Now(2), Input::Heard(Heard::new("几点开门", 1.0)), &mut out);
        assert_eq!(said(&out).starts_with("请慢慢说。九点开门。"), patient, "{}", said(&out));
    }
}

#[test]
fn two_requests_in_one_sentence_are_taken_in_turn_and_the_one_that_leaves_last() {
    let out = Caller::of(with_policies()).say("我家停水了，还有几点开门");
    assert_eq!(queue(&out), Some("repair"));
    assert!(said(&out).starts_with("九点开门。"), "{}", said(&out));
    match outcome(&out) {
        Some(Outcome::Queue { words, .. }) => {
            assert_eq!(words.as_ref().map(|w| w.reveal().as_str()), Some("我家停水了，还有几点开门"));
        }
        other => panic!("{other:?}"),
    }
    let mut caller = Caller::of(with_policies());
    let out = caller.say("几点开门");
    assert!(said(&out).contains("还需要什么"), "one request is one: {}", said(&out));
}
