//! Trunks that are registered with and asked whether they are alive, and header fields that go on.

use super::trunks::named;
use super::world::{CALLER, PHONE, World, ended};
use super::*;
use crate::sip::{PeerId, Target};

/// A trunk to register with that is asked each minute, and one to call instead.
const TRUNKS: &str = "[[trunk]]\nname = \"a\"\nto = \"sip:a.example\"\nuser = \"u\"\npassword = { env = \"X\" }\n\
    register = true\noptions_s = 60\n[[trunk]]\nname = \"b\"\nto = \"sip:b.example\"\n\
    [[route]]\ntrunks = [\"a\", \"b\"]\n";

fn world(more: &str) -> World {
    let extra = "overflow = [{ after_s = 30, number = \"13912345678\" }]\n";
    World::with_trunk(extra, &format!("{more}{TRUNKS}"))
}

/// How often the trunk was asked.
fn asked(w: &World) -> usize {
    let options = |o: &&Output| matches!(o, Output::Sip(Sip::Options { peer: PeerId(0), .. }));
    w.log.iter().filter(options).count()
}

fn answers(w: &mut World, status: Option<u16>) {
    w.event(Event::Options { peer: PeerId(0), status });
}

/// The host that a waiting caller is sent to.
fn called(w: &mut World) -> String {
    w.call();
    w.speak("我家停水了");
    w.prompt_ends();
    w.later(31);
    named(w).unwrap().1.rsplit('@').next().unwrap().to_owned()
}

fn news(w: &World) -> Vec<TrunkNews> {
    let news = |o: &Output| match o {
        Output::Trunk { trunk, news } if trunk == "a" => Some(*news),
        _ => None,
    };
    w.log.iter().filter_map(news).collect()
}

#[test]
fn a_trunk_that_does_not_answer_is_called_after_the_others_until_it_does() {
    let mut w = world("");
    w.later(0);
    assert_eq!(asked(&w), 1);
    for status in [None, Some(503), None] {
        answers(&mut w, status);
        w.later(5);
    }
    assert_eq!(asked(&w), 3, "sooner while in doubt");
    assert_eq!(w.switch.trunks()[1].alive, Some(false));
    assert_eq!(called(&mut w), "b.example");
    let mut w = world("");
    w.later(0);
    for status in [None, None, None, Some(404), Some(200)] {
        answers(&mut w, status);
    }
    assert_eq!(news(&w), [TrunkNews::Down { status: None }, TrunkNews::Up]);
    assert_eq!(called(&mut w), "a.example", "whatever it answers, it is alive");
}

#[test]
fn it_is_registered_with_and_its_calls_are_its_own() {
    let mut w = world("");
    let registers = |o: &Output| match o {
        Output::Sip(Sip::Register { peer, registrar, user, .. }) => {
            Some((*peer, registrar.clone(), user.clone()))
        }
        _ => None,
    };
    let all: Vec<_> = w.log.iter().filter_map(registers).collect();
    assert_eq!(all, [(PeerId(0), Target::Name("sip:a.example".into()), "u".to_owned())]);
    w.event(Event::Registration { peer: PeerId(0), ok: true, status: 200 });
    assert_eq!(w.switch.trunks()[1].registered, Some((true, 200)));
    (w.remote, w.peer) = (([192, 0, 2, 1], 5060).into(), Some(PeerId(0)));
    w.dial("12345", PHONE);
    assert_eq!(w.switch.trunks()[1].inward, (1, 1));
    w.event(ended(CALLER, EndCause::PeerCancelled));
    w.give(Input::Drain);
    assert!(w.log.iter().any(|o| matches!(o, Output::Sip(Sip::Unregister { peer: PeerId(0) }))));
}

#[test]
fn header_fields_go_on_as_the_trunks_say() {
    let mut w =
        world("[trunk.headers]\npass = [\"X-*\"]\nstrip = [\"X-Secret\"]\nset = { \"X-Ours\" = \"1\" }\n");
    let field = |name: &str| (name.to_owned(), "7".to_owned());
    w.headers = vec![field("X-Account"), field("X-Secret"), field("Subject")];
    w.register("1001");
    w.call();
    w.speak("我家停水了");
    let to_agent = w.log.iter().rev().find_map(|o| match o {
        Output::Sip(Sip::Invite { headers, .. }) => Some(headers.clone()),
        _ => None,
    });
    let to_agent = to_agent.unwrap();
    let theirs: Vec<&str> =
        to_agent.iter().map(|(n, _)| n.as_str()).filter(|n| !n.starts_with("X-Trunkline")).collect();
    assert_eq!(theirs, ["X-Account"], "what is set is for calls over the trunk");
}
