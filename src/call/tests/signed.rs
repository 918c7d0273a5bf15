//! Callers' numbers that are signed (STIR/SHAKEN), and ours.

use super::trunks::named;
use super::world::{CALLER, PHONE, World, config, ended};
use super::*;
use crate::sip::{Attest, Forged, Signer, Trust, Verstat};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::time::Duration;

const URL: &str = "https://certs.example/ours.pem";
/// A trunk that wants identities, and one that is called and signed for.
const TRUNKS: &str = "country = \"86\"\nrequire_identity = true\n[stir]\ntrust = [\"ca.pem\"]\n\
    [[trunk]]\nname = \"out\"\nto = \"sip:out.example\"\ncountry = \"86\"\n\
    sign = { key = \"k.pem\", certificate = \"https://certs.example/ours.pem\", attest = \"B\" }\n\
    [[route]]\ntrunks = [\"out\"]\n";

/// A world that believes what the signer signs, and signs with it.
fn world() -> (World, Signer, Trust) {
    let params = || {
        let mut params = CertificateParams::new(vec!["us".into()]).unwrap();
        // The world begins in the first hour of 1970.
        params.not_before = rcgen::date_time_ymd(1970, 1, 1);
        params
    };
    let (mut params, own) = (params(), params());
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let own = own.signed_by(&key, &authority).unwrap();
    let signer = Signer::new(&key.serialize_pem(), URL).unwrap();
    let certificates = [(URL.to_owned(), vec![own.der().clone()])].into();
    let trust = Trust { authorities: vec![crate::sip::authority(authority.der()).unwrap()], certificates };
    let extra = "overflow = [{ after_s = 30, number = \"13912345678\" }]\n";
    let mut config = config(extra, TRUNKS);
    config.trust = Some(trust.clone());
    config.signers.insert("out".into(), signer.clone());
    let mut w = World::with_trunk(extra, TRUNKS);
    w.give(Input::Reload(Arc::new(config)));
    (w, signer, trust)
}

/// The world's time since 1970: its epoch and its clock.
fn unix(w: &World) -> Duration {
    Duration::from_millis(1_000_000 + w.now.0 / 1000)
}

fn sign(w: &mut World, signer: &Signer, caller: &str) {
    let identity = signer.identity(Attest::A, caller, "12345", unix(w));
    w.headers = vec![("Identity".to_owned(), identity)];
}

fn refused(w: &World) -> Option<u16> {
    w.log.iter().find_map(|o| match o {
        Output::TurnedAway { status, .. } => Some(*status),
        _ => None,
    })
}

#[test]
fn a_number_that_is_signed_is_known_to_the_record_and_the_agent() {
    let (mut w, signer, _) = world();
    sign(&mut w, &signer, "+8613800000000");
    w.register("1001");
    w.call();
    w.speak("我家停水了");
    let told = w.log.iter().any(|o| match o {
        Output::Sip(Sip::Invite { headers, .. }) => {
            headers.contains(&("X-Trunkline-Identity".to_owned(), "passed A".to_owned()))
        }
        _ => false,
    });
    assert!(told);
    w.event(ended(CALLER, EndCause::PeerHungUp));
    assert_eq!(w.record().identity, Some(Verstat::Passed(Attest::A)));
}

#[test]
fn a_number_that_is_not_is_refused_where_that_is_required() {
    let (mut w, ..) = world();
    w.dial("12345", PHONE);
    assert_eq!(refused(&w), Some(428));
    let (mut w, signer, _) = world();
    sign(&mut w, &signer, "+8613900000000");
    w.dial("12345", PHONE);
    assert_eq!(refused(&w), Some(Forged::Numbers.refusal().0));
    assert_eq!(w.switch.trunks()[0].refused.keys().collect::<Vec<_>>(), ["Invalid Identity Header"]);
}

#[test]
fn calls_out_are_signed_as_a_gateway_for_a_caller_s_number() {
    let (mut w, signer, trust) = world();
    sign(&mut w, &signer, "+8613800000000");
    w.call();
    w.speak("我家停水了");
    w.prompt_ends();
    w.later(31);
    assert_eq!(named(&w).unwrap().1, "sip:+8613912345678@out.example".replace("+86", ""));
    let identity = w.log.iter().rev().find_map(|o| match o {
        Output::Sip(Sip::Invite { headers, .. }) => {
            headers.iter().find(|(name, _)| name == "Identity").cloned()
        }
        _ => None,
    });
    let identity = identity.unwrap().1;
    let found = trust.verify(&[&identity], "+8613800000000", &["+8613912345678"], unix(&w));
    assert_eq!(found, Verstat::Passed(Attest::C));
}

#[test]
fn rules_are_told_what_a_signature_proves() {
    use crate::call::begin::proof;
    use crate::ivr::Proof;
    let told = [
        (None, Proof::default()),
        (Some(Verstat::Unsigned), Proof::unverified()),
        (Some(Verstat::Failed(Forged::Stale)), Proof::failed()),
        (Some(Verstat::Passed(Attest::B)), Proof::parse("verified B").unwrap()),
    ];
    for (verstat, expected) in told {
        assert_eq!(proof(verstat), expected, "{verstat:?}");
    }
}
