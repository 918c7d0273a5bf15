//! Asking services, rules, tickets.

use super::task::{pairs, slot, slots};
use super::*;
use crate::base::Pii;
use crate::nlu::{Example, Model};

const BILL: &str = r#"{"amount": 12.5, "status": "open"}"#;

/// A line that tells a bill: asked for by account, handed over where it is large, with a ticket where it is paid.
fn bills() -> Arc<Plan> {
    let mut plan = (*plan()).clone();
    let field = |name: &str, at: &str, kind| ResultField { name: name.into(), at: at.into(), kind };
    let lookup = Lookup {
        name: "bill".into(),
        url: "http://x.example/{account}".into(),
        body: None,
        timeout: Duration::from_secs(2),
        retries: 1,
        cache: Duration::ZERO,
        results: vec![
            field("due", "/amount", ResultKind::Money),
            field("status", "/status", ResultKind::Text),
        ],
    };
    let rule = |when: &str, zh: &str, en: &str| Action {
        when: (!when.is_empty()).then(|| Condition::parse(when).unwrap()),
        say: Some(text(zh, en)),
        ..Action::default()
    };
    let large = Action {
        queue: Some("money".into()),
        set: vec![("why".into(), "owes {due}".into())],
        ..rule("due > 100", "账单较大。", "That is a large bill.")
    };
    let paid = Action {
        ticket: Some("refund".into()),
        ..rule("status = paid", "工单{ticket}。", "Ticket {ticket}.")
    };
    plan.intents = vec![Intent {
        name: "bill".into(),
        key: Some('1'),
        label: text("账单", "a bill"),
        examples: [].into(),
        confirm: Confirm::Auto,
        slots: vec![slot("account", "digits(6)", "账号", "the account")],
        lookup: Some(Arc::new(lookup)),
        failed: Some(Action { say: Some(text("查不到。", "I cannot see it.")), ..to("money") }),
        none: Some(rule("", "没有这个账号。", "No such account.")),
        rules: vec![large, paid, rule("", "账单{due}。", "Your bill is {due}.")],
    }];
    let examples = ["what is my bill", "my bill", "bill", "查账单", "账单"]
        .map(|t| Example { text: t.into(), intent: 0 });
    plan.model = Model::train(&examples, 1, None);
    Arc::new(plan)
}

/// A caller who has asked for the bill of an account; what the service is asked.
pub(super) fn asking() -> (Caller, Request, u32) {
    let mut caller = Caller::of(bills());
    caller.dialog.speak(Lang::En);
    caller.give(Input::Key('1'));
    let out = caller.say("one two three four five six");
    assert_eq!(said(&out), "Please hold.");
    let found = out.into_iter().find_map(|o| match o {
        Output::LookUp { ask, request } => Some((request, ask)),
        _ => None,
    });
    let (request, ask) = found.expect("the service is asked");
    (caller, request, ask)
}

fn answered(status: u16, body: &str) -> (Caller, Vec<Output>) {
    let (mut caller, _, ask) = asking();
    let out = caller
        .give(Input::LookedUp { ask, reply: Some(ServiceReply { status, body: Pii::new(body.into()) }) });
    (caller, out)
}

#[test]
fn a_service_is_asked_with_the_values_and_its_answer_is_told() {
    let (_, request, _) = asking();
    assert_eq!(request.url.reveal(), "http://x.example/123456");
    let (mut caller, out) = answered(200, BILL);
    assert_eq!(said(&out), "Your bill is 12 yuan 50.Is there anything else I can do for you?");
    assert_eq!(outcome(&caller.say("no")), Some(&Outcome::Goodbye));
}

#[test]
fn the_first_rule_that_fits_is_done_and_what_is_known_goes_with_the_call() {
    let (_, out) = answered(200, r#"{"amount": 500, "status": "paid"}"#);
    assert_eq!((queue(&out), said(&out).as_str()), (Some("money"), "That is a large bill."));
    let known = [
        ("account", "one two three, four five six"),
        ("due", "500 yuan"),
        ("status", "paid"),
        ("why", "owes 500 yuan"),
    ];
    assert_eq!(slots(&out), pairs(&known));
    let (_, out) = answered(200, r#"{"amount": 0, "status": "paid"}"#);
    let ticket = out.iter().find_map(|o| if let Output::Ticket(t) = o { Some(t) } else { None }).unwrap();
    assert_eq!((ticket.number, ticket.kind.as_str(), ticket.values.len()), (11, "refund", 4));
    assert!(said(&out).starts_with("Ticket one one."), "{}", said(&out));
}

#[test]
fn a_service_that_knows_nothing_fails_or_never_answers_has_its_own_way_on() {
    let (_, out) = answered(404, "");
    assert!(said(&out).starts_with("No such account."), "{}", said(&out));
    for (status, body) in [(500, BILL), (200, "nonsense")] {
        let (_, out) = answered(status, body);
        assert_eq!((queue(&out), said(&out).as_str()), (Some("money"), "I cannot see it."));
    }
    let (mut caller, ..) = asking();
    let out = caller.silence();
    assert_eq!(caller.now.ms(), 4400, "two tries of two seconds, and their pauses");
    assert_eq!(queue(&out), Some("money"));
    assert_eq!(slots(&out), pairs(&[("account", "one two three, four five six")]));
}

#[test]
fn while_a_service_is_asked_a_person_can_be_had_and_late_answers_change_nothing() {
    let (mut caller, _, ask) = asking();
    let until = caller.dialog.deadline();
    assert_eq!(said(&caller.say("hello are you there")), "Please hold.");
    assert_eq!(caller.dialog.deadline(), until);
    assert!(caller.give(Input::Key('5')).is_empty());
    assert_eq!(queue(&caller.say("agent")), Some("money"));
    assert!(caller.give(Input::LookedUp { ask, reply: None }).is_empty());
    let (mut caller, _, ask) = asking();
    assert!(
        caller.give(Input::LookedUp { ask: ask + 1, reply: None }).is_empty(),
        "an answer to something else"
    );
}
